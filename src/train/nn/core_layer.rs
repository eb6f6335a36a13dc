//! A convolution or linear layer whose product can be handed to somebody else.
//!
//! Forward only. Without a [`Multiplier`] it is the floating-point layer.

use super::ctx::Ctx;
use super::error::ShapeError;
use super::input_quant::InputQuantizer;
use super::layer::Layer;
use super::matmul::add_bias;
use super::param::{Param, Role, Slot, join};
use super::product::{CoreSlot, Extent, Multiplier};
use super::tensor::{Shape, Tensor};
use std::sync::Arc;

/// A layer that can be put on a core.
#[derive(Debug)]
pub struct CoreLayer {
    /// Weights in PyTorch's shape, as the file has them.
    pub weight: Param,
    /// One value per output, added digitally, or none.
    pub bias: Option<Param>,
    /// Who multiplies; none: floating point.
    pub multiplier: Option<Arc<dyn Multiplier>>,
    /// Input quantizer of a network that was trained with one.
    pub input: Option<InputQuantizer>,
    extent: Extent,
}

impl CoreLayer {
    /// All-zero weights; `input_bits`: bits of the inputs that the network was trained with.
    #[must_use]
    pub fn new(extent: Extent, bias: bool, input_bits: Option<u8>) -> Self {
        Self {
            weight: Param::filled(&extent.weight_shape(), 0.0),
            bias: bias.then(|| Param::filled(&[extent.rows()], 0.0)),
            multiplier: None,
            input: input_bits.map(|b| InputQuantizer::new(b, 1.0, 0)),
            extent,
        }
    }
}

impl Layer for CoreLayer {
    fn out_shape(&self, x: Shape) -> Result<Shape, ShapeError> {
        self.extent.out_shape(x)
    }

    fn forward(&mut self, mut x: Tensor, ctx: &mut Ctx) -> Tensor {
        if let Some(q) = &mut self.input {
            q.forward(&mut x, ctx);
        }
        let mut y = match &self.multiplier {
            Some(m) => m.multiply(&self.extent, &self.weight.value, x, ctx),
            None => self.extent.multiply(&self.weight.value, x, ctx),
        };
        if let Some(b) = &self.bias {
            add_bias(&mut y, &b.value);
        }
        y
    }

    /// Answers only: nothing flows back.
    fn backward(&mut self, dy: Tensor, ctx: &mut Ctx) -> Tensor {
        ctx.give(dy.data);
        Tensor::default()
    }

    fn vectors(&self, prefix: &str, x: Shape, out: &mut Vec<(String, u64)>) {
        out.extend(self.out_shape(x).map(|y| (join(prefix, "weight"), (y.h * y.w) as u64)));
    }

    fn slots<'a>(&'a mut self, prefix: &str, out: &mut Vec<Slot<'a>>) {
        out.push(Slot::param(prefix, "weight", Role::Weight, &mut self.weight));
        out.extend(self.bias.as_mut().map(|b| Slot::param(prefix, "bias", Role::Bias, b)));
        if let Some(q) = &mut self.input {
            q.slots(&join(prefix, "input_quantizer"), out);
        }
    }

    fn cores<'a>(&'a mut self, prefix: &str, out: &mut Vec<CoreSlot<'a>>) {
        out.push(CoreSlot {
            name: join(prefix, "weight"),
            extent: self.extent,
            weight: &mut self.weight,
            multiplier: &mut self.multiplier,
        });
    }
}
