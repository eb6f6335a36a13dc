//! The levels of a layer that leave its outputs as they are, as nearly as the levels allow.
//!
//! With `C` the covariance of the layer's inputs and `w` a row, the error of the row's output (but for its mean, which a bias or a batch
//! norm corrects) has the variance `e C e'`, `e = w - q`. It is made small in two moves:
//!
//! 1. *One weight after the other, errors handed on.* With `C = U D U'`, U unit upper triangular, the variance is
//!    `sum_k D_k (e_k + sum_{j<k} e_j U_jk)^2`. So weight k is rounded to the level nearest to `w_k + sum_{j<k} e_j U_jk`, which makes up
//!    for the errors of those before it. Weights of loud inputs come first.
//! 2. *Descent.* Single weights move a level up or down as long as the variance falls; between sweeps the scale is fitted to the levels.
//!
//! Both are run for several scales, and the best result of each row (or of the layer, with one scale for it) is kept. At least one weight of each
//! row (of the layer) stays at the highest level: so the largest weight of the result is its scale, and whoever quantizes the result again gets
//! these levels.

use rayon::prelude::*;

use elight::level::{LevelMatrix, Quantizer, ScaleMode, Scales};

/// Scales that are tried, in units of the largest weight.
const SCALES: [f64; 15] = [1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.66, 0.62, 0.58, 0.54, 0.5, 0.45, 0.4, 1.05];
/// Columns from which on only every third scale is tried.
const MANY_COLUMNS: usize = 1024;
/// Sweeps of the descent between two fits of the scale, and how often the scale is fitted.
const SWEEPS: usize = 6;
const FITS: usize = 3;
/// A move that gains less than this part of the row's variance is rounding.
const LEAST_GAIN: f64 = 1e-9;

/// A positive definite matrix, factored as `U D U'`.
#[derive(Debug)]
pub struct Factored {
    n: usize,
    matrix: Vec<f64>,
    /// Row k holds column k of `U`: `U_jk` for `j < k`.
    upper: Vec<f64>,
    diagonal: Vec<f64>,
}

impl Factored {
    /// Factors an `n x n` matrix; `O(n^3 / 3)`.
    #[must_use]
    pub fn new(n: usize, matrix: Vec<f64>) -> Self {
        let mut rest = matrix.clone();
        let (mut upper, mut diagonal) = (vec![0.0; n * n], vec![0.0; n]);
        for k in (0..n).rev() {
            // Above zero, but for rounding.
            let d = rest[k * n + k].max(f64::MIN_POSITIVE);
            diagonal[k] = d;
            let column: Vec<f64> = rest[k * n..k * n + k].iter().map(|v| v / d).collect();
            // Of the rest only the lower triangle is kept up to date.
            let update = |(i, row): (usize, &mut [f64])| {
                let f = column[i] * d;
                row[..=i].iter_mut().zip(&column).for_each(|(r, c)| *r -= f * c);
            };
            if k > 256 {
                rest[..k * n].par_chunks_mut(n).enumerate().for_each(update);
            } else {
                rest[..k * n].chunks_mut(n).enumerate().for_each(update);
            }
            upper[k * n..k * n + k].copy_from_slice(&column);
        }
        Self { n, matrix, upper, diagonal }
    }

    /// `x` with `x M = b`.
    #[must_use]
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let n = self.n;
        let mut x = b.to_vec();
        for k in (0..n).rev() {
            let z = x[k];
            x[..k].iter_mut().zip(&self.upper[k * n..]).for_each(|(x, u)| *x -= u * z);
        }
        x.iter_mut().zip(&self.diagonal).for_each(|(x, d)| *x /= d);
        for k in 0..n {
            x[k] -= dot(&x[..k], &self.upper[k * n..k * n + k]);
        }
        x
    }

    fn row(&self, k: usize) -> &[f64] {
        &self.matrix[k * self.n..(k + 1) * self.n]
    }

    /// `M v`.
    fn times(&self, v: &[f64]) -> Vec<f64> {
        self.matrix.chunks(self.n.max(1)).map(|row| dot(row, v)).collect()
    }
}

/// A sum in a fixed order, eight at a time.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        sums.iter_mut().zip(a).zip(b).for_each(|((s, a), b)| *s += a * b);
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

/// The levels as values for scale 1, and how to find the nearest.
struct Grid {
    cuts: Vec<f64>,
    units: Vec<f64>,
}

impl Grid {
    fn value(&self, level: i16) -> f64 {
        let v = self.units[usize::from(level.unsigned_abs())];
        if level < 0 { -v } else { v }
    }

    fn nearest(&self, u: f64) -> i16 {
        let level = self.cuts.partition_point(|cut| u.abs() >= *cut) as i16;
        if u < 0.0 { -level } else { level }
    }

    fn top(&self) -> i16 {
        self.cuts.len() as i16
    }
}

/// A row on its way to levels.
#[derive(Clone)]
struct Row {
    levels: Vec<i16>,
    scale: f64,
    /// `w - q`.
    error: Vec<f64>,
    /// `M e`.
    gradient: Vec<f64>,
    /// Whether a weight must stay at the highest level.
    keep_top: bool,
}

impl Row {
    /// First move: rounded one after the other at this scale.
    fn rounded(w: &[f64], scale: f64, keep_top: bool, f: &Factored, grid: &Grid) -> Self {
        let n = w.len();
        let (mut levels, mut error) = (vec![0i16; n], vec![0.0; n]);
        for k in 0..n {
            let wanted = w[k] + dot(&error[..k], &f.upper[k * n..k * n + k]);
            levels[k] = grid.nearest(wanted / scale);
            error[k] = w[k] - scale * grid.value(levels[k]);
        }
        let gradient = f.times(&error);
        let mut row = Self { levels, scale, error, gradient, keep_top };
        if keep_top && row.tops(grid) == 0 {
            row.force_top(w, f, grid);
        }
        row
    }

    fn variance(&self) -> f64 {
        dot(&self.error, &self.gradient)
    }

    fn tops(&self, grid: &Grid) -> usize {
        self.levels.iter().filter(|l| l.abs() == grid.top()).count()
    }

    /// What the variance changes by when weight k goes to a level.
    fn change(&self, k: usize, level: i16, f: &Factored, grid: &Grid) -> f64 {
        let step = self.scale * (grid.value(level) - grid.value(self.levels[k]));
        step * (step * f.row(k)[k] - 2.0 * self.gradient[k])
    }

    fn set(&mut self, k: usize, level: i16, f: &Factored, grid: &Grid) {
        let step = self.scale * (grid.value(level) - grid.value(self.levels[k]));
        self.levels[k] = level;
        self.error[k] -= step;
        self.gradient.iter_mut().zip(f.row(k)).for_each(|(g, m)| *g -= step * m);
    }

    /// Brings the weight to the highest level for which it costs least.
    fn force_top(&mut self, w: &[f64], f: &Factored, grid: &Grid) {
        let top = |k: usize| if w[k] < 0.0 { -grid.top() } else { grid.top() };
        let cost = |k: &usize| self.change(*k, top(*k), f, grid);
        if let Some(k) = (0..w.len()).min_by(|a, b| cost(a).total_cmp(&cost(b))) {
            self.set(k, top(k), f, grid);
        }
    }

    /// Second move: single weights a level up or down.
    fn descend(&mut self, f: &Factored, grid: &Grid) {
        let mut tops = self.tops(grid);
        for _ in 0..SWEEPS {
            let least = -LEAST_GAIN * self.variance();
            let mut moved = false;
            for k in 0..self.levels.len() {
                let at = self.levels[k];
                if self.keep_top && tops == 1 && at.abs() == grid.top() {
                    continue;
                }
                let candidates = [at - 1, at + 1].into_iter().filter(|l| l.abs() <= grid.top());
                let best = candidates
                    .map(|l| (self.change(k, l, f, grid), l))
                    .min_by(|a, b| a.0.total_cmp(&b.0))
                    .filter(|(change, _)| *change < least);
                if let Some((_, level)) = best {
                    self.set(k, level, f, grid);
                    moved = true;
                    tops = tops + usize::from(level.abs() == grid.top()) - usize::from(at.abs() == grid.top());
                }
            }
            if !moved {
                break;
            }
        }
    }

    /// `(u M w', u M u')` with `u` the levels for scale 1: their quotient is the best scale for these levels.
    fn fit(&self, mw: &[f64], grid: &Grid) -> (f64, f64) {
        let u: Vec<f64> = self.levels.iter().map(|l| grid.value(*l)).collect();
        // M q = M w - M e
        let mq: Vec<f64> = mw.iter().zip(&self.gradient).map(|(w, e)| w - e).collect();
        (dot(&u, mw), dot(&u, &mq) / self.scale)
    }

    fn rescale(&mut self, scale: f64, w: &[f64], mw: &[f64], grid: &Grid) {
        let factor = scale / self.scale;
        for ((e, l), w) in self.error.iter_mut().zip(&self.levels).zip(w) {
            *e = w - scale * grid.value(*l);
        }
        for (g, mw) in self.gradient.iter_mut().zip(mw) {
            *g = mw - factor * (mw - *g);
        }
        self.scale = scale;
    }
}

/// The levels of a layer: `weights` are `[rows, cols]`, `covariance` is that of the inputs of a row, `cols x cols`, positive definite
/// (one for each group of rows). The result's scales are single-precision numbers, and the highest level is taken as said above.
#[must_use]
pub fn levels(
    quantizer: &Quantizer,
    mode: ScaleMode,
    cols: usize,
    weights: &[f64],
    covariances: &[Vec<f64>],
) -> LevelMatrix {
    let grid = Grid { cuts: quantizer.relative_thresholds().collect(), units: quantizer.unit_values().to_vec() };
    let rows = weights.len() / cols.max(1);
    let per_group = (rows / covariances.len().max(1)).max(1);
    // Weights of loud inputs first.
    let orders: Vec<Vec<usize>> = covariances
        .iter()
        .map(|c| {
            let mut order: Vec<usize> = (0..cols).collect();
            order.sort_by(|a, b| c[b * cols + b].total_cmp(&c[a * cols + a]));
            order
        })
        .collect();
    let factored: Vec<Factored> = covariances
        .iter()
        .zip(&orders)
        .map(|(c, order)| {
            let permuted = order.iter().flat_map(|i| order.iter().map(move |j| c[i * cols + j])).collect();
            Factored::new(cols, permuted)
        })
        .collect();
    let permuted: Vec<Vec<f64>> = weights
        .chunks(cols.max(1))
        .enumerate()
        .map(|(r, w)| orders[r / per_group].iter().map(|i| w[*i]).collect())
        .collect();
    let largest: Vec<f64> = permuted.iter().map(|w| w.iter().fold(0.0, |m: f64, v| m.max(v.abs()))).collect();
    let scales = || SCALES.iter().step_by(if cols > MANY_COLUMNS { 3 } else { 1 });
    let of = |r: usize| &factored[r / per_group];
    let done: Vec<Option<Row>> = match mode {
        ScaleMode::Row => (0..rows)
            .into_par_iter()
            .map(|r| {
                let (w, f) = (&permuted[r], of(r));
                let mw = f.times(w);
                let tried = scales().map(|s| {
                    let mut row = Row::rounded(w, s * largest[r], true, f, &grid);
                    for _ in 0..FITS {
                        row.descend(f, &grid);
                        let (wanted, have) = row.fit(&mw, &grid);
                        if wanted > 0.0 && have > 0.0 {
                            row.rescale(single(wanted / have), w, &mw, &grid);
                        }
                    }
                    row.descend(f, &grid);
                    row
                });
                if largest[r] == 0.0 { None } else { tried.min_by(|a, b| a.variance().total_cmp(&b.variance())) }
            })
            .collect(),
        ScaleMode::Layer => one_scale(&permuted, &largest, scales(), of, &grid),
    };
    let mut levels = vec![0i16; rows * cols];
    for (r, row) in done.iter().enumerate() {
        if let Some(row) = row {
            for (i, l) in orders[r / per_group].iter().zip(&row.levels) {
                levels[r * cols + i] = *l;
            }
        }
    }
    let scale_of = |row: &Option<Row>| row.as_ref().map_or(0.0, |r| r.scale as f32);
    let scales = match mode {
        ScaleMode::Row => Scales::Rows(done.iter().map(scale_of).collect()),
        ScaleMode::Layer => Scales::Layer(done.iter().map(scale_of).fold(0.0, f32::max)),
    };
    LevelMatrix { rows, cols, levels, scales }
}

/// All rows with one scale.
fn one_scale<'a>(
    weights: &[Vec<f64>],
    largest: &[f64],
    scales: impl Iterator<Item = &'a f64>,
    of: impl Fn(usize) -> &'a Factored + Sync,
    grid: &Grid,
) -> Vec<Option<Row>> {
    let max = largest.iter().copied().fold(0.0, f64::max);
    if max == 0.0 {
        return vec![None; weights.len()];
    }
    // The row of the largest weight answers for the highest level.
    let first = largest.iter().position(|l| *l == max);
    let rows = || (0..weights.len()).into_par_iter();
    let tried = scales.map(|s| {
        let scale = single(s * max);
        let one = |r: usize| {
            let mut row = Row::rounded(&weights[r], scale, Some(r) == first, of(r), grid);
            row.descend(of(r), grid);
            row
        };
        let done: Vec<Row> = rows().map(one).collect();
        (done.iter().map(Row::variance).sum::<f64>(), done)
    });
    let Some((_, mut done)) = tried.min_by(|a, b| a.0.total_cmp(&b.0)) else { return Vec::new() };
    let mw: Vec<Vec<f64>> = rows().map(|r| of(r).times(&weights[r])).collect();
    for _ in 0..FITS {
        let sums = done.iter().zip(&mw).map(|(row, mw)| row.fit(mw, grid));
        let (wanted, have) = sums.fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d));
        if wanted <= 0.0 || have <= 0.0 {
            break;
        }
        let scale = single(wanted / have);
        done.par_iter_mut().enumerate().for_each(|(r, row)| {
            row.rescale(scale, &weights[r], &mw[r], grid);
            row.descend(of(r), grid);
        });
    }
    done.into_iter().map(Some).collect()
}

/// Rounded to single precision: files keep no more.
fn single(x: f64) -> f64 {
    f64::from(x as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use elight::level::{DeviceProfile, Reparam};
    use rand::Rng;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    /// Random numbers, and the covariance of correlated inputs.
    fn problem(rows: usize, n: usize) -> (Vec<f64>, Vec<f64>) {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut number = || f64::from(rng.next_u32()) / f64::from(u32::MAX) - 0.5;
        let weights = (0..rows * n).map(|_| number() + number() + number()).collect();
        let x: Vec<f64> = (0..4 * n * n).map(|i| number() + 0.5 * ((i / n % 7) as f64 - 3.0)).collect();
        let mut c = vec![0.0; n * n];
        for v in x.chunks(n) {
            for i in 0..n {
                for j in 0..n {
                    c[i * n + j] += v[i] * v[j] / (4 * n) as f64;
                }
            }
        }
        (0..n).for_each(|i| c[i * n + i] += 0.01);
        (weights, c)
    }

    fn variance(w: &[f64], q: &[f64], c: &[f64]) -> f64 {
        let e: Vec<f64> = w.iter().zip(q).map(|(w, q)| w - q).collect();
        c.chunks(e.len()).zip(&e).map(|(row, e_i)| e_i * dot(row, &e)).sum()
    }

    #[test]
    fn factors_and_solves() {
        let n = 9;
        let (w, c) = problem(1, n);
        let f = Factored::new(n, c.clone());
        for i in 0..n {
            for j in 0..n {
                let u = |r: usize, k: usize| if r == k { 1.0 } else { f.upper[k * n + r] };
                let product: f64 = (i.max(j)..n).map(|k| u(i, k) * f.diagonal[k] * u(j, k)).sum();
                assert!((product - c[i * n + j]).abs() < 1e-9);
            }
        }
        let x = f.solve(&w);
        assert!(f.times(&x).iter().zip(&w).all(|(a, b)| (a - b).abs() < 1e-9));
    }

    /// Against rounding each weight by itself: far less variance; and the result quantizes to itself.
    #[test]
    fn beats_rounding_and_stays_on_the_grid() {
        let (rows, n) = (6, 24);
        let (w, c) = problem(rows, n);
        let single: Vec<f32> = w.iter().map(|w| *w as f32).collect();
        for mode in [ScaleMode::Row, ScaleMode::Layer] {
            for bits in [2, 4] {
                let device = DeviceProfile::load("elight", Some(bits)).unwrap();
                let quantizer = Quantizer::new(&device, Reparam::None, mode);
                let found = levels(&quantizer, mode, n, &w, std::slice::from_ref(&c));
                let plain = quantizer.quantize(rows, n, &single);
                let total = |m: &LevelMatrix| {
                    let mut q = vec![0.0f32; rows * n];
                    quantizer.dequantize_into(m, &mut q);
                    let q: Vec<f64> = q.iter().map(|q| f64::from(*q)).collect();
                    w.chunks(n).zip(q.chunks(n)).map(|(w, q)| variance(w, q, &c)).sum::<f64>()
                };
                assert!(total(&found) < 0.5 * total(&plain), "{mode:?} {bits}: {} {}", total(&found), total(&plain));
                let mut values = vec![0.0; rows * n];
                quantizer.dequantize_into(&found, &mut values);
                assert_eq!(quantizer.quantize(rows, n, &values), found, "{mode:?} {bits}");
            }
        }
    }
}
