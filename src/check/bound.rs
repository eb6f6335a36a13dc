//! Writes that no order avoids (section 5.4 of docs/design.md), for the rows that a schedule computes on each core row, the
//! steps that it takes for them, and the weights that it multiplies.
//!
//! Take the gap between the levels h and h + 1, and a row with `above` weights above it and `below` at or below it, computed in
//! Q steps. At least `ceil(above / Q)` of the C cells hold one of the former at some time, at least `ceil(below / Q)` one of the
//! latter; if that is more than C, so many cells hold both and cross the gap, and every crossing is a write. Over a whole
//! inference, which ends where it began, cells that are above once and below once cross at least twice.

/// One gap on one core row.
#[derive(Clone, Copy, Default)]
struct Gap {
    /// Crossings within the rows.
    crossings: u64,
    /// Most cells that have to be above, and below, at some time.
    above: u64,
    below: u64,
}

/// The bound of a whole core.
pub(super) struct Bound {
    cells: u64,
    /// Core row by core row.
    gaps: Vec<Gap>,
    gaps_per_row: usize,
}

impl Bound {
    pub(super) fn new(core_rows: usize, cells: usize, top: i16) -> Self {
        let gaps_per_row = 2 * usize::from(top.unsigned_abs());
        Self { cells: cells as u64, gaps: vec![Gap::default(); core_rows * gaps_per_row], gaps_per_row }
    }

    /// A row is computed in `steps` steps; `counts[v + B]` of its weights are multiplied at level v.
    pub(super) fn add(&mut self, core_row: usize, counts: &[u64], steps: u32) {
        let (all, steps) = (counts.iter().sum::<u64>(), u64::from(steps));
        let mut below = 0;
        let first = core_row * self.gaps_per_row;
        for (gap, count) in self.gaps[first..first + self.gaps_per_row].iter_mut().zip(counts) {
            below += count;
            let (cells_below, cells_above) = (below.div_ceil(steps), (all - below).div_ceil(steps));
            gap.crossings += (cells_below + cells_above).saturating_sub(self.cells);
            gap.below = gap.below.max(cells_below);
            gap.above = gap.above.max(cells_above);
        }
    }

    /// Writes per inference.
    pub(super) fn writes(&self) -> u64 {
        let there_and_back = |gap: &Gap| 2 * (gap.above + gap.below).saturating_sub(self.cells);
        self.gaps.iter().map(|gap| gap.crossings.max(there_and_back(gap))).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_by_hand() {
        // Two cells, two steps, levels -1, 0, 1. A row of one -1, two 0, one 1: one cell crosses each gap.
        let mut bound = Bound::new(1, 2, 1);
        bound.add(0, &[1, 2, 1], 2);
        assert_eq!(bound.writes(), 4, "two cells have to come back");
        bound.add(0, &[1, 2, 1], 2);
        bound.add(0, &[1, 2, 1], 2);
        assert_eq!(bound.writes(), 6, "in every row one cell crosses each gap");
        // Rows that need no crossing each, but both cells above and then both below.
        let mut bound = Bound::new(1, 2, 1);
        bound.add(0, &[4, 0, 0], 2);
        bound.add(0, &[0, 0, 4], 2);
        assert_eq!(bound.writes(), 8);
    }
}
