//! A job as it is seen from outside, and asked from outside.
//!
//! A [`Monitor`] is handed to the job with its options and shared with whoever watches: the API,
//! which it serves as a [`JobHandle`]. The job master tells it what happens, which is rare; figures
//! are read from the job's counters when somebody asks for them.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Error;
use millstream_compiler::plan::StreamPlan;
use millstream_serve::api::{
    ApiError, Checkpoint, CheckpointState, ErrorCode, JobState, JobStatus, Metrics, Phases,
    StopRequest, Stopping, TapRequest, Trigger,
};
use millstream_serve::{Answer, JobHandle, TapStream};
use millstream_state::{CompletedCheckpoint, MemoryStats, StateBackend};
use tokio::sync::{mpsc, oneshot};

use super::figures::{Figures, Sample, StateFigures, columns_of};
use super::{Ending, failure, tapping};
use crate::exec::graph::FragmentGraph;
use crate::exec::metrics::JobMetrics;

/// How many checkpoints are remembered.
const CHECKPOINTS: usize = 50;

/// How often counters are noted once somebody has asked for figures.
const SAMPLING: Duration = Duration::from_millis(250);

/// The span that rates are over, at least.
const WINDOW: Duration = Duration::from_secs(1);

/// The nodes of the pipeline and their wires, as the document has them. A script has none: there
/// every relation is a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wiring {
    /// The nodes and their titles.
    pub nodes: BTreeMap<String, Option<String>>,
    /// The columns that rolling nodes add, in order.
    pub added: BTreeMap<String, Vec<String>>,
    /// The wires.
    pub wires: Vec<Wire>,
}

impl Wiring {
    /// The node that a relation belongs to: nodes name those that they add to their own after
    /// themselves and two underscores.
    pub fn node_of<'a>(&self, relation: &'a str) -> &'a str {
        match relation.split_once("__") {
            Some((node, _)) if self.nodes.contains_key(node) => node,
            _ => relation,
        }
    }
}

/// A wire of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wire {
    /// The edge's id.
    pub id: String,
    /// The node it comes from.
    pub from: String,
    /// The node it goes to.
    pub to: String,
    /// The port it goes in at.
    pub port: String,
    /// That port's place among the node's inputs.
    pub place: usize,
}

/// What is asked of a job.
#[derive(Debug)]
pub(super) enum Command {
    /// A checkpoint now.
    Checkpoint(oneshot::Sender<Result<Checkpoint, ApiError>>),
    /// The end, behind a last checkpoint.
    Stop(StopRequest, oneshot::Sender<Result<Stopping, ApiError>>),
}

/// A job seen from outside. Clones are the same.
#[derive(Clone)]
pub struct Monitor(Arc<Inner>);

struct Inner {
    pipeline: String,
    file: Option<PathBuf>,
    wiring: Wiring,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    id: String,
    phase: Option<JobState>,
    parallelism: usize,
    started: Option<(SystemTime, Instant)>,
    ended: Option<(SystemTime, Duration)>,
    error: Option<millstream_serve::api::JobFailure>,
    restored: Option<u64>,
    state_dir: Option<PathBuf>,
    savepoint: Option<PathBuf>,
    checkpoints: VecDeque<(Instant, Checkpoint)>,
    /// Bytes in the last checkpoint by the uid of a table.
    checkpoint_bytes: BTreeMap<String, u64>,
    running: Option<Arc<Running>>,
    backend: Option<StateBackend>,
    /// What the state took at the last checkpoint.
    last_state: Option<(BTreeMap<String, u64>, MemoryStats)>,
    commands: Option<mpsc::UnboundedSender<Command>>,
    samples: Samples,
}

/// What does not change while tasks run.
pub(super) struct Running {
    pub(super) figures: Figures,
    pub(super) metrics: Arc<JobMetrics>,
    pub(super) plan: StreamPlan,
}

/// The counters of the last second.
#[derive(Default)]
struct Samples {
    /// Somebody asked for figures.
    wanted: bool,
    noted: VecDeque<Sample>,
}

impl std::fmt::Debug for Monitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Monitor({})", self.0.pipeline)
    }
}

impl Default for Monitor {
    fn default() -> Self {
        Self::new("", None, Wiring::default())
    }
}

impl Monitor {
    /// Of a job that is to be started.
    pub fn new(pipeline: impl Into<String>, file: Option<PathBuf>, wiring: Wiring) -> Self {
        Self(Arc::new(Inner {
            pipeline: pipeline.into(),
            file,
            wiring,
            state: Mutex::default(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The job begins.
    pub(super) fn starting(&self, parallelism: usize) {
        *self.state() = State {
            phase: Some(JobState::Starting),
            parallelism,
            started: Some((SystemTime::now(), Instant::now())),
            ..State::default()
        };
    }

    /// The job has its state directory.
    pub(super) fn opened(&self, id: &str, state_dir: Option<&Path>) {
        let mut state = self.state();
        state.id = id.to_owned();
        state.state_dir =
            state_dir.map(|dir| std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf()));
    }

    /// Tasks run from now on; what is asked of the job comes in by what is returned.
    pub(super) fn running(
        &self,
        plan: &StreamPlan,
        graph: &FragmentGraph,
        metrics: &Arc<JobMetrics>,
        backend: &StateBackend,
        restored: Option<u64>,
    ) -> mpsc::UnboundedReceiver<Command> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut state = self.state();
        state.phase = Some(JobState::Running);
        state.restored = restored;
        state.running = Some(Arc::new(Running {
            figures: Figures::of(plan, graph, &self.0.wiring),
            metrics: Arc::clone(metrics),
            plan: plan.clone(),
        }));
        state.backend = Some(backend.clone());
        state.commands = Some(sender);
        receiver
    }

    /// Lets go of the state, which ends with the job.
    pub(super) fn release(&self) {
        let mut state = self.state();
        if let Some(backend) = state.backend.take() {
            // Its threads end outside of the lock.
            drop(state);
            drop(backend);
        }
    }

    /// The job was asked to stop.
    pub(super) fn stopping(&self) {
        self.state().phase = Some(JobState::Stopping);
    }

    /// The job is over.
    pub(super) fn ended(&self, plan: &StreamPlan, result: Result<Ending, &Error>) {
        self.release();
        let mut state = self.state();
        let phase = match result {
            Ok(Ending::Finished) => JobState::Finished,
            Ok(Ending::TimeUp | Ending::Interrupted) => JobState::Stopped,
            Err(error) => {
                state.error = Some(failure::of(plan, &self.0.wiring, error));
                JobState::Failed
            }
        };
        state.phase = Some(phase);
        state.ended = state
            .started
            .map(|(_, since)| (SystemTime::now(), since.elapsed()));
        state.commands = None;
        if phase == JobState::Failed {
            for (since, checkpoint) in &mut state.checkpoints {
                if checkpoint.state == CheckpointState::InProgress {
                    checkpoint.state = CheckpointState::Failed;
                    checkpoint.duration_ms = since.elapsed().as_secs_f64() * 1e3;
                }
            }
        }
        if let Some(running) = &state.running {
            // Whoever reads rows is told how it ended.
            for tap in &running.metrics.taps {
                tap.close();
            }
        }
    }

    /// Time passes.
    pub(super) fn tick(&self) {
        let mut state = self.state();
        let Some(running) = state.running.clone() else {
            return;
        };
        let samples = &mut state.samples;
        let due = samples
            .noted
            .back()
            .is_none_or(|last| last.at.elapsed() >= SAMPLING);
        if samples.wanted && due {
            samples
                .noted
                .push_back(running.figures.sample(&running.metrics));
            // One that is as old as the window is kept, those before are not needed.
            while samples
                .noted
                .get(1)
                .is_some_and(|s| s.at.elapsed() >= WINDOW)
            {
                samples.noted.pop_front();
            }
        }
    }

    /// A checkpoint begins.
    pub(super) fn checkpoint_begins(&self, id: u64, trigger: Trigger) {
        let mut state = self.state();
        state.checkpoints.push_back((
            Instant::now(),
            Checkpoint {
                id,
                state: CheckpointState::InProgress,
                trigger,
                triggered_at_ms: millis(SystemTime::now()),
                duration_ms: 0.0,
                phases: Phases::default(),
                bytes: 0,
                new_bytes: 0,
                savepoint: None,
            },
        ));
        while state.checkpoints.len() > CHECKPOINTS {
            state.checkpoints.pop_front();
        }
    }

    fn change_checkpoint<T>(
        &self,
        id: u64,
        change: impl FnOnce(Duration, &mut Checkpoint) -> T,
    ) -> Option<T> {
        let mut state = self.state();
        let (since, checkpoint) = state
            .checkpoints
            .iter_mut()
            .rev()
            .find(|(_, checkpoint)| checkpoint.id == id)?;
        Some(change(since.elapsed(), checkpoint))
    }

    /// All operators have seen its barrier.
    pub(super) fn checkpoint_aligned(&self, id: u64) {
        self.change_checkpoint(id, |passed, checkpoint| {
            checkpoint.phases.align_ms = Some(passed.as_secs_f64() * 1e3);
        });
    }

    /// It is durable.
    pub(super) fn checkpoint_written(&self, completed: &CompletedCheckpoint) {
        let stats = &completed.stats;
        self.change_checkpoint(stats.epoch, |passed, checkpoint| {
            let align = checkpoint.phases.align_ms.unwrap_or(0.0);
            checkpoint.phases.hold_ms = Some(stats.sync_ms);
            checkpoint.phases.write_ms = Some(passed.as_secs_f64() * 1e3 - align);
            checkpoint.bytes = stats.bytes_total;
            checkpoint.new_bytes = stats.bytes_new;
        });
        let mut state = self.state();
        // Tables go with their tasks, before the job lets go of the state.
        if let Some(backend) = &state.backend {
            state.last_state = Some((backend.table_bytes(), backend.memory()));
        }
        let bytes = completed.manifest.operators.iter();
        state.checkpoint_bytes = bytes
            .map(|(uid, operator)| {
                let blobs: usize = operator.blobs.iter().map(|blob| blob.bytes.len()).sum();
                (uid.clone(), operator.bytes + blobs as u64)
            })
            .collect();
    }

    /// What it promises is visible: the checkpoint as it is now.
    pub(super) fn checkpoint_completed(&self, id: u64) -> Option<Checkpoint> {
        self.change_checkpoint(id, |passed, checkpoint| {
            let phases = &mut checkpoint.phases;
            let before = phases.align_ms.unwrap_or(0.0) + phases.write_ms.unwrap_or(0.0);
            checkpoint.duration_ms = passed.as_secs_f64() * 1e3;
            phases.commit_ms = Some(checkpoint.duration_ms - before);
            checkpoint.state = CheckpointState::Completed;
            checkpoint.clone()
        })
    }

    /// A savepoint was made of a checkpoint.
    pub(super) fn saved(&self, id: u64, savepoint: &Path, stops: bool) {
        self.change_checkpoint(id, |_, checkpoint| {
            checkpoint.savepoint = Some(savepoint.to_path_buf());
        });
        if stops {
            self.state().savepoint = Some(savepoint.to_path_buf());
        }
    }

    fn command(&self, command: Command) -> Result<(), ApiError> {
        let state = self.state();
        let taken = match &state.commands {
            Some(commands) => commands.send(command).is_ok(),
            None => false,
        };
        match taken {
            true => Ok(()),
            false => Err(not_running(state.phase)),
        }
    }
}

fn not_running(phase: Option<JobState>) -> ApiError {
    match phase {
        Some(phase) if phase.is_over() => over(),
        _ => ApiError::new(ErrorCode::Conflict, "the job is still starting")
            .help("ask again in a moment"),
    }
}

fn over() -> ApiError {
    ApiError::new(ErrorCode::JobOver, "the job is over")
        .help("how it ended is in last.json in its state directory")
}

/// Milliseconds since 1970.
fn millis(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}

impl JobHandle for Monitor {
    fn status(&self) -> JobStatus {
        let state = self.state();
        JobStatus {
            id: state.id.clone(),
            pipeline: self.0.pipeline.clone(),
            file: self.0.file.clone(),
            state: state.phase.unwrap_or(JobState::Starting),
            pid: std::process::id(),
            parallelism: state.parallelism,
            started_at_ms: state.started.map_or(0, |(at, _)| millis(at)),
            ended_at_ms: state.ended.map(|(at, _)| millis(at)),
            elapsed_ms: match (state.ended, state.started) {
                (Some((_, lasted)), _) => lasted.as_millis() as u64,
                (None, Some((_, since))) => since.elapsed().as_millis() as u64,
                (None, None) => 0,
            },
            error: state.error.clone(),
            restored_from: state.restored,
            state_dir: state.state_dir.clone(),
            savepoint: state.savepoint.clone(),
        }
    }

    fn metrics(&self) -> Result<Metrics, ApiError> {
        let mut state = self.state();
        state.samples.wanted = true;
        let Some(running) = state.running.clone() else {
            return Err(not_running(state.phase));
        };
        let now = running.figures.sample(&running.metrics);
        let begin = running.figures.beginning(&running.metrics);
        let then = state.samples.noted.front().unwrap_or(&begin);
        let (tables, memory) = match (&state.backend, &state.last_state) {
            (Some(backend), _) => (backend.table_bytes(), Some(backend.memory())),
            (None, Some((tables, memory))) => (tables.clone(), Some(*memory)),
            (None, None) => (BTreeMap::new(), None),
        };
        let state_figures = StateFigures {
            tables,
            checkpoint: &state.checkpoint_bytes,
            memory,
        };
        let mut metrics = running
            .figures
            .metrics(&running.metrics, then, &now, &state_figures);
        metrics.checkpoints = state
            .checkpoints
            .iter()
            .map(|(since, checkpoint)| {
                let mut checkpoint = checkpoint.clone();
                if checkpoint.state == CheckpointState::InProgress {
                    checkpoint.duration_ms = since.elapsed().as_secs_f64() * 1e3;
                }
                checkpoint
            })
            .collect();
        if let Some((_, lasted)) = state.ended {
            metrics.elapsed_ms = lasted.as_millis() as u64;
        }
        Ok(metrics)
    }

    fn tap(&self, request: TapRequest) -> Result<TapStream, ApiError> {
        let running = {
            let state = self.state();
            match (&state.running, state.phase) {
                (_, Some(phase)) if phase.is_over() => return Err(over()),
                (Some(running), _) => Arc::clone(running),
                (None, phase) => return Err(not_running(phase)),
            }
        };
        let operator = running
            .figures
            .output(&request.node, &self.0.wiring)
            .ok_or_else(|| unknown_node(&request.node, &running.figures))?;
        let listener = running.metrics.taps[operator].listen().ok_or_else(over)?;
        let monitor = self.clone();
        let end = move || monitor.status().state.name();
        let operator = &running.plan.nodes[operator];
        let columns = columns_of(operator, &request.node, &self.0.wiring);
        tapping::stream(operator, columns, listener, request, end)
    }

    fn checkpoint(&self) -> Answer<'_, Checkpoint> {
        Box::pin(async {
            let (reply, answer) = oneshot::channel();
            self.command(Command::Checkpoint(reply))?;
            answer.await.unwrap_or_else(|_| Err(over()))
        })
    }

    fn stop(&self, request: StopRequest) -> Answer<'_, Stopping> {
        Box::pin(async {
            let (reply, answer) = oneshot::channel();
            self.command(Command::Stop(request, reply))?;
            answer.await.unwrap_or_else(|_| Err(over()))
        })
    }
}

fn unknown_node(node: &str, figures: &Figures) -> ApiError {
    let known: Vec<&str> = figures.ids().collect();
    let help = match millstream_compiler::diagnostics::did_you_mean(node, known.iter().copied()) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("the job has: {}", known.join(", ")),
    };
    ApiError::new(
        ErrorCode::NotFound,
        format!("the job has no node '{node}' with rows"),
    )
    .help(help)
}
