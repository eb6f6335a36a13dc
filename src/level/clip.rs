//! Where to cut a row (or a layer) off, so that its levels come nearest to its weights.
//!
//! With the scale from the largest weight, one stray weight makes all levels coarse. With a smaller one, the weights above it saturate at the highest
//! level and the others come nearer. The limit is one of `max |w| k / 64`, `k = 64, 63, ..., 16`, the first whose `sum (t - q)^2` is least (`t` the
//! weight or its tanh, `q` the value of its level; double precision; another has to be better by a part in 10^9). No data are needed.

use super::kernel::{Cuts, max_abs};
use super::quantize::Quantizer;

/// Candidates: `k` from `STEPS` down.
const STEPS: usize = 64;
/// The last `k`.
const LAST: usize = 16;
/// Number of candidates.
pub const CANDIDATES: usize = STEPS - LAST + 1;
/// By how much another has to be better.
const BETTER: f64 = 1.0 - 1e-9;

/// The candidates for weights whose largest magnitude is `max`, the largest first.
fn candidates(max: f32) -> impl Iterator<Item = f32> {
    (LAST..=STEPS).rev().map(move |k| (f64::from(max) * k as f64 / STEPS as f64) as f32)
}

impl Quantizer {
    /// `sum (t - q)^2` of some weights for every candidate, `max` being the largest magnitude of all that share the limit.
    #[must_use]
    pub fn clip_errors(&self, weights: &[f32], max: f32) -> [f64; CANDIDATES] {
        let mut errors = [0.0; CANDIDATES];
        if max == 0.0 {
            return errors;
        }
        let (mut cuts, mut levels) = (Cuts::new(self.thresholds().len()), vec![0; weights.len()]);
        for (error, limit) in errors.iter_mut().zip(candidates(max)) {
            if limit == 0.0 {
                *error = f64::INFINITY;
                continue;
            }
            let scale = self.set_cuts(&mut cuts, limit);
            cuts.levels(weights, &mut levels);
            let square = |(w, l): (&f32, &i16)| (self.reparam().target(*w) - self.dequantize(*l, scale)).powi(2);
            *error = weights.iter().zip(&levels).map(square).sum();
        }
        errors
    }

    /// The limit of least error.
    #[must_use]
    pub fn best_limit(max: f32, errors: &[f64; CANDIDATES]) -> f32 {
        let mut best = (f64::INFINITY, max);
        for (&error, limit) in errors.iter().zip(candidates(max)) {
            if error < best.0 * BETTER {
                best = (error, limit);
            }
        }
        best.1
    }

    /// The limit of weights that share a scale.
    #[must_use]
    pub fn limit(&self, weights: &[f32]) -> f32 {
        let max = max_abs(weights);
        Self::best_limit(max, &self.clip_errors(weights, max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::{DeviceProfile, Reparam, ScaleMode};

    #[test]
    fn a_stray_weight_does_not_make_all_levels_coarse() {
        let device = DeviceProfile::load("elight", Some(3)).unwrap();
        let mut weights: Vec<f32> = (0..4000).map(|i| ((i * 37 % 101) as f32 - 50.0) / 100.0).collect();
        for reparam in [Reparam::None, Reparam::Tanh] {
            let quantizer = Quantizer::new(&device, reparam, ScaleMode::Row);
            let error = |weights: &[f32], limit: f32| {
                let clipped: Vec<f32> = weights.iter().map(|w| w.clamp(-limit, limit)).collect();
                let matrix = quantizer.quantize(1, weights.len(), &clipped);
                let mut q = vec![0.0; weights.len()];
                quantizer.dequantize_into(&matrix, &mut q);
                weights.iter().zip(q).map(|(w, q)| (reparam.target(*w) - f64::from(q)).powi(2)).sum::<f64>()
            };
            weights[7] = 1.5;
            let limit = quantizer.limit(&weights);
            assert!(limit < 0.8, "{limit}");
            // No candidate is better, as anybody would compute it.
            let best = error(&weights, limit);
            for limit in candidates(1.5) {
                assert!(best <= error(&weights, limit) * (1.0 + 1e-6));
            }
            assert!(best < 0.9 * error(&weights, 1.5), "{best} {}", error(&weights, 1.5));
        }
        let quantizer = Quantizer::new(&device, Reparam::None, ScaleMode::Row);
        assert_eq!(quantizer.limit(&[0.0, 0.0]), 0.0);
        // On the levels already: no limit is better than the largest weight.
        let on_grid: Vec<f32> = quantizer.unit_values().iter().map(|v| *v as f32 * 0.7).collect();
        assert_eq!(quantizer.limit(&on_grid), 0.7);
    }
}
