//! The frames of a schedule, as postcard sees them, and the constants of the format.
//!
//! `docs/schedule-format.md` is the specification; this file is its one home in code, for the encoder on the host and for
//! the decoder in the controller.

use serde::{Deserialize, Serialize};

/// The first eight bytes of a schedule; the last is the format version that encoders write.
pub const MAGIC: [u8; 8] = *b"elight\x00\x02";
/// The oldest format version that is read; all schedules of version 1 are schedules of version 2, but for that byte.
pub const OLDEST_VERSION: u8 = 1;
/// Longest body of the Header frame, bytes: the decoder has no other bound before it has read the header.
pub const MAX_HEADER: usize = 512;
/// A Rice quotient from here on is escaped: this many ones, then 32 plain bits.
pub const RICE_ESCAPE: u32 = 20;
/// Largest core dimension.
pub const MAX_CORE: u16 = 1024;
/// Largest window, positions.
pub const MAX_WINDOW: u16 = 4096;
/// Bytes around a frame's body: the length before it and the CRC behind it.
pub const FRAME_OVERHEAD: usize = 2 + 4;
/// The CRC of a frame, over its length and body.
pub const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

/// Which lanes a weight may move to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reach {
    /// A weight keeps its lane; only its step changes.
    Lane,
    /// A weight may sit in any lane of its row.
    Row,
    /// It may sit in any cell of the core: an output row visits several core rows.
    Core,
}

/// Whether these are the first bytes of a schedule of a version that is read.
#[must_use]
pub fn is_schedule(file: &[u8]) -> bool {
    let Some(([name @ .., version], _)) = file.split_first_chunk::<{ MAGIC.len() }>() else { return false };
    MAGIC.starts_with(name) && (OLDEST_VERSION..=MAGIC[MAGIC.len() - 1]).contains(version)
}

/// What an index list belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lists {
    /// One list per core row and signed level.
    Level,
    /// One list per cell.
    Cell,
}

/// How a layer's outputs are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Scale {
    /// One scale for the whole layer.
    Layer(f32),
    /// Each output row brings its own, in the TileRow frame.
    Row,
}

/// What the controller knows of the core that it drives, fixed when it is built.
///
/// A schedule for another core or another device is refused before anything is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Core rows R (outputs).
    pub rows: u16,
    /// Core columns C (lanes).
    pub cols: u16,
    /// Bits b of a PCM cell: `2^b` levels.
    pub bits: u8,
    /// Neighbouring core rows that share the input of each lane, 1 to R: 1 when every cell has its own.
    pub fanout: u16,
    /// [`crate::photonic_core::device_crc`] of the transmissions of its levels.
    pub device_crc: u32,
}

/// What the whole schedule is for; the first frame.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header<'a> {
    /// Core rows R.
    pub rows: u16,
    /// Core columns (lanes) C.
    pub cols: u16,
    /// Bits b of a PCM cell.
    pub bits: u8,
    /// Rows that share an input.
    pub fanout: u16,
    /// Which lanes a weight may move to.
    pub reach: Reach,
    /// What an index list belongs to.
    pub lists: Lists,
    /// Window of used positions per core row.
    pub window: u16,
    /// Bytes of a stored index: 2 or 4.
    pub index_bytes: u8,
    /// Longest frame body, bytes.
    pub max_frame: u16,
    /// Number of layers.
    pub layers: u32,
    /// Working memory of the decoder, bytes: [`Header::working_memory`].
    pub ram: u32,
    /// Name of the device profile.
    pub device: &'a str,
    /// CRC-32 of the device's transmissions as f32, level 0 first.
    pub device_crc: u32,
}

/// The working memory that a header asks of its decoder, part by part, in the order in which they lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryMap {
    /// One frame body, bytes.
    pub frame: usize,
    /// State codes of all cells, bytes.
    pub states: usize,
    /// Last index of every list, bytes.
    pub lists: usize,
    /// Used positions, bytes.
    pub windows: usize,
    /// Core rows in use, bytes.
    pub used_rows: usize,
    /// Visits of the core rows with reach `Core`, bytes.
    pub visits: usize,
}

/// Bytes of each core row's visit and list set with reach `Core`: the row's set; the set's pace, front, output and scale.
pub const VISIT_BYTES: usize = 2 + 2 + 4 + 4 + 4;

impl MemoryMap {
    /// Bytes in all.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.frame + self.states + self.lists + self.windows + self.used_rows + self.visits
    }
}

impl Header<'_> {
    /// Highest level B of a PCM cell.
    #[must_use]
    pub const fn top_level(&self) -> i16 {
        crate::pcm::top_level(self.bits)
    }

    /// The core that the schedule is for.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        let Self { rows, cols, bits, fanout, device_crc, .. } = *self;
        Identity { rows, cols, bits, fanout, device_crc }
    }

    /// Number of index lists of one core row; none where inputs are shared.
    #[must_use]
    pub const fn lists_per_row(&self) -> usize {
        match self.lists {
            _ if self.fanout > 1 => 0,
            Lists::Level => 2 * self.top_level() as usize + 1,
            Lists::Cell => self.cols as usize,
        }
    }

    /// The decoder's working memory.
    #[must_use]
    pub const fn working_memory(&self) -> MemoryMap {
        let rows = self.rows as usize;
        MemoryMap {
            frame: self.max_frame as usize,
            states: rows * self.cols as usize * if self.bits <= 7 { 1 } else { 2 },
            lists: self.index_bytes as usize * rows * self.lists_per_row(),
            windows: rows * self.window as usize / 8,
            used_rows: rows.div_ceil(8),
            visits: if matches!(self.reach, Reach::Core) { rows * VISIT_BYTES } else { 0 },
        }
    }
}

/// One layer; precedes its tile rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layer<'a> {
    /// Position in the model's order.
    pub index: u32,
    /// Output rows.
    pub rows: u32,
    /// Inputs per row.
    pub cols: u32,
    /// Groups: each has its own inputs.
    pub groups: u32,
    /// Number of tile rows.
    pub tile_rows: u32,
    /// How outputs are scaled.
    pub scale: Scale,
    /// Rice parameter of the number of changes in a record.
    pub change_rice: u8,
    /// Rice parameter of the gaps between changed cells.
    pub cell_rice: u8,
    /// Rice parameter of the level differences in a key record.
    pub key_rice: u8,
    /// Rice parameters of the input indices by level, two levels a byte.
    pub index_rice: &'a [u8],
    /// The tensor's name.
    pub name: &'a str,
}

/// One tile row; a key frame.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TileRow<'a> {
    /// Position within the layer.
    pub index: u32,
    /// Programmings of the core for this tile row.
    pub steps: u32,
    /// Which output row each core row computes; empty with reach `Core`.
    pub rows: &'a [u8],
}

/// Row records of one or several steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Steps<'a> {
    /// Step of the first record.
    pub step: u32,
    /// Core row of the first record.
    pub row: u16,
    /// Number of records.
    pub records: u16,
    /// The records, bit by bit.
    pub bits: &'a [u8],
}

/// Totals, for the check at the end; the last frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Steps of the whole schedule.
    pub steps: u64,
    /// Weights multiplied in one inference.
    pub weights: u64,
    /// Writes of the first load, from erased cells.
    pub first_writes: u64,
    /// Events of the first load.
    pub first_events: u64,
    /// Writes of every later inference.
    pub writes: u64,
    /// Events of every later inference.
    pub events: u64,
}

/// A frame's content.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Frame<'a> {
    /// What the schedule is for.
    #[serde(borrow)]
    Header(Header<'a>),
    /// A layer begins.
    Layer(Layer<'a>),
    /// A tile row begins.
    TileRow(TileRow<'a>),
    /// Row records.
    Steps(Steps<'a>),
    /// The schedule ends.
    End(End),
}

/// A frame's body.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Body<'a> {
    /// Number of the frame, from 0.
    pub seq: u32,
    /// What it says.
    #[serde(borrow)]
    pub frame: Frame<'a>,
}

/// `d` as a natural number: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
#[must_use]
#[inline]
pub const fn zigzag(d: i32) -> u32 {
    ((d << 1) ^ (d >> 31)) as u32
}

/// The inverse of [`zigzag`].
#[must_use]
#[inline]
pub const fn unzigzag(x: u32) -> i32 {
    ((x >> 1) as i32) ^ -((x & 1) as i32)
}

/// Choices among which a shared input is named, for a row of `cols` inputs on `lanes` lanes.
#[must_use]
#[inline]
pub const fn shared_choices(reach: Reach, cols: u32, lanes: u16) -> u32 {
    match reach {
        Reach::Lane if lanes == 0 => 0,
        Reach::Lane => cols.div_ceil(lanes as u32),
        Reach::Row | Reach::Core => cols,
    }
}

/// Bits of a number that names one of `choices`: the least w with `2^w >= choices`, which is at least 1.
#[must_use]
#[inline]
pub const fn shared_bits(choices: u32) -> u32 {
    u32::BITS - (choices - 1).leading_zeros()
}

/// Binary places of a front and a pace with reach `Core`.
pub const FRONT_BITS: u32 = 4;

/// Start of the window of a list set, with reach `Core`, whose front is `front`.
#[must_use]
#[inline]
pub const fn front_base(front: u32, window: u16) -> u32 {
    (front >> FRONT_BITS).saturating_sub(window as u32 / 2) & !31
}

/// The front of a list set that begins at column `begin`.
#[must_use]
#[inline]
pub const fn first_front(begin: u32) -> u32 {
    begin.saturating_mul(1 << FRONT_BITS)
}

/// Start of the window at step `step` of `steps`, for rows of `cols` inputs.
#[must_use]
#[inline]
pub const fn window_base(step: u32, steps: u32, cols: u32, window: u16) -> u32 {
    let front = divide(step as u64 * cols as u64, steps);
    front.saturating_sub(window as u32 / 2) & !31
}

/// `number / by`, which is below 2^32; 0 where `by` is. A division of 64 bits is a library of its own on a small processor.
const fn divide(number: u64, by: u32) -> u32 {
    if number >> 32 == 0 {
        return match (number as u32).checked_div(by) {
            Some(quotient) => quotient,
            None => 0,
        };
    }
    let (mut rest, mut low, mut quotient, mut bit) = (number >> 32, number as u32, 0, 0);
    while bit < 32 {
        rest = rest << 1 | (low >> 31) as u64;
        low <<= 1;
        quotient <<= 1;
        if rest >= by as u64 {
            rest -= by as u64;
            quotient |= 1;
        }
        bit += 1;
    }
    quotient
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_window_begins_at_the_documented_column(
            steps in 1..=u32::MAX, at in 0.0..1.0f64, cols in 1..=i32::MAX as u32, window in 0..=MAX_WINDOW, small in 1..5000u32,
        ) {
            for (steps, cols) in [(steps, cols), (steps, small), (small, cols), (small, small)] {
                let step = (f64::from(steps) * at) as u32;
                let front = u64::from(step) * u64::from(cols) / u64::from(steps);
                let base = front.saturating_sub(u64::from(window) / 2) / 32 * 32;
                prop_assert_eq!(u64::from(window_base(step, steps, cols, window)), base);
            }
        }
    }
}
