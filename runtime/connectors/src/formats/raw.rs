//! Flink's `raw` format: a line is one value of the table's only column, its bytes as they are.
//!
//! Text is decoded by `raw.charset`; numbers are fixed-width, in the order of `raw.endianness`; a
//! BOOLEAN is one byte, false if it is zero. A carriage return at the end of a line is no part of
//! it. There is no place for NULL.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::DataType;
use millstream_functions::types::{FlinkType, TypeKind};

use super::cells::{Cells, in_declared_types};
use super::column::Column;
use super::{Decoder, Encoder, Progress, decode_lines};
use crate::error::{ConnectorError, ErrorKind, Result};
use crate::options::{OptionDef, Value, list};
use crate::spec::TableSpec;

const CHARSET: &str = "raw.charset";
const ENDIANNESS: &str = "raw.endianness";
const ENDS: &[&str] = &["big-endian", "little-endian"];

/// Flink's options of the format.
pub(crate) const OPTIONS: &[OptionDef] = &[
    OptionDef::new(CHARSET, Value::Text),
    OptionDef::new(ENDIANNESS, Value::Word(ENDS)),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charset {
    Utf8,
    Ascii,
    Latin1,
}

/// The format's options, read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawFormat {
    charset: Charset,
    little_endian: bool,
}

impl RawFormat {
    pub(crate) fn of(spec: &TableSpec) -> Result<Self> {
        let name = spec.option(CHARSET).unwrap_or("UTF-8");
        let charset = match name.to_uppercase().as_str() {
            "UTF-8" | "UTF8" => Charset::Utf8,
            "US-ASCII" | "ASCII" => Charset::Ascii,
            "ISO-8859-1" | "ISO8859_1" | "LATIN1" => Charset::Latin1,
            _ => {
                return Err(ConnectorError::new(
                    ErrorKind::NotSupported,
                    format!("the character set '{name}' is not supported by Millstream"),
                )
                .with_option(CHARSET)
                .with_remedy(format!(
                    "there are {}",
                    list(&["UTF-8", "US-ASCII", "ISO-8859-1"])
                )));
            }
        };
        let order = spec.word(ENDIANNESS, ENDS)?;
        Ok(Self {
            charset,
            little_endian: order.as_deref() == Some("little-endian"),
        })
    }
}

/// The format has one column.
pub(crate) fn check_columns(columns: &[(String, FlinkType)]) -> Result<()> {
    if columns.len() == 1 {
        return Ok(());
    }
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    Err(ConnectorError::new(
        ErrorKind::Schema,
        format!(
            "the format 'raw' holds a single column, the table has {}",
            list(&names)
        ),
    )
    .with_remedy("declare one column, or use 'format' = 'csv' or 'json'"))
}

/// Text, bytes, numbers and booleans.
pub(crate) fn check_type(name: &str, ty: &FlinkType) -> Result<()> {
    let plain = matches!(
        ty.kind,
        TypeKind::Boolean
            | TypeKind::TinyInt
            | TypeKind::SmallInt
            | TypeKind::Int
            | TypeKind::BigInt
            | TypeKind::Float
            | TypeKind::Double
            | TypeKind::Char(_)
            | TypeKind::Varchar(_)
            | TypeKind::Binary(_)
            | TypeKind::Varbinary(_)
    );
    if plain {
        return Ok(());
    }
    Err(
        ConnectorError::new(ErrorKind::Schema, format!("the format 'raw' holds no {ty}"))
            .with_column(name)
            .with_remedy("use text, bytes, a whole number, FLOAT, DOUBLE or BOOLEAN"),
    )
}

/// Reads lines as values.
pub(crate) struct RawDecoder {
    format: RawFormat,
    name: String,
    type_name: String,
    /// Once for each time the column is wanted.
    columns: Vec<Column>,
    rows: usize,
}

impl RawDecoder {
    pub(crate) fn new(
        format: RawFormat,
        columns: &[(String, FlinkType)],
        projection: &[usize],
    ) -> Self {
        let first = columns.first();
        Self {
            format,
            name: first.map(|(name, _)| name.clone()).unwrap_or_default(),
            type_name: first.map(|(_, ty)| ty.to_string()).unwrap_or_default(),
            columns: projection
                .iter()
                .filter_map(|&index| columns.get(index))
                .map(|(_, ty)| Column::new(ty))
                .collect(),
            rows: 0,
        }
    }

    fn line(&mut self, text: &[u8], line: u64) -> Result<()> {
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        for column in &mut self.columns {
            if let Err(width) = append(column, text, self.format) {
                return Err(ConnectorError::new(
                    ErrorKind::BadRow,
                    format!(
                        "{} is {width} bytes wide, the line has {}",
                        self.type_name,
                        text.len()
                    ),
                )
                .with_column(&self.name)
                .with_value(text)
                .with_line(line)
                .with_remedy("declare the type that was written, or correct the file"));
            }
        }
        self.rows += 1;
        Ok(())
    }
}

/// Appends a value; the error is how many bytes it should have.
fn append(column: &mut Column, bytes: &[u8], format: RawFormat) -> Result<(), usize> {
    fn fixed<const N: usize>(bytes: &[u8], little_endian: bool) -> Result<[u8; N], usize> {
        let mut array: [u8; N] = bytes.try_into().map_err(|_| N)?;
        if little_endian {
            array.reverse();
        }
        Ok(array)
    }
    let little = format.little_endian;
    match column {
        Column::Boolean(values) => values.append_value(fixed::<1>(bytes, little)?[0] != 0),
        Column::TinyInt(values) => values.append_value(i8::from_be_bytes(fixed(bytes, little)?)),
        Column::SmallInt(values) => values.append_value(i16::from_be_bytes(fixed(bytes, little)?)),
        Column::Int(values) => values.append_value(i32::from_be_bytes(fixed(bytes, little)?)),
        Column::BigInt(values) => values.append_value(i64::from_be_bytes(fixed(bytes, little)?)),
        Column::Float(values) => values.append_value(f32::from_be_bytes(fixed(bytes, little)?)),
        Column::Double(values) => values.append_value(f64::from_be_bytes(fixed(bytes, little)?)),
        Column::Bytes(values) => values.append_value(bytes),
        Column::Text(values) => match format.charset {
            Charset::Utf8 => values.append_value(String::from_utf8_lossy(bytes)),
            Charset::Ascii => values.append_value(
                bytes
                    .iter()
                    .map(|byte| match *byte {
                        plain @ 0..0x80 => char::from(plain),
                        _ => char::REPLACEMENT_CHARACTER,
                    })
                    .collect::<String>(),
            ),
            Charset::Latin1 => {
                values.append_value(bytes.iter().map(|b| char::from(*b)).collect::<String>());
            }
        },
        // check_type() refuses other columns before anything is opened
        other => other.append_null(),
    }
    Ok(())
}

impl Decoder for RawDecoder {
    fn decode(
        &mut self,
        data: &[u8],
        at_end: bool,
        line: u64,
        max_rows: usize,
    ) -> Result<Progress> {
        decode_lines(data, at_end, line, "raw", |text, line| {
            if self.rows >= max_rows {
                return Ok(false);
            }
            self.line(text, line).map(|()| true)
        })
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn finish(&mut self) -> Result<(Vec<ArrayRef>, usize)> {
        let columns = self
            .columns
            .iter_mut()
            .map(Column::finish)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| {
                ConnectorError::new(
                    ErrorKind::BadRow,
                    format!("the rows make no batch: {error}"),
                )
            })?;
        Ok((columns, std::mem::take(&mut self.rows)))
    }

    fn bad_rows(&self) -> u64 {
        0
    }
}

/// Writes values as lines.
pub(crate) struct RawEncoder {
    format: RawFormat,
    declared: Vec<(String, DataType)>,
}

impl RawEncoder {
    pub(crate) fn new(format: RawFormat, columns: &[(String, FlinkType)]) -> Self {
        Self {
            format,
            declared: columns
                .iter()
                .map(|(name, ty)| (name.clone(), ty.to_arrow()))
                .collect(),
        }
    }

    fn write(&self, cells: &Cells<'_>, row: usize, out: &mut Vec<u8>) {
        let mut number = |mut bytes: Vec<u8>| {
            if self.format.little_endian {
                bytes.reverse();
            }
            out.extend_from_slice(&bytes);
        };
        match cells {
            Cells::Boolean(array) => number(vec![u8::from(array.value(row))]),
            Cells::Int8(array) => number(array.value(row).to_be_bytes().to_vec()),
            Cells::Int16(array) => number(array.value(row).to_be_bytes().to_vec()),
            Cells::Int32(array) => number(array.value(row).to_be_bytes().to_vec()),
            Cells::Int64(array) => number(array.value(row).to_be_bytes().to_vec()),
            Cells::Float(array) => number(array.value(row).to_be_bytes().to_vec()),
            Cells::Double(array) => number(array.value(row).to_be_bytes().to_vec()),
            Cells::Bytes(array) => out.extend_from_slice(array.value(row)),
            Cells::Text(array) => {
                let text = array.value(row);
                let limit = match self.format.charset {
                    Charset::Utf8 => {
                        out.extend_from_slice(text.as_bytes());
                        return;
                    }
                    Charset::Ascii => 0x7f,
                    Charset::Latin1 => 0xff,
                };
                // what the character set doesn't have becomes a question mark, as in Java
                out.extend(text.chars().map(|c| match u32::from(c) {
                    code if code <= limit => code as u8,
                    _ => b'?',
                }));
            }
            // check_type() refuses other columns before anything is opened
            _ => {}
        }
    }
}

impl Encoder for RawEncoder {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let columns = in_declared_types(batch.columns(), &self.declared)?;
        for (column, (name, _)) in columns.iter().zip(&self.declared) {
            let cells = Cells::of(column)?;
            for row in 0..batch.num_rows() {
                if cells.is_null(row) {
                    return Err(ConnectorError::new(
                        ErrorKind::BadRow,
                        "NULL cannot be written in the format 'raw'",
                    )
                    .with_column(name)
                    .with_remedy("leave such rows out with WHERE … IS NOT NULL"));
                }
                self.write(&cells, row, out);
                out.push(b'\n');
            }
        }
        Ok(())
    }
}
