//! The report's pictures, as SVG: one function each, from a [`Report`](super::Report) to a [`Picture`].
//!
//! ```text
//! svg.rs     text, lines and marks; axes
//! layers.rs  which layers a picture shows when there are very many
//! bars.rs    writes of the orders; one figure by layer
//! dots.rs    writes by layer and order
//! heat.rs    wear of every PCM cell
//! levels.rs  histograms of the levels
//! lines.rs   writes over the steps, lifetime over the endurance
//! trade.rs   steps against writes
//! ```
//!
//! Colours are classes of `style.css`: one palette that colour-blind readers can tell apart (grey, orange, blue, always with marks of
//! different shapes), for light and dark. The page and the single files carry the same style.

mod layers;
mod svg;

mod bars;
mod dots;
mod heat;
mod levels;
mod lines;
mod trade;

pub use bars::{by_layer, errors, orders};
pub use dots::writes_by_layer;
pub use heat::wear;
pub use layers::{Group, groups};

pub(crate) use layers::short_name;
pub use levels::levels;
pub use lines::{lifetime, steps};
pub use svg::escape;
pub use trade::{point_name, trade};

pub(crate) use svg::{Scale, Svg};

use crate::order::Order;

/// Colours and marks of the pictures, for the page and for single files.
pub const STYLE: &str = include_str!("style.css");

/// A finished picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Name of its file, without extension.
    pub name: String,
    /// The `<svg>` element, without a style of its own.
    pub svg: String,
}

impl Picture {
    /// The picture as a file that stands alone.
    #[must_use]
    pub fn file(&self) -> String {
        let (start, rest) = self.svg.split_once('>').unwrap_or((&self.svg, ""));
        let style = STYLE.trim();
        let ground = "<rect class=\"ground\" width=\"100%\" height=\"100%\"/>";
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{start}>\n<style>\n{style}\n</style>\n{ground}{rest}\n")
    }
}

/// The order's class and its name.
pub(crate) fn order_style(order: Order) -> (&'static str, &'static str) {
    match order {
        Order::Natural => ("nat", "natural"),
        Order::Sorted => ("sor", "sorted (ELight)"),
        Order::Optimal => ("opt", "best"),
    }
}

pub(crate) const ORDERS: [Order; 3] = [Order::Natural, Order::Sorted, Order::Optimal];
