//! The configuration keys that `SET` takes: Flink's own.

use std::collections::BTreeMap;
use std::time::Duration;

use datafusion_common::DataFusionError;
use millstream_functions::Zone;

use crate::diagnostics::{Diagnostic, did_you_mean};

/// What a key's value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Count,
    Duration,
    Flag,
    /// One of these words, in any case.
    OneOf(&'static [&'static str]),
    /// A time zone.
    Zone,
    /// Only this value changes nothing: others are not supported.
    Only(&'static str),
}

/// The zone in which a TIMESTAMP_LTZ becomes a wall clock.
pub const TIME_ZONE: &str = "table.local-time-zone";

/// The zone that the setting names.
///
/// # Errors
/// A name that is none.
pub fn time_zone(name: &str) -> Result<Zone, DataFusionError> {
    match name {
        // Flink's default is the machine's; that of a job here is UTC everywhere.
        "default" => Ok(Zone::Utc),
        name => name.parse().map_err(DataFusionError::Plan),
    }
}

/// Keys that the runtime honours.
const KNOWN: &[(&str, Kind)] = &[
    ("parallelism.default", Kind::Count),
    ("pipeline.max-parallelism", Kind::Count),
    ("pipeline.name", Kind::Text),
    ("pipeline.auto-watermark-interval", Kind::Duration),
    ("execution.checkpointing.interval", Kind::Duration),
    ("execution.runtime-mode", Kind::Only("streaming")),
    (TIME_ZONE, Kind::Zone),
    ("table.dml-sync", Kind::Flag),
    ("table.exec.state.ttl", Kind::Duration),
    ("table.exec.source.cdc-events-duplicate", Kind::Flag),
    (
        "table.exec.sink.upsert-materialize",
        Kind::OneOf(&["AUTO", "FORCE", "NONE"]),
    ),
    (
        "table.exec.sink.not-null-enforcer",
        Kind::OneOf(&["ERROR", "DROP"]),
    ),
    (
        "table.exec.sink.type-length-enforcer",
        Kind::OneOf(&["IGNORE", "TRIM_PAD", "ERROR"]),
    ),
    (
        "table.exec.sink.nested-constraint-enforcer",
        Kind::OneOf(&["IGNORE", "ROWS", "ROWS_AND_COLLECTIONS"]),
    ),
    (
        "table.exec.sink.keyed-shuffle",
        Kind::OneOf(&["AUTO", "FORCE", "NONE"]),
    ),
    ("table.exec.sink.require-on-conflict", Kind::Flag),
    ("table.exec.mini-batch.enabled", Kind::Flag),
    ("table.exec.mini-batch.allow-latency", Kind::Duration),
    ("table.exec.mini-batch.size", Kind::Count),
    (
        "table.optimizer.agg-phase-strategy",
        Kind::OneOf(&["AUTO", "ONE_PHASE", "TWO_PHASE"]),
    ),
    ("table.optimizer.distinct-agg.split.enabled", Kind::Flag),
    ("table.optimizer.distinct-agg.split.bucket-num", Kind::Count),
    ("table.optimizer.incremental-agg-enabled", Kind::Flag),
    ("table.optimizer.multi-join.enabled", Kind::Flag),
    (super::ranking::NON_TEMPORAL_SORT, Kind::Flag),
    ("taskmanager.memory.managed.size", Kind::Text),
];

/// Keys of Flink that are read but change nothing here.
const IGNORED: &[&str] = &[
    "sql-client.execution.result-mode",
    "restart-strategy.type",
    "state.backend.type",
    "pipeline.object-reuse",
    "execution.checkpointing.mode",
    "table.exec.source.idle-timeout",
    "execution.checkpointing.dir",
    "state.checkpoints.dir",
];

/// The keys that the runtime honours, each with what its value must be, in words; for completion.
pub fn known_keys() -> impl ExactSizeIterator<Item = (&'static str, String)> {
    KNOWN.iter().map(|(key, kind)| {
        let value = match kind {
            Kind::Text => "text".to_string(),
            Kind::Count => "a whole number".to_string(),
            Kind::Duration => "a duration such as 5 s".to_string(),
            Kind::Flag => "true or false".to_string(),
            Kind::OneOf(words) => words.join(", "),
            Kind::Zone => "a time zone such as UTC or Europe/Berlin".to_string(),
            Kind::Only(value) => (*value).to_string(),
        };
        (*key, value)
    })
}

/// Checks a key and its value: an error for a bad value, perhaps a warning for the key.
pub(crate) fn check(key: &str, value: &str) -> Result<Option<Diagnostic>, Diagnostic> {
    let Some((_, kind)) = KNOWN.iter().find(|(known, _)| *known == key) else {
        if IGNORED.contains(&key) {
            return Ok(Some(Diagnostic::warning(
                "sql/ignored-setting",
                format!(
                    "'{key}' is not supported by the embedded runtime yet and is ignored; Flink honours it"
                ),
            )));
        }
        let d = Diagnostic::warning("sql/unknown-setting", format!("unknown setting '{key}'"));
        let known = KNOWN.iter().map(|(k, _)| *k).chain(IGNORED.iter().copied());
        return Ok(Some(match did_you_mean(key, known) {
            Some(near) => d.help(format!("did you mean '{near}'?")),
            None => d,
        }));
    };
    let wrong = |what: &str| {
        Err(Diagnostic::error(
            "sql/setting-value",
            format!("'{key}' takes {what}, not '{value}'"),
        ))
    };
    match kind {
        Kind::Text => Ok(None),
        Kind::Count => match value.parse::<u32>() {
            Ok(1..) => Ok(None),
            _ => wrong("a whole number above 0"),
        },
        Kind::Flag => match value {
            "true" | "false" => Ok(None),
            _ => wrong("true or false"),
        },
        Kind::Duration => match parse_duration(value) {
            Some(_) => Ok(None),
            None => wrong("a duration such as '10 s', '200 ms' or '1 min'"),
        },
        Kind::OneOf(words) => match words.iter().any(|word| word.eq_ignore_ascii_case(value)) {
            true => Ok(None),
            false => wrong(&words.join(" or ")),
        },
        Kind::Zone => match time_zone(value) {
            Ok(_) => Ok(None),
            Err(_) => wrong("a time zone such as Europe/Berlin, UTC or +02:00"),
        },
        Kind::Only(only) if value.eq_ignore_ascii_case(only) => Ok(None),
        Kind::Only(only) => Err(Diagnostic::error(
            "sql/not-supported",
            format!("'{key}' = '{value}' is not supported; only '{only}' is"),
        )),
    }
}

/// A duration as Flink writes it: `10 s`, `200ms`, `1 min`, or a number of milliseconds.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: u64 = text[..digits].parse().ok()?;
    let millis = match text[digits..].trim().to_lowercase().as_str() {
        "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => 1,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000,
        "m" | "min" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.checked_mul(millis)?))
}

/// A size in bytes as Flink writes it: `512mb`, `1 g`, `4096`.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim().to_lowercase().as_str() {
        "" | "b" | "bytes" => 1,
        "k" | "kb" | "kibibytes" => 1 << 10,
        "m" | "mb" | "mebibytes" => 1 << 20,
        "g" | "gb" | "gibibytes" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// The duration of a setting, if it is set.
pub fn duration_setting(settings: &BTreeMap<String, String>, key: &str) -> Option<Duration> {
    settings.get(key).and_then(|v| parse_duration(v))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_flinks() {
        assert_eq!(parse_duration("10 s"), Some(Duration::from_secs(10)));
        assert_eq!(parse_duration("200ms"), Some(Duration::from_millis(200)));
        assert_eq!(parse_duration("0"), Some(Duration::ZERO));
        assert_eq!(parse_duration("1 min"), Some(Duration::from_secs(60)));
        assert_eq!(parse_duration("soon"), None);
        assert_eq!(parse_bytes("512mb"), Some(512 << 20));
    }

    #[test]
    fn an_unknown_key_is_a_warning_and_a_bad_value_an_error() {
        let warning = check("paralelism.default", "2").unwrap().unwrap();
        assert_eq!(
            warning.help.as_deref(),
            Some("did you mean 'parallelism.default'?")
        );
        assert!(check("parallelism.default", "0").is_err());
        assert!(check("execution.runtime-mode", "batch").is_err());
        assert_eq!(check("pipeline.name", "x"), Ok(None));
    }
}
