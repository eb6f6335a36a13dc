//! The figures of a simulation: one home for the table, the JSON and whoever else shows them.

use std::path::PathBuf;

use serde::Serialize;

use elight::cells::noise::NoiseModel;

/// Top-1 of some images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Images answered correctly.
    pub correct: usize,
    /// Images.
    pub images: usize,
    /// Part answered correctly, percent.
    pub top1_percent: f64,
    /// Mean cross entropy.
    pub cross_entropy: f64,
}

impl From<elight_train::nn::loss::Score> for Score {
    fn from(s: elight_train::nn::loss::Score) -> Self {
        let n = s.samples.max(1) as f64;
        Self {
            correct: s.correct,
            images: s.samples,
            top1_percent: 100.0 * s.correct as f64 / n,
            cross_entropy: s.loss / n,
        }
    }
}

/// One layer alone on the core, all others in floating point.
#[derive(Clone, Debug, Serialize)]
pub struct LayerOutcome {
    /// The tensor's name.
    pub name: String,
    /// `||w_core - w|| / ||w||`, with the weights that the core multiplies with.
    pub relative_weight_error: f64,
    /// Score of the network with this layer alone on the core.
    pub alone: Option<Score>,
    /// Cross entropy that it costs.
    pub cross_entropy_lost: Option<f64>,
}

/// How the fast path was proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Proof {
    /// Images stepped through the firmware's decoder and core.
    pub images: usize,
    /// Outputs compared.
    pub outputs: u64,
    /// Largest difference, in units of the layer's largest output.
    pub largest_difference: f64,
    /// Outputs that the firmware's core computed in integers, all equal to the quantized matrix times the inputs.
    pub integer_outputs: u64,
}

/// What a simulation has found.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Version of this report.
    pub version: u32,
    /// The schedule.
    pub schedule: PathBuf,
    /// The weights.
    pub weights: PathBuf,
    /// Architecture.
    pub model: String,
    /// Data set.
    pub dataset: String,
    /// Core rows x columns.
    pub core: String,
    /// Device.
    pub device: String,
    /// Bits of a PCM cell.
    pub bits: u8,
    /// `row` or `layer`.
    pub scale: &'static str,
    /// Noise model.
    pub noise: Option<NoiseModel>,
    /// Seconds from the writes to the reading.
    pub age_seconds: f64,
    /// Stuck PCM cells.
    pub stuck_cells: usize,
    /// Bits behind the detectors.
    pub adc_bits: Option<u8>,
    /// Bits of the inputs.
    pub dac_bits: Option<u8>,
    /// Layers computed digitally, because the schedule does not have them.
    pub digital_layers: Vec<String>,
    /// Floating point.
    pub float: Score,
    /// Quantized weights, exact arithmetic.
    pub quantized: Score,
    /// The core, seed by seed.
    pub core_scores: Vec<Score>,
    /// First seed.
    pub seed: u64,
    /// Mean over the seeds, percent.
    pub core_top1_mean_percent: f64,
    /// Standard deviation over the seeds, percent (0 for one).
    pub core_top1_deviation_percent: f64,
    /// The fast path against the firmware model.
    pub proof: Proof,
    /// Each planned layer, in the schedule's order.
    pub layers: Vec<LayerOutcome>,
    /// Floating point on the images of `layers[..].alone`.
    pub layers_float: Option<Score>,
}
