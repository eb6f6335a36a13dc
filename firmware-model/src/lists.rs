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

    /// Moves on to step `step` of `steps` for rows of `cols` inputs; returns by how many words.
    pub(crate) const fn advance(&mut self, step: u32, steps: u32, cols: u32) -> usize {
        let base = window_base(step, steps, cols, self.width);
        let words = (base - self.base) / 32;
        self.base = base;
        words as usize
    }

    /// The first column from `start` on that is not marked, after `gap` other unmarked ones; `None` beyond 2^32.
    ///
    /// Looks at each word at most once. `start` is below 2^31, as all columns are.
    #[inline]
    pub(crate) fn find(&self, marks: &[[u8; 4]], start: u32, gap: u32) -> Option<u32> {
        let (mut at, mut gap) = (start, gap);
        if at < self.base {
            let before = self.base - at;
            if gap < before {
                return Some(at + gap);
            }
            (at, gap) = (self.base, gap - before);
        }
        let words = marks.get((at - self.base) as usize / 32..).unwrap_or_default();
        let mut column = at & !31;
        // In the first word, columns before `at` are not looked at.
        let mut looked_at = u32::MAX << (at % 32);
        for word in words {
            let free = !u32::from_le_bytes(*word) & looked_at;
            looked_at = u32::MAX;
            if free == 0 {
                column += 32;
                continue;
            }
            let counts = Counts::of(free);
            let count = counts.all();
            if gap < count {
                return Some(column + counts.select(free, gap));
            }
            gap -= count;
            column += 32;
        }
        column.max(at).checked_add(gap)
    }

    /// Marks `column` as taken when it lies inside the window.
    #[inline]
    pub(crate) fn mark(&self, marks: &mut [[u8; 4]], column: u32) {
        // Columns before the window wrap around to far behind it.
        if let Some(word) = marks.get_mut(column.wrapping_sub(self.base) as usize / 32) {
            *word = (u32::from_le_bytes(*word) | 1 << (column % 32)).to_le_bytes();
        }
    }
}

/// Forgets the first `words` words of a row's marks.
pub(crate) fn move_on(marks: &mut [[u8; 4]], words: usize) {
    let gone = words.min(marks.len());
    marks.copy_within(gone.., 0);
    let kept = marks.len() - gone;
    marks.get_mut(kept..).unwrap_or_default().fill([0; 4]);
}

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
    #[inline]
    const fn of(x: u32) -> Self {
        let pairs = x - ((x >> 1) & 0x5555_5555);
        let nibbles = (pairs & 0x3333_3333) + ((pairs >> 2) & 0x3333_3333);
        let bytes = (nibbles + (nibbles >> 4)) & 0x0F0F_0F0F;
        Self { bytes, below: bytes.wrapping_mul(0x0101_0100) }
    }

    #[inline]
    const fn all(self) -> u32 {
        (self.below >> 24) + (self.bytes >> 24)
    }

    /// Position of the one of `x` that has `n` ones below it; `x` is the word that was counted, and has more than `n`.
    #[inline]
    const fn select(self, x: u32, n: u32) -> u32 {
        let (one, two, three) = ((self.below >> 8) & 0xFF, (self.below >> 16) & 0xFF, self.below >> 24);
        let (shift, below) = if n < two {
            if n < one { (0, 0) } else { (8, one) }
        } else if n < three {
            (16, two)
        } else {
            (24, three)
        };
        let mut rest = x >> shift;
        let mut skip = n - below;
        while skip > 0 {
            rest &= rest.wrapping_sub(1);
            skip -= 1;
        }
        shift + rest.trailing_zeros()
    }
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
            let counts = Counts::of(x);
            assert_eq!(counts.all(), x.count_ones());
            for (n, &at) in ones.iter().enumerate() {
                assert_eq!(counts.select(x, n as u32), at);
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
                    let found = window.find(&marks, start, gap).filter(|&p| p < cols);
                    assert_eq!(found, plain.find(start, gap), "{width} {cols} step {step} start {start} gap {gap}");
                    if let Some(p) = found {
                        window.mark(&mut marks, p);
                        plain.mark(p);
                    }
                }
            }
        }
    }

    #[test]
    fn the_far_end_does_not_overflow() {
        let (mut window, marks) = (Window::new(64), [[0u8; 4]; 2]);
        window.advance(999_999, 1_000_000, i32::MAX as u32);
        let end = i32::MAX as u32 - 1;
        assert_eq!(window.find(&marks, end, u32::MAX), None);
        assert_eq!(window.find(&marks, end, 0), Some(end));
        assert_eq!(window.find(&marks, 0, u32::MAX), Some(u32::MAX));
    }
}
