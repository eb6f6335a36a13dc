//! Other memories than one flash of equal blocks, as the journal's flash: FRAM and MRAM, two flashes, and none.
//!
//! | what | as a [`NorFlash`] |
//! |---|---|
//! | memory that is written byte by byte and needs no erasing (FRAM, MRAM): a [`ByteMemory`] | [`ByteFlash`] |
//! | blocks of unequal size, as of an STM32F4: two drivers, one for each bank | [`TwoFlashes`] |
//! | none: the device forgets everything when it is switched off | [`NoJournal`] |

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};

/// Memory that is written byte by byte, in place, for as often as one likes: FRAM, MRAM. The journal wears none of it out.
pub trait ByteMemory {
    /// Its bytes.
    fn capacity(&self) -> u32;

    /// Reads bytes `at..`.
    ///
    /// # Errors
    /// The memory does not answer.
    fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<(), MemoryFault>;

    /// Writes bytes `at..`. When the power fails, some are written, in any order.
    ///
    /// # Errors
    /// The memory does not answer.
    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), MemoryFault>;
}

/// A memory that does not answer, or a place outside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryFault {
    /// It does not answer.
    Memory,
    /// Not inside, or not on the borders of words or blocks.
    Bounds,
}

impl NorFlashError for MemoryFault {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Memory => NorFlashErrorKind::Other,
            Self::Bounds => NorFlashErrorKind::OutOfBounds,
        }
    }
}

/// Bytes of a block of a [`ByteFlash`].
const BLOCK: usize = 64;

/// A [`ByteMemory`] as a flash: erasing writes ones.
#[derive(Clone, Copy, Debug)]
pub struct ByteFlash<M>(pub M);

impl<M> ErrorType for ByteFlash<M> {
    type Error = MemoryFault;
}

impl<M: ByteMemory> ReadNorFlash for ByteFlash<M> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), MemoryFault> {
        self.0.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.0.capacity() as usize
    }
}

impl<M: ByteMemory> NorFlash for ByteFlash<M> {
    // A word, so that the end of the log is looked for word by word.
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = BLOCK;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), MemoryFault> {
        for at in (from..to).step_by(BLOCK) {
            self.0.write(at, &[0xFF; BLOCK])?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), MemoryFault> {
        self.0.write(offset, bytes)
    }
}

/// Two flashes, or two regions of one whose blocks differ in size, one for each bank of the journal: `BANK` bytes of each from its beginning.
/// `BANK` is a multiple of both erase blocks.
#[derive(Clone, Copy, Debug)]
pub struct TwoFlashes<A, B, const BANK: usize> {
    /// The first bank's.
    pub first: A,
    /// The second bank's.
    pub second: B,
}

const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

impl<A: NorFlash, B: NorFlash, const BANK: usize> TwoFlashes<A, B, BANK> {
    const IS_FIT: () = assert!(
        A::ERASE_SIZE > 0
            && B::ERASE_SIZE > 0
            && BANK.is_multiple_of(A::ERASE_SIZE)
            && BANK.is_multiple_of(B::ERASE_SIZE),
        "a bank is a whole number of erase blocks of both flashes"
    );

    /// Which of the two, and where in it.
    const fn place(offset: u32, len: usize) -> Result<(bool, u32), MemoryFault> {
        const { Self::IS_FIT };
        let (at, bank) = (offset as usize, BANK);
        let second = at >= bank;
        let inside = if second { at - bank } else { at };
        if len <= bank && inside <= bank - len { Ok((second, inside as u32)) } else { Err(MemoryFault::Bounds) }
    }
}

impl<A, B, const BANK: usize> ErrorType for TwoFlashes<A, B, BANK> {
    type Error = MemoryFault;
}

impl<A: NorFlash, B: NorFlash, const BANK: usize> ReadNorFlash for TwoFlashes<A, B, BANK> {
    const READ_SIZE: usize = larger(A::READ_SIZE, B::READ_SIZE);

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), MemoryFault> {
        match Self::place(offset, bytes.len())? {
            (false, at) => self.first.read(at, bytes).map_err(|_| MemoryFault::Memory),
            (true, at) => self.second.read(at, bytes).map_err(|_| MemoryFault::Memory),
        }
    }

    fn capacity(&self) -> usize {
        let fits = self.first.capacity() >= BANK && self.second.capacity() >= BANK;
        if fits { 2 * BANK } else { 1 }
    }
}

impl<A: NorFlash, B: NorFlash, const BANK: usize> NorFlash for TwoFlashes<A, B, BANK> {
    const WRITE_SIZE: usize = larger(A::WRITE_SIZE, B::WRITE_SIZE);
    const ERASE_SIZE: usize = BANK;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), MemoryFault> {
        for bank in (from..to).step_by(BANK) {
            match Self::place(bank, BANK)? {
                (false, at) => self.first.erase(at, at + BANK as u32).map_err(|_| MemoryFault::Memory)?,
                (true, at) => self.second.erase(at, at + BANK as u32).map_err(|_| MemoryFault::Memory)?,
            }
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), MemoryFault> {
        match Self::place(offset, bytes.len())? {
            (false, at) => self.first.write(at, bytes).map_err(|_| MemoryFault::Memory),
            (true, at) => self.second.write(at, bytes).map_err(|_| MemoryFault::Memory),
        }
    }
}

/// No journal: a device with it takes all cells for being at level 0 when it is switched on, resumes nothing after a power cut, keeps no key,
/// and counts writes since it was switched on. A memory of 0 bytes means the same whatever its type.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoJournal;

impl ErrorType for NoJournal {
    type Error = MemoryFault;
}

impl ReadNorFlash for NoJournal {
    const READ_SIZE: usize = 1;

    #[inline]
    fn read(&mut self, _: u32, _: &mut [u8]) -> Result<(), MemoryFault> {
        Err(MemoryFault::Bounds)
    }

    #[inline]
    fn capacity(&self) -> usize {
        0
    }
}

impl NorFlash for NoJournal {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = BLOCK;

    #[inline]
    fn erase(&mut self, _: u32, _: u32) -> Result<(), MemoryFault> {
        Err(MemoryFault::Bounds)
    }

    #[inline]
    fn write(&mut self, _: u32, _: &[u8]) -> Result<(), MemoryFault> {
        Err(MemoryFault::Bounds)
    }
}
