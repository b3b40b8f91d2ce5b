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
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use millstream_models::{Binding, Model, Scorer};

#[path = "../tests/reference/mod.rs"]
mod reference;

use reference::{Columns, difference, reference, same_bits, score};

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
