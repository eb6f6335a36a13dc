//! Columns of a row group as vectors of bytes, and how far apart they are.
//!
//! A node is one column of the weight matrix: the levels of all rows that share its input. Moving from one to another takes the sum of
//! the level steps, an L1 distance. A level takes one byte while there are few (shifted up by B), else two: those of its plus and its
//! minus cell, whose steps add up to those of the pair.

use crate::observer::StopToken;

/// Nodes of one bundle of rows, column by column.
#[derive(Clone, Debug)]
pub struct Nodes {
    bytes: Vec<u8>,
    /// Bytes of a node: its levels, and zeros up to a multiple of 8.
    width: usize,
    /// Rows of the bundle.
    rows: usize,
    /// Bytes of a level, 1 or 2.
    level_bytes: usize,
}

impl Nodes {
    /// Level steps along an order of some of the nodes.
    #[must_use]
    pub fn along(&self, order: &[u32]) -> i64 {
        order.windows(2).map(|w| i64::from(self.distance(w[0] as usize, w[1] as usize))).sum()
    }

    /// Takes the columns of some rows, all of `cols` levels in `-top..=top`.
    #[must_use]
    pub fn of(rows: &[&[i16]], cols: usize, top: i16) -> Self {
        let level_bytes = if top <= 127 { 1 } else { 2 };
        let width = (rows.len() * level_bytes).next_multiple_of(8);
        let mut bytes = vec![0; cols * width];
        for (j, row) in rows.iter().enumerate() {
            for (node, &level) in bytes.chunks_exact_mut(width).zip(*row) {
                if level_bytes == 1 {
                    node[j] = (level + top) as u8;
                } else {
                    (node[2 * j], node[2 * j + 1]) = (level.max(0) as u8, (-level).max(0) as u8);
                }
            }
        }
        Self { bytes, width, rows: rows.len(), level_bytes }
    }

    /// Number of nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() / self.width
    }

    /// No node at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Rows of the bundle.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The bytes of a node.
    #[inline(always)]
    #[must_use]
    pub fn node(&self, i: usize) -> &[u8] {
        &self.bytes[i * self.width..(i + 1) * self.width]
    }

    /// Level steps from node i to node j.
    #[inline(always)]
    #[must_use]
    pub fn distance(&self, i: usize, j: usize) -> i32 {
        distance(self.node(i), self.node(j))
    }

    /// The largest distance that two nodes can have.
    #[must_use]
    pub fn farthest(&self) -> usize {
        self.rows * self.level_bytes * 255
    }

    /// Level steps from node i to a state in which some rows have no known level.
    #[must_use]
    pub fn to_state(&self, i: usize, state: &State) -> i32 {
        let steps = |(j, known): (usize, &Option<[u8; 2]>)| {
            let Some(at) = known else { return 0 };
            let node = &self.node(i)[j * self.level_bytes..(j + 1) * self.level_bytes];
            node.iter().zip(at).map(|(a, b)| i32::from(a.abs_diff(*b))).sum::<i32>()
        };
        state.0.iter().take(self.rows).enumerate().map(steps).sum()
    }

    /// What row j holds at node i.
    #[must_use]
    pub fn level(&self, i: usize, j: usize) -> [u8; 2] {
        match &self.node(i)[j * self.level_bytes..(j + 1) * self.level_bytes] {
            [a] => [*a, 0],
            [a, b, ..] => [*a, *b],
            [] => [0, 0],
        }
    }

    /// The same nodes without the rows from `rows` on.
    #[must_use]
    pub fn first_rows(&self, rows: usize) -> Self {
        let used = rows * self.level_bytes;
        let width = used.next_multiple_of(8);
        let mut bytes = vec![0; self.len() * width];
        for (node, whole) in bytes.chunks_exact_mut(width).zip(self.bytes.chunks_exact(self.width)) {
            node[..used].copy_from_slice(&whole[..used]);
        }
        Self { bytes, width, rows, ..*self }
    }

    /// Some of the nodes, in this order.
    #[must_use]
    pub fn pick(&self, nodes: &[u32]) -> Self {
        let bytes = nodes.iter().flat_map(|&i| self.node(i as usize)).copied().collect();
        Self { bytes, ..*self }
    }

    /// The nodes `first, first + step, ...` on their own.
    #[must_use]
    pub fn every(&self, first: usize, step: usize) -> Self {
        let bytes = (first..self.len()).step_by(step).flat_map(|i| self.node(i)).copied().collect();
        Self { bytes, ..*self }
    }
}

/// The levels of a lane of a row group, row by row, as [`Nodes::level`] gives them; `None` where they are not known or do not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State(pub Vec<Option<[u8; 2]>>);

impl State {
    /// Nothing is known of `rows` rows.
    #[must_use]
    pub fn unknown(rows: usize) -> Self {
        Self(vec![None; rows])
    }

    /// Takes what is known elsewhere where nothing is known here.
    pub fn or(&mut self, other: &Self) {
        for (level, other) in self.0.iter_mut().zip(&other.0) {
            *level = level.or(*other);
        }
    }

    /// Level steps to another state, in rows where both are known.
    #[must_use]
    pub fn steps(&self, other: &Self) -> i64 {
        let both = self.0.iter().zip(&other.0).filter_map(|(a, b)| Some(((*a)?, (*b)?)));
        both.map(|(a, b)| i64::from(a[0].abs_diff(b[0])) + i64::from(a[1].abs_diff(b[1]))).sum()
    }

    /// A level in the coding of [`Nodes`].
    #[must_use]
    pub fn code(level: i16, top: i16) -> [u8; 2] {
        if top <= 127 { [(level + top) as u8, 0] } else { [level.max(0) as u8, (-level).max(0) as u8] }
    }
}

/// Sum of the absolute differences of vectors of one length, a multiple of 8.
#[inline(always)]
#[must_use]
pub fn distance(a: &[u8], b: &[u8]) -> i32 {
    if a.len().is_multiple_of(16) { lanes::<16>(a, b) } else { lanes::<8>(a, b) }
}

/// `W` differences at a time, for the vector unit: plain loops, which compilers turn into sums of absolute differences.
#[inline(always)]
fn lanes<const W: usize>(a: &[u8], b: &[u8]) -> i32 {
    let (a, b) = (a.as_chunks::<W>().0, b.as_chunks::<W>().0);
    let mut sum = 0;
    for i in 0..a.len().min(b.len()) {
        let (a, b) = (&a[i], &b[i]);
        for k in 0..W {
            sum += (i32::from(a[k]) - i32::from(b[k])).abs();
        }
    }
    sum
}

/// Distances between the nodes of one path problem.
pub trait Metric {
    /// Level steps between two nodes.
    fn between(&self, i: usize, j: usize) -> i32;
    /// Number of nodes.
    fn len(&self) -> usize;
    /// No node at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Metric for Nodes {
    #[inline(always)]
    fn between(&self, i: usize, j: usize) -> i32 {
        self.distance(i, j)
    }

    fn len(&self) -> usize {
        Nodes::len(self)
    }
}

/// A number that holds distances.
pub trait Distance: Copy + TryFrom<i32> + Into<i32> + Default {}

impl Distance for i16 {}
impl Distance for i32 {}

/// All distances, computed once.
pub struct Matrix<T> {
    n: usize,
    /// Row-major, `n x n`.
    d: Vec<T>,
}

impl<T: Distance> Matrix<T> {
    /// All distances between nodes; of no use after a stop.
    #[must_use]
    pub fn of(nodes: &Nodes, stop: &StopToken<'_>) -> Self {
        let n = nodes.len();
        let mut d = vec![T::default(); n * n];
        let mut meter = stop.meter();
        for i in 0..n {
            if !meter.work((n - i) as u64) {
                break;
            }
            for j in i + 1..n {
                // The caller chooses a T that holds the farthest.
                let x = T::try_from(nodes.distance(i, j)).unwrap_or_default();
                (d[i * n + j], d[j * n + i]) = (x, x);
            }
        }
        Self { n, d }
    }
}

impl<T> Matrix<T> {
    /// The distances of node i to all.
    #[must_use]
    pub fn row(&self, i: usize) -> &[T] {
        &self.d[i * self.n..(i + 1) * self.n]
    }
}

impl<T: Copy + Into<i32>> Metric for Matrix<T> {
    #[inline(always)]
    fn between(&self, i: usize, j: usize) -> i32 {
        self.d[i * self.n + j].into()
    }

    fn len(&self) -> usize {
        self.n
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn distances_are_level_steps(
            levels in prop::collection::vec(prop::collection::vec(-255i16..=255, 6), 1..40),
            few in any::<bool>(),
        ) {
            let top = if few { 15 } else { 255 };
            let levels: Vec<Vec<i16>> = levels.iter().map(|row| row.iter().map(|l| l % (top + 1)).collect()).collect();
            let rows: Vec<&[i16]> = levels.iter().map(Vec::as_slice).collect();
            let nodes = Nodes::of(&rows, 6, top);
            let matrix = Matrix::<i32>::of(&nodes, &StopToken::new(&crate::observer::Unobserved));
            for i in 0..6 {
                let state = State(levels.iter().map(|row| Some(State::code(row[i], top))).collect());
                for j in 0..6 {
                    let steps: i32 = levels.iter().map(|row| i32::from(row[i].abs_diff(row[j]))).sum();
                    prop_assert_eq!(nodes.distance(i, j), steps);
                    prop_assert_eq!(matrix.between(i, j), steps);
                    prop_assert_eq!(nodes.to_state(j, &state), steps);
                    prop_assert!(steps as usize <= nodes.farthest());
                }
            }
            prop_assert_eq!(nodes.every(1, 2).distance(0, 1), nodes.distance(1, 3));
        }
    }
}
