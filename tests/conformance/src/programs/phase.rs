//! One run of a plan, in this process and on this thread.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use millstream_compiler::plan::StreamPlan;
use millstream_connectors::Connectors;
use millstream_runtime::job::savepoint::{self, Request};
use millstream_runtime::job::{self, FromSavepoint, JobOptions, JobReport};
use tokio::sync::oneshot;

use super::values::{NAME, Sinks, SourceRows, Values};
use crate::How;

/// What a failure of the job itself starts with.
pub(super) const JOB_FAILED: &str = "the job failed: ";

/// What the runtime says of a task that panicked.
pub(super) const PANICKED: &str = "which is a fault of Millstream";

/// How often the rows that came are looked at.
const LOOK: Duration = Duration::from_millis(3);

/// How long the last checkpoint may take.
const STOPPING: Duration = Duration::from_secs(10);

/// What ends a run.
pub(super) enum Ending {
    /// Its sources end.
    Sources,
    /// Its sources go on; the run is stopped, with a savepoint, when all rows were given and this
    /// says that nothing is waited for any more.
    Rows(Box<dyn Fn() -> bool>),
}

/// A run.
pub(super) struct Phase<'a> {
    pub plan: &'a StreamPlan,
    pub sources: BTreeMap<String, Arc<SourceRows>>,
    pub sinks: &'a Sinks,
    /// The folder of the run, with its state directory.
    pub state: &'a Path,
    /// The savepoint to begin with.
    pub savepoint: Option<PathBuf>,
    pub ending: Ending,
    /// How long it may take until it is stopped.
    pub patience: Duration,
    pub how: How,
    /// It has windows in processing time, of at most 10 seconds.
    pub in_processing_time: bool,
}

impl Phase<'_> {
    /// Runs to the end; gives the report, and the savepoint if it was stopped with one.
    ///
    /// # Errors
    /// The job failed ([`JOB_FAILED`]) or did not end.
    pub fn run(self) -> Result<(JobReport, Option<PathBuf>), String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("no runtime: {error}"))?;
        let report = runtime.block_on(Box::pin(self.drive()));
        // A task that sits in a read is not waited for.
        runtime.shutdown_background();
        report
    }

    async fn drive(self) -> Result<(JobReport, Option<PathBuf>), String> {
        if self.in_processing_time {
            away_from_the_next_window().await;
        }
        let ends = matches!(self.ending, Ending::Sources);
        let values = Arc::new(Values::new(
            self.sources,
            ends,
            self.how.batch_rows,
            self.sinks.clone(),
        ));
        let options = JobOptions {
            name: "case".into(),
            fingerprint: "case".into(),
            base_dir: self.state.to_path_buf(),
            parallelism: self.how.parallelism,
            state_dir: Some(self.state.join("state")),
            fresh: false,
            from_savepoint: self.savepoint.clone().map(|path| FromSavepoint {
                path,
                may_drop: false,
            }),
            duration: None,
            print_to: None,
            connectors: Connectors::default().with(NAME, values.clone()),
            monitor: job::monitor::Monitor::default(),
        };
        // Kept open: dropping it would stop the job.
        let (_stop, stopped) = oneshot::channel();
        let mut nobody = |_: job::Progress<'_>| {};
        let mut job = Box::pin(job::run(self.plan, &options, stopped, &mut nobody));
        let begun = Instant::now();
        let mut asked = None;
        let mut savepoint = None;
        loop {
            tokio::select! {
                ended = &mut job => {
                    let report = ended.map_err(|error| format!("{JOB_FAILED}{}", causes(&error)))?;
                    let Some(savepoint) = savepoint else {
                        return Ok((report, None));
                    };
                    let given: Result<anyhow::Result<PathBuf>, tokio::task::JoinError> =
                        savepoint.await;
                    let path = given.map_err(|error| error.to_string())?;
                    let path = path.map_err(|error| format!("no savepoint: {}", causes(&error)))?;
                    return Ok((report, Some(path)));
                }
                () = tokio::time::sleep(LOOK) => {}
            }
            let late = begun.elapsed() > self.patience;
            match (&self.ending, asked) {
                (Ending::Sources, _) if late => {
                    return Err(format!(
                        "the sources ended, the job did not within {} s",
                        self.patience.as_secs()
                    ));
                }
                (Ending::Rows(decided), None) if late || (values.all_given() && decided()) => {
                    asked = Some(Instant::now());
                    let request = Request {
                        folder: self.state.join("savepoints"),
                        stop: true,
                    };
                    let state_dir = self.state.join("state");
                    savepoint = Some(tokio::task::spawn_blocking(move || {
                        savepoint::create(&state_dir, &request, STOPPING)
                    }));
                }
                (Ending::Rows(_), Some(asked)) if asked.elapsed() > STOPPING => {
                    return Err("the job did not stop with a savepoint".to_owned());
                }
                _ => {}
            }
        }
    }
}

/// An error with its causes, without repetitions.
fn causes(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
    }
    parts.join(": ")
}

/// Rows that belong together must not be cut in two by the clock: waits if the next full ten
/// seconds are near.
async fn away_from_the_next_window() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let within = now.map_or(0, |now| now.as_millis() % 5_000);
    if within > 3_000 {
        tokio::time::sleep(Duration::from_millis(5_050 - within as u64)).await;
    }
}
