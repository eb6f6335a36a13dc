//! The product of a convolution or linear layer, when somebody else may compute it: the simulated core, or an observer.

use super::convolution::{ConvSpec, Convolution};
use super::ctx::Ctx;
use super::error::ShapeError;
use super::matmul::Matmul;
use super::param::Param;
use super::tensor::{Shape, Tensor};
use std::sync::{Arc, Mutex, PoisonError};

/// Extents of a layer's product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Convolution.
    Conv(ConvSpec),
    /// Linear layer.
    Linear {
        /// Inputs of a sample.
        inputs: usize,
        /// Outputs of a sample.
        outputs: usize,
    },
}

impl Extent {
    /// Output rows of the layer's matrix.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self {
            Self::Conv(spec) => spec.cout,
            Self::Linear { outputs, .. } => *outputs,
        }
    }

    /// Columns of the layer's matrix: inputs of one output.
    #[must_use]
    pub fn cols(&self) -> usize {
        match self {
            Self::Conv(spec) => spec.cin / spec.groups * spec.kernel.0 * spec.kernel.1,
            Self::Linear { inputs, .. } => *inputs,
        }
    }

    /// Groups of rows that read different inputs.
    #[must_use]
    pub fn groups(&self) -> usize {
        match self {
            Self::Conv(spec) => spec.groups,
            Self::Linear { .. } => 1,
        }
    }

    /// Shape of the weights, as PyTorch stores them.
    #[must_use]
    pub fn weight_shape(&self) -> Vec<usize> {
        match self {
            Self::Conv(spec) => spec.weight_shape().to_vec(),
            Self::Linear { inputs, outputs } => vec![*outputs, *inputs],
        }
    }

    /// The output's shape.
    ///
    /// # Errors
    /// What does not fit.
    pub fn out_shape(&self, x: Shape) -> Result<Shape, ShapeError> {
        match self {
            Self::Conv(spec) => spec.out_shape(x),
            Self::Linear { inputs, outputs } => Matmul::new(*inputs, *outputs).out_shape(x),
        }
    }

    /// `y = x w` without a bias, in floating point; `weights` are `rows * cols`.
    pub fn multiply(&self, weights: &[f32], x: Tensor, ctx: &mut Ctx) -> Tensor {
        match self {
            Self::Conv(spec) => Convolution::new(*spec).forward(weights, None, x, ctx),
            Self::Linear { inputs, outputs } => Matmul::new(*inputs, *outputs).forward(weights, None, x, ctx),
        }
    }

    /// The input vectors of some outputs, element by element: `out[element * pixels.len() + pixel]`, with the elements of all
    /// groups one after the other, each in the order of the matrix's columns. `pixels` counts output pixels over the batch.
    pub fn vectors(&self, x: &Tensor, pixels: impl ExactSizeIterator<Item = usize>, out: &mut Vec<f32>) {
        let n = pixels.len();
        out.clear();
        out.resize(self.groups() * self.cols() * n, 0.0);
        match self {
            Self::Linear { inputs, .. } => {
                for (p, sample) in pixels.enumerate() {
                    for (i, v) in x.data[sample * inputs..(sample + 1) * inputs].iter().enumerate() {
                        out[i * n + p] = *v;
                    }
                }
            }
            Self::Conv(spec) => patches(spec, x, pixels, out),
        }
    }
}

/// [`Extent::vectors`] of a convolution: element `(channel * kh + ky) * kw + kx`.
fn patches(spec: &ConvSpec, x: &Tensor, pixels: impl ExactSizeIterator<Item = usize>, out: &mut [f32]) {
    let (kh, kw) = spec.kernel;
    let xs = x.shape;
    // The caller runs a network whose shapes were checked when it was built.
    let ys = spec.out_shape(xs).unwrap_or_default();
    let n = pixels.len();
    for (p, pixel) in pixels.enumerate() {
        let (sample, at) = (pixel / (ys.h * ys.w), pixel % (ys.h * ys.w));
        let (top, left) = (at / ys.w * spec.stride, at % ys.w * spec.stride);
        for ky in 0..kh {
            let Some(iy) = (top + ky).checked_sub(spec.pad).filter(|iy| *iy < xs.h) else { continue };
            for kx in 0..kw {
                let Some(ix) = (left + kx).checked_sub(spec.pad).filter(|ix| *ix < xs.w) else { continue };
                let from = &x.data[((sample * xs.h + iy) * xs.w + ix) * xs.c..][..xs.c];
                for (c, v) in from.iter().enumerate() {
                    out[((c * kh + ky) * kw + kx) * n + p] = *v;
                }
            }
        }
    }
}

/// Who computes the product of a layer.
pub trait Multiplier: Send + Sync + std::fmt::Debug {
    /// `y = x w` without the bias; `weights` are the layer's own, `rows * cols`.
    fn multiply(&self, extent: &Extent, weights: &[f32], x: Tensor, ctx: &mut Ctx) -> Tensor;
}

/// Computes as another does, and keeps inputs and outputs of the last batch.
#[derive(Debug, Default)]
pub struct Keeping {
    /// Who computes; none: floating point.
    pub inner: Option<Arc<dyn Multiplier>>,
    /// Inputs, and outputs without the bias.
    pub kept: Mutex<Option<(Tensor, Tensor)>>,
}

impl Keeping {
    /// Takes what was kept; empty tensors when nothing was.
    #[must_use]
    pub fn take(&self) -> (Tensor, Tensor) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }
}

impl Multiplier for Keeping {
    fn multiply(&self, extent: &Extent, weights: &[f32], x: Tensor, ctx: &mut Ctx) -> Tensor {
        let kept = x.clone();
        let y = match &self.inner {
            Some(inner) => inner.multiply(extent, weights, x, ctx),
            None => extent.multiply(weights, x, ctx),
        };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((kept, y.clone()));
        y
    }
}

/// A layer that can be put on a core, lent with its name.
#[derive(Debug)]
pub struct CoreSlot<'a> {
    /// Full name of the weights, as in the file.
    pub name: String,
    /// Extents.
    pub extent: Extent,
    /// Weights in PyTorch's shape, as the file has them.
    pub weight: &'a mut Param,
    /// Who multiplies; none: floating point.
    pub multiplier: &'a mut Option<Arc<dyn Multiplier>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::ctx::Mode;
    use crate::nn::gradcheck::noise;

    /// The vectors times the matrix are the layer's own product, grouped and strided too.
    #[test]
    fn vectors_are_what_the_product_multiplies() {
        let conv = |stride, groups| Extent::Conv(ConvSpec { stride, groups, ..ConvSpec::same(4, 6, 3) });
        let cases = [(conv(1, 1), Shape::new(2, 5, 4, 4)), (conv(2, 2), Shape::new(2, 5, 5, 4))];
        let linear = (Extent::Linear { inputs: 7, outputs: 3 }, Shape::new(2, 1, 1, 7));
        for (extent, shape) in cases.into_iter().chain([linear]) {
            let mut x = Tensor::zeros(shape);
            noise(&mut x.data, 1.0, 1);
            let mut w = vec![0.0; extent.rows() * extent.cols()];
            noise(&mut w, 1.0, 2);
            let y = extent.multiply(&w, x.clone(), &mut Ctx::new(Mode::Eval, 0));
            let pixels = y.shape.pixels();
            let mut v = Vec::new();
            extent.vectors(&x, 0..pixels, &mut v);
            let (rows, cols) = (extent.rows(), extent.cols());
            for p in 0..pixels {
                for r in 0..rows {
                    let base = r / (rows / extent.groups()) * cols;
                    let dot: f32 = (0..cols).map(|c| w[r * cols + c] * v[(base + c) * pixels + p]).sum();
                    assert!((dot - y.data[p * rows + r]).abs() < 1e-5, "{extent:?} pixel {p} row {r}");
                }
            }
        }
    }
}
