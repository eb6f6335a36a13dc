//! The plan itself: read, plan, write, replay, report.

use std::path::Path;

use anyhow::Context;
use elight::held::Held;
use elight::level::{DeviceProfile, Quantizer};
use elight::plan::{self, Condition, CoreSize, Observer, PlanOptions, SEGMENT_BYTES, Trade};
use elight::replay::{self, Promise};
use elight::report::{self, Detail, Report};
use elight::weights::Network;

use crate::args::PlanArgs;
use crate::pages::{Pages, write_whole};
use crate::progress::Bars;

/// Plans, writes, replays and reports; false when the replay does not match.
pub fn run(args: &PlanArgs) -> anyhow::Result<bool> {
    if let Some(threads) = args.threads {
        rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads.get())).build_global().context("--threads")?;
    }
    let Some(weights) = &args.weights else {
        anyhow::bail!("WEIGHTS are needed, as in: elight-plan weights.safetensors --core 9x9");
    };
    let (mut network, device, quantization) = args.reading.open(weights)?;
    if args.reading.calibrate {
        let quantizer = Quantizer::new(&device, quantization.reparam, quantization.scale);
        plan::calibrate(&mut network, &quantizer)?;
    }
    let core = core_size(args, &network)?;
    let options = PlanOptions {
        core,
        quantization,
        fanout: args.fanout.rows(core)?,
        reach: args.reach,
        order: args.order,
        effort: args.effort,
        seed: args.seed,
        segment_bytes: SEGMENT_BYTES,
        condition: condition(args, core, &network, &device)?,
        trade: Trade { extra_steps: args.extra_steps },
        device,
    };
    let output = args.output.clone().unwrap_or_else(|| weights.with_extension("elight"));
    let pages = Pages { page: args.report.as_deref(), pictures: args.svg.as_deref() };
    for number in 0..options.condition.cores {
        let path = plan::core_path(&output, number, options.condition.cores);
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
    let quantizer = Quantizer::new(&options.device, quantization.reparam, quantization.scale);
    let stimuli = if args.no_verify { Vec::new() } else { replay::stimuli(&quantizer, &network, args.seed) };
    let outcome = plan::plan(&network, &options, &output, &stimuli, &bars)?;
    let replay = if args.no_verify {
        None
    } else {
        let cells = core.rows * core.cols;
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
            (core.path.as_path(), promise)
        });
        let promises: Vec<_> = promises.collect();
        let outputs = &outcome.expected_outputs;
        Some(replay::replay_cores(&promises, core, &options.device, &stimuli, outputs, &bars)?)
    };
    let sweep = match &args.sweep {
        None => Vec::new(),
        Some(file) => {
            let points = plan::sweep(&network, &options, &bars)?;
            write_whole(file, &report::chart::trade(&points).file())?;
            points
        }
    };
    bars.finish();

    let report = Report { sweep, ..Report::new(weights, &network, &options, &outcome, &output, replay) };
    let report = report.at_rate(args.rate);
    let report = if pages.any() {
        let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
        let schedules = outcome.cores.iter().map(|core| read(&core.path)).collect::<anyhow::Result<Vec<_>>>()?;
        report.with_detail(Detail::new(&outcome, core, &schedules))
    } else {
        report
    };
    pages.write(&report, &options.device)?;
    if args.json {
        crate::print(format!("{}\n", serde_json::to_string_pretty(&report)?).as_bytes())?;
    } else if !args.quiet {
        crate::print(report::print(&report, &options.device, args.verbose).as_bytes())?;
    }
    let matches = report.verified.is_none_or(|v| v.writes_match && v.outputs_match);
    if !matches {
        eprintln!(
            "error: the replay does not match the plan: do not use {}, and report this as a bug",
            output.display()
        );
    }
    Ok(matches && !bars.interrupted())
}

/// The cores as they are.
fn condition(args: &PlanArgs, core: CoreSize, network: &Network, device: &DeviceProfile) -> anyhow::Result<Condition> {
    let cores = usize::from(args.cores);
    let from = args.from.as_ref().map(|from| {
        let each = (0..cores).map(|number| {
            let held = Held::read(&plan::core_path(from, number, cores))?;
            held.fits(network, core, device, 1)?;
            Ok(held)
        });
        each.collect::<anyhow::Result<Vec<_>>>()
    });
    let faults = crate::args::faults(&args.faults, cores, core, device)?;
    Ok(Condition { cores, from: from.transpose()?, faults })
}

/// The output must be no file of the network, however its path is spelled.
fn refuse_to_overwrite(weights: &Path, network: &Network, output: &Path) -> anyhow::Result<()> {
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
