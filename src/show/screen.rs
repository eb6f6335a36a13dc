//! Width and colours of what a text is shown on.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

/// Columns of a fact's label.
const LABEL: usize = 10;

/// What a text is shown on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Screen {
    /// Columns; none where lines may be of any length, as in a pipe or a file.
    pub width: Option<usize>,
    /// Whether it shows colours.
    pub colour: bool,
}

/// What a piece of text is, for its colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// What to look at first.
    Strong,
    /// Labels, heads of tables, remarks.
    Quiet,
    /// Better, or as it should be.
    Good,
    /// Worse, or wrong.
    Bad,
}

impl Tone {
    const fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Quiet => Style::new().dimmed(),
            Self::Good => AnsiColor::Green.on_default().bold(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
        }
    }
}

impl Screen {
    /// The text in the colours of its tone.
    #[must_use]
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.colour || tone == Tone::Plain || text.is_empty() {
            return text.to_owned();
        }
        let style = tone.style();
        format!("{style}{text}{style:#}")
    }

    /// A paragraph, wrapped between words, with every line in the same tone.
    #[must_use]
    pub fn paragraph(&self, tone: Tone, text: &str) -> String {
        let lines = wrap(text, self.width.unwrap_or(usize::MAX));
        lines.iter().fold(String::new(), |out, line| out + &self.paint(tone, line) + "\n")
    }

    /// A fact: its label, then its text, wrapped beside the label.
    #[must_use]
    pub fn fact(&self, label: &str, text: &str) -> String {
        self.fact_in(Tone::Plain, label, text)
    }

    /// The same with a tone for the text.
    #[must_use]
    pub fn fact_in(&self, tone: Tone, label: &str, text: &str) -> String {
        let lines = wrap(text, self.width.map_or(usize::MAX, |width| width.saturating_sub(LABEL)));
        let mut out = String::new();
        for (i, line) in lines.iter().enumerate() {
            let label = if i == 0 { label } else { "" };
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{}{}", self.paint(Tone::Quiet, &format!("{label:<LABEL$}")), self.paint(tone, line));
        }
        out
    }
}

/// Lines of at most `width` characters, broken between words; a word that is longer stands alone.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_between_words_beside_its_label() {
        let narrow = Screen { width: Some(24), colour: false };
        assert_eq!(
            narrow.fact("bound", "no plan needs fewer writes"),
            "bound     no plan needs\n          fewer writes\n"
        );
        assert_eq!(Screen::default().fact("bound", "no plan needs fewer"), "bound     no plan needs fewer\n");
        assert_eq!(wrap("a-word-that-is-long b", 6), ["a-word-that-is-long", "b"]);
        assert_eq!(wrap("", 6), [""]);
    }

    #[test]
    fn colours_only_where_there_are_some() {
        let colour = Screen { width: None, colour: true };
        assert_eq!(colour.paint(Tone::Strong, "x"), "\u{1b}[1mx\u{1b}[0m");
        assert_eq!(Screen::default().paint(Tone::Bad, "x"), "x");
        assert_eq!(colour.paint(Tone::Plain, "x"), "x");
    }
}
