//! Uniform quantization of a layer's inputs (the modulators of a core have few bits), with a moving-average range.
//!
//! ```text
//! y = (clamp(round(x / scale + zero), 0, 2^bits - 1) - zero) scale        round half to even
//! scale = max((hi - lo) / (2^bits - 1), eps),  zero = clamp(-round(lo / scale), 0, 2^bits - 1)
//! lo = min(min, 0), hi = max(max, 0)                                      the range always contains zero
//! min += 0.01 (batch's min - min), max likewise; the first batch sets them
//! ```
//!
//! The gradient passes unchanged. In training the range is updated before the same batch is quantized, and an element is
//! quantized with probability `noise` (quantization noise; 1 quantizes all). A quantizer that never saw a batch uses
//! scale 1 and zero 0.

use super::ctx::Ctx;
use super::par::{part_size, simd};
use super::param::Slot;
use super::tensor::Tensor;
use rand::Rng;
use rayon::prelude::*;

/// How fast the range follows the batches.
const MOMENTUM: f32 = 0.01;

/// An input quantizer with its range.
#[derive(Debug)]
pub struct InputQuantizer {
    top: f32,
    noise: f32,
    stream: u64,
    /// Smallest input, moving average; `+inf` before the first batch. One element, as it is stored.
    min: Vec<f32>,
    /// Largest input; `-inf` before the first batch.
    max: Vec<f32>,
}

impl InputQuantizer {
    /// `bits` of 1 to 16; `noise` is the probability that an element is quantized in training; `stream` is the number of
    /// the random stream that decides it.
    pub fn new(bits: u8, noise: f32, stream: u64) -> Self {
        let top = ((1u32 << bits.clamp(1, 16)) - 1) as f32;
        Self { top, noise, stream, min: vec![f32::INFINITY], max: vec![f32::NEG_INFINITY] }
    }

    /// A quantizer whose range is known.
    #[must_use]
    pub fn with_range(bits: u8, min: f32, max: f32) -> Self {
        Self { min: vec![min], max: vec![max], ..Self::new(bits, 1.0, 0) }
    }

    /// Smallest and largest input so far (moving averages).
    pub fn range(&self) -> (f32, f32) {
        (self.min[0], self.max[0])
    }

    /// Scale and zero point for the present range.
    pub fn scale_and_zero(&self) -> (f32, f32) {
        let (min, max) = self.range();
        if min > max {
            return (1.0, 0.0);
        }
        let (lo, hi) = (min.min(0.0), max.max(0.0));
        let scale = ((hi - lo) / self.top).max(f32::EPSILON);
        (scale, (-(lo / scale).round_ties_even()).clamp(0.0, self.top))
    }

    /// Quantizes a batch in place.
    pub fn forward(&mut self, x: &mut Tensor, ctx: &Ctx) {
        let part = part_size(x.data.len());
        if ctx.training() && !x.data.is_empty() {
            let ranges: Vec<(f32, f32)> = x.data.par_chunks(part).map(|x| simd(|| extremes(x))).collect();
            let (lo, hi) =
                ranges.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), (c, d)| (a.min(*c), b.max(*d)));
            self.follow(lo, hi);
        }
        if ctx.training() && self.noise < 1.0 {
            let ((scale, zero), top) = (self.scale_and_zero(), self.top);
            let threshold = (f64::from(self.noise.max(0.0)) * 4_294_967_296.0) as u64;
            let mut rng = ctx.rng(self.stream);
            for x in &mut x.data {
                if u64::from(rng.next_u32()) < threshold {
                    *x = round(*x, 1.0 / scale, scale, zero, top);
                }
            }
            return;
        }
        self.apply(x);
    }

    /// Quantizes a batch in place, with the range as it is.
    pub fn apply(&self, x: &mut Tensor) {
        let ((scale, zero), top) = (self.scale_and_zero(), self.top);
        let part = part_size(x.data.len());
        x.data.par_chunks_mut(part).for_each(|x| simd(|| quantize(x, scale, zero, top)));
    }

    fn follow(&mut self, lo: f32, hi: f32) {
        if self.min[0] > self.max[0] {
            (self.min[0], self.max[0]) = (lo, hi);
        } else {
            self.min[0] += MOMENTUM * (lo - self.min[0]);
            self.max[0] += MOMENTUM * (hi - self.max[0]);
        }
    }

    /// Lends the range.
    pub fn slots<'a>(&'a mut self, prefix: &str, out: &mut Vec<Slot<'a>>) {
        out.push(Slot::buffer(prefix, "min_val", &mut self.min));
        out.push(Slot::buffer(prefix, "max_val", &mut self.max));
    }
}

#[inline(always)]
fn round(x: f32, inverse: f32, scale: f32, zero: f32, top: f32) -> f32 {
    ((x * inverse + zero).round_ties_even().clamp(0.0, top) - zero) * scale
}

#[inline(always)]
fn quantize(x: &mut [f32], scale: f32, zero: f32, top: f32) {
    let inverse = 1.0 / scale;
    for x in x {
        *x = round(*x, inverse, scale, zero, top);
    }
}

#[inline(always)]
fn extremes(x: &[f32]) -> (f32, f32) {
    let (mut lo, mut hi) = ([f32::INFINITY; 16], [f32::NEG_INFINITY; 16]);
    let (blocks, rest) = x.as_chunks::<16>();
    for x in blocks {
        for ((x, lo), hi) in x.iter().zip(&mut lo).zip(&mut hi) {
            *lo = if *x < *lo { *x } else { *lo };
            *hi = if *x > *hi { *x } else { *hi };
        }
    }
    lo[0] = rest.iter().copied().fold(lo[0], f32::min);
    hi[0] = rest.iter().copied().fold(hi[0], f32::max);
    (lo.into_iter().fold(f32::INFINITY, f32::min), hi.into_iter().fold(f32::NEG_INFINITY, f32::max))
}
