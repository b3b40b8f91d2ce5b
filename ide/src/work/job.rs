//! The running job as the editor sees it: a child process or one that runs already, watched
//! through its HTTP API.

use std::collections::BTreeMap;

use millstream_compiler::document::NodeId;

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

/// The job as the panels and the canvas show it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobView {
    /// What it is doing.
    pub state: JobState,
    /// Figures by node.
    pub nodes: BTreeMap<NodeId, NodeFigures>,
    /// Figures by the nodes at both ends.
    pub edges: BTreeMap<(NodeId, NodeId), EdgeFigures>,
}

impl JobView {
    /// Whether a job runs or is about to.
    pub fn is_running(&self) -> bool {
        matches!(
            self.state,
            JobState::Starting | JobState::Running | JobState::Stopping
        )
    }
}
