//! `CAST` and `TRY_CAST` with Flink's rules.
//!
//! The SQL front end writes `CAST(x AS T)` as `__cast(x, 'T')`: the target type is the text of the
//! second argument, which must be a literal. What differs from DataFusion's cast:
//!
//! - integers wrap when narrowed, floating-point numbers truncate and saturate, NaN becomes 0;
//! - decimals round half up; a value that the target cannot hold becomes NULL;
//! - text to number trims blanks, and an integer may have a fraction, which is cut off
//!   (`'4.7'` → 4); what is not a number fails (`CAST`) or is NULL (`TRY_CAST`);
//! - `true`, `t`, `yes`, `y` and `1` are true in any case, their opposites false;
//! - text to timestamp takes `yyyy-MM-dd[ HH:mm:ss[.fraction]]`, no `T`; further digits are cut;
//! - `TIMESTAMP` and `TIMESTAMP_LTZ` convert through the session's time zone;
//! - everything becomes text as [`Style::Cast`] shows it, cut to the length of the target.
//!
//! [`Cast`] is the kernel for other crates; where Arrow's representation does not change it
//! returns the column as it is.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BooleanArray, ListArray, MapArray,
    PrimitiveArray, StringArray, StructArray, make_array, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::concat;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMillisecondType, Field, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, IntervalUnit, IntervalYearMonthType,
    Time32MillisecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use datafusion_common::{DataFusionError, Result, exec_datafusion_err, exec_err, plan_err};

use crate::call::{Call, FlinkFunction, Resolved, STRING, binaries, downcast, strings};
use crate::datetime::{
    Instant, SECONDS_PER_DAY, Zone, parse_date, parse_time, parse_timestamp, timestamp_values,
    units_per_second,
};
use crate::decimal::{self, pow10, rescale};
use crate::display::{Formatter, Style, write_double};
use crate::types::{FlinkType, MAX_LENGTH, RowField, TypeKind, timestamp_unit};

/// What becomes of a value that cannot be cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// `CAST`: the evaluation fails.
    Fail,
    /// `TRY_CAST`: the value becomes NULL.
    Null,
}

/// A cast of columns from one type to another.
#[derive(Debug, Clone)]
pub struct Cast {
    from: FlinkType,
    to: FlinkType,
    on_failure: OnFailure,
    zone: Zone,
}

impl Cast {
    /// # Errors
    /// If Flink has no cast between the two types.
    pub fn new(from: FlinkType, to: FlinkType, on_failure: OnFailure) -> Result<Self> {
        check(&from, &to)?;
        Ok(Self {
            from,
            to,
            on_failure,
            zone: Zone::Utc,
        })
    }

    /// The same in another session time zone (UTC unless set).
    pub fn with_zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// Casts a column of the source type.
    ///
    /// # Errors
    /// With [`OnFailure::Fail`], if a value cannot be cast.
    pub fn cast(&self, array: &ArrayRef) -> Result<ArrayRef> {
        let nested = matches!(
            self.from.kind,
            TypeKind::Row(_) | TypeKind::Array(_) | TypeKind::Map(..) | TypeKind::Multiset(_)
        );
        if self.on_failure == OnFailure::Null && nested {
            return self.try_nested(array);
        }
        cast_array(array, &self.from, &self.to, self.on_failure, self.zone)
    }

    /// A failure inside makes the whole value NULL, so failing columns are cast row by row.
    fn try_nested(&self, array: &ArrayRef) -> Result<ArrayRef> {
        let strict =
            |array: &ArrayRef| cast_array(array, &self.from, &self.to, OnFailure::Fail, self.zone);
        if let Ok(whole) = strict(array) {
            return Ok(whole);
        }
        let target = self.to.to_arrow();
        let rows: Vec<ArrayRef> = (0..array.len())
            .map(|row| strict(&array.slice(row, 1)).unwrap_or_else(|_| new_null_array(&target, 1)))
            .collect();
        let rows: Vec<&dyn Array> = rows.iter().map(AsRef::as_ref).collect();
        Ok(concat(&rows)?)
    }
}

/// The functions `__cast(x, 'T')` and `__try_cast(x, 'T')`.
pub(crate) fn functions() -> Vec<FlinkFunction> {
    [("__cast", OnFailure::Fail), ("__try_cast", OnFailure::Null)]
        .into_iter()
        .map(|(name, on_failure)| {
            FlinkFunction::new(
                name,
                move |call| resolve(call, on_failure),
                move |args| {
                    let cast = Cast {
                        from: args.ty(0),
                        to: args.result_type(),
                        on_failure,
                        zone: args.zone,
                    };
                    cast.cast(&args.array(0)?)
                },
            )
        })
        .collect()
}

fn resolve(call: &Call<'_>, on_failure: OnFailure) -> Result<Resolved> {
    let [from, _] = call.types else {
        return plan_err!("{} takes a value and the text of a type", call.name);
    };
    let args = vec![from.kind.clone(), STRING];
    if call.literals.is_empty() {
        // Only the arguments' types are asked for.
        let result = from.clone();
        return Ok(Resolved { args, result });
    }
    let Some(text) = call.text(1) else {
        return plan_err!("The target type of {} must be a literal", call.name);
    };
    let to = FlinkType::parse(text)
        .map_err(|error| DataFusionError::Plan(format!("Invalid type '{text}': {error}")))?;
    check(from, &to)?;
    let nullable = on_failure == OnFailure::Null
        || from.nullable
        || from.kind == TypeKind::Null
        || may_overflow(from, &to);
    Ok(Resolved {
        args,
        result: to.with_nullable(nullable),
    })
}

/// Whether a decimal target may be too small for the source, which gives NULL.
fn may_overflow(from: &FlinkType, to: &FlinkType) -> bool {
    let TypeKind::Decimal { precision, scale } = to.kind else {
        return false;
    };
    match decimal::as_decimal(&from.kind) {
        // Rounding away fraction digits may carry into one more digit.
        Some((p, s)) => p - s + u8::from(s > scale) > precision - scale,
        None => true,
    }
}

/// Refuses a cast that Flink does not have.
fn check(from: &FlinkType, to: &FlinkType) -> Result<()> {
    if castable(&from.kind, &to.kind) {
        return Ok(());
    }
    if from.is_numeric() && to.is_timestamp() {
        return plan_err!(
            "The cast from NUMERIC type to TIMESTAMP type is not allowed. It's recommended to use \
             TO_TIMESTAMP_LTZ(numeric_col, precision) instead, precision can only be 0 or 3, and \
             the numeric is in seconds (0) or milliseconds (3)."
        );
    }
    if from.is_timestamp() && to.is_numeric() {
        return plan_err!(
            "The cast from TIMESTAMP type to NUMERIC type is not allowed. It's recommended to use \
             UNIX_TIMESTAMP(CAST(timestamp_col AS STRING)) instead."
        );
    }
    plan_err!("Cast function cannot convert value of type {from} to type {to}")
}

fn castable(from: &TypeKind, to: &TypeKind) -> bool {
    use TypeKind::*;
    let nested = |from: &FlinkType, to: &FlinkType| castable(&from.kind, &to.kind);
    match (from, to) {
        (Null, _) => true,
        (_, Char(_) | Varchar(_)) => true,
        (Char(_) | Varchar(_), to) => !matches!(
            to,
            IntervalYearMonth { .. }
                | IntervalDayTime { .. }
                | Array(_)
                | Multiset(_)
                | Map(..)
                | Row(_)
                | Null
        ),
        (Binary(_) | Varbinary(_), Binary(_) | Varbinary(_)) => true,
        (Boolean, Boolean) => true,
        (Boolean, to) | (to, Boolean) => is_number(to),
        (from, to) if is_number(from) && is_number(to) => true,
        (Date, Date | Timestamp(_) | TimestampLtz(_)) => true,
        (Time(_), Time(_) | Timestamp(_) | TimestampLtz(_)) => true,
        (Timestamp(_) | TimestampLtz(_), Date | Time(_) | Timestamp(_) | TimestampLtz(_)) => true,
        (IntervalYearMonth { .. }, IntervalYearMonth { .. }) => true,
        (IntervalDayTime { .. }, IntervalDayTime { .. }) => true,
        (Array(from), Array(to)) | (Multiset(from), Multiset(to)) => nested(from, to),
        (Map(k, v), Map(to_k, to_v)) => nested(k, to_k) && nested(v, to_v),
        (Row(from), Row(to)) => {
            from.len() == to.len()
                && from
                    .iter()
                    .zip(to)
                    .all(|(from, to)| nested(&from.ty, &to.ty))
        }
        _ => false,
    }
}

fn is_number(kind: &TypeKind) -> bool {
    FlinkType::new(kind.clone()).is_numeric()
}

fn cast_array(
    array: &ArrayRef,
    from: &FlinkType,
    to: &FlinkType,
    on_failure: OnFailure,
    zone: Zone,
) -> Result<ArrayRef> {
    use TypeKind::*;
    let target = to.to_arrow();
    // Millstream's kernels know one encoding of text, bytes and intervals.
    let array = &normalise(array, from)?;
    if from.kind == Null || array.data_type() == &DataType::Null {
        return Ok(new_null_array(&target, array.len()));
    }
    let context = Context { on_failure, zone };
    match (&from.kind, &to.kind) {
        (_, Char(_) | Varchar(_)) => to_text(array, from, &to.kind, &context),
        (Char(_) | Varchar(_), _) => from_text(&downcast(array)?, to, &context),
        (from, to) if from == to && array.data_type() == &target => Ok(Arc::clone(array)),
        (Binary(_) | Varbinary(_), to) => to_bytes(&downcast::<BinaryArray>(array)?, to),
        (Boolean, to) => from_boolean(&downcast(array)?, to),
        (_, Boolean) => to_boolean(array),
        (from, to) if is_number(from) && is_number(to) => number(array, from, to),
        (Date, _) => {
            let days: PrimitiveArray<Date32Type> = downcast(array)?;
            timestamps(days.len(), &to.kind, &context, &from.kind, |row| {
                days.is_valid(row).then(|| Instant {
                    seconds: i64::from(days.value(row)) * SECONDS_PER_DAY,
                    nanos: 0,
                })
            })
        }
        (Time(_), Time(precision)) => {
            let step = 10_i32.pow(3 - u32::from((*precision).min(3)));
            let millis: PrimitiveArray<Time32MillisecondType> = downcast(array)?;
            Ok(Arc::new(
                millis.unary::<_, Time32MillisecondType>(|v| v - v % step),
            ))
        }
        (Time(_), _) => {
            let millis: PrimitiveArray<Time32MillisecondType> = downcast(array)?;
            timestamps(millis.len(), &to.kind, &context, &from.kind, |row| {
                millis
                    .is_valid(row)
                    .then(|| Instant::from_millis(i64::from(millis.value(row))))
            })
        }
        (Timestamp(_) | TimestampLtz(_), _) => from_timestamp(array, from, to, &context),
        (IntervalYearMonth { .. } | IntervalDayTime { .. }, _) => Ok(Arc::clone(array)),
        (Array(item), Array(to_item)) => {
            let list: ListArray = downcast(array)?;
            let (offsets, values) = referenced(list.offsets(), list.values());
            let values = cast_array(&values, item, to_item, on_failure, zone)?;
            let field = Arc::new(Field::new("item", values.data_type().clone(), true));
            let nulls = list.nulls().cloned();
            Ok(Arc::new(ListArray::try_new(field, offsets, values, nulls)?))
        }
        (Map(key, value), Map(to_key, to_value)) => {
            cast_map(array, &target, [(key, to_key), (value, to_value)], &context)
        }
        (Multiset(item), Multiset(to_item)) => {
            let count = Box::new(FlinkType::new(Int));
            cast_map(
                array,
                &target,
                [(item, to_item), (&count, &count)],
                &context,
            )
        }
        (Row(fields), Row(to_fields)) => cast_row(&downcast(array)?, fields, to_fields, &context),
        _ => exec_err!("Cast function cannot convert value of type {from} to type {to}"),
    }
}

struct Context {
    on_failure: OnFailure,
    zone: Zone,
}

/// Brings other encodings of text, bytes and intervals to the one of [`FlinkType::to_arrow`].
fn normalise(array: &ArrayRef, from: &FlinkType) -> Result<ArrayRef> {
    let wanted = match array.data_type() {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        DataType::Interval(IntervalUnit::MonthDayNano | IntervalUnit::DayTime)
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float16
        | DataType::LargeList(_)
        | DataType::FixedSizeList(..)
        | DataType::Dictionary(..)
        | DataType::Date64
        | DataType::Time64(_)
        | DataType::Time32(TimeUnit::Second) => from.to_arrow(),
        _ => return Ok(Arc::clone(array)),
    };
    Ok(arrow::compute::cast(array, &wanted)?)
}

/// The items that a list or map column refers to: a slice of a column still holds the items of
/// the whole, whose values must not fail the cast.
fn referenced(offsets: &OffsetBuffer<i32>, values: &ArrayRef) -> (OffsetBuffer<i32>, ArrayRef) {
    let first = offsets.first().copied().unwrap_or_default();
    let last = offsets.last().copied().unwrap_or_default();
    let values = values.slice(first as usize, (last - first) as usize);
    let rebased: Vec<i32> = offsets.iter().map(|offset| offset - first).collect();
    (OffsetBuffer::new(rebased.into()), values)
}

fn cast_map(
    array: &ArrayRef,
    target: &DataType,
    sides: [(&FlinkType, &FlinkType); 2],
    context: &Context,
) -> Result<ArrayRef> {
    let map: MapArray = downcast(array)?;
    let DataType::Map(entries, sorted) = target else {
        return exec_err!("{target} is not a map");
    };
    let DataType::Struct(fields) = entries.data_type() else {
        return exec_err!("{target} is not a map");
    };
    let (offsets, keys) = referenced(map.offsets(), map.keys());
    let (_, values) = referenced(map.offsets(), map.values());
    let columns = [keys, values]
        .iter()
        .zip(sides)
        .map(|(column, (from, to))| cast_array(column, from, to, context.on_failure, context.zone))
        .collect::<Result<Vec<_>>>()?;
    let structs = StructArray::try_new(fields.clone(), columns, None)?;
    Ok(Arc::new(MapArray::try_new(
        Arc::clone(entries),
        offsets,
        structs,
        map.nulls().cloned(),
        *sorted,
    )?))
}

fn cast_row(
    array: &StructArray,
    from: &[RowField],
    to: &[RowField],
    context: &Context,
) -> Result<ArrayRef> {
    let columns = array
        .columns()
        .iter()
        .zip(from.iter().zip(to))
        .map(|(column, (from, to))| {
            // What stands in the fields of a NULL row must not fail the cast.
            let column = match array.nulls() {
                Some(nulls) if column.data_type() != &DataType::Null => {
                    let nulls = NullBuffer::union(Some(nulls), column.nulls());
                    make_array(column.to_data().into_builder().nulls(nulls).build()?)
                }
                _ => Arc::clone(column),
            };
            cast_array(&column, &from.ty, &to.ty, context.on_failure, context.zone)
        })
        .collect::<Result<Vec<_>>>()?;
    let DataType::Struct(fields) = FlinkType::new(TypeKind::Row(to.to_vec())).to_arrow() else {
        return exec_err!("A row type must be a struct");
    };
    if fields.is_empty() {
        return Ok(Arc::new(StructArray::new_empty_fields(
            array.len(),
            array.nulls().cloned(),
        )));
    }
    Ok(Arc::new(StructArray::try_new(
        fields,
        columns,
        array.nulls().cloned(),
    )?))
}

// ---- Text ----

fn to_text(
    array: &ArrayRef,
    from: &FlinkType,
    to: &TypeKind,
    context: &Context,
) -> Result<ArrayRef> {
    let (length, padded) = match to {
        TypeKind::Char(n) => (*n, true),
        TypeKind::Varchar(n) => (*n, false),
        other => return exec_err!("{other} is not a character string type"),
    };
    if length == MAX_LENGTH && matches!(from.kind, TypeKind::Char(_) | TypeKind::Varchar(_)) {
        return Ok(Arc::clone(array));
    }
    let rows = array.len();
    if let Some(texts) = array.as_any().downcast_ref::<StringArray>() {
        return strings(rows, |row, out| {
            if texts.is_null(row) {
                return Ok(false);
            }
            out.push_str(texts.value(row));
            fit(out, texts.value(row).len(), length, padded);
            Ok(true)
        });
    }
    if let Some(bytes) = array.as_any().downcast_ref::<BinaryArray>() {
        return strings(rows, |row, out| {
            if bytes.is_null(row) {
                return Ok(false);
            }
            match std::str::from_utf8(bytes.value(row)) {
                Ok(text) => {
                    out.push_str(text);
                    fit(out, text.len(), length, padded);
                    Ok(true)
                }
                Err(_) if context.on_failure == OnFailure::Null => Ok(false),
                Err(error) => exec_err!(
                    "The bytes are not valid UTF-8 (at byte {}); TRY_CAST gives NULL instead",
                    error.valid_up_to()
                ),
            }
        });
    }
    let formatter = Formatter::new(from, Style::Cast).with_zone(context.zone);
    strings(rows, |row, out| {
        if array.is_null(row) {
            return Ok(false);
        }
        let start = out.len();
        formatter.write(array.as_ref(), row, out);
        let written = out.len() - start;
        fit(out, written, length, padded);
        Ok(true)
    })
}

/// Cuts the last `written` bytes of `out` to `length` characters, or pads them with blanks.
fn fit(out: &mut String, written: usize, length: u32, padded: bool) {
    let length = length as usize;
    // A string of so many bytes has no more characters.
    if written <= length && !padded {
        return;
    }
    let start = out.len() - written;
    match out[start..].char_indices().nth(length) {
        Some((end, _)) => out.truncate(start + end),
        None if padded => {
            let characters = out[start..].chars().count();
            out.extend(std::iter::repeat_n(' ', length - characters));
        }
        None => {}
    }
}

fn from_text(texts: &StringArray, to: &FlinkType, context: &Context) -> Result<ArrayRef> {
    match &to.kind {
        TypeKind::Boolean => {
            let mut values = Vec::with_capacity(texts.len());
            for text in texts {
                values.push(match text {
                    None => None,
                    Some(text) => match (parse_boolean(text), context.on_failure) {
                        (None, OnFailure::Fail) => {
                            return exec_err!("Cannot parse '{text}' as BOOLEAN.");
                        }
                        (value, _) => value,
                    },
                });
            }
            Ok(Arc::new(BooleanArray::from(values)))
        }
        TypeKind::TinyInt => parse_all::<Int8Type>(texts, to, context, |text| {
            integer(text, i64::from(i8::MIN), i64::from(i8::MAX)).map(|v| Some(v as i8))
        }),
        TypeKind::SmallInt => parse_all::<Int16Type>(texts, to, context, |text| {
            integer(text, i64::from(i16::MIN), i64::from(i16::MAX)).map(|v| Some(v as i16))
        }),
        TypeKind::Int => parse_all::<Int32Type>(texts, to, context, |text| {
            integer(text, i64::from(i32::MIN), i64::from(i32::MAX)).map(|v| Some(v as i32))
        }),
        TypeKind::BigInt => parse_all::<Int64Type>(texts, to, context, |text| {
            integer(text, i64::MIN, i64::MAX).map(Some)
        }),
        TypeKind::Float => parse_all::<Float32Type>(texts, to, context, |text| {
            float(text).map(|text| text.parse::<f32>().ok())
        }),
        TypeKind::Double => parse_all::<Float64Type>(texts, to, context, |text| {
            float(text).map(|text| text.parse::<f64>().ok())
        }),
        TypeKind::Decimal { precision, scale } => {
            parse_all::<Decimal128Type>(texts, to, context, |text| {
                decimal::parse(text, *precision, *scale).map_err(|error| match error {
                    decimal::TextError::Empty => " Input is empty.",
                    decimal::TextError::Invalid => " Invalid character found.",
                })
            })
        }
        TypeKind::Date => parse_all::<Date32Type>(texts, to, context, |text| {
            parse_date(text).map(|v| Some(v as i32)).ok_or("")
        }),
        TypeKind::Time(precision) => {
            let step = 10_i64.pow(3 - u32::from((*precision).min(3)));
            parse_all::<Time32MillisecondType>(texts, to, context, |text| {
                parse_time(text)
                    .map(|v| Some((v - v % step) as i32))
                    .ok_or("")
            })
        }
        TypeKind::Timestamp(_) | TypeKind::TimestampLtz(_) => {
            let local = matches!(to.kind, TypeKind::TimestampLtz(_));
            let (TypeKind::Timestamp(precision) | TypeKind::TimestampLtz(precision)) = to.kind
            else {
                return exec_err!("{to} is not a timestamp type");
            };
            let unit = timestamp_unit(precision);
            parse_all::<Int64Type>(texts, &TypeKind::BigInt.into(), context, |text| {
                let at = parse_timestamp(text).ok_or("")?.truncate(precision);
                let at = if local { context.zone.to_utc(at) } else { at };
                at.to_unit(unit).map(Some).ok_or(" Out of range.")
            })
            .and_then(|array| timestamp_array(array, &to.to_arrow()))
        }
        TypeKind::Binary(_) | TypeKind::Varbinary(_) => {
            let bytes = arrow::compute::cast(texts, &DataType::Binary)?;
            to_bytes(&downcast::<BinaryArray>(&bytes)?, &to.kind)
        }
        _ => exec_err!("Cast function cannot convert value of type STRING to type {to}"),
    }
}

/// Parses every text; the error is the reason behind `For input string: '…'.`
fn parse_all<T: ArrowPrimitiveType>(
    texts: &StringArray,
    to: &FlinkType,
    context: &Context,
    parse: impl Fn(&str) -> std::result::Result<Option<T::Native>, &'static str>,
) -> Result<ArrayRef> {
    crate::call::prims::<T>(texts.len(), &to.to_arrow(), |row| {
        if texts.is_null(row) {
            return Ok(None);
        }
        let text = texts.value(row);
        match (parse(text), context.on_failure) {
            (Ok(value), _) => Ok(value),
            (Err(_), OnFailure::Null) => Ok(None),
            (Err(reason), OnFailure::Fail) => {
                exec_err!("For input string: '{text}'.{reason}")
            }
        }
    })
}

pub(crate) fn parse_boolean(text: &str) -> Option<bool> {
    let text = text.trim();
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(&["t", "true", "y", "yes", "1"]) {
        Some(true)
    } else if is(&["f", "false", "n", "no", "0"]) {
        Some(false)
    } else {
        None
    }
}

/// An integer with blanks around it and a fraction that is cut off.
fn integer(text: &str, min: i64, max: i64) -> std::result::Result<i64, &'static str> {
    const INVALID: &str = " Invalid character found.";
    let text = text.trim_matches(' ').as_bytes();
    let (negative, digits) = match text {
        [] => return Err(" Input is empty."),
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    if digits.is_empty() {
        return Err(INVALID);
    }
    // Count downwards: the smallest number has no positive counterpart.
    let mut value = 0_i64;
    for (index, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                value = value
                    .checked_mul(10)
                    .and_then(|v| v.checked_sub(i64::from(byte - b'0')))
                    .ok_or(" Overflow.")?;
            }
            b'.' if digits[index + 1..].iter().all(u8::is_ascii_digit) => break,
            _ => return Err(INVALID),
        }
    }
    let value = if negative {
        Some(value)
    } else {
        value.checked_neg()
    };
    value
        .filter(|value| (min..=max).contains(value))
        .ok_or(" Overflow.")
}

/// What Java's `Double.parseDouble` takes: blanks around, a type suffix, `NaN`, `Infinity`.
fn float(text: &str) -> std::result::Result<&str, &'static str> {
    let text = text.trim();
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if unsigned == "NaN" {
        return Ok("NaN");
    }
    if unsigned == "Infinity" {
        return Ok(text);
    }
    let digits = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    // Rust also reads "inf", "nan" and the like, Java does not.
    let plain = !digits.is_empty()
        && digits
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    if plain && digits.parse::<f64>().is_ok() {
        Ok(digits)
    } else {
        Err("")
    }
}

fn to_bytes(bytes: &BinaryArray, to: &TypeKind) -> Result<ArrayRef> {
    let (length, padded) = match to {
        TypeKind::Binary(n) => (*n as usize, true),
        TypeKind::Varbinary(n) => (*n as usize, false),
        other => return exec_err!("{other} is not a byte string type"),
    };
    if length == MAX_LENGTH as usize {
        return Ok(Arc::new(bytes.clone()));
    }
    binaries(bytes.len(), |row, out| {
        if bytes.is_null(row) {
            return Ok(false);
        }
        let value = bytes.value(row);
        out.extend_from_slice(&value[..value.len().min(length)]);
        if padded && value.len() < length {
            out.resize(out.len() + length - value.len(), 0);
        }
        Ok(true)
    })
}

// ---- Numbers ----

fn from_boolean(flags: &BooleanArray, to: &TypeKind) -> Result<ArrayRef> {
    let ones = PrimitiveArray::<Int8Type>::from_iter(flags.iter().map(|f| f.map(i8::from)));
    let ones: ArrayRef = Arc::new(ones);
    number(&ones, &TypeKind::TinyInt, to)
}

fn to_boolean(array: &ArrayRef) -> Result<ArrayRef> {
    fn non_zero<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>) -> ArrayRef
    where
        T::Native: Default + PartialEq,
    {
        Arc::new(BooleanArray::from_unary(array, |v| {
            v != T::Native::default()
        }))
    }
    Ok(match array.data_type() {
        DataType::Int8 => non_zero(array.as_primitive::<Int8Type>()),
        DataType::Int16 => non_zero(array.as_primitive::<Int16Type>()),
        DataType::Int32 => non_zero(array.as_primitive::<Int32Type>()),
        DataType::Int64 => non_zero(array.as_primitive::<Int64Type>()),
        DataType::Float32 => non_zero(array.as_primitive::<Float32Type>()),
        DataType::Float64 => non_zero(array.as_primitive::<Float64Type>()),
        DataType::Decimal128(..) => non_zero(array.as_primitive::<Decimal128Type>()),
        other => return exec_err!("{other} is not a number"),
    })
}

/// Java's conversions between primitive numbers.
trait Number: Copy {
    fn to_i8(self) -> i8;
    fn to_i16(self) -> i16;
    fn to_i32(self) -> i32;
    fn to_i64(self) -> i64;
    fn to_f32(self) -> f32;
    fn to_f64(self) -> f64;
}

macro_rules! integer_number {
    ($($ty:ty),*) => {$(
        impl Number for $ty {
            fn to_i8(self) -> i8 { self as i8 }
            fn to_i16(self) -> i16 { self as i16 }
            fn to_i32(self) -> i32 { self as i32 }
            fn to_i64(self) -> i64 { self as i64 }
            fn to_f32(self) -> f32 { self as f32 }
            fn to_f64(self) -> f64 { self as f64 }
        }
    )*};
}

macro_rules! float_number {
    ($($ty:ty),*) => {$(
        impl Number for $ty {
            // Java narrows to the small integers by way of int.
            fn to_i8(self) -> i8 { self as i32 as i8 }
            fn to_i16(self) -> i16 { self as i32 as i16 }
            fn to_i32(self) -> i32 { self as i32 }
            fn to_i64(self) -> i64 { self as i64 }
            fn to_f32(self) -> f32 { self as f32 }
            fn to_f64(self) -> f64 { self as f64 }
        }
    )*};
}

integer_number!(i8, i16, i32, i64);
float_number!(f32, f64);

fn number(array: &ArrayRef, from: &TypeKind, to: &TypeKind) -> Result<ArrayRef> {
    match from {
        TypeKind::TinyInt => primitive::<Int8Type>(array, to),
        TypeKind::SmallInt => primitive::<Int16Type>(array, to),
        TypeKind::Int => primitive::<Int32Type>(array, to),
        TypeKind::BigInt => primitive::<Int64Type>(array, to),
        TypeKind::Float => primitive::<Float32Type>(array, to),
        TypeKind::Double => primitive::<Float64Type>(array, to),
        TypeKind::Decimal { scale, .. } => from_decimal(&downcast(array)?, *scale, from, to),
        other => exec_err!("{other} is not a number"),
    }
}

fn primitive<T: ArrowPrimitiveType>(array: &ArrayRef, to: &TypeKind) -> Result<ArrayRef>
where
    T::Native: Number,
{
    let values: PrimitiveArray<T> = downcast(array)?;
    Ok(match to {
        TypeKind::TinyInt => Arc::new(values.unary::<_, Int8Type>(Number::to_i8)),
        TypeKind::SmallInt => Arc::new(values.unary::<_, Int16Type>(Number::to_i16)),
        TypeKind::Int => Arc::new(values.unary::<_, Int32Type>(Number::to_i32)),
        TypeKind::BigInt => Arc::new(values.unary::<_, Int64Type>(Number::to_i64)),
        TypeKind::Float => Arc::new(values.unary::<_, Float32Type>(Number::to_f32)),
        TypeKind::Double => Arc::new(values.unary::<_, Float64Type>(Number::to_f64)),
        TypeKind::Decimal { precision, scale } => {
            let (precision, scale) = (*precision, *scale);
            let decimals = if T::DATA_TYPE.is_floating() {
                let mut text = String::new();
                values
                    .iter()
                    .map(|value| double_to_decimal(value?.to_f64(), precision, scale, &mut text))
                    .collect::<PrimitiveArray<Decimal128Type>>()
            } else {
                let factor = pow10(scale);
                values.unary_opt::<_, Decimal128Type>(|value| {
                    i128::from(value.to_i64())
                        .checked_mul(factor)
                        .filter(|value| decimal::fits(*value, precision))
                })
            };
            Arc::new(decimals.with_precision_and_scale(precision, scale as i8)?)
        }
        other => return exec_err!("{other} is not a number"),
    })
}

/// Java's `BigDecimal.valueOf(double)`: the decimal that the number prints as.
pub(crate) fn double_to_decimal(
    value: f64,
    precision: u8,
    scale: u8,
    text: &mut String,
) -> Option<i128> {
    if !value.is_finite() {
        return None;
    }
    text.clear();
    write_double(value, text);
    decimal::parse(text, precision, scale).ok().flatten()
}

fn from_decimal(
    values: &PrimitiveArray<Decimal128Type>,
    scale: u8,
    from: &TypeKind,
    to: &TypeKind,
) -> Result<ArrayRef> {
    let factor = pow10(scale);
    // Java's longValue: cut the fraction off, keep the low 64 bits.
    let whole = |value: i128| (value / factor) as i64;
    Ok(match to {
        TypeKind::TinyInt => Arc::new(values.unary::<_, Int8Type>(|v| whole(v) as i8)),
        TypeKind::SmallInt => Arc::new(values.unary::<_, Int16Type>(|v| whole(v) as i16)),
        TypeKind::Int => Arc::new(values.unary::<_, Int32Type>(|v| whole(v) as i32)),
        TypeKind::BigInt => Arc::new(values.unary::<_, Int64Type>(whole)),
        TypeKind::Float => {
            Arc::new(values.unary::<_, Float32Type>(|v| decimal_to_double(v, scale) as f32))
        }
        TypeKind::Double => {
            Arc::new(values.unary::<_, Float64Type>(|v| decimal_to_double(v, scale)))
        }
        TypeKind::Decimal {
            precision: to_precision,
            scale: to_scale,
        } => {
            let (to_precision, to_scale) = (*to_precision, *to_scale);
            let to_type = FlinkType::decimal(to_precision, to_scale);
            let decimals = if may_overflow(&from.clone().into(), &to_type) {
                values.unary_opt::<_, Decimal128Type>(|v| rescale(v, scale, to_scale, to_precision))
            } else if to_scale >= scale {
                let factor = pow10(to_scale - scale);
                values.unary::<_, Decimal128Type>(|v| v.wrapping_mul(factor))
            } else {
                let factor = pow10(scale - to_scale);
                values.unary::<_, Decimal128Type>(|v| decimal::divide_half_up(v, factor))
            };
            Arc::new(decimals.with_precision_and_scale(to_precision, to_scale as i8)?)
        }
        other => return exec_err!("{other} is not a number"),
    })
}

/// The nearest double of a decimal.
pub(crate) fn decimal_to_double(value: i128, scale: u8) -> f64 {
    // Both are exact as doubles, so their quotient is rounded once.
    if value.unsigned_abs() < 1 << 53 && scale <= 22 {
        return value as f64 / pow10(scale) as f64;
    }
    let mut text = String::with_capacity(48);
    crate::display::write_decimal(value, scale, &mut text);
    text.parse().unwrap_or(f64::NAN)
}

// ---- Times ----

/// Gives raw values the timestamp type `target`.
fn timestamp_array(array: ArrayRef, target: &DataType) -> Result<ArrayRef> {
    let raw: PrimitiveArray<Int64Type> = downcast(&array)?;
    Ok(match target {
        DataType::Timestamp(TimeUnit::Second, _) => Arc::new(
            raw.reinterpret_cast::<TimestampSecondType>()
                .with_data_type(target.clone()),
        ),
        DataType::Timestamp(TimeUnit::Millisecond, _) => Arc::new(
            raw.reinterpret_cast::<TimestampMillisecondType>()
                .with_data_type(target.clone()),
        ),
        DataType::Timestamp(TimeUnit::Microsecond, _) => Arc::new(
            raw.reinterpret_cast::<TimestampMicrosecondType>()
                .with_data_type(target.clone()),
        ),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => Arc::new(
            raw.reinterpret_cast::<TimestampNanosecondType>()
                .with_data_type(target.clone()),
        ),
        other => return exec_err!("{other} is not a timestamp type"),
    })
}

fn out_of_range(to: &FlinkType) -> DataFusionError {
    exec_datafusion_err!("A timestamp is out of the range that {to} can hold")
}

/// Builds a `TIMESTAMP` or `TIMESTAMP_LTZ` column of wall clocks (or instants, if `from` is one).
fn timestamps(
    rows: usize,
    to: &TypeKind,
    context: &Context,
    from: &TypeKind,
    at: impl Fn(usize) -> Option<Instant>,
) -> Result<ArrayRef> {
    let (TypeKind::Timestamp(precision) | TypeKind::TimestampLtz(precision)) = to else {
        return exec_err!("Cast function cannot convert value of type {from} to type {to}");
    };
    let unit = timestamp_unit(*precision);
    let to_utc =
        matches!(to, TypeKind::TimestampLtz(_)) && !matches!(from, TypeKind::TimestampLtz(_));
    let to_local =
        matches!(to, TypeKind::Timestamp(_)) && matches!(from, TypeKind::TimestampLtz(_));
    let to = FlinkType::new(to.clone());
    let raw = crate::call::prims::<Int64Type>(rows, &DataType::Int64, |row| {
        let Some(at) = at(row) else { return Ok(None) };
        let at = if to_utc {
            context.zone.to_utc(at)
        } else if to_local {
            context.zone.to_local(at)
        } else {
            at
        };
        match at.truncate(*precision).to_unit(unit) {
            Some(value) => Ok(Some(value)),
            None if context.on_failure == OnFailure::Null => Ok(None),
            None => Err(out_of_range(&to)),
        }
    })?;
    timestamp_array(raw, &to.to_arrow())
}

fn from_timestamp(
    array: &ArrayRef,
    from: &FlinkType,
    to: &FlinkType,
    context: &Context,
) -> Result<ArrayRef> {
    let Some((values, unit)) = timestamp_values(array.as_ref()) else {
        return exec_err!("{} is not a timestamp", array.data_type());
    };
    let instant = matches!(from.kind, TypeKind::TimestampLtz(_));
    let zone = if instant { context.zone } else { Zone::Utc };
    let local = |row: usize| zone.to_local(Instant::from_unit(values[row], unit));
    match &to.kind {
        TypeKind::Date => {
            crate::call::prims::<Date32Type>(values.len(), &DataType::Date32, |row| {
                Ok(array.is_valid(row).then(|| local(row).days() as i32))
            })
        }
        TypeKind::Time(precision) => {
            let step = 10_i64.pow(3 - u32::from((*precision).min(3)));
            let target = DataType::Time32(TimeUnit::Millisecond);
            crate::call::prims::<Time32MillisecondType>(values.len(), &target, |row| {
                Ok(array.is_valid(row).then(|| {
                    let at = local(row);
                    let millis = at.second_of_day() * 1_000 + at.nanos / 1_000_000;
                    (millis - millis % step) as i32
                }))
            })
        }
        kind => {
            let (
                TypeKind::Timestamp(p) | TypeKind::TimestampLtz(p),
                TypeKind::Timestamp(q) | TypeKind::TimestampLtz(q),
            ) = (&from.kind, kind)
            else {
                return exec_err!("Cast function cannot convert value of type {from} to type {to}");
            };
            let same_zone = instant == matches!(kind, TypeKind::TimestampLtz(_));
            let to_unit = timestamp_unit(*q);
            if (same_zone || context.zone == Zone::Utc) && q >= p {
                return rescale_timestamps(array, unit, to_unit, to, context);
            }
            timestamps(values.len(), kind, context, &from.kind, |row| {
                array
                    .is_valid(row)
                    .then(|| Instant::from_unit(values[row], unit))
            })
        }
    }
}

/// The same points in time in a unit that is at least as fine.
fn rescale_timestamps(
    array: &ArrayRef,
    unit: TimeUnit,
    to_unit: TimeUnit,
    to: &FlinkType,
    context: &Context,
) -> Result<ArrayRef> {
    let raw = arrow::compute::cast(array, &DataType::Int64)?;
    let factor = units_per_second(to_unit) / units_per_second(unit).max(1);
    let raw = if factor > 1 {
        let raw: PrimitiveArray<Int64Type> = downcast(&raw)?;
        if context.on_failure == OnFailure::Null {
            Arc::new(raw.unary_opt::<_, Int64Type>(|v| v.checked_mul(factor))) as ArrayRef
        } else {
            Arc::new(raw.try_unary::<_, Int64Type, _>(|v| {
                v.checked_mul(factor).ok_or_else(|| out_of_range(to))
            })?)
        }
    } else {
        raw
    };
    timestamp_array(raw, &to.to_arrow())
}

/// The milliseconds of an interval column.
pub(crate) fn interval_column(array: &ArrayRef) -> Result<PrimitiveArray<DurationMillisecondType>> {
    match array.data_type() {
        DataType::Duration(TimeUnit::Millisecond) => downcast(array),
        _ => {
            let target = DataType::Duration(TimeUnit::Millisecond);
            downcast(&arrow::compute::cast(array, &target)?)
        }
    }
}

/// The months of an interval column.
pub(crate) fn month_column(array: &ArrayRef) -> Result<PrimitiveArray<IntervalYearMonthType>> {
    downcast(array)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Casts texts to `first`, then to `second`, and shows the result.
    fn chain(texts: &[&str], types: &[&str], on_failure: OnFailure) -> Result<Vec<String>> {
        let mut array: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        let mut from = FlinkType::string();
        for ty in types {
            let to = FlinkType::parse(ty).unwrap();
            array = Cast::new(from, to.clone(), on_failure)?.cast(&array)?;
            assert_eq!(array.data_type(), &to.to_arrow());
            from = to;
        }
        let formatter = Formatter::new(&from, Style::Cast);
        Ok((0..array.len())
            .map(|row| {
                let mut out = String::new();
                formatter.write(array.as_ref(), row, &mut out);
                out
            })
            .collect())
    }

    fn try_chain(texts: &[&str], types: &[&str]) -> Vec<String> {
        chain(texts, types, OnFailure::Null).unwrap()
    }

    #[test]
    fn text_becomes_numbers() {
        assert_eq!(
            try_chain(
                &[" 42 ", "4.7", "-4.7", "x", "", "4.x", "300", "1e3"],
                &["TINYINT"]
            ),
            ["42", "4", "-4", "NULL", "NULL", "NULL", "NULL", "NULL"]
        );
        assert_eq!(
            try_chain(
                &["-9223372036854775808", "9223372036854775808"],
                &["BIGINT"]
            ),
            ["-9223372036854775808", "NULL"]
        );
        assert_eq!(
            try_chain(
                &["1e7", "NaN", "-Infinity", "inf", "1.5f", "."],
                &["DOUBLE"]
            ),
            ["1.0E7", "NaN", "-Infinity", "NULL", "1.5", "NULL"]
        );
        assert_eq!(
            try_chain(&["1.005", "123456789", "abc"], &["DECIMAL(10, 2)"]),
            ["1.01", "NULL", "NULL"]
        );
        assert_eq!(
            try_chain(&["yes", "1", "F", "maybe"], &["BOOLEAN"]),
            ["TRUE", "TRUE", "FALSE", "NULL"]
        );
    }

    #[test]
    fn failures_name_the_text() {
        for (ty, text, message) in [
            (
                "INT",
                "x",
                "For input string: 'x'. Invalid character found.",
            ),
            ("INT", "9999999999", "Overflow"),
            ("BOOLEAN", "maybe", "Cannot parse 'maybe' as BOOLEAN."),
            ("DATE", "2024-02-30", "For input string: '2024-02-30'."),
            ("TIMESTAMP(3)", "2024-01-01T00:00", "2024-01-01T00:00"),
        ] {
            let error = chain(&[text], &[ty], OnFailure::Fail).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
    }

    #[test]
    fn numbers_narrow_as_in_java() {
        assert_eq!(try_chain(&["300"], &["INT", "TINYINT"]), ["44"]);
        assert_eq!(
            try_chain(&["3e10", "NaN", "-1.9"], &["DOUBLE", "INT"]),
            ["2147483647", "0", "-1"]
        );
        assert_eq!(try_chain(&["12.99"], &["DECIMAL(4, 2)", "INT"]), ["12"]);
        assert_eq!(
            try_chain(&["12.995"], &["DECIMAL(5, 3)", "DECIMAL(4, 2)"]),
            ["13.00"]
        );
        assert_eq!(
            try_chain(&["99.995"], &["DECIMAL(5, 3)", "DECIMAL(4, 2)"]),
            ["NULL"]
        );
        assert_eq!(try_chain(&["0.1"], &["DOUBLE", "DECIMAL(3, 2)"]), ["0.10"]);
        assert_eq!(
            try_chain(&["7", "0"], &["INT", "BOOLEAN", "DOUBLE"]),
            ["1.0", "0.0"]
        );
    }

    #[test]
    fn text_is_cut_and_padded() {
        assert_eq!(try_chain(&["añb", "x"], &["VARCHAR(2)"]), ["añ", "x"]);
        assert_eq!(try_chain(&["añb", "x"], &["CHAR(2)"]), ["añ", "x "]);
        assert_eq!(try_chain(&["12345"], &["INT", "VARCHAR(3)"]), ["123"]);
        assert_eq!(try_chain(&["ab"], &["BINARY(4)", "STRING"]), ["ab\0\0"]);
        assert_eq!(try_chain(&["abc"], &["VARBINARY(2)", "STRING"]), ["ab"]);
    }

    #[test]
    fn times_convert() {
        assert_eq!(
            try_chain(&["2024-1-2", "2024-01-02 03:04:05.6789"], &["TIMESTAMP(3)"]),
            ["2024-01-02 00:00:00.000", "2024-01-02 03:04:05.678"]
        );
        assert_eq!(
            try_chain(
                &["2024-01-02 03:04:05.678912"],
                &["TIMESTAMP(6)", "TIMESTAMP(1)", "TIME(3)"]
            ),
            ["03:04:05.600"]
        );
        assert_eq!(
            try_chain(
                &["1969-12-31 23:59:59.5"],
                &["TIMESTAMP(3)", "DATE", "TIMESTAMP(0)"]
            ),
            ["1969-12-31 00:00:00"]
        );
        assert_eq!(
            try_chain(&["9999-01-01"], &["TIMESTAMP(3)", "TIMESTAMP(9)"]),
            ["NULL"],
            "nanoseconds end in 2262"
        );
        let zone: Zone = "+08:00".parse().unwrap();
        let local: ArrayRef = Arc::new(StringArray::from(vec!["2024-01-02 03:04:05"]));
        let ltz = FlinkType::parse("TIMESTAMP_LTZ(3)").unwrap();
        let ts = FlinkType::parse("TIMESTAMP(3)").unwrap();
        let cast = |from: &FlinkType, to: &FlinkType, array: &ArrayRef| {
            Cast::new(from.clone(), to.clone(), OnFailure::Fail)
                .unwrap()
                .with_zone(zone)
                .cast(array)
                .unwrap()
        };
        let instant = cast(&FlinkType::string(), &ltz, &local);
        assert_eq!(timestamp_values(&instant).unwrap().0[0], 1_704_135_845_000);
        let back = cast(&ltz, &ts, &instant);
        assert_eq!(timestamp_values(&back).unwrap().0[0], 1_704_164_645_000);
    }

    #[test]
    fn nested_failures_null_the_whole_value() {
        let items = Arc::new(StringArray::from(vec!["1", "x", "2"])) as ArrayRef;
        let field = Arc::new(Field::new("item", DataType::Utf8, true));
        let offsets = OffsetBuffer::from_lengths([2, 1]);
        let list: ArrayRef = Arc::new(ListArray::new(field, offsets, items, None));
        let from = FlinkType::parse("ARRAY<STRING>").unwrap();
        let to = FlinkType::parse("ARRAY<INT>").unwrap();
        let cast = Cast::new(from.clone(), to.clone(), OnFailure::Null).unwrap();
        let result = cast.cast(&list).unwrap();
        assert!(result.is_null(0) && result.is_valid(1));
        let strict = Cast::new(from, to, OnFailure::Fail).unwrap();
        assert!(strict.cast(&list).is_err());
    }

    #[test]
    fn impossible_casts_are_refused() {
        let cast = |from: &str, to: &str| {
            let parse = |text| FlinkType::parse(text).unwrap();
            Cast::new(parse(from), parse(to), OnFailure::Fail)
        };
        assert!(cast("INT", "TIMESTAMP(3)").is_err());
        assert!(cast("TIMESTAMP(3)", "BIGINT").is_err());
        assert!(cast("ARRAY<INT>", "INT").is_err());
        assert!(cast("ROW<a INT>", "ROW<a INT, b INT>").is_err());
        assert!(cast("ROW<a INT>", "STRING").is_ok());
    }
}
