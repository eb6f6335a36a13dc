//! Which core row plays which part: moving all that one core row does to another one changes nothing in steady state.
//!
//! So the seats are free to serve something else: a cheap transition from what the core holds already.

use super::chain::boundary::CoreBoundary;
use super::chain::directions::{Arrangement, choose_directions_from};
use super::chain::timeline::{Timeline, distance};
use super::chain::two_state::{Directions, Way};

/// Seats the core rows of an arrangement, and chooses among its cheapest directions, so that the first load from the levels `from`
/// takes the fewest writes. `core_rows`: those of one core; parts are not moved from core to core.
///
/// The least for this arrangement: over all ways to seat the parts of each core, and all directions with the fewest writes in steady
/// state. (Cells are independent once parts have their seats, and an assignment problem finds the seats.)
pub fn settle(arrangement: &mut Arrangement, boundary: &CoreBoundary, from: &[i16], core_rows: usize) {
    let (all_rows, cells) = (arrangement.timeline.core_rows(), arrangement.timeline.cells());
    let ways = cheapest_ways(&arrangement.timeline, boundary);
    let mut seats: Vec<usize> = (0..all_rows).collect();
    for first in (0..all_rows).step_by(core_rows) {
        let parts = core_rows.min(all_rows - first);
        let mut costs = vec![0; parts * parts];
        for part in 0..parts {
            let ways = &ways[(first + part) * cells..][..cells];
            for seat in 0..parts {
                let held = &from[(first + seat) * cells..][..cells];
                let moves = ways.iter().zip(held).filter_map(|(ways, &held)| {
                    ways.iter().map(|way| i64::from(distance(way.first, held) - way.back)).min()
                });
                costs[part * parts + seat] = moves.sum();
            }
        }
        for (part, seat) in assign(&costs, parts).into_iter().enumerate() {
            seats[first + part] = first + seat;
        }
    }
    arrangement.timeline.seat(&seats);
    let (rising, writes) = choose_directions_from(&mut arrangement.timeline, boundary, from);
    (arrangement.rising, arrangement.writes) = (rising, writes);
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

/// The cheapest assignment: `costs[part * n + seat]` to the seat of each part. O(n^3), by shortest augmenting paths.
#[must_use]
pub fn assign(costs: &[i64], n: usize) -> Vec<usize> {
    // One-based, with 0 for "none": potentials of parts and seats, and the part on each seat.
    let (mut of_part, mut of_seat, mut sits) = (vec![0i64; n + 1], vec![0i64; n + 1], vec![0usize; n + 1]);
    for part in 1..=n {
        let (mut least, mut came, mut done) = (vec![i64::MAX; n + 1], vec![0usize; n + 1], vec![false; n + 1]);
        sits[0] = part;
        let mut seat = 0;
        while sits[seat] != 0 {
            done[seat] = true;
            let here = sits[seat];
            let (mut next, mut step) = (0, i64::MAX);
            for other in (1..=n).filter(|&s| !done[s]) {
                let reduced = costs[(here - 1) * n + other - 1] - of_part[here] - of_seat[other];
                if reduced < least[other] {
                    (least[other], came[other]) = (reduced, seat);
                }
                if least[other] < step {
                    (step, next) = (least[other], other);
                }
            }
            for s in 0..=n {
                if done[s] {
                    of_part[sits[s]] += step;
                    of_seat[s] -= step;
                } else if least[s] != i64::MAX {
                    least[s] -= step;
                }
            }
            seat = next;
        }
        while seat != 0 {
            let before = came[seat];
            sits[seat] = sits[before];
            seat = before;
        }
    }
    let mut seats = vec![0; n];
    for seat in 1..=n {
        seats[sits[seat] - 1] = seat - 1;
    }
    seats
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
        #[test]
        fn the_assignment_is_the_cheapest(costs in prop::collection::vec(0i64..30, 16)) {
            let total = |seats: &[usize]| seats.iter().enumerate().map(|(p, s)| costs[p * 4 + s]).sum::<i64>();
            let best = permutations(4).iter().map(|p| total(p)).min().unwrap();
            let got = assign(&costs, 4);
            let mut seen = got.clone();
            seen.sort_unstable();
            prop_assert_eq!(seen, vec![0, 1, 2, 3]);
            prop_assert_eq!(total(&got), best);
        }

        /// Against every way to seat the rows, with every direction of every chunk.
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
            settle(&mut settled, &CoreBoundary::Cyclic, &from, 3);
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
                timeline.seat(&seats);
                let cheapest = cells().filter_map(|(at, held)| {
                    (0..4u32).filter_map(|mask| walk(&timeline, at, held, &|stage| mask >> stage & 1 == 1)).min()
                });
                cheapest.map(|(_, first_load)| first_load).sum::<i64>()
            });
            prop_assert_eq!(first_load, ways.min().unwrap());
        }
    }
}
