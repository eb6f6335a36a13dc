//! What a weight cell pays for pulses, in whole numbers, and the cheapest way through a set of levels (docs/trade.md, theorem 13).

use firmware_model::pcm::{Price, WriteCost};

/// Most levels of a weight cell for which orders by the pulse are sought: 5 bits.
pub const MOST_LEVELS: usize = 63;

/// How a PCM cell pays for a change of its level, where the size of the change is not what counts. All prices are 0 or above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PulseCost {
    /// One pulse for each change.
    SingleShot {
        /// A change to a higher level.
        rise: i64,
        /// A change to a lower level.
        fall: i64,
    },
    /// Every change begins with a reset, unless the cell is at level 0, and ends with a set, unless that is 0.
    ResetThenSet {
        /// The reset.
        reset: i64,
        /// The set.
        set: i64,
        /// Each level that is set, in addition.
        set_level: i64,
    },
}

/// Prices are scaled up to about this many parts for the largest.
const PARTS: f64 = (1u64 << 20) as f64;

impl PulseCost {
    /// Energy in parts, and how many parts a pJ has: a power of two, so that whole numbers of pJ are exact; others are rounded down, by less
    /// than a millionth of the largest. `None` for a device that pays by the level.
    #[must_use]
    pub fn of_energy(cost: &WriteCost) -> Option<(Self, f64)> {
        let energies = |prices: &[&Price]| prices.iter().fold(0.0, |most, price| price.energy_pj.max(most));
        let most = match cost {
            WriteCost::PerLevel { .. } => return None,
            WriteCost::SingleShot { up, down } => energies(&[up, down]),
            WriteCost::ResetThenSet { reset, set, set_level } => energies(&[reset, set, set_level]),
        };
        let parts = if most > 0.0 { (PARTS / most).log2().floor().exp2() } else { 1.0 };
        let part = |price: &Price| (price.energy_pj * parts).floor() as i64;
        let pulse_cost = match cost {
            WriteCost::PerLevel { .. } => return None,
            WriteCost::SingleShot { up, down } => Self::SingleShot { rise: part(up), fall: part(down) },
            WriteCost::ResetThenSet { reset, set, set_level } => {
                Self::ResetThenSet { reset: part(reset), set: part(set), set_level: part(set_level) }
            }
        };
        Some((pulse_cost, parts))
    }

    /// What wears a PCM cell of a device that pays by the pulse.
    #[must_use]
    pub const fn of_wear(cost: &WriteCost) -> Option<Self> {
        match cost {
            WriteCost::PerLevel { .. } => None,
            WriteCost::SingleShot { .. } => Some(Self::SingleShot { rise: 1, fall: 1 }),
            WriteCost::ResetThenSet { .. } => Some(Self::ResetThenSet { reset: 1, set: 0, set_level: 0 }),
        }
    }

    /// What one PCM cell pays.
    fn pcm(self, from: i16, to: i16) -> i64 {
        if from == to {
            return 0;
        }
        match self {
            Self::SingleShot { rise, fall } => {
                if to > from {
                    rise
                } else {
                    fall
                }
            }
            Self::ResetThenSet { .. } => self.leave(from) + self.enter(to),
        }
    }

    /// What a change of the weight cell from one signed level to another costs.
    #[must_use]
    pub fn change(self, from: i16, to: i16) -> i64 {
        self.pcm(from.max(0), to.max(0)) + self.pcm((-from).max(0), (-to).max(0))
    }

    /// Reset then set: what leaving a level costs.
    fn leave(self, level: i16) -> i64 {
        match self {
            Self::ResetThenSet { reset, .. } if level != 0 => reset,
            _ => 0,
        }
    }

    /// Reset then set: what coming to a level costs.
    fn enter(self, level: i16) -> i64 {
        match self {
            Self::ResetThenSet { set, set_level, .. } if level != 0 => set + set_level * i64::from(level.abs()),
            _ => 0,
        }
    }

    /// What a visit of a level costs, with all that leads to it and away from it from and to another level; reset then set only.
    #[must_use]
    pub fn visit(self, level: i16) -> i64 {
        self.enter(level) + self.leave(level)
    }

    /// Least cost of going through all levels of `set`, ascending, from number `first` to number `last`; none where that cannot be: a
    /// set of several levels is not left at the level at which it is entered.
    #[must_use]
    pub fn through(self, set: &[i16], first: usize, last: usize) -> Option<i64> {
        if set.len() == 1 || first == last {
            return (set.len() == 1).then_some(0);
        }
        match self {
            Self::SingleShot { rise, fall } => {
                let of = |side: Side| side.cost(side.rank(set, first), side.rank(set, last), rise, fall);
                let [plus, minus] = Side::both(set);
                Some(of(plus) + of(minus))
            }
            Self::ResetThenSet { .. } => {
                let all: i64 = set.iter().map(|&level| self.visit(level)).sum();
                Some(all - self.enter(set[first]) - self.leave(set[last]))
            }
        }
    }

    /// The levels of `set` in an order that costs what [`PulseCost::through`] says.
    pub fn order(self, set: &[i16], first: usize, last: usize, out: &mut Vec<i16>) {
        out.clear();
        match self {
            Self::SingleShot { rise, fall } if set.len() > 1 => {
                let [plus, minus] = Side::both(set).map(|side| {
                    let ranks = side.path(side.rank(set, first), side.rank(set, last), rise <= fall);
                    ranks.into_iter().map(|rank| side.level(set, rank)).collect::<Vec<i16>>()
                });
                join(set, &plus, &minus, (set[first], set[last]), out);
            }
            _ => {
                out.push(set[first]);
                out.extend((0..set.len()).filter(|i| *i != first && *i != last).map(|i| set[i]));
                if last != first {
                    out.push(set[last]);
                }
            }
        }
    }
}

/// What one of the two PCM cells visits: its levels by rank, lowest first. Where the other cell has levels to visit, or the weight cell
/// level 0, this one has to be at 0 at some time: that is then its rank 0.
#[derive(Clone, Copy, Debug)]
struct Side {
    plus: bool,
    /// Levels of this side above 0.
    own: usize,
    /// Whether 0 is among the ranks.
    zero: bool,
}

impl Side {
    fn both(set: &[i16]) -> [Self; 2] {
        let minus = set.iter().take_while(|level| **level < 0).count();
        let plus = set.iter().rev().take_while(|level| **level > 0).count();
        [
            Self { plus: true, own: plus, zero: plus < set.len() },
            Self { plus: false, own: minus, zero: minus < set.len() },
        ]
    }

    fn ranks(self) -> usize {
        self.own + usize::from(self.zero)
    }

    /// Rank at which the cell is when the weight cell is at number `at` of the set.
    fn rank(self, set: &[i16], at: usize) -> usize {
        let level = if self.plus { set[at] } else { -set[at] };
        if level <= 0 {
            return 0;
        }
        let above = if self.plus { set.len() - 1 - at } else { at };
        self.ranks() - 1 - above
    }

    /// Signed level of a rank.
    fn level(self, set: &[i16], rank: usize) -> i16 {
        if self.zero && rank == 0 {
            return 0;
        }
        let above = self.ranks() - 1 - rank;
        if self.plus { set[set.len() - 1 - above] } else { set[above] }
    }

    /// Least cost through all ranks from one to another; both are 0 for a way from 0 back to 0.
    fn cost(self, first: usize, last: usize, rise: i64, fall: i64) -> i64 {
        let ranks = self.ranks();
        if ranks <= 1 {
            return 0;
        }
        let moves = if first == last { ranks } else { ranks - 1 };
        let (cheap, dear) = (rise.min(fall), rise.max(fall));
        let turns = if first == last {
            1
        } else if rise <= fall {
            turns(ranks, first, last)
        } else {
            turns(ranks, ranks - 1 - first, ranks - 1 - last)
        };
        (moves - turns) as i64 * cheap + turns as i64 * dear
    }

    /// A way with the fewest falls, or the fewest rises; a way from 0 to 0 without its end.
    fn path(self, first: usize, last: usize, few_falls: bool) -> Vec<usize> {
        let ranks = self.ranks();
        if ranks <= 1 {
            return (0..ranks).collect();
        }
        if first == last {
            let others = 1..ranks;
            let others: Vec<usize> = if few_falls { others.collect() } else { others.rev().collect() };
            return std::iter::once(0).chain(others).collect();
        }
        if few_falls {
            return few_turns(ranks, first, last);
        }
        let mirrored = few_turns(ranks, ranks - 1 - first, ranks - 1 - last);
        mirrored.into_iter().map(|rank| ranks - 1 - rank).collect()
    }
}

/// Fewest falls on a way through the ranks `0..ranks` from `first` to `last`, which are different.
fn turns(ranks: usize, first: usize, last: usize) -> usize {
    match (first, last) {
        (0, last) if last == ranks - 1 => 0,
        (first, last) if first < last || first == last + 1 => 1,
        _ => 2,
    }
}

/// A way with so few falls.
fn few_turns(ranks: usize, first: usize, last: usize) -> Vec<usize> {
    if first < last {
        let up = (first..ranks).filter(|rank| *rank != last || first == 0 && last == ranks - 1);
        let rest = (0..first).chain((!(first == 0 && last == ranks - 1)).then_some(last));
        return up.chain(rest).collect();
    }
    let below = (0..last).chain(last + 1..first);
    (first..ranks).chain(below).chain([last]).collect()
}

/// Puts the ways of the two PCM cells together: while one is above 0, the other waits at 0.
fn join(set: &[i16], plus: &[i16], minus: &[i16], (first, last): (i16, i16), out: &mut Vec<i16>) {
    let split = |way: &[i16]| match way.iter().position(|level| *level == 0) {
        Some(zero) => (way[..zero].to_vec(), way[zero + 1..].to_vec()),
        None => (way.to_vec(), Vec::new()),
    };
    let ((plus_before, plus_after), (minus_before, minus_after)) = (split(plus), split(minus));
    let has_zero = set.binary_search(&0).is_ok();
    // At most one of the two begins above 0, and at most one ends there.
    out.extend(plus_before);
    out.extend(minus_before);
    if has_zero && last != 0 {
        out.push(0);
    }
    let (early, late) =
        if last < 0 || (last == 0 && first < 0) { (plus_after, minus_after) } else { (minus_after, plus_after) };
    out.extend(early);
    out.extend(late);
    if has_zero && last == 0 {
        out.push(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firmware_model::pcm::{Counts, Move};
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

    /// Cheapest way through all other levels, by trying every order.
    fn cheapest(pulse_cost: PulseCost, at: i16, left: &[i16], last: i16) -> i64 {
        if left.is_empty() {
            return pulse_cost.change(at, last);
        }
        let with = |i: usize| {
            let mut rest = left.to_vec();
            let next = rest.remove(i);
            pulse_cost.change(at, next) + cheapest(pulse_cost, next, &rest, last)
        };
        (0..left.len()).map(with).min().unwrap_or(0)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]

        #[test]
        fn equals_every_order(set in prop::collection::btree_set(-4i16..=4, 1..8), pulse_cost in laws()) {
            let set: Vec<i16> = set.into_iter().collect();
            let mut order = Vec::new();
            for first in 0..set.len() {
                for last in (0..set.len()).filter(|last| set.len() == 1 || *last != first) {
                    let left: Vec<i16> = (0..set.len()).filter(|i| *i != first && *i != last).map(|i| set[i]).collect();
                    let least = cheapest(pulse_cost, set[first], &left, set[last]);
                    prop_assert_eq!(pulse_cost.through(&set, first, last), Some(least), "{:?} {} {}", set, first, last);
                    pulse_cost.order(&set, first, last, &mut order);
                    prop_assert_eq!((order[0], order[order.len() - 1]), (set[first], set[last]));
                    let cost: i64 = order.windows(2).map(|w| pulse_cost.change(w[0], w[1])).sum();
                    prop_assert_eq!(cost, least, "{:?}", order);
                    order.sort_unstable();
                    prop_assert_eq!(&order, &set);
                }
            }
        }
    }

    #[test]
    fn prices_are_those_of_the_device() {
        let price = |energy_pj| Price { energy_pj, time_us: 1.0 };
        for cost in [
            WriteCost::SingleShot { up: price(9.0), down: price(40.5) },
            WriteCost::ResetThenSet { reset: price(100.0), set: price(10.0), set_level: price(0.25) },
        ] {
            let (pulse_cost, parts) = PulseCost::of_energy(&cost).unwrap();
            for (from, to) in (-15..=15).flat_map(|from| (-15..=15).map(move |to| (from, to))) {
                let mut counts = Counts::default();
                counts.add(Move::between(from, to));
                assert_eq!(pulse_cost.change(from, to) as f64 / parts, cost.energy_pj(&counts), "{from} {to}");
            }
        }
        assert!(PulseCost::of_energy(&WriteCost::PerLevel { up: price(1.0), down: price(1.0) }).is_none());
    }
}
