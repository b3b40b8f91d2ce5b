//! `millstream checkpoint`: looks into a state directory.

use std::path::PathBuf;

use clap::Subcommand;
use millstream_state::{CheckpointStore, Manifest};

use super::text::{bytes, thousands};
use super::{Failure, Outcome, print};

#[derive(Debug, Subcommand)]
pub(crate) enum CheckpointCommand {
    /// Lists the checkpoints of a state directory
    List {
        /// The directory given to `run --state-dir`
        state_dir: PathBuf,
    },
    /// Shows what a checkpoint holds, and verifies its files
    Inspect {
        /// The directory given to `run --state-dir`
        state_dir: PathBuf,
        /// The checkpoint's number [default: the newest]
        number: Option<u64>,
    },
}

pub(crate) fn checkpoint(command: CheckpointCommand) -> Outcome {
    match command {
        CheckpointCommand::List { state_dir } => list(&state_dir),
        CheckpointCommand::Inspect { state_dir, number } => inspect(&state_dir, number),
    }
}

fn open(state_dir: &std::path::Path) -> Result<CheckpointStore, Failure> {
    CheckpointStore::read_only(state_dir).map_err(wrong)
}

fn wrong(error: millstream_state::StateError) -> Failure {
    Failure::Input(format!("error: {error}"))
}

pub(crate) fn time(manifest: &Manifest) -> String {
    chrono::DateTime::from_timestamp_millis(manifest.created_at_ms as i64)
        .map(|t| t.format("%Y-%m-%d %H:%M:%S UTC").to_string())
        .unwrap_or_default()
}

fn list(state_dir: &std::path::Path) -> Outcome {
    use std::fmt::Write as _;
    let store = open(state_dir)?;
    let mut out = String::new();
    for listed in store.list().map_err(wrong)? {
        let _ = match listed.manifest {
            Ok(manifest) => writeln!(
                out,
                "{:>6}  {}  {}  parallelism {}  {}",
                listed.epoch,
                time(&manifest),
                manifest.job.name,
                manifest.parallelism,
                bytes(manifest.total_bytes())
            ),
            Err(error) => writeln!(out, "{:>6}  cannot be read: {error}", listed.epoch),
        };
    }
    if out.is_empty() {
        out.push_str("no checkpoint yet\n");
    }
    print(&out)
}

pub(crate) fn inspect(state_dir: &std::path::Path, number: Option<u64>) -> Outcome {
    use std::fmt::Write as _;
    let store = open(state_dir)?;
    let number = match number {
        Some(number) => number,
        None => match store.list().map_err(wrong)?.last() {
            Some(listed) => listed.epoch,
            None => {
                return Err(Failure::Input(format!(
                    "error: {} has no checkpoint yet",
                    state_dir.display()
                )));
            }
        },
    };
    let inspection = store.inspect(number).map_err(wrong)?;
    let manifest = &inspection.manifest;
    let mut out = format!(
        "checkpoint {number} of '{}', {}\n  parallelism {}, {} key groups, {} in {} files\n",
        manifest.job.name,
        time(manifest),
        manifest.parallelism,
        manifest.max_parallelism,
        bytes(manifest.total_bytes()),
        manifest.files.len()
    );
    for (uid, operator) in &manifest.operators {
        let _ = writeln!(
            out,
            "  {uid:<40} {:>12} keys {:>10}",
            thousands(operator.entries),
            bytes(operator.bytes)
        );
    }
    if inspection.problems.is_empty() {
        out.push_str("  every file is whole\n");
        return print(&out);
    }
    for problem in &inspection.problems {
        let _ = writeln!(out, "  damaged: {problem}");
    }
    print(&out)?;
    Err(Failure::Job(format!(
        "error: checkpoint {number} is damaged; a run goes on from the newest whole one before it"
    )))
}
