//! What a network asks of a core whose cells any output may use: how many weights each output has at each level.

use super::block::{Block, LANES};

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
    /// Blocks of each output.
    blocks: usize,
    /// Weights by level, an output after the other.
    counts: Vec<Block>,
}

impl Demand {
    /// No output yet.
    #[must_use]
    pub fn new(levels: &Levels) -> Self {
        Self { blocks: levels.blocks(), counts: Vec::new() }
    }

    /// Adds the next output: its weights at each level of [`Levels`].
    pub fn push(&mut self, counts: &[u32]) {
        let from = self.counts.len();
        self.counts.resize(from + self.blocks, [0; LANES]);
        for (level, &n) in counts.iter().enumerate() {
            self.counts[from + level / LANES][level % LANES] = n as i32;
        }
    }

    /// Outputs of the layer.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.counts.len() / self.blocks
    }

    /// Weights of an output by level.
    #[must_use]
    pub fn of(&self, output: usize) -> &[Block] {
        &self.counts[output * self.blocks..][..self.blocks]
    }

    /// Weights of an output at one level.
    #[must_use]
    pub fn at(&self, output: usize, level: usize) -> u32 {
        self.of(output)[level / LANES][level % LANES] as u32
    }

    /// Weights of an output.
    #[must_use]
    pub fn weights(&self, output: usize) -> u32 {
        self.of(output).iter().flatten().map(|&n| n as u32).sum()
    }

    /// Levels of an output that occur.
    #[must_use]
    pub fn distinct(&self, output: usize) -> usize {
        self.of(output).iter().flatten().filter(|&&n| n > 0).count()
    }

    /// Weights of all outputs by level.
    #[must_use]
    pub fn totals(&self, levels: usize) -> Vec<u64> {
        let mut totals = vec![0; levels];
        for output in 0..self.outputs() {
            for (level, total) in totals.iter_mut().enumerate() {
                *total += u64::from(self.at(output, level));
            }
        }
        totals
    }

    /// Some of the outputs, evenly spread, as a smaller layer of the same kind.
    #[must_use]
    pub fn sample(&self, outputs: usize) -> Self {
        let all = self.outputs();
        let some = (0..outputs).flat_map(|i| self.of(i * all / outputs).iter().copied());
        Self { blocks: self.blocks, counts: some.collect() }
    }

    /// Least visits that any core of so many columns needs for an output: each weight its cell, each level a cell.
    #[must_use]
    pub fn least_visits(&self, output: usize, cells: usize) -> u64 {
        u64::from(self.weights(output)).div_ceil(cells as u64).max(self.distinct(output).div_ceil(cells) as u64)
    }
}
