//! How long a load waits for progress.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Counts from the last progress that the device has acknowledged, over all lines that were opened since.
#[derive(Debug)]
pub struct Patience {
    limit: Duration,
    since: Cell<Instant>,
}

impl Patience {
    /// Begins now.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self { limit, since: Cell::new(Instant::now()) }
    }

    /// The device has gone on.
    pub fn progress(&self) {
        self.since.set(Instant::now());
    }

    /// Whether a line that broke off is not to be opened again.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.since.get().elapsed() >= self.limit
    }

    /// Whether a line that is open is to be given up. Without any patience the link's own repetitions decide.
    #[must_use]
    pub fn is_over_on_line(&self) -> bool {
        !self.limit.is_zero() && self.is_over()
    }

    /// Why it was given up.
    #[must_use]
    pub fn reason(&self) -> String {
        format!("no progress for {} s", self.limit.as_secs())
    }
}
