//! Products step by step: what the core adds up in light is one partial sum, what comes behind the converter is digital.

use rayon::prelude::*;

use super::converter::Adc;
use elight::cells::recording::{LayerRecord, UNPLACED};
use elight_train::nn::par::simd;
use elight_train::nn::product::Extent;
use elight_train::nn::{Ctx, Tensor};

/// Output pixels that are computed side by side.
const PIXELS: usize = 32;

/// A layer's weights, row by row in the order of the steps, within a step in the order of the lanes.
#[derive(Clone, Debug)]
pub struct StepProgram {
    rows: Vec<RowSteps>,
    cols: usize,
    groups: usize,
}

#[derive(Clone, Debug)]
struct RowSteps {
    /// Column and weight for scale 1.
    weights: Vec<(u32, f32)>,
    /// Ends of the steps in `weights`.
    ends: Vec<u32>,
    /// What the digital sum is multiplied by.
    scale: f32,
}

impl StepProgram {
    /// From a recording and the weights for scale 1; `gain` multiplies all outputs.
    #[must_use]
    pub fn new(layer: &LayerRecord, unit: &[f64], gain: f32) -> Self {
        let cols = layer.cols.max(1);
        let rows = layer.placements.par_chunks(cols).zip(unit.par_chunks(cols)).enumerate().map(|(r, (row, unit))| {
            let mut placed: Vec<u32> = (0..row.len() as u32).filter(|c| row[*c as usize] != UNPLACED).collect();
            placed.sort_unstable_by_key(|&c| (row[c as usize].step, row[c as usize].cell));
            // Each core row has a converter of its own: an output that visits several in one step is added up behind them.
            let read = |c: u32| (row[c as usize].step, row[c as usize].cell / layer.core_cols.max(1) as u32);
            let ends = (0..placed.len())
                .filter(|&i| placed.get(i + 1).is_none_or(|&next| read(next) != read(placed[i])))
                .map(|i| i as u32 + 1)
                .collect();
            let weights = placed.iter().map(|&c| (c, unit[c as usize] as f32)).collect();
            RowSteps { weights, ends, scale: layer.scales[r] * gain }
        });
        Self { rows: rows.collect(), cols: layer.cols, groups: layer.groups }
    }

    /// The weights, scaled, `[rows, cols]`.
    #[must_use]
    pub fn weights(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.rows.len() * self.cols];
        for (row, out) in self.rows.iter().zip(out.chunks_mut(self.cols.max(1))) {
            row.weights.iter().for_each(|&(c, w)| out[c as usize] = w * row.scale);
        }
        out
    }

    /// `y = x w`, every partial sum through the converter.
    #[must_use]
    pub fn multiply(&self, extent: &Extent, x: Tensor, adc: Option<Adc>, ctx: &mut Ctx) -> Tensor {
        // The shape was checked when the model was built.
        let mut y = ctx.tensor(extent.out_shape(x.shape).unwrap_or_default());
        let rows = self.rows.len().max(1);
        y.data.par_chunks_mut(PIXELS * rows).enumerate().for_each_init(Vec::new, |vectors, (i, y)| {
            let n = y.len() / rows;
            extent.vectors(&x, i * PIXELS..i * PIXELS + n, vectors);
            simd(|| self.block(vectors, n, adc, y));
        });
        ctx.give(x.data);
        y
    }

    /// The largest partial sum, as a magnitude.
    #[must_use]
    pub fn largest(&self, extent: &Extent, x: &Tensor) -> f32 {
        let pixels = extent.out_shape(x.shape).unwrap_or_default().pixels();
        let blocks = (0..pixels.div_ceil(PIXELS)).into_par_iter();
        blocks
            .map_init(Vec::new, |vectors, i| {
                let pixels = i * PIXELS..((i + 1) * PIXELS).min(pixels);
                extent.vectors(x, pixels.clone(), vectors);
                let mut largest = 0.0;
                for (r, row) in self.rows.iter().enumerate() {
                    let inputs = self.inputs(vectors, r, pixels.len());
                    row.sums(inputs, pixels.len(), |sums| {
                        largest = sums.iter().fold(largest, |m: f32, s| m.max(s.abs()));
                    });
                }
                largest
            })
            .reduce(|| 0.0, f32::max)
    }

    /// The part of the input vectors that a row reads.
    #[inline(always)]
    fn inputs<'a>(&self, vectors: &'a [f32], row: usize, n: usize) -> &'a [f32] {
        &vectors[row / (self.rows.len() / self.groups).max(1) * self.cols * n..]
    }

    #[inline(always)]
    fn block(&self, vectors: &[f32], n: usize, adc: Option<Adc>, y: &mut [f32]) {
        let rows = self.rows.len();
        for (r, row) in self.rows.iter().enumerate() {
            let mut total = [0.0f32; PIXELS];
            row.sums(self.inputs(vectors, r, n), n, |sums| match adc {
                Some(adc) => total.iter_mut().zip(sums).for_each(|(t, s)| *t += adc.convert(*s)),
                None => total.iter_mut().zip(sums).for_each(|(t, s)| *t += s),
            });
            for (y, t) in y[r..].iter_mut().step_by(rows).zip(&total[..n]) {
                *y = t * row.scale;
            }
        }
    }
}

impl RowSteps {
    /// Calls `f` with the partial sums of each step: of `PIXELS` pixels, the first `n` of them meant.
    #[inline(always)]
    fn sums(&self, vectors: &[f32], n: usize, mut f: impl FnMut(&[f32; PIXELS])) {
        let mut from = 0;
        for &end in &self.ends {
            let mut sums = [0.0f32; PIXELS];
            for &(c, w) in &self.weights[from..end as usize] {
                let x = &vectors[c as usize * n..][..n];
                if let Ok(x) = <&[f32; PIXELS]>::try_from(x) {
                    sums.iter_mut().zip(x).for_each(|(s, x)| *s += w * x);
                } else {
                    sums.iter_mut().zip(x).for_each(|(s, x)| *s += w * x);
                }
            }
            f(&sums);
            from = end as usize;
        }
    }
}
