//! What a search finds.

use super::cells::Cells;
use super::cover::Cover;

/// A plan without writes.
#[derive(Clone, Debug)]
pub struct FixedPlan {
    /// The one pattern.
    pub cells: Cells,
    /// Visits of each layer.
    pub covers: Vec<Cover>,
}

/// A plan with writes between its phases.
#[derive(Clone, Debug)]
pub struct PhasedPlan {
    /// A pattern for each phase of each layer, round the inference.
    pub cells: Cells,
    /// Visits of each layer.
    pub covers: Vec<Cover>,
    /// Level steps of an inference.
    pub writes: u64,
}

impl FixedPlan {
    /// Steps of an inference.
    #[must_use]
    pub fn steps(&self) -> u64 {
        steps(&self.covers)
    }
}

impl PhasedPlan {
    /// Steps of an inference.
    #[must_use]
    pub fn steps(&self) -> u64 {
        steps(&self.covers)
    }
}

fn steps(covers: &[Cover]) -> u64 {
    covers.iter().map(|cover| u64::from(cover.steps())).sum()
}
