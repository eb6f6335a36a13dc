//! The figures of an epoch.

use super::writes::Writes;
use serde::{Deserialize, Serialize};

/// The figures of one epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Number, from 1.
    pub epoch: u64,
    /// Learning rate of the last step.
    pub lr: f64,
    /// Mean cross entropy of the training images, as they were when the network learned from them.
    pub train_loss: f64,
    /// Mean write-aware loss, not weighted.
    pub write_loss: f64,
    /// Part of the training images answered correctly, likewise.
    pub train_accuracy: f64,
    /// Mean cross entropy of the held-out images; none where none are held out.
    #[serde(default)]
    pub validation_loss: Option<f64>,
    /// Part of the held-out images answered correctly, by which the best checkpoint is chosen.
    #[serde(default)]
    pub validation_accuracy: Option<f64>,
    /// Mean cross entropy of the test images.
    pub test_loss: f64,
    /// Part of the test images answered correctly.
    pub test_accuracy: f64,
    /// Writes per inference of the present weights.
    pub writes: Writes,
    /// Wall-clock seconds of training, without evaluation.
    pub seconds: f64,
    /// Training images per second.
    pub samples_per_second: f64,
}
