//! The device file as it is written: TOML with the unit in every key. Checked here once, then [`super::DeviceProfile`].

use super::device_error::DeviceError;
use super::transmission::Transmission;
use firmware_model::hardware::{Verify, largest_tolerance};
use firmware_model::pcm::{Price, WriteCost, top_level};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A device file before its values are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDevice {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) source: String,
    #[serde(default)]
    pub(super) notes: Vec<String>,
    /// Wider than needed, so that a number out of range gets our own error.
    pub(super) bits: Option<i64>,
    endurance_writes: Option<f64>,
    endurance_cycle: Option<EnduranceCycle>,
    pub(super) transmission: RawTransmission,
    pub(super) write: RawWrite,
    #[serde(default)]
    pub(super) verify: RawVerify,
    #[serde(default)]
    pub(super) provenance: BTreeMap<String, Provenance>,
    /// The system around the cell may stand beside it; it is read apart.
    #[serde(rename = "system")]
    _system: Option<serde::de::IgnoredAny>,
}

/// `[transmission]`: exactly one of the three.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTransmission {
    beta_per_level: Option<f64>,
    contrast_db: Option<f64>,
    pub(super) table: Option<Vec<f64>>,
}

/// `[write]`: the numbers of one model. Which ones it needs is checked in [`RawWrite::resolve`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWrite {
    #[serde(default)]
    model: Model,
    energy_up_pj_per_level: Option<f64>,
    energy_up_pj_per_db: Option<f64>,
    energy_down_pj_per_level: Option<f64>,
    energy_down_pj_per_db: Option<f64>,
    time_up_us_per_level: Option<f64>,
    time_down_us_per_level: Option<f64>,
    energy_up_pj_per_pulse: Option<f64>,
    energy_down_pj_per_pulse: Option<f64>,
    time_up_us_per_pulse: Option<f64>,
    time_down_us_per_pulse: Option<f64>,
    energy_reset_pj: Option<f64>,
    time_reset_us: Option<f64>,
    energy_set_pj: Option<f64>,
    time_set_us: Option<f64>,
    energy_set_pj_per_level: Option<f64>,
    time_set_us_per_level: Option<f64>,
}

/// `[verify]`: how a controller programs and verifies.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVerify {
    tries: Option<i64>,
    tolerance: Option<f64>,
}

/// How a device is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Model {
    #[default]
    PerLevel,
    SingleShot,
    ResetThenSet,
}

impl Model {
    const fn name(self) -> &'static str {
        match self {
            Self::PerLevel => "per-level",
            Self::SingleShot => "single-shot",
            Self::ResetThenSet => "reset-then-set",
        }
    }
}

/// What counts as one cycle of a published endurance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnduranceCycle {
    /// One level step, up or down: the careful reading of a cycle.
    LevelStep,
    /// From the lowest level to the highest and back: `2 B` level steps.
    FullSwing,
    /// One pulse, whatever it changes.
    Pulse,
    /// One reset.
    Reset,
}

impl EnduranceCycle {
    /// Its name in a device file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LevelStep => "level-step",
            Self::FullSwing => "full-swing",
            Self::Pulse => "pulse",
            Self::Reset => "reset",
        }
    }

    /// What wears a cell of this cost model by one cycle: level steps, pulses or resets.
    #[must_use]
    pub fn wear(self, top_level: i16) -> f64 {
        match self {
            Self::FullSwing => 2.0 * f64::from(top_level),
            _ => 1.0,
        }
    }
}

/// Where a number of a device file comes from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// How it was obtained.
    pub kind: Origin,
    /// From which publication, by which derivation, or why it was assumed.
    pub from: String,
}

impl Provenance {
    /// Whether nobody published the figure.
    #[must_use]
    pub fn is_assumed(&self) -> bool {
        self.kind == Origin::Assumed
    }
}

/// How a number was obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Read in the source.
    Read,
    /// Computed from numbers that were read.
    Derived,
    /// Not published: a stand-in.
    Assumed,
}

impl RawDevice {
    /// The keys of all numbers that this file sets.
    pub(super) fn number_keys(&self) -> Vec<&'static str> {
        let t = &self.transmission;
        let own = [
            ("bits", self.bits.is_some()),
            ("endurance_writes", self.endurance_writes.is_some()),
            ("beta_per_level", t.beta_per_level.is_some()),
            ("contrast_db", t.contrast_db.is_some()),
            ("table", t.table.is_some()),
            ("tries", self.verify.tries.is_some()),
            ("tolerance", self.verify.tolerance.is_some()),
        ];
        let written = self.write.numbers().map(|(_, key, number)| (key, number.is_some()));
        own.into_iter().chain(written).filter_map(|(key, set)| set.then_some(key)).collect()
    }

    /// Provenance speaks only of numbers that are there.
    pub(super) fn check_provenance(&self, origin: &str) -> Result<(), DeviceError> {
        let known = self.number_keys();
        match self.provenance.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => {
                Err(DeviceError::Provenance { origin: origin.to_owned(), key: key.clone(), known: known.join(", ") })
            }
        }
    }

    /// What counts as a cycle of the endurance: what wears a cell of this cost model, or, level by level, a full swing.
    pub(super) fn endurance_cycle(&self, origin: &str) -> Result<EnduranceCycle, DeviceError> {
        let (own, expected) = match self.write.model {
            Model::PerLevel => (EnduranceCycle::LevelStep, "`level-step` or `full-swing`"),
            Model::SingleShot => (EnduranceCycle::Pulse, "`pulse`"),
            Model::ResetThenSet => (EnduranceCycle::Reset, "`reset`"),
        };
        match self.endurance_cycle {
            None => Ok(own),
            Some(cycle) if cycle == own => Ok(own),
            Some(EnduranceCycle::FullSwing) if self.write.model == Model::PerLevel => Ok(EnduranceCycle::FullSwing),
            Some(got) => {
                let (origin, model) = (origin.to_owned(), self.write.model.name());
                Err(DeviceError::EnduranceCycle { origin, got: got.name(), model, expected })
            }
        }
    }

    /// The endurance: positive and finite, when given.
    pub(super) fn endurance_writes(&self, origin: &str) -> Result<Option<f64>, DeviceError> {
        match self.endurance_writes {
            Some(got) if !(got.is_finite() && got > 0.0) => {
                Err(DeviceError::Endurance { origin: origin.to_owned(), got })
            }
            endurance => Ok(endurance),
        }
    }
}

/// Tries when the file does not say: assumed.
const DEFAULT_TRIES: u8 = 5;
/// Most tries: what the controller's journal has room for.
const MAX_TRIES: i64 = 16;

impl RawVerify {
    /// The rules of program and verify, for a device with these transmissions.
    pub(super) fn resolve(&self, origin: &str, transmissions: &[f64]) -> Result<Verify, DeviceError> {
        let tries = self.tries.unwrap_or(DEFAULT_TRIES.into());
        if !(1..=MAX_TRIES).contains(&tries) {
            return Err(DeviceError::Tries { origin: origin.to_owned(), got: tries, most: MAX_TRIES });
        }
        // In the controller's single precision, so that it accepts what is accepted here.
        let transmissions: Vec<f32> = transmissions.iter().map(|&t| t as f32).collect();
        let most = largest_tolerance(&transmissions);
        let tolerance = self.tolerance.map_or(most, |tolerance| tolerance as f32);
        if self.tolerance.is_some() && !(tolerance > 0.0 && tolerance <= most) {
            let got = self.tolerance.unwrap_or_default();
            return Err(DeviceError::Tolerance { origin: origin.to_owned(), got, most });
        }
        Ok(Verify { tries: tries as u8, tolerance, spot_check: 64 })
    }
}

impl RawTransmission {
    /// The one law that is given, for a cell of `bits` bits.
    pub(super) fn resolve(&self, origin: &str, bits: u8) -> Result<Transmission, DeviceError> {
        let owned = || origin.to_owned();
        match (self.beta_per_level, self.contrast_db, &self.table) {
            (Some(got), None, None) if !(got > 0.0 && got < 1.0) => Err(DeviceError::Beta { origin: owned(), got }),
            (Some(beta), None, None) => Ok(Transmission::Geometric { beta }),
            (None, Some(got), None) if !(got.is_finite() && got > 0.0) => {
                Err(DeviceError::Contrast { origin: owned(), got })
            }
            // The contrast is shared out evenly: 10 log10(1 / beta) dB a level.
            (None, Some(contrast_db), None) => {
                let beta = 10f64.powf(-contrast_db / (10.0 * f64::from(top_level(bits))));
                Ok(Transmission::Geometric { beta })
            }
            (None, None, Some(table)) => check_table(table, origin),
            (None, None, None) => Err(DeviceError::TransmissionLaw { origin: owned(), given: "none of them" }),
            _ => Err(DeviceError::TransmissionLaw { origin: owned(), given: "more than one" }),
        }
    }
}

fn check_table(table: &[f64], origin: &str) -> Result<Transmission, DeviceError> {
    let mut previous = None;
    for (index, &got) in table.iter().enumerate() {
        if !(0.0..=1.0).contains(&got) {
            return Err(DeviceError::TableEntry { origin: origin.to_owned(), index, got });
        }
        match previous {
            Some(previous) if got <= previous => {
                return Err(DeviceError::TableNotIncreasing { origin: origin.to_owned(), index, previous, got });
            }
            _ => previous = Some(got),
        }
    }
    Ok(Transmission::Table(table.to_vec()))
}

impl RawWrite {
    /// All numbers: the model that each belongs to, its key, and its value.
    fn numbers(&self) -> [(Model, &'static str, Option<f64>); 16] {
        use Model::{PerLevel, ResetThenSet, SingleShot};
        [
            (PerLevel, "energy_up_pj_per_level", self.energy_up_pj_per_level),
            (PerLevel, "energy_up_pj_per_db", self.energy_up_pj_per_db),
            (PerLevel, "energy_down_pj_per_level", self.energy_down_pj_per_level),
            (PerLevel, "energy_down_pj_per_db", self.energy_down_pj_per_db),
            (PerLevel, "time_up_us_per_level", self.time_up_us_per_level),
            (PerLevel, "time_down_us_per_level", self.time_down_us_per_level),
            (SingleShot, "energy_up_pj_per_pulse", self.energy_up_pj_per_pulse),
            (SingleShot, "energy_down_pj_per_pulse", self.energy_down_pj_per_pulse),
            (SingleShot, "time_up_us_per_pulse", self.time_up_us_per_pulse),
            (SingleShot, "time_down_us_per_pulse", self.time_down_us_per_pulse),
            (ResetThenSet, "energy_reset_pj", self.energy_reset_pj),
            (ResetThenSet, "time_reset_us", self.time_reset_us),
            (ResetThenSet, "energy_set_pj", self.energy_set_pj),
            (ResetThenSet, "time_set_us", self.time_set_us),
            (ResetThenSet, "energy_set_pj_per_level", self.energy_set_pj_per_level),
            (ResetThenSet, "time_set_us_per_level", self.time_set_us_per_level),
        ]
    }

    /// The cost law; `db_per_level` is the mean contrast of one level step.
    pub(super) fn resolve(&self, origin: &str, db_per_level: f64) -> Result<WriteCost, DeviceError> {
        let model = self.model;
        let foreign = |&(of, _, number): &(Model, &str, Option<f64>)| of != model && number.is_some();
        if let Some((of, key, _)) = self.numbers().into_iter().find(foreign) {
            let (model, of) = (model.name(), of.name());
            return Err(DeviceError::WriteModel { origin: origin.to_owned(), key, model, of });
        }
        let given = |number: Option<f64>, key| match number {
            Some(got) => cost(got, 1.0, key, origin),
            None => Err(DeviceError::WriteMissing { origin: origin.to_owned(), key, model: model.name() }),
        };
        Ok(match model {
            Model::PerLevel => {
                let energy = |per_level, per_db, keys| energy_per_level(per_level, per_db, keys, db_per_level, origin);
                WriteCost::PerLevel {
                    up: Price {
                        energy_pj: energy(
                            self.energy_up_pj_per_level,
                            self.energy_up_pj_per_db,
                            ["energy_up_pj_per_level", "energy_up_pj_per_db"],
                        )?,
                        time_us: given(self.time_up_us_per_level, "time_up_us_per_level")?,
                    },
                    down: Price {
                        energy_pj: energy(
                            self.energy_down_pj_per_level,
                            self.energy_down_pj_per_db,
                            ["energy_down_pj_per_level", "energy_down_pj_per_db"],
                        )?,
                        time_us: given(self.time_down_us_per_level, "time_down_us_per_level")?,
                    },
                }
            }
            Model::SingleShot => WriteCost::SingleShot {
                up: Price {
                    energy_pj: given(self.energy_up_pj_per_pulse, "energy_up_pj_per_pulse")?,
                    time_us: given(self.time_up_us_per_pulse, "time_up_us_per_pulse")?,
                },
                down: Price {
                    energy_pj: given(self.energy_down_pj_per_pulse, "energy_down_pj_per_pulse")?,
                    time_us: given(self.time_down_us_per_pulse, "time_down_us_per_pulse")?,
                },
            },
            Model::ResetThenSet => {
                // A set costs the same for every level, or grows with it, or both.
                let part = |number: Option<f64>, other: Option<f64>, key| match (number, other) {
                    (None, Some(_)) => Ok(0.0),
                    _ => given(number, key),
                };
                let (pulse, level) = (self.energy_set_pj, self.energy_set_pj_per_level);
                let (pulse_us, level_us) = (self.time_set_us, self.time_set_us_per_level);
                WriteCost::ResetThenSet {
                    reset: Price {
                        energy_pj: given(self.energy_reset_pj, "energy_reset_pj")?,
                        time_us: given(self.time_reset_us, "time_reset_us")?,
                    },
                    set: Price {
                        energy_pj: part(pulse, level, "energy_set_pj")?,
                        time_us: part(pulse_us, level_us, "time_set_us")?,
                    },
                    set_level: Price {
                        energy_pj: part(level, pulse, "energy_set_pj_per_level")?,
                        time_us: part(level_us, pulse_us, "time_set_us_per_level")?,
                    },
                }
            }
        })
    }
}

fn energy_per_level(
    per_level: Option<f64>,
    per_db: Option<f64>,
    [level_key, db_key]: [&'static str; 2],
    db_per_level: f64,
    origin: &str,
) -> Result<f64, DeviceError> {
    let keys_error =
        |given| DeviceError::EnergyKeys { origin: origin.to_owned(), per_level: level_key, per_db: db_key, given };
    match (per_level, per_db) {
        (Some(got), None) => cost(got, 1.0, level_key, origin),
        (None, Some(_)) if db_per_level.is_infinite() => {
            Err(DeviceError::CostPerDb { origin: origin.to_owned(), key: db_key, per_level: level_key })
        }
        (None, Some(got)) => cost(got, db_per_level, db_key, origin),
        (None, None) => Err(keys_error("neither")),
        (Some(_), Some(_)) => Err(keys_error("both")),
    }
}

/// `got * factor`, if that is a cost.
fn cost(got: f64, factor: f64, key: &'static str, origin: &str) -> Result<f64, DeviceError> {
    let cost = got * factor;
    if cost.is_finite() && got >= 0.0 {
        Ok(cost)
    } else {
        Err(DeviceError::Cost { origin: origin.to_owned(), key, got })
    }
}
