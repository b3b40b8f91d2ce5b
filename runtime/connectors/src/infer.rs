//! Guesses a table's columns from the first rows of its files.
//!
//! A column gets the narrowest type that all sampled values are of; what is mixed is STRING. Flink's `csv` format has no option to skip a header (in
//! 2.3), so a header only gives names here, and [`Inferred::header`] tells that the files have one:
//! whoever reads them must skip it (`'csv.ignore-parse-errors' = 'true'` turns it into a row of
//! NULLs, `'csv.allow-comments' = 'true'` drops it if it starts with `#`) or remove it.

use std::fs::File;
use std::io::Read as _;

use millstream_functions::types::{FlinkType, RowField, TypeKind};

use crate::error::{ConnectorError, ErrorKind, Result};
use crate::filesystem::list_files;
use crate::formats::csv::{CsvFormat, sample_rows};
use crate::formats::json_text::{Kind, Value, Walker, string_content};
use crate::formats::text::{self, TimeRules};
use crate::spec::TableSpec;

/// What is looked at.
pub(crate) const SAMPLE_BYTES: u64 = 4 << 20;
const SAMPLE_ROWS: usize = 10_000;

/// A table's columns, guessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inferred {
    /// Names and types.
    pub columns: Vec<(String, FlinkType)>,
    /// Whether the first line of the files holds names, not values (CSV only).
    pub header: bool,
    /// How many rows were looked at.
    pub rows: usize,
}

/// Guesses the columns of the files a table's options name: `path`, `format` and the format's own.
/// The columns of `spec` are not looked at.
pub fn infer(spec: &TableSpec) -> Result<Inferred> {
    infer_unnamed(spec).map_err(|error| error.with_table(&spec.name))
}

fn infer_unnamed(spec: &TableSpec) -> Result<Inferred> {
    let format = spec.required("format")?;
    let listing = list_files(spec)?;
    for name in &listing.names {
        let path = listing.root.join(name);
        let failed = |error| ConnectorError::io("cannot read the file", &path, error);
        let mut data = Vec::new();
        let mut file = File::open(&path).map_err(failed)?.take(SAMPLE_BYTES);
        file.read_to_end(&mut data).map_err(failed)?;
        let at_end = (data.len() as u64) < SAMPLE_BYTES;
        let text = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&data);
        if text.trim_ascii().is_empty() {
            continue;
        }
        let guessed = match format {
            "csv" => csv(&CsvFormat::of(spec)?, text, at_end),
            "json" => json(text, at_end),
            other => {
                return Err(ConnectorError::new(
                    ErrorKind::NotSupported,
                    format!("the columns of the format '{other}' cannot be guessed"),
                )
                .with_option("format")
                .with_remedy("declare the columns"));
            }
        };
        return guessed.map_err(|error| error.with_file(&path));
    }
    Err(ConnectorError::new(
        ErrorKind::Schema,
        "there is no row to guess the columns from",
    )
    .with_file(&spec.resolve(spec.required("path")?))
    .with_remedy("declare the columns, or put data into the files"))
}

/// What all values of a column so far could be.
#[derive(Debug, Clone, PartialEq)]
enum Guess {
    /// Nothing seen but NULL.
    Nothing,
    Boolean,
    Whole,
    /// Digits before and after the point.
    Decimal(u32, u32),
    Double,
    Date,
    /// Fractional digits of the seconds.
    Timestamp(u32),
    Zoned(u32),
    Text,
    Array(Box<Guess>),
    Row(Vec<(String, Guess)>),
}

impl Guess {
    /// What both are.
    fn join(self, other: Self) -> Self {
        use Guess::*;
        match (self, other) {
            (Nothing, one) | (one, Nothing) => one,
            (Decimal(a, b), Decimal(c, d)) => Decimal(a.max(c), b.max(d)).fitting(),
            // a long whole number still fits: BIGINT has 19 digits
            (Whole, Decimal(a, b)) | (Decimal(a, b), Whole) => Decimal(a.max(19), b).fitting(),
            (Double, Whole | Decimal(..)) | (Whole | Decimal(..), Double) => Double,
            (Timestamp(a), Timestamp(b)) => Timestamp(a.max(b)),
            (Zoned(a), Zoned(b)) => Zoned(a.max(b)),
            (Array(a), Array(b)) => Array(Box::new(a.join(*b))),
            (Row(mut fields), Row(others)) => {
                for (name, guess) in others {
                    match fields.iter_mut().find(|(known, _)| *known == name) {
                        Some((_, known)) => {
                            let before = std::mem::replace(known, Nothing);
                            *known = before.join(guess);
                        }
                        None => fields.push((name, guess)),
                    }
                }
                Row(fields)
            }
            (a, b) if a == b => a,
            _ => Text,
        }
    }

    /// A decimal, or a double if it has too many digits.
    fn fitting(self) -> Self {
        match self {
            Self::Decimal(before, after) if before + after > 38 => Self::Double,
            other => other,
        }
    }

    fn into_type(self) -> FlinkType {
        let precision = |digits: u32| {
            if digits <= 3 {
                3
            } else if digits <= 6 {
                6
            } else {
                9
            }
        };
        FlinkType::new(match self {
            Self::Nothing | Self::Text => return FlinkType::string(),
            Self::Boolean => TypeKind::Boolean,
            Self::Whole => TypeKind::BigInt,
            Self::Decimal(before, after) => TypeKind::Decimal {
                // join() keeps the sum at 38 at most
                precision: (before.max(10) + after).min(38) as u8,
                scale: after as u8,
            },
            Self::Double => TypeKind::Double,
            Self::Date => TypeKind::Date,
            Self::Timestamp(digits) => TypeKind::Timestamp(precision(digits)),
            Self::Zoned(digits) => TypeKind::TimestampLtz(precision(digits)),
            Self::Array(item) => TypeKind::Array(Box::new(item.into_type())),
            Self::Row(fields) => TypeKind::Row(
                fields
                    .into_iter()
                    .map(|(name, guess)| RowField::new(name, guess.into_type()))
                    .collect(),
            ),
        })
    }

    /// What a number's text is.
    fn of_number(number: &[u8]) -> Self {
        if text::integer(number, i64::MIN, i64::MAX).is_ok() {
            return Self::Whole;
        }
        let unsigned = number.strip_prefix(b"-").unwrap_or(number);
        if text::decimal(number, 38, 37).is_ok() && !unsigned.iter().any(|b| b | 32 == b'e') {
            let point = unsigned
                .iter()
                .position(|b| *b == b'.')
                .unwrap_or(unsigned.len());
            let after = unsigned.len().saturating_sub(point + 1);
            return Self::Decimal(point.max(1) as u32, after as u32).fitting();
        }
        if text::double(number).is_ok() {
            Self::Double
        } else {
            Self::Text
        }
    }

    /// What a moment's text is.
    fn of_moment(value: &[u8], rules: TimeRules) -> Option<Self> {
        let digits = |value: &[u8]| match value.iter().position(|b| *b == b'.') {
            Some(point) => value[point + 1..]
                .iter()
                .take_while(|b| b.is_ascii_digit())
                .count(),
            None => 0,
        } as u32;
        if value.len() >= 8 && text::date(value, rules).is_ok() {
            Some(Self::Date)
        } else if text::timestamp(value, 3, false, rules).is_ok() {
            Some(Self::Timestamp(digits(value)))
        } else if text::timestamp(value, 3, true, rules).is_ok() {
            Some(Self::Zoned(digits(value)))
        } else {
            None
        }
    }

    /// What a CSV field is.
    fn of_field(field: &[u8]) -> Self {
        if field.is_empty() {
            return Self::Nothing;
        }
        if field.eq_ignore_ascii_case(b"true") || field.eq_ignore_ascii_case(b"false") {
            return Self::Boolean;
        }
        // a number with a leading zero is a code: as a number it would lose it
        let code = field.len() > 1 && field[0] == b'0' && field[1] != b'.';
        match Self::of_number(field) {
            Self::Text => Self::of_moment(field, TimeRules::Csv).unwrap_or(Self::Text),
            _ if code => Self::Text,
            number => number,
        }
    }

    /// What a JSON value is.
    fn of_json(text: &[u8], value: &Value) -> Self {
        let raw = &text[value.at.clone()];
        match value.kind {
            Kind::Null => Self::Nothing,
            Kind::True | Kind::False => Self::Boolean,
            Kind::Number => Self::of_number(raw),
            Kind::String => {
                let content = &raw[1..raw.len() - 1];
                Self::of_moment(content, TimeRules::JsonSql).unwrap_or(Self::Text)
            }
            Kind::EscapedString => Self::Text,
            Kind::Array => {
                let mut walker = Walker::within(text, value);
                let mut joined = Self::Nothing;
                // the whole value has been walked before, so it has no fault
                if let Ok(mut elements) = walker.array() {
                    while let Ok(Some(element)) = walker.next_element(&mut elements) {
                        joined = joined.join(Self::of_json(text, &element));
                    }
                }
                Self::Array(Box::new(joined))
            }
            Kind::Object => Self::Row(members(text, value)),
        }
    }
}

/// The members of an object, in order.
fn members(text: &[u8], object: &Value) -> Vec<(String, Guess)> {
    let mut walker = Walker::within(text, object);
    let mut found = Vec::new();
    let mut scratch = Vec::new();
    if let Ok(mut members) = walker.object() {
        while let Ok(Some((name, member))) = walker.next_member(&mut members) {
            let name = string_content(text, &name, &mut scratch);
            let name = String::from_utf8_lossy(name).into_owned();
            found.push((name, Guess::of_json(text, &member)));
        }
    }
    found
}

/// The guess for one column of the rows, by place.
fn guess_column(format: &CsvFormat, rows: &[Vec<Vec<u8>>], column: usize) -> Guess {
    rows.iter()
        .filter_map(|row| row.get(column))
        .filter(|field| !format.is_null_text(field))
        .fold(Guess::Nothing, |guess, field| {
            guess.join(Guess::of_field(field))
        })
}

/// Whether the first row looks like names: all present, all different, none of them a value, and not just a row of
/// texts above other texts.
fn is_header(format: &CsvFormat, first: &[Vec<u8>], rest: &[Vec<Vec<u8>>], width: usize) -> bool {
    let names_like = first.len() == width
        && first.iter().all(|field| {
            Guess::of_field(field) == Guess::Text
                && std::str::from_utf8(field).is_ok_and(|name| {
                    name.chars()
                        .all(|c| c.is_alphanumeric() || "_- .#()%/".contains(c))
                })
        })
        && first
            .iter()
            .enumerate()
            .all(|(place, name)| !first[..place].contains(name));
    let differs = (0..width).any(|column| {
        !matches!(
            guess_column(format, rest, column),
            Guess::Text | Guess::Nothing
        )
    });
    let looks_named = first.iter().all(|name| {
        name.first()
            .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
            && name.len() <= 40
    });
    names_like
        && !rest.is_empty()
        && (differs
            || (width > 1 && looks_named && {
                // all columns are text: names repeat nowhere below
                (0..width).all(|column| {
                    rest.iter()
                        .all(|row| row.get(column) != Some(&first[column]))
                }) && first.iter().all(|name| !name.contains(&b' '))
            }))
}

fn csv(format: &CsvFormat, data: &[u8], at_end: bool) -> Result<Inferred> {
    let mut rows = sample_rows(format, data, at_end, SAMPLE_ROWS + 1)?;
    rows.retain(|row| row.iter().any(|field| !field.is_empty()));
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let (first, rest) = rows
        .split_first()
        .map_or((&[][..], &[][..]), |(f, r)| (&f[..], r));
    let header = is_header(format, first, rest, width);
    let values = if header { rest } else { &rows[..] };
    let columns = (0..width)
        .map(|column| {
            let name = match first.get(column) {
                Some(name) if header => String::from_utf8_lossy(name.trim_ascii()).into_owned(),
                _ => format!("f{column}"),
            };
            (name, guess_column(format, values, column).into_type())
        })
        .collect();
    Ok(Inferred {
        columns,
        header,
        rows: values.len(),
    })
}

/// The columns of a CSV file that stands by itself. Unlike a table's files it may say whether it has a header, some of
/// whose names may be known beforehand, and its first row tells how many columns there are.
pub(crate) fn csv_file(
    format: &CsvFormat,
    data: &[u8],
    at_end: bool,
    header: Option<bool>,
    is_name: &dyn Fn(&str) -> bool,
) -> Result<Inferred> {
    let mut rows = sample_rows(format, data, at_end, SAMPLE_ROWS + 1)?;
    // an empty line, not a row of empty fields
    rows.retain(|row| row.len() > 1 || row.first().is_some_and(|field| !field.is_empty()));
    let (first, rest) = rows
        .split_first()
        .map_or((&[][..], &[][..]), |(f, r)| (&f[..], r));
    let names: Vec<String> = first
        .iter()
        .map(|name| String::from_utf8_lossy(name.trim_ascii()).into_owned())
        .collect();
    let width = first.len();
    // pandas gives the column of row numbers no name
    let unnamed = usize::from(width > 1 && first[0].is_empty());
    let rest_without: Vec<Vec<Vec<u8>>>;
    let (named, below) = if unnamed > 0 {
        let cut = |row: &Vec<Vec<u8>>| row.get(unnamed..).unwrap_or_default().to_vec();
        rest_without = rest.iter().map(cut).collect();
        (&first[unnamed..], &rest_without[..])
    } else {
        (first, rest)
    };
    let header = header.unwrap_or_else(|| {
        names.iter().any(|name| is_name(name)) || is_header(format, named, below, width - unnamed)
    });
    let values = if header { rest } else { &rows[..] };
    let columns = (0..width)
        .map(|column| {
            let name = if header {
                names[column].clone()
            } else {
                format!("f{column}")
            };
            (name, guess_column(format, values, column).into_type())
        })
        .collect();
    Ok(Inferred {
        columns,
        header,
        rows: values.len(),
    })
}

/// The columns of a JSON file that stands by itself.
pub(crate) fn json_file(data: &[u8], at_end: bool) -> Result<Inferred> {
    json(data, at_end)
}

fn json(data: &[u8], at_end: bool) -> Result<Inferred> {
    let mut lines: Vec<&[u8]> = data.split(|b| *b == b'\n').collect();
    if !at_end {
        // the last line is cut
        lines.pop();
    }
    let mut joined = Guess::Row(Vec::new());
    let mut rows = 0;
    for (number, line) in (1..).zip(lines) {
        if rows >= SAMPLE_ROWS {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let bad = |reason: &str| {
            ConnectorError::new(
                ErrorKind::BadRow,
                format!("the line is no JSON object: {reason}"),
            )
            .with_line(number)
            .with_value(line)
            .with_remedy("the format 'json' holds one object a line")
        };
        let value = Walker::new(line)
            .value()
            .map_err(|fault| bad(fault.reason))?;
        if value.kind != Kind::Object {
            return Err(bad("it is another value"));
        }
        joined = joined.join(Guess::of_json(line, &value));
        rows += 1;
    }
    let columns = match joined {
        Guess::Row(fields) => fields
            .into_iter()
            .map(|(name, guess)| (name, guess.into_type()))
            .collect(),
        _ => Vec::new(),
    };
    Ok(Inferred {
        columns,
        header: false,
        rows,
    })
}
