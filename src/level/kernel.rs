//! The two inner loops: the largest `|w|`, and `|w|` against the cuts. Neither takes a logarithm, both vectorise.

/// Cuts are padded to this number, one more than the highest level of an 8-bit cell, so that a masked index needs no
/// bounds check.
const MAX_CUTS: usize = 256;

/// Weights that the inner loops take at once; LLVM splits them into vectors of the target's width.
const LANES: usize = 16;

/// Up to this many cuts, comparing with every one of them beats a search.
const COUNT_UP_TO: usize = 31;

/// The smallest `|w|` of each level, in weight space: a weight has level `k` or more just when `|w| >= cut[k - 1]`.
///
/// Exact in single precision: each cut is the smallest `f32` that is not below the cut in double precision.
pub(super) struct Cuts {
    /// `B` cuts that do not decrease, then infinities.
    cut: [f32; MAX_CUTS],
    /// `B = 2^bits - 1`.
    top: usize,
}

impl Cuts {
    /// `top` cuts, all infinite; at most 255.
    pub(super) fn new(top: usize) -> Self {
        debug_assert!(top < MAX_CUTS && (top + 1).is_power_of_two());
        Self { cut: [f32::INFINITY; MAX_CUTS], top }
    }

    /// Sets every cut, lowest level first, from `exact(k)` for `k = 0..B`, in double precision. None is above `max_abs`:
    /// the largest weight always reaches the highest level, whatever `exact` rounds to.
    pub(super) fn set(&mut self, max_abs: f32, exact: impl Fn(usize) -> f64) {
        let mut floor = 0.0f32;
        for (k, cut) in self.cut[..self.top].iter_mut().enumerate() {
            floor = ceil_to_f32(exact(k)).min(max_abs).max(floor);
            *cut = floor;
        }
    }

    /// The cuts, lowest level first.
    #[cfg(test)]
    pub(super) fn as_slice(&self) -> &[f32] {
        &self.cut[..self.top]
    }

    /// Signed levels of `weights`. Not-a-number has level 0, infinity the highest. Slices of one length.
    #[inline(always)]
    pub(super) fn levels(&self, weights: &[f32], out: &mut [i16]) {
        if self.top <= COUNT_UP_TO {
            self.levels_by(weights, out, Self::count)
        } else {
            self.levels_by(weights, out, Self::search)
        }
    }

    #[inline(always)]
    fn levels_by(&self, weights: &[f32], out: &mut [i16], level: impl Fn(&Self, &[f32; LANES]) -> [i32; LANES]) {
        let (blocks, tail) = weights.as_chunks::<LANES>();
        let (out_blocks, out_tail) = out.as_chunks_mut::<LANES>();
        for (block, out) in blocks.iter().zip(out_blocks) {
            *out = with_signs(block, level(self, block));
        }
        if !tail.is_empty() {
            let mut block = [0.0; LANES];
            block[..tail.len()].copy_from_slice(tail);
            out_tail.copy_from_slice(&with_signs(&block, level(self, &block))[..tail.len()]);
        }
    }

    /// Levels of a block as the number of cuts that each weight reaches.
    #[inline(always)]
    fn count(&self, block: &[f32; LANES]) -> [i32; LANES] {
        let abs = block.map(f32::abs);
        let mut level = [0i32; LANES];
        for &cut in &self.cut[..self.top] {
            for (level, &a) in level.iter_mut().zip(&abs) {
                *level += i32::from(a >= cut);
            }
        }
        level
    }

    /// Levels of a block by bisection: `2^bits - 1` cuts are a full binary tree, so every weight takes `bits` steps and
    /// no branch. The lanes are independent, which hides the latency of the look-ups.
    #[inline(always)]
    fn search(&self, block: &[f32; LANES]) -> [i32; LANES] {
        let abs = block.map(f32::abs);
        let mut level = [0usize; LANES];
        let mut half = self.top.div_ceil(2);
        while half > 0 {
            for (level, &a) in level.iter_mut().zip(&abs) {
                let reached = a >= self.cut[(*level + half - 1) % MAX_CUTS];
                *level += if reached { half } else { 0 };
            }
            half /= 2;
        }
        // At most 255: fits.
        level.map(|level| level as i32)
    }
}

/// Gives each level its weight's sign.
#[inline(always)]
fn with_signs(block: &[f32; LANES], level: [i32; LANES]) -> [i16; LANES] {
    let mut out = [0i16; LANES];
    for ((out, &level), &w) in out.iter_mut().zip(&level).zip(block) {
        // All ones for a negative weight: (x ^ -1) + 1 = -x.
        let sign = (w.to_bits() as i32) >> 31;
        *out = ((level ^ sign) - sign) as i16;
    }
    out
}

/// The largest finite `|w|`; 0 when there is none.
#[inline(always)]
pub(super) fn max_abs(weights: &[f32]) -> f32 {
    // The bits of positive floats order like the floats, and integers have a vector maximum without the rules for NaN.
    const INFINITY: i32 = 0x7f80_0000;
    let bits = |w: f32| {
        let bits = w.abs().to_bits() as i32;
        if bits < INFINITY { bits } else { 0 }
    };
    let (blocks, tail) = weights.as_chunks::<LANES>();
    let mut max = [0i32; LANES];
    for block in blocks {
        for (max, &w) in max.iter_mut().zip(block) {
            *max = (*max).max(bits(w));
        }
    }
    let max = tail.iter().map(|&w| bits(w)).chain(max).fold(0, i32::max);
    f32::from_bits(max as u32)
}

/// The smallest `f32` that is not below `x`, for `x >= 0`.
fn ceil_to_f32(x: f64) -> f32 {
    let nearest = x as f32;
    // Of positive floats, the next one up has the next bits; infinity is never below `x`.
    f32::from_bits(nearest.to_bits() + u32::from(f64::from(nearest) < x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceil_is_the_smallest_not_below() {
        assert_eq!(ceil_to_f32(1.0), 1.0);
        assert_eq!(ceil_to_f32(1.0 + 1e-12), 1.0f32.next_up());
        assert_eq!(ceil_to_f32(1.0 - 1e-12), 1.0);
        assert_eq!(ceil_to_f32(1e-60), f32::from_bits(1));
        assert_eq!(ceil_to_f32(0.0), 0.0);
        assert_eq!(ceil_to_f32(1e300), f32::INFINITY);
    }

    #[test]
    fn max_abs_ignores_what_is_not_finite() {
        assert_eq!(max_abs(&[]), 0.0);
        assert_eq!(max_abs(&[f32::NAN, -f32::INFINITY, -0.0]), 0.0);
        let mut weights: Vec<f32> = (0..100).map(|i| i as f32 / 7.0).collect();
        weights[50] = -1e9;
        weights[99] = f32::INFINITY;
        assert_eq!(max_abs(&weights), 1e9);
    }

    #[test]
    fn count_and_search_agree() {
        for bits in 1..=8 {
            let top = (1usize << bits) - 1;
            let mut cuts = Cuts::new(top);
            cuts.set(2.0, |k| 2.0 * 0.9f64.powi((top - k) as i32));
            for start in 0..64 {
                let block: [f32; LANES] = std::array::from_fn(|i| ((start * LANES + i) as f32 - 512.0) / 250.0);
                assert_eq!(cuts.count(&block), cuts.search(&block), "{bits} bits");
            }
            let at: Vec<f32> = cuts.as_slice().to_vec();
            for (k, &cut) in at.iter().enumerate() {
                let mut out = [0i16; 3];
                cuts.levels(&[cut, -cut, cut.next_down()], &mut out);
                let below = at.iter().filter(|&&other| other < cut).count() as i16;
                assert_eq!(out, [k as i16 + 1, -(k as i16 + 1), below], "{bits} bits, cut {k}");
            }
        }
    }

    #[test]
    fn odd_values_do_not_panic() {
        for top in [1, 15, 255] {
            let mut cuts = Cuts::new(top);
            cuts.set(1.0, |k| (k + 1) as f64 / 256.0);
            let mut out = [7i16; 5];
            cuts.levels(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0], &mut out);
            assert_eq!(out, [0, top as i16, -(top as i16), 0, 0]);
        }
    }
}
