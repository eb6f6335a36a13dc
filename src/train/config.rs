//! A training run as a TOML file; every key is checked, unknown ones are refused.

use super::data::Augment;
use super::optim::OptimizerConfig;
use super::schedule::Course;
use super::write_loss::{Core, Method};
use crate::nn::pcm::PcmSettings;
use elight::level::{DeviceError, DeviceProfile, Reparam, ScaleMode};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

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
}

fn batch() -> usize {
    64
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
    /// Layers left out, by the beginning of their name.
    #[serde(default)]
    pub skip: Vec<String>,
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
    /// Label smoothing.
    #[serde(default)]
    pub label_smoothing: f32,
    /// Largest norm of the gradient; 0 for no limit.
    #[serde(default)]
    pub clip: f32,
    /// Number of best checkpoints kept.
    #[serde(default = "keep")]
    pub keep: usize,
    /// Stop after so many epochs without a better accuracy; 0 for never.
    #[serde(default)]
    pub patience: u64,
    /// Run directory.
    pub out: PathBuf,
}

fn seed() -> u64 {
    42
}

fn keep() -> usize {
    1
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
}

impl Config {
    /// Reads a file and applies `key=value` assignments in order.
    ///
    /// # Errors
    /// An unreadable file, a key that is unknown, missing or of the wrong type, a value out of range.
    pub fn load(path: &Path, assignments: &[String]) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|cause| ConfigError::Read { path: path.into(), cause })?;
        Self::parse(&text, &path.display().to_string(), assignments)
    }

    /// As [`load`](Self::load), from text; `origin` names it in errors.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &str, origin: &str, assignments: &[String]) -> Result<Self, ConfigError> {
        let wrong = |problem: String| ConfigError::Toml { origin: origin.into(), problem };
        let mut table: toml::Table = toml::from_str(text).map_err(|e| wrong(e.to_string()))?;
        for a in assignments {
            assign(&mut table, a)?;
        }
        // Without assignments the text itself is read again, for the sake of line numbers in messages.
        let config: Self = if assignments.is_empty() {
            toml::from_str(text).map_err(|e| wrong(e.to_string()))?
        } else {
            table.try_into().map_err(|e: toml::de::Error| wrong(e.to_string()))?
        };
        config.check()?;
        Ok(config)
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
        let smooth = self.train.label_smoothing;
        rule(between(smooth, 0.0, 0.9), "train.label_smoothing", smooth.to_string(), "0 to 0.9")?;
        rule(self.train.clip >= 0.0, "train.clip", self.train.clip.to_string(), "0 (no limit) or above")?;
        if let Some(p) = &self.pcm {
            rule(p.input_bits <= 16, "pcm.input_bits", p.input_bits.to_string(), "0 (floating point) to 16")?;
            rule(between(p.quant_noise, 0.0, 1.0), "pcm.quant_noise", p.quant_noise.to_string(), "0 to 1")?;
            p.settings()?;
            p.core()?;
        }
        if let Some(w) = &self.write_loss {
            rule(self.pcm.is_some(), "write_loss", "given without [pcm]".into(), "a core whose writes it saves")?;
            rule(w.weight >= 0.0 && w.weight.is_finite(), "write_loss.weight", w.weight.to_string(), "0 or above")?;
            let warmup = w.warmup_epochs;
            rule(warmup >= 0.0, "write_loss.warmup_epochs", warmup.to_string(), "0 or above")?;
        }
        Ok(())
    }
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
    fn mistakes_are_named() {
        assert!(error("train.epoch=7").contains("unknown field `epoch`"));
        assert!(error("nonsense").contains("expected KEY=VALUE"));
        assert_eq!(error("train.epochs=0"), "train.epochs is 0, expected at least 1");
        assert_eq!(error("data.batch=0"), "data.batch is 0, expected 1 to 65536");
        assert_eq!(error("pcm.reparam=sin"), "pcm.reparam is `sin`, expected one of tanh, none");
        assert!(error("pcm.core=nine").contains("expected ROWSxCOLUMNS"));
        assert!(error("pcm.bits=9").contains("9"));
        assert!(error("write_loss.method=l3").contains("quantile"));
        assert_eq!(error("optimizer.lr=-1"), "optimizer.lr is -1, expected a number above 0");
    }
}
