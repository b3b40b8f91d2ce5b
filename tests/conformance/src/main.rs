//! `millstream-conformance`: what Flink gives and Millstream must give too.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use millstream_conformance::{CaseResult, How, Settings, load, parse, report, run};

/// Runs files of conformance cases (programs, functions, statements) on Millstream.
///
/// Exit code: 0 if no case failed, 1 if one did, 2 if a file cannot be used.
#[derive(Debug, Parser)]
#[command(name = "millstream-conformance", version)]
struct Arguments {
    /// Files of cases; what is in them is told from their content
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Only cases whose name or category holds this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
    /// How many cases run at once
    #[arg(long, default_value_t = 4)]
    jobs: usize,
    /// Seconds after which a case has failed
    #[arg(long, default_value_t = 60)]
    limit: u64,
    /// Instances of each operator of a program
    #[arg(long, default_value_t = 1)]
    parallelism: usize,
    /// The same after a program's savepoint [default: as before]
    #[arg(long, value_name = "N")]
    restored_parallelism: Option<usize>,
    /// How many rows a program's sources hand over at once
    #[arg(long, default_value_t = 1)]
    batch_rows: usize,
}

fn main() -> ExitCode {
    // A panic fails its case, which reports it.
    std::panic::set_hook(Box::new(|_| {}));
    let arguments = Arguments::parse();
    let results = match results(&arguments) {
        Ok(results) => results,
        Err(why) => {
            // Nobody is left to tell if stderr is closed.
            let _ = writeln!(std::io::stderr(), "error: {why}");
            return ExitCode::from(2);
        }
    };
    let text = if arguments.json {
        format!("{:#}\n", report::json(&results))
    } else {
        report::text(&results)
    };
    // A reader that went away changes nothing of the result.
    let _ = std::io::stdout().write_all(text.as_bytes());
    let failed = report::Counts::of(&results).failed;
    // Threads of cases that never end must not keep the process.
    std::process::exit(i32::from(failed > 0));
}

fn results(arguments: &Arguments) -> Result<Vec<CaseResult>, String> {
    let settings = Settings {
        filter: arguments.filter.clone(),
        jobs: arguments.jobs,
        limit: Duration::from_secs(arguments.limit),
    };
    let how = How {
        parallelism: arguments.parallelism.max(1),
        restored_parallelism: (arguments.restored_parallelism)
            .unwrap_or(arguments.parallelism)
            .max(1),
        batch_rows: arguments.batch_rows.max(1),
    };
    let mut cases = Vec::new();
    for file in &arguments.files {
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("{}: cannot be read: {error}", file.display()))?;
        let document = parse(&text).map_err(|why| format!("{}: {why}", file.display()))?;
        cases.extend(load(&document, &how).map_err(|why| format!("{}: {why}", file.display()))?);
    }
    Ok(run(cases, &settings))
}
