//! What arranged layers cost in steady state, counted slot by slot.

use firmware_model::pcm::WriteCost;
use rayon::prelude::*;

use super::tally::{Cost, Counter};
use crate::geometry::Wiring;
use crate::level::LevelMatrix;
use crate::order::slots::program::Program;
use crate::order::slots::{SlotAt, Slots};

/// An inference of these layers, which begins where it ends. Cores work side by side: in each layer the others wait for the slowest.
#[must_use]
pub fn per_inference(slots: &dyn Slots, layers: &[LevelMatrix], wiring: Wiring, cost: WriteCost) -> Cost {
    let core_rows = wiring.core_rows / wiring.cores;
    let of_core = |core: usize| {
        let mut counter = Counter::new(core_rows, wiring.cells, cost);
        for (layer, levels) in layers.iter().enumerate() {
            let stages = slots.stages(layer);
            counter.rows().par_iter_mut().enumerate().for_each(|(row, tally)| {
                let (mut program, mut first_step) = (Program::default(), 0);
                for stage in 0..stages {
                    let at = SlotAt { layer, stage, core_row: core * core_rows + row };
                    if let Some(output) = slots.row(at) {
                        slots.fill_levels(at, levels.row(output as usize), &mut program);
                        tally.slot(&program, first_step);
                    }
                    first_step += slots.steps(layer, stage, core) as u64;
                }
            });
            counter.end_layer();
        }
        counter.finish()
    };
    let cores: Vec<_> = (0..wiring.cores).map(of_core).collect();
    let of = |layer: usize| cores.iter().map(move |totals| totals.layers[layer].0.per_inference.time_us);
    let time_us = (0..layers.len()).map(|layer| of(layer).fold(0.0, f64::max)).sum();
    let sum = cores.iter().map(|totals| totals.costs.per_inference).reduce(|a, b| Cost {
        writes: a.writes + b.writes,
        events: a.events + b.events,
        pulses: a.pulses + b.pulses,
        energy_pj: a.energy_pj + b.energy_pj,
        time_us,
        max_cell_writes: a.max_cell_writes.max(b.max_cell_writes),
        max_cell_wear: a.max_cell_wear.max(b.max_cell_wear),
    });
    Cost { time_us, ..sum.unwrap_or_default() }
}
