//! Wear of every PCM cell of a core, natural beside the schedule's best, on one scale.

use std::fmt::Write;

use super::style::order_style;
use crate::order::Order;
use crate::report::CoreWear;
use crate::show::number::{large, mark};
use crate::show::svg::{NARROW, Picture, Svg, WIDE};

/// Largest side of one map, pixels; on narrow pages.
const SIDE: f64 = 246.0;
const NARROW_SIDE: f64 = 102.0;
/// Colours of the scale.
const SHADES: usize = 32;
/// Viridis at nine equal distances (S. van der Walt and N. Smith, CC0): grows evenly in lightness, for every kind of colour vision.
const VIRIDIS: [[f64; 3]; 9] = [
    [68.0, 1.0, 84.0],
    [71.0, 45.0, 123.0],
    [59.0, 82.0, 139.0],
    [44.0, 114.0, 142.0],
    [33.0, 145.0, 140.0],
    [40.0, 174.0, 128.0],
    [94.0, 201.0, 98.0],
    [173.0, 220.0, 48.0],
    [253.0, 231.0, 37.0],
];

fn shade(i: usize) -> String {
    let at = i as f64 / (SHADES - 1) as f64 * (VIRIDIS.len() - 1) as f64;
    let k = (at as usize).min(VIRIDIS.len() - 2);
    let [r, g, b] = [0, 1, 2].map(|c| {
        let (a, b) = (VIRIDIS[k][c], VIRIDIS[k + 1][c]);
        (a + (b - a) * (at - k as f64)).round() as u8
    });
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// From writes to shades, logarithmic: natural and optimal differ by factors.
struct Shades {
    lo: f64,
    hi: f64,
    /// No cell is written.
    nothing: bool,
}

impl Shades {
    fn of(wear: &CoreWear) -> Self {
        let maps = [&wear.orders.natural, &wear.orders.optimal];
        let values = || maps.iter().flat_map(|m| m.plus.iter().chain(&m.minus)).flatten().copied().filter(|v| *v > 0);
        let (lo, hi) = (values().min().unwrap_or(1), values().max().unwrap_or(1));
        Self { lo: lo as f64, hi: (hi as f64).max(lo as f64 * 1.01), nothing: values().next().is_none() }
    }

    /// None for a cell that is never written.
    fn index(&self, writes: u64) -> Option<usize> {
        let part = (writes.max(1) as f64 / self.lo).ln() / (self.hi / self.lo).ln();
        (writes > 0).then(|| ((part * SHADES as f64) as usize).min(SHADES - 1))
    }
}

/// Four maps: plus and minus cells, natural and best order.
#[must_use]
pub fn wear(core: usize, cores: usize, wear: &CoreWear) -> Picture {
    Picture::both(WIDE, |width| drawn(core, cores, wear, width))
}

fn drawn(core: usize, cores: usize, wear: &CoreWear, width: f64) -> Picture {
    let which = if cores > 1 { format!(" of core {core}") } else { String::new() };
    let mut svg = Svg::new(width, &format!("Writes per inference of every PCM cell{which}"));
    let shades = Shades::of(wear);
    let (rows, cols) = (wear.orders.natural.plus.len(), wear.orders.natural.plus.first().map_or(0, Vec::len));
    let narrow = width <= NARROW;
    let side = if narrow { NARROW_SIDE } else { SIDE };
    let pixel = (side / rows.max(cols).max(1) as f64).min(28.0);
    let (w, h) = (pixel * cols as f64, pixel * rows as f64);
    let column = if narrow { 130.0 } else { (w + 46.0).max(150.0) };
    let first = svg.top + 45.0;
    let tops = [first, first + h + 40.0];
    let lefts = [40.0, 40.0 + column];
    for (order, left) in [Order::Natural, Order::Optimal].into_iter().zip(lefts) {
        svg.text(left, first - 24.0, "", "start", &format!("{} order", order_style(order).1));
        let map = wear.orders.of(order);
        for (fields, (top, sign)) in [&map.plus, &map.minus].into_iter().zip(tops.into_iter().zip(["plus", "minus"])) {
            let most = fields.iter().flatten().max().copied().unwrap_or(0);
            let cell = format!("{sign}, at most {}", large(most));
            svg.text(left, top - 6.0, "note", "start", &cell);
            draw(&mut svg, fields, (left, top), pixel, &shades);
            svg.text(left - 5.0, top + 10.0, "axis", "end", "0");
            svg.text(
                left - 5.0,
                top + h,
                "axis",
                "end",
                &(rows * wear.cells_per_field[0]).saturating_sub(1).to_string(),
            );
        }
        svg.text(left, tops[1] + h + 15.0, "axis", "start", "0");
        let last = (cols * wear.cells_per_field[1]).saturating_sub(1).to_string();
        svg.text(left + w, tops[1] + h + 15.0, "axis", "end", &last);
        svg.text(left + w / 2.0, tops[1] + h + 15.0, "axis", "middle", "lane");
    }
    svg.upward(14.0, tops[0] + h / 2.0, "core row");
    svg.upward(14.0, tops[1] + h / 2.0, "core row");
    let scale_height = (2.0 * h + 40.0).clamp(60.0, 200.0);
    let right = if narrow { lefts[1] + w + 14.0 } else { lefts[1] + column };
    scale(&mut svg, &shades, (right, tops[0]), scale_height);
    let below = (tops[1] + h + 24.0).max(tops[0] + scale_height + 30.0);
    svg.finish(
        &if cores > 1 { format!("wear-core-{core}") } else { "wear".to_owned() },
        below,
        "Heat maps: writes per inference of every plus and minus cell, natural and best order",
    )
}

/// One map: a path for each shade, runs of equal fields together.
fn draw(svg: &mut Svg, fields: &[Vec<u64>], (left, top): (f64, f64), pixel: f64, shades: &Shades) {
    let (rows, cols) = (fields.len(), fields.first().map_or(0, Vec::len));
    let mut paths = vec![String::new(); SHADES];
    for (r, row) in fields.iter().enumerate() {
        let mut c = 0;
        while c < cols {
            let shade = shades.index(row[c]);
            let run = row[c..].iter().take_while(|v| shades.index(**v) == shade).count();
            if let Some(shade) = shade {
                let _ = write!(paths[shade], "M{c} {r}h{run}v1h-{run}z");
            }
            c += run;
        }
    }
    svg.rect("zero", (left, top), (pixel * cols as f64, pixel * rows as f64), "");
    svg.raw(&format!(
        "<g transform=\"translate({left:.1} {top:.1}) scale({pixel:.4})\" shape-rendering=\"crispEdges\">"
    ));
    for (i, d) in paths.iter().enumerate().filter(|(_, d)| !d.is_empty()) {
        svg.filled_path(&shade(i), d);
    }
    svg.raw("</g>");
}

fn scale(svg: &mut Svg, shades: &Shades, (left, top): (f64, f64), h: f64) {
    let w = 16.0;
    if shades.nothing {
        svg.rect("zero", (left, top), (w, 12.0), "");
        svg.text(left + w + 6.0, top + 10.0, "axis", "start", "never");
        return;
    }
    svg.text(left, top - 6.0, "note", "start", "writes");
    for i in 0..SHADES {
        let y = top + h - h * (i + 1) as f64 / SHADES as f64;
        svg.raw(&format!(
            "<rect x=\"{left:.1}\" y=\"{y:.2}\" width=\"{w}\" height=\"{:.2}\" fill=\"{}\"/>",
            h / SHADES as f64 + 0.4,
            shade(i)
        ));
    }
    // Round numbers between the ends, and the ends themselves.
    let y = |v: f64| top + h - h * (v / shades.lo).ln() / (shades.hi / shades.lo).ln();
    let mut marks = vec![shades.lo, shades.hi];
    let mut decade = 1.0;
    while decade < shades.hi {
        if marks.iter().all(|m| (y(decade) - y(*m)).abs() > 14.0) && decade > shades.lo {
            marks.push(decade);
        }
        decade *= 10.0;
    }
    for value in marks {
        svg.text(left + w + 6.0, y(value) + 4.0, "axis", "start", &mark(three_digits(value)));
    }
    svg.rect("zero", (left, top + h + 10.0), (w, 12.0), "");
    svg.text(left + w + 6.0, top + h + 20.0, "axis", "start", "never");
}

fn three_digits(value: f64) -> f64 {
    let unit = 10f64.powf((value.log10().floor() - 2.0).max(0.0));
    (value / unit).round() * unit
}
