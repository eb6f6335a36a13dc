//! The end of a plan's page: the schedule, and what is proven of it.

use super::layers::LAYERS_LISTED;
use super::parts::{Line, folded, section, table};
use super::{Page, escape};
use crate::report::words::prices;
use crate::show::number::time;

impl Page<'_> {
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
        if r.cores.len() > 1 {
            parts.push(self.cores());
        }
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

    /// Each core's load.
    fn cores(&self) -> String {
        let line = |i: usize| {
            let p = |figure: &str| format!("/cores/{i}/{figure}");
            Line::plain(vec![
                i.to_string(),
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
            ["core", "weights", "steps", "writes per inference", "programming", "worst cell", "bytes of its schedule"];
        table(&head, &lines, None)
    }

    pub(super) fn footer(&self) -> String {
        format!(
            "<footer>Made by elight-plan {}. Every figure of this page is in the object that <code>--json</code> prints: the <code>data</code> \
             elements name its place. A figure in the table, the page and the object is one number.</footer>",
            env!("CARGO_PKG_VERSION")
        )
    }
}
