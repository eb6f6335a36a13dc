//! The pictures of a plan's page.

use crate::report::Report;
use crate::report::chart::{self, Group};
use crate::show::number::{energy, large, time};
use crate::show::svg::Picture;

/// All pictures of a report, in the order of the page.
#[derive(Clone, Debug)]
pub struct Pictures {
    pub(super) orders: Picture,
    pub(super) dots: Picture,
    pub(super) bars: Vec<Picture>,
    pub(super) wear: Vec<Picture>,
    pub(super) lifetime: Picture,
    pub(super) inference: Vec<Picture>,
    pub(super) steps: Option<Picture>,
    pub(super) trade: Option<Picture>,
    pub(super) levels: Option<Picture>,
    pub(super) errors: Picture,
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
            bars: bars(report, &groups),
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
        first
            .chain([&self.lifetime])
            .chain(&self.inference)
            .chain(&self.steps)
            .chain(&self.trade)
            .chain(&self.levels)
            .chain([&self.errors])
    }
}

/// Writes, energy, time and worst cell of every layer, in the schedule's order.
fn bars(report: &Report, groups: &[Group]) -> Vec<Picture> {
    let cost = |i: usize| report.layers[i].orders.of(report.order).per_inference;
    let sum = |f: &dyn Fn(usize) -> f64| -> Vec<f64> {
        groups.iter().map(|g| g.layers.iter().map(|&i| f(i)).sum()).collect()
    };
    let writes = sum(&|i| cost(i).writes as f64);
    let pj = sum(&|i| cost(i).energy_pj);
    let us = sum(&|i| cost(i).time_us);
    let most = |g: &Group| g.layers.iter().map(|&i| cost(i).max_cell_writes as f64).fold(0.0, f64::max);
    let worst: Vec<f64> = groups.iter().map(most).collect();
    // The axis counts in the unit of the largest bar.
    let unit = |values: &[f64], units: &[(&'static str, f64)]| {
        let largest = values.iter().copied().fold(0.0, f64::max);
        units.iter().rev().find(|(_, size)| largest >= *size).copied().unwrap_or(units[0])
    };
    let (pj_unit, pj_size) = unit(&pj, &[("pJ", 1.0), ("nJ", 1e3), ("uJ", 1e6), ("mJ", 1e9), ("J", 1e12)]);
    let (us_unit, us_size) = unit(&us, &[("us", 1.0), ("ms", 1e3), ("s", 1e6)]);
    let scaled = |values: &[f64], size: f64| values.iter().map(|v| v / size).collect::<Vec<f64>>();
    let whole = |v: f64| large(v as u64);
    vec![
        chart::by_layer("layer-writes", "Writes", "level steps per inference", groups, &writes, &whole),
        chart::by_layer(
            "layer-energy",
            "Energy of the writes",
            &format!("{pj_unit} per inference"),
            groups,
            &scaled(&pj, pj_size),
            &|v| energy(v * pj_size),
        ),
        chart::by_layer(
            "layer-time",
            "Time to program",
            &format!("{us_unit} per inference"),
            groups,
            &scaled(&us, us_size),
            &|v| time(v * us_size),
        ),
        chart::by_layer("layer-worst-cell", "Most-written cell", "level steps per inference", groups, &worst, &whole),
    ]
}
