//! Cutting a row that has many idle places.
//!
//! The same cuts as in [`Cut::solve`], but counted by where a chunk begins: a chunk is full, or ends where a run ends, or is empty, so it
//! begins a multiple of Q behind the start of a run. There are at most `levels * (C + 1)` such positions, however many places idle.

use super::{ChunkCost, Cut, RangeCost};
use crate::order::chain::timeline::Ends;

/// States up to which a cut is searched for; beyond that chunks are full from the lowest level on.
const MOST_STATES: usize = 1 << 23;
const NEVER: i32 = i32::MAX;

/// Buffers, used again from row to row.
#[derive(Clone, Debug, Default)]
pub(super) struct Sparse {
    /// Positions at which a chunk may begin, ascending, and the row's end.
    at: Vec<u32>,
    /// Of each position, the index of the position behind a full chunk.
    full: Vec<u32>,
    /// Indices of the positions at which a run begins, ascending; the row's end is the last.
    run_starts: Vec<u32>,
    best: Vec<i32>,
    came: Vec<u32>,
}

impl Cut {
    /// [`Cut::narrowest`] for a row with many idle places.
    pub fn narrowest_sparse(&mut self, sorted: &[i16], cells: usize, steps: usize) {
        self.solve_sparse(sorted, cells, steps, &RangeCost);
    }

    /// [`Cut::cheapest`] for a row with many idle places.
    pub fn cheapest_sparse(
        &mut self,
        sorted: &[i16],
        top: i16,
        steps: usize,
        past: Ends<'_>,
        future: Ends<'_>,
        cells: usize,
    ) {
        self.tabulated(top, [past, future], cells, |cut, cost| cut.solve_sparse(sorted, cells, steps, cost));
    }

    /// Exact over the same cuts as [`Cut::solve`]. Time O(cells * positions * levels in a chunk).
    pub(super) fn solve_sparse<C: ChunkCost>(&mut self, sorted: &[i16], cells: usize, steps: usize, cost: &C) {
        let mut sparse = std::mem::take(&mut self.sparse);
        sparse.positions(sorted, steps);
        self.reset(cells);
        if cells * sparse.at.len() > MOST_STATES {
            for (cell, chunk) in sorted.chunks(steps).enumerate() {
                self.put(cell, chunk);
            }
        } else {
            sparse.solve(sorted, cells, steps, cost);
            let mut at = sparse.at.len() - 1;
            for cell in (0..cells).rev() {
                let from = sparse.came[cell * sparse.at.len() + at] as usize;
                self.put(cell, &sorted[sparse.at[from] as usize..sparse.at[at] as usize]);
                at = from;
            }
        }
        self.sparse = sparse;
    }
}

impl Sparse {
    fn positions(&mut self, sorted: &[i16], steps: usize) {
        let n = sorted.len();
        let starts = (0..n).filter(|&i| i == 0 || sorted[i] != sorted[i - 1]);
        self.at.clear();
        self.at.extend(starts.clone().flat_map(|s| (s..n).step_by(steps)).map(|p| p as u32).chain([n as u32]));
        self.at.sort_unstable();
        self.at.dedup();
        let index = |position: usize| self.at.partition_point(|&p| (p as usize) < position) as u32;
        self.run_starts.clear();
        self.run_starts.extend(starts.chain([n]).map(index));
        let full: Vec<u32> = self.at.iter().map(|&p| index((p as usize + steps).min(n))).collect();
        self.full = full;
    }

    fn solve<C: ChunkCost>(&mut self, sorted: &[i16], cells: usize, steps: usize, cost: &C) {
        let (n, width) = (sorted.len(), self.at.len());
        self.best.clear();
        self.best.resize(2 * width, NEVER);
        self.came.clear();
        self.came.resize(cells * width, 0);
        self.best[0] = 0;
        for cell in 0..cells {
            let (here, next) = self.best.split_at_mut(width);
            let came = &mut self.came[cell * width..][..width];
            next.fill(NEVER);
            let idle = cost.idle(cell);
            let mut run = 0;
            for (from, &so_far) in here.iter().enumerate() {
                let position = self.at[from] as usize;
                while run < self.run_starts.len() && self.run_starts[run] as usize <= from {
                    run += 1;
                }
                // What is left has to fit the cells behind this one.
                if so_far == NEVER || n - position > (cells - cell) * steps {
                    continue;
                }
                let mut reach = |to: usize, cost: i32| {
                    if next[to] > so_far + cost {
                        (next[to], came[to]) = (so_far + cost, from as u32);
                    }
                };
                reach(from, idle);
                if position == n {
                    continue;
                }
                let full = self.full[from] as usize;
                for &end in self.run_starts[run..].iter().take_while(|&&end| (end as usize) < full) {
                    let end = end as usize;
                    reach(end, cost.visit(cell, sorted[position], sorted[self.at[end] as usize - 1]));
                }
                reach(full, cost.visit(cell, sorted[position], sorted[self.at[full] as usize - 1]));
            }
            here.copy_from_slice(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::chain::timeline::Timeline;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_the_dense_program(
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
            let (past, future) = (timeline.past(0, 0), timeline.future(0, 0));
            let (mut dense, mut sparse) = (Cut::default(), Cut::default());
            let total = |cut: &Cut| {
                let cost = |cell: usize| match cut.len[cell] {
                    0 => past.meet(cell, &future),
                    _ => {
                        let (lo, hi) = (cut.lo[cell], cut.hi[cell]);
                        let up = past.reach(cell, lo) + future.reach(cell, hi);
                        up.min(past.reach(cell, hi) + future.reach(cell, lo)) + hi - lo
                    }
                };
                (0..cells).map(|cell| i32::from(cost(cell))).sum::<i32>()
            };
            dense.tabulated(4, [past, future], cells, |cut, cost| {
                cut.solve(&row, cells, steps, cost);
            });
            sparse.cheapest_sparse(&row, 4, steps, past, future, cells);
            prop_assert_eq!(total(&dense), total(&sparse));
            prop_assert_eq!(sparse.len.iter().sum::<u32>() as usize, row.len());
            prop_assert!(sparse.len.iter().all(|&len| len as usize <= steps));
            dense.solve(&row, cells, steps, &RangeCost);
            sparse.narrowest_sparse(&row, cells, steps);
            let range = |cut: &Cut| cut.lo.iter().zip(&cut.hi).map(|(lo, hi)| hi - lo).sum::<i16>();
            prop_assert_eq!(range(&dense), range(&sparse));
        }
    }
}
