//! Level steps that no paths of reach `lane` go below (docs/ordering.md, theorem 8).

use super::held_karp::{Ascent, Chains, SCALE, Tree, ascend};
use super::seams::{Seam, nearest};
use crate::observer::StopToken;
use crate::order::tour::iterated_local_search::Effort;
use crate::order::tour::nodes::{Distance, Matrix, Nodes, State};

/// Most distances that are kept for the ascent over the whole lane.
const MATRIX: usize = 1 << 24;

/// The bound of one lane: its clusters in the order in which they run; `cycle`: inference after inference; else the ways to and from other segments are free.
/// `orders`: good ones, from which the ascent has its steps.
pub fn bound(clusters: &[Nodes], cycle: bool, orders: &[Vec<u32>], effort: Effort, stop: &StopToken<'_>) -> LaneBound {
    let (parts, seams) = match clusters {
        [] => (0, Vec::new()),
        [only] if cycle => (closed(only, &orders[0], effort, stop), Vec::new()),
        _ => Ascending { clusters, cycle, orders, sides: sides(clusters, cycle, stop), stop }.ascend(effort),
    };
    LaneBound { writes: (parts + SCALE - 1).div_euclid(SCALE).max(0) as u64, seams }
}

/// What an ascent finds.
pub struct LaneBound {
    /// Level steps that no orders go below.
    pub writes: u64,
    /// For each cluster that has a seam to the next: the last node before it and the first after it which are the best by the multipliers.
    pub seams: Vec<(u32, u32)>,
}

/// A single cluster, inference after inference: the closed tour is cut open at its first node, which is then both ends.
fn closed(nodes: &Nodes, order: &[u32], effort: Effort, stop: &StopToken<'_>) -> i64 {
    if nodes.len() < 2 {
        return 0;
    }
    let rest = nodes.every(1, 1);
    let ways = nearest(&rest, &nodes.pick(&[0]), &[0], stop);
    let back = order.last().map_or(0, |&last| i64::from(nodes.distance(last as usize, order[0] as usize)));
    let upper = SCALE * (nodes.along(order) + back);
    let chains = Chains { count: 1, exact: true, ways: [&ways, &ways], closed: true, upper };
    let trees = effort.trees().iter().sum::<usize>() + effort.joint_trees();
    ascend(&rest, chains, vec![0; rest.len()], trees, stop).total
}

struct Ascending<'a> {
    clusters: &'a [Nodes],
    cycle: bool,
    orders: &'a [Vec<u32>],
    /// For each node what its rows pay, in parts of a level step, that go on to a later cluster than the next.
    sides: Vec<Vec<i32>>,
    stop: &'a StopToken<'a>,
}

impl Ascending<'_> {
    fn ascend(&self, effort: Effort) -> (i64, Vec<(u32, u32)>) {
        let count = self.clusters.len();
        let mut multipliers: Vec<Vec<i32>> = self.clusters.iter().map(|nodes| vec![0; nodes.len()]).collect();
        let mut forests = vec![0; count];
        // Cluster by cluster, each between the multipliers that its neighbours have by now: the sum never falls.
        for &trees in effort.trees() {
            for (k, nodes) in self.clusters.iter().enumerate() {
                let from = match (k + count - 1) % count {
                    _ if k == 0 && !self.cycle => vec![0; nodes.len()],
                    m => nearest(nodes, &self.clusters[m], &sum(&multipliers[m], &self.sides[m]), self.stop),
                };
                let to = match (k + 1) % count {
                    _ if k + 1 == count && !self.cycle => vec![0; nodes.len()],
                    m => sum(&nearest(nodes, &self.clusters[m], &multipliers[m], self.stop), &self.sides[k]),
                };
                let end = |ways: &[i32], node: Option<&u32>| node.map_or(0, |&i| i64::from(ways[i as usize]));
                let ends = end(&from, self.orders[k].first()) + end(&to, self.orders[k].last());
                let upper = SCALE * nodes.along(&self.orders[k]) + ends;
                let chains = Chains { count: 1, exact: true, ways: [&from, &to], closed: false, upper };
                let own = ascend(nodes, chains, std::mem::take(&mut multipliers[k]), trees, self.stop);
                (forests[k], multipliers[k]) = (own.forest, own.multipliers);
            }
        }
        let pairs = |k: usize| self.clusters[k].len() * (self.clusters[k].len() + self.clusters[(k + 1) % count].len());
        let (cost, seams) = self.seams(&multipliers);
        let apart = (forests.iter().sum::<i64>() + cost, seams);
        if (0..count).map(pairs).sum::<usize>() > MATRIX {
            apart
        } else if self.clusters.iter().all(|nodes| nodes.farthest() <= i16::MAX as usize) {
            self.together::<i16>(&multipliers, effort.joint_trees())
        } else {
            self.together::<i32>(&multipliers, effort.joint_trees())
        }
    }

    /// The clusters before and after each seam.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let count = self.clusters.len();
        (0..count).filter(move |k| self.cycle || k + 1 < count).map(move |k| (k, (k + 1) % count))
    }

    /// What all seams cost at least, and which they are then.
    fn seams(&self, multipliers: &[Vec<i32>]) -> (i64, Vec<(u32, u32)>) {
        let seam = |(k, next): (usize, usize)| {
            let (own, theirs) = (&multipliers[k], &multipliers[next]);
            let least = |own: &Nodes, costs: &[i32], other: &Nodes, ends: &[i32]| {
                let ways = nearest(own, other, ends, self.stop);
                ways.iter().zip(costs).enumerate().map(|(i, (way, cost))| (way + cost, i)).min().unwrap_or((0, 0))
            };
            let (a, b, out) = (&self.clusters[k], &self.clusters[next], sum(own, &self.sides[k]));
            let (cost, x) = least(a, &out, b, theirs);
            let (_, y) = least(b, theirs, &a.pick(&[x as u32]), &out[x..=x]);
            (cost, (x as u32, y as u32))
        };
        let free = [&multipliers[0], &multipliers[multipliers.len() - 1]];
        let free = free.iter().filter(|_| !self.cycle).filter_map(|m| m.iter().min()).map(|&m| i64::from(m));
        let (costs, seams): (Vec<i32>, _) = self.pairs().map(seam).unzip();
        (costs.into_iter().map(i64::from).sum::<i64>() + free.sum::<i64>(), seams)
    }

    /// An ascent with the multipliers of all clusters at once: at a seam two of them have to agree on an edge.
    fn together<T: Distance>(&self, multipliers: &[Vec<i32>], rounds: usize) -> (i64, Vec<(u32, u32)>) {
        let matrices: Vec<Matrix<T>> = self.clusters.iter().map(|nodes| Matrix::of(nodes, self.stop)).collect();
        let tables: Vec<Seam> =
            self.pairs().map(|(k, next)| Seam::new(&self.clusters[k], &self.clusters[next], &self.sides[k])).collect();
        let starts: Vec<usize> =
            self.clusters.iter().scan(0, |at, c| Some(std::mem::replace(at, *at + c.len()))).collect();
        let range = |k: usize| starts[k]..starts[k] + self.clusters[k].len();
        let mut ascent = Ascent::new(multipliers.concat(), false);
        let upper = self.upper(&tables);
        let (mut tree, mut degree, mut meter) = (Tree::default(), Vec::new(), self.stop.meter());
        let mut best = (i64::MIN, Vec::new());
        for _ in 0..rounds.max(1) {
            degree.clear();
            degree.resize(ascent.multipliers.len(), -2);
            let (mut total, mut seams) = (0, Vec::with_capacity(tables.len()));
            for (k, matrix) in matrices.iter().enumerate() {
                total += tree.forest(matrix, &ascent.multipliers[range(k)], 0, &mut degree[range(k)], &mut meter);
            }
            if self.stop.stopped() {
                break;
            }
            for ((k, next), table) in self.pairs().zip(&tables) {
                meter.work((self.clusters[k].len() * self.clusters[next].len()) as u64);
                let (cost, i, j) = table.cheapest(&ascent.multipliers[range(k)], &ascent.multipliers[range(next)]);
                degree[starts[k] + i] += 1;
                degree[starts[next] + j] += 1;
                total += i64::from(cost);
                seams.push((i as u32, j as u32));
            }
            for k in [0, matrices.len() - 1].into_iter().filter(|_| !self.cycle) {
                let ends = ascent.multipliers[range(k)].iter().zip(range(k)).min();
                if let Some((&cost, node)) = ends {
                    degree[node] += 1;
                    total += i64::from(cost);
                }
            }
            if total > best.0 {
                best = (total, seams);
            }
            if !ascent.step(&mut degree, total, upper) {
                break;
            }
        }
        best
    }

    /// What the known orders cost, in parts of a level step.
    fn upper(&self, tables: &[Seam]) -> i64 {
        let paths = self.clusters.iter().zip(self.orders).map(|(nodes, order)| SCALE * nodes.along(order));
        let seams = self.pairs().zip(tables).filter_map(|((k, next), table)| {
            Some(i64::from(table.cost(*self.orders[k].last()? as usize, *self.orders[next].first()? as usize)))
        });
        paths.sum::<i64>() + seams.sum::<i64>()
    }
}

/// Rows that the next cluster does not use move on to a later one: for each node, the cheapest way that they can, in parts of a level step.
fn sides(clusters: &[Nodes], cycle: bool, stop: &StopToken<'_>) -> Vec<Vec<i32>> {
    let count = clusters.len();
    let side = |(k, own): (usize, &Nodes)| {
        let mut sides = vec![0; own.len()];
        let mut known = clusters[(k + 1) % count].rows();
        for m in (k + 2..k + count).take_while(|&m| cycle || m < count) {
            let other = &clusters[m % count];
            let rows = known..own.rows().min(other.rows());
            if !rows.is_empty() {
                let mut meter = stop.meter();
                for (i, side) in sides.iter_mut().enumerate() {
                    if !meter.work(other.len() as u64) {
                        break;
                    }
                    let mut state = State::unknown(other.rows());
                    rows.clone().for_each(|j| state.0[j] = Some(own.level(i, j)));
                    let least = (0..other.len()).map(|y| other.to_state(y, &state)).min();
                    *side += SCALE as i32 * least.unwrap_or(0);
                }
            }
            known = known.max(other.rows());
        }
        sides
    };
    clusters.iter().enumerate().map(side).collect()
}

fn sum(a: &[i32], b: &[i32]) -> Vec<i32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}
