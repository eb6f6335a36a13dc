//! The photonic core of the emulated board: `R` x `C` weight cells in the memory that survives a reset ([`crate::map`]).
//!
//! For another board, this file becomes the driver of its core. `firmware-model/spi-core` is one for a core behind SPI converters.

use firmware_model::hardware::{Cells, Light, Part, PcmCell, Side, Target};
use firmware_model::photonic_core::Output;

use crate::device;
use crate::map::{CELLS, INPUTS, MAX_CELLS, MAX_INPUTS, NONE, ROUTES, ROWS, WINDOW, level, moved};
use crate::words::Words;

/// Fixed point of the outputs: a transmission of 1 times an input of 1.
pub const ONE: f32 = (1u32 << 24) as f32;

/// A core in memory.
#[derive(Debug)]
pub struct MemoryCore<const R: usize, const C: usize> {
    cells: Words<{ WINDOW + CELLS }, { 2 * MAX_CELLS }>,
    routes: Words<{ WINDOW + ROUTES }, MAX_CELLS>,
    rows: Words<{ WINDOW + ROWS }, 1024>,
    inputs: Words<{ WINDOW + INPUTS }, MAX_INPUTS>,
    transmissions: &'static [f32],
    width: u32,
}

/// The core cannot do what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoreFault {
    /// More inputs than there is room for.
    Inputs,
}

impl<const R: usize, const C: usize> MemoryCore<R, C> {
    /// The board's core, as it was left.
    #[must_use]
    pub const fn open(transmissions: &'static [f32]) -> Self {
        const { assert!(R * C <= MAX_CELLS) };
        #[expect(
            unsafe_code,
            reason = "PSRAM of the mps2-an386; the linker puts nothing there, and the parts do not overlap"
        )]
        unsafe {
            Self {
                cells: Words::new(),
                routes: Words::new(),
                rows: Words::new(),
                inputs: Words::new(),
                transmissions,
                width: 0,
            }
        }
    }

    const fn pcm(cell: PcmCell) -> usize {
        2 * (cell.row as usize * C + cell.col as usize) + matches!(cell.side, Side::Minus) as usize
    }

    fn transmission(&self, level: u8) -> f32 {
        self.transmissions.get(usize::from(level)).copied().unwrap_or_default()
    }

    /// Transmission of a level in the outputs' fixed point, rounded down.
    fn fixed(&self, level: u8) -> i32 {
        (self.transmission(level) * ONE) as i32
    }
}

impl<const R: usize, const C: usize> Part for MemoryCore<R, C> {
    type Fault = CoreFault;

    fn fault_code(fault: CoreFault) -> u16 {
        match fault {
            CoreFault::Inputs => 1,
        }
    }
}

impl<const R: usize, const C: usize> Cells for MemoryCore<R, C> {
    const READ_BACK: bool = true;

    #[inline(always)]
    fn set(&mut self, target: Target) -> Result<(), CoreFault> {
        let i = Self::pcm(target.cell);
        let word = self.cells.read(i);
        let steps = u32::from(level(word).abs_diff(target.level)).max(1);
        self.cells.write(i, moved(word, target.level, steps));
        Ok(())
    }

    #[inline(always)]
    fn read(&mut self, cell: PcmCell) -> Result<f32, CoreFault> {
        Ok(self.transmission(level(self.cells.read(Self::pcm(cell)))))
    }
}

impl<const R: usize, const C: usize> Light for MemoryCore<R, C> {
    const SHARED_INPUTS: bool = device::FANOUT > 1;

    fn begin_layer(&mut self, _rows: u32, cols: u32, groups: u32) -> Result<(), CoreFault> {
        self.width = groups.saturating_mul(cols);
        if self.width as usize > MAX_INPUTS { Err(CoreFault::Inputs) } else { Ok(()) }
    }

    fn assign(&mut self, row: u16, output: Option<Output>) -> Result<(), CoreFault> {
        self.rows.write(row.into(), output.map_or(NONE, |output| output.base));
        let first = usize::from(row) * C;
        for i in first..first + C {
            self.routes.write(i, NONE);
        }
        Ok(())
    }

    #[inline]
    fn route(&mut self, row: u16, col: u16, input: Option<u32>) -> Result<(), CoreFault> {
        self.routes.write(usize::from(row) * C + usize::from(col), input.unwrap_or(NONE));
        Ok(())
    }

    fn load_inputs(&mut self, first: u32, values: &[i16]) -> Result<(), CoreFault> {
        let first = first as usize;
        if first.checked_add(values.len()).is_none_or(|end| end > MAX_INPUTS) {
            return Err(CoreFault::Inputs);
        }
        for (i, value) in (first..).zip(values) {
            self.inputs.write(i, i32::from(*value) as u32);
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), CoreFault> {
        // Light needs no instructions: what came out is worked out when it is asked for.
        Ok(())
    }

    fn output(&mut self, row: u16) -> Result<i64, CoreFault> {
        let base = self.rows.read(row.into());
        if base == NONE {
            return Ok(0);
        }
        let first = usize::from(row) * C;
        let mut sum = 0i64;
        for i in first..first + C {
            let route = self.routes.read(i);
            if route != NONE {
                let light = |side| self.fixed(level(self.cells.read(2 * i + side)));
                let input = self.inputs.read((base + route) as usize) as i32;
                sum += i64::from(light(0) - light(1)) * i64::from(input);
            }
        }
        Ok(sum)
    }
}
