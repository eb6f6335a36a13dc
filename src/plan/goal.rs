//! The objective of a plan: what it asks of the options, how an arrangement for few writes is changed to follow it, and its bound, collected
//! layer by layer.

use firmware_model::pcm::{Move, WriteCost};

use super::{PlanError, PlanOptions};
use crate::geometry::Reach;
use crate::order::direction::{Arrangement, Closure, Start};
use crate::order::latency::{self, Clock};
use crate::order::profile::Profiles;
use crate::order::pulses::{self, MOST_LEVELS, Priced, PulseBound, PulseLaw, forced_changes};
use crate::order::tally::Cost;
use crate::order::visits::Visits;
use crate::order::{Objective, Rows, even};

/// What is made small, and what no plan goes below, so far.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// Writes, or what is in proportion to them in steady state: so much of it for a rise and for a fall of one level.
    Writes { up: f64, down: f64 },
    /// Energy of a device that pays by the pulse.
    Energy {
        law: PulseLaw,
        /// Parts of the law in a pJ.
        parts: f64,
        /// Reach `row`: what the rows force.
        bound: PulseBound,
        /// Reach `lane`: what the lanes need.
        least: i64,
    },
    /// Time.
    Latency {
        clock: Clock,
        /// Stages in which some cell has to change.
        stages: usize,
    },
    /// The most worn PCM cell; `bound`: pulses that wear, of a device that pays by them.
    Wear { bound: Option<(PulseLaw, PulseBound)> },
}

impl Goal {
    pub fn new(options: &PlanOptions) -> Self {
        let cost = options.device.cost;
        let bound = |law| PulseBound::new(law, options.core.cols, options.device.top_level());
        match (options.trade.objective, cost) {
            (Objective::Writes, _) => Self::Writes { up: 1.0, down: 1.0 },
            (Objective::Energy, WriteCost::PerLevel { up, down }) => {
                Self::Writes { up: up.energy_pj, down: down.energy_pj }
            }
            (Objective::Energy, _) => match PulseLaw::of_energy(&cost) {
                Some((law, parts)) => Self::Energy { law, parts, bound: bound(law), least: 0 },
                None => Self::Writes { up: 1.0, down: 1.0 },
            },
            (Objective::Latency, _) => Self::Latency { clock: Clock::of(cost), stages: 0 },
            (Objective::Wear, _) => Self::Wear { bound: PulseLaw::of_wear(&cost).map(|law| (law, bound(law))) },
        }
    }

    /// Refuses options with which the objective cannot be followed.
    pub fn check(options: &PlanOptions) -> Result<(), PlanError> {
        let goal = Self::new(options);
        let needs = match goal {
            Self::Writes { .. } => return Ok(()),
            _ if options.fanout > 1 => "--fanout cell",
            _ if options.condition.faults.is_some() => "cores without --faults",
            _ if options.reach == Reach::Lane && options.rows == Rows::Any => "--rows stored",
            Self::Latency { .. } | Self::Wear { .. } if options.reach == Reach::Lane => "--reach row",
            _ if goal.law().is_some() && 2 * options.device.top_level() as usize + 1 > MOST_LEVELS => {
                "a device of 5 bits or fewer (--bits)"
            }
            _ => return Ok(()),
        };
        let objective = options.trade.objective;
        Err(PlanError::Objective { objective, device: options.device.name.clone(), needs })
    }

    /// The law by which cells order their levels, where it is not level steps.
    pub fn law(&self) -> Option<PulseLaw> {
        match self {
            Self::Writes { .. } | Self::Latency { .. } => None,
            Self::Energy { law, .. } => Some(*law),
            Self::Wear { bound } => bound.map(|(law, _)| law),
        }
    }

    /// What the cells serve, one level after the other, where the objective asks for another order than `arrangement`.
    pub fn follow(
        &self,
        options: &PlanOptions,
        layers: &[Profiles],
        arrangement: &Arrangement,
        closure: &Closure,
    ) -> Option<Visits> {
        let plain = || Visits::of(arrangement, layers);
        match self {
            Self::Writes { .. } => None,
            Self::Energy { law, .. } => {
                let cheapest = |mut visits: Visits| (pulses::reorder(&mut visits, *law, closure).cost, visits);
                let stuck = cheapest(pulses::stick(layers, &arrangement.timeline, closure));
                let sorted = cheapest(plain());
                Some(if stuck.0 < sorted.0 { stuck.1 } else { sorted.1 })
            }
            Self::Latency { clock, .. } => {
                let start = match closure {
                    Closure::Part { start, .. } => start.as_deref(),
                    Closure::Cycle => None,
                };
                let stages: Vec<usize> = layers.iter().map(|l| l.rows().div_ceil(options.all_rows())).collect();
                let time = |visits: &Visits| clock.inference(visits, &stages, options.core.rows);
                let one_way = |rising| {
                    let mut visits = plain();
                    latency::one_way(&mut visits, rising);
                    visits
                };
                let spells = latency::arrange(layers, &arrangement.timeline, *clock, start);
                [plain(), one_way(true), one_way(false), spells].into_iter().min_by_key(time)
            }
            Self::Wear { bound } => {
                let weigh = |from: i16, to: i16| {
                    let m = Move::between(from, to);
                    let wear = |i: usize| {
                        let writes = u64::from(m.up[i] + m.down[i]);
                        options.device.cost.wear(writes, m.changes(i).into(), m.resets(i).into())
                    };
                    [wear(0), wear(1)]
                };
                let (mut sweeps, mut evened) = (plain(), even::arrange(layers, &arrangement.timeline));
                match bound {
                    None => direct(&mut evened, closure),
                    Some((law, _)) => {
                        for visits in [&mut sweeps, &mut evened] {
                            pulses::reorder(visits, *law, closure);
                        }
                    }
                }
                // What has the fewest pulses in all may wear one cell more than the order with the fewest writes does.
                [sweeps, evened, plain()].into_iter().min_by_key(|visits| even::worst(visits, &weigh))
            }
        }
    }

    /// A layer of reach `row`; `all_rows`: core rows of all cores.
    pub fn add(&mut self, layer: &Profiles, all_rows: usize, cells: usize) {
        match self {
            Self::Writes { .. } | Self::Wear { bound: None } => {}
            Self::Energy { bound, .. } | Self::Wear { bound: Some((_, bound)) } => bound.add(layer),
            Self::Latency { stages, .. } => {
                let steps = layer.steps(cells);
                let forced = (0..layer.rows()).filter(|&row| forced_changes(layer, row, steps, cells) > 0).count();
                *stages += forced.div_ceil(all_rows);
            }
        }
    }

    /// A segment of reach `lane`.
    pub fn add_lanes(&mut self, priced: Priced) {
        if let Self::Energy { least, .. } = self {
            *least += priced.least;
        }
    }

    /// What no plan goes below, given the same for writes.
    pub fn lower_bound(&self, options: &PlanOptions, writes: u64) -> f64 {
        // PCM cells of all cores.
        let all = 2 * (options.all_rows() * options.core.cols) as u64;
        match self {
            // In steady state a PCM cell falls as many levels as it rises.
            Self::Writes { up, down } => {
                let half = writes as f64 / 2.0;
                half * up + half * down
            }
            Self::Energy { parts, bound, least, .. } => (bound.cost() + least) as f64 / parts,
            Self::Latency { clock, stages } => {
                let forced = *stages as f64 * clock.least_change();
                match options.device.cost {
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

/// Sweeps ascending runs in the directions with the fewest writes.
fn direct(visits: &mut Visits, closure: &Closure) {
    let start = |at: usize| match closure {
        Closure::Cycle => Start::Cycle,
        Closure::Part { start, .. } => start.as_ref().map_or(Start::Free, |start| Start::At(start[at])),
    };
    let end = |at: usize| match closure {
        Closure::Part { end: Some(end), .. } => end[at],
        _ => None,
    };
    even::choose_directions(visits, &start, &end);
}

/// The figure of an objective.
#[must_use]
pub fn value(objective: Objective, cost: &Cost) -> f64 {
    match objective {
        Objective::Writes => cost.writes as f64,
        Objective::Energy => cost.energy_pj,
        Objective::Latency => cost.time_us,
        Objective::Wear => cost.max_cell_wear as f64,
    }
}
