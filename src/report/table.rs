//! The report as a person reads it.

use std::fmt::Write;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use firmware_model::pcm::{Price, WriteCost};

use super::chart::point_name;
use super::number::count;
use super::number::{energy, factor, short, thousands, time};
use super::{FaultReport, Report};
use crate::level::DeviceProfile;
use crate::order::cost::tally::Costs;
use crate::order::{Objective, Order, Reach, Rows};

/// Skipped tensors named in a short report.
const SKIPPED_SHOWN: usize = 4;

/// The whole report as text; `verbose`: with a line for each layer and each skipped tensor.
#[must_use]
pub fn print(report: &Report, device: &DeviceProfile, verbose: bool) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = heading(&mut out, report, device, verbose);
    let _ = writeln!(out, "\n{}", orders(report));
    let _ = conclusions(&mut out, report, device);
    if !report.sweep.is_empty() {
        let _ = writeln!(out, "\n{}", sweep(report));
    }
    if verbose {
        let _ = writeln!(out, "\n{}", layers(report));
    }
    out
}

fn heading(out: &mut String, report: &Report, device: &DeviceProfile, verbose: bool) -> std::fmt::Result {
    let skipped = match report.skipped.len() {
        0 => String::new(),
        n => format!(", {} skipped", count(n as u64, "tensor")),
    };
    writeln!(out, "network   {}", report.network)?;
    writeln!(
        out,
        "          {}, {}, {} in {}{skipped}",
        count(report.layers.len() as u64, "layer"),
        count(report.weights, "weight"),
        count(report.tiles, "tile"),
        count(report.steps, "step")
    )?;
    let shown = if verbose { report.skipped.len() } else { 0 };
    for skipped in report.skipped.iter().take(shown) {
        writeln!(out, "          skipped {}: {}", skipped.name, skipped.reason)?;
    }
    if !verbose && !report.skipped.is_empty() {
        for (reason, names) in by_reason(report) {
            let more = names.len().saturating_sub(SKIPPED_SHOWN);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let names = names[..names.len().min(SKIPPED_SHOWN)].join(", ");
            writeln!(out, "          skipped ({reason}): {names}{more}")?;
        }
    }
    if let Some(extra) = &report.extra_steps {
        writeln!(out, "          extra steps: {extra}; {} of level 0 left out", count(report.left_out, "weight"))?;
    }
    let inputs = match report.fanout {
        1 => "one input per weight cell".to_owned(),
        n => format!("{n} rows share the input of a lane"),
    };
    let several = if report.cores.len() > 1 { format!("{} of ", report.cores.len()) } else { String::new() };
    writeln!(out, "core      {several}{}, {inputs}, reach {}", report.core, reach(report))?;
    writeln!(out, "device    {}: {}", device.name, device.title)?;
    writeln!(
        out,
        "          {} levels a PCM cell; {}; endurance {}",
        1u32 << report.bits,
        prices(&device.cost),
        device.endurance_writes.map_or("not known".to_owned(), |e| format!("{} {}", short(e), worn_by(&device.cost)))
    )?;
    let worst = report.layers.iter().max_by(|a, b| a.relative_error.total_cmp(&b.relative_error));
    if let Some(worst) = worst {
        writeln!(
            out,
            "          weights quantized with a scale per {}; largest relative error {:.1} % ({})",
            report.scale,
            100.0 * worst.relative_error,
            worst.name
        )?;
    }
    Ok(())
}

/// How a device is written, and what it asks for that.
pub(crate) fn prices(cost: &WriteCost) -> String {
    let price = |p: &Price| format!("{} pJ, {} us", short(p.energy_pj), short(p.time_us));
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

/// What wears a cell.
pub(crate) fn worn_by(cost: &WriteCost) -> &'static str {
    match cost {
        WriteCost::PerLevel { .. } => "writes",
        WriteCost::SingleShot { .. } => "pulses",
        WriteCost::ResetThenSet { .. } => "resets",
    }
}

/// Reasons for skipping, each with its tensors, in the order of their first.
fn by_reason(report: &Report) -> Vec<(&str, Vec<&str>)> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for skipped in &report.skipped {
        match reasons.iter_mut().find(|(reason, _)| *reason == skipped.reason) {
            Some((_, names)) => names.push(&skipped.name),
            None => reasons.push((&skipped.reason, vec![&skipped.name])),
        }
    }
    reasons
}

const ORDERS: [(Order, &str); 3] =
    [(Order::Natural, "natural"), (Order::Sorted, "sorted (ELight)"), (Order::Optimal, "optimal")];

fn orders(report: &Report) -> Table {
    let mut table = plain_table([
        "order",
        "writes/inference",
        "first load",
        "events",
        "energy",
        "programming",
        "worst cell",
        "lifetime",
        "fewer writes",
    ]);
    let natural = report.orders.natural.per_inference.writes;
    for (order, name) in ORDERS {
        let Costs { first_load, per_inference } = *report.orders.of(order);
        let chosen = if order == report.order { " *" } else { "" };
        table.add_row([
            format!("{name}{chosen}"),
            thousands(per_inference.writes),
            thousands(first_load.writes),
            thousands(per_inference.events),
            energy(per_inference.energy_pj),
            time(per_inference.time_us),
            thousands(per_inference.max_cell_writes),
            report.lifetime_inferences.of(order).map_or("-".to_owned(), |n| format!("{} inf.", thousands(n as u64))),
            factor(natural, per_inference.writes),
        ]);
    }
    table
}

fn conclusions(out: &mut String, report: &Report, device: &DeviceProfile) -> std::fmt::Result {
    let optimal = report.orders.optimal.per_inference.writes;
    let origin = report.from.as_ref().map_or("erased cells".to_owned(), |from| format!("what {from} left"));
    writeln!(out, "          * in the schedule; figures per inference in steady state, \"first load\" from {origin}")?;
    let bound = match report.gap {
        Some(0.0) => "the plan is optimal".to_owned(),
        Some(gap) => format!("the plan is within {:.1} % of the optimum", 100.0 * gap),
        None => "no statement about the gap".to_owned(),
    };
    let among = match (report.reach, report.fanout, &report.extra_steps) {
        (Reach::Core, ..) => "no plan",
        (Reach::Row, 1, None) => "no plan",
        (Reach::Row, 1, Some(_)) => "no plan of as many steps in each layer",
        (Reach::Row, ..) => "no plan that keeps rows",
        (Reach::Lane, 1, _) if report.rows == Rows::Any => "no plan that keeps lanes",
        (Reach::Lane, ..) => "no plan that keeps rows and lanes",
    };
    writeln!(out, "bound     {among} needs fewer than {}: {bound}", count(report.lower_bound_writes, "write"))?;
    let objective = &report.objective;
    if objective.name != Objective::Writes {
        let bound = match objective.gap {
            Some(gap) if gap < 5e-6 => "the plan is optimal".to_owned(),
            Some(gap) => format!("the plan is within {:.1} % of the optimum", 100.0 * gap),
            None => "no statement about the gap".to_owned(),
        };
        let figure = |value: f64| match objective.name {
            Objective::Writes | Objective::Wear => thousands(value as u64),
            Objective::Energy => energy(value),
            Objective::Latency => time(value),
        };
        let (value, lower) = (figure(objective.value), figure(objective.lower_bound));
        writeln!(out, "objective {}: {value}, {among} takes less than {lower}: {bound}", objective.name)?;
    }
    writeln!(
        out,
        "          {} than ELight's order; in ELight accounting (erase free, tile rows apart) {} against {}",
        factor(report.orders.sorted.per_inference.writes, optimal),
        thousands(report.elight_accounting.optimal.total_writes),
        thousands(report.elight_accounting.sorted.total_writes)
    )?;
    if device.endurance_writes.is_none() {
        writeln!(out, "          lifetime needs the device's endurance, which is not known for `{}`", device.name)?;
    }
    if let Some(faults) = &report.faults {
        self::faults(out, report, faults)?;
    }
    if let Some(wear) = &report.wear {
        writeln!(
            out,
            "wear      {} worn out and at rest; the first cell in use wears out after {}",
            count(wear.worn_out as u64, "weight cell"),
            lasts(wear.lifetime_inferences)
        )?;
    }
    if let Some(rotation) = &report.rotation {
        writeln!(
            out,
            "rotation  {} schedules, each for {}, {} to {}",
            rotation.schedules.len(),
            count(rotation.every, "inference"),
            rotation.schedules[0],
            rotation.schedules[rotation.schedules.len() - 1]
        )?;
        writeln!(
            out,
            "          worst cell {} an inference, {}; without rotation {}, {}",
            short(rotation.max_cell_wear),
            lasts(rotation.lifetime_inferences),
            short(rotation.fixed_max_cell_wear),
            lasts(rotation.fixed_lifetime_inferences)
        )?;
    }
    if report.cores.len() > 1 {
        cores(out, report)?;
    }
    let schedule = &report.schedule;
    writeln!(
        out,
        "schedule  {}: {}, {:.2} bits a weight, {}; a controller needs {} of RAM",
        schedule.path,
        count(schedule.bytes, "byte"),
        schedule.bits_per_weight,
        count(schedule.frames, "frame"),
        count(schedule.decoder_ram_bytes.into(), "byte")
    )?;
    match report.verified {
        None => writeln!(out, "verified  no (--no-verify)")?,
        Some(v) if v.writes_match && v.outputs_match => writeln!(
            out,
            "verified  {} inferences replayed on the firmware model: every write of every cell as planned, every output exact",
            v.inferences
        )?,
        Some(v) => writeln!(
            out,
            "verified  FAILED: writes {}, outputs {}",
            if v.writes_match { "as planned" } else { "NOT as planned" },
            if v.outputs_match { "exact" } else { "WRONG" }
        )?,
    }
    writeln!(out, "time      {:.2} s to plan and write", report.seconds)
}

/// Steps against writes.
fn sweep(report: &Report) -> Table {
    let mut table = plain_table(["extra steps", "steps", "of the fewest", "writes/inference", "bound", "fewer writes"]);
    let first = report.sweep[0];
    for point in &report.sweep {
        table.add_row([
            point_name(point),
            thousands(point.steps),
            format!("{:.2}x", point.steps as f64 / first.steps as f64),
            thousands(point.writes),
            thousands(point.lower_bound_writes),
            factor(first.writes, point.writes),
        ]);
    }
    table
}

/// What faults cost.
fn faults(out: &mut String, report: &Report, faults: &FaultReport) -> std::fmt::Result {
    writeln!(
        out,
        "faults    {}: {} without every level, {}",
        faults.files.join(", "),
        count(faults.cells as u64, "weight cell"),
        count(faults.weak as u64, "weak cell")
    )?;
    match faults.intact_writes {
        Some(writes) => writeln!(
            out,
            "          every weight is exact; on intact cores the plan has {} in {}, here {} in {}",
            count(writes, "write"),
            count(faults.intact_steps, "step"),
            thousands(report.orders.optimal.per_inference.writes),
            thousands(report.steps)
        ),
        None if faults.affected_weights == 0 => writeln!(
            out,
            "          every weight is exact; on intact cores the plan has {}, here {}",
            count(faults.intact_steps, "step"),
            thousands(report.steps)
        ),
        None => {
            let better = match (report.reach, report.fanout) {
                (Reach::Row | Reach::Core, _) => "",
                (Reach::Lane, 1) => "; with --reach row all would be exact",
                (Reach::Lane, _) => "; with --reach row columns may move to better lanes",
            };
            writeln!(
                out,
                "          another level than its own, or none, for {}: error {:.2e} of the weights' norm{better}",
                count(faults.affected_weights, "weight"),
                faults.added_error
            )
        }
    }
}

fn lasts(inferences: Option<f64>) -> String {
    inferences.map_or("lifetime not known".to_owned(), |n| count(n as u64, "inference"))
}

/// Each core's load.
fn cores(out: &mut String, report: &Report) -> std::fmt::Result {
    for (number, core) in report.cores.iter().enumerate() {
        writeln!(
            out,
            "{:<10}core {number}: {} in {}; {} writes/inference, {}, worst cell {}; {}: {}",
            if number == 0 { "cores" } else { "" },
            count(core.weights, "weight"),
            count(core.steps, "step"),
            thousands(core.per_inference.writes),
            time(core.per_inference.time_us),
            thousands(core.per_inference.max_cell_writes),
            core.path,
            count(core.bytes, "byte")
        )?;
    }
    Ok(())
}

fn layers(report: &Report) -> Table {
    let mut table =
        plain_table(["layer", "kind", "matrix", "error", "natural", "sorted", "optimal", "bound", "fewer writes"]);
    for layer in &report.layers {
        let writes = |order| layer.orders.of(order).per_inference.writes;
        table.add_row([
            layer.name.clone(),
            layer.kind.clone(),
            format!("{}x{}", layer.rows, layer.cols),
            format!("{:.1} %", 100.0 * layer.relative_error),
            thousands(writes(Order::Natural)),
            thousands(writes(Order::Sorted)),
            thousands(writes(Order::Optimal)),
            layer.lower_bound_writes.map_or("-".to_owned(), thousands),
            factor(writes(Order::Natural), writes(Order::Optimal)),
        ]);
    }
    table
}

/// A table with rules between its lines; numbers to the right.
pub(crate) fn plain_table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Disabled).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn reach(report: &Report) -> &'static str {
    match (report.reach, report.fanout) {
        (Reach::Lane, 1) if report.rows == Rows::Any => "lane (a weight keeps its lane, rows may sit anywhere)",
        (Reach::Lane, 1) => "lane (a weight keeps its lane)",
        (Reach::Row, 1) => "row (a weight may sit in any lane)",
        (Reach::Core, _) => "core (a weight may sit in any cell)",
        (Reach::Lane, _) => "lane (a column keeps its lane)",
        (Reach::Row, _) => "row (a column may sit in any lane)",
    }
}
