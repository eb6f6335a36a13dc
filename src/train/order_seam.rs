//! Writes of the planner's optimal order, for the metrics.

use super::write_loss::Core;
use crate::level::LevelMatrix;

/// Writes per inference in steady state of the optimal order (fanout cell, reach row); `None` while it is not known.
pub fn optimal(_layers: &[&LevelMatrix], _core: Core) -> Option<u64> {
    None
}
