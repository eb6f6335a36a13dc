//! Set after set on one cell: which level it enters and leaves each at. Exact, by a program over levels (docs/trade.md, theorem 14).

use super::boundary::{Boundary, CellBoundary};
use crate::order::cost::pulse_cost::PulseCost;

const NEVER: i64 = i64::MAX / 4;

/// Finds the cheapest way of one cell; reused from cell to cell.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    /// For each set, by level: least cost of having entered it there, and of leaving it there.
    enter: Vec<i64>,
    leave: Vec<i64>,
    next: Vec<i64>,
    /// `[level it was entered at, level the set before was left at]`, by set and level.
    came: Vec<[u16; 2]>,
    first_came: Vec<usize>,
    /// `through` of every set, first and last level.
    inside: Vec<Vec<i64>>,
}

impl Chain {
    /// Least cost of a cell that serves these sets of levels, ascending, one after the other; and the numbers of the levels at which each is
    /// entered and left. A set must not be empty.
    pub fn solve<S: AsRef<[i16]>>(
        &mut self,
        pulse_cost: PulseCost,
        sets: &[S],
        boundary: CellBoundary,
    ) -> (i64, Vec<(usize, usize)>) {
        if sets.is_empty() {
            return (0, Vec::new());
        }
        self.inside.clear();
        self.inside.extend(sets.iter().map(|set| {
            let set = set.as_ref();
            let all = (0..set.len()).flat_map(|first| (0..set.len()).map(move |last| (first, last)));
            all.map(|(first, last)| pulse_cost.through(set, first, last).unwrap_or(NEVER)).collect()
        }));
        match boundary {
            Boundary::Open { start, end } => {
                self.path(pulse_cost, sets, 0, &|to| start.map_or(0, |start| pulse_cost.change(start, to)), end)
            }
            Boundary::Cyclic => {
                // The cycle is cut open before the smallest set, and tried for each level at which that is entered.
                let cut = (0..sets.len()).min_by_key(|&i| sets[i].as_ref().len()).unwrap_or(0);
                let tries = sets[cut].as_ref().iter().map(|&first| {
                    self.path(pulse_cost, sets, cut, &|to| if to == first { 0 } else { NEVER }, Some(first))
                });
                let (cost, mut ends) = tries.min_by_key(|(cost, _)| *cost).unwrap_or_default();
                ends.rotate_right(cut);
                (cost, ends)
            }
        }
    }

    /// The sets from number `cut` on and round to it: from a start to an end, if there is one.
    fn path<S: AsRef<[i16]>>(
        &mut self,
        pulse_cost: PulseCost,
        sets: &[S],
        cut: usize,
        start: &dyn Fn(i16) -> i64,
        end: Option<i16>,
    ) -> (i64, Vec<(usize, usize)>) {
        let number = |i: usize| (cut + i) % sets.len();
        self.came.clear();
        self.first_came.clear();
        self.leave.clear();
        for i in 0..sets.len() {
            let set = sets[number(i)].as_ref();
            self.first_came.push(self.came.len());
            self.enter.clear();
            let base = self.came.len();
            if i == 0 {
                self.enter.extend(set.iter().map(|&to| start(to)));
                self.came.resize(base + set.len(), [0, 0]);
            } else {
                let before = sets[number(i - 1)].as_ref();
                for &to in set {
                    let costs = before.iter().zip(&self.leave).map(|(&from, &cost)| cost + pulse_cost.change(from, to));
                    let (at, cost) = least(costs);
                    self.enter.push(cost);
                    self.came.push([0, at]);
                }
            }
            let inside = &self.inside[number(i)];
            self.next.clear();
            for last in 0..set.len() {
                let costs = self.enter.iter().enumerate().map(|(first, &cost)| cost + inside[first * set.len() + last]);
                let (at, cost) = least(costs);
                self.next.push(cost.min(NEVER));
                self.came[base + last][0] = at;
            }
            std::mem::swap(&mut self.leave, &mut self.next);
        }
        let last = sets[number(sets.len() - 1)].as_ref();
        let costs =
            last.iter().zip(&self.leave).map(|(&at, &cost)| cost + end.map_or(0, |end| pulse_cost.change(at, end)));
        let (mut at, total) = least(costs);
        let mut ends = vec![(0, 0); sets.len()];
        for i in (0..sets.len()).rev() {
            let entered = self.came[self.first_came[i] + usize::from(at)][0];
            ends[i] = (usize::from(entered), usize::from(at));
            at = self.came[self.first_came[i] + usize::from(entered)][1];
        }
        (total, ends)
    }
}

/// The first of the least costs, and its number.
fn least(costs: impl Iterator<Item = i64>) -> (u16, i64) {
    let mut best = (0, i64::MAX);
    for (i, cost) in costs.enumerate() {
        if cost < best.1 {
            best = (i as u16, cost);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn laws() -> impl Strategy<Value = PulseCost> {
        prop_oneof![
            (0i64..9, 0i64..9).prop_map(|(rise, fall)| PulseCost::SingleShot { rise, fall }),
            (0i64..9, 0i64..9, 0i64..4).prop_map(|(reset, set, set_level)| PulseCost::ResetThenSet {
                reset,
                set,
                set_level
            }),
        ]
    }

    /// Least cost from `at` through all orders of all sets, `then` after the last.
    fn cheapest(pulse_cost: PulseCost, at: i16, left: &[i16], sets: &[Vec<i16>], then: Option<i16>) -> i64 {
        if left.is_empty() {
            return match sets.split_first() {
                Some((set, sets)) => cheapest(pulse_cost, at, set, sets, then),
                None => then.map_or(0, |then| pulse_cost.change(at, then)),
            };
        }
        let with = |i: usize| {
            let mut rest = left.to_vec();
            let next = rest.remove(i);
            pulse_cost.change(at, next) + cheapest(pulse_cost, next, &rest, sets, then)
        };
        (0..left.len()).map(with).min().unwrap_or(0)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]

        #[test]
        fn equals_all_orders_of_all_sets(
            sets in prop::collection::vec(prop::collection::btree_set(-3i16..=3, 1..5), 1..4),
            pulse_cost in laws(),
            start in -3i16..=3,
            end in prop::option::of(-3i16..=3),
        ) {
            let sets: Vec<Vec<i16>> = sets.into_iter().map(|set| set.into_iter().collect()).collect();
            let mut chain = Chain::default();
            let count = |ends: &[(usize, usize)], at: Option<i16>, end: Option<i16>| {
                let (mut at, mut total, mut order) = (at, 0, Vec::new());
                for (set, &(first, last)) in sets.iter().zip(ends) {
                    pulse_cost.order(set, first, last, &mut order);
                    for &level in &order {
                        total += at.map_or(0, |at| pulse_cost.change(at, level));
                        at = Some(level);
                    }
                }
                total + at.zip(end).map_or(0, |(at, end)| pulse_cost.change(at, end))
            };
            let (cost, ends) = chain.solve(pulse_cost, &sets, Boundary::Open { start: Some(start), end });
            prop_assert_eq!(cost, cheapest(pulse_cost, start, &[], &sets, end));
            prop_assert_eq!(cost, count(&ends, Some(start), end));
            let free = |then: &dyn Fn(i16) -> Option<i16>| {
                let from = |first: usize| {
                    let mut rest = sets[0].clone();
                    let first = rest.remove(first);
                    cheapest(pulse_cost, first, &rest, &sets[1..], then(first))
                };
                (0..sets[0].len()).map(from).min().unwrap()
            };
            let (cost, ends) = chain.solve(pulse_cost, &sets, Boundary::Open { start: None, end });
            prop_assert_eq!(cost, free(&|_| end));
            prop_assert_eq!(cost, count(&ends, None, end));
            let (cost, ends) = chain.solve(pulse_cost, &sets, Boundary::Cyclic);
            prop_assert_eq!(cost, free(&Some));
            prop_assert_eq!(cost, count(&ends, None, Some(sets[0][ends[0].0])));
        }
    }
}
