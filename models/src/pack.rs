//! Values of Arrow columns into the rows of a tensor.

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, FixedSizeListArray, GenericListArray,
    OffsetSizeTrait, PrimitiveArray,
};
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use tract_onnx::prelude::{Datum, Tensor};

use crate::error::ModelError;
use crate::plan::chain;
use crate::signature::{ElementType, TensorSpec};

/// Where the values of a column go.
pub(crate) struct Target<'a> {
    /// Name of the column, for errors.
    pub(crate) column: &'a str,
    /// The tensor written to.
    pub(crate) tensor: &'a TensorSpec,
    /// First element of a row that the column writes.
    pub(crate) offset: usize,
    /// Whether the column is an array that writes the whole row.
    pub(crate) whole: bool,
}

/// Writes `len` rows of `array`, from row `start` on, to the rows of `tensor` from `to` on.
pub(crate) fn pack(
    array: &dyn Array,
    start: usize,
    len: usize,
    tensor: &mut Tensor,
    to: usize,
    target: &Target<'_>,
) -> Result<(), ModelError> {
    let stride = target.tensor.width();
    let place = Place {
        start,
        len,
        offset: to * stride + target.offset,
        stride,
    };
    match target.tensor.element {
        ElementType::Float32 => write(array, place, tensor, target, floats::<f32>),
        ElementType::Float64 => write(array, place, tensor, target, floats::<f64>),
        ElementType::Int32 => write(array, place, tensor, target, integers::<i32>),
        ElementType::Int64 => write(array, place, tensor, target, integers::<i64>),
        ElementType::Bool => write(array, place, tensor, target, booleans),
        ElementType::String => write(array, place, tensor, target, texts),
    }
}

/// Columns that [`pack_neighbours`] writes together.
pub(crate) const NEIGHBOURS: usize = 8;

/// Writes `len` values of each column, from row `start` on, side by side to the rows of a float32 tensor, the first one
/// to element `place`. A column at a time would touch every row again for four bytes of it.
pub(crate) fn pack_neighbours(
    columns: [&[f64]; NEIGHBOURS],
    start: usize,
    len: usize,
    tensor: &mut Tensor,
    place: usize,
    spec: &TensorSpec,
) -> Result<(), ModelError> {
    let wrong = |error| ModelError::Columns {
        reason: chain(&error),
    };
    let mut view = tensor.try_as_plain_ram_mut().map_err(wrong)?;
    let out = view.as_slice_mut::<f32>().map_err(wrong)?;
    let columns = columns.map(|column| &column[start..start + len]);
    let rows = out[place..].chunks_mut(spec.width());
    for (row, target) in rows.take(len).enumerate() {
        let mut values = [0.0f32; NEIGHBOURS];
        for (value, column) in values.iter_mut().zip(&columns) {
            *value = column[row] as f32;
        }
        target[..NEIGHBOURS].copy_from_slice(&values);
    }
    Ok(())
}

/// Fills the rows of `tensor` from `len` on with row `len - 1`.
pub(crate) fn repeat_last(
    tensor: &mut Tensor,
    spec: &TensorSpec,
    len: usize,
) -> Result<(), String> {
    fn repeat<T: Datum + Clone>(
        tensor: &mut Tensor,
        width: usize,
        len: usize,
    ) -> Result<(), String> {
        let mut view = tensor
            .try_as_plain_ram_mut()
            .map_err(|error| chain(&error))?;
        let values = view.as_slice_mut::<T>().map_err(|error| chain(&error))?;
        if width == 0 || len == 0 {
            return Ok(());
        }
        let (head, tail) = values.split_at_mut(len * width);
        let last = &head[(len - 1) * width..];
        for row in tail.chunks_exact_mut(width) {
            row.clone_from_slice(last);
        }
        Ok(())
    }
    let width = spec.width();
    match spec.element {
        ElementType::Float32 => repeat::<f32>(tensor, width, len),
        ElementType::Float64 => repeat::<f64>(tensor, width, len),
        ElementType::Int32 => repeat::<i32>(tensor, width, len),
        ElementType::Int64 => repeat::<i64>(tensor, width, len),
        ElementType::Bool => repeat::<bool>(tensor, width, len),
        ElementType::String => repeat::<String>(tensor, width, len),
    }
}

/// Rows read and elements written: value `start + i` goes to `offset + i * stride`.
#[derive(Clone, Copy)]
struct Place {
    start: usize,
    len: usize,
    offset: usize,
    stride: usize,
}

type Writer<T> = fn(&dyn Array, Place, &mut [T], &Target<'_>) -> Result<(), ModelError>;

fn write<T: Datum>(
    array: &dyn Array,
    place: Place,
    tensor: &mut Tensor,
    target: &Target<'_>,
    writer: Writer<T>,
) -> Result<(), ModelError> {
    let wrong = |error| ModelError::Columns {
        reason: chain(&error),
    };
    let mut view = tensor.try_as_plain_ram_mut().map_err(wrong)?;
    let out = view.as_slice_mut::<T>().map_err(wrong)?;
    let first = place.offset - target.offset;
    if out.len() < first + place.len * place.stride {
        return Err(ModelError::Columns {
            reason: format!("{} rows do not fit the plan", place.len),
        });
    }
    if !target.whole {
        return writer(array, place, out, target);
    }
    for row in 0..place.len {
        let items =
            list_items(array, place.start + row).ok_or_else(|| null(target, place.start + row))?;
        if items.len() != place.stride {
            return Err(ModelError::ArrayLength {
                column: target.column.to_owned(),
                row: place.start + row,
                tensor: target.tensor.name.clone(),
                wanted: place.stride,
                got: items.len(),
            });
        }
        let inner = Place {
            start: 0,
            len: items.len(),
            offset: first + row * place.stride,
            stride: 1,
        };
        writer(items.as_ref(), inner, out, target)?;
    }
    Ok(())
}

/// The elements of one row of a list column; `None` for NULL.
fn list_items(array: &dyn Array, row: usize) -> Option<ArrayRef> {
    fn of<O: OffsetSizeTrait>(list: &GenericListArray<O>, row: usize) -> ArrayRef {
        list.value(row)
    }
    if array.is_null(row) {
        return None;
    }
    let any = array.as_any();
    if let Some(list) = any.downcast_ref::<GenericListArray<i32>>() {
        Some(of(list, row))
    } else if let Some(list) = any.downcast_ref::<GenericListArray<i64>>() {
        Some(of(list, row))
    } else {
        any.downcast_ref::<FixedSizeListArray>()
            .map(|list| list.value(row))
    }
}

fn null(target: &Target<'_>, row: usize) -> ModelError {
    ModelError::NullInput {
        column: target.column.to_owned(),
        row,
        tensor: target.tensor.name.clone(),
        element: target.tensor.element.to_string(),
    }
}

fn unbound(array: &dyn Array, target: &Target<'_>) -> ModelError {
    ModelError::Columns {
        reason: format!("column `{}` is {}", target.column, array.data_type()),
    }
}

/// A float of either width.
trait Float: Copy {
    const NAN: Self;
    fn from_f64(value: f64) -> Self;
    fn from_f32(value: f32) -> Self;
    fn from_i64(value: i64) -> Self;
}

impl Float for f32 {
    const NAN: Self = f32::NAN;
    fn from_f64(value: f64) -> Self {
        value as f32
    }
    fn from_f32(value: f32) -> Self {
        value
    }
    fn from_i64(value: i64) -> Self {
        value as f32
    }
}

impl Float for f64 {
    const NAN: Self = f64::NAN;
    fn from_f64(value: f64) -> Self {
        value
    }
    fn from_f32(value: f32) -> Self {
        f64::from(value)
    }
    fn from_i64(value: i64) -> Self {
        value as f64
    }
}

fn floats<T: Float>(
    array: &dyn Array,
    place: Place,
    out: &mut [T],
    target: &Target<'_>,
) -> Result<(), ModelError> {
    match array.data_type() {
        DataType::Float64 => copy::<Float64Type, T>(array, place, out, T::from_f64),
        DataType::Float32 => copy::<Float32Type, T>(array, place, out, T::from_f32),
        DataType::Int64 => copy::<Int64Type, T>(array, place, out, T::from_i64),
        DataType::Int32 => copy::<Int32Type, T>(array, place, out, |v| T::from_i64(v.into())),
        DataType::Int16 => copy::<Int16Type, T>(array, place, out, |v| T::from_i64(v.into())),
        DataType::Int8 => copy::<Int8Type, T>(array, place, out, |v| T::from_i64(v.into())),
        DataType::Decimal128(_, scale) => {
            // Exact up to 10^22, so that the quotient is the double nearest to the decimal.
            let unit = 10f64.powi(i32::from(*scale));
            copy::<Decimal128Type, T>(array, place, out, |v| T::from_f64(v as f64 / unit));
        }
        DataType::Boolean => {
            let values = array.as_boolean();
            for row in 0..place.len {
                let value = T::from_f64(f64::from(u8::from(values.value(place.start + row))));
                out[place.offset + row * place.stride] = value;
            }
        }
        _ => return Err(unbound(array, target)),
    }
    if array.null_count() > 0 {
        for row in 0..place.len {
            if array.is_null(place.start + row) {
                out[place.offset + row * place.stride] = T::NAN;
            }
        }
    }
    Ok(())
}

fn copy<A: ArrowPrimitiveType, T>(
    array: &dyn Array,
    place: Place,
    out: &mut [T],
    convert: impl Fn(A::Native) -> T,
) {
    let values: &PrimitiveArray<A> = array.as_primitive();
    let values = &values.values()[place.start..place.start + place.len];
    let targets = out[place.offset..].iter_mut().step_by(place.stride);
    for (value, target) in values.iter().zip(targets) {
        *target = convert(*value);
    }
}

fn integers<T: TryFrom<i64>>(
    array: &dyn Array,
    place: Place,
    out: &mut [T],
    target: &Target<'_>,
) -> Result<(), ModelError> {
    fn each<A: ArrowPrimitiveType, T: TryFrom<i64>>(
        array: &dyn Array,
        place: Place,
        out: &mut [T],
        target: &Target<'_>,
    ) -> Result<(), ModelError>
    where
        A::Native: Into<i64>,
    {
        let values: &PrimitiveArray<A> = array.as_primitive();
        for row in 0..place.len {
            let at = place.start + row;
            if values.is_null(at) {
                return Err(null(target, at));
            }
            let value: i64 = values.value(at).into();
            out[place.offset + row * place.stride] =
                T::try_from(value).map_err(|_| ModelError::OutOfRange {
                    column: target.column.to_owned(),
                    value,
                    row: at,
                    tensor: target.tensor.name.clone(),
                    element: target.tensor.element.to_string(),
                })?;
        }
        Ok(())
    }
    match array.data_type() {
        DataType::Int64 => each::<Int64Type, T>(array, place, out, target),
        DataType::Int32 => each::<Int32Type, T>(array, place, out, target),
        DataType::Int16 => each::<Int16Type, T>(array, place, out, target),
        DataType::Int8 => each::<Int8Type, T>(array, place, out, target),
        _ => Err(unbound(array, target)),
    }
}

fn booleans(
    array: &dyn Array,
    place: Place,
    out: &mut [bool],
    target: &Target<'_>,
) -> Result<(), ModelError> {
    let values = array
        .as_boolean_opt()
        .ok_or_else(|| unbound(array, target))?;
    for row in 0..place.len {
        let at = place.start + row;
        if values.is_null(at) {
            return Err(null(target, at));
        }
        out[place.offset + row * place.stride] = values.value(at);
    }
    Ok(())
}

fn texts(
    array: &dyn Array,
    place: Place,
    out: &mut [String],
    target: &Target<'_>,
) -> Result<(), ModelError> {
    for row in 0..place.len {
        let at = place.start + row;
        if array.is_null(at) {
            return Err(null(target, at));
        }
        let value = match array.data_type() {
            DataType::Utf8 => array.as_string::<i32>().value(at),
            DataType::LargeUtf8 => array.as_string::<i64>().value(at),
            DataType::Utf8View => array.as_string_view().value(at),
            _ => return Err(unbound(array, target)),
        };
        let slot = &mut out[place.offset + row * place.stride];
        slot.clear();
        slot.push_str(value);
    }
    Ok(())
}
