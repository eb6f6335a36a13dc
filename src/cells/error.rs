//! Why it cannot be said what the cells hold.

use std::path::{Path, PathBuf};

use crate::faults::FaultError;
use crate::level::DeviceError;
use crate::weights::{RewriteError, WeightsError};

/// Schedule, device, faults and weights that cannot be read or do not belong together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CellsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {cause}; nothing was left behind, and an older file of that name is untouched")]
    Write {
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
    /// Faults of another core, or that cannot be.
    #[error(transparent)]
    Faults(#[from] FaultError),
    /// A tensor that cannot be all that its layers are.
    #[error(transparent)]
    Rewrite(RewriteError),
    /// Weights that cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

impl CellsError {
    /// Something is wrong with a schedule.
    #[must_use]
    pub fn schedule(path: &Path, problem: String) -> Self {
        Self::Schedule { path: path.to_owned(), problem }
    }
}
