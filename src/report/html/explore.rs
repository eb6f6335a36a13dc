//! Many plans side by side, as a page.

use maud::{Markup, html};

use super::parts::{Line, Text, document, figure, folded, section, table};
use crate::explore::{Point, Sheet, life};
use crate::show::number::{energy, thousands, time};
use crate::show::svg::{NARROW, Picture, Scale, Svg, WIDE};

/// Height of the picture's field.
const HEIGHT: f64 = 300.0;

/// The page.
#[must_use]
pub fn page(sheet: &Sheet) -> String {
    let front: Vec<Line> = sheet.front().into_iter().map(line).collect();
    let all: Vec<Line> = sheet.points.iter().map(line).collect();
    let refused = sheet.refused.iter().map(|refused| (refused.plan.as_str(), refused.why.as_str()));
    let missing = sheet.missing.iter().map(|plan| (plan.as_str(), "not planned yet"));
    let none: Vec<Line> = refused
        .chain(missing)
        .map(|(plan, why)| Line::plain(vec![html! { (Text(plan)) }, html! { (Text(why)) }]))
        .collect();
    let drawn = sheet.points.iter().any(|point| point.time_us.is_some());
    let body = html! {
        header {
            h1 { "Which core, which batch, which bits?" }
            p.lead {
                "Plans of " code { (Text(&sheet.network)) } " on the system " code { (Text(&sheet.system)) } " (" (Text(&sheet.system_title))
                "). Time and energy are those of a pass over the network divided by the batch."
            }
        }
        main {
            (section(
                "The front",
                &html! { "No other plan is at least as good in time, energy, life, schedule bytes and weight error, and better in one." },
                &html! {
                    @if drawn {
                        (figure(&Picture::both(WIDE, |width| picture(sheet, width)), &html! {
                            "Blue: on the front. Grey: another plan is at least as good in everything. Both axes are logarithmic."
                        }))
                    }
                    (table(&HEAD, &front, None))
                },
            ))
            (section(
                "All plans",
                &html! { "In the order in which they were asked for." },
                &folded(&format!("{} points", all.len()), &table(&HEAD, &all, None)),
            ))
            @if !none.is_empty() {
                (section("No plan", &html! { "What cannot be planned, and why." }, &table(&["plan", "why"], &none, Some(1))))
            }
            @if !sheet.assumed.is_empty() {
                (section(
                    "Assumed",
                    &html! { "Constants of the system that nobody has published for it: figures depend on these stand-ins." },
                    &html! { p { (Text(&sheet.assumed.join(", "))) } },
                ))
            }
        }
    };
    document("Which core, which batch, which bits?", &body)
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
    "lives",
    "schedule, bytes",
    "error",
    "writes a pass",
];

fn line(point: &Point) -> Line {
    let data = |exact: Option<f64>, show: &dyn Fn(f64) -> String| -> Markup {
        match exact {
            Some(exact) => html! { data value=(exact) { (show(exact)) } },
            None => html! { "-" },
        }
    };
    Line {
        class: if point.front { "chosen" } else { "" },
        cells: vec![
            html! { (Text(&point.core)) },
            html! { (Text(&point.fanout)) " (" (thousands(point.modulators)) ")" },
            html! { (Text(&point.device)) },
            html! { (point.bits) },
            html! { (Text(&point.extra_steps)) },
            html! { (thousands(point.batch)) },
            data(point.time_us, &time),
            data(point.energy_pj, &energy),
            html! { (life(point)) },
            html! { (thousands(point.schedule_bytes)) },
            html! { (format!("{:.1} %", 100.0 * point.weight_error)) },
            html! { (thousands(point.writes)) },
        ],
    }
}

/// Energy over time.
fn picture(sheet: &Sheet, width: f64) -> Picture {
    let known = |point: &Point| Some((point.time_us?, point.energy_pj?));
    let places: Vec<(f64, f64)> = sheet.points.iter().filter_map(known).collect();
    let mut svg = Svg::new(width, "Energy and time of an inference");
    let (left, right) = (if width <= NARROW { 56.0 } else { 70.0 }, width - 30.0);
    let top = svg.top + 8.0;
    let bottom = top + HEIGHT;
    let x = Scale::log(places.iter().map(|p| p.0), left, right);
    let y = Scale::log(places.iter().map(|p| p.1), bottom, top);
    svg.x_axis(&x, top, bottom, "time of an inference, microseconds");
    svg.y_axis(&y, left, right, "energy of an inference, pJ");
    svg.line("base", (left, bottom), (right, bottom));
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
    svg.finish("energy-and-time", bottom + 38.0, "Dots: energy over time of every plan with every batch")
}
