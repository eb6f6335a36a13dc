//! The records of the log.
//!
//! ```text
//! record:  | length: u16 | kind: u8 | redone: u8 | CRC: u32 | payload: `length` bytes | FF to the write size |
//!
//! CRC-32 over the bank's generation (u32), the record's place in the bank (u32), the four bytes before the CRC, and the payload.
//!
//! kind        payload                                         when it is written
//! 1 Intent    frame: u32, calls: u32, then 4 bytes a cell      before these cells are written
//! 2 Correct   16 bytes: bit 2 i + side of cell i of the intent before these PCM cells are written once more
//! 3 Fault     a fault report, 8 bytes                          when a PCM cell did not take its level
//! 4 Done      frames: u32, ended: u32                          when a frame of the schedule is carried out
//! 5 Key       frames: u32, zeros, resume point: 48 bytes       the same, for a TileRow frame
//! 6 Start     schedule: 16 bytes, inference: u32               when an inference begins
//! 7 SetKey    key: 32 bytes                                    when schedules must be sealed from now on
//! 8 Mark      -                                                behind Done, Key and SetKey, before they are acknowledged
//! 9 Halt      cell: u32, zeros                                 when a fault finds no more room
//!
//! cell of an intent:  bits 0..20 weight cell `row C + col`, bits 20..29 its new signed level + 256
//! ```
//!
//! A record is whole when its CRC is right; the log ends before the first that is not. What the power failed in is the last that was
//! written: a whole record behind one that is not shows that it was damaged later, and so the mark guards what was acknowledged. A cell's
//! level is absolute, so an intent may be carried out again at any time.

use super::bytes::{put, u16_at, u32_at};
use super::layout::PIECE;
use crate::crc32::Crc32;

/// Bytes before a record's payload.
pub(super) const PREFIX: usize = 8;
/// Bytes of an intent's payload before its cells.
const INTENT: usize = 8;
/// The word of a record that is its first cell.
const FIRST: usize = (PREFIX + INTENT) / 4;
/// Weight cells of one intent at most.
pub(crate) const BATCH: usize = 64;
/// Bytes of the longest record, padded.
pub(super) const MAX_RECORD: usize = (PREFIX + INTENT + 4 * BATCH).next_multiple_of(PIECE);

/// Kinds of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Intent = 1,
    Correct = 2,
    Fault = 3,
    Done = 4,
    Key = 5,
    Start = 6,
    SetKey = 7,
    Mark = 8,
    Halt = 9,
}

impl Kind {
    const fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Intent,
            2 => Self::Correct,
            3 => Self::Fault,
            4 => Self::Done,
            5 => Self::Key,
            6 => Self::Start,
            7 => Self::SetKey,
            8 => Self::Mark,
            9 => Self::Halt,
            _ => return None,
        })
    }

    /// Whether a payload of this kind can have `len` bytes.
    const fn has_length(self, len: usize) -> bool {
        match self {
            Self::Intent => len > INTENT && len <= INTENT + 4 * BATCH && len.is_multiple_of(4),
            Self::Correct => len == PcmSet::BYTES,
            Self::Mark => len == 0,
            Self::Fault | Self::Done | Self::Halt => len == 8,
            Self::Key => len == 56,
            Self::Start => len == 20,
            Self::SetKey => len == 32,
        }
    }
}

/// The start of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prefix {
    pub(super) len: usize,
    pub(super) kind: Kind,
    pub(super) redone: u8,
    pub(super) crc: u32,
}

impl Prefix {
    /// The prefix in these bytes, if a record can begin so.
    pub(super) fn decode(b: &[u8]) -> Option<Self> {
        let (len, kind) = (usize::from(u16_at(b, 0)), Kind::of(*b.get(2)?)?);
        kind.has_length(len).then_some(Self { len, kind, redone: *b.get(3)?, crc: u32_at(b, 4) })
    }
}

/// CRC of a record under way.
pub(super) fn digest(generation: u32, place: u32, four: &[u8]) -> Crc32 {
    let mut digest = Crc32::new();
    let mut seed = [0; 12];
    put(&mut seed, 0, &generation.to_le_bytes());
    put(&mut seed, 4, &place.to_le_bytes());
    put(&mut seed, 8, four);
    digest.update(&seed);
    digest
}

/// Completes the record in `b`, whose payload of `len` bytes is in its place already, for `place` in the bank; returns its length, padded
/// to `align`.
pub(super) fn complete(
    b: &mut [u8],
    (len, kind, redone): (usize, Kind, u8),
    generation: u32,
    place: u32,
    align: usize,
) -> usize {
    put(b, 0, &(len as u16).to_le_bytes());
    put(b, 2, &[kind as u8, redone]);
    let mut digest = digest(generation, place, b.get(..4).unwrap_or_default());
    digest.update(b.get(PREFIX..).and_then(|b| b.get(..len)).unwrap_or_default());
    put(b, 4, &digest.finalize().to_le_bytes());
    let end = PREFIX + len;
    let padded = end.next_multiple_of(align);
    if let Some(padding) = b.get_mut(end..).and_then(|b| b.get_mut(..padded - end)) {
        padding.fill(0xFF);
    }
    padded
}

/// PCM cells of a batch: bit `2 i + side` of weight cell `i`, sixteen weight cells a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PcmSet([u32; BATCH / 16]);

impl PcmSet {
    pub(crate) const BYTES: usize = BATCH / 4;

    #[inline]
    pub(crate) fn insert(&mut self, i: usize, side: usize) {
        if let Some(word) = self.0.get_mut(i / 16) {
            *word |= 1 << (2 * (i % 16) + side);
        }
    }

    /// Adds the sides of weight cell `i` whose bits are set in `sides`: bit 0 plus, bit 1 minus.
    #[inline]
    pub(crate) fn insert_sides(&mut self, i: usize, sides: u32) {
        if let Some(word) = self.0.get_mut(i / 16) {
            *word |= sides << (2 * (i % 16));
        }
    }

    /// The words, each with the number of its first weight cell.
    #[inline]
    pub(crate) fn words(&self) -> impl Iterator<Item = (usize, u32)> {
        (0..).step_by(16).zip(self.0.iter().copied())
    }

    /// Takes the first PCM cell out: weight cell and side.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<(usize, usize)> {
        for (first, word) in (0..).step_by(16).zip(&mut self.0) {
            if *word != 0 {
                let bit = word.trailing_zeros() as usize;
                *word &= *word - 1;
                return Some((first + bit / 2, bit % 2));
            }
        }
        None
    }

    #[inline]
    pub(crate) fn contains(&self, i: usize, side: usize) -> bool {
        self.0.get(i / 16).is_some_and(|word| word >> (2 * (i % 16) + side) & 1 == 1)
    }

    pub(crate) fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// As they lie in a Correct record.
    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (place, word) in bytes.as_chunks_mut().0.iter_mut().zip(self.0) {
            *place = word.to_le_bytes();
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let mut set = Self::default();
        for (word, place) in set.0.iter_mut().zip(bytes.as_chunks().0) {
            *word = u32::from_le_bytes(*place);
        }
        set
    }
}

/// Cells that are to be written together: an intent in the making.
pub(crate) struct Batch {
    /// An Intent record: prefix, frame, calls, cells.
    record: [u8; MAX_RECORD],
    cells: usize,
    /// How often a power cut interrupted it.
    redone: u8,
}

impl Batch {
    pub(crate) const fn new() -> Self {
        Self { record: [0; MAX_RECORD], cells: 0, redone: 0 }
    }

    pub(crate) const fn clear(&mut self) {
        self.cells = 0;
        self.redone = 0;
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.cells == 0
    }

    pub(crate) const fn len(&self) -> usize {
        self.cells
    }

    /// Takes one cell more; false when it is full.
    #[inline]
    pub(crate) fn push(&mut self, cell: u32, level: i16) -> bool {
        if self.cells >= BATCH {
            return false;
        }
        let packed = cell | ((level + 256) as u32) << 20;
        if let Some(place) = self.record.as_chunks_mut().0.get_mut(FIRST + self.cells) {
            *place = packed.to_le_bytes();
        }
        self.cells += 1;
        true
    }

    /// Cell `i` and its new level.
    #[inline]
    pub(crate) fn get(&self, i: usize) -> Option<(u32, i16)> {
        if i >= self.cells {
            return None;
        }
        let packed = u32::from_le_bytes(*self.record.as_chunks().0.get(FIRST + i)?);
        Some((packed & 0xF_FFFF, (packed >> 20 & 0x1FF) as i16 - 256))
    }

    /// How often a power cut interrupted it.
    pub(crate) const fn redone(&self) -> u8 {
        self.redone
    }

    /// A power cut has interrupted it once more.
    pub(super) const fn interrupted(&mut self) {
        self.redone = self.redone.saturating_add(1);
    }

    /// Where it belongs: the frame, and the program calls of the frame up to its end.
    pub(crate) fn set_place(&mut self, frame: u32, calls: u32) {
        put(&mut self.record, PREFIX, &frame.to_le_bytes());
        put(&mut self.record, PREFIX + 4, &calls.to_le_bytes());
    }

    pub(crate) fn place(&self) -> (u32, u32) {
        (u32_at(&self.record, PREFIX), u32_at(&self.record, PREFIX + 4))
    }

    /// The record, and the length of its payload.
    pub(super) fn record(&mut self) -> (&mut [u8], usize) {
        (&mut self.record, INTENT + 4 * self.cells)
    }

    /// Takes over a whole Intent record.
    pub(super) fn take_over(&mut self, record: &[u8; MAX_RECORD], prefix: &Prefix) {
        self.record = *record;
        self.cells = prefix.len.saturating_sub(INTENT) / 4;
        self.redone = prefix.redone;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::CRC;
    use proptest::prelude::*;

    #[test]
    fn an_intent_is_the_documented_bytes() {
        let mut batch = Batch::new();
        assert!(batch.push(0x12345, -3) && batch.push(1, 7));
        batch.set_place(9, 258);
        batch.interrupted();
        let (record, len) = batch.record();
        let padded = complete(record, (len, Kind::Intent, 1), 5, 0x40, 16);
        let payload = [
            9, 0, 0, 0, 2, 1, 0, 0, // frame, calls
            0x45, 0x23, 0xD1, 0x0F, // cell 12345h, 253 << 20
            0x01, 0x00, 0x70, 0x10, // cell 1, 263 << 20
        ];
        let mut summed = [0; 28];
        summed[..12].copy_from_slice(&[5, 0, 0, 0, 0x40, 0, 0, 0, 16, 0, 1, 1]);
        summed[12..].copy_from_slice(&payload);
        assert_eq!(padded, 32);
        assert_eq!(record[..4], [16, 0, 1, 1]);
        assert_eq!(record[4..8], CRC.checksum(&summed).to_le_bytes());
        assert_eq!(record[8..24], payload);
        assert_eq!(record[24..32], [0xFF; 8]);
        let prefix = Prefix::decode(record).unwrap();
        assert_eq!((prefix.len, prefix.kind, prefix.redone), (16, Kind::Intent, 1));
    }

    #[test]
    fn lengths_that_no_record_of_the_kind_has_end_the_log() {
        for (kind, good) in [(1u8, 12u16), (2, 16), (3, 8), (4, 8), (5, 56), (6, 20), (7, 32), (9, 8)] {
            let bytes = |len: u16, kind| [len as u8, (len >> 8) as u8, kind, 0, 0, 0, 0, 0];
            assert!(Prefix::decode(&bytes(good, kind)).is_some(), "{kind}");
            for bad in [0, good - 1, good + 1, 300, u16::MAX] {
                assert!(Prefix::decode(&bytes(bad, kind)).is_none(), "{kind} {bad}");
            }
            assert!(Prefix::decode(&bytes(good, kind + 100)).is_none());
        }
        assert!(Prefix::decode(&[0xFF; 8]).is_none());
    }

    proptest! {
        #[test]
        fn cells_of_a_batch_come_back(cells in prop::collection::vec((0..1u32 << 20, -255..=255i16), 0..=BATCH)) {
            let mut batch = Batch::new();
            for (cell, level) in &cells {
                prop_assert!(batch.push(*cell, *level));
            }
            prop_assert_eq!(batch.len(), cells.len());
            for (i, cell) in cells.iter().enumerate() {
                prop_assert_eq!(batch.get(i), Some(*cell));
            }
            prop_assert_eq!(batch.get(cells.len()), None);
            if cells.len() == BATCH {
                prop_assert!(!batch.push(0, 0));
            }
        }
    }
}
