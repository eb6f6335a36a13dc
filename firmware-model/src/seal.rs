//! Schedules that only the holder of a key can make.
//!
//! A *sealed* schedule has a tag of 16 bytes behind every frame's CRC: the BLAKE2s-128 MAC, under a key of 32 bytes, of the schedule's
//! name, the frame's length and its body. A device with a key checks it before it looks at the frame, so nothing is carried out that
//! was not authenticated, and any tile row can be gone on from without the frames before it. Frames of two schedules cannot be
//! mixed (the name is in the tag), nor put in another order (their numbers are in the bodies), nor left out (the decoder counts).
//! Whoever has the key can seal; a sealed schedule can be loaded again at any time.

use blake2::digest::block_api::{Buffer, UpdateCore, VariableOutputCore};
use blake2::digest::consts::U32;
use blake2::digest::{Digest, Output};
use blake2::{Blake2s, Blake2sVarCore};

use crate::link::messages::{ID, KEY, ScheduleId};
use crate::wire::{FRAME_OVERHEAD, MAGIC};

/// Bytes of a block of BLAKE2s.
const BLOCK: usize = 64;
/// Bytes of a tag.
pub const TAG: usize = 16;

/// A schedule's name: the first half of the BLAKE2s-256 hash of its file, without tags.
#[must_use]
pub fn schedule_id(file: &[u8]) -> ScheduleId {
    let hash = Blake2s::<U32>::digest(file);
    let mut id = [0; ID];
    id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    id
}

/// What makes and checks the tags of one schedule.
#[derive(Clone, Copy)]
pub struct Seal {
    key: [u8; KEY],
    schedule: ScheduleId,
}

impl Seal {
    /// The seal of `schedule` under `key`.
    #[must_use]
    pub const fn new(key: [u8; KEY], schedule: ScheduleId) -> Self {
        Self { key, schedule }
    }

    /// Tag of the frame with this body.
    #[must_use]
    pub fn tag(&self, body: &[u8]) -> [u8; TAG] {
        self.mac(body).unwrap_or_default()
    }

    /// The MAC block by block: the crate's own buffering has a panic that a compiler does not see to be impossible. `None` never
    /// comes, but no tag of zeros may pass.
    fn mac(&self, body: &[u8]) -> Option<[u8; TAG]> {
        let mut core = Blake2sVarCore::new_with_params(&[], &[], KEY, TAG);
        // The key is the first block, filled up with zeros. The last block waits for the end.
        let mut block = [0; BLOCK];
        block.iter_mut().zip(&self.key).for_each(|(to, from)| *to = *from);
        let mut used = BLOCK;
        for &byte in self.schedule.iter().chain(&(body.len() as u16).to_le_bytes()).chain(body) {
            if used == BLOCK {
                core.update_blocks(&[block.into()]);
                used = 0;
            }
            *block.get_mut(used)? = byte;
            used += 1;
        }
        let mut last = Buffer::<Blake2sVarCore>::try_new(block.get(..used)?).ok()?;
        let mut tag = Output::<Blake2sVarCore>::default();
        core.finalize_variable_core(&mut last, &mut tag);
        tag.first_chunk().copied()
    }

    /// Whether `tag` belongs to the frame with this body. Takes the same time for every wrong tag.
    #[must_use]
    #[inline(never)]
    pub fn admits(&self, body: &[u8], tag: &[u8; TAG]) -> bool {
        let Some(own) = self.mac(body) else { return false };
        own.iter().zip(tag).fold(0, |wrong, (a, b)| wrong | (a ^ b)) == 0
    }
}

/// The frames of a schedule's bytes, each with its length and CRC, and its tag if `sealed`; the last may be cut short. The magic is
/// passed over.
pub fn frames(schedule: &[u8], sealed: bool) -> impl Iterator<Item = &[u8]> {
    let mut rest = schedule.get(MAGIC.len()..).unwrap_or_default();
    let around = FRAME_OVERHEAD + if sealed { TAG } else { 0 };
    core::iter::from_fn(move || {
        let len = usize::from(u16::from_le_bytes(*rest.first_chunk()?)) + around;
        let (frame, behind) = rest.split_at_checked(len).unwrap_or((rest, &[]));
        rest = behind;
        Some(frame)
    })
}

/// Seals the schedule in `file`: hands the sealed bytes over piece by piece.
pub fn seal(file: &[u8], key: [u8; KEY], mut push: impl FnMut(&[u8])) {
    let seal = Seal::new(key, schedule_id(file));
    push(file.get(..MAGIC.len()).unwrap_or(file));
    for frame in frames(file, false) {
        push(frame);
        // Length and CRC are not in the tag: they follow from the body.
        let body = frame.len().checked_sub(4).and_then(|end| frame.get(2..end)).unwrap_or_default();
        push(&seal.tag(body));
    }
}
