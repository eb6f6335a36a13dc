//! One core row of a timeline: its slots, and the frontiers between them.

use std::ops::Range;

use super::frontier::{Chunks, Ends, Intervals, LANES, advance, join_cells};
use crate::geometry::EMPTY;
use crate::simd::simd;

/// All slots of one core row.
///
/// Memory: 26 bytes for each cell of each slot.
#[derive(Clone, Debug)]
pub struct CoreRowTimeline {
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

/// See [`CoreRowTimeline::own`].
const UNKNOWN: i64 = i64::MIN;

impl CoreRowTimeline {
    pub(super) fn new(cells: usize, stages: usize) -> Self {
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

    /// The intervals of all cells of a slot, in whole vectors.
    pub(super) fn intervals(&self, stage: usize) -> Intervals<'_> {
        let range = self.range(stage);
        Intervals { lo: &self.lo[range.clone()], hi: &self.hi[range.clone()], active: &self.active[range] }
    }

    /// The chain of one cell: writes the intervals that it visits, one after the other, and their stages over the buffers.
    pub fn chain(&self, cell: usize, intervals: &mut Vec<(i16, i16)>, stages: &mut Vec<usize>) {
        intervals.clear();
        stages.clear();
        for stage in 0..self.stages {
            let at = stage * self.stride + cell;
            if self.len[at] != 0 {
                intervals.push((self.lo[at], self.hi[at]));
                stages.push(stage);
            }
        }
    }

    /// Puts output rows into the slots from a stage on, one after the other, with nothing to visit yet.
    pub fn set_rows(&mut self, first: usize, rows: &[u32]) {
        self.row[first..first + rows.len()].copy_from_slice(rows);
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

    pub(super) fn refresh(&mut self) {
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
            let intervals =
                Intervals { lo: &self.lo[range.clone()], hi: &self.hi[range.clone()], active: &self.active[range] };
            if advance(&Ends::of(&before[here]), intervals, &mut after[..4 * self.stride]).1 {
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
            let intervals =
                Intervals { lo: &self.lo[range.clone()], hi: &self.hi[range.clone()], active: &self.active[range] };
            // Walking a stage backwards is the same computation: enter at one end, leave at the other.
            if advance(&Ends::of(&after[..4 * self.stride]), intervals, &mut before[next]).1 {
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
    pub(super) fn own(&mut self, stage: usize) -> i64 {
        if self.own[stage] == UNKNOWN {
            self.own[stage] = self.join(stage, self.intervals(stage));
        }
        self.own[stage]
    }

    /// Cost through a slot if it held these chunks, relative to the frontiers around it.
    #[inline(always)]
    pub(super) fn join(&self, stage: usize, intervals: Intervals<'_>) -> i64 {
        join_cells(&self.past(stage), intervals, &self.future(stage))
    }

    /// How the cost changes when two slots of this core row are exchanged: the stages between the two change as well.
    #[inline(always)]
    pub(super) fn delta(&mut self, a: usize, b: usize) -> i64 {
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
            total += advance(&Ends::of(&here), self.intervals(stage), &mut next).0;
            std::mem::swap(&mut here, &mut next);
        }
        total + join_cells(&Ends::of(&here), self.intervals(last), &self.future(last))
    }

    /// Exchanges two slots, `a <= b`; what they cost is to be seen anew.
    pub(super) fn exchange(&mut self, a: usize, b: usize) {
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
    pub(super) fn exchange_with(&mut self, stage: usize, other: &mut Self, other_stage: usize) {
        let (a, b) = (self.range(stage), other.range(other_stage));
        std::mem::swap(&mut self.row[stage], &mut other.row[other_stage]);
        self.lo[a.clone()].swap_with_slice(&mut other.lo[b.clone()]);
        self.hi[a.clone()].swap_with_slice(&mut other.hi[b.clone()]);
        self.len[a.clone()].swap_with_slice(&mut other.len[b.clone()]);
        self.active[a].swap_with_slice(&mut other.active[b]);
        (self.own[stage], other.own[other_stage]) = (UNKNOWN, UNKNOWN);
    }

    pub(super) fn part(&self, stages: Range<usize>) -> Self {
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

    pub(super) fn put_back(&mut self, first: usize, part: &Self) {
        let cells = first * self.stride..(first + part.stages) * self.stride;
        self.row[first..first + part.stages].copy_from_slice(&part.row);
        self.lo[cells.clone()].copy_from_slice(&part.lo);
        self.hi[cells.clone()].copy_from_slice(&part.hi);
        self.len[cells.clone()].copy_from_slice(&part.len);
        self.active[cells].copy_from_slice(&part.active);
        self.own.fill(UNKNOWN);
    }

    /// Copies the frontier at the seam to a neighbouring part: the one behind it, or else the one before it. Whether it has changed.
    pub(super) fn take_over(&mut self, other: &Self, behind: bool) -> bool {
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
