//! What a network asks of a core whose cells any output may use: how many weights each output has at each level.

use super::block::{Block, LANES};

/// Most weights of one output, so that sums of a block stay within 16 bits; longer outputs are split.
const LONGEST: u32 = 8_000;

/// The levels other than 0 that occur in a network, ascending: what a cell can be of use for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    signed: Vec<i16>,
}

impl Levels {
    /// Of the levels that occur; 0 is left out, as its products are zero.
    #[must_use]
    pub fn new(mut occurring: Vec<i16>) -> Self {
        occurring.retain(|&level| level != 0);
        occurring.sort_unstable();
        occurring.dedup();
        Self { signed: occurring }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.signed.len()
    }

    /// Whether every weight is 0.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.signed.is_empty()
    }

    /// The signed level of an index.
    #[must_use]
    pub fn signed(&self, index: usize) -> i16 {
        self.signed[index]
    }

    /// The index of a signed level.
    #[must_use]
    pub fn index(&self, level: i16) -> Option<usize> {
        self.signed.binary_search(&level).ok()
    }

    /// Blocks that hold a count for each level.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.len().div_ceil(LANES).max(1)
    }
}

/// The outputs of one layer.
#[derive(Clone, Debug)]
pub struct Demand {
    /// Blocks of each entry.
    blocks: usize,
    /// Weights by level, an entry after the other.
    counts: Vec<Block>,
    /// Output of each entry: one output is several entries when it has very many weights.
    output: Vec<u32>,
    /// Outputs of the layer.
    outputs: usize,
}

impl Demand {
    /// No output yet.
    #[must_use]
    pub fn new(levels: &Levels) -> Self {
        Self { blocks: levels.blocks(), counts: Vec::new(), output: Vec::new(), outputs: 0 }
    }

    /// Adds the next output: its weights at each level of [`Levels`].
    pub fn push(&mut self, counts: &[u32]) {
        let total: u64 = counts.iter().map(|&n| u64::from(n)).sum();
        let parts = total.div_ceil(u64::from(LONGEST)).max(1) as u32;
        for part in 0..parts {
            let from = self.counts.len();
            self.counts.resize(from + self.blocks, [0; LANES]);
            for (level, &n) in counts.iter().enumerate() {
                let share = (u64::from(n) * u64::from(part + 1) / u64::from(parts)
                    - u64::from(n) * u64::from(part) / u64::from(parts)) as i16;
                self.counts[from + level / LANES][level % LANES] = share;
            }
            self.output.push(self.outputs as u32);
        }
        self.outputs += 1;
    }

    /// Entries: outputs, or parts of long ones.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.output.len()
    }

    /// Output of an entry.
    #[must_use]
    pub fn output(&self, entry: usize) -> u32 {
        self.output[entry]
    }

    /// Outputs of the layer.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Weights of an entry by level.
    #[must_use]
    pub fn of(&self, entry: usize) -> &[Block] {
        &self.counts[entry * self.blocks..][..self.blocks]
    }

    /// Weights of an entry at one level.
    #[must_use]
    pub fn at(&self, entry: usize, level: usize) -> u32 {
        self.of(entry)[level / LANES][level % LANES] as u32
    }

    /// Weights of an entry.
    #[must_use]
    pub fn weights(&self, entry: usize) -> u32 {
        self.of(entry).iter().flatten().map(|&n| n as u32).sum()
    }

    /// Levels of an entry that occur.
    #[must_use]
    pub fn distinct(&self, entry: usize) -> usize {
        self.of(entry).iter().flatten().filter(|&&n| n > 0).count()
    }

    /// Weights of all entries by level.
    #[must_use]
    pub fn totals(&self, levels: usize) -> Vec<u64> {
        let mut totals = vec![0; levels];
        for entry in 0..self.entries() {
            for (level, total) in totals.iter_mut().enumerate() {
                *total += u64::from(self.at(entry, level));
            }
        }
        totals
    }

    /// Some of the entries, evenly spread, as a smaller layer of the same kind.
    #[must_use]
    pub fn sample(&self, entries: usize) -> Self {
        let mut sample = Self { blocks: self.blocks, counts: Vec::new(), output: Vec::new(), outputs: entries };
        for i in 0..entries {
            sample.counts.extend_from_slice(self.of(i * self.entries() / entries));
            sample.output.push(i as u32);
        }
        sample
    }

    /// Least visits that any core of so many columns needs for an entry: each weight its cell, each level a cell.
    #[must_use]
    pub fn least_visits(&self, entry: usize, cells: usize) -> u64 {
        u64::from(self.weights(entry)).div_ceil(cells as u64).max(self.distinct(entry).div_ceil(cells) as u64)
    }
}
