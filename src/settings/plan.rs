//! A plan from its settings: made, replayed and reported.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::choices::{EffortArg, ObjectiveArg, OrderArg, ReachArg, RowsArg};
use super::inference::InferenceArgs;
use super::reading::{LevelArgs, faults};
use crate::census::Vectors;
use crate::core_state::CoreState;
use crate::explore::OtherWiring;
use crate::level::{DeviceProfile, Quantizer};
use crate::plan::{
    self, Condition, CoreSize, Drafts, ExtraSteps, Fanout, LifePlan, Observer, Outcome, PlanError, PlanOptions,
    SEGMENT_BYTES, Stimulus, Trade, Wear,
};
use crate::replay::{self, Promise, Replay};
use crate::report::{Detail, Report};
use crate::system::SystemProfile;
use crate::weights::Network;

/// What a plan depends on, besides the weights.
#[derive(Debug, Args)]
pub struct PlanSettings {
    /// Size of the core, rows (outputs) x columns (lanes), as in 9x9 or 64x64 [default: the one that the weights were trained for].
    #[arg(long, value_name = "RxC")]
    pub core: Option<CoreSize>,

    /// How weights become levels.
    #[command(flatten)]
    pub levels: LevelArgs,

    /// Which rows share the input of a lane: none (cell), all (column), or as many neighbouring ones; must divide the core's rows.
    #[arg(long, value_name = "cell|column|N", default_value = "cell")]
    pub fanout: Fanout,

    /// Which lanes a weight may move to.
    #[arg(long, default_value = "row")]
    pub reach: ReachArg,

    /// Where rows may sit with reach `lane`; with reach `row` any row may sit anywhere.
    #[arg(long, default_value = "stored")]
    pub rows: RowsArg,

    /// The order that goes into the schedule.
    #[arg(long, default_value = "best")]
    pub order: OrderArg,

    /// How much work goes into the search for the optimal order.
    #[arg(long, default_value = "good")]
    pub effort: EffortArg,

    /// Identical cores that share each layer's tile rows; a schedule each, named after the output: FILE.core0.elight and so on.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=Condition::MOST_CORES as i64))]
    pub cores: u16,

    /// The schedule that the core has run before, for new weights of the same network: the first load starts from what it left.
    #[arg(long, value_name = "OLD.elight")]
    pub from: Option<PathBuf>,

    /// What the optimal order makes small, by the device's cost model (docs/trade.md).
    #[arg(long, default_value = "writes")]
    pub objective: ObjectiveArg,

    /// Steps beyond the fewest, in percent (as in 50%), for fewer writes: cells may idle, weights of level 0 are left out. `fixed`: as
    /// many as it takes for every cell to keep one level for ever.
    #[arg(long, value_name = "PERCENT|fixed", allow_hyphen_values = true)]
    pub extra_steps: Option<ExtraSteps>,

    /// Faulty cells of the core (docs/cores.md); of several cores: once for each.
    #[arg(long, value_name = "FILE.toml")]
    pub faults: Vec<PathBuf>,

    /// Faults and wear of the core, as a controller exports them: worn cells are spared. Once for each core.
    #[arg(long, value_name = "FILE.toml", conflicts_with = "faults")]
    pub wear: Vec<PathBuf>,

    /// N schedules, each turned round on the core so that wear is even, to be run in turn: FILE.rot0.elight and so on.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub rotate: u16,

    /// Inferences with one schedule of a rotation before the next one's turn [default: the one with which the core lives longest, of up to a third
    /// of the life without rotation; 1000 where the device's endurance is not known].
    #[arg(long, value_name = "INFERENCES", requires = "rotate", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub rotate_every: Option<u64>,

    /// The system around the core, and what shares a programming.
    #[command(flatten)]
    pub inference: InferenceArgs,

    /// Seed of the search for good row orders.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// Inferences in a second, for the lifetime in years.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 1.0, allow_negative_numbers = true, value_parser = rate)]
    pub rate: f64,

    /// Do not plan quickly for the other wiring, too: an input for every cell, or inputs that a column shares.
    #[arg(long)]
    pub no_compare: bool,

    /// Do not replay the schedule.
    #[arg(long)]
    pub no_verify: bool,
}

/// A plan that is asked for: all is decided that can be before the weights are read.
#[derive(Debug)]
pub struct Asked<'a> {
    settings: &'a PlanSettings,
    weights: &'a Path,
    /// The network, calibrated if that is asked for.
    pub network: &'a Network,
    /// What is planned.
    pub options: PlanOptions,
    system: Option<SystemProfile>,
    vectors: Vec<Option<u64>>,
    budget: Option<Budget>,
}

/// A plan that has been made.
#[derive(Debug)]
pub struct Made {
    /// Its figures.
    pub report: Report,
    /// How it was planned in the end: extra steps and objective may have been chosen for the whole inference.
    pub options: PlanOptions,
    outcome: Outcome,
    output: PathBuf,
}

/// What the `[plus, minus]` cell of each weight cell can still bear.
type Budget = Vec<[f64; 2]>;

impl PlanSettings {
    /// Decides on device, quantization, core and condition for the network in `weights`, and calibrates the network if that is asked for.
    ///
    /// # Errors
    /// What cannot be read, and what does not go together with the network.
    pub fn ask<'a>(&'a self, weights: &'a Path, network: &'a mut Network) -> anyhow::Result<Asked<'a>> {
        let (device, quantization) = self.levels.decide(weights, network.metadata())?;
        let system = self.inference.system(self.levels.device.as_deref())?;
        let vectors = Vectors::of(network, &self.inference.vectors)?;
        if self.levels.calibrate {
            plan::calibrate(network, &Quantizer::new(&device, quantization.reparam, quantization.scale))?;
        }
        let core = self.core_size(network)?;
        let (condition, budget) = self.condition(core, network, &device)?;
        let options = PlanOptions {
            core,
            quantization,
            fanout: self.fanout.rows(core)?,
            reach: self.reach.into(),
            rows: self.rows.into(),
            order: self.order.into(),
            effort: self.effort.into(),
            seed: self.seed,
            segment_bytes: SEGMENT_BYTES,
            condition,
            trade: Trade { extra_steps: self.extra_steps, objective: self.objective.objective() },
            device,
        };
        Ok(Asked { settings: self, weights, network, options, system, vectors, budget })
    }

    /// The schedules of a plan that goes to `output`: of each core all those that take turns.
    #[must_use]
    pub fn schedules(&self, output: &Path) -> Vec<PathBuf> {
        let (cores, turns) = (usize::from(self.cores), usize::from(self.rotate));
        let path = |core, turn| plan::core_path(&plan::rotation_path(output, turn, turns), core, cores);
        (0..cores).flat_map(|core| (0..turns).map(move |turn| (core, turn))).map(|(c, t)| path(c, t)).collect()
    }

    /// The core that is asked for, or else the one that the weights were trained for: a trained network runs on others, too.
    fn core_size(&self, network: &Network) -> anyhow::Result<CoreSize> {
        match (self.core, network.metadata().get("elight.tile")) {
            (Some(core), _) => Ok(core),
            (None, Some(tile)) => tile.parse().map_err(|e| anyhow::anyhow!("metadata elight.tile: {e}")),
            (None, None) => anyhow::bail!(
                "--core RxC is needed, as in --core 9x9: the weights do not say which core they were trained for"
            ),
        }
    }

    /// The cores as they are, and what their cells can still bear, if that is known.
    fn condition(
        &self,
        core: CoreSize,
        network: &Network,
        device: &DeviceProfile,
    ) -> anyhow::Result<(Condition, Option<Budget>)> {
        let cores = usize::from(self.cores);
        let from = self.from.as_ref().map(|from| {
            let each = (0..cores).map(|number| {
                let state = CoreState::read(&plan::core_path(from, number, cores))?;
                state.fits(network, core, device, self.fanout.rows(core)? as u16)?;
                Ok(state)
            });
            each.collect::<anyhow::Result<Vec<_>>>()
        });
        let from = from.transpose()?;
        let condition = Condition { cores, from, ..Condition::default() };
        if !self.wear.is_empty() {
            let worn = faults(&self.wear, cores, core, device)?.unwrap_or_default();
            let (condition, budget) = condition.worn(worn, device)?;
            return Ok((condition, Some(budget)));
        }
        let faults = faults(&self.faults, cores, core, device)?;
        let new = device.endurance_writes.map(|endurance| vec![[endurance; 2]; cores * core.rows * core.cols]);
        Ok((Condition { faults, ..condition }, new.filter(|_| self.rotate > 1)))
    }
}

impl Asked<'_> {
    /// Plans, replays the schedules, gives them their names, and gathers the figures.
    ///
    /// # Errors
    /// Those of planning and replaying, schedules that cannot be written or read, and an interruption by the observer. No schedule is there after an
    /// error before it was proved; one that comes later says what is there.
    pub fn make(mut self, output: &Path, observer: &dyn Observer) -> anyhow::Result<Made> {
        let Self { settings, network, .. } = self;
        let inference = &settings.inference;
        let batch = inference.choose(
            settings.objective,
            self.system.as_ref(),
            network,
            &mut self.options,
            &self.vectors,
            observer,
        )?;
        let options = self.options;
        let quantizer = Quantizer::new(&options.device, options.quantization.reparam, options.quantization.scale);
        let stimuli = if settings.no_verify { Vec::new() } else { replay::stimuli(&quantizer, network, settings.seed) };
        let wear = Wear { budget: self.budget.as_deref(), count: usize::from(settings.rotate) };
        let LifePlan { outcome, rotation, mut drafts } =
            plan::plan_for_life(network, &options, &wear, output, &stimuli, observer)?;
        let mut replay =
            if rotation.is_empty() { prove(&outcome, &options, &drafts, &stimuli, observer)? } else { None };
        // The whole rotation: each plan on the core as the one before has left it.
        for plan in &rotation {
            let own = prove(&plan.outcome, &plan.options, &drafts, &stimuli, observer)?;
            replay = own.map(|own| own.and(replay));
        }
        anyhow::ensure!(
            replay.is_none_or(|replay| replay.writes_match && replay.outputs_match),
            "the replay does not match the plan, so {} was not written: report this as a bug",
            output.display()
        );
        // A schedule has its name only now: whole, and proved unless the user wants no proof.
        drafts.keep()?;
        let stands = |error| stands(error, output, replay.is_some());
        let other = OtherWiring::of(&options).filter(|_| !settings.no_compare);
        let other_wiring = other.map(|other| other.planned(network, &options, observer)).transpose().map_err(stands)?;

        // Of a rotation: its first schedule.
        let written = rotation.first().map_or(output, |plan| &plan.output);
        let report = Report::new(self.weights, network, &options, &outcome, written, replay);
        let report = report.at_rate(settings.rate).with_life(
            &options,
            &rotation,
            settings.rotate_every,
            self.budget.as_deref(),
            &outcome,
            !settings.wear.is_empty(),
        );
        let figures =
            self.system.map(|system| inference.figures(&system, network, &options, &outcome, &self.vectors, batch));
        let report =
            Report { inference: figures.transpose()?, other_wiring: other_wiring.or(report.other_wiring), ..report };
        Ok(Made { report, options, outcome, output: output.to_owned() })
    }
}

impl Made {
    /// What pictures show besides the figures, from the schedules as they were written.
    ///
    /// # Errors
    /// Schedules that cannot be read.
    pub fn detail(&self) -> anyhow::Result<Detail> {
        let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
        let schedules = self.outcome.cores.iter().map(|core| read(&core.path)).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(self.detail_of(&schedules))
    }

    /// The same from the schedules' bytes, one for each core.
    #[must_use]
    pub fn detail_of(&self, schedules: &[Vec<u8>]) -> Detail {
        Detail::new(&self.outcome, self.options.core, schedules)
    }

    /// An error of work that follows the plan; an interruption says what is there.
    #[must_use]
    pub fn stands(&self, error: PlanError) -> anyhow::Error {
        stands(error, &self.output, self.report.verified.is_some())
    }
}

/// An error after the schedule has its name; an interruption says what stands there.
fn stands(error: PlanError, output: &Path, verified: bool) -> anyhow::Error {
    let interrupted = matches!(error, PlanError::Interrupted);
    let error = anyhow::Error::from(error);
    if !interrupted {
        return error;
    }
    let proof = if verified { "and verified" } else { "but not replayed" };
    error.context(format!(
        "interrupted: the schedule {} is written, whole {proof}; there is no report",
        output.display()
    ))
}

/// Replays all schedules of a plan, unless there is nothing to replay them with.
fn prove(
    outcome: &Outcome,
    options: &PlanOptions,
    drafts: &Drafts,
    stimuli: &[Stimulus],
    observer: &dyn Observer,
) -> anyhow::Result<Option<Replay>> {
    if stimuli.is_empty() {
        return Ok(None);
    }
    let cells = options.core.rows * options.core.cols;
    let origin = options.condition.origin(cells);
    let ranges = options.condition.ranges().unwrap_or_default();
    let promises = outcome.cores.iter().zip(origin.chunks(cells)).enumerate().map(|(number, (core, origin))| {
        let promise = Promise {
            totals: &core.totals,
            end: core.end,
            origin,
            fanout: options.fanout,
            ranges: ranges.get(number * cells..(number + 1) * cells).unwrap_or_default(),
            ram: outcome.decoder_ram_bytes as usize,
            outputs: &[],
        };
        (drafts.place(&core.path), promise)
    });
    let promises: Vec<_> = promises.collect();
    let outputs = &outcome.expected_outputs;
    let replayed = replay::replay_cores(&promises, options.core, &options.device, stimuli, outputs, observer);
    // What a draft is called until then is nobody's business.
    Ok(Some(replayed.map_err(|error| {
        error.of(|place| {
            let named = outcome.cores.iter().find(|core| drafts.place(&core.path) == place);
            named.map_or(place.to_owned(), |core| core.path.clone())
        })
    })?))
}

/// A rate: a number above 0.
fn rate(text: &str) -> Result<f64, String> {
    let wrong = || "expected inferences in a second, a number above 0, as in --rate 30".to_owned();
    text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0).ok_or_else(wrong)
}
