//! Visits as slots: which output is where at which step, and which of its weights it multiplies there.
//!
//! On each core row an output's visits of a phase follow each other, and outputs come in the order of their numbers. Of each level an output deals its
//! columns out in ascending order: step by step, core row by core row. So core rows that work on it side by side share its lists in the schedule, and
//! cells rest only where a level has no column left.

use super::cells::Cells;
use super::cover::Cover;
use super::demand::{Demand, Levels};
use crate::order::slots::program::Program;
use crate::order::slots::{SlotAt, Slots};

/// Visits of one output to one core row, step after step.
#[derive(Clone, Debug)]
struct Stay {
    output: u32,
    /// First step, since the layer began.
    first: u32,
    steps: u32,
    /// Row of the patterns.
    row: u32,
}

impl Stay {
    /// Steps that lie before step `step`.
    fn before(&self, step: u32) -> u32 {
        step.saturating_sub(self.first).min(self.steps)
    }

    fn has(&self, step: u32) -> bool {
        (self.first..self.first + self.steps).contains(&step)
    }
}

#[derive(Clone, Debug)]
struct Layer {
    /// Stays on each core row, in the order of time.
    stays: Vec<Vec<Stay>>,
    /// Of each output, core row and number of its stays.
    of_output: Vec<Vec<(u32, u32)>>,
    /// First step of each stage; and the end.
    stages: Vec<u32>,
}

/// The slots of a plan in which an output may visit any core row.
#[derive(Clone, Debug)]
pub struct CoreSlots {
    layers: Vec<Layer>,
    cells: Cells,
    levels: Levels,
    /// Highest level.
    top: i16,
}

impl CoreSlots {
    /// Of layers with these visits.
    #[must_use]
    pub fn new(demands: &[Demand], covers: &[Cover], cells: Cells, levels: Levels, top: i16) -> Self {
        let lay = |(demand, cover): (&Demand, &Cover)| Layer::new(demand, cover, &cells, levels.len());
        let layers = demands.iter().zip(covers).map(lay).collect();
        Self { layers, cells, levels, top }
    }

    fn stay(&self, at: SlotAt) -> Option<&Stay> {
        let layer = &self.layers[at.layer];
        let first = layer.stages[at.stage];
        let stays = &layer.stays[at.core_row];
        let stay = &stays[stays.partition_point(|stay| stay.first <= first).checked_sub(1)?];
        stay.has(first).then_some(stay)
    }

    /// Weights of a level that an output has taken when a core row's turn comes at the first step of a stage, and how many it takes at each step of the
    /// stage.
    fn taken(&self, at: SlotAt, output: u32, level: usize) -> (u32, u32) {
        let layer = &self.layers[at.layer];
        let first = layer.stages[at.stage];
        let stays = layer.of_output[output as usize].iter();
        let counts = stays.map(|&(core_row, number)| {
            let stay = &layer.stays[core_row as usize][number as usize];
            let earlier = (core_row as usize) < at.core_row;
            let have = self.cells.count(stay.row as usize, level) as u32;
            (stay.before(first + u32::from(earlier)) * have, u32::from(stay.has(first)) * have)
        });
        counts.fold((0, 0), |sum, counts| (sum.0 + counts.0, sum.1 + counts.1))
    }
}

impl Layer {
    fn new(demand: &Demand, cover: &Cover, cells: &Cells, levels: usize) -> Self {
        let core_rows = cells.core_rows();
        let mut layer = Self { stays: vec![Vec::new(); core_rows], of_output: Vec::new(), stages: Vec::new() };
        // Weights of each output, and how many have a place.
        let mut weights = vec![0u32; demand.outputs() * levels];
        for (output, weights) in weights.chunks_exact_mut(levels.max(1)).enumerate() {
            weights.iter_mut().enumerate().for_each(|(level, n)| *n = demand.at(output, level));
        }
        let mut placed = vec![0u32; weights.len()];
        let mut seen = vec![false; demand.outputs()];
        let mut begin = 0;
        for (phase, &steps) in cover.phases().iter().enumerate() {
            for core_row in 0..core_rows {
                let row = cover.pattern_row(cells, phase, core_row);
                let mut visits: Vec<u32> = cover.served(phase, core_row).collect();
                visits.sort_unstable();
                let mut first = begin;
                for same in visits.chunk_by(|a, b| a == b) {
                    let output = same[0];
                    let (weights, placed) = (
                        &weights[output as usize * levels..][..levels],
                        &mut placed[output as usize * levels..][..levels],
                    );
                    // Steps in which it has anything left to multiply.
                    let mut steps = 0;
                    for (level, placed) in placed.iter_mut().enumerate() {
                        let (have, left) = (cells.count(row, level) as u32, weights[level] - *placed);
                        if have > 0 {
                            let times = left.div_ceil(have).min(same.len() as u32);
                            steps = times.max(steps);
                            *placed += left.min(times * have);
                        }
                    }
                    if steps > 0 {
                        seen[output as usize] = true;
                        layer.stays[core_row].push(Stay { output, first, steps, row: row as u32 });
                        first += steps;
                    }
                }
            }
            begin += steps;
        }
        debug_assert_eq!(weights, placed, "every weight has a cell");
        layer.place_unseen(&seen);
        layer.cut(begin);
        layer.of_output = vec![Vec::new(); demand.outputs()];
        for (core_row, stays) in layer.stays.iter().enumerate() {
            for (number, stay) in stays.iter().enumerate() {
                layer.of_output[stay.output as usize].push((core_row as u32, number as u32));
            }
        }
        layer
    }

    /// Outputs without weights rest somewhere for a step: every output has a slot.
    fn place_unseen(&mut self, seen: &[bool]) {
        let unseen = (0..seen.len()).filter(|&output| !seen[output]);
        let rows = self.stays.len();
        let mut row = 0;
        for output in unseen {
            // The core row with the fewest steps takes it; at the end, where it has nothing else to do.
            row = (0..rows).map(|i| (row + i) % rows).min_by_key(|&row| self.end(row)).unwrap_or(0);
            let first = self.end(row);
            self.stays[row].push(Stay { output: output as u32, first, steps: 1, row: row as u32 });
        }
    }

    /// The step at which a core row has nothing more to do.
    fn end(&self, core_row: usize) -> u32 {
        self.stays[core_row].last().map_or(0, |stay| stay.first + stay.steps)
    }

    /// Cuts the steps into stages: wherever any core row begins or ends a stay.
    fn cut(&mut self, steps: u32) {
        let ends = self.stays.iter().flatten().flat_map(|stay| [stay.first, stay.first + stay.steps]);
        let mut stages: Vec<u32> = ends.chain([0]).collect();
        stages.sort_unstable();
        stages.dedup();
        // Steps at the end in which nothing is done are left out.
        if stages.len() == 1 {
            stages.push(steps.max(1));
        }
        self.stages = stages;
    }
}

impl Slots for CoreSlots {
    fn stages(&self, layer: usize) -> usize {
        self.layers[layer].stages.len() - 1
    }

    fn steps(&self, layer: usize, stage: usize, _: usize) -> usize {
        let stages = &self.layers[layer].stages;
        (stages[stage + 1] - stages[stage]) as usize
    }

    fn row(&self, at: SlotAt) -> Option<u32> {
        self.stay(at).map(|stay| stay.output)
    }

    fn fill(&self, at: SlotAt, levels: &[i16], program: &mut Program) {
        let Some(stay) = self.stay(at) else { return };
        let columns = self.cells.columns();
        let held: Vec<i16> =
            (0..columns).map(|column| self.levels.signed(self.cells.level_in_row(stay.row as usize, column))).collect();
        let taken = |level: i16| self.taken(at, stay.output, self.levels.index(level).unwrap_or(0));
        let steps = self.steps(at.layer, at.stage, 0);
        program.visits(levels, (at.layer, stay.output), steps, self.top, &held, taken);
    }
}
