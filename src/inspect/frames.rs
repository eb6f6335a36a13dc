//! Where the frames of a schedule lie, and what each of them is.

use firmware_model::wire::{Body, FRAME_OVERHEAD, Frame, MAGIC};
use serde::Serialize;

/// One frame.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FrameView {
    /// Its number.
    pub frame: u64,
    /// Its first byte in the file.
    pub offset: u64,
    /// Its bytes, length and CRC included.
    pub bytes: u64,
    /// Layer that it belongs to; none for the header and the end.
    pub layer: Option<u32>,
    /// What it is, and its own fields.
    #[serde(flatten)]
    pub content: Content,
}

/// The fields of a frame that say where it belongs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind")]
pub enum Content {
    /// What the schedule is for.
    Header,
    /// A layer begins.
    Layer {
        /// Its tensor.
        name: String,
    },
    /// A tile row begins.
    TileRow {
        /// Its number in the layer.
        index: u32,
        /// Its programmings of the core.
        steps: u32,
    },
    /// Row records.
    Steps {
        /// Step of the first record, in its tile row.
        step: u32,
        /// Core row of the first record.
        row: u16,
        /// Number of records.
        records: u16,
    },
    /// The schedule ends.
    End,
}

impl Content {
    /// The fields of a whole body; none when it is no frame.
    #[must_use]
    pub fn of(body: &[u8]) -> Option<Self> {
        let body: Body<'_> = postcard::from_bytes(body).ok()?;
        Some(match body.frame {
            Frame::Header(_) => Self::Header,
            Frame::Layer(l) => Self::Layer { name: l.name.to_owned() },
            Frame::TileRow(t) => Self::TileRow { index: t.index, steps: t.steps },
            Frame::Steps(s) => Self::Steps { step: s.step, row: s.row, records: s.records },
            Frame::End(_) => Self::End,
        })
    }
}

/// The stretch of a schedule's bytes that holds one frame, and its body; shorter than a frame where the file is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch<'a> {
    /// First byte in the file.
    pub offset: usize,
    /// Length, body and CRC.
    pub bytes: &'a [u8],
}

impl<'a> Stretch<'a> {
    /// The body.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        let end = self.bytes.len().saturating_sub(4).max(2);
        self.bytes.get(2..end).unwrap_or_default()
    }
}

/// The stretches of a schedule, from behind its magic on.
pub fn stretches(file: &[u8]) -> impl Iterator<Item = Stretch<'_>> {
    let mut offset = MAGIC.len().min(file.len());
    std::iter::from_fn(move || {
        let rest = &file[offset..];
        let length = match rest {
            [] => return None,
            [low, high, ..] => FRAME_OVERHEAD + usize::from(u16::from_le_bytes([*low, *high])),
            _ => rest.len(),
        };
        let stretch = Stretch { offset, bytes: &rest[..length.min(rest.len())] };
        offset += stretch.bytes.len();
        Some(stretch)
    })
}
