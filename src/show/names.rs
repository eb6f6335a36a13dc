//! Names made shorter, and the name that was probably meant.

/// How alike two names are at least, from 0 to 1 (Jaro-Winkler, as the command line's parser measures flags).
const ALIKE: f64 = 0.8;

/// The name among `known` that comes nearest to what was given, if one is near.
#[must_use]
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    let likeness = |name: &str| strsim::jaro_winkler(&given, &name.to_lowercase());
    let best = known.into_iter().map(|name| (likeness(name), name)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > ALIKE).then_some(best.1)
}

/// The end of a message about an unknown name: the one that was probably meant, or nothing.
#[must_use]
pub fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(given, known).map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}

/// A name in at most `most` characters: its end says more than its front.
#[must_use]
pub fn shortened(name: &str, most: usize) -> String {
    let n = name.chars().count();
    let most = most.max(1);
    if n <= most { name.to_owned() } else { format!("\u{2026}{}", name.chars().skip(n - most + 1).collect::<String>()) }
}

/// A sentence in at most `most` characters: its beginning.
#[must_use]
pub fn begun(text: &str, most: usize) -> String {
    let most = most.max(1);
    if text.chars().count() <= most {
        text.to_owned()
    } else {
        text.chars().take(most - 1).chain(['\u{2026}']).collect()
    }
}

/// Names of layers without what all of them share: the ending `.weight`, and leading parts between dots.
#[must_use]
pub fn distinct<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let stems: Vec<&str> = names.iter().map(|name| name.strip_suffix(".weight").unwrap_or(name)).collect();
    let shared = match &stems[..] {
        [] | [_] => 0,
        [first, others @ ..] => {
            let alike = |other: &&str| first.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
            let alike = others.iter().map(alike).min().unwrap_or(0);
            // Whole parts only, and no name is left empty: a part ends behind its dot.
            first.as_bytes()[..alike].iter().rposition(|b| *b == b'.').map_or(0, |dot| dot + 1)
        }
    };
    stems.into_iter().map(|stem| &stem[shared..]).collect()
}

/// Text without what a terminal, HTML or XML would take for something else than text: control characters and marks of direction become
/// U+FFFD, tabs and line ends a space.
#[must_use]
pub fn printable(text: &str) -> String {
    let plain = |c: char| match c {
        '\t' | '\n' => ' ',
        '\u{fffe}' | '\u{ffff}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            '\u{fffd}'
        }
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelled_names_are_recognised_and_others_are_not() {
        let devices = ["elight", "gst-optical", "gsse-heater", "pcm-soi-heater"];
        for (given, meant) in
            [("elihgt", "elight"), ("ELight", "elight"), ("gst_optical", "gst-optical"), ("gsse-heter", "gsse-heater")]
        {
            assert_eq!(nearest(given, devices), Some(meant), "{given}");
        }
        assert_eq!((nearest("warp-drive", devices), nearest("x", [])), (None, None));
    }

    #[test]
    fn names_keep_what_tells_them_apart() {
        let names = ["net.layers.0.weight", "net.layers.10.weight", "net.layers.1.bias"];
        assert_eq!(distinct(&names), ["0", "10", "1.bias"]);
        assert_eq!(distinct(&["net.a.weight"]), ["net.a"]);
        assert_eq!(distinct(&["fc1.weight", "fc2.weight"]), ["fc1", "fc2"]);
        assert_eq!(distinct(&["a.b.weight", "a.b"]), ["b", "b"]);
        assert_eq!(distinct(&[]), [""; 0]);
        assert_eq!((shortened("abcdef", 4), shortened("abcd", 4)), ("\u{2026}def".to_owned(), "abcd".to_owned()));
    }

    #[test]
    fn nothing_but_text_is_printed() {
        assert_eq!(printable("a\u{1b}[31m\u{202e}b\nc\u{1}"), "a\u{fffd}[31m\u{fffd}b c\u{fffd}");
    }
}
