//! A typed view of a batch's columns for encoders: each column is downcast once a batch, so that
//! the loop over rows only matches.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array,
    Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, ListArray, MapArray,
    StringArray, StructArray, Time32MillisecondArray,
};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMillisecondType, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, IntervalUnit, IntervalYearMonthType,
    Time32MillisecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};

use super::column::unit_digits;
use crate::error::{ConnectorError, ErrorKind, Result};

/// One column's values.
pub(crate) enum Cells<'a> {
    Boolean(&'a BooleanArray),
    Int8(&'a Int8Array),
    Int16(&'a Int16Array),
    Int32(&'a Int32Array),
    Int64(&'a Int64Array),
    Float(&'a Float32Array),
    Double(&'a Float64Array),
    Decimal(&'a Decimal128Array, i8),
    Text(&'a StringArray),
    Bytes(&'a BinaryArray),
    Date(&'a Date32Array),
    Time(&'a Time32MillisecondArray),
    Timestamp {
        values: ScalarBuffer<i64>,
        nulls: Option<&'a NullBuffer>,
        digits: u32,
        zoned: bool,
    },
    /// An interval, as its number of months or milliseconds.
    Interval {
        values: Vec<i64>,
        nulls: Option<&'a NullBuffer>,
    },
    List(&'a ListArray, Box<Cells<'a>>),
    Map(&'a MapArray, Box<Cells<'a>>, Box<Cells<'a>>),
    Row(&'a StructArray, Vec<(&'a str, Cells<'a>)>),
    Null,
}

impl<'a> Cells<'a> {
    pub(crate) fn of(array: &'a ArrayRef) -> Result<Self> {
        let timestamps =
            |values: &ScalarBuffer<i64>, unit: TimeUnit, zoned: bool| Self::Timestamp {
                values: values.clone(),
                nulls: array.nulls(),
                digits: unit_digits(unit),
                zoned,
            };
        Ok(match array.data_type() {
            DataType::Boolean => Self::Boolean(array.as_boolean()),
            DataType::Int8 => Self::Int8(array.as_primitive::<Int8Type>()),
            DataType::Int16 => Self::Int16(array.as_primitive::<Int16Type>()),
            DataType::Int32 => Self::Int32(array.as_primitive::<Int32Type>()),
            DataType::Int64 => Self::Int64(array.as_primitive::<Int64Type>()),
            DataType::Float32 => Self::Float(array.as_primitive::<Float32Type>()),
            DataType::Float64 => Self::Double(array.as_primitive::<Float64Type>()),
            DataType::Decimal128(_, scale) => {
                Self::Decimal(array.as_primitive::<Decimal128Type>(), *scale)
            }
            DataType::Utf8 => Self::Text(array.as_string::<i32>()),
            DataType::Binary => Self::Bytes(array.as_binary::<i32>()),
            DataType::Date32 => Self::Date(array.as_primitive::<Date32Type>()),
            DataType::Time32(TimeUnit::Millisecond) => {
                Self::Time(array.as_primitive::<Time32MillisecondType>())
            }
            DataType::Timestamp(unit, zone) => {
                let values = match unit {
                    TimeUnit::Second => array.as_primitive::<TimestampSecondType>().values(),
                    TimeUnit::Millisecond => {
                        array.as_primitive::<TimestampMillisecondType>().values()
                    }
                    TimeUnit::Microsecond => {
                        array.as_primitive::<TimestampMicrosecondType>().values()
                    }
                    TimeUnit::Nanosecond => {
                        array.as_primitive::<TimestampNanosecondType>().values()
                    }
                };
                timestamps(values, *unit, zone.is_some())
            }
            DataType::Interval(IntervalUnit::YearMonth) => Self::Interval {
                values: array
                    .as_primitive::<IntervalYearMonthType>()
                    .values()
                    .iter()
                    .map(|months| i64::from(*months))
                    .collect(),
                nulls: array.nulls(),
            },
            DataType::Duration(TimeUnit::Millisecond) => Self::Interval {
                values: array
                    .as_primitive::<DurationMillisecondType>()
                    .values()
                    .to_vec(),
                nulls: array.nulls(),
            },
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                Self::List(list, Box::new(Self::of(list.values())?))
            }
            DataType::Map(_, _) => {
                let map = array.as_map();
                Self::Map(
                    map,
                    Box::new(Self::of(map.keys())?),
                    Box::new(Self::of(map.values())?),
                )
            }
            DataType::Struct(fields) => {
                let row = array.as_struct();
                let fields = fields
                    .iter()
                    .zip(row.columns())
                    .map(|(field, column)| Ok((field.name().as_str(), Self::of(column)?)))
                    .collect::<Result<Vec<_>>>()?;
                Self::Row(row, fields)
            }
            DataType::Null => Self::Null,
            other => {
                return Err(ConnectorError::new(
                    ErrorKind::Schema,
                    format!("values of the Arrow type {other} cannot be written as text"),
                ));
            }
        })
    }

    #[inline]
    pub(crate) fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Boolean(array) => array.is_null(row),
            Self::Int8(array) => array.is_null(row),
            Self::Int16(array) => array.is_null(row),
            Self::Int32(array) => array.is_null(row),
            Self::Int64(array) => array.is_null(row),
            Self::Float(array) => array.is_null(row),
            Self::Double(array) => array.is_null(row),
            Self::Decimal(array, _) => array.is_null(row),
            Self::Text(array) => array.is_null(row),
            Self::Bytes(array) => array.is_null(row),
            Self::Date(array) => array.is_null(row),
            Self::Time(array) => array.is_null(row),
            Self::Timestamp { nulls, .. } | Self::Interval { nulls, .. } => {
                nulls.is_some_and(|nulls| nulls.is_null(row))
            }
            Self::List(array, _) => array.is_null(row),
            Self::Map(array, _, _) => array.is_null(row),
            Self::Row(array, _) => array.is_null(row),
            Self::Null => true,
        }
    }
}

/// The batch's columns in the types the table declares: an encoding of text or bytes that DataFusion
/// chose (views, 64-bit offsets) is brought to the plain one.
pub(crate) fn in_declared_types(
    columns: &[ArrayRef],
    declared: &[(String, DataType)],
) -> Result<Vec<ArrayRef>> {
    if columns.len() != declared.len() {
        return Err(ConnectorError::new(
            ErrorKind::Schema,
            format!(
                "the sink has {} columns, the rows have {}",
                declared.len(),
                columns.len()
            ),
        ));
    }
    columns
        .iter()
        .zip(declared)
        .map(|(column, (name, data_type))| {
            if column.data_type().equals_datatype(data_type) {
                return Ok(column.clone());
            }
            arrow::compute::cast(column, data_type).map_err(|error| {
                ConnectorError::new(
                    ErrorKind::Schema,
                    format!(
                        "cannot write {} as {data_type}: {error}",
                        column.data_type()
                    ),
                )
                .with_column(name)
            })
        })
        .collect()
}
