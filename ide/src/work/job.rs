//! The running job as the editor sees it: a child process or one that runs already, watched
//! through its HTTP API.
//!
//! [`JobView`] is what panels and canvas show; [`watch`](super::watch) brings the news that change
//! it.

use std::collections::BTreeMap;
use std::time::Instant;

use millstream_compiler::document::NodeId;
use millstream_serve::api::{self, Checkpoint, CheckpointState, JobStatus, Latency, Metrics};
use millstream_serve::files::JobAddress;

/// How many rates a node remembers for its sparkline.
const RATES: usize = 60;
/// How many samples the charts have at most: an hour.
const SAMPLES: usize = 3600;
/// How many lines of the log are kept, and how many go at once when there are more.
const LOG_LINES: usize = 20_000;
const LOG_CUT: usize = 5_000;
/// How many checkpoints are kept for the charts.
const CHECKPOINTS: usize = 500;

/// What a job is doing.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum JobState {
    /// There is none.
    #[default]
    None,
    /// It was started and has not answered yet.
    Starting,
    /// It runs.
    Running,
    /// It takes a savepoint or ends.
    Stopping,
    /// It came to its end, or was stopped.
    Finished,
    /// It died.
    Failed {
        /// The node that failed, if it is known.
        node: Option<NodeId>,
        /// Its last words.
        message: String,
    },
}

/// Figures of a node of a running job.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeFigures {
    /// Rows that came out a second.
    pub rate: f64,
    /// The last rates, oldest first, for a sparkline.
    pub rates: Vec<f32>,
    /// How far the watermark is behind the clock of the events or the wall, in milliseconds.
    pub lag_ms: Option<i64>,
    /// Bytes of state.
    pub state_bytes: u64,
    /// Rows dropped as late, of all that came in.
    pub late_share: f64,
    /// The share of time it works.
    pub busy: f64,
    /// The share of time it waits for what it feeds.
    pub back_pressured: f64,
    /// Rows that came in so far.
    pub rows_in: u64,
    /// Rows that came out so far.
    pub rows_out: u64,
    /// Rows that could not be read.
    pub bad: u64,
}

/// Figures of a wire of a running job.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct EdgeFigures {
    /// Rows so far.
    pub rows: u64,
    /// Rows a second.
    pub rate: f64,
    /// How far the watermark is behind, in milliseconds.
    pub lag_ms: Option<i64>,
    /// The share of time its start waits for its end.
    pub back_pressured: f64,
}

/// Which end of the graph a node stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Nothing flows into it.
    Source,
    /// Nothing flows out of it.
    Sink,
}

/// Figures of one moment, for the charts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    /// Seconds since the job began.
    pub at: f64,
    /// Rows a second that sources give and sinks take.
    pub throughput: Vec<(End, NodeId, f64)>,
    /// How old rows were when a sink took them, lately.
    pub latency: Option<Latency>,
    /// Bytes of state in memory.
    pub state: u64,
    /// Bytes of the process.
    pub memory: Option<u64>,
}

/// What a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Told in passing.
    Info,
    /// Something may be wrong.
    Warning,
    /// Something is wrong.
    Error,
    /// What to do about the line before.
    Help,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// What it is.
    pub level: LogLevel,
    /// The line.
    pub text: String,
}

impl LogLine {
    /// A line as the job wrote it.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let begins = text.trim_start().to_ascii_lowercase();
        // The second word of a line of tracing is its level.
        let word = begins.split_whitespace().nth(1).unwrap_or_default();
        let level = if begins.starts_with("error") || word == "error" || begins.contains("panicked")
        {
            LogLevel::Error
        } else if begins.starts_with("warning") || word == "warn" {
            LogLevel::Warning
        } else if begins.starts_with("help:") {
            LogLevel::Help
        } else {
            LogLevel::Info
        };
        Self { level, text }
    }
}

/// What became known about a job.
#[derive(Debug)]
pub enum JobNews {
    /// It was found.
    Found {
        /// Here.
        address: JobAddress,
        /// Whether what it writes is read.
        has_log: bool,
    },
    /// How it is.
    Status(Box<JobStatus>),
    /// What it does.
    Metrics(Box<Metrics>),
    /// Lines it wrote.
    Log(Vec<String>),
    /// It is over.
    Over(JobState),
}

/// The job as the panels and the canvas show it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobView {
    /// What it is doing.
    pub state: JobState,
    /// Figures by node.
    pub nodes: BTreeMap<NodeId, NodeFigures>,
    /// Figures by the nodes at both ends.
    pub edges: BTreeMap<(NodeId, NodeId), EdgeFigures>,
    /// Where it is reached while it runs, for taps.
    pub address: Option<JobAddress>,
    /// How long it has run, in milliseconds, as of `told`.
    pub elapsed_ms: u64,
    /// When the job was heard of last.
    pub told: Option<Instant>,
    /// How far the watermark of the slowest sink is behind the clock, in milliseconds.
    pub lag_ms: Option<i64>,
    /// The checkpoints, oldest first.
    pub checkpoints: Vec<Checkpoint>,
    /// The checkpoint or savepoint it went on from.
    pub restored_from: Option<u64>,
    /// When the job began: milliseconds since 1970.
    pub started_at_ms: i64,
    /// What the charts show, oldest first.
    pub samples: Vec<Sample>,
    /// What it wrote.
    pub log: Vec<LogLine>,
    /// It was started by somebody else, and writes where that is not seen.
    pub log_is_elsewhere: bool,
    /// Counts the lines of the log that were dropped, so that a place in it can be kept.
    pub log_dropped: usize,
}

impl JobView {
    /// Whether a job runs or is about to.
    pub fn is_running(&self) -> bool {
        matches!(
            self.state,
            JobState::Starting | JobState::Running | JobState::Stopping
        )
    }

    /// A job that is about to begin.
    pub fn starting() -> Self {
        Self {
            state: JobState::Starting,
            ..Self::default()
        }
    }

    /// The node that failed and its last words.
    pub fn failure_of(&self, id: &NodeId) -> Option<&str> {
        match &self.state {
            JobState::Failed {
                node: Some(node),
                message,
            } if node == id => Some(message),
            _ => None,
        }
    }

    /// How long the job has run, in milliseconds: goes on between two answers while it runs.
    pub fn running_ms(&self) -> u64 {
        let since = match (&self.state, self.told) {
            (JobState::Running | JobState::Stopping, Some(told)) => told.elapsed().as_millis(),
            _ => 0,
        };
        self.elapsed_ms + u64::try_from(since).unwrap_or(0)
    }

    /// The last checkpoint that was completed.
    pub fn last_checkpoint(&self) -> Option<&Checkpoint> {
        let completed = |checkpoint: &&Checkpoint| checkpoint.state == CheckpointState::Completed;
        self.checkpoints.iter().rev().find(completed)
    }

    /// Takes in what became known.
    pub fn hear(&mut self, news: JobNews) {
        match news {
            JobNews::Found { address, has_log } => {
                self.log_is_elsewhere = !has_log;
                self.started_at_ms = address.started_at_ms;
                self.address = Some(address);
            }
            JobNews::Status(status) => self.hear_status(&status),
            JobNews::Metrics(metrics) => self.hear_metrics(*metrics),
            JobNews::Log(lines) => {
                self.log.extend(lines.into_iter().map(LogLine::new));
                if self.log.len() > LOG_LINES {
                    let cut = self.log.len() - LOG_LINES + LOG_CUT;
                    self.log.drain(..cut);
                    self.log_dropped += cut;
                }
            }
            JobNews::Over(state) => {
                self.state = state;
                self.address = None;
                for figures in self.nodes.values_mut() {
                    figures.rate = 0.0;
                    figures.busy = 0.0;
                    figures.back_pressured = 0.0;
                }
                for figures in self.edges.values_mut() {
                    figures.rate = 0.0;
                    figures.back_pressured = 0.0;
                }
            }
        }
    }

    fn hear_status(&mut self, status: &JobStatus) {
        self.elapsed_ms = status.elapsed_ms;
        self.started_at_ms = status.started_at_ms;
        self.restored_from = status.restored_from;
        self.told = Some(Instant::now());
        self.state = match status.state {
            // A stop that was asked for is not forgotten by an answer from before.
            api::JobState::Starting | api::JobState::Running
                if self.state == JobState::Stopping =>
            {
                JobState::Stopping
            }
            api::JobState::Starting => JobState::Starting,
            api::JobState::Running => JobState::Running,
            // Its process is still there: what it wrote last is not read yet.
            api::JobState::Stopping
            | api::JobState::Stopped
            | api::JobState::Finished
            | api::JobState::Failed => JobState::Stopping,
        };
    }

    fn hear_metrics(&mut self, metrics: Metrics) {
        self.elapsed_ms = metrics.elapsed_ms;
        let mut nodes = std::mem::take(&mut self.nodes);
        self.nodes = metrics
            .nodes
            .iter()
            .filter_map(|node| {
                let id = NodeId::new(node.id.clone()).ok()?;
                let rate = match node.rate_out {
                    // Nothing comes out of a sink.
                    0.0 => node.rate_in,
                    rate => rate,
                };
                let mut rates = nodes.remove(&id).map_or_else(Vec::new, |old| old.rates);
                if rates.len() >= RATES {
                    rates.remove(0);
                }
                rates.push(rate as f32);
                let came = node.rows_in.max(1);
                let figures = NodeFigures {
                    rate,
                    rates,
                    lag_ms: node.watermark_lag_ms,
                    state_bytes: node.state_bytes,
                    late_share: node.late as f64 / came as f64,
                    busy: node.busy,
                    back_pressured: node.back_pressured,
                    rows_in: node.rows_in,
                    rows_out: node.rows_out,
                    bad: node.bad,
                };
                Some((id, figures))
            })
            .collect();
        self.edges = BTreeMap::new();
        for edge in &metrics.edges {
            let (Ok(from), Ok(to)) = (NodeId::new(edge.from.clone()), NodeId::new(edge.to.clone()))
            else {
                continue;
            };
            let lag_ms = edge.watermark_ms.map(|at| metrics.at_ms - at);
            let figures = self.edges.entry((from, to)).or_default();
            figures.rows += edge.rows;
            figures.rate += edge.rate;
            figures.lag_ms = figures.lag_ms.max(lag_ms);
            figures.back_pressured = figures.back_pressured.max(edge.back_pressured);
        }
        let throughput = self.ends();
        self.lag_ms = throughput
            .iter()
            .filter(|(end, _, _)| *end == End::Sink)
            .filter_map(|(_, id, _)| self.nodes.get(id)?.lag_ms)
            .max();
        let at = metrics.elapsed_ms as f64 / 1e3;
        let due = self.samples.last().is_none_or(|last| at - last.at >= 0.95);
        if due {
            if self.samples.len() >= SAMPLES {
                self.samples.remove(0);
            }
            self.samples.push(Sample {
                at,
                throughput,
                latency: metrics.latency.recent,
                state: metrics.memory.state,
                memory: metrics.memory.process,
            });
        }
        for checkpoint in metrics.checkpoints {
            match self
                .checkpoints
                .iter_mut()
                .find(|old| old.id == checkpoint.id)
            {
                Some(old) => *old = checkpoint,
                None => self.checkpoints.push(checkpoint),
            }
        }
        if self.checkpoints.len() > CHECKPOINTS {
            self.checkpoints
                .drain(..self.checkpoints.len() - CHECKPOINTS);
        }
    }

    /// Sources and sinks with their rates.
    fn ends(&self) -> Vec<(End, NodeId, f64)> {
        let feeds = |id: &NodeId| self.edges.keys().any(|(from, _)| from == id);
        let is_fed = |id: &NodeId| self.edges.keys().any(|(_, to)| to == id);
        let mut ends: Vec<(End, NodeId, f64)> = self
            .nodes
            .iter()
            .filter_map(|(id, figures)| match (is_fed(id), feeds(id)) {
                (false, true) => Some((End::Source, id.clone(), figures.rate)),
                (true, false) => Some((End::Sink, id.clone(), figures.rate)),
                _ => None,
            })
            .collect();
        ends.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_log_are_told_apart() {
        let level = |text: &str| LogLine::new(text).level;
        assert_eq!(
            level("error: the job failed: no such file"),
            LogLevel::Error
        );
        assert_eq!(level("  help: run it again"), LogLevel::Help);
        assert_eq!(
            level("2026-01-01T00:00:00Z  WARN x: late"),
            LogLevel::Warning
        );
        assert_eq!(level("1000 rows, 0 errors"), LogLevel::Info);
    }

    #[test]
    fn the_log_does_not_grow_without_end() {
        let mut view = JobView::default();
        for _ in 0..30 {
            view.hear(JobNews::Log(vec!["line".into(); 1000]));
        }
        assert!(view.log.len() <= LOG_LINES);
        assert_eq!(view.log.len() + view.log_dropped, 30_000);
    }
}
