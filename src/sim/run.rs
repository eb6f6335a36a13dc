//! A simulation: one network, one schedule, the same images through arithmetic of three kinds.

use std::sync::{Arc, PoisonError};

use super::converter::{Adc, Converters};
use super::error::SimError;
use super::networks::{Kind, Multipliers, Networks, Watch, front};
use super::on_core::{OnCore, Ranging};
use super::outcome::{LayerOutcome, Outcome, Proof, Score};
use super::planned::{Planned, Settings};
use super::prove::prove;
use super::steps::StepProgram;
use elight::cells::effective::relative_error;
use elight::cells::programmed::{Cells, Stuck};
use elight::cells::recording::LayerRecord;
use elight_train::nn::input_quant::InputQuantizer;
use elight_train::nn::product::Multiplier;

/// Training images over which ranges of converters are taken.
const RANGE_IMAGES: usize = 64;

/// An open simulation.
#[derive(Debug)]
pub struct Simulation {
    planned: Planned,
    networks: Networks,
}

impl Simulation {
    /// Opens everything, and proves that schedule, weights and model belong together.
    ///
    /// # Errors
    /// [`SimError`]: what cannot be read, or what does not fit together, naming both sides.
    pub fn open(settings: Settings) -> Result<Self, SimError> {
        let (planned, networks) = Planned::open(settings)?;
        Ok(Self { planned, networks })
    }

    /// Runs everything.
    ///
    /// # Errors
    /// [`SimError::Stepped`] when the firmware model contradicts the fast path.
    pub fn run(self, watch: &mut dyn Watch) -> Result<Outcome, SimError> {
        let Self { planned, mut networks } = self;
        let settings = &planned.settings;
        let images = settings.images.unwrap_or(usize::MAX).min(networks.set.test.len());
        let test = front(&networks.set.test, images);
        let stuck = Stuck::new(&planned.stuck, planned.recording.core_rows, planned.recording.core_cols);
        let nothing_stuck = Stuck::default();
        let exact = multipliers(&planned, &planned.cells(&nothing_stuck, None, 0));

        let float = networks.score(&planned.recording, "floating point", &test, Kind::Float, watch);
        let quantized = networks.score(&planned.recording, "quantized", &test, Kind::All(&exact), watch);
        let converters = converters(&planned, &mut networks, &exact, &planned.cells(&nothing_stuck, None, 0));

        let noise = settings.noise.as_ref();
        let random = !planned.cells(&stuck, noise, 0).draw.exact();
        // Without chance every core is the same.
        let seeds = if random { settings.seeds.max(1) } else { 1 };
        let mut core_scores = Vec::new();
        let mut first = None;
        let mut proof = Proof::default();
        for i in 0..seeds {
            let seed = settings.seed.wrapping_add(u64::from(i));
            let cells = planned.cells(&stuck, noise, seed);
            let core = put_on_core(&planned, &cells, &converters);
            if i == 0 {
                proof = prove(&planned, &mut networks, &cells, &core, &converters, &test)?;
            }
            let same =
                core.iter().zip(&exact).all(|(a, b)| a.steps.is_none() && a.dac.is_none() && a.weights == b.weights);
            core_scores.push(if same {
                quantized
            } else {
                networks.score(&planned.recording, &format!("core, seed {seed}"), &test, Kind::All(&core), watch)
            });
            first.get_or_insert(core);
        }
        let core = first.unwrap_or_default();
        let (layers, layers_float) = layers(&planned, &mut networks, &core, watch);
        let mean = core_scores.iter().map(|s| s.top1_percent).sum::<f64>() / core_scores.len() as f64;
        let squares = core_scores.iter().map(|s| (s.top1_percent - mean).powi(2)).sum::<f64>();
        let deviation = (squares / (core_scores.len().max(2) - 1) as f64).sqrt();
        let one_scale = planned.recording.layers.iter().all(|l| l.one_scale);
        Ok(Outcome {
            version: 1,
            schedule: planned.settings.schedule,
            weights: planned.settings.weights,
            model: networks.model,
            dataset: networks.set.name,
            core: format!("{}x{}", planned.recording.core_rows, planned.recording.core_cols),
            device: planned.device.name,
            bits: planned.recording.bits,
            scale: if one_scale { "layer" } else { "row" },
            noise: planned.settings.noise,
            age_seconds: planned.settings.age_seconds,
            stuck_cells: planned.stuck.len(),
            adc_bits: planned.settings.adc,
            dac_bits: planned.settings.dac.or(planned.trained_input_bits),
            digital_layers: planned.digital,
            float,
            quantized,
            core_scores,
            seed: planned.settings.seed,
            core_top1_mean_percent: mean,
            core_top1_deviation_percent: deviation,
            proof,
            layers,
            layers_float,
        })
    }
}

/// Ordinary products with what the cells hold; no converters.
fn multipliers(planned: &Planned, cells: &Cells<'_>) -> Multipliers {
    let layers = planned.recording.layers.iter();
    layers.map(|l| Arc::new(OnCore { weights: cells.scaled(l), steps: None, dac: None })).collect()
}

/// The core with its converters.
fn put_on_core(planned: &Planned, cells: &Cells<'_>, converters: &[Converters]) -> Multipliers {
    let layers = planned.recording.layers.iter().zip(converters);
    layers
        .map(|(layer, c)| {
            let steps = c.adc.map(|adc| (StepProgram::new(layer, &cells.layer(layer), cells.compensation(layer)), adc));
            let weights = if steps.is_some() { Vec::new() } else { cells.scaled(layer) };
            let dac = c.dac.map(|(bits, min, max)| InputQuantizer::with_range(bits, min, max));
            Arc::new(OnCore { weights, steps, dac })
        })
        .collect()
}

/// Ranges of the converters that are asked for, from a few training images through the quantized network.
fn converters(planned: &Planned, networks: &mut Networks, exact: &Multipliers, cells: &Cells<'_>) -> Vec<Converters> {
    let dac = planned.settings.dac.filter(|bits| Some(*bits) != planned.trained_input_bits);
    if planned.settings.adc.is_none() && dac.is_none() {
        return vec![Converters::default(); exact.len()];
    }
    let program = |l: &LayerRecord| planned.settings.adc.map(|_| StepProgram::new(l, &cells.layer(l), 1.0));
    let ranging: Vec<Arc<Ranging>> = exact
        .iter()
        .zip(&planned.recording.layers)
        .map(|(core, l)| Arc::new(Ranging::new(core.clone(), program(l))))
        .collect();
    let some = front(&networks.set.train, RANGE_IMAGES);
    networks.run_on_core(&planned.recording, &some, |i| Some(ranging[i].clone() as Arc<dyn Multiplier>));
    ranging
        .iter()
        .map(|r| {
            let seen = *r.seen.lock().unwrap_or_else(PoisonError::into_inner);
            Converters {
                adc: planned.settings.adc.map(|bits| Adc::new(bits, seen.sum)),
                dac: dac.map(|bits| (bits, seen.min, seen.max)),
            }
        })
        .collect()
}

/// Each layer alone on the core.
fn layers(
    planned: &Planned,
    networks: &mut Networks,
    core: &Multipliers,
    watch: &mut dyn Watch,
) -> (Vec<LayerOutcome>, Option<Score>) {
    let images = planned.settings.layer_images.min(networks.set.test.len());
    let test = front(&networks.set.test, images);
    let float = (images > 0)
        .then(|| networks.score(&planned.recording, "floating point, fewer images", &test, Kind::Float, watch));
    let mut out = Vec::new();
    for i in 0..core.len() {
        let name = planned.recording.layers[i].name.clone();
        let alone = float
            .map(|_| networks.score(&planned.recording, &format!("{name} alone"), &test, Kind::Alone(core, i), watch));
        let weights = match &core[i].steps {
            None => core[i].weights.clone(),
            Some((program, _)) => program.weights(),
        };
        out.push(LayerOutcome {
            relative_weight_error: relative_error(&planned.targets[i], &weights),
            cross_entropy_lost: alone.zip(float).map(|(a, f)| a.cross_entropy - f.cross_entropy),
            name,
            alone,
        });
    }
    (out, float)
}
