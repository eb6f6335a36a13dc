//! Flatten: an image becomes a vector, in PyTorch's order (channel, row, column).

use super::ctx::Ctx;
use super::error::ShapeError;
use super::layer::Layer;
use super::tensor::{Shape, Tensor, transpose};

/// `[n, h, w, c]` to `[n, 1, 1, c*h*w]`.
#[derive(Debug, Default)]
pub struct Flatten {
    x: Shape,
}

impl Layer for Flatten {
    fn out_shape(&self, x: Shape) -> Result<Shape, ShapeError> {
        Ok(Shape::new(x.n, 1, 1, x.sample()))
    }

    fn forward(&mut self, x: Tensor, ctx: &mut Ctx) -> Tensor {
        self.x = x.shape;
        let mut y = ctx.tensor(Shape::new(x.shape.n, 1, 1, x.shape.sample()));
        let sample = x.shape.sample().max(1);
        for (x, y) in x.data.chunks(sample).zip(y.data.chunks_mut(sample)) {
            transpose(x, y, self.x.h * self.x.w, self.x.c);
        }
        ctx.give(x.data);
        y
    }

    fn backward(&mut self, dy: Tensor, ctx: &mut Ctx) -> Tensor {
        // A permutation: its reverse.
        let mut dx = ctx.tensor(self.x);
        let sample = self.x.sample().max(1);
        for (dy, dx) in dy.data.chunks(sample).zip(dx.data.chunks_mut(sample)) {
            transpose(dy, dx, self.x.c, self.x.h * self.x.w);
        }
        ctx.give(dy.data);
        dx
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::gradcheck::check;

    #[test]
    fn gradients() {
        check(&mut Flatten::default(), Shape::new(2, 3, 2, 4), 1e-2);
    }

    #[test]
    fn order_is_that_of_pytorch() {
        let nchw: Vec<f32> = (0..24).map(|i| i as f32).collect();
        let x = Tensor::from_nchw(Shape::new(2, 3, 2, 2), &nchw).unwrap();
        assert_eq!(Flatten::default().forward(x, &mut Ctx::new(crate::nn::Mode::Eval, 0)).data, nchw);
    }
}
