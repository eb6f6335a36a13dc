//! What the controller does, for whoever wants to watch: a log, a lamp, a test.

use crate::journal::Found;
use crate::link::messages::{Failure, FaultReport, Start, Started};

/// Something that the controller did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// The journal is open.
    Opened(Found),
    /// Cells whose writing a power cut interrupted are written again.
    Redone {
        /// Weight cells.
        cells: u8,
    },
    /// An inference begins, or goes on.
    Started(Start, Started),
    /// Cells are going to be written: it is logged.
    Intended {
        /// Weight cells.
        cells: u8,
    },
    /// PCM cells were read back outside the tolerance, and are written once more.
    Corrected {
        /// PCM cells.
        cells: u8,
    },
    /// A PCM cell does not take its level.
    CellFault(FaultReport),
    /// A frame is carried out, and logged.
    FrameDone {
        /// Number of the next frame.
        frames: u32,
    },
    /// The End frame is carried out.
    Ended,
    /// The run is over.
    Failed(Failure),
    /// The core or the flash failed: nothing is taken until the device starts anew.
    Halted(Failure),
}

/// Watches the controller.
pub trait Trace {
    /// `event` has happened.
    fn event(&mut self, event: Event);
}

/// Watches nothing, and costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Trace for Silent {
    #[inline]
    fn event(&mut self, _event: Event) {}
}

impl<T: Trace> Trace for &mut T {
    fn event(&mut self, event: Event) {
        (**self).event(event);
    }
}
