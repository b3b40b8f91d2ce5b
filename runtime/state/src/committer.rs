//! The second thread of the backend: copies an image to the checkpoint store and completes it.
//!
//! A failure here fails that one checkpoint. What it copied is not referred to by any manifest, so
//! the next one copies it again, and the garbage collection takes the rest.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use crate::backend::{CheckpointRequest, CheckpointStats, CompletedCheckpoint};
use crate::error::StateError;
use crate::local_db::{FamilySize, OwnedDir};
use crate::manifest::FileEntry;
use crate::store::{CheckpointStore, Draft};
use crate::writer::Reply;

/// Tries to write a checkpoint this often before it fails.
const ATTEMPTS: u32 = 3;

/// An image that was cut.
pub(crate) struct Commit {
    pub(crate) request: CheckpointRequest,
    pub(crate) image: PathBuf,
    pub(crate) sizes: Vec<FamilySize>,
    pub(crate) sync: Duration,
    pub(crate) barrier_bytes: u64,
    pub(crate) started: Instant,
    pub(crate) reply: Reply,
}

pub(crate) struct Committer {
    pub(crate) store: CheckpointStore,
    pub(crate) instance: String,
    pub(crate) max_parallelism: u16,
    pub(crate) retained: usize,
    /// What each operator's state is.
    pub(crate) forms: BTreeMap<String, String>,
    /// The table files of the last complete checkpoint of this database, by name: the store has
    /// these, and keeps them while that checkpoint is the newest.
    pub(crate) known: BTreeMap<String, FileEntry>,
}

impl Committer {
    /// The body of the thread.
    pub(crate) fn run(mut self, commits: &Receiver<Commit>) {
        while let Ok(commit) = commits.recv() {
            let Commit {
                request,
                image,
                sizes,
                sync,
                barrier_bytes,
                started,
                reply,
            } = commit;
            let image = OwnedDir(image);
            let completed = self
                .commit(request, &image, sizes)
                .map(|(manifest, bytes_new)| {
                    let stats = CheckpointStats {
                        epoch: manifest.epoch,
                        sync_ms: millis(sync),
                        async_ms: millis(started.elapsed()),
                        bytes_total: manifest.total_bytes(),
                        bytes_new,
                        barrier_bytes,
                    };
                    CompletedCheckpoint { manifest, stats }
                });
            drop(image);
            let collect = completed.is_ok();
            // Whoever asked may have gone; the checkpoint is complete all the same.
            let _ = reply.send(completed);
            if collect && let Err(error) = self.store.collect_garbage(self.retained) {
                tracing::warn!(%error, "old checkpoints stay for now");
            }
        }
    }

    fn commit(
        &mut self,
        request: CheckpointRequest,
        image: &OwnedDir,
        sizes: Vec<FamilySize>,
    ) -> Result<(crate::manifest::Manifest, u64), StateError> {
        let mut attempt = 1;
        let (manifest, bytes_new) = loop {
            let draft = Draft {
                epoch: request.epoch,
                parallelism: request.parallelism,
                max_parallelism: self.max_parallelism,
                blobs: request.blobs.clone(),
                sizes: sizes.clone(),
                image: &image.0,
                instance: &self.instance,
                forms: &self.forms,
                known: &self.known,
            };
            match self.store.write(draft) {
                Ok(written) => break written,
                Err(error) if attempt < ATTEMPTS && is_transient(&error) => {
                    tracing::warn!(%error, attempt, "writing a checkpoint failed, trying again");
                    std::thread::sleep(Duration::from_millis(50 << attempt));
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        };
        self.known = manifest
            .files
            .iter()
            .map(|f| (f.name.clone(), f.clone()))
            .collect();
        Ok((manifest, bytes_new))
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Worth another try: not what stays wrong, like a full or read-only disk.
fn is_transient(error: &StateError) -> bool {
    use std::io::ErrorKind::{Interrupted, Other, TimedOut, WouldBlock};
    matches!(error, StateError::Io { source, .. }
        if matches!(source.kind(), Interrupted | Other | TimedOut | WouldBlock))
}
