//! The report's pictures, as SVG: one function each, from a [`Report`](super::Report) to a [`Picture`].
//!
//! ```text
//! layers.rs  which layers a picture shows when there are very many
//! bars.rs    writes of the orders; one figure by layer
//! dots.rs    writes by layer and order
//! breakdown.rs   time and energy of an inference by their parts
//! heat.rs    wear of every PCM cell
//! levels.rs  histograms of the levels
//! lines.rs   writes over the steps, lifetime over the endurance
//! trade.rs   steps against writes
//! ```
//!
//! What they are drawn with is [`show::svg`](crate::show::svg). Colours are classes of its style: one palette that colour-blind readers can tell apart (grey, orange, blue, always with marks of
//! different shapes), for light and dark. The page and the single files carry the same style.

mod bars;
mod breakdown;
mod dots;
mod heat;
mod layers;
mod levels;
mod lines;
mod trade;

pub use bars::{by_layer, errors, orders};
pub use breakdown::breakdown;
pub use dots::writes_by_layer;
pub use heat::wear;
pub use layers::{Group, groups};

pub use levels::levels;
pub use lines::{lifetime, steps};
pub use trade::{point_name, trade};

use crate::order::Order;
use crate::show::names::shortened;
use crate::show::svg::{Picture, Scale, Shape, Svg, letters};

/// The order's class and its name.
pub(crate) fn order_style(order: Order) -> (&'static str, &'static str) {
    match order {
        Order::Natural => ("nat", "natural"),
        Order::Sorted => ("sor", "sorted (ELight)"),
        Order::Optimal => ("opt", "best"),
    }
}

/// A layer's name in so many pixels.
fn row_name(group: &Group, width: f64) -> String {
    shortened(&group.name, letters(width))
}

/// The mark of an order, in the colour of its class.
fn order_mark(order: Order) -> (Shape, &'static str) {
    let shape = match order {
        Order::Natural => Shape::Disc,
        Order::Sorted => Shape::Square,
        Order::Optimal => Shape::Diamond,
    };
    (shape, order_style(order).0)
}

pub(crate) const ORDERS: [Order; 3] = [Order::Natural, Order::Sorted, Order::Optimal];
