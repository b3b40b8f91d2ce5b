//! Millstream's connectors: where rows come from and where they go.
//!
//! A table is described by a [`TableSpec`]. [`validate_source`] and [`validate_sink`] check its
//! options against what its connector and format understand, without touching anything outside;
//! the names are Flink's, and what Flink has but Millstream does not is refused as "not supported",
//! never ignored. [`open_source`] then gives a [`Source`], whose splits are read by
//! [`SplitReader`]s that can return to any [`Position`]; [`open_sink`] gives a [`SinkWriter`], whose
//! output becomes visible by [`commit`]. [`recover`] brings a sink back to a checkpoint. A job goes
//! through [`Connectors`], which holds connectors given from outside as well.
//!
//! Files of rows that stand by themselves, outside any table, are read and written by [`data_file`].
//!
//! | connector | reads | writes |
//! |---|---|---|
//! | `filesystem` | CSV, JSON, Debezium's JSON, raw lines: file, folder, glob | the same, exactly once |
//! | `datagen` | Flink's random values and sequences | |
//! | `card-transactions` | card payments with planted fraud (Millstream's own) | |
//! | `nexmark` | the events of the Nexmark benchmark | |
//! | `print` | | `+I[a, 1]` |
//! | `blackhole` | | nothing |

mod blackhole;
mod card_transactions;
pub mod data_file;
mod datagen;
pub mod error;
mod filesystem;
mod formats;
mod infer;
mod nexmark;
mod options;
mod pace;
mod print;
mod random;
pub mod registry;
pub mod sink;
pub mod source;
pub mod spec;

use std::io::Write;
use std::path::{Path, PathBuf};

use millstream_functions::types::FlinkType;

pub use error::{ConnectorError, ErrorKind, Result};
pub use infer::{Inferred, infer};
pub use nexmark::{NexmarkExport, NexmarkLayout};
pub use pace::without_pace;
pub use registry::{Connectors, CustomConnector};
pub use sink::{Committable, SinkContext, SinkWriter};
pub use source::{Position, Read, Source, SplitId, SplitReader};
pub use spec::TableSpec;

/// What a table's `connector` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connector {
    Filesystem,
    Datagen,
    CardTransactions,
    Nexmark,
    Print,
    Blackhole,
}

const SOURCES: &[&str] = &["card-transactions", "datagen", "filesystem", "nexmark"];
const SINKS: &[&str] = &["blackhole", "filesystem", "print"];

/// What Flink has and Millstream doesn't, yet.
const NOT_SUPPORTED: &[&str] = &[
    "dynamodb",
    "elasticsearch-7",
    "elasticsearch-8",
    "firehose",
    "hbase-2.2",
    "hbase-2.6",
    "hive",
    "jdbc",
    "kafka",
    "kinesis",
    "mongodb",
    "mysql-cdc",
    "opensearch",
    "postgres-cdc",
    "pulsar",
    "upsert-kafka",
];

impl Connector {
    fn of(spec: &TableSpec) -> Result<Self> {
        let Some(name) = spec.option("connector") else {
            return Err(ConnectorError::new(
                ErrorKind::UnknownConnector,
                "the option 'connector' is required",
            )
            .with_option("connector")
            .with_remedy("add 'connector' = '…' to the table's WITH (…)"));
        };
        Ok(match name {
            "filesystem" => Self::Filesystem,
            "datagen" => Self::Datagen,
            "card-transactions" => Self::CardTransactions,
            "nexmark" => Self::Nexmark,
            "print" => Self::Print,
            "blackhole" => Self::Blackhole,
            _ => {
                let all: Vec<&str> = {
                    let mut all = [SOURCES, SINKS].concat();
                    all.sort_unstable();
                    all.dedup();
                    all
                };
                let there_are = format!("there are {}", options::list(&all));
                let error = if NOT_SUPPORTED.contains(&name) {
                    ConnectorError::new(
                        ErrorKind::NotSupported,
                        format!("the connector '{name}' is not supported by Millstream"),
                    )
                    .with_remedy(there_are)
                } else {
                    ConnectorError::new(
                        ErrorKind::UnknownConnector,
                        format!("there is no connector '{name}'"),
                    )
                    .with_remedy(match options::nearest(name, &all) {
                        Some(near) => format!("did you mean '{near}'?"),
                        None => there_are,
                    })
                };
                return Err(error.with_option("connector"));
            }
        })
    }
}

fn wrong_direction(verb: &str, others: &[&str]) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::UnknownConnector,
        format!("the table's connector cannot be {verb}"),
    )
    .with_option("connector")
    .with_remedy(format!("these can: {}", options::list(others)))
}

/// Checks that a table can be read: connector, options and their values, columns. Does no I/O.
pub fn validate_source(spec: &TableSpec) -> Result<()> {
    let checked = Connector::of(spec).and_then(|connector| match connector {
        Connector::Filesystem => filesystem::validate_source(spec),
        Connector::Datagen => datagen::validate_source(spec),
        Connector::CardTransactions => card_transactions::validate_source(spec),
        Connector::Nexmark => nexmark::validate_source(spec),
        Connector::Print | Connector::Blackhole => Err(wrong_direction("read", SOURCES)),
    });
    checked.map_err(|error| error.with_table(&spec.name))
}

/// Checks that a table can be written. Does no I/O.
pub fn validate_sink(spec: &TableSpec) -> Result<()> {
    let checked = Connector::of(spec).and_then(|connector| match connector {
        Connector::Filesystem => filesystem::validate_sink(spec),
        Connector::Print => print::validate_sink(spec),
        Connector::Blackhole => blackhole::validate_sink(spec),
        Connector::Datagen | Connector::CardTransactions | Connector::Nexmark => {
            Err(wrong_direction("written", SINKS))
        }
    });
    checked.map_err(|error| error.with_table(&spec.name))
}

/// Whether the table takes updates and deletes, not only new rows.
pub fn accepts_changes(spec: &TableSpec) -> Result<bool> {
    let connector = Connector::of(spec).map_err(|error| error.with_table(&spec.name))?;
    match connector {
        Connector::Filesystem => {
            filesystem::accepts_changes(spec).map_err(|error| error.with_table(&spec.name))
        }
        _ => Ok(matches!(connector, Connector::Print | Connector::Blackhole)),
    }
}

/// Whether the table's rows end.
pub fn is_bounded(spec: &TableSpec) -> Result<bool> {
    let connector = Connector::of(spec).map_err(|error| error.with_table(&spec.name))?;
    Ok(match connector {
        Connector::Filesystem => spec.option("source.monitor-interval").is_none(),
        Connector::Datagen => {
            spec.option("number-of-rows").is_some()
                || spec.options.iter().any(|(key, value)| {
                    key.ends_with(".kind") && value.eq_ignore_ascii_case("sequence")
                })
        }
        Connector::CardTransactions => spec.option("number-of-rows").is_some(),
        Connector::Nexmark => {
            nexmark::is_bounded(spec).map_err(|error| error.with_table(&spec.name))?
        }
        Connector::Print | Connector::Blackhole => true,
    })
}

/// Opens a table for reading. `projection` names the wanted columns, in their order, as indexes
/// into [`TableSpec::source_columns`].
pub fn open_source(spec: &TableSpec, projection: &[usize]) -> Result<Box<dyn Source>> {
    validate_source(spec)?;
    let opened = Connector::of(spec).and_then(|connector| {
        Ok(match connector {
            Connector::Filesystem => {
                Box::new(filesystem::FileSource::open(spec, projection)?) as Box<dyn Source>
            }
            Connector::Datagen => Box::new(datagen::DatagenSource::open(spec, projection)?),
            Connector::CardTransactions => {
                Box::new(card_transactions::CardSource::open(spec, projection)?)
            }
            Connector::Nexmark => Box::new(nexmark::NexmarkSource::open(spec, projection)?),
            Connector::Print | Connector::Blackhole => {
                return Err(wrong_direction("read", SOURCES));
            }
        })
    });
    opened.map_err(|error| error.with_table(&spec.name))
}

/// Opens a writer of a table. `print` writes to this process's standard output or error stream.
pub fn open_sink(spec: &TableSpec, context: &SinkContext) -> Result<Box<dyn SinkWriter>> {
    let out: Box<dyn Write + Send> = if print::to_stderr(spec).unwrap_or(false) {
        Box::new(std::io::stderr())
    } else {
        Box::new(std::io::stdout())
    };
    open_sink_with(spec, context, out)
}

/// Like [`open_sink`], with another place for `print` to write to.
pub fn open_sink_with(
    spec: &TableSpec,
    context: &SinkContext,
    out: Box<dyn Write + Send>,
) -> Result<Box<dyn SinkWriter>> {
    validate_sink(spec)?;
    let opened = Connector::of(spec).and_then(|connector| {
        Ok(match connector {
            Connector::Filesystem => {
                Box::new(filesystem::FileSink::open(spec, context)?) as Box<dyn SinkWriter>
            }
            Connector::Print => Box::new(print::PrintSink::new(spec, context, out)),
            Connector::Blackhole => Box::new(blackhole::Blackhole),
            Connector::Datagen | Connector::CardTransactions | Connector::Nexmark => {
                return Err(wrong_direction("written", SINKS));
            }
        })
    });
    opened.map_err(|error| error.with_table(&spec.name))
}

/// Makes prepared output visible. May be repeated with the same committables.
pub fn commit(spec: &TableSpec, committables: &[Committable]) -> Result<()> {
    match Connector::of(spec) {
        Ok(Connector::Filesystem) => filesystem::commit(spec, committables),
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
    .map_err(|error| error.with_table(&spec.name))
}

/// At a job's start, before any writer is opened: makes the output of the restored checkpoint
/// visible (an empty list for a fresh start) and removes what `job` left unfinished after it.
pub fn recover(spec: &TableSpec, job: &str, committables: &[Committable]) -> Result<()> {
    match Connector::of(spec) {
        Ok(Connector::Filesystem) => filesystem::recover(spec, job, committables),
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
    .map_err(|error| error.with_table(&spec.name))
}

/// The columns a generator offers, with their types; `None` if the connector has no columns of its
/// own.
pub fn generator_columns(connector: &str) -> Option<Vec<(String, FlinkType)>> {
    if connector != "card-transactions" {
        return None;
    }
    let columns = card_transactions::columns().into_iter();
    columns
        .map(|(name, ty)| Some((name, FlinkType::parse(&ty).ok()?)))
        .collect()
}

/// Writes the first `rows` rows of a generator table (`card-transactions`) to `files` CSV files in
/// `folder`, as Flink's `csv` format reads them; gives their names.
pub fn export(spec: &TableSpec, rows: u64, folder: &Path, files: usize) -> Result<Vec<PathBuf>> {
    match Connector::of(spec) {
        Ok(Connector::CardTransactions) => card_transactions::export(spec, rows, folder, files),
        Ok(_) => Err(ConnectorError::new(
            ErrorKind::NotSupported,
            "only the connector 'card-transactions' is exported",
        )
        .with_option("connector")),
        Err(error) => Err(error),
    }
    .map_err(|error| error.with_table(&spec.name))
}

/// Writes events of the connector `nexmark` to files; gives their names.
pub fn export_nexmark(export: &NexmarkExport) -> Result<Vec<PathBuf>> {
    nexmark::export(export)
}
