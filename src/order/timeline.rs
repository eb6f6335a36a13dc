//! What each cell must visit, stage by stage, and the cheapest way through it.
//!
//! A *stage* is one tile row of one layer; a *slot* is one core row in one stage, holding one output row or none. In a slot
//! each cell serves a chunk of the row's sorted weights, so all that matters for its writes is the interval of levels
//! `[lo, hi]` that it must visit: it enters at one end, sweeps to the other, and moves on. Ending anywhere else never
//! pays, so two states a stage suffice (docs/ordering.md, theorem 2). The *frontiers* hold, between any two stages, the
//! cheapest cost of standing at either end after the stages so far (`past`), or of finishing the inference from there
//! (`future`): with both at hand, the effect of changing one slot is a single pass over its cells.

/// No output row in this slot.
pub const EMPTY: u32 = u32::MAX;

/// Cells worked on at once: one SSE or NEON register of 16-bit levels.
const LANES: usize = 8;

type Pair<'a> = (&'a [i16; LANES], &'a [i16; LANES]);

/// Level steps between two levels.
#[inline]
#[must_use]
pub fn distance(a: i16, b: i16) -> i16 {
    (a - b).abs()
}

/// The two positions of each cell that matter at a stage boundary, and their costs relative to the cheaper one.
#[derive(Clone, Copy)]
pub struct Ends<'a> {
    lo: &'a [i16],
    hi: &'a [i16],
    cost_lo: &'a [i16],
    cost_hi: &'a [i16],
}

impl<'a> Ends<'a> {
    fn of(block: &'a [i16]) -> Self {
        let n = block.len() / 4;
        let (lo, rest) = block.split_at(n);
        let (hi, rest) = rest.split_at(n);
        let (cost_lo, cost_hi) = rest.split_at(n);
        Self { lo, hi, cost_lo, cost_hi }
    }

    fn vectors(&self) -> impl Iterator<Item = (Pair<'a>, Pair<'a>)> {
        vectors(self.lo).zip(vectors(self.hi)).zip(vectors(self.cost_lo).zip(vectors(self.cost_hi)))
    }

    /// Cheapest cost between cell `cell` and level `x`.
    #[inline]
    #[must_use]
    pub fn reach(&self, cell: usize, x: i16) -> i16 {
        (self.cost_lo[cell] + distance(self.lo[cell], x)).min(self.cost_hi[cell] + distance(self.hi[cell], x))
    }

    /// [`Ends::reach`] of every cell of a row, to `out`.
    pub fn reach_all(&self, x: i16, out: &mut [i16]) {
        let n = out.len();
        let (lo, hi, cost_lo, cost_hi) = (&self.lo[..n], &self.hi[..n], &self.cost_lo[..n], &self.cost_hi[..n]);
        for c in 0..n {
            out[c] = (cost_lo[c] + distance(lo[c], x)).min(cost_hi[c] + distance(hi[c], x));
        }
    }

    /// Cheapest cost between this boundary and another one for a cell that idles between them.
    #[inline]
    #[must_use]
    pub fn meet(&self, cell: usize, other: &Ends<'_>) -> i16 {
        (self.cost_lo[cell] + other.reach(cell, self.lo[cell]))
            .min(self.cost_hi[cell] + other.reach(cell, self.hi[cell]))
    }
}

/// What each cell of a core row visits in a slot.
#[derive(Clone, Copy, Debug)]
pub struct Chunks<'a> {
    /// Lowest level of each cell's chunk; unspecified where `len` is 0.
    pub lo: &'a [i16],
    /// Highest level of each cell's chunk; unspecified where `len` is 0.
    pub hi: &'a [i16],
    /// Weights in each cell's chunk; 0 for an idle cell.
    pub len: &'a [u32],
}

/// The same for whole vectors of cells.
#[derive(Clone, Copy)]
struct Visits<'a> {
    lo: &'a [i16],
    hi: &'a [i16],
    active: &'a [i16],
}

impl<'a> Visits<'a> {
    fn vectors(self) -> impl Iterator<Item = (Pair<'a>, &'a [i16; LANES])> {
        vectors(self.lo).zip(vectors(self.hi)).zip(vectors(self.active))
    }
}

/// All slots of a run of layers, on one core.
///
/// Memory: 26 bytes for each cell of each slot. `past` and `future` are those of the present slots after [`Timeline::refresh`] and
/// after every swap.
#[derive(Clone, Debug)]
pub struct Timeline {
    core_rows: usize,
    cells: usize,
    /// Cells of a core row, rounded up to whole vectors; the rest idles at level 0 for ever.
    stride: usize,
    stages: usize,
    /// Output row of each slot, `stage * core_rows + core_row`.
    row: Vec<u32>,
    lo: Vec<i16>,
    hi: Vec<i16>,
    len: Vec<u32>,
    /// -1 where `len` is above 0, else 0: a mask.
    active: Vec<i16>,
    /// One block of `4 stride` per core row and boundary; boundary s lies before stage s.
    past: Vec<i16>,
    future: Vec<i16>,
}

impl Timeline {
    /// Empty slots on a core of `core_rows x cells`.
    #[must_use]
    pub fn new(core_rows: usize, cells: usize, stages: usize) -> Self {
        let stride = cells.next_multiple_of(LANES);
        let slots = core_rows * stages;
        let blocks = core_rows * (stages + 1) * 4 * stride;
        Self {
            core_rows,
            cells,
            stride,
            stages,
            row: vec![EMPTY; slots],
            lo: vec![0; slots * stride],
            hi: vec![0; slots * stride],
            len: vec![0; slots * stride],
            active: vec![0; slots * stride],
            past: vec![0; blocks],
            future: vec![0; blocks],
        }
    }

    /// Core rows R.
    #[must_use]
    pub fn core_rows(&self) -> usize {
        self.core_rows
    }

    /// Cells of a core row, C.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// Number of stages.
    #[must_use]
    pub fn stages(&self) -> usize {
        self.stages
    }

    /// Output row in a slot, or [`EMPTY`].
    #[must_use]
    pub fn row(&self, stage: usize, core_row: usize) -> u32 {
        self.row[stage * self.core_rows + core_row]
    }

    /// What the cells of a slot visit.
    #[must_use]
    pub fn chunks(&self, stage: usize, core_row: usize) -> Chunks<'_> {
        let from = self.range(stage, core_row).start;
        let range = from..from + self.cells;
        Chunks { lo: &self.lo[range.clone()], hi: &self.hi[range.clone()], len: &self.len[range] }
    }

    fn visits(&self, stage: usize, core_row: usize) -> Visits<'_> {
        let range = self.range(stage, core_row);
        Visits { lo: &self.lo[range.clone()], hi: &self.hi[range.clone()], active: &self.active[range] }
    }

    /// Puts an output row and its chunks into a slot. The frontiers are stale until refreshed.
    pub fn set(&mut self, stage: usize, core_row: usize, row: u32, chunks: Chunks<'_>) {
        let from = self.range(stage, core_row).start;
        let range = from..from + self.cells;
        self.row[stage * self.core_rows + core_row] = row;
        self.lo[range.clone()].copy_from_slice(chunks.lo);
        self.hi[range.clone()].copy_from_slice(chunks.hi);
        self.len[range.clone()].copy_from_slice(chunks.len);
        for (mask, len) in self.active[range].iter_mut().zip(chunks.len) {
            *mask = -i16::from(*len != 0);
        }
    }

    /// Moves everything that core row l does to core row `seats[l]`; `seats` is a permutation. The frontiers are stale until refreshed.
    pub fn seat(&mut self, seats: &[usize]) {
        let before = self.clone();
        for stage in 0..self.stages {
            for (from, &to) in seats.iter().enumerate() {
                self.row[stage * self.core_rows + to] = before.row[stage * self.core_rows + from];
                let (source, target) = (before.range(stage, from), self.range(stage, to));
                self.lo[target.clone()].copy_from_slice(&before.lo[source.clone()]);
                self.hi[target.clone()].copy_from_slice(&before.hi[source.clone()]);
                self.len[target.clone()].copy_from_slice(&before.len[source.clone()]);
                self.active[target].copy_from_slice(&before.active[source]);
            }
        }
    }

    /// Fixes the levels at which a core row's cells begin and end the inference.
    pub fn set_boundary(&mut self, core_row: usize, before: &[i16], after: &[i16]) {
        for (frontier, boundary, levels) in [(&mut self.past, 0, before), (&mut self.future, self.stages, after)] {
            let block = Self::block(self.stride, self.core_rows, boundary, core_row);
            let (positions, costs) = frontier[block].split_at_mut(2 * self.stride);
            positions[..self.cells].copy_from_slice(levels);
            positions[self.stride..][..self.cells].copy_from_slice(levels);
            costs.fill(0);
        }
    }

    /// Where the cells stand before a stage, and at what relative cost.
    #[must_use]
    pub fn past(&self, stage: usize, core_row: usize) -> Ends<'_> {
        Ends::of(&self.past[Self::block(self.stride, self.core_rows, stage, core_row)])
    }

    /// Where the cells have to go after a stage, and at what relative cost.
    #[must_use]
    pub fn future(&self, stage: usize, core_row: usize) -> Ends<'_> {
        Ends::of(&self.future[Self::block(self.stride, self.core_rows, stage + 1, core_row)])
    }

    /// How the cost changes when two slots are exchanged; exact for slots of different core rows, and for one core row too.
    #[must_use]
    pub fn swap_delta(&mut self, a: (usize, usize), b: (usize, usize)) -> i64 {
        if a.1 != b.1 {
            return self.join(a, b) + self.join(b, a) - self.join(a, a) - self.join(b, b);
        }
        // On one core row the stages between the two change as well: walk them.
        let (first, last) = (a.0.min(b.0), a.0.max(b.0));
        let before = self.walk(a.1, first, last);
        self.exchange(a, b);
        let after = self.walk(a.1, first, last);
        self.exchange(a, b);
        after - before
    }

    /// Exchanges two slots and updates the frontiers of their core rows.
    pub fn swap(&mut self, a: (usize, usize), b: (usize, usize)) {
        self.exchange(a, b);
        if a.1 == b.1 {
            self.refresh_past(a.1, a.0.min(b.0), a.0.max(b.0));
            self.refresh_future(a.1, a.0.max(b.0), a.0.min(b.0));
        } else {
            for (stage, core_row) in [a, b] {
                self.refresh_past(core_row, stage, stage);
                self.refresh_future(core_row, stage, stage);
            }
        }
    }

    /// Brings the frontiers of every slot up to date.
    pub fn refresh(&mut self) {
        for core_row in 0..self.core_rows {
            if let Some(last) = self.stages.checked_sub(1) {
                self.refresh_past(core_row, 0, last);
                self.refresh_future(core_row, last, 0);
            }
        }
    }

    /// Recomputes `past` behind the stages `from..` of a core row; stops beyond `to` where nothing changes any more.
    pub fn refresh_past(&mut self, core_row: usize, from: usize, to: usize) {
        for stage in from..self.stages {
            let range = self.range(stage, core_row);
            let here = Self::block(self.stride, self.core_rows, stage, core_row);
            let next = Self::block(self.stride, self.core_rows, stage + 1, core_row);
            let (before, after) = self.past.split_at_mut(next.start);
            let visits =
                Visits { lo: &self.lo[range.clone()], hi: &self.hi[range.clone()], active: &self.active[range] };
            if !advance(&Ends::of(&before[here]), visits, &mut after[..4 * self.stride]).1 && stage >= to {
                break;
            }
        }
    }

    /// Recomputes `future` before the stages `..=from` of a core row; stops beyond `to` where nothing changes any more.
    pub fn refresh_future(&mut self, core_row: usize, from: usize, to: usize) {
        for stage in (0..=from).rev() {
            let range = self.range(stage, core_row);
            let here = Self::block(self.stride, self.core_rows, stage + 1, core_row);
            let next = Self::block(self.stride, self.core_rows, stage, core_row);
            let (before, after) = self.future.split_at_mut(here.start);
            let visits =
                Visits { lo: &self.lo[range.clone()], hi: &self.hi[range.clone()], active: &self.active[range] };
            // Walking a stage backwards is the same computation: enter at one end, leave at the other.
            if !advance(&Ends::of(&after[..4 * self.stride]), visits, &mut before[next]).1 && stage <= to {
                break;
            }
        }
    }

    /// Cost through the slot `at` if it held the chunks of slot `of`, relative to the frontiers around it.
    fn join(&self, at: (usize, usize), of: (usize, usize)) -> i64 {
        join_cells(&self.past(at.0, at.1), self.visits(of.0, of.1), &self.future(at.0, at.1))
    }

    /// Cost through the stages `first..=last` of a core row, relative to the frontiers around them.
    fn walk(&self, core_row: usize, first: usize, last: usize) -> i64 {
        let mut here = self.past[Self::block(self.stride, self.core_rows, first, core_row)].to_vec();
        let mut next = here.clone();
        let mut total = 0;
        for stage in first..last {
            total += advance(&Ends::of(&here), self.visits(stage, core_row), &mut next).0;
            std::mem::swap(&mut here, &mut next);
        }
        total + join_cells(&Ends::of(&here), self.visits(last, core_row), &self.future(last, core_row))
    }

    fn exchange(&mut self, a: (usize, usize), b: (usize, usize)) {
        let (ra, rb) = (self.range(a.0, a.1), self.range(b.0, b.1));
        self.row.swap(a.0 * self.core_rows + a.1, b.0 * self.core_rows + b.1);
        swap_ranges(&mut self.lo, ra.clone(), rb.clone());
        swap_ranges(&mut self.hi, ra.clone(), rb.clone());
        swap_ranges(&mut self.len, ra.clone(), rb.clone());
        swap_ranges(&mut self.active, ra, rb);
    }

    fn range(&self, stage: usize, core_row: usize) -> std::ops::Range<usize> {
        let slot = stage * self.core_rows + core_row;
        slot * self.stride..(slot + 1) * self.stride
    }

    fn block(stride: usize, core_rows: usize, boundary: usize, core_row: usize) -> std::ops::Range<usize> {
        let index = boundary * core_rows + core_row;
        index * 4 * stride..(index + 1) * 4 * stride
    }
}

fn swap_ranges<T>(data: &mut [T], a: std::ops::Range<usize>, b: std::ops::Range<usize>) {
    let (first, second) = if a.start < b.start { (a, b) } else { (b, a) };
    if first.start == second.start {
        return;
    }
    let (left, right) = data.split_at_mut(second.start);
    left[first].swap_with_slice(&mut right[..second.end - second.start]);
}

/// Moves all cells of a slot across a stage: writes the ends behind it over `out`. Returns the cost that the relative costs
/// of `out` leave out, and whether `out` changed.
fn advance(from: &Ends<'_>, visits: Visits<'_>, out: &mut [i16]) -> (i64, bool) {
    let (out_lo, rest) = out.split_at_mut(visits.lo.len());
    let (out_hi, rest) = rest.split_at_mut(visits.lo.len());
    let (out_cost_lo, out_cost_hi) = rest.split_at_mut(visits.lo.len());
    let outs = vectors_mut(out_lo).zip(vectors_mut(out_hi)).zip(vectors_mut(out_cost_lo).zip(vectors_mut(out_cost_hi)));
    let (mut sums, mut changed) = (Sums::default(), false);
    for ((((lo, hi), active), ((at_lo, at_hi), (cost_lo, cost_hi))), ((new_lo, new_hi), (new_cost_lo, new_cost_hi))) in
        visits.vectors().zip(from.vectors()).zip(outs)
    {
        let mut costs = [0; LANES];
        let mut new = [[0; LANES]; 4];
        for c in 0..LANES {
            let enter_lo = (cost_lo[c] + distance(at_lo[c], lo[c])).min(cost_hi[c] + distance(at_hi[c], lo[c]));
            let enter_hi = (cost_lo[c] + distance(at_lo[c], hi[c])).min(cost_hi[c] + distance(at_hi[c], hi[c]));
            let cheaper = enter_lo.min(enter_hi);
            let pick = |yes: i16, no: i16| (yes & active[c]) | (no & !active[c]);
            costs[c] = (cheaper + hi[c] - lo[c]) & active[c];
            new[0][c] = pick(lo[c], at_lo[c]);
            new[1][c] = pick(hi[c], at_hi[c]);
            new[2][c] = pick(enter_hi - cheaper, cost_lo[c]);
            new[3][c] = pick(enter_lo - cheaper, cost_hi[c]);
        }
        sums.add(&costs);
        for (old, new) in [new_lo, new_hi, new_cost_lo, new_cost_hi].into_iter().zip(&new) {
            changed |= *old != *new;
            *old = *new;
        }
    }
    (sums.total(), changed)
}

/// Cheapest cost of all cells from `past` through a stage to `future`.
fn join_cells(past: &Ends<'_>, visits: Visits<'_>, future: &Ends<'_>) -> i64 {
    let mut sums = Sums::default();
    for ((((lo, hi), active), ((p_lo, p_hi), (p_cost_lo, p_cost_hi))), ((f_lo, f_hi), (f_cost_lo, f_cost_hi))) in
        visits.vectors().zip(past.vectors()).zip(future.vectors())
    {
        let mut costs = [0; LANES];
        for c in 0..LANES {
            let from = |x: i16| (p_cost_lo[c] + distance(p_lo[c], x)).min(p_cost_hi[c] + distance(p_hi[c], x));
            let to = |x: i16| (f_cost_lo[c] + distance(f_lo[c], x)).min(f_cost_hi[c] + distance(f_hi[c], x));
            let through = (from(lo[c]) + to(hi[c])).min(from(hi[c]) + to(lo[c])) + hi[c] - lo[c];
            let past_it = (p_cost_lo[c] + to(p_lo[c])).min(p_cost_hi[c] + to(p_hi[c]));
            costs[c] = (through & active[c]) | (past_it & !active[c]);
        }
        sums.add(&costs);
    }
    sums.total()
}

/// Sums of vectors of costs. A cost is below `4 * 511` (four moves over the whole range of an 8-bit cell), so 16 bits hold eight of
/// them, and the additions stay vectors of 16 bits.
#[derive(Default)]
struct Sums {
    narrow: [i16; LANES],
    added: u32,
    wide: i64,
}

impl Sums {
    #[inline(always)]
    fn add(&mut self, costs: &[i16; LANES]) {
        for (sum, cost) in self.narrow.iter_mut().zip(costs) {
            *sum += cost;
        }
        self.added += 1;
        if self.added.is_multiple_of(8) {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.wide += self.narrow.iter().map(|&x| i64::from(x)).sum::<i64>();
        self.narrow = [0; LANES];
    }

    fn total(mut self) -> i64 {
        self.flush();
        self.wide
    }
}

fn vectors(data: &[i16]) -> std::slice::Iter<'_, [i16; LANES]> {
    data.as_chunks().0.iter()
}

fn vectors_mut(data: &mut [i16]) -> std::slice::IterMut<'_, [i16; LANES]> {
    data.as_chunks_mut().0.iter_mut()
}
