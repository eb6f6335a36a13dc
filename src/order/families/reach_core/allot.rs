//! How many cells of the core each level should have, before anything is known of core rows.

use super::demand::{Demand, Levels};

/// What a layer needs whatever its core rows hold.
#[derive(Clone, Debug)]
pub struct Load {
    /// Weights at each level.
    pub weights: Vec<u64>,
    /// Steps that its outputs need in any case.
    pub least: u64,
}

impl Load {
    /// Of a layer.
    #[must_use]
    pub fn of(layer: &Demand, levels: &Levels, core_rows: usize, columns: usize) -> Self {
        let visits: u64 = (0..layer.outputs()).map(|output| layer.least_visits(output, columns)).sum();
        Self { weights: layer.totals(levels.len()), least: visits.div_ceil(core_rows as u64).max(1) }
    }

    /// Steps with so many cells at each level.
    #[must_use]
    pub fn steps(&self, cells: &[u32]) -> f64 {
        let of = |(&weights, &cells): (&u64, &u32)| {
            if weights == 0 { 0.0 } else { weights as f64 / f64::from(cells) }
        };
        self.weights.iter().zip(cells).map(of).fold(self.least as f64, f64::max)
    }
}

/// Cells for each level, so that the layers' steps come to little: a heuristic. Each level gets one at least; `None` when there are too few.
#[must_use]
pub fn allot(loads: &[Load], levels: usize, cells: usize) -> Option<Vec<u32>> {
    if levels == 0 || levels > cells {
        return None;
    }
    let total = |share: &[u32]| loads.iter().map(|load| load.steps(share)).sum::<f64>();
    let weights: Vec<u64> = (0..levels).map(|level| loads.iter().map(|load| load.weights[level]).sum()).collect();
    let mut share = vec![1; levels];
    for _ in levels..cells {
        let busiest = (0..levels)
            .max_by(|&a, &b| (weights[a] * u64::from(share[b])).cmp(&(weights[b] * u64::from(share[a]))))
            .unwrap_or(0);
        share[busiest] += 1;
    }
    // Cells move from one level to another while that helps, many at first.
    let mut best = total(&share);
    let mut stride = (cells / levels / 4).max(1) as u32;
    loop {
        let mut moved = false;
        for from in 0..levels {
            for to in 0..levels {
                if from == to || share[from] <= stride {
                    continue;
                }
                share[from] -= stride;
                share[to] += stride;
                let now = total(&share);
                if now < best - 1e-9 {
                    best = now;
                    moved = true;
                } else {
                    share[from] += stride;
                    share[to] -= stride;
                }
            }
        }
        if !moved {
            if stride == 1 {
                return Some(share);
            }
            stride /= 2;
        }
    }
}
