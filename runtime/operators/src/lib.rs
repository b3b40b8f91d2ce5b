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
//! | [`general_over`] | the same of any functions and values, with DISTINCT too | rows in the frame, accumulators |
//! | [`proctime_over`] | the same in processing time | rows in the frame, accumulators |
//! | [`unbounded_over`] | the same in the order of a column that is no time | all rows |
//! | [`group_aggregate`] | unbounded GROUP BY and DISTINCT | accumulators, values of DISTINCT |
//! | [`window_aggregate`] | TUMBLE, HOP and CUMULATE with functions | accumulators by slice |
//! | [`group_window_aggregate`] | any functions over any windows, SESSION too | accumulators by window |
//! | [`session_window`] | the session of a row as columns | rows of open sessions |
//! | [`window_tvf`] | the windows of a row as columns | none |
//! | [`regular_join`] | joins of updating streams, SEMI and ANTI too | rows of both sides |
//! | [`interval_join`] | pairs of rows within an interval of time | rows that may still be matched |
//! | [`temporal_join`] | rows with the version of a table at their time | waiting rows, versions |
//! | [`lookup_join`] | rows with what an external table says of their key | none: a cache |
//! | [`window_join`] | joins of windows, when they end | rows of windows that have not ended |
//! | [`current_watermark`] | Calc that sees the watermark | none |
//! | [`mod@deduplicate`] | the first or last row of a key by event time | a flag, or the last row |
//! | [`proctime_deduplicate`] | the first or last row of a key to arrive | a flag, or the last row |
//! | [`top_n`] | the first rows of a partition by ROW_NUMBER, LIMIT | these rows, or all |
//! | [`window_top_n`] | the same in each window, deduplication too | the best rows, by window |
//! | [`match_recognize`] | patterns of rows of a key | rows that wait, matches that are not complete |
//! | [`temporal_sort`] | ORDER BY a time attribute | the rows that wait |
//! | [`changelog_normalize`] | upserts as a changelog | the last row of a key |
//! | [`set_operations`] | INTERSECT and EXCEPT | two counts a row |
//! | [`expand`], [`unnest`] | a row for each grouping set; for each element | none |
//! | [`drop_update_before`] | the changelog without `-U` | none |
//! | [`sink_constraints`] | what a sink's types demand | none |
//! | [`sink_upsert_materialize`] | a changelog ordered by the sink's key | the rows of a key |
//!
//! [`aggregates`] holds the functions themselves. Rows that wait for the watermark are kept by the
//! private `pending`. Every stateful operator is tested through `harness` (feature `test-util`):
//! killed at random places, restored at another parallelism, and compared with the definition.

pub mod aggregates;
pub mod batch;
pub mod calc;
mod changelog;
pub mod changelog_normalize;
pub mod current_watermark;
pub mod deduplicate;
pub mod drop_update_before;
pub mod exchange;
pub mod expand;
mod expiry;
pub mod general_over;
pub mod group_aggregate;
pub mod group_window_aggregate;
#[cfg(any(test, feature = "test-util"))]
pub mod harness;
pub mod interval_join;
mod join;
mod join_rows;
pub mod keys;
mod last_row;
pub mod local_windows;
pub mod lookup_join;
pub mod match_recognize;
pub mod operator;
pub mod over_aggregate;
mod pending;
pub mod proctime_deduplicate;
pub mod proctime_over;
pub mod regular_join;
mod retention;
pub mod session_window;
pub mod set_operations;
pub mod sink_constraints;
pub mod sink_upsert_materialize;
pub mod temporal_join;
pub mod temporal_sort;
mod time;
mod timers;
pub mod top_n;
pub mod unbounded_over;
pub mod unnest;
pub mod watermark_assigner;
pub mod window_aggregate;
pub mod window_join;
pub mod window_top_n;
pub mod window_tvf;

pub use batch::{Batch, Watermark};
pub use operator::{Clock, Operator, OperatorContext, OperatorError, Output};
