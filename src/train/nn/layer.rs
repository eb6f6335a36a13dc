//! What every layer can do.

use super::ctx::Ctx;
use super::error::ShapeError;
use super::param::Slot;
use super::pcm::PcmSlot;
use super::product::CoreSlot;
use super::tensor::{Shape, Tensor};

/// One step of a network, forward and backward.
///
/// `forward` may only be called with a shape that `out_shape` accepted (a [`Sequential`](super::Sequential) checks once, when a model is
/// built for its data set). In training mode `forward` saves what `backward` needs, and each `forward` is followed by at
/// most one `backward`.
pub trait Layer: Send + Sync + std::fmt::Debug {
    /// The output's shape for an input's shape.
    ///
    /// # Errors
    /// What does not fit, with both numbers.
    fn out_shape(&self, x: Shape) -> Result<Shape, ShapeError>;

    /// `y = f(x)`.
    fn forward(&mut self, x: Tensor, ctx: &mut Ctx) -> Tensor;

    /// Takes `dy`, adds to the gradients of the parameters, returns `dx` (empty from a layer that was told that nobody
    /// needs it).
    fn backward(&mut self, dy: Tensor, ctx: &mut Ctx) -> Tensor;

    /// Lends every named array, in a fixed order.
    fn slots<'a>(&'a mut self, _prefix: &str, _out: &mut Vec<Slot<'a>>) {}

    /// Lends the weights that live in PCM cells.
    fn pcm<'a>(&'a mut self, _prefix: &str, _out: &mut Vec<PcmSlot<'a>>) {}

    /// Names every weight matrix, in the order of [`slots`](Self::slots), with the input vectors that a sample sends through it. `x`: a shape that
    /// [`out_shape`](Self::out_shape) accepts.
    fn vectors(&self, _prefix: &str, _x: Shape, _out: &mut Vec<(String, u64)>) {}

    /// Lends the layers that can be put on a core.
    fn cores<'a>(&'a mut self, _prefix: &str, _out: &mut Vec<CoreSlot<'a>>) {}

    /// Tells the first layer of a network that the gradient of its input is not needed.
    fn skip_input_gradient(&mut self) {}
}
