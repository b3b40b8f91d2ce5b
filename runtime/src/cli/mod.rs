//! The command line.
//!
//! Rows and SQL go to stdout, everything else to stderr. Exit codes: 0 done, 1 the job failed,
//! 2 the input is wrong, 3 the saved state does not fit it.

mod bench;
mod checkpoint;
mod generate;
mod listen;
mod model;
mod nexmark;
mod preview;
mod progress;
mod run;
mod savepoint;
mod score;
mod summary;
mod text;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand, ValueEnum};
use millstream_compiler::diagnostics::Diagnostic;
use millstream_compiler::lower::Target;
use millstream_compiler::plan::explain;
use millstream_compiler::plan::settings::parse_duration;
use millstream_compiler::plan::stream::{PlanModel, StreamPlan};
use millstream_functions::FlinkType;
use millstream_models::{Binding, Model};
use millstream_runtime::environment::FileEnvironment;
use millstream_runtime::exec::build::model_path;
use millstream_runtime::input::{Input, Script};

/// How a command ended.
pub(crate) enum Failure {
    /// The input is wrong; the text says what, where and what to do.
    Input(String),
    /// The job (or the machine under it) failed.
    Job(String),
    /// The saved state does not fit the job.
    State(String),
}

impl Failure {
    fn report(&self) -> ExitCode {
        let (text, code) = match self {
            Failure::Input(text) => (text, 2),
            Failure::Job(text) => (text, 1),
            Failure::State(text) => (text, 3),
        };
        // Nobody is left to tell if stderr is closed.
        let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
        ExitCode::from(code)
    }
}

pub(crate) type Outcome = Result<(), Failure>;

/// Real-time machine learning pipelines as Flink SQL, on one machine.
#[derive(Debug, Parser)]
#[command(name = "millstream", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  millstream check samples/fraud                  what is wrong with it, and where
  millstream compile samples/fraud -o fraud.sql   the SQL for a Flink cluster
  millstream run samples/fraud --for 30s          run it here for half a minute
  millstream run query.sql --state-dir state      run a script; a second run goes on from there
  millstream model score m.onnx -i rows.csv -o scores.csv

A job is a folder with a pipeline.toml, such a file, or a .sql script of Flink SQL.
Exit codes: 0 done, 1 the job failed, 2 the input is wrong, 3 the saved state does not fit it. RUST_LOG=debug shows more.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Says what is wrong with a pipeline or script, without running it
    Check {
        /// A pipeline folder or file, or a .sql script
        job: PathBuf,
    },
    /// Prints a pipeline as Flink SQL
    Compile {
        /// A pipeline folder or file, or a .sql script
        job: PathBuf,
        /// Who will run the SQL
        #[arg(long, value_enum, default_value_t = TargetName::Flink)]
        target: TargetName,
        /// Write to this file instead of printing
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
    /// Shows how a job will be executed: operators, changelogs, exchanges, state
    Explain {
        /// A pipeline folder or file, or a .sql script
        job: PathBuf,
    },
    /// Runs a job until its sources end, the time is over, or Ctrl-C
    #[command(after_help = RUN_EXAMPLES)]
    Run(Box<run::RunArguments>),
    /// Shows the rows that a node gives, on the first rows of its sources; writes nothing
    #[command(after_help = PREVIEW_EXAMPLES)]
    Preview(preview::PreviewArguments),
    /// Writes the rows of a pipeline's generators as CSV files that Flink can read
    Generate(generate::GenerateArguments),
    /// Measures how fast this machine is
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// The events of the Nexmark benchmark
    #[command(subcommand)]
    Nexmark(nexmark::NexmarkCommand),
    /// Looks into model files, and scores files of rows
    #[command(subcommand)]
    Model(model::ModelCommand),
    /// Looks into a state directory
    #[command(subcommand)]
    Checkpoint(checkpoint::CheckpointCommand),
    /// Keeps a job's state to start from later, also changed or at another parallelism
    #[command(subcommand, after_help = SAVEPOINT_EXAMPLES)]
    Savepoint(savepoint::SavepointCommand),
}

const SAVEPOINT_EXAMPLES: &str = "Examples:
  millstream savepoint create state saves --stop               stop a job; prints saves/fraud-000042
  millstream savepoint check saves/fraud-000042 samples/fraud  what the changed job would keep
  millstream run samples/fraud --from-savepoint saves/fraud-000042 --parallelism 4";

const PREVIEW_EXAMPLES: &str = "Examples:
  millstream preview samples/gmv --node overall
  millstream preview query.sql --node spend --rows 20 --source-rows 1000
  millstream preview - --base-dir samples/gmv --node daily < edited.toml

Prints a JSON object a line: the columns, then the rows with their kind and event time, then what
was read. Only what feeds the node is run and needs to be right; there are no checkpoints.";

const RUN_EXAMPLES: &str = "Examples:
  millstream run samples/gmv
  millstream run samples/fraud --parallelism 2 --for 30s
  millstream run samples/fraud --state-dir state          goes on where the last run stopped
  millstream run samples/fraud --state-dir state --fresh  forgets what the last run left
  millstream run samples/fraud --state-dir state --listen 127.0.0.1:0
                                                          serves its API; see docs/api.md

Without --state-dir a run starts from nothing and keeps nothing but its output.
Ctrl-C (or SIGTERM) takes a last checkpoint and makes what was written visible.";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TargetName {
    /// A Flink cluster
    Flink,
    /// Millstream's own runtime
    Embedded,
}

impl From<TargetName> for Target {
    fn from(name: TargetName) -> Self {
        match name {
            TargetName::Flink => Target::Flink,
            TargetName::Embedded => Target::Embedded,
        }
    }
}

/// Parses the arguments and runs the command.
pub(crate) fn main() -> ExitCode {
    let begun = Instant::now();
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("warn,tract_onnx=error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Command::Check { job } => check(&job),
        Command::Compile {
            job,
            target,
            output,
        } => compile(&job, target.into(), output),
        Command::Explain { job } => explain_job(&job),
        Command::Run(arguments) => run::run(*arguments),
        Command::Preview(arguments) => preview::run(&arguments, begun),
        Command::Generate(arguments) => generate::generate(arguments),
        Command::Bench(command) => bench::bench(command),
        Command::Nexmark(command) => nexmark::nexmark(command),
        Command::Model(command) => model::model(command),
        Command::Checkpoint(command) => checkpoint::checkpoint(command),
        Command::Savepoint(command) => savepoint::savepoint(command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// A job that was read and planned.
pub(crate) struct Planned {
    pub input: Input,
    pub plan: StreamPlan,
}

/// Reads and plans a job; prints warnings to stderr.
pub(crate) fn plan(
    job: &std::path::Path,
    base_dir: Option<&std::path::Path>,
) -> Result<Planned, Failure> {
    let mut input = Input::read(job).map_err(Failure::Input)?;
    if let Some(base_dir) = base_dir {
        input.base_dir = std::path::absolute(base_dir).unwrap_or_else(|_| base_dir.to_path_buf());
    }
    let environment = environment(&input);
    let script = input
        .script(Target::Embedded, &environment)
        .map_err(|found| Failure::Input(render(&input, &found, None)))?;
    let plan = input
        .plan(&script, &environment)
        .map_err(|found| Failure::Input(render(&input, &found, Some(&script))))?;
    print_findings(&input, Some(&script));
    Ok(Planned { input, plan })
}

fn environment(input: &Input) -> FileEnvironment {
    FileEnvironment::new(&input.base_dir)
}

fn render(input: &Input, found: &[Diagnostic], script: Option<&Script>) -> String {
    found
        .iter()
        .map(|d| input.render(d, script))
        .collect::<Vec<_>>()
        .join("\n")
}

fn print_findings(input: &Input, script: Option<&Script>) {
    for finding in &input.findings {
        // Nobody is left to tell if stderr is closed.
        let _ = write!(std::io::stderr(), "{}", input.render(finding, script));
    }
}

fn check(job: &std::path::Path) -> Outcome {
    let planned = plan(job, None)?;
    let sources = planned.plan.nodes.iter().filter(|n| n.inputs.is_empty());
    let _ = writeln!(
        std::io::stderr(),
        "{}: fine ({}, {}, {})",
        planned.input.path.display(),
        text::count(planned.plan.nodes.len(), "operator"),
        text::count(sources.count(), "source"),
        text::count(planned.plan.models.len(), "model"),
    );
    Ok(())
}

fn compile(job: &std::path::Path, target: Target, output: Option<PathBuf>) -> Outcome {
    let mut input = Input::read(job).map_err(Failure::Input)?;
    let environment = environment(&input);
    let script = input
        .script(target, &environment)
        .map_err(|found| Failure::Input(render(&input, &found, None)))?;
    // What Flink would refuse must not be exported; what only we cannot run may be.
    if let Err(found) = input.plan(&script, &environment) {
        let (missing, wrong): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|d| d.code == "sql/not-supported" || d.code == "connector/table");
        if !wrong.is_empty() {
            return Err(Failure::Input(render(&input, &wrong, Some(&script))));
        }
        let _ = writeln!(
            std::io::stderr(),
            "note: the embedded runtime cannot run this:\n{}",
            render(&input, &missing, Some(&script))
        );
    }
    print_findings(&input, Some(&script));
    match output {
        Some(path) => millstream_compiler::document::files::write(&path, &script.text)
            .map_err(|e| Failure::Job(format!("error: {e}"))),
        None => print(&script.text),
    }
}

fn explain_job(job: &std::path::Path) -> Outcome {
    let planned = plan(job, None)?;
    let mut text = explain(&planned.plan);
    for model in &planned.plan.models {
        text.push_str(&explain_model(model, &planned.input.base_dir)?);
    }
    print(&text)
}

/// Which columns a model is bound to, why, and what is cast.
fn explain_model(model: &PlanModel, base_dir: &std::path::Path) -> Result<String, Failure> {
    let wrong = |error: String| Failure::Input(format!("error: {error}"));
    let path = model_path(&model.options, base_dir).map_err(wrong)?;
    let loaded = Model::load(&path).map_err(|error| wrong(error.to_string()))?;
    let columns = |list: &[(String, FlinkType)]| -> Vec<_> {
        list.iter()
            .map(|(name, ty)| (name.clone(), ty.to_arrow()))
            .collect()
    };
    let (inputs, outputs) = (columns(&model.inputs), columns(&model.outputs));
    let binding = Binding::new(loaded.signature(), &inputs, &outputs)
        .map_err(|error| wrong(format!("the model '{}' does not fit: {error}", model.name)))?;
    let mut text = format!("Model {}: {}\n", model.name, path.display());
    for line in binding.explain(loaded.signature()) {
        text.push_str(&format!("     {line}\n"));
    }
    text.push('\n');
    Ok(text)
}

/// Writes to stdout; a reader that went away is no failure.
pub(crate) fn print(text: &str) -> Outcome {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Job(format!("error: cannot write to stdout: {e}")))
        }
        _ => Ok(()),
    }
}

/// A duration on the command line.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Some(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("expected a time such as 30s, 5min or 500ms".into()),
    }
}
