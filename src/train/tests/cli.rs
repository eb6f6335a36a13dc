//! The command line, as a user meets it.

use std::path::Path;
use std::process::{Command, Output};

fn elight_train(args: &[&str]) -> Output {
    let mut c = Command::new(env!("CARGO_BIN_EXE_elight-train"));
    c.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn fails_with(args: &[&str], message: &str) {
    let out = elight_train(args);
    assert!(!out.status.success(), "{args:?} should fail");
    let err = text(&out.stderr);
    assert!(err.contains(message), "{args:?}: {err}");
    assert!(!err.contains("panicked"), "{args:?}: {err}");
}

#[test]
fn lists() {
    assert!(text(&elight_train(&["models"]).stdout).contains("resnet56"));
    assert!(text(&elight_train(&["datasets"]).stdout).contains("digits"));
}

#[test]
fn the_shipped_network_is_as_good_as_its_note_says() {
    let out = elight_train(&["eval", "fixtures/digits-mlp-4bit.safetensors"]);
    let text = text(&out.stdout);
    assert!(text.contains("98.33 % (353 of 359)") && text.contains("4-bit weights, 4-bit inputs"), "{text}");
}

#[test]
fn mistakes_are_explained() {
    fails_with(&["train", "nowhere.toml"], "nowhere.toml");
    fails_with(&["train", "configs/digits-mlp.toml", "--set", "train.epoch=1"], "unknown field `epoch`");
    fails_with(&["train", "configs/digits-mlp.toml", "--set", "model.name=vgg"], "choose one of mlp, cnn");
    fails_with(&["train", "configs/mnist-cnn.toml", "--set", "data.dir=/nowhere"], "found none of train-images");
    fails_with(&["resume", "configs"], "config.toml");
    fails_with(&["eval", "configs/digits-mlp.toml", "--model", "mlp"], "not a readable safetensors file");
    let untold = ["eval", "fixtures/mnist-cnn.safetensors", "--model", "cnn"];
    fails_with(&untold, "the metadata of the weights do not say it; choose one of digits, mnist");
    fails_with(&[&untold[..], &["--data", "configs"]].concat(), "the files in configs do not say it");
    fails_with(&["eval", "fixtures/digits-mlp-4bit.safetensors", "--model", "cnn"], "does not hold this model");
    fails_with(&["eval", "fixtures/digits-mlp-4bit.safetensors", "--dataset", "mnist"], "--data DIR");
    let digits = ["eval", "fixtures/digits-mlp-4bit.safetensors", "--data", "configs"];
    fails_with(&digits, "data set `digits` is shipped with the program and reads no files, but configs was given");
    fails_with(&["train", "configs/digits-mlp.toml", "--set", "data.dir=/nowhere"], "reads no files, but /nowhere");
    fails_with(&["models", "--threads", "0"], "0 is not in 1..=65535");
}

/// Ctrl-C stores the state; `resume` finishes.
#[cfg(unix)]
#[test]
fn interrupt_and_resume() {
    use std::io::{BufRead, BufReader};
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let set = format!("train.out={}", out.display());
    let mut child = Command::new(env!("CARGO_BIN_EXE_elight-train"))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .args(["train", "configs/digits-mlp.toml", "--set", &set, "--set", "train.epochs=100000"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // After the first epoch's line.
    while !lines.next().unwrap().unwrap().contains("epoch   1/") {}
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "as shells count an interruption");
    assert!(rest.last().unwrap().contains("elight-train resume"), "{rest:?}");
    // Let the run end with the epoch that it was stopped in.
    let config = out.join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let done = std::fs::read_to_string(out.join("metrics.csv")).unwrap().lines().count();
    std::fs::write(&config, text.replace("epochs = 100000", &format!("epochs = {done}"))).unwrap();
    let o = elight_train(&["resume", out.to_str().unwrap()]);
    assert!(o.status.success(), "{}", String::from_utf8_lossy(&o.stderr));
    assert!(Path::new(&out).join("best.safetensors").is_file());
    assert_eq!(std::fs::read_to_string(out.join("metrics.csv")).unwrap().lines().count(), done + 1);
}

/// `--for` stops and goes on by itself, to the same bits as a run that never stopped.
#[test]
fn one_command_until_it_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let run = |name: &str, more: &[&str]| {
        let set = format!("train.out={}", dir.path().join(name).display());
        let args = ["train", "configs/digits-mlp.toml", "--set", "train.epochs=3", "--set", &set];
        let out = elight_train(&[&args[..], more].concat());
        assert!(out.status.success(), "{}", text(&out.stderr));
        text(&out.stdout)
    };
    run("whole", &[]);
    let mut stops = 0;
    while run("parts", &["--for", "0.02s"]).contains("stopped in time") {
        stops += 1;
        assert!(stops < 1000);
    }
    assert!(stops > 1, "3 epochs in {stops} stops: too quick to prove anything");
    let weights = |name: &str| std::fs::read(dir.path().join(name).join("last.safetensors")).unwrap();
    assert!(weights("whole") == weights("parts"), "weights differ after {stops} stops");
    // Done is done; and a run of another configuration is left alone.
    assert!(run("parts", &["--for", "1s"]).contains("best: epoch "));
    let set = format!("train.out={}", dir.path().join("parts").display());
    fails_with(&["train", "configs/digits-mlp.toml", "--set", &set, "--for", "1s"], "a run of another configuration");
    fails_with(&["train", "configs/digits-mlp.toml", "--for", "2"], "expected a number with s, m, h or d");
}
