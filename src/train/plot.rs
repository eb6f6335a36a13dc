//! The curves of a run as an SVG file, in the hand of the report's pictures.

use elight::show::svg::{Key, Scale, Svg, WIDE};

use super::epoch::Epoch;

/// Height of a field of curves.
const HIGH: f64 = 150.0;

/// One curve: name, class, values per epoch.
struct Curve<'a> {
    name: &'a str,
    class: &'a str,
    values: Vec<f64>,
}

/// Losses, accuracies, and writes per inference, one below the other.
pub fn curves(history: &[Epoch]) -> String {
    let of = |name, class, f: &dyn Fn(&Epoch) -> f64| Curve { name, class, values: history.iter().map(f).collect() };
    let mut svg = Svg::new(WIDE, "A run of elight-train, by epoch");
    let loss = [
        of("training", "opt", &|e| e.train_loss),
        of("held out", "bound", &|e| e.validation_loss.unwrap_or(f64::NAN)),
        of("test", "sor", &|e| e.test_loss),
    ];
    field(&mut svg, "cross entropy", &loss, false);
    let percent = |part: f64| 100.0 * part;
    let accuracy = [
        of("training", "opt", &|e| percent(e.train_accuracy)),
        of("held out", "bound", &|e| percent(e.validation_accuracy.unwrap_or(f64::NAN))),
        of("test", "sor", &|e| percent(e.test_accuracy)),
    ];
    field(&mut svg, "accuracy, %", &accuracy, false);
    if history.iter().any(|e| e.writes.natural > 0) {
        // Logarithmic: the orders differ by factors.
        let writes = [
            of("natural", "nat", &|e| e.writes.natural as f64),
            of("sorted (ELight)", "sor", &|e| e.writes.sorted as f64),
            of("optimal", "opt", &|e| e.writes.optimal as f64),
        ];
        field(&mut svg, "writes per inference", &writes, true);
    }
    let high = svg.top + 6.0;
    svg.finish("curves", high, "Curves: loss, accuracy and writes per inference over the epochs").file()
}

/// One field of curves below what is there already; nothing where no value is a number.
fn field(svg: &mut Svg, title: &str, curves: &[Curve<'_>], log: bool) {
    let finite = || curves.iter().flat_map(|c| c.values.iter().copied()).filter(|v| v.is_finite());
    let (lo, hi) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    if lo > hi {
        return;
    }
    let last = |c: &Curve<'_>| c.values.iter().rev().copied().find(|v| v.is_finite()).unwrap_or_default();
    let named: Vec<String> = curves
        .iter()
        .map(|c| if log { format!("{} {:.0}", c.name, last(c)) } else { format!("{} {:.4}", c.name, last(c)) })
        .collect();
    let entries: Vec<_> = curves.iter().zip(&named).map(|(c, name)| (Key::Line(c.class), name.as_str())).collect();
    svg.top += 10.0;
    svg.legend(60.0, &entries);
    let (left, right) = (60.0, WIDE - 16.0);
    let (top, bottom) = (svg.top + 8.0, svg.top + 8.0 + HIGH);
    let y = if log { Scale::log(finite(), bottom, top) } else { Scale::between(lo, hi, bottom, top) };
    svg.y_axis(&y, left, right, title);
    svg.line("base", (left, bottom), (right, bottom));
    let n = curves.iter().map(|c| c.values.len()).max().unwrap_or(1);
    let x = |i: usize| left + (right - left) * i as f64 / (n.max(2) - 1) as f64;
    for curve in curves {
        let points = curve.values.iter().enumerate().filter(|(_, v)| v.is_finite());
        let places: Vec<String> = points.map(|(i, v)| format!("{:.1} {:.1}", x(i), y.at(*v))).collect();
        if let [place] = &places[..] {
            svg.path(&format!("line {}", curve.class), &format!("M{place}h4"));
        } else if !places.is_empty() {
            svg.path(&format!("line {}", curve.class), &format!("M{}", places.join("L")));
        }
    }
    svg.text(left, bottom + 15.0, "axis", "start", "epoch 1");
    svg.text(right, bottom + 15.0, "axis", "end", &n.to_string());
    svg.top = bottom + 22.0;
}
