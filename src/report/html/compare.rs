//! Two plans side by side, as a page.

use super::parts::{Line, document, figure, section, table};
use crate::report::compare::{Comparison, Pair, ratio};
use crate::show::names::{distinct, shortened};
use crate::show::number::mark;
use crate::show::svg::{Picture, Scale, Shape, Svg, escape};

/// Lines of a picture at most.
const MOST: usize = 40;
/// Characters of a layer's name.
const NAME: usize = 22;
const ROW: f64 = 20.0;
const TOP: f64 = 54.0;

/// The page.
#[must_use]
pub fn page(comparison: &Comparison) -> String {
    let [a, b] = comparison.paths.each_ref().map(|p| escape(p));
    let facts = comparison.facts.iter().map(|(name, [a, b])| Line {
        class: if a == b { "" } else { "chosen" },
        cells: vec![escape(name), escape(a), escape(b)],
    });
    let mut parts = vec![
        format!(
            "<header>\n<h1>Two plans side by side</h1>\n<p class=\"lead\">A is <code>{a}</code>, B is <code>{b}</code>. Figures are of the order in each \
             schedule, per inference in steady state, where nothing else is said.</p>\n</header>\n<main>"
        ),
        section("What they are", "Lines in bold differ.", &[table(&["", "A", "B"], &facts.collect::<Vec<_>>(), None)]),
        section(
            "Figure by figure",
            "B over A: below 1 where B has less.",
            &[
                figure(
                    &ratios(&comparison.figures),
                    true,
                    "Left of the line at 1, B has less of it than A; the axis is logarithmic, so twice and half are equally far.",
                ),
                table(&["", "A", "B", "B / A"], &lines(&comparison.figures), None),
            ],
        ),
    ];
    if !comparison.layers.is_empty() {
        let largest = comparison.layers.len() > MOST;
        let note = if largest { format!(" The {MOST} layers with the most writes are drawn.") } else { String::new() };
        parts.push(section(
            "Layer by layer",
            &format!("Writes per inference of each layer; layers go by their names.{note}"),
            &[
                figure(&layers(&comparison.layers), true, "The shorter the line, the more alike the two are."),
                table(&["layer", "A", "B", "B / A"], &lines(&comparison.layers), None),
            ],
        ));
    }
    parts.push("</main>".to_owned());
    document("Two plans side by side", &parts.join("\n"))
}

fn lines(pairs: &[Pair]) -> Vec<Line> {
    let data = |exact: Option<f64>, shown: &str| match exact {
        Some(exact) => format!("<data value=\"{exact}\">{}</data>", escape(shown)),
        None => "-".to_owned(),
    };
    let line = |pair: &Pair| {
        let [a, b] = [0, 1].map(|i| data(pair.exact[i], &pair.shown[i]));
        Line::plain(vec![escape(&pair.name), a, b, ratio(pair.ratio())])
    };
    pairs.iter().map(line).collect()
}

/// B over A of every figure.
fn ratios(pairs: &[Pair]) -> Picture {
    let mut svg = Svg::new(720.0, "B over A");
    let known: Vec<(&Pair, f64)> =
        pairs.iter().filter_map(|p| Some((p, p.ratio()?))).filter(|(_, r)| *r > 0.0 && r.is_finite()).collect();
    let (left, right, top) = (190.0, 620.0, 30.0);
    let bottom = top + ROW * known.len() as f64 + 4.0;
    let x = Scale::log(known.iter().map(|(_, r)| *r).chain([0.9, 1.1]), left, right);
    svg.x_axis(&x, top, bottom, "B / A");
    svg.line("bound", (x.at(1.0), top), (x.at(1.0), bottom));
    for (i, (pair, r)) in known.iter().enumerate() {
        let y = top + ROW * (i as f64 + 0.5) + 2.0;
        svg.text(left - 12.0, y + 4.0, "", "end", &pair.name);
        svg.line("track", (x.at(1.0), y), (x.at(*r), y));
        svg.mark((Shape::Diamond, "opt"), (x.at(*r), y), &format!("{}: {}", pair.name, ratio(Some(*r))));
        svg.text(right + 14.0, y + 4.0, "note", "start", &ratio(Some(*r)));
    }
    svg.finish("ratios", bottom + 38.0, "Marks: B over A of every figure")
}

/// Writes of every layer in A and in B.
fn layers(pairs: &[Pair]) -> Picture {
    let mut svg = Svg::new(720.0, "Writes per inference, by layer");
    let most = |p: &Pair| p.exact.iter().flatten().copied().fold(0.0, f64::max);
    let mut drawn: Vec<usize> = (0..pairs.len()).collect();
    drawn.sort_by(|a, b| most(&pairs[*b]).total_cmp(&most(&pairs[*a])).then(a.cmp(b)));
    drawn.truncate(MOST);
    drawn.sort_unstable();
    let (left, right) = (190.0, 700.0);
    let bottom = TOP + ROW * drawn.len() as f64 + 4.0;
    let x = Scale::log(drawn.iter().flat_map(|i| pairs[*i].exact.into_iter().flatten()), left, right);
    let sides = [((Shape::Square, "sor"), "A"), ((Shape::Diamond, "opt"), "B")];
    for (i, (shape, name)) in sides.into_iter().enumerate() {
        let at = left + 6.0 + 60.0 * i as f64;
        svg.mark(shape, (at, 34.0), "");
        svg.text(at + 12.0, 38.0, "", "start", name);
    }
    svg.x_axis(&x, TOP, bottom, "writes per inference (each mark of the axis is ten times the one before)");
    let names = distinct(&pairs.iter().map(|pair| pair.name.as_str()).collect::<Vec<_>>());
    for (line, &i) in drawn.iter().enumerate() {
        let (pair, y) = (&pairs[i], TOP + ROW * (line as f64 + 0.5) + 2.0);
        svg.text(left - 12.0, y + 4.0, "", "end", &shortened(names[i], NAME));
        if let [Some(a), Some(b)] = pair.exact {
            svg.line("track", (x.at(a), y), (x.at(b), y));
        }
        for (n, (shape, name)) in pair.exact.iter().zip(sides) {
            if let Some(n) = n {
                svg.mark(shape, (x.at(*n), y), &format!("{}, {name}: {} writes", pair.name, mark(*n)));
            }
        }
    }
    svg.finish("layers", bottom + 38.0, "Marks: writes per inference of every layer in A and B")
}
