//! The order for per-cell inputs with reach `row`: sorted rows cut into chunks, similar rows one after the other.
//!
//! 1. Each row is sorted and cut into a chunk for each cell ([`crate::order::cut`]).
//! 2. Rows are dealt to the core rows along a short path through their quantiles ([`crate::order::rows::path`]).
//! 3. Rows trade places while that saves writes ([`crate::order::rows::exchange`]).
//! 4. Rows with idle places are cut again, now knowing what lies before and after them.
//! 5. Each cell's directions are chosen exactly ([`crate::order::chain::directions`]).

use rayon::prelude::*;

use super::fixed;
use crate::geometry::EMPTY;
use crate::observer::StopToken;
use crate::order::Effort;
use crate::order::chain::boundary::CoreBoundary;
use crate::order::chain::directions::{Arrangement, choose_directions};
use crate::order::chain::timeline::Timeline;
use crate::order::cut::Cut;
use crate::order::rows::exchange::{Span, improve};
use crate::order::rows::path::{Path, Signatures, deal};
use crate::order::rows::profile::Profiles;

/// Rounds of cutting again, before and after the search.
const RECUTS: usize = 2;
/// States of a cut's dynamic program up to which it is done in every round; a larger one only once, at the end.
const QUICK_CUT: usize = 1 << 14;
/// Exchanges tried for each row, at least: a few nanoseconds a weight for long rows. Short rows, which have nothing but their order
/// to gain from, want a few all the same.
pub(in crate::order::families) fn tries_per_row(layer: &Profiles) -> usize {
    (layer.cols() / 16).clamp(24, 48)
}

/// How many times that many exchanges, for rows that are full and for rows that have idle places; and in how many parts. Between two
/// parts, rows with idle places are cut again, which pays only where there are exchanges enough.
const fn exchanges(effort: Effort) -> ([usize; 2], usize) {
    match effort {
        Effort::Quick | Effort::Fast => ([1, 1], 1),
        Effort::Good => ([2, 4], 2),
        Effort::Best => ([16, 16], 4),
    }
}

/// Arranges layers on a core of `core_rows x cells`, each as a sequence of tile rows of [`Profiles::steps`] steps.
///
/// Memory: that of the timeline. Time: near-linear in the number of rows (see [`Path::new`]). After a stop, what comes back is of no use.
#[must_use]
pub fn arrange(
    layers: &[Profiles],
    core_rows: usize,
    cells: usize,
    boundary: &CoreBoundary,
    effort: Effort,
    seed: u64,
    stop: &StopToken<'_>,
) -> Arrangement {
    let begin = |typical: Vec<i16>| {
        let with = |effort| arrange_from(&typical, layers, core_rows, cells, boundary, effort, seed, stop);
        match effort {
            // A search that is hot for long may end in a worse place.
            Effort::Best => cheaper(with(Effort::Good), || with(effort)),
            _ => with(effort),
        }
    };
    if !layers.iter().any(Profiles::is_relaxed) {
        return begin(Vec::new());
    }
    // Rows with many idle places begin alike: at the levels of a typical row, or at levels that would never change if there were steps
    // enough.
    let first = begin(typical_levels(layers, cells));
    match fixed::levels(layers, core_rows, cells) {
        Some(levels) => cheaper(first, || begin(levels)),
        None => first,
    }
}

fn cheaper(first: Arrangement, second: impl FnOnce() -> Arrangement) -> Arrangement {
    Some(second()).filter(|second| second.writes < first.writes).unwrap_or(first)
}

/// `typical`: levels at which the cells of a core row begin, for relaxed rows; empty where there are none.
#[allow(clippy::too_many_arguments)] // arrange's, and where rows begin
fn arrange_from(
    typical: &[i16],
    layers: &[Profiles],
    core_rows: usize,
    cells: usize,
    boundary: &CoreBoundary,
    effort: Effort,
    seed: u64,
    stop: &StopToken<'_>,
) -> Arrangement {
    let mut work = Work::new(layers, core_rows, cells, boundary, stop);
    let paths = work.place(typical);
    work.direct();
    let idles = |l: &Profiles| l.steps(cells) * cells > l.cols() || l.is_relaxed();
    let has_idle_places = layers.iter().any(idles);
    if has_idle_places {
        for _ in 0..RECUTS {
            work.recut(QUICK_CUT);
            work.direct();
        }
    }
    let (times, parts) = exchanges(effort);
    let parts = if has_idle_places { parts } else { 1 };
    let tries = |l: &Profiles| {
        if l.rows() < 2 { 0 } else { l.rows() * tries_per_row(l) * times[usize::from(idles(l))] / parts }
    };
    let budgets: Vec<usize> = layers.iter().map(tries).collect();
    for part in 0..parts {
        if part > 0 {
            work.recut(QUICK_CUT);
            work.direct();
        }
        improve(&mut work.timeline, &work.spans, &paths, &budgets, seed.wrapping_add(part as u64), stop);
    }
    let mut directions = work.direct();
    if has_idle_places {
        for round in 1..=RECUTS {
            work.recut(if round == RECUTS { usize::MAX } else { QUICK_CUT });
            directions = work.direct();
        }
    }
    Arrangement { timeline: work.timeline, rising: directions.0, writes: directions.1 }
}

/// The levels that the cells of a core row would hold if every row of these layers were spread over them evenly: where rows with many
/// idle places begin, so that they look alike.
fn typical_levels(layers: &[Profiles], cells: usize) -> Vec<i16> {
    let Some(top) = layers.first().map(Profiles::top) else { return vec![0; cells] };
    // Weights by level, every row with the same share in all.
    let mut counts = vec![0u64; 2 * top as usize + 1];
    for layer in layers {
        for row in 0..layer.rows() {
            for (level, run) in layer.runs(row) {
                counts[(level + top) as usize] += ((run.len() as u64) << 20) / layer.count(row) as u64;
            }
        }
    }
    let total = counts.iter().sum::<u64>();
    let mut by_level = (-top..=top).zip(counts);
    let (mut level, mut below) = (0, 0);
    let quantile = |cell: usize| {
        let position = (2 * cell as u64 + 1) * total / (2 * cells as u64);
        while below <= position
            && let Some((next, count)) = by_level.next()
        {
            if count > 0 {
                (level, below) = (next, below + count);
            }
        }
        level
    };
    (0..cells).map(quantile).collect()
}

struct Work<'a> {
    layers: &'a [Profiles],
    spans: Vec<Span>,
    timeline: Timeline,
    boundary: &'a CoreBoundary,
    stop: &'a StopToken<'a>,
}

/// Operations of one cut, about: it looks at every cell with every number of idle places before it.
fn cut_operations(layer: &Profiles, cells: usize) -> u64 {
    let idle = (layer.steps(cells) * cells).saturating_sub(layer.cols());
    (layer.cols() + cells * (idle + 1)) as u64
}

/// About how many writes an inference of relaxed layers takes, without the search: to compare numbers of steps.
#[must_use]
pub fn estimate(layers: &[Profiles], core_rows: usize, cells: usize, stop: &StopToken<'_>) -> u64 {
    let begin = |typical: &[i16]| {
        let mut work = Work::new(layers, core_rows, cells, &CoreBoundary::Cyclic, stop);
        work.place(typical);
        work.direct();
        work.recut(QUICK_CUT);
        work.direct().1
    };
    let first = begin(&typical_levels(layers, cells));
    fixed::levels(layers, core_rows, cells).map_or(first, |levels| first.min(begin(&levels)))
}

impl<'a> Work<'a> {
    fn new(
        layers: &'a [Profiles],
        core_rows: usize,
        cells: usize,
        boundary: &'a CoreBoundary,
        stop: &'a StopToken<'a>,
    ) -> Self {
        let mut spans = Vec::new();
        let mut stages = 0;
        for layer in layers {
            let tile_rows = layer.rows().div_ceil(core_rows);
            spans.push(Span { first: stages, tile_rows, rows: layer.rows() });
            stages += tile_rows;
        }
        Self { layers, spans, timeline: Timeline::new(core_rows, cells, stages), boundary, stop }
    }

    /// Deals the rows of every layer to slots, with their narrowest cuts.
    fn place(&mut self, typical: &[i16]) -> Vec<Path> {
        let (core_rows, cells) = (self.timeline.core_rows(), self.timeline.cells());
        let signed = |layer: &Profiles| {
            let signatures = Signatures::new(layer, cells.min(64));
            let path = Path::new(&signatures, layer.rows(), (4 * layer.cols()).clamp(256, 8192), self.stop);
            (signatures, path)
        };
        let signed: Vec<(Signatures, Path)> = self.layers.par_iter().with_max_len(1).map(signed).collect();
        let mut ends = vec![None; core_rows];
        let dealt: Vec<Vec<Vec<u32>>> =
            signed.iter().map(|(signatures, path)| deal(path, signatures, core_rows, &mut ends)).collect();
        self.timeline.lines().par_iter_mut().enumerate().for_each(|(core_row, line)| {
            let (mut cut, mut sorted) = (Cut::default(), Vec::new());
            if !typical.is_empty() {
                line.set_boundary(typical, typical);
            }
            for ((layer, span), chains) in self.layers.iter().zip(&self.spans).zip(&dealt) {
                for (t, &row) in chains[core_row].iter().enumerate() {
                    layer.sorted_levels(row as usize, &mut sorted);
                    let steps = layer.steps(cells);
                    if layer.is_relaxed() {
                        let boundary = line.past(0);
                        cut.cheapest_sparse(&sorted, layer.top(), steps, [boundary; 2], cells);
                    } else {
                        cut.narrowest(&sorted, cells, steps);
                    }
                    line.set(span.first + t, row, cut.chunks());
                }
            }
        });
        signed.into_iter().map(|(_, path)| path).collect()
    }

    fn direct(&mut self) -> (Vec<bool>, u64) {
        choose_directions(&mut self.timeline, self.boundary)
    }

    /// Cuts every row that has idle places again, each at its cheapest between what now lies before and after it.
    /// Rows whose dynamic program has more than `most_states` states stay as they are.
    fn recut(&mut self, most_states: usize) {
        let cells = self.timeline.cells();
        self.timeline.lines().par_iter_mut().for_each(|line| {
            let (mut cut, mut sorted, mut meter) = (Cut::default(), Vec::new(), self.stop.meter());
            for (layer, span) in self.layers.iter().zip(&self.spans) {
                let steps = layer.steps(cells);
                if !layer.is_relaxed() && steps * cells == layer.cols() {
                    line.refresh_past(span.first, span.first + span.tile_rows - 1);
                    continue;
                }
                for stage in span.first..span.first + span.tile_rows {
                    if !meter.work(cut_operations(layer, cells)) {
                        return;
                    }
                    let row = line.row(stage);
                    if row != EMPTY {
                        layer.sorted_levels(row as usize, &mut sorted);
                        let between = [line.past(stage), line.future(stage)];
                        let cuts = if layer.is_relaxed() {
                            cut.cheapest_sparse(&sorted, layer.top(), steps, between, cells);
                            true
                        } else {
                            cut.cheapest(&sorted, layer.top(), steps, between, cells, most_states)
                        };
                        if cuts {
                            line.set(stage, row, cut.chunks());
                        }
                    }
                    line.refresh_past(stage, stage);
                }
            }
        });
    }
}
