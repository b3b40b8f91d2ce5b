//! Option keys and values: closed lists, checked before anything is opened.
//!
//! Each connector and format declares every option Flink documents for it, and which of them
//! Millstream has. A key in no list is an unknown option (with the nearest known one suggested);
//! a key Flink knows and Millstream doesn't is "not supported": neither is ever ignored. Values
//! are read by Flink's own rules for booleans, durations and memory sizes.

use std::time::Duration;

use crate::error::{ConnectorError, ErrorKind, Result};
use crate::spec::TableSpec;

/// How an option's value is read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value {
    /// `true` or `false`, in any case.
    Boolean,
    /// A whole number of at least this much.
    Whole(i64),
    /// A number within these bounds.
    Number(f64, f64),
    /// Any text.
    Text,
    /// One character, Java's backslash escapes allowed.
    Character,
    /// Flink's duration: `10 s`, `500ms`, `1 d`; without a unit milliseconds.
    Duration,
    /// Flink's memory size: `128MB`, `1 kb`; without a unit bytes.
    Memory,
    /// One of these words, in any case.
    Word(&'static [&'static str]),
    /// A moment: `2024-01-01 00:00:00`.
    Moment,
}

/// One option of a connector or format.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OptionDef {
    pub key: &'static str,
    pub value: Value,
    /// `Some(why or what instead)` if Flink has the option and Millstream doesn't.
    pub not_supported: Option<&'static str>,
}

impl OptionDef {
    pub(crate) const fn new(key: &'static str, value: Value) -> Self {
        Self {
            key,
            value,
            not_supported: None,
        }
    }

    pub(crate) const fn not_supported(key: &'static str, remedy: &'static str) -> Self {
        Self {
            key,
            value: Value::Text,
            not_supported: Some(remedy),
        }
    }
}

/// Options every table may have: Flink's own and those of its planner.
const COMMON: &[OptionDef] = &[
    OptionDef::new("connector", Value::Text),
    OptionDef::new("sink.parallelism", Value::Whole(1)),
    OptionDef::new("scan.parallelism", Value::Whole(1)),
];

/// Checks every option of `spec` against the lists. `pattern` claims keys that depend on the
/// table's columns (`fields.#.kind`): it returns how the value is read, or `None` if the key isn't
/// one of its.
pub(crate) fn check(
    spec: &TableSpec,
    lists: &[&[OptionDef]],
    pattern: &dyn Fn(&str) -> Result<Option<Value>>,
) -> Result<()> {
    let known = || COMMON.iter().chain(lists.iter().copied().flatten());
    for (key, text) in &spec.options {
        if let Some(def) = known().find(|def| def.key == key) {
            if let Some(remedy) = def.not_supported {
                return Err(ConnectorError::new(
                    ErrorKind::NotSupported,
                    format!("the option '{key}' is not supported by Millstream"),
                )
                .with_option(key)
                .with_remedy(remedy));
            }
            parse(key, text, def.value)?;
        } else if let Some(value) = pattern(key)? {
            parse(key, text, value)?;
        } else {
            let connector = spec.option("connector").unwrap_or_default();
            let names: Vec<&str> = known().map(|def| def.key).collect();
            return Err(ConnectorError::new(
                ErrorKind::UnknownOption,
                format!("the connector '{connector}' has no option '{key}'"),
            )
            .with_option(key)
            .with_remedy(match nearest(key, &names) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("it has {}", list(&names)),
            }));
        }
    }
    Ok(())
}

/// A checked value.
#[derive(Debug, Clone, PartialEq)]
enum Parsed {
    Boolean(bool),
    Whole(i64),
    Number(f64),
    Text(String),
    Character(char),
    Duration(Duration),
    Memory(u64),
    Moment(i64),
}

fn parse(key: &str, text: &str, value: Value) -> Result<Parsed> {
    let bad = |what: String| {
        ConnectorError::new(
            ErrorKind::BadOption,
            format!("the option '{key}' must be {what}"),
        )
        .with_option(key)
        .with_value(text.as_bytes())
    };
    match value {
        Value::Boolean if text.eq_ignore_ascii_case("true") => Ok(Parsed::Boolean(true)),
        Value::Boolean if text.eq_ignore_ascii_case("false") => Ok(Parsed::Boolean(false)),
        Value::Boolean => Err(bad("'true' or 'false'".into())),
        Value::Whole(least) => text
            .trim()
            .parse()
            .ok()
            .filter(|number| *number >= least)
            .map(Parsed::Whole)
            .ok_or_else(|| match least {
                i64::MIN => bad("a whole number".into()),
                _ => bad(format!("a whole number of at least {least}")),
            }),
        Value::Number(least, most) => text
            .trim()
            .parse()
            .ok()
            .filter(|number: &f64| (least..=most).contains(number))
            .map(Parsed::Number)
            .ok_or_else(|| {
                if least == f64::MIN && most == f64::MAX {
                    bad("a number".into())
                } else {
                    bad(format!("a number between {least} and {most}"))
                }
            }),
        Value::Text => Ok(Parsed::Text(text.to_owned())),
        Value::Character => {
            let unescaped = unescape_java(text);
            let mut chars = unescaped.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) if c.is_ascii() => Ok(Parsed::Character(c)),
                (Some(_), None) => Err(bad(
                    "an ASCII character (others are not supported by Millstream)".into(),
                )),
                _ => Err(bad("a single character".into())),
            }
        }
        Value::Duration => duration(text)
            .map(Parsed::Duration)
            .ok_or_else(|| bad("a duration such as '10 s', '500 ms' or '1 d'".into())),
        Value::Memory => memory(text)
            .map(Parsed::Memory)
            .ok_or_else(|| bad("a size such as '128 MB' or '64 kb'".into())),
        Value::Word(words) => words
            .iter()
            .find(|word| word.eq_ignore_ascii_case(text))
            .map(|word| Parsed::Text((*word).to_owned()))
            .ok_or_else(|| {
                bad(format!(
                    "one of {}",
                    words
                        .iter()
                        .map(|w| format!("'{w}'"))
                        .collect::<Vec<_>>()
                        .join(", ")
                ))
            }),
        Value::Moment => chrono::NaiveDateTime::parse_from_str(text.trim(), "%Y-%m-%d %H:%M:%S%.f")
            .map(|moment| Parsed::Moment(moment.and_utc().timestamp_millis()))
            .map_err(|_| bad("a timestamp such as '2024-01-01 00:00:00'".into())),
    }
}

/// Reads options once they are checked: a missing one is `None`, a bad one still an error.
impl TableSpec {
    pub(crate) fn boolean(&self, key: &str) -> Result<bool> {
        match self.parsed(key, Value::Boolean)? {
            Some(Parsed::Boolean(value)) => Ok(value),
            _ => Ok(false),
        }
    }

    /// A boolean option whose default is true.
    pub(crate) fn boolean_or_true(&self, key: &str) -> Result<bool> {
        Ok(self.option(key).is_none() || self.boolean(key)?)
    }

    pub(crate) fn whole(&self, key: &str, least: i64) -> Result<Option<i64>> {
        Ok(match self.parsed(key, Value::Whole(least))? {
            Some(Parsed::Whole(value)) => Some(value),
            _ => None,
        })
    }

    pub(crate) fn number(&self, key: &str, least: f64, most: f64) -> Result<Option<f64>> {
        Ok(match self.parsed(key, Value::Number(least, most))? {
            Some(Parsed::Number(value)) => Some(value),
            _ => None,
        })
    }

    pub(crate) fn character(&self, key: &str) -> Result<Option<u8>> {
        Ok(match self.parsed(key, Value::Character)? {
            // parse() lets only ASCII through
            Some(Parsed::Character(value)) => Some(value as u8),
            _ => None,
        })
    }

    pub(crate) fn duration(&self, key: &str) -> Result<Option<Duration>> {
        Ok(match self.parsed(key, Value::Duration)? {
            Some(Parsed::Duration(value)) => Some(value),
            _ => None,
        })
    }

    pub(crate) fn memory(&self, key: &str) -> Result<Option<u64>> {
        Ok(match self.parsed(key, Value::Memory)? {
            Some(Parsed::Memory(value)) => Some(value),
            _ => None,
        })
    }

    /// Milliseconds since 1970 of a timestamp option.
    pub(crate) fn moment(&self, key: &str) -> Result<Option<i64>> {
        Ok(match self.parsed(key, Value::Moment)? {
            Some(Parsed::Moment(value)) => Some(value),
            _ => None,
        })
    }

    /// The word in the spelling of the list.
    pub(crate) fn word(&self, key: &str, words: &'static [&'static str]) -> Result<Option<String>> {
        Ok(match self.parsed(key, Value::Word(words))? {
            Some(Parsed::Text(value)) => Some(value),
            _ => None,
        })
    }

    fn parsed(&self, key: &str, value: Value) -> Result<Option<Parsed>> {
        self.option(key)
            .map(|text| parse(key, text, value))
            .transpose()
    }
}

/// Flink's `TimeUtils.parseDuration`.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let nanos: u128 = match unit.as_str() {
        "d" | "day" | "days" => 86_400_000_000_000,
        "h" | "hour" | "hours" => 3_600_000_000_000,
        "m" | "min" | "minute" | "minutes" => 60_000_000_000,
        "s" | "sec" | "second" | "seconds" | "secs" => 1_000_000_000,
        "" | "ms" | "milli" | "millisecond" | "millis" | "milliseconds" => 1_000_000,
        "µs" | "micro" | "microsecond" | "micros" | "microseconds" => 1_000,
        "ns" | "nano" | "nanosecond" | "nanos" | "nanoseconds" => 1,
        _ => return None,
    };
    let nanos = u128::from(number).checked_mul(nanos)?;
    Some(Duration::new(
        u64::try_from(nanos / 1_000_000_000).ok()?,
        (nanos % 1_000_000_000) as u32,
    ))
}

/// Flink's `MemorySize.parse`.
fn memory(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let shift = match unit.as_str() {
        "" | "b" | "bytes" => 0,
        "k" | "kb" | "kibibytes" => 10,
        "m" | "mb" | "mebibytes" => 20,
        "g" | "gb" | "gibibytes" => 30,
        "t" | "tb" | "tebibytes" => 40,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

fn number_and_unit(text: &str) -> Option<(u64, String)> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim().to_lowercase()))
}

/// Java's string escapes, as Flink lets them stand for control characters in delimiters.
fn unescape_java(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let rest = chars.as_str();
                let code = rest
                    .get(..4)
                    .and_then(|hex| u32::from_str_radix(hex, 16).ok());
                match code.and_then(char::from_u32) {
                    Some(c) => {
                        out.push(c);
                        chars = rest[4..].chars();
                    }
                    None => out.push_str("\\u"),
                }
            }
            Some(other) => out.push(other),
            None => out.push('\\'),
        }
    }
    out
}

/// The nearest of `names` to what was written, if it is near enough to be a slip.
pub(crate) fn nearest<'a>(written: &str, names: &[&'a str]) -> Option<&'a str> {
    let written = written.to_lowercase();
    names
        .iter()
        .map(|name| (distance(&written, &name.to_lowercase()), *name))
        .min()
        // a few slips, or a part left out: "card" for "card_id"
        .filter(|(distance, name)| {
            *distance <= 1 + name.len() / 5
                || (written.len() >= 4 && name.to_lowercase().starts_with(&written))
        })
        .map(|(_, name)| name)
}

/// How many letters must be changed, added, left out or swapped with their neighbour.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before = vec![0; right.len() + 1];
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for i in 1..=left.len() {
        let mut row = vec![i; right.len() + 1];
        for j in 1..=right.len() {
            let substitute = above[j - 1] + usize::from(left[i - 1] != right[j - 1]);
            row[j] = substitute.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[right.len()]
}

/// `'a', 'b' and 'c'`.
pub(crate) fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    match quoted.split_last() {
        None => "none".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_flinks() {
        assert_eq!(duration("10 s"), Some(Duration::from_secs(10)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("7"), Some(Duration::from_millis(7)));
        assert_eq!(duration("1 d"), Some(Duration::from_secs(86_400)));
        assert_eq!(duration("1.5 s"), None);
        assert_eq!(duration("-1 s"), None);
        assert_eq!(memory("128MB"), Some(128 << 20));
        assert_eq!(memory("64 kb"), Some(64 << 10));
        assert_eq!(memory("99999999999 tb"), None);
    }

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let names = ["csv.field-delimiter", "csv.null-literal", "path"];
        assert_eq!(
            nearest("csv.field-delimeter", &names),
            Some("csv.field-delimiter")
        );
        assert_eq!(nearest("Path", &names), Some("path"));
        assert_eq!(nearest("topic", &names), None);
    }

    #[test]
    fn escapes_stand_for_control_characters() {
        assert_eq!(unescape_java("\\t"), "\t");
        assert_eq!(unescape_java("\\u0001"), "\u{1}");
        assert_eq!(unescape_java("\\\\"), "\\");
    }
}
