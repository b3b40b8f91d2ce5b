//! Reads tables from files: one split a file, a position is the byte of the next row.

use std::fs::{self, File};
use std::io::{Read as _, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use arrow::array::{
    ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, StringArray, TimestampMillisecondArray,
    UInt32Array,
};
use arrow::datatypes::SchemaRef;
use millstream_functions::types::{FlinkType, UTC};

use super::listing::{Listing, list_files};
use super::{default_partition, file_columns, partition};
use crate::error::{ConnectorError, ErrorKind, Result};
use crate::formats::column::Column;
use crate::formats::text::TimeRules;
use crate::formats::{Decoder, Format};
use crate::source::{Position, Read, Source, SplitId, SplitReader};
use crate::spec::TableSpec;

/// How much is read from a file at once.
const CHUNK: usize = 256 << 10;

/// Endings of compressed files, which Flink would unpack.
const COMPRESSED: &[&str] = &[
    "gz", "gzip", "deflate", "bz2", "xz", "zst", "zstd", "zip", "snappy",
];

/// Where a column of the output comes from.
#[derive(Debug, Clone)]
enum Origin {
    /// The decoder's n-th column.
    File(usize),
    /// The folder's name.
    Partition { key: String, ty: FlinkType },
    /// Metadata of the file.
    Metadata(String),
}

/// A table in files.
pub(crate) struct FileSource {
    spec: TableSpec,
    format: Format,
    schema: SchemaRef,
    origins: Vec<Origin>,
    /// The columns that stand in the files, and which of them are wanted.
    columns: Vec<(String, FlinkType)>,
    wanted: Vec<usize>,
    monitor: Option<Duration>,
}

impl FileSource {
    /// Opens a validated table. The files must be there now; a monitored folder may be empty.
    pub(crate) fn open(spec: &TableSpec, projection: &[usize]) -> Result<Self> {
        let schema = spec.projected_schema(projection)?;
        let columns = file_columns(spec);
        let mut wanted = Vec::new();
        let mut origins = Vec::new();
        for &index in projection {
            let Some((name, ty)) = spec.columns.get(index) else {
                // projected_schema() has checked the bounds
                let (_, key, _) = &spec.metadata[index - spec.columns.len()];
                origins.push(Origin::Metadata(key.clone()));
                continue;
            };
            if let Some(place) = columns.iter().position(|(column, _)| column == name) {
                origins.push(Origin::File(wanted.len()));
                wanted.push(place);
            } else {
                origins.push(Origin::Partition {
                    key: name.clone(),
                    ty: ty.clone(),
                });
            }
        }
        let source = Self {
            format: Format::of(spec)?,
            monitor: spec.duration("source.monitor-interval")?,
            spec: spec.clone(),
            schema,
            origins,
            columns,
            wanted,
        };
        source.listing()?;
        Ok(source)
    }

    fn listing(&self) -> Result<Listing> {
        list_files(&self.spec).map_err(|error| error.with_table(&self.spec.name))
    }

    fn open_split(&self, split: &SplitId, position: Option<&Position>) -> Result<FileReader> {
        // the root doesn't depend on which files there are now
        let listing = list_files(&self.spec)?;
        let path = listing.root.join(&split.0);
        if !listing.names.contains(&split.0) {
            return Err(ConnectorError::new(
                ErrorKind::BadPosition,
                "a file that was being read is gone",
            )
            .with_file(&path)
            .with_remedy("put it back, or start afresh with --fresh"));
        }
        if let Some(ending) = path.extension().and_then(|ending| ending.to_str())
            && COMPRESSED.contains(&ending)
        {
            return Err(ConnectorError::new(
                ErrorKind::NotSupported,
                format!("compressed files ('.{ending}') are not supported by Millstream"),
            )
            .with_file(&path)
            .with_remedy("unpack the file"));
        }
        let failed = |error| ConnectorError::io("cannot open the file", &path, error);
        let mut file = File::open(&path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let (offset, line, bad_rows) = match position {
            None => (0, 1, 0),
            Some(Position::File {
                offset,
                line,
                bad_rows,
            }) => (*offset, *line, *bad_rows),
            Some(other) => {
                return Err(ConnectorError::new(
                    ErrorKind::BadPosition,
                    format!("{other:?} is no position in a file"),
                )
                .with_file(&path));
            }
        };
        if offset > metadata.len() {
            return Err(ConnectorError::new(
                ErrorKind::BadPosition,
                format!(
                    "the file has {} bytes, fewer than the {offset} read before the checkpoint",
                    metadata.len()
                ),
            )
            .with_file(&path)
            .with_remedy("put the file back as it was, or start afresh with --fresh"));
        }
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        let constants = self
            .origins
            .iter()
            .map(|origin| self.constant(origin, &split.0, &path, &metadata))
            .collect::<Result<Vec<_>>>()?;
        let layout = self
            .origins
            .iter()
            .zip(constants)
            .map(|(origin, constant)| match (origin, constant) {
                (Origin::File(index), _) => Slot::Decoded(*index),
                (_, Some(value)) => Slot::Constant(value),
                // constant() has a value for everything else
                (_, None) => Slot::Decoded(usize::MAX),
            })
            .collect();
        Ok(FileReader {
            table: self.spec.name.clone(),
            path,
            file,
            schema: self.schema.clone(),
            layout,
            decoder: self.format.decoder(&self.columns, &self.wanted),
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            at_end: false,
            offset,
            line,
            bad_rows,
        })
    }

    /// A value that all rows of a file have in a column, as an array of one row.
    fn constant(
        &self,
        origin: &Origin,
        name: &str,
        path: &Path,
        metadata: &fs::Metadata,
    ) -> Result<Option<ArrayRef>> {
        Ok(Some(match origin {
            Origin::File(_) => return Ok(None),
            Origin::Partition { key, ty } => {
                let missing = || {
                    ConnectorError::new(
                        ErrorKind::BadRow,
                        format!("the file stands in no folder '{key}=…'"),
                    )
                    .with_file(path)
                    .with_column(key)
                    .with_remedy("put it into a folder of its partition, or drop PARTITIONED BY")
                };
                let value = partition::value_in(name, key).ok_or_else(missing)?;
                let mut column = Column::new(ty);
                if value == default_partition(&self.spec) {
                    column.append_null();
                } else {
                    column
                        .append_text(value.as_bytes(), TimeRules::Csv)
                        .map_err(|reason| {
                            ConnectorError::new(
                                ErrorKind::BadRow,
                                format!("cannot read {ty} from the folder's name: {reason}"),
                            )
                            .with_file(path)
                            .with_column(key)
                            .with_value(value.as_bytes())
                        })?;
                }
                column.finish().map_err(no_batch)?
            }
            Origin::Metadata(key) => match key.as_str() {
                "file.path" => {
                    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
                    Arc::new(StringArray::from(vec![path.to_string_lossy().into_owned()]))
                }
                "file.name" => {
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    Arc::new(StringArray::from(vec![name.into_owned()]))
                }
                "file.size" => {
                    let size = i64::try_from(metadata.len()).unwrap_or(i64::MAX);
                    Arc::new(Int64Array::from(vec![size]))
                }
                // validate_source() lets no other key through
                _ => {
                    let modified = metadata
                        .modified()
                        .ok()
                        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
                        .and_then(|since| i64::try_from(since.as_millis()).ok())
                        .unwrap_or(0);
                    Arc::new(TimestampMillisecondArray::from(vec![modified]).with_timezone(UTC))
                }
            },
        }))
    }
}

fn no_batch(error: arrow::error::ArrowError) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::BadRow,
        format!("the rows make no batch: {error}"),
    )
}

impl Source for FileSource {
    fn splits(&self) -> Result<Vec<SplitId>> {
        Ok(self.listing()?.names.into_iter().map(SplitId).collect())
    }

    fn bounded(&self) -> bool {
        self.monitor.is_none()
    }

    fn discovery_interval(&self) -> Option<Duration> {
        self.monitor
    }

    fn reader(&self, split: &SplitId, position: Option<&Position>) -> Result<Box<dyn SplitReader>> {
        match self.open_split(split, position) {
            Ok(reader) => Ok(Box::new(reader)),
            Err(error) => Err(error.with_table(&self.spec.name)),
        }
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

/// Where a column of the batch comes from.
enum Slot {
    Decoded(usize),
    Constant(ArrayRef),
}

/// Reads one file from a row's start to its end.
///
/// The bytes `start..end` of the buffer are those of the file from `offset` on; a row starts there.
struct FileReader {
    table: String,
    path: PathBuf,
    file: File,
    schema: SchemaRef,
    layout: Vec<Slot>,
    decoder: Box<dyn Decoder>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// The file has no more bytes than the buffer.
    at_end: bool,
    offset: u64,
    line: u64,
    /// Bad rows before this reader was opened.
    bad_rows: u64,
}

impl FileReader {
    fn read(&mut self, max_rows: usize) -> Result<Read> {
        loop {
            while self.decoder.rows() < max_rows {
                let data = &self.buffer[self.start..self.end];
                let done = self
                    .decoder
                    .decode(data, self.at_end, self.line, max_rows)?;
                self.start += done.bytes;
                self.offset += done.bytes as u64;
                self.line += done.lines;
                if self.decoder.rows() >= max_rows {
                    break;
                }
                if self.at_end {
                    break;
                }
                self.fill()?;
            }
            let (columns, rows) = self.decoder.finish()?;
            if rows > 0 {
                let kinds = self.decoder.take_kinds();
                return Ok(Read::Rows(self.batch(&columns, rows)?, kinds));
            }
            if self.at_end && self.start == self.end {
                return Ok(Read::End);
            }
        }
    }

    /// Reads more of the file behind what the buffer holds.
    fn fill(&mut self) -> Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let failed = |error| ConnectorError::io("cannot read the file", &self.path, error);
        let read = loop {
            match self.file.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other.map_err(failed)?,
            }
        };
        if read == 0 {
            self.at_end = true;
        }
        self.end += read;
        // the byte order mark is no part of the first field
        if self.offset == 0 && self.buffer[..self.end].starts_with(b"\xef\xbb\xbf") {
            self.start += 3;
            self.offset += 3;
        }
        Ok(())
    }

    fn batch(&self, columns: &[ArrayRef], rows: usize) -> Result<RecordBatch> {
        let arrays = self
            .layout
            .iter()
            .map(|slot| match slot {
                Slot::Decoded(index) => columns.get(*index).cloned().ok_or_else(|| {
                    ConnectorError::new(ErrorKind::Schema, "a column has no origin")
                }),
                Slot::Constant(value) => {
                    arrow::compute::take(value, &UInt32Array::from(vec![0; rows]), None)
                        .map_err(no_batch)
                }
            })
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options).map_err(no_batch)
    }
}

impl SplitReader for FileReader {
    fn next(&mut self, max_rows: usize) -> Result<Read> {
        self.read(max_rows.max(1))
            .map_err(|error| error.with_file(&self.path).with_table(&self.table))
    }

    fn position(&self) -> Position {
        Position::File {
            offset: self.offset,
            line: self.line,
            bad_rows: self.bad_rows(),
        }
    }

    fn bad_rows(&self) -> u64 {
        self.bad_rows + self.decoder.bad_rows()
    }
}
