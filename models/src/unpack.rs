//! Rows of output tensors into Arrow columns.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array, ListArray,
    StringBuilder,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, FieldRef};
use tract_onnx::prelude::{DatumType, Tensor};

use crate::binding::{Elements, OutputColumn};
use crate::error::ModelError;
use crate::plan::chain;
use crate::signature::{ElementType, TensorSpec};

/// One output column in the making.
pub(crate) struct Collected<'a> {
    column: &'a OutputColumn,
    tensor: &'a TensorSpec,
    values: Values,
    rows: usize,
}

enum Values {
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Bool(Vec<bool>),
    Text(StringBuilder),
}

/// The item type and field of a list column.
fn item(data_type: &DataType) -> (&DataType, Option<&FieldRef>) {
    match data_type {
        DataType::List(field) => (field.data_type(), Some(field)),
        scalar => (scalar, None),
    }
}

impl<'a> Collected<'a> {
    pub(crate) fn new(
        column: &'a OutputColumn,
        tensor: &'a TensorSpec,
        rows: usize,
    ) -> Result<Self, ModelError> {
        let capacity = match column.elements {
            Elements::One(_) => rows,
            Elements::All => rows * tensor.width(),
        };
        let values = match item(&column.data_type).0 {
            DataType::Float32 => Values::Float32(Vec::with_capacity(capacity)),
            DataType::Float64 => Values::Float64(Vec::with_capacity(capacity)),
            DataType::Int32 => Values::Int32(Vec::with_capacity(capacity)),
            DataType::Int64 => Values::Int64(Vec::with_capacity(capacity)),
            DataType::Boolean => Values::Bool(Vec::with_capacity(capacity)),
            DataType::Utf8 => Values::Text(StringBuilder::with_capacity(capacity, capacity * 8)),
            other => {
                return Err(ModelError::Columns {
                    reason: format!("output column `{}` cannot be {other}", column.name),
                });
            }
        };
        Ok(Self {
            column,
            tensor,
            values,
            rows: 0,
        })
    }

    /// Appends the first `len` rows of `result`; the first of them is row `start` of the batch.
    pub(crate) fn extend(
        &mut self,
        result: &Tensor,
        start: usize,
        len: usize,
    ) -> Result<(), ModelError> {
        let wrong = |error| ModelError::Columns {
            reason: chain(&error),
        };
        // tract computes some int64 results as symbolic dimensions.
        let result = if result.datum_type() == DatumType::TDim {
            result.cast_to::<i64>().map_err(wrong)?
        } else {
            Cow::Borrowed(result)
        };
        let width = self.tensor.width();
        let (offset, stride, count) = match self.column.elements {
            Elements::One(element) => (element, width, len),
            Elements::All => (0, 1, len * width),
        };
        if result.len() < len * width {
            return Err(ModelError::Columns {
                reason: format!("output `{}` has {} values", self.tensor.name, result.len()),
            });
        }
        self.rows += len;
        let plain = result.try_as_plain_ram().map_err(wrong)?;
        macro_rules! chosen {
            ($ty:ty) => {
                plain
                    .as_slice::<$ty>()
                    .map_err(wrong)?
                    .iter()
                    .skip(offset)
                    .step_by(stride)
                    .take(count)
            };
        }
        match (&mut self.values, self.tensor.element) {
            (Values::Float32(out), ElementType::Float32) => out.extend(chosen!(f32)),
            (Values::Float32(out), ElementType::Float64) => {
                out.extend(chosen!(f64).map(|v| *v as f32))
            }
            (Values::Float64(out), ElementType::Float32) => {
                out.extend(chosen!(f32).map(|v| f64::from(*v)))
            }
            (Values::Float64(out), ElementType::Float64) => out.extend(chosen!(f64)),
            (Values::Float64(out), ElementType::Int32) => {
                out.extend(chosen!(i32).map(|v| f64::from(*v)))
            }
            (Values::Float64(out), ElementType::Int64) => {
                out.extend(chosen!(i64).map(|v| *v as f64))
            }
            (Values::Int32(out), ElementType::Int32) => out.extend(chosen!(i32)),
            (Values::Int32(out), ElementType::Int64) => {
                for (index, value) in chosen!(i64).enumerate() {
                    out.push(i32::try_from(*value).map_err(|_| ModelError::OutOfRange {
                        column: self.column.name.clone(),
                        value: *value,
                        row: start + index * len / count.max(1),
                        tensor: self.tensor.name.clone(),
                        element: "INT".to_owned(),
                    })?);
                }
            }
            (Values::Int64(out), ElementType::Int32) => {
                out.extend(chosen!(i32).map(|v| i64::from(*v)))
            }
            (Values::Int64(out), ElementType::Int64) => out.extend(chosen!(i64)),
            (Values::Bool(out), ElementType::Bool) => out.extend(chosen!(bool)),
            (Values::Text(out), ElementType::String) => {
                chosen!(String).for_each(|value| out.append_value(value));
            }
            (Values::Text(out), ElementType::Int32) => {
                chosen!(i32).for_each(|value| out.append_value(value.to_string()));
            }
            (Values::Text(out), ElementType::Int64) => {
                chosen!(i64).for_each(|value| out.append_value(value.to_string()));
            }
            (_, element) => {
                return Err(ModelError::Columns {
                    reason: format!("output column `{}` cannot hold {element}", self.column.name),
                });
            }
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<ArrayRef, ModelError> {
        let values: ArrayRef = match self.values {
            Values::Float32(values) => Arc::new(Float32Array::from(values)),
            Values::Float64(values) => Arc::new(Float64Array::from(values)),
            Values::Int32(values) => Arc::new(Int32Array::from(values)),
            Values::Int64(values) => Arc::new(Int64Array::from(values)),
            Values::Bool(values) => Arc::new(BooleanArray::from(values)),
            Values::Text(mut values) => Arc::new(values.finish()),
        };
        let (_, Some(field)) = item(&self.column.data_type) else {
            return Ok(values);
        };
        let lengths = std::iter::repeat_n(self.tensor.width(), self.rows);
        let list = ListArray::try_new(
            Arc::clone(field),
            OffsetBuffer::from_lengths(lengths),
            values,
            None,
        )
        .map_err(|error| ModelError::Columns {
            reason: error.to_string(),
        })?;
        Ok(Arc::new(list))
    }
}
