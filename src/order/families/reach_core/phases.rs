//! Fewer steps than a plan without writes needs, for few writes: each layer has several phases, each with its own pattern.
//!
//! The cost of a state is its writes and so much for each weight without a cell; the price of a missing weight rises while the state cools, until
//! nothing is missing. A move gives a cell another level over a run of phases, as that is what the writes depend on: where its levels change.

use rayon::prelude::*;

use super::allot::Load;
use super::cells::Cells;
use super::cover::Cover;
use super::draw::{Draw, Odds};
use super::plan::{FixedPlan, PhasedPlan};
use super::{Problem, Watch};

/// Most phases of a layer.
const PHASES: u32 = 8;
/// Steps of a phase, at least.
const PHASE_STEPS: u32 = 3;
/// Rounds in which the state cools.
const ROUNDS: usize = 120;
/// Rounds after that, in which a missing weight is dearer and dearer.
const LAST_ROUNDS: usize = 60;
/// Costs are counted in parts of a level step.
const STEP: i32 = 16;

/// Searches for few writes in so many steps; `None` where weights stay without a cell, or after an interruption.
#[must_use]
pub fn few_writes(
    problem: &Problem,
    fixed: &FixedPlan,
    budget: u64,
    seed: u64,
    work: u64,
    watch: &Watch<'_>,
) -> Option<PhasedPlan> {
    let steps = share(problem, fixed, budget)?;
    let mut state = State::new(problem, fixed, &steps, seed);
    let per_round = work / (ROUNDS + LAST_ROUNDS) as u64;
    // The temperature in parts of a level step; the price of a missing weight in level steps times 16.
    for round in 0..ROUNDS + LAST_ROUNDS {
        let (temperature, price) = if round < ROUNDS {
            let at = round as i32 * 100 / ROUNDS as i32;
            (48 - at * 38 / 100, STEP * (2 + at / 8))
        } else {
            let at = (round - ROUNDS) as i32 * 100 / LAST_ROUNDS as i32;
            (10 - at * 6 / 100, STEP * (16 + at))
        };
        let used = state.round(temperature, price, per_round);
        if !watch(used) {
            return None;
        }
        if round >= ROUNDS + LAST_ROUNDS / 2 && state.total() == 0 && round % 8 == 0 {
            break;
        }
    }
    state.end()
}

/// Steps of each layer: between what it needs in any case and what it takes without writes, in the same proportion everywhere.
fn share(problem: &Problem, fixed: &FixedPlan, budget: u64) -> Option<Vec<u32>> {
    let (rows, columns) = (problem.core_rows, problem.columns);
    let loads = problem.layers.iter().map(|layer| Load::of(layer, &problem.levels, rows, columns));
    let ends: Vec<(u64, u64)> =
        loads.zip(&fixed.covers).map(|(load, cover)| (load.least, u64::from(cover.steps()).max(load.least))).collect();
    let at = |part: u64| -> Vec<u32> {
        ends.iter().map(|&(least, most)| (least + ((most - least) * part).div_ceil(1000)) as u32).collect()
    };
    let total = |steps: &[u32]| steps.iter().map(|&steps| u64::from(steps)).sum::<u64>();
    (0..=1000).rev().map(at).find(|steps| total(steps) <= budget)
}

struct State {
    cells: Cells,
    covers: Vec<Cover>,
    draws: Vec<Draw>,
    draw: Draw,
    /// Layer and phase of each pattern.
    of_pattern: Vec<(u32, u32)>,
    /// Signed level of each index.
    signed: Vec<i32>,
    touched: Vec<(u32, i32)>,
    before: Vec<usize>,
}

impl State {
    fn new(problem: &Problem, fixed: &FixedPlan, steps: &[u32], seed: u64) -> Self {
        let phases = |steps: u32| (steps / PHASE_STEPS).clamp(1, PHASES);
        let mut of_pattern = Vec::new();
        for (layer, &steps) in steps.iter().enumerate() {
            of_pattern.extend((0..phases(steps)).map(|phase| (layer as u32, phase)));
        }
        let cells = Cells::new(
            problem.core_rows,
            problem.columns,
            problem.levels.blocks(),
            fixed.cells.pattern(0),
            of_pattern.len(),
        );
        let mut first = 0;
        let mut covers = Vec::new();
        for (layer, &steps) in problem.layers.iter().zip(steps) {
            let n = phases(steps);
            let split: Vec<u32> = (0..n).map(|phase| steps * (phase + 1) / n - steps * phase / n).collect();
            covers.push(Cover::new(layer, &cells, first, &split));
            first += n as usize;
        }
        Self {
            draws: (0..covers.len()).map(|layer| Draw::new(seed, (3 << 40) + layer as u64)).collect(),
            draw: Draw::new(seed, 5 << 40),
            cells,
            covers,
            of_pattern,
            signed: (0..problem.levels.len()).map(|index| i32::from(problem.levels.signed(index))).collect(),
            touched: Vec::new(),
            before: Vec::new(),
        }
    }

    fn total(&self) -> i64 {
        self.covers.iter().map(Cover::total).sum()
    }

    fn writes(&self) -> u64 {
        let patterns = self.cells.patterns();
        let between = |pattern: usize| -> u64 {
            let (a, b) = (self.cells.pattern(pattern), self.cells.pattern((pattern + 1) % patterns));
            let step =
                |(&a, &b): (&u16, &u16)| u64::from(self.signed[usize::from(a)].abs_diff(self.signed[usize::from(b)]));
            a.iter().zip(b).map(step).sum()
        };
        (0..patterns).map(between).sum()
    }

    /// Visits, then cells.
    fn round(&mut self, temperature: i32, price: i32, work: u64) -> u64 {
        // Odds of a cost of a 16th of the temperature.
        let odds = Odds::per(4_034_000_000, (temperature / 16).max(1));
        let visit_odds = Odds::scaled(&odds, price);
        let slots: u64 = self.covers.iter().map(|cover| cover.slots() as u64).sum();
        let visits = work / 2;
        let cells = &self.cells;
        self.covers.par_iter_mut().zip(&mut self.draws).for_each(|(cover, draw)| {
            let moves = (visits * cover.slots() as u64 / slots.max(1)).max(20);
            crate::simd::simd(
                #[inline(always)]
                || cover.improve(cells, draw, moves, &visit_odds),
            );
        });
        let mut left = work - visits;
        crate::simd::simd(
            #[inline(always)]
            || {
                while left > 0 {
                    left = left.saturating_sub(self.change(price, &odds));
                }
            },
        );
        work
    }

    /// Tries to give a cell another level over a run of phases; returns the work done.
    #[inline(always)]
    fn change(&mut self, price: i32, odds: &Odds) -> u64 {
        let (rows, columns, patterns) = (self.cells.core_rows(), self.cells.columns(), self.cells.patterns());
        let levels = self.signed.len();
        let column = self.draw.below(columns);
        let (mut row, mut first) = (self.draw.below(rows), self.draw.below(patterns));
        let mut wanted = None;
        if self.draw.below(3) == 0 {
            let layer = self.draw.below(self.covers.len());
            if let Some((level, kind)) = self.covers[layer].wanted(&mut self.draw) {
                (row, first) = (kind % rows, self.covers[layer].first_pattern() + kind / rows);
                wanted = Some(level);
            }
        }
        let now = |pattern: usize| self.cells.level(pattern % patterns, row, column);
        let len = match self.draw.below(8) {
            0..3 => 1,
            3 => 2,
            4 => 4,
            5 => 1 + self.draw.below(patterns),
            // As long as the cell keeps its level.
            _ => {
                let level = now(first);
                let mut len = 1;
                while len < patterns && now(first + len) == level {
                    len += 1;
                }
                while len < patterns && now(first + patterns - 1) == level {
                    first = (first + patterns - 1) % patterns;
                    len += 1;
                }
                len
            }
        }
        .min(patterns);
        let (before, after) = ((first + patterns - 1) % patterns, (first + len) % patterns);
        let to = match (wanted, self.draw.below(4)) {
            (Some(level), _) => Some(level),
            (None, 0) => Some(self.draw.below(levels)),
            (None, 1) => Some(now(before)),
            (None, 2) => Some(now(after)),
            (None, _) => None,
        };
        let up = self.draw.below(2) == 1;
        let next = |level: usize| match to {
            Some(to) => to,
            None if up => level + 1,
            None => level.wrapping_sub(1),
        };
        let mut olds = std::mem::take(&mut self.before);
        olds.clear();
        olds.extend((0..len).map(|i| now(first + i)));
        let cost = self.writes_change(&olds, &next, (now(before), now(after)), len < patterns);
        let mut work = 1;
        if let Some(writes) = cost
            && (writes <= 0 || self.total() > 0 || odds.possible(writes * STEP))
        {
            let total = self.total();
            for (i, &old) in olds.iter().enumerate() {
                work += self.set((first + i) % patterns, row, column, old, next(old));
            }
            let missing = (self.total() - total) as i32;
            let cost = missing.saturating_mul(price).saturating_add(writes * STEP);
            if !odds.accept(cost, &mut self.draw) {
                for (i, &old) in olds.iter().enumerate().rev() {
                    work += self.set((first + i) % patterns, row, column, next(old), old);
                }
            }
        }
        self.before = olds;
        work
    }

    /// What other levels add to the writes; `None` where there are no such levels, or nothing changes.
    #[inline(always)]
    fn writes_change(
        &self,
        olds: &[usize],
        next: &impl Fn(usize) -> usize,
        (before, after): (usize, usize),
        open: bool,
    ) -> Option<i32> {
        let signed = |level: usize| self.signed[level];
        let (mut change, mut any) = (0, false);
        let (mut old_at, mut new_at) = (signed(before), signed(before));
        if !open {
            let last = *olds.last()?;
            let to = next(last);
            if to >= self.signed.len() {
                return None;
            }
            (old_at, new_at) = (signed(last), signed(to));
        }
        for &old in olds {
            let new = next(old);
            if new >= self.signed.len() {
                return None;
            }
            any |= new != old;
            change += (signed(new) - new_at).abs() - (signed(old) - old_at).abs();
            (old_at, new_at) = (signed(old), signed(new));
        }
        if open {
            change += (signed(after) - new_at).abs() - (signed(after) - old_at).abs();
        }
        any.then_some(change)
    }

    #[inline(always)]
    fn set(&mut self, pattern: usize, row: usize, column: usize, from: usize, to: usize) -> u64 {
        if from == to {
            return 0;
        }
        let (layer, phase) = self.of_pattern[pattern];
        let cover = &mut self.covers[layer as usize];
        cover.changed(phase as usize, row, from, to, &mut self.touched);
        self.cells.set(pattern, row, column, to);
        1 + self.touched.len() as u64 / 8 + cover.outputs() as u64 / 32
    }

    fn end(mut self) -> Option<PhasedPlan> {
        if self.total() > 0 {
            return None;
        }
        self.cells.sort_rows();
        let writes = self.writes();
        Some(PhasedPlan { cells: self.cells, covers: self.covers, writes })
    }
}
