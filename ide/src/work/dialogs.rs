//! The system's file dialogs, on a thread of their own: a dialog never holds a frame up.

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use millstream_compiler::document::NodeId;

/// What a file is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// A pipeline or a script, to open.
    Open,
    /// A folder with a pipeline, to open.
    OpenFolder,
    /// A script, to make a graph of.
    Import,
    /// Where to save the pipeline.
    SaveAs,
    /// Where to write the script.
    Export,
    /// A savepoint, to run the pipeline with.
    Savepoint,
    /// A file or folder for a parameter of a node.
    Parameter {
        /// The node.
        node: NodeId,
        /// The parameter.
        parameter: String,
        /// Whether it is a folder.
        folder: bool,
    },
}

/// What to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What for.
    pub purpose: Purpose,
    /// Where to begin.
    pub folder: PathBuf,
    /// The name that is offered, for a file to write.
    pub name: String,
    /// What the files are called, and their extensions; none for all files.
    pub filter: Option<(String, Vec<String>)>,
}

/// Dialogs that are open, and the answers that came.
pub trait Dialogs {
    /// Opens a dialog. `wake` is called when the answer is there.
    fn ask(&mut self, question: Question, wake: Box<dyn FnOnce() + Send>);

    /// An answer that came: what was asked, and the path unless the person gave up.
    fn answer(&mut self) -> Option<(Purpose, Option<PathBuf>)>;
}

/// The dialogs of the system.
#[derive(Debug, Default)]
pub struct SystemDialogs {
    open: Vec<(Purpose, Receiver<Option<PathBuf>>)>,
}

impl Dialogs for SystemDialogs {
    fn ask(&mut self, question: Question, wake: Box<dyn FnOnce() + Send>) {
        let purpose = question.purpose.clone();
        let (outbox, answers) = mpsc::channel();
        let asked = thread::Builder::new().name("dialog".into()).spawn(move || {
            // The editor may have been closed meanwhile; then nobody wants the answer.
            let _ = outbox.send(show(&question));
            wake();
        });
        if asked.is_ok() {
            self.open.push((purpose, answers));
        }
    }

    fn answer(&mut self) -> Option<(Purpose, Option<PathBuf>)> {
        let (index, path) = self
            .open
            .iter()
            .enumerate()
            .find_map(|(index, (_, answers))| match answers.try_recv() {
                Ok(path) => Some((index, path)),
                Err(mpsc::TryRecvError::Empty) => None,
                Err(mpsc::TryRecvError::Disconnected) => Some((index, None)),
            })?;
        let (purpose, _) = self.open.remove(index);
        Some((purpose, path))
    }
}

fn show(question: &Question) -> Option<PathBuf> {
    let mut dialog = rfd::FileDialog::new().set_directory(&question.folder);
    if let Some((name, extensions)) = &question.filter {
        dialog = dialog.add_filter(name, extensions);
    }
    match &question.purpose {
        Purpose::Open | Purpose::Import | Purpose::Parameter { folder: false, .. } => {
            dialog.pick_file()
        }
        Purpose::OpenFolder | Purpose::Savepoint | Purpose::Parameter { folder: true, .. } => {
            dialog.pick_folder()
        }
        Purpose::SaveAs | Purpose::Export => dialog.set_file_name(&question.name).save_file(),
    }
}

/// Dialogs that answer at once with what a test wants.
#[derive(Debug, Default)]
pub struct ScriptedDialogs {
    /// What the next dialogs answer, in this order; a dialog without one is given up.
    pub paths: Vec<PathBuf>,
    answers: Vec<(Purpose, Option<PathBuf>)>,
}

impl ScriptedDialogs {
    /// Dialogs that answer with these paths.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            paths: paths.into_iter().collect(),
            answers: Vec::new(),
        }
    }
}

impl Dialogs for ScriptedDialogs {
    fn ask(&mut self, question: Question, wake: Box<dyn FnOnce() + Send>) {
        let path = (!self.paths.is_empty()).then(|| self.paths.remove(0));
        self.answers.push((question.purpose.clone(), path));
        wake();
    }

    fn answer(&mut self) -> Option<(Purpose, Option<PathBuf>)> {
        (!self.answers.is_empty()).then(|| self.answers.remove(0))
    }
}
