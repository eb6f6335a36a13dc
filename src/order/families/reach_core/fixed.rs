//! One pattern for ever: nothing is written after the first load.
//!
//! Steps are given to the layers, and visits and cells are annealed together until every weight has a cell; then a few steps are taken
//! away, and so on while the work lasts. Of layers with very many slots some outputs stand for all until the cells are chosen.

use rayon::prelude::*;

use super::allot::{Load, allot};
use super::cells::Cells;
use super::cover::Cover;
use super::demand::Demand;
use super::draw::{Draw, Odds};
use super::joint::{FULL_PACE, Joint};
use super::plan::FixedPlan;
use super::{Problem, Watch, Work};

/// Odds of a change that leaves one weight more without a cell, of 2^32: where annealing begins, and where it ends.
const HOT: u32 = 3_000_000_000;
const WARM: u32 = 1_400_000_000;
const COLD: u32 = 30_000_000;

/// Rounds of an annealing, each a little colder.
const ROUNDS: usize = 40;
/// Work for each slot while cells are searched for: with more slots, some outputs stand for all.
const WORK_A_SLOT: u64 = 1_500;
/// Outputs of a layer that stand for all of them, at least.
const SAMPLE: usize = 24;
/// Part of the steps that a try takes away: one in so many.
const BITE: u64 = 100;
/// Tries without success after which less is taken away, and after as many with one step, none.
const PATIENCE: u32 = 4;

/// Searches for the plan with the fewest steps; `None` where the core has fewer cells than there are levels, or after an interruption.
#[must_use]
pub fn solve(problem: &Problem, seed: u64, work: Work, watch: &Watch<'_>) -> Option<FixedPlan> {
    let (rows, columns) = (problem.core_rows, problem.columns);
    let loads: Vec<Load> = problem.layers.iter().map(|l| Load::of(l, &problem.levels, rows, columns)).collect();
    let share = allot(&loads, problem.levels.len(), rows * columns)?;
    let cells = Cells::new(rows, columns, problem.levels.blocks(), &side_by_side(&share), 1);
    let sample = Sample::of(problem, &loads, work.joint / WORK_A_SLOT);
    let mut search = Search { seed, stream: 0, left: work.joint, watch };
    let chosen = search.cells(&sample.layers, &sample.steps(&cells, &loads), cells)?;
    // The visits of all outputs, layer by layer.
    let all_outputs = |(i, layer): (usize, &Demand)| {
        let found = &chosen.covers[i];
        let cover = if sample.whole[i] {
            found.clone()
        } else {
            let steps = u64::from(found.steps()) * layer.outputs() as u64 / found.outputs().max(1) as u64;
            Cover::new(layer, &chosen.cells, 0, &[(steps as u32).max(1)])
        };
        trim(cover, &chosen.cells, seed, i as u64, work.trim, watch)
    };
    let covers = problem.layers.par_iter().enumerate().map(all_outputs).collect::<Option<Vec<_>>>()?;
    Some(FixedPlan { cells: chosen.cells, covers })
}

/// Levels of the cells of a core, so many at each: neighbouring levels share core rows.
///
/// A core row with few levels, and levels that grow and shrink together from output to output, is the one that serves outputs of all kinds with
/// the least idle cells. (Dealt round, with as many different levels in every core row as there is room for, it takes 5 % more steps on
/// cores of 9x9.)
fn side_by_side(share: &[u32]) -> Vec<u16> {
    share.iter().enumerate().flat_map(|(level, &n)| std::iter::repeat_n(level as u16, n as usize)).collect()
}

/// Outputs that stand for all.
struct Sample {
    layers: Vec<Demand>,
    /// Whether a layer is there with all its outputs.
    whole: Vec<bool>,
    outputs: Vec<usize>,
}

impl Sample {
    fn of(problem: &Problem, loads: &[Load], most: u64) -> Self {
        let rows = problem.core_rows as u64;
        let slots: u64 = loads.iter().map(|load| load.least * rows).sum();
        let mut sample = Self { layers: Vec::new(), whole: Vec::new(), outputs: Vec::new() };
        for layer in &problem.layers {
            let outputs = layer.outputs();
            let wanted = if slots <= most { outputs } else { (outputs as u64 * most / slots) as usize };
            let some = wanted.max(SAMPLE).min(outputs);
            sample.layers.push(if some == outputs { layer.clone() } else { layer.sample(some) });
            sample.whole.push(some == outputs);
            sample.outputs.push(outputs);
        }
        sample
    }

    /// Steps to begin with.
    fn steps(&self, cells: &Cells, loads: &[Load]) -> Vec<u32> {
        let levels = loads.first().map_or(0, |load| load.weights.len());
        let share: Vec<u32> = (0..levels).map(|level| cells.cells_at(0, level)).collect();
        let of = |((layer, load), outputs): ((&Demand, &Load), &usize)| {
            (load.steps(&share) * layer.outputs() as f64 / *outputs as f64).ceil().max(1.0) as u32
        };
        self.layers.iter().zip(loads).zip(&self.outputs).map(of).collect()
    }
}

struct Search<'a> {
    seed: u64,
    stream: u64,
    left: u64,
    watch: &'a Watch<'a>,
}

impl Search<'_> {
    fn draw(&mut self) -> Draw {
        self.stream += 1;
        Draw::new(self.seed, self.stream << 32)
    }

    /// Chooses the cells, with visits of these layers.
    fn cells(&mut self, layers: &[Demand], steps: &[u32], cells: Cells) -> Option<FixedPlan> {
        let work = self.left;
        let covers = layers.iter().zip(steps).map(|(layer, &steps)| Cover::new(layer, &cells, 0, &[steps])).collect();
        let mut best = self.attempt(FixedPlan { cells, covers }, HOT, work / 3)?;
        let (mut bite, mut failed) = ((best.steps() / BITE).max(1), 0);
        while self.left > 0 {
            let mut next = best.clone();
            let mut draw = self.draw();
            take_away(&mut next, bite, &mut draw);
            let next = self.attempt(next, WARM, work / 12)?;
            if next.steps() < best.steps() {
                (best, failed) = (next, 0);
                continue;
            }
            failed += 1;
            if failed == PATIENCE && bite > 1 {
                (bite, failed) = (bite / 2, 0);
            }
        }
        Some(best)
    }

    /// Anneals visits and cells together, then adds the steps that are missing.
    fn attempt(&mut self, plan: FixedPlan, from: u32, work: u64) -> Option<FixedPlan> {
        let streams = (0..plan.covers.len()).map(|_| self.draw()).collect();
        let mut joint = Joint::new(plan, streams, self.draw());
        let pace = (work * FULL_PACE / (ROUNDS as u64 * joint.full_round()).max(1))
            .clamp(1, if from == HOT { FULL_PACE } else { FULL_PACE / 4 });
        for round in 0..ROUNDS {
            // Odds fall by equal factors of their logarithm's size: the temperature is geometric.
            let odds = Odds::new(cooled(from, COLD, round, ROUNDS));
            let used = joint.round(&odds, pace);
            self.left = self.left.saturating_sub(used);
            if !(self.watch)(used) {
                return None;
            }
            if joint.total() == 0 {
                break;
            }
        }
        let (plan, draws) = joint.end();
        let cells = &plan.cells;
        let covers: Vec<(Cover, u64)> =
            plan.covers.into_par_iter().zip(draws).map(|(cover, mut draw)| complete(cover, cells, &mut draw)).collect();
        self.left = self.left.saturating_sub(covers.iter().map(|(_, used)| used).sum());
        Some(FixedPlan { covers: covers.into_iter().map(|(cover, _)| cover).collect(), cells: plan.cells })
    }
}

/// Odds between two, by equal ratios of their logarithms as far as squaring and square roots of whole numbers go: `from` at first, `to` at last.
fn cooled(from: u32, to: u32, round: usize, rounds: usize) -> u32 {
    let (from, to) = (u64::from(from), u64::from(to));
    let (at, of) = (round as u64, rounds.max(2) as u64 - 1);
    // Slower where it is cold: the square of what is left.
    let left = of - at.min(of);
    (to + (from - to) * left * left / (of * of)) as u32
}

/// Takes steps away from random layers, longer ones more often; none is left without.
fn take_away(plan: &mut FixedPlan, steps: u64, draw: &mut Draw) {
    for _ in 0..steps {
        let all = plan.steps() as usize;
        let mut at = draw.below(all) as u32;
        for cover in &mut plan.covers {
            if at < cover.steps() {
                if cover.steps() > 1 {
                    cover.drop_step(&plan.cells, 0);
                }
                break;
            }
            at -= cover.steps();
        }
    }
}

/// Adds steps to a layer until nothing is missing; returns how many moves that took.
fn complete(mut cover: Cover, cells: &Cells, draw: &mut Draw) -> (Cover, u64) {
    let area = (cells.core_rows() * cells.columns()) as i64;
    let mut used = 0;
    while cover.total() > 0 {
        used += settle(&mut cover, cells, draw, 1);
        if cover.total() > 0 {
            for _ in 0..(cover.total() * 2 / (5 * area)).max(1) {
                cover.add_step(cells, 0);
            }
        }
    }
    (cover, used)
}

/// Moves the visits of a layer about while something is missing, from lukewarm to cold.
fn settle(cover: &mut Cover, cells: &Cells, draw: &mut Draw, pace: u64) -> u64 {
    let mut used = 0;
    for one in [1_000_000_000, 300_000_000, COLD] {
        let moves = ((cover.total() as u64 * 300 + 3_000) * pace).min(cover.slots() as u64 * 60 * pace + 100);
        let odds = Odds::new(one);
        crate::simd::simd(
            #[inline(always)]
            || cover.improve(cells, draw, moves, &odds),
        );
        used += moves;
    }
    used
}

/// Completes a layer, and takes away steps while that succeeds.
fn trim(cover: Cover, cells: &Cells, seed: u64, layer: u64, work: u64, watch: &Watch<'_>) -> Option<Cover> {
    let mut draw = Draw::new(seed, layer + 1);
    let (mut best, mut used) = complete(cover, cells, &mut draw);
    let mut bite = (best.steps() / 200).max(1);
    let mut failed = 0;
    while used < work && best.steps() > 1 {
        let mut next = best.clone();
        for _ in 0..bite.min(best.steps() - 1) {
            next.drop_step(cells, 0);
        }
        let mut moves = 0;
        for _ in 0..4 {
            moves += settle(&mut next, cells, &mut draw, 2);
            if next.total() == 0 {
                break;
            }
        }
        used += moves;
        if !watch(moves) {
            return None;
        }
        if next.total() == 0 {
            best = next;
            continue;
        }
        if bite > 1 {
            bite /= 2;
            continue;
        }
        failed += 1;
        if failed == PATIENCE {
            break;
        }
    }
    Some(best)
}
