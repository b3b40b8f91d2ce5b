//! `millstream model`: looks into model files and scores files of rows.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use millstream_models::{Model, ModelError, Pace, measure};
use serde_json::json;

use super::score::{self, ScoreArguments};
use super::{Failure, Outcome, print};

#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Prints models' signatures, operators, speed and the CREATE MODEL statements to paste
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect(InspectArguments),
    /// Scores the rows of files
    #[command(after_help = score::EXAMPLES)]
    Score(Box<ScoreArguments>),
}

const INSPECT_EXAMPLES: &str = "Examples:
  millstream model inspect fraud.onnx
  millstream model inspect models/*.onnx --no-bench      which of them load?
  millstream model inspect fraud.onnx --json | jq .inputs

The speed is measured on rows that are made up, on one thread, for less than half a second a model.";

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// .onnx files
    #[arg(required = true)]
    models: Vec<PathBuf>,
    /// Do not measure the speed
    #[arg(long)]
    no_bench: bool,
    /// Print one JSON object a line for each model
    #[arg(long)]
    json: bool,
}

pub(crate) fn model(command: ModelCommand) -> Outcome {
    match command {
        ModelCommand::Inspect(arguments) => inspect(&arguments),
        ModelCommand::Score(arguments) => score::score(*arguments),
    }
}

/// Batch sizes whose speed is shown.
const BATCHES: [usize; 2] = [1, 1024];
const ROUNDS: u32 = 4;
const ROUND: Duration = Duration::from_millis(50);

/// Every model that loads is printed; if one does not, the command fails after the last.
fn inspect(arguments: &InspectArguments) -> Outcome {
    let (mut printed, mut failed) = (0, 0);
    for path in &arguments.models {
        let looked = look(path, !arguments.no_bench);
        match (&looked, arguments.json) {
            (Ok((model, paces)), false) => {
                let blank = if printed > 0 { "\n" } else { "" };
                print(&format!("{blank}{}", model.describe(paces)))?;
                printed += 1;
            }
            (Ok((model, paces)), true) => print(&format!("{}\n", model.facts(paces)))?,
            (Err(error), true) => print(&format!(
                "{}\n",
                json!({
                    "model": path.display().to_string(),
                    "error": error.to_string(),
                    "code": error.code(),
                })
            ))?,
            (Err(_), false) => {}
        }
        if let Err(error) = looked {
            failed += 1;
            if arguments.models.len() > 1 {
                // Nobody is left to tell if stderr is closed.
                let _ = writeln!(std::io::stderr(), "error: {error}");
            } else {
                return Err(Failure::Input(format!("error: {error}")));
            }
        }
    }
    match failed {
        0 => Ok(()),
        _ => Err(Failure::Input(format!(
            "{failed} of {} models cannot be loaded",
            arguments.models.len()
        ))),
    }
}

fn look(path: &Path, bench: bool) -> Result<(Arc<Model>, Vec<Pace>), ModelError> {
    let model = Arc::new(Model::load(path)?);
    let paces = if bench {
        let measured = BATCHES.map(|batch| measure(&model, batch, ROUNDS, ROUND));
        // A model that refuses made-up values has no speed to show; that is no fault of it.
        measured.into_iter().flatten().collect()
    } else {
        Vec::new()
    };
    Ok((model, paces))
}
