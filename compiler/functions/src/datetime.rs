//! Dates and times as Flink reads, writes and counts them: the proleptic Gregorian calendar, the
//! session's time zone, the texts of `CAST`, and the patterns of Java's `DateTimeFormatter`.
//!
//! A point in time is an [`Instant`]: seconds and nanoseconds since 1970-01-01T00:00, of the
//! local calendar for `TIMESTAMP` and of UTC for `TIMESTAMP_LTZ`. Nothing here allocates except
//! compiling a pattern, and nothing overflows silently.

use std::fmt::Write;
use std::str::FromStr;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use chrono::{DateTime, MappedLocalTime, Offset, TimeZone};
use chrono_tz::Tz;
use datafusion_common::config::ConfigOptions;
use datafusion_common::{DataFusionError, Result, exec_datafusion_err};

pub(crate) const MILLIS_PER_DAY: i64 = 86_400_000;
pub(crate) const SECONDS_PER_DAY: i64 = 86_400;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// The day (since 1970-01-01) of a date. Months and days need not be in range.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year + (month - 1).div_euclid(12);
    let month = (month - 1).rem_euclid(12) + 1;
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The year, month and day of a day since 1970-01-01.
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let mp = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// The number of days of a month.
pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    days_from_civil(year, month + 1, 1) - days_from_civil(year, month, 1)
}

/// Adds months; a day that the month does not have becomes its last (Jan 31 + 1 month = Feb 29).
pub(crate) fn add_months(days: i64, months: i64) -> i64 {
    let (year, month, day) = civil_from_days(days);
    // Far outside of what a timestamp can hold, and far from overflowing.
    let months = months.clamp(-12_000_000_000, 12_000_000_000);
    let total = year * 12 + month - 1 + months;
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) + 1);
    days_from_civil(year, month, day.min(days_in_month(year, month)))
}

/// Monday = 1 … Sunday = 7, as ISO 8601 counts.
pub(crate) fn iso_weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}

/// The ISO 8601 week of a day, with the year that the week belongs to.
pub(crate) fn iso_week(days: i64) -> (i64, i64) {
    let thursday = days - (iso_weekday(days) - 4);
    let (year, ..) = civil_from_days(thursday);
    let first = days_from_civil(year, 1, 1);
    (year, (thursday - first) / 7 + 1)
}

/// A point in time: seconds since the epoch and nanoseconds of the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant {
    pub seconds: i64,
    pub nanos: i64,
}

impl Instant {
    pub fn from_millis(millis: i64) -> Self {
        Self::from_unit(millis, TimeUnit::Millisecond)
    }

    /// From the value of an Arrow timestamp.
    pub fn from_unit(value: i64, unit: TimeUnit) -> Self {
        let per_second = units_per_second(unit);
        Self {
            seconds: value.div_euclid(per_second),
            nanos: value.rem_euclid(per_second) * (NANOS_PER_SECOND / per_second),
        }
    }

    /// To the value of an Arrow timestamp; digits below the unit are cut off. `None` if the unit
    /// cannot express it.
    pub fn to_unit(self, unit: TimeUnit) -> Option<i64> {
        let per_second = units_per_second(unit);
        let value = i128::from(self.seconds) * i128::from(per_second)
            + i128::from(self.nanos / (NANOS_PER_SECOND / per_second));
        i64::try_from(value).ok()
    }

    pub fn from_civil(date: (i64, i64, i64), time: (i64, i64, i64), nanos: i64) -> Self {
        let days = days_from_civil(date.0, date.1, date.2);
        Self {
            seconds: days * SECONDS_PER_DAY + time.0 * 3_600 + time.1 * 60 + time.2,
            nanos,
        }
    }

    pub fn days(self) -> i64 {
        self.seconds.div_euclid(SECONDS_PER_DAY)
    }

    pub fn second_of_day(self) -> i64 {
        self.seconds.rem_euclid(SECONDS_PER_DAY)
    }

    /// Cuts the fraction of the second to this many digits.
    pub fn truncate(self, precision: u8) -> Self {
        let step = 10_i64.pow(9 - u32::from(precision.min(9)));
        Self {
            seconds: self.seconds,
            nanos: self.nanos - self.nanos % step,
        }
    }
}

pub(crate) fn units_per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => NANOS_PER_SECOND,
    }
}

/// The raw values of a timestamp array of any unit. `None` if it is another array.
pub(crate) fn timestamp_values(array: &dyn Array) -> Option<(&[i64], TimeUnit)> {
    let DataType::Timestamp(unit, _) = array.data_type() else {
        return None;
    };
    let values = match unit {
        TimeUnit::Second => array.as_primitive_opt::<TimestampSecondType>()?.values(),
        TimeUnit::Millisecond => array
            .as_primitive_opt::<TimestampMillisecondType>()?
            .values(),
        TimeUnit::Microsecond => array
            .as_primitive_opt::<TimestampMicrosecondType>()?
            .values(),
        TimeUnit::Nanosecond => array
            .as_primitive_opt::<TimestampNanosecondType>()?
            .values(),
    };
    Some((values, *unit))
}

/// A time zone: where `TIMESTAMP_LTZ` becomes a wall clock and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    Utc,
    /// Seconds east of UTC.
    Fixed(i64),
    Named(Tz),
}

impl FromStr for Zone {
    type Err = String;

    /// Reads what Java's `ZoneId.of` reads: `UTC`, `+08:00`, `GMT+8`, `Europe/Berlin`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let offset = text
            .strip_prefix("UTC")
            .or_else(|| text.strip_prefix("GMT"))
            .or_else(|| text.strip_prefix("UT"))
            .unwrap_or(text);
        if offset.is_empty() || offset == "Z" {
            return if text.is_empty() {
                Err("The time zone is empty".to_string())
            } else {
                Ok(Self::Utc)
            };
        }
        if offset.starts_with(['+', '-']) {
            return match parse_offset(offset) {
                Some(0) => Ok(Self::Utc),
                Some(seconds) => Ok(Self::Fixed(seconds)),
                None => Err(format!("The time zone '{text}' is not a valid offset")),
            };
        }
        match Tz::from_str(text) {
            Ok(Tz::UTC | Tz::Etc__UTC) => Ok(Self::Utc),
            Ok(tz) => Ok(Self::Named(tz)),
            Err(_) => Err(format!(
                "Unknown time zone '{text}'; use a name such as Europe/Berlin or an offset such \
                 as +02:00"
            )),
        }
    }
}

/// `+8`, `+08`, `+0800`, `+08:00`, `+08:00:30` in seconds.
fn parse_offset(text: &str) -> Option<i64> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let digits: String = rest.chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| -> Option<i64> { digits.get(range)?.parse().ok() };
    let (h, m, s) = match digits.len() {
        1 | 2 => (digits.parse().ok()?, 0, 0),
        4 => (part(0..2)?, part(2..4)?, 0),
        6 => (part(0..2)?, part(2..4)?, part(4..6)?),
        _ => return None,
    };
    let seconds: i64 = h * 3_600 + m * 60 + s;
    (m < 60 && s < 60 && seconds <= 18 * 3_600).then_some(sign * seconds)
}

impl Zone {
    /// The session's zone: `execution.time_zone` of DataFusion's options (Flink's
    /// `table.local-time-zone`), UTC if it is not set.
    pub(crate) fn from_config(config: &ConfigOptions) -> Result<Self> {
        match config.execution.time_zone.as_deref() {
            None | Some("UTC" | "+00:00" | "Z") => Ok(Self::Utc),
            Some(name) => name.parse().map_err(DataFusionError::Execution),
        }
    }

    fn offset_at(self, utc_seconds: i64) -> i64 {
        match self {
            Self::Utc => 0,
            Self::Fixed(seconds) => seconds,
            Self::Named(tz) => DateTime::from_timestamp(utc_seconds, 0).map_or(0, |at| {
                i64::from(
                    tz.offset_from_utc_datetime(&at.naive_utc())
                        .fix()
                        .local_minus_utc(),
                )
            }),
        }
    }

    /// The wall clock at an instant, both in milliseconds since the epoch.
    pub fn local_millis(self, at: i64) -> i64 {
        let seconds = at.div_euclid(1000);
        at.saturating_add(self.offset_at(seconds).saturating_mul(1000))
    }

    /// The instant of a wall clock, both in milliseconds since the epoch: of two the earlier; a time
    /// that the clock skipped is moved by the length of the gap.
    pub fn epoch_millis(self, local: i64) -> i64 {
        let at = Instant {
            seconds: local.div_euclid(1000),
            nanos: 0,
        };
        let utc = self.to_utc(at).seconds;
        utc.saturating_mul(1000)
            .saturating_add(local.rem_euclid(1000))
    }

    /// The instant at which what ends by the wall clock `local` is complete, in milliseconds.
    ///
    /// Flink's rule for windows: of two instants the later one; a time that the clock skipped is
    /// over when the clock jumps.
    pub fn timer_millis(self, local: i64) -> i64 {
        const HOUR: i64 = 3_600_000;
        let at = self.epoch_millis(local);
        if !matches!(self, Self::Named(_)) {
            return at;
        }
        match self
            .epoch_millis(local.saturating_add(HOUR))
            .saturating_sub(at)
        {
            0 => at - at % HOUR,
            apart if apart > HOUR => at + HOUR,
            _ => at,
        }
    }

    /// The latest wall clock of which all is complete at an instant: the inverse of
    /// [`timer_millis`](Self::timer_millis).
    pub fn complete_millis(self, at: i64) -> i64 {
        let local = self.local_millis(at);
        if self.timer_millis(local) <= at {
            return local;
        }
        // The clock will show this time again: nothing from its first hour twice on is complete.
        let (mut before, mut after) = (at, self.timer_millis(local));
        let offset = local - at;
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            match self.local_millis(middle) - middle == offset {
                true => before = middle,
                false => after = middle,
            }
        }
        self.local_millis(after) - 1
    }

    /// The wall clock of an instant.
    pub(crate) fn to_local(self, at: Instant) -> Instant {
        Instant {
            seconds: at.seconds.saturating_add(self.offset_at(at.seconds)),
            nanos: at.nanos,
        }
    }

    /// The instant of a wall clock, by Java's rule: of two the earlier; a time that the clock
    /// skipped is moved by the length of the gap.
    pub(crate) fn to_utc(self, local: Instant) -> Instant {
        let offset = match self {
            Self::Utc => 0,
            Self::Fixed(seconds) => seconds,
            Self::Named(tz) => match DateTime::from_timestamp(local.seconds, 0) {
                None => 0,
                Some(at) => match tz.offset_from_local_datetime(&at.naive_utc()) {
                    MappedLocalTime::Single(offset) | MappedLocalTime::Ambiguous(offset, _) => {
                        i64::from(offset.fix().local_minus_utc())
                    }
                    MappedLocalTime::None => {
                        self.offset_at(local.seconds.saturating_sub(SECONDS_PER_DAY))
                    }
                },
            },
        };
        Instant {
            seconds: local.seconds.saturating_sub(offset),
            nanos: local.nanos,
        }
    }
}

// ---- Text, as CAST writes and reads it ----

/// Appends `value` with at least `width` digits.
pub(crate) fn pad(value: i64, width: usize, out: &mut String) {
    // Nearly all fields of dates and times.
    if width == 2 && (0..100).contains(&value) {
        out.push(char::from(b'0' + (value / 10) as u8));
        out.push(char::from(b'0' + (value % 10) as u8));
        return;
    }
    if value < 0 {
        out.push('-');
    }
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    while rest > 0 || digits.len() - at < width.min(20) {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend(digits[at..].iter().map(|&b| char::from(b)));
}

/// `2024-01-31`
pub(crate) fn write_date(days: i64, out: &mut String) {
    let (year, month, day) = civil_from_days(days);
    pad(year, 4, out);
    out.push('-');
    pad(month, 2, out);
    out.push('-');
    pad(day, 2, out);
}

/// `10:15:30`
pub(crate) fn write_clock(second_of_day: i64, out: &mut String) {
    pad(second_of_day / 3_600, 2, out);
    out.push(':');
    pad(second_of_day / 60 % 60, 2, out);
    out.push(':');
    pad(second_of_day % 60, 2, out);
}

/// `.123` with exactly `precision` digits; nothing for 0.
pub(crate) fn write_fraction(nanos: i64, precision: u8, out: &mut String) {
    let precision = precision.min(9);
    if precision > 0 {
        out.push('.');
        pad(
            nanos / 10_i64.pow(9 - u32::from(precision)),
            usize::from(precision),
            out,
        );
    }
}

/// `2024-01-31 10:15:30.123` with exactly `precision` digits of the second.
pub(crate) fn write_timestamp(at: Instant, precision: u8, out: &mut String) {
    write_date(at.days(), out);
    out.push(' ');
    write_clock(at.second_of_day(), out);
    write_fraction(at.nanos, precision, out);
}

/// A cursor over the bytes of a text to be read as a date or time.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn eat(&mut self, byte: u8) -> bool {
        let found = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    /// Between `min` and `max` digits.
    fn digits(&mut self, min: usize, max: usize) -> Option<i64> {
        let mut value = 0_i64;
        let mut count = 0;
        while count < max
            && let Some(digit) = self.text.get(self.at).filter(|b| b.is_ascii_digit())
        {
            value = value
                .checked_mul(10)?
                .checked_add(i64::from(digit - b'0'))?;
            self.at += 1;
            count += 1;
        }
        (count >= min).then_some(value)
    }

    /// The digits of a fraction, as nanoseconds.
    fn fraction(&mut self, max: usize) -> i64 {
        let mut value = 0;
        let mut count = 0;
        while count < max
            && let Some(digit) = self.text.get(self.at).filter(|b| b.is_ascii_digit())
        {
            value = value * 10 + i64::from(digit - b'0');
            self.at += 1;
            count += 1;
        }
        value * 10_i64.pow(9 - count.min(9) as u32)
    }

    fn done(&self) -> bool {
        self.at == self.text.len()
    }
}

/// Reads `2024-1-31` or `2024-01-31 10:15:30.123`: what `CAST` to a timestamp and
/// `TO_TIMESTAMP(text)` take. A day past the end of its month is its last day, as Java's smart
/// resolver has it.
pub(crate) fn parse_timestamp(text: &str) -> Option<Instant> {
    let mut r = Reader {
        text: text.as_bytes(),
        at: 0,
    };
    let year = r.digits(4, 4)?;
    if !r.eat(b'-') {
        return None;
    }
    let month = r.digits(1, 2)?;
    if !r.eat(b'-') {
        return None;
    }
    let day = r.digits(1, 2)?;
    let (mut time, mut nanos) = ((0, 0, 0), 0);
    if r.eat(b' ') {
        let hour = r.digits(1, 2)?;
        if !r.eat(b':') {
            return None;
        }
        let minute = r.digits(1, 2)?;
        if !r.eat(b':') {
            return None;
        }
        time = (hour, minute, r.digits(1, 2)?);
        if r.eat(b'.') {
            nanos = r.fraction(9);
        }
    }
    if !r.done() {
        return None;
    }
    resolve((year, month, day), time, nanos)
}

/// Checks the fields of a wall clock; a day past the end of its month becomes its last.
fn resolve(date: (i64, i64, i64), time: (i64, i64, i64), nanos: i64) -> Option<Instant> {
    let (year, month, day) = date;
    let valid = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&time.0)
        && (0..60).contains(&time.1)
        && (0..60).contains(&time.2)
        && (-999_999_999..=999_999_999).contains(&year);
    valid.then(|| {
        let day = day.min(days_in_month(year, month));
        Instant::from_civil((year, month, day), time, nanos)
    })
}

/// Reads `2024`, `2024-1`, `2024-01-31` or the date of a timestamp text, as days since the epoch:
/// what `CAST` to `DATE` takes. The date must exist.
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    let date = match text.find(' ') {
        Some(blank) if blank > 0 => &text[..blank],
        _ => text,
    };
    let mut parts = date.splitn(3, '-').map(|part| {
        let part = part.trim();
        (!part.is_empty() && part.len() <= 9 && part.bytes().all(|b| b.is_ascii_digit()))
            .then(|| part.parse::<i64>().ok())
            .flatten()
    });
    let year = parts.next()??;
    let month = parts.next().unwrap_or(Some(1))?;
    let day = parts.next().unwrap_or(Some(1))?;
    let valid = (0..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day);
    valid.then(|| days_from_civil(year, month, day))
}

/// Reads `10`, `10:15`, `10:15:30` or `10:15:30.123` as milliseconds of the day: what `CAST` to
/// `TIME` takes.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    let mut r = Reader {
        text: text.trim().as_bytes(),
        at: 0,
    };
    let hour = r.digits(1, 2)?;
    let minute = if r.eat(b':') { r.digits(1, 2)? } else { 0 };
    let second = if r.eat(b':') { r.digits(1, 2)? } else { 0 };
    let nanos = if r.eat(b'.') { r.fraction(9) } else { 0 };
    let valid = r.done() && hour < 24 && minute < 60 && second < 60;
    valid.then(|| ((hour * 60 + minute) * 60 + second) * 1_000 + nanos / 1_000_000)
}

// ---- Java's patterns ----

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

#[derive(Debug, Clone, PartialEq)]
enum Item {
    Literal(String),
    /// A pattern letter and how often it is repeated.
    Field(char, usize),
    OptionalStart,
    OptionalEnd,
}

/// A compiled pattern of Java's `DateTimeFormatter`, in English.
///
/// Letters: `u y Y` year, `M L` month, `d` day, `D` day of the year, `E e c` weekday, `w` week,
/// `Q q` quarter, `a` half of the day, `h H k K` hour, `m` minute, `s` second, `S` fraction,
/// `n` nanoseconds, `A` milliseconds of the day, `G` era. Zones are not supported: the values
/// that are formatted have none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pattern {
    items: Vec<Item>,
}

impl Pattern {
    /// # Errors
    /// If the pattern has a letter without meaning here, or an open quote.
    pub fn compile(pattern: &str) -> Result<Self> {
        let mut items: Vec<Item> = Vec::new();
        let mut literal = String::new();
        let mut chars = pattern.chars().peekable();
        let flush = |literal: &mut String, items: &mut Vec<Item>| {
            if !literal.is_empty() {
                items.push(Item::Literal(std::mem::take(literal)));
            }
        };
        while let Some(c) = chars.next() {
            match c {
                '\'' => {
                    if chars.next_if_eq(&'\'').is_some() {
                        literal.push('\'');
                        continue;
                    }
                    loop {
                        match chars.next() {
                            Some('\'') if chars.next_if_eq(&'\'').is_some() => literal.push('\''),
                            Some('\'') => break,
                            Some(other) => literal.push(other),
                            None => {
                                return Err(exec_datafusion_err!(
                                    "The date pattern '{pattern}' has a quote that does not end"
                                ));
                            }
                        }
                    }
                }
                '[' => {
                    flush(&mut literal, &mut items);
                    items.push(Item::OptionalStart);
                }
                ']' => {
                    flush(&mut literal, &mut items);
                    items.push(Item::OptionalEnd);
                }
                c if c.is_ascii_alphabetic() => {
                    let mut count = 1;
                    while chars.next_if_eq(&c).is_some() {
                        count += 1;
                    }
                    if !"uyYMLdDEecwQqahHkKmsSnAG".contains(c) {
                        return Err(exec_datafusion_err!(
                            "The letter '{c}' of the date pattern '{pattern}' is not supported; \
                             quote it ('{c}') if it is meant as text"
                        ));
                    }
                    flush(&mut literal, &mut items);
                    items.push(Item::Field(c, count));
                }
                c => literal.push(c),
            }
        }
        flush(&mut literal, &mut items);
        Ok(Self { items })
    }

    /// Appends the text of a wall clock.
    pub fn format(&self, at: Instant, out: &mut String) {
        let days = at.days();
        let (year, month, day) = civil_from_days(days);
        let second = at.second_of_day();
        let (hour, minute) = (second / 3_600, second / 60 % 60);
        for item in &self.items {
            let (letter, count) = match item {
                Item::Literal(text) => {
                    out.push_str(text);
                    continue;
                }
                Item::OptionalStart | Item::OptionalEnd => continue,
                Item::Field(letter, count) => (*letter, *count),
            };
            match letter {
                'u' | 'y' => write_year(year, count, out),
                'Y' => write_year(iso_week(days).0, count, out),
                'M' | 'L' => write_name(&MONTHS, month, count, out),
                'd' => pad(day, count, out),
                'D' => pad(days - days_from_civil(year, 1, 1) + 1, count, out),
                'E' => write_name(&WEEKDAYS, iso_weekday(days), count.max(3), out),
                // Java counts Sunday as 1 in the US locale.
                'e' | 'c' if count <= 2 => pad(iso_weekday(days) % 7 + 1, count, out),
                'e' | 'c' => write_name(&WEEKDAYS, iso_weekday(days), count, out),
                'w' => pad(iso_week(days).1, count, out),
                'Q' | 'q' => pad((month - 1) / 3 + 1, count, out),
                'a' => out.push_str(if hour < 12 { "AM" } else { "PM" }),
                'h' => pad((hour + 11) % 12 + 1, count, out),
                'K' => pad(hour % 12, count, out),
                'k' => pad((hour + 23) % 24 + 1, count, out),
                'H' => pad(hour, count, out),
                'm' => pad(minute, count, out),
                's' => pad(second % 60, count, out),
                'S' => {
                    let digits = count.min(9);
                    pad(at.nanos / 10_i64.pow(9 - digits as u32), digits, out);
                    out.extend(std::iter::repeat_n('0', count - digits));
                }
                'n' => pad(at.nanos, count, out),
                'A' => pad(second * 1_000 + at.nanos / 1_000_000, count, out),
                _ => out.push_str(if year > 0 { "AD" } else { "BC" }),
            }
        }
    }

    /// Reads a wall clock; fields that the pattern does not name are those of
    /// 1970-01-01T00:00. `None` if the text does not fit.
    pub fn parse(&self, text: &str) -> Option<Instant> {
        let mut fields = Fields::default();
        let mut r = Reader {
            text: text.as_bytes(),
            at: 0,
        };
        let mut index = 0;
        // Where a failed optional section started: the item and the place in the text.
        let mut optional: Vec<(usize, usize, Fields)> = Vec::new();
        while index < self.items.len() {
            let ok = match &self.items[index] {
                Item::OptionalStart => {
                    optional.push((index, r.at, fields.clone()));
                    true
                }
                Item::OptionalEnd => {
                    optional.pop();
                    true
                }
                Item::Literal(literal) => {
                    let fits = r.text[r.at..].starts_with(literal.as_bytes());
                    if fits {
                        r.at += literal.len();
                    }
                    fits
                }
                Item::Field(letter, count) => {
                    let adjacent = matches!(
                        self.items.get(index + 1),
                        Some(Item::Field(next, n)) if is_numeric(*next, *n)
                    );
                    fields.read(*letter, *count, adjacent, &mut r).is_some()
                }
            };
            if ok {
                index += 1;
                continue;
            }
            let (start, at, saved) = optional.pop()?;
            r.at = at;
            fields = saved;
            index = self.end_of_optional(start)? + 1;
        }
        if !r.done() {
            return None;
        }
        fields.resolve()
    }

    fn end_of_optional(&self, start: usize) -> Option<usize> {
        let mut depth = 0;
        for (index, item) in self.items.iter().enumerate().skip(start) {
            match item {
                Item::OptionalStart => depth += 1,
                Item::OptionalEnd => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(index);
                    }
                }
                _ => {}
            }
        }
        Some(self.items.len().saturating_sub(1))
    }
}

fn is_numeric(letter: char, count: usize) -> bool {
    !(matches!(letter, 'E' | 'a' | 'G') || matches!(letter, 'M' | 'L' | 'e' | 'c') && count > 2)
}

fn write_year(year: i64, count: usize, out: &mut String) {
    if count == 2 {
        pad(year.rem_euclid(100), 2, out);
    } else {
        pad(year, count, out);
    }
}

/// A number for one or two letters, a short name for three, else the whole name. `value` counts
/// from 1.
fn write_name(names: &[&str], value: i64, count: usize, out: &mut String) {
    let name = names
        .get((value - 1).max(0) as usize)
        .copied()
        .unwrap_or_default();
    match count {
        1 | 2 => pad(value, count, out),
        3 => out.push_str(&name[..name.len().min(3)]),
        5 => out.push_str(&name[..name.len().min(1)]),
        _ => out.push_str(name),
    }
}

#[derive(Debug, Clone, Default)]
struct Fields {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: Option<i64>,
    half_hour: Option<i64>,
    afternoon: Option<bool>,
    minute: Option<i64>,
    second: Option<i64>,
    nanos: Option<i64>,
}

impl Fields {
    fn read(&mut self, letter: char, count: usize, adjacent: bool, r: &mut Reader) -> Option<()> {
        // One letter takes as many digits as there are, unless digits of the next field follow.
        let mut number = |max: usize| {
            if count > 1 || adjacent {
                r.digits(count, count)
            } else {
                r.digits(1, max)
            }
        };
        match letter {
            'u' | 'y' | 'Y' => {
                let year = if count == 2 {
                    2_000 + r.digits(2, 2)?
                } else {
                    number(9)?
                };
                self.year = Some(year);
            }
            'M' | 'L' if count > 2 => self.month = Some(read_name(&MONTHS, count, r)?),
            'M' | 'L' => self.month = Some(number(2)?),
            'd' => self.day = Some(number(2)?),
            'D' => self.day_of_year = Some(number(3)?),
            'E' => {
                read_name(&WEEKDAYS, count.max(3), r)?;
            }
            'e' | 'c' | 'w' | 'Q' | 'q' => {
                number(2)?;
            }
            'a' => {
                let rest = r.text.get(r.at..r.at + 2)?;
                self.afternoon = match rest.to_ascii_uppercase().as_slice() {
                    b"AM" => Some(false),
                    b"PM" => Some(true),
                    _ => return None,
                };
                r.at += 2;
            }
            'h' => self.half_hour = Some(number(2).filter(|h| (1..=12).contains(h))? % 12),
            'K' => self.half_hour = Some(number(2).filter(|h| *h < 12)?),
            'k' => self.hour = Some(number(2).filter(|h| (1..=24).contains(h))? % 24),
            'H' => self.hour = Some(number(2)?),
            'm' => self.minute = Some(number(2)?),
            's' => self.second = Some(number(2)?),
            'S' => {
                let start = r.at;
                let nanos = r.fraction(count.min(9));
                if r.at - start < count {
                    return None;
                }
                self.nanos = Some(nanos);
            }
            'n' => self.nanos = Some(number(9)?),
            'A' => {
                let millis = number(8).filter(|m| *m < MILLIS_PER_DAY)?;
                self.hour = Some(millis / 3_600_000);
                self.minute = Some(millis / 60_000 % 60);
                self.second = Some(millis / 1_000 % 60);
                self.nanos = Some(millis % 1_000 * 1_000_000);
            }
            _ => {
                r.text.get(r.at..r.at + 2).filter(|era| era == b"AD")?;
                r.at += 2;
            }
        }
        Some(())
    }

    fn resolve(self) -> Option<Instant> {
        let hour = match (self.hour, self.half_hour) {
            (Some(hour), _) => hour,
            (None, Some(half)) => half + if self.afternoon == Some(true) { 12 } else { 0 },
            (None, None) => 0,
        };
        let year = self.year.unwrap_or(1970);
        let time = (hour, self.minute.unwrap_or(0), self.second.unwrap_or(0));
        let nanos = self.nanos.unwrap_or(0);
        if let Some(day_of_year) = self.day_of_year {
            let first = days_from_civil(year, 1, 1);
            let last = days_from_civil(year + 1, 1, 1) - first;
            if !(1..=last).contains(&day_of_year) {
                return None;
            }
            let (year, month, day) = civil_from_days(first + day_of_year - 1);
            return resolve((year, month, day), time, nanos);
        }
        let date = (year, self.month.unwrap_or(1), self.day.unwrap_or(1));
        resolve(date, time, nanos)
    }
}

fn read_name(names: &[&str], count: usize, r: &mut Reader) -> Option<i64> {
    let rest = r.text.get(r.at..)?;
    for (index, name) in names.iter().enumerate() {
        let name = if count == 3 { &name[..3] } else { name };
        if rest
            .get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        {
            r.at += name.len();
            return Some(index as i64 + 1);
        }
    }
    None
}

/// `+1-02`: an interval of months, as `CAST` writes it.
pub(crate) fn write_months(months: i64, out: &mut String) {
    out.push(if months < 0 { '-' } else { '+' });
    let months = months.abs();
    // Writing to a String cannot fail.
    let _ = write!(out, "{}-{:02}", months / 12, months % 12);
}

/// `+1 02:03:04.005`: an interval of milliseconds, as `CAST` writes it.
pub(crate) fn write_millis(millis: i64, out: &mut String) {
    out.push(if millis < 0 { '-' } else { '+' });
    let millis = millis.unsigned_abs();
    let day = MILLIS_PER_DAY as u64;
    let _ = write!(out, "{} ", millis / day);
    let rest = (millis % day) as i64;
    write_clock(rest / 1_000, out);
    out.push('.');
    pad(rest % 1_000, 3, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        parse_timestamp(text).unwrap()
    }

    fn text(at: Instant) -> String {
        let mut out = String::new();
        write_timestamp(at, 3, &mut out);
        out
    }

    fn millis(text: &str) -> i64 {
        let at = at(text);
        at.seconds * 1000 + at.nanos / 1_000_000
    }

    #[test]
    fn a_wall_clock_is_complete_when_it_will_not_be_shown_again() {
        let zone: Zone = "America/New_York".parse().unwrap();
        // 01:30 comes twice, 02:30 never.
        let twice = millis("2024-11-03 01:30:00");
        assert_eq!(zone.epoch_millis(twice), millis("2024-11-03 05:30:00"));
        assert_eq!(zone.timer_millis(twice), millis("2024-11-03 06:30:00"));
        let never = millis("2024-03-10 02:30:00");
        assert_eq!(zone.epoch_millis(never), millis("2024-03-10 07:30:00"));
        assert_eq!(zone.timer_millis(never), millis("2024-03-10 07:00:00"));
        assert_eq!(
            zone.complete_millis(millis("2024-11-03 05:30:00")),
            millis("2024-11-03 00:59:59.999")
        );
        for start in ["2024-11-03 03:00:00", "2024-03-10 05:00:00"] {
            for minute in 0..300 {
                let at = millis(start) + minute * 60_000 - 1;
                for at in [at, at + 1] {
                    let local = zone.complete_millis(at);
                    assert!(zone.timer_millis(local) <= at, "{start} {minute}");
                    assert!(zone.timer_millis(local + 1) > at, "{start} {minute}");
                }
            }
        }
        let fixed: Zone = "+02:00".parse().unwrap();
        assert_eq!(fixed.complete_millis(-1), 7_199_999);
        assert_eq!(fixed.timer_millis(7_199_999), -1);
    }

    #[test]
    fn the_calendar_is_gregorian_both_ways() {
        assert_eq!(days_from_civil(1970, 1, 1), 0);
        assert_eq!(days_from_civil(2000, 3, 1), 11_017);
        for days in [-1_000_000, -719_468, -1, 0, 59, 60, 11_016, 2_932_896] {
            let (y, m, d) = civil_from_days(days);
            assert_eq!(days_from_civil(y, m, d), days);
        }
        assert_eq!(
            civil_from_days(add_months(days_from_civil(2024, 1, 31), 1)),
            (2024, 2, 29)
        );
        assert_eq!(iso_week(days_from_civil(2021, 1, 3)), (2020, 53));
        assert_eq!(iso_weekday(0), 4, "1970-01-01 was a Thursday");
    }

    #[test]
    fn timestamps_are_read_as_flink_reads_them() {
        assert_eq!(text(at("2024-1-2")), "2024-01-02 00:00:00.000");
        assert_eq!(text(at("2024-02-30 1:2:3.4567")), "2024-02-29 01:02:03.456");
        for bad in [
            "2024-01-02T00:00:00",
            "2024-13-01",
            "24-01-01",
            "2024-01-01 10:00",
            "",
            "x",
        ] {
            assert_eq!(parse_timestamp(bad), None, "{bad}");
        }
        assert_eq!(parse_date("2024-02-30"), None);
        assert_eq!(parse_date("2024"), Some(days_from_civil(2024, 1, 1)));
        assert_eq!(
            parse_date("2024-3-4 10:11:12"),
            Some(days_from_civil(2024, 3, 4))
        );
        assert_eq!(parse_time("10:15:30.25"), Some(36_930_250));
        assert_eq!(parse_time("25:00"), None);
    }

    #[test]
    fn patterns_format_and_parse() {
        let t = at("2024-03-05 14:07:09.125");
        for (pattern, expected) in [
            ("yyyy-MM-dd HH:mm:ss.SSS", "2024-03-05 14:07:09.125"),
            ("yyyyMMddHHmmss", "20240305140709"),
            ("d MMM yy, h:mm a", "5 Mar 24, 2:07 PM"),
            ("EEEE 'o''clock' HH", "Tuesday o'clock 14"),
            ("DDD/Q", "065/1"),
        ] {
            let compiled = Pattern::compile(pattern).unwrap();
            let mut out = String::new();
            compiled.format(t, &mut out);
            assert_eq!(out, expected);
            assert!(compiled.parse(expected).is_some(), "{pattern}");
        }
        let parsed = Pattern::compile("yyyyMMdd[ HH:mm]").unwrap();
        assert_eq!(parsed.parse("20240305"), Some(at("2024-03-05")));
        assert_eq!(
            parsed.parse("20240305 14:07"),
            Some(at("2024-03-05 14:07:00"))
        );
        assert_eq!(parsed.parse("20240305 14"), None);
        assert!(Pattern::compile("yyyy 'open").is_err());
        assert!(Pattern::compile("b").is_err());
    }

    #[test]
    fn zones_follow_java() {
        let zone: Zone = "America/New_York".parse().unwrap();
        let utc = at("2024-07-01 12:00:00");
        assert_eq!(text(zone.to_local(utc)), "2024-07-01 08:00:00.000");
        assert_eq!(zone.to_utc(zone.to_local(utc)), utc);
        // 02:30 did not exist on this day: it is 03:30 daylight time.
        assert_eq!(
            text(zone.to_utc(at("2024-03-10 02:30:00"))),
            "2024-03-10 07:30:00.000"
        );
        assert_eq!("GMT+8".parse(), Ok(Zone::Fixed(8 * 3_600)));
        assert_eq!("UTC".parse(), Ok(Zone::Utc));
        assert!("Nowhere/Town".parse::<Zone>().is_err());
    }

    #[test]
    fn intervals_have_flinks_text() {
        let mut out = String::new();
        write_millis(93_784_005, &mut out);
        out.push(' ');
        write_months(-14, &mut out);
        assert_eq!(out, "+1 02:03:04.005 -1-02");
    }
}
