//! Lower bounds on paths: spanning forests with a multiplier for each node (Held and Karp's ascent; docs/ordering.md, theorems 8 and 9).
//!
//! Chains through a cluster of nodes are a forest, and with what comes before and after it every node has two neighbours.
//! Whatever is added to all edges at a node is paid exactly twice, so it may be taken off again: the cheapest forest under any multipliers, less twice
//! their sum, costs no more than the chains. The ascent looks for multipliers under which the forest looks like chains.
//!
//! All numbers are integers, `SCALE` to a level step: the bound is exact whatever the ascent does.

use crate::observer::{Meter, StopToken};
use crate::order::tour::nodes::{Matrix, Metric, Nodes};

/// Fixed point: parts of a level step.
pub const SCALE: i64 = 64;

/// Most nodes whose distances are kept, all of them.
const MATRIX: usize = 6144;

/// A node that is in the tree: no edge to it is wanted.
const DONE: i32 = i32::MAX;

/// Distances among the nodes of one cluster, a row at a time.
pub trait Rows {
    /// For each node j: what the edge from node i costs, under the multipliers, but no less than `floor[j]`; where that is less than `key[j]`,
    /// it goes there, and i to `parent[j]`.
    fn lower(&self, i: usize, multipliers: &[i32], floor: &[i32], key: &mut [i32], parent: &mut [u32]);
    /// Number of nodes.
    fn nodes(&self) -> usize;
}

impl<T: Copy + Into<i32>> Rows for Matrix<T> {
    #[inline(always)]
    fn lower(&self, i: usize, multipliers: &[i32], floor: &[i32], key: &mut [i32], parent: &mut [u32]) {
        let n = key.len();
        let (row, multipliers, floor, parent) = (&self.row(i)[..n], &multipliers[..n], &floor[..n], &mut parent[..n]);
        let own = multipliers[i];
        for j in 0..n {
            let cost = (row[j].into() * SCALE as i32 + own + multipliers[j]).max(floor[j]);
            parent[j] = if cost < key[j] { i as u32 } else { parent[j] };
            key[j] = key[j].min(cost);
        }
    }

    fn nodes(&self) -> usize {
        self.len()
    }
}

impl Rows for Nodes {
    fn lower(&self, i: usize, multipliers: &[i32], floor: &[i32], key: &mut [i32], parent: &mut [u32]) {
        for j in 0..key.len() {
            if floor[j] == DONE {
                continue;
            }
            let cost = self.distance(i, j) * SCALE as i32 + multipliers[i] + multipliers[j];
            if cost < key[j] {
                (key[j], parent[j]) = (cost, i as u32);
            }
        }
    }

    fn nodes(&self) -> usize {
        self.len()
    }
}

/// A spanning tree, and the memory of the search for it.
#[derive(Default)]
pub struct Tree {
    key: Vec<i32>,
    parent: Vec<u32>,
    floor: Vec<i32>,
    /// Cost and ends of each edge.
    edges: Vec<(i32, u32, u32)>,
}

impl Tree {
    /// What a cheapest forest costs, that is the tree without its `left_out` dearest edges, less twice the multipliers' sum; counts each node's neighbours in it.
    pub fn forest(
        &mut self,
        metric: &impl Rows,
        multipliers: &[i32],
        left_out: usize,
        degree: &mut [i32],
        meter: &mut Meter<'_>,
    ) -> i64 {
        pulp_dispatch(|| self.grow(metric, multipliers, meter));
        if left_out > 0 {
            self.edges.sort_unstable();
            self.edges.truncate(metric.nodes() - 1 - left_out);
        }
        let mut forest = -2 * multipliers.iter().map(|&m| i64::from(m)).sum::<i64>();
        for &(cost, a, b) in &self.edges {
            degree[a as usize] += 1;
            degree[b as usize] += 1;
            forest += i64::from(cost);
        }
        forest
    }

    /// What the edges of a cheapest tree cost under the multipliers, ascending.
    pub fn edges(&mut self, metric: &impl Rows, multipliers: &[i32], meter: &mut Meter<'_>) -> Vec<i64> {
        pulp_dispatch(|| self.grow(metric, multipliers, meter));
        let mut costs: Vec<i64> = self.edges.iter().map(|edge| i64::from(edge.0)).collect();
        costs.sort_unstable();
        costs
    }

    /// Finds a cheapest spanning tree, Prim's way; after a stop, some edges of no use.
    #[inline(always)]
    fn grow(&mut self, metric: &impl Rows, multipliers: &[i32], meter: &mut Meter<'_>) {
        let n = metric.nodes();
        self.key.clear();
        self.key.resize(n, DONE);
        self.parent.clear();
        self.parent.resize(n, 0);
        self.floor.clear();
        self.floor.resize(n, i32::MIN);
        self.edges.clear();
        let mut at = 0;
        for _ in 1..n {
            if !meter.work(n as u64) {
                self.edges.resize(n - 1, (0, 0, 0));
                return;
            }
            (self.key[at], self.floor[at]) = (DONE, DONE);
            metric.lower(at, multipliers, &self.floor, &mut self.key, &mut self.parent);
            // The first of the cheapest: the same on every machine.
            let least = self.key.iter().fold(DONE, |least, &key| least.min(key));
            at = self.key.iter().position(|&key| key == least).unwrap_or(0);
            self.edges.push((least, self.parent[at], at as u32));
        }
    }
}

/// A bound's problem: chains through all nodes of a cluster.
#[derive(Clone, Copy)]
pub struct Chains<'a> {
    /// How many chains there are.
    pub count: usize,
    /// Whether there are exactly so many; else at most, and multipliers must not be negative.
    pub exact: bool,
    /// For each node the cheapest way in and the cheapest way out, in parts of a level step: each chain takes one of each. Looked at if the count is exact.
    pub ways: [&'a [i32]; 2],
    /// Whether the only chain comes from a node and goes back to it, the same ways both times: then from two of its nodes, unless it has only one.
    pub closed: bool,
    /// What the best chains known cost, with their ways, in parts of a level step.
    pub upper: i64,
}

/// Multipliers, and what the forest costs under them, less twice their sum.
pub struct Bound {
    /// By node.
    pub multipliers: Vec<i32>,
    /// In parts of a level step.
    pub forest: i64,
    /// The same, with the ways.
    pub total: i64,
}

/// Looks for better multipliers than those given, `iterations` forests long.
pub fn ascend(
    nodes: &Nodes,
    chains: Chains<'_>,
    multipliers: Vec<i32>,
    iterations: usize,
    stop: &StopToken<'_>,
) -> Bound {
    let work = nodes.len() * nodes.len();
    if nodes.len() > MATRIX {
        // Few trees of many nodes take as long as many of few.
        ascend_on(nodes, chains, multipliers, (1_000_000_000 / work).clamp(2, iterations), stop)
    } else if nodes.farthest() <= i16::MAX as usize {
        ascend_on(&Matrix::<i16>::of(nodes, stop), chains, multipliers, iterations, stop)
    } else {
        ascend_on(&Matrix::<i32>::of(nodes, stop), chains, multipliers, iterations, stop)
    }
}

fn ascend_on(
    metric: &impl Rows,
    chains: Chains<'_>,
    multipliers: Vec<i32>,
    iterations: usize,
    stop: &StopToken<'_>,
) -> Bound {
    let (n, mut meter) = (metric.nodes(), stop.meter());
    let (mut forest, mut degree) = (0, vec![0i32; n]);
    let mut ascent = Ascent::new(multipliers, !chains.exact);
    let mut tree = Tree::default();
    for _ in 0..iterations.max(1) {
        let multipliers = &ascent.multipliers;
        let left_out = chains.count.min(n) - 1;
        degree.fill(-2);
        let inside = tree.forest(metric, multipliers, left_out, &mut degree, &mut meter);
        if stop.stopped() {
            break;
        }
        let mut total = inside;
        if chains.exact {
            let take = |way: &[i32], count| least(n, count, |i| i64::from(way[i]) + i64::from(multipliers[i]));
            let taken = if chains.closed && n > 1 {
                take(chains.ways[0], 2)
            } else {
                chains.ways.iter().flat_map(|way| take(way, chains.count)).collect()
            };
            for (cost, i) in taken {
                degree[i] += 1;
                total += cost;
            }
        }
        if total > ascent.total {
            forest = inside;
        }
        if !ascent.step(&mut degree, total, chains.upper) {
            break;
        }
    }
    Bound { multipliers: ascent.best, forest, total: ascent.total }
}

/// An ascent's multipliers, and how it goes on.
pub struct Ascent {
    /// Those to try next.
    pub multipliers: Vec<i32>,
    /// The best so far.
    pub best: Vec<i32>,
    /// The bound under these.
    pub total: i64,
    positive: bool,
    before: Vec<i32>,
    pace: i64,
    stalled: u32,
}

impl Ascent {
    /// Begins at these multipliers; `positive`: none may be negative.
    pub fn new(multipliers: Vec<i32>, positive: bool) -> Self {
        // Multipliers that were found before are near: shorter steps.
        let pace = if multipliers.iter().all(|&m| m == 0) { 32 } else { 8 };
        Self { best: multipliers.clone(), multipliers, total: i64::MIN, positive, before: Vec::new(), pace, stalled: 0 }
    }

    /// Goes on from a bound of `total`, under which each node had so many neighbours less two, when the optimum is no more than `upper`.
    /// Returns whether there is anywhere to go; leaves the degrees of the step before in `degree`.
    pub fn step(&mut self, degree: &mut Vec<i32>, total: i64, upper: i64) -> bool {
        if total > self.total {
            (self.total, self.stalled) = (total, 0);
            self.best.copy_from_slice(&self.multipliers);
        } else {
            self.stalled += 1;
            if self.stalled == 4 {
                (self.pace, self.stalled) = ((self.pace * 3 / 4).max(1), 0);
            }
        }
        let norm: i64 = degree.iter().map(|&d| i64::from(d * d)).sum();
        let room = upper - total;
        if norm == 0 || room <= 0 {
            return false;
        }
        if self.before.is_empty() {
            self.before.clone_from(degree);
        }
        // Polyak's step, from twice the gap downwards; the direction remembers the one before.
        let step = (self.pace * room / (16 * norm)).clamp(1, i64::from(i32::MAX / 4096));
        for (m, (now, then)) in self.multipliers.iter_mut().zip(degree.iter().zip(&self.before)) {
            *m += (step * i64::from(7 * now + 3 * then) / 10) as i32;
            if self.positive {
                *m = (*m).max(0);
            }
        }
        std::mem::swap(degree, &mut self.before);
        true
    }
}

/// Runs with the widest vectors that the machine has.
fn pulp_dispatch(f: impl FnOnce()) {
    struct Op<F>(F);
    impl<F: FnOnce()> pulp::NullaryFnOnce for Op<F> {
        type Output = ();
        #[inline(always)]
        fn call(self) {
            (self.0)();
        }
    }
    pulp::Arch::new().dispatch(Op(f));
}

/// The `count` least of the costs 0..n, with their numbers, in no order.
pub fn least(n: usize, count: usize, cost: impl Fn(usize) -> i64) -> Vec<(i64, usize)> {
    let mut all: Vec<(i64, usize)> = (0..n).map(|i| (cost(i), i)).collect();
    if count == 1 {
        return all.into_iter().min().into_iter().collect();
    }
    if count < n {
        all.select_nth_unstable(count);
        all.truncate(count);
    }
    all
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::observer::STRIDE;
    use crate::observer::tests::Gaps;

    /// Distances, counted a row at a time.
    struct Counted<'a> {
        nodes: &'a Nodes,
        looked: &'a AtomicU64,
    }

    impl Rows for Counted<'_> {
        fn lower(&self, i: usize, multipliers: &[i32], floor: &[i32], key: &mut [i32], parent: &mut [u32]) {
            self.looked.fetch_add(key.len() as u64, Ordering::Relaxed);
            self.nodes.lower(i, multipliers, floor, key, parent);
        }

        fn nodes(&self) -> usize {
            self.nodes.len()
        }
    }

    #[test]
    fn an_ascent_asks_at_bounded_work_and_stops_within_a_tree() {
        let levels: Vec<i16> = (0..900).map(|i| (i * 17 % 31) as i16 - 15).collect();
        let nodes = Nodes::of(&[&levels, &levels.iter().rev().copied().collect::<Vec<_>>()], 900, 15);
        let free = vec![0; 900];
        let chains = Chains { count: 1, exact: true, ways: [&free, &free], closed: false, upper: 1 << 40 };
        for stop_after in [u64::MAX, 0, 1, 3] {
            let looked = AtomicU64::new(0);
            let gaps = Gaps::new(&looked, stop_after);
            let metric = Counted { nodes: &nodes, looked: &looked };
            ascend_on(&metric, chains, vec![0; 900], 6, &StopToken::new(&gaps));
            let (all, widest) = (looked.load(Ordering::Relaxed), gaps.widest());
            assert!(widest < 2 * STRIDE, "{widest} of {all}");
            if stop_after == u64::MAX {
                assert!(all > 8 * STRIDE, "{all} distances are too few to tell");
            } else {
                assert!(all <= (stop_after + 1) * STRIDE, "{all} after {stop_after} questions");
            }
        }
    }
}
