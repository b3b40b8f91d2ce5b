//! The checkpoint store: complete checkpoints, their verification, retention and restore.
//!
//! ```text
//! checkpoints/
//!   sst/<instance>-000012.sst      shared by every checkpoint that needs it
//!   chk-000042/CURRENT …           the database's small files
//!   chk-000042/manifest.json       written last; without it there is no checkpoint
//! ```
//!
//! Table files never change and are kept once. Their names carry the id of the database instance
//! that made them, because file numbers start over when an older checkpoint is restored. A file is
//! removed only when no retained manifest names it, and only after a newer manifest is durable.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Rejected, StateError};
use crate::local_db::{FamilySize, OwnedDir};
use crate::manifest::{Blob, FileEntry, JobIdentity, MANIFEST_VERSION, Manifest, OperatorState};
use crate::objects::Objects;
use crate::state_dir::Lock;

const TABLES: &str = "sst";

/// The checkpoints of one job, newest last. Clones share it.
#[derive(Debug, Clone)]
pub struct CheckpointStore {
    objects: Objects,
    job: Option<JobIdentity>,
    /// Checkpoints found damaged in this process. They do not count as retained, and go once a
    /// newer one is complete.
    damaged: Arc<Mutex<BTreeSet<u64>>>,
    /// Held as long as anyone may write here.
    _lock: Option<Arc<Lock>>,
}

/// What [`CheckpointStore::latest`] found.
#[derive(Debug)]
pub struct Latest {
    /// The newest checkpoint that is whole; `None` when the job never completed one.
    pub manifest: Option<Manifest>,
    /// Newer ones that are not, the newest first: report these.
    pub rejected: Vec<Rejected>,
}

/// One line of [`CheckpointStore::list`].
#[derive(Debug)]
pub struct Listed {
    /// The checkpoint's number.
    pub epoch: u64,
    /// Its manifest, or why it cannot be read. The files are not compared here, see
    /// [`CheckpointStore::inspect`].
    pub manifest: Result<Manifest, StateError>,
}

/// What [`CheckpointStore::inspect`] found.
#[derive(Debug)]
pub struct Inspection {
    /// The manifest.
    pub manifest: Manifest,
    /// Everything that is wrong with its files; empty for a whole checkpoint.
    pub problems: Vec<StateError>,
}

/// A checkpoint to write.
pub(crate) struct Draft<'a> {
    pub(crate) epoch: u64,
    pub(crate) parallelism: u32,
    pub(crate) max_parallelism: u16,
    pub(crate) blobs: BTreeMap<String, Vec<Blob>>,
    pub(crate) sizes: Vec<FamilySize>,
    /// The hard-linked image of the database.
    pub(crate) image: &'a Path,
    /// Prefix of the names of table files this database instance makes.
    pub(crate) instance: &'a str,
    /// What each operator's state is.
    pub(crate) forms: &'a BTreeMap<String, String>,
    /// Table files the store has already, by their name in the database.
    pub(crate) known: &'a BTreeMap<String, FileEntry>,
}

/// The operator that state belongs to, and what is known of it: an operator with several tables names the
/// others after itself and a dot.
pub fn owner<'a, T>(uid: &str, operators: &'a BTreeMap<String, T>) -> Option<(&'a str, &'a T)> {
    let mut name = uid;
    loop {
        if let Some((owner, known)) = operators.get_key_value(name) {
            return Some((owner, known));
        }
        (name, _) = name.rsplit_once('.')?;
    }
}

fn folder(epoch: u64) -> String {
    format!("chk-{epoch:06}")
}

fn is_table(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "sst")
}

impl CheckpointStore {
    pub(crate) fn open(root: &Path, job: JobIdentity, lock: Arc<Lock>) -> Result<Self, StateError> {
        std::fs::create_dir_all(root.join(TABLES))
            .map_err(|e| StateError::io("create the directory", root, e))?;
        Ok(Self {
            objects: Objects::local(root)?,
            job: Some(job),
            damaged: Arc::default(),
            _lock: Some(lock),
        })
    }

    /// A store that has nothing and takes nothing: for state that is never kept.
    pub(crate) fn nowhere(root: &Path) -> Result<Self, StateError> {
        Ok(Self {
            objects: Objects::local(root)?,
            job: None,
            damaged: Arc::default(),
            _lock: None,
        })
    }

    /// The checkpoints below a state directory, to look at only: without a lock, whoever uses it.
    ///
    /// # Errors
    /// There is no such directory.
    pub fn read_only(state_dir: &Path) -> Result<Self, StateError> {
        let root = crate::state_dir::checkpoints_of(state_dir);
        if !root.is_dir() {
            let source = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(StateError::io("find checkpoints in", &root, source));
        }
        let objects = Objects::local(&root)?;
        Ok(Self {
            objects,
            job: None,
            damaged: Arc::default(),
            _lock: None,
        })
    }

    /// Where the checkpoints are.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.objects.root()
    }

    pub(crate) fn is_writable(&self) -> bool {
        self._lock.is_some()
    }

    /// The folder of a checkpoint.
    #[must_use]
    pub fn path_of(&self, epoch: u64) -> PathBuf {
        self.objects.path(&folder(epoch))
    }

    fn manifest_path(&self, epoch: u64) -> PathBuf {
        self.path_of(epoch).join("manifest.json")
    }

    /// The numbers of all folders, with or without a manifest, in order.
    fn epochs(&self) -> Result<Vec<u64>, StateError> {
        let mut epochs: Vec<u64> = self
            .objects
            .folders()?
            .iter()
            .filter_map(|name| name.strip_prefix("chk-")?.parse().ok())
            .collect();
        epochs.sort_unstable();
        Ok(epochs)
    }

    /// The number the next checkpoint can have: higher than any that was ever begun here.
    ///
    /// # Errors
    /// The store cannot be listed.
    pub fn next_epoch(&self) -> Result<u64, StateError> {
        Ok(self.epochs()?.last().map_or(1, |last| last + 1))
    }

    /// The manifest of a folder, `None` if it has none.
    fn manifest(&self, epoch: u64) -> Result<Option<Manifest>, StateError> {
        let object = format!("{}/manifest.json", folder(epoch));
        let Some(text) = self.objects.read(&object)? else {
            return Ok(None);
        };
        let path = self.objects.path(&object);
        let manifest = Manifest::from_json(&path, &text)?;
        if manifest.epoch != epoch {
            let reason = format!("it is the manifest of checkpoint {}", manifest.epoch);
            return Err(StateError::Corrupt { path, reason });
        }
        if let Some(job) = &self.job
            && job.fingerprint != manifest.job.fingerprint
        {
            return Err(StateError::OtherJob {
                path,
                found: manifest.job.name,
                expected: job.name.clone(),
            });
        }
        Ok(Some(manifest))
    }

    /// The newest checkpoint that is whole: its manifest and every file were read and compared.
    /// Damaged newer ones are passed over and reported, also as warnings in the log.
    ///
    /// # Errors
    /// - There are checkpoints but none is whole.
    /// - The newest is of another pipeline or of a newer Millstream: an older one would be the
    ///   wrong answer then.
    /// - The store cannot be listed.
    pub fn latest(&self) -> Result<Latest, StateError> {
        let mut rejected = Vec::new();
        for epoch in self.epochs()?.into_iter().rev() {
            let found = self.manifest(epoch).and_then(|found| match found {
                Some(manifest) => self.verify(&manifest).map(|()| Some(manifest)),
                None => Ok(None),
            });
            match found {
                Ok(Some(mut manifest)) => {
                    manifest.verified = true;
                    return Ok(Latest {
                        manifest: Some(manifest),
                        rejected,
                    });
                }
                // The run ended while it wrote this one.
                Ok(None) => tracing::debug!(epoch, "incomplete checkpoint passed over"),
                Err(error @ (StateError::OtherJob { .. } | StateError::TooNew { .. })) => {
                    return Err(error);
                }
                Err(error) => {
                    tracing::warn!(epoch, %error, "checkpoint cannot be used");
                    self.damaged
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .insert(epoch);
                    rejected.push(Rejected {
                        epoch,
                        error: Arc::new(error),
                    });
                }
            }
        }
        if rejected.is_empty() {
            Ok(Latest {
                manifest: None,
                rejected,
            })
        } else {
            let path = self.root().to_path_buf();
            Err(StateError::NoUsableCheckpoint { path, rejected })
        }
    }

    /// Reads every file of a checkpoint and compares size and checksum.
    ///
    /// # Errors
    /// The first file that is missing or differs.
    pub fn verify(&self, manifest: &Manifest) -> Result<(), StateError> {
        manifest
            .files
            .iter()
            .try_for_each(|file| self.verify_file(file))
    }

    fn verify_file(&self, file: &FileEntry) -> Result<(), StateError> {
        let corrupt = |reason: String| {
            Err(StateError::Corrupt {
                path: self.objects.path(&file.path),
                reason,
            })
        };
        match self.objects.digest(&file.path)? {
            None => corrupt("it is missing".to_owned()),
            Some(found) if found.bytes != file.bytes => corrupt(format!(
                "it has {} bytes, the checkpoint wrote {}",
                found.bytes, file.bytes
            )),
            Some(found) if found.crc32c != file.crc32c => corrupt(format!(
                "its checksum is {:08x}, the checkpoint wrote {:08x}",
                found.crc32c, file.crc32c
            )),
            Some(_) => Ok(()),
        }
    }

    /// All checkpoints that have a manifest, the oldest first.
    ///
    /// # Errors
    /// The store cannot be listed.
    pub fn list(&self) -> Result<Vec<Listed>, StateError> {
        let listed = self.epochs()?.into_iter().filter_map(|epoch| {
            let manifest = self.manifest(epoch).transpose()?;
            Some(Listed { epoch, manifest })
        });
        Ok(listed.collect())
    }

    /// One checkpoint and all that is wrong with it.
    ///
    /// # Errors
    /// There is no such checkpoint, or its manifest cannot be read.
    pub fn inspect(&self, epoch: u64) -> Result<Inspection, StateError> {
        let Some(manifest) = self.manifest(epoch)? else {
            let present = self
                .list()?
                .into_iter()
                .map(|listed| listed.epoch)
                .collect();
            let path = self.root().to_path_buf();
            return Err(StateError::NoSuchCheckpoint {
                path,
                epoch,
                present,
            });
        };
        let problems = manifest
            .files
            .iter()
            .filter_map(|file| self.verify_file(file).err());
        let problems: Vec<StateError> = problems.collect();
        Ok(Inspection {
            manifest: Manifest {
                verified: problems.is_empty(),
                ..manifest
            },
            problems,
        })
    }

    /// Writes a checkpoint: new table files, small files, then the manifest. Gives the manifest
    /// and the bytes that were new.
    pub(crate) fn write(&self, draft: Draft<'_>) -> Result<(Manifest, u64), StateError> {
        let Draft { epoch, image, .. } = draft;
        let Some(job) = self.job.clone().filter(|_| self.is_writable()) else {
            let reason = "the checkpoint store was opened for reading".to_owned();
            return Err(StateError::Protocol { epoch, reason });
        };
        let folder = folder(epoch);
        for leftover in self.objects.list(&folder)? {
            if leftover.ends_with("manifest.json") {
                let reason = format!("{} exists already", self.objects.path(&leftover).display());
                return Err(StateError::Protocol { epoch, reason });
            }
            self.objects.delete(&leftover)?;
        }

        let mut files = Vec::new();
        let mut new_bytes = 0;
        for (name, path) in files_of(image)? {
            if is_table(&name) {
                if let Some(known) = draft.known.get(&name) {
                    files.push(known.clone());
                    continue;
                }
                let object = format!("{TABLES}/{}-{name}", draft.instance);
                let digest = self.objects.put_file(&path, &object)?;
                new_bytes += digest.bytes;
                files.push(FileEntry {
                    name,
                    path: object,
                    bytes: digest.bytes,
                    crc32c: digest.crc32c,
                });
            } else {
                let content = std::fs::read(&path).map_err(|e| StateError::io("read", &path, e))?;
                // The unused write-ahead log.
                if content.is_empty() {
                    continue;
                }
                let object = format!("{folder}/{name}");
                let digest = self.objects.put(&object, content)?;
                new_bytes += digest.bytes;
                files.push(FileEntry {
                    name,
                    path: object,
                    bytes: digest.bytes,
                    crc32c: digest.crc32c,
                });
            }
        }

        let mut operators: BTreeMap<String, OperatorState> = BTreeMap::new();
        for size in draft.sizes {
            let operator = operators.entry(size.uid).or_default();
            operator.keyed = true;
            operator.bytes += size.bytes;
            operator.entries = size.entries;
        }
        for (uid, blobs) in draft.blobs {
            let operator = operators.entry(uid).or_default();
            operator.bytes += blobs
                .iter()
                .map(|blob| blob.bytes.len() as u64)
                .sum::<u64>();
            operator.blobs = blobs;
        }
        for (uid, operator) in &mut operators {
            operator.form =
                owner(uid, draft.forms).map_or_else(String::new, |(_, form)| form.clone());
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let manifest = Manifest {
            version: MANIFEST_VERSION,
            epoch,
            job,
            parallelism: draft.parallelism,
            max_parallelism: draft.max_parallelism,
            created_at_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            operators,
            files,
            checksum: None,
            verified: true,
        };
        let text = manifest.to_json(&self.manifest_path(epoch))?;
        new_bytes += text.len() as u64;
        self.objects
            .put(&format!("{folder}/manifest.json"), text.into_bytes())?;
        Ok((manifest, new_bytes))
    }

    /// Copies a checkpoint to a folder of its own, which needs nothing of this store: a savepoint. The
    /// folder appears when it is whole; [`read_only`](Self::read_only) opens it.
    ///
    /// # Errors
    /// The folder exists, cannot be written, or the checkpoint is damaged.
    pub fn export(&self, epoch: u64, folder: &Path) -> Result<Manifest, StateError> {
        let Some(manifest) = self.manifest(epoch)? else {
            let path = self.root().to_path_buf();
            let present = self.epochs()?;
            return Err(StateError::NoSuchCheckpoint {
                path,
                epoch,
                present,
            });
        };
        if folder.exists() {
            let source = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
            return Err(StateError::io("write the savepoint", folder, source));
        }
        let parent = folder.parent().unwrap_or(Path::new("."));
        let failed = |e| StateError::io("write the savepoint", folder, e);
        std::fs::create_dir_all(parent).map_err(failed)?;
        let unfinished = tempfile::Builder::new()
            .prefix(".savepoint-")
            .tempdir_in(parent)
            .map_err(failed)?;
        let root = crate::state_dir::checkpoints_of(unfinished.path());
        std::fs::create_dir_all(&root).map_err(failed)?;
        // Copies, not links: what damages one must not damage the other.
        let copied = self.copy(&manifest, &Objects::local(&root)?.copying(), None)?;
        std::fs::rename(unfinished.path(), folder).map_err(failed)?;
        crate::objects::sync_dir(parent)?;
        Ok(copied)
    }

    /// Takes the newest checkpoint of another store in, as one of this job's. Nothing may be here yet.
    ///
    /// # Errors
    /// There are checkpoints already, the other has none or a damaged one, or this store cannot be
    /// written.
    pub fn import(&self, other: &CheckpointStore) -> Result<Manifest, StateError> {
        let present = self.epochs()?;
        if let Some(&epoch) = present.last() {
            let reason = format!(
                "{} has checkpoints already; leave the savepoint out to go on from them, or start \
                 fresh to forget them",
                self.root().display()
            );
            return Err(StateError::Protocol { epoch, reason });
        }
        let Some(manifest) = other.latest()?.manifest else {
            return Err(StateError::NoSuchCheckpoint {
                path: other.root().to_path_buf(),
                epoch: 1,
                present: Vec::new(),
            });
        };
        other.copy(&manifest, &self.objects, self.job.clone())
    }

    /// Copies a checkpoint to other objects, the manifest last, as one of `job` if given.
    fn copy(
        &self,
        manifest: &Manifest,
        to: &Objects,
        job: Option<JobIdentity>,
    ) -> Result<Manifest, StateError> {
        for file in &manifest.files {
            let from = self.objects.path(&file.path);
            let digest = to.put_file(&from, &file.path)?;
            if digest.bytes != file.bytes || digest.crc32c != file.crc32c {
                return Err(StateError::Corrupt {
                    path: from,
                    reason: "it is not what the checkpoint wrote".to_owned(),
                });
            }
        }
        let copied = Manifest {
            job: job.unwrap_or_else(|| manifest.job.clone()),
            checksum: None,
            ..manifest.clone()
        };
        let object = format!("{}/manifest.json", folder(manifest.epoch));
        let text = copied.to_json(&to.path(&object))?;
        to.put(&object, text.into_bytes())?;
        Ok(copied)
    }

    /// Removes what the newest `retained` whole checkpoints do not need. Called after a manifest
    /// became durable, by the only thread that writes here.
    pub(crate) fn collect_garbage(&self, retained: usize) -> Result<(), StateError> {
        let damaged = self
            .damaged
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut keep = Vec::new();
        let mut drop = Vec::new();
        for epoch in self.epochs()?.into_iter().rev() {
            match self.manifest(epoch) {
                Ok(Some(manifest)) if keep.len() < retained && !damaged.contains(&epoch) => {
                    keep.push(manifest);
                }
                Ok(_) => drop.push(epoch),
                // What cannot be understood keeps nothing alive; what cannot be read right now, or
                // is not ours, may need any file, so nothing is removed this time.
                Err(StateError::Corrupt { .. }) => drop.push(epoch),
                Err(error) => return Err(error),
            }
        }
        let needed: BTreeSet<&str> = keep
            .iter()
            .flat_map(|m| m.files.iter().map(|file| file.path.as_str()))
            .collect();

        for epoch in drop {
            let folder = folder(epoch);
            // First the manifest: a checkpoint is whole or it is none.
            self.objects.delete(&format!("{folder}/manifest.json"))?;
            for file in self.objects.list(&folder)? {
                if !needed.contains(file.as_str()) {
                    self.objects.delete(&file)?;
                }
            }
            self.objects.remove_folder(&folder);
            self.damaged
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&epoch);
        }
        crate::objects::sync_dir(self.root())?;
        for table in self.objects.list(TABLES)? {
            if !needed.contains(table.as_str()) {
                self.objects.delete(&table)?;
            }
        }
        Ok(())
    }

    /// Brings the files of a checkpoint to `dir/db`, which becomes a database of its own.
    pub(crate) fn fetch(&self, manifest: &Manifest, dir: &OwnedDir) -> Result<(), StateError> {
        if !manifest.verified {
            self.verify(manifest)?;
        }
        let db = dir.0.join("db");
        std::fs::create_dir_all(&db).map_err(|e| StateError::io("create the directory", &db, e))?;
        for file in &manifest.files {
            // Names come from a file that someone may have edited.
            let plain = Path::new(&file.name).components().count() == 1
                && !file.name.starts_with('.')
                && !Path::new(&file.path).is_absolute()
                && !file.path.split('/').any(|part| part == "..");
            if !plain {
                return Err(StateError::Corrupt {
                    path: self.manifest_path(manifest.epoch),
                    reason: format!("{:?} is not the name of a database file", file.name),
                });
            }
            self.objects
                .fetch(&file.path, &db.join(&file.name), is_table(&file.name))?;
        }
        Ok(())
    }
}

/// The files of a directory by name.
fn files_of(dir: &Path) -> Result<Vec<(String, PathBuf)>, StateError> {
    let failed = |e| StateError::io("list", dir, e);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        files.push((
            entry.file_name().to_string_lossy().into_owned(),
            entry.path(),
        ));
    }
    files.sort_unstable();
    Ok(files)
}
