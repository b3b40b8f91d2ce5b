//! The job master: starts the tasks, takes checkpoints, commits sinks, ends the job.
//!
//! A checkpoint: barriers go to all sources; every task snapshots as they pass and acknowledges;
//! when all have, the state backend makes the snapshot durable and writes the manifest last; then
//! the sinks' output is made visible. The last checkpoint of a run is no different, only that the
//! tasks end after it: what a run wrote is visible when it is over, and the next run with the
//! same state directory goes on from there.

pub mod compatibility;
pub mod failure;
mod figures;
pub mod monitor;
pub mod savepoint;
mod tapping;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use millstream_compiler::plan::settings::{duration_setting, parse_bytes};
use millstream_compiler::plan::stream::StreamOp;
use millstream_compiler::plan::{StreamPlan, state_forms};
use millstream_connectors::{Committable, Connectors, TableSpec};
use millstream_serve::api::{
    ApiError, Checkpoint, ErrorCode, JobState, StopRequest, Stopping, Trigger,
};
use millstream_state::{
    Blob, CheckpointRequest, CheckpointStats, CheckpointStore, JobIdentity, Manifest, Start,
    StateBackend, StateDir, StateOptions,
};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use self::compatibility::Compatibility;
use self::monitor::{Command, Monitor};
use crate::exec::build::{BuildContext, Built, Task, table_spec};
use crate::exec::channel::Barrier;
use crate::exec::graph::FragmentGraph;
use crate::exec::metrics::JobMetrics;
use crate::exec::sink::committables;
use crate::exec::task::{TaskError, TaskEvent};

/// How often a checkpoint is taken unless the pipeline says otherwise.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(10);

/// The folder in the state directory that savepoints go to unless it is said where.
const SAVEPOINTS: &str = "savepoints";

/// The state directory within a temporary one.
const KEEP_DIRECTORY: &str = "state";

/// How to run a job.
#[derive(Debug, Clone)]
pub struct JobOptions {
    /// The pipeline's name, to show.
    pub name: String,
    /// Equal for two runs that may share state.
    pub fingerprint: String,
    /// Where relative paths start.
    pub base_dir: PathBuf,
    /// Instances of each operator.
    pub parallelism: usize,
    /// Where checkpoints go; `None` keeps them in a temporary directory that ends with the job.
    pub state_dir: Option<PathBuf>,
    /// Forget the state that is there.
    pub fresh: bool,
    /// Begin with the state of a savepoint.
    pub from_savepoint: Option<FromSavepoint>,
    /// Stop (with a last checkpoint) after this time.
    pub duration: Option<Duration>,
    /// Where `print` tables write instead of stdout.
    pub print_to: Option<Captured>,
    /// Opens tables: connectors beside the built-in ones go in here.
    pub connectors: Connectors,
    /// Shows the job to whoever watches, and lets it be steered.
    pub monitor: Monitor,
}

/// A savepoint to begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromSavepoint {
    /// Its folder.
    pub path: PathBuf,
    /// Go on although state in it belongs to nothing any more.
    pub may_drop: bool,
}

/// Bytes that `print` tables wrote, shared with whoever reads them.
#[derive(Debug, Clone, Default)]
pub struct Captured(Arc<std::sync::Mutex<Vec<u8>>>);

impl Captured {
    /// What was written so far, as text.
    pub fn text(&self) -> String {
        let bytes = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl std::io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut all = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        all.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Why the job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All sources ended.
    Finished,
    /// The time given was over.
    TimeUp,
    /// It was asked to stop.
    Interrupted,
}

/// What a job did.
#[derive(Debug)]
pub struct JobReport {
    /// Why it ended.
    pub ending: Ending,
    /// Counters.
    pub metrics: Arc<JobMetrics>,
    /// From the first row to the end.
    pub elapsed: Duration,
    /// The checkpoints that were completed.
    pub checkpoints: Vec<CheckpointStats>,
    /// The checkpoint it went on from.
    pub restored: Option<u64>,
    /// Files that became visible, by sink.
    pub committed: BTreeMap<String, Vec<PathBuf>>,
}

/// What happens while a job runs, for whoever watches.
#[derive(Debug)]
pub enum Progress<'a> {
    /// The state of things, now and then.
    Tick {
        /// Counters.
        metrics: &'a JobMetrics,
        /// The last checkpoint.
        last_checkpoint: Option<&'a CheckpointStats>,
    },
    /// Something worth a line.
    Note(String),
    /// The job has its state directory, and no other job can get it.
    Opened(&'a Path),
}

/// Runs a plan until it ends, its time is over, or `stop` fires.
///
/// # Errors
/// What made the job fail, with the operator it happened in.
pub async fn run(
    plan: &StreamPlan,
    options: &JobOptions,
    stop: oneshot::Receiver<()>,
    watch: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<JobReport> {
    let monitor = &options.monitor;
    monitor.starting(options.parallelism);
    let report = Box::pin(run_watched(plan, options, stop, watch)).await;
    monitor.ended(plan, report.as_ref().map(|report| report.ending));
    report
}

/// Lets the monitor go of the state when the job ends, however it ends.
struct Release<'a>(&'a Monitor);

impl Drop for Release<'_> {
    fn drop(&mut self) {
        self.0.release();
    }
}

async fn run_watched(
    plan: &StreamPlan,
    options: &JobOptions,
    mut stop: oneshot::Receiver<()>,
    watch: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<JobReport> {
    let temporary = match options.state_dir {
        Some(_) => None,
        None => Some(tempfile::tempdir().context("cannot make a temporary state directory")?),
    };
    let state_path = match (&options.state_dir, &temporary) {
        (Some(path), _) => path.clone(),
        (None, Some(temporary)) => temporary.path().join(KEEP_DIRECTORY),
        (None, None) => bail!("no state directory"),
    };
    let identity = JobIdentity {
        name: options.name.clone(),
        fingerprint: options.fingerprint.clone(),
    };
    let start = if options.fresh {
        Start::Fresh
    } else {
        Start::Resume
    };
    // Before anything is touched: a savepoint that does not fit costs no state that is there.
    let from_savepoint = match &options.from_savepoint {
        Some(from) => {
            let found = Compatibility::of(plan, &savepoint::read(&from.path)?);
            compatibility::check(&found, from.may_drop)?;
            Some((&from.path, found))
        }
        None => None,
    };
    // While a run holds the directory requests are for it.
    if !StateDir::is_in_use(&state_path)? {
        savepoint::forget_requests(&state_path);
    }
    let dir = StateDir::open(&state_path, identity, start)?;
    // What a sink left unfinished in an output folder is told from that of other jobs by this.
    let job = job_id(&state_path, options);
    let monitor = &options.monitor;
    monitor.opened(&job, options.state_dir.as_deref());
    let _release = Release(monitor);
    watch(Progress::Opened(&state_path));
    if let Some((path, found)) = from_savepoint {
        watch(Progress::Note(format!(
            "going on from the savepoint {}\n{found}",
            path.display()
        )));
        dir.store().import(&CheckpointStore::read_only(path)?)?;
    }
    let latest = dir.store().latest()?;
    if let Some(manifest) = &latest.manifest {
        // State that nobody takes now is kept along, for a node that comes back.
        compatibility::check(&Compatibility::of(plan, manifest), true)?;
    }
    for rejected in &latest.rejected {
        watch(Progress::Note(format!(
            "checkpoint {} cannot be used and is passed over: {}",
            rejected.epoch, rejected.error
        )));
    }
    let state_options = state_options(plan)?;
    let backend = match &latest.manifest {
        Some(manifest) => {
            StateBackend::restore(&dir.local(), dir.store(), state_options, manifest)?
        }
        None => StateBackend::open(&dir.local(), dir.store(), state_options)?,
    };
    if let Some(manifest) = &latest.manifest {
        watch(Progress::Note(format!(
            "going on from checkpoint {} (taken at parallelism {})",
            manifest.epoch, manifest.parallelism
        )));
    }
    let sinks = sink_specs(plan, &options.base_dir);
    recover_sinks(&options.connectors, &sinks, latest.manifest.as_ref(), &job)?;
    let built = BuildContext {
        plan,
        base_dir: &options.base_dir,
        parallelism: options.parallelism,
        backend: &backend,
        restored: latest.manifest.as_ref(),
        job: &job,
        print_to: options.print_to.as_ref(),
        connectors: &options.connectors,
    }
    .build()?;
    for (uid, state) in backend.unclaimed() {
        watch(Progress::Note(format!(
            "the state of '{uid}' ({} bytes) belongs to no operator any more; it is kept",
            state.bytes
        )));
    }
    let restored = latest.manifest.as_ref().map(|m| m.epoch);
    let interval = duration_setting(&plan.settings, "execution.checkpointing.interval")
        .filter(|interval| !interval.is_zero())
        .unwrap_or(CHECKPOINT_INTERVAL);
    let next_epoch = backend.next_epoch()?;
    let commands = monitor.running(plan, &built.graph, &built.metrics, &backend, restored);
    let operators = tasks_operators(plan, &built.graph);
    let mut master = Master::new(
        built,
        sinks,
        backend,
        options.parallelism,
        interval,
        next_epoch,
    );
    master.monitor = monitor.clone();
    master.commands = commands;
    master.tasks_operators = operators;
    master.connectors = options.connectors.clone();
    master.unclaimed = unclaimed_blobs(plan, latest.manifest.as_ref());
    master.desk = Some(Desk {
        state_dir: options.state_dir.clone(),
        store: dir.store(),
        asked: None,
    });
    let ending = master.run(options.duration, &mut stop, watch).await?;
    Ok(JobReport {
        ending,
        metrics: master.metrics,
        elapsed: master.started.elapsed(),
        checkpoints: master.completed,
        restored,
        committed: master.committed,
    })
}

fn state_options(plan: &StreamPlan) -> Result<StateOptions> {
    let mut options = StateOptions {
        forms: state_forms(plan),
        ..StateOptions::default()
    };
    if let Some(size) = plan.settings.get("taskmanager.memory.managed.size") {
        options.memory_budget = parse_bytes(size)
            .map(|bytes| bytes as usize)
            .ok_or_else(|| {
                anyhow!(
                    "'taskmanager.memory.managed.size' takes a size such as '512mb', not '{size}'"
                )
            })?;
    }
    if let Some(max) = plan.settings.get("pipeline.max-parallelism") {
        options.max_parallelism = max
            .parse()
            .with_context(|| format!("'pipeline.max-parallelism' takes a number, not '{max}'"))?;
    }
    Ok(options)
}

fn job_id(state_path: &std::path::Path, options: &JobOptions) -> String {
    use sha2::{Digest as _, Sha256};
    let path = std::path::absolute(state_path).unwrap_or_else(|_| state_path.to_path_buf());
    let digest = Sha256::new()
        .chain_update(path.as_os_str().as_encoded_bytes())
        .chain_update([0])
        .chain_update(&options.fingerprint)
        .finalize();
    digest.iter().take(6).map(|b| format!("{b:02x}")).collect()
}

/// State that is not keyed of operators that left the plan: kept, so that putting the node back
/// finds it again.
fn unclaimed_blobs(plan: &StreamPlan, manifest: Option<&Manifest>) -> BTreeMap<String, Vec<Blob>> {
    let known: BTreeSet<&str> = plan.nodes.iter().map(|n| n.uid.as_str()).collect();
    manifest
        .iter()
        .flat_map(|m| &m.operators)
        .filter(|(uid, state)| !known.contains(uid.as_str()) && !state.blobs.is_empty())
        // What a removed sink had to commit was made visible before.
        .filter(|(uid, _)| !uid.contains("/sink"))
        .map(|(uid, state)| (uid.clone(), state.blobs.clone()))
        .collect()
}

/// The tables the plan writes, by the name of the sink operator.
fn sink_specs(plan: &StreamPlan, base_dir: &std::path::Path) -> BTreeMap<String, TableSpec> {
    plan.nodes
        .iter()
        .filter_map(|node| match node.op {
            StreamOp::Sink { table, .. } => {
                Some((node.uid.clone(), table_spec(&plan.tables[table], base_dir)))
            }
            _ => None,
        })
        .collect()
}

/// Makes visible what the checkpoint promised, and removes what came after it.
fn recover_sinks(
    connectors: &Connectors,
    sinks: &BTreeMap<String, TableSpec>,
    manifest: Option<&Manifest>,
    job: &str,
) -> Result<()> {
    for (uid, spec) in sinks {
        let promised = match manifest {
            Some(manifest) => all_committables(uid, manifest.blobs(uid))?,
            None => vec![],
        };
        connectors
            .recover(spec, job, &promised)
            .with_context(|| uid.clone())?;
    }
    Ok(())
}

fn all_committables(uid: &str, blobs: &[Blob]) -> Result<Vec<Committable>> {
    let mut all = Vec::new();
    for blob in blobs {
        let part = committables(&blob.bytes)
            .with_context(|| format!("{uid}: its commits in the checkpoint cannot be read"))?;
        all.extend(part);
    }
    Ok(all)
}

/// A checkpoint in the making.
struct Pending {
    barrier: Barrier,
    waiting: BTreeSet<usize>,
    blobs: BTreeMap<String, Vec<Blob>>,
}

/// Where savepoints are asked for and given out.
struct Desk {
    /// Where requests of other processes are looked for; `None` if nobody can find it.
    state_dir: Option<PathBuf>,
    store: CheckpointStore,
    asked: Option<Asked>,
}

/// A request for a savepoint.
struct Asked {
    folder: PathBuf,
    stop: bool,
    /// The first checkpoint that will do.
    from: u64,
    /// Who asked; `None` if it was by a file, and is answered by one.
    reply: Option<oneshot::Sender<Result<Stopping, ApiError>>>,
}

impl Desk {
    /// Takes a request, if there is none at hand: whether the job shall stop behind it.
    fn look(&mut self, next_epoch: u64) -> Option<bool> {
        if self.asked.is_some() {
            return None;
        }
        let request = savepoint::take_request(self.state_dir.as_deref()?)?;
        let stop = request.stop;
        self.asked = Some(Asked {
            folder: request.folder,
            stop,
            from: next_epoch,
            reply: None,
        });
        Some(stop)
    }

    /// Whether a checkpoint is waited for that was not begun yet.
    fn waits_for(&self, next_epoch: u64) -> bool {
        let asked = self.asked.as_ref();
        asked.is_some_and(|asked| asked.from == next_epoch)
    }

    /// Copies a checkpoint if it was asked for.
    async fn give(&mut self, epoch: u64, monitor: &Monitor) {
        let Some(asked) = self.asked.take() else {
            return;
        };
        if epoch < asked.from {
            self.asked = Some(asked);
            return;
        }
        let store = self.store.clone();
        let folder = asked.folder;
        let copied = tokio::task::spawn_blocking(move || savepoint::export(&store, epoch, &folder));
        let done = match copied.await {
            Ok(done) => done,
            Err(error) => Err(panic_failure(error, &HashMap::new())),
        };
        if let Ok(path) = &done {
            monitor.saved(epoch, path, asked.stop);
        }
        match (asked.reply, &self.state_dir) {
            (Some(reply), _) => {
                let answer = done.map(|path| Stopping {
                    state: JobState::Stopping,
                    savepoint: Some(path),
                });
                // Whoever asked may have gone.
                let _ = reply.send(answer.map_err(|error| {
                    ApiError::new(
                        ErrorCode::Failed,
                        format!("the savepoint could not be made: {error:#}"),
                    )
                    .help("the job's last checkpoint is in its state directory all the same")
                }));
            }
            (None, Some(state_dir)) => savepoint::answer(state_dir, &done),
            (None, None) => {}
        }
    }
}

/// Somebody who waits for a checkpoint: the first that will do, and where the answer goes.
type Waiting = (u64, oneshot::Sender<Result<Checkpoint, ApiError>>);

/// The operators of each task, in the order of the tasks.
pub(crate) fn tasks_operators(
    plan: &StreamPlan,
    graph: &FragmentGraph,
) -> Vec<Vec<(usize, String)>> {
    let of = |fragment: &crate::exec::graph::Fragment| -> Vec<(usize, String)> {
        let operators = fragment.nodes.iter();
        operators
            .map(|&index| (index, plan.nodes[index].uid.clone()))
            .collect()
    };
    graph
        .fragments
        .iter()
        .flat_map(|fragment| std::iter::repeat_n(of(fragment), fragment.parallelism))
        .collect()
}

/// The operators of a task that runs.
pub(crate) type Running = HashMap<tokio::task::Id, Vec<(usize, String)>>;

struct Master {
    desk: Option<Desk>,
    monitor: Monitor,
    /// What is asked of the job from outside.
    commands: mpsc::UnboundedReceiver<Command>,
    /// Who waits for a checkpoint.
    waiting: Vec<Waiting>,
    tasks_operators: Vec<Vec<(usize, String)>>,
    tasks: Option<Vec<Task>>,
    controls: Vec<tokio::sync::mpsc::UnboundedSender<Barrier>>,
    events: tokio::sync::mpsc::UnboundedReceiver<TaskEvent>,
    release: tokio::sync::watch::Sender<bool>,
    metrics: Arc<JobMetrics>,
    sinks: BTreeMap<String, TableSpec>,
    connectors: Connectors,
    backend: StateBackend,
    parallelism: usize,
    interval: Duration,
    next_epoch: u64,
    started: Instant,
    task_count: usize,
    completed: Vec<CheckpointStats>,
    committed: BTreeMap<String, Vec<PathBuf>>,
    unclaimed: BTreeMap<String, Vec<Blob>>,
}

impl Master {
    fn new(
        built: Built,
        sinks: BTreeMap<String, TableSpec>,
        backend: StateBackend,
        parallelism: usize,
        interval: Duration,
        next_epoch: u64,
    ) -> Self {
        Self {
            desk: None,
            monitor: Monitor::default(),
            // Replaced before the job runs; of itself it has ended.
            commands: mpsc::unbounded_channel().1,
            waiting: Vec::new(),
            tasks_operators: Vec::new(),
            task_count: built.tasks.len(),
            tasks: Some(built.tasks),
            controls: built.controls,
            events: built.events,
            release: built.release,
            metrics: built.metrics,
            sinks,
            connectors: Connectors::default(),
            next_epoch,
            backend,
            parallelism,
            interval,
            started: Instant::now(),
            completed: Vec::new(),
            committed: BTreeMap::new(),
            unclaimed: BTreeMap::new(),
        }
    }

    async fn run(
        &mut self,
        duration: Option<Duration>,
        stop: &mut oneshot::Receiver<()>,
        watch: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> Result<Ending> {
        let mut tasks = JoinSet::new();
        let mut running = Running::new();
        for (number, task) in self.tasks.take().into_iter().flatten().enumerate() {
            let spawned = match task {
                Task::Source(source) => tasks.spawn(source.run()),
                Task::Fragment(fragment) => tasks.spawn(fragment.run()),
            };
            if let Some(operators) = self.tasks_operators.get_mut(number) {
                running.insert(spawned.id(), std::mem::take(operators));
            }
        }
        let mut running_sources = self.controls.len();
        let mut pending: Option<Pending> = None;
        let mut ending: Option<Ending> = (running_sources == 0).then_some(Ending::Finished);
        let mut stopping = false;
        let mut stop_asked = false;
        let mut checkpoint_timer =
            tokio::time::interval_at(tokio::time::Instant::now() + self.interval, self.interval);
        checkpoint_timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut progress_timer = tokio::time::interval(Duration::from_millis(100));
        let deadline = duration.map(|d| tokio::time::Instant::now() + d);
        loop {
            if ending.is_some() && !stopping && pending.is_none() {
                // The last checkpoint; what a run wrote becomes visible with it.
                stopping = true;
                pending = Some(self.trigger(Trigger::Last));
            }
            if pending.is_none()
                && ending.is_none()
                && let Some(trigger) = self.asked_for()
            {
                pending = Some(self.trigger(trigger));
            }
            let until = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                event = self.events.recv() => match event {
                    Some(TaskEvent::Exhausted { .. }) => {
                        running_sources -= 1;
                        if running_sources == 0 && ending.is_none() {
                            ending = Some(Ending::Finished);
                        }
                    }
                    Some(TaskEvent::Acknowledged { task, epoch, blobs }) => {
                        let Some(mut checkpoint) = pending.take() else {
                            bail!("task {task} acknowledged checkpoint {epoch}, which nobody asked for");
                        };
                        checkpoint.waiting.remove(&task);
                        for (uid, subtask, bytes) in blobs {
                            let subtask = subtask as u32;
                            checkpoint.blobs.entry(uid).or_default().push(Blob { subtask, bytes });
                        }
                        if checkpoint.waiting.is_empty() {
                            let terminal = checkpoint.barrier.terminal;
                            let epoch = checkpoint.barrier.epoch;
                            self.complete(checkpoint).await?;
                            self.tell_of(epoch).await;
                            if terminal {
                                break;
                            }
                        } else {
                            pending = Some(checkpoint);
                        }
                    }
                    // Every task dropped its end: the one that failed says why.
                    None => {
                        return Err(first_failure(&mut tasks, &running)
                            .await
                            .unwrap_or_else(|| anyhow!("all tasks ended before the job did")));
                    }
                },
                Some(ended) = tasks.join_next() => match ended {
                    // Before the last checkpoint is complete no task ends on its own.
                    Ok(Ok(())) | Ok(Err(TaskError::Neighbour)) => {
                        if let Some(error) = first_failure(&mut tasks, &running).await {
                            return Err(error);
                        }
                        bail!("a task ended before the job did");
                    }
                    Ok(Err(error)) => return Err(task_failure(error)),
                    Err(error) => return Err(panic_failure(error, &running)),
                },
                _ = &mut *stop, if !stop_asked => {
                    stop_asked = true;
                    self.stop_with(&mut ending, Ending::Interrupted);
                }
                Some(command) = self.commands.recv() => match command {
                    // If the last one is on its way it is that.
                    Command::Checkpoint(reply) => {
                        let first = match &pending {
                            Some(last) if last.barrier.terminal => last.barrier.epoch,
                            _ => self.next_epoch,
                        };
                        self.waiting.push((first, reply));
                    }
                    Command::Stop(request, reply) => {
                        let last = pending.as_ref().is_some_and(|p| p.barrier.terminal);
                        self.stop_on_request(request, reply, last, &mut ending);
                    }
                },
                () = until, if ending.is_none() => self.stop_with(&mut ending, Ending::TimeUp),
                _ = checkpoint_timer.tick(), if pending.is_none() && ending.is_none() => {
                    pending = Some(self.trigger(Trigger::Interval));
                }
                _ = progress_timer.tick() => {
                    let next = self.next_epoch;
                    if let Some(true) = self.desk.as_mut().and_then(|desk| desk.look(next)) {
                        self.stop_with(&mut ending, Ending::Interrupted);
                    }
                    self.monitor.tick();
                    watch(Progress::Tick {
                        metrics: &self.metrics,
                        last_checkpoint: self.completed.last(),
                    });
                }
            }
        }
        let _ = self.release.send(true);
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok(Ok(())) | Ok(Err(TaskError::Neighbour)) => {}
                Ok(Err(error)) => return Err(task_failure(error)),
                Err(error) => return Err(panic_failure(error, &running)),
            }
        }
        Ok(ending.unwrap_or(Ending::Finished))
    }

    /// The job ends from now on, unless it does already.
    fn stop_with(&self, ending: &mut Option<Ending>, why: Ending) {
        if ending.is_none() {
            *ending = Some(why);
            self.monitor.stopping();
        }
    }

    /// Stops the job, with a savepoint if one is asked for. `last`: the last checkpoint is on its
    /// way.
    fn stop_on_request(
        &mut self,
        request: StopRequest,
        reply: oneshot::Sender<Result<Stopping, ApiError>>,
        last: bool,
        ending: &mut Option<Ending>,
    ) {
        // Whoever asked may have gone, that changes nothing.
        if !request.savepoint {
            self.stop_with(ending, Ending::Interrupted);
            let _ = reply.send(Ok(Stopping {
                state: JobState::Stopping,
                savepoint: None,
            }));
            return;
        }
        let desk = self.desk.as_mut().filter(|_| !last);
        let Some(desk) = desk.filter(|desk| desk.asked.is_none()) else {
            let _ = reply.send(Err(ApiError::new(
                ErrorCode::Conflict,
                "the job is busy with its end or with another savepoint",
            )
            .help(
                "when it is over, `millstream savepoint create` makes one of its last checkpoint",
            )));
            return;
        };
        let own = desk.state_dir.as_ref().map(|dir| dir.join(SAVEPOINTS));
        let Some(folder) = request.folder.or(own) else {
            let _ = reply.send(Err(ApiError::new(
                ErrorCode::BadRequest,
                "the job has no state directory that a savepoint could go to",
            )
            .help("say where with \"folder\"")));
            return;
        };
        desk.asked = Some(Asked {
            folder,
            stop: true,
            from: self.next_epoch,
            reply: Some(reply),
        });
        self.stop_with(ending, Ending::Interrupted);
    }

    /// Whether somebody waits for a checkpoint that was not begun yet, and what for.
    fn asked_for(&self) -> Option<Trigger> {
        let next = self.next_epoch;
        if (self.desk.as_ref()).is_some_and(|desk| desk.waits_for(next)) {
            return Some(Trigger::Savepoint);
        }
        let waiting = self.waiting.iter().any(|(first, _)| *first == next);
        waiting.then_some(Trigger::Request)
    }

    /// Tells whoever waited for a checkpoint that it is complete.
    async fn tell_of(&mut self, epoch: u64) {
        let completed = self.monitor.checkpoint_completed(epoch);
        if let Some(desk) = &mut self.desk {
            desk.give(epoch, &self.monitor).await;
        }
        let Some(checkpoint) = completed else {
            return;
        };
        for (first, reply) in std::mem::take(&mut self.waiting) {
            if first <= epoch {
                // Whoever asked may have gone.
                let _ = reply.send(Ok(checkpoint.clone()));
            } else {
                self.waiting.push((first, reply));
            }
        }
    }

    fn trigger(&mut self, trigger: Trigger) -> Pending {
        let barrier = Barrier {
            epoch: self.next_epoch,
            terminal: trigger == Trigger::Last,
            snapshot: true,
        };
        self.monitor.checkpoint_begins(barrier.epoch, trigger);
        self.next_epoch += 1;
        for control in &self.controls {
            // A source that is gone has failed; its task's result says why.
            let _ = control.send(barrier);
        }
        Pending {
            barrier,
            waiting: (0..self.task_count).collect(),
            blobs: BTreeMap::new(),
        }
    }

    /// Makes a checkpoint durable, then commits what it promises.
    async fn complete(&mut self, checkpoint: Pending) -> Result<()> {
        let epoch = checkpoint.barrier.epoch;
        self.monitor.checkpoint_aligned(epoch);
        let promised: BTreeMap<String, Vec<Committable>> = self
            .sinks
            .keys()
            .map(|uid| {
                let blobs = checkpoint.blobs.get(uid).map_or(&[][..], Vec::as_slice);
                Ok((uid.clone(), all_committables(uid, blobs)?))
            })
            .collect::<Result<_>>()?;
        let mut blobs = checkpoint.blobs;
        for (uid, kept) in &self.unclaimed {
            blobs.entry(uid.clone()).or_insert_with(|| kept.clone());
        }
        blobs.retain(|_, parts| parts.iter().any(|blob| !blob.bytes.is_empty()));
        let request = CheckpointRequest {
            epoch,
            parallelism: self.parallelism as u32,
            blobs,
        };
        let backend = self.backend.clone();
        let completed =
            tokio::task::spawn_blocking(move || backend.complete_checkpoint(request)).await;
        let completed = completed.map_err(|error| panic_failure(error, &HashMap::new()))??;
        self.monitor.checkpoint_written(&completed);
        self.completed.push(completed.stats);
        for (uid, committables) in promised {
            if committables.is_empty() {
                continue;
            }
            self.connectors
                .commit(&self.sinks[&uid], &committables)
                .with_context(|| uid.clone())?;
            // Committables are relative to the table's folder.
            let spec = &self.sinks[&uid];
            let folder = spec.resolve(spec.option("path").unwrap_or_default());
            let paths = committables.iter().map(|c| match c {
                Committable::File { target, .. } => folder.join(target),
            });
            self.committed.entry(uid).or_default().extend(paths);
        }
        Ok(())
    }
}

/// The reason behind tasks that only lost a neighbour.
pub(crate) async fn first_failure(
    tasks: &mut JoinSet<Result<(), TaskError>>,
    running: &Running,
) -> Option<anyhow::Error> {
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(Ok(()) | Err(TaskError::Neighbour)) => {}
            Ok(Err(error)) => return Some(task_failure(error)),
            Err(error) => return Some(panic_failure(error, running)),
        }
    }
    None
}

pub(crate) fn task_failure(error: TaskError) -> anyhow::Error {
    anyhow::Error::new(error)
}

pub(crate) fn panic_failure(error: tokio::task::JoinError, running: &Running) -> anyhow::Error {
    let operators = running.get(&error.id());
    match error.try_into_panic() {
        Ok(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no message");
            match operators {
                Some(operators) => task_failure(TaskError::Panicked {
                    operators: operators.clone(),
                    message: text.to_owned(),
                }),
                None => {
                    anyhow!("a task stopped unexpectedly, which is a fault of Millstream: {text}")
                }
            }
        }
        Err(error) => anyhow!("a task was cancelled: {error}"),
    }
}
