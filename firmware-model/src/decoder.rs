//! Tile rows and row records to calls of the core (`docs/schedule-format.md`, sections 2, 4 and 5).
//!
//! What is kept between frames is in [`crate::work`].

use crate::bits::{BitError, BitReader};
use crate::error::{Malformed, Stop};
use crate::inputs::{CELLS, DARK, Row};
use crate::lists::{Window, move_on};
use crate::packed::Packed;
use crate::photonic_core::{Core, Output, Progress};
use crate::rules::{LayerRules, Rules, equal, in_range};
use crate::shared;
use crate::visits;
use crate::wire::{Reach, Scale, Steps, TileRow, unzigzag};
use crate::work::{Work, part};

/// Where in a tile row the next record belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    steps: u32,
    /// Step of the next record; `steps` when the tile row is complete.
    step: u32,
    /// First used core row.
    first: u16,
    /// Core row of the next record.
    row: u16,
    window: Window,
}

impl Tile {
    /// Begins a tile row: everything is idle, and the core rows get their outputs. Nothing is assigned when any entry is
    /// wrong.
    pub(crate) fn begin<C: Core>(
        tile: &TileRow<'_>,
        rules: &Rules,
        layer: &LayerRules,
        mut work: Work<'_>,
        core: &mut C,
    ) -> Result<Self, Stop<C::Fault>> {
        in_range("steps", tile.steps, 1, u32::MAX)?;
        work.clear();
        let begun = |first| Self { steps: tile.steps, step: 0, first, row: first, window: Window::new(rules.window) };
        if rules.reach == Reach::Core {
            // All core rows have records, and begin without an output.
            equal("length of rows (with reach Core)", tile.rows.len() as u64, 0)?;
            core.begin_tile_row().map_err(Stop::Core)?;
            for row in 0..rules.rows {
                core.assign(row, None).map_err(Stop::Core)?;
            }
            return Ok(begun(0));
        }
        let mut entries = Entries { bytes: tile.rows, layer };
        let mut base = None;
        for row in 0..rules.rows {
            if row.is_multiple_of(rules.fanout) {
                base = None;
            }
            if let Some(output) = entries.next(row)? {
                work.use_row(row, true).ok_or(Malformed::Memory)?;
                if *base.get_or_insert(output.base) != output.base {
                    return Err(Malformed::SharedBase { row }.into());
                }
            }
        }
        if !entries.bytes.is_empty() {
            return Err(Malformed::LeftOver { bytes: entries.bytes.len() }.into());
        }
        let first = work.used_row(0, rules.rows).ok_or(Malformed::NoRows)?;
        let mut entries = Entries { bytes: tile.rows, layer };
        core.begin_tile_row().map_err(Stop::Core)?;
        for row in 0..rules.rows {
            core.assign(row, entries.next(row)?).map_err(Stop::Core)?;
        }
        Ok(begun(first))
    }

    /// Whether no record is carried out yet.
    pub(crate) const fn begins(&self) -> bool {
        self.step == 0 && self.row == self.first
    }

    /// Whether all steps are carried out.
    pub(crate) const fn complete(&self) -> bool {
        self.step == self.steps
    }

    /// Carries out the records of a frame, each cell checked before the core hears of it.
    pub(crate) fn records<C: Core>(
        &mut self,
        frame: &Steps<'_>,
        rules: &Rules,
        layer: &LayerRules,
        mut work: Work<'_>,
        core: &mut C,
        done: &mut Progress,
    ) -> Result<(), Stop<C::Fault>> {
        equal("step", frame.step.into(), self.step.into())?;
        equal("row", frame.row.into(), self.row.into())?;
        in_range("records", frame.records.into(), 1, u16::MAX.into())?;
        let mut bits = BitReader::new(frame.bits);
        let mut some = [DARK; CELLS];
        for _ in 0..frame.records {
            if self.complete() {
                return Err(Malformed::TooManyRecords { steps: self.steps }.into());
            }
            let key = self.step == 0;
            done.weights += u64::from(if rules.reach == Reach::Core {
                visits::record(&mut work, self.row, rules, layer, &mut bits, &mut some, core)?
            } else if C::SHARED_INPUTS && rules.fanout > 1 {
                let leader = self.row - self.row.checked_rem(rules.fanout).unwrap_or(0);
                let leader = work.used_row(leader, rules.rows).ok_or(Malformed::Memory)?;
                let cells = usize::from(rules.cols) * usize::from(rules.state_bytes);
                shared::record(&mut *work.states, cells, (leader, self.row), rules, layer, &mut bits, key, core)?
            } else {
                let record = Record::new(self, rules, layer, &mut work, &mut bits).ok_or(Malformed::Memory)?;
                record.run(key, &mut some, core)?
            });
            let next = match rules.reach {
                Reach::Core => Some(self.row + 1).filter(|row| *row < rules.rows),
                Reach::Lane | Reach::Row => work.used_row(self.row + 1, rules.rows),
            };
            match next {
                Some(row) => self.row = row,
                None => {
                    // In other tile rows the first used core row stays in use.
                    if rules.reach == Reach::Core && work.used_row(0, rules.rows).is_none() {
                        return Err(Malformed::NoRows.into());
                    }
                    core.step().map_err(Stop::Core)?;
                    done.steps += 1;
                    self.next_step(rules, layer, &mut work);
                }
            }
        }
        let padding = bits.left();
        if padding >= 8 || bits.bits(padding as u32) != Ok(0) {
            return Err(Malformed::Padding.into());
        }
        Ok(())
    }

    /// Goes on to the first row of the next step and moves all windows.
    #[inline(never)]
    fn next_step(&mut self, rules: &Rules, layer: &LayerRules, work: &mut Work<'_>) {
        self.step += 1;
        self.row = self.first;
        // With reach `Core` a window follows its list set.
        if self.complete() || rules.reach == Reach::Core {
            return;
        }
        let words = self.window.advance(self.step, self.steps, layer.cols);
        let bytes_per_row = usize::from(rules.window) / 8;
        if words > 0 && bytes_per_row > 0 {
            for row in work.windows.chunks_exact_mut(bytes_per_row) {
                move_on(row.as_chunks_mut().0, words);
            }
        }
    }
}

/// The entries of a TileRow frame, core row by core row.
struct Entries<'a> {
    bytes: &'a [u8],
    layer: &'a LayerRules,
}

impl Entries<'_> {
    /// The output of core row `row`, whose entry is next.
    fn next(&mut self, row: u16) -> Result<Option<Output>, Malformed> {
        let number: u32 = self.take()?;
        let Some(output) = number.checked_sub(1) else {
            return Ok(None);
        };
        let scale = match self.layer.scale {
            Scale::Layer(scale) => scale,
            Scale::Row => self.take()?,
        };
        self.layer.output(row, output, scale).map(Some)
    }

    fn take<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, Malformed> {
        let (value, rest) = postcard::take_from_bytes(self.bytes).map_err(|_| Malformed::Encoding)?;
        self.bytes = rest;
        Ok(value)
    }
}

/// One row record: the state of its core row, and the bits to read it from.
struct Record<'a, 'b> {
    row: Row<'a>,
    /// State code of each cell of the row: 0 idle, `v + 2^b` active at level v.
    states: Packed<'a, 1, 2>,
    /// `last + 1` of each list of the row.
    lists: Packed<'a, 2, 4>,
    /// Used columns of the row, inside the window.
    marks: &'a mut [[u8; 4]],
    bits: &'a mut BitReader<'b>,
}

impl<'a, 'b> Record<'a, 'b> {
    fn new(
        tile: &'a Tile,
        rules: &'a Rules,
        layer: &'a LayerRules,
        work: &'a mut Work<'_>,
        bits: &'a mut BitReader<'b>,
    ) -> Option<Self> {
        let row = tile.row;
        let states = part(work.states, row, usize::from(rules.cols) * usize::from(rules.state_bytes))?;
        let lists = part(work.lists, row, rules.lists_per_row * usize::from(rules.index_bytes))?;
        let marks = part(work.windows, row, usize::from(rules.window) / 8)?.as_chunks_mut().0;
        Some(Self {
            row: Row { row, rules, layer, rice: work.rice, window: &tile.window },
            states: Packed::new(states, rules.state_bytes),
            lists: Packed::new(lists, rules.index_bytes),
            marks,
            bits,
        })
    }

    /// Carries the record out; returns the number of active cells.
    fn run<C: Core>(mut self, key: bool, some: &mut [u32; CELLS], core: &mut C) -> Result<u32, Stop<C::Fault>> {
        if key {
            self.key(core)?;
        } else {
            self.changes(some, core)?;
        }
        self.inputs(some, core)
    }

    /// Step 0: which cells are active, and their levels as differences.
    #[inline(never)]
    fn key<C: Core>(&mut self, core: &mut C) -> Result<(), Stop<C::Fault>> {
        let cols = usize::from(self.row.rules.cols);
        let all_active = self.read(|bits| bits.bits(1))? == 1;
        if !all_active {
            for col in 0..cols {
                let active = self.read(|bits| bits.bits(1))?;
                self.states.set(col, active).ok_or(Malformed::Memory)?;
            }
        }
        let (row, k, top) = (self.row.row, self.row.layer.key_rice, self.row.rules.top);
        let mut bits = self.bits.clone();
        let mut level = 0i32;
        for col in 0..cols {
            if !all_active && self.states.get(col).ok_or(Malformed::Memory)? == 0 {
                continue;
            }
            let step = bits.rice_here(k).map_err(|why| Malformed::Bits { row, why })?;
            level = level.saturating_add(unzigzag(step));
            if level.unsigned_abs() > top as u32 {
                return Err(Malformed::Level { row, col: col as u16, top }.into());
            }
            self.states.set(col, (level + (1 << self.row.rules.bits)) as u32).ok_or(Malformed::Memory)?;
            core.program(row, col as u16, level as i16).map_err(Stop::Core)?;
        }
        *self.bits = bits;
        Ok(())
    }

    /// A later step: the cells whose state code changes, ascending.
    #[inline(never)]
    fn changes<C: Core>(&mut self, some: &mut [u32; CELLS], core: &mut C) -> Result<(), Stop<C::Fault>> {
        let change_rice = self.row.layer.change_rice;
        let mut left = self.read(|bits| bits.rice(change_rice))?;
        let mut next = 0;
        // A cell beyond the row ends the loop, so it runs at most C times whatever the count says.
        while left > 0 {
            let read = self.row.changes((&mut next, left), &mut self.states, &mut self.lists, self.bits, some)?;
            left -= read as u32;
            for &change in some.iter().take(read) {
                let (col, code) = (change as u16, change >> 16);
                match code {
                    0 => core.route(self.row.row, col, None),
                    // b + 1 bits hold codes up to B + 2^b: the level is in range.
                    _ => core.program(self.row.row, col, (code as i32 - (1 << self.row.rules.bits)) as i16),
                }
                .map_err(Stop::Core)?;
            }
        }
        Ok(())
    }

    /// The input of every active cell, ascending; returns their number.
    #[inline(never)]
    fn inputs<C: Core>(&mut self, some: &mut [u32; CELLS], core: &mut C) -> Result<u32, Stop<C::Fault>> {
        let mut weights = 0;
        for first in (0..self.row.rules.cols).step_by(CELLS) {
            weights += self.row.read(first, &self.states, &mut self.lists, self.marks, self.bits, some)?;
            for (col, &column) in (first..self.row.rules.cols).zip(&*some) {
                if column != DARK {
                    core.route(self.row.row, col, Some(column)).map_err(Stop::Core)?;
                }
            }
        }
        Ok(weights)
    }

    #[inline]
    fn read(&mut self, code: impl FnOnce(&mut BitReader<'b>) -> Result<u32, BitError>) -> Result<u32, Malformed> {
        code(self.bits).map_err(|why| Malformed::Bits { row: self.row.row, why })
    }
}
