//! The shortest path through few nodes, by Held and Karp's dynamic program.

use super::nodes::Metric;

/// Most nodes for which the program is used: it takes `2^n n` numbers and `2^n n^2` steps, all those from one node in a few vector instructions.
pub const MOST: usize = 12;

/// Finds a shortest path through all nodes, at most [`MOST`]; `from` and `to`: what it costs to begin and to end at each node.
/// Returns its cost.
pub fn path<M: Metric>(metric: &M, from: &[i32], to: &[i32], order: &mut Vec<u32>) -> i64 {
    match metric.len() {
        0 => {
            order.clear();
            0
        }
        1..=4 => within::<4, M>(metric, from, to, order),
        5..=8 => within::<8, M>(metric, from, to, order),
        _ => within::<MOST, M>(metric, from, to, order),
    }
}

/// As [`path`], of 1 to `W` nodes.
fn within<const W: usize, M: Metric>(metric: &M, from: &[i32], to: &[i32], order: &mut Vec<u32>) -> i64 {
    let n = metric.len();
    let mut d = [[0; W]; W];
    for (i, row) in d[..n].iter_mut().enumerate() {
        for (j, d) in row[..n].iter_mut().enumerate() {
            *d = metric.between(i, j);
        }
    }
    // onward[set][next]: the cheapest way through a set of nodes and from its last to one that is not in it; other entries mean nothing.
    let mut onward = vec![[0; W]; 1 << n];
    onward[0][..n].copy_from_slice(&from[..n]);
    for set in 1..1usize << n {
        let mut least = [i32::MAX; W];
        let mut lasts = set;
        while lasts != 0 {
            let last = lasts.trailing_zeros() as usize;
            lasts &= lasts - 1;
            let cost = onward[set & !(1 << last)][last];
            for (least, d) in least.iter_mut().zip(&d[last]) {
                *least = (*least).min(cost + d);
            }
        }
        onward[set] = least;
    }
    let mut set = (1usize << n) - 1;
    let until = |set: usize, last: usize| onward[set & !(1 << last)][last];
    let mut last = (0..n).min_by_key(|&last| until(set, last) + to[last]).unwrap_or(0);
    let cost = until(set, last) + to[last];
    order.clear();
    loop {
        order.push(last as u32);
        let rest = set & !(1 << last);
        if rest == 0 {
            break;
        }
        let here = until(set, last);
        let came = (0..n).find(|&i| rest >> i & 1 == 1 && until(rest, i) + d[i][last] == here);
        (set, last) = (rest, came.unwrap_or(0));
    }
    order.reverse();
    i64::from(cost)
}
