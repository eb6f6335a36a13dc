//! Limits of least error, found the slow way: section "Cutting off" of docs/device-model.md, by code of its own.

use super::asked::Options;
use super::levels::{Levels, Own};
use crate::level::{DeviceProfile, ScaleMode};
use crate::weights::{Limits, Network, WeightsError};

/// The limits of every row of every layer, for a network that is not limited yet.
///
/// # Errors
/// Weights that cannot be read.
pub fn limits(network: &Network, device: &DeviceProfile, options: &Options) -> Result<Vec<Limits>, WeightsError> {
    let levels = Levels::new(device, options.reparam);
    (0..network.layers().len())
        .map(|layer| {
            let matrix = network.read(layer)?;
            let rows = match options.scale {
                ScaleMode::Layer => vec![limit(&levels, &matrix.data); matrix.rows],
                ScaleMode::Row => matrix.data.chunks(matrix.cols.max(1)).map(|row| limit(&levels, row)).collect(),
            };
            Ok(Limits { rows, lost_error: 0.0, lost_norm: 0.0 })
        })
        .collect()
}

/// The limit of weights that share it.
fn limit(levels: &Levels, weights: &[f32]) -> f32 {
    let max = weights.iter().fold(0.0f32, |max, w| max.max(w.abs()));
    let mut best = (f64::INFINITY, max);
    let mut own: Vec<Own> = Vec::new();
    for k in (16..=64u8).rev() {
        let candidate = (f64::from(max) * f64::from(k) / 64.0) as f32;
        if candidate == 0.0 {
            break;
        }
        let cut: Vec<f32> = weights.iter().map(|w| w.clamp(-candidate, candidate)).collect();
        let scale = levels.scale(&[candidate]);
        levels.derive(&cut, scale, &mut own);
        let error: f64 =
            weights.iter().zip(&own).map(|(w, own)| (levels.magnitude(*w) - levels.value(*own, scale)).powi(2)).sum();
        if error < best.0 * (1.0 - 1e-9) {
            best = (error, candidate);
        }
    }
    best.1
}
