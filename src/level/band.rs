//! Quantizing a layer band by band: a few rows at a time, while they are in the cache.
//!
//! What [`Quantizer::quantize`] does to a matrix in memory, for matrices that are better never in memory as a whole.

use super::kernel::{Cuts, max_abs};
use super::quantize::{Quantizer, Reparam};
use crate::simd::simd;

/// What a band has given besides its levels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Band {
    /// Scale of each row; with a layer's scale, that one for each.
    pub scales: Vec<f32>,
    /// `sum (t - q)^2`: how far the levels are from what they stand for.
    pub error: f64,
    /// `sum t^2`.
    pub norm: f64,
}

impl Quantizer {
    /// The largest finite `|w|`, from which a layer's scale follows.
    #[must_use]
    pub fn largest(weights: &[f32]) -> f32 {
        simd(
            #[inline(always)]
            || max_abs(weights),
        )
    }

    /// Quantizes rows of `cols` weights into `levels`; `layer_max`: the largest `|w|` of the layer where it has one scale,
    /// none where each row has its own.
    ///
    /// # Panics
    /// When `weights` and `levels` are not of one length, a multiple of `cols`.
    pub fn quantize_band(&self, cols: usize, weights: &[f32], levels: &mut [i16], layer_max: Option<f32>) -> Band {
        simd(
            #[inline(always)]
            || self.quantize_rows_of(cols, weights, levels, layer_max),
        )
    }

    #[inline(always)]
    fn quantize_rows_of(&self, cols: usize, weights: &[f32], levels: &mut [i16], layer_max: Option<f32>) -> Band {
        assert!(weights.len() == levels.len() && weights.len().is_multiple_of(cols.max(1)), "whole rows are expected");
        let mut band = Band::default();
        let mut cuts = Cuts::new(self.thresholds().len());
        let mut values = [0.0f32; 256];
        let mut scale = layer_max.map(|max| self.prepare(max, &mut cuts, &mut values));
        for (weights, levels) in weights.chunks_exact(cols.max(1)).zip(levels.chunks_exact_mut(cols.max(1))) {
            if layer_max.is_none() {
                scale = Some(self.prepare(max_abs(weights), &mut cuts, &mut values));
            }
            let scale = scale.unwrap_or_default();
            band.scales.push(scale);
            if scale == 0.0 {
                levels.fill(0);
                continue;
            }
            cuts.levels(weights, levels);
            let (error, norm) = match self.reparam() {
                Reparam::None => squares(weights, levels, &values, |w| w),
                Reparam::Tanh => squares(weights, levels, &values, |w| f64::from(w).tanh() as f32),
            };
            band.error += error;
            band.norm += norm;
        }
        band
    }

    /// Sets cuts and values for weights whose largest `|w|` is `max`; returns their scale.
    fn prepare(&self, max: f32, cuts: &mut Cuts, values: &mut [f32; 256]) -> f32 {
        if max == 0.0 {
            return 0.0;
        }
        let scale = self.set_cuts(cuts, max);
        for (value, unit) in values.iter_mut().zip(self.unit_values()) {
            *value = (unit * f64::from(scale)) as f32;
        }
        scale
    }
}

/// Weights whose squares are summed in single precision before they join the double: few enough for 5 digits, enough to vectorise.
const RUN: usize = 16;

/// `(sum (|t| - q)^2, sum t^2)` in a fixed order. Differences and squares are of single precision: a measure, not a result.
#[inline(always)]
fn squares(weights: &[f32], levels: &[i16], values: &[f32; 256], target: impl Fn(f32) -> f32) -> (f64, f64) {
    let (mut error, mut norm) = (0.0, 0.0);
    for (weights, levels) in weights.chunks(RUN).zip(levels.chunks(RUN)) {
        let (mut e, mut n) = (0.0f32, 0.0f32);
        for (&w, &level) in weights.iter().zip(levels) {
            let t = target(w).abs();
            let d = t - values[usize::from(level.unsigned_abs()) & 0xff];
            e += d * d;
            n += t * t;
        }
        error += f64::from(e);
        norm += f64::from(n);
    }
    (error, norm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::{DeviceProfile, ScaleMode};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bands_are_the_matrix(
            weights in prop::collection::vec(-3.0f32..3.0, 24),
            rows_a_band in 1usize..5,
            tanh in any::<bool>(),
            layer in any::<bool>(),
        ) {
            let reparam = if tanh { Reparam::Tanh } else { Reparam::None };
            let mode = if layer { ScaleMode::Layer } else { ScaleMode::Row };
            let device = DeviceProfile::preset("elight").unwrap();
            let quantizer = Quantizer::new(&device, reparam, mode);
            let whole = quantizer.quantize(4, 6, &weights);
            let max = layer.then(|| Quantizer::largest(&weights));
            let mut levels = vec![0; 24];
            let (mut error, mut norm, mut row) = (0.0, 0.0, 0);
            for (w, l) in weights.chunks(6 * rows_a_band).zip(levels.chunks_mut(6 * rows_a_band)) {
                let band = quantizer.quantize_band(6, w, l, max);
                for scale in band.scales {
                    prop_assert_eq!(scale, whole.scales.of_row(row));
                    row += 1;
                }
                error += band.error;
                norm += band.norm;
            }
            prop_assert_eq!(&levels, &whole.levels);
            prop_assert!(((error / norm).sqrt() - quantizer.relative_error(&weights, &whole)).abs() < 1e-5);
        }
    }
}
