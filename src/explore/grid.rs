//! What is varied, and the plans that this needs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::plan::{CoreSize, ExtraSteps, Fanout};
use crate::system::CellsAtOnce;

/// What is varied: every combination is a plan, and every plan with every batch a point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Axes {
    /// `RxC`.
    pub cores: Vec<String>,
    /// `cell`, `column`, or rows that share an input.
    pub fanouts: Vec<String>,
    /// Bits of a PCM cell; empty: as many as the device has.
    pub bits: Vec<u8>,
    /// Presets or files.
    pub devices: Vec<String>,
    /// `none`, a percentage, or `fixed`.
    pub extra_steps: Vec<String>,
}

/// A combination that is planned once, whatever the batch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlanKey {
    /// `RxC`.
    pub core: String,
    /// `cell`, `column`, or rows that share an input.
    pub fanout: String,
    /// Bits of a PCM cell; none: as many as the device has.
    pub bits: Option<u8>,
    /// A preset or a file.
    pub device: String,
    /// `none`, a percentage, or `fixed`.
    pub extra_steps: String,
    /// `fast`, `good` or `best`.
    pub effort: String,
    /// Seed of the search.
    pub seed: u64,
    /// Cells that are written at the same time: times of writing depend on it.
    pub at_once: CellsAtOnce,
}

/// What is wrong with a list of values.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AxisError {
    /// A value that is none.
    #[error("--{axis} {got}: {why}")]
    Value {
        /// The option.
        axis: &'static str,
        /// What was given.
        got: String,
        /// What is wrong with it.
        why: String,
    },
    /// A shard that is none.
    #[error("--shard {got}: expected I/N, shard I of N, counted from 1, as in --shard 2/8")]
    Shard {
        /// What was given.
        got: String,
    },
}

impl Axes {
    /// Checks every value, so that a wrong one is refused before anything is planned; doubles go.
    ///
    /// # Errors
    /// [`AxisError::Value`].
    pub fn checked(mut self) -> Result<Self, AxisError> {
        fn each(
            axis: &'static str,
            values: &[String],
            check: impl Fn(&str) -> Result<(), String>,
        ) -> Result<(), AxisError> {
            let wrong = |got: &String| check(got).err().map(|why| AxisError::Value { axis, got: got.clone(), why });
            values.iter().find_map(wrong).map_or(Ok(()), Err)
        }
        each("core", &self.cores, |text| text.parse::<CoreSize>().map(drop).map_err(|e| e.to_string()))?;
        each("fanout", &self.fanouts, |text| text.parse::<Fanout>().map(drop).map_err(|e| e.to_string()))?;
        each("extra-steps", &self.extra_steps, |text| match text {
            "none" => Ok(()),
            _ => text.parse::<ExtraSteps>().map(drop).map_err(|e| e.to_string()),
        })?;
        if let Some(got) = self.bits.iter().find(|bits| !(1..=8).contains(*bits)) {
            let why = "expected 1 to 8 bits".to_owned();
            return Err(AxisError::Value { axis: "bits", got: got.to_string(), why });
        }
        distinct(&mut self.cores);
        distinct(&mut self.fanouts);
        distinct(&mut self.bits);
        distinct(&mut self.devices);
        distinct(&mut self.extra_steps);
        Ok(self)
    }

    /// The plans, in the order of the axes: devices, bits, cores, fanouts, extra steps.
    #[must_use]
    pub fn plans(&self, effort: &str, seed: u64, at_once: CellsAtOnce) -> Vec<PlanKey> {
        let bits: Vec<Option<u8>> =
            if self.bits.is_empty() { vec![None] } else { self.bits.iter().copied().map(Some).collect() };
        let mut plans = Vec::new();
        for device in &self.devices {
            for bits in &bits {
                for core in &self.cores {
                    for fanout in &self.fanouts {
                        for extra_steps in &self.extra_steps {
                            plans.push(PlanKey {
                                core: core.clone(),
                                fanout: fanout.clone(),
                                bits: *bits,
                                device: device.clone(),
                                extra_steps: extra_steps.clone(),
                                effort: effort.to_owned(),
                                seed,
                                at_once,
                            });
                        }
                    }
                }
            }
        }
        plans
    }
}

/// Leaves the first of equal values.
fn distinct<T: PartialEq + Clone>(values: &mut Vec<T>) {
    let mut seen: Vec<T> = Vec::with_capacity(values.len());
    values.retain(|value| {
        let new = !seen.contains(value);
        if new {
            seen.push(value.clone());
        }
        new
    });
}

impl fmt::Display for PlanKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.bits.map_or(String::new(), |bits| format!(", {bits} bits"));
        write!(f, "{}, fanout {}, {}{bits}, extra steps {}", self.core, self.fanout, self.device, self.extra_steps)
    }
}

/// A part of the plans: every N-th, from the I-th on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    index: usize,
    of: usize,
}

impl Shard {
    /// All plans.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// Whether this shard makes plan number `number`.
    #[must_use]
    pub fn has(self, number: usize) -> bool {
        number % self.of == self.index
    }
}

impl FromStr for Shard {
    type Err = AxisError;

    fn from_str(text: &str) -> Result<Self, AxisError> {
        let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse::<usize>().ok()?, n.parse::<usize>().ok()?)));
        match parts {
            Some((index, of)) if (1..=of).contains(&index) => Ok(Self { index: index - 1, of }),
            _ => Err(AxisError::Shard { got: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes() -> Axes {
        let texts = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        Axes {
            cores: texts(&["9x9", "16x16", "9x9"]),
            fanouts: texts(&["cell", "column"]),
            bits: vec![2, 4],
            devices: texts(&["elight"]),
            extra_steps: texts(&["none", "25", "fixed"]),
        }
    }

    #[test]
    fn every_combination_once() {
        let plans = axes().checked().unwrap().plans("fast", 1, CellsAtOnce::Core);
        assert_eq!(plans.len(), 2 * 2 * 2 * 3);
        let mut distinct = plans.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), plans.len());
    }

    #[test]
    fn shards_are_disjoint_and_whole() {
        for n in 1..6 {
            let shards: Vec<Shard> = (1..=n).map(|i| format!("{i}/{n}").parse().unwrap()).collect();
            for number in 0..20 {
                assert_eq!(shards.iter().filter(|shard| shard.has(number)).count(), 1, "{number} of {n}");
            }
        }
        for bad in ["0/4", "5/4", "1", "a/b", "1/0", "-1/2", ""] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }

    #[test]
    fn wrong_values_are_refused_by_their_option() {
        let refused = |change: &dyn Fn(&mut Axes)| {
            let mut axes = axes();
            change(&mut axes);
            axes.checked().unwrap_err().to_string()
        };
        assert!(refused(&|a| a.cores.push("9".into())).contains("--core 9:"));
        assert!(refused(&|a| a.fanouts.push("rows".into())).contains("--fanout rows:"));
        assert!(refused(&|a| a.extra_steps.push("-1".into())).contains("--extra-steps -1:"));
        assert!(refused(&|a| a.bits.push(9)).contains("--bits 9:"));
    }
}
