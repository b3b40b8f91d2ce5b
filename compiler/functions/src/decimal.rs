//! Arithmetic on decimals as 128-bit integers with a scale: rounding half up (away from zero, as
//! Java's `HALF_UP`), overflow as `None`, and Flink's rules for the type of a result.

use arrow::datatypes::i256;

use crate::types::TypeKind;

/// The largest precision.
pub(crate) const MAX_PRECISION: u8 = 38;

const POWERS: [i128; 39] = {
    let mut powers = [1_i128; 39];
    let mut i = 1;
    while i < 39 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// 10^exponent for exponents up to 38.
#[inline]
pub(crate) fn pow10(exponent: u8) -> i128 {
    POWERS[usize::from(exponent.min(38))]
}

/// Whether `value` has at most `precision` digits.
#[inline]
pub(crate) fn fits(value: i128, precision: u8) -> bool {
    value.unsigned_abs() < pow10(precision).unsigned_abs()
}

/// `value / divisor` rounded half up. The divisor must be positive.
#[inline]
pub(crate) fn divide_half_up(value: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (value / divisor, value % divisor);
    if rest.unsigned_abs() >= divisor.unsigned_abs() - rest.unsigned_abs() {
        quotient + value.signum()
    } else {
        quotient
    }
}

/// The value at another scale, rounded half up. `None` if it has more than `precision` digits.
#[inline]
pub(crate) fn rescale(value: i128, from: u8, to: u8, precision: u8) -> Option<i128> {
    let value = if to >= from {
        value.checked_mul(pow10(to - from))?
    } else {
        divide_half_up(value, pow10(from - to))
    };
    fits(value, precision).then_some(value)
}

/// The same for an intermediate result of 256 bits.
pub(crate) fn rescale_wide(value: i256, from: u8, to: u8, precision: u8) -> Option<i128> {
    let value = if to >= from {
        value.checked_mul(wide_pow10(to - from))?
    } else {
        divide_half_up_wide(value, wide_pow10(from - to))?
    };
    value.to_i128().filter(|value| fits(*value, precision))
}

/// `value / divisor` rounded half up, for any sign of both. `None` if the divisor is 0.
pub(crate) fn divide_half_up_wide(value: i256, divisor: i256) -> Option<i256> {
    let quotient = value.checked_div(divisor)?;
    let rest = value.checked_rem(divisor)?.wrapping_abs();
    if rest >= divisor.wrapping_abs().wrapping_sub(rest) {
        let negative = (value < i256::ZERO) != (divisor < i256::ZERO);
        let one = if negative { i256::MINUS_ONE } else { i256::ONE };
        Some(quotient.wrapping_add(one))
    } else {
        Some(quotient)
    }
}

/// 10^exponent for exponents up to 76.
pub(crate) fn wide_pow10(exponent: u8) -> i256 {
    let low = exponent.min(38);
    i256::from_i128(pow10(low)).wrapping_mul(i256::from_i128(pow10(exponent - low)))
}

/// Why a text is not a decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextError {
    Empty,
    Invalid,
}

/// Reads `-12.345`, `.5`, `1e3` at a scale, rounded half up. `Ok(None)` if it has more than
/// `precision` digits.
pub(crate) fn parse(text: &str, precision: u8, scale: u8) -> Result<Option<i128>, TextError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => {
            let exponent = text[at + 1..].strip_prefix('+').unwrap_or(&text[at + 1..]);
            let exponent: i64 = exponent.parse().map_err(|_| TextError::Invalid)?;
            (&text[..at], exponent)
        }
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.as_bytes().first() {
        Some(b'-') => (true, &mantissa[1..]),
        Some(b'+') => (false, &mantissa[1..]),
        _ => (false, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    if digits().next().is_none() || !digits().all(|b| b.is_ascii_digit()) {
        return Err(TextError::Invalid);
    }
    // So many digits stand before the last digit kept.
    let kept = (whole.len() as i64)
        .saturating_add(exponent)
        .saturating_add(i64::from(scale));
    let mut value = 0_i128;
    let mut position = 0_i64;
    let mut round_up = false;
    for digit in digits() {
        if position < kept {
            value = match value.checked_mul(10) {
                Some(value) if value < pow10(38) => value + i128::from(digit - b'0'),
                _ => return Ok(None),
            };
        } else {
            round_up = position == kept && digit >= b'5';
            break;
        }
        position += 1;
    }
    if value != 0 {
        let zeros = kept - position;
        if zeros > 38 {
            return Ok(None);
        }
        if zeros > 0 {
            match value.checked_mul(pow10(zeros as u8)) {
                Some(scaled) => value = scaled,
                None => return Ok(None),
            }
        }
    }
    value += i128::from(round_up);
    let value = if negative { -value } else { value };
    Ok(fits(value, precision).then_some(value))
}

/// The precision and scale of a number as a decimal. `None` for floating-point types.
pub(crate) fn as_decimal(kind: &TypeKind) -> Option<(u8, u8)> {
    match kind {
        TypeKind::TinyInt => Some((3, 0)),
        TypeKind::SmallInt => Some((5, 0)),
        TypeKind::Int => Some((10, 0)),
        TypeKind::BigInt => Some((19, 0)),
        TypeKind::Decimal { precision, scale } => Some((*precision, *scale)),
        _ => None,
    }
}

/// A precision above 38 is cut to 38, at the cost of fraction digits, of which up to 6 are kept.
fn adjust(precision: i32, scale: i32) -> (u8, u8) {
    let max = i32::from(MAX_PRECISION);
    if precision <= max {
        return (precision.max(1) as u8, scale as u8);
    }
    let whole = precision - scale;
    let scale = (max - whole).max(scale.min(6));
    (MAX_PRECISION, scale as u8)
}

type Digits = (u8, u8);

fn wide(digits: Digits) -> (i32, i32) {
    (i32::from(digits.0), i32::from(digits.1))
}

/// The type of a sum or difference.
pub(crate) fn sum_type(left: Digits, right: Digits) -> Digits {
    let ((p1, s1), (p2, s2)) = (wide(left), wide(right));
    let scale = s1.max(s2);
    adjust((p1 - s1).max(p2 - s2) + scale + 1, scale)
}

/// The type of a product.
pub(crate) fn product_type(left: Digits, right: Digits) -> Digits {
    let ((p1, s1), (p2, s2)) = (wide(left), wide(right));
    adjust(p1 + p2 + 1, s1 + s2)
}

/// The type of a quotient.
pub(crate) fn quotient_type(left: Digits, right: Digits) -> Digits {
    let ((p1, s1), (p2, s2)) = (wide(left), wide(right));
    let scale = (s1 + p2 + 1).max(6);
    adjust(p1 - s1 + s2 + scale, scale)
}

/// The type of a remainder.
pub(crate) fn remainder_type(left: Digits, right: Digits) -> Digits {
    let ((p1, s1), (p2, s2)) = (wide(left), wide(right));
    let scale = s1.max(s2);
    adjust((p1 - s1).min(p2 - s2) + scale, scale)
}

/// The type of `ROUND(decimal, digits)`.
pub(crate) fn rounded_type(value: Digits, digits: i64) -> Digits {
    let (p, s) = wide(value);
    if digits >= i64::from(s) {
        return value;
    }
    if digits < 0 {
        return ((1 + p - s).min(38) as u8, 0);
    }
    ((1 + p - s + digits as i32).min(38) as u8, digits as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_types_are_flinks() {
        // Observed on Flink 2.3.
        assert_eq!(quotient_type((10, 0), (2, 1)), (17, 6));
        assert_eq!(quotient_type((2, 1), (10, 0)), (13, 12));
        assert_eq!(quotient_type((10, 2), (10, 0)), (21, 13));
        assert_eq!(quotient_type((38, 18), (38, 18)), (38, 6));
        assert_eq!(product_type((10, 2), (10, 2)), (21, 4));
        assert_eq!(sum_type((10, 2), (10, 0)), (13, 2));
        assert_eq!(remainder_type((10, 2), (5, 0)), (7, 2));
        assert_eq!(rounded_type((10, 5), 2), (8, 2));
    }

    #[test]
    fn rounding_is_half_up_away_from_zero() {
        assert_eq!(divide_half_up(25, 10), 3);
        assert_eq!(divide_half_up(-25, 10), -3);
        assert_eq!(divide_half_up(24, 10), 2);
        assert_eq!(divide_half_up(i128::MAX, 1), i128::MAX);
        assert_eq!(rescale(1_005, 3, 2, 10), Some(101));
        assert_eq!(rescale(99_995, 3, 2, 4), None);
        let wide = |v| i256::from_i128(v);
        assert_eq!(divide_half_up_wide(wide(-25), wide(10)), Some(wide(-3)));
        assert_eq!(divide_half_up_wide(wide(1), wide(0)), None);
        assert_eq!(rescale_wide(wide(1_005), 3, 2, 10), Some(101));
    }

    #[test]
    fn texts_are_read_exactly() {
        for (text, expected) in [
            ("1.005", Ok(Some(101))),
            (" -1.004 ", Ok(Some(-100))),
            ("1e2", Ok(Some(10_000))),
            ("12.5E-1", Ok(Some(125))),
            (".5", Ok(Some(50))),
            ("0.005", Ok(Some(1))),
            ("0.0049", Ok(Some(0))),
            ("99999999", Ok(None)),
            ("1e99999999999999999999", Err(TextError::Invalid)),
            ("1e999999999", Ok(None)),
            ("1e-999999999", Ok(Some(0))),
            ("0e999999999", Ok(Some(0))),
            ("", Err(TextError::Empty)),
            ("-", Err(TextError::Invalid)),
            ("1.2.3", Err(TextError::Invalid)),
            ("x", Err(TextError::Invalid)),
        ] {
            assert_eq!(parse(text, 7, 2), expected, "{text}");
        }
        let many = "9".repeat(500);
        assert_eq!(parse(&many, 38, 0), Ok(None));
    }
}
