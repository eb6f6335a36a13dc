//! The seam between the controller and a board: what a lab implements to bring up its own core.
//!
//! Three parts, and the controller knows no other hardware:
//!
//! - [`Hardware`]: the photonic core itself, PCM cell by PCM cell;
//! - non-volatile memory: [`NorFlash`], from `embedded-storage`;
//! - [`Port`]: bytes to and from the host.

pub use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

use crate::photonic_core::{Identity, Output};

/// Which PCM cell of a weight cell's pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Holds positive levels.
    Plus,
    /// Holds negative ones.
    Minus,
}

/// One PCM cell of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PcmCell {
    /// Core row, below R.
    pub row: u16,
    /// Core column, below C.
    pub col: u16,
    /// Which of the pair.
    pub side: Side,
}

/// The photonic core, below the controller: it moves PCM cells, reads them, and lets light through.
///
/// All cells and levels that the controller names lie inside the core that the [`Profile`] describes. Every call is absolute:
/// saying it twice leaves the core as saying it once does, but for the wear.
pub trait Hardware {
    /// What can go wrong: it ends the schedule, and the host is told that the core failed. A cell that does not take its level
    /// is no such fault: the controller finds that out by reading back.
    type Fault: Copy + core::fmt::Debug;

    /// Whether [`Hardware::read`] works. Without it cells are written open loop, and the hello says so.
    const READ_BACK: bool;

    /// Whether rows may share inputs, as the profile's fanout says. False leaves the decoder's part for it out of the image; the fanout
    /// has to be 1 then.
    const SHARED_INPUTS: bool = true;

    /// Programs `cell` to `level`, within `0..=B`, whatever it holds now. Returns when the pulses are over.
    ///
    /// The controller counts as many writes as there are levels between the old and the new one, and one if there are none.
    ///
    /// # Errors
    /// The hardware's.
    fn set(&mut self, cell: PcmCell, level: u8) -> Result<(), Self::Fault>;

    /// Transmission of `cell`, transmitted over incident power, as in the device profile's table. Never called where
    /// [`Hardware::READ_BACK`] is false.
    ///
    /// # Errors
    /// The hardware's.
    fn read(&mut self, cell: PcmCell) -> Result<f32, Self::Fault>;

    /// The following steps belong to a layer of `rows` outputs and `groups` groups, whose input vector has `groups * cols` elements.
    ///
    /// # Errors
    /// The hardware's.
    fn begin_layer(&mut self, rows: u32, cols: u32, groups: u32) -> Result<(), Self::Fault>;

    /// In the following steps core row `row` computes `output`, or nothing. All cells of the row become dark, and keep their levels.
    ///
    /// # Errors
    /// The hardware's.
    fn assign(&mut self, row: u16, output: Option<Output>) -> Result<(), Self::Fault>;

    /// Weight cell (`row`, `col`) gets element `base + input` of the layer's input vector from now on, with the base of the row's
    /// [`Output`]; `None`: it is dark.
    ///
    /// # Errors
    /// The hardware's.
    fn route(&mut self, row: u16, col: u16, input: Option<u32>) -> Result<(), Self::Fault>;

    /// Elements `first..` of the input vector are `values` from now on, in the core's own units.
    ///
    /// # Errors
    /// The hardware's, also when it has no room for that many.
    fn load_inputs(&mut self, first: u32, values: &[i16]) -> Result<(), Self::Fault>;

    /// All cells of the step are programmed and routed: lets the inputs through and adds what comes out to the assigned outputs.
    ///
    /// # Errors
    /// The hardware's.
    fn step(&mut self) -> Result<(), Self::Fault>;

    /// What core row `row` gave in the last step: the sum of its weights times their inputs, in the core's own units.
    ///
    /// # Errors
    /// The hardware's.
    fn output(&mut self, row: u16) -> Result<i64, Self::Fault>;

    /// A number for `fault` that the host is told: which bus, converter or part of the core it was, by a table of the board's own.
    fn fault_code(fault: Self::Fault) -> u16;
}

/// Bytes to and from the host: a UART, a socket. Neither call waits.
pub trait Port {
    /// The next byte that has come, if any.
    fn read(&mut self) -> Option<u8>;

    /// Hands what has come to `take`, byte by byte, until nothing more is there or `take` has had enough; whether it has.
    #[inline]
    fn drain(&mut self, mut take: impl FnMut(u8) -> bool) -> bool {
        while let Some(byte) = self.read() {
            if take(byte) {
                return true;
            }
        }
        false
    }

    /// Takes a byte to be sent; false when there is no room for it now.
    fn write(&mut self, byte: u8) -> bool;
}

/// How often and how exactly cells are programmed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verify {
    /// How often a PCM cell is written at most before it is reported as faulty: at least 1.
    pub tries: u8,
    /// How far the transmission read back may be from that of the level, in transmission: at most [`largest_tolerance`].
    pub tolerance: f32,
    /// How many PCM cells, spread over the core and others each time, are read back when the device starts: 0 for none.
    pub spot_check: u32,
}

/// Half of the smallest step between the transmissions of neighbouring levels: with a larger tolerance a cell could pass for two
/// levels. 0 where the transmissions do not increase.
#[must_use]
pub fn largest_tolerance(transmissions: &[f32]) -> f32 {
    let steps = transmissions.iter().zip(transmissions.iter().skip(1)).map(|(low, high)| high - low);
    let smallest = steps.fold(f32::INFINITY, |smallest, step| if step < smallest { step } else { smallest });
    if smallest > 0.0 && smallest < f32::INFINITY { smallest / 2.0 } else { 0.0 }
}

/// What the controller has to know of its core.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile<'a> {
    /// Size, bits and device.
    pub identity: Identity,
    /// Transmission of each level, level 0 first: `2^bits` numbers, whose [`device_crc`](crate::photonic_core::device_crc) is
    /// `identity.device_crc`.
    pub transmissions: &'a [f32],
    /// Program and verify, from the device profile.
    pub verify: Verify,
}
