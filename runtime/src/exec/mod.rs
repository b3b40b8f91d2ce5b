//! Running a streaming plan on this machine: fragments, channels, barriers.
//!
//! The plan is cut into [fragments](graph) where rows must change hands; inside a fragment
//! operators are [chained](chain) by plain calls. Each instance of a fragment is a
//! [task](task) on tokio; instances are joined by bounded [channels](channel).

pub mod build;
pub mod chain;
pub mod channel;
pub mod graph;
mod lookup;
mod matching;
pub mod metrics;
mod over;
pub mod predict;
pub mod rows;
pub mod sink;
pub mod source;
pub mod tap;
pub mod task;
mod updating;
mod watermark;
mod windows;
