//! Many plans side by side, as a page.

use super::parts::{Line, document, figure, folded, section, table};
use crate::explore::{Point, Sheet};
use crate::show::number::{energy, thousands, time};
use crate::show::svg::{Picture, Scale, Svg, escape};

const TOP: f64 = 54.0;
const BOTTOM: f64 = 340.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 690.0;

/// The page.
#[must_use]
pub fn page(sheet: &Sheet) -> String {
    let network = escape(&sheet.network);
    let front = sheet.front();
    let mut parts = vec![
        format!(
            "<header>\n<h1>Which core, which batch, which bits?</h1>\n<p class=\"lead\">Plans of <code>{network}</code> on the system <code>{}</code> ({}). Time and energy are \
             those of a pass over the network divided by the batch.</p>\n</header>\n<main>",
            escape(&sheet.system),
            escape(&sheet.system_title)
        ),
        section(
            "The front",
            "No other plan is at least as good in time, energy, life, schedule bytes and weight error, and better in one.",
            &[picture(sheet).map_or_else(String::new, |picture| {
                figure(&picture, true, "Blue: on the front. Grey: another plan is at least as good in everything. Both axes are logarithmic.")
            }), table(&HEAD, &front.iter().map(|point| line(point)).collect::<Vec<_>>(), None)],
        ),
        section(
            "All plans",
            "In the order in which they were asked for.",
            &[folded(&format!("{} points", sheet.points.len()), &table(&HEAD, &sheet.points.iter().map(line).collect::<Vec<_>>(), None))],
        ),
    ];
    let left_out: Vec<Line> = sheet
        .refused
        .iter()
        .map(|refused| Line::plain(vec![escape(&refused.plan), escape(&refused.why)]))
        .chain(sheet.missing.iter().map(|plan| Line::plain(vec![escape(plan), "not planned yet".to_owned()])))
        .collect();
    if !left_out.is_empty() {
        parts.push(section(
            "No plan",
            "What cannot be planned, and why.",
            &[table(&["plan", "why"], &left_out, Some(1))],
        ));
    }
    if !sheet.assumed.is_empty() {
        let keys: Vec<String> = sheet.assumed.iter().map(|key| format!("<code>{}</code>", escape(key))).collect();
        parts.push(section(
            "Assumed",
            "Constants of the system that nobody has published for it: figures depend on these stand-ins.",
            &[format!("<p>{}</p>", keys.join(", "))],
        ));
    }
    parts.push("</main>".to_owned());
    document("Which core, which batch, which bits?", &parts.join("\n"))
}

const HEAD: [&str; 12] = [
    "core",
    "inputs",
    "device",
    "bits",
    "extra steps",
    "batch",
    "time",
    "energy",
    "life",
    "schedule, bytes",
    "error",
    "writes a pass",
];

fn line(point: &Point) -> Line {
    let data = |exact: Option<f64>, show: &dyn Fn(f64) -> String| match exact {
        Some(exact) => format!("<data value=\"{exact}\">{}</data>", show(exact)),
        None => "-".to_owned(),
    };
    Line {
        class: if point.front { "chosen" } else { "" },
        cells: vec![
            escape(&point.core),
            format!("{} ({})", escape(&point.fanout), thousands(point.modulators)),
            escape(&point.device),
            point.bits.to_string(),
            escape(&point.extra_steps),
            thousands(point.batch),
            data(point.time_us, &time),
            data(point.energy_pj, &energy),
            crate::explore::life(point),
            thousands(point.schedule_bytes),
            format!("{:.1} %", 100.0 * point.weight_error),
            thousands(point.writes),
        ],
    }
}

/// Energy over time; none where they are not known.
fn picture(sheet: &Sheet) -> Option<Picture> {
    let known = |point: &Point| Some((point.time_us?, point.energy_pj?));
    let places: Vec<(f64, f64)> = sheet.points.iter().filter_map(known).collect();
    if places.is_empty() {
        return None;
    }
    let mut svg = Svg::new(720.0, "Energy and time of an inference");
    let x = Scale::log(places.iter().map(|p| p.0), LEFT, RIGHT);
    let y = Scale::log(places.iter().map(|p| p.1), BOTTOM, TOP);
    svg.x_axis(&x, TOP, BOTTOM, "time of an inference, microseconds");
    svg.y_axis(&y, LEFT, RIGHT, "energy of an inference, pJ");
    svg.line("base", (LEFT, BOTTOM), (RIGHT, BOTTOM));
    // The front is drawn last, on top.
    let (front, rest): (Vec<&Point>, Vec<&Point>) = sheet.points.iter().partition(|point| point.front);
    for point in rest.into_iter().chain(front) {
        let Some((us, pj)) = known(point) else { continue };
        let title = format!(
            "{}, {}, {} bits, {}, extra steps {}, batch {}: {}, {}",
            point.core,
            point.fanout,
            point.bits,
            point.device,
            point.extra_steps,
            point.batch,
            time(us),
            energy(pj)
        );
        svg.disc(if point.front { "opt" } else { "nat" }, (x.at(us), y.at(pj)), &title);
    }
    Some(svg.finish("energy-and-time", BOTTOM + 38.0, "Dots: energy over time of every plan with every batch"))
}
