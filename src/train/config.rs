//! A training run as a TOML file; every key is checked, unknown ones are refused.
//!
//! `base = "other.toml"`, before the first table, takes over another file (its path is relative to the file that names it), which may have a base
//! itself. Keys of the file replace those of its base one by one; a table whose `kind` or `method` is another one replaces the base's table whole.

use super::data::Augment;
use super::optim::OptimizerConfig;
use super::schedule::Course;
use super::write_loss::{Core, Method};
use crate::nn::loss::Criterion;
use crate::nn::pcm::{CellNoise, PcmSettings};
use elight::cells::noise::{NoiseError, NoiseModel};
use elight::level::{DeviceError, DeviceProfile, Reparam, ScaleMode};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What to learn from.
    pub data: DataConfig,
    /// What to train.
    pub model: ModelConfig,
    /// The photonic core; leave it out to train an ordinary network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pcm: Option<PcmConfig>,
    /// Noise of the cells while the network learns; leave it out for cells that hold exactly their levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<NoiseConfig>,
    /// A loss that makes the writes few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_loss: Option<WriteLossConfig>,
    /// Optimiser.
    pub optimizer: OptimizerConfig,
    /// Course of the learning rate.
    #[serde(default)]
    pub schedule: Course,
    /// The run itself.
    pub train: TrainConfig,
}

/// `[data]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Name of the data set.
    pub name: String,
    /// Directory of its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<PathBuf>,
    /// Images per step.
    #[serde(default = "batch")]
    pub batch: usize,
    /// Changes of training images.
    #[serde(default)]
    pub augment: Augment,
    /// Share of the training images that is held out: the best checkpoint is chosen by them, never by the test set. 0 holds out none, and
    /// `best.safetensors` is then the last one.
    #[serde(default = "validation")]
    pub validation: f64,
    /// Which images are held out; the same for every `train.seed`, so that runs can be compared.
    #[serde(default = "validation_seed")]
    pub validation_seed: u64,
}

fn batch() -> usize {
    64
}

fn validation() -> f64 {
    0.1
}

fn validation_seed() -> u64 {
    1
}

/// `[model]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Architecture.
    pub name: String,
    /// Hidden sizes of `mlp`.
    #[serde(default)]
    pub hidden: Vec<usize>,
    /// Dropout before the last layer.
    #[serde(default)]
    pub dropout: f32,
    /// Weights to begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// Take from `weights` what fits, and leave out the rest: for another number of classes, say.
    #[serde(default)]
    pub partial: bool,
}

/// `[pcm]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PcmConfig {
    /// Device preset or file.
    pub device: String,
    /// Bits of a PCM cell.
    pub bits: u8,
    /// `tanh` or `none`.
    pub reparam: String,
    /// `layer` or `row`.
    pub scale: String,
    /// Bits of the inputs; 0 leaves them in floating point.
    pub input_bits: u8,
    /// Part of the inputs quantized in training.
    pub quant_noise: f32,
    /// Rows x columns of the core.
    pub core: String,
}

impl Default for PcmConfig {
    fn default() -> Self {
        Self {
            device: "elight".into(),
            bits: 4,
            reparam: "tanh".into(),
            scale: "layer".into(),
            input_bits: 4,
            quant_noise: 1.0,
            core: "64x64".into(),
        }
    }
}

impl PcmConfig {
    /// The settings of the layers.
    ///
    /// # Errors
    /// A device that cannot be loaded, or an unknown word.
    pub fn settings(&self) -> Result<PcmSettings, ConfigError> {
        let word = |key: &'static str, got: &str, known: &'static str| {
            Err(ConfigError::Value { key, problem: format!("is `{got}`, expected one of {known}") })
        };
        Ok(PcmSettings {
            device: DeviceProfile::load(&self.device, Some(self.bits))?,
            reparam: match self.reparam.as_str() {
                "tanh" => Reparam::Tanh,
                "none" => Reparam::None,
                other => return word("pcm.reparam", other, "tanh, none"),
            },
            scale: match self.scale.as_str() {
                "layer" => ScaleMode::Layer,
                "row" => ScaleMode::Row,
                other => return word("pcm.scale", other, "layer, row"),
            },
            input_bits: (self.input_bits > 0).then_some(self.input_bits),
            quant_noise: self.quant_noise,
            noise: None,
        })
    }

    /// The core's size.
    ///
    /// # Errors
    /// Not of the form 64x64.
    pub fn core(&self) -> Result<Core, ConfigError> {
        self.core.parse().map_err(|problem| ConfigError::Value { key: "pcm.core", problem })
    }
}

/// `[noise]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoiseConfig {
    /// Preset or file, as `elight-sim --noise` takes it.
    pub model: String,
    /// Seconds from the write to the reading.
    #[serde(default)]
    pub age_seconds: f64,
}

/// `[write_loss]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteLossConfig {
    /// Which one.
    pub method: Method,
    /// Weight of the loss, effective (ELight's 10 is an effective 100).
    pub weight: f32,
    /// Epochs over which the weight rises from zero.
    #[serde(default)]
    pub warmup_epochs: f64,
    /// Steps after which the paths of `tour` are planned anew.
    #[serde(default = "replan")]
    pub replan: u64,
    /// Layers left out, by the beginning of their name.
    #[serde(default)]
    pub skip: Vec<String>,
}

fn replan() -> u64 {
    200
}

/// By what the best checkpoint is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Best {
    /// The highest accuracy on the held-out images.
    #[default]
    Accuracy,
    /// The fewest writes of those that are hardly less accurate (`train.tolerance`).
    Writes,
}

/// `[train]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Epochs.
    pub epochs: u64,
    /// Seed of every random choice.
    #[serde(default = "seed")]
    pub seed: u64,
    /// What is made small: `cross-entropy`, `nll`, `mse` or `mae`.
    #[serde(default)]
    pub criterion: Criterion,
    /// Label smoothing, of the cross entropy.
    #[serde(default)]
    pub label_smoothing: f32,
    /// Largest norm of the gradient; 0 for no limit.
    #[serde(default)]
    pub clip: f32,
    /// By what `best.safetensors` is chosen: `accuracy` on the held-out images, or `writes`.
    #[serde(default)]
    pub best: Best,
    /// With `best = "writes"`: how far below the best accuracy the network with the fewest writes may be, as a part of all images.
    #[serde(default = "tolerance")]
    pub tolerance: f64,
    /// Number of best checkpoints kept.
    #[serde(default = "keep")]
    pub keep: usize,
    /// Stop after so many epochs without a better accuracy on the held-out images; 0 for never.
    #[serde(default)]
    pub patience: u64,
    /// Minutes after which the state is stored within an epoch, so that a lost machine costs no more; 0 for at the end of epochs only.
    #[serde(default = "save_minutes")]
    pub save_minutes: f64,
    /// Run directory.
    pub out: PathBuf,
}

fn seed() -> u64 {
    42
}

fn keep() -> usize {
    1
}

fn tolerance() -> f64 {
    0.005
}

fn save_minutes() -> f64 {
    10.0
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// Not TOML, or a key that is unknown, missing or of the wrong type.
    #[error("{origin}: {problem}")]
    Toml {
        /// The file.
        origin: String,
        /// Where and what.
        problem: String,
    },
    /// Configurations that are each other's base.
    #[error("{path}: `base` leads back to this file, over {chain}")]
    Circle {
        /// The file.
        path: PathBuf,
        /// The files on the way.
        chain: String,
    },
    /// `--set` without `=`.
    #[error("--set {0}: expected KEY=VALUE, as in --set train.epochs=3")]
    Assignment(String),
    /// A value out of range.
    #[error("{key} {problem}")]
    Value {
        /// The key.
        key: &'static str,
        /// What it is and what was expected.
        problem: String,
    },
    /// The device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The noise.
    #[error(transparent)]
    Noise(#[from] NoiseError),
}

impl Config {
    /// Reads a file and applies `key=value` assignments in order.
    ///
    /// # Errors
    /// An unreadable file, a key that is unknown, missing or of the wrong type, a value out of range.
    pub fn load(path: &Path, assignments: &[String]) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|cause| ConfigError::Read { path: path.into(), cause })?;
        let origin = path.display().to_string();
        let table = parse(&text, &origin)?;
        if !table.contains_key(BASE) {
            return Self::parse(&text, &origin, assignments);
        }
        Self::of_table(with_base(table, path, &mut Vec::new())?, &origin, assignments)
    }

    /// As [`load`](Self::load), from text; `origin` names it in errors.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &str, origin: &str, assignments: &[String]) -> Result<Self, ConfigError> {
        let table = parse(text, origin)?;
        if table.contains_key(BASE) || !assignments.is_empty() {
            return Self::of_table(table, origin, assignments);
        }
        // The text itself is read again, for the sake of line numbers in messages.
        let config: Self =
            toml::from_str(text).map_err(|e| ConfigError::Toml { origin: origin.into(), problem: e.to_string() })?;
        config.check()?;
        Ok(config)
    }

    fn of_table(mut table: toml::Table, origin: &str, assignments: &[String]) -> Result<Self, ConfigError> {
        for a in assignments {
            assign(&mut table, a)?;
        }
        let wrong = |e: toml::de::Error| ConfigError::Toml { origin: origin.into(), problem: e.to_string() };
        let config: Self = table.try_into().map_err(wrong)?;
        config.check()?;
        Ok(config)
    }

    /// The settings of the layers on the core, with their noise; none without `[pcm]`.
    ///
    /// # Errors
    /// A device or a noise model that cannot be loaded.
    pub fn pcm_settings(&self) -> Result<Option<PcmSettings>, ConfigError> {
        let Some(pcm) = &self.pcm else { return Ok(None) };
        let noise = self.noise.as_ref().map(|n| {
            Ok::<_, ConfigError>(Arc::new(CellNoise { model: NoiseModel::load(&n.model)?, age_seconds: n.age_seconds }))
        });
        Ok(Some(PcmSettings { noise: noise.transpose()?, ..pcm.settings()? }))
    }

    /// The configuration as TOML.
    pub fn to_toml(&self) -> String {
        // Plain strings, numbers and tables: always representable.
        toml::to_string_pretty(self).unwrap_or_default()
    }

    fn check(&self) -> Result<(), ConfigError> {
        let rule = |ok: bool, key: &'static str, got: String, want: &str| {
            let problem = format!("is {got}, expected {want}");
            if ok { Ok(()) } else { Err(ConfigError::Value { key, problem }) }
        };
        let between = |v: f32, lo: f32, hi: f32| (lo..=hi).contains(&v);
        rule((1..=65_536).contains(&self.data.batch), "data.batch", self.data.batch.to_string(), "1 to 65536")?;
        let pad = self.data.augment.crop_padding;
        rule(pad <= 64, "data.augment.crop_padding", pad.to_string(), "at most 64")?;
        let dropout = self.model.dropout;
        rule(between(dropout, 0.0, 0.95), "model.dropout", dropout.to_string(), "0 to 0.95")?;
        rule(!self.model.hidden.contains(&0), "model.hidden", format!("{:?}", self.model.hidden), "sizes above 0")?;
        let lr = self.optimizer.lr();
        rule(lr > 0.0 && lr.is_finite(), "optimizer.lr", lr.to_string(), "a number above 0")?;
        rule(self.train.epochs > 0, "train.epochs", "0".into(), "at least 1")?;
        let share = self.data.validation;
        rule((0.0..=0.9).contains(&share), "data.validation", share.to_string(), "a share from 0 (none) to 0.9")?;
        let tolerance = self.train.tolerance;
        rule((0.0..=1.0).contains(&tolerance), "train.tolerance", tolerance.to_string(), "a part from 0 to 1")?;
        if self.train.best == Best::Writes {
            let want = "a core whose writes are counted";
            rule(self.pcm.is_some(), "train.best", "writes without [pcm]".into(), want)?;
        }
        if share == 0.0 {
            let none = |what: &str| format!("{what} with data.validation = 0");
            let want = "images to judge by: data.validation above 0";
            rule(self.train.patience == 0, "train.patience", none(&self.train.patience.to_string()), want)?;
            rule(self.train.best == Best::Accuracy, "train.best", none("writes"), want)?;
        }
        let minutes = self.train.save_minutes;
        rule(minutes >= 0.0 && minutes.is_finite(), "train.save_minutes", minutes.to_string(), "0 (never) or above")?;
        if let Course::Milestones { at, .. } = &self.schedule {
            let ascends = at.windows(2).all(|pair| pair[0] < pair[1]);
            rule(ascends, "schedule.at", format!("{at:?}"), "numbers of epochs that ascend")?;
        }
        if self.train.criterion != Criterion::CrossEntropy {
            let smooth = self.train.label_smoothing;
            let want = "0 with another criterion than cross-entropy";
            rule(smooth == 0.0, "train.label_smoothing", smooth.to_string(), want)?;
        }
        let partial = !self.model.partial || self.model.weights.is_some();
        rule(partial, "model.partial", "true without model.weights".into(), "weights to take parts of")?;
        let smooth = self.train.label_smoothing;
        rule(between(smooth, 0.0, 0.9), "train.label_smoothing", smooth.to_string(), "0 to 0.9")?;
        rule(self.train.clip >= 0.0, "train.clip", self.train.clip.to_string(), "0 (no limit) or above")?;
        if let Some(p) = &self.pcm {
            rule(p.input_bits <= 16, "pcm.input_bits", p.input_bits.to_string(), "0 (floating point) to 16")?;
            rule(between(p.quant_noise, 0.0, 1.0), "pcm.quant_noise", p.quant_noise.to_string(), "0 to 1")?;
            p.settings()?;
            p.core()?;
        }
        if let Some(n) = &self.noise {
            rule(self.pcm.is_some(), "noise", "given without [pcm]".into(), "a core whose cells have it")?;
            let age = n.age_seconds;
            rule(age >= 0.0 && age.is_finite(), "noise.age_seconds", age.to_string(), "0 or above")?;
            self.pcm_settings()?;
        }
        if let Some(w) = &self.write_loss {
            rule(self.pcm.is_some(), "write_loss", "given without [pcm]".into(), "a core whose writes it saves")?;
            rule(w.weight >= 0.0 && w.weight.is_finite(), "write_loss.weight", w.weight.to_string(), "0 or above")?;
            rule(w.replan > 0, "write_loss.replan", "0".into(), "at least 1 step")?;
            let warmup = w.warmup_epochs;
            rule(warmup >= 0.0, "write_loss.warmup_epochs", warmup.to_string(), "0 or above")?;
        }
        Ok(())
    }
}

/// The key that names the file to take over.
const BASE: &str = "base";

fn parse(text: &str, origin: &str) -> Result<toml::Table, ConfigError> {
    toml::from_str(text).map_err(|e| ConfigError::Toml { origin: origin.into(), problem: e.to_string() })
}

/// The table with everything that its bases say and it does not; `above`: the files that led here.
fn with_base(mut table: toml::Table, path: &Path, above: &mut Vec<PathBuf>) -> Result<toml::Table, ConfigError> {
    let Some(base) = table.remove(BASE) else { return Ok(table) };
    let origin = path.display().to_string();
    let Some(base) = base.as_str() else {
        return Err(ConfigError::Toml { origin, problem: format!("`base` is {base}, expected a file's name") });
    };
    above.push(path.canonicalize().unwrap_or_else(|_| path.to_owned()));
    let file = path.parent().unwrap_or(Path::new("")).join(base);
    let text = std::fs::read_to_string(&file).map_err(|cause| ConfigError::Read { path: file.clone(), cause })?;
    if above.contains(&file.canonicalize().unwrap_or_else(|_| file.clone())) {
        let chain: Vec<String> = above.iter().map(|p| p.display().to_string()).collect();
        return Err(ConfigError::Circle { path: file, chain: chain.join(", ") });
    }
    let below = with_base(parse(&text, &file.display().to_string())?, &file, above)?;
    Ok(merge(below, table))
}

/// `base` with the keys of `over` in place of its own.
fn merge(mut base: toml::Table, over: toml::Table) -> toml::Table {
    for (key, value) in over {
        let merged = match (base.remove(&key), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) => {
                let other = |tag: &str| new.get(tag).is_some_and(|kind| old.get(tag) != Some(kind));
                toml::Value::Table(if other("kind") || other("method") { new } else { merge(old, new) })
            }
            (_, value) => value,
        };
        base.insert(key, merged);
    }
    base
}

/// Sets a dotted key; the value is TOML, or else a bare string.
fn assign(table: &mut toml::Table, assignment: &str) -> Result<(), ConfigError> {
    let wrong = || ConfigError::Assignment(assignment.to_owned());
    let (key, text) = assignment.split_once('=').ok_or_else(wrong)?;
    let (key, text) = (key.trim(), text.trim());
    let parsed = toml::from_str::<toml::Table>(&format!("v = {text}")).ok().and_then(|mut t| t.remove("v"));
    let value = parsed.unwrap_or_else(|| toml::Value::String(text.to_owned()));
    let mut parts: Vec<&str> = key.split('.').collect();
    let last = parts.pop().filter(|p| !p.is_empty()).ok_or_else(wrong)?;
    let mut at = table;
    for part in parts {
        let inner = at.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        at = inner.as_table_mut().ok_or_else(wrong)?;
    }
    at.insert(last.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
[data]
name = "digits"
[model]
name = "mlp"
hidden = [32]
[pcm]
bits = 4
[write_loss]
method = "l2-row"
weight = 1.0
[optimizer]
kind = "sgd"
lr = 0.1
[train]
epochs = 2
out = "run"
"#;

    fn error(assignment: &str) -> String {
        Config::parse(TEXT, "c.toml", &[assignment.to_owned()]).unwrap_err().to_string()
    }

    #[test]
    fn round_trip() {
        let c = Config::parse(TEXT, "c.toml", &[]).unwrap();
        assert_eq!(Config::parse(&c.to_toml(), "again", &[]).unwrap(), c);
    }

    #[test]
    fn assignments() {
        let set = ["train.epochs=7", "pcm.core=9x9", "schedule.kind=cosine", "model.hidden=[1, 2]"];
        let c = Config::parse(TEXT, "c.toml", &set.map(String::from)).unwrap();
        assert_eq!((c.train.epochs, c.model.hidden), (7, vec![1, 2]));
        assert_eq!(c.pcm.unwrap().core().unwrap(), Core { rows: 9, columns: 9 });
        assert_eq!(c.schedule, Course::Cosine { floor: 0.0 });
    }

    #[test]
    fn a_file_takes_over_its_base() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            std::fs::create_dir_all(dir.path().join("sub")).unwrap();
            std::fs::write(dir.path().join(name), text).unwrap();
            dir.path().join(name)
        };
        file("base.toml", TEXT);
        // One key of a table; a table of another kind; a table of its own.
        let text = "base = '../base.toml'\n[train]\nepochs = 5\n[optimizer]\nkind = 'adamw'\nlr = 0.01\n[schedule]\nkind = 'milestones'\nat = [2, 4]\ngamma = 0.1";
        let middle = file("sub/middle.toml", text);
        let top = file("top.toml", "base = 'sub/middle.toml'\n[train]\nseed = 7\n[write_loss]\nweight = 3.0");
        let c = Config::load(&top, &["train.out=there".into()]).unwrap();
        assert_eq!((c.train.epochs, c.train.seed, c.train.out), (5, 7, "there".into()));
        assert_eq!(c.schedule, Course::Milestones { at: vec![2, 4], gamma: 0.1 });
        let loss = c.write_loss.unwrap();
        assert_eq!((loss.method, loss.weight, c.optimizer.lr()), (Method::L2Row, 3.0, 0.01));
        // What is resolved has no base any more.
        let resolved = Config::load(&middle, &[]).unwrap().to_toml();
        assert!(!resolved.contains("base") && Config::parse(&resolved, "again", &[]).is_ok());
        // Circles, missing files, no file.
        file("base.toml", "base = 'top.toml'");
        let e = Config::load(&top, &[]).unwrap_err().to_string();
        assert!(e.contains("leads back") && e.contains("middle.toml"), "{e}");
        let lost = file("lost.toml", "base = 'nowhere.toml'");
        assert!(Config::load(&lost, &[]).unwrap_err().to_string().contains("nowhere.toml"));
        let number = file("number.toml", "base = 3");
        assert!(Config::load(&number, &[]).unwrap_err().to_string().contains("`base` is 3"));
    }

    #[test]
    fn mistakes_are_named() {
        assert!(error("train.epoch=7").contains("unknown field `epoch`"));
        assert!(error("nonsense").contains("expected KEY=VALUE"));
        assert_eq!(error("train.epochs=0"), "train.epochs is 0, expected at least 1");
        assert_eq!(error("data.batch=0"), "data.batch is 0, expected 1 to 65536");
        assert_eq!(error("pcm.reparam=sin"), "pcm.reparam is `sin`, expected one of tanh, none");
        assert!(error("pcm.core=nine").contains("expected ROWSxCOLUMNS"));
        assert!(error("pcm.bits=9").contains("9"));
        assert!(error("write_loss.method=l3").contains("quantile"));
        assert!(error("noise.model=loud").contains("electrical-pcm"));
        assert!(error("model.partial=true").starts_with("model.partial is true without model.weights"));
        let milestones = ["schedule.kind=milestones", "schedule.at=[5, 5]", "schedule.gamma=0.1"].map(String::from);
        let e = Config::parse(TEXT, "c.toml", &milestones).unwrap_err().to_string();
        assert_eq!(e, "schedule.at is [5, 5], expected numbers of epochs that ascend");
        assert_eq!(error("optimizer.lr=-1"), "optimizer.lr is -1, expected a number above 0");
    }
}
