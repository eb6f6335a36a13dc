//! Schedules in a memory beside the controller: kept once, run as often as is asked, without the host.
//!
//! ```text
//! memory:  | head block: "elstore1" | bytes: u32 | name: 16 bytes | CRC-32 of these | ... | the schedule, from the next erase block on |
//!            '- erased first, written last: a schedule counts when it is there whole
//! ```

use embedded_storage::nor_flash::NorFlash;

use crate::crc32::Crc32;
use crate::link::messages::ID;
pub use crate::stored_run::{Kept, StoredRun};

/// Memory for a schedule, larger than the controller's own: a flash on a bus, a card, the chip's second bank.
pub trait Store {
    /// Whether there is one. False leaves all of it out of the image.
    const IS_THERE: bool = true;

    /// What the controller keeps of it in its own memory: `[StoredRun; 1]`, or `[StoredRun; 0]` where there is none.
    type Run: AsMut<[StoredRun]> + Default;

    /// Bytes that a schedule may have.
    fn capacity(&self) -> u32;

    /// Begins to keep a schedule: what was kept before is gone.
    ///
    /// # Errors
    /// The memory's.
    fn begin(&mut self) -> Result<(), StoreFault>;

    /// Writes the schedule's bytes `at..`; each comes once, in ascending order, but for a piece that is written once more at once.
    ///
    /// # Errors
    /// The memory's.
    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), StoreFault>;

    /// All of the schedule is written: it counts from now on, also after a power cut.
    ///
    /// # Errors
    /// The memory's.
    fn finish(&mut self, kept: Kept) -> Result<(), StoreFault>;

    /// The schedule that is kept whole, if any.
    ///
    /// # Errors
    /// The memory's.
    fn kept(&mut self) -> Result<Option<Kept>, StoreFault>;

    /// Reads the schedule's bytes `at..`.
    ///
    /// # Errors
    /// The memory's.
    fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<(), StoreFault>;
}

/// The memory failed, or did not keep what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreFault;

/// No memory for schedules.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStore;

impl Store for NoStore {
    const IS_THERE: bool = false;

    type Run = [StoredRun; 0];

    fn capacity(&self) -> u32 {
        0
    }

    fn begin(&mut self) -> Result<(), StoreFault> {
        Err(StoreFault)
    }

    fn write(&mut self, _: u32, _: &[u8]) -> Result<(), StoreFault> {
        Err(StoreFault)
    }

    fn finish(&mut self, _: Kept) -> Result<(), StoreFault> {
        Err(StoreFault)
    }

    fn kept(&mut self) -> Result<Option<Kept>, StoreFault> {
        Ok(None)
    }

    fn read(&mut self, _: u32, _: &mut [u8]) -> Result<(), StoreFault> {
        Err(StoreFault)
    }
}

/// Bytes of the head.
const HEAD: usize = 32;
/// Bytes of the head before its CRC.
const HEAD_BODY: usize = 8 + 4 + ID;
const MAGIC: [u8; 8] = *b"elstore1";
/// Bytes that are read back at a time.
const BACK: usize = 64;

/// A schedule in any flash of `embedded-storage`. Blocks are erased when their first byte is written, so that no call takes longer than one erase.
#[derive(Clone, Copy, Debug)]
pub struct FlashStore<F>(pub F);

impl<F: NorFlash> FlashStore<F> {
    const IS_FIT: bool = F::WRITE_SIZE > 0
        && HEAD.is_multiple_of(F::WRITE_SIZE)
        && F::ERASE_SIZE >= HEAD
        && F::READ_SIZE > 0
        && F::WRITE_SIZE.is_multiple_of(F::READ_SIZE);

    /// Writes whole words, the last filled up with ones, and reads them back.
    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), StoreFault> {
        let (mut word, mut at) = ([0xFF; BACK], at);
        for part in bytes.chunks(BACK) {
            let len = part.len().next_multiple_of(F::WRITE_SIZE.max(1));
            let to = word.get_mut(..len).ok_or(StoreFault)?;
            to.fill(0xFF);
            to.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
            self.0.write(at, to).map_err(|_| StoreFault)?;
            let mut back = [0; BACK];
            let back = back.get_mut(..len).ok_or(StoreFault)?;
            self.0.read(at, back).map_err(|_| StoreFault)?;
            if back != to {
                return Err(StoreFault);
            }
            at = at.saturating_add(BACK as u32);
        }
        Ok(())
    }
}

impl<F: NorFlash> Store for FlashStore<F> {
    type Run = [StoredRun; 1];

    fn capacity(&self) -> u32 {
        if !Self::IS_FIT {
            return 0;
        }
        let blocks = self.0.capacity().checked_div(F::ERASE_SIZE).unwrap_or(0);
        u32::try_from(blocks.saturating_sub(1).saturating_mul(F::ERASE_SIZE)).unwrap_or(u32::MAX)
    }

    fn begin(&mut self) -> Result<(), StoreFault> {
        self.0.erase(0, F::ERASE_SIZE as u32).map_err(|_| StoreFault)
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), StoreFault> {
        let block = F::ERASE_SIZE as u32;
        let (from, to) = (at.next_multiple_of(block), at.saturating_add(bytes.len() as u32));
        // A piece is shorter than a block: at most one begins in it.
        if from < to {
            let begin = block.checked_add(from).ok_or(StoreFault)?;
            let end = begin.checked_add(block).ok_or(StoreFault)?;
            self.0.erase(begin, end).map_err(|_| StoreFault)?;
        }
        self.put(block.checked_add(at).ok_or(StoreFault)?, bytes)
    }

    fn finish(&mut self, kept: Kept) -> Result<(), StoreFault> {
        let mut head = [0; HEAD];
        let body = MAGIC.into_iter().chain(kept.bytes.to_le_bytes()).chain(kept.schedule);
        head.iter_mut().zip(body).for_each(|(to, from)| *to = from);
        let crc = Crc32::checksum(head.get(..HEAD_BODY).unwrap_or_default());
        head.iter_mut().skip(HEAD_BODY).zip(crc.to_le_bytes()).for_each(|(to, from)| *to = from);
        self.put(0, &head)
    }

    fn kept(&mut self) -> Result<Option<Kept>, StoreFault> {
        if !Self::IS_FIT {
            return Ok(None);
        }
        let mut head = [0; HEAD];
        self.0.read(0, &mut head).map_err(|_| StoreFault)?;
        let (body, crc) = head.split_at(HEAD_BODY);
        let (Some(magic), Some(bytes), Some(schedule)) =
            (body.first_chunk::<8>(), body.get(8..).and_then(|b| b.first_chunk()), body.last_chunk())
        else {
            return Ok(None);
        };
        let kept = Kept { bytes: u32::from_le_bytes(*bytes), schedule: *schedule };
        let whole = *magic == MAGIC && *crc == Crc32::checksum(body).to_le_bytes() && kept.bytes <= self.capacity();
        Ok(whole.then_some(kept))
    }

    fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<(), StoreFault> {
        let mut at = (F::ERASE_SIZE as u32).checked_add(at).ok_or(StoreFault)?;
        // Word by word where reads have to be whole: a frame begins anywhere.
        let size = F::READ_SIZE.max(1);
        let mut word = [0; BACK];
        let mut rest = bytes;
        while !rest.is_empty() {
            let skip = at as usize % size;
            let take = rest.len().min(BACK - size - skip);
            let all = word.get_mut(..(skip + take).next_multiple_of(size)).ok_or(StoreFault)?;
            self.0.read(at - skip as u32, all).map_err(|_| StoreFault)?;
            let (now, later) = rest.split_at_mut_checked(take).ok_or(StoreFault)?;
            now.iter_mut().zip(all.get(skip..).unwrap_or_default()).for_each(|(to, from)| *to = *from);
            at = at.saturating_add(take as u32);
            rest = later;
        }
        Ok(())
    }
}
