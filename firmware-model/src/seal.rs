//! Schedules that only the holder of a key can make.
//!
//! A *sealed* schedule has a tag of 16 bytes behind every frame's CRC: the first half of the HMAC-SHA-256, under a key of 32 bytes,
//! of the schedule's name, the frame's length and its body. A device with a key checks it before it looks at the frame, so nothing is carried out that
//! was not authenticated, and any tile row can be gone on from without the frames before it. Frames of two schedules cannot be
//! mixed (the name is in the tag), nor put in another order (their numbers are in the bodies), nor left out (the decoder counts).
//! Whoever has the key can seal; a sealed schedule can be loaded again at any time.

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

pub use crate::link::messages::TAG;
use crate::link::messages::{ID, KEY, ScheduleId, Start};
use crate::mutants::Mutant;
use crate::wire::{FRAME_OVERHEAD, MAGIC};

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;
/// Bytes of a SHA-256 hash.
const HASH: usize = 32;
/// What a SHA-256 hash starts from (FIPS 180-4, section 5.3.3).
const START: [u32; 8] =
    [0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19];
/// What the key is combined with for the inner and the outer hash of an HMAC (RFC 2104).
const INNER: u8 = 0x36;
const OUTER: u8 = 0x5C;
/// What stands for the schedule's name in the tags of orders: no schedule has it.
const ORDERS: ScheduleId = *b"elight/orders/01";

/// A schedule's name: the first half of the SHA-256 hash of its file, without tags.
#[must_use]
pub fn schedule_id(file: &[u8]) -> ScheduleId {
    let hash = Sha256::digest(file);
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

    /// `None` never comes, but no tag of zeros may pass.
    fn mac(&self, body: &[u8]) -> Option<[u8; TAG]> {
        let length = (body.len() as u16).to_le_bytes();
        let inner = self.hash(INNER, [&self.schedule, &length, body])?;
        self.hash(OUTER, [&inner, &[], &[]])?.first_chunk().copied()
    }

    /// SHA-256 of the key combined with `pad`, and the parts. Block by block: the crate's own buffering and padding have panics that a
    /// compiler does not see to be impossible.
    #[inline(never)]
    fn hash(&self, pad: u8, parts: [&[u8]; 3]) -> Option<[u8; HASH]> {
        let mut state = START;
        // The key is the first block, filled up with zeros.
        let mut block = [pad; BLOCK];
        block.iter_mut().zip(&self.key).for_each(|(to, from)| *to ^= *from);
        compress256(&mut state, &[block]);
        let mut len = BLOCK;
        for &byte in parts.into_iter().flatten() {
            *block.get_mut(len % BLOCK)? = byte;
            len += 1;
            if len.is_multiple_of(BLOCK) {
                compress256(&mut state, &[block]);
            }
        }
        // A one, zeros, and the number of bits at the end of a block.
        let used = len % BLOCK;
        block.get_mut(used..)?.fill(0);
        *block.get_mut(used)? = 0x80;
        let bits = (len as u64 * 8).to_be_bytes();
        if used + 1 + bits.len() > BLOCK {
            compress256(&mut state, &[block]);
            block = [0; BLOCK];
        }
        *block.last_chunk_mut()? = bits;
        compress256(&mut state, &[block]);
        let mut hash = [0; HASH];
        for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(state) {
            *bytes = word.to_be_bytes();
        }
        Some(hash)
    }

    /// Whether `tag` belongs to the frame with this body. Takes the same time for every wrong tag.
    #[must_use]
    #[inline(never)]
    pub fn admits(&self, body: &[u8], tag: &[u8; TAG]) -> bool {
        let Some(own) = self.mac(body) else { return false };
        let compared = if Mutant::ShortTag.is_on() { 4 } else { TAG };
        own.iter().zip(tag).take(compared).fold(0, |wrong, (a, b)| wrong | (a ^ b)) == 0
    }
}

/// What makes and checks the tags of orders: of everything that changes a device and is no frame of a schedule.
///
/// ```text
/// tag = first 16 bytes of HMAC-SHA-256(key, "elight/orders/01" | length: u16 | body)
///
/// order     body, little-endian
/// start     1 | run: u32 | inference: u32 | schedule: 16 bytes | batch: u16 | inferences: u32, 1 unless they are run from memory
/// set key   2 | number: u32 | next inference: u32 | masked key: 32 bytes
/// renew     3 | number: u32 | checkpoints: u32 | first: u32
/// format    4 | number: u32 | checkpoints: u32 | keep wear: u8
/// set       6 | number: u32 | checkpoints: u32 | first: u32 | level: i16 | verify: u8
/// keep      7 | number: u32 | checkpoints: u32 | bytes: u32 | schedule: 16 bytes
///
/// masked key = key xor HMAC-SHA-256(old key, "elight/orders/01" | 9: u16 | 5 | next inference: u32 | half: u32), 16 bytes of each half
/// ```
///
/// Each body has a number of the device that is never the same again once the order has changed anything: an order that was listened to is
/// of no use later.
#[derive(Clone, Copy)]
pub struct Orders(Seal);

impl Orders {
    /// Orders under `key`.
    #[must_use]
    pub const fn new(key: [u8; KEY]) -> Self {
        Self(Seal::new(key, ORDERS))
    }

    /// Tag of a start; its own tag is not looked at.
    #[must_use]
    pub fn start(&self, start: &Start) -> [u8; TAG] {
        self.play(start, 1)
    }

    /// Tag of a start of so many inferences, run from the controller's own memory.
    #[must_use]
    pub fn play(&self, start: &Start, inferences: u32) -> [u8; TAG] {
        let mut body = [0; 9 + ID + 6];
        numbers(&mut body, 1, [start.run, start.inference]);
        let rest = start.schedule.into_iter().chain(start.batch.to_le_bytes()).chain(inferences.to_le_bytes());
        body.iter_mut().skip(9).zip(rest).for_each(|(to, from)| *to = from);
        self.0.tag(&body)
    }

    /// Tag of an order to bring weight cells to a level.
    #[must_use]
    pub fn set(&self, number: u32, checkpoints: u32, (first, level, verify): (u32, i16, bool)) -> [u8; TAG] {
        let mut body = [0; 16];
        numbers(&mut body, 6, [number, checkpoints]);
        let rest = first.to_le_bytes().into_iter().chain(level.to_le_bytes()).chain([u8::from(verify)]);
        body.iter_mut().skip(9).zip(rest).for_each(|(to, from)| *to = from);
        self.0.tag(&body)
    }

    /// Tag of an order to keep a schedule.
    #[must_use]
    pub fn keep(&self, number: u32, checkpoints: u32, bytes: u32, schedule: &ScheduleId) -> [u8; TAG] {
        let mut body = [0; 13 + ID];
        numbers(&mut body, 7, [number, checkpoints]);
        let rest = bytes.to_le_bytes().into_iter().chain(*schedule);
        body.iter_mut().skip(9).zip(rest).for_each(|(to, from)| *to = from);
        self.0.tag(&body)
    }

    /// Tag of a change of keys; `masked`: the new key behind its mask.
    #[must_use]
    pub fn set_key(&self, number: u32, next: u32, masked: &[u8; KEY]) -> [u8; TAG] {
        let mut body = [0; 9 + KEY];
        numbers(&mut body, 2, [number, next]);
        body.iter_mut().skip(9).zip(masked).for_each(|(to, from)| *to = *from);
        self.0.tag(&body)
    }

    /// Tag of a renewal from PCM cell `first` on.
    #[must_use]
    pub fn renew(&self, number: u32, checkpoints: u32, first: u32) -> [u8; TAG] {
        let mut body = [0; 13];
        numbers(&mut body, 3, [number, checkpoints]);
        body.iter_mut().skip(9).zip(first.to_le_bytes()).for_each(|(to, from)| *to = from);
        self.0.tag(&body)
    }

    /// Tag of a format.
    #[must_use]
    pub fn format(&self, number: u32, checkpoints: u32, keep_wear: bool) -> [u8; TAG] {
        let mut body = [0; 10];
        numbers(&mut body, 4, [number, checkpoints]);
        if let Some(last) = body.last_mut() {
            *last = keep_wear.into();
        }
        self.0.tag(&body)
    }

    /// Puts the mask of this key on another one, or takes it off.
    #[must_use]
    pub fn mask(&self, next: u32, key: &[u8; KEY]) -> [u8; KEY] {
        let mut masked = *key;
        for (half, bytes) in (0u32..).zip(masked.chunks_mut(TAG)) {
            let mut body = [0; 9];
            numbers(&mut body, 5, [next, half]);
            bytes.iter_mut().zip(self.0.tag(&body)).for_each(|(to, mask)| *to ^= mask);
        }
        masked
    }
}

/// Kind and two numbers at the start of an order's body.
fn numbers(body: &mut [u8], kind: u8, [first, second]: [u32; 2]) {
    let numbers = [kind].into_iter().chain(first.to_le_bytes()).chain(second.to_le_bytes());
    body.iter_mut().zip(numbers).for_each(|(to, from)| *to = from);
}

/// Whether two tags are the same. Takes the same time for every wrong one.
#[must_use]
pub fn same(a: &[u8; TAG], b: &[u8; TAG]) -> bool {
    a.iter().zip(b).fold(0, |wrong, (a, b)| wrong | (a ^ b)) == 0
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

#[cfg(test)]
mod tests {
    use super::*;

    /// As any other implementation gives them: `hmac.digest(key, schedule + length + body, "sha256")[:16]` of Python, for
    /// key 0, 1, ... 31, schedule 100, 101, ... 115, and a body of `len` bytes 0, 1, 2, ...
    #[test]
    fn tags_are_those_of_an_hmac() {
        let key = core::array::from_fn(|i| i as u8);
        let schedule = core::array::from_fn(|i| 100 + i as u8);
        let body: [u8; 200] = core::array::from_fn(|i| i as u8);
        for (len, tag) in TAGS {
            let own = Seal::new(key, schedule).tag(&body[..len]);
            assert_eq!(u128::from_be_bytes(own), tag, "{len} bytes");
        }
    }

    /// Lengths around the end of a block, with 18 bytes before them.
    const TAGS: [(usize, u128); 6] = [
        (0, 0xdbf59e83_15de69c2_8fd511cd_b1129505),
        (37, 0x240fc6c2_175304e6_feb0cc6c_94d5fb3e),
        (38, 0x1bf39574_aee2c311_57e94134_f381eb63),
        (45, 0x8c786e7e_2c5751f8_4703139b_9ef399ed),
        (46, 0xd95a8b79_ea513ccb_31e34f85_8ae0f620),
        (200, 0xde7d1f1d_df9dbd36_e3a31038_100aa987),
    ];
}
