//! Spans of time as people write them: `90s`, `30m`, `2h`, `1h30m`.

use std::time::Duration;

/// Reads a span: numbers with `s`, `m`, `h` or `d` behind them, added up.
///
/// # Errors
/// What it is, and what was expected; a span of no time.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || {
        format!(
            "`{text}` is no span of time: expected a number with s, m, h or d behind it, as in 90s, 30m, 2h or 1h30m"
        )
    };
    let (mut seconds, mut rest) = (0.0, text.trim());
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let number: f64 = rest[..end].parse().map_err(|_| wrong())?;
        let mut letters = rest[end..].chars();
        seconds += number
            * match letters.next() {
                Some('s') => 1.0,
                Some('m') => 60.0,
                Some('h') => 3600.0,
                Some('d') => 86_400.0,
                _ => return Err(wrong()),
            };
        rest = letters.as_str();
    }
    Duration::try_from_secs_f64(seconds).ok().filter(|span| !span.is_zero()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (text, seconds) in [("90s", 90.0), ("30m", 1800.0), ("2h", 7200.0), ("1h30m", 5400.0), ("1.5d", 129_600.0)]
        {
            assert_eq!(parse(text).unwrap().as_secs_f64(), seconds, "{text}");
        }
        for text in ["", "2", "h", "2x", "-1h", "0s", "2h30", "1..5h", "99999999999999999999d"] {
            assert!(parse(text).unwrap_err().contains("expected a number"), "{text}");
        }
    }
}
