//! What a schedule was found to do.

use serde::Serialize;

/// Writes that were counted, PCM cell by PCM cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Level steps of all PCM cells.
    pub writes: u64,
    /// PCM cells changed, summed over the steps.
    pub events: u64,
    /// Level steps of the PCM cell that is written most.
    pub max_cell_writes: u64,
}

/// Writes as ELight counts them: every tile row from an erased core, the erase free, plus and minus cell as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ElightCount {
    /// Sum of the changes of the signed levels.
    pub total: u64,
    /// Largest such sum of one weight cell in one tile row.
    pub max: u64,
}

impl ElightCount {
    /// One weight cell in one tile row more.
    pub(super) fn add(&mut self, writes: u64) {
        self.total += writes;
        self.max = self.max.max(writes);
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.total += other.total;
        self.max = self.max.max(other.max);
    }
}

/// What one layer was found to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LayerFindings {
    /// The tensor's name.
    pub name: String,
    /// Output rows.
    pub rows: usize,
    /// Inputs of a row.
    pub cols: usize,
    /// Tile rows.
    pub tile_rows: u32,
    /// Steps.
    pub steps: u64,
    /// Weights multiplied.
    pub weights: u64,
    /// Weights of level 0 that are left out.
    pub left_out: u64,
    /// Weights half-way between two levels, in single precision: either level was accepted.
    pub ties: u64,
    /// Writes of this layer in the first inference.
    pub first_load: Counted,
    /// Writes of this layer in every later inference.
    pub per_inference: Counted,
    /// Writes by ELight's own count.
    pub elight: ElightCount,
}

/// What a schedule was found to do; every figure was counted from its records and none was taken from it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Findings {
    /// Core rows R.
    pub core_rows: usize,
    /// Core columns C.
    pub core_cols: usize,
    /// Name of the device profile, as the schedule has it.
    pub device: String,
    /// The layers, in order.
    pub layers: Vec<LayerFindings>,
    /// Weights multiplied.
    pub weights: u64,
    /// Weights of level 0 that are left out.
    pub left_out: u64,
    /// Weights half-way between two levels, in single precision: either level was accepted.
    pub ties: u64,
    /// Steps.
    pub steps: u64,
    /// Frames, Header and End among them.
    pub frames: u64,
    /// Bytes.
    pub bytes: u64,
    /// Writes of the first inference, from an erased core, or from the levels that the check was told.
    pub first_load: Counted,
    /// Writes of every later inference, from where the one before has left the core.
    pub per_inference: Counted,
    /// Writes by ELight's own count.
    pub elight: ElightCount,
    /// Writes per inference that no order avoids which computes the same rows on the same core rows, in as many steps, with
    /// the same weights left out.
    pub bound: u64,
    /// Signed level of each weight cell at the end, core row by core row; 0 where none was ever programmed.
    pub final_levels: Vec<i16>,
    /// Level steps of the `[plus, minus]` cell of each weight cell in the first inference, core row by core row.
    pub first_load_wear: Vec<[u64; 2]>,
    /// The same for every later inference.
    pub per_inference_wear: Vec<[u64; 2]>,
}
