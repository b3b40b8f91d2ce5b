//! Changelogs as Flink's `debezium-json` format reads and writes them: one JSON object a line, with
//! the row before and after the change and the operation.
//!
//! Reading: `op` `c` (create) and `r` (read by a snapshot) insert the row `after`; `u` takes back
//! `before` and gives `after`; `d` deletes `before`. A line that is empty or `null` is a tombstone
//! and passed over. With `schema-include` all this stands in the member `payload`. The rows
//! themselves are read by the rules of [`json`](super::json).
//!
//! Writing: an update is two lines, as Flink writes it: the old row as a `d`, the new one as a `c`.

use arrow::array::{ArrayRef, RecordBatch};
use millstream_functions::RowKind;
use millstream_functions::types::FlinkType;

use super::cells::Cells;
use super::json::{
    JsonDecoder, JsonEncoder, JsonFormat, NULL_KEY_MODES, STANDARDS, not_json, nothing_follows,
};
use super::json_text::{Fault, Kind, Value, Walker, string_content};
use super::{Decoder, Encoder, Progress, decode_lines};
use crate::error::{ConnectorError, ErrorKind, Result};
use crate::options::{self, OptionDef};
use crate::spec::TableSpec;

const NAME: &str = "debezium-json";
const SCHEMA_INCLUDE: &str = "debezium-json.schema-include";

/// Flink's options of the format.
pub(crate) const OPTIONS: &[OptionDef] = &[
    OptionDef::new(SCHEMA_INCLUDE, options::Value::Boolean),
    OptionDef::new("debezium-json.ignore-parse-errors", options::Value::Boolean),
    OptionDef::new(
        "debezium-json.timestamp-format.standard",
        options::Value::Word(STANDARDS),
    ),
    OptionDef::new(
        "debezium-json.map-null-key.mode",
        options::Value::Word(NULL_KEY_MODES),
    ),
    OptionDef::new("debezium-json.map-null-key.literal", options::Value::Text),
    OptionDef::new(
        "debezium-json.encode.decimal-as-plain-number",
        options::Value::Boolean,
    ),
    OptionDef::new(
        "debezium-json.encode.ignore-null-fields",
        options::Value::Boolean,
    ),
];

/// The format's options, read.
#[derive(Debug, Clone)]
pub(crate) struct DebeziumFormat {
    json: JsonFormat,
    schema_include: bool,
}

impl DebeziumFormat {
    pub(crate) fn of(spec: &TableSpec) -> Result<Self> {
        Ok(Self {
            json: JsonFormat::of(spec, NAME)?,
            schema_include: spec.boolean(SCHEMA_INCLUDE)?,
        })
    }

    /// Flink: the schema is only read.
    pub(crate) fn check_writing(&self) -> Result<()> {
        if !self.schema_include {
            return Ok(());
        }
        Err(ConnectorError::new(
            ErrorKind::BadOption,
            "the format 'debezium-json' writes no schema",
        )
        .with_option(SCHEMA_INCLUDE)
        .with_remedy(format!("drop '{SCHEMA_INCLUDE}', or set it to 'false'")))
    }
}

/// What a line says.
struct Message {
    op: Vec<u8>,
    before: Option<Value>,
    after: Option<Value>,
}

/// Reads the rows of changes.
pub(crate) struct DebeziumDecoder {
    rows: JsonDecoder,
    schema_include: bool,
    /// Of the rows appended, dropped ones too.
    kinds: Vec<RowKind>,
    /// Of the rows given last.
    given: Option<Vec<RowKind>>,
    scratch: Vec<u8>,
}

impl DebeziumDecoder {
    pub(crate) fn new(
        format: DebeziumFormat,
        columns: &[(String, FlinkType)],
        projection: &[usize],
    ) -> Self {
        Self {
            rows: JsonDecoder::new(format.json, columns, projection),
            schema_include: format.schema_include,
            kinds: Vec::new(),
            given: None,
            scratch: Vec::new(),
        }
    }

    fn line(&mut self, text: &[u8], line: u64) -> Result<()> {
        if text.trim_ascii().is_empty() {
            return Ok(());
        }
        let message = match self.message(text) {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            Err(fault) => return self.bad(|| not_json(&fault, text, line, NAME)),
        };
        let changes: &[(RowKind, &str, &Option<Value>)] = match message.op.as_slice() {
            b"c" | b"r" => &[(RowKind::Insert, "after", &message.after)],
            b"u" => &[
                (RowKind::UpdateBefore, "before", &message.before),
                (RowKind::UpdateAfter, "after", &message.after),
            ],
            b"d" => &[(RowKind::Delete, "before", &message.before)],
            other => {
                let reason = if other.is_empty() {
                    "the change has no 'op'"
                } else {
                    "the 'op' of a change is 'c', 'r', 'u' or 'd'"
                };
                return self.bad(|| {
                    ConnectorError::new(ErrorKind::BadRow, reason)
                        .with_value(other)
                        .with_line(line)
                        .with_remedy(super::batch_builder::ignore_remedy(NAME))
                });
            }
        };
        let mut rows = Vec::with_capacity(2);
        for (kind, name, row) in changes {
            match row {
                Some(row) if row.kind == Kind::Object => rows.push((*kind, row)),
                Some(row) if row.kind != Kind::Null => {
                    return self.bad(|| {
                        ConnectorError::new(
                            ErrorKind::BadRow,
                            format!("'{name}' is a row, that is an object"),
                        )
                        .with_value(&text[row.at.clone()])
                        .with_line(line)
                        .with_remedy(super::batch_builder::ignore_remedy(NAME))
                    });
                }
                _ => return self.bad(|| no_row(&message.op, name, text, line)),
            }
        }
        for (kind, row) in rows {
            let mut walker = Walker::within(text, row);
            if let Err(fault) = self.rows.find_members(text, &mut walker) {
                return self.bad(|| not_json(&fault, text, line, NAME));
            }
            self.rows.append_row(&text[..row.at.end], line)?;
            self.kinds.push(kind);
        }
        Ok(())
    }

    /// Counts a line that cannot be read, or reports it.
    fn bad(&mut self, error: impl FnOnce() -> ConnectorError) -> Result<()> {
        if !self.rows.ignore_errors {
            return Err(error());
        }
        self.rows.bad_rows += 1;
        Ok(())
    }

    /// The parts of a line; `None` for a tombstone.
    fn message(&mut self, text: &[u8]) -> Result<Option<Message>, Fault> {
        if let Err(error) = std::str::from_utf8(text) {
            return Err(Fault {
                reason: "not valid UTF-8",
                at: error.valid_up_to(),
            });
        }
        let mut walker = Walker::new(text);
        let mut top = walker.value()?;
        nothing_follows(&mut walker)?;
        if top.kind == Kind::Null {
            return Ok(None);
        }
        if self.schema_include {
            let [payload] = self.members(text, &top, ["payload"])?;
            top = payload.ok_or(Fault {
                reason: "a change with its schema has a 'payload'",
                at: top.at.start,
            })?;
            if top.kind == Kind::Null {
                return Ok(None);
            }
        }
        let [op, before, after] = self.members(text, &top, ["op", "before", "after"])?;
        let op = match op {
            Some(op) if matches!(op.kind, Kind::String | Kind::EscapedString) => {
                string_content(text, &op, &mut self.scratch).to_vec()
            }
            _ => Vec::new(),
        };
        Ok(Some(Message { op, before, after }))
    }

    /// Where the members of an object stand.
    fn members<const N: usize>(
        &mut self,
        text: &[u8],
        object: &Value,
        names: [&str; N],
    ) -> Result<[Option<Value>; N], Fault> {
        let mut found = [const { None }; N];
        let mut walker = Walker::within(text, object);
        let mut members = walker.object()?;
        while let Some((name, value)) = walker.next_member(&mut members)? {
            let name = string_content(text, &name, &mut self.scratch);
            if let Some(index) = names.iter().position(|known| known.as_bytes() == name) {
                found[index] = Some(value);
            }
        }
        Ok(found)
    }
}

/// A change without the row that it needs.
fn no_row(op: &[u8], name: &str, text: &[u8], line: u64) -> ConnectorError {
    let op = String::from_utf8_lossy(op);
    let remedy = if name == "before" {
        "let the database log whole old rows: in PostgreSQL, set the table's REPLICA IDENTITY to FULL"
            .to_owned()
    } else {
        super::batch_builder::ignore_remedy(NAME)
    };
    ConnectorError::new(
        ErrorKind::BadRow,
        format!("a change with 'op' = '{op}' has no row '{name}'"),
    )
    .with_value(text)
    .with_line(line)
    .with_remedy(remedy)
}

impl Decoder for DebeziumDecoder {
    /// An update gives two rows, so there may be one more than asked for.
    fn decode(
        &mut self,
        data: &[u8],
        at_end: bool,
        line: u64,
        max_rows: usize,
    ) -> Result<Progress> {
        decode_lines(data, at_end, line, NAME, |text, line| {
            if self.rows.builder.rows() >= max_rows {
                return Ok(false);
            }
            self.line(text, line).map(|()| true)
        })
    }

    fn rows(&self) -> usize {
        self.rows.builder.rows()
    }

    fn finish(&mut self) -> Result<(Vec<ArrayRef>, usize)> {
        let mut kinds = std::mem::take(&mut self.kinds);
        let mut dropped = self.rows.builder.dropped().iter().copied().peekable();
        let mut row = 0;
        kinds.retain(|_| {
            let drop = dropped.next_if_eq(&row).is_some();
            row += 1;
            !drop
        });
        let changes = kinds.iter().any(|kind| *kind != RowKind::Insert);
        self.given = changes.then_some(kinds);
        self.rows.finish()
    }

    fn take_kinds(&mut self) -> Option<Vec<RowKind>> {
        self.given.take()
    }

    fn bad_rows(&self) -> u64 {
        self.rows.bad_rows
    }
}

/// Writes changes.
pub(crate) struct DebeziumEncoder {
    rows: JsonEncoder,
    ignore_null_fields: bool,
}

impl DebeziumEncoder {
    pub(crate) fn new(format: DebeziumFormat, columns: &[(String, FlinkType)]) -> Self {
        Self {
            ignore_null_fields: format.json.ignores_null_fields(),
            rows: JsonEncoder::new(format.json, columns),
        }
    }
}

impl Encoder for DebeziumEncoder {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        self.encode_changes(batch, None, out)
    }

    fn encode_changes(
        &mut self,
        batch: &RecordBatch,
        kinds: Option<&[RowKind]>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let columns = self.rows.columns(batch)?;
        let cells = columns.iter().map(Cells::of).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            let kind = kinds.and_then(|kinds| kinds.get(row)).copied();
            let adds = kind.unwrap_or_default().is_accumulate();
            let (head, tail): (&[u8], &[u8]) = match (adds, self.ignore_null_fields) {
                (true, false) => (br#"{"before":null,"after":"#, br#","op":"c"}"#),
                (true, true) => (br#"{"after":"#, br#","op":"c"}"#),
                (false, false) => (br#"{"before":"#, br#","after":null,"op":"d"}"#),
                (false, true) => (br#"{"before":"#, br#","op":"d"}"#),
            };
            out.extend_from_slice(head);
            self.rows.write_row(&cells, row, out)?;
            out.extend_from_slice(tail);
            out.push(b'\n');
        }
        Ok(())
    }
}
