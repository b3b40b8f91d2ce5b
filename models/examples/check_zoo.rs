//! Scores every model of a folder and compares with what ONNX Runtime gave.
//!
//! ```text
//! make zoo                                              # makes the folder
//! cargo run --release -p millstream-models --example check_zoo -- ~/.cache/millstream/zoo
//! ```
//!
//! Beside each `NAME.onnx` stands `NAME.parquet` with columns `in.TENSOR` and `out.TENSOR`. Rows are scored in
//! batches of 1, 7 and 1,024: numbers must agree within 1e-5 (relative above one), labels must be equal, and a
//! row's scores must be the same bits in every batch. `zoo.json` tells how far ONNX Runtime is from itself when it
//! scores a row alone; where that is more, agreement cannot be closer, and the line says so. A model that does not load is refused; that is no failure, a
//! wrong score is. Exits with 1 if a model scored wrong or none scored.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use millstream_models::{Binding, Model, Scorer};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const TOLERANCE: f64 = 1e-5;
const BATCHES: [usize; 3] = [1024, 7, 1];

enum Verdict {
    /// With the largest difference of a number, and how far ONNX Runtime is from itself.
    Scores(f64, f64),
    Refused(String),
    Wrong(String),
}

#[expect(clippy::print_stdout, reason = "the table is the output")]
fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next() else {
        eprintln!("usage: check_zoo FOLDER [PART OF A NAME]");
        return ExitCode::from(2);
    };
    let part = arguments.next().unwrap_or_default();
    let mut paths: Vec<PathBuf> = match std::fs::read_dir(&folder) {
        Ok(entries) => entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "onnx")
            })
            .filter(|path| path.display().to_string().contains(&part))
            .collect(),
        Err(error) => {
            eprintln!("error: cannot read {folder}: {error}. Make it with `make zoo`");
            return ExitCode::from(2);
        }
    };
    paths.sort();
    let spreads = spreads(Path::new(&folder));
    let (mut scored, mut loosely, mut refused, mut wrong) = (0, 0, 0, 0);
    for path in &paths {
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match check(path, spreads.get(&name).copied().unwrap_or(0.0)) {
            Ok(Verdict::Scores(difference, _)) if difference <= TOLERANCE => {
                scored += 1;
                println!("{name:<36} scores   largest difference {difference:.2e}");
            }
            Ok(Verdict::Scores(difference, spread)) => {
                loosely += 1;
                println!(
                    "{name:<36} scores   largest difference {difference:.2e}; ONNX Runtime is {spread:.1e} from itself"
                );
            }
            Ok(Verdict::Refused(reason)) => {
                refused += 1;
                println!("{name:<36} refused  {reason}");
            }
            Ok(Verdict::Wrong(reason)) => {
                wrong += 1;
                println!("{name:<36} WRONG    {reason}");
            }
            Err(error) => {
                wrong += 1;
                println!("{name:<36} ERROR    {error}");
            }
        }
    }
    println!(
        "{scored} score within {TOLERANCE:e} of ONNX Runtime, {loosely} within its own spread, {refused} are refused, {wrong} are wrong"
    );
    if wrong == 0 && scored > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// How far ONNX Runtime is from itself between batches, by model.
fn spreads(folder: &Path) -> HashMap<String, f64> {
    let Ok(bytes) = std::fs::read(folder.join("zoo.json")) else {
        return HashMap::new();
    };
    let index: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let models = index.as_array().into_iter().flatten();
    models
        .filter_map(|model| {
            let name = model["name"].as_str()?.to_owned();
            Some((name, model["differs_by_batch"].as_f64()?))
        })
        .collect()
}

type Columns = Vec<(String, ArrayRef)>;

/// The inputs and outputs that a reference file holds.
fn reference(path: &Path) -> Result<(Columns, Columns), Box<dyn std::error::Error>> {
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

fn check(path: &Path, spread: f64) -> Result<Verdict, Box<dyn std::error::Error>> {
    let model = match Model::load(path) {
        Ok(model) => Arc::new(model),
        Err(error) => {
            let text = error.to_string().replace(&path.display().to_string(), "it");
            return Ok(Verdict::Refused(text));
        }
    };
    let (inputs, outputs) = reference(&path.with_extension("parquet"))?;
    let types = |columns: &Columns| -> Vec<(String, DataType)> {
        columns
            .iter()
            .map(|(name, array)| (name.clone(), array.data_type().clone()))
            .collect()
    };
    let binding = Binding::new(model.signature(), &types(&inputs), &types(&outputs))?;
    let arrays: Vec<ArrayRef> = inputs.iter().map(|(_, array)| Arc::clone(array)).collect();
    // Two results that are each as far from the exact one as ONNX Runtime's are from each other.
    let tolerance = TOLERANCE + 2.0 * spread;
    let mut largest = 0f64;
    let mut first: Option<Vec<ArrayRef>> = None;
    for batch in BATCHES {
        let mut scorer = Scorer::new(Arc::clone(&model), binding.clone());
        let scores = score(&mut scorer, &arrays, batch)?;
        for ((name, wanted), got) in outputs.iter().zip(&scores) {
            match difference(got, wanted) {
                Ok(difference) if difference <= tolerance => largest = largest.max(difference),
                Ok(difference) => {
                    return Ok(Verdict::Wrong(format!(
                        "{name} differs by {difference:.3e}"
                    )));
                }
                Err(text) => return Ok(Verdict::Wrong(format!("{name}: {text}"))),
            }
        }
        match &first {
            None => first = Some(scores),
            Some(first) => {
                for ((name, _), (a, b)) in outputs.iter().zip(first.iter().zip(&scores)) {
                    if !same_bits(a, b) {
                        return Ok(Verdict::Wrong(format!(
                            "{name} is not the same in batches of {batch}"
                        )));
                    }
                }
            }
        }
    }
    Ok(Verdict::Scores(largest, spread))
}

fn score(
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
fn difference(got: &ArrayRef, wanted: &ArrayRef) -> Result<f64, String> {
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

fn same_bits(a: &ArrayRef, b: &ArrayRef) -> bool {
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
