//! Where the time and the energy of an inference go: a stacked bar of the whole, and one a layer.

use super::layers::Group;
use super::style::row_name;
use crate::report::InferenceReport;
use crate::show::number::{energy, time};
use crate::show::svg::{Key, NARROW, Picture, Scale, Svg, WIDE};

const ROW: f64 = 20.0;
/// Classes of the parts, in their order.
const CLASSES: [&str; 8] = ["part0", "part1", "part2", "part3", "part4", "part5", "part6", "part7"];

/// The parts of one figure: their names, their values in the whole, and layer by layer (empty where not known).
struct Parts {
    names: Vec<&'static str>,
    whole: Vec<f64>,
    layers: Vec<Vec<f64>>,
}

impl Parts {
    fn of<const N: usize>(whole: [(&'static str, f64); N], layers: &[Option<[(&'static str, f64); N]>]) -> Self {
        let values = |parts: &[(&'static str, f64); N]| parts.iter().map(|(_, value)| *value).collect();
        Self {
            names: whole.iter().map(|(name, _)| *name).collect(),
            whole: values(&whole),
            layers: layers.iter().map(|layer| layer.as_ref().map(values).unwrap_or_default()).collect(),
        }
    }
}

/// Time and energy by their parts; nothing where the vectors of a layer are not known.
#[must_use]
pub fn breakdown(inference: &InferenceReport, groups: &[Group]) -> Vec<Picture> {
    let (figures, mut pictures) = (&inference.figures, Vec::new());
    if let Some(whole) = figures.time {
        let layers: Vec<_> = figures.per_layer.iter().map(|layer| Some(layer.time?.named())).collect();
        let parts = Parts::of(whole.named(), &layers);
        pictures.push(stacked("inference-time", "Where the time of an inference goes", groups, &parts, &time));
    }
    if let Some(whole) = figures.energy {
        let layers: Vec<_> = figures.per_layer.iter().map(|layer| Some(layer.energy?.named())).collect();
        let parts = Parts::of(whole.named(), &layers);
        pictures.push(stacked("inference-energy", "Where the energy of an inference goes", groups, &parts, &energy));
    }
    pictures
}

fn stacked(name: &str, title: &str, groups: &[Group], parts: &Parts, show: &dyn Fn(f64) -> String) -> Picture {
    Picture::both(WIDE, |width| {
        let mut svg = Svg::new(width, title);
        let (left, right) = (if width <= NARROW { 112.0 } else { 172.0 }, width - 74.0);
        let total: f64 = parts.whole.iter().sum();
        // A part of nothing has no field, and no entry.
        let there: Vec<usize> = (0..parts.names.len()).filter(|&part| parts.whole[part] > 0.0).collect();
        let words: Vec<String> = there
            .iter()
            .map(|&part| format!("{} {}", parts.names[part], share(parts.whole[part] / total.max(f64::MIN_POSITIVE))))
            .collect();
        let entries = there.iter().zip(&words).map(|(&part, said)| (Key::Field(CLASSES[part]), said.as_str()));
        svg.legend(0.0, &entries.collect::<Vec<_>>());
        let top = svg.top + 10.0;
        let mut bar = |y: f64, what: &str, values: &[f64], x: &Scale| {
            let sum: f64 = values.iter().sum();
            let mut before = 0.0;
            for &part in &there {
                let value = values.get(part).copied().unwrap_or_default();
                let (from, to) = (x.at(before), x.at(before + value));
                let said = format!("{what}: {} {} of {}", parts.names[part], show(value), show(sum));
                svg.rect(CLASSES[part], (from, y + 3.0), (to - from, ROW - 6.0), &said);
                before += value;
            }
            svg.text(left - 8.0, y + 14.0, "", "end", what);
            svg.text(x.at(before) + 6.0, y + 14.0, "", "start", &show(sum));
        };
        bar(top, "whole inference", &parts.whole, &Scale::exact(total, left, right));
        // Layers have a scale of their own, so that small ones can be seen beside each other.
        let of = |group: &Group| -> Vec<f64> {
            let own = group.layers.iter().filter_map(|&layer| parts.layers.get(layer));
            own.fold(vec![0.0; parts.names.len()], |mut sum, layer| {
                sum.iter_mut().zip(layer).for_each(|(sum, value)| *sum += value);
                sum
            })
        };
        let layers: Vec<Vec<f64>> = groups.iter().map(of).collect();
        let most = layers.iter().map(|parts| parts.iter().sum::<f64>()).fold(0.0, f64::max);
        let (first, x) = (top + ROW + 12.0, Scale::exact(most, left, right));
        for (i, (group, values)) in groups.iter().zip(&layers).enumerate() {
            bar(first + ROW * i as f64, &row_name(group, left - 8.0), values, &x);
        }
        let bottom = first + ROW * groups.len() as f64;
        svg.line("base", (left, top), (left, top + ROW));
        svg.line("base", (left, first), (left, bottom));
        svg.finish(name, bottom + 6.0, &format!("Stacked bars: {title}, as a whole and by layer"))
    })
}

/// A part of the whole in percent: what is there is not 0 %.
fn share(part: f64) -> String {
    match 100.0 * part {
        percent if percent < 0.1 => "< 0.1 %".to_owned(),
        percent if percent < 10.0 => format!("{percent:.1} %"),
        percent => format!("{percent:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn shares_are_short() {
        assert_eq!([1e-9, 0.0123, 0.5, 1.0].map(super::share), ["< 0.1 %", "1.2 %", "50 %", "100 %"]);
    }
}
