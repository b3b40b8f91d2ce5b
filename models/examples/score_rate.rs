//! Prints how many rows a second a model scores on one thread, at several batch sizes.
//!
//! ```text
//! cargo run --release -p millstream-models --example score_rate -- samples/fraud/fraud.onnx
//! ```
//!
//! Each figure is the best of five rounds of a third of a second, see [`millstream_models::measure`].

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream_models::{Model, ModelError, measure};

const BATCHES: [usize; 4] = [1, 32, 1024, 8192];
const ROUNDS: u32 = 5;
const ROUND: Duration = Duration::from_millis(330);

fn main() -> ExitCode {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    if paths.is_empty() {
        eprintln!("usage: score_rate MODEL.onnx …");
        return ExitCode::from(2);
    }
    for path in paths {
        if let Err(error) = print_rates(&path) {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

#[expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]
fn print_rates(path: &str) -> Result<(), ModelError> {
    let start = Instant::now();
    let model = Arc::new(Model::load(path)?);
    println!(
        "{path}: loaded in {:.1} ms",
        start.elapsed().as_secs_f64() * 1e3
    );
    for batch in BATCHES {
        let pace = measure(&model, batch, ROUNDS, ROUND)?;
        println!(
            "  batch {batch:>5}: {:>12.0} rows/s, {:>9.2} µs a call",
            pace.rows_per_second,
            pace.call().as_secs_f64() * 1e6
        );
    }
    Ok(())
}
