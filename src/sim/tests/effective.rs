//! The weights as the core holds them, evaluated as any network, give what the simulation gives: image for image.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use elight::cells::effective::{self, Request};
use elight::cells::noise::NoiseModel;
use elight::plan::{PlanOptions, QuantizationRequest, Unobserved, plan};
use elight::weights::{Filter, Layout, Network};
use elight_sim::{Score, Settings, Simulation, Watch};
use elight_train::checkpoint;
use elight_train::eval::{self, Recipe};
use elight_train::nn::model::{ModelSpec, build, build_for_core};
use elight_train::nn::{Shape, init};
use tempfile::TempDir;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

struct Silent;

impl Watch for Silent {
    fn begin(&mut self, _: &str, _: usize) {}
    fn done(&mut self, _: usize) {}
}

/// What is done to the core.
#[derive(Clone, Default)]
struct Core {
    noise: Option<NoiseModel>,
    age: f64,
    faults: Option<PathBuf>,
}

fn planned(weights: &Path, size: &str, schedule: &Path) {
    let network = Network::open(weights, Layout::Auto, &Filter::default()).unwrap();
    let (device, quantization) = QuantizationRequest::default().resolve(weights, network.metadata()).unwrap();
    let options = PlanOptions { quantization, ..PlanOptions::new(size.parse().unwrap(), device) };
    plan(&network, &options, schedule, &[], &Unobserved).unwrap();
}

/// What the core scores on the first images.
fn simulated(weights: &Path, schedule: &Path, recipe: &Recipe, core: &Core, seed: u64, images: usize) -> Score {
    let settings = Settings {
        schedule: schedule.to_owned(),
        weights: weights.to_owned(),
        recipe: recipe.clone(),
        data: None,
        device: None,
        reparam: None,
        images: Some(images),
        noise: core.noise.clone(),
        age_seconds: core.age,
        faults: core.faults.clone(),
        adc: None,
        dac: None,
        seeds: 1,
        seed,
        layer_images: 0,
        batch: 100,
    };
    Simulation::open(settings).unwrap().run(&mut Silent).unwrap().core_scores[0]
}

/// The weights as that core holds them.
fn written(weights: &Path, schedule: &Path, core: &Core, seed: u64, output: &Path) {
    let network = Network::open(weights, Layout::Auto, &Filter::default()).unwrap();
    let (_, quantization) = QuantizationRequest::default().resolve(weights, network.metadata()).unwrap();
    let (schedules, faults) = ([schedule.to_owned()], Vec::from_iter(core.faults.clone()));
    let request = Request {
        schedules: &schedules,
        weights,
        device: None,
        reparam: quantization.reparam,
        noise: core.noise.as_ref(),
        age_seconds: core.age,
        faults: &faults,
        seed,
    };
    let device = effective::device_of(&request, &network).unwrap();
    let layers = effective::effective(&request, &network, &device).unwrap();
    effective::write(&request, &network, &layers, output).unwrap();
}

/// What a network of these weights scores on the first images, in ordinary arithmetic.
fn evaluated(weights: &Path, recipe: &Recipe, images: usize) -> Score {
    let opened = eval::open(weights, recipe, None).unwrap();
    assert!(opened.programmed.is_some() && opened.pcm.is_none());
    let mut network = build_for_core(&opened.spec).unwrap();
    opened.file.load_into(&mut network).unwrap();
    let some = Arc::new(opened.set.test.subset(|i| i < images));
    eval::evaluate(&mut network, &some, &opened.norm, 100, |_| {}).into()
}

/// One after the other, more and more images: where each sum of cross entropies is the same, each image's is.
fn same_images(weights: &Path, recipe: &Recipe, size: &str, core: &Core) {
    let folder = TempDir::new().unwrap();
    let (schedule, output) = (folder.path().join("net.elight"), folder.path().join("effective.safetensors"));
    planned(weights, size, &schedule);
    let seed = 7;
    written(weights, &schedule, core, seed, &output);
    for images in (1..=12).chain([60]) {
        let core = simulated(weights, &schedule, recipe, core, seed, images);
        assert_eq!(core, evaluated(&output, recipe, images), "{} images of {}", images, weights.display());
    }
    // What `elight-train eval` prints.
    let all = eval::evaluate_file(&output, recipe, None, 100, |_, _| {}).unwrap();
    let whole = simulated(weights, &schedule, recipe, core, seed, usize::MAX);
    assert_eq!((Score::from(all.score), all.report.left_over.len()), (whole, 0));
    assert!(all.precision.contains("as the core holds them (net.elight"), "{}", all.precision);
}

fn noisy() -> Core {
    Core { noise: Some(NoiseModel::load("optical-pcm").unwrap()), age: 0.0, faults: None }
}

fn drifting() -> Core {
    Core { noise: Some(NoiseModel::load("electrical-pcm").unwrap()), age: 86_400.0, faults: None }
}

#[test]
fn the_shipped_network() {
    let weights = Path::new(ROOT).join("fixtures/digits-mlp-4bit.safetensors");
    let folder = TempDir::new().unwrap();
    let crc = elight::level::DeviceProfile::load("elight", Some(4)).unwrap().identity_crc();
    let faults = folder.path().join("faults.toml");
    let stuck: String = (0..9)
        .map(|i| format!("[[fault]]\nrow={i}\ncol={}\nside='plus'\nkind='stuck'\nlevel=15\n", (2 * i + 1) % 9))
        .collect();
    std::fs::write(&faults, format!("core='9x9'\ndevice='elight'\ndevice_crc={crc}\n{stuck}")).unwrap();
    let stuck = Core { faults: Some(faults), ..Core::default() };
    for core in [Core::default(), noisy(), drifting(), stuck] {
        same_images(&weights, &Recipe::default(), "9x9", &core);
    }
}

/// Convolutions, batch norm and shortcuts, in F32 without any metadata of quantization.
#[test]
fn convolutions() {
    let folder = TempDir::new().unwrap();
    for (model, core) in [("cnn", Core::default()), ("cnn", drifting()), ("resnet20", noisy())] {
        let input = Shape::new(1, 8, 8, 1);
        let spec = ModelSpec { name: model.into(), input, classes: 10, hidden: vec![], dropout: 0.0, pcm: None };
        let mut network = build(&spec).unwrap();
        init::initialize(&mut network, 3);
        let weights = folder.path().join(format!("{model}.safetensors"));
        checkpoint::save(&weights, &mut network, &Default::default()).unwrap();
        let recipe = Recipe { model: Some(model.into()), dataset: Some("digits".into()), ..Recipe::default() };
        same_images(&weights, &recipe, "16x16", &core);
    }
}
