//! More steps than needed, as they are asked for (docs/trade.md, sections 1 and 2).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

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
