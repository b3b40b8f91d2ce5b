//! The Millstream runtime: executes a streaming plan on one machine, exactly once.
//!
//! [`job`] is the master of a run: it builds the tasks ([`exec`]), takes checkpoints, commits
//! sinks and ends the job; its [`monitor`](job::monitor) shows it to whoever watches. [`preview`]
//! runs the part of a plan that feeds one node on a few rows. [`environment`] answers the compiler's questions about files, and
//! [`input`] turns what a user names on the command line (a pipeline folder or a script) into a
//! plan.

pub mod environment;
pub mod exec;
pub mod input;
pub mod job;
pub mod preview;
