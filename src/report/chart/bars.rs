//! Bars from zero.

use super::layers::Group;
use super::style::{ORDERS, order_style, row_name};
use crate::order::Order;
use crate::report::Report;
use crate::show::number::{factor, large, mark};
use crate::show::svg::{HALF, NARROW, Picture, Scale, Svg, WIDE};

const ROW: f64 = 20.0;

/// Writes per inference of the three orders, and the bound.
#[must_use]
pub fn orders(report: &Report) -> Picture {
    Picture::both(WIDE, |width| orders_in(report, width))
}

fn orders_in(report: &Report, width: f64) -> Picture {
    let mut svg = Svg::new(width, "Writes per inference, by order");
    let writes = |order| report.orders.of(order).per_inference.writes;
    let most = ORDERS.into_iter().map(writes).max().unwrap_or(0).max(report.lower_bound_writes);
    // Behind the longest bar there is room for its number.
    let narrow = width <= NARROW;
    let (left, right) = (106.0, width - if narrow { 76.0 } else { 160.0 });
    let top = svg.top + 8.0;
    let bottom = top + 4.0 * 30.0;
    let x = Scale::linear(most as f64, left, right);
    svg.x_axis(&x, top, bottom, "level steps of PCM cells");
    for (i, order) in ORDERS.into_iter().enumerate() {
        let (class, name) = order_style(order);
        let (y, n) = (top + 30.0 * i as f64, writes(order));
        svg.text(left - 8.0, y + 19.0, "", "end", name);
        svg.rect(class, (left, y + 6.0), (x.at(n as f64) - left, 18.0), &format!("{name}: {} writes", large(n)));
        let fewer = match order {
            Order::Natural => String::new(),
            _ if narrow && x.at(n as f64) > width - 150.0 => String::new(),
            _ => format!("  ({})", factor(writes(Order::Natural), n)),
        };
        svg.text(x.at(n as f64) + 7.0, y + 19.0, "", "start", &format!("{}{fewer}", large(n)));
    }
    let (y, bound) = (top + 90.0, report.lower_bound_writes);
    svg.text(left - 8.0, y + 19.0, "", "end", "lower bound");
    let at = x.at(bound as f64);
    svg.line("bound", (at, y + 6.0), (at, y + 24.0));
    svg.text(at + 7.0, y + 19.0, "", "start", &large(bound));
    svg.line("base", (left, top), (left, bottom));
    svg.finish("writes-by-order", bottom + 38.0, "Bars: writes per inference of the natural, sorted and best order")
}

/// One figure of every layer in the schedule's order: `values` by group, `show` writes one of them.
#[must_use]
pub fn by_layer(
    name: &str,
    title: &str,
    axis: &str,
    groups: &[Group],
    values: &[f64],
    show: &dyn Fn(f64) -> String,
) -> Picture {
    Picture::both(HALF, |width| {
        let mut svg = Svg::new(width, title);
        let (left, right) = (if width <= NARROW { 118.0 } else { 150.0 }, width - 72.0);
        let top = svg.top + 8.0;
        let bottom = top + ROW * groups.len() as f64 + 4.0;
        let x = Scale::linear(values.iter().copied().fold(0.0, f64::max), left, right);
        svg.x_axis(&x, top, bottom, axis);
        for (i, (group, &value)) in groups.iter().zip(values).enumerate() {
            let y = top + ROW * i as f64;
            svg.text(left - 8.0, y + 15.0, "", "end", &row_name(group, left - 8.0));
            let said = format!("{}: {}", group.name, show(value));
            svg.rect("opt", (left, y + 4.0), (x.at(value) - left, ROW - 6.0), &said);
            svg.text(x.at(value) + 6.0, y + 15.0, "", "start", &show(value));
        }
        svg.line("base", (left, top), (left, bottom));
        svg.finish(name, bottom + 38.0, &format!("Bars: {title}"))
    })
}

/// Relative error of the weights, in percent.
#[must_use]
pub fn errors(report: &Report, groups: &[Group]) -> Picture {
    let of = |g: &Group| g.layers.iter().map(|&i| 100.0 * report.layers[i].relative_error).fold(0.0, f64::max);
    let values: Vec<f64> = groups.iter().map(of).collect();
    let title = "Error of the quantized weights, by layer";
    by_layer("error-by-layer", title, "relative error, %", groups, &values, &|v| {
        format!("{} %", mark((v * 10.0).round() / 10.0))
    })
}
