//! The sections of a plan's page that tell what becomes of the cells: wear, lifetime, writes over the steps, more steps for fewer writes.

use maud::{Markup, html};

use super::page::{Page, key, per_inference};
use super::parts::{Line, figure, folded, section, table};
use crate::order::Order;
use crate::report::PairMap;
use crate::report::chart::{ORDERS, order_style, point_name};
use crate::report::words::worn_by;
use crate::show::number::{brief, short, span, thousands};

impl Page<'_> {
    pub(super) fn wear(&self) -> Markup {
        let Some(detail) = &self.report.detail else { return html! {} };
        let mut parts: Vec<Markup> = self
            .pictures
            .wear
            .iter()
            .map(|p| {
                figure(
                    p,
                    &html! {
                        "One field is one PCM cell. A weight cell is a pair: the plus cell holds positive levels, the minus cell negative \
                         ones. Both orders share one logarithmic scale, so equal colours are equal wear."
                    },
                )
            })
            .collect();
        let mut lines = Vec::new();
        for (i, wear) in detail.wear.iter().enumerate() {
            for order in ORDERS {
                let PairMap { plus, minus } = wear.orders.of(order);
                for (sign, fields) in [("plus", plus), ("minus", minus)] {
                    let core = if detail.wear.len() > 1 { format!("core {i}, ") } else { String::new() };
                    lines.push(Line::plain(
                        wear_line(&format!("{core}{}, {sign}", order_style(order).1), fields)
                            .into_iter()
                            .map(|cell| html! { (cell) })
                            .collect(),
                    ));
                }
            }
        }
        let blocks = detail.wear.iter().any(|w| w.cells_per_field != [1, 1]);
        if blocks {
            parts.push(html! {
                p { "The core is large: a field is a block of cells, and shows the one that is written most." }
            });
        }
        let drawn = self.pictures.wear.len();
        if detail.wear.len() > drawn {
            parts.push(html! { p { "The first " (drawn) " of " (detail.wear.len()) " cores are drawn." } });
        }
        let head = ["cells", "most written", "mean", "median", "never written"];
        parts.push(folded("Table of the wear", &table(&head, &lines, None)));
        section(
            "Wear of the cells",
            &html! {
                "Writes of every single PCM cell in one inference. The cell that is written most decides how long the core lives."
            },
            &html! { @for part in &parts { (part) } },
        )
    }

    pub(super) fn lifetime(&self) -> Markup {
        let wears = |order: Order| self.report.orders.of(order).per_inference.max_cell_wear > 0;
        let lines: Vec<Line> = ORDERS
            .into_iter()
            .map(|order| {
                let life = |pointer: String, show: &dyn Fn(f64) -> String| {
                    if wears(order) {
                        self.f(&pointer, show)
                    } else {
                        html! { "no wear" }
                    }
                };
                Line::plain(vec![
                    html! { (order_style(order).1) },
                    self.n(&per_inference(order, "max_cell_wear")),
                    life(format!("/lifetime_inferences/{}", key(order)), &|n| thousands(n as u64)),
                    life(format!("/lifetime_years/{}", key(order)), &span),
                ])
            })
            .collect();
        let words = worn_by(&self.device.cost);
        let worst = format!("{words} of the worst cell per inference");
        let years = format!("lifetime at {} a second", short(self.report.rate_per_second));
        let head = ["order", &worst, "lifetime, inferences", &years];
        section(
            "Lifetime",
            &html! {
                "The core lives until its most-written PCM cell has borne all that it can bear. "
                @if self.report.endurance_writes.is_some() {
                    "A cell of this device bears " (self.f("/endurance_writes", &brief)) " " (words) ". "
                } @else {
                    "What a cell of this device bears is not known: read the lifetime off the curve for what you have measured, or give it \
                     with " code { "--endurance" } ". "
                }
                "Years are counted at " (self.f("/rate_per_second", &short)) " inferences a second, day and night (" code { "--rate" } ")."
            },
            &html! {
                @if ORDERS.into_iter().any(wears) {
                    (figure(&self.pictures.lifetime, &html! {
                        "Both axes are logarithmic: ten times the endurance is ten times the lifetime, and so is a tenth of the wear of the \
                         worst cell."
                    }))
                }
                (table(&head, &lines, None))
            },
        )
    }

    pub(super) fn steps(&self) -> Markup {
        let (Some(picture), Some(steps)) =
            (&self.pictures.steps, self.report.detail.as_ref().and_then(|d| d.steps.as_ref()))
        else {
            return html! {};
        };
        // A flat line at zero says less than the sentence at the top.
        if self.at_rest() {
            return html! {};
        }
        let lines: Vec<Line> = (0..steps.writes.len())
            .map(|i| {
                let first = i as u64 * steps.steps_per_bin;
                let last = (first + steps.steps_per_bin).min(self.report.steps).saturating_sub(1);
                Line::plain(vec![
                    html! { (thousands(first)) @if first != last { " to " (thousands(last)) } },
                    self.n(&format!("/detail/steps/writes/{i}")),
                ])
            })
            .collect();
        section(
            "Writes over the steps",
            &html! {
                "A step is one programming of the core. Where the curve is low, the core hardly changes from one step to the next; peaks are \
                 the ways from one row, or one layer, to the next."
            },
            &html! {
                (figure(picture, &html! {
                    "The schedule as the firmware's decoder carries it out, in bins of "
                    (self.count("/detail/steps/steps_per_bin", steps.steps_per_bin, "step"))
                    "; the other orders as the mean of each layer. Strokes below the axis are the beginnings of layers."
                }))
                (folded("Table of the writes over the steps", &table(&["steps", "writes"], &lines, None)))
            },
        )
    }

    pub(super) fn trade(&self) -> Markup {
        let sweep = &self.report.sweep;
        let Some(picture) = &self.pictures.trade else { return html! {} };
        let first = sweep.first().map_or(0, |p| p.steps).max(1);
        let lines: Vec<Line> = sweep
            .iter()
            .enumerate()
            .map(|(i, point)| {
                Line::plain(vec![
                    html! { (point_name(point)) },
                    self.n(&format!("/sweep/{i}/steps")),
                    html! { (format!("{:.2}", point.steps as f64 / first as f64)) },
                    self.n(&format!("/sweep/{i}/writes")),
                    self.n(&format!("/sweep/{i}/lower_bound_writes")),
                ])
            })
            .collect();
        let head = ["extra steps", "steps", "of the fewest", "writes per inference", "bound"];
        section(
            "More steps for fewer writes",
            &html! {
                "A plan with more steps than it needs lets cells idle, with their light off, instead of writing them; weights of level 0 need \
                 no step at all. Where every cell can keep one level for ever, nothing is written any more."
            },
            &html! {
                (figure(picture, &html! {
                    "Every point is a plan of its own. To the right an inference takes longer, as all input vectors stream through in every \
                     step; further down the cells live longer. No plan of as many steps in each layer gets below the bound."
                }))
                (table(&head, &lines, None))
            },
        )
    }
}

/// Most, mean, median, and how many cells are never written.
fn wear_line(name: &str, fields: &[Vec<u64>]) -> Vec<String> {
    let mut all: Vec<u64> = fields.iter().flatten().copied().collect();
    all.sort_unstable();
    let n = all.len().max(1);
    let never = all.iter().filter(|w| **w == 0).count();
    vec![
        name.to_owned(),
        thousands(all.last().copied().unwrap_or(0)),
        format!("{:.1}", all.iter().sum::<u64>() as f64 / n as f64),
        thousands(all.get(n / 2).copied().unwrap_or(0)),
        format!("{} of {}", thousands(never as u64), thousands(all.len() as u64)),
    ]
}
