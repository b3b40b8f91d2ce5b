//! What the runtime asks of a source: splits, a reader for each, and a position it can return to.
//!
//! A source is opened once per table; its splits are shared out among the subtasks. A reader is
//! asked for rows, and between any two calls for its position. A reader opened at a position
//! returns exactly the rows the first one had not returned yet: that is all exactly-once asks of a
//! source.

use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use millstream_functions::RowKind;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// A part of a source that one reader reads: a file, a share of a generator. The text is stable
/// over restarts and over changes of parallelism; checkpoints are keyed by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SplitId(pub String);

impl std::fmt::Display for SplitId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a reader stands: exactly after the rows it has returned. Stored in checkpoints as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Position {
    /// In a file.
    File {
        /// The byte at which the next row starts.
        offset: u64,
        /// The line at which it starts, from 1, for messages.
        line: u64,
        /// Rows and fields skipped so far as unreadable, so that the count survives a restart.
        bad_rows: u64,
    },
    /// In a generator.
    Row {
        /// The number within the split of the next row, from 0.
        next: u64,
    },
}

/// What a reader has.
#[derive(Debug)]
pub enum Read {
    /// Rows, at least one, with their kinds if they are not all inserts.
    Rows(RecordBatch, Option<Vec<RowKind>>),
    /// Nothing now, perhaps later: ask again after a few milliseconds.
    Idle,
    /// Nothing ever again.
    End,
}

/// A table's rows, as splits.
pub trait Source: Send + Sync {
    /// The splits there are now, in a stable order. A source that [discovers] more later is asked
    /// again and names all of them each time.
    ///
    /// [discovers]: Source::discovery_interval
    fn splits(&self) -> Result<Vec<SplitId>>;

    /// Whether the source ends.
    fn bounded(&self) -> bool;

    /// How often to ask for new splits; `None` if there never will be any.
    fn discovery_interval(&self) -> Option<Duration> {
        None
    }

    /// A reader of a split, from its start or from a position an earlier reader gave.
    fn reader(&self, split: &SplitId, position: Option<&Position>) -> Result<Box<dyn SplitReader>>;

    /// The schema of the batches: the projected columns.
    fn schema(&self) -> SchemaRef;
}

/// Reads one split.
pub trait SplitReader: Send {
    /// The next rows, at most `max_rows`. After an error the reader isn't used again.
    fn next(&mut self, max_rows: usize) -> Result<Read>;

    /// The position after the rows returned so far.
    fn position(&self) -> Position;

    /// Rows dropped or patched with NULL so far because they could not be read and the table says
    /// to go on.
    fn bad_rows(&self) -> u64 {
        0
    }
}
