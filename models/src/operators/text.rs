//! Numbers as text and text as numbers: Cast from and to strings.
//!
//! ONNX Runtime prints a float of either width as C's `%.8g` and reads numbers as C++'s `stod` and `stoll`: after
//! white space the longest beginning that is a number counts and the rest is ignored, and a text without one is an
//! error, as is one out of range. Exporters put such casts before encoders, so that the text of a number must be
//! ONNX Runtime's to the letter. Hexadecimal numbers, which it reads too, are an error here.

use std::fmt::Debug;
use std::io::Write;

use tract_onnx::tract_hir::internal::*;

use super::kernel::Kernel;
use crate::trial;

/// Values to strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToText;

impl Kernel for ToText {
    fn name(&self) -> &'static str {
        "Cast"
    }

    fn output(&self, input: &TypedFact) -> TractResult<(DatumType, Vec<TDim>)> {
        Ok((DatumType::String, input.shape.to_tvec().to_vec()))
    }

    fn eval(&self, input: Tensor) -> TractResult<Tensor> {
        let view = input.try_as_plain_ram()?;
        let texts: Vec<String> = match input.datum_type() {
            DatumType::F32 => {
                let values = view.as_slice::<f32>()?.iter();
                values.map(|value| float_text(f64::from(*value))).collect()
            }
            DatumType::F64 => {
                let values = view.as_slice::<f64>()?.iter();
                values.map(|value| float_text(*value)).collect()
            }
            DatumType::I32 => view.as_slice::<i32>()?.iter().map(i32::to_string).collect(),
            DatumType::I64 => view.as_slice::<i64>()?.iter().map(i64::to_string).collect(),
            DatumType::Bool => {
                let values = view.as_slice::<bool>()?.iter();
                values
                    .map(|value| if *value { "1" } else { "0" }.to_owned())
                    .collect()
            }
            other => bail!("Cast of {other:?} to a string is not supported yet"),
        };
        Ok(tract_ndarray::ArrayD::from_shape_vec(input.shape(), texts)?.into())
    }
}

/// Strings to numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FromText {
    pub(super) to: DatumType,
}

impl Kernel for FromText {
    fn name(&self) -> &'static str {
        "Cast"
    }

    fn output(&self, input: &TypedFact) -> TractResult<(DatumType, Vec<TDim>)> {
        Ok((self.to, input.shape.to_tvec().to_vec()))
    }

    fn eval(&self, input: Tensor) -> TractResult<Tensor> {
        match self.to {
            DatumType::F32 => read(&input, |text| float(text).map(|value| value as f32)),
            DatumType::F64 => read(&input, float),
            // The lowest bits are kept, whatever they say.
            DatumType::I32 => read(&input, |text| integer(text).map(|value| value as i32)),
            DatumType::I64 => read(&input, integer),
            DatumType::Bool => read(&input, truth),
            other => bail!("Cast of strings to {other:?} is not supported yet"),
        }
    }
}

fn read<T: Datum + Default>(
    texts: &Tensor,
    number: impl Fn(&str) -> Option<T>,
) -> TractResult<Tensor> {
    let view = texts.try_as_plain_ram()?;
    let values = view.as_slice::<String>()?.iter();
    let values = values
        .map(|text| match number(text) {
            Some(value) => Ok(value),
            None if trial::is_on() => Ok(T::default()),
            None => bail!("Cast cannot read {text:?} as a number of its type"),
        })
        .collect::<TractResult<Vec<T>>>()?;
    Ok(tract_ndarray::ArrayD::from_shape_vec(texts.shape(), values)?.into())
}

/// Significant digits of a float's text.
const DIGITS: usize = 8;

/// A float as C's `%.8g`, with ONNX Runtime's own names for what is no number.
fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "INF" } else { "-INF" }.to_owned();
    }
    let mut buffer = [0u8; 32];
    let mut rest = &mut buffer[..];
    // `-d.ddddddde-ddd` always fits.
    let _ = write!(rest, "{:.*e}", DIGITS - 1, value);
    let left = rest.len();
    let written = std::str::from_utf8(&buffer[..buffer.len() - left]).unwrap_or_default();
    let (mantissa, exponent) = written.split_once('e').unwrap_or((written, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let digits = mantissa.trim_end_matches('0').trim_end_matches('.');
    let (first, more) = digits.split_once('.').unwrap_or((digits, ""));
    let mut text = String::with_capacity(16);
    text.push_str(sign);
    match usize::try_from(exponent) {
        Ok(places) if places < DIGITS => {
            text.push_str(first);
            text.extend(more.chars().chain(std::iter::repeat('0')).take(places));
            if let Some(fraction) = more.get(places..).filter(|fraction| !fraction.is_empty()) {
                text.push('.');
                text.push_str(fraction);
            }
        }
        Err(_) if exponent >= -4 => {
            text.push_str("0.");
            text.extend(std::iter::repeat_n(
                '0',
                exponent.unsigned_abs() as usize - 1,
            ));
            text.push_str(first);
            text.push_str(more);
        }
        _ => {
            text.push_str(digits);
            text.push('e');
            text.push(if exponent < 0 { '-' } else { '+' });
            let exponent = exponent.unsigned_abs();
            if exponent < 10 {
                text.push('0');
            }
            text.push_str(&exponent.to_string());
        }
    }
    text
}

/// The text behind white space, as C counts it, and whether a minus stands before it.
fn signed(text: &str) -> (bool, &str) {
    let text = text.trim_start_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']);
    match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// How many digits the text begins with.
fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn begins(text: &str, word: &str) -> bool {
    let start = text.as_bytes().get(..word.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}

/// C++'s `stod`.
fn float(text: &str) -> Option<f64> {
    let (negative, text) = signed(text);
    let sign = if negative { -1.0 } else { 1.0 };
    if begins(text, "inf") {
        return Some(sign * f64::INFINITY);
    }
    if begins(text, "nan") {
        return Some(f64::NAN);
    }
    if begins(text, "0x") {
        let digits = text[2..].trim_start_matches('.');
        let hexadecimal = digits.starts_with(|c: char| c.is_ascii_hexdigit());
        return (!hexadecimal).then_some(sign * 0.0);
    }
    let whole = digits(text);
    let mut end = whole;
    let mut fraction = 0;
    if text[end..].starts_with('.') {
        fraction = digits(&text[end + 1..]);
        end += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    let mantissa = &text[..end];
    if begins(&text[end..], "e") {
        let exponent = &text[end + 1..];
        let signs = usize::from(exponent.starts_with(['+', '-']));
        let len = digits(&exponent[signs..]);
        if len > 0 {
            end += 1 + signs + len;
        }
    }
    let value: f64 = text[..end].parse().ok()?;
    let is_zero = mantissa.bytes().all(|c| matches!(c, b'0' | b'.'));
    (value.is_normal() || is_zero).then_some(sign * value)
}

/// C++'s `stoll`.
fn integer(text: &str) -> Option<i64> {
    let (negative, text) = signed(text);
    let size: i128 = text[..digits(text)].parse().ok()?;
    i64::try_from(if negative { -size } else { size }).ok()
}

/// C++'s `stoull` and not zero; a minus is taken modulo 2⁶⁴.
fn truth(text: &str) -> Option<bool> {
    let (_, text) = signed(text);
    let size: u64 = text[..digits(text)].parse().ok()?;
    Some(size != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_eight_significant_digits() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (100.0, "100"),
            (1.0 / 3.0, "0.33333333"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (0.000123456789, "0.00012345679"),
            (9_999_999.96, "10000000"),
            (12_345_678.0, "12345678"),
            (12_345_678.5, "12345678"),
            (12_345_679.5, "12345680"),
            (99_999_999.5, "1e+08"),
            (123_456_789.0, "1.2345679e+08"),
            (1e100, "1e+100"),
            (5e-324, "4.9406565e-324"),
            (f64::MAX, "1.7976931e+308"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "INF"),
            (f64::NEG_INFINITY, "-INF"),
        ] {
            assert_eq!(float_text(value), text);
        }
    }

    #[test]
    fn the_longest_beginning_that_is_a_number_counts() {
        for (text, value) in [
            ("1", 1.0),
            (" \t+1.5x", 1.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e", 1.0),
            ("1e+", 1.0),
            ("1E2", 100.0),
            ("1,5", 1.0),
            ("-inFinite", f64::NEG_INFINITY),
            ("0x", 0.0),
        ] {
            assert_eq!(float(text), Some(value), "{text}");
        }
        assert!(float("nan(1)").is_some_and(f64::is_nan));
        assert_eq!(float("-0").map(f64::to_bits), Some((-0.0f64).to_bits()));
        for text in [
            "", "abc", ".", "--1", "e5", "٣", "1e400", "1e-400", "1e-320", "0x10", "é",
        ] {
            assert_eq!(float(text), None, "{text}");
        }
    }

    #[test]
    fn integers_end_where_their_digits_do() {
        assert_eq!(integer(" -1.9"), Some(-1));
        assert_eq!(integer("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer("9223372036854775808"), None);
        assert_eq!(integer(".5"), None);
        assert_eq!(truth("-0"), Some(false));
        assert_eq!(truth("18446744073709551615"), Some(true));
        assert_eq!(truth("18446744073709551616"), None);
        assert_eq!(truth("true"), None);
    }
}
