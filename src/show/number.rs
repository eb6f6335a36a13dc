//! Numbers as people write them: the one home of every unit and rounding in tables, pages and pictures.

/// Seconds of a year of 365.25 days.
pub const SECONDS_A_YEAR: f64 = 365.25 * 86_400.0;

/// 1234567 as `1,234,567`.
#[must_use]
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// So many of something: `1 layer`, `17,024 weights`; `noun` in the singular, its plural with an `s`.
#[must_use]
pub fn count(n: u64, noun: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {noun}{s}", thousands(n))
}

/// A whole number for a narrow column: exact below ten millions, then `24.4 M`, `1.21 G`.
#[must_use]
pub fn large(n: u64) -> String {
    if n < 10_000_000 {
        return thousands(n);
    }
    let units = [("G", 1e9), ("M", 1e6)];
    let (unit, size) = units.into_iter().find(|(_, size)| n as f64 >= *size).unwrap_or(units[1]);
    format!("{} {unit}", three_digits(n as f64 / size))
}

/// How many times fewer `to` is than `from`, as `13.7x`; none when nothing is left of something.
#[must_use]
pub fn times(from: u64, to: u64) -> Option<String> {
    match (from, to) {
        (0, 0) => Some("1.0x".to_owned()),
        (_, 0) => None,
        _ => {
            let factor = from as f64 / to as f64;
            Some(if factor >= 100.0 { format!("{factor:.0}x") } else { format!("{factor:.1}x") })
        }
    }
}

/// The same as a sentence's part: `13.7x fewer`, `none left`.
#[must_use]
pub fn factor(from: u64, to: u64) -> String {
    times(from, to).map_or("none left".to_owned(), |times| format!("{times} fewer"))
}

/// Picojoules in the unit that fits.
#[must_use]
pub fn energy(pj: f64) -> String {
    scaled(pj, &[("pJ", 1.0), ("nJ", 1e3), ("uJ", 1e6), ("mJ", 1e9), ("J", 1e12)])
}

/// Microseconds in the unit that fits.
#[must_use]
pub fn time(us: f64) -> String {
    scaled(us, &[("us", 1.0), ("ms", 1e3), ("s", 1e6)])
}

fn scaled(value: f64, units: &[(&str, f64)]) -> String {
    let (unit, size) = units.iter().rev().find(|(_, size)| value >= *size).unwrap_or(&units[0]);
    format!("{} {unit}", three_digits(value / size))
}

/// Three digits that count: 9.87, 98.7, 987.
fn three_digits(value: f64) -> String {
    match value {
        v if v >= 99.95 => format!("{v:.0}"),
        v if v >= 9.995 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// A span given in years, in the unit that fits.
#[must_use]
pub fn span(years: f64) -> String {
    let seconds = years * SECONDS_A_YEAR;
    if years >= 1e6 {
        return format!("{} years", short(years));
    }
    if years >= 1000.0 {
        return format!("{} years", thousands(years.round() as u64));
    }
    let units = [("years", SECONDS_A_YEAR), ("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0)];
    let (unit, size) = units.iter().find(|(_, size)| seconds >= *size).unwrap_or(&units[4]);
    let n = seconds / size;
    if n < 1.0 {
        return format!("{} seconds", short(n));
    }
    if n >= 100.0 { format!("{n:.0} {unit}") } else { format!("{n:.1} {unit}") }
}

/// A number in few digits.
#[must_use]
pub fn short(value: f64) -> String {
    if value != 0.0 && (value.abs() >= 1e6 || value.abs() < 1e-3) {
        return format!("{value:.2e}");
    }
    let digits = format!("{value:.3}");
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A figure of a device: three digits that count, and no more than it takes: 333, 0.5, 9, 3,800.
#[must_use]
pub fn brief(value: f64) -> String {
    match value.abs() {
        v if (1e3..1e15).contains(&v) => thousands(value.round() as u64),
        v if v >= 100.0 => format!("{value:.0}"),
        _ => short(value),
    }
}

/// A mark of an axis: 0.05, 20, 2 k, 300 k, 5 M, 1e12.
#[must_use]
pub fn mark(value: f64) -> String {
    let trim = |v: f64| short((v * 1e6).round() / 1e6);
    match value.abs() {
        v if v >= 1e12 => format!("{value:.0e}"),
        v if v >= 1e9 => format!("{} G", trim(value / 1e9)),
        v if v >= 1e6 => format!("{} M", trim(value / 1e6)),
        v if v >= 1e3 => format!("{} k", trim(value / 1e3)),
        _ => trim(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_write_them() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!([0, 1, 1001].map(|n| count(n, "layer")), ["0 layers", "1 layer", "1,001 layers"]);
        assert_eq!(short(0.5), "0.5");
        assert_eq!(short(20.0), "20");
        assert_eq!([333.333, 0.5, 9.0, 5e5].map(brief), ["333", "0.5", "9", "500,000"]);
        assert_eq!(energy(2_500_000.0), "2.50 uJ");
        assert_eq!([0.0, 99.96e3, 39_620.0].map(time), ["0.00 us", "100 ms", "39.6 ms"]);
        assert_eq!([0, 1_717_092, 24_412_345, 1_234_567_890].map(large), ["0", "1,717,092", "24.4 M", "1.23 G"]);
        assert_eq!(factor(100, 0), "none left");
        assert_eq!(factor(150, 10), "15.0x fewer");
        assert_eq!(span(2.5), "2.5 years");
        assert_eq!(span(0.5 / 365.25), "12.0 hours");
        assert_eq!(span(12_345.6), "12,346 years");
        assert_eq!([0.05, 20.0, 2000.0, 2.5e6, 1e13].map(mark), ["0.05", "20", "2 k", "2.5 M", "1e13"]);
    }
}
