//! The curve of steps against writes.

use serde::{Deserialize, Serialize};

use super::compatibility;
use super::error::PlanError;
use super::layers::Layers;
use super::options::PlanOptions;
use crate::observer::{Observer, StopToken};
use crate::order::bound::rows::RowBound;
use crate::order::chain::boundary::CoreBoundary;
use crate::order::extra_steps::ExtraSteps;
use crate::order::families::sorted_rows::quantile;
use crate::order::families::sorted_rows::step_budget::{Relaxed, relax};
use crate::order::rows::profile::Profiles;
use crate::weights::Network;

/// Extra steps that are tried, percent.
const PERCENTS: [f64; 6] = [0.0, 10.0, 25.0, 50.0, 100.0, 200.0];

/// One plan of the curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepPoint {
    /// Extra steps granted, percent; none for the plan that gives every weight a place, and for fixed levels.
    pub extra_steps_percent: Option<f64>,
    /// Every cell keeps one level for ever.
    pub fixed_levels: bool,
    /// Steps of an inference.
    pub steps: u64,
    /// Writes of an inference in steady state.
    pub writes: u64,
    /// Writes that no plan with the same steps in each layer can go below.
    pub lower_bound_writes: u64,
}

/// Plans with more and more steps, nothing is written to a file.
///
/// # Errors
/// [`PlanError`]: options for which steps cannot be traded, weights that cannot be read, an interruption.
pub fn sweep(network: &Network, options: &PlanOptions, observer: &dyn Observer) -> Result<Vec<SweepPoint>, PlanError> {
    compatibility::check_curve(options)?;
    let all = 0..network.layers().len();
    let reader = Layers::new(network, options, observer);
    observer.begin("reading", reader.weights(all.clone()));
    let mut layers = Vec::new();
    for layer in all {
        let levels = reader.read(layer)?.levels;
        layers.push(Profiles::of(&levels.levels, levels.rows, levels.cols, options.device.top_level()));
        reader.done(layer)?;
    }
    observer.begin("sweeping", PERCENTS.len() as u64 + 2);
    let stop = StopToken::new(observer);
    let mut points = vec![arranged(&layers, options, None, &stop)];
    let mut tried = |extra| -> Result<bool, PlanError> {
        if !stop.advance(1) {
            return Err(PlanError::Interrupted);
        }
        let percent = match extra {
            ExtraSteps::Percent(percent) => Some(percent),
            ExtraSteps::FixedLevels => None,
        };
        let fixed = match relax(&layers, options.all_rows(), options.core.cols, extra, &stop) {
            Ok(Relaxed::Layers(relaxed)) => {
                points.push(arranged(&relaxed, options, percent, &stop));
                false
            }
            Ok(Relaxed::Fixed(fixed)) => {
                let (steps, writes) = (fixed.steps, fixed.level_runs.writes());
                points.push(SweepPoint {
                    extra_steps_percent: percent,
                    fixed_levels: true,
                    steps,
                    writes,
                    lower_bound_writes: 0,
                });
                true
            }
            // Fixed levels do not fit the core.
            Err(_) => false,
        };
        if stop.stopped() { Err(PlanError::Interrupted) } else { Ok(fixed) }
    };
    for percent in PERCENTS {
        // Nothing is left to save behind a plan with fixed levels.
        if tried(ExtraSteps::Percent(percent))? {
            return Ok(points);
        }
    }
    tried(ExtraSteps::FixedLevels)?;
    Ok(points)
}

fn arranged(layers: &[Profiles], options: &PlanOptions, percent: Option<f64>, stop: &StopToken<'_>) -> SweepPoint {
    let (core_rows, cells) = (options.all_rows(), options.core.cols);
    let arrangement =
        quantile::arrange(layers, core_rows, cells, &CoreBoundary::Cyclic, options.effort, options.seed, stop);
    let mut bound = RowBound::new(core_rows, cells, options.device.top_level());
    for layer in layers {
        bound.add(layer);
    }
    SweepPoint {
        extra_steps_percent: percent,
        fixed_levels: false,
        steps: layers.iter().map(|layer| (layer.rows().div_ceil(core_rows) * layer.steps(cells)) as u64).sum(),
        writes: arrangement.writes,
        lower_bound_writes: bound.writes(),
    }
}
