//! What can go wrong with state: what, where, why, and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::codec::CodecError;

/// A failure of the state backend or of the checkpoint store.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file system said no.
    #[error("cannot {action} {}: {source}{}", path.display(), Remedy(remedy))]
    Io {
        /// What was being done: "write", "create the directory".
        action: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
        /// What to do about it; may be empty.
        remedy: &'static str,
    },
    /// The local database said no.
    #[error("cannot {action} the local state database in {}: {message}{}", path.display(), Remedy(remedy))]
    Database {
        /// What was being done.
        action: &'static str,
        /// The database's directory.
        path: PathBuf,
        /// RocksDB's words.
        message: String,
        /// What to do about it; may be empty.
        remedy: &'static str,
    },
    /// Another process uses the state directory.
    #[error(
        "the state directory {} is in use by another run{}; stop that run, or give this one its \
         own state directory", path.display(), Holder(holder)
    )]
    Locked {
        /// The state directory.
        path: PathBuf,
        /// The process that holds it, if it left its id.
        holder: Option<u32>,
    },
    /// The state directory was made by another pipeline.
    #[error(
        "the state directory {} belongs to the pipeline {found}, not to {expected}; give this \
         pipeline its own state directory, or start it fresh to discard that state", path.display()
    )]
    OtherJob {
        /// The state directory or the manifest.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Who asked.
        expected: String,
    },
    /// A file that a checkpoint needs is missing, torn or damaged.
    #[error("{} is damaged: {reason}", path.display())]
    Corrupt {
        /// The damaged file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Written by a newer Millstream.
    #[error(
        "{} has format version {found}, this build reads up to version {supported}; use the \
         newer Millstream that wrote it", path.display()
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version this build reads.
        supported: u32,
    },
    /// The number of key groups cannot change over a job's life.
    #[error(
        "the checkpoint {} was taken with a maximum parallelism of {checkpoint}, this run asks for \
         {requested}; set 'pipeline.max-parallelism' = '{checkpoint}', or start fresh",
        path.display()
    )]
    MaxParallelism {
        /// The checkpoint's manifest.
        path: PathBuf,
        /// What the checkpoint has.
        checkpoint: u16,
        /// What was asked for.
        requested: u16,
    },
    /// There are checkpoints, but none is whole.
    #[error(
        "none of the {} checkpoints in {} can be used:{}\nstart fresh to run without them; \
         everything since the start of the sources is then computed again",
        rejected.len(), path.display(), Listed(rejected)
    )]
    NoUsableCheckpoint {
        /// The checkpoint directory.
        path: PathBuf,
        /// Each checkpoint and what is wrong with it, the newest first.
        rejected: Vec<Rejected>,
    },
    /// A checkpoint that was asked for by number is not there.
    #[error("there is no checkpoint {epoch} in {}; it has {}", path.display(), Epochs(present))]
    NoSuchCheckpoint {
        /// The checkpoint directory.
        path: PathBuf,
        /// What was asked for.
        epoch: u64,
        /// What is there.
        present: Vec<u64>,
    },
    /// A stored value that its codec cannot read.
    #[error(
        "the state of operator {uid} cannot be read (key {}): {source}; the operator's definition \
         changed incompatibly, or the state is damaged: restore an older checkpoint or start fresh",
        Hex(key)
    )]
    Codec {
        /// The operator's state.
        uid: String,
        /// The key's bytes.
        key: Vec<u8>,
        /// What the codec found.
        source: CodecError,
    },
    /// An option outside its range.
    #[error("{option} = {value} is not possible: {reason}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// Its value.
        value: String,
        /// Why not.
        reason: &'static str,
    },
    /// A rule of the checkpoint protocol was broken by the caller.
    #[error("checkpoint {epoch} cannot be completed: {reason}")]
    Protocol {
        /// The checkpoint.
        epoch: u64,
        /// Which rule.
        reason: String,
    },
    /// A table was opened in a way that cannot work.
    #[error("the state {uid} cannot be opened: {reason}")]
    Table {
        /// The operator's state.
        uid: String,
        /// Why not.
        reason: String,
    },
    /// The writer thread stopped because of an earlier failure, which is the one to report.
    #[error("{0}")]
    Stopped(Arc<StateError>),
}

/// A checkpoint that cannot be used, and why.
#[derive(Debug, Clone)]
pub struct Rejected {
    /// The checkpoint's number.
    pub epoch: u64,
    /// What is wrong.
    pub error: Arc<StateError>,
}

impl StateError {
    /// A short stable name for tests, metrics and the editor.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            StateError::Io { source, .. } if is_full(source.kind()) => "state-disk-full",
            StateError::Io { .. } => "state-io",
            StateError::Database { .. } => "state-database",
            StateError::Locked { .. } => "state-locked",
            StateError::OtherJob { .. } => "state-other-pipeline",
            StateError::Corrupt { .. } => "state-corrupt",
            StateError::TooNew { .. } => "state-too-new",
            StateError::MaxParallelism { .. } => "state-max-parallelism",
            StateError::NoUsableCheckpoint { .. } => "state-no-usable-checkpoint",
            StateError::NoSuchCheckpoint { .. } => "state-no-such-checkpoint",
            StateError::Codec { .. } => "state-codec",
            StateError::Option { .. } => "state-option",
            StateError::Protocol { .. } => "state-protocol",
            StateError::Table { .. } => "state-table",
            StateError::Stopped(cause) => cause.code(),
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let remedy = match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "make the directory writable for this user, or choose another with --state-dir"
            }
            kind if is_full(kind) => {
                "free some space, or choose a state directory on a larger disk; the last complete \
                 checkpoint is intact"
            }
            io::ErrorKind::NotADirectory => "choose a path that is a directory",
            _ => "",
        };
        StateError::Io {
            action,
            path: path.to_path_buf(),
            source,
            remedy,
        }
    }

    pub(crate) fn database(action: &'static str, path: &Path, source: &rocksdb::Error) -> Self {
        let message = source.to_string();
        let remedy = if message.contains("No space left on device") {
            "free some space, or choose a state directory on a larger disk; the last complete \
             checkpoint is intact"
        } else if message.contains("Permission denied") || message.contains("Read-only file") {
            "make the directory writable for this user, or choose another with --state-dir"
        } else if message.contains("Too many open files") {
            "raise the limit of open files (ulimit -n)"
        } else {
            ""
        };
        StateError::Database {
            action,
            path: path.to_path_buf(),
            message,
            remedy,
        }
    }
}

fn is_full(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

struct Remedy<'a>(&'a str);

impl fmt::Display for Remedy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            Ok(())
        } else {
            write!(f, "; {}", self.0)
        }
    }
}

struct Holder<'a>(&'a Option<u32>);

impl fmt::Display for Holder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(pid) => write!(f, " (process {pid})"),
            None => Ok(()),
        }
    }
}

struct Listed<'a>(&'a [Rejected]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rejected in self.0 {
            write!(f, "\n  checkpoint {}: {}", rejected.epoch, rejected.error)?;
        }
        Ok(())
    }
}

struct Epochs<'a>(&'a [u64]);

impl fmt::Display for Epochs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (at, epoch) in self.0.iter().enumerate() {
            write!(f, "{}{epoch}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .take(32)
            .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        if self.0.len() > 32 {
            f.write_str("…")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_where_why_and_what_to_do() {
        let at = Path::new("/state/checkpoints/sst/a.sst");
        let text = |action, code| {
            StateError::io(action, at, io::Error::from_raw_os_error(code)).to_string()
        };
        assert_eq!(
            text("write", 28),
            "cannot write /state/checkpoints/sst/a.sst: No space left on device (os error 28); \
             free some space, or choose a state directory on a larger disk; the last complete \
             checkpoint is intact"
        );
        assert_eq!(
            text("create the directory", 30),
            "cannot create the directory /state/checkpoints/sst/a.sst: Read-only file system (os \
             error 30); make the directory writable for this user, or choose another with \
             --state-dir"
        );
        assert!(text("write", 13).contains("make the directory writable"));
        assert_eq!(
            text("read", 5),
            "cannot read /state/checkpoints/sst/a.sst: Input/output error (os error 5)"
        );
        let full = StateError::io("write", at, io::Error::from_raw_os_error(28));
        assert_eq!(full.code(), "state-disk-full");
        assert_eq!(
            StateError::Stopped(Arc::new(full)).code(),
            "state-disk-full"
        );
    }
}
