//! The folders of jobs: each document has one, with the state, the log and the savepoints of its
//! job.
//!
//! A file's folder is told by its path, unless a pointer says otherwise: a job that runs stays with
//! its document when that is saved to another file. A document that was never saved has a folder
//! that no other has.
//!
//! ```text
//! <home>/jobs/
//!   fraud-3f9a…/state, job.log, savepoints, pipeline.toml, file
//!   of/3f9a….json        the folder of a file, where it is not the one told by the path
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use millstream_compiler::document::files;
use millstream_serve::api;
use millstream_serve::files::{JobAddress, LastWords};
use serde::{Deserialize, Serialize};

/// Names the document's file.
const FILE: &str = "file";
/// What folders of documents in no file are called.
const UNSAVED: &str = "unsaved";

/// The folder of a document's job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFolder(PathBuf);

/// What a run can go on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavedState {
    /// The number of the last checkpoint.
    pub checkpoint: u64,
    /// When it was written.
    pub written: Option<SystemTime>,
    /// Whether all rows were read: there is nothing to go on with.
    pub finished: bool,
}

#[derive(Serialize, Deserialize)]
struct Pointer {
    file: PathBuf,
    /// A name in the folder of all jobs.
    folder: String,
}

impl JobFolder {
    /// The folder for the document of a file, in the editor's folder.
    pub fn of_file(home: &Path, file: &Path) -> Self {
        let file = absolute(file);
        let told = fs::read(pointer(home, &file))
            .ok()
            .and_then(|text| serde_json::from_slice::<Pointer>(&text).ok())
            .filter(|pointer| pointer.file == file && is_name(&pointer.folder))
            .map(|pointer| pointer.folder);
        Self(all(home).join(told.unwrap_or_else(|| default_name(&file))))
    }

    /// A folder for a document that is in no file.
    pub fn unsaved(home: &Path) -> Self {
        Self(all(home).join(unique(UNSAVED)))
    }

    /// The folder at a path, as it was kept.
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The folder that this state directory is in, if it is one of ours.
    pub fn with_state(home: &Path, state: &Path) -> Option<Self> {
        let folder = state.parent()?;
        let ours = folder.parent() == Some(&*absolute(&all(home))) && state.ends_with("state");
        ours.then(|| Self(folder.to_path_buf()))
    }

    /// From now on this is the folder of a file, and no longer that of another.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn follow(&self, home: &Path, file: &Path, instead_of: Option<&Path>) -> io::Result<()> {
        point(home, file, &self.name())?;
        match instead_of {
            // What that file's next job does must not be mixed up with this one.
            Some(old) if absolute(old) != absolute(file) => {
                point(home, old, &unique(&plain_name(&absolute(old))))
            }
            _ => Ok(()),
        }
    }

    /// Removes the folder of a document that was in no file and is given up, unless its job runs.
    pub fn forget(self) {
        let ours = self.name().starts_with(&format!("{UNSAVED}-"));
        let running = JobAddress::read(&self.state())
            .ok()
            .flatten()
            .is_some_and(|job| !job.is_stale());
        if ours && !running {
            // It is only there if a job was run.
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// What the next run can go on from.
    pub fn saved(&self) -> Option<SavedState> {
        let folders = fs::read_dir(self.state().join("checkpoints")).ok()?;
        let (checkpoint, manifest) = folders
            .flatten()
            .filter_map(|folder| {
                let name = folder.file_name();
                let number = name.to_str()?.strip_prefix("chk-")?.parse::<u64>().ok()?;
                let manifest = folder.path().join("manifest.json");
                Some((number, fs::metadata(manifest).ok()?))
            })
            .max_by_key(|(number, _)| *number)?;
        let words = LastWords::read(&self.state()).ok().flatten();
        Some(SavedState {
            checkpoint,
            written: manifest.modified().ok(),
            finished: words.is_some_and(|words| words.status.state == api::JobState::Finished),
        })
    }

    /// Where checkpoints and the job's address are.
    pub fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    /// What the job writes.
    pub fn log(&self) -> PathBuf {
        self.0.join("job.log")
    }

    /// Where savepoints are collected.
    pub fn savepoints(&self) -> PathBuf {
        self.0.join("savepoints")
    }

    /// The file of the document that the last job ran, if it had one.
    pub fn file(&self) -> Option<PathBuf> {
        let path = fs::read_to_string(self.0.join(FILE)).ok()?;
        Some(PathBuf::from(path)).filter(|path| path.is_absolute())
    }

    /// Notes the file of the document that a job is to run.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn note_file(&self, file: Option<&Path>) -> io::Result<()> {
        let place = self.0.join(FILE);
        match file.map(|file| absolute(file).to_string_lossy().into_owned()) {
            Some(file) => files::write(&place, &file).map_err(io::Error::other),
            None if place.exists() => fs::remove_file(&place),
            None => Ok(()),
        }
    }

    /// A document that is in no file as it is, as it was when the job was started.
    pub fn document(&self) -> PathBuf {
        self.0.join("pipeline.toml")
    }

    fn name(&self) -> String {
        let name = self.0.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

fn all(home: &Path) -> PathBuf {
    home.join("jobs")
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

fn pointer(home: &Path, file: &Path) -> PathBuf {
    let key = fnv1a(&file.to_string_lossy());
    all(home).join("of").join(format!("{key:016x}.json"))
}

fn point(home: &Path, file: &Path, folder: &str) -> io::Result<()> {
    let file = absolute(file);
    let place = pointer(home, &file);
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    let text = serde_json::to_string_pretty(&Pointer {
        file,
        folder: folder.to_string(),
    })?;
    files::write(&place, &text).map_err(io::Error::other)
}

/// Whether a text names something in a folder, and nothing elsewhere.
fn is_name(text: &str) -> bool {
    let mut parts = Path::new(text).components();
    matches!(
        (parts.next(), parts.next()),
        (Some(std::path::Component::Normal(_)), None)
    )
}

/// `fraud-3f9a01c2…`: for people, and then for certain.
fn default_name(file: &Path) -> String {
    let key = fnv1a(&file.to_string_lossy());
    format!("{}-{key:016x}", plain_name(file))
}

/// A file's name, or that of its folder if it is named as all are.
fn plain_name(file: &Path) -> String {
    let stem = |path: &Path| Some(path.file_stem()?.to_string_lossy().into_owned());
    let own = stem(file).filter(|name| name != "pipeline");
    let name = own.or_else(|| stem(file.parent()?));
    let plain = |c: char| if c.is_alphanumeric() { c } else { '-' };
    let name = name.unwrap_or_else(|| "pipeline".into());
    name.chars().take(40).map(plain).collect()
}

fn unique(name: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_nanos());
    format!("{name}-{now:x}-{:x}", std::process::id())
}

/// The hash FNV-1a: the same on every machine and in every version.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_own_folder() {
        let home = tempfile::tempdir().expect("a folder");
        let of = |file: &str| JobFolder::of_file(home.path(), Path::new(file));
        assert_eq!(of("/a/p.toml"), of("/a/p.toml"));
        assert_ne!(of("/a/p.toml"), of("/b/p.toml"));
        assert!(of("/a/fraud/pipeline.toml").name().starts_with("fraud-"));
        assert!(of("/a/../b.toml").0.starts_with(home.path().join("jobs")));
        let unsaved = JobFolder::unsaved(home.path());
        assert_ne!(unsaved, JobFolder::unsaved(home.path()));
        assert_eq!(
            JobFolder::with_state(home.path(), &unsaved.state()),
            Some(unsaved)
        );
        assert_eq!(
            JobFolder::with_state(home.path(), Path::new("/a/state")),
            None
        );
    }

    #[test]
    fn a_folder_goes_with_its_document_to_another_file() {
        let home = tempfile::tempdir().expect("a folder");
        let home = home.path();
        let (old, new) = (Path::new("/a/old.toml"), Path::new("/a/new.toml"));
        let folder = JobFolder::of_file(home, old);
        folder.follow(home, new, Some(old)).expect("written");
        assert_eq!(JobFolder::of_file(home, new), folder);
        assert_ne!(JobFolder::of_file(home, old), folder);
        // Saved to the same file nothing changes.
        folder.follow(home, new, Some(new)).expect("written");
        assert_eq!(JobFolder::of_file(home, new), folder);
        // A pointer that leads elsewhere is none.
        point(home, old, "../../etc").expect("written");
        assert_eq!(
            JobFolder::of_file(home, old).0,
            all(home).join(default_name(old))
        );
    }

    #[test]
    fn the_last_whole_checkpoint_is_what_a_run_goes_on_from() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = JobFolder::of_file(home.path(), Path::new("/a/p.toml"));
        assert_eq!(folder.saved(), None);
        let checkpoints = folder.state().join("checkpoints");
        for (name, whole) in [
            ("chk-000002", true),
            ("chk-000010", true),
            ("chk-000011", false),
            ("sst", true),
        ] {
            fs::create_dir_all(checkpoints.join(name)).expect("made");
            if whole {
                fs::write(checkpoints.join(name).join("manifest.json"), "{}").expect("written");
            }
        }
        let saved = folder.saved().expect("a checkpoint");
        assert_eq!((saved.checkpoint, saved.finished), (10, false));
    }
}
