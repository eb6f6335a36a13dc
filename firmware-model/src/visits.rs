//! Row records of reach `Core` (`docs/schedule-format.md`, section 7): the output of a core row changes at a step.
//!
//! ```text
//! as before                                          | inputs
//! head: it rests | list set, its output   | changes  | inputs
//! ```
//!
//! Lists and marks belong to *list sets*, as many as there are core rows, each of an output. Core rows that work on the same output share one, so
//! that each takes the columns that follow those of the others.

use crate::bits::BitReader;
use crate::error::{Malformed, Stop};
use crate::inputs::{CELLS, DARK, Row};
use crate::lists::{Window, move_on};
use crate::packed::{Bytes, Packed};
use crate::photonic_core::Core;
use crate::rules::{LayerRules, Rules, in_range};
use crate::wire::{Scale, VISIT_BYTES, first_front, front_base, shared_bits, unzigzag};
use crate::work::{Work, part};

/// The core row rests.
const REST: u32 = 0;
/// It goes on, with other levels.
const CHANGES: u32 = 1;

/// What is kept of a core row and of the list set of the same number.
#[derive(Clone, Copy)]
struct Visit {
    /// List set of the core row.
    set: u16,
    /// How far the set's front moves on with each record that uses it.
    pace: u16,
    /// The set's front.
    front: u32,
    /// The set's output row, plus one; 0 before it has any.
    output: u32,
    /// Its scale.
    scale: u32,
}

impl Visit {
    fn get(visits: &[u8], i: u16) -> Option<Self> {
        let bytes: &[u8; VISIT_BYTES] = visits.get(usize::from(i) * VISIT_BYTES..)?.first_chunk()?;
        let word = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let both = word(0)?;
        let (set, pace) = (both as u16, (both >> 16) as u16);
        Some(Self { set, pace, front: word(4)?, output: word(8)?, scale: word(12)? })
    }

    fn put(self, visits: &mut [u8], i: u16) -> Option<()> {
        let place = visits.get_mut(usize::from(i) * VISIT_BYTES..)?.get_mut(..VISIT_BYTES)?;
        let both = u32::from(self.set) | u32::from(self.pace) << 16;
        for (place, word) in place.as_chunks_mut().0.iter_mut().zip([both, self.front, self.output, self.scale]) {
            *place = word.to_le_bytes();
        }
        Some(())
    }
}

/// Carries out the record of core row `row`; returns the weights that it multiplies.
#[inline(never)]
pub(crate) fn record<C: Core>(
    work: &mut Work<'_>,
    row: u16,
    rules: &Rules,
    layer: &LayerRules,
    bits: &mut BitReader<'_>,
    some: &mut [u32; CELLS],
    core: &mut C,
) -> Result<u32, Stop<C::Fault>> {
    let bad = |why| Malformed::Bits { row, why };
    if bits.bits(1).map_err(bad)? == 1 {
        let head = bits.bits(2).map_err(bad)?;
        if head == REST {
            work.use_row(row, false).ok_or(Malformed::Memory)?;
            core.assign(row, None).map_err(Stop::Core)?;
        } else if head != CHANGES {
            turn(work, row, rules, layer, bits, core)?;
        } else if !work.uses(row) {
            return Err(Malformed::Resting { row }.into());
        }
        // Of the other two, the odd one has changes, too.
        if head & CHANGES == CHANGES && bits.bits(1).map_err(bad)? == 1 {
            levels(work, row, rules, layer, bits, core)?;
        } else if head & CHANGES == CHANGES {
            changes(work, row, rules, layer, bits, some, core)?;
        }
    }
    if work.uses(row) { inputs(work, row, rules, layer, bits, some, core) } else { Ok(0) }
}

/// The core row gets a list set and its output; the set may begin anew, with another one.
#[inline(never)]
fn turn<C: Core>(
    work: &mut Work<'_>,
    row: u16,
    rules: &Rules,
    layer: &LayerRules,
    bits: &mut BitReader<'_>,
    core: &mut C,
) -> Result<(), Stop<C::Fault>> {
    let mut read = |n| bits.bits(n).map_err(|why| Malformed::Bits { row, why });
    let set = read(shared_bits(rules.rows.into()))?;
    in_range("list set", set, 0, u32::from(rules.rows) - 1)?;
    let set = set as u16;
    if read(1)? == 1 {
        let output = read(shared_bits(layer.rows))?;
        let scale = match layer.scale {
            Scale::Layer(scale) => scale.to_bits(),
            Scale::Row => read(32)?,
        };
        let begin = read(shared_bits(layer.cols))?;
        in_range("first column of a list set", begin, 0, layer.cols - 1)?;
        let pace = read(16)? as u16;
        // Outputs beyond the layer are refused below.
        let output = output.saturating_add(1);
        let Visit { set: of_row, .. } = Visit::get(work.visits, set).ok_or(Malformed::Memory)?;
        let anew = Visit { set: of_row, pace, front: first_front(begin), output, scale };
        anew.put(work.visits, set).ok_or(Malformed::Memory)?;
        let lists = part(work.lists, set, rules.lists_per_row * usize::from(rules.index_bytes));
        let mut lists = Packed::<2, 4>::new(lists.ok_or(Malformed::Memory)?, rules.index_bytes);
        for list in 0..rules.lists_per_row {
            lists.set(list, begin).ok_or(Malformed::Memory)?;
        }
        part(work.windows, set, usize::from(rules.window) / 8).ok_or(Malformed::Memory)?.fill(0);
    }
    let of_set = Visit::get(work.visits, set).ok_or(Malformed::Memory)?;
    let output = of_set.output.checked_sub(1).ok_or(Malformed::ListSet { row, set })?;
    let output = layer.output(row, output, f32::from_bits(of_set.scale))?;
    let visit = Visit::get(work.visits, row).ok_or(Malformed::Memory)?;
    Visit { set, ..visit }.put(work.visits, row).ok_or(Malformed::Memory)?;
    work.use_row(row, true).ok_or(Malformed::Memory)?;
    core.assign(row, Some(output)).map_err(Stop::Core)
}

/// A code for every cell: whether it has a level, and the levels as differences.
#[inline(never)]
fn levels<C: Core>(
    work: &mut Work<'_>,
    row: u16,
    rules: &Rules,
    layer: &LayerRules,
    bits: &mut BitReader<'_>,
    core: &mut C,
) -> Result<(), Stop<C::Fault>> {
    let bad = |why| Malformed::Bits { row, why };
    let states = part(work.states, row, usize::from(rules.cols) * usize::from(rules.state_bytes));
    let mut states = Packed::<1, 2>::new(states.ok_or(Malformed::Memory)?, rules.state_bytes);
    let all = bits.bits(1).map_err(bad)? == 1;
    for col in 0..rules.cols {
        let has = all || bits.bits(1).map_err(bad)? == 1;
        if !has && states.get(col.into()).ok_or(Malformed::Memory)? != 0 {
            core.route(row, col, None).map_err(Stop::Core)?;
        }
        states.set(col.into(), has.into()).ok_or(Malformed::Memory)?;
    }
    let mut level = 0i32;
    for col in 0..rules.cols {
        if states.get(col.into()).ok_or(Malformed::Memory)? == 0 {
            continue;
        }
        level = level.saturating_add(unzigzag(bits.rice(layer.key_rice).map_err(bad)?));
        if level.unsigned_abs() > rules.top as u32 {
            return Err(Malformed::Level { row, col, top: rules.top }.into());
        }
        states.set(col.into(), (level + (1 << rules.bits)) as u32).ok_or(Malformed::Memory)?;
        core.program(row, col, level as i16).map_err(Stop::Core)?;
    }
    Ok(())
}

/// The cells whose state code changes, ascending.
#[inline(never)]
fn changes<C: Core>(
    work: &mut Work<'_>,
    row: u16,
    rules: &Rules,
    layer: &LayerRules,
    bits: &mut BitReader<'_>,
    some: &mut [u32; CELLS],
    core: &mut C,
) -> Result<(), Stop<C::Fault>> {
    let states = part(work.states, row, usize::from(rules.cols) * usize::from(rules.state_bytes));
    let mut states = Packed::<1, 2>::new(states.ok_or(Malformed::Memory)?, rules.state_bytes);
    let mut lists = Packed::<2, 4>::Narrow(&mut []);
    let window = Window::new(0);
    let of_row = Row { row, rules, layer, rice: work.rice, window: &window };
    let mut left = bits.rice(layer.change_rice).map_err(|why| Malformed::Bits { row, why })?;
    let mut next = 0;
    // A cell beyond the row ends the loop, so it runs at most C times whatever the count says.
    while left > 0 {
        let read = of_row.changes((&mut next, left), &mut states, &mut lists, bits, some)?;
        left -= read as u32;
        for &change in some.iter().take(read) {
            let (col, code) = (change as u16, change >> 16);
            match code {
                0 => core.route(row, col, None),
                // b + 1 bits hold codes up to B + 2^b: the level is in range.
                _ => core.program(row, col, (code as i32 - (1 << rules.bits)) as i16),
            }
            .map_err(Stop::Core)?;
        }
    }
    Ok(())
}

/// The inputs of the core row's cells, ascending; a list that leads out of the row is at its end, and leaves its cells dark.
#[inline(never)]
fn inputs<C: Core>(
    work: &mut Work<'_>,
    row: u16,
    rules: &Rules,
    layer: &LayerRules,
    bits: &mut BitReader<'_>,
    some: &mut [u32; CELLS],
    core: &mut C,
) -> Result<u32, Stop<C::Fault>> {
    let set = Visit::get(work.visits, row).ok_or(Malformed::Memory)?.set;
    let visit = Visit::get(work.visits, set).ok_or(Malformed::Memory)?;
    let base = front_base(visit.front, rules.window);
    let window = Window::at(base, rules.window);
    let states = part(work.states, row, usize::from(rules.cols) * usize::from(rules.state_bytes));
    let states = Packed::<1, 2>::new(states.ok_or(Malformed::Memory)?, rules.state_bytes);
    let lists = part(work.lists, set, rules.lists_per_row * usize::from(rules.index_bytes));
    let mut lists = Packed::<2, 4>::new(lists.ok_or(Malformed::Memory)?, rules.index_bytes);
    let marks = part(work.windows, set, usize::from(rules.window) / 8).ok_or(Malformed::Memory)?.as_chunks_mut().0;
    let of_row = Row { row, rules, layer, rice: work.rice, window: &window };
    let mut weights = 0;
    for first in (0..rules.cols).step_by(CELLS) {
        weights += match &mut lists {
            Packed::Narrow(lists) => of_row.take(first, &states, lists, marks, bits, some),
            Packed::Wide(lists) => of_row.take(first, &states, lists, marks, bits, some),
        }?;
        for (col, &column) in (first..rules.cols).zip(&*some) {
            match column {
                UNSET => {}
                DARK => core.route(row, col, None).map_err(Stop::Core)?,
                column => core.route(row, col, Some(column)).map_err(Stop::Core)?,
            }
        }
    }
    // The front of a row of 2^28 columns and more stays behind.
    let front = visit.front.saturating_add(visit.pace.into());
    let words = (front_base(front, rules.window) - base) / 32;
    if words > 0 {
        move_on(marks, words as usize);
    }
    // The row's own set may be this one: its number is read again.
    let visit = Visit::get(work.visits, set).ok_or(Malformed::Memory)?;
    Visit { front, ..visit }.put(work.visits, set).ok_or(Malformed::Memory)?;
    Ok(weights)
}

/// What is noted of a cell that has no level: it is dark already.
const UNSET: u32 = DARK - 1;

impl Row<'_> {
    /// Reads the inputs of the cells from `first` on, as many as [`CELLS`]; returns how many are lit. In `to`: the column, [`DARK`], or [`UNSET`].
    #[inline(never)]
    fn take<L: Bytes>(
        &self,
        first: u16,
        states: &Packed<'_, 1, 2>,
        lists: &mut [L],
        marks: &mut [[u8; 4]],
        from: &mut BitReader<'_>,
        to: &mut [u32; CELLS],
    ) -> Result<u32, Malformed> {
        let (window, cols) = (*self.window, self.layer.cols);
        let ended = L::of(u32::MAX).number();
        let mut bits = from.clone();
        let mut lit = 0;
        for (cell, place) in (usize::from(first)..usize::from(self.rules.cols)).zip(to) {
            let Some(list) = states.get(cell).ok_or(Malformed::Memory)?.checked_sub(1) else {
                *place = UNSET;
                continue;
            };
            *place = DARK;
            let next = lists.get_mut(list as usize).ok_or(Malformed::Memory)?;
            if next.number() == ended {
                continue;
            }
            let gap = bits.rice_here(self.rice.get(list)).map_err(|why| Malformed::Bits { row: self.row, why })?;
            let column = window.take(marks, next.number(), gap);
            if column < cols {
                *next = L::of(column + 1);
                *place = column;
                lit += 1;
            } else {
                *next = L::of(ended);
            }
        }
        *from = bits;
        Ok(lit)
    }
}
