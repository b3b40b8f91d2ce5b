//! Dates, times and intervals as Flink writes them, checked and brought to one form.

use datafusion_sql::sqlparser::ast::DateTimeField;

/// A field of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Year,
    Quarter,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
}

impl Field {
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Some(match word.to_ascii_uppercase().as_str() {
            "YEAR" | "YEARS" => Self::Year,
            "QUARTER" | "QUARTERS" => Self::Quarter,
            "MONTH" | "MONTHS" => Self::Month,
            "WEEK" | "WEEKS" => Self::Week,
            "DAY" | "DAYS" => Self::Day,
            "HOUR" | "HOURS" => Self::Hour,
            "MINUTE" | "MINUTES" => Self::Minute,
            "SECOND" | "SECONDS" => Self::Second,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Year => "YEAR",
            Self::Quarter => "QUARTER",
            Self::Month => "MONTH",
            Self::Week => "WEEK",
            Self::Day => "DAY",
            Self::Hour => "HOUR",
            Self::Minute => "MINUTE",
            Self::Second => "SECOND",
        }
    }
}

/// `yyyy-MM-dd`, padded; `None` if the text is not a date.
pub(crate) fn date(text: &str) -> Option<String> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    (1..=days)
        .contains(&day)
        .then(|| format!("{year:04}-{month:02}-{day:02}"))
}

/// `HH:mm:ss[.fraction]`, padded, and the number of digits of the fraction.
pub(crate) fn time(text: &str) -> Option<(String, u64)> {
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (text, None),
    };
    let mut parts = clock.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut out = format!("{hour:02}:{minute:02}:{second:02}");
    let digits = match fraction {
        Some(fraction) => {
            if fraction.is_empty() || fraction.len() > 9 || !is_digits(fraction) {
                return None;
            }
            out.push('.');
            out.push_str(fraction);
            fraction.len() as u64
        }
        None => 0,
    };
    Some((out, digits))
}

/// `yyyy-MM-dd HH:mm:ss[.fraction]`, padded, and the number of digits of the fraction.
pub(crate) fn timestamp(text: &str) -> Option<(String, u64)> {
    let (day, clock) = text.split_once(' ')?;
    let (clock, digits) = time(clock)?;
    Some((format!("{} {clock}", date(day)?), digits))
}

/// An interval of a single field.
pub(crate) struct SimpleInterval {
    pub(crate) value: String,
    pub(crate) field: DateTimeField,
}

/// What is wrong with an interval, and what to write.
pub(crate) struct IntervalError {
    pub(crate) text: String,
    pub(crate) help: String,
}

/// Reads the text of an interval from field `from` to field `to` and gives it in its smallest
/// field: `'1 12' DAY TO HOUR` is 36 hours.
///
/// The leading field has two digits unless `precision` says otherwise, as in Flink.
pub(crate) fn interval(
    text: &str,
    negative: bool,
    from: Field,
    precision: Option<u64>,
    to: Option<Field>,
) -> Result<SimpleInterval, IntervalError> {
    let qualifier = match to {
        Some(to) => format!("{} TO {}", from.name(), to.name()),
        None => from.name().to_string(),
    };
    let wrong = || IntervalError {
        text: format!("'{text}' is not an interval of {qualifier}"),
        help: format!("write INTERVAL '{}' {qualifier}", example(from, to)),
    };
    let months = |field: Field| matches!(field, Field::Year | Field::Month);
    if let Some(to) = to
        && (to <= from
            || months(from) != months(to)
            || matches!(from, Field::Quarter | Field::Week)
            || matches!(to, Field::Quarter | Field::Week))
    {
        return Err(IntervalError {
            text: format!("there is no interval {qualifier}"),
            help: "the fields go from large to small: YEAR TO MONTH, or DAY, HOUR, MINUTE, SECOND"
                .into(),
        });
    }
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let minus = if sign != negative { "-" } else { "" };

    let last = to.unwrap_or(from);
    // A fraction is only ever of the second.
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction))
            if last == Field::Second
                && !fraction.is_empty()
                && fraction.len() <= 9
                && is_digits(fraction) =>
        {
            (whole, Some(fraction))
        }
        Some(_) => return Err(wrong()),
        None => (digits, None),
    };
    let separators: Vec<char> = match (from, to) {
        (_, None) => vec![],
        (Field::Year, _) => vec!['-'],
        (first, Some(last)) => [Field::Day, Field::Hour, Field::Minute]
            .into_iter()
            .filter(|field| *field >= first && *field < last)
            .map(|field| if field == Field::Day { ' ' } else { ':' })
            .collect(),
    };
    let mut parts = Vec::new();
    let mut rest = whole;
    for separator in separators {
        let (part, tail) = rest.split_once(separator).ok_or_else(wrong)?;
        parts.push(part);
        rest = tail;
    }
    parts.push(rest);
    if parts.iter().any(|part| part.is_empty() || !is_digits(part)) {
        return Err(wrong());
    }
    let leading = parts[0].trim_start_matches('0');
    let allowed = precision.unwrap_or(2);
    if !(1..=10).contains(&allowed) {
        return Err(IntervalError {
            text: format!("an interval has 1 to 10 leading digits, not {allowed}"),
            help: format!("write {}(3)", from.name()),
        });
    }
    if leading.len() as u64 > allowed {
        return Err(IntervalError {
            text: format!(
                "the interval '{text}' has more than the {allowed} leading digits of {}",
                from.name()
            ),
            help: format!("write {}({})", from.name(), leading.len()),
        });
    }
    let numbers: Vec<u64> = parts
        .iter()
        .map(|part| part.parse::<u64>().map_err(|_| wrong()))
        .collect::<Result<_, _>>()?;
    // All but the first are bounded by the field above them.
    let mut total = numbers[0];
    let mut field = from;
    for number in &numbers[1..] {
        let (next, size) = match field {
            Field::Year => (Field::Month, 12),
            Field::Day => (Field::Hour, 24),
            Field::Hour => (Field::Minute, 60),
            _ => (Field::Second, 60),
        };
        if *number >= size {
            return Err(wrong());
        }
        total = total * size + number;
        field = next;
    }
    let (total, field) = match field {
        Field::Quarter => (total * 3, Field::Month),
        Field::Week => (total * 7, Field::Day),
        field => (total, field),
    };
    let fraction = fraction.map(|f| format!(".{f}")).unwrap_or_default();
    Ok(SimpleInterval {
        value: format!("{minus}{total}{fraction}"),
        field: match field {
            Field::Year => DateTimeField::Year,
            Field::Month | Field::Quarter => DateTimeField::Month,
            Field::Day | Field::Week => DateTimeField::Day,
            Field::Hour => DateTimeField::Hour,
            Field::Minute => DateTimeField::Minute,
            Field::Second => DateTimeField::Second,
        },
    })
}

fn example(from: Field, to: Option<Field>) -> &'static str {
    match (from, to) {
        (_, None) => "5",
        (Field::Year, _) => "1-6",
        (Field::Day, Some(Field::Hour)) => "1 12",
        (Field::Day, Some(Field::Minute)) => "1 12:30",
        (Field::Day, _) => "1 12:30:00",
        (Field::Hour, Some(Field::Minute)) => "12:30",
        (Field::Hour, _) => "12:30:00",
        (_, _) => "30:00",
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn number(text: &str, most: usize) -> Option<u32> {
    if text.is_empty() || text.len() > most || !is_digits(text) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times() {
        assert_eq!(date("2024-2-29").as_deref(), Some("2024-02-29"));
        assert_eq!(date("2023-02-29"), None);
        assert_eq!(date("2024-13-01"), None);
        assert_eq!(date("2024-01"), None);
        assert_eq!(time("1:02:03.450"), Some(("01:02:03.450".into(), 3)));
        assert_eq!(time("24:00:00"), None);
        assert_eq!(time("12:00"), None);
        assert_eq!(
            timestamp("1970-01-01 00:00:00"),
            Some(("1970-01-01 00:00:00".into(), 0))
        );
        assert_eq!(timestamp("1970-01-01"), None);
        assert_eq!(timestamp("1970-01-01T00:00:00"), None);
    }

    fn simple(text: &str, from: &str, precision: Option<u64>, to: Option<&str>) -> Option<String> {
        let interval = interval(
            text,
            false,
            Field::from_word(from).unwrap(),
            precision,
            to.map(|to| Field::from_word(to).unwrap()),
        )
        .ok()?;
        Some(format!("{} {}", interval.value, interval.field))
    }

    #[test]
    fn intervals_come_down_to_one_field() {
        for (text, from, precision, to, expected) in [
            ("5", "SECOND", None, None, Some("5 SECOND")),
            ("0.5", "SECONDS", None, None, Some("0.5 SECOND")),
            ("-10", "MINUTES", None, None, Some("-10 MINUTE")),
            ("1-6", "YEAR", None, Some("MONTH"), Some("18 MONTH")),
            ("1 12", "DAY", None, Some("HOUR"), Some("36 HOUR")),
            (
                "1 00:00:01.5",
                "DAY",
                None,
                Some("SECOND"),
                Some("86401.5 SECOND"),
            ),
            ("10:30", "HOUR", None, Some("MINUTE"), Some("630 MINUTE")),
            ("2", "WEEK", None, None, Some("14 DAY")),
            ("1", "QUARTER", None, None, Some("3 MONTH")),
            ("100", "DAY", None, None, None),
            ("100", "DAY", Some(3), None, Some("100 DAY")),
            ("1 24", "DAY", None, Some("HOUR"), None),
            ("x", "DAY", None, None, None),
            ("", "DAY", None, None, None),
            ("1.5", "DAY", None, None, None),
            ("1-6", "MONTH", None, Some("YEAR"), None),
            ("1", "MONTH", None, Some("DAY"), None),
        ] {
            assert_eq!(
                simple(text, from, precision, to).as_deref(),
                expected,
                "{text} {from} {to:?}"
            );
        }
    }
}
