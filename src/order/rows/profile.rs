//! What the order needs to know of a row: how many of its weights sit at each level.
//!
//! Within a level the order of weights costs nothing, so a row of `N` weights is fully described, for the purpose of
//! counting writes, by `2 B + 1` counts, however long the row is.

use std::ops::Range;

/// The level counts of every row of one layer.
#[derive(Clone, Debug)]
pub struct Profiles {
    /// Output rows.
    rows: usize,
    /// Weights per row, N.
    cols: usize,
    /// Highest level B.
    top: i16,
    /// `below[row][v + B]`: weights of the row with a level below `v`, for v in -B..=B+1; row-major, `2 B + 2` a row.
    below: Vec<u32>,
    /// Steps of a tile row, where they are not the least.
    steps: Option<usize>,
}

impl Profiles {
    /// Counts the levels of a layer; `levels` is row-major, `rows x cols`, each in `-top..=top`.
    #[must_use]
    pub fn of(levels: &[i16], rows: usize, cols: usize, top: i16) -> Self {
        let stride = 2 * top as usize + 2;
        let mut below = vec![0u32; rows * stride];
        for (row, table) in levels.chunks_exact(cols.max(1)).zip(below.chunks_exact_mut(stride)) {
            count_below(row, top, table);
        }
        Self { rows, cols, top, below, steps: None }
    }

    /// Leaves out the weights of level 0, as their products are zero, and grants so many steps a tile row.
    pub fn relax(&mut self, steps: usize) {
        let (stride, zero) = (2 * self.top as usize + 2, self.top as usize);
        for table in self.below.chunks_exact_mut(stride) {
            let zeros = table[zero + 1] - table[zero];
            for below in &mut table[zero + 1..] {
                *below -= zeros;
            }
        }
        self.steps = Some(steps);
    }

    /// Whether [`Profiles::relax`] was called: rows may have many idle places.
    #[must_use]
    pub fn is_relaxed(&self) -> bool {
        self.steps.is_some()
    }

    /// Steps of a tile row on core rows of so many cells: each cell serves at most this many weights.
    #[must_use]
    pub fn steps(&self, cells: usize) -> usize {
        self.steps.unwrap_or(self.cols.div_ceil(cells))
    }

    /// Tile rows on so many core rows.
    #[must_use]
    pub fn tile_rows(&self, core_rows: usize) -> usize {
        self.rows.div_ceil(core_rows)
    }

    /// Weights of a row that need a place.
    #[must_use]
    pub fn count(&self, row: usize) -> usize {
        self.below(row).last().map_or(0, |&n| n as usize)
    }

    /// Output rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Weights per row.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Highest level B.
    #[must_use]
    pub fn top(&self) -> i16 {
        self.top
    }

    /// `table[v + B]` = weights of `row` with a level below `v`, for v in `-B..=B+1`.
    #[must_use]
    pub fn below(&self, row: usize) -> &[u32] {
        let stride = 2 * self.top as usize + 2;
        &self.below[row * stride..][..stride]
    }

    /// Levels of `row` in ascending order, one per weight, written over `out`.
    pub fn sorted_levels(&self, row: usize, out: &mut Vec<i16>) {
        out.clear();
        for (level, weights) in self.runs(row) {
            out.resize(out.len() + weights.len(), level);
        }
    }

    /// The levels that occur in `row`, ascending, each with its range of positions in the sorted row.
    pub fn runs(&self, row: usize) -> impl Iterator<Item = (i16, Range<u32>)> + '_ {
        let top = self.top;
        self.below(row)
            .windows(2)
            .enumerate()
            .filter(|(_, w)| w[0] < w[1])
            .map(move |(i, w)| (i as i16 - top, w[0]..w[1]))
    }

    /// `cells` levels of `row` at evenly spaced quantiles, ascending: what consecutive rows on a core row should share.
    pub fn quantiles(&self, row: usize, cells: usize, out: &mut [i16]) {
        let mut runs = self.runs(row);
        let mut run = runs.next();
        for (c, q) in out.iter_mut().enumerate().take(cells) {
            let position = ((2 * c as u64 + 1) * self.count(row) as u64 / (2 * cells as u64)) as u32;
            while let Some((_, r)) = &run
                && r.end <= position
            {
                run = runs.next();
            }
            *q = run.as_ref().map_or(0, |(level, _)| *level);
        }
    }
}

/// The stages of layers that run one after the other, a tile row each: their numbers, and their layers.
pub fn stages(layers: &[Profiles], core_rows: usize) -> impl Iterator<Item = (usize, &Profiles)> {
    layers.iter().flat_map(move |layer| std::iter::repeat_n(layer, layer.tile_rows(core_rows))).enumerate()
}

/// Fills `table[v + B]` with the number of `levels` below `v`.
fn count_below(levels: &[i16], top: i16, table: &mut [u32]) {
    // Four tables side by side: a run of equal levels then does not wait for its own last increment.
    let mut lanes = vec![[0u32; 4]; table.len()];
    let mut chunks = levels.chunks_exact(4);
    for four in &mut chunks {
        for (lane, level) in four.iter().enumerate() {
            lanes[(level + top) as usize][lane] += 1;
        }
    }
    for level in chunks.remainder() {
        lanes[(level + top) as usize][0] += 1;
    }
    let mut sum = 0;
    for (entry, lane) in table.iter_mut().zip(&lanes) {
        *entry = sum;
        sum += lane.iter().sum::<u32>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_quantiles_of_a_small_row() {
        let p = Profiles::of(&[1, -2, 0, 1, 3, -2], 1, 6, 3);
        assert_eq!(p.below(0), &[0, 0, 2, 2, 3, 5, 5, 6]);
        assert_eq!(p.runs(0).collect::<Vec<_>>(), vec![(-2, 0..2), (0, 2..3), (1, 3..5), (3, 5..6)]);
        let mut sorted = Vec::new();
        p.sorted_levels(0, &mut sorted);
        assert_eq!(sorted, [-2, -2, 0, 1, 1, 3]);
        let mut q = [0; 3];
        p.quantiles(0, 3, &mut q);
        assert_eq!(q, [-2, 1, 3]);
    }
}
