//! Which inputs of a core row are taken already: the window of `docs/schedule-format.md`, section 5.
//!
//! ```text
//! column      0 ........ base ................ base + W ...... N
//!             |  unmarked |  W bits, marked or not |  unmarked |
//! ring word                [first] [first + 1] ... wraps to [0] ...
//! ```
//!
//! The window is the same for all core rows; each row has its own ring of W bits, held as little-endian 32-bit words. `base` is a multiple of 32, so a word lies inside the
//! window or outside, never half.

use crate::wire::window_base;

/// Where the window is, and where its first word lies in every row's ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// First column of the window, a multiple of 32.
    base: u32,
    /// Ring word of `base`, below `words`; 0 when `words` is 0.
    first: u32,
    /// Words of the ring: W / 32, even, at most 128.
    words: u32,
}

impl Window {
    /// The window of `width` columns at step 0; the rings have to be zero.
    pub(crate) const fn new(width: u16) -> Self {
        Self { base: 0, first: 0, words: width as u32 / 32 }
    }

    /// Moves on to step `step` of `steps` for rows of `cols` inputs, and calls `clear` with each ring word that has to be
    /// zeroed in every row: at most all of them once.
    pub(crate) fn advance(&mut self, step: u32, steps: u32, cols: u32, mut clear: impl FnMut(usize)) {
        if self.words == 0 {
            return;
        }
        let base = window_base(step, steps, cols, (self.words * 32) as u16);
        let moved = (base - self.base) / 32;
        let mut word = self.first;
        for _ in 0..moved.min(self.words) {
            clear(word as usize);
            word = if word + 1 == self.words { 0 } else { word + 1 };
        }
        self.base = base;
        self.first = (self.first + moved % self.words) % self.words;
    }

    /// The first column from `start` on that is not marked, after `gap` other unmarked ones; `None` beyond 2^32.
    ///
    /// Looks at each word of the ring at most once.
    #[inline]
    pub(crate) fn find(&self, ring: &[u8], start: u32, gap: u32) -> Option<u32> {
        // The end of the window may lie above 2^32 in nonsense layers only; then columns there do not exist either.
        let end = self.base.saturating_add(self.words * 32);
        let (mut at, mut gap) = (start, gap);
        if at < self.base {
            let before = self.base - at;
            if gap < before {
                return Some(at + gap);
            }
            (at, gap) = (self.base, gap - before);
        }
        if at < end {
            let mut word = self.ring_word(at);
            // Columns before `at` in its word count as marked.
            let mut free = !load(ring, word)? & (u32::MAX << (at % 32));
            at &= !31;
            loop {
                let sums = byte_sums(free);
                let count = sums >> 24;
                if gap < count {
                    return Some(at + select(free, sums, gap));
                }
                gap -= count;
                at = at.checked_add(32)?;
                if at >= end {
                    break;
                }
                word = if word + 1 == self.words { 0 } else { word + 1 };
                free = !load(ring, word)?;
            }
        }
        at.checked_add(gap)
    }

    /// Marks `column` as taken when it lies inside the window.
    #[inline]
    pub(crate) fn mark(&self, ring: &mut [u8], column: u32) -> Option<()> {
        if column.wrapping_sub(self.base) < self.words * 32 {
            let bytes = ring.get_mut(self.ring_word(column) as usize * 4..)?.first_chunk_mut::<4>()?;
            *bytes = (u32::from_le_bytes(*bytes) | 1 << (column % 32)).to_le_bytes();
        }
        Some(())
    }

    /// Ring word of a column inside the window.
    #[inline]
    const fn ring_word(&self, column: u32) -> u32 {
        let word = self.first + (column - self.base) / 32;
        if word >= self.words { word - self.words } else { word }
    }
}

#[inline]
fn load(ring: &[u8], word: u32) -> Option<u32> {
    ring.get(word as usize * 4..)?.first_chunk().map(|b| u32::from_le_bytes(*b))
}

/// Byte i of the result: the ones in bytes 0..=i of `x`. The highest byte counts them all.
#[inline]
const fn byte_sums(x: u32) -> u32 {
    let pairs = x - ((x >> 1) & 0x5555_5555);
    let nibbles = (pairs & 0x3333_3333) + ((pairs >> 2) & 0x3333_3333);
    let bytes = (nibbles + (nibbles >> 4)) & 0x0F0F_0F0F;
    bytes.wrapping_mul(0x0101_0101)
}

/// Position of the one of `x` that has `n` ones below it; `sums` is [`byte_sums`] of `x` and above `n` in its highest byte.
#[inline]
const fn select(x: u32, sums: u32, n: u32) -> u32 {
    let (low, middle, high) = (sums & 0xFF, (sums >> 8) & 0xFF, (sums >> 16) & 0xFF);
    let (shift, below) = if n < middle {
        if n < low { (0, 0) } else { (8, low) }
    } else if n < high {
        (16, middle)
    } else {
        (24, high)
    };
    let mut rest = x >> shift;
    let mut skip = n - below;
    while skip > 0 {
        rest &= rest.wrapping_sub(1);
        skip -= 1;
    }
    shift + rest.trailing_zeros()
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn select_finds_every_one() {
        for x in [1u32, 0x8000_0000, u32::MAX, 0xDEAD_BEEF, 0x0102_0408, 0xFF00_00FF] {
            let ones: Vec<u32> = (0..32).filter(|i| x >> i & 1 == 1).collect();
            let sums = byte_sums(x);
            assert_eq!(sums >> 24, x.count_ones());
            for (n, &at) in ones.iter().enumerate() {
                assert_eq!(select(x, sums, n as u32), at);
            }
        }
    }

    /// The definition, word for word: one flag per column, and the window asked for each of them.
    struct Plain {
        marked: Vec<bool>,
        base: u32,
        width: u32,
    }

    impl Plain {
        fn counts(&self, p: u32) -> bool {
            p >= self.base && p < self.base + self.width && self.marked[p as usize]
        }

        fn find(&self, start: u32, gap: u32) -> Option<u32> {
            (start..self.marked.len() as u32).filter(|&p| !self.counts(p)).nth(gap as usize)
        }

        fn mark(&mut self, p: u32) {
            if p >= self.base && p < self.base + self.width {
                self.marked[p as usize] = true;
            }
        }
    }

    #[test]
    fn the_ring_is_the_plain_window() {
        let mut seed = 7u32;
        let mut random = move |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) % below
        };
        for (width, cols, steps) in
            [(0u16, 100u32, 5u32), (64, 300, 9), (64, 5000, 3), (192, 2000, 40), (512, 2000, 40)]
        {
            let mut ring = vec![0u8; usize::from(width) / 8];
            let mut window = Window::new(width);
            let mut plain = Plain { marked: vec![false; cols as usize], base: 0, width: u32::from(width) };
            for step in 0..steps {
                window.advance(step, steps, cols, |word| ring[4 * word..][..4].fill(0));
                plain.base = window_base(step, steps, cols, width);
                for _ in 0..200 {
                    let (start, gap) = (random(cols), random(1 + width as u32));
                    let found = window.find(&ring, start, gap).filter(|&p| p < cols);
                    assert_eq!(found, plain.find(start, gap), "{width} {cols} step {step} start {start} gap {gap}");
                    if let Some(p) = found {
                        window.mark(&mut ring, p).unwrap();
                        plain.mark(p);
                    }
                }
            }
        }
    }

    #[test]
    fn the_far_end_does_not_overflow() {
        let mut window = Window::new(64);
        let mut ring = [0u8; 8];
        window.advance(999, 1000, u32::MAX, |word| ring[4 * word..][..4].fill(0));
        assert_eq!(window.find(&ring, u32::MAX - 1, u32::MAX), None);
        assert_eq!(window.find(&ring, 0, u32::MAX), Some(u32::MAX));
    }
}
