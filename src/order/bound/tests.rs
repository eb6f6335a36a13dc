//! The bound for reach `row` against the optimum, found by trying everything.

use super::RowBound;
use crate::order::chunk::Cut;
use crate::order::profile::Profiles;
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
    let rows: Vec<(&[i16], usize)> =
        layers.iter().flatten().map(|row| (row.as_slice(), row.len().div_ceil(cells))).collect();
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
    #![proptest_config(ProptestConfig::with_cases(256))]

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
        prop_assert_eq!(best, cut.lo.iter().zip(&cut.hi).map(|(lo, hi)| u32::from(lo.abs_diff(*hi))).sum::<u32>());
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
