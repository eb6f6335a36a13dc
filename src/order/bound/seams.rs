//! Steps between the clusters of two tile rows, as bounds need them.

use super::held_karp::SCALE;
use crate::observer::StopToken;
use crate::order::tour::nodes::{Nodes, distance};

/// Calls `f` with two clusters, cut to the rows that both use.
pub fn in_common<T>(a: &Nodes, b: &Nodes, f: impl FnOnce(&Nodes, &Nodes) -> T) -> T {
    match a.rows().cmp(&b.rows()) {
        std::cmp::Ordering::Equal => f(a, b),
        std::cmp::Ordering::Less => f(a, &b.first_rows(a.rows())),
        std::cmp::Ordering::Greater => f(&a.first_rows(b.rows()), b),
    }
}

/// For each node of `a` the cheapest step to `b`, under the multipliers of b's nodes, in parts of a level step.
pub fn nearest(a: &Nodes, b: &Nodes, multipliers: &[i32], stop: &StopToken<'_>) -> Vec<i32> {
    in_common(a, b, |a, b| {
        let mut nearest = vec![0; a.len()];
        let mut meter = stop.meter();
        for (i, nearest) in nearest.iter_mut().enumerate() {
            if !meter.work(b.len() as u64) {
                break;
            }
            let (node, mut least) = (a.node(i), i32::MAX);
            for (j, multiplier) in multipliers.iter().enumerate() {
                least = least.min(SCALE as i32 * distance(node, b.node(j)) + multiplier);
            }
            *nearest = least;
        }
        nearest
    })
}

/// All steps from the nodes of one cluster to those of the next.
pub struct Seam {
    /// Row-major, in parts of a level step.
    costs: Vec<i32>,
    width: usize,
}

impl Seam {
    /// From `a` to `b`; `sides`: what each node of a pays besides.
    pub fn new(a: &Nodes, b: &Nodes, sides: &[i32]) -> Self {
        let width = b.len();
        let costs = in_common(a, b, |a, b| {
            let row = |i: usize| (0..width).map(move |j| SCALE as i32 * distance(a.node(i), b.node(j)) + sides[i]);
            (0..a.len()).flat_map(row).collect()
        });
        Self { costs, width }
    }

    /// From node i to node j.
    pub fn cost(&self, i: usize, j: usize) -> i32 {
        self.costs[i * self.width + j]
    }

    /// The cheapest under these multipliers, the first if there are several: its cost and its nodes.
    pub fn cheapest(&self, own: &[i32], theirs: &[i32]) -> (i32, usize, usize) {
        let row =
            |i: usize| self.costs[i * self.width..(i + 1) * self.width].iter().zip(theirs).map(|(cost, m)| cost + m);
        let least = |i: usize| row(i).fold(i32::MAX, i32::min).saturating_add(own[i]);
        let (cost, i) = (0..own.len()).map(|i| (least(i), i)).min().unwrap_or((0, 0));
        let j = row(i).position(|way| way + own[i] == cost).unwrap_or(0);
        (cost, i, j)
    }
}
