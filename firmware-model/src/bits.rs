//! Bit strings, lowest bit first, and the Rice codes of the format (`docs/schedule-format.md`, section 3).
//!
//! One 32-bit load serves almost every code: loaded at the byte of the next bit, it holds at least 25 bits from there.
//! Reading never goes behind the end, never panics and never loops: a code costs a constant number of instructions.

use crate::wire::RICE_ESCAPE;

/// Why a code could not be read.
// As wide as the number that comes instead, so that either is returned in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
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
    #[inline(never)]
    pub fn bits(&mut self, n: u32) -> Result<u32, BitError> {
        if n > 16 {
            if self.left() < n as usize {
                return Err(BitError::Truncated);
            }
            let low = self.few_bits(16)?;
            return Ok(low | self.few_bits(n - 16)? << 16);
        }
        self.few_bits(n)
    }

    /// `n <= 16` bits. Apart, so that nothing calls itself.
    #[inline(never)]
    fn few_bits(&mut self, n: u32) -> Result<u32, BitError> {
        let x = self.load() & low_mask(n);
        self.skip(n)?;
        Ok(x)
    }

    /// The same, in the middle of the caller's loop.
    #[inline(always)]
    pub(crate) fn few_bits_here(&mut self, n: u32) -> Result<u32, BitError> {
        if let Some(word) = self.load_inside() {
            self.at += n as usize;
            return Ok(word & low_mask(n));
        }
        let mut slow = self.clone();
        let number = slow.bits(n)?;
        self.at = slow.at;
        Ok(number)
    }

    /// A Rice-coded number with parameter `k <= 15`.
    ///
    /// # Errors
    /// [`BitError::Truncated`] at the end of the bits, [`BitError::Escape`] for an escape that was not needed.
    #[inline(never)]
    pub fn rice(&mut self, k: u32) -> Result<u32, BitError> {
        self.rice_here(k)
    }

    /// The same, in the middle of the caller's loop: the position stays in a register there.
    #[inline(always)]
    pub(crate) fn rice_here(&mut self, k: u32) -> Result<u32, BitError> {
        if let Some(word) = self.load_inside() {
            let q = (!word).trailing_zeros();
            let len = q + 1 + k;
            // All but a few codes: whole inside the load, and so inside the bytes.
            if q < RICE_ESCAPE && len <= LOADED {
                self.at += len as usize;
                return Ok(q << k | (word >> (q + 1)) & low_mask(k));
            }
        }
        let mut slow = self.clone();
        let number = slow.rice_in_parts(k)?;
        self.at = slow.at;
        Ok(number)
    }

    /// Long codes, escapes, and codes near the end.
    #[cold]
    #[inline(never)]
    fn rice_in_parts(&mut self, k: u32) -> Result<u32, BitError> {
        let q = (!self.load()).trailing_zeros();
        if q >= RICE_ESCAPE {
            return self.escaped(k);
        }
        self.skip(q + 1)?;
        Ok(q << k | self.bits(k)?)
    }

    fn escaped(&mut self, k: u32) -> Result<u32, BitError> {
        self.skip(RICE_ESCAPE)?;
        let x = self.bits(32)?;
        if x >> k < RICE_ESCAPE { Err(BitError::Escape) } else { Ok(x) }
    }

    /// The bits from the next one on, at least [`LOADED`] of them; zeros behind the end.
    #[inline]
    fn load(&self) -> u32 {
        self.load_inside()
            .unwrap_or_else(|| last_bytes(self.bytes.get(self.at / 8..).unwrap_or_default()) >> (self.at % 8))
    }

    /// The same, when four bytes are there.
    #[inline(always)]
    fn load_inside(&self) -> Option<u32> {
        let four = self.bytes.get(self.at / 8..)?.first_chunk()?;
        Some(u32::from_le_bytes(*four) >> (self.at % 8))
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
#[inline(never)]
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
    fn every_length_of_code_is_read_at_every_offset() {
        for (q, k, offset) in (0..20u32).flat_map(|q| (0..16u32).flat_map(move |k| (0..8u32).map(move |o| (q, k, o)))) {
            // q ones, a zero, then k ones; with as few bytes behind as possible, and with more.
            let low = (1u64 << k) - 1;
            let bytes = ((((1u64 << q) - 1) | low << (q + 1)) << offset).to_le_bytes();
            let len = (offset + q + 1 + k).div_ceil(8) as usize;
            for end in [len, len + 1, 8] {
                let mut r = BitReader::new(&bytes[..end.min(8)]);
                r.bits(offset).unwrap();
                assert_eq!(r.rice(k), Ok(q << k | low as u32), "q {q} k {k} offset {offset} bytes {end}");
            }
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
