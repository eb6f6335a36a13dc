//! Which levels each cell of each slot serves, one after the other: an arrangement that need not sweep.
//!
//! A *run* is a number of steps in a row in which a cell holds one level. Sweeps are the special case in which the runs of a slot rise or
//! fall. Stages may differ in their steps, cells may idle, and weights of level 0 may be left out, as their products are zero.

use std::ops::Range;

use crate::geometry::EMPTY;
use crate::order::chain::directions::Arrangement;
use crate::order::chain::timeline::Timeline;
use crate::order::rows::profile::{Profiles, stages};

/// Steps in a row in which a cell holds one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelRun {
    /// The signed level.
    pub level: i16,
    /// First step, in the stage.
    pub first: u32,
    /// Weights served: one in each step.
    pub count: u32,
}

/// What a whole network's cells serve, stage by stage, core row by core row, cell by cell.
#[derive(Clone, Debug)]
pub struct LevelRuns {
    core_rows: usize,
    cells: usize,
    /// Steps of each stage.
    steps: Vec<u32>,
    /// Output row of each slot.
    row: Vec<u32>,
    /// Where the runs of each cell of each slot begin; one more at the end.
    first_run: Vec<u32>,
    runs: Vec<LevelRun>,
}

impl LevelRuns {
    /// No stage yet.
    #[must_use]
    pub fn new(core_rows: usize, cells: usize) -> Self {
        Self { core_rows, cells, steps: Vec::new(), row: Vec::new(), first_run: vec![0], runs: Vec::new() }
    }

    /// Begins a stage; `core_rows` slots follow.
    pub fn push_stage(&mut self, steps: usize) {
        self.steps.push(steps as u32);
    }

    /// Begins a slot with an output row, or [`EMPTY`]; `cells` cells follow.
    pub fn push_slot(&mut self, row: u32) {
        self.row.push(row);
    }

    /// Adds a cell that serves these levels, `(level, weights)`, one after the other without a pause.
    pub fn push_cell(&mut self, served: impl IntoIterator<Item = (i16, u32)>) {
        let mut first = 0;
        for (level, count) in served {
            self.runs.push(LevelRun { level, first, count });
            first += count;
        }
        self.first_run.push(self.runs.len() as u32);
    }

    /// Adds a cell with these runs, which may leave steps between them.
    pub fn push_runs(&mut self, runs: &[LevelRun]) {
        self.runs.extend_from_slice(runs);
        self.first_run.push(self.runs.len() as u32);
    }

    /// What the cells serve in the slots of `timeline`, slot after slot: `fill` adds the cells of the slot of a stage, whose layer has this profile, and
    /// of a core row, which holds an output row or [`EMPTY`].
    pub fn of_slots(
        layers: &[Profiles],
        timeline: &Timeline,
        mut fill: impl FnMut(&mut Self, &Profiles, (usize, usize), u32),
    ) -> Self {
        let (core_rows, cells) = (timeline.core_rows(), timeline.cells());
        let mut runs = Self::new(core_rows, cells);
        for (stage, layer) in stages(layers, core_rows) {
            runs.push_stage(layer.steps(cells));
            for core_row in 0..core_rows {
                let row = timeline.row(stage, core_row);
                runs.push_slot(row);
                fill(&mut runs, layer, (stage, core_row), row);
            }
        }
        runs
    }

    /// The same as an arrangement that sweeps: the layers' profiles say which levels lie in a chunk, and their steps.
    #[must_use]
    pub fn of(arrangement: &Arrangement, layers: &[Profiles]) -> Self {
        let timeline = &arrangement.timeline;
        let (mut order, mut begins, mut served) = (Vec::new(), Vec::new(), Vec::new());
        Self::of_slots(layers, timeline, |runs, layer, (stage, core_row), row| {
            let (chunks, rising) = (timeline.chunks(stage, core_row), arrangement.rising(stage, core_row));
            chunks.begins(&mut order, &mut begins);
            for (cell, &len) in chunks.len.iter().enumerate() {
                served.clear();
                if row != EMPTY && len > 0 {
                    served.extend(levels_of(layer, row as usize, begins[cell]..begins[cell] + len));
                }
                if !rising[cell] {
                    served.reverse();
                }
                runs.push_cell(served.iter().copied());
            }
        })
    }

    /// Core rows R.
    #[must_use]
    pub fn core_rows(&self) -> usize {
        self.core_rows
    }

    /// Cells of a core row, C.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// Number of stages.
    #[must_use]
    pub fn stages(&self) -> usize {
        self.steps.len()
    }

    /// Steps of a stage.
    #[must_use]
    pub fn steps(&self, stage: usize) -> usize {
        self.steps[stage] as usize
    }

    /// Output row in a slot, or [`EMPTY`].
    #[must_use]
    pub fn row(&self, stage: usize, core_row: usize) -> u32 {
        self.row[stage * self.core_rows + core_row]
    }

    /// What a cell serves in a slot, in order.
    #[must_use]
    pub fn runs(&self, stage: usize, core_row: usize, cell: usize) -> &[LevelRun] {
        &self.runs[self.range(stage, core_row, cell)]
    }

    /// The same, to move them within the stage.
    pub fn runs_mut(&mut self, stage: usize, core_row: usize, cell: usize) -> &mut [LevelRun] {
        let range = self.range(stage, core_row, cell);
        &mut self.runs[range]
    }

    /// Puts what a cell serves in a slot into the order of `key`, without pauses.
    pub fn sort_by_key<K: Ord>(&mut self, stage: usize, core_row: usize, cell: usize, key: impl Fn(i16) -> K) {
        let runs = self.runs_mut(stage, core_row, cell);
        runs.sort_by_key(|run| key(run.level));
        let mut first = 0;
        for run in runs {
            run.first = first;
            first += run.count;
        }
    }

    fn range(&self, stage: usize, core_row: usize, cell: usize) -> Range<usize> {
        let at = (stage * self.core_rows + core_row) * self.cells + cell;
        self.first_run[at] as usize..self.first_run[at + 1] as usize
    }

    /// Weights served in a slot.
    #[must_use]
    pub fn weights(&self, stage: usize, core_row: usize) -> u64 {
        let runs = self.range(stage, core_row, 0).start..self.range(stage, core_row, self.cells - 1).end;
        self.runs[runs].iter().map(|run| u64::from(run.count)).sum()
    }

    /// Level steps of an inference in steady state.
    #[must_use]
    pub fn writes(&self) -> u64 {
        let mut total = 0;
        for core_row in 0..self.core_rows {
            for cell in 0..self.cells {
                let mut levels = (0..self.stages()).flat_map(|stage| self.runs(stage, core_row, cell)).map(|r| r.level);
                let Some(first) = levels.next() else { continue };
                let mut at = first;
                for level in levels.chain([first]) {
                    total += u64::from(at.abs_diff(level));
                    at = level;
                }
            }
        }
        total
    }
}

/// The levels at some positions of a sorted row, ascending, and how many positions each has.
pub fn levels_of(layer: &Profiles, row: usize, positions: Range<u32>) -> impl Iterator<Item = (i16, u32)> + '_ {
    layer.runs(row).filter_map(move |(level, run)| {
        let (from, to) = (run.start.max(positions.start), run.end.min(positions.end));
        (from < to).then(|| (level, to - from))
    })
}
