//! The plan itself: read, plan, write, replay, report.

use std::path::Path;

use anyhow::Context;
use elight::census::Vectors;
use elight::cli;
use elight::core_state::CoreState;
use elight::explore::OtherWiring;
use elight::level::{DeviceProfile, Quantizer};
use elight::plan::{
    self, Condition, CoreSize, Drafts, LifePlan, Outcome, PlanError, PlanOptions, SEGMENT_BYTES, Stimulus, Trade, Wear,
};
use elight::replay::{self, Promise, Replay};
use elight::report::{self, Detail, Report};
use elight::show::names::printable;
use elight::show::screen::Tone;
use elight::weights::Network;

use crate::args::PlanArgs;
use crate::mistakes;
use crate::pages::{Pages, write_whole};
use crate::progress::Bars;

/// Plans, replays, writes and reports; an error when the replay does not match.
pub fn run(args: &PlanArgs) -> anyhow::Result<()> {
    if let Some(threads) = args.threads {
        rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads)).build_global().context("--threads")?;
    }
    let Some(weights) = &args.weights else {
        anyhow::bail!("WEIGHTS are needed, as in: elight-plan weights.safetensors --core 9x9");
    };
    mistakes::of_plan(weights, &args.more, args.output.as_deref())?;
    mistakes::of_options(args)?;
    let (mut network, device, quantization) = args.reading.open(weights)?;
    let system = args.inference.system(&args.reading)?;
    let vectors = Vectors::of(&network, &args.inference.vectors)?;
    if args.reading.calibrate {
        let quantizer = Quantizer::new(&device, quantization.reparam, quantization.scale);
        plan::calibrate(&mut network, &quantizer)?;
    }
    let core = core_size(args, &network)?;
    let (condition, budget) = condition(args, core, &network, &device)?;
    let mut options = PlanOptions {
        core,
        quantization,
        fanout: args.fanout.rows(core)?,
        reach: args.reach.into(),
        rows: args.rows.into(),
        order: args.order.into(),
        effort: args.effort.into(),
        seed: args.seed,
        segment_bytes: SEGMENT_BYTES,
        condition,
        trade: Trade { extra_steps: args.extra_steps, objective: args.objective.objective() },
        device,
    };
    let output = args.output.clone().unwrap_or_else(|| weights.with_extension("elight"));
    let pages = Pages { page: args.report.as_deref(), pictures: args.svg.as_deref() };
    let rotations = usize::from(args.rotate);
    for number in 0..options.condition.cores * rotations {
        let (number, rotation) = (number / rotations, number % rotations);
        let path = plan::rotation_path(&output, rotation, rotations);
        let path = plan::core_path(&path, number, options.condition.cores);
        refuse_to_overwrite(weights, &network, &path)?;
        if let Some(page) = pages.page {
            anyhow::ensure!(page != path, "the page {} would overwrite the schedule: name another", page.display());
        }
    }
    if let Some(page) = pages.page {
        refuse_to_overwrite(weights, &network, page)?;
    }
    pages.prepare()?;

    let bars = Bars::new(args.quiet);
    let batch = args.inference.choose(args.objective, system.as_ref(), &network, &mut options, &vectors, &bars)?;
    let quantizer = Quantizer::new(&options.device, quantization.reparam, quantization.scale);
    let stimuli = if args.no_verify { Vec::new() } else { replay::stimuli(&quantizer, &network, args.seed) };
    let wear = Wear { budget: budget.as_deref(), count: rotations };
    let LifePlan { outcome, rotation, mut drafts } =
        plan::plan_for_life(&network, &options, &wear, &output, &stimuli, &bars)?;
    let mut replay = if rotation.is_empty() { prove(&outcome, &options, &drafts, &stimuli, &bars)? } else { None };
    // The whole rotation: each plan on the core as the one before has left it.
    for plan in &rotation {
        let own = prove(&plan.outcome, &plan.options, &drafts, &stimuli, &bars)?;
        replay = own.map(|own| own.and(replay));
    }
    anyhow::ensure!(
        replay.is_none_or(|replay| replay.writes_match && replay.outputs_match),
        "the replay does not match the plan, so {} was not written: report this as a bug",
        output.display()
    );
    // A schedule has its name only now: whole, and proved unless the user wants no proof.
    drafts.keep()?;
    let stands = |error| stands(error, &output, replay.is_some());
    let sweep = match &args.sweep {
        None => Vec::new(),
        Some(file) => {
            let points = plan::sweep(&network, &options, &bars).map_err(stands)?;
            write_whole(file, &report::chart::trade(&points).file())?;
            points
        }
    };
    let other = OtherWiring::of(&options).filter(|_| !args.no_compare);
    let other_wiring = other.map(|other| other.planned(&network, &options, &bars)).transpose().map_err(stands)?;
    bars.finish();

    // Of a rotation: its first schedule.
    let written = rotation.first().map_or(&output, |plan| &plan.output);
    let report = Report { sweep, ..Report::new(weights, &network, &options, &outcome, written, replay) };
    let report = report.at_rate(args.rate).with_life(
        &options,
        &rotation,
        args.rotate_every,
        budget.as_deref(),
        &outcome,
        !args.wear.is_empty(),
    );
    let report = if pages.any() {
        let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
        let schedules = outcome.cores.iter().map(|core| read(&core.path)).collect::<anyhow::Result<Vec<_>>>()?;
        report.with_detail(Detail::new(&outcome, core, &schedules))
    } else {
        report
    };
    let inference = system.map(|system| args.inference.figures(&system, &network, &options, &outcome, &vectors, batch));
    let report =
        Report { inference: inference.transpose()?, other_wiring: other_wiring.or(report.other_wiring), ..report };
    pages.write(&report, &options.device)?;
    if args.json {
        cli::print_json(&report)?;
    } else if !args.quiet {
        let screen = cli::screen();
        let mut text = report::print(&report, &options.device, &screen, args.verbose);
        if !args.faults.is_empty() && options.condition.damaged().is_none() {
            let files = printable(&options.condition.fault_files());
            text += &screen.fact("faults", &format!("{files}: no faulty cell, so the plan is that of an intact core"));
        }
        for note in plan::compatibility::without_effect(&options) {
            text += &screen.fact_in(Tone::Strong, "note", &note.to_string());
        }
        cli::print(&text)?;
    }
    Ok(())
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
    bars: &Bars,
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
    let replayed = replay::replay_cores(&promises, options.core, &options.device, stimuli, outputs, bars);
    // What a draft is called until then is nobody's business.
    Ok(Some(replayed.map_err(|error| {
        error.of(|place| {
            let named = outcome.cores.iter().find(|core| drafts.place(&core.path) == place);
            named.map_or(place.to_owned(), |core| core.path.clone())
        })
    })?))
}

/// What the `[plus, minus]` cell of each weight cell can still bear.
type Budget = Vec<[f64; 2]>;

/// The cores as they are, and what their cells can still bear, if that is known.
fn condition(
    args: &PlanArgs,
    core: CoreSize,
    network: &Network,
    device: &DeviceProfile,
) -> anyhow::Result<(Condition, Option<Budget>)> {
    let cores = usize::from(args.cores);
    let from = args.from.as_ref().map(|from| {
        let each = (0..cores).map(|number| {
            let state = CoreState::read(&plan::core_path(from, number, cores))?;
            state.fits(network, core, device, args.fanout.rows(core)? as u16)?;
            Ok(state)
        });
        each.collect::<anyhow::Result<Vec<_>>>()
    });
    let from = from.transpose()?;
    let condition = Condition { cores, from, ..Condition::default() };
    if !args.wear.is_empty() {
        let worn = crate::options::faults(&args.wear, cores, core, device)?.unwrap_or_default();
        let (condition, budget) = condition.worn(worn, device)?;
        return Ok((condition, Some(budget)));
    }
    let faults = crate::options::faults(&args.faults, cores, core, device)?;
    let new = device.endurance_writes.map(|endurance| vec![[endurance; 2]; cores * core.rows * core.cols]);
    Ok((Condition { faults, ..condition }, new.filter(|_| args.rotate > 1)))
}

/// The output must be no file of the network, however its path is spelled.
pub fn refuse_to_overwrite(weights: &Path, network: &Network, output: &Path) -> anyhow::Result<()> {
    let same = |file: &Path| match (file.canonicalize(), output.canonicalize()) {
        (Ok(file), Ok(output)) => file == output,
        _ => false, // the output is not there yet
    };
    let shards = network.layers().iter().map(|layer| layer.file.as_path());
    anyhow::ensure!(
        !shards.chain([weights]).any(same),
        "the output {} would overwrite the weights: name another with -o",
        output.display()
    );
    Ok(())
}

/// The core that is asked for, or else the one that the weights were trained for: a trained network runs on others, too.
fn core_size(args: &PlanArgs, network: &Network) -> anyhow::Result<CoreSize> {
    match (args.core, network.metadata().get("elight.tile")) {
        (Some(core), _) => Ok(core),
        (None, Some(tile)) => tile.parse().map_err(|e| anyhow::anyhow!("metadata elight.tile: {e}")),
        (None, None) => anyhow::bail!(
            "--core RxC is needed, as in --core 9x9: the weights do not say which core they were trained for"
        ),
    }
}
