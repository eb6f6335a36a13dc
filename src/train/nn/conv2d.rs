//! A convolution layer with ordinary weights.

use super::convolution::{ConvSpec, Convolution};
use super::ctx::Ctx;
use super::error::ShapeError;
use super::layer::Layer;
use super::param::{Param, Role, Slot, join};
use super::tensor::{Shape, Tensor};

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

    fn vectors(&self, prefix: &str, x: Shape, out: &mut Vec<(String, u64)>) {
        out.extend(self.out_shape(x).map(|y| (join(prefix, "weight"), (y.h * y.w) as u64)));
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
