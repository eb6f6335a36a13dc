//! The top of a plan's page: the verdict, the headline figures, the three orders.

use maud::{Markup, html};

use super::page::{Page, key, per_inference};
use super::parts::{Line, Text, figure, section, table};
use crate::order::Order;
use crate::report::chart::{ORDERS, order_style};
use crate::report::verdict::{Verdict, advice};
use crate::report::words::{assumed, bounded_class, inputs, reach};
use crate::show::number::{count, energy, large, short, span, thousands, time, times};

impl Page<'_> {
    pub(super) fn header(&self, title: &str) -> Markup {
        let r = self.report;
        let verdict = Verdict::of(r);
        html! {
            header {
                h1 { (Text(title)) }
                p.verdict { (Text(&verdict.planned)) }
                @if let Some(assumed) = assumed(r) { p.bad { "Assumed: " (Text(&assumed)) } }
                p.lead {
                    (self.count("/weights", r.weights, "weight")) " in " (count(r.layers.len() as u64, "layer"))
                    ", written in " (self.count("/steps", r.steps, "step")) " to " (self.cores()) " "
                    (self.s("/core")) " core" @if r.cores.len() > 1 { "s" } " of " (self.n("/bits")) "-bit PCM cells (device "
                    code { (self.s("/device")) } ": " (Text(&self.device.title)) "); " (inputs(r)) ", reach " (reach(r))
                    ". The schedule has the " (order_style(r.order).1) " order." (self.conditions())
                }
            }
        }
    }

    fn cores(&self) -> String {
        match self.report.cores.len() {
            0 | 1 => "a".to_owned(),
            n => n.to_string(),
        }
    }

    /// What is unusual about the cores, and about what the plan may do.
    fn conditions(&self) -> Markup {
        let r = self.report;
        html! {
            @if r.cores.len() > 1 { " " (r.cores.len()) " cores share every layer and work side by side." }
            @if r.extra_steps.is_some() {
                " Extra steps: " (self.s("/extra_steps")) "; " (self.count("/left_out", r.left_out, "weight"))
                " of level 0 " (if r.left_out == 1 { "is" } else { "are" }) " left out."
            }
            @if r.trained_for.is_some() {
                " It was trained for the device " code { (self.s("/trained_for")) } "; the weights take the nearest levels of this one."
            }
            @if r.from.is_some() {
                " The first load starts from what " code { (self.s("/from")) } " has left in the cells."
            }
            @if let Some(faults) = &r.faults {
                " " (self.count("/faults/cells", faults.cells as u64, "weight cell"))
                " " (if faults.cells == 1 { "is" } else { "are" }) " faulty and " (self.n("/faults/weak")) " "
                (if faults.weak == 1 { "is" } else { "are" }) " weak: "
                @if faults.intact_writes.is_some() {
                    "the plan goes around them and every weight is exact. Intact cores would need "
                    (self.n("/faults/intact_writes")) " writes per inference in " (self.n("/faults/intact_steps")) " steps."
                } @else {
                    (self.count("/faults/affected_weights", faults.affected_weights, "weight"))
                    " take another level than their own, or none, an error of "
                    (self.f("/faults/added_error", &|e| format!("{e:.2e}"))) " of the weights' norm."
                }
            }
        }
    }

    /// The headline figures, and what is worth changing.
    pub(super) fn short(&self) -> Markup {
        let facts = if self.at_rest() { self.facts_at_rest() } else { self.facts() };
        let advice = advice(self.report);
        html! {
            ul.facts {
                @for (figure, what) in &facts { li { b { (figure) } span { (what) } } }
            }
            @if !advice.is_empty() {
                p { "Worth trying: "
                    @for (i, a) in advice.iter().enumerate() { @if i > 0 { "; " } code { (a.option) } " (" (a.effect) ")" } "."
                }
            }
        }
    }

    /// Of a plan without writes: what it takes once, and for ever.
    fn facts_at_rest(&self) -> Vec<(Markup, Markup)> {
        let r = self.report;
        let first = |figure: &str| format!("/orders/{}/first_load/{figure}", key(r.order));
        vec![
            (
                html! { "none" },
                html! { "writes per inference (" (self.n(&self.chosen("writes"))) "): after the first load every cell keeps its level" },
            ),
            (html! { "no wear" }, html! { "the core lives as long as its light, whatever a cell bears" }),
            (self.n(&first("writes")), html! { "writes of the first load, once" }),
            (
                self.f(&first("energy_pj"), &energy),
                html! { "energy of the first load, and " (self.f(&first("time_us"), &time)) " to program it" },
            ),
            (
                self.n("/steps"),
                html! { (if r.steps == 1 { "step" } else { "steps" }) " of an inference, for " (self.n("/tiles")) " tiles" },
            ),
        ]
    }

    fn facts(&self) -> Vec<(Markup, Markup)> {
        let r = self.report;
        let writes = |order| r.orders.of(order).per_inference.writes;
        let fewer = |from: Order| {
            let times = times(writes(from), writes(r.order)).unwrap_or_else(|| "all".to_owned());
            html! { (times) }
        };
        let mut facts = Vec::new();
        if r.order != Order::Natural {
            facts.push((fewer(Order::Natural), html! { "fewer writes than with the weights as stored" }));
        }
        if r.order == Order::Optimal {
            facts.push((
                fewer(Order::Sorted),
                html! { "fewer writes than with each cell sorted, as ELight orders them" },
            ));
        }
        facts.push(match r.gap {
            Some(0.0) => (html! { "optimal" }, html! { (bounded_class(r)) " needs fewer writes: proven" }),
            Some(_) => (
                self.f("/gap", &|g| format!("{:.2} times", 1.0 + g)),
                html! { "the proven bound: " (bounded_class(r)) " needs fewer than " (self.n("/lower_bound_writes")) " writes" },
            ),
            None => (html! { "-" }, html! { "the bound is 0 writes: how near the plan comes cannot be said in times of it" }),
        });
        facts.push((
            self.n(&self.chosen("writes")),
            html! { "writes per inference: level steps of all PCM cells, erases included" },
        ));
        facts.push((
            self.f(&self.chosen("energy_pj"), &energy),
            html! { "energy of these writes, by the device profile" },
        ));
        let us = r.orders.of(r.order).per_inference.time_us;
        facts.push((
            self.f(&self.chosen("time_us"), &time),
            html! {
                "to program the core for one inference"
                @if us > 0.0 { ": at most " (rate(1e6 / us)) " a second" }
            },
        ));
        facts.push((
            self.n(&self.chosen("max_cell_writes")),
            html! { "writes of the PCM cell that is written most, per inference" },
        ));
        let life = format!("/lifetime_inferences/{}", key(r.order));
        let years = format!("/lifetime_years/{}", key(r.order));
        facts.push(match r.lifetime_inferences.of(r.order) {
            Some(n) => (
                self.f(&life, &|n| large(n as u64)),
                html! {
                    (if *n == 1.0 { "inference" } else { "inferences" }) " until that cell is worn out: " (self.f(&years, &span)) " at "
                    (self.f("/rate_per_second", &short)) " a second"
                },
            ),
            None => (html! { "-" }, html! { "lifetime: what a cell of this device bears is not known (" code { "--endurance" } ")" }),
        });
        facts
    }

    pub(super) fn orders(&self) -> Markup {
        let r = self.report;
        let natural = r.orders.natural.per_inference.writes;
        let lines: Vec<Line> = ORDERS
            .into_iter()
            .map(|order| {
                let p = |figure: &str| per_inference(order, figure);
                let writes = r.orders.of(order).per_inference.writes;
                let chosen = order == r.order;
                Line {
                    class: if chosen { "chosen" } else { "" },
                    cells: vec![
                        html! { (order_style(order).1) @if chosen { ", in the schedule" } },
                        self.n(&p("writes")),
                        html! { (times(natural, writes).unwrap_or_else(|| "none left".to_owned())) },
                        self.n(&format!("/orders/{}/first_load/writes", key(order))),
                        self.n(&p("events")),
                        self.f(&p("energy_pj"), &energy),
                        self.f(&p("time_us"), &time),
                        self.n(&p("max_cell_writes")),
                        self.n(&format!("/elight_accounting/{}/total_writes", key(order))),
                    ],
                }
            })
            .collect();
        let head = [
            "order",
            "writes per inference",
            "fewer than natural",
            "first load",
            "events",
            "energy",
            "to program",
            "worst cell",
            "ELight accounting",
        ];
        section(
            "Three orders of the same weights",
            &html! {
                "The same quantized weights are multiplied in every order, so the results are the same; only what is written between the \
                 steps differs. Figures are those of an inference in steady state: it begins with the levels that the one before has left."
            },
            &html! {
                (figure(&self.pictures.orders, &html! {
                    "A write is one level step of one PCM cell. The line is the lower bound: " (bounded_class(r)) " gets below it."
                }))
                (table(&head, &lines, None))
                p {
                    "First load: the writes of the first inference, from erased cells. Events: PCM cells changed, summed over the steps, by \
                     however many levels. To program: in each step the slowest cell, as all are written side by side. ELight accounting, for \
                     comparison with its tables only: every tile row begins on an erased core, and erasing is free."
                }
            },
        )
    }
}

fn rate(per_second: f64) -> String {
    if per_second >= 10.0 { thousands(per_second as u64) } else { format!("{per_second:.1}") }
}
