//! What a table of levels costs, in whole numbers, for every objective.

use firmware_model::pcm::{Counts, Move, Slowest, WriteCost};

use crate::geometry::IDLE;
use crate::order::cost::objective::{Objective, Payment};
use crate::order::families::family::Problem;

/// Parts of the dearest price: enough that rounding decides nothing on a tiny plan.
const PARTS: f64 = (1u64 << 20) as f64;

/// What a move of a weight cell costs, by the level that it leaves and the one that it goes to.
pub enum Law {
    /// A price.
    Sum { price: Vec<u64> },
    /// The wear of each cell of the pair; the worst of all counts.
    Worst { wear: Vec<[u64; 2]> },
    /// The slowest change of each step.
    Time { slowest: Vec<Slowest>, cost: WriteCost },
}

/// What is made small first, and then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Score(pub u64, pub u64);

/// What one core row adds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Of all cells together.
    sum: u64,
    /// Of the worst cell.
    worst: u64,
    /// Of each step.
    slowest: Vec<Slowest>,
}

impl Law {
    /// What the problem's objective comes to on its device.
    pub fn of(problem: &Problem) -> Self {
        let top = problem.wiring.top;
        let moves = || (-top..=top).flat_map(move |from| (-top..=top).map(move |to| Move::between(from, to)));
        let cost = problem.cost;
        match problem.payment() {
            Payment::Time => Self::Time { slowest: moves().map(|m| cost.slowest(m)).collect(), cost },
            Payment::WorstCell(_) => {
                let wear = |m: Move| {
                    [0, 1].map(|i| {
                        let writes = u64::from(m.up[i] + m.down[i]);
                        cost.wear(writes, m.changes(i).into(), m.resets(i).into())
                    })
                };
                Self::Worst { wear: moves().map(wear).collect() }
            }
            _ if problem.objective == Objective::Writes => {
                Self::Sum { price: moves().map(|m| m.writes().into()).collect() }
            }
            _ => {
                let energy = |m: Move| {
                    let mut counts = Counts::default();
                    counts.add(m);
                    cost.energy_pj(&counts)
                };
                let energies: Vec<f64> = moves().map(energy).collect();
                let most = energies.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
                Self::Sum { price: energies.iter().map(|energy| (energy * PARTS / most) as u64).collect() }
            }
        }
    }

    /// What the dearest move costs, in the units of [`Law::worth`].
    pub fn dearest(&self, cells: usize) -> u64 {
        match self {
            Self::Sum { price } => price.iter().copied().max().unwrap_or(0),
            Self::Worst { wear } => wear.iter().flatten().copied().max().unwrap_or(0) * 2 * cells as u64,
            Self::Time { .. } => PARTS as u64,
        }
    }

    /// A score as one number, for a search that may go uphill.
    pub fn worth(&self, score: Score, cells: usize) -> u64 {
        match self {
            Self::Sum { .. } => score.0,
            Self::Worst { .. } => score.0 * 2 * cells as u64 + score.1,
            Self::Time { slowest, cost } => {
                let most = slowest.iter().map(|s| cost.time_us(*s)).fold(f64::MIN_POSITIVE, f64::max);
                (score.0 as f64 / TIME * PARTS / most) as u64 + score.1 * 64
            }
        }
    }

    /// A core row's levels, step by step, repeated inference after inference. `held` is scratch.
    pub fn part(&self, levels: &[i16], cells: usize, top: i16, held: &mut Vec<i16>, part: &mut Part) {
        held.clear();
        held.resize(cells, IDLE);
        let mut missing = cells;
        for step in levels.chunks_exact(cells).rev() {
            for (held, &level) in held.iter_mut().zip(step) {
                if *held == IDLE && level != IDLE {
                    *held = level;
                    missing -= 1;
                }
            }
            if missing == 0 {
                break;
            }
        }
        (part.sum, part.worst) = (0, 0);
        part.slowest.clear();
        let width = 2 * top as usize + 1;
        let index = |from: i16, to: i16| (from + top) as usize * width + (to + top) as usize;
        match self {
            Self::Sum { price } => {
                for step in levels.chunks_exact(cells) {
                    for (held, &level) in held.iter_mut().zip(step) {
                        if level != IDLE && level != *held {
                            part.sum += price[index(*held, level)];
                            *held = level;
                        }
                    }
                }
            }
            Self::Worst { wear } => {
                for (cell, held) in held.iter_mut().enumerate() {
                    let mut worn = [0; 2];
                    for &level in levels[cell..].iter().step_by(cells) {
                        if level != IDLE && level != *held {
                            let wear = wear[index(*held, level)];
                            worn = [worn[0] + wear[0], worn[1] + wear[1]];
                            *held = level;
                        }
                    }
                    part.sum += worn[0] + worn[1];
                    part.worst = part.worst.max(worn[0]).max(worn[1]);
                }
            }
            Self::Time { slowest, .. } => {
                for step in levels.chunks_exact(cells) {
                    let mut here = Slowest::default();
                    for (held, &level) in held.iter_mut().zip(step) {
                        if level != IDLE && level != *held {
                            here = here.with(slowest[index(*held, level)]);
                            part.sum += 1;
                            *held = level;
                        }
                    }
                    part.slowest.push(here);
                }
            }
        }
    }

    /// Of all core rows.
    pub fn score(&self, parts: &[Part]) -> Score {
        let sum = parts.iter().map(|part| part.sum).sum();
        match self {
            Self::Sum { .. } => Score(sum, 0),
            Self::Worst { .. } => Score(parts.iter().map(|part| part.worst).max().unwrap_or(0), sum),
            Self::Time { cost, .. } => {
                let steps = parts.first().map_or(0, |part| part.slowest.len());
                let of_step = |step: usize| {
                    let slowest = parts.iter().fold(Slowest::default(), |all, part| all.with(part.slowest[step]));
                    (cost.time_us(slowest) * TIME) as u64
                };
                Score((0..steps).map(of_step).sum(), sum)
            }
        }
    }
}

/// Parts of a microsecond.
const TIME: f64 = 1e6;
