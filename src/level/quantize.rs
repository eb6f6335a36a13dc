//! Weights to signed levels of a device, and back to values.
//!
//! A device has transmissions `T[0] < ... < T[B]`. A weight `t` of a row (or layer) with `a = max |t|` wants the
//! transmission `u = T[0] + (T[B] - T[0]) |t| / a`, and takes the nearest that there is; half-way, the higher one. So the
//! midpoints `(T[k-1] + T[k]) / 2` decide everything: level `k` or more just when
//!
//! ```text
//! |t| >= a * (T[k-1] + T[k] - 2 T[0]) / (2 (T[B] - T[0]))
//! ```
//!
//! and no logarithm is needed. With `t = tanh(w)` the cut moves to weight space through `atanh`. For ELight's law
//! `T[L] = beta^(B-L)` this is its "nearer of floor and ceil of log_beta(u)".

use super::device::DeviceProfile;
use super::kernel::{Cuts, max_abs};
use super::matrix::{LevelMatrix, Scales};
use rayon::prelude::*;

/// Weights that one parallel task takes: large against the cost of a task, small against a layer.
const WEIGHTS_PER_TASK: usize = 1 << 15;

/// What is quantized: the weight, or a function of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reparam {
    /// `t = w`: weights as any framework stores them.
    #[default]
    None,
    /// `t = tanh(w)`: ELight trains so, and its networks multiply with the quantized `tanh(w)`.
    Tanh,
}

impl Reparam {
    /// `t`, the value that the levels stand for.
    #[must_use]
    pub fn target(self, w: f32) -> f64 {
        match self {
            Self::None => f64::from(w),
            Self::Tanh => f64::from(w).tanh(),
        }
    }
}

/// Over what the scale `a = max |t|` is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScaleMode {
    /// Each row has its own scale: finer, and free, since outputs are scaled digitally.
    #[default]
    Row,
    /// One scale for the layer: ELight.
    Layer,
}

/// Turns weights into levels of one device.
#[derive(Clone, Debug)]
pub struct Quantizer {
    reparam: Reparam,
    mode: ScaleMode,
    /// `T[k-1] + T[k] - 2 T[0]` for `k = 1..=B`: increasing, above 0.
    cut_numerators: Vec<f64>,
    /// `2 (T[B] - T[0])`.
    cut_denominator: f64,
    /// Midpoints of neighbouring transmissions, `B` of them.
    midpoints: Vec<f64>,
    /// `(T[L] - T[0]) / (T[B] - T[0])` for `L = 0..=B`: from 0 to 1.
    unit_values: Vec<f64>,
}

impl Quantizer {
    /// The quantizer of a device. Its cuts take `O(2^bits)` time and memory.
    #[must_use]
    pub fn new(device: &DeviceProfile, reparam: Reparam, mode: ScaleMode) -> Self {
        let above_dark: Vec<f64> = device.transmissions().iter().map(|t| t - device.transmission_of(0)).collect();
        let full = above_dark[above_dark.len() - 1];
        Self {
            reparam,
            mode,
            cut_numerators: above_dark.windows(2).map(|pair| pair[0] + pair[1]).collect(),
            cut_denominator: 2.0 * full,
            midpoints: device.transmissions().windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).collect(),
            unit_values: above_dark.iter().map(|t| t / full).collect(),
        }
    }

    /// The highest level `B = 2^bits - 1`.
    #[must_use]
    pub fn top_level(&self) -> i16 {
        // At most 255: fits.
        self.cut_numerators.len() as i16
    }

    /// What is quantized.
    #[must_use]
    pub fn reparam(&self) -> Reparam {
        self.reparam
    }

    /// Over what scales are taken.
    #[must_use]
    pub fn scale_mode(&self) -> ScaleMode {
        self.mode
    }

    /// Thresholds in transmission, `B` of them: level `k` or more just when `u >= thresholds()[k - 1]`.
    #[must_use]
    pub fn thresholds(&self) -> &[f64] {
        &self.midpoints
    }

    /// Thresholds of `|t| / a` in (0, 1), `B` of them, lowest level first.
    pub fn relative_thresholds(&self) -> impl ExactSizeIterator<Item = f64> + '_ {
        self.cut_numerators.iter().map(|numerator| numerator / self.cut_denominator)
    }

    /// Values of the levels `0..=B` for scale 1: from 0 to 1, increasing.
    #[must_use]
    pub fn unit_values(&self) -> &[f64] {
        &self.unit_values
    }

    /// The value of a signed level for scale 1, in [-1, 1]; a level out of range counts as the highest.
    #[must_use]
    pub fn unit_value(&self, level: i16) -> f64 {
        let index = usize::from(level.unsigned_abs()).min(self.unit_values.len() - 1);
        let value = self.unit_values[index];
        if level < 0 { -value } else { value }
    }

    /// The weight that a signed level stands for: `sign(level) scale (T[|level|] - T[0]) / (T[B] - T[0])`.
    #[must_use]
    pub fn dequantize(&self, level: i16, scale: f32) -> f64 {
        self.unit_value(level) * f64::from(scale)
    }

    /// Quantizes a layer, `weights` being `[rows, cols]` row-major.
    ///
    /// Weights that are not finite do not count for a scale; not-a-number gets level 0, infinity the highest.
    ///
    /// # Panics
    /// When `weights` are not `rows * cols`.
    #[must_use]
    pub fn quantize(&self, rows: usize, cols: usize, weights: &[f32]) -> LevelMatrix {
        let mut levels = vec![0; weights.len()];
        let scales = self.quantize_into(rows, cols, weights, &mut levels);
        LevelMatrix { rows, cols, levels, scales }
    }

    /// [`quantize`](Self::quantize) into a buffer of `rows * cols`, which is overwritten; returns the scales.
    ///
    /// # Panics
    /// When `weights` or `levels` are not `rows * cols`.
    pub fn quantize_into(&self, rows: usize, cols: usize, weights: &[f32], levels: &mut [i16]) -> Scales {
        check_shape(rows, cols, weights.len());
        check_shape(rows, cols, levels.len());
        match self.mode {
            ScaleMode::Layer => Scales::Layer(self.quantize_layer(weights, levels)),
            ScaleMode::Row => Scales::Rows(self.quantize_rows(rows, cols, weights, levels)),
        }
    }

    fn quantize_layer(&self, weights: &[f32], levels: &mut [i16]) -> f32 {
        let mut cuts = Cuts::new(self.cut_numerators.len());
        if weights.len() <= WEIGHTS_PER_TASK {
            return self.quantize_scaled(weights, levels, max_abs(weights), &mut cuts);
        }
        let max = weights.par_chunks(WEIGHTS_PER_TASK).map(max_abs).reduce(|| 0.0, f32::max);
        if max == 0.0 {
            levels.fill(0);
            return 0.0;
        }
        let scale = self.set_cuts(&mut cuts, max);
        weights
            .par_chunks(WEIGHTS_PER_TASK)
            .zip(levels.par_chunks_mut(WEIGHTS_PER_TASK))
            .for_each(|(weights, levels)| cuts.levels(weights, levels));
        scale
    }

    fn quantize_rows(&self, rows: usize, cols: usize, weights: &[f32], levels: &mut [i16]) -> Vec<f32> {
        let mut scales = vec![0.0; rows];
        if cols == 0 {
            return scales;
        }
        let rows_per_task = rows_per_task(cols);
        let some_rows = |weights: &[f32], levels: &mut [i16], scales: &mut [f32]| {
            let mut cuts = Cuts::new(self.cut_numerators.len());
            let rows = weights.chunks_exact(cols).zip(levels.chunks_exact_mut(cols)).zip(scales);
            for ((weights, levels), scale) in rows {
                *scale = self.quantize_scaled(weights, levels, max_abs(weights), &mut cuts);
            }
        };
        weights
            .par_chunks(rows_per_task * cols)
            .zip(levels.par_chunks_mut(rows_per_task * cols))
            .zip(scales.par_chunks_mut(rows_per_task))
            .for_each(|((weights, levels), scales)| some_rows(weights, levels, scales));
        scales
    }

    /// Quantizes weights that share a scale; `max` is their largest `|w|`. Returns the scale.
    fn quantize_scaled(&self, weights: &[f32], levels: &mut [i16], max: f32, cuts: &mut Cuts) -> f32 {
        if max == 0.0 {
            // Nothing but zeros (and perhaps what is not finite): no cut can be set.
            levels.fill(0);
            return 0.0;
        }
        let scale = self.set_cuts(cuts, max);
        cuts.levels(weights, levels);
        scale
    }

    /// Moves the cuts to the weights whose largest `|w|` is `max > 0`; returns their scale.
    pub(super) fn set_cuts(&self, cuts: &mut Cuts, max: f32) -> f32 {
        let a = self.reparam.target(max);
        // Multiplied before it is divided: a cut that is an exact number of single precision comes out exact.
        let cut = |k: usize| a * self.cut_numerators[k] / self.cut_denominator;
        match self.reparam {
            Reparam::None => cuts.set(max, cut),
            Reparam::Tanh => cuts.set(max, |k| cut(k).atanh()),
        }
        a as f32
    }

    /// The values of a layer's levels in single precision, `[rows, cols]`: what the core multiplies with.
    ///
    /// # Panics
    /// When `values` are not `rows * cols`, or the scales are not those of the rows.
    pub fn dequantize_into(&self, matrix: &LevelMatrix, values: &mut [f32]) {
        check_shape(matrix.rows, matrix.cols, values.len());
        if matrix.cols == 0 {
            return;
        }
        let rows_per_task = rows_per_task(matrix.cols);
        values.par_chunks_mut(rows_per_task * matrix.cols).enumerate().for_each(|(task, values)| {
            for (i, values) in values.chunks_exact_mut(matrix.cols).enumerate() {
                let row = task * rows_per_task + i;
                let scale = matrix.scales.of_row(row);
                for (value, &level) in values.iter_mut().zip(matrix.row(row)) {
                    *value = self.dequantize(level, scale) as f32;
                }
            }
        });
    }

    /// How far the levels are from what they stand for: `||t - q|| / ||t||` over the layer, Frobenius norms, with `t` the
    /// weight or its tanh and `q` the dequantized level. 0 for a layer of zeros. The sum has a fixed order.
    ///
    /// # Panics
    /// When `weights` are not the shape of `matrix`, or its scales are not those of the rows.
    #[must_use]
    pub fn relative_error(&self, weights: &[f32], matrix: &LevelMatrix) -> f64 {
        check_shape(matrix.rows, matrix.cols, weights.len());
        if matrix.cols == 0 {
            return 0.0;
        }
        let rows_per_task = rows_per_task(matrix.cols);
        let sums: Vec<[f64; 2]> = weights
            .par_chunks(rows_per_task * matrix.cols)
            .enumerate()
            .map(|(task, weights)| {
                let rows = weights.chunks_exact(matrix.cols).enumerate();
                rows.fold([0.0; 2], |sums, (i, weights)| {
                    let row = task * rows_per_task + i;
                    add(sums, self.squares(weights, matrix.row(row), matrix.scales.of_row(row)))
                })
            })
            .collect();
        let [error, norm] = sums.into_iter().fold([0.0; 2], add);
        if norm == 0.0 { 0.0 } else { (error / norm).sqrt() }
    }

    /// `[sum (t - q)^2, sum t^2]` of one row.
    fn squares(&self, weights: &[f32], levels: &[i16], scale: f32) -> [f64; 2] {
        match self.reparam {
            Reparam::None => self.squares_of(weights, levels, scale, |w| Reparam::None.target(w)),
            Reparam::Tanh => self.squares_of(weights, levels, scale, |w| Reparam::Tanh.target(w)),
        }
    }

    #[inline(always)]
    fn squares_of(&self, weights: &[f32], levels: &[i16], scale: f32, target: impl Fn(f32) -> f64) -> [f64; 2] {
        // Four sums, so that additions need not wait for one another.
        let mut sums = [[0.0f64; 2]; 4];
        for (weights, levels) in weights.chunks(4).zip(levels.chunks(4)) {
            for ((sum, &w), &level) in sums.iter_mut().zip(weights).zip(levels) {
                let t = target(w);
                let error = t - self.dequantize(level, scale);
                *sum = add(*sum, [error * error, t * t]);
            }
        }
        sums.into_iter().fold([0.0; 2], add)
    }
}

fn add(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0] + b[0], a[1] + b[1]]
}

/// Rows of `cols > 0` weights that one parallel task takes: at least 1.
fn rows_per_task(cols: usize) -> usize {
    WEIGHTS_PER_TASK.div_ceil(cols)
}

fn check_shape(rows: usize, cols: usize, len: usize) {
    assert!(rows.checked_mul(cols) == Some(len), "a {rows} x {cols} matrix cannot have {len} entries");
}
