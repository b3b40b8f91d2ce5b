//! Rows for people and programs outside: a JSON object a row, or an Arrow stream.
//!
//! Text is what the print connector writes. A number is a JSON number where a 64-bit float, which
//! is what most readers of JSON take numbers for, holds it exactly; else it is text.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, UInt64Array};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Decimal128Type, Field, Float32Type, Float64Type, Int64Type, Schema, SchemaRef,
    TimeUnit, TimestampMillisecondType,
};
use arrow_ipc::writer::StreamWriter;
use millstream_compiler::plan::TimeAttribute;
use millstream_compiler::plan::stream::PlanColumn;
use millstream_functions::display::{Formatter, Style};
use millstream_functions::types::TypeKind;
use millstream_operators::Batch;
use millstream_serve::api::{Column, TapHeader};

/// The largest whole number up to which a 64-bit float holds all.
const EXACT: i64 = 1 << 53;

/// As many decimal digits survive in a 64-bit float.
const EXACT_DIGITS: u32 = 15;

/// Writes the rows of a stream as JSON.
pub struct RowWriter {
    columns: Vec<JsonColumn>,
    rowtime: Option<usize>,
    header: Vec<Column>,
}

struct JsonColumn {
    formatter: Formatter,
    form: Form,
}

/// How a value looks in JSON.
enum Form {
    Boolean,
    /// Exact if it is no larger than [`EXACT`].
    Whole,
    Float,
    Double,
    /// Exact if it has few digits.
    Decimal(u8),
    Text,
}

impl RowWriter {
    /// A writer for rows of these columns.
    pub fn new(columns: &[PlanColumn]) -> Self {
        let rowtime = |column: &PlanColumn| column.time == Some(TimeAttribute::Rowtime);
        Self {
            rowtime: columns.iter().position(rowtime),
            header: columns
                .iter()
                .map(|column| Column {
                    name: column.name.clone(),
                    ty: column.flink_type().to_string(),
                    rowtime: rowtime(column),
                })
                .collect(),
            columns: columns
                .iter()
                .map(|column| {
                    let ty = column.flink_type();
                    JsonColumn {
                        formatter: Formatter::new(&ty, Style::Row),
                        form: match ty.kind {
                            TypeKind::Boolean => Form::Boolean,
                            TypeKind::TinyInt
                            | TypeKind::SmallInt
                            | TypeKind::Int
                            | TypeKind::BigInt => Form::Whole,
                            TypeKind::Float => Form::Float,
                            TypeKind::Double => Form::Double,
                            TypeKind::Decimal { scale, .. } => Form::Decimal(scale),
                            _ => Form::Text,
                        },
                    }
                })
                .collect(),
        }
    }

    /// The first line, with its end.
    pub fn header(&self, node: &str, operator: Option<&str>) -> String {
        line(&TapHeader {
            node: node.to_owned(),
            operator: operator.map(str::to_owned),
            columns: self.header.clone(),
        })
    }

    /// Appends a line a row.
    ///
    /// # Errors
    /// The event time cannot be read.
    pub fn write(&self, batch: &Batch, out: &mut String) -> Result<()> {
        let times = match self.rowtime {
            Some(column) => Some(millis(batch.rows.column(column))?),
            None => None,
        };
        let mut text = String::new();
        for row in 0..batch.len() {
            out.push_str("{\"kind\":\"");
            out.push_str(batch.kind(row).short());
            out.push_str("\",\"time\":");
            match &times {
                Some(times) if times.is_valid(row) => push_number(times.value(row), out),
                _ => out.push_str("null"),
            }
            out.push_str(",\"row\":[");
            for (at, (column, values)) in self.columns.iter().zip(batch.rows.columns()).enumerate()
            {
                if at > 0 {
                    out.push(',');
                }
                column.write(values, row, &mut text, out);
            }
            out.push_str("]}\n");
        }
        Ok(())
    }
}

impl JsonColumn {
    fn write(&self, values: &ArrayRef, row: usize, text: &mut String, out: &mut String) {
        if values.is_null(row) {
            out.push_str("null");
            return;
        }
        text.clear();
        self.formatter.write(values.as_ref(), row, text);
        match self.exact(values, row) {
            Some(number) => out.push_str(number.as_deref().unwrap_or(text)),
            None => push_string(text, out),
        }
    }

    /// The value as JSON that is no string, if it can be: `Some(None)` is the text as it is.
    fn exact(&self, values: &ArrayRef, row: usize) -> Option<Option<String>> {
        match self.form {
            Form::Boolean => Some(None),
            Form::Whole => {
                let exact = match values.as_primitive_opt::<Int64Type>() {
                    Some(values) => (-EXACT..=EXACT).contains(&values.value(row)),
                    // Narrower types always fit.
                    None => values.data_type().is_integer(),
                };
                exact.then_some(None)
            }
            Form::Double => {
                let value = values.as_primitive_opt::<Float64Type>()?.value(row);
                value.is_finite().then(|| Some(shortest(value.to_string())))
            }
            Form::Float => {
                let value = values.as_primitive_opt::<Float32Type>()?.value(row);
                value.is_finite().then(|| Some(shortest(value.to_string())))
            }
            Form::Decimal(scale) => {
                let value = values.as_primitive_opt::<Decimal128Type>()?.value(row);
                let most = 10_u128.pow(EXACT_DIGITS);
                (value.unsigned_abs() < most && u32::from(scale) <= EXACT_DIGITS).then(|| {
                    let mut text = String::new();
                    push_decimal(value, usize::from(scale), &mut text);
                    Some(text)
                })
            }
            Form::Text => None,
        }
    }
}

/// A float as Rust writes it is the shortest that reads back the same, but may be very long.
fn shortest(text: String) -> String {
    const LONG: usize = 25;
    if text.len() <= LONG {
        return text;
    }
    match text.parse::<f64>() {
        Ok(value) => format!("{value:e}"),
        Err(_) => text,
    }
}

fn push_decimal(value: i128, scale: usize, out: &mut String) {
    if value < 0 {
        out.push('-');
    }
    let digits = value.unsigned_abs().to_string();
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    out.push_str(whole);
    if scale > 0 {
        out.push('.');
        out.push_str(fraction);
    }
}

fn push_number(number: i64, out: &mut String) {
    use std::fmt::Write as _;
    // Writing to a string never fails.
    let _ = write!(out, "{number}");
}

fn push_string(text: &str, out: &mut String) {
    // A string is always JSON.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// A value as a line of JSON.
pub fn line(value: &impl serde::Serialize) -> String {
    // Structs of strings and numbers are always JSON.
    let mut line = serde_json::to_string(value).unwrap_or_default();
    line.push('\n');
    line
}

/// A time attribute in milliseconds.
fn millis(times: &ArrayRef) -> Result<arrow::array::PrimitiveArray<TimestampMillisecondType>> {
    let zone = match times.data_type() {
        DataType::Timestamp(_, zone) => zone.clone(),
        other => return Err(anyhow!("the event time is {other}, which is no timestamp")),
    };
    let millis = cast(times, &DataType::Timestamp(TimeUnit::Millisecond, zone))?;
    Ok(millis.as_primitive::<TimestampMillisecondType>().clone())
}

/// Writes the rows of a stream as Arrow IPC.
pub struct ArrowWriter {
    schema: SchemaRef,
    writer: StreamWriter<Vec<u8>>,
}

impl ArrowWriter {
    /// A writer for rows of these columns.
    ///
    /// # Errors
    /// Arrow IPC does not have one of the types.
    pub fn new(columns: &[PlanColumn]) -> Result<Self> {
        let mut fields = vec![
            Arc::new(Field::new("_kind", DataType::Utf8, false)),
            Arc::new(Field::new("_dropped", DataType::UInt64, false)),
        ];
        fields.extend(columns.iter().map(|column| Arc::clone(&column.field)));
        let schema = Arc::new(Schema::new(fields));
        Ok(Self {
            writer: StreamWriter::try_new(Vec::new(), &schema)?,
            schema,
        })
    }

    /// Appends rows before which `dropped` others went by.
    ///
    /// # Errors
    /// The rows are not of these columns.
    pub fn write(&mut self, batch: &Batch, dropped: u64) -> Result<()> {
        let kinds = StringArray::from_iter_values((0..batch.len()).map(|i| batch.kind(i).short()));
        let gaps = (0..batch.len()).map(|i| if i == 0 { dropped } else { 0 });
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(kinds),
            Arc::new(UInt64Array::from_iter_values(gaps)),
        ];
        columns.extend(batch.rows.columns().iter().cloned());
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        Ok(self.writer.write(&rows)?)
    }

    /// What was written since the last call.
    ///
    /// # Errors
    /// None while writing to memory.
    pub fn take(&mut self) -> Result<Vec<u8>> {
        self.writer.flush()?;
        Ok(std::mem::take(self.writer.get_mut()))
    }

    /// Ends the stream: its last bytes. Nothing may be written behind it.
    ///
    /// # Errors
    /// None while writing to memory.
    pub fn end(&mut self) -> Result<Vec<u8>> {
        self.writer.finish()?;
        self.take()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        BooleanArray, Decimal128Array, Float32Array, Float64Array, Int32Array, Int64Array,
        TimestampMillisecondArray,
    };
    use millstream_functions::RowKind;
    use millstream_functions::types::FlinkType;

    use super::*;

    fn column(name: &str, ty: &str) -> PlanColumn {
        let ty = FlinkType::parse(ty).unwrap();
        PlanColumn::new(name, &ty.to_field(name))
    }

    fn batch(columns: &[PlanColumn], values: Vec<ArrayRef>) -> Batch {
        let fields: Vec<_> = columns.iter().map(|c| Arc::clone(&c.field)).collect();
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), values).unwrap();
        Batch::append(rows, 0)
    }

    #[test]
    fn rows_are_json_with_exact_numbers() {
        let mut columns = vec![
            column("i", "INT"),
            column("l", "BIGINT"),
            column("d", "DOUBLE"),
            column("f", "FLOAT"),
            column("m", "DECIMAL(30, 2)"),
            column("b", "BOOLEAN"),
            column("s", "STRING"),
            column("t", "TIMESTAMP(3)"),
        ];
        columns[7].time = Some(TimeAttribute::Rowtime);
        let mut batch = batch(
            &columns,
            vec![
                Arc::new(Int32Array::from(vec![Some(1), Some(-2), None])),
                Arc::new(Int64Array::from(vec![EXACT, EXACT + 1, i64::MIN])),
                Arc::new(Float64Array::from(vec![0.1, f64::NAN, 1e300])),
                Arc::new(Float32Array::from(vec![0.1, f32::INFINITY, 3.0])),
                Arc::new(
                    Decimal128Array::from(vec![250_031_563, -5, 10_i128.pow(20)])
                        .with_precision_and_scale(30, 2)
                        .unwrap(),
                ),
                Arc::new(BooleanArray::from(vec![true, false, true])),
                Arc::new(StringArray::from(vec!["a \"b\"", "", "ü\n"])),
                Arc::new(TimestampMillisecondArray::from(vec![
                    Some(1_700_000_000_123),
                    None,
                    Some(0),
                ])),
            ],
        );
        batch.kinds = Some([RowKind::Insert, RowKind::UpdateBefore, RowKind::Delete].into());
        let writer = RowWriter::new(&columns);
        let mut out = String::new();
        writer.write(&batch, &mut out).unwrap();
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(
            lines,
            [
                r#"{"kind":"+I","time":1700000000123,"row":[1,9007199254740992,0.1,0.1,2500315.63,true,"a \"b\"","2023-11-14T22:13:20.123"]}"#,
                r#"{"kind":"-U","time":null,"row":[-2,"9007199254740993","NaN","Infinity",-0.05,false,"",null]}"#,
                r#"{"kind":"-D","time":0,"row":[null,"-9223372036854775808",1e300,3,"1000000000000000000.00",true,"ü\n","1970-01-01T00:00"]}"#,
            ]
        );
        for line in lines {
            millstream_serve::api::TapLine::parse(line).unwrap();
        }
        assert_eq!(
            writer
                .header("n", Some("n/calc"))
                .lines()
                .next()
                .map(|l| &l[..60]),
            Some(r#"{"node":"n","operator":"n/calc","columns":[{"name":"i","type"#)
        );
    }

    #[test]
    fn rows_are_an_arrow_stream_that_tells_of_gaps() {
        let columns = [column("i", "INT")];
        let rows = batch(&columns, vec![Arc::new(Int32Array::from(vec![1, 2]))]);
        let mut writer = ArrowWriter::new(&columns).unwrap();
        let mut bytes = writer.take().unwrap();
        writer.write(&rows, 0).unwrap();
        bytes.extend(writer.take().unwrap());
        writer.write(&rows, 3).unwrap();
        bytes.extend(writer.end().unwrap());
        let reader = arrow_ipc::reader::StreamReader::try_new(bytes.as_slice(), None).unwrap();
        let read: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
        assert_eq!(read.len(), 2);
        let gaps = read[1].column(1);
        let gaps = gaps.as_any().downcast_ref::<UInt64Array>().unwrap();
        assert_eq!(gaps.values().to_vec(), [3, 0]);
        assert_eq!(read[0].column(0).as_string::<i32>().value(0), "+I");
        assert_eq!(read[0].column(2).as_ref(), rows.rows.column(0).as_ref());
    }
}
