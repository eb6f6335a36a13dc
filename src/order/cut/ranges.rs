//! What a core row with faulty cells can hold, in how many steps, and the cheapest cut of a row for it.

use super::costs::CellCost;
use super::dense::DenseCut;
use crate::geometry::CellRange;

/// What a write of a weak cell counts, against one of another cell.
const WEAK: i32 = 64;

/// Cells that take part, and how.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// Cells that take a chunk of the sorted row, the lowest first: those that hold no level above 0, those that hold all, those that hold
    /// none below 0.
    pub order: Vec<usize>,
    ranges: Vec<CellRange>,
    /// How many of them hold only levels up to 0, all levels, only levels from 0 on.
    counts: [usize; 3],
    /// Cells that hold a single level.
    pub points: Vec<(usize, i16)>,
    /// Which cells of the core row count [`WEAK`].
    weak: Vec<bool>,
}

/// What a cell serves in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    pub cell: usize,
    pub lo: i16,
    pub hi: i16,
    pub len: u32,
}

impl Shape {
    /// Of the cells of a core row, with its weak ones or without.
    pub fn new(ranges: &[CellRange], weak: &[bool], with_weak: bool) -> Self {
        let mut groups: [Vec<usize>; 3] = Default::default();
        let mut points = Vec::new();
        for (cell, range) in
            ranges.iter().enumerate().filter(|(cell, range)| !range.is_dead() && (with_weak || !weak[*cell]))
        {
            match (range.lowest, range.highest) {
                (lowest, highest) if lowest == highest => points.push((cell, lowest)),
                (_, 0) => groups[0].push(cell),
                (0, _) => groups[2].push(cell),
                _ => groups[1].push(cell),
            }
        }
        // Weak cells in the middle of the row, where levels lie densest and chunks are narrowest.
        let (weak_ones, mut free): (Vec<usize>, Vec<usize>) = groups[1].iter().partition(|cell| weak[**cell]);
        let middle = free.len() / 2;
        free.splice(middle..middle, weak_ones);
        groups[1] = free;
        let counts = groups.each_ref().map(Vec::len);
        Self { order: groups.concat(), ranges: ranges.to_vec(), counts, points, weak: weak.to_vec() }
    }

    /// Takes out of a row, level by level, what the single-level cells serve in so many steps; returns their shares.
    fn fill_points(&self, runs: &mut [(i16, u32)], steps: usize) -> Vec<Share> {
        let mut shares = Vec::with_capacity(self.points.len());
        for &(cell, level) in &self.points {
            if let Ok(at) = runs.binary_search_by_key(&level, |run| run.0) {
                let len = runs[at].1.min(steps as u32);
                runs[at].1 -= len;
                shares.push(Share { cell, lo: level, hi: level, len });
            }
        }
        shares.retain(|share| share.len > 0);
        shares
    }

    /// Whether a row, by its levels and their numbers, fits in so many steps (Hall's condition; zeros fit every interval).
    pub fn fits(&self, runs: &[(i16, u32)], steps: usize) -> bool {
        let mut left = runs.to_vec();
        self.fill_points(&mut left, steps);
        let count = |keep: fn(i16) -> bool| -> usize { left.iter().filter(|r| keep(r.0)).map(|r| r.1 as usize).sum() };
        let [low, free, high] = self.counts;
        count(|level| level < 0) <= steps * (low + free)
            && count(|level| level > 0) <= steps * (free + high)
            && count(|_| true) <= steps * (low + free + high)
    }

    /// The fewest steps in which a row fits; none if it never does.
    pub fn need(&self, runs: &[(i16, u32)]) -> Option<usize> {
        let all: usize = runs.iter().map(|run| run.1 as usize).sum();
        let mut least = all.div_ceil((self.order.len() + self.points.len()).max(1)).max(1);
        if !self.fits(runs, all.max(1)) {
            return None;
        }
        // More steps never harm: find the first that will do.
        let mut enough = all.max(least);
        while least < enough {
            let middle = (least + enough) / 2;
            if self.fits(runs, middle) { enough = middle } else { least = middle + 1 }
        }
        Some(enough)
    }

    /// The cheapest cut of a row that fits: contiguous chunks in the order of the cells, each within what its cell can hold.
    ///
    /// Exact over all such cuts ([`DenseCut::solve`]); what lies in single-level cells has left the row before, as many as there are (docs/cores.md).
    pub fn cut(&self, runs: &[(i16, u32)], steps: usize, costs: &impl CellCost) -> Option<Vec<Share>> {
        let mut left = runs.to_vec();
        let mut shares = self.fill_points(&mut left, steps);
        let sorted: Vec<i16> =
            left.iter().flat_map(|&(level, count)| std::iter::repeat_n(level, count as usize)).collect();
        let costs = ShapeCost { shape: self, costs };
        DenseCut::default().solve(&sorted, self.order.len(), steps, &costs, |at, chunk| {
            let (lo, hi) = (chunk[0], chunk[chunk.len() - 1]);
            shares.push(Share { cell: self.order[at], lo, hi, len: chunk.len() as u32 });
        })?;
        Some(shares)
    }
}

/// What the cells of a shape pay, by their place in its order.
struct ShapeCost<'a, C> {
    shape: &'a Shape,
    costs: &'a C,
}

impl<C> ShapeCost<'_, C> {
    fn weight(&self, cell: usize) -> i32 {
        if self.shape.weak[cell] { WEAK } else { 1 }
    }
}

impl<C: CellCost> CellCost for ShapeCost<'_, C> {
    fn visit(&self, at: usize, lo: i16, hi: i16) -> Option<i32> {
        let cell = self.shape.order[at];
        // A longer chunk only reaches higher; one that begins too low never fits.
        let holds = self.shape.ranges[cell].holds(lo, hi);
        Some(self.weight(cell) * holds.then(|| self.costs.visit(cell, lo, hi))??)
    }

    fn idle(&self, at: usize) -> i32 {
        let cell = self.shape.order[at];
        self.weight(cell) * self.costs.idle(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOP: i16 = 3;

    fn ranges() -> impl Strategy<Value = CellRange> {
        prop_oneof![
            3 => Just(CellRange { lowest: -TOP, highest: TOP }),
            1 => Just(CellRange { lowest: -TOP, highest: 0 }),
            1 => Just(CellRange { lowest: 0, highest: TOP }),
            1 => (-TOP..=TOP).prop_map(|level| CellRange { lowest: level, highest: level }),
            1 => Just(CellRange::DEAD),
        ]
    }

    fn runs(sorted: &[i16]) -> Vec<(i16, u32)> {
        let mut runs: Vec<(i16, u32)> = Vec::new();
        for &level in sorted {
            match runs.last_mut().filter(|run| run.0 == level) {
                Some(run) => run.1 += 1,
                None => runs.push((level, 1)),
            }
        }
        runs
    }

    /// Whether weights can be shared out to cells at all, each weight tried in every cell.
    fn can_share(weights: &[i16], ranges: &[CellRange], room: &mut [usize]) -> bool {
        let Some((&weight, rest)) = weights.split_first() else { return true };
        (0..room.len()).any(|cell| {
            if room[cell] == 0 || !ranges[cell].holds(weight, weight) {
                return false;
            }
            room[cell] -= 1;
            let can = can_share(rest, ranges, room);
            room[cell] += 1;
            can
        })
    }

    /// Costs of visits and of idling by cell, arbitrary but like true ones: from a level before, to a level behind.
    struct FromTo(Vec<(i16, i16)>);

    impl CellCost for FromTo {
        fn visit(&self, cell: usize, lo: i16, hi: i16) -> Option<i32> {
            let (from, to) = self.0[cell];
            let way = |first: i16, last: i16| i32::from((from - first).abs() + (last - to).abs());
            Some(way(lo, hi).min(way(hi, lo)) + i32::from(hi - lo))
        }
        fn idle(&self, cell: usize) -> i32 {
            i32::from((self.0[cell].0 - self.0[cell].1).abs())
        }
    }

    /// The cheapest of all ways to give single-level cells some of their weights, and the others contiguous chunks in the order of the cells.
    fn cheapest(shape: &Shape, sorted: &[i16], steps: usize, costs: &FromTo) -> Option<i32> {
        fn chunks(shape: &Shape, at: usize, rest: &[i16], steps: usize, costs: &FromTo) -> Option<i32> {
            let Some(&cell) = shape.order.get(at) else { return rest.is_empty().then_some(0) };
            let weight = if shape.weak[cell] { WEAK } else { 1 };
            (0..=steps.min(rest.len()))
                .filter_map(|len| {
                    let own = match len {
                        0 => costs.idle(cell),
                        _ if !shape.ranges[cell].holds(rest[0], rest[len - 1]) => return None,
                        _ => costs.visit(cell, rest[0], rest[len - 1])?,
                    };
                    Some(weight * own + chunks(shape, at + 1, &rest[len..], steps, costs)?)
                })
                .min()
        }
        fn points(shape: &Shape, at: usize, left: &[i16], steps: usize, costs: &FromTo) -> Option<i32> {
            let Some(&(_, level)) = shape.points.get(at) else { return chunks(shape, 0, left, steps, costs) };
            let there = left.iter().filter(|l| **l == level).count();
            (0..=there.min(steps))
                .filter_map(|taken| {
                    let mut left = left.to_vec();
                    for _ in 0..taken {
                        let position = left.iter().position(|l| *l == level)?;
                        left.remove(position);
                    }
                    points(shape, at + 1, &left, steps, costs)
                })
                .min()
        }
        points(shape, 0, sorted, steps, costs)
    }

    proptest! {
        #[test]
        fn as_few_steps_as_any_sharing_needs(
            weights in prop::collection::vec(-TOP..=TOP, 1..7),
            ranges in prop::collection::vec(ranges(), 1..5),
        ) {
            let mut sorted = weights;
            sorted.sort_unstable();
            let shape = Shape::new(&ranges, &vec![false; ranges.len()], true);
            let least = (1..=sorted.len()).find(|&steps| can_share(&sorted, &ranges, &mut vec![steps; ranges.len()]));
            prop_assert_eq!(shape.need(&runs(&sorted)), least);
        }

        #[test]
        fn no_cut_is_cheaper(
            weights in prop::collection::vec(-TOP..=TOP, 1..8),
            cells in prop::collection::vec((ranges(), any::<bool>(), -TOP..=TOP, -TOP..=TOP), 1..5),
            steps in 1usize..4,
        ) {
            let mut sorted = weights;
            sorted.sort_unstable();
            let ranges: Vec<CellRange> = cells.iter().map(|cell| cell.0).collect();
            let weak: Vec<bool> = cells.iter().map(|cell| cell.1).collect();
            let shape = Shape::new(&ranges, &weak, true);
            // Single-level cells are where they are.
            let costs = FromTo(cells.iter().map(|cell| (cell.2, cell.3)).collect());
            let found = shape.cut(&runs(&sorted), steps, &costs);
            prop_assert_eq!(found.is_some(), shape.fits(&runs(&sorted), steps));
            let best = cheapest(&shape, &sorted, steps, &costs);
            prop_assert_eq!(found.is_some(), best.is_some());
            let Some(shares) = found else { return Ok(()) };
            let mut total = 0;
            for &cell in &shape.order {
                let weight = if weak[cell] { WEAK } else { 1 };
                let share = shares.iter().find(|share| share.cell == cell);
                total += weight * share.map_or_else(|| costs.idle(cell), |s| costs.visit(cell, s.lo, s.hi).unwrap());
            }
            prop_assert_eq!(Some(total), best);
            prop_assert_eq!(shares.iter().map(|share| share.len as usize).sum::<usize>(), sorted.len());
            for share in shares {
                prop_assert!(ranges[share.cell].holds(share.lo, share.hi) && share.len as usize <= steps);
            }
        }
    }
}
