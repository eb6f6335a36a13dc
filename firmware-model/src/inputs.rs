//! A row record's changes, and its inputs (`docs/schedule-format.md`, sections 4 and 5).
//!
//! Here is what is done for every weight of every step. It goes over a few cells at a time, in one short loop after the other, each of
//! whose variables stay in registers, and knows nothing of the core behind it, so that it can be compiled for speed where all else is
//! compiled for size.

use crate::bits::BitReader;
use crate::error::Malformed;
use crate::lists::Window;
use crate::packed::{Bytes, Packed};
use crate::rules::{LayerRules, RiceTable, Rules};
use crate::wire::{Lists, Reach, unzigzag};

/// Cells that are read together.
pub(crate) const CELLS: usize = 16;
/// The input of an idle cell. Columns are below 2^31.
pub(crate) const DARK: u32 = u32::MAX;

/// What the inputs of a row are read with.
pub(crate) struct Row<'a> {
    pub(crate) row: u16,
    pub(crate) rules: &'a Rules,
    pub(crate) layer: &'a LayerRules,
    /// Rice parameters by level.
    pub(crate) rice: &'a RiceTable,
    pub(crate) window: &'a Window,
}

impl Row<'_> {
    /// Reads at most `left` changes of cells from `next` on, and books their codes; returns how many. In `to`: cell, and code << 16.
    #[inline(never)]
    pub(crate) fn changes(
        &self,
        (next, left): (&mut u32, u32),
        states: &mut Packed<'_, 1, 2>,
        lists: &mut Packed<'_, 2, 4>,
        from: &mut BitReader<'_>,
        to: &mut [u32; CELLS],
    ) -> Result<usize, Malformed> {
        let (rice, code_bits, cols) =
            (self.layer.cell_rice, u32::from(self.rules.bits) + 1, u32::from(self.rules.cols));
        let bad = |why| Malformed::Bits { row: self.row, why };
        let forgets = self.rules.reach == Reach::Row && self.rules.lists == Lists::Cell;
        let mut bits = from.clone();
        let mut read = 0;
        for place in to.iter_mut().take(left as usize) {
            let cell = next.saturating_add(bits.rice_here(rice).map_err(bad)?);
            if cell >= cols {
                return Err(Malformed::Cell { row: self.row, cols: self.rules.cols });
            }
            let code = bits.few_bits_here(code_bits).map_err(bad)?;
            states.set(cell as usize, code).ok_or(Malformed::Memory)?;
            if forgets {
                lists.set(cell as usize, 0).ok_or(Malformed::Memory)?;
            }
            *place = cell | code << 16;
            *next = cell + 1;
            read += 1;
        }
        *from = bits;
        Ok(read)
    }

    /// Reads the inputs of the cells from `first` on, as many as [`CELLS`]; returns how many of them are active.
    pub(crate) fn read(
        &self,
        first: u16,
        states: &Packed<'_, 1, 2>,
        lists: &mut Packed<'_, 2, 4>,
        marks: &mut [[u8; 4]],
        bits: &mut BitReader<'_>,
        to: &mut [u32; CELLS],
    ) -> Result<u32, Malformed> {
        let active = self.numbers(first, states, bits, to)?;
        match lists {
            Packed::Narrow(lists) => self.columns(first, states, lists, marks, to),
            Packed::Wide(lists) => self.columns(first, states, lists, marks, to),
        }?;
        Ok(active)
    }

    /// The number of each active cell.
    #[inline(never)]
    fn numbers(
        &self,
        first: u16,
        states: &Packed<'_, 1, 2>,
        from: &mut BitReader<'_>,
        to: &mut [u32; CELLS],
    ) -> Result<u32, Malformed> {
        let mut bits = from.clone();
        let mut active = 0;
        for (cell, place) in (usize::from(first)..usize::from(self.rules.cols)).zip(to) {
            let code = states.get(cell).ok_or(Malformed::Memory)?;
            if code != 0 {
                active += 1;
                match bits.rice_here(self.rice.get(code - 1)) {
                    Ok(number) => *place = number,
                    Err(why) => return Err(Malformed::Bits { row: self.row, why }),
                }
            }
        }
        *from = bits;
        Ok(active)
    }

    /// The column that each number names, in its place.
    #[inline(never)]
    fn columns<L: Bytes>(
        &self,
        first: u16,
        states: &Packed<'_, 1, 2>,
        lists: &mut [L],
        marks: &mut [[u8; 4]],
        to: &mut [u32; CELLS],
    ) -> Result<(), Malformed> {
        let by_level = self.rules.lists == Lists::Level;
        let bad = match self.rules.reach {
            Reach::Lane => self.lanes(first, states, lists, to),
            Reach::Row | Reach::Core => {
                let (window, cols) = (*self.window, self.layer.cols);
                let mut bad = None;
                for (cell, place) in (usize::from(first)..usize::from(self.rules.cols)).zip(to) {
                    let code = states.get(cell).ok_or(Malformed::Memory)?;
                    let number = core::mem::replace(place, DARK);
                    if code == 0 {
                        continue;
                    }
                    let list = if by_level { code as usize - 1 } else { cell };
                    let Some(last) = lists.get_mut(list) else { return Err(Malformed::Memory) };
                    let column = window.take(marks, last.number(), number);
                    if column >= cols {
                        bad = Some(cell);
                        break;
                    }
                    *last = Bytes::of(column + 1);
                    *place = column;
                }
                bad
            }
        };
        match bad {
            Some(cell) => Err(Malformed::Column { row: self.row, col: cell as u16, inputs: self.layer.cols }),
            None => Ok(()),
        }
    }

    /// Reach `Lane`: the lane's column of another tile. Returns the first cell whose column lies beyond the layer.
    #[inline(always)]
    fn lanes<L: Bytes>(
        &self,
        first: u16,
        states: &Packed<'_, 1, 2>,
        lists: &mut [L],
        to: &mut [u32; CELLS],
    ) -> Option<usize> {
        let (cols, lanes) = (self.layer.cols, self.rules.cols);
        for (lane, place) in (usize::from(first)..usize::from(lanes)).zip(to) {
            let number = core::mem::replace(place, DARK);
            if states.get(lane) == Some(0) {
                continue;
            }
            let Some(last) = lists.get_mut(lane) else { return Some(lane) };
            // A tile before the first wraps around to far behind the last.
            let tile = last.number().wrapping_add_signed(unzigzag(number));
            let column = u64::from(tile) * u64::from(lanes) + lane as u64;
            if column >= u64::from(cols) {
                return Some(lane);
            }
            *last = Bytes::of(tile + 1);
            *place = column as u32;
        }
        None
    }
}
