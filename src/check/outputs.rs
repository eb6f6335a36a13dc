//! What the output rows of a layer have been given, over all their visits to core rows and over all cores.

use super::error::{Place, Problem};
use super::levels::Own;

/// A set of columns.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    words: Vec<u64>,
    count: usize,
}

impl Columns {
    /// Empties it, for rows of so many columns.
    pub(super) fn clear(&mut self, cols: usize) {
        self.words.clear();
        self.words.resize(cols.div_ceil(64), 0);
        self.count = 0;
    }

    /// Adds a column; whether it was new.
    #[inline]
    pub(super) fn insert(&mut self, column: usize) -> bool {
        let (word, bit) = (&mut self.words[column / 64], 1 << (column % 64));
        let new = *word & bit == 0;
        *word |= bit;
        self.count += usize::from(new);
        new
    }

    pub(super) fn has(&self, column: usize) -> bool {
        self.words[column / 64] >> (column % 64) & 1 == 1
    }

    /// Sixty-four columns each.
    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }
}

/// One output row. What several core rows compute for it is added up.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// Columns multiplied so far.
    pub(super) done: Columns,
    /// Tile row and core row where it was last, in the schedule at hand.
    last: Option<(u32, usize)>,
    /// Nothing is missing any more, and the weights that were left out are counted.
    finished: bool,
    /// What was missing when a schedule ended that shares the layer with others.
    pub(super) missing: Option<(Place, Problem)>,
}

impl Output {
    /// A core row begins to work on it; whether it is the first in this schedule.
    pub(super) fn begin(
        &mut self,
        cols: usize,
        (tile_row, core_row): (u32, usize),
        output: usize,
    ) -> Result<bool, Problem> {
        if !self.done.words.is_empty() && self.done.count == cols {
            return Err(Problem::OutputAgain { output });
        }
        Ok(self.visit(cols, (tile_row, core_row)))
    }

    /// The same where core rows take turns: a visit that multiplies nothing is none too many.
    pub(super) fn visit(&mut self, cols: usize, (tile_row, core_row): (u32, usize)) -> bool {
        if self.done.words.is_empty() {
            self.done.clear(cols);
        }
        self.last.replace((tile_row, core_row)).is_none()
    }

    /// Another schedule begins, of another core.
    pub(super) fn next_part(&mut self) {
        self.last = None;
    }

    /// Whether it has been computed as far as was looked at.
    pub(super) fn is_begun(&self) -> bool {
        !self.done.words.is_empty()
    }

    /// Whether the schedule at hand has computed some of it, and whether it is complete is not known.
    pub(super) fn is_open(&self, cols: usize) -> bool {
        self.last.is_some() && !self.finished && self.done.count < cols
    }

    /// Looks for weights that are not multiplied: all have to be zero, or ones that `may_leave_out` names. Returns how many were left out.
    pub(super) fn finish(
        &mut self,
        may_leave_out: impl Fn(usize) -> bool,
        own: &[Own],
        output: usize,
        place: &mut Place,
    ) -> Result<u64, Problem> {
        let left = || own.iter().enumerate().filter(|(column, _)| !self.done.has(*column));
        let mut missing = left().filter(|(column, own)| !own.is(0) && !may_leave_out(*column));
        if let Some((column, own)) = missing.next() {
            let others = missing.count();
            if let Some((tile_row, core_row)) = self.last {
                (place.tile_row, place.core_row) = (Some(tile_row), Some(core_row));
            }
            return Err(Problem::NotMultiplied { output, column, level: own.level(), others });
        }
        let count = left().count() as u64;
        (self.finished, self.missing) = (true, None);
        Ok(count)
    }
}
