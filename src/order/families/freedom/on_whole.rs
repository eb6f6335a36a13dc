//! The plan of a narrower problem as one of the wider: core rows and lanes that it does not know rest.

use crate::geometry::{IDLE, Reach, Wiring};
use crate::order::families::family::Problem;
use crate::order::slots::program::Program;
use crate::order::slots::{SlotAt, Slots};

/// Slots on the first core rows and lanes of each core.
pub struct OnWhole {
    slots: Box<dyn Slots>,
    part: Wiring,
    whole: Wiring,
    /// Weights kept their lanes and need not: a schedule names the columns of each level in ascending order.
    leaves_lanes: bool,
}

impl OnWhole {
    /// `slots` are for the `narrower` of two problems.
    pub fn new(slots: Box<dyn Slots>, narrower: &Problem, wider: &Problem) -> Self {
        let leaves_lanes = narrower.reach == Reach::Lane && wider.reach != Reach::Lane;
        Self { slots, part: narrower.wiring, whole: wider.wiring, leaves_lanes }
    }

    /// The slot among those of the part.
    fn inner(&self, at: SlotAt) -> Option<SlotAt> {
        let (rows, part) = (self.whole.core_rows / self.whole.cores, self.part.core_rows / self.part.cores);
        let (core, row) = (at.core_row / rows, at.core_row % rows);
        (row < part).then_some(SlotAt { core_row: core * part + row, ..at })
    }

    fn filled(&self, at: SlotAt, program: &mut Program, fill: impl FnOnce(SlotAt, &mut Program)) {
        match self.inner(at) {
            Some(inner) => {
                fill(inner, program);
                program.widen(self.whole.cells);
            }
            None => program.rest(self.whole.cells),
        }
    }
}

impl Slots for OnWhole {
    fn stages(&self, layer: usize) -> usize {
        self.slots.stages(layer)
    }

    fn steps(&self, layer: usize, stage: usize, core: usize) -> usize {
        self.slots.steps(layer, stage, core)
    }

    fn row(&self, at: SlotAt) -> Option<u32> {
        self.slots.row(self.inner(at)?)
    }

    fn fill(&self, at: SlotAt, levels: &[i16], program: &mut Program) {
        self.filled(at, program, |at, program| self.slots.fill(at, levels, program));
        if self.leaves_lanes && program.steps > 0 {
            program.feed_in_order(levels, self.whole.top);
        }
    }

    fn fill_levels(&self, at: SlotAt, levels: &[i16], program: &mut Program) {
        self.filled(at, program, |at, program| self.slots.fill_levels(at, levels, program));
    }

    fn first_rows_rest(&self) -> bool {
        self.slots.first_rows_rest()
    }
}

impl Program {
    /// The same on a core row of more cells, which rest.
    fn widen(&mut self, cells: usize) {
        if cells == self.cells {
            return;
        }
        let spread = |old: usize, at: usize| at / old * cells + at % old;
        let mut level = vec![IDLE; self.steps * cells];
        self.level.iter().enumerate().for_each(|(at, &l)| level[spread(self.cells, at)] = l);
        let mut input = vec![0; if self.input.is_empty() { 0 } else { self.steps * cells }];
        self.input.iter().enumerate().for_each(|(at, &i)| input[spread(self.cells, at)] = i);
        (self.level, self.input, self.cells) = (level, input, cells);
    }

    /// A core row that does nothing.
    fn rest(&mut self, cells: usize) {
        (self.steps, self.cells) = (0, cells);
        self.level.clear();
        self.input.clear();
    }
}
