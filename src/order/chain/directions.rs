//! In which direction each cell sweeps each of its chunks: an exact dynamic program over two states a stage.

use rayon::prelude::*;

use super::directions_simd;
use super::directions_simd::Ways;
use super::timeline::{Line, Timeline, distance};

/// Where a cell comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Anywhere, at no cost.
    Free,
    /// A known level.
    At(i16),
    /// Where the sequence itself ends: inference after inference.
    Cycle,
}

/// Finds directions that minimise the level steps of one cell.
///
/// Reused from cell to cell; memory O(stages), time O(stages) a cell.
#[derive(Clone, Debug, Default)]
pub struct Directions {
    /// `came[i][end]`: the end at which the previous interval was left, when interval i is left at `end` (0 lo, 1 hi).
    came: Vec<[u8; 2]>,
    trial: Vec<bool>,
}

impl Directions {
    /// Writes to `rising[i]` whether interval i is swept upwards, and returns the level steps in all, with those from `start` and to
    /// `end`. In a cycle `end` is ignored. Exact: theorem 2 of docs/ordering.md.
    pub fn solve(&mut self, intervals: &[(i16, i16)], start: Start, end: Option<i16>, rising: &mut Vec<bool>) -> i64 {
        rising.clear();
        let Some(&(last_lo, last_hi)) = intervals.last() else { return 0 };
        match start {
            Start::Free => self.path(intervals, None, end, rising),
            Start::At(level) => self.path(intervals, Some(level), end, rising),
            Start::Cycle => {
                // The cycle passes through one of the two ends of its last interval.
                let at_lo = self.path(intervals, Some(last_lo), Some(last_lo), rising);
                let mut trial = std::mem::take(&mut self.trial);
                let at_hi = self.path(intervals, Some(last_hi), Some(last_hi), &mut trial);
                if at_hi < at_lo {
                    std::mem::swap(rising, &mut trial);
                }
                self.trial = trial;
                at_lo.min(at_hi)
            }
        }
    }

    fn path(&mut self, intervals: &[(i16, i16)], start: Option<i16>, end: Option<i16>, rising: &mut Vec<bool>) -> i64 {
        self.came.clear();
        let from_start = |x: i16| start.map_or(0, |s| i64::from(distance(s, x)));
        let mut before: Option<((i16, i16), [i64; 2])> = None;
        for &(lo, hi) in intervals {
            let (enter, came) = match before {
                None => ([from_start(lo), from_start(hi)], [0, 0]),
                Some(((l, h), cost)) => {
                    let choose = |x: i16| {
                        let (a, b) = (cost[0] + i64::from(distance(l, x)), cost[1] + i64::from(distance(h, x)));
                        if a <= b { (a, 0) } else { (b, 1) }
                    };
                    let (at_lo, at_hi) = (choose(lo), choose(hi));
                    ([at_lo.0, at_hi.0], [at_lo.1, at_hi.1])
                }
            };
            let sweep = i64::from(hi - lo);
            // Left at lo means entered at hi, and the other way round.
            self.came.push([came[1], came[0]]);
            before = Some(((lo, hi), [enter[1] + sweep, enter[0] + sweep]));
        }
        let Some(((lo, hi), cost)) = before else { return 0 };
        let to_end = |x: i16| end.map_or(0, |e| i64::from(distance(x, e)));
        let totals = [cost[0] + to_end(lo), cost[1] + to_end(hi)];
        let mut left_at = u8::from(totals[1] < totals[0]);
        let total = totals[usize::from(left_at)];
        rising.clear();
        rising.resize(intervals.len(), false);
        for (rise, came) in rising.iter_mut().zip(&self.came).rev() {
            *rise = left_at == 1;
            left_at = came[usize::from(left_at)];
        }
        total
    }
}

/// Cost at the ends lo and hi, where they can be reached.
type EndCosts = [Option<i64>; 2];

/// One way to begin and to end a sequence of intervals: by the ends of the first and of the last interval (0 lo, 1 hi).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    first_end: usize,
    last_end: usize,
    /// Level that is visited first.
    pub first: i16,
    /// Writes from the end of one inference to the beginning of the next: they are part of the steady state, and no part of the first load.
    pub back: i16,
}

impl Directions {
    /// The ways to begin and to end that cost the least, in all with those from `start` and to `end`, as [`Directions::solve`] counts.
    pub fn cheapest_ways(&mut self, intervals: &[(i16, i16)], start: Start, end: Option<i16>) -> (i64, Vec<Way>) {
        let (Some(&first), Some(&last)) = (intervals.first(), intervals.last()) else { return (0, Vec::new()) };
        let (mut least, mut ways) = (i64::MAX, Vec::new());
        for (first_end, first) in [first.0, first.1].into_iter().enumerate() {
            for (last_end, last) in [last.0, last.1].into_iter().enumerate() {
                let Some(inside) = self.inside(intervals, first_end, last_end) else { continue };
                let to_end = || end.map_or(0, |e| distance(last, e));
                let (around, back) = match start {
                    Start::Free => (to_end(), 0),
                    Start::At(level) => (distance(level, first) + to_end(), 0),
                    Start::Cycle => (distance(last, first), distance(last, first)),
                };
                let total = inside + i64::from(around);
                if total < least {
                    (least, ways) = (total, Vec::new());
                }
                if total == least {
                    ways.push(Way { first_end, last_end, first, back });
                }
            }
        }
        (least, ways)
    }

    /// Writes to `rising` the cheapest directions of a way.
    pub fn along(&mut self, intervals: &[(i16, i16)], way: Way, rising: &mut Vec<bool>) {
        rising.clear();
        rising.resize(intervals.len(), false);
        self.inside(intervals, way.first_end, way.last_end);
        let mut left_at = way.last_end as u8;
        for (rise, came) in rising.iter_mut().zip(&self.came).rev() {
            *rise = left_at == 1;
            left_at = came[usize::from(left_at)];
        }
    }

    /// Least writes from the first level visited to the last, if the first interval can be entered and the last left at these ends.
    fn inside(&mut self, intervals: &[(i16, i16)], first_end: usize, last_end: usize) -> Option<i64> {
        self.came.clear();
        // The interval before, and the cost of having left it at each end.
        let mut before: Option<((i16, i16), EndCosts)> = None;
        for &(lo, hi) in intervals {
            let choose = |x: i16, end: usize| match before {
                None => (if end == first_end { Some(0) } else { None }, 0),
                Some(((l, h), cost)) => {
                    let from = |cost: Option<i64>, at: i16| cost.map(|cost| cost + i64::from(distance(at, x)));
                    match (from(cost[0], l), from(cost[1], h)) {
                        (Some(a), Some(b)) if b < a => (Some(b), 1),
                        (Some(a), _) => (Some(a), 0),
                        (None, b) => (b, 1),
                    }
                }
            };
            let (at_lo, at_hi) = (choose(lo, 0), choose(hi, 1));
            let sweep = |cost: Option<i64>| cost.map(|cost| cost + i64::from(hi - lo));
            // Left at lo means entered at hi, and the other way round.
            self.came.push([at_hi.1, at_lo.1]);
            before = Some(((lo, hi), [sweep(at_hi.0), sweep(at_lo.0)]));
        }
        before.and_then(|(_, cost)| cost[last_end])
    }
}

/// Where the cells of some layers come from and where they have to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closure {
    /// The layers are a whole inference, repeated.
    Cycle,
    /// The layers are a part of one. Levels of all cells, row-major, where they are given.
    Part {
        /// Levels at the start.
        start: Option<Vec<i16>>,
        /// Levels to end at; a cell that is used nowhere after ends where it likes.
        end: Option<Vec<Option<i16>>>,
    },
}

impl Closure {
    /// Whether the inference begins with these layers: nothing comes before them.
    #[must_use]
    pub fn begins(&self) -> bool {
        !matches!(self, Self::Part { start: Some(_), .. })
    }
}

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
pub fn choose_directions(timeline: &mut Timeline, closure: &Closure) -> (Vec<bool>, u64) {
    let cells = timeline.cells();
    let solve = |(core_row, line): (usize, &mut Line)| {
        let own = core_row * cells..(core_row + 1) * cells;
        let ways = match closure {
            Closure::Cycle => Ways::Cycle,
            Closure::Part { start, end } => {
                Ways::Part(start.as_ref().map(|s| &s[own.clone()]), end.as_ref().map(|e| &e[own]))
            }
        };
        let sweeps = directions_simd::solve(line, ways);
        line.set_boundary(&sweeps.first, &sweeps.last);
        (sweeps.rising, sweeps.writes)
    };
    let lines: Vec<(Vec<bool>, i64)> = timeline.lines().par_iter_mut().enumerate().map(solve).collect();
    timeline.refresh();
    let writes = lines.iter().map(|(_, writes)| writes).sum::<i64>();
    (lines.into_iter().flat_map(|(rising, _)| rising).collect(), writes as u64)
}

/// The same, and of the cheapest directions those whose first load takes the fewest writes from the levels `held` of all cells,
/// row-major.
pub fn choose_directions_from(timeline: &mut Timeline, closure: &Closure, held: &[i16]) -> (Vec<bool>, u64) {
    let (core_rows, cells, stages) = (timeline.core_rows(), timeline.cells(), timeline.stages());
    let mut all = vec![false; core_rows * stages * cells];
    let mut directions = Directions::default();
    let (mut intervals, mut slots, mut rising) = (Vec::new(), Vec::new(), Vec::new());
    let mut total = 0;
    for core_row in 0..core_rows {
        let (mut first, mut last) = (vec![0; cells], vec![0; cells]);
        for cell in 0..cells {
            intervals.clear();
            slots.clear();
            for stage in 0..stages {
                let chunks = timeline.chunks(stage, core_row);
                if chunks.len[cell] != 0 {
                    intervals.push((chunks.lo[cell], chunks.hi[cell]));
                    slots.push(core_row * stages + stage);
                }
            }
            let at = core_row * cells + cell;
            let (start, end) = match closure {
                Closure::Cycle => (Start::Cycle, None),
                Closure::Part { start, end } => {
                    (start.as_ref().map_or(Start::Free, |s| Start::At(s[at])), end.as_ref().and_then(|e| e[at]))
                }
            };
            let (writes, ways) = directions.cheapest_ways(&intervals, start, end);
            total += writes;
            rising.clear();
            if let Some(way) = ways.into_iter().min_by_key(|way| distance(way.first, held[at]) - way.back) {
                directions.along(&intervals, way, &mut rising);
            }
            for (slot, rise) in slots.iter().zip(&rising) {
                all[slot * cells + cell] = *rise;
            }
            let entered = |i: usize| if rising[i] { intervals[i].0 } else { intervals[i].1 };
            let left = |i: usize| if rising[i] { intervals[i].1 } else { intervals[i].0 };
            (first[cell], last[cell]) = match (start, intervals.len().checked_sub(1)) {
                (Start::At(level), None) => (level, end.unwrap_or(level)),
                (_, None) => (0, 0),
                (Start::Free, Some(n)) => (entered(0), end.unwrap_or(left(n))),
                (Start::At(level), Some(n)) => (level, end.unwrap_or(left(n))),
                (Start::Cycle, Some(n)) => (left(n), left(n)),
            };
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

    /// Every sequence of directions, one by one.
    fn brute_force(intervals: &[(i16, i16)], start: Start, end: Option<i16>) -> i64 {
        (0..1u32 << intervals.len())
            .map(|mask| {
                let ends: Vec<(i16, i16)> = intervals
                    .iter()
                    .enumerate()
                    .map(|(i, &(lo, hi))| if mask >> i & 1 == 1 { (lo, hi) } else { (hi, lo) })
                    .collect();
                let mut total = ends.iter().map(|(a, b)| i64::from(distance(*a, *b))).sum::<i64>();
                total += ends.windows(2).map(|w| i64::from(distance(w[0].1, w[1].0))).sum::<i64>();
                let (first, last) = (ends[0].0, ends[ends.len() - 1].1);
                total += match start {
                    Start::Free => 0,
                    Start::At(level) => i64::from(distance(level, first)),
                    Start::Cycle => i64::from(distance(last, first)),
                };
                if start != Start::Cycle {
                    total += end.map_or(0, |e| i64::from(distance(last, e)));
                }
                total
            })
            .min()
            .unwrap()
    }

    /// What directions cost, and their part of a first load from `held`.
    fn walked(intervals: &[(i16, i16)], rising: &[bool], start: Start, end: Option<i16>, held: i16) -> (i64, i64) {
        let ends: Vec<(i16, i16)> =
            intervals.iter().zip(rising).map(|(&(lo, hi), rises)| if *rises { (lo, hi) } else { (hi, lo) }).collect();
        let mut total: i64 = ends.iter().map(|(a, b)| i64::from(distance(*a, *b))).sum();
        total += ends.windows(2).map(|w| i64::from(distance(w[0].1, w[1].0))).sum::<i64>();
        let (first, last) = (ends[0].0, ends[ends.len() - 1].1);
        let first_load = total + i64::from(distance(held, first));
        total += match start {
            Start::Free => 0,
            Start::At(level) => i64::from(distance(level, first)),
            Start::Cycle => i64::from(distance(last, first)),
        };
        if start != Start::Cycle {
            total += end.map_or(0, |e| i64::from(distance(last, e)));
        }
        (total, first_load)
    }

    proptest! {
        #[test]
        fn of_the_cheapest_the_cheapest_first_load(
            pairs in prop::collection::vec((-9i16..=9, -9i16..=9), 1..8),
            held in -9i16..=9,
        ) {
            let intervals: Vec<_> = pairs.iter().map(|&(a, b)| (a.min(b), a.max(b))).collect();
            let (mut rising, mut directions) = (Vec::new(), Directions::default());
            let (writes, ways) = directions.cheapest_ways(&intervals, Start::Cycle, None);
            let way = ways.into_iter().min_by_key(|way| distance(way.first, held) - way.back).unwrap();
            directions.along(&intervals, way, &mut rising);
            let found = walked(&intervals, &rising, Start::Cycle, None, held);
            prop_assert_eq!(found.0, writes);
            let all = (0..1u32 << intervals.len()).map(|mask| {
                let rising: Vec<bool> = (0..intervals.len()).map(|i| mask >> i & 1 == 1).collect();
                walked(&intervals, &rising, Start::Cycle, None, held)
            });
            prop_assert_eq!(found, all.min().unwrap());
        }

        #[test]
        fn the_cheapest_ways_cost_what_is_cheapest(
            pairs in prop::collection::vec((-9i16..=9, -9i16..=9), 1..8),
            at in -9i16..=9,
            end in prop::option::of(-9i16..=9),
        ) {
            let intervals: Vec<_> = pairs.iter().map(|&(a, b)| (a.min(b), a.max(b))).collect();
            let (mut rising, mut directions) = (Vec::new(), Directions::default());
            for start in [Start::Free, Start::At(at), Start::Cycle] {
                let (writes, ways) = directions.cheapest_ways(&intervals, start, end);
                prop_assert_eq!(writes, brute_force(&intervals, start, end));
                for way in ways {
                    directions.along(&intervals, way, &mut rising);
                    prop_assert_eq!(walked(&intervals, &rising, start, end, 0).0, writes);
                }
            }
        }

        #[test]
        fn equals_brute_force(
            pairs in prop::collection::vec((-15i16..=15, -15i16..=15), 1..9),
            at in -15i16..=15,
            end in prop::option::of(-15i16..=15),
        ) {
            let intervals: Vec<_> = pairs.iter().map(|&(a, b)| (a.min(b), a.max(b))).collect();
            let mut rising = Vec::new();
            for start in [Start::Free, Start::At(at), Start::Cycle] {
                let got = Directions::default().solve(&intervals, start, end, &mut rising);
                prop_assert_eq!(got, brute_force(&intervals, start, end));
                prop_assert_eq!(rising.len(), intervals.len());
            }
        }
    }

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
            let parts = [(Some(&starts), None), (Some(&starts), Some(&goals)), (None, Some(&goals)), (None, None)];
            let closures = parts.map(|(start, end)| Closure::Part { start: start.cloned(), end: end.cloned() });
            for closure in closures.iter().chain([&Closure::Cycle]) {
                let (rising, writes) = choose_directions(&mut timeline, closure);
                let (mut expected, mut one) = (0, Vec::new());
                for (at, visited) in visited.iter().enumerate() {
                    let intervals: Vec<(i16, i16)> = visited.iter().map(|v| v.1).collect();
                    let (start, end) = match closure {
                        Closure::Cycle => (Start::Cycle, None),
                        Closure::Part { start, end } => (
                            start.as_ref().map_or(Start::Free, |s| Start::At(s[at])),
                            end.as_ref().and_then(|e| e[at]),
                        ),
                    };
                    expected += Directions::default().solve(&intervals, start, end, &mut one);
                    for (&(stage, _), &rises) in visited.iter().zip(&one) {
                        prop_assert_eq!(rising[(at / cells * stages + stage) * cells + at % cells], rises);
                    }
                }
                prop_assert_eq!(writes as i64, expected);
            }
        }
    }
}
