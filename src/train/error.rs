//! Why a run, an evaluation or a calibration cannot go on.

use super::checkpoint::CheckpointError;
use super::config::ConfigError;
use super::data::DataError;
use super::nn::model::ModelError;
use std::path::PathBuf;

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Architecture.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Files.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The run directory.
    #[error("{path}: {problem}")]
    RunDir {
        /// The directory or file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// The loss is no number any more.
    #[error("the loss became {loss} at step {step} (epoch {epoch}): lower optimizer.lr, or set train.clip")]
    Diverged {
        /// The loss.
        loss: f64,
        /// Step of the run, from 0.
        step: u64,
        /// Epoch, from 1.
        epoch: u64,
    },
}
