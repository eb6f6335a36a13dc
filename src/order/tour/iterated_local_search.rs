//! A short path through all nodes: exact for few; else nearest neighbours, local search, and iterated local search.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::array::{Neighbours, Tour};
use super::exact;
use super::local_search::{Queue, improve};
use super::nodes::Metric;
use crate::observer::{Meter, StopToken};

/// How much work goes into the search for an order: a budget of tries, never of time, so that results are the same everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// One pass of local search, and no bound: to compare wirings, not to write schedules.
    Quick,
    /// Local search and a few kicks.
    Fast,
    /// Near the optimum.
    #[default]
    Good,
    /// Nearer.
    Best,
}

impl Effort {
    /// Kicks for a path of so many nodes, in each of the passes over the paths.
    pub fn kicks(self, nodes: usize) -> usize {
        nodes
            * match self {
                Self::Quick => 1,
                Self::Fast => 3,
                Self::Good => 40,
                Self::Best => 400,
            }
    }

    /// Spanning trees of a bound's ascent, in each of its passes over the clusters.
    pub fn trees(self) -> &'static [usize] {
        match self {
            Self::Quick => &[],
            Self::Fast => &[20],
            Self::Good => &[80, 20],
            Self::Best => &[200, 100],
        }
    }

    /// Spanning trees of the ascent over all clusters of a lane together.
    pub fn joint_trees(self) -> usize {
        match self {
            Self::Quick => 0,
            Self::Fast => 10,
            Self::Good => 100,
            Self::Best => 400,
        }
    }

    /// Neighbours of each node that moves are tried with.
    pub fn neighbours(self) -> usize {
        match self {
            Self::Quick => 6,
            Self::Fast => 8,
            Self::Good => 10,
            Self::Best => 14,
        }
    }
}

/// Longest piece that a kick moves.
const KICK: usize = 30;

/// What it costs to come to each node of a path, and to go on from it.
#[derive(Clone, Copy, Debug)]
pub struct Ends<'a> {
    /// From what lies before.
    pub from: &'a [i32],
    /// To what comes then.
    pub to: &'a [i32],
}

/// Finds a short path through all nodes, over `order`: the one to begin with if it holds all nodes. Returns its cost, with the costs of its ends.
/// Never dearer than the path that was given. After a stop it is a path through all nodes all the same.
pub fn shortest<M: Metric>(
    metric: &M,
    ends: Ends<'_>,
    order: &mut Vec<u32>,
    kicks: usize,
    effort: Effort,
    seed: u64,
    stop: &StopToken<'_>,
) -> i64 {
    let n = metric.len();
    if n <= exact::MOST {
        return exact::path(metric, ends.from, ends.to, order);
    }
    let neighbours = Neighbours::of(metric, ends.from, ends.to, effort.neighbours(), stop);
    let mut meter = stop.meter();
    if order.len() != n {
        nearest(metric, ends.from, &neighbours, order, &mut meter);
    }
    let mut tour = Tour::new(metric, ends.from, ends.to, order);
    let mut queue = Queue::new(n + 2);
    for place in 0..n + 2 {
        queue.push(tour.at(place));
    }
    let mut cost = tour.total();
    cost -= improve(&mut tour, &neighbours, &mut queue, &mut meter);
    tour.keep();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..kicks {
        if stop.stopped() {
            break;
        }
        let worse = kick(&mut tour, &mut queue, &mut rng);
        let gain = improve(&mut tour, &neighbours, &mut queue, &mut meter);
        if worse > gain {
            tour.undo();
        } else {
            cost -= gain - worse;
            tour.keep();
        }
    }
    order.clear();
    order.extend_from_slice(tour.path());
    cost
}

/// Exchanges two neighbouring pieces at a random place (a double bridge, near by); returns what it costs.
fn kick<M: Metric>(tour: &mut Tour<'_, M>, queue: &mut Queue, rng: &mut ChaCha8Rng) -> i64 {
    let n = tour.len();
    let longest = KICK.min(n / 2);
    let mut below = |limit: usize| ((u64::from(rng.next_u32()) * limit as u64) >> 32) as usize;
    let (first, second) = (1 + below(longest), 1 + below(longest));
    let i = 1 + below(n + 1 - first - second);
    let (k, j) = (i + first - 1, i + first + second - 1);
    let nodes = [i - 1, i, k, k + 1, j, j + 1].map(|place| tour.at(place));
    let cost = |tour: &Tour<'_, M>, pairs: [(usize, usize); 3]| {
        pairs.iter().map(|&(a, b)| i64::from(tour.cost(nodes[a], nodes[b]))).sum::<i64>()
    };
    let worse = cost(tour, [(0, 3), (4, 1), (2, 5)]) - cost(tour, [(0, 1), (2, 3), (4, 5)]);
    tour.exchange(i, k, j, [false, false]);
    nodes.into_iter().for_each(|node| queue.push(node));
    worse
}

/// From the start always to the nearest node that is left.
fn nearest<M: Metric>(metric: &M, from: &[i32], neighbours: &Neighbours, order: &mut Vec<u32>, meter: &mut Meter<'_>) {
    let n = metric.len();
    order.clear();
    // The nodes that are left, and where each of them is among these.
    let mut left: Vec<u32> = (0..n as u32).collect();
    let mut place: Vec<u32> = left.clone();
    let mut next = (0..n).min_by_key(|&i| from[i]).unwrap_or(0);
    loop {
        order.push(next as u32);
        let at = place[next] as usize;
        left.swap_remove(at);
        if let Some(&moved) = left.get(at) {
            place[moved as usize] = at as u32;
        }
        place[next] = u32::MAX;
        if !meter.work(1) {
            order.append(&mut left);
            return;
        }
        let near = neighbours.of_node(next).iter().find(|&&j| place[j as usize] != u32::MAX);
        let any = || {
            meter.work(left.len() as u64);
            left.iter().min_by_key(|&&j| (metric.between(next, j as usize), j))
        };
        let Some(&node) = near.or_else(any) else { return };
        next = node as usize;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::observer::tests::{Gaps, StopAfter};
    use crate::observer::{STRIDE, Unobserved};
    use crate::order::tour::nodes::Nodes;
    use proptest::prelude::*;

    fn never() -> StopToken<'static> {
        StopToken::new(&Unobserved)
    }

    fn nodes(levels: &[Vec<i16>]) -> Nodes {
        let rows: Vec<&[i16]> = levels.iter().map(Vec::as_slice).collect();
        Nodes::of(&rows, rows[0].len(), 15)
    }

    fn cost(nodes: &Nodes, ends: Ends<'_>, order: &[u32]) -> i64 {
        let inside: i64 = order.windows(2).map(|w| i64::from(nodes.distance(w[0] as usize, w[1] as usize))).sum();
        let (first, last) = (order[0] as usize, order[order.len() - 1] as usize);
        inside + i64::from(ends.from[first] + ends.to[last])
    }

    /// Every order, one by one.
    fn brute_force(nodes: &Nodes, ends: Ends<'_>) -> i64 {
        fn go(nodes: &Nodes, ends: Ends<'_>, left: &mut Vec<u32>, order: &mut Vec<u32>) -> i64 {
            if left.is_empty() {
                return cost(nodes, ends, order);
            }
            let mut best = i64::MAX;
            for i in 0..left.len() {
                order.push(left.swap_remove(i));
                best = best.min(go(nodes, ends, left, order));
                left.extend(order.pop());
                let last = left.len() - 1;
                left.swap(i, last);
            }
            best
        }
        go(nodes, ends, &mut (0..nodes.len() as u32).collect(), &mut Vec::new())
    }

    fn problem(n: std::ops::Range<usize>) -> impl Strategy<Value = (Vec<Vec<i16>>, Vec<i32>, Vec<i32>)> {
        n.prop_flat_map(|n| {
            let ends = || prop_oneof![Just(vec![0; n]), prop::collection::vec(0i32..60, n)];
            (prop::collection::vec(prop::collection::vec(-15i16..=15, n), 1..5), ends(), ends())
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn few_nodes_are_exact((levels, from, to) in problem(1..8)) {
            let (nodes, ends) = (nodes(&levels), Ends { from: &from, to: &to });
            let mut order = Vec::new();
            let found = shortest(&nodes, ends, &mut order, 0, Effort::Fast, 1, &never());
            prop_assert_eq!(found, brute_force(&nodes, ends));
            prop_assert_eq!(found, cost(&nodes, ends, &order));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10))]
        #[test]
        fn nine_nodes_are_exact((levels, from, to) in problem(9..10)) {
            let (nodes, ends) = (nodes(&levels), Ends { from: &from, to: &to });
            let found = shortest(&nodes, ends, &mut Vec::new(), 0, Effort::Fast, 1, &never());
            prop_assert_eq!(found, brute_force(&nodes, ends));
        }
    }

    /// Distances, counted.
    struct Counted<'a> {
        nodes: &'a Nodes,
        looked: &'a AtomicU64,
    }

    impl Metric for Counted<'_> {
        fn between(&self, i: usize, j: usize) -> i32 {
            self.looked.fetch_add(1, Ordering::Relaxed);
            self.nodes.distance(i, j)
        }

        fn len(&self) -> usize {
            self.nodes.len()
        }
    }

    /// Long lists of neighbours, long searches: never more than a few strides of distances without a question.
    #[test]
    fn questions_come_at_bounded_work() {
        for (n, kicks) in [(1500, 0), (120, 60_000)] {
            let levels: Vec<Vec<i16>> = (0..4)
                .map(|row| (0..n).map(|col| ((col * (37 + row * 11) + row) % 31) as i16 - 15).collect())
                .collect();
            let (nodes, looked, free) = (nodes(&levels), AtomicU64::new(0), vec![0; n]);
            let gaps = Gaps::new(&looked, u64::MAX);
            let ends = Ends { from: &free, to: &free };
            let metric = Counted { nodes: &nodes, looked: &looked };
            shortest(&metric, ends, &mut Vec::new(), kicks, Effort::Good, 1, &StopToken::new(&gaps));
            let (all, widest) = (looked.load(Ordering::Relaxed), gaps.widest());
            assert!(all > 8 * STRIDE, "{all} distances are too few to tell");
            assert!(widest < 4 * STRIDE, "{widest} of {all} distances without a question");
        }
    }

    #[test]
    fn a_stopped_search_is_a_path_all_the_same() {
        let levels: Vec<Vec<i16>> = vec![(0..200).map(|i| (i * 7 % 31) as i16 - 15).collect()];
        let (nodes, free) = (nodes(&levels), vec![0; 200]);
        for questions in 0..6 {
            let observer = StopAfter::new(questions);
            let mut order = Vec::new();
            let ends = Ends { from: &free, to: &free };
            shortest(&nodes, ends, &mut order, 1_000_000, Effort::Best, 1, &StopToken::new(&observer));
            assert!(observer.asked() <= questions + 2);
            order.sort_unstable();
            assert!(order.into_iter().eq(0..200));
        }
    }

    /// The cheapest way through the nodes of `set` that ends at `last`, each answer kept.
    fn through(metric: &Nodes, ends: Ends<'_>, set: u32, last: usize, known: &mut HashMap<(u32, usize), i64>) -> i64 {
        let rest = set & !(1 << last);
        if rest == 0 {
            return i64::from(ends.from[last]);
        }
        if let Some(&cost) = known.get(&(set, last)) {
            return cost;
        }
        let before = (0..metric.len()).filter(|i| rest >> i & 1 == 1);
        let costs = before.map(|i| through(metric, ends, rest, i, known) + i64::from(metric.distance(i, last)));
        let cost = costs.min().unwrap();
        known.insert((set, last), cost);
        cost
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn up_to_twelve_nodes_are_exact((levels, from, to) in problem(4..13)) {
            let (nodes, ends) = (nodes(&levels), Ends { from: &from, to: &to });
            let mut order = Vec::new();
            let found = shortest(&nodes, ends, &mut order, 0, Effort::Fast, 1, &never());
            let (all, mut known) = ((1 << nodes.len()) - 1, HashMap::new());
            let costs = (0..nodes.len()).map(|last| through(&nodes, ends, all, last, &mut known) + i64::from(to[last]));
            prop_assert_eq!(found, costs.min().unwrap());
            prop_assert_eq!(found, cost(&nodes, ends, &order));
        }
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_it_costs((levels, from, to) in problem(13..40), seed in any::<u64>()) {
            let (nodes, ends) = (nodes(&levels), Ends { from: &from, to: &to });
            let mut order = Vec::new();
            let mut before = i64::MAX;
            for kicks in [0, 20, 200] {
                let found = shortest(&nodes, ends, &mut order, kicks, Effort::Good, seed, &never());
                prop_assert_eq!(found, cost(&nodes, ends, &order));
                let mut seen = order.clone();
                seen.sort_unstable();
                prop_assert!(seen.iter().enumerate().all(|(i, node)| i as u32 == *node));
                prop_assert!(found <= before, "{} after {}", found, before);
                before = found;
            }
        }

        #[test]
        fn near_the_optimum((levels, from, to) in problem(11..13)) {
            // The search that is used for many nodes, on so few that the exact program checks it.
            let nodes = nodes(&levels);
            let mut order = Vec::new();
            let best = exact::path(&nodes, &from, &to, &mut order);
            let neighbours = Neighbours::of(&nodes, &from, &to, 8, &never());
            nearest(&nodes, &from, &neighbours, &mut order, &mut never().meter());
            let mut tour = Tour::new(&nodes, &from, &to, &order);
            let mut queue = Queue::new(nodes.len() + 2);
            (0..nodes.len() + 2).for_each(|node| queue.push(node));
            let begun = tour.total();
            let gained = improve(&mut tour, &neighbours, &mut queue, &mut never().meter());
            prop_assert_eq!(begun - gained, tour.total());
            prop_assert!(tour.total() >= best);
        }
    }
}
