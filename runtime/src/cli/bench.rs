//! `millstream bench`: how fast this machine runs the Nexmark queries.
//!
//! Each query runs in a process of its own, so that CPU time and peak memory are its own, too.

mod queries;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use millstream_connectors::{NexmarkExport, NexmarkLayout, export_nexmark};
use serde_json::Value;

use self::queries::QUERIES;
use super::text::{bytes, short, thousands};
use super::{Failure, Outcome, duration, print};

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Runs the queries of the Nexmark benchmark and prints what each takes
    Nexmark(NexmarkArguments),
}

#[derive(Debug, Args)]
pub(crate) struct NexmarkArguments {
    /// How many events each query reads
    #[arg(long, default_value_t = 2_000_000, value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    events: u64,
    /// Which queries: q0,q5,q12 [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    query: Vec<String>,
    /// Instances of each operator [default: as many as there are cores]
    #[arg(short, long, value_parser = clap::value_parser!(u32).range(1..=128))]
    parallelism: Option<u32>,
    /// Where the events come from
    #[arg(long, value_enum, default_value_t = Input::Generator)]
    input: Input,
    /// Keep the files of events here, and use those that are there [default: a temporary folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How often a checkpoint is taken
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "5s")]
    checkpoint_interval: Duration,
    /// Write the figures to this file as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Input {
    /// Made on the fly
    Generator,
    /// CSV files
    Csv,
    /// Files with an object of JSON in each line
    Json,
}

impl Input {
    fn name(self) -> &'static str {
        match self {
            Input::Generator => "generator",
            Input::Csv => "csv",
            Input::Json => "json",
        }
    }
}

pub(crate) fn bench(command: BenchCommand) -> Outcome {
    let BenchCommand::Nexmark(arguments) = command;
    let wanted = wanted(&arguments.query)?;
    let parallelism = match arguments.parallelism {
        Some(parallelism) => parallelism,
        None => std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32),
    };
    let failed = |error: std::io::Error| {
        Failure::Job(format!("error: cannot make a temporary folder: {error}"))
    };
    let temporary = tempfile::tempdir().map_err(failed)?;
    let data = match &arguments.data {
        Some(folder) => std::path::absolute(folder).map_err(failed)?,
        None => temporary.path().join("data"),
    };
    let bench = Bench {
        events: arguments.events,
        parallelism,
        input: arguments.input,
        events_folder: data.join(format!(
            "{}-{}-{parallelism}",
            arguments.input.name(),
            arguments.events
        )),
        side_input: temporary.path().join("side_input.csv"),
        folder: temporary.path().to_path_buf(),
        interval: arguments.checkpoint_interval,
    };
    bench.prepare()?;
    print(&format!(
        "{} events from {}, parallelism {parallelism}\n{HEADER}\n",
        thousands(arguments.events),
        match arguments.input {
            Input::Generator => "the generator".to_owned(),
            _ => format!("{}", bench.events_folder.display()),
        },
    ))?;
    let mut reports = Vec::new();
    let mut shares = String::from("\nwhere the time goes\n");
    for (name, query) in wanted {
        let outcome = bench.run(name, query)?;
        if let Ok(report) = &outcome {
            let _ = writeln!(shares, "{name:<5} {}", where_time_goes(report));
        }
        print(&match &outcome {
            Ok(report) => line(name, report),
            Err(why) => format!("{name:<5} not run: {why}\n"),
        })?;
        reports.push(match outcome {
            Ok(report) => serde_json::json!({"query": name, "figures": report}),
            Err(why) => serde_json::json!({"query": name, "error": why}),
        });
    }
    print(&shares)?;
    if let Some(path) = &arguments.report {
        let all = serde_json::json!({
            "events": arguments.events,
            "parallelism": parallelism,
            "input": arguments.input.name(),
            "queries": reports,
        });
        millstream_compiler::document::files::write(path, &format!("{all:#}\n"))
            .map_err(|e| Failure::Job(format!("error: {e}")))?;
    }
    Ok(())
}

fn wanted(names: &[String]) -> Result<Vec<(&'static str, &'static str)>, Failure> {
    if names.is_empty() {
        return Ok(QUERIES.to_vec());
    }
    names
        .iter()
        .map(|name| {
            let known = QUERIES.iter().find(|(known, _)| known == name);
            known.copied().ok_or_else(|| {
                Failure::Input(format!(
                    "error: Nexmark has no query '{name}'\n  help: there are q0 to q{}",
                    QUERIES.len() - 1
                ))
            })
        })
        .collect()
}

/// What all queries have in common.
struct Bench {
    events: u64,
    parallelism: u32,
    input: Input,
    events_folder: PathBuf,
    side_input: PathBuf,
    folder: PathBuf,
    interval: Duration,
}

impl Bench {
    /// Writes the files that the queries read.
    fn prepare(&self) -> Outcome {
        let mut lines = String::new();
        for key in 0..10_000 {
            let _ = writeln!(lines, "{key},text {key}");
        }
        std::fs::write(&self.side_input, lines).map_err(|error| {
            Failure::Job(format!(
                "error: cannot write {}: {error}",
                self.side_input.display()
            ))
        })?;
        if self.input == Input::Generator || self.events_folder.exists() {
            return Ok(());
        }
        // Files appear when all are whole.
        let unfinished = self.events_folder.with_extension("unfinished");
        let failed = |error: &dyn std::fmt::Display| {
            Failure::Job(format!(
                "error: cannot write the events to {}: {error}",
                self.events_folder.display()
            ))
        };
        let export = NexmarkExport {
            events: self.events,
            files: self.parallelism,
            format: self.input.name().to_owned(),
            layout: NexmarkLayout::Flat,
            folder: unfinished.clone(),
            options: Default::default(),
        };
        export_nexmark(&export).map_err(|error| failed(&error))?;
        std::fs::rename(&unfinished, &self.events_folder).map_err(|error| failed(&error))
    }

    fn script(&self, query: &str) -> String {
        let tables = match self.input {
            Input::Generator => queries::GENERATOR.to_owned(),
            Input::Csv => queries::FILES.to_owned(),
            Input::Json => queries::FILES
                .replace("'format' = 'csv'", "'format' = 'json'")
                .replace(",\n  'csv.null-literal' = ''", ""),
        };
        format!(
            "SET 'execution.checkpointing.interval' = '{} ms';\n{tables}\n{query}",
            self.interval.as_millis()
        )
        .replace("${events}", &self.events.to_string())
        .replace("${path}", &self.events_folder.display().to_string())
        .replace("${side_input}", &self.side_input.display().to_string())
        .replace("${sink}", "'connector' = 'blackhole'")
    }

    /// Runs a query: the report of the run, or why there is none.
    fn run(&self, name: &str, query: &str) -> Result<Result<Value, String>, Failure> {
        let cannot = |what: &str, error: &dyn std::fmt::Display| {
            Failure::Job(format!("error: cannot {what} for {name}: {error}"))
        };
        let script = self.folder.join(format!("{name}.sql"));
        let report = self.folder.join(format!("{name}.json"));
        let state = self.folder.join(format!("{name}-state"));
        std::fs::write(&script, self.script(query)).map_err(|e| cannot("write the script", &e))?;
        let program = std::env::current_exe().map_err(|e| cannot("find this program", &e))?;
        let ran = Command::new(program)
            .arg("run")
            .arg(&script)
            .args(["--parallelism", &self.parallelism.to_string()])
            .arg("--state-dir")
            .arg(&state)
            .arg("--report")
            .arg(&report)
            .output()
            .map_err(|e| cannot("start a process", &e))?;
        // The next query needs the room.
        remove(&state);
        if !ran.status.success() {
            let text = String::from_utf8_lossy(&ran.stderr);
            let first = text.lines().find(|line| line.starts_with("error"));
            return Ok(Err(first.unwrap_or("it failed").to_owned()));
        }
        let text = std::fs::read(&report).map_err(|e| cannot("read the report", &e))?;
        let report = serde_json::from_slice(&text).map_err(|e| cannot("read the report", &e))?;
        Ok(Ok(report))
    }
}

fn remove(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder) {
        tracing::debug!(%error, "a state directory stays until the end");
    }
}

const HEADER: &str = "query    events/s  per core    seconds  CPU s  cores   memory     state  \
                      checkpoints  each ms  written";

/// The figures of a run.
fn line(name: &str, report: &Value) -> String {
    let number = |key: &str| report[key].as_f64().unwrap_or_default();
    let seconds = number("seconds").max(1e-6);
    let cpu = number("cpu_seconds").max(1e-6);
    let events = number("events");
    let empty = Vec::new();
    let checkpoints = report["checkpoints"].as_array().unwrap_or(&empty);
    let sum = |key: &str| -> f64 { checkpoints.iter().filter_map(|c| c[key].as_f64()).sum() };
    let state = checkpoints
        .last()
        .map_or(0, |c| c["bytes_total"].as_u64().unwrap_or(0));
    let each = sum("async_ms") / checkpoints.len().max(1) as f64;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{name:<5} {:>11} {:>9} {seconds:>10.2} {cpu:>6.1} {:>6.2} {:>8} {:>9} {:>12} {each:>8.1} {:>8}",
        short(events / seconds),
        short(events / cpu),
        cpu / seconds,
        bytes(number("peak_memory_bytes") as u64),
        bytes(state),
        checkpoints.len(),
        bytes(sum("bytes_new") as u64),
    );
    out
}

/// The shares of the work that the operators had, the greatest first: "join 61 %, source 30 %".
/// Operators of one name are taken together.
fn where_time_goes(report: &Value) -> String {
    let mut busy: Vec<(&str, f64)> = Vec::new();
    for operator in report["operators"].as_array().into_iter().flatten() {
        let name = operator["operator"].as_str().unwrap_or("?");
        let millis = operator["busy_ms"].as_f64().unwrap_or_default();
        match busy.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += millis,
            None => busy.push((name, millis)),
        }
    }
    busy.sort_by(|a, b| b.1.total_cmp(&a.1));
    let all: f64 = busy.iter().map(|(_, millis)| millis).sum();
    let shares: Vec<String> = busy
        .iter()
        .map(|(name, millis)| (name, millis / all.max(1e-9) * 100.0))
        .filter(|(_, share)| *share >= 1.0)
        .map(|(name, share)| format!("{name} {share:.0} %"))
        .collect();
    shares.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_figures_of_a_run() {
        let report = serde_json::json!({
            "events": 2_000_000, "seconds": 2.0, "cpu_seconds": 4.0, "peak_memory_bytes": 50_000_000,
            "checkpoints": [
                {"async_ms": 10.0, "bytes_total": 1000, "bytes_new": 1000},
                {"async_ms": 20.0, "bytes_total": 1500, "bytes_new": 700},
            ],
        });
        let shown = format!("{HEADER}\n{}", line("q4", &report));
        assert_eq!(
            shown,
            "query    events/s  per core    seconds  CPU s  cores   memory     state  checkpoints  each ms  written\n\
             q4          1.00M    500.0k       2.00    4.0   2.00  50.0 MB    1.5 kB            2     15.0   1.7 kB\n"
        );
    }

    #[test]
    fn the_greatest_share_comes_first() {
        let operator =
            |name: &str, millis: f64| serde_json::json!({"operator": name, "busy_ms": millis});
        let report = serde_json::json!({"operators": [
            operator("source", 20.0), operator("join", 50.0), operator("source", 29.5), operator("sink", 0.5),
        ]});
        assert_eq!(where_time_goes(&report), "join 50 %, source 50 %");
    }

    #[test]
    fn queries_are_asked_for_by_name() {
        assert_eq!(wanted(&[]).ok().map(|all| all.len()), Some(24));
        let some = wanted(&["q5".into(), "q0".into()]).ok().unwrap();
        assert_eq!((some[0].0, some[1].0), ("q5", "q0"));
        assert!(wanted(&["q24".into()]).is_err());
    }
}
