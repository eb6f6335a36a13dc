//! The whole pipeline: weights, levels, order, schedule, one layer after the other.
//!
//! ```text
//! for each segment of layers:
//!     read, quantize, add     each layer        (weights, level, order::families)
//!     arrange                 all of them       (order::families)
//!     fill, tally, encode     each slot         (order::slots, schedule) -> the output file
//! ```
//!
//! A segment is as many layers as fit a fixed amount of memory; most networks are one segment, and then the order is closed over the whole
//! inference. Weights are read a few rows at a time, however large the file, and only one layer's levels are needed at a time; levels are kept from the first
//! pass to the second while they are few.
//!
//! ```text
//! options.rs        what is asked for        condition.rs      the cores as they are
//! compatibility.rs  what goes with what      clip.rs           limits of the weights, chosen beforehand
//! pipeline.rs       plan()
//! layers.rs         layers as levels         read.rs           from the file to levels
//! segment.rs        layers arranged together rotation.rs       moved round the core
//! emit.rs           every slot counted, the chosen ones written; cores.rs: core by core
//! outcome.rs        what comes back          output.rs         the file
//! life.rs           plans that take turns    step_curve.rs     plans with more and more steps
//! ```

mod clip;
pub mod compatibility;
mod condition;
mod cores;
mod emit;
mod error;
mod layers;
mod life;
mod options;
mod outcome;
mod output;
mod pipeline;
mod read;
mod rotation;
mod segment;
mod step_curve;

pub use crate::geometry::{CoreSize, Fanout};
pub use crate::observer::{Observer, Unobserved};
pub use crate::order::extra_steps::{ExtraSteps, MOST_EXTRA_STEPS};
pub use crate::stimulus::Stimulus;
pub use clip::calibrate;
pub use condition::{Condition, core_path};
pub use error::PlanError;
pub use life::{Life, LifePlan, RotatedPlan, Wear, plan_for_life, rotation_path};
pub use options::{PlanOptions, Quantization, QuantizationRequest, SEGMENT_BYTES, Trade, trained_for};
pub use outcome::{CoreOutcome, FaultOutcome, LayerOutcome, Outcome};
pub use output::{Drafts, OutputFile};
pub use pipeline::{draft, plan};
pub use rotation::Rotation;
pub use step_curve::{SweepPoint, sweep};
