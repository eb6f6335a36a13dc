//! Curves: writes over the steps, lifetime over the endurance.

use super::style::{ORDERS, order_mark, order_style};
use crate::order::Order;
use crate::report::{Report, StepWrites};
use crate::show::number::{SECONDS_A_YEAR, mark, span};
use crate::show::svg::{Key, Picture, Scale, Svg, WIDE, text_width};

/// Height of the field of curves.
const HIGH: f64 = 206.0;

/// Writes in each step: the schedule's order as counted, natural and sorted as the mean of each layer.
#[must_use]
pub fn steps(report: &Report, counted: &StepWrites) -> Picture {
    Picture::both(WIDE, |width| steps_in(report, counted, width))
}

fn steps_in(report: &Report, counted: &StepWrites, width: f64) -> Picture {
    let mut svg = Svg::new(width, "Writes in each step of an inference");
    let name = |order: Order| {
        let how = if order == report.order { "as counted" } else { "layer means" };
        format!("{}, {how}", order_style(order).1)
    };
    legend(&mut svg, &ORDERS.map(|o| (o, name(o))));
    let (left, right) = (56.0, width - 14.0);
    let (top, bottom) = (svg.top + 12.0, svg.top + 12.0 + HIGH);
    let others: Vec<Order> = ORDERS.into_iter().filter(|o| *o != report.order).collect();
    // A layer's mean, from its first step to its last.
    let means = |order: Order| {
        let mut parts = Vec::with_capacity(report.layers.len());
        let mut first = 0u64;
        for layer in &report.layers {
            let writes = layer.orders.of(order).per_inference.writes as f64;
            parts.push((first as f64, (first + layer.steps) as f64, writes / layer.steps.max(1) as f64));
            first += layer.steps;
        }
        parts
    };
    let bins: Vec<(f64, f64, f64)> = counted
        .writes
        .iter()
        .enumerate()
        .map(|(i, writes)| {
            let begin = i as u64 * counted.steps_per_bin;
            let end = (begin + counted.steps_per_bin).min(report.steps);
            (begin as f64, end as f64, *writes as f64 / end.saturating_sub(begin).max(1) as f64)
        })
        .collect();
    let all = others.iter().flat_map(|o| means(*o)).chain(bins.iter().copied()).map(|(_, _, v)| v);
    let y = Scale::log(all, bottom, top);
    let x = Scale::exact(report.steps as f64, left, right);
    svg.y_axis(&y, left, right, "writes in a step");
    for value in x.marks() {
        svg.text(x.at(value), bottom + 15.0, "axis", "middle", &mark(value));
    }
    svg.text((left + right) / 2.0, bottom + 31.0, "axis", "middle", "step of the inference");
    let stairs = |parts: &[(f64, f64, f64)]| {
        let mut d = String::new();
        for (i, (begin, end, value)) in parts.iter().enumerate() {
            let go = if i == 0 { 'M' } else { 'L' };
            d += &format!("{go}{:.1} {:.1}H{:.1}", x.at(*begin), y.at(*value), x.at(*end));
        }
        d
    };
    layer_marks(&mut svg, report, &x, bottom);
    let chosen = stairs(&bins);
    if !bins.is_empty() {
        svg.path("area", &format!("{chosen}V{bottom:.1}H{left:.1}z"));
    }
    for order in &others {
        svg.path(&format!("line {}", order_style(*order).0), &stairs(&means(*order)));
    }
    svg.path(&format!("line {}", order_style(report.order).0), &chosen);
    svg.line("base", (left, bottom), (right, bottom));
    svg.finish("writes-over-steps", bottom + 38.0, "Curves: writes in each step, by order")
}

/// Short strokes where layers begin.
fn layer_marks(svg: &mut Svg, report: &Report, x: &Scale, bottom: f64) {
    let mut first = 0u64;
    for layer in &report.layers {
        let at = x.at(first as f64);
        svg.line("base", (at, bottom), (at, bottom + 4.0));
        first += layer.steps;
    }
}

fn legend(svg: &mut Svg, names: &[(Order, String)]) {
    let entries: Vec<_> = names.iter().map(|(order, name)| (Key::Line(order_style(*order).0), name.as_str())).collect();
    if !entries.is_empty() {
        svg.legend(0.0, &entries);
    }
}

/// Inferences until the worst cell is worn out, whatever a cell bears; and the device's own endurance, if it is known.
#[must_use]
pub fn lifetime(report: &Report) -> Picture {
    Picture::both(WIDE, |width| lifetime_in(report, width))
}

fn lifetime_in(report: &Report, width: f64) -> Picture {
    let mut svg = Svg::new(width, "Lifetime of the core, by what a cell bears");
    let worst = |order| report.orders.of(order).per_inference.max_cell_wear as f64;
    let drawn: Vec<Order> = ORDERS.into_iter().filter(|o| worst(*o) > 0.0).collect();
    legend(&mut svg, &drawn.iter().map(|o| (*o, order_style(*o).1.to_owned())).collect::<Vec<_>>());
    for order in ORDERS.into_iter().filter(|o| worst(*o) == 0.0) {
        svg.top += 18.0;
        svg.text(0.0, svg.top, "", "start", &format!("{}: no wear, whatever a cell bears", order_style(order).1));
    }
    let (left, right) = (56.0, width - 96.0);
    // Above the field, the rate; within it, the device's own endurance.
    let (top, bottom) = (svg.top + 28.0, svg.top + 28.0 + HIGH);
    let known = report.endurance_writes;
    let ends = [1e3, 1e9];
    let x = Scale::log(ends.into_iter().chain(known), left, right);
    let ends = [x.marks()[0], x.marks().last().copied().unwrap_or(1e9)];
    let ends = [ends[0].min(1e3), ends[1].max(1e9)];
    let values = drawn.iter().flat_map(|o| ends.map(|e| (e / worst(*o)).max(1.0)));
    let y = Scale::log(values, bottom, top);
    svg.x_axis(&x, top, bottom, "endurance: what a PCM cell bears");
    svg.y_axis(&y, left, right, "inferences");
    for value in y.marks() {
        let years = value / report.rate_per_second / SECONDS_A_YEAR;
        svg.text(right + 8.0, y.at(value) + 4.0, "axis", "start", &span(years));
    }
    svg.text(width, top - 12.0, "axis", "end", &format!("at {} a second", mark(report.rate_per_second)));
    for order in &drawn {
        let from = ends[0].max(worst(*order));
        let d = format!(
            "M{:.1} {:.1}L{:.1} {:.1}",
            x.at(from),
            y.at(from / worst(*order)),
            x.at(ends[1]),
            y.at(ends[1] / worst(*order))
        );
        svg.path(&format!("line {}", order_style(*order).0), &d);
    }
    if let Some(endurance) = known {
        svg.line("bound", (x.at(endurance), top), (x.at(endurance), bottom));
        let words = format!("this device: {}", mark(endurance));
        let before = x.at(endurance) + 6.0 + text_width(&words) > right;
        let (at, anchor) = if before { (x.at(endurance) - 6.0, "end") } else { (x.at(endurance) + 6.0, "start") };
        svg.text(at, top + 14.0, "", anchor, &words);
        for order in drawn.iter().filter(|o| endurance >= worst(**o)) {
            svg.mark(order_mark(*order), (x.at(endurance), y.at(endurance / worst(*order))), "");
        }
    }
    svg.finish("lifetime", bottom + 38.0, "Curves: inferences until the worst cell is worn out, over its endurance")
}
