//! `millstream savepoint`: checkpoints that are kept, and whether they fit a pipeline.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use millstream_runtime::job::compatibility::{self, Compatibility};
use millstream_runtime::job::savepoint::{self, Request};
use millstream_state::Manifest;

use super::checkpoint::{inspect, time};
use super::text::bytes;
use super::{Failure, Outcome, duration, plan, print};

#[derive(Debug, Subcommand)]
pub(crate) enum SavepointCommand {
    /// Makes a savepoint of a job, whether it runs or not, and prints where it is
    Create {
        /// The directory given to `run --state-dir`
        state_dir: PathBuf,
        /// The folder that savepoints are collected in
        folder: PathBuf,
        /// Stop the job behind it
        #[arg(long)]
        stop: bool,
        /// How long a running job may take
        #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "60s")]
        timeout: Duration,
    },
    /// Lists the savepoints in a folder
    List {
        /// The folder that savepoints are collected in
        folder: PathBuf,
    },
    /// Shows what a savepoint holds, and verifies its files
    Inspect {
        /// The savepoint's folder
        savepoint: PathBuf,
    },
    /// Says what of a savepoint a job would keep, what would begin empty and what would be dropped
    Check {
        /// The savepoint's folder
        savepoint: PathBuf,
        /// A pipeline folder or file, or a .sql script
        job: PathBuf,
        /// State that belongs to no node any more is fine
        #[arg(long)]
        allow_dropped_state: bool,
    },
}

pub(crate) fn savepoint(command: SavepointCommand) -> Outcome {
    match command {
        SavepointCommand::Create {
            state_dir,
            folder,
            stop,
            timeout,
        } => {
            let request = Request { folder, stop };
            let path = savepoint::create(&state_dir, &request, timeout).map_err(failed)?;
            print(&format!("{}\n", path.display()))
        }
        SavepointCommand::List { folder } => list(&folder),
        SavepointCommand::Inspect { savepoint } => inspect(&savepoint, None),
        SavepointCommand::Check {
            savepoint,
            job,
            allow_dropped_state,
        } => check(&savepoint, &job, allow_dropped_state),
    }
}

fn failed(error: anyhow::Error) -> Failure {
    Failure::Job(format!("error: {error:#}"))
}

fn wrong(error: anyhow::Error) -> Failure {
    Failure::Input(format!("error: {error:#}"))
}

fn line(manifest: &Manifest) -> String {
    format!(
        "{}  {}  checkpoint {}  parallelism {}  {}",
        time(manifest),
        manifest.job.name,
        manifest.epoch,
        manifest.parallelism,
        bytes(manifest.total_bytes())
    )
}

fn list(folder: &Path) -> Outcome {
    let mut out = String::new();
    for (path, manifest) in savepoint::list(folder).map_err(wrong)? {
        let shown = match manifest {
            Ok(manifest) => line(&manifest),
            Err(error) => format!("cannot be used: {error:#}"),
        };
        out.push_str(&format!("{}  {shown}\n", path.display()));
    }
    if out.is_empty() {
        out.push_str("no savepoint here\n");
    }
    print(&out)
}

fn check(savepoint: &Path, job: &Path, may_drop: bool) -> Outcome {
    let planned = plan(job, None)?;
    let manifest = savepoint::read(savepoint).map_err(wrong)?;
    let found = Compatibility::of(&planned.plan, &manifest);
    if let Err(mismatch) = compatibility::check(&found, may_drop) {
        return Err(Failure::State(format!("error: {mismatch}")));
    }
    print(&format!("{}\n{found}", line(&manifest)))
}
