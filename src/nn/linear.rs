//! Fully connected layer: `y[n, o] = b[o] + sum_i x[n, i] w[o, i]`.

use super::ctx::Ctx;
use super::par::{gemm, part_size, parts};
use super::tensor::{Shape, Tensor, matrix, matrix_mut};
use super::{Layer, Param, Role, ShapeError, Slot};
use rayon::prelude::*;

/// The arithmetic of a linear layer, whatever its weights went through before.
#[derive(Debug)]
pub(crate) struct Product {
    pub inputs: usize,
    pub outputs: usize,
    /// Whether `backward` computes the input's gradient.
    pub input_gradient: bool,
    x: Tensor,
}

impl Product {
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self { inputs, outputs, input_gradient: true, x: Tensor::default() }
    }

    pub fn out_shape(&self, x: Shape) -> Result<Shape, ShapeError> {
        if x.sample() != self.inputs || x.h != 1 || x.w != 1 {
            let got = format!("{} of shape {}x{}x{}", x.sample(), x.h, x.w, x.c);
            return Err(ShapeError::new(format!("expects a vector of {} inputs per sample, got {got}", self.inputs)));
        }
        Ok(Shape::new(x.n, 1, 1, self.outputs))
    }

    /// `y = x w^T + b`.
    pub fn forward(&mut self, w: &[f32], bias: Option<&[f32]>, x: Tensor, ctx: &mut Ctx) -> Tensor {
        let (i, o, part) = (self.inputs, self.outputs, part_size(x.shape.n));
        let mut y = ctx.tensor(Shape::new(x.shape.n, 1, 1, o));
        y.data.par_chunks_mut(part * o).zip(x.data.par_chunks(part * i)).for_each(|(y, x)| {
            let n = y.len() / o;
            gemm(matrix(x, n, i), matrix(w, o, i).t(), 0.0, matrix_mut(y, n, o));
        });
        if let Some(b) = bias {
            add_bias(&mut y, b);
        }
        ctx.give(std::mem::take(&mut self.x).data);
        if ctx.training() {
            self.x = x;
        } else {
            ctx.give(x.data);
        }
        y
    }

    /// Adds to `dw` and `db`; returns `dx`.
    pub fn backward(&mut self, dy: Tensor, w: &[f32], dw: &mut [f32], db: Option<&mut [f32]>, ctx: &mut Ctx) -> Tensor {
        if let Some(db) = db {
            bias_gradient(&dy, db);
        }
        let (i, o, n) = (self.inputs, self.outputs, dy.shape.n);
        // y = x w^T  =>  dw += dy^T x, a few outputs at a time.
        let rows = part_size(o);
        dw.par_chunks_mut(rows * i).enumerate().for_each(|(k, dw)| {
            let columns = k * rows..k * rows + dw.len() / i;
            let dy = matrix(&dy.data, n, o);
            let dy = dy.slice(ndarray::s![.., columns.clone()]);
            gemm(dy.t(), matrix(&self.x.data, n, i), 1.0, matrix_mut(dw, columns.len(), i));
        });
        // y = x w^T  =>  dx = dy w.
        let mut dx = Tensor::default();
        if self.input_gradient {
            dx = ctx.tensor(self.x.shape);
            let part = part_size(n);
            dx.data.par_chunks_mut(part * i).zip(dy.data.par_chunks(part * o)).for_each(|(dx, dy)| {
                let n = dy.len() / o;
                gemm(matrix(dy, n, o), matrix(w, o, i), 0.0, matrix_mut(dx, n, i));
            });
        }
        ctx.give(std::mem::take(&mut self.x).data);
        ctx.give(dy.data);
        dx
    }
}

/// `y[.., o] += b[o]`.
pub(crate) fn add_bias(y: &mut Tensor, b: &[f32]) {
    let part = part_size(y.shape.pixels()) * b.len();
    y.data.par_chunks_mut(part).for_each(|y| {
        for y in y.chunks_mut(b.len()) {
            y.iter_mut().zip(b).for_each(|(y, b)| *y += b);
        }
    });
}

/// `db[o] += sum dy[.., o]`, part by part, then over the parts in order.
pub(crate) fn bias_gradient(dy: &Tensor, db: &mut [f32]) {
    let c = db.len();
    let sums: Vec<Vec<f32>> = parts(dy.shape.pixels())
        .into_par_iter()
        .map(|pixels| {
            let mut sum = vec![0.0; c];
            for dy in dy.data[pixels.start * c..pixels.end * c].chunks(c) {
                sum.iter_mut().zip(dy).for_each(|(s, d)| *s += d);
            }
            sum
        })
        .collect();
    for sum in sums {
        db.iter_mut().zip(sum).for_each(|(d, s)| *d += s);
    }
}

/// A linear layer with ordinary weights.
#[derive(Debug)]
pub struct Linear {
    /// Weights `[out, in]`.
    pub weight: Param,
    /// One value per output, or none.
    pub bias: Option<Param>,
    inner: Product,
}

impl Linear {
    /// All-zero weights; see [`super::init`] for first values.
    pub fn new(inputs: usize, outputs: usize, bias: bool) -> Self {
        Self {
            weight: Param::filled(&[outputs, inputs], 0.0),
            bias: bias.then(|| Param::filled(&[outputs], 0.0)),
            inner: Product::new(inputs, outputs),
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
