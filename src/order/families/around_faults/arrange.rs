//! The order for reach `row` on cores with faulty cells.
//!
//! A weight cell holds an interval of levels: all, only those up to 0 or from 0 on (one PCM cell of the pair is stuck at level 0), a single one
//! (stuck elsewhere), or none. Any weight of a row may sit in any cell, so a faulty cell takes what it can hold, and the others the rest:
//!
//! 1. For every layer: how many steps a row needs on each core row, and which core rows are worth using (`ActiveRows`).
//! 2. Rows are dealt out and trade places as on an intact core ([`crate::order::rows::path`], [`crate::order::rows::exchange`]).
//! 3. Every row is cut for the cells of its core row, exactly, between what lies before and after it ([`crate::order::cut::ranges`]).
//! 4. Each cell's directions are chosen exactly ([`crate::order::chain::directions`]).

use rayon::prelude::*;

use crate::geometry::{CellRange, EMPTY};
use crate::observer::{STRIDE, StopToken};
use crate::order::chain::boundary::CoreBoundary;
use crate::order::chain::directions::Arrangement;
use crate::order::chain::timeline::{Chunks, CoreRowTimeline};
use crate::order::cut::Cut;
use crate::order::cut::costs::{CellCost, FrontierCost, RangeCost};
use crate::order::cut::ranges::{Shape, Share};
use crate::order::rows::exchange::{Span, tries_per_row};
use crate::order::rows::path::Path;
use crate::order::rows::placement::{Placed, Placement};
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
    /// Those that take the fewest steps in all: every core row needs some steps for the worst of the layer's rows, and a slow one slows down all.
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
    let paths = layers.par_iter().with_max_len(1).map(|layer| Path::of(layer, faulty.cells, stop)).collect();
    let mut placement =
        Placement::deal(paths, |layer| &active_rows[layer].rows, [all_rows, faulty.cells], boundary, stop);
    // The search begins with the cuts of intact core rows.
    placement.cut(
        |layer| layers[layer].cols() as u64,
        |(cut, sorted): &mut (Cut, Vec<i16>), line, at| {
            layers[at.layer].sorted_levels(at.row as usize, sorted);
            cut.narrowest(sorted, faulty.cells, active_rows[at.layer].steps);
            line.set(at.stage, at.row, cut.chunks());
        },
    );
    placement.direct();
    placement.improve(|layer| layers[layer].rows() * tries_per_row(layers[layer].cols()), seed);
    let slots = SlotSteps::choose(layers, faulty, &placement, more_steps);
    placement.cut(|_| STRIDE, |(): &mut (), line, at| slots.cut(line, at));
    for _ in 0..RECUTS {
        placement.direct();
        placement.recut(|_| Some(STRIDE), |(): &mut (), line, at| slots.recut(line, at));
    }
    let forced = slots.forced(placement.spans());
    let first_stage = placement.spans().iter().map(|span| span.first).chain([placement.timeline().stages()]).collect();
    let SlotSteps { steps, .. } = slots;
    let cores = all_rows / faulty.core_rows;
    Ok(FaultyArrangement { arrangement: placement.finish(), first_stage, steps, cores, forced })
}

/// The steps that each core takes for each tile row.
struct SlotSteps<'a> {
    layers: &'a [Profiles],
    faulty: &'a FaultyRows,
    /// By stage and core.
    steps: Vec<usize>,
}

impl<'a> SlotSteps<'a> {
    /// As few steps for each tile row of each core as its rows need, and so many more.
    fn choose(layers: &'a [Profiles], faulty: &'a FaultyRows, placement: &Placement<'_>, more: usize) -> Self {
        let mut found = Self { layers, faulty, steps: Vec::new() };
        for (layer, span) in layers.iter().zip(placement.spans()) {
            for stage in span.stages() {
                for core in 0..found.cores() {
                    let core_rows = core * faulty.core_rows..(core + 1) * faulty.core_rows;
                    let needs = core_rows.filter_map(|core_row| {
                        let row = placement.timeline().row(stage, core_row);
                        (row != EMPTY).then(|| faulty.rows[core_row].all.need(&runs_of(layer, row as usize)))?
                    });
                    found.steps.push(needs.max().map_or(0, |steps| steps + more));
                }
            }
        }
        found
    }

    fn cores(&self) -> usize {
        self.faulty.rows.len() / self.faulty.core_rows
    }

    /// Cuts a row between what now lies before and after it.
    fn recut(&self, line: &mut CoreRowTimeline, at: Placed) {
        let shares = self.shares(at, &FrontierCost { past: line.past(at.stage), future: line.future(at.stage) });
        self.set(line, at, shares);
    }

    /// Cuts a row for the cells that it has.
    fn cut(&self, line: &mut CoreRowTimeline, at: Placed) {
        self.set(line, at, self.shares(at, &RangeCost));
    }

    fn shares(&self, at: Placed, cost: &impl CellCost) -> Option<Vec<Share>> {
        let runs = runs_of(&self.layers[at.layer], at.row as usize);
        let steps = self.steps[at.stage * self.cores() + self.faulty.core_of(at.core_row)];
        let shapes = &self.faulty.rows[at.core_row];
        // Weak cells rest where the others suffice.
        let shape = if shapes.strong.fits(&runs, steps) { &shapes.strong } else { &shapes.all };
        shape.cut(&runs, steps, cost)
    }

    fn set(&self, line: &mut CoreRowTimeline, at: Placed, shares: Option<Vec<Share>>) {
        let cells = self.faulty.cells;
        let (mut lo, mut hi, mut len) = (vec![0; cells], vec![0; cells], vec![0; cells]);
        // A row that fits has a cut: low chunks to cells that hold low levels, high ones to those that hold high levels.
        for share in shares.into_iter().flatten() {
            (lo[share.cell], hi[share.cell], len[share.cell]) = (share.lo, share.hi, share.len);
        }
        line.set(at.stage, at.row, Chunks { lo: &lo, hi: &hi, len: &len });
    }

    /// For each layer: `max(0, ceil(above / Q) + ceil(below / Q) - C)` over its rows and gaps, with the most steps and the most cells that there are.
    fn forced(&self, spans: &[Span]) -> Vec<u64> {
        let cells = self.faulty.most_usable();
        let layers = self.layers.iter().zip(spans).map(|(layer, span)| {
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
