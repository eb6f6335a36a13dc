//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use elight::settings::{PlanSettings, ReadingArgs, TensorArgs};

use crate::explore::{ExploreArgs, MergeArgs};

/// Plans how a network's weights are written to a photonic tensor core: the order with the fewest PCM writes, a schedule for
/// the controller, and a replay that proves it.
#[derive(Debug, Parser)]
#[command(
    name = "elight-plan",
    arg_required_else_help = true,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Cli {
    /// What to do instead of planning.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Planning.
    #[command(flatten)]
    pub plan: PlanArgs,
}

/// What there is besides planning.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check a schedule against the weights, with nothing of the code that made it.
    Check(CheckArgs),
    /// Take a schedule apart: header, layers, frames, and single steps.
    Inspect(InspectArgs),
    /// Put two plans side by side.
    Compare(CompareArgs),
    /// Plan one network for many cores, wirings, bits, devices and batches: what is best for which aim (docs/choosing.md).
    Explore(ExploreArgs),
    /// Put the shards of an exploration together.
    Merge(MergeArgs),
    /// Say what a weights file is taken for: layers, shapes, orientation, groups, and how sure that is.
    Layers(LayersArgs),
    /// Write the weights as the core holds them, with its noise and faults, for other programs to evaluate (docs/simulation.md).
    Weights(WeightsArgs),
    /// List the device presets, or print one as the TOML file that it is.
    Devices(DevicesArgs),
}

/// Options of the list of devices.
#[derive(Debug, Args)]
pub struct DevicesArgs {
    /// A preset, or a device file.
    pub device: Option<String>,

    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Options of the listing of layers.
#[derive(Debug, Args)]
pub struct LayersArgs {
    /// Weights: a `.safetensors` file, the `.index.json` of a sharded set, or an `.onnx` model.
    pub weights: PathBuf,

    /// Write what the network is taken for into a file, to be corrected and given back with --network.
    #[arg(short, long, value_name = "NET.toml")]
    pub output: Option<PathBuf>,

    /// What tensors are read.
    #[command(flatten)]
    pub tensors: TensorArgs,
}

/// Options of the weights as the core holds them.
#[derive(Debug, Args)]
pub struct WeightsArgs {
    /// The schedule; of several cores, all of their schedules.
    #[arg(required = true)]
    pub schedules: Vec<PathBuf>,

    /// The weights that it was planned for.
    pub weights: PathBuf,

    /// Where they go: a `.safetensors` file with the names, shapes and types of the weights.
    #[arg(short, long, value_name = "FILE.safetensors", required = true)]
    pub output: PathBuf,

    /// How the weights are read; as the plan was told.
    #[command(flatten)]
    pub reading: ReadingArgs,

    /// Noise of the cells: a preset (electrical-pcm, optical-pcm) or a TOML file [default: none].
    #[arg(long, value_name = "PRESET|FILE.toml")]
    pub noise: Option<String>,

    /// Seconds that have passed since the cells were written.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, allow_negative_numbers = true, value_parser = elight::cli::seconds)]
    pub drift: f64,

    /// Stuck and dead cells of the core (docs/cores.md); once for each schedule.
    #[arg(long, value_name = "FILE.toml")]
    pub faults: Vec<PathBuf>,

    /// Seed of the noise; each further core has the next.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// Print nothing but errors.
    #[arg(short, long)]
    pub quiet: bool,
}

/// Options of the comparison.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// A report that `--json` has printed, or a schedule.
    pub a: PathBuf,

    /// Another.
    pub b: PathBuf,

    /// A line for each layer.
    #[arg(short, long)]
    pub verbose: bool,

    /// Print the comparison as one JSON object.
    #[arg(long)]
    pub json: bool,

    /// Write the comparison as a web page that stands alone.
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
}

/// Options of the inspection.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The schedule.
    pub schedule: PathBuf,

    /// Show this layer's tile rows.
    #[arg(long, value_name = "NAME")]
    pub layer: Option<String>,

    /// Show one step: which cells change, and which input goes where. Counted from 0, in the layer if one is named, else in
    /// the schedule.
    #[arg(long, value_name = "N")]
    pub step: Option<u64>,

    /// Show the step as a later inference finds it, not from erased cells.
    #[arg(long, requires = "step")]
    pub steady: bool,

    /// The schedule that the core has run before: the first load is counted from what it left.
    #[arg(long, value_name = "OLD.elight")]
    pub from: Option<PathBuf>,

    /// List the frames (of the layer, if one is named).
    #[arg(long)]
    pub frames: bool,

    /// Print one JSON object (docs/inspect.md).
    #[arg(long)]
    pub json: bool,
}

/// Options of the check.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The schedule; of several cores, all of their schedules.
    #[arg(required = true)]
    pub schedules: Vec<PathBuf>,

    /// The weights that it was planned for.
    pub weights: PathBuf,

    /// How the weights are read; as the plan was told.
    #[command(flatten)]
    pub reading: ReadingArgs,

    /// The schedule that the core has run before: the first load is counted from what it left. Once for each schedule.
    #[arg(long, value_name = "OLD.elight")]
    pub from: Vec<PathBuf>,

    /// The faults that were planned around; once for each schedule.
    #[arg(long, value_name = "FILE.toml")]
    pub faults: Vec<PathBuf>,

    /// The faults and wear that were planned around, worn cells as faults; once for each schedule.
    #[arg(long, value_name = "FILE.toml", conflicts_with = "faults")]
    pub wear: Vec<PathBuf>,

    /// Print the findings as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Options of the plan.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Weights: a `.safetensors` file, the `.index.json` of a sharded set, or an `.onnx` model.
    #[arg(required = true)]
    pub weights: Option<PathBuf>,

    /// Files too many: taken, so that they can be answered.
    #[arg(hide = true)]
    pub more: Vec<PathBuf>,

    /// Where the schedule goes [default: beside the weights, with the extension .elight].
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Which tensors are layers.
    #[command(flatten)]
    pub tensors: TensorArgs,

    /// What the plan depends on.
    #[command(flatten)]
    pub settings: PlanSettings,

    /// Plan with 0 to 200 % extra steps and with fixed levels, too: the curve of steps against writes, as a table and as an SVG file.
    #[arg(long, value_name = "FILE.svg")]
    pub sweep: Option<PathBuf>,

    /// Threads [default: all]; the schedule is the same for any number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,

    /// Print the report as one JSON object (docs/report.md).
    #[arg(long)]
    pub json: bool,

    /// Write the report as a web page that stands alone.
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,

    /// Write each picture of the page as an SVG file into this folder.
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,

    /// Print nothing but errors (and the JSON object, if asked for).
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// A line for each layer and each skipped tensor.
    #[arg(short, long)]
    pub verbose: bool,
}
