//! The files of a run.
//!
//! ```text
//! config.toml        the configuration as resolved
//! metrics.csv        one line per epoch; metrics.jsonl: the same as JSON
//! curves.svg         the same as curves
//! last.safetensors   weights after the last finished epoch: what elight-plan takes
//! best.safetensors   weights of the best epoch, by the images held out; epoch-NNNN.safetensors: the train.keep best ones
//! state.safetensors  everything that `resume` needs
//! ```

use super::checkpoint::{self, CheckpointError};
use super::config::Config;
use super::data::Normalization;
use super::epoch::Epoch;
use super::error::TrainError;
use super::plot;
use crate::nn::model::ModelSpec;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// The configuration as resolved.
pub const CONFIG: &str = "config.toml";
/// State of the run.
pub const STATE: &str = "state.safetensors";
/// Weights after the last finished epoch.
pub const LAST: &str = "last.safetensors";
/// Weights of the best epoch.
pub const BEST: &str = "best.safetensors";

/// Weights of one of the best epochs.
pub fn epoch_file(epoch: u64) -> String {
    format!("epoch-{epoch:04}.safetensors")
}

/// Makes the weights of an epoch, which are kept, the best ones.
pub(super) fn choose(dir: &Path, epoch: u64) -> Result<(), CheckpointError> {
    let path = dir.join(epoch_file(epoch));
    let bytes = std::fs::read(&path).map_err(|cause| CheckpointError::Io { path, cause })?;
    checkpoint::write_whole(&dir.join(BEST), &bytes)
}

/// Makes the directory and writes the configuration.
pub(super) fn create(config: &Config) -> Result<(), TrainError> {
    let dir = &config.train.out;
    std::fs::create_dir_all(dir)
        .map_err(|e| TrainError::RunDir { path: dir.clone(), problem: format!("cannot be made: {e}") })?;
    Ok(checkpoint::write_whole(&dir.join(CONFIG), config.to_toml().as_bytes())?)
}

/// What goes into the metadata of the weights.
pub(super) fn metadata(config: &Config, spec: &ModelSpec, norm: &Normalization) -> BTreeMap<String, String> {
    let mut m = BTreeMap::new();
    describe(&mut m, spec, &config.data.name, norm);
    let mut put = |k: &str, v: String| m.insert(k.to_owned(), v);
    put("elight.seed", config.train.seed.to_string());
    if let Some(p) = &config.pcm {
        put("elight.bits", p.bits.to_string());
        put("elight.device", p.device.clone());
        put("elight.scale", p.scale.clone());
        put("elight.reparam", p.reparam.clone());
        put("elight.tile", p.core.clone());
        if p.input_bits > 0 {
            put("elight.input_bits", p.input_bits.to_string());
        }
    }
    m
}

/// The metadata that say which network a file holds, and what its inputs are.
pub(super) fn describe(m: &mut BTreeMap<String, String>, spec: &ModelSpec, dataset: &str, norm: &Normalization) {
    let list = |v: &[f32]| v.iter().map(|v| v.to_string()).collect::<Vec<_>>().join(",");
    let mut put = |k: &str, v: String| m.insert(k.to_owned(), v);
    put("format", "pt".into());
    put("elight.format", "1".into());
    put("elight.model", spec.name.clone());
    put("elight.input", format!("{}x{}x{}", spec.input.h, spec.input.w, spec.input.c));
    put("elight.classes", spec.classes.to_string());
    put("elight.dataset", dataset.to_owned());
    put("elight.mean", list(&norm.mean));
    put("elight.std", list(&norm.std));
    if !spec.hidden.is_empty() {
        let hidden: Vec<String> = spec.hidden.iter().map(|h| h.to_string()).collect();
        put("elight.hidden", hidden.join(","));
    }
}

/// Writes the metrics and the curves anew.
pub(super) fn write_history(dir: &Path, history: &[Epoch]) -> Result<(), CheckpointError> {
    let mut csv = String::from(
        "epoch,lr,train_loss,write_loss,train_accuracy,validation_loss,validation_accuracy,test_loss,test_accuracy,\
         elight_natural,elight_sorted,natural,sorted,optimal,seconds,samples_per_second\n",
    );
    let mut lines = String::new();
    let known = |figure: Option<f64>| figure.map(|figure| figure.to_string()).unwrap_or_default();
    for e in history {
        let w = &e.writes;
        // Writing to a string cannot fail.
        let _ = writeln!(
            csv,
            "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{:.3},{:.1}",
            e.epoch,
            e.lr,
            e.train_loss,
            e.write_loss,
            e.train_accuracy,
            known(e.validation_loss),
            known(e.validation_accuracy),
            e.test_loss,
            e.test_accuracy,
            w.elight_natural,
            w.elight_sorted,
            w.natural,
            w.sorted,
            w.optimal,
            e.seconds,
            e.samples_per_second
        );
        let _ = writeln!(lines, "{}", serde_json::to_string(e).unwrap_or_default());
    }
    checkpoint::write_whole(&dir.join("metrics.csv"), csv.as_bytes())?;
    checkpoint::write_whole(&dir.join("metrics.jsonl"), lines.as_bytes())?;
    checkpoint::write_whole(&dir.join("curves.svg"), plot::curves(history).as_bytes())
}
