//! What is asked of a schedule, and what has no answer.

use thiserror::Error;

use crate::show::names::did_you_mean;

/// What to look at, besides header, layers and totals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// A layer: its tile rows, or the step of this layer.
    pub layer: Option<String>,
    /// A step, from 0: of the layer if one is named, else of the schedule.
    pub step: Option<u64>,
    /// All frames (of the layer, if one is named).
    pub frames: bool,
    /// The step as a later inference finds it, rather than from erased cells.
    pub steady: bool,
    /// What the cells hold before the first load, row by row; erased where nothing is said.
    pub origin: Vec<i16>,
}

/// A question that a schedule has no answer to.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum InspectError {
    /// No layer of that name.
    #[error("the schedule has no layer `{name}`{}; it has: {}", did_you_mean(name, .layers.iter().map(String::as_str)), names(.layers))]
    Layer {
        /// What was asked for.
        name: String,
        /// What there is.
        layers: Vec<String>,
    },
    /// No step of that number.
    #[error("step {step} is asked for, but {of} has {steps} steps, numbered from 0")]
    Step {
        /// What was asked for.
        step: u64,
        /// Steps that there are.
        steps: u64,
        /// The schedule, or a layer.
        of: String,
    },
}

/// Layer names shown in an error.
const NAMES_SHOWN: usize = 12;

fn names(layers: &[String]) -> String {
    let more = layers.len().saturating_sub(NAMES_SHOWN);
    let shown = layers[..layers.len() - more].join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}
