//! What makes stored numbers weights: `w = (stored - zero point) * scale`.
//!
//! Scales are shared: by the whole tensor, by an output, by a block. So a tensor of scales has, in each dimension, a scale for
//! every `block` weights.

use super::description::{Axes, Axis};

/// Scales and zero points of one tensor.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scaling {
    shape: Vec<usize>,
    /// By dimension of the tensor: how many weights share a scale, and how far apart the scales lie.
    dims: Vec<(usize, usize)>,
    scales: Vec<f32>,
    /// As many as scales, or none.
    zero_points: Vec<f32>,
}

/// The block that the usual quantizers of 8-bit floats use.
const USUAL_BLOCK: usize = 128;

/// How scales of one shape are shared by a tensor of another: by dimension, how many weights share one; or what does not fit.
pub(super) fn blocks(
    shape: &[usize],
    scales: &[usize],
    axes: &Axes,
    stated: &[usize],
) -> Result<Vec<(usize, usize)>, String> {
    let misfit = || format!("scales of shape {scales:?} do not fit weights of shape {shape:?}");
    let whole = || shape.iter().map(|size| (*size, 0)).collect();
    if scales.iter().product::<usize>() == 1 {
        return Ok(whole());
    }
    // One for each output, or for each index of the only dimension that has as many.
    if let [count] = *scales
        && shape.len() > 1
    {
        let by_out = axes.iter().position(|axis| axis == Axis::Out).filter(|&dim| shape[dim] == count);
        let dim = by_out.or_else(|| shape.iter().position(|size| *size == count)).ok_or_else(misfit)?;
        let mut dims: Vec<_> = whole();
        dims[dim] = (1, 1);
        return Ok(dims);
    }
    if scales.len() > shape.len() {
        return Err(misfit());
    }
    let mut dims = Vec::with_capacity(shape.len());
    let padded = scales.iter().copied().chain(std::iter::repeat(1));
    for (dim, (&size, count)) in shape.iter().zip(padded).enumerate() {
        let fits = |block: usize| block > 0 && size.div_ceil(block) == count;
        let block = match stated.get(dim).copied() {
            Some(block) => Some(block.min(size)).filter(|_| fits(block.min(size))),
            None if count == 1 => Some(size),
            None if fits(USUAL_BLOCK) => Some(USUAL_BLOCK),
            None if count > 0 && size.is_multiple_of(count) => Some(size / count),
            None => None,
        };
        dims.push((block.ok_or_else(misfit)?, 0));
    }
    let mut stride = 1;
    for (dim, &(block, _)) in dims.clone().iter().enumerate().rev() {
        dims[dim].1 = stride;
        stride *= shape[dim].div_ceil(block);
    }
    Ok(dims)
}

impl Scaling {
    /// Of a tensor of this shape, with dimensions from [`blocks`]; `zero_points` as many as scales, one, or none.
    pub fn new(shape: Vec<usize>, dims: Vec<(usize, usize)>, scales: Vec<f32>, zero_points: Vec<f32>) -> Scaling {
        let zero_points = match zero_points.len() {
            1 => vec![zero_points[0]; scales.len()],
            _ => zero_points,
        };
        Scaling { shape, dims, scales, zero_points }
    }

    /// The number of the scale of a weight, less that of the tensor's first: numbers of rows and of columns add up.
    pub fn number(&self, mut weight: usize) -> usize {
        let mut number = 0;
        for (size, (block, stride)) in self.shape.iter().zip(&self.dims).rev() {
            number += weight % size / block * stride;
            weight /= size;
        }
        number
    }

    /// Turns what is stored in a row into weights; `row` and `cols` are numbers of scales.
    pub fn apply(&self, row: usize, cols: &[usize], data: &mut [f32]) {
        for (weight, col) in data.iter_mut().zip(cols) {
            let number = row + col;
            let zero_point = self.zero_points.get(number).copied().unwrap_or(0.0);
            *weight = (*weight - zero_point) * self.scales[number];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(shape: &[usize], scales: &[usize]) -> Result<Vec<usize>, String> {
        blocks(shape, scales, &Axes::out_in(shape.len().saturating_sub(2)), &[])
            .map(|dims| dims.into_iter().map(|(block, _)| block).collect())
    }

    #[test]
    fn shapes_say_what_is_shared() {
        assert_eq!(shared(&[16, 8], &[]).unwrap(), [16, 8]);
        assert_eq!(shared(&[16, 8], &[1]).unwrap(), [16, 8]);
        assert_eq!(shared(&[16, 16], &[16]).unwrap(), [1, 16], "outputs first");
        assert_eq!(shared(&[16, 8], &[8]).unwrap(), [16, 1]);
        assert_eq!(shared(&[16, 8], &[16, 1]).unwrap(), [1, 8]);
        assert_eq!(shared(&[300, 256], &[3, 2]).unwrap(), [128, 128]);
        assert_eq!(shared(&[64, 64], &[64, 2]).unwrap(), [1, 32]);
        assert_eq!(shared(&[16, 8, 3, 3], &[16, 1, 1, 1]).unwrap(), [1, 8, 3, 3]);
        assert!(shared(&[16, 8], &[5]).unwrap_err().contains("[5]"));
        assert!(shared(&[16, 9], &[16, 2]).is_err(), "no block divides 9 in two");
        let stated = blocks(&[300, 9], &[3, 2], &Axes::out_in(0), &[100, 5]).unwrap();
        assert_eq!(stated, [(100, 2), (5, 1)]);
    }

    #[test]
    fn every_weight_finds_its_scale() {
        let shape = vec![5, 6];
        let dims = blocks(&shape, &[3, 2], &Axes::out_in(0), &[2, 4]).unwrap();
        let scales: Vec<f32> = (0..6).map(|n| n as f32).collect();
        let scaling = Scaling::new(shape, dims, scales, vec![1.0]);
        for row in 0..5 {
            let mut data = vec![3.0; 6];
            let cols: Vec<_> = (0..6).map(|col| scaling.number(col)).collect();
            scaling.apply(scaling.number(row * 6), &cols, &mut data);
            for (col, weight) in data.into_iter().enumerate() {
                assert_eq!(weight, 2.0 * (row / 2 * 2 + col / 4) as f32);
            }
        }
    }
}
