//! A simulated core below the seam ([`Hardware`]): PCM cells that are written with noise, drift, get stuck, and lose power; and light that
//! goes through them.
//!
//! ```text
//! written:  T = T[level] + sigma g          g: sum of 12 uniform numbers - 6, nearly normal; from the seed, the cell and its writes
//! later:    T(t) = T (1 + t / tc)^-nu       t: seconds since it was written
//! stuck:    T as it was written last, whatever is asked for
//! ```
//!
//! With `sigma = nu = 0` and no stuck cell it is ideal. What a cell holds is what light sees; the level is what it was written to.

use crate::hardware::{Hardware, PcmCell};
use crate::photonic_core::{Identity, Output};

/// Physics of the simulated cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Physics {
    /// Standard deviation of a written transmission, in transmission.
    pub sigma: f32,
    /// Exponent of the drift, dimensionless: 0 for none.
    pub nu: f32,
    /// Time scale of the drift, seconds.
    pub tc: f32,
    /// Where the noise begins.
    pub seed: u64,
}

impl Physics {
    /// Cells that hold exactly what they are written to.
    pub const IDEAL: Self = Self { sigma: 0.0, nu: 0.0, tc: 1.0, seed: 0 };
}

/// One simulated PCM cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimCell {
    /// Level that it was written to last.
    pub level: u8,
    /// Whether it does not move any more.
    pub stuck: bool,
    /// Writes: levels moved, and one for each time that it was written to the level it had.
    pub pulses: u32,
    /// Transmission when it was written.
    pub transmission: f32,
    /// When it was written, seconds.
    pub written: f64,
}

impl SimCell {
    /// A cell at level 0 of a device whose level 0 has `transmission`.
    #[must_use]
    pub const fn erased(transmission: f32) -> Self {
        Self { level: 0, stuck: false, pulses: 0, transmission, written: 0.0 }
    }
}

/// Power that fails: every write of a cell and every write or erase of the flash asks it first.
pub trait Power {
    /// Whether the next single event still takes place whole. `false`: the power is gone, in the middle of it.
    fn holds(&mut self) -> bool;

    /// Whether the power is gone.
    fn is_off(&self) -> bool;
}

/// Power that does not fail.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mains;

impl Power for Mains {
    #[inline]
    fn holds(&mut self) -> bool {
        true
    }

    #[inline]
    fn is_off(&self) -> bool {
        false
    }
}

/// What the simulated core forbids, or suffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellFault {
    /// The power is gone.
    PowerLost,
    /// A row or column that the core does not have.
    Outside {
        /// Row.
        row: u16,
        /// Column.
        col: u16,
    },
    /// A level that a cell does not have.
    Level {
        /// The level.
        got: u8,
    },
    /// An input beyond the memory for inputs, or beyond the layer's input vector.
    Input {
        /// The element.
        element: u32,
    },
    /// Light for a row that computes nothing, or an output that the layer does not have.
    Unassigned {
        /// The row.
        row: u16,
    },
    /// A core whose read-out is asked for but not there.
    NoReadBack,
}

/// What a simulated core is lent.
pub struct CellMemory<'m> {
    /// Plus and minus cell of each weight cell: R x C. They outlast a power cut.
    pub cells: &'m mut [[SimCell; 2]],
    /// What feeds each weight cell: R x C.
    pub routes: &'m mut [u32],
    /// What each row computes: R.
    pub assigned: &'m mut [Option<Output>],
    /// Result of each row in the last step: R.
    pub sums: &'m mut [i64],
    /// The input vector: as many elements as layers may have.
    pub inputs: &'m mut [i16],
}

/// The route of a dark cell.
const DARK: u32 = u32::MAX;
/// Transmission 1 in the fixed point of outputs.
pub const ONE: f32 = 1_048_576.0;

/// A simulated core of R x C weight cells. `READ_BACK`: whether cells can be read.
pub struct SimCells<'m, P, const READ_BACK: bool> {
    cols: u16,
    /// Rows that share an input: at least 1.
    fanout: u16,
    transmissions: &'m [f32],
    physics: Physics,
    memory: CellMemory<'m>,
    elements: u64,
    layer_cols: u32,
    layer_rows: u32,
    /// Seconds since the beginning.
    pub now: f64,
    /// The power that it lives on.
    pub power: P,
}

impl<'m, P: Power, const READ_BACK: bool> SimCells<'m, P, READ_BACK> {
    /// The core of this identity, whose cells hold what `memory` says, dark; `None` when the memory is not that of such a core.
    /// `transmissions`: of each level.
    #[must_use]
    pub fn new(
        identity: &Identity,
        transmissions: &'m [f32],
        physics: Physics,
        memory: CellMemory<'m>,
        power: P,
    ) -> Option<Self> {
        let Identity { rows, cols, fanout, .. } = *identity;
        let cells = usize::from(rows) * usize::from(cols);
        let fits = memory.cells.len() == cells
            && memory.routes.len() == cells
            && memory.assigned.len() == usize::from(rows)
            && memory.sums.len() == usize::from(rows);
        if !fits {
            return None;
        }
        memory.routes.fill(DARK);
        memory.assigned.fill(None);
        memory.sums.fill(0);
        Some(Self {
            cols,
            fanout: fanout.max(1),
            transmissions,
            physics,
            memory,
            elements: 0,
            layer_cols: 0,
            layer_rows: 0,
            now: 0.0,
            power,
        })
    }

    /// Plus and minus cell of each weight cell.
    #[must_use]
    pub const fn cells(&self) -> &[[SimCell; 2]] {
        self.memory.cells
    }

    fn index(&self, row: u16, col: u16) -> Result<usize, CellFault> {
        if col < self.cols && usize::from(row) < self.memory.assigned.len() {
            Ok(usize::from(row) * usize::from(self.cols) + usize::from(col))
        } else {
            Err(CellFault::Outside { row, col })
        }
    }

    fn alive(&self) -> Result<(), CellFault> {
        if self.power.is_off() { Err(CellFault::PowerLost) } else { Ok(()) }
    }

    /// One pulse that leaves the cell at `level`.
    fn pulse(&mut self, index: usize, side: usize, level: u8) -> Result<(), CellFault> {
        // A pulse that the cut falls into has not moved the cell, or has: both happen, with the cell before and after.
        let whole = self.power.holds();
        let transmission =
            self.transmissions.get(usize::from(level)).copied().ok_or(CellFault::Level { got: level })?;
        let (physics, now) = (self.physics, self.now);
        let off = self.power.is_off();
        if let Some(cell) = self.memory.cells.get_mut(index).and_then(|pair| pair.get_mut(side))
            && (whole || off && cell.pulses.is_multiple_of(2))
        {
            cell.pulses = cell.pulses.saturating_add(1);
            if !cell.stuck {
                let noise = if physics.sigma > 0.0 {
                    let pcm = 2 * index as u64 + side as u64;
                    physics.sigma * gaussian(physics.seed ^ (pcm << 32) ^ u64::from(cell.pulses))
                } else {
                    0.0
                };
                cell.level = level;
                cell.transmission = transmission + noise;
                cell.written = now;
            }
        }
        if whole { Ok(()) } else { Err(CellFault::PowerLost) }
    }

    /// Moves a cell level by level from where it is.
    fn move_to(&mut self, cell: PcmCell, level: u8) -> Result<(), CellFault> {
        self.alive()?;
        let (index, side) = (self.index(cell.row, cell.col)?, cell.side as usize);
        if usize::from(level) >= self.transmissions.len() {
            return Err(CellFault::Level { got: level });
        }
        let pair = self.memory.cells.get(index).and_then(|pair| pair.get(side));
        let Some(mut at) = pair.map(|cell| cell.level) else { return Ok(()) };
        if at == level {
            return self.pulse(index, side, level);
        }
        while at != level {
            at = if at < level { at + 1 } else { at - 1 };
            self.pulse(index, side, at)?;
        }
        Ok(())
    }
}

impl<P: Power, const READ_BACK: bool> Hardware for SimCells<'_, P, READ_BACK> {
    type Fault = CellFault;

    const READ_BACK: bool = READ_BACK;

    fn set(&mut self, cell: PcmCell, level: u8) -> Result<(), CellFault> {
        self.move_to(cell, level)
    }

    fn read(&mut self, cell: PcmCell) -> Result<f32, CellFault> {
        self.alive()?;
        if !READ_BACK {
            return Err(CellFault::NoReadBack);
        }
        let index = self.index(cell.row, cell.col)?;
        let pair = self.memory.cells.get(index).and_then(|pair| pair.get(cell.side as usize));
        pair.map(|cell| transmission(cell, &self.physics, self.now))
            .ok_or(CellFault::Outside { row: cell.row, col: cell.col })
    }

    fn begin_layer(&mut self, rows: u32, cols: u32, groups: u32) -> Result<(), CellFault> {
        self.alive()?;
        (self.layer_rows, self.layer_cols) = (rows, cols);
        self.elements = u64::from(groups) * u64::from(cols);
        Ok(())
    }

    fn assign(&mut self, row: u16, output: Option<Output>) -> Result<(), CellFault> {
        self.alive()?;
        let first = self.index(row, 0)?;
        if output.is_some_and(|output| {
            output.row >= self.layer_rows
                || u64::from(output.base).saturating_add(self.layer_cols.into()) > self.elements
        }) {
            return Err(CellFault::Unassigned { row });
        }
        if let Some(place) = self.memory.assigned.get_mut(usize::from(row)) {
            *place = output;
        }
        if let Some(routes) = self.memory.routes.get_mut(first..).and_then(|r| r.get_mut(..usize::from(self.cols))) {
            routes.fill(DARK);
        }
        Ok(())
    }

    fn route(&mut self, row: u16, col: u16, input: Option<u32>) -> Result<(), CellFault> {
        self.index(row, col)?;
        let assigned = self.memory.assigned.get(usize::from(row)).copied().flatten();
        let route = match (input, assigned) {
            (None, _) => DARK,
            (Some(input), Some(output)) if input < self.layer_cols => output.base + input,
            (Some(input), Some(_)) => return Err(CellFault::Input { element: input }),
            (Some(_), None) => return Err(CellFault::Unassigned { row }),
        };
        // The light of a lane falls on all rows that share its input.
        let group = usize::from(row - row.checked_rem(self.fanout).unwrap_or(0));
        let cols = usize::from(self.cols);
        for row in group..group + usize::from(self.fanout) {
            if let Some(place) = self.memory.routes.get_mut(row * cols + usize::from(col)) {
                *place = route;
            }
        }
        Ok(())
    }

    fn load_inputs(&mut self, first: u32, values: &[i16]) -> Result<(), CellFault> {
        self.alive()?;
        let place = self.memory.inputs.get_mut(first as usize..).and_then(|inputs| inputs.get_mut(..values.len()));
        place.ok_or(CellFault::Input { element: first })?.copy_from_slice(values);
        Ok(())
    }

    /// Every row: the sum of `(T plus - T minus) * ONE`, rounded, times the input. Inputs that were never loaded are 0.
    fn step(&mut self) -> Result<(), CellFault> {
        self.alive()?;
        let cols = usize::from(self.cols).max(1);
        let (physics, now) = (self.physics, self.now);
        let through = |cell: &SimCell| transmission(cell, &physics, now);
        let rows = self.memory.cells.chunks_exact(cols).zip(self.memory.routes.chunks_exact(cols));
        for ((place, assigned), (cells, routes)) in
            self.memory.sums.iter_mut().zip(self.memory.assigned.iter()).zip(rows)
        {
            *place = 0;
            if assigned.is_none() {
                continue;
            }
            let mut sum = 0i64;
            for ([plus, minus], &route) in cells.iter().zip(routes) {
                if route != DARK {
                    let weight = (through(plus) - through(minus)) * ONE;
                    let input = self.memory.inputs.get(route as usize).copied().unwrap_or(0);
                    sum = sum.wrapping_add(i64::from(libm::roundf(weight) as i32) * i64::from(input));
                }
            }
            *place = sum;
        }
        Ok(())
    }

    fn output(&mut self, row: u16) -> Result<i64, CellFault> {
        self.alive()?;
        self.memory.sums.get(usize::from(row)).copied().ok_or(CellFault::Outside { row, col: 0 })
    }

    fn fault_code(fault: CellFault) -> u16 {
        match fault {
            CellFault::PowerLost => 1,
            CellFault::Outside { .. } => 2,
            CellFault::Level { .. } => 3,
            CellFault::Input { .. } => 4,
            CellFault::Unassigned { .. } => 5,
            CellFault::NoReadBack => 6,
        }
    }
}

/// What a cell lets through at `now`.
fn transmission(cell: &SimCell, physics: &Physics, now: f64) -> f32 {
    if physics.nu == 0.0 {
        return cell.transmission;
    }
    let age = ((now - cell.written) as f32).max(0.0);
    cell.transmission * libm::powf(1.0 + age / physics.tc, -physics.nu)
}

/// A nearly normal number (mean 0, variance 1, within -6..=6) from a seed: the sum of twelve uniform numbers, by splitmix64.
fn gaussian(mut seed: u64) -> f32 {
    let mut sum = 0u64;
    for _ in 0..6 {
        seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        sum += (z >> 32) + (z & 0xFFFF_FFFF);
    }
    (sum as f64 / 4_294_967_296.0 - 6.0) as f32
}
