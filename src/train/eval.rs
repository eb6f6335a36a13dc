//! Accuracy of a network on a set of images.

use super::checkpoint::{self, LoadReport};
use super::config::{ConfigError, PcmConfig};
use super::data::{Augment, Batches, Dataset, Normalization, Order, Split};
use super::error::TrainError;
use crate::nn::loss::{Score, cross_entropy};
use crate::nn::model::{ModelSpec, build, build_for_core};
use crate::nn::{Ctx, Layer, Mode, Sequential};
use elight::cells::effective::PROGRAMMED_KEY;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Runs all images through the network in evaluation mode. `progress` is called with the number of images done.
pub fn evaluate(
    model: &mut Sequential,
    split: &Arc<Split>,
    norm: &Normalization,
    batch: usize,
    mut progress: impl FnMut(usize),
) -> Score {
    let mut ctx = Ctx::new(Mode::Eval, 0);
    let mut total = Score::default();
    for b in Batches::start(split.clone(), batch, Order::Stored, Augment::default(), norm, 0) {
        let mut y = model.forward(b.x, &mut ctx);
        let s = cross_entropy(&mut y, &b.labels, 0.0);
        ctx.give(y.data);
        total.loss += s.loss;
        total.correct += s.correct;
        total.samples += s.samples;
        progress(total.samples);
    }
    total
}

/// How a file is to be evaluated; what is left open is taken from the file's metadata.
#[derive(Clone, Debug, Default)]
pub struct Recipe {
    /// Architecture.
    pub model: Option<String>,
    /// Data set.
    pub dataset: Option<String>,
    /// Scaling of the inputs.
    pub normalization: Option<Normalization>,
    /// Quantization of weights that were not trained for it.
    pub quantized: Option<PcmConfig>,
}

/// What a file is worth.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Right answers and cross entropy.
    pub score: Score,
    /// Architecture.
    pub model: String,
    /// Data set.
    pub dataset: String,
    /// `floating point`, or bits of weights and inputs.
    pub precision: String,
    /// What loading by name found.
    pub report: LoadReport,
}

/// A weights file with the model, the data and the scaling of inputs that belong to it.
#[derive(Debug)]
pub struct Opened {
    /// The weights.
    pub file: checkpoint::File,
    /// The network; `pcm` says what the weights were trained for, or what was asked for.
    pub spec: ModelSpec,
    /// The data set.
    pub set: Dataset,
    /// Scaling of the inputs.
    pub norm: Normalization,
    /// Quantization.
    pub pcm: Option<PcmConfig>,
    /// Whose cells hold these weights, as `elight-plan weights` writes it: they are not quantized any more, but inputs are.
    pub programmed: Option<String>,
}

impl Opened {
    /// The model and the data that the weights have to fit, for errors: `resnet20` for 32x32 images...
    #[must_use]
    pub fn model_and_data(&self) -> String {
        let (name, shape) = (&self.spec.name, self.set.train.shape);
        let (h, w, c, classes, set) = (shape.h, shape.w, shape.c, self.set.classes, &self.set.name);
        format!("the model is `{name}` for images of `{set}`: {h}x{w}, channels: {c}, classes: {classes}")
    }
}

/// Opens a weights file, and finds out what is needed to run it.
///
/// # Errors
/// Whatever is wrong with file, model or data; metadata that say neither model nor data set when the recipe does not either.
pub fn open(path: &Path, recipe: &Recipe, data: Option<&Path>) -> Result<Opened, TrainError> {
    let file = checkpoint::File::open(path)?;
    let meta = &file.metadata;
    let recognised = data.and_then(Dataset::recognise).map(str::to_owned);
    let known = |given: &Option<String>, key: &str| given.clone().or_else(|| meta.get(key).cloned());
    let missing = |key, problem: &str| ConfigError::Value { key, problem: problem.to_owned() };
    let model = known(&recipe.model, "elight.model");
    let model = model.ok_or_else(|| {
        missing(
            "--model",
            &format!(
                "is not given, and the metadata of {} do not say it; choose one of {}",
                path.display(),
                crate::nn::model::MODELS.map(|(n, _)| n).join(", ")
            ),
        )
    })?;
    // Files at hand speak louder than the data set that the weights were trained on.
    let dataset = recipe.dataset.clone().or(recognised).or_else(|| meta.get("elight.dataset").cloned());
    let dataset = dataset.ok_or_else(|| {
        let names = crate::data::DATASETS.map(|(n, _)| n).join(", ");
        let files =
            data.map_or("the metadata of the weights".to_owned(), |dir| format!("the files in {}", dir.display()));
        missing("--dataset", &format!("is not given, and {files} do not say it; choose one of {names}"))
    })?;
    let set = Dataset::open(&dataset, data)?;

    let pcm = trained_for(meta)?.or_else(|| recipe.quantized.clone());
    let programmed = meta.get(PROGRAMMED_KEY).filter(|_| pcm.is_none()).cloned();
    // Of the quantization, only the inputs' is left.
    let inputs = PcmConfig { input_bits: number(meta, "elight.input_bits")?.unwrap_or(0), ..PcmConfig::default() };
    let quantized = pcm.as_ref().or(programmed.as_ref().map(|_| &inputs));
    let spec = ModelSpec {
        name: model,
        input: set.train.shape,
        classes: set.classes,
        hidden: numbers(meta, "elight.hidden")?.unwrap_or_default(),
        dropout: 0.0,
        pcm: quantized.map(PcmConfig::settings).transpose()?,
    };
    let norm = match (&recipe.normalization, numbers(meta, "elight.mean")?, numbers(meta, "elight.std")?) {
        (Some(n), _, _) => n.clone(),
        (None, Some(mean), Some(std)) => Normalization { mean, std },
        _ => Normalization::measure(&set.train),
    };
    let channels = set.train.shape.c;
    if norm.mean.len() != channels || norm.std.len() != channels {
        let problem = format!("has {} channels, the images have {channels}", norm.mean.len());
        return Err(missing("normalization", &problem).into());
    }
    Ok(Opened { file, spec, set, norm, pcm, programmed })
}

/// Evaluates a weights file on a test set; `progress` is called with images done and images in all.
///
/// # Errors
/// As [`open`]; weights that are not the model's.
pub fn evaluate_file(
    path: &Path,
    recipe: &Recipe,
    data: Option<&Path>,
    batch: usize,
    mut progress: impl FnMut(usize, usize),
) -> Result<Evaluation, TrainError> {
    let opened = open(path, recipe, data)?;
    let of = opened.model_and_data();
    let Opened { file, spec, set, norm, pcm, programmed } = opened;
    let mut network = if programmed.is_some() { build_for_core(&spec)? } else { build(&spec)? };
    let report = file.load_into(&mut network).map_err(|e| e.of(&of))?;
    let precision = match (&pcm, programmed) {
        (None, Some(core)) => format!("weights as the core holds them ({core})"),
        (None, None) => "floating point".to_owned(),
        (Some(p), _) if p.input_bits == 0 => format!("{}-bit weights, floating-point inputs", p.bits),
        (Some(p), _) => format!("{}-bit weights, {}-bit inputs", p.bits, p.input_bits),
    };
    let all = set.test.len();
    let score = evaluate(&mut network, &set.test, &norm, batch.max(1), |done| progress(done, all));
    Ok(Evaluation { score, model: spec.name, dataset: set.name, precision, report })
}

/// The quantization that a file's weights were trained for.
fn trained_for(meta: &BTreeMap<String, String>) -> Result<Option<PcmConfig>, ConfigError> {
    let Some(bits) = number(meta, "elight.bits")? else { return Ok(None) };
    let standard = PcmConfig::default();
    let word = |key: &str, default: String| meta.get(key).cloned().unwrap_or(default);
    Ok(Some(PcmConfig {
        bits,
        device: word("elight.device", standard.device),
        reparam: word("elight.reparam", standard.reparam),
        scale: word("elight.scale", standard.scale),
        core: word("elight.tile", standard.core),
        input_bits: number(meta, "elight.input_bits")?.unwrap_or(0),
        quant_noise: 1.0,
    }))
}

fn number<T: std::str::FromStr>(meta: &BTreeMap<String, String>, key: &'static str) -> Result<Option<T>, ConfigError> {
    Ok(numbers(meta, key)?.and_then(|v: Vec<T>| v.into_iter().next()))
}

/// Comma-separated numbers of the metadata.
fn numbers<T: std::str::FromStr>(
    meta: &BTreeMap<String, String>,
    key: &'static str,
) -> Result<Option<Vec<T>>, ConfigError> {
    let Some(text) = meta.get(key) else { return Ok(None) };
    let wrong = || ConfigError::Value { key, problem: format!("is `{text}` in the metadata, expected numbers") };
    text.split(',').map(|t| t.trim().parse().map_err(|_| wrong())).collect::<Result<_, _>>().map(Some)
}
