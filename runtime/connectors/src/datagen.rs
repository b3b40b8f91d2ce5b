//! The connector `datagen`: Flink's generator of random values and sequences.
//!
//! Unlike Flink's, the random values are the same in every run: they are a function of the table's
//! name, the option `seed` (Millstream's own), the column and the row's number. Times are the
//! machine's, less a random past of at most `max-past`.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use millstream_functions::types::{FlinkType, TypeKind};

use crate::error::{ConnectorError, ErrorKind, Result};
use crate::formats::column::{Column, unit_digits};
use crate::options::{self, OptionDef, Value, list, nearest};
use crate::pace::Pace;
use crate::random::{self, Random};
use crate::source::{Position, Read, Source, SplitId, SplitReader};
use crate::spec::TableSpec;

const NO_WAVE: &str = "drop it: rows come at a steady rate";

const OPTIONS: &[OptionDef] = &[
    OptionDef::new("rows-per-second", Value::Whole(1)),
    OptionDef::new("number-of-rows", Value::Whole(0)),
    OptionDef::new("seed", Value::Whole(0)),
    OptionDef::not_supported("waveform-function-enabled", NO_WAVE),
    OptionDef::not_supported("period", NO_WAVE),
    OptionDef::not_supported("floating-gap", NO_WAVE),
];

const ATTRIBUTES: [&str; 9] = [
    "kind",
    "min",
    "max",
    "length",
    "start",
    "end",
    "max-past",
    "null-rate",
    "var-len",
];

/// Flink's defaults.
const RATE: f64 = 10_000.0;
const TEXT_LENGTH: i64 = 100;
const COLLECTION_LENGTH: i64 = 3;

/// Makes the values of a column or of a part of it.
#[derive(Debug, Clone)]
enum Generator {
    Boolean,
    /// A whole number between two, both included.
    Whole(i64, i64),
    Float(f64, f64),
    /// Unscaled, between two, both included.
    Decimal(i128, i128),
    /// Hexadecimal digits.
    Text {
        length: u64,
        variable: bool,
    },
    Bytes {
        length: u64,
        variable: bool,
    },
    /// The machine's date or time.
    Now,
    /// At most this many milliseconds ago.
    Past(u64),
    Array(Box<Field>, u64),
    Map(Box<Field>, Box<Field>, u64),
    Multiset(Box<Field>, u64),
    Row(Vec<Field>),
    /// A sequence from here on.
    Sequence(i64),
}

#[derive(Debug, Clone)]
struct Field {
    generator: Generator,
    null_rate: f64,
}

/// A table's generators.
#[derive(Debug, Clone)]
struct Settings {
    fields: Vec<Field>,
    keys: Vec<u64>,
    rate: f64,
    rows: Option<u64>,
    splits: u64,
}

/// What an option `fields.<name>.<attribute>` is for, and how it is read.
fn attribute(spec: &TableSpec, key: &str) -> Result<Option<Value>> {
    let Some(rest) = key.strip_prefix("fields.") else {
        return Ok(None);
    };
    let unknown = |reason: String, remedy: String| {
        Err(ConnectorError::new(ErrorKind::UnknownOption, reason)
            .with_option(key)
            .with_remedy(remedy))
    };
    let (path, attribute) = rest.rsplit_once('.').unwrap_or((rest, ""));
    if !ATTRIBUTES.contains(&attribute) {
        return unknown(
            format!("'{key}' ends with no attribute of a generator"),
            match nearest(attribute, &ATTRIBUTES) {
                Some(near) => format!("did you mean 'fields.{path}.{near}'?"),
                None => format!("the attributes are {}", list(&ATTRIBUTES)),
            },
        );
    }
    let names: Vec<&str> = spec.columns.iter().map(|(name, _)| name.as_str()).collect();
    let Some(ty) = spec
        .columns
        .iter()
        .find_map(|(name, ty)| part(name, ty, path))
    else {
        return unknown(
            format!("the table has no column '{path}'"),
            match nearest(path, &names) {
                Some(near) => format!("did you mean 'fields.{near}.{attribute}'?"),
                None => format!("its columns are {}", list(&names)),
            },
        );
    };
    let number = if ty.is_integer() || is_interval(ty) {
        Value::Whole(i64::MIN)
    } else {
        Value::Number(f64::MIN, f64::MAX)
    };
    let text = ty.is_string() || ty.is_binary();
    let collection = matches!(
        ty.kind,
        TypeKind::Array(_) | TypeKind::Map(..) | TypeKind::Multiset(_)
    );
    let (fits, value) = match attribute {
        "kind" => (true, Value::Word(&["random", "sequence"])),
        "null-rate" => (true, Value::Number(0.0, 1.0)),
        "min" | "max" => (ty.is_numeric() || is_interval(ty), number),
        "start" | "end" => (ty.is_numeric() || text, Value::Whole(i64::MIN)),
        "length" => (text || collection, Value::Whole(0)),
        "var-len" => (text, Value::Boolean),
        _ => (ty.is_timestamp(), Value::Duration),
    };
    if !fits {
        return unknown(
            format!("'{attribute}' has no meaning for the type {ty}"),
            "drop the option".to_owned(),
        );
    }
    Ok(Some(value))
}

fn is_interval(ty: &FlinkType) -> bool {
    matches!(
        ty.kind,
        TypeKind::IntervalYearMonth { .. } | TypeKind::IntervalDayTime { .. }
    )
}

/// The type of a part of a column: `a`, `a.element`, `m.key`, `r.x`.
fn part<'a>(name: &str, ty: &'a FlinkType, path: &str) -> Option<&'a FlinkType> {
    let rest = path.strip_prefix(name)?;
    if rest.is_empty() {
        return Some(ty);
    }
    let rest = rest.strip_prefix('.')?;
    match &ty.kind {
        TypeKind::Array(item) | TypeKind::Multiset(item) => part("element", item, rest),
        TypeKind::Map(key, value) => part("key", key, rest).or_else(|| part("value", value, rest)),
        TypeKind::Row(fields) => fields
            .iter()
            .find_map(|field| part(&field.name, &field.ty, rest)),
        _ => None,
    }
}

impl Settings {
    fn of(spec: &TableSpec) -> Result<Self> {
        let seed = spec.whole("seed", 0)?.unwrap_or(0).unsigned_abs();
        let mut rows = spec.whole("number-of-rows", 0)?.map(i64::unsigned_abs);
        let mut fields = Vec::new();
        let mut keys = Vec::new();
        for (name, ty) in &spec.columns {
            let field = Field::of(spec, name, ty, &mut rows)?;
            if field.null_rate > 0.0 && !ty.nullable {
                return Err(ConnectorError::new(
                    ErrorKind::BadOption,
                    "a column that is NOT NULL has a null rate",
                )
                .with_option(format!("fields.{name}.null-rate"))
                .with_column(name));
            }
            fields.push(field);
            keys.push(random::key(random::key(seed, &spec.name), name));
        }
        Ok(Self {
            fields,
            keys,
            rate: spec
                .whole("rows-per-second", 1)?
                .map_or(RATE, |rate| rate as f64),
            rows,
            splits: spec
                .whole("scan.parallelism", 1)?
                .map_or(1, i64::unsigned_abs),
        })
    }
}

impl Field {
    /// The generator of a column or of a part of it; a sequence may end the table early.
    fn of(spec: &TableSpec, path: &str, ty: &FlinkType, rows: &mut Option<u64>) -> Result<Self> {
        let key = |attribute: &str| format!("fields.{path}.{attribute}");
        let null_rate = spec.number(&key("null-rate"), 0.0, 1.0)?.unwrap_or(0.0);
        let kind = spec.word(&key("kind"), &["random", "sequence"])?;
        if kind.as_deref() == Some("sequence") {
            let bound = |attribute: &str| {
                spec.whole(&key(attribute), i64::MIN)?.ok_or_else(|| {
                    ConnectorError::new(
                        ErrorKind::MissingOption,
                        format!("a sequence needs '{}'", key(attribute)),
                    )
                    .with_option(key("kind"))
                    .with_remedy(format!("add '{}' = '…'", key(attribute)))
                })
            };
            let (start, end) = (bound("start")?, bound("end")?);
            let fits = ty.is_numeric() || ty.is_string();
            if !fits || path.contains('.') {
                return Err(ConnectorError::new(
                    ErrorKind::NotSupported,
                    format!("a sequence of type {ty} is not supported"),
                )
                .with_option(key("kind"))
                .with_remedy("use a number or a STRING"));
            }
            if end < start {
                return Err(ConnectorError::new(
                    ErrorKind::BadOption,
                    format!("the sequence ends at {end}, before its start {start}"),
                )
                .with_option(key("end")));
            }
            for value in [start, end] {
                if !in_range(ty, value) {
                    return Err(ConnectorError::new(
                        ErrorKind::BadOption,
                        format!("{value} is out of the range of {ty}"),
                    )
                    .with_option(key("end")));
                }
            }
            let length = end.abs_diff(start).saturating_add(1);
            *rows = Some(rows.map_or(length, |rows| rows.min(length)));
            return Ok(Self {
                generator: Generator::Sequence(start),
                null_rate,
            });
        }
        let whole = |least: i64, most: i64| -> Result<Generator> {
            let min = spec.whole(&key("min"), i64::MIN)?.unwrap_or(least);
            let max = spec.whole(&key("max"), i64::MIN)?.unwrap_or(most);
            if min < least || max > most || min > max {
                return Err(ConnectorError::new(
                    ErrorKind::BadOption,
                    format!("from {min} to {max} is no range of {ty}"),
                )
                .with_option(if min < least { key("min") } else { key("max") }));
            }
            Ok(Generator::Whole(min, max))
        };
        let float = |most: f64| -> Result<(f64, f64)> {
            // Flink's default minimum is Java's Double.MIN_VALUE, the least number above 0
            let min = spec.number(&key("min"), f64::MIN, f64::MAX)?.unwrap_or(0.0);
            let max = spec
                .number(&key("max"), f64::MIN, f64::MAX)?
                .unwrap_or(most);
            if min > max || min < -most || max > most {
                return Err(ConnectorError::new(
                    ErrorKind::BadOption,
                    format!("from {min} to {max} is no range of {ty}"),
                )
                .with_option(key("max")));
            }
            Ok((min, max))
        };
        let length = |declared: i64, default: i64| -> Result<u64> {
            let default = if declared == i64::from(i32::MAX) {
                default
            } else {
                declared
            };
            let length = spec.whole(&key("length"), 0)?.unwrap_or(default);
            if length > declared {
                return Err(ConnectorError::new(
                    ErrorKind::BadOption,
                    format!("the length {length} doesn't fit {ty}"),
                )
                .with_option(key("length")));
            }
            Ok(length.unsigned_abs())
        };
        let variable = || spec.boolean(&key("var-len"));
        let inner = |name: &str, ty: &FlinkType, rows: &mut Option<u64>| {
            Self::of(spec, &format!("{path}.{name}"), ty, rows).map(Box::new)
        };
        let unbounded = i64::from(i32::MAX);
        let generator = match &ty.kind {
            TypeKind::Boolean => Generator::Boolean,
            TypeKind::TinyInt => whole(i8::MIN.into(), i8::MAX.into())?,
            TypeKind::SmallInt => whole(i16::MIN.into(), i16::MAX.into())?,
            TypeKind::Int => whole(i32::MIN.into(), i32::MAX.into())?,
            TypeKind::BigInt => whole(i64::MIN, i64::MAX)?,
            TypeKind::IntervalYearMonth { .. } => match whole(i32::MIN.into(), i32::MAX.into())? {
                Generator::Whole(min, max) if spec.option(&key("min")).is_none() => {
                    Generator::Whole(min.max(0), max.min(120_000))
                }
                other => other,
            },
            TypeKind::IntervalDayTime { .. } => whole(i64::MIN, i64::MAX)?,
            TypeKind::Float => {
                let (min, max) = float(f32::MAX.into())?;
                Generator::Float(min, max)
            }
            TypeKind::Double => {
                let (min, max) = float(f64::MAX)?;
                Generator::Float(min, max)
            }
            TypeKind::Decimal { precision, scale } => {
                let unit = 10_f64.powi(i32::from(*scale));
                let limit = 10_i128.pow(u32::from(*precision)) - 1;
                let (min, max) = float(f64::MAX)?;
                // casts of floats saturate
                let min = ((min * unit).ceil() as i128).max(-limit);
                let max = ((max * unit).floor() as i128).min(limit);
                if min > max {
                    return Err(ConnectorError::new(
                        ErrorKind::BadOption,
                        format!("no {ty} lies in the range"),
                    )
                    .with_option(key("max")));
                }
                Generator::Decimal(min, max)
            }
            TypeKind::Char(n) | TypeKind::Varchar(n) => Generator::Text {
                length: length((*n).into(), TEXT_LENGTH)?,
                variable: variable()?,
            },
            TypeKind::Binary(n) | TypeKind::Varbinary(n) => Generator::Bytes {
                length: length((*n).into(), TEXT_LENGTH)?,
                variable: variable()?,
            },
            TypeKind::Date | TypeKind::Time(_) => Generator::Now,
            TypeKind::Timestamp(_) | TypeKind::TimestampLtz(_) => {
                let past = spec.duration(&key("max-past"))?.unwrap_or(Duration::ZERO);
                Generator::Past(u64::try_from(past.as_millis()).unwrap_or(u64::MAX))
            }
            TypeKind::Array(item) => Generator::Array(
                inner("element", item, rows)?,
                length(unbounded, COLLECTION_LENGTH)?,
            ),
            TypeKind::Multiset(item) => Generator::Multiset(
                inner("element", item, rows)?,
                length(unbounded, COLLECTION_LENGTH)?,
            ),
            TypeKind::Map(key, value) => Generator::Map(
                inner("key", key, rows)?,
                inner("value", value, rows)?,
                length(unbounded, COLLECTION_LENGTH)?,
            ),
            TypeKind::Row(fields) => Generator::Row(
                fields
                    .iter()
                    .map(|field| Ok(*inner(&field.name, &field.ty, rows)?))
                    .collect::<Result<_>>()?,
            ),
            TypeKind::Null => {
                return Err(ConnectorError::new(
                    ErrorKind::NotSupported,
                    "a column of type NULL is not supported",
                )
                .with_column(path));
            }
        };
        Ok(Self {
            generator,
            null_rate,
        })
    }

    /// Appends a value: of a sequence the one of the row, else a random one.
    fn append(&self, column: &mut Column, row: u64, now: i64, random: &mut Random) {
        if self.null_rate > 0.0 && random.unit() < self.null_rate {
            column.append_null();
            return;
        }
        match (&self.generator, column) {
            (Generator::Sequence(start), column) => {
                append_whole(column, start.wrapping_add_unsigned(row));
            }
            (Generator::Boolean, Column::Boolean(values)) => {
                values.append_value(random.next() & 1 == 1);
            }
            (Generator::Whole(min, max), column) => {
                let span = max.abs_diff(*min);
                let more = if span == u64::MAX {
                    random.next()
                } else {
                    random.below(span + 1)
                };
                append_whole(column, min.wrapping_add_unsigned(more));
            }
            (Generator::Float(min, max), Column::Double(values)) => {
                let share = random.unit();
                values.append_value(min * (1.0 - share) + max * share);
            }
            (Generator::Float(min, max), Column::Float(values)) => {
                let share = random.unit();
                values.append_value((min * (1.0 - share) + max * share) as f32);
            }
            (Generator::Decimal(min, max), Column::Decimal { values, .. }) => {
                let span = max.abs_diff(*min) + 1;
                let wide = u128::from(random.next()) << 64 | u128::from(random.next());
                values.append_value(min.wrapping_add_unsigned(wide % span));
            }
            (Generator::Text { length, variable }, Column::Text(values)) => {
                let length = if *variable {
                    random.below(*length) + 1
                } else {
                    *length
                };
                let text: String = (0..length)
                    .map(|_| char::from(b"0123456789abcdef"[(random.next() & 15) as usize]))
                    .collect();
                values.append_value(text);
            }
            (Generator::Bytes { length, variable }, Column::Bytes(values)) => {
                let length = if *variable {
                    random.below(*length) + 1
                } else {
                    *length
                };
                let bytes: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
                values.append_value(bytes);
            }
            (Generator::Now, Column::Date(values)) => {
                values.append_value((now / 86_400_000) as i32);
            }
            (Generator::Now, Column::Time { values, .. }) => {
                values.append_value((now % 86_400_000) as i32);
            }
            (Generator::Past(most), Column::Timestamp { values, unit, .. }) => {
                let past = random.below(most.saturating_add(1));
                let millis = now.saturating_sub(i64::try_from(past).unwrap_or(i64::MAX));
                values.append_value(millis.saturating_mul(10_i64.pow(unit_digits(*unit) - 3)));
            }
            (
                Generator::Array(item, length),
                Column::List {
                    ends,
                    nulls,
                    item: items,
                    ..
                },
            ) => {
                for _ in 0..*length {
                    item.append(items, row, now, random);
                }
                ends.push(i32::try_from(items.len()).unwrap_or(i32::MAX));
                nulls.append_non_null();
            }
            (
                Generator::Map(key, value, length),
                Column::Map {
                    ends,
                    nulls,
                    keys,
                    values,
                    ..
                },
            ) => {
                for _ in 0..*length {
                    key.append(keys, row, now, random);
                    value.append(values, row, now, random);
                }
                ends.push(i32::try_from(keys.len()).unwrap_or(i32::MAX));
                nulls.append_non_null();
            }
            (
                Generator::Multiset(item, length),
                Column::Map {
                    ends,
                    nulls,
                    keys,
                    values,
                    ..
                },
            ) => {
                for _ in 0..*length {
                    item.append(keys, row, now, random);
                    append_whole(values, random.between(1, 10) as i64);
                }
                ends.push(i32::try_from(keys.len()).unwrap_or(i32::MAX));
                nulls.append_non_null();
            }
            (Generator::Row(parts), Column::Row { fields, nulls, .. }) => {
                for (part, field) in parts.iter().zip(fields) {
                    part.append(field, row, now, random);
                }
                nulls.append_non_null();
            }
            // Field::of() made the generator from the column's type
            (_, column) => column.append_null(),
        }
    }
}

/// Whether a whole number is a value of a type.
fn in_range(ty: &FlinkType, value: i64) -> bool {
    match &ty.kind {
        TypeKind::TinyInt => i8::try_from(value).is_ok(),
        TypeKind::SmallInt => i16::try_from(value).is_ok(),
        TypeKind::Int => i32::try_from(value).is_ok(),
        TypeKind::Decimal { precision, scale } => {
            let digits = u32::from(precision.saturating_sub(*scale));
            i128::from(value.unsigned_abs()) < 10_i128.pow(digits)
        }
        _ => true,
    }
}

/// Appends a whole number, which is in the range of the column's type.
fn append_whole(column: &mut Column, value: i64) {
    match column {
        Column::TinyInt(values) => values.append_value(value as i8),
        Column::SmallInt(values) => values.append_value(value as i16),
        Column::Int(values) | Column::Months(values) => values.append_value(value as i32),
        Column::BigInt(values) | Column::Millis(values) => values.append_value(value),
        Column::Float(values) => values.append_value(value as f32),
        Column::Double(values) => values.append_value(value as f64),
        Column::Decimal { values, scale, .. } => {
            values.append_value(i128::from(value) * 10_i128.pow(u32::from(*scale)));
        }
        Column::Text(values) => values.append_value(value.to_string()),
        other => other.append_null(),
    }
}

/// Checks a table that is read.
pub(crate) fn validate_source(spec: &TableSpec) -> Result<()> {
    options::check(spec, &[OPTIONS], &|key| attribute(spec, key))?;
    Settings::of(spec)?;
    if let Some((column, key, _)) = spec.metadata.first() {
        return Err(ConnectorError::new(
            ErrorKind::Schema,
            format!("the connector 'datagen' has no metadata '{key}'"),
        )
        .with_column(column));
    }
    Ok(())
}

/// The generator as a source.
pub(crate) struct DatagenSource {
    settings: Arc<Settings>,
    types: Vec<FlinkType>,
    projection: Vec<usize>,
    schema: SchemaRef,
}

impl DatagenSource {
    pub(crate) fn open(spec: &TableSpec, projection: &[usize]) -> Result<Self> {
        Ok(Self {
            settings: Arc::new(Settings::of(spec)?),
            types: spec.columns.iter().map(|(_, ty)| ty.clone()).collect(),
            schema: spec.projected_schema(projection)?,
            projection: projection.to_vec(),
        })
    }
}

impl Source for DatagenSource {
    fn splits(&self) -> Result<Vec<SplitId>> {
        let splits = self.settings.splits;
        Ok((0..splits)
            .map(|split| SplitId(format!("{split}/{splits}")))
            .collect())
    }

    fn bounded(&self) -> bool {
        self.settings.rows.is_some()
    }

    fn reader(&self, split: &SplitId, position: Option<&Position>) -> Result<Box<dyn SplitReader>> {
        let splits = self.settings.splits;
        let bad = |reason: String| {
            ConnectorError::new(ErrorKind::BadPosition, reason)
                .with_remedy("restore with the same 'scan.parallelism', or start with --fresh")
        };
        let number: u64 = split
            .0
            .split_once('/')
            .filter(|(_, of)| *of == splits.to_string())
            .and_then(|(number, _)| number.parse().ok())
            .filter(|number| *number < splits)
            .ok_or_else(|| bad(format!("there is no split '{split}' of {splits}")))?;
        let next = match position {
            None => 0,
            Some(Position::Row { next }) => *next,
            Some(other) => return Err(bad(format!("{other:?} is no position in a generator"))),
        };
        let rows = self.settings.rows;
        Ok(Box::new(DatagenReader {
            settings: self.settings.clone(),
            columns: self
                .projection
                .iter()
                .filter_map(|index| Some((*index, Column::new(self.types.get(*index)?))))
                .collect(),
            schema: self.schema.clone(),
            pace: Pace::new(Some(self.settings.rate / splits as f64)),
            split: number,
            next,
            end: rows.map_or(u64::MAX / splits, |rows| {
                rows / splits + u64::from(number < rows % splits)
            }),
        }))
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

struct DatagenReader {
    settings: Arc<Settings>,
    columns: Vec<(usize, Column)>,
    schema: SchemaRef,
    pace: Pace,
    split: u64,
    next: u64,
    end: u64,
}

impl SplitReader for DatagenReader {
    fn next(&mut self, max_rows: usize) -> Result<Read> {
        let left = self.end.saturating_sub(self.next);
        if left == 0 {
            return Ok(Read::End);
        }
        let count = self.pace.due(left.min(max_rows.max(1) as u64));
        if count == 0 {
            return Ok(Read::Idle);
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let broken = |error: arrow::error::ArrowError| {
            ConnectorError::new(
                ErrorKind::BadRow,
                format!("the rows make no batch: {error}"),
            )
        };
        let mut arrays = Vec::new();
        for (index, column) in &mut self.columns {
            let field = &self.settings.fields[*index];
            let key = self.settings.keys[*index];
            for number in self.next..self.next + count {
                let row = number * self.settings.splits + self.split;
                field.append(column, row, now, &mut Random::new(key, row));
            }
            arrays.push(column.finish().map_err(broken)?);
        }
        self.next += count;
        self.pace.gave(count);
        // count is at most max_rows
        let options = RecordBatchOptions::new().with_row_count(Some(count as usize));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            .map_err(broken)?;
        Ok(Read::Rows(batch, None))
    }

    fn position(&self) -> Position {
        Position::Row { next: self.next }
    }
}
