//! The sections of a plan's page that go by layer: costs, levels, errors.

use maud::{Markup, html};

use super::page::{Page, key};
use super::parts::{Line, Text, figure, folded, section, table};
use crate::order::Order;
use crate::report::Report;
use crate::report::chart::{self, Group};
use crate::show::names::distinct;
use crate::show::number::{count, energy, large, time, times};
use crate::show::svg::Picture;

/// Layers listed in a table; a network with more has the others in the JSON object.
pub(super) const LAYERS_LISTED: usize = 400;

impl Page<'_> {
    pub(super) fn layers(&self) -> Markup {
        let r = self.report;
        let names = distinct(&r.layers.iter().map(|l| l.name.as_str()).collect::<Vec<_>>());
        let grouped = if chart::groups(r).iter().any(|g| g.layers.len() > 1) {
            " The smallest layers are drawn as one."
        } else {
            ""
        };
        let captions = [
            "Where the writes are made.",
            "Up and down steps each cost what the device profile says.",
            "Programming only, without the light that passes.",
            "Of this layer's writes alone; a cell is worn by all layers together.",
        ];
        // A plan that writes nothing after the first load has nothing to draw bars of.
        let bars = self.pictures.bars.iter().zip(captions).filter(|_| !self.at_rest());
        let lines: Vec<Line> = (0..r.layers.len().min(LAYERS_LISTED))
            .map(|i| {
                let (layer, p) = (&r.layers[i], |path: &str| format!("/layers/{i}/{path}"));
                let of = |order: Order, figure: &str| p(&format!("orders/{}/per_inference/{figure}", key(order)));
                let writes = |order: Order| layer.orders.of(order).per_inference.writes;
                Line::plain(vec![
                    html! { (Text(names[i])) },
                    html! { (layer.rows) "x" (layer.cols) },
                    self.n(&p("steps")),
                    self.f(&p("relative_error"), &|e| format!("{:.1} %", 100.0 * e)),
                    self.n(&of(Order::Natural, "writes")),
                    self.n(&of(Order::Sorted, "writes")),
                    self.n(&of(Order::Optimal, "writes")),
                    self.n(&p("lower_bound_writes")),
                    html! {
                        (times(writes(Order::Natural), writes(Order::Optimal)).unwrap_or_else(|| "none left".to_owned()))
                    },
                    self.f(&of(r.order, "energy_pj"), &energy),
                    self.f(&of(r.order, "time_us"), &time),
                    self.n(&of(r.order, "max_cell_writes")),
                ])
            })
            .collect();
        let head = [
            "layer",
            "matrix",
            "steps",
            "error",
            "natural",
            "sorted",
            "best",
            "bound",
            "fewer",
            "energy",
            "to program",
            "worst cell",
        ];
        let more = r.layers.len().saturating_sub(LAYERS_LISTED);
        section(
            "Layer by layer",
            &html! { "Layers run from top to bottom; figures are per inference." (grouped) },
            &html! {
                (figure(&self.pictures.dots, &html! {
                    "The wider the line between the marks, the more the order matters for that layer. The bound of a layer holds for its \
                     rows alone; the bound of the whole network is closer, as it counts the way between the layers too."
                }))
                div.grid { @for (picture, caption) in bars { (figure(picture, &html! { (caption) })) } }
                (folded("Table of the layers", &html! {
                    (table(&head, &lines, None))
                    @if more > 0 { p { (count(more as u64, "more layer")) " in the JSON object." } }
                }))
            },
        )
    }

    pub(super) fn levels(&self) -> Markup {
        let r = self.report;
        let names = distinct(&r.layers.iter().map(|l| l.name.as_str()).collect::<Vec<_>>());
        let mut parts = Vec::new();
        if let (Some(picture), Some(detail)) = (&self.pictures.levels, &r.detail) {
            parts.push(figure(
                picture,
                &html! {
                    "Each layer's bars are drawn to the height of its own most frequent level, whose share stands at the right. Many weights \
                     at few levels make few writes."
                },
            ));
            let top = (1i64 << r.bits) - 1;
            let lines: Vec<Line> = detail
                .level_counts
                .iter()
                .zip(&names)
                .take(LAYERS_LISTED)
                .map(|(counts, name)| {
                    let all = counts.iter().sum::<u64>().max(1) as f64;
                    let share = |n: u64| format!("{:.1} %", 100.0 * n as f64 / all);
                    let at = |level: i64| counts.get((level + top) as usize).copied().unwrap_or(0);
                    let mean = counts
                        .iter()
                        .enumerate()
                        .map(|(k, n)| (k as i64 - top).unsigned_abs() as f64 * *n as f64)
                        .sum::<f64>()
                        / all;
                    let entropy: f64 =
                        counts.iter().filter(|n| **n > 0).map(|n| -(*n as f64 / all) * (*n as f64 / all).log2()).sum();
                    Line::plain(vec![
                        html! { (Text(name)) },
                        html! { (share(at(0))) },
                        html! { (share(at(-top) + at(top))) },
                        html! { (format!("{mean:.2}")) },
                        html! { (format!("{entropy:.2} bits")) },
                    ])
                })
                .collect();
            let head = [
                "layer",
                "weights at level 0",
                "at the highest levels",
                "mean size of the level",
                "entropy of the level",
            ];
            parts.push(folded("Table of the levels", &table(&head, &lines, None)));
        }
        parts.push(figure(
            &self.pictures.errors,
            &html! {
                "The length of the difference between the weights and what their levels stand for, over the length of the weights: 0 % is \
                 exact."
            },
        ));
        let errors = (0..r.layers.len().min(LAYERS_LISTED)).map(|i| {
            let error = self.f(&format!("/layers/{i}/relative_error"), &|e| format!("{:.2} %", 100.0 * e));
            Line::plain(vec![html! { (Text(names[i])) }, error])
        });
        let errors = table(&["layer", "relative error"], &errors.collect::<Vec<_>>(), None);
        parts.push(folded("Table of the errors", &errors));
        section(
            "Levels and error",
            &html! {
                "What is quantized is " (if r.reparam == "tanh" { "the tanh of each weight" } else { "each weight" }) ", with a scale per "
                (self.s("/scale")) "; a cell has " (1u32 << r.bits) " levels, and a pair of cells holds a signed level."
            },
            &html! { @for part in &parts { (part) } },
        )
    }
}
