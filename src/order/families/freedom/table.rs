//! A whole plan as a table: the level of every cell at every step.

use std::ops::Range;

use crate::geometry::{EMPTY, IDLE, Wiring};
use crate::level::LevelMatrix;
use crate::order::slots::level_runs::{LevelRun, LevelRuns};
use crate::order::slots::program::Program;
use crate::order::slots::{SlotAt, Slots, Stages};

/// A stage of a layer.
#[derive(Clone, Copy, Debug)]
pub struct Stage {
    pub layer: usize,
    pub steps: usize,
    /// First step, in the inference.
    pub first: usize,
}

/// Levels by core row, step and cell.
#[derive(Clone, Debug)]
pub struct Table {
    pub core_rows: usize,
    pub cells: usize,
    /// Steps of an inference.
    pub steps: usize,
    pub stages: Vec<Stage>,
    /// Stages of each layer.
    of_layer: Vec<usize>,
    /// Output row of each slot, core row by core row; [`EMPTY`] where it rests.
    pub rows: Vec<u32>,
    /// Signed level or [`IDLE`], core row by core row, step by step.
    pub levels: Vec<i16>,
}

impl Table {
    /// Of a plan whose rows have one slot each, of at most so many entries.
    pub fn of(slots: &dyn Slots, layers: &[LevelMatrix], wiring: Wiring, most: usize) -> Option<Self> {
        let Wiring { core_rows, cells, cores, .. } = wiring;
        let (mut stages, mut steps, mut of_layer) = (Vec::new(), 0, Vec::new());
        for layer in 0..layers.len() {
            of_layer.push(slots.stages(layer));
            for stage in 0..slots.stages(layer) {
                let here = slots.steps(layer, stage, 0);
                if (1..cores).any(|core| slots.steps(layer, stage, core) != here) {
                    return None;
                }
                stages.push(Stage { layer, steps: here, first: steps });
                steps += here;
            }
        }
        if steps * core_rows * cells > most {
            return None;
        }
        let mut table = Self { core_rows, cells, steps, stages, of_layer, rows: Vec::new(), levels: Vec::new() };
        table.levels.resize(core_rows * steps * cells, IDLE);
        let (mut program, mut served) = (Program::default(), vec![0; layers.iter().map(|l| l.rows).sum()]);
        for core_row in 0..core_rows {
            let mut number = 0;
            for layer in 0..layers.len() {
                let before: usize = layers[..layer].iter().map(|l| l.rows).sum();
                for stage in 0..table.of_layer[layer] {
                    let at = SlotAt { layer, stage, core_row };
                    let row = slots.row(at);
                    table.rows.push(row.unwrap_or(EMPTY));
                    if let Some(row) = row {
                        slots.fill_levels(at, layers[layer].row(row as usize), &mut program);
                        let slot = table.slot(core_row, number);
                        table.levels[slot].copy_from_slice(&program.level);
                        served[before + row as usize] += 1;
                    }
                    number += 1;
                }
            }
        }
        served.iter().all(|slots| *slots <= 1).then_some(table)
    }

    /// Where a slot's levels lie.
    pub fn slot(&self, core_row: usize, stage: usize) -> Range<usize> {
        let Stage { steps, first, .. } = self.stages[stage];
        let begin = (core_row * self.steps + first) * self.cells;
        begin..begin + steps * self.cells
    }

    /// Where a core row's levels lie.
    pub fn core_row(&self, core_row: usize) -> Range<usize> {
        let len = self.steps * self.cells;
        core_row * len..(core_row + 1) * len
    }

    /// The same as lists of runs, and the stages of each layer.
    pub fn into_runs(self) -> (LevelRuns, Stages) {
        let mut all = LevelRuns::new(self.core_rows, self.cells);
        let mut runs: Vec<LevelRun> = Vec::new();
        for (number, stage) in self.stages.iter().enumerate() {
            all.push_stage(stage.steps);
            for core_row in 0..self.core_rows {
                all.push_slot(self.rows[core_row * self.stages.len() + number]);
                let levels = &self.levels[self.slot(core_row, number)];
                for cell in 0..self.cells {
                    runs.clear();
                    for (step, &level) in levels.iter().skip(cell).step_by(self.cells).enumerate() {
                        match runs.last_mut() {
                            Some(run) if run.level == level && (run.first + run.count) as usize == step => {
                                run.count += 1
                            }
                            _ if level == IDLE => {}
                            _ => runs.push(LevelRun { level, first: step as u32, count: 1 }),
                        }
                    }
                    all.push_runs(&runs);
                }
            }
        }
        (all, Stages::of(self.of_layer))
    }
}
