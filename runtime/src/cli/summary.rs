//! What a run did, for people (on stderr) and as JSON for programs.

use std::io::Write as _;
use std::path::Path;

use millstream_compiler::plan::stream::{StreamOp, StreamPlan};
use millstream_runtime::job::{Ending, JobOptions, JobReport};
use serde_json::json;

use super::text::{bytes, clock, count, micros, short, thousands};
use super::{Failure, Outcome};

/// Latency quantiles that are shown.
const QUANTILES: [(f64, &str); 3] = [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")];

struct Figures {
    events: u64,
    bad: u64,
    late: u64,
    seconds: f64,
    cpu_seconds: Option<f64>,
    peak_memory: Option<u64>,
}

fn figures(plan: &StreamPlan, report: &JobReport) -> Figures {
    let mut figures = Figures {
        events: 0,
        bad: 0,
        late: 0,
        seconds: report.elapsed.as_secs_f64().max(1e-6),
        cpu_seconds: cpu_seconds(),
        peak_memory: peak_memory(),
    };
    for (i, node) in plan.nodes.iter().enumerate() {
        let totals = report.metrics.totals(i);
        if matches!(node.op, StreamOp::Source { .. } | StreamOp::Values { .. }) {
            figures.events += totals.rows_out;
        }
        figures.bad += totals.bad;
        figures.late += totals.late;
    }
    figures
}

/// CPU time of this process so far.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the command's name in parentheses; fields 14 and 15 of the whole line.
    let rest = stat.rsplit_once(')')?.1;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    // The kernel counts for user space in hundredths of a second.
    Some(ticks as f64 / 100.0)
}

/// The most memory this process had, in bytes.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// Prints the summary.
pub(crate) fn print(plan: &StreamPlan, options: &JobOptions, report: &JobReport) {
    // Nobody is left to tell if stderr is closed.
    let _ = std::io::stderr()
        .lock()
        .write_all(text(plan, options, report).as_bytes());
}

fn text(plan: &StreamPlan, options: &JobOptions, report: &JobReport) -> String {
    use std::fmt::Write as _;
    let figures = figures(plan, report);
    let mut out = String::new();
    let ending = match report.ending {
        Ending::Finished => "finished",
        Ending::TimeUp => "stopped when its time was over",
        Ending::Interrupted => "stopped on request",
    };
    let _ = writeln!(
        out,
        "\n{} {ending} after {}",
        options.name,
        clock(report.elapsed)
    );
    let _ = writeln!(
        out,
        "  events       {} at {}/s",
        thousands(figures.events),
        short(figures.events as f64 / figures.seconds)
    );
    if let Some(cpu) = figures.cpu_seconds.filter(|cpu| *cpu > 0.0) {
        let _ = writeln!(
            out,
            "  per core     {}/s ({cpu:.1} s of CPU time{})",
            short(figures.events as f64 / cpu),
            figures
                .peak_memory
                .map(|m| format!(", {} at the most", bytes(m)))
                .unwrap_or_default()
        );
    }
    for (i, node) in plan.nodes.iter().enumerate() {
        if let StreamOp::Sink { table, .. } = node.op {
            let _ = writeln!(
                out,
                "  {:<12} {}",
                plan.tables[table].name,
                count(report.metrics.totals(i).rows_in as usize, "row")
            );
        }
    }
    let quantiles: Vec<f64> = QUANTILES.iter().map(|(q, _)| *q).collect();
    if let Some(values) = report.metrics.latency_micros(&quantiles) {
        let shown: Vec<String> = QUANTILES
            .iter()
            .zip(values)
            .map(|((_, name), v)| format!("{name} {}", micros(v)))
            .collect();
        let _ = writeln!(out, "  latency      {} (source to sink)", shown.join("  "));
    }
    let from = report
        .restored
        .map(|epoch| format!(", went on from {epoch}"))
        .unwrap_or_default();
    if let Some(last) = report.checkpoints.last() {
        let mean = report.checkpoints.iter().map(|c| c.async_ms).sum::<f64>()
            / report.checkpoints.len() as f64;
        let _ = writeln!(
            out,
            "  checkpoints  {} ({mean:.0} ms each, last {} of state{from})",
            report.checkpoints.len(),
            bytes(last.bytes_total)
        );
    }
    if figures.late > 0 {
        let _ = writeln!(
            out,
            "  late         {} dropped",
            count(figures.late as usize, "row")
        );
    }
    if figures.bad > 0 {
        let _ = writeln!(
            out,
            "  unreadable   {} skipped",
            count(figures.bad as usize, "row")
        );
    }
    out.push_str(&time_by_operator(plan, report));
    for (uid, paths) in &report.committed {
        if let Some(folder) = paths.first().and_then(|p| p.parent()) {
            let name = uid.split('/').next().unwrap_or(uid);
            let _ = writeln!(
                out,
                "  {name} is in {} ({})",
                shortest(folder).display(),
                count(paths.len(), "file")
            );
        }
    }
    out
}

/// Where the time went: the operators by work, busiest first.
fn time_by_operator(plan: &StreamPlan, report: &JobReport) -> String {
    use std::fmt::Write as _;
    let mut rows: Vec<(f64, String)> = plan
        .nodes
        .iter()
        .enumerate()
        .map(|(i, node)| {
            let totals = report.metrics.totals(i);
            let share = totals.busy.as_secs_f64();
            let handled = totals.rows_in.max(1);
            let mut line = format!(
                "{:<34} {:>12} in {:>12} out {:>7.0} ns a row",
                node.uid,
                thousands(totals.rows_in),
                thousands(totals.rows_out),
                totals.busy.as_nanos() as f64 / handled as f64
            );
            if !totals.in_model.is_zero() {
                let model = totals.in_model.as_nanos() as f64 / handled as f64;
                let _ = write!(line, ", {model:.0} of them in the model");
            }
            (share, line)
        })
        .collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let all: f64 = rows.iter().map(|(share, _)| share).sum();
    let mut out = String::from("  where the time went\n");
    for (share, line) in rows.iter().take(8) {
        let _ = writeln!(out, "  {:>4.0} %  {line}", share / all.max(1e-9) * 100.0);
    }
    out
}

/// A path relative to the current folder where that is shorter.
fn shortest(path: &Path) -> &Path {
    std::env::current_dir()
        .ok()
        .and_then(|current| path.strip_prefix(current).ok())
        .unwrap_or(path)
}

/// Writes the figures as JSON.
pub(crate) fn write_json(
    path: &Path,
    plan: &StreamPlan,
    options: &JobOptions,
    report: &JobReport,
) -> Outcome {
    let figures = figures(plan, report);
    let quantiles = report
        .metrics
        .latency_micros(&[0.5, 0.95, 0.99])
        .unwrap_or_default();
    let operators: Vec<_> = plan
        .nodes
        .iter()
        .enumerate()
        .map(|(i, node)| {
            let totals = report.metrics.totals(i);
            json!({
                "uid": node.uid,
                "operator": node.op.name(),
                "rows_in": totals.rows_in,
                "rows_out": totals.rows_out,
                "busy_ms": totals.busy.as_secs_f64() * 1000.0,
                "model_ms": totals.in_model.as_secs_f64() * 1000.0,
                "late": totals.late,
                "bad": totals.bad,
            })
        })
        .collect();
    let checkpoints: Vec<_> = report
        .checkpoints
        .iter()
        .map(|c| {
            json!({
                "epoch": c.epoch,
                "sync_ms": c.sync_ms,
                "async_ms": c.async_ms,
                "bytes_total": c.bytes_total,
                "bytes_new": c.bytes_new,
            })
        })
        .collect();
    let value = json!({
        "name": options.name,
        "parallelism": options.parallelism,
        "ending": format!("{:?}", report.ending).to_lowercase(),
        "events": figures.events,
        "seconds": figures.seconds,
        "events_per_second": figures.events as f64 / figures.seconds,
        "cpu_seconds": figures.cpu_seconds,
        "peak_memory_bytes": figures.peak_memory,
        "late_rows": figures.late,
        "bad_rows": figures.bad,
        "latency_micros": { "p50": quantiles.first(), "p95": quantiles.get(1), "p99": quantiles.get(2) },
        "restored": report.restored,
        "checkpoints": checkpoints,
        "operators": operators,
        "committed": report.committed,
    });
    let text = format!("{value:#}\n");
    millstream_compiler::document::files::write(path, &text)
        .map_err(|e| Failure::Job(format!("error: {e}")))
}
