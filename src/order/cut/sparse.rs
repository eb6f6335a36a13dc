//! The cheapest cut of a row that has many idle places.
//!
//! The same cuts as in [`super::dense`], but counted by where a chunk begins: a chunk is full, or ends where a run ends, or is empty, so it
//! begins a multiple of Q behind the start of a run. There are at most `levels * (C + 1)` such positions, however many places idle.

use super::costs::CellCost;

/// States up to which a cut is searched for; beyond that chunks are full from the lowest level on.
const MOST_STATES: usize = 1 << 23;
const NEVER: i32 = i32::MAX;

/// Buffers, used again from row to row.
#[derive(Clone, Debug, Default)]
pub struct SparseCut {
    /// Positions at which a chunk may begin, ascending, and the row's end.
    at: Vec<u32>,
    /// Of each position, the index of the position behind a full chunk.
    full: Vec<u32>,
    /// Indices of the positions at which a run begins, ascending; the row's end is the last.
    run_starts: Vec<u32>,
    best: Vec<i32>,
    came: Vec<u32>,
}

impl SparseCut {
    /// Cuts a row of at most `cells * steps` weights, and calls `put` with each chunk that is not empty. Exact over the same cuts as
    /// [`super::dense::DenseCut::solve`], up to a limit of states. Time O(cells * positions * levels in a chunk).
    pub fn solve(
        &mut self,
        sorted: &[i16],
        cells: usize,
        steps: usize,
        cost: &impl CellCost,
        mut put: impl FnMut(usize, &[i16]),
    ) {
        self.positions(sorted, steps);
        if cells * self.at.len() > MOST_STATES {
            sorted.chunks(steps).enumerate().for_each(|(cell, chunk)| put(cell, chunk));
            return;
        }
        self.forward(sorted, cells, steps, cost);
        let mut at = self.at.len() - 1;
        for cell in (0..cells).rev() {
            let from = self.came[cell * self.at.len() + at] as usize;
            if from != at {
                put(cell, &sorted[self.at[from] as usize..self.at[at] as usize]);
            }
            at = from;
        }
    }

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

    fn forward(&mut self, sorted: &[i16], cells: usize, steps: usize, cost: &impl CellCost) {
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
                let ends = self.run_starts[run..].iter().map(|&end| end as usize).take_while(|&end| end < full);
                for end in ends.chain([full]) {
                    let Some(cost) = cost.visit(cell, sorted[position], sorted[self.at[end] as usize - 1]) else {
                        break;
                    };
                    reach(end, cost);
                }
            }
            here.copy_from_slice(next);
        }
    }
}
