//! Around faulty cells, with reach `row`: which lanes each column of a bundle may go to, and how few steps they take.
//!
//! A lane can be lit for a column if every cell of it can hold its weight there. Columns go to lanes, at most one a step: with Q steps every column finds a
//! lane if and only if there is a matching in which no lane has more than Q. The fewest steps are found column by column: where no lane with room can be
//! reached by moving others on (an augmenting path), the columns so far need one step more, whatever follows.

use crate::geometry::{Damage, Wiring};

/// The lanes of each node, and one way to share the nodes out in the fewest steps.
#[derive(Clone, Debug)]
pub struct LaneMatching {
    lanes: usize,
    /// Words of a set.
    words: usize,
    /// A bit for each lane, node by node.
    sets: Vec<u64>,
    /// Most nodes of a lane.
    steps: usize,
    /// The lane of each node.
    lane_of: Vec<u32>,
}

impl LaneMatching {
    /// For the columns of a bundle in a row group: `rows` of `cols` levels, which the cells of one lane at least can hold, all of them. Lanes with weak cells
    /// rest where the others suffice in the same steps.
    #[must_use]
    pub fn of(rows: &[&[i16]], cols: usize, wiring: Wiring, place: usize, damage: &Damage) -> Self {
        let lanes = wiring.cells;
        let limits = wiring.limited_cells(&damage.ranges, place, rows.len());
        let allowed_lanes = |column: usize, lane: usize| {
            limits[lane].iter().all(|&(j, range)| range.holds(rows[j][column], rows[j][column]))
        };
        let weak = |lane: usize, j: usize| damage.weak[(place * wiring.fanout + j) * lanes + lane];
        let weak: Vec<usize> = (0..lanes).filter(|&lane| (0..rows.len()).any(|j| weak(lane, j))).collect();
        Self::shared_out(cols, lanes, allowed_lanes, &weak)
    }

    fn shared_out(nodes: usize, lanes: usize, allowed_lanes: impl Fn(usize, usize) -> bool, weak: &[usize]) -> Self {
        let words = lanes.div_ceil(64);
        let mut sets = vec![0; nodes * words];
        for (node, set) in sets.chunks_exact_mut(words).enumerate() {
            for lane in (0..lanes).filter(|&lane| allowed_lanes(node, lane)) {
                set[lane / 64] |= 1 << (lane % 64);
            }
        }
        let mut found = Self { lanes, words, sets, steps: 0, lane_of: vec![0; nodes] };
        found.match_lanes();
        for &lane in weak {
            let mut without = found.clone();
            without.sets.chunks_exact_mut(words).for_each(|set| set[lane / 64] &= !(1 << (lane % 64)));
            if without.sets.chunks_exact(words).all(|set| set.iter().any(|word| *word != 0)) {
                without.match_lanes();
                if without.steps <= found.steps {
                    found = without;
                }
            }
        }
        found
    }

    /// Whether a node may go to a lane.
    #[inline]
    #[must_use]
    pub fn may(&self, node: u32, lane: usize) -> bool {
        self.sets[node as usize * self.words + lane / 64] >> (lane % 64) & 1 == 1
    }

    /// Steps that the nodes need: no way to share them out takes fewer.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The nodes of each lane, shared out in the fewest steps.
    #[must_use]
    pub fn shares(&self) -> Vec<Vec<u32>> {
        let mut shares = vec![Vec::new(); self.lanes];
        for (node, &lane) in self.lane_of.iter().enumerate() {
            shares[lane as usize].push(node as u32);
        }
        shares
    }

    /// Lanes that all nodes may go to.
    #[must_use]
    pub fn open(&self) -> Vec<bool> {
        (0..self.lanes).map(|lane| (0..self.lane_of.len() as u32).all(|node| self.may(node, lane))).collect()
    }

    /// Lanes that some node may go to.
    #[must_use]
    pub fn usable(&self) -> Vec<bool> {
        (0..self.lanes).map(|lane| (0..self.lane_of.len() as u32).any(|node| self.may(node, lane))).collect()
    }

    /// Shares the nodes out.
    fn match_lanes(&mut self) {
        let mut shares: Vec<Vec<u32>> = vec![Vec::new(); self.lanes];
        // Those with few lanes choose first.
        let mut nodes: Vec<u32> = (0..self.lane_of.len() as u32).collect();
        let set = |node: u32| &self.sets[node as usize * self.words..][..self.words];
        nodes.sort_by_key(|&node| set(node).iter().map(|word| word.count_ones()).sum::<u32>());
        self.steps = nodes.len().div_ceil(self.lanes);
        for node in nodes {
            while !self.place(node, &mut shares) {
                self.steps += 1;
            }
        }
        for (lane, share) in shares.iter().enumerate() {
            share.iter().for_each(|&node| self.lane_of[node as usize] = lane as u32);
        }
    }

    /// Finds a lane for a node, moving others on if need be; whether there was one.
    fn place(&self, node: u32, shares: &mut [Vec<u32>]) -> bool {
        const NONE: u32 = u32::MAX;
        // For each lane, where its node comes from that makes room for it: the lane before, and which one moves.
        let mut came = vec![(NONE, NONE); self.lanes];
        let mut seen = vec![false; self.lanes];
        let mut queue: Vec<usize> = (0..self.lanes).filter(|&lane| self.may(node, lane)).collect();
        // The emptiest first, and of those the first.
        queue.sort_by_key(|&lane| shares[lane].len());
        queue.iter().for_each(|&lane| seen[lane] = true);
        let mut next = 0;
        while let Some(&lane) = queue.get(next) {
            next += 1;
            if shares[lane].len() < self.steps {
                let mut to = lane;
                while came[to].0 != NONE {
                    let (from, moved) = (came[to].0 as usize, came[to].1);
                    shares[from].retain(|&other| other != moved);
                    shares[to].push(moved);
                    to = from;
                }
                shares[to].push(node);
                return true;
            }
            for &other in &shares[lane] {
                for to in (0..self.lanes).filter(|&to| self.may(other, to)) {
                    if !std::mem::replace(&mut seen[to], true) {
                        came[to] = (lane as u32, other);
                        queue.push(to);
                    }
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Fewest steps of all ways to give each node a lane.
    fn brute_force(sets: &[Vec<bool>], loads: &mut Vec<usize>) -> usize {
        let Some((first, rest)) = sets.split_first() else { return loads.iter().copied().max().unwrap_or(0) };
        let mut best = usize::MAX;
        for lane in (0..first.len()).filter(|&lane| first[lane]) {
            loads[lane] += 1;
            best = best.min(brute_force(rest, loads));
            loads[lane] -= 1;
        }
        best
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn steps_are_the_fewest(
            sets in prop::collection::vec((prop::collection::vec(any::<bool>(), 4), 0usize..4), 0..8),
            weak in prop::collection::vec(0usize..4, 0..3),
        ) {
            let sets: Vec<Vec<bool>> = sets.into_iter().map(|(mut set, one)| { set[one] = true; set }).collect();
            let allowed_lanes = LaneMatching::shared_out(sets.len(), 4, |node, lane| sets[node][lane], &weak);
            let shares = allowed_lanes.shares();
            prop_assert_eq!(shares.iter().map(Vec::len).max(), Some(allowed_lanes.steps()));
            prop_assert_eq!(allowed_lanes.steps(), brute_force(&sets, &mut vec![0; 4]));
            prop_assert_eq!(shares.iter().map(Vec::len).sum::<usize>(), sets.len());
            for (lane, share) in shares.iter().enumerate() {
                prop_assert!(share.iter().all(|&node| sets[node as usize][lane] && allowed_lanes.may(node, lane)));
            }
            // A weak lane in use is one without which more steps are needed, or a node has nowhere to go.
            for &lane in weak.iter().filter(|&&lane| !shares[lane].is_empty()) {
                let others = |node: u32| (0..4).map(|other| other != lane && allowed_lanes.may(node, other)).collect();
                let others: Vec<Vec<bool>> = (0..sets.len() as u32).map(others).collect();
                prop_assert!(brute_force(&others, &mut vec![0; 4]) > allowed_lanes.steps());
            }
        }
    }
}
