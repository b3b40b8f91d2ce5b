//! Reference files of models: what another toolkit gave for some rows, and how far we are from it.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use millstream_models::Scorer;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// Named columns.
pub type Columns = Vec<(String, ArrayRef)>;

/// The inputs and outputs that a reference file holds: columns `in.TENSOR` and `out.TENSOR`.
pub fn reference(path: &Path) -> Result<(Columns, Columns), Box<dyn std::error::Error>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?
        .with_batch_size(1 << 20)
        .build()?;
    let batches = reader.collect::<Result<Vec<_>, _>>()?;
    let first = batches.first().ok_or("no rows")?;
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for (index, field) in first.schema().fields().iter().enumerate() {
        let parts: Vec<&dyn Array> = batches
            .iter()
            .map(|batch| batch.column(index).as_ref())
            .collect();
        let column = concat(&parts)?;
        if let Some(name) = field.name().strip_prefix("in.") {
            inputs.push((name.to_owned(), column));
        } else if let Some(name) = field.name().strip_prefix("out.") {
            outputs.push((name.to_owned(), column));
        }
    }
    Ok((inputs, outputs))
}

/// The outputs of all rows, scored in batches of `batch`.
pub fn score(
    scorer: &mut Scorer,
    arrays: &[ArrayRef],
    batch: usize,
) -> Result<Vec<ArrayRef>, Box<dyn std::error::Error>> {
    let rows = arrays.first().map_or(0, |array| array.len());
    let mut pieces: Vec<Vec<ArrayRef>> = Vec::new();
    for start in (0..rows).step_by(batch) {
        let len = batch.min(rows - start);
        let piece: Vec<ArrayRef> = arrays.iter().map(|array| array.slice(start, len)).collect();
        pieces.push(scorer.score(&piece, len)?);
    }
    let columns = pieces.first().map_or(0, Vec::len);
    (0..columns)
        .map(|column| {
            let parts: Vec<&dyn Array> =
                pieces.iter().map(|piece| piece[column].as_ref()).collect();
            Ok(concat(&parts)?)
        })
        .collect()
}

fn flat(array: &ArrayRef) -> ArrayRef {
    match array.as_list_opt::<i32>() {
        Some(list) => Arc::clone(list.values()),
        None => Arc::clone(array),
    }
}

fn floats(array: &ArrayRef) -> Option<Vec<f64>> {
    match array.data_type() {
        DataType::Float32 => Some(
            array
                .as_primitive::<Float32Type>()
                .values()
                .iter()
                .map(|value| f64::from(*value))
                .collect(),
        ),
        DataType::Float64 => Some(array.as_primitive::<Float64Type>().values().to_vec()),
        _ => None,
    }
}

/// The largest difference of two columns of numbers, relative above one; for others, where they differ.
pub fn difference(got: &ArrayRef, wanted: &ArrayRef) -> Result<f64, String> {
    let (got, wanted) = (flat(got), flat(wanted));
    if got.len() != wanted.len() {
        return Err(format!("{} values, wanted {}", got.len(), wanted.len()));
    }
    let (Some(a), Some(b)) = (floats(&got), floats(&wanted)) else {
        let differing = (0..got.len())
            .filter(|&index| got.slice(index, 1) != wanted.slice(index, 1))
            .count();
        if differing > 0 {
            return Err(format!("{differing} of {} labels differ", got.len()));
        }
        return Ok(0.0);
    };
    let mut largest = 0f64;
    for (index, (a, b)) in a.iter().zip(&b).enumerate() {
        if a == b || (a.is_nan() && b.is_nan()) {
            continue;
        }
        let difference = (a - b).abs() / b.abs().max(1.0);
        if difference.is_nan() {
            return Err(format!("value {index}: got {a}, wanted {b}"));
        }
        largest = largest.max(difference);
    }
    Ok(largest)
}

/// Whether two columns hold the same values to the bit, any NaN being as good as another.
pub fn same_bits(a: &ArrayRef, b: &ArrayRef) -> bool {
    let (a, b) = (flat(a), flat(b));
    match (floats(&a), floats(&b)) {
        (Some(a), Some(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(&b)
                    .all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()))
        }
        _ => a.as_ref() == b.as_ref(),
    }
}
