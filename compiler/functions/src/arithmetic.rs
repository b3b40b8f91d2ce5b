//! Arithmetic where Flink's differs from DataFusion's.
//!
//! Sums and products of integers and everything on floating-point numbers are DataFusion's own
//! expressions (integers wrap in both). The functions here are:
//!
//! - `__divide`, `__mod` of integers: toward zero; a zero divisor fails the job (`/ by zero`);
//!   the smallest integer divided by −1 wraps;
//! - `__add`, `__subtract`, `__multiply`, `__divide`, `__mod` with a decimal: Flink's precision and
//!   scale, half up; a result that does not fit is NULL;
//! - `__interval_multiply`, `__interval_divide`, `__time_plus`, `__time_minus`: what Arrow has no
//!   kernel for.
//!
//! The planner chooses between them and DataFusion's (`planner.rs`).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow::compute::kernels::arity::{binary, try_binary};
use arrow::datatypes::{
    ArrowNativeTypeOp, DataType, Decimal128Type, DurationMillisecondType, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, IntervalUnit, IntervalYearMonthType,
    Time32MillisecondType, i256,
};
use arrow::error::ArrowError;
use datafusion_common::{DataFusionError, Result, ScalarValue, exec_err};

use crate::call::{Args, Call, FlinkFunction, Resolved, prims};
use crate::cast::{interval_column, month_column};
use crate::datetime::MILLIS_PER_DAY;
use crate::decimal::{
    as_decimal, divide_half_up, divide_half_up_wide, fits, pow10, product_type, quotient_type,
    remainder_type, rescale, rescale_wide, sum_type, wide_pow10,
};
use crate::types::{FlinkType, TypeKind};

/// An arithmetic operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

impl Op {
    /// The function that computes it with Flink's rules.
    pub fn function(self) -> &'static str {
        match self {
            Op::Add => "__add",
            Op::Subtract => "__subtract",
            Op::Multiply => "__multiply",
            Op::Divide => "__divide",
            Op::Modulo => "__mod",
        }
    }
}

pub(crate) fn functions() -> Vec<FlinkFunction> {
    let mut functions: Vec<FlinkFunction> =
        [Op::Add, Op::Subtract, Op::Multiply, Op::Divide, Op::Modulo]
            .into_iter()
            .map(|op| {
                FlinkFunction::new(
                    op.function(),
                    move |call| resolve(call, op),
                    move |args| evaluate(args, op),
                )
            })
            .collect();
    functions.push(FlinkFunction::new(
        "mod",
        |call| resolve(call, Op::Modulo),
        |args| evaluate(args, Op::Modulo),
    ));
    functions.push(FlinkFunction::new(
        "__interval_multiply",
        resolve_interval_factor,
        |args| scale_interval(args, Op::Multiply),
    ));
    functions.push(FlinkFunction::new(
        "__interval_divide",
        resolve_interval_factor,
        |args| scale_interval(args, Op::Divide),
    ));
    functions.push(FlinkFunction::new("__time_plus", resolve_time, |args| {
        shift_time(args, 1)
    }));
    functions.push(FlinkFunction::new("__time_minus", resolve_time, |args| {
        shift_time(args, -1)
    }));
    functions
}

/// The type of `left op right` for numbers. `None` if one is not a number.
pub(crate) fn result_kind(op: Op, left: &TypeKind, right: &TypeKind) -> Option<TypeKind> {
    use TypeKind::{Decimal, Double, Float};
    let floating = |kind: &TypeKind| matches!(kind, Float | Double);
    match (as_decimal(left), as_decimal(right)) {
        (Some(l), Some(r)) => {
            if !matches!(left, Decimal { .. }) && !matches!(right, Decimal { .. }) {
                return Some(if l.0 >= r.0 {
                    left.clone()
                } else {
                    right.clone()
                });
            }
            let (precision, scale) = match op {
                Op::Add | Op::Subtract => sum_type(l, r),
                Op::Multiply => product_type(l, r),
                Op::Divide => quotient_type(l, r),
                Op::Modulo => remainder_type(l, r),
            };
            Some(Decimal { precision, scale })
        }
        (None, None) if floating(left) && floating(right) => {
            Some(if left == right { left.clone() } else { Double })
        }
        (Some(_), None) if floating(right) => Some(with_float(left, right)),
        (None, Some(_)) if floating(left) => Some(with_float(right, left)),
        _ => None,
    }
}

/// An integer takes the floating-point type; a decimal makes it DOUBLE.
fn with_float(exact: &TypeKind, float: &TypeKind) -> TypeKind {
    match exact {
        TypeKind::Decimal { .. } => TypeKind::Double,
        _ => float.clone(),
    }
}

fn resolve(call: &Call<'_>, op: Op) -> Result<Resolved> {
    let expected = || format!("{}(<NUMERIC>, <NUMERIC>)", call.name);
    let [left, right] = call.types else {
        return Err(call.mismatch(&expected()));
    };
    // NULL takes the type of the other side.
    let (l, r) = match (&left.kind, &right.kind) {
        (TypeKind::Null, TypeKind::Null) => (&TypeKind::Int, &TypeKind::Int),
        (TypeKind::Null, kind) | (kind, TypeKind::Null) => (kind, kind),
        (l, r) => (l, r),
    };
    let Some(kind) = result_kind(op, l, r) else {
        return Err(call.mismatch(&expected()));
    };
    let args = match &kind {
        TypeKind::Decimal { .. } => [l, r]
            .into_iter()
            .map(|kind| match as_decimal(kind) {
                Some((precision, scale)) => TypeKind::Decimal { precision, scale },
                None => kind.clone(),
            })
            .collect(),
        kind => vec![kind.clone(), kind.clone()],
    };
    let exact = matches!(kind, TypeKind::Decimal { .. });
    let overflow = exact && overflows(op, l, r);
    Ok(Resolved {
        args,
        result: FlinkType::new(kind).with_nullable(call.nullable() || overflow),
    })
}

/// Whether the result type may be too small for a result.
fn overflows(op: Op, left: &TypeKind, right: &TypeKind) -> bool {
    let (Some((p1, s1)), Some((p2, s2))) = (as_decimal(left), as_decimal(right)) else {
        return false;
    };
    match op {
        Op::Add | Op::Subtract => (p1 - s1).max(p2 - s2) + s1.max(s2) + 1 > 38,
        Op::Multiply => u32::from(p1) + u32::from(p2) + 1 > 38,
        Op::Divide => {
            let scale = (u32::from(s1) + u32::from(p2) + 1).max(6);
            u32::from(p1 - s1) + u32::from(s2) + scale > 38
        }
        Op::Modulo => false,
    }
}

fn evaluate(args: &Args, op: Op) -> Result<ArrayRef> {
    match args.result.data_type() {
        DataType::Decimal128(precision, scale) => {
            decimals(args, op, *precision, (*scale).max(0) as u8)
        }
        DataType::Int8 => integers::<Int8Type>(args, op),
        DataType::Int16 => integers::<Int16Type>(args, op),
        DataType::Int32 => integers::<Int32Type>(args, op),
        DataType::Int64 => integers::<Int64Type>(args, op),
        DataType::Float32 => floats::<Float32Type>(args, op),
        DataType::Float64 => floats::<Float64Type>(args, op),
        other => exec_err!("{op:?} is not defined for {other}"),
    }
}

/// A column without failures or overflow: vectorised, a literal operand is not expanded.
fn map2<T: ArrowPrimitiveType>(
    args: &Args,
    f: impl Fn(T::Native, T::Native) -> T::Native,
) -> Result<PrimitiveArray<T>> {
    let constant = |index: usize| -> Result<Option<Option<T::Native>>> {
        match args.scalar(index) {
            Some(_) => Ok(Some(args.prims::<T>(index)?.get(0))),
            None => Ok(None),
        }
    };
    let column =
        |index: usize| -> Result<PrimitiveArray<T>> { crate::call::downcast(&args.array(index)?) };
    match (constant(0)?, constant(1)?) {
        (None, Some(Some(right))) => Ok(column(0)?.unary(|left| f(left, right))),
        (Some(Some(left)), None) => Ok(column(1)?.unary(|right| f(left, right))),
        (None, Some(None)) | (Some(None), None) => Ok(PrimitiveArray::new_null(args.rows)),
        _ => Ok(binary(&column(0)?, &column(1)?, f)?),
    }
}

fn floats<T: ArrowPrimitiveType>(args: &Args, op: Op) -> Result<ArrayRef> {
    Ok(Arc::new(match op {
        Op::Add => map2::<T>(args, |l, r| l.add_wrapping(r))?,
        Op::Subtract => map2::<T>(args, |l, r| l.sub_wrapping(r))?,
        Op::Multiply => map2::<T>(args, |l, r| l.mul_wrapping(r))?,
        Op::Divide => map2::<T>(args, |l, r| l.div_wrapping(r))?,
        Op::Modulo => map2::<T>(args, |l, r| l.mod_wrapping(r))?,
    }))
}

fn by_zero() -> DataFusionError {
    DataFusionError::Execution("/ by zero".to_string())
}

fn integers<T: ArrowPrimitiveType>(args: &Args, op: Op) -> Result<ArrayRef> {
    if !matches!(op, Op::Divide | Op::Modulo) {
        return floats::<T>(args, op);
    }
    // Wrapping: the smallest integer by −1. Zero is excluded before each call.
    let apply = |l: T::Native, r: T::Native| match op {
        Op::Divide => l.div_wrapping(r),
        _ => l.mod_wrapping(r),
    };
    if args.scalar(1).is_some() {
        return match args.prims::<T>(1)?.get(0) {
            None => Ok(Arc::new(PrimitiveArray::<T>::new_null(args.rows))),
            Some(divisor) if divisor.is_zero() => {
                let dividend = args.any(0)?;
                if (0..args.rows).any(|row| dividend.at(row).is_some()) {
                    return Err(by_zero());
                }
                Ok(Arc::new(PrimitiveArray::<T>::new_null(args.rows)))
            }
            Some(divisor) => {
                let column: PrimitiveArray<T> = crate::call::downcast(&args.array(0)?)?;
                Ok(Arc::new(
                    column.unary::<_, T>(|value| apply(value, divisor)),
                ))
            }
        };
    }
    let left: PrimitiveArray<T> = crate::call::downcast(&args.array(0)?)?;
    let right: PrimitiveArray<T> = crate::call::downcast(&args.array(1)?)?;
    let result: std::result::Result<PrimitiveArray<T>, ArrowError> =
        try_binary(&left, &right, |l, r| {
            if r.is_zero() {
                Err(ArrowError::DivideByZero)
            } else {
                Ok(apply(l, r))
            }
        });
    match result {
        Ok(array) => Ok(Arc::new(array)),
        Err(ArrowError::DivideByZero) => Err(by_zero()),
        Err(error) => Err(error.into()),
    }
}

fn scale_of(data_type: &DataType) -> u8 {
    match data_type {
        DataType::Decimal128(_, scale) => (*scale).max(0) as u8,
        _ => 0,
    }
}

fn digits_of(data_type: &DataType) -> u8 {
    match data_type {
        DataType::Decimal128(precision, _) => *precision,
        _ => 19,
    }
}

fn decimals(args: &Args, op: Op, precision: u8, scale: u8) -> Result<ArrayRef> {
    let (left, right) = (args.data_type(0), args.data_type(1));
    let (s1, s2) = (scale_of(&left), scale_of(&right));
    let exact = TypeKind::Decimal {
        precision: digits_of(&left),
        scale: s1,
    };
    let other = TypeKind::Decimal {
        precision: digits_of(&right),
        scale: s2,
    };
    let fast = !overflows(op, &exact, &other);
    let common = s1.max(s2);
    let (up1, up2) = (pow10(common - s1), pow10(common - s2));
    let array = match op {
        // No result has more digits than the type: nothing to check.
        Op::Add if fast => map2::<Decimal128Type>(args, |l, r| l * up1 + r * up2)?,
        Op::Subtract if fast => map2::<Decimal128Type>(args, |l, r| l * up1 - r * up2)?,
        Op::Multiply if fast => map2::<Decimal128Type>(args, |l, r| l.wrapping_mul(r))?,
        Op::Add | Op::Subtract => {
            return checked(args, precision, scale, |l, r| {
                let r = if op == Op::Add { r } else { -r };
                match (l.checked_mul(up1), r.checked_mul(up2)) {
                    (Some(l), Some(r)) => Ok(l
                        .checked_add(r)
                        .and_then(|sum| rescale(sum, common, scale, precision))),
                    _ => {
                        let wide = |v: i128, up: i128| {
                            i256::from_i128(v).wrapping_mul(i256::from_i128(up))
                        };
                        let sum = wide(l, up1).wrapping_add(wide(r, up2));
                        Ok(rescale_wide(sum, common, scale, precision))
                    }
                }
            });
        }
        Op::Multiply => {
            return checked(args, precision, scale, |l, r| {
                Ok(match l.checked_mul(r) {
                    Some(product) if s1 + s2 <= 76 && scale <= s1 + s2 && s1 + s2 - scale <= 38 => {
                        rescale(product, s1 + s2, scale, precision)
                    }
                    _ => {
                        let product = i256::from_i128(l).wrapping_mul(i256::from_i128(r));
                        rescale_wide(product, s1 + s2, scale, precision)
                    }
                })
            });
        }
        Op::Divide => {
            // value = l / 10^s1 / (r / 10^s2), wanted at `scale` digits.
            let shift = i32::from(scale) + i32::from(s2) - i32::from(s1);
            let (up, down) = (shift.max(0) as u8, (-shift).max(0) as u8);
            let factor = (up <= 38).then(|| pow10(up));
            return checked(args, precision, scale, |l, r| {
                if r == 0 {
                    return exec_err!("Division by zero");
                }
                let narrow = factor
                    .filter(|_| down == 0)
                    .and_then(|factor| l.checked_mul(factor));
                Ok(match narrow {
                    Some(dividend) => {
                        let sign = r.signum();
                        Some(divide_half_up(dividend * sign, r * sign))
                            .filter(|quotient| fits(*quotient, precision))
                    }
                    None => {
                        let dividend = i256::from_i128(l).checked_mul(wide_pow10(up));
                        let divisor = i256::from_i128(r).checked_mul(wide_pow10(down));
                        dividend
                            .zip(divisor)
                            .and_then(|(l, r)| divide_half_up_wide(l, r))
                            .and_then(|quotient| quotient.to_i128())
                            .filter(|quotient| fits(*quotient, precision))
                    }
                })
            });
        }
        Op::Modulo => {
            return checked(args, precision, scale, |l, r| {
                if r == 0 {
                    return exec_err!("Division by zero");
                }
                let wide = |v: i128, up: i128| i256::from_i128(v).wrapping_mul(i256::from_i128(up));
                Ok(match (l.checked_mul(up1), r.checked_mul(up2)) {
                    (Some(l), Some(r)) => rescale(l.wrapping_rem(r), common, scale, precision),
                    _ => wide(l, up1)
                        .checked_rem(wide(r, up2))
                        .and_then(|rest| rescale_wide(rest, common, scale, precision)),
                })
            });
        }
    };
    Ok(Arc::new(
        array.with_precision_and_scale(precision, scale as i8)?,
    ))
}

/// A column of decimals, row by row, where a result may be missing.
fn checked(
    args: &Args,
    precision: u8,
    scale: u8,
    f: impl Fn(i128, i128) -> Result<Option<i128>>,
) -> Result<ArrayRef> {
    let left = args.prims::<Decimal128Type>(0)?;
    let right = args.prims::<Decimal128Type>(1)?;
    let target = DataType::Decimal128(precision, scale as i8);
    prims::<Decimal128Type>(args.rows, &target, |row| {
        match (left.get(row), right.get(row)) {
            (Some(l), Some(r)) => f(l, r),
            _ => Ok(None),
        }
    })
}

// ---- Intervals and times of day ----

fn resolve_interval_factor(call: &Call<'_>) -> Result<Resolved> {
    match call.types {
        [interval, factor]
            if matches!(
                interval.kind,
                TypeKind::IntervalDayTime { .. } | TypeKind::IntervalYearMonth { .. }
            ) && (factor.is_numeric() || factor.kind == TypeKind::Null) =>
        {
            let kind = if factor.is_integer() || factor.kind == TypeKind::Null {
                TypeKind::BigInt
            } else {
                TypeKind::Double
            };
            Ok(Resolved {
                args: vec![interval.kind.clone(), kind],
                result: FlinkType::new(interval.kind.clone()).with_nullable(call.nullable()),
            })
        }
        _ => Err(call.mismatch("(<INTERVAL>, <NUMERIC>)")),
    }
}

fn scale_interval(args: &Args, op: Op) -> Result<ArrayRef> {
    let column = args.array(0)?;
    let apply: Box<dyn Fn(usize, i64) -> Result<Option<i64>>> =
        if args.data_type(1) == DataType::Float64 {
            let factor = args.prims::<Float64Type>(1)?;
            Box::new(move |row, value| {
                Ok(factor.get(row).map(|factor| match op {
                    Op::Multiply => (value as f64 * factor) as i64,
                    _ => (value as f64 / factor) as i64,
                }))
            })
        } else {
            let factor = args.prims::<Int64Type>(1)?;
            Box::new(move |row, value| match factor.get(row) {
                None => Ok(None),
                Some(factor) if op == Op::Multiply => Ok(Some(value.wrapping_mul(factor))),
                Some(0) => Err(by_zero()),
                Some(factor) => Ok(Some(value.wrapping_div(factor))),
            })
        };
    if matches!(
        column.data_type(),
        DataType::Interval(IntervalUnit::YearMonth)
    ) {
        let months = month_column(&column)?;
        return prims::<IntervalYearMonthType>(args.rows, months.data_type(), |row| {
            if months.is_null(row) {
                return Ok(None);
            }
            Ok(apply(row, i64::from(months.value(row)))?.map(|v| v as i32))
        });
    }
    let millis = interval_column(&column)?;
    prims::<DurationMillisecondType>(args.rows, millis.data_type(), |row| {
        if millis.is_null(row) {
            return Ok(None);
        }
        apply(row, millis.value(row))
    })
}

fn resolve_time(call: &Call<'_>) -> Result<Resolved> {
    match call.types {
        [time, interval]
            if matches!(time.kind, TypeKind::Time(_))
                && matches!(interval.kind, TypeKind::IntervalDayTime { .. }) =>
        {
            Ok(Resolved {
                args: vec![time.kind.clone(), interval.kind.clone()],
                result: time.clone().with_nullable(call.nullable()),
            })
        }
        _ => Err(call.mismatch("(TIME, <INTERVAL DAY TO SECOND>)")),
    }
}

/// A time of day goes round at midnight.
fn shift_time(args: &Args, sign: i64) -> Result<ArrayRef> {
    let time = args.prims::<Time32MillisecondType>(0)?;
    let interval = interval_column(&args.array(1)?)?;
    let target = args.result.data_type().clone();
    prims::<Time32MillisecondType>(args.rows, &target, |row| {
        let Some(time) = time.get(row) else {
            return Ok(None);
        };
        if interval.is_null(row) {
            return Ok(None);
        }
        let shift = interval.value(row) % MILLIS_PER_DAY * sign;
        Ok(Some(
            (i64::from(time) + shift).rem_euclid(MILLIS_PER_DAY) as i32
        ))
    })
}

/// Whether a literal is zero (a constant divisor is refused when planning, as Flink does).
pub(crate) fn is_zero(value: &ScalarValue) -> bool {
    matches!(
        value,
        ScalarValue::Int8(Some(0))
            | ScalarValue::Int16(Some(0))
            | ScalarValue::Int32(Some(0))
            | ScalarValue::Int64(Some(0))
            | ScalarValue::Decimal128(Some(0), _, _)
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::{call, column, failure, int, literal, null, one, type_of};

    #[test]
    fn integers_divide_toward_zero_and_wrap() {
        let values = column("INT", &[Some("7"), Some("-7"), None, Some("-2147483648")]);
        assert_eq!(
            call("__divide", &[values.clone(), int(2)]),
            ["3", "-3", "null", "-1073741824"]
        );
        assert_eq!(
            call("__divide", &[values.clone(), int(-1)])[3],
            "-2147483648"
        );
        assert_eq!(
            call("__mod", &[values.clone(), int(3)]),
            ["1", "-1", "null", "-2"]
        );
        assert_eq!(
            failure("__divide", &[values.clone(), int(0)]),
            "Execution error: / by zero"
        );
        let zeros = column("INT", &[Some("1"), Some("0"), Some("0"), Some("1")]);
        assert_eq!(
            failure("__mod", &[values.clone(), zeros]),
            "Execution error: / by zero"
        );
        let nulls = column("INT", &[None, None]);
        assert_eq!(call("__divide", &[nulls, int(0)]), ["null", "null"]);
        assert_eq!(
            type_of("__divide", &[int(1), literal("BIGINT", "2")]),
            "BIGINT NOT NULL"
        );
    }

    #[test]
    fn decimals_have_flinks_types_and_round_half_up() {
        let price = column("DECIMAL(10, 2)", &[Some("10.00"), Some("-0.05"), None]);
        assert_eq!(
            call("__add", &[price.clone(), int(1)]),
            ["11.00", "0.95", "null"]
        );
        assert_eq!(type_of("__add", &[price.clone(), int(1)]), "DECIMAL(13, 2)");
        assert_eq!(
            call("__subtract", &[int(1), price.clone()]),
            ["-9.00", "1.05", "null"]
        );
        assert_eq!(
            call("__multiply", &[price.clone(), price.clone()]),
            ["100.0000", "0.0025", "null"]
        );
        assert_eq!(
            call("__divide", &[price.clone(), int(3)]),
            ["3.3333333333333", "-0.0166666666667", "null"]
        );
        assert_eq!(
            type_of("__divide", &[price.clone(), int(3)]),
            "DECIMAL(21, 13)"
        );
        assert_eq!(
            call("__mod", &[price.clone(), int(3)]),
            ["1.00", "-0.05", "null"]
        );
        assert!(failure("__divide", &[price.clone(), int(0)]).contains("Division by zero"));
        assert_eq!(
            call("__add", &[price.clone(), null()]),
            ["null", "null", "null"]
        );
        assert_eq!(
            call("__multiply", &[price, literal("DOUBLE", "0.5")]),
            ["5.0", "-0.025", "null"]
        );
    }

    #[test]
    fn decimal_overflow_is_null() {
        let big = column(
            "DECIMAL(38, 0)",
            &[Some("99999999999999999999999999999999999999")],
        );
        assert_eq!(call("__add", &[big.clone(), big.clone()]), ["null"]);
        assert_eq!(call("__multiply", &[big.clone(), big.clone()]), ["null"]);
        assert_eq!(call("__subtract", &[big.clone(), big.clone()]), ["0"]);
        assert_eq!(one("__divide", &[big.clone(), big]), "1.000000");
        let wide = column("DECIMAL(38, 18)", &[Some("2.5")]);
        assert_eq!(
            call("__divide", &[wide.clone(), wide.clone()]),
            ["1.000000"]
        );
        assert_eq!(call("__multiply", &[wide.clone(), wide]), ["6.250000"]);
    }

    #[test]
    fn times_of_day_go_round() {
        let hour = literal("BIGINT", "1");
        assert!(failure("__time_plus", &[hour.clone(), hour]).contains("Invalid function call"));
    }
}
