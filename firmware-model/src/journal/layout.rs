//! Where things lie in flash.
//!
//! ```text
//! flash:  | bank 0 | bank 1 |                    half of the capacity each, in whole erase blocks
//!
//! bank:   | header | the same | faults | levels   | wear      | mark | log ...                           |
//!         | 192    | 192      | 128    | R x C x2 | R x C x 8 | 64   | record | record | ... | FF FF ... |
//!           '- written last -'           '- each padded to 64 -'  '- when both headers are written
//!
//! header:   0  "eljrnl\0\x02"          24  faults: u16, flags: u16      104  layers: u32
//!           8  generation: u32         28  CRC of faults, levels, wear  108  frames in the header's frame: u32
//!          12  rows: u16, cols: u16    32  schedule: 16 bytes           112  tile rows: u64
//!          16  device CRC: u32         48  inference: u32               120  steps: u64
//!          20  bits: u8, 0, fanout: u16 52  frames: u32                  128  weights: u64
//!                                      56  program calls: u32           136  key: 32 bytes
//!                                      60  next inference: u32          168  zeros
//!                                      64  cell of the halt: u32        188  CRC of bytes 0..188
//!                                      68  zeros
//!                                      72  corrections: u64
//!                                      80  zeros
//!                                      88  layer frame, tile frame, layer, tile row: u32 each
//! ```
//!
//! A word that the power failed in may read well now and badly later. So a copy of the header counts for good when something behind it
//! is written: the second copy shows that the first is sound, the mark that both are.

use super::bytes::{put, take, u16_at, u32_at, u64_at};
use super::place::Place;
use crate::crc32::Crc32;
use crate::link::messages::KEY;
use crate::photonic_core::{Identity, Progress, ResumePoint};

/// Flash is written and read in pieces of this many bytes: a multiple of every write size that is supported.
pub(super) const PIECE: usize = 64;
/// Bytes of a bank's header.
pub(super) const HEADER: usize = 192;
/// Fault reports that can be kept.
pub const MAX_FAULTS: usize = 16;
/// Bytes of all fault reports.
pub(super) const FAULTS: usize = MAX_FAULTS * 8;
/// Least room for the log, bytes.
pub(super) const MIN_LOG: u32 = 8192;

const MAGIC: [u8; 8] = *b"eljrnl\0\x02";
const HAS_PLACE: u16 = 1;
const ENDED: u16 = 2;
const HAS_RESUME: u16 = 4;
const HAS_KEY: u16 = 8;
const IS_HALTED: u16 = 16;

/// Where the parts of a bank begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// Bytes of a bank.
    pub(super) bank: u32,
    /// Weight cells.
    pub(super) cells: u32,
}

impl Layout {
    /// The layout for a core of `cells` weight cells in `capacity` bytes of flash; `None` when that is not enough.
    pub(super) fn new(cells: usize, capacity: usize, erase: usize) -> Option<Self> {
        let bank = (capacity / 2).checked_div(erase)? * erase;
        let layout = Self { bank: u32::try_from(bank).ok()?, cells: u32::try_from(cells).ok()? };
        (layout.log().checked_add(MIN_LOG)? <= layout.bank).then_some(layout)
    }

    pub(super) const fn faults(&self) -> u32 {
        2 * HEADER as u32
    }

    pub(super) const fn levels(&self) -> u32 {
        self.faults() + FAULTS as u32
    }

    pub(super) const fn wear(&self) -> u32 {
        self.levels() + (self.cells * 2).next_multiple_of(PIECE as u32)
    }

    pub(super) const fn mark(&self) -> u32 {
        self.wear() + (self.cells * 8).next_multiple_of(PIECE as u32)
    }

    pub(super) const fn log(&self) -> u32 {
        self.mark() + PIECE as u32
    }
}

/// Why the journal cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// The flash does not answer, or does not keep what is written to it.
    Flash {
        /// The place in the flash.
        at: u32,
    },
    /// The flash is too small for two banks, or its erase blocks are no multiple of 64 bytes, or its write size is none of 1 to 64
    /// that divides 64.
    Geometry,
    /// The flash belongs to another core: begin a new journal if the core was changed.
    OtherCore,
    /// No checkpoint is whole, and the flash is not new: levels are not known. Begin a new journal and erase the core.
    Corrupt,
    /// A record is damaged, and whole ones lie behind it: what was acknowledged is lost. Begin a new journal and erase the core.
    Rotten {
        /// The place of the record in the flash.
        at: u32,
    },
}

/// What a bank's header says. `P` and `K`: place and key themselves, or, when it is written, references to them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Header<P = Place, K = [u8; KEY]> {
    /// The core that it belongs to.
    pub(super) core: Identity,
    pub(super) generation: u32,
    pub(super) faults: u16,
    /// Over faults, levels and wear, with their padding.
    pub(super) body_crc: u32,
    pub(super) place: Option<P>,
    pub(super) key: Option<K>,
    /// Number of the next new inference.
    pub(super) next: u32,
    /// The PCM cell that found no more room among the faults.
    pub(super) halted: Option<u32>,
    /// Writes that verification asked for.
    pub(super) corrections: u64,
}

impl Header<&Place, &[u8; KEY]> {
    /// The header's bytes, into `b`.
    pub(super) fn encode(&self, b: &mut [u8; HEADER]) {
        let identity = &self.core;
        *b = [0; HEADER];
        put(b, 0, &MAGIC);
        put(b, 8, &self.generation.to_le_bytes());
        put(b, 12, &identity.rows.to_le_bytes());
        put(b, 14, &identity.cols.to_le_bytes());
        put(b, 16, &identity.device_crc.to_le_bytes());
        put(b, 20, &[identity.bits]);
        put(b, 22, &identity.fanout.to_le_bytes());
        put(b, 24, &self.faults.to_le_bytes());
        put(b, 28, &self.body_crc.to_le_bytes());
        let mut flags = 0;
        if let Some(place) = self.place {
            flags |= HAS_PLACE | if place.ended { ENDED } else { 0 };
            put(b, 32, &place.schedule);
            put(b, 48, &place.inference.to_le_bytes());
            put(b, 52, &place.frames.to_le_bytes());
            put(b, 56, &place.calls.to_le_bytes());
            if let Some(resume) = &place.resume {
                flags |= HAS_RESUME;
                put(b, 88, &resume.encode());
            }
        }
        put(b, 60, &self.next.to_le_bytes());
        put(b, 72, &self.corrections.to_le_bytes());
        if let Some(cell) = self.halted {
            flags |= IS_HALTED;
            put(b, 64, &cell.to_le_bytes());
        }
        if let Some(key) = self.key {
            flags |= HAS_KEY;
            put(b, 136, key);
        }
        put(b, 26, &flags.to_le_bytes());
        let crc = Crc32::checksum(b.get(..HEADER - 4).unwrap_or_default());
        put(b, HEADER - 4, &crc.to_le_bytes());
    }
}

impl Header {
    /// The header in these bytes, if they are one.
    pub(super) fn decode(b: &[u8; HEADER]) -> Option<Self> {
        let body = b.get(..HEADER - 4).unwrap_or_default();
        if u32_at(b, HEADER - 4) != Crc32::checksum(body) || take::<8>(b, 0) != MAGIC {
            return None;
        }
        let core = Identity {
            rows: u16_at(b, 12),
            cols: u16_at(b, 14),
            bits: take::<1>(b, 20)[0],
            fanout: u16_at(b, 22),
            device_crc: u32_at(b, 16),
        };
        let flags = u16_at(b, 26);
        let place = Place {
            schedule: take(b, 32),
            inference: u32_at(b, 48),
            frames: u32_at(b, 52),
            calls: u32_at(b, 56),
            ended: flags & ENDED != 0,
            resume: (flags & HAS_RESUME != 0).then(|| ResumePoint::decode(b.get(88..).unwrap_or_default())),
        };
        Some(Self {
            core,
            generation: u32_at(b, 8),
            faults: u16_at(b, 24),
            body_crc: u32_at(b, 28),
            place: (flags & HAS_PLACE != 0).then_some(place),
            key: (flags & HAS_KEY != 0).then(|| take(b, 136)),
            next: u32_at(b, 60),
            halted: (flags & IS_HALTED != 0).then(|| u32_at(b, 64)),
            corrections: u64_at(b, 72),
        })
    }
}

/// Bytes of a [`ResumePoint`].
pub(super) const RESUME: usize = 48;

impl ResumePoint {
    /// Layer frame, tile frame, layer, tile row, layers, frames: `u32`; tile rows, steps, weights: `u64`.
    pub(super) fn encode(&self) -> [u8; RESUME] {
        let mut b = [0; RESUME];
        put(&mut b, 0, &self.layer_frame.to_le_bytes());
        put(&mut b, 4, &self.tile_frame.to_le_bytes());
        put(&mut b, 8, &self.layer.to_le_bytes());
        put(&mut b, 12, &self.tile_row.to_le_bytes());
        put(&mut b, 16, &self.before.layers.to_le_bytes());
        put(&mut b, 20, &self.before.frames.to_le_bytes());
        put(&mut b, 24, &self.before.tile_rows.to_le_bytes());
        put(&mut b, 32, &self.before.steps.to_le_bytes());
        put(&mut b, 40, &self.before.weights.to_le_bytes());
        b
    }

    /// The inverse of [`ResumePoint::encode`].
    pub(super) fn decode(b: &[u8]) -> Self {
        Self {
            layer_frame: u32_at(b, 0),
            tile_frame: u32_at(b, 4),
            layer: u32_at(b, 8),
            tile_row: u32_at(b, 12),
            before: Progress {
                layers: u32_at(b, 16),
                frames: u32_at(b, 20),
                tile_rows: u64_at(b, 24),
                steps: u64_at(b, 32),
                weights: u64_at(b, 40),
                ended: false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const IDENTITY: Identity = Identity { rows: 9, cols: 8, bits: 4, fanout: 1, device_crc: 77 };

    #[test]
    fn the_parts_of_a_bank_lie_where_the_document_says() {
        // 9 x 9: 162 bytes of levels in 192, 648 of wear in 704.
        let layout = Layout::new(81, 2 * 10_240, 1024).unwrap();
        assert_eq!((layout.faults(), layout.levels(), layout.wear()), (384, 512, 704));
        assert_eq!((layout.mark(), layout.log()), (1408, 1472));
        assert_eq!(layout.bank, 10_240);
        assert_eq!(Layout::new(81, 2 * 9_215, 1024), None, "1,472 + 8,192 bytes are needed");
        assert_eq!(Layout::new(81, 1 << 20, 0), None);
        // Banks are whole erase blocks.
        assert_eq!(Layout::new(81, 2 * 10_240 + 1000, 1024).unwrap().bank, 10_240);
    }

    fn place() -> impl Strategy<Value = Place> {
        let resume = any::<([u32; 6], [u64; 3])>().prop_map(|(a, b)| ResumePoint {
            layer_frame: a[0],
            tile_frame: a[1],
            layer: a[2],
            tile_row: a[3],
            before: Progress { layers: a[4], frames: a[5], tile_rows: b[0], steps: b[1], weights: b[2], ended: false },
        });
        let rest = (any::<[u8; 16]>(), any::<[u32; 3]>(), any::<bool>());
        (rest, prop::option::of(resume)).prop_map(|((schedule, n, ended), resume)| Place {
            schedule,
            inference: n[0],
            frames: n[1],
            calls: n[2],
            ended,
            resume,
        })
    }

    proptest! {
        #[test]
        fn headers_come_back_and_damaged_ones_do_not(
            generation in any::<u32>(),
            body_crc in any::<u32>(),
            place in prop::option::of(place()),
            key in prop::option::of(any::<[u8; KEY]>()),
            (next, halted, corrections) in any::<(u32, Option<u32>, u64)>(),
            at in 0..HEADER,
            change in 1..=255u8,
        ) {
            let core = IDENTITY;
            let header = Header { core, generation, faults: 3, body_crc, place, key, next, halted, corrections };
            let mut bytes = [0; HEADER];
            Header { core, generation, faults: 3, body_crc, place: place.as_ref(), key: key.as_ref(), next, halted, corrections }.encode(&mut bytes);
            prop_assert_eq!(Header::decode(&bytes), Some(header));
            bytes[at] ^= change;
            prop_assert_eq!(Header::decode(&bytes), None);
        }
    }
}
