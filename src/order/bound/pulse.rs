//! What no plan of reach `row` goes below on a device that pays by the pulse (docs/trade.md, theorem 15).

use crate::order::cost::pulse_cost::PulseCost;
use crate::order::rows::profile::Profiles;

/// Collects the bound of a whole network, layer by layer.
#[derive(Clone, Copy, Debug)]
pub struct PulseBound {
    pulse_cost: PulseCost,
    cells: usize,
    top: i16,
    /// Single shot: changes that the rows force. Reset then set: what the visits cost that they force.
    forced: i64,
}

impl PulseBound {
    /// Nothing yet.
    #[must_use]
    pub fn new(pulse_cost: PulseCost, cells: usize, top: i16) -> Self {
        Self { pulse_cost, cells, top, forced: 0 }
    }

    /// Adds a layer.
    pub fn add(&mut self, layer: &Profiles) {
        let steps = layer.steps(self.cells);
        self.forced += (0..layer.rows()).map(|row| self.of_row(layer, row, steps)).sum::<i64>();
    }

    /// What a row forces within its slot.
    fn of_row(&self, layer: &Profiles, row: usize, steps: usize) -> i64 {
        match self.pulse_cost {
            PulseCost::SingleShot { .. } => forced_changes(layer, row, steps, self.cells) as i64,
            PulseCost::ResetThenSet { .. } => {
                let mut visits: Vec<i64> = layer
                    .runs(row)
                    .flat_map(|(level, run)| {
                        std::iter::repeat_n(self.pulse_cost.visit(level), run.len().div_ceil(steps))
                    })
                    .collect();
                visits.sort_unstable();
                visits[..visits.len().saturating_sub(self.cells)].iter().sum()
            }
        }
    }

    /// Cost that no plan can go below, per inference in steady state.
    #[must_use]
    pub fn cost(&self) -> i64 {
        match self.pulse_cost {
            PulseCost::SingleShot { rise, fall } => {
                // Between two falls a PCM cell rises at most `top` times, and the other way round.
                let dear = (self.forced as u64).div_ceil(self.top as u64 + 1) as i64;
                (self.forced - dear) * rise.min(fall) + dear * rise.max(fall)
            }
            PulseCost::ResetThenSet { .. } => self.forced,
        }
    }
}

/// Changes of cells that a row forces within its slot, whatever they cost.
#[must_use]
pub fn forced_changes(layer: &Profiles, row: usize, steps: usize, cells: usize) -> usize {
    let counts = || layer.runs(row).map(|(_, run)| run.len());
    // Cells that hold each level at some time.
    let holders: usize = counts().map(|count| count.div_ceil(steps)).sum();
    let changes = holders.saturating_sub(cells);
    if layer.count(row) < steps * cells {
        return changes;
    }
    // No idle place: cells and levels fall into groups, each with weights for its cells' places exactly.
    let split = counts().filter(|count| !count.is_multiple_of(steps)).count();
    changes.max(split - split / 2)
}
