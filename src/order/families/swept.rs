//! Slots in which every cell sweeps one interval of levels, upwards or downwards.

use super::family::Problem;
use crate::geometry::{EMPTY, Reach};
use crate::order::chain::directions::Arrangement;
use crate::order::slots::program::Program;
use crate::order::slots::{SlotAt, Slots, Stages};

/// Layers whose rows all take the same steps, on cells that sweep.
pub struct SweptSlots {
    arrangement: Arrangement,
    stages: Stages,
    /// Steps of a stage of each layer.
    steps: Vec<usize>,
    reach: Reach,
    top: i16,
}

impl SweptSlots {
    /// Layers of `rows` rows, each of so many `steps`.
    pub fn new(
        arrangement: Arrangement,
        rows: impl Iterator<Item = usize>,
        steps: Vec<usize>,
        problem: &Problem,
    ) -> Self {
        let stages = Stages::of(rows.map(|rows| rows.div_ceil(problem.wiring.core_rows)));
        Self { arrangement, stages, steps, reach: problem.reach, top: problem.wiring.top }
    }
}

impl Slots for SweptSlots {
    fn stages(&self, layer: usize) -> usize {
        self.stages.count(layer)
    }

    fn steps(&self, layer: usize, _: usize, _: usize) -> usize {
        self.steps[layer]
    }

    fn row(&self, at: SlotAt) -> Option<u32> {
        let row = self.arrangement.timeline.row(self.stages.at(at.layer, at.stage), at.core_row);
        (row != EMPTY).then_some(row)
    }

    fn fill(&self, at: SlotAt, levels: &[i16], program: &mut Program) {
        let (stage, timeline) = (self.stages.at(at.layer, at.stage), &self.arrangement.timeline);
        let rising = self.arrangement.rising(stage, at.core_row);
        match self.reach {
            Reach::Lane => program.lanes(levels, timeline.cells(), self.top, |cell| rising[cell]),
            Reach::Row | Reach::Core => {
                program.chunks(levels, self.steps[at.layer], self.top, timeline.chunks(stage, at.core_row), rising);
            }
        }
    }
}
