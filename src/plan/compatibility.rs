//! Which options go together.

use super::error::PlanError;
use super::options::PlanOptions;
use crate::geometry::{CoreSize, Reach};
use crate::order::cost::objective::Payment;
use crate::order::extra_steps::ExtraSteps;
use crate::order::pulses::MOST_LEVELS;
use crate::order::{Objective, Order, Rows};
use crate::weights::{LayerKind, Network};

/// Refuses options that do not go together, or not with the network.
pub fn check(network: &Network, options: &PlanOptions) -> Result<(), PlanError> {
    check_blocks(network, options.core)?;
    check_order(options)?;
    check_rotation(options)?;
    check_trade(options)?;
    check_reach_core(options)?;
    check_objective(options)
}

/// Refuses options with which no curve of steps against writes can be drawn.
pub fn check_curve(options: &PlanOptions) -> Result<(), PlanError> {
    extra_steps_need(options).map_or(Ok(()), |needs| Err(PlanError::ExtraStepsOrder { needs }))
}

/// What is missing for a plan in which steps are traded, if anything is.
fn extra_steps_need(options: &PlanOptions) -> Option<&'static str> {
    match (&options.condition.faults, options.fanout, options.reach) {
        (Some(_), ..) => Some("cores without --faults"),
        (_, 2.., _) => Some("--fanout cell"),
        (.., Reach::Lane) => Some("--reach row"),
        _ => None,
    }
}

fn check_objective(options: &PlanOptions) -> Result<(), PlanError> {
    let payment = options.trade.objective.on(&options.device.cost);
    let needs = match payment {
        Payment::Levels { .. } => return Ok(()),
        _ if options.fanout > 1 => "--fanout cell",
        _ if options.condition.faults.is_some() => "cores without --faults",
        _ if options.reach == Reach::Lane && options.rows == Rows::Any => "--rows stored",
        Payment::Time(_) | Payment::WorstCell(_) if options.reach == Reach::Lane => "--reach row",
        _ if payment.pulse_law().is_some() && 2 * options.device.top_level() as usize + 1 > MOST_LEVELS => {
            "a device of 5 bits or fewer (--bits)"
        }
        _ => return Ok(()),
    };
    let objective = options.trade.objective;
    Err(PlanError::Objective { objective, device: options.device.name.clone(), needs })
}

fn check_blocks(network: &Network, core: CoreSize) -> Result<(), PlanError> {
    for layer in network.layers() {
        if let LayerKind::Blocks { k, .. } = layer.kind
            && (k > core.rows || k > core.cols)
        {
            return Err(PlanError::BlockSize { tensor: layer.name.clone(), k, core });
        }
    }
    Ok(())
}

fn check_trade(options: &PlanOptions) -> Result<(), PlanError> {
    let needs = match (options.trade.extra_steps, options.order) {
        (None, _) => return Ok(()),
        (_, Order::Optimal) => extra_steps_need(options),
        _ => Some("--order optimal"),
    };
    needs.map_or(Ok(()), |needs| Err(PlanError::ExtraStepsOrder { needs }))
}

fn check_reach_core(options: &PlanOptions) -> Result<(), PlanError> {
    let needs = match (options.reach, options.trade.extra_steps) {
        (Reach::Lane | Reach::Row, _) => return Ok(()),
        _ if options.order != Order::Optimal => "--order optimal",
        _ if options.fanout > 1 => "--fanout cell: an input of its own for every weight cell",
        _ if options.condition.faults.is_some() => "cores without --faults",
        (_, None) => {
            "--extra-steps: `fixed` for no writes after the first load, or a percentage for few writes in so many steps"
        }
        (_, Some(ExtraSteps::Percent(_)))
            if !matches!(options.trade.objective.on(&options.device.cost), Payment::Levels { .. }) =>
        {
            "--objective writes where steps are a percentage"
        }
        (_, Some(ExtraSteps::Percent(_))) => return Ok(()),
        (_, Some(ExtraSteps::FixedLevels)) => return Ok(()),
    };
    Err(PlanError::ReachCore { needs })
}

fn check_order(options: &PlanOptions) -> Result<(), PlanError> {
    if options.fanout > 1 && options.order == Order::Sorted {
        return Err(PlanError::SortedShared { fanout: options.fanout });
    }
    if options.fanout > 1 && options.rows == Rows::Any {
        return Err(PlanError::FreeRowsShared { fanout: options.fanout });
    }
    match (options.order, options.reach) {
        (Order::Natural, Reach::Row) if options.condition.faults.is_some() => {
            Err(PlanError::FaultyOrder { order: "natural" })
        }
        (Order::Sorted, Reach::Row) if options.condition.faults.is_some() => {
            Err(PlanError::FaultyOrder { order: "sorted" })
        }
        (_, Reach::Lane) if options.condition.faults.is_some() && options.rows == Rows::Any => {
            Err(PlanError::FreeRowsAroundFaults)
        }
        _ => Ok(()),
    }
}

fn check_rotation(options: &PlanOptions) -> Result<(), PlanError> {
    match options.condition.rotation {
        Some(_) if options.order != Order::Optimal => Err(PlanError::Rotation { why: "is for --order optimal" }),
        Some(_) if options.trade.extra_steps.is_some() => {
            Err(PlanError::Rotation { why: "goes without --extra-steps" })
        }
        Some(_) if options.trade.objective != Objective::Writes => {
            Err(PlanError::Rotation { why: "goes with the objective `writes` only" })
        }
        Some(_) if options.condition.faults.is_some() => Err(PlanError::Rotation {
            why: "needs cores without faulty or worn-out cells: leave it out, and plan around them",
        }),
        Some(_) if options.fanout > 1 => {
            Err(PlanError::Rotation { why: "needs --fanout cell: an input of its own for every weight cell" })
        }
        Some(rotation) if rotation.lanes > 0 && options.reach == Reach::Lane => {
            Err(PlanError::Rotation { why: "of lanes needs --reach row" })
        }
        _ => Ok(()),
    }
}
