//! Lower bounds on paths: spanning trees with a multiplier for each node (Held and Karp's ascent; docs/ordering.md, theorem 7).
//!
//! A path through a cluster of nodes is a spanning tree, and with what comes before and after it every node has two neighbours.
//! Whatever is added to all edges at a node is paid exactly twice, so it may be taken off again: the cheapest tree under any multipliers, less twice
//! their sum, costs no more than the path. The ascent looks for multipliers under which the tree looks like a path.
//!
//! All numbers are integers, `SCALE` to a level step: the bound is exact whatever the ascent does.

/// Fixed point: parts of a level step.
pub const SCALE: i64 = 64;

/// Distances among the nodes of one cluster.
pub trait Dense {
    /// Number of nodes.
    fn nodes(&self) -> usize;
    /// For each node j: `best[j] = min(best[j], SCALE * d(i, j) + add)`; where that is less, `parent[j] = i`.
    fn lower(&self, i: usize, add: i32, best: &mut [i32], parent: &mut [u32]);
}

impl<T: Copy + Into<i32>> Dense for super::distance::Matrix<T> {
    fn nodes(&self) -> usize {
        super::distance::Metric::len(self)
    }

    #[inline]
    fn lower(&self, i: usize, add: i32, best: &mut [i32], parent: &mut [u32]) {
        for ((d, best), parent) in self.row(i).iter().zip(best).zip(parent) {
            let cost = (*d).into() * SCALE as i32 + add;
            let less = cost < *best;
            *best = if less { cost } else { *best };
            *parent = if less { i as u32 } else { *parent };
        }
    }
}

impl Dense for super::distance::Nodes {
    fn nodes(&self) -> usize {
        self.len()
    }

    fn lower(&self, i: usize, add: i32, best: &mut [i32], parent: &mut [u32]) {
        for (j, (best, parent)) in best.iter_mut().zip(parent).enumerate() {
            let cost = self.distance(i, j) * SCALE as i32 + add;
            if cost < *best {
                (*best, *parent) = (cost, i as u32);
            }
        }
    }
}

/// Memory of the tree search.
#[derive(Default)]
pub struct Trees {
    best: Vec<i32>,
    parent: Vec<u32>,
    left: Vec<u32>,
    /// Cost of each edge of the last tree.
    pub edges: Vec<(i32, u32, u32)>,
}

impl Trees {
    /// Finds a cheapest spanning tree (Prim's way): its edges go to `edges`; returns its cost.
    pub fn tree<D: Dense>(&mut self, metric: &D, multipliers: &[i32]) -> i64 {
        let n = metric.nodes();
        self.best.clear();
        self.best.resize(n, i32::MAX);
        self.parent.clear();
        self.parent.resize(n, 0);
        self.left.clear();
        self.left.extend(1..n as u32);
        self.edges.clear();
        let mut total = 0;
        let mut at = 0;
        while !self.left.is_empty() {
            metric.lower(at, multipliers[at], &mut self.best, &mut self.parent);
            // Ties go to the node that comes first in the list, which is the same on every machine.
            let key = |&j: &u32| i64::from(self.best[j as usize]) + i64::from(multipliers[j as usize]);
            let (place, cost) = self
                .left
                .iter()
                .map(key)
                .enumerate()
                .fold((0, i64::MAX), |least, (place, cost)| if cost < least.1 { (place, cost) } else { least });
            at = self.left.swap_remove(place) as usize;
            total += cost;
            self.edges.push((cost as i32, self.parent[at], at as u32));
        }
        total
    }
}

/// What surrounds a cluster: for each node the cheapest way in and the cheapest way out, in level steps.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// In.
    pub from: &'a [i32],
    /// Out.
    pub to: &'a [i32],
}

/// Looks for good multipliers, `iterations` trees long; `upper`: what the best known path costs, with its way in and out. Returns the multipliers,
/// and the cost of the tree under them.
pub fn ascend<D: Dense>(
    metric: &D,
    around: Around<'_>,
    upper: i64,
    iterations: usize,
    trees: &mut Trees,
) -> (Vec<i32>, i64) {
    let n = metric.nodes();
    let mut multipliers = vec![0i32; n];
    let (mut best, mut best_tree, mut best_bound) = (multipliers.clone(), 0, i64::MIN);
    let (mut degree, mut before) = (vec![0i32; n], vec![0i32; n]);
    let (mut pace, mut stalled) = (32i64, 0);
    for round in 0..iterations.max(1) {
        let tree = trees.tree(metric, &multipliers);
        degree.fill(-2);
        for &(_, a, b) in &trees.edges {
            degree[a as usize] += 1;
            degree[b as usize] += 1;
        }
        let mut bound = tree - 2 * multipliers.iter().map(|&m| i64::from(m)).sum::<i64>();
        for side in [around.from, around.to] {
            let cost = |i: usize| SCALE * i64::from(side[i]) + i64::from(multipliers[i]);
            if let Some(end) = (0..n).min_by_key(|&i| cost(i)) {
                degree[end] += 1;
                bound += cost(end);
            }
        }
        if bound > best_bound {
            (best_bound, best_tree, stalled) = (bound, tree, 0);
            best.copy_from_slice(&multipliers);
        } else {
            stalled += 1;
            if stalled == 4 {
                (pace, stalled) = ((pace * 2 / 3).max(1), 0);
            }
        }
        let norm: i64 = degree.iter().map(|&d| i64::from(d * d)).sum();
        let room = upper * SCALE - bound;
        if norm == 0 || room <= 0 {
            break;
        }
        // Polyak's step, from twice the gap downwards; the direction remembers the one before.
        let step = (pace * room / (16 * norm)).clamp(1, i64::from(i32::MAX / 1024));
        for (m, (now, then)) in multipliers.iter_mut().zip(degree.iter().zip(&before)) {
            let direction = if round == 0 { 10 * now } else { 7 * now + 3 * then };
            *m += (step * i64::from(direction) / 10) as i32;
        }
        std::mem::swap(&mut degree, &mut before);
    }
    (best, best_tree)
}
