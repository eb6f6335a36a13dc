//! A fully connected layer with ordinary weights.

use super::ctx::Ctx;
use super::error::ShapeError;
use super::layer::Layer;
use super::matmul::Matmul;
use super::param::{Param, Role, Slot, join};
use super::tensor::{Shape, Tensor};

/// A linear layer with ordinary weights.
#[derive(Debug)]
pub struct Linear {
    /// Weights `[out, in]`.
    pub weight: Param,
    /// One value per output, or none.
    pub bias: Option<Param>,
    inner: Matmul,
}

impl Linear {
    /// All-zero weights; see [`super::init`] for first values.
    pub fn new(inputs: usize, outputs: usize, bias: bool) -> Self {
        Self {
            weight: Param::filled(&[outputs, inputs], 0.0),
            bias: bias.then(|| Param::filled(&[outputs], 0.0)),
            inner: Matmul::new(inputs, outputs),
        }
    }
}

impl Layer for Linear {
    fn out_shape(&self, x: Shape) -> Result<Shape, ShapeError> {
        self.inner.out_shape(x)
    }

    fn forward(&mut self, x: Tensor, ctx: &mut Ctx) -> Tensor {
        self.inner.forward(&self.weight.value, self.bias.as_ref().map(|b| &b.value[..]), x, ctx)
    }

    fn backward(&mut self, dy: Tensor, ctx: &mut Ctx) -> Tensor {
        let db = self.bias.as_mut().map(|b| &mut b.grad[..]);
        self.inner.backward(dy, &self.weight.value, &mut self.weight.grad, db, ctx)
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

    #[test]
    fn gradients() {
        let mut l = Linear::new(7, 5, true);
        fill(&mut l, 0.4, 3);
        check(&mut l, Shape::new(4, 1, 1, 7), 1e-2);
    }

    #[test]
    fn wrong_shapes_are_refused() {
        let e = Linear::new(7, 5, true).out_shape(Shape::new(4, 2, 2, 7)).unwrap_err();
        assert!(e.problem.contains("vector of 7 inputs") && e.problem.contains("2x2x7"), "{e}");
    }
}
