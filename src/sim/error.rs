//! What can be wrong with a simulation's input.

use std::path::PathBuf;

use elight::cells::CellsError;
use elight::cells::noise::NoiseError;
use elight_train::TrainError;
use elight_train::config::ConfigError;

/// Why there is no simulation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// Schedule, device, faults, or weights that do not belong together.
    #[error(transparent)]
    Cells(#[from] CellsError),
    /// Model, weights or data.
    #[error(transparent)]
    Network(#[from] TrainError),
    /// A setting.
    #[error(transparent)]
    Setting(#[from] ConfigError),
    /// The noise model.
    #[error(transparent)]
    Noise(#[from] NoiseError),
    /// A layer of the schedule reads its inputs in other groups than the model.
    #[error(
        "{schedule}: layer `{layer}` has {planned} groups in the schedule, {model} in the model: name the groups in the weights' metadata (docs/weights.md) and plan again"
    )]
    Groups {
        /// The schedule.
        schedule: PathBuf,
        /// Layer.
        layer: String,
        /// Groups in the schedule.
        planned: usize,
        /// Groups of the model.
        model: usize,
    },
    /// The fast path and the firmware model differ: a fault of this program, not of the user.
    #[error(
        "the firmware model and the fast path differ in layer `{layer}`: {problem}; do not use this result, and report this as a bug"
    )]
    Stepped {
        /// Layer.
        layer: String,
        /// How they differ.
        problem: String,
    },
}
