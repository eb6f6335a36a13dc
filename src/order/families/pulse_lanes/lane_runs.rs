//! What each cell serves with reach `lane`: the levels of its lane, row by row.

use crate::geometry::EMPTY;
use crate::order::slots::level_runs::LevelRuns;

/// The levels in each lane of each row of a layer, and how many weights have them.
#[derive(Clone, Debug)]
pub struct LaneRuns {
    rows: usize,
    steps: usize,
    cells: usize,
    /// Where the runs of each row and cell begin; one more at the end.
    first: Vec<u32>,
    /// Level and weights, ascending.
    runs: Vec<(i16, u32)>,
}

impl LaneRuns {
    /// Counts a layer; `levels` is row-major, `rows x cols`, each in `-top..=top`.
    #[must_use]
    pub fn of(levels: &[i16], rows: usize, cols: usize, cells: usize, top: i16) -> Self {
        let (mut first, mut runs) = (vec![0], Vec::new());
        let mut counts = vec![0u32; 2 * top as usize + 1];
        for row in levels.chunks_exact(cols.max(1)) {
            for cell in 0..cells {
                for &level in row.iter().skip(cell).step_by(cells) {
                    counts[(level + top) as usize] += 1;
                }
                for (level, count) in (-top..=top).zip(&mut counts).filter(|(_, count)| **count > 0) {
                    runs.push((level, std::mem::take(count)));
                }
                first.push(runs.len() as u32);
            }
        }
        Self { rows, steps: cols.div_ceil(cells), cells, first, runs }
    }

    /// Memory of a row of so many weights on so many cells, bytes.
    #[must_use]
    pub const fn bytes(weights: usize, cells: usize) -> usize {
        // The runs here, the runs of the level_runs, and where both begin.
        weights * (8 + 12) + cells * 8
    }

    /// Output rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    fn of_cell(&self, row: usize, cell: usize) -> &[(i16, u32)] {
        let at = row * self.cells + cell;
        &self.runs[self.first[at] as usize..self.first[at + 1] as usize]
    }

    /// All layers, rows where they are stored, each cell's levels ascending.
    #[must_use]
    pub fn level_runs(layers: &[Self], core_rows: usize, cells: usize) -> LevelRuns {
        let mut level_runs = LevelRuns::new(core_rows, cells);
        for layer in layers {
            for stage in 0..layer.rows.div_ceil(core_rows) {
                level_runs.push_stage(layer.steps);
                for row in stage * core_rows..(stage + 1) * core_rows {
                    let used = row < layer.rows;
                    level_runs.push_slot(if used { row as u32 } else { EMPTY });
                    for cell in 0..cells {
                        level_runs.push_cell(if used { layer.of_cell(row, cell) } else { &[] }.iter().copied());
                    }
                }
            }
        }
        level_runs
    }
}
