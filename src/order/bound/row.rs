//! The bound for reach `row`: what rows force at each gap, what follows between layers, and what all gaps of a layer force together.

use super::links::Suits;
use crate::order::chunk::Cut;
use crate::order::profile::Profiles;

/// Collects what is needed for the bound of a whole network, layer by layer, in the order in which they run: for reach `row`,
/// per-cell inputs, every weight multiplied, and the least number of steps.
#[derive(Clone, Debug)]
pub struct RowBound {
    core_rows: usize,
    cells: usize,
    top: i16,
    stages: usize,
    gaps: Vec<Gap>,
    /// What the layers force whose gaps together force more than each for itself.
    together: u64,
    cut: Cut,
    sorted: Vec<i16>,
    /// Rows by the number of cells that they need above, and below.
    counts: [Vec<u32>; 2],
}

/// States of a cut's dynamic program up to which it is solved for the bound.
const LARGEST_CUT: usize = 1 << 15;
/// Steps beyond which rows need so nearly the same cells that links between them are not worth looking for.
const LONG_ROW: usize = 8;

/// One gap between neighbouring levels.
#[derive(Clone, Copy, Debug, Default)]
struct Gap {
    /// Every layer gap by gap.
    apart: Walk,
    /// The same without the layers that are counted in [`RowBound::together`].
    rest: Walk,
    /// Most of `high - low` in a single layer.
    within: i64,
}

/// What one layer asks for at one gap.
#[derive(Clone, Copy, Debug)]
struct Demand {
    /// Crossings that its rows force, each for itself.
    forced: i64,
    /// Cells above at some time, of all core rows together: at least.
    high: i64,
    /// Cells that stay above throughout: at most.
    low: i64,
}

/// The most crossings of one gap that can be proved, layer by layer.
///
/// Layers are either counted by what their rows force, or lie on a *way*: from a layer where `high` cells are above at some time to one
/// where only `low` stay above, or the other way round, which takes `high - low` crossings wherever on the way they happen.
/// `best[start][state]`: 0 on no way, 1 on a way that began high, 2 on a way that began low.
#[derive(Clone, Copy, Debug)]
struct Walk {
    best: [[i64; 3]; 3],
}

const NEVER: i64 = i64::MIN / 4;

impl Default for Walk {
    fn default() -> Self {
        Self { best: [[0, NEVER, NEVER], [NEVER, 0, NEVER], [NEVER, NEVER, 0]] }
    }
}

impl Walk {
    fn layer(&mut self, Demand { forced, high, low }: Demand) {
        for [none, from_high, from_low] in &mut self.best {
            let (n, h, l) = (*none, *from_high, *from_low);
            // A way ends here, and perhaps the next one begins here: the crossings of the two have opposite directions.
            *none = (n + forced).max(h - low).max(l + high);
            *from_high = h.max(n + high).max(l + 2 * high);
            *from_low = l.max(n - low).max(h - 2 * low);
        }
    }

    /// A layer that no way may touch, counted elsewhere.
    fn wall(&mut self) {
        for [_, from_high, from_low] in &mut self.best {
            (*from_high, *from_low) = (NEVER, NEVER);
        }
    }

    /// The inference closes: it ends on the way on which it began.
    fn crossings(&self) -> u64 {
        (0..3).map(|state| self.best[state][state]).max().unwrap_or(0).max(0) as u64
    }
}

impl RowBound {
    /// Nothing yet.
    #[must_use]
    pub fn new(core_rows: usize, cells: usize, top: i16) -> Self {
        Self {
            core_rows,
            cells,
            top,
            stages: 0,
            gaps: vec![Gap::default(); 2 * top as usize],
            together: 0,
            cut: Cut::default(),
            sorted: Vec::new(),
            counts: Default::default(),
        }
    }

    /// Adds a layer's rows; returns writes that they force within the layer.
    ///
    /// Time: O(rows * gaps); for rows of few steps also O(rows^2 * gaps), 32 gaps at once; and a cut ([`Cut::narrowest`]) for each row
    /// that is neither full nor has a cell for each level.
    pub fn add(&mut self, layer: &Profiles) -> u64 {
        if layer.rows() == 0 || layer.cols() == 0 {
            return 0;
        }
        let steps = layer.cols().div_ceil(self.cells);
        self.stages += layer.rows().div_ceil(self.core_rows);
        let links = layer.rows().saturating_sub(self.core_rows);
        let mut suits =
            (links > 0 && steps <= LONG_ROW).then(|| Suits::new(layer.rows(), self.gaps.len(), self.cells)).flatten();
        let demands: Vec<Demand> = (0..self.gaps.len()).map(|h| self.demand(layer, steps, h, suits.as_mut())).collect();
        let forced = demands.iter().map(|d| d.forced as u64).sum::<u64>();
        let linked = forced + suits.map_or(0, |suits| suits.cheapest(links));
        let narrowest: u64 = (0..layer.rows()).map(|row| self.narrowest(layer, row, steps)).sum();
        let together = linked.max(narrowest);
        for (gap, demand) in self.gaps.iter_mut().zip(demands) {
            gap.apart.layer(demand);
            gap.within = gap.within.max(demand.high - demand.low);
            if together > forced {
                gap.rest.wall();
            } else {
                gap.rest.layer(demand);
            }
        }
        if together > forced {
            self.together += together;
        }
        together
    }

    /// Looks at one gap of a layer's rows.
    fn demand(&mut self, layer: &Profiles, steps: usize, h: usize, mut suits: Option<&mut Suits>) -> Demand {
        for counts in &mut self.counts {
            counts.clear();
            counts.resize(self.cells + 1, 0);
        }
        let mut forced = 0;
        for row in 0..layer.rows() {
            let at_most = layer.below(row)[h + 1] as usize;
            let (above, below) = ((layer.cols() - at_most).div_ceil(steps), at_most.div_ceil(steps));
            self.counts[0][above] += 1;
            self.counts[1][below] += 1;
            forced += (above + below).saturating_sub(self.cells) as i64;
            if let Some(suits) = &mut suits {
                suits.set(row, h, above, self.cells - below);
            }
        }
        let tile_rows = layer.rows().div_ceil(self.core_rows);
        let all = (self.core_rows * self.cells) as i64;
        let [high, below] = self.counts.each_ref().map(|counts| least_sum_of_largest(counts, tile_rows));
        Demand { forced, high, low: all - below }
    }

    /// Smallest summed range of a row's chunks, or 0 where that takes too long to find.
    fn narrowest(&mut self, layer: &Profiles, row: usize, steps: usize) -> u64 {
        let single: usize = layer.runs(row).map(|(_, run)| run.len().div_ceil(steps)).sum();
        let idle_places = steps * self.cells - layer.cols();
        // A cell for each level; or no idle place, and then the gaps are best each for itself.
        if single <= self.cells || idle_places == 0 || self.cells * (idle_places + 1) > LARGEST_CUT {
            return 0;
        }
        layer.sorted_levels(row, &mut self.sorted);
        self.cut.narrowest(&self.sorted, self.cells, steps);
        self.cut.lo.iter().zip(&self.cut.hi).map(|(lo, hi)| u64::from(lo.abs_diff(*hi))).sum()
    }

    /// Writes that no plan can go below, per inference in steady state.
    #[must_use]
    pub fn writes(&self) -> u64 {
        debug_assert_eq!(self.gaps.len(), 2 * self.top as usize);
        // With a single stage every row has its core row for itself, and what it crosses it crosses twice: there and back.
        let times = if self.stages <= 1 { 2 } else { 1 };
        // Over an inference a cell comes back to where it started: it crosses a gap an even number of times.
        let apart = |gap: &Gap| (times * gap.apart.crossings()).next_multiple_of(2).max(2 * gap.within.max(0) as u64);
        let together = times * (self.together + self.gaps.iter().map(|gap| gap.rest.crossings()).sum::<u64>());
        self.gaps.iter().map(apart).sum::<u64>().max(together.next_multiple_of(2))
    }
}

/// Rows are shared out to the core rows, at most `tile_rows` to each, and each core row counts with the largest number of its rows:
/// the least that this can come to. `counts[x]`: rows with the number x.
fn least_sum_of_largest(counts: &[u32], tile_rows: usize) -> i64 {
    // The largest share a core row with the next ones: the rows of rank 0, T, 2 T... lead their core rows.
    let (mut rank, mut sum) = (0usize, 0);
    for (x, &rows) in counts.iter().enumerate().rev() {
        let behind = rank + rows as usize;
        sum += (x * (behind.div_ceil(tile_rows) - rank.div_ceil(tile_rows))) as i64;
        rank = behind;
    }
    sum
}
