//! Which core row takes which part of an arrangement: moving all that one core row does to another one changes nothing in steady state.
//!
//! So this is free to serve something else: a cheap transition from what the core holds already.

use super::chain::boundary::CoreBoundary;
use super::chain::directions::{Arrangement, choose_directions_from};
use super::chain::timeline::{Timeline, distance};
use super::chain::two_state::{Directions, Way};
use super::tour::assignment::assign;

/// Assigns the parts of an arrangement to core rows, and chooses among its cheapest directions, so that the first load from the levels `from`
/// takes the fewest writes. `core_rows`: those of one core; parts are not moved from core to core.
///
/// The least for this arrangement: over all ways to assign the parts of each core, and all directions with the fewest writes in steady
/// state. (Cells are independent once every part has its core row, and an assignment problem finds the core rows.)
pub fn minimise_first_load(arrangement: &mut Arrangement, boundary: &CoreBoundary, from: &[i16], core_rows: usize) {
    let (all_rows, cells) = (arrangement.timeline.core_rows(), arrangement.timeline.cells());
    let ways = cheapest_ways(&arrangement.timeline, boundary);
    let mut core_row_of: Vec<usize> = (0..all_rows).collect();
    for first in (0..all_rows).step_by(core_rows) {
        let parts = core_rows.min(all_rows - first);
        let cost = |part: usize, core_row: usize| {
            let ways = &ways[(first + part) * cells..][..cells];
            let held = &from[(first + core_row) * cells..][..cells];
            let moves = ways.iter().zip(held).filter_map(|(ways, &held)| {
                ways.iter().map(|way| i64::from(distance(way.first, held) - way.back)).min()
            });
            moves.sum()
        };
        let costs: Vec<i64> = (0..parts * parts).map(|at| cost(at / parts, at % parts)).collect();
        for (part, core_row) in assign(parts, parts, |i, j| costs[i * parts + j]).into_iter().enumerate() {
            core_row_of[first + part] = first + core_row;
        }
    }
    arrangement.timeline.permute(&core_row_of);
    (arrangement.rising, arrangement.writes) = choose_directions_from(&mut arrangement.timeline, boundary, from);
}

/// How each cell can begin and end without costing more in steady state; nothing for a cell that is never used.
fn cheapest_ways(timeline: &Timeline, boundary: &CoreBoundary) -> Vec<Vec<Way>> {
    let (core_rows, cells) = (timeline.core_rows(), timeline.cells());
    let mut ways = Vec::with_capacity(core_rows * cells);
    let (mut directions, mut intervals, mut stages) = (Directions::default(), Vec::new(), Vec::new());
    for core_row in 0..core_rows {
        for cell in 0..cells {
            timeline.core_row(core_row).chain(cell, &mut intervals, &mut stages);
            let boundary = boundary.of_cell(core_row * cells + cell);
            ways.push(directions.cheapest_ways(&intervals, boundary).1);
        }
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::chain::directions::choose_directions;
    use crate::order::chain::timeline::Chunks;
    use proptest::prelude::*;

    fn permutations(n: usize) -> Vec<Vec<usize>> {
        if n == 0 {
            return vec![Vec::new()];
        }
        let mut all = Vec::new();
        for p in permutations(n - 1) {
            for at in 0..n {
                let mut p = p.clone();
                p.insert(at, n - 1);
                all.push(p);
            }
        }
        all
    }

    /// One cell's writes in steady state, and in a first load from `held`; none if it is never used.
    fn walk(
        timeline: &Timeline,
        (core_row, cell): (usize, usize),
        held: i16,
        rises: &dyn Fn(usize) -> bool,
    ) -> Option<(i64, i64)> {
        let mut walk = Vec::new();
        for stage in 0..timeline.stages() {
            let chunks = timeline.chunks(stage, core_row);
            if chunks.len[cell] != 0 {
                let ends = [chunks.lo[cell], chunks.hi[cell]];
                walk.extend(if rises(stage) { ends } else { [ends[1], ends[0]] });
            }
        }
        let (&first, &last) = (walk.first()?, walk.last()?);
        let inside: i64 = walk.windows(2).map(|w| i64::from(distance(w[0], w[1]))).sum();
        Some((inside + i64::from(distance(last, first)), inside + i64::from(distance(held, first))))
    }

    proptest! {
        /// Against every way to assign the rows, with every direction of every chunk.
        #[test]
        fn no_cheaper_first_load(
            levels in prop::collection::vec((-4i16..=4, -4i16..=4, any::<bool>()), 12),
            from in prop::collection::vec(-4i16..=4, 6),
        ) {
            // Three core rows of two cells, two stages.
            let mut timeline = Timeline::new(3, 2, 2);
            for (slot, pair) in levels.chunks_exact(2).enumerate() {
                let lo: Vec<i16> = pair.iter().map(|p| p.0.min(p.1)).collect();
                let hi: Vec<i16> = pair.iter().map(|p| p.0.max(p.1)).collect();
                let len: Vec<u32> = pair.iter().map(|p| u32::from(p.2)).collect();
                timeline.set(slot / 3, slot % 3, slot as u32, Chunks { lo: &lo, hi: &hi, len: &len });
            }
            let (rising, writes) = choose_directions(&mut timeline.clone(), &CoreBoundary::Cyclic);
            let arrangement = Arrangement { timeline, rising, writes };
            let mut settled = arrangement.clone();
            minimise_first_load(&mut settled, &CoreBoundary::Cyclic, &from, 3);
            prop_assert_eq!(settled.writes, writes);
            let cells = || (0..6).map(|i| ((i / 2, i % 2), from[i]));
            let (mut steady, mut first_load) = (0, 0);
            for (at, held) in cells() {
                let rises = |stage: usize| settled.rising(stage, at.0)[at.1];
                if let Some((writes, from_held)) = walk(&settled.timeline, at, held, &rises) {
                    steady += writes;
                    first_load += from_held;
                }
            }
            prop_assert_eq!(steady, writes as i64);
            let ways = permutations(3).into_iter().map(|seats| {
                let mut timeline = arrangement.timeline.clone();
                timeline.permute(&seats);
                let cheapest = cells().filter_map(|(at, held)| {
                    (0..4u32).filter_map(|mask| walk(&timeline, at, held, &|stage| mask >> stage & 1 == 1)).min()
                });
                cheapest.map(|(_, first_load)| first_load).sum::<i64>()
            });
            prop_assert_eq!(first_load, ways.min().unwrap());
        }
    }
}
