//! Typed column builders that formats append to, one value at a time, without a value type in
//! between.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder,
    Float64Builder, Int8Builder, Int16Builder, Int32Builder, Int64Builder, ListArray, MapArray,
    NullArray, NullBufferBuilder, PrimitiveArray, StringBuilder, StructArray,
    Time32MillisecondBuilder, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{
    DataType, DurationMillisecondType, Int32Type, Int64Type, IntervalYearMonthType, TimeUnit,
};
use base64::Engine as _;
use millstream_functions::types::{FlinkType, TypeKind};

use super::text::{self, Reason, TimeRules};

/// A column being built.
pub(crate) enum Column {
    Boolean(BooleanBuilder),
    TinyInt(Int8Builder),
    SmallInt(Int16Builder),
    Int(Int32Builder),
    BigInt(Int64Builder),
    Float(Float32Builder),
    Double(Float64Builder),
    Decimal {
        values: Decimal128Builder,
        precision: u8,
        scale: u8,
    },
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Date(Date32Builder),
    Time {
        values: Time32MillisecondBuilder,
        precision: u8,
    },
    Timestamp {
        values: Int64Builder,
        unit: TimeUnit,
        zoned: bool,
    },
    Months(Int32Builder),
    Millis(Int64Builder),
    List {
        ends: Vec<i32>,
        nulls: NullBufferBuilder,
        item: Box<Column>,
        data_type: DataType,
    },
    /// A MAP, or a MULTISET as a map to counts.
    Map {
        ends: Vec<i32>,
        nulls: NullBufferBuilder,
        keys: Box<Column>,
        values: Box<Column>,
        data_type: DataType,
    },
    Row {
        names: Vec<String>,
        fields: Vec<Column>,
        nulls: NullBufferBuilder,
        data_type: DataType,
    },
    Null(usize),
}

/// Fractional digits of an Arrow time unit.
pub(crate) fn unit_digits(unit: TimeUnit) -> u32 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

impl Column {
    pub(crate) fn new(ty: &FlinkType) -> Self {
        let data_type = ty.to_arrow();
        match &ty.kind {
            TypeKind::Boolean => Self::Boolean(BooleanBuilder::new()),
            TypeKind::TinyInt => Self::TinyInt(Int8Builder::new()),
            TypeKind::SmallInt => Self::SmallInt(Int16Builder::new()),
            TypeKind::Int => Self::Int(Int32Builder::new()),
            TypeKind::BigInt => Self::BigInt(Int64Builder::new()),
            TypeKind::Float => Self::Float(Float32Builder::new()),
            TypeKind::Double => Self::Double(Float64Builder::new()),
            TypeKind::Decimal { precision, scale } => Self::Decimal {
                values: Decimal128Builder::new().with_data_type(data_type),
                precision: *precision,
                scale: *scale,
            },
            TypeKind::Char(_) | TypeKind::Varchar(_) => Self::Text(StringBuilder::new()),
            TypeKind::Binary(_) | TypeKind::Varbinary(_) => Self::Bytes(BinaryBuilder::new()),
            TypeKind::Date => Self::Date(Date32Builder::new()),
            TypeKind::Time(precision) => Self::Time {
                values: Time32MillisecondBuilder::new(),
                precision: *precision,
            },
            TypeKind::Timestamp(precision) | TypeKind::TimestampLtz(precision) => Self::Timestamp {
                values: Int64Builder::new(),
                unit: millstream_functions::types::timestamp_unit(*precision),
                zoned: matches!(ty.kind, TypeKind::TimestampLtz(_)),
            },
            TypeKind::IntervalYearMonth { .. } => Self::Months(Int32Builder::new()),
            TypeKind::IntervalDayTime { .. } => Self::Millis(Int64Builder::new()),
            TypeKind::Array(item) => Self::List {
                ends: vec![0],
                nulls: NullBufferBuilder::new(0),
                item: Box::new(Self::new(item)),
                data_type,
            },
            TypeKind::Map(key, value) => Self::Map {
                ends: vec![0],
                nulls: NullBufferBuilder::new(0),
                keys: Box::new(Self::new(key)),
                values: Box::new(Self::new(value)),
                data_type,
            },
            TypeKind::Multiset(item) => Self::Map {
                ends: vec![0],
                nulls: NullBufferBuilder::new(0),
                keys: Box::new(Self::new(item)),
                values: Box::new(Self::Int(Int32Builder::new())),
                data_type,
            },
            TypeKind::Row(row) => Self::Row {
                names: row.iter().map(|field| field.name.clone()).collect(),
                fields: row.iter().map(|field| Self::new(&field.ty)).collect(),
                nulls: NullBufferBuilder::new(0),
                data_type,
            },
            TypeKind::Null => Self::Null(0),
        }
    }

    pub(crate) fn append_null(&mut self) {
        match self {
            Self::Boolean(values) => values.append_null(),
            Self::TinyInt(values) => values.append_null(),
            Self::SmallInt(values) => values.append_null(),
            Self::Int(values) | Self::Months(values) => values.append_null(),
            Self::BigInt(values) | Self::Timestamp { values, .. } | Self::Millis(values) => {
                values.append_null()
            }
            Self::Float(values) => values.append_null(),
            Self::Double(values) => values.append_null(),
            Self::Decimal { values, .. } => values.append_null(),
            Self::Text(values) => values.append_null(),
            Self::Bytes(values) => values.append_null(),
            Self::Date(values) => values.append_null(),
            Self::Time { values, .. } => values.append_null(),
            Self::List { ends, nulls, .. } | Self::Map { ends, nulls, .. } => {
                ends.push(ends.last().copied().unwrap_or(0));
                nulls.append_null();
            }
            Self::Row { fields, nulls, .. } => {
                for field in fields {
                    field.append_null();
                }
                nulls.append_null();
            }
            Self::Null(len) => *len += 1,
        }
    }

    /// Appends a value that is no NULL in place of one that could not be read into a NOT NULL
    /// column; the row is dropped before anybody sees it.
    pub(crate) fn append_placeholder(&mut self) {
        match self {
            Self::Boolean(values) => values.append_value(false),
            Self::TinyInt(values) => values.append_value(0),
            Self::SmallInt(values) => values.append_value(0),
            Self::Int(values) | Self::Months(values) => values.append_value(0),
            Self::BigInt(values) | Self::Timestamp { values, .. } | Self::Millis(values) => {
                values.append_value(0)
            }
            Self::Float(values) => values.append_value(0.0),
            Self::Double(values) => values.append_value(0.0),
            Self::Decimal { values, .. } => values.append_value(0),
            Self::Text(values) => values.append_value(""),
            Self::Bytes(values) => values.append_value(b""),
            Self::Date(values) => values.append_value(0),
            Self::Time { values, .. } => values.append_value(0),
            Self::List { ends, nulls, .. } | Self::Map { ends, nulls, .. } => {
                ends.push(ends.last().copied().unwrap_or(0));
                nulls.append_non_null();
            }
            Self::Row { fields, nulls, .. } => {
                for field in fields {
                    field.append_null();
                }
                nulls.append_non_null();
            }
            Self::Null(len) => *len += 1,
        }
    }

    /// Appends a scalar from text. On an error nothing was appended.
    ///
    /// `Ok(false)` means that the text was read and is NULL all the same (a decimal with too many
    /// digits); a NULL was appended.
    #[inline]
    pub(crate) fn append_text(&mut self, bytes: &[u8], rules: TimeRules) -> Result<bool, Reason> {
        match self {
            Self::Boolean(values) => values.append_value(text::boolean(text::trim(bytes))),
            Self::TinyInt(values) => {
                let value = text::integer(text::trim(bytes), i8::MIN.into(), i8::MAX.into())?;
                values.append_value(value as i8);
            }
            Self::SmallInt(values) => {
                let value = text::integer(text::trim(bytes), i16::MIN.into(), i16::MAX.into())?;
                values.append_value(value as i16);
            }
            Self::Int(values) | Self::Months(values) => {
                let value = text::integer(text::trim(bytes), i32::MIN.into(), i32::MAX.into())?;
                values.append_value(value as i32);
            }
            Self::BigInt(values) | Self::Millis(values) => {
                values.append_value(text::integer(text::trim(bytes), i64::MIN, i64::MAX)?);
            }
            Self::Float(values) => values.append_value(text::float(text::trim(bytes))?),
            Self::Double(values) => values.append_value(text::double(text::trim(bytes))?),
            Self::Decimal {
                values,
                precision,
                scale,
            } => {
                let value = text::decimal(bytes, *precision, *scale)?;
                values.append_option(value);
                return Ok(value.is_some());
            }
            Self::Text(values) => {
                let value = std::str::from_utf8(bytes).map_err(|_| "not valid UTF-8")?;
                values.append_value(value);
            }
            Self::Bytes(values) => {
                let value = base64::engine::general_purpose::STANDARD
                    .decode(bytes)
                    .map_err(|_| "not Base64")?;
                values.append_value(value);
            }
            Self::Date(values) => values.append_value(text::date(bytes, rules)?),
            Self::Time { values, precision } => {
                // JSON keeps milliseconds whatever the declared precision
                let precision = if rules == TimeRules::Csv {
                    *precision
                } else {
                    3
                };
                values.append_value(text::time(bytes, precision, rules)?);
            }
            Self::Timestamp {
                values,
                unit,
                zoned,
            } => values.append_value(text::timestamp(bytes, unit_digits(*unit), *zoned, rules)?),
            Self::Null(len) => *len += 1,
            Self::List { .. } | Self::Map { .. } | Self::Row { .. } => {
                return Err("not a nested value");
            }
        }
        Ok(true)
    }

    /// Whether the value appended last is a NULL that stands for a decimal with too many digits, the
    /// only text that is read and gives NULL.
    pub(crate) fn last_is_null(&self) -> bool {
        match self {
            Self::Decimal { values, .. } => values
                .validity_slice()
                .zip(values.values_slice().len().checked_sub(1))
                .is_some_and(|(bits, last)| bits[last / 8] & (1 << (last % 8)) == 0),
            _ => false,
        }
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        use arrow::array::ArrayBuilder;
        match self {
            Self::Boolean(values) => values.len(),
            Self::TinyInt(values) => values.len(),
            Self::SmallInt(values) => values.len(),
            Self::Int(values) | Self::Months(values) => values.len(),
            Self::BigInt(values) | Self::Timestamp { values, .. } | Self::Millis(values) => {
                values.len()
            }
            Self::Float(values) => values.len(),
            Self::Double(values) => values.len(),
            Self::Decimal { values, .. } => values.len(),
            Self::Text(values) => values.len(),
            Self::Bytes(values) => values.len(),
            Self::Date(values) => values.len(),
            Self::Time { values, .. } => values.len(),
            Self::List { nulls, .. } | Self::Map { nulls, .. } | Self::Row { nulls, .. } => {
                nulls.len()
            }
            Self::Null(len) => *len,
        }
    }

    /// The array, leaving the builder empty.
    pub(crate) fn finish(&mut self) -> Result<ArrayRef, arrow::error::ArrowError> {
        Ok(match self {
            Self::Boolean(values) => Arc::new(values.finish()),
            Self::TinyInt(values) => Arc::new(values.finish()),
            Self::SmallInt(values) => Arc::new(values.finish()),
            Self::Int(values) => Arc::new(values.finish()),
            Self::Months(values) => {
                let values: PrimitiveArray<Int32Type> = values.finish();
                Arc::new(values.reinterpret_cast::<IntervalYearMonthType>())
            }
            Self::BigInt(values) => Arc::new(values.finish()),
            Self::Millis(values) => {
                let values: PrimitiveArray<Int64Type> = values.finish();
                Arc::new(values.reinterpret_cast::<DurationMillisecondType>())
            }
            Self::Float(values) => Arc::new(values.finish()),
            Self::Double(values) => Arc::new(values.finish()),
            Self::Decimal { values, .. } => Arc::new(values.finish()),
            Self::Text(values) => Arc::new(values.finish()),
            Self::Bytes(values) => Arc::new(values.finish()),
            Self::Date(values) => Arc::new(values.finish()),
            Self::Time { values, .. } => Arc::new(values.finish()),
            Self::Timestamp {
                values,
                unit,
                zoned,
            } => timestamp_array(values.finish(), *unit, *zoned),
            Self::List {
                ends,
                nulls,
                item,
                data_type,
            } => {
                let DataType::List(field) = data_type else {
                    return Err(wrong_type(data_type));
                };
                let offsets = OffsetBuffer::new(std::mem::replace(ends, vec![0]).into());
                let items = item.finish()?;
                Arc::new(ListArray::try_new(
                    field.clone(),
                    offsets,
                    items,
                    nulls.finish(),
                )?)
            }
            Self::Map {
                ends,
                nulls,
                keys,
                values,
                data_type,
            } => {
                let DataType::Map(field, sorted) = data_type else {
                    return Err(wrong_type(data_type));
                };
                let DataType::Struct(entry) = field.data_type() else {
                    return Err(wrong_type(data_type));
                };
                let offsets = OffsetBuffer::new(std::mem::replace(ends, vec![0]).into());
                let entries = vec![keys.finish()?, values.finish()?];
                let entries = StructArray::try_new(entry.clone(), entries, None)?;
                let nulls = nulls.finish();
                Arc::new(MapArray::try_new(
                    field.clone(),
                    offsets,
                    entries,
                    nulls,
                    *sorted,
                )?)
            }
            Self::Row {
                fields,
                nulls,
                data_type,
                ..
            } => {
                let DataType::Struct(schema) = data_type else {
                    return Err(wrong_type(data_type));
                };
                let len = nulls.len();
                let arrays = fields
                    .iter_mut()
                    .map(Self::finish)
                    .collect::<Result<Vec<_>, _>>()?;
                Arc::new(StructArray::try_new_with_length(
                    schema.clone(),
                    arrays,
                    nulls.finish(),
                    len,
                )?)
            }
            Self::Null(len) => Arc::new(NullArray::new(std::mem::take(len))),
        })
    }
}

/// 64-bit integers as timestamps of a unit.
pub(crate) fn timestamp_array(
    values: PrimitiveArray<Int64Type>,
    unit: TimeUnit,
    zoned: bool,
) -> ArrayRef {
    use arrow::datatypes::{
        TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
        TimestampSecondType,
    };
    let zone = zoned.then(|| Arc::<str>::from(millstream_functions::types::UTC));
    match unit {
        TimeUnit::Second => Arc::new(
            values
                .reinterpret_cast::<TimestampSecondType>()
                .with_timezone_opt(zone),
        ),
        TimeUnit::Millisecond => {
            let values: TimestampMillisecondArray =
                values.reinterpret_cast::<TimestampMillisecondType>();
            Arc::new(values.with_timezone_opt(zone))
        }
        TimeUnit::Microsecond => {
            let values: TimestampMicrosecondArray =
                values.reinterpret_cast::<TimestampMicrosecondType>();
            Arc::new(values.with_timezone_opt(zone))
        }
        TimeUnit::Nanosecond => {
            let values: TimestampNanosecondArray =
                values.reinterpret_cast::<TimestampNanosecondType>();
            Arc::new(values.with_timezone_opt(zone))
        }
    }
}

fn wrong_type(data_type: &DataType) -> arrow::error::ArrowError {
    arrow::error::ArrowError::SchemaError(format!("{data_type} is not the type of this column"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_builds_the_array_its_field_promises() {
        for text in [
            "BOOLEAN",
            "TINYINT",
            "SMALLINT",
            "INT",
            "BIGINT",
            "FLOAT",
            "DOUBLE",
            "DECIMAL(10, 2)",
            "STRING",
            "CHAR(3)",
            "BYTES",
            "DATE",
            "TIME(3)",
            "TIMESTAMP(3)",
            "TIMESTAMP(6)",
            "TIMESTAMP(9)",
            "TIMESTAMP_LTZ(3)",
            "TIMESTAMP_LTZ(9)",
            "INTERVAL YEAR TO MONTH",
            "INTERVAL DAY TO SECOND(3)",
            "ARRAY<INT>",
            "MAP<STRING, INT>",
            "MULTISET<STRING>",
            "ROW<a INT, b ARRAY<ROW<c STRING>>>",
        ] {
            let ty = FlinkType::parse(text).unwrap();
            let mut column = Column::new(&ty);
            column.append_null();
            column.append_placeholder();
            assert_eq!(column.len(), 2, "{text}");
            let array = column.finish().unwrap();
            assert_eq!(array.data_type(), &ty.to_arrow(), "{text}");
            assert_eq!((array.len(), array.null_count()), (2, 1), "{text}");
            assert_eq!(column.len(), 0, "{text}");
        }
    }
}
