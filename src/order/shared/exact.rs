//! The shortest path through few nodes, by Held and Karp's dynamic program.

use super::distance::Metric;

/// Most nodes for which the program is used: it takes `2^n n` numbers and `2^n n^2` steps.
pub const MOST: usize = 12;

/// Finds a shortest path through all nodes, at most [`MOST`]; `from` and `to`: what it costs to begin and to end at each node.
/// Returns its cost.
pub fn path<M: Metric>(metric: &M, from: &[i32], to: &[i32], order: &mut Vec<u32>) -> i64 {
    let n = metric.len();
    order.clear();
    if n == 0 {
        return 0;
    }
    let d: Vec<i32> = (0..n * n).map(|x| metric.between(x / n, x % n)).collect();
    // best[set * n + last]: the cheapest way through a set of nodes that ends at one of them.
    let mut best = vec![i32::MAX; n << n];
    for i in 0..n {
        best[(n << i) + i] = from[i];
    }
    for set in 1..1usize << n {
        for last in (0..n).filter(|last| set >> last & 1 == 1) {
            let cost = best[set * n + last];
            for next in (0..n).filter(|next| set >> next & 1 == 0) {
                let at = (set | 1 << next) * n + next;
                best[at] = best[at].min(cost + d[last * n + next]);
            }
        }
    }
    let mut set = (1 << n) - 1;
    let total = |last: &usize| best[set * n + last] + to[*last];
    let mut last = (0..n).min_by_key(total).unwrap_or(0);
    let cost = total(&last);
    loop {
        order.push(last as u32);
        let rest = set & !(1 << last);
        if rest == 0 {
            break;
        }
        let here = best[set * n + last];
        let came = (0..n).find(|&i| rest >> i & 1 == 1 && best[rest * n + i] + d[i * n + last] == here);
        (set, last) = (rest, came.unwrap_or(0));
    }
    order.reverse();
    i64::from(cost)
}
