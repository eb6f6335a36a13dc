//! A simulated NOR flash: it forbids what flash cannot do, counts, and loses power in the middle of a word or an erase.

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};

use crate::sim_cells::Power;

/// Bytes of a word: written whole or torn.
pub const WORD: usize = 4;
/// Bytes of an erase block.
pub const BLOCK: usize = 1024;

/// What the flash forbids, or suffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlashFault {
    /// The power is gone.
    PowerLost,
    /// Outside the flash, or not on word or block borders.
    Bounds,
    /// A word that was not written whole, which the flash's code against errors shows.
    Torn {
        /// Its place.
        at: u32,
    },
    /// A word that was written since it was erased, or whose erasing was cut.
    NotErased {
        /// Its place.
        at: u32,
    },
}

impl NorFlashError for FlashFault {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Bounds => NorFlashErrorKind::OutOfBounds,
            _ => NorFlashErrorKind::Other,
        }
    }
}

/// How much was done to the flash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlashCounts {
    /// Words written.
    pub words: u64,
    /// Blocks erased.
    pub erases: u64,
}

/// What a word of the flash is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It may be written.
    Erased,
    /// It was written since it was erased.
    Written,
    /// The power failed while it was written or erased.
    Torn,
}

/// What is wrong with the flash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flaws {
    /// A torn word reads differently each time: as it should be, or with some of its zeros missing.
    pub unstable: bool,
    /// A torn word cannot be read: the flash has a code against errors.
    pub coded: bool,
    /// How many words are written and blocks erased until one is not, without a word of it; `None` for never.
    pub silent_after: Option<u64>,
}

/// A flash in lent memory, in words of [`WORD`] bytes and blocks of [`BLOCK`].
///
/// A word that a power cut falls into has some of its zeros, by a seeded pattern; a block whose erasing is cut has some of its ones.
/// Neither may be written before it is erased again.
pub struct SimFlash<'m, P> {
    bytes: &'m mut [u8],
    words: &'m mut [Word],
    /// The power that it lives on.
    pub power: P,
    /// What was done so far.
    pub counts: FlashCounts,
    /// What is wrong with it.
    pub flaws: Flaws,
    /// Whether it has failed in silence.
    pub was_silent: bool,
    noise: u64,
}

impl<'m, P: Power> SimFlash<'m, P> {
    /// The flash with these contents; `words` has one entry for each word. `None` when the lengths do not fit each other or the blocks.
    #[must_use]
    pub fn new(bytes: &'m mut [u8], words: &'m mut [Word], power: P, seed: u64) -> Option<Self> {
        let fits = bytes.len().is_multiple_of(BLOCK) && words.len() * WORD == bytes.len();
        let (counts, flaws) = (FlashCounts::default(), Flaws::default());
        fits.then_some(Self { bytes, words, power, counts, flaws, was_silent: false, noise: seed })
    }

    /// The contents.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        self.bytes
    }

    fn random(&mut self) -> u32 {
        self.noise = self.noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.noise >> 32) as u32
    }

    /// Whether the next event is the one that fails in silence.
    fn is_silent(&mut self) -> bool {
        match &mut self.flaws.silent_after {
            Some(0) => {
                self.flaws.silent_after = None;
                self.was_silent = true;
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }

    fn range(&self, from: usize, len: usize, align: usize) -> Result<core::ops::Range<usize>, FlashFault> {
        let end = from.checked_add(len).filter(|&end| end <= self.bytes.len()).ok_or(FlashFault::Bounds)?;
        if from.is_multiple_of(align) && len.is_multiple_of(align) { Ok(from..end) } else { Err(FlashFault::Bounds) }
    }
}

impl<P> ErrorType for SimFlash<'_, P> {
    type Error = FlashFault;
}

impl<P: Power> ReadNorFlash for SimFlash<'_, P> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashFault> {
        if self.power.is_off() {
            return Err(FlashFault::PowerLost);
        }
        let range = self.range(offset as usize, bytes.len(), 1)?;
        bytes.copy_from_slice(self.bytes.get(range.clone()).unwrap_or_default());
        if !self.flaws.unstable && !self.flaws.coded {
            return Ok(());
        }
        for (at, byte) in range.zip(bytes) {
            if self.words.get(at / WORD) == Some(&Word::Torn) {
                if self.flaws.coded {
                    return Err(FlashFault::Torn { at: at as u32 });
                }
                // As it is, or with ones that were not there the last time.
                *byte |= if self.random().is_multiple_of(2) { 0 } else { (self.random() & self.random()) as u8 };
            }
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<P: Power> NorFlash for SimFlash<'_, P> {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = BLOCK;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashFault> {
        let range = self.range(from as usize, (to as usize).saturating_sub(from as usize), BLOCK)?;
        for start in range.step_by(BLOCK) {
            if self.power.is_off() {
                return Err(FlashFault::PowerLost);
            }
            let whole = self.power.holds();
            if whole && self.is_silent() {
                continue;
            }
            for at in start..start + BLOCK {
                let ones = if whole { 0xFF } else { self.random() as u8 };
                if let Some(byte) = self.bytes.get_mut(at) {
                    *byte |= ones;
                }
            }
            let words = start / WORD..(start + BLOCK) / WORD;
            self.words.get_mut(words).unwrap_or_default().fill(if whole { Word::Erased } else { Word::Torn });
            if !whole {
                return Err(FlashFault::PowerLost);
            }
            self.counts.erases += 1;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashFault> {
        let range = self.range(offset as usize, bytes.len(), WORD)?;
        for (at, word) in range.step_by(WORD).zip(bytes.chunks_exact(WORD)) {
            if self.power.is_off() {
                return Err(FlashFault::PowerLost);
            }
            // Blocks that were not erased in silence take what they can.
            let is_erased = self.words.get(at / WORD) == Some(&Word::Erased) || self.was_silent;
            if !is_erased {
                return Err(FlashFault::NotErased { at: at as u32 });
            }
            let whole = self.power.holds();
            if let Some(word) = self.words.get_mut(at / WORD) {
                *word = if whole { Word::Written } else { Word::Torn };
            }
            if whole && self.is_silent() {
                continue;
            }
            // A torn word that reads differently each time may read well.
            let kept = if whole || self.flaws.unstable { [0; WORD] } else { self.random().to_le_bytes() };
            let place = self.bytes.get_mut(at..at + WORD).unwrap_or_default();
            for ((to, from), ones) in place.iter_mut().zip(word).zip(kept) {
                *to &= from | ones;
            }
            if !whole {
                return Err(FlashFault::PowerLost);
            }
            self.counts.words += 1;
        }
        Ok(())
    }
}
