//! The optimum for reach `lane`, by theorem 2 of docs/ordering.md.

use crate::order::lanes::LaneRanges;
use crate::order::timeline::distance;

/// The optimum for reach `lane`, rows in their places, of a network of any length: the same dynamic program as for the plan, but it keeps the
/// costs alone. A plan in several segments, whose seams are chosen one after the other, may lie above it.
#[derive(Clone, Debug)]
pub struct LaneBound {
    core_rows: usize,
    cells: usize,
    /// By core row and cell; none before its first visit.
    sweeps: Vec<Option<Sweep>>,
}

/// All that one cell has visited so far, between its first and its last interval. Ends are `[lo, hi]`.
#[derive(Clone, Copy, Debug)]
struct Sweep {
    first: [i16; 2],
    last: [i16; 2],
    /// Cheapest cost by the end at which the first interval is entered and the end at which the last is left.
    cost: [[u64; 2]; 2],
}

impl Sweep {
    fn new([lo, hi]: [i16; 2]) -> Self {
        // Left at the other end than entered; a turn within an interval never pays, and is dearer than any path.
        let (sweep, never) = (steps(lo, hi), u64::MAX / 4);
        Self { first: [lo, hi], last: [lo, hi], cost: [[never, sweep], [sweep, never]] }
    }

    fn visit(&mut self, next: [i16; 2]) {
        let sweep = steps(next[0], next[1]);
        for cost in &mut self.cost {
            let enter = next.map(|x| (cost[0] + steps(self.last[0], x)).min(cost[1] + steps(self.last[1], x)));
            *cost = [enter[1] + sweep, enter[0] + sweep];
        }
        self.last = next;
    }

    /// The cheapest way round.
    fn cycle(&self) -> u64 {
        let ways = (0..4).map(|i| self.cost[i / 2][i % 2] + steps(self.last[i % 2], self.first[i / 2]));
        ways.min().unwrap_or(0)
    }
}

fn steps(a: i16, b: i16) -> u64 {
    u64::from(distance(a, b).unsigned_abs())
}

impl LaneBound {
    /// Nothing yet.
    #[must_use]
    pub fn new(core_rows: usize, cells: usize) -> Self {
        Self { core_rows, cells, sweeps: vec![None; core_rows * cells] }
    }

    /// Adds a layer: row `t * core_rows + r` comes in tile row t on core row r.
    pub fn add(&mut self, layer: &LaneRanges) {
        for row in 0..layer.rows() {
            let chunks = layer.chunks(row);
            let sweeps = &mut self.sweeps[row % self.core_rows * self.cells..][..self.cells];
            for (cell, sweep) in sweeps.iter_mut().enumerate().filter(|(cell, _)| chunks.len[*cell] != 0) {
                let interval = [chunks.lo[cell], chunks.hi[cell]];
                match sweep {
                    None => *sweep = Some(Sweep::new(interval)),
                    Some(sweep) => sweep.visit(interval),
                }
            }
        }
    }

    /// Writes that no plan can go below, per inference in steady state.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.sweeps.iter().flatten().map(Sweep::cycle).sum()
    }
}
