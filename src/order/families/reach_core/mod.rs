//! Reach `core`: any weight may sit in any cell of the core.
pub mod allot;
pub mod block;
pub mod bound;
pub mod cells;
pub mod cover;
pub mod demand;
pub mod draw;
pub mod fixed;
mod joint;
pub mod phases;
pub mod plan;
pub mod slots;
#[cfg(test)]
mod tests;

use crate::order::tour::iterated_local_search::Effort;
use demand::{Demand, Levels};

/// A core and what it is asked for.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Levels that occur.
    pub levels: Levels,
    /// Layers in their order.
    pub layers: Vec<Demand>,
    /// Core rows, of all cores.
    pub core_rows: usize,
    /// Columns of a core row.
    pub columns: usize,
}

/// Told how much work was done; asked whether to go on.
pub type Watch<'a> = dyn Fn(u64) -> bool + Sync + 'a;

/// How much work may be done.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// While cells are chosen.
    pub joint: u64,
    /// For each layer after that.
    pub trim: u64,
}

impl Work {
    /// For a network of so many weights. Small networks get more for each weight: they cost little, and are harder to fit.
    #[must_use]
    pub fn of(effort: Effort, weights: u64) -> Self {
        let (least, per_weight) = match effort {
            Effort::Quick => (3_000_000, 2),
            Effort::Fast => (10_000_000, 5),
            Effort::Good => (200_000_000, 15),
            Effort::Best => (800_000_000, 200),
        };
        let joint = (weights * per_weight).max(least);
        Self { joint, trim: joint / 10 }
    }
}
