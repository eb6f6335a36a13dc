//! What a layer's inputs look like: means and second moments over some images, in the original network and in the one that is being
//! calibrated.

use rayon::prelude::*;

use crate::nn::Tensor;
use crate::nn::par::gemm;
use crate::nn::product::Extent;
use crate::nn::tensor::{matrix, matrix_mut};

/// Rows of a second moment that one task computes.
const BAND: usize = 32;

/// Sums over input vectors; `f` of the original (floating-point) network, `q` of the calibrated one.
#[derive(Debug)]
pub struct Moments {
    cols: usize,
    n: f64,
    sum_f: Vec<f64>,
    sum_q: Vec<f64>,
    /// `sum x_q x_q'` and `sum x_f x_q'` of each group, `cols x cols`.
    qq: Vec<Vec<f64>>,
    fq: Vec<Vec<f64>>,
    /// Sum and sum of squares of each output of the original layer, without its bias.
    out: Vec<[f64; 2]>,
}

/// Means and covariances.
#[derive(Debug)]
pub struct Statistics {
    /// Mean inputs of the calibrated network, those of all groups one after the other.
    pub mean_q: Vec<f64>,
    /// Covariance of the calibrated network's inputs, by group.
    pub cov_qq: Vec<Vec<f64>>,
    /// Covariance of the original's inputs (rows) and the calibrated one's (columns), by group.
    pub cov_fq: Vec<Vec<f64>>,
    /// Mean and variance of each output of the original layer.
    pub out: Vec<[f64; 2]>,
}

impl Moments {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(extent: &Extent) -> Self {
        let (cols, groups) = (extent.cols(), extent.groups());
        let square = || vec![vec![0.0; cols * cols]; groups];
        Self {
            cols,
            n: 0.0,
            sum_f: vec![0.0; groups * cols],
            sum_q: vec![0.0; groups * cols],
            qq: square(),
            fq: square(),
            out: vec![[0.0; 2]; extent.rows()],
        }
    }

    /// Adds every `stride`-th output pixel of a batch: inputs of both networks, outputs of the original without the bias.
    pub fn add(&mut self, extent: &Extent, x_f: &Tensor, x_q: &Tensor, y_f: &Tensor, stride: usize) {
        let pixels = || (0..y_f.shape.pixels()).step_by(stride.max(1));
        let n = pixels().len();
        let (mut f, mut q) = (Vec::new(), Vec::new());
        extent.vectors(x_f, pixels(), &mut f);
        extent.vectors(x_q, pixels(), &mut q);
        self.n += n as f64;
        for (sums, x) in [(&mut self.sum_f, &f), (&mut self.sum_q, &q)] {
            for (sum, x) in sums.iter_mut().zip(x.chunks(n.max(1))) {
                *sum += x.iter().map(|v| f64::from(*v)).sum::<f64>();
            }
        }
        let rows = self.out.len();
        for p in pixels() {
            for (out, y) in self.out.iter_mut().zip(&y_f.data[p * rows..(p + 1) * rows]) {
                *out = [out[0] + f64::from(*y), out[1] + f64::from(*y).powi(2)];
            }
        }
        let part = self.cols * n;
        for group in 0..self.qq.len() {
            let (f, q) = (&f[group * part..][..part], &q[group * part..][..part]);
            products(q, q, self.cols, n, &mut self.qq[group]);
            products(f, q, self.cols, n, &mut self.fq[group]);
        }
    }

    /// Means and covariances; `centred` false leaves the means in the second moments (and takes them for 0), for layers whose mean nobody can
    /// correct.
    #[must_use]
    pub fn statistics(&self, centred: bool) -> Statistics {
        let n = self.n.max(1.0);
        let mean = |sums: &[f64]| sums.iter().map(|s| if centred { s / n } else { 0.0 }).collect::<Vec<_>>();
        let (mean_f, mean_q) = (mean(&self.sum_f), mean(&self.sum_q));
        let covariance = |sums: &[Vec<f64>], rows: &[f64]| {
            let of_group = |(g, sums): (usize, &Vec<f64>)| {
                let (rows, columns) = (&rows[g * self.cols..], &mean_q[g * self.cols..]);
                let entry = |(i, s): (usize, &f64)| s / n - rows[i / self.cols] * columns[i % self.cols];
                sums.iter().enumerate().map(entry).collect()
            };
            sums.iter().enumerate().map(of_group).collect::<Vec<_>>()
        };
        let out = self.out.iter().map(|[sum, squares]| {
            let mean = sum / n;
            [mean, (squares / n - mean * mean).max(0.0)]
        });
        Statistics {
            cov_qq: covariance(&self.qq, &mean_q),
            cov_fq: covariance(&self.fq, &mean_f),
            out: out.collect(),
            mean_q,
        }
    }
}

/// `sums += a b'` for `cols x n` matrices; a band of rows a task, so that the order of all additions is fixed.
fn products(a: &[f32], b: &[f32], cols: usize, n: usize, sums: &mut [f64]) {
    sums.par_chunks_mut(BAND * cols).zip(a.par_chunks(BAND * n)).for_each(|(sums, a)| {
        let rows = sums.len() / cols;
        let mut product = vec![0.0f32; sums.len()];
        gemm(matrix(a, rows, n), matrix(b, cols, n).t(), 0.0, matrix_mut(&mut product, rows, cols));
        sums.iter_mut().zip(product).for_each(|(s, p)| *s += f64::from(p));
    });
}
