//! The order for the least time: cells change in the same steps (docs/trade.md, section 5).
//!
//! Cells of a step are written side by side, and the slowest decides. So the steps of a stage are cut into *phases*, the same for all core rows, in which no
//! cell changes: few phases, few waits. A row with `n_v` weights of level v puts `x_v` cells on level v in a phase of l steps, at most `n_v / l`; the
//! rest is left to the phases that follow, and those of a single step can always serve it.

use firmware_model::pcm::{Move, Slowest, WriteCost};

use crate::geometry::EMPTY;
use crate::observer::StopToken;
use crate::order::chain::timeline::Timeline;
use crate::order::rows::profile::{Profiles, stages};
use crate::order::slots::level_runs::{LevelRun, LevelRuns};

/// Shares of the longest possible phase that are tried, in eighths.
const SHARES: [usize; 5] = [8, 6, 5, 4, 3];

/// Time to program, in whole parts: comparisons must not depend on rounding.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    cost: WriteCost,
    /// Parts of a microsecond.
    parts: f64,
}

impl Clock {
    /// The clock of a device.
    #[must_use]
    pub fn of(cost: WriteCost) -> Self {
        let longest = match cost {
            WriteCost::PerLevel { up, down } | WriteCost::SingleShot { up, down } => up.time_us.max(down.time_us),
            WriteCost::ResetThenSet { reset, set, set_level } => reset.time_us.max(set.time_us).max(set_level.time_us),
        };
        let parts = if longest > 0.0 { (f64::from(1 << 20) / longest).log2().floor().exp2() } else { 1.0 };
        Self { cost, parts }
    }

    fn time(&self, slowest: Slowest) -> u64 {
        (self.cost.time_us(slowest) * self.parts) as u64
    }

    fn slowest(&self, from: i16, to: i16) -> Slowest {
        self.cost.slowest(Move::between(from, to))
    }

    /// Least time of any change of a weight cell, microseconds.
    #[must_use]
    pub fn least_change(&self) -> f64 {
        match self.cost {
            WriteCost::PerLevel { up, down } | WriteCost::SingleShot { up, down } => up.time_us.min(down.time_us),
            WriteCost::ResetThenSet { reset, set, set_level } => reset.time_us.min(set.time_us + set_level.time_us),
        }
    }

    /// Time of an inference in steady state, in parts: in each layer the slowest core counts.
    #[must_use]
    pub fn inference(&self, level_runs: &LevelRuns, layer_stages: &[usize], rows_of_core: usize) -> u64 {
        let (core_rows, cells) = (level_runs.core_rows(), level_runs.cells());
        let mut held = last_levels(level_runs);
        let (mut total, mut stage) = (0, 0);
        let mut slowest = Vec::new();
        for &stages in layer_stages {
            let mut of_core = vec![0; core_rows.div_ceil(rows_of_core)];
            for stage in stage..stage + stages {
                for (core, time) in of_core.iter_mut().enumerate() {
                    slowest.clear();
                    slowest.resize(level_runs.steps(stage), Slowest::default());
                    for core_row in core * rows_of_core..core_rows.min((core + 1) * rows_of_core) {
                        for cell in 0..cells {
                            for run in level_runs.runs(stage, core_row, cell) {
                                let at = &mut held[core_row * cells + cell];
                                let step = &mut slowest[run.first as usize];
                                *step = step.with(self.slowest(std::mem::replace(at, run.level), run.level));
                            }
                        }
                    }
                    *time += slowest.iter().map(|&s| self.time(s)).sum::<u64>();
                }
            }
            stage += stages;
            total += of_core.into_iter().max().unwrap_or(0);
        }
        total
    }
}

/// Sends all cells the same way through what they serve: `rising`, from level 0 outwards, so that falls come together, where a stage begins; or the
/// other way round. Runs must follow each other without a pause. A cell with levels of both signs turns once on the way.
pub fn one_way(level_runs: &mut LevelRuns, rising: bool) {
    for stage in 0..level_runs.stages() {
        for core_row in 0..level_runs.core_rows() {
            for cell in 0..level_runs.cells() {
                let most = |sign: i16| level_runs.runs(stage, core_row, cell).iter().map(|run| sign * run.level).max();
                let (plus, minus) = (most(1).unwrap_or(0), most(-1).unwrap_or(0));
                // The smaller side first, or last: what it falls, or rises, when the cell turns, is then least.
                let small = if plus <= minus { 1 } else { -1 };
                let outwards = |level: i16| (level.signum() == -small, level.abs());
                if rising {
                    level_runs.sort_by_key(stage, core_row, cell, outwards);
                } else {
                    level_runs.sort_by_key(stage, core_row, cell, |level| {
                        let (large, height) = outwards(level);
                        (
                            if large {
                                0
                            } else if height == 0 {
                                1
                            } else {
                                2
                            },
                            std::cmp::Reverse(height),
                        )
                    });
                }
            }
        }
    }
}

/// Where each cell stands at the end of an inference, 0 if it is never used.
fn last_levels(level_runs: &LevelRuns) -> Vec<i16> {
    let (core_rows, cells) = (level_runs.core_rows(), level_runs.cells());
    let last = |at: usize| {
        let runs =
            (0..level_runs.stages()).rev().find_map(|stage| level_runs.runs(stage, at / cells, at % cells).last());
        runs.map_or(0, |run| run.level)
    };
    (0..core_rows * cells).map(last).collect()
}

/// What one core row does in one phase: the levels of its active cells, ascending.
type Levels = Vec<i16>;

/// A phase: its steps, and what each core row does.
#[derive(Clone, Debug)]
struct Phase {
    steps: usize,
    rows: Vec<Levels>,
}

/// Plans the stages of `timeline`, whose rows stay where they are, for few and short waits. `start`: levels of all cells at the beginning,
/// where they are known; else the end of the inference. Nothing after a stop.
#[must_use]
pub fn arrange(
    layers: &[Profiles],
    timeline: &Timeline,
    clock: Clock,
    start: Option<&[i16]>,
    stop: &StopToken<'_>,
) -> Option<LevelRuns> {
    let (core_rows, cells) = (timeline.core_rows(), timeline.cells());
    let mut held = match start {
        Some(start) => start.to_vec(),
        None => (0..core_rows).flat_map(|core_row| timeline.chunks(0, core_row).lo.to_vec()).collect(),
    };
    let mut level_runs = pass(layers, timeline, clock, &mut held, stop)?;
    if start.is_none() {
        // Now it is known where the inference ends.
        level_runs = pass(layers, timeline, clock, &mut held, stop)?;
    }
    debug_assert_eq!(held.len(), core_rows * cells);
    Some(level_runs)
}

fn pass(
    layers: &[Profiles],
    timeline: &Timeline,
    clock: Clock,
    held: &mut Vec<i16>,
    stop: &StopToken<'_>,
) -> Option<LevelRuns> {
    let (core_rows, cells) = (timeline.core_rows(), timeline.cells());
    let mut level_runs = LevelRuns::new(core_rows, cells);
    for (stage, layer) in stages(layers, core_rows) {
        let rows: Vec<u32> = (0..core_rows).map(|core_row| timeline.row(stage, core_row)).collect();
        let mut best: Option<(u64, Laid)> = None;
        for share in SHARES {
            if !stop.go_on() {
                return None;
            }
            let mut phases = cut(layer, &rows, cells, share);
            for _ in 0..2 {
                let laid = lay(&phases, clock, held, cells);
                if best.as_ref().is_none_or(|(time, _)| laid.time < *time) {
                    best = Some((laid.time, laid));
                }
                phases.reverse();
            }
        }
        level_runs.push_stage(layer.steps(cells));
        if let Some((_, laid)) = best {
            for (core_row, &row) in rows.iter().enumerate() {
                level_runs.push_slot(row);
                laid.runs[core_row * cells..][..cells].iter().for_each(|runs| level_runs.push_runs(runs));
            }
            *held = laid.held;
        }
    }
    Some(level_runs)
}

/// Cuts a stage into phases, the longest first. `share`: of the longest possible phase, in eighths.
fn cut(layer: &Profiles, rows: &[u32], cells: usize, share: usize) -> Vec<Phase> {
    let top = layer.top();
    let mut left: Vec<Vec<usize>> = rows
        .iter()
        .map(|&row| {
            if row == EMPTY {
                return vec![0; 2 * top as usize + 1];
            }
            layer.below(row as usize).windows(2).map(|w| (w[1] - w[0]) as usize).collect()
        })
        .collect();
    let (mut steps, mut phases) = (layer.steps(cells), Vec::new());
    while steps > 0 {
        let fits = |phase: usize| {
            left.iter().all(|left| {
                let idle = cells * steps - left.iter().sum::<usize>();
                left.iter().map(|n| n / phase).sum::<usize>() + idle / phase >= cells
            })
        };
        // In steps of a sixteenth: rows are long.
        let mut longest = steps;
        while !fits(longest) {
            longest -= longest.div_ceil(16);
        }
        let mut phase = longest;
        if longest < steps {
            phase = (longest * share / 8).max(1);
            // A shorter phase need not fit where a longer one does.
            while !fits(phase) {
                phase -= 1;
            }
        }
        let levels = left.iter_mut().map(|left| {
            let taken = take(left, cells, steps, phase);
            let mut levels = Levels::new();
            for (level, (n, taken)) in (-top..=top).zip(left.iter_mut().zip(taken)) {
                *n -= taken * phase;
                levels.resize(levels.len() + taken, level);
            }
            levels
        });
        phases.push(Phase { steps: phase, rows: levels.collect() });
        steps -= phase;
    }
    phases
}

/// How many cells of a row hold each level for a phase: near to the row's own quantiles, so that what is left looks alike.
fn take(left: &[usize], cells: usize, steps: usize, phase: usize) -> Vec<usize> {
    let weights: usize = left.iter().sum();
    let idle = cells * steps - weights;
    // As many cells as have to be active, and no more than the same share of the weights that are left.
    let fewest = cells - (idle / phase).min(cells);
    let active = weights.div_ceil(steps).clamp(fewest, cells).min(left.iter().map(|n| n / phase).sum());
    let (mut taken, mut cumulated, mut sum) = (Vec::with_capacity(left.len()), 0, 0);
    for &n in left {
        cumulated += n;
        let wanted = (2 * cumulated * active + weights) / (2 * weights.max(1));
        let here = wanted.saturating_sub(sum).min(n / phase);
        taken.push(here);
        sum += here;
    }
    // What the limits have pushed out, to where most is missing.
    while sum < active {
        let missing = |level: usize| (left[level] * active) as i64 - (taken[level] * weights) as i64;
        let open = (0..left.len()).filter(|&level| taken[level] < left[level] / phase);
        let Some(level) = open.max_by_key(|&level| missing(level)) else { break };
        taken[level] += 1;
        sum += 1;
    }
    taken
}

/// A stage with every cell's runs.
struct Laid {
    time: u64,
    runs: Vec<Vec<LevelRun>>,
    held: Vec<i16>,
}

/// Gives the levels of each phase to cells, in order of what they hold: on a line that makes the longest way, and the sum of all, the shortest.
fn lay(phases: &[Phase], clock: Clock, held: &[i16], cells: usize) -> Laid {
    let mut laid = Laid { time: 0, runs: vec![Vec::new(); held.len()], held: held.to_vec() };
    let (mut first, mut order) = (0, Vec::new());
    for phase in phases {
        let mut slowest = Slowest::default();
        for (core_row, levels) in phase.rows.iter().enumerate() {
            let held = &mut laid.held[core_row * cells..][..cells];
            order.clear();
            order.extend(0..cells);
            order.sort_by_key(|&cell| (held[cell], cell));
            for (cell, level) in matched(&order, held, levels) {
                slowest = slowest.with(clock.slowest(held[cell], level));
                held[cell] = level;
                let runs: &mut Vec<LevelRun> = &mut laid.runs[core_row * cells + cell];
                match runs.last_mut() {
                    Some(run) if run.level == level && (run.first + run.count) as usize == first => {
                        run.count += phase.steps as u32;
                    }
                    _ => runs.push(LevelRun { level, first: first as u32, count: phase.steps as u32 }),
                }
            }
        }
        laid.time += clock.time(slowest);
        first += phase.steps;
    }
    laid
}

/// Cells and levels, both ascending, some cells left out: with the least sum of squared ways.
fn matched(order: &[usize], held: &[i16], levels: &[i16]) -> Vec<(usize, i16)> {
    let idle = order.len() - levels.len();
    if idle == 0 {
        return order.iter().copied().zip(levels.iter().copied()).collect();
    }
    // best[i][k]: the first i levels, with k cells left out among those before.
    let width = idle + 1;
    let mut best = vec![0u32; (levels.len() + 1) * width];
    for (i, &level) in levels.iter().enumerate() {
        for k in 0..width {
            let way = u32::from(held[order[i + k]].abs_diff(level));
            let with = best[i * width + k] + way * way;
            let at = (i + 1) * width + k;
            best[at] = if k > 0 { with.min(best[at - 1]) } else { with };
        }
    }
    let (mut out, mut k) = (Vec::with_capacity(levels.len()), idle);
    for (i, &level) in levels.iter().enumerate().rev() {
        while k > 0 && best[(i + 1) * width + k - 1] == best[(i + 1) * width + k] {
            k -= 1;
        }
        out.push((order[i + k], level));
    }
    out.reverse();
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use firmware_model::pcm::Price;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cells_left_out_are_chosen_best(
            mut held in prop::collection::vec(-5i16..=5, 1..8),
            mut levels in prop::collection::vec(-5i16..=5, 0..8),
        ) {
            held.sort_unstable();
            levels.sort_unstable();
            levels.truncate(held.len());
            let order: Vec<usize> = (0..held.len()).collect();
            let found = matched(&order, &held, &levels);
            prop_assert_eq!(found.iter().map(|(_, level)| *level).collect::<Vec<_>>(), levels.clone());
            prop_assert!(found.windows(2).all(|w| w[0].0 < w[1].0));
            let square = |cell: usize, level: i16| u32::from(held[cell].abs_diff(level)).pow(2);
            let cost: u32 = found.iter().map(|&(cell, level)| square(cell, level)).sum();
            let mut least = u32::MAX;
            for chosen in 0u32..1 << held.len() {
                if chosen.count_ones() as usize == levels.len() {
                    let cells = (0..held.len()).filter(|cell| chosen >> cell & 1 == 1);
                    least = least.min(cells.zip(&levels).map(|(cell, &level)| square(cell, level)).sum());
                }
            }
            prop_assert_eq!(cost, least);
        }

        #[test]
        fn every_weight_has_its_steps(
            rows in prop::collection::vec(prop::collection::vec(-3i16..=3, 17), 1..7),
            core_rows in 1usize..4,
            cells in 1usize..20,
            relaxed in prop::option::of(0usize..4),
        ) {
            let mut layer = Profiles::of(&rows.concat(), rows.len(), 17, 3);
            if let Some(extra) = relaxed {
                layer.relax(17usize.div_ceil(cells) + extra);
            }
            let layers = [layer];
            let boundary = crate::order::chain::boundary::CoreBoundary::Cyclic;
            let arrangement = crate::order::families::sorted_rows::quantile::arrange(&layers, core_rows, cells, &boundary, crate::order::Effort::Good, 1, &crate::observer::StopToken::new(&crate::observer::Unobserved));
            let price = |time_us| Price { energy_pj: 1.0, time_us };
            let clock = Clock::of(WriteCost::PerLevel { up: price(1.0), down: price(4.0) });
            let level_runs = arrange(&layers, &arrangement.timeline, clock, None, &crate::observer::StopToken::new(&crate::observer::Unobserved)).unwrap();
            for stage in 0..level_runs.stages() {
                for core_row in 0..core_rows {
                    let mut served = Vec::new();
                    for cell in 0..cells {
                        let mut free = 0;
                        for run in level_runs.runs(stage, core_row, cell) {
                            prop_assert!(run.first >= free && run.count > 0);
                            free = run.first + run.count;
                            served.resize(served.len() + run.count as usize, run.level);
                        }
                        prop_assert!(free as usize <= level_runs.steps(stage));
                    }
                    let row = level_runs.row(stage, core_row);
                    let mut wanted = if row == EMPTY { Vec::new() } else { rows[row as usize].clone() };
                    wanted.retain(|level| relaxed.is_none() || *level != 0);
                    wanted.sort_unstable();
                    served.sort_unstable();
                    prop_assert_eq!(served, wanted);
                }
            }
        }
    }
}
