//! Formats: bytes to columns and back.
//!
//! A [`Decoder`] is fed whatever bytes of a file are at hand and appends whole rows to columns;
//! the caller keeps the rest for the next call. An [`Encoder`] appends a batch's rows to a buffer.
//! Neither does I/O, so files, and later topics, share them.

pub(crate) mod batch_builder;
pub(crate) mod cells;
pub(crate) mod column;
pub(crate) mod csv;
pub(crate) mod debezium_json;
pub(crate) mod json;
pub(crate) mod json_text;
pub(crate) mod parquet;
pub(crate) mod raw;
pub(crate) mod text;

use arrow::array::{ArrayRef, RecordBatch};
use memchr::memchr;
use millstream_functions::RowKind;
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

    /// The kinds of the rows that [`finish`](Self::finish) gave last; `None` if all are inserts.
    fn take_kinds(&mut self) -> Option<Vec<RowKind>> {
        None
    }

    /// Rows dropped or patched so far.
    fn bad_rows(&self) -> u64;
}

/// Turns rows into bytes.
pub(crate) trait Encoder: Send {
    /// Appends the batch's rows, each with its line end.
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()>;

    /// The same for changes. Only a format that [takes](Format::takes_changes) them is given any.
    fn encode_changes(
        &mut self,
        batch: &RecordBatch,
        _kinds: Option<&[RowKind]>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        self.encode(batch, out)
    }
}

/// A format with its options.
#[derive(Debug, Clone)]
pub(crate) enum Format {
    Csv(csv::CsvFormat),
    Json(json::JsonFormat),
    DebeziumJson(debezium_json::DebeziumFormat),
    Raw(raw::RawFormat),
}

const KNOWN: [&str; 4] = ["csv", "debezium-json", "json", "raw"];

/// The formats Flink has and Millstream doesn't, yet.
const NOT_SUPPORTED: &[&str] = &[
    "avro",
    "avro-confluent",
    "canal-json",
    "debezium-avro-confluent",
    "maxwell-json",
    "ogg-json",
    "orc",
    "parquet",
    "protobuf",
];

impl Format {
    /// The options of the table's format.
    pub(crate) fn options(spec: &TableSpec) -> Result<&'static [OptionDef]> {
        match spec.required("format")? {
            "csv" => Ok(csv::OPTIONS),
            "json" => Ok(json::OPTIONS),
            "debezium-json" => Ok(debezium_json::OPTIONS),
            "raw" => Ok(raw::OPTIONS),
            other => Err(unknown(other)),
        }
    }

    /// The table's format, its options read.
    pub(crate) fn of(spec: &TableSpec) -> Result<Self> {
        match spec.required("format")? {
            "csv" => csv::CsvFormat::of(spec).map(Self::Csv),
            "json" => json::JsonFormat::of(spec, "json").map(Self::Json),
            "debezium-json" => debezium_json::DebeziumFormat::of(spec).map(Self::DebeziumJson),
            "raw" => raw::RawFormat::of(spec).map(Self::Raw),
            other => Err(unknown(other)),
        }
    }

    /// Whether the format holds values of a column's type.
    pub(crate) fn check_type(&self, name: &str, ty: &FlinkType) -> Result<()> {
        match self {
            Self::Csv(_) => csv::check_type(name, ty),
            Self::Json(_) | Self::DebeziumJson(_) => json::check_type(name, ty),
            Self::Raw(_) => raw::check_type(name, ty),
        }
    }

    /// Whether the format holds rows of so many columns.
    pub(crate) fn check_columns(&self, columns: &[(String, FlinkType)]) -> Result<()> {
        match self {
            Self::Raw(_) => raw::check_columns(columns),
            _ => Ok(()),
        }
    }

    /// Whether the format can be written, with these options.
    pub(crate) fn check_writing(&self) -> Result<()> {
        match self {
            Self::DebeziumJson(format) => format.check_writing(),
            _ => Ok(()),
        }
    }

    /// Whether updates and deletes can be written.
    pub(crate) fn takes_changes(&self) -> bool {
        matches!(self, Self::DebeziumJson(_))
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
            Self::DebeziumJson(format) => Box::new(debezium_json::DebeziumDecoder::new(
                format.clone(),
                columns,
                projection,
            )),
            Self::Raw(format) => Box::new(raw::RawDecoder::new(*format, columns, projection)),
        }
    }

    /// An encoder of rows of these columns.
    pub(crate) fn encoder(&self, columns: &[(String, FlinkType)]) -> Box<dyn Encoder> {
        match self {
            Self::Csv(format) => Box::new(csv::CsvEncoder::new(format.clone(), columns)),
            Self::Json(format) => Box::new(json::JsonEncoder::new(format.clone(), columns)),
            Self::DebeziumJson(format) => {
                Box::new(debezium_json::DebeziumEncoder::new(format.clone(), columns))
            }
            Self::Raw(format) => Box::new(raw::RawEncoder::new(*format, columns)),
        }
    }
}

/// Cuts `data` into lines and hands each, with its number, to `read`, which says whether it took it;
/// a line that was not taken stays for the next call.
pub(crate) fn decode_lines(
    data: &[u8],
    at_end: bool,
    line: u64,
    format: &str,
    mut read: impl FnMut(&[u8], u64) -> Result<bool>,
) -> Result<Progress> {
    let mut done = Progress::default();
    while done.bytes < data.len() {
        let rest = &data[done.bytes..];
        let (text, bytes) = match memchr(b'\n', rest) {
            Some(at) => (&rest[..at], at + 1),
            None if rest.len() > LONGEST_ROW => {
                return Err(ConnectorError::new(
                    ErrorKind::BadRow,
                    "the line is longer than 64 MB",
                )
                .with_line(line + done.lines)
                .with_remedy(format!("the format '{format}' holds one row a line")));
            }
            None if at_end => (rest, rest.len()),
            None => break,
        };
        if !read(text, line + done.lines)? {
            break;
        }
        done.bytes += bytes;
        done.lines += 1;
    }
    Ok(done)
}

fn unknown(format: &str) -> ConnectorError {
    let known = KNOWN;
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
