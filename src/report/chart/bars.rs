//! Bars from zero.

use super::{Group, ORDERS, Picture, Scale, Svg, order_style};
use crate::order::Order;
use crate::report::Report;
use crate::show::number::{factor, mark, thousands};

const ROW: f64 = 20.0;
const TOP: f64 = 30.0;

/// Writes per inference of the three orders, and the bound.
#[must_use]
pub fn orders(report: &Report) -> Picture {
    let mut svg = Svg::new(720.0, "Writes per inference, by order");
    let writes = |order| report.orders.of(order).per_inference.writes;
    let most = ORDERS.into_iter().map(writes).max().unwrap_or(0).max(report.lower_bound_writes);
    let (left, right, bottom) = (130.0, 560.0, TOP + 4.0 * 30.0);
    let x = Scale::linear(most as f64, left, right);
    svg.x_axis(&x, TOP, bottom, "writes per inference (level steps of PCM cells)");
    for (i, order) in ORDERS.into_iter().enumerate() {
        let (class, name) = order_style(order);
        let (y, n) = (TOP + 30.0 * i as f64, writes(order));
        svg.text(left - 10.0, y + 19.0, "", "end", name);
        svg.rect(class, (left, y + 6.0), (x.at(n as f64) - left, 18.0), &format!("{name}: {} writes", thousands(n)));
        let fewer = match order {
            Order::Natural => String::new(),
            _ => format!("  ({})", factor(writes(Order::Natural), n)),
        };
        svg.text(x.at(n as f64) + 7.0, y + 19.0, "", "start", &format!("{}{fewer}", thousands(n)));
    }
    let (y, bound) = (TOP + 90.0, report.lower_bound_writes);
    svg.text(left - 10.0, y + 19.0, "", "end", "lower bound");
    let at = x.at(bound as f64);
    svg.line("bound", (at, y + 6.0), (at, y + 24.0));
    svg.text(at + 7.0, y + 19.0, "", "start", &thousands(bound));
    svg.line("base", (left, TOP), (left, bottom));
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
    let mut svg = Svg::new(470.0, title);
    let (left, right) = (165.0, 385.0);
    let bottom = TOP + ROW * groups.len() as f64 + 4.0;
    let x = Scale::linear(values.iter().copied().fold(0.0, f64::max), left, right);
    for value in x.marks() {
        svg.line("grid", (x.at(value), TOP), (x.at(value), bottom));
        svg.text(x.at(value), bottom + 15.0, "axis", "middle", &mark(value));
    }
    svg.text((left + right) / 2.0, bottom + 31.0, "axis", "middle", axis);
    for (i, (group, &value)) in groups.iter().zip(values).enumerate() {
        let y = TOP + ROW * i as f64;
        svg.text(left - 8.0, y + 15.0, "", "end", &group.name);
        svg.rect("opt", (left, y + 4.0), (x.at(value) - left, ROW - 6.0), &format!("{}: {}", group.name, show(value)));
        svg.text(x.at(value) + 6.0, y + 15.0, "", "start", &show(value));
    }
    svg.line("base", (left, TOP), (left, bottom));
    svg.finish(name, bottom + 38.0, &format!("Bars: {title}"))
}

/// Relative error of the weights, in percent.
#[must_use]
pub fn errors(report: &Report, groups: &[Group]) -> Picture {
    let of = |g: &Group| g.layers.iter().map(|&i| 100.0 * report.layers[i].relative_error).fold(0.0, f64::max);
    let values: Vec<f64> = groups.iter().map(of).collect();
    let title = "Error of the quantized weights, by layer";
    by_layer("error-by-layer", title, "relative error, %", groups, &values, &|v| format!("{v:.1} %"))
}
