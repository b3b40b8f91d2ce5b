//! Keys: the columns a stream is partitioned by, as bytes and as a hash.
//!
//! Two rows have the same key bytes exactly when GROUP BY and PARTITION BY put them in one group:
//! NULL is a key value of its own and equal to itself. Floating point keys are compared by their
//! bits as Flink does (its binary rows are compared byte by byte): `-0.0` and `0.0` are two groups,
//! NaN is a group.
//!
//! Bytes and hashes are kept in checkpoints, so both are the same on every machine and in every
//! version: one integer or time column is eight bytes, big endian with the sign flipped (no bytes
//! for NULL), one string column is its UTF-8 bytes (the single byte `FF`, which no UTF-8 string
//! holds, for NULL), everything else is Arrow's row format. The hash is
//! [`stable_hash_u64`] of the integer or [`stable_hash`] of the bytes.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int8Array, Int16Array, Int32Array, Int64Array, PrimitiveArray,
    RecordBatch, StringArray, StringBuilder, make_array,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Int8Type, Int16Type, Int32Type, Int64Type, Schema,
    Time32MillisecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow::row::{RowConverter, RowParser, Rows, SortField};
use millstream_state::{stable_hash, stable_hash_u64};

use crate::operator::OperatorError;

/// The key that stands for NULL in a single string column.
const NULL_TEXT: &[u8] = &[0xFF];

/// Turns the key columns of batches into [`Keys`] and back.
#[derive(Debug)]
pub struct KeyEncoder {
    columns: Vec<usize>,
    types: Vec<DataType>,
    kind: Kind,
    hashes: Vec<u64>,
}

#[derive(Debug)]
enum Kind {
    /// No key: all rows are one group.
    Empty,
    /// One column whose values are at most 64-bit integers.
    Integer,
    /// One column of strings.
    Text,
    /// Anything else.
    Rows {
        converter: RowConverter,
        parser: Box<Option<RowParser>>,
    },
}

/// The keys of one batch's rows.
#[derive(Debug)]
pub struct Keys {
    hashes: Vec<u64>,
    bytes: KeyBytes,
}

#[derive(Debug)]
enum KeyBytes {
    Empty,
    Integer {
        bytes: Vec<[u8; 8]>,
        nulls: Option<NullBuffer>,
    },
    Text(StringArray),
    Rows(Rows),
}

impl Keys {
    /// The hash of each row's key.
    pub fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// The key of row `row`.
    #[inline]
    pub fn key(&self, row: usize) -> &[u8] {
        match &self.bytes {
            KeyBytes::Empty => &[],
            KeyBytes::Integer { bytes, nulls } => match nulls {
                Some(nulls) if nulls.is_null(row) => &[],
                _ => &bytes[row],
            },
            KeyBytes::Text(text) => {
                if text.is_null(row) {
                    NULL_TEXT
                } else {
                    text.value(row).as_bytes()
                }
            }
            KeyBytes::Rows(rows) => rows.row(row).data(),
        }
    }
}

impl KeyEncoder {
    /// An encoder of the columns at `columns` of rows of `schema`.
    pub fn new(schema: &Schema, columns: &[usize]) -> Result<Self, OperatorError> {
        let types: Vec<DataType> = columns
            .iter()
            .map(|&c| schema.field(c).data_type().clone())
            .collect();
        let kind = match types.as_slice() {
            [] => Kind::Empty,
            [one] if is_integer(one) => Kind::Integer,
            [DataType::Utf8] => Kind::Text,
            _ => {
                let fields: Vec<_> = types.iter().cloned().map(SortField::new).collect();
                if !RowConverter::supports_fields(&fields) {
                    let names: Vec<_> = types.iter().map(ToString::to_string).collect();
                    return Err(OperatorError::Row(format!(
                        "a key of type ({}) is not supported; key by columns of scalar types",
                        names.join(", ")
                    )));
                }
                Kind::Rows {
                    converter: RowConverter::new(fields)?,
                    parser: Box::new(None),
                }
            }
        };
        Ok(Self {
            columns: columns.to_vec(),
            types,
            kind,
            hashes: Vec::new(),
        })
    }

    /// The types of the key columns.
    pub fn types(&self) -> &[DataType] {
        &self.types
    }

    /// The keys of a batch.
    pub fn encode(&self, rows: &RecordBatch) -> Result<Keys, OperatorError> {
        let mut hashes = Vec::with_capacity(rows.num_rows());
        let bytes = match &self.kind {
            Kind::Empty => {
                hashes.resize(rows.num_rows(), stable_hash(&[]));
                KeyBytes::Empty
            }
            Kind::Integer => {
                let column = rows.column(self.columns[0]);
                let mut bytes = Vec::with_capacity(column.len());
                for_each_integer(column, |value| {
                    hashes.push(stable_hash_u64(value as u64));
                    bytes.push(integer_key(value));
                });
                let nulls = column.nulls().cloned();
                hash_nulls(&nulls, &mut hashes);
                KeyBytes::Integer { bytes, nulls }
            }
            Kind::Text => {
                let text = rows.column(self.columns[0]).as_string::<i32>().clone();
                hash_text(&text, &mut hashes);
                KeyBytes::Text(text)
            }
            Kind::Rows { converter, .. } => {
                let columns: Vec<ArrayRef> = self
                    .columns
                    .iter()
                    .map(|&c| Arc::clone(rows.column(c)))
                    .collect();
                let rows = converter.convert_columns(&columns)?;
                hashes.extend(rows.iter().map(|row| stable_hash(row.data())));
                KeyBytes::Rows(rows)
            }
        };
        Ok(Keys { hashes, bytes })
    }

    /// The hashes alone, for an exchange.
    pub fn hashes(&mut self, rows: &RecordBatch) -> Result<&[u64], OperatorError> {
        self.hashes.clear();
        match &self.kind {
            Kind::Integer => {
                let column = rows.column(self.columns[0]);
                let hashes = &mut self.hashes;
                for_each_integer(column, |value| hashes.push(stable_hash_u64(value as u64)));
                hash_nulls(&column.nulls().cloned(), hashes);
            }
            Kind::Text => hash_text(
                rows.column(self.columns[0]).as_string::<i32>(),
                &mut self.hashes,
            ),
            Kind::Empty | Kind::Rows { .. } => self.hashes = self.encode(rows)?.hashes,
        }
        Ok(&self.hashes)
    }

    /// The hash of a key that was read from state.
    pub fn hash_of(&self, key: &[u8]) -> u64 {
        match &self.kind {
            Kind::Integer => match integer_of(key) {
                Some(value) => stable_hash_u64(value as u64),
                None => stable_hash(&[]),
            },
            _ => stable_hash(key),
        }
    }

    /// The key columns of `keys`.
    pub fn decode<'k>(
        &mut self,
        keys: impl ExactSizeIterator<Item = &'k [u8]>,
    ) -> Result<Vec<ArrayRef>, OperatorError> {
        Ok(match &mut self.kind {
            Kind::Empty => Vec::new(),
            Kind::Integer => vec![integers(&self.types[0], keys.map(integer_of))?],
            Kind::Text => {
                let mut text = StringBuilder::with_capacity(keys.len(), keys.len() * 8);
                for key in keys {
                    match std::str::from_utf8(key) {
                        Ok(key) => text.append_value(key),
                        Err(_) if key == NULL_TEXT => text.append_null(),
                        Err(_) => {
                            return Err(OperatorError::Restore(
                                "a key in the state is not valid UTF-8".to_owned(),
                            ));
                        }
                    }
                }
                vec![Arc::new(text.finish())]
            }
            Kind::Rows { converter, parser } => {
                let parser = parser.get_or_insert_with(|| converter.parser());
                converter.convert_rows(keys.map(|key| parser.parse(key)))?
            }
        })
    }
}

/// Keys one after the other, with their hashes.
#[derive(Debug, Default)]
pub(crate) struct KeyList {
    hashes: Vec<u64>,
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

impl KeyList {
    pub(crate) fn push(&mut self, hash: u64, key: &[u8]) {
        self.push_parts(hash, &[key]);
    }

    /// Appends a key put together from parts.
    pub(crate) fn push_parts(&mut self, hash: u64, parts: &[&[u8]]) {
        self.hashes.push(hash);
        parts
            .iter()
            .for_each(|part| self.bytes.extend_from_slice(part));
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn key(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.bytes[start..self.ends[i]]
    }

    pub(crate) fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Forgets all keys and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.hashes.clear();
        self.ends.clear();
        self.bytes.clear();
    }
}

/// Whether values of the type are integers of at most 64 bits, so that one makes a key.
fn is_integer(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Date32
            | DataType::Time32(TimeUnit::Millisecond)
            | DataType::Timestamp(_, _)
    )
}

fn integer_key(value: i64) -> [u8; 8] {
    (value ^ i64::MIN).to_be_bytes()
}

fn integer_of(key: &[u8]) -> Option<i64> {
    key.first_chunk()
        .map(|bytes| i64::from_be_bytes(*bytes) ^ i64::MIN)
}

/// Calls `each` with every value of an integer column; NULL rows give what stands there.
fn for_each_integer(column: &ArrayRef, each: impl FnMut(i64)) {
    fn values<T: ArrowPrimitiveType>(column: &ArrayRef, each: impl FnMut(i64))
    where
        T::Native: Into<i64>,
    {
        let values = column.as_primitive::<T>().values();
        values.iter().map(|&v| v.into()).for_each(each);
    }
    match column.data_type() {
        DataType::Int8 => values::<Int8Type>(column, each),
        DataType::Int16 => values::<Int16Type>(column, each),
        DataType::Int32 => values::<Int32Type>(column, each),
        DataType::Date32 => values::<Date32Type>(column, each),
        DataType::Time32(_) => values::<Time32MillisecondType>(column, each),
        DataType::Timestamp(TimeUnit::Second, _) => values::<TimestampSecondType>(column, each),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            values::<TimestampMillisecondType>(column, each);
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            values::<TimestampMicrosecondType>(column, each);
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            values::<TimestampNanosecondType>(column, each);
        }
        _ => values::<Int64Type>(column, each),
    }
}

/// A column of an integer type from 64-bit values, the inverse of [`for_each_integer`].
fn integers(
    data_type: &DataType,
    values: impl Iterator<Item = Option<i64>>,
) -> Result<ArrayRef, OperatorError> {
    // What is narrower was widened from its own type, so the cast back loses nothing.
    Ok(match data_type {
        DataType::Int8 => Arc::new(Int8Array::from_iter(values.map(|v| v.map(|v| v as i8)))),
        DataType::Int16 => Arc::new(Int16Array::from_iter(values.map(|v| v.map(|v| v as i16)))),
        DataType::Int32 => Arc::new(Int32Array::from_iter(values.map(|v| v.map(|v| v as i32)))),
        DataType::Date32 | DataType::Time32(_) => {
            let narrow =
                PrimitiveArray::<Int32Type>::from_iter(values.map(|v| v.map(|v| v as i32)));
            make_array(
                narrow
                    .into_data()
                    .into_builder()
                    .data_type(data_type.clone())
                    .build()?,
            )
        }
        _ => make_array(
            Int64Array::from_iter(values)
                .into_data()
                .into_builder()
                .data_type(data_type.clone())
                .build()?,
        ),
    })
}

fn hash_nulls(nulls: &Option<NullBuffer>, hashes: &mut [u64]) {
    if let Some(nulls) = nulls {
        let null = stable_hash(&[]);
        for (row, hash) in hashes.iter_mut().enumerate() {
            if nulls.is_null(row) {
                *hash = null;
            }
        }
    }
}

fn hash_text(text: &StringArray, hashes: &mut Vec<u64>) {
    if text.null_count() == 0 {
        let (offsets, bytes) = (text.value_offsets(), text.value_data());
        hashes.extend(
            offsets
                .windows(2)
                .map(|ends| stable_hash(&bytes[ends[0] as usize..ends[1] as usize])),
        );
    } else {
        hashes.extend((0..text.len()).map(|row| {
            if text.is_null(row) {
                stable_hash(NULL_TEXT)
            } else {
                stable_hash(text.value(row).as_bytes())
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        BinaryArray, BooleanArray, Decimal128Array, Float64Array, TimestampMicrosecondArray,
    };

    fn batch(columns: Vec<ArrayRef>) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(
            columns
                .into_iter()
                .enumerate()
                .map(|(i, c)| (format!("k{i}"), c, true)),
        )
        .unwrap()
    }

    /// Encodes the rows, checks that bytes, hashes and both ways to hash agree, and that the keys
    /// decode to the rows again; returns a number for each row, equal for equal keys.
    fn groups(columns: Vec<ArrayRef>) -> Vec<usize> {
        let rows = batch(columns);
        let all: Vec<usize> = (0..rows.num_columns()).collect();
        let mut encoder = KeyEncoder::new(&rows.schema(), &all).unwrap();
        let keys = encoder.encode(&rows).unwrap();
        assert_eq!(encoder.hashes(&rows).unwrap(), keys.hashes());
        let decoded = encoder
            .decode((0..rows.num_rows()).map(|i| keys.key(i)))
            .unwrap();
        assert_eq!(decoded, rows.columns());
        let mut seen: Vec<&[u8]> = Vec::new();
        (0..rows.num_rows())
            .map(|i| {
                assert_eq!(encoder.hash_of(keys.key(i)), keys.hashes()[i]);
                seen.iter()
                    .position(|&k| k == keys.key(i))
                    .unwrap_or_else(|| {
                        seen.push(keys.key(i));
                        seen.len() - 1
                    })
            })
            .collect()
    }

    #[test]
    fn null_is_a_key_of_its_own() {
        assert_eq!(
            groups(vec![Arc::new(Int64Array::from(vec![
                Some(0),
                None,
                Some(i64::MIN),
                None,
                Some(0)
            ]))]),
            [0, 1, 2, 1, 0]
        );
        assert_eq!(
            groups(vec![Arc::new(StringArray::from(vec![
                Some(""),
                None,
                Some("a"),
                None,
                Some("")
            ]))]),
            [0, 1, 2, 1, 0]
        );
        assert_eq!(
            groups(vec![
                Arc::new(Int32Array::from(vec![Some(1), None, None, Some(1)])),
                Arc::new(StringArray::from(vec![None, Some("x"), Some("x"), None])),
            ]),
            [0, 1, 1, 0]
        );
    }

    #[test]
    fn every_scalar_type_can_be_a_key() {
        for column in [
            Arc::new(Int8Array::from(vec![1, -1, 1])) as ArrayRef,
            Arc::new(Int16Array::from(vec![1, -1, 1])),
            Arc::new(Int32Array::from(vec![1, -1, 1])),
            Arc::new(PrimitiveArray::<Date32Type>::from(vec![1, -1, 1])),
            Arc::new(PrimitiveArray::<Time32MillisecondType>::from(vec![1, 2, 1])),
            Arc::new(TimestampMicrosecondArray::from(vec![1, -1, 1]).with_timezone("UTC")),
            Arc::new(BooleanArray::from(vec![true, false, true])),
            Arc::new(BinaryArray::from(vec![b"a".as_slice(), b"", b"a"])),
            Arc::new(
                Decimal128Array::from(vec![100, -100, 100])
                    .with_precision_and_scale(10, 2)
                    .unwrap(),
            ),
        ] {
            assert_eq!(groups(vec![column]), [0, 1, 0]);
        }
    }

    #[test]
    fn floats_are_grouped_by_their_bits() {
        assert_eq!(
            groups(vec![Arc::new(Float64Array::from(vec![
                0.0, -0.0, 1.5, -0.0
            ]))]),
            [0, 1, 2, 1]
        );
        let nan = batch(vec![Arc::new(Float64Array::from(vec![f64::NAN, f64::NAN]))]);
        let keys = KeyEncoder::new(&nan.schema(), &[0])
            .unwrap()
            .encode(&nan)
            .unwrap();
        assert_eq!(keys.key(0), keys.key(1));
    }

    #[test]
    fn no_columns_are_one_group() {
        let rows = batch(vec![Arc::new(Int64Array::from(vec![1, 2]))]);
        let keys = KeyEncoder::new(&rows.schema(), &[])
            .unwrap()
            .encode(&rows)
            .unwrap();
        assert_eq!(keys.key(0), keys.key(1));
        assert_eq!(keys.hashes()[0], keys.hashes()[1]);
    }

    /// On disk: a change here loses every checkpoint ever taken.
    #[test]
    fn key_bytes_never_change() {
        let rows = batch(vec![
            Arc::new(Int64Array::from(vec![Some(1), None])),
            Arc::new(StringArray::from(vec![Some("ab"), None])),
        ]);
        let bytes = |columns: &[usize], row: usize| {
            let keys = KeyEncoder::new(&rows.schema(), columns)
                .unwrap()
                .encode(&rows)
                .unwrap();
            keys.key(row).to_vec()
        };
        assert_eq!(bytes(&[0], 0), [128, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(bytes(&[0], 1), [0u8; 0]);
        assert_eq!(bytes(&[1], 0), b"ab");
        assert_eq!(bytes(&[1], 1), [0xFF]);
        assert_eq!(
            bytes(&[0, 1], 0),
            [
                1, 128, 0, 0, 0, 0, 0, 0, 1, 2, b'a', b'b', 0, 0, 0, 0, 0, 0, 2
            ]
        );
        assert_eq!(bytes(&[0, 1], 1), [0u8; 10]);
    }
}
