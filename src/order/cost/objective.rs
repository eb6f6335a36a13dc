//! What a plan makes small.

use std::fmt;

use firmware_model::pcm::WriteCost;
use serde::{Deserialize, Serialize};

use super::tally::Cost;
use crate::order::cost::pulse_cost::PulseCost;

/// What the optimal order makes small, per inference in steady state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Objective {
    /// Level steps of all PCM cells.
    #[default]
    Writes,
    /// Energy of the writes.
    Energy,
    /// Time to program the core.
    Latency,
    /// Wear of the PCM cell that is worn most.
    Wear,
}

impl Objective {
    /// Unit of the figure.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Writes => "writes",
            Self::Energy => "pJ",
            Self::Latency => "us",
            Self::Wear => "wear of a cell",
        }
    }

    /// The figure, of what an order costs.
    #[must_use]
    pub fn figure(self, cost: &Cost) -> f64 {
        match self {
            Self::Writes => cost.writes as f64,
            Self::Energy => cost.energy_pj,
            Self::Latency => cost.time_us,
            Self::Wear => cost.max_cell_wear as f64,
        }
    }

    /// What it comes to on a device.
    #[must_use]
    pub fn on(self, cost: &WriteCost) -> Payment {
        let writes = Payment::Levels { up: 1.0, down: 1.0 };
        match (self, *cost) {
            (Self::Writes, _) => writes,
            (Self::Energy, WriteCost::PerLevel { up, down }) => {
                Payment::Levels { up: up.energy_pj, down: down.energy_pj }
            }
            (Self::Energy, _) => {
                PulseCost::of_energy(cost).map_or(writes, |(pulse_cost, parts)| Payment::Pulses { pulse_cost, parts })
            }
            (Self::Latency, _) => Payment::Time,
            (Self::Wear, _) => Payment::WorstCell(PulseCost::of_wear(cost)),
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Writes => "writes",
            Self::Energy => "energy",
            Self::Latency => "latency",
            Self::Wear => "wear",
        })
    }
}

/// What an objective comes to on a device: for what an order pays.
#[derive(Clone, Copy, Debug)]
pub enum Payment {
    /// So much for a rise and for a fall of one level: in steady state, in proportion to the writes.
    Levels {
        /// A level up.
        up: f64,
        /// A level down.
        down: f64,
    },
    /// Every pulse; so many parts of the pulse_cost are a pJ.
    Pulses {
        /// The cost of a change.
        pulse_cost: PulseCost,
        /// Parts of a pJ.
        parts: f64,
    },
    /// The slowest cell of every step.
    Time,
    /// The cell that is worn most: by level steps, or by pulses where there is a pulse_cost.
    WorstCell(Option<PulseCost>),
}

impl Payment {
    /// The pulse_cost by which cells order their levels, where it is not level steps.
    #[must_use]
    pub fn pulse_law(self) -> Option<PulseCost> {
        match self {
            Self::Levels { .. } | Self::Time => None,
            Self::Pulses { pulse_cost, .. } => Some(pulse_cost),
            Self::WorstCell(pulse_cost) => pulse_cost,
        }
    }

    /// Price of an inference of so many writes, where it is in proportion to them, else the writes. In steady state a PCM cell falls as many levels as it rises.
    #[must_use]
    pub fn of_writes(self, writes: u64) -> f64 {
        let half = writes as f64 / 2.0;
        match self {
            Self::Levels { up, down } => half * up + half * down,
            _ => writes as f64,
        }
    }
}
