//! Memory at a fixed address, word by word: the registers of the chip, and the window that stands for cells and flash.

/// `LEN` 32-bit words from address `BASE` on. Each access reaches the memory, in the order of the program.
#[derive(Debug)]
pub struct Words<const BASE: usize, const LEN: usize>(());

impl<const BASE: usize, const LEN: usize> Words<BASE, LEN> {
    /// The words of this range.
    ///
    /// # Safety
    /// All of the range is memory or registers of the chip, aligned to 4 bytes, and no Rust object lies in it.
    #[expect(unsafe_code, reason = "only the board's memory map says what lies at an address")]
    pub const unsafe fn new() -> Self {
        Self(())
    }

    /// Word `i`; 0 beyond the range.
    #[inline]
    #[must_use]
    pub fn read(&self, i: usize) -> u32 {
        if i >= LEN {
            return 0;
        }
        #[expect(unsafe_code, reason = "a load inside the range that `new` was promised")]
        unsafe {
            (BASE as *const u32).add(i).read_volatile()
        }
    }

    /// Stores word `i` with one store; nothing happens beyond the range.
    #[inline]
    pub fn write(&mut self, i: usize, word: u32) {
        if i >= LEN {
            return;
        }
        #[expect(unsafe_code, reason = "a store inside the range that `new` was promised")]
        unsafe {
            (BASE as *mut u32).add(i).write_volatile(word);
        }
    }
}
