//! The state directory of a job: who it belongs to, and that only one process uses it.
//!
//! ```text
//! <state-dir>/
//!   lock            locked while a run uses the directory; the system unlocks it when that dies
//!   job.json        the pipeline it belongs to
//!   checkpoints/    see [`crate::CheckpointStore`]
//!   local/          the database of the current run, rebuilt from a checkpoint at every start
//! ```

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::StateError;
use crate::manifest::JobIdentity;
use crate::objects::sync_dir;
use crate::store::CheckpointStore;

const JOB_VERSION: u32 = 1;

/// What to do with state that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Go on where the last run stopped.
    Resume,
    /// Discard it, also that of another pipeline.
    Fresh,
}

/// A locked state directory.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    store: CheckpointStore,
}

/// The lock on a state directory; released when dropped or when the process dies.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

#[derive(Serialize, Deserialize)]
struct JobFile {
    version: u32,
    job: JobIdentity,
}

pub(crate) fn checkpoints_of(state_dir: &Path) -> PathBuf {
    state_dir.join("checkpoints")
}

impl StateDir {
    /// Locks the directory for this process, creating it when it is not there.
    ///
    /// # Errors
    /// It cannot be written, another run holds it, or (unless started fresh) it belongs to another
    /// pipeline.
    pub fn open(path: &Path, job: JobIdentity, start: Start) -> Result<Self, StateError> {
        std::fs::create_dir_all(path)
            .map_err(|e| StateError::io("create the state directory", path, e))?;
        let lock = Arc::new(Lock::take(path)?);
        let checkpoints = checkpoints_of(path);
        let local = path.join("local");
        let job_file = path.join("job.json");
        let owner = read_job(&job_file)?;
        if owner.is_none() && checkpoints.exists() {
            return Err(StateError::Corrupt {
                path: job_file,
                reason: "it is missing although there is a folder named checkpoints; if this is \
                         not a state directory of Millstream choose another, else move that \
                         folder away"
                    .to_owned(),
            });
        }
        match start {
            Start::Resume => {
                if let Some(owner) = &owner
                    && owner.fingerprint != job.fingerprint
                {
                    return Err(StateError::OtherJob {
                        path: path.to_path_buf(),
                        found: owner.name.clone(),
                        expected: job.name,
                    });
                }
            }
            Start::Fresh => remove_tree(&checkpoints)?,
        }
        // Whatever a run that died left behind.
        remove_tree(&local)?;
        std::fs::create_dir_all(&local)
            .map_err(|e| StateError::io("create the directory", &local, e))?;
        if owner.as_ref() != Some(&job) {
            write_job(path, &job_file, &job)?;
        }
        let store = CheckpointStore::open(&checkpoints, job, lock)?;
        Ok(Self {
            path: path.to_path_buf(),
            store,
        })
    }

    /// Whether a run uses the directory.
    ///
    /// # Errors
    /// The lock cannot be looked at.
    pub fn is_in_use(path: &Path) -> Result<bool, StateError> {
        let lock = path.join("lock");
        let file = match File::open(&lock) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(StateError::io("read", &lock, e)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(e)) => Err(StateError::io("lock", &lock, e)),
        }
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The checkpoints in it. The store keeps the lock as long as it lives.
    #[must_use]
    pub fn store(&self) -> CheckpointStore {
        self.store.clone()
    }

    /// Where the local database goes.
    #[must_use]
    pub fn local(&self) -> PathBuf {
        self.path.join("local")
    }
}

impl Lock {
    fn take(state_dir: &Path) -> Result<Self, StateError> {
        let path = state_dir.join("lock");
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| StateError::io("lock the state directory with", &path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Only for the message; a lock just taken may have no id in it yet.
                let holder = match file.read_to_string(&mut holder) {
                    Ok(_) => holder.trim().parse().ok(),
                    Err(_) => None,
                };
                return Err(StateError::Locked {
                    path: state_dir.to_path_buf(),
                    holder,
                });
            }
            Err(TryLockError::Error(e)) => return Err(StateError::io("lock", &path, e)),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(|e| StateError::io("write", &path, e))?;
        Ok(Self { _file: file })
    }
}

fn read_job(path: &Path) -> Result<Option<JobIdentity>, StateError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(StateError::io("read", path, e)),
    };
    let found: JobFile = serde_json::from_slice(&text).map_err(|e| StateError::Corrupt {
        path: path.to_path_buf(),
        reason: format!("it does not name the pipeline this state belongs to ({e})"),
    })?;
    if found.version > JOB_VERSION {
        return Err(StateError::TooNew {
            path: path.to_path_buf(),
            found: found.version,
            supported: JOB_VERSION,
        });
    }
    Ok(Some(found.job))
}

fn write_job(dir: &Path, path: &Path, job: &JobIdentity) -> Result<(), StateError> {
    let file = JobFile {
        version: JOB_VERSION,
        job: job.clone(),
    };
    let text = serde_json::to_string_pretty(&file).map_err(|e| StateError::Corrupt {
        path: path.to_path_buf(),
        reason: format!("it cannot be written as JSON: {e}"),
    })?;
    let failed = |e: io::Error| StateError::io("write", path, e);
    let mut temporary = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
    temporary.write_all(text.as_bytes()).map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    temporary.persist(path).map_err(|e| failed(e.error))?;
    sync_dir(dir)
}

fn remove_tree(path: &Path) -> Result<(), StateError> {
    match std::fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(StateError::io("remove", path, e)),
    }
}
