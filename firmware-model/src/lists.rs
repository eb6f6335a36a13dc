//! Which inputs of a core row are taken already: the window of `docs/schedule-format.md`, section 5.
//!
//! ```text
//! column      0 ........ base .................... base + W ...... N
//!             | unmarked | W bits, marked or not    | unmarked |
//! word                     [0] [1] ... [W / 32 - 1]
//! ```
//!
//! The window is at the same place in all core rows; each row has its own marks, held as little-endian 32-bit words. `base`
//! is a multiple of 32, so a word lies inside the window or outside, never half, and the marks move on by whole words.

use crate::wire::window_base;

/// Where the window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// First column of the window, a multiple of 32.
    base: u32,
    /// Columns, a multiple of 64.
    width: u16,
}

impl Window {
    /// The window of `width` columns at step 0; all marks have to be zero.
    pub(crate) const fn new(width: u16) -> Self {
        Self { base: 0, width }
    }

    /// The window of `width` columns whose first is `base`, a multiple of 32.
    pub(crate) const fn at(base: u32, width: u16) -> Self {
        Self { base, width }
    }

    /// Moves on to step `step` of `steps` for rows of `cols` inputs; returns by how many words.
    pub(crate) const fn advance(&mut self, step: u32, steps: u32, cols: u32) -> usize {
        let base = window_base(step, steps, cols, self.width);
        let words = (base - self.base) / 32;
        self.base = base;
        words as usize
    }

    /// Takes the first column from `start` on that is not marked, after `gap` other unmarked ones: marks it when it lies inside the window.
    /// `u32::MAX` beyond 2^32.
    ///
    /// Looks at each word at most once. `start` is below 2^31, as all columns are.
    #[inline(always)]
    pub(crate) fn take(&self, marks: &mut [[u8; 4]], start: u32, gap: u32) -> u32 {
        let (mut start, mut gap) = (start, gap);
        if start < self.base {
            let before = self.base - start;
            if gap < before {
                return start + gap;
            }
            (start, gap) = (self.base, gap - before);
        }
        let mut word = (start - self.base) as usize / 32;
        let mut column = start & !31;
        // In the first word, columns before `start` are not looked at.
        let mut looked_at = u32::MAX << (start % 32);
        while let Some(marked) = marks.get_mut(word) {
            let free = !u32::from_le_bytes(*marked) & looked_at;
            let (mut rest, mut skip) = (free, gap);
            if gap >= NEAR {
                let counts = Counts::of(free);
                let count = counts.all();
                if gap >= count {
                    (gap, word, column, looked_at) = (gap - count, word + 1, column + 32, u32::MAX);
                    continue;
                }
                (rest, skip) = counts.skip(free, gap);
            }
            while rest != 0 {
                if skip == 0 {
                    *marked = (u32::from_le_bytes(*marked) | rest & rest.wrapping_neg()).to_le_bytes();
                    return column + rest.trailing_zeros();
                }
                rest &= rest.wrapping_sub(1);
                skip -= 1;
            }
            (gap, word, column, looked_at) = (skip, word + 1, column + 32, u32::MAX);
        }
        column.max(start).saturating_add(gap)
    }
}

/// Forgets the first `words` words of a row's marks.
pub(crate) fn move_on(marks: &mut [[u8; 4]], words: usize) {
    for i in 0..marks.len() {
        let word = marks.get(i + words).copied().unwrap_or_default();
        if let Some(place) = marks.get_mut(i) {
            *place = word;
        }
    }
}

/// From this many columns to be passed over on, they are counted by words and bytes; fewer are passed over one by one.
const NEAR: u32 = 5;

/// How many ones a word has, by bytes.
#[derive(Clone, Copy)]
struct Counts {
    /// Byte i: the ones in byte i of the word.
    bytes: u32,
    /// Byte i: the ones in the bytes below byte i.
    below: u32,
}

impl Counts {
    /// Counts the ones of `x`, all bytes at once.
    #[inline(always)]
    const fn of(x: u32) -> Self {
        let pairs = x - ((x >> 1) & 0x5555_5555);
        let nibbles = (pairs & 0x3333_3333) + ((pairs >> 2) & 0x3333_3333);
        let bytes = (nibbles + (nibbles >> 4)) & 0x0F0F_0F0F;
        Self { bytes, below: bytes.wrapping_mul(0x0101_0100) }
    }

    #[inline(always)]
    const fn all(self) -> u32 {
        (self.below >> 24) + (self.bytes >> 24)
    }

    /// Passes over the lowest `n` ones of `x` by whole bytes: the rest of `x`, and how many are still to be passed over. `x` is the word that
    /// was counted, and has more than `n`.
    #[inline(always)]
    const fn skip(self, x: u32, n: u32) -> (u32, u32) {
        let two = (self.below >> 16) & 0xFF;
        if n >= two {
            let (rest, n, third) = (x & 0xFFFF_0000, n - two, (self.bytes >> 16) & 0xFF);
            if n >= third { (rest & 0xFF00_0000, n - third) } else { (rest, n) }
        } else {
            let first = self.bytes & 0xFF;
            if n >= first { (x & 0xFFFF_FF00, n - first) } else { (x, n) }
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn whole_bytes_are_passed_over() {
        for x in [1u32, 0x8000_0000, u32::MAX, 0xDEAD_BEEF, 0x0102_0408, 0xFF00_00FF] {
            let ones: Vec<u32> = (0..32).filter(|i| x >> i & 1 == 1).collect();
            let counts = Counts::of(x);
            assert_eq!(counts.all(), x.count_ones());
            for (n, &at) in ones.iter().enumerate() {
                let (rest, skip) = counts.skip(x, n as u32);
                let ones: Vec<u32> = (0..32).filter(|i| rest >> i & 1 == 1).collect();
                assert_eq!(ones[skip as usize], at);
                assert!(skip < 8);
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
    fn the_words_are_the_plain_window() {
        let mut seed = 7u32;
        let mut random = move |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) % below
        };
        for (width, cols, steps) in
            [(0u16, 100u32, 5u32), (64, 300, 9), (64, 5000, 3), (192, 2000, 40), (512, 2000, 40)]
        {
            let mut marks = vec![[0u8; 4]; usize::from(width) / 32];
            let mut window = Window::new(width);
            let mut plain = Plain { marked: vec![false; cols as usize], base: 0, width: u32::from(width) };
            for step in 0..steps {
                move_on(&mut marks, window.advance(step, steps, cols));
                plain.base = window_base(step, steps, cols, width);
                for _ in 0..200 {
                    let (start, gap) = (random(cols), random(1 + width as u32));
                    let before = marks.clone();
                    let found = Some(window.take(&mut marks, start, gap)).filter(|&p| p < cols);
                    assert_eq!(found, plain.find(start, gap), "{width} {cols} step {step} start {start} gap {gap}");
                    match found {
                        Some(p) => plain.mark(p),
                        // Beyond the row: a decoder stops there.
                        None => marks = before,
                    }
                }
            }
        }
    }

    #[test]
    fn the_far_end_does_not_overflow() {
        let (mut window, mut marks) = (Window::new(64), [[0u8; 4]; 2]);
        window.advance(999_999, 1_000_000, i32::MAX as u32);
        let end = i32::MAX as u32 - 1;
        assert_eq!(window.take(&mut marks, end, u32::MAX), u32::MAX);
        assert_eq!(window.take(&mut marks, end, 0), end);
        assert_eq!(window.take(&mut marks, 0, u32::MAX), u32::MAX);
    }
}
