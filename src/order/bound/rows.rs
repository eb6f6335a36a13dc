//! Proven lower bounds on the writes of an inference in steady state (docs/ordering.md, theorems 4 to 7).
//!
//! Look at one gap between two neighbouring levels, `h | h + 1`: every write crosses one gap, so the writes are the crossings,
//! summed over the gaps. A row with `above` weights above the gap and `below` at or below it, in Q steps, needs at least
//! `a = ceil(above / Q)` cells that are above at some time, and `b = ceil(below / Q)` that are below at some time. If `a + b > C`, some
//! have to cross within the row (theorem 4); if one row needs many above and a later one many below, some have to cross between
//! the two (theorem 5). All gaps of a layer together may force more: idle places that help at one gap are missing at another, and
//! similar rows cannot be neighbours at all gaps at once (theorems 6 and 7).

use super::junctions::SuitableCounts;
use crate::order::cut::Cut;
use crate::order::rows::profile::Profiles;

/// Collects what is needed for the bound of a whole network, layer by layer, in the order in which they run: for reach `row`,
/// per-cell inputs, and the steps of each layer; every weight multiplied, or all but those of level 0 ([`Profiles::relax`]).
#[derive(Clone, Debug)]
pub struct RowBound {
    core_rows: usize,
    cells: usize,
    top: i16,
    stages: usize,
    gaps: Vec<Gap>,
    /// What the layers force whose gaps together force more than each for itself.
    together: u64,
    cut: Cut,
    sorted: Vec<i16>,
    /// Rows by the number of cells that they need above, and below.
    counts: [Vec<u32>; 2],
}

/// States of a cut's dynamic program up to which it is solved for the bound.
const LARGEST_CUT: usize = 1 << 15;
/// Steps beyond which rows need so nearly the same cells that links between them are not worth looking for.
const LONG_ROW: usize = 24;

/// One gap between neighbouring levels.
#[derive(Clone, Copy, Debug, Default)]
struct Gap {
    /// Every layer gap by gap.
    apart: Walk,
    /// The same without the layers that are counted in [`RowBound::together`].
    rest: Walk,
    /// Most of `high - low` in a single layer.
    within: i64,
}

/// What one layer asks for at one gap.
#[derive(Clone, Copy, Debug)]
struct Demand {
    /// Crossings that its rows force, each for itself.
    forced: i64,
    /// Cells above at some time, of all core rows together: at least.
    high: i64,
    /// Cells that stay above throughout: at most.
    low: i64,
}

/// The most crossings of one gap that can be proved, layer by layer.
///
/// Layers are either counted by what their rows force, or lie on a *way*: from a layer where `high` cells are above at some time to one
/// where only `low` stay above, or the other way round, which takes `high - low` crossings wherever on the way they happen.
/// `best[start][state]`: 0 on no way, 1 on a way that began high, 2 on a way that began low.
#[derive(Clone, Copy, Debug)]
struct Walk {
    best: [[i64; 3]; 3],
}

const NEVER: i64 = i64::MIN / 4;

impl Default for Walk {
    fn default() -> Self {
        Self { best: [[0, NEVER, NEVER], [NEVER, 0, NEVER], [NEVER, NEVER, 0]] }
    }
}

impl Walk {
    fn layer(&mut self, Demand { forced, high, low }: Demand) {
        for [none, from_high, from_low] in &mut self.best {
            let (n, h, l) = (*none, *from_high, *from_low);
            // A way ends here, and perhaps the next one begins here: the crossings of the two have opposite directions.
            *none = (n + forced).max(h - low).max(l + high);
            *from_high = h.max(n + high).max(l + 2 * high);
            *from_low = l.max(n - low).max(h - 2 * low);
        }
    }

    /// A layer that no way may touch, counted elsewhere.
    fn wall(&mut self) {
        for [_, from_high, from_low] in &mut self.best {
            (*from_high, *from_low) = (NEVER, NEVER);
        }
    }

    /// The inference closes: it ends on the way on which it began.
    fn crossings(&self) -> u64 {
        (0..3).map(|state| self.best[state][state]).max().unwrap_or(0).max(0) as u64
    }
}

impl RowBound {
    /// Nothing yet.
    #[must_use]
    pub fn new(core_rows: usize, cells: usize, top: i16) -> Self {
        Self {
            core_rows,
            cells,
            top,
            stages: 0,
            gaps: vec![Gap::default(); 2 * top as usize],
            together: 0,
            cut: Cut::default(),
            sorted: Vec::new(),
            counts: Default::default(),
        }
    }

    /// Adds a layer's rows; returns writes that they force within the layer.
    ///
    /// Time: O(rows * gaps); for rows of few steps also O(rows^2 * gaps), 32 gaps at once; and a cut ([`Cut::narrowest`]) for each row
    /// that is neither full nor has a cell for each level.
    pub fn add(&mut self, layer: &Profiles) -> u64 {
        if layer.rows() == 0 || layer.cols() == 0 {
            return 0;
        }
        let steps = layer.steps(self.cells);
        self.stages += layer.rows().div_ceil(self.core_rows);
        let links = layer.rows().saturating_sub(self.core_rows);
        let mut suitable = (links > 0 && steps <= LONG_ROW)
            .then(|| SuitableCounts::new(layer.rows(), self.gaps.len(), self.cells))
            .flatten();
        let demands: Vec<Demand> =
            (0..self.gaps.len()).map(|h| self.demand(layer, steps, h, suitable.as_mut())).collect();
        let forced = demands.iter().map(|d| d.forced as u64).sum::<u64>();
        let linked =
            forced + suitable.map_or(0, |suitable| suitable.cheapest(links).max(suitable.junctions(self.core_rows)));
        let narrowest: u64 = (0..layer.rows()).map(|row| self.narrowest(layer, row, steps)).sum();
        let together = linked.max(narrowest);
        for (gap, demand) in self.gaps.iter_mut().zip(demands) {
            gap.apart.layer(demand);
            gap.within = gap.within.max(demand.high - demand.low);
            if together > forced {
                gap.rest.wall();
            } else {
                gap.rest.layer(demand);
            }
        }
        if together > forced {
            self.together += together;
        }
        together
    }

    /// Looks at one gap of a layer's rows.
    fn demand(
        &mut self,
        layer: &Profiles,
        steps: usize,
        h: usize,
        mut suitable: Option<&mut SuitableCounts>,
    ) -> Demand {
        for counts in &mut self.counts {
            counts.clear();
            counts.resize(self.cells + 1, 0);
        }
        let mut forced = 0;
        for row in 0..layer.rows() {
            let at_most = layer.below(row)[h + 1] as usize;
            let (above, below) = ((layer.count(row) - at_most).div_ceil(steps), at_most.div_ceil(steps));
            self.counts[0][above] += 1;
            self.counts[1][below] += 1;
            forced += (above + below).saturating_sub(self.cells) as i64;
            if let Some(suitable) = &mut suitable {
                suitable.set(row, h, above, self.cells - below);
            }
        }
        let tile_rows = layer.rows().div_ceil(self.core_rows);
        let all = (self.core_rows * self.cells) as i64;
        let [high, below] = self.counts.each_ref().map(|counts| least_sum_of_largest(counts, tile_rows));
        Demand { forced, high, low: all - below }
    }

    /// Smallest summed range of a row's chunks, or 0 where that takes too long to find.
    fn narrowest(&mut self, layer: &Profiles, row: usize, steps: usize) -> u64 {
        let single: usize = layer.runs(row).map(|(_, run)| run.len().div_ceil(steps)).sum();
        let idle_places = steps * self.cells - layer.count(row);
        // A cell for each level; or no idle place, and then the gaps are best each for itself.
        if single <= self.cells || idle_places == 0 {
            return 0;
        }
        if layer.is_relaxed() {
            layer.sorted_levels(row, &mut self.sorted);
            self.cut.narrowest_sparse(&self.sorted, self.cells, steps);
        } else if self.cells * (idle_places + 1) <= LARGEST_CUT {
            layer.sorted_levels(row, &mut self.sorted);
            self.cut.narrowest(&self.sorted, self.cells, steps);
        } else {
            return 0;
        }
        self.cut.range()
    }

    /// Writes that no plan can go below, per inference in steady state.
    #[must_use]
    pub fn writes(&self) -> u64 {
        debug_assert_eq!(self.gaps.len(), 2 * self.top as usize);
        // With a single stage every row has its core row for itself, and what it crosses it crosses twice: there and back.
        let times = if self.stages <= 1 { 2 } else { 1 };
        // Over an inference a cell comes back to where it started: it crosses a gap an even number of times.
        let apart = |gap: &Gap| (times * gap.apart.crossings()).next_multiple_of(2).max(2 * gap.within.max(0) as u64);
        let together = times * (self.together + self.gaps.iter().map(|gap| gap.rest.crossings()).sum::<u64>());
        self.gaps.iter().map(apart).sum::<u64>().max(together.next_multiple_of(2))
    }
}

/// Rows are shared out to the core rows, at most `tile_rows` to each, and each core row counts with the largest number of its rows:
/// the least that this can come to. `counts[x]`: rows with the number x.
fn least_sum_of_largest(counts: &[u32], tile_rows: usize) -> i64 {
    // The largest share a core row with the next ones: the rows of rank 0, T, 2 T... lead their core rows.
    let (mut rank, mut sum) = (0usize, 0);
    for (x, &rows) in counts.iter().enumerate().rev() {
        let behind = rank + rows as usize;
        sum += (x * (behind.div_ceil(tile_rows) - rank.div_ceil(tile_rows))) as i64;
        rank = behind;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// All that one core row can do, found by trying everything.
    struct Everything {
        cells: usize,
        top: i16,
        /// Cost from every state of the cells to every other, through each row.
        through: Vec<Vec<Vec<u32>>>,
        cycles: HashMap<Vec<usize>, u32>,
    }

    impl Everything {
        fn of(rows: &[(&[i16], usize)], cells: usize, top: i16) -> Self {
            let mut all = Self { cells, top, through: Vec::new(), cycles: HashMap::new() };
            for &(row, steps) in rows {
                let mut costs = vec![vec![u32::MAX; all.states()]; all.states()];
                for (start, costs) in costs.iter_mut().enumerate() {
                    all.fill(&all.levels(start), row, steps, 0, 0, costs);
                }
                all.through.push(costs);
            }
            all
        }

        fn states(&self) -> usize {
            (2 * self.top as usize + 1).pow(self.cells as u32)
        }

        fn levels(&self, mut state: usize) -> Vec<i16> {
            let levels = 2 * self.top as usize + 1;
            let mut next = || {
                let level = (state % levels) as i16 - self.top;
                state /= levels;
                level
            };
            (0..self.cells).map(|_| next()).collect()
        }

        fn state(&self, levels: &[i16]) -> usize {
            levels.iter().rev().fold(0, |s, l| s * (2 * self.top as usize + 1) + (l + self.top) as usize)
        }

        /// Every way to put the weights left into the places from `place` on.
        fn fill(&self, now: &[i16], left: &[i16], steps: usize, place: usize, cost: u32, best: &mut [u32]) {
            let places = steps * self.cells - place;
            if left.is_empty() {
                let end = &mut best[self.state(now)];
                *end = cost.min(*end);
                return;
            }
            if left.len() < places {
                self.fill(now, left, steps, place + 1, cost, best);
            }
            if places == 0 {
                return;
            }
            for (i, &level) in left.iter().enumerate() {
                let (mut next, mut rest) = (now.to_vec(), left.to_vec());
                let cell = place % self.cells;
                let step = u32::from(next[cell].abs_diff(level));
                next[cell] = level;
                rest.remove(i);
                self.fill(&next, &rest, steps, place + 1, cost + step, best);
            }
        }

        /// The cheapest repeated inference over a sequence of rows.
        fn cycle(&mut self, rows: &[usize]) -> u32 {
            if let Some(&cost) = self.cycles.get(rows) {
                return cost;
            }
            let mut best = u32::MAX;
            for start in 0..self.states() {
                let mut costs = vec![u32::MAX; self.states()];
                costs[start] = 0;
                for &row in rows {
                    let mut next = vec![u32::MAX; self.states()];
                    for (from, &cost) in costs.iter().enumerate().filter(|(_, c)| **c < u32::MAX) {
                        for (to, step) in self.through[row][from].iter().enumerate() {
                            next[to] = next[to].min(cost.saturating_add(*step));
                        }
                    }
                    costs = next;
                }
                best = best.min(costs[start]);
            }
            self.cycles.insert(rows.to_vec(), best);
            best
        }

        /// The cheapest of all ways to put the rows of `layers[from..]` behind the rows that the core rows have already.
        fn cheapest(&mut self, layers: &[Vec<usize>], tile_rows: &[usize], placed: &[Vec<usize>]) -> u32 {
            let (Some(layer), Some(&most)) = (layers.first(), tile_rows.first()) else {
                return placed.iter().map(|rows| self.cycle(rows)).sum();
            };
            let mut best = u32::MAX;
            let mut ways = vec![(layer.clone(), placed.to_vec(), vec![0; placed.len()])];
            while let Some((left, placed, used)) = ways.pop() {
                if left.is_empty() {
                    best = best.min(self.cheapest(&layers[1..], &tile_rows[1..], &placed));
                }
                for (i, &row) in left.iter().enumerate() {
                    for core_row in (0..placed.len()).filter(|&c| used[c] < most) {
                        let (mut left, mut placed, mut used) = (left.clone(), placed.clone(), used.clone());
                        left.remove(i);
                        placed[core_row].push(row);
                        used[core_row] += 1;
                        ways.push((left, placed, used));
                    }
                }
            }
            best
        }
    }

    fn optimum(layers: &[Vec<Vec<i16>>], core_rows: usize, cells: usize, top: i16) -> u32 {
        let steps: Vec<usize> = layers.iter().map(|layer| layer[0].len().div_ceil(cells)).collect();
        optimum_in(layers, &steps, core_rows, cells, top)
    }

    /// `steps`: of a tile row of each layer.
    fn optimum_in(layers: &[Vec<Vec<i16>>], steps: &[usize], core_rows: usize, cells: usize, top: i16) -> u32 {
        let rows: Vec<(&[i16], usize)> = layers
            .iter()
            .zip(steps)
            .flat_map(|(layer, &steps)| layer.iter().map(move |row| (row.as_slice(), steps)))
            .collect();
        let mut all = Everything::of(&rows, cells, top);
        let mut next = 0;
        let numbered: Vec<Vec<usize>> = layers
            .iter()
            .map(|layer| {
                next += layer.len();
                (next - layer.len()..next).collect()
            })
            .collect();
        let tile_rows: Vec<usize> = layers.iter().map(|l| l.len().div_ceil(core_rows)).collect();
        all.cheapest(&numbered, &tile_rows, &vec![Vec::new(); core_rows])
    }

    fn bound(layers: &[Vec<Vec<i16>>], core_rows: usize, cells: usize, top: i16) -> u64 {
        let mut bound = RowBound::new(core_rows, cells, top);
        for layer in layers {
            bound.add(&Profiles::of(&layer.concat(), layer.len(), layer[0].len(), top));
        }
        bound.writes()
    }

    fn layers(top: i16, most_rows: usize, most_layers: usize) -> impl Strategy<Value = Vec<Vec<Vec<i16>>>> {
        let layer = (1..5usize, 1..=most_rows)
            .prop_flat_map(move |(cols, rows)| prop::collection::vec(prop::collection::vec(-top..=top, cols), rows));
        prop::collection::vec(layer, 1..=most_layers)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn no_order_goes_below_on_one_core_row(layers in layers(2, 3, 2), cells in 1usize..3) {
            let (bound, optimum) = (bound(&layers, 1, cells, 2), optimum(&layers, 1, cells, 2));
            prop_assert!(bound <= u64::from(optimum), "bound {bound}, optimum {optimum}");
        }

        #[test]
        fn no_order_goes_below_on_two_core_rows(layers in layers(2, 3, 3), cells in 1usize..3) {
            let (bound, optimum) = (bound(&layers, 2, cells, 2), optimum(&layers, 2, cells, 2));
            prop_assert!(bound <= u64::from(optimum), "bound {bound}, optimum {optimum}");
        }

        #[test]
        fn no_order_goes_below_on_three_cells(layers in layers(1, 3, 3)) {
            let (bound, optimum) = (bound(&layers, 1, 3, 1), optimum(&layers, 1, 3, 1));
            prop_assert!(bound <= u64::from(optimum), "bound {bound}, optimum {optimum}");
        }

        #[test]
        fn no_order_goes_below_with_many_rows(
            rows in prop::collection::vec(prop::collection::vec(-1i16..=1, 4), 4..7),
            core_rows in 1usize..3,
        ) {
            let (bound, optimum) = (bound(std::slice::from_ref(&rows), core_rows, 2, 1), optimum(&[rows], core_rows, 2, 1));
            prop_assert!(bound <= u64::from(optimum), "bound {bound}, optimum {optimum}");
        }

        #[test]
        fn no_relaxed_order_goes_below(layers in layers(2, 3, 2), cells in 1usize..3, core_rows in 1usize..3, extra in 0usize..3) {
            // Zeros need no place, and every layer has some steps to spare.
            let steps = |layer: &Vec<Vec<i16>>| layer[0].len().div_ceil(cells) + extra;
            let mut bound = RowBound::new(core_rows, cells, 2);
            let relaxed: Vec<Profiles> = layers
                .iter()
                .map(|layer| {
                    let mut profiles = Profiles::of(&layer.concat(), layer.len(), layer[0].len(), 2);
                    profiles.relax(steps(layer));
                    bound.add(&profiles);
                    profiles
                })
                .collect();
            let nonzero = |row: &Vec<i16>| row.iter().copied().filter(|level| *level != 0).collect();
            let bare: Vec<Vec<Vec<i16>>> = layers.iter().map(|layer| layer.iter().map(nonzero).collect()).collect();
            let steps: Vec<usize> = layers.iter().map(steps).collect();
            let optimum = u64::from(optimum_in(&bare, &steps, core_rows, cells, 2));
            prop_assert!(bound.writes() <= optimum, "bound {}, optimum {optimum}", bound.writes());
            let planned = crate::order::families::sorted_rows::quantile::arrange(&relaxed, core_rows, cells, &crate::order::chain::boundary::CoreBoundary::Cyclic, crate::order::Effort::Best, 1, &crate::observer::StopToken::new(&crate::observer::Unobserved));
            prop_assert!(planned.writes >= optimum, "planned {}, optimum {optimum}", planned.writes);
            let level_runs = crate::order::slots::level_runs::LevelRuns::of(&planned, &relaxed);
            prop_assert_eq!(level_runs.writes(), planned.writes);
        }

        #[test]
        fn sorted_chunks_are_narrowest(mut row in prop::collection::vec(-4i16..=4, 3..8), cells in 2usize..4) {
            // Every way to share the weights out to the cells.
            let steps = row.len().div_ceil(cells);
            let mut best = u32::MAX;
            for way in 0..cells.pow(row.len() as u32) {
                let cell = |i: usize| way / cells.pow(i as u32) % cells;
                let ranges = (0..cells).map(|c| {
                    let served: Vec<i16> = (0..row.len()).filter(|&i| cell(i) == c).map(|i| row[i]).collect();
                    let range = served.iter().max().zip(served.iter().min()).map_or(0, |(hi, lo)| u32::from(hi.abs_diff(*lo)));
                    (served.len() <= steps).then_some(range)
                });
                best = best.min(ranges.sum::<Option<u32>>().unwrap_or(u32::MAX));
            }
            row.sort_unstable();
            let mut cut = Cut::default();
            cut.narrowest(&row, cells, steps);
            prop_assert_eq!(u64::from(best), cut.range());
        }
    }

    #[test]
    fn bounds_that_are_reached() {
        // A full row on one cell, alone: there and back.
        assert_eq!(bound(&[vec![vec![-2, 1, 2]]], 1, 1, 2), 8);
        // Two layers with one level each: every cell goes there and back, at every gap.
        let far = [vec![vec![-2, -2]], vec![vec![2, 2]]];
        assert_eq!((bound(&far, 1, 2, 2), optimum(&far, 1, 2, 2)), (16, 16));
        // What the first layer forces, and the way from the second to the third.
        let both = [vec![vec![-2, -2, 2]; 2], vec![vec![2, 2]], vec![vec![-2, -2]]];
        assert_eq!((bound(&both, 1, 2, 2), optimum(&both, 1, 2, 2)), (16, 16));
    }
}
