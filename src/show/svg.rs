//! Lines, marks and axes; finished pictures.

use std::fmt::{Display, Write};

use super::names::printable;
use super::number::mark;

/// Colours and marks of the pictures, for pages and for single files.
pub const STYLE: &str = include_str!("style.css");

/// A finished picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Name of its file, without extension.
    pub name: String,
    /// The `<svg>` element, without a style of its own.
    pub svg: String,
}

impl Picture {
    /// The picture as a file that stands alone.
    #[must_use]
    pub fn file(&self) -> String {
        let (start, rest) = self.svg.split_once('>').unwrap_or((&self.svg, ""));
        let style = STYLE.trim();
        let ground = "<rect class=\"ground\" width=\"100%\" height=\"100%\"/>";
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{start}>\n<style>\n{style}\n</style>\n{ground}{rest}\n")
    }
}

/// The shape of a mark: no two curves of a picture are told apart by their colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A filled circle.
    Disc,
    /// A square.
    Square,
    /// A square on its corner.
    Diamond,
}

/// Text as XML takes it; what XML cannot hold at all becomes U+FFFD.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// A coordinate: a tenth is fine enough, and no `-0`.
fn c(value: f64) -> impl Display {
    let tenths = (value * 10.0).round() / 10.0 + 0.0;
    if tenths == 0.0 { 0.0 } else { tenths }
}

/// A drawing in the making; the origin is the upper left corner, units are pixels.
pub struct Svg {
    width: f64,
    body: String,
}

impl Svg {
    /// An empty drawing with a title above it.
    pub fn new(width: f64, title: &str) -> Self {
        let mut svg = Self { width, body: String::new() };
        svg.text(0.0, 14.0, "title", "start", title);
        svg
    }

    /// The picture; `label` says in words what it shows.
    pub fn finish(self, name: &str, height: f64, label: &str) -> Picture {
        let (w, h) = (c(self.width), c(height));
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" role=\"img\" aria-label=\"{}\">{}</svg>",
            escape(label),
            self.body
        );
        Picture { name: name.to_owned(), svg }
    }

    /// Text in a class of the style, at its `anchor`: `start`, `middle` or `end`.
    pub fn text(&mut self, x: f64, y: f64, class: &str, anchor: &str, text: &str) {
        // Writing to a string cannot fail, here and below.
        let anchor = if anchor == "start" { String::new() } else { format!(" text-anchor=\"{anchor}\"") };
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let _ = write!(self.body, "<text x=\"{}\" y=\"{}\"{class}{anchor}>{}</text>", c(x), c(y), escape(text));
    }

    /// Text that reads upwards, centred at its place.
    pub fn upward(&mut self, x: f64, y: f64, text: &str) {
        let (x, y) = (c(x), c(y));
        let _ = write!(
            self.body,
            "<text class=\"axis\" text-anchor=\"middle\" transform=\"translate({x} {y}) rotate(-90)\">{}</text>",
            escape(text)
        );
    }

    /// A line.
    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let _ = write!(
            self.body,
            "<line class=\"{class}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>",
            c(from.0),
            c(from.1),
            c(to.0),
            c(to.1)
        );
    }

    /// A rectangle; `title` is what a pointer on it shows.
    pub fn rect(&mut self, class: &str, at: (f64, f64), size: (f64, f64), title: &str) {
        let head = format!(
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
            c(at.0),
            c(at.1),
            c(size.0.max(0.0)),
            c(size.1.max(0.0))
        );
        self.titled(&head, "rect", title);
    }

    /// A path with the style of a class.
    pub fn path(&mut self, class: &str, d: &str) {
        let _ = write!(self.body, "<path class=\"{class}\" d=\"{d}\"/>");
    }

    /// A path in a colour of its own.
    pub fn filled_path(&mut self, fill: &str, d: &str) {
        let _ = write!(self.body, "<path fill=\"{fill}\" d=\"{d}\"/>");
    }

    /// An element as it is.
    pub fn raw(&mut self, element: &str) {
        self.body.push_str(element);
    }

    /// A mark; `title` is what a pointer on it shows.
    pub fn mark(&mut self, (shape, class): (Shape, &str), (x, y): (f64, f64), title: &str) {
        match shape {
            Shape::Disc => self.disc(class, (x, y), title),
            Shape::Square => self.rect(class, (x - 4.0, y - 4.0), (8.0, 8.0), title),
            Shape::Diamond => {
                let (x, y) = (c(x), c(y));
                let head = format!("<path class=\"{class}\" d=\"M{x} {y}m0-6l6 6l-6 6l-6-6z\"");
                self.titled(&head, "path", title);
            }
        }
    }

    /// A disc; `title` is what a pointer on it shows.
    pub fn disc(&mut self, class: &str, at: (f64, f64), title: &str) {
        let head = format!("<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"4.5\"", c(at.0), c(at.1));
        self.titled(&head, "circle", title);
    }

    fn titled(&mut self, head: &str, element: &str, title: &str) {
        let _ = match title {
            "" => write!(self.body, "{head}/>"),
            title => write!(self.body, "{head}><title>{}</title></{element}>", escape(title)),
        };
    }

    /// Marks of a horizontal axis between `top` and `bottom`, numbers below.
    pub fn x_axis(&mut self, scale: &Scale, top: f64, bottom: f64, label: &str) {
        for value in scale.marks() {
            let x = scale.at(value);
            self.line("grid", (x, top), (x, bottom));
            self.text(x, bottom + 15.0, "axis", "middle", &mark(value));
        }
        self.text((scale.from + scale.to) / 2.0, bottom + 31.0, "axis", "middle", label);
    }

    /// Marks of a vertical axis between `left` and `right`, numbers at the left.
    pub fn y_axis(&mut self, scale: &Scale, left: f64, right: f64, label: &str) {
        for value in scale.marks() {
            let y = scale.at(value);
            self.line("grid", (left, y), (right, y));
            self.text(left - 7.0, y + 4.0, "axis", "end", &mark(value));
        }
        self.upward(11.0, (scale.from + scale.to) / 2.0, label);
    }
}

/// From values to pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    lo: f64,
    hi: f64,
    log: bool,
    /// Pixel of the lowest value.
    pub from: f64,
    /// Pixel of the highest.
    pub to: f64,
}

impl Scale {
    /// From 0 to a round number not below `most`.
    pub fn linear(most: f64, from: f64, to: f64) -> Self {
        let most = if most > 0.0 { most } else { 1.0 };
        let step = step(most);
        Self { lo: 0.0, hi: (most / step - 1e-9).ceil() * step, log: false, from, to }
    }

    /// From 0 to exactly `most`.
    pub fn exact(most: f64, from: f64, to: f64) -> Self {
        Self { lo: 0.0, hi: if most > 0.0 { most } else { 1.0 }, log: false, from, to }
    }

    /// Whole decades around the values above 0.
    pub fn log(values: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Self {
        let (lo, hi) = values
            .into_iter()
            .filter(|v| *v > 0.0 && v.is_finite())
            .fold((f64::INFINITY, 0.0f64), |(lo, hi), v| (lo.min(v), hi.max(v)));
        let (lo, hi) = if lo > hi { (1.0, 10.0) } else { (decade(lo), 10f64.powi((hi.log10() - 1e-12).ceil() as i32)) };
        let hi = if hi > lo { hi } else { 10.0 * lo };
        Self { lo, hi, log: true, from, to }
    }

    /// The pixel of a value; of a value below the scale, the scale's end.
    pub fn at(&self, value: f64) -> f64 {
        let part = if self.log {
            if value <= self.lo { 0.0 } else { (value / self.lo).log10() / (self.hi / self.lo).log10() }
        } else {
            (value - self.lo) / (self.hi - self.lo)
        };
        self.from + part.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Whether a value lies on the scale.
    pub fn holds(&self, value: f64) -> bool {
        (self.lo..=self.hi).contains(&value)
    }

    /// Values to mark.
    pub fn marks(&self) -> Vec<f64> {
        if self.log {
            let decades = (self.hi / self.lo).log10().round() as i32;
            // At most some seven marks.
            let every = (decades / 7 + 1) as usize;
            return (0..=decades).step_by(every).map(|d| self.lo * 10f64.powi(d)).collect();
        }
        let step = step(self.hi);
        let n = (self.hi / step + 1e-9).floor() as u32;
        (0..=n).map(|i| f64::from(i) * step).collect()
    }
}

/// The power of ten at or below a number above 0.
fn decade(value: f64) -> f64 {
    10f64.powi((value.log10() + 1e-12).floor() as i32)
}

/// A round step of which three to seven reach `most`.
fn step(most: f64) -> f64 {
    let raw = most / 4.0;
    let ten = decade(raw);
    let round = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|r| r * ten >= raw * (1.0 - 1e-9)).unwrap_or(10.0);
    round * ten
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_round_and_hold_their_values() {
        for most in [0.0, 1.0, 7.0, 364.0, 14_722.0, 2.9e6, 1e-7] {
            let s = Scale::linear(most, 0.0, 100.0);
            let marks = s.marks();
            assert!((2..=8).contains(&marks.len()), "{most}: {marks:?}");
            assert!(s.at(most) <= 100.0 && *marks.last().unwrap() >= most);
        }
        let s = Scale::log([0.0, 37.0, 2_900_000.0], 100.0, 0.0);
        assert_eq!((s.at(10.0), s.at(1e7)), (100.0, 0.0));
        assert_eq!(s.marks(), [10.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e7]);
        assert_eq!(s.at(0.0), 100.0);
        let one = Scale::log([100.0], 0.0, 90.0);
        assert_eq!(one.marks(), [100.0, 1000.0]);
        assert_eq!(Scale::log([], 0.0, 90.0).marks(), [1.0, 10.0]);
    }

    #[test]
    fn text_is_xml_whatever_it_was() {
        assert_eq!(escape("a<b>&\"\u{1}\n"), "a&lt;b&gt;&amp;&quot;\u{fffd} ");
    }
}
