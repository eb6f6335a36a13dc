//! Row records of cores whose rows share inputs (`docs/schedule-format.md`, section 6).
//!
//! ```text
//! leader     which lanes are lit | their inputs | its levels
//! others                                        | their levels
//! ```
//!
//! Which lanes are lit is read off the leader's state codes when the others' records come: a lane is dark where the code is 0.

use crate::bits::{BitError, BitReader};
use crate::error::{Malformed, Stop};
use crate::packed::Packed;
use crate::photonic_core::Core;
use crate::rules::{LayerRules, Rules};
use crate::wire::{MAX_CORE, Reach, shared_bits, shared_choices, unzigzag};

/// One bit a lane.
#[derive(Clone, Copy, Default)]
struct Lanes([u64; MAX_CORE as usize / 64]);

impl Lanes {
    fn lit(&self, col: u16) -> bool {
        self.0.get(usize::from(col / 64)).is_some_and(|word| word >> (col % 64) & 1 == 1)
    }

    fn light(&mut self, col: u16) {
        if let Some(word) = self.0.get_mut(usize::from(col / 64)) {
            *word |= 1 << (col % 64);
        }
    }
}

/// Carries out the record of core row `row`, whose row group has the leader `leader`; `row_bytes`: bytes of a row's state codes in
/// `states`. Returns the number of lit lanes: the weights that the row multiplies.
#[inline(never)]
#[allow(clippy::too_many_arguments)] // all of them are the tile row's state, lent part by part
pub(crate) fn record<C: Core>(
    states: &mut [u8],
    row_bytes: usize,
    (leader, row): (u16, u16),
    rules: &Rules,
    layer: &LayerRules,
    bits: &mut BitReader<'_>,
    key: bool,
    core: &mut C,
) -> Result<u32, Stop<C::Fault>> {
    // The leader's codes lie in front of the row's, unless they are the same.
    let (before, own) = states.split_at_mut_checked(usize::from(row) * row_bytes).ok_or(Malformed::Memory)?;
    let own = own.get_mut(..row_bytes).ok_or(Malformed::Memory)?;
    let mut record =
        Record { row, rules, layer, states: Packed::new(own, rules.state_bytes), bits, lanes: Lanes::default() };
    if leader == row {
        record.lead(key, core)?;
    } else {
        let leaders = before.get_mut(usize::from(leader) * row_bytes..).and_then(|rest| rest.get_mut(..row_bytes));
        let leaders = Packed::<1, 2>::new(leaders.ok_or(Malformed::Memory)?, rules.state_bytes);
        for col in 0..rules.cols {
            if leaders.get(col.into()).ok_or(Malformed::Memory)? != 0 {
                record.lanes.light(col);
            }
        }
        record.darken()?;
    }
    if key {
        record.key(core)?;
    } else {
        record.levels(core)?;
    }
    record.count()
}

struct Record<'a, 'b> {
    row: u16,
    rules: &'a Rules,
    layer: &'a LayerRules,
    /// State code of each cell of the row: 0 dark, `v + 2^b` at level v.
    states: Packed<'a, 1, 2>,
    bits: &'a mut BitReader<'b>,
    lanes: Lanes,
}

impl Record<'_, '_> {
    /// The leader: which lanes are lit, and their inputs.
    #[inline(never)]
    fn lead<C: Core>(&mut self, key: bool, core: &mut C) -> Result<(), Stop<C::Fault>> {
        self.lanes(key)?;
        let gone = self.darken()?;
        for col in (0..self.rules.cols).filter(|&col| gone.lit(col)) {
            core.route(self.row, col, None).map_err(Stop::Core)?;
        }
        self.inputs(core)
    }

    /// The leader: which lanes are lit.
    fn lanes(&mut self, key: bool) -> Result<(), Malformed> {
        let as_before = self.read(|bits| bits.bits(1))? == 1;
        for col in 0..self.rules.cols {
            let lit = match as_before {
                true => key || self.state(col)? != 0,
                false => self.read(|bits| bits.bits(1))? == 1,
            };
            if lit {
                self.lanes.light(col);
            }
        }
        Ok(())
    }

    /// Forgets the codes of dark lanes; returns the lanes that have just become dark.
    fn darken(&mut self) -> Result<Lanes, Malformed> {
        let mut gone = Lanes::default();
        for col in 0..self.rules.cols {
            if !self.lanes.lit(col) && self.state(col)? != 0 {
                self.set_state(col, 0)?;
                gone.light(col);
            }
        }
        Ok(gone)
    }

    /// The leader: the input of every lit lane, ascending.
    fn inputs<C: Core>(&mut self, core: &mut C) -> Result<(), Stop<C::Fault>> {
        let (reach, lanes, inputs) = (self.rules.reach, self.rules.cols, self.layer.cols);
        let width = shared_bits(shared_choices(reach, inputs, lanes));
        for col in 0..lanes {
            if !self.lanes.lit(col) {
                continue;
            }
            let number = u64::from(self.read(|bits| bits.bits(width))?);
            let column = match reach {
                Reach::Lane => number * u64::from(lanes) + u64::from(col),
                Reach::Row | Reach::Core => number,
            };
            if column >= u64::from(inputs) {
                return Err(Malformed::Column { row: self.row, col, inputs }.into());
            }
            core.route(self.row, col, Some(column as u32)).map_err(Stop::Core)?;
        }
        Ok(())
    }

    /// Step 0: the levels of all lit lanes, as differences.
    #[inline(never)]
    fn key<C: Core>(&mut self, core: &mut C) -> Result<(), Stop<C::Fault>> {
        let mut level = 0i32;
        for col in 0..self.rules.cols {
            if self.lanes.lit(col) {
                let k = self.layer.key_rice;
                level = level.saturating_add(unzigzag(self.read(|bits| bits.rice(k))?));
                let top = self.rules.top;
                if !(-i32::from(top)..=i32::from(top)).contains(&level) {
                    return Err(Malformed::Level { row: self.row, col, top }.into());
                }
                self.program(col, (level + (1 << self.rules.bits)) as u32, core)?;
            }
        }
        Ok(())
    }

    /// A later step: the cells that change, or all lit ones.
    #[inline(never)]
    fn levels<C: Core>(&mut self, core: &mut C) -> Result<(), Stop<C::Fault>> {
        let code_bits = u32::from(self.rules.bits) + 1;
        if self.read(|bits| bits.bits(1))? == 0 {
            for col in 0..self.rules.cols {
                if self.lanes.lit(col) {
                    let code = self.read(|bits| bits.bits(code_bits))?;
                    if self.state(col)? != code {
                        self.program(col, code, core)?;
                    }
                }
            }
            return Ok(());
        }
        let (change_rice, cell_rice) = (self.layer.change_rice, self.layer.cell_rice);
        let count = self.read(|bits| bits.rice(change_rice))?;
        let mut next = 0u32;
        for _ in 0..count {
            let cell = next.checked_add(self.read(|bits| bits.rice(cell_rice))?);
            let Some(cell) = cell.filter(|&cell| cell < u32::from(self.rules.cols)) else {
                return Err(Malformed::Cell { row: self.row, cols: self.rules.cols }.into());
            };
            next = cell + 1;
            let code = self.read(|bits| bits.bits(code_bits))?;
            self.program(cell as u16, code, core)?;
        }
        Ok(())
    }

    /// Programs a cell of a lit lane.
    fn program<C: Core>(&mut self, col: u16, code: u32, core: &mut C) -> Result<(), Stop<C::Fault>> {
        if code == 0 || !self.lanes.lit(col) {
            return Err(Malformed::SharedLane { row: self.row, col }.into());
        }
        self.set_state(col, code)?;
        // b + 1 bits hold codes up to B + 2^b: the level is in range.
        core.program(self.row, col, (code as i32 - (1 << self.rules.bits)) as i16).map_err(Stop::Core)
    }

    /// The number of lit lanes, all of which have a level by now.
    fn count<F>(&self) -> Result<u32, Stop<F>> {
        let mut count = 0;
        for col in (0..self.rules.cols).filter(|&col| self.lanes.lit(col)) {
            if self.state(col)? == 0 {
                return Err(Malformed::SharedLane { row: self.row, col }.into());
            }
            count += 1;
        }
        Ok(count)
    }

    fn read(&mut self, code: impl FnOnce(&mut BitReader<'_>) -> Result<u32, BitError>) -> Result<u32, Malformed> {
        code(self.bits).map_err(|why| Malformed::Bits { row: self.row, why })
    }

    fn state(&self, col: u16) -> Result<u32, Malformed> {
        self.states.get(usize::from(col)).ok_or(Malformed::Memory)
    }

    fn set_state(&mut self, col: u16, code: u32) -> Result<(), Malformed> {
        self.states.set(usize::from(col), code).ok_or(Malformed::Memory)
    }
}
