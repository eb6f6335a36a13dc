//! How far the device is, as the journal keeps it.

use crate::link::messages::ScheduleId;
use crate::photonic_core::ResumePoint;

/// Which inference was begun last, and how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The schedule.
    pub schedule: ScheduleId,
    /// Number of the inference.
    pub inference: u32,
    /// Frames carried out.
    pub frames: u32,
    /// Calls of `program` carried out in the frame behind these.
    pub calls: u32,
    /// Whether the End frame is carried out.
    pub ended: bool,
    /// The last tile row that was begun.
    pub resume: Option<ResumePoint>,
}
