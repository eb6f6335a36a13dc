//! `elight-train`: trains networks whose weights are cheap to write, and evaluates them.

use anyhow::{Context, Result, anyhow};
use clap::{Parser, Subcommand};
use elight::level::ScaleMode;
use elight::report::count;
use elight_train::calibrate::Options;
use elight_train::config::PcmConfig;
use elight_train::data::{DATASETS, Normalization};
use elight_train::eval::{Recipe, evaluate_file};
use elight_train::nn::model::MODELS;
use elight_train::{Config, End, Epoch, Event, Trainer};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Train networks for photonic tensor cores: quantized to PCM levels, with losses that make the writes few.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    /// Threads to use (default: all); the results do not depend on it
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a network as a TOML file says; Ctrl-C stops with a checkpoint
    Train {
        /// The run (see configs/)
        config: PathBuf,
        /// Override a key of the file, as in --set train.epochs=3
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
    /// Continue a stopped run, bit for bit as if it had never stopped
    Resume {
        /// Directory of the run
        dir: PathBuf,
    },
    /// Accuracy of a weights file on a test set
    Eval(EvalArgs),
    /// Choose levels for a network that was trained without them, with a few hundred training images
    Calibrate(CalibrateArgs),
    /// List the architectures
    Models,
    /// List the data sets
    Datasets,
}

#[derive(Debug, clap::Args)]
struct EvalArgs {
    /// Weights (.safetensors), with PyTorch's names
    weights: PathBuf,
    /// Architecture (default: what the file's metadata say)
    #[arg(long)]
    model: Option<String>,
    /// Directory of the test set's files
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Data set (default: from the metadata, or recognised by the files)
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
    /// Quantize the weights to levels, as a core would hold them (files from `train` are always evaluated so)
    #[arg(long)]
    quantized: bool,
    /// Bits of a PCM cell, for --quantized without metadata
    #[arg(long, default_value_t = 4)]
    bits: u8,
    /// Device preset or file, for --quantized without metadata
    #[arg(long, default_value = "elight")]
    device: String,
    /// Means of the input channels (pixels from 0 to 1), comma separated (default: metadata, else measured)
    #[arg(long, value_delimiter = ',', requires = "std")]
    mean: Option<Vec<f32>>,
    /// Standard deviations of the input channels
    #[arg(long, value_delimiter = ',', requires = "mean")]
    std: Option<Vec<f32>>,
    /// Images per batch
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    batch: u16,
}

#[derive(Debug, clap::Args)]
struct CalibrateArgs {
    /// Weights (.safetensors) in floating point, with PyTorch's names
    weights: PathBuf,
    /// Where the calibrated weights go
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Architecture (default: what the file's metadata say)
    #[arg(long)]
    model: Option<String>,
    /// Directory of the data set's files
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Data set (default: from the metadata, or recognised by the files)
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
    /// Bits of a PCM cell (default: 4, or the device's)
    #[arg(long)]
    bits: Option<u8>,
    /// Device preset or file
    #[arg(long, default_value = "elight")]
    device: String,
    /// Over what a scale is taken: row or layer
    #[arg(long, default_value = "row", value_parser = ["row", "layer"])]
    scale: String,
    /// Training images to look at
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    images: u32,
    /// Means of the input channels (pixels from 0 to 1), comma separated (default: metadata, else measured)
    #[arg(long, value_delimiter = ',', requires = "std")]
    mean: Option<Vec<f32>>,
    /// Standard deviations of the input channels
    #[arg(long, value_delimiter = ',', requires = "mean")]
    std: Option<Vec<f32>>,
    /// Images per batch
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    batch: u16,
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            // Messages of the library tell their causes themselves.
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<()> {
    if let Some(n) = args.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(n.into())
            .build_global()
            .map_err(|e| anyhow!("cannot start the threads: {e}"))?;
    }
    match args.command {
        Command::Train { config, set } => train(Trainer::new(Config::load(&config, &set)?)?),
        Command::Resume { dir } => train(Trainer::resume(&dir)?),
        Command::Eval(e) => eval(e),
        Command::Calibrate(c) => calibrate(c),
        Command::Models => {
            list(&MODELS);
            Ok(())
        }
        Command::Datasets => {
            list(&DATASETS);
            Ok(())
        }
    }
}

fn list(entries: &[(&str, &str)]) {
    for (name, text) in entries {
        println!("{name:<14} {text}");
    }
}

fn train(mut trainer: Trainer) -> Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let handler = stop.clone();
    ctrlc::set_handler(move || {
        // A second Ctrl-C does not wait for the step.
        if handler.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .map_err(|e| anyhow!("cannot catch Ctrl-C: {e}"))?;
    let out = trainer.config().train.out.clone();
    let epochs = trainer.config().train.epochs;
    println!("{} on {}, into {}", trainer.config().model.name, trainer.config().data.name, out.display());
    for e in trainer.history() {
        println!("{}", line(e, epochs));
    }
    let steps = trainer.steps_per_epoch();
    let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {msg} eta {eta}");
    bar.set_style(style.context("progress bar")?);
    let mut mean = 0.0;
    let mut pace = Pace::new();
    let end = trainer.run(&stop, &mut |event| match event {
        Event::Step { epoch, done, loss, samples, .. } => {
            mean = if done == 1 { loss } else { 0.95 * mean + 0.05 * loss };
            bar.set_prefix(format!("epoch {epoch}/{epochs}"));
            bar.set_position(done);
            bar.set_message(format!("loss {mean:.4}, {:.0} samples/s", pace.add(samples)));
        }
        Event::Epoch(e) => {
            bar.suspend(|| println!("{}", line(e, epochs)));
            bar.reset();
        }
    })?;
    bar.finish_and_clear();
    let best = trainer.history().iter().map(|e| e.test_accuracy).fold(0.0, f64::max);
    match end {
        End::Stopped => println!("stopped; continue with: elight-train resume {}", out.display()),
        End::Early => println!("no better accuracy for {}: done", count(trainer.config().train.patience, "epoch")),
        End::Finished => {}
    }
    if end != End::Stopped {
        println!("best test accuracy {:.2} %; weights in {}", 100.0 * best, out.join("best.safetensors").display());
    }
    Ok(())
}

/// Samples per second over the last second or so.
struct Pace {
    since: std::time::Instant,
    samples: usize,
    rate: f64,
}

impl Pace {
    fn new() -> Self {
        Self { since: std::time::Instant::now(), samples: 0, rate: 0.0 }
    }

    fn add(&mut self, samples: usize) -> f64 {
        self.samples += samples;
        let t = self.since.elapsed().as_secs_f64();
        if t > 1.0 || self.rate == 0.0 {
            self.rate = self.samples as f64 / t.max(1e-9);
            (self.since, self.samples) = (std::time::Instant::now(), 0);
        }
        self.rate
    }
}

/// One epoch as a line of text.
fn line(e: &Epoch, epochs: u64) -> String {
    let mut s = format!(
        "epoch {:>3}/{epochs}  loss {:.4}  train {:.2} %  test {:.2} %  {:.1} s  {:.0} samples/s",
        e.epoch,
        e.train_loss,
        100.0 * e.train_accuracy,
        100.0 * e.test_accuracy,
        e.seconds,
        e.samples_per_second
    );
    if e.writes.natural > 0 {
        let w = &e.writes;
        s += &format!("  writes: natural {}, sorted {}, optimal {}", w.natural, w.sorted, w.optimal);
    }
    s
}

fn calibrate(args: CalibrateArgs) -> Result<()> {
    let normalization = match (args.mean, args.std) {
        (Some(mean), Some(std)) => Some(Normalization::given(mean, std)?),
        _ => None,
    };
    let recipe = Recipe { model: args.model, dataset: args.dataset, normalization, quantized: None };
    let options = Options {
        device: args.device,
        bits: args.bits,
        scale: if args.scale == "layer" { ScaleMode::Layer } else { ScaleMode::Row },
        images: args.images as usize,
        batch: usize::from(args.batch),
    };
    let bar = ProgressBar::new(0);
    bar.set_style(
        ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} layers, eta {eta}").context("progress bar")?,
    );
    let out = &args.output;
    let layers = elight_train::calibrate::calibrate(
        &args.weights,
        &recipe,
        args.data.as_deref(),
        &options,
        out,
        |done, all, layer| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
            bar.set_message(layer.name.clone());
        },
    );
    bar.finish_and_clear();
    let layers = layers?;
    let width = layers.iter().map(|l| l.name.len()).max().unwrap_or(0).max(5);
    println!("{:width$}  output error: nearest levels  calibrated  mean and spread corrected in", "layer");
    for l in &layers {
        let (nearest, calibrated) = (100.0 * l.nearest, 100.0 * l.calibrated);
        println!("{:width$}  {nearest:>26.2} %  {calibrated:>8.2} %  {}", l.name, l.corrected);
    }
    println!(
        "weights in {}: what it is worth says elight-train eval, and elight-plan takes it as it is",
        out.display()
    );
    Ok(())
}

fn eval(args: EvalArgs) -> Result<()> {
    let normalization = match (args.mean, args.std) {
        (Some(mean), Some(std)) => Some(Normalization::given(mean, std)?),
        _ => None,
    };
    let quantized = args.quantized.then(|| PcmConfig {
        device: args.device,
        bits: args.bits,
        reparam: "none".into(),
        scale: "row".into(),
        input_bits: 0,
        ..PcmConfig::default()
    });
    let recipe = Recipe { model: args.model, dataset: args.dataset, normalization, quantized };
    let bar = ProgressBar::new(0);
    let result = evaluate_file(&args.weights, &recipe, args.data.as_deref(), usize::from(args.batch), |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let r = result?;
    let (right, all) = (r.score.correct, r.score.samples);
    println!(
        "{}: {:.2} % ({right} of {all}), cross entropy {:.4}; {} on {}, {}",
        args.weights.display(),
        100.0 * right as f64 / all as f64,
        r.score.loss / all as f64,
        r.model,
        r.dataset,
        r.precision
    );
    for (what, names) in [("missing", &r.report.missing), ("left over", &r.report.left_over)] {
        if !names.is_empty() {
            println!("{what}: {}", names.join(", "));
        }
    }
    Ok(())
}
