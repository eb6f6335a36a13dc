//! Parallel work with a fixed split, so that results do not depend on the number of threads.
//!
//! A batch is always cut into at most [`PARTS`] contiguous parts, whatever the machine; sums over the batch are formed
//! per part and added in the order of the parts.

pub use elight::simd::simd;
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};
use std::ops::Range;

/// Most parts that a batch is cut into.
pub const PARTS: usize = 16;

/// The contiguous ranges that `n` items are cut into (at most [`PARTS`], none empty).
pub fn parts(n: usize) -> Vec<Range<usize>> {
    let size = part_size(n);
    (0..n.div_ceil(size)).map(|i| i * size..((i + 1) * size).min(n)).collect()
}

/// Items per part.
pub fn part_size(n: usize) -> usize {
    n.div_ceil(PARTS).max(1)
}

/// Cuts each of `planes` equally long planes of `data` into pieces of `piece` elements, and groups the pieces by position:
/// the result's entry `i` holds piece `i` of every plane.
pub fn split_planes(data: &mut [f32], planes: usize, piece: usize) -> Vec<Vec<&mut [f32]>> {
    let plane = data.len() / planes;
    let mut out: Vec<Vec<&mut [f32]>> = Vec::new();
    for p in data.chunks_mut(plane.max(1)) {
        for (i, c) in p.chunks_mut(piece.max(1)).enumerate() {
            if out.len() <= i {
                out.push(Vec::with_capacity(planes));
            }
            out[i].push(c);
        }
    }
    out
}

/// `c = a * b + beta * c` on one thread.
pub fn gemm(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, beta: f32, mut c: ArrayViewMut2<'_, f32>) {
    general_mat_mul(1.0, &a, &b, beta, &mut c);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_without_gaps() {
        for n in [0, 1, 5, 16, 17, 64, 100] {
            let p = parts(n);
            assert!(p.len() <= PARTS && p.iter().all(|r| !r.is_empty()));
            assert_eq!(p.iter().flat_map(|r| r.clone()).collect::<Vec<_>>(), (0..n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn planes_are_grouped_by_position() {
        let mut d: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let s = split_planes(&mut d, 2, 4);
        assert_eq!(s.len(), 2);
        assert_eq!((&s[0][1][..], &s[1][0][..]), (&[6.0, 7.0, 8.0, 9.0][..], &[4.0, 5.0][..]));
    }
}
