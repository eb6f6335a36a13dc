//! Steps against writes: what more programmings of the core save.

use crate::plan::SweepPoint;
use crate::show::number::{mark, thousands};
use crate::show::svg::{Key, Picture, Scale, Shape, Svg, WIDE};

/// Height of the field of points.
const HIGH: f64 = 246.0;

/// What a point is called: the steps that it was granted.
#[must_use]
pub fn point_name(point: &SweepPoint) -> String {
    match (point.extra_steps_percent, point.fixed_levels) {
        (None, false) => "every weight placed".to_owned(),
        (None, true) => "fixed levels".to_owned(),
        (Some(percent), false) => format!("+{percent} %"),
        (Some(percent), true) => format!("+{percent} %: fixed levels"),
    }
}

/// Steps and writes of all plans, and the bound of each.
#[must_use]
pub fn trade(points: &[SweepPoint]) -> Picture {
    Picture::both(WIDE, |width| drawn(points, width))
}

fn drawn(points: &[SweepPoint], width: f64) -> Picture {
    let mut svg = Svg::new(width, "Writes per inference, by the steps that the plan may take");
    svg.legend(
        0.0,
        &[
            (Key::Mark(Shape::Disc, "nat"), "every weight placed"),
            (Key::Mark(Shape::Disc, "opt"), "cells may idle, zeros are left out"),
            (Key::Line("bnd"), "lower bound"),
        ],
    );
    let (left, right) = (62.0, width - 30.0);
    let (top, bottom) = (svg.top + 22.0, svg.top + 22.0 + HIGH);
    let x = Scale::linear(points.iter().map(|p| p.steps as f64).fold(0.0, f64::max), left, right);
    let y = Scale::linear(points.iter().map(|p| p.writes as f64).fold(0.0, f64::max), bottom, top);
    svg.x_axis(&x, top, bottom, "steps of an inference");
    svg.y_axis(&y, left, right, "writes per inference");
    svg.line("base", (left, bottom), (right, bottom));
    let mut curve: Vec<&SweepPoint> = points.iter().filter(|p| may_idle(p)).collect();
    curve.sort_by_key(|p| p.steps);
    let path = |of: &dyn Fn(&SweepPoint) -> u64| -> String {
        let at = |p: &SweepPoint| format!("{:.1} {:.1}", x.at(p.steps as f64), y.at(of(p) as f64));
        let places: Vec<String> = curve.iter().map(|p| at(p)).collect();
        if places.is_empty() { String::new() } else { format!("M{}", places.join("L")) }
    };
    svg.path("line bnd", &path(&|p| p.lower_bound_writes));
    svg.path("line opt", &path(&|p| p.writes));
    // Names stand above their points, as far as there is room beside the one before.
    let mut free = f64::NEG_INFINITY;
    for point in points {
        let (px, py) = (x.at(point.steps as f64), y.at(point.writes as f64));
        let (steps, writes) = (thousands(point.steps), thousands(point.writes));
        let title = format!("{}: {steps} steps, {writes} writes", point_name(point));
        svg.disc(if may_idle(point) { "opt" } else { "nat" }, (px, py), &title);
        if let Some(percent) = point.extra_steps_percent.filter(|_| !point.fixed_levels && px >= free) {
            let anchor = if px + 44.0 > right { "end" } else { "start" };
            svg.text(
                px + if anchor == "end" { 0.0 } else { 5.0 },
                py - 8.0,
                "axis",
                anchor,
                &format!("+{} %", mark(percent)),
            );
            free = px + 44.0;
        }
    }
    svg.finish("steps-against-writes", bottom + 38.0, "Curve: writes per inference over the steps of an inference")
}

/// Whether cells may idle; in the first plan of a sweep every weight has a place in the fewest steps.
fn may_idle(point: &SweepPoint) -> bool {
    point.extra_steps_percent.is_some() || point.fixed_levels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_drawn_where_it_belongs() {
        let point = |percent, fixed_levels, steps, writes| SweepPoint {
            extra_steps_percent: percent,
            fixed_levels,
            steps,
            writes,
            lower_bound_writes: writes / 2,
        };
        let points = [
            point(None, false, 100, 4000),
            point(Some(0.0), false, 100, 3000),
            point(Some(50.0), false, 150, 1000),
            point(None, true, 200, 0),
        ];
        let svg = trade(&points).svg;
        // Two discs in the legend.
        assert_eq!(svg.matches("<circle").count(), points.len() + 2);
        assert!(
            svg.contains("+50 %: 150 steps, 1,000 writes") && svg.contains("fixed levels: 200 steps, 0 writes"),
            "{svg}"
        );
        // Half of the steps, all writes: the middle of the axis, its upper end. All steps, no writes: the lower right corner.
        assert!(svg.contains("cx=\"376\" cy=\"59\"") && svg.contains("cx=\"690\" cy=\"305\""), "{svg}");
        assert!(svg.contains("M376.0 120.5L533.0 243.5L690.0 305.0"), "{svg}");
        assert!(trade(&[]).svg.ends_with("</svg>"));
    }
}
