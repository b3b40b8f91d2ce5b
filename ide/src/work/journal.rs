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
use millstream_compiler::lower::Target;
use serde::{Deserialize, Serialize};

use crate::editor::{Draft, Editor};

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
    #[serde(default)]
    script: Option<Script>,
}

/// A script that was being edited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// Its text.
    pub text: String,
    /// The script that it was begun from.
    pub begun_from: String,
    /// Whether it is the one for Flink.
    flink: bool,
}

impl Script {
    fn of(draft: &Draft) -> Self {
        Self {
            text: draft.text().to_string(),
            begun_from: draft.script().to_string(),
            flink: draft.target() == Target::Flink,
        }
    }

    /// Whose script it is.
    pub fn target(&self) -> Target {
        match self.flink {
            true => Target::Flink,
            false => Target::Embedded,
        }
    }
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
    /// The script that was being edited, if one was.
    pub script: Option<Script>,
}

/// What is written.
struct Unsaved {
    document: Document,
    file: Option<PathBuf>,
    job: Option<PathBuf>,
    script: Option<Script>,
}

impl Unsaved {
    fn of(editor: &Editor, job: Option<PathBuf>) -> Self {
        Self {
            document: editor.document().clone(),
            file: editor.file().map(Path::to_path_buf),
            job,
            script: editor.draft().map(Script::of),
        }
    }
}

/// What tells states of an editor apart: the changes of the document, and the texts of the edited
/// script.
type State = (u64, u64);

fn state_of(editor: &Editor) -> State {
    let draft = editor.draft().map_or(0, Draft::revision);
    (editor.generation(), draft)
}

/// What the thread is to do.
enum Task {
    /// Write this state; whoever waits is told.
    Write {
        unsaved: Box<Unsaved>,
        waits: Option<Sender<io::Result<()>>>,
    },
    Remove,
}

/// The journal of this process. Dropping it ends the thread when all is done.
#[derive(Debug)]
pub struct Journal {
    /// The folder of the document's job.
    pub job: Option<PathBuf>,
    /// The state that was given to the thread.
    given: State,
    /// Since when a change waits.
    waiting: Option<Instant>,
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
            given: State::default(),
            waiting: None,
            there: false,
            // Without a thread there is nobody to receive, which each write then says.
            tasks: Some(tasks),
            failures,
            thread: thread.ok(),
        }
    }

    /// Takes note of the editor's state. Has it written once it has waited long enough; gives
    /// the time after which to call again, if it still waits.
    pub fn keep(&mut self, editor: &Editor) -> Option<Duration> {
        if state_of(editor) == self.given {
            return None;
        }
        let since = *self.waiting.get_or_insert_with(Instant::now);
        if let Some(left) = DELAY.checked_sub(since.elapsed()) {
            return Some(left);
        }
        self.give(editor, None);
        None
    }

    /// Why the last state could not be written: the edits are in memory alone.
    pub fn failure(&self) -> Option<io::Error> {
        self.failures.try_iter().last()
    }

    /// Writes the editor's state without waiting for a burst to end, and until it is written.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn write_now(&mut self, editor: &Editor) -> io::Result<()> {
        let (waits, written) = mpsc::channel();
        self.give(editor, Some(waits));
        written
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("no thread could be started")))
    }

    fn give(&mut self, editor: &Editor, waits: Option<Sender<io::Result<()>>>) {
        self.given = state_of(editor);
        self.waiting = None;
        self.there = true;
        let unsaved = Box::new(Unsaved::of(editor, self.job.clone()));
        self.ask(Task::Write { unsaved, waits });
    }

    fn ask(&self, task: Task) {
        if let Some(tasks) = &self.tasks {
            // Where there is no thread, whoever waits is told by that.
            let _ = tasks.send(task);
        }
    }

    /// The edits are saved or not wanted: the journal goes.
    pub fn clear(&mut self, editor: &Editor) {
        self.given = state_of(editor);
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
            Task::Write { unsaved, waits } => {
                let written = write(path, *unsaved);
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

fn write(path: &Path, unsaved: Unsaved) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let entry = Entry {
        process: std::process::id(),
        began: began(std::process::id()),
        file: unsaved.file,
        job: unsaved.job,
        pipeline: unsaved.document.pipeline().to_toml(),
        layout: unsaved.document.layout().to_toml(),
        script: unsaved.script,
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
        script: entry.script,
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
    use millstream_compiler::document::Command;

    use super::*;
    use crate::editor::Action;

    fn editor(name: &str) -> Editor {
        Editor::new(Document::new(Pipeline::new(name), Layout::default()), None)
    }

    /// A later state of an editor.
    fn renamed(editor: &mut Editor, name: &str) {
        let name = name.to_string();
        editor.apply(Action::Edit(Command::SetName { name }));
    }

    #[test]
    fn edits_of_a_process_that_is_gone_are_offered() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut journal = Journal::in_folder(folder.path(), || {});
        let mut unsaved = editor("early");
        let wait = journal.keep(&unsaved);
        assert!(wait.is_some(), "a burst is written once");
        std::thread::sleep(DELAY);
        renamed(&mut unsaved, "edited");
        unsaved.restore_draft("SELECT 1".into(), "SELECT 2".into(), Target::Flink);
        assert_eq!(journal.keep(&unsaved), None);
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
        let script = found[0].script.as_ref().expect("the edited script");
        assert_eq!(script.text, "SELECT 1");
        assert_eq!(script.target(), Target::Flink);
        let mut journal = Journal::in_folder(folder.path(), || {});
        renamed(&mut unsaved, "again");
        journal.write_now(&unsaved).expect("written");
        assert!(path.exists());
        journal.clear(&unsaved);
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
        let mut unsaved = editor("a");
        assert!(journal.write_now(&unsaved).is_err());
        renamed(&mut unsaved, "b");
        assert!(journal.keep(&unsaved).is_some());
        std::thread::sleep(DELAY);
        assert_eq!(journal.keep(&unsaved), None);
        woken.recv_timeout(Duration::from_secs(10)).expect("told");
        assert!(journal.failure().is_some());
        assert_eq!(journal.keep(&unsaved), None, "told once");
    }

    #[test]
    fn a_torn_journal_is_no_crash() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("1.journal.json"), "{\"process\":").expect("written");
        assert!(recoverable(folder.path()).is_empty());
    }
}
