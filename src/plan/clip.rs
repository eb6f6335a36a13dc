//! Limits of all rows of a network, chosen before it is planned ([`crate::level`]'s `clip`).

use rayon::prelude::*;

use crate::level::{Quantizer, ScaleMode};
use crate::weights::{Limits, Network, WeightsError};

/// Rows that are read together, about as many weights.
const BAND: usize = 1 << 15;

/// Sets the limits of least error: from then on the network's weights are read cut off at them.
///
/// # Errors
/// Weights that cannot be read.
pub fn calibrate(network: &mut Network, quantizer: &Quantizer) -> Result<(), WeightsError> {
    let limits = (0..network.layers().len()).map(|layer| of_layer(network, layer, quantizer));
    let limits = limits.collect::<Result<Vec<_>, _>>()?;
    network.limit(limits);
    Ok(())
}

fn of_layer(network: &Network, layer: usize, quantizer: &Quantizer) -> Result<Limits, WeightsError> {
    let info = &network.layers()[layer];
    let (rows, cols) = (info.rows, info.cols);
    let band_rows = BAND.div_ceil(cols);
    let bands: Vec<_> = (0..rows).step_by(band_rows).map(|first| first..(first + band_rows).min(rows)).collect();
    let read = |weights: &mut Vec<f32>, band: &std::ops::Range<usize>| network.read_rows(layer, band.clone(), weights);
    let limits = match quantizer.scale_mode() {
        ScaleMode::Row => {
            let of_band = |weights: &mut Vec<f32>, band| {
                read(weights, band)?;
                Ok(weights.chunks(cols.max(1)).map(|row| quantizer.limit(row)).collect::<Vec<_>>())
            };
            let found: Vec<_> = bands.par_iter().map_init(Vec::new, of_band).collect::<Result<_, WeightsError>>()?;
            found.concat()
        }
        ScaleMode::Layer => {
            let largest = bands.par_iter().map_init(Vec::new, |weights, band| {
                read(weights, band)?;
                Ok::<f32, WeightsError>(Quantizer::largest(weights))
            });
            let max = largest.try_reduce(|| 0.0, |a, b| Ok(a.max(b)))?;
            let errors = bands.par_iter().map_init(Vec::new, |weights, band| {
                read(weights, band)?;
                Ok(quantizer.clip_errors(weights, max))
            });
            // Collected, so that sums are taken in the order of the rows.
            let errors: Vec<_> = errors.collect::<Result<_, WeightsError>>()?;
            let mut sums = [0.0; crate::level::CANDIDATES];
            for errors in errors {
                sums.iter_mut().zip(errors).for_each(|(s, e)| *s += e);
            }
            vec![Quantizer::best_limit(max, &sums); rows]
        }
    };
    // What the planner's figure of the error does not see once the weights are cut off.
    let mut lost = [0.0; 2];
    let mut weights = Vec::new();
    for band in bands {
        read(&mut weights, &band)?;
        for (row, limit) in weights.chunks(cols.max(1)).zip(&limits[band]) {
            let end = quantizer.reparam().target(*limit);
            for w in row.iter().filter(|w| w.abs() > *limit) {
                let t = quantizer.reparam().target(w.abs());
                lost = [lost[0] + (t - end).powi(2), lost[1] + t * t - end * end];
            }
        }
    }
    Ok(Limits { rows: limits, lost_error: lost[0], lost_norm: lost[1] })
}
