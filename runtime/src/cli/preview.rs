//! `millstream preview`: the rows of one node, on the first rows of its sources.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use millstream_connectors::Connectors;
use millstream_runtime::environment::FileEnvironment;
use millstream_runtime::input::Input;
use millstream_runtime::job::failure;
use millstream_runtime::preview::{PreviewOptions, preview};

use super::{Failure, Outcome, duration, render};

#[derive(Debug, Args)]
pub(crate) struct PreviewArguments {
    /// A pipeline folder or file, a .sql script, or '-' for the standard input
    job: PathBuf,
    /// The node (of a script the table or view) whose rows to show
    #[arg(long, value_name = "ID")]
    node: String,
    /// How many rows to show at most
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    rows: u64,
    /// How many rows to read of each source at most
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    source_rows: u64,
    /// Make do after this time with the rows that were read
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "10s")]
    timeout: Duration,
    /// Where relative paths start [default: the job's folder; of the standard input the current one]
    #[arg(long, value_name = "DIR")]
    base_dir: Option<PathBuf>,
    /// What comes from the standard input is a script of SQL, not a pipeline
    #[arg(long)]
    sql: bool,
}

/// What stands for the standard input.
const STDIN: &str = "-";

pub(crate) fn run(arguments: &PreviewArguments, begun: Instant) -> Outcome {
    let input = read(arguments)?;
    let environment = FileEnvironment::new(&input.base_dir);
    let plan = input
        .plan_node(&arguments.node, &environment)
        .map_err(|found| Failure::Input(render(&input, &found, None)))?;
    let options = PreviewOptions {
        node: arguments.node.clone(),
        base_dir: input.base_dir.clone(),
        rows: arguments.rows,
        source_rows: arguments.source_rows,
        timeout: arguments.timeout,
        connectors: Connectors::default(),
        begun,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Failure::Job(format!("error: cannot start: {e}")))?;
    let done = runtime.block_on(Box::pin(preview(plan, &options, &mut |text: &str| {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    })));
    // Tasks may sit in a read; they are not waited for.
    runtime.shutdown_background();
    match done {
        Ok(_) => Ok(()),
        // A reader that has seen enough is no failure.
        Err(error)
            if error
                .downcast_ref::<std::io::Error>()
                .is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe) =>
        {
            Ok(())
        }
        Err(error) => Err(Failure::Job(format!(
            "error: the preview failed: {}",
            failure::text(&error)
        ))),
    }
}

fn read(arguments: &PreviewArguments) -> Result<Input, Failure> {
    if arguments.job != Path::new(STDIN) {
        if arguments.sql {
            return Err(Failure::Input(
                "error: --sql is for what comes from the standard input\n  help: a script is known by its name, which ends in .sql"
                    .into(),
            ));
        }
        let mut input = Input::read(&arguments.job).map_err(Failure::Input)?;
        if let Some(base_dir) = &arguments.base_dir {
            input.base_dir = absolute(base_dir);
        }
        return Ok(input);
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|e| Failure::Input(format!("error: the standard input cannot be read: {e}")))?;
    let base_dir = absolute(arguments.base_dir.as_deref().unwrap_or(Path::new(".")));
    Input::of_text(text, "standard input".into(), base_dir, arguments.sql).map_err(Failure::Input)
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}
