//! The whole inference on a plan's page.

use maud::{Markup, html};

use super::page::Page;
use super::parts::{Line, Text, figure, folded, section, table};
use crate::show::number::{energy, time};

/// Parts of the time, and of the energy, by their keys.
const TIMES: [&str; 5] = ["write", "light", "link", "decode", "settle"];
const ENERGIES: [&str; 8] = ["write", "modulators", "dac", "adc", "laser", "detectors", "buffers", "static"];

/// What stands below the stacked bars.
const CAPTIONS: [&str; 2] = [
    "Link and decoding count as far as the core waits for them. The upper bar is the whole inference; the layers below it have a scale of their own.",
    "What one inference takes of each part, its share of what a batch shares included.",
];

impl Page<'_> {
    /// Empty without a system.
    pub(super) fn inference(&self) -> Markup {
        let Some(inference) = &self.report.inference else { return html! {} };
        let facts = inference.lines().into_iter();
        let facts: Vec<Line> =
            facts.map(|(label, text)| Line::plain(vec![html! { (label) }, html! { (Text(&text)) }])).collect();
        let rows = |names: &[&str], of: &str, show: &dyn Fn(f64) -> String| -> Vec<Line> {
            let row =
                |name: &&str| Line::plain(vec![html! { (name) }, self.f(&format!("/inference/{of}/{name}"), show)]);
            names.iter().map(row).collect()
        };
        let constants = inference.system.constants.iter().enumerate().map(|(i, constant)| {
            Line::plain(vec![
                html! { code { (Text(&constant.key)) } },
                self.f(&format!("/inference/system/constants/{i}/value"), &|v| format!("{v}")),
                html! { (Text(&constant.unit)) },
                html! { (format!("{:?}", constant.mark).to_lowercase()) },
                html! { (Text(&constant.source)) },
            ])
        });
        let constants: Vec<Line> = constants.collect();
        let title = format!("The system's {} constants", constants.len());
        section(
            "The whole inference",
            &html! { (Text(&inference.system.title)) ". Source: " (Text(&inference.system.source)) "." },
            &html! {
                (table(&["", ""], &facts, Some(1)))
                @for (picture, caption) in self.pictures.inference.iter().zip(CAPTIONS) {
                    (figure(picture, &html! { (caption) }))
                }
                @if inference.figures.time.is_some() {
                    (table(&["time", "an inference"], &rows(&TIMES, "time", &time), None))
                    (table(&["energy", "an inference"], &rows(&ENERGIES, "energy", &energy), None))
                }
                (folded(&title, &table(&["constant", "value", "unit", "mark", "source"], &constants, Some(4))))
            },
        )
    }
}
