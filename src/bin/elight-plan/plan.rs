//! The plan itself: read, plan, write, replay, report.

use std::path::Path;

use anyhow::Context;
use elight::cli;
use elight::plan;
use elight::report;
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
    let mut network = Network::open_as(weights, &args.tensors.reading()?)?;
    let asked = args.settings.ask(weights, &mut network)?;
    let network = asked.network;
    let output = args.output.clone().unwrap_or_else(|| weights.with_extension("elight"));
    let pages = Pages { page: args.report.as_deref(), pictures: args.svg.as_deref() };
    for path in args.settings.schedules(&output) {
        refuse_to_overwrite(weights, network, &path)?;
        if let Some(page) = pages.page {
            anyhow::ensure!(page != path, "the page {} would overwrite the schedule: name another", page.display());
        }
    }
    if let Some(page) = pages.page {
        refuse_to_overwrite(weights, network, page)?;
    }
    pages.prepare()?;

    let bars = Bars::new(args.quiet);
    let mut made = asked.make(&output, &bars)?;
    if let Some(file) = &args.sweep {
        let points = plan::sweep(network, &made.options, &bars).map_err(|error| made.stands(error))?;
        write_whole(file, &report::chart::trade(&points).file())?;
        made.report.sweep = points;
    }
    if pages.any() {
        made.report.detail = Some(made.detail()?);
    }
    bars.finish();

    let (report, options) = (&made.report, &made.options);
    pages.write(report, &options.device)?;
    if args.json {
        cli::print_json(report)?;
    } else if !args.quiet {
        let screen = cli::screen();
        let mut text = report::print(report, &options.device, &screen, args.verbose);
        if !args.settings.faults.is_empty() && options.condition.damaged().is_none() {
            let files = printable(&options.condition.fault_files());
            text += &screen.fact("faults", &format!("{files}: no faulty cell, so the plan is that of an intact core"));
        }
        for note in plan::compatibility::without_effect(options) {
            text += &screen.fact_in(Tone::Strong, "note", &note.to_string());
        }
        cli::print(&text)?;
    }
    Ok(())
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
