//! Dropout: in training each element is zero with probability `p`, the others are scaled by `1 / (1 - p)`.

use super::ctx::Ctx;
use super::error::ShapeError;
use super::layer::Layer;
use super::tensor::{Shape, Tensor};
use rand::Rng;

/// Dropout with its own random stream.
#[derive(Debug)]
pub struct Dropout {
    p: f32,
    /// Number that tells this layer's random stream from the others'.
    stream: u64,
    /// 0 or `1 / (1 - p)`.
    factor: Vec<f32>,
}

impl Dropout {
    /// Drops with probability `p`, which is clamped to `0..=0.99`.
    pub fn new(p: f32, stream: u64) -> Self {
        Self { p: p.clamp(0.0, 0.99), stream, factor: Vec::new() }
    }
}

impl Layer for Dropout {
    fn out_shape(&self, x: Shape) -> Result<Shape, ShapeError> {
        Ok(x)
    }

    fn forward(&mut self, mut x: Tensor, ctx: &mut Ctx) -> Tensor {
        if ctx.training() {
            let (mut rng, keep) = (ctx.rng(self.stream), 1.0 / (1.0 - self.p));
            let threshold = (f64::from(self.p) * 4_294_967_296.0) as u64;
            self.factor.clear();
            self.factor.extend(x.data.iter().map(|_| if u64::from(rng.next_u32()) < threshold { 0.0 } else { keep }));
            x.data.iter_mut().zip(&self.factor).for_each(|(x, f)| *x *= f);
        }
        x
    }

    fn backward(&mut self, mut dy: Tensor, _ctx: &mut Ctx) -> Tensor {
        // y = f x  =>  dx = f dy
        dy.data.iter_mut().zip(&self.factor).for_each(|(d, f)| *d *= f);
        dy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::ctx::Mode;
    use crate::nn::gradcheck::check;

    #[test]
    fn gradients() {
        // The same step and stream draw the same mask in every forward pass of the check.
        check(&mut Dropout::new(0.4, 3), Shape::new(4, 2, 2, 5), 1e-2);
    }

    #[test]
    fn rate_and_mean() {
        let x = Tensor { shape: Shape::new(1, 1, 1, 20_000), data: vec![1.0; 20_000] };
        let mut l = Dropout::new(0.3, 0);
        let y = l.forward(x.clone(), &mut Ctx::new(Mode::Train, 5));
        let dropped = y.data.iter().filter(|v| **v == 0.0).count() as f64 / 20_000.0;
        assert!((dropped - 0.3).abs() < 0.02, "{dropped}");
        assert!((y.data.iter().sum::<f32>() / 20_000.0 - 1.0).abs() < 0.02);
        assert_eq!(l.forward(x.clone(), &mut Ctx::new(Mode::Eval, 5)).data, x.data);
    }
}
