//! What a plan makes small.

use std::fmt;

use serde::{Deserialize, Serialize};

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
