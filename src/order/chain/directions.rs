//! In which direction each cell sweeps each of its chunks: the cheapest of all (docs/ordering.md, theorem 2).

use rayon::prelude::*;

use super::boundary::CoreBoundary;
use super::directions_simd;
use super::timeline::{CoreRowTimeline, Timeline, distance};
use super::two_state::Directions;

/// An arrangement of some layers: which row sits where, its chunks, and the direction of each.
#[derive(Clone, Debug)]
pub struct Arrangement {
    /// Rows and chunks by stage and core row.
    pub timeline: Timeline,
    /// `rising[(core_row * stages + stage) * cells + cell]`: the chunk is swept upwards.
    pub rising: Vec<bool>,
    /// Level steps of all cells, with those between inferences (in a cycle) or to the given ends.
    pub writes: u64,
}

impl Arrangement {
    /// Directions of a slot's cells.
    #[must_use]
    pub fn rising(&self, stage: usize, core_row: usize) -> &[bool] {
        let cells = self.timeline.cells();
        &self.rising[(core_row * self.timeline.stages() + stage) * cells..][..cells]
    }
}

/// Chooses the directions of all chunks, exactly, and writes where the inference starts and ends into the timeline's boundary.
///
/// Returns the directions by slot and cell, as [`Arrangement::rising`] has them, and the level steps in all.
pub fn choose_directions(timeline: &mut Timeline, boundary: &CoreBoundary) -> (Vec<bool>, u64) {
    let cells = timeline.cells();
    let solve = |(core_row, line): (usize, &mut CoreRowTimeline)| {
        let sweeps = directions_simd::solve(line, boundary, core_row * cells);
        line.set_boundary(&sweeps.first, &sweeps.last);
        (sweeps.rising, sweeps.writes)
    };
    let lines: Vec<(Vec<bool>, i64)> = timeline.lines().par_iter_mut().enumerate().map(solve).collect();
    timeline.refresh();
    let writes = lines.iter().map(|(_, writes)| writes).sum::<i64>();
    (lines.into_iter().flat_map(|(rising, _)| rising).collect(), writes as u64)
}

/// The same, and of the cheapest directions those whose first load takes the fewest writes from the levels `held` of all cells,
/// core row by core row.
pub fn choose_directions_from(timeline: &mut Timeline, boundary: &CoreBoundary, held: &[i16]) -> (Vec<bool>, u64) {
    let (core_rows, cells, stages) = (timeline.core_rows(), timeline.cells(), timeline.stages());
    let mut all = vec![false; core_rows * stages * cells];
    let mut directions = Directions::default();
    let (mut intervals, mut slots, mut rising) = (Vec::new(), Vec::new(), Vec::new());
    let mut total = 0;
    for core_row in 0..core_rows {
        let (mut first, mut last) = (vec![0; cells], vec![0; cells]);
        for cell in 0..cells {
            let at = core_row * cells + cell;
            let boundary = boundary.of_cell(at);
            timeline.lines()[core_row].chain(cell, &mut intervals, &mut slots);
            let (writes, ways) = directions.cheapest_ways(&intervals, boundary);
            total += writes;
            rising.clear();
            if let Some(way) = ways.into_iter().min_by_key(|way| distance(way.first, held[at]) - way.back) {
                directions.along(&intervals, way, &mut rising);
            }
            for (stage, rises) in slots.iter().zip(&rising) {
                all[(core_row * stages + stage) * cells + cell] = *rises;
            }
            let sweep = |i: usize| if rising[i] { intervals[i] } else { (intervals[i].1, intervals[i].0) };
            let own = intervals.len().checked_sub(1).map(|end| (sweep(0).0, sweep(end).1));
            (first[cell], last[cell]) = boundary.ends(own);
        }
        timeline.lines()[core_row].set_boundary(&first, &last);
    }
    timeline.refresh();
    (all, total as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::chain::timeline::Chunks;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whole_vectors_equal_cell_by_cell(
            core_rows in 1usize..3,
            cells in 1usize..20,
            stages in 1usize..6,
            dice in prop::collection::vec((-15i16..=15, -15i16..=15, 0u32..3), 2 * 19 * 5),
            ends in prop::collection::vec((-15i16..=15, prop::option::of(-15i16..=15)), 2 * 19),
        ) {
            let (mut starts, mut goals): (Vec<i16>, Vec<_>) = ends.into_iter().unzip();
            starts.truncate(core_rows * cells);
            goals.truncate(core_rows * cells);
            let mut dice = dice.into_iter();
            let mut timeline = Timeline::new(core_rows, cells, stages);
            let mut visited = vec![Vec::new(); core_rows * cells];
            for core_row in 0..core_rows {
                for stage in 0..stages {
                    let of: Vec<_> = dice.by_ref().take(cells).collect();
                    let lo: Vec<i16> = of.iter().map(|d| d.0.min(d.1)).collect();
                    let hi: Vec<i16> = of.iter().map(|d| d.0.max(d.1)).collect();
                    let len: Vec<u32> = of.iter().map(|d| d.2).collect();
                    for cell in (0..cells).filter(|&cell| len[cell] > 0) {
                        visited[core_row * cells + cell].push((stage, (lo[cell], hi[cell])));
                    }
                    timeline.set(stage, core_row, 0, Chunks { lo: &lo, hi: &hi, len: &len });
                }
            }
            let free = vec![None; core_rows * cells];
            let given: Vec<Option<i16>> = starts.into_iter().map(Some).collect();
            let parts = [(&given, &free), (&given, &goals), (&free, &goals), (&free, &free)];
            let parts = parts.map(|(start, end)| CoreBoundary::Open { start: start.clone(), end: end.clone() });
            for boundary in parts.iter().chain([&CoreBoundary::Cyclic]) {
                let (rising, writes) = choose_directions(&mut timeline, boundary);
                let (mut expected, mut one) = (0, Vec::new());
                for (at, visited) in visited.iter().enumerate() {
                    let intervals: Vec<(i16, i16)> = visited.iter().map(|v| v.1).collect();
                    expected += Directions::default().solve(&intervals, boundary.of_cell(at), &mut one);
                    for (&(stage, _), &rises) in visited.iter().zip(&one) {
                        prop_assert_eq!(rising[(at / cells * stages + stage) * cells + at % cells], rises);
                    }
                }
                prop_assert_eq!(writes as i64, expected);
            }
        }
    }
}
