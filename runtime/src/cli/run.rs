//! `millstream run`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use millstream_connectors::Connectors;
use millstream_runtime::exec::task::TaskError;
use millstream_runtime::job::compatibility::StateMismatch;
use millstream_runtime::job::monitor::Monitor;
use millstream_runtime::job::{self, FromSavepoint, JobOptions, Progress, failure};
use millstream_state::StateError;
use tokio::sync::oneshot;

use super::listen::ListenArguments;
use super::progress::ProgressLine;
use super::{Failure, Outcome, duration, plan, summary};

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// A pipeline folder or file, or a .sql script
    job: PathBuf,
    /// Instances of each operator [default: the pipeline's 'parallelism.default', else 1]
    #[arg(short, long, value_parser = clap::value_parser!(u32).range(1..=128))]
    parallelism: Option<u32>,
    /// Keep checkpoints here, and go on from the last one that is there
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Forget the checkpoints in the state directory
    #[arg(long, requires = "state_dir")]
    fresh: bool,
    /// Begin with the state of a savepoint, at any parallelism
    #[arg(long, value_name = "DIR")]
    from_savepoint: Option<PathBuf>,
    /// Go on from the savepoint although some of its state belongs to no node any more
    #[arg(long, requires = "from_savepoint")]
    allow_dropped_state: bool,
    /// Stop after this time, with a last checkpoint
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    duration: Option<Duration>,
    /// Write the figures of the summary to this file as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Where relative paths start [default: the job's folder]
    #[arg(long, value_name = "DIR")]
    base_dir: Option<PathBuf>,
    #[command(flatten)]
    listen: ListenArguments,
}

pub(crate) fn run(arguments: RunArguments) -> Outcome {
    let planned = plan(&arguments.job, arguments.base_dir.as_deref())?;
    let sinks = planned.plan.nodes.iter().any(|n| {
        matches!(
            n.op,
            millstream_compiler::plan::stream::StreamOp::Sink { .. }
        )
    });
    if !sinks {
        return Err(Failure::Input(format!(
            "error: {} writes nothing\n  help: add a sink node, an INSERT INTO or a SELECT",
            arguments.job.display()
        )));
    }
    let parallelism = match arguments.parallelism {
        Some(p) => p as usize,
        None => planned
            .plan
            .settings
            .get("parallelism.default")
            .and_then(|p| p.parse().ok())
            .unwrap_or(1),
    };
    let input = &planned.input;
    let file = std::path::absolute(&input.file).unwrap_or_else(|_| input.file.clone());
    let monitor = Monitor::new(input.name(), Some(file), input.wiring());
    let mut api = arguments.listen.start(&monitor)?;
    let options = JobOptions {
        name: planned.input.name(),
        fingerprint: planned.input.fingerprint(),
        base_dir: planned.input.base_dir.clone(),
        parallelism,
        state_dir: arguments.state_dir,
        fresh: arguments.fresh,
        from_savepoint: arguments.from_savepoint.map(|path| FromSavepoint {
            path,
            may_drop: arguments.allow_dropped_state,
        }),
        duration: arguments.duration,
        print_to: None,
        connectors: Connectors::default(),
        monitor,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::Job(format!("error: cannot start: {e}")))?;
    let mut line = ProgressLine::new(&planned.plan);
    let report = runtime.block_on(async {
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(async move {
            if wait_for_signal().await {
                // The job may have ended meanwhile.
                let _ = stop.send(());
            } else {
                // Without signals the job is never asked to stop.
                std::future::pending::<()>().await;
            }
        });
        job::run(&planned.plan, &options, stopped, &mut |progress| {
            if let (Progress::Opened(_), Some(api)) = (&progress, &mut api) {
                let kept = options.state_dir.as_deref();
                api.announce(kept);
                line.note(&api.line(kept));
            }
            line.show(progress);
        })
        .await
    });
    line.finish();
    if let Some(api) = api {
        api.finish();
    }
    // Tasks of a failed job may sit in a read; they are not waited for.
    runtime.shutdown_timeout(Duration::from_millis(200));
    let report = report.map_err(|error| {
        let mismatch = error.downcast_ref::<Box<StateMismatch>>();
        match (mismatch, error.downcast_ref::<StateError>()) {
            (Some(mismatch), _) => Failure::State(format!("error: {mismatch}")),
            (
                None,
                Some(other @ (StateError::OtherJob { .. } | StateError::MaxParallelism { .. })),
            ) => Failure::State(format!("error: {other}")),
            _ => Failure::Job(failure_text(&error, options.state_dir.is_some())),
        }
    })?;
    summary::print(&planned.plan, &options, &report);
    if let Some(path) = &arguments.report {
        summary::write_json(path, &planned.plan, &options, &report)?;
    }
    Ok(())
}

/// Waits for SIGINT or SIGTERM; false if they cannot be waited for.
pub(crate) async fn wait_for_signal() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    match (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            true
        }
        _ => false,
    }
}

/// What made a job fail.
fn failure_text(error: &anyhow::Error, has_state: bool) -> String {
    // A job that ran and failed goes on from its checkpoint; one that could not start does not.
    let ran = error.downcast_ref::<TaskError>().is_some();
    let what = if ran {
        "the job failed"
    } else {
        "the job could not run"
    };
    let mut text = format!("error: {what}: {}", failure::text(error));
    if ran && has_state {
        text.push_str(
            "\n  help: nothing that was committed is lost; run the same command again to go on from the last checkpoint",
        );
    }
    text
}
