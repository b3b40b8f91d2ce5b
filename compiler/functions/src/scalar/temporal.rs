//! Functions on dates and times. `TIMESTAMP_LTZ` is seen as the wall clock of the session's zone.

use std::time::{SystemTime, UNIX_EPOCH};

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{
    DataType, Date32Type, DurationMillisecondType, Float64Type, Int32Type, Int64Type,
    Time32MillisecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use datafusion_common::{Result, exec_err, plan_err};

use crate::call::{
    Args, Call, FlinkFunction, Is, Out, Resolved, Rows, STRING, Strs, booleans, prims, strings,
};
use crate::cast::interval_column;
use crate::datetime::{
    Instant, MILLIS_PER_DAY, Pattern, SECONDS_PER_DAY, Zone, add_months, civil_from_days,
    days_from_civil, iso_week, iso_weekday, parse_date, parse_timestamp, timestamp_values,
};
use crate::types::{FlinkType, TypeKind};

use Is::{Date, Double, Int, Str, Temporal, Timestamp};

/// `CURRENT_WATERMARK(rowtime)`, which [`current_watermark`](crate::current_watermark) finds.
pub(crate) const CURRENT_WATERMARK: &str = "current_watermark";

pub(crate) fn functions() -> Vec<FlinkFunction> {
    let mut functions = vec![
        FlinkFunction::new(
            "__extract",
            |call| resolve_unit(call, 0),
            |args| extract(args, None),
        ),
        // What it gives is not in its argument: an operator puts it in the place of the call.
        FlinkFunction::of(
            CURRENT_WATERMARK,
            &[&[Timestamp]],
            Out::Infer(|call| Ok(call.types[0].clone().with_nullable(true))),
            |_| exec_err!("CURRENT_WATERMARK can stand in a SELECT and in a WHERE only"),
        )
        .volatile(),
        FlinkFunction::new("__floor", resolve_rounding, |args| floor(args, false)),
        FlinkFunction::new("__ceil", resolve_rounding, |args| floor(args, true)),
        FlinkFunction::new("__timestampadd", resolve_add, timestamp_add),
        FlinkFunction::of(
            "__timestampdiff",
            &[&[Str, Temporal, Temporal]],
            Out::Infer(|call| {
                unit_of(call, 0)?;
                Ok(FlinkType::new(TypeKind::Int).with_nullable(call.nullable()))
            }),
            timestamp_diff,
        ),
        FlinkFunction::of(
            "__timestamp_minus",
            &[&[Timestamp, Timestamp]],
            Out::Infer(|call| {
                Ok(FlinkType::new(TypeKind::day_to_second()).with_nullable(call.nullable()))
            }),
            |args| {
                let (left, right) = (
                    Times::of(args, 0, Zone::Utc)?,
                    Times::of(args, 1, Zone::Utc)?,
                );
                prims::<DurationMillisecondType>(args.rows, args.result.data_type(), |row| {
                    Ok(left
                        .get(row)
                        .zip(right.get(row))
                        .map(|(l, r)| millis(l).wrapping_sub(millis(r))))
                })
            },
        ),
        FlinkFunction::new("__overlaps", resolve_overlaps, overlaps),
        FlinkFunction::of(
            "date_format",
            &[&[Timestamp, Str], &[Date, Str], &[Str, Str]],
            Out::Infer(|call| {
                check_pattern(call, 1)?;
                let nullable = call.nullable() || call.types[0].is_string();
                Ok(FlinkType::string().with_nullable(nullable))
            }),
            date_format,
        ),
        FlinkFunction::of(
            "to_timestamp",
            &[&[Str], &[Str, Str]],
            Out::Infer(|call| {
                check_pattern(call, 1)?;
                Ok(TypeKind::Timestamp(3).into())
            }),
            |args| {
                let text = args.strs(0)?;
                let mut patterns = Patterns::optional(args, 1)?;
                times(args, Zone::Utc, |row| {
                    let Some(text) = text.get(row) else {
                        return Ok(None);
                    };
                    patterns.parse(row, text)
                })
            },
        ),
        FlinkFunction::of(
            "to_date",
            &[&[Str], &[Str, Str]],
            Out::Infer(|call| {
                check_pattern(call, 1)?;
                Ok(TypeKind::Date.into())
            }),
            |args| {
                let text = args.strs(0)?;
                let with_pattern = args.has(1);
                let mut patterns = Patterns::optional(args, 1)?;
                times(args, Zone::Utc, |row| {
                    let Some(text) = text.get(row) else {
                        return Ok(None);
                    };
                    if with_pattern {
                        return patterns.parse(row, text);
                    }
                    Ok(parse_date(text).map(|days| Instant {
                        seconds: days * SECONDS_PER_DAY,
                        nanos: 0,
                    }))
                })
            },
        ),
        FlinkFunction::of(
            "to_timestamp_ltz",
            &[
                &[Int],
                &[Int, Int],
                &[Double],
                &[Double, Int],
                &[Str],
                &[Str, Str],
                &[Str, Str, Str],
            ],
            Out::Infer(|call| {
                if let Some(precision) = call.integer(1)
                    && ![0, 3].contains(&precision)
                {
                    return plan_err!(
                        "Unsupported precision {precision} of TO_TIMESTAMP_LTZ; use 0 (seconds) or \
                         3 (milliseconds)"
                    );
                }
                Ok(TypeKind::TimestampLtz(3).into())
            }),
            to_timestamp_ltz,
        ),
        FlinkFunction::of(
            "unix_timestamp",
            &[&[], &[Str], &[Str, Str]],
            Out::Infer(|call| {
                check_pattern(call, 1)?;
                Ok(FlinkType::new(TypeKind::BigInt).with_nullable(call.nullable()))
            }),
            unix_timestamp,
        )
        .volatile(),
        FlinkFunction::of(
            "from_unixtime",
            &[&[Int], &[Int, Str]],
            Out::Infer(|call| {
                check_pattern(call, 1)?;
                Ok(FlinkType::string())
            }),
            |args| {
                let seconds = args.prims::<Int64Type>(0)?;
                let mut patterns = Patterns::optional(args, 1)?;
                strings(args.rows, |row, out| {
                    let Some(seconds) = seconds.get(row) else {
                        return Ok(false);
                    };
                    let at = args.zone.to_local(Instant { seconds, nanos: 0 });
                    patterns.format(row, at, out)
                })
            },
        ),
        FlinkFunction::of(
            "convert_tz",
            &[&[Str, Str, Str]],
            Out::Nullable(STRING),
            |args| {
                let (text, from, to) = (args.strs(0)?, args.strs(1)?, args.strs(2)?);
                let mut patterns = Patterns::optional(args, usize::MAX)?;
                strings(args.rows, |row, out| {
                    let (Some(text), Some(from), Some(to)) =
                        (text.get(row), from.get(row), to.get(row))
                    else {
                        return Ok(false);
                    };
                    let (Ok(from), Ok(to)) = (from.parse::<Zone>(), to.parse::<Zone>()) else {
                        return Ok(false);
                    };
                    match parse_timestamp(text) {
                        Some(at) => patterns.format(row, to.to_local(from.to_utc(at)), out),
                        None => Ok(false),
                    }
                })
            },
        ),
        clock("current_date", TypeKind::Date),
        clock("current_time", TypeKind::Time(0)),
        clock("localtime", TypeKind::Time(0)),
        clock("localtimestamp", TypeKind::Timestamp(3)),
        clock("current_timestamp", TypeKind::TimestampLtz(3)),
        clock("now", TypeKind::TimestampLtz(3)),
        clock("current_row_timestamp", TypeKind::TimestampLtz(3)),
        clock("proctime", TypeKind::TimestampLtz(3)),
    ];
    for (name, unit) in [
        ("year", Unit::Year),
        ("quarter", Unit::Quarter),
        ("month", Unit::Month),
        ("week", Unit::Week),
        ("dayofyear", Unit::DayOfYear),
        ("dayofmonth", Unit::Day),
        ("dayofweek", Unit::DayOfWeek),
        ("hour", Unit::Hour),
        ("minute", Unit::Minute),
        ("second", Unit::Second),
    ] {
        functions.push(FlinkFunction::of(
            name,
            &[&[Temporal]],
            Out::Strict(TypeKind::BigInt),
            move |args| extract(args, Some(unit)),
        ));
    }
    functions
}

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Nanosecond,
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    Week,
    Month,
    Quarter,
    Year,
    IsoYear,
    Decade,
    Century,
    Millennium,
    Epoch,
}

impl Unit {
    fn parse(text: &str) -> Result<Self> {
        Ok(
            match text.to_ascii_uppercase().trim_start_matches("SQL_TSI_") {
                "NANOSECOND" | "NANOSECONDS" => Self::Nanosecond,
                "MICROSECOND" | "MICROSECONDS" | "FRAC_SECOND" => Self::Microsecond,
                "MILLISECOND" | "MILLISECONDS" => Self::Millisecond,
                "SECOND" | "SECONDS" => Self::Second,
                "MINUTE" | "MINUTES" => Self::Minute,
                "HOUR" | "HOURS" => Self::Hour,
                "DAY" | "DAYS" => Self::Day,
                "DOW" | "DAYOFWEEK" => Self::DayOfWeek,
                "ISODOW" => Self::IsoDayOfWeek,
                "DOY" | "DAYOFYEAR" => Self::DayOfYear,
                "WEEK" | "WEEKS" => Self::Week,
                "MONTH" | "MONTHS" => Self::Month,
                "QUARTER" | "QUARTERS" => Self::Quarter,
                "YEAR" | "YEARS" => Self::Year,
                "ISOYEAR" => Self::IsoYear,
                "DECADE" | "DECADES" => Self::Decade,
                "CENTURY" | "CENTURIES" => Self::Century,
                "MILLENNIUM" | "MILLENNIA" => Self::Millennium,
                "EPOCH" => Self::Epoch,
                _ => return plan_err!("'{text}' is not a unit of time"),
            },
        )
    }

    /// The milliseconds of a unit of fixed length.
    fn millis(self) -> Option<i64> {
        Some(match self {
            Self::Millisecond => 1,
            Self::Second => 1_000,
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => MILLIS_PER_DAY,
            Self::Week => 7 * MILLIS_PER_DAY,
            _ => return None,
        })
    }

    fn months(self) -> Option<i64> {
        Some(match self {
            Self::Month => 1,
            Self::Quarter => 3,
            Self::Year => 12,
            Self::Decade => 120,
            Self::Century => 1_200,
            Self::Millennium => 12_000,
            _ => return None,
        })
    }
}

/// The unit in the literal at `index`, when literals are known.
fn unit_of(call: &Call<'_>, index: usize) -> Result<()> {
    match call.text(index) {
        Some(text) => Unit::parse(text).map(|_| ()),
        None if call.literals.is_empty() => Ok(()),
        None => plan_err!("The unit of {} must be a literal", call.name),
    }
}

fn unit_argument(args: &Args, index: usize) -> Result<Unit> {
    match args.strs(index)?.literal().flatten() {
        Some(text) => Unit::parse(text),
        None => exec_err!("The unit of time must be a literal"),
    }
}

fn resolve_unit(call: &Call<'_>, index: usize) -> Result<Resolved> {
    unit_of(call, index)?;
    match call.types {
        [_, time]
            if time.is_timestamp()
                || matches!(
                    time.kind,
                    TypeKind::Date
                        | TypeKind::Time(_)
                        | TypeKind::Null
                        | TypeKind::IntervalDayTime { .. }
                ) =>
        {
            let kind = match &time.kind {
                TypeKind::Null => TypeKind::Timestamp(3),
                kind => kind.clone(),
            };
            Ok(Resolved {
                args: vec![STRING, kind],
                result: FlinkType::new(TypeKind::BigInt).with_nullable(call.nullable()),
            })
        }
        _ => Err(call.mismatch("EXTRACT(<UNIT> FROM <DATETIME>)")),
    }
}

fn resolve_rounding(call: &Call<'_>) -> Result<Resolved> {
    unit_of(call, 1)?;
    match call.types {
        [time, _]
            if time.is_timestamp() || matches!(time.kind, TypeKind::Date | TypeKind::Time(_)) =>
        {
            Ok(Resolved {
                args: vec![time.kind.clone(), STRING],
                result: time.clone().with_nullable(call.nullable()),
            })
        }
        _ => Err(call.mismatch(&format!("{}(<DATETIME> TO <UNIT>)", call.name))),
    }
}

/// Dates and times by row, as wall clocks.
struct Times {
    rows: Rows,
    unit: Option<TimeUnit>,
    zone: Zone,
}

impl Times {
    /// The argument at `index`; a `TIMESTAMP_LTZ` becomes the wall clock of `zone`.
    fn of(args: &Args, index: usize, zone: Zone) -> Result<Self> {
        let rows = args.any(index)?;
        let (unit, zone) = match rows.array.data_type() {
            DataType::Date32 | DataType::Time32(TimeUnit::Millisecond) => (None, Zone::Utc),
            DataType::Timestamp(unit, None) => (Some(*unit), Zone::Utc),
            DataType::Timestamp(unit, Some(_)) => (Some(*unit), zone),
            other => return exec_err!("{other} is not a date or time"),
        };
        Ok(Self { rows, unit, zone })
    }

    fn get(&self, row: usize) -> Option<Instant> {
        use arrow::array::AsArray;
        let at = self.rows.at(row)?;
        let array = &self.rows.array;
        let instant = match self.unit {
            Some(unit) => Instant::from_unit(timestamp_values(array.as_ref())?.0[at], unit),
            None => match array.as_primitive_opt::<Date32Type>() {
                Some(days) => Instant {
                    seconds: i64::from(days.value(at)) * SECONDS_PER_DAY,
                    nanos: 0,
                },
                None => {
                    let millis = array.as_primitive_opt::<Time32MillisecondType>()?.value(at);
                    Instant::from_millis(i64::from(millis))
                }
            },
        };
        Some(self.zone.to_local(instant))
    }
}

fn millis(at: Instant) -> i64 {
    at.seconds
        .saturating_mul(1_000)
        .saturating_add(at.nanos / 1_000_000)
}

/// A column of the result's date or time type; for `TIMESTAMP_LTZ` the wall clocks are of `zone`.
fn times(
    args: &Args,
    zone: Zone,
    mut at: impl FnMut(usize) -> Result<Option<Instant>>,
) -> Result<ArrayRef> {
    let target = args.result.data_type();
    let rows = args.rows;
    match target {
        DataType::Date32 => prims::<Date32Type>(rows, target, |row| {
            Ok(at(row)?.and_then(|at| i32::try_from(at.days()).ok()))
        }),
        DataType::Time32(_) => prims::<Time32MillisecondType>(rows, target, |row| {
            Ok(at(row)?.map(|at| (at.second_of_day() * 1_000 + at.nanos / 1_000_000) as i32))
        }),
        DataType::Timestamp(unit, tz) => {
            let unit = *unit;
            let instant = tz.is_some();
            let mut value = |row: usize| {
                Ok(at(row)?.and_then(|at| {
                    let at = if instant { zone.to_utc(at) } else { at };
                    at.to_unit(unit)
                }))
            };
            match unit {
                TimeUnit::Second => prims::<TimestampSecondType>(rows, target, &mut value),
                TimeUnit::Millisecond => {
                    prims::<TimestampMillisecondType>(rows, target, &mut value)
                }
                TimeUnit::Microsecond => {
                    prims::<TimestampMicrosecondType>(rows, target, &mut value)
                }
                TimeUnit::Nanosecond => prims::<TimestampNanosecondType>(rows, target, &mut value),
            }
        }
        other => exec_err!("{other} is not a date or time"),
    }
}

fn extract(args: &Args, unit: Option<Unit>) -> Result<ArrayRef> {
    let (unit, index) = match unit {
        Some(unit) => (unit, 0),
        None => (unit_argument(args, 0)?, 1),
    };
    if matches!(args.data_type(index), DataType::Duration(_)) {
        return extract_interval(args, unit, index);
    }
    // The epoch counts from the instant, everything else from the wall clock.
    let zone = if unit == Unit::Epoch {
        Zone::Utc
    } else {
        args.zone
    };
    let times = Times::of(args, index, zone)?;
    prims::<Int64Type>(args.rows, &DataType::Int64, |row| {
        Ok(times.get(row).map(|at| field(at, unit)))
    })
}

fn field(at: Instant, unit: Unit) -> i64 {
    let second = at.second_of_day();
    match unit {
        Unit::Nanosecond => second % 60 * 1_000_000_000 + at.nanos,
        Unit::Microsecond => second % 60 * 1_000_000 + at.nanos / 1_000,
        Unit::Millisecond => second % 60 * 1_000 + at.nanos / 1_000_000,
        Unit::Second => second % 60,
        Unit::Minute => second / 60 % 60,
        Unit::Hour => second / 3_600,
        Unit::Epoch => at.seconds,
        Unit::DayOfWeek => iso_weekday(at.days()) % 7 + 1,
        Unit::IsoDayOfWeek => iso_weekday(at.days()),
        Unit::Week => iso_week(at.days()).1,
        Unit::IsoYear => iso_week(at.days()).0,
        Unit::Day
        | Unit::DayOfYear
        | Unit::Month
        | Unit::Quarter
        | Unit::Year
        | Unit::Decade
        | Unit::Century
        | Unit::Millennium => {
            let days = at.days();
            let (year, month, day) = civil_from_days(days);
            match unit {
                Unit::Day => day,
                Unit::DayOfYear => days - days_from_civil(year, 1, 1) + 1,
                Unit::Month => month,
                Unit::Quarter => (month - 1) / 3 + 1,
                Unit::Decade => year.div_euclid(10),
                Unit::Century => (year - 1).div_euclid(100) + 1,
                Unit::Millennium => (year - 1).div_euclid(1_000) + 1,
                _ => year,
            }
        }
    }
}

fn extract_interval(args: &Args, unit: Unit, index: usize) -> Result<ArrayRef> {
    let interval = interval_column(&args.array(index)?)?;
    prims::<Int64Type>(args.rows, &DataType::Int64, |row| {
        if interval.is_null(row) {
            return Ok(None);
        }
        let millis = interval.value(row);
        Ok(Some(match unit {
            Unit::Day => millis / MILLIS_PER_DAY,
            Unit::Hour => millis / 3_600_000 % 24,
            Unit::Minute => millis / 60_000 % 60,
            Unit::Second => millis / 1_000 % 60,
            Unit::Millisecond => millis % 60_000,
            Unit::Epoch => millis / 1_000,
            other => return exec_err!("An interval of days has no field {other:?}"),
        }))
    })
}

/// The start of the unit that a wall clock is in. Flink: a week starts on Sunday.
fn floor_to(at: Instant, unit: Unit) -> Instant {
    let day = |days: i64| Instant {
        seconds: days * SECONDS_PER_DAY,
        nanos: 0,
    };
    let to_second = |step: i64| Instant {
        seconds: at.seconds - at.seconds.rem_euclid(step),
        nanos: 0,
    };
    match unit {
        Unit::Nanosecond | Unit::Epoch => at,
        Unit::Microsecond => at.truncate(6),
        Unit::Millisecond => at.truncate(3),
        Unit::Second => to_second(1),
        Unit::Minute => to_second(60),
        Unit::Hour => to_second(3_600),
        Unit::Day | Unit::DayOfWeek | Unit::IsoDayOfWeek | Unit::DayOfYear => day(at.days()),
        Unit::Week => day(at.days() - iso_weekday(at.days()) % 7),
        Unit::IsoYear => {
            let (year, _) = iso_week(at.days());
            let fourth = days_from_civil(year, 1, 4);
            day(fourth - iso_weekday(fourth) + 1)
        }
        Unit::Month => {
            let (year, month, _) = civil_from_days(at.days());
            day(days_from_civil(year, month, 1))
        }
        Unit::Quarter => {
            let (year, month, _) = civil_from_days(at.days());
            day(days_from_civil(year, (month - 1) / 3 * 3 + 1, 1))
        }
        Unit::Year | Unit::Decade | Unit::Century | Unit::Millennium => {
            let (year, ..) = civil_from_days(at.days());
            let first = match unit {
                Unit::Decade => year.div_euclid(10) * 10,
                Unit::Century => (year - 1).div_euclid(100) * 100 + 1,
                Unit::Millennium => (year - 1).div_euclid(1_000) * 1_000 + 1,
                _ => year,
            };
            day(days_from_civil(first, 1, 1))
        }
    }
}

/// The start of the next unit.
fn next(at: Instant, unit: Unit) -> Instant {
    if let Some(months) = unit.months() {
        return shift_months(at, months);
    }
    match unit {
        Unit::Microsecond => shift_nanos(at, 1_000),
        Unit::IsoYear => floor_to(shift_millis(at, 380 * MILLIS_PER_DAY), unit),
        _ => shift_millis(at, unit.millis().unwrap_or(MILLIS_PER_DAY)),
    }
}

fn shift_nanos(at: Instant, nanos: i64) -> Instant {
    let total = at.nanos + nanos;
    Instant {
        seconds: at.seconds + total.div_euclid(1_000_000_000),
        nanos: total.rem_euclid(1_000_000_000),
    }
}

fn shift_millis(at: Instant, millis: i64) -> Instant {
    let shifted = shift_nanos(at, millis.rem_euclid(1_000) * 1_000_000);
    Instant {
        seconds: shifted.seconds.saturating_add(millis.div_euclid(1_000)),
        nanos: shifted.nanos,
    }
}

fn shift_months(at: Instant, months: i64) -> Instant {
    Instant {
        seconds: add_months(at.days(), months) * SECONDS_PER_DAY + at.second_of_day(),
        nanos: at.nanos,
    }
}

fn floor(args: &Args, up: bool) -> Result<ArrayRef> {
    let unit = unit_argument(args, 1)?;
    let source = Times::of(args, 0, args.zone)?;
    times(args, args.zone, |row| {
        Ok(source.get(row).map(|at| {
            let start = floor_to(at, unit);
            if up && start != at {
                next(start, unit)
            } else {
                start
            }
        }))
    })
}

fn resolve_add(call: &Call<'_>) -> Result<Resolved> {
    unit_of(call, 0)?;
    match call.types {
        [_, count, time]
            if (count.is_integer() || count.kind == TypeKind::Null)
                && (time.is_timestamp()
                    || matches!(time.kind, TypeKind::Date | TypeKind::Time(_))) =>
        {
            let unit = call.text(0).map(Unit::parse).transpose()?;
            let below_day = matches!(
                unit,
                Some(
                    Unit::Hour
                        | Unit::Minute
                        | Unit::Second
                        | Unit::Millisecond
                        | Unit::Microsecond
                        | Unit::Nanosecond
                )
            );
            let kind = match time.kind {
                TypeKind::Date if below_day => TypeKind::Timestamp(3),
                ref kind => kind.clone(),
            };
            Ok(Resolved {
                args: vec![STRING, TypeKind::BigInt, time.kind.clone()],
                result: FlinkType::new(kind).with_nullable(call.nullable()),
            })
        }
        _ => Err(call.mismatch("TIMESTAMPADD(<UNIT>, <INTEGER_NUMERIC>, <DATETIME>)")),
    }
}

fn timestamp_add(args: &Args) -> Result<ArrayRef> {
    let unit = unit_argument(args, 0)?;
    let count = args.prims::<Int64Type>(1)?;
    // A length of time is added to the instant, months to the wall clock.
    let zone = if unit.months().is_some() {
        args.zone
    } else {
        Zone::Utc
    };
    let source = Times::of(args, 2, zone)?;
    times(args, zone, |row| {
        let (Some(count), Some(at)) = (count.get(row), source.get(row)) else {
            return Ok(None);
        };
        let shifted = match (unit.months(), unit.millis(), unit) {
            (Some(months), ..) => shift_months(at, months.saturating_mul(count)),
            (_, Some(millis), _) => shift_millis(at, millis.saturating_mul(count)),
            (.., Unit::Microsecond) => {
                let at = shift_nanos(at, count % 1_000_000 * 1_000);
                shift_millis(at, count / 1_000_000 * 1_000)
            }
            (.., Unit::Nanosecond) => {
                let at = shift_nanos(at, count % 1_000_000_000);
                shift_millis(at, count / 1_000_000_000 * 1_000)
            }
            (.., other) => return exec_err!("TIMESTAMPADD has no unit {other:?}"),
        };
        Ok(Some(shifted))
    })
}

/// Whole units from the first time to the second, cut toward zero.
fn timestamp_diff(args: &Args) -> Result<ArrayRef> {
    let unit = unit_argument(args, 0)?;
    let zone = if unit.months().is_some() {
        args.zone
    } else {
        Zone::Utc
    };
    let (from, to) = (Times::of(args, 1, zone)?, Times::of(args, 2, zone)?);
    prims::<Int32Type>(args.rows, &DataType::Int32, |row| {
        let (Some(from), Some(to)) = (from.get(row), to.get(row)) else {
            return Ok(None);
        };
        let count = match (unit.months(), unit.millis(), unit) {
            (Some(months), ..) => months_between(from, to) / months,
            (_, Some(length), _) => millis(to).saturating_sub(millis(from)) / length,
            (.., Unit::Microsecond) => millis(to)
                .saturating_sub(millis(from))
                .saturating_mul(1_000),
            (.., other) => return exec_err!("TIMESTAMPDIFF has no unit {other:?}"),
        };
        Ok(Some(count as i32))
    })
}

fn months_between(from: Instant, to: Instant) -> i64 {
    if from > to {
        return -months_between(to, from);
    }
    let ((y1, m1, _), (y2, m2, _)) = (civil_from_days(from.days()), civil_from_days(to.days()));
    let months = (y2 - y1) * 12 + m2 - m1;
    if shift_months(from, months) > to {
        months - 1
    } else {
        months
    }
}

// ---- Texts ----

/// The pattern argument of a function: compiled once if it is a literal.
struct Patterns {
    text: Option<Strs>,
    compiled: Option<(String, Pattern)>,
}

const DEFAULT_PATTERN: &str = "yyyy-MM-dd HH:mm:ss";

impl Patterns {
    /// The argument at `index`, or Flink's default pattern if there is none.
    fn optional(args: &Args, index: usize) -> Result<Self> {
        Ok(Self {
            text: args.has(index).then(|| args.strs(index)).transpose()?,
            compiled: None,
        })
    }

    /// The pattern of a row; `None` if it is NULL.
    fn at(&mut self, row: usize) -> Result<Option<&Pattern>> {
        let text = match &self.text {
            Some(text) => match text.get(row) {
                Some(text) => text,
                None => return Ok(None),
            },
            None => DEFAULT_PATTERN,
        };
        let known = matches!(&self.compiled, Some((known, _)) if known == text);
        if !known {
            self.compiled = Some((text.to_string(), Pattern::compile(text)?));
        }
        Ok(self.compiled.as_ref().map(|(_, pattern)| pattern))
    }

    fn format(&mut self, row: usize, at: Instant, out: &mut String) -> Result<bool> {
        Ok(self
            .at(row)?
            .map(|pattern| pattern.format(at, out))
            .is_some())
    }

    /// Flink: a text that does not fit the pattern is NULL. Without a pattern, a date alone or a
    /// fraction of the second are fine too.
    fn parse(&mut self, row: usize, text: &str) -> Result<Option<Instant>> {
        if self.text.is_none() {
            return Ok(parse_timestamp(text));
        }
        Ok(self.at(row)?.and_then(|pattern| pattern.parse(text)))
    }
}

/// Refuses a wrong literal pattern when planning.
fn check_pattern(call: &Call<'_>, index: usize) -> Result<()> {
    match call.text(index) {
        Some(text) => Pattern::compile(text).map(|_| ()),
        None => Ok(()),
    }
}

fn date_format(args: &Args) -> Result<ArrayRef> {
    let mut patterns = Patterns::optional(args, 1)?;
    if args.data_type(0) == DataType::Utf8 {
        let text = args.strs(0)?;
        return strings(args.rows, |row, out| {
            match text.get(row).and_then(parse_timestamp) {
                Some(at) => patterns.format(row, at, out),
                None => Ok(false),
            }
        });
    }
    let source = Times::of(args, 0, args.zone)?;
    strings(args.rows, |row, out| match source.get(row) {
        Some(at) => patterns.format(row, at, out),
        None => Ok(false),
    })
}

fn to_timestamp_ltz(args: &Args) -> Result<ArrayRef> {
    if args.data_type(0) == DataType::Utf8 {
        let text = args.strs(0)?;
        let zones = args.has(2).then(|| args.strs(2)).transpose()?;
        let mut patterns = Patterns::optional(args, 1)?;
        // The times below are instants already.
        return times(args, Zone::Utc, |row| {
            let zone = match zones.as_ref().map(|zones| zones.get(row)) {
                None => Zone::Utc,
                Some(None) => return Ok(None),
                Some(Some(name)) => match name.parse() {
                    Ok(zone) => zone,
                    Err(_) => return Ok(None),
                },
            };
            let Some(text) = text.get(row) else {
                return Ok(None);
            };
            Ok(patterns.parse(row, text)?.map(|at| zone.to_utc(at)))
        });
    }
    let precision = args
        .has(1)
        .then(|| args.prims::<Int64Type>(1))
        .transpose()?;
    let per_second = |row: usize| match precision.as_ref().map(|p| p.get(row)) {
        None | Some(Some(3)) => Some(1_000),
        Some(Some(0)) => Some(1),
        Some(_) => None,
    };
    // Flink: from year 1 to 9999.
    let range = -62_135_596_800_000..=253_402_300_799_999_i64;
    let instant = |millis: Option<i64>| {
        millis
            .filter(|millis| range.contains(millis))
            .map(Instant::from_millis)
    };
    if args.data_type(0) == DataType::Float64 {
        let value = args.prims::<Float64Type>(0)?;
        return times(args, Zone::Utc, |row| {
            let (Some(value), Some(unit)) = (value.get(row), per_second(row)) else {
                return Ok(None);
            };
            Ok(instant(Some((value * (1_000 / unit) as f64) as i64)))
        });
    }
    let value = args.prims::<Int64Type>(0)?;
    times(args, Zone::Utc, |row| {
        let (Some(value), Some(unit)) = (value.get(row), per_second(row)) else {
            return Ok(None);
        };
        Ok(instant(value.checked_mul(1_000 / unit)))
    })
}

/// Seconds since the epoch. Flink: a text that does not fit is the smallest BIGINT.
fn unix_timestamp(args: &Args) -> Result<ArrayRef> {
    if args.len() == 0 {
        let now = now().seconds;
        return prims::<Int64Type>(args.rows, &DataType::Int64, |_| Ok(Some(now)));
    }
    let text = args.strs(0)?;
    let mut patterns = Patterns::optional(args, 1)?;
    prims::<Int64Type>(args.rows, &DataType::Int64, |row| {
        let Some(text) = text.get(row) else {
            return Ok(None);
        };
        let Some(pattern) = patterns.at(row)? else {
            return Ok(None);
        };
        Ok(Some(
            pattern
                .parse(text)
                .map_or(i64::MIN, |at| args.zone.to_utc(at).seconds),
        ))
    })
}

// ---- The clock ----

fn now() -> Instant {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Instant::from_millis(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}

/// A function of the clock. One reading serves a batch.
fn clock(name: &'static str, kind: TypeKind) -> FlinkFunction {
    let instant = matches!(kind, TypeKind::TimestampLtz(_));
    let whole_seconds = matches!(kind, TypeKind::Time(0));
    FlinkFunction::of(name, &[&[]], Out::NotNull(kind), move |args| {
        let mut at = now();
        if !instant {
            at = args.zone.to_local(at);
        }
        if whole_seconds {
            at = at.truncate(0);
        }
        times(args, Zone::Utc, |_| Ok(Some(at)))
    })
    .volatile()
}

// ---- OVERLAPS ----

fn resolve_overlaps(call: &Call<'_>) -> Result<Resolved> {
    let point = |ty: &FlinkType| {
        ty.is_timestamp() || matches!(ty.kind, TypeKind::Date | TypeKind::Time(_) | TypeKind::Null)
    };
    let length = |ty: &FlinkType| matches!(ty.kind, TypeKind::IntervalDayTime { .. });
    match call.types {
        [a, b, c, d]
            if point(a) && point(c) && (point(b) || length(b)) && (point(d) || length(d)) =>
        {
            let args = call
                .types
                .iter()
                .map(|ty| match &ty.kind {
                    TypeKind::Null => TypeKind::Timestamp(3),
                    kind => kind.clone(),
                })
                .collect();
            Ok(Resolved {
                args,
                result: FlinkType::new(TypeKind::Boolean).with_nullable(call.nullable()),
            })
        }
        _ => Err(call.mismatch("(<DATETIME>, <DATETIME or INTERVAL>) OVERLAPS (…)")),
    }
}

/// Two periods overlap if each starts no later than the other ends; touching counts.
fn overlaps(args: &Args) -> Result<ArrayRef> {
    enum End {
        Point(Times),
        Length(arrow::array::DurationMillisecondArray),
    }
    let end = |index: usize| -> Result<End> {
        Ok(if matches!(args.data_type(index), DataType::Duration(_)) {
            End::Length(interval_column(&args.array(index)?)?)
        } else {
            End::Point(Times::of(args, index, args.zone)?)
        })
    };
    let (first, second) = (
        Times::of(args, 0, args.zone)?,
        Times::of(args, 2, args.zone)?,
    );
    let (first_end, second_end) = (end(1)?, end(3)?);
    let period = |start: &Times, end: &End, row: usize| {
        let start = start.get(row)?;
        let end = match end {
            End::Point(point) => point.get(row)?,
            End::Length(length) => {
                if length.is_null(row) {
                    return None;
                }
                shift_millis(start, length.value(row))
            }
        };
        Some((start.min(end), start.max(end)))
    };
    booleans(args.rows, |row| {
        let one = period(&first, &first_end, row);
        let other = period(&second, &second_end, row);
        Ok(one
            .zip(other)
            .map(|(one, other)| one.0 <= other.1 && other.0 <= one.1))
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::{
        call, column, failure, int, literal, null, one, text, try_call_in, type_of,
    };

    fn ts(text: &str) -> crate::testing::Argument {
        literal("TIMESTAMP(3)", text)
    }

    #[test]
    fn fields_are_extracted() {
        let t = ts("2024-02-29 13:14:15.678");
        for (unit, expected) in [
            ("YEAR", "2024"),
            ("QUARTER", "1"),
            ("MONTH", "2"),
            ("WEEK", "9"),
            ("DAY", "29"),
            ("DOY", "60"),
            ("DOW", "5"),
            ("HOUR", "13"),
            ("MINUTE", "14"),
            ("SECOND", "15"),
            ("MILLISECOND", "15678"),
            ("EPOCH", "1709212455"),
            ("DECADE", "202"),
            ("CENTURY", "21"),
        ] {
            assert_eq!(
                one("__extract", &[text(unit), t.clone()]),
                expected,
                "{unit}"
            );
        }
        assert_eq!(
            one("dayofweek", &[literal("DATE", "2024-03-03")]),
            "1",
            "a Sunday"
        );
        assert_eq!(one("hour", &[literal("TIME(0)", "23:59:59")]), "23");
        assert!(failure("__extract", &[text("LIGHTYEAR"), t]).contains("LIGHTYEAR"));
        let instant = literal("TIMESTAMP_LTZ(3)", "2024-01-01 00:30:00");
        let local = try_call_in("-01:00", "year", &[instant]).unwrap();
        assert_eq!(local, ["2023"], "a wall clock of the session");
    }

    #[test]
    fn rounding_to_units() {
        let t = ts("2024-02-29 13:14:15.678");
        for (unit, down, up) in [
            ("SECOND", "2024-02-29T13:14:15", "2024-02-29T13:14:16"),
            ("HOUR", "2024-02-29T13:00", "2024-02-29T14:00"),
            ("DAY", "2024-02-29T00:00", "2024-03-01T00:00"),
            ("WEEK", "2024-02-25T00:00", "2024-03-03T00:00"),
            ("MONTH", "2024-02-01T00:00", "2024-03-01T00:00"),
            ("QUARTER", "2024-01-01T00:00", "2024-04-01T00:00"),
            ("YEAR", "2024-01-01T00:00", "2025-01-01T00:00"),
        ] {
            assert_eq!(one("__floor", &[t.clone(), text(unit)]), down);
            assert_eq!(one("__ceil", &[t.clone(), text(unit)]), up);
        }
        assert_eq!(
            one("__ceil", &[ts("2024-01-01"), text("YEAR")]),
            "2024-01-01T00:00"
        );
    }

    #[test]
    fn adding_and_differences() {
        let t = ts("2024-01-31 10:00:00");
        assert_eq!(
            one("__timestampadd", &[text("MONTH"), int(1), t.clone()]),
            "2024-02-29T10:00"
        );
        assert_eq!(
            one("__timestampadd", &[text("MINUTE"), int(-1), t.clone()]),
            "2024-01-31T09:59"
        );
        let date = literal("DATE", "2024-01-31");
        assert_eq!(
            one("__timestampadd", &[text("DAY"), int(1), date.clone()]),
            "2024-02-01"
        );
        assert_eq!(
            type_of("__timestampadd", &[text("HOUR"), int(1), date]),
            "TIMESTAMP(3) NOT NULL"
        );
        let later = ts("2024-03-30 09:59:59");
        let between = |unit| one("__timestampdiff", &[text(unit), t.clone(), later.clone()]);
        assert_eq!(
            [between("MONTH"), between("DAY"), between("HOUR")],
            ["1", "58", "1415"]
        );
        let back = one(
            "__timestampdiff",
            &[text("MONTH"), later.clone(), t.clone()],
        );
        assert_eq!(back, "-1");
        assert_eq!(one("__timestamp_minus", &[later, t]), "PT1415H59M59S");
    }

    #[test]
    fn texts_and_times() {
        let t = ts("2024-02-29 13:14:15.678");
        assert_eq!(
            one("date_format", &[t.clone(), text("yyyy/MM/dd HH:mm:ss.SSS")]),
            "2024/02/29 13:14:15.678"
        );
        assert_eq!(
            one("date_format", &[text("2024-02-29 01:02:03"), text("HH")]),
            "01"
        );
        assert!(failure("date_format", &[t, text("bb")]).contains("'b'"));
        let texts = column("STRING", &[Some("2024-01-02 03:04:05"), Some("bad"), None]);
        assert_eq!(
            call("to_timestamp", std::slice::from_ref(&texts)),
            ["2024-01-02T03:04:05", "null", "null"]
        );
        assert_eq!(
            one("to_timestamp", &[text("02.01.2024"), text("dd.MM.yyyy")]),
            "2024-01-02T00:00"
        );
        assert_eq!(one("to_date", &[text("2024-1-2")]), "2024-01-02");
        assert_eq!(
            call("unix_timestamp", &[texts])[..2],
            ["1704164645", "-9223372036854775808"]
        );
        assert_eq!(one("from_unixtime", &[int(44)]), "1970-01-01 00:00:44");
        assert_eq!(
            one("to_timestamp_ltz", &[int(44), int(0)]),
            "1970-01-01T00:00:44Z"
        );
        assert_eq!(
            one("to_timestamp_ltz", &[int(44)]),
            "1970-01-01T00:00:00.044Z"
        );
        assert!(failure("to_timestamp_ltz", &[int(1), int(6)]).contains("precision 6"));
        assert_eq!(one("to_timestamp_ltz", &[null(), int(3)]), "null");
        assert_eq!(
            one(
                "convert_tz",
                &[
                    text("2024-07-01 12:00:00"),
                    text("UTC"),
                    text("Europe/Berlin")
                ]
            ),
            "2024-07-01 14:00:00"
        );
        assert_eq!(
            type_of("current_timestamp", &[]),
            "TIMESTAMP_LTZ(3) NOT NULL"
        );
        assert_eq!(type_of("current_date", &[]), "DATE NOT NULL");
    }

    #[test]
    fn overlapping_periods_touch() {
        let overlap = |a, b, c, d| one("__overlaps", &[ts(a), ts(b), ts(c), ts(d)]);
        assert_eq!(
            overlap("2024-01-01", "2024-01-03", "2024-01-03", "2024-01-04"),
            "true"
        );
        assert_eq!(
            overlap("2024-01-04", "2024-01-03", "2024-01-01", "2024-01-02"),
            "false"
        );
    }
}
