//! The order for reach `lane`: every weight keeps its lane and its tile row, each cell sweeps its sets in the best directions.
//!
//! ELight sorts each cell ascending in every tile row; here the directions are chosen, exactly, so that a sweep begins
//! where the one before it ended. Rows stay where they are stored, so cells are independent and the result is the optimum.

use super::direction::{Arrangement, Closure, choose_directions};
use super::timeline::{Chunks, Timeline};

/// What each lane of each row of a layer must visit: one interval per row and cell.
#[derive(Clone, Debug)]
pub struct LaneRanges {
    rows: usize,
    cells: usize,
    lo: Vec<i16>,
    hi: Vec<i16>,
    /// Weights in each lane; the same for all rows.
    len: Vec<u32>,
}

impl LaneRanges {
    /// Takes the ranges of a layer; `levels` is row-major, `rows x cols`.
    #[must_use]
    pub fn of(levels: &[i16], rows: usize, cols: usize, cells: usize) -> Self {
        let mut lo = vec![i16::MAX; rows * cells];
        let mut hi = vec![i16::MIN; rows * cells];
        for (row, (lo, hi)) in levels.chunks_exact(cols).zip(lo.chunks_exact_mut(cells).zip(hi.chunks_exact_mut(cells)))
        {
            for tile in row.chunks(cells) {
                for ((level, lo), hi) in tile.iter().zip(&mut *lo).zip(&mut *hi) {
                    *lo = (*lo).min(*level);
                    *hi = (*hi).max(*level);
                }
            }
        }
        let len: Vec<u32> = (0..cells).map(|cell| (cols.saturating_sub(cell)).div_ceil(cells) as u32).collect();
        for row in 0..rows {
            for cell in (0..cells).filter(|&cell| len[cell] == 0) {
                (lo[row * cells + cell], hi[row * cells + cell]) = (0, 0);
            }
        }
        Self { rows, cells, lo, hi, len }
    }

    /// Output rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// What each cell visits for an output row.
    #[must_use]
    pub fn chunks(&self, row: usize) -> Chunks<'_> {
        let range = row * self.cells..(row + 1) * self.cells;
        Chunks { lo: &self.lo[range.clone()], hi: &self.hi[range], len: &self.len }
    }
}

/// Arranges layers with every row where it is stored: row `t * core_rows + r` in tile row t on core row r. Optimal for rows in
/// these places (docs/ordering.md, theorem 2).
#[must_use]
pub fn arrange(layers: &[LaneRanges], core_rows: usize, cells: usize, closure: &Closure) -> Arrangement {
    let stages = layers.iter().map(|l| l.rows().div_ceil(core_rows)).sum();
    let mut timeline = Timeline::new(core_rows, cells, stages);
    let mut first = 0;
    for layer in layers {
        for row in 0..layer.rows() {
            timeline.set(first + row / core_rows, row % core_rows, row as u32, layer.chunks(row));
        }
        first += layer.rows().div_ceil(core_rows);
    }
    let (rising, writes) = choose_directions(&mut timeline, closure);
    Arrangement { timeline, rising, writes }
}
