//! How little the cells can move between rows of a layer that follow each other (docs/ordering.md, theorems 6 and 7).

use rayon::prelude::*;

use crate::simd::simd;

/// Rows beyond which the links are not looked for: the time grows with the square of their number.
const MOST_ROWS: usize = 4096;

/// How many cells above each gap suit each row.
///
/// A row that needs `a` cells above at some time and `b` below at some time comes through with nothing but what it forces if it meets
/// any number from `a` to `C - b` above; if `a > C - b`, any number from `C - b` to `a`.
#[derive(Clone, Debug)]
pub(super) struct SuitableCounts {
    rows: usize,
    /// Gaps, rounded up to whole vectors; the rest stays 0 in every row.
    width: usize,
    /// `low[row * width + gap]`, in units of `2^shift` cells.
    low: Vec<u8>,
    high: Vec<u8>,
    /// Cells that have to cross the gap within the row, up to 255.
    forced: Vec<u8>,
    shift: u32,
}

impl SuitableCounts {
    /// For `rows` rows on `cells` cells; none if that takes too long.
    pub(super) fn new(rows: usize, gaps: usize, cells: usize) -> Option<Self> {
        let width = gaps.next_multiple_of(32);
        // Numbers from 0 to C, as bytes.
        let shift = (cells.ilog2() + 1).saturating_sub(8);
        let room = || vec![0; rows * width];
        (rows <= MOST_ROWS).then(|| Self { rows, width, low: room(), high: room(), forced: room(), shift })
    }

    /// The numbers between `a` and `b` suit a row at a gap; where `a` is the larger one, the row itself forces the difference.
    pub(super) fn set(&mut self, row: usize, gap: usize, a: usize, b: usize) {
        let at = row * self.width + gap;
        // Rounded towards each other's side: units apart never stand for fewer cells.
        self.low[at] = (a.min(b) >> self.shift) as u8;
        self.high[at] = a.max(b).div_ceil(1 << self.shift).min(255) as u8;
        self.forced[at] = a.saturating_sub(b).min(255) as u8;
    }

    /// Cells that have to move between two rows, in units.
    #[inline(always)]
    fn apart(&self, a: usize, b: usize) -> u32 {
        let numbers = |row: usize| row * self.width..(row + 1) * self.width;
        let (a, b) = (numbers(a), numbers(b));
        let lows = self.low[a.clone()].chunks_exact(32).zip(self.low[b.clone()].chunks_exact(32));
        let highs = self.high[a].chunks_exact(32).zip(self.high[b].chunks_exact(32));
        let vectors = lows.zip(highs).map(|((low_a, low_b), (high_a, high_b))| {
            // At most one of the two differences is above 0; 32 bytes add up to less than 2^16.
            let apart = |i: usize| u16::from(low_a[i].saturating_sub(high_b[i]) | low_b[i].saturating_sub(high_a[i]));
            u32::from((0..32).map(apart).sum::<u16>())
        });
        vectors.sum()
    }

    /// Least number of moves on `links` links between rows that close no circle: the shortest edges of a minimum spanning tree (Prim's).
    pub(super) fn cheapest(&self, links: usize) -> u64 {
        simd(
            #[inline(always)]
            || self.shortest_edges(links),
        )
    }

    #[inline(always)]
    fn shortest_edges(&self, links: usize) -> u64 {
        if links == 0 {
            return 0;
        }
        let mut nearest = vec![u32::MAX; self.rows];
        let mut left: Vec<usize> = (1..self.rows).collect();
        let (mut at, mut edges) = (0, Vec::with_capacity(self.rows));
        while !left.is_empty() {
            let mut best = (u32::MAX, 0);
            for (i, &row) in left.iter().enumerate() {
                nearest[row] = nearest[row].min(self.apart(at, row));
                best = best.min((nearest[row], i));
            }
            edges.push(best.0);
            at = left.swap_remove(best.1);
        }
        edges.sort_unstable();
        edges.iter().take(links).map(|&units| u64::from(units) << self.shift).sum()
    }

    /// Least number of moves between and within rows, beyond what each forces for itself, when they form at most `chains` chains: each row
    /// has two neighbours, and those that want the cells on the same side of it cannot both be met (docs/ordering.md, theorem 7).
    pub(super) fn junctions(&self, chains: usize) -> u64 {
        let asked: Vec<[u64; 2]> = (0..self.rows)
            .into_par_iter()
            .map_init(Vec::new, |near, row| {
                simd(
                    #[inline(always)]
                    || self.neighbours(row, near),
                )
            })
            .collect();
        // An end of a chain lacks a neighbour; take it that ends are where this saves most.
        let mut saved: Vec<u64> = asked.iter().flat_map(|&[one, two]| [one, two - one]).collect();
        saved.sort_unstable_by(|a, b| b.cmp(a));
        let ends: u64 = saved.iter().take(2 * chains).sum();
        let twice = asked.iter().map(|[_, two]| two).sum::<u64>() - ends;
        (twice << self.shift).div_ceil(2)
    }

    /// The least that a row has to do with one neighbour, and with two.
    #[inline(always)]
    fn neighbours(&self, row: usize, near: &mut Vec<(u32, usize)>) -> [u64; 2] {
        near.clear();
        for other in (0..self.rows).filter(|&other| other != row) {
            near.push((self.apart(row, other), other));
        }
        let (few, beyond) = if near.len() > NEAR {
            let (_, next, _) = near.select_nth_unstable(NEAR);
            (NEAR, Some(next.0))
        } else {
            (near.len(), None)
        };
        let near = &mut near[..few];
        near.sort_unstable();
        let Some(&(nearest, _)) = near.first() else { return [0; 2] };
        let sides: Vec<Sides> = near.iter().map(|&(_, other)| self.sides(row, other)).collect();
        // Any pair that is not looked at has a member beyond.
        let mut best = beyond.map(|beyond| nearest + beyond);
        for (p, (first, a)) in near.iter().zip(&sides).enumerate() {
            for (&(second, _), b) in near.iter().zip(&sides).skip(p + 1) {
                let apart = first.0 + second;
                if best.is_some_and(|best| apart >= best) {
                    break;
                }
                let both = apart + a.shared(b);
                best = Some(best.map_or(both, |best| best.min(both)));
            }
        }
        [nearest.into(), best.unwrap_or(nearest).into()]
    }

    /// On which side of a row another one wants the cells, at the gaps at which the row has cells cross.
    fn sides(&self, row: usize, other: usize) -> Sides {
        let mut sides = Sides::default();
        if self.shift > 0 {
            return sides; // rounded numbers do not tell
        }
        let (row, other) = (row * self.width, other * self.width);
        for gap in (0..self.width).filter(|&gap| self.forced[row + gap] > 0) {
            let bit = 1 << (gap % 64);
            sides.above[gap / 64] |= if self.low[other + gap] >= self.high[row + gap] { bit } else { 0 };
            sides.below[gap / 64] |= if self.high[other + gap] <= self.low[row + gap] { bit } else { 0 };
        }
        sides
    }
}

/// Near rows whose pairs are looked at.
const NEAR: usize = 24;

/// Gaps as bits, up to the 510 of a cell of 8 bits.
#[derive(Clone, Copy, Default)]
struct Sides {
    above: [u64; 8],
    below: [u64; 8],
}

impl Sides {
    /// Gaps at which both are on the same side.
    #[inline(always)]
    fn shared(&self, other: &Self) -> u32 {
        let ones = |a: &[u64; 8], b: &[u64; 8]| a.iter().zip(b).map(|(a, b)| (a & b).count_ones()).sum::<u32>();
        ones(&self.above, &other.above) + ones(&self.below, &other.below)
    }
}
