//! The order for reach `row` on cores with faulty cells.
//!
//! A weight cell holds an interval of levels: all, only those up to 0 or from 0 on (one PCM cell of the pair is stuck at level 0), a single one
//! (stuck elsewhere), or none. Any weight of a row may sit in any cell, so a faulty cell takes what it can hold, and the others the rest:
//!
//! 1. For every layer: how many steps a row needs on each core row, and which core rows are worth using (`Crew`).
//! 2. Rows are dealt out and trade places as on an intact core ([`super::rows`], [`super::search`]).
//! 3. Every row is cut for the cells of its core row, exactly, between what lies before and after it (`Shape::cut`).
//! 4. Each cell's directions are chosen exactly ([`super::direction`]).

use super::direction::{Arrangement, Closure, choose_directions};
use super::profile::Profiles;
use super::rows::{Path, Signatures, deal};
use super::search::{Span, improve};
use super::timeline::{Chunks, EMPTY, Ends, Timeline};
use crate::faults::CellRange;

/// Rounds of cutting again.
const RECUTS: usize = 3;
/// What a write of a weak cell counts, against one of another cell.
const WEAK: i64 = 64;

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

/// Cells that take part, and how.
#[derive(Clone, Debug, Default)]
struct Shape {
    /// Cells that take a chunk of the sorted row, the lowest first: those that hold no level above 0, those that hold all, those that hold
    /// none below 0.
    order: Vec<usize>,
    ranges: Vec<CellRange>,
    /// How many of them hold only levels up to 0, all levels, only levels from 0 on.
    counts: [usize; 3],
    /// Cells that hold a single level.
    points: Vec<(usize, i16)>,
    /// Which cells of the core row count [`WEAK`].
    weak: Vec<bool>,
}

/// What a cell serves in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    cell: usize,
    lo: i16,
    hi: i16,
    len: u32,
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

    /// Most cells of a core row that can hold anything.
    fn most_usable(&self) -> usize {
        self.rows.iter().map(|row| row.all.order.len() + row.all.points.len()).max().unwrap_or(0)
    }
}

impl Shape {
    fn new(ranges: &[CellRange], weak: &[bool], with_weak: bool) -> Self {
        let mut groups: [Vec<usize>; 3] = Default::default();
        let mut points = Vec::new();
        for (cell, range) in
            ranges.iter().enumerate().filter(|(cell, range)| !range.is_dead() && (with_weak || !weak[*cell]))
        {
            match (range.lowest, range.highest) {
                (lowest, highest) if lowest == highest => points.push((cell, lowest)),
                (_, 0) => groups[0].push(cell),
                (0, _) => groups[2].push(cell),
                _ => groups[1].push(cell),
            }
        }
        // Weak cells in the middle of the row, where levels lie densest and chunks are narrowest.
        let (weak_ones, mut free): (Vec<usize>, Vec<usize>) = groups[1].iter().partition(|cell| weak[**cell]);
        let middle = free.len() / 2;
        free.splice(middle..middle, weak_ones);
        groups[1] = free;
        let counts = groups.each_ref().map(Vec::len);
        Self { order: groups.concat(), ranges: ranges.to_vec(), counts, points, weak: weak.to_vec() }
    }

    /// Takes out of a row, level by level, what the single-level cells serve in so many steps; returns their shares.
    fn fill_points(&self, runs: &mut [(i16, u32)], steps: usize) -> Vec<Share> {
        let mut shares = Vec::with_capacity(self.points.len());
        for &(cell, level) in &self.points {
            if let Ok(at) = runs.binary_search_by_key(&level, |run| run.0) {
                let len = runs[at].1.min(steps as u32);
                runs[at].1 -= len;
                shares.push(Share { cell, lo: level, hi: level, len });
            }
        }
        shares.retain(|share| share.len > 0);
        shares
    }

    /// Whether a row, by its levels and their numbers, fits in so many steps (Hall's condition; zeros fit every interval).
    fn fits(&self, runs: &[(i16, u32)], steps: usize) -> bool {
        let mut left = runs.to_vec();
        self.fill_points(&mut left, steps);
        let count = |keep: fn(i16) -> bool| -> usize { left.iter().filter(|r| keep(r.0)).map(|r| r.1 as usize).sum() };
        let [low, free, high] = self.counts;
        count(|level| level < 0) <= steps * (low + free)
            && count(|level| level > 0) <= steps * (free + high)
            && count(|_| true) <= steps * (low + free + high)
    }

    /// The fewest steps in which a row fits; none if it never does.
    fn need(&self, runs: &[(i16, u32)]) -> Option<usize> {
        let all: usize = runs.iter().map(|run| run.1 as usize).sum();
        let mut least = all.div_ceil((self.order.len() + self.points.len()).max(1)).max(1);
        if !self.fits(runs, all.max(1)) {
            return None;
        }
        // More steps never harm: find the first that will do.
        let mut enough = all.max(least);
        while least < enough {
            let middle = (least + enough) / 2;
            if self.fits(runs, middle) { enough = middle } else { least = middle + 1 }
        }
        Some(enough)
    }

    /// The cheapest cut of a row that fits: contiguous chunks in the order of the cells, each within what its cell can hold.
    ///
    /// Exact over all such cuts: every chunk is full, or ends where a run of equal levels ends, or is empty; what lies in single-level cells has left the row
    /// before, as many as there are (docs/cores.md).
    fn cut(&self, runs: &[(i16, u32)], steps: usize, costs: &dyn CellCosts) -> Option<Vec<Share>> {
        let mut left = runs.to_vec();
        let mut shares = self.fill_points(&mut left, steps);
        let sorted: Vec<i16> =
            left.iter().flat_map(|&(level, count)| std::iter::repeat_n(level, count as usize)).collect();
        let mut run_end = vec![sorted.len(); sorted.len()];
        for i in (1..sorted.len()).rev() {
            run_end[i - 1] = if sorted[i] == sorted[i - 1] { run_end[i] } else { i };
        }
        let (n, cells) = (sorted.len(), self.order.len());
        let width = (cells * steps).checked_sub(n)? + 1;
        // best[i][z]: least cost of the first i cells with z idle places spent, and the length of the last chunk.
        let mut best = vec![(i64::MAX, 0u32); (cells + 1) * width];
        best[0] = (0, 0);
        for (i, &cell) in self.order.iter().enumerate() {
            let weight = if self.weak[cell] { WEAK } else { 1 };
            let idle = weight * costs.idle(cell);
            for spent in 0..width {
                let here = best[i * width + spent].0;
                let Some(from) = (i * steps).checked_sub(spent).filter(|_| here < i64::MAX) else { continue };
                let mut reach = |len: usize, cost: i64| {
                    let to = &mut best[(i + 1) * width + spent + steps - len];
                    if to.0 > here + cost {
                        *to = (here + cost, len as u32);
                    }
                };
                if spent + steps < width {
                    reach(0, idle);
                }
                let shortest = (spent + steps + 1).saturating_sub(width).max(1);
                let full = steps.min(n.saturating_sub(from));
                if full < shortest {
                    continue;
                }
                let mut end = run_end[from];
                loop {
                    let len = end.min(from + full) - from;
                    let (lo, hi) = (sorted[from], sorted[from + len - 1]);
                    if !self.ranges[cell].holds(lo, hi) {
                        // A longer chunk only reaches higher; one that begins too low never fits.
                        break;
                    }
                    if len >= shortest {
                        reach(len, weight * costs.visit(cell, lo, hi));
                    }
                    if len == full {
                        break;
                    }
                    end = run_end[end];
                }
            }
        }
        let mut spent = width - 1;
        if best[cells * width + spent].0 == i64::MAX {
            return None;
        }
        for (i, &cell) in self.order.iter().enumerate().rev() {
            let len = best[(i + 1) * width + spent].1 as usize;
            spent = spent + len - steps;
            if len > 0 {
                let from = i * steps - spent;
                shares.push(Share { cell, lo: sorted[from], hi: sorted[from + len - 1], len: len as u32 });
            }
        }
        Some(shares)
    }
}

/// What cells pay.
trait CellCosts {
    /// To visit all levels from `lo` to `hi`.
    fn visit(&self, cell: usize, lo: i16, hi: i16) -> i64;
    /// To idle.
    fn idle(&self, cell: usize) -> i64;
}

/// The range alone.
struct Ranges;

impl CellCosts for Ranges {
    fn visit(&self, _: usize, lo: i16, hi: i16) -> i64 {
        i64::from(hi - lo)
    }
    fn idle(&self, _: usize) -> i64 {
        0
    }
}

/// The exact cost between two frontiers.
struct Between<'a> {
    past: Ends<'a>,
    future: Ends<'a>,
}

impl CellCosts for Between<'_> {
    fn visit(&self, cell: usize, lo: i16, hi: i16) -> i64 {
        let (past, future) = (|x| i64::from(self.past.reach(cell, x)), |x| i64::from(self.future.reach(cell, x)));
        (past(lo) + future(hi)).min(past(hi) + future(lo)) + i64::from(hi - lo)
    }
    fn idle(&self, cell: usize) -> i64 {
        i64::from(self.past.meet(cell, &self.future))
    }
}

/// The core rows that compute a layer, and the steps that they need at most.
struct Crew {
    rows: Vec<usize>,
    steps: usize,
}

impl Crew {
    /// The crew that takes the fewest steps in all: every core row needs some steps for the worst of the layer's rows, and a slow one can slow down all.
    fn choose(layer: &Profiles, faulty: &FaultyRows) -> Option<Self> {
        let mut needs: Vec<(usize, usize)> = Vec::new();
        let rows: Vec<Vec<(i16, u32)>> = (0..layer.rows()).map(|row| runs_of(layer, row)).collect();
        for (core_row, shapes) in faulty.rows.iter().enumerate() {
            let worst = rows.iter().map(|runs| shapes.all.need(runs)).try_fold(1, |most, need| Some(need?.max(most)));
            needs.extend(worst.map(|worst| (worst, core_row)));
        }
        needs.sort_unstable();
        let total = |crew: usize| layer.rows().div_ceil(crew) * needs[crew - 1].0;
        let best = (1..=needs.len()).rev().min_by_key(|&crew| total(crew))?;
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

    /// Steps of the cores side by side in the stages of a layer: as many as the busiest takes.
    #[must_use]
    pub fn layer_steps(&self, layer: usize) -> usize {
        let stages = self.first_stage[layer]..self.first_stage[layer + 1];
        (0..self.cores).map(|core| stages.clone().map(|stage| self.steps(stage, core)).sum()).max().unwrap_or(0)
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

/// Arranges layers around faults, with so many steps more in every tile row than are needed.
///
/// # Errors
/// The number of a layer that has a row for which no core row is fit.
pub fn arrange(
    layers: &[Profiles],
    faulty: &FaultyRows,
    closure: &Closure,
    seed: u64,
    more_steps: usize,
) -> Result<FaultyArrangement, usize> {
    let all_rows = faulty.rows.len();
    let mut crews = Vec::with_capacity(layers.len());
    for (index, layer) in layers.iter().enumerate() {
        crews.push(Crew::choose(layer, faulty).ok_or(index)?);
    }
    let mut first_stage = vec![0];
    let mut spans = Vec::new();
    for (layer, crew) in layers.iter().zip(&crews) {
        let (first, tile_rows) = (first_stage[spans.len()], layer.rows().div_ceil(crew.rows.len()));
        spans.push(Span { first, tile_rows, rows: layer.rows() });
        first_stage.push(first + tile_rows);
    }
    let stages = first_stage[layers.len()];
    let mut work =
        Work { layers, faulty, timeline: Timeline::new(all_rows, faulty.cells, stages), spans, steps: Vec::new() };
    let paths = work.place(&crews);
    choose_directions(&mut work.timeline, closure);
    let budgets: Vec<usize> =
        layers.iter().map(|l| if l.rows() < 2 { 0 } else { l.rows() * super::quantile::tries_per_row(l) }).collect();
    improve(&mut work.timeline, &work.spans, &paths, &budgets, seed);
    work.choose_steps(more_steps);
    work.cut_all();
    let mut directions = choose_directions(&mut work.timeline, closure);
    for _ in 0..RECUTS {
        work.recut();
        directions = choose_directions(&mut work.timeline, closure);
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
}

impl Work<'_> {
    fn cores(&self) -> usize {
        self.faulty.rows.len() / self.faulty.core_rows
    }

    /// Deals the rows of every layer to its crew, with the cuts of intact core rows: where the search begins.
    fn place(&mut self, crews: &[Crew]) -> Vec<Path> {
        let cells = self.faulty.cells;
        let mut ends: Vec<Option<Vec<u8>>> = vec![None; self.faulty.rows.len()];
        let (mut cut, mut sorted) = (super::chunk::Cut::default(), Vec::new());
        let mut paths = Vec::new();
        for ((layer, span), crew) in self.layers.iter().zip(&self.spans).zip(crews) {
            let signatures = Signatures::new(layer, cells.min(64));
            let path = Path::new(&signatures, layer.rows(), (4 * layer.cols()).clamp(256, 8192));
            let mut own_ends: Vec<_> = crew.rows.iter().map(|&row| ends[row].take()).collect();
            let chains = deal(&path, &signatures, crew.rows.len(), &mut own_ends);
            for ((&core_row, chain), end) in crew.rows.iter().zip(&chains).zip(own_ends) {
                ends[core_row] = end;
                for (t, &row) in chain.iter().enumerate() {
                    layer.sorted_levels(row as usize, &mut sorted);
                    cut.narrowest(&sorted, cells, crew.steps);
                    let chunks = Chunks { lo: &cut.lo, hi: &cut.hi, len: &cut.len };
                    self.timeline.set(span.first + t, core_row, row, chunks);
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
                    self.cut(index, stage, core_row, true);
                    self.timeline.refresh_past(core_row, stage, stage);
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
            shape.cut(&runs, steps, &Between { past, future })
        } else {
            shape.cut(&runs, steps, &Ranges)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOP: i16 = 3;

    fn ranges() -> impl Strategy<Value = CellRange> {
        prop_oneof![
            3 => Just(CellRange { lowest: -TOP, highest: TOP }),
            1 => Just(CellRange { lowest: -TOP, highest: 0 }),
            1 => Just(CellRange { lowest: 0, highest: TOP }),
            1 => (-TOP..=TOP).prop_map(|level| CellRange { lowest: level, highest: level }),
            1 => Just(CellRange::DEAD),
        ]
    }

    fn runs(sorted: &[i16]) -> Vec<(i16, u32)> {
        let mut runs: Vec<(i16, u32)> = Vec::new();
        for &level in sorted {
            match runs.last_mut().filter(|run| run.0 == level) {
                Some(run) => run.1 += 1,
                None => runs.push((level, 1)),
            }
        }
        runs
    }

    /// Whether weights can be shared out to cells at all, each weight tried in every cell.
    fn can_share(weights: &[i16], ranges: &[CellRange], room: &mut [usize]) -> bool {
        let Some((&weight, rest)) = weights.split_first() else { return true };
        (0..room.len()).any(|cell| {
            if room[cell] == 0 || !ranges[cell].holds(weight, weight) {
                return false;
            }
            room[cell] -= 1;
            let can = can_share(rest, ranges, room);
            room[cell] += 1;
            can
        })
    }

    /// Costs of visits and of idling by cell, arbitrary but like true ones: from a level before, to a level behind.
    struct FromTo(Vec<(i16, i16)>);

    impl CellCosts for FromTo {
        fn visit(&self, cell: usize, lo: i16, hi: i16) -> i64 {
            let (from, to) = self.0[cell];
            let way = |first: i16, last: i16| i64::from((from - first).abs() + (last - to).abs());
            way(lo, hi).min(way(hi, lo)) + i64::from(hi - lo)
        }
        fn idle(&self, cell: usize) -> i64 {
            i64::from((self.0[cell].0 - self.0[cell].1).abs())
        }
    }

    /// The cheapest of all ways to give single-level cells some of their weights, and the others contiguous chunks in the order of the cells.
    fn cheapest(shape: &Shape, sorted: &[i16], steps: usize, costs: &FromTo) -> Option<i64> {
        fn chunks(shape: &Shape, at: usize, rest: &[i16], steps: usize, costs: &FromTo) -> Option<i64> {
            let Some(&cell) = shape.order.get(at) else { return rest.is_empty().then_some(0) };
            let weight = if shape.weak[cell] { WEAK } else { 1 };
            (0..=steps.min(rest.len()))
                .filter_map(|len| {
                    let own = match len {
                        0 => costs.idle(cell),
                        _ if !shape.ranges[cell].holds(rest[0], rest[len - 1]) => return None,
                        _ => costs.visit(cell, rest[0], rest[len - 1]),
                    };
                    Some(weight * own + chunks(shape, at + 1, &rest[len..], steps, costs)?)
                })
                .min()
        }
        fn points(shape: &Shape, at: usize, left: &[i16], steps: usize, costs: &FromTo) -> Option<i64> {
            let Some(&(_, level)) = shape.points.get(at) else { return chunks(shape, 0, left, steps, costs) };
            let there = left.iter().filter(|l| **l == level).count();
            (0..=there.min(steps))
                .filter_map(|taken| {
                    let mut left = left.to_vec();
                    for _ in 0..taken {
                        let position = left.iter().position(|l| *l == level)?;
                        left.remove(position);
                    }
                    points(shape, at + 1, &left, steps, costs)
                })
                .min()
        }
        points(shape, 0, sorted, steps, costs)
    }

    proptest! {
        #[test]
        fn as_few_steps_as_any_sharing_needs(
            weights in prop::collection::vec(-TOP..=TOP, 1..7),
            ranges in prop::collection::vec(ranges(), 1..5),
        ) {
            let mut sorted = weights;
            sorted.sort_unstable();
            let shape = Shape::new(&ranges, &vec![false; ranges.len()], true);
            let least = (1..=sorted.len()).find(|&steps| can_share(&sorted, &ranges, &mut vec![steps; ranges.len()]));
            prop_assert_eq!(shape.need(&runs(&sorted)), least);
        }

        #[test]
        fn no_cut_is_cheaper(
            weights in prop::collection::vec(-TOP..=TOP, 1..8),
            cells in prop::collection::vec((ranges(), any::<bool>(), -TOP..=TOP, -TOP..=TOP), 1..5),
            steps in 1usize..4,
        ) {
            let mut sorted = weights;
            sorted.sort_unstable();
            let ranges: Vec<CellRange> = cells.iter().map(|cell| cell.0).collect();
            let weak: Vec<bool> = cells.iter().map(|cell| cell.1).collect();
            let shape = Shape::new(&ranges, &weak, true);
            // Single-level cells are where they are.
            let costs = FromTo(cells.iter().map(|cell| (cell.2, cell.3)).collect());
            let found = shape.cut(&runs(&sorted), steps, &costs);
            prop_assert_eq!(found.is_some(), shape.fits(&runs(&sorted), steps));
            let best = cheapest(&shape, &sorted, steps, &costs);
            prop_assert_eq!(found.is_some(), best.is_some());
            let Some(shares) = found else { return Ok(()) };
            let mut total = 0;
            for &cell in &shape.order {
                let weight = if weak[cell] { WEAK } else { 1 };
                let share = shares.iter().find(|share| share.cell == cell);
                total += weight * share.map_or_else(|| costs.idle(cell), |s| costs.visit(cell, s.lo, s.hi));
            }
            prop_assert_eq!(Some(total), best);
            prop_assert_eq!(shares.iter().map(|share| share.len as usize).sum::<usize>(), sorted.len());
            for share in shares {
                prop_assert!(ranges[share.cell].holds(share.lo, share.hi) && share.len as usize <= steps);
            }
        }
    }
}
