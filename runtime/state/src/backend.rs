//! The state backend of a process: tables, checkpoints and restore put together.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::budget::MemoryBudget;
use crate::codec::StateValue;
use crate::committer::Committer;
use crate::error::StateError;
use crate::key_group::{DEFAULT_MAX_PARALLELISM, MAX_MAX_PARALLELISM};
use crate::local_db::{LocalDb, Opening, OwnedDir};
use crate::manifest::{Blob, FileEntry, Manifest, OperatorState};
use crate::store::CheckpointStore;
use crate::table::{KeyedTable, TableLink};
use crate::writer::{Message, Progress, Writer};

const MIB: usize = 1 << 20;

/// How a [`StateBackend`] uses the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateOptions {
    /// Bytes for all keyed state of the process, the database's cache and buffers included.
    pub memory_budget: usize,
    /// Changed bytes that may wait for the next barrier; more trickle to the database before it.
    /// Bounds the pause at the barrier.
    pub dirty_bytes: usize,
    /// Number of key groups: the most subtasks an operator can ever have.
    pub max_parallelism: u16,
    /// Complete checkpoints to keep.
    pub retained: usize,
    /// What each operator's state is, by uid; goes into the manifests, so that a later run can tell
    /// whether it fits. Equal exactly when a state of one serves the other.
    pub forms: BTreeMap<String, String>,
}

impl Default for StateOptions {
    fn default() -> Self {
        Self {
            memory_budget: 1024 * MIB,
            dirty_bytes: 16 * MIB,
            max_parallelism: DEFAULT_MAX_PARALLELISM,
            retained: 3,
            forms: BTreeMap::new(),
        }
    }
}

impl StateOptions {
    fn check(&self) -> Result<(), StateError> {
        let wrong = |option, value: String, reason| {
            Err(StateError::Option {
                option,
                value,
                reason,
            })
        };
        if self.memory_budget < 16 * MIB {
            let reason = "keyed state needs at least 16 MiB";
            return wrong(
                "memory budget",
                format!("{} bytes", self.memory_budget),
                reason,
            );
        }
        if self.max_parallelism == 0 || self.max_parallelism > MAX_MAX_PARALLELISM {
            let reason = "it must be between 1 and 32768";
            return wrong(
                "pipeline.max-parallelism",
                self.max_parallelism.to_string(),
                reason,
            );
        }
        if self.retained == 0 {
            let reason = "at least one checkpoint must be kept";
            return wrong(
                "execution.checkpointing.num-retained",
                "0".to_owned(),
                reason,
            );
        }
        Ok(())
    }

    /// The database's share: enough for the filters and indices of the keys that spilled, little
    /// enough that memory is first of all for the tables.
    fn database_memory(&self) -> usize {
        self.memory_budget / 4
    }
}

/// What the master asks for when every subtask acknowledged a barrier.
#[derive(Debug, Clone)]
pub struct CheckpointRequest {
    /// The checkpoint's number.
    pub epoch: u64,
    /// The parallelism of this run.
    pub parallelism: u32,
    /// State of subtasks that is not keyed, by operator uid.
    pub blobs: BTreeMap<String, Vec<Blob>>,
}

/// A checkpoint that is durable.
#[derive(Debug, Clone)]
pub struct CompletedCheckpoint {
    /// What it consists of.
    pub manifest: Manifest,
    /// What it cost.
    pub stats: CheckpointStats,
}

/// What a checkpoint cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CheckpointStats {
    /// The checkpoint's number.
    pub epoch: u64,
    /// The longest that any operator's thread was held up, in milliseconds.
    pub sync_ms: f64,
    /// From the first snapshot to the durable manifest, in milliseconds.
    pub async_ms: f64,
    /// Bytes of all its files.
    pub bytes_total: u64,
    /// Bytes of these that no checkpoint had before.
    pub bytes_new: u64,
    /// Encoded bytes handed over at the barrier itself.
    pub barrier_bytes: u64,
}

/// Memory in use, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryStats {
    /// What all tables may hold together.
    pub limit: usize,
    /// What they hold.
    pub tables: usize,
    /// Handed over and not yet applied.
    pub in_flight: usize,
    /// Changed and not yet handed over (an estimate).
    pub dirty: usize,
}

/// A table in use and its key groups.
type OpenTable = (Arc<TableLink>, Range<u16>);

/// What tables need of the backend; outlives it while a table does.
pub(crate) struct Shared {
    pub(crate) db: Arc<LocalDb>,
    pub(crate) budget: Arc<MemoryBudget>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) max_parallelism: u16,
    messages: Sender<Message>,
    open: Mutex<BTreeMap<u64, OpenTable>>,
}

impl Shared {
    pub(crate) fn send(&self, message: Message) -> Result<(), StateError> {
        self.progress.check()?;
        self.messages.send(message).map_err(|unsent| {
            if let Message::HandOver(hand_over) = &unsent.0 {
                self.budget.sub_in_flight(hand_over.changes.memory());
            }
            StateError::Protocol {
                epoch: 0,
                reason: "the state backend was closed".to_owned(),
            }
        })
    }

    pub(crate) fn close_table(&self, link: &TableLink, finished: bool) {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&link.id);
        self.budget.remove_table();
        // A backend that is gone needs to know nothing.
        let _ = self.messages.send(Message::Close {
            id: link.id,
            finished,
        });
    }
}

/// All keyed state of a process: one database, one writer, one memory budget.
///
/// ```
/// use std::collections::BTreeMap;
/// use millstream_state::*;
/// # fn main() -> Result<(), StateError> {
/// # let home = tempfile::tempdir().map_err(|_| StateError::Option { option: "", value: String::new(), reason: "" })?;
/// # let path = home.path();
/// let job = JobIdentity { name: "fraud".into(), fingerprint: "samples/fraud".into() };
/// let dir = StateDir::open(path, job, Start::Resume)?;
/// let latest = dir.store().latest()?;
/// let backend = match &latest.manifest {
///     Some(manifest) => StateBackend::restore(&dir.local(), dir.store(), StateOptions::default(), manifest)?,
///     None => StateBackend::open(&dir.local(), dir.store(), StateOptions::default())?,
/// };
/// let epoch = backend.next_epoch()?;
///
/// // Each subtask opens its tables before the first barrier …
/// let mut counts = backend.table::<i64>("count-per-card", key_group_range(0, 1, 128))?;
/// let slot = counts.slot(stable_hash(b"card"), b"card")?;
/// *counts.get_mut(slot) += 1;
/// // … and at the barrier hands over what changed.
/// counts.snapshot(epoch)?;
///
/// // When all acknowledged, the master completes the checkpoint (on a thread that may wait).
/// let request = CheckpointRequest { epoch, parallelism: 1, blobs: BTreeMap::new() };
/// let done = backend.complete_checkpoint(request)?;
/// assert_eq!(done.manifest.operators["count-per-card"].entries, 1);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct StateBackend {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    store: CheckpointStore,
    next_table: AtomicU64,
    /// Bytes on disk for each operator when the backend was restored.
    restored: BTreeMap<String, OperatorState>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl StateBackend {
    /// Opens an empty backend. `local` is a directory for the local database, its content is
    /// rebuilt at every start.
    ///
    /// # Errors
    /// The options are out of range, or the directory cannot be written.
    pub fn open(
        local: &Path,
        store: CheckpointStore,
        options: StateOptions,
    ) -> Result<Self, StateError> {
        Self::start(local, store, &options, None, Opening::AtOnce)
    }

    /// Opens an empty backend that never makes a checkpoint and touches no disk as long as its
    /// state fits in memory: for looking at what a pipeline would do. What is made in the folder
    /// `scratch`, which must exist, goes with the backend.
    ///
    /// # Errors
    /// The options are out of range.
    pub fn scratch(scratch: &Path, options: &StateOptions) -> Result<Self, StateError> {
        Self::start(
            scratch,
            CheckpointStore::nowhere(scratch)?,
            options,
            None,
            Opening::WhenNeeded,
        )
    }

    /// Opens a backend with the state of a checkpoint, at whatever parallelism.
    ///
    /// # Errors
    /// As [`open`](Self::open); the checkpoint is damaged, or has another number of key groups.
    pub fn restore(
        local: &Path,
        store: CheckpointStore,
        options: StateOptions,
        manifest: &Manifest,
    ) -> Result<Self, StateError> {
        Self::start(local, store, &options, Some(manifest), Opening::AtOnce)
    }

    fn start(
        local: &Path,
        store: CheckpointStore,
        options: &StateOptions,
        manifest: Option<&Manifest>,
        opening: Opening,
    ) -> Result<Self, StateError> {
        options.check()?;
        let instance = uuid::Uuid::new_v4().simple().to_string();
        let dir = OwnedDir(local.join(&instance));
        if opening == Opening::AtOnce {
            std::fs::create_dir_all(&dir.0)
                .map_err(|e| StateError::io("create the directory", &dir.0, e))?;
        }
        let mut known = BTreeMap::new();
        let mut epoch = 0;
        let mut restored = BTreeMap::new();
        if let Some(manifest) = manifest {
            if manifest.max_parallelism != options.max_parallelism {
                return Err(StateError::MaxParallelism {
                    path: store.path_of(manifest.epoch).join("manifest.json"),
                    checkpoint: manifest.max_parallelism,
                    requested: options.max_parallelism,
                });
            }
            store.fetch(manifest, &dir)?;
            let table = |file: &FileEntry| (file.name.clone(), file.clone());
            known = manifest.files.iter().map(table).collect();
            epoch = manifest.epoch;
            restored.clone_from(&manifest.operators);
        }
        let database_memory = options.database_memory();
        let db = Arc::new(LocalDb::open(dir, database_memory, opening)?);
        let table_memory = options.memory_budget - database_memory;
        let budget = Arc::new(MemoryBudget::new(
            table_memory,
            options.dirty_bytes.min(table_memory / 4),
        ));
        let progress = Arc::new(Progress::new(epoch));
        let (messages, inbox) = channel();
        let (commits, commit_inbox) = channel();
        let writer = Writer::new(
            Arc::clone(&db),
            Arc::clone(&budget),
            Arc::clone(&progress),
            commits,
            epoch,
        );
        // Operators that left the pipeline keep theirs.
        let mut forms: BTreeMap<String, String> = restored
            .iter()
            .map(|(uid, operator)| (uid.clone(), operator.form.clone()))
            .collect();
        forms.extend(options.forms.clone());
        let committer = Committer {
            store: store.clone(),
            instance,
            forms,
            max_parallelism: options.max_parallelism,
            retained: options.retained,
            known,
        };
        let spawn = |name: &str, body: Box<dyn FnOnce() + Send>| {
            let thread = std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(body);
            thread.map_err(|e| StateError::io("start a thread for", local, e))
        };
        let threads = vec![
            spawn("state-writer", Box::new(move || writer.run(&inbox)))?,
            spawn(
                "state-commit",
                Box::new(move || committer.run(&commit_inbox)),
            )?,
        ];
        let shared = Arc::new(Shared {
            db,
            budget,
            progress,
            max_parallelism: options.max_parallelism,
            messages,
            open: Mutex::default(),
        });
        Ok(Self {
            inner: Arc::new(Inner {
                shared,
                store,
                next_table: AtomicU64::new(1),
                restored,
                threads: Mutex::new(threads),
            }),
        })
    }

    /// The number the next checkpoint must at least have: higher than any in the store, whole or
    /// not, and than any that this backend completed or gave up.
    ///
    /// # Errors
    /// The store cannot be listed.
    pub fn next_epoch(&self) -> Result<u64, StateError> {
        Ok(self
            .inner
            .store
            .next_epoch()?
            .max(self.inner.shared.progress.released() + 1))
    }

    /// The number of key groups.
    #[must_use]
    pub fn max_parallelism(&self) -> u16 {
        self.inner.shared.max_parallelism
    }

    /// Memory in use.
    #[must_use]
    pub fn memory(&self) -> MemoryStats {
        let budget = &self.inner.shared.budget;
        MemoryStats {
            limit: budget.limit(),
            tables: budget.tables(),
            in_flight: budget.in_flight(),
            dirty: budget.dirty(),
        }
    }

    /// Bytes in memory by the uid of the table, as of each table's last batch. An operator with
    /// several tables names the others after itself, see [`owner`](crate::owner).
    #[must_use]
    pub fn table_bytes(&self) -> BTreeMap<String, u64> {
        let open = self
            .inner
            .shared
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut bytes = BTreeMap::new();
        for (link, _) in open.values() {
            *bytes.entry(link.uid.to_string()).or_insert(0) += link.bytes.load(Ordering::Relaxed);
        }
        bytes
    }

    /// Operators with state in the restored checkpoint that nothing opened (yet): their node left
    /// the pipeline. Keyed state of theirs stays, and is in the next checkpoints too, so putting
    /// the node back finds it again. Ask after all tables are open, and tell the user.
    ///
    /// Blobs are the caller's to keep: pass those of these operators on with the next request.
    #[must_use]
    pub fn unclaimed(&self) -> Vec<(String, OperatorState)> {
        let open = self
            .inner
            .shared
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let unclaimed = self.inner.restored.iter().filter(|(uid, operator)| {
            operator.keyed
                && operator.bytes > 0
                && !open.values().any(|(other, _)| *other.uid == ***uid)
        });
        unclaimed
            .map(|(uid, operator)| (uid.clone(), operator.clone()))
            .collect()
    }

    /// Opens the keyed state of one subtask. All tables must be open before the first barrier.
    ///
    /// Restored state is brought into memory if it fits comfortably in the budget; otherwise keys
    /// are read as they are needed.
    ///
    /// # Errors
    /// The key groups are open already or out of range, or the state cannot be read.
    pub fn table<V: StateValue>(
        &self,
        uid: &str,
        key_groups: Range<u16>,
    ) -> Result<KeyedTable<V>, StateError> {
        let shared = &self.inner.shared;
        let refuse = |reason: String| {
            Err(StateError::Table {
                uid: uid.to_owned(),
                reason,
            })
        };
        if uid.is_empty() || uid == "default" || uid.contains('\0') {
            return refuse("this name is reserved".to_owned());
        }
        if key_groups.end > shared.max_parallelism || key_groups.start > key_groups.end {
            return refuse(format!(
                "key groups {key_groups:?} are not within 0..{}",
                shared.max_parallelism
            ));
        }
        shared.progress.check()?;
        shared.db.create_family(uid)?;
        let link = Arc::new(TableLink {
            id: self.inner.next_table.fetch_add(1, Ordering::Relaxed),
            uid: Arc::from(uid),
            applied: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        });
        {
            let mut open = shared.open.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = open.values().find(|(other, groups)| {
                *other.uid == *uid && groups.start < key_groups.end && key_groups.start < groups.end
            });
            if let Some((_, groups)) = taken {
                let groups = groups.clone();
                drop(open);
                return refuse(format!("another subtask has key groups {groups:?} open"));
            }
            open.insert(link.id, (Arc::clone(&link), key_groups.clone()));
        }
        shared.budget.add_table();
        let epoch = shared.progress.released();
        let mut table = KeyedTable::open(
            Arc::clone(shared),
            Arc::clone(&link),
            key_groups.clone(),
            epoch,
            Some(0),
        );
        // From here on dropping the table closes it again.
        shared.send(Message::Open { table: link, epoch })?;
        if let Some(restored) = self
            .inner
            .restored
            .get(uid)
            .filter(|operator| operator.keyed)
        {
            self.preload(&mut table, restored, key_groups)?;
        }
        Ok(table)
    }

    fn preload<V: StateValue>(
        &self,
        table: &mut KeyedTable<V>,
        restored: &OperatorState,
        key_groups: Range<u16>,
    ) -> Result<(), StateError> {
        let shared = &self.inner.shared;
        let room = shared.budget.limit().saturating_sub(shared.budget.used());
        let share = key_groups.len() as f64 / f64::from(shared.max_parallelism);
        // Entries in memory are several times their compressed size on disk.
        let expected = restored.bytes as f64 * share * 4.0;
        if expected > room as f64 * 0.5 {
            table.preloaded(None);
            return Ok(());
        }
        let mut whole = true;
        let uid = table.uid().to_owned();
        shared.db.scan(&uid, key_groups, |key, stored| {
            if table.charged() > room / 2 {
                whole = false;
                return Ok(ControlFlow::Break(()));
            }
            table.preload(key, stored)?;
            Ok(ControlFlow::Continue(()))
        })?;
        table.preloaded(whole.then_some(0));
        Ok(())
    }

    /// Completes a checkpoint after every subtask acknowledged its barrier, and waits until it is
    /// durable. Call it on a thread that may block.
    ///
    /// Checkpoints with a lower number that were not completed are given up.
    ///
    /// # Errors
    /// The checkpoint cannot be completed. The one before is intact; whether the job goes on is
    /// the caller's choice, unless the writer itself stopped ([`StateError::Stopped`]).
    pub fn complete_checkpoint(
        &self,
        request: CheckpointRequest,
    ) -> Result<CompletedCheckpoint, StateError> {
        let epoch = request.epoch;
        let (reply, answer) = sync_channel(1);
        self.inner
            .shared
            .send(Message::Complete { request, reply })?;
        answer.recv().unwrap_or_else(|_| {
            let reason = "the state backend was closed".to_owned();
            Err(StateError::Protocol { epoch, reason })
        })
    }

    /// Gives a checkpoint up: what was handed over for it belongs to the next one. For a barrier
    /// that some subtask declined or that took too long.
    ///
    /// # Errors
    /// The writer stopped.
    pub fn abort_checkpoint(&self, epoch: u64) -> Result<(), StateError> {
        self.inner.shared.send(Message::Abort { epoch })
    }
}

impl std::fmt::Debug for StateBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateBackend")
            .field("store", &self.inner.store.root())
            .field("memory", &self.memory())
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The writer may have stopped by itself.
        let _ = self.shared.messages.send(Message::Shutdown);
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the state backend panicked");
            }
        }
    }
}
