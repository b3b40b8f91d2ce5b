//! Scalars from text and back, by the rules of the Java parsers and printers that Flink's CSV and
//! JSON formats call. Every rule here was observed on a real Flink 2.3.
//!
//! Parsers return the reason as a clause; the caller knows the place.

use millstream_functions::display;

/// Why a text is not a value of a type.
pub(crate) type Reason = &'static str;

const DAY_MILLIS: i64 = 86_400_000;

/// `String.trim()`: everything up to the space is white.
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    let Some(start) = text.iter().position(|b| *b > b' ') else {
        return &[];
    };
    let end = text.iter().rposition(|b| *b > b' ').unwrap_or(start);
    &text[start..=end]
}

/// `Long.parseLong`, within bounds: an optional sign and digits.
pub(crate) fn integer(text: &[u8], least: i64, most: i64) -> Result<i64, Reason> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() {
        return Err(if text.is_empty() {
            "an empty field is not a number"
        } else {
            "not a whole number"
        });
    }
    // 18 digits cannot overflow; the rest is checked digit by digit, counting down from zero so
    // that the least value fits
    let mut value: i64 = 0;
    if digits.len() <= 18 {
        for &byte in digits {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return Err("not a whole number");
            }
            value = value * 10 + i64::from(digit);
        }
        if negative {
            value = -value;
        }
    } else {
        for &byte in digits {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return Err("not a whole number");
            }
            value = value
                .checked_mul(10)
                .and_then(|v| v.checked_sub(i64::from(digit)))
                .ok_or("out of range")?;
        }
        if !negative {
            value = value.checked_neg().ok_or("out of range")?;
        }
    }
    if value < least || value > most {
        return Err("out of range");
    }
    Ok(value)
}

/// `Double.parseDouble` of trimmed text, without Java's hexadecimal form.
pub(crate) fn double(text: &[u8]) -> Result<f64, Reason> {
    float_text(text)?.parse().map_err(|_| "not a number")
}

/// `Float.parseFloat` of trimmed text.
pub(crate) fn float(text: &[u8]) -> Result<f32, Reason> {
    float_text(text)?.parse().map_err(|_| "not a number")
}

/// The part of a Java floating point number that Rust reads the same way.
fn float_text(text: &[u8]) -> Result<&str, Reason> {
    let text = std::str::from_utf8(text).map_err(|_| "not a number")?;
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match unsigned.bytes().next() {
        None if text.is_empty() => return Err("an empty field is not a number"),
        Some(b'0'..=b'9' | b'.') => {}
        // Rust would also take "inf", "nan" and other cases
        Some(b'N') if unsigned == "NaN" => return Ok("NaN"),
        Some(b'I') if unsigned == "Infinity" => return Ok(text),
        _ => return Err("not a number"),
    }
    // the type suffix of a Java literal
    Ok(text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text))
}

/// `Boolean.parseBoolean` of trimmed text: whatever isn't "true" is false.
pub(crate) fn boolean(text: &[u8]) -> bool {
    text.eq_ignore_ascii_case(b"true")
}

/// `new BigDecimal(text)` brought to `scale` (half up); `None` if it then has more digits than
/// `precision`: Flink makes that NULL.
pub(crate) fn decimal(text: &[u8], precision: u8, scale: u8) -> Result<Option<i128>, Reason> {
    const NOT: Reason = "not a decimal number";
    if let Some(value) = short_decimal(text, precision, scale) {
        return Ok(Some(value));
    }
    let (negative, unsigned) = match text {
        [] => return Err("an empty field is not a number"),
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let exponent_at = unsigned.iter().position(|b| matches!(b, b'e' | b'E'));
    let (mantissa, exponent) = match exponent_at {
        None => (unsigned, 0),
        Some(at) => {
            let digits = &unsigned[at + 1..];
            let exponent = integer(digits, i32::MIN.into(), i32::MAX.into()).map_err(|_| NOT)?;
            (&unsigned[..at], exponent)
        }
    };
    let point = mantissa.iter().position(|b| *b == b'.');
    let (whole, fraction) = match point {
        None => (mantissa, &[][..]),
        Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
    };
    if whole.len() + fraction.len() == 0 {
        return Err(NOT);
    }
    if !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        return Err(NOT);
    }
    let mut digits = whole
        .iter()
        .chain(fraction)
        .map(|b| i128::from(b - b'0'))
        .skip_while(|d| *d == 0)
        .peekable();
    let count = {
        let leading = whole
            .iter()
            .chain(fraction)
            .take_while(|b| **b == b'0')
            .count();
        (whole.len() + fraction.len() - leading) as i64
    };
    if count == 0 {
        return Ok(Some(0));
    }
    // how many of the digits stand left of the last place kept
    let keep = count + i64::from(scale) + exponent - fraction.len() as i64;
    if keep > i64::from(precision) {
        return Ok(None);
    }
    if keep < 0 {
        return Ok(Some(0));
    }
    let mut value: i128 = 0;
    for _ in 0..keep {
        // digits beyond the last one written are zeros of the exponent
        value = value * 10 + digits.next().unwrap_or(0);
    }
    if digits.next().is_some_and(|next| next >= 5) {
        value += 1;
        if value == 10_i128.pow(u32::from(precision)) {
            return Ok(None);
        }
    }
    Ok(Some(if negative { -value } else { value }))
}

/// The common case of [`decimal`]: few digits, none to round off, no exponent.
fn short_decimal(text: &[u8], precision: u8, scale: u8) -> Option<i128> {
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut value: i64 = 0;
    let mut after_point = None;
    if unsigned.len() > 18 {
        return None;
    }
    for &byte in unsigned {
        if byte == b'.' && after_point.is_none() {
            after_point = Some(0);
            continue;
        }
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
        after_point = after_point.map(|count: u32| count + 1);
    }
    let missing = u32::from(scale).checked_sub(after_point.unwrap_or(0))?;
    // 18 digits fit; fewer than the precision cannot overflow it
    let digits = unsigned.len() as u32 + missing;
    if digits > 18 || digits > u32::from(precision) || unsigned.len() < 2 {
        return None;
    }
    value *= 10_i64.pow(missing);
    Some(i128::from(if negative { -value } else { value }))
}

/// Which of Java's date and time parsers reads a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeRules {
    /// CSV: `java.sql.Date.valueOf`, SQL timestamps, trimmed.
    Csv,
    /// JSON with `'json.timestamp-format.standard' = 'SQL'`.
    JsonSql,
    /// JSON with `'ISO-8601'`: a `T` between date and time.
    JsonIso,
}

/// Days since 1970 of a date.
pub(crate) fn date(text: &[u8], rules: TimeRules) -> Result<i32, Reason> {
    const NOT: Reason = "not a date like 2024-01-31";
    if rules == TimeRules::Csv {
        // java.sql.Date.valueOf: one or two digits for month and day, any day up to 31, rolled
        // over into the next month where the month is shorter
        let mut parts = text.split(|b| *b == b'-');
        let (Some(year), Some(month), Some(day), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NOT);
        };
        if year.len() != 4 || !(1..=2).contains(&month.len()) || !(1..=2).contains(&day.len()) {
            return Err(NOT);
        }
        let (year, month, day) = (number(year)?, number(month)?, number(day)?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return Err("no such date");
        }
        return Ok(days_from_civil(year.into(), month, 1) as i32 + day as i32 - 1);
    }
    let (year, month, day) = iso_date(text).ok_or(NOT)?;
    if day > days_in_month(year, month) {
        return Err("no such date");
    }
    Ok(days_from_civil(year, month, day) as i32)
}

/// Milliseconds of the day, cut to `precision` fractional digits.
pub(crate) fn time(text: &[u8], precision: u8, rules: TimeRules) -> Result<i32, Reason> {
    const NOT: Reason = "not a time like 10:15:30";
    let nanos = match text.len() {
        // LocalTime.parse takes 10:15 too
        5 if rules == TimeRules::Csv => {
            let mut full = [b'0'; 8];
            full[..5].copy_from_slice(text);
            full[5] = b':';
            clock(&full).ok_or(NOT)?
        }
        _ => clock(text).ok_or(NOT)?,
    };
    if nanos >= DAY_MILLIS * 1_000_000 {
        return Err("no such time");
    }
    let step = 10_i64.pow(3 - u32::from(precision.min(3)));
    Ok((nanos / 1_000_000 / step * step) as i32)
}

/// A timestamp in units of `10^-digits` seconds since 1970 (`digits` 3, 6 or 9), further digits
/// cut off. `zoned`: a `TIMESTAMP_LTZ`, written in UTC with a `Z`.
pub(crate) fn timestamp(
    text: &[u8],
    digits: u32,
    zoned: bool,
    rules: TimeRules,
) -> Result<i64, Reason> {
    let not = match (rules, zoned) {
        (TimeRules::JsonIso, false) => "not a timestamp like 2024-01-31T10:15:30.123",
        (TimeRules::JsonIso, true) => "not a timestamp like 2024-01-31T10:15:30.123Z",
        (_, false) => "not a timestamp like 2024-01-31 10:15:30.123",
        (_, true) => "not a timestamp like 2024-01-31 10:15:30.123Z",
    };
    let text = if rules == TimeRules::Csv {
        trim(text)
    } else {
        text
    };
    let text = match (zoned, text) {
        (true, [rest @ .., b'Z']) => rest,
        (true, _) => return Err(not),
        (false, text) => text,
    };
    let separator = if rules == TimeRules::JsonIso {
        b'T'
    } else {
        b' '
    };
    let Some((day, [found, time @ ..])) = text.split_at_checked(10) else {
        return Err(not);
    };
    if *found != separator {
        return Err(not);
    }
    let (year, month, day) = iso_date(day).ok_or(not)?;
    // the resolver is "smart": the 30th of February is its last day, 24:00 the next midnight
    let day = day.min(days_in_month(year, month));
    let nanos = clock(time).ok_or(not)?;
    let seconds = days_from_civil(year, month, day) * 86_400 + nanos / 1_000_000_000;
    let fraction = nanos % 1_000_000_000 / 10_i64.pow(9 - digits);
    seconds
        .checked_mul(10_i64.pow(digits))
        .and_then(|units| units.checked_add(fraction))
        .ok_or("out of range: nanoseconds since 1970 end in the year 2262")
}

/// `yyyy-MM-dd`, every part in range, the day up to 31.
fn iso_date(text: &[u8]) -> Option<(i64, u32, u32)> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else {
        return None;
    };
    let pair = |a: u8, b: u8| {
        let (a, b) = (a.wrapping_sub(b'0'), b.wrapping_sub(b'0'));
        (a <= 9 && b <= 9).then(|| u32::from(a) * 10 + u32::from(b))
    };
    let year = pair(y1, y2)? * 100 + pair(y3, y4)?;
    let (month, day) = (pair(m1, m2)?, pair(d1, d2)?);
    ((1..=12).contains(&month) && (1..=31).contains(&day)).then_some((year.into(), month, day))
}

/// Nanoseconds of `HH:mm:ss[.fraction]`; 24:00:00 is the end of the day.
fn clock(text: &[u8]) -> Option<i64> {
    let (&[h1, h2, b':', m1, m2, b':', s1, s2], rest) = text.split_first_chunk::<8>()? else {
        return None;
    };
    let pair = |a: u8, b: u8| {
        let (a, b) = (a.wrapping_sub(b'0'), b.wrapping_sub(b'0'));
        (a <= 9 && b <= 9).then(|| i64::from(a) * 10 + i64::from(b))
    };
    let (hour, minute, second) = (pair(h1, h2)?, pair(m1, m2)?, pair(s1, s2)?);
    let fraction = match rest {
        [] => 0,
        [b'.', digits @ ..] if digits.len() <= 9 && digits.iter().all(u8::is_ascii_digit) => digits
            .iter()
            .chain(std::iter::repeat(&b'0'))
            .take(9)
            .fold(0_i64, |value, digit| value * 10 + i64::from(digit - b'0')),
        _ => return None,
    };
    if minute > 59 || second > 59 || hour > 24 || (hour == 24 && minute + second + fraction > 0) {
        return None;
    }
    Some(((hour * 60 + minute) * 60 + second) * 1_000_000_000 + fraction)
}

fn number(digits: &[u8]) -> Result<u32, Reason> {
    digits.iter().try_fold(0_u32, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err("not a date like 2024-01-31");
        }
        Ok(value * 10 + u32::from(digit))
    })
}

fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar (counted in eras of 400 years, years
/// beginning in March so that the leap day comes last).
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year =
        (153 * (i64::from(month) + if month > 2 { -3 } else { 9 }) + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    } as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Appends an integer.
pub(crate) fn write_integer(value: i64, out: &mut Vec<u8>) {
    let mut buffer = [0_u8; 20];
    let mut at = buffer.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&buffer[at..]);
}

/// Appends a number of exactly `width` digits (or more if it needs them).
fn write_padded(value: i64, width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    write_integer(value, out);
    let missing = width.saturating_sub(out.len() - start);
    if missing > 0 {
        out.splice(start..start, std::iter::repeat_n(b'0', missing));
    }
}

fn write_pair(value: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'0' + (value / 10) as u8, b'0' + (value % 10) as u8]);
}

/// Appends `ISO_LOCAL_DATE`.
pub(crate) fn write_date(days: i32, out: &mut Vec<u8>) {
    let (year, month, day) = civil_from_days(days.into());
    if (0..=9999).contains(&year) {
        write_pair((year / 100) as u32, out);
        write_pair((year % 100) as u32, out);
    } else {
        out.push(if year < 0 { b'-' } else { b'+' });
        write_padded(year.abs(), 4, out);
    }
    out.push(b'-');
    write_pair(month, out);
    out.push(b'-');
    write_pair(day, out);
}

/// Appends `HH:mm:ss` and the fraction without trailing zeros, if there is one.
fn write_clock(seconds: i64, nanos: i64, out: &mut Vec<u8>) {
    write_pair((seconds / 3600) as u32, out);
    out.push(b':');
    write_pair((seconds / 60 % 60) as u32, out);
    out.push(b':');
    write_pair((seconds % 60) as u32, out);
    if nanos > 0 {
        let mut digits = [b'0'; 10];
        digits[0] = b'.';
        let mut rest = nanos;
        for digit in digits[1..].iter_mut().rev() {
            *digit += (rest % 10) as u8;
            rest /= 10;
        }
        let end = digits.iter().rposition(|digit| *digit != b'0').unwrap_or(0);
        out.extend_from_slice(&digits[..=end]);
    }
}

/// Appends a time of milliseconds of the day.
pub(crate) fn write_time(millis: i32, out: &mut Vec<u8>) {
    let millis = i64::from(millis).rem_euclid(DAY_MILLIS);
    write_clock(millis / 1000, millis % 1000 * 1_000_000, out);
}

/// Appends a timestamp in units of `10^-digits` seconds, date and time parted by `separator`,
/// followed by `Z` if `zoned`.
pub(crate) fn write_timestamp(
    value: i64,
    digits: u32,
    zoned: bool,
    separator: u8,
    out: &mut Vec<u8>,
) {
    let unit = 10_i64.pow(digits);
    let seconds = value.div_euclid(unit);
    let nanos = value.rem_euclid(unit) * 10_i64.pow(9 - digits);
    // seconds of an i64 of milliseconds span fewer days than an i32 holds for any date Flink has
    write_date(seconds.div_euclid(86_400) as i32, out);
    out.push(separator);
    write_clock(seconds.rem_euclid(86_400), nanos, out);
    if zoned {
        out.push(b'Z');
    }
}

/// How decimals are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DecimalStyle {
    /// Jackson's default: trailing zeros dropped, `BigDecimal.toString` (10.00 is `1E+1`).
    Scientific,
    /// Trailing zeros dropped, never an exponent (10.00 is `10`).
    Plain,
    /// All digits of the scale (10.00 is `10.00`).
    Full,
}

/// Appends a decimal of `unscaled × 10^-scale`.
pub(crate) fn write_decimal(unscaled: i128, scale: i8, style: DecimalStyle, out: &mut Vec<u8>) {
    let mut scale = i32::from(scale);
    let mut buffer = [0_u8; 40];
    let mut at = buffer.len();
    let mut digits = unscaled.unsigned_abs();
    // 64 bits are divided much faster than 128
    while digits > u128::from(u64::MAX) {
        at -= 1;
        buffer[at] = b'0' + (digits % 10) as u8;
        digits /= 10;
    }
    let mut digits = digits as u64;
    loop {
        at -= 1;
        buffer[at] = b'0' + (digits % 10) as u8;
        digits /= 10;
        if digits == 0 {
            break;
        }
    }
    let mut end = buffer.len();
    if style != DecimalStyle::Full {
        if unscaled == 0 {
            scale = 0;
        }
        while end - at > 1
            && buffer[end - 1] == b'0'
            && (style == DecimalStyle::Scientific || scale > 0)
        {
            end -= 1;
            scale -= 1;
        }
    }
    if unscaled < 0 {
        out.push(b'-');
    }
    let text = &buffer[at..end];
    let exponent = text.len() as i32 - 1 - scale;
    if style == DecimalStyle::Scientific && (scale < 0 || exponent < -6) {
        out.push(text[0]);
        if text.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&text[1..]);
        }
        out.push(b'E');
        if exponent > 0 {
            out.push(b'+');
        }
        write_integer(exponent.into(), out);
        return;
    }
    if scale <= 0 {
        out.extend_from_slice(text);
        out.extend(std::iter::repeat_n(b'0', -scale as usize));
    } else if text.len() as i32 > scale {
        let (whole, fraction) = text.split_at(text.len() - scale as usize);
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
    } else {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', scale as usize - text.len()));
        out.extend_from_slice(text);
    }
}

/// Appends `Double.toString`.
pub(crate) fn write_double(value: f64, out: &mut Vec<u8>) {
    let mut text = String::new();
    display::write_double(value, &mut text);
    out.extend_from_slice(text.as_bytes());
}

/// Appends `Float.toString`.
pub(crate) fn write_float(value: f32, out: &mut Vec<u8>) {
    let mut text = String::new();
    display::write_float(value, &mut text);
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn integers_as_java() {
        let parse = |text: &str| integer(text.as_bytes(), i64::MIN, i64::MAX);
        assert_eq!(parse("+7"), Ok(7));
        assert_eq!(parse("-0"), Ok(0));
        assert_eq!(parse("007"), Ok(7));
        assert_eq!(parse("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(parse("9223372036854775807"), Ok(i64::MAX));
        assert_eq!(parse("9223372036854775808"), Err("out of range"));
        for bad in ["", "-", "1.0", "1_000", "1 ", "x"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(integer(b"300", -128, 127).is_err());
    }

    #[test]
    fn decimals_as_big_decimal() {
        let parse = |text: &str| decimal(text.as_bytes(), 10, 2);
        for (text, unscaled) in [
            ("1.005", 101),
            ("-1.005", -101),
            ("1e3", 100_000),
            ("+2.5", 250),
            (".5", 50),
            ("5.", 500),
            ("1E-2", 1),
            ("0.004", 0),
            ("0.005", 1),
            ("1e-99", 0),
            ("000000000000000000001.10", 110),
            (
                "99999999.994999999999999999999999999999999999999",
                9_999_999_999,
            ),
        ] {
            assert_eq!(parse(text), Ok(Some(unscaled)), "{text}");
        }
        // too many digits: NULL
        for text in ["123456789012.5", "1e99", "99999999.995"] {
            assert_eq!(parse(text), Ok(None), "{text}");
        }
        for bad in ["", " 1.5", "x", ".", "1e", "1.2.3", "-", "1e99999999999"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn floats_as_java() {
        assert_eq!(double(b"1e2"), Ok(100.0));
        assert_eq!(double(b"1d"), Ok(1.0));
        assert_eq!(double(b"-Infinity"), Ok(f64::NEG_INFINITY));
        assert_eq!(double(b"1e400"), Ok(f64::INFINITY));
        assert!(double(b"NaN").unwrap().is_nan());
        for bad in ["inf", "nan", "infinity", "1_0", "", "0x1p3", "e5"] {
            assert!(double(bad.as_bytes()).is_err(), "{bad}");
        }
        for (value, text) in [
            (1e10, "1.0E10"),
            (1e7, "1.0E7"),
            (9_999_999.0, "9999999.0"),
            (123.456, "123.456"),
            (100.0, "100.0"),
            (0.001, "0.001"),
            (1e-5, "1.0E-5"),
            (1.25e-7, "1.25E-7"),
            (-0.0, "-0.0"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(shown(|out| write_double(value, out)), text);
        }
        assert_eq!(shown(|out| write_float(0.1, out)), "0.1");
    }

    #[test]
    fn dates_and_times_as_flink() {
        use TimeRules::*;
        let day = |text: &str| shown(|out| write_date(date(text.as_bytes(), Csv).unwrap(), out));
        assert_eq!(day("2024-1-2"), "2024-01-02");
        assert_eq!(day("2024-02-30"), "2024-03-01");
        for bad in [
            " 2024-01-02",
            "2024-01-32",
            "2024-01-02 00:00:00",
            "x",
            "24-1-2",
        ] {
            assert!(date(bad.as_bytes(), Csv).is_err(), "{bad}");
        }
        assert!(date(b"2024-1-2", JsonSql).is_err());
        assert!(date(b"2024-02-30", JsonSql).is_err());

        let moment = |text: &str| {
            let millis = timestamp(text.as_bytes(), 3, false, Csv).ok()?;
            Some(shown(|out| write_timestamp(millis, 3, false, b' ', out)))
        };
        for (text, expected) in [
            ("2024-01-02 03:04:05", "2024-01-02 03:04:05"),
            ("2024-01-02 03:04:05.123456789", "2024-01-02 03:04:05.123"),
            (" 2024-01-02 03:04:05.1 ", "2024-01-02 03:04:05.1"),
            ("2024-02-30 00:00:00", "2024-02-29 00:00:00"),
            ("2024-01-02 24:00:00", "2024-01-03 00:00:00"),
            ("1969-12-31 23:59:59.999", "1969-12-31 23:59:59.999"),
            ("0001-01-01 00:00:00", "0001-01-01 00:00:00"),
        ] {
            assert_eq!(moment(text).as_deref(), Some(expected), "{text}");
        }
        for bad in [
            "2024-01-02T03:04:05",
            "2024-01-02",
            "2024-1-2 3:4:5",
            "2024-01-02 03:04",
            "",
        ] {
            assert_eq!(moment(bad), None, "{bad}");
        }
        assert!(timestamp(b"2024-01-02 03:04:05Z", 3, true, JsonSql).is_ok());
        assert!(timestamp(b"2024-01-02 03:04:05", 3, true, JsonSql).is_err());
        assert!(timestamp(b"2024-01-02T03:04:05.1", 3, false, JsonIso).is_ok());
        assert!(timestamp(b"2300-01-02T03:04:05.1", 9, false, JsonIso).is_err());

        assert_eq!(time(b"10:11:12.3456", 3, Csv), Ok(36_672_345));
        assert_eq!(time(b"10:11:12.9", 0, Csv), Ok(36_672_000));
        assert_eq!(time(b"10:11", 3, Csv), Ok(36_660_000));
        assert!(time(b"10:11", 3, JsonSql).is_err());
        assert!(time(b"1:02:03", 3, Csv).is_err());
        assert_eq!(shown(|out| write_time(36_672_500, out)), "10:11:12.5");
    }

    #[test]
    fn decimals_are_written_as_jackson_does() {
        let scientific = |v, s| shown(|out| write_decimal(v, s, DecimalStyle::Scientific, out));
        assert_eq!(scientific(1000, 2), "1E+1");
        assert_eq!(scientific(10, 2), "0.1");
        assert_eq!(scientific(0, 2), "0");
        assert_eq!(scientific(-12050, 2), "-120.5");
        assert_eq!(scientific(120, 0), "1.2E+2");
        assert_eq!(scientific(1000, 10), "1E-7");
        assert_eq!(scientific(10000, 10), "0.000001");
        assert_eq!(scientific(1235, 10), "1.235E-7");
        let plain = |v, s| shown(|out| write_decimal(v, s, DecimalStyle::Plain, out));
        assert_eq!(plain(1000, 2), "10");
        assert_eq!(plain(1000, 10), "0.0000001");
        let full = |v, s| shown(|out| write_decimal(v, s, DecimalStyle::Full, out));
        assert_eq!(full(1000, 2), "10.00");
        assert_eq!(full(-5, 2), "-0.05");
        assert_eq!(full(0, 2), "0.00");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(
            value: i64, bits: u64, unscaled in -10_i128.pow(20)..10_i128.pow(20),
            millis in -60_000_000_000_000_i64..250_000_000_000_000, day in -700_000..2_900_000_i32,
        ) {
            let text = shown(|out| write_integer(value, out));
            prop_assert_eq!(integer(text.as_bytes(), i64::MIN, i64::MAX), Ok(value));
            let number = f64::from_bits(bits);
            if !number.is_nan() {
                let text = shown(|out| write_double(number, out));
                prop_assert_eq!(double(text.as_bytes()).map(f64::to_bits), Ok(number.to_bits()));
            }
            for style in [DecimalStyle::Scientific, DecimalStyle::Plain, DecimalStyle::Full] {
                let text = shown(|out| write_decimal(unscaled, 6, style, out));
                prop_assert_eq!(decimal(text.as_bytes(), 30, 6), Ok(Some(unscaled)), "{}", text);
            }
            let text = shown(|out| write_timestamp(millis, 3, true, b'T', out));
            prop_assert_eq!(timestamp(text.as_bytes(), 3, true, TimeRules::JsonIso), Ok(millis));
            let text = shown(|out| write_date(day, out));
            prop_assert_eq!(date(text.as_bytes(), TimeRules::JsonSql), Ok(day), "{}", text);
        }

        #[test]
        fn no_bytes_make_a_parser_panic(text in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = integer(&text, i64::MIN, i64::MAX);
            let _ = double(&text);
            let _ = decimal(&text, 38, 10);
            for rules in [TimeRules::Csv, TimeRules::JsonSql, TimeRules::JsonIso] {
                let _ = date(&text, rules);
                let _ = time(&text, 3, rules);
                let _ = timestamp(&text, 9, true, rules);
            }
        }
    }
}
