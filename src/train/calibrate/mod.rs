//! Calibration: levels for a network that was trained without them, chosen with a few hundred images.
//!
//! ```text
//! for each layer, in the model's order:
//!     moments   inputs of the original network and of the one calibrated so far, over the images
//!     target    the weights that bring the original's outputs about from the calibrated network's inputs (least squares)
//!     solve     levels and scales with the least variance of the output's error
//!     outputs   mean and spread of each output are brought back to the original's: in the batch norm behind it, or in the bias
//! ```
//!
//! Labels are not used. The result is a weights file whose weights lie on the levels: quantized again, with the scale from the largest weight as
//! always, each gets its level. So planner, checker and simulation take it like any other.

mod moments;
mod solve;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::checkpoint::{self, File};
use super::config::ConfigError;
use super::data::{Augment, Batches, Normalization, Order, Split};
use super::error::TrainError;
use super::eval::{self, Opened, Recipe};
use super::{description, run_dir};
use crate::nn::model::{ModelSpec, build_for_core};
use crate::nn::product::{Extent, Keeping};
use crate::nn::{Ctx, Layer, Mode, Sequential};
use elight::level::{DeviceProfile, Quantizer, Reparam, ScaleMode};

use moments::{Moments, Statistics};

/// Input vectors of a layer that are looked at, about: more change nothing.
const VECTORS: usize = 1 << 16;
/// What is added to the variance of each input, in units of their mean: inputs that hardly vary must not decide.
const DAMPING: f64 = 0.01;
/// The small number of batch norm's root.
const EPS: f64 = 1e-5;
/// The spread of an output is corrected by at most this factor.
const MOST_GAIN: f64 = 2.0;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Preset or file of the device.
    pub device: String,
    /// Bits of a PCM cell; none: the device's.
    pub bits: Option<u8>,
    /// Over what scales are taken.
    pub scale: ScaleMode,
    /// Training images to look at.
    pub images: usize,
    /// Images of a batch.
    pub batch: usize,
}

/// What calibration did to a layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerCalibration {
    /// Name of the weights.
    pub name: String,
    /// Error of the layer's outputs with each weight at its nearest level, relative to their spread.
    pub nearest: f64,
    /// The same with the levels chosen.
    pub calibrated: f64,
    /// Where mean and spread of its outputs are corrected: `batch norm`, `bias` or `nowhere`.
    pub corrected: &'static str,
}

/// Calibrates a weights file and writes the result to `out`; `progress` hears of each layer.
///
/// # Errors
/// Whatever is wrong with file, model, data or device; weights that were trained for a core.
pub fn calibrate(
    weights: &Path,
    recipe: &Recipe,
    data: Option<&Path>,
    options: &Options,
    out: &Path,
    mut progress: impl FnMut(usize, usize, &LayerCalibration),
) -> Result<Vec<LayerCalibration>, TrainError> {
    let opened = eval::open(weights, recipe, data)?;
    let of = opened.model_and_data();
    let Opened { file, spec, set, norm, pcm, programmed } = opened;
    if let Some(core) = programmed {
        let problem = format!(
            "of {} says that these are weights as a core holds them ({core}): calibrate those that it was planned from",
            weights.display()
        );
        return Err(ConfigError::Value { key: "metadata", problem }.into());
    }
    if let Some(pcm) = pcm {
        let problem = format!(
            "of {} says that it is for {} bits of device `{}` already: calibrate the floating-point weights",
            weights.display(),
            pcm.bits,
            pcm.device
        );
        return Err(ConfigError::Value { key: "metadata", problem }.into());
    }
    let device = DeviceProfile::load(&options.device, options.bits).map_err(ConfigError::from)?;
    let quantizer = Quantizer::new(&device, Reparam::None, options.scale);
    let mut metadata = metadata(file.metadata.clone(), options, &device, &spec, &set.name, &norm);
    let mut original = build_for_core(&spec)?;
    file.load_into(&mut original).map_err(|e| e.of(&of))?;
    let mut calibrated = build_for_core(&spec)?;
    File::open(weights)?.load_into(&mut calibrated)?;

    let images = some(&set.train, options.images);
    let layers: Vec<(String, Extent)> = original.all_cores().into_iter().map(|c| (c.name, c.extent)).collect();
    let norms = norms(&mut calibrated, &layers);
    let mut done = Vec::new();
    for (i, (name, extent)) in layers.iter().enumerate() {
        let moments = observe(&mut original, &mut calibrated, name, extent, &images, &norm, options.batch);
        let place = place(&mut calibrated, name, norms[i].clone());
        let layer = layer(&mut calibrated, name, extent, &moments, &quantizer, options.scale, &place)?;
        progress(i + 1, layers.len(), &layer);
        done.push(layer);
    }
    let network = description::json(&mut calibrated, spec.input);
    metadata.insert(description::KEY.to_owned(), network);
    checkpoint::save(out, &mut calibrated, &metadata)?;
    Ok(done)
}

/// Images spread evenly over the set.
fn some(split: &Split, images: usize) -> Arc<Split> {
    let step = (split.len() / images.max(1)).max(1);
    Arc::new(split.subset(|i| i % step == 0 && i / step < images))
}

/// Where a layer's outputs can be corrected.
#[derive(Clone, Debug)]
enum Place {
    /// Prefix of the batch norm's arrays.
    Norm(String),
    /// Name of the bias.
    Bias(String),
    Nowhere,
}

/// The batch norm behind each layer: its arrays come after the layer's and before the next layer's.
fn norms(model: &mut Sequential, layers: &[(String, Extent)]) -> Vec<Option<String>> {
    let mut out = vec![None; layers.len()];
    let mut at = None;
    for slot in model.all_slots() {
        if let Some(i) = layers.iter().position(|(name, _)| *name == slot.name) {
            at = Some(i);
        } else if let (Some(i), Some(prefix)) = (at, slot.name.strip_suffix(".running_mean"))
            && slot.value.len() == layers[i].1.rows()
        {
            out[i] = Some(prefix.to_owned());
            at = None;
        }
    }
    out
}

fn place(model: &mut Sequential, name: &str, norm: Option<String>) -> Place {
    let bias = name.strip_suffix("weight").map(|p| format!("{p}bias")).unwrap_or_default();
    match norm {
        Some(prefix) => Place::Norm(prefix),
        None if model.all_slots().iter().any(|s| s.name == bias) => Place::Bias(bias),
        None => Place::Nowhere,
    }
}

/// Runs the images through both networks and gathers the moments of one layer.
fn observe(
    original: &mut Sequential,
    calibrated: &mut Sequential,
    name: &str,
    extent: &Extent,
    images: &Arc<Split>,
    norm: &Normalization,
    batch: usize,
) -> Moments {
    let keep = |model: &mut Sequential| {
        let keeping = Arc::new(Keeping::default());
        for core in model.all_cores() {
            *core.multiplier = (core.name == name).then(|| keeping.clone() as _);
        }
        keeping
    };
    let (f, q) = (keep(original), keep(calibrated));
    let mut moments = Moments::new(extent);
    let mut ctx = Ctx::new(Mode::Eval, 0);
    for b in Batches::start(images.clone(), batch.max(1), Order::Stored, Augment::default(), norm, 0) {
        for model in [&mut *original, &mut *calibrated] {
            let y = model.forward(b.x.clone(), &mut ctx);
            ctx.give(y.data);
        }
        let ((x_f, y_f), (x_q, _)) = (f.take(), q.take());
        let pixels = y_f.shape.pixels() / y_f.shape.n.max(1) * images.len();
        // Odd, so that not the same columns of an image are looked at in each of its rows.
        let stride = if pixels > VECTORS { pixels.div_ceil(VECTORS) | 1 } else { 1 };
        moments.add(extent, &x_f, &x_q, &y_f, stride);
    }
    moments
}

/// Chooses a layer's levels, puts their values in the place of the weights, and corrects its outputs.
fn layer(
    model: &mut Sequential,
    name: &str,
    extent: &Extent,
    moments: &Moments,
    quantizer: &Quantizer,
    mode: ScaleMode,
    place: &Place,
) -> Result<LayerCalibration, TrainError> {
    let statistics = moments.statistics(!matches!(place, Place::Nowhere));
    let (rows, cols) = (extent.rows(), extent.cols());
    let weights: Vec<f32> =
        model.all_slots().into_iter().find(|s| s.name == name).map(|s| s.value.to_vec()).unwrap_or_default();
    let damped: Vec<Vec<f64>> = statistics.cov_qq.iter().map(|c| damp(c, cols)).collect();
    let targets = targets(&weights, cols, &statistics, &damped);
    let matrix = solve::levels(quantizer, mode, cols, &targets, &damped);
    let mut values = vec![0.0; rows * cols];
    quantizer.dequantize_into(&matrix, &mut values);
    if quantizer.quantize(rows, cols, &values).levels != matrix.levels {
        let problem = format!("of `{name}` do not quantize to themselves: report this as a bug");
        return Err(ConfigError::Value { key: "calibrated weights", problem }.into());
    }
    let mut nearest = vec![0.0; rows * cols];
    quantizer.dequantize_into(&quantizer.quantize(rows, cols, &weights), &mut nearest);
    let per_group = rows / extent.groups();
    let variance = |r: usize, v: &[f64]| form(&statistics.cov_qq[r / per_group], v);
    let relative = |q: &[f32], t: &dyn Fn(usize) -> f64| {
        let (mut error, mut all) = (0.0, 0.0);
        for r in 0..rows {
            let range = r * cols..(r + 1) * cols;
            let e: Vec<f64> = range.clone().map(|i| t(i) - f64::from(q[i])).collect();
            let t: Vec<f64> = range.map(t).collect();
            error += variance(r, &e);
            all += variance(r, &t);
        }
        if all > 0.0 { (error / all).sqrt() } else { 0.0 }
    };
    let outcome = LayerCalibration {
        name: name.to_owned(),
        nearest: relative(&nearest, &|i| f64::from(weights[i])),
        calibrated: relative(&values, &|i| targets[i]),
        corrected: match place {
            Place::Norm(_) => "batch norm",
            Place::Bias(_) => "bias",
            Place::Nowhere => "nowhere",
        },
    };
    // Mean and variance of the outputs with the new weights.
    let outputs: Vec<[f64; 2]> = (0..rows)
        .map(|r| {
            let q: Vec<f64> = values[r * cols..(r + 1) * cols].iter().map(|v| f64::from(*v)).collect();
            let mean = &statistics.mean_q[r / per_group * cols..][..cols];
            [q.iter().zip(mean).map(|(q, m)| q * m).sum(), variance(r, &q)]
        })
        .collect();
    for slot in model.all_slots() {
        if slot.name == name {
            slot.value.copy_from_slice(&values);
        }
    }
    correct(model, place, &statistics, &outputs);
    Ok(outcome)
}

/// The weights whose products with the calibrated network's inputs come nearest to the original's outputs: `w C_fq = t C_qq`.
fn targets(weights: &[f32], cols: usize, statistics: &Statistics, damped: &[Vec<f64>]) -> Vec<f64> {
    use rayon::prelude::*;
    let rows = weights.len() / cols.max(1);
    let per_group = (rows / damped.len().max(1)).max(1);
    let factored: Vec<solve::Factored> = damped.iter().map(|c| solve::Factored::new(cols, c.clone())).collect();
    let solved = weights.par_chunks(cols.max(1)).enumerate().map(|(r, w)| {
        let group = r / per_group;
        let (fq, extra) = (&statistics.cov_fq[group], damped[group][0] - statistics.cov_qq[group][0]);
        let mut b: Vec<f64> = w.iter().map(|w| f64::from(*w) * extra).collect();
        for (w, row) in w.iter().zip(fq.chunks(cols)) {
            b.iter_mut().zip(row).for_each(|(b, c)| *b += f64::from(*w) * c);
        }
        factored[group].solve(&b)
    });
    solved.collect::<Vec<_>>().concat()
}

/// A covariance with something on its diagonal.
fn damp(c: &[f64], cols: usize) -> Vec<f64> {
    let mean = (0..cols).map(|i| c[i * cols + i]).sum::<f64>() / cols.max(1) as f64;
    let extra = (DAMPING * mean).max(1e-12);
    let mut out = c.to_vec();
    (0..cols).for_each(|i| out[i * cols + i] += extra);
    out
}

/// `v C v'`.
fn form(c: &[f64], v: &[f64]) -> f64 {
    let row = |(row, a): (&[f64], &f64)| a * row.iter().zip(v).map(|(c, b)| c * b).sum::<f64>();
    c.chunks(v.len().max(1)).zip(v).map(row).sum()
}

/// Brings mean and spread of the outputs back to the original's.
fn correct(model: &mut Sequential, place: &Place, statistics: &Statistics, outputs: &[[f64; 2]]) {
    let pairs = || outputs.iter().zip(&statistics.out);
    let gain = |now: f64, then: f64| {
        if now > 0.0 { (then / now).sqrt().clamp(1.0 / MOST_GAIN, MOST_GAIN) } else { 1.0 }
    };
    match place {
        Place::Nowhere => {}
        Place::Bias(name) => {
            for slot in model.all_slots().into_iter().filter(|s| s.name == *name) {
                for (b, ([now, _], [then, _])) in slot.value.iter_mut().zip(pairs()) {
                    *b += (then - now) as f32;
                }
            }
        }
        // norm(g (y - now) + then) with the old statistics is norm(y) with the new ones.
        Place::Norm(prefix) => {
            for slot in model.all_slots() {
                match slot.name.strip_prefix(prefix.as_str()) {
                    Some(".running_mean") => {
                        for (m, ([now, v_now], [then, v_then])) in slot.value.iter_mut().zip(pairs()) {
                            *m = (now + (f64::from(*m) - then) / gain(*v_now, *v_then)) as f32;
                        }
                    }
                    Some(".running_var") => {
                        for (v, ([_, now], [_, then])) in slot.value.iter_mut().zip(pairs()) {
                            *v = ((f64::from(*v) + EPS) / gain(*now, *then).powi(2) - EPS).max(0.0) as f32;
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}

/// The file's own metadata, and what the calibrated weights are for.
fn metadata(
    mut metadata: BTreeMap<String, String>,
    options: &Options,
    device: &DeviceProfile,
    spec: &ModelSpec,
    dataset: &str,
    norm: &Normalization,
) -> BTreeMap<String, String> {
    run_dir::describe(&mut metadata, spec, dataset, norm);
    let mut put = |k: &str, v: String| metadata.insert(k.to_owned(), v);
    put("elight.bits", device.bits.to_string());
    put("elight.device", options.device.clone());
    put("elight.scale", if options.scale == ScaleMode::Row { "row" } else { "layer" }.to_owned());
    put("elight.reparam", "none".to_owned());
    put("elight.calibrated", format!("{} images of {dataset}", options.images));
    metadata
}
