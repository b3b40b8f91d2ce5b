//! Mathematical functions. On doubles they follow Java's `Math`; on decimals Flink's types.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use datafusion_common::{Result, exec_err};

use crate::call::{Args, Call, FlinkFunction, Is, Out, Resolved, STRING, downcast, prims, strings};
use crate::cast::double_to_decimal;
use crate::decimal::{divide_half_up, fits, pow10, rounded_type};
use crate::types::{FlinkType, TypeKind};

use Is::{Double, Int};

fn unary(name: &'static str, f: fn(f64) -> f64) -> FlinkFunction {
    FlinkFunction::of(
        name,
        &[&[Double]],
        Out::Strict(TypeKind::Double),
        move |args| {
            if args.scalar(0).is_some() {
                let value = args.prims::<Float64Type>(0)?;
                return prims::<Float64Type>(args.rows, &DataType::Float64, |row| {
                    Ok(value.get(row).map(f))
                });
            }
            let values: PrimitiveArray<Float64Type> = downcast(&args.array(0)?)?;
            Ok(Arc::new(values.unary::<_, Float64Type>(f)))
        },
    )
}

fn binary(name: &'static str, f: fn(f64, f64) -> f64) -> FlinkFunction {
    FlinkFunction::of(
        name,
        &[&[Double, Double]],
        Out::Strict(TypeKind::Double),
        move |args| {
            let (left, right) = (args.prims::<Float64Type>(0)?, args.prims::<Float64Type>(1)?);
            prims::<Float64Type>(args.rows, &DataType::Float64, |row| {
                Ok(left.get(row).zip(right.get(row)).map(|(l, r)| f(l, r)))
            })
        },
    )
}

fn constant(name: &'static str, value: f64) -> FlinkFunction {
    FlinkFunction::of(name, &[&[]], Out::NotNull(TypeKind::Double), move |args| {
        prims::<Float64Type>(args.rows, &DataType::Float64, |_| Ok(Some(value)))
    })
}

pub(crate) fn functions() -> Vec<FlinkFunction> {
    vec![
        unary("sqrt", f64::sqrt),
        unary("exp", f64::exp),
        unary("ln", f64::ln),
        unary("log10", f64::log10),
        unary("log2", f64::log2),
        unary("sin", f64::sin),
        unary("cos", f64::cos),
        unary("tan", f64::tan),
        unary("cot", |x| 1.0 / x.tan()),
        unary("asin", f64::asin),
        unary("acos", f64::acos),
        unary("atan", f64::atan),
        unary("sinh", f64::sinh),
        unary("cosh", f64::cosh),
        unary("tanh", f64::tanh),
        unary("degrees", f64::to_degrees),
        unary("radians", f64::to_radians),
        binary("atan2", f64::atan2),
        binary("power", f64::powf),
        constant("pi", std::f64::consts::PI),
        constant("e", std::f64::consts::E),
        FlinkFunction::of(
            "log",
            &[&[Double], &[Double, Double]],
            Out::Strict(TypeKind::Double),
            |args| {
                let first = args.prims::<Float64Type>(0)?;
                if !args.has(1) {
                    return prims::<Float64Type>(args.rows, &DataType::Float64, |row| {
                        Ok(first.get(row).map(f64::ln))
                    });
                }
                let value = args.prims::<Float64Type>(1)?;
                prims::<Float64Type>(args.rows, &DataType::Float64, |row| {
                    Ok(first
                        .get(row)
                        .zip(value.get(row))
                        .map(|(base, v)| v.ln() / base.ln()))
                })
            },
        ),
        FlinkFunction::new("abs", same_number, |args| step(args, Step::Abs)),
        FlinkFunction::new("sign", same_number, |args| step(args, Step::Sign)),
        FlinkFunction::new("floor", whole_number, |args| step(args, Step::Floor)),
        FlinkFunction::new("ceil", whole_number, |args| step(args, Step::Ceil)).also(&["ceiling"]),
        FlinkFunction::new(
            "round",
            |call| rounding(call, true),
            |args| round(args, true),
        ),
        FlinkFunction::new(
            "truncate",
            |call| rounding(call, false),
            |args| round(args, false),
        ),
        FlinkFunction::of(
            "rand",
            &[&[], &[Int]],
            Out::Infer(|call| Ok(FlinkType::new(TypeKind::Double).with_nullable(call.nullable()))),
            rand,
        )
        .volatile(),
        FlinkFunction::of(
            "rand_integer",
            &[&[Int], &[Int, Int]],
            Out::Strict(TypeKind::Int),
            rand_integer,
        )
        .volatile(),
        FlinkFunction::of(
            "conv",
            &[&[Is::Str, Int, Int], &[Int, Int, Int]],
            Out::Nullable(STRING),
            conv,
        ),
    ]
}

fn number(call: &Call<'_>) -> Result<TypeKind> {
    match call.types {
        [ty, ..] if ty.is_numeric() => Ok(ty.kind.clone()),
        [ty, ..] if ty.kind == TypeKind::Null => Ok(TypeKind::Double),
        _ => Err(call.mismatch(&format!("{}(<NUMERIC>)", call.name))),
    }
}

fn same_number(call: &Call<'_>) -> Result<Resolved> {
    let kind = number(call)?;
    if call.types.len() != 1 {
        return Err(call.mismatch(&format!("{}(<NUMERIC>)", call.name)));
    }
    Ok(Resolved {
        args: vec![kind.clone()],
        result: FlinkType::new(kind).with_nullable(call.nullable()),
    })
}

/// FLOOR and CEIL of a decimal have no fraction.
fn whole_number(call: &Call<'_>) -> Result<Resolved> {
    let mut resolved = same_number(call)?;
    if let TypeKind::Decimal { precision, .. } = resolved.result.kind {
        resolved.result.kind = TypeKind::Decimal {
            precision,
            scale: 0,
        };
    }
    Ok(resolved)
}

#[derive(Clone, Copy)]
enum Step {
    Abs,
    Sign,
    Floor,
    Ceil,
}

fn step(args: &Args, step: Step) -> Result<ArrayRef> {
    macro_rules! integer {
        ($ty:ty) => {{
            let values: PrimitiveArray<$ty> = downcast(&args.array(0)?)?;
            Arc::new(match step {
                Step::Abs => values.unary::<_, $ty>(|v| v.wrapping_abs()),
                Step::Sign => values.unary::<_, $ty>(|v| v.signum()),
                Step::Floor | Step::Ceil => values,
            }) as ArrayRef
        }};
    }
    macro_rules! float {
        ($ty:ty) => {{
            let values: PrimitiveArray<$ty> = downcast(&args.array(0)?)?;
            Arc::new(match step {
                Step::Abs => values.unary::<_, $ty>(|v| v.abs()),
                // Java's signum keeps zero and NaN.
                Step::Sign => values.unary::<_, $ty>(|v| {
                    if v == 0.0 || v.is_nan() {
                        v
                    } else {
                        v.signum()
                    }
                }),
                Step::Floor => values.unary::<_, $ty>(|v| v.floor()),
                Step::Ceil => values.unary::<_, $ty>(|v| v.ceil()),
            }) as ArrayRef
        }};
    }
    Ok(match args.data_type(0) {
        DataType::Int8 => integer!(Int8Type),
        DataType::Int16 => integer!(Int16Type),
        DataType::Int32 => integer!(Int32Type),
        DataType::Int64 => integer!(Int64Type),
        DataType::Float32 => float!(Float32Type),
        DataType::Float64 => float!(Float64Type),
        DataType::Decimal128(_, scale) => {
            let values: PrimitiveArray<Decimal128Type> = downcast(&args.array(0)?)?;
            let one = pow10(scale.max(0) as u8);
            let result = match step {
                Step::Abs => values.unary::<_, Decimal128Type>(|v| v.wrapping_abs()),
                Step::Sign => values.unary::<_, Decimal128Type>(|v| v.signum().wrapping_mul(one)),
                Step::Floor => values.unary::<_, Decimal128Type>(|v| v.div_euclid(one)),
                Step::Ceil => values.unary::<_, Decimal128Type>(|v| {
                    v.wrapping_neg().div_euclid(one).wrapping_neg()
                }),
            };
            Arc::new(result.with_data_type(args.result.data_type().clone()))
        }
        other => return exec_err!("{other} is not a number"),
    })
}

fn rounding(call: &Call<'_>, round: bool) -> Result<Resolved> {
    let kind = number(call)?;
    let mut args = vec![kind.clone()];
    match call.types {
        [_] => {}
        [_, digits] if digits.is_integer() || digits.kind == TypeKind::Null => {
            args.push(TypeKind::BigInt);
        }
        _ => {
            return Err(call.mismatch(&format!(
                "{0}(<NUMERIC>)\n{0}(<NUMERIC>, <INTEGER_NUMERIC>)",
                call.name
            )));
        }
    }
    let result = match kind {
        TypeKind::Decimal { precision, scale } => {
            let digits = match call.types {
                [_] => Some(0),
                _ => call.integer(1),
            };
            // Where the number of digits is not known, the type cannot shrink.
            let (p, s) = match digits {
                Some(digits) => rounded_type((precision, scale), digits),
                None => (precision, scale),
            };
            TypeKind::Decimal {
                precision: if round { p } else { p.min(precision).max(1) },
                scale: s,
            }
        }
        kind => kind,
    };
    Ok(Resolved {
        args,
        result: FlinkType::new(result).with_nullable(call.nullable()),
    })
}

fn round(args: &Args, half_up: bool) -> Result<ArrayRef> {
    let digits = args
        .has(1)
        .then(|| args.prims::<Int64Type>(1))
        .transpose()?;
    let digits_at = |row: usize| match &digits {
        Some(digits) => digits.get(row),
        None => Some(0),
    };
    fn integers<T: ArrowPrimitiveType>(
        args: &Args,
        digits_at: impl Fn(usize) -> Option<i64>,
        half_up: bool,
        wide: fn(T::Native) -> i128,
        narrow: fn(i128) -> T::Native,
    ) -> Result<ArrayRef> {
        let values = args.prims::<T>(0)?;
        prims::<T>(args.rows, &T::DATA_TYPE, |row| {
            let (Some(value), Some(digits)) = (values.get(row), digits_at(row)) else {
                return Ok(None);
            };
            Ok(Some(if digits >= 0 {
                value
            } else {
                narrow(cut(wide(value), digits.unsigned_abs(), half_up))
            }))
        })
    }
    match args.data_type(0) {
        DataType::Int8 => integers::<Int8Type>(args, digits_at, half_up, i128::from, |v| v as i8),
        DataType::Int16 => {
            integers::<Int16Type>(args, digits_at, half_up, i128::from, |v| v as i16)
        }
        DataType::Int32 => {
            integers::<Int32Type>(args, digits_at, half_up, i128::from, |v| v as i32)
        }
        DataType::Int64 => {
            integers::<Int64Type>(args, digits_at, half_up, i128::from, |v| v as i64)
        }
        DataType::Float32 => {
            let values = args.prims::<Float32Type>(0)?;
            let mut text = String::new();
            prims::<Float32Type>(args.rows, &DataType::Float32, |row| {
                let (Some(value), Some(digits)) = (values.get(row), digits_at(row)) else {
                    return Ok(None);
                };
                text.clear();
                crate::display::write_float(value, &mut text);
                let exact = text.parse::<f64>().unwrap_or(f64::from(value));
                Ok(Some(round_double(exact, digits, half_up, &mut text) as f32))
            })
        }
        DataType::Float64 => {
            let values = args.prims::<Float64Type>(0)?;
            let mut text = String::new();
            prims::<Float64Type>(args.rows, &DataType::Float64, |row| {
                let (Some(value), Some(digits)) = (values.get(row), digits_at(row)) else {
                    return Ok(None);
                };
                Ok(Some(round_double(value, digits, half_up, &mut text)))
            })
        }
        DataType::Decimal128(_, scale) => {
            let scale = i64::from(scale);
            let target = args.result.data_type().clone();
            let DataType::Decimal128(precision, to_scale) = target else {
                return exec_err!("{target} is not a decimal");
            };
            let values = args.prims::<Decimal128Type>(0)?;
            prims::<Decimal128Type>(args.rows, &target, |row| {
                let (Some(value), Some(digits)) = (values.get(row), digits_at(row)) else {
                    return Ok(None);
                };
                let value = if digits >= scale {
                    value
                } else {
                    cut(value, (scale - digits.max(-100)) as u64, half_up)
                };
                let value = value / pow10((scale - i64::from(to_scale)).max(0) as u8);
                Ok(Some(value).filter(|value| fits(*value, precision)))
            })
        }
        other => exec_err!("{other} is not a number"),
    }
}

/// Sets the last `digits` digits to zero.
fn cut(value: i128, digits: u64, half_up: bool) -> i128 {
    if digits > 38 {
        return 0;
    }
    let factor = pow10(digits as u8);
    let quotient = if half_up {
        divide_half_up(value, factor)
    } else {
        value / factor
    };
    quotient.wrapping_mul(factor)
}

/// Java's `BigDecimal.valueOf(value).setScale(digits, HALF_UP or DOWN)`.
fn round_double(value: f64, digits: i64, half_up: bool, text: &mut String) -> f64 {
    if !value.is_finite() {
        return value;
    }
    // A double has no more than 17 significant digits: with 18 kept the number is exact.
    let scale = (digits.clamp(0, 17) + 1) as u8;
    let magnitude = value.abs();
    if magnitude >= 1e18 && digits >= 0 {
        return value;
    }
    let scale = if magnitude < 1e-3 { 30 } else { scale.max(18) };
    let Some(exact) = double_to_decimal(value, 38, scale, text) else {
        return value;
    };
    let dropped = i64::from(scale) - digits.clamp(-60, i64::from(scale));
    let rounded = cut(exact, dropped.unsigned_abs(), half_up);
    crate::cast::decimal_to_double(rounded, scale)
}

/// The 48-bit generator of `java.util.Random`, so that a seed gives Flink's numbers.
struct JavaRandom(u64);

impl JavaRandom {
    const MASK: u64 = (1 << 48) - 1;

    fn new(seed: i64) -> Self {
        Self((seed as u64 ^ 0x5_DEEC_E66D) & Self::MASK)
    }

    fn next(&mut self, bits: u32) -> i32 {
        self.0 = self.0.wrapping_mul(0x5_DEEC_E66D).wrapping_add(0xB) & Self::MASK;
        (self.0 >> (48 - bits)) as u32 as i32
    }

    fn double(&mut self) -> f64 {
        let high = i64::from(self.next(26)) << 27;
        (high + i64::from(self.next(27))) as f64 / (1_u64 << 53) as f64
    }

    /// `bound` must be positive.
    fn below(&mut self, bound: i32) -> i32 {
        if bound & (bound - 1) == 0 {
            return ((i64::from(bound) * i64::from(self.next(31))) >> 31) as i32;
        }
        loop {
            let bits = self.next(31);
            let value = bits % bound;
            if bits.wrapping_sub(value).wrapping_add(bound - 1) >= 0 {
                return value;
            }
        }
    }
}

fn entropy() -> i64 {
    i64::from_le_bytes(
        uuid::Uuid::new_v4().into_bytes()[..8]
            .try_into()
            .unwrap_or_default(),
    )
}

/// With a seed every batch starts over: the sequence of a column is only repeatable within it.
fn rand(args: &Args) -> Result<ArrayRef> {
    let seed = args
        .has(0)
        .then(|| args.prims::<Int64Type>(0))
        .transpose()?;
    let mut random = match &seed {
        None => Some(JavaRandom::new(entropy())),
        Some(seed) => seed.get(0).map(JavaRandom::new),
    };
    prims::<Float64Type>(args.rows, &DataType::Float64, |_| {
        Ok(random.as_mut().map(JavaRandom::double))
    })
}

fn rand_integer(args: &Args) -> Result<ArrayRef> {
    let seeded = args.has(1);
    let bound = args.prims::<Int64Type>(usize::from(seeded))?;
    let seed = seeded.then(|| args.prims::<Int64Type>(0)).transpose()?;
    let mut random = match &seed {
        None => Some(JavaRandom::new(entropy())),
        Some(_) => None,
    };
    prims::<Int32Type>(args.rows, &DataType::Int32, |row| {
        let Some(bound) = bound.get(row) else {
            return Ok(None);
        };
        if random.is_none() {
            match seed.as_ref().and_then(|seed| seed.get(row)) {
                Some(seed) => random = Some(JavaRandom::new(seed)),
                None => return Ok(None),
            }
        }
        match i32::try_from(bound) {
            Ok(bound) if bound > 0 => Ok(random.as_mut().map(|random| random.below(bound))),
            _ => exec_err!("The bound of RAND_INTEGER must be positive but is {bound}"),
        }
    })
}

/// `CONV(number, from_base, to_base)`; NULL if a base or the number is not valid.
fn conv(args: &Args) -> Result<ArrayRef> {
    let integers = (args.data_type(0) == DataType::Int64)
        .then(|| args.prims::<Int64Type>(0))
        .transpose()?;
    let texts = integers.is_none().then(|| args.strs(0)).transpose()?;
    let (from, to) = (args.prims::<Int64Type>(1)?, args.prims::<Int64Type>(2)?);
    strings(args.rows, |row, out| {
        let (Some(from), Some(to)) = (from.get(row), to.get(row)) else {
            return Ok(false);
        };
        if !(2..=36).contains(&from) || !(2..=36).contains(&to.abs()) {
            return Ok(false);
        }
        let value = match (&integers, &texts) {
            (Some(integers), _) => integers.get(row).map(|v| v.to_string()),
            (_, Some(texts)) => texts.get(row).map(|t| t.trim().to_string()),
            _ => None,
        };
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            return Ok(false);
        };
        let (negative, digits) = match value.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, value.as_str()),
        };
        let end = digits
            .find(|c: char| c.to_digit(from as u32).is_none())
            .unwrap_or(digits.len());
        let magnitude = if end == 0 {
            0
        } else {
            u64::from_str_radix(&digits[..end], from as u32).unwrap_or(u64::MAX)
        };
        let bits = if negative {
            (magnitude as i64).wrapping_neg() as u64
        } else {
            magnitude
        };
        let (sign, mut rest) = if to < 0 && (bits as i64) < 0 {
            (true, (bits as i64).unsigned_abs())
        } else {
            (false, bits)
        };
        let mut buffer = Vec::with_capacity(65);
        loop {
            let digit = (rest % to.unsigned_abs()) as u32;
            buffer.push(
                char::from_digit(digit, 36)
                    .unwrap_or('0')
                    .to_ascii_uppercase(),
            );
            rest /= to.unsigned_abs();
            if rest == 0 {
                break;
            }
        }
        if sign {
            buffer.push('-');
        }
        out.extend(buffer.into_iter().rev());
        Ok(true)
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::{call, column, failure, int, literal, null, one, text, type_of};

    #[test]
    fn rounding_is_half_away_from_zero() {
        let values = column(
            "DOUBLE",
            &[Some("2.5"), Some("-2.5"), Some("1e300"), Some("NaN"), None],
        );
        assert_eq!(
            call("round", std::slice::from_ref(&values)),
            ["3.0", "-3.0", "1.0E300", "NaN", "null"]
        );
        assert_eq!(call("truncate", &[values])[..2], ["2.0", "-2.0"]);
        let double = |text| literal("DOUBLE", text);
        assert_eq!(one("round", &[double("1.005"), int(2)]), "1.01");
        assert_eq!(one("round", &[double("1234.5"), int(-2)]), "1200.0");
        assert_eq!(one("round", &[double("1.0E-10"), int(10)]), "1.0E-10");
        assert_eq!(one("round", &[int(155), int(-1)]), "160");
        assert_eq!(one("truncate", &[int(155), int(-1)]), "150");
        let decimal = literal("DECIMAL(7, 4)", "123.4565");
        assert_eq!(one("round", &[decimal.clone(), int(3)]), "123.457");
        assert_eq!(
            type_of("round", &[decimal.clone(), int(3)]),
            "DECIMAL(7, 3) NOT NULL"
        );
        assert_eq!(one("round", std::slice::from_ref(&decimal)), "123");
        assert_eq!(one("round", &[decimal.clone(), int(-2)]), "100");
        assert_eq!(one("truncate", &[decimal, int(2)]), "123.45");
    }

    #[test]
    fn steps_keep_the_type() {
        let decimal = literal("DECIMAL(5, 2)", "-1.25");
        assert_eq!(one("abs", std::slice::from_ref(&decimal)), "1.25");
        assert_eq!(one("floor", std::slice::from_ref(&decimal)), "-2");
        assert_eq!(one("ceil", std::slice::from_ref(&decimal)), "-1");
        assert_eq!(one("sign", std::slice::from_ref(&decimal)), "-1.00");
        assert_eq!(type_of("floor", &[decimal]), "DECIMAL(5, 0) NOT NULL");
        assert_eq!(
            one("abs", &[literal("TINYINT", "-128")]),
            "-128",
            "as Java wraps"
        );
        assert_eq!(one("ceiling", &[literal("DOUBLE", "1.2")]), "2.0");
        assert!(failure("abs", &[text("x")]).contains("ABS(STRING)"));
        assert_eq!(one("abs", &[null()]), "null");
    }

    #[test]
    fn functions_of_doubles_take_any_number() {
        assert_eq!(one("sqrt", &[int(9)]), "3.0");
        assert_eq!(
            one("power", &[literal("DECIMAL(2, 1)", "2.0"), int(10)]),
            "1024.0"
        );
        assert_eq!(one("log", &[int(2), int(8)]), "3.0");
        assert_eq!(one("ln", &[int(0)]), "-Infinity");
        assert_eq!(one("pi", &[]), "3.141592653589793");
        assert_eq!(one("conv", &[text("ff"), int(16), int(10)]), "255");
        assert_eq!(
            one("conv", &[int(-1), int(10), int(16)]),
            "FFFFFFFFFFFFFFFF"
        );
        assert_eq!(one("conv", &[text("1"), int(1), int(10)]), "null");
    }

    #[test]
    fn seeded_random_numbers_are_javas() {
        // new java.util.Random(42): nextInt() starts with -1170105035, nextDouble() with 0.7275….
        let two = column("INT", &[Some("100"), Some("100")]);
        assert_eq!(call("rand_integer", &[int(42), two]), ["30", "63"]);
        assert_eq!(one("rand", &[int(42)]), "0.7275636800328681");
        assert!(failure("rand_integer", &[int(0)]).contains("must be positive"));
    }
}
