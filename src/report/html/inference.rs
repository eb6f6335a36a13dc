//! The whole inference on a plan's page.

use super::parts::{Line, folded, section, table};
use super::{Page, escape};
use crate::show::number::{energy, time};

impl Page<'_> {
    /// Empty without a system.
    pub(super) fn inference(&self) -> String {
        let Some(inference) = &self.report.inference else { return String::new() };
        let plain = |cells: [String; 2]| Line::plain(cells.to_vec());
        let facts = inference.lines().into_iter();
        let facts: Vec<Line> = facts.map(|(label, text)| plain([label.to_owned(), escape(&text)])).collect();
        let mut parts = vec![table(&["", ""], &facts, Some(1))];
        if inference.figures.time.is_some() {
            let rows = |names: &[&str], of: &str, show: &dyn Fn(f64) -> String| -> Vec<Line> {
                let row = |name: &&str| plain([(*name).to_owned(), self.f(&format!("/inference/{of}/{name}"), show)]);
                names.iter().map(row).collect()
            };
            let times = rows(&["write", "light", "link", "decode", "settle"], "time", &time);
            let energies = ["write", "modulators", "dac", "adc", "laser", "detectors", "buffers", "static"];
            parts.push(table(&["time", "an inference"], &times, None));
            parts.push(table(&["energy", "an inference"], &rows(&energies, "energy", &energy), None));
        }
        let constants = inference.system.constants.iter().enumerate().map(|(i, constant)| {
            Line::plain(vec![
                format!("<code>{}</code>", escape(&constant.key)),
                self.f(&format!("/inference/system/constants/{i}/value"), &|v| format!("{v}")),
                escape(&constant.unit),
                format!("{:?}", constant.mark).to_lowercase(),
                escape(&constant.source),
            ])
        });
        let constants: Vec<Line> = constants.collect();
        let head = ["constant", "value", "unit", "mark", "source"];
        let title = format!("The system's {} constants", constants.len());
        parts.push(folded(&title, &table(&head, &constants, Some(1))));
        let lead = format!("{}. Source: {}.", escape(&inference.system.title), escape(&inference.system.source));
        section("The whole inference", &lead, &parts)
    }
}
