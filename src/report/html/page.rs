//! What every section of a plan's page reads: the report, and its figures by their JSON pointers.

use maud::{Markup, html};
use serde_json::Value;

use super::parts::Figures;
use super::pictures::Pictures;
use crate::level::DeviceProfile;
use crate::order::Order;
use crate::report::Report;
use crate::show::number::thousands;

/// What the sections are made from.
pub(super) struct Page<'a> {
    pub(super) report: &'a Report,
    pub(super) device: &'a DeviceProfile,
    pub(super) pictures: &'a Pictures,
    pub(super) figures: Figures,
}

impl Page<'_> {
    /// A whole number of the report.
    pub(super) fn n(&self, pointer: &str) -> Markup {
        self.figures.show(pointer, &|v| v.as_u64().map(thousands))
    }

    /// So many of something: the number of the report, and the noun in the right number.
    pub(super) fn count(&self, pointer: &str, n: u64, noun: &str) -> Markup {
        html! { (self.n(pointer)) " " (noun) @if n != 1 { "s" } }
    }

    /// A number of the report, written by `show`; `-` where there is none.
    pub(super) fn f(&self, pointer: &str, show: &dyn Fn(f64) -> String) -> Markup {
        self.figures.show(pointer, &|v| v.as_f64().map(show))
    }

    /// A text of the report.
    pub(super) fn s(&self, pointer: &str) -> Markup {
        self.figures.show(pointer, &|v| match v {
            Value::String(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// The JSON pointer of a figure of the schedule's order, per inference.
    pub(super) fn chosen(&self, figure: &str) -> String {
        per_inference(self.report.order, figure)
    }

    /// Whether nothing is written after the first load.
    pub(super) fn at_rest(&self) -> bool {
        self.report.orders.of(self.report.order).per_inference.writes == 0
    }
}

/// The JSON name of an order.
pub(super) fn key(order: Order) -> &'static str {
    match order {
        Order::Natural => "natural",
        Order::Sorted => "sorted",
        Order::Optimal => "optimal",
    }
}

pub(super) fn per_inference(order: Order, figure: &str) -> String {
    format!("/orders/{}/per_inference/{figure}", key(order))
}
