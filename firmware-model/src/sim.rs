//! A simulated core: it forbids what hardware could not do, counts every level step of every PCM cell, and multiplies in
//! integers, so that its outputs are exact whatever the order of the schedule.
//!
//! All its memory is lent ([`SimMemory`]); cells lie row by row, `row * C + col`.

use core::fmt;

use crate::pcm::{Counts, Move, Slowest, WriteCost, top_level};
use crate::photonic_core::{Core, Output};
use crate::wire::Layer;

/// The route of a dark cell.
pub const DARK: u32 = u32::MAX;

/// What one PCM cell has gone through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PcmWear {
    /// Level steps up.
    pub up: u32,
    /// Level steps down.
    pub down: u32,
    /// Steps of the core in which it changed.
    pub events: u32,
    /// Those of them in which it was above level 0 before: resets, on a device that resets first.
    pub resets: u32,
}

impl PcmWear {
    /// Level steps in all.
    #[must_use]
    pub const fn writes(self) -> u32 {
        self.up.saturating_add(self.down)
    }

    /// What wears the cell out on a device of this cost law ([`WriteCost::wear`]).
    #[must_use]
    pub const fn by(self, cost: &WriteCost) -> u64 {
        cost.wear(self.writes() as u64, self.events as u64, self.resets as u64)
    }

    const fn count(&mut self, change: Move, cell: usize) {
        self.up = self.up.saturating_add(change.up[cell] as u32);
        self.down = self.down.saturating_add(change.down[cell] as u32);
        self.events = self.events.saturating_add(change.changes(cell) as u32);
        self.resets = self.resets.saturating_add(change.resets(cell) as u32);
    }
}

/// What the two PCM cells of a weight cell have gone through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wear {
    /// The plus cell.
    pub plus: PcmWear,
    /// The minus cell.
    pub minus: PcmWear,
}

impl Wear {
    /// Writes of the more worn of the two.
    #[must_use]
    pub const fn worst(self) -> u32 {
        let (plus, minus) = (self.plus.writes(), self.minus.writes());
        if plus > minus { plus } else { minus }
    }
}

/// Sums over all cells since the core was built.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Writes, events, and what else prices them.
    pub counts: Counts,
    /// Steps.
    pub steps: u64,
    /// Products of a weight and an input.
    pub multiplications: u64,
    /// Time of writing, microseconds: in each step all cells are written side by side, so the slowest cell counts. 0
    /// without a cost law.
    pub write_time_us: f64,
}

impl Totals {
    /// Level steps in all.
    #[must_use]
    pub const fn writes(&self) -> u64 {
        self.counts.writes()
    }

    /// Energy of the writes, pJ.
    #[must_use]
    pub fn energy_pj(&self, cost: &WriteCost) -> f64 {
        cost.energy_pj(&self.counts)
    }
}

/// What the core is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimConfig {
    /// Rows R.
    pub rows: u16,
    /// Columns C.
    pub cols: u16,
    /// Bits b of a PCM cell, 1 to 8.
    pub bits: u8,
    /// Neighbouring rows that share the input of each lane; divides R.
    pub fanout: u16,
    /// The cost law, for [`Totals::write_time_us`].
    pub cost: Option<WriteCost>,
}

/// What the core is lent.
pub struct SimMemory<'a> {
    /// Signed level of each weight cell, R x C: the state of the device. Erased cells are at 0.
    pub levels: &'a mut [i16],
    /// Wear of each weight cell, R x C; counted on.
    pub wear: &'a mut [Wear],
    /// Scratch, R x C: which column feeds each cell.
    pub routes: &'a mut [u32],
    /// Scratch, R: what each row computes.
    pub assigned: &'a mut [Option<Output>],
    /// Weight of each level 0..=B in fixed point, as the caller likes: `2^b` values.
    pub values: &'a [i32],
    /// The inputs of all layers, one after the other, `groups * cols` for each.
    pub inputs: &'a [i32],
    /// The outputs of all layers, one after the other; zeroed when layer 0 begins.
    pub outputs: &'a mut [i64],
    /// Weight cells that do not move any more, ascending by (row, column).
    pub stuck: &'a [(u16, u16)],
}

/// What the simulated core forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Lent memory of another length than the core needs.
    Lent {
        /// Field of [`SimMemory`].
        what: &'static str,
        /// Elements needed.
        need: usize,
        /// Elements lent.
        have: usize,
    },
    /// Bits outside 1..=8.
    Bits {
        /// The bits.
        got: u8,
    },
    /// A fanout that does not divide the rows.
    Fanout {
        /// Rows that share an input.
        fanout: u16,
        /// Rows of the core.
        rows: u16,
    },
    /// The list of stuck cells is not ascending, or names a cell that is not there.
    StuckList {
        /// Position in the list.
        at: usize,
    },
    /// A cell outside the core.
    Cell {
        /// Row.
        row: u16,
        /// Column.
        col: u16,
    },
    /// A level outside `-B..=B`.
    Level {
        /// Row.
        row: u16,
        /// Column.
        col: u16,
        /// The level.
        level: i16,
    },
    /// A write to a cell that does not move any more.
    Stuck {
        /// Row.
        row: u16,
        /// Column.
        col: u16,
        /// The level it holds.
        at: i16,
        /// The level it should get.
        wanted: i16,
    },
    /// An input that the layer does not have.
    Input {
        /// Row.
        row: u16,
        /// Column.
        col: u16,
        /// Column of the layer.
        input: u32,
    },
    /// Light for a cell whose row computes nothing.
    Unassigned {
        /// Row.
        row: u16,
        /// Column.
        col: u16,
    },
    /// An output row that the layer does not have.
    OutputRow {
        /// Core row.
        row: u16,
        /// Output row.
        output: u32,
    },
    /// A step, or an assignment, before any layer; or a step in which no row computes anything.
    Idle,
    /// An output left 64 bits: smaller inputs or values are needed.
    Overflow {
        /// Output row of the layer.
        output: u32,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lent { what, need, have } => write!(f, "{need} elements of {what} are needed, {have} were lent"),
            Self::Bits { got } => write!(f, "cells with {got} bits, expected 1 to 8"),
            Self::Fanout { fanout, rows } => write!(f, "a fanout of {fanout}, expected a divisor of {rows} rows"),
            Self::StuckList { at } => write!(f, "entry {at} of the stuck cells is outside the core or not ascending"),
            Self::Cell { row, col } => write!(f, "there is no cell ({row}, {col})"),
            Self::Level { row, col, level } => write!(f, "cell ({row}, {col}) has no level {level}"),
            Self::Stuck { row, col, at, wanted } => {
                write!(f, "cell ({row}, {col}) is stuck at level {at}, it cannot go to {wanted}: plan around it")
            }
            Self::Input { row, col, input } => {
                write!(f, "cell ({row}, {col}) is to get input {input}, which the layer does not have")
            }
            Self::Unassigned { row, col } => {
                write!(f, "cell ({row}, {col}) is to get light, but its row computes no output")
            }
            Self::OutputRow { row, output } => {
                write!(f, "core row {row} is to compute output row {output}, which the layer does not have")
            }
            Self::Idle => f.write_str("a step before any row was given an output"),
            Self::Overflow { output } => write!(f, "output row {output} left 64 bits: use smaller inputs or values"),
        }
    }
}

impl core::error::Error for Fault {}

/// The layer that is being computed.
#[derive(Clone, Copy, Debug, Default)]
struct Current {
    rows: u32,
    cols: u32,
    /// Its inputs, those of all groups.
    inputs: usize,
    /// Where its inputs begin.
    first_input: usize,
    /// Where its outputs begin.
    first_output: usize,
}

/// A core in memory.
pub struct SimCore<'a> {
    config: SimConfig,
    memory: SimMemory<'a>,
    totals: Totals,
    layer: Option<Current>,
    /// The slowest writes since the last step.
    slowest: Slowest,
}

impl<'a> SimCore<'a> {
    /// A core that holds the lent levels, dark and without outputs.
    ///
    /// # Errors
    /// [`Fault::Lent`], [`Fault::Bits`], [`Fault::StuckList`], [`Fault::Level`] when what is lent is not such a core.
    pub fn new(config: SimConfig, memory: SimMemory<'a>) -> Result<Self, Fault> {
        if !(crate::pcm::MIN_BITS..=crate::pcm::MAX_BITS).contains(&config.bits) {
            return Err(Fault::Bits { got: config.bits });
        }
        if config.fanout == 0 || !config.rows.is_multiple_of(config.fanout) {
            return Err(Fault::Fanout { fanout: config.fanout, rows: config.rows });
        }
        let cells = usize::from(config.rows) * usize::from(config.cols);
        lent("levels", cells, memory.levels.len())?;
        lent("wear", cells, memory.wear.len())?;
        lent("routes", cells, memory.routes.len())?;
        lent("assigned", config.rows.into(), memory.assigned.len())?;
        lent("values", 1 << config.bits, memory.values.len())?;
        for (at, &(row, col)) in memory.stuck.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|i| memory.stuck.get(i));
            if row >= config.rows || col >= config.cols || before.is_some_and(|&b| b >= (row, col)) {
                return Err(Fault::StuckList { at });
            }
        }
        let core = Self { config, memory, totals: Totals::default(), layer: None, slowest: Slowest::default() };
        for (i, &level) in core.memory.levels.iter().enumerate() {
            let cols = usize::from(config.cols);
            core.check_level((i / cols) as u16, (i % cols) as u16, level)?;
        }
        core.memory.routes.fill(DARK);
        core.memory.assigned.fill(None);
        Ok(core)
    }

    /// Sums over all cells since the core was built.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// The outputs of all layers, one after the other: `sum of values[|level|] * sign(level) * input`.
    #[must_use]
    pub const fn outputs(&self) -> &[i64] {
        self.memory.outputs
    }

    /// Signed level of each weight cell.
    #[must_use]
    pub const fn levels(&self) -> &[i16] {
        self.memory.levels
    }

    /// Wear of each weight cell.
    #[must_use]
    pub const fn wear(&self) -> &[Wear] {
        self.memory.wear
    }

    /// Writes of the most worn PCM cell.
    #[must_use]
    pub fn worst_cell(&self) -> u32 {
        self.memory.wear.iter().map(|w| w.worst()).max().unwrap_or(0)
    }

    fn cell(&self, row: u16, col: u16) -> Result<usize, Fault> {
        if row < self.config.rows && col < self.config.cols {
            Ok(usize::from(row) * usize::from(self.config.cols) + usize::from(col))
        } else {
            Err(Fault::Cell { row, col })
        }
    }

    fn check_level(&self, row: u16, col: u16, level: i16) -> Result<(), Fault> {
        let top = top_level(self.config.bits);
        if (-top..=top).contains(&level) { Ok(()) } else { Err(Fault::Level { row, col, level }) }
    }

    fn is_stuck(&self, row: u16, col: u16) -> bool {
        self.memory.stuck.binary_search(&(row, col)).is_ok()
    }
}

fn lent(what: &'static str, need: usize, have: usize) -> Result<(), Fault> {
    if need == have { Ok(()) } else { Err(Fault::Lent { what, need, have }) }
}

impl Core for SimCore<'_> {
    type Fault = Fault;

    fn begin_layer(&mut self, layer: &Layer<'_>) -> Result<(), Fault> {
        let (first_input, first_output) = match self.layer {
            Some(before) if layer.index > 0 => {
                (before.first_input + before.inputs, before.first_output + before.rows as usize)
            }
            _ => {
                self.memory.outputs.fill(0);
                (0, 0)
            }
        };
        let (have, rows) = (self.memory.outputs.len(), layer.rows as usize);
        if have - first_output < rows {
            return Err(Fault::Lent { what: "outputs", need: first_output.saturating_add(rows), have });
        }
        let (have, inputs) = (self.memory.inputs.len(), (layer.groups as usize).saturating_mul(layer.cols as usize));
        if have - first_input < inputs {
            return Err(Fault::Lent { what: "inputs", need: first_input.saturating_add(inputs), have });
        }
        self.memory.assigned.fill(None);
        self.memory.routes.fill(DARK);
        self.layer = Some(Current { rows: layer.rows, cols: layer.cols, inputs, first_input, first_output });
        Ok(())
    }

    fn assign(&mut self, row: u16, output: Option<Output>) -> Result<(), Fault> {
        let first = self.cell(row, 0)?;
        let layer = self.layer.ok_or(Fault::Idle)?;
        if let Some(output) = output {
            let behind = (output.base as usize).saturating_add(layer.cols as usize);
            if output.row >= layer.rows || behind > layer.inputs {
                return Err(Fault::OutputRow { row, output: output.row });
            }
        }
        self.memory.assigned[usize::from(row)] = output;
        self.memory.routes[first..first + usize::from(self.config.cols)].fill(DARK);
        Ok(())
    }

    fn program(&mut self, row: u16, col: u16, level: i16) -> Result<(), Fault> {
        let cell = self.cell(row, col)?;
        self.check_level(row, col, level)?;
        let at = core::mem::replace(&mut self.memory.levels[cell], level);
        if at == level {
            return Ok(());
        }
        if self.is_stuck(row, col) {
            self.memory.levels[cell] = at;
            return Err(Fault::Stuck { row, col, at, wanted: level });
        }
        let change = Move::between(at, level);
        let wear = &mut self.memory.wear[cell];
        wear.plus.count(change, 0);
        wear.minus.count(change, 1);
        self.totals.counts.add(change);
        if let Some(cost) = &self.config.cost {
            self.slowest = self.slowest.with(cost.slowest(change));
        }
        Ok(())
    }

    fn route(&mut self, row: u16, col: u16, input: Option<u32>) -> Result<(), Fault> {
        self.cell(row, col)?;
        let light = match (input, self.layer) {
            (None, _) => DARK,
            (Some(_), _) if self.memory.assigned[usize::from(row)].is_none() => {
                return Err(Fault::Unassigned { row, col });
            }
            (Some(input), Some(layer)) if input < layer.cols => input,
            (Some(input), _) => return Err(Fault::Input { row, col, input }),
        };
        // The light of a lane falls on all rows that share its input.
        let first = row - row % self.config.fanout;
        for row in first..first + self.config.fanout {
            self.memory.routes[usize::from(row) * usize::from(self.config.cols) + usize::from(col)] = light;
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Fault> {
        let layer = self.layer.ok_or(Fault::Idle)?;
        let cols = usize::from(self.config.cols);
        let mut computes = false;
        for (row, output) in self.memory.assigned.iter().enumerate() {
            let Some(output) = output else { continue };
            computes = true;
            let cells = row * cols..(row + 1) * cols;
            let inputs = &self.memory.inputs[layer.first_input + output.base as usize..];
            let mut sum = self.memory.outputs[layer.first_output + output.row as usize];
            for (&route, &level) in self.memory.routes[cells.clone()].iter().zip(&self.memory.levels[cells]) {
                if route == DARK {
                    continue;
                }
                let weight =
                    i64::from(self.memory.values[usize::from(level.unsigned_abs())]) * i64::from(level.signum());
                let product = weight.checked_mul(inputs[route as usize].into());
                sum = product
                    .and_then(|product| sum.checked_add(product))
                    .ok_or(Fault::Overflow { output: output.row })?;
                self.totals.multiplications += 1;
            }
            self.memory.outputs[layer.first_output + output.row as usize] = sum;
        }
        if !computes {
            return Err(Fault::Idle);
        }
        self.totals.steps += 1;
        if let Some(cost) = &self.config.cost {
            self.totals.write_time_us += cost.time_us(core::mem::take(&mut self.slowest));
        }
        Ok(())
    }
}
