//! The extra steps and the batch that are best for the whole inference.

use super::record::{Planned, refuses};
use crate::order::Objective;
use crate::plan::{ExtraSteps, Observer, PlanError, PlanOptions, Trade};
use crate::system::{self, Inference, Life, SystemProfile};
use crate::weights::Network;

/// What is to be made best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// The least time of an inference.
    Time,
    /// The least energy of an inference.
    Energy,
    /// The most inferences before the most worn cell has reached its endurance; of equal ones the fastest.
    Life,
}

/// What was chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Steps beyond the fewest; none: every weight has a place in the fewest steps.
    pub extra_steps: Option<ExtraSteps>,
    /// What the order makes small.
    pub objective: Objective,
    /// Inferences that share a programming.
    pub batch: u64,
    /// What they cost.
    pub figures: Inference,
}

/// Extra steps that are tried, percent.
const PERCENTS: [f64; 6] = [0.0, 10.0, 25.0, 50.0, 100.0, 200.0];

/// Objectives of the order that are tried besides the fewest writes.
const OBJECTIVES: [Objective; 3] = [Objective::Latency, Objective::Energy, Objective::Wear];

/// Plans with no, more and more extra steps and with fixed levels, as far as the options allow them, and takes what is best for the aim; extra steps that
/// the options name are kept. With the best of these, and with the options' own, the orders are tried that have another objective than the fewest writes. `batch`: none for as many as balance light and writing within the buffer; `capacity`: bytes of the buffer, if not the system's own.
///
/// # Errors
/// [`PlanError`] when the options allow no plan at all, and for anything that has nothing to do with them.
#[allow(clippy::too_many_arguments)] // what a plan needs, and what an inference needs
pub fn choose(
    network: &Network,
    options: &PlanOptions,
    system: &SystemProfile,
    vectors: &[Option<u64>],
    batch: Option<u64>,
    capacity: Option<f64>,
    aim: Aim,
    observer: &dyn Observer,
) -> Result<Choice, PlanError> {
    let folder = std::env::temp_dir();
    let more = PERCENTS.map(|percent| Some(ExtraSteps::Percent(percent))).into_iter();
    let candidates: Vec<Option<ExtraSteps>> = match options.trade.extra_steps {
        Some(given) => vec![Some(given)],
        None => std::iter::once(None).chain(more).chain([Some(ExtraSteps::FixedLevels)]).collect(),
    };
    let mut best: Option<Choice> = None;
    let mut first_refusal = None;
    let mut attempt = |extra_steps, objective, best: &mut Option<Choice>| -> Result<(), PlanError> {
        let mut options = options.clone();
        options.trade = Trade { extra_steps, objective };
        let mut planned = match Planned::make(&options, network, system.timing.cells_at_once, &folder, observer) {
            Ok(planned) => planned,
            Err(error) if refuses(&error) => {
                first_refusal.get_or_insert(error);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        for (layer, vectors) in planned.load.layers.iter_mut().zip(vectors) {
            layer.vectors = *vectors;
        }
        let batch = batch.or_else(|| system::auto_batch(system, &planned.load, capacity)).unwrap_or(1);
        let figures = system::infer(system, &planned.load, batch, capacity);
        if best.as_ref().is_none_or(|best| value(aim, &figures) < value(aim, &best.figures)) {
            *best = Some(Choice { extra_steps, objective, batch, figures });
        }
        Ok(())
    };
    for extra_steps in candidates {
        attempt(extra_steps, Objective::Writes, &mut best)?;
    }
    let steps = [options.trade.extra_steps].into_iter().chain(best.as_ref().map(|best| best.extra_steps));
    let mut tried = Vec::new();
    for extra_steps in steps {
        if !tried.contains(&extra_steps) {
            tried.push(extra_steps);
            for objective in OBJECTIVES {
                attempt(extra_steps, objective, &mut best)?;
            }
        }
    }
    best.ok_or_else(|| first_refusal.unwrap_or(PlanError::Interrupted))
}

/// The smaller the better; what is not known is worst.
fn value(aim: Aim, figures: &Inference) -> [f64; 2] {
    let time = figures.time_us.unwrap_or(f64::INFINITY);
    match aim {
        Aim::Time => [time, 0.0],
        Aim::Energy => [figures.energy_pj.unwrap_or(f64::INFINITY), time],
        Aim::Life => match (figures.life, figures.life_inferences) {
            (Life::NoWear, _) => [f64::NEG_INFINITY, time],
            (_, Some(inferences)) => [-inferences, time],
            (_, None) => [0.0, time],
        },
    }
}
