//! The controller's flash: a NOR flash of `BYTES` bytes over the window of memory that survives a reset.
//!
//! As in a real one, writing only clears bits, and only erasing a whole sector sets them. The window keeps every bit inverted, so that memory
//! full of zeros is a new, blank flash. For another board, take the driver of its
//! flash: most chips' crates have one that implements [`NorFlash`].

use embedded_storage::nor_flash::{
    ErrorType, MultiwriteNorFlash, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read,
    check_write,
};

use crate::map::{FLASH_BYTES, WINDOW, WORD};
use crate::words::Words;

/// Bytes that one erase sets to ones.
const SECTOR: usize = 1024;

/// The flash.
#[derive(Debug)]
pub struct Flash<const BYTES: usize> {
    words: Words<WINDOW, { FLASH_BYTES / WORD }>,
}

/// What the flash refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlashError(NorFlashErrorKind);

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        self.0
    }
}

impl<const BYTES: usize> Flash<BYTES> {
    /// The board's flash, as it was left.
    #[must_use]
    pub const fn open() -> Self {
        const { assert!(BYTES <= FLASH_BYTES && BYTES.is_multiple_of(SECTOR)) };
        #[expect(unsafe_code, reason = "PSRAM of the mps2-an386; the linker puts nothing there")]
        let words = unsafe { Words::new() };
        Self { words }
    }
}

impl<const BYTES: usize> ErrorType for Flash<BYTES> {
    type Error = FlashError;
}

impl<const BYTES: usize> ReadNorFlash for Flash<BYTES> {
    const READ_SIZE: usize = WORD;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        check_read(self, offset, bytes.len()).map_err(FlashError)?;
        for (i, word) in (offset as usize / WORD..).zip(bytes.as_chunks_mut().0) {
            *word = (!self.words.read(i)).to_le_bytes();
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        BYTES
    }
}

impl<const BYTES: usize> NorFlash for Flash<BYTES> {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = SECTOR;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        check_erase(self, from, to).map_err(FlashError)?;
        for i in from as usize / WORD..to as usize / WORD {
            self.words.write(i, 0);
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        check_write(self, offset, bytes.len()).map_err(FlashError)?;
        for (i, word) in (offset as usize / WORD..).zip(bytes.as_chunks().0) {
            self.words.write(i, self.words.read(i) | !u32::from_le_bytes(*word));
        }
        Ok(())
    }
}

impl<const BYTES: usize> MultiwriteNorFlash for Flash<BYTES> {}
