//! Files of the checkpoint store: object_store behind a blocking face, durable.
//!
//! Everything put here is on the disk when the call returns (synced, and its directory too), and a
//! put is atomic: a reader sees all of an object or none. Large immutable files on the same file
//! system are hard-linked instead of copied; RocksDB never changes a file in place.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::executor::block_on;
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;
use object_store::{GetResultPayload, ObjectStore, ObjectStoreExt};

use crate::error::StateError;

/// Bytes read at once for a checksum.
const CHUNK: usize = 1 << 20;

/// Bytes of one part of a copied object.
const PART: usize = 8 << 20;

#[derive(Debug, Clone)]
pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
    root: PathBuf,
    link: bool,
}

/// Size and CRC-32C of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) bytes: u64,
    pub(crate) crc32c: u32,
}

impl Digest {
    const EMPTY: Digest = Digest {
        bytes: 0,
        crc32c: 0,
    };

    fn add(&mut self, chunk: &[u8]) {
        self.bytes += chunk.len() as u64;
        self.crc32c = crc32c::crc32c_append(self.crc32c, chunk);
    }
}

impl Objects {
    /// The objects below a local directory, which must exist.
    pub(crate) fn local(root: &Path) -> Result<Self, StateError> {
        let store = LocalFileSystem::new_with_prefix(root)
            .map_err(|e| failed("open", root, e))?
            .with_fsync(true);
        Ok(Self {
            store: Arc::new(store),
            root: root.to_path_buf(),
            link: true,
        })
    }

    /// Copies files even where a link would do.
    pub(crate) fn copying(mut self) -> Self {
        self.link = false;
        self
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where an object is, for messages.
    pub(crate) fn path(&self, object: &str) -> PathBuf {
        self.root.join(object)
    }

    pub(crate) fn put(&self, object: &str, content: Vec<u8>) -> Result<Digest, StateError> {
        let digest = Digest {
            bytes: content.len() as u64,
            crc32c: crc32c::crc32c(&content),
        };
        block_on(self.store.put(&Location::from(object), content.into()))
            .map_err(|e| failed("write", &self.path(object), e))?;
        Ok(digest)
    }

    /// Puts a file that never changes again.
    pub(crate) fn put_file(&self, from: &Path, object: &str) -> Result<Digest, StateError> {
        let target = self.path(object);
        if self.link {
            if let Some(parent) = target.parent() {
                std::fs::create_dir_all(parent)
                    .map_err(|e| StateError::io("create the directory", parent, e))?;
            }
            // A leftover of a checkpoint that was never completed; nothing refers to it.
            match std::fs::remove_file(&target) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(StateError::io("replace", &target, e));
                }
                _ => {}
            }
            if std::fs::hard_link(from, &target).is_ok() {
                let file = File::open(&target).map_err(|e| StateError::io("read", &target, e))?;
                file.sync_all()
                    .map_err(|e| StateError::io("sync", &target, e))?;
                if let Some(parent) = target.parent() {
                    sync_dir(parent)?;
                }
                return digest(file).map_err(|e| StateError::io("read", &target, e));
            }
        }
        let mut file = File::open(from).map_err(|e| StateError::io("read", from, e))?;
        let mut digest = Digest::EMPTY;
        block_on(async {
            let broken = |e| failed("write", &target, e);
            let mut upload = self
                .store
                .put_multipart(&Location::from(object))
                .await
                .map_err(broken)?;
            loop {
                let mut part = Vec::with_capacity(PART);
                let read = (&mut file).take(PART as u64).read_to_end(&mut part);
                if let Err(error) = read {
                    // The copy is unfinished either way; the reading error is the one to tell.
                    let _ = upload.abort().await;
                    return Err(StateError::io("read", from, error));
                }
                if part.is_empty() {
                    break;
                }
                digest.add(&part);
                upload.put_part(part.into()).await.map_err(broken)?;
            }
            upload.complete().await.map_err(broken)?;
            Ok(digest)
        })
    }

    /// `None` when there is no such object.
    pub(crate) fn read(&self, object: &str) -> Result<Option<Bytes>, StateError> {
        let read = block_on(async {
            match self.store.get(&Location::from(object)).await {
                Ok(found) => found.bytes().await.map(Some),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        });
        read.map_err(|e| failed("read", &self.path(object), e))
    }

    /// `None` when there is no such object.
    pub(crate) fn digest(&self, object: &str) -> Result<Option<Digest>, StateError> {
        let path = self.path(object);
        block_on(async {
            let found = match self.store.get(&Location::from(object)).await {
                Ok(found) => found,
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(failed("read", &path, error)),
            };
            match found.payload {
                GetResultPayload::File(file, _) => digest(file)
                    .map(Some)
                    .map_err(|e| StateError::io("read", &path, e)),
                GetResultPayload::Stream(mut chunks) => {
                    let mut digest = Digest::EMPTY;
                    while let Some(chunk) = chunks.next().await {
                        digest.add(&chunk.map_err(|e| failed("read", &path, e))?);
                    }
                    Ok(Some(digest))
                }
            }
        })
    }

    /// Brings an object to a local file, by a link when it never changes and that is possible.
    pub(crate) fn fetch(&self, object: &str, target: &Path, link: bool) -> Result<(), StateError> {
        let from = self.path(object);
        if link && self.link && std::fs::hard_link(&from, target).is_ok() {
            return Ok(());
        }
        let missing = || StateError::Corrupt {
            path: from.clone(),
            reason: "it is missing".into(),
        };
        block_on(async {
            let found = match self.store.get(&Location::from(object)).await {
                Ok(found) => found,
                Err(object_store::Error::NotFound { .. }) => return Err(missing()),
                Err(error) => return Err(failed("read", &from, error)),
            };
            let mut file = File::create(target).map_err(|e| StateError::io("create", target, e))?;
            let copied = match found.payload {
                GetResultPayload::File(mut source, _) => io::copy(&mut source, &mut file).map(drop),
                GetResultPayload::Stream(mut chunks) => {
                    let mut written = Ok(());
                    while let Some(chunk) = chunks.next().await {
                        let chunk = chunk.map_err(|e| failed("read", &from, e))?;
                        written = io::Write::write_all(&mut file, &chunk);
                        if written.is_err() {
                            break;
                        }
                    }
                    written
                }
            };
            copied.map_err(|e| StateError::io("write", target, e))
        })
    }

    /// The names directly below the store that end with `/`, and are not files.
    pub(crate) fn folders(&self) -> Result<Vec<String>, StateError> {
        let listed = block_on(self.store.list_with_delimiter(None))
            .map_err(|e| failed("list", &self.root, e))?;
        Ok(listed
            .common_prefixes
            .iter()
            .map(|p| p.as_ref().to_owned())
            .collect())
    }

    /// Every object below a folder.
    pub(crate) fn list(&self, folder: &str) -> Result<Vec<String>, StateError> {
        let location = Location::from(folder);
        block_on(
            self.store
                .list(Some(&location))
                .map_ok(|found| found.location.to_string())
                .try_collect(),
        )
        .map_err(|e| failed("list", &self.path(folder), e))
    }

    /// Removes an object; one that is gone already is fine.
    pub(crate) fn delete(&self, object: &str) -> Result<(), StateError> {
        match block_on(self.store.delete(&Location::from(object))) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("remove", &self.path(object), error)),
        }
    }

    /// Removes a folder that is empty; one that is not stays.
    pub(crate) fn remove_folder(&self, folder: &str) {
        if let Err(error) = std::fs::remove_dir(self.path(folder)) {
            tracing::debug!(folder, %error, "an empty checkpoint folder stays");
        }
    }
}

/// Makes the entries of a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StateError> {
    // Only Unix lets a directory be synced; elsewhere renames are durable enough or nothing helps.
    if cfg!(unix) {
        File::open(dir)
            .and_then(|dir| dir.sync_all())
            .map_err(|e| StateError::io("sync the directory", dir, e))?;
    }
    Ok(())
}

fn digest(mut file: File) -> io::Result<Digest> {
    let mut digest = Digest::EMPTY;
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(digest),
            n => digest.add(&chunk[..n]),
        }
    }
}

/// Finds the operating system's error below object_store's, which tells what to do.
fn failed(action: &'static str, path: &Path, error: object_store::Error) -> StateError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(current) = cause {
        if let Some(found) = current.downcast_ref::<io::Error>() {
            let source = match found.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(found.kind(), found.to_string()),
            };
            return StateError::io(action, path, source);
        }
        cause = current.source();
    }
    StateError::io(action, path, io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linked_and_copied_files_are_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("source");
        let content: Vec<u8> = (0..9_000_000u32).map(|n| (n * 7) as u8).collect();
        std::fs::write(&source, &content).unwrap();
        let root = dir.path().join("store");
        std::fs::create_dir(&root).unwrap();
        let linked = Objects::local(&root).unwrap();
        let copied = linked.clone().copying();
        let expected = Digest {
            bytes: 9_000_000,
            crc32c: crc32c::crc32c(&content),
        };
        assert_eq!(linked.put_file(&source, "sst/a").unwrap(), expected);
        assert_eq!(linked.put_file(&source, "sst/a").unwrap(), expected);
        assert_eq!(copied.put_file(&source, "sst/b").unwrap(), expected);
        assert_eq!(copied.digest("sst/b").unwrap(), Some(expected));
        assert_eq!(linked.digest("sst/c").unwrap(), None);
        for (objects, name) in [(&linked, "1"), (&copied, "2")] {
            let target = dir.path().join(name);
            objects.fetch("sst/b", &target, true).unwrap();
            assert_eq!(std::fs::read(target).unwrap(), content);
        }
        let mut listed = linked.list("sst").unwrap();
        listed.sort();
        assert_eq!(listed, ["sst/a", "sst/b"]);
        assert_eq!(linked.folders().unwrap(), ["sst"]);
        linked.delete("sst/a").unwrap();
        linked.delete("sst/a").unwrap();
        assert_eq!(linked.read("sst/a").unwrap(), None);
    }
}
