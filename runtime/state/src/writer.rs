//! The one thread that writes to the local database, and the order of epochs.
//!
//! Subtasks pass the barrier of checkpoint N at different moments, so changes made *after* it by a
//! fast one arrive while slow ones have still to hand over what they did *before* it. The image of
//! the database for checkpoint N must hold all of the latter and none of the former. Every
//! hand-over therefore carries the epoch it comes after, and the writer holds it back until that
//! epoch is *released*: its image is cut, or it was given up.
//!
//! ```text
//! table a   …──trickle──snapshot 7──trickle──…          (held until 7 is cut)
//! table b   …──trickle──────────trickle──snapshot 7──…
//! writer       apply        apply        apply  cut 7, then what was held
//! ```
//!
//! An image is cut when the coordinator has asked for it (every subtask acknowledged the barrier)
//! and every open table handed over that epoch. Copying the image to the checkpoint store is left
//! to a second thread, so the writer goes on at once.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::backend::{CheckpointRequest, CompletedCheckpoint};
use crate::budget::MemoryBudget;
use crate::committer::Commit;
use crate::error::StateError;
use crate::local_db::LocalDb;
use crate::table::TableLink;
use crate::write_set::WriteSet;

/// Where the answer to a request for a checkpoint goes.
pub(crate) type Reply = SyncSender<Result<CompletedCheckpoint, StateError>>;

pub(crate) enum Message {
    /// A table was opened. It is sent before anything of that table.
    Open {
        table: Arc<TableLink>,
        epoch: u64,
    },
    HandOver(HandOver),
    /// A table is gone: `finished` in good order, or with its operator.
    Close {
        id: u64,
        finished: bool,
    },
    /// Every subtask acknowledged the barrier: make the checkpoint.
    Complete {
        request: CheckpointRequest,
        reply: Reply,
    },
    /// The checkpoint is given up; its changes belong to the next one.
    Abort {
        epoch: u64,
    },
    Shutdown,
}

/// Changes of one table.
pub(crate) struct HandOver {
    pub(crate) table: Arc<TableLink>,
    /// Counts the table's hand-overs from 1.
    pub(crate) seq: u64,
    /// The changes were made after this epoch's barrier.
    pub(crate) after: u64,
    pub(crate) changes: WriteSet,
    /// Set when the table reached a barrier.
    pub(crate) snapshot: Option<Snapshot>,
}

/// What a table reports at a barrier.
pub(crate) struct Snapshot {
    pub(crate) epoch: u64,
    /// Time the operator's thread spent.
    pub(crate) sync: Duration,
    /// Encoded bytes handed over at the barrier itself.
    pub(crate) bytes: u64,
    /// Live entries, if known.
    pub(crate) entries: Option<u64>,
}

/// How far the writer is, for everyone else to read.
#[derive(Debug)]
pub(crate) struct Progress {
    released: AtomicU64,
    failure: OnceLock<Arc<StateError>>,
    steps: Mutex<u64>,
    moved: Condvar,
}

impl Progress {
    pub(crate) fn new(epoch: u64) -> Self {
        Self {
            released: AtomicU64::new(epoch),
            failure: OnceLock::new(),
            steps: Mutex::new(0),
            moved: Condvar::new(),
        }
    }

    /// True when changes made after `epoch` are applied as they come.
    pub(crate) fn releases(&self, epoch: u64) -> bool {
        self.released.load(Ordering::Acquire) >= epoch
    }

    /// The epoch whose image was cut or given up last.
    pub(crate) fn released(&self) -> u64 {
        self.released.load(Ordering::Acquire)
    }

    /// The failure that stopped the writer, if one did.
    pub(crate) fn check(&self) -> Result<(), StateError> {
        match self.failure.get() {
            Some(failure) => Err(StateError::Stopped(Arc::clone(failure))),
            None => Ok(()),
        }
    }

    /// Waits until the writer did anything, at most until `deadline`.
    pub(crate) fn wait(&self, deadline: Instant) -> Result<(), StateError> {
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = *steps;
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = self
            .moved
            .wait_timeout_while(steps, left, |steps| *steps == seen);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        self.check()
    }

    fn step(&self) {
        *self.steps.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.moved.notify_all();
    }
}

struct OpenTable {
    uid: Arc<str>,
    /// The last epoch whose hand-over was applied.
    reached: u64,
    entries: Option<u64>,
    state: TableState,
}

#[derive(PartialEq, Eq)]
enum TableState {
    Running,
    Finished,
    Lost,
}

/// What the tables reported for an epoch so far.
#[derive(Default)]
struct EpochReport {
    first: Option<Instant>,
    sync: Duration,
    bytes: u64,
}

pub(crate) struct Writer {
    db: Arc<LocalDb>,
    budget: Arc<MemoryBudget>,
    progress: Arc<Progress>,
    commits: Sender<Commit>,
    images: PathBuf,
    tables: BTreeMap<u64, OpenTable>,
    held: VecDeque<HandOver>,
    requests: VecDeque<(CheckpointRequest, Reply, Instant)>,
    reports: BTreeMap<u64, EpochReport>,
    released: u64,
}

impl Writer {
    pub(crate) fn new(
        db: Arc<LocalDb>,
        budget: Arc<MemoryBudget>,
        progress: Arc<Progress>,
        commits: Sender<Commit>,
        epoch: u64,
    ) -> Self {
        let images = db.dir().to_path_buf();
        Self {
            db,
            budget,
            progress,
            commits,
            images,
            tables: BTreeMap::new(),
            held: VecDeque::new(),
            requests: VecDeque::new(),
            reports: BTreeMap::new(),
            released: epoch,
        }
    }

    /// The body of the thread.
    pub(crate) fn run(mut self, messages: &Receiver<Message>) {
        while let Ok(message) = messages.recv() {
            if matches!(message, Message::Shutdown) {
                break;
            }
            if self.progress.failure.get().is_some() {
                self.refuse(message);
            } else if let Err(error) = self
                .handle(message)
                .and_then(|()| self.cut_what_is_complete())
            {
                self.stop(error);
            }
            self.progress.step();
        }
        for (request, reply, _) in self.requests.drain(..) {
            let reason = "the state backend was closed".to_owned();
            // Nobody may be waiting any more; then nobody needs the answer.
            let _ = reply.send(Err(StateError::Protocol {
                epoch: request.epoch,
                reason,
            }));
        }
    }

    fn handle(&mut self, message: Message) -> Result<(), StateError> {
        match message {
            Message::Open { table, epoch } => {
                let open = OpenTable {
                    uid: Arc::clone(&table.uid),
                    reached: epoch,
                    entries: None,
                    state: TableState::Running,
                };
                self.tables.insert(table.id, open);
                Ok(())
            }
            Message::HandOver(hand_over) => {
                if let Some(snapshot) = &hand_over.snapshot {
                    let report = self.reports.entry(snapshot.epoch).or_default();
                    report.first.get_or_insert_with(Instant::now);
                    report.sync = report.sync.max(snapshot.sync);
                }
                if hand_over.after <= self.released {
                    self.apply(hand_over)
                } else {
                    self.held.push_back(hand_over);
                    Ok(())
                }
            }
            Message::Close { id, finished } => {
                if let Some(table) = self.tables.get_mut(&id) {
                    table.state = if finished {
                        TableState::Finished
                    } else {
                        TableState::Lost
                    };
                }
                Ok(())
            }
            Message::Complete { request, reply } => {
                // Checkpoints before this one were given up if they are not complete by now.
                let earlier = request.epoch.saturating_sub(1);
                self.requests.push_back((request, reply, Instant::now()));
                if self.requests.len() == 1 {
                    self.release(earlier)
                } else {
                    Ok(())
                }
            }
            Message::Abort { epoch } => {
                if let Some(at) = self.requests.iter().position(|(r, ..)| r.epoch == epoch)
                    && let Some((_, reply, _)) = self.requests.remove(at)
                {
                    let reason = "it was aborted".to_owned();
                    let _ = reply.send(Err(StateError::Protocol { epoch, reason }));
                }
                self.reports.remove(&epoch);
                self.release(epoch)
            }
            Message::Shutdown => Ok(()),
        }
    }

    fn apply(&mut self, hand_over: HandOver) -> Result<(), StateError> {
        let HandOver {
            table,
            seq,
            changes,
            snapshot,
            ..
        } = hand_over;
        let memory = changes.memory();
        let applied = self.db.apply(&table.uid, changes);
        self.budget.sub_in_flight(memory);
        applied?;
        table.applied.store(seq, Ordering::Release);
        if let Some(snapshot) = snapshot {
            if let Some(open) = self.tables.get_mut(&table.id) {
                open.reached = snapshot.epoch;
                open.entries = snapshot.entries;
            }
            self.reports.entry(snapshot.epoch).or_default().bytes += snapshot.bytes;
        }
        Ok(())
    }

    /// Lets the changes after `epoch` through.
    fn release(&mut self, epoch: u64) -> Result<(), StateError> {
        if epoch <= self.released {
            return Ok(());
        }
        self.released = epoch;
        self.progress.released.store(epoch, Ordering::Release);
        for hand_over in std::mem::take(&mut self.held) {
            if hand_over.after <= epoch {
                self.apply(hand_over)?;
            } else {
                self.held.push_back(hand_over);
            }
        }
        Ok(())
    }

    fn cut_what_is_complete(&mut self) -> Result<(), StateError> {
        while let Some((request, ..)) = self.requests.front() {
            let epoch = request.epoch;
            // A table that handed over a later epoch is waiting in `held`; one that *reached* a
            // later epoch skipped this one, and the image would hold what came after.
            let broken = if epoch <= self.released {
                Some(format!(
                    "checkpoint {} was already complete or aborted",
                    self.released
                ))
            } else {
                self.tables.values().find_map(|table| match table.state {
                    TableState::Lost if table.reached < epoch => Some(format!(
                        "operator {} stopped before it reached the barrier",
                        table.uid
                    )),
                    _ if table.reached > epoch => Some(format!(
                        "operator {} passed its barrier without a snapshot",
                        table.uid
                    )),
                    _ => None,
                })
            };
            let waiting = self
                .tables
                .values()
                .any(|t| t.state == TableState::Running && t.reached < epoch);
            if broken.is_none() && waiting {
                return Ok(());
            }
            let Some((request, reply, asked)) = self.requests.pop_front() else {
                return Ok(());
            };
            if let Some(reason) = broken {
                self.reports.remove(&epoch);
                let _ = reply.send(Err(StateError::Protocol { epoch, reason }));
            } else {
                self.cut(request, reply, asked)?;
            }
            if let Some((next, ..)) = self.requests.front() {
                let earlier = next.epoch.saturating_sub(1);
                self.release(earlier)?;
            }
        }
        Ok(())
    }

    fn cut(
        &mut self,
        request: CheckpointRequest,
        reply: Reply,
        asked: Instant,
    ) -> Result<(), StateError> {
        let epoch = request.epoch;
        let image = self.images.join(format!("image-{epoch}"));
        let cut = self.db.cut(&image).and_then(|()| self.db.sizes());
        let sizes = match cut {
            Ok(sizes) => sizes,
            Err(error) => {
                let error = Arc::new(error);
                let _ = reply.send(Err(StateError::Stopped(Arc::clone(&error))));
                return Err(StateError::Stopped(error));
            }
        };
        let report = self.reports.remove(&epoch).unwrap_or_default();
        self.reports.retain(|&other, _| other > epoch);

        // Exact where every subtask knows its count, else what RocksDB estimates.
        let mut entries: BTreeMap<Arc<str>, Option<u64>> = BTreeMap::new();
        for table in self.tables.values() {
            let total = entries.entry(Arc::clone(&table.uid)).or_insert(Some(0));
            *total = total.zip(table.entries).map(|(total, more)| total + more);
        }
        let sizes = sizes
            .into_iter()
            .map(|mut size| {
                if let Some(Some(exact)) = entries.get(size.uid.as_str()) {
                    size.entries = *exact;
                }
                size
            })
            .collect();
        let commit = Commit {
            request,
            image,
            sizes,
            sync: report.sync,
            barrier_bytes: report.bytes,
            started: report.first.unwrap_or(asked).min(asked),
            reply,
        };
        if let Err(unsent) = self.commits.send(commit) {
            let reason = "the checkpoint thread is gone".to_owned();
            let _ = unsent
                .0
                .reply
                .send(Err(StateError::Protocol { epoch, reason }));
        }
        self.release(epoch)
    }

    /// The writer cannot go on; whoever comes from now on is told why.
    fn stop(&mut self, error: StateError) {
        let error = match error {
            StateError::Stopped(cause) => cause,
            error => Arc::new(error),
        };
        tracing::error!(%error, "the state writer stopped");
        for (_, reply, _) in self.requests.drain(..) {
            let _ = reply.send(Err(StateError::Stopped(Arc::clone(&error))));
        }
        for hand_over in self.held.drain(..) {
            self.budget.sub_in_flight(hand_over.changes.memory());
        }
        // Only the first failure counts, and only one is possible: it ends `handle`.
        let _ = self.progress.failure.set(error);
    }

    fn refuse(&mut self, message: Message) {
        match message {
            Message::HandOver(hand_over) => {
                self.budget.sub_in_flight(hand_over.changes.memory());
            }
            Message::Complete { reply, .. } => {
                if let Err(error) = self.progress.check() {
                    let _ = reply.send(Err(error));
                }
            }
            _ => {}
        }
    }
}
