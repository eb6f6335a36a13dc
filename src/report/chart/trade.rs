//! Steps against writes: what more programmings of the core save.

use super::{Picture, Scale, Svg};
use crate::plan::SweepPoint;
use crate::show::number::{mark, thousands};

const TOP: f64 = 54.0;
const BOTTOM: f64 = 300.0;

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
    let mut svg = Svg::new(720.0, "Writes per inference, by the steps that the plan may take");
    let (left, right) = (62.0, 690.0);
    let x = Scale::linear(points.iter().map(|p| p.steps as f64).fold(0.0, f64::max), left, right);
    let y = Scale::linear(points.iter().map(|p| p.writes as f64).fold(0.0, f64::max), BOTTOM, TOP);
    svg.x_axis(&x, TOP, BOTTOM, "steps of an inference");
    svg.y_axis(&y, left, right, "writes per inference");
    svg.line("base", (left, BOTTOM), (right, BOTTOM));
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
    svg.disc("nat", (left + 6.0, 34.0), "");
    svg.text(left + 16.0, 38.0, "", "start", "every weight placed");
    svg.disc("opt", (left + 156.0, 34.0), "");
    svg.text(left + 166.0, 38.0, "", "start", "cells may idle, zeros are left out");
    svg.line("line bnd", (left + 380.0, 34.0), (left + 404.0, 34.0));
    svg.text(left + 410.0, 38.0, "", "start", "lower bound");
    svg.finish("steps-against-writes", BOTTOM + 38.0, "Curve: writes per inference over the steps of an inference")
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
        assert!(svg.contains("cx=\"376\" cy=\"54\"") && svg.contains("cx=\"690\" cy=\"300\""), "{svg}");
        assert!(svg.contains("M376.0 115.5L533.0 238.5L690.0 300.0"), "{svg}");
        assert!(trade(&[]).svg.ends_with("</svg>"));
    }
}
