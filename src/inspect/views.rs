//! What is told of a schedule, part by part.

use firmware_model::wire::{End, Header, MAGIC};
use serde::Serialize;

use super::frames::FrameView;
use super::recorder::{Counted, RowView};

/// What a schedule is, as far as it can be read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    /// Size of the file, bytes.
    pub bytes: u64,
    /// Frames that were carried out.
    pub frames_read: u64,
    /// What it is for; none when that cannot be read.
    pub header: Option<HeaderView>,
    /// Its layers.
    pub layers: Vec<LayerView>,
    /// Totals in its End frame.
    pub end: Option<EndView>,
    /// Counted: from erased cells, or from what the request says they hold, as far as it can be read.
    pub first_load: Counted,
    /// Counted: every later inference; none when the schedule is damaged.
    pub per_inference: Option<Counted>,
    /// Whether the End frame says what was counted (of the first load, if it was from erased cells); none without an End frame.
    pub totals_match: Option<bool>,
    /// Tile rows of the layer that was asked for.
    pub tile_rows: Option<Vec<TileRowView>>,
    /// The step that was asked for.
    pub step: Option<StepView>,
    /// Frames, if asked for.
    pub frames: Option<Vec<FrameView>>,
    /// Why the schedule cannot be read to its end.
    pub error: Option<String>,
}

/// The Header frame.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeaderView {
    /// Version of the format.
    pub version: u8,
    /// Core rows (outputs).
    pub rows: u16,
    /// Core columns (lanes).
    pub cols: u16,
    /// Bits of a PCM cell.
    pub bits: u8,
    /// Rows that share an input.
    pub fanout: u16,
    /// `lane` or `row`.
    pub reach: String,
    /// What an index list belongs to: `level` or `cell`.
    pub lists: String,
    /// Window of used inputs, positions.
    pub window: u16,
    /// Bytes of a stored index.
    pub index_bytes: u8,
    /// Longest frame body, bytes.
    pub max_frame: u16,
    /// Number of layers.
    pub layers: u32,
    /// Working memory of a decoder, bytes.
    pub ram: u32,
    /// Device profile.
    pub device: String,
    /// CRC-32 of its transmissions.
    pub device_crc: u32,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerView {
    /// Its number.
    pub index: u32,
    /// Its tensor.
    pub name: String,
    /// Output rows.
    pub rows: u32,
    /// Inputs of one row.
    pub cols: u32,
    /// Groups of inputs.
    pub groups: u32,
    /// Scale of all outputs; none when each row has its own.
    pub scale: Option<f32>,
    /// Tile rows.
    pub tile_rows: u32,
    /// Its first step in the schedule.
    pub first_step: u64,
    /// Its steps.
    pub steps: u64,
    /// Weights multiplied.
    pub weights: u64,
    /// Its first frame.
    pub first_frame: u64,
    /// Its frames.
    pub frames: u64,
    /// Bytes of its frames.
    pub bytes: u64,
    /// Counted from erased cells.
    pub first_load: Counted,
    /// Counted in a later inference; none when the schedule is damaged.
    pub per_inference: Option<Counted>,
}

/// One tile row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TileRowView {
    /// Its number in the layer.
    pub index: u32,
    /// Its first step in the schedule.
    pub first_step: u64,
    /// Its steps.
    pub steps: u64,
    /// Its first frame.
    pub first_frame: u64,
    /// Output row of each core row; none where it is not used.
    pub outputs: Vec<Option<u32>>,
    /// Counted from erased cells.
    pub first_load: Counted,
    /// Counted in a later inference; none when the schedule is damaged.
    pub per_inference: Option<Counted>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepView {
    /// Its number in the schedule.
    pub step: u64,
    /// Its layer's number.
    pub layer: u32,
    /// Its layer's tensor.
    pub name: String,
    /// Its number in the layer.
    pub step_of_layer: u64,
    /// Its tile row.
    pub tile_row: u32,
    /// Its number in the tile row.
    pub step_of_tile_row: u64,
    /// Frames that carry its records.
    pub frames: Vec<u64>,
    /// Whether levels are those of a later inference, rather than of the first load.
    pub steady: bool,
    /// What is written.
    pub counted: Counted,
    /// What each core row in use does.
    pub rows: Vec<RowView>,
}

/// The End frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EndView {
    /// Steps.
    pub steps: u64,
    /// Weights multiplied.
    pub weights: u64,
    /// Planned for the first load.
    pub first_load: Counted,
    /// Planned for a later inference.
    pub per_inference: Counted,
}

pub(super) fn header_view(h: &Header<'_>) -> HeaderView {
    HeaderView {
        version: MAGIC[7],
        rows: h.rows,
        cols: h.cols,
        bits: h.bits,
        fanout: h.fanout,
        reach: format!("{:?}", h.reach).to_lowercase(),
        lists: format!("{:?}", h.lists).to_lowercase(),
        window: h.window,
        index_bytes: h.index_bytes,
        max_frame: h.max_frame,
        layers: h.layers,
        ram: h.ram,
        device: h.device.to_owned(),
        device_crc: h.device_crc,
    }
}

pub(super) fn end_view(end: End) -> EndView {
    EndView {
        steps: end.steps,
        weights: end.weights,
        first_load: Counted { writes: end.first_writes, events: end.first_events },
        per_inference: Counted { writes: end.writes, events: end.events },
    }
}
