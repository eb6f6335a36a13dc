//! Proven lower bounds on the writes of an inference in steady state (docs/ordering.md, theorems 4 and 5).
//!
//! Look at one gap between two neighbouring levels, `h | h + 1`: every write crosses one gap, so the writes are the crossings,
//! summed over the gaps. What a row forces at a gap depends on its weights on either side alone.

use super::lanes::LaneRanges;
use super::profile::Profiles;
use super::timeline::distance;

/// Collects what is needed for the bound of a whole network, layer by layer: for reach `row`, per-cell inputs, and the least number of
/// steps.
#[derive(Clone, Debug)]
pub struct RowBound {
    core_rows: usize,
    cells: usize,
    top: i16,
    stages: usize,
    gaps: Vec<Gap>,
}

/// One gap between neighbouring levels.
#[derive(Clone, Copy, Debug, Default)]
struct Gap {
    /// Crossings that the rows force, each for itself.
    forced: u64,
    /// Over layers that every core row works on: the largest, over layers, of the least number of cells that a row needs above.
    above: usize,
    /// The same for below.
    below: usize,
}

impl RowBound {
    /// Nothing yet.
    #[must_use]
    pub fn new(core_rows: usize, cells: usize, top: i16) -> Self {
        Self { core_rows, cells, top, stages: 0, gaps: vec![Gap::default(); 2 * top as usize] }
    }

    /// Adds a layer's rows; returns the writes that they force within the layer, each row for itself.
    pub fn add(&mut self, layer: &Profiles) -> u64 {
        let before: u64 = self.gaps.iter().map(|g| g.forced).sum();
        let (n, steps) = (layer.cols(), layer.cols().div_ceil(self.cells));
        let tile_rows = layer.rows().div_ceil(self.core_rows);
        self.stages += tile_rows;
        // Each core row holds at most `tile_rows` rows, so with fewer places left over than that none stays without.
        let everywhere = layer.rows() > (self.core_rows - 1) * tile_rows;
        for (h, gap) in self.gaps.iter_mut().enumerate() {
            let (mut least_above, mut least_below) = (usize::MAX, usize::MAX);
            for row in 0..layer.rows() {
                let at_most = layer.below(row)[h + 1] as usize;
                let (above, below) = ((n - at_most).div_ceil(steps), at_most.div_ceil(steps));
                gap.forced += (above + below).saturating_sub(self.cells) as u64;
                least_above = least_above.min(above);
                least_below = least_below.min(below);
            }
            if everywhere {
                gap.above = gap.above.max(least_above);
                gap.below = gap.below.max(least_below);
            }
        }
        self.gaps.iter().map(|g| g.forced).sum::<u64>() - before
    }

    /// Writes that no plan can go below, per inference in steady state.
    #[must_use]
    pub fn writes(&self) -> u64 {
        debug_assert_eq!(self.gaps.len(), 2 * self.top as usize);
        let per_gap = |gap: &Gap| {
            // Over an inference a cell comes back to where it started: it crosses a gap an even number of times. With a single
            // stage every row has its core row for itself, and what it crosses it crosses twice.
            let forced = if self.stages <= 1 { 2 * gap.forced } else { gap.forced.next_multiple_of(2) };
            let between = 2 * self.core_rows as u64 * (gap.above + gap.below).saturating_sub(self.cells) as u64;
            forced.max(between)
        };
        self.gaps.iter().map(per_gap).sum()
    }
}

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
