//! ELight's difference losses: tiles of the core's size against a reference tile, which is not differentiated.
//!
//! A matrix element `(o, c)` lies in cell `(o mod R, c mod C)` of tile `(o / R, c / C)`. So the tiles of a tile row compare
//! elements of one matrix row that are `C` columns apart, and only the global mean also compares rows, `R` apart.
//!
//! ```text
//! l1:  mean |Y - ref| over all N weights, Y = level / B
//! l2:  mean (Y - ref)^2 over the 2 N cells of the plus and minus arrays
//! ```

use super::{Core, Method};
use crate::level::LevelMatrix;
use rayon::prelude::*;

#[derive(Clone, Copy, PartialEq)]
enum Against {
    Row,
    Global,
    Neighbour,
}

/// Reference levels of one row of cells: the signed level for l1, plus and minus apart for l2.
#[derive(Clone, Default)]
struct Reference {
    both: Vec<f32>,
    plus: Vec<f32>,
    minus: Vec<f32>,
}

/// Means over some matrix rows, per cell column.
fn means<'a>(rows: impl Iterator<Item = &'a [i16]>, columns: usize) -> Reference {
    let (mut plus, mut minus, mut count) = (vec![0i32; columns], vec![0i32; columns], vec![0i32; columns]);
    for row in rows {
        for tile in row.chunks(columns) {
            for (k, level) in tile.iter().enumerate() {
                plus[k] += i32::from((*level).max(0));
                minus[k] += i32::from((*level).min(0));
                count[k] += 1;
            }
        }
    }
    // Sums are exact, and so is the mean whenever it is a level: |Y - ref| has the right sign.
    let mean = |sum: i32, n: i32| sum as f32 / n.max(1) as f32;
    Reference {
        both: (0..columns).map(|k| mean(plus[k] + minus[k], count[k])).collect(),
        plus: (0..columns).map(|k| mean(plus[k], count[k])).collect(),
        minus: (0..columns).map(|k| mean(minus[k], count[k])).collect(),
    }
}

/// Writes `dL/dY` to `g` and returns the loss. `top` is B.
pub fn gradient(method: Method, levels: &LevelMatrix, top: f32, core: Core, w: &[f32], g: &mut [f32]) -> f64 {
    let (squared, against) = match method {
        Method::L1Row => (false, Against::Row),
        Method::L1Global => (false, Against::Global),
        Method::L1Neighbour => (false, Against::Neighbour),
        Method::L2Global => (true, Against::Global),
        Method::L2Neighbour => (true, Against::Neighbour),
        Method::L2Row | Method::Quantile => (true, Against::Row),
    };
    let (cols, n) = (levels.cols, levels.levels.len() as f64);
    let columns = core.columns.min(cols);
    let global: Vec<Reference> = if against == Against::Global {
        let classes = core.rows.min(levels.rows);
        let class = |r: usize| means((r..levels.rows).step_by(core.rows).map(|o| levels.row(o)), columns);
        (0..classes).into_par_iter().map(class).collect()
    } else {
        Vec::new()
    };
    let losses: Vec<f64> = g
        .par_chunks_mut(cols)
        .zip(w.par_chunks(cols))
        .enumerate()
        .map(|(o, (g, w))| {
            let row = levels.row(o);
            let own;
            let reference = match against {
                Against::Global => &global[o % core.rows],
                _ => {
                    own = means(std::iter::once(row), columns);
                    &own
                }
            };
            row_gradient(squared, against == Against::Neighbour, row, w, reference, top, n as f32, g)
        })
        .collect();
    losses.iter().sum::<f64>() / n
}

/// One row; returns its part of the loss, times N.
#[allow(clippy::too_many_arguments)] // one inner loop, nothing to gain from a bundle
fn row_gradient(
    squared: bool,
    neighbour: bool,
    row: &[i16],
    w: &[f32],
    reference: &Reference,
    top: f32,
    n: f32,
    g: &mut [f32],
) -> f64 {
    let columns = reference.both.len();
    let mut previous = reference.clone();
    let mut sums = vec![0.0f32; columns];
    for ((row, w), g) in row.chunks(columns).zip(w.chunks(columns)).zip(g.chunks_mut(columns)) {
        let refs = previous.both.iter().zip(&previous.plus).zip(&previous.minus).zip(&mut sums);
        for (((level, w), g), (((both, plus), minus), sum)) in row.iter().zip(w).zip(g).zip(refs) {
            let y = f32::from(*level);
            if squared {
                let (dplus, dminus) = (y.max(0.0) - plus, y.min(0.0) - minus);
                *sum += dplus * dplus + dminus * dminus;
                // The gradient of the array that the weight's sign makes active.
                *g = if *w < 0.0 { dminus } else { dplus } / (top * n);
            } else {
                let d = y - both;
                *sum += d.abs();
                *g = if d == 0.0 { 0.0 } else { d.signum() / n };
            }
        }
        if neighbour {
            for (k, level) in row.iter().enumerate() {
                let y = f32::from(*level);
                (previous.both[k], previous.plus[k], previous.minus[k]) = (y, y.max(0.0), y.min(0.0));
            }
        }
    }
    let sum: f64 = sums.iter().map(|s| f64::from(*s)).sum();
    if squared { sum / f64::from(top * top) / 2.0 } else { sum / f64::from(top) }
}
