//! Whole runs: the same bits for any number of threads, exact resuming, files that others can read.

use elight_train::nn::model::{ModelSpec, build};
use elight_train::{Config, End, Event, Trainer, checkpoint};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// A small convolutional network on the shipped digits, with everything on: dropout, noise, changed images, a write loss.
fn config(out: &Path, method: &str) -> Config {
    let text = format!(
        r#"
[data]
name = "digits"
batch = 64
augment = {{ crop_padding = 1, flip = false }}
[model]
name = "cnn"
dropout = 0.2
[pcm]
bits = 4
core = "9x9"
quant_noise = 0.8
[write_loss]
method = "{method}"
weight = 1.0
warmup_epochs = 1.0
[optimizer]
kind = "adamw"
lr = 0.002
weight_decay = 0.01
[schedule]
kind = "one-cycle"
[train]
epochs = 2
clip = 5.0
label_smoothing = 0.1
out = '{}'
"#,
        out.display()
    );
    Config::parse(&text, "test", &[]).unwrap()
}

fn finish(trainer: &mut Trainer) {
    assert_eq!(trainer.run(&AtomicBool::new(false), &mut |_| {}).unwrap(), End::Finished);
}

fn weights(dir: &Path) -> Vec<u8> {
    std::fs::read(dir.join("last.safetensors")).unwrap()
}

#[test]
fn threads_do_not_change_the_bits() {
    let run = |threads, method| {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("run");
        let mut c = config(&out, method);
        c.train.epochs = 1;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| finish(&mut Trainer::new(c).unwrap()));
        weights(&out)
    };
    let one = run(1, "quantile");
    assert!(one == run(2, "quantile") && one == run(3, "quantile"), "weights differ");
    assert!(one != run(1, "l2-row"), "the write loss has no effect");
    assert!(run(1, "tour") == run(3, "tour"), "weights differ");
}

#[test]
fn a_stopped_run_continues_bit_for_bit() {
    // The paths of `tour` are older than the weights.
    ["l2-row", "tour"].into_iter().for_each(stopped_and_resumed);
}

fn stopped_and_resumed(method: &str) {
    let dir = tempfile::tempdir().unwrap();
    let (whole, parts) = (dir.path().join("whole"), dir.path().join("parts"));
    finish(&mut Trainer::new(config(&whole, method)).unwrap());

    // Stopped twice within the first epoch, and once within the second.
    let stop = AtomicBool::new(false);
    let mut trainer = Trainer::new(config(&parts, method)).unwrap();
    for at in [(1, 3), (1, 9), (2, 15)] {
        stop.store(false, Ordering::Relaxed);
        let end = trainer.run(&stop, &mut |e| {
            if let Event::Step { epoch, done, .. } = e
                && (epoch, done) == at
            {
                stop.store(true, Ordering::Relaxed);
            }
        });
        assert_eq!(end.unwrap(), End::Stopped);
        trainer = Trainer::resume(&parts).unwrap();
    }
    finish(&mut trainer);
    assert!(weights(&whole) == weights(&parts), "weights differ");
    let strip = |dir: &Path| {
        // All but the times.
        let text = std::fs::read_to_string(dir.join("metrics.csv")).unwrap();
        text.lines().map(|l| l.rsplitn(3, ',').last().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(strip(&whole), strip(&parts));
    assert_eq!(strip(&whole).len(), 3);
}

#[test]
fn a_run_leaves_what_it_promises() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let mut trainer = Trainer::new(config(&out, "quantile")).unwrap();
    finish(&mut trainer);
    for file in ["config.toml", "metrics.csv", "metrics.jsonl", "curves.svg", "best.safetensors", "state.safetensors"] {
        assert!(out.join(file).is_file(), "{file} is missing");
    }
    assert_eq!(Config::load(&out.join("config.toml"), &[]).unwrap(), *trainer.config());
    let file = checkpoint::File::open(&out.join("last.safetensors")).unwrap();
    for (key, value) in [
        ("elight.format", "1"),
        ("elight.bits", "4"),
        ("elight.device", "elight"),
        ("elight.scale", "layer"),
        ("elight.reparam", "tanh"),
        ("elight.tile", "9x9"),
        ("elight.model", "cnn"),
    ] {
        assert_eq!(file.metadata.get(key).map(String::as_str), Some(value), "{key}");
    }
    // The metrics are those of an evaluation of the file.
    let recipe = elight_train::eval::Recipe::default();
    let path = out.join("last.safetensors");
    let e = elight_train::eval::evaluate_file(&path, &recipe, None, 64, |_, _| {}).unwrap();
    let last = trainer.history().last().unwrap();
    assert_eq!(e.score.correct as f64 / e.score.samples as f64, last.test_accuracy);
    assert_eq!(e.precision, "4-bit weights, 4-bit inputs");
    // A directory with a run is not overwritten.
    let again = Trainer::new(config(&out, "quantile")).unwrap_err().to_string();
    assert!(again.contains("holds a run already"), "{again}");
}

/// Where the shared networks and data are at hand, the forward pass gives their published accuracy.
#[test]
fn published_networks_load_by_name() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/models");
    if !shared.is_dir() {
        println!("skipped: no {}", shared.display());
        return;
    }
    for (file, model, side, channels) in [("resnet20-cifar10", "resnet20", 32, 3), ("mnist-cnn", "cnn", 28, 1)] {
        let input = elight_train::nn::Shape::new(1, side, side, channels);
        let spec = ModelSpec { name: model.into(), input, classes: 10, hidden: vec![], dropout: 0.0, pcm: None };
        let mut network = build(&spec).unwrap();
        let report = checkpoint::File::open(&shared.join(format!("{file}.safetensors"))).unwrap();
        let report = report.load_into(&mut network).unwrap();
        assert_eq!(report, checkpoint::LoadReport::default(), "{file}");
    }
}

/// Every ready-made config is valid, and its model takes its data.
#[test]
fn ready_configs_are_valid() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    let mut count = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let config = Config::load(&path, &[]).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let (side, channels, classes) = match config.data.name.as_str() {
            "digits" => (8, 1, 10),
            "mnist" | "fashion-mnist" => (28, 1, 10),
            "cifar10" => (32, 3, 10),
            _ => (32, 3, 100),
        };
        let spec = ModelSpec {
            name: config.model.name.clone(),
            input: elight_train::nn::Shape::new(1, side, side, channels),
            classes,
            hidden: config.model.hidden.clone(),
            dropout: config.model.dropout,
            pcm: config.pcm.as_ref().map(|p| p.settings().unwrap()),
        };
        build(&spec).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        count += 1;
    }
    assert!(count >= 8);
}
