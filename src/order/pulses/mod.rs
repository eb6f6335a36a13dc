//! Orders for devices that pay by the pulse: a change of a level costs the same however far it goes.
//!
//! ```text
//! hold_level.rs  parts of rows for reach `row`: cells stay at the level that they hold
//! lanes.rs       what each cell serves with reach `lane`
//! ```
//!
//! What a change costs is in `cost::pulse_cost`, the exact order of one cell in `chain::n_state`, the bound in `bound::pulse`.

mod hold_level;
mod lanes;

use rayon::prelude::*;

use super::chain::boundary::{CellBoundary, CoreBoundary};
use super::chain::n_state::Chain;
use super::cost::pulse_cost::PulseLaw;
use super::slots::level_runs::Visits;

pub use hold_level::stick;
pub use lanes::LaneRuns;

/// Most levels of a weight cell for which there are these orders: 5 bits.
pub const MOST_LEVELS: usize = 63;

/// What an order costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Priced {
    /// In parts ([`PulseLaw::of_energy`]), with the ways between inferences (in a cycle) or to the given ends.
    pub cost: i64,
    /// No order of what the cells serve here costs less, wherever they begin and end.
    pub least: i64,
}

/// Puts what each cell serves in each slot into the cheapest order, exactly.
pub fn reorder(visits: &mut Visits, law: PulseLaw, boundary: &CoreBoundary) -> Priced {
    let (core_rows, cells) = (visits.core_rows(), visits.cells());
    let of_cell = |chain: &mut Chain, at: usize| {
        let (core_row, cell) = (at / cells, at % cells);
        let (mut sets, mut slots): (Vec<Vec<i16>>, Vec<usize>) = (Vec::new(), Vec::new());
        for stage in 0..visits.stages() {
            let runs = visits.runs(stage, core_row, cell);
            if !runs.is_empty() {
                let mut set: Vec<i16> = runs.iter().map(|run| run.level).collect();
                set.sort_unstable();
                sets.push(set);
                slots.push(stage);
            }
        }
        let boundary = boundary.of_cell(at);
        let (cost, ends) = chain.solve(law, &sets, boundary);
        let least = match boundary {
            CellBoundary::Cyclic => cost,
            CellBoundary::Open { .. } => chain.solve(law, &sets, CellBoundary::FREE).0,
        };
        let mut order = Vec::new();
        for (set, &(first, last)) in sets.iter_mut().zip(&ends) {
            law.order(set, first, last, &mut order);
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
            let runs = visits.runs_mut(stage, at / cells, at % cells);
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
