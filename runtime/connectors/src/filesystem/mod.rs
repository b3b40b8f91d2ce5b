//! The connector `filesystem`: tables in local files.
//!
//! Reading takes a file, a folder (recursively, without hidden files: names that start with `.` or
//! `_`) or, beyond Flink, a glob. Writing takes a folder and commits in two phases. Both know
//! Hive's `key=value` folders of partitioned tables.

mod listing;
mod partition;
mod sink;
mod source;

pub(crate) use listing::{is_glob, list_files};
pub(crate) use sink::{FileSink, commit, recover};
pub(crate) use source::FileSource;

use millstream_functions::types::{FlinkType, TypeKind};

use crate::error::{ConnectorError, ErrorKind, Result};
use crate::formats::Format;
use crate::options::{self, OptionDef, Value, list, nearest};
use crate::spec::TableSpec;

const NO_COMMIT_POLICY: &str =
    "drop it: files become visible at every checkpoint, there is no partition commit";
const NO_COMPACTION: &str = "drop it: files are not compacted";
const NO_EXTRACTOR: &str = "drop it: there is no partition commit by time";

const OPTIONS: &[OptionDef] = &[
    OptionDef::new("path", Value::Text),
    OptionDef::new("format", Value::Text),
    OptionDef::new("partition.default-name", Value::Text),
    OptionDef::new("source.monitor-interval", Value::Duration),
    OptionDef::new("source.path.regex-pattern", Value::Text),
    OptionDef::new("scan.watermark.idle-timeout", Value::Duration),
    // a watermark goes with every row anyway
    OptionDef::new(
        "scan.watermark.emit.strategy",
        Value::Word(&["on-event", "on-periodic"]),
    ),
    // a table that is looked up is read into memory whole
    OptionDef::new("lookup.cache", Value::Word(&["FULL"])),
    OptionDef::new(
        "lookup.full-cache.reload-strategy",
        Value::Word(&["PERIODIC"]),
    ),
    OptionDef::new(
        "lookup.full-cache.periodic-reload.interval",
        Value::Duration,
    ),
    // statistics are for Flink's batch optimizer: whatever is asked for, rows are the same
    OptionDef::new("source.report-statistics", Value::Word(&["ALL", "NONE"])),
    OptionDef::new("sink.rolling-policy.file-size", Value::Memory),
    OptionDef::new("sink.rolling-policy.rollover-interval", Value::Duration),
    // every file is rolled at each checkpoint, so an idle one never stays open for long
    OptionDef::new("sink.rolling-policy.inactivity-interval", Value::Duration),
    OptionDef::new("sink.rolling-policy.check-interval", Value::Duration),
    OptionDef::not_supported(
        "sink.shuffle-by-partition.enable",
        "drop it: rows are written by the subtask that has them",
    ),
    OptionDef::not_supported("auto-compaction", NO_COMPACTION),
    OptionDef::not_supported("compaction.file-size", NO_COMPACTION),
    OptionDef::not_supported("compaction.parallelism", NO_COMPACTION),
    OptionDef::not_supported("partition.time-extractor.kind", NO_EXTRACTOR),
    OptionDef::not_supported("partition.time-extractor.class", NO_EXTRACTOR),
    OptionDef::not_supported("partition.time-extractor.timestamp-formatter", NO_EXTRACTOR),
    OptionDef::not_supported("partition.time-extractor.timestamp-pattern", NO_EXTRACTOR),
    OptionDef::not_supported("sink.partition-commit.trigger", NO_COMMIT_POLICY),
    OptionDef::not_supported("sink.partition-commit.delay", NO_COMMIT_POLICY),
    OptionDef::not_supported(
        "sink.partition-commit.watermark-time-zone",
        NO_COMMIT_POLICY,
    ),
    OptionDef::not_supported("sink.partition-commit.policy.kind", NO_COMMIT_POLICY),
    OptionDef::not_supported("sink.partition-commit.policy.class", NO_COMMIT_POLICY),
    OptionDef::not_supported(
        "sink.partition-commit.policy.class.parameters",
        NO_COMMIT_POLICY,
    ),
    OptionDef::not_supported("sink.partition-commit.success-file.name", NO_COMMIT_POLICY),
];

/// The metadata a file has for its rows: key and type.
const METADATA: &[(&str, &str)] = &[
    ("file.path", "STRING"),
    ("file.name", "STRING"),
    ("file.size", "BIGINT"),
    ("file.modification-time", "TIMESTAMP_LTZ(3)"),
];

/// The name of the folder of NULL and empty partition values.
fn default_partition(spec: &TableSpec) -> &str {
    spec.option("partition.default-name")
        .unwrap_or("__DEFAULT_PARTITION__")
}

/// The columns that stand in the files: all but the partition keys.
fn file_columns(spec: &TableSpec) -> Vec<(String, FlinkType)> {
    spec.columns
        .iter()
        .filter(|(name, _)| !spec.partition_keys.contains(name))
        .cloned()
        .collect()
}

/// Checks what source and sink have in common.
fn check(spec: &TableSpec) -> Result<()> {
    let path = spec.required("path")?;
    if path.is_empty() {
        return Err(
            ConnectorError::new(ErrorKind::BadOption, "the path is empty").with_option("path"),
        );
    }
    if let Some((scheme, _)) = path.split_once("://")
        && scheme != "file"
    {
        return Err(ConnectorError::new(
            ErrorKind::NotSupported,
            format!("the file system '{scheme}' is not supported by Millstream"),
        )
        .with_option("path")
        .with_remedy("use a local path"));
    }
    options::check(spec, &[OPTIONS, Format::options(spec)?], &|_| Ok(None))?;
    let format = Format::of(spec)?;
    for key in &spec.partition_keys {
        let Some((_, ty)) = spec.columns.iter().find(|(name, _)| name == key) else {
            return Err(ConnectorError::new(
                ErrorKind::Schema,
                format!("the partition key '{key}' is no column of the table"),
            ));
        };
        let simple = ty.is_string()
            || ty.is_integer()
            || matches!(ty.kind, TypeKind::Boolean | TypeKind::Date);
        if !simple {
            return Err(ConnectorError::new(
                ErrorKind::NotSupported,
                format!("partition keys of type {ty} are not supported by Millstream"),
            )
            .with_column(key)
            .with_remedy("use a STRING, a whole number, a BOOLEAN or a DATE"));
        }
    }
    let columns = file_columns(spec);
    if columns.is_empty() && spec.metadata.is_empty() {
        return Err(
            ConnectorError::new(ErrorKind::Schema, "the files have no column")
                .with_remedy("declare at least one column that is no partition key"),
        );
    }
    format.check_columns(&columns)?;
    for (name, ty) in &columns {
        format.check_type(name, ty)?;
    }
    Ok(())
}

/// Checks a table that is read.
pub(crate) fn validate_source(spec: &TableSpec) -> Result<()> {
    check(spec)?;
    if spec
        .duration("source.monitor-interval")?
        .is_some_and(|interval| interval.is_zero())
    {
        return Err(ConnectorError::new(
            ErrorKind::BadOption,
            "the option 'source.monitor-interval' must be longer than nothing",
        )
        .with_option("source.monitor-interval"));
    }
    listing::pattern(spec)?;
    for (column, key, ty) in &spec.metadata {
        let names: Vec<&str> = METADATA.iter().map(|(name, _)| *name).collect();
        let Some((_, expected)) = METADATA.iter().find(|(name, _)| name == key) else {
            return Err(ConnectorError::new(
                ErrorKind::Schema,
                format!("the connector 'filesystem' has no metadata '{key}'"),
            )
            .with_column(column)
            .with_remedy(match nearest(key, &names) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("it has {}", list(&names)),
            }));
        };
        if ty.clone().with_nullable(true).to_string() != *expected {
            return Err(ConnectorError::new(
                ErrorKind::Schema,
                format!("the metadata '{key}' is of type {expected}, not {ty}"),
            )
            .with_column(column)
            .with_remedy(format!("declare the column as {expected}")));
        }
    }
    Ok(())
}

/// Whether the table's files hold updates and deletes.
pub(crate) fn accepts_changes(spec: &TableSpec) -> Result<bool> {
    Ok(Format::of(spec)?.takes_changes())
}

/// Checks a table that is written.
pub(crate) fn validate_sink(spec: &TableSpec) -> Result<()> {
    check(spec)?;
    Format::of(spec)?.check_writing()?;
    if let Some((column, key, _)) = spec.metadata.first() {
        return Err(ConnectorError::new(
            ErrorKind::Schema,
            format!("the metadata '{key}' can only be read"),
        )
        .with_column(column)
        .with_remedy("declare the column VIRTUAL"));
    }
    Ok(())
}
