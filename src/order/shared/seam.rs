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
        let mut nearest = vec![0; a.len()];
        for (i, nearest) in nearest.iter_mut().enumerate() {
            let (node, mut least) = (a.node(i), i32::MAX);
            for j in 0..b.len() {
                if !(same && j == i) {
                    least = least.min(distance(node, b.node(j)));
                }
            }
            *nearest = if least == i32::MAX { 0 } else { least };
        }
        nearest
    })
}
