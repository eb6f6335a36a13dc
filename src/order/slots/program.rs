//! What one slot does, step by step: the level of every cell, and the input that feeds it.
//!
//! Whatever the order, a row's work on its core row comes down to two tables of `steps x cells`. Everything behind the order
//! (the tally of writes, the encoder) reads these tables and nothing else.

use super::level_runs::LevelRun;
use crate::geometry::{DARK, IDLE};
use crate::order::chain::timeline::Chunks;
use crate::simd::simd;

/// One output row's work in one slot; buffers are used again from slot to slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Cells of the core row, C.
    pub cells: usize,
    /// Programmings of the core, Q.
    pub steps: usize,
    /// Signed level of each cell at each step or [`IDLE`]; step-major, `steps x cells`.
    pub level: Vec<i16>,
    /// Column of the row's weight that the cell holds at that step; unspecified where idle; step-major.
    pub input: Vec<u32>,
    /// Columns of the row, by level and then ascending; and where each level begins.
    columns: Vec<u32>,
    next: Vec<u32>,
    /// Cells in the order of their chunks.
    order: Vec<u32>,
    /// The row that `columns` are of, where that is known.
    sorted: Option<(usize, u32)>,
    /// Where each level begins in `columns`, for that row.
    starts: Vec<u32>,
}

impl Program {
    /// Weights that are multiplied.
    #[must_use]
    pub fn weights(&self) -> usize {
        self.level.iter().filter(|level| **level != IDLE).count()
    }

    fn reset(&mut self, steps: usize, cells: usize) {
        (self.steps, self.cells) = (steps, cells);
        self.level.clear();
        self.level.resize(steps * cells, IDLE);
        // Old inputs may stay: they are written wherever a level is.
        self.input.resize(steps * cells, 0);
    }

    /// The order in which weights are stored, the levels alone: what a tally needs.
    pub fn natural_levels(&mut self, row: &[i16], cells: usize) {
        (self.steps, self.cells) = (row.len().div_ceil(cells), cells);
        self.input.clear();
        self.level.clear();
        self.level.extend_from_slice(row);
        self.level.resize(self.steps * cells, IDLE);
    }

    /// Weights in the order in which they are stored: column `t * cells + c` sits in cell c at step t.
    pub fn natural(&mut self, row: &[i16], cells: usize) {
        self.reset(row.len().div_ceil(cells), cells);
        self.level[..row.len()].copy_from_slice(row);
        for (i, input) in self.input.iter_mut().enumerate() {
            *input = i as u32;
        }
    }

    /// The columns of a row group step by step: `columns` is step-major, `steps x cells`, and [`DARK`] where a lane is not lit.
    pub fn shared(&mut self, row: &[i16], cells: usize, columns: &[u32]) {
        (self.steps, self.cells) = (columns.len() / cells, cells);
        self.level.clear();
        self.level.extend(columns.iter().map(|&column| if column == DARK { IDLE } else { row[column as usize] }));
        self.input.clear();
        self.input.extend_from_slice(columns);
    }

    /// ELight's order, the levels alone: each cell ascending. What a tally needs, in a fraction of the time of [`Program::lanes`].
    pub fn ascending_levels(&mut self, row: &[i16], cells: usize) {
        self.natural_levels(row, cells);
        // Idle cells come last: above every level while they are sorted.
        let last = self.level.len() - cells.min(self.level.len());
        for (from, to) in [(IDLE, i16::MAX), (i16::MAX, IDLE)] {
            for level in &mut self.level[last..] {
                *level = if *level == from { to } else { *level };
            }
            if from == IDLE {
                simd(
                    #[inline(always)]
                    || sort_lanes(&mut self.level, self.steps, cells),
                );
            }
        }
    }

    /// Each cell works through the weights of its lane by level, upwards where `rising(cell)`, else downwards; equal levels
    /// in the order of their columns. With every cell rising this is ELight's order. Weights of level [`IDLE`] are left out.
    pub fn lanes(&mut self, row: &[i16], cells: usize, top: i16, rising: impl Fn(usize) -> bool) {
        self.reset(row.len().div_ceil(cells), cells);
        let levels = 2 * top as usize + 1;
        for cell in 0..cells.min(row.len()) {
            // A counting sort of one lane.
            self.next.clear();
            self.next.resize(levels + 1, 0);
            let key = |level: i16| if rising(cell) { (level + top) as usize } else { (top - level) as usize };
            for &level in row[cell..].iter().step_by(cells).filter(|level| **level != IDLE) {
                self.next[key(level) + 1] += 1;
            }
            for i in 1..=levels {
                self.next[i] += self.next[i - 1];
            }
            for (t, &level) in row[cell..].iter().step_by(cells).enumerate().filter(|(_, level)| **level != IDLE) {
                let step = &mut self.next[key(level)];
                let at = *step as usize * cells + cell;
                *step += 1;
                self.level[at] = level;
                self.input[at] = (t * cells + cell) as u32;
            }
        }
    }

    /// Each cell serves its chunk of the sorted row, upwards or downwards. Within a level, columns go to the cells in ascending
    /// order as time goes on, so that the gaps between them are small and cheap to send.
    pub fn chunks(&mut self, row: &[i16], steps: usize, top: i16, chunks: Chunks<'_>, rising: &[bool]) {
        let cells = chunks.len.len();
        self.reset(steps, cells);
        let mut next = self.sort_columns(row, top);
        let levels = 2 * top as usize + 1;
        // `next[v]` is where level v begins in the sorted row, and `next[v + 1]` where it ends.
        let (mut from, mut level) = (0, 0);
        chunks.in_order(&mut self.order);
        for &cell in &self.order {
            let cell = cell as usize;
            let (to, rises) = (from + chunks.len[cell], rising[cell]);
            let mut at = from;
            while at < to {
                while level + 1 < levels && next[level + 1] <= at {
                    level += 1;
                }
                let end = if level + 1 < levels { next[level + 1].min(to) } else { to };
                // This run of equal levels takes consecutive steps, counted from the chunk's start or from its end.
                let first = if rises { at - from } else { to - end } as usize;
                let mut place = first * cells + cell;
                for _ in at..end {
                    self.level[place] = level as i16 - top;
                    place += cells;
                }
                at = end;
            }
            from = to;
        }
        self.feed(&mut next, top);
    }

    /// Each cell works through its levels, so many weights at each; columns as in [`Program::chunks`].
    pub fn served(
        &mut self,
        row: &[i16],
        (steps, cells): (usize, usize),
        top: i16,
        served: impl IntoIterator<Item = (usize, Vec<(i16, u32)>)>,
    ) {
        self.reset(steps, cells);
        let mut next = self.sort_columns(row, top);
        for (cell, runs) in served {
            let own = runs.iter().flat_map(|&(level, count)| std::iter::repeat_n(level, count as usize));
            for (at, level) in self.level[cell..].iter_mut().step_by(cells).zip(own) {
                *at = level;
            }
        }
        self.feed(&mut next, top);
    }

    /// Moves what each cell does `lanes` cells on, round the end of the core row.
    pub fn rotate(&mut self, lanes: usize) {
        if lanes == 0 {
            return;
        }
        for (levels, input) in self.level.chunks_exact_mut(self.cells).zip(self.input.chunks_exact_mut(self.cells)) {
            levels.rotate_right(lanes % self.cells);
            input.rotate_right(lanes % self.cells);
        }
    }

    /// Deals the columns of each level out anew, ascending from step to step and from cell to cell.
    pub fn feed_in_order(&mut self, row: &[i16], top: i16) {
        let mut next = self.sort_columns(row, top);
        self.feed(&mut next, top);
    }

    /// Each cell works through its runs; within a level, columns go to the cells in ascending order as time goes on. Weights of level 0 that
    /// no run has room for are left out.
    pub fn runs<'a>(
        &mut self,
        row: &[i16],
        steps: usize,
        top: i16,
        cells: impl ExactSizeIterator<Item = &'a [LevelRun]>,
    ) {
        self.place(steps, cells);
        let mut next = self.sort_columns(row, top);
        self.feed(&mut next, top);
    }

    /// The same, but every weight keeps its lane.
    pub fn lane_runs<'a>(
        &mut self,
        row: &[i16],
        steps: usize,
        top: i16,
        cells: impl ExactSizeIterator<Item = &'a [LevelRun]>,
    ) {
        let width = cells.len();
        self.place(steps, cells);
        for cell in 0..width.min(row.len()) {
            let lane: Vec<i16> = row[cell..].iter().step_by(width).copied().collect();
            let mut next = self.sort_columns(&lane, top);
            for at in (cell..self.level.len()).step_by(width) {
                if self.level[at] != IDLE {
                    let next = &mut next[(self.level[at] + top) as usize % LEVELS];
                    self.input[at] = self.columns[*next as usize] * width as u32 + cell as u32;
                    *next += 1;
                }
            }
        }
    }

    /// Some steps of an output's visits to a core row whose cells hold the levels `held`. Cells take the row's columns of their level in ascending order,
    /// where at each step others take theirs, and rest when there are none left. `taken(level)`: how many are taken already, and how many at each step by
    /// all core rows. `key`: of the row; its columns are sorted once.
    pub fn visits(
        &mut self,
        row: &[i16],
        key: (usize, u32),
        steps: usize,
        top: i16,
        held: &[i16],
        taken: impl Fn(i16) -> (u32, u32),
    ) {
        self.reset(steps, held.len());
        if self.sorted != Some(key) {
            let starts = self.sort_columns(row, top);
            self.starts.clear();
            self.starts.extend_from_slice(&starts[..2 * top as usize + 1]);
            self.starts.push(row.len() as u32);
            self.sorted = Some(key);
        }
        // Of each level: where the next step begins, and how far each step goes.
        let mut first = [u32::MAX; LEVELS];
        let mut each = [0; LEVELS];
        for level in held {
            let index = (level + top) as usize % LEVELS;
            if first[index] == u32::MAX {
                let (begun, at_each) = taken(*level);
                (first[index], each[index]) = (self.starts[index] + begun, at_each);
            }
        }
        for (levels, inputs) in self.level.chunks_exact_mut(held.len()).zip(self.input.chunks_exact_mut(held.len())) {
            let mut next = first;
            for ((&holds, level), input) in held.iter().zip(levels).zip(inputs) {
                let index = (holds + top) as usize % LEVELS;
                if next[index] < self.starts[index + 1] {
                    *level = holds;
                    *input = self.columns[next[index] as usize];
                    next[index] += 1;
                }
            }
            for (first, each) in first.iter_mut().zip(&each).take(self.starts.len()) {
                *first = first.saturating_add(*each);
            }
        }
    }

    fn place<'a>(&mut self, steps: usize, cells: impl ExactSizeIterator<Item = &'a [LevelRun]>) {
        let width = cells.len();
        self.reset(steps, width);
        for (cell, runs) in cells.enumerate() {
            for run in runs {
                let steps = self.level[run.first as usize * width + cell..].iter_mut().step_by(width);
                steps.take(run.count as usize).for_each(|level| *level = run.level);
            }
        }
    }

    /// Gives every active cell the next column of its level; columns are sorted, and level v's begin at `next[v + top]`.
    fn feed(&mut self, next: &mut [u32; LEVELS], top: i16) {
        let columns = &self.columns[..];
        for (level, input) in self.level.iter().zip(&mut self.input) {
            if *level != IDLE {
                let next = &mut next[(level + top) as usize % LEVELS];
                *input = columns[*next as usize];
                *next += 1;
            }
        }
    }

    /// Sorts the columns of a row by level; entry `v + top` of the result is where level v begins.
    fn sort_columns(&mut self, row: &[i16], top: i16) -> [u32; LEVELS] {
        self.sorted = None;
        let index = |level: i16| (level + top) as usize % LEVELS;
        let mut starts = [0u32; LEVELS];
        row.iter().for_each(|&level| starts[index(level)] += 1);
        let mut sum = 0;
        for start in &mut starts[..=2 * top as usize] {
            sum += std::mem::replace(start, sum);
        }
        let mut next = starts;
        self.columns.resize(row.len(), 0);
        let columns = &mut self.columns[..];
        for (column, &level) in row.iter().enumerate() {
            let next = &mut next[index(level)];
            columns[*next as usize] = column as u32;
            *next += 1;
        }
        starts
    }
}

/// Room for the levels of a cell of 8 bits, rounded up to a power of two: an index modulo this needs no check.
const LEVELS: usize = 512;

/// Sorts every lane by its steps: Batcher's merge exchange, which compares the same steps whatever they hold, and so all lanes at once
/// (Knuth, The Art of Computer Programming, volume 3, algorithm 5.2.2M).
#[inline(always)]
fn sort_lanes(levels: &mut [i16], steps: usize, cells: usize) {
    let top = steps.next_power_of_two() / 2;
    let mut p = top;
    while p > 0 {
        let (mut q, mut r, mut d) = (top, 0, p);
        loop {
            for i in (0..steps.saturating_sub(d)).filter(|i| i & p == r) {
                let (low, high) = levels.split_at_mut((i + d) * cells);
                for (a, b) in low[i * cells..][..cells].iter_mut().zip(&mut high[..cells]) {
                    (*a, *b) = ((*a).min(*b), (*a).max(*b));
                }
            }
            if q == p {
                break;
            }
            (d, q, r) = (q - p, q / 2, p);
        }
        p /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::cut::Cut;
    use proptest::prelude::*;

    fn multiplied_once(program: &Program, row: &[i16]) -> Result<(), TestCaseError> {
        let mut seen = vec![false; row.len()];
        for (level, input) in program.level.iter().zip(&program.input) {
            if *level != IDLE {
                prop_assert_eq!(*level, row[*input as usize]);
                prop_assert!(!std::mem::replace(&mut seen[*input as usize], true));
            }
        }
        prop_assert!(seen.iter().all(|s| *s));
        Ok(())
    }

    proptest! {
        #[test]
        fn every_weight_has_its_place(
            row in prop::collection::vec(-7i16..=7, 1..60),
            cells in 1usize..9,
            directions in any::<u64>(),
        ) {
            let rising: Vec<bool> = (0..cells).map(|c| directions >> c & 1 == 1).collect();
            let mut program = Program::default();
            program.natural(&row, cells);
            multiplied_once(&program, &row)?;
            program.lanes(&row, cells, 7, |_| true);
            let levels = program.level.clone();
            program.ascending_levels(&row, cells);
            prop_assert_eq!(&program.level, &levels);
            program.lanes(&row, cells, 7, |c| rising[c]);
            multiplied_once(&program, &row)?;
            for (i, level) in program.level.iter().enumerate().filter(|(_, l)| **l != IDLE) {
                prop_assert_eq!(program.input[i] as usize % cells, i % cells);
                if let Some(&next) = program.level.get(i + cells).filter(|l| **l != IDLE) {
                    let in_order = if rising[i % cells] { *level <= next } else { *level >= next };
                    prop_assert!(in_order);
                }
            }
            let steps = row.len().div_ceil(cells);
            let mut sorted = row.clone();
            sorted.sort_unstable();
            let mut cut = Cut::default();
            cut.narrowest(&sorted, cells, steps);
            // Cells with idle places serve their chunks in any order.
            let (mut lo, mut hi, mut len) = (cut.chunks().lo.to_vec(), cut.chunks().hi.to_vec(), cut.chunks().len.to_vec());
            if sorted.len() < cells * steps {
                lo.rotate_left(1);
                hi.rotate_left(1);
                len.rotate_left(1);
            }
            program.chunks(&row, steps, 7, Chunks { lo: &lo, hi: &hi, len: &len }, &rising);
            multiplied_once(&program, &row)?;
            for (cell, &rises) in rising.iter().enumerate() {
                let visited: Vec<i16> = program.level[cell..].iter().step_by(cells).copied().filter(|l| *l != IDLE).collect();
                prop_assert_eq!(visited.len(), len[cell] as usize);
                if let (Some(low), Some(high)) = (visited.iter().min(), visited.iter().max()) {
                    prop_assert_eq!((*low, *high), (lo[cell], hi[cell]));
                    let in_order = if rises { visited.is_sorted() } else { visited.iter().rev().is_sorted() };
                    prop_assert!(in_order);
                }
            }
        }
    }
}
