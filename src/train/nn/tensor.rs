//! Activations: a batch of images, stored sample by sample with the channels last.
//!
//! PyTorch's files and the outside of this crate speak NCHW; inside, the channels of one pixel are neighbours in memory
//! (NHWC), because then every kernel (matrix product, batch norm, Winograd transform, pooling) runs over contiguous
//! channels. Weights keep PyTorch's shapes everywhere.

use ndarray::{ArrayView2, ArrayViewMut2};

/// Extents of a batch: samples, rows, columns, channels. A vector per sample is `h = w = 1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Samples in the batch.
    pub n: usize,
    /// Rows of an image.
    pub h: usize,
    /// Columns of an image.
    pub w: usize,
    /// Channels of a pixel.
    pub c: usize,
}

impl Shape {
    /// A batch of `n` images of `h x w` pixels with `c` channels.
    pub fn new(n: usize, h: usize, w: usize, c: usize) -> Self {
        Self { n, h, w, c }
    }

    /// Elements of one sample.
    pub fn sample(&self) -> usize {
        self.h * self.w * self.c
    }

    /// Elements of the batch.
    pub fn len(&self) -> usize {
        self.n * self.sample()
    }

    /// Whether the batch has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Pixels of the batch (`n * h * w`): the rows of the batch seen as a matrix.
    pub fn pixels(&self) -> usize {
        self.n * self.h * self.w
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} samples of {}x{}x{} (rows x columns x channels)", self.n, self.h, self.w, self.c)
    }
}

/// A batch of activations, `data[((n * h + y) * w + x) * c + channel]`.
///
/// Invariant: `data.len() == shape.len()`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensor {
    /// Extents.
    pub shape: Shape,
    /// Elements, channels last.
    pub data: Vec<f32>,
}

impl Tensor {
    /// A batch of zeros.
    pub fn zeros(shape: Shape) -> Self {
        Self { shape, data: vec![0.0; shape.len()] }
    }

    /// Takes elements in PyTorch's order `[n, c, h, w]`; `None` when their number is not that of the shape.
    pub fn from_nchw(shape: Shape, nchw: &[f32]) -> Option<Self> {
        if nchw.len() != shape.len() {
            return None;
        }
        let mut out = Self::zeros(shape);
        let hw = shape.h * shape.w;
        for (x, y) in nchw.chunks(shape.sample().max(1)).zip(out.data.chunks_mut(shape.sample().max(1))) {
            transpose(x, y, shape.c, hw);
        }
        Some(out)
    }

    /// The elements in PyTorch's order `[n, c, h, w]`.
    pub fn to_nchw(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.data.len()];
        let (hw, sample) = (self.shape.h * self.shape.w, self.shape.sample().max(1));
        for (x, y) in self.data.chunks(sample).zip(out.chunks_mut(sample)) {
            transpose(x, y, hw, self.shape.c);
        }
        out
    }
}

/// `out[j][i] = x[i][j]` for a `rows x columns` matrix `x`.
pub(crate) fn transpose(x: &[f32], out: &mut [f32], rows: usize, columns: usize) {
    for i in 0..rows {
        for j in 0..columns {
            out[j * rows + i] = x[i * columns + j];
        }
    }
}

/// A row-major matrix over `data`.
///
/// # Panics
/// When `data` is shorter than `rows * columns`: callers pass buffers that they sized themselves.
pub(crate) fn matrix(data: &[f32], rows: usize, columns: usize) -> ArrayView2<'_, f32> {
    // The slice has exactly rows * columns elements, so the shape fits.
    ArrayView2::from_shape((rows, columns), &data[..rows * columns]).expect("shape matches the slice")
}

/// A mutable row-major matrix over `data`; panics as [`matrix`] does.
pub(crate) fn matrix_mut(data: &mut [f32], rows: usize, columns: usize) -> ArrayViewMut2<'_, f32> {
    // As in `matrix`.
    ArrayViewMut2::from_shape((rows, columns), &mut data[..rows * columns]).expect("shape matches the slice")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nchw_round_trip() {
        let shape = Shape::new(2, 2, 3, 2);
        let nchw: Vec<f32> = (0..24).map(|i| i as f32).collect();
        let t = Tensor::from_nchw(shape, &nchw).unwrap();
        // Sample 0, pixel 0 holds channel 0 (element 0) and channel 1 (element 6).
        assert_eq!(&t.data[..2], &[0.0, 6.0]);
        assert_eq!(t.to_nchw(), nchw);
        assert!(Tensor::from_nchw(shape, &nchw[1..]).is_none());
    }
}
