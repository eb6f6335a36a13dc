//! What the user is told of a plan: one set of figures, shown as a table or as JSON.
//!
//! The JSON keys are stable and documented in docs/report.md.

pub mod number;

mod detail;

pub mod chart;

pub mod html;

pub mod compare;

mod table;

use std::path::Path;

use firmware_model::pcm::WriteCost;
use serde::{Deserialize, Serialize};

use crate::faults::CoreFaults;
use crate::level::{Reparam, ScaleMode};
use crate::order::tally::{Cost, Costs, ElightAccounting, Totals};
use crate::order::{Objective, Order, Reach};
use crate::plan::{self, CoreOutcome, ExtraSteps, Life, Outcome, PlanOptions, SweepPoint, Turned};
use crate::replay::Replay;
use crate::weights::Network;

pub use detail::{CoreWear, Detail, PairMap, StepWrites};
pub use number::thousands;
pub(crate) use table::plain_table;
pub use table::print;

/// One value for each order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ByOrder<T> {
    /// As stored.
    pub natural: T,
    /// ELight's.
    pub sorted: T,
    /// The fewest writes.
    pub optimal: T,
}

impl<T> ByOrder<T> {
    /// The value of one order.
    pub fn of(&self, order: Order) -> &T {
        match order {
            Order::Natural => &self.natural,
            Order::Sorted => &self.sorted,
            Order::Optimal => &self.optimal,
        }
    }
}

/// The report of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The weights file.
    pub network: String,
    /// `RxC`.
    pub core: String,
    /// Name of the device profile.
    pub device: String,
    /// How the device is written: `per-level`, `single-shot` or `reset-then-set`.
    pub cost_model: String,
    /// Bits of a PCM cell.
    pub bits: u8,
    /// What was quantized: `none` or `tanh`.
    pub reparam: String,
    /// Over what the scale is taken: `row` or `layer`.
    pub scale: String,
    /// Rows that share an input.
    pub fanout: u32,
    /// Which lanes a weight may move to.
    pub reach: Reach,
    /// The order in the schedule.
    pub order: Order,
    /// Extra steps that were granted: a percentage, or `fixed`; none: every weight has a place in the fewest steps.
    pub extra_steps: Option<String>,
    /// The earlier schedule, from whose end the first load starts; none: from erased cells.
    pub from: Option<String>,
    /// Weights planned.
    pub weights: u64,
    /// Weights of level 0 that the schedule leaves out.
    pub left_out: u64,
    /// Tiles.
    pub tiles: u64,
    /// Programmings of the core in an inference.
    pub steps: u64,
    /// Each layer.
    pub layers: Vec<LayerReport>,
    /// What was left out.
    pub skipped: Vec<SkippedReport>,
    /// Costs of each order.
    pub orders: ByOrder<Costs>,
    /// ELight's own count, for comparison with its tables.
    pub elight_accounting: ByOrder<ElightAccounting>,
    /// No plan of this reach, core and number of steps needs fewer writes per inference; with reach `lane`, none that leaves rows
    /// where they are stored.
    pub lower_bound_writes: u64,
    /// `optimal / lower bound - 1` of the writes per inference; none when the bound is 0 and the plan's writes are not.
    pub gap: Option<f64>,
    /// What the optimal order makes small, and how near it comes.
    #[serde(default)]
    pub objective: ObjectiveReport,
    /// What one PCM cell bears, in what wears it by the device's cost model; none when not known.
    pub endurance_writes: Option<f64>,
    /// Inferences until the worst cell has reached it, by order; none when not known, or when nothing is written.
    pub lifetime_inferences: ByOrder<Option<f64>>,
    /// What faults cost; none without faults.
    #[serde(default)]
    pub faults: Option<FaultReport>,
    /// Inferences in a second that the years are counted with.
    #[serde(default = "one")]
    pub rate_per_second: f64,
    /// The same lifetime in years of 365.25 days, at that rate.
    #[serde(default)]
    pub lifetime_years: ByOrder<Option<f64>>,
    /// What pictures show besides; none unless they are asked for.
    #[serde(default)]
    pub detail: Option<Detail>,
    /// What cells have borne, and how long they last; none without `--wear`.
    #[serde(default)]
    pub wear: Option<WearReport>,
    /// Plans that take turns; none without `--rotate`.
    #[serde(default)]
    pub rotation: Option<RotationReport>,
    /// Each core's load.
    #[serde(default)]
    pub cores: Vec<CoreReport>,
    /// The schedule.
    pub schedule: ScheduleReport,
    /// What the replay has shown; none with `--no-verify`.
    pub verified: Option<VerifiedReport>,
    /// Steps against writes; empty without `--sweep`.
    pub sweep: Vec<SweepPoint>,
    /// Time of planning and writing, without the replay.
    pub seconds: f64,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerReport {
    /// The tensor.
    pub name: String,
    /// What kind of layer it was taken for.
    pub kind: String,
    /// Output rows.
    pub rows: usize,
    /// Inputs per row.
    pub cols: usize,
    /// Groups of inputs.
    pub groups: usize,
    /// Weights.
    pub weights: u64,
    /// Tiles.
    pub tiles: u64,
    /// Programmings of the core.
    pub steps: u64,
    /// `||t - t_q|| / ||t||`.
    pub relative_error: f64,
    /// Costs of each order; `max_cell_writes` counts this layer's writes only.
    pub orders: ByOrder<Costs>,
    /// ELight's own count.
    pub elight_accounting: ByOrder<ElightAccounting>,
    /// Writes that the layer's rows force, whatever the order; none with reach `lane`.
    pub lower_bound_writes: Option<u64>,
    /// `optimal / lower bound - 1` of the layer's writes per inference; none without a bound above 0.
    pub gap: Option<f64>,
}

/// What the optimal order makes small, per inference in steady state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ObjectiveReport {
    /// Its name.
    pub name: Objective,
    /// Unit of the figures.
    pub unit: String,
    /// What the optimal order takes.
    pub value: f64,
    /// What no plan of this reach, core and number of steps goes below.
    pub lower_bound: f64,
    /// `value / lower bound - 1`; none when the bound is 0 and the value is not.
    pub gap: Option<f64>,
}

/// A tensor that was left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SkippedReport {
    /// The tensor.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// What faults cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultReport {
    /// The files, core by core.
    pub files: Vec<String>,
    /// Weight cells that cannot hold every level, in all cores.
    pub cells: usize,
    /// Weak weight cells.
    pub weak: usize,
    /// Weights that are not multiplied at their own level: none with reach `row`.
    pub affected_weights: u64,
    /// `||q' - q|| / ||q||`: q the quantized weights, q' what is multiplied.
    pub added_error: f64,
    /// Steps of an inference on intact cores.
    pub intact_steps: u64,
    /// Writes per inference of the plan for intact cores; none with reach `lane`.
    pub intact_writes: Option<u64>,
}

/// The life of worn cells, with the plan in the schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WearReport {
    /// Weight cells that are worn out, and not used any more.
    pub worn_out: usize,
    /// What the PCM cell with the least left, of those in use, can still bear.
    pub least_budget: f64,
    /// Inferences until the first cell has used up what it can still bear; none when nothing wears.
    pub lifetime_inferences: Option<f64>,
}

/// Plans that take turns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RotationReport {
    /// Their schedules (of several cores: what the names are made of), in the order of their turns.
    pub schedules: Vec<String>,
    /// Inferences with each before the next one's turn.
    pub every: u64,
    /// Writes of the first inference of each after the one before it in the rotation.
    pub first_writes: Vec<u64>,
    /// Wear of the most worn cell, an inference on average, changes of turns included.
    pub max_cell_wear: f64,
    /// Inferences until the first cell has used up its budget; none without one.
    pub lifetime_inferences: Option<f64>,
    /// The same without rotation: the first plan for ever.
    pub fixed_max_cell_wear: f64,
    /// The same without rotation.
    pub fixed_lifetime_inferences: Option<f64>,
}

/// What one core does in the order of the schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoreReport {
    /// Its schedule.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its frames.
    pub frames: u64,
    /// Weights that it multiplies.
    pub weights: u64,
    /// Its programmings in an inference.
    pub steps: u64,
    /// Its cost at the first load.
    pub first_load: Cost,
    /// Its cost in later inferences.
    pub per_inference: Cost,
}

/// The schedule file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScheduleReport {
    /// Where it is.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// `8 bytes / weights`.
    pub bits_per_weight: f64,
    /// Its frames.
    pub frames: u64,
    /// Working memory of a decoder.
    pub decoder_ram_bytes: u32,
}

/// What the replay has shown.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerifiedReport {
    /// Every PCM cell was written as planned.
    pub writes_match: bool,
    /// Every output was exact.
    pub outputs_match: bool,
    /// Inferences run.
    pub inferences: u32,
}

impl From<Replay> for VerifiedReport {
    fn from(replay: Replay) -> Self {
        Self { writes_match: replay.writes_match, outputs_match: replay.outputs_match, inferences: replay.inferences }
    }
}

impl Report {
    /// Gathers the figures of a plan.
    #[must_use]
    pub fn new(
        path: &Path,
        network: &Network,
        options: &PlanOptions,
        outcome: &Outcome,
        schedule: &Path,
        replay: Option<Replay>,
    ) -> Self {
        let totals = ByOrder { natural: &outcome.natural, sorted: &outcome.sorted, optimal: &outcome.optimal };
        let of = |f: &dyn Fn(&Totals) -> Option<f64>| ByOrder {
            natural: f(totals.natural),
            sorted: f(totals.sorted),
            optimal: f(totals.optimal),
        };
        let weights: u64 = network.layers().iter().map(|info| info.weights() as u64).sum();
        let writes = outcome.optimal.costs.per_inference.writes;
        let bound = outcome.lower_bound_writes;
        let layers = network.layers().iter().zip(&outcome.layers).enumerate().map(|(i, (info, layer))| LayerReport {
            name: info.name.clone(),
            kind: info.kind.to_string(),
            rows: info.rows,
            cols: info.cols,
            groups: info.groups,
            weights: info.weights() as u64,
            tiles: layer.tiles,
            steps: layer.steps,
            relative_error: layer.relative_error,
            orders: ByOrder {
                natural: outcome.natural.layers[i].0,
                sorted: outcome.sorted.layers[i].0,
                optimal: outcome.optimal.layers[i].0,
            },
            elight_accounting: ByOrder {
                natural: outcome.natural.layers[i].1,
                sorted: outcome.sorted.layers[i].1,
                optimal: outcome.optimal.layers[i].1,
            },
            lower_bound_writes: layer.lower_bound_writes,
            gap: layer
                .lower_bound_writes
                .and_then(|bound| gap(outcome.optimal.layers[i].0.per_inference.writes, bound)),
        });
        Self {
            network: path.display().to_string(),
            core: options.core.to_string(),
            device: options.device.name.clone(),
            cost_model: match options.device.cost {
                WriteCost::PerLevel { .. } => "per-level".to_owned(),
                WriteCost::SingleShot { .. } => "single-shot".to_owned(),
                WriteCost::ResetThenSet { .. } => "reset-then-set".to_owned(),
            },
            bits: options.device.bits,
            reparam: match options.quantization.reparam {
                Reparam::None => "none".to_owned(),
                Reparam::Tanh => "tanh".to_owned(),
            },
            scale: match options.quantization.scale {
                ScaleMode::Row => "row".to_owned(),
                ScaleMode::Layer => "layer".to_owned(),
            },
            fanout: options.fanout as u32,
            reach: options.reach,
            order: options.order,
            from: options.condition.from.as_ref().and_then(|held| Some(held.first()?.path().display().to_string())),
            extra_steps: options.trade.extra_steps.as_ref().map(ExtraSteps::to_string),
            weights,
            left_out: weights - outcome.end.weights,
            tiles: outcome.layers.iter().map(|l| l.tiles).sum(),
            steps: outcome.end.steps,
            layers: layers.collect(),
            skipped: network
                .skipped()
                .iter()
                .map(|s| SkippedReport { name: s.name.clone(), reason: s.reason.clone() })
                .collect(),
            orders: ByOrder {
                natural: outcome.natural.costs,
                sorted: outcome.sorted.costs,
                optimal: outcome.optimal.costs,
            },
            elight_accounting: ByOrder {
                natural: outcome.natural.elight,
                sorted: outcome.sorted.elight,
                optimal: outcome.optimal.elight,
            },
            lower_bound_writes: bound,
            gap: gap(writes, bound),
            objective: ObjectiveReport::new(options, outcome),
            endurance_writes: options.device.endurance_writes,
            lifetime_inferences: of(&|t| {
                let worst = t.costs.per_inference.max_cell_wear;
                options.device.endurance_writes.filter(|_| worst > 0).map(|e| (e / worst as f64).floor())
            }),
            faults: FaultReport::new(options, outcome),
            rate_per_second: 1.0,
            lifetime_years: ByOrder::default(),
            detail: None,
            wear: None,
            rotation: None,
            cores: outcome.cores.iter().map(CoreReport::new).collect(),
            schedule: ScheduleReport {
                path: schedule.display().to_string(),
                bytes: outcome.bytes,
                bits_per_weight: 8.0 * outcome.bytes as f64 / weights as f64,
                frames: outcome.frames,
                decoder_ram_bytes: outcome.decoder_ram_bytes,
            },
            verified: replay.map(Into::into),
            sweep: Vec::new(),
            seconds: outcome.seconds,
        }
        .at_rate(1.0)
    }

    /// The same report with lifetimes in years for `rate` inferences a second.
    #[must_use]
    pub fn at_rate(mut self, rate: f64) -> Self {
        let years = |inferences: Option<f64>| inferences.map(|n| n / rate / number::SECONDS_A_YEAR);
        let ByOrder { natural, sorted, optimal } = self.lifetime_inferences;
        self.rate_per_second = rate;
        self.lifetime_years = ByOrder { natural: years(natural), sorted: years(sorted), optimal: years(optimal) };
        self
    }

    /// The same report with the life of cells that have borne something, and of plans that take turns.
    #[must_use]
    pub fn with_life(
        mut self,
        options: &PlanOptions,
        turned: &[Turned],
        every: Option<u64>,
        budget: Option<&[[f64; 2]]>,
        outcome: &Outcome,
        worn: bool,
    ) -> Self {
        let rates: Vec<[u64; 2]> =
            outcome.of(options.order).per_inference_wear.iter().map(|p| p.worn(&options.device.cost)).collect();
        if let Some(budget) = budget.filter(|_| worn) {
            let faults = options.condition.faults.iter().flatten();
            let pairs = rates.iter().flatten().zip(budget.iter().flatten());
            let lasts = pairs.clone().filter(|(rate, _)| **rate > 0).map(|(rate, left)| left / *rate as f64);
            let life = lasts.fold(f64::INFINITY, f64::min);
            let used = pairs.filter(|(rate, _)| **rate > 0).map(|(_, left)| *left);
            self.wear = Some(WearReport {
                worn_out: faults.map(CoreFaults::worn_out).sum(),
                least_budget: used
                    .fold(f64::INFINITY, f64::min)
                    .min(options.device.endurance_writes.unwrap_or(f64::MAX)),
                lifetime_inferences: life.is_finite().then(|| life.floor()),
            });
        }
        if let Some(first) = turned.first().filter(|_| turned.len() > 1) {
            let fixed = Life::fixed(first, budget);
            let every = every.unwrap_or_else(|| fixed.inferences.map_or(1000, |n| (n / 100.0).clamp(1.0, 1e9) as u64));
            let life = Life::of(turned, every, budget);
            self.rotation = Some(RotationReport {
                schedules: turned.iter().map(|t| t.output.display().to_string()).collect(),
                every,
                first_writes: turned.iter().map(|t| t.first_writes).collect(),
                max_cell_wear: life.max_cell_wear,
                lifetime_inferences: life.inferences,
                fixed_max_cell_wear: fixed.max_cell_wear,
                fixed_lifetime_inferences: fixed.inferences,
            });
        }
        self
    }

    /// The same report with what pictures need.
    #[must_use]
    pub fn with_detail(mut self, detail: Detail) -> Self {
        self.detail = Some(detail);
        self
    }
}

fn one() -> f64 {
    1.0
}

impl FaultReport {
    fn new(options: &PlanOptions, outcome: &Outcome) -> Option<Self> {
        let (faults, cost) = (options.condition.faults.as_ref()?, outcome.faults?);
        let counts = faults.iter().map(|core| core.counts());
        let (cells, weak) = counts.fold((0, 0), |sum, core| (sum.0 + core.0, sum.1 + core.1));
        Some(Self {
            files: faults.iter().map(|core| core.path().display().to_string()).collect(),
            cells,
            weak,
            affected_weights: cost.loss.affected,
            added_error: cost.loss.relative(),
            intact_steps: cost.intact_steps,
            intact_writes: cost.intact_writes,
        })
    }
}

impl ObjectiveReport {
    fn new(options: &PlanOptions, outcome: &Outcome) -> Self {
        let name = options.trade.objective;
        let value = plan::value(name, &outcome.optimal.costs.per_inference);
        let lower_bound = outcome.objective_lower_bound;
        let gap = if value == 0.0 { Some(0.0) } else { (lower_bound > 0.0).then(|| value / lower_bound - 1.0) };
        Self { name, unit: name.unit().to_owned(), value, lower_bound, gap }
    }
}

impl CoreReport {
    fn new(core: &CoreOutcome) -> Self {
        Self {
            path: core.path.display().to_string(),
            bytes: core.bytes,
            frames: core.frames,
            weights: core.end.weights,
            steps: core.end.steps,
            first_load: core.totals.costs.first_load,
            per_inference: core.totals.costs.per_inference,
        }
    }
}

fn gap(writes: u64, bound: u64) -> Option<f64> {
    match (writes, bound) {
        (0, _) => Some(0.0),
        (_, 0) => None,
        _ => Some(writes as f64 / bound as f64 - 1.0),
    }
}
