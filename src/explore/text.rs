//! The points as a table and as CSV.

use super::sheet::{Point, Sheet};
use crate::show::Screen;
use crate::show::names::printable;
use crate::show::number::{count, energy, large, thousands, time};
use crate::show::screen::Tone;
use crate::show::table::Table;
use crate::system::Life;

/// The points as a person reads them: those that no other beats, or all of them.
#[must_use]
pub fn table(sheet: &Sheet, screen: &Screen, all: bool) -> String {
    let front = sheet.front();
    let points = count(sheet.points.len() as u64, "point");
    let found =
        format!("{} of {points} are on the front of time, energy, life, schedule bytes and weight error", front.len());
    let mut out = screen.paragraph(Tone::Strong, &found);
    let shown: Vec<&Point> = if all { sheet.points.iter().collect() } else { front };
    let mut table = Table::new(&[
        ("core", 0),
        ("inputs", 0),
        ("device", 2),
        ("bits", 0),
        ("extra", 0),
        ("batch", 0),
        ("time", 0),
        ("energy", 0),
        ("lit", 4),
        ("lives", 0),
        ("schedule", 1),
        ("error", 3),
        ("writes", 5),
    ]);
    for point in shown {
        table.row_in(
            if point.front && all { Tone::Strong } else { Tone::Plain },
            [
                format!("{}{}", point.core, if point.front && all { " *" } else { "" }),
                format!("{} ({})", point.fanout, thousands(point.modulators)),
                printable(&point.device),
                point.bits.to_string(),
                point.extra_steps.clone(),
                thousands(point.batch),
                point.time_us.map_or("-".to_owned(), time),
                point.energy_pj.map_or("-".to_owned(), energy),
                point.light_fraction.map_or("-".to_owned(), |part| format!("{:.1} %", 100.0 * part)),
                life(point),
                large(point.schedule_bytes),
                format!("{:.1} %", 100.0 * point.weight_error),
                large(point.writes),
            ],
        );
    }
    out += "\n";
    out += &table.print(screen);
    let which = if all { "* on the front" } else { "-v shows all" };
    let note = format!(
        "time and energy: a pass over the network divided by the batch; writes: a pass; inputs: modulators in brackets; {which}"
    );
    out += &screen.paragraph(Tone::Quiet, &note);
    out += "\n";
    out += &screen.fact("network", &printable(&sheet.network));
    out += &screen.fact("system", &printable(&format!("{}: {}", sheet.system, sheet.system_title)));
    if sheet.unknown_vectors > 0 {
        let layers = count(sheet.unknown_vectors, "layer");
        out += &screen.fact("vectors", &format!("not known for {layers}: time and energy need --vectors LAYER=N"));
    }
    if !sheet.assumed.is_empty() {
        out += &screen.fact("assumed", &sheet.assumed.join(", "));
    }
    for refused in &sheet.refused {
        out += &screen.fact("no plan", &printable(&format!("{}: {}", refused.plan, refused.why)));
    }
    for missing in &sheet.missing {
        out += &screen.fact("missing", &printable(missing));
    }
    out
}

/// A life as a person reads it.
pub(crate) fn life(point: &Point) -> String {
    match (point.life, point.life_inferences) {
        (Life::NoWear, _) => "no wear".to_owned(),
        (Life::Limited, Some(inferences)) => large(inferences as u64),
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
