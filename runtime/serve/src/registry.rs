//! Where the running jobs of a user are listed, so that one is found wherever its state is.
//!
//! A job that is served leaves its address in a folder of its user, one file a job, and removes it
//! when it ends. The files hold tokens: only their owner can read them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::files::{FileError, JobAddress, failed, read, write};

/// Names the folder; for tests, and for who wants it elsewhere.
pub const FOLDER: &str = "MILLSTREAM_JOBS";

/// The running jobs of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry(PathBuf);

/// A job's place in a registry.
#[derive(Debug)]
pub struct Entry(PathBuf);

impl Registry {
    /// The one of the user whose process this is: in the folder that `MILLSTREAM_JOBS` names, else
    /// where the system keeps what is gone when the user logs out (`$XDG_RUNTIME_DIR`), else among
    /// the states of programs (`$XDG_STATE_HOME`, `~/.local/state`). `None` for a user without any
    /// of these.
    pub fn of_user() -> Option<Self> {
        let folder = |name: &str| {
            let path = PathBuf::from(std::env::var_os(name)?);
            path.is_absolute().then_some(path)
        };
        let shared = || {
            folder("XDG_RUNTIME_DIR")
                .filter(|path| path.is_dir())
                .or_else(|| folder("XDG_STATE_HOME"))
                .or_else(|| Some(folder("HOME")?.join(".local/state")))
                .map(|path| path.join("millstream/jobs"))
        };
        folder(FOLDER).or_else(shared).map(Self)
    }

    /// The one in a folder, which need not be there yet.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Lists a job that runs from now on.
    ///
    /// # Errors
    /// The folder cannot be made or written.
    pub fn enter(&self, job: &JobAddress) -> Result<Entry, FileError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt as _;
            builder.mode(0o700);
        }
        builder.create(&self.0).map_err(failed("make", &self.0))?;
        let path = self
            .0
            .join(format!("{}-{}.json", job.started_at_ms, job.pid));
        write(&path, job)?;
        Ok(Entry(path))
    }

    /// The jobs that run, those that began last first. What jobs left behind that are gone is
    /// removed; what cannot be understood is passed over.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&self) -> Result<Vec<JobAddress>, FileError> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
            Err(e) => return Err(failed("read", &self.0)(e)),
        };
        let mut jobs = Vec::new();
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let Ok(Some(job)) = read::<JobAddress>(&path) else {
                continue;
            };
            match is_gone(job.pid) || job.is_stale() {
                // Somebody else may have removed it.
                true => drop(fs::remove_file(&path)),
                false => jobs.push(job),
            }
        }
        jobs.sort_by_key(|job| (std::cmp::Reverse(job.started_at_ms), job.pid));
        Ok(jobs)
    }
}

impl Entry {
    /// The job is over.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove(self) -> Result<(), FileError> {
        match fs::remove_file(&self.0) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(failed("remove", &self.0)(e)),
            _ => Ok(()),
        }
    }
}

/// Whether there is surely no such process. Where that cannot be seen the address decides.
fn is_gone(pid: u32) -> bool {
    let processes = Path::new("/proc");
    processes.join("self").exists() && !processes.join(pid.to_string()).exists()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn job(listener: &TcpListener, pid: u32, started_at_ms: i64) -> JobAddress {
        JobAddress {
            url: format!("http://{}", listener.local_addr().unwrap()),
            token: "secret".into(),
            pid,
            pipeline: "p".into(),
            file: None,
            state_dir: None,
            started_at_ms,
        }
    }

    #[test]
    fn running_jobs_are_listed_and_those_that_are_gone_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::in_folder(folder.path().join("a/b"));
        assert!(registry.list().unwrap().is_empty());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let pid = std::process::id();
        let first = registry.enter(&job(&listener, pid, 1)).unwrap();
        let second = registry.enter(&job(&listener, pid, 2)).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(registry.folder()), 0o700);
            assert_eq!(mode(&first.0), 0o600);
        }
        // A process that is gone although somebody answers at its port, one whose port is dead,
        // and something else.
        let closed = TcpListener::bind("127.0.0.1:0").unwrap();
        let dead = job(&closed, pid, 3);
        drop(closed);
        registry.enter(&dead).unwrap();
        registry.enter(&job(&listener, u32::MAX - 1, 4)).unwrap();
        fs::write(registry.folder().join("odd.json"), "{}").unwrap();
        let began = |registry: &Registry| -> Vec<i64> {
            let jobs = registry.list().unwrap();
            jobs.iter().map(|job| job.started_at_ms).collect()
        };
        assert_eq!(began(&registry), [2, 1]);
        assert_eq!(fs::read_dir(registry.folder()).unwrap().count(), 3);
        second.remove().unwrap();
        assert_eq!(began(&registry), [1]);
        drop(listener);
        assert!(began(&registry).is_empty());
        // It was removed by whoever looked.
        first.remove().unwrap();
    }
}
