//! Convolution of any shape as matrix products over blocks of output lines.
//!
//! A *line* is one row of one sample's output. The input elements that a block of lines needs are copied side by side
//! (`columns[pixel][ky][kx][channel]`, small enough for the second-level cache) and multiplied by the filters
//! `[ky][kx][channel][cout]`. The copy runs over contiguous channels.

use super::ctx::Ctx;
use super::par::{gemm, parts, simd};
use super::tensor::{Shape, Tensor, matrix, matrix_mut};
use ndarray::s;
use rayon::prelude::*;
use std::ops::Range;

/// Elements of a block of columns: 256 KiB.
const BLOCK: usize = 1 << 16;

/// Extents of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub kernel: (usize, usize),
    pub stride: usize,
    pub pad: usize,
    pub groups: usize,
}

impl Geometry {
    /// Taps times input channels of a group: the length of one dot product.
    fn depth(&self, cin: usize) -> usize {
        self.kernel.0 * self.kernel.1 * cin / self.groups
    }
}

/// Filters `[cout][cin/groups][ky][kx]` rearranged to `[ky][kx][cin/groups][cout]`.
pub(crate) fn filters(w: &[f32], g: Geometry, cin: usize, cout: usize, out: &mut [f32]) {
    let (taps, cg) = (g.kernel.0 * g.kernel.1, cin / g.groups);
    for o in 0..cout {
        for i in 0..cg {
            for t in 0..taps {
                out[(t * cg + i) * cout + o] = w[(o * cg + i) * taps + t];
            }
        }
    }
}

/// `y = conv(x, w) + bias` with filters as [`filters`] arranges them.
pub(crate) fn forward(x: &Tensor, filters: &[f32], bias: Option<&[f32]>, y: &mut Tensor, g: Geometry) {
    let (xs, ys) = (x.shape, y.shape);
    let ranges = parts(xs.n);
    let size = ranges.first().map_or(1, |r| r.len());
    y.data.par_chunks_mut((size * ys.sample()).max(1)).zip(ranges).for_each(|(y, samples)| {
        let mut columns = Vec::new();
        for lines in blocks(&samples, xs, ys, g) {
            let pixels = lines.len() * ys.w;
            let y = &mut y[(lines.start - samples.start * ys.h) * ys.w * ys.c..][..pixels * ys.c];
            let mut product = matrix_mut(y, pixels, ys.c);
            for group in 0..g.groups {
                gather(&x.data, xs, ys, g, group, lines.clone(), &mut columns);
                let depth = g.depth(xs.c);
                let out = channels_of(group, g, ys.c);
                let w = matrix(filters, depth, ys.c);
                gemm(
                    matrix(&columns, pixels, depth),
                    w.slice(s![.., out.clone()]),
                    0.0,
                    product.slice_mut(s![.., out]),
                );
            }
            if let Some(bias) = bias {
                // While the block is in the cache.
                simd(|| add_to_rows(y, bias));
            }
        }
    });
}

#[inline(always)]
fn add_to_rows(rows: &mut [f32], bias: &[f32]) {
    for row in rows.chunks_exact_mut(bias.len()) {
        row.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
    }
}

/// Adds to `dw` (`[cout][cin/groups][ky][kx]`) and writes `dx` when it is asked for.
pub(crate) fn backward(
    x: &Tensor,
    filters: &[f32],
    dy: &Tensor,
    dw: &mut [f32],
    dx: Option<&mut Tensor>,
    g: Geometry,
    ctx: &mut Ctx,
) {
    let (xs, ys) = (x.shape, dy.shape);
    let (depth, ranges) = (g.depth(xs.c), parts(xs.n));
    let size = ranges.first().map_or(1, |r| r.len());
    // Each part sums its own filter gradients; they are added in the order of the parts.
    let mut sums = ctx.take(ranges.len() * depth * ys.c);
    sums.fill(0.0);
    let mut dx_parts: Vec<Option<&mut [f32]>> = match dx {
        Some(dx) => dx.data.chunks_mut((size * xs.sample()).max(1)).map(Some).collect(),
        None => ranges.iter().map(|_| None).collect(),
    };
    sums.par_chunks_mut((depth * ys.c).max(1)).zip(ranges).zip(dx_parts.par_iter_mut()).for_each(
        |((sum, samples), dx)| {
            let (mut columns, mut dcolumns) = (Vec::new(), Vec::new());
            if let Some(dx) = dx {
                dx.fill(0.0);
            }
            for lines in blocks(&samples, xs, ys, g) {
                let pixels = lines.len() * ys.w;
                let dy = matrix(&dy.data[lines.start * ys.w * ys.c..], pixels, ys.c);
                for group in 0..g.groups {
                    let out = channels_of(group, g, ys.c);
                    let dy = dy.slice(s![.., out.clone()]);
                    // y = columns w  =>  dw += columns^T dy.
                    gather(&x.data, xs, ys, g, group, lines.clone(), &mut columns);
                    let mut sum = matrix_mut(sum, depth, ys.c);
                    gemm(matrix(&columns, pixels, depth).t(), dy, 1.0, sum.slice_mut(s![.., out.clone()]));
                    // y = columns w  =>  dcolumns = dy w^T, added back to where the columns came from.
                    if let Some(dx) = dx {
                        dcolumns.resize(pixels * depth, 0.0);
                        let w = matrix(filters, depth, ys.c);
                        gemm(dy, w.slice(s![.., out]).t(), 0.0, matrix_mut(&mut dcolumns, pixels, depth));
                        let lines = lines.start - samples.start * ys.h..lines.end - samples.start * ys.h;
                        scatter(dx, xs, ys, g, group, lines, &dcolumns);
                    }
                }
            }
        },
    );
    let (taps, cg) = (g.kernel.0 * g.kernel.1, xs.c / g.groups);
    dw.par_chunks_mut((cg * taps).max(1)).enumerate().for_each(|(o, dw)| {
        for sum in sums.chunks(depth * ys.c) {
            for i in 0..cg {
                for t in 0..taps {
                    dw[i * taps + t] += sum[(t * cg + i) * ys.c + o];
                }
            }
        }
    });
    ctx.give(sums);
}

/// Output channels of a group.
fn channels_of(group: usize, g: Geometry, cout: usize) -> Range<usize> {
    let n = cout / g.groups;
    group * n..(group + 1) * n
}

/// Cuts the lines of some samples into blocks whose columns fit [`BLOCK`].
fn blocks(samples: &Range<usize>, xs: Shape, ys: Shape, g: Geometry) -> impl Iterator<Item = Range<usize>> {
    let lines = (BLOCK / (g.depth(xs.c) * ys.w).max(1)).max(1);
    let (start, end) = (samples.start * ys.h, samples.end * ys.h);
    (start..end).step_by(lines).map(move |a| a..(a + lines).min(end))
}

/// Visits, for each pixel of the lines and each row of taps, the contiguous run of taps that falls inside the image:
/// `f(offset in columns, offset in x, taps)`, offsets in units of pixels; `f` is not called for taps outside.
fn taps(xs: Shape, ys: Shape, g: Geometry, lines: Range<usize>, mut f: impl FnMut(usize, usize, usize)) {
    let (kh, kw) = g.kernel;
    for (row, line) in lines.enumerate() {
        let (sample, oy) = (line / ys.h, line % ys.h);
        for ox in 0..ys.w {
            let left = ox * g.stride;
            // Taps kx with 0 <= left + kx - pad < w.
            let first = g.pad.saturating_sub(left).min(kw);
            let last = (xs.w + g.pad).saturating_sub(left).min(kw).max(first);
            for ky in 0..kh {
                let iy = (oy * g.stride + ky).wrapping_sub(g.pad);
                if iy < xs.h && first < last {
                    let column = ((row * ys.w + ox) * kh + ky) * kw + first;
                    f(column, (sample * xs.h + iy) * xs.w + left + first - g.pad, last - first);
                }
            }
        }
    }
}

/// Copies the inputs of some lines side by side, zeros outside the image.
fn gather(x: &[f32], xs: Shape, ys: Shape, g: Geometry, group: usize, lines: Range<usize>, columns: &mut Vec<f32>) {
    let cg = xs.c / g.groups;
    let len = lines.len() * ys.w * g.depth(xs.c);
    columns.clear();
    columns.resize(len, 0.0);
    if g.groups == 1 {
        // All channels belong to the group: whole runs of pixels are contiguous.
        taps(xs, ys, g, lines, |to, from, n| {
            columns[to * cg..(to + n) * cg].copy_from_slice(&x[from * cg..(from + n) * cg]);
        });
    } else {
        taps(xs, ys, g, lines, |to, from, n| {
            for k in 0..n {
                let x = &x[(from + k) * xs.c + group * cg..][..cg];
                columns[(to + k) * cg..][..cg].copy_from_slice(x);
            }
        });
    }
}

/// Adds the columns back to where [`gather`] took them from.
fn scatter(dx: &mut [f32], xs: Shape, ys: Shape, g: Geometry, group: usize, lines: Range<usize>, dcolumns: &[f32]) {
    let cg = xs.c / g.groups;
    taps(xs, ys, g, lines, |from, to, n| {
        for k in 0..n {
            let dx = &mut dx[(to + k) * xs.c + group * cg..][..cg];
            for (a, b) in dx.iter_mut().zip(&dcolumns[(from + k) * cg..][..cg]) {
                *a += b;
            }
        }
    });
}
