//! Columns of results, appended to one value at a time.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array, ListArray, MapArray, NullBufferBuilder, StringArray,
    StructArray, make_array, new_null_array,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, FieldRef};
use arrow::row::{RowConverter, RowParser, SortField};

use super::args::Class;
use crate::operator::OperatorError;

/// A column under construction. Values are pushed in the class of the column's type.
#[derive(Debug)]
pub(crate) struct ResultColumn {
    data_type: DataType,
    values: Values,
    valid: NullBufferBuilder,
    /// Why a value could not be made; the column is refused then.
    failure: Option<String>,
}

#[derive(Debug)]
enum Values {
    Int(Vec<i64>),
    Wide(Vec<i128>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Bytes {
        offsets: Vec<i32>,
        data: Vec<u8>,
    },
    /// Values of any type in Arrow's row format.
    Rows {
        ends: Vec<usize>,
        data: Vec<u8>,
        /// NULL in that format.
        null: Box<[u8]>,
        converter: Box<RowConverter>,
        parser: Box<RowParser>,
    },
    Lists {
        offsets: Vec<i32>,
        items: Box<ResultColumn>,
        field: FieldRef,
    },
    /// Multisets: maps of values to counts.
    Counts {
        offsets: Vec<i32>,
        items: Box<ResultColumn>,
        counts: Vec<i32>,
        entries: FieldRef,
    },
}

/// The values that a slice of a list or a multiset holds.
fn range(offsets: &[i32], at: usize) -> std::ops::Range<usize> {
    offsets[at] as usize..offsets[at + 1] as usize
}

/// Bytes of value `at`.
fn slice<'d>(ends: &[usize], data: &'d [u8], at: usize) -> &'d [u8] {
    let start = if at == 0 { 0 } else { ends[at - 1] };
    &data[start..ends[at]]
}

impl ResultColumn {
    /// An empty column; `None` for a type that no aggregate gives.
    pub(crate) fn new(data_type: &DataType) -> Option<Self> {
        let values = match (Class::of(data_type)?, data_type) {
            // The narrow decimals are 128 bits wide in Arrow too.
            (_, DataType::Decimal128(_, _)) => Values::Wide(Vec::new()),
            (Class::Int | Class::Bool, _) => Values::Int(Vec::new()),
            (Class::Float, _) => Values::Float(Vec::new()),
            (Class::Double, _) => Values::Double(Vec::new()),
            (Class::Wide, _) => Values::Wide(Vec::new()),
            (Class::Bytes | Class::Opaque, _) => Values::Bytes {
                offsets: vec![0],
                data: Vec::new(),
            },
        };
        Some(Self::with(data_type, values))
    }

    fn with(data_type: &DataType, values: Values) -> Self {
        Self {
            data_type: data_type.clone(),
            values,
            valid: NullBufferBuilder::new(0),
            failure: None,
        }
    }

    /// An empty column of a type whose values come as bytes: strings and bytes as they are, all
    /// else in Arrow's row format.
    pub(crate) fn of_values(data_type: &DataType) -> Result<Self, OperatorError> {
        let values = match data_type {
            DataType::Utf8 | DataType::Binary => Values::Bytes {
                offsets: vec![0],
                data: Vec::new(),
            },
            _ => {
                let converter = RowConverter::new(vec![SortField::new(data_type.clone())])?;
                let null = converter.convert_columns(&[new_null_array(data_type, 1)])?;
                Values::Rows {
                    ends: Vec::new(),
                    data: Vec::new(),
                    null: null.row(0).data().into(),
                    parser: Box::new(converter.parser()),
                    converter: Box::new(converter),
                }
            }
        };
        Ok(Self::with(data_type, values))
    }

    /// An empty column of lists; `None` if the type is no list.
    pub(crate) fn of_lists(data_type: &DataType) -> Result<Option<Self>, OperatorError> {
        let DataType::List(field) = data_type else {
            return Ok(None);
        };
        let values = Values::Lists {
            offsets: vec![0],
            items: Box::new(Self::of_values(field.data_type())?),
            field: Arc::clone(field),
        };
        Ok(Some(Self::with(data_type, values)))
    }

    /// An empty column of lists of numbers that come as DOUBLEs; `None` if the type is no list of them.
    pub(crate) fn of_doubles(data_type: &DataType) -> Option<Self> {
        let DataType::List(field) = data_type else {
            return None;
        };
        let items = Self::new(field.data_type())
            .filter(|items| matches!(items.values, Values::Double(_)))?;
        let values = Values::Lists {
            offsets: vec![0],
            items: Box::new(items),
            field: Arc::clone(field),
        };
        Some(Self::with(data_type, values))
    }

    /// An empty column of multisets; `None` if the type is no map to counts.
    pub(crate) fn of_counts(data_type: &DataType) -> Result<Option<Self>, OperatorError> {
        let DataType::Map(entries, _) = data_type else {
            return Ok(None);
        };
        let item = match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => fields[0].data_type(),
            _ => return Ok(None),
        };
        let values = Values::Counts {
            offsets: vec![0],
            items: Box::new(Self::of_values(item)?),
            counts: Vec::new(),
            entries: Arc::clone(entries),
        };
        Ok(Some(Self::with(data_type, values)))
    }

    /// How many values it has.
    pub(crate) fn len(&self) -> usize {
        self.valid.len()
    }

    /// Bytes of the values of variable length so far.
    pub(crate) fn variable_bytes(&self) -> usize {
        match &self.values {
            Values::Bytes { data, .. } | Values::Rows { data, .. } => data.len(),
            Values::Lists { items, .. } | Values::Counts { items, .. } => {
                items.variable_bytes() + 8 * items.len()
            }
            _ => 0,
        }
    }

    /// Whether value `at` is the same as value `other_at` of `other`, a column of the same type.
    /// NULL is the same as NULL; floating point as `==` has it (Flink: NaN is always a change).
    pub(crate) fn equals(&self, at: usize, other: &Self, other_at: usize) -> bool {
        let (valid, other_valid) = (self.valid.is_valid(at), other.valid.is_valid(other_at));
        if !valid || !other_valid {
            return valid == other_valid;
        }
        match (&self.values, &other.values) {
            (Values::Int(a), Values::Int(b)) => {
                // What wraps in the width of the type is the same there.
                let shift = match self.data_type {
                    DataType::Int8 => 56,
                    DataType::Int16 => 48,
                    DataType::Int32 => 32,
                    _ => 0,
                };
                (a[at] ^ b[other_at]) << shift == 0
            }
            (Values::Wide(a), Values::Wide(b)) => a[at] == b[other_at],
            (Values::Float(a), Values::Float(b)) => a[at] == b[other_at],
            (Values::Double(a), Values::Double(b)) => a[at] == b[other_at],
            (
                Values::Bytes { offsets, data },
                Values::Bytes {
                    offsets: other_offsets,
                    data: other_data,
                },
            ) => data[range(offsets, at)] == other_data[range(other_offsets, other_at)],
            (
                Values::Rows { ends, data, .. },
                Values::Rows {
                    ends: other_ends,
                    data: other_data,
                    ..
                },
            ) => slice(ends, data, at) == slice(other_ends, other_data, other_at),
            (
                Values::Lists { offsets, items, .. },
                Values::Lists {
                    offsets: other_offsets,
                    items: other_items,
                    ..
                },
            ) => {
                let (mine, theirs) = (range(offsets, at), range(other_offsets, other_at));
                mine.len() == theirs.len()
                    && mine
                        .zip(theirs)
                        .all(|(i, j)| items.equals(i, other_items, j))
            }
            (
                Values::Counts {
                    offsets,
                    items,
                    counts,
                    ..
                },
                Values::Counts {
                    offsets: other_offsets,
                    items: other_items,
                    counts: other_counts,
                    ..
                },
            ) => {
                let (mine, theirs) = (range(offsets, at), range(other_offsets, other_at));
                counts[mine.clone()] == other_counts[theirs.clone()]
                    && mine
                        .zip(theirs)
                        .all(|(i, j)| items.equals(i, other_items, j))
            }
            _ => false,
        }
    }

    #[inline]
    pub(crate) fn push_null(&mut self) {
        match &mut self.values {
            Values::Int(values) => values.push(0),
            Values::Wide(values) => values.push(0),
            Values::Float(values) => values.push(0.0),
            Values::Double(values) => values.push(0.0),
            Values::Bytes { offsets, data } => offsets.push(data.len() as i32),
            Values::Rows {
                ends, data, null, ..
            } => {
                data.extend_from_slice(null);
                ends.push(data.len());
            }
            Values::Lists { offsets, items, .. } | Values::Counts { offsets, items, .. } => {
                offsets.push(items.len() as i32);
            }
        }
        self.valid.append_null();
    }

    /// Appends an integer, or a decimal's digits.
    #[inline]
    pub(crate) fn push_int(&mut self, value: i64) {
        match &mut self.values {
            Values::Int(values) => values.push(value),
            Values::Wide(values) => values.push(i128::from(value)),
            _ => return self.push_null(),
        }
        self.valid.append_non_null();
    }

    /// Appends a decimal's digits.
    #[inline]
    pub(crate) fn push_wide(&mut self, value: i128) {
        match &mut self.values {
            Values::Wide(values) => values.push(value),
            _ => return self.push_null(),
        }
        self.valid.append_non_null();
    }

    #[inline]
    pub(crate) fn push_float(&mut self, value: f32) {
        match &mut self.values {
            Values::Float(values) => values.push(value),
            _ => return self.push_null(),
        }
        self.valid.append_non_null();
    }

    #[inline]
    pub(crate) fn push_double(&mut self, value: f64) {
        match &mut self.values {
            Values::Double(values) => values.push(value),
            Values::Float(values) => values.push(value as f32),
            _ => return self.push_null(),
        }
        self.valid.append_non_null();
    }

    /// Appends a value as it stands in its words.
    #[inline]
    pub(crate) fn push_words(&mut self, class: Class, words: &[u64]) {
        match class {
            Class::Int | Class::Bool => self.push_int(words[0] as i64),
            Class::Float => self.push_float(f32::from_bits(words[0] as u32)),
            Class::Double => self.push_double(f64::from_bits(words[0])),
            Class::Wide => self.push_wide(super::args::wide(words[0], words[1])),
            Class::Bytes | Class::Opaque => self.push_null(),
        }
    }

    #[inline]
    pub(crate) fn push_bytes(&mut self, value: Option<&[u8]>) {
        let Some(value) = value else {
            return self.push_null();
        };
        match &mut self.values {
            Values::Bytes { offsets, data } => {
                data.extend_from_slice(value);
                offsets.push(data.len() as i32);
            }
            Values::Rows { ends, data, .. } => {
                data.extend_from_slice(value);
                ends.push(data.len());
            }
            _ => return self.push_null(),
        }
        self.valid.append_non_null();
    }

    /// Appends a string put together from parts.
    pub(crate) fn push_joined<'v>(
        &mut self,
        parts: impl Iterator<Item = &'v [u8]>,
        separator: &[u8],
    ) {
        let Values::Bytes { offsets, data } = &mut self.values else {
            return self.push_null();
        };
        for (i, part) in parts.enumerate() {
            if i > 0 {
                data.extend_from_slice(separator);
            }
            data.extend_from_slice(part);
        }
        offsets.push(data.len() as i32);
        self.valid.append_non_null();
    }

    /// Appends a string put together from parts between two others.
    pub(crate) fn push_wrapped<'v>(
        &mut self,
        (open, close): (&[u8], &[u8]),
        parts: impl Iterator<Item = &'v [u8]>,
        separator: &[u8],
    ) {
        let Values::Bytes { data, .. } = &mut self.values else {
            return self.push_null();
        };
        data.extend_from_slice(open);
        self.push_joined(parts, separator);
        // The string ends with what closes it.
        if let Values::Bytes { offsets, data } = &mut self.values {
            data.extend_from_slice(close);
            if let Some(end) = offsets.last_mut() {
                *end = data.len() as i32;
            }
        }
    }

    /// Appends a list of numbers.
    pub(crate) fn push_doubles(&mut self, numbers: &[f64]) {
        let Values::Lists { offsets, items, .. } = &mut self.values else {
            return self.push_null();
        };
        numbers.iter().for_each(|&number| items.push_double(number));
        offsets.push(items.len() as i32);
        self.valid.append_non_null();
    }

    /// Says that there is no value, and why: the job must fail.
    #[cold]
    pub(crate) fn fail(&mut self, why: String) {
        self.failure = Some(why);
        self.push_null();
    }

    /// Appends a list.
    pub(crate) fn push_list<'v>(&mut self, values: impl Iterator<Item = Option<&'v [u8]>>) {
        let Values::Lists { offsets, items, .. } = &mut self.values else {
            return self.push_null();
        };
        values.for_each(|value| items.push_bytes(value));
        offsets.push(items.len() as i32);
        self.valid.append_non_null();
    }

    /// Appends a multiset.
    pub(crate) fn push_counts<'v>(&mut self, values: impl Iterator<Item = (&'v [u8], i64)>) {
        let Values::Counts {
            offsets,
            items,
            counts,
            ..
        } = &mut self.values
        else {
            return self.push_null();
        };
        for (value, count) in values {
            items.push_bytes(Some(value));
            // Flink counts in an INT.
            counts.push(count as i32);
        }
        offsets.push(items.len() as i32);
        self.valid.append_non_null();
    }

    /// The column so far; leaves an empty one.
    pub(crate) fn finish(&mut self) -> Result<ArrayRef, OperatorError> {
        if let Some(why) = self.failure.take() {
            return Err(OperatorError::Row(why));
        }
        let nulls = self.valid.finish();
        Ok(match &mut self.values {
            Values::Int(values) => {
                let values = std::mem::take(values);
                // Flink's integers wrap, so the lower bits are the value.
                match &self.data_type {
                    DataType::Int8 => Arc::new(Int8Array::new(
                        values.iter().map(|&v| v as i8).collect(),
                        nulls,
                    )),
                    DataType::Int16 => Arc::new(Int16Array::new(
                        values.iter().map(|&v| v as i16).collect(),
                        nulls,
                    )),
                    DataType::Int32 => Arc::new(Int32Array::new(
                        values.iter().map(|&v| v as i32).collect(),
                        nulls,
                    )),
                    DataType::Boolean => Arc::new(BooleanArray::new(
                        values.iter().map(|&v| v != 0).collect(),
                        nulls,
                    )),
                    DataType::Date32 | DataType::Time32(_) => {
                        let narrow: ScalarBuffer<i32> = values.iter().map(|&v| v as i32).collect();
                        retype(&Int32Array::new(narrow, nulls), &self.data_type)?
                    }
                    DataType::Int64 => Arc::new(Int64Array::new(values.into(), nulls)),
                    other => retype(&Int64Array::new(values.into(), nulls), other)?,
                }
            }
            Values::Wide(values) => {
                let array = Decimal128Array::new(std::mem::take(values).into(), nulls);
                match self.data_type {
                    DataType::Decimal128(precision, scale) => {
                        Arc::new(array.with_precision_and_scale(precision, scale)?)
                    }
                    _ => Arc::new(array),
                }
            }
            Values::Float(values) => {
                Arc::new(Float32Array::new(std::mem::take(values).into(), nulls))
            }
            Values::Double(values) => {
                Arc::new(Float64Array::new(std::mem::take(values).into(), nulls))
            }
            Values::Bytes { offsets, data } => {
                if data.len() > i32::MAX as usize {
                    return Err(too_large(data.len()));
                }
                let offsets = std::mem::replace(offsets, vec![0]);
                let offsets = OffsetBuffer::new(offsets.into());
                let data = Buffer::from_vec(std::mem::take(data));
                match self.data_type {
                    DataType::Utf8 => Arc::new(StringArray::try_new(offsets, data, nulls)?),
                    _ => Arc::new(BinaryArray::try_new(offsets, data, nulls)?),
                }
            }
            Values::Rows {
                ends,
                data,
                converter,
                parser,
                ..
            } => {
                let (ends, data) = (std::mem::take(ends), std::mem::take(data));
                let rows = (0..ends.len()).map(|at| parser.parse(slice(&ends, &data, at)));
                let mut columns = converter.convert_rows(rows)?;
                columns
                    .pop()
                    .unwrap_or_else(|| new_null_array(&self.data_type, 0))
            }
            Values::Lists {
                offsets,
                items,
                field,
            } => {
                let offsets = std::mem::replace(offsets, vec![0]);
                Arc::new(ListArray::try_new(
                    Arc::clone(field),
                    OffsetBuffer::new(offsets.into()),
                    items.finish()?,
                    nulls,
                )?)
            }
            Values::Counts {
                offsets,
                items,
                counts,
                entries,
            } => {
                let offsets = std::mem::replace(offsets, vec![0]);
                let counts = Int32Array::from(std::mem::take(counts));
                let DataType::Struct(fields) = entries.data_type() else {
                    return Ok(new_null_array(&self.data_type, offsets.len() - 1));
                };
                let columns = vec![items.finish()?, Arc::new(counts) as ArrayRef];
                let values = StructArray::try_new(fields.clone(), columns, None)?;
                Arc::new(MapArray::try_new(
                    Arc::clone(entries),
                    OffsetBuffer::new(offsets.into()),
                    values,
                    nulls,
                    false,
                )?)
            }
        })
    }
}

fn too_large(bytes: usize) -> OperatorError {
    OperatorError::Row(format!(
        "an aggregate's results of one batch come to {bytes} bytes, and a column holds 2 GiB at \
         most; collect less per key (a smaller group, a FILTER, a state TTL)"
    ))
}

/// The same values under another type of the same layout.
fn retype(array: &dyn arrow::array::Array, to: &DataType) -> Result<ArrayRef, OperatorError> {
    let data = array
        .to_data()
        .into_builder()
        .data_type(to.clone())
        .build()?;
    Ok(make_array(data))
}
