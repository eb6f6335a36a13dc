//! One core row in one tile row: its records (sections 4 and 5 of docs/schedule-format.md), and every product against its weight.

use std::collections::BTreeMap;

use super::bytes::Bits;
use super::error::{Place, Problem};
use super::faulty::Choice;
use super::format::{Coding, Header, Lists, Reach};
use super::ledger::Ledger;
use super::levels::Own;
use super::outputs::{Columns, Output};

/// Columns in which used inputs count as marked: `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    start: usize,
    end: usize,
}

impl Window {
    /// The window at `step` of `steps`, in a row of `cols` columns.
    pub(super) fn at(step: u32, steps: u32, cols: usize, width: u64) -> Self {
        Self::from_middle(u64::from(step) * cols as u64 / u64::from(steps), width)
    }

    /// The window around a column, with reach `Core`; `W = 0` marks nothing.
    pub(super) fn around(column: u64, width: u64) -> Option<Self> {
        (width > 0).then(|| Self::from_middle(column, width))
    }

    pub(super) fn has(self, column: usize) -> bool {
        (self.start..self.end).contains(&column)
    }

    fn from_middle(middle: u64, width: u64) -> Self {
        let start = (middle.saturating_sub(width / 2) / 32 * 32) as usize;
        Self { start, end: start + width as usize }
    }
}

/// One core row at work on one output row. Its memory is used again from tile row to tile row.
#[derive(Default)]
pub(super) struct Row {
    /// The output row; `None`: this core row rests.
    pub(super) output: Option<usize>,
    /// The levels of its weights.
    pub(super) own: Vec<Own>,
    /// The output row that they are of, where core rows take turns.
    pub(super) levels_of: Option<usize>,
    /// What the highest level stands for.
    pub(super) scale: f64,
    /// Columns that no lane holds as they are.
    pub(super) choices: BTreeMap<usize, Choice>,
    /// Columns that were inside the window when they were used.
    marked: Columns,
    /// Level of each cell, if it is active.
    pub(super) active: Vec<Option<i16>>,
    /// The last column of each list (of the cell's lane, with reach Lane).
    last: Vec<i64>,
    /// Weights multiplied by level, at `v + B`.
    pub(super) counts: Vec<u64>,
}

/// What all records of a tile row have in common.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) header: &'a Header,
    pub(super) coding: &'a Coding,
    /// The layer's weights, row by row.
    pub(super) weights: &'a [f32],
    pub(super) cols: usize,
}

impl Row {
    /// Begins a tile row with an output row, whose levels are in `own`.
    pub(super) fn begin(&mut self, output: usize, rules: Rules<'_>) {
        let levels = 2 * usize::from(rules.header.top().unsigned_abs()) + 1;
        let lists = if rules.header.lists == Lists::Level { levels } else { rules.header.cols };
        self.output = Some(output);
        self.marked.clear(rules.cols);
        refill(&mut self.active, rules.header.cols, None);
        refill(&mut self.last, lists, -1);
        refill(&mut self.counts, levels, 0);
    }

    /// Reads the record of one step; `outputs`: all of the layer; `first_cell` is this core row's first in the ledger.
    #[allow(clippy::too_many_arguments)] // all of them are the checker's state, lent part by part
    pub(super) fn record(
        &mut self,
        bits: &mut Bits,
        window: Option<Window>,
        rules: Rules<'_>,
        outputs: &mut [Output],
        first_cell: usize,
        ledger: &mut Ledger,
        place: &mut Place,
    ) -> Result<(), Problem> {
        if place.step == Some(0) {
            self.key(bits, rules, place)?;
            for (cell, level) in self.active.iter().enumerate() {
                level.inspect(|&level| ledger.program(first_cell + cell, level));
            }
        } else {
            self.changes(bits, rules, first_cell, ledger, place)?;
        }
        for cell in 0..self.active.len() {
            if let Some(level) = self.active[cell] {
                place.cell = Some(cell);
                self.product(bits, window, rules, outputs, cell, level)?;
            }
        }
        place.cell = None;
        Ok(())
    }

    /// The first record of a tile row.
    pub(super) fn key(&mut self, bits: &mut Bits, rules: Rules<'_>, place: &mut Place) -> Result<(), Problem> {
        let all = bits.bits(1)? == 1;
        for active in &mut self.active {
            *active = if all || bits.bits(1)? == 1 { Some(0) } else { None };
        }
        self.key_levels(bits, rules, place)
    }

    /// Levels of all active cells, as differences.
    pub(super) fn key_levels(&mut self, bits: &mut Bits, rules: Rules<'_>, place: &mut Place) -> Result<(), Problem> {
        let mut level = 0;
        for (cell, active) in self.active.iter_mut().enumerate().filter(|(_, active)| active.is_some()) {
            place.cell = Some(cell);
            level += bits.signed(rules.coding.key)?;
            let top = rules.header.top();
            if level.unsigned_abs() > u64::from(top.unsigned_abs()) {
                return Err(Problem::LevelBeyond { found: level, top });
            }
            *active = Some(level as i16);
        }
        Ok(())
    }

    /// The changes at the beginning of a later record.
    fn changes(
        &mut self,
        bits: &mut Bits,
        rules: Rules<'_>,
        first_cell: usize,
        ledger: &mut Ledger,
        place: &mut Place,
    ) -> Result<(), Problem> {
        for (cell, level) in self.listed_cells(bits, rules, place)? {
            self.active[cell] = level;
            if let Some(level) = level {
                ledger.program(first_cell + cell, level);
            }
            if rules.header.lists == Lists::Cell && rules.header.reach == Reach::Row {
                self.last[cell] = -1;
            }
        }
        Ok(())
    }

    /// A list of changes: cells, and their levels; none for an idle one.
    pub(super) fn listed_cells(
        &self,
        bits: &mut Bits,
        rules: Rules<'_>,
        place: &mut Place,
    ) -> Result<Vec<(usize, Option<i16>)>, Problem> {
        let cells = rules.header.cols;
        let (mut next, mut listed) = (0, Vec::new());
        for _ in 0..bits.rice(rules.coding.change)? {
            let found = next + u64::from(bits.rice(rules.coding.cell)?);
            if found >= cells as u64 {
                return Err(Problem::CellBeyond { found, cells });
            }
            place.cell = Some(found as usize);
            let code = bits.bits(rules.header.bits + 1)? as i16;
            listed.push((found as usize, (code > 0).then(|| code - (1 << rules.header.bits))));
            next = found + 1;
        }
        Ok(listed)
    }

    /// The input of one active cell, and the product of the two.
    #[inline]
    fn product(
        &mut self,
        bits: &mut Bits,
        window: Option<Window>,
        rules: Rules<'_>,
        outputs: &mut [Output],
        cell: usize,
        level: i16,
    ) -> Result<(), Problem> {
        let by_level = (level + rules.header.top()) as usize;
        let rice = rules.coding.index[by_level];
        let found = if rules.header.reach == Reach::Lane {
            let last = &mut self.last[cell];
            *last += 1 + bits.signed(rice)?;
            *last * rules.header.cols as i64 + cell as i64
        } else {
            let gap = bits.rice(rice)?;
            let list = if rules.header.lists == Lists::Level { by_level } else { cell };
            let found = unmarked_after(&self.marked, self.last[list], gap, window);
            self.last[list] = found;
            found
        };
        self.multiply(found, cell, window, rules, outputs, level)
    }

    /// An input reaches the cell of a lane at this level: is the product of the two a weight of this row, and a new one?
    #[inline]
    pub(super) fn multiply(
        &mut self,
        found: i64,
        lane: usize,
        window: Option<Window>,
        rules: Rules<'_>,
        outputs: &mut [Output],
        level: i16,
    ) -> Result<(), Problem> {
        let by_level = (level + rules.header.top()) as usize;
        let column = usize::try_from(found).unwrap_or(usize::MAX);
        let Some(&own) = self.own.get(column) else {
            return Err(Problem::ColumnBeyond { found, cols: rules.cols });
        };
        let own = if self.choices.is_empty() { own } else { self.held(own, column, lane)? };
        if !own.is(level) {
            return Err(self.wrong_level(rules, column, own, level));
        }
        let output = self.output.unwrap_or_default();
        if !outputs[output].done.insert(column) {
            return Err(Problem::MultipliedAgain { output, column });
        }
        if window.is_some_and(|w| (w.start..w.end).contains(&column)) {
            self.marked.insert(column);
        }
        self.counts[by_level] += 1;
        Ok(())
    }

    /// The levels that a weight may have in a lane.
    fn held(&self, own: Own, column: usize, lane: usize) -> Result<Own, Problem> {
        let Some(choice) = self.choices.get(&column) else { return Ok(own) };
        let held = choice.lit.iter().find(|(may, _)| *may == lane);
        let other = Problem::OtherLane { output: self.output.unwrap_or_default(), column };
        held.map(|(_, own)| *own).ok_or(other)
    }

    #[cold]
    fn wrong_level(&self, rules: Rules<'_>, column: usize, own: Own, found: i16) -> Problem {
        let output = self.output.unwrap_or_default();
        let (weight, expected) = (rules.weights[output * rules.cols + column], own.level());
        Problem::WrongLevel { output, column, weight, expected, found }
    }

    /// Whether faulty cells take the place of a weight, which is then dark.
    pub(super) fn may_leave_out(&self, column: usize) -> bool {
        self.choices.get(&column).is_some_and(|choice| choice.dark)
    }

    /// Weights for which two levels were right.
    pub(super) fn ties(&self) -> u64 {
        self.own.iter().filter(|own| own.tie()).count() as u64
    }
}

/// The column p behind `last` with exactly `gap` columns between that are not marked, itself not marked.
#[inline]
pub(super) fn unmarked_after(marked: &Columns, last: i64, gap: u32, window: Option<Window>) -> i64 {
    // `last` is -1 or a column.
    let (mut column, mut gap) = ((last + 1) as usize, gap as usize);
    let Some(window) = window else {
        return (column + gap) as i64;
    };
    if column < window.start {
        // In front of the window nothing counts as marked.
        let free = window.start - column;
        if gap < free {
            return (column + gap) as i64;
        }
        (column, gap) = (window.start, gap - free);
    }
    // The window begins and ends with a half word; what is marked behind its end was never inside it.
    while column < window.end && column / 64 < marked.words().len() {
        let free = !marked.words()[column / 64] >> (column % 64);
        let in_word = (64 - column % 64).min(window.end - column);
        let free = if in_word < 64 { free & ((1 << in_word) - 1) } else { free };
        let count = free.count_ones() as usize;
        if gap < count {
            return (column + nth_one(free, gap)) as i64;
        }
        (column, gap) = (column + in_word, gap - count);
    }
    (column + gap) as i64
}

/// The position of the one with `n` ones below it; there must be one.
#[inline]
fn nth_one(mut word: u64, n: usize) -> usize {
    for _ in 0..n {
        word &= word - 1; // takes the lowest one away
    }
    word.trailing_zeros() as usize
}

pub(super) fn refill<T: Clone>(items: &mut Vec<T>, count: usize, value: T) {
    items.clear();
    items.resize(count, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_the_steps() {
        assert_eq!(Window::at(0, 4, 1000, 256), Window { start: 0, end: 256 });
        // 1000 / 4 * 2 - 128 = 372, rounded down to 352.
        assert_eq!(Window::at(2, 4, 1000, 256), Window { start: 352, end: 608 });
        assert_eq!(Window::at(u32::MAX - 1, u32::MAX, 1 << 32, 64).start as u64, (1 << 32) - 64);
    }

    #[test]
    fn gaps_skip_what_is_marked_inside_the_window() {
        let cols = 400;
        let mut row = Row::default();
        row.marked.clear(cols);
        let mut seed = 7u64;
        for column in 0..cols {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if seed >> 62 != 0 {
                row.marked.insert(column);
            }
        }
        for (start, width) in [(0, 64), (32, 64), (96, 128), (320, 64), (352, 128)] {
            let window = Window { start, end: start + width };
            for last in -1..cols as i64 {
                for gap in [0, 1, 2, 5, 17, 50, 300] {
                    // By the definition, column by column.
                    let free = |p: usize| !((start..start + width).contains(&p) && p < cols && row.marked.has(p));
                    let expected = ((last + 1) as usize..).filter(|&p| free(p)).nth(gap as usize).unwrap();
                    assert_eq!(
                        unmarked_after(&row.marked, last, gap, Some(window)),
                        expected as i64,
                        "{last} {gap} {window:?}"
                    );
                }
            }
        }
    }
}
