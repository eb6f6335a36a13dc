//! How little the cells can move between rows of a layer that follow each other (docs/ordering.md, theorem 6).

/// Rows beyond which the links are not looked for: the time grows with the square of their number.
const MOST_ROWS: usize = 4096;

/// How many cells above each gap suit each row.
///
/// A row that needs `a` cells above at some time and `b` below at some time comes through with nothing but what it forces if it meets
/// any number from `a` to `C - b` above; if `a > C - b`, any number from `C - b` to `a`.
#[derive(Clone, Debug)]
pub(super) struct Suits {
    rows: usize,
    /// Gaps, rounded up to whole vectors; the rest stays 0 in every row.
    width: usize,
    /// `low[row * width + gap]`, in units of `2^shift` cells.
    low: Vec<u8>,
    high: Vec<u8>,
    shift: u32,
}

impl Suits {
    /// For `rows` rows on `cells` cells; none if that takes too long.
    pub(super) fn new(rows: usize, gaps: usize, cells: usize) -> Option<Self> {
        let width = gaps.next_multiple_of(32);
        // Numbers from 0 to C, as bytes.
        let shift = (cells.ilog2() + 1).saturating_sub(8);
        let room = || vec![0; rows * width];
        (rows <= MOST_ROWS).then(|| Self { rows, width, low: room(), high: room(), shift })
    }

    /// The numbers between `a` and `b` suit a row at a gap.
    pub(super) fn set(&mut self, row: usize, gap: usize, a: usize, b: usize) {
        let at = row * self.width + gap;
        // Rounded towards each other's side: units apart never stand for fewer cells.
        self.low[at] = (a.min(b) >> self.shift) as u8;
        self.high[at] = a.max(b).div_ceil(1 << self.shift).min(255) as u8;
    }

    /// Cells that have to move between two rows, in units.
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
}
