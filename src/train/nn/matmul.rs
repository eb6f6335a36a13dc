//! Matrix products over a batch: `y[n, o] = b[o] + sum_i x[n, i] w[o, i]`.

use super::ctx::Ctx;
use super::error::ShapeError;
use super::par::{gemm, part_size, parts, simd};
use super::tensor::{Shape, Tensor, matrix, matrix_mut};
use rayon::prelude::*;

/// The arithmetic of a linear layer, whatever its weights went through before.
#[derive(Debug)]
pub(crate) struct Matmul {
    pub inputs: usize,
    pub outputs: usize,
    /// Whether `backward` computes the input's gradient.
    pub input_gradient: bool,
    x: Tensor,
}

impl Matmul {
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

#[inline(always)]
fn add_rows(rows: &[f32], sum: &mut [f32]) {
    for row in rows.chunks_exact(sum.len()) {
        sum.iter_mut().zip(row).for_each(|(s, d)| *s += d);
    }
}

/// `db[o] += sum dy[.., o]`, part by part, then over the parts in order.
pub(crate) fn bias_gradient(dy: &Tensor, db: &mut [f32]) {
    let c = db.len();
    let sums: Vec<Vec<f32>> = parts(dy.shape.pixels())
        .into_par_iter()
        .map(|pixels| {
            let mut sum = vec![0.0; c];
            simd(|| add_rows(&dy.data[pixels.start * c..pixels.end * c], &mut sum));
            sum
        })
        .collect();
    for sum in sums {
        db.iter_mut().zip(sum).for_each(|(d, s)| *d += s);
    }
}
