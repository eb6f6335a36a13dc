//! The cut of a row: by the program over idle places, or by giving each level cells of its own.

use super::costs::{CellCost, CostTable, FrontierCost, RangeCost, TabulatedCost};
use super::dense::DenseCut;
use super::level_assignment::LevelAssignment;
use super::sparse::SparseCut;
use crate::order::chain::timeline::{Chunks, Ends};

/// A cut of one row, in buffers that are used again from row to row.
#[derive(Clone, Debug, Default)]
pub struct Cut {
    chunks: CellChunks,
    /// The row's levels, and weights of each.
    runs: Vec<(i16, u32)>,
    /// Cells that each of them needs.
    need: Vec<u32>,
    table: CostTable,
    assignment: LevelAssignment,
    dense: DenseCut,
    sparse: SparseCut,
}

/// The chunk of each cell: lowest and highest level, and weights; 0 for an idle cell.
#[derive(Clone, Debug, Default)]
struct CellChunks {
    lo: Vec<i16>,
    hi: Vec<i16>,
    len: Vec<u32>,
}

impl CellChunks {
    /// So many idle cells.
    fn reset(&mut self, cells: usize) {
        for levels in [&mut self.lo, &mut self.hi] {
            levels.clear();
            levels.resize(cells, 0);
        }
        self.len.clear();
        self.len.resize(cells, 0);
    }

    fn put(&mut self, cell: usize, chunk: &[i16]) {
        if let (Some(lo), Some(hi)) = (chunk.first(), chunk.last()) {
            (self.lo[cell], self.hi[cell], self.len[cell]) = (*lo, *hi, chunk.len() as u32);
        }
    }
}

/// Levels up to which cells are assigned to them: the time grows with the square of their number.
const MOST_LEVELS: usize = 128;
/// States up to which a cut by the dynamic program is tried beside the assignment.
const ALONGSIDE: usize = 1 << 13;

impl Cut {
    /// The chunk of each cell.
    #[must_use]
    pub fn chunks(&self) -> Chunks<'_> {
        Chunks { lo: &self.chunks.lo, hi: &self.chunks.hi, len: &self.chunks.len }
    }

    /// Sum of the ranges of all chunks, in levels.
    #[must_use]
    pub fn range(&self) -> u64 {
        self.chunks.lo.iter().zip(&self.chunks.hi).map(|(lo, hi)| u64::from(lo.abs_diff(*hi))).sum()
    }

    /// The cut of a sorted row with the smallest summed range, spending idle places where they save a straddle.
    ///
    /// `sorted`: the row's levels, ascending; at most `cells * steps` of them.
    pub fn narrowest(&mut self, sorted: &[i16], cells: usize, steps: usize) {
        if sorted.len() == cells * steps {
            self.full(sorted, cells, steps);
        } else if self.has_a_cell_for_each_level(sorted, cells, steps) {
            self.spread(sorted, cells, steps);
        } else {
            contiguous(&mut self.chunks, &mut self.dense, sorted, cells, steps, &RangeCost);
        }
    }

    /// The same for a row with many idle places.
    pub fn narrowest_sparse(&mut self, sorted: &[i16], cells: usize, steps: usize) {
        self.chunks.reset(cells);
        self.sparse.solve(sorted, cells, steps, &RangeCost, |cell, chunk| self.chunks.put(cell, chunk));
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
        let Self { chunks, runs, need, table, assignment, dense, .. } = self;
        let cost = table.fill(top, cells, FrontierCost { past, future });
        if !assigns {
            contiguous(chunks, dense, sorted, cells, steps, &cost);
            return true;
        }
        let single = assign_levels(chunks, assignment, runs, need, steps, cells, &cost);
        // With more than one step a cell can serve levels that it passes on its way.
        if steps > 1 && states <= ALONGSIDE {
            let held = chunks.clone();
            if contiguous(chunks, dense, sorted, cells, steps, &cost) >= single {
                *chunks = held;
            }
        }
        true
    }

    /// The cheapest cut of a row with many idle places.
    pub fn cheapest_sparse(
        &mut self,
        sorted: &[i16],
        top: i16,
        steps: usize,
        [past, future]: [Ends<'_>; 2],
        cells: usize,
    ) {
        self.chunks.reset(cells);
        let cost = self.table.fill(top, cells, FrontierCost { past, future });
        self.sparse.solve(sorted, cells, steps, &cost, |cell, chunk| self.chunks.put(cell, chunk));
    }

    /// Finds the row's levels. Whether no cell has to serve more than one of them.
    fn has_a_cell_for_each_level(&mut self, sorted: &[i16], cells: usize, steps: usize) -> bool {
        self.runs.clear();
        self.runs.extend(sorted.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u32)));
        self.runs.iter().map(|run| (run.1 as usize).div_ceil(steps)).sum::<usize>() <= cells
    }

    /// No freedom: every chunk is full.
    fn full(&mut self, sorted: &[i16], cells: usize, steps: usize) {
        self.chunks.reset(cells);
        for (cell, chunk) in sorted.chunks_exact(steps).enumerate() {
            self.chunks.put(cell, chunk);
        }
    }

    /// A cell for each level, or several: spread evenly, as they would be in a longer row.
    fn spread(&mut self, sorted: &[i16], cells: usize, steps: usize) {
        self.chunks.reset(cells);
        let chunks = || sorted.chunk_by(|a, b| a == b).flat_map(|run| run.chunks(steps));
        let count = chunks().count();
        for (i, chunk) in chunks().enumerate() {
            self.chunks.put((2 * i + 1) * cells / (2 * count), chunk);
        }
    }
}

/// The cheapest cut into contiguous chunks in the order of the cells; returns its cost.
fn contiguous(
    chunks: &mut CellChunks,
    dense: &mut DenseCut,
    sorted: &[i16],
    cells: usize,
    steps: usize,
    cost: &impl CellCost,
) -> i32 {
    chunks.reset(cells);
    // Where every cell holds every level there is a cut.
    dense.solve(sorted, cells, steps, cost, |cell, chunk| chunks.put(cell, chunk)).unwrap_or(i32::MAX)
}

/// The cheapest cut in which no cell serves more than one level, to any cells; returns its cost. `runs`: the row's levels, which are used up.
fn assign_levels(
    chunks: &mut CellChunks,
    assignment: &mut LevelAssignment,
    runs: &mut [(i16, u32)],
    need: &mut Vec<u32>,
    steps: usize,
    cells: usize,
    cost: &TabulatedCost<'_>,
) -> i32 {
    need.clear();
    need.extend(runs.iter().map(|run| run.1.div_ceil(steps as u32)));
    let of = |cell: usize, run: usize| {
        // Up to four moves over the range of a cell: fits.
        let cost = runs.get(run).map_or_else(|| cost.idle(cell), |run| cost.of_visit(cell, run.0, run.0));
        cost as i16
    };
    let total = assignment.solve(need, cells, of);
    chunks.reset(cells);
    for (cell, &run) in assignment.holder.iter().enumerate() {
        if let Some((level, left)) = runs.get_mut(usize::from(run)) {
            let len = (*left).min(steps as u32);
            *left -= len;
            (chunks.lo[cell], chunks.hi[cell], chunks.len[cell]) = (*level, *level, len);
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::chain::timeline::Timeline;
    use proptest::prelude::*;

    #[test]
    fn idle_places_are_spent_where_they_save_a_straddle() {
        let mut cut = Cut::default();
        cut.narrowest(&[0, 0, 3, 3, 3, 7], 3, 3);
        assert_eq!(cut.chunks().len, [2, 3, 1]);
        assert_eq!(cut.range(), 0);
    }

    #[test]
    fn a_full_row_is_cut_evenly() {
        let mut cut = Cut::default();
        cut.narrowest(&[-3, -1, 0, 0, 1, 2], 3, 2);
        let Chunks { lo, hi, len } = cut.chunks();
        assert_eq!((lo, hi, len), (&[-3, 0, 1][..], &[-1, 0, 2][..], &[2; 3][..]));
    }

    proptest! {
        /// Rows with many idle places: the program over positions finds what the program over idle places finds.
        #[test]
        fn sparse_equals_dense(
            mut row in prop::collection::vec(-4i16..=4, 1..20),
            cells in 1usize..6,
            spare in 0usize..5,
            before in prop::collection::vec(-4i16..=4, 6),
            after in prop::collection::vec(-4i16..=4, 6),
        ) {
            row.sort_unstable();
            let steps = row.len().div_ceil(cells) + spare;
            let mut timeline = Timeline::new(1, cells, 1);
            timeline.lines()[0].set_boundary(&before[..cells], &after[..cells]);
            let between = || FrontierCost { past: timeline.past(0, 0), future: timeline.future(0, 0) };
            let (mut dense, mut sparse) = (Cut::default(), Cut::default());
            let total = |cut: &Cut| {
                let (costs, chunks) = (between(), cut.chunks());
                let cost = |cell: usize| match chunks.len[cell] {
                    0 => Some(costs.idle(cell)),
                    _ => costs.visit(cell, chunks.lo[cell], chunks.hi[cell]),
                };
                (0..cells).map(cost).sum::<Option<i32>>()
            };
            contiguous(&mut dense.chunks, &mut dense.dense, &row, cells, steps, &between());
            let FrontierCost { past, future } = between();
            sparse.cheapest_sparse(&row, 4, steps, [past, future], cells);
            prop_assert_eq!(total(&dense), total(&sparse));
            prop_assert_eq!(sparse.chunks().len.iter().sum::<u32>() as usize, row.len());
            prop_assert!(sparse.chunks().len.iter().all(|&len| len as usize <= steps));
            contiguous(&mut dense.chunks, &mut dense.dense, &row, cells, steps, &RangeCost);
            sparse.narrowest_sparse(&row, cells, steps);
            prop_assert_eq!(dense.range(), sparse.range());
        }
    }
}
