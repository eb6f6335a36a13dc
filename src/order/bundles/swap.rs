//! Exchanges of single columns between chains: the lengths of chains stay as they are.

use super::layer::Stage;
use crate::observer::StopToken;
use crate::order::tour::array::Neighbours;
use crate::order::tour::iterated_local_search::Effort;
use crate::order::tour::local_search::Queue;
use crate::order::tour::nodes::{Nodes, State};

/// Where a node is.
#[derive(Clone, Copy, Default)]
struct Place {
    chain: u32,
    at: u32,
}

/// Exchanges nodes while that makes the chains shorter, each with its ends: what its lane holds before, and after. Chains are those of the lanes.
pub fn improve(stage: Stage<'_>, chains: &mut [Vec<u32>], sides: &[[State; 2]], effort: Effort, stop: &StopToken<'_>) {
    let nodes = stage.nodes;
    let n = nodes.len();
    let free = vec![0; n];
    let neighbours = Neighbours::of(nodes, &free, &free, effort.neighbours(), stop);
    let mut places = vec![Place::default(); n];
    let mut queue = Queue::new(n);
    for (chain, order) in chains.iter().enumerate() {
        for (at, &node) in order.iter().enumerate() {
            places[node as usize] = Place { chain: chain as u32, at: at as u32 };
            queue.push(node as usize);
        }
    }
    let (mut meter, looks) = (stop.meter(), 6 * effort.neighbours() as u64);
    while let Some(node) = queue.pop() {
        while meter.work(looks) && exchange(stage, chains, sides, &neighbours, &mut places, node, &mut queue) {}
        if stop.stopped() {
            return;
        }
    }
}

/// Brings `node` beside one of the nodes that are near to it, in exchange for the one that is there.
fn exchange(
    stage: Stage<'_>,
    chains: &mut [Vec<u32>],
    sides: &[[State; 2]],
    neighbours: &Neighbours,
    places: &mut [Place],
    node: usize,
    queue: &mut Queue,
) -> bool {
    let nodes = stage.nodes;
    let from = places[node];
    let here = around(nodes, chains, sides, from, node);
    for &near in neighbours.of_node(node) {
        let near = places[near as usize];
        // More than the node pays now cannot be saved; the other node may gain as well, which the neighbours of that one find.
        for at in [near.at.checked_sub(1), Some(near.at + 1)].into_iter().flatten() {
            let to = Place { chain: near.chain, at };
            let Some(&other) = chains[to.chain as usize].get(at as usize) else { continue };
            let other = other as usize;
            if other == node || (to.chain == from.chain && to.at.abs_diff(from.at) < 2) {
                continue;
            }
            if !(stage.may(node as u32, to.chain as usize) && stage.may(other as u32, from.chain as usize)) {
                continue;
            }
            let now = here + around(nodes, chains, sides, to, other);
            let then = around(nodes, chains, sides, to, node) + around(nodes, chains, sides, from, other);
            if then < now {
                chains[from.chain as usize][from.at as usize] = other as u32;
                chains[to.chain as usize][at as usize] = node as u32;
                (places[node], places[other]) = (to, from);
                for place in [from, to] {
                    let chain = &chains[place.chain as usize];
                    let at = place.at as usize;
                    chain[at.saturating_sub(1)..(at + 2).min(chain.len())].iter().for_each(|&x| queue.push(x as usize));
                }
                return true;
            }
        }
    }
    false
}

/// What `node` pays at a place, to both sides.
fn around(nodes: &Nodes, chains: &[Vec<u32>], sides: &[[State; 2]], place: Place, node: usize) -> i64 {
    let (chain, at) = (&chains[place.chain as usize], place.at as usize);
    let [before, after] = &sides[place.chain as usize];
    let left = match at.checked_sub(1) {
        Some(at) => nodes.distance(chain[at] as usize, node),
        None => nodes.to_state(node, before),
    };
    let right = match chain.get(at + 1) {
        Some(&next) => nodes.distance(next as usize, node),
        None => nodes.to_state(node, after),
    };
    i64::from(left) + i64::from(right)
}
