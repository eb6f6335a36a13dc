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
                if here == NEVER {
                    continue;
                }
                // More places spent than lie behind us cannot be: the cost is NEVER there.
                let from = cell * steps - spent;
                let mut reach = |len: usize, cost: i32| {
                    let to = (cell + 1) * width + spent + steps - len;
                    if self.best[to] > here + cost {
                        self.best[to] = here + cost;
                        self.choice[to] = len as u32;
                    }
                };
                if spent + steps < width {
                    reach(0, idle);
                }
                let shortest = steps.saturating_sub(width - 1 - spent).max(1);
                let full = steps.min(n.saturating_sub(from));
                if full < shortest {
                    continue;
                }
                let mut end = self.run_end[from] as usize;
                loop {
                    let len = end.min(from + full) - from;
                    if len >= shortest {
                        let Some(cost) = cost.visit(cell, sorted[from], sorted[from + len - 1]) else { break };
                        reach(len, cost);
                    }
                    if len == full {
                        break;
                    }
                    end = self.run_end[end] as usize;
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
