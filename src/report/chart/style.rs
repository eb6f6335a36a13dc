//! How an order and a layer look in every picture.

use super::layers::Group;
use crate::order::Order;
use crate::show::names::shortened;
use crate::show::svg::{Shape, letters};

pub(crate) const ORDERS: [Order; 3] = [Order::Natural, Order::Sorted, Order::Optimal];

/// The order's class and its name.
pub(crate) fn order_style(order: Order) -> (&'static str, &'static str) {
    match order {
        Order::Natural => ("nat", "natural"),
        Order::Sorted => ("sor", "sorted (ELight)"),
        Order::Optimal => ("opt", "best"),
    }
}

/// A layer's name in so many pixels.
pub(super) fn row_name(group: &Group, width: f64) -> String {
    shortened(&group.name, letters(width))
}

/// The mark of an order, in the colour of its class.
pub(super) fn order_mark(order: Order) -> (Shape, &'static str) {
    let shape = match order {
        Order::Natural => Shape::Disc,
        Order::Sorted => Shape::Square,
        Order::Optimal => Shape::Diamond,
    };
    (shape, order_style(order).0)
}
