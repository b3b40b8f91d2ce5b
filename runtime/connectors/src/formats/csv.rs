//! CSV as Flink's `csv` format reads and writes it (Jackson's rules, observed on Flink 2.3).
//!
//! Reading: a row ends at `\n`, `\r` or `\r\n`. A field is quoted only if the quote is its first
//! character; a quote is doubled inside, or escaped if there is an escape character; blanks after
//! the closing quote are skipped. Every row must have as many fields as the table has columns, one
//! empty field more is let pass (`allow-trailing-comma`). There is no header: the first line is a
//! row like any other. A number is never empty (use `'csv.null-literal' = ''`).
//!
//! Rows without quotes, which are nearly all, are cut by a vectorised search for the line end and
//! one for the delimiters; fields of columns nobody asked for are not looked at.
//!
//! Writing: text is quoted if it is longer than 24 characters or has a character below the highest
//! of delimiter and quote (so blanks, and therefore timestamps), or a backslash. Decimals lose
//! trailing zeros and may take an exponent (`1E+1`) unless
//! `'csv.write-bigdecimal-in-scientific-notation' = 'false'`. NULL is the null literal, else
//! nothing.

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::DataType;
use base64::Engine as _;
use memchr::{memchr, memchr_iter, memchr2, memchr3};
use millstream_functions::types::{FlinkType, TypeKind};

use super::batch_builder::{BatchBuilder, ignore_remedy};
use super::cells::{Cells, in_declared_types};
use super::column::Column;
use super::text::{self, DecimalStyle, Reason, TimeRules};
use super::{Decoder, Encoder, LONGEST_ROW, Progress};
use crate::error::{ConnectorError, ErrorKind, Result};
use crate::options::{OptionDef, Value};
use crate::spec::TableSpec;

/// Flink's options of the format.
pub(crate) const OPTIONS: &[OptionDef] = &[
    OptionDef::new("csv.field-delimiter", Value::Character),
    OptionDef::new("csv.disable-quote-character", Value::Boolean),
    OptionDef::new("csv.quote-character", Value::Character),
    OptionDef::new("csv.allow-comments", Value::Boolean),
    OptionDef::new("csv.ignore-parse-errors", Value::Boolean),
    OptionDef::new("csv.array-element-delimiter", Value::Text),
    OptionDef::new("csv.escape-character", Value::Character),
    OptionDef::new("csv.null-literal", Value::Text),
    OptionDef::new(
        "csv.write-bigdecimal-in-scientific-notation",
        Value::Boolean,
    ),
    OptionDef::new("csv.trim-spaces", Value::Boolean),
    OptionDef::new("csv.ignore-trailing-unmappable", Value::Boolean),
    OptionDef::new("csv.allow-trailing-comma", Value::Boolean),
    OptionDef::new("csv.fail-on-missing-columns", Value::Boolean),
    OptionDef::new("csv.empty-string-as-null", Value::Boolean),
];

/// The format's options, read.
#[derive(Debug, Clone)]
pub(crate) struct CsvFormat {
    delimiter: u8,
    quote: Option<u8>,
    escape: Option<u8>,
    comments: bool,
    ignore_errors: bool,
    array_delimiter: Vec<u8>,
    null_literal: Option<Vec<u8>>,
    scientific: bool,
    trim_spaces: bool,
    ignore_trailing: bool,
    allow_trailing_comma: bool,
    fail_on_missing: bool,
    empty_as_null: bool,
    /// The rows are those of a file that stands by itself, see [`CsvFormat::data_file`].
    data_file: bool,
}

impl Default for CsvFormat {
    fn default() -> Self {
        Self {
            delimiter: b',',
            quote: Some(b'"'),
            escape: None,
            comments: false,
            ignore_errors: false,
            array_delimiter: b";".to_vec(),
            null_literal: None,
            scientific: true,
            trim_spaces: false,
            ignore_trailing: false,
            allow_trailing_comma: true,
            fail_on_missing: false,
            empty_as_null: false,
            data_file: false,
        }
    }
}

impl CsvFormat {
    /// Decimals without exponent and everything else as by default: what people read.
    pub(crate) fn plain() -> Self {
        Self {
            scientific: false,
            ..Self::default()
        }
    }

    /// The format of files as people's tools write them: an empty line is no row, an empty field of a number is NULL,
    /// and so is `null`; a text is whatever the field holds.
    pub(crate) fn data_file(delimiter: u8, null: Option<&str>) -> Self {
        Self {
            delimiter,
            null_literal: null.map(|text| text.as_bytes().to_vec()),
            allow_trailing_comma: false,
            data_file: true,
            ..Self::plain()
        }
    }

    /// How such files are written: NULL is an empty field, and only what would be read otherwise is quoted.
    pub(crate) fn data_file_out(delimiter: u8) -> Self {
        Self {
            delimiter,
            data_file: true,
            ..Self::plain()
        }
    }

    pub(crate) fn of(spec: &TableSpec) -> Result<Self> {
        let quote_key = "csv.quote-character";
        let quote = spec.character(quote_key)?;
        let no_quote = spec.boolean("csv.disable-quote-character")?;
        if no_quote && quote.is_some() {
            return Err(ConnectorError::new(
                ErrorKind::BadOption,
                "a quote character is given and quoting is disabled",
            )
            .with_option(quote_key)
            .with_remedy("drop one of the two options"));
        }
        let array_delimiter = spec.option("csv.array-element-delimiter").unwrap_or(";");
        if array_delimiter.is_empty() {
            return Err(ConnectorError::new(
                ErrorKind::BadOption,
                "the option 'csv.array-element-delimiter' must not be empty",
            )
            .with_option("csv.array-element-delimiter"));
        }
        let format = Self {
            delimiter: spec.character("csv.field-delimiter")?.unwrap_or(b','),
            quote: (!no_quote).then_some(quote.unwrap_or(b'"')),
            escape: spec.character("csv.escape-character")?,
            comments: spec.boolean("csv.allow-comments")?,
            ignore_errors: spec.boolean("csv.ignore-parse-errors")?,
            array_delimiter: array_delimiter.as_bytes().to_vec(),
            null_literal: spec
                .option("csv.null-literal")
                .map(|text| text.as_bytes().to_vec()),
            scientific: spec.boolean_or_true("csv.write-bigdecimal-in-scientific-notation")?,
            trim_spaces: spec.boolean("csv.trim-spaces")?,
            ignore_trailing: spec.boolean("csv.ignore-trailing-unmappable")?,
            allow_trailing_comma: spec.boolean_or_true("csv.allow-trailing-comma")?,
            fail_on_missing: spec.boolean("csv.fail-on-missing-columns")?,
            empty_as_null: spec.boolean("csv.empty-string-as-null")?,
            data_file: false,
        };
        for (key, character) in [
            ("csv.field-delimiter", Some(format.delimiter)),
            (quote_key, format.quote),
            ("csv.escape-character", format.escape),
        ] {
            if matches!(character, Some(b'\n' | b'\r')) {
                return Err(ConnectorError::new(
                    ErrorKind::BadOption,
                    format!("the option '{key}' must not be a line end"),
                )
                .with_option(key));
            }
        }
        if format.quote == Some(format.delimiter) {
            return Err(ConnectorError::new(
                ErrorKind::BadOption,
                "the delimiter and the quote character are the same",
            )
            .with_option("csv.field-delimiter"));
        }
        Ok(format)
    }

    /// Whether a field's text stands for NULL in a column.
    fn is_null(&self, field: &[u8], column: &Column) -> bool {
        if self.data_file {
            !matches!(column, Column::Text(_)) && (field.is_empty() || self.is_null_text(field))
        } else {
            self.is_null_text(field)
        }
    }

    /// Whether a field's text stands for NULL.
    pub(crate) fn is_null_text(&self, field: &[u8]) -> bool {
        (self.empty_as_null && field.is_empty())
            || self
                .null_literal
                .as_deref()
                .is_some_and(|literal| literal == field)
    }
}

/// CSV holds scalars, and arrays and rows of scalars.
pub(crate) fn check_type(name: &str, ty: &FlinkType) -> Result<()> {
    let refuse = |reason: String| {
        Err(ConnectorError::new(ErrorKind::Schema, reason)
            .with_column(name)
            .with_remedy("use the format 'json', or columns of simple types"))
    };
    let scalar = |ty: &FlinkType| {
        !matches!(
            ty.kind,
            TypeKind::Array(_) | TypeKind::Row(_) | TypeKind::Map(..) | TypeKind::Multiset(_)
        )
    };
    match &ty.kind {
        TypeKind::Map(..) | TypeKind::Multiset(_) => {
            refuse(format!("the format 'csv' has no place for {ty}"))
        }
        TypeKind::Time(precision) if *precision > 3 => refuse(format!(
            "the format 'csv' holds TIME with at most 3 fractional digits, not {ty}"
        )),
        TypeKind::Array(item) if !scalar(item) => refuse(format!(
            "the format 'csv' holds arrays of simple types only, not {ty}"
        )),
        TypeKind::Row(fields) if !fields.iter().all(|field| scalar(&field.ty)) => refuse(format!(
            "the format 'csv' holds rows of simple types only, not {ty}"
        )),
        _ => Ok(()),
    }
}

/// Where a field's text is: in the data, or unescaped in the scratch buffer. Offsets count from the
/// row's start.
#[derive(Debug, Clone, Copy)]
struct Field {
    start: u32,
    end: u32,
    in_scratch: bool,
}

/// What stands at the start of the data.
#[derive(Debug, PartialEq, Eq)]
enum Scan {
    /// A row, its fields cut.
    Row(Progress),
    /// A comment line.
    Comment(Progress),
    /// The data ends before the row does.
    Incomplete,
    /// No row: why, and what to skip to go on.
    Bad(Reason, Progress),
}

/// Cuts rows into fields.
struct Splitter {
    format: CsvFormat,
    fields: Vec<Field>,
    scratch: Vec<u8>,
    /// Which bytes end a plain run outside quotes, and inside.
    stops: [bool; 256],
    stops_in_quotes: [bool; 256],
}

impl Splitter {
    fn new(format: CsvFormat) -> Self {
        let mut stops = [false; 256];
        let mut stops_in_quotes = [false; 256];
        let escape = format.escape.as_slice();
        for byte in escape.iter().chain(b"\n\r") {
            stops[usize::from(*byte)] = true;
            stops_in_quotes[usize::from(*byte)] = true;
        }
        stops[usize::from(format.delimiter)] = true;
        for byte in format.quote.as_slice() {
            stops_in_quotes[usize::from(*byte)] = true;
        }
        Self {
            format,
            fields: Vec::new(),
            scratch: Vec::new(),
            stops,
            stops_in_quotes,
        }
    }

    fn field<'a>(&'a self, row: &'a [u8], field: Field) -> &'a [u8] {
        let text = if field.in_scratch { &self.scratch } else { row };
        &text[field.start as usize..field.end as usize]
    }

    /// Cuts the row at the start of `data`, which isn't empty.
    fn split(&mut self, data: &[u8], at_end: bool) -> Scan {
        self.fields.clear();
        self.scratch.clear();
        // offsets are 32 bits wide; a row this long is refused anyway
        let data = &data[..data.len().min(LONGEST_ROW + 2)];
        if self.format.comments && data[0] == b'#' {
            return match memchr2(b'\n', b'\r', data) {
                Some(at) => match line_end(data, at, at_end) {
                    Some(bytes) => Scan::Comment(Progress { bytes, lines: 1 }),
                    None => Scan::Incomplete,
                },
                None if at_end => Scan::Comment(Progress {
                    bytes: data.len(),
                    lines: 1,
                }),
                None => self.too_long(data, at_end),
            };
        }
        if self.format.escape.is_some() {
            return self.split_quoted(data, at_end);
        }
        let hit = match self.format.quote {
            Some(quote) => memchr3(b'\n', b'\r', quote, data),
            None => memchr2(b'\n', b'\r', data),
        };
        let (line, bytes) = match hit {
            Some(at) if Some(data[at]) == self.format.quote => {
                return self.split_quoted(data, at_end);
            }
            Some(at) => match line_end(data, at, at_end) {
                Some(bytes) => (&data[..at], bytes),
                None => return Scan::Incomplete,
            },
            None if at_end && data.len() <= LONGEST_ROW => (data, data.len()),
            None => return self.too_long(data, at_end),
        };
        let mut start = 0;
        for at in memchr_iter(self.format.delimiter, line) {
            self.push(line, start, at);
            start = at + 1;
        }
        self.push(line, start, line.len());
        Scan::Row(Progress { bytes, lines: 1 })
    }

    #[inline]
    fn push(&mut self, line: &[u8], mut start: usize, mut end: usize) {
        if self.format.trim_spaces {
            while start < end && line[start] <= b' ' {
                start += 1;
            }
            while start < end && line[end - 1] <= b' ' {
                end -= 1;
            }
        }
        self.fields.push(Field {
            start: start as u32,
            end: end as u32,
            in_scratch: false,
        });
    }

    /// The row has no end in `data`: more is needed, unless there can't be.
    fn too_long(&self, data: &[u8], at_end: bool) -> Scan {
        if data.len() > LONGEST_ROW {
            return Scan::Bad("the row is longer than 64 MB", next_line(data));
        }
        debug_assert!(!at_end || self.format.quote.is_some());
        Scan::Incomplete
    }

    /// Cuts a row that may have quotes and escapes, character by character.
    fn split_quoted(&mut self, data: &[u8], at_end: bool) -> Scan {
        let CsvFormat {
            delimiter,
            quote,
            escape,
            trim_spaces,
            ..
        } = self.format;
        let mut at = 0;
        let mut lines = 0;
        loop {
            // at the start of a field
            if trim_spaces {
                while data.get(at).is_some_and(|b| is_blank(*b, delimiter)) {
                    at += 1;
                }
            }
            let start = at;
            let scratch_start = self.scratch.len();
            let mut copied = false;
            let quoted = quote.is_some() && data.get(at).copied() == quote;
            if quoted {
                at += 1;
                let mut from = at;
                loop {
                    at = run(data, at, &self.stops_in_quotes);
                    let Some(&byte) = data.get(at) else {
                        if data.len() > LONGEST_ROW {
                            return Scan::Bad(
                                "a quote is opened and not closed within 64 MB",
                                next_line(data),
                            );
                        }
                        if at_end {
                            return Scan::Bad(
                                "a quote is opened and never closed",
                                next_line(data),
                            );
                        }
                        return Scan::Incomplete;
                    };
                    if Some(byte) == quote {
                        if data.get(at + 1).copied() == quote {
                            // a doubled quote stands for one
                            self.scratch.extend_from_slice(&data[from..=at]);
                            copied = true;
                            at += 2;
                            from = at;
                            continue;
                        }
                        if at + 1 == data.len() && !at_end {
                            return Scan::Incomplete;
                        }
                        break;
                    }
                    if Some(byte) == escape {
                        let Some(&escaped) = data.get(at + 1) else {
                            if at_end {
                                return Scan::Bad(
                                    "a quote is opened and never closed",
                                    next_line(data),
                                );
                            }
                            return Scan::Incomplete;
                        };
                        self.scratch.extend_from_slice(&data[from..at]);
                        self.scratch.push(unescape(escaped));
                        copied = true;
                        at += 2;
                        from = at;
                        continue;
                    }
                    match byte {
                        b'\n' => lines += 1,
                        b'\r' if data.get(at + 1) != Some(&b'\n') => lines += 1,
                        _ => {}
                    }
                    at += 1;
                }
                let (from, end) = if copied {
                    self.scratch.extend_from_slice(&data[from..at]);
                    (scratch_start, self.scratch.len())
                } else {
                    (start + 1, at)
                };
                self.fields.push(Field {
                    start: from as u32,
                    end: end as u32,
                    in_scratch: copied,
                });
                at += 1;
                while data.get(at).is_some_and(|b| is_blank(*b, delimiter)) {
                    at += 1;
                }
                match data.get(at) {
                    None | Some(b'\n' | b'\r') => {}
                    Some(b) if *b == delimiter => {}
                    Some(_) => {
                        let rest = next_line(&data[at..]);
                        return Scan::Bad(
                            "after a closing quote neither a delimiter nor a line end follows",
                            Progress {
                                bytes: at + rest.bytes,
                                lines: lines + rest.lines,
                            },
                        );
                    }
                }
            } else {
                let mut from = at;
                loop {
                    at = run(data, at, &self.stops);
                    if data.get(at).is_some() && data.get(at).copied() == escape {
                        let Some(&escaped) = data.get(at + 1) else {
                            if at_end {
                                return Scan::Bad(
                                    "the file ends after an escape character",
                                    next_line(data),
                                );
                            }
                            return Scan::Incomplete;
                        };
                        self.scratch.extend_from_slice(&data[from..at]);
                        self.scratch.push(unescape(escaped));
                        copied = true;
                        at += 2;
                        from = at;
                        continue;
                    }
                    break;
                }
                if copied {
                    self.scratch.extend_from_slice(&data[from..at]);
                    self.fields.push(Field {
                        start: scratch_start as u32,
                        end: self.scratch.len() as u32,
                        in_scratch: true,
                    });
                } else {
                    self.push(data, start, at);
                }
            }
            match data.get(at) {
                Some(b'\n' | b'\r') => {
                    return match line_end(data, at, at_end) {
                        Some(bytes) => Scan::Row(Progress {
                            bytes,
                            lines: lines + 1,
                        }),
                        None => Scan::Incomplete,
                    };
                }
                // the delimiter
                Some(_) => at += 1,
                None if data.len() > LONGEST_ROW => {
                    return Scan::Bad("the row is longer than 64 MB", next_line(data));
                }
                None if at_end => {
                    return Scan::Row(Progress {
                        bytes: data.len(),
                        lines: lines + 1,
                    });
                }
                None => return Scan::Incomplete,
            }
        }
    }
}

/// The end of the run of bytes from `at` on that are no stops.
#[inline]
fn run(data: &[u8], at: usize, stops: &[bool; 256]) -> usize {
    let rest = data.get(at..).unwrap_or_default();
    at + rest
        .iter()
        .position(|byte| stops[usize::from(*byte)])
        .unwrap_or(rest.len())
}

fn is_blank(byte: u8, delimiter: u8) -> bool {
    byte <= b' ' && byte != delimiter && byte != b'\n' && byte != b'\r'
}

/// Where the line after a line end at `at` starts; `None` if that cannot be known yet.
fn line_end(data: &[u8], at: usize, at_end: bool) -> Option<usize> {
    if data[at] == b'\n' {
        return Some(at + 1);
    }
    match data.get(at + 1) {
        Some(b'\n') => Some(at + 2),
        Some(_) => Some(at + 1),
        None => at_end.then_some(at + 1),
    }
}

/// From here to the next line end, whatever stands between.
fn next_line(data: &[u8]) -> Progress {
    let bytes = memchr(b'\n', data).map_or(data.len(), |at| at + 1);
    Progress { bytes, lines: 1 }
}

/// What an escaped character stands for.
fn unescape(byte: u8) -> u8 {
    match byte {
        b'0' => 0,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        other => other,
    }
}

/// Reads rows of a table's columns.
pub(crate) struct CsvDecoder {
    splitter: Splitter,
    width: usize,
    builder: BatchBuilder,
    bad_rows: u64,
}

impl CsvDecoder {
    pub(crate) fn new(
        format: CsvFormat,
        columns: &[(String, FlinkType)],
        projection: &[usize],
    ) -> Self {
        Self {
            splitter: Splitter::new(format),
            width: columns.len(),
            builder: BatchBuilder::new(columns, projection),
            bad_rows: 0,
        }
    }

    /// A decoder of rows of `width` fields, of which each target takes one; several may take the same.
    pub(crate) fn of_targets(
        format: CsvFormat,
        width: usize,
        targets: &[(usize, String, FlinkType)],
    ) -> Self {
        Self {
            splitter: Splitter::new(format),
            width,
            builder: BatchBuilder::of_targets(targets),
            bad_rows: 0,
        }
    }

    /// Appends the row the splitter has just cut.
    fn append(&mut self, row: &[u8], line: u64) -> Result<()> {
        let Self {
            splitter,
            width,
            builder,
            bad_rows,
        } = self;
        let format = &splitter.format;
        let found = splitter.fields.len();
        let mut bad = false;
        if found != *width {
            let trailing_comma = found == *width + 1
                && format.allow_trailing_comma
                && splitter
                    .fields
                    .last()
                    .is_some_and(|last| last.start == last.end);
            if found < *width {
                if !format.ignore_errors {
                    return Err(fewer(found, *width, row, line));
                }
                if format.fail_on_missing {
                    *bad_rows += 1;
                    return Ok(());
                }
                bad = true;
            } else if !trailing_comma && !format.ignore_trailing {
                if !format.ignore_errors {
                    return Err(more(found, *width, format.delimiter, row, line));
                }
                *bad_rows += 1;
                return Ok(());
            }
        }
        let mut keep = true;
        for target in &mut builder.targets {
            let Some(field) = splitter.fields.get(target.field) else {
                keep &= target.append_null();
                continue;
            };
            let value = splitter.field(row, *field);
            if format.is_null(value, &target.column) {
                if !target.append_null() {
                    if !format.ignore_errors {
                        return Err(target.null_error(line, "csv"));
                    }
                    keep = false;
                }
                continue;
            }
            match append_value(&mut target.column, value, format, &mut bad) {
                Ok(true) => {}
                Ok(false) if target.nullable => {}
                Ok(false) => {
                    // read, and NULL all the same: the row is dropped with it
                    if !format.ignore_errors {
                        return Err(target.null_error(line, "csv").with_value(value));
                    }
                    keep = false;
                }
                Err(reason) => {
                    if !format.ignore_errors {
                        let error = target.error(reason, value, line, "csv");
                        return Err(if value.is_empty() {
                            error.with_remedy(
                                "set 'csv.null-literal' = '' to read empty fields as NULL, or \
                                 'csv.ignore-parse-errors' = 'true'",
                            )
                        } else {
                            error
                        });
                    }
                    bad = true;
                    keep &= target.append_null();
                }
            }
        }
        *bad_rows += u64::from(bad || !keep);
        builder.end_row(keep);
        Ok(())
    }
}

/// Appends one field: a scalar, or an array or row of scalars; `false` if it was read as NULL. With
/// errors ignored, an element that cannot be read is NULL and `bad` is set.
fn append_value(
    column: &mut Column,
    value: &[u8],
    format: &CsvFormat,
    bad: &mut bool,
) -> Result<bool, Reason> {
    match column {
        Column::List {
            ends, nulls, item, ..
        } => {
            let elements = elements(value, &format.array_delimiter);
            for element in &elements {
                append_element(item, element, format, bad)?;
            }
            // the elements of a batch that fit in memory are fewer than 2^31
            ends.push(i32::try_from(item.len()).map_err(|_| "too many elements in one batch")?);
            nulls.append_non_null();
            Ok(true)
        }
        Column::Row { fields, nulls, .. } => {
            let elements = elements(value, &format.array_delimiter);
            if elements.is_empty() {
                column.append_null();
                return Ok(false);
            }
            if elements.len() < fields.len() {
                if !format.ignore_errors {
                    return Err("the row has fewer elements than fields");
                }
                *bad = true;
            }
            for (index, field) in fields.iter_mut().enumerate() {
                match elements.get(index) {
                    Some(element) => append_element(field, element, format, bad)?,
                    None => field.append_null(),
                }
            }
            nulls.append_non_null();
            Ok(true)
        }
        // Java takes everything but "true" for false
        Column::Boolean(_)
            if format.data_file
                && !text::boolean(text::trim(value))
                && !text::trim(value).eq_ignore_ascii_case(b"false") =>
        {
            Err("neither true nor false")
        }
        scalar => scalar.append_text(value, TimeRules::Csv),
    }
}

fn append_element(
    column: &mut Column,
    element: &[u8],
    format: &CsvFormat,
    bad: &mut bool,
) -> Result<(), Reason> {
    if format.is_null_text(element) {
        column.append_null();
        return Ok(());
    }
    match column.append_text(element, TimeRules::Csv) {
        Ok(_) => Ok(()),
        Err(_) if format.ignore_errors => {
            *bad = true;
            column.append_null();
            Ok(())
        }
        Err(reason) => Err(reason),
    }
}

/// The parts of an array; an empty text has none.
fn elements<'a>(value: &'a [u8], delimiter: &[u8]) -> Vec<&'a [u8]> {
    if value.is_empty() {
        return Vec::new();
    }
    let mut parts = Vec::new();
    let mut start = 0;
    for at in memchr::memmem::find_iter(value, delimiter) {
        parts.push(&value[start..at]);
        start = at + delimiter.len();
    }
    parts.push(&value[start..]);
    parts
}

fn fewer(found: usize, expected: usize, row: &[u8], line: u64) -> ConnectorError {
    let row = row.trim_ascii_end();
    if row.is_empty() {
        return ConnectorError::new(
            ErrorKind::BadRow,
            format!("the line is empty, {expected} fields are expected"),
        )
        .with_line(line)
        .with_remedy(ignore_remedy("csv"));
    }
    ConnectorError::new(
        ErrorKind::BadRow,
        format!("the row has too few fields: {expected} expected, {found} found"),
    )
    .with_line(line)
    .with_value(row)
    .with_remedy(ignore_remedy("csv"))
}

fn more(found: usize, expected: usize, delimiter: u8, row: &[u8], line: u64) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::BadRow,
        format!("the row has too many fields: {expected} expected, {found} found"),
    )
    .with_line(line)
    .with_value(row.trim_ascii_end())
    .with_remedy(format!(
        "declare the other columns, quote fields that hold '{}', or set \
         'csv.ignore-trailing-unmappable' = 'true' to leave out what is too much",
        char::from(delimiter)
    ))
}

impl Decoder for CsvDecoder {
    fn decode(
        &mut self,
        data: &[u8],
        at_end: bool,
        line: u64,
        max_rows: usize,
    ) -> Result<Progress> {
        let mut done = Progress::default();
        while done.bytes < data.len() && self.builder.rows() < max_rows {
            let rest = &data[done.bytes..];
            let here = line + done.lines;
            let step = match self.splitter.split(rest, at_end) {
                Scan::Row(step) => {
                    let row = &rest[..step.bytes];
                    let blank =
                        self.splitter.format.data_file && matches!(row, b"\n" | b"\r\n" | b"\r");
                    if !blank {
                        self.append(row, here)?;
                    }
                    step
                }
                Scan::Comment(step) => step,
                Scan::Incomplete => break,
                Scan::Bad(reason, step) => {
                    if !self.splitter.format.ignore_errors {
                        return Err(ConnectorError::new(ErrorKind::BadRow, reason)
                            .with_line(here)
                            .with_value(&rest[..next_line(rest).bytes])
                            .with_remedy(ignore_remedy("csv")));
                    }
                    self.bad_rows += 1;
                    step
                }
            };
            done.bytes += step.bytes;
            done.lines += step.lines;
        }
        Ok(done)
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

/// How far the first row that is no empty line reaches.
pub(crate) fn first_row(format: &CsvFormat, data: &[u8], at_end: bool) -> Progress {
    let mut splitter = Splitter::new(format.clone());
    let mut done = Progress::default();
    while done.bytes < data.len() {
        let Scan::Row(step) = splitter.split(&data[done.bytes..], at_end) else {
            break;
        };
        done.bytes += step.bytes;
        done.lines += step.lines;
        if !matches!(&splitter.fields[..], [only] if only.start == only.end) {
            break;
        }
    }
    done
}

/// Cuts the first rows of a file into texts, for schema inference.
pub(crate) fn sample_rows(
    format: &CsvFormat,
    data: &[u8],
    at_end: bool,
    max_rows: usize,
) -> Result<Vec<Vec<Vec<u8>>>> {
    let mut splitter = Splitter::new(format.clone());
    let mut rows = Vec::new();
    let mut done = Progress::default();
    while done.bytes < data.len() && rows.len() < max_rows {
        let rest = &data[done.bytes..];
        let step = match splitter.split(rest, at_end) {
            Scan::Row(step) => {
                let row = &rest[..step.bytes];
                rows.push(
                    splitter
                        .fields
                        .iter()
                        .map(|field| splitter.field(row, *field).to_vec())
                        .collect(),
                );
                step
            }
            Scan::Comment(step) => step,
            Scan::Incomplete => break,
            Scan::Bad(reason, step) => {
                if !format.ignore_errors {
                    return Err(
                        ConnectorError::new(ErrorKind::BadRow, reason).with_line(1 + done.lines)
                    );
                }
                step
            }
        };
        done.bytes += step.bytes;
        done.lines += step.lines;
    }
    Ok(rows)
}

/// Writes rows of a table's columns.
pub(crate) struct CsvEncoder {
    format: CsvFormat,
    declared: Vec<(String, DataType)>,
    /// A text with a byte below this is quoted.
    least_safe: u8,
    cell: Vec<u8>,
}

impl CsvEncoder {
    pub(crate) fn new(format: CsvFormat, columns: &[(String, FlinkType)]) -> Self {
        let highest = format.delimiter.max(format.quote.unwrap_or(0)).max(b'\r');
        Self {
            declared: columns
                .iter()
                .map(|(name, ty)| (name.clone(), ty.to_arrow()))
                .collect(),
            least_safe: highest + 1,
            format,
            cell: Vec::new(),
        }
    }

    /// The texts of a column's values, unquoted; NULL is the null literal.
    pub(crate) fn texts(&self, column: &ArrayRef) -> Result<Vec<String>> {
        let columns = in_declared_types(std::slice::from_ref(column), &self.declared)?;
        let cells = Cells::of(&columns[0])?;
        let mut text = Vec::new();
        Ok((0..column.len())
            .map(|row| {
                text.clear();
                self.write_raw(&cells, row, &mut text);
                String::from_utf8_lossy(&text).into_owned()
            })
            .collect())
    }

    fn write(&mut self, cells: &Cells<'_>, row: usize, out: &mut Vec<u8>) {
        if cells.is_null(row) {
            out.extend_from_slice(self.format.null_literal.as_deref().unwrap_or_default());
            return;
        }
        match cells {
            // numbers and booleans are never quoted
            Cells::Text(array) => self.write_text(array.value(row).as_bytes(), out),
            Cells::Bytes(_)
            | Cells::Date(_)
            | Cells::Time(_)
            | Cells::Timestamp { .. }
            | Cells::List(..)
            | Cells::Map(..)
            | Cells::Row(..) => {
                let mut cell = std::mem::take(&mut self.cell);
                cell.clear();
                self.write_raw(cells, row, &mut cell);
                self.write_text(&cell, out);
                self.cell = cell;
            }
            _ => self.write_raw(cells, row, out),
        }
    }

    /// A value's text, unquoted.
    fn write_raw(&self, cells: &Cells<'_>, row: usize, out: &mut Vec<u8>) {
        if cells.is_null(row) {
            out.extend_from_slice(self.format.null_literal.as_deref().unwrap_or_default());
            return;
        }
        match cells {
            Cells::Boolean(array) => {
                out.extend_from_slice(if array.value(row) { b"true" } else { b"false" })
            }
            Cells::Int8(array) => text::write_integer(array.value(row).into(), out),
            Cells::Int16(array) => text::write_integer(array.value(row).into(), out),
            Cells::Int32(array) => text::write_integer(array.value(row).into(), out),
            Cells::Int64(array) => text::write_integer(array.value(row), out),
            Cells::Float(array) => text::write_float(array.value(row), out),
            Cells::Double(array) => text::write_double(array.value(row), out),
            Cells::Decimal(array, scale) => {
                let style = if self.format.scientific {
                    DecimalStyle::Scientific
                } else {
                    DecimalStyle::Plain
                };
                text::write_decimal(array.value(row), *scale, style, out);
            }
            Cells::Text(array) => out.extend_from_slice(array.value(row).as_bytes()),
            Cells::Bytes(array) => out.extend_from_slice(
                base64::engine::general_purpose::STANDARD
                    .encode(array.value(row))
                    .as_bytes(),
            ),
            Cells::Date(array) => text::write_date(array.value(row), out),
            Cells::Time(array) => text::write_time(array.value(row), out),
            Cells::Timestamp {
                values,
                digits,
                zoned,
                ..
            } => text::write_timestamp(values[row], *digits, *zoned, b' ', out),
            Cells::Interval { values, .. } => text::write_integer(values[row], out),
            Cells::List(array, items) => {
                let offsets = array.value_offsets();
                for item in offsets[row]..offsets[row + 1] {
                    if item > offsets[row] {
                        out.extend_from_slice(&self.format.array_delimiter);
                    }
                    self.write_raw(items, item as usize, out);
                }
            }
            Cells::Row(_, fields) => {
                for (index, (_, field)) in fields.iter().enumerate() {
                    if index > 0 {
                        out.extend_from_slice(&self.format.array_delimiter);
                    }
                    self.write_raw(field, row, out);
                }
            }
            // check_type() refuses maps before anything is opened; NULL was handled above
            Cells::Map(..) | Cells::Null => {}
        }
    }

    /// Text, quoted if it must be.
    fn write_text(&self, text: &[u8], out: &mut Vec<u8>) {
        let Some(quote) = self.format.quote.filter(|_| self.needs_quotes(text)) else {
            out.extend_from_slice(text);
            return;
        };
        out.push(quote);
        let mut rest = text;
        let special = |rest: &[u8]| match self.format.escape {
            Some(escape) => memchr2(quote, escape, rest),
            None => memchr(quote, rest),
        };
        while let Some(at) = special(rest) {
            out.extend_from_slice(&rest[..=at]);
            // both are written twice
            out.push(rest[at]);
            rest = &rest[at + 1..];
        }
        out.extend_from_slice(rest);
        out.push(quote);
    }

    fn needs_quotes(&self, text: &[u8]) -> bool {
        /// Jackson doesn't look into longer texts: it quotes them.
        const LONGEST_CHECKED: usize = 24;
        if self.format.data_file {
            let special = [self.format.delimiter, b'"', b'\n', b'\r'];
            return text.iter().any(|byte| special.contains(byte));
        }
        if text.len() > LONGEST_CHECKED {
            // Java counts UTF-16 units; a character of n bytes is at most n of them
            let units: usize = text
                .utf8_chunks()
                .map(|chunk| chunk.valid().encode_utf16().count() + chunk.invalid().len())
                .sum();
            if units > LONGEST_CHECKED {
                return true;
            }
        }
        text.iter()
            .any(|byte| *byte < self.least_safe || *byte == b'\\')
    }
}

impl Encoder for CsvEncoder {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let columns = in_declared_types(batch.columns(), &self.declared)?;
        let cells = columns.iter().map(Cells::of).collect::<Result<Vec<_>>>()?;
        let delimiter = self.format.delimiter;
        for row in 0..batch.num_rows() {
            for (index, cells) in cells.iter().enumerate() {
                if index > 0 {
                    out.push(delimiter);
                }
                self.write(cells, row, out);
            }
            out.push(b'\n');
        }
        Ok(())
    }
}
