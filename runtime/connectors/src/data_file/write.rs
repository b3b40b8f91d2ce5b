//! Writing: a file that appears when it is whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use millstream_functions::types::FlinkType;

use super::{FileFormat, text_type};
use crate::error::{ConnectorError, ErrorKind, Result};
use crate::formats::Encoder;
use crate::formats::csv::{self, CsvEncoder, CsvFormat};
use crate::formats::json::{self, JsonEncoder, JsonFormat};
use crate::formats::parquet::ParquetWriter;

/// Where rows are written to.
pub enum Target {
    /// A file, which replaces the one that is there.
    File(PathBuf),
    /// A stream, such as the standard output.
    Stream(Box<dyn Write + Send>),
}

/// Writes the rows of one file.
///
/// The rows go to a hidden file in the same folder, which gets the file's name when [`RowsWriter::finish`] is called.
/// Until then, and if that is never called, whatever stood there stays as it was.
pub struct RowsWriter {
    schema: SchemaRef,
    sink: Sink,
    /// `None` for a stream.
    file: Option<Pending>,
    /// What errors call the file.
    name: PathBuf,
}

enum Sink {
    Text {
        encoder: Box<dyn Encoder>,
        out: Output,
        buffer: Vec<u8>,
    },
    Parquet(Box<ParquetWriter<Output>>),
}

type Output = BufWriter<Box<dyn Write + Send>>;

/// The hidden file, which is removed unless it was renamed.
struct Pending {
    file: File,
    hidden: PathBuf,
    target: PathBuf,
}

impl Drop for Pending {
    fn drop(&mut self) {
        // Gone if it was renamed.
        let _ = fs::remove_file(&self.hidden);
    }
}

impl RowsWriter {
    /// A writer of rows of `schema`. CSV starts with the columns' names.
    ///
    /// Columns of types that the format has no place for are an error that names the column.
    pub fn create(
        target: Target,
        format: FileFormat,
        schema: &SchemaRef,
        delimiter: u8,
    ) -> Result<Self> {
        let name = match &target {
            Target::File(path) => path.clone(),
            Target::Stream(_) => PathBuf::from("standard output"),
        };
        Self::create_inner(target, format, schema, delimiter)
            .map(|(sink, file)| Self {
                schema: schema.clone(),
                sink,
                file,
                name: name.clone(),
            })
            .map_err(|error| error.with_file(&name))
    }

    fn create_inner(
        target: Target,
        format: FileFormat,
        schema: &SchemaRef,
        delimiter: u8,
    ) -> Result<(Sink, Option<Pending>)> {
        // Types are checked before anything is created.
        let encoder: Option<Box<dyn Encoder>> = match format {
            FileFormat::Parquet => None,
            FileFormat::Csv => {
                let columns = text_columns(schema, "CSV")?;
                for (name, ty) in &columns {
                    csv::check_type(name, ty)?;
                }
                let format = CsvFormat::data_file_out(delimiter);
                Some(Box::new(CsvEncoder::new(format, &columns)))
            }
            FileFormat::Json => {
                let columns = text_columns(schema, "JSON")?;
                for (name, ty) in &columns {
                    json::check_type(name, ty)?;
                }
                Some(Box::new(JsonEncoder::new(
                    JsonFormat::data_file(),
                    &columns,
                )))
            }
        };
        let (out, file): (Box<dyn Write + Send>, _) = match target {
            Target::Stream(out) => (out, None),
            Target::File(path) if is_device(&path) => {
                let file = File::options().write(true).open(&path);
                (Box::new(file.map_err(|error| failed(&path, error))?), None)
            }
            Target::File(path) => {
                let pending = Pending::create(&path)?;
                let file = pending
                    .file
                    .try_clone()
                    .map_err(|error| ConnectorError::io("cannot write the file", &path, error))?;
                (Box::new(file), Some(pending))
            }
        };
        let out = BufWriter::with_capacity(PIECE, out);
        let sink = match encoder {
            None => Sink::Parquet(Box::new(ParquetWriter::new(out, schema.clone())?)),
            Some(encoder) => {
                let mut buffer = Vec::new();
                if format == FileFormat::Csv {
                    write_header(schema, delimiter, &mut buffer)?;
                }
                Sink::Text {
                    encoder,
                    out,
                    buffer,
                }
            }
        };
        Ok((sink, file))
    }

    /// Appends rows, one array a column of the schema.
    pub fn write(&mut self, columns: Vec<ArrayRef>) -> Result<()> {
        let written = RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|error| {
                ConnectorError::new(
                    ErrorKind::Schema,
                    format!("the rows make no batch: {error}"),
                )
            })
            .and_then(|batch| self.write_batch(&batch));
        written.map_err(|error| error.with_file(&self.name))
    }

    fn write_batch(&mut self, batch: &RecordBatch) -> Result<()> {
        match &mut self.sink {
            Sink::Parquet(writer) => writer.write(batch),
            Sink::Text {
                encoder,
                out,
                buffer,
            } => {
                encoder.encode(batch, buffer)?;
                let written = out.write_all(buffer);
                buffer.clear();
                written.map_err(|error| failed(&self.name, error))
            }
        }
    }

    /// Writes what is left; a file gets its name.
    pub fn finish(self) -> Result<()> {
        let Self {
            sink, file, name, ..
        } = self;
        let finished = || -> Result<()> {
            let mut out = match sink {
                Sink::Parquet(writer) => writer.finish()?,
                Sink::Text {
                    mut out, buffer, ..
                } => {
                    out.write_all(&buffer)
                        .map_err(|error| failed(&name, error))?;
                    out
                }
            };
            out.flush().map_err(|error| failed(&name, error))?;
            drop(out);
            match file {
                Some(pending) => pending.rename(),
                None => Ok(()),
            }
        };
        finished().map_err(|error| error.with_file(&name))
    }
}

/// Whether rows go straight to what stands there, such as `/dev/null` or a pipe, since it cannot be replaced.
fn is_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir())
}

/// Rows are given to the system in pieces of about this size.
const PIECE: usize = 256 << 10;

fn failed(name: &Path, error: io::Error) -> ConnectorError {
    let full = error.kind() == io::ErrorKind::StorageFull;
    let error = ConnectorError::io("cannot write", name, error);
    match error.kind() {
        ErrorKind::NotFound => error.with_remedy("check the path"),
        _ if full => error.with_remedy("free space on the disk"),
        _ => error,
    }
}

fn text_columns(schema: &Schema, format: &str) -> Result<Vec<(String, FlinkType)>> {
    let fields = schema.fields().iter();
    fields
        .map(|field| match text_type(field.data_type()) {
            Some(ty) => Ok((field.name().clone(), ty)),
            None => Err(ConnectorError::new(
                ErrorKind::Schema,
                format!(
                    "values of the type {} cannot be written as {format}",
                    field.data_type()
                ),
            )
            .with_column(field.name())
            .with_remedy("write Parquet, or leave the column out")),
        })
        .collect()
}

fn write_header(schema: &Schema, delimiter: u8, out: &mut Vec<u8>) -> Result<()> {
    let fields = schema.fields();
    let columns: Vec<(String, FlinkType)> = fields
        .iter()
        .map(|field| (field.name().clone(), FlinkType::string()))
        .collect();
    let names: Vec<ArrayRef> = fields
        .iter()
        .map(|field| Arc::new(StringArray::from(vec![field.name().as_str()])) as ArrayRef)
        .collect();
    let as_text: Vec<Field> = fields
        .iter()
        .map(|field| Field::new(field.name(), DataType::Utf8, true))
        .collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(as_text)), names).map_err(|error| {
        ConnectorError::new(
            ErrorKind::Schema,
            format!("the names make no header: {error}"),
        )
    })?;
    CsvEncoder::new(CsvFormat::data_file_out(delimiter), &columns).encode(&batch, out)
}

impl Pending {
    fn create(path: &Path) -> Result<Self> {
        // A link stays a link: the file it points to is replaced.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if target.is_dir() {
            return Err(ConnectorError::new(
                ErrorKind::Io,
                "it is a folder, not a file",
            ));
        }
        let Some(name) = target.file_name() else {
            return Err(ConnectorError::new(ErrorKind::Io, "this is no file name"));
        };
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.tmp", std::process::id()));
        let hidden = target.with_file_name(hidden);
        let file = File::create(&hidden).map_err(|error| failed(path, error))?;
        let pending = Self {
            file,
            hidden,
            target,
        };
        if let Ok(old) = fs::metadata(&pending.target) {
            let kept = pending.file.set_permissions(old.permissions());
            kept.map_err(|error| failed(path, error))?;
        }
        Ok(pending)
    }

    fn rename(self) -> Result<()> {
        let renamed = || -> io::Result<()> {
            self.file.sync_all()?;
            fs::rename(&self.hidden, &self.target)?;
            // The rename itself is durable once the folder is.
            let folder = match self.target.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            File::open(folder)?.sync_all()
        };
        renamed().map_err(|error| failed(&self.target, error))
    }
}
