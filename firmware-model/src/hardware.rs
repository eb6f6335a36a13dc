//! The seam between the controller and a board: what a lab implements to bring up its own core.
//!
//! The controller knows no other hardware:
//!
//! - [`Cells`]: the PCM cells of the core, one by one or many side by side: pulse and read;
//! - [`Light`]: its inputs and outputs;
//! - non-volatile memory: [`NorFlash`], from `embedded-storage`;
//! - [`Port`]: bytes to and from the host.
//!
//! One type that is both `Cells` and `Light` is a core ([`Hardware`]); two drivers that know nothing of each other become one with [`Joined`].

pub use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

use crate::photonic_core::{Identity, Output};
pub use crate::pulses::{Pulse, Pulses};

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

/// One PCM cell, and what it is brought to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The cell.
    pub cell: PcmCell,
    /// Its new level, within `0..=B`.
    pub level: u8,
    /// What leads there, from the table of the device ([`Profile::pulses`]), with what was learnt of this cell; [`Pulse::NONE`] where the device
    /// has no table.
    pub pulse: Pulse,
}

/// What parts of a core have in common: how they fail.
pub trait Part {
    /// What can go wrong: it ends the schedule, and the host is told that the core failed. A cell that does not take its level
    /// is no such fault: the controller finds that out by reading back.
    type Fault: Copy + core::fmt::Debug;

    /// A number for `fault` that the host is told: which bus, converter or part of the core it was, by a table of the board's own.
    fn fault_code(fault: Self::Fault) -> u16;
}

/// A fault of several cells that were written side by side: the cell, if it was one cell's.
pub type CellsFault<F> = (Option<PcmCell>, F);

/// The PCM cells of a core.
///
/// All cells and levels that the controller names lie inside the core that the [`Profile`] describes. Every call is absolute:
/// saying it twice leaves the core as saying it once does, but for the wear.
pub trait Cells: Part {
    /// Whether [`Cells::read`] works. Without it cells are written open loop, and the hello says so.
    const READ_BACK: bool;

    /// Whether [`Cells::set_many`] writes cells side by side. Without it the controller does not call it, but sets and reads cell after cell, which
    /// takes it less time.
    const SIDE_BY_SIDE: bool = false;

    /// Brings `target.cell` to `target.level`, whatever it holds now. Returns when the pulses are over.
    ///
    /// The controller counts as many writes as there are levels between the old and the new one, and one if there are none.
    ///
    /// # Errors
    /// The hardware's.
    fn set(&mut self, target: Target) -> Result<(), Self::Fault>;

    /// Brings all `targets` to their levels, those side by side that can be written so: each cell comes once, row by row, columns
    /// ascending. Returns when all pulses are over. One by one, if the core says nothing else.
    ///
    /// # Errors
    /// The hardware's: which cell it was, if one. Those before it may be written, those behind it not; none is under current.
    fn set_many(&mut self, targets: impl Iterator<Item = Target> + Clone) -> Result<(), CellsFault<Self::Fault>> {
        for target in targets {
            self.set(target).map_err(|fault| (Some(target.cell), fault))?;
        }
        Ok(())
    }

    /// Transmission of `cell`, transmitted over incident power, as in the device profile's table. Never called where
    /// [`Cells::READ_BACK`] is false.
    ///
    /// # Errors
    /// The hardware's.
    fn read(&mut self, cell: PcmCell) -> Result<f32, Self::Fault>;
}

/// The light of a core: inputs in, sums out.
pub trait Light: Part {
    /// Whether rows may share inputs, as the profile's fanout says. False leaves the decoder's part for it out of the image; the fanout
    /// has to be 1 then.
    const SHARED_INPUTS: bool = true;

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

    /// Input vectors that each step can let through: at least 1.
    fn most_vectors(&self) -> u16 {
        1
    }

    /// Each of the following steps lets `vectors` input vectors through, within `1..=most_vectors()`, and adds what comes out to the outputs of
    /// each of them: the same cells serve a batch.
    ///
    /// # Errors
    /// The hardware's.
    fn begin_batch(&mut self, _vectors: u16) -> Result<(), Self::Fault> {
        Ok(())
    }

    /// [`Light::load_inputs`] and [`Light::output`] speak of input vector `vector` of the batch from now on.
    ///
    /// # Errors
    /// The hardware's.
    fn select(&mut self, _vector: u16) -> Result<(), Self::Fault> {
        Ok(())
    }

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
}

/// A photonic core, below the controller: it moves PCM cells, reads them, and lets light through.
pub trait Hardware: Cells + Light {}

impl<H: Cells + Light> Hardware for H {}

/// Cells and light of two drivers, as one core.
#[derive(Clone, Copy, Debug)]
pub struct Joined<C, L> {
    /// Moves and reads the cells.
    pub cells: C,
    /// Lets light through.
    pub light: L,
}

/// A fault of one of two drivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinedFault<C, L> {
    /// Of the cells' driver.
    Cells(C),
    /// Of the light's.
    Light(L),
}

/// Added to the fault codes of a [`Joined`] core's light, so that they differ from those of its cells.
pub const LIGHT_CODES: u16 = 0x100;

impl<C: Cells, L: Light> Part for Joined<C, L> {
    type Fault = JoinedFault<C::Fault, L::Fault>;

    fn fault_code(fault: Self::Fault) -> u16 {
        match fault {
            JoinedFault::Cells(fault) => C::fault_code(fault),
            JoinedFault::Light(fault) => LIGHT_CODES.saturating_add(L::fault_code(fault)),
        }
    }
}

impl<C: Cells, L: Light> Cells for Joined<C, L> {
    const READ_BACK: bool = C::READ_BACK;
    const SIDE_BY_SIDE: bool = C::SIDE_BY_SIDE;

    #[inline]
    fn set(&mut self, target: Target) -> Result<(), Self::Fault> {
        self.cells.set(target).map_err(JoinedFault::Cells)
    }

    #[inline]
    fn set_many(&mut self, targets: impl Iterator<Item = Target> + Clone) -> Result<(), CellsFault<Self::Fault>> {
        self.cells.set_many(targets).map_err(|(cell, fault)| (cell, JoinedFault::Cells(fault)))
    }

    #[inline]
    fn read(&mut self, cell: PcmCell) -> Result<f32, Self::Fault> {
        self.cells.read(cell).map_err(JoinedFault::Cells)
    }
}

impl<C: Cells, L: Light> Light for Joined<C, L> {
    const SHARED_INPUTS: bool = L::SHARED_INPUTS;

    fn begin_layer(&mut self, rows: u32, cols: u32, groups: u32) -> Result<(), Self::Fault> {
        self.light.begin_layer(rows, cols, groups).map_err(JoinedFault::Light)
    }

    fn assign(&mut self, row: u16, output: Option<Output>) -> Result<(), Self::Fault> {
        self.light.assign(row, output).map_err(JoinedFault::Light)
    }

    #[inline]
    fn route(&mut self, row: u16, col: u16, input: Option<u32>) -> Result<(), Self::Fault> {
        self.light.route(row, col, input).map_err(JoinedFault::Light)
    }

    fn most_vectors(&self) -> u16 {
        self.light.most_vectors()
    }

    fn begin_batch(&mut self, vectors: u16) -> Result<(), Self::Fault> {
        self.light.begin_batch(vectors).map_err(JoinedFault::Light)
    }

    fn select(&mut self, vector: u16) -> Result<(), Self::Fault> {
        self.light.select(vector).map_err(JoinedFault::Light)
    }

    fn load_inputs(&mut self, first: u32, values: &[i16]) -> Result<(), Self::Fault> {
        self.light.load_inputs(first, values).map_err(JoinedFault::Light)
    }

    fn step(&mut self) -> Result<(), Self::Fault> {
        self.light.step().map_err(JoinedFault::Light)
    }

    fn output(&mut self, row: u16) -> Result<i64, Self::Fault> {
        self.light.output(row).map_err(JoinedFault::Light)
    }
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

    /// Takes as many of these bytes as there is room for now, the first ones; returns how many. A port with a buffer or a DMA channel takes them
    /// as they lie.
    #[inline]
    fn write_some(&mut self, bytes: &[u8]) -> usize {
        bytes.iter().take_while(|byte| self.write(**byte)).count()
    }
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

/// Half of the smaller of the steps from level `level` to its neighbours: with a larger tolerance a cell there could pass for one at another
/// level. 0 where the transmissions do not increase, or there is no such level.
#[must_use]
pub fn largest_tolerance_of(transmissions: &[f32], level: usize) -> f32 {
    let Some(own) = transmissions.get(level) else { return 0.0 };
    let below = level.checked_sub(1).and_then(|below| transmissions.get(below)).map(|low| own - low);
    let above = transmissions.get(level + 1).map(|high| high - own);
    let smaller =
        [below, above].into_iter().flatten().fold(f32::INFINITY, |least, step| if step < least { step } else { least });
    if smaller > 0.0 && smaller < f32::INFINITY { smaller / 2.0 } else { 0.0 }
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
    /// Tolerance of each level, instead of [`Verify::tolerance`]: `2^bits` numbers, each at most [`largest_tolerance_of`] its level. Empty: one
    /// for all.
    pub tolerances: &'a [f32],
    /// What brings a cell to a level.
    pub pulses: Pulses<'a>,
}

impl<'a> Profile<'a> {
    /// A core whose driver knows by itself how cells are brought to levels, with one tolerance for all of these.
    #[must_use]
    pub const fn new(identity: Identity, transmissions: &'a [f32], verify: Verify) -> Self {
        Self { identity, transmissions, verify, tolerances: &[], pulses: Pulses::NONE }
    }

    /// How far a cell at `level` may read from the level's transmission.
    #[inline]
    #[must_use]
    pub fn tolerance(&self, level: u8) -> f32 {
        if self.tolerances.is_empty() {
            return self.verify.tolerance;
        }
        self.tolerances.get(usize::from(level)).copied().unwrap_or(0.0)
    }

    /// Whether all tolerances keep neighbouring levels apart.
    #[must_use]
    pub fn tolerances_are_fit(&self) -> bool {
        if self.tolerances.is_empty() {
            let tolerance = self.verify.tolerance;
            return tolerance > 0.0 && tolerance <= largest_tolerance(self.transmissions);
        }
        // Whether the transmissions increase at all is for the largest of one for all levels to say.
        let of_level = |(level, tolerance): (usize, &f32)| {
            *tolerance > 0.0 && *tolerance <= largest_tolerance_of(self.transmissions, level)
        };
        self.tolerances.len() == self.transmissions.len()
            && largest_tolerance(self.transmissions) > 0.0
            && self.tolerances.iter().enumerate().all(of_level)
    }
}
