//! Bit strings and Rice codes, as docs/schedule-format.md defines them (section 3); the decoder's twin lives in the firmware.

use firmware_model::wire::RICE_ESCAPE;

/// A growing bit string; the first bit is the lowest of the first word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BitString {
    /// Whole words.
    words: Vec<u64>,
    /// The bits behind them, fewer than 64.
    rest: u64,
    bits: usize,
}

impl BitString {
    /// Bits so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bits
    }

    /// No bit yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bits == 0
    }

    /// Forgets all bits, keeps the memory.
    pub fn clear(&mut self) {
        self.words.clear();
        (self.rest, self.bits) = (0, 0);
    }

    /// Appends the `count` low bits of `value`, the lowest first; `count <= 64`, the bits above must be 0.
    #[inline(always)]
    pub fn push(&mut self, value: u64, count: u32) {
        debug_assert!(count == 64 || value >> count == 0);
        let used = (self.bits % 64) as u32;
        self.rest |= value.wrapping_shl(used);
        self.bits += count as usize;
        if used + count >= 64 {
            self.words.push(self.rest);
            // What did not fit; nothing if the word was empty before.
            self.rest = if used == 0 { 0 } else { value >> (64 - used) };
        }
    }

    /// Appends a number in Rice code with parameter `k`.
    #[inline(always)]
    pub fn push_rice(&mut self, x: u32, k: u8) {
        let (quotient, k) = (x >> k, u32::from(k));
        if quotient < RICE_ESCAPE {
            // `quotient` ones, a zero, and the k low bits.
            let ones = (1u64 << quotient) - 1;
            let low = u64::from(x) & ((1 << k) - 1);
            self.push(ones | low << (quotient + 1), quotient + 1 + k);
        } else {
            self.push((1 << RICE_ESCAPE) - 1, RICE_ESCAPE);
            self.push(u64::from(x), 32);
        }
    }

    /// Appends bits `from..to` of another string.
    pub fn append(&mut self, other: &Self, from: usize, to: usize) {
        let mut at = from;
        while at < to {
            let count = (to - at).min(64);
            self.push(other.get(at, count as u32), count as u32);
            at += count;
        }
    }

    /// `count <= 64` bits from `at` on; bits behind the end are 0.
    fn get(&self, at: usize, count: u32) -> u64 {
        let word = |i: usize| self.words.get(i).copied().unwrap_or(if i == self.words.len() { self.rest } else { 0 });
        let shift = (at % 64) as u32;
        let low = word(at / 64) >> shift;
        let bits = if shift == 0 { low } else { low | word(at / 64 + 1) << (64 - shift) };
        if count == 64 { bits } else { bits & ((1 << count) - 1) }
    }

    /// The string as bytes, over `out`; the padding of the last byte is 0.
    pub fn to_bytes(&self, out: &mut Vec<u8>) {
        out.clear();
        out.extend(self.words.iter().chain([&self.rest]).flat_map(|w| w.to_le_bytes()));
        out.truncate(self.bits.div_ceil(8));
    }
}

/// Length of a Rice code, bits.
#[inline]
#[must_use]
pub fn rice_len(x: u32, k: u8) -> u64 {
    let quotient = x >> k;
    if quotient < RICE_ESCAPE { u64::from(quotient) + 1 + u64::from(k) } else { u64::from(RICE_ESCAPE) + 32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_codes_of_the_document() {
        let mut bits = BitString::default();
        bits.push_rice(5, 1); // quotient 2: 1 1 0, then the low bit 1
        bits.push(0b011, 3);
        let mut bytes = Vec::new();
        bits.to_bytes(&mut bytes);
        assert_eq!((bits.len(), bytes), (7, vec![0b0011_1011]));
    }

    proptest! {
        #[test]
        fn append_is_push_by_push(
            pieces in prop::collection::vec((any::<u64>(), 0u32..=64), 0..40),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut whole = BitString::default();
            for (value, count) in pieces {
                whole.push(if count == 64 { value } else { value & ((1 << count) - 1) }, count);
            }
            let middle = cut.index(whole.len() + 1);
            let mut copy = BitString::default();
            copy.append(&whole, 0, middle);
            copy.append(&whole, middle, whole.len());
            prop_assert_eq!(copy, whole);
        }

        #[test]
        fn rice_lengths(x in any::<u32>(), k in 0u8..=15) {
            let mut bits = BitString::default();
            bits.push_rice(x, k);
            prop_assert_eq!(bits.len() as u64, rice_len(x, k));
        }
    }
}
