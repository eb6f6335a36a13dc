//! Batch norm, ReLU and, where it follows, 2x2 pooling in one: what [`BatchNorm`], [`Relu`](super::relu::Relu) and
//! [`MaxPool`](super::pool::MaxPool) compute one after the other, with two passes over the large activations forward and one or two back.
//!
//! ```text
//! z = gamma (x - mean) / sqrt(var + eps) + beta = scale x + shift,   y = max over the window of max(z, 0)
//! dz = dy at the largest element of the window if it is above 0,     dx = a dz + b x + d    (batch_norm)
//! ```
//!
//! Sums over the batch run over the windows only: elsewhere `dz` is 0.

use super::batch_norm::BatchNorm;
use super::ctx::Ctx;
use super::error::ShapeError;
use super::layer::Layer;
use super::par::{part_size, parts, simd};
use super::param::Slot;
use super::tensor::{Shape, Tensor};
use rayon::prelude::*;

/// Stands for a window without an element above 0.
const NONE: u8 = 4;

/// Batch norm and ReLU, with or without 2x2 pooling behind.
#[derive(Debug)]
pub struct NormRelu {
    norm: BatchNorm,
    pooled: bool,
    x: Tensor,
    /// With pooling, of every window: its largest element (0 to 3, or [`NONE`]), and `x` there.
    taken: Vec<u8>,
    x_taken: Vec<f32>,
}

impl NormRelu {
    /// Batch norm and ReLU.
    #[must_use]
    pub fn new(channels: usize) -> Self {
        let norm = BatchNorm::new(channels);
        Self { norm, pooled: false, x: Tensor::default(), taken: Vec::new(), x_taken: Vec::new() }
    }

    /// The same with the largest of every 2x2 window, for images of even height and width.
    #[must_use]
    pub fn pooled(channels: usize) -> Self {
        Self { pooled: true, ..Self::new(channels) }
    }
}

/// `max(scale x + shift, 0)`, channel by channel, in place of `y`.
#[inline(always)]
fn rectified(x: &[f32], y: &mut [f32], scale: &[f32], shift: &[f32]) {
    let c = scale.len();
    for (x, y) in x.chunks_exact(c).zip(y.chunks_exact_mut(c)) {
        for k in 0..c {
            y[k] = (x[k] * scale[k] + shift[k]).max(0.0);
        }
    }
}

/// Adds `sum dz` and `sum dz (x - mean)`; `dz` is `dy` where the answer was above 0.
#[inline(always)]
fn rectified_sums(dy: &[f32], x: &[f32], [scale, shift, mean]: [&[f32]; 3], sum: &mut [f32], sum_x: &mut [f32]) {
    let c = mean.len();
    for (dy, x) in dy.chunks_exact(c).zip(x.chunks_exact(c)) {
        for k in 0..c {
            let dz = if x[k] * scale[k] + shift[k] > 0.0 { dy[k] } else { 0.0 };
            sum[k] += dz;
            sum_x[k] += dz * (x[k] - mean[k]);
        }
    }
}

/// `dx = a dz + b x + d`, over `dy`.
#[inline(always)]
fn rectified_gradient(dy: &mut [f32], x: &[f32], [scale, shift]: [&[f32]; 2], [a, b, d]: [&[f32]; 3]) {
    let c = a.len();
    for (dy, x) in dy.chunks_exact_mut(c).zip(x.chunks_exact(c)) {
        for k in 0..c {
            let dz = if x[k] * scale[k] + shift[k] > 0.0 { dy[k] } else { 0.0 };
            dy[k] = a[k] * dz + b[k] * x[k] + d[k];
        }
    }
}

/// The four pixels of the windows of two lines of `w` pixels, `c` channels each: `[first line, second line]`, two pixels each.
#[inline(always)]
fn windows(lines: &[f32], w: usize, c: usize) -> impl Iterator<Item = [&[f32]; 4]> {
    let (upper, lower) = lines.split_at(w * c);
    upper.chunks_exact(2 * c).zip(lower.chunks_exact(2 * c)).map(move |(u, l)| {
        let (u, l) = (u.split_at(c), l.split_at(c));
        [u.0, u.1, l.0, l.1]
    })
}

/// One sample forward: the largest rectified element of each window, which one it is, and `x` there.
#[inline(always)]
fn pool_forward(
    x: &[f32],
    w: usize,
    [scale, shift]: [&[f32]; 2],
    y: &mut [f32],
    taken: &mut [u8],
    x_taken: &mut [f32],
) {
    let c = scale.len();
    let outputs = y.chunks_exact_mut(c).zip(taken.chunks_exact_mut(c)).zip(x_taken.chunks_exact_mut(c));
    let inputs = x.chunks_exact(2 * w * c).flat_map(|lines| windows(lines, w, c));
    for ([x0, x1, x2, x3], ((y, taken), x_taken)) in inputs.zip(outputs) {
        for k in 0..c {
            // The first among equals, as pooling takes it.
            let (mut best, mut at, mut which) = (x0[k] * scale[k] + shift[k], x0[k], 0u8);
            for (t, x) in [(1u8, x1[k]), (2, x2[k]), (3, x3[k])] {
                let z = x * scale[k] + shift[k];
                let larger = z > best;
                best = if larger { z } else { best };
                at = if larger { x } else { at };
                which = if larger { t } else { which };
            }
            y[k] = best.max(0.0);
            x_taken[k] = at;
            taken[k] = if best > 0.0 { which } else { NONE };
        }
    }
}

/// Adds `sum dz` and `sum dz (x - mean)` over windows.
#[inline(always)]
fn pool_sums(dy: &[f32], taken: &[u8], x_taken: &[f32], mean: &[f32], sum: &mut [f32], sum_x: &mut [f32]) {
    let c = mean.len();
    for ((dy, taken), x) in dy.chunks_exact(c).zip(taken.chunks_exact(c)).zip(x_taken.chunks_exact(c)) {
        for k in 0..c {
            let dz = if taken[k] == NONE { 0.0 } else { dy[k] };
            sum[k] += dz;
            sum_x[k] += dz * (x[k] - mean[k]);
        }
    }
}

/// One sample back, in place of `x`: `dx = a dz + b x + d`.
#[inline(always)]
fn pool_gradient(x: &mut [f32], w: usize, dy: &[f32], taken: &[u8], [a, b, d]: [&[f32]; 3]) {
    let c = a.len();
    let (row, out) = (2 * w * c, w / 2 * c);
    for ((lines, dy), taken) in x.chunks_exact_mut(row).zip(dy.chunks_exact(out)).zip(taken.chunks_exact(out)) {
        let (upper, lower) = lines.split_at_mut(w * c);
        let pixels = upper.chunks_exact_mut(2 * c).zip(lower.chunks_exact_mut(2 * c));
        for ((upper, lower), (dy, taken)) in pixels.zip(dy.chunks_exact(c).zip(taken.chunks_exact(c))) {
            let ((x0, x1), (x2, x3)) = (upper.split_at_mut(c), lower.split_at_mut(c));
            for (t, x) in [(0u8, x0), (1, x1), (2, x2), (3, x3)] {
                for k in 0..c {
                    let dz = if taken[k] == t { a[k] * dy[k] } else { 0.0 };
                    x[k] = dz + b[k] * x[k] + d[k];
                }
            }
        }
    }
}

/// Adds up the sums of the parts in order.
fn total(parts: &[(Vec<f32>, Vec<f32>)], c: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut sum, mut sum_x) = (vec![0.0f64; c], vec![0.0f64; c]);
    for (s, sx) in parts {
        for k in 0..c {
            sum[k] += f64::from(s[k]);
            sum_x[k] += f64::from(sx[k]);
        }
    }
    (sum, sum_x)
}

impl Layer for NormRelu {
    fn out_shape(&self, x: Shape) -> Result<Shape, ShapeError> {
        let x = self.norm.out_shape(x)?;
        if !self.pooled {
            return Ok(x);
        }
        if !x.h.is_multiple_of(2) || !x.w.is_multiple_of(2) || x.h * x.w == 0 {
            return Err(ShapeError::new(format!("pools 2x2 windows of images of even size, got {}x{}", x.h, x.w)));
        }
        Ok(Shape { h: x.h / 2, w: x.w / 2, ..x })
    }

    fn forward(&mut self, x: Tensor, ctx: &mut Ctx) -> Tensor {
        let c = x.shape.c;
        let (scale, shift) = self.norm.scale_and_shift(&x, ctx.training());
        // The shape was checked when the model was built.
        let mut y = ctx.tensor(self.out_shape(x.shape).unwrap_or_default());
        ctx.give(std::mem::take(&mut self.x).data);
        if self.pooled {
            let (xs, ys, part) = (x.shape, y.shape, part_size(x.shape.n));
            self.taken.resize(ys.len(), 0);
            self.x_taken.resize(ys.len(), 0.0);
            let (from, to) = (xs.sample(), ys.sample());
            let work = x.data.par_chunks(part * from).zip(y.data.par_chunks_mut(part * to));
            let kept = self.taken.par_chunks_mut(part * to).zip(self.x_taken.par_chunks_mut(part * to));
            work.zip(kept).for_each(|((x, y), (taken, x_taken))| {
                simd(|| pool_forward(x, xs.w, [&scale, &shift], y, taken, x_taken));
            });
        } else {
            let part = part_size(x.shape.pixels()) * c;
            let pairs = x.data.par_chunks(part).zip(y.data.par_chunks_mut(part));
            pairs.for_each(|(x, y)| simd(|| rectified(x, y, &scale, &shift)));
        }
        if ctx.training() {
            self.x = x;
        } else {
            ctx.give(x.data);
        }
        y
    }

    fn backward(&mut self, mut dy: Tensor, ctx: &mut Ctx) -> Tensor {
        let mut x = std::mem::take(&mut self.x);
        let (c, n) = (x.shape.c, x.shape.pixels());
        let (scale, shift) = self.norm.last_scale_and_shift();
        let mean = self.norm.last_mean();
        let sums: Vec<(Vec<f32>, Vec<f32>)> = parts(dy.shape.pixels())
            .into_par_iter()
            .map(|p| {
                let (mut sum, mut sum_x) = (vec![0.0; c], vec![0.0; c]);
                let range = p.start * c..p.end * c;
                let dy = &dy.data[range.clone()];
                if self.pooled {
                    let (taken, x_taken) = (&self.taken[range.clone()], &self.x_taken[range]);
                    simd(|| pool_sums(dy, taken, x_taken, mean, &mut sum, &mut sum_x));
                } else {
                    simd(|| rectified_sums(dy, &x.data[range], [&scale, &shift, mean], &mut sum, &mut sum_x));
                }
                (sum, sum_x)
            })
            .collect();
        let (sum, sum_x) = total(&sums, c);
        let [a, b, d] = self.norm.gradients(&sum, &sum_x, n as f64);
        if self.pooled {
            let (xs, part) = (x.shape, part_size(x.shape.n));
            let (from, to) = (xs.sample(), dy.shape.sample());
            let work = x.data.par_chunks_mut(part * from).zip(dy.data.par_chunks(part * to));
            work.zip(self.taken.par_chunks(part * to))
                .for_each(|((x, dy), taken)| simd(|| pool_gradient(x, xs.w, dy, taken, [&a, &b, &d])));
            ctx.give(dy.data);
            return x;
        }
        let part = part_size(n) * c;
        let pairs = dy.data.par_chunks_mut(part).zip(x.data.par_chunks(part));
        pairs.for_each(|(dy, x)| simd(|| rectified_gradient(dy, x, [&scale, &shift], [&a, &b, &d])));
        ctx.give(std::mem::take(&mut x.data));
        dy
    }

    fn slots<'a>(&'a mut self, prefix: &str, out: &mut Vec<Slot<'a>>) {
        self.norm.slots(prefix, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::ctx::Mode;
    use crate::nn::gradcheck::{check, fill, noise};
    use crate::nn::pool::MaxPool;
    use crate::nn::relu::Relu;
    use crate::nn::sequential::Sequential;

    /// The three layers one after the other.
    fn apart(channels: usize, pooled: bool) -> Sequential {
        let mut m = Sequential::new().with("norm", BatchNorm::new(channels)).with("relu", Relu::default());
        if pooled {
            m.push("pool", MaxPool::new(2, 2));
        }
        m
    }

    fn together(channels: usize, pooled: bool) -> Sequential {
        let layer = if pooled { NormRelu::pooled(channels) } else { NormRelu::new(channels) };
        Sequential::new().with("norm", layer)
    }

    /// Same answers to the bit, same running statistics, gradients that differ by rounding only; in training and in evaluation.
    #[test]
    fn equals_the_layers_one_after_the_other() {
        for (pooled, shape) in
            [(false, Shape::new(3, 5, 3, 7)), (true, Shape::new(5, 6, 4, 17)), (true, Shape::new(1, 2, 2, 8))]
        {
            let (mut a, mut b) = (apart(shape.c, pooled), together(shape.c, pooled));
            fill(&mut a, 0.5, 4);
            fill(&mut b, 0.5, 4);
            let mut x = Tensor::zeros(shape);
            noise(&mut x.data, 2.0, 9);
            // Equal elements in one window.
            let row = shape.w * shape.c;
            x.data.copy_within(0..shape.c, row);
            for mode in [Mode::Train, Mode::Eval] {
                let (mut ca, mut cb) = (Ctx::new(mode, 0), Ctx::new(mode, 0));
                let (ya, yb) = (a.forward(x.clone(), &mut ca), b.forward(x.clone(), &mut cb));
                assert_eq!(ya, yb, "{mode:?}");
                if mode == Mode::Train {
                    let mut dy = Tensor::zeros(ya.shape);
                    noise(&mut dy.data, 1.0, 3);
                    let (da, db) = (a.backward(dy.clone(), &mut ca), b.backward(dy, &mut cb));
                    let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
                    assert_eq!(da.shape, db.shape);
                    assert!(close(&da.data, &db.data), "{:?} {:?}", da.data, db.data);
                    for (sa, sb) in a.all_slots().into_iter().zip(b.all_slots()) {
                        assert_eq!(sa.name, sb.name);
                        assert_eq!(sa.value, sb.value);
                        if let (Some(ga), Some(gb)) = (sa.grad, sb.grad) {
                            assert!(close(ga, gb), "{}: {ga:?} {gb:?}", sa.name);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn gradients() {
        let mut l = NormRelu::new(3);
        fill(&mut l, 0.5, 4);
        // Far from the kink: every answer is above 0.
        l.norm.bias.value.fill(8.0);
        check(&mut l, Shape::new(4, 3, 2, 3), 1e-2);
    }

    #[test]
    fn odd_images_are_refused() {
        let e = NormRelu::pooled(2).out_shape(Shape::new(1, 3, 4, 2)).unwrap_err().to_string();
        assert!(e.contains("even size, got 3x4"), "{e}");
    }
}
