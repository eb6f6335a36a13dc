//! Writes against time: what a plan minimises, and how many steps it may take.

use std::fmt;
use std::str::FromStr;

use crate::geometry::{CoreSize, Reach};
use crate::order::fixed::{Fixed, fixed_levels};
use crate::order::profile::Profiles;
use crate::order::{Objective, slack};

use super::{PlanError, PlanOptions};

/// What is traded for what. The default: the fewest writes in the fewest steps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Trade {
    /// More steps than needed; none: every weight, zeros too, has a place in the fewest steps.
    pub extra_steps: Option<ExtraSteps>,
    /// What the optimal order makes small.
    pub objective: Objective,
}

/// Steps beyond the fewest, and weights of level 0 without a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ExtraSteps {
    /// At most so many percent more steps in an inference; 0 or above, finite.
    Percent(f64),
    /// As many as it takes for every cell to keep one level for ever.
    FixedLevels,
}

/// Most percent of extra steps.
pub const MOST_EXTRA_STEPS: f64 = 1000.0;

impl FromStr for ExtraSteps {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        if text == "fixed" {
            return Ok(Self::FixedLevels);
        }
        let percent = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>().ok();
        match percent.filter(|percent| (0.0..=MOST_EXTRA_STEPS).contains(percent)) {
            Some(percent) => Ok(Self::Percent(percent)),
            None => Err(PlanError::ExtraSteps { got: text.to_owned() }),
        }
    }
}

impl fmt::Display for ExtraSteps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::FixedLevels => f.write_str("fixed"),
        }
    }
}

/// What is missing for a plan in which steps are traded, if anything is.
pub fn needs(options: &PlanOptions) -> Option<&'static str> {
    match (&options.condition.faults, options.fanout, options.reach) {
        (Some(_), ..) => Some("cores without --faults"),
        (_, 2.., _) => Some("--fanout cell"),
        (.., Reach::Lane) => Some("--reach row"),
        _ => None,
    }
}

/// How layers are planned with more steps.
pub enum Relaxed {
    /// Each layer with its steps, weights of level 0 left out.
    Layers(Vec<Profiles>),
    /// Nothing is written after the first load.
    Fixed(Fixed),
}

/// Finds the steps of each layer. A plan with fixed levels is taken as soon as its steps are granted, as none has fewer writes.
/// `core_rows`: of all cores together.
pub fn relax(layers: &[Profiles], core_rows: usize, core: CoreSize, extra: ExtraSteps) -> Result<Relaxed, PlanError> {
    let cells = core.cols;
    let fixed = fixed_levels(layers, core_rows, cells);
    let percent = match (extra, fixed) {
        (ExtraSteps::FixedLevels, Ok(fixed)) => return Ok(Relaxed::Fixed(fixed)),
        (ExtraSteps::FixedLevels, Err(too_few)) => {
            return Err(PlanError::FixedLevels { needed: too_few.needed, core });
        }
        (ExtraSteps::Percent(percent), Ok(fixed)) if fixed.steps <= budget(layers, core_rows, cells, percent) => {
            return Ok(Relaxed::Fixed(fixed));
        }
        (ExtraSteps::Percent(percent), _) => percent,
    };
    Ok(Relaxed::Layers(slack::share(layers, core_rows, cells, budget(layers, core_rows, cells, percent))))
}

/// Steps of an inference with so many percent extra, rounded down.
fn budget(layers: &[Profiles], core_rows: usize, cells: usize, percent: f64) -> u64 {
    let least = slack::total_steps(layers, core_rows, &slack::least_steps(layers, cells));
    least + (least as f64 * percent / 100.0).floor() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_steps_as_people_write_them() {
        let parse = |text: &str| text.parse::<ExtraSteps>().ok();
        assert_eq!(parse("50"), Some(ExtraSteps::Percent(50.0)));
        assert_eq!(parse("12.5%"), Some(ExtraSteps::Percent(12.5)));
        assert_eq!(parse("0"), Some(ExtraSteps::Percent(0.0)));
        assert_eq!(parse("fixed"), Some(ExtraSteps::FixedLevels));
        for bad in ["", "%", "-1", "1001", "nan", "inf", "half", "5 0"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(ExtraSteps::Percent(12.5).to_string(), "12.5%");
    }
}
