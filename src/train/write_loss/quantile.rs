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

use crate::nn::par::simd;
use elight::level::LevelMatrix;
use rayon::prelude::*;

/// Bins of a weight's value within the layer's range.
const BINS: usize = 1024;

/// A layer's loss against its profile.
pub struct Quantile {
    /// Level that the weight of each rank is pulled to.
    target: Vec<f32>,
    /// Keys per weight's value; the range's half is `BINS / 2 - 1` of them.
    bins_per_unit: f32,
    /// B.
    top: f32,
    /// Number of weights.
    n: f64,
}

/// What ranking a row needs, to be used again for the next one.
#[derive(Default)]
pub struct Scratch {
    keys: Vec<u16>,
    next: Vec<u32>,
}

impl Quantile {
    /// Forms the profile; `lanes` are the core's columns.
    pub fn new(levels: &LevelMatrix, top: i16, lanes: usize, w: &[f32]) -> Self {
        let (rows, cols) = (levels.rows, levels.cols);
        let lanes = lanes.min(cols);
        let max = w.par_chunks(cols).map(|w| w.iter().fold(0.0f32, |m, w| m.max(w.abs()))).reduce(|| 0.0, f32::max);
        // For the profile, a row is known by how often it has each level.
        let sums: Vec<Vec<i64>> =
            (0..rows).into_par_iter().map(|o| chunk_sums(&counts(levels.row(o), top), top, cols, lanes)).collect();
        // Whole numbers: the order of the sum does not matter.
        let chunk_len = |c: usize| (((c + 1) * cols).div_ceil(lanes) - (c * cols).div_ceil(lanes)) as f64;
        let mean = |c: usize| (sums.iter().map(|s| s[c]).sum::<i64>() as f64 / rows as f64 / chunk_len(c)).round();
        let profile: Vec<f32> = (0..lanes).map(|c| mean(c) as f32).collect();
        Self {
            target: (0..cols).map(|k| profile[k * lanes / cols]).collect(),
            bins_per_unit: if max > 0.0 { (BINS / 2 - 1) as f32 / max } else { 0.0 },
            top: f32::from(top),
            n: levels.levels.len() as f64,
        }
    }

    /// Writes `dL/dY` of a row to `g`, and returns the row's part of the loss.
    ///
    /// Ranks come from a counting sort. A weight's key is its value's bin plus its level: both grow with the weight, so equal
    /// keys have equal levels, and keys sort levels exactly.
    pub fn row(&self, levels: &[i16], w: &[f32], g: &mut [f32], scratch: &mut Scratch) -> f64 {
        let Scratch { keys, next } = scratch;
        keys.resize(w.len(), 0);
        simd(|| form_keys(levels, w, self.bins_per_unit, self.top as i16, keys));
        next.clear();
        next.resize(BINS + 2 * self.top as usize + 2, 0);
        for key in &*keys {
            next[usize::from(*key) + 1] += 1;
        }
        let mut before = 0;
        for n in next.iter_mut() {
            before += *n;
            *n = before;
        }
        for (g, key) in g.iter_mut().zip(&*keys) {
            let rank = &mut next[usize::from(*key)];
            *g = self.target[*rank as usize];
            *rank += 1;
        }
        let n = self.n;
        let sum = simd(|| deviations(levels, (2.0 / (f64::from(self.top) * n)) as f32, g));
        sum / f64::from(self.top * self.top) / n
    }
}

#[inline(always)]
fn form_keys(levels: &[i16], w: &[f32], bins_per_unit: f32, top: i16, keys: &mut [u16]) {
    let middle = (BINS / 2) as i32 + i32::from(top);
    for ((key, level), w) in keys.iter_mut().zip(levels).zip(w) {
        // Truncation towards zero keeps the order.
        *key = ((w * bins_per_unit) as i32 + i32::from(*level) + middle) as u16;
    }
}

/// Replaces targets by gradients; returns the sum of the squared differences.
#[inline(always)]
fn deviations(levels: &[i16], scale: f32, g: &mut [f32]) -> f64 {
    for (g, level) in g.iter_mut().zip(levels) {
        *g = f32::from(*level) - *g;
    }
    let (blocks, rest) = g.as_chunks::<8>();
    let mut sums = [0.0f32; 8];
    for block in blocks {
        sums.iter_mut().zip(block).for_each(|(s, d)| *s += d * d);
    }
    let sum = sums.iter().copied().chain(rest.iter().map(|d| d * d)).map(f64::from).sum();
    g.iter_mut().for_each(|g| *g *= scale);
    sum
}

/// How often each level from -B to B occurs.
fn counts(levels: &[i16], top: i16) -> Vec<u32> {
    let mut counts = vec![0; 2 * top as usize + 1];
    for level in levels {
        counts[(level + top) as usize] += 1;
    }
    counts
}

/// Sums of the sorted levels in each chunk.
fn chunk_sums(counts: &[u32], top: i16, cols: usize, lanes: usize) -> Vec<i64> {
    let mut sums = vec![0i64; lanes];
    let mut rank = 0;
    for (k, count) in counts.iter().enumerate() {
        let (level, end) = (k as i64 - i64::from(top), rank + *count as usize);
        while rank < end {
            let chunk = rank * lanes / cols;
            // The chunk's last rank is below ceil((chunk + 1) cols / lanes).
            let n = end.min(((chunk + 1) * cols).div_ceil(lanes)) - rank;
            sums[chunk] += level * n as i64;
            rank += n;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::gradcheck::noise;
    use elight::level::Scales;

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
                let (sum, n): (f64, f64) = mean[chunk(k)];
                loss += (f64::from(*level) - (sum / n).round()).powi(2);
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
            let row = |o: usize| &w[o * cols..(o + 1) * cols];
            let mut scratch = Scratch::default();
            let got: f64 = (0..rows).map(|o| q.row(levels.row(o), row(o), &mut g, &mut scratch)).sum();
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
            assert_eq!(q.row(m.row(o), &w[o * 16..(o + 1) * 16], &mut g, &mut Scratch::default()), 0.0);
            assert!(g.iter().all(|g| *g == 0.0));
        }
    }
}
