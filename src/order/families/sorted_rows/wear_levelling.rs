//! The order for the longest life: cells of a core row trade places where one is worn more than another (docs/trade.md, section 6).
//!
//! A plan for few writes gives each cell the same part of every row, and those with the widest parts are worn most. Here cells exchange their parts for
//! some stages: that costs a few writes at both ends, and shares the rest out.

use rayon::prelude::*;

use crate::geometry::EMPTY;
use crate::observer::StopToken;
use crate::order::chain::boundary::{CellBoundary, CoreBoundary};
use crate::order::chain::timeline::{Timeline, distance};
use crate::order::chain::two_state::Directions;
use crate::order::rows::profile::Profiles;
use crate::order::slots::level_runs::{LevelRuns, levels_of};

/// Partners that are tried for the most worn cell of a core row, the least worn first.
const PARTNERS: usize = 8;
/// Stages at which an exchange may begin.
const BEGINNINGS: usize = 12;
/// Exchanges for each cell, at most.
const EXCHANGES: usize = 6;

/// One core row: the intervals of its parts by stage, and which cell has which.
struct Row {
    cells: usize,
    stages: usize,
    /// By stage and part; none for an empty one.
    intervals: Vec<Option<(i16, i16)>>,
    /// By stage and cell.
    part: Vec<u32>,
    directions: Directions,
    visited: Vec<(i16, i16)>,
    slots: Vec<usize>,
    rising: Vec<bool>,
}

impl Row {
    fn of(timeline: &Timeline, core_row: usize) -> Self {
        let (cells, stages) = (timeline.cells(), timeline.stages());
        let intervals = (0..stages).flat_map(|stage| {
            let chunks = timeline.chunks(stage, core_row);
            (0..cells).map(move |cell| (chunks.len[cell] > 0).then(|| (chunks.lo[cell], chunks.hi[cell])))
        });
        Self {
            cells,
            stages,
            intervals: intervals.collect(),
            part: (0..stages).flat_map(|_| 0..cells as u32).collect(),
            directions: Directions::default(),
            visited: Vec::new(),
            slots: Vec::new(),
            rising: Vec::new(),
        }
    }

    /// Wear of the two PCM cells of a cell whose part in stage s is `part(s)`, in the best directions; and by stage that of both, to `stages`.
    fn wear(&mut self, part: impl Fn(usize) -> u32, stages: &mut Vec<u32>) -> [u64; 2] {
        self.visited.clear();
        self.slots.clear();
        for stage in 0..self.stages {
            if let Some(interval) = self.intervals[stage * self.cells + part(stage) as usize] {
                self.visited.push(interval);
                self.slots.push(stage);
            }
        }
        stages.clear();
        stages.resize(self.stages, 0);
        self.directions.solve(&self.visited, CellBoundary::Cyclic, &mut self.rising);
        let ends = |i: usize| {
            let (lo, hi) = self.visited[i];
            if self.rising[i] { (lo, hi) } else { (hi, lo) }
        };
        let mut wear = [0; 2];
        let Some(last) = self.visited.len().checked_sub(1) else { return wear };
        let mut at = ends(last).1;
        for (i, &stage) in self.slots.iter().enumerate() {
            let (from, to) = ends(i);
            for (a, b) in [(at, from), (from, to)] {
                wear[0] += u64::from(distance(a.max(0), b.max(0)).unsigned_abs());
                wear[1] += u64::from(distance(a.min(0), b.min(0)).unsigned_abs());
                stages[stage] += u32::from(distance(a, b).unsigned_abs());
            }
            at = to;
        }
        wear
    }

    /// Exchanges parts while the most worn PCM cell gains.
    fn even_out(&mut self, stop: &StopToken<'_>) {
        let mut stages = vec![Vec::new(); self.cells];
        let mut worst = Vec::with_capacity(self.cells);
        let part_of = |part: &[u32], cells: usize, stage: usize, cell: usize| part[stage * cells + cell];
        for (cell, stages) in stages.iter_mut().enumerate() {
            let part = self.part.clone();
            let cells = self.cells;
            let [plus, minus] = self.wear(|stage| part_of(&part, cells, stage, cell), stages);
            worst.push(plus.max(minus));
        }
        let mut meter = stop.meter();
        for _ in 0..EXCHANGES * self.cells {
            if !meter.work((PARTNERS * BEGINNINGS * self.stages) as u64) {
                return;
            }
            let Some(from) = (0..self.cells).max_by_key(|&cell| (worst[cell], cell)) else { return };
            let mut partners: Vec<usize> = (0..self.cells).filter(|&cell| cell != from).collect();
            partners.sort_by_key(|&cell| (worst[cell], cell));
            let mut best: Option<(u64, usize, usize, usize)> = None;
            for &to in partners.iter().take(PARTNERS) {
                for (begin, end) in windows(&stages[from], &stages[to]) {
                    let [a, b] = self.exchanged([from, to], begin, end, &mut [Vec::new(), Vec::new()]);
                    let most = a.max(b);
                    if most < worst[from] && best.is_none_or(|(least, ..)| most < least) {
                        best = Some((most, to, begin, end));
                    }
                }
            }
            let Some((_, to, begin, end)) = best else { return };
            let mut changed = [Vec::new(), Vec::new()];
            let [a, b] = self.exchanged([from, to], begin, end, &mut changed);
            (worst[from], worst[to]) = (a, b);
            [stages[from], stages[to]] = changed;
            for stage in begin..end {
                self.part.swap(stage * self.cells + from, stage * self.cells + to);
            }
        }
    }

    /// The worse PCM cell of each of two cells that exchange their parts for some stages.
    fn exchanged(&mut self, [from, to]: [usize; 2], begin: usize, end: usize, stages: &mut [Vec<u32>; 2]) -> [u64; 2] {
        let part = std::mem::take(&mut self.part);
        let cells = self.cells;
        let mut of = |own: usize, other: usize, stages: &mut Vec<u32>| {
            let at = |stage: usize| if (begin..end).contains(&stage) { other } else { own };
            let [plus, minus] = self.wear(|stage| part[stage * cells + at(stage)], stages);
            plus.max(minus)
        };
        let [first, second] = stages;
        let worst = [of(from, to, first), of(to, from, second)];
        self.part = part;
        worst
    }
}

/// Stages in which two cells would do each other's work, so that both have about the same to do.
fn windows(from: &[u32], to: &[u32]) -> Vec<(usize, usize)> {
    let stages = from.len();
    let more = |stage: usize| i64::from(from[stage]) - i64::from(to[stage]);
    let half = (0..stages).map(more).sum::<i64>() / 2;
    let begin = |i: usize| {
        let begin = i * stages / BEGINNINGS;
        let mut moved = 0;
        let end = (begin..stages).find(|&stage| {
            moved += more(stage);
            moved >= half
        });
        end.map(|end| (begin, end + 1))
    };
    let mut all: Vec<(usize, usize)> = (0..BEGINNINGS.min(stages)).filter_map(begin).collect();
    all.dedup();
    all
}

/// The slots of `timeline`, with the cells' parts exchanged, each swept in the best directions.
#[must_use]
pub fn arrange(layers: &[Profiles], timeline: &Timeline, stop: &StopToken<'_>) -> LevelRuns {
    let (core_rows, cells) = (timeline.core_rows(), timeline.cells());
    let rows: Vec<Row> = (0..core_rows)
        .into_par_iter()
        .map(|core_row| {
            let mut row = Row::of(timeline, core_row);
            row.even_out(stop);
            row
        })
        .collect();
    let (mut order, mut first) = (Vec::new(), Vec::new());
    LevelRuns::of_slots(layers, timeline, |runs, layer, (stage, core_row), row| {
        let chunks = timeline.chunks(stage, core_row);
        chunks.begins(&mut order, &mut first);
        for &part in &rows[core_row].part[stage * cells..][..cells] {
            let (part, len) = (part as usize, chunks.len[part as usize]);
            if row == EMPTY || len == 0 {
                runs.push_cell([]);
            } else {
                runs.push_cell(levels_of(layer, row as usize, first[part]..first[part] + len));
            }
        }
    })
}

/// Chooses the directions in which ascending runs are swept, each cell for itself, exactly.
pub fn choose_directions(level_runs: &mut LevelRuns, boundary: &CoreBoundary) {
    let (core_rows, cells) = (level_runs.core_rows(), level_runs.cells());
    let mut directions = Directions::default();
    let (mut intervals, mut slots, mut rising) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..core_rows * cells {
        intervals.clear();
        slots.clear();
        for stage in 0..level_runs.stages() {
            if let [first, .., last] | [first @ last] = level_runs.runs(stage, at / cells, at % cells) {
                intervals.push((first.level, last.level));
                slots.push(stage);
            }
        }
        directions.solve(&intervals, boundary.of_cell(at), &mut rising);
        for (&stage, _) in slots.iter().zip(&rising).filter(|(_, rises)| !**rises) {
            let runs = level_runs.runs_mut(stage, at / cells, at % cells);
            runs.reverse();
            let mut first = 0;
            for run in runs {
                run.first = first;
                first += run.count;
            }
        }
    }
}

/// The worst wear of a PCM cell by an inference, level by level.
#[must_use]
pub fn worst(level_runs: &LevelRuns, weigh: &dyn Fn(i16, i16) -> [u64; 2]) -> u64 {
    let cells = level_runs.cells();
    let of_cell = |at: usize| {
        let mut levels =
            (0..level_runs.stages()).flat_map(|stage| level_runs.runs(stage, at / cells, at % cells)).map(|r| r.level);
        let Some(first) = levels.next() else { return 0 };
        let (mut wear, mut at) = ([0; 2], first);
        for level in levels.chain([first]) {
            let [plus, minus] = weigh(at, level);
            wear = [wear[0] + plus, wear[1] + minus];
            at = level;
        }
        wear[0].max(wear[1])
    };
    (0..level_runs.core_rows() * cells).map(of_cell).max().unwrap_or(0)
}
