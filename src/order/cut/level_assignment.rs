//! Cells for the levels of a row that has cells to spare: which cell serves which level, when each serves one only.
//!
//! A row with `n_v` weights of level v in Q steps needs `ceil(n_v / Q)` cells for that level. What a cell costs at a level depends on
//! where it comes from and where it has to go; the cheapest choice is an assignment problem between cells and levels. It is solved
//! exactly, by shortest augmenting paths over the levels: on a path, each level takes over a cell from the one before it, and the first
//! takes one that idles. Most cells stand where they are wanted, and what they serve costs nothing: few paths are left to be found.

use std::ops::Range;

use crate::simd::simd;

/// Buffers that are used again from row to row.
#[derive(Clone, Debug, Default)]
pub struct LevelAssignment {
    /// Levels of the row; level `levels` stands for none.
    levels: usize,
    /// Writes of each cell at each level, and idle: `cells x (levels + 1)`.
    cost: Vec<i16>,
    /// The level that each cell serves.
    pub holder: Vec<u16>,
    /// Least additional writes when a cell of one level goes to another, and that cell: `(levels + 1) x levels`.
    change: Vec<i16>,
    mover: Vec<u16>,
    /// Cells that each level still lacks.
    missing: Vec<u32>,
    distance: Vec<i16>,
    from: Vec<u16>,
}

/// Farther than any path: one costs at most four times the range of an 8-bit cell.
const FAR: i16 = i16::MAX / 4;

impl LevelAssignment {
    /// Assigns cells to levels and returns what all cells cost. `need`: cells of each level, in all at most `cells`, which are at most 2^16;
    /// `cost(cell, level)`: writes at the level, `cost(cell, need.len())` when idle. An idle cell must never be dearer than one in use.
    pub fn solve(&mut self, need: &[u32], cells: usize, cost: impl Fn(usize, usize) -> i16) -> i32 {
        self.levels = need.len();
        let width = self.levels + 1;
        self.cost.clear();
        self.cost
            .extend((0..cells).flat_map(|cell| (0..width).map(move |level| (cell, level))).map(|(c, l)| cost(c, l)));
        self.holder.clear();
        self.holder.resize(cells, self.levels as u16);
        self.missing.clear();
        self.missing.extend_from_slice(need);
        for (buffer, len) in [(&mut self.change, width * self.levels), (&mut self.distance, width)] {
            buffer.clear();
            buffer.resize(len, FAR);
        }
        for (buffer, len) in [(&mut self.mover, width * self.levels), (&mut self.from, width)] {
            buffer.clear();
            buffer.resize(len, 0);
        }
        simd(
            #[inline(always)]
            || self.search(),
        );
        let costs =
            self.holder.iter().zip(self.cost.chunks_exact(width)).map(|(&h, cost)| i32::from(cost[usize::from(h)]));
        costs.sum()
    }

    #[inline(always)]
    fn search(&mut self) {
        self.take_what_is_free();
        if self.missing.iter().all(|&m| m == 0) {
            return;
        }
        for level in 0..=self.levels {
            self.look(level);
        }
        while self.missing.iter().any(|&m| m > 0) {
            self.shortest_paths();
            let wanting = (0..self.levels).filter(|&level| self.missing[level] > 0);
            let Some(to) = wanting.min_by_key(|&level| self.distance[level]) else { return };
            self.missing[to] -= 1;
            let mut at = to;
            while at != self.levels {
                let from = usize::from(self.from[at]);
                self.holder[usize::from(self.mover[from * self.levels + at])] = at as u16;
                at = from;
            }
            // Every level on the path has other cells now.
            at = to;
            while at != self.levels {
                self.look(at);
                at = usize::from(self.from[at]);
            }
            self.look(self.levels);
        }
    }

    /// Cells that serve a level for what they cost anyway.
    #[inline(always)]
    fn take_what_is_free(&mut self) {
        let width = self.levels + 1;
        for (holder, cost) in self.holder.iter_mut().zip(self.cost.chunks_exact(width)) {
            let idle = cost[self.levels];
            // The level that lacks most: the others have more cells to choose from.
            let free = (0..self.levels).filter(|&level| cost[level] == idle && self.missing[level] > 0);
            if let Some(level) = free.max_by_key(|&level| self.missing[level]) {
                *holder = level as u16;
                self.missing[level] -= 1;
            }
        }
    }

    /// Finds the cheapest changes of a level's cells to every other level.
    #[inline(always)]
    fn look(&mut self, level: usize) {
        let row: Range<usize> = level * self.levels..(level + 1) * self.levels;
        let (change, mover) = (&mut self.change[row.clone()], &mut self.mover[row]);
        change.fill(FAR);
        let costs = self.cost.chunks_exact(self.levels + 1);
        for (cell, (_, cost)) in
            self.holder.iter().zip(costs).enumerate().filter(|(_, (h, _))| usize::from(**h) == level)
        {
            let here = cost[level];
            for ((change, mover), &there) in change.iter_mut().zip(mover.iter_mut()).zip(cost) {
                let better = there - here < *change;
                *change = if better { there - here } else { *change };
                *mover = if better { cell as u16 } else { *mover };
            }
        }
    }

    /// Bellman and Ford's, from the idle cells to every level: there is no cycle of negative length, as what is assigned is cheapest.
    #[inline(always)]
    fn shortest_paths(&mut self) {
        let idle = self.levels;
        self.distance[..idle].copy_from_slice(&self.change[idle * self.levels..]);
        self.from[..idle].fill(idle as u16);
        for _ in 0..self.levels {
            let mut changed = false;
            for level in 0..self.levels {
                let here = self.distance[level];
                let row = &self.change[level * self.levels..][..self.levels];
                let to = self.distance[..idle].iter_mut().zip(&mut self.from[..idle]);
                for ((distance, from), &step) in to.zip(row) {
                    let better = here + step < *distance;
                    *distance = if better { here + step } else { *distance };
                    *from = if better { level as u16 } else { *from };
                    changed |= better;
                }
            }
            if !changed {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The cheapest of all ways to give each level its cells.
    fn brute_force(need: &mut [u32], costs: &[Vec<i16>]) -> i32 {
        let Some((first, rest)) = costs.split_first() else {
            return if need.iter().all(|&n| n == 0) { 0 } else { i32::MAX / 2 };
        };
        let mut best = i32::from(first[need.len()]) + brute_force(need, rest);
        for level in 0..need.len() {
            if need[level] > 0 {
                need[level] -= 1;
                best = best.min(i32::from(first[level]) + brute_force(need, rest));
                need[level] += 1;
            }
        }
        best
    }

    proptest! {
        #[test]
        fn as_cheap_as_the_best_of_all(
            rows in prop::collection::vec((0i16..3, prop::collection::vec(0i16..6, 4)), 1..7),
            need in prop::collection::vec(0u32..3, 1..5),
        ) {
            let mut need = need;
            while need.iter().sum::<u32>() > rows.len() as u32 {
                let most = need.iter_mut().max().unwrap();
                *most -= 1;
            }
            // Cost at each level, and idle: never more than at any level.
            let costs: Vec<Vec<i16>> = rows
                .iter()
                .map(|(idle, above)| {
                    let at = above[..need.len()].iter().map(|a| idle + (a - 2).max(0));
                    at.chain([*idle]).collect()
                })
                .collect();
            let mut assign = LevelAssignment::default();
            let got = assign.solve(&need, costs.len(), |cell, level| costs[cell][level]);
            prop_assert_eq!(got, brute_force(&mut need.clone(), &costs));
            for (level, &need) in need.iter().enumerate() {
                prop_assert_eq!(assign.holder.iter().filter(|h| usize::from(**h) == level).count(), need as usize);
            }
        }
    }
}
