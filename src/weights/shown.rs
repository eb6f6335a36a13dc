//! Names and reasons as they are shown: nothing in them that a terminal or a page would act upon.

use super::layer::Skipped;

/// A name with everything escaped that a terminal or a page would act upon: control characters, and those that turn the direction of
/// text. Two names stay two.
pub(super) fn escaped(name: &str) -> String {
    let escape = |c: char| match c {
        '"' | '\'' => c.to_string(),
        _ => c.escape_debug().to_string(),
    };
    name.chars().map(escape).collect()
}

/// A name as it is shown: escaped, and not for pages on end.
pub(super) fn shown(name: &str) -> String {
    const MOST: usize = 120;
    let mut text = escaped(&name.chars().take(MOST).collect::<String>());
    if name.chars().count() > MOST {
        text.push_str("...");
    }
    text
}

/// The first few skipped tensors with their reasons.
pub(super) fn reasons(skipped: &[Skipped]) -> String {
    const SHOWN: usize = 5;
    if skipped.is_empty() {
        return "the file has no tensors".into();
    }
    let shown: Vec<_> =
        skipped.iter().take(SHOWN).map(|s| format!("`{}`: {}", s.name.escape_debug(), s.reason)).collect();
    let more = skipped.len() - shown.len();
    shown.join("; ") + &if more > 0 { format!("; and {more} more") } else { String::new() }
}
