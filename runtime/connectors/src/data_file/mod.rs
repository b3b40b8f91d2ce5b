//! Files of rows that stand by themselves, outside any table: what a command line is given and gives back.
//!
//! [`RowsReader`] looks at the first rows of a CSV, JSON or Parquet file, tells its columns, and is then told which of
//! them to read as what. [`RowsWriter`] writes such a file, which appears when it is whole. Both go batch by batch, so
//! that no file needs to fit in memory.
//!
//! CSV here is what people's tools write, not what Flink's format reads: a header, empty lines, missing numbers as
//! empty fields. JSON is one object a line, or one array of objects.

mod array;
mod read;
mod write;

use std::path::{Path, PathBuf};

use arrow::datatypes::DataType;
use millstream_functions::types::{FlinkType, RowField, TypeKind};

use crate::error::{ConnectorError, ErrorKind, Result};
use crate::filesystem::{is_glob, list_files};
use crate::spec::TableSpec;

pub use read::{FileColumn, ReadOptions, RowsReader, Wanted};
pub use write::{RowsWriter, Target};

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// Comma-separated, or parted by another character.
    Csv,
    /// One object a line, or one array of objects.
    Json,
    /// Parquet.
    Parquet,
}

impl FileFormat {
    /// What the ending of a file's name tells.
    pub fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match ending.as_str() {
            "csv" | "tsv" | "txt" => Self::Csv,
            "json" | "jsonl" | "ndjson" => Self::Json,
            "parquet" | "pq" => Self::Parquet,
            _ => return None,
        })
    }
}

/// The files that a path on the command line stands for: a file, all files of a folder, or those that a glob matches.
/// Hidden files of folders are passed over.
pub fn files(path: &str) -> Result<Vec<PathBuf>> {
    let spec = TableSpec {
        name: String::new(),
        columns: vec![],
        metadata: vec![],
        partition_keys: vec![],
        primary_key: vec![],
        options: [("path".to_owned(), path.to_owned())].into(),
        base_dir: PathBuf::new(),
    };
    if let Err(error) = std::fs::metadata(path)
        && !is_glob(path)
    {
        return Err(
            ConnectorError::io("cannot open the file", Path::new(path), error)
                .with_remedy("check the path"),
        );
    }
    let listing = list_files(&spec).map_err(|error| {
        let error = match error.kind() {
            ErrorKind::NotFound => error.with_remedy("check the path"),
            _ => error,
        };
        error.without_option()
    })?;
    if listing.names.is_empty() {
        return Err(
            ConnectorError::new(ErrorKind::NotFound, "the folder has no file in it")
                .with_file(Path::new(path)),
        );
    }
    Ok(listing
        .names
        .iter()
        .map(|name| listing.root.join(name))
        .collect())
}

/// The type that values of an Arrow type have when they are written as text, if they can be.
pub fn text_type(data_type: &DataType) -> Option<FlinkType> {
    if let Some(ty) = FlinkType::from_arrow(data_type) {
        return Some(ty);
    }
    Some(match data_type {
        DataType::UInt8 => FlinkType::new(TypeKind::SmallInt),
        DataType::UInt16 => FlinkType::new(TypeKind::Int),
        DataType::UInt32 => FlinkType::new(TypeKind::BigInt),
        DataType::UInt64 => FlinkType::decimal(20, 0),
        DataType::Float16 => FlinkType::new(TypeKind::Float),
        DataType::LargeUtf8 | DataType::Utf8View => FlinkType::string(),
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            FlinkType::bytes()
        }
        DataType::Date64 => FlinkType::new(TypeKind::Date),
        DataType::Time32(_) | DataType::Time64(_) => FlinkType::new(TypeKind::Time(3)),
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            FlinkType::decimal(*precision, u8::try_from(*scale).ok()?)
        }
        DataType::Timestamp(unit, zone) => {
            let digits = match unit {
                arrow::datatypes::TimeUnit::Second => 0,
                arrow::datatypes::TimeUnit::Millisecond => 3,
                arrow::datatypes::TimeUnit::Microsecond => 6,
                arrow::datatypes::TimeUnit::Nanosecond => 9,
            };
            FlinkType::new(match zone {
                Some(_) => TypeKind::TimestampLtz(digits),
                None => TypeKind::Timestamp(digits),
            })
        }
        DataType::Dictionary(_, value) => return text_type(value),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item) => {
            FlinkType::new(TypeKind::Array(Box::new(text_type(item.data_type())?)))
        }
        DataType::Struct(fields) => FlinkType::new(TypeKind::Row(
            fields
                .iter()
                .map(|field| Some(RowField::new(field.name(), text_type(field.data_type())?)))
                .collect::<Option<_>>()?,
        )),
        _ => return None,
    })
}
