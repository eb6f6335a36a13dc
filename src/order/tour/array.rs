//! A path through all nodes between two ends, as an array that is changed by reversals.
//!
//! ```text
//! position   0   1  2  ...  n   n+1
//!            A   x  x  ...  x    B        A and B: where the path comes from and has to go; node numbers n and n + 1
//! ```
//!
//! All moves are made of reversals of pieces between A and B, and a reversal is its own inverse: the log of the reversals is all that it
//! takes to go back.

use super::nodes::Metric;
use crate::observer::StopToken;

/// A path and the distances that it lives on.
pub struct Tour<'a, M> {
    metric: &'a M,
    from: &'a [i32],
    to: &'a [i32],
    n: usize,
    order: Vec<u32>,
    place: Vec<u32>,
    log: Vec<(u32, u32)>,
    /// Nodes that reversals have moved since somebody asked.
    moved: u64,
}

impl<'a, M: Metric> Tour<'a, M> {
    /// A path that goes through all nodes in this order; `from` and `to`: what it costs to come to each node from A, and to go from it to B.
    pub fn new(metric: &'a M, from: &'a [i32], to: &'a [i32], path: &[u32]) -> Self {
        let n = metric.len();
        let order: Vec<u32> = [n as u32].iter().chain(path).chain(&[n as u32 + 1]).copied().collect();
        let mut place = vec![0; n + 2];
        for (at, &node) in order.iter().enumerate() {
            place[node as usize] = at as u32;
        }
        Self { metric, from, to, n, order, place, log: Vec::new(), moved: 0 }
    }

    /// Number of nodes, without A and B.
    pub fn len(&self) -> usize {
        self.n
    }

    /// The node at a position, 0..=n+1.
    #[inline(always)]
    pub fn at(&self, place: usize) -> usize {
        self.order[place] as usize
    }

    /// Position of a node.
    #[inline(always)]
    pub fn place(&self, node: usize) -> usize {
        self.place[node] as usize
    }

    /// Cost of going from one node to another, A and B among them.
    #[inline(always)]
    pub fn cost(&self, a: usize, b: usize) -> i32 {
        let (low, high) = if a < b { (a, b) } else { (b, a) };
        if high < self.n {
            self.metric.between(low, high)
        } else if low >= self.n {
            0 // a path without nodes
        } else if high == self.n {
            self.from[low]
        } else {
            self.to[low]
        }
    }

    /// Cost of the whole path.
    pub fn total(&self) -> i64 {
        self.order.windows(2).map(|w| i64::from(self.cost(w[0] as usize, w[1] as usize))).sum()
    }

    /// Turns the piece of positions `i..=j` round, `1 <= i <= j <= n`.
    pub fn reverse(&mut self, i: usize, j: usize) {
        self.turn(i, j);
        self.log.push((i as u32, j as u32));
    }

    fn turn(&mut self, i: usize, j: usize) {
        self.moved += (j + 1 - i) as u64;
        self.order[i..=j].reverse();
        for (at, &node) in self.order[i..=j].iter().enumerate() {
            self.place[node as usize] = (i + at) as u32;
        }
    }

    /// Exchanges the neighbouring pieces `i..=k` and `k + 1..=j`; either is turned round as well if so said.
    pub fn exchange(&mut self, i: usize, k: usize, j: usize, [turn_first, turn_second]: [bool; 2]) {
        self.reverse(i, j);
        let second = i + (j - k);
        if !turn_second {
            self.reverse(i, second - 1);
        }
        if !turn_first {
            self.reverse(second, j);
        }
    }

    /// Nodes that reversals have moved since the last call.
    #[inline]
    pub fn take_moved(&mut self) -> u64 {
        std::mem::take(&mut self.moved)
    }

    /// Keeps what was done so far.
    pub fn keep(&mut self) {
        self.log.clear();
    }

    /// Goes back to what was kept last.
    pub fn undo(&mut self) {
        while let Some((i, j)) = self.log.pop() {
            self.turn(i as usize, j as usize);
        }
    }

    /// The path, without A and B.
    pub fn path(&self) -> &[u32] {
        &self.order[1..=self.n]
    }
}

/// For every node, and for A and B, its nearest nodes, the nearest first.
pub struct Neighbours {
    k: usize,
    list: Vec<u32>,
}

impl Neighbours {
    /// The `k` nearest nodes of each; of no use after a stop.
    pub fn of<M: Metric>(metric: &M, from: &[i32], to: &[i32], k: usize, stop: &StopToken<'_>) -> Self {
        let n = metric.len();
        let k = k.min(n.saturating_sub(1));
        let mut list = Vec::with_capacity((n + 2) * k);
        let mut keys: Vec<u64> = Vec::with_capacity(n);
        let mut meter = stop.meter();
        for i in 0..n + 2 {
            if !meter.work(n as u64) {
                list.resize((n + 2) * k, 0);
                break;
            }
            keys.clear();
            // Distance and number in one key: equal distances by number, and always in the same order.
            let key = |(j, d): (usize, i32)| (d as u64) << 32 | j as u64;
            match i.checked_sub(n) {
                None => {
                    for j in (0..i).chain(i + 1..n) {
                        keys.push(key((j, metric.between(i, j))));
                    }
                }
                Some(end) => keys.extend([from, to][end].iter().copied().enumerate().map(key)),
            }
            if k > 0 && keys.len() > k {
                keys.select_nth_unstable(k - 1);
            }
            keys.truncate(k);
            keys.sort_unstable();
            list.extend(keys.iter().map(|key| *key as u32));
        }
        Self { k, list }
    }

    /// The nearest nodes of a node.
    #[inline(always)]
    pub fn of_node(&self, node: usize) -> &[u32] {
        &self.list[node * self.k..(node + 1) * self.k]
    }
}
