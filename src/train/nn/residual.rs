//! Residual block (He et al., 2016): `y = max(body(x) + shortcut(x), 0)`.

use super::ctx::Ctx;
use super::error::ShapeError;
use super::layer::Layer;
use super::param::{Slot, join};
use super::pcm::PcmSlot;
use super::product::CoreSlot;
use super::relu::Relu;
use super::sequential::Sequential;
use super::tensor::{Shape, Tensor};
use rayon::prelude::*;

/// How the input reaches the sum.
#[derive(Debug)]
pub enum Shortcut {
    /// Unchanged.
    Identity,
    /// Option A: every `stride`-th pixel, with zero channels added on both sides.
    Pad {
        /// Step between the pixels taken.
        stride: usize,
        /// Zero channels before the first.
        before: usize,
        /// Zero channels after the last.
        after: usize,
    },
    /// Option B: a 1x1 convolution with batch norm.
    Project(Sequential),
}

/// A block with its shortcut.
#[derive(Debug)]
pub struct Residual {
    body: Sequential,
    shortcut: Shortcut,
    /// Name of the projection's arrays within the block.
    shortcut_name: &'static str,
    relu: Relu,
    x: Shape,
}

impl Residual {
    /// Sums `body(x)` and the shortcut; the projection's arrays are called `shortcut.0...`.
    pub fn new(body: Sequential, shortcut: Shortcut) -> Self {
        Self { body, shortcut, shortcut_name: "shortcut", relu: Relu::default(), x: Shape::default() }
    }

    fn shortcut_shape(&self, x: Shape) -> Result<Shape, ShapeError> {
        match &self.shortcut {
            Shortcut::Identity => Ok(x),
            Shortcut::Pad { stride, before, after } => {
                Ok(Shape::new(x.n, x.h.div_ceil(*stride), x.w.div_ceil(*stride), x.c + before + after))
            }
            Shortcut::Project(p) => p.out_shape(x).map_err(|e| e.within(self.shortcut_name)),
        }
    }
}

/// Calls `f(pixel of the large image, pixel of the small image)` for every `stride`-th pixel.
fn subsample(x: Shape, stride: usize, mut f: impl FnMut(usize, usize)) {
    let (h, w) = (x.h.div_ceil(stride), x.w.div_ceil(stride));
    for oy in 0..h {
        for ox in 0..w {
            f(oy * stride * x.w + ox * stride, oy * w + ox);
        }
    }
}

/// `a += b`, and `b` goes back.
fn add(a: &mut Tensor, b: Tensor, ctx: &mut Ctx) {
    let part = super::par::part_size(a.data.len());
    a.data.par_chunks_mut(part).zip(b.data.par_chunks(part)).for_each(|(a, b)| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
    });
    ctx.give(b.data);
}

/// A copy in a recycled buffer.
fn copy(x: &Tensor, ctx: &mut Ctx) -> Tensor {
    let mut out = ctx.tensor(x.shape);
    out.data.copy_from_slice(&x.data);
    out
}

impl Layer for Residual {
    fn out_shape(&self, x: Shape) -> Result<Shape, ShapeError> {
        let (body, shortcut) = (self.body.out_shape(x)?, self.shortcut_shape(x)?);
        if body != shortcut {
            return Err(ShapeError::new(format!("the body gives {body}, the shortcut {shortcut}")));
        }
        Ok(body)
    }

    fn forward(&mut self, x: Tensor, ctx: &mut Ctx) -> Tensor {
        let xs = x.shape;
        self.x = xs;
        let side = match &mut self.shortcut {
            Shortcut::Identity => copy(&x, ctx),
            Shortcut::Project(p) => {
                let x = copy(&x, ctx);
                p.forward(x, ctx)
            }
            Shortcut::Pad { stride, before, after } => {
                let (h, w) = (xs.h.div_ceil(*stride), xs.w.div_ceil(*stride));
                let mut out = ctx.tensor(Shape::new(xs.n, h, w, xs.c + *before + *after));
                let c = out.shape.c;
                out.data.fill(0.0);
                for (x, out) in x.data.chunks(xs.sample()).zip(out.data.chunks_mut(h * w * c)) {
                    subsample(xs, *stride, |from, to| {
                        out[to * c + *before..][..xs.c].copy_from_slice(&x[from * xs.c..][..xs.c]);
                    });
                }
                out
            }
        };
        let mut y = self.body.forward(x, ctx);
        add(&mut y, side, ctx);
        self.relu.forward(y, ctx)
    }

    fn backward(&mut self, dy: Tensor, ctx: &mut Ctx) -> Tensor {
        let xs = self.x;
        let dy = self.relu.backward(dy, ctx);
        // y = body(x) + shortcut(x): both receive dy, and dx is the sum of what they return.
        let side = match &mut self.shortcut {
            Shortcut::Identity => copy(&dy, ctx),
            Shortcut::Project(p) => {
                let dy = copy(&dy, ctx);
                p.backward(dy, ctx)
            }
            Shortcut::Pad { stride, before, .. } => {
                let c = dy.shape.c;
                let mut dx = ctx.tensor(xs);
                dx.data.fill(0.0);
                for (dx, dy) in dx.data.chunks_mut(xs.sample()).zip(dy.data.chunks(dy.shape.sample())) {
                    subsample(xs, *stride, |to, from| {
                        dx[to * xs.c..][..xs.c].copy_from_slice(&dy[from * c + *before..][..xs.c]);
                    });
                }
                dx
            }
        };
        let mut dx = self.body.backward(dy, ctx);
        add(&mut dx, side, ctx);
        dx
    }

    fn slots<'a>(&'a mut self, prefix: &str, out: &mut Vec<Slot<'a>>) {
        self.body.slots(prefix, out);
        if let Shortcut::Project(p) = &mut self.shortcut {
            p.slots(&join(prefix, self.shortcut_name), out);
        }
    }

    fn vectors(&self, prefix: &str, x: Shape, out: &mut Vec<(String, u64)>) {
        self.body.vectors(prefix, x, out);
        if let Shortcut::Project(p) = &self.shortcut {
            p.vectors(&join(prefix, self.shortcut_name), x, out);
        }
    }

    fn pcm<'a>(&'a mut self, prefix: &str, out: &mut Vec<PcmSlot<'a>>) {
        self.body.pcm(prefix, out);
        if let Shortcut::Project(p) = &mut self.shortcut {
            p.pcm(&join(prefix, self.shortcut_name), out);
        }
    }

    fn cores<'a>(&'a mut self, prefix: &str, out: &mut Vec<CoreSlot<'a>>) {
        self.body.cores(prefix, out);
        if let Shortcut::Project(p) = &mut self.shortcut {
            p.cores(&join(prefix, self.shortcut_name), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::conv2d::Conv2d;
    use crate::nn::convolution::ConvSpec;
    use crate::nn::gradcheck::{check, fill};

    fn conv(cin: usize, cout: usize, k: usize, stride: usize) -> Conv2d {
        Conv2d::new(ConvSpec { stride, ..ConvSpec::same(cin, cout, k) }, true)
    }

    /// Large positive biases keep every sum away from the kink of the final ReLU.
    fn lift(block: &mut Residual) {
        fill(block, 0.2, 9);
        let mut slots = Vec::new();
        block.slots("", &mut slots);
        slots.into_iter().filter(|s| s.name == "conv1.bias").for_each(|s| s.value.fill(20.0));
    }

    #[test]
    fn gradients_of_all_shortcuts() {
        let shape = Shape::new(2, 5, 4, 4);
        let mut identity = Residual::new(Sequential::new().with("conv1", conv(4, 4, 3, 1)), Shortcut::Identity);
        let pad = Shortcut::Pad { stride: 2, before: 2, after: 2 };
        let mut padded = Residual::new(Sequential::new().with("conv1", conv(4, 8, 3, 2)), pad);
        let project = Shortcut::Project(Sequential::new().with("0", conv(4, 8, 1, 2)));
        let mut projected = Residual::new(Sequential::new().with("conv1", conv(4, 8, 3, 2)), project);
        for block in [&mut identity, &mut padded, &mut projected] {
            lift(block);
            check(block, shape, 1e-2);
        }
    }

    #[test]
    fn mismatched_branches_are_refused() {
        let block = Residual::new(Sequential::new().with("conv1", conv(4, 8, 3, 2)), Shortcut::Identity);
        assert!(block.out_shape(Shape::new(2, 4, 4, 4)).unwrap_err().problem.contains("the shortcut"));
    }
}
