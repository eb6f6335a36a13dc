//! `elight-sim`: what a network is worth on the core, as a schedule programs it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::{Parser, ValueEnum};
use elight::cells::noise::NoiseModel;
use elight::cli::{self, exit};
use elight::level::Reparam;
use elight_sim::{Settings, Simulation, Watch, report};
use elight_train::data::Normalization;
use elight_train::eval::Recipe;
use indicatif::ProgressBar;

/// Runs a network with every planned layer computed by the core as the schedule programs it, and compares: floating point, quantized, on the
/// core (docs/simulation.md).
#[derive(Debug, Parser)]
#[command(name = "elight-sim", arg_required_else_help = true)]
struct Args {
    /// The schedule.
    schedule: PathBuf,

    /// The weights that it was planned from.
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,

    /// Architecture (`elight-train models` lists them) [default: what the weights' metadata say].
    #[arg(long, value_name = "NAME")]
    model: Option<String>,

    /// Directory of the data set's files.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Data set [default: recognised by the files, or what the metadata say].
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,

    /// Test images, from the first [default: all].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    images: Option<u32>,

    /// Noise of the cells: a preset (electrical-pcm, optical-pcm) or a TOML file [default: none].
    #[arg(long, value_name = "PRESET|FILE.toml")]
    noise: Option<String>,

    /// Seconds that have passed since the cells were written.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, allow_negative_numbers = true, value_parser = cli::seconds)]
    drift: f64,

    /// Stuck and dead cells of the core (docs/cores.md); a schedule may have been planned around them or not.
    #[arg(long, value_name = "FILE.toml")]
    faults: Option<PathBuf>,

    /// Bits of the converter of partial sums, 2 to 24 [default: none].
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u8).range(2..=24))]
    adc: Option<u8>,

    /// Bits of the converter of inputs, 1 to 16 [default: what the network was trained with, or none].
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u8).range(1..=16))]
    dac: Option<u8>,

    /// Cores to draw: noise with as many seeds.
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u16).range(1..))]
    seeds: u16,

    /// The first seed.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Images for the layers one at a time; 0 leaves that out.
    #[arg(long, value_name = "N", default_value_t = 500)]
    layer_images: u32,

    /// Device, when the schedule's is no preset.
    #[arg(long, value_name = "PRESET|FILE.toml")]
    device: Option<String>,

    /// What was quantized: the weight, or its tanh [default: none, or what the metadata say].
    #[arg(long)]
    reparam: Option<ReparamArg>,

    /// Means of the input channels (pixels from 0 to 1), comma separated [default: metadata, else measured].
    #[arg(long, value_delimiter = ',', requires = "std")]
    mean: Option<Vec<f32>>,

    /// Standard deviations of the input channels.
    #[arg(long, value_delimiter = ',', requires = "mean")]
    std: Option<Vec<f32>>,

    /// Images per batch.
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u16).range(1..))]
    batch: u16,

    /// Threads [default: all]; the figures are the same for any number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,

    /// Print the figures as one JSON object.
    #[arg(long)]
    json: bool,

    /// Print nothing but errors (and the JSON object, if asked for).
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,

    /// All layers, not only those that lose most.
    #[arg(short, long)]
    verbose: bool,
}

/// What is quantized.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ReparamArg {
    /// The weight.
    None,
    /// Its hyperbolic tangent.
    Tanh,
}

fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::finish(run(args), |_| exit::FAILED)
}

fn run(args: Args) -> Result<()> {
    if let Some(n) = args.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(n.into())
            .build_global()
            .map_err(|e| anyhow!("cannot start the threads: {e}"))?;
    }
    let noise = args.noise.as_deref().map(NoiseModel::load).transpose()?;
    NoiseModel::ages(noise.as_ref(), args.drift)?;
    let normalization = match (args.mean, args.std) {
        (Some(mean), Some(std)) => Some(Normalization::given(mean, std)?),
        _ => None,
    };
    let reparam = args.reparam.map(|r| match r {
        ReparamArg::None => Reparam::None,
        ReparamArg::Tanh => Reparam::Tanh,
    });
    let settings = Settings {
        schedule: args.schedule,
        weights: args.weights,
        recipe: Recipe { model: args.model, dataset: args.dataset, normalization, quantized: None },
        data: args.data,
        device: args.device,
        reparam,
        images: args.images.map(|n| n as usize),
        noise,
        age_seconds: args.drift,
        faults: args.faults,
        adc: args.adc,
        dac: args.dac,
        seeds: u32::from(args.seeds),
        seed: args.seed,
        layer_images: args.layer_images as usize,
        batch: usize::from(args.batch),
    };
    let mut bar = Bar::new(args.quiet);
    let outcome = Simulation::open(settings)?.run(&mut bar)?;
    bar.0.finish_and_clear();
    if args.json {
        cli::print_json(&outcome)
    } else if args.quiet {
        Ok(())
    } else {
        cli::print(&report::print(&outcome, &cli::screen(), args.verbose))
    }
}

/// The progress bar.
struct Bar(ProgressBar);

impl Bar {
    fn new(quiet: bool) -> Self {
        Self(cli::bar(quiet, "{prefix} {wide_bar} {pos} of {len} images, {per_sec}, {eta} left"))
    }
}

impl Watch for Bar {
    fn begin(&mut self, what: &str, images: usize) {
        self.0.reset();
        self.0.set_prefix(what.to_owned());
        self.0.set_length(images as u64);
    }

    fn done(&mut self, images: usize) {
        self.0.set_position(images as u64);
    }
}
