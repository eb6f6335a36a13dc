//! The level of every cell: *patterns*, each of which says what each core row holds.

use super::block::{Block, LANES};

/// Patterns that follow each other round an inference; a single one is never changed.
#[derive(Clone, Debug)]
pub struct Cells {
    core_rows: usize,
    columns: usize,
    blocks: usize,
    /// Index of the level: `[pattern][core row][column]`.
    level: Vec<u16>,
    /// Cells at each level: `[pattern][core row]`.
    have: Vec<Block>,
}

impl Cells {
    /// The same pattern several times, from the level of each cell.
    #[must_use]
    pub fn new(core_rows: usize, columns: usize, blocks: usize, level: &[u16], patterns: usize) -> Self {
        let mut cells = Self { core_rows, columns, blocks, level: level.repeat(patterns), have: Vec::new() };
        cells.have.resize(patterns * core_rows * blocks, [0; LANES]);
        for (at, &level) in cells.level.iter().enumerate() {
            cells.have[at / columns * blocks + usize::from(level) / LANES][usize::from(level) % LANES] += 1;
        }
        cells
    }

    /// Core rows.
    #[must_use]
    pub fn core_rows(&self) -> usize {
        self.core_rows
    }

    /// Columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Blocks of each core row's counts.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// How many patterns there are.
    #[must_use]
    pub fn patterns(&self) -> usize {
        self.level.len() / (self.core_rows * self.columns)
    }

    /// Index of a cell in a pattern.
    #[inline(always)]
    fn at(&self, pattern: usize, core_row: usize, column: usize) -> usize {
        (pattern * self.core_rows + core_row) * self.columns + column
    }

    /// Level of a cell.
    #[inline(always)]
    #[must_use]
    pub fn level(&self, pattern: usize, core_row: usize, column: usize) -> usize {
        usize::from(self.level[self.at(pattern, core_row, column)])
    }

    /// Level of a cell; `row` counts core rows of all patterns.
    #[must_use]
    pub fn level_in_row(&self, row: usize, column: usize) -> usize {
        usize::from(self.level[row * self.columns + column])
    }

    /// Levels of a pattern, core row by core row.
    #[must_use]
    pub fn pattern(&self, pattern: usize) -> &[u16] {
        &self.level[self.at(pattern, 0, 0)..self.at(pattern + 1, 0, 0)]
    }

    /// What a core row holds: `row` counts core rows of all patterns.
    #[inline(always)]
    #[must_use]
    pub fn have(&self, row: usize) -> &[Block] {
        &self.have[row * self.blocks..][..self.blocks]
    }

    /// Cells of a core row at one level.
    #[inline(always)]
    #[must_use]
    pub fn count(&self, row: usize, level: usize) -> i32 {
        self.have[row * self.blocks + level / LANES][level % LANES]
    }

    /// Cells of a pattern at one level.
    #[must_use]
    pub fn cells_at(&self, pattern: usize, level: usize) -> u32 {
        (0..self.core_rows).map(|row| self.count(pattern * self.core_rows + row, level) as u32).sum()
    }

    /// Sorts the levels of each core row in every pattern: then the cells of a core row step least from one pattern to the next, of all ways to say which
    /// cell holds which level.
    pub fn sort_rows(&mut self) {
        self.level.chunks_exact_mut(self.columns).for_each(<[u16]>::sort_unstable);
    }

    /// Gives a cell another level.
    #[inline(always)]
    pub fn set(&mut self, pattern: usize, core_row: usize, column: usize, level: usize) {
        let at = self.at(pattern, core_row, column);
        let before = usize::from(std::mem::replace(&mut self.level[at], level as u16));
        let have = (pattern * self.core_rows + core_row) * self.blocks;
        self.have[have + before / LANES][before % LANES] -= 1;
        self.have[have + level / LANES][level % LANES] += 1;
    }
}
