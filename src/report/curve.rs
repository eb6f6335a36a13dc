//! The curve of steps against writes, as a table's lines and as an SVG file.

use std::fmt::Write;

use super::number::thousands;
use crate::plan::SweepPoint;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
/// Left, right, top and bottom of the plot.
const FRAME: [f64; 4] = [90.0, 690.0, 50.0, 360.0];

/// What a point is called: the steps that it was granted.
#[must_use]
pub fn name(point: &SweepPoint) -> String {
    match (point.extra_steps_percent, point.fixed_levels) {
        (None, false) => "every weight placed".to_owned(),
        (None, true) => "fixed levels".to_owned(),
        (Some(percent), false) => format!("+{percent} %"),
        (Some(percent), true) => format!("+{percent} %: fixed levels"),
    }
}

/// Steps and writes of all plans, and the bound, as an SVG file.
#[must_use]
pub fn svg(title: &str, points: &[SweepPoint]) -> String {
    let [left, right, top, bottom] = FRAME;
    let steps = || points.iter().map(|p| p.steps);
    let (fewest, most) = (steps().min().unwrap_or(0), steps().max().unwrap_or(0));
    let highest = points.iter().map(|p| p.writes).max().unwrap_or(0).max(1);
    let x = |steps: u64| left + (right - left) * (steps - fewest) as f64 / (most - fewest).max(1) as f64;
    let y = |writes: u64| bottom - (bottom - top) * writes as f64 / highest as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"{left}\" y=\"24\" font-size=\"14\">{}</text>\n",
        escaped(title)
    );
    // Writing to a string cannot fail.
    for i in 0..=4u64 {
        let (writes, at) = (highest * i / 4, y(highest * i / 4));
        let _ = writeln!(out, "<line x1=\"{left}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\" stroke=\"#dddddd\"/>");
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 8.0,
            at + 4.0,
            thousands(writes)
        );
        let (steps, at) = (fewest + (most - fewest) * i / 4, x(fewest + (most - fewest) * i / 4));
        let _ = writeln!(
            out,
            "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            bottom + 18.0,
            thousands(steps)
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">steps of an inference</text>",
        (left + right) / 2.0,
        bottom + 40.0
    );
    let _ = writeln!(
        out,
        "<text x=\"{left}\" y=\"{}\">writes of an inference in steady state; dashed: lower bound</text>",
        top - 8.0
    );
    let mut sorted: Vec<&SweepPoint> =
        points.iter().filter(|p| p.extra_steps_percent.is_some() || p.fixed_levels).collect();
    sorted.sort_by_key(|p| p.steps);
    for (of, dash) in [(lower_bound as fn(&SweepPoint) -> u64, " stroke-dasharray=\"5 4\""), (writes, "")] {
        let line: Vec<String> = sorted.iter().map(|p| format!("{:.1},{:.1}", x(p.steps), y(of(p)))).collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"#1f77b4\" stroke-width=\"2\"{dash}/>",
            line.join(" ")
        );
    }
    for point in points {
        let (x, y) = (x(point.steps), y(point.writes));
        let _ = writeln!(
            out,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"#1f77b4\"><title>{}: {} steps, {} writes</title></circle>",
            name(point),
            thousands(point.steps),
            thousands(point.writes)
        );
    }
    out.push_str("</svg>\n");
    out
}

fn writes(point: &SweepPoint) -> u64 {
    point.writes
}

fn lower_bound(point: &SweepPoint) -> u64 {
    point.lower_bound_writes
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_drawn() {
        let point = |percent, fixed_levels, steps, writes| SweepPoint {
            extra_steps_percent: percent,
            fixed_levels,
            steps,
            writes,
            lower_bound_writes: writes / 2,
        };
        let points = [
            point(None, false, 100, 5000),
            point(Some(0.0), false, 100, 4000),
            point(Some(50.0), false, 150, 900),
            point(None, true, 180, 0),
        ];
        let svg = svg("a <net> & more", &points);
        assert_eq!(svg.matches("<circle").count(), points.len());
        assert!(svg.contains("a &lt;net&gt; &amp; more") && svg.contains("+50 %: 150 steps, 900 writes"), "{svg}");
        // From the left edge to the right one, from the top to the bottom.
        assert!(svg.contains("cx=\"90.0\" cy=\"50.0\"") && svg.contains("cx=\"690.0\" cy=\"360.0\""), "{svg}");
        assert!(svg_of_nothing().ends_with("</svg>\n"));
    }

    fn svg_of_nothing() -> String {
        svg("", &[])
    }
}
