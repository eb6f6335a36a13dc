//! What can go wrong between weights and a schedule.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::geometry::{CoreSize, GeometryError};
use crate::weights::WeightsError;

/// Why there is no plan.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The weights cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A core or a fanout that cannot be.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// Options that do not go together ([`super::compatibility`]).
    #[error("{feature} does not go with {others}: {why}; it needs {needs}")]
    Incompatible {
        /// What has to give way.
        feature: String,
        /// What it needs.
        needs: &'static str,
        /// What it was asked for with.
        others: String,
        /// Why they do not go together.
        why: &'static str,
    },
    /// Blocks larger than the core.
    #[error(
        "tensor `{tensor}` has {k}x{k} blocks, which do not fit a core of {core}: plan for a core of at least {k}x{k}"
    )]
    BlockSize {
        /// The tensor.
        tensor: String,
        /// Its block size.
        k: usize,
        /// The core.
        core: CoreSize,
    },
    /// A flag says another thing than the weights file.
    #[error(
        "{path}: the file was trained with {key} = {file}, but the command line asks for {flag}: leave the flag out, or train again"
    )]
    Contradiction {
        /// The weights file.
        path: PathBuf,
        /// The metadata key.
        key: &'static str,
        /// What the file says.
        file: String,
        /// What the flag says.
        flag: String,
    },
    /// Weights trained for another number of levels than a device has.
    #[error(
        "{}: trained for cells of {trained} bits, and {origin} has {device}: name a device of {trained} bits, or train again", path.display()
    )]
    TrainedLevels {
        /// The weights file.
        path: PathBuf,
        /// Bits that it was trained for.
        trained: u8,
        /// The device.
        origin: String,
        /// Its bits.
        device: u8,
    },
    /// Metadata that cannot be understood.
    #[error("{path}: metadata {key} = `{got}`: expected {expected}")]
    Metadata {
        /// The weights file.
        path: PathBuf,
        /// The metadata key.
        key: &'static str,
        /// What it says.
        got: String,
        /// What it could say.
        expected: &'static str,
    },
    /// Fixed levels on a core with too few cells in a row.
    #[error(
        "--extra-steps fixed: the network has {needed} levels without 0, each needs a cell of its own in every core row, and the core is {core}: use a core of at least {needed} columns, fewer bits, or a percentage"
    )]
    FixedLevels {
        /// Levels that occur.
        needed: usize,
        /// The core.
        core: CoreSize,
    },
    /// The device profile cannot be used.
    #[error(transparent)]
    Device(#[from] crate::level::DeviceError),
    /// The faults cannot be planned around.
    #[error(transparent)]
    Faults(#[from] crate::faults::FaultError),
    /// The earlier schedule cannot be read.
    #[error(transparent)]
    CoreState(#[from] crate::core_state::CoreStateError),
    /// A schedule of a rotation cannot be counted.
    #[error(transparent)]
    Replay(#[from] crate::replay::ReplayError),
    /// The schedule cannot be written.
    #[error("cannot write {path}: {source}; nothing was left behind, and an older file of that name is untouched")]
    Output {
        /// The output file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The user stopped it.
    #[error("interrupted: no schedule was written")]
    Interrupted,
}

impl PlanError {
    pub(super) fn output(path: &Path, source: io::Error) -> Self {
        Self::Output { path: path.to_owned(), source }
    }
}
