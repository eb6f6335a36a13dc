//! Local search on a path: 2-opt and Or-opt, with neighbour lists and a queue of the nodes whose surroundings have changed.

use super::array::{Neighbours, Tour};
use super::nodes::Metric;
use crate::observer::Meter;

/// Longest piece that Or-opt moves, nodes.
const PIECE: usize = 3;

/// Nodes to look at; each is in it once.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    nodes: std::collections::VecDeque<u32>,
    waiting: Vec<bool>,
}

impl Queue {
    /// An empty queue for so many nodes.
    pub fn new(nodes: usize) -> Self {
        Self { nodes: std::collections::VecDeque::with_capacity(nodes), waiting: vec![false; nodes] }
    }

    /// Adds a node.
    #[inline]
    pub fn push(&mut self, node: usize) {
        if !std::mem::replace(&mut self.waiting[node], true) {
            self.nodes.push_back(node as u32);
        }
    }

    /// Takes the first.
    pub fn pop(&mut self) -> Option<usize> {
        let node = self.nodes.pop_front()? as usize;
        self.waiting[node] = false;
        Some(node)
    }
}

/// Distances that are looked at around a node, about.
const LOOKS: u64 = 32;
/// Nodes that a reversal moves in the time of one distance.
const MOVED: u64 = 4;

/// Improves the path until no move around the nodes of the queue does, or the meter says stop; returns by how much.
pub fn improve<M: Metric>(
    tour: &mut Tour<'_, M>,
    neighbours: &Neighbours,
    queue: &mut Queue,
    meter: &mut Meter<'_>,
) -> i64 {
    let mut gained = 0;
    while let Some(node) = queue.pop() {
        loop {
            if !meter.work(LOOKS + tour.take_moved() / MOVED) {
                return gained;
            }
            let gain = two_opt(tour, neighbours, node, queue);
            let gain = if gain > 0 { gain } else { or_opt(tour, neighbours, node, queue) };
            if gain == 0 {
                break;
            }
            gained += i64::from(gain);
        }
    }
    gained
}

/// Replaces the edge behind or before `c`, and another, by the edge to a near node, and what closes the path again.
fn two_opt<M: Metric>(tour: &mut Tour<'_, M>, neighbours: &Neighbours, c: usize, queue: &mut Queue) -> i32 {
    let (i, last) = (tour.place(c), tour.len() + 1);
    for behind in [true, false] {
        if i == if behind { last } else { 0 } {
            continue;
        }
        let beside = |place: usize| if behind { place + 1 } else { place - 1 };
        let s = tour.at(beside(i));
        let old = tour.cost(c, s);
        for &t in neighbours.of_node(c) {
            let t = t as usize;
            let gain = old - tour.cost(c, t);
            if gain <= 0 {
                break;
            }
            let j = tour.place(t);
            let u = tour.at(beside(j));
            let gain = gain + tour.cost(t, u) - tour.cost(s, u);
            if gain > 0 {
                let (low, high) = (i.min(j), i.max(j));
                if behind {
                    tour.reverse(low + 1, high);
                } else {
                    tour.reverse(low, high - 1);
                }
                [c, s, t, u].into_iter().for_each(|node| queue.push(node));
                return gain;
            }
        }
    }
    0
}

/// Moves a short piece that begins or ends with `c` beside a node that is near to c.
fn or_opt<M: Metric>(tour: &mut Tour<'_, M>, neighbours: &Neighbours, c: usize, queue: &mut Queue) -> i32 {
    let (i, n) = (tour.place(c), tour.len());
    if i == 0 || i > n {
        return 0;
    }
    for length in 1..=PIECE.min(n) {
        for c_is_first in [true, false] {
            if length == 1 && !c_is_first {
                continue;
            }
            let (a, b) = if c_is_first { (i, i + length - 1) } else { ((i + 1).saturating_sub(length), i) };
            if a == 0 || b > n {
                continue;
            }
            let e = tour.at(if c_is_first { b } else { a });
            let (p, q) = (tour.at(a - 1), tour.at(b + 1));
            let freed = tour.cost(p, tour.at(a)) + tour.cost(tour.at(b), q) - tour.cost(p, q);
            for &t in neighbours.of_node(c) {
                let t = t as usize;
                let gain = freed - tour.cost(c, t);
                if gain <= 0 {
                    break;
                }
                let j = tour.place(t);
                if (a..=b).contains(&j) {
                    continue;
                }
                // The piece goes between t and the node v before or behind it.
                for v_behind in [true, false] {
                    let place = if v_behind { j + 1 } else { j - 1 };
                    if (a..=b).contains(&place) {
                        continue;
                    }
                    let v = tour.at(place);
                    let gain = gain - tour.cost(e, v) + tour.cost(t, v);
                    if gain > 0 {
                        let left = j.min(place);
                        let turned = v_behind != c_is_first;
                        if left > b {
                            tour.exchange(a, b, left, [turned, false]);
                        } else {
                            tour.exchange(left + 1, a - 1, b, [false, turned]);
                        }
                        [p, q, c, e, t, v].into_iter().for_each(|node| queue.push(node));
                        return gain;
                    }
                }
            }
        }
    }
    0
}
