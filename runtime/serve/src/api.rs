//! Requests and answers, as JSON.
//!
//! Times of day are milliseconds since 1970 in UTC and end in `_at_ms`; spans end in `_ms`. Shares
//! are between 0 and 1. Whoever reads these must take fields it does not know for granted: newer
//! versions add some.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a job is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// State is restored, tasks are made.
    Starting,
    /// Rows flow.
    Running,
    /// It was asked to stop and takes its last checkpoint.
    Stopping,
    /// It stopped because it was asked to, or its time was over.
    Stopped,
    /// Its sources ended.
    Finished,
    /// It died; see [`JobStatus::error`].
    Failed,
}

impl JobState {
    /// Whether nothing changes any more.
    pub fn is_over(self) -> bool {
        matches!(
            self,
            JobState::Stopped | JobState::Finished | JobState::Failed
        )
    }

    /// The word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            JobState::Starting => "starting",
            JobState::Running => "running",
            JobState::Stopping => "stopping",
            JobState::Stopped => "stopped",
            JobState::Finished => "finished",
            JobState::Failed => "failed",
        }
    }
}

/// Why a job died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFailure {
    /// The node of the pipeline (or the relation of the script) it happened in, if it was one.
    pub node: Option<String>,
    /// The operator of that node.
    pub operator: Option<String>,
    /// What happened, where, why, and what to do.
    pub message: String,
}

/// `GET /v1/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobStatus {
    /// Equal for all runs with the same state directory.
    pub id: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// The pipeline's or script's file.
    pub file: Option<PathBuf>,
    /// Where it is in its life.
    pub state: JobState,
    /// Its process.
    pub pid: u32,
    /// Instances of each operator.
    pub parallelism: usize,
    /// When this run began.
    pub started_at_ms: i64,
    /// When it ended.
    pub ended_at_ms: Option<i64>,
    /// How long it ran, so far.
    pub elapsed_ms: u64,
    /// Why it died.
    pub error: Option<JobFailure>,
    /// The checkpoint it went on from.
    pub restored_from: Option<u64>,
    /// Where its checkpoints are; `None` if they go with it.
    pub state_dir: Option<PathBuf>,
    /// The savepoint it stopped with.
    pub savepoint: Option<PathBuf>,
}

/// `GET /v1/metrics`. Rates and shares are over the last [`window_ms`](Metrics::window_ms); all
/// other counts are since the start of this run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// When.
    pub at_ms: i64,
    /// How long the job has run.
    pub elapsed_ms: u64,
    /// The span that rates are over: about a second.
    pub window_ms: u64,
    /// By node, in the order of the plan.
    pub nodes: Vec<NodeMetrics>,
    /// By wire.
    pub edges: Vec<EdgeMetrics>,
    /// How old rows are when a sink takes them.
    pub latency: Latencies,
    /// The last checkpoints, oldest first.
    pub checkpoints: Vec<Checkpoint>,
    /// Memory in use.
    pub memory: Memory,
}

impl Metrics {
    /// The figures of a node.
    pub fn node(&self, id: &str) -> Option<&NodeMetrics> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// The figures of the first wire between two nodes.
    pub fn edge(&self, from: &str, to: &str) -> Option<&EdgeMetrics> {
        self.edges
            .iter()
            .find(|edge| edge.from == from && edge.to == to)
    }
}

/// What a node of the pipeline (a relation of a script) does: all its operators and all their
/// instances together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeMetrics {
    /// The node's id.
    pub id: String,
    /// Its title in the pipeline.
    pub title: Option<String>,
    /// Its operators, by name.
    pub operators: Vec<String>,
    /// Nodes that an operator is shared with: its figures are those of all of them.
    pub shared_with: Vec<String>,
    /// Instances of each operator.
    pub instances: usize,
    /// Rows that came in from other nodes; of a source those that were read.
    pub rows_in: u64,
    /// Rows that came out; of a sink those that were written.
    pub rows_out: u64,
    /// Rows a second that come in.
    pub rate_in: f64,
    /// Rows a second that come out.
    pub rate_out: f64,
    /// How far event time has come behind the node: the lowest of its instances. `None` before the
    /// first watermark and after the last.
    pub watermark_ms: Option<i64>,
    /// How far that is behind the clock.
    pub watermark_lag_ms: Option<i64>,
    /// Its input has ended: event time is at its end.
    pub ended: bool,
    /// Rows dropped because they came too late.
    pub late: u64,
    /// Rows that could not be read and were skipped.
    pub bad: u64,
    /// Share of the time that its operators work, of the busiest of its tasks.
    pub busy: f64,
    /// Share of the time that its task waits for slower ones: for room in a channel or, of a source
    /// that has rows, for a core that they leave. Of the task that waits most.
    pub back_pressured: f64,
    /// Share of the time that its task has nothing to do, of the one that has least. What is left of
    /// the whole is the work of other nodes in the same task.
    pub idle: f64,
    /// Bytes of its state in memory.
    pub state_bytes: u64,
    /// Bytes of its state in the last checkpoint.
    pub checkpoint_bytes: u64,
    /// Share of its work that is inside a model; `None` if it has none.
    pub model: Option<f64>,
}

/// What flows from one node to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EdgeMetrics {
    /// The edge of the pipeline, if it is one.
    pub id: Option<String>,
    /// The node that rows come from.
    pub from: String,
    /// The node that they go to.
    pub to: String,
    /// The port they go in at, where it has a name.
    pub port: Option<String>,
    /// Rows.
    pub rows: u64,
    /// Rows a second.
    pub rate: f64,
    /// How far event time has come on it.
    pub watermark_ms: Option<i64>,
    /// Share of the time that its sender waits because the receiver is slower (as
    /// [`NodeMetrics::back_pressured`] has it); of the sender's instance that waits most. Zero where
    /// both run in one task.
    pub back_pressured: f64,
}

/// How old rows are when a sink takes them, since the start and lately.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latencies {
    /// Since the start; `None` if no row reached a sink.
    pub total: Option<Latency>,
    /// Over the last second or two; `None` if no row reached a sink.
    pub recent: Option<Latency>,
}

/// Quantiles in microseconds, from the moment that a source read a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// How many rows.
    pub rows: u64,
    /// Half of the rows are no older.
    pub p50_us: u64,
    /// See `p50_us`.
    pub p95_us: u64,
    /// See `p50_us`.
    pub p99_us: u64,
    /// The oldest.
    pub max_us: u64,
}

/// Where a checkpoint is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckpointState {
    /// Begun.
    InProgress,
    /// Durable, and what it promises is visible.
    Completed,
    /// Given up.
    Failed,
}

/// Why a checkpoint was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// It was time.
    Interval,
    /// Somebody asked for it.
    Request,
    /// Somebody asked for a savepoint.
    Savepoint,
    /// The job ends with it.
    Last,
}

/// A checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Its number.
    pub id: u64,
    /// Where it is in its life.
    pub state: CheckpointState,
    /// Why it was taken.
    pub trigger: Trigger,
    /// When it began.
    pub triggered_at_ms: i64,
    /// From its beginning to its end, or so far.
    pub duration_ms: f64,
    /// What took how long.
    pub phases: Phases,
    /// Bytes of all its files.
    pub bytes: u64,
    /// Bytes of these that no checkpoint had before.
    pub new_bytes: u64,
    /// The savepoint made of it.
    pub savepoint: Option<PathBuf>,
}

/// The phases of a checkpoint, in order; `None` for one that was not reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// Until all operators had seen the barrier.
    pub align_ms: Option<f64>,
    /// Within that, the longest that an operator was held up.
    pub hold_ms: Option<f64>,
    /// Writing the state and the manifest.
    pub write_ms: Option<f64>,
    /// Making visible what sinks wrote.
    pub commit_ms: Option<f64>,
}

/// Memory in use, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Of the whole process, as the system counts it.
    pub process: Option<u64>,
    /// What state may take.
    pub state_limit: u64,
    /// What state takes.
    pub state: u64,
    /// Changes on their way to disk.
    pub in_flight: u64,
    /// Changes not on their way yet (an estimate).
    pub dirty: u64,
}

/// The form of a tap's rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TapFormat {
    /// A [`TapLine`] a line.
    #[default]
    Json,
    /// An Arrow IPC stream: a column `_kind` (`+I`, `-U`, `+U`, `-D`), a column `_dropped` (how many
    /// rows are missing before this one), then the node's columns.
    Arrow,
}

/// `GET /v1/tap`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapRequest {
    /// Whose rows.
    pub node: String,
    /// How many rows at most each [`every_ms`](TapRequest::every_ms).
    pub rows: u64,
    /// The span that `rows` counts in.
    pub every_ms: u64,
    /// How many rows at most altogether.
    pub limit: Option<u64>,
    /// Their form.
    pub format: TapFormat,
}

impl TapRequest {
    /// 100 rows a second of a node, as JSON, until the job ends.
    pub fn new(node: impl Into<String>) -> Self {
        Self {
            node: node.into(),
            rows: 100,
            every_ms: 1000,
            limit: None,
            format: TapFormat::Json,
        }
    }
}

/// A column of a tapped or previewed stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type as Flink writes it.
    #[serde(rename = "type")]
    pub ty: String,
    /// Whether it is the stream's event time.
    pub rowtime: bool,
}

/// The first line of a tap or preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapHeader {
    /// The node.
    pub node: String,
    /// The operator whose rows these are; `None` in a preview.
    pub operator: Option<String>,
    /// The columns of the rows.
    pub columns: Vec<Column>,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TapRow {
    /// `+I`, `-U`, `+U` or `-D`.
    pub kind: String,
    /// Its event time, if the stream has one.
    pub time: Option<i64>,
    /// A value a column: booleans and NULL as JSON has them, numbers that a 64-bit float holds
    /// exactly as numbers, everything else as the text that the print connector writes.
    pub row: Vec<Value>,
}

/// Rows that went by untold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapGap {
    /// How many since the last such line.
    pub dropped: u64,
    /// How many rows the node gave since the tap was opened.
    pub seen: u64,
}

/// The last line of a tap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapEnd {
    /// `limit` if as many rows were sent as asked for, else the state that the job ended in.
    pub end: String,
}

/// The rows of a source that a preview read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRows {
    /// The source.
    pub node: String,
    /// How many rows were read.
    pub rows: u64,
    /// Whether it has more.
    pub cut: bool,
}

/// The last line of a preview.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreviewSummary {
    /// What was read.
    pub sources: Vec<SourceRows>,
    /// How many rows were printed.
    pub rows: u64,
    /// Whether the node gives more: as many were printed as asked for.
    pub more: bool,
    /// The time was over before all rows were read: those that were read are all that count.
    pub timed_out: bool,
    /// How long it took, with starting and planning.
    pub elapsed_ms: f64,
    /// How many rows went into models.
    #[serde(default)]
    pub scored: u64,
    /// How long they were in there, all together.
    #[serde(default)]
    pub in_model_ms: f64,
}

/// A line of a tap or preview.
#[derive(Debug, Clone, PartialEq)]
pub enum TapLine {
    /// What comes: the first line.
    Header(TapHeader),
    /// A row.
    Row(TapRow),
    /// Rows that went by untold.
    Gap(TapGap),
    /// The last line of a tap.
    End(TapEnd),
    /// The last line of a preview.
    Summary(PreviewSummary),
}

impl TapLine {
    /// Reads a line.
    ///
    /// # Errors
    /// It is no line of a tap.
    pub fn parse(line: &str) -> Result<Self, serde_json::Error> {
        let value: Value = serde_json::from_str(line)?;
        let has = |key: &str| value.get(key).is_some();
        Ok(if has("row") {
            TapLine::Row(serde_json::from_value(value)?)
        } else if has("columns") {
            TapLine::Header(serde_json::from_value(value)?)
        } else if has("dropped") {
            TapLine::Gap(serde_json::from_value(value)?)
        } else if has("sources") {
            TapLine::Summary(serde_json::from_value(value)?)
        } else {
            TapLine::End(serde_json::from_value(value)?)
        })
    }
}

/// The body of `POST /v1/stop`; none is the default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StopRequest {
    /// Make a savepoint of the last checkpoint, and answer when it is there.
    pub savepoint: bool,
    /// The folder that savepoints are collected in; else `savepoints` in the state directory.
    pub folder: Option<PathBuf>,
}

/// The answer to `POST /v1/stop`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopping {
    /// `stopping`.
    pub state: JobState,
    /// The savepoint.
    pub savepoint: Option<PathBuf>,
}

/// What is wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// 400: a parameter or the body cannot be understood.
    BadRequest,
    /// 401: no token, or not this job's.
    Unauthorized,
    /// 404: there is no such path, or no such node.
    NotFound,
    /// 405: the path takes another method.
    MethodNotAllowed,
    /// 409: the job cannot do that as it is.
    Conflict,
    /// 500: the job tried and failed.
    Failed,
    /// 503: the job ended meanwhile.
    JobOver,
}

impl ErrorCode {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            ErrorCode::BadRequest => 400,
            ErrorCode::Unauthorized => 401,
            ErrorCode::NotFound => 404,
            ErrorCode::MethodNotAllowed => 405,
            ErrorCode::Conflict => 409,
            ErrorCode::Failed => 500,
            ErrorCode::JobOver => 503,
        }
    }
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// What kind of thing is wrong.
    pub code: ErrorCode,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl ApiError {
    /// A refusal.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            help: None,
        }
    }

    /// With what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The body of every refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Why.
    pub error: ApiError,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_tap_are_told_apart() {
        let lines = [
            r#"{"node":"n","operator":"n/calc","columns":[{"name":"a","type":"INT","rowtime":false}]}"#,
            r#"{"kind":"+I","time":1700000000000,"row":[1,2.5,null,"2024-01-01T00:00","9007199254740993"]}"#,
            r#"{"dropped":3,"seen":10}"#,
            r#"{"end":"finished"}"#,
            r#"{"sources":[{"node":"t","rows":5,"cut":true}],"rows":2,"more":false,"timed_out":false,"elapsed_ms":1.5}"#,
        ];
        let parsed: Vec<TapLine> = lines.iter().map(|l| TapLine::parse(l).unwrap()).collect();
        assert!(matches!(&parsed[0], TapLine::Header(h) if h.columns[0].ty == "INT"));
        assert!(
            matches!(&parsed[1], TapLine::Row(r) if r.time == Some(1_700_000_000_000) && r.row[0] == 1)
        );
        assert!(matches!(&parsed[2], TapLine::Gap(g) if (g.dropped, g.seen) == (3, 10)));
        assert!(matches!(&parsed[3], TapLine::End(e) if e.end == "finished"));
        assert!(matches!(&parsed[4], TapLine::Summary(s) if s.sources[0].cut));
        assert!(TapLine::parse("[1]").is_err());
    }

    #[test]
    fn a_request_with_an_unknown_key_is_no_request() {
        assert_eq!(
            serde_json::from_str::<StopRequest>("{}").unwrap(),
            StopRequest::default()
        );
        assert!(serde_json::from_str::<StopRequest>(r#"{"savepont":true}"#).is_err());
    }
}
