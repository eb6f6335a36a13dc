//! Two plans side by side, as a page.

use maud::html;

use super::parts::{Line, Text, document, figure, folded, section, table};
use crate::report::compare::{Comparison, Pair, ratio};
use crate::show::names::{begun, distinct, shortened};
use crate::show::number::mark;
use crate::show::svg::{Key, NARROW, Picture, Scale, Shape, Svg, WIDE, letters};

/// Lines of a picture at most.
const MOST: usize = 40;
const ROW: f64 = 20.0;

/// The page.
#[must_use]
pub fn page(comparison: &Comparison) -> String {
    let [a, b] = comparison.paths.each_ref();
    let facts = comparison.facts.iter().map(|(name, [a, b])| Line {
        class: if a == b { "" } else { "chosen" },
        cells: vec![html! { (name) }, html! { (Text(a)) }, html! { (Text(b)) }],
    });
    let largest = comparison.layers.len() > MOST;
    let body = html! {
        header {
            h1 { "Two plans side by side" }
            @for sentence in &comparison.verdict { p.verdict { (Text(sentence)) } }
            p.lead {
                "A is " code { (Text(a)) } ", B is " code { (Text(b)) } ". Figures are of the order in each schedule, per inference in steady \
                 state, where nothing else is said."
            }
        }
        main {
            (section(
                "Figure by figure",
                &html! { "B over A: below 1 where B has less. The better of two is green." },
                &html! {
                    (figure(&Picture::both(WIDE, |width| ratios(&comparison.figures, width)), &html! {
                        "Left of the line at 1, B has less of it than A; the axis is logarithmic, so twice and half are equally far."
                    }))
                    (table(&["", "A", "B", "B / A"], &lines(&comparison.figures), None))
                },
            ))
            @if !comparison.layers.is_empty() {
                (section(
                    "Layer by layer",
                    &html! {
                        "Writes per inference of the order in each schedule."
                        @if largest { " The " (MOST) " layers with the most writes are drawn." }
                    },
                    &html! {
                        (figure(&Picture::both(WIDE, |width| layers(&comparison.layers, width)), &html! {
                            "The wider the line between the marks, the more the two plans differ for that layer."
                        }))
                        (folded("Table of the layers", &table(&["layer", "A", "B", "B / A"], &lines(&comparison.layers), None)))
                    },
                ))
            }
            (section("What they are", &html! { "Lines in bold differ." }, &table(&["", "A", "B"], &facts.collect::<Vec<_>>(), None)))
        }
    };
    document("Two plans side by side", &body)
}

fn lines(pairs: &[Pair]) -> Vec<Line> {
    let line = |pair: &Pair| {
        let better = pair.better();
        let side = |i: usize| {
            html! {
                span.good[better == Some(i)] {
                    @match pair.exact[i] {
                        Some(exact) => data value=(exact) { (Text(&pair.shown[i])) },
                        None => "-",
                    }
                }
            }
        };
        Line::plain(vec![html! { (Text(&pair.name)) }, side(0), side(1), html! { (ratio(pair.ratio())) }])
    };
    pairs.iter().map(line).collect()
}

/// B over A of every figure.
fn ratios(pairs: &[Pair], width: f64) -> Picture {
    let mut svg = Svg::new(width, "B over A");
    let known: Vec<(&Pair, f64)> =
        pairs.iter().filter_map(|p| Some((p, p.ratio()?))).filter(|(_, r)| *r > 0.0 && r.is_finite()).collect();
    let narrow = width <= NARROW;
    let (left, right, top) =
        (if narrow { 150.0 } else { 190.0 }, width - if narrow { 60.0 } else { 100.0 }, svg.top + 10.0);
    let bottom = top + ROW * known.len() as f64 + 4.0;
    let x = Scale::log(known.iter().map(|(_, r)| *r).chain([0.9, 1.1]), left, right);
    svg.x_axis(&x, top, bottom, "B / A");
    svg.line("bound", (x.at(1.0), top), (x.at(1.0), bottom));
    for (i, (pair, r)) in known.iter().enumerate() {
        let y = top + ROW * (i as f64 + 0.5) + 2.0;
        svg.text(left - 12.0, y + 4.0, "", "end", &begun(&pair.name, letters(left - 12.0)));
        svg.line("track", (x.at(1.0), y), (x.at(*r), y));
        let class = match pair.better() {
            Some(0) => "bad",
            Some(_) => "good",
            None => "opt",
        };
        svg.mark((Shape::Diamond, class), (x.at(*r), y), &format!("{}: {}", pair.name, ratio(Some(*r))));
        svg.text(right + 14.0, y + 4.0, "note", "start", &ratio(Some(*r)));
    }
    svg.finish("ratios", bottom + 38.0, "Marks: B over A of every figure")
}

/// Writes of every layer in A and in B.
fn layers(pairs: &[Pair], width: f64) -> Picture {
    let mut svg = Svg::new(width, "Writes per inference, by layer");
    let most = |p: &Pair| p.exact.iter().flatten().copied().fold(0.0, f64::max);
    let mut drawn: Vec<usize> = (0..pairs.len()).collect();
    drawn.sort_by(|a, b| most(&pairs[*b]).total_cmp(&most(&pairs[*a])).then(a.cmp(b)));
    drawn.truncate(MOST);
    drawn.sort_unstable();
    let (left, right) = (if width <= NARROW { 118.0 } else { 172.0 }, width - 20.0);
    let x = Scale::log(drawn.iter().flat_map(|i| pairs[*i].exact.into_iter().flatten()), left, right);
    let sides = [((Shape::Square, "sor"), "A"), ((Shape::Diamond, "opt"), "B")];
    svg.legend(left, &sides.map(|((shape, class), name)| (Key::Mark(shape, class), name)));
    let top = svg.top + 8.0;
    let bottom = top + ROW * drawn.len() as f64 + 4.0;
    svg.x_axis(&x, top, bottom, "writes per inference, logarithmic");
    let names = distinct(&pairs.iter().map(|pair| pair.name.as_str()).collect::<Vec<_>>());
    for (line, &i) in drawn.iter().enumerate() {
        let (pair, y) = (&pairs[i], top + ROW * (line as f64 + 0.5) + 2.0);
        svg.text(left - 12.0, y + 4.0, "", "end", &shortened(names[i], letters(left - 12.0)));
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
