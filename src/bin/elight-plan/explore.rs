//! `explore` and `merge`: many plans of one network, here or over several machines.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use elight::cli;
use elight::explore::{self, Shard, Sheet, Store};
use elight::report::html::exploration;
use elight::settings::{ExploreSettings, TensorArgs};
use elight::weights::Network;

use crate::pages::write_whole;
use crate::progress::Bars;

/// Options of the exploration.
#[derive(Debug, Args)]
pub struct ExploreArgs {
    /// Weights: a `.safetensors` file, or the `.index.json` of a sharded set.
    pub weights: PathBuf,

    /// What the exploration depends on.
    #[command(flatten)]
    pub settings: ExploreSettings,

    /// Which tensors are layers.
    #[command(flatten)]
    pub tensors: TensorArgs,

    /// Folder that keeps what has been planned: the next run goes on from there [default: beside the weights, with the extension .explore].
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,

    /// Make only the plans of shard I of N, for `merge` to put together.
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,

    /// Threads [default: all]; the results are the same for any number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,

    /// Where the points go.
    #[command(flatten)]
    pub show: ShowArgs,
}

/// Options of `merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// The --state folders of the shards.
    #[arg(required = true)]
    pub states: Vec<PathBuf>,

    /// Where the points go.
    #[command(flatten)]
    pub show: ShowArgs,
}

/// Where the points go.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Write all points as CSV.
    #[arg(long, value_name = "FILE.csv")]
    pub csv: Option<PathBuf>,

    /// Write the points as a web page that stands alone.
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,

    /// Print all points as one JSON object.
    #[arg(long)]
    pub json: bool,

    /// Print nothing but errors (and the JSON object, if asked for).
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Show all points, not only those that no other beats.
    #[arg(short, long)]
    pub verbose: bool,
}

impl ShowArgs {
    fn show(&self, sheet: &Sheet) -> anyhow::Result<()> {
        if let Some(file) = &self.csv {
            write_whole(file, &explore::csv(sheet))?;
        }
        if let Some(file) = &self.report {
            write_whole(file, &exploration(sheet))?;
        }
        if self.json {
            cli::print_json(sheet)
        } else if self.quiet {
            Ok(())
        } else {
            cli::print(&explore::table(sheet, &cli::screen(), self.verbose))
        }
    }
}

/// Makes the plans that are missing, and shows the points.
pub fn run(args: &ExploreArgs) -> anyhow::Result<()> {
    if let Some(threads) = args.threads {
        rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads)).build_global().context("--threads")?;
    }
    let network = Network::open_as(&args.weights, &args.tensors.reading()?)?;
    let exploration = args.settings.of(&args.weights, &network)?;
    let grid = &exploration.grid;
    let folder = args.state.clone().unwrap_or_else(|| args.weights.with_extension("explore"));
    let store = Store::begin(&folder, grid)?;
    let shard = args.shard.unwrap_or(Shard::WHOLE);
    let plans = grid.plans();
    let mine: Vec<_> = plans.iter().enumerate().filter(|(i, _)| shard.has(*i)).map(|(_, key)| key).collect();
    let bars = Bars::new(args.show.quiet);
    for (done, key) in mine.iter().enumerate() {
        if store.get(key).is_none() {
            bars.say(&format!("plan {} of {}: {key}", done + 1, mine.len()));
            store.put(exploration.make(key, &network, store.folder(), &bars)?)?;
        }
    }
    bars.finish();
    if args.shard.is_some() {
        if !args.show.quiet {
            let text = format!("{} plans of {} are in {}\n", mine.len(), plans.len(), folder.display());
            cli::print(&text)?;
        }
        return Ok(());
    }
    args.show.show(&Sheet::of_grid(grid, |key| store.get(key))?)
}

/// Puts shards together.
pub fn merge(args: &MergeArgs) -> anyhow::Result<()> {
    let (stores, grid) = Store::open_all(&args.states)?;
    let sheet = Sheet::of_grid(&grid, |key| stores.iter().find_map(|store| store.get(key)))?;
    if let Some(first) = sheet.missing.first() {
        anyhow::bail!(
            "{} of {} plans are missing, the first is `{first}`: run the shards that were stopped again, with the same --state",
            sheet.missing.len(),
            grid.plans().len()
        );
    }
    args.show.show(&sheet)
}
