//! Reading: what columns a file has, and its rows.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use millstream_functions::types::FlinkType;

use super::FileFormat;
use super::array::ArrayLines;
use crate::error::{ConnectorError, ErrorKind, Result};
use crate::formats::csv::{CsvDecoder, CsvFormat, first_row};
use crate::formats::json::{JsonDecoder, JsonFormat};
use crate::formats::parquet::ParquetReader;
use crate::formats::{Decoder, Progress};
use crate::infer::{self, Inferred};

/// Endings of files that would have to be unpacked first.
const COMPRESSED: &[&str] = &["gz", "gzip", "bz2", "xz", "zst", "zstd", "zip"];

/// How a file is read.
#[derive(Default)]
pub struct ReadOptions<'a> {
    /// Whether a CSV file starts with names; `None` to look.
    pub header: Option<bool>,
    /// What parts the fields of a CSV file, if not a comma (a tab where the file's name ends in `.tsv`).
    pub delimiter: Option<u8>,
    /// A text that stands for a missing number in CSV, beside the empty field.
    pub null: Option<&'a str>,
    /// Names that would show that the first row of a CSV file is a header.
    pub is_name: Option<&'a dyn Fn(&str) -> bool>,
}

/// A column of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileColumn {
    /// Its name; `f0`, `f1`, … where the file tells none.
    pub name: String,
    /// What its first values look like (CSV, JSON), or what the file says (Parquet).
    pub data_type: DataType,
    /// The type of CSV and JSON columns in Flink's terms.
    pub guess: Option<FlinkType>,
}

/// A column to read.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Its place in [`RowsReader::columns`].
    pub column: usize,
    /// The type to read it as. Parquet columns are read as they are.
    pub ty: FlinkType,
}

/// Reads one file. Errors name the file, the line and the column.
pub struct RowsReader {
    name: PathBuf,
    columns: Vec<FileColumn>,
    rows: Rows,
}

enum Rows {
    Text(Box<TextReader>),
    Parquet(Box<ParquetReader>),
}

impl RowsReader {
    /// Opens a file and looks at its first rows.
    pub fn open(path: &Path, format: FileFormat, options: &ReadOptions<'_>) -> Result<Self> {
        Self::open_inner(path, format, options).map_err(|error| error.with_file(path))
    }

    fn open_inner(path: &Path, format: FileFormat, options: &ReadOptions<'_>) -> Result<Self> {
        if let Some(ending) = path.extension().and_then(|ending| ending.to_str())
            && COMPRESSED.contains(&ending)
        {
            return Err(ConnectorError::new(
                ErrorKind::NotSupported,
                format!("compressed files ('.{ending}') are not supported by Millstream"),
            )
            .with_remedy("unpack the file"));
        }
        let failed = |error| {
            let error = ConnectorError::io("cannot open the file", path, error);
            match error.kind() {
                ErrorKind::NotFound => error.with_remedy("check the path"),
                _ => error,
            }
        };
        let metadata = fs::metadata(path).map_err(failed)?;
        if metadata.is_dir() {
            return Err(ConnectorError::new(
                ErrorKind::NotFound,
                "it is a folder, not a file",
            ));
        }
        if metadata.is_file() && metadata.len() == 0 {
            return Err(empty());
        }
        if format == FileFormat::Parquet {
            let reader = ParquetReader::open(path)?;
            let columns = reader.schema().fields().iter().map(|field| FileColumn {
                name: field.name().clone(),
                data_type: field.data_type().clone(),
                guess: None,
            });
            return Ok(Self {
                name: path.to_owned(),
                columns: columns.collect(),
                rows: Rows::Parquet(Box::new(reader)),
            });
        }
        let file = File::open(path).map_err(failed)?;
        let length = metadata.is_file().then_some(metadata.len());
        Self::text(path, Box::new(file), length, format, options)
    }

    /// Reads CSV or JSON from a stream, of which errors speak as `name`.
    pub fn stream(
        name: &Path,
        input: Box<dyn Read + Send>,
        format: FileFormat,
        options: &ReadOptions<'_>,
    ) -> Result<Self> {
        if format == FileFormat::Parquet {
            return Err(ConnectorError::new(
                ErrorKind::NotSupported,
                "Parquet is read from its end, so it must come from a file",
            )
            .with_file(name));
        }
        Self::text(name, input, None, format, options).map_err(|error| error.with_file(name))
    }

    fn text(
        name: &Path,
        input: Box<dyn Read + Send>,
        length: Option<u64>,
        format: FileFormat,
        options: &ReadOptions<'_>,
    ) -> Result<Self> {
        let tabs = name.extension().is_some_and(|ending| ending == "tsv");
        let delimiter = options.delimiter.unwrap_or(if tabs { b'\t' } else { b',' });
        let format = match format {
            FileFormat::Json => TextFormat::Json(JsonFormat::data_file()),
            _ => TextFormat::Csv(CsvFormat::data_file(delimiter, options.null)),
        };
        let (reader, inferred) = TextReader::open(input, length, format, options)?;
        let columns = inferred.columns.into_iter().map(|(name, ty)| FileColumn {
            name,
            data_type: ty.to_arrow(),
            guess: Some(ty),
        });
        Ok(Self {
            name: name.to_owned(),
            columns: columns.collect(),
            rows: Rows::Text(Box::new(reader)),
        })
    }

    /// What errors call the file.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// The columns of the file, in its order.
    pub fn columns(&self) -> &[FileColumn] {
        &self.columns
    }

    /// Whether the file is CSV without a header, so that its columns have no names of their own.
    pub fn nameless(&self) -> bool {
        match &self.rows {
            Rows::Text(reader) => reader.nameless,
            Rows::Parquet(_) => false,
        }
    }

    /// Says which columns to read as what, in the order of the arrays that [`RowsReader::next`] gives. One column may
    /// be read twice. May be called before the first row only.
    pub fn read(&mut self, wanted: &[Wanted]) {
        match &mut self.rows {
            Rows::Text(reader) => reader.read(wanted, &self.columns),
            Rows::Parquet(reader) => {
                reader.read(
                    &wanted
                        .iter()
                        .map(|wanted| wanted.column)
                        .collect::<Vec<_>>(),
                );
            }
        }
    }

    /// The types of the arrays that [`RowsReader::next`] gives for `wanted`.
    pub fn types(&self, wanted: &[Wanted]) -> Vec<DataType> {
        wanted
            .iter()
            .map(
                |wanted| match (&self.rows, self.columns.get(wanted.column)) {
                    (Rows::Parquet(_), Some(column)) => column.data_type.clone(),
                    _ => wanted.ty.to_arrow(),
                },
            )
            .collect()
    }

    /// The next rows, at most `max_rows`, as one array a wanted column; `None` after the last one.
    pub fn next(&mut self, max_rows: usize) -> Result<Option<(Vec<ArrayRef>, usize)>> {
        let next = match &mut self.rows {
            Rows::Text(reader) => reader.next(max_rows),
            Rows::Parquet(reader) => reader.next(max_rows),
        };
        next.map_err(|error| error.with_file(&self.name))
    }

    /// How far the reader is, from 0 to 1, after `rows` rows; `None` if that cannot be known.
    pub fn progress(&self, rows: u64) -> Option<f64> {
        let (done, all) = match &self.rows {
            Rows::Text(reader) => (reader.bytes_read, reader.length?),
            Rows::Parquet(reader) => (rows, reader.total_rows()),
        };
        (all > 0).then(|| (done as f64 / all as f64).min(1.0))
    }
}

fn empty() -> ConnectorError {
    ConnectorError::new(ErrorKind::BadRow, "the file is empty").with_remedy("put rows into it")
}

enum TextFormat {
    Csv(CsvFormat),
    Json(JsonFormat),
}

enum Input {
    Plain(Box<dyn Read + Send>),
    Lines(ArrayLines<Box<dyn Read + Send>>),
}

/// Reads CSV or JSON.
///
/// The bytes `start..end` of the buffer are those of the input that are still to be decoded.
struct TextReader {
    input: Input,
    /// Bytes that the input has, if that is known, and how many were read.
    length: Option<u64>,
    bytes_read: u64,
    format: TextFormat,
    width: usize,
    nameless: bool,
    decoder: Option<Box<dyn Decoder>>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
    line: u64,
}

/// How much is read at once after the sample.
const CHUNK: usize = 256 << 10;

impl TextReader {
    fn open(
        input: Box<dyn Read + Send>,
        length: Option<u64>,
        format: TextFormat,
        options: &ReadOptions<'_>,
    ) -> Result<(Self, Inferred)> {
        let mut reader = Self {
            input: match &format {
                TextFormat::Csv(_) => Input::Plain(input),
                TextFormat::Json(_) => Input::Lines(ArrayLines::new(input)),
            },
            length,
            bytes_read: 0,
            format,
            width: 0,
            nameless: false,
            decoder: None,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            at_end: false,
            line: 1,
        };
        while !reader.at_end && (reader.end as u64) < infer::SAMPLE_BYTES {
            reader.fill()?;
        }
        let data = &reader.buffer[reader.start..reader.end];
        if data.trim_ascii().is_empty() {
            return Err(empty());
        }
        let inferred = match &reader.format {
            TextFormat::Csv(format) => {
                let is_name = options.is_name.unwrap_or(&|_| false);
                infer::csv_file(format, data, reader.at_end, options.header, is_name)
            }
            TextFormat::Json(_) => infer::json_file(data, reader.at_end),
        };
        let inferred = inferred.map_err(|error| reader.placed(error))?;
        if let TextFormat::Csv(format) = &reader.format {
            reader.nameless = !inferred.header;
            if inferred.header {
                let Progress { bytes, lines } = first_row(format, data, reader.at_end);
                reader.start += bytes;
                reader.line += lines;
            }
        }
        reader.width = inferred.columns.len();
        if reader.width == 0 {
            return Err(ConnectorError::new(
                ErrorKind::Schema,
                "its rows have no columns",
            ));
        }
        Ok((reader, inferred))
    }

    fn read(&mut self, wanted: &[Wanted], columns: &[FileColumn]) {
        let targets: Vec<(usize, String, FlinkType)> = wanted
            .iter()
            .filter_map(|wanted| {
                let name = columns.get(wanted.column)?.name.clone();
                Some((wanted.column, name, wanted.ty.clone()))
            })
            .collect();
        self.decoder = Some(match &self.format {
            TextFormat::Csv(format) => {
                Box::new(CsvDecoder::of_targets(format.clone(), self.width, &targets))
            }
            TextFormat::Json(format) => Box::new(JsonDecoder::of_targets(format.clone(), &targets)),
        });
    }

    fn next(&mut self, max_rows: usize) -> Result<Option<(Vec<ArrayRef>, usize)>> {
        let Some(mut decoder) = self.decoder.take() else {
            return Err(ConnectorError::new(
                ErrorKind::Schema,
                "nothing was said about the columns to read",
            ));
        };
        let next = self.next_from(decoder.as_mut(), max_rows.max(1));
        self.decoder = Some(decoder);
        next.map_err(|error| self.placed(error))
    }

    fn next_from(
        &mut self,
        decoder: &mut dyn Decoder,
        max_rows: usize,
    ) -> Result<Option<(Vec<ArrayRef>, usize)>> {
        loop {
            let data = &self.buffer[self.start..self.end];
            let done = decoder.decode(data, self.at_end, self.line, max_rows)?;
            self.start += done.bytes;
            self.line += done.lines;
            if decoder.rows() >= max_rows || self.at_end {
                let (columns, rows) = decoder.finish()?;
                if rows > 0 {
                    return Ok(Some((columns, rows)));
                }
                if self.at_end && (self.start == self.end || done.bytes == 0) {
                    return Ok(None);
                }
                continue;
            }
            self.fill()?;
        }
    }

    /// An error with the place and the remedy that a file by itself has.
    fn placed(&self, error: ConnectorError) -> ConnectorError {
        if error.kind() != ErrorKind::BadRow {
            return error;
        }
        let remedy = match &self.format {
            TextFormat::Csv(_) if error.reason().contains("fields") => {
                "every row must have as many fields as the first; quote a field that holds the delimiter"
            }
            TextFormat::Csv(_) => "correct the row",
            TextFormat::Json(_) if error.column().is_some() => "correct the row",
            TextFormat::Json(_) => "write one object a line, or one array of objects",
        };
        let error = error.with_remedy(remedy);
        match error.line() {
            Some(row) if matches!(&self.input, Input::Lines(input) if input.is_array()) => {
                error.in_row(row)
            }
            _ => error,
        }
    }

    /// Reads more of the input behind what the buffer holds.
    fn fill(&mut self) -> Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < CHUNK {
            let len = (self.buffer.len() * 2).max(self.end + CHUNK);
            self.buffer.resize(len, 0);
        }
        let read = loop {
            let free = &mut self.buffer[self.end..];
            let read = match &mut self.input {
                Input::Plain(input) => input.read(free),
                Input::Lines(input) => input.read(free),
            };
            match read {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(ConnectorError::new(
                        ErrorKind::Io,
                        format!("cannot read the file: {error}"),
                    ));
                }
                Ok(read) => break read,
            }
        };
        self.at_end = read == 0;
        // the byte order mark is no part of the first field
        if self.bytes_read == 0 && self.buffer[..read].starts_with(b"\xef\xbb\xbf") {
            self.start = 3;
        }
        self.end += read;
        self.bytes_read += read as u64;
        Ok(())
    }
}
