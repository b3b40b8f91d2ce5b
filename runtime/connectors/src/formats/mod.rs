//! Formats: bytes to columns and back.
//!
//! A [`Decoder`] is fed whatever bytes of a file are at hand and appends whole rows to columns;
//! the caller keeps the rest for the next call. An [`Encoder`] appends a batch's rows to a buffer.
//! Neither does I/O, so files, and later topics, share them.

pub(crate) mod batch_builder;
pub(crate) mod cells;
pub(crate) mod column;
pub(crate) mod csv;
pub(crate) mod json;
pub(crate) mod json_text;
pub(crate) mod parquet;
pub(crate) mod text;

use arrow::array::{ArrayRef, RecordBatch};
use millstream_functions::types::FlinkType;

use crate::error::{ConnectorError, ErrorKind, Result};
use crate::options::{OptionDef, list, nearest};
use crate::spec::TableSpec;

/// No row may be longer than this: an unclosed quote must not read a whole disk into memory.
pub(crate) const LONGEST_ROW: usize = 64 << 20;

/// How far a decoder came.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Bytes that are done with.
    pub bytes: usize,
    /// Line ends among them.
    pub lines: u64,
}

/// Turns bytes into rows.
pub(crate) trait Decoder: Send {
    /// Appends rows from the start of `data`, until `max_rows` have gathered or no whole row is
    /// left. `line` is the number of the line at which `data` starts; `at_end` says that nothing
    /// follows `data`, so that its last row needs no line end.
    fn decode(&mut self, data: &[u8], at_end: bool, line: u64, max_rows: usize)
    -> Result<Progress>;

    /// How many rows have gathered.
    fn rows(&self) -> usize;

    /// The gathered rows as one array a column, and how many rows they are (a table may be read
    /// for no columns at all).
    fn finish(&mut self) -> Result<(Vec<ArrayRef>, usize)>;

    /// Rows dropped or patched so far.
    fn bad_rows(&self) -> u64;
}

/// Turns rows into bytes.
pub(crate) trait Encoder: Send {
    /// Appends the batch's rows, each with its line end.
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()>;
}

/// A format with its options.
#[derive(Debug, Clone)]
pub(crate) enum Format {
    Csv(csv::CsvFormat),
    Json(json::JsonFormat),
}

/// The formats Flink has and Millstream doesn't, yet.
const NOT_SUPPORTED: &[&str] = &[
    "avro",
    "avro-confluent",
    "canal-json",
    "debezium-avro-confluent",
    "debezium-json",
    "maxwell-json",
    "ogg-json",
    "orc",
    "parquet",
    "protobuf",
    "raw",
];

impl Format {
    /// The options of the table's format.
    pub(crate) fn options(spec: &TableSpec) -> Result<&'static [OptionDef]> {
        match spec.required("format")? {
            "csv" => Ok(csv::OPTIONS),
            "json" => Ok(json::OPTIONS),
            other => Err(unknown(other)),
        }
    }

    /// The table's format, its options read.
    pub(crate) fn of(spec: &TableSpec) -> Result<Self> {
        match spec.required("format")? {
            "csv" => csv::CsvFormat::of(spec).map(Self::Csv),
            "json" => json::JsonFormat::of(spec).map(Self::Json),
            other => Err(unknown(other)),
        }
    }

    /// Whether the format holds values of a column's type.
    pub(crate) fn check_type(&self, name: &str, ty: &FlinkType) -> Result<()> {
        match self {
            Self::Csv(_) => csv::check_type(name, ty),
            Self::Json(_) => json::check_type(name, ty),
        }
    }

    /// A decoder of rows that hold `columns`, of which those named by `projection` are wanted.
    pub(crate) fn decoder(
        &self,
        columns: &[(String, FlinkType)],
        projection: &[usize],
    ) -> Box<dyn Decoder> {
        match self {
            Self::Csv(format) => {
                Box::new(csv::CsvDecoder::new(format.clone(), columns, projection))
            }
            Self::Json(format) => {
                Box::new(json::JsonDecoder::new(format.clone(), columns, projection))
            }
        }
    }

    /// An encoder of rows of these columns.
    pub(crate) fn encoder(&self, columns: &[(String, FlinkType)]) -> Box<dyn Encoder> {
        match self {
            Self::Csv(format) => Box::new(csv::CsvEncoder::new(format.clone(), columns)),
            Self::Json(format) => Box::new(json::JsonEncoder::new(format.clone(), columns)),
        }
    }
}

fn unknown(format: &str) -> ConnectorError {
    let known = ["csv", "json"];
    let error = if NOT_SUPPORTED.contains(&format) {
        ConnectorError::new(
            ErrorKind::NotSupported,
            format!("the format '{format}' is not supported by Millstream"),
        )
        .with_remedy(format!("use {}", list(&known)))
    } else {
        ConnectorError::new(
            ErrorKind::BadOption,
            format!("there is no format '{format}'"),
        )
        .with_remedy(match nearest(format, &known) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("there are {}", list(&known)),
        })
    };
    error.with_option("format")
}
