//! `millstream model`: looks into model files.

use std::path::PathBuf;

use clap::Subcommand;
use millstream_models::Model;

use super::{Failure, Outcome, print};

#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Prints a model's signature, operators and the CREATE MODEL statement to paste
    Inspect {
        /// An .onnx file
        model: PathBuf,
    },
}

pub(crate) fn model(command: ModelCommand) -> Outcome {
    let ModelCommand::Inspect { model } = command;
    let loaded = Model::load(&model).map_err(|e| Failure::Input(format!("error: {e}")))?;
    print(&loaded.describe())
}
