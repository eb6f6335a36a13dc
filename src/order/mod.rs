//! 4. Levels to an order: which weight sits in which cell at which step.

pub mod bound;
pub mod bundles;
pub mod chain;
pub mod core_row_assignment;
pub mod cost;
pub mod cut;
pub mod extra_steps;
pub mod families;
pub mod rows;
pub mod slots;
pub mod tour;

pub use crate::geometry::Reach;
pub use cost::objective::Objective;
pub use extra_steps::ExtraSteps;
use serde::{Deserialize, Serialize};
pub use tour::iterated_local_search::Effort;

/// The orders on offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// As stored.
    Natural,
    /// ELight's: each cell ascending, in every tile row.
    Sorted,
    /// The fewest writes that were found for the given reach; optimal only where the bound is reached.
    Optimal,
}

/// Where output rows may sit. With reach `row` they are free in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rows {
    /// With reach `lane` each stays where it is stored: the order is then the optimum.
    #[default]
    Stored,
    /// Any row of a layer on any core row in any of the layer's tile rows: fewer writes, no optimum.
    Any,
}
