//! The recovery journal: unsaved edits, kept where a crash does not reach them.
//!
//! Each editor process writes one journal below the user's data folder: the document as TOML with
//! its layout, the file it belongs to, and the process. It is written a moment after each edit,
//! never over the user's file, and removed when the edits are saved or thrown away. A journal
//! whose process is gone holds edits that nobody saved; they are offered at the next start.
//!
//! A thread writes, so that a slow disk does not hold the window up. What was asked of it is done
//! when the journal is dropped.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
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

/// What the thread is to do.
enum Task {
    /// Write this state; whoever waits is told.
    Write {
        document: Document,
        file: Option<PathBuf>,
        job: Option<PathBuf>,
        waits: Option<Sender<io::Result<()>>>,
    },
    Remove,
}

/// The journal of this process. Dropping it ends the thread when all is done.
#[derive(Debug)]
pub struct Journal {
    /// The folder of the document's job.
    pub job: Option<PathBuf>,
    /// The change that was given to the thread.
    given: u64,
    /// Since when a change waits.
    waiting: Option<(u64, Instant)>,
    /// Whether the thread may have written a file that was not removed since.
    there: bool,
    tasks: Option<Sender<Task>>,
    failures: Receiver<io::Error>,
    thread: Option<JoinHandle<()>>,
}

impl Journal {
    /// The journal of this process in a folder. `wake` is called when something could not be
    /// written.
    pub fn in_folder(folder: &Path, wake: impl Fn() + Send + 'static) -> Self {
        let path = own_file(folder);
        let (tasks, inbox) = mpsc::channel();
        let (outbox, failures) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("journal".into())
            .spawn(move || work(&path, &inbox, &outbox, &wake));
        Self {
            job: None,
            given: 0,
            waiting: None,
            there: false,
            // Without a thread there is nobody to receive, which each write then says.
            tasks: Some(tasks),
            failures,
            thread: thread.ok(),
        }
    }

    /// Takes note of the document's state. Has it written once it has waited long enough; gives
    /// the time after which to call again, if it still waits.
    pub fn keep(
        &mut self,
        generation: u64,
        document: &Document,
        file: Option<&Path>,
    ) -> Option<Duration> {
        if generation == self.given {
            return None;
        }
        let (_, since) = *self.waiting.get_or_insert((generation, Instant::now()));
        if let Some(left) = DELAY.checked_sub(since.elapsed()) {
            return Some(left);
        }
        self.give(generation, document, file, None);
        None
    }

    /// Why the last state could not be written: the edits are in memory alone.
    pub fn failure(&self) -> Option<io::Error> {
        self.failures.try_iter().last()
    }

    /// Writes the document's state without waiting for a burst to end, and until it is written.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn write_now(
        &mut self,
        generation: u64,
        document: &Document,
        file: Option<&Path>,
    ) -> io::Result<()> {
        let (waits, written) = mpsc::channel();
        self.give(generation, document, file, Some(waits));
        written
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("no thread could be started")))
    }

    fn give(
        &mut self,
        generation: u64,
        document: &Document,
        file: Option<&Path>,
        waits: Option<Sender<io::Result<()>>>,
    ) {
        self.given = generation;
        self.waiting = None;
        self.there = true;
        self.ask(Task::Write {
            document: document.clone(),
            file: file.map(Path::to_path_buf),
            job: self.job.clone(),
            waits,
        });
    }

    fn ask(&self, task: Task) {
        if let Some(tasks) = &self.tasks {
            // Where there is no thread, whoever waits is told by that.
            let _ = tasks.send(task);
        }
    }

    /// The edits are saved or not wanted: the journal goes.
    pub fn clear(&mut self, generation: u64) {
        self.given = generation;
        self.waiting = None;
        if self.there {
            self.there = false;
            self.ask(Task::Remove);
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // Without a sender the thread ends.
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            // It is of no use to panic twice.
            let _ = thread.join();
        }
    }
}

fn own_file(folder: &Path) -> PathBuf {
    folder.join(format!("{}.journal.json", std::process::id()))
}

fn work(path: &Path, tasks: &Receiver<Task>, failures: &Sender<io::Error>, wake: &dyn Fn()) {
    while let Ok(task) = tasks.recv() {
        match task {
            Task::Write {
                document,
                file,
                job,
                waits,
            } => {
                let written = write(path, &document, file, job);
                match (waits, written) {
                    (Some(waits), written) => {
                        // It may have stopped waiting.
                        let _ = waits.send(written);
                    }
                    (None, Err(error)) => {
                        let _ = failures.send(error);
                        wake();
                    }
                    (None, Ok(())) => {}
                }
            }
            Task::Remove => {
                // The write before may have failed.
                let _ = fs::remove_file(path);
            }
        }
    }
}

fn write(
    path: &Path,
    document: &Document,
    file: Option<PathBuf>,
    job: Option<PathBuf>,
) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let entry = Entry {
        process: std::process::id(),
        began: began(std::process::id()),
        file,
        job,
        pipeline: document.pipeline().to_toml(),
        layout: document.layout().to_toml(),
    };
    let text = serde_json::to_string(&entry)?;
    files::write(path, &text).map_err(|error| error.source)
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
        let mut journal = Journal::in_folder(folder.path(), || {});
        let wait = journal.keep(2, &document("early"), None);
        assert!(wait.is_some(), "a burst is written once");
        std::thread::sleep(DELAY);
        assert_eq!(journal.keep(3, &document("edited"), None), None);
        // The thread does one thing after the other.
        let path = own_file(folder.path());
        drop(journal);
        // This process runs, so nothing is lost yet.
        assert!(recoverable(folder.path()).is_empty());
        let text = fs::read_to_string(&path).expect("a journal");
        let gone = text.replace(
            &format!("\"process\":{}", std::process::id()),
            "\"process\":4194999",
        );
        let orphan = folder.path().join("4194999.journal.json");
        fs::write(&orphan, gone).expect("written");
        let found = recoverable(folder.path());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].document.pipeline().name(), "edited");
        let mut journal = Journal::in_folder(folder.path(), || {});
        journal
            .write_now(4, &document("again"), None)
            .expect("written");
        assert!(path.exists());
        journal.clear(4);
        drop(journal);
        assert!(!path.exists());
    }

    #[test]
    fn what_cannot_be_written_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let no_folder = folder.path().join("file");
        fs::write(&no_folder, "").expect("written");
        let (wake, woken) = mpsc::channel();
        let mut journal = Journal::in_folder(&no_folder, move || {
            let _ = wake.send(());
        });
        assert!(journal.write_now(2, &document("a"), None).is_err());
        assert!(journal.keep(3, &document("b"), None).is_some());
        std::thread::sleep(DELAY);
        assert_eq!(journal.keep(3, &document("b"), None), None);
        woken.recv_timeout(Duration::from_secs(10)).expect("told");
        assert!(journal.failure().is_some());
        assert_eq!(journal.keep(3, &document("b"), None), None, "told once");
    }

    #[test]
    fn a_torn_journal_is_no_crash() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("1.journal.json"), "{\"process\":").expect("written");
        assert!(recoverable(folder.path()).is_empty());
    }
}
