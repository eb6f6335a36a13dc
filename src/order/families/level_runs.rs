//! Slots in which every cell has a list of what it serves, one level after the other.

use super::family::Problem;
use crate::geometry::{EMPTY, Reach};
use crate::order::slots::level_runs::LevelRuns;
use crate::order::slots::program::Program;
use crate::order::slots::{SlotAt, Slots, Stages};

/// Layers whose cells have lists of level runs.
pub struct RunSlots {
    runs: LevelRuns,
    stages: Stages,
    reach: Reach,
    top: i16,
}

impl RunSlots {
    /// Layers of `rows` rows.
    pub fn new(runs: LevelRuns, rows: impl Iterator<Item = usize>, problem: &Problem) -> Self {
        let stages = Stages::of(rows.map(|rows| rows.div_ceil(problem.wiring.core_rows)));
        Self { runs, stages, reach: problem.reach, top: problem.wiring.top }
    }
}

impl Slots for RunSlots {
    fn stages(&self, layer: usize) -> usize {
        self.stages.count(layer)
    }

    fn steps(&self, layer: usize, stage: usize, _: usize) -> usize {
        self.runs.steps(self.stages.at(layer, stage))
    }

    fn row(&self, at: SlotAt) -> Option<u32> {
        let row = self.runs.row(self.stages.at(at.layer, at.stage), at.core_row);
        (row != EMPTY).then_some(row)
    }

    fn fill(&self, at: SlotAt, levels: &[i16], program: &mut Program) {
        let stage = self.stages.at(at.layer, at.stage);
        let runs = (0..self.runs.cells()).map(|cell| self.runs.runs(stage, at.core_row, cell));
        match self.reach {
            Reach::Lane => program.lane_runs(levels, self.runs.steps(stage), self.top, runs),
            Reach::Row | Reach::Core => program.runs(levels, self.runs.steps(stage), self.top, runs),
        }
    }
}
