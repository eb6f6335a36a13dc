//! Pooling: the largest value or the mean of every `k x k` window, and the mean of a whole image.

use super::ctx::Ctx;
use super::error::ShapeError;
use super::layer::Layer;
use super::par::{part_size, simd};
use super::tensor::{Shape, Tensor};
use rayon::prelude::*;

/// Windows of `k x k` pixels every `stride` pixels, no padding; rows and columns that fill no window are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Windows {
    k: usize,
    stride: usize,
}

impl Windows {
    fn out_shape(&self, x: Shape) -> Result<Shape, ShapeError> {
        if x.h < self.k || x.w < self.k {
            let (k, h, w) = (self.k, x.h, x.w);
            return Err(ShapeError::new(format!("the {k}x{k} window is larger than the {h}x{w} image")));
        }
        Ok(Shape::new(x.n, (x.h - self.k) / self.stride + 1, (x.w - self.k) / self.stride + 1, x.c))
    }

    /// Calls `f(pixel of y, tap, pixel of x)` for every tap of every window of one sample.
    #[inline(always)]
    fn visit(&self, x: Shape, y: Shape, mut f: impl FnMut(usize, usize, usize)) {
        for oy in 0..y.h {
            for ox in 0..y.w {
                for ky in 0..self.k {
                    for kx in 0..self.k {
                        let pixel = (oy * self.stride + ky) * x.w + ox * self.stride + kx;
                        f(oy * y.w + ox, ky * self.k + kx, pixel);
                    }
                }
            }
        }
    }
}

/// The largest value of every window; among equals, the first.
#[derive(Debug)]
pub struct MaxPool {
    windows: Windows,
    x: Shape,
    /// Tap of the largest value, per output element.
    tap: Vec<u8>,
}

impl MaxPool {
    /// Windows of `k x k` (k at most 15), every `stride` pixels.
    pub fn new(k: usize, stride: usize) -> Self {
        Self { windows: Windows { k: k.clamp(1, 15), stride: stride.max(1) }, x: Shape::default(), tap: Vec::new() }
    }
}

#[inline(always)]
fn max_forward(windows: Windows, x: &[f32], xs: Shape, y: &mut [f32], ys: Shape, tap: &mut [u8]) {
    let c = xs.c;
    let samples = x.chunks(xs.sample()).zip(y.chunks_mut(ys.sample())).zip(tap.chunks_mut(ys.sample()));
    for ((x, y), tap) in samples {
        windows.visit(xs, ys, |to, t, from| {
            let (y, best) = (&mut y[to * c..][..c], &mut tap[to * c..][..c]);
            let x = &x[from * c..][..c];
            if t == 0 {
                y.copy_from_slice(x);
                best.fill(0);
                return;
            }
            for ((y, best), x) in y.iter_mut().zip(best).zip(x) {
                let larger = *x > *y;
                *best = if larger { t as u8 } else { *best };
                *y = if larger { *x } else { *y };
            }
        });
    }
}

#[inline(always)]
fn max_backward(windows: Windows, dx: &mut [f32], xs: Shape, dy: &[f32], ys: Shape, tap: &[u8]) {
    let c = xs.c;
    // Windows that tile the whole image touch every pixel once: no need to clear and add.
    let tiles = windows.k == windows.stride && ys.h * windows.k == xs.h && ys.w * windows.k == xs.w;
    if !tiles {
        dx.fill(0.0);
    }
    for ((dx, dy), tap) in dx.chunks_mut(xs.sample()).zip(dy.chunks(ys.sample())).zip(tap.chunks(ys.sample())) {
        windows.visit(xs, ys, |from, t, to| {
            let (dy, tap, t) = (&dy[from * c..][..c], &tap[from * c..][..c], t as u8);
            let pixels = dx[to * c..][..c].iter_mut().zip(dy).zip(tap);
            if tiles {
                pixels.for_each(|((dx, dy), tap)| *dx = if *tap == t { *dy } else { 0.0 });
            } else {
                pixels.for_each(|((dx, dy), tap)| *dx += if *tap == t { *dy } else { 0.0 });
            }
        });
    }
}

impl Layer for MaxPool {
    fn out_shape(&self, x: Shape) -> Result<Shape, ShapeError> {
        self.windows.out_shape(x)
    }

    fn forward(&mut self, x: Tensor, ctx: &mut Ctx) -> Tensor {
        let (xs, windows) = (x.shape, self.windows);
        let mut y = ctx.tensor(windows.out_shape(xs).unwrap_or_default());
        let ys = y.shape;
        let part = part_size(xs.n);
        self.x = xs;
        self.tap.resize(ys.len(), 0);
        y.data
            .par_chunks_mut(part * ys.sample())
            .zip(self.tap.par_chunks_mut(part * ys.sample()))
            .zip(x.data.par_chunks(part * xs.sample()))
            .for_each(|((y, tap), x)| simd(|| max_forward(windows, x, xs, y, ys, tap)));
        ctx.give(x.data);
        y
    }

    fn backward(&mut self, dy: Tensor, ctx: &mut Ctx) -> Tensor {
        // y = x[tap]  =>  dx[tap] += dy
        let (xs, ys, windows) = (self.x, dy.shape, self.windows);
        let mut dx = ctx.tensor(xs);
        let part = part_size(xs.n);
        dx.data
            .par_chunks_mut(part * xs.sample())
            .zip(self.tap.par_chunks(part * ys.sample()))
            .zip(dy.data.par_chunks(part * ys.sample()))
            .for_each(|((dx, tap), dy)| simd(|| max_backward(windows, dx, xs, dy, ys, tap)));
        ctx.give(dy.data);
        dx
    }
}

/// The mean of every window.
#[derive(Debug)]
pub struct AvgPool {
    windows: Windows,
    x: Shape,
}

impl AvgPool {
    /// Windows of `k x k`, every `stride` pixels.
    pub fn new(k: usize, stride: usize) -> Self {
        Self { windows: Windows { k: k.max(1), stride: stride.max(1) }, x: Shape::default() }
    }
}

impl Layer for AvgPool {
    fn out_shape(&self, x: Shape) -> Result<Shape, ShapeError> {
        self.windows.out_shape(x)
    }

    fn forward(&mut self, x: Tensor, ctx: &mut Ctx) -> Tensor {
        let (xs, windows) = (x.shape, self.windows);
        let mut y = ctx.tensor(windows.out_shape(xs).unwrap_or_default());
        self.x = xs;
        let (ys, c, scale) = (y.shape, xs.c, 1.0 / (windows.k * windows.k) as f32);
        y.data.fill(0.0);
        y.data.par_chunks_mut(ys.sample()).zip(x.data.par_chunks(xs.sample())).for_each(|(y, x)| {
            windows.visit(xs, ys, |to, _, from| {
                y[to * c..][..c].iter_mut().zip(&x[from * c..][..c]).for_each(|(y, x)| *y += x * scale);
            });
        });
        ctx.give(x.data);
        y
    }

    fn backward(&mut self, dy: Tensor, ctx: &mut Ctx) -> Tensor {
        // y = sum x / k^2  =>  dx += dy / k^2
        let (xs, ys, windows) = (self.x, dy.shape, self.windows);
        let (c, scale) = (xs.c, 1.0 / (windows.k * windows.k) as f32);
        let mut dx = ctx.tensor(xs);
        dx.data.fill(0.0);
        dx.data.par_chunks_mut(xs.sample()).zip(dy.data.par_chunks(ys.sample())).for_each(|(dx, dy)| {
            windows.visit(xs, ys, |from, _, to| {
                dx[to * c..][..c].iter_mut().zip(&dy[from * c..][..c]).for_each(|(dx, dy)| *dx += dy * scale);
            });
        });
        ctx.give(dy.data);
        dx
    }
}

/// The mean of every channel over the whole image: `[n, h, w, c]` to `[n, 1, 1, c]`.
#[derive(Debug, Default)]
pub struct GlobalAvgPool {
    x: Shape,
}

impl Layer for GlobalAvgPool {
    fn out_shape(&self, x: Shape) -> Result<Shape, ShapeError> {
        Ok(Shape::new(x.n, 1, 1, x.c))
    }

    fn forward(&mut self, x: Tensor, ctx: &mut Ctx) -> Tensor {
        let xs = x.shape;
        let mut y = ctx.tensor(Shape::new(xs.n, 1, 1, xs.c));
        let scale = 1.0 / (xs.h * xs.w) as f32;
        self.x = xs;
        y.data.fill(0.0);
        y.data.par_chunks_mut(xs.c).zip(x.data.par_chunks(xs.sample())).for_each(|(y, x)| {
            for x in x.chunks(xs.c) {
                y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
            }
            y.iter_mut().for_each(|y| *y *= scale);
        });
        ctx.give(x.data);
        y
    }

    fn backward(&mut self, dy: Tensor, ctx: &mut Ctx) -> Tensor {
        // y = sum x / (h w)  =>  dx = dy / (h w) everywhere
        let xs = self.x;
        let mut dx = ctx.tensor(xs);
        let scale = 1.0 / (xs.h * xs.w) as f32;
        dx.data.par_chunks_mut(xs.sample()).zip(dy.data.par_chunks(xs.c)).for_each(|(dx, dy)| {
            for dx in dx.chunks_mut(xs.c) {
                dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx = dy * scale);
            }
        });
        ctx.give(dy.data);
        dx
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::gradcheck::{check, check_at};

    #[test]
    fn max_gradients() {
        // Distinct values far enough apart that the finite difference never changes the winner.
        let shape = Shape::new(2, 5, 4, 3);
        let data = (0..120u32).map(|i| (i * 37 % 121) as f32 / 10.0).collect();
        check_at(&mut MaxPool::new(2, 2), Tensor { shape, data }, 1e-2);
        let data = (0..120u32).map(|i| (i * 37 % 121) as f32 / 10.0).collect();
        check_at(&mut MaxPool::new(3, 1), Tensor { shape, data }, 1e-2);
        let shape = Shape::new(2, 6, 4, 3);
        let data = (0..144u32).map(|i| (i * 37 % 145) as f32 / 10.0).collect();
        check_at(&mut MaxPool::new(2, 2), Tensor { shape, data }, 1e-2);
    }

    #[test]
    fn mean_gradients() {
        check(&mut AvgPool::new(2, 2), Shape::new(2, 5, 4, 3), 1e-2);
        check(&mut AvgPool::new(3, 1), Shape::new(2, 4, 4, 2), 1e-2);
        check(&mut GlobalAvgPool::default(), Shape::new(2, 3, 4, 5), 1e-2);
    }

    #[test]
    fn max_of_a_window() {
        let x = Tensor { shape: Shape::new(1, 2, 2, 1), data: vec![1.0, 4.0, -2.0, 3.0] };
        let y = MaxPool::new(2, 2).forward(x, &mut Ctx::new(crate::nn::Mode::Eval, 0));
        assert_eq!(y.data, [4.0]);
        assert!(MaxPool::new(3, 2).out_shape(Shape::new(1, 2, 2, 1)).is_err());
    }
}
