//! The figures of a job as Prometheus reads them.

use std::fmt::Write as _;

use crate::api::{CheckpointState, JobState, JobStatus, Metrics, NodeMetrics};

/// The text format's media type.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A job's figures; only its state if it does not run yet.
pub(crate) fn text(status: &JobStatus, metrics: Option<&Metrics>) -> String {
    let mut out = Exposition {
        text: String::new(),
        pipeline: escaped(&status.pipeline),
    };
    out.family("millstream_job_state", "gauge", "1 for the job's state.");
    for state in [
        JobState::Starting,
        JobState::Running,
        JobState::Stopping,
        JobState::Stopped,
        JobState::Finished,
        JobState::Failed,
    ] {
        let is = f64::from(u8::from(state == status.state));
        out.sample("millstream_job_state", &[("state", state.name())], is);
    }
    out.single(
        "millstream_job_uptime_seconds",
        "How long this run has lasted.",
        status.elapsed_ms as f64 / 1000.0,
    );
    out.single(
        "millstream_job_parallelism",
        "Instances of each operator.",
        status.parallelism as f64,
    );
    if let Some(metrics) = metrics {
        nodes(&mut out, metrics);
        edges(&mut out, metrics);
        job(&mut out, metrics);
    }
    out.text
}

/// A figure of a node: name, type, help, and how to read it; `None` leaves the node out.
type Figure = (
    &'static str,
    &'static str,
    &'static str,
    fn(&NodeMetrics) -> Option<f64>,
);

const NODE_FIGURES: &[Figure] = &[
    (
        "millstream_node_rows_in_total",
        "counter",
        "Rows that came in.",
        |n| Some(n.rows_in as f64),
    ),
    (
        "millstream_node_rows_out_total",
        "counter",
        "Rows that came out.",
        |n| Some(n.rows_out as f64),
    ),
    (
        "millstream_node_late_rows_total",
        "counter",
        "Rows dropped because they came too late.",
        |n| Some(n.late as f64),
    ),
    (
        "millstream_node_bad_rows_total",
        "counter",
        "Rows that could not be read.",
        |n| Some(n.bad as f64),
    ),
    (
        "millstream_node_watermark_timestamp_seconds",
        "gauge",
        "How far event time has come.",
        |n| n.watermark_ms.map(seconds),
    ),
    (
        "millstream_node_watermark_lag_seconds",
        "gauge",
        "How far event time is behind the clock.",
        |n| n.watermark_lag_ms.map(seconds),
    ),
    (
        "millstream_node_busy_ratio",
        "gauge",
        "Share of the last second at work.",
        |n| Some(n.busy),
    ),
    (
        "millstream_node_back_pressured_ratio",
        "gauge",
        "Share of the last second waiting for a slower node.",
        |n| Some(n.back_pressured),
    ),
    (
        "millstream_node_idle_ratio",
        "gauge",
        "Share of the last second without work.",
        |n| Some(n.idle),
    ),
    (
        "millstream_node_model_ratio",
        "gauge",
        "Share of the work that is inside a model.",
        |n| n.model,
    ),
    (
        "millstream_node_state_bytes",
        "gauge",
        "State in memory.",
        |n| Some(n.state_bytes as f64),
    ),
    (
        "millstream_node_checkpoint_bytes",
        "gauge",
        "State in the last checkpoint.",
        |n| Some(n.checkpoint_bytes as f64),
    ),
];

fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

fn nodes(out: &mut Exposition, metrics: &Metrics) {
    for (name, kind, help, read) in NODE_FIGURES {
        let found: Vec<(&str, f64)> = metrics
            .nodes
            .iter()
            .filter_map(|node| Some((node.id.as_str(), read(node)?)))
            .collect();
        if found.is_empty() {
            continue;
        }
        out.family(name, kind, help);
        for (id, value) in found {
            out.sample(name, &[("node", id)], value);
        }
    }
}

fn edges(out: &mut Exposition, metrics: &Metrics) {
    let rows = "millstream_edge_rows_total";
    out.family(rows, "counter", "Rows that went from one node to another.");
    for edge in &metrics.edges {
        let labels = [
            ("from", edge.from.as_str()),
            ("to", edge.to.as_str()),
            ("port", edge.port.as_deref().unwrap_or("")),
        ];
        out.sample(rows, &labels, edge.rows as f64);
    }
    let waits = "millstream_edge_back_pressured_ratio";
    out.family(
        waits,
        "gauge",
        "Share of the last second that the sender waits for the receiver.",
    );
    for edge in &metrics.edges {
        let labels = [
            ("from", edge.from.as_str()),
            ("to", edge.to.as_str()),
            ("port", edge.port.as_deref().unwrap_or("")),
        ];
        out.sample(waits, &labels, edge.back_pressured);
    }
}

fn job(out: &mut Exposition, metrics: &Metrics) {
    if let Some(latency) = &metrics.latency.recent {
        let name = "millstream_sink_latency_seconds";
        out.family(
            name,
            "gauge",
            "Age of rows when a sink took them, lately, by quantile.",
        );
        let quantiles = [
            ("0.5", latency.p50_us),
            ("0.95", latency.p95_us),
            ("0.99", latency.p99_us),
        ];
        for (quantile, micros) in quantiles {
            out.sample(name, &[("quantile", quantile)], micros as f64 / 1e6);
        }
    }
    let done = metrics
        .checkpoints
        .iter()
        .rev()
        .find(|checkpoint| checkpoint.state == CheckpointState::Completed);
    if let Some(last) = done {
        for (name, help, value) in [
            (
                "millstream_checkpoint_last_id",
                "Number of the last checkpoint.",
                last.id as f64,
            ),
            (
                "millstream_checkpoint_last_timestamp_seconds",
                "When the last checkpoint began.",
                seconds(last.triggered_at_ms),
            ),
            (
                "millstream_checkpoint_last_duration_seconds",
                "How long the last checkpoint took.",
                last.duration_ms / 1000.0,
            ),
            (
                "millstream_checkpoint_last_bytes",
                "Bytes of all files of the last checkpoint.",
                last.bytes as f64,
            ),
            (
                "millstream_checkpoint_last_new_bytes",
                "Bytes of the last checkpoint that no other had before.",
                last.new_bytes as f64,
            ),
        ] {
            out.single(name, help, value);
        }
    }
    let memory = &metrics.memory;
    if let Some(process) = memory.process {
        out.single(
            "millstream_memory_bytes",
            "Memory of the process.",
            process as f64,
        );
    }
    out.single(
        "millstream_state_memory_bytes",
        "Memory that state takes.",
        memory.state as f64,
    );
    out.single(
        "millstream_state_memory_limit_bytes",
        "Memory that state may take.",
        memory.state_limit as f64,
    );
}

struct Exposition {
    text: String,
    pipeline: String,
}

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string never fails.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let _ = write!(self.text, "{name}{{pipeline=\"{}\"", self.pipeline);
        for (label, text) in labels {
            let _ = write!(self.text, ",{label}=\"{}\"", escaped(text));
        }
        let _ = writeln!(self.text, "}} {value}");
    }

    fn single(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }
}

/// A label's value: backslash, quote and line feed are escaped.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_starts_has_a_state_only() {
        let status = JobStatus {
            id: "1".into(),
            pipeline: "a \"b\"\\".into(),
            file: None,
            state: JobState::Starting,
            pid: 1,
            parallelism: 2,
            started_at_ms: 0,
            ended_at_ms: None,
            elapsed_ms: 1500,
            error: None,
            restored_from: None,
            state_dir: None,
            savepoint: None,
        };
        let text = text(&status, None);
        assert!(
            text.starts_with(
                "# HELP millstream_job_state 1 for the job's state.\n# TYPE millstream_job_state gauge\n\
                 millstream_job_state{pipeline=\"a \\\"b\\\"\\\\\",state=\"starting\"} 1\n"
            ),
            "{text}"
        );
        assert!(
            text.contains("millstream_job_uptime_seconds{pipeline=\"a \\\"b\\\"\\\\\"} 1.5\n"),
            "{text}"
        );
    }
}
