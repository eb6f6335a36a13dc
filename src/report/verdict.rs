//! What a reader wants to know first: what was planned, what it costs, how long the core lives, and what to change.

use super::Report;
use super::words::network_name;
use crate::order::{Order, Reach};
use crate::show::names::shortened;
use crate::show::number::{SECONDS_A_YEAR, count, energy, large, short, span, thousands, time, times};

/// Characters of the network's name.
const NAME: usize = 24;
/// A mean wear so many times below that of the worst cell makes a rotation worth naming.
const UNEVEN: f64 = 1.5;
/// A life shorter than this many years asks for a change.
const SHORT_LIFE: f64 = 10.0;

/// Four sentences, each fit for a line of 80 characters; the same on the terminal and on the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What was planned, and how many times fewer writes it needs.
    pub planned: String,
    /// What it asks of the inputs, and what the other wiring gives.
    pub inputs: String,
    /// What an inference costs.
    pub costs: String,
    /// How long the core lives, and what would change most.
    pub life: String,
}

/// An option that is worth trying, and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// As it is typed.
    pub option: String,
    /// What it changes.
    pub effect: String,
}

impl Verdict {
    /// The verdict on a plan.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        Self { planned: planned(report), inputs: inputs(report), costs: costs(report), life: life(report) }
    }

    /// Its sentences.
    pub fn lines(&self) -> [&str; 4] {
        [&self.planned, &self.inputs, &self.costs, &self.life]
    }
}

fn planned(report: &Report) -> String {
    let writes = |order| report.orders.of(order).per_inference.writes;
    let cores = if report.cores.len() > 1 { format!("{} ", report.cores.len()) } else { "a ".to_owned() };
    let s = if report.cores.len() > 1 { "s" } else { "" };
    let name = shortened(network_name(&report.network), NAME);
    let fewer = match (writes(Order::Natural), writes(report.order)) {
        _ if report.order == Order::Natural => "weights as stored".to_owned(),
        (_, 0) => "nothing is written after the first load".to_owned(),
        (from, to) => {
            let fewer = format!("{} fewer writes than as stored", times(from, to).unwrap_or_default());
            match times(from, writes(Order::Sorted)) {
                Some(sorted) if report.order == Order::Optimal => format!("{fewer} (ELight {sorted})"),
                _ => fewer,
            }
        }
    };
    format!("{name} on {cores}{} core{s}: {fewer}", report.core)
}

/// Modulators of a core, and what the same network needs with the other number of them.
fn inputs(report: &Report) -> String {
    let shared = |fanout: u32| if fanout == 1 { "one a cell".to_owned() } else { format!("{fanout} rows share one") };
    let own = format!("{} ({})", count(report.modulators, "modulator"), shared(report.fanout));
    let Some(other) = &report.other_wiring else { return own };
    let with = format!("{own}; with {} ({})", thousands(other.modulators), shared(other.fanout));
    match (other.natural_writes, other.writes) {
        (Some(natural), Some(writes)) => {
            format!("{with} {} fewer writes", times(natural, writes).unwrap_or_else(|| "no".to_owned()))
        }
        _ => own,
    }
}

fn costs(report: &Report) -> String {
    let cost = report.orders.of(report.order).per_inference;
    if cost.writes == 0 {
        let first = report.orders.of(report.order).first_load;
        return format!(
            "first load: {}, {}, {} to program; an inference: {}, none of them writes",
            count(first.writes, "write"),
            energy(first.energy_pj),
            time(first.time_us),
            count(report.steps, "step")
        );
    }
    format!(
        "an inference: {} writes (no fewer than {}), {}, {} to program",
        large(cost.writes),
        large(report.lower_bound_writes),
        energy(cost.energy_pj),
        time(cost.time_us)
    )
}

fn life(report: &Report) -> String {
    let cost = report.orders.of(report.order).per_inference;
    let own = report.wear.as_ref().map(|wear| wear.lifetime_inferences);
    let rotated = report.rotation.as_ref().map(|rotation| rotation.lifetime_inferences);
    let known = rotated.or(own).unwrap_or(*report.lifetime_inferences.of(report.order));
    let lives = match known {
        _ if cost.max_cell_wear == 0 && report.rotation.is_none() => {
            return "no wear: the cells keep their levels".to_owned();
        }
        Some(inferences) => {
            let years = inferences / report.rate_per_second / SECONDS_A_YEAR;
            format!(
                "lives {} ({} at {}/s)",
                count(inferences as u64, "inference"),
                span(years),
                short(report.rate_per_second)
            )
        }
        None => {
            return format!("life not known: say what a cell of `{}` bears, as in --endurance 1e6", report.device);
        }
    };
    match advice(report).first() {
        None => lives,
        Some(Advice { option, effect }) => format!("{lives}; `{option}`: {effect}"),
    }
}

/// What is worth changing, the most useful first.
#[must_use]
pub fn advice(report: &Report) -> Vec<Advice> {
    let cost = report.orders.of(report.order).per_inference;
    let mut all = Vec::new();
    let mut say = |option: &str, effect: String| all.push(Advice { option: option.to_owned(), effect });
    let optimal = report.orders.optimal.per_inference;
    if optimal.max_cell_wear < cost.max_cell_wear {
        say(
            "--order optimal",
            format!("{} times longer", factor(cost.max_cell_wear as f64 / optimal.max_cell_wear.max(1) as f64)),
        );
    }
    let short = report.lifetime_years.of(report.order).is_some_and(|years| years < SHORT_LIFE);
    let [rows, cols] = core(report);
    // A core row keeps a cell for each level other than 0.
    let rests = report.reach == Reach::Row && report.fanout == 1 && cols >= 2 * ((1 << report.bits) - 1);
    if short && rests && report.order == Order::Optimal && report.extra_steps.as_deref() != Some("fixed") {
        say("--extra-steps fixed", "no wear, for more steps".to_owned());
    }
    let cells = (2 * rows * cols * report.cores.len().max(1)) as f64;
    let uneven = cost.max_cell_writes as f64 * cells / cost.writes.max(1) as f64;
    if short && uneven > UNEVEN && report.rotation.is_none() && report.from.is_none() {
        say("--rotate 8", format!("up to {} times longer", factor(uneven)));
    }
    all
}

fn factor(factor: f64) -> String {
    if factor >= 10.0 { format!("{factor:.0}") } else { format!("{factor:.1}") }
}

/// Rows and columns of the core.
fn core(report: &Report) -> [usize; 2] {
    let mut sides = report.core.split('x').map(|side| side.parse().unwrap_or(1));
    [sides.next().unwrap_or(1), sides.next().unwrap_or(1)]
}

#[cfg(test)]
mod tests {
    #[test]
    fn factors_have_two_digits() {
        assert_eq!([1.52, 9.94, 12.3].map(super::factor), ["1.5", "9.9", "12"]);
    }
}
