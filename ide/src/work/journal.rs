//! The recovery journal: unsaved edits, kept where a crash does not reach them.
//!
//! Each editor process writes one journal below the user's data folder: the document as TOML with
//! its layout, the file it belongs to, and the process. It is written a moment after each edit,
//! never over the user's file, and removed when the edits are saved or thrown away. A journal
//! whose process is gone holds edits that nobody saved; they are offered at the next start.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use millstream_compiler::document::{Document, Layout, Pipeline, files};
use serde::{Deserialize, Serialize};

/// How long edits may wait before they are written: a burst of typing is written once.
const DELAY: Duration = Duration::from_millis(300);

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    process: u32,
    /// When that process began, in clock ticks since the system did, so that another process with
    /// the same number is not mistaken for it.
    began: Option<u64>,
    file: Option<PathBuf>,
    #[serde(default)]
    job: Option<PathBuf>,
    pipeline: String,
    layout: String,
}

/// Unsaved edits of an editor that is gone.
#[derive(Debug, Clone)]
pub struct Recovered {
    /// The journal.
    pub journal: PathBuf,
    /// The file the edits belong to, if it had one.
    pub file: Option<PathBuf>,
    /// The folder of its job, if it had no file to tell it by.
    pub job: Option<PathBuf>,
    /// The document with the edits.
    pub document: Document,
}

/// The journal of this process.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// The folder of the document's job.
    pub job: Option<PathBuf>,
    /// The change that is written.
    written: u64,
    /// Since when a change waits.
    waiting: Option<(u64, Instant)>,
}

impl Journal {
    /// The journal of this process in a folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            path: folder.join(format!("{}.journal.json", std::process::id())),
            job: None,
            written: 0,
            waiting: None,
        }
    }

    /// Takes note of the document's state. Writes it once it has waited long enough; says after
    /// which time to call again, if it still waits.
    ///
    /// # Errors
    /// The journal cannot be written: the edits are in memory alone.
    pub fn keep(
        &mut self,
        generation: u64,
        document: &Document,
        file: Option<&Path>,
    ) -> io::Result<Option<Duration>> {
        if generation == self.written {
            return Ok(None);
        }
        let (_, since) = *self.waiting.get_or_insert((generation, Instant::now()));
        if let Some(left) = DELAY.checked_sub(since.elapsed()) {
            return Ok(Some(left));
        }
        self.write_now(generation, document, file)?;
        Ok(None)
    }

    /// Writes the document's state without waiting for a burst to end.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn write_now(
        &mut self,
        generation: u64,
        document: &Document,
        file: Option<&Path>,
    ) -> io::Result<()> {
        self.write(document, file)?;
        self.written = generation;
        self.waiting = None;
        Ok(())
    }

    fn write(&self, document: &Document, file: Option<&Path>) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let entry = Entry {
            process: std::process::id(),
            began: began(std::process::id()),
            file: file.map(Path::to_path_buf),
            job: self.job.clone(),
            pipeline: document.pipeline().to_toml(),
            layout: document.layout().to_toml(),
        };
        let text = serde_json::to_string(&entry)?;
        files::write(&self.path, &text).map_err(|error| error.source)
    }

    /// The edits are saved or not wanted: the journal goes.
    pub fn clear(&mut self, generation: u64) {
        self.written = generation;
        self.waiting = None;
        // It may never have been written.
        let _ = fs::remove_file(&self.path);
    }
}

/// Journals in a folder whose processes are gone. Those that cannot be read are left where they
/// are.
pub fn recoverable(folder: &Path) -> Vec<Recovered> {
    let Ok(entries) = fs::read_dir(folder) else {
        return vec![];
    };
    let mut found: Vec<Recovered> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with(".journal.json"))
        .filter_map(|path| recover(&path))
        .collect();
    found.sort_by(|a, b| a.journal.cmp(&b.journal));
    found
}

fn recover(path: &Path) -> Option<Recovered> {
    let entry: Entry = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
    let running = match (began(entry.process), entry.began) {
        (Some(now), Some(then)) => now == then,
        (now, _) => now.is_some(),
    };
    if running {
        return None;
    }
    let pipeline = Pipeline::from_toml(&entry.pipeline).ok()?.pipeline;
    let layout = Layout::from_toml(&entry.layout).map_or_else(|_| Layout::default(), |(l, _)| l);
    Some(Recovered {
        journal: path.to_path_buf(),
        job: entry.job.filter(|_| entry.file.is_none()),
        file: entry.file,
        document: Document::new(pipeline, layout),
    })
}

/// When a process began, in clock ticks since the system did; `None` if it does not run.
fn began(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in brackets may hold blanks and brackets; fields are counted behind the last one.
    let behind = &stat[stat.rfind(')')? + 1..];
    behind.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(name: &str) -> Document {
        Document::new(Pipeline::new(name), Layout::default())
    }

    #[test]
    fn edits_of_a_process_that_is_gone_are_offered() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut journal = Journal::in_folder(folder.path());
        let wait = journal.keep(2, &document("edited"), None).expect("written");
        assert!(wait.is_some(), "a burst is written once");
        std::thread::sleep(DELAY);
        let wait = journal.keep(3, &document("edited"), None).expect("written");
        assert!(wait.is_none());
        // This process runs, so nothing is lost yet.
        assert!(recoverable(folder.path()).is_empty());
        let text = fs::read_to_string(&journal.path).expect("a journal");
        let gone = text.replace(
            &format!("\"process\":{}", std::process::id()),
            "\"process\":4194999",
        );
        let orphan = folder.path().join("4194999.journal.json");
        fs::write(&orphan, gone).expect("written");
        let found = recoverable(folder.path());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].document.pipeline().name(), "edited");
        journal.clear(3);
        assert!(!journal.path.exists());
    }

    #[test]
    fn a_torn_journal_is_no_crash() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("1.journal.json"), "{\"process\":").expect("written");
        assert!(recoverable(folder.path()).is_empty());
    }
}
