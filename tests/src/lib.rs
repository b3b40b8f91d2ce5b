//! Running scripts and pipelines in tests: SQL in, rows out.

use std::path::Path;

use millstream_compiler::lower::Target;
use millstream_connectors::Connectors;
use millstream_runtime::environment::FileEnvironment;
use millstream_runtime::input::Input;
use millstream_runtime::job::monitor::Monitor;
use millstream_runtime::job::{self, Captured, FromSavepoint, JobOptions, JobReport};

/// What a run gave.
#[derive(Debug)]
pub struct Run {
    /// What `print` tables (and a bare SELECT) wrote, line by line.
    pub printed: Vec<String>,
    /// Counters and checkpoints.
    pub report: JobReport,
}

/// How to run; see [`JobOptions`] for the meaning.
#[derive(Debug, Clone)]
pub struct How<'a> {
    /// Instances of each operator.
    pub parallelism: usize,
    /// Where checkpoints are kept between runs.
    pub state_dir: Option<&'a Path>,
    /// The savepoint to begin with.
    pub from_savepoint: Option<&'a Path>,
    /// Stop after this time, though sources may go on.
    pub duration: Option<std::time::Duration>,
    /// What opens tables beside the built-in connectors, or in their place.
    pub connectors: Connectors,
    /// Shows the job while it runs.
    pub monitor: Monitor,
}

impl Default for How<'_> {
    fn default() -> Self {
        Self {
            parallelism: 1,
            state_dir: None,
            from_savepoint: None,
            duration: None,
            connectors: Connectors::default(),
            monitor: Monitor::default(),
        }
    }
}

/// Runs a pipeline or script to its end.
///
/// # Errors
/// What the user would read: findings of the compiler, or why the job failed.
pub fn run(path: &Path, how: &How<'_>) -> Result<Run, String> {
    let mut input = Input::read(path)?;
    let environment = FileEnvironment::new(&input.base_dir);
    let text = |input: &Input, found: Vec<_>, script| -> String {
        found.iter().map(|d| input.render(d, script)).collect()
    };
    let script = input
        .script(Target::Embedded, &environment)
        .map_err(|found| text(&input, found, None))?;
    let plan = input
        .plan(&script, &environment)
        .map_err(|found| text(&input, found, Some(&script)))?;
    let printed = Captured::default();
    let options = JobOptions {
        name: input.name(),
        fingerprint: input.fingerprint(),
        base_dir: input.base_dir.clone(),
        parallelism: how.parallelism,
        state_dir: how.state_dir.map(Path::to_path_buf),
        fresh: false,
        from_savepoint: how.from_savepoint.map(|path| FromSavepoint {
            path: path.to_path_buf(),
            may_drop: false,
        }),
        duration: how.duration,
        print_to: Some(printed.clone()),
        connectors: how.connectors.clone(),
        monitor: how.monitor.clone(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    // Kept open: dropping it would stop the job.
    let (_stop, stopped) = tokio::sync::oneshot::channel();
    let report = runtime
        .block_on(job::run(&plan, &options, stopped, &mut |_| {}))
        .map_err(|e| format!("{e:#}"))?;
    Ok(Run {
        printed: printed.text().lines().map(str::to_owned).collect(),
        report,
    })
}

/// Runs a script of SQL to its end; `${dir}` in it stands for `dir`.
///
/// # Errors
/// As [`run`].
pub fn run_sql(dir: &Path, sql: &str, how: &How<'_>) -> Result<Run, String> {
    let path = dir.join("script.sql");
    let text = sql.replace("${dir}", &dir.display().to_string());
    std::fs::write(&path, text).map_err(|e| e.to_string())?;
    run(&path, how)
}
