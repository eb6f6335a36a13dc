//! What reach `row` makes small besides writes: the order that an objective asks for, given an arrangement, and its bound, collected layer by layer.

use firmware_model::pcm::{Move, WriteCost};

use super::family::Problem;
use crate::order::bound::pulse::{PulseBound, forced_changes};
use crate::order::chain::boundary::CoreBoundary;
use crate::order::chain::directions::Arrangement;
use crate::order::cost::objective::Payment;
use crate::order::cost::pulse_cost::PulseLaw;
use crate::order::latency::{self, Clock};
use crate::order::pulses;
use crate::order::rows::profile::Profiles;
use crate::order::slots::level_runs::Visits;
use crate::order::wear_levelling;

/// What is made small, and what no plan goes below, so far.
#[derive(Clone, Copy, Debug)]
pub enum RowObjective {
    /// Writes, or what is in proportion to them.
    Writes(Payment),
    /// Energy of a device that pays by the pulse; `parts` of the law are a pJ.
    Energy { law: PulseLaw, parts: f64, bound: PulseBound },
    /// Time; `stages`: those in which some cell has to change.
    Latency { clock: Clock, stages: usize },
    /// The most worn PCM cell; `bound`: pulses that wear, of a device that pays by them.
    Wear { bound: Option<(PulseLaw, PulseBound)> },
}

impl RowObjective {
    pub fn new(problem: &Problem) -> Self {
        let wiring = problem.wiring;
        let bound = |law| PulseBound::new(law, wiring.cells, wiring.top);
        match problem.payment() {
            Payment::Pulses { law, parts } => Self::Energy { law, parts, bound: bound(law) },
            Payment::Time(clock) => Self::Latency { clock, stages: 0 },
            Payment::WorstCell(law) => Self::Wear { bound: law.map(|law| (law, bound(law))) },
            levels @ Payment::Levels { .. } => Self::Writes(levels),
        }
    }

    /// What the cells serve, one level after the other, where the objective asks for another order than `arrangement`.
    pub fn follow(
        &self,
        problem: &Problem,
        layers: &[Profiles],
        arrangement: &Arrangement,
        boundary: &CoreBoundary,
    ) -> Option<Visits> {
        let plain = || Visits::of(arrangement, layers);
        match self {
            Self::Writes(_) => None,
            Self::Energy { law, .. } => {
                let cheapest = |mut visits: Visits| (pulses::reorder(&mut visits, *law, boundary).cost, visits);
                let stuck = cheapest(pulses::stick(layers, &arrangement.timeline, boundary));
                let sorted = cheapest(plain());
                Some(if stuck.0 < sorted.0 { stuck.1 } else { sorted.1 })
            }
            Self::Latency { clock, .. } => {
                let stages: Vec<usize> = layers.iter().map(|l| l.rows().div_ceil(problem.wiring.core_rows)).collect();
                let time = |visits: &Visits| clock.inference(visits, &stages, problem.rows_of_a_core());
                let one_way = |rising| {
                    let mut visits = plain();
                    latency::one_way(&mut visits, rising);
                    visits
                };
                let spells = latency::arrange(layers, &arrangement.timeline, *clock, boundary.start().as_deref());
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
                let (mut sweeps, mut evened) = (plain(), wear_levelling::arrange(layers, &arrangement.timeline));
                match bound {
                    None => wear_levelling::choose_directions(&mut evened, boundary),
                    Some((law, _)) => {
                        for visits in [&mut sweeps, &mut evened] {
                            pulses::reorder(visits, *law, boundary);
                        }
                    }
                }
                // What has the fewest pulses in all may wear one cell more than the order with the fewest writes does.
                [sweeps, evened, plain()].into_iter().min_by_key(|visits| wear_levelling::worst(visits, &weigh))
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
