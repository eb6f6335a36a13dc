//! Learning rate over the run: a factor of the optimiser's rate, as a function of the step alone.

use serde::{Deserialize, Serialize};

/// The course of the learning rate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Course {
    /// Always the same.
    #[default]
    Constant,
    /// Times `gamma` every `every` epochs.
    Step {
        /// Epochs between the steps.
        every: u64,
        /// Factor of a step.
        gamma: f64,
    },
    /// Times `gamma` after each of these numbers of epochs.
    Milestones {
        /// Epochs done before each step, ascending.
        at: Vec<u64>,
        /// Factor of a step.
        gamma: f64,
    },
    /// Times `gamma` every epoch.
    Exponential {
        /// Factor of an epoch.
        gamma: f64,
    },
    /// Half a cosine from 1 down to `floor`.
    Cosine {
        /// Factor at the end.
        #[serde(default)]
        floor: f64,
    },
    /// Up from `start` to 1 over the first `rise` of the run, down to `floor` over the rest, both half cosines (Smith, 2018).
    OneCycle {
        /// Factor at the beginning.
        #[serde(default = "one_cycle_start")]
        start: f64,
        /// Part of the run that rises.
        #[serde(default = "one_cycle_rise")]
        rise: f64,
        /// Factor at the end.
        #[serde(default)]
        floor: f64,
    },
}

fn one_cycle_start() -> f64 {
    0.04
}

fn one_cycle_rise() -> f64 {
    0.3
}

/// `from` at 0, `to` at 1, half a cosine between.
fn ease(from: f64, to: f64, x: f64) -> f64 {
    to + (from - to) * (1.0 + (std::f64::consts::PI * x.clamp(0.0, 1.0)).cos()) / 2.0
}

impl Course {
    /// The factor at a step (counted from 0) of a run.
    pub fn factor(&self, step: u64, steps_per_epoch: u64, epochs: u64) -> f64 {
        let total = (steps_per_epoch * epochs).saturating_sub(1).max(1) as f64;
        let (epoch, x) = (step / steps_per_epoch.max(1), step as f64 / total);
        match self {
            Self::Constant => 1.0,
            Self::Step { every, gamma } => gamma.powf((epoch / (*every).max(1)) as f64),
            Self::Milestones { at, gamma } => gamma.powf(at.iter().filter(|at| epoch >= **at).count() as f64),
            Self::Exponential { gamma } => gamma.powf(epoch as f64),
            Self::Cosine { floor } => ease(1.0, *floor, x),
            Self::OneCycle { start, rise, .. } if x < *rise => ease(*start, 1.0, x / rise),
            Self::OneCycle { rise, floor, .. } => ease(1.0, *floor, (x - rise) / (1.0 - rise).max(1e-9)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn courses() {
        let f = |c: Course, step| c.factor(step, 10, 10);
        assert_eq!(f(Course::Constant, 50), 1.0);
        assert_eq!(f(Course::Step { every: 3, gamma: 0.5 }, 69), 0.25);
        assert!((f(Course::Exponential { gamma: 0.9 }, 25) - 0.81).abs() < 1e-12);
        let milestones = Course::Milestones { at: vec![2, 5], gamma: 0.1 };
        // The first step of the third epoch is the first one that is slower.
        let near = |step, want: f64| (f(milestones.clone(), step) - want).abs() < 1e-15;
        assert!(near(19, 1.0) && near(20, 0.1) && near(49, 0.1) && near(50, 0.01));
        let cosine = Course::Cosine { floor: 0.1 };
        assert!((f(cosine.clone(), 0) - 1.0).abs() < 1e-12 && (f(cosine, 99) - 0.1).abs() < 1e-12);
        let cycle = Course::OneCycle { start: 0.04, rise: 0.3, floor: 0.0 };
        assert!((f(cycle.clone(), 0) - 0.04).abs() < 1e-12 && f(cycle.clone(), 99).abs() < 1e-12);
        let peak = (0..100).max_by(|a, b| f(cycle.clone(), *a).total_cmp(&f(cycle.clone(), *b))).unwrap();
        assert!((29..=31).contains(&peak), "{peak}");
    }
}
