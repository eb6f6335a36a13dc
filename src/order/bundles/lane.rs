//! Reach `lane` with shared inputs: a column keeps its lane, so each lane of each row group is a problem of its own. Its columns
//! come tile row by tile row, each tile row an open path; the paths hang together by the levels that they leave.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::observer::StopToken;
use crate::order::bound::lane_tours;
use crate::order::chain::boundary::Boundary;
use crate::order::tour::iterated_local_search::{Effort, Ends, shortest};
use crate::order::tour::nodes::{Matrix, Nodes, State};

/// Most nodes of a path whose distances are kept, all of them.
const MATRIX: usize = 2048;

/// Dearer than any path.
const FAR: i32 = 1 << 27;

/// One lane of a row group: the columns of each tile row that uses it, in the order in which these run.
pub struct Lane<'a> {
    clusters: &'a [Nodes],
    boundary: &'a Boundary<State>,
}

/// The paths of a lane.
#[derive(Clone, Debug, Default)]
pub struct LanePlan {
    /// For each cluster its nodes in their order.
    pub orders: Vec<Vec<u32>>,
    /// Level steps in all.
    pub writes: u64,
    /// Level steps that no orders go below; in a cycle.
    pub bound: u64,
}

impl<'a> Lane<'a> {
    /// A lane with these columns; clusters are not empty.
    pub fn new(clusters: &'a [Nodes], boundary: &'a Boundary<State>) -> Self {
        Self { clusters, boundary }
    }

    /// Orders all columns and bounds what any order costs.
    pub fn solve(&self, effort: Effort, seed: u64, stop: &StopToken<'_>) -> LanePlan {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut orders: Vec<Vec<u32>> = vec![Vec::new(); self.clusters.len()];
        let cycle = matches!(self.boundary, Boundary::Cyclic);
        if effort == Effort::Quick {
            for k in 0..orders.len() {
                let kicks = effort.kicks(self.clusters[k].len());
                self.path(k, &mut orders, &[], kicks, effort, rng.next_u64(), stop);
            }
            return LanePlan { writes: self.writes(&orders) as u64, orders, bound: 0 };
        }
        if let ([only], true) = (self.clusters, cycle) {
            orders[0] = closed(only, effort, rng.next_u64(), stop);
            let bound = lane_tours::bound(self.clusters, cycle, &orders, effort, stop).writes;
            return LanePlan { writes: self.writes(&orders) as u64, orders, bound };
        }
        for k in 0..orders.len() {
            self.path(k, &mut orders, &[], 0, effort, rng.next_u64(), stop);
        }
        let mut best = (self.writes(&orders), orders.clone());
        let mut found = None;
        for pass in 0..3 {
            // What the paths cost by themselves tells where seams are best.
            let fixed = if pass == 1 {
                let bound = lane_tours::bound(self.clusters, cycle, &orders, effort, stop);
                found.insert(bound).seams.as_slice()
            } else {
                &[]
            };
            for k in 0..orders.len() {
                let kicks = effort.kicks(self.clusters[k].len()) / 3;
                self.path(k, &mut orders, fixed, kicks, effort, rng.next_u64(), stop);
            }
            // Rows that no other tile row uses meet their own ends, which have moved: then the sum may have risen.
            let writes = self.writes(&orders);
            if writes < best.0 {
                best = (writes, orders.clone());
            }
        }
        LanePlan { orders: best.1, writes: best.0 as u64, bound: found.map_or(0, |bound| bound.writes) }
    }

    /// Orders the columns of one cluster between what lies before and after it now; `seams`: where to begin and end, if not empty.
    #[allow(clippy::too_many_arguments)] // order_chain's, and where it is
    fn path(
        &self,
        k: usize,
        orders: &mut [Vec<u32>],
        seams: &[(u32, u32)],
        kicks: usize,
        effort: Effort,
        seed: u64,
        stop: &StopToken<'_>,
    ) {
        if stop.stopped() {
            // A path through all nodes all the same.
            orders[k] = (0..self.clusters[k].len() as u32).collect();
            return;
        }
        let nodes = &self.clusters[k];
        let costs = |state: &State| (0..nodes.len()).map(|i| nodes.to_state(i, state)).collect::<Vec<_>>();
        let (mut from, mut to) = (costs(&self.before(k, orders)), costs(&self.after(k, orders)));
        let count = self.clusters.len();
        let cycle = matches!(self.boundary, Boundary::Cyclic);
        let first = if k > 0 || cycle { seams.get((k + count - 1) % count).map(|seam| seam.1) } else { None };
        let last = seams.get(k).map(|seam| seam.0);
        let fix = |costs: &mut Vec<i32>, node: u32| {
            costs.iter_mut().enumerate().filter(|(i, _)| *i as u32 != node).for_each(|(_, cost)| *cost += FAR);
        };
        if let Some(first) = first {
            fix(&mut from, first);
        }
        if let Some(last) = last.filter(|&last| first != Some(last)) {
            fix(&mut to, last);
        }
        let ends = Ends { from: &from, to: &to };
        order_chain(nodes, ends, &mut orders[k], kicks, effort, seed, stop);
    }

    /// The levels that the rows of cluster k are left with by those that run before it.
    fn before(&self, k: usize, orders: &[Vec<u32>]) -> State {
        let earlier = (0..k).rev().map(Some);
        let rest: Vec<Option<usize>> = match self.boundary {
            Boundary::Cyclic => (k..self.clusters.len()).rev().map(Some).collect(),
            Boundary::Open { .. } => vec![None],
        };
        self.state(k, earlier.chain(rest), orders, <[u32]>::last, |start, _| start)
    }

    /// The levels that the rows of cluster k need next.
    fn after(&self, k: usize, orders: &[Vec<u32>]) -> State {
        let later = (k + 1..self.clusters.len()).map(Some);
        let rest: Vec<Option<usize>> = match self.boundary {
            Boundary::Cyclic => (0..=k).map(Some).collect(),
            Boundary::Open { .. } => vec![None],
        };
        self.state(k, later.chain(rest), orders, <[u32]>::first, |_, end| end)
    }

    /// Row by row, the level of the first cluster that has the row and an order; `None` among them stands for the given state.
    fn state(
        &self,
        k: usize,
        clusters: impl Iterator<Item = Option<usize>>,
        orders: &[Vec<u32>],
        end: impl Fn(&[u32]) -> Option<&u32>,
        given: impl for<'s> Fn(&'s State, &'s State) -> &'s State,
    ) -> State {
        let rows = self.clusters[k].rows();
        let mut state = State::unknown(rows);
        let mut known = 0;
        for cluster in clusters {
            if known == rows {
                break;
            }
            // Clusters use rows from the first on.
            let found = match (cluster, self.boundary) {
                (Some(m), _) => {
                    let Some(&node) = end(&orders[m]) else { continue };
                    let nodes = &self.clusters[m];
                    for j in known..rows.min(nodes.rows()) {
                        state.0[j] = Some(nodes.level(node as usize, j));
                    }
                    nodes.rows()
                }
                (None, Boundary::Open { start, end }) => {
                    let given = given(start, end);
                    state.0[known..].copy_from_slice(&given.0[known..rows]);
                    rows
                }
                (None, Boundary::Cyclic) => rows,
            };
            known = known.max(found.min(rows));
        }
        state
    }

    /// Level steps of all, with those between clusters and to the given end.
    fn writes(&self, orders: &[Vec<u32>]) -> i64 {
        let mut sum = 0;
        for (k, (nodes, order)) in self.clusters.iter().zip(orders).enumerate() {
            sum += nodes.along(order);
            if let Some(&first) = order.first() {
                sum += i64::from(nodes.to_state(first as usize, &self.before(k, orders)));
            }
            // What comes after is counted there, but for the given end.
            if let (Boundary::Open { end, .. }, Some(&last)) = (self.boundary, order.last()) {
                let later = self.clusters[k + 1..].iter().map(Nodes::rows).max().unwrap_or(0);
                let mut rest = end.clone();
                rest.0.iter_mut().take(later).for_each(|level| *level = None);
                sum += i64::from(nodes.to_state(last as usize, &rest));
            }
        }
        sum
    }
}

/// Finds a short path, on whatever distances there is room for.
pub fn order_chain(
    nodes: &Nodes,
    ends: Ends<'_>,
    order: &mut Vec<u32>,
    kicks: usize,
    effort: Effort,
    seed: u64,
    stop: &StopToken<'_>,
) {
    if nodes.len() > MATRIX {
        shortest(nodes, ends, order, kicks, effort, seed, stop);
    } else if nodes.farthest() <= i16::MAX as usize {
        shortest(&Matrix::<i16>::of(nodes, stop), ends, order, kicks, effort, seed, stop);
    } else {
        shortest(&Matrix::<i32>::of(nodes, stop), ends, order, kicks, effort, seed, stop);
    }
}

/// A single cluster, inference after inference: a closed tour, cut open at its first node.
fn closed(nodes: &Nodes, effort: Effort, seed: u64, stop: &StopToken<'_>) -> Vec<u32> {
    let rest = nodes.every(1, 1);
    let ends: Vec<i32> = (1..nodes.len()).map(|i| nodes.distance(0, i)).collect();
    let mut path = Vec::new();
    order_chain(&rest, Ends { from: &ends, to: &ends }, &mut path, effort.kicks(rest.len()), effort, seed, stop);
    std::iter::once(0).chain(path.into_iter().map(|i| i + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Unobserved;
    use crate::order::bundles::recount;
    use crate::order::bundles::recount::Levels;
    use proptest::prelude::*;

    fn nodes(levels: &[Vec<i16>]) -> Nodes {
        // Levels come column by column.
        let rows: Vec<Vec<i16>> = (0..levels[0].len()).map(|r| levels.iter().map(|c| c[r]).collect()).collect();
        let rows: Vec<&[i16]> = rows.iter().map(Vec::as_slice).collect();
        Nodes::of(&rows, levels.len(), 15)
    }

    /// Level steps of a lane row by row, by the definition, in two inferences; the second counts.
    fn count(clusters: &[Vec<Vec<i16>>], orders: &[Vec<u32>]) -> u64 {
        let rows = clusters.iter().map(|c| c[0].len()).max().unwrap();
        let (mut at, mut sum) = (vec![None; rows], 0);
        for _ in 0..2 {
            sum = 0;
            for (cluster, order) in clusters.iter().zip(orders) {
                for &node in order {
                    for (at, &level) in at.iter_mut().zip(&cluster[node as usize]) {
                        sum += at.map_or(0, |at: i16| u64::from(at.abs_diff(level)));
                        *at = Some(level);
                    }
                }
            }
        }
        sum
    }

    fn permutations(n: usize) -> Vec<Vec<u32>> {
        if n == 0 {
            return vec![Vec::new()];
        }
        let shorter = permutations(n - 1);
        (0..n)
            .flat_map(|at| shorter.iter().map(move |p| (p, at)))
            .map(|(p, at)| {
                let mut p = p.clone();
                p.insert(at, n as u32 - 1);
                p
            })
            .collect()
    }

    fn levels() -> impl Strategy<Value = Levels> {
        prop::collection::vec(prop::option::of(-15i16..=15), 3)
    }

    fn state(levels: &Levels) -> State {
        State(levels.iter().map(|level| level.map(|level| State::code(level, 15))).collect())
    }

    /// The least of all orders of all clusters.
    fn brute_force(clusters: &[Vec<Vec<i16>>], count: impl Fn(&[Vec<u32>]) -> u64) -> u64 {
        let mut all: Vec<Vec<Vec<u32>>> = vec![Vec::new()];
        for cluster in clusters {
            let orders = permutations(cluster.len());
            all = all
                .iter()
                .flat_map(|done| orders.iter().map(move |o| [&done[..], std::slice::from_ref(o)].concat()))
                .collect();
        }
        all.iter().map(|orders| count(orders)).min().unwrap()
    }

    fn cluster(columns: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Vec<i16>>> {
        (columns, 1usize..4)
            .prop_flat_map(|(n, rows)| prop::collection::vec(prop::collection::vec(-15i16..=15, rows), n))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]
        #[test]
        fn between_the_bound_and_the_optimum(clusters in prop::collection::vec(cluster(1..4), 1..4), seed in any::<u64>()) {
            let optimum = brute_force(&clusters, |orders| count(&clusters, orders));
            let columns: Vec<Nodes> = clusters.iter().map(|c| nodes(c)).collect();
            let plan = Lane::new(&columns, &Boundary::Cyclic).solve(Effort::Good, seed, &StopToken::new(&Unobserved));
            prop_assert_eq!(plan.writes, count(&clusters, &plan.orders));
            prop_assert!(plan.writes >= optimum);
            prop_assert!(plan.bound <= optimum, "bound {} optimum {}", plan.bound, optimum);
        }

        #[test]
        fn between_given_levels_too(
            clusters in prop::collection::vec(cluster(1..4), 1..4),
            start in levels(),
            end in levels(),
            seed in any::<u64>(),
        ) {
            // Rows that no column uses are none of the lane's.
            let rows = clusters.iter().map(|c| c[0].len()).max().unwrap();
            let [start, end] = [start, end].map(|levels| levels[..rows].to_vec());
            let cost = |orders: &[Vec<u32>]| {
                let of_lane = clusters.iter().zip(orders);
                recount::between(of_lane.flat_map(|(c, o)| o.iter().map(|&node| &c[node as usize])), &start, &end)
            };
            let optimum = brute_force(&clusters, cost);
            let columns: Vec<Nodes> = clusters.iter().map(|c| nodes(c)).collect();
            let boundary = Boundary::Open { start: state(&start), end: state(&end) };
            let plan = Lane::new(&columns, &boundary).solve(Effort::Fast, seed, &StopToken::new(&Unobserved));
            prop_assert!(plan.writes >= optimum);
            prop_assert!(plan.bound <= optimum, "bound {} optimum {}", plan.bound, optimum);
            prop_assert_eq!(plan.writes, cost(&plan.orders));
        }

        #[test]
        fn one_cluster_alone_is_exact(cluster in cluster(1..7), seed in any::<u64>()) {
            let clusters = [cluster];
            let columns = [nodes(&clusters[0])];
            let plan = Lane::new(&columns, &Boundary::Cyclic).solve(Effort::Fast, seed, &StopToken::new(&Unobserved));
            prop_assert_eq!(plan.writes, brute_force(&clusters, |orders| count(&clusters, orders)));
            prop_assert!(plan.bound <= plan.writes);
        }
    }

    proptest! {
        #[test]
        fn longer_lanes_keep_their_promises(clusters in prop::collection::vec(cluster(1..25), 1..5), seed in any::<u64>()) {
            let columns: Vec<Nodes> = clusters.iter().map(|c| nodes(c)).collect();
            for effort in [Effort::Quick, Effort::Fast, Effort::Good] {
                let plan = Lane::new(&columns, &Boundary::Cyclic).solve(effort, seed, &StopToken::new(&Unobserved));
                prop_assert_eq!(plan.writes, count(&clusters, &plan.orders));
                prop_assert!(plan.bound <= plan.writes);
            }
        }
    }
}
