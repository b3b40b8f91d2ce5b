//! Writes events to files, for Millstream, Flink and others to read.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow::array::{RecordBatch, UInt32Array};
use arrow::datatypes::DataType;
use millstream_functions::types::FlinkType;

use super::{AUCTION, BID, EventKind, FLAT, KINDS, Maker, NexmarkSource, PERSON, Wanted, row_type};
use crate::error::{ConnectorError, ErrorKind, Result};
use crate::formats::Encoder;
use crate::formats::csv::{CsvEncoder, CsvFormat};
use crate::formats::json::{JsonEncoder, JsonFormat};
use crate::spec::TableSpec;

/// Events that are made at once.
const BATCH: u64 = 4096;

/// How the events are laid out in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NexmarkLayout {
    /// One table of 14 columns, which the kinds of events share.
    Flat,
    /// Three tables, in the folders `person`, `auction` and `bid`.
    Tables,
    /// One table with a row for each kind of event, as the benchmark's connector has it.
    Nested,
}

/// What to write where.
#[derive(Debug, Clone)]
pub struct NexmarkExport {
    /// How many events.
    pub events: u64,
    /// Into how many files (of each table).
    pub files: u32,
    /// `csv` or `json`.
    pub format: String,
    /// How.
    pub layout: NexmarkLayout,
    /// The folder.
    pub folder: PathBuf,
    /// Options of the generator: `seed`, `first-event.rate`, ….
    pub options: BTreeMap<String, String>,
}

/// A table to write: its folder, its columns and what they hold.
struct Table {
    folder: PathBuf,
    /// Only events of this kind; all if `None`.
    kind: Option<EventKind>,
    columns: Vec<(String, FlinkType)>,
    wanted: Vec<Wanted>,
}

fn tables(export: &NexmarkExport) -> Result<Vec<Table>> {
    let column = |name: &str, ty: &str| {
        let ty = FlinkType::parse(ty)
            .map_err(|error| ConnectorError::new(ErrorKind::Schema, error.to_string()))?;
        Ok::<_, ConnectorError>((name.to_owned(), ty))
    };
    let of_kinds = [("person", PERSON), ("auction", AUCTION), ("bid", BID)];
    match export.layout {
        NexmarkLayout::Flat => Ok(vec![Table {
            folder: export.folder.clone(),
            kind: None,
            columns: FLAT
                .iter()
                .map(|(name, ty, _)| column(name, ty))
                .collect::<Result<_>>()?,
            wanted: FLAT
                .iter()
                .map(|(name, ty, fields)| match *name {
                    "event_type" => Wanted::EventType,
                    _ => Wanted::Fields(ty, *fields),
                })
                .collect(),
        }]),
        NexmarkLayout::Nested => {
            let mut columns = vec![column("event_type", "INT")?];
            for (name, fields) in of_kinds {
                columns.push(column(name, &row_type(fields))?);
            }
            let rows = KINDS.map(Wanted::Row);
            Ok(vec![Table {
                folder: export.folder.clone(),
                kind: None,
                columns,
                wanted: std::iter::once(Wanted::EventType).chain(rows).collect(),
            }])
        }
        NexmarkLayout::Tables => of_kinds
            .iter()
            .zip(KINDS)
            .map(|((name, fields), kind)| {
                let wanted = fields.iter().map(|(field, ty)| {
                    let mut of_kind = [""; 3];
                    of_kind[kind as usize] = *field;
                    Wanted::Fields(ty, of_kind)
                });
                Ok(Table {
                    folder: export.folder.join(name),
                    kind: Some(kind),
                    columns: fields
                        .iter()
                        .map(|(field, ty)| column(field, ty))
                        .collect::<Result<_>>()?,
                    wanted: wanted.collect(),
                })
            })
            .collect(),
    }
}

impl Table {
    fn encoder(&self, format: &str) -> Box<dyn Encoder> {
        match format {
            "json" => Box::new(JsonEncoder::new(JsonFormat::plain(), &self.columns)),
            _ => Box::new(CsvEncoder::new(CsvFormat::plain(), &self.columns)),
        }
    }

    fn batch(&self, maker: &Maker<'_>) -> Result<RecordBatch> {
        let types: Vec<DataType> = self.columns.iter().map(|(_, ty)| ty.to_arrow()).collect();
        let arrays = self
            .wanted
            .iter()
            .zip(&types)
            .zip(&self.columns)
            .map(|((wanted, ty), (name, _))| Ok((name, maker.array(*wanted, ty)?)))
            .collect::<Result<Vec<_>>>()?;
        let batch = RecordBatch::try_from_iter(arrays).map_err(|error| super::no_batch(&error))?;
        let Some(kind) = self.kind else {
            return Ok(batch);
        };
        let rows: UInt32Array = (0_u32..)
            .zip(&maker.kinds)
            .filter(|(_, other)| **other == kind)
            .map(|(row, _)| row)
            .collect();
        arrow::compute::take_record_batch(&batch, &rows).map_err(|error| super::no_batch(&error))
    }
}

/// Writes the events; gives the names of the files. All files of a table are in the order of time
/// and come along in it together.
pub(crate) fn export(export: &NexmarkExport) -> Result<Vec<PathBuf>> {
    let bad = |option: &str, reason: &str, remedy: &str| {
        Err(ConnectorError::new(ErrorKind::BadOption, reason)
            .with_option(option)
            .with_remedy(remedy))
    };
    if !matches!(export.format.as_str(), "csv" | "json") {
        return bad(
            "format",
            "events are written as csv or json",
            "choose one of them",
        );
    }
    if export.layout == NexmarkLayout::Nested && export.format == "csv" {
        return bad(
            "layout",
            "CSV cannot hold the nested layout",
            "write it as json, or choose the layout flat or tables",
        );
    }
    if export.events == 0 || export.files == 0 {
        return bad(
            "events.num",
            "there is nothing to write",
            "ask for at least one event and file",
        );
    }
    let mut options = export.options.clone();
    options.insert("connector".into(), "nexmark".into());
    options.insert("events.num".into(), export.events.to_string());
    options.insert("splits".into(), export.files.to_string());
    let spec = TableSpec {
        name: "events".into(),
        columns: vec![],
        metadata: vec![],
        partition_keys: vec![],
        primary_key: vec![],
        options,
        base_dir: export.folder.clone(),
    };
    super::validate_source(&spec)?;
    let source = NexmarkSource::open(&spec, &[])?;
    let tables = tables(export)?;
    let mut names = Vec::new();
    for number in 0..u64::from(export.files) {
        names.extend(write_split(&source, number, &tables, &export.format)?);
    }
    Ok(names)
}

fn write_split(
    source: &NexmarkSource,
    split: u64,
    tables: &[Table],
    format: &str,
) -> Result<Vec<PathBuf>> {
    let mut outputs = Vec::new();
    for table in tables {
        fs::create_dir_all(&table.folder).map_err(|error| {
            ConnectorError::io("cannot create the folder", &table.folder, error)
        })?;
        let path = table.folder.join(format!("part-{split}.{format}"));
        let file = File::create(&path).map_err(|error| failed(&path, error))?;
        let out = BufWriter::with_capacity(1 << 20, file);
        outputs.push((table, path, out, table.encoder(format)));
    }
    let end = source.settings.rows_of(split);
    let mut next = 0;
    let mut numbers = Vec::new();
    let mut text = Vec::new();
    while next < end {
        let count = BATCH.min(end - next);
        numbers.clear();
        numbers.extend((next..next + count).map(|row| source.settings.event(split, row)));
        next += count;
        let maker = Maker::new(&source.events, &numbers);
        for (table, path, out, encoder) in &mut outputs {
            text.clear();
            encoder.encode(&table.batch(&maker)?, &mut text)?;
            out.write_all(&text).map_err(|error| failed(path, error))?;
        }
    }
    outputs
        .into_iter()
        .map(|(_, path, out, _)| {
            let file = out.into_inner();
            file.map_err(|error| failed(&path, error.into_error()))?
                .sync_all()
                .map_err(|error| failed(&path, error))?;
            Ok(path)
        })
        .collect()
}

fn failed(path: &Path, error: std::io::Error) -> ConnectorError {
    ConnectorError::io("cannot write the file", path, error)
}
