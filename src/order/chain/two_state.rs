//! The two-state dynamic program of theorem 2 (docs/ordering.md), cell by cell.
//!
//! A cell serves one set of levels after the other. All that matters of a set is its interval `[lowest, highest]`: the cell enters at one end, sweeps to
//! the other, and moves on to the next interval. Ending anywhere else never pays, so two states are enough: the last interval was left at its lowest, or
//! at its highest level. Ends are numbered 0 (lowest) and 1 (highest).

use super::boundary::{Boundary, CellBoundary};
use super::frontier::distance;

/// Dearer than any chain: a state that cannot be.
const NEVER: i64 = i64::MAX / 4;

/// The cheapest ways through the intervals so far.
#[derive(Clone, Copy, Debug)]
pub struct TwoStates {
    /// The last interval.
    ends: [i16; 2],
    /// Least cost of leaving it at each end.
    cost: [i64; 2],
}

impl TwoStates {
    /// A first interval, which costs `enter` to be entered at each end.
    #[must_use]
    pub fn first(interval: (i16, i16), enter: [i64; 2]) -> Self {
        Self::swept(interval, enter)
    }

    /// A first interval that is entered at one end.
    #[must_use]
    pub fn entered_at(interval: (i16, i16), end: usize) -> Self {
        let mut enter = [NEVER; 2];
        enter[end] = 0;
        Self::swept(interval, enter)
    }

    /// The next interval; and for each of its ends, the end at which the interval before it was left.
    #[must_use]
    pub fn next(self, interval: (i16, i16)) -> (Self, [u8; 2]) {
        let enter = |level: i16| {
            let [low, high] = [0, 1].map(|end| self.cost[end] + i64::from(distance(self.ends[end], level)));
            if low <= high { (low, 0) } else { (high, 1) }
        };
        let (low, high) = (enter(interval.0), enter(interval.1));
        // Left at the lowest level means entered at the highest, and the other way round.
        (Self::swept(interval, [low.0, high.0]), [high.1, low.1])
    }

    fn swept((lo, hi): (i16, i16), enter: [i64; 2]) -> Self {
        let sweep = i64::from(hi - lo);
        Self { ends: [lo, hi], cost: [enter[1] + sweep, enter[0] + sweep] }
    }

    /// Least cost of leaving the last interval at an end, if that can be.
    #[must_use]
    pub fn left_at(&self, end: usize) -> Option<i64> {
        Some(self.cost[end]).filter(|&cost| cost < NEVER)
    }

    /// Level of an end of the last interval.
    #[must_use]
    pub fn level(&self, end: usize) -> i16 {
        self.ends[end]
    }
}

/// The cheapest directions of one cell's sweeps; reused from cell to cell. Memory and time: linear in the number of intervals.
#[derive(Clone, Debug, Default)]
pub struct Directions {
    /// `came[i][end]`: the end at which the interval before was left, when interval i is left at `end`.
    came: Vec<[u8; 2]>,
    trial: Vec<bool>,
}

impl Directions {
    /// Writes to `rising[i]` whether interval i is swept upwards, and returns the level steps in all, with those around ([`CellBoundary::around`]).
    pub fn solve(&mut self, intervals: &[(i16, i16)], boundary: CellBoundary, rising: &mut Vec<bool>) -> i64 {
        rising.clear();
        let Some(&(lo, hi)) = intervals.last() else { return 0 };
        match boundary {
            Boundary::Open { start, end } => self.path(intervals, [start, end], rising),
            Boundary::Cyclic => {
                // The cycle passes through one of the two ends of its last interval.
                let low = self.path(intervals, [Some(lo); 2], rising);
                let mut trial = std::mem::take(&mut self.trial);
                let high = self.path(intervals, [Some(hi); 2], &mut trial);
                if high < low {
                    std::mem::swap(rising, &mut trial);
                }
                self.trial = trial;
                low.min(high)
            }
        }
    }

    /// The cheapest way from and to levels that may be given.
    fn path(&mut self, intervals: &[(i16, i16)], [start, end]: [Option<i16>; 2], rising: &mut Vec<bool>) -> i64 {
        let steps = |from: Option<i16>, to: i16| from.map_or(0, |from| i64::from(distance(from, to)));
        let Some(states) =
            self.forward(intervals, |(lo, hi)| TwoStates::first((lo, hi), [steps(start, lo), steps(start, hi)]))
        else {
            return 0;
        };
        let [low, high] = [0, 1].map(|at| states.cost[at] + steps(end, states.ends[at]));
        self.backward(usize::from(high < low), rising);
        low.min(high)
    }

    /// The states behind the last interval; `first`: those of the first one.
    fn forward(&mut self, intervals: &[(i16, i16)], first: impl Fn((i16, i16)) -> TwoStates) -> Option<TwoStates> {
        let (&begin, rest) = intervals.split_first()?;
        self.came.clear();
        self.came.push([0; 2]);
        let mut states = first(begin);
        for &interval in rest {
            let (next, came) = states.next(interval);
            self.came.push(came);
            states = next;
        }
        Some(states)
    }

    /// The directions that lead to leaving the last interval at `end`, by what [`Directions::forward`] has left in `came`.
    fn backward(&self, end: usize, rising: &mut Vec<bool>) {
        rising.clear();
        rising.resize(self.came.len(), false);
        let mut left_at = end;
        for (rises, came) in rising.iter_mut().zip(&self.came).rev() {
            *rises = left_at == 1;
            left_at = usize::from(came[left_at]);
        }
    }

    /// The ways to begin and to end that cost the least, and what they cost, as [`Directions::solve`] counts.
    pub fn cheapest_ways(&mut self, intervals: &[(i16, i16)], boundary: CellBoundary) -> (i64, Vec<Way>) {
        let Some(&begin) = intervals.first() else { return (0, Vec::new()) };
        let (mut least, mut ways) = (i64::MAX, Vec::new());
        for (first_end, first) in [begin.0, begin.1].into_iter().enumerate() {
            let Some(states) = self.forward(intervals, |first| TwoStates::entered_at(first, first_end)) else {
                continue;
            };
            for last_end in [0, 1] {
                let Some(inside) = states.left_at(last_end) else { continue };
                let last = states.level(last_end);
                let total = inside + boundary.around(first, last);
                if total < least {
                    (least, ways) = (total, Vec::new());
                }
                if total == least {
                    let back = if boundary == Boundary::Cyclic { distance(last, first) } else { 0 };
                    ways.push(Way { first_end, last_end, first, back });
                }
            }
        }
        (least, ways)
    }

    /// Writes to `rising` the cheapest directions of a way.
    pub fn along(&mut self, intervals: &[(i16, i16)], way: Way, rising: &mut Vec<bool>) {
        rising.clear();
        if self.forward(intervals, |first| TwoStates::entered_at(first, way.first_end)).is_some() {
            self.backward(way.last_end, rising);
        }
    }
}

/// One way to begin and to end a sequence of intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// The end at which the first interval is entered.
    first_end: usize,
    /// The end at which the last interval is left.
    last_end: usize,
    /// Level that is visited first.
    pub first: i16,
    /// Level steps from the end of one inference to the beginning of the next: a part of the steady state, and no part of the first load.
    pub back: i16,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Level steps of these directions, step by step; and those of a first load from `held`.
    fn walk(intervals: &[(i16, i16)], rising: &[bool], boundary: CellBoundary, held: i16) -> (i64, i64) {
        let sweeps = intervals.iter().zip(rising).map(|(&(lo, hi), rises)| if *rises { [lo, hi] } else { [hi, lo] });
        let levels: Vec<i16> = sweeps.flatten().collect();
        let (first, last) = (levels[0], levels[levels.len() - 1]);
        let steps = |a: i16, b: i16| i64::from(a.abs_diff(b));
        let inside: i64 = levels.windows(2).map(|w| steps(w[0], w[1])).sum();
        let around = match boundary {
            Boundary::Cyclic => steps(last, first),
            Boundary::Open { start, end } => {
                start.map_or(0, |start| steps(start, first)) + end.map_or(0, |end| steps(last, end))
            }
        };
        (inside + around, inside + steps(held, first))
    }

    /// Every sequence of directions, one by one.
    fn all(intervals: &[(i16, i16)], boundary: CellBoundary, held: i16) -> impl Iterator<Item = (i64, i64)> {
        (0..1u32 << intervals.len()).map(move |mask| {
            let rising: Vec<bool> = (0..intervals.len()).map(|i| mask >> i & 1 == 1).collect();
            walk(intervals, &rising, boundary, held)
        })
    }

    fn intervals() -> impl Strategy<Value = Vec<(i16, i16)>> {
        prop::collection::vec((-15i16..=15, -15i16..=15).prop_map(|(a, b)| (a.min(b), a.max(b))), 1..9)
    }

    fn boundary() -> impl Strategy<Value = CellBoundary> {
        let level = || prop::option::of(-15i16..=15);
        prop_oneof![
            1 => Just(CellBoundary::Cyclic),
            2 => (level(), level()).prop_map(|(start, end)| CellBoundary::Open { start, end }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn no_directions_are_cheaper(intervals in intervals(), boundary in boundary()) {
            let mut rising = Vec::new();
            let writes = Directions::default().solve(&intervals, boundary, &mut rising);
            prop_assert_eq!(walk(&intervals, &rising, boundary, 0).0, writes);
            prop_assert_eq!(all(&intervals, boundary, 0).map(|cost| cost.0).min(), Some(writes));
        }

        #[test]
        fn the_cheapest_ways_cost_what_is_cheapest(intervals in intervals(), boundary in boundary()) {
            let (mut rising, mut directions) = (Vec::new(), Directions::default());
            let (writes, ways) = directions.cheapest_ways(&intervals, boundary);
            prop_assert_eq!(all(&intervals, boundary, 0).map(|cost| cost.0).min(), Some(writes));
            prop_assert!(!ways.is_empty());
            for way in ways {
                directions.along(&intervals, way, &mut rising);
                prop_assert_eq!(walk(&intervals, &rising, boundary, 0).0, writes);
            }
        }

        #[test]
        fn of_the_cheapest_the_cheapest_first_load(intervals in intervals(), held in -15i16..=15) {
            let (mut rising, mut directions) = (Vec::new(), Directions::default());
            let (_, ways) = directions.cheapest_ways(&intervals, CellBoundary::Cyclic);
            let way = ways.into_iter().min_by_key(|way| distance(way.first, held) - way.back).unwrap();
            directions.along(&intervals, way, &mut rising);
            let found = walk(&intervals, &rising, CellBoundary::Cyclic, held);
            prop_assert_eq!(Some(found), all(&intervals, CellBoundary::Cyclic, held).min());
        }
    }
}
