//! Level runs in the cheapest order, for devices that pay by the pulse: a change of a level costs the same however far it goes.
//!
//! What a change costs is in `cost::pulse_cost`, the exact order of one cell in `chain::n_state`, the bound in `bound::pulse`.

use rayon::prelude::*;

use super::level_runs::LevelRuns;
use crate::observer::StopToken;
use crate::order::chain::boundary::{CellBoundary, CoreBoundary};
use crate::order::chain::n_state::Chain;
use crate::order::cost::pulse_cost::PulseCost;

/// What an order costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Priced {
    /// In parts ([`PulseCost::of_energy`]), with the ways between inferences (in a cycle) or to the given ends.
    pub cost: i64,
    /// No order of what the cells serve here costs less, wherever they begin and end.
    pub least: i64,
}

/// Puts what each cell serves in each slot into the cheapest order, exactly. After a stop, cells keep theirs.
pub fn reorder(
    level_runs: &mut LevelRuns,
    pulse_cost: PulseCost,
    boundary: &CoreBoundary,
    stop: &StopToken<'_>,
) -> Priced {
    let (core_rows, cells) = (level_runs.core_rows(), level_runs.cells());
    let of_cell = |chain: &mut Chain, at: usize| {
        if !stop.go_on() {
            return (Priced::default(), Vec::new(), Vec::new());
        }
        let (core_row, cell) = (at / cells, at % cells);
        let (mut sets, mut slots): (Vec<Vec<i16>>, Vec<usize>) = (Vec::new(), Vec::new());
        for stage in 0..level_runs.stages() {
            let runs = level_runs.runs(stage, core_row, cell);
            if !runs.is_empty() {
                let mut set: Vec<i16> = runs.iter().map(|run| run.level).collect();
                set.sort_unstable();
                sets.push(set);
                slots.push(stage);
            }
        }
        let boundary = boundary.of_cell(at);
        let (cost, ends) = chain.solve(pulse_cost, &sets, boundary);
        let least = match boundary {
            CellBoundary::Cyclic => cost,
            CellBoundary::Open { .. } => chain.solve(pulse_cost, &sets, CellBoundary::FREE).0,
        };
        let mut order = Vec::new();
        for (set, &(first, last)) in sets.iter_mut().zip(&ends) {
            pulse_cost.order(set, first, last, &mut order);
            set.copy_from_slice(&order);
        }
        (Priced { cost, least }, slots, sets)
    };
    let solved: Vec<_> = (0..core_rows * cells).into_par_iter().map_init(Chain::default, of_cell).collect();
    let mut total = Priced::default();
    for (at, (priced, slots, orders)) in solved.into_iter().enumerate() {
        total.cost += priced.cost;
        total.least += priced.least;
        for (stage, order) in slots.into_iter().zip(orders) {
            let runs = level_runs.runs_mut(stage, at / cells, at % cells);
            // The runs follow each other without a pause, from the first step on.
            let mut first = 0;
            for (i, level) in order.into_iter().enumerate() {
                if let Some(found) = (i..runs.len()).find(|&j| runs[j].level == level) {
                    runs.swap(i, found);
                }
                runs[i].first = first;
                first += runs[i].count;
            }
        }
    }
    total
}
