//! Numbers as people read them.

use std::time::Duration;

/// `1 row`, `2 rows`.
pub(crate) fn count(n: usize, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {what}{s}", thousands(n as u64))
}

/// `1,234,567`.
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `812`, `12.4k`, `1.31M`.
pub(crate) fn short(n: f64) -> String {
    match n {
        n if n >= 1e9 => format!("{:.2}G", n / 1e9),
        n if n >= 1e6 => format!("{:.2}M", n / 1e6),
        n if n >= 1e4 => format!("{:.1}k", n / 1e3),
        n => format!("{n:.0}"),
    }
}

/// `1.5 kB`, `23.4 MB`.
pub(crate) fn bytes(n: u64) -> String {
    match n as f64 {
        n if n >= 1e9 => format!("{:.2} GB", n / 1e9),
        n if n >= 1e6 => format!("{:.1} MB", n / 1e6),
        n if n >= 1e3 => format!("{:.1} kB", n / 1e3),
        n => format!("{n:.0} B"),
    }
}

/// `850 µs`, `2.1 ms`, `1.4 s`.
pub(crate) fn micros(n: u64) -> String {
    match n as f64 {
        n if n >= 1e6 => format!("{:.1} s", n / 1e6),
        n if n >= 1e3 => format!("{:.1} ms", n / 1e3),
        n => format!("{n:.0} µs"),
    }
}

/// `00:01:30`.
pub(crate) fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(short(1_310_000.0), "1.31M");
        assert_eq!(bytes(23_400_000), "23.4 MB");
        assert_eq!(micros(2_100), "2.1 ms");
        assert_eq!(clock(Duration::from_secs(3_690)), "01:01:30");
        assert_eq!(count(1, "source"), "1 source");
    }
}
