//! The curves of a run as an SVG file.

use super::epoch::Epoch;
use std::fmt::Write;

const WIDTH: f64 = 720.0;
const PANEL: f64 = 190.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 150.0;

/// One curve: name, colour, values per epoch.
struct Curve<'a> {
    name: &'a str,
    color: &'a str,
    values: Vec<f64>,
}

/// Losses, accuracies, and writes per inference, one below the other.
pub fn curves(history: &[Epoch]) -> String {
    let of = |name, color, f: &dyn Fn(&Epoch) -> f64| Curve { name, color, values: history.iter().map(f).collect() };
    let mut panels = vec![
        ("loss", vec![of("train", "#1f77b4", &|e| e.train_loss), of("test", "#d62728", &|e| e.test_loss)]),
        (
            "accuracy, %",
            vec![
                of("train", "#1f77b4", &|e| 100.0 * e.train_accuracy),
                of("test", "#d62728", &|e| 100.0 * e.test_accuracy),
            ],
        ),
    ];
    if history.iter().any(|e| e.writes.natural > 0) {
        // Logarithmic: the orders differ by factors.
        let log = |n: u64| (n.max(1) as f64).log10();
        panels.push((
            "log10(writes), steady state",
            vec![
                of("natural", "#7f7f7f", &|e| log(e.writes.natural)),
                of("sorted", "#ff7f0e", &|e| log(e.writes.sorted)),
                of("optimal", "#2ca02c", &|e| log(e.writes.optimal)),
            ],
        ));
    }
    let height = panels.len() as f64 * PANEL + 30.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (i, (title, curves)) in panels.iter().enumerate() {
        panel(&mut svg, i as f64 * PANEL + 20.0, title, curves);
    }
    svg.push_str("</svg>\n");
    svg
}

fn panel(svg: &mut String, top: f64, title: &str, curves: &[Curve<'_>]) {
    let finite = || curves.iter().flat_map(|c| c.values.iter().copied()).filter(|v| v.is_finite());
    let (lo, hi) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    if lo > hi {
        return;
    }
    let hi = if hi - lo < 1e-9 { lo + 1.0 } else { hi };
    let (w, h) = (WIDTH - LEFT - RIGHT, PANEL - 40.0);
    let n = curves.iter().map(|c| c.values.len()).max().unwrap_or(1);
    let x = |i: usize| LEFT + w * i as f64 / (n.max(2) - 1) as f64;
    let y = |v: f64| top + h - h * (v - lo) / (hi - lo);
    // Writing to a string cannot fail.
    let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"{}\" font-weight=\"bold\">{title}</text>", top - 5.0);
    let _ =
        writeln!(svg, "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{w}\" height=\"{h}\" fill=\"none\" stroke=\"#ccc\"/>");
    for v in [lo, (lo + hi) / 2.0, hi] {
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{v:.4}</text>", LEFT - 6.0, y(v) + 4.0);
    }
    for (k, c) in curves.iter().enumerate() {
        let points: Vec<String> = c
            .values
            .iter()
            .enumerate()
            .filter(|(_, v)| v.is_finite())
            .map(|(i, v)| format!("{:.1},{:.1}", x(i), y(*v)))
            .collect();
        if points.is_empty() {
            continue;
        }
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"/>",
            points.join(" "),
            c.color
        );
        let last = c.values.iter().rev().find(|v| v.is_finite()).copied().unwrap_or_default();
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{:.1}\" fill=\"{}\">{} {last:.4}</text>",
            WIDTH - RIGHT + 8.0,
            top + 14.0 + 16.0 * k as f64,
            c.color,
            c.name
        );
    }
    let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"{}\">epoch 1 to {n}</text>", top + h + 15.0);
}
