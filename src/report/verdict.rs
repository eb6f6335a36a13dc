//! What a reader wants to know first: what was planned, what it costs, how long the core lives, and what to change.

use super::words::network_name;
use super::{InferenceReport, Report};
use crate::order::{Order, Reach};
use crate::show::names::shortened;
use crate::show::number::{SECONDS_A_YEAR, count, energy, large, short, span, thousands, time, times};

/// Characters of the network's name.
const NAME: usize = 16;
/// A mean wear so many times below that of the worst cell makes a rotation worth naming.
const UNEVEN: f64 = 1.5;
/// Inferences that a core should live for a rotation to be worth naming: each change of schedule costs writes.
const TURNS: f64 = 100.0;
/// A batch worth naming.
const BATCH: u64 = 64;
/// A life shorter than this many years asks for a change.
const SHORT_LIFE: f64 = 10.0;

/// Three sentences, each fit for a line of 80 characters; the same on the terminal and on the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What was planned, how many times fewer writes it needs with how many inputs, and what the other wiring gives.
    pub planned: String,
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
        Self { planned: planned(report), costs: costs(report), life: life(report) }
    }

    /// Its sentences.
    pub fn lines(&self) -> [&str; 3] {
        [&self.planned, &self.costs, &self.life]
    }
}

fn planned(report: &Report) -> String {
    let writes = |order| report.orders.of(order).per_inference.writes;
    let cores = if report.cores.len() > 1 { format!("{} ", report.cores.len()) } else { String::new() };
    let s = if report.cores.len() > 1 { "s" } else { "" };
    let name = shortened(network_name(&report.network), NAME);
    let own = thousands(report.modulators);
    let fewer = match (writes(Order::Natural), writes(report.order)) {
        _ if report.order == Order::Natural => "weights as stored".to_owned(),
        (_, 0) => "nothing is written after the first load".to_owned(),
        (from, to) => {
            let fewer = format!("{} fewer writes", times(from, to).unwrap_or_default());
            match &report.other_wiring {
                // The wiring decides how much an order can gain: both stand in the headline.
                Some(other) => match (other.natural_writes, other.writes) {
                    (Some(natural), Some(writes)) => {
                        let gain = times(natural, writes).unwrap_or_else(|| "none".to_owned());
                        format!("{fewer} with {own} inputs, {gain} with {}", thousands(other.modulators))
                    }
                    _ => format!("{fewer} with {own} inputs"),
                },
                None => format!("{fewer} than as stored, with {own} inputs"),
            }
        }
    };
    format!("{name}, {cores}{} core{s}: {fewer}", report.core)
}

fn costs(report: &Report) -> String {
    let cost = report.orders.of(report.order).per_inference;
    if cost.writes == 0 {
        let first = report.orders.of(report.order).first_load;
        return format!(
            "once {}, {}, {}; then no writes in {} an inference",
            count(first.writes, "write"),
            energy(first.energy_pj),
            time(first.time_us),
            count(report.steps, "step")
        );
    }
    if let Some(InferenceReport { figures, system, .. }) = &report.inference
        && let (Some(us), Some(pj)) = (figures.time_us, figures.energy_pj)
    {
        return format!(
            "an inference: {} and {} on `{}`, batch {}; {} writes",
            time(us),
            energy(pj),
            system.name,
            thousands(figures.batch),
            large(cost.writes)
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
    // Inferences of a batch share what a pass wears.
    let batch = report.inference.as_ref().map_or(1, |inference| inference.figures.batch).max(1) as f64;
    let known = rotated.or(own).unwrap_or(*report.lifetime_inferences.of(report.order)).map(|passes| passes * batch);
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
            format!("{}x longer", factor(cost.max_cell_wear as f64 / optimal.max_cell_wear.max(1) as f64)),
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
    if short
        && let Some(inference) = &report.inference
        && let Some(lives) = report.lifetime_inferences.of(report.order)
        && inference.figures.batch < BATCH
    {
        // Exact: a batch wears the cells as one inference does.
        say(&format!("--batch {BATCH}"), large((lives * BATCH as f64) as u64));
    }
    let lives = report.lifetime_inferences.of(report.order).is_some_and(|lives| lives >= TURNS);
    if short && lives && uneven > UNEVEN && report.rotation.is_none() && report.from.is_none() {
        say("--rotate 8", format!("up to {}x longer", factor(uneven)));
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
