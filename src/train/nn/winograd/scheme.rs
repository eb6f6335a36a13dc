//! The transforms of Winograd's filtering, on [`LANES`] channels at once.

use std::ops::{Add, Mul, Sub};

/// Channels are handled in groups of this many, one or two vector registers.
pub(in crate::nn) const LANES: usize = 8;

/// The same element of LANES neighbouring channels.
#[derive(Clone, Copy)]
pub(super) struct V(pub [f32; LANES]);

impl Add for V {
    type Output = Self;
    #[inline(always)]
    fn add(mut self, o: Self) -> Self {
        self.0.iter_mut().zip(o.0).for_each(|(a, b)| *a += b);
        self
    }
}

impl Sub for V {
    type Output = Self;
    #[inline(always)]
    fn sub(mut self, o: Self) -> Self {
        self.0.iter_mut().zip(o.0).for_each(|(a, b)| *a -= b);
        self
    }
}

impl Mul<f32> for V {
    type Output = Self;
    #[inline(always)]
    fn mul(mut self, f: f32) -> Self {
        self.0.iter_mut().for_each(|a| *a *= f);
        self
    }
}

pub(super) const ZERO: V = V([0.0; LANES]);

/// `m x m^T` for a patch `x`, given `m` as a function of one column.
#[inline(always)]
pub(super) fn sandwich<const R: usize, const N: usize>(m: impl Fn([V; N]) -> [V; R], x: &[[V; N]; N]) -> [[V; R]; R] {
    let mut half = [[ZERO; N]; R];
    for j in 0..N {
        let column = m(std::array::from_fn(|i| x[i][j]));
        for r in 0..R {
            half[r][j] = column[r];
        }
    }
    half.map(m)
}

/// The transforms of one size, `M` outputs and `T = M + 2` inputs a side: straight lines of additions, so that the compiler
/// keeps them in registers. Tests compare them with the definition.
pub(super) trait Scheme<const M: usize, const T: usize> {
    /// Input transform `B^T`.
    fn bt(d: [V; T]) -> [V; T];
    /// Its transpose.
    fn b(v: [V; T]) -> [V; T];
    /// Filter transform `G`.
    fn g(w: [V; 3]) -> [V; T];
    /// Its transpose.
    fn gt(u: [V; T]) -> [V; 3];
    /// Output transform `A^T`.
    fn at(p: [V; T]) -> [V; M];
    /// Its transpose.
    fn a(y: [V; M]) -> [V; T];
}

/// F(2x2, 3x3): 2.25 times fewer products, transforms by additions alone.
///
/// ```text
/// B^T = [1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 1 0 -1]   G = [1 0 0; .5 .5 .5; .5 -.5 .5; 0 0 1]   A^T = [1 1 1 0; 0 1 -1 -1]
/// ```
pub(super) struct F2;

impl Scheme<2, 4> for F2 {
    #[inline(always)]
    fn bt([d0, d1, d2, d3]: [V; 4]) -> [V; 4] {
        [d0 - d2, d1 + d2, d2 - d1, d1 - d3]
    }

    #[inline(always)]
    fn b([v0, v1, v2, v3]: [V; 4]) -> [V; 4] {
        [v0, v1 - v2 + v3, v1 + v2 - v0, v3 * -1.0]
    }

    #[inline(always)]
    fn g([w0, w1, w2]: [V; 3]) -> [V; 4] {
        let (even, odd) = ((w0 + w2) * 0.5, w1 * 0.5);
        [w0, even + odd, even - odd, w2]
    }

    #[inline(always)]
    fn gt([u0, u1, u2, u3]: [V; 4]) -> [V; 3] {
        let half = (u1 + u2) * 0.5;
        [u0 + half, (u1 - u2) * 0.5, half + u3]
    }

    #[inline(always)]
    fn at([p0, p1, p2, p3]: [V; 4]) -> [V; 2] {
        [p0 + p1 + p2, p1 - p2 - p3]
    }

    #[inline(always)]
    fn a([y0, y1]: [V; 2]) -> [V; 4] {
        [y0, y0 + y1, y0 - y1, y1 * -1.0]
    }
}

/// F(4x4, 3x3): 4 times fewer products, some 10 times the rounding error of a direct product (still about 1e-6).
///
/// ```text
/// B^T = [4 0 -5 0 1 0; 0 -4 -4 1 1 0; 0 4 -4 -1 1 0; 0 -2 -1 2 1 0; 0 2 -1 -2 1 0; 0 4 0 -5 0 1]
/// G   = [1/4 0 0; -1/6 -1/6 -1/6; -1/6 1/6 -1/6; 1/24 1/12 1/6; 1/24 -1/12 1/6; 0 0 1]
/// A^T = [1 1 1 1 1 0; 0 1 -1 2 -2 0; 0 1 1 4 4 0; 0 1 -1 8 -8 1]
/// ```
pub(super) struct F4;

impl Scheme<4, 6> for F4 {
    #[inline(always)]
    fn bt([d0, d1, d2, d3, d4, d5]: [V; 6]) -> [V; 6] {
        let (a, b) = (d4 - d2 * 4.0, d3 - d1 * 4.0);
        let (c, d) = (d4 - d2, (d3 - d1) * 2.0);
        [d0 * 4.0 - d2 * 5.0 + d4, a + b, a - b, c + d, c - d, d1 * 4.0 - d3 * 5.0 + d5]
    }

    #[inline(always)]
    fn b([v0, v1, v2, v3, v4, v5]: [V; 6]) -> [V; 6] {
        let (s1, d1, s3, d3) = (v1 + v2, v1 - v2, v3 + v4, (v3 - v4) * 2.0);
        [v0 * 4.0, (v5 - d1) * 4.0 - d3, v0 * -5.0 - s1 * 4.0 - s3, d1 + d3 - v5 * 5.0, v0 + s1 + s3, v5]
    }

    #[inline(always)]
    fn g([w0, w1, w2]: [V; 3]) -> [V; 6] {
        let (a, b) = ((w0 + w2) * (-1.0 / 6.0), w1 * (1.0 / 6.0));
        let (c, d) = (w0 * (1.0 / 24.0) + w2 * (1.0 / 6.0), w1 * (1.0 / 12.0));
        [w0 * 0.25, a - b, a + b, c + d, c - d, w2]
    }

    #[inline(always)]
    fn gt([u0, u1, u2, u3, u4, u5]: [V; 6]) -> [V; 3] {
        let (s1, s3) = ((u1 + u2) * (1.0 / 6.0), u3 + u4);
        [
            u0 * 0.25 - s1 + s3 * (1.0 / 24.0),
            (u2 - u1) * (1.0 / 6.0) + (u3 - u4) * (1.0 / 12.0),
            s3 * (1.0 / 6.0) - s1 + u5,
        ]
    }

    #[inline(always)]
    fn at([p0, p1, p2, p3, p4, p5]: [V; 6]) -> [V; 4] {
        let (s1, d1, s3, d3) = (p1 + p2, p1 - p2, p3 + p4, p3 - p4);
        [p0 + s1 + s3, d1 + d3 * 2.0, s1 + s3 * 4.0, d1 + d3 * 8.0 + p5]
    }

    #[inline(always)]
    fn a([y0, y1, y2, y3]: [V; 4]) -> [V; 6] {
        let (e1, o1) = (y0 + y2, y1 + y3);
        let (e2, o2) = (y0 + y2 * 4.0, y1 * 2.0 + y3 * 8.0);
        [y0, e1 + o1, e1 - o1, e2 + o2, e2 - o2, y3]
    }
}
