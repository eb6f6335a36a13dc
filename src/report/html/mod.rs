//! The report as one page that stands alone: no script, nothing loaded, light and dark, fit to print.
//!
//! Every figure of the report stands in a `<data>` element with its place in the JSON object (`data-key`, a JSON pointer) and its exact value;
//! it is read from there, so that page and JSON cannot differ. The page is also well-formed XML. The one thing left out is how long planning
//! took: so the same plan gives the same page.

mod cells;
mod compare;
mod explore;
mod foot;
mod head;
mod inference;
mod layers;
mod parts;

use maud::{Markup, html};
use serde_json::Value;

use super::Report;
use super::chart;
use super::words::network_name;
use crate::level::DeviceProfile;
use crate::order::Order;
use crate::show::number::thousands;
use crate::show::svg::Picture;

pub use compare::page as comparison;
pub use explore::page as exploration;

use parts::{Figures, document};

/// All pictures of a report, in the order of the page.
#[derive(Clone, Debug)]
pub struct Pictures {
    orders: Picture,
    dots: Picture,
    bars: Vec<Picture>,
    wear: Vec<Picture>,
    lifetime: Picture,
    inference: Vec<Picture>,
    steps: Option<Picture>,
    trade: Option<Picture>,
    levels: Option<Picture>,
    errors: Picture,
}

/// Cores whose wear is drawn; the others are in the table only.
const CORES_DRAWN: usize = 8;

impl Pictures {
    /// Draws them.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let groups = chart::groups(report);
        let detail = report.detail.as_ref();
        let wear = detail.map_or(&[][..], |d| &d.wear);
        let wear = wear.iter().take(CORES_DRAWN).enumerate().map(|(i, w)| chart::wear(i, wear.len(), w));
        Self {
            orders: chart::orders(report),
            dots: chart::writes_by_layer(report, &groups),
            bars: layers::bars(report, &groups),
            wear: wear.collect(),
            lifetime: chart::lifetime(report),
            inference: report.inference.as_ref().map(|i| chart::breakdown(i, &groups)).unwrap_or_default(),
            steps: detail.and_then(|d| d.steps.as_ref()).map(|s| chart::steps(report, s)),
            trade: (!report.sweep.is_empty()).then(|| chart::trade(&report.sweep)),
            levels: detail.map(|d| chart::levels(&groups, &d.level_counts, report.bits)),
            errors: chart::errors(report, &groups),
        }
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Picture> {
        let first = [&self.orders, &self.dots].into_iter().chain(&self.bars).chain(&self.wear);
        first.chain([&self.lifetime]).chain(&self.inference).chain(&self.steps).chain(&self.trade).chain(&self.levels).chain([&self.errors])
    }
}

/// The page.
///
/// # Errors
/// When the report is no JSON: a figure that is not a number.
pub fn page(report: &Report, device: &DeviceProfile, pictures: &Pictures) -> Result<String, serde_json::Error> {
    let figures = Figures::new(serde_json::to_value(report)?);
    let page = Page { report, device, pictures, figures };
    let title = format!("{} on a {} core", network_name(&report.network), report.core);
    let body = html! {
        (page.header(&title))
        main {
            (page.short())
            (page.orders())
            (page.trade())
            (page.layers())
            (page.wear())
            (page.lifetime())
            (page.inference())
            (page.steps())
            (page.levels())
            (page.schedule())
        }
        (page.footer())
    };
    Ok(document(&title, &body))
}

/// What the sections are made from.
struct Page<'a> {
    report: &'a Report,
    device: &'a DeviceProfile,
    pictures: &'a Pictures,
    figures: Figures,
}

impl Page<'_> {
    /// A whole number of the report.
    fn n(&self, pointer: &str) -> Markup {
        self.figures.show(pointer, &|v| v.as_u64().map(thousands))
    }

    /// So many of something: the number of the report, and the noun in the right number.
    fn count(&self, pointer: &str, n: u64, noun: &str) -> Markup {
        html! { (self.n(pointer)) " " (noun) @if n != 1 { "s" } }
    }

    /// A number of the report, written by `show`; `-` where there is none.
    fn f(&self, pointer: &str, show: &dyn Fn(f64) -> String) -> Markup {
        self.figures.show(pointer, &|v| v.as_f64().map(show))
    }

    /// A text of the report.
    fn s(&self, pointer: &str) -> Markup {
        self.figures.show(pointer, &|v| match v {
            Value::String(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// The JSON pointer of a figure of the schedule's order, per inference.
    fn chosen(&self, figure: &str) -> String {
        per_inference(self.report.order, figure)
    }

    /// Whether nothing is written after the first load.
    fn at_rest(&self) -> bool {
        self.report.orders.of(self.report.order).per_inference.writes == 0
    }
}

/// The JSON name of an order.
fn key(order: Order) -> &'static str {
    match order {
        Order::Natural => "natural",
        Order::Sorted => "sorted",
        Order::Optimal => "optimal",
    }
}

fn per_inference(order: Order, figure: &str) -> String {
    format!("/orders/{}/per_inference/{figure}", key(order))
}
