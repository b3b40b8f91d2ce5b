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
    /// The document with the edits.
    pub document: Document,
    /// The script that was being edited, if it was.
    pub script: Option<Script>,
}

/// The journal of this process.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// The state that is written.
    written: State,
    /// Since when a change waits.
    waiting: Option<Instant>,
    /// Whether there may be a file.
    on_disk: bool,
}

/// What tells states of an editor apart: the changes of the document, and the texts of the edited
/// script.
type State = (u64, u64);

fn state_of(editor: &Editor) -> State {
    let draft = editor.draft().map_or(0, Draft::revision);
    (editor.generation(), draft)
}

impl Journal {
    /// The journal of this process in a folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            path: folder.join(format!("{}.journal.json", std::process::id())),
            written: State::default(),
            waiting: None,
            // One of an earlier process with the same number.
            on_disk: true,
        }
    }

    /// Takes note of the editor's state. Writes it once it has waited long enough; says after
    /// which time to call again, if it still waits.
    ///
    /// # Errors
    /// The journal cannot be written: the edits are in memory alone.
    pub fn keep(&mut self, editor: &Editor) -> io::Result<Option<Duration>> {
        if state_of(editor) == self.written {
            return Ok(None);
        }
        let since = *self.waiting.get_or_insert_with(Instant::now);
        if let Some(left) = DELAY.checked_sub(since.elapsed()) {
            return Ok(Some(left));
        }
        self.write_now(editor)?;
        Ok(None)
    }

    /// Writes the editor's state without waiting for a burst to end.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn write_now(&mut self, editor: &Editor) -> io::Result<()> {
        self.write(editor)?;
        self.written = state_of(editor);
        self.waiting = None;
        self.on_disk = true;
        Ok(())
    }

    fn write(&self, editor: &Editor) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let document = editor.document();
        let entry = Entry {
            process: std::process::id(),
            began: began(std::process::id()),
            file: editor.file().map(Path::to_path_buf),
            pipeline: document.pipeline().to_toml(),
            layout: document.layout().to_toml(),
            script: editor.draft().map(|draft| Script {
                text: draft.text().to_string(),
                begun_from: draft.script().to_string(),
                flink: draft.target() == Target::Flink,
            }),
        };
        let text = serde_json::to_string(&entry)?;
        files::write(&self.path, &text).map_err(|error| error.source)
    }

    /// The edits are saved or not wanted: the journal goes.
    pub fn clear(&mut self, editor: &Editor) {
        self.written = state_of(editor);
        self.waiting = None;
        if std::mem::take(&mut self.on_disk) {
            // It may never have been written.
            let _ = fs::remove_file(&self.path);
        }
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
    use super::*;

    #[test]
    fn edits_of_a_process_that_is_gone_are_offered() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut journal = Journal::in_folder(folder.path());
        let document = Document::new(Pipeline::new("edited"), Layout::default());
        let mut editor = Editor::new(document, None);
        let wait = journal.keep(&editor).expect("written");
        assert!(wait.is_some(), "a burst is written once");
        std::thread::sleep(DELAY);
        editor.restore_draft("SELECT 1".into(), "SELECT 2".into(), Target::Flink);
        let wait = journal.keep(&editor).expect("written");
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
        let script = found[0]
            .script
            .as_ref()
            .expect("the script that was edited");
        assert_eq!(
            (script.text.as_str(), script.target()),
            ("SELECT 1", Target::Flink)
        );
        journal.clear(&editor);
        assert!(!journal.path.exists());
    }

    #[test]
    fn a_torn_journal_is_no_crash() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("1.journal.json"), "{\"process\":").expect("written");
        assert!(recoverable(folder.path()).is_empty());
    }
}
