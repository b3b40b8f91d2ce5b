//! Columns of results, appended to one value at a time.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array, NullBufferBuilder, StringArray, make_array,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::DataType;

use super::args::Class;
use crate::operator::OperatorError;

/// A column under construction. Values are pushed in the class of the column's type.
#[derive(Debug)]
pub(crate) struct ResultColumn {
    data_type: DataType,
    values: Values,
    valid: NullBufferBuilder,
}

#[derive(Debug)]
enum Values {
    Int(Vec<i64>),
    Wide(Vec<i128>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Bytes { offsets: Vec<i32>, data: Vec<u8> },
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
        Some(Self {
            data_type: data_type.clone(),
            values,
            valid: NullBufferBuilder::new(0),
        })
    }

    #[inline]
    pub(crate) fn push_null(&mut self) {
        match &mut self.values {
            Values::Int(values) => values.push(0),
            Values::Wide(values) => values.push(0),
            Values::Float(values) => values.push(0.0),
            Values::Double(values) => values.push(0.0),
            Values::Bytes { offsets, data } => offsets.push(data.len() as i32),
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
            _ => return self.push_null(),
        }
        self.valid.append_non_null();
    }

    /// The column so far; leaves an empty one.
    pub(crate) fn finish(&mut self) -> Result<ArrayRef, OperatorError> {
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
                let offsets = std::mem::replace(offsets, vec![0]);
                let offsets = OffsetBuffer::new(offsets.into());
                let data = Buffer::from_vec(std::mem::take(data));
                match self.data_type {
                    DataType::Utf8 => Arc::new(StringArray::try_new(offsets, data, nulls)?),
                    _ => Arc::new(BinaryArray::try_new(offsets, data, nulls)?),
                }
            }
        })
    }
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
