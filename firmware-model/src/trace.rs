//! What the controller does, for whoever wants to watch: a log, a lamp, a test.

use crate::journal::Found;
use crate::link::messages::{Failure, FaultReport, Start, Started};

/// Something that the controller did.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
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

    /// The controller is at work: called between two rounds of anything that may take long, so that a watchdog can be fed here whose time is
    /// shorter than that of the longest poll.
    #[inline]
    fn alive(&mut self) {}
}

/// Watches nothing, and costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Trace for Silent {
    #[inline]
    fn event(&mut self, _event: Event) {}
}

/// Logs every event with defmt.
#[cfg(feature = "defmt")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Defmt;

#[cfg(feature = "defmt")]
impl Trace for Defmt {
    fn event(&mut self, event: Event) {
        match event {
            Event::Halted(_) | Event::CellFault(_) => defmt::error!("{}", event),
            Event::Failed(_) => defmt::warn!("{}", event),
            Event::Intended { .. } => defmt::trace!("{}", event),
            _ => defmt::debug!("{}", event),
        }
    }
}

impl<T: Trace> Trace for &mut T {
    fn event(&mut self, event: Event) {
        (**self).event(event);
    }

    fn alive(&mut self) {
        (**self).alive();
    }
}
