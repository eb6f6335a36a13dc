//! The rows of layers in slots: dealt to core rows, cut, exchanged, and cut again between what lies around them.
//!
//! What all heuristics share that choose where rows go. They differ in the core rows that compute a layer, in what a row is cut into, and
//! in how often.

use rayon::prelude::*;

use super::exchange::{Span, improve};
use super::path::{Path, Signatures, deal};
use crate::geometry::EMPTY;
use crate::observer::StopToken;
use crate::order::chain::boundary::CoreBoundary;
use crate::order::chain::directions::{Arrangement, choose_directions};
use crate::order::chain::timeline::{CoreRowTimeline, Timeline};

/// Layers whose rows are in slots, each layer in tile rows behind those of the layer before.
pub struct Placement<'a> {
    timeline: Timeline,
    spans: Vec<Span>,
    paths: Vec<Path>,
    boundary: &'a CoreBoundary,
    stop: &'a StopToken<'a>,
}

/// A slot, and the row of its layer that it holds.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    /// Core row.
    pub core_row: usize,
    /// Layer.
    pub layer: usize,
    /// Stage, counted from the first layer's first.
    pub stage: usize,
    /// Output row.
    pub row: u32,
}

impl<'a> Placement<'a> {
    /// Deals the rows of layers to the slots of a core of `core_rows x cells`. No slot is cut yet.
    ///
    /// `paths`: a path through each layer's rows; `active`: the core rows that compute it.
    pub fn deal<'r>(
        paths: Vec<(Signatures, Path)>,
        active: impl Fn(usize) -> &'r [usize],
        [core_rows, cells]: [usize; 2],
        boundary: &'a CoreBoundary,
        stop: &'a StopToken<'a>,
    ) -> Self {
        let mut spans = Vec::with_capacity(paths.len());
        let mut first = 0;
        for (layer, (_, path)) in paths.iter().enumerate() {
            let rows = path.order.len();
            let tile_rows = rows.div_ceil(active(layer).len());
            spans.push(Span { first, tile_rows, rows });
            first += tile_rows;
        }
        let mut timeline = Timeline::new(core_rows, cells, first);
        // Signature of the last row of each core row so far.
        let mut ends = vec![None; core_rows];
        for (layer, (signatures, path)) in paths.iter().enumerate() {
            let core_rows = active(layer);
            let mut own: Vec<Option<Vec<u8>>> = core_rows.iter().map(|&core_row| ends[core_row].take()).collect();
            let chains = deal(path, signatures, core_rows.len(), &mut own);
            for ((&core_row, chain), end) in core_rows.iter().zip(chains).zip(own) {
                ends[core_row] = end;
                timeline.lines()[core_row].set_rows(spans[layer].first, &chain);
            }
        }
        Self { timeline, spans, paths: paths.into_iter().map(|(_, path)| path).collect(), boundary, stop }
    }

    /// The slots.
    #[must_use]
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Stages of each layer.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Supposes that the cells of every core row begin and end at these levels, until directions are chosen.
    pub fn suppose(&mut self, levels: &[i16]) {
        self.timeline.lines().iter_mut().for_each(|line| line.set_boundary(levels, levels));
    }

    /// Cuts every row. `cut` sets the slot; its buffers serve one core row after the other's stages. `operations`: of one cut in a layer, about.
    pub fn cut<B: Default>(
        &mut self,
        operations: impl Fn(usize) -> u64 + Sync,
        cut: impl Fn(&mut B, &mut CoreRowTimeline, Placed) + Sync,
    ) {
        let (spans, stop) = (&self.spans, self.stop);
        self.timeline.lines().par_iter_mut().enumerate().for_each(|(core_row, line)| {
            let (mut buffers, mut meter) = (B::default(), stop.meter());
            for (layer, span) in spans.iter().enumerate() {
                let operations = operations(layer);
                for stage in span.stages() {
                    if !meter.work(operations) {
                        return;
                    }
                    let row = line.row(stage);
                    if row != EMPTY {
                        cut(&mut buffers, line, Placed { core_row, layer, stage, row });
                    }
                }
            }
        });
    }

    /// Cuts every row again, stage by stage: what lies before a slot is known when it is cut. `operations`: of one cut in a layer, about;
    /// none where its rows stay as they are.
    pub fn recut<B: Default>(
        &mut self,
        operations: impl Fn(usize) -> Option<u64> + Sync,
        cut: impl Fn(&mut B, &mut CoreRowTimeline, Placed) + Sync,
    ) {
        let (spans, stop) = (&self.spans, self.stop);
        self.timeline.lines().par_iter_mut().enumerate().for_each(|(core_row, line)| {
            let (mut buffers, mut meter) = (B::default(), stop.meter());
            for (layer, span) in spans.iter().enumerate() {
                let Some(operations) = operations(layer) else {
                    line.refresh_past(span.first, span.first + span.tile_rows - 1);
                    continue;
                };
                for stage in span.stages() {
                    if !meter.work(operations) {
                        return;
                    }
                    let row = line.row(stage);
                    if row != EMPTY {
                        cut(&mut buffers, line, Placed { core_row, layer, stage, row });
                    }
                    line.refresh_past(stage, stage);
                }
            }
        });
    }

    /// Lets rows trade places within their layers: `budget` exchanges are tried in each layer of more than one row.
    pub fn improve(&mut self, budget: impl Fn(usize) -> usize, seed: u64) {
        let layers = self.spans.iter().enumerate();
        let budgets: Vec<usize> = layers.map(|(layer, span)| if span.rows < 2 { 0 } else { budget(layer) }).collect();
        improve(&mut self.timeline, &self.spans, &self.paths, &budgets, seed, self.stop);
    }

    /// Chooses the directions of all cells for the present cuts; returns the writes.
    pub fn direct(&mut self) -> u64 {
        choose_directions(&mut self.timeline, self.boundary).1
    }

    /// The arrangement, with the best directions.
    #[must_use]
    pub fn finish(mut self) -> Arrangement {
        let (rising, writes) = choose_directions(&mut self.timeline, self.boundary);
        Arrangement { timeline: self.timeline, rising, writes }
    }
}
