//! 4. Levels to an order: which weight sits in which cell at which step.

mod frontier;
mod line;
mod moves;
pub mod objective;
pub mod profile;
pub mod pulses;
pub mod timeline;

pub mod program;
pub mod tally;

mod assign;
pub mod bound;
pub mod chunk;
pub mod direction;
pub mod even;
pub mod extra_steps;
pub mod families;
pub mod faulty;
pub mod fixed;
pub mod lanes;
pub mod latency;
mod links;
pub mod quantile;
pub mod reach_core;
pub mod rows;
pub mod search;
pub mod seats;
pub mod shared;
pub mod slack;
pub mod slots;
pub mod sweep;
pub mod visits;

pub use crate::geometry::Reach;
pub use extra_steps::ExtraSteps;
pub use objective::Objective;
use serde::{Deserialize, Serialize};

/// The orders on offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// As stored.
    Natural,
    /// ELight's: each cell ascending, in every tile row.
    Sorted,
    /// The fewest writes for the given reach.
    Optimal,
}

/// Where output rows may sit. With reach `row` they are free in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Rows {
    /// With reach `lane` each stays where it is stored: the order is then the optimum.
    #[default]
    Stored,
    /// Any row of a layer on any core row in any of the layer's tile rows: fewer writes, no optimum.
    Any,
}
