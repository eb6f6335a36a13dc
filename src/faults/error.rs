//! Why faults cannot be planned around.

use std::path::PathBuf;

use thiserror::Error;

use crate::geometry::CoreSize;

/// Why faults cannot be planned around.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FaultError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what a file of faults looks like.
    #[error("{path}: no file of faults and wear (docs/cores.md; elight-load --wear writes one): {}", source.to_string().trim_end())]
    Toml {
        /// The file.
        path: PathBuf,
        /// What and where.
        source: Box<toml::de::Error>,
    },
    /// It is of another core or device.
    #[error("{path}: these faults are of a core with {what} {file}, but the plan is for {what} {plan}")]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
        /// In the file.
        file: String,
        /// In the plan.
        plan: String,
    },
    /// One of the faults cannot be.
    #[error("{path}: fault {number}: {why}")]
    Entry {
        /// The file.
        path: PathBuf,
        /// Which, from 1.
        number: usize,
        /// What is wrong with it.
        why: String,
    },
    /// The wear is not of this core.
    #[error("{path}: wear.{side} has {got}, but a core of {core} needs an array of {} numbers for each of {} rows", core.cols, core.rows)]
    WearSize {
        /// The file.
        path: PathBuf,
        /// `plus` or `minus`.
        side: &'static str,
        /// What is there.
        got: String,
        /// The core.
        core: CoreSize,
    },
    /// No wear in the file.
    #[error("{path}: --wear needs a table [wear] with what every PCM cell has borne; for faults alone use --faults")]
    NoWear {
        /// The file.
        path: PathBuf,
    },
    /// What the cells can still bear is not known.
    #[error(
        "--wear needs the device's endurance, which is not known for `{device}`: name one with --device, or give yours an `endurance_writes` (docs/device-model.md)"
    )]
    Endurance {
        /// The device.
        device: String,
    },
    /// Nothing is left to work with.
    #[error("{path}: no core row can compute a row of layer `{layer}`: too many of its cells are dead or stuck")]
    Hopeless {
        /// The files.
        path: String,
        /// The layer.
        layer: String,
    },
}
