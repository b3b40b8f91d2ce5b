//! What the runtime asks of a sink: take rows, and a commit in two phases.
//!
//! At a barrier each writer makes what it was given durable but invisible and hands back
//! [`Committable`]s. They go into the checkpoint; once that is complete the job master calls
//! [`commit`](crate::commit), which makes them visible and may be repeated. At a start the job
//! master calls [`recover`](crate::recover) with the committables of the checkpoint it restores:
//! they are finished, and what later, unfinished epochs left behind is removed.

use std::path::PathBuf;

use arrow::array::RecordBatch;
use millstream_functions::RowKind;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// Who is writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkContext {
    /// Identifies the job over its restarts (for example the id of its state directory): what it
    /// left unfinished in an output folder is recognised by it. Other jobs may write there too.
    pub job: String,
    /// Number of this writer, from 0.
    pub subtask: u32,
    /// How many writers this sink has.
    pub parallelism: u32,
}

impl SinkContext {
    /// The context of a sink's only writer.
    pub fn single(job: impl Into<String>) -> Self {
        Self {
            job: job.into(),
            subtask: 0,
            parallelism: 1,
        }
    }
}

/// Output that is durable and waits to be made visible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Committable {
    /// A complete, hidden file to be renamed.
    File {
        /// The hidden file.
        pending: PathBuf,
        /// Its final name.
        target: PathBuf,
        /// Its size, checked before the rename.
        bytes: u64,
    },
}

/// Writes rows to one table.
pub trait SinkWriter: Send {
    /// Takes rows; `kinds` is `None` if all are inserts.
    fn write(&mut self, batch: &RecordBatch, kinds: Option<&[RowKind]>) -> Result<()>;

    /// Makes everything written so far durable and hidden, and hands over what a commit must make
    /// visible. Called at every barrier and once after the last row.
    fn prepare_commit(&mut self, epoch: u64) -> Result<Vec<Committable>>;
}
