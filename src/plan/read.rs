//! From a layer in the file to its levels, a band of rows at a time: the weights themselves are never in memory as a whole.

use rayon::prelude::*;

use crate::level::{LevelMatrix, Quantizer, ScaleMode, Scales};
use crate::weights::{Network, WeightsError};

/// Weights of a band, about: their floats and levels stay in the second-level cache.
const BAND: usize = 1 << 15;

/// Reads and quantizes a layer; returns its levels, and the relative error of its weights, `||t - q|| / ||t||`.
pub fn quantize(network: &Network, layer: usize, quantizer: &Quantizer) -> Result<(LevelMatrix, f64), WeightsError> {
    let info = &network.layers()[layer];
    let (rows, cols) = (info.rows, info.cols);
    let band_rows = BAND.div_ceil(cols);
    let bands = || (0..rows.div_ceil(band_rows)).into_par_iter();
    let band = |i: usize| i * band_rows..((i + 1) * band_rows).min(rows);

    let layer_max = match quantizer.scale_mode() {
        ScaleMode::Row => None,
        ScaleMode::Layer => {
            let largest = bands().map_init(Vec::new, |weights, i| {
                network.read_rows(layer, band(i), weights)?;
                Ok(Quantizer::largest(weights))
            });
            Some(largest.try_reduce(|| 0.0, |a, b| Ok(a.max(b)))?)
        }
    };
    let mut levels = vec![0; rows * cols];
    let done = levels.par_chunks_mut(band_rows * cols).enumerate().map_init(Vec::new, |weights, (i, levels)| {
        network.read_rows(layer, band(i), weights)?;
        Ok(quantizer.quantize_band(cols, weights, levels, layer_max))
    });
    // Collected, so that sums are taken in the order of the rows; of several bad weights the first is reported.
    let done: Vec<Result<_, WeightsError>> = done.collect();
    let (mut scales, mut error, mut norm) = (Vec::with_capacity(rows), 0.0, 0.0);
    for band in done {
        let band = band?;
        scales.extend(band.scales);
        error += band.error;
        norm += band.norm;
    }
    if let Some(limits) = network.limits(layer) {
        error += limits.lost_error;
        norm += limits.lost_norm;
    }
    let scales = match quantizer.scale_mode() {
        ScaleMode::Row => Scales::Rows(scales),
        ScaleMode::Layer => Scales::Layer(scales.first().copied().unwrap_or(0.0)),
    };
    let relative_error = if norm == 0.0 { 0.0 } else { (error / norm).sqrt() };
    Ok((LevelMatrix { rows, cols, levels, scales }, relative_error))
}
