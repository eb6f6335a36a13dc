//! What can be wrong with a simulation's input.

use std::path::PathBuf;

use elight::faults::FaultError;
use elight::level::DeviceError;
use elight_train::TrainError;
use elight_train::config::ConfigError;

use elight_train::noise::NoiseError;

/// Why there is no simulation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// A file cannot be read.
    #[error("cannot read {path}: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// Not a schedule, or one that a controller refuses.
    #[error("{path}: {problem}")]
    Schedule {
        /// The schedule.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The schedule is of other weights.
    #[error(
        "{schedule} is not of {weights}: layer `{layer}`, output {row}, input {col}: the schedule multiplies at level {level}, the weight {weight} at scale {scale} has level {expected}; plan these weights again, or name the weights that were planned"
    )]
    OtherWeights {
        /// The schedule.
        schedule: PathBuf,
        /// The weights.
        weights: PathBuf,
        /// Layer.
        layer: String,
        /// Output row.
        row: usize,
        /// Column.
        col: usize,
        /// Level in the schedule.
        level: i16,
        /// The weight.
        weight: f32,
        /// Scale of the row in the schedule.
        scale: f32,
        /// Its level.
        expected: i16,
    },
    /// The schedule's device is not the one given.
    #[error(
        "{schedule} was planned for device `{planned}` ({bits} bits, identity {planned_crc:08x}), but `{given}` has identity {given_crc:08x}: give --device as the plan did"
    )]
    Device {
        /// The schedule.
        schedule: PathBuf,
        /// Device in the schedule.
        planned: String,
        /// Bits in the schedule.
        bits: u8,
        /// CRC in the schedule.
        planned_crc: u32,
        /// Device at hand.
        given: String,
        /// Its CRC.
        given_crc: u32,
    },
    /// A device that cannot be loaded.
    #[error(transparent)]
    DeviceFile(#[from] DeviceError),
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
    /// Faults of another core, or that cannot be.
    #[error(transparent)]
    Faults(#[from] FaultError),
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
