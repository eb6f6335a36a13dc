//! `elight-sim`: as a user meets it, and that what it computes is what the schedule programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use elight::faults::FaultFile;
use elight::level::ScaleMode;
use elight::order::{Order, Reach};
use elight::plan::{PlanOptions, QuantizationRequest, Unobserved};
use elight::weights::{Filter, Layout, Network};
use elight_train::checkpoint;
use elight_train::nn::model::{ModelSpec, build};
use elight_train::nn::{Shape, init};
use serde_json::Value;
use tempfile::TempDir;

const DIGITS: &str = "fixtures/digits-mlp-4bit.safetensors";

/// The folder of the README: paths in commands start there.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Plans weights as `elight-plan` does, with some options changed.
fn plan(weights: &str, core: &str, to: &Path, change: impl FnOnce(&mut PlanOptions)) {
    let weights = Path::new(ROOT).join(weights);
    let network = Network::open(&weights, Layout::Auto, &Filter::default()).unwrap();
    let (device, quantization) = QuantizationRequest::default().resolve(&weights, network.metadata()).unwrap();
    let mut options = PlanOptions { quantization, ..PlanOptions::new(core.parse().unwrap(), device) };
    change(&mut options);
    elight::plan::plan(&network, &options, to, &[], &Unobserved).unwrap();
}

fn sim(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_elight-sim")).current_dir(ROOT).args(args).output().unwrap()
}

fn json(args: &[&str]) -> Value {
    let out = sim(&[args, &["--json", "--quiet"]].concat());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn fails_with(args: &[&str], messages: &[&str]) {
    let out = sim(args);
    let err = String::from_utf8_lossy(&out.stderr);
    assert!(!out.status.success() && !err.contains("panicked"), "{args:?}: {err}");
    for message in messages {
        assert!(err.contains(message), "{args:?}: expected `{message}` in {err}");
    }
}

/// A folder with the schedule of the shipped network for a 9x9 core.
fn digits() -> (TempDir, String) {
    let dir = TempDir::new().unwrap();
    let schedule = dir.path().join("digits.elight");
    plan(DIGITS, "9x9", &schedule, |_| {});
    (dir, schedule.to_str().unwrap().to_owned())
}

/// A network of random weights for the digits.
fn random(dir: &TempDir, model: &str, seed: u64) -> PathBuf {
    let spec = ModelSpec {
        name: model.into(),
        input: Shape::new(1, 8, 8, 1),
        classes: 10,
        hidden: vec![],
        dropout: 0.0,
        pcm: None,
    };
    let mut network = build(&spec).unwrap();
    init::initialize(&mut network, seed);
    let path = dir.path().join(format!("{model}-{seed}.safetensors"));
    checkpoint::save(&path, &mut network, &Default::default()).unwrap();
    path
}

#[test]
fn the_ideal_core_is_the_quantized_network() {
    let (_dir, schedule) = digits();
    let found = json(&[&schedule, "--weights", DIGITS]);
    // What `elight-train eval` finds (src/train/tests/cli.rs).
    assert_eq!(found["quantized"]["correct"], 353);
    assert_eq!(found["core_scores"][0], found["quantized"]);
    assert_eq!(found["core_scores"].as_array().unwrap().len(), 1, "without chance one core is enough");
    assert_eq!(found["proof"]["integer_outputs"], 64 + 128 + 10);
    assert_eq!(found["dac_bits"], 4);
    assert!(sim(&[&schedule, "--weights", DIGITS, "--quiet"]).stdout.is_empty());
}

/// Convolutions of all kinds, residual blocks, a core of another shape and another order: every run steps an image through the
/// firmware model, and fails where it differs.
#[test]
fn convolutions_are_stepped_too() {
    let dir = TempDir::new().unwrap();
    let natural: fn(&mut PlanOptions) = |options| options.order = Order::Natural;
    let one_scale: fn(&mut PlanOptions) = |options| options.quantization.scale = ScaleMode::Layer;
    let lanes: fn(&mut PlanOptions) = |options| options.reach = Reach::Lane;
    for (model, core, change) in
        [("cnn", "5x7", natural), ("resnet20", "64x64", one_scale), ("resnet18", "16x9", lanes)]
    {
        if model == "resnet18" && cfg!(debug_assertions) {
            continue; // eleven million weights take too long without optimisation
        }
        let weights = random(&dir, model, 1);
        let weights = weights.to_str().unwrap();
        let schedule = dir.path().join("s.elight");
        plan(weights, core, &schedule, change);
        let args = [schedule.to_str().unwrap(), "--weights", weights, "--model", model, "--dataset", "digits"];
        let few = ["--images", "3", "--layer-images", "0", "--seeds", "1"];
        let exact = json(&[&args[..], &few].concat());
        assert_eq!(exact["core_scores"][0], exact["quantized"], "{model}");
        let noisy = json(
            &[&args[..], &few, &["--noise", "electrical-pcm", "--drift", "3600", "--adc", "8", "--dac", "8"]].concat(),
        );
        for found in [exact, noisy] {
            assert!(found["proof"]["outputs"].as_u64().unwrap() > 1000);
            assert!(found["proof"]["largest_difference"].as_f64().unwrap() < 1e-4);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_cores_on_any_number_of_threads() {
    let (_dir, schedule) = digits();
    let args = [&schedule, "--weights", DIGITS, "--noise", "electrical-pcm", "--adc", "7", "--drift", "1000"];
    let one = json(&[&args[..], &["--threads", "1"]].concat());
    assert_eq!(one, json(&[&args[..], &["--threads", "3"]].concat()));
    let other = json(&[&args[..], &["--seed", "2"]].concat());
    // Seeds 1, 2, 3 and 2, 3, 4: shifted by one.
    assert_eq!(one["core_scores"][1], other["core_scores"][0]);
    assert_ne!(one["core_scores"], other["core_scores"]);
}

/// Noise costs what its size says, and fine converters cost nothing.
#[test]
fn noise_and_converters_cost_accuracy() {
    let (dir, schedule) = digits();
    let loss = |more: &[&str]| {
        let found = json(&[&[&schedule, "--weights", DIGITS, "--layer-images", "0", "--seeds", "1"], more].concat());
        let of = |s: &Value| s["cross_entropy"].as_f64().unwrap();
        of(&found["core_scores"][0]) - of(&found["quantized"])
    };
    let file = dir.path().join("noise.toml");
    let noise = |sigma: f64| {
        std::fs::write(&file, format!("name='n'\ntitle='t'\nsource='s'\n[programming]\nsigma=[{sigma},0.0,0.0]"))
            .unwrap();
        loss(&["--noise", file.to_str().unwrap()])
    };
    assert!(noise(0.0001).abs() < 1e-3);
    assert!(noise(0.2) > 0.1);
    assert!(loss(&["--adc", "20"]).abs() < 1e-3);
    assert!(loss(&["--adc", "3"]) > 0.1);
    assert!(loss(&["--dac", "1"]) > 0.1);
}

/// Stuck cells cost a plan that does not know of them; one that does loses nothing.
#[test]
fn a_plan_around_stuck_cells_loses_nothing() {
    let (dir, plain) = digits();
    let device = elight::level::DeviceProfile::load("elight", Some(4)).unwrap();
    let crc = device.identity_crc();
    let cell = |row, col, side, level| {
        format!("[[fault]]\nrow={row}\ncol={col}\nside='{side}'\nkind='stuck'\nlevel={level}\n")
    };
    let cells: String = (0..8).map(|i| cell(i, (3 * i + 1) % 9, ["plus", "minus"][i % 2], 15)).collect();
    let faults = dir.path().join("faults.toml");
    std::fs::write(&faults, format!("core='9x9'\ndevice='elight'\ndevice_crc={crc}\n{cells}")).unwrap();
    let around = dir.path().join("around.elight");
    plan(DIGITS, "9x9", &around, |options| {
        let read = FaultFile::read(&faults).unwrap().faults(&faults, options.core, &options.device).unwrap();
        options.condition.faults = Some(vec![read]);
    });
    let faults = faults.to_str().unwrap();
    let run = |schedule: &str| json(&[schedule, "--weights", DIGITS, "--faults", faults, "--layer-images", "0"]);
    let found = run(around.to_str().unwrap());
    assert_eq!(found["core_scores"][0]["correct"], 353);
    assert_eq!(found["stuck_cells"], 8);
    assert!(run(&plain)["core_scores"][0]["correct"].as_u64().unwrap() < 340);
    fails_with(&[&plain, "--weights", DIGITS, "--faults", "/nowhere.toml"], &["cannot read /nowhere.toml"]);
}

#[test]
fn mistakes_are_explained() {
    let (dir, schedule) = digits();
    let base = [schedule.as_str(), "--weights", DIGITS];
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    // Weights that were changed after the plan: the error names both files, the layer and the level on either side.
    let mut changed = std::fs::read(Path::new(ROOT).join(DIGITS)).unwrap();
    let end = changed.len();
    changed[end - 64..].iter_mut().for_each(|b| *b ^= 0x80);
    let changed_path = dir.path().join("changed.safetensors");
    std::fs::write(&changed_path, changed).unwrap();
    let changed = changed_path.to_str().unwrap();
    fails_with(&[&schedule, "--weights", changed], &["is not of", "changed.safetensors", "layer `layers.", "at level"]);
    let cnn = random(&dir, "cnn", 1);
    let args = [&schedule, "--weights", cnn.to_str().unwrap(), "--model", "cnn", "--dataset", "digits"];
    fails_with(&args, &["digits.elight", "layer `layers.0.weight` of the schedule is not one of", "cnn-1.safetensors"]);
    fails_with(
        &[&base[..], &["--model", "cnn"]].concat(),
        &["does not hold this model", "conv_layers.0.weight", "the model is `cnn` for images of `digits`: 8x8"],
    );
    fails_with(&[&base[..], &["--model", "vgg9"]].concat(), &["model `vgg9` is not known"]);
    fails_with(&[&base[..], &["--seeds", "0"]].concat(), &["--seeds", "1.."]);
    // The cause is said once.
    let nowhere = sim(&[&base[..], &["--faults", "nowhere.toml"]].concat());
    let nowhere = String::from_utf8(nowhere.stderr).unwrap();
    assert!(
        nowhere.starts_with("error: cannot read nowhere.toml") && nowhere.matches("os error").count() == 1,
        "{nowhere}"
    );
    fails_with(&[&base[..], &["--dataset", "mnist", "--data", "/nowhere"]].concat(), &["found none of"]);
    // Data of another shape, and half a file of it.
    let images: Vec<u8> = (0..7 * 3073).map(|i| if i % 3073 == 0 { 1 } else { i as u8 }).collect();
    for name in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"] {
        std::fs::write(dir.path().join(format!("{name}.bin")), &images).unwrap();
    }
    let data = dir.path().to_str().unwrap();
    fails_with(
        &[&base[..], &["--data", data, "--mean", "0,0,0", "--std", "1,1,1"]].concat(),
        &[
            "has the shape [128, 64], the model expects [128, 3072]",
            "`mlp` for images of `cifar10`: 32x32, channels: 3",
        ],
    );
    std::fs::write(dir.path().join("test_batch.bin"), &images[..5000]).unwrap();
    fails_with(
        &[&base[..], &["--data", data]].concat(),
        &["test_batch.bin", "5000 bytes", "multiple of the 3073 bytes"],
    );
    let core = file("core.toml", "core='8x8'\ndevice='elight'\ndevice_crc=1\n");
    fails_with(&[&base[..], &["--faults", &core]].concat(), &["core.toml", "8x8", "9x9"]);
    let unnamed = random(&dir, "resnet20", 2);
    let unnamed = [&schedule, "--weights", unnamed.to_str().unwrap(), "--dataset", "digits"];
    fails_with(&unnamed, &["--model", "resnet20-2.safetensors do not say it", "vgg8"]);
    fails_with(&[&base[..], &["--device", "gst-optical"]].concat(), &["planned for device `elight`", "`gst-optical`"]);
    fails_with(&[DIGITS, "--weights", DIGITS], &["is not a schedule"]);
    fails_with(&["/nowhere.elight", "--weights", DIGITS], &["cannot read /nowhere.elight"]);
    let mut damaged = std::fs::read(&schedule).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let damaged_path = dir.path().join("damaged.elight");
    std::fs::write(&damaged_path, damaged).unwrap();
    fails_with(&[damaged_path.to_str().unwrap(), "--weights", DIGITS], &["the controller refuses it"]);
    let head = "name='x'\ntitle='y'\nsource='z'\n";
    let unknown = file("unknown.toml", &format!("{head}[programming]\nsigmas=[0.1,0.0,0.0]"));
    fails_with(&[&base[..], &["--noise", &unknown]].concat(), &["unknown.toml", "sigmas"]);
    let negative = file("negative.toml", &format!("{head}[programming]\nsigma=[-0.1,0.0,0.0]"));
    fails_with(&[&base[..], &["--noise", &negative]].concat(), &["negative.toml", "is -0.1, expected a number of 0"]);
    fails_with(&[&base[..], &["--noise", "loud"]].concat(), &["noise `loud`", "electrical-pcm, optical-pcm"]);
    fails_with(&[&base[..], &["--drift", "5"]].concat(), &["--drift needs a noise model"]);
    fails_with(
        &[&base[..], &["--drift", "-5", "--noise", "electrical-pcm"]].concat(),
        &["expected seconds, 0 or above"],
    );
}

/// What README.md and docs/simulation.md show.
#[test]
fn the_simulation_shown_is_what_is_printed() {
    let folder = TempDir::new().unwrap();
    plan(DIGITS, "9x9", &folder.path().join("digits.elight"), |_| {});
    let mut command = Command::new(env!("CARGO_BIN_EXE_elight-sim"));
    command
        .args(["digits.elight", "--noise", "electrical-pcm", "--adc", "6", "--weights"])
        .env("COLUMNS", "80")
        .arg(Path::new(ROOT).join(DIGITS));
    let printed = String::from_utf8(command.current_dir(folder.path()).output().unwrap().stdout).unwrap();
    for (page, first) in [("README.md", "mlp on digits"), ("docs/simulation.md", "mlp on digits")] {
        let text = std::fs::read_to_string(Path::new(ROOT).join(page)).unwrap();
        let from =
            text.find(&format!("```text\n{first}")).unwrap_or_else(|| panic!("{page}: no block begins with `{first}`"));
        let shown: Vec<&str> = text[from..].lines().skip(1).take_while(|line| *line != "```").collect();
        let shown = shown.join("\n");
        assert!(printed.contains(&shown), "{page} shows\n{shown}\nbut this is printed:\n{printed}");
    }
}
