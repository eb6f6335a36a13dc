//! What a finished plan is, and what it costs.

use std::path::PathBuf;

use firmware_model::wire::End;

use crate::faults::Loss;
use crate::order::Order;
use crate::order::cost::tally::Totals;

/// One layer of a finished plan.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerOutcome {
    /// Tiles: P x Q.
    pub tiles: u64,
    /// Programmings of the core: of the busiest, as the others wait for it.
    pub steps: u64,
    /// `||t - t_q|| / ||t||` of the layer's weights.
    pub relative_error: f64,
    /// Writes that no order of this layer alone can go below; none with reach `lane`, where layers are bounded together.
    pub lower_bound_writes: Option<u64>,
    /// Weights at each signed level, `-B..=B`.
    pub level_counts: Vec<u64>,
}

/// A finished plan: what was written to the schedule, and what it costs.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Each layer, in the network's order; its costs are in [`Totals::layers`].
    pub layers: Vec<LayerOutcome>,
    /// Cost as stored.
    pub natural: Totals,
    /// Cost of ELight's order.
    pub sorted: Totals,
    /// Cost of the optimal order.
    pub optimal: Totals,
    /// Proven: no plan of this reach needs fewer writes per inference.
    pub lower_bound_writes: u64,
    /// Proven: no plan of this reach has less of what the objective counts ([`crate::order::Objective::figure`]) per inference.
    pub objective_lower_bound: f64,
    /// Totals in the End frame; of several cores together: side by side in steps, writes added up.
    pub end: End,
    /// Each core's part.
    pub cores: Vec<CoreOutcome>,
    /// Size of the schedules, bytes.
    pub bytes: u64,
    /// Frames of the schedules.
    pub frames: u64,
    /// Memory that a decoder needs, bytes.
    pub decoder_ram_bytes: u32,
    /// What faults have cost; none without faults.
    pub faults: Option<FaultOutcome>,
    /// Outputs that the replay must show, for each stimulus.
    pub expected_outputs: Vec<Vec<i64>>,
    /// Time of planning and writing.
    pub seconds: f64,
}

/// What faults have cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaultOutcome {
    /// Weights that are not multiplied at their own level, and by how much: with reach `lane` or shared inputs only.
    pub loss: Loss,
    /// Writes per inference of the plan for intact cores; with reach `row` and an input for each cell only.
    pub intact_writes: Option<u64>,
    /// Steps of the plan for intact cores.
    pub intact_steps: u64,
}

/// One core's part of a finished plan.
#[derive(Clone, Debug)]
pub struct CoreOutcome {
    /// Its schedule.
    pub path: PathBuf,
    /// Totals in the End frame.
    pub end: End,
    /// Size of the schedule, bytes.
    pub bytes: u64,
    /// Frames of the schedule.
    pub frames: u64,
    /// What the order in the schedule costs on this core.
    pub totals: Totals,
}

impl Outcome {
    /// Cost of one order.
    #[must_use]
    pub fn of(&self, order: Order) -> &Totals {
        match order {
            Order::Natural => &self.natural,
            Order::Sorted => &self.sorted,
            Order::Optimal => &self.optimal,
        }
    }
}
