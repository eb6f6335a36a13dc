//! More steps than needed: how many, and how a plan uses them (docs/trade.md, sections 1 and 2).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::fixed::{Fixed, TooFewCells, fixed_levels};
use super::rows::profile::Profiles;
use super::step_budget;

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

/// Extra steps that are no percentage.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "extra steps `{got}`: expected 0 to 1000 percent, as in --extra-steps 50%, or `fixed` for levels that never change"
)]
pub struct ExtraStepsError {
    /// What was given.
    pub got: String,
}

impl FromStr for ExtraSteps {
    type Err = ExtraStepsError;

    fn from_str(text: &str) -> Result<Self, ExtraStepsError> {
        if text == "fixed" {
            return Ok(Self::FixedLevels);
        }
        let percent = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>().ok();
        match percent.filter(|percent| (0.0..=MOST_EXTRA_STEPS).contains(percent)) {
            Some(percent) => Ok(Self::Percent(percent)),
            None => Err(ExtraStepsError { got: text.to_owned() }),
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

/// How layers are planned with more steps.
pub enum Relaxed {
    /// Each layer with its steps, weights of level 0 left out.
    Layers(Vec<Profiles>),
    /// Nothing is written after the first load.
    Fixed(Fixed),
}

/// Finds the steps of each layer. A plan with fixed levels is taken as soon as its steps are granted, as none has fewer writes.
/// `core_rows`: of all cores together.
///
/// # Errors
/// [`TooFewCells`] when fixed levels are asked for, and more occur than a core row has cells.
pub fn relax(layers: &[Profiles], core_rows: usize, cells: usize, extra: ExtraSteps) -> Result<Relaxed, TooFewCells> {
    let fixed = fixed_levels(layers, core_rows, cells);
    let ExtraSteps::Percent(percent) = extra else { return fixed.map(Relaxed::Fixed) };
    let budget = budget(layers, core_rows, cells, percent);
    match fixed {
        Ok(fixed) if fixed.steps <= budget => Ok(Relaxed::Fixed(fixed)),
        _ => Ok(Relaxed::Layers(step_budget::share(layers, core_rows, cells, budget))),
    }
}

/// Steps of an inference with so many percent extra, rounded down.
fn budget(layers: &[Profiles], core_rows: usize, cells: usize, percent: f64) -> u64 {
    let least = step_budget::total_steps(layers, core_rows, &step_budget::least_steps(layers, cells));
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
