//! From what planning and replaying found to the figures of the report.

use std::path::Path;

use firmware_model::pcm::WriteCost;

use super::by_order::ByOrder;
use super::detail::Detail;
use super::figures::*;
use crate::explore::OtherWiring;
use crate::faults::CoreFaults;
use crate::level::{Reparam, ScaleMode};
use crate::order::cost::tally::Totals;
use crate::plan::{CoreOutcome, ExtraSteps, Life, Outcome, PlanOptions, RotatedPlan, core_path};
use crate::replay::Replay;
use crate::show::number::SECONDS_A_YEAR;
use crate::weights::Network;

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
            certainty: info.certainty,
            vectors: info.vectors,
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
            trained_for: crate::plan::trained_for(network.metadata(), &options.device),
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
            rows: options.rows,
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
            modulators: (options.core.rows * options.core.cols / options.fanout) as u64,
            other_wiring: OtherWiring::of(options),
            inference: None,
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
        let years = |inferences: Option<f64>| inferences.map(|n| n / rate / SECONDS_A_YEAR);
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
        rotation: &[RotatedPlan],
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
        if let Some(first) = rotation.first().filter(|_| rotation.len() > 1) {
            let fixed = Life::fixed(first, budget);
            let every = every.unwrap_or_else(|| Life::best_turn(rotation, budget));
            let life = Life::of(rotation, every, budget);
            self.rotation = Some(RotationReport {
                schedules: rotation.iter().map(|plan| plan.output.display().to_string()).collect(),
                every,
                first_writes: rotation.iter().map(|plan| plan.first_writes).collect(),
                max_cell_wear: life.max_cell_wear,
                lifetime_inferences: life.inferences,
                fixed_max_cell_wear: fixed.max_cell_wear,
                fixed_lifetime_inferences: fixed.inferences,
            });
        }
        self
    }

    /// The schedule that was written, of a rotation the first; of several cores the first one's and the last one's.
    #[must_use]
    pub fn written(&self) -> String {
        self.files(&self.schedule.path, &self.schedule.path)
    }

    /// The first and the last schedule of a rotation.
    pub(super) fn turns(&self, rotation: &RotationReport) -> String {
        let name = |schedule: Option<&String>| schedule.unwrap_or(&self.schedule.path).clone();
        self.files(&name(rotation.schedules.first()), &name(rotation.schedules.last()))
    }

    /// Files from the first core's of one name to the last core's of another.
    fn files(&self, first: &str, last: &str) -> String {
        let cores = self.cores.len().max(1);
        let file = |name: &str, core| core_path(Path::new(name), core, cores).display().to_string();
        let (first, last) = (file(first, 0), file(last, cores - 1));
        if first == last { first } else { format!("{first} to {last}") }
    }

    /// The same report with what pictures need.
    #[must_use]
    pub fn with_detail(mut self, detail: Detail) -> Self {
        self.detail = Some(detail);
        self
    }
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
        let value = name.figure(&outcome.optimal.costs.per_inference);
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
