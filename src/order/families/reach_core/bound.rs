//! Lower bounds for plans whose outputs may visit any core row (docs/trade.md, theorems 18 and 19).

use super::allot::Load;

/// Ascents of the bound on steps.
const ASCENTS: usize = 400;

/// Steps that no plan without writes can go below, whatever its cells hold and whoever visits them.
///
/// With `b_v` cells of level v a layer takes `N_v / b_v` steps at least, for each of its levels, and `least` in any case. So it takes at least any
/// weighted mean of these, and for given weights the cells that make the sum over the layers least are found exactly. Weights are chosen by ascent:
/// whichever they are, the bound holds.
#[must_use]
pub fn steps(loads: &[Load], cells: usize) -> u64 {
    let levels = loads.first().map_or(0, |load| load.weights.len());
    let least: u64 = loads.iter().map(|load| load.least).sum();
    let occur: Vec<bool> = (0..levels).map(|level| loads.iter().any(|load| load.weights[level] > 0)).collect();
    if occur.iter().filter(|occurs| **occurs).count() > cells {
        return least;
    }
    // Of each layer: the weight of each level's bound, and at last that of `least`.
    let mut means: Vec<Vec<f64>> = loads
        .iter()
        .map(|load| {
            let all = load.weights.iter().sum::<u64>().max(1) as f64;
            let mut mean: Vec<f64> = load.weights.iter().map(|&n| 0.5 * n as f64 / all).collect();
            mean.push(1.0 - mean.iter().sum::<f64>());
            mean
        })
        .collect();
    let mut best = least as f64;
    let mut demand = vec![0.0; levels];
    for ascent in 0..ASCENTS {
        demand.fill(0.0);
        let mut sum = 0.0;
        for (load, mean) in loads.iter().zip(&means) {
            sum += mean[levels] * load.least as f64;
            for ((demand, mean), &weights) in demand.iter_mut().zip(mean).zip(&load.weights) {
                *demand += mean * weights as f64;
            }
        }
        let share = cheapest_share(&demand, &occur, cells);
        sum += demand.iter().zip(&share).filter(|(_, cells)| **cells > 0).map(|(d, &b)| d / f64::from(b)).sum::<f64>();
        best = best.max(sum);
        // What binds in these cells gets more weight.
        let pace = 0.5 / (1.0 + ascent as f64 / 20.0);
        for (load, mean) in loads.iter().zip(&mut means) {
            let bound = |level: usize| match (load.weights.get(level), share.get(level)) {
                (Some(&weights), Some(&cells)) if cells > 0 => weights as f64 / f64::from(cells),
                (Some(_), _) => 0.0,
                _ => load.least as f64,
            };
            let most = (0..=levels).map(bound).fold(1.0, f64::max);
            for (level, mean) in mean.iter_mut().enumerate() {
                *mean *= 1.0 + pace * (bound(level) / most * 8.0 - 7.0).max(-0.9);
            }
            let all: f64 = mean.iter().sum();
            mean.iter_mut().for_each(|mean| *mean /= all);
        }
    }
    // Rounded so that no error of the sums can make it too large.
    (best * (1.0 - 1e-9)).ceil().max(least as f64) as u64
}

/// Whole numbers of cells, one at least for each level that occurs, for the least `sum of demand / cells`: each further cell goes where it saves
/// most, which is exact as each level saves less with every cell.
fn cheapest_share(demand: &[f64], occur: &[bool], cells: usize) -> Vec<u32> {
    let mut share: Vec<u32> = occur.iter().map(|&occurs| occurs.into()).collect();
    let saves = |level: usize, cells: u32| demand[level] / (f64::from(cells) * f64::from(cells + 1));
    let mut heap: std::collections::BinaryHeap<Saving> = (0..demand.len())
        .filter(|&level| occur[level])
        .map(|level| Saving { saves: saves(level, share[level]), level })
        .collect();
    for _ in share.iter().sum::<u32>()..cells as u32 {
        let Some(mut most) = heap.pop() else { break };
        share[most.level] += 1;
        most.saves = saves(most.level, share[most.level]);
        heap.push(most);
    }
    share
}

/// What one more cell saves.
#[derive(PartialEq)]
struct Saving {
    saves: f64,
    level: usize,
}

impl Eq for Saving {}

impl Ord for Saving {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.saves.total_cmp(&other.saves).then(other.level.cmp(&self.level))
    }
}

impl PartialOrd for Saving {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Writes of an inference that no plan with so many steps in each layer can go below, whichever cells it uses: `loads` with the steps, and
/// `signed`: the level of each index, ascending.
///
/// In some step of a layer at least `ceil(N(>h) / T)` cells are above gap h, in some step at least `ceil(N(<=h) / T)` are below. From the highest such
/// step of the inference to the lowest one and back every gap is crossed twice by the difference.
#[must_use]
pub fn writes(loads: &[(Load, u32)], signed: &[i16], cells: usize) -> u64 {
    let (Some(&lowest), Some(&highest)) = (signed.first(), signed.last()) else { return 0 };
    let mut total = 0;
    for gap in lowest..highest {
        let (mut above, mut below) = (0, 0);
        for (load, steps) in loads {
            let count = |over: bool| -> u64 {
                let of = signed.iter().zip(&load.weights).filter(|(level, _)| (**level > gap) == over);
                of.map(|(_, &n)| n).sum()
            };
            let steps = u64::from(*steps).max(1);
            above = above.max(count(true).div_ceil(steps));
            below = below.max(count(false).div_ceil(steps));
        }
        total += 2 * (above + below).saturating_sub(cells as u64);
    }
    total
}
