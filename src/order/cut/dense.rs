//! The cheapest cut of a sorted row by a dynamic program over cells and idle places.

use super::costs::CellCost;

const NEVER: i32 = i32::MAX;

/// Buffers, used again from row to row.
#[derive(Clone, Debug, Default)]
pub struct DenseCut {
    /// `best[c][z]`: least cost of the first c cells with z idle places spent.
    best: Vec<i32>,
    /// Length of the last of these chunks.
    choice: Vec<u32>,
    /// First position behind the run of equal levels that a position lies in.
    run_end: Vec<u32>,
}

impl DenseCut {
    /// Cuts a row into a chunk of at most `steps` weights for each of so many cells, calls `put` with each chunk that is not empty, and returns what
    /// all cells cost; none if there is no cut.
    ///
    /// Exact over all cuts into contiguous chunks: a chunk is full, or ends where a run of equal levels ends (ending it elsewhere only moves the next
    /// chunk's start within the run), or is empty. Time O(cells * idle places * levels in a chunk).
    pub fn solve(
        &mut self,
        sorted: &[i16],
        cells: usize,
        steps: usize,
        cost: &impl CellCost,
        mut put: impl FnMut(usize, &[i16]),
    ) -> Option<i32> {
        let n = sorted.len();
        let width = (cells * steps).checked_sub(n)? + 1;
        self.best.clear();
        self.best.resize((cells + 1) * width, NEVER);
        // Read only where `best` was set, and then set with it.
        self.choice.resize((cells + 1) * width, 0);
        self.run_end.clear();
        self.run_end.resize(n, n as u32);
        for i in (1..n).rev() {
            self.run_end[i - 1] = if sorted[i] == sorted[i - 1] { self.run_end[i] } else { i as u32 };
        }
        self.best[0] = 0;
        for cell in 0..cells {
            let idle = cost.idle(cell);
            let (before, after) = self.best[cell * width..(cell + 2) * width].split_at_mut(width);
            let choice = &mut self.choice[(cell + 1) * width..(cell + 2) * width];
            let mut offer = |to: usize, cost: i32, len: usize| {
                if after[to] > cost {
                    after[to] = cost;
                    choice[to] = len as u32;
                }
            };
            for (spent, &here) in before.iter().enumerate() {
                if here == NEVER {
                    continue;
                }
                // More places spent than lie behind us cannot be: the cost is NEVER there.
                let from = cell * steps - spent;
                // Idle places spent when this cell serves nothing.
                let most = spent + steps;
                if most < width {
                    offer(most, here + idle, 0);
                }
                let shortest = (most + 1).saturating_sub(width).max(1);
                let full = steps.min(n.saturating_sub(from));
                if full < shortest {
                    continue;
                }
                let (row, run_end) = (&sorted[from..from + full], &self.run_end[from..from + full]);
                let mut len = run_end[0] as usize - from;
                while len < full {
                    if len >= shortest {
                        let Some(cost) = cost.visit(cell, row[0], row[len - 1]) else { break };
                        offer(most - len, here + cost, len);
                    }
                    len = run_end[len] as usize - from;
                }
                if len >= full
                    && let Some(cost) = cost.visit(cell, row[0], row[full - 1])
                {
                    offer(most - full, here + cost, full);
                }
            }
        }
        let mut spent = width - 1;
        let total = self.best[cells * width + spent];
        if total == NEVER {
            return None;
        }
        for cell in (0..cells).rev() {
            let len = self.choice[(cell + 1) * width + spent] as usize;
            spent = (spent + len) - steps;
            let from = cell * steps - spent;
            if len > 0 {
                put(cell, &sorted[from..from + len]);
            }
        }
        Some(total)
    }
}
