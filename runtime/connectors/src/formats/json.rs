//! JSON lines as Flink's `json` format reads and writes them (observed on Flink 2.3).
//!
//! Reading: one object a line, or an array of objects, each of which is a row; empty lines are
//! passed over. Members nobody asked for are ignored, a missing one is NULL (or an error with
//! `fail-on-missing-field`), of two with one name the last counts. Values are coerced: `"2"` and
//! `2.7` into INT, numbers, booleans and whole objects into STRING. Decimals are rounded half up, and
//! NULL if they have too many digits.
//!
//! A line is walked once for the places of the members and then read into the columns from there:
//! a line that is no JSON has touched no column, and no tree is built.
//!
//! Stricter than Flink, which ignores it: text after the object on a line is an error.

use std::fmt;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::DataType;
use base64::Engine as _;
use millstream_functions::types::{FlinkType, TypeKind};

use super::batch_builder::{BatchBuilder, ignore_remedy};
use super::cells::{Cells, in_declared_types};
use super::column::Column;
use super::json_text::{Fault, Kind, Value, Walker, string_content, write_string};
use super::text::{self, DecimalStyle, Reason, TimeRules};
use super::{Decoder, Encoder, Progress, decode_lines};
use crate::error::{ConnectorError, ErrorKind, Result};
use crate::options::{self, OptionDef};
use crate::spec::TableSpec;

pub(super) const STANDARDS: &[&str] = &["SQL", "ISO-8601"];
pub(super) const NULL_KEY_MODES: &[&str] = &["FAIL", "DROP", "LITERAL"];

/// Flink's options of the format.
pub(crate) const OPTIONS: &[OptionDef] = &[
    OptionDef::new("json.fail-on-missing-field", options::Value::Boolean),
    OptionDef::new("json.ignore-parse-errors", options::Value::Boolean),
    OptionDef::new(
        "json.timestamp-format.standard",
        options::Value::Word(STANDARDS),
    ),
    OptionDef::new(
        "json.map-null-key.mode",
        options::Value::Word(NULL_KEY_MODES),
    ),
    OptionDef::new("json.map-null-key.literal", options::Value::Text),
    OptionDef::new(
        "json.encode.decimal-as-plain-number",
        options::Value::Boolean,
    ),
    OptionDef::new("json.encode.ignore-null-fields", options::Value::Boolean),
    // how Flink parses, not what comes out
    OptionDef::new("json.decode.json-parser.enabled", options::Value::Boolean),
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum NullKey {
    Fail,
    Drop,
    Literal(String),
}

/// The format's options, read.
#[derive(Debug, Clone)]
pub(crate) struct JsonFormat {
    /// What its options begin with.
    name: &'static str,
    fail_on_missing: bool,
    ignore_errors: bool,
    rules: TimeRules,
    null_key: NullKey,
    plain_decimals: bool,
    ignore_null_fields: bool,
    /// A number with a fraction is no whole number, and only `true` and `false` are truth values.
    exact: bool,
}

impl JsonFormat {
    /// The defaults of all options.
    pub(crate) fn plain() -> Self {
        Self {
            name: "json",
            fail_on_missing: false,
            ignore_errors: false,
            rules: TimeRules::JsonSql,
            null_key: NullKey::Fail,
            plain_decimals: true,
            ignore_null_fields: false,
            exact: false,
        }
    }

    /// The format of files that stand by themselves: a value that is not of its column's type is an error.
    pub(crate) fn data_file() -> Self {
        Self {
            null_key: NullKey::Literal("null".to_owned()),
            exact: true,
            ..Self::plain()
        }
    }

    /// The options of a format that holds JSON and is called `name`.
    pub(crate) fn of(spec: &TableSpec, name: &'static str) -> Result<Self> {
        let key = |option: &str| format!("{name}.{option}");
        let fail_on_missing = spec.boolean(&key("fail-on-missing-field"))?;
        let ignore_errors = spec.boolean(&key("ignore-parse-errors"))?;
        if fail_on_missing && ignore_errors {
            return Err(ConnectorError::new(
                ErrorKind::BadOption,
                "'json.fail-on-missing-field' and 'json.ignore-parse-errors' exclude each other",
            )
            .with_option("json.fail-on-missing-field")
            .with_remedy("drop one of the two options"));
        }
        let standard = spec.word(&key("timestamp-format.standard"), STANDARDS)?;
        let null_key = match spec
            .word(&key("map-null-key.mode"), NULL_KEY_MODES)?
            .as_deref()
        {
            Some("DROP") => NullKey::Drop,
            Some("LITERAL") => NullKey::Literal(
                spec.option(&key("map-null-key.literal"))
                    .unwrap_or("null")
                    .to_owned(),
            ),
            _ => NullKey::Fail,
        };
        Ok(Self {
            name,
            fail_on_missing,
            ignore_errors,
            rules: if standard.as_deref() == Some("ISO-8601") {
                TimeRules::JsonIso
            } else {
                TimeRules::JsonSql
            },
            null_key,
            plain_decimals: spec.boolean(&key("encode.decimal-as-plain-number"))?,
            ignore_null_fields: spec.boolean(&key("encode.ignore-null-fields"))?,
            exact: false,
        })
    }

    /// Whether members that are NULL are left out.
    pub(super) fn ignores_null_fields(&self) -> bool {
        self.ignore_null_fields
    }
}

/// JSON holds everything but maps whose keys are no text.
pub(crate) fn check_type(name: &str, ty: &FlinkType) -> Result<()> {
    let inner: Vec<&FlinkType> = match &ty.kind {
        TypeKind::Map(key, value) if key.is_string() => vec![value],
        TypeKind::Multiset(item) if item.is_string() => vec![],
        TypeKind::Map(..) | TypeKind::Multiset(_) => {
            return Err(ConnectorError::new(
                ErrorKind::Schema,
                format!("the format 'json' has keys of text only, not {ty}"),
            )
            .with_column(name)
            .with_remedy("make the key a STRING"));
        }
        TypeKind::Array(item) => vec![item],
        TypeKind::Row(fields) => fields.iter().map(|field| &field.ty).collect(),
        _ => vec![],
    };
    inner.into_iter().try_for_each(|ty| check_type(name, ty))
}

/// Why a value could not be read into a column.
enum ValueFault {
    /// The value itself.
    Reason(Reason),
    /// A missing member of an inner row.
    Missing(String),
}

impl From<Reason> for ValueFault {
    fn from(reason: Reason) -> Self {
        Self::Reason(reason)
    }
}

impl From<Fault> for ValueFault {
    fn from(fault: Fault) -> Self {
        Self::Reason(fault.reason)
    }
}

impl fmt::Display for ValueFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reason(reason) => f.write_str(reason),
            Self::Missing(name) => write!(f, "the field '{name}' is missing"),
        }
    }
}

/// Reads values into columns; what inner values need on the way.
struct ValueReader {
    rules: TimeRules,
    ignore_errors: bool,
    fail_on_missing: bool,
    exact: bool,
    scratch: Vec<u8>,
    /// An inner value was patched with NULL.
    bad: bool,
}

impl ValueReader {
    /// Appends a value, which isn't JSON's null. On an error nothing was appended to `column`
    /// itself, but perhaps to its children: the reader must not go on then. With errors ignored
    /// only a scalar can fail, and it hasn't appended.
    fn append(
        &mut self,
        column: &mut Column,
        text: &[u8],
        value: &Value,
    ) -> Result<(), ValueFault> {
        let raw = &text[value.at.clone()];
        match column {
            Column::List {
                ends, nulls, item, ..
            } => {
                if value.kind != Kind::Array {
                    return Err("not an array".into());
                }
                let mut walker = Walker::within(text, value);
                let mut elements = walker.array()?;
                while let Some(element) = walker.next_element(&mut elements)? {
                    self.append_or_null(item, text, &element)?;
                }
                ends.push(i32::try_from(item.len()).map_err(|_| "too many elements in one batch")?);
                nulls.append_non_null();
                Ok(())
            }
            Column::Map {
                ends,
                nulls,
                keys,
                values,
                ..
            } => {
                if value.kind != Kind::Object {
                    return Err("not an object".into());
                }
                let mut walker = Walker::within(text, value);
                let mut members = walker.object()?;
                // of two entries with one key the last counts
                let mut entries: Vec<(Vec<u8>, Value)> = Vec::new();
                while let Some((name, member)) = walker.next_member(&mut members)? {
                    let key = string_content(text, &name, &mut self.scratch).to_vec();
                    match entries.iter_mut().find(|(known, _)| *known == key) {
                        Some((_, value)) => *value = member,
                        None => entries.push((key, member)),
                    }
                }
                for (key, member) in entries {
                    keys.append_text(&key, self.rules)?;
                    self.append_or_null(values, text, &member)?;
                }
                ends.push(i32::try_from(keys.len()).map_err(|_| "too many entries in one batch")?);
                nulls.append_non_null();
                Ok(())
            }
            Column::Row {
                names,
                fields,
                nulls,
                ..
            } => {
                if value.kind != Kind::Object {
                    return Err("not an object".into());
                }
                let mut places: Vec<Option<Value>> = vec![None; names.len()];
                let mut walker = Walker::within(text, value);
                let mut members = walker.object()?;
                while let Some((name, member)) = walker.next_member(&mut members)? {
                    let name = string_content(text, &name, &mut self.scratch);
                    if let Some(index) = names.iter().position(|known| known.as_bytes() == name) {
                        places[index] = Some(member);
                    }
                }
                if self.fail_on_missing
                    && let Some(index) = places.iter().position(Option::is_none)
                {
                    return Err(ValueFault::Missing(names[index].clone()));
                }
                for (field, place) in fields.iter_mut().zip(places) {
                    match place {
                        Some(member) => self.append_or_null(field, text, &member)?,
                        None => field.append_null(),
                    }
                }
                nulls.append_non_null();
                Ok(())
            }
            Column::Text(values) => {
                let content = match value.kind {
                    Kind::String | Kind::EscapedString => {
                        string_content(text, value, &mut self.scratch)
                    }
                    Kind::Object | Kind::Array => {
                        self.scratch.clear();
                        compact(raw, &mut self.scratch);
                        &self.scratch
                    }
                    _ => raw,
                };
                values.append_value(std::str::from_utf8(content).map_err(|_| "not valid UTF-8")?);
                Ok(())
            }
            Column::Boolean(values) if matches!(value.kind, Kind::True | Kind::False) => {
                values.append_value(value.kind == Kind::True);
                Ok(())
            }
            Column::Boolean(_) if self.exact => Err("neither true nor false".into()),
            scalar => {
                let content = match value.kind {
                    Kind::String | Kind::EscapedString => {
                        string_content(text, value, &mut self.scratch)
                    }
                    Kind::Number => {
                        // a number with a fraction or exponent goes into INT and BIGINT, cut off
                        let whole = !self.exact
                            && matches!(scalar, Column::Int(_) | Column::BigInt(_))
                            && raw.iter().any(|b| matches!(b, b'.' | b'e' | b'E'));
                        if whole {
                            self.scratch.clear();
                            let number = text::double(raw)?.trunc();
                            if !(-9.3e18..9.3e18).contains(&number) {
                                return Err("out of range".into());
                            }
                            text::write_integer(exact_integer(raw, number)?, &mut self.scratch);
                            &self.scratch
                        } else {
                            raw
                        }
                    }
                    Kind::Object | Kind::Array => {
                        return Err("an object or array where a simple value is expected".into());
                    }
                    Kind::True | Kind::False if self.exact => {
                        return Err("true or false where another value is expected".into());
                    }
                    Kind::True | Kind::False | Kind::Null => raw,
                };
                scalar.append_text(content, self.rules)?;
                Ok(())
            }
        }
    }

    /// Appends an inner value; with errors ignored, NULL instead of what cannot be read.
    fn append_or_null(
        &mut self,
        column: &mut Column,
        text: &[u8],
        value: &Value,
    ) -> Result<(), ValueFault> {
        if value.kind == Kind::Null {
            column.append_null();
            return Ok(());
        }
        match self.append(column, text, value) {
            Ok(()) => Ok(()),
            Err(_) if self.ignore_errors => {
                self.bad = true;
                column.append_null();
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    }
}

/// The whole part of a number with fraction or exponent: exactly, by the decimal rules, where the
/// double has lost digits.
fn exact_integer(raw: &[u8], rounded: f64) -> Result<i64, Reason> {
    if rounded.abs() < 9e15 {
        return Ok(rounded as i64);
    }
    // cut off, not rounded: read with a place to spare and drop it
    let tenths = text::decimal(raw, 38, 1)?.ok_or("out of range")?;
    i64::try_from(tenths / 10).map_err(|_| "out of range")
}

/// Copies JSON without blanks between its parts.
fn compact(raw: &[u8], out: &mut Vec<u8>) {
    let mut in_string = false;
    let mut escaped = false;
    for &byte in raw {
        if !in_string && matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            continue;
        }
        if escaped {
            escaped = false;
        } else if byte == b'\\' {
            escaped = true;
        } else if byte == b'"' {
            in_string = !in_string;
        }
        out.push(byte);
    }
}

/// Reads rows of a table's columns.
pub(crate) struct JsonDecoder {
    name: &'static str,
    pub(super) ignore_errors: bool,
    fail_on_missing: bool,
    pub(super) builder: BatchBuilder,
    reader: ValueReader,
    /// For each target, where its member stands in the object at hand.
    places: Vec<Option<Value>>,
    names: Vec<Vec<u8>>,
    /// For each target the first one with its name, which is the one whose place is noted.
    first_of_name: Vec<usize>,
    pub(super) bad_rows: u64,
}

impl JsonDecoder {
    pub(crate) fn new(
        format: JsonFormat,
        columns: &[(String, FlinkType)],
        projection: &[usize],
    ) -> Self {
        Self::of_builder(format, BatchBuilder::new(columns, projection))
    }

    /// A decoder of members by name into targets; several may take the same.
    pub(crate) fn of_targets(format: JsonFormat, targets: &[(usize, String, FlinkType)]) -> Self {
        Self::of_builder(format, BatchBuilder::of_targets(targets))
    }

    fn of_builder(format: JsonFormat, builder: BatchBuilder) -> Self {
        let targets = builder.targets.iter().enumerate();
        let first_of_name = targets
            .map(|(index, target)| {
                let mut all = builder.targets.iter();
                all.position(|other| other.name == target.name)
                    .unwrap_or(index)
            })
            .collect();
        Self {
            first_of_name,
            name: format.name,
            ignore_errors: format.ignore_errors,
            fail_on_missing: format.fail_on_missing,
            reader: ValueReader {
                rules: format.rules,
                ignore_errors: format.ignore_errors,
                fail_on_missing: format.fail_on_missing,
                exact: format.exact,
                scratch: Vec::new(),
                bad: false,
            },
            places: vec![None; builder.targets.len()],
            names: builder
                .targets
                .iter()
                .map(|target| target.name.clone().into_bytes())
                .collect(),
            builder,
            bad_rows: 0,
        }
    }

    fn line(&mut self, text: &[u8], line: u64) -> Result<()> {
        if text.trim_ascii().is_empty() {
            return Ok(());
        }
        match self.rows_of(text, line)? {
            Ok(()) => Ok(()),
            Err(_) if self.ignore_errors => {
                self.bad_rows += 1;
                Ok(())
            }
            Err(fault) => Err(not_json(&fault, text, line, self.name)),
        }
    }

    /// Appends the rows of a line. The inner result is whether it is JSON at all.
    fn rows_of(&mut self, text: &[u8], line: u64) -> Result<Result<(), Fault>> {
        if let Err(error) = std::str::from_utf8(text) {
            return Ok(Err(Fault {
                reason: "not valid UTF-8",
                at: error.valid_up_to(),
            }));
        }
        if text.trim_ascii_start().first() == Some(&b'{') {
            // the usual case, walked once: the columns are touched when the whole line is known
            let mut walker = Walker::new(text);
            let walked = self.find_members(text, &mut walker);
            let walked = walked.and_then(|()| nothing_follows(&mut walker));
            return match walked {
                Ok(()) => self.append_row(text, line).map(Ok),
                Err(fault) => Ok(Err(fault)),
            };
        }
        let mut walker = Walker::new(text);
        let top = walker
            .value()
            .and_then(|top| nothing_follows(&mut walker).map(|()| top));
        let top = match top {
            Ok(top) => top,
            Err(fault) => return Ok(Err(fault)),
        };
        match top.kind {
            Kind::Array => {
                let mut objects = Vec::new();
                let mut walker = Walker::within(text, &top);
                let walked = walker.array().and_then(|mut elements| {
                    while let Some(element) = walker.next_element(&mut elements)? {
                        objects.push(element);
                    }
                    Ok(())
                });
                if let Err(fault) = walked {
                    return Ok(Err(fault));
                }
                if let Some(other) = objects.iter().find(|value| value.kind != Kind::Object) {
                    return Ok(Err(Fault {
                        reason: "a row must be an object",
                        at: other.at.start,
                    }));
                }
                for object in objects {
                    let mut walker = Walker::within(text, &object);
                    if let Err(fault) = self.find_members(text, &mut walker) {
                        return Ok(Err(fault));
                    }
                    self.append_row(&text[..object.at.end], line)?;
                }
            }
            _ => {
                return Ok(Err(Fault {
                    reason: "a row must be an object",
                    at: top.at.start,
                }));
            }
        }
        Ok(Ok(()))
    }

    /// Notes where the wanted members of the object at hand stand.
    pub(super) fn find_members(
        &mut self,
        text: &[u8],
        walker: &mut Walker<'_>,
    ) -> Result<(), Fault> {
        self.places.fill(None);
        let mut members = walker.object()?;
        // members mostly come in the order of the columns
        let mut guess = 0;
        while let Some((name, value)) = walker.next_member(&mut members)? {
            let name = string_content(text, &name, &mut self.reader.scratch);
            let count = self.names.len();
            let found = (guess..count)
                .chain(0..guess)
                .find(|index| self.names[*index] == name)
                .map(|index| self.first_of_name[index]);
            if let Some(index) = found {
                self.places[index] = Some(value);
                guess = index + 1;
            }
        }
        Ok(())
    }

    /// Appends a row from the members found.
    pub(super) fn append_row(&mut self, text: &[u8], line: u64) -> Result<()> {
        let mut keep = true;
        self.reader.bad = false;
        for (target, first) in self.builder.targets.iter_mut().zip(&self.first_of_name) {
            let value = match &self.places[*first] {
                Some(value) if value.kind != Kind::Null => value,
                missing => {
                    if missing.is_none() && self.fail_on_missing {
                        return Err(ConnectorError::new(
                            ErrorKind::BadRow,
                            "the field is missing",
                        )
                        .with_column(&target.name)
                        .with_line(line)
                        .with_value(text)
                        .with_remedy(format!(
                            "drop '{}.fail-on-missing-field' to read missing fields as NULL",
                            self.name
                        )));
                    }
                    if !target.append_null() {
                        if !self.ignore_errors {
                            return Err(target.null_error(line, self.name));
                        }
                        keep = false;
                    }
                    continue;
                }
            };
            if let Err(fault) = self.reader.append(&mut target.column, text, value) {
                if !self.ignore_errors {
                    let raw = &text[value.at.clone()];
                    return Err(target.error(&fault.to_string(), raw, line, self.name));
                }
                self.reader.bad = true;
                keep &= target.append_null();
            } else if !target.nullable && target.column.last_is_null() {
                // a decimal with too many digits
                if !self.ignore_errors {
                    return Err(target.null_error(line, self.name));
                }
                keep = false;
            }
        }
        self.bad_rows += u64::from(self.reader.bad || !keep);
        self.builder.end_row(keep);
        Ok(())
    }
}

/// An error about a line that is no JSON, or not the JSON of the format.
pub(super) fn not_json(fault: &Fault, text: &[u8], line: u64, name: &str) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::BadRow,
        format!(
            "the line is not JSON: {} at character {}",
            fault.reason,
            fault.at + 1
        ),
    )
    .with_line(line)
    .with_value(text)
    .with_remedy(ignore_remedy(name))
}

/// One line holds one value.
pub(super) fn nothing_follows(walker: &mut Walker<'_>) -> Result<(), Fault> {
    if walker.at_end() {
        return Ok(());
    }
    Err(Fault {
        reason: "something follows the value, one line holds one row,",
        at: walker.position(),
    })
}

impl Decoder for JsonDecoder {
    fn decode(
        &mut self,
        data: &[u8],
        at_end: bool,
        line: u64,
        max_rows: usize,
    ) -> Result<Progress> {
        let name = self.name;
        decode_lines(data, at_end, line, name, |text, line| {
            if self.builder.rows() >= max_rows {
                return Ok(false);
            }
            self.line(text, line).map(|()| true)
        })
    }

    fn rows(&self) -> usize {
        self.builder.rows()
    }

    fn finish(&mut self) -> Result<(Vec<ArrayRef>, usize)> {
        self.builder.finish()
    }

    fn bad_rows(&self) -> u64 {
        self.bad_rows
    }
}

/// Writes rows of a table's columns.
pub(crate) struct JsonEncoder {
    format: JsonFormat,
    declared: Vec<(String, DataType)>,
    /// Each column's name as a member starts: `"name":`.
    names: Vec<Vec<u8>>,
}

impl JsonEncoder {
    pub(crate) fn new(format: JsonFormat, columns: &[(String, FlinkType)]) -> Self {
        let member = |name: &String| {
            let mut out = Vec::new();
            write_string(name, &mut out);
            out.push(b':');
            out
        };
        Self {
            format,
            declared: columns
                .iter()
                .map(|(name, ty)| (name.clone(), ty.to_arrow()))
                .collect(),
            names: columns.iter().map(|(name, _)| member(name)).collect(),
        }
    }

    /// The batch's columns in the types that the table declares.
    pub(super) fn columns(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        in_declared_types(batch.columns(), &self.declared)
    }

    /// Writes a row as an object.
    pub(super) fn write_row(
        &self,
        cells: &[Cells<'_>],
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let mut first = true;
        out.push(b'{');
        for (index, cells) in cells.iter().enumerate() {
            if self.format.ignore_null_fields && cells.is_null(row) {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            out.extend_from_slice(&self.names[index]);
            self.write(cells, row, out)
                .map_err(|error| error.with_column(&self.declared[index].0))?;
        }
        out.push(b'}');
        Ok(())
    }

    fn write(&self, cells: &Cells<'_>, row: usize, out: &mut Vec<u8>) -> Result<()> {
        if cells.is_null(row) {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        let quoted = |out: &mut Vec<u8>, write: &dyn Fn(&mut Vec<u8>)| {
            out.push(b'"');
            write(out);
            out.push(b'"');
        };
        match cells {
            Cells::Boolean(array) => {
                out.extend_from_slice(if array.value(row) { b"true" } else { b"false" })
            }
            Cells::Int8(array) => text::write_integer(array.value(row).into(), out),
            Cells::Int16(array) => text::write_integer(array.value(row).into(), out),
            Cells::Int32(array) => text::write_integer(array.value(row).into(), out),
            Cells::Int64(array) => text::write_integer(array.value(row), out),
            Cells::Float(array) => {
                let value = array.value(row);
                if value.is_finite() {
                    text::write_float(value, out);
                } else {
                    quoted(out, &|out| text::write_float(value, out));
                }
            }
            Cells::Double(array) => {
                let value = array.value(row);
                if value.is_finite() {
                    text::write_double(value, out);
                } else {
                    quoted(out, &|out| text::write_double(value, out));
                }
            }
            Cells::Decimal(array, scale) => {
                let style = if self.format.plain_decimals {
                    DecimalStyle::Full
                } else {
                    DecimalStyle::Scientific
                };
                text::write_decimal(array.value(row), *scale, style, out);
            }
            Cells::Text(array) => write_string(array.value(row), out),
            Cells::Bytes(array) => {
                let encoded = base64::engine::general_purpose::STANDARD.encode(array.value(row));
                quoted(out, &|out| out.extend_from_slice(encoded.as_bytes()));
            }
            Cells::Date(array) => quoted(out, &|out| text::write_date(array.value(row), out)),
            Cells::Time(array) => quoted(out, &|out| text::write_time(array.value(row), out)),
            Cells::Timestamp {
                values,
                digits,
                zoned,
                ..
            } => {
                let separator = match self.format.rules {
                    TimeRules::JsonIso => b'T',
                    TimeRules::Csv | TimeRules::JsonSql => b' ',
                };
                quoted(out, &|out| {
                    text::write_timestamp(values[row], *digits, *zoned, separator, out)
                });
            }
            Cells::Interval { values, .. } => text::write_integer(values[row], out),
            Cells::List(array, items) => {
                let offsets = array.value_offsets();
                out.push(b'[');
                for item in offsets[row]..offsets[row + 1] {
                    if item > offsets[row] {
                        out.push(b',');
                    }
                    self.write(items, item as usize, out)?;
                }
                out.push(b']');
            }
            Cells::Map(array, keys, values) => {
                let offsets = array.value_offsets();
                let mut first = true;
                out.push(b'{');
                for entry in offsets[row]..offsets[row + 1] {
                    let entry = entry as usize;
                    let key = match keys.as_ref() {
                        Cells::Text(keys) if !keys.is_null(entry) => keys.value(entry),
                        Cells::Text(_) => match &self.format.null_key {
                            NullKey::Drop => continue,
                            NullKey::Literal(literal) => literal,
                            NullKey::Fail => {
                                return Err(ConnectorError::new(
                                    ErrorKind::BadRow,
                                    "a map has a NULL key, which JSON has no place for",
                                )
                                .with_remedy(format!(
                                    "set '{}.map-null-key.mode' to 'DROP' or 'LITERAL'",
                                    self.format.name
                                )));
                            }
                        },
                        // check_type() refuses other keys before anything is opened
                        _ => continue,
                    };
                    if !std::mem::take(&mut first) {
                        out.push(b',');
                    }
                    write_string(key, out);
                    out.push(b':');
                    self.write(values, entry, out)?;
                }
                out.push(b'}');
            }
            Cells::Row(_, fields) => {
                let mut first = true;
                out.push(b'{');
                for (name, field) in fields {
                    if self.format.ignore_null_fields && field.is_null(row) {
                        continue;
                    }
                    if !std::mem::take(&mut first) {
                        out.push(b',');
                    }
                    write_string(name, out);
                    out.push(b':');
                    self.write(field, row, out)?;
                }
                out.push(b'}');
            }
            Cells::Null => {}
        }
        Ok(())
    }
}

impl Encoder for JsonEncoder {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let columns = self.columns(batch)?;
        let cells = columns.iter().map(Cells::of).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            self.write_row(&cells, row, out)?;
            out.push(b'\n');
        }
        Ok(())
    }
}
