//! A backend for tests of operators: real, in a directory of its own that goes with it.

use std::ops::Deref;

use tempfile::TempDir;

use crate::backend::{StateBackend, StateOptions};
use crate::error::StateError;
use crate::manifest::JobIdentity;
use crate::state_dir::{Start, StateDir};

/// A [`StateBackend`] in a temporary directory.
#[derive(Debug)]
pub struct TestBackend {
    // The order matters: the backend closes before its directory goes.
    backend: StateBackend,
    dir: StateDir,
    _home: TempDir,
}

/// An empty backend in a temporary directory, with default options.
///
/// # Errors
/// The temporary directory cannot be written.
pub fn memory_backend() -> Result<TestBackend, StateError> {
    let home = tempfile::tempdir()
        .map_err(|e| StateError::io("create a directory in", &std::env::temp_dir(), e))?;
    let job = JobIdentity {
        name: "test".to_owned(),
        fingerprint: "test".to_owned(),
    };
    let dir = StateDir::open(home.path(), job, Start::Resume)?;
    let backend = StateBackend::open(&dir.local(), dir.store(), StateOptions::default())?;
    Ok(TestBackend {
        backend,
        dir,
        _home: home,
    })
}

impl TestBackend {
    /// Throws away everything since the last complete checkpoint and goes on from there, as a run
    /// does that is started again after a crash. Tables opened before are of no use any more.
    ///
    /// # Errors
    /// No whole checkpoint is there, or it cannot be restored.
    pub fn restart(&mut self) -> Result<(), StateError> {
        let store = self.dir.store();
        let options = StateOptions::default();
        self.backend = match store.latest()?.manifest {
            Some(manifest) => StateBackend::restore(&self.dir.local(), store, options, &manifest)?,
            None => StateBackend::open(&self.dir.local(), store, options)?,
        };
        Ok(())
    }

    /// The state directory.
    #[must_use]
    pub fn dir(&self) -> &StateDir {
        &self.dir
    }
}

impl Deref for TestBackend {
    type Target = StateBackend;

    fn deref(&self) -> &StateBackend {
        &self.backend
    }
}
