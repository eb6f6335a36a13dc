//! Batch normalisation over the pixels of a batch, channel by channel:
//! `y = gamma (x - mean) / sqrt(var + eps) + beta`.
//!
//! In training `mean` and `var` (biased) are the batch's, and the running statistics follow them with `momentum` (the running
//! variance takes the unbiased estimate, as PyTorch does); in evaluation the running statistics are used.

use super::ctx::Ctx;
use super::error::ShapeError;
use super::layer::Layer;
use super::par::{parts, simd};
use super::param::{Param, Role, Slot};
use super::tensor::{Shape, Tensor};
use rayon::prelude::*;

/// Elements of a block over which a mean is formed before deviations from it are squared: stays in the first-level cache.
const BLOCK: usize = 1 << 12;

/// Batch normalisation.
#[derive(Debug)]
pub struct BatchNorm {
    /// Scale `gamma`, one per channel.
    pub weight: Param,
    /// Shift `beta`, one per channel.
    pub bias: Param,
    /// Running mean.
    pub running_mean: Vec<f32>,
    /// Running variance.
    pub running_var: Vec<f32>,
    eps: f32,
    momentum: f32,
    x: Tensor,
    mean: Vec<f32>,
    invstd: Vec<f32>,
}

/// Count, mean and sum of squared deviations per channel.
#[derive(Clone)]
struct Moments {
    n: f64,
    mean: Vec<f64>,
    m2: Vec<f64>,
}

impl Moments {
    fn new(c: usize) -> Self {
        Self { n: 0.0, mean: vec![0.0; c], m2: vec![0.0; c] }
    }

    /// Chan's formula for the moments of a union.
    fn merge(&mut self, n: f64, mean: impl Iterator<Item = f64>, m2: impl Iterator<Item = f64>) {
        let total = self.n + n;
        for (k, (mean, m2)) in mean.zip(m2).enumerate() {
            let d = mean - self.mean[k];
            self.mean[k] += d * n / total;
            self.m2[k] += m2 + d * d * self.n * n / total;
        }
        self.n = total;
    }
}

impl BatchNorm {
    /// `gamma = 1`, `beta = 0`, eps 1e-5, momentum 0.1 (PyTorch's defaults).
    pub fn new(channels: usize) -> Self {
        Self {
            weight: Param::filled(&[channels], 1.0),
            bias: Param::filled(&[channels], 0.0),
            running_mean: vec![0.0; channels],
            running_var: vec![1.0; channels],
            eps: 1e-5,
            momentum: 0.1,
            x: Tensor::default(),
            mean: Vec::new(),
            invstd: Vec::new(),
        }
    }

    fn channels(&self) -> usize {
        self.running_mean.len()
    }

    /// `scale` and `shift` with `y = scale x + shift`: with the statistics of the batch, which the running ones follow, or with the running ones.
    pub(super) fn scale_and_shift(&mut self, x: &Tensor, training: bool) -> (Vec<f32>, Vec<f32>) {
        let c = self.channels();
        self.mean.resize(c, 0.0);
        self.invstd.resize(c, 0.0);
        if training {
            self.observe(x);
        } else {
            self.mean.copy_from_slice(&self.running_mean);
            let eps = self.eps;
            self.invstd.iter_mut().zip(&self.running_var).for_each(|(i, v)| *i = 1.0 / (v + eps).sqrt());
        }
        self.last_scale_and_shift()
    }

    /// Those of the last forward pass.
    pub(super) fn last_scale_and_shift(&self) -> (Vec<f32>, Vec<f32>) {
        // gamma (x - mean) invstd + beta = x scale + shift
        let scale: Vec<f32> = self.weight.value.iter().zip(&self.invstd).map(|(g, i)| g * i).collect();
        let shift = (0..self.channels()).map(|k| self.bias.value[k] - self.mean[k] * scale[k]).collect();
        (scale, shift)
    }

    /// Means of the last forward pass.
    pub(super) fn last_mean(&self) -> &[f32] {
        &self.mean
    }

    /// From `sum dy` and `sum dy (x - mean)` over `n` pixels: adds to the gradients of `gamma` and `beta`, and returns `a`, `b`, `d` with
    /// `dx = a dy + b x + d`.
    pub(super) fn gradients(&mut self, sum: &[f64], sum_x: &[f64], n: f64) -> [Vec<f32>; 3] {
        // With xhat = (x - mean) invstd and N pixels:
        //   dbeta = sum dy, dgamma = sum dy xhat, dx = gamma invstd (dy - dbeta / N - xhat dgamma / N)
        let c = self.channels();
        let (mut a, mut b, mut d) = (vec![0.0; c], vec![0.0; c], vec![0.0; c]);
        for k in 0..c {
            let (mean, invstd) = (f64::from(self.mean[k]), f64::from(self.invstd[k]));
            let dgamma = sum_x[k] * invstd;
            self.weight.grad[k] += dgamma as f32;
            self.bias.grad[k] += sum[k] as f32;
            let gain = f64::from(self.weight.value[k]) * invstd;
            a[k] = gain as f32;
            b[k] = (-gain * dgamma * invstd / n) as f32;
            d[k] = (gain * (mean * invstd * dgamma - sum[k]) / n) as f32;
        }
        [a, b, d]
    }

    /// Sets `mean` and `invstd` from the batch and moves the running statistics.
    fn observe(&mut self, x: &Tensor) {
        let c = self.channels();
        let moments: Vec<Moments> = parts(x.shape.pixels())
            .into_par_iter()
            .map(|p| {
                let mut m = Moments::new(c);
                let (mut sum, mut m2) = (vec![0.0; c], vec![0.0; c]);
                for block in x.data[p.start * c..p.end * c].chunks((BLOCK / c).max(1) * c) {
                    simd(|| block_moments(block, &mut sum, &mut m2));
                    let wide = |v: &f32| f64::from(*v);
                    m.merge((block.len() / c) as f64, sum.iter().map(wide), m2.iter().map(wide));
                }
                m
            })
            .collect();
        let mut all = Moments::new(c);
        for m in moments {
            all.merge(m.n, m.mean.into_iter(), m.m2.into_iter());
        }
        let momentum = f64::from(self.momentum);
        for k in 0..c {
            let (var, unbiased) = (all.m2[k] / all.n, all.m2[k] / (all.n - 1.0).max(1.0));
            let follow = |old: f32, new: f64| (f64::from(old) + momentum * (new - f64::from(old))) as f32;
            self.running_mean[k] = follow(self.running_mean[k], all.mean[k]);
            self.running_var[k] = follow(self.running_var[k], unbiased);
            self.mean[k] = all.mean[k] as f32;
            self.invstd[k] = (1.0 / (var + f64::from(self.eps)).sqrt()) as f32;
        }
    }
}

/// Means, and sums of squared deviations from them, of the channels of a few pixels.
#[inline(always)]
fn block_moments(block: &[f32], mean: &mut [f32], m2: &mut [f32]) {
    let c = mean.len();
    mean.fill(0.0);
    m2.fill(0.0);
    for x in block.chunks_exact(c) {
        mean.iter_mut().zip(x).for_each(|(m, x)| *m += x);
    }
    let scale = 1.0 / (block.len() / c) as f32;
    mean.iter_mut().for_each(|m| *m *= scale);
    for x in block.chunks_exact(c) {
        for ((s, m), x) in m2.iter_mut().zip(&*mean).zip(x) {
            *s += (x - m) * (x - m);
        }
    }
}

/// `y = x * scale + shift`, channel by channel.
#[inline(always)]
fn affine(x: &[f32], y: &mut [f32], scale: &[f32], shift: &[f32]) {
    let c = scale.len();
    for (x, y) in x.chunks_exact(c).zip(y.chunks_exact_mut(c)) {
        for k in 0..c {
            y[k] = x[k] * scale[k] + shift[k];
        }
    }
}

/// Adds `sum dy` and `sum dy (x - mean)`.
#[inline(always)]
fn gradient_sums(dy: &[f32], x: &[f32], mean: &[f32], sum: &mut [f32], sum_x: &mut [f32]) {
    let c = mean.len();
    for (dy, x) in dy.chunks_exact(c).zip(x.chunks_exact(c)) {
        for k in 0..c {
            sum[k] += dy[k];
            sum_x[k] += dy[k] * (x[k] - mean[k]);
        }
    }
}

/// `dx = a dy + b x + d`, over `dy`.
#[inline(always)]
fn input_gradient(dy: &mut [f32], x: &[f32], a: &[f32], b: &[f32], d: &[f32]) {
    let c = a.len();
    for (dy, x) in dy.chunks_exact_mut(c).zip(x.chunks_exact(c)) {
        for k in 0..c {
            dy[k] = a[k] * dy[k] + b[k] * x[k] + d[k];
        }
    }
}

impl Layer for BatchNorm {
    fn out_shape(&self, x: Shape) -> Result<Shape, ShapeError> {
        if x.c != self.channels() {
            return Err(ShapeError::new(format!("normalises {} channels, got {}", self.channels(), x.c)));
        }
        Ok(x)
    }

    fn forward(&mut self, mut x: Tensor, ctx: &mut Ctx) -> Tensor {
        let c = self.channels();
        let (scale, shift) = self.scale_and_shift(&x, ctx.training());
        let part = crate::nn::par::part_size(x.shape.pixels()) * c;
        ctx.give(std::mem::take(&mut self.x).data);
        if !ctx.training() {
            x.data.par_chunks_mut(part).for_each(|x| {
                for x in x.chunks_exact_mut(c) {
                    (0..c).for_each(|k| x[k] = x[k] * scale[k] + shift[k]);
                }
            });
            return x;
        }
        let mut y = ctx.tensor(x.shape);
        let pairs = x.data.par_chunks(part).zip(y.data.par_chunks_mut(part));
        pairs.for_each(|(x, y)| simd(|| affine(x, y, &scale, &shift)));
        self.x = x;
        y
    }

    fn backward(&mut self, mut dy: Tensor, ctx: &mut Ctx) -> Tensor {
        let c = self.channels();
        let sums: Vec<(Vec<f32>, Vec<f32>)> = parts(dy.shape.pixels())
            .into_par_iter()
            .map(|p| {
                let (mut sum, mut sum_x) = (vec![0.0; c], vec![0.0; c]);
                let range = p.start * c..p.end * c;
                let (dy, x) = (&dy.data[range.clone()], &self.x.data[range]);
                simd(|| gradient_sums(dy, x, &self.mean, &mut sum, &mut sum_x));
                (sum, sum_x)
            })
            .collect();
        let (mut sum, mut sum_x) = (vec![0.0f64; c], vec![0.0f64; c]);
        for (s, sx) in &sums {
            for k in 0..c {
                sum[k] += f64::from(s[k]);
                sum_x[k] += f64::from(sx[k]);
            }
        }
        let [a, b, d] = self.gradients(&sum, &sum_x, dy.shape.pixels() as f64);
        let part = crate::nn::par::part_size(dy.shape.pixels()) * c;
        let pairs = dy.data.par_chunks_mut(part).zip(self.x.data.par_chunks(part));
        pairs.for_each(|(dy, x)| simd(|| input_gradient(dy, x, &a, &b, &d)));
        ctx.give(std::mem::take(&mut self.x).data);
        dy
    }

    fn slots<'a>(&'a mut self, prefix: &str, out: &mut Vec<Slot<'a>>) {
        out.push(Slot::param(prefix, "weight", Role::Norm, &mut self.weight));
        out.push(Slot::param(prefix, "bias", Role::Norm, &mut self.bias));
        out.push(Slot::buffer(prefix, "running_mean", &mut self.running_mean));
        out.push(Slot::buffer(prefix, "running_var", &mut self.running_var));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::ctx::Mode;
    use crate::nn::gradcheck::{check, fill, noise};

    #[test]
    fn gradients() {
        let mut l = BatchNorm::new(3);
        fill(&mut l, 0.5, 4);
        check(&mut l, Shape::new(4, 3, 2, 3), 1e-2);
    }

    #[test]
    fn statistics() {
        let mut l = BatchNorm::new(2);
        let mut x = Tensor::zeros(Shape::new(5, 2, 2, 2));
        noise(&mut x.data, 1.0, 1);
        x.data.iter_mut().for_each(|v| *v += 100.0); // the variance must survive a large mean
        let y = l.forward(x.clone(), &mut Ctx::new(Mode::Train, 0));
        for k in 0..2 {
            let of = |t: &Tensor| t.data.iter().skip(k).step_by(2).map(|v| f64::from(*v)).collect::<Vec<_>>();
            let (x, y) = (of(&x), of(&y));
            let mean = x.iter().sum::<f64>() / 20.0;
            let unbiased = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 19.0;
            assert!((f64::from(l.running_mean[k]) - 0.1 * mean).abs() < 1e-5);
            assert!((f64::from(l.running_var[k]) - 0.9 - 0.1 * unbiased).abs() < 1e-5);
            assert!(y.iter().sum::<f64>().abs() < 1e-3);
            assert!((y.iter().map(|v| v * v).sum::<f64>() / 20.0 - 1.0).abs() < 1e-3);
        }
    }
}
