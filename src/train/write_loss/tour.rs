//! `tour`: neighbours on the path of each lane become alike, for cores whose rows share inputs.
//!
//! When all rows of a core see the same input of a lane, the weights of one input are written together, and an order is a path through
//! column vectors: the columns of a group of core rows, cut into as many pieces as the core has lanes. What a lane pays is the L1 distance between
//! neighbours on its piece. So the paths of the present levels are planned every so many steps, kept for the steps between, and their length
//! is made small:
//!
//! ```text
//! L = sum over groups, lanes and neighbours t, t+1 of |Y(t+1) - Y(t)| / N,   N weights of the layer
//! ```
//!
//! The pull on a weight is the same however small a difference is, as in the fused lasso (Tibshirani et al., 2005), so levels come to rest at
//! exactly equal ones. Neither neighbour is a constant: both move.

use elight::level::LevelMatrix;
use rayon::prelude::*;

/// The paths of a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// Core rows that share inputs.
    fanout: usize,
    /// Columns of a lane.
    piece: usize,
    /// The columns of each group of rows, in the order of its path.
    groups: Vec<Vec<u32>>,
}

impl Paths {
    /// Plans paths through the present levels: from each column to the nearest one that is left. `O(columns^2)` distances a group.
    #[must_use]
    pub fn plan(levels: &LevelMatrix, fanout: usize, lanes: usize) -> Self {
        let fanout = fanout.clamp(1, levels.rows.max(1));
        let groups = (0..levels.rows.div_ceil(fanout)).into_par_iter();
        let path = |group: usize| {
            let rows = group * fanout..((group + 1) * fanout).min(levels.rows);
            let height = rows.len();
            let mut columns = vec![0i16; levels.cols * height];
            for (r, row) in rows.enumerate() {
                for (c, level) in levels.row(row).iter().enumerate() {
                    columns[c * height + r] = *level;
                }
            }
            nearest_neighbours(&columns, height)
        };
        Self { fanout, piece: levels.cols.div_ceil(lanes.max(1)).max(1), groups: groups.map(path).collect() }
    }

    /// As numbers, to be stored: fanout, piece, then the paths one after the other.
    #[must_use]
    pub fn to_numbers(&self) -> Vec<f32> {
        // Whole numbers below 2^24 are exact.
        let head = [self.fanout as f32, self.piece as f32];
        head.into_iter().chain(self.groups.iter().flatten().map(|c| *c as f32)).collect()
    }

    /// From what [`to_numbers`](Self::to_numbers) gave, for a layer of this size; none if it is not of such a layer.
    #[must_use]
    pub fn from_numbers(numbers: &[f32], rows: usize, cols: usize) -> Option<Self> {
        let ([fanout, piece], columns) = numbers.split_first_chunk()?;
        let (fanout, piece) = (*fanout as usize, *piece as usize);
        let fits = fanout > 0 && piece > 0 && columns.len() == rows.div_ceil(fanout) * cols && cols > 0;
        let inside = columns.iter().all(|c| (0.0..cols as f32).contains(c));
        let groups = || columns.chunks(cols).map(|path| path.iter().map(|c| *c as u32).collect()).collect();
        (fits && inside).then(|| Self { fanout, piece, groups: groups() })
    }

    /// Writes `dL/dY` of a row to `g`, and returns the row's part of the loss; `n` weights in the layer, `top` the highest level.
    pub(super) fn row(&self, row: usize, levels: &[i16], top: f64, n: f64, g: &mut [f32]) -> f64 {
        g.fill(0.0);
        let Some(path) = self.groups.get(row / self.fanout) else { return 0.0 };
        let pull = (1.0 / n) as f32;
        let mut length = 0u64;
        for lane in path.chunks(self.piece) {
            for pair in lane.windows(2) {
                let (a, b) = (pair[0] as usize, pair[1] as usize);
                let (from, to) = (levels[a], levels[b]);
                length += u64::from(from.abs_diff(to));
                let sign = f32::from((to - from).signum()) * pull;
                g[b] += sign;
                g[a] -= sign;
            }
        }
        length as f64 / top / n
    }
}

/// A path through columns of `height` levels each: from the first to the nearest that is left, among equals the first.
fn nearest_neighbours(columns: &[i16], height: usize) -> Vec<u32> {
    let n = columns.len() / height.max(1);
    let column = |c: u32| &columns[c as usize * height..][..height];
    let mut left: Vec<u32> = (0..n as u32).collect();
    let mut path = Vec::with_capacity(n);
    let mut at = 0;
    while !left.is_empty() {
        // In order, so that the first of equals is that of the lowest number.
        let here = left.remove(at);
        path.push(here);
        let here = column(here);
        at = (0..left.len()).min_by_key(|&i| distance(here, column(left[i]))).unwrap_or(0);
    }
    path
}

/// L1 distance.
fn distance(a: &[i16], b: &[i16]) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use elight::level::Scales;

    fn matrix(cols: usize, levels: &[i16]) -> LevelMatrix {
        LevelMatrix { rows: levels.len() / cols, cols, levels: levels.to_vec(), scales: Scales::Layer(1.0) }
    }

    #[test]
    fn by_hand() {
        // Two rows that share inputs; columns (0 0), (9 9), (1 0), (8 9).
        let m = matrix(4, &[0, 9, 1, 8, 0, 9, 0, 9]);
        let paths = Paths::plan(&m, 2, 1);
        assert_eq!(paths.groups, [[0, 2, 3, 1]]);
        let mut g = vec![0.0; 4];
        // 0 to 1 to 8 to 9.
        assert!((paths.row(0, m.row(0), 15.0, 8.0, &mut g) - 9.0 / 15.0 / 8.0).abs() < 1e-12);
        assert_eq!(g, [-0.125, 0.125, 0.0, 0.0]);
        // 0, 0, 9, 9: equal neighbours are at rest.
        assert!((paths.row(1, m.row(1), 15.0, 8.0, &mut g) - 9.0 / 15.0 / 8.0).abs() < 1e-12);
        assert_eq!(g, [0.0, 0.0, -0.125, 0.125]);
        // Two lanes: no way from the second column of the path to the third.
        let lanes = Paths::plan(&m, 2, 2);
        assert!((lanes.row(0, m.row(0), 15.0, 8.0, &mut g) - 2.0 / 15.0 / 8.0).abs() < 1e-12);
        // Each row a path of its own, and a last group that is not full.
        assert_eq!(Paths::plan(&m, 1, 1).groups, [[0, 2, 3, 1], [0, 2, 1, 3]]);
        assert_eq!(Paths::plan(&matrix(2, &[0, 1, 2, 3, 4, 5]), 2, 1).groups.len(), 2);
    }

    #[test]
    fn paths_are_stored_and_taken_back() {
        let m = matrix(5, &[3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9]);
        let paths = Paths::plan(&m, 2, 3);
        assert!(paths.groups.iter().all(|p| {
            let mut sorted = p.clone();
            sorted.sort_unstable();
            sorted == [0, 1, 2, 3, 4]
        }));
        let numbers = paths.to_numbers();
        assert_eq!(Paths::from_numbers(&numbers, 3, 5), Some(paths));
        assert_eq!(Paths::from_numbers(&numbers, 5, 5), None);
        assert_eq!(Paths::from_numbers(&numbers[1..], 3, 5), None);
        assert_eq!(Paths::from_numbers(&[], 3, 5), None);
    }
}
