//! Training: networks whose weights the planner likes.
//!
//! ```text
//! nn                   layers with their gradients
//! noise                what a cell really holds: for training and for the simulator
//! config               a run as a TOML file
//! data                 images in memory, batches prepared by a thread
//! write_loss           losses on the levels of the weights
//! optim, schedule      optimisers, gradient clipping, course of the learning rate
//! trainer, epoch       steps, epochs, checkpoints, resuming; the figures of an epoch
//! eval, writes, best   what a network is worth: accuracy, writes per inference; which epoch's is the best
//! calibrate            levels for networks that were trained without them
//! description          what the planner takes a network for
//! checkpoint, run_dir  files: weights with metadata, metrics, curves (plot)
//! ```

pub mod nn;

pub mod config;

pub mod data;

pub mod write_loss;

pub mod optim;
pub mod schedule;

pub mod epoch;
pub mod error;
pub mod trainer;

pub mod best;
pub mod eval;
pub mod writes;

pub mod calibrate;

pub mod checkpoint;
pub mod description;
pub mod plot;
pub mod run_dir;

pub use config::Config;
pub use epoch::Epoch;
pub use error::TrainError;
pub use trainer::{End, Event, Trainer};
