//! The whole pipeline: weights, levels, order, schedule, one layer after the other.
//!
//! ```text
//! for each segment of layers:
//!     read, quantize, summarise   each layer        (weights, level)
//!     arrange                     all of them       (order)
//!     program, tally, encode      each layer        (order, schedule) -> the output file
//! ```
//!
//! A segment is as many layers as fit a fixed amount of memory; most networks are one segment, and then the order is closed over the whole
//! inference. Weights are read a few rows at a time, however large the file, and only one layer's levels are needed at a time; levels are kept from the first pass to the second
//! while they are few.

mod clip;
mod compatibility;
mod condition;
mod cores;
mod emit;
mod error;
mod layers;
mod options;
mod outcome;
mod output;
mod pipeline;
mod read;
mod rotation;
mod rotation_plan;
mod segment;
mod step_curve;

pub use crate::geometry::{CoreSize, Fanout};
pub use crate::observer::{Observer, Unobserved};
pub use crate::order::extra_steps::{ExtraSteps, MOST_EXTRA_STEPS};
pub use crate::stimulus::Stimulus;
pub use clip::calibrate;
pub use condition::{Condition, core_path};
pub use error::PlanError;
pub use options::{PlanOptions, Quantization, QuantizationRequest, SEGMENT_BYTES, Trade};
pub use outcome::{CoreOutcome, FaultOutcome, LayerOutcome, Outcome};
pub use output::OutputFile;
pub use pipeline::plan;
pub use rotation::Rotation;
pub use rotation_plan::{Life, Turned, Worn, plan_turns, rotation_path};
pub use step_curve::{SweepPoint, sweep};
