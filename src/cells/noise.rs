//! What a PCM cell really holds: programming noise, drift and read noise, each drawn from a seed.
//!
//! A cell's state is `x = (T - T[0]) / (T[B] - T[0])`, the transmission above that of level 0 in units of the full range: 0 for
//! level 0, 1 for the highest level. All figures of a model are in these units.
//!
//! ```text
//! written     x_p = x + sigma(x) N,              sigma(x) = max(c0 + c1 x + c2 x^2, 0)          once a write
//! after t     x_t = x_p ((t + t0) / t0)^-nu,     nu = max(N(mean(x), deviation(x)), 0)          once a write
//! read        x_r = x_t + x_t q(x) sqrt(ln((t + t0 + t_r) / (2 t_r))) N,  q(x) = min(q1 x^-p, q_max)   once a step
//! ```
//!
//! `x` is the level that was asked for. The noise belongs to the write: a cell that is not written keeps what it has. No transmission falls
//! below zero.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::level::Provenance;
use crate::seeds::mix;

/// The presets, by name: the same format that a user writes, compiled in.
const PRESETS: [(&str, &str); 2] = [
    ("electrical-pcm", include_str!("presets/electrical-pcm.toml")),
    ("optical-pcm", include_str!("presets/optical-pcm.toml")),
];

/// Why a noise model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NoiseError {
    /// Neither a preset nor a file.
    #[error("noise `{arg}`: {cause}; give one of the presets ({presets}), or a TOML file (docs/simulation.md)",
            presets = PRESETS.map(|(n, _)| n).join(", "))]
    Read {
        /// What was asked for.
        arg: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// Not TOML, or a key that is unknown, missing or of the wrong type.
    #[error("{origin}: {source}")]
    Toml {
        /// What the text is.
        origin: String,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
    /// A value out of range.
    #[error("{origin}: `{key}` is {got}, expected {expected}")]
    Value {
        /// What the text is.
        origin: String,
        /// The key.
        key: &'static str,
        /// What was found.
        got: f64,
        /// What is allowed.
        expected: &'static str,
    },
    /// Time has passed, and nothing says what it does.
    #[error("--drift needs a noise model that says how cells drift: give one with a [drift] section by --noise")]
    NoDrift,
    /// A provenance of a number that is not there.
    #[error("{origin}: [provenance] speaks of `{key}`; the numbers are those of programming, drift and read")]
    Provenance {
        /// What the text is.
        origin: String,
        /// The key.
        key: String,
    },
}

/// A noise model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoiseModel {
    /// Short name.
    pub name: String,
    /// One line that says what it describes.
    pub title: String,
    /// Where the figures were published.
    pub source: String,
    /// What a reader of a result has to know.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The error of a write; none: cells hold exactly their level.
    pub programming: Option<Programming>,
    /// What time does; none: nothing.
    pub drift: Option<Drift>,
    /// Fluctuation from reading to reading; none: none.
    pub read: Option<ReadNoise>,
    /// Where the numbers come from, by section.
    #[serde(default, skip_serializing)]
    pub provenance: BTreeMap<String, Provenance>,
}

/// `sigma(x) = max(c0 + c1 x + c2 x^2, 0)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Programming {
    /// `[c0, c1, c2]`, full ranges.
    pub sigma: [f64; 3],
}

/// `min(max(slope ln(x) + offset, min), max)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogLine {
    /// Factor of `ln(x)`.
    pub slope: f64,
    /// Value at the highest level.
    pub offset: f64,
    /// Lower limit, 0 or above.
    pub min: f64,
    /// Upper limit.
    pub max: f64,
}

impl LogLine {
    fn at(&self, x: f64) -> f64 {
        // At x = 0 the logarithm is infinite, and a limit holds.
        (self.slope * x.max(f64::MIN_POSITIVE).ln() + self.offset).max(self.min).min(self.max)
    }
}

/// Drift of the state with time since the write.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// Time after the write at which the state counts as written, seconds.
    pub t0_seconds: f64,
    /// Mean exponent, no unit.
    pub nu_mean: LogLine,
    /// Its standard deviation from cell to cell.
    pub nu_deviation: LogLine,
    /// Whether each layer's outputs are rescaled digitally by what all its cells have lost together.
    #[serde(default)]
    pub compensated: bool,
}

/// 1/f noise of reading.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadNoise {
    /// `q1`: relative noise at the highest level.
    pub q: f64,
    /// `p`: how it grows towards lower levels.
    pub exponent: f64,
    /// Upper limit of `q(x)`.
    pub q_max: f64,
    /// `t_r`: duration of a reading, seconds.
    pub t_read_seconds: f64,
    /// Time since the write at which reading begins, seconds, when there is no drift that says it.
    pub t0_seconds: f64,
}

/// Streams of random numbers.
const PROGRAMMING: u64 = 1;
const DRIFT: u64 = 2;
const READ: u64 = 3;

/// Which PCM cell was written for the how-many-eth time: the key of everything that is drawn for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteId {
    /// PCM cell: twice the weight cell's number, and one more for the minus cell.
    pub pcm: u64,
    /// Its writes so far; 0: erased and never written.
    pub write: u32,
}

/// A noise model, a seed and an age: what is needed to say what cells hold.
#[derive(Clone, Debug)]
pub struct Draw<'a> {
    model: Option<&'a NoiseModel>,
    seed: u64,
    age: f64,
    /// The lowest state: no light at all.
    floor: f64,
}

impl<'a> Draw<'a> {
    /// `age`: seconds from the write to the reading; `floor`: state of a transmission of zero, `-T[0] / (T[B] - T[0])`.
    #[must_use]
    pub fn new(model: Option<&'a NoiseModel>, seed: u64, age: f64, floor: f64) -> Self {
        Self { model, seed, age, floor }
    }

    /// Whether cells hold exactly their levels.
    #[must_use]
    pub fn exact(&self) -> bool {
        self.model.is_none_or(|m| m.programming.is_none() && m.read.is_none() && (m.drift.is_none() || self.age == 0.0))
    }

    /// Whether outputs are rescaled for drift.
    #[must_use]
    pub fn compensated(&self) -> bool {
        self.model.and_then(|m| m.drift.as_ref()).is_some_and(|d| d.compensated && self.age > 0.0)
    }

    /// What the cell holds just after the write.
    #[must_use]
    pub fn written(&self, x: f64, id: WriteId) -> f64 {
        let Some(p) = self.model.and_then(|m| m.programming.as_ref()) else { return x };
        let sigma = (p.sigma[0] + x * (p.sigma[1] + x * p.sigma[2])).max(0.0);
        (x + sigma * self.normal(PROGRAMMING, id, 0)).max(self.floor)
    }

    /// What the cell holds at its age, before it is read.
    #[must_use]
    pub fn aged(&self, x: f64, id: WriteId) -> f64 {
        let written = self.written(x, id);
        match self.model.and_then(|m| m.drift.as_ref()) {
            Some(d) if self.age > 0.0 => {
                let nu = (d.nu_mean.at(x) + d.nu_deviation.at(x) * self.normal(DRIFT, id, 0)).max(0.0);
                written * ((self.age + d.t0_seconds) / d.t0_seconds).powf(-nu)
            }
            _ => written,
        }
    }

    /// What a step multiplies with; `step` counts over the inference.
    #[must_use]
    pub fn read(&self, x: f64, id: WriteId, step: u64) -> f64 {
        let aged = self.aged(x, id);
        let Some(r) = self.model.and_then(|m| m.read.as_ref()) else { return aged };
        let q = (r.q * x.max(f64::MIN_POSITIVE).powf(-r.exponent)).min(r.q_max);
        let t = self.age + r.t0_seconds;
        let sigma = aged.abs() * q * ((t + r.t_read_seconds) / (2.0 * r.t_read_seconds)).ln().max(0.0).sqrt();
        (aged + sigma * self.normal(READ, id, step)).max(self.floor)
    }

    /// A standard normal number that depends on the seed and its arguments alone.
    fn normal(&self, stream: u64, id: WriteId, step: u64) -> f64 {
        let key = mix(mix(mix(mix(self.seed) ^ stream) ^ id.pcm) ^ u64::from(id.write) ^ (step << 32));
        // Box and Muller; 53 bits each, the first never zero.
        let unit = |bits: u64| ((bits >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        let (u, v) = (unit(mix(key)), unit(mix(key ^ 0x5851_F42D_4C95_7F2D)));
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }
}

impl NoiseModel {
    /// Names of the presets.
    pub fn presets() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|(name, _)| *name)
    }

    /// A preset by its name, or else the file at this path.
    ///
    /// # Errors
    /// [`NoiseError`]: no such preset or file, or one that breaks a rule.
    pub fn load(arg: &str) -> Result<Self, NoiseError> {
        if let Some((name, text)) = PRESETS.iter().find(|(name, _)| *name == arg) {
            return Self::from_toml_str(text, &format!("noise preset {name}"));
        }
        let text =
            std::fs::read_to_string(Path::new(arg)).map_err(|cause| NoiseError::Read { arg: arg.into(), cause })?;
        Self::from_toml_str(&text, &format!("noise file {arg}"))
    }

    /// The model that the text describes; `origin` names the text in errors.
    ///
    /// # Errors
    /// [`NoiseError`]: not TOML, an unknown or missing key, a number out of range.
    pub fn from_toml_str(text: &str, origin: &str) -> Result<Self, NoiseError> {
        let model: Self = toml::from_str(text)
            .map_err(|source| NoiseError::Toml { origin: origin.to_owned(), source: Box::new(source) })?;
        model.check(origin)?;
        Ok(model)
    }

    fn check(&self, origin: &str) -> Result<(), NoiseError> {
        let rule = |ok: bool, key, got: f64, expected| {
            let wrong = || NoiseError::Value { origin: origin.to_owned(), key, got, expected };
            if ok && got.is_finite() { Ok(()) } else { Err(wrong()) }
        };
        let positive = |key, got: f64| rule(got > 0.0, key, got, "a number above 0");
        let not_negative = |key, got: f64| rule(got >= 0.0, key, got, "a number of 0 or above");
        if let Some(p) = &self.programming {
            not_negative("programming.sigma[0]", p.sigma[0])?;
            for (key, c) in [("programming.sigma[1]", p.sigma[1]), ("programming.sigma[2]", p.sigma[2])] {
                rule(true, key, c, "a finite number")?;
            }
            let top: f64 = p.sigma.iter().sum();
            rule(top >= 0.0, "programming.sigma (sum: the highest level)", top, "a deviation of 0 or above")?;
        }
        if let Some(d) = &self.drift {
            positive("drift.t0_seconds", d.t0_seconds)?;
            let lines = [
                (["drift.nu_mean.slope", "drift.nu_mean.offset", "drift.nu_mean.min", "drift.nu_mean.max"], d.nu_mean),
                (
                    [
                        "drift.nu_deviation.slope",
                        "drift.nu_deviation.offset",
                        "drift.nu_deviation.min",
                        "drift.nu_deviation.max",
                    ],
                    d.nu_deviation,
                ),
            ];
            for ([slope, offset, min, max], line) in lines {
                rule(true, slope, line.slope, "a finite number")?;
                rule(true, offset, line.offset, "a finite number")?;
                not_negative(min, line.min)?;
                rule(line.max >= line.min, max, line.max, "a number not below `min`")?;
            }
        }
        if let Some(r) = &self.read {
            not_negative("read.q", r.q)?;
            not_negative("read.exponent", r.exponent)?;
            not_negative("read.q_max", r.q_max)?;
            positive("read.t_read_seconds", r.t_read_seconds)?;
            not_negative("read.t0_seconds", r.t0_seconds)?;
        }
        match self.provenance.keys().find(|key| !["programming", "drift", "read"].contains(&key.as_str())) {
            Some(key) => Err(NoiseError::Provenance { origin: origin.to_owned(), key: key.clone() }),
            None => Ok(()),
        }
    }

    /// Whether a model says what time does, where time has passed.
    ///
    /// # Errors
    /// [`NoiseError::NoDrift`].
    pub fn ages(model: Option<&Self>, seconds: f64) -> Result<(), NoiseError> {
        if seconds > 0.0 && model.is_none_or(|n| n.drift.is_none() && n.read.is_none()) {
            return Err(NoiseError::NoDrift);
        }
        Ok(())
    }

    /// The sections whose figures nobody published: they are assumed.
    pub fn assumed(&self) -> impl Iterator<Item = (&str, &Provenance)> {
        self.provenance.iter().filter(|(_, p)| p.is_assumed()).map(|(key, p)| (key.as_str(), p))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(pcm: u64, write: u32) -> WriteId {
        WriteId { pcm, write }
    }

    fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt())
    }

    #[test]
    fn presets_load() {
        for name in NoiseModel::presets() {
            NoiseModel::load(name).unwrap();
        }
        assert_eq!(NoiseModel::load("optical-pcm").unwrap().assumed().count(), 1);
    }

    /// The written states have the deviation of the formula, a level alone decides it, and a write its own draw.
    #[test]
    fn programming_noise_is_that_of_the_formula() {
        let model = NoiseModel::load("electrical-pcm").unwrap();
        let draw = Draw::new(Some(&model), 7, 0.0, -0.2);
        for x in [0.0, 0.3, 1.0] {
            let states: Vec<f64> = (0..20_000).map(|cell| draw.written(x, id(cell, 1))).collect();
            let (mean, deviation) = mean_and_deviation(&states);
            let sigma = (0.2635 + 1.9650 * x - 1.1731 * x * x) / 25.0;
            assert!(
                (mean - x).abs() < 0.03 * sigma && (deviation / sigma - 1.0).abs() < 0.02,
                "{x}: {mean} {deviation}"
            );
        }
        assert_eq!(draw.written(0.5, id(3, 1)), draw.written(0.5, id(3, 1)));
        assert_ne!(draw.written(0.5, id(3, 1)), draw.written(0.5, id(3, 2)));
        assert_ne!(draw.written(0.5, id(3, 1)), Draw::new(Some(&model), 8, 0.0, -0.2).written(0.5, id(3, 1)));
    }

    #[test]
    fn drift_darkens_and_reading_fluctuates() {
        let model = NoiseModel::load("electrical-pcm").unwrap();
        let at = |age| Draw::new(Some(&model), 1, age, -0.2);
        let mean = |age| (0..4000).map(|c| at(age).aged(1.0, id(c, 1))).sum::<f64>() / 4000.0;
        // Exponent 0.049 at the highest level, 0.008 from cell to cell: a factor (86420 / 20)^-0.049 after a day.
        let expected = (86_420.0f64 / 20.0).powf(-0.049);
        assert!((mean(86_400.0) / mean(0.0) / expected - 1.0).abs() < 0.01, "{} {}", mean(86_400.0), expected);
        let draw = at(0.0);
        let aged = draw.aged(1.0, id(0, 1));
        let reads: Vec<f64> = (0..4000).map(|step| draw.read(1.0, id(0, 1), step) / aged - 1.0).collect();
        let sigma = 0.0088 * (20.000_000_25f64 / 5e-7).ln().sqrt();
        let (mean, deviation) = mean_and_deviation(&reads);
        assert!(mean.abs() < 0.1 * sigma && (deviation / sigma - 1.0).abs() < 0.05, "{mean} {deviation} {sigma}");
    }

    #[test]
    fn nothing_falls_below_dark() {
        let text = "name='x'\ntitle='y'\nsource='z'\n[programming]\nsigma=[1.0,0.0,0.0]";
        let model = NoiseModel::from_toml_str(text, "a test").unwrap();
        let draw = Draw::new(Some(&model), 1, 0.0, -0.1);
        assert!((0..100).all(|c| draw.read(0.0, id(c, 0), 0) >= -0.1));
        assert!(Draw::new(None, 1, 0.0, 0.0).exact() && !draw.exact());
    }

    #[test]
    fn slips_of_the_pen_are_named() {
        let base = "name='x'\ntitle='y'\nsource='z'\n";
        let error =
            |text: &str| NoiseModel::from_toml_str(&format!("{base}{text}"), "noise file f").unwrap_err().to_string();
        assert!(error("[programing]\nsigma=[0,0,0]").contains("programing"));
        let negative = error("[programming]\nsigma=[-0.1,0.0,0.0]");
        assert_eq!(negative, "noise file f: `programming.sigma[0]` is -0.1, expected a number of 0 or above");
        assert!(error("[programming]\nsigma=[0.1,0.0,-0.2]").contains("highest level"));
        assert!(
            error("[read]\nq=0.1\nexponent=0\nq_max=0.2\nt_read_seconds=0\nt0_seconds=20").contains("t_read_seconds")
        );
        assert!(error("[provenance]\nsigma={kind='read',from='p'}").contains("[provenance] speaks of `sigma`"));
        assert!(NoiseModel::load("nowhere").unwrap_err().to_string().contains("electrical-pcm, optical-pcm"));
    }
}
