//! Writes by layer and order, on one logarithmic axis.

use super::{Group, ORDERS, Picture, Scale, Svg, order_mark, order_style};
use crate::order::Order;
use crate::report::Report;
use crate::show::number::thousands;

const ROW: f64 = 20.0;
const TOP: f64 = 54.0;

/// A mark for each order, and a line for the layer's own lower bound.
#[must_use]
pub fn writes_by_layer(report: &Report, groups: &[Group]) -> Picture {
    let mut svg = Svg::new(720.0, "Writes per inference, by layer and order");
    let (left, right) = (190.0, 700.0);
    let bottom = TOP + ROW * groups.len() as f64 + 4.0;
    let writes = |g: &Group, order: Order| -> u64 {
        g.layers.iter().map(|&i| report.layers[i].orders.of(order).per_inference.writes).sum()
    };
    let bound = |g: &Group| -> Option<u64> { g.layers.iter().map(|&i| report.layers[i].lower_bound_writes).sum() };
    let values = groups.iter().flat_map(|g| ORDERS.map(|order| writes(g, order) as f64));
    let x = Scale::log(values, left, right);
    legend(&mut svg, left, groups.iter().any(|g| bound(g).is_some_and(|b| b > 0)));
    svg.x_axis(&x, TOP, bottom, "writes per inference (each mark of the axis is ten times the one before)");
    for (i, group) in groups.iter().enumerate() {
        let y = TOP + ROW * (i as f64 + 0.5) + 2.0;
        svg.text(left - 12.0, y + 4.0, "", "end", &group.name);
        let at = ORDERS.map(|order| x.at(writes(group, order) as f64));
        let (lo, hi) = at.iter().fold((right, left), |(lo, hi), &v| (lo.min(v), hi.max(v)));
        svg.line("track", (lo, y), (hi, y));
        if let Some(bound) = bound(group).filter(|b| x.holds(*b as f64)) {
            svg.line("bound", (x.at(bound as f64), y - 7.0), (x.at(bound as f64), y + 7.0));
        }
        for (order, at) in ORDERS.into_iter().zip(at) {
            let n = thousands(writes(group, order));
            svg.mark(order_mark(order), (at, y), &format!("{}, {}: {n} writes", group.name, order_style(order).1));
        }
    }
    svg.finish("writes-by-layer-and-order", bottom + 38.0, "Marks: writes per inference of every layer in three orders")
}

fn legend(svg: &mut Svg, left: f64, bound: bool) {
    let mut x = left + 6.0;
    for order in ORDERS {
        let name = order_style(order).1;
        svg.mark(order_mark(order), (x, 34.0), "");
        svg.text(x + 10.0, 38.0, "", "start", name);
        x += 38.0 + 6.5 * name.len() as f64;
    }
    if bound {
        svg.line("bound", (x, 27.0), (x, 41.0));
        svg.text(x + 8.0, 38.0, "", "start", "bound of the layer alone");
    }
}
