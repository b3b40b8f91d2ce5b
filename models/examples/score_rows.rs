//! Prints how many rows of a file a second a model scores on one thread, as a line of JSON for each batch size.
//!
//! ```text
//! score_rows MODEL.onnx FOLDER [--batch 1,32,1024] [--seconds 0.5]
//! ```
//!
//! `scripts/bench-models.py` calls it in turns with ONNX Runtime. FOLDER holds the rows: `0.bin` for the first input of
//! the model, `1.bin` for the second, each value after value in row order, little-endian, in the tensor's type. The
//! time is that of `Scorer::score` over the columns that a pipeline would bring, DOUBLE for floats: packing, running
//! the model and unpacking. Every call scores the next rows of the file, so that branches are not learnt by heart.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{Array, ArrayRef, Float64Array, Int32Array, Int64Array, ListArray, UInt64Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field};
use millstream_models::{Binding, ElementType, Model, Scorer, SqlColumn, TensorSpec};

type Failure = Box<dyn std::error::Error>;

/// Batches that are cut in advance. More would only need more memory.
const MOST_BATCHES: usize = 4096;

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Vec<String>) -> Result<(), Failure> {
    let mut places: Vec<String> = Vec::new();
    let mut batches: Vec<usize> = vec![1, 32, 1024];
    let mut time: f64 = 0.5;
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--batch" => {
                batches = value()?
                    .split(',')
                    .map(str::parse)
                    .collect::<Result<_, _>>()?;
            }
            "--seconds" => time = value()?.parse()?,
            _ => places.push(argument),
        }
    }
    let [model, folder] = places.as_slice() else {
        return Err(
            "usage: score_rows MODEL.onnx FOLDER [--batch 1,32,1024] [--seconds 0.5]".into(),
        );
    };
    measure(
        model,
        Path::new(folder),
        &batches,
        Duration::try_from_secs_f64(time)?,
    )
}

#[expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]
fn measure(path: &str, folder: &Path, batches: &[usize], time: Duration) -> Result<(), Failure> {
    let model = Arc::new(Model::load(path)?);
    let declared = model.sql_columns();
    let types = |columns: &[SqlColumn]| -> Vec<(String, DataType)> {
        columns
            .iter()
            .map(|column| (column.name.clone(), column.data_type.clone()))
            .collect()
    };
    let inputs = types(&declared.inputs);
    let binding = Binding::new(model.signature(), &inputs, &types(&declared.outputs))?;
    let columns = read(&model.signature().inputs, folder)?;
    let given: Vec<DataType> = columns.iter().map(|c| c.data_type().clone()).collect();
    if given != inputs.into_iter().map(|(_, t)| t).collect::<Vec<_>>() {
        return Err(format!("{path} declares other columns than {given:?}").into());
    }
    let rows = columns.first().map_or(0, |column| column.len());
    let mut scorer = Scorer::new(model, binding);
    for &batch in batches {
        let pieces: Vec<Vec<ArrayRef>> = (0..rows.checked_div(batch).unwrap_or(0))
            .take(MOST_BATCHES)
            .map(|piece| {
                columns
                    .iter()
                    .map(|column| column.slice(piece * batch, batch))
                    .collect()
            })
            .collect();
        if pieces.is_empty() {
            return Err(format!(
                "no batch of {batch} in the {rows} rows of {}",
                folder.display()
            )
            .into());
        }
        let mut calls = 0u32;
        let mut next = pieces.iter().cycle();
        // The first call of a batch size allocates what the later ones use again.
        scorer.score(&pieces[0], batch)?;
        let start = Instant::now();
        while start.elapsed() < time {
            for piece in next.by_ref().take((256 / batch).max(1)) {
                std::hint::black_box(scorer.score(std::hint::black_box(piece), batch)?);
                calls += 1;
            }
        }
        let rate = f64::from(calls) * batch as f64 / start.elapsed().as_secs_f64();
        println!("{{\"batch\": {batch}, \"rows_per_second\": {rate:.1}}}");
    }
    Ok(())
}

/// The rows of the folder as the columns that [`Model::sql_columns`] declares.
fn read(inputs: &[TensorSpec], folder: &Path) -> Result<Vec<ArrayRef>, Failure> {
    let mut columns = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        let file = folder.join(format!("{index}.bin"));
        let bytes = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let values: ArrayRef = match input.element {
            ElementType::Float32 => Arc::new(Float64Array::from(numbers(&bytes, |bytes| {
                f64::from(f32::from_le_bytes(bytes))
            }))),
            ElementType::Float64 => {
                Arc::new(Float64Array::from(numbers(&bytes, f64::from_le_bytes)))
            }
            ElementType::Int32 => Arc::new(Int32Array::from(numbers(&bytes, i32::from_le_bytes))),
            ElementType::Int64 => Arc::new(Int64Array::from(numbers(&bytes, i64::from_le_bytes))),
            other => return Err(format!("input {} is {other}: not measured", input.name).into()),
        };
        let width = input.width();
        // As `sql_columns` does it: up to 64 columns, above that one ARRAY.
        if width > 64 && input.features.is_empty() {
            let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
            let lengths = std::iter::repeat_n(width, values.len() / width);
            let offsets = OffsetBuffer::from_lengths(lengths);
            columns.push(Arc::new(ListArray::new(field, offsets, values, None)) as ArrayRef);
        } else {
            for element in 0..width {
                // Element `element` of every row.
                let places = (element..values.len()).step_by(width).map(|at| at as u64);
                let places = UInt64Array::from_iter_values(places);
                columns.push(take(&values, &places, None)?);
            }
        }
    }
    Ok(columns)
}

fn numbers<const SIZE: usize, T>(bytes: &[u8], from: impl Fn([u8; SIZE]) -> T) -> Vec<T> {
    bytes
        .as_chunks::<SIZE>()
        .0
        .iter()
        .map(|chunk| from(*chunk))
        .collect()
}
