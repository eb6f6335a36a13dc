//! The order for per-cell inputs with reach `row`: sorted rows cut into chunks, similar rows one after the other.
//!
//! 1. Each row is sorted and cut into a chunk for each cell ([`super::chunk`]).
//! 2. Rows are dealt to the core rows along a short path through their quantiles ([`super::rows`]).
//! 3. Rows trade places while that saves writes ([`super::search`]).
//! 4. Rows with idle places are cut again, now knowing what lies before and after them.
//! 5. Each cell's directions are chosen exactly ([`super::direction`]).

use super::chunk::Cut;
use super::direction::{Arrangement, Closure, choose_directions};
use super::profile::Profiles;
use super::rows::{Path, Signatures, deal};
use super::search::{Span, improve};
use super::timeline::{Chunks, EMPTY, Timeline};

/// Rounds of cutting again, before and after the search.
const RECUTS: usize = 2;
/// States of a cut's dynamic program up to which it is done in every round; a larger one only once, at the end.
const QUICK_CUT: usize = 1 << 14;
/// Exchanges tried for each row: a few nanoseconds a weight for long rows. Beyond that little is found; short rows, which
/// have nothing but their order to gain from, want a few all the same.
pub(super) fn tries_per_row(layer: &Profiles) -> usize {
    (layer.cols() / 16).clamp(24, 48)
}

/// Arranges layers on a core of `core_rows x cells`, each as a sequence of tile rows of `ceil(cols / cells)` steps.
///
/// Memory: that of the timeline. Time: near-linear in the number of rows (see [`Path::new`]).
#[must_use]
pub fn arrange(layers: &[Profiles], core_rows: usize, cells: usize, closure: &Closure, seed: u64) -> Arrangement {
    let mut spans = Vec::new();
    let mut stages = 0;
    for layer in layers {
        let tile_rows = layer.rows().div_ceil(core_rows);
        spans.push(Span { first: stages, tile_rows, rows: layer.rows() });
        stages += tile_rows;
    }
    let mut work = Work {
        layers,
        spans,
        timeline: Timeline::new(core_rows, cells, stages),
        closure,
        cut: Cut::default(),
        sorted: Vec::new(),
    };
    let paths = work.place();
    work.direct();
    let budgets: Vec<usize> =
        layers.iter().map(|l| if l.rows() < 2 { 0 } else { l.rows() * tries_per_row(l) }).collect();
    let has_idle_places = layers.iter().any(|l| steps(l, cells) * cells > l.cols());
    if has_idle_places {
        for _ in 0..RECUTS {
            work.recut(QUICK_CUT);
            work.direct();
        }
    }
    improve(&mut work.timeline, &work.spans, &paths, &budgets, seed);
    let mut directions = work.direct();
    if has_idle_places {
        for round in 1..=RECUTS {
            work.recut(if round == RECUTS { usize::MAX } else { QUICK_CUT });
            directions = work.direct();
        }
    }
    Arrangement { timeline: work.timeline, rising: directions.0, writes: directions.1 }
}

/// Steps of a tile row: each cell serves at most this many weights.
#[must_use]
pub fn steps(layer: &Profiles, cells: usize) -> usize {
    layer.cols().div_ceil(cells)
}

struct Work<'a> {
    layers: &'a [Profiles],
    spans: Vec<Span>,
    timeline: Timeline,
    closure: &'a Closure,
    cut: Cut,
    sorted: Vec<i16>,
}

impl Work<'_> {
    /// Deals the rows of every layer to slots, with their narrowest cuts.
    fn place(&mut self) -> Vec<Path> {
        let (core_rows, cells) = (self.timeline.core_rows(), self.timeline.cells());
        let mut ends = vec![None; core_rows];
        let mut paths = Vec::new();
        for (layer, span) in self.layers.iter().zip(&self.spans) {
            let signatures = Signatures::new(layer, cells.min(64));
            let path = Path::new(&signatures, layer.rows(), (4 * layer.cols()).clamp(256, 8192));
            for (core_row, chain) in deal(&path, &signatures, core_rows, &mut ends).iter().enumerate() {
                for (t, &row) in chain.iter().enumerate() {
                    layer.sorted_levels(row as usize, &mut self.sorted);
                    self.cut.narrowest(&self.sorted, cells, steps(layer, cells));
                    let chunks = Chunks { lo: &self.cut.lo, hi: &self.cut.hi, len: &self.cut.len };
                    self.timeline.set(span.first + t, core_row, row, chunks);
                }
            }
            paths.push(path);
        }
        paths
    }

    fn direct(&mut self) -> (Vec<bool>, u64) {
        choose_directions(&mut self.timeline, self.closure)
    }

    /// Cuts every row that has idle places again, each at its cheapest between what now lies before and after it.
    /// Rows whose dynamic program has more than `most_states` states stay as they are.
    fn recut(&mut self, most_states: usize) {
        let cells = self.timeline.cells();
        for core_row in 0..self.timeline.core_rows() {
            for (layer, span) in self.layers.iter().zip(&self.spans) {
                let steps = steps(layer, cells);
                let idle_places = steps * cells - layer.cols();
                if idle_places == 0 || cells * (idle_places + 1) > most_states {
                    self.timeline.refresh_past(core_row, span.first, span.first + span.tile_rows - 1);
                    continue;
                }
                for stage in span.first..span.first + span.tile_rows {
                    let row = self.timeline.row(stage, core_row);
                    if row != EMPTY {
                        layer.sorted_levels(row as usize, &mut self.sorted);
                        let (past, future) =
                            (self.timeline.past(stage, core_row), self.timeline.future(stage, core_row));
                        self.cut.cheapest(&self.sorted, layer.top(), steps, past, future, cells);
                        let chunks = Chunks { lo: &self.cut.lo, hi: &self.cut.hi, len: &self.cut.len };
                        self.timeline.set(stage, core_row, row, chunks);
                    }
                    self.timeline.refresh_past(core_row, stage, stage);
                }
            }
        }
    }
}
