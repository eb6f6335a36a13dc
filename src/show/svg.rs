//! Lines, marks and axes; finished pictures.

use std::fmt::{Display, Write};

use super::names::printable;
use super::number::mark;

/// Colours and marks of the pictures, for pages and for single files.
pub const STYLE: &str = include_str!("style.css");

/// Width of a picture on a wide page and in a file, of one of two beside each other, and of any on a narrow page; pixels. At these widths
/// letters have 12 pixels, and pages never show a picture smaller.
pub const WIDE: f64 = 720.0;
/// Half of it.
pub const HALF: f64 = 430.0;
/// On a telephone.
pub const NARROW: f64 = 340.0;

/// A finished picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Name of its file, without extension.
    pub name: String,
    /// The `<svg>` element, without a style of its own.
    pub svg: String,
    /// The same for a narrow page; none where the picture is narrow enough.
    pub narrow: Option<String>,
}

impl Picture {
    /// A picture in its own width and in that of a narrow page.
    #[must_use]
    pub fn both(width: f64, draw: impl Fn(f64) -> Picture) -> Self {
        Self { narrow: Some(draw(NARROW).svg), ..draw(width) }
    }

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

/// Width of a text in letters of 12 pixels, pixels: an estimate, as no font is at hand.
#[must_use]
pub fn text_width(text: &str) -> f64 {
    6.6 * text.chars().count() as f64
}

/// How many letters go into a width.
#[must_use]
pub fn letters(width: f64) -> usize {
    (width / 6.6) as usize
}

/// What an entry of a legend shows beside its words.
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    /// A mark in the colour of a class.
    Mark(Shape, &'a str),
    /// A piece of a curve.
    Line(&'a str),
    /// An upright stroke, as bounds are drawn.
    Stroke,
    /// A filled field.
    Field(&'a str),
}

/// A drawing in the making; the origin is the upper left corner, units are pixels.
pub struct Svg {
    width: f64,
    body: String,
    /// Where the title, and the legend below it, end.
    pub top: f64,
}

impl Svg {
    /// An empty drawing with a title above it, in as many lines as it takes.
    #[must_use]
    pub fn new(width: f64, title: &str) -> Self {
        let mut svg = Self { width, body: String::new(), top: 0.0 };
        let mut line = String::new();
        for word in title.split(' ') {
            if !line.is_empty() && 1.15 * text_width(&format!("{line} {word}")) > width {
                svg.title_line(&std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        svg.title_line(&line);
        svg
    }

    fn title_line(&mut self, line: &str) {
        self.top += 17.0;
        self.text(0.0, self.top - 3.0, "title", "start", line);
    }

    /// A legend below the title, in as many lines as it takes.
    pub fn legend(&mut self, left: f64, entries: &[(Key<'_>, &str)]) {
        let mut x = left;
        self.top += 20.0;
        for (key, words) in entries {
            let sign = match key {
                Key::Mark(..) | Key::Stroke => 14.0,
                Key::Line(_) => 28.0,
                Key::Field(_) => 18.0,
            };
            let wide = sign + text_width(words);
            if x > left && x + wide > self.width {
                x = left;
                self.top += 18.0;
            }
            let y = self.top - 5.0;
            match key {
                Key::Mark(shape, class) => self.mark((*shape, class), (x + 5.0, y), ""),
                Key::Line(class) => self.line(&format!("line {class}"), (x, y), (x + 22.0, y)),
                Key::Stroke => self.line("bound", (x + 5.0, y - 7.0), (x + 5.0, y + 7.0)),
                Key::Field(class) => self.rect(class, (x, y - 6.0), (12.0, 12.0), ""),
            }
            self.text(x + sign, y + 4.0, "", "start", words);
            x += wide + 16.0;
        }
    }

    /// The picture; `label` says in words what it shows.
    pub fn finish(self, name: &str, height: f64, label: &str) -> Picture {
        let (w, h) = (c(self.width), c(height));
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" role=\"img\" aria-label=\"{}\">{}</svg>",
            escape(label),
            self.body
        );
        Picture { name: name.to_owned(), svg, narrow: None }
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
        let mut free = f64::NEG_INFINITY;
        for value in scale.marks() {
            let (x, words) = (scale.at(value), mark(value));
            self.line("grid", (x, top), (x, bottom));
            // A number that would touch the one before is left out.
            let half = text_width(&words) / 2.0;
            if x - half >= free {
                self.text(x, bottom + 15.0, "axis", "middle", &words);
                free = x + half + 6.0;
            }
        }
        // In the middle of the axis, as far as the picture's edges allow.
        let half = text_width(label) / 2.0;
        let middle = ((scale.from + scale.to) / 2.0).min(self.width - half).max(half);
        self.text(middle, bottom + 31.0, "axis", "middle", label);
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
    /// Pixels between zero and the lowest decade, on a logarithmic axis that has a place for zero.
    zero: Option<f64>,
    /// Pixel of the lowest value.
    pub from: f64,
    /// Pixel of the highest.
    pub to: f64,
}

impl Scale {
    /// From 0 to a round number not below `most`.
    #[must_use]
    pub fn linear(most: f64, from: f64, to: f64) -> Self {
        let most = if most > 0.0 { most } else { 1.0 };
        let step = step(most);
        Self { lo: 0.0, hi: (most / step - 1e-9).ceil() * step, log: false, zero: None, from, to }
    }

    /// Round numbers around two values, neither of which need be 0.
    #[must_use]
    pub fn between(lo: f64, hi: f64, from: f64, to: f64) -> Self {
        // One value: four steps that end at or above it.
        let step = step(if hi > lo { hi - lo } else { hi.abs().max(1.0) / 10.0 });
        let top = (hi / step - 1e-9).ceil() * step;
        let bottom = if hi > lo { (lo / step + 1e-9).floor() * step } else { top - 4.0 * step };
        Self { lo: bottom, hi: top, log: false, zero: None, from, to }
    }

    /// From 0 to exactly `most`.
    #[must_use]
    pub fn exact(most: f64, from: f64, to: f64) -> Self {
        Self { lo: 0.0, hi: if most > 0.0 { most } else { 1.0 }, log: false, zero: None, from, to }
    }

    /// Whole decades around the values above 0; where a value is 0, zero has a place of its own before them.
    pub fn log(values: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Self {
        let (mut lo, mut hi, mut zero) = (f64::INFINITY, 0.0f64, None);
        for value in values.into_iter().filter(|v| v.is_finite()) {
            if value > 0.0 {
                (lo, hi) = (lo.min(value), hi.max(value));
            } else {
                zero = Some(ZERO_GAP * (to - from).signum());
            }
        }
        let (lo, hi) = if lo > hi { (1.0, 10.0) } else { (decade(lo), 10f64.powi((hi.log10() - 1e-12).ceil() as i32)) };
        let hi = if hi > lo { hi } else { 10.0 * lo };
        Self { lo, hi, log: true, zero, from, to }
    }

    /// The pixel of a value; of a value below the scale, the scale's end.
    #[must_use]
    pub fn at(&self, value: f64) -> f64 {
        if self.log && value <= 0.0 {
            return self.from;
        }
        let from = self.from + self.zero.unwrap_or(0.0);
        let part = if self.log {
            (value / self.lo).log10() / (self.hi / self.lo).log10()
        } else {
            (value - self.lo) / (self.hi - self.lo)
        };
        from + part.clamp(0.0, 1.0) * (self.to - from)
    }

    /// Whether a value lies on the scale.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        (self.lo..=self.hi).contains(&value)
    }

    /// Values to mark.
    #[must_use]
    pub fn marks(&self) -> Vec<f64> {
        if self.log {
            let decades = (self.hi / self.lo).log10().round() as i32;
            // At most some seven marks.
            let every = (decades / 7 + 1) as usize;
            let powers = (0..=decades).step_by(every).map(|d| self.lo * 10f64.powi(d));
            return self.zero.map(|_| 0.0).into_iter().chain(powers).collect();
        }
        let step = step(self.hi - self.lo);
        let n = ((self.hi - self.lo) / step + 1e-9).floor() as u32;
        (0..=n).map(|i| self.lo + f64::from(i) * step).collect()
    }
}

/// Pixels between the place of zero and the lowest decade.
const ZERO_GAP: f64 = 26.0;

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
        let s = Scale::log([37.0, 2_900_000.0], 100.0, 0.0);
        assert_eq!((s.at(10.0), s.at(1e7)), (100.0, 0.0));
        assert_eq!(s.marks(), [10.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e7]);
        // Zero is drawn as zero: apart from every decade, and marked as what it is.
        let s = Scale::log([0.0, 37.0, 2_900_000.0], 100.0, 0.0);
        assert_eq!((s.at(0.0), s.at(10.0), s.at(1e7)), (100.0, 74.0, 0.0));
        assert_eq!(s.marks()[..2], [0.0, 10.0]);
        assert_eq!(Scale::log([0.0], 0.0, 90.0).marks(), [0.0, 1.0, 10.0]);
        for (lo, hi) in [(0.91, 0.97), (98.2, 98.2), (-3.0, 5.0), (0.0, 0.0)] {
            let s = Scale::between(lo, hi, 0.0, 100.0);
            let marks = s.marks();
            assert!((2..=8).contains(&marks.len()), "{lo} to {hi}: {marks:?}");
            assert!(marks[0] <= lo + 1e-9 && *marks.last().unwrap() >= hi - 1e-9, "{lo} to {hi}: {marks:?}");
        }
        let one = Scale::log([100.0], 0.0, 90.0);
        assert_eq!(one.marks(), [100.0, 1000.0]);
        assert_eq!(Scale::log([], 0.0, 90.0).marks(), [1.0, 10.0]);
    }

    #[test]
    fn text_is_xml_whatever_it_was() {
        assert_eq!(escape("a<b>&\"\u{1}\n"), "a&lt;b&gt;&amp;&quot;\u{fffd} ");
    }
}
