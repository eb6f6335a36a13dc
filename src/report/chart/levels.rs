//! How many weights have which level, layer by layer.

use super::layers::Group;
use super::style::row_name;
use crate::show::number::count;
use crate::show::svg::{NARROW, Picture, Svg, WIDE};

const ROW: f64 = 34.0;
/// Bars of a histogram at most; finer levels are shown together.
const BARS: usize = 63;

/// A histogram for each layer, each as high as its most frequent level.
#[must_use]
pub fn levels(groups: &[Group], counts: &[Vec<u64>], bits: u8) -> Picture {
    Picture::both(WIDE, |width| drawn(groups, counts, bits, width))
}

fn drawn(groups: &[Group], counts: &[Vec<u64>], bits: u8, whole: f64) -> Picture {
    let mut svg = Svg::new(whole, "Levels of the weights, by layer");
    let (left, right) = (if whole <= NARROW { 112.0 } else { 172.0 }, whole - 64.0);
    let top = svg.top + 22.0;
    let top_level = (1i64 << bits) - 1;
    let levels = 2 * top_level as usize + 1;
    // An odd number of levels to a bar, so that zero sits in the middle of one.
    let width = (levels.div_ceil(BARS)) | 1;
    let half = (levels / 2).div_ceil(width).max(1);
    let bars = 2 * half + 1;
    let bar = (right - left) / bars as f64;
    svg.text(whole, top - 8.0, "note", "end", "highest bar");
    for (i, group) in groups.iter().enumerate() {
        let base = top + ROW * (i as f64 + 1.0) - 4.0;
        let mut heights = vec![0u64; bars];
        let mut all = 0u64;
        for count in group.layers.iter().filter_map(|&l| counts.get(l)) {
            for (k, n) in count.iter().enumerate() {
                let from_zero = k as i64 - top_level;
                let place = (from_zero.unsigned_abs() as usize + width / 2) / width;
                heights[if from_zero < 0 { half - place.min(half) } else { half + place.min(half) }] += n;
                all += n;
            }
        }
        let most = heights.iter().copied().max().unwrap_or(0).max(1);
        svg.text(left - 12.0, base - 6.0, "", "end", &row_name(group, left - 12.0));
        svg.line("grid", (left, base), (right, base));
        let mut d = String::new();
        for (k, &n) in heights.iter().enumerate().filter(|(_, n)| **n > 0) {
            let h = (ROW - 8.0) * n as f64 / most as f64;
            let (x, w) = (left + bar * k as f64, (bar - 1.0).max(0.7 * bar));
            d += &format!("M{x:.1} {base:.1}v-{h:.1}h{w:.1}v{h:.1}z");
        }
        svg.path("opt", &d);
        let share = 100.0 * most as f64 / all.max(1) as f64;
        svg.text(right + 10.0, base - 6.0, "note", "start", &format!("{share:.1} %"));
    }
    let bottom = top + ROW * groups.len() as f64;
    let middle = (left + right) / 2.0;
    for (x, text) in [
        (left + bar / 2.0, format!("-{top_level}")),
        (middle, "0".to_owned()),
        (right - bar / 2.0, top_level.to_string()),
    ] {
        svg.text(x, bottom + 14.0, "axis", "middle", &text);
    }
    let together = if width > 1 { format!(", {width} levels to a bar") } else { String::new() };
    svg.text(middle, bottom + 30.0, "axis", "middle", &format!("signed level{together}"));
    svg.finish(
        "levels",
        bottom + 38.0,
        &format!("Histograms: levels of the weights of {}", count(groups.len() as u64, "layer")),
    )
}
