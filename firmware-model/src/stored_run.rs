//! A schedule that the controller has a memory for, and how far it is run: what the memory and the link both know of it.

use crate::link::messages::{ScheduleId, Start, Started};

/// A schedule that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its bytes.
    pub bytes: u32,
    /// Its name.
    pub schedule: ScheduleId,
}

/// What the player is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Phase {
    /// Nothing.
    Idle,
    /// Looks for a frame of the schedule.
    Seeking {
        /// Frame at `at`.
        frame: u32,
        at: u32,
        layer: u32,
        tile_row: u32,
        /// The header frame's end, and where the layer's frame lies, as far as they are found.
        header: u32,
        found: (u32, u32),
    },
    /// Hands the schedule's bytes to the device.
    Running {
        /// The parts of the schedule that are wanted: from, to.
        parts: [(u32, u32); 3],
        seq: u32,
    },
}

/// What a controller keeps in its own memory of the schedule beside it.
#[derive(Clone, Copy, Debug)]
pub struct StoredRun {
    pub(crate) phase: Phase,
    /// The core that runs it.
    pub(crate) core: u8,
    pub(crate) start: Start,
    /// The answer to what was asked for.
    pub(crate) began: Started,
    /// Inferences to run, the present one included.
    pub(crate) left: u32,
    pub(crate) sealed: bool,
    pub(crate) bytes: u32,
    /// What is being kept, and how much of it is written.
    pub(crate) keeping: Option<(Kept, u32)>,
}

impl Default for StoredRun {
    fn default() -> Self {
        let start = Start::new(0, [0; 16], 0);
        Self {
            phase: Phase::Idle,
            core: 0,
            start,
            began: Started::Ended,
            left: 0,
            sealed: false,
            bytes: 0,
            keeping: None,
        }
    }
}
