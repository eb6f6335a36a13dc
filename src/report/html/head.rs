//! The top of a plan's page: what was planned, the headline figures, the three orders.

use super::parts::{Line, figure, section, table};
use super::{Page, escape, key, per_inference};
use crate::order::{Order, Reach};
use crate::report::chart::{ORDERS, order_style};
use crate::report::number::{energy, mark, short, span, thousands, time, times};

impl Page<'_> {
    pub(super) fn header(&self, title: &str) -> String {
        let r = self.report;
        let reach = match r.reach {
            Reach::Row => "a weight may sit in any lane of its row",
            Reach::Lane => "a weight keeps its lane",
            Reach::Core => "a weight may sit in any cell of the core",
        };
        let inputs = if r.fanout == 1 {
            "every weight cell has its own input".to_owned()
        } else {
            format!("{} rows share an input", self.n("/fanout"))
        };
        format!(
            "<header>\n<h1>{}</h1>\n<p class=\"lead\">{} weights in {} layers, written in {} steps to a {} core of {}-bit PCM cells \
             (device <code>{}</code>: {}). {}{}, and {reach}. The schedule has the {} order.{}</p>\n</header>",
            escape(title),
            self.n("/weights"),
            thousands(r.layers.len() as u64),
            self.n("/steps"),
            self.s("/core"),
            self.n("/bits"),
            self.s("/device"),
            escape(&self.device.title),
            inputs[..1].to_uppercase(),
            &inputs[1..],
            order_style(r.order).1,
            self.conditions()
        )
    }

    /// What is unusual about the cores, and about what the plan may do.
    fn conditions(&self) -> String {
        let r = self.report;
        let mut said = String::new();
        if r.cores.len() > 1 {
            said += &format!(" {} cores share every layer and work side by side.", r.cores.len());
        }
        if r.extra_steps.is_some() {
            said += &format!(
                " Extra steps: {}; {} weights of level 0 are left out.",
                self.s("/extra_steps"),
                self.n("/left_out")
            );
        }
        if r.from.is_some() {
            said +=
                &format!(" The first load starts from what <code>{}</code> has left in the cells.", self.s("/from"));
        }
        if let Some(faults) = &r.faults {
            said += &format!(
                " {} weight cells are faulty and {} are weak: ",
                self.n("/faults/cells"),
                self.n("/faults/weak")
            );
            said += &match faults.intact_writes {
                Some(_) => format!(
                    "the plan goes around them and every weight is exact. Intact cores would need {} writes per inference in {} steps.",
                    self.n("/faults/intact_writes"),
                    self.n("/faults/intact_steps")
                ),
                None => format!(
                    "{} weights take another level than their own, or none, an error of {} of the weights' norm.",
                    self.n("/faults/affected_weights"),
                    self.f("/faults/added_error", &|e| format!("{e:.2e}"))
                ),
            };
        }
        said
    }

    /// The headline figures.
    pub(super) fn short(&self) -> String {
        let r = self.report;
        let writes = |order| r.orders.of(order).per_inference.writes;
        let fewer = |from: Order| times(writes(from), writes(r.order)).unwrap_or_else(|| "all".to_owned());
        let mut facts = Vec::new();
        if r.order != Order::Natural {
            facts.push((fewer(Order::Natural), "fewer writes than with the weights as stored".to_owned()));
        }
        if r.order == Order::Optimal {
            facts.push((
                fewer(Order::Sorted),
                "fewer writes than with each cell sorted, as ELight orders them".to_owned(),
            ));
        }
        let gap = match r.gap {
            Some(0.0) => ("optimal".to_owned(), "no plan of this kind needs fewer writes: proven".to_owned()),
            Some(_) => (
                self.f("/gap", &|g| format!("{:.1} %", 100.0 * g)),
                format!(
                    "above the proven bound: no plan of this kind needs fewer than {} writes",
                    self.n("/lower_bound_writes")
                ),
            ),
            None => ("-".to_owned(), "the bound is 0 writes, so there is no gap to it in percent".to_owned()),
        };
        facts.push(gap);
        facts.push((
            self.n(&self.chosen("writes")),
            "writes per inference: level steps of all PCM cells, erases included".to_owned(),
        ));
        facts.push((
            self.f(&self.chosen("energy_pj"), &energy),
            "energy of these writes, by the device profile".to_owned(),
        ));
        let us = r.orders.of(r.order).per_inference.time_us;
        let at_most =
            if us > 0.0 { format!(": at most {} inferences a second", mark_rate(1e6 / us)) } else { String::new() };
        facts.push((self.f(&self.chosen("time_us"), &time), format!("to program the core for one inference{at_most}")));
        facts.push((
            self.n(&self.chosen("max_cell_writes")),
            "writes of the PCM cell that is written most, per inference".to_owned(),
        ));
        let life = format!("/lifetime_inferences/{}", key(r.order));
        let years = format!("/lifetime_years/{}", key(r.order));
        facts.push(match r.lifetime_inferences.of(r.order) {
            Some(_) => (
                self.f(&life, &|n| mark_count(n)),
                format!(
                    "inferences until that cell is worn out: {} at {} a second",
                    self.f(&years, &span),
                    self.f("/rate_per_second", &short)
                ),
            ),
            None => (
                "-".to_owned(),
                "lifetime: the device profile does not say what a cell bears (see Lifetime)".to_owned(),
            ),
        });
        let items: String = facts.iter().map(|(n, what)| format!("<li><b>{n}</b><span>{what}</span></li>\n")).collect();
        format!("<ul class=\"facts\">\n{items}</ul>")
    }

    pub(super) fn orders(&self) -> String {
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
                        format!("{}{}", order_style(order).1, if chosen { ", in the schedule" } else { "" }),
                        self.n(&p("writes")),
                        times(natural, writes).unwrap_or_else(|| "none left".to_owned()),
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
            "programming",
            "worst cell",
            "ELight accounting",
        ];
        section(
            "Three orders of the same weights",
            "The same quantized weights are multiplied in every order, so the results are the same; only what is written between the steps differs. \
             Figures are those of an inference in steady state: it begins with the levels that the one before has left.",
            &[
                figure(&self.pictures.orders, true, "A write is one level step of one PCM cell. The line is the lower bound: no plan of this kind gets below it."),
                table(&head, &lines, None),
                "<p>First load: the writes of the first inference, from erased cells. Events: PCM cells changed, summed over the steps, by however \
                 many levels. Programming: in each step the slowest cell, as all are written side by side. ELight accounting, for comparison \
                 with its tables only: every tile row begins on an erased core, and erasing is free.</p>"
                    .to_owned(),
            ],
        )
    }
}

fn mark_rate(per_second: f64) -> String {
    if per_second >= 10.0 { thousands(per_second as u64) } else { format!("{per_second:.1}") }
}

/// A count too long for a headline: `2.4 M`.
fn mark_count(n: f64) -> String {
    if n < 100_000.0 {
        thousands(n as u64)
    } else {
        mark((n / 10f64.powf(n.log10().floor() - 2.0)).floor() * 10f64.powf(n.log10().floor() - 2.0))
    }
}
