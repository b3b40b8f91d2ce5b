//! Flink's data types and how they map to Arrow.
//!
//! A [`FlinkType`] is what a column is declared as in SQL; an Arrow [`DataType`] is how its values
//! are held in memory. Arrow knows less: `VARCHAR(10)` and `STRING` are both `Utf8`, and
//! `TIMESTAMP(0)` and `TIMESTAMP(3)` are both milliseconds. Where Arrow alone would lose the
//! declaration, [`FlinkType::to_field`] writes the canonical text into the field's metadata under
//! [`TYPE_METADATA_KEY`] and [`FlinkType::from_field`] reads it back. Only the outermost field
//! carries metadata, and everything nested is nullable in Arrow, so that two arrays of equal shape
//! always have equal Arrow types.
//!
//! | Flink | Arrow |
//! |---|---|
//! | `CHAR(n)`, `VARCHAR(n)`, `STRING` | `Utf8` |
//! | `BINARY(n)`, `VARBINARY(n)`, `BYTES` | `Binary` |
//! | `TINYINT` … `BIGINT` | `Int8` … `Int64` |
//! | `DECIMAL(p, s)` | `Decimal128(p, s)` |
//! | `DATE`, `TIME(p)` | `Date32`, `Time32(Millisecond)` |
//! | `TIMESTAMP(p)` | `Timestamp`: milliseconds for p ≤ 3, microseconds for p ≤ 6, else nanoseconds |
//! | `TIMESTAMP_LTZ(p)` | the same with the zone `UTC` |
//! | `INTERVAL YEAR TO MONTH` | `Interval(YearMonth)` |
//! | `INTERVAL DAY TO SECOND` | `Duration(Millisecond)` (Flink keeps milliseconds too) |
//! | `ARRAY<T>`, `ROW<…>` | `List` (item `item`), `Struct` |
//! | `MAP<K, V>`, `MULTISET<T>` | `Map` (`entries` of `key`, `value`); a multiset maps to a count |
//!
//! Texts follow Flink's `LogicalType.asSummaryString` (`STRING` rather than
//! `VARCHAR(2147483647)`, `TIMESTAMP_LTZ(3)`, ``ROW<`a` INT>``), which is also what Flink's error
//! messages print.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};
use datafusion_common::ScalarValue;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The metadata key of an Arrow field that holds the Flink type as text.
pub const TYPE_METADATA_KEY: &str = "flink.type";

/// The length of `STRING` and `BYTES`: Flink's `Integer.MAX_VALUE`.
pub const MAX_LENGTH: u32 = i32::MAX as u32;

/// The zone of every `TIMESTAMP_LTZ` in Arrow: values are instants, zones matter only in text.
pub const UTC: &str = "UTC";

/// A Flink data type: what it is, and whether a value may be NULL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FlinkType {
    /// What the values are.
    pub kind: TypeKind,
    /// Whether NULL is a value. Types are nullable unless declared `NOT NULL`.
    pub nullable: bool,
}

/// The kinds of Flink data types. Precisions count fractional digits of a second, lengths count
/// characters or bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TypeKind {
    Boolean,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Float,
    Double,
    /// 1 ≤ precision ≤ 38 and 0 ≤ scale ≤ precision.
    Decimal {
        precision: u8,
        scale: u8,
    },
    Char(u32),
    /// `STRING` is `Varchar(MAX_LENGTH)`.
    Varchar(u32),
    Binary(u32),
    /// `BYTES` is `Varbinary(MAX_LENGTH)`.
    Varbinary(u32),
    Date,
    Time(u8),
    Timestamp(u8),
    TimestampLtz(u8),
    /// A number of months.
    IntervalYearMonth {
        fields: YearMonthFields,
        /// Digits of the year (1 to 4); Flink's default is 2.
        precision: u8,
    },
    /// A number of milliseconds.
    IntervalDayTime {
        fields: DayTimeFields,
        /// Digits of the day (1 to 6); Flink's default is 2.
        day_precision: u8,
        /// Fractional digits of the second (0 to 9); Flink's default is 6.
        fraction: u8,
    },
    Array(Box<FlinkType>),
    Multiset(Box<FlinkType>),
    Map(Box<FlinkType>, Box<FlinkType>),
    Row(Vec<RowField>),
    /// The type of the literal NULL.
    Null,
}

/// The fields of an `INTERVAL` of months.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum YearMonthFields {
    Year,
    YearToMonth,
    Month,
}

/// The fields of an `INTERVAL` of milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DayTimeFields {
    Day,
    DayToHour,
    DayToMinute,
    DayToSecond,
    Hour,
    HourToMinute,
    HourToSecond,
    Minute,
    MinuteToSecond,
    Second,
}

/// A field of a `ROW` type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RowField {
    pub name: String,
    pub ty: FlinkType,
    pub comment: Option<String>,
}

impl RowField {
    /// A field without a comment.
    pub fn new(name: impl Into<String>, ty: FlinkType) -> Self {
        Self {
            name: name.into(),
            ty,
            comment: None,
        }
    }
}

/// A text that is not a Flink type, with the byte offset where reading stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TypeError {
    pub offset: usize,
    pub message: String,
}

impl From<TypeKind> for FlinkType {
    fn from(kind: TypeKind) -> Self {
        Self {
            kind,
            nullable: true,
        }
    }
}

impl FlinkType {
    /// A nullable type of this kind.
    pub fn new(kind: TypeKind) -> Self {
        kind.into()
    }

    /// `STRING`.
    pub fn string() -> Self {
        TypeKind::Varchar(MAX_LENGTH).into()
    }

    /// `BYTES`.
    pub fn bytes() -> Self {
        TypeKind::Varbinary(MAX_LENGTH).into()
    }

    /// `DECIMAL(precision, scale)`.
    pub fn decimal(precision: u8, scale: u8) -> Self {
        TypeKind::Decimal { precision, scale }.into()
    }

    /// The same type, with or without NULL.
    pub fn with_nullable(mut self, nullable: bool) -> Self {
        self.nullable = nullable;
        self
    }

    /// The same type `NOT NULL`.
    pub fn not_null(self) -> Self {
        self.with_nullable(false)
    }

    /// Whether this is a character string type.
    pub fn is_string(&self) -> bool {
        matches!(self.kind, TypeKind::Char(_) | TypeKind::Varchar(_))
    }

    /// Whether this is a byte string type.
    pub fn is_binary(&self) -> bool {
        matches!(self.kind, TypeKind::Binary(_) | TypeKind::Varbinary(_))
    }

    /// Whether this is `TINYINT`, `SMALLINT`, `INT` or `BIGINT`.
    pub fn is_integer(&self) -> bool {
        matches!(
            self.kind,
            TypeKind::TinyInt | TypeKind::SmallInt | TypeKind::Int | TypeKind::BigInt
        )
    }

    /// Whether this is an integer, decimal or floating-point type.
    pub fn is_numeric(&self) -> bool {
        self.is_integer()
            || matches!(
                self.kind,
                TypeKind::Float | TypeKind::Double | TypeKind::Decimal { .. }
            )
    }

    /// Whether this is `TIMESTAMP` or `TIMESTAMP_LTZ`, the types a rowtime may have.
    pub fn is_timestamp(&self) -> bool {
        matches!(
            self.kind,
            TypeKind::Timestamp(_) | TypeKind::TimestampLtz(_)
        )
    }

    /// Reads a whole text as a type: `DECIMAL(10, 2) NOT NULL`, `ROW<a INT, b ARRAY<STRING>>`.
    ///
    /// # Errors
    /// If the text is not a type, with the byte offset of the first token that does not fit.
    pub fn parse(text: &str) -> Result<Self, TypeError> {
        let (ty, end) = Self::parse_prefix(text)?;
        if end < text.len() {
            let rest: String = text[end..].chars().take(20).collect();
            return Err(TypeError {
                offset: end,
                message: format!("Unexpected '{rest}' after the type {ty}"),
            });
        }
        Ok(ty)
    }

    /// Reads the longest type at the start of `text` and returns it with the offset of the first
    /// token behind it (blanks and comments skipped).
    ///
    /// # Errors
    /// If the text does not start with a type.
    pub fn parse_prefix(text: &str) -> Result<(Self, usize), TypeError> {
        let mut parser = Parser::new(text);
        let ty = parser.parse_type()?;
        let end = parser.peek_start();
        Ok((ty, end))
    }

    /// The Arrow type of this type's values.
    pub fn to_arrow(&self) -> DataType {
        match &self.kind {
            TypeKind::Boolean => DataType::Boolean,
            TypeKind::TinyInt => DataType::Int8,
            TypeKind::SmallInt => DataType::Int16,
            TypeKind::Int => DataType::Int32,
            TypeKind::BigInt => DataType::Int64,
            TypeKind::Float => DataType::Float32,
            TypeKind::Double => DataType::Float64,
            TypeKind::Decimal { precision, scale } => {
                DataType::Decimal128(*precision, *scale as i8)
            }
            TypeKind::Char(_) | TypeKind::Varchar(_) => DataType::Utf8,
            TypeKind::Binary(_) | TypeKind::Varbinary(_) => DataType::Binary,
            TypeKind::Date => DataType::Date32,
            TypeKind::Time(_) => DataType::Time32(TimeUnit::Millisecond),
            TypeKind::Timestamp(p) => DataType::Timestamp(timestamp_unit(*p), None),
            TypeKind::TimestampLtz(p) => {
                DataType::Timestamp(timestamp_unit(*p), Some(Arc::from(UTC)))
            }
            TypeKind::IntervalYearMonth { .. } => DataType::Interval(IntervalUnit::YearMonth),
            TypeKind::IntervalDayTime { .. } => DataType::Duration(TimeUnit::Millisecond),
            TypeKind::Array(item) => {
                DataType::List(Arc::new(Field::new("item", item.to_arrow(), true)))
            }
            TypeKind::Multiset(item) => map_type(item.to_arrow(), DataType::Int32),
            TypeKind::Map(key, value) => map_type(key.to_arrow(), value.to_arrow()),
            TypeKind::Row(fields) => DataType::Struct(
                fields
                    .iter()
                    .map(|field| Field::new(&field.name, field.ty.to_arrow(), true))
                    .collect::<Fields>(),
            ),
            TypeKind::Null => DataType::Null,
        }
    }

    /// The Arrow field of a column of this type, with the Flink type in its metadata where Arrow
    /// alone would lose it.
    pub fn to_field(&self, name: impl Into<String>) -> Field {
        let data_type = self.to_arrow();
        let nullable = self.nullable || self.kind == TypeKind::Null;
        let lossless = Self::from_arrow(&data_type).is_some_and(|ty| ty.kind == self.kind);
        let field = Field::new(name, data_type, nullable);
        if lossless {
            field
        } else {
            let text = self.clone().with_nullable(true).to_string();
            field.with_metadata([(TYPE_METADATA_KEY.to_string(), text)].into())
        }
    }

    /// The Flink type of an Arrow field: from its metadata if that agrees with the Arrow type,
    /// else from the Arrow type. `None` if Flink has no such type.
    pub fn try_from_field(field: &Field) -> Option<Self> {
        if let Some(text) = field.metadata().get(TYPE_METADATA_KEY)
            && let Ok(ty) = Self::parse(text)
            // An expression may have changed the type and kept the metadata.
            && same_shape(&ty.to_arrow(), field.data_type())
        {
            return Some(ty.with_nullable(field.is_nullable()));
        }
        Self::from_arrow(field.data_type()).map(|ty| ty.with_nullable(field.is_nullable()))
    }

    /// Like [`Self::try_from_field`], with `NULL` for an Arrow type that Flink has no type for
    /// (none of the project's own expressions produces one).
    pub fn from_field(field: &Field) -> Self {
        Self::try_from_field(field).unwrap_or_else(|| TypeKind::Null.into())
    }

    /// The Flink type that an Arrow type without metadata stands for, nullable. `None` if Flink
    /// has no such type.
    pub fn from_arrow(data_type: &DataType) -> Option<Self> {
        let kind = match data_type {
            DataType::Null => TypeKind::Null,
            DataType::Boolean => TypeKind::Boolean,
            DataType::Int8 => TypeKind::TinyInt,
            DataType::Int16 | DataType::UInt8 => TypeKind::SmallInt,
            DataType::Int32 | DataType::UInt16 => TypeKind::Int,
            DataType::Int64 | DataType::UInt32 => TypeKind::BigInt,
            DataType::UInt64 => TypeKind::Decimal {
                precision: 20,
                scale: 0,
            },
            DataType::Float16 | DataType::Float32 => TypeKind::Float,
            DataType::Float64 => TypeKind::Double,
            DataType::Decimal32(p, s)
            | DataType::Decimal64(p, s)
            | DataType::Decimal128(p, s)
            | DataType::Decimal256(p, s)
                if *s >= 0 && *p <= 38 =>
            {
                TypeKind::Decimal {
                    precision: *p,
                    scale: *s as u8,
                }
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                TypeKind::Varchar(MAX_LENGTH)
            }
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                TypeKind::Varbinary(MAX_LENGTH)
            }
            DataType::FixedSizeBinary(n) => TypeKind::Binary((*n).max(1) as u32),
            DataType::Date32 | DataType::Date64 => TypeKind::Date,
            DataType::Time32(_) | DataType::Time64(_) => TypeKind::Time(0),
            DataType::Timestamp(unit, None) => TypeKind::Timestamp(unit_precision(*unit)),
            DataType::Timestamp(unit, Some(_)) => TypeKind::TimestampLtz(unit_precision(*unit)),
            DataType::Interval(IntervalUnit::YearMonth) => TypeKind::year_to_month(),
            DataType::Interval(IntervalUnit::DayTime | IntervalUnit::MonthDayNano)
            | DataType::Duration(_) => TypeKind::day_to_second(),
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::ListView(item)
            | DataType::LargeListView(item)
            | DataType::FixedSizeList(item, _) => {
                TypeKind::Array(Box::new(Self::try_from_nested(item)?))
            }
            DataType::Struct(fields) => TypeKind::Row(
                fields
                    .iter()
                    .map(|field| Some(RowField::new(field.name(), Self::try_from_nested(field)?)))
                    .collect::<Option<_>>()?,
            ),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => TypeKind::Map(
                    Box::new(Self::try_from_nested(&fields[0])?),
                    Box::new(Self::try_from_nested(&fields[1])?),
                ),
                _ => return None,
            },
            DataType::Dictionary(_, value) => return Self::from_arrow(value),
            DataType::RunEndEncoded(_, value) => return Self::try_from_field(value),
            _ => return None,
        };
        Some(kind.into())
    }

    /// Nested nullability is not read from Arrow: [`Self::to_arrow`] does not write it either.
    fn try_from_nested(field: &Field) -> Option<Self> {
        Self::try_from_field(field).map(|ty| ty.with_nullable(true))
    }
}

impl TypeKind {
    /// `INTERVAL YEAR TO MONTH` with Flink's default precision.
    pub fn year_to_month() -> Self {
        Self::IntervalYearMonth {
            fields: YearMonthFields::YearToMonth,
            precision: 2,
        }
    }

    /// `INTERVAL DAY TO SECOND(3)`: what a difference of timestamps has.
    pub fn day_to_second() -> Self {
        Self::IntervalDayTime {
            fields: DayTimeFields::DayToSecond,
            day_precision: 2,
            fraction: 3,
        }
    }
}

impl FlinkType {
    /// The type that values of both types can be converted to: what `CASE`, `COALESCE`, `UNION`,
    /// arrays and maps make of different types. `None` if there is none.
    ///
    /// Flink: integers widen; a decimal keeps the digits of both; a decimal and a floating-point
    /// number are `DOUBLE`; strings take the longer length; timestamps the higher precision.
    pub fn common(&self, other: &Self) -> Option<Self> {
        use TypeKind::*;
        let nullable = self.nullable || other.nullable || self.kind == Null || other.kind == Null;
        let nested = |a: &Self, b: &Self| a.common(b).map(Box::new);
        let kind = match (&self.kind, &other.kind) {
            (a, b) if a == b => a.clone(),
            (Null, kind) | (kind, Null) => kind.clone(),
            (Char(a) | Varchar(a), Char(b) | Varchar(b)) => Varchar(*a.max(b)),
            (Binary(a) | Varbinary(a), Binary(b) | Varbinary(b)) => Varbinary(*a.max(b)),
            (a, b) if self.is_numeric() && other.is_numeric() => {
                use crate::decimal::as_decimal;
                match (as_decimal(a), as_decimal(b)) {
                    (Some((p1, s1)), Some((p2, s2))) => {
                        if self.is_integer() && other.is_integer() {
                            if p1 > p2 { a.clone() } else { b.clone() }
                        } else {
                            let scale = s1.max(s2);
                            let precision = ((p1 - s1).max(p2 - s2) + scale).min(38);
                            Decimal { precision, scale }
                        }
                    }
                    _ if matches!(a, Decimal { .. }) || matches!(b, Decimal { .. }) => Double,
                    _ if *a == Double || *b == Double => Double,
                    _ => Float,
                }
            }
            (Time(a), Time(b)) => Time(*a.max(b)),
            (Timestamp(a), Timestamp(b)) => Timestamp(*a.max(b)),
            (Timestamp(a) | TimestampLtz(a), Timestamp(b) | TimestampLtz(b)) => {
                TimestampLtz(*a.max(b))
            }
            (Date, other @ (Timestamp(_) | TimestampLtz(_)))
            | (other @ (Timestamp(_) | TimestampLtz(_)), Date) => other.clone(),
            (IntervalDayTime { .. }, IntervalDayTime { .. }) => TypeKind::day_to_second(),
            (IntervalYearMonth { .. }, IntervalYearMonth { .. }) => TypeKind::year_to_month(),
            (Array(a), Array(b)) => Array(nested(a, b)?),
            (Multiset(a), Multiset(b)) => Multiset(nested(a, b)?),
            (Map(k1, v1), Map(k2, v2)) => Map(nested(k1, k2)?, nested(v1, v2)?),
            (Row(a), Row(b)) if a.len() == b.len() => Row(a
                .iter()
                .zip(b)
                .map(|(a, b)| Some(RowField::new(a.name.clone(), a.ty.common(&b.ty)?)))
                .collect::<Option<_>>()?),
            _ => return None,
        };
        Some(Self { kind, nullable })
    }

    /// The common type of several types; `NULL` of none.
    pub fn common_of<'a>(types: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let mut types = types.into_iter();
        let Some(first) = types.next() else {
            return Some(TypeKind::Null.into());
        };
        types.try_fold(first.clone(), |common, ty| common.common(ty))
    }
}

/// The unit in which Arrow holds a `TIMESTAMP(precision)`.
pub fn timestamp_unit(precision: u8) -> TimeUnit {
    match precision {
        0..=3 => TimeUnit::Millisecond,
        4..=6 => TimeUnit::Microsecond,
        _ => TimeUnit::Nanosecond,
    }
}

fn unit_precision(unit: TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

/// The Arrow type of a map, with the names that DataFusion's own map functions use. Arrow's keys
/// are never NULL (Flink's may be).
pub fn map_type(key: DataType, value: DataType) -> DataType {
    let entries = Fields::from(vec![
        Field::new("key", key, false),
        Field::new("value", value, true),
    ]);
    DataType::Map(
        Arc::new(Field::new("entries", DataType::Struct(entries), false)),
        false,
    )
}

/// Whether two Arrow types hold the same values, whatever the encoding of text and the flags and
/// names of nested fields.
fn same_shape(left: &DataType, right: &DataType) -> bool {
    use DataType::*;
    match (left, right) {
        (Utf8, Utf8 | LargeUtf8 | Utf8View) => true,
        (Binary, Binary | LargeBinary | BinaryView | FixedSizeBinary(_)) => true,
        (List(a), List(b) | LargeList(b)) => same_shape(a.data_type(), b.data_type()),
        (Map(a, _), Map(b, _)) => same_shape(a.data_type(), b.data_type()),
        (Struct(a), Struct(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|(a, b)| same_shape(a.data_type(), b.data_type()))
        }
        (a, b) => a == b,
    }
}

/// The length of an interval literal in milliseconds, whichever way DataFusion or Millstream
/// represents it. `None` if it is NULL, not an interval, or counts months (a month has no fixed
/// length).
pub fn interval_millis(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::DurationSecond(v) => v.and_then(|v| v.checked_mul(1_000)),
        ScalarValue::DurationMillisecond(v) => *v,
        ScalarValue::DurationMicrosecond(v) => v.map(|v| v.div_euclid(1_000)),
        ScalarValue::DurationNanosecond(v) => v.map(|v| v.div_euclid(1_000_000)),
        ScalarValue::IntervalDayTime(v) => v.and_then(|v| {
            i64::from(v.days)
                .checked_mul(86_400_000)?
                .checked_add(i64::from(v.milliseconds))
        }),
        ScalarValue::IntervalMonthDayNano(v) => v.and_then(|v| {
            if v.months != 0 {
                return None;
            }
            i64::from(v.days)
                .checked_mul(86_400_000)?
                .checked_add(v.nanoseconds.div_euclid(1_000_000))
        }),
        _ => None,
    }
}

/// The length of an interval literal in months. `None` if it is NULL, not an interval, or has a
/// part below a month.
pub fn interval_months(value: &ScalarValue) -> Option<i32> {
    match value {
        ScalarValue::IntervalYearMonth(v) => *v,
        ScalarValue::IntervalMonthDayNano(v) => {
            v.and_then(|v| (v.days == 0 && v.nanoseconds == 0).then_some(v.months))
        }
        _ => None,
    }
}

// ---- Text ----

impl fmt::Display for FlinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        if !self.nullable && self.kind != TypeKind::Null {
            f.write_str(" NOT NULL")?;
        }
        Ok(())
    }
}

impl fmt::Display for TypeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("BOOLEAN"),
            Self::TinyInt => f.write_str("TINYINT"),
            Self::SmallInt => f.write_str("SMALLINT"),
            Self::Int => f.write_str("INT"),
            Self::BigInt => f.write_str("BIGINT"),
            Self::Float => f.write_str("FLOAT"),
            Self::Double => f.write_str("DOUBLE"),
            Self::Decimal { precision, scale } => write!(f, "DECIMAL({precision}, {scale})"),
            Self::Char(n) => write!(f, "CHAR({n})"),
            Self::Varchar(MAX_LENGTH) => f.write_str("STRING"),
            Self::Varchar(n) => write!(f, "VARCHAR({n})"),
            Self::Binary(n) => write!(f, "BINARY({n})"),
            Self::Varbinary(MAX_LENGTH) => f.write_str("BYTES"),
            Self::Varbinary(n) => write!(f, "VARBINARY({n})"),
            Self::Date => f.write_str("DATE"),
            Self::Time(p) => write!(f, "TIME({p})"),
            Self::Timestamp(p) => write!(f, "TIMESTAMP({p})"),
            Self::TimestampLtz(p) => write!(f, "TIMESTAMP_LTZ({p})"),
            Self::IntervalYearMonth { fields, precision } => match fields {
                YearMonthFields::Year => write!(f, "INTERVAL YEAR({precision})"),
                YearMonthFields::YearToMonth => write!(f, "INTERVAL YEAR({precision}) TO MONTH"),
                YearMonthFields::Month => f.write_str("INTERVAL MONTH"),
            },
            Self::IntervalDayTime {
                fields,
                day_precision: d,
                fraction: s,
            } => match fields {
                DayTimeFields::Day => write!(f, "INTERVAL DAY({d})"),
                DayTimeFields::DayToHour => write!(f, "INTERVAL DAY({d}) TO HOUR"),
                DayTimeFields::DayToMinute => write!(f, "INTERVAL DAY({d}) TO MINUTE"),
                DayTimeFields::DayToSecond => write!(f, "INTERVAL DAY({d}) TO SECOND({s})"),
                DayTimeFields::Hour => f.write_str("INTERVAL HOUR"),
                DayTimeFields::HourToMinute => f.write_str("INTERVAL HOUR TO MINUTE"),
                DayTimeFields::HourToSecond => write!(f, "INTERVAL HOUR TO SECOND({s})"),
                DayTimeFields::Minute => f.write_str("INTERVAL MINUTE"),
                DayTimeFields::MinuteToSecond => write!(f, "INTERVAL MINUTE TO SECOND({s})"),
                DayTimeFields::Second => write!(f, "INTERVAL SECOND({s})"),
            },
            Self::Array(item) => write!(f, "ARRAY<{item}>"),
            Self::Multiset(item) => write!(f, "MULTISET<{item}>"),
            Self::Map(key, value) => write!(f, "MAP<{key}, {value}>"),
            Self::Row(fields) => {
                f.write_str("ROW<")?;
                for (i, field) in fields.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "`{}` {}", field.name.replace('`', "``"), field.ty)?;
                    if let Some(comment) = &field.comment {
                        write!(f, " '{}'", comment.replace('\'', "''"))?;
                    }
                }
                f.write_str(">")
            }
            Self::Null => f.write_str("NULL"),
        }
    }
}

impl FromStr for FlinkType {
    type Err = TypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Serialize for FlinkType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FlinkType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token<'a> {
    /// An unquoted word.
    Word(&'a str),
    /// A word in backticks or double quotes, unescaped.
    Quoted(String),
    /// A literal in single quotes, unescaped.
    Text(String),
    Number(&'a str),
    Symbol(char),
    End,
}

impl Token<'_> {
    fn describe(&self) -> String {
        match self {
            Token::Word(word) => format!("'{word}'"),
            Token::Quoted(name) => format!("`{name}`"),
            Token::Text(text) => format!("the literal '{text}'"),
            Token::Number(number) => format!("'{number}'"),
            Token::Symbol(symbol) => format!("'{symbol}'"),
            Token::End => "the end".to_string(),
        }
    }
}

/// Types nested deeper than this are refused, so that no text can exhaust the stack.
const MAX_DEPTH: usize = 64;

/// A recursive-descent reader of type texts with one token of look-ahead.
struct Parser<'a> {
    text: &'a str,
    /// Where the next token starts.
    start: usize,
    /// Where the next token ends.
    end: usize,
    token: Token<'a>,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        let mut parser = Self {
            text,
            start: 0,
            end: 0,
            token: Token::End,
            depth: 0,
        };
        parser.advance();
        parser
    }

    fn peek_start(&self) -> usize {
        self.start
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, TypeError> {
        Err(TypeError {
            offset: self.start,
            message: message.into(),
        })
    }

    /// Moves to the next token; blanks and comments are skipped.
    fn advance(&mut self) {
        let mut rest = &self.text[self.end..];
        loop {
            let trimmed = rest.trim_start();
            rest = if let Some(comment) = trimmed.strip_prefix("--") {
                comment.find('\n').map_or("", |at| &comment[at..])
            } else if let Some(comment) = trimmed.strip_prefix("/*") {
                comment.find("*/").map_or("", |at| &comment[at + 2..])
            } else {
                rest = trimmed;
                break;
            };
        }
        self.start = self.text.len() - rest.len();
        let Some(first) = rest.chars().next() else {
            self.end = self.start;
            self.token = Token::End;
            return;
        };
        let (token, len) = if first.is_alphabetic() || first == '_' {
            let len = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$')
                .unwrap_or(rest.len());
            (Token::Word(&rest[..len]), len)
        } else if first.is_ascii_digit() {
            let len = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            (Token::Number(&rest[..len]), len)
        } else if let Some((text, len)) = quoted(rest, first) {
            if first == '\'' {
                (Token::Text(text), len)
            } else {
                (Token::Quoted(text), len)
            }
        } else {
            (Token::Symbol(first), first.len_utf8())
        };
        self.end = self.start + len;
        self.token = token;
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = matches!(self.token, Token::Word(w) if w.eq_ignore_ascii_case(word));
        if found {
            self.advance();
        }
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<(), TypeError> {
        if self.eat_word(word) {
            Ok(())
        } else {
            self.error(format!(
                "Expected {word} but found {}",
                self.token.describe()
            ))
        }
    }

    fn eat_symbol(&mut self, symbol: char) -> bool {
        let found = self.token == Token::Symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    fn expect_symbol(&mut self, symbol: char) -> Result<(), TypeError> {
        if self.eat_symbol(symbol) {
            Ok(())
        } else {
            self.error(format!(
                "Expected '{symbol}' but found {}",
                self.token.describe()
            ))
        }
    }

    /// A number in `min..=max`, or an error that names the range.
    fn number(&mut self, what: &str, min: u32, max: u32) -> Result<u32, TypeError> {
        let Token::Number(digits) = self.token else {
            return self.error(format!(
                "Expected a number for {what} but found {}",
                self.token.describe()
            ));
        };
        match digits.parse::<u32>() {
            Ok(value) if (min..=max).contains(&value) => {
                self.advance();
                Ok(value)
            }
            _ => self.error(format!(
                "{what} must be between {min} and {max} (both inclusive) but is {digits}"
            )),
        }
    }

    /// `(n)`, or the default.
    fn parameter(
        &mut self,
        what: &str,
        min: u32,
        max: u32,
        default: u32,
    ) -> Result<u32, TypeError> {
        if !self.eat_symbol('(') {
            return Ok(default);
        }
        let value = self.number(what, min, max)?;
        self.expect_symbol(')')?;
        Ok(value)
    }

    fn parse_type(&mut self) -> Result<FlinkType, TypeError> {
        if self.depth >= MAX_DEPTH {
            return self.error(format!("A type must not be nested deeper than {MAX_DEPTH}"));
        }
        self.depth += 1;
        let mut ty = FlinkType::new(self.parse_kind()?);
        self.parse_nullability(&mut ty)?;
        // The postfix forms of the SQL standard: INT ARRAY, INT NOT NULL MULTISET.
        loop {
            if self.eat_word("ARRAY") {
                ty = TypeKind::Array(Box::new(ty)).into();
            } else if self.eat_word("MULTISET") {
                ty = TypeKind::Multiset(Box::new(ty)).into();
            } else {
                break;
            }
            self.parse_nullability(&mut ty)?;
        }
        self.depth -= 1;
        Ok(ty)
    }

    fn parse_nullability(&mut self, ty: &mut FlinkType) -> Result<(), TypeError> {
        if self.eat_word("NOT") {
            self.expect_word("NULL")?;
            ty.nullable = false;
        } else if self.eat_word("NULL") {
            ty.nullable = true;
        }
        Ok(())
    }

    fn parse_kind(&mut self) -> Result<TypeKind, TypeError> {
        let Token::Word(word) = self.token else {
            return self.error(format!(
                "Expected a data type but found {}",
                self.token.describe()
            ));
        };
        let at = self.start;
        self.advance();
        let kind = match word.to_ascii_uppercase().as_str() {
            "BOOLEAN" => TypeKind::Boolean,
            "TINYINT" => TypeKind::TinyInt,
            "SMALLINT" => TypeKind::SmallInt,
            "INT" | "INTEGER" => TypeKind::Int,
            "BIGINT" => TypeKind::BigInt,
            "FLOAT" | "REAL" => TypeKind::Float,
            "DOUBLE" => {
                self.eat_word("PRECISION");
                TypeKind::Double
            }
            "DECIMAL" | "DEC" | "NUMERIC" => self.parse_decimal()?,
            "CHAR" | "CHARACTER" => {
                if self.eat_word("VARYING") {
                    TypeKind::Varchar(self.parameter("The length", 1, MAX_LENGTH, MAX_LENGTH)?)
                } else {
                    TypeKind::Char(self.parameter("The length", 1, MAX_LENGTH, 1)?)
                }
            }
            // Without a length they are unbounded in SQL: Flink's type system says so, whatever
            // its documentation says of the type itself.
            "VARCHAR" => {
                TypeKind::Varchar(self.parameter("The length", 1, MAX_LENGTH, MAX_LENGTH)?)
            }
            "STRING" => TypeKind::Varchar(MAX_LENGTH),
            "BINARY" => {
                if self.eat_word("VARYING") {
                    TypeKind::Varbinary(self.parameter("The length", 1, MAX_LENGTH, MAX_LENGTH)?)
                } else {
                    TypeKind::Binary(self.parameter("The length", 1, MAX_LENGTH, 1)?)
                }
            }
            "VARBINARY" => {
                TypeKind::Varbinary(self.parameter("The length", 1, MAX_LENGTH, MAX_LENGTH)?)
            }
            "BYTES" => TypeKind::Varbinary(MAX_LENGTH),
            "DATE" => TypeKind::Date,
            "TIME" => {
                let precision = self.parameter("The precision of a time", 0, 9, 0)? as u8;
                if self.eat_word("WITHOUT") {
                    self.expect_word("TIME")?;
                    self.expect_word("ZONE")?;
                }
                TypeKind::Time(precision)
            }
            "TIMESTAMP" => self.parse_timestamp()?,
            "TIMESTAMP_LTZ" => TypeKind::TimestampLtz(self.timestamp_precision()?),
            "INTERVAL" => self.parse_interval()?,
            "ARRAY" => TypeKind::Array(Box::new(self.type_argument()?)),
            "MULTISET" => TypeKind::Multiset(Box::new(self.type_argument()?)),
            "MAP" => {
                self.expect_symbol('<')?;
                let key = self.parse_type()?;
                self.expect_symbol(',')?;
                let value = self.parse_type()?;
                self.expect_symbol('>')?;
                TypeKind::Map(Box::new(key), Box::new(value))
            }
            "ROW" => self.parse_row()?,
            "NULL" => TypeKind::Null,
            "RAW" | "VARIANT" | "BITMAP" | "STRUCTURED" | "DESCRIPTOR" => {
                return Err(TypeError {
                    offset: at,
                    message: format!(
                        "The type {} is not supported; use STRING, BYTES or ROW instead",
                        word.to_ascii_uppercase()
                    ),
                });
            }
            _ => {
                return Err(TypeError {
                    offset: at,
                    message: format!("Unknown data type '{word}'"),
                });
            }
        };
        Ok(kind)
    }

    fn parse_decimal(&mut self) -> Result<TypeKind, TypeError> {
        let (mut precision, mut scale) = (10, 0);
        if self.eat_symbol('(') {
            precision = self.number("The precision of a decimal", 1, 38)? as u8;
            if self.eat_symbol(',') {
                scale = self.number("The scale of a decimal", 0, u32::from(precision))? as u8;
            }
            self.expect_symbol(')')?;
        }
        Ok(TypeKind::Decimal { precision, scale })
    }

    fn timestamp_precision(&mut self) -> Result<u8, TypeError> {
        Ok(self.parameter("The precision of a timestamp", 0, 9, 6)? as u8)
    }

    fn parse_timestamp(&mut self) -> Result<TypeKind, TypeError> {
        let precision = self.timestamp_precision()?;
        if self.eat_word("WITHOUT") {
            self.expect_word("TIME")?;
            self.expect_word("ZONE")?;
            return Ok(TypeKind::Timestamp(precision));
        }
        let at = self.start;
        if self.eat_word("WITH") {
            let local = self.eat_word("LOCAL");
            self.expect_word("TIME")?;
            self.expect_word("ZONE")?;
            if !local {
                return Err(TypeError {
                    offset: at,
                    message: "TIMESTAMP WITH TIME ZONE is not supported; use TIMESTAMP WITH \
                              LOCAL TIME ZONE (TIMESTAMP_LTZ)"
                        .to_string(),
                });
            }
            return Ok(TypeKind::TimestampLtz(precision));
        }
        Ok(TypeKind::Timestamp(precision))
    }

    fn parse_interval(&mut self) -> Result<TypeKind, TypeError> {
        use DayTimeFields::*;
        let day_time = |fields, day_precision, fraction| TypeKind::IntervalDayTime {
            fields,
            day_precision,
            fraction,
        };
        if self.eat_word("YEAR") {
            let precision = self.parameter("The precision of a year", 1, 4, 2)? as u8;
            let fields = if self.eat_word("TO") {
                self.expect_word("MONTH")?;
                YearMonthFields::YearToMonth
            } else {
                YearMonthFields::Year
            };
            return Ok(TypeKind::IntervalYearMonth { fields, precision });
        }
        if self.eat_word("MONTH") {
            return Ok(TypeKind::IntervalYearMonth {
                fields: YearMonthFields::Month,
                precision: 2,
            });
        }
        if self.eat_word("DAY") {
            let day = self.parameter("The precision of a day", 1, 6, 2)? as u8;
            if !self.eat_word("TO") {
                return Ok(day_time(Day, day, 6));
            }
            if self.eat_word("HOUR") {
                return Ok(day_time(DayToHour, day, 6));
            }
            if self.eat_word("MINUTE") {
                return Ok(day_time(DayToMinute, day, 6));
            }
            self.expect_word("SECOND")?;
            return Ok(day_time(DayToSecond, day, self.second_fraction()?));
        }
        if self.eat_word("HOUR") {
            if !self.eat_word("TO") {
                return Ok(day_time(Hour, 2, 6));
            }
            if self.eat_word("MINUTE") {
                return Ok(day_time(HourToMinute, 2, 6));
            }
            self.expect_word("SECOND")?;
            return Ok(day_time(HourToSecond, 2, self.second_fraction()?));
        }
        if self.eat_word("MINUTE") {
            if !self.eat_word("TO") {
                return Ok(day_time(Minute, 2, 6));
            }
            self.expect_word("SECOND")?;
            return Ok(day_time(MinuteToSecond, 2, self.second_fraction()?));
        }
        if self.eat_word("SECOND") {
            return Ok(day_time(Second, 2, self.second_fraction()?));
        }
        self.error(format!(
            "Expected YEAR, MONTH, DAY, HOUR, MINUTE or SECOND but found {}",
            self.token.describe()
        ))
    }

    fn second_fraction(&mut self) -> Result<u8, TypeError> {
        Ok(self.parameter("The precision of a second", 0, 9, 6)? as u8)
    }

    /// `<T>`
    fn type_argument(&mut self) -> Result<FlinkType, TypeError> {
        self.expect_symbol('<')?;
        let ty = self.parse_type()?;
        self.expect_symbol('>')?;
        Ok(ty)
    }

    /// `ROW<a INT 'comment', …>` or `ROW(a INT, …)`.
    fn parse_row(&mut self) -> Result<TypeKind, TypeError> {
        let close = if self.eat_symbol('(') {
            ')'
        } else {
            self.expect_symbol('<')?;
            '>'
        };
        let mut fields: Vec<RowField> = Vec::new();
        if self.eat_symbol(close) {
            return Ok(TypeKind::Row(fields));
        }
        loop {
            let at = self.start;
            let name = match &self.token {
                Token::Word(word) => word.to_string(),
                Token::Quoted(name) => name.clone(),
                other => {
                    return self.error(format!(
                        "Expected the name of a field but found {}",
                        other.describe()
                    ));
                }
            };
            self.advance();
            if fields.iter().any(|field| field.name == name) {
                return Err(TypeError {
                    offset: at,
                    message: format!("The field `{name}` occurs twice in the row type"),
                });
            }
            let ty = self.parse_type()?;
            self.eat_word("COMMENT");
            let comment = match &self.token {
                Token::Text(text) => Some(text.clone()),
                _ => None,
            };
            if comment.is_some() {
                self.advance();
            }
            fields.push(RowField { name, ty, comment });
            if !self.eat_symbol(',') {
                break;
            }
        }
        self.expect_symbol(close)?;
        Ok(TypeKind::Row(fields))
    }
}

/// The text between two `quote` characters at the start of `rest`, doubled quotes undone, and the
/// length of it all. `None` if it does not start with a quote or does not end.
fn quoted(rest: &str, quote: char) -> Option<(String, usize)> {
    if !matches!(quote, '`' | '\'' | '"') {
        return None;
    }
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            text.push(c);
        } else if chars.next_if(|(_, next)| *next == quote).is_some() {
            text.push(quote);
        } else {
            return Some((text, at + quote.len_utf8()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        FlinkType::parse(text).unwrap().to_string()
    }

    #[test]
    fn texts_become_canonical() {
        for (text, expected) in [
            ("int", "INT"),
            ("Integer NOT NULL", "INT NOT NULL"),
            ("double precision", "DOUBLE"),
            ("DECIMAL", "DECIMAL(10, 0)"),
            ("NUMERIC(5)", "DECIMAL(5, 0)"),
            ("dec(10,2)", "DECIMAL(10, 2)"),
            ("VARCHAR", "STRING"),
            ("CHAR", "CHAR(1)"),
            ("VARCHAR(2147483647)", "STRING"),
            ("CHAR VARYING(3)", "VARCHAR(3)"),
            ("BYTES", "BYTES"),
            ("TIME", "TIME(0)"),
            ("TIMESTAMP", "TIMESTAMP(6)"),
            ("TIMESTAMP(3) WITHOUT TIME ZONE", "TIMESTAMP(3)"),
            ("TIMESTAMP(3) WITH LOCAL TIME ZONE", "TIMESTAMP_LTZ(3)"),
            ("interval day to second(3)", "INTERVAL DAY(2) TO SECOND(3)"),
            ("INTERVAL YEAR", "INTERVAL YEAR(2)"),
            ("INTERVAL MINUTE", "INTERVAL MINUTE"),
            (
                "INT NOT NULL ARRAY NOT NULL",
                "ARRAY<INT NOT NULL> NOT NULL",
            ),
            ("MAP<STRING,ARRAY<INT>>", "MAP<STRING, ARRAY<INT>>"),
            (
                "ROW(a INT, `b c` ROW<x STRING NOT NULL> 'it''s') NOT NULL",
                "ROW<`a` INT, `b c` ROW<`x` STRING NOT NULL> 'it''s'> NOT NULL",
            ),
            ("/* why */ INT -- because\n NULL", "INT"),
        ] {
            assert_eq!(canonical(text), expected, "{text}");
            assert_eq!(
                canonical(expected),
                expected,
                "the canonical text is stable"
            );
        }
    }

    #[test]
    fn errors_point_at_the_token() {
        for (text, offset, message) in [
            ("INTT", 0, "Unknown data type 'INTT'"),
            ("DECIMAL(39, 2)", 8, "between 1 and 38"),
            ("DECIMAL(10, 11)", 12, "between 0 and 10"),
            ("ARRAY<INT", 9, "Expected '>' but found the end"),
            ("ROW<a INT, a INT>", 11, "occurs twice"),
            ("INT x", 4, "Unexpected 'x'"),
            ("TIMESTAMP(3) WITH TIME ZONE", 13, "not supported"),
            ("VARCHAR(0)", 8, "between 1 and"),
            ("", 0, "Expected a data type but found the end"),
        ] {
            let error = FlinkType::parse(text).unwrap_err();
            assert_eq!(error.offset, offset, "{text}");
            assert!(error.message.contains(message), "{text}: {error}");
        }
        let deep = "ARRAY<".repeat(10_000);
        assert!(FlinkType::parse(&deep).is_err());
    }

    #[test]
    fn prefixes_end_before_the_next_token() {
        let (ty, end) = FlinkType::parse_prefix("INT NOT NULL  COMMENT 'x'").unwrap();
        assert_eq!((ty.to_string().as_str(), end), ("INT NOT NULL", 14));
    }

    #[test]
    fn fields_keep_what_arrow_loses() {
        for text in [
            "STRING",
            "CHAR(3) NOT NULL",
            "VARCHAR(10)",
            "TIME(3)",
            "TIMESTAMP(0)",
            "TIMESTAMP(3)",
            "TIMESTAMP_LTZ(7)",
            "ARRAY<INT NOT NULL>",
            "MULTISET<STRING>",
            "MAP<STRING, DECIMAL(4, 1)>",
            "ROW<`a` TIMESTAMP(2), `b` ROW<`c` BYTES>> NOT NULL",
            "INTERVAL DAY(2) TO SECOND(3)",
            "INTERVAL MONTH",
        ] {
            let ty = FlinkType::parse(text).unwrap();
            assert_eq!(FlinkType::from_field(&ty.to_field("f")), ty);
        }
        assert!(FlinkType::string().to_field("f").metadata().is_empty());
    }

    #[test]
    fn stale_metadata_is_ignored() {
        let field = FlinkType::parse("CHAR(3)").unwrap().to_field("f");
        let changed = field.with_data_type(DataType::Int32);
        assert_eq!(FlinkType::from_field(&changed), TypeKind::Int.into());
    }

    #[test]
    fn intervals_have_a_length() {
        assert_eq!(
            interval_millis(&ScalarValue::new_interval_mdn(0, 1, 5_000_000)),
            Some(86_400_005)
        );
        assert_eq!(
            interval_millis(&ScalarValue::new_interval_mdn(1, 0, 0)),
            None
        );
        assert_eq!(
            interval_months(&ScalarValue::new_interval_mdn(14, 0, 0)),
            Some(14)
        );
    }
}
