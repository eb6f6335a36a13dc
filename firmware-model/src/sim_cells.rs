//! A simulated core below the seam ([`Hardware`](crate::hardware::Hardware)): PCM cells that are written with noise, drift, get stuck, and lose power; and light that
//! goes through them.
//!
//! ```text
//! written:  T = T[level] + sigma g          g: sum of 12 uniform numbers - 6, nearly normal; from the seed, the cell and its writes
//! later:    T(t) = T (1 + t / tc)^-nu       t: seconds since it was written
//! stuck:    T as it was written last, whatever is asked for
//! ```
//!
//! With `sigma = nu = 0` and no stuck cell it is ideal. What a cell holds is what light sees; the level is what it was written to. Cells may
//! have transmissions of their own ([`SimCells::own`]), be moved by pulses instead of levels ([`SimCells::response`]), and take the time of a
//! device ([`SimCells::timing`]).

use crate::hardware::{Cells, CellsFault, Light, Part, PcmCell, Pulse, Side, Target};
use crate::mutants::Mutant;
use crate::pcm::{Move, Slowest, WriteCost};
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
    /// Result of each row in the last step: R, for each input vector that a step can let through.
    pub sums: &'m mut [i64],
    /// The input vectors: as many elements as layers may have, for each of them.
    pub inputs: &'m mut [i16],
}

/// Which PCM cells are written at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SideBySide {
    /// All that are asked for together.
    Core,
    /// Those of a core row, row after row.
    Row,
    /// Those of a core column, column after column.
    Column,
    /// One after the other.
    One,
}

/// How long writing takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WriteTiming {
    /// The device's law.
    pub cost: WriteCost,
    /// What is written at the same time.
    pub at_once: SideBySide,
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
    /// Transmissions of each PCM cell's own levels, `2 R C` times `2^bits`, plus cell before minus cell; empty: all cells are alike.
    pub own: &'m [f32],
    /// The pulse that leaves a cell at each level, where cells are moved by pulses: one of another amplitude leaves it between two levels. Empty:
    /// by levels.
    pub response: &'m [Pulse],
    /// How long writing takes; without it, no time is counted.
    pub timing: Option<WriteTiming>,
    /// Time of all writes, microseconds.
    pub busy_us: f64,
    /// Input vectors that each step lets through, and the one that is spoken of.
    vectors: u16,
    vector: u16,
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
            && !memory.sums.is_empty()
            && memory.sums.len().is_multiple_of(usize::from(rows));
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
            own: &[],
            response: &[],
            timing: None,
            busy_us: 0.0,
            vectors: 1,
            vector: 0,
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

    /// Where the elements of an input vector lie.
    fn inputs_of(&self, vector: u16) -> core::ops::Range<usize> {
        let each = self.memory.inputs.len() / usize::from(self.most_vectors().max(1));
        usize::from(vector) * each..(usize::from(vector) + 1) * each
    }

    fn alive(&self) -> Result<(), CellFault> {
        if self.power.is_off() { Err(CellFault::PowerLost) } else { Ok(()) }
    }

    /// Transmission of a PCM cell at a level, by its own table if it has one.
    fn at_level(&self, index: usize, side: usize, level: u8) -> Option<f32> {
        if self.own.is_empty() {
            return self.transmissions.get(level as usize).copied();
        }
        let first = (2 * index + side) * self.transmissions.len();
        self.own.get(first..)?.get(..self.transmissions.len())?.get(usize::from(level)).copied()
    }

    /// Transmission that a pulse leaves a PCM cell at: between those of the levels whose amplitudes it lies between.
    fn after(&self, index: usize, side: usize, pulse: Pulse) -> Option<f32> {
        let amplitude = f32::from(pulse.amplitude);
        let at = |level: usize| {
            Some((f32::from(self.response.get(level)?.amplitude), self.at_level(index, side, level as u8)?))
        };
        let mut nearest = at(0)?;
        for level in 1..self.response.len() {
            let ((a, from), (b, to)) = (at(level - 1)?, at(level)?);
            let part = (amplitude - a) / (b - a);
            if (0.0..=1.0).contains(&part) {
                return Some(from + part * (to - from));
            }
            if (amplitude - b).abs() < (amplitude - nearest.0).abs() {
                nearest = (b, to);
            }
        }
        Some(nearest.1)
    }

    /// One pulse that leaves the cell at `level`, with this transmission.
    fn pulse(&mut self, index: usize, side: usize, level: u8, transmission: f32) -> Result<(), CellFault> {
        // A pulse that the cut falls into has not moved the cell, or has: both happen, with the cell before and after.
        let whole = self.power.holds();
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

    fn held(&self, cell: PcmCell) -> Result<(usize, usize, SimCell), CellFault> {
        let outside = CellFault::Outside { row: cell.row, col: cell.col };
        let (index, side) = (self.index(cell.row, cell.col)?, cell.side as usize);
        let pair = self.memory.cells.get(index).and_then(|pair| pair.get(side));
        Ok((index, side, *pair.ok_or(outside)?))
    }

    /// Moves a cell one step on its way: a level, or the pulse, where it is moved by pulses; in the first round also when it is there already.
    /// Whether it was pulsed.
    fn advance(&mut self, target: Target, round: u16) -> Result<bool, CellFault> {
        self.alive()?;
        let (index, side, cell) = self.held(target.cell)?;
        let at = cell.level;
        let wrong = CellFault::Level { got: target.level };
        if usize::from(target.level) >= self.transmissions.len() {
            return Err(wrong);
        }
        // A stuck cell is pulsed as often as one that moves.
        let is_there = at == target.level || cell.stuck && round >= u16::from(at.abs_diff(target.level));
        if round > 0 && (is_there || !self.response.is_empty()) {
            return Ok(false);
        }
        let (level, transmission) = if self.response.is_empty() {
            let level = if at < target.level { at + 1 } else { at.saturating_sub(1).max(target.level) };
            (level, self.at_level(index, side, level))
        } else {
            (target.level, self.after(index, side, target.pulse))
        };
        self.pulse(index, side, level, transmission.ok_or(wrong)?)?;
        Ok(true)
    }

    /// Brings cells to their levels, all at the same time: each takes its first step, then each its second.
    fn side_by_side(&mut self, targets: impl Iterator<Item = Target> + Clone) -> Result<(), CellsFault<CellFault>> {
        if let Some(timing) = self.timing {
            let mut slowest = Slowest::default();
            for target in targets.clone() {
                let (_, _, SimCell { level: at, .. }) =
                    self.held(target.cell).map_err(|fault| (Some(target.cell), fault))?;
                // What is there already is written once more: as long as a level takes.
                let from = if at == target.level { i16::from(at) + 1 } else { i16::from(at) };
                slowest = slowest.with(timing.cost.slowest(Move::between(from, target.level.into())));
            }
            self.busy_us += timing.cost.time_us(slowest);
        }
        let (mut round, mut moved) = (0, true);
        while moved {
            moved = false;
            for target in targets.clone() {
                moved |= self.advance(target, round).map_err(|fault| (Some(target.cell), fault))?;
            }
            round += 1;
        }
        Ok(())
    }
}

impl<P: Power, const READ_BACK: bool> Part for SimCells<'_, P, READ_BACK> {
    type Fault = CellFault;

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

impl<P: Power, const READ_BACK: bool> Cells for SimCells<'_, P, READ_BACK> {
    const READ_BACK: bool = READ_BACK;
    const SIDE_BY_SIDE: bool = true;

    fn set(&mut self, target: Target) -> Result<(), CellFault> {
        self.side_by_side(core::iter::once(target)).map_err(|(_, fault)| fault)
    }

    fn set_many(&mut self, targets: impl Iterator<Item = Target> + Clone) -> Result<(), CellsFault<CellFault>> {
        let at_once = match self.timing {
            _ if Mutant::OneByOne.is_on() => SideBySide::One,
            Some(timing) => timing.at_once,
            None => SideBySide::Core,
        };
        let group = |cell: PcmCell| match at_once {
            SideBySide::Core => 0,
            SideBySide::Row => u32::from(cell.row),
            SideBySide::Column => u32::from(cell.col),
            SideBySide::One => u32::from(cell.row) << 17 | u32::from(cell.col) << 1 | (cell.side == Side::Minus) as u32,
        };
        // Groups in ascending order: the first, and from each the one that comes next.
        let mut next = targets.clone().map(|target| group(target.cell)).min();
        while let Some(now) = next {
            self.side_by_side(targets.clone().filter(|target| group(target.cell) == now))?;
            next = targets.clone().map(|target| group(target.cell)).filter(|&other| other > now).min();
        }
        Ok(())
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
}

impl<P: Power, const READ_BACK: bool> Light for SimCells<'_, P, READ_BACK> {
    fn most_vectors(&self) -> u16 {
        let vectors = self.memory.sums.len().checked_div(self.memory.assigned.len()).unwrap_or(1);
        u16::try_from(vectors).unwrap_or(u16::MAX)
    }

    fn begin_batch(&mut self, vectors: u16) -> Result<(), CellFault> {
        self.vectors = vectors;
        Ok(())
    }

    fn select(&mut self, vector: u16) -> Result<(), CellFault> {
        self.vector = vector;
        Ok(())
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
        let own = self.inputs_of(self.vector);
        let inputs = self.memory.inputs.get_mut(own).unwrap_or_default();
        let place = inputs.get_mut(first as usize..).and_then(|inputs| inputs.get_mut(..values.len()));
        place.ok_or(CellFault::Input { element: first })?.copy_from_slice(values);
        Ok(())
    }

    /// Every row: the sum of `(T plus - T minus) * ONE`, rounded, times the input. Inputs that were never loaded are 0.
    fn step(&mut self) -> Result<(), CellFault> {
        self.alive()?;
        let cols = usize::from(self.cols).max(1);
        let (physics, now) = (self.physics, self.now);
        let through = |cell: &SimCell| transmission(cell, &physics, now);
        let rows = self.memory.assigned.len();
        for vector in 0..self.vectors {
            let inputs = self.memory.inputs.get(self.inputs_of(vector)).unwrap_or_default();
            let sums = self.memory.sums.get_mut(usize::from(vector) * rows..).unwrap_or_default();
            let cells = self.memory.cells.chunks_exact(cols).zip(self.memory.routes.chunks_exact(cols));
            for ((place, assigned), (cells, routes)) in sums.iter_mut().zip(self.memory.assigned.iter()).zip(cells) {
                *place = 0;
                if assigned.is_none() {
                    continue;
                }
                let mut sum = 0i64;
                for ([plus, minus], &route) in cells.iter().zip(routes) {
                    if route != DARK {
                        let weight = (through(plus) - through(minus)) * ONE;
                        let input = inputs.get(route as usize).copied().unwrap_or(0);
                        sum = sum.wrapping_add(i64::from(libm::roundf(weight) as i32) * i64::from(input));
                    }
                }
                *place = sum;
            }
        }
        Ok(())
    }

    fn output(&mut self, row: u16) -> Result<i64, CellFault> {
        self.alive()?;
        let rows = self.memory.assigned.len();
        let sum = self.memory.sums.get(usize::from(self.vector) * rows + usize::from(row));
        sum.copied().filter(|_| usize::from(row) < rows).ok_or(CellFault::Outside { row, col: 0 })
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
