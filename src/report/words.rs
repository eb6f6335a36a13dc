//! Parts of sentences that terminal and page share.

use firmware_model::pcm::{Price, WriteCost};

use super::{Report, RotationReport};
use crate::level::{DeviceProfile, EnduranceCycle};
use crate::order::{Order, Reach, Rows};
use crate::show::number::{brief, count};
use crate::weights::Certainty;

/// Assumed layers that are named.
const ASSUMED_SHOWN: usize = 3;

/// The name of an order.
pub(super) fn order_name(order: Order) -> &'static str {
    match order {
        Order::Natural => "natural",
        Order::Sorted => "sorted (ELight)",
        Order::Optimal => "best",
    }
}

/// How a device is written, and what it asks for that.
pub(super) fn prices(cost: &WriteCost) -> String {
    let price = |p: &Price| format!("{} pJ, {} us", brief(p.energy_pj), brief(p.time_us));
    match cost {
        WriteCost::PerLevel { up, down } => format!("a level up {}; down {}", price(up), price(down)),
        WriteCost::SingleShot { up, down } => {
            format!("one pulse a change: up {}; down {}", price(up), price(down))
        }
        WriteCost::ResetThenSet { reset, set, set_level } => {
            format!("reset {}; then set {}, and a level {}", price(reset), price(set), price(set_level))
        }
    }
}

/// What a cell bears, and what counts as a cycle of it.
pub(super) fn endurance(device: &DeviceProfile) -> String {
    let Some(wear) = device.endurance_writes else { return "endurance not known".to_owned() };
    let cycle = device.endurance_cycle;
    let cycles = match cycle {
        EnduranceCycle::FullSwing => format!(" ({} full swings)", brief(wear / cycle.wear(device.top_level()))),
        _ => String::new(),
    };
    format!("a cell bears {} {}{cycles}", brief(wear), worn_by(&device.cost))
}

/// What wears a cell.
pub(super) fn worn_by(cost: &WriteCost) -> &'static str {
    match cost {
        WriteCost::PerLevel { .. } => "writes",
        WriteCost::SingleShot { .. } => "pulses",
        WriteCost::ResetThenSet { .. } => "resets",
    }
}

/// How the lanes get their inputs.
pub(super) fn inputs(report: &Report) -> String {
    match report.fanout {
        1 => format!("an input for each cell ({})", count(report.modulators, "modulator")),
        n => format!("{n} rows share an input ({})", count(report.modulators, "modulator")),
    }
}

/// What may move where.
pub(super) fn reach(report: &Report) -> &'static str {
    match (report.reach, report.fanout) {
        (Reach::Lane, 1) if report.rows == Rows::Any => "lane (a weight keeps its lane, rows may sit anywhere)",
        (Reach::Lane, 1) => "lane (a weight keeps its lane)",
        (Reach::Row, 1) => "row (a weight may sit in any lane)",
        (Reach::Core, _) => "core (a weight may sit in any cell)",
        (Reach::Lane, _) => "lane (a column keeps its lane)",
        (Reach::Row, _) => "row (a column may sit in any lane)",
    }
}

/// The plans that a bound covers.
pub(super) fn bounded_class(report: &Report) -> &'static str {
    match (report.reach, report.fanout, &report.extra_steps) {
        (Reach::Row, 1, Some(_)) => "no plan of as many steps in each layer",
        (Reach::Core, _, Some(steps)) if steps != "fixed" => "no plan of as many steps in each layer",
        (Reach::Core, ..) => "no plan",
        (Reach::Row, 1, None) => "no plan",
        (Reach::Row, ..) => "no plan that keeps rows",
        (Reach::Lane, 1, _) if report.rows == Rows::Any => "no plan that keeps lanes",
        (Reach::Lane, ..) => "no plan that keeps rows and lanes",
    }
}

/// How near a plan comes to its bound.
pub(super) fn nearness(gap: Option<f64>) -> String {
    match gap {
        Some(gap) if gap < 5e-6 => "the plan is optimal".to_owned(),
        Some(gap) => format!("the plan has {:.2} times the bound", 1.0 + gap),
        None => "how near the plan comes cannot be said in times of 0".to_owned(),
    }
}

/// Layers that are taken for what is likely, and no more than that; none where all are known.
pub(super) fn assumed(report: &Report) -> Option<String> {
    let layers = report.layers.iter().filter(|layer| layer.certainty >= Certainty::Assumed);
    let names: Vec<&str> = layers.map(|layer| layer.name.as_str()).collect();
    let shown = names.iter().take(ASSUMED_SHOWN).copied().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(ASSUMED_SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let are = if names.len() == 1 { "is" } else { "are" };
    (!names.is_empty()).then(|| {
        format!(
            "{} {are} taken for the likeliest: {shown}{more}; `elight-plan layers` shows them, and lets you say what they are",
            count(names.len() as u64, "layer")
        )
    })
}

/// Turns of a rotation that the core does not live to see, and what to do; none where every schedule has its turn, or the life is not known.
pub(super) fn turns_too_long(rotation: &RotationReport) -> Option<String> {
    let turns = rotation.schedules.len() as u64;
    let life = rotation.lifetime_inferences? as u64;
    (life < rotation.every.saturating_mul(turns)).then(|| {
        let begun = (life / rotation.every + 1).min(turns);
        let advice = match life / turns {
            0 => "it does not live long enough for so many schedules".to_owned(),
            turn => format!("--rotate-every {turn} lets each have its turn"),
        };
        format!("the first cell wears out in turn {begun} of {turns}: {advice}")
    })
}

/// The network's file, without folder and extension.
pub(super) fn network_name(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let name = name.strip_suffix(".index.json").unwrap_or(name);
    name.strip_suffix(".safetensors").unwrap_or(name)
}
