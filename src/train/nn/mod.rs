//! Layers with their gradients, each in a file of its own, forward and backward side by side.
//!
//! ```text
//! tensor, ctx, par   activations, the context of a pass, parallel work with a fixed split
//! param, layer       named arrays with their gradients; what every layer can do
//! matmul, convolution (im2col, winograd)   the products
//! linear, conv2d, batch_norm, relu, norm_relu, pool, shape, dropout, residual   the layers
//! pcm, input_quant   what a photonic core does to weights and inputs: pcm_linear, pcm_conv2d
//! product            a layer's product that somebody else computes, as the simulated core: core_layer
//! loss               softmax cross entropy
//! model, init        named layers, architectures, first weights
//! ```
//!
//! Gradients are named `d<name>`: `dy` is the derivative of the loss with respect to a layer's output `y`.

pub mod batch_norm;
pub mod conv2d;
pub mod convolution;
pub mod core_layer;
pub mod ctx;
pub mod dropout;
pub mod error;
mod im2col;
pub mod init;
pub mod input_quant;
pub mod layer;
pub mod linear;
pub mod loss;
pub mod matmul;
pub mod model;
pub mod norm_relu;
pub mod par;
pub mod param;
pub mod pcm;
pub mod pcm_conv2d;
pub mod pcm_linear;
pub mod pool;
pub mod product;
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
pub use error::ShapeError;
pub use layer::Layer;
pub use param::{Param, Role, Slot};
pub use sequential::Sequential;
pub use tensor::{Shape, Tensor};
