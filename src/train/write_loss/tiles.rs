//! ELight's difference losses: tiles of the core's size against a reference tile, which is not differentiated.
//!
//! A matrix element `(o, c)` lies in cell `(o mod R, c mod C)` of tile `(o / R, c / C)`. So the tiles of a tile row compare
//! elements of one matrix row that are `C` columns apart, and only the global mean also compares rows, `R` apart.
//!
//! ```text
//! l1:  mean |Y - ref| over all N weights, Y = level / B
//! l2:  mean (Y - ref)^2 over the 2 N cells of the plus and minus arrays
//! ```

use super::method::{Core, Method};
use crate::nn::par::simd;
use elight::level::LevelMatrix;
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
            simd(|| add_levels(tile, &mut plus, &mut minus));
            count[..tile.len()].iter_mut().for_each(|n| *n += 1);
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

/// Adds the levels of a row of cells to the sums of both arrays.
#[inline(always)]
fn add_levels(tile: &[i16], plus: &mut [i32], minus: &mut [i32]) {
    for ((level, plus), minus) in tile.iter().zip(plus).zip(minus) {
        *plus += i32::from((*level).max(0));
        *minus += i32::from((*level).min(0));
    }
}

/// A layer's loss against its reference tiles.
pub struct Tiles {
    squared: bool,
    against: Against,
    /// Reference rows by core row, for the global mean.
    global: Vec<Reference>,
    columns: usize,
    /// B.
    top: f32,
    /// Number of weights.
    n: f32,
}

impl Tiles {
    /// Forms the layer's mean where it is needed.
    pub fn new(method: Method, levels: &LevelMatrix, top: i16, core: Core) -> Self {
        let (squared, against) = match method {
            Method::L1Row => (false, Against::Row),
            Method::L1Global => (false, Against::Global),
            Method::L1Neighbour => (false, Against::Neighbour),
            Method::L2Global => (true, Against::Global),
            Method::L2Neighbour => (true, Against::Neighbour),
            Method::L2Row | Method::Quantile | Method::Tour => (true, Against::Row),
        };
        let columns = core.columns.min(levels.cols);
        let class = |r: usize| means((r..levels.rows).step_by(core.rows).map(|o| levels.row(o)), columns);
        let classes = if against == Against::Global { core.rows.min(levels.rows) } else { 0 };
        let global = (0..classes).into_par_iter().map(class).collect();
        Self { squared, against, global, columns, top: f32::from(top), n: levels.levels.len() as f32 }
    }

    /// Writes `dL/dY` of a row to `g`, and returns the row's part of the loss.
    pub fn row(&self, row: usize, levels: &[i16], w: &[f32], g: &mut [f32]) -> f64 {
        let own = || means(std::iter::once(levels), self.columns);
        let mut reference = match self.against {
            Against::Global => self.global[row % self.global.len().max(1)].clone(),
            Against::Row | Against::Neighbour => own(),
        };
        let (per_tile, mut sums) = (self.columns, vec![0.0f32; self.columns]);
        let (squares, signs) = (1.0 / (self.top * self.n), 1.0 / self.n);
        for ((levels, w), g) in levels.chunks(per_tile).zip(w.chunks(per_tile)).zip(g.chunks_mut(per_tile)) {
            if self.squared {
                simd(|| squared(levels, w, &reference, squares, g, &mut sums));
            } else {
                simd(|| magnitudes(levels, &reference, signs, g, &mut sums));
            }
            if self.against == Against::Neighbour {
                for (k, level) in levels.iter().enumerate() {
                    let y = f32::from(*level);
                    (reference.both[k], reference.plus[k], reference.minus[k]) = (y, y.max(0.0), y.min(0.0));
                }
            }
        }
        let sum: f64 = sums.iter().map(|s| f64::from(*s)).sum();
        let (top, n) = (f64::from(self.top), f64::from(self.n));
        if self.squared { sum / (top * top) / 2.0 / n } else { sum / top / n }
    }
}

/// `(Y - ref)^2` of both arrays; the gradient is that of the array which the weight's sign makes active.
#[inline(always)]
fn squared(levels: &[i16], w: &[f32], r: &Reference, scale: f32, g: &mut [f32], sums: &mut [f32]) {
    let refs = r.plus.iter().zip(&r.minus).zip(sums);
    for (((level, w), g), ((plus, minus), sum)) in levels.iter().zip(w).zip(g).zip(refs) {
        let y = f32::from(*level);
        let (dplus, dminus) = (y.max(0.0) - plus, y.min(0.0) - minus);
        *sum += dplus * dplus + dminus * dminus;
        *g = scale * if *w < 0.0 { dminus } else { dplus };
    }
}

/// `|Y - ref|` of the signed level.
#[inline(always)]
fn magnitudes(levels: &[i16], r: &Reference, scale: f32, g: &mut [f32], sums: &mut [f32]) {
    for (((level, g), both), sum) in levels.iter().zip(g).zip(&r.both).zip(sums) {
        let d = f32::from(*level) - both;
        *sum += d.abs();
        *g = if d == 0.0 { 0.0 } else { scale.copysign(d) };
    }
}
