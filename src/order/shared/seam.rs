//! Steps between the clusters of two tile rows, as bounds need them.

use super::distance::{Nodes, distance};

/// Calls `f` with two clusters, cut to the rows that both use.
pub fn in_common<T>(a: &Nodes, b: &Nodes, f: impl FnOnce(&Nodes, &Nodes) -> T) -> T {
    match a.rows().cmp(&b.rows()) {
        std::cmp::Ordering::Equal => f(a, b),
        std::cmp::Ordering::Less => f(a, &b.first_rows(a.rows())),
        std::cmp::Ordering::Greater => f(&a.first_rows(b.rows()), b),
    }
}

/// For each node of `a` the cheapest step to `b`; to another node, when they are the same cluster.
pub fn nearest(a: &Nodes, b: &Nodes, same: bool) -> Vec<i32> {
    in_common(a, b, |a, b| {
        let steps = |i: usize| {
            let others = (0..b.len()).filter(move |j| !(same && *j == i));
            others.map(|j| distance(a.node(i), b.node(j))).min().unwrap_or(0)
        };
        (0..a.len()).map(steps).collect()
    })
}
