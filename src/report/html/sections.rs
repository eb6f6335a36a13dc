//! The sections of a plan's page, from top to bottom.

use super::parts::{Line, figure, folded, section, table};
use super::{Page, escape, key, per_inference};
use crate::order::{Order, Reach};
use crate::report::chart::{self, Group, ORDERS, Picture, order_style};
use crate::report::number::{energy, mark, short, span, thousands, time, times};
use crate::report::table::{prices, worn_by};
use crate::report::{PairMap, Report};

/// Layers listed in a table; a network with more has the others in the JSON object.
const LAYERS_LISTED: usize = 400;

/// Writes, energy, time and worst cell of every layer, in the schedule's order.
pub(super) fn bars(report: &Report, groups: &[Group]) -> Vec<Picture> {
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
    let whole = |v: f64| thousands(v as u64);
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

impl Page<'_> {
    pub(super) fn header(&self, title: &str) -> String {
        let r = self.report;
        let reach = match r.reach {
            Reach::Row => "a weight may sit in any lane of its row",
            Reach::Lane => "a weight keeps its lane",
        };
        let inputs = if r.fanout == 1 {
            "every weight cell has its own input".to_owned()
        } else {
            format!("{} rows share an input", self.n("/fanout"))
        };
        format!(
            "<header>\n<h1>{}</h1>\n<p class=\"lead\">{} weights in {} layers, written in {} steps to a {} core of {}-bit PCM cells \
             (device <code>{}</code>: {}). {}{}, and {reach}. The schedule has the {} order.</p>\n</header>",
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
            order_style(r.order).1
        )
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

    pub(super) fn layers(&self) -> String {
        let r = self.report;
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
        let bars: String = self.pictures.bars.iter().zip(captions).map(|(p, c)| figure(p, false, c)).collect();
        let lines: Vec<Line> = (0..r.layers.len().min(LAYERS_LISTED))
            .map(|i| {
                let (layer, p) = (&r.layers[i], |path: &str| format!("/layers/{i}/{path}"));
                let of = |order: Order, figure: &str| p(&format!("orders/{}/per_inference/{figure}", key(order)));
                let writes = |order: Order| layer.orders.of(order).per_inference.writes;
                Line::plain(vec![
                    escape(&layer.name),
                    format!("{}x{}", layer.rows, layer.cols),
                    self.n(&p("steps")),
                    self.f(&p("relative_error"), &|e| format!("{:.1} %", 100.0 * e)),
                    self.n(&of(Order::Natural, "writes")),
                    self.n(&of(Order::Sorted, "writes")),
                    self.n(&of(Order::Optimal, "writes")),
                    self.n(&p("lower_bound_writes")),
                    times(writes(Order::Natural), writes(Order::Optimal)).unwrap_or_else(|| "none left".to_owned()),
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
            "optimal",
            "bound",
            "fewer",
            "energy",
            "programming",
            "worst cell",
        ];
        let more = r.layers.len().saturating_sub(LAYERS_LISTED);
        let more = if more > 0 { format!("<p>{more} more layers are in the JSON object.</p>") } else { String::new() };
        section(
            "Layer by layer",
            &format!("Layers run from top to bottom; figures are per inference.{grouped}"),
            &[
                figure(
                    &self.pictures.dots,
                    true,
                    "The wider the line between the marks, the more the order matters for that layer. The bound of a layer holds for its rows alone; \
                     the bound of the whole network is closer, as it counts the way between the layers too.",
                ),
                format!("<div class=\"grid\">{bars}</div>"),
                folded("Table of the layers", &(table(&head, &lines, None) + &more)),
            ],
        )
    }

    pub(super) fn wear(&self) -> String {
        let Some(detail) = &self.report.detail else { return String::new() };
        let mut parts: Vec<String> = self
            .pictures
            .wear
            .iter()
            .map(|p| {
                figure(
                    p,
                    true,
                    "One field is one PCM cell. A weight cell is a pair: the plus cell holds positive levels, the minus cell negative ones. \
                     Both orders share one logarithmic scale, so equal colours are equal wear.",
                )
            })
            .collect();
        let mut lines = Vec::new();
        for (i, wear) in detail.wear.iter().enumerate() {
            for order in ORDERS {
                let PairMap { plus, minus } = wear.orders.of(order);
                for (sign, fields) in [("plus", plus), ("minus", minus)] {
                    let core = if detail.wear.len() > 1 { format!("core {i}, ") } else { String::new() };
                    lines.push(Line::plain(wear_line(&format!("{core}{}, {sign}", order_style(order).1), fields)));
                }
            }
        }
        let blocks = detail.wear.iter().any(|w| w.cells_per_field != [1, 1]);
        if blocks {
            parts.push(
                "<p>The core is large: a field is a block of cells, and shows the one that is written most.</p>"
                    .to_owned(),
            );
        }
        let drawn = self.pictures.wear.len();
        if detail.wear.len() > drawn {
            parts.push(format!("<p>The first {drawn} of {} cores are drawn.</p>", detail.wear.len()));
        }
        let head = ["cells", "most written", "mean", "median", "never written"];
        parts.push(folded("Table of the wear", &table(&head, &lines, None)));
        section(
            "Wear of the cells",
            "Writes of every single PCM cell in one inference. The cell that is written most decides how long the core lives.",
            &parts,
        )
    }

    pub(super) fn lifetime(&self) -> String {
        let lines: Vec<Line> = ORDERS
            .into_iter()
            .map(|order| {
                Line::plain(vec![
                    order_style(order).1.to_owned(),
                    self.n(&per_inference(order, "max_cell_wear")),
                    self.f(&format!("/lifetime_inferences/{}", key(order)), &|n| thousands(n as u64)),
                    self.f(&format!("/lifetime_years/{}", key(order)), &span),
                ])
            })
            .collect();
        let rate = self.f("/rate_per_second", &short);
        let known = match self.report.endurance_writes {
            Some(_) => format!("A cell of this device bears {} {}.", self.f("/endurance_writes", &mark), worn_by(&self.device.cost)),
            None => "What a cell of this device bears is not known: read the lifetime off the curve for what you have measured.".to_owned(),
        };
        let worst = format!("{} of the worst cell per inference", worn_by(&self.device.cost));
        let years = format!("lifetime at {} inferences a second", short(self.report.rate_per_second));
        let head = ["order", &worst, "lifetime, inferences", &years];
        section(
            "Lifetime",
            &format!(
                "The core lives until its most-written PCM cell has borne all that it can bear. {known} Years are counted at {rate} inferences a second, day and night (<code>--rate</code>)."
            ),
            &[
                figure(
                    &self.pictures.lifetime,
                    true,
                    "Both axes are logarithmic: ten times the endurance is ten times the lifetime, and so is a tenth of the wear of the worst cell.",
                ),
                table(&head, &lines, None),
            ],
        )
    }

    pub(super) fn steps(&self) -> String {
        let (Some(picture), Some(steps)) =
            (&self.pictures.steps, self.report.detail.as_ref().and_then(|d| d.steps.as_ref()))
        else {
            return String::new();
        };
        let lines: Vec<Line> = (0..steps.writes.len())
            .map(|i| {
                let first = i as u64 * steps.steps_per_bin;
                let last = (first + steps.steps_per_bin).min(self.report.steps).saturating_sub(1);
                Line::plain(vec![
                    if first == last {
                        thousands(first)
                    } else {
                        format!("{} to {}", thousands(first), thousands(last))
                    },
                    self.n(&format!("/detail/steps/writes/{i}")),
                ])
            })
            .collect();
        section(
            "Writes over the steps",
            "A step is one programming of the core. Where the curve is low, the core hardly changes from one step to the next; peaks are the ways from \
             one row, or one layer, to the next.",
            &[
                figure(
                    picture,
                    true,
                    &format!(
                        "The schedule as the firmware's decoder carries it out, in bins of {} steps; the other orders as the mean of each layer. \
                         Strokes below the axis are the beginnings of layers.",
                        self.n("/detail/steps/steps_per_bin")
                    ),
                ),
                folded("Table of the writes over the steps", &table(&["steps", "writes"], &lines, None)),
            ],
        )
    }

    pub(super) fn levels(&self) -> String {
        let r = self.report;
        let mut parts = Vec::new();
        if let (Some(picture), Some(detail)) = (&self.pictures.levels, &r.detail) {
            parts.push(figure(
                picture,
                true,
                "Each layer's bars are drawn to the height of its own most frequent level, whose share stands at the right. Many weights at few \
                 levels make few writes.",
            ));
            let top = (1i64 << r.bits) - 1;
            let lines: Vec<Line> = detail
                .level_counts
                .iter()
                .zip(&r.layers)
                .take(LAYERS_LISTED)
                .map(|(counts, layer)| {
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
                        escape(&layer.name),
                        share(at(0)),
                        share(at(-top) + at(top)),
                        format!("{mean:.2}"),
                        format!("{entropy:.2} bits"),
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
            false,
            "The length of the difference between the weights and what their levels stand for, over the length of the weights: 0 % is exact.",
        ));
        parts.push(folded(
            "Table of the errors",
            &table(
                &["layer", "relative error"],
                &(0..r.layers.len().min(LAYERS_LISTED))
                    .map(|i| {
                        Line::plain(vec![
                            escape(&r.layers[i].name),
                            self.f(&format!("/layers/{i}/relative_error"), &|e| format!("{:.2} %", 100.0 * e)),
                        ])
                    })
                    .collect::<Vec<_>>(),
                None,
            ),
        ));
        let of = if r.reparam == "tanh" { "the tanh of each weight" } else { "each weight" };
        section(
            "Levels and error",
            &format!(
                "What is quantized is {of}, with a scale per {}; a cell has {} levels, and a pair of cells holds a signed level.",
                self.s("/scale"),
                1u32 << r.bits
            ),
            &parts,
        )
    }

    pub(super) fn schedule(&self) -> String {
        let r = self.report;
        let mut parts = Vec::new();
        parts.push(match r.verified {
            None => "<p class=\"bad\">The schedule was not replayed (<code>--no-verify</code>).</p>".to_owned(),
            Some(v) if v.writes_match && v.outputs_match => format!(
                "<p>Proven: {} inferences were replayed by the firmware's own code on a simulated core. Every PCM cell was written as planned, in \
                 the first load and after it, and every output equals the quantized matrix times its inputs, exactly.</p>",
                self.n("/verified/inferences")
            ),
            Some(_) => "<p class=\"bad\">The replay does not match the plan: do not use this schedule.</p>".to_owned(),
        });
        let facts = [
            (
                "schedule",
                format!(
                    "<code>{}</code>: {} bytes in {} frames, {} bits a weight",
                    self.s("/schedule/path"),
                    self.n("/schedule/bytes"),
                    self.n("/schedule/frames"),
                    self.f("/schedule/bits_per_weight", &|b| format!("{b:.2}"))
                ),
            ),
            ("decoder", format!("{} bytes of working memory", self.n("/schedule/decoder_ram_bytes"))),
            ("network", format!("<code>{}</code>", self.s("/network"))),
            ("device", format!("<code>{}</code>: {}", self.s("/device"), escape(&prices(&self.device.cost)))),
        ];
        let lines: Vec<Line> = facts.into_iter().map(|(k, v)| Line::plain(vec![k.to_owned(), v])).collect();
        parts.push(table(&["", ""], &lines, Some(1)));
        if !r.skipped.is_empty() {
            let lines: Vec<Line> = r
                .skipped
                .iter()
                .take(LAYERS_LISTED)
                .map(|s| Line::plain(vec![format!("<code>{}</code>", escape(&s.name)), escape(&s.reason)]))
                .collect();
            let title = match r.skipped.len() {
                1 => "1 tensor was left out".to_owned(),
                n => format!("{n} tensors were left out"),
            };
            parts.push(folded(&title, &table(&["tensor", "why"], &lines, Some(1))));
        }
        section("The schedule, and the proof", "What a controller executes, and what is known about it.", &parts)
    }

    pub(super) fn footer(&self) -> String {
        format!(
            "<footer>Made by elight-plan {}. Every figure of this page is in the object that <code>--json</code> prints: the <code>data</code> \
             elements name its place. A figure in the table, the page and the object is one number.</footer>",
            env!("CARGO_PKG_VERSION")
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
