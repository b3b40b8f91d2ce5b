//! Streaming operators: each is one file, works on columnar batches and keeps its state in
//! keyed tables that are snapshotted at barriers.
//!
//! Rows flow in [`Batch`]es that carry the watermark behind every row, so an operator judges
//! lateness row by row, as Flink does, and still fires once a batch. The driver calls an
//! [`Operator`] with batches, watermarks and barriers; nothing here knows threads or channels.
//!
//! | module | what it computes | state |
//! |---|---|---|
//! | [`calc`] | filter and projection | none |
//! | [`watermark_assigner`] | watermarks of a stream or a split | the running maximum |
//! | [`exchange`], [`keys`] | which instance a row goes to; keys as bytes | none |
//! | [`over_aggregate`] | functions of earlier rows of the key, several frames at once | rows in the frames, accumulators |
//! | [`window_aggregate`] | TUMBLE, HOP and CUMULATE with functions | accumulators by slice |
//! | [`window_tvf`] | the windows of a row as columns | none |
//! | [`regular_join`] | joins of updating streams, SEMI and ANTI too | rows of both sides |
//! | [`interval_join`] | pairs of rows within an interval of time | rows that may still be matched |
//! | [`temporal_join`] | rows with the version of a table at their time | waiting rows, versions |
//! | [`lookup_join`] | rows with what an external table says of their key | none: a cache |
//! | [`window_join`] | joins of windows, when they end | rows of windows that have not ended |
//! | [`mod@deduplicate`] | the first or last row of a key by event time | a flag, or the last row |
//!
//! [`aggregates`] holds the functions themselves. Rows that wait for the watermark are kept by the
//! private `pending`. Every stateful operator is tested through `harness` (feature `test-util`):
//! killed at random places, restored at another parallelism, and compared with the definition.

pub mod aggregates;
pub mod batch;
pub mod calc;
pub mod deduplicate;
pub mod exchange;
#[cfg(any(test, feature = "test-util"))]
pub mod harness;
pub mod interval_join;
mod join;
mod join_rows;
pub mod keys;
pub mod lookup_join;
pub mod operator;
pub mod over_aggregate;
mod pending;
pub mod regular_join;
pub mod temporal_join;
mod time;
pub mod watermark_assigner;
pub mod window_aggregate;
pub mod window_join;
pub mod window_tvf;

pub use batch::{Batch, Watermark};
pub use operator::{Clock, Operator, OperatorContext, OperatorError, Output};
