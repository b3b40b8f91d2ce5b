//! Streaming operators: each is one file, works on columnar batches and keeps its state in
//! keyed tables that are snapshotted at barriers.

pub mod aggregates;
pub mod batch;
pub mod calc;
pub mod deduplicate;
pub mod exchange;
#[cfg(any(test, feature = "test-util"))]
pub mod harness;
pub mod keys;
pub mod operator;
pub mod over_aggregate;
mod pending;
mod time;
pub mod watermark_assigner;
pub mod window_aggregate;
pub mod window_tvf;

pub use batch::{Batch, Watermark};
pub use operator::{Operator, OperatorContext, OperatorError, Output};
