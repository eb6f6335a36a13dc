//! 3x3 convolution of stride 1 by Winograd's minimal filtering (Lavin and Gray, 2016): an `M x M` patch of outputs from an
//! `(M+2) x (M+2)` patch of inputs with `(M+2)^2` instead of `9 M^2` products, each position being one matrix product over
//! all patches of the batch:
//!
//! ```text
//! U = G w G^T      filters       [t*t][cout][cin]
//! V = B^T x B      input patches [t*t][patches][cin]
//! P = V U^T        products      [t*t][patches][cout]     t*t matrix products
//! y = A^T P A      output patches
//! ```
//!
//! The backward pass differentiates exactly these lines: `dP = A dy A^T`, `dU = dP^T V`, `dV = dP U`, `dw = G^T dU G`,
//! `dx = B dV B^T`, the last added where patches overlap.

mod scheme;

pub(super) use scheme::LANES;

use super::ctx::Ctx;
use super::par::{gemm, part_size, simd, split_planes};
use super::tensor::{Shape, Tensor, matrix, matrix_mut};
use rayon::prelude::*;
use scheme::{F2, F4, Scheme, V, ZERO, sandwich};

/// Where the patches of a convolution lie.
#[derive(Clone, Copy, Debug)]
struct Patches {
    x: Shape,
    y: Shape,
    pad: usize,
    /// Patches per column and per row of the output.
    rows: usize,
    columns: usize,
}

impl Patches {
    fn new(x: Shape, y: Shape, pad: usize, m: usize) -> Self {
        Self { x, y, pad, rows: y.h.div_ceil(m), columns: y.w.div_ceil(m) }
    }

    fn per_sample(&self) -> usize {
        self.rows * self.columns
    }

    fn total(&self) -> usize {
        self.x.n * self.per_sample()
    }
}

/// Which patch size a convolution uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// F(2x2, 3x3).
    Two,
    /// F(4x4, 3x3).
    Four,
}

impl Size {
    /// The size with fewer products for an output of `h x w`: `t^2` for each patch, those that stick out included. Also the faster one
    /// (docs/performance-training.md).
    pub(crate) fn for_output(h: usize, w: usize) -> Self {
        let products = |m: usize| (m + 2) * (m + 2) * h.div_ceil(m) * w.div_ceil(m);
        if products(4) < products(2) { Size::Four } else { Size::Two }
    }
}

/// Transformed filters and input patches that the backward pass needs.
#[derive(Debug, Default)]
pub(crate) struct Saved {
    u: Vec<f32>,
    v: Vec<f32>,
    /// The input's shape and padding.
    x: Shape,
    pad: usize,
}

/// `y = conv(x, w) + bias`: `w` is `[cout][cin][3][3]`, both channel counts multiples of [`LANES`].
pub(crate) fn forward(
    size: Size,
    x: &Tensor,
    w: &[f32],
    bias: Option<&[f32]>,
    y: &mut Tensor,
    pad: usize,
    ctx: &mut Ctx,
) -> Saved {
    match size {
        Size::Two => forward_with::<F2, 2, 4>(x, w, bias, y, pad, ctx),
        Size::Four => forward_with::<F4, 4, 6>(x, w, bias, y, pad, ctx),
    }
}

/// Adds to `dw`, and writes `dx` when it is asked for. Consumes what the forward pass saved.
pub(crate) fn backward(size: Size, saved: Saved, dy: &Tensor, dw: &mut [f32], dx: Option<&mut Tensor>, ctx: &mut Ctx) {
    match size {
        Size::Two => backward_with::<F2, 2, 4>(saved, dy, dw, dx, ctx),
        Size::Four => backward_with::<F4, 4, 6>(saved, dy, dw, dx, ctx),
    }
}

fn forward_with<S: Scheme<M, T>, const M: usize, const T: usize>(
    x: &Tensor,
    w: &[f32],
    bias: Option<&[f32]>,
    y: &mut Tensor,
    pad: usize,
    ctx: &mut Ctx,
) -> Saved {
    let zeros = vec![0.0; y.shape.c];
    let bias = bias.unwrap_or(&zeros);
    let g = Patches::new(x.shape, y.shape, pad, M);
    let (cin, cout, patches, positions) = (x.shape.c, y.shape.c, g.total(), T * T);
    let mut u = ctx.take(positions * cin * cout);
    let mut v = ctx.take(positions * patches * cin);
    let mut p = ctx.take(positions * patches * cout);
    let part = part_size(g.x.n);

    // U = G w G^T, a few output channels at a time.
    let step = cout.div_ceil(16);
    split_planes(&mut u, positions, step * cin)
        .into_par_iter()
        .zip(w.par_chunks(step * cin * 9))
        .for_each(|(mut planes, w)| simd(|| filters_in::<S, M, T>(w, &mut planes)));
    // V = B^T x B, a few samples at a time.
    split_planes(&mut v, positions, part * g.per_sample() * cin)
        .into_par_iter()
        .zip(x.data.par_chunks(part * x.shape.sample()))
        .for_each(|(mut planes, x)| simd(|| gather_patches::<S, M, T>(x, g, &mut planes)));
    // P = V U^T, position by position.
    let planes = v.par_chunks(patches * cin).zip(u.par_chunks(cin * cout)).zip(p.par_chunks_mut(patches * cout));
    planes.for_each(|((v, u), p)| {
        gemm(matrix(v, patches, cin), matrix(u, cout, cin).t(), 0.0, matrix_mut(p, patches, cout));
    });
    // y = A^T P A.
    let pieces = planes_of(&p, positions, part * g.per_sample() * cout);
    y.data
        .par_chunks_mut(part * y.shape.sample())
        .zip(pieces)
        .for_each(|(y, planes)| simd(|| scatter_outputs::<S, M, T>(&planes, g, bias, y)));
    ctx.give(p);
    Saved { u, v, x: x.shape, pad }
}

fn backward_with<S: Scheme<M, T>, const M: usize, const T: usize>(
    saved: Saved,
    dy: &Tensor,
    dw: &mut [f32],
    dx: Option<&mut Tensor>,
    ctx: &mut Ctx,
) {
    let Saved { u, mut v, x, pad } = saved;
    let g = Patches::new(x, dy.shape, pad, M);
    let (cin, cout, patches, positions) = (x.c, dy.shape.c, g.total(), T * T);
    let mut dp = ctx.take(positions * patches * cout);
    let part = part_size(x.n);

    // y = A^T P A  =>  dP = A dy A^T.
    split_planes(&mut dp, positions, part * g.per_sample() * cout)
        .into_par_iter()
        .zip(dy.data.par_chunks(part * dy.shape.sample()))
        .for_each(|(mut planes, dy)| simd(|| spread_gradients::<S, M, T>(dy, g, &mut planes)));
    // P = V U^T  =>  dU = dP^T V, dV = dP U; dV replaces V.
    let want_dx = dx.is_some();
    let mut du = ctx.take(positions * cin * cout);
    let planes = v.par_chunks_mut(patches * cin).zip(u.par_chunks(cin * cout)).zip(du.par_chunks_mut(cin * cout));
    planes.zip(dp.par_chunks(patches * cout)).for_each(|(((v, u), du), dp)| {
        gemm(matrix(dp, patches, cout).t(), matrix(v, patches, cin), 0.0, matrix_mut(du, cout, cin));
        if want_dx {
            gemm(matrix(dp, patches, cout), matrix(u, cout, cin), 0.0, matrix_mut(v, patches, cin));
        }
    });
    // U = G w G^T  =>  dw += G^T dU G, a few output channels at a time.
    let step = cout.div_ceil(16);
    let pieces = planes_of(&du, positions, step * cin);
    dw.par_chunks_mut(step * cin * 9)
        .zip(pieces)
        .for_each(|(dw, planes)| simd(|| filters_back::<S, M, T>(&planes, dw)));
    ctx.give(du);
    // V = B^T x B  =>  dx = B dV B^T, summed where patches overlap.
    if let Some(dx) = dx {
        let pieces = planes_of(&v, positions, part * g.per_sample() * cin);
        dx.data
            .par_chunks_mut(part * x.sample())
            .zip(pieces)
            .for_each(|(dx, planes)| simd(|| scatter_input_gradients::<S, M, T>(&planes, g, dx)));
    }
    ctx.give(dp);
    ctx.give(u);
    ctx.give(v);
}

/// Pieces of `piece` elements of each plane, grouped by position (the shared twin of [`split_planes`]).
fn planes_of(data: &[f32], planes: usize, piece: usize) -> Vec<Vec<&[f32]>> {
    let plane = data.len() / planes;
    (0..plane.div_ceil(piece))
        .map(|i| data.chunks(plane).map(|p| &p[i * piece..((i + 1) * piece).min(plane)]).collect())
        .collect()
}

#[inline(always)]
fn load(x: &[f32], at: usize) -> V {
    let mut v = ZERO;
    v.0.copy_from_slice(&x[at..at + LANES]);
    v
}

#[inline(always)]
fn store(x: &mut [f32], at: usize, v: V) {
    x[at..at + LANES].copy_from_slice(&v.0);
}

/// `U = G w G^T` for as many filters as `w` holds; LANES neighbouring input channels at once.
#[inline(always)]
fn filters_in<S: Scheme<M, T>, const M: usize, const T: usize>(w: &[f32], planes: &mut [&mut [f32]]) {
    for (group, w) in w.chunks_exact(9 * LANES).enumerate() {
        let mut k = [[ZERO; 3]; 3];
        for (l, f) in w.chunks_exact(9).enumerate() {
            for t in 0..9 {
                k[t / 3][t % 3].0[l] = f[t];
            }
        }
        let u = sandwich(S::g, &k);
        for (t, plane) in planes.iter_mut().enumerate() {
            store(plane, group * LANES, u[t / T][t % T]);
        }
    }
}

/// `dw += G^T dU G` for as many filters as `dw` holds.
#[inline(always)]
fn filters_back<S: Scheme<M, T>, const M: usize, const T: usize>(planes: &[&[f32]], dw: &mut [f32]) {
    for (group, dw) in dw.chunks_exact_mut(9 * LANES).enumerate() {
        let mut k = [[ZERO; T]; T];
        for (t, plane) in planes.iter().enumerate() {
            k[t / T][t % T] = load(plane, group * LANES);
        }
        let d = sandwich(S::gt, &k);
        for (l, f) in dw.chunks_exact_mut(9).enumerate() {
            for t in 0..9 {
                f[t] += d[t / 3][t % 3].0[l];
            }
        }
    }
}

/// `T x T` patches of the samples in `x`, every `M` pixels, zero outside the image: `V = B^T x B`.
#[inline(always)]
fn gather_patches<S: Scheme<M, T>, const M: usize, const T: usize>(x: &[f32], g: Patches, planes: &mut [&mut [f32]]) {
    let (shape, pad, c) = (g.x, g.pad, g.x.c);
    let mut patch = 0;
    for x in x.chunks(shape.sample()) {
        for top in (0..g.rows).map(|r| r * M) {
            for left in (0..g.columns).map(|q| q * M) {
                let inside = top >= pad && left >= pad && top + T <= shape.h + pad && left + T <= shape.w + pad;
                for ch in (0..c).step_by(LANES) {
                    let mut d = [[ZERO; T]; T];
                    for (i, row) in d.iter_mut().enumerate() {
                        // Rows and columns left of the image wrap to huge numbers and are skipped too.
                        let yy = (top + i).wrapping_sub(pad);
                        if !inside && yy >= shape.h {
                            continue;
                        }
                        for (j, v) in row.iter_mut().enumerate() {
                            let xx = (left + j).wrapping_sub(pad);
                            if inside || xx < shape.w {
                                *v = load(x, (yy * shape.w + xx) * c + ch);
                            }
                        }
                    }
                    let v = sandwich(S::bt, &d);
                    for (t, plane) in planes.iter_mut().enumerate() {
                        store(plane, patch * c + ch, v[t / T][t % T]);
                    }
                }
                patch += 1;
            }
        }
    }
}

/// `y = A^T P A + bias` for the samples in `y`.
#[allow(clippy::needless_range_loop)] // rows and columns of a ragged patch: indices say it best
#[inline(always)]
fn scatter_outputs<S: Scheme<M, T>, const M: usize, const T: usize>(
    planes: &[&[f32]],
    g: Patches,
    bias: &[f32],
    y: &mut [f32],
) {
    let (shape, c) = (g.y, g.y.c);
    let mut patch = 0;
    for y in y.chunks_mut(shape.sample()) {
        for top in (0..g.rows).map(|r| r * M) {
            for left in (0..g.columns).map(|q| q * M) {
                for ch in (0..c).step_by(LANES) {
                    let mut p = [[ZERO; T]; T];
                    for (t, plane) in planes.iter().enumerate() {
                        p[t / T][t % T] = load(plane, patch * c + ch);
                    }
                    let o = sandwich(S::at, &p);
                    let bias = load(bias, ch);
                    for i in 0..M.min(shape.h - top) {
                        for j in 0..M.min(shape.w - left) {
                            store(y, ((top + i) * shape.w + left + j) * c + ch, o[i][j] + bias);
                        }
                    }
                }
                patch += 1;
            }
        }
    }
}

/// `dP = A dy A^T` for the samples in `dy`.
#[allow(clippy::needless_range_loop)] // rows and columns of a ragged patch: indices say it best
#[inline(always)]
fn spread_gradients<S: Scheme<M, T>, const M: usize, const T: usize>(
    dy: &[f32],
    g: Patches,
    planes: &mut [&mut [f32]],
) {
    let (shape, c) = (g.y, g.y.c);
    let mut patch = 0;
    for dy in dy.chunks(shape.sample()) {
        for top in (0..g.rows).map(|r| r * M) {
            for left in (0..g.columns).map(|q| q * M) {
                for ch in (0..c).step_by(LANES) {
                    let mut d = [[ZERO; M]; M];
                    for i in 0..M.min(shape.h - top) {
                        for j in 0..M.min(shape.w - left) {
                            d[i][j] = load(dy, ((top + i) * shape.w + left + j) * c + ch);
                        }
                    }
                    let p = sandwich(S::a, &d);
                    for (t, plane) in planes.iter_mut().enumerate() {
                        store(plane, patch * c + ch, p[t / T][t % T]);
                    }
                }
                patch += 1;
            }
        }
    }
}

/// `dx = B dV B^T` for the samples in `dx`: the exact reverse of [`gather_patches`].
#[inline(always)]
fn scatter_input_gradients<S: Scheme<M, T>, const M: usize, const T: usize>(
    planes: &[&[f32]],
    g: Patches,
    dx: &mut [f32],
) {
    let (shape, c) = (g.x, g.x.c);
    let mut patch = 0;
    for dx in dx.chunks_mut(shape.sample()) {
        dx.fill(0.0);
        for top in (0..g.rows).map(|r| r * M) {
            for left in (0..g.columns).map(|q| q * M) {
                for ch in (0..c).step_by(LANES) {
                    let mut v = [[ZERO; T]; T];
                    for (t, plane) in planes.iter().enumerate() {
                        v[t / T][t % T] = load(plane, patch * c + ch);
                    }
                    let d = sandwich(S::b, &v);
                    for (i, row) in d.iter().enumerate() {
                        let yy = (top + i).wrapping_sub(g.pad);
                        if yy >= shape.h {
                            continue;
                        }
                        for (j, d) in row.iter().enumerate() {
                            let xx = (left + j).wrapping_sub(g.pad);
                            if xx < shape.w {
                                let at = (yy * shape.w + xx) * c + ch;
                                store(dx, at, load(dx, at) + *d);
                            }
                        }
                    }
                }
                patch += 1;
            }
        }
    }
}

impl Saved {
    /// Gives the buffers back.
    pub(crate) fn release(self, ctx: &mut Ctx) {
        ctx.give(self.u);
        ctx.give(self.v);
    }
}
