//! Rows of a node as the preview shows them, and what there is to say of each column.

use std::collections::HashMap;

use millstream_serve::api::{Column, TapRow};
use serde_json::Value;

/// How many bars a histogram has.
pub const BARS: usize = 14;
/// How many of a column's most frequent values are told.
const TOP: usize = BARS;

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `+I`
    Insert,
    /// `-U`
    UpdateBefore,
    /// `+U`
    UpdateAfter,
    /// `-D`
    Delete,
}

impl Kind {
    fn parse(text: &str) -> Self {
        match text {
            "-U" => Kind::UpdateBefore,
            "+U" => Kind::UpdateAfter,
            "-D" => Kind::Delete,
            _ => Kind::Insert,
        }
    }

    /// As Flink writes it.
    pub fn text(self) -> &'static str {
        match self {
            Kind::Insert => "+I",
            Kind::UpdateBefore => "-U",
            Kind::UpdateAfter => "+U",
            Kind::Delete => "-D",
        }
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What happened to it.
    pub kind: Kind,
    /// Its event time in milliseconds since 1970, if the stream has one.
    pub time: Option<i64>,
    /// A text a column; `None` for NULL.
    pub cells: Vec<Option<Box<str>>>,
}

impl Row {
    /// A row as it came.
    pub fn of(row: TapRow) -> Self {
        let text = |value: Value| match value {
            Value::Null => None,
            Value::String(text) => Some(text.into_boxed_str()),
            other => Some(other.to_string().into_boxed_str()),
        };
        Self {
            kind: Kind::parse(&row.kind),
            time: row.time,
            cells: row.row.into_iter().map(text).collect(),
        }
    }

    /// Whether a cell contains a text; capitals do not matter.
    pub fn contains(&self, lowercase: &str) -> bool {
        self.kind.text().to_lowercase().contains(lowercase)
            || self.cells.iter().any(|cell| match cell {
                Some(text) => text.to_lowercase().contains(lowercase),
                None => "null".contains(lowercase),
            })
    }
}

/// How the values of a column are distributed.
#[derive(Debug, Clone, PartialEq)]
pub enum Distribution {
    /// Of numbers and times: how many lie in each of [`BARS`] spans of the same width.
    Bars {
        /// The least value.
        least: f64,
        /// The greatest.
        greatest: f64,
        /// How many by span.
        counts: Vec<u32>,
    },
    /// Of everything else: the most frequent values.
    Top(Vec<(Box<str>, u32)>),
    /// There is no value.
    Nothing,
}

/// What there is to say of a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// The share of NULL.
    pub nulls: f64,
    /// How many different values.
    pub distinct: usize,
    /// The mean of numbers.
    pub mean: Option<f64>,
    /// How they are distributed.
    pub distribution: Distribution,
}

/// Whether a type is one of numbers.
pub fn is_number(ty: &str) -> bool {
    let name = ty.split(['(', ' ']).next().unwrap_or_default();
    matches!(
        name,
        "TINYINT" | "SMALLINT" | "INT" | "BIGINT" | "FLOAT" | "DOUBLE" | "DECIMAL"
    )
}

/// Whether a type is one of times.
pub fn is_time(ty: &str) -> bool {
    ty.starts_with("TIMESTAMP") || ty.starts_with("DATE") || ty.starts_with("TIME")
}

/// What there is to say of each column.
pub fn statistics<'a>(
    columns: &[Column],
    rows: impl Iterator<Item = &'a Row> + Clone,
) -> Vec<Statistics> {
    let of_column = |(index, column): (usize, &Column)| {
        let cells = rows
            .clone()
            .map(|row| row.cells.get(index).and_then(Option::as_deref));
        statistics_of(&column.ty, cells)
    };
    columns.iter().enumerate().map(of_column).collect()
}

fn statistics_of<'a>(ty: &str, cells: impl Iterator<Item = Option<&'a str>>) -> Statistics {
    let mut all = 0_u32;
    let mut nulls = 0_u32;
    let mut counts: HashMap<&str, u32> = HashMap::new();
    for cell in cells {
        all += 1;
        match cell {
            Some(text) => *counts.entry(text).or_default() += 1,
            None => nulls += 1,
        }
    }
    let number: Option<fn(&str) -> Option<f64>> = if is_number(ty) {
        Some(|text| text.parse::<f64>().ok().filter(|number| number.is_finite()))
    } else if is_time(ty) {
        Some(seconds)
    } else {
        None
    };
    let numbers: Option<Vec<(f64, u32)>> = number.map(|number| {
        let numbers = counts.iter();
        let numbers = numbers.filter_map(|(text, count)| Some((number(text)?, *count)));
        numbers.collect()
    });
    let bars = numbers.as_deref().and_then(bars);
    let mean = numbers.filter(|_| is_number(ty)).and_then(|numbers| {
        let count: f64 = numbers.iter().map(|(_, count)| f64::from(*count)).sum();
        let sum: f64 = numbers.iter().map(|(n, count)| n * f64::from(*count)).sum();
        (count > 0.0).then(|| sum / count)
    });
    let distribution = bars.unwrap_or_else(|| top(&counts));
    Statistics {
        mean,
        nulls: f64::from(nulls) / f64::from(all.max(1)),
        distinct: counts.len(),
        distribution,
    }
}

fn bars(numbers: &[(f64, u32)]) -> Option<Distribution> {
    let least = numbers.iter().map(|(n, _)| *n).min_by(f64::total_cmp)?;
    let greatest = numbers.iter().map(|(n, _)| *n).max_by(f64::total_cmp)?;
    let mut counts = vec![0; BARS];
    let width = (greatest - least) / BARS as f64;
    for (number, count) in numbers {
        let bar = match width > 0.0 {
            true => ((number - least) / width) as usize,
            // One value stands in the middle.
            false => BARS / 2,
        };
        counts[bar.min(BARS - 1)] += count;
    }
    Some(Distribution::Bars {
        least,
        greatest,
        counts,
    })
}

fn top(counts: &HashMap<&str, u32>) -> Distribution {
    let mut top: Vec<(&str, u32)> = counts.iter().map(|(text, count)| (*text, *count)).collect();
    if top.is_empty() {
        return Distribution::Nothing;
    }
    top.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    top.truncate(TOP);
    Distribution::Top(
        top.into_iter()
            .map(|(text, count)| (text.into(), count))
            .collect(),
    )
}

/// A date, time or both as Flink writes it, in seconds; the zero does not matter.
fn seconds(text: &str) -> Option<f64> {
    let (date, time) = match text.split_once([' ', 'T']) {
        Some((date, time)) => (Some(date), Some(time)),
        None if text.contains(':') => (None, Some(text)),
        None => (Some(text), None),
    };
    let mut seconds = 0.0;
    if let Some(date) = date {
        let mut parts = date.rsplitn(3, '-').map(str::parse::<i64>);
        let (day, month, year) = (
            parts.next()?.ok()?,
            parts.next()?.ok()?,
            parts.next()?.ok()?,
        );
        seconds += days(year, month, day) as f64 * 86_400.0;
    }
    if let Some(time) = time {
        let mut unit = 3600.0;
        for part in time.trim_end_matches('Z').split(':') {
            seconds += part.parse::<f64>().ok()? * unit;
            unit /= 60.0;
        }
    }
    Some(seconds)
}

/// Days since 1970-01-01 in the Gregorian calendar (Howard Hinnant's `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// An event time as text: `2024-01-01 09:41:00.000`.
pub fn time_text(millis: i64) -> String {
    let (day, of_day) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + i64::from(month <= 2);
    let (hours, minutes) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (seconds, millis) = (of_day / 1000 % 60, of_day % 1000);
    format!("{year:04}-{month:02}-{day:02} {hours:02}:{minutes:02}:{seconds:02}.{millis:03}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells<'a>(texts: &'a [&'a str]) -> impl Iterator<Item = Option<&'a str>> + 'a {
        texts.iter().map(|text| (*text != "NULL").then_some(*text))
    }

    #[test]
    fn numbers_have_bars_and_nulls_a_share() {
        let of = statistics_of("DECIMAL(10, 2)", cells(&["0", "NULL", "14.0", "13.99"]));
        assert_eq!(of.nulls, 0.25);
        assert_eq!(of.distinct, 3);
        assert_eq!(of.mean, Some(27.99 / 3.0));
        let Distribution::Bars {
            least,
            greatest,
            counts,
        } = of.distribution
        else {
            panic!("{of:?}");
        };
        assert_eq!((least, greatest), (0.0, 14.0));
        assert_eq!((counts[0], counts[BARS - 1]), (1, 2));
    }

    #[test]
    fn texts_have_their_most_frequent_values() {
        let of = statistics_of("STRING", cells(&["b", "a", "b", "c", "d", "a"]));
        let top = |texts: &[(&str, u32)]| {
            let texts = texts.iter().map(|(text, count)| (Box::from(*text), *count));
            Distribution::Top(texts.collect())
        };
        assert_eq!(
            of.distribution,
            top(&[("a", 2), ("b", 2), ("c", 1), ("d", 1)])
        );
        assert_eq!(of.distinct, 4);
        let none = statistics_of("INT", cells(&["NULL"]));
        assert_eq!(none.distribution, Distribution::Nothing);
    }

    #[test]
    fn times_are_counted() {
        assert_eq!(seconds("1970-01-02 00:00:01.500"), Some(86_401.5));
        assert_eq!(seconds("2000-03-01"), Some(951_868_800.0));
        assert_eq!(seconds("2000-03-01T12:30"), Some(951_913_800.0));
        assert_eq!(seconds("00:01:00"), Some(60.0));
        assert_eq!(seconds("soon"), None);
        assert_eq!(time_text(951_913_800_007), "2000-03-01 12:30:00.007");
        assert_eq!(time_text(-1), "1969-12-31 23:59:59.999");
    }
}
