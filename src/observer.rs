//! Progress of long work: the library tells, whoever watches paints it.

use std::path::Path;

/// Told how far planning is; and asked whether to go on.
pub trait Observer: Sync {
    /// A phase begins that goes through this many weights.
    fn begin(&self, phase: &'static str, weights: u64);
    /// So many more of them are done.
    fn advance(&self, weights: u64);
    /// The schedule goes to this file until it is whole. Planning itself removes it after an error.
    fn writing_to(&self, _temporary: &Path) {}
    /// Whether the user wants to stop: the plan then ends with [`PlanError::Interrupted`](crate::plan::PlanError::Interrupted), and leaves no file.
    fn interrupted(&self) -> bool {
        false
    }
}

/// Nobody watches.
pub struct Unobserved;

impl Observer for Unobserved {
    fn begin(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64) {}
}
