//! The report on a terminal: the verdict, the orders, then what stands behind them.

use super::chart::point_name;
use super::verdict::Verdict;
use super::words::{self, assumed, bounded_class, endurance, nearness, order_name, prices, reach};
use super::{FaultReport, Report};
use crate::level::DeviceProfile;
use crate::order::cost::tally::Costs;
use crate::order::{Objective, Order, Reach};
use crate::show::names::{distinct, printable};
use crate::show::number::{count, energy, factor, large, short, thousands, time, times};
use crate::show::screen::{Screen, Tone};
use crate::show::table::Table;

/// Skipped tensors named in a short report.
const SKIPPED_SHOWN: usize = 4;

/// The whole report as text; `verbose`: with a line for each layer and each skipped tensor.
#[must_use]
pub fn print(report: &Report, device: &DeviceProfile, screen: &Screen, verbose: bool) -> String {
    let Verdict { planned, costs, life } = Verdict::of(report);
    let mut out = screen.paragraph(Tone::Strong, &printable(&planned));
    out += &screen.paragraph(Tone::Plain, &costs);
    out += &screen.paragraph(Tone::Plain, &life);
    out += "\n";
    if let Some(assumed) = assumed(report) {
        out += &screen.fact_in(Tone::Bad, "assumed", &printable(&assumed));
        out += "\n";
    }
    out += &orders(report).print(screen);
    let origin = report.from.as_ref().map_or("erased cells".to_owned(), |from| format!("what {from} left"));
    let note = format!("* in the schedule; per inference in steady state; first load from {origin}");
    out += &screen.paragraph(Tone::Quiet, &note);
    if !report.sweep.is_empty() {
        out += "\n";
        out += &sweep(report).print(screen);
    }
    if verbose {
        out += "\n";
        out += &layers(report).print(screen);
    }
    out += "\n";
    let facts = Facts { report, device, screen };
    out += &facts.bound();
    out += &facts.faults();
    out += &facts.life();
    out += &facts.inference();
    out += &facts.cores();
    out += &facts.hardware();
    out += &facts.network();
    out += &facts.schedule();
    out += &facts.skipped(verbose);
    out += &screen.fact("time", &format!("{:.2} s to plan and write", report.seconds));
    out
}

const ORDERS: [Order; 3] = [Order::Natural, Order::Sorted, Order::Optimal];

fn orders(report: &Report) -> Table {
    let mut table = Table::new(&[
        ("order", 0),
        ("writes", 0),
        ("fewer", 0),
        ("first load", 3),
        ("events", 4),
        ("energy", 0),
        ("to program", 0),
        ("worst cell", 2),
        ("lives", 1),
    ]);
    let natural = report.orders.natural.per_inference.writes;
    for order in ORDERS {
        let Costs { first_load, per_inference } = *report.orders.of(order);
        let chosen = order == report.order;
        let lives = report.lifetime_inferences.of(order).map_or("-".to_owned(), |n| large(n as u64));
        table.row_in(
            if chosen { Tone::Strong } else { Tone::Plain },
            [
                format!("{}{}", order_name(order), if chosen { " *" } else { "" }),
                large(per_inference.writes),
                times(natural, per_inference.writes).unwrap_or_else(|| "none left".to_owned()),
                large(first_load.writes),
                large(per_inference.events),
                energy(per_inference.energy_pj),
                time(per_inference.time_us),
                large(per_inference.max_cell_writes),
                if per_inference.max_cell_wear == 0 { "no wear".to_owned() } else { lives },
            ],
        );
    }
    table
}

/// Steps against writes.
fn sweep(report: &Report) -> Table {
    let mut table = Table::new(&[
        ("extra steps", 0),
        ("steps", 0),
        ("of the fewest", 2),
        ("writes", 0),
        ("bound", 1),
        ("fewer", 0),
    ]);
    let first = report.sweep[0];
    for point in &report.sweep {
        table.row([
            point_name(point),
            thousands(point.steps),
            format!("{:.2}x", point.steps as f64 / first.steps as f64),
            large(point.writes),
            large(point.lower_bound_writes),
            times(first.writes, point.writes).unwrap_or_else(|| "none left".to_owned()),
        ]);
    }
    table
}

fn layers(report: &Report) -> Table {
    let mut table = Table::new(&[
        ("layer", 0),
        ("kind", 3),
        ("matrix", 0),
        ("error", 2),
        ("natural", 0),
        ("sorted", 1),
        ("best", 0),
        ("bound", 4),
        ("fewer", 0),
    ])
    .words(1);
    let names: Vec<&str> = report.layers.iter().map(|layer| layer.name.as_str()).collect();
    for (layer, name) in report.layers.iter().zip(distinct(&names)) {
        let writes = |order| layer.orders.of(order).per_inference.writes;
        table.row([
            printable(name),
            layer.kind.clone(),
            format!("{}x{}", layer.rows, layer.cols),
            format!("{:.1} %", 100.0 * layer.relative_error),
            large(writes(Order::Natural)),
            large(writes(Order::Sorted)),
            large(writes(Order::Optimal)),
            layer.lower_bound_writes.map_or("-".to_owned(), large),
            times(writes(Order::Natural), writes(Order::Optimal)).unwrap_or_else(|| "none left".to_owned()),
        ]);
    }
    table
}

/// What stands below the tables.
struct Facts<'a> {
    report: &'a Report,
    device: &'a DeviceProfile,
    screen: &'a Screen,
}

impl Facts<'_> {
    fn say(&self, label: &str, text: &str) -> String {
        self.screen.fact(label, &printable(text))
    }

    fn bound(&self) -> String {
        let r = self.report;
        let among = bounded_class(r);
        let mut out = self.say(
            "bound",
            &format!("{among} needs fewer than {}: {}", count(r.lower_bound_writes, "write"), nearness(r.gap)),
        );
        let objective = &r.objective;
        if objective.name != Objective::Writes {
            let figure = |value: f64| match objective.name {
                Objective::Writes | Objective::Wear => thousands(value as u64),
                Objective::Energy => energy(value),
                Objective::Latency => time(value),
            };
            let (value, lower) = (figure(objective.value), figure(objective.lower_bound));
            out += &self.say(
                "objective",
                &format!("{}: {value}, {among} takes less than {lower}: {}", objective.name, nearness(objective.gap)),
            );
        }
        let fewer = factor(r.orders.sorted.per_inference.writes, r.orders.optimal.per_inference.writes);
        out + &self.say(
            "",
            &format!(
                "{fewer} than ELight's order; in ELight accounting (erase free, tile rows apart) {} against {}",
                thousands(r.elight_accounting.optimal.total_writes),
                thousands(r.elight_accounting.sorted.total_writes)
            ),
        )
    }

    /// What faults cost.
    fn faults(&self) -> String {
        let Some(faults) = &self.report.faults else { return String::new() };
        let FaultReport { files, cells, weak, .. } = faults;
        let mut out = self.say(
            "faults",
            &format!(
                "{}: {} without every level, {}",
                files.join(", "),
                count(*cells as u64, "weight cell"),
                count(*weak as u64, "weak cell")
            ),
        );
        let writes = self.report.orders.optimal.per_inference.writes;
        let steps = self.report.steps;
        out += &self.say(
            "",
            &match faults.intact_writes {
                Some(intact) => format!(
                    "every weight is exact; on intact cores the plan has {} in {}, here {} in {}",
                    count(intact, "write"),
                    count(faults.intact_steps, "step"),
                    thousands(writes),
                    thousands(steps)
                ),
                None if faults.affected_weights == 0 => format!(
                    "every weight is exact; on intact cores the plan has {}, here {}",
                    count(faults.intact_steps, "step"),
                    thousands(steps)
                ),
                None => {
                    let better = match (self.report.reach, self.report.fanout) {
                        (Reach::Row | Reach::Core, _) => "",
                        (Reach::Lane, 1) => "; with --reach row all would be exact",
                        (Reach::Lane, _) => "; with --reach row columns may move to better lanes",
                    };
                    format!(
                        "another level than its own, or none, for {}: error {:.2e} of the weights' norm{better}",
                        count(faults.affected_weights, "weight"),
                        faults.added_error
                    )
                }
            },
        );
        out
    }

    /// Worn cells, and plans that take turns.
    fn life(&self) -> String {
        let mut out = String::new();
        if let Some(wear) = &self.report.wear {
            out += &self.say(
                "wear",
                &format!(
                    "{} worn out and at rest; the first cell in use wears out after {}",
                    count(wear.worn_out as u64, "weight cell"),
                    lasts(wear.lifetime_inferences)
                ),
            );
        }
        if let Some(rotation) = &self.report.rotation {
            out += &self.say(
                "rotation",
                &format!(
                    "{}, each for {}: {}",
                    count(rotation.schedules.len() as u64, "schedule"),
                    count(rotation.every, "inference"),
                    self.report.turns(rotation)
                ),
            );
            out += &self.say(
                "",
                &format!(
                    "worst cell {} an inference, {}; without rotation {}, {}",
                    short(rotation.max_cell_wear),
                    lasts(rotation.lifetime_inferences),
                    short(rotation.fixed_max_cell_wear),
                    lasts(rotation.fixed_lifetime_inferences)
                ),
            );
            if let Some(short) = words::turns_too_long(rotation) {
                out += &self.screen.fact_in(Tone::Bad, "", &short);
            }
        }
        out
    }

    /// The whole inference.
    fn inference(&self) -> String {
        let lines = self.report.inference.iter().flat_map(|inference| inference.lines());
        lines.map(|(label, text)| self.say(label, &text)).collect()
    }

    /// Each core's load.
    fn cores(&self) -> String {
        let cores = &self.report.cores;
        if cores.len() < 2 {
            return String::new();
        }
        let mut table = Table::new(&[
            ("core", 0),
            ("weights", 3),
            ("steps", 2),
            ("writes", 0),
            ("to program", 0),
            ("worst cell", 1),
            ("schedule", 0),
            ("bytes", 4),
        ])
        .words(6);
        for (number, core) in cores.iter().enumerate() {
            table.row([
                number.to_string(),
                large(core.weights),
                thousands(core.steps),
                large(core.per_inference.writes),
                time(core.per_inference.time_us),
                large(core.per_inference.max_cell_writes),
                printable(&core.path),
                large(core.bytes),
            ]);
        }
        format!("\n{}\n", table.print(self.screen))
    }

    fn hardware(&self) -> String {
        let (r, device) = (self.report, self.device);
        let several = if r.cores.len() > 1 { format!("{} of ", r.cores.len()) } else { String::new() };
        let bears = endurance(device);
        self.say("core", &format!("{several}{}, {}, reach {}", r.core, words::inputs(r), reach(r)))
            + &self.say("device", &format!("{}: {}", device.name, device.title))
            + &self.say("", &format!("{} levels a PCM cell; {}; {bears}", 1u32 << r.bits, prices(&device.cost)))
    }

    fn network(&self) -> String {
        let r = self.report;
        let mut out = self.say(
            "network",
            &format!(
                "{}: {}, {}, {} in {}",
                r.network,
                count(r.layers.len() as u64, "layer"),
                count(r.weights, "weight"),
                count(r.tiles, "tile"),
                count(r.steps, "step")
            ),
        );
        if let Some(extra) = &r.extra_steps {
            let left_out = count(r.left_out, "weight");
            out += &self.say("", &format!("extra steps: {extra}; {left_out} of level 0 left out"));
        }
        if let Some(worst) = r.layers.iter().max_by(|a, b| a.relative_error.total_cmp(&b.relative_error)) {
            let error = 100.0 * worst.relative_error;
            out += &self
                .say("", &format!("a scale per {}; largest relative error {error:.1} % ({})", r.scale, worst.name));
        }
        if let Some(trained) = &r.trained_for {
            out += &self.say(
                "",
                &format!(
                    "trained for `{trained}`: its weights take the nearest levels of `{}`; elight-sim says what that costs",
                    r.device
                ),
            );
        }
        out
    }

    fn schedule(&self) -> String {
        let schedule = &self.report.schedule;
        let out = self.say(
            "schedule",
            &format!(
                "{}: {}, {:.2} bits a weight, {}; a controller needs {} of RAM",
                self.report.written(),
                count(schedule.bytes, "byte"),
                schedule.bits_per_weight,
                count(schedule.frames, "frame"),
                count(schedule.decoder_ram_bytes.into(), "byte")
            ),
        );
        let (tone, text) = match self.report.verified {
            None => (Tone::Plain, "no (--no-verify)".to_owned()),
            Some(v) if v.writes_match && v.outputs_match => (
                Tone::Good,
                format!(
                    "{} replayed on the firmware model: every write of every cell as planned, every output exact",
                    count(v.inferences.into(), "inference")
                ),
            ),
            Some(v) => (
                Tone::Bad,
                format!(
                    "FAILED: writes {}, outputs {}",
                    if v.writes_match { "as planned" } else { "NOT as planned" },
                    if v.outputs_match { "exact" } else { "WRONG" }
                ),
            ),
        };
        out + &self.screen.fact_in(tone, "verified", &text)
    }

    fn skipped(&self, verbose: bool) -> String {
        let shown = if verbose { usize::MAX } else { SKIPPED_SHOWN };
        let mut out = String::new();
        for (i, (reason, names)) in by_reason(self.report).into_iter().enumerate() {
            let more = names.len().saturating_sub(shown);
            let more = if more > 0 { format!(" and {more} more (-v)") } else { String::new() };
            let named = names[..names.len().min(shown)].join(", ");
            let text = format!("{} ({reason}): {named}{more}", count(names.len() as u64, "tensor"));
            out += &self.say(if i == 0 { "skipped" } else { "" }, &text);
        }
        out
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

fn lasts(inferences: Option<f64>) -> String {
    inferences.map_or("lifetime not known".to_owned(), |n| count(n as u64, "inference"))
}
