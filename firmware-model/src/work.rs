//! The decoder's memory between frames: one byte slice that the caller lends. Its parts, in [`MemoryMap`]'s order:
//!
//! ```text
//! | frame body | state code of every cell | next index of every list | used columns | used rows | visits             |
//! | max_frame  | R x C, 1 or 2 bytes      | R x lists, 2 or 4 bytes  | R x W bits   | R bits    | R x 16, reach Core |
//! ```
//!
//! A list keeps `last + 1`, so that all of it is zero at the start of a tile row.

use crate::rules::RiceTable;
use crate::wire::MemoryMap;

/// The working memory behind the frame, part by part.
pub(crate) struct Work<'m> {
    pub(crate) states: &'m mut [u8],
    pub(crate) lists: &'m mut [u8],
    pub(crate) windows: &'m mut [u8],
    used_rows: &'m mut [u8],
    pub(crate) visits: &'m mut [u8],
    /// Rice parameters of the present layer's inputs.
    pub(crate) rice: &'m RiceTable,
}

impl<'m> Work<'m> {
    /// Splits the frame buffer off and the rest into its parts; `None` when `memory` is shorter than the map.
    pub(crate) fn split(memory: &'m mut [u8], map: &MemoryMap, rice: &'m RiceTable) -> Option<(&'m [u8], Self)> {
        let (frame, rest) = memory.split_at_mut_checked(map.frame)?;
        let (states, rest) = rest.split_at_mut_checked(map.states)?;
        let (lists, rest) = rest.split_at_mut_checked(map.lists)?;
        let (windows, rest) = rest.split_at_mut_checked(map.windows)?;
        let (used_rows, rest) = rest.split_at_mut_checked(map.used_rows)?;
        let visits = rest.get_mut(..map.visits)?;
        Some((frame, Self { states, lists, windows, used_rows, visits, rice }))
    }

    /// All of it is zero at the start of a tile row.
    pub(crate) fn clear(&mut self) {
        let Self { states, lists, windows, used_rows, visits, rice: _ } = self;
        for part in [states, lists, windows, used_rows, visits] {
            part.fill(0);
        }
    }

    /// The first used core row from `row` on.
    pub(crate) fn used_row(&self, row: u16, rows: u16) -> Option<u16> {
        (row..rows).find(|r| self.used_rows.get(usize::from(r / 8)).is_some_and(|byte| byte >> (r % 8) & 1 == 1))
    }

    /// Whether a core row is in use.
    pub(crate) fn uses(&self, row: u16) -> bool {
        self.used_row(row, row + 1).is_some()
    }

    /// Takes a core row into use, or out of it.
    pub(crate) fn use_row(&mut self, row: u16, used: bool) -> Option<()> {
        let byte = self.used_rows.get_mut(usize::from(row / 8))?;
        *byte = *byte & !(1 << (row % 8)) | u8::from(used) << (row % 8);
        Some(())
    }
}

/// Part `i` of `bytes`, cut into equal parts of `len` bytes.
pub(crate) fn part(bytes: &mut [u8], i: u16, len: usize) -> Option<&mut [u8]> {
    bytes.get_mut(usize::from(i) * len..)?.get_mut(..len)
}
