//! What can go wrong between weights and a schedule.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::geometry::{CoreSize, GeometryError};
use crate::order::Objective;
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
    /// ELight's order on a core whose rows share inputs.
    #[error(
        "order `sorted` moves every weight by itself, which a core cannot do where {fanout} rows share an input: \
         plan another order, or for --fanout cell"
    )]
    SortedShared {
        /// Rows that share an input.
        fanout: usize,
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
    /// Extra steps for an order that cannot use them.
    #[error("--extra-steps and --sweep need {needs}: only then may cells idle and weights sit in any lane")]
    ExtraStepsOrder {
        /// The options that it needs.
        needs: &'static str,
    },
    /// Reach `core` with options that it does not go with.
    #[error("--reach core needs {needs}")]
    ReachCore {
        /// What it needs.
        needs: &'static str,
    },
    /// An objective that cannot be followed with the other options.
    #[error("--objective {objective} on the device `{device}` needs {needs}: leave it out for the fewest writes")]
    Objective {
        /// The objective.
        objective: Objective,
        /// The device.
        device: String,
        /// What it needs.
        needs: &'static str,
    },
    /// Fixed levels on a core with too few cells in a row.
    #[error(
        "--extra-steps fixed: the network has {needed} levels without 0, each needs a cell of its own (with --reach row in every core row), and the core is {core}: use --reach core, a larger core, fewer bits, or a percentage"
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
    /// Orders that leave every weight where it is stored cannot go around faults without changing weights.
    #[error(
        "--faults with --order {order} needs --reach lane: weights stay in their lanes and take the best level that their cells can hold"
    )]
    FaultyOrder {
        /// The order.
        order: &'static str,
    },
    /// Rows that may sit anywhere on a core whose rows share inputs.
    #[error("{fanout} rows share an input and move together: leave out --rows any, which is for --fanout cell")]
    FreeRowsShared {
        /// Rows that share an input.
        fanout: usize,
    },
    /// Rows that may sit anywhere with reach `lane`, and cells that cannot hold every level.
    #[error(
        "--faults with --reach lane plans rows in their stored places, whose weights it fits to the cells there: leave out --rows any"
    )]
    FreeRowsAroundFaults,
    /// A plan that cannot be rotated on its core.
    #[error("--rotate {why}")]
    Rotation {
        /// Why.
        why: &'static str,
    },
    /// The earlier schedule cannot be read.
    #[error(transparent)]
    Held(#[from] crate::held::HeldError),
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
