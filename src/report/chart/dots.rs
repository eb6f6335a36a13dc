//! Writes by layer and order, on one logarithmic axis.

use super::layers::Group;
use super::style::{ORDERS, order_mark, order_style, row_name};
use crate::order::Order;
use crate::report::Report;
use crate::show::number::thousands;
use crate::show::svg::{Key, NARROW, Picture, Scale, Svg, WIDE};

const ROW: f64 = 20.0;

/// A mark for each order, and a line for the layer's own lower bound.
#[must_use]
pub fn writes_by_layer(report: &Report, groups: &[Group]) -> Picture {
    Picture::both(WIDE, |width| drawn(report, groups, width))
}

fn drawn(report: &Report, groups: &[Group], width: f64) -> Picture {
    let mut svg = Svg::new(width, "Writes per inference, by layer and order");
    let (left, right) = (if width <= NARROW { 118.0 } else { 172.0 }, width - 20.0);
    let writes = |g: &Group, order: Order| -> u64 {
        g.layers.iter().map(|&i| report.layers[i].orders.of(order).per_inference.writes).sum()
    };
    let bound = |g: &Group| -> Option<u64> { g.layers.iter().map(|&i| report.layers[i].lower_bound_writes).sum() };
    let bounds = groups.iter().filter_map(|g| bound(g).filter(|b| *b > 0));
    let values = groups.iter().flat_map(|g| ORDERS.map(|order| writes(g, order) as f64));
    let x = Scale::log(values.chain(bounds.clone().map(|b| b as f64)), left, right);
    let mut entries: Vec<(Key<'_>, &str)> = Vec::new();
    for order in ORDERS {
        let (shape, class) = order_mark(order);
        entries.push((Key::Mark(shape, class), order_style(order).1));
    }
    if bounds.count() > 0 {
        entries.push((Key::Stroke, "bound of the layer alone"));
    }
    svg.legend(if width <= NARROW { 0.0 } else { left }, &entries);
    let top = svg.top + 8.0;
    let bottom = top + ROW * groups.len() as f64 + 4.0;
    svg.x_axis(&x, top, bottom, "writes per inference, logarithmic");
    for (i, group) in groups.iter().enumerate() {
        let y = top + ROW * (i as f64 + 0.5) + 2.0;
        svg.text(left - 12.0, y + 4.0, "", "end", &row_name(group, left - 12.0));
        let at = ORDERS.map(|order| x.at(writes(group, order) as f64));
        let (lo, hi) = at.iter().fold((right, left), |(lo, hi), &v| (lo.min(v), hi.max(v)));
        svg.line("track", (lo, y), (hi, y));
        if let Some(bound) = bound(group).filter(|b| *b > 0) {
            svg.line("bound", (x.at(bound as f64), y - 7.0), (x.at(bound as f64), y + 7.0));
        }
        for (order, at) in ORDERS.into_iter().zip(at) {
            let n = thousands(writes(group, order));
            svg.mark(order_mark(order), (at, y), &format!("{}, {}: {n} writes", group.name, order_style(order).1));
        }
    }
    svg.finish("writes-by-layer-and-order", bottom + 38.0, "Marks: writes per inference of every layer in three orders")
}
