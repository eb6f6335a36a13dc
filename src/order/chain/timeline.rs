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

pub use super::core_row_timeline::CoreRowTimeline;
pub use super::frontier::{Chunks, Ends, distance};
use crate::simd::simd;

/// All slots of a run of layers, on one core.
///
/// `past` and `future` are those of the present slots after [`Timeline::refresh`] and after every swap.
#[derive(Clone, Debug)]
pub struct Timeline {
    cells: usize,
    stages: usize,
    lines: Vec<CoreRowTimeline>,
}

impl Timeline {
    /// Empty slots on a core of `core_rows x cells`.
    #[must_use]
    pub fn new(core_rows: usize, cells: usize, stages: usize) -> Self {
        Self { cells, stages, lines: vec![CoreRowTimeline::new(cells, stages); core_rows] }
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
    pub fn lines(&mut self) -> &mut [CoreRowTimeline] {
        &mut self.lines
    }

    /// One core row.
    #[must_use]
    pub fn core_row(&self, core_row: usize) -> &CoreRowTimeline {
        &self.lines[core_row]
    }

    /// Output row in a slot, or [`EMPTY`](crate::geometry::EMPTY).
    #[must_use]
    pub fn row(&self, stage: usize, core_row: usize) -> u32 {
        self.lines[core_row].row(stage)
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

    /// Moves everything that core row l does to core row `to[l]`; `to` is a permutation. The frontiers are stale until refreshed.
    pub fn permute(&mut self, to: &[usize]) {
        let mut moved: Vec<(usize, CoreRowTimeline)> = to.iter().copied().zip(self.lines.drain(..)).collect();
        moved.sort_unstable_by_key(|(to, _)| *to);
        self.lines.extend(moved.into_iter().map(|(_, line)| line));
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
        line_a.join(a.0, line_b.intervals(b.0)) + line_b.join(b.0, line_a.intervals(a.0)) - own
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
        self.lines.par_iter_mut().for_each(CoreRowTimeline::refresh);
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
                && let Some(last) = line.stages().checked_sub(1)
            {
                line.refresh_future(last, last);
            }
        });
    }
}
