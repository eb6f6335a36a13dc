//! `explore` and `merge`: many plans of one network, here or over several machines.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use elight::census::Vectors;
use elight::cli;
use elight::explore::{self, Axes, Grid, Record, Shard, Sheet, Store};
use elight::level::DeviceProfile;
use elight::order::Effort;
use elight::plan::{Quantization, QuantizationRequest};
use elight::report::html::exploration;
use elight::system::SystemProfile;
use elight::weights::Network;

use crate::choices::{EffortArg, ReparamArg, ScaleArg};
use crate::options::{Batch, TensorArgs};
use crate::pages::write_whole;
use crate::progress::Bars;

/// Options of the exploration.
#[derive(Debug, Args)]
pub struct ExploreArgs {
    /// Weights: a `.safetensors` file, or the `.index.json` of a sharded set.
    pub weights: PathBuf,

    /// Cores, rows x columns.
    #[arg(long, value_name = "RxC,...", value_delimiter = ',', required = true)]
    pub core: Vec<String>,

    /// Which rows share the input of a lane.
    #[arg(long, value_name = "cell|column|N,...", value_delimiter = ',', default_value = "cell,column")]
    pub fanout: Vec<String>,

    /// Bits of a PCM cell [default: as many as each device has].
    #[arg(long, value_name = "B,...", value_delimiter = ',')]
    pub bits: Vec<u8>,

    /// PCM devices: presets or TOML files.
    #[arg(long, value_name = "PRESET|FILE.toml,...", value_delimiter = ',', default_value = "elight")]
    pub device: Vec<String>,

    /// Inferences that share each programming of the core; `auto`: as many as make light and writing balance, within the buffer.
    #[arg(long, value_name = "N|auto,...", value_delimiter = ',', default_value = "1")]
    pub batch: Vec<Batch>,

    /// Steps beyond the fewest: `none`, a percentage, or `fixed`.
    #[arg(long, value_name = "none|PERCENT|fixed,...", value_delimiter = ',', default_value = "none")]
    pub extra_steps: Vec<String>,

    /// The system around the core: a preset or a TOML file (docs/system-model.md).
    #[arg(long, value_name = "NAME|FILE.toml")]
    pub system: String,

    /// Memory for inputs and partial sums, bytes [default: the system's].
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    pub buffer: Option<u64>,

    /// Input vectors of a layer in one inference; a name or a glob, the last that matches counts.
    #[arg(long, value_name = "LAYER=N")]
    pub vectors: Vec<Vectors>,

    /// Cycles that a PCM cell bears [default: each device's].
    #[arg(long, value_name = "N", value_parser = crate::options::endurance)]
    pub endurance: Option<f64>,

    /// How much work goes into the search for each order.
    #[arg(long, default_value = "fast")]
    pub effort: EffortArg,

    /// Seed of the searches.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// What is quantized [default: none, or what the weights file says].
    #[arg(long)]
    pub reparam: Option<ReparamArg>,

    /// Over what the scale is taken [default: row, or what the weights file says].
    #[arg(long)]
    pub scale: Option<ScaleArg>,

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
    let (system, system_text) = SystemProfile::load_with_text(&args.system)?;
    let network = Network::open_as(&args.weights, &args.tensors.reading()?)?;
    let quantization = args.quantization(&network)?;
    let axes = Axes {
        cores: args.core.clone(),
        fanouts: args.fanout.clone(),
        bits: args.bits.clone(),
        devices: args.device.clone(),
        extra_steps: args.extra_steps.clone(),
    };
    let grid = Grid {
        format: Grid::FORMAT,
        network: args.weights.display().to_string(),
        fingerprint: args.fingerprint(&network, quantization)?,
        vectors: Vectors::of(&network, &args.vectors)?,
        axes: axes.checked()?,
        batches: args.batch.iter().map(|batch| if let Batch::Number(n) = batch { *n } else { 0 }).collect(),
        effort: format!("{:?}", Effort::from(args.effort)).to_lowercase(),
        seed: args.seed,
        buffer: args.buffer,
        endurance: args.endurance,
        system: args.system.clone(),
        system_text,
        at_once: system.timing.cells_at_once,
    };
    for device in &grid.axes.devices {
        DeviceProfile::load(device, None)?;
    }
    let folder = args.state.clone().unwrap_or_else(|| args.weights.with_extension("explore"));
    let store = Store::begin(&folder, &grid)?;
    let shard = args.shard.unwrap_or(Shard::WHOLE);
    let plans = grid.plans();
    let mine: Vec<_> = plans.iter().enumerate().filter(|(i, _)| shard.has(*i)).map(|(_, key)| key).collect();
    let bars = Bars::new(args.show.quiet);
    for (done, key) in mine.iter().enumerate() {
        if store.get(key).is_none() {
            bars.say(&format!("plan {} of {}: {key}", done + 1, mine.len()));
            store.put(Record::make(key, &network, quantization, store.folder(), &bars)?)?;
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
    args.show.show(&Sheet::of(&grid, &system, |key| store.get(key)))
}

impl ExploreArgs {
    fn quantization(&self, network: &Network) -> anyhow::Result<Quantization> {
        let request = QuantizationRequest {
            device: None,
            bits: None,
            reparam: self.reparam.map(Into::into),
            scale: self.scale.map(Into::into),
        };
        Ok(request.resolve(&self.weights, network.metadata())?.1)
    }

    /// A hash of the weights, the devices' files, and of how weights are read.
    fn fingerprint(&self, network: &Network, quantization: Quantization) -> anyhow::Result<String> {
        let mut files: Vec<&Path> = network.layers().iter().map(|layer| layer.file.as_path()).collect();
        files.push(&self.weights);
        files.dedup();
        files.extend(self.device.iter().map(Path::new).filter(|path| path.is_file()));
        let layers = network.layers().iter();
        let layers: Vec<_> = layers.map(|l| (&l.name, &l.kind, l.rows, l.cols, l.groups)).collect();
        let reading = format!("{quantization:?} {layers:?}");
        Ok(explore::fingerprint(files.into_iter(), &reading)?)
    }
}

/// Puts shards together.
pub fn merge(args: &MergeArgs) -> anyhow::Result<()> {
    let (stores, grid) = Store::open_all(&args.states)?;
    let system = SystemProfile::from_toml_str(&grid.system_text, &format!("system {}", grid.system))?;
    let sheet = Sheet::of(&grid, &system, |key| stores.iter().find_map(|store| store.get(key)));
    if let Some(first) = sheet.missing.first() {
        anyhow::bail!(
            "{} of {} plans are missing, the first is `{first}`: run the shards that were stopped again, with the same --state",
            sheet.missing.len(),
            grid.plans().len()
        );
    }
    args.show.show(&sheet)
}
