//! Which output rows follow each other on a core row.
//!
//! Consecutive rows on one core row should have similar quantiles, or their cells must move between them. The rows of a
//! layer are put on a short path through their quantile vectors; the path is cut into chains, one for each core row.

use super::profile::Profiles;
use crate::observer::{Meter, StopToken};
use crate::simd::simd;

/// The quantile vectors of a layer's rows, as bytes: distances are then a handful of instructions.
#[derive(Clone, Debug)]
pub struct Signatures {
    width: usize,
    bytes: Vec<u8>,
}

impl Signatures {
    /// Takes `width` quantiles of each row.
    #[must_use]
    pub fn new(profiles: &Profiles, width: usize) -> Self {
        Self::of_levels(width, profiles.rows(), profiles.top(), |row, out| profiles.quantiles(row, width, out))
    }

    /// Takes `width` levels of each row, each in `-top..=top`; for cells of 8 bits every second level is told apart.
    #[must_use]
    pub fn of_levels(width: usize, rows: usize, top: i16, levels: impl Fn(usize, &mut [i16])) -> Self {
        let shift = u32::from(top > 127);
        let mut bytes = vec![0; rows * width];
        let mut taken = vec![0; width];
        for (row, out) in bytes.chunks_exact_mut(width).enumerate() {
            levels(row, &mut taken);
            for (byte, level) in out.iter_mut().zip(&taken) {
                *byte = ((level + top) >> shift) as u8;
            }
        }
        Self { width, bytes }
    }

    /// The vector of one row.
    #[inline(always)]
    #[must_use]
    pub fn of(&self, row: usize) -> &[u8] {
        &self.bytes[row * self.width..][..self.width]
    }

    /// L1 distance of two rows.
    #[inline(always)]
    #[must_use]
    pub fn distance(&self, a: usize, b: usize) -> u32 {
        l1(self.of(a), self.of(b))
    }
}

/// L1 distance of two byte vectors.
#[inline(always)]
#[must_use]
pub fn l1(a: &[u8], b: &[u8]) -> u32 {
    a.iter().zip(b).map(|(x, y)| u32::from(x.abs_diff(*y))).sum()
}

/// A short path through all rows, and for each row a few near ones.
#[derive(Clone, Debug)]
pub struct Path {
    /// The rows in the order of the path.
    pub order: Vec<u32>,
    /// `NEAR` near rows of each row (fewer in tiny layers), nearest first.
    pub near: Vec<Vec<u32>>,
}

/// Near rows kept for each row.
const NEAR: usize = 8;

impl Path {
    /// The path through the rows of a layer on core rows of so many cells, with the vectors that it was made from.
    #[must_use]
    pub fn of(layer: &Profiles, cells: usize, stop: &StopToken<'_>) -> (Signatures, Self) {
        let signatures = Signatures::new(layer, cells.min(64));
        let path = Self::new(&signatures, layer.rows(), (4 * layer.cols()).clamp(256, 8192), stop);
        (signatures, path)
    }

    /// Nearest neighbour from row to row. Rows are first sorted by the sum of their quantiles and cut into blocks of at most
    /// `block` rows, so that the time is O(rows * block * width) for a layer of any size. After a stop
    /// the path goes through all rows all the same.
    #[must_use]
    pub fn new(signatures: &Signatures, rows: usize, block: usize, stop: &StopToken<'_>) -> Self {
        let mut sorted: Vec<u32> = (0..rows as u32).collect();
        sorted.sort_by_cached_key(|&row| (signatures.of(row as usize).iter().map(|&b| u32::from(b)).sum::<u32>(), row));
        let mut path = Self { order: Vec::with_capacity(rows), near: vec![Vec::new(); rows] };
        let mut meter = stop.meter();
        for members in sorted.chunks(block.max(2)) {
            simd(
                #[inline(always)]
                || path.visit(signatures, members, &mut meter),
            );
        }
        path
    }

    /// Appends a block of rows, beginning near where the path ends so far.
    #[inline(always)]
    fn visit(&mut self, signatures: &Signatures, members: &[u32], meter: &mut Meter<'_>) {
        let mut left = members.to_vec();
        let mut at = match self.order.last() {
            None => 0,
            Some(&last) => (0..left.len())
                .min_by_key(|&i| (signatures.distance(last as usize, left[i] as usize), left[i]))
                .unwrap_or(0),
        };
        let mut distances: Vec<(u32, u32)> = Vec::with_capacity(left.len());
        loop {
            let row = left.swap_remove(at);
            self.order.push(row);
            if left.is_empty() || !meter.work(left.len() as u64) {
                self.order.append(&mut left);
                return;
            }
            // The rows still to come are what this one can be exchanged towards: keep the nearest of them.
            distances.clear();
            for &other in &left {
                distances.push((signatures.distance(row as usize, other as usize), other));
            }
            at = (0..distances.len()).min_by_key(|&i| distances[i]).unwrap_or(0);
            let keep = NEAR.min(distances.len());
            if keep < distances.len() {
                distances.select_nth_unstable(keep);
            }
            distances[..keep].sort_unstable();
            for &(_, other) in &distances[..keep] {
                self.near[row as usize].push(other);
                if self.near[other as usize].len() < 2 * NEAR {
                    self.near[other as usize].push(row);
                }
            }
        }
    }
}

/// Deals a path to the core rows: chains of consecutive rows, as even as the tile rows allow, each put on the core row whose
/// last row (of the layer before) it continues best, forwards or backwards.
///
/// `ends[core_row]`: signature of the last row there, if any; brought up to date. Returns for each core row its chain.
pub fn deal(path: &Path, signatures: &Signatures, core_rows: usize, ends: &mut [Option<Vec<u8>>]) -> Vec<Vec<u32>> {
    let mut chains = vec![Vec::new(); core_rows];
    let mut free: Vec<usize> = (0..core_rows).collect();
    let count = core_rows.min(path.order.len());
    for i in 0..count {
        // Chains differ by at most one row, so none is longer than the number of tile rows.
        let (from, to) = (i * path.order.len() / count, (i + 1) * path.order.len() / count);
        let mut chain = path.order[from..to].to_vec();
        let (first, last) = (signatures.of(chain[0] as usize), signatures.of(chain[chain.len() - 1] as usize));
        let cost = |core_row: usize| match &ends[core_row] {
            None => (0, false),
            Some(end) => {
                let (forwards, backwards) = (l1(end, first), l1(end, last));
                (forwards.min(backwards), backwards < forwards)
            }
        };
        let best = (0..free.len()).min_by_key(|&f| (cost(free[f]).0, free[f])).unwrap_or(0);
        let core_row = free.swap_remove(best);
        if cost(core_row).1 {
            chain.reverse();
        }
        ends[core_row] = chain.last().map(|&row| signatures.of(row as usize).to_vec());
        chains[core_row] = chain;
    }
    chains
}
