//! What each cell must visit, stage by stage, and the cheapest way through it.
//!
//! A *stage* is one tile row of one layer; a *slot* is one core row in one stage, holding one output row or none. In a slot
//! each cell serves a chunk of the row's sorted weights, so all that matters for its writes is the interval of levels
//! `[lo, hi]` that it must visit: it enters at one end, sweeps to the other, and moves on. Ending anywhere else never
//! pays, so two states a stage suffice (docs/ordering.md, theorem 2). The *frontiers* hold, between any two stages, the
//! cheapest cost of standing at either end after the stages so far (`past`), or of finishing the inference from there
//! (`future`): with both at hand, the effect of changing one slot is a single pass over its cells.

use std::ops::Range;

use rayon::prelude::*;

use crate::simd::simd;

/// No output row in this slot.
pub const EMPTY: u32 = u32::MAX;

/// Cells worked on at once: one AVX2 register of 16-bit levels, or two of SSE or NEON.
pub(super) const LANES: usize = 16;

type Pair<'a> = (&'a [i16; LANES], &'a [i16; LANES]);

/// Level steps between two levels.
#[inline(always)]
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
    #[inline(always)]
    fn of(block: &'a [i16]) -> Self {
        let n = block.len() / 4;
        let (lo, rest) = block.split_at(n);
        let (hi, rest) = rest.split_at(n);
        let (cost_lo, cost_hi) = rest.split_at(n);
        Self { lo, hi, cost_lo, cost_hi }
    }

    #[inline(always)]
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

impl Chunks<'_> {
    /// The cells that are used, in the order in which their chunks follow each other in the sorted row. (Not by cell where cells idle: a
    /// level's weights may go to any cell that stands at it.)
    pub fn in_order(&self, out: &mut Vec<u32>) {
        let key = |cell: &u32| (self.lo[*cell as usize], self.hi[*cell as usize]);
        out.clear();
        out.extend((0..self.len.len() as u32).filter(|&cell| self.len[cell as usize] > 0));
        if !out.is_sorted_by_key(key) {
            out.sort_by_key(key);
        }
    }
}

/// The same for whole vectors of cells.
#[derive(Clone, Copy)]
struct Visits<'a> {
    lo: &'a [i16],
    hi: &'a [i16],
    active: &'a [i16],
}

impl<'a> Visits<'a> {
    #[inline(always)]
    fn vectors(self) -> impl Iterator<Item = (Pair<'a>, &'a [i16; LANES])> {
        vectors(self.lo).zip(vectors(self.hi)).zip(vectors(self.active))
    }
}

/// All slots of one core row.
///
/// Memory: 26 bytes for each cell of each slot.
#[derive(Clone, Debug)]
pub struct Line {
    cells: usize,
    /// Cells, rounded up to whole vectors; the rest idles at level 0 for ever.
    stride: usize,
    stages: usize,
    /// Output row by stage.
    row: Vec<u32>,
    lo: Vec<i16>,
    hi: Vec<i16>,
    len: Vec<u32>,
    /// -1 where `len` is above 0, else 0: a mask.
    active: Vec<i16>,
    /// One block of `4 stride` per boundary; boundary s lies before stage s.
    past: Vec<i16>,
    future: Vec<i16>,
    /// Cost through each slot with what it holds, relative to the frontiers around it; [`UNKNOWN`] until somebody asks.
    own: Vec<i64>,
}

/// See [`Line::own`].
const UNKNOWN: i64 = i64::MIN;

impl Line {
    fn new(cells: usize, stages: usize) -> Self {
        let stride = cells.next_multiple_of(LANES);
        let blocks = (stages + 1) * 4 * stride;
        Self {
            cells,
            stride,
            stages,
            row: vec![EMPTY; stages],
            lo: vec![0; stages * stride],
            hi: vec![0; stages * stride],
            len: vec![0; stages * stride],
            active: vec![0; stages * stride],
            past: vec![0; blocks],
            future: vec![0; blocks],
            own: vec![UNKNOWN; stages],
        }
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
    pub fn row(&self, stage: usize) -> u32 {
        self.row[stage]
    }

    /// What the cells of a slot visit.
    #[must_use]
    pub fn chunks(&self, stage: usize) -> Chunks<'_> {
        let range = stage * self.stride..stage * self.stride + self.cells;
        Chunks { lo: &self.lo[range.clone()], hi: &self.hi[range.clone()], len: &self.len[range] }
    }

    /// Whole vectors of cells: lowest and highest level, and a mask of the cells that are used.
    pub(super) fn intervals(&self, stage: usize) -> (&[i16], &[i16], &[i16]) {
        let range = self.range(stage);
        (&self.lo[range.clone()], &self.hi[range.clone()], &self.active[range])
    }

    fn visits(&self, stage: usize) -> Visits<'_> {
        let (lo, hi, active) = self.intervals(stage);
        Visits { lo, hi, active }
    }

    /// Puts an output row and its chunks into a slot. The frontiers are stale until refreshed.
    pub fn set(&mut self, stage: usize, row: u32, chunks: Chunks<'_>) {
        let range = stage * self.stride..stage * self.stride + self.cells;
        self.row[stage] = row;
        self.own[stage] = UNKNOWN;
        self.lo[range.clone()].copy_from_slice(chunks.lo);
        self.hi[range.clone()].copy_from_slice(chunks.hi);
        self.len[range.clone()].copy_from_slice(chunks.len);
        for (mask, len) in self.active[range].iter_mut().zip(chunks.len) {
            *mask = -i16::from(*len != 0);
        }
    }

    /// Fixes the levels at which the cells begin and end the inference.
    pub fn set_boundary(&mut self, before: &[i16], after: &[i16]) {
        for (frontier, boundary, levels) in [(&mut self.past, 0, before), (&mut self.future, self.stages, after)] {
            let (positions, costs) =
                frontier[boundary * 4 * self.stride..][..4 * self.stride].split_at_mut(2 * self.stride);
            positions[..self.cells].copy_from_slice(&levels[..self.cells]);
            positions[self.stride..][..self.cells].copy_from_slice(&levels[..self.cells]);
            costs.fill(0);
        }
        self.own.fill(UNKNOWN);
    }

    /// Where the cells stand before a stage, and at what relative cost.
    #[must_use]
    pub fn past(&self, stage: usize) -> Ends<'_> {
        Ends::of(&self.past[self.block(stage)])
    }

    /// Where the cells have to go after a stage, and at what relative cost.
    #[must_use]
    pub fn future(&self, stage: usize) -> Ends<'_> {
        Ends::of(&self.future[self.block(stage + 1)])
    }

    fn refresh(&mut self) {
        if let Some(last) = self.stages.checked_sub(1) {
            self.refresh_past(0, last);
            self.refresh_future(last, 0);
        }
    }

    /// Recomputes `past` behind the stages `from..`; stops beyond `to` where nothing changes any more.
    pub fn refresh_past(&mut self, from: usize, to: usize) {
        simd(
            #[inline(always)]
            || self.walk_past(from, to),
        );
    }

    #[inline(always)]
    fn walk_past(&mut self, from: usize, to: usize) {
        for stage in from..self.stages {
            let (range, here) = (self.range(stage), self.block(stage));
            let (before, after) = self.past.split_at_mut(here.end);
            let visits =
                Visits { lo: &self.lo[range.clone()], hi: &self.hi[range.clone()], active: &self.active[range] };
            if advance(&Ends::of(&before[here]), visits, &mut after[..4 * self.stride]).1 {
                if let Some(own) = self.own.get_mut(stage + 1) {
                    *own = UNKNOWN;
                }
            } else if stage >= to {
                break;
            }
        }
    }

    /// Recomputes `future` before the stages `..=from`; stops beyond `to` where nothing changes any more.
    pub fn refresh_future(&mut self, from: usize, to: usize) {
        simd(
            #[inline(always)]
            || self.walk_future(from, to),
        );
    }

    #[inline(always)]
    fn walk_future(&mut self, from: usize, to: usize) {
        for stage in (0..=from).rev() {
            let (range, next) = (self.range(stage), self.block(stage));
            let (before, after) = self.future.split_at_mut(next.end);
            let visits =
                Visits { lo: &self.lo[range.clone()], hi: &self.hi[range.clone()], active: &self.active[range] };
            // Walking a stage backwards is the same computation: enter at one end, leave at the other.
            if advance(&Ends::of(&after[..4 * self.stride]), visits, &mut before[next]).1 {
                if stage > 0 {
                    self.own[stage - 1] = UNKNOWN;
                }
            } else if stage <= to {
                break;
            }
        }
    }

    /// Cost through a slot with what it holds.
    #[inline(always)]
    fn own(&mut self, stage: usize) -> i64 {
        if self.own[stage] == UNKNOWN {
            self.own[stage] = self.join(stage, self.visits(stage));
        }
        self.own[stage]
    }

    /// Cost through a slot if it held these chunks, relative to the frontiers around it.
    #[inline(always)]
    fn join(&self, stage: usize, visits: Visits<'_>) -> i64 {
        join_cells(&self.past(stage), visits, &self.future(stage))
    }

    /// How the cost changes when two slots of this core row are exchanged: the stages between the two change as well.
    #[inline(always)]
    fn delta(&mut self, a: usize, b: usize) -> i64 {
        let (first, last) = (a.min(b), a.max(b));
        let before = self.walk(first, last);
        self.exchange(first, last);
        let after = self.walk(first, last);
        self.exchange(first, last);
        after - before
    }

    /// Cost through the stages `first..=last`, relative to the frontiers around them.
    #[inline(always)]
    fn walk(&self, first: usize, last: usize) -> i64 {
        let mut here = self.past[self.block(first)].to_vec();
        let mut next = here.clone();
        let mut total = 0;
        for stage in first..last {
            total += advance(&Ends::of(&here), self.visits(stage), &mut next).0;
            std::mem::swap(&mut here, &mut next);
        }
        total + join_cells(&Ends::of(&here), self.visits(last), &self.future(last))
    }

    /// Exchanges two slots, `a <= b`; what they cost is to be seen anew.
    fn exchange(&mut self, a: usize, b: usize) {
        if a == b {
            return;
        }
        let (range, middle) = (self.range(a), self.range(b).start);
        self.row.swap(a, b);
        swap_ranges(&mut self.lo, range.clone(), middle);
        swap_ranges(&mut self.hi, range.clone(), middle);
        swap_ranges(&mut self.len, range.clone(), middle);
        swap_ranges(&mut self.active, range, middle);
        (self.own[a], self.own[b]) = (UNKNOWN, UNKNOWN);
    }

    /// Exchanges a slot with one of another core row.
    fn exchange_with(&mut self, stage: usize, other: &mut Self, other_stage: usize) {
        let (a, b) = (self.range(stage), other.range(other_stage));
        std::mem::swap(&mut self.row[stage], &mut other.row[other_stage]);
        self.lo[a.clone()].swap_with_slice(&mut other.lo[b.clone()]);
        self.hi[a.clone()].swap_with_slice(&mut other.hi[b.clone()]);
        self.len[a.clone()].swap_with_slice(&mut other.len[b.clone()]);
        self.active[a].swap_with_slice(&mut other.active[b]);
        (self.own[stage], other.own[other_stage]) = (UNKNOWN, UNKNOWN);
    }

    fn part(&self, stages: Range<usize>) -> Self {
        let cells = stages.start * self.stride..stages.end * self.stride;
        let blocks = self.block(stages.start).start..self.block(stages.end).end;
        Self {
            cells: self.cells,
            stride: self.stride,
            stages: stages.len(),
            row: self.row[stages.clone()].to_vec(),
            lo: self.lo[cells.clone()].to_vec(),
            hi: self.hi[cells.clone()].to_vec(),
            len: self.len[cells.clone()].to_vec(),
            active: self.active[cells].to_vec(),
            past: self.past[blocks.clone()].to_vec(),
            future: self.future[blocks].to_vec(),
            own: self.own[stages].to_vec(),
        }
    }

    fn put_back(&mut self, first: usize, part: &Self) {
        let cells = first * self.stride..(first + part.stages) * self.stride;
        self.row[first..first + part.stages].copy_from_slice(&part.row);
        self.lo[cells.clone()].copy_from_slice(&part.lo);
        self.hi[cells.clone()].copy_from_slice(&part.hi);
        self.len[cells.clone()].copy_from_slice(&part.len);
        self.active[cells].copy_from_slice(&part.active);
        self.own.fill(UNKNOWN);
    }

    /// Copies the frontier at the seam to a neighbouring part: the one behind it, or else the one before it. Whether it has changed.
    fn take_over(&mut self, other: &Self, behind: bool) -> bool {
        let (here, there) =
            if behind { (self.block(self.stages), self.block(0)) } else { (self.block(0), self.block(other.stages)) };
        let (mine, theirs) = if behind { (&mut self.future, &other.future) } else { (&mut self.past, &other.past) };
        let changed = mine[here.clone()] != theirs[there.clone()];
        if changed {
            mine[here].copy_from_slice(&theirs[there]);
            let at_seam = if behind { self.own.last_mut() } else { self.own.first_mut() };
            at_seam.into_iter().for_each(|own| *own = UNKNOWN);
        }
        changed
    }

    fn range(&self, stage: usize) -> Range<usize> {
        stage * self.stride..(stage + 1) * self.stride
    }

    fn block(&self, boundary: usize) -> Range<usize> {
        boundary * 4 * self.stride..(boundary + 1) * 4 * self.stride
    }
}

/// Exchanges `a` with as much from `b` on, behind it.
fn swap_ranges<T>(data: &mut [T], a: Range<usize>, b: usize) {
    let (left, right) = data.split_at_mut(b);
    let len = a.len();
    left[a].swap_with_slice(&mut right[..len]);
}

/// All slots of a run of layers, on one core.
///
/// `past` and `future` are those of the present slots after [`Timeline::refresh`] and after every swap.
#[derive(Clone, Debug)]
pub struct Timeline {
    cells: usize,
    stages: usize,
    lines: Vec<Line>,
}

impl Timeline {
    /// Empty slots on a core of `core_rows x cells`.
    #[must_use]
    pub fn new(core_rows: usize, cells: usize, stages: usize) -> Self {
        Self { cells, stages, lines: vec![Line::new(cells, stages); core_rows] }
    }

    /// Core rows R.
    #[must_use]
    pub fn core_rows(&self) -> usize {
        self.lines.len()
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

    /// The core rows, to be worked on side by side.
    pub fn lines(&mut self) -> &mut [Line] {
        &mut self.lines
    }

    /// Output row in a slot, or [`EMPTY`].
    #[must_use]
    pub fn row(&self, stage: usize, core_row: usize) -> u32 {
        self.lines[core_row].row[stage]
    }

    /// What the cells of a slot visit.
    #[must_use]
    pub fn chunks(&self, stage: usize, core_row: usize) -> Chunks<'_> {
        self.lines[core_row].chunks(stage)
    }

    /// Puts an output row and its chunks into a slot. The frontiers are stale until refreshed.
    pub fn set(&mut self, stage: usize, core_row: usize, row: u32, chunks: Chunks<'_>) {
        self.lines[core_row].set(stage, row, chunks);
    }

    /// Moves everything that core row l does to core row `seats[l]`; `seats` is a permutation. The frontiers are stale until refreshed.
    pub fn seat(&mut self, seats: &[usize]) {
        let mut seated: Vec<(usize, Line)> = seats.iter().copied().zip(self.lines.drain(..)).collect();
        seated.sort_unstable_by_key(|(seat, _)| *seat);
        self.lines.extend(seated.into_iter().map(|(_, line)| line));
    }

    /// Where the cells stand before a stage, and at what relative cost.
    #[must_use]
    pub fn past(&self, stage: usize, core_row: usize) -> Ends<'_> {
        self.lines[core_row].past(stage)
    }

    /// Where the cells have to go after a stage, and at what relative cost.
    #[must_use]
    pub fn future(&self, stage: usize, core_row: usize) -> Ends<'_> {
        self.lines[core_row].future(stage)
    }

    /// How the cost changes when two slots are exchanged; exact for slots of different core rows, and for one core row too.
    #[must_use]
    pub fn swap_delta(&mut self, a: (usize, usize), b: (usize, usize)) -> i64 {
        simd(
            #[inline(always)]
            || self.delta(a, b),
        )
    }

    #[inline(always)]
    fn delta(&mut self, a: (usize, usize), b: (usize, usize)) -> i64 {
        if a.1 == b.1 {
            return self.lines[a.1].delta(a.0, b.0);
        }
        let own = self.lines[a.1].own(a.0) + self.lines[b.1].own(b.0);
        let (line_a, line_b) = (&self.lines[a.1], &self.lines[b.1]);
        line_a.join(a.0, line_b.visits(b.0)) + line_b.join(b.0, line_a.visits(a.0)) - own
    }

    /// Exchanges two slots and updates the frontiers of their core rows.
    pub fn swap(&mut self, a: (usize, usize), b: (usize, usize)) {
        if a.1 == b.1 {
            let (first, last) = (a.0.min(b.0), a.0.max(b.0));
            let line = &mut self.lines[a.1];
            line.exchange(first, last);
            line.refresh_past(first, last);
            line.refresh_future(last, first);
            return;
        }
        let (low, high) = if a.1 < b.1 { (a, b) } else { (b, a) };
        let (left, right) = self.lines.split_at_mut(high.1);
        let (line_low, line_high) = (&mut left[low.1], &mut right[0]);
        line_low.exchange_with(low.0, line_high, high.0);
        for (line, stage) in [(line_low, low.0), (line_high, high.0)] {
            line.refresh_past(stage, stage);
            line.refresh_future(stage, stage);
        }
    }

    /// Brings the frontiers of every slot up to date.
    pub fn refresh(&mut self) {
        self.lines.par_iter_mut().for_each(Line::refresh);
    }

    /// The stages of a range as a timeline of their own, with the frontiers around them.
    #[must_use]
    pub fn part(&self, stages: Range<usize>) -> Self {
        let lines = self.lines.par_iter().map(|line| line.part(stages.clone())).collect();
        Self { cells: self.cells, stages: stages.len(), lines }
    }

    /// Puts a part back in its place. The frontiers are stale until refreshed.
    pub fn put_back(&mut self, first: usize, part: &Self) {
        self.lines.par_iter_mut().zip(&part.lines).for_each(|(line, part)| line.put_back(first, part));
    }

    /// This part follows another one, which may have changed: takes over where that one leaves the cells.
    pub fn follow(&mut self, before: &Self) {
        self.lines.par_iter_mut().zip(&before.lines).for_each(|(line, before)| {
            if line.take_over(before, false) {
                line.refresh_past(0, 0);
            }
        });
    }

    /// This part leads to another one, which may have changed: takes over where that one wants the cells.
    pub fn lead_to(&mut self, after: &Self) {
        self.lines.par_iter_mut().zip(&after.lines).for_each(|(line, after)| {
            if line.take_over(after, true)
                && let Some(last) = line.stages.checked_sub(1)
            {
                line.refresh_future(last, last);
            }
        });
    }
}

/// Moves all cells of a slot across a stage: writes the ends behind it over `out`. Returns the cost that the relative costs
/// of `out` leave out, and whether `out` changed.
#[inline(always)]
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
#[inline(always)]
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

    #[inline(always)]
    fn flush(&mut self) {
        self.wide += self.narrow.iter().map(|&x| i64::from(x)).sum::<i64>();
        self.narrow = [0; LANES];
    }

    #[inline(always)]
    fn total(mut self) -> i64 {
        self.flush();
        self.wide
    }
}

#[inline(always)]
fn vectors(data: &[i16]) -> std::slice::Iter<'_, [i16; LANES]> {
    data.as_chunks().0.iter()
}

#[inline(always)]
fn vectors_mut(data: &mut [i16]) -> std::slice::IterMut<'_, [i16; LANES]> {
    data.as_chunks_mut().0.iter_mut()
}
