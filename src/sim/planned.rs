//! Schedule, weights, model and data: opened, and proved to belong together.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::error::SimError;
use super::networks::Networks;
use elight::cells::CellsError;
use elight::cells::belongs::{device, same_weights, stuck_cells};
use elight::cells::noise::NoiseModel;
use elight::cells::programmed::{Cells, Stuck, StuckCell};
use elight::cells::recording::{Recording, ScheduleFile, plain};
use elight::level::{DeviceProfile, Quantizer, Reparam, ScaleMode};
use elight_train::TrainError;
use elight_train::eval::{self, Opened, Recipe};
use elight_train::nn::model::build_for_core;
use elight_train::nn::product::Extent;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The schedule.
    pub schedule: PathBuf,
    /// The weights that it was planned from.
    pub weights: PathBuf,
    /// Model, data set and scaling of the inputs, where the weights' metadata do not say them.
    pub recipe: Recipe,
    /// Directory of the data set.
    pub data: Option<PathBuf>,
    /// Device, when it is no preset.
    pub device: Option<String>,
    /// What the levels stand for, when the metadata do not say it.
    pub reparam: Option<Reparam>,
    /// Test images; none: all.
    pub images: Option<usize>,
    /// Noise of the cells.
    pub noise: Option<NoiseModel>,
    /// Seconds from the writes to the reading.
    pub age_seconds: f64,
    /// Stuck and dead cells of the core.
    pub faults: Option<PathBuf>,
    /// Bits of the converter behind the detectors.
    pub adc: Option<u8>,
    /// Bits of the converter of the inputs.
    pub dac: Option<u8>,
    /// How many cores are drawn.
    pub seeds: u32,
    /// The first one's seed.
    pub seed: u64,
    /// Images for the layers one at a time; 0: not asked for.
    pub layer_images: usize,
    /// Images of a batch.
    pub batch: usize,
}

/// A schedule that has been proved to be of these weights, and all that does not change while images run.
#[derive(Debug)]
pub(super) struct Planned {
    pub settings: Settings,
    pub file: ScheduleFile,
    pub recording: Recording,
    pub quantizer: Quantizer,
    pub device: DeviceProfile,
    /// Extents of each planned layer.
    pub extents: Vec<Extent>,
    /// What the levels stand for, per planned layer: the weights or their tanh.
    pub targets: Vec<Vec<f32>>,
    /// Layers that the schedule does not have.
    pub digital: Vec<String>,
    /// Bits of the inputs that the weights were trained with.
    pub trained_input_bits: Option<u8>,
    /// PCM cells that no write moves.
    pub stuck: Vec<StuckCell>,
}

impl Planned {
    /// The core's cells for a noise and a seed.
    pub fn cells<'a>(&'a self, stuck: &'a Stuck, noise: Option<&'a NoiseModel>, seed: u64) -> Cells<'a> {
        Cells::new(&self.device, &self.quantizer, stuck, noise, self.settings.age_seconds, seed)
    }
}

impl Planned {
    /// Opens everything, and proves that schedule, weights and model belong together.
    ///
    /// # Errors
    /// [`SimError`]: what cannot be read, or what does not fit together, naming both sides.
    pub fn open(settings: Settings) -> Result<(Self, Networks), SimError> {
        let opened = eval::open(&settings.weights, &settings.recipe, settings.data.as_deref())?;
        let of = opened.model_and_data();
        let Opened { file: weights, mut spec, set, norm, pcm, .. } = opened;
        let trained_input_bits = spec.pcm.as_ref().and_then(|p| p.input_bits);
        let mut network = build_for_core(&spec).map_err(TrainError::from)?;
        weights.load_into(&mut network).map_err(|e| TrainError::from(e.of(&of)))?;
        spec.pcm = None;
        let mut float = build_for_core(&spec).map_err(TrainError::from)?;
        let again = elight_train::checkpoint::File::open(&settings.weights).map_err(TrainError::from)?;
        again.load_into(&mut float).map_err(TrainError::from)?;

        let schedule = ScheduleFile::open(&settings.schedule)?;
        let device =
            device(&schedule, &settings.schedule, settings.device.as_deref(), pcm.as_ref().map(|p| p.device.as_str()))?;
        let reparam = match (settings.reparam, &pcm) {
            (Some(r), _) => r,
            (None, Some(p)) if p.reparam == "tanh" => Reparam::Tanh,
            _ => Reparam::None,
        };
        let quantizer = Quantizer::new(&device, reparam, ScaleMode::Row);
        let shapes = network.all_cores().into_iter().map(|c| (c.name, c.extent));
        let shapes: BTreeMap<String, Extent> = shapes.collect();
        let expected = shapes.iter().map(|(name, e)| (name.clone(), (e.rows(), e.cols()))).collect();
        let recording = schedule.record(&settings.schedule, &settings.weights, &expected)?;

        // What the levels stand for is what floating point multiplies with.
        for core in float.all_cores() {
            core.weight.value.iter_mut().for_each(|w| *w = reparam.target(*w) as f32);
        }
        let mut targets: BTreeMap<String, Vec<f32>> =
            float.all_cores().into_iter().map(|c| (c.name, c.weight.value.clone())).collect();
        let mut extents = Vec::new();
        let mut planned = Vec::new();
        for layer in &recording.layers {
            let name = plain(&layer.name);
            let (Some(extent), Some(target)) = (shapes.get(name), targets.remove(name)) else {
                let problem = format!("layer `{name}` comes twice");
                return Err(CellsError::schedule(&settings.schedule, problem).into());
            };
            if layer.groups != extent.groups() {
                let (layer, planned) = (name.to_owned(), layer.groups);
                let schedule = settings.schedule.clone();
                return Err(SimError::Groups { schedule, layer, planned, model: extent.groups() });
            }
            same_weights((&settings.schedule, &settings.weights), layer, &quantizer, &target)?;
            extents.push(*extent);
            planned.push(target);
        }
        let digital = targets.into_keys().collect();
        let stuck = match &settings.faults {
            Some(path) => stuck_cells(path, &recording, &device)?,
            None => Vec::new(),
        };
        let batch = settings.batch.max(1);
        let planned = Planned {
            settings,
            file: schedule,
            recording,
            quantizer,
            device,
            extents,
            targets: planned,
            digital,
            trained_input_bits,
            stuck,
        };
        Ok((planned, Networks { float, network, model: spec.name, set, norm, batch }))
    }
}
