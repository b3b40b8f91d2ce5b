//! The files by which a job is found: its address while it runs, and its last words.
//!
//! Both stand in the job's state directory; [`Registry`](crate::registry::Registry) finds it
//! wherever that is. The address goes when the job ends in good order; one
//! that is left behind names a process that is gone ([`JobAddress::is_stale`]).

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::api::{JobStatus, Metrics};

/// The file with the address of a job that runs.
pub const ADDRESS: &str = "api.json";

/// The file with what a job said last.
pub const LAST: &str = "last.json";

/// How to reach a running job. The file is for its owner's eyes only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobAddress {
    /// `http://127.0.0.1:40123`.
    pub url: String,
    /// Goes into the header `Authorization: Bearer …`.
    pub token: String,
    /// The job's process.
    pub pid: u32,
    /// The pipeline's name.
    pub pipeline: String,
    /// The pipeline's or script's file.
    pub file: Option<PathBuf>,
    /// Where its checkpoints are; `None` if they go with it.
    #[serde(default)]
    pub state_dir: Option<PathBuf>,
    /// When the job began: milliseconds since 1970.
    pub started_at_ms: i64,
}

impl std::fmt::Debug for JobAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token is nobody's business.
        f.debug_struct("JobAddress")
            .field("url", &self.url)
            .field("pid", &self.pid)
            .field("pipeline", &self.pipeline)
            .finish_non_exhaustive()
    }
}

/// What a job said last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastWords {
    /// How it ended.
    pub status: JobStatus,
    /// Its figures at the end; `None` if it never ran.
    pub metrics: Option<Metrics>,
}

/// Why a file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The disk.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was to be done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It holds something else.
    #[error("{path} cannot be understood: {source}")]
    Content {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
}

impl JobAddress {
    /// The address in a state directory; `None` if no job left one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(state_dir: &Path) -> Result<Option<Self>, FileError> {
        read(&state_dir.join(ADDRESS))
    }

    /// Writes it into a state directory, for its owner only and never in part.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn write(&self, state_dir: &Path) -> Result<(), FileError> {
        write(&state_dir.join(ADDRESS), self)
    }

    /// Takes the address out of a state directory.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(state_dir: &Path) -> Result<(), FileError> {
        remove(&state_dir.join(ADDRESS))
    }

    /// Whether it was left behind: nobody answers at it. A process of this number may be another
    /// one by now, so the address is asked, not the process.
    pub fn is_stale(&self) -> bool {
        let Some(address) = self.url.strip_prefix("http://") else {
            return true;
        };
        let Ok(address) = address.trim_end_matches('/').parse() else {
            return true;
        };
        let patience = std::time::Duration::from_millis(500);
        std::net::TcpStream::connect_timeout(&address, patience).is_err()
    }
}

impl LastWords {
    /// What the last job with a state directory said; `None` if it said nothing.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(state_dir: &Path) -> Result<Option<Self>, FileError> {
        read(&state_dir.join(LAST))
    }

    /// Writes them into a state directory.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn write(&self, state_dir: &Path) -> Result<(), FileError> {
        write(&state_dir.join(LAST), self)
    }

    /// Forgets those of an earlier run.
    ///
    /// # Errors
    /// They cannot be removed.
    pub fn remove(state_dir: &Path) -> Result<(), FileError> {
        remove(&state_dir.join(LAST))
    }
}

pub(crate) fn failed(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(std::io::Error) -> FileError {
    let path = path.to_path_buf();
    move |source| FileError::Io {
        action,
        path,
        source,
    }
}

pub(crate) fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, FileError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed("read", path)(e)),
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|source| FileError::Content {
            path: path.to_path_buf(),
            source,
        })
}

/// Temporary files are readable by their owner only, and a rename is all or nothing.
pub(crate) fn write(path: &Path, content: &impl Serialize) -> Result<(), FileError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut text = serde_json::to_vec_pretty(content).map_err(|source| FileError::Content {
        path: path.to_path_buf(),
        source,
    })?;
    text.push(b'\n');
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed("write", path))?;
    file.write_all(&text).map_err(failed("write", path))?;
    file.persist(path)
        .map_err(|e| failed("write", path)(e.error))?;
    Ok(())
}

fn remove(path: &Path) -> Result<(), FileError> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(failed("remove", path)(e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> JobAddress {
        JobAddress {
            url: format!("http://127.0.0.1:{port}"),
            token: "secret".into(),
            pid: 1,
            pipeline: "p".into(),
            file: None,
            state_dir: None,
            started_at_ms: 0,
        }
    }

    #[test]
    #[cfg(unix)]
    fn an_address_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(JobAddress::read(dir.path()).unwrap(), None);
        address(1).write(dir.path()).unwrap();
        let mode = std::fs::metadata(dir.path().join(ADDRESS)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
        assert_eq!(JobAddress::read(dir.path()).unwrap(), Some(address(1)));
        assert!(!format!("{:?}", address(1)).contains("secret"));
        JobAddress::remove(dir.path()).unwrap();
        JobAddress::remove(dir.path()).unwrap();
        assert_eq!(JobAddress::read(dir.path()).unwrap(), None);
    }

    #[test]
    fn an_address_that_nobody_answers_at_is_stale() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(!address(port).is_stale());
        drop(listener);
        assert!(address(port).is_stale());
    }

    #[test]
    fn a_file_with_something_else_is_told() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(LAST), "{}").unwrap();
        let why = LastWords::read(dir.path()).unwrap_err().to_string();
        assert!(why.contains("last.json cannot be understood"), "{why}");
    }
}
