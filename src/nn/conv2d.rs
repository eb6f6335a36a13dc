//! Two-dimensional convolution: `y[n, oy, ox, o] = b[o] + sum x[n, oy*stride + ky - pad, ox*stride + kx - pad, i] w[o, i, ky, kx]`.
//!
//! 3x3 kernels of stride 1 with enough channels go through `winograd`, all others through `im2col`.

use super::ctx::Ctx;
use super::im2col::{self, Geometry};
use super::linear::{add_bias, bias_gradient};
use super::tensor::{Shape, Tensor};
use super::winograd::{self, LANES, Size};
use super::{Layer, Param, Role, ShapeError, Slot};

/// Extents of a convolution layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvSpec {
    /// Input channels.
    pub cin: usize,
    /// Output channels.
    pub cout: usize,
    /// Rows and columns of the kernel.
    pub kernel: (usize, usize),
    /// Step between outputs, in both directions.
    pub stride: usize,
    /// Zeros added on every side.
    pub pad: usize,
    /// Groups of channels that do not mix; divides both channel counts.
    pub groups: usize,
}

impl ConvSpec {
    /// A square kernel, stride 1, "same" padding for odd kernels, one group.
    pub fn same(cin: usize, cout: usize, kernel: usize) -> Self {
        Self { cin, cout, kernel: (kernel, kernel), stride: 1, pad: kernel / 2, groups: 1 }
    }

    /// PyTorch's shape of the weights, `[cout, cin/groups, kh, kw]`.
    pub fn weight_shape(&self) -> [usize; 4] {
        [self.cout, self.cin / self.groups, self.kernel.0, self.kernel.1]
    }

    /// The output's shape.
    ///
    /// # Errors
    /// Other channels than expected, or a kernel larger than the padded image.
    pub fn out_shape(&self, x: Shape) -> Result<Shape, ShapeError> {
        if x.c != self.cin {
            return Err(ShapeError::new(format!("expects {} input channels, got {}", self.cin, x.c)));
        }
        let (h, w) = (x.h + 2 * self.pad, x.w + 2 * self.pad);
        if h < self.kernel.0 || w < self.kernel.1 {
            let (kh, kw) = self.kernel;
            return Err(ShapeError::new(format!("the {kh}x{kw} kernel is larger than the padded {h}x{w} image")));
        }
        let size = |n: usize, k: usize| (n - k) / self.stride + 1;
        Ok(Shape::new(x.n, size(h, self.kernel.0), size(w, self.kernel.1), self.cout))
    }

    /// Multiplications of one sample, the direct way.
    pub fn macs(&self, y: Shape) -> usize {
        y.h * y.w * self.cout * self.cin / self.groups * self.kernel.0 * self.kernel.1
    }

    fn geometry(&self) -> Geometry {
        Geometry { kernel: self.kernel, stride: self.stride, pad: self.pad, groups: self.groups }
    }

    fn winograd(&self) -> bool {
        let multiple = self.cin.is_multiple_of(LANES) && self.cout.is_multiple_of(LANES);
        self.kernel == (3, 3) && self.stride == 1 && self.groups == 1 && self.pad <= 1 && multiple
    }
}

/// What the forward pass keeps for the backward pass.
#[derive(Debug, Default)]
enum Saved {
    #[default]
    Nothing,
    Winograd(Size, winograd::Saved),
    Columns {
        x: Tensor,
        filters: Vec<f32>,
    },
}

/// The arithmetic of a convolution, whatever its weights went through before.
#[derive(Debug)]
pub(crate) struct Convolution {
    pub spec: ConvSpec,
    /// Whether `backward` computes the input's gradient.
    pub input_gradient: bool,
    x: Shape,
    saved: Saved,
}

impl Convolution {
    pub fn new(spec: ConvSpec) -> Self {
        Self { spec, input_gradient: true, x: Shape::default(), saved: Saved::Nothing }
    }

    /// `y = conv(x, w) + b`.
    pub fn forward(&mut self, w: &[f32], bias: Option<&[f32]>, x: Tensor, ctx: &mut Ctx) -> Tensor {
        let spec = self.spec;
        self.x = x.shape;
        // The shape was checked when the model was built; a wrong one gives an empty output.
        let mut y = ctx.tensor(spec.out_shape(x.shape).unwrap_or_default());
        let saved = if spec.winograd() {
            let size = Size::for_output(y.shape.h, y.shape.w);
            let saved = winograd::forward(size, &x, w, &mut y, spec.pad, ctx);
            ctx.give(x.data);
            Saved::Winograd(size, saved)
        } else {
            let mut filters = ctx.take(w.len());
            im2col::filters(w, spec.geometry(), spec.cin, spec.cout, &mut filters);
            im2col::forward(&x, &filters, &mut y, spec.geometry());
            Saved::Columns { x, filters }
        };
        self.release(ctx);
        self.saved = saved;
        if !ctx.training() {
            self.release(ctx);
        }
        if let Some(b) = bias {
            add_bias(&mut y, b);
        }
        y
    }

    /// Adds to `dw` and `db`; returns `dx`.
    pub fn backward(&mut self, dy: Tensor, dw: &mut [f32], db: Option<&mut [f32]>, ctx: &mut Ctx) -> Tensor {
        if let Some(db) = db {
            bias_gradient(&dy, db);
        }
        let mut dx = self.input_gradient.then(|| ctx.tensor(self.x));
        match std::mem::take(&mut self.saved) {
            Saved::Nothing => {}
            Saved::Winograd(size, saved) => winograd::backward(size, saved, &dy, dw, dx.as_mut(), ctx),
            Saved::Columns { x, filters } => {
                im2col::backward(&x, &filters, &dy, dw, dx.as_mut(), self.spec.geometry(), ctx);
                ctx.give(x.data);
                ctx.give(filters);
            }
        }
        ctx.give(dy.data);
        dx.unwrap_or_default()
    }

    /// Gives back what a forward pass saved.
    fn release(&mut self, ctx: &mut Ctx) {
        match std::mem::take(&mut self.saved) {
            Saved::Nothing => {}
            Saved::Winograd(_, saved) => saved.release(ctx),
            Saved::Columns { x, filters } => {
                ctx.give(x.data);
                ctx.give(filters);
            }
        }
    }
}

/// A convolution with ordinary weights.
#[derive(Debug)]
pub struct Conv2d {
    /// Weights `[cout, cin/groups, kh, kw]`.
    pub weight: Param,
    /// One value per output channel, or none.
    pub bias: Option<Param>,
    inner: Convolution,
}

impl Conv2d {
    /// All-zero weights; see [`super::init`] for first values.
    pub fn new(spec: ConvSpec, bias: bool) -> Self {
        Self {
            weight: Param::filled(&spec.weight_shape(), 0.0),
            bias: bias.then(|| Param::filled(&[spec.cout], 0.0)),
            inner: Convolution::new(spec),
        }
    }
}

impl Layer for Conv2d {
    fn out_shape(&self, x: Shape) -> Result<Shape, ShapeError> {
        self.inner.spec.out_shape(x)
    }

    fn forward(&mut self, x: Tensor, ctx: &mut Ctx) -> Tensor {
        self.inner.forward(&self.weight.value, self.bias.as_ref().map(|b| &b.value[..]), x, ctx)
    }

    fn backward(&mut self, dy: Tensor, ctx: &mut Ctx) -> Tensor {
        self.inner.backward(dy, &mut self.weight.grad, self.bias.as_mut().map(|b| &mut b.grad[..]), ctx)
    }

    fn slots<'a>(&'a mut self, prefix: &str, out: &mut Vec<Slot<'a>>) {
        out.push(Slot::param(prefix, "weight", Role::Weight, &mut self.weight));
        out.extend(self.bias.as_mut().map(|b| Slot::param(prefix, "bias", Role::Bias, b)));
    }

    fn skip_input_gradient(&mut self) {
        self.inner.input_gradient = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::gradcheck::{check, fill};

    fn layer(spec: ConvSpec, bias: bool) -> Conv2d {
        let mut l = Conv2d::new(spec, bias);
        fill(&mut l, 0.3, 5);
        l
    }

    /// The definition, term by term.
    fn direct(spec: ConvSpec, w: &[f32], x: &Tensor) -> Vec<f32> {
        let y = spec.out_shape(x.shape).unwrap();
        let (cg, og) = (spec.cin / spec.groups, spec.cout / spec.groups);
        let mut out = vec![0.0f64; y.len()];
        for (at, v) in out.iter_mut().enumerate() {
            let (o, p) = (at % y.c, at / y.c);
            let (n, oy, ox) = (p / (y.h * y.w), p / y.w % y.h, p % y.w);
            for i in 0..cg {
                for ky in 0..spec.kernel.0 {
                    for kx in 0..spec.kernel.1 {
                        let (iy, ix) = (oy * spec.stride + ky, ox * spec.stride + kx);
                        if iy < spec.pad || ix < spec.pad || iy >= x.shape.h + spec.pad || ix >= x.shape.w + spec.pad {
                            continue;
                        }
                        let pixel = (n * x.shape.h + iy - spec.pad) * x.shape.w + ix - spec.pad;
                        let x = x.data[pixel * x.shape.c + o / og * cg + i];
                        let w = w[((o * cg + i) * spec.kernel.0 + ky) * spec.kernel.1 + kx];
                        *v += f64::from(x) * f64::from(w);
                    }
                }
            }
        }
        out.iter().map(|&v| v as f32).collect()
    }

    fn specs() -> Vec<(ConvSpec, Shape)> {
        let same = ConvSpec::same;
        vec![
            (same(8, 16, 3), Shape::new(3, 9, 10, 8)), // Winograd F(4x4), ragged patches
            (same(8, 8, 3), Shape::new(2, 5, 3, 8)),   // Winograd F(2x2), ragged patches
            (ConvSpec { pad: 0, ..same(8, 8, 3) }, Shape::new(2, 6, 7, 8)),
            (same(3, 5, 3), Shape::new(2, 6, 5, 3)),
            (ConvSpec { stride: 2, ..same(4, 6, 3) }, Shape::new(2, 7, 6, 4)),
            (ConvSpec { kernel: (1, 1), pad: 0, stride: 2, ..same(4, 6, 1) }, Shape::new(2, 5, 5, 4)),
            (ConvSpec { kernel: (1, 5), pad: 2, ..same(2, 3, 3) }, Shape::new(2, 4, 6, 2)),
            (ConvSpec { groups: 2, ..same(4, 6, 3) }, Shape::new(2, 4, 4, 4)),
            (ConvSpec { groups: 6, ..same(6, 6, 3) }, Shape::new(1, 4, 4, 6)),
        ]
    }

    #[test]
    fn equals_the_definition() {
        for (spec, shape) in specs() {
            let mut l = layer(spec, false);
            let mut x = Tensor::zeros(shape);
            crate::nn::gradcheck::noise(&mut x.data, 1.0, 7);
            let want = direct(spec, &l.weight.value, &x);
            let y = l.forward(x, &mut Ctx::new(crate::nn::Mode::Eval, 0));
            for (i, (a, b)) in y.data.iter().zip(&want).enumerate() {
                assert!((a - b).abs() < 2e-5, "{spec:?}, element {i}: {a} instead of {b}");
            }
        }
    }

    #[test]
    fn gradients() {
        for (spec, shape) in specs() {
            check(&mut layer(spec, true), shape, 1e-2);
        }
    }

    #[test]
    fn wrong_shapes_are_refused() {
        let l = layer(ConvSpec::same(3, 4, 3), false);
        assert!(l.out_shape(Shape::new(1, 8, 8, 4)).unwrap_err().problem.contains("expects 3 input channels, got 4"));
        let l = layer(ConvSpec { pad: 0, ..ConvSpec::same(3, 4, 3) }, false);
        assert!(l.out_shape(Shape::new(1, 2, 2, 3)).unwrap_err().problem.contains("larger than the padded 2x2"));
    }
}
