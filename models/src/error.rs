//! What can go wrong with a model, in the words of the person who wrote the pipeline.
//!
//! Every variant has a stable [`ModelError::code`], so that a caller can map it to a diagnostic
//! without reading the text.

use std::path::PathBuf;

/// A model that cannot be read, is not supported, or cannot score the rows it was given.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file cannot be opened or read.
    #[error("cannot read model {}: {source}", path.display())]
    Read {
        /// The file asked for.
        path: PathBuf,
        /// Why the operating system refused.
        source: std::io::Error,
    },
    /// The file is larger than [`crate::Limits`] allow.
    #[error(
        "model {} has {bytes} bytes; the limit is {limit} bytes. Export it smaller (float32 weights, no training state)",
        path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit it exceeds.
        limit: u64,
    },
    /// The bytes are not an ONNX model, or one that contradicts itself.
    #[error("{} is not a valid ONNX model: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A valid model that would not score as ONNX Runtime does, and is therefore refused.
    #[error("model {} is not supported: {reason}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What is not supported, and what to do about it.
        reason: String,
    },
    /// A feature that must not be NULL is NULL.
    #[error(
        "column `{column}` is NULL in row {row} of the batch, but the model's input `{tensor}` takes {element}, which has no missing value. Replace it in SQL: COALESCE({column}, …)"
    )]
    NullInput {
        /// The pipeline's column.
        column: String,
        /// Row of the batch, from 0.
        row: usize,
        /// The model's input.
        tensor: String,
        /// Element type of that input.
        element: String,
    },
    /// An integer does not fit the model's narrower integer type.
    #[error(
        "column `{column}` holds {value} in row {row} of the batch, which does not fit {element} of `{tensor}`"
    )]
    OutOfRange {
        /// The column.
        column: String,
        /// The value that does not fit.
        value: i64,
        /// Row of the batch, from 0.
        row: usize,
        /// The model's tensor.
        tensor: String,
        /// Element type that is too narrow.
        element: String,
    },
    /// An array feature has the wrong number of elements.
    #[error(
        "column `{column}` holds an array of {got} elements in row {row} of the batch; the model's input `{tensor}` takes {wanted}"
    )]
    ArrayLength {
        /// The column.
        column: String,
        /// Row of the batch, from 0.
        row: usize,
        /// The model's input.
        tensor: String,
        /// Elements the model takes.
        wanted: usize,
        /// Elements the row holds.
        got: usize,
    },
    /// The columns handed to a scorer are not those it was bound to. A defect of the caller.
    #[error("the scorer was bound to other columns: {reason}")]
    Columns {
        /// How they differ.
        reason: String,
    },
    /// The model refused the values it was given while it ran, for example an id outside its
    /// embedding table.
    #[error("model {} failed while scoring: {reason}", path.display())]
    Run {
        /// The file.
        path: PathBuf,
        /// The engine's message.
        reason: String,
    },
}

impl ModelError {
    /// A stable name of the kind of error, for diagnostics and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "model/read",
            Self::TooLarge { .. } => "model/too-large",
            Self::Malformed { .. } => "model/malformed",
            Self::Unsupported { .. } => "model/unsupported",
            Self::NullInput { .. } => "model/null-input",
            Self::OutOfRange { .. } => "model/out-of-range",
            Self::ArrayLength { .. } => "model/array-length",
            Self::Columns { .. } => "model/columns",
            Self::Run { .. } => "model/run",
        }
    }
}
