//! The order for reach `lane`: every weight keeps its lane and its tile row, each cell sweeps its sets in the best directions.
//!
//! ELight sorts each cell ascending in every tile row; here the directions are chosen, exactly, so that a sweep begins
//! where the one before it ended. While rows stay where they are stored, cells are independent and the result is the optimum; with rows in
//! any place (`--rows any`) fewer writes are needed, and the optimum is not known.

use rayon::prelude::*;

use crate::geometry::IDLE;
use crate::observer::StopToken;
use crate::order::chain::boundary::{CellBoundary, CoreBoundary};
use crate::order::chain::directions::{Arrangement, choose_directions};
use crate::order::chain::timeline::{Chunks, Timeline};
use crate::order::chain::two_state::TwoStates;
use crate::order::rows::path::{Path, Signatures};
use crate::order::rows::placement::Placement;

/// What each lane of each row of a layer must visit: one interval per row and cell.
#[derive(Clone, Debug)]
pub struct LaneRanges {
    rows: usize,
    cells: usize,
    lo: Vec<i16>,
    hi: Vec<i16>,
    /// Weights in each lane: the same for all rows, or row by row.
    len: Vec<u32>,
}

impl LaneRanges {
    /// Takes the ranges of a layer; `levels` is row-major, `rows x cols`.
    #[must_use]
    pub fn of(levels: &[i16], rows: usize, cols: usize, cells: usize) -> Self {
        let mut lo = vec![i16::MAX; rows * cells];
        let mut hi = vec![i16::MIN; rows * cells];
        for (row, (lo, hi)) in levels.chunks_exact(cols).zip(lo.chunks_exact_mut(cells).zip(hi.chunks_exact_mut(cells)))
        {
            for tile in row.chunks(cells) {
                for ((level, lo), hi) in tile.iter().zip(&mut *lo).zip(&mut *hi) {
                    *lo = (*lo).min(*level);
                    *hi = (*hi).max(*level);
                }
            }
        }
        let len: Vec<u32> = (0..cells).map(|cell| (cols.saturating_sub(cell)).div_ceil(cells) as u32).collect();
        for row in 0..rows {
            for cell in (0..cells).filter(|&cell| len[cell] == 0) {
                (lo[row * cells + cell], hi[row * cells + cell]) = (0, 0);
            }
        }
        Self { rows, cells, lo, hi, len }
    }

    /// The same where some weights are left out: their level is [`IDLE`].
    #[must_use]
    pub fn of_some(levels: &[i16], rows: usize, cols: usize, cells: usize) -> Self {
        let (mut lo, mut hi, mut len) = (vec![0; rows * cells], vec![0; rows * cells], vec![0; rows * cells]);
        for (row, levels) in levels.chunks_exact(cols).enumerate() {
            for (column, &level) in levels.iter().enumerate().filter(|(_, level)| **level != IDLE) {
                let at = row * cells + column % cells;
                if len[at] == 0 {
                    (lo[at], hi[at]) = (level, level);
                }
                (lo[at], hi[at], len[at]) = (level.min(lo[at]), level.max(hi[at]), len[at] + 1);
            }
        }
        Self { rows, cells, lo, hi, len }
    }

    /// Output rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Vectors whose distance tells how far the cells move between two rows: the ends of every range.
    fn signatures(&self, top: i16) -> Signatures {
        Signatures::of_levels(2 * self.cells, self.rows, top, |row, out| {
            let range = row * self.cells..(row + 1) * self.cells;
            out[..self.cells].copy_from_slice(&self.lo[range.clone()]);
            out[self.cells..].copy_from_slice(&self.hi[range]);
        })
    }

    /// What each cell visits for an output row.
    #[must_use]
    pub fn chunks(&self, row: usize) -> Chunks<'_> {
        let range = row * self.cells..(row + 1) * self.cells;
        let len = if self.len.len() == self.cells { &self.len } else { &self.len[range.clone()] };
        Chunks { lo: &self.lo[range.clone()], hi: &self.hi[range], len }
    }
}

/// Arranges layers with every row where it is stored: row `t * core_rows + r` in tile row t on core row r. Optimal for rows in
/// these places (docs/ordering.md, theorem 2).
#[must_use]
pub fn arrange(layers: &[LaneRanges], core_rows: usize, cells: usize, boundary: &CoreBoundary) -> Arrangement {
    let stages = layers.iter().map(|l| l.rows().div_ceil(core_rows)).sum();
    let mut timeline = Timeline::new(core_rows, cells, stages);
    let mut first = 0;
    for layer in layers {
        for row in 0..layer.rows() {
            timeline.set(first + row / core_rows, row % core_rows, row as u32, layer.chunks(row));
        }
        first += layer.rows().div_ceil(core_rows);
    }
    let (rising, writes) = choose_directions(&mut timeline, boundary);
    Arrangement { timeline, rising, writes }
}

/// Exchanges tried for each row where rows are free. Lanes of few weights have much to gain, long ones little.
const TRIES_PER_ROW: usize = 96;
/// Rows among which the next one on the path is looked for: the time is linear in the rows beyond.
const BLOCK: usize = 2048;

/// Arranges layers with every row in the slot of its layer where it saves most, in any tile row: near the one that leaves the cells where
/// this one wants them. A heuristic; for the rows' places that it finds, the directions are optimal.
#[must_use]
pub fn arrange_freely(
    layers: &[LaneRanges],
    core_rows: usize,
    cells: usize,
    top: i16,
    boundary: &CoreBoundary,
    seed: u64,
    stop: &StopToken<'_>,
) -> Arrangement {
    let path = |layer: &LaneRanges| {
        let signatures = layer.signatures(top);
        let path = Path::new(&signatures, layer.rows(), BLOCK, stop);
        (signatures, path)
    };
    let all: Vec<usize> = (0..core_rows).collect();
    let paths = layers.par_iter().with_max_len(1).map(path).collect();
    let mut placement = Placement::deal(paths, |_| &all, [core_rows, cells], boundary, stop);
    placement.cut(
        |_| cells as u64,
        |(): &mut (), line, at| line.set(at.stage, at.row, layers[at.layer].chunks(at.row as usize)),
    );
    placement.direct();
    placement.improve(|layer| layers[layer].rows() * TRIES_PER_ROW, seed);
    placement.finish()
}

/// What no placement of the rows goes below with reach `lane`: in every row every cell sweeps the range of its lane (docs/ordering.md,
/// theorem 1).
#[derive(Clone, Debug)]
pub struct RangeBound {
    core_rows: usize,
    stages: usize,
    ranges: u64,
}

impl RangeBound {
    /// Nothing yet.
    #[must_use]
    pub fn new(core_rows: usize) -> Self {
        Self { core_rows, stages: 0, ranges: 0 }
    }

    /// Adds a layer; returns what its rows force.
    pub fn add(&mut self, layer: &LaneRanges) -> u64 {
        self.stages += layer.rows().div_ceil(self.core_rows);
        let ranges = layer.lo.iter().zip(&layer.hi).map(|(lo, hi)| u64::from(lo.abs_diff(*hi))).sum();
        self.ranges += ranges;
        ranges
    }

    /// Writes that no plan can go below, per inference in steady state.
    #[must_use]
    pub fn writes(&self) -> u64 {
        // With a single stage each cell has one range, and comes back. In any case every cell comes back to where it started: an even
        // number of steps.
        if self.stages <= 1 { 2 * self.ranges } else { self.ranges.next_multiple_of(2) }
    }
}

/// The optimum for reach `lane`, rows in their places, of a network of any length: the same dynamic program as for the plan, but it keeps the
/// costs alone. A plan in several segments, whose seams are chosen one after the other, may lie above it.
#[derive(Clone, Debug)]
pub struct LaneBound {
    core_rows: usize,
    cells: usize,
    /// By core row and cell; none before its first visit.
    visited: Vec<Option<Visited>>,
}

/// All that one cell has visited so far, between its first and its last interval.
#[derive(Clone, Copy, Debug)]
struct Visited {
    first: (i16, i16),
    /// By the end at which the first interval was entered.
    states: [TwoStates; 2],
}

impl Visited {
    fn begin(first: (i16, i16)) -> Self {
        Self { first, states: [0, 1].map(|end| TwoStates::entered_at(first, end)) }
    }

    /// Level steps of the cheapest way round.
    fn cycle(&self) -> u64 {
        let from = [self.first.0, self.first.1];
        let ways = (0..4).filter_map(|i| {
            let (states, end) = (&self.states[i / 2], i % 2);
            Some(states.left_at(end)? + CellBoundary::Cyclic.around(from[i / 2], states.level(end)))
        });
        ways.min().unwrap_or(0) as u64
    }
}

impl LaneBound {
    /// Nothing yet.
    #[must_use]
    pub fn new(core_rows: usize, cells: usize) -> Self {
        Self { core_rows, cells, visited: vec![None; core_rows * cells] }
    }

    /// Adds a layer: row `t * core_rows + r` comes in tile row t on core row r.
    pub fn add(&mut self, layer: &LaneRanges) {
        for row in 0..layer.rows() {
            let chunks = layer.chunks(row);
            let visited = &mut self.visited[row % self.core_rows * self.cells..][..self.cells];
            for (cell, visited) in visited.iter_mut().enumerate().filter(|(cell, _)| chunks.len[*cell] != 0) {
                let interval = (chunks.lo[cell], chunks.hi[cell]);
                match visited {
                    None => *visited = Some(Visited::begin(interval)),
                    Some(visited) => visited.states = visited.states.map(|states| states.next(interval).0),
                }
            }
        }
    }

    /// Writes that no plan can go below, per inference in steady state.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.visited.iter().flatten().map(Visited::cycle).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The cheapest of all placements of the rows of a layer, each with its best directions.
    fn brute_force(ranges: &LaneRanges, core_rows: usize, cells: usize) -> u64 {
        let slots = ranges.rows().div_ceil(core_rows) * core_rows;
        let mut best = u64::MAX;
        let mut ways = vec![Vec::new()];
        while let Some(way) = ways.pop() {
            if way.len() == ranges.rows() {
                let mut timeline = Timeline::new(core_rows, cells, slots / core_rows);
                for (row, &slot) in way.iter().enumerate() {
                    timeline.set(slot / core_rows, slot % core_rows, row as u32, ranges.chunks(row));
                }
                best = best.min(choose_directions(&mut timeline, &CoreBoundary::Cyclic).1);
                continue;
            }
            for slot in (0..slots).filter(|slot| !way.contains(slot)) {
                ways.push([&way[..], &[slot]].concat());
            }
        }
        best
    }

    proptest! {
        #[test]
        fn free_rows_lie_between_bound_and_stored_rows(
            levels in prop::collection::vec(-4i16..=4, 20),
            rows in 2usize..6,
            cells in 1usize..3,
            core_rows in 1usize..3,
        ) {
            let cols = 4;
            let ranges = LaneRanges::of(&levels[..rows * cols], rows, cols, cells);
            let mut bound = RangeBound::new(core_rows);
            bound.add(&ranges);
            let optimum = brute_force(&ranges, core_rows, cells);
            prop_assert!(bound.writes() <= optimum, "bound {}, optimum {optimum}", bound.writes());
            let ranges = [ranges];
            let plan = arrange_freely(&ranges, core_rows, cells, 4, &CoreBoundary::Cyclic, 1, &StopToken::new(&crate::observer::Unobserved));
            prop_assert!(plan.writes >= optimum);
            let mut placed: Vec<u32> = (0..core_rows)
                .flat_map(|r| (0..plan.timeline.stages()).map(move |s| (s, r)))
                .map(|(s, r)| plan.timeline.row(s, r))
                .filter(|&row| row != crate::geometry::EMPTY)
                .collect();
            placed.sort_unstable();
            prop_assert_eq!(placed, (0..rows as u32).collect::<Vec<_>>());
        }
    }
}
