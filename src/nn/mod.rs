//! 5. Layers with their gradients, each in a file of its own, forward and backward side by side.
//!
//! ```text
//! tensor, ctx, par   activations, the context of a pass, parallel work with a fixed split
//! linear, conv2d (im2col, winograd), batch_norm, relu, pool, shape, dropout, residual
//! pcm, input_quant   what a photonic core does to weights and inputs
//! core_layer         a layer whose product somebody else computes: the simulated core
//! loss               softmax cross entropy
//! model, init        named layers, architectures, first weights
//! ```
//!
//! Gradients are named `d<name>`: `dy` is the derivative of the loss with respect to a layer's output `y`.

pub mod batch_norm;
pub mod conv2d;
pub mod core_layer;
pub mod ctx;
pub mod dropout;
mod im2col;
pub mod init;
pub mod input_quant;
pub mod linear;
pub mod loss;
pub mod model;
pub mod par;
pub mod pcm;
pub mod pcm_conv2d;
pub mod pcm_linear;
pub mod pool;
pub mod relu;
pub mod residual;
pub mod sequential;
pub mod shape;
pub mod tanh;
pub mod tensor;
mod winograd;

#[cfg(test)]
pub(crate) mod gradcheck;

pub use ctx::{Ctx, Mode};
pub use sequential::Sequential;
pub use tensor::{Shape, Tensor};

/// A layer cannot take the shape it is given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("layer `{layer}`: {problem}")]
pub struct ShapeError {
    /// Name of the layer within the model.
    pub layer: String,
    /// What does not fit, with the numbers expected and found.
    pub problem: String,
}

impl ShapeError {
    /// An error of the layer itself; containers prepend their names.
    pub fn new(problem: impl Into<String>) -> Self {
        Self { layer: String::new(), problem: problem.into() }
    }

    /// The same error seen from a container.
    pub fn within(mut self, name: &str) -> Self {
        self.layer = if self.layer.is_empty() { name.to_owned() } else { format!("{name}.{}", self.layer) };
        self
    }
}

/// What a stored array is to the optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Weights of a linear or convolution layer: decayed.
    Weight,
    /// Biases: not decayed.
    Bias,
    /// Scale and shift of batch norm: not decayed.
    Norm,
    /// State that no gradient changes: running statistics, observers.
    Buffer,
}

/// A trainable array with its gradient, row-major in PyTorch's shape.
#[derive(Clone, Debug, Default)]
pub struct Param {
    /// PyTorch's shape.
    pub shape: Vec<usize>,
    /// Values.
    pub value: Vec<f32>,
    /// Derivative of the loss; layers add to it.
    pub grad: Vec<f32>,
}

impl Param {
    /// An array of one value.
    pub fn filled(shape: &[usize], value: f32) -> Self {
        let len = shape.iter().product();
        Self { shape: shape.to_vec(), value: vec![value; len], grad: vec![0.0; len] }
    }
}

/// A named array of a model, lent to the optimiser, to the loader and to the saver.
#[derive(Debug)]
pub struct Slot<'a> {
    /// Full name, as PyTorch writes it (`features.0.weight`).
    pub name: String,
    /// PyTorch's shape.
    pub shape: Vec<usize>,
    /// What it is.
    pub role: Role,
    /// Values.
    pub value: &'a mut [f32],
    /// Gradient; `None` for buffers.
    pub grad: Option<&'a mut [f32]>,
}

impl<'a> Slot<'a> {
    /// Lends a trainable array.
    pub fn param(prefix: &str, name: &str, role: Role, p: &'a mut Param) -> Self {
        let name = join(prefix, name);
        Self { name, shape: p.shape.clone(), role, value: &mut p.value, grad: Some(&mut p.grad) }
    }

    /// Lends a buffer.
    pub fn buffer(prefix: &str, name: &str, value: &'a mut [f32]) -> Self {
        Self { name: join(prefix, name), shape: vec![value.len()], role: Role::Buffer, value, grad: None }
    }
}

/// `prefix.name`, or just `name` without a prefix.
pub fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// One step of a network, forward and backward.
///
/// `forward` may only be called with a shape that `out_shape` accepted (a [`Sequential`] checks once, when a model is
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
    fn pcm<'a>(&'a mut self, _prefix: &str, _out: &mut Vec<pcm::PcmSlot<'a>>) {}

    /// Lends the layers that can be put on a core.
    fn cores<'a>(&'a mut self, _prefix: &str, _out: &mut Vec<core_layer::CoreSlot<'a>>) {}

    /// Tells the first layer of a network that the gradient of its input is not needed.
    fn skip_input_gradient(&mut self) {}
}
