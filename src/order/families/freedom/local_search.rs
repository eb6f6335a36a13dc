//! Tiny networks: simulated annealing over all plans that the reach allows, from the best that is known.
//!
//! Families give each cell an interval of a sorted row. Where a row has a few weights only, other sharings may be better. A move trades two places of a
//! row, two cells, or the rows of two slots; it is scored exactly. Budgets are numbers of moves, and acceptance is integer arithmetic, so the same plan
//! comes out everywhere.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::law::{Law, Part};
use super::table::Table;
use crate::geometry::{EMPTY, IDLE, Reach};
use crate::level::LevelMatrix;
use crate::order::families::family::Problem;
use crate::order::families::level_runs::RunSlots;
use crate::order::slots::Slots;
use crate::order::{Effort, Objective, Rows};

/// Most levels of a plan (core rows x cells x steps) that is searched.
const MOST_ENTRIES: usize = 1 << 11;

/// Levels scored in all.
const fn work(effort: Effort) -> usize {
    match effort {
        Effort::Quick | Effort::Fast => 0,
        Effort::Good => 1 << 21,
        Effort::Best => 1 << 25,
    }
}

/// A better plan than these slots, if one is found. `bound`: a figure that none can be below.
pub fn improve(slots: &dyn Slots, layers: &[LevelMatrix], problem: &Problem, bound: f64) -> Option<Box<dyn Slots>> {
    if work(problem.effort) == 0 || (problem.objective == Objective::Latency && problem.wiring.cores > 1) {
        return None;
    }
    let mut table = Table::of(slots, layers, problem.wiring, MOST_ENTRIES)?;
    if problem.extra_steps.is_some() {
        // What is multiplied by zero needs no place where there are steps to spare.
        table.levels.iter_mut().filter(|level| **level == 0).for_each(|level| *level = IDLE);
    }
    let floor = if problem.objective == Objective::Writes { bound as u64 } else { 0 };
    let found = Search::new(table, problem).run(floor)?;
    let (runs, stages) = found.into_runs();
    Some(Box::new(RunSlots::of_stages(runs, stages, problem)))
}

struct Search<'a> {
    problem: &'a Problem,
    law: Law,
    table: Table,
    parts: Vec<Part>,
    rng: ChaCha8Rng,
    held: Vec<i16>,
    /// What a move has overwritten: where, and with what.
    levels: Vec<(usize, Vec<i16>)>,
    old_parts: Vec<(usize, Part)>,
    old_rows: Vec<(usize, u32)>,
}

impl<'a> Search<'a> {
    fn new(table: Table, problem: &'a Problem) -> Self {
        let parts = vec![Part::default(); table.core_rows];
        let mut search = Self {
            problem,
            law: Law::of(problem),
            table,
            parts,
            rng: ChaCha8Rng::seed_from_u64(problem.seed),
            held: Vec::new(),
            levels: Vec::new(),
            old_parts: Vec::new(),
            old_rows: Vec::new(),
        };
        (0..search.table.core_rows).for_each(|core_row| search.count(core_row));
        search
    }

    /// The best table found, if it is better than the first.
    fn run(mut self, floor: u64) -> Option<Table> {
        let first = self.law.score(&self.parts);
        let (mut at, mut best) = (first, (first, self.table.clone()));
        let (cells, row) = (self.table.core_rows * self.table.cells, self.table.steps * self.table.cells);
        if row == 0 {
            return None;
        }
        let moves = work(self.problem.effort) / row;
        let heat = self.law.dearest(cells) / 8 + 1;
        const ROUNDS: usize = 4;
        for round in 0..ROUNDS {
            self.restore(&best.1);
            at = if round == 0 { at } else { best.0 };
            for number in 0..moves / ROUNDS {
                if best.0.0 <= floor {
                    break;
                }
                if !self.change() {
                    self.forget();
                    continue;
                }
                let score = self.law.score(&self.parts);
                // A random bit is worth less and less.
                let cold = (moves / ROUNDS - number) as u64;
                let bits = u64::from((self.rng.next_u32() | 1 << 31).trailing_zeros());
                let room = heat * bits * cold / (moves / ROUNDS) as u64;
                if self.law.worth(score, cells) <= self.law.worth(at, cells) + room {
                    at = score;
                    self.forget();
                    if score < best.0 {
                        best = (score, self.table.clone());
                    }
                } else {
                    self.undo();
                }
            }
        }
        (best.0 < first).then_some(best.1)
    }

    fn restore(&mut self, table: &Table) {
        self.table.clone_from(table);
        (0..self.table.core_rows).for_each(|core_row| self.count(core_row));
    }

    fn count(&mut self, core_row: usize) {
        let levels = &self.table.levels[self.table.core_row(core_row)];
        self.law.part(levels, self.table.cells, self.problem.wiring.top, &mut self.held, &mut self.parts[core_row]);
    }

    /// Tries a random move; says whether anything has changed.
    fn change(&mut self) -> bool {
        let (stages, core_rows) = (self.table.stages.len(), self.table.core_rows);
        let (stage, core_row) = (self.below(stages), self.below(core_rows));
        let moves_rows = self.problem.reach != Reach::Lane || self.problem.rows == Rows::Any;
        if self.below(8) == 0 && moves_rows {
            return self.trade_rows(stage, core_row);
        }
        if self.table.rows[core_row * stages + stage] == EMPTY {
            return false;
        }
        let slot = self.table.slot(core_row, stage);
        self.save(slot.clone());
        let changed = self.reorder(slot);
        if changed {
            self.recount(core_row);
        }
        changed
    }

    /// Changes a slot within itself.
    fn reorder(&mut self, slot: std::ops::Range<usize>) -> bool {
        let (cells, places) = (self.table.cells, slot.len());
        let steps = places / cells;
        let kind = self.below(8);
        let cell = self.below(cells);
        let leaves_lane = self.problem.reach != Reach::Lane;
        match kind {
            0 => {
                // The other way round.
                let levels = &mut self.table.levels[slot];
                (0..steps / 2).for_each(|step| levels.swap(step * cells + cell, (steps - 1 - step) * cells + cell));
                steps > 1
            }
            1 if leaves_lane && cells > 1 => {
                let other = self.below(cells);
                let levels = &mut self.table.levels[slot];
                (0..steps).for_each(|step| levels.swap(step * cells + cell, step * cells + other));
                cell != other
            }
            2 => {
                let rises = self.below(2) == 0;
                let levels = &mut self.table.levels[slot];
                let mut own: Vec<i16> = levels[cell..].iter().step_by(cells).copied().collect();
                own.sort_unstable_by_key(|level| if rises { i32::from(*level) } else { -i32::from(*level) });
                levels[cell..].iter_mut().step_by(cells).zip(own).for_each(|(level, own)| *level = own);
                true
            }
            _ => {
                let (a, b) = if leaves_lane {
                    (self.below(places), self.below(places))
                } else {
                    (self.below(steps) * cells + cell, self.below(steps) * cells + cell)
                };
                let levels = &mut self.table.levels[slot];
                let differ = levels[a] != levels[b];
                levels.swap(a, b);
                differ
            }
        }
    }

    /// Lets two slots of a layer trade what they do.
    fn trade_rows(&mut self, stage: usize, core_row: usize) -> bool {
        let (stages, core_rows) = (self.table.stages.len(), self.table.core_rows);
        let other = (self.below(stages), self.below(core_rows));
        let (a, b) = (self.table.stages[stage], self.table.stages[other.0]);
        let (own, others) = (core_row * stages + stage, other.1 * stages + other.0);
        if own == others || a.layer != b.layer || a.steps != b.steps {
            return false;
        }
        if self.table.rows[own] == EMPTY && self.table.rows[others] == EMPTY {
            return false;
        }
        let (slot, other_slot) = (self.table.slot(core_row, stage), self.table.slot(other.1, other.0));
        self.save(slot.clone());
        self.save(other_slot.clone());
        self.old_rows.extend([(own, self.table.rows[own]), (others, self.table.rows[others])]);
        self.table.rows.swap(own, others);
        slot.zip(other_slot).for_each(|(a, b)| self.table.levels.swap(a, b));
        self.recount(core_row);
        if other.1 != core_row {
            self.recount(other.1);
        }
        true
    }

    fn save(&mut self, slot: std::ops::Range<usize>) {
        self.levels.push((slot.start, self.table.levels[slot].to_vec()));
    }

    fn recount(&mut self, core_row: usize) {
        self.old_parts.push((core_row, self.parts[core_row].clone()));
        self.count(core_row);
    }

    fn forget(&mut self) {
        self.levels.clear();
        self.old_parts.clear();
        self.old_rows.clear();
    }

    fn undo(&mut self) {
        for (start, levels) in self.levels.drain(..) {
            self.table.levels[start..start + levels.len()].copy_from_slice(&levels);
        }
        self.old_parts.drain(..).for_each(|(core_row, part)| self.parts[core_row] = part);
        self.old_rows.drain(..).for_each(|(slot, row)| self.table.rows[slot] = row);
    }

    /// A number below `n` from 32 random bits.
    fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.rng.next_u32()) * n as u64) >> 32) as usize
    }
}
