//! Cutting a sorted row into chunks, one for each cell.
//!
//! A row of `N` weights, sorted by level, is cut into `C` contiguous chunks of at most `Q` weights; in a cut by the dynamic program cell
//! `c` serves the c-th chunk. With `N = Q C` there is one way to do so. Otherwise `Q C - N` places stay idle, and where they are spent decides how
//! many chunks straddle a level: a dynamic program over (cell, idle places spent) finds the cheapest cut. A row with so many idle places
//! that no cell has to serve two levels needs no chunks in the order of the cells: `Assign` gives its levels to any cells.

mod level_assignment;
pub(super) mod ranges;
mod sparse;

use self::level_assignment::Assign;
use super::chain::timeline::{Ends, distance};
use sparse::Sparse;

/// A cut of one row, in buffers that are used again from row to row.
#[derive(Clone, Debug, Default)]
pub struct Cut {
    /// Lowest level of each cell's chunk.
    pub lo: Vec<i16>,
    /// Highest level of each cell's chunk.
    pub hi: Vec<i16>,
    /// Weights in each cell's chunk; 0 for an idle cell.
    pub len: Vec<u32>,
    best: Vec<i32>,
    choice: Vec<u32>,
    enter: Vec<i16>,
    leave: Vec<i16>,
    /// First position behind the run of equal levels that a position lies in.
    run_end: Vec<u32>,
    /// The row's levels, and weights of each.
    runs: Vec<(i16, u32)>,
    /// Cells that each of them needs.
    need: Vec<u32>,
    assign: Assign,
    sparse: Sparse,
}

/// Levels up to which cells are assigned to them: the time grows with the square of their number.
const MOST_LEVELS: usize = 128;
/// States up to which a cut by the dynamic program is tried beside the assignment.
const ALONGSIDE: usize = 1 << 13;

/// What a chunk costs a cell.
pub trait ChunkCost {
    /// Cost for `cell` to visit all of `[lo, hi]`.
    fn visit(&self, cell: usize, lo: i16, hi: i16) -> i32;
    /// Cost for `cell` to idle.
    fn idle(&self, cell: usize) -> i32;
}

/// The range alone: for a first cut, before it is known what lies around the row.
pub struct RangeCost;

impl ChunkCost for RangeCost {
    fn visit(&self, _: usize, lo: i16, hi: i16) -> i32 {
        i32::from(hi - lo)
    }
    fn idle(&self, _: usize) -> i32 {
        0
    }
}

/// The exact cost between two frontiers, tabulated by level and cell.
struct TabulatedCost<'a> {
    enter: &'a [i16],
    leave: &'a [i16],
    cells: usize,
    top: i16,
    past: Ends<'a>,
    future: Ends<'a>,
}

impl ChunkCost for TabulatedCost<'_> {
    #[inline]
    fn visit(&self, cell: usize, lo: i16, hi: i16) -> i32 {
        let at = |level: i16| (level + self.top) as usize * self.cells + cell;
        let (l, h) = (at(lo), at(hi));
        i32::from((self.enter[l] + self.leave[h]).min(self.enter[h] + self.leave[l]) + distance(lo, hi))
    }
    fn idle(&self, cell: usize) -> i32 {
        i32::from(self.past.meet(cell, &self.future))
    }
}

impl Cut {
    /// The cut of a sorted row with the smallest summed range, spending idle places where they save a straddle.
    ///
    /// `sorted`: the row's levels, ascending; at most `cells * steps` of them.
    pub fn narrowest(&mut self, sorted: &[i16], cells: usize, steps: usize) {
        if sorted.len() == cells * steps {
            self.exact(sorted, cells, steps);
        } else if self.has_a_cell_for_each_level(sorted, cells, steps) {
            self.spread(sorted, cells, steps);
        } else {
            self.solve(sorted, cells, steps, &RangeCost);
        }
    }

    /// The cheapest cut of a sorted row between what lies before and after it; `top`: the highest level. False, and nothing is
    /// changed, if that takes a dynamic program of more than `most_states` states.
    pub fn cheapest(
        &mut self,
        sorted: &[i16],
        top: i16,
        steps: usize,
        [past, future]: [Ends<'_>; 2],
        cells: usize,
        most_states: usize,
    ) -> bool {
        let states = cells * (cells * steps - sorted.len() + 1);
        let assigns = self.has_a_cell_for_each_level(sorted, cells, steps) && self.runs.len() <= MOST_LEVELS;
        if !assigns && states > most_states {
            return false;
        }
        self.tabulated(top, [past, future], cells, |cut, cost| cut.cheapest_of(sorted, steps, cells, assigns, cost));
        true
    }

    /// The cheaper one of the assignment of levels, where there is one, and the contiguous cut.
    fn cheapest_of(&mut self, sorted: &[i16], steps: usize, cells: usize, assigns: bool, cost: &TabulatedCost<'_>) {
        let states = cells * (cells * steps - sorted.len() + 1);
        if assigns {
            let single = self.assign_levels(cells, steps, cost);
            // With more than one step a cell can serve levels that it passes on its way.
            if steps > 1 && states <= ALONGSIDE {
                let held = [&self.lo, &self.hi].map(Clone::clone);
                let len = self.len.clone();
                if self.solve(sorted, cells, steps, cost) >= single {
                    [self.lo, self.hi] = held;
                    self.len = len;
                }
            }
        } else {
            self.solve(sorted, cells, steps, cost);
        }
    }

    /// Runs a search with the exact cost between two frontiers.
    fn tabulated(
        &mut self,
        top: i16,
        [past, future]: [Ends<'_>; 2],
        cells: usize,
        search: impl FnOnce(&mut Self, &TabulatedCost<'_>),
    ) {
        let levels = 2 * top as usize + 1;
        let (mut enter, mut leave) = (std::mem::take(&mut self.enter), std::mem::take(&mut self.leave));
        for (table, ends) in [(&mut enter, &past), (&mut leave, &future)] {
            table.clear();
            table.resize(levels * cells, 0);
            for (x, row) in (-top..=top).zip(table.chunks_exact_mut(cells)) {
                ends.reach_all(x, row);
            }
        }
        search(self, &TabulatedCost { enter: &enter, leave: &leave, cells, top, past, future });
        (self.enter, self.leave) = (enter, leave);
    }

    /// Finds the row's levels. Whether no cell has to serve more than one of them.
    fn has_a_cell_for_each_level(&mut self, sorted: &[i16], cells: usize, steps: usize) -> bool {
        self.runs.clear();
        self.runs.extend(sorted.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u32)));
        self.runs.iter().map(|run| (run.1 as usize).div_ceil(steps)).sum::<usize>() <= cells
    }

    /// The cheapest cut in which no cell serves more than one level, to any cells; returns its cost.
    fn assign_levels(&mut self, cells: usize, steps: usize, cost: &TabulatedCost<'_>) -> i32 {
        self.need.clear();
        self.need.extend(self.runs.iter().map(|run| run.1.div_ceil(steps as u32)));
        let (runs, idle) = (&self.runs, self.runs.len());
        let of = |cell: usize, run: usize| {
            // Up to four moves over the range of a cell: fits.
            let cost = if run == idle { cost.idle(cell) } else { cost.visit(cell, runs[run].0, runs[run].0) };
            cost as i16
        };
        let total = self.assign.solve(&self.need, cells, of);
        self.reset(cells);
        for (cell, &run) in self.assign.holder.iter().enumerate() {
            if let Some((level, left)) = self.runs.get_mut(usize::from(run)) {
                let len = (*left).min(steps as u32);
                *left -= len;
                (self.lo[cell], self.hi[cell], self.len[cell]) = (*level, *level, len);
            }
        }
        total
    }

    fn reset(&mut self, cells: usize) {
        for levels in [&mut self.lo, &mut self.hi] {
            levels.clear();
            levels.resize(cells, 0);
        }
        self.len.clear();
        self.len.resize(cells, 0);
    }

    /// No freedom: every chunk is full.
    fn exact(&mut self, sorted: &[i16], cells: usize, steps: usize) {
        self.reset(cells);
        for (c, chunk) in sorted.chunks_exact(steps).enumerate() {
            self.put(c, chunk);
        }
    }

    /// A cell for each level, or several: spread evenly, as they would be in a longer row.
    fn spread(&mut self, sorted: &[i16], cells: usize, steps: usize) {
        self.reset(cells);
        let chunks = || sorted.chunk_by(|a, b| a == b).flat_map(|run| run.chunks(steps));
        let count = chunks().count();
        for (i, chunk) in chunks().enumerate() {
            self.put((2 * i + 1) * cells / (2 * count), chunk);
        }
    }

    fn put(&mut self, cell: usize, chunk: &[i16]) {
        if let (Some(lo), Some(hi)) = (chunk.first(), chunk.last()) {
            (self.lo[cell], self.hi[cell], self.len[cell]) = (*lo, *hi, chunk.len() as u32);
        }
    }

    /// Exact over all cuts into contiguous chunks: a chunk is full, or ends where a run of equal levels ends (ending it
    /// elsewhere only moves the next chunk's start within the run), or is empty. `best[c][z]` is the least cost of the first
    /// c cells with z idle places spent. Time O(cells * idle places * levels in a chunk).
    fn solve<C: ChunkCost>(&mut self, sorted: &[i16], cells: usize, steps: usize, cost: &C) -> i32 {
        let n = sorted.len();
        let width = cells * steps - n + 1;
        self.reset(cells);
        self.best.clear();
        self.best.resize((cells + 1) * width, i32::MAX);
        self.choice.clear();
        self.choice.resize((cells + 1) * width, 0);
        self.run_end.clear();
        self.run_end.resize(n, n as u32);
        for i in (1..n).rev() {
            self.run_end[i - 1] = if sorted[i] == sorted[i - 1] { self.run_end[i] } else { i as u32 };
        }
        self.best[0] = 0;
        for cell in 0..cells {
            let idle = cost.idle(cell);
            for spent in 0..width {
                let here = self.best[cell * width + spent];
                if here == i32::MAX {
                    continue;
                }
                // More places spent than lie behind us cannot be: best is MAX there.
                let from = cell * steps - spent;
                let reach = |len: usize, cost: i32, this: &mut Self| {
                    let to = (cell + 1) * width + spent + steps - len;
                    if this.best[to] > here + cost {
                        this.best[to] = here + cost;
                        this.choice[to] = len as u32;
                    }
                };
                if spent + steps < width {
                    reach(0, idle, self);
                }
                if from >= n {
                    continue;
                }
                let shortest = steps.saturating_sub(width - 1 - spent).max(1);
                let full = steps.min(n - from);
                let mut end = self.run_end[from] as usize;
                while end < from + full {
                    if end - from >= shortest {
                        reach(end - from, cost.visit(cell, sorted[from], sorted[end - 1]), self);
                    }
                    end = self.run_end[end] as usize;
                }
                if full >= shortest {
                    reach(full, cost.visit(cell, sorted[from], sorted[from + full - 1]), self);
                }
            }
        }
        let mut spent = width - 1;
        for cell in (0..cells).rev() {
            let len = self.choice[(cell + 1) * width + spent] as usize;
            spent = (spent + len) - steps;
            let from = cell * steps - spent;
            self.put(cell, &sorted[from..from + len]);
        }
        self.best[cells * width + width - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_places_are_spent_where_they_save_a_straddle() {
        let mut cut = Cut::default();
        cut.narrowest(&[0, 0, 3, 3, 3, 7], 3, 3);
        assert_eq!(cut.len, [2, 3, 1]);
        assert_eq!(cut.lo, cut.hi);
    }

    #[test]
    fn a_full_row_is_cut_evenly() {
        let mut cut = Cut::default();
        cut.narrowest(&[-3, -1, 0, 0, 1, 2], 3, 2);
        assert_eq!((cut.lo, cut.hi, cut.len), (vec![-3, 0, 1], vec![-1, 0, 2], vec![2; 3]));
    }
}
