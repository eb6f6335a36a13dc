//! The end of a plan's page: the schedule, and what is proven of it.

use maud::{Markup, html};

use super::layers::LAYERS_LISTED;
use super::page::Page;
use super::parts::{Line, Text, folded, section, table};
use crate::report::words::prices;
use crate::show::number::{count, time};

impl Page<'_> {
    pub(super) fn schedule(&self) -> Markup {
        let r = self.report;
        let facts = [
            (
                "schedule",
                html! {
                    @if r.cores.len() > 1 { code { (Text(&r.written())) } ", all together: " }
                    @else { code { (self.s("/schedule/path")) } ": " }
                     (self.count("/schedule/bytes", r.schedule.bytes, "byte")) " in "
                    (self.count("/schedule/frames", r.schedule.frames, "frame")) ", "
                    (self.f("/schedule/bits_per_weight", &|b| format!("{b:.2}"))) " bits a weight"
                },
            ),
            ("decoder", html! { (self.n("/schedule/decoder_ram_bytes")) " bytes of working memory" }),
            ("network", html! { code { (self.s("/network")) } }),
            ("device", html! { code { (self.s("/device")) } ": " (prices(&self.device.cost)) }),
        ];
        let lines: Vec<Line> = facts.into_iter().map(|(k, v)| Line::plain(vec![html! { (k) }, v])).collect();
        section(
            "The schedule, and the proof",
            &html! { "What a controller executes, and what is known about it." },
            &html! {
                (self.proof())
                (table(&["", ""], &lines, Some(1)))
                @if r.cores.len() > 1 { (self.each_core()) }
                @if !r.skipped.is_empty() { (self.skipped()) }
            },
        )
    }

    fn proof(&self) -> Markup {
        match self.report.verified {
            None => html! { p.bad { "The schedule was not replayed (" code { "--no-verify" } ")." } },
            Some(v) if v.writes_match && v.outputs_match => html! {
                p {
                    "Proven: " (self.n("/verified/inferences")) " inferences were replayed by the firmware's own code on a simulated core. \
                     Every PCM cell was written as planned, in the first load and after it, and every output equals the quantized matrix \
                     times its inputs, exactly."
                }
            },
            Some(_) => html! { p.bad { "The replay does not match the plan: do not use this schedule." } },
        }
    }

    fn skipped(&self) -> Markup {
        let skipped = &self.report.skipped;
        let line = |s: &crate::report::SkippedReport| {
            Line::plain(vec![html! { code { (Text(&s.name)) } }, html! { (Text(&s.reason)) }])
        };
        let lines: Vec<Line> = skipped.iter().take(LAYERS_LISTED).map(line).collect();
        let were = if skipped.len() == 1 { "was" } else { "were" };
        let title = format!("{} {were} left out", count(skipped.len() as u64, "tensor"));
        folded(&title, &table(&["tensor", "why"], &lines, Some(1)))
    }

    /// Each core's load.
    fn each_core(&self) -> Markup {
        let line = |i: usize| {
            let p = |figure: &str| format!("/cores/{i}/{figure}");
            Line::plain(vec![
                html! { (i) },
                self.n(&p("weights")),
                self.n(&p("steps")),
                self.n(&p("per_inference/writes")),
                self.f(&p("per_inference/time_us"), &time),
                self.n(&p("per_inference/max_cell_writes")),
                self.n(&p("bytes")),
            ])
        };
        let lines: Vec<Line> = (0..self.report.cores.len()).map(line).collect();
        let head =
            ["core", "weights", "steps", "writes per inference", "to program", "worst cell", "bytes of its schedule"];
        table(&head, &lines, None)
    }

    pub(super) fn footer(&self) -> Markup {
        html! {
            footer {
                "Made by elight-plan " (env!("CARGO_PKG_VERSION")) ". Every figure of this page is in the object that " code { "--json" }
                " prints: the " code { "data" } " elements name its place. A figure in the table, the page and the object is one number."
            }
        }
    }
}
