//! `y = max(x, 0)`, in place.

use super::ctx::Ctx;
use super::error::ShapeError;
use super::layer::Layer;
use super::par::{part_size, simd};
use super::tensor::{Shape, Tensor};
use rayon::prelude::*;

/// Rectified linear unit.
#[derive(Debug, Default)]
pub struct Relu {
    /// 1 where the input was positive.
    positive: Vec<u8>,
}

#[inline(always)]
fn rectify(x: &mut [f32], positive: &mut [u8]) {
    for (x, p) in x.iter_mut().zip(positive) {
        *p = u8::from(*x > 0.0);
        *x = x.max(0.0);
    }
}

#[inline(always)]
fn mask(dy: &mut [f32], positive: &[u8]) {
    for (d, p) in dy.iter_mut().zip(positive) {
        *d = if *p != 0 { *d } else { 0.0 };
    }
}

impl Layer for Relu {
    fn out_shape(&self, x: Shape) -> Result<Shape, ShapeError> {
        Ok(x)
    }

    fn forward(&mut self, mut x: Tensor, ctx: &mut Ctx) -> Tensor {
        let part = part_size(x.data.len());
        if ctx.training() {
            self.positive.resize(x.data.len(), 0);
            let pairs = x.data.par_chunks_mut(part).zip(self.positive.par_chunks_mut(part));
            pairs.for_each(|(x, p)| simd(|| rectify(x, p)));
        } else {
            x.data.par_chunks_mut(part).for_each(|x| x.iter_mut().for_each(|x| *x = x.max(0.0)));
        }
        x
    }

    fn backward(&mut self, mut dy: Tensor, _ctx: &mut Ctx) -> Tensor {
        // y = max(x, 0)  =>  dx = dy where x > 0, else 0
        let part = part_size(dy.data.len());
        let pairs = dy.data.par_chunks_mut(part).zip(self.positive.par_chunks(part));
        pairs.for_each(|(d, p)| simd(|| mask(d, p)));
        dy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::gradcheck::check_at;

    #[test]
    fn gradients() {
        // No element within the finite difference's reach of the kink.
        let shape = Shape::new(3, 2, 2, 3);
        let data = (0..36).map(|i| (i as f32 - 17.5) / 10.0).collect();
        check_at(&mut Relu::default(), Tensor { shape, data }, 1e-2);
    }
}
