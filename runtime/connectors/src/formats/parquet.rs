//! Parquet: whole files of typed columns.
//!
//! Unlike CSV and JSON a Parquet file tells its columns and types, and its rows come in groups that are found from the
//! end of the file, so it is read from a file, not from bytes as they come. Columns nobody asked for are not read.
//!
//! The reader of such files trusts much of what they say about themselves: a damaged one may make it panic, which
//! becomes an error here.

use std::cell::Cell;
use std::fs::File;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Once;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::arrow_writer::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use crate::error::{ConnectorError, ErrorKind, Result};

/// Rows of a group that is written: a reader needs this many in memory at a time, of the columns that it reads.
const GROUP_ROWS: usize = 128 << 10;

/// Reads the rows of one file.
pub(crate) struct ParquetReader {
    file: File,
    metadata: ArrowReaderMetadata,
    /// The columns of the file that are read, in the order asked for.
    wanted: Vec<usize>,
    batches: Option<ParquetRecordBatchReader>,
}

impl ParquetReader {
    /// Opens a file and reads what it says of itself.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path)
            .map_err(|error| ConnectorError::io("cannot open the file", path, error))?;
        let metadata = guarded(|| ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()))?
            .map_err(broken)?;
        Ok(Self {
            wanted: (0..metadata.schema().fields().len()).collect(),
            file,
            metadata,
            batches: None,
        })
    }

    /// The columns of the file.
    pub(crate) fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    /// How many rows the file says it has.
    pub(crate) fn total_rows(&self) -> u64 {
        let rows = self.metadata.metadata().file_metadata().num_rows();
        u64::try_from(rows).unwrap_or(0)
    }

    /// Chooses the columns to read, by their place in the schema. May be called before the first row only.
    pub(crate) fn read(&mut self, wanted: &[usize]) {
        self.wanted = wanted.to_vec();
    }

    /// The next rows, at most `max_rows` (of the first call); `None` after the last one.
    pub(crate) fn next(&mut self, max_rows: usize) -> Result<Option<(Vec<ArrayRef>, usize)>> {
        let mut batches = match self.batches.take() {
            Some(batches) => batches,
            None => self.start(max_rows)?,
        };
        let (batches, batch) = guarded(move || {
            let batch = batches.next();
            (batches, batch)
        })?;
        self.batches = Some(batches);
        let Some(batch) = batch else { return Ok(None) };
        let batch = batch.map_err(|error| broken(ParquetError::from(error)))?;
        // The reader gives each column once, in the file's order.
        let mut read = self.wanted.clone();
        read.sort_unstable();
        read.dedup();
        let columns = self
            .wanted
            .iter()
            .map(|place| {
                let at = read.binary_search(place).unwrap_or(usize::MAX);
                batch.columns().get(at).cloned().ok_or_else(|| {
                    ConnectorError::new(ErrorKind::Schema, "a column is missing from the rows")
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Some((columns, batch.num_rows())))
    }

    fn start(&self, max_rows: usize) -> Result<ParquetRecordBatchReader> {
        let file = self.file.try_clone().map_err(|error| {
            ConnectorError::new(ErrorKind::Io, format!("cannot read the file: {error}"))
        })?;
        guarded(|| {
            let builder =
                ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
            let mask = ProjectionMask::roots(builder.parquet_schema(), self.wanted.iter().copied());
            builder
                .with_projection(mask)
                .with_batch_size(max_rows.max(1))
                .build()
        })?
        .map_err(broken)
    }
}

fn broken(error: ParquetError) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::BadRow,
        format!(
            "it cannot be read as Parquet: {}",
            one_line(&error.to_string())
        ),
    )
}

fn one_line(text: &str) -> String {
    let text = text
        .trim_start_matches("Parquet error: ")
        .replace('\n', " ");
    text.chars().take(200).collect()
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// A panic becomes an error, and prints nothing.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let outer = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                outer(info);
            }
        }));
    });
    let before = QUIET.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(before);
    result.map_err(|_| {
        ConnectorError::new(
            ErrorKind::BadRow,
            "it cannot be read as Parquet: the file contradicts itself",
        )
    })
}

/// Writes rows to one file.
pub(crate) struct ParquetWriter<W: Write + Send> {
    writer: ArrowWriter<W>,
}

impl<W: Write + Send> ParquetWriter<W> {
    /// A writer of rows of `schema`.
    pub(crate) fn new(out: W, schema: SchemaRef) -> Result<Self> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_created_by(concat!("millstream ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer = ArrowWriter::try_new(out, schema, Some(properties)).map_err(not_written)?;
        Ok(Self { writer })
    }

    /// Appends a batch's rows.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch).map_err(not_written)
    }

    /// Writes what is left and the end of the file.
    pub(crate) fn finish(self) -> Result<W> {
        self.writer.into_inner().map_err(not_written)
    }
}

fn not_written(error: ParquetError) -> ConnectorError {
    let kind = match &error {
        ParquetError::External(_) => ErrorKind::Io,
        _ => ErrorKind::Schema,
    };
    ConnectorError::new(
        kind,
        format!("cannot write Parquet: {}", one_line(&error.to_string())),
    )
}
