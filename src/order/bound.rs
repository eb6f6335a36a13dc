//! Proven lower bounds on the writes of an inference in steady state (docs/ordering.md, theorems 4 and 5).
//!
//! Look at one gap between two neighbouring levels, `h | h + 1`: every write crosses one gap, so the writes are the crossings,
//! summed over the gaps. What a row forces at a gap depends on its weights on either side alone.

use super::profile::Profiles;

/// Collects what is needed for the bound of a whole network, layer by layer: for reach `row`, per-cell inputs, and the least number of
/// steps.
#[derive(Clone, Debug)]
pub struct RowBound {
    core_rows: usize,
    cells: usize,
    top: i16,
    stages: usize,
    gaps: Vec<Gap>,
}

/// One gap between neighbouring levels.
#[derive(Clone, Copy, Debug, Default)]
struct Gap {
    /// Crossings that the rows force, each for itself.
    forced: u64,
    /// Over layers that every core row works on: the largest, over layers, of the least number of cells that a row needs above.
    above: usize,
    /// The same for below.
    below: usize,
}

impl RowBound {
    /// Nothing yet.
    #[must_use]
    pub fn new(core_rows: usize, cells: usize, top: i16) -> Self {
        Self { core_rows, cells, top, stages: 0, gaps: vec![Gap::default(); 2 * top as usize] }
    }

    /// Adds a layer's rows; returns the writes that they force within the layer, each row for itself.
    pub fn add(&mut self, layer: &Profiles) -> u64 {
        let before: u64 = self.gaps.iter().map(|g| g.forced).sum();
        let (n, steps) = (layer.cols(), layer.cols().div_ceil(self.cells));
        let tile_rows = layer.rows().div_ceil(self.core_rows);
        self.stages += tile_rows;
        // Each core row holds at most `tile_rows` rows, so with fewer places left over than that none stays without.
        let everywhere = layer.rows() > (self.core_rows - 1) * tile_rows;
        for (h, gap) in self.gaps.iter_mut().enumerate() {
            let (mut least_above, mut least_below) = (usize::MAX, usize::MAX);
            for row in 0..layer.rows() {
                let at_most = layer.below(row)[h + 1] as usize;
                let (above, below) = ((n - at_most).div_ceil(steps), at_most.div_ceil(steps));
                gap.forced += (above + below).saturating_sub(self.cells) as u64;
                least_above = least_above.min(above);
                least_below = least_below.min(below);
            }
            if everywhere {
                gap.above = gap.above.max(least_above);
                gap.below = gap.below.max(least_below);
            }
        }
        self.gaps.iter().map(|g| g.forced).sum::<u64>() - before
    }

    /// Writes that no plan can go below, per inference in steady state.
    #[must_use]
    pub fn writes(&self) -> u64 {
        debug_assert_eq!(self.gaps.len(), 2 * self.top as usize);
        let per_gap = |gap: &Gap| {
            // Over an inference a cell comes back to where it started: it crosses a gap an even number of times. With a single
            // stage every row has its core row for itself, and what it crosses it crosses twice.
            let forced = if self.stages <= 1 { 2 * gap.forced } else { gap.forced.next_multiple_of(2) };
            let between = 2 * self.core_rows as u64 * (gap.above + gap.below).saturating_sub(self.cells) as u64;
            forced.max(between)
        };
        self.gaps.iter().map(per_gap).sum()
    }
}
