//! The points as a table and as CSV.

use super::sheet::{Point, Sheet};
use crate::report::number::{count, energy, short, thousands, time};
use crate::report::plain_table;
use crate::system::Life;

/// The points as a person reads them: those that no other beats, or all of them.
#[must_use]
pub fn table(sheet: &Sheet, all: bool) -> String {
    let mut out = format!("network   {}\nsystem    {}: {}\n", sheet.network, sheet.system, sheet.system_title);
    let front = sheet.front();
    let shown: Vec<&Point> = if all { sheet.points.iter().collect() } else { front.clone() };
    let mut table = plain_table([
        "core",
        "inputs",
        "device",
        "bits",
        "extra",
        "batch",
        "time",
        "energy",
        "lit",
        "life",
        "schedule",
        "error",
        "writes/pass",
    ]);
    for point in shown {
        table.add_row([
            format!("{}{}", point.core, if point.front && all { " *" } else { "" }),
            format!("{} ({})", point.fanout, thousands(point.modulators)),
            point.device.clone(),
            point.bits.to_string(),
            point.extra_steps.clone(),
            thousands(point.batch),
            point.time_us.map_or("-".to_owned(), time),
            point.energy_pj.map_or("-".to_owned(), energy),
            point.light_fraction.map_or("-".to_owned(), |part| format!("{} %", short((1e3 * part).round() / 10.0))),
            life(point),
            thousands(point.schedule_bytes),
            format!("{:.1} %", 100.0 * point.weight_error),
            thousands(point.writes),
        ]);
    }
    let points = count(sheet.points.len() as u64, "point");
    let which = if all { "; * no other is as good in all of them" } else { " are shown; -v shows all" };
    out += &format!("\n{table}\n");
    out += &format!(
        "          {} of {points} are on the front of time, energy, life, schedule bytes and weight error{which}\n",
        front.len()
    );
    out += "          time and energy are those of a pass over the network divided by the batch; inputs: modulators in brackets\n";
    if sheet.unknown_vectors > 0 {
        out += &format!(
            "vectors   not known for {}: time and energy need --vectors LAYER=N\n",
            count(sheet.unknown_vectors, "layer")
        );
    }
    if !sheet.assumed.is_empty() {
        out += &format!("assumed   {}\n", sheet.assumed.join(", "));
    }
    for refused in &sheet.refused {
        out += &format!("no plan   {}: {}\n", refused.plan, refused.why);
    }
    for missing in &sheet.missing {
        out += &format!("missing   {missing}\n");
    }
    out
}

/// A life as a person reads it.
pub(crate) fn life(point: &Point) -> String {
    match (point.life, point.life_inferences) {
        (Life::NoWear, _) => "no wear".to_owned(),
        (Life::Limited, Some(inferences)) => format!("{} inf.", thousands(inferences as u64)),
        _ => "unknown".to_owned(),
    }
}

/// All points, one a line; numbers are exact, empty where not known.
#[must_use]
pub fn csv(sheet: &Sheet) -> String {
    let mut out = String::from(
        "core,fanout,modulators,device,bits,extra_steps,batch,time_us,energy_pj,light_fraction,life,life_inferences,schedule_bytes,weight_error,steps,writes,natural_writes,lower_bound_writes,front\n",
    );
    for point in &sheet.points {
        let maybe = |number: Option<f64>| number.map_or(String::new(), |n| n.to_string());
        let life = match point.life {
            Life::Limited => "limited",
            Life::NoWear => "no-wear",
            Life::Unknown => "unknown",
        };
        let cells = [
            point.core.clone(),
            point.fanout.clone(),
            point.modulators.to_string(),
            quoted(&point.device),
            point.bits.to_string(),
            point.extra_steps.clone(),
            point.batch.to_string(),
            maybe(point.time_us),
            maybe(point.energy_pj),
            maybe(point.light_fraction),
            life.to_owned(),
            maybe(point.life_inferences),
            point.schedule_bytes.to_string(),
            point.weight_error.to_string(),
            point.steps.to_string(),
            point.writes.to_string(),
            point.natural_writes.to_string(),
            point.lower_bound_writes.to_string(),
            point.front.to_string(),
        ];
        out += &cells.join(",");
        out.push('\n');
    }
    out
}

/// A text that may hold a comma or a quote.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
