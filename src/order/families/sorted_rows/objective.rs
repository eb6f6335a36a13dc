//! What reach `row` makes small besides writes: the order that an objective asks for, given an arrangement, and its bound, collected layer by layer.

use firmware_model::pcm::{Move, WriteCost};

use super::hold_level::hold_level;
use super::latency::{self, Clock};
use super::wear_levelling;
use crate::observer::StopToken;
use crate::order::bound::pulse::{PulseBound, forced_changes};
use crate::order::chain::boundary::CoreBoundary;
use crate::order::chain::directions::Arrangement;
use crate::order::cost::objective::Payment;
use crate::order::cost::pulse_cost::PulseCost;
use crate::order::families::family::Problem;
use crate::order::rows::profile::Profiles;
use crate::order::slots::level_runs::LevelRuns;
use crate::order::slots::reorder::reorder;

/// What is made small, and what no plan goes below, so far.
#[derive(Clone, Copy, Debug)]
pub enum RowObjective {
    /// Writes, or what is in proportion to them.
    Writes(Payment),
    /// Energy of a device that pays by the pulse; `parts` of the pulse_cost are a pJ.
    Energy { pulse_cost: PulseCost, parts: f64, bound: PulseBound },
    /// Time; `stages`: those in which some cell has to change.
    Latency { clock: Clock, stages: usize },
    /// The most worn PCM cell; `bound`: pulses that wear, of a device that pays by them.
    Wear { bound: Option<(PulseCost, PulseBound)> },
}

impl RowObjective {
    pub fn new(problem: &Problem) -> Self {
        let wiring = problem.wiring;
        let bound = |pulse_cost| PulseBound::new(pulse_cost, wiring.cells, wiring.top);
        match problem.payment() {
            Payment::Pulses { pulse_cost, parts } => Self::Energy { pulse_cost, parts, bound: bound(pulse_cost) },
            Payment::Time => Self::Latency { clock: Clock::of(problem.cost), stages: 0 },
            Payment::WorstCell(pulse_cost) => {
                Self::Wear { bound: pulse_cost.map(|pulse_cost| (pulse_cost, bound(pulse_cost))) }
            }
            levels @ Payment::Levels { .. } => Self::Writes(levels),
        }
    }

    /// What the cells serve, one level after the other, where the objective asks for another order than `arrangement`; nothing after a stop.
    pub fn follow(
        &self,
        problem: &Problem,
        layers: &[Profiles],
        arrangement: &Arrangement,
        boundary: &CoreBoundary,
        stop: &StopToken<'_>,
    ) -> Option<LevelRuns> {
        let plain = || LevelRuns::of(arrangement, layers);
        match self {
            Self::Writes(_) => None,
            Self::Energy { pulse_cost, .. } => {
                let cheapest = |mut level_runs: LevelRuns| {
                    (reorder(&mut level_runs, *pulse_cost, boundary, stop).cost, level_runs)
                };
                let stuck = cheapest(hold_level(layers, &arrangement.timeline, boundary));
                let sorted = cheapest(plain());
                Some(if stuck.0 < sorted.0 { stuck.1 } else { sorted.1 })
            }
            Self::Latency { clock, .. } => {
                let stages: Vec<usize> = layers.iter().map(|l| l.rows().div_ceil(problem.wiring.core_rows)).collect();
                let time = |level_runs: &LevelRuns| clock.inference(level_runs, &stages, problem.rows_of_a_core());
                let one_way = |rising| {
                    let mut level_runs = plain();
                    latency::one_way(&mut level_runs, rising);
                    level_runs
                };
                let spells =
                    latency::arrange(layers, &arrangement.timeline, *clock, boundary.start().as_deref(), stop)?;
                [plain(), one_way(true), one_way(false), spells].into_iter().min_by_key(time)
            }
            Self::Wear { bound } => {
                let weigh = |from: i16, to: i16| {
                    let m = Move::between(from, to);
                    let wear = |i: usize| {
                        let writes = u64::from(m.up[i] + m.down[i]);
                        problem.cost.wear(writes, m.changes(i).into(), m.resets(i).into())
                    };
                    [wear(0), wear(1)]
                };
                let (mut sweeps, mut evened) = (plain(), wear_levelling::arrange(layers, &arrangement.timeline, stop));
                match bound {
                    None => wear_levelling::choose_directions(&mut evened, boundary),
                    Some((pulse_cost, _)) => {
                        for level_runs in [&mut sweeps, &mut evened] {
                            reorder(level_runs, *pulse_cost, boundary, stop);
                        }
                    }
                }
                // What has the fewest pulses in all may wear one cell more than the order with the fewest writes does.
                [sweeps, evened, plain()].into_iter().min_by_key(|level_runs| wear_levelling::worst(level_runs, &weigh))
            }
        }
    }

    /// Adds a layer to the bound.
    pub fn add(&mut self, problem: &Problem, layer: &Profiles) {
        match self {
            Self::Writes(_) | Self::Wear { bound: None } => {}
            Self::Energy { bound, .. } | Self::Wear { bound: Some((_, bound)) } => bound.add(layer),
            Self::Latency { stages, .. } => {
                let cells = problem.wiring.cells;
                let steps = layer.steps(cells);
                let forced = (0..layer.rows()).filter(|&row| forced_changes(layer, row, steps, cells) > 0).count();
                *stages += forced.div_ceil(problem.wiring.core_rows);
            }
        }
    }

    /// What no plan goes below, given the same for writes.
    pub fn lower_bound(&self, problem: &Problem, writes: u64) -> f64 {
        // PCM cells of all cores.
        let all = 2 * (problem.wiring.core_rows * problem.wiring.cells) as u64;
        match self {
            Self::Writes(payment) => payment.of_writes(writes),
            Self::Energy { parts, bound, .. } => bound.cost() as f64 / parts,
            Self::Latency { clock, stages, .. } => {
                let forced = *stages as f64 * clock.least_change();
                match problem.cost {
                    WriteCost::PerLevel { up, down } => {
                        let falls = (writes / 2).div_ceil(all) as f64;
                        forced.max(falls * up.time_us.max(down.time_us))
                    }
                    _ => forced,
                }
            }
            Self::Wear { bound: None } => writes.div_ceil(all).next_multiple_of(2) as f64,
            Self::Wear { bound: Some((_, bound)) } => (bound.cost() as u64).div_ceil(all) as f64,
        }
    }
}
