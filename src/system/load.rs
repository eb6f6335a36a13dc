//! What a plan asks of the hardware: plain counts, layer by layer.

use serde::{Deserialize, Serialize};

/// PCM cells that are written at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellsAtOnce {
    /// All of the core: the slowest cell decides how long a step is programmed.
    Core,
    /// All of a core row, row after row.
    Row,
    /// All of a core column, column after column.
    Column,
    /// One PCM cell after the other.
    One,
}

/// The core, as far as it decides how much there is of everything.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hardware {
    /// Rows R (outputs).
    pub rows: usize,
    /// Columns C (inputs).
    pub cols: usize,
    /// Rows that share an input: 1 with an input of its own for every cell.
    pub fanout: usize,
    /// Bits of a PCM cell.
    pub bits: u8,
}

impl Hardware {
    /// Modulators, each with a converter: `R C / fanout`.
    #[must_use]
    pub fn modulators(&self) -> usize {
        self.rows * self.cols / self.fanout.max(1)
    }
}

/// A layer on one core, each time that the layer is run through: in steady state, so much a pass whatever the batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CoreLoad {
    /// Programmings of the core.
    pub steps: u64,
    /// Weights that the schedule places.
    pub weights: u64,
    /// PCM cells changed, summed over the steps.
    pub events: u64,
    /// Bytes of the schedule.
    pub schedule_bytes: u64,
    /// Time to write, with as many cells at once as the system says, microseconds.
    pub write_us: f64,
    /// Energy of the writes, pJ.
    pub write_pj: f64,
    /// Wear of the PCM cell that this layer wears most: level steps, pulses or resets, as the endurance.
    pub worst_wear: f64,
}

/// A layer: what is multiplied, and what each core does for it side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerLoad {
    /// The tensor.
    pub name: String,
    /// Input vectors of one inference: positions of a convolution, tokens; none: not known.
    pub vectors: Option<u64>,
    /// Elements of an input vector, as the schedule addresses them (unfolded).
    pub inputs: u64,
    /// Elements of an output vector.
    pub outputs: u64,
    /// Multiplications for one vector.
    pub macs: u64,
    /// What each core does; all begin the layer together.
    pub cores: Vec<CoreLoad>,
}

/// A whole network on its cores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// One core.
    pub hardware: Hardware,
    /// The layers, in the order of the schedule.
    pub layers: Vec<LayerLoad>,
    /// Wear of the most worn PCM cell by one pass over the network: level steps, pulses or resets.
    pub worst_wear: f64,
    /// Wear that a PCM cell bears; none: not known.
    pub endurance: Option<f64>,
}

impl Load {
    /// The layers whose vectors are not known.
    #[must_use]
    pub fn unknown_vectors(&self) -> Vec<&str> {
        self.layers.iter().filter(|layer| layer.vectors.is_none()).map(|layer| layer.name.as_str()).collect()
    }
}
