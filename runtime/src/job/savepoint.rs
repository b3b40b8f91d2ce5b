//! Savepoints: checkpoints that the user asks for and keeps.
//!
//! A savepoint is a folder with one checkpoint and all its files. A job that runs is asked for one through
//! its state directory: whoever wants it writes a request there, the job takes a checkpoint (its last, if it
//! shall stop), copies it to its place and writes an answer. The newest checkpoint of a job that does
//! not run is copied as it is.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use millstream_state::{CheckpointStore, Manifest, StateDir};
use serde::{Deserialize, Serialize};

const REQUEST: &str = "savepoint.request";
const ANSWER: &str = "savepoint.answer";

/// How often an answer is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// What is asked of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The folder that savepoints are collected in.
    pub folder: PathBuf,
    /// Stop behind it.
    pub stop: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    savepoint: Option<PathBuf>,
    error: Option<String>,
}

/// Writes a file so that nobody sees half of it.
fn write(path: &Path, content: &impl Serialize) -> Result<()> {
    let unfinished = path.with_extension("unfinished");
    let failed = || format!("cannot write {}", path.display());
    std::fs::write(&unfinished, serde_json::to_vec(content)?).with_context(failed)?;
    std::fs::rename(&unfinished, path).with_context(failed)
}

/// Takes the request that stands in a state directory, if there is one.
pub(super) fn take_request(state_dir: &Path) -> Option<Request> {
    let path = state_dir.join(REQUEST);
    let text = std::fs::read(&path).ok()?;
    let request = serde_json::from_slice(&text);
    if let Err(error) = std::fs::remove_file(&path) {
        tracing::warn!(%error, "a request for a savepoint cannot be removed");
        return None;
    }
    match request {
        Ok(request) => Some(request),
        Err(error) => {
            answer(
                state_dir,
                &Err(anyhow!("the request cannot be read: {error}")),
            );
            None
        }
    }
}

/// Forgets what a former run did not answer.
pub(super) fn forget_requests(state_dir: &Path) {
    for file in [REQUEST, ANSWER] {
        // There usually is none.
        let _ = std::fs::remove_file(state_dir.join(file));
    }
}

/// Tells whoever asked what became of it.
pub(super) fn answer(state_dir: &Path, done: &Result<PathBuf>) {
    let answer = match done {
        Ok(path) => Answer {
            savepoint: Some(path.clone()),
            error: None,
        },
        Err(error) => Answer {
            savepoint: None,
            error: Some(format!("{error:#}")),
        },
    };
    if let Err(error) = write(&state_dir.join(ANSWER), &answer) {
        tracing::warn!(%error, "nobody can be told of the savepoint");
    }
}

/// Copies a checkpoint into `folder`, named after the job and its number.
pub(super) fn export(store: &CheckpointStore, epoch: u64, folder: &Path) -> Result<PathBuf> {
    let name = match store.list()?.into_iter().find(|l| l.epoch == epoch) {
        Some(listed) => listed.manifest?.job.name,
        None => "job".to_owned(),
    };
    let slug: String = name
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || c == '-' || c == '_' {
                c
            } else {
                '-'
            }
        })
        .collect();
    let folder = std::path::absolute(folder)
        .with_context(|| format!("{} is no place for a savepoint", folder.display()))?;
    let path = folder.join(format!("{slug}-{epoch:06}"));
    store.export(epoch, &path)?;
    Ok(path)
}

/// Makes a savepoint of the job with this state directory, whether it runs or not, in `request.folder`.
///
/// # Errors
/// The job has no checkpoint, did not answer within `patience`, or the savepoint cannot be written.
pub fn create(state_dir: &Path, request: &Request, patience: Duration) -> Result<PathBuf> {
    if !StateDir::is_in_use(state_dir)? {
        let store = CheckpointStore::read_only(state_dir)?;
        let Some(manifest) = store.latest()?.manifest else {
            bail!("{} has no checkpoint yet", state_dir.display());
        };
        return export(&store, manifest.epoch, &request.folder);
    }
    let path = state_dir.join(ANSWER);
    // That of a question before.
    let _ = std::fs::remove_file(&path);
    let folder = std::path::absolute(&request.folder)?;
    let request = Request {
        folder,
        ..request.clone()
    };
    write(&state_dir.join(REQUEST), &request)?;
    let begun = Instant::now();
    loop {
        if let Ok(text) = std::fs::read(&path) {
            let answer: Answer =
                serde_json::from_slice(&text).context("the job's answer cannot be read")?;
            // It was for this question only.
            let _ = std::fs::remove_file(&path);
            return match (answer.savepoint, answer.error) {
                (Some(savepoint), _) => Ok(savepoint),
                (None, error) => Err(anyhow!(error.unwrap_or_default())),
            };
        }
        if begun.elapsed() > patience {
            // It is too late for it now.
            let _ = std::fs::remove_file(state_dir.join(REQUEST));
            bail!(
                "the job made no savepoint within {} s; it goes on running",
                patience.as_secs()
            );
        }
        if !StateDir::is_in_use(state_dir)? && !path.exists() {
            bail!(
                "the job ended before it made the savepoint; ask again for one of its last checkpoint"
            );
        }
        std::thread::sleep(LOOK);
    }
}

/// The checkpoint in a savepoint.
///
/// # Errors
/// It is no savepoint, or a damaged one.
pub fn read(savepoint: &Path) -> Result<Manifest> {
    let store = CheckpointStore::read_only(savepoint)
        .with_context(|| format!("{} is no savepoint", savepoint.display()))?;
    match store.latest()?.manifest {
        Some(manifest) => Ok(manifest),
        None => bail!("{} holds no checkpoint", savepoint.display()),
    }
}

/// The savepoints in a folder: those that can be read, and why others cannot.
///
/// # Errors
/// The folder cannot be listed.
pub fn list(folder: &Path) -> Result<Vec<(PathBuf, Result<Manifest>)>> {
    let failed = || format!("cannot list {}", folder.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.join("checkpoints").is_dir() {
            let manifest = read(&path);
            found.push((path, manifest));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}
