//! Bit strings, lowest bit first, and the Rice codes of the format (`docs/schedule-format.md`, section 3).
//!
//! One 32-bit load serves almost every code: loaded at the byte of the next bit, it holds at least 25 bits from there.
//! Reading never goes behind the end, never panics and never loops: a code costs a constant number of instructions.

use crate::wire::RICE_ESCAPE;

/// Why a code could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitError {
    /// The bit string ends within the code.
    Truncated,
    /// An escaped number that has a shorter, unescaped code.
    Escape,
}

/// Bits that one load always holds, whatever the position within the byte.
const LOADED: u32 = 25;

/// Reads a bit string from its front.
#[derive(Clone, Debug)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    /// The next bit; never above `end`.
    at: usize,
    /// Bits in all.
    end: usize,
}

impl<'a> BitReader<'a> {
    /// A reader of all bits of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, end: bytes.len() * 8 }
    }

    /// Bits that are left, the padding of the last byte included.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.end - self.at
    }

    /// `n` bits as a number, `n <= 32`.
    ///
    /// # Errors
    /// [`BitError::Truncated`] when fewer than `n` bits are left.
    #[inline]
    pub fn bits(&mut self, n: u32) -> Result<u32, BitError> {
        if n > 16 {
            if self.left() < n as usize {
                return Err(BitError::Truncated);
            }
            let low = self.bits(16)?;
            return Ok(low | self.bits(n - 16)? << 16);
        }
        let x = self.load() & low_mask(n);
        self.skip(n)?;
        Ok(x)
    }

    /// A Rice-coded number with parameter `k <= 15`.
    ///
    /// # Errors
    /// [`BitError::Truncated`] at the end of the bits, [`BitError::Escape`] for an escape that was not needed.
    #[inline]
    pub fn rice(&mut self, k: u32) -> Result<u32, BitError> {
        let word = self.load();
        let q = (!word).trailing_zeros();
        if q >= RICE_ESCAPE {
            return self.escaped(k);
        }
        let low = if q + 1 + k <= LOADED {
            self.skip(q + 1 + k)?;
            (word >> (q + 1)) & low_mask(k)
        } else {
            self.skip(q + 1)?;
            self.bits(k)?
        };
        Ok(q << k | low)
    }

    #[cold]
    fn escaped(&mut self, k: u32) -> Result<u32, BitError> {
        self.skip(RICE_ESCAPE)?;
        let x = self.bits(32)?;
        if x >> k < RICE_ESCAPE { Err(BitError::Escape) } else { Ok(x) }
    }

    /// The bits from the next one on, at least [`LOADED`] of them; zeros behind the end.
    #[inline]
    fn load(&self) -> u32 {
        let rest = self.bytes.get(self.at / 8..).unwrap_or_default();
        let word = match rest.first_chunk::<4>() {
            Some(four) => u32::from_le_bytes(*four),
            None => last_bytes(rest),
        };
        word >> (self.at % 8)
    }

    #[inline]
    fn skip(&mut self, n: u32) -> Result<(), BitError> {
        let at = self.at + n as usize;
        if at > self.end {
            return Err(BitError::Truncated);
        }
        self.at = at;
        Ok(())
    }
}

#[cold]
fn last_bytes(rest: &[u8]) -> u32 {
    rest.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte))
}

/// The lowest `n <= 31` bits set.
#[inline]
const fn low_mask(n: u32) -> u32 {
    (1 << n) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rice_codes_are_the_documented_bits() {
        // rice(0) of 2: 1 1 0; rice(2) of 5: q = 1: 1 0, low 01 as 1 0; rice(1) of 0: 0 0; then bits(3) of 6: 0 1 1.
        let mut r = BitReader::new(&[0b1010_1011, 0b0000_1100]);
        // bit order, lowest first: 1 1 0 1 0 1 0 1 | 0 0 1 1 ...
        assert_eq!(r.rice(0), Ok(2));
        assert_eq!(r.rice(2), Ok(1 << 2 | 0b01));
        assert_eq!(r.bits(1), Ok(1));
        assert_eq!(r.rice(1), Ok(0));
        assert_eq!(r.bits(2), Ok(3));
        assert_eq!(r.left(), 4);
    }

    #[test]
    fn escapes_are_read_and_unneeded_ones_refused() {
        // 20 ones, then 32 bits of x: bytes FF FF, then nibble F and x shifted by 4.
        let escaped = |x: u32| {
            let tail = (u64::from(x) << 4 | 0xF).to_le_bytes();
            [0xFF, 0xFF, tail[0], tail[1], tail[2], tail[3], tail[4]]
        };
        assert_eq!(BitReader::new(&escaped(u32::MAX)).rice(3), Ok(u32::MAX));
        assert_eq!(BitReader::new(&escaped(20 << 3)).rice(3), Ok(20 << 3));
        assert_eq!(BitReader::new(&escaped((20 << 3) - 1)).rice(3), Err(BitError::Escape));
        assert_eq!(BitReader::new(&escaped(99)[..6]).rice(0), Err(BitError::Truncated));
    }

    #[test]
    fn the_largest_unescaped_code_needs_two_loads() {
        // q = 19, k = 15, low = 0x5555, at every bit offset.
        for offset in 0..8u32 {
            let code: u64 = ((1 << 19) - 1) | 0x5555 << 20;
            let bytes = (code << offset).to_le_bytes();
            let mut r = BitReader::new(&bytes);
            r.bits(offset).unwrap();
            assert_eq!(r.rice(15), Ok(19 << 15 | 0x5555));
        }
    }

    #[test]
    fn the_end_is_an_error_at_every_bit() {
        for n in 0..=16 {
            let mut r = BitReader::new(&[0xAA, 0x55]);
            r.bits(n).unwrap();
            assert_eq!(r.bits(17 - n), Err(BitError::Truncated));
            assert_eq!(r.left(), 16 - n as usize);
        }
        assert_eq!(BitReader::new(&[]).rice(0), Err(BitError::Truncated));
        assert_eq!(BitReader::new(&[0x03]).rice(15), Err(BitError::Truncated));
        assert_eq!(BitReader::new(&[0xFF]).rice(0), Err(BitError::Truncated));
    }
}
