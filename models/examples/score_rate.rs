//! Prints how many rows a second a model scores on one thread, at several batch sizes.
//!
//! ```text
//! cargo run --release -p millstream-models --example score_rate -- samples/fraud/fraud.onnx
//! ```
//!
//! The time is that of `Scorer::score`: packing DOUBLE columns, running the model and unpacking. Each figure is the
//! best of five rounds of a third of a second, since anything else the machine does can only make a round slower.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, StringArray};
use arrow::datatypes::DataType;
use millstream_models::{Binding, Model, Scorer, SqlColumn};

const BATCHES: [usize; 4] = [1, 32, 1024, 8192];
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(330);

fn main() -> ExitCode {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    if paths.is_empty() {
        eprintln!("usage: score_rate MODEL.onnx …");
        return ExitCode::from(2);
    }
    for path in paths {
        if let Err(error) = measure(&path) {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

#[expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]
fn measure(path: &str) -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let model = Arc::new(Model::load(path)?);
    println!(
        "{path}: loaded in {:.1} ms",
        start.elapsed().as_secs_f64() * 1e3
    );
    let columns = model.sql_columns();
    let declared = |columns: &[SqlColumn]| -> Vec<(String, DataType)> {
        columns
            .iter()
            .map(|column| (column.name.clone(), column.data_type.clone()))
            .collect()
    };
    let binding = Binding::new(
        model.signature(),
        &declared(&columns.inputs),
        &declared(&columns.outputs),
    )?;
    let mut scorer = Scorer::new(model, binding);
    for batch in BATCHES {
        let rows = columns
            .inputs
            .iter()
            .enumerate()
            .map(|(salt, column)| made_up(&column.data_type, salt, batch))
            .collect::<Result<Vec<_>, _>>()?;
        let mut best = f64::INFINITY;
        for _ in 0..ROUNDS {
            let (start, mut calls) = (Instant::now(), 0u32);
            while start.elapsed() < ROUND {
                std::hint::black_box(scorer.score(std::hint::black_box(&rows), batch)?);
                calls += 1;
            }
            best = best.min(start.elapsed().as_secs_f64() / f64::from(calls));
        }
        println!(
            "  batch {batch:>5}: {:>12.0} rows/s, {:>9.2} µs a call",
            batch as f64 / best,
            best * 1e6
        );
    }
    Ok(())
}

/// A column of values that any model takes.
fn made_up(data_type: &DataType, salt: usize, rows: usize) -> Result<ArrayRef, String> {
    let value = |row: usize| ((row * 31 + salt * 17) % 97) as f64 / 10.0;
    Ok(match data_type {
        DataType::Float64 => Arc::new(
            (0..rows)
                .map(|row| Some(value(row)))
                .collect::<Float64Array>(),
        ),
        DataType::Int64 => Arc::new(
            (0..rows)
                .map(|row| Some((row % 2) as i64))
                .collect::<Int64Array>(),
        ),
        DataType::Int32 => Arc::new(
            (0..rows)
                .map(|row| Some((row % 2) as i32))
                .collect::<Int32Array>(),
        ),
        DataType::Boolean => Arc::new(
            (0..rows)
                .map(|row| Some(row % 2 == 0))
                .collect::<BooleanArray>(),
        ),
        DataType::Utf8 => Arc::new((0..rows).map(|_| Some("a")).collect::<StringArray>()),
        other => {
            return Err(format!(
                "no made-up values for {other}: give the model scalar inputs"
            ));
        }
    })
}
