//! `elight-train`: trains networks whose weights are cheap to write, and evaluates them.

use anyhow::{Result, anyhow, bail};
use clap::{Parser, Subcommand};
use elight::cli::{self, exit};
use elight::level::ScaleMode;
use elight::show::count;
use elight::show::names::printable;
use elight::show::screen::Tone;
use elight::show::table::Table;
use elight_train::calibrate::Options;
use elight_train::config::PcmConfig;
use elight_train::data::{DATASETS, Normalization};
use elight_train::eval::{Recipe, evaluate_file};
use elight_train::nn::model::MODELS;
use elight_train::{Config, End, Epoch, Event, Trainer};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

mod duration;

/// Train networks for photonic tensor cores: quantized to PCM levels, with losses that make the writes few.
#[derive(Debug, Parser)]
#[command(name = "elight-train", arg_required_else_help = true)]
struct Args {
    /// Threads to use (default: all); the results do not depend on it
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Print nothing but errors (and JSON objects, if asked for)
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say more: every epoch of a run that goes on, as it was before
    #[arg(short, long, global = true)]
    verbose: bool,
    /// Print JSON: an object an epoch, a line each; one object for everything else
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

/// How much is said, and in which form.
#[derive(Clone, Copy, Debug)]
struct Voice {
    quiet: bool,
    verbose: bool,
    json: bool,
}

impl Voice {
    /// Says a line to a person.
    fn say(self, line: &str) -> Result<()> {
        if self.quiet || self.json { Ok(()) } else { cli::print(&format!("{line}\n")) }
    }

    /// Gives a value to a program.
    fn give(self, value: &impl serde::Serialize) -> Result<()> {
        if self.json { cli::print(&format!("{}\n", serde_json::to_string(value)?)) } else { Ok(()) }
    }
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
        /// Train for so long (90s, 30m, 2h), then stop; the same command goes on where the last one stopped, bit for bit
        #[arg(long = "for", value_name = "TIME", value_parser = duration::parse)]
        span: Option<Duration>,
    },
    /// Continue a stopped run, bit for bit as if it had never stopped
    Resume {
        /// Directory of the run
        dir: PathBuf,
        /// Train for so long (90s, 30m, 2h), then stop
        #[arg(long = "for", value_name = "TIME", value_parser = duration::parse)]
        span: Option<Duration>,
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
    let args: Args = cli::parse();
    match run(args) {
        Ok(End::Stopped) => ExitCode::from(exit::INTERRUPTED),
        Ok(End::Early | End::Finished) => ExitCode::SUCCESS,
        Err(error) => cli::finish(Err(error), |_| exit::FAILED),
    }
}

fn run(args: Args) -> Result<End> {
    if let Some(n) = args.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(n.into())
            .build_global()
            .map_err(|e| anyhow!("cannot start the threads: {e}"))?;
    }
    let voice = Voice { quiet: args.quiet, verbose: args.verbose, json: args.json };
    match args.command {
        None => bail!("a command is needed, as in: elight-train train configs/digits-mlp.toml"),
        Some(Command::Train { config, set, span }) => {
            let config = Config::load(&config, &set)?;
            let trainer = if span.is_some() { Trainer::new_or_resume(config)? } else { Trainer::new(config)? };
            return train(trainer, span, voice);
        }
        Some(Command::Resume { dir, span }) => return train(Trainer::resume(&dir)?, span, voice),
        Some(Command::Eval(e)) => eval(e, voice),
        Some(Command::Calibrate(c)) => calibrate(c, voice),
        Some(Command::Models) => list(&MODELS, voice),
        Some(Command::Datasets) => list(&DATASETS, voice),
    }?;
    Ok(End::Finished)
}

fn list(entries: &[(&str, &str)], voice: Voice) -> Result<()> {
    for (name, text) in entries {
        voice.say(&format!("{name:<14} {text}"))?;
    }
    voice.give(&entries.iter().copied().collect::<BTreeMap<_, _>>())
}

/// Trains until the end, until Ctrl-C, or for `span`, which is an end as well.
fn train(mut trainer: Trainer, span: Option<Duration>, voice: Voice) -> Result<End> {
    let deadline = span.and_then(|span| Instant::now().checked_add(span));
    let mut in_time = false;
    let stop = Arc::new(AtomicBool::new(false));
    let handler = stop.clone();
    ctrlc::set_handler(move || {
        // A second Ctrl-C does not wait for the step.
        if handler.swap(true, Ordering::Relaxed) {
            std::process::exit(exit::INTERRUPTED.into());
        }
    })
    .map_err(|e| anyhow!("cannot catch Ctrl-C: {e}"))?;
    let out = trainer.config().train.out.clone();
    let epochs = trainer.config().train.epochs;
    voice.say(&format!("{} on {}, into {}", trainer.config().model.name, trainer.config().data.name, out.display()))?;
    let before = trainer.history();
    if let Some(last) = before.last() {
        for e in before.iter().filter(|_| voice.verbose) {
            voice.say(&format!("before: {}", line(e, epochs)))?;
        }
        let best = trainer.best().map(|best| format!(", the best so far: {}", judged(best))).unwrap_or_default();
        voice.say(&format!("goes on after epoch {}/{epochs}{best}", last.epoch))?;
    }
    let steps = trainer.steps_per_epoch();
    let bar = cli::bar(voice.quiet || voice.json, "{prefix} {wide_bar} {pos} of {len} steps, {eta} left, {msg}");
    bar.set_length(steps);
    let mut mean = 0.0;
    let mut pace = Pace::new();
    let mut said = Ok(());
    let end = trainer.run(&stop, &mut |event| match event {
        Event::Step { epoch, done, loss, samples, .. } => {
            mean = if done == 1 { loss } else { 0.95 * mean + 0.05 * loss };
            bar.set_prefix(format!("epoch {epoch}/{epochs}"));
            bar.set_position(done);
            bar.set_message(format!("loss {mean:.4}, {:.0} samples/s", pace.add(samples)));
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                stop.store(true, Ordering::Relaxed);
                in_time = true;
            }
        }
        Event::Epoch(e) => {
            let printed = bar.suspend(|| voice.say(&line(e, epochs)).and_then(|()| voice.give(e)));
            // Training goes on where nothing can be printed; that is said at the end.
            if said.is_ok() {
                said = printed;
            }
            bar.reset();
        }
    })?;
    bar.finish_and_clear();
    said?;
    match end {
        End::Stopped if in_time => {
            let goes_on = "stopped in time; the same command goes on, and so does: elight-train resume";
            voice.say(&format!("{goes_on} {}", out.display()))?;
            return Ok(End::Finished);
        }
        End::Stopped => voice.say(&format!("stopped; go on with: elight-train resume {}", out.display()))?,
        End::Early => {
            let patience = count(trainer.config().train.patience, "epoch");
            voice.say(&format!("no better accuracy on the held-out images for {patience}: done"))?;
        }
        End::Finished => {}
    }
    if end != End::Stopped
        && let Some(best) = trainer.best()
    {
        let which = if best.validation_accuracy.is_some() { "best" } else { "last (no images were held out)" };
        let weights = out.join("best.safetensors");
        voice.say(&format!("{which}: {}; weights in {}", judged(best), weights.display()))?;
    }
    Ok(end)
}

/// Samples per second over the last second or so.
struct Pace {
    since: Instant,
    samples: usize,
    rate: f64,
}

impl Pace {
    fn new() -> Self {
        Self { since: Instant::now(), samples: 0, rate: 0.0 }
    }

    fn add(&mut self, samples: usize) -> f64 {
        self.samples += samples;
        let t = self.since.elapsed().as_secs_f64();
        if t > 1.0 || self.rate == 0.0 {
            self.rate = self.samples as f64 / t.max(1e-9);
            (self.since, self.samples) = (Instant::now(), 0);
        }
        self.rate
    }
}

/// An epoch, and what its network is worth.
fn judged(e: &Epoch) -> String {
    let held_out =
        e.validation_accuracy.map(|part| format!("{:.2} % of the held-out images, ", 100.0 * part)).unwrap_or_default();
    format!("epoch {}, {held_out}{:.2} % of the test images", e.epoch, 100.0 * e.test_accuracy)
}

/// One epoch as a line of text.
fn line(e: &Epoch, epochs: u64) -> String {
    let held_out = e.validation_accuracy.map(|part| format!("  held out {:.2} %", 100.0 * part)).unwrap_or_default();
    let mut s = format!(
        "epoch {:>3}/{epochs}  loss {:.4}  train {:.2} %{held_out}  test {:.2} %  {:.1} s  {:.0} samples/s",
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

fn calibrate(args: CalibrateArgs, voice: Voice) -> Result<()> {
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
    let bar = cli::bar(voice.quiet, "{msg} {wide_bar} {pos} of {len} layers, {eta} left");
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
    let mut table =
        Table::new(&[("layer", 0), ("nearest levels", 0), ("calibrated", 0), ("mean and spread corrected in", 1)])
            .words(3);
    for l in &layers {
        let percent = |share: f64| format!("{:.2} %", 100.0 * share);
        table.row([printable(&l.name), percent(l.nearest), percent(l.calibrated), l.corrected.to_string()]);
    }
    let screen = cli::screen();
    let note = format!(
        "errors of the layers' outputs; weights in {}: what it is worth says elight-train eval, and elight-plan takes it as it is",
        out.display()
    );
    voice.say((table.print(&screen) + &screen.paragraph(Tone::Quiet, &note)).trim_end())?;
    let layers: Vec<_> = layers
        .iter()
        .map(|l| serde_json::json!({"layer": l.name, "nearest": l.nearest, "calibrated": l.calibrated}))
        .collect();
    voice.give(&serde_json::json!({"output": out.display().to_string(), "layers": layers}))
}

fn eval(args: EvalArgs, voice: Voice) -> Result<()> {
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
    let bar = cli::bar(voice.quiet, "{wide_bar} {pos} of {len} images, {eta} left");
    let result = evaluate_file(&args.weights, &recipe, args.data.as_deref(), usize::from(args.batch), |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let r = result?;
    let (right, all) = (r.score.correct, r.score.samples);
    let (accuracy, loss) = (right as f64 / all as f64, r.score.loss / all as f64);
    voice.say(&format!(
        "{}: {:.2} % ({right} of {all}), cross entropy {loss:.4}; {} on {}, {}",
        args.weights.display(),
        100.0 * accuracy,
        r.model,
        r.dataset,
        r.precision
    ))?;
    for (what, names) in [("missing", &r.report.missing), ("left over", &r.report.left_over)] {
        if !names.is_empty() {
            voice.say(&format!("{what}: {}", names.join(", ")))?;
        }
    }
    voice.give(&serde_json::json!({
        "weights": args.weights.display().to_string(), "model": r.model, "dataset": r.dataset,
        "precision": r.precision.to_string(), "images": all, "correct": right, "accuracy": accuracy, "cross_entropy": loss,
    }))
}
