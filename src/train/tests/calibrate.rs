//! `elight-train calibrate`: levels chosen with images, as a user meets it and as numbers.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use elight::level::{DeviceProfile, Quantizer, Reparam, ScaleMode};
use elight::plan::{PlanOptions, QuantizationRequest, Unobserved, plan};
use elight::weights::{Filter, Layout, Network};
use elight_train::calibrate::{Options, calibrate};
use elight_train::checkpoint::{self, File};
use elight_train::data::{Dataset, Normalization};
use elight_train::eval::Recipe;
use elight_train::nn::model::{ModelSpec, build};
use elight_train::nn::pcm::PcmSettings;
use elight_train::nn::{Ctx, Layer, Mode, Sequential, Shape, Tensor, init};
use tempfile::TempDir;

fn train(args: &[&str]) -> Output {
    let mut c = Command::new(env!("CARGO_BIN_EXE_elight-train"));
    c.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).args(args).output().unwrap()
}

fn spec(model: &str, bits: Option<u8>) -> ModelSpec {
    let settings = |bits| PcmSettings {
        device: DeviceProfile::load("elight", Some(bits)).unwrap(),
        reparam: Reparam::None,
        scale: ScaleMode::Row,
        input_bits: None,
        quant_noise: 1.0,
        noise: None,
    };
    ModelSpec {
        name: model.into(),
        input: Shape::new(1, 8, 8, 1),
        classes: 10,
        hidden: if model == "mlp" { vec![24] } else { vec![] },
        dropout: 0.0,
        pcm: bits.map(settings),
    }
}

/// The metadata that a multilayer perceptron cannot do without.
fn hidden(model: &str) -> BTreeMap<String, String> {
    if model == "mlp" { BTreeMap::from([("elight.hidden".to_owned(), "24".to_owned())]) } else { BTreeMap::new() }
}

fn load(path: &Path, model: &str, bits: Option<u8>) -> Sequential {
    let mut network = build(&spec(model, bits)).unwrap();
    File::open(path).unwrap().load_into(&mut network).unwrap();
    network
}

/// The answers to some digits.
fn answers(network: &mut Sequential) -> Vec<f32> {
    let digits = Dataset::open("digits", None).unwrap();
    let images = &digits.test.images[..40 * 64];
    let data = images.iter().map(|v| (f32::from(*v) / 255.0 - 0.02) / 0.02).collect();
    network.forward(Tensor { shape: Shape::new(40, 8, 8, 1), data }, &mut Ctx::new(Mode::Eval, 0)).data
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum()
}

/// An image gives the perceptron one vector of 64 inputs, but a convolution many.
fn options(model: &str) -> Options {
    let images = if model == "mlp" { 480 } else { 24 };
    Options { device: "elight".into(), bits: Some(3), scale: ScaleMode::Row, images, batch: 8 }
}

fn recipe(model: &str) -> Recipe {
    let normalization = Some(Normalization { mean: vec![0.02], std: vec![0.02] });
    Recipe { model: Some(model.into()), dataset: Some("digits".into()), normalization, quantized: None }
}

/// With batch norm (residual blocks) and with biases: the answers are much nearer to the original's than with every weight at its nearest
/// level; the weights lie on the levels; and the same input gives the same bytes.
#[test]
fn answers_stay_near_the_original() {
    let dir = TempDir::new().unwrap();
    for model in ["mlp", "resnet20"] {
        let (original, out) = (dir.path().join("original"), dir.path().join("out"));
        let mut network = build(&spec(model, None)).unwrap();
        init::initialize(&mut network, 5);
        checkpoint::save(&original, &mut network, &hidden(model)).unwrap();
        let layers = calibrate(&original, &recipe(model), None, &options(model), &out, |_, _, _| {}).unwrap();
        assert!(layers.iter().all(|l| l.calibrated < l.nearest), "{layers:?}");
        let wanted = answers(&mut load(&original, model, None));
        let nearest = distance(&wanted, &answers(&mut load(&original, model, Some(3))));
        let calibrated = distance(&wanted, &answers(&mut load(&out, model, Some(3))));
        assert!(calibrated < 0.4 * nearest, "{model}: {calibrated} against {nearest}");
        // What the file says is what the levels say.
        let plain = answers(&mut load(&out, model, None));
        assert!(distance(&plain, &answers(&mut load(&out, model, Some(3)))) < 1e-6 * nearest);
        if model == "mlp" {
            let bytes = std::fs::read(&out).unwrap();
            calibrate(&original, &recipe(model), None, &options(model), &out, |_, _, _| {}).unwrap();
            assert_eq!(bytes, std::fs::read(&out).unwrap());
        }
        let metadata = File::open(&out).unwrap().metadata;
        assert_eq!((metadata["elight.bits"].as_str(), metadata["elight.scale"].as_str()), ("3", "row"));
        assert_eq!(metadata["elight.calibrated"], format!("{} images of digits", options(model).images));
    }
}

/// Calibrated weights go through eval and plan with no further flag.
#[test]
fn a_calibrated_file_needs_no_flags() {
    let dir = TempDir::new().unwrap();
    let original = dir.path().join("original.safetensors");
    let mut network = build(&spec("mlp", None)).unwrap();
    init::initialize(&mut network, 5);
    checkpoint::save(&original, &mut network, &hidden("mlp")).unwrap();
    let out = dir.path().join("out.safetensors");
    let (original, out) = (original.to_str().unwrap(), out.to_str().unwrap());
    let args = ["calibrate", original, "-o", out, "--model", "mlp", "--dataset", "digits", "--bits", "3"];
    let run = train(&[&args[..], &["--scale", "layer", "--images", "64"]].concat());
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success() && text.contains("layers.2.weight") && text.contains("bias"), "{text}");
    let run = train(&["eval", out]);
    assert!(String::from_utf8_lossy(&run.stdout).contains("3-bit weights"), "{}", String::from_utf8_lossy(&run.stderr));
    let network = Network::open(Path::new(out), Layout::Auto, &Filter::default()).unwrap();
    let (device, quantization) = QuantizationRequest::default().resolve(Path::new(out), network.metadata()).unwrap();
    assert_eq!((device.top_level(), quantization.scale), (7, ScaleMode::Layer));
    let options = PlanOptions { quantization, ..PlanOptions::new("9x9".parse().unwrap(), device) };
    plan(&network, &options, &dir.path().join("s.elight"), &[], &Unobserved).unwrap();
    // On the levels already: the planner finds no error in them.
    let file = File::open(Path::new(out)).unwrap();
    assert_eq!(file.metadata["elight.bits"], "3");
    let mut network = load(Path::new(out), "mlp", None);
    let device = DeviceProfile::load("elight", Some(3)).unwrap();
    let quantizer = Quantizer::new(&device, Reparam::None, ScaleMode::Layer);
    for slot in network.all_slots().into_iter().filter(|s| s.shape.len() > 1) {
        let (rows, cols) = (slot.shape[0], slot.value.len() / slot.shape[0]);
        let matrix = quantizer.quantize(rows, cols, slot.value);
        assert!(quantizer.relative_error(slot.value, &matrix) < 1e-6, "{}", slot.name);
    }
}

#[test]
fn mistakes_are_explained() {
    let out = "/tmp/elight-never-written.safetensors";
    let fails_with = |args: &[&str], message: &str| {
        let run = train(args);
        let err = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(!run.status.success() && err.contains(message) && !err.contains("panicked"), "{args:?}: {err}");
    };
    let trained = "fixtures/digits-mlp-4bit.safetensors";
    fails_with(&["calibrate", trained, "-o", out], "is for 4 bits of device `elight` already");
    let mnist = "fixtures/mnist-cnn.safetensors";
    fails_with(&["calibrate", mnist, "-o", out, "--model", "cnn", "--dataset", "digits"], "the model expects");
    fails_with(&["calibrate", mnist, "-o", out, "--model", "cnn", "--dataset", "mnist"], "--data DIR");
    fails_with(&["calibrate", mnist, "-o", out, "--scale", "column"], "row, layer");
    fails_with(
        &["calibrate", mnist, "-o", out, "--model", "cnn", "--dataset", "digits", "--device", "nodevice"],
        "nodevice",
    );
    assert!(!Path::new(out).exists());
}
