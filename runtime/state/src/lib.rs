//! Keyed state of streaming operators: memory first, RocksDB below, incremental checkpoints.
//!
//! An operator keeps a value per key in a [`KeyedTable`]. Reads and writes are memory accesses. A
//! writer thread carries changes to one local RocksDB per process, a little all the time and the
//! rest at a barrier. When every subtask has passed barrier *n*, the database's image is
//! hard-linked, its new table files go to the [`CheckpointStore`], and a [`Manifest`] that names
//! them all is written last. Restore starts from the newest manifest whose files are all whole.
//!
//! | module | what it holds |
//! |---|---|
//! | [`mod@hash`], [`key_group`] | where a key lives: an on-disk contract |
//! | [`codec`] | how a value is written, with a version byte |
//! | [`table`] | the table: slots, dirty tracking, eviction |
//! | `writer`, `committer` | the order of epochs; from image to durable checkpoint |
//! | [`store`], [`manifest`] | checkpoints: verification, retention, restore |
//! | [`state_dir`] | the lock, and whose state it is |
//! | [`backend`] | all of it put together: begin with [`StateBackend`] |
//!
//! # Exactly once
//! The local database is never the truth: it is thrown away and rebuilt from a checkpoint at every
//! start. A checkpoint holds each key as it was at the barrier, for every operator, together with
//! the source offsets given as [`Blob`]s; whatever happens between two checkpoints is computed
//! again from these.

pub mod backend;
mod budget;
pub mod codec;
mod committer;
pub mod error;
pub mod hash;
mod key;
pub mod key_group;
mod local_db;
pub mod manifest;
mod objects;
mod slab;
pub mod state_dir;
pub mod store;
pub mod table;
pub mod testing;
mod write_set;
mod writer;

pub use backend::{
    CheckpointRequest, CheckpointStats, CompletedCheckpoint, MemoryStats, StateBackend,
    StateOptions,
};
pub use codec::{CodecError, StateValue};
pub use error::{Rejected, StateError};
pub use hash::{stable_hash, stable_hash_combine, stable_hash_u64};
pub use key_group::{DEFAULT_MAX_PARALLELISM, key_group, key_group_range, subtask_of};
pub use manifest::{Blob, FileEntry, JobIdentity, Manifest, OperatorState};
pub use state_dir::{Start, StateDir};
pub use store::{CheckpointStore, Inspection, Latest, Listed, owner};
pub use table::{KeyedTable, Slot, TableStats};
