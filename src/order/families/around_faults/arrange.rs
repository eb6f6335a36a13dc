//! The order for reach `row` on cores with faulty cells.
//!
//! A weight cell holds an interval of levels: all, only those up to 0 or from 0 on (one PCM cell of the pair is stuck at level 0), a single one
//! (stuck elsewhere), or none. Any weight of a row may sit in any cell, so a faulty cell takes what it can hold, and the others the rest:
//!
//! 1. For every layer: how many steps a row needs on each core row, and which core rows are worth using (`ActiveRows`).
//! 2. Rows are dealt out and trade places as on an intact core ([`crate::order::rows::path`], [`crate::order::rows::exchange`]).
//! 3. Every row is cut for the cells of its core row, exactly, between what lies before and after it ([`crate::order::cut::ranges`]).
//! 4. Each cell's directions are chosen exactly ([`crate::order::chain::directions`]).

use crate::geometry::{CellRange, EMPTY};
use crate::observer::StopToken;
use crate::order::chain::boundary::CoreBoundary;
use crate::order::chain::directions::{Arrangement, choose_directions};
use crate::order::chain::timeline::{Chunks, Timeline};
use crate::order::cut::costs::{FrontierCost, RangeCost};
use crate::order::cut::ranges::Shape;
use crate::order::rows::exchange::{Span, improve};
use crate::order::rows::path::{Path, Signatures, deal};
use crate::order::rows::profile::Profiles;

/// Rounds of cutting again.
const RECUTS: usize = 3;

/// The cells of all core rows, core after core.
#[derive(Clone, Debug)]
pub struct FaultyRows {
    cells: usize,
    /// Rows of one core.
    core_rows: usize,
    rows: Vec<RowShapes>,
}

/// What one core row can hold: with its weak cells, and without.
#[derive(Clone, Debug)]
struct RowShapes {
    all: Shape,
    strong: Shape,
}

impl FaultyRows {
    /// Of cores of `core_rows x cells`; `ranges` and `weak` cell by cell.
    #[must_use]
    pub fn new(core_rows: usize, cells: usize, ranges: &[CellRange], weak: &[bool]) -> Self {
        let rows = ranges.chunks_exact(cells).zip(weak.chunks_exact(cells)).map(|(ranges, weak)| RowShapes {
            all: Shape::new(ranges, weak, true),
            strong: Shape::new(ranges, weak, false),
        });
        Self { cells, core_rows, rows: rows.collect() }
    }

    /// Cells of a core row.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// The core of a core row.
    #[must_use]
    pub fn core_of(&self, core_row: usize) -> usize {
        core_row / self.core_rows
    }

    /// Most cells of a core row that can hold anything.
    fn most_usable(&self) -> usize {
        self.rows.iter().map(|row| row.all.order.len() + row.all.points.len()).max().unwrap_or(0)
    }
}

/// The core rows that compute a layer, and the steps that they need at most.
struct ActiveRows {
    rows: Vec<usize>,
    steps: usize,
}

impl ActiveRows {
    /// The active that takes the fewest steps in all: every core row needs some steps for the worst of the layer's rows, and a slow one can slow down all.
    fn choose(layer: &Profiles, faulty: &FaultyRows) -> Option<Self> {
        let mut needs: Vec<(usize, usize)> = Vec::new();
        let rows: Vec<Vec<(i16, u32)>> = (0..layer.rows()).map(|row| runs_of(layer, row)).collect();
        for (core_row, shapes) in faulty.rows.iter().enumerate() {
            let worst = rows.iter().map(|runs| shapes.all.need(runs)).try_fold(1, |most, need| Some(need?.max(most)));
            needs.extend(worst.map(|worst| (worst, core_row)));
        }
        needs.sort_unstable();
        let total = |active: usize| layer.rows().div_ceil(active) * needs[active - 1].0;
        let best = (1..=needs.len()).rev().min_by_key(|&active| total(active))?;
        let mut rows: Vec<usize> = needs[..best].iter().map(|need| need.1).collect();
        rows.sort_unstable();
        Some(Self { rows, steps: needs[best - 1].0 })
    }
}

fn runs_of(layer: &Profiles, row: usize) -> Vec<(i16, u32)> {
    layer.runs(row).map(|(level, range)| (level, range.end - range.start)).collect()
}

/// An arrangement around faults.
#[derive(Clone, Debug)]
pub struct FaultyArrangement {
    /// Rows, chunks and directions; chunks are told apart by cell, and need not be in the order of the cells.
    pub arrangement: Arrangement,
    /// First stage of each layer, and one more: the number of stages.
    pub first_stage: Vec<usize>,
    /// Steps by stage and core.
    steps: Vec<usize>,
    cores: usize,
    /// Writes that each layer's rows force in these steps, whatever the order.
    pub forced: Vec<u64>,
}

impl FaultyArrangement {
    /// Steps of a core in a stage.
    #[must_use]
    pub fn steps(&self, stage: usize, core: usize) -> usize {
        self.steps[stage * self.cores + core]
    }

    /// What each cell of a slot serves: cell, and its levels with their numbers in the order in which it goes through them.
    #[must_use]
    pub fn served(
        &self,
        faulty: &FaultyRows,
        runs: &[(i16, u32)],
        (stage, core_row): (usize, usize),
    ) -> Vec<(usize, Vec<(i16, u32)>)> {
        let (chunks, rising) =
            (self.arrangement.timeline.chunks(stage, core_row), self.arrangement.rising(stage, core_row));
        let shape = &faulty.rows[core_row].all;
        let mut left = runs.to_vec();
        let mut served = Vec::with_capacity(chunks.len.len());
        for &(cell, level) in &shape.points {
            if chunks.len[cell] > 0 {
                left.iter_mut().filter(|run| run.0 == level).for_each(|run| run.1 -= chunks.len[cell]);
                served.push((cell, vec![(level, chunks.len[cell])]));
            }
        }
        let mut rest = left.into_iter().filter(|run| run.1 > 0).peekable();
        for &cell in &shape.order {
            let (mut need, mut own) = (chunks.len[cell], Vec::new());
            while need > 0
                && let Some(run) = rest.peek_mut()
            {
                let taken = run.1.min(need);
                own.push((run.0, taken));
                (run.1, need) = (run.1 - taken, need - taken);
                if run.1 == 0 {
                    rest.next();
                }
            }
            if !rising[cell] {
                own.reverse();
            }
            served.push((cell, own));
        }
        served
    }
}

/// Arranges layers around faults, with so many steps more in every tile row than are needed. After a stop, what comes back is of no use.
///
/// # Errors
/// The number of a layer that has a row for which no core row is fit.
pub fn arrange(
    layers: &[Profiles],
    faulty: &FaultyRows,
    boundary: &CoreBoundary,
    seed: u64,
    more_steps: usize,
    stop: &StopToken<'_>,
) -> Result<FaultyArrangement, usize> {
    let all_rows = faulty.rows.len();
    let mut active_rows = Vec::with_capacity(layers.len());
    for (index, layer) in layers.iter().enumerate() {
        active_rows.push(ActiveRows::choose(layer, faulty).ok_or(index)?);
    }
    let mut first_stage = vec![0];
    let mut spans = Vec::new();
    for (layer, active) in layers.iter().zip(&active_rows) {
        let (first, tile_rows) = (first_stage[spans.len()], layer.rows().div_ceil(active.rows.len()));
        spans.push(Span { first, tile_rows, rows: layer.rows() });
        first_stage.push(first + tile_rows);
    }
    let stages = first_stage[layers.len()];
    let mut work =
        Work { layers, faulty, timeline: Timeline::new(all_rows, faulty.cells, stages), spans, steps: Vec::new(), stop };
    let paths = work.place(&active_rows);
    choose_directions(&mut work.timeline, boundary);
    let budgets: Vec<usize> =
        layers
            .iter()
            .map(|l| {
                if l.rows() < 2 {
                    0
                } else {
                    l.rows() * crate::order::families::sorted_rows::quantile::tries_per_row(l)
                }
            })
            .collect();
    improve(&mut work.timeline, &work.spans, &paths, &budgets, seed, stop);
    work.choose_steps(more_steps);
    work.cut_all();
    let mut directions = choose_directions(&mut work.timeline, boundary);
    for _ in 0..RECUTS {
        work.recut();
        directions = choose_directions(&mut work.timeline, boundary);
    }
    let forced = work.forced();
    let Work { timeline, steps, .. } = work;
    let cores = all_rows / faulty.core_rows;
    let arrangement = Arrangement { timeline, rising: directions.0, writes: directions.1 };
    Ok(FaultyArrangement { arrangement, first_stage, steps, cores, forced })
}

struct Work<'a> {
    layers: &'a [Profiles],
    faulty: &'a FaultyRows,
    timeline: Timeline,
    spans: Vec<Span>,
    /// By stage and core, once they are chosen.
    steps: Vec<usize>,
    stop: &'a StopToken<'a>,
}

impl Work<'_> {
    fn cores(&self) -> usize {
        self.faulty.rows.len() / self.faulty.core_rows
    }

    /// Deals the rows of every layer to its active, with the cuts of intact core rows: where the search begins.
    fn place(&mut self, active_rows: &[ActiveRows]) -> Vec<Path> {
        let cells = self.faulty.cells;
        let mut ends: Vec<Option<Vec<u8>>> = vec![None; self.faulty.rows.len()];
        let (mut cut, mut sorted) = (crate::order::cut::Cut::default(), Vec::new());
        let mut paths = Vec::new();
        for ((layer, span), active) in self.layers.iter().zip(&self.spans).zip(active_rows) {
            let signatures = Signatures::new(layer, cells.min(64));
            let path = Path::new(&signatures, layer.rows(), (4 * layer.cols()).clamp(256, 8192), self.stop);
            let mut own_ends: Vec<_> = active.rows.iter().map(|&row| ends[row].take()).collect();
            let chains = deal(&path, &signatures, active.rows.len(), &mut own_ends);
            for ((&core_row, chain), end) in active.rows.iter().zip(&chains).zip(own_ends) {
                ends[core_row] = end;
                for (t, &row) in chain.iter().enumerate() {
                    layer.sorted_levels(row as usize, &mut sorted);
                    cut.narrowest(&sorted, cells, active.steps);
                    self.timeline.set(span.first + t, core_row, row, cut.chunks());
                }
            }
            paths.push(path);
        }
        paths
    }

    /// As few steps for each tile row of each core as its rows need, and so many more.
    fn choose_steps(&mut self, more: usize) {
        for (layer, span) in self.layers.iter().zip(&self.spans) {
            for stage in span.first..span.first + span.tile_rows {
                for core in 0..self.cores() {
                    let core_rows = core * self.faulty.core_rows..(core + 1) * self.faulty.core_rows;
                    let needs = core_rows.filter_map(|core_row| {
                        let row = self.timeline.row(stage, core_row);
                        (row != EMPTY).then(|| self.faulty.rows[core_row].all.need(&runs_of(layer, row as usize)))?
                    });
                    self.steps.push(needs.max().map_or(0, |steps| steps + more));
                }
            }
        }
    }

    /// Every row's first cut for the cells that it has.
    fn cut_all(&mut self) {
        for core_row in 0..self.faulty.rows.len() {
            for index in 0..self.layers.len() {
                let span = self.spans[index].clone();
                for stage in span.first..span.first + span.tile_rows {
                    if !self.stop.go_on() {
                        return;
                    }
                    self.cut(index, stage, core_row, false);
                }
            }
        }
    }

    /// Cuts every row again, between what now lies before and after it.
    fn recut(&mut self) {
        for core_row in 0..self.faulty.rows.len() {
            for index in 0..self.layers.len() {
                let span = self.spans[index].clone();
                for stage in span.first..span.first + span.tile_rows {
                    if !self.stop.go_on() {
                        return;
                    }
                    self.cut(index, stage, core_row, true);
                    self.timeline.lines()[core_row].refresh_past(stage, stage);
                }
            }
        }
    }

    fn cut(&mut self, index: usize, stage: usize, core_row: usize, between: bool) {
        let row = self.timeline.row(stage, core_row);
        if row == EMPTY {
            return;
        }
        let runs = runs_of(&self.layers[index], row as usize);
        let steps = self.steps[stage * self.cores() + core_row / self.faulty.core_rows];
        let shapes = &self.faulty.rows[core_row];
        // Weak cells rest where the others suffice.
        let shape = if shapes.strong.fits(&runs, steps) { &shapes.strong } else { &shapes.all };
        let shares = if between {
            let (past, future) = (self.timeline.past(stage, core_row), self.timeline.future(stage, core_row));
            shape.cut(&runs, steps, &FrontierCost { past, future })
        } else {
            shape.cut(&runs, steps, &RangeCost)
        };
        let cells = self.faulty.cells;
        let (mut lo, mut hi, mut len) = (vec![0; cells], vec![0; cells], vec![0; cells]);
        // A row that fits has a cut: low chunks to cells that hold low levels, high ones to those that hold high levels.
        for share in shares.into_iter().flatten() {
            (lo[share.cell], hi[share.cell], len[share.cell]) = (share.lo, share.hi, share.len);
        }
        self.timeline.set(stage, core_row, row, Chunks { lo: &lo, hi: &hi, len: &len });
    }

    /// For each layer: `max(0, ceil(above / Q) + ceil(below / Q) - C)` over its rows and gaps, with the most steps and the most cells that there are.
    fn forced(&self) -> Vec<u64> {
        let cells = self.faulty.most_usable();
        let layers = self.layers.iter().zip(&self.spans).map(|(layer, span)| {
            let steps = &self.steps[span.first * self.cores()..(span.first + span.tile_rows) * self.cores()];
            let steps = steps.iter().copied().max().unwrap_or(1).max(1);
            let rows = (0..layer.rows()).map(|row| {
                let below = layer.below(row);
                let all = layer.cols();
                let gaps = below[1..below.len() - 1].iter().map(|&low| low as usize);
                gaps.map(|low| (low.div_ceil(steps) + (all - low).div_ceil(steps)).saturating_sub(cells) as u64)
                    .sum::<u64>()
            });
            rows.sum()
        });
        layers.collect()
    }
}
