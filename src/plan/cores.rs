//! Several identical cores that share a network: each layer's tile rows are spread over them.
//!
//! To the order, N cores of R rows are one core of N R rows: a *stage* is a tile row of each core, side by side. So every layer takes
//! `ceil(rows / (N R))` tile rows on the busiest core, the fewest there can be, and the search for few writes goes over all cores together.
//! Only what is counted and written is taken apart again, core by core.

use super::condition::Condition;
use super::options::PlanOptions;
use crate::order::cost::tally::{Cost, Costs, Counter, ElightAccounting, RowTally, Totals};

/// The counters of one order, one for each core.
pub struct Counters(Vec<Counter>);

impl Counters {
    /// `intact`: as if there were no faults.
    pub fn new(options: &PlanOptions, intact: bool) -> Self {
        let condition =
            Condition { faults: options.condition.faults.clone().filter(|_| !intact), ..options.condition.clone() };
        let (rows, cols) = (options.core.rows, options.core.cols);
        let counter = |core| {
            let mut counter = Counter::new(rows, cols, options.device.cost);
            if let Some(levels) = condition.erased_of(core) {
                counter = counter.erased_at(levels);
            }
            match condition.origin_of(core) {
                None => counter,
                Some(origin) => counter.starting_from(origin),
            }
        };
        Self((0..options.condition.cores).map(counter).collect())
    }

    /// The counters of all core rows, core after core.
    pub fn rows(&mut self) -> Vec<&mut RowTally> {
        self.0.iter_mut().flat_map(Counter::rows).collect()
    }

    pub fn end_layer(&mut self) {
        self.0.iter_mut().for_each(Counter::end_layer);
    }

    /// Level of every cell after the layers so far, core after core.
    pub fn levels(&self) -> Vec<i16> {
        self.0.iter().flat_map(Counter::levels).collect()
    }

    /// Level that each cell is programmed to first, if it has been programmed at all.
    pub fn first_levels(&self) -> Vec<Option<i16>> {
        self.0.iter().flat_map(Counter::first_levels).collect()
    }

    /// All costs: of all cores together, and of each.
    pub fn finish(self) -> (Totals, Vec<Totals>) {
        let each: Vec<Totals> = self.0.into_iter().map(Counter::finish).collect();
        let all = if each.len() == 1 { each[0].clone() } else { together(&each) };
        (all, each)
    }
}

/// Side by side: what is written adds up, and in every layer the cores wait for the slowest.
fn together(cores: &[Totals]) -> Totals {
    let side_by_side = |of: &dyn Fn(&Totals) -> Cost| {
        cores.iter().map(of).fold(Cost::default(), |sum, cost| Cost {
            writes: sum.writes + cost.writes,
            events: sum.events + cost.events,
            pulses: sum.pulses + cost.pulses,
            energy_pj: sum.energy_pj + cost.energy_pj,
            time_us: sum.time_us.max(cost.time_us),
            max_cell_writes: sum.max_cell_writes.max(cost.max_cell_writes),
            max_cell_wear: sum.max_cell_wear.max(cost.max_cell_wear),
        })
    };
    let layers: Vec<(Costs, ElightAccounting)> = (0..cores.first().map_or(0, |core| core.layers.len()))
        .map(|layer| {
            let costs = Costs {
                first_load: side_by_side(&|core| core.layers[layer].0.first_load),
                per_inference: side_by_side(&|core| core.layers[layer].0.per_inference),
            };
            let elight = cores.iter().fold(ElightAccounting::default(), |sum, core| sum.and(core.layers[layer].1));
            (costs, elight)
        })
        .collect();
    // Layers run one after the other, on all cores.
    let in_order = |all: Cost, of: fn(&Costs) -> &Cost| Cost {
        time_us: layers.iter().map(|(costs, _)| of(costs).time_us).sum(),
        ..all
    };
    Totals {
        costs: Costs {
            first_load: in_order(side_by_side(&|core| core.costs.first_load), |costs| &costs.first_load),
            per_inference: in_order(side_by_side(&|core| core.costs.per_inference), |costs| &costs.per_inference),
        },
        elight: cores.iter().fold(ElightAccounting::default(), |sum, core| sum.and(core.elight)),
        erased: side_by_side(&|core| core.erased),
        first_load_wear: cores.iter().flat_map(|core| core.first_load_wear.iter().copied()).collect(),
        per_inference_wear: cores.iter().flat_map(|core| core.per_inference_wear.iter().copied()).collect(),
        layers,
    }
}
