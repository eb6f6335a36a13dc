//! `quantile`: one profile of levels for all sorted rows of a layer.
//!
//! When any weight of a row may sit in any lane (fanout cell, reach row), the best order sorts a row and gives each of the
//! core's `C` lanes one chunk of it. A cell then sweeps the levels of its chunk, and from row to row it moves by the
//! difference of their chunks. Both vanish when every row has the same sorted levels and each chunk holds a single level.
//! So the loss pulls the level of every weight to that of its chunk:
//!
//! ```text
//! L = mean (Y_k - m_chunk(k))^2 / B^2 over all weights,  k = rank of the weight in its row,  chunk(k) = floor(k C / n)
//! m_chunk = mean over all rows and all weights of the chunk, rounded to a level that a cell can hold
//! ```
//!
//! Ranks follow the weights' levels, within a level their values (to 1/1024 of the range): moving a weight only as far as its
//! neighbours in rank changes nothing else, so the sort is differentiated by keeping the ranks. Time `O(weights)`.

use crate::level::LevelMatrix;
use rayon::prelude::*;

/// Bins of a weight's value within the layer's range.
const BINS: usize = 1024;

/// A layer's loss against its profile.
pub struct Quantile {
    cols: usize,
    /// Chunk of every weight.
    chunk_of: Vec<u16>,
    /// Level of every chunk.
    profile: Vec<f32>,
    /// B.
    top: f64,
    /// Number of weights.
    n: f64,
}

impl Quantile {
    /// Ranks all weights and forms the profile; `lanes` are the core's columns.
    pub fn new(levels: &LevelMatrix, top: i16, lanes: usize, w: &[f32]) -> Self {
        let cols = levels.cols;
        let lanes = lanes.min(cols);
        let max = w.par_chunks(cols).map(|w| w.iter().fold(0.0f32, |m, w| m.max(w.abs()))).reduce(|| 0.0, f32::max);
        let mut chunk_of = vec![0u16; levels.levels.len()];
        let sums: Vec<Vec<(i64, i64)>> = chunk_of
            .par_chunks_mut(cols)
            .zip(w.par_chunks(cols))
            .enumerate()
            .map_init(Vec::new, |places, (o, (chunk_of, w))| {
                let row = levels.row(o);
                rank(row, w, max, top, lanes, places, chunk_of);
                let mut sums = vec![(0i64, 0i64); lanes];
                for (chunk, level) in chunk_of.iter().zip(row) {
                    let s = &mut sums[usize::from(*chunk)];
                    *s = (s.0 + i64::from(*level), s.1 + 1);
                }
                sums
            })
            .collect();
        // Whole numbers: the order of the sum does not matter.
        let mean = |c: usize| {
            let (sum, count) = sums.iter().fold((0, 0), |a, s| (a.0 + s[c].0, a.1 + s[c].1));
            (sum as f64 / count.max(1) as f64).round() as f32
        };
        let profile = (0..lanes).map(mean).collect();
        Self { cols, chunk_of, profile, top: f64::from(top), n: levels.levels.len() as f64 }
    }

    /// Writes `dL/dY` of a row to `g`, and returns the row's part of the loss.
    pub fn row(&self, row: usize, levels: &[i16], g: &mut [f32]) -> f64 {
        let scale = (2.0 / (self.top * self.n)) as f32;
        let mut sum = 0.0f32;
        let chunk_of = &self.chunk_of[row * self.cols..(row + 1) * self.cols];
        for ((g, chunk), level) in g.iter_mut().zip(chunk_of).zip(levels) {
            let d = f32::from(*level) - self.profile[usize::from(*chunk)];
            // Squares of whole numbers: exact while below 2^24, close above.
            sum += d * d;
            *g = scale * d;
        }
        f64::from(sum) / (self.top * self.top) / self.n
    }
}

/// The chunk of every weight of a row, by counting sort. A weight's key is its value's bin plus its level: both grow with
/// the weight, so equal keys have equal levels, and keys sort levels exactly.
fn rank(levels: &[i16], w: &[f32], max: f32, top: i16, lanes: usize, next: &mut Vec<u32>, chunk_of: &mut [u16]) {
    let scale = if max > 0.0 { (BINS / 2 - 1) as f32 / max } else { 0.0 };
    let key = |level: i16, w: f32| {
        let bin = (w * scale) as i32 + (BINS / 2) as i32; // truncation towards zero keeps the order
        (bin + i32::from(level) + i32::from(top)) as usize
    };
    next.clear();
    next.resize(BINS + 2 * top as usize + 2, 0);
    for (level, w) in levels.iter().zip(w) {
        next[key(*level, *w) + 1] += 1;
    }
    for k in 1..next.len() {
        next[k] += next[k - 1];
    }
    // floor(place * lanes / n) for place = 0, 1, ..., without a division for each weight.
    let chunk_at: Vec<u16> = (0..levels.len()).map(|k| (k * lanes / levels.len()) as u16).collect();
    for ((chunk, level), w) in chunk_of.iter_mut().zip(levels).zip(w) {
        let place = &mut next[key(*level, *w)];
        *chunk = chunk_at[*place as usize];
        *place += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::Scales;
    use crate::nn::gradcheck::noise;

    /// By the definition: sort each row, cut it, average, round, compare.
    fn naive(levels: &LevelMatrix, top: f64, lanes: usize) -> f64 {
        let chunk = |k: usize| k * lanes / levels.cols;
        let rows: Vec<Vec<i16>> = (0..levels.rows)
            .map(|o| {
                let mut r = levels.row(o).to_vec();
                r.sort_unstable();
                r
            })
            .collect();
        let mut mean = vec![(0.0, 0.0); lanes];
        for row in &rows {
            for (k, level) in row.iter().enumerate() {
                mean[chunk(k)].0 += f64::from(*level);
                mean[chunk(k)].1 += 1.0;
            }
        }
        let mut loss = 0.0;
        for row in &rows {
            for (k, level) in row.iter().enumerate() {
                let (sum, n) = mean[chunk(k)];
                loss += (f64::from(*level) - (sum / n as f64).round()).powi(2);
            }
        }
        loss / top / top / levels.levels.len() as f64
    }

    #[test]
    fn equals_the_definition() {
        for (rows, cols, lanes) in [(6, 50, 9), (3, 8, 64), (5, 64, 64), (4, 130, 16)] {
            let mut w = vec![0.0; rows * cols];
            noise(&mut w, 1.0, 3);
            let levels = LevelMatrix {
                rows,
                cols,
                levels: w.iter().map(|w| (w * 15.0) as i16).collect(),
                scales: Scales::Layer(1.0),
            };
            let mut g = vec![0.0; cols];
            let q = Quantile::new(&levels, 15, lanes, &w);
            let got: f64 = (0..rows).map(|o| q.row(o, levels.row(o), &mut g)).sum();
            let want = naive(&levels, 15.0, lanes.min(cols));
            assert!((got - want).abs() < 1e-12, "{rows}x{cols}/{lanes}: {got} instead of {want}");
        }
    }

    #[test]
    fn equal_profiles_cost_nothing() {
        // Every row a permutation of the same levels, four of each, four lanes.
        let levels: Vec<i16> = (0..48).map(|i| [-5, 0, 2, 9][(i * 7 + i / 16) % 4]).collect();
        let w: Vec<f32> = levels.iter().map(|l| f32::from(*l) / 10.0).collect();
        let m = LevelMatrix { rows: 3, cols: 16, levels, scales: Scales::Layer(1.0) };
        let q = Quantile::new(&m, 15, 4, &w);
        let mut g = vec![1.0; 16];
        for o in 0..3 {
            assert_eq!(q.row(o, m.row(o), &mut g), 0.0);
            assert!(g.iter().all(|g| *g == 0.0));
        }
    }
}
