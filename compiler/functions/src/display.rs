//! Values as text, the way Flink shows them.
//!
//! There are two ways ([`Style`]): what the print connector and `Row.toString` write (Java's
//! `toString` of each value), and what `CAST(x AS STRING)` gives. They differ in nearly every
//! type: a timestamp is `2024-01-31T10:15` in a printed row and `2024-01-31 10:15:00.000` as a
//! string. A [`Formatter`] is built once for a column and then writes values into a buffer without
//! allocating.

use std::fmt::Write;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMillisecondType, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit,
    IntervalYearMonthType, Time32MillisecondType, TimeUnit,
};

use crate::datetime::{
    Instant, Zone, pad, timestamp_values, write_clock, write_date, write_fraction, write_millis,
    write_months, write_timestamp,
};
use crate::types::{FlinkType, TypeKind};

/// Which text of a value is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Java's `toString`, as the print connector writes rows: `+I[a, 2020-10-10T00:00, null]`.
    Row,
    /// `CAST(x AS STRING)`: `TRUE`, `2020-10-10 00:00:00.000`, `(1, NULL)`.
    Cast,
}

/// Writes the values of columns of one type as text.
#[derive(Debug, Clone)]
pub struct Formatter {
    node: Node,
    style: Style,
    zone: Zone,
    /// Dates, times and intervals as the numbers that Flink holds them in.
    internal: bool,
}

#[derive(Debug, Clone)]
enum Node {
    Null,
    Boolean,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Float,
    Double,
    Decimal(u8),
    String,
    Bytes,
    Date,
    Time(u8),
    Timestamp(u8),
    TimestampLtz(u8),
    Months,
    Millis,
    Array(Box<Node>),
    Map(Box<Node>, Box<Node>),
    Row(Vec<Node>),
}

impl Node {
    fn new(ty: &FlinkType) -> Self {
        match &ty.kind {
            TypeKind::Null => Self::Null,
            TypeKind::Boolean => Self::Boolean,
            TypeKind::TinyInt => Self::TinyInt,
            TypeKind::SmallInt => Self::SmallInt,
            TypeKind::Int => Self::Int,
            TypeKind::BigInt => Self::BigInt,
            TypeKind::Float => Self::Float,
            TypeKind::Double => Self::Double,
            TypeKind::Decimal { scale, .. } => Self::Decimal(*scale),
            TypeKind::Char(_) | TypeKind::Varchar(_) => Self::String,
            TypeKind::Binary(_) | TypeKind::Varbinary(_) => Self::Bytes,
            TypeKind::Date => Self::Date,
            TypeKind::Time(p) => Self::Time(*p),
            TypeKind::Timestamp(p) => Self::Timestamp(*p),
            TypeKind::TimestampLtz(p) => Self::TimestampLtz(*p),
            TypeKind::IntervalYearMonth { .. } => Self::Months,
            TypeKind::IntervalDayTime { .. } => Self::Millis,
            TypeKind::Array(item) => Self::Array(Box::new(Self::new(item))),
            TypeKind::Multiset(item) => Self::Map(Box::new(Self::new(item)), Box::new(Self::Int)),
            TypeKind::Map(k, v) => Self::Map(Box::new(Self::new(k)), Box::new(Self::new(v))),
            TypeKind::Row(fields) => {
                Self::Row(fields.iter().map(|field| Self::new(&field.ty)).collect())
            }
        }
    }
}

impl Formatter {
    /// A formatter for columns of this type; `TIMESTAMP_LTZ` is shown in UTC.
    pub fn new(ty: &FlinkType, style: Style) -> Self {
        Self {
            node: Node::new(ty),
            style,
            zone: Zone::Utc,
            internal: false,
        }
    }

    /// The same with dates, times of day and intervals as plain numbers, which is how they reach
    /// functions that take any value.
    pub(crate) fn internal(mut self) -> Self {
        self.internal = true;
        self
    }

    /// The same with `TIMESTAMP_LTZ` shown in this zone (only [`Style::Cast`] has a zone).
    pub fn with_zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// Appends the text of the value at `row`; NULL is `null` in a row and `NULL` in a string.
    /// The array must be of the formatter's type (another is shown as Arrow shows it).
    pub fn write(&self, array: &dyn Array, row: usize, out: &mut String) {
        if self.write_node(&self.node, array, row, out).is_none() {
            // Not the type we were built for: show it anyway rather than fail.
            match arrow::util::display::array_value_to_string(array, row) {
                Ok(text) => out.push_str(&text),
                Err(_) => out.push('?'),
            }
        }
    }

    /// `None` if the array is not of the node's type.
    fn write_node(
        &self,
        node: &Node,
        array: &dyn Array,
        row: usize,
        out: &mut String,
    ) -> Option<()> {
        if row >= array.len() {
            return None;
        }
        if array.is_null(row) || matches!(node, Node::Null) {
            out.push_str(match self.style {
                Style::Row => "null",
                Style::Cast => "NULL",
            });
            return Some(());
        }
        let cast = self.style == Style::Cast;
        match node {
            Node::Null => {}
            Node::Boolean => {
                let value = array.as_boolean_opt()?.value(row);
                out.push_str(match (value, cast) {
                    (true, true) => "TRUE",
                    (false, true) => "FALSE",
                    (true, false) => "true",
                    (false, false) => "false",
                });
            }
            Node::TinyInt => {
                let value = array.as_primitive_opt::<Int8Type>()?.value(row);
                pad(i64::from(value), 1, out);
            }
            Node::SmallInt => {
                let value = array.as_primitive_opt::<Int16Type>()?.value(row);
                pad(i64::from(value), 1, out);
            }
            Node::Int => {
                let value = array.as_primitive_opt::<Int32Type>()?.value(row);
                pad(i64::from(value), 1, out);
            }
            Node::BigInt => pad(array.as_primitive_opt::<Int64Type>()?.value(row), 1, out),
            Node::Float => write_float(array.as_primitive_opt::<Float32Type>()?.value(row), out),
            Node::Double => write_double(array.as_primitive_opt::<Float64Type>()?.value(row), out),
            Node::Decimal(scale) => {
                let value = array.as_primitive_opt::<Decimal128Type>()?.value(row);
                if cast {
                    write_decimal(value, *scale, out);
                } else {
                    write_big_decimal(value, *scale, out);
                }
            }
            Node::String => match array.data_type() {
                DataType::Utf8 => out.push_str(array.as_string_opt::<i32>()?.value(row)),
                DataType::Utf8View => out.push_str(array.as_string_view_opt()?.value(row)),
                _ => out.push_str(array.as_string_opt::<i64>()?.value(row)),
            },
            Node::Bytes => {
                let bytes = array.as_binary_opt::<i32>()?.value(row);
                if cast {
                    out.push_str(&String::from_utf8_lossy(bytes));
                } else {
                    out.push('[');
                    for (i, byte) in bytes.iter().enumerate() {
                        separate(i, out);
                        pad(i64::from(*byte as i8), 1, out);
                    }
                    out.push(']');
                }
            }
            Node::Date => {
                let days = i64::from(array.as_primitive_opt::<Date32Type>()?.value(row));
                if self.internal {
                    pad(days, 1, out);
                } else {
                    write_date(days, out);
                }
            }
            Node::Time(precision) => {
                let millis = array
                    .as_primitive_opt::<Time32MillisecondType>()?
                    .value(row);
                let (seconds, nanos) = (i64::from(millis / 1_000), i64::from(millis % 1_000));
                if self.internal {
                    pad(i64::from(millis), 1, out);
                } else if cast {
                    write_clock(seconds, out);
                    write_fraction(nanos * 1_000_000, (*precision).min(3), out);
                } else {
                    write_java_clock(seconds, nanos * 1_000_000, false, out);
                }
            }
            Node::Timestamp(precision) => {
                let (values, unit) = timestamp_values(array)?;
                let at = Instant::from_unit(values[row], unit);
                if cast {
                    write_timestamp(at, *precision, out);
                } else {
                    write_date(at.days(), out);
                    out.push('T');
                    write_java_clock(at.second_of_day(), at.nanos, false, out);
                }
            }
            Node::TimestampLtz(precision) => {
                let (values, unit) = timestamp_values(array)?;
                let at = Instant::from_unit(values[row], unit);
                if cast {
                    write_timestamp(self.zone.to_local(at), *precision, out);
                } else {
                    write_date(at.days(), out);
                    out.push('T');
                    write_java_clock(at.second_of_day(), at.nanos, true, out);
                    out.push('Z');
                }
            }
            Node::Months => {
                let months = i64::from(
                    array
                        .as_primitive_opt::<IntervalYearMonthType>()?
                        .value(row),
                );
                if self.internal {
                    pad(months, 1, out);
                } else if cast {
                    write_months(months, out);
                } else {
                    write_period(months, out);
                }
            }
            Node::Millis => {
                let millis = duration_millis(array, row)?;
                if self.internal {
                    pad(millis, 1, out);
                } else if cast {
                    write_millis(millis, out);
                } else {
                    write_duration(millis, out);
                }
            }
            Node::Array(item) => {
                let items = array.as_list_opt::<i32>()?.value(row);
                out.push('[');
                for i in 0..items.len() {
                    separate(i, out);
                    self.write_node(item, items.as_ref(), i, out)?;
                }
                out.push(']');
            }
            Node::Map(key, value) => {
                let entries = array.as_map_opt()?.value(row);
                let (keys, values) = (entries.column(0), entries.column(1));
                out.push('{');
                for i in 0..entries.len() {
                    separate(i, out);
                    self.write_node(key, keys.as_ref(), i, out)?;
                    out.push('=');
                    self.write_node(value, values.as_ref(), i, out)?;
                }
                out.push('}');
            }
            Node::Row(fields) => {
                let row_array = array.as_struct_opt()?;
                out.push_str(if cast { "(" } else { "+I[" });
                for (i, field) in fields.iter().enumerate() {
                    separate(i, out);
                    self.write_node(field, row_array.columns().get(i)?.as_ref(), row, out)?;
                }
                out.push(if cast { ')' } else { ']' });
            }
        }
        Some(())
    }
}

fn separate(index: usize, out: &mut String) {
    if index > 0 {
        out.push_str(", ");
    }
}

/// The milliseconds of a duration or an interval without months.
fn duration_millis(array: &dyn Array, row: usize) -> Option<i64> {
    match array.data_type() {
        DataType::Duration(TimeUnit::Millisecond) => Some(
            array
                .as_primitive_opt::<DurationMillisecondType>()?
                .value(row),
        ),
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let value = array
                .as_primitive_opt::<IntervalMonthDayNanoType>()?
                .value(row);
            (value.months == 0).then(|| {
                i64::from(value.days) * 86_400_000 + value.nanoseconds.div_euclid(1_000_000)
            })
        }
        _ => None,
    }
}

/// Java's `LocalTime.toString`: seconds only if there are any (or `always`), fractions in groups
/// of three digits.
fn write_java_clock(second_of_day: i64, nanos: i64, always: bool, out: &mut String) {
    pad(second_of_day / 3_600, 2, out);
    out.push(':');
    pad(second_of_day / 60 % 60, 2, out);
    if always || second_of_day % 60 != 0 || nanos != 0 {
        out.push(':');
        pad(second_of_day % 60, 2, out);
    }
    if nanos % 1_000 != 0 {
        write_fraction(nanos, 9, out);
    } else if nanos % 1_000_000 != 0 {
        write_fraction(nanos, 6, out);
    } else if nanos != 0 {
        write_fraction(nanos, 3, out);
    }
}

/// Java's `Period.toString` of whole months.
fn write_period(months: i64, out: &mut String) {
    if months == 0 {
        out.push_str("P0D");
        return;
    }
    out.push('P');
    if months / 12 != 0 {
        pad(months / 12, 1, out);
        out.push('Y');
    }
    if months % 12 != 0 {
        pad(months % 12, 1, out);
        out.push('M');
    }
}

/// Java's `Duration.toString`.
fn write_duration(millis: i64, out: &mut String) {
    if millis == 0 {
        out.push_str("PT0S");
        return;
    }
    out.push_str("PT");
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    let rest = millis % 60_000;
    if hours != 0 {
        pad(hours, 1, out);
        out.push('H');
    }
    if minutes != 0 {
        pad(minutes, 1, out);
        out.push('M');
    }
    if rest != 0 {
        if rest < 0 {
            out.push('-');
        }
        let rest = rest.abs();
        pad(rest / 1_000, 1, out);
        if rest % 1_000 != 0 {
            let start = out.len();
            out.push('.');
            pad(rest % 1_000, 3, out);
            let kept = out[start..].trim_end_matches('0').len();
            out.truncate(start + kept);
        }
        out.push('S');
    }
}

/// A decimal without an exponent: `-0.050`. This is `BigDecimal.toPlainString`.
pub fn write_decimal(value: i128, scale: u8, out: &mut String) {
    if value < 0 {
        out.push('-');
    }
    let mut digits = [b'0'; 40];
    let start = decimal_digits(value, usize::from(scale) + 1, &mut digits);
    let point = digits.len() - usize::from(scale).min(digits.len() - start);
    out.extend(digits[start..point].iter().map(|&b| char::from(b)));
    if scale > 0 {
        out.push('.');
        out.extend(digits[point..].iter().map(|&b| char::from(b)));
    }
}

/// Puts the digits of `value` at the end of `digits`, at least `width` of them, and returns where
/// they start.
fn decimal_digits(value: i128, width: usize, digits: &mut [u8; 40]) -> usize {
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    while rest > 0 || digits.len() - at < width.min(digits.len()) {
        at -= 1;
        // Dividing 64-bit numbers is several times faster, and most decimals are that small.
        if let Ok(mut small) = u64::try_from(rest) {
            digits[at] = b'0' + (small % 10) as u8;
            small /= 10;
            rest = u128::from(small);
        } else {
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }
    at
}

/// `BigDecimal.toString`: like [`write_decimal`], but with an exponent when the value is smaller
/// than 10^-6: `1E-8`, `0E-10`.
pub fn write_big_decimal(value: i128, scale: u8, out: &mut String) {
    let mut digits = [b'0'; 40];
    let start = decimal_digits(value, 1, &mut digits);
    let exponent = (digits.len() - start) as i64 - 1 - i64::from(scale);
    if exponent >= -6 {
        write_decimal(value, scale, out);
        return;
    }
    if value < 0 {
        out.push('-');
    }
    out.push(char::from(digits[start]));
    if start + 1 < digits.len() {
        out.push('.');
        out.extend(digits[start + 1..].iter().map(|&b| char::from(b)));
    }
    out.push('E');
    pad(exponent, 1, out);
}

/// A buffer on the stack for the shortest digits of a floating-point number.
#[derive(Default)]
struct Scratch {
    bytes: [u8; 32],
    len: usize,
}

impl Write for Scratch {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.len + text.len();
        let Some(space) = self.bytes.get_mut(self.len..end) else {
            return Err(std::fmt::Error);
        };
        space.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// Java's `Double.toString`: `1.0`, `1.0E7`, `1.0E-4`, `NaN`, `Infinity`.
pub fn write_double(value: f64, out: &mut String) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    } else {
        let mut scratch = Scratch::default();
        // At most 17 digits, a sign, a point and an exponent of three digits: it always fits.
        let _ = write!(scratch, "{value:e}");
        write_java_digits(&scratch, out);
    }
}

/// Java's `Float.toString`.
pub fn write_float(value: f32, out: &mut String) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    } else {
        let mut scratch = Scratch::default();
        let _ = write!(scratch, "{value:e}");
        write_java_digits(&scratch, out);
    }
}

/// Turns Rust's `-1.25e-7` into Java's notation: plain from 10^-3 to 10^7, else with `E`.
fn write_java_digits(scratch: &Scratch, out: &mut String) {
    let text = std::str::from_utf8(&scratch.bytes[..scratch.len]).unwrap_or("0e0");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let mantissa = match mantissa.strip_prefix('-') {
        Some(rest) => {
            out.push('-');
            rest
        }
        None => mantissa,
    };
    let (first, rest) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let zeros = |count: i32, out: &mut String| {
        for _ in 0..count {
            out.push('0');
        }
    };
    match exponent {
        0..=6 => {
            let whole = exponent as usize;
            out.push_str(first);
            if rest.len() > whole {
                out.push_str(&rest[..whole]);
                out.push('.');
                out.push_str(&rest[whole..]);
            } else {
                out.push_str(rest);
                zeros(exponent - rest.len() as i32, out);
                out.push_str(".0");
            }
        }
        -3..=-1 => {
            out.push_str("0.");
            zeros(-exponent - 1, out);
            out.push_str(first);
            out.push_str(rest);
        }
        _ => {
            out.push_str(first);
            out.push('.');
            out.push_str(if rest.is_empty() { "0" } else { rest });
            out.push('E');
            pad(i64::from(exponent), 1, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BinaryArray, BooleanArray, Decimal128Array, DurationMillisecondArray, Int32Array,
        ListArray, StringArray, StructArray, Time32MillisecondArray, TimestampMillisecondArray,
    };

    use super::*;

    fn shown(ty: &str, array: &dyn Array, style: Style) -> String {
        let mut out = String::new();
        let formatter = Formatter::new(&FlinkType::parse(ty).unwrap(), style);
        for row in 0..array.len() {
            if row > 0 {
                out.push_str(" | ");
            }
            formatter.write(array, row, &mut out);
        }
        out
    }

    #[test]
    fn doubles_look_like_java() {
        for (value, expected) in [
            (1.0, "1.0"),
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (100.0, "100.0"),
            (1e7, "1.0E7"),
            (9_999_999.0, "9999999.0"),
            (12_345_678.9, "1.23456789E7"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (1e20, "1.0E20"),
            (-1.25e-7, "-1.25E-7"),
            (123.456, "123.456"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::MIN_POSITIVE, "2.2250738585072014E-308"),
        ] {
            let mut out = String::new();
            write_double(value, &mut out);
            assert_eq!(out, expected);
        }
        let mut out = String::new();
        write_float(0.1, &mut out);
        assert_eq!(out, "0.1");
    }

    #[test]
    fn decimals_keep_their_scale() {
        let array = Decimal128Array::from(vec![Some(1000), Some(-5), Some(0), None])
            .with_precision_and_scale(10, 2)
            .unwrap();
        assert_eq!(
            shown("DECIMAL(10, 2)", &array, Style::Cast),
            "10.00 | -0.05 | 0.00 | NULL"
        );
        let mut out = String::new();
        write_big_decimal(1, 8, &mut out);
        out.push(' ');
        write_big_decimal(-123, 10, &mut out);
        out.push(' ');
        write_big_decimal(0, 10, &mut out);
        out.push(' ');
        write_big_decimal(1, 6, &mut out);
        assert_eq!(out, "1E-8 -1.23E-8 0E-10 0.000001");
        let mut out = String::new();
        write_decimal(i128::MIN, 38, &mut out);
        assert_eq!(out, "-1.70141183460469231731687303715884105728");
    }

    #[test]
    fn times_differ_between_rows_and_strings() {
        let array = TimestampMillisecondArray::from(vec![0, 1_500, 61_000]);
        assert_eq!(
            shown("TIMESTAMP(3)", &array, Style::Row),
            "1970-01-01T00:00 | 1970-01-01T00:00:01.500 | 1970-01-01T00:01:01"
        );
        assert_eq!(
            shown("TIMESTAMP(0)", &array, Style::Cast),
            "1970-01-01 00:00:00 | 1970-01-01 00:00:01 | 1970-01-01 00:01:01"
        );
        assert_eq!(
            shown("TIMESTAMP_LTZ(3)", &array, Style::Row),
            "1970-01-01T00:00:00Z | 1970-01-01T00:00:01.500Z | 1970-01-01T00:01:01Z"
        );
        let array = Time32MillisecondArray::from(vec![36_900_000, 1]);
        assert_eq!(shown("TIME(3)", &array, Style::Row), "10:15 | 00:00:00.001");
        assert_eq!(shown("TIME(0)", &array, Style::Cast), "10:15:00 | 00:00:00");
        let array = DurationMillisecondArray::from(vec![2_000, -90_061_001]);
        assert_eq!(
            shown("INTERVAL DAY TO SECOND(3)", &array, Style::Row),
            "PT2S | PT-25H-1M-1.001S"
        );
    }

    #[test]
    fn nested_values_have_their_own_null() {
        let items = Arc::new(Int32Array::from(vec![Some(1), None])) as ArrayRef;
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1), None])]);
        let row = StructArray::from(vec![
            (
                Arc::new(arrow::datatypes::Field::new("a", DataType::Int32, true)),
                items,
            ),
            (
                Arc::new(arrow::datatypes::Field::new("b", DataType::Utf8, true)),
                Arc::new(StringArray::from(vec!["x", "y"])) as ArrayRef,
            ),
        ]);
        assert_eq!(shown("ARRAY<INT>", &list, Style::Row), "[1, null]");
        assert_eq!(shown("ARRAY<INT>", &list, Style::Cast), "[1, NULL]");
        assert_eq!(
            shown("ROW<a INT, b STRING>", &row, Style::Row),
            "+I[1, x] | +I[null, y]"
        );
        assert_eq!(
            shown("ROW<a INT, b STRING>", &row, Style::Cast),
            "(1, x) | (NULL, y)"
        );
        let bytes = BinaryArray::from(vec![b"a\xff".as_slice()]);
        assert_eq!(shown("BYTES", &bytes, Style::Row), "[97, -1]");
        let flags = BooleanArray::from(vec![true]);
        assert_eq!(shown("BOOLEAN", &flags, Style::Row), "true");
        assert_eq!(shown("BOOLEAN", &flags, Style::Cast), "TRUE");
        assert_eq!(
            shown("BIGINT", &flags, Style::Cast),
            "true",
            "shown all the same"
        );
    }
}
