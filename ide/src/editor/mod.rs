//! The editor without its pixels: a document with its history, what is looked at, and one function
//! that changes either.
//!
//! User interface code never changes an [`Editor`]; it collects [`Action`]s while it draws, and
//! [`Editor::apply`] carries them out when the frame is over. What needs the outside world (a file
//! dialog, a process, the clipboard) comes out as an [`Effect`]. So everything a person can do can
//! be done by a test that has no window.

mod commands;
mod draft;
mod invariants;
mod problems;
mod view;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use millstream_compiler::diagnostics::Span;
use millstream_compiler::document::{
    Command, Document, History, Layout, NodeId, Pipeline, Position, Refusal, files,
};

pub use draft::{Checked, Draft};
pub use invariants::check_invariants;
pub use view::{
    BottomTab, Camera, CentreTab, Overlay, Popup, Reveal, Selection, View, point, position,
};

use crate::canvas::arrange;
use crate::command::UiCommand;
use crate::work::compile::Compiled;
use crate::work::repairs::Repairs;

/// Something a person did.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A command of the menus, the palette or a shortcut.
    Command(UiCommand),
    /// An edit of the document: one step to undo.
    Edit(Command),
    /// Edits that are one step to undo, all of them or none.
    Edits {
        /// What the step is called.
        label: String,
        /// In this order.
        commands: Vec<Command>,
    },
    /// An edit of a burst (typing in one field, one drag): all edits of a burst in a row are one
    /// step to undo.
    Burst {
        /// What tells bursts apart: the field, the drag.
        key: String,
        /// The edit.
        command: Command,
    },
    /// A burst is over: the field was left, the drag ended.
    EndBurst,
    /// Select this and nothing else.
    Select(Selection),
    /// Select a node and bring it into view.
    GoTo(NodeId),
    /// Select a stretch of the script for this machine and bring it into view.
    ShowInSql(Span),
    /// A problem is the current one: go to it.
    GoToProblem(usize),
    /// The script was typed into: from the script of this target to this text.
    TypeSql(String),
    /// Take over what the script says, although the graph changed since it was begun or something is
    /// wrong with it.
    ApplySqlAnyway,
    /// Give the edited script up.
    DropSql,
    /// Show another part of the canvas.
    Look(Camera),
    /// The canvas has this place on the screen.
    CanvasAt(egui::Rect),
    /// Another tab of the centre.
    ShowCentre(CentreTab),
    /// Another tab of the bottom; opens the panel.
    ShowBottom(BottomTab),
    /// Other figures on the wires.
    ShowOverlay(Overlay),
    /// Preview this node's rows.
    Preview(NodeId),
    /// Preview the rows of what is selected.
    FollowSelection,
    /// Hold the previewed rows, or let them change again.
    HoldPreview(bool),
    /// Read the previewed rows again.
    PreviewAgain,
    /// Open or close what floats over everything.
    Popup(Popup),
    /// Add nodes and edges from the text of a clipboard.
    Paste(String),
    /// Go to a state of the history.
    JumpTo(usize),
    /// Open a file.
    OpenPath(PathBuf),
    /// Files were dropped on the canvas.
    Drop(Vec<PathBuf>, Position),
    /// Ask for the file or folder that a parameter names.
    BrowseFor {
        /// Which node.
        node: NodeId,
        /// Which of its parameters.
        parameter: String,
    },
    /// Score some rows with the model of this node.
    TryModel(NodeId),
    /// The rows are not wanted any more.
    StopTrying,
    /// Tell the person something.
    Notify(Notice),
    /// The canvas took up "start a wire".
    WireStarted,
    /// The inspector took the keyboard.
    ParametersEntered,
    /// Run the document once it is compiled, if it has no errors.
    RunWhenCompiled,
}

/// What the outside world is asked to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Ask for a file to open.
    AskOpen,
    /// Ask for a folder to open.
    AskOpenFolder,
    /// Ask for a script to import.
    AskImport,
    /// Ask where to save.
    AskSaveAs,
    /// Ask where to write the script for Flink.
    AskExport,
    /// Ask for the file or folder that a parameter names.
    AskFor {
        /// Which node.
        node: NodeId,
        /// Which of its parameters.
        parameter: String,
    },
    /// Open this file, asking about unsaved edits first.
    Open(PathBuf),
    /// Begin an empty pipeline, asking about unsaved edits first.
    New,
    /// Save to the file the document has.
    Save,
    /// Close the window, asking about unsaved edits first.
    Quit,
    /// Put text on the clipboard.
    CopyText(String),
    /// Ask the system for the text of the clipboard.
    RequestPaste,
    /// Run the document as it is.
    StartJob {
        /// Whether the state of the last run is thrown away.
        from_scratch: bool,
    },
    /// Ask for a savepoint to run the document with.
    AskSavepoint,
    /// Stop the job.
    StopJob {
        /// Whether to take a savepoint first.
        savepoint: bool,
    },
    /// Take a checkpoint.
    Checkpoint,
    /// Show the jobs that run, to attach to one.
    ListJobs,
    /// Watch the job no longer.
    Detach,
    /// Read the previewed rows again.
    PreviewAgain,
    /// Score some rows with the model of this node.
    TryModel(NodeId),
    /// End that.
    StopTrying,
    /// The graph changed while its script was edited, or something is wrong with that: ask whether it
    /// is to be applied.
    AskApplySql,
    /// The script that is edited is not to be taken: ask first.
    AskDiscardSql,
    /// Make nodes of files.
    ImportFiles(Vec<PathBuf>, Position),
    /// Switch between light and dark.
    ToggleTheme,
    /// Forget the widths of the panels.
    ResetPanels,
    /// Tell the person something.
    Notify(Notice),
}

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeLevel {
    /// Something went well.
    Done,
    /// Worth knowing.
    Info,
    /// Something did not work.
    Error,
}

/// Something to tell, in a corner of the window.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// How much it matters.
    pub level: NoticeLevel,
    /// What happened.
    pub text: String,
    /// What to do about it, and the button that does.
    pub repair: Option<(String, Box<Action>)>,
}

impl Notice {
    /// Something went well.
    pub fn done(text: impl Into<String>) -> Self {
        Self::new(NoticeLevel::Done, text)
    }

    /// Worth knowing.
    pub fn info(text: impl Into<String>) -> Self {
        Self::new(NoticeLevel::Info, text)
    }

    /// Something did not work.
    pub fn error(text: impl Into<String>) -> Self {
        Self::new(NoticeLevel::Error, text)
    }

    fn new(level: NoticeLevel, text: impl Into<String>) -> Self {
        Self {
            level,
            text: text.into(),
            repair: None,
        }
    }

    /// Offers a repair.
    #[must_use]
    pub fn with_repair(mut self, label: impl Into<String>, action: Action) -> Self {
        self.repair = Some((label.into(), Box::new(action)));
        self
    }
}

/// The document, its history, and what is looked at.
#[derive(Debug)]
pub struct Editor {
    history: History,
    /// What is looked at and how.
    pub view: View,
    file: Option<PathBuf>,
    /// The document as the file has it; `None` if it never had a file.
    saved: Option<Document>,
    /// Whether there is something to save although nothing can be undone: recovered edits.
    never_saved: bool,
    /// The burst that the current step of the history belongs to.
    burst: Option<String>,
    /// What the compiler said last. May be of an older document while it works.
    compiled: Arc<Compiled>,
    /// What can be done about what the compiler said.
    repairs: Arc<Repairs>,
    /// The script while somebody edits it.
    draft: Option<Draft>,
    /// Counts the texts that drafts had.
    drafts: u64,
    /// Counts the changes of the pipeline, for the compiler and the journal.
    generation: u64,
    /// Whether a job of this editor runs.
    pub job_running: bool,
    /// The command that is to run the document as soon as it is compiled.
    pub run_when_compiled: Option<UiCommand>,
}

impl Editor {
    /// An editor of a document. Nodes that stand nowhere get a place.
    pub fn new(document: Document, file: Option<PathBuf>) -> Self {
        let saved = file.is_some().then(|| document.clone());
        let document = arrange::place_all(document);
        let mut editor = Self {
            history: History::new(document),
            view: View::default(),
            file,
            saved,
            never_saved: false,
            burst: None,
            compiled: Arc::default(),
            repairs: Arc::default(),
            draft: None,
            drafts: 0,
            generation: 1,
            job_running: false,
            run_when_compiled: None,
        };
        editor.fit();
        editor
    }

    /// An editor of an empty pipeline.
    pub fn empty() -> Self {
        Self::new(
            Document::new(Pipeline::new("untitled"), Layout::default()),
            None,
        )
    }

    /// An editor of a pipeline file, with what was strange in it.
    ///
    /// # Errors
    /// The file cannot be read, or is no pipeline: findings with their places in its text.
    pub fn open(path: &Path) -> Result<(Self, Vec<Notice>), OpenError> {
        let file = files::pipeline_file(path);
        let text = files::read(&file).map_err(|error| OpenError::Unreadable(error.to_string()))?;
        let loaded = Pipeline::from_toml(&text).map_err(|findings| OpenError::Broken {
            file: file.clone(),
            text: text.clone(),
            findings,
        })?;
        let mut notices: Vec<Notice> = loaded
            .warnings
            .iter()
            .map(|warning| Notice::info(warning.message.clone()))
            .collect();
        let layout_file = files::layout_file(&file);
        let layout = match layout_file.exists() {
            true => match files::read(&layout_file)
                .map_err(|error| error.to_string())
                .and_then(|text| Layout::from_toml(&text).map_err(|found| found.message))
            {
                Ok((layout, warnings)) => {
                    notices.extend(
                        warnings
                            .iter()
                            .map(|warning| Notice::info(warning.message.clone())),
                    );
                    layout
                }
                Err(why) => {
                    notices.push(Notice::error(format!(
                        "the places of the nodes were left out: {why}"
                    )));
                    Layout::default()
                }
            },
            false => Layout::default(),
        };
        let document = Document::new(loaded.pipeline, layout);
        Ok((Self::new(document, Some(file)), notices))
    }

    /// The document as it is now.
    pub fn document(&self) -> &Document {
        self.history.document()
    }

    /// The pipeline as it is now.
    pub fn pipeline(&self) -> &Pipeline {
        self.document().pipeline()
    }

    /// The edits.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The file, if the document has one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Where relative paths of the pipeline start.
    pub fn base_dir(&self) -> PathBuf {
        let folder = self.file.as_deref().and_then(Path::parent);
        let folder = match folder {
            Some(folder) if folder != Path::new("") => folder.to_path_buf(),
            _ => PathBuf::from("."),
        };
        std::path::absolute(&folder).unwrap_or(folder)
    }

    /// The document as the file has it.
    pub fn saved(&self) -> Option<&Document> {
        self.saved.as_ref()
    }

    /// Whether there are edits that the file does not have.
    pub fn is_unsaved(&self) -> bool {
        match &self.saved {
            Some(saved) => {
                saved.pipeline() != self.pipeline()
                    || (saved.layout() != self.document().layout() && self.history.can_undo())
            }
            None => self.never_saved || self.history.can_undo(),
        }
    }

    /// Counts the changes of the document.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// What the compiler said last.
    pub fn compiled(&self) -> &Arc<Compiled> {
        &self.compiled
    }

    /// Whether the compiler has still to say something of the document as it is.
    pub fn is_compiling(&self) -> bool {
        self.compiled.generation < self.generation
    }

    /// Takes in what the compiler said. An older answer than the one that is there is dropped.
    pub fn set_compiled(&mut self, compiled: Arc<Compiled>) {
        if compiled.generation >= self.compiled.generation {
            self.compiled = compiled;
        }
    }

    /// The document was written to a file.
    pub fn set_saved(&mut self, file: PathBuf, document: Document) {
        self.file = Some(file);
        self.saved = Some(document);
        self.never_saved = false;
    }

    /// The document has no file that holds it: all of it is unsaved.
    pub fn forget_saved(&mut self) {
        self.saved = None;
        self.never_saved = true;
    }

    /// Counts on from another editor, so that answers about its document are not taken for ones
    /// about this.
    pub fn continue_from(&mut self, other: &Editor) {
        self.generation += other.generation;
        self.drafts += other.drafts;
        if let Some(draft) = &mut self.draft {
            self.drafts += 1;
            draft.count(self.drafts);
        }
    }

    /// Carries an action out.
    pub fn apply(&mut self, action: Action) -> Vec<Effect> {
        let in_burst = matches!(action, Action::Burst { .. } | Action::CanvasAt(_));
        if !in_burst && !matches!(action, Action::Look(_) | Action::WireStarted) {
            self.burst = None;
        }
        match action {
            Action::Command(command) => self.run(command),
            Action::Edit(command) => self.edit(&command.label(), std::slice::from_ref(&command)),
            Action::Edits { label, commands } => self.edit(&label, &commands),
            Action::Burst { key, command } => self.edit_burst(key, &command),
            Action::EndBurst => vec![],
            Action::Select(selection) => {
                self.view.selection = selection;
                self.view.selection.retain_known(self.history.document());
                vec![]
            }
            Action::GoTo(node) => {
                self.go_to(node);
                vec![]
            }
            Action::ShowInSql(span) => {
                self.show_in_sql(span);
                vec![]
            }
            Action::GoToProblem(index) => {
                self.go_to_problem(index);
                vec![]
            }
            Action::TypeSql(text) => {
                self.type_sql(text);
                vec![]
            }
            Action::ApplySqlAnyway => self.take_sql(true),
            Action::DropSql => {
                self.draft = None;
                vec![]
            }
            Action::Look(camera) => {
                self.view.camera = camera;
                vec![]
            }
            Action::CanvasAt(rect) => {
                let first = self.view.canvas == View::default().canvas;
                self.view.canvas = rect;
                if first {
                    self.fit();
                }
                vec![]
            }
            Action::ShowCentre(tab) => {
                self.view.centre = tab;
                vec![]
            }
            Action::ShowBottom(tab) => {
                self.view.bottom = tab;
                self.view.bottom_open = true;
                vec![]
            }
            Action::ShowOverlay(overlay) => {
                self.view.overlay = overlay;
                vec![]
            }
            Action::Preview(node) => {
                if self.pipeline().node(node.as_str()).is_some() {
                    self.view.preview = Some(node);
                    self.view.frozen = false;
                    self.view.bottom = BottomTab::Preview;
                    self.view.bottom_open = true;
                }
                vec![]
            }
            Action::Popup(popup) => {
                self.view.popup = popup;
                vec![]
            }
            Action::Paste(text) => {
                let middle = position(self.view.camera.centre);
                self.edit(
                    "Paste",
                    &[Command::Paste {
                        text,
                        position: Some(middle),
                    }],
                )
            }
            Action::JumpTo(index) => {
                if self.history.jump(index).is_some() {
                    self.document_changed();
                }
                vec![]
            }
            Action::FollowSelection => {
                self.view.preview = None;
                self.view.frozen = false;
                vec![]
            }
            Action::HoldPreview(hold) => {
                self.view.frozen = hold;
                vec![]
            }
            Action::PreviewAgain => {
                self.view.frozen = false;
                vec![Effect::PreviewAgain]
            }
            Action::OpenPath(path) => vec![Effect::Open(path)],
            Action::Drop(paths, at) => vec![Effect::ImportFiles(paths, at)],
            Action::BrowseFor { node, parameter } => vec![Effect::AskFor { node, parameter }],
            Action::TryModel(node) => vec![Effect::TryModel(node)],
            Action::StopTrying => vec![Effect::StopTrying],
            Action::Notify(notice) => vec![Effect::Notify(notice)],
            Action::WireStarted => {
                self.view.start_wire = false;
                vec![]
            }
            Action::ParametersEntered => {
                self.view.edit_parameters = false;
                vec![]
            }
            Action::RunWhenCompiled => {
                self.run_when_compiled = Some(UiCommand::Run);
                vec![]
            }
        }
    }

    /// Applies commands as one step. Of a refusal nothing stays but a notice that says why.
    fn edit(&mut self, label: &str, commands: &[Command]) -> Vec<Effect> {
        match self.try_edits(commands) {
            Ok((document, nodes)) => {
                self.history.push(label, document);
                self.document_changed();
                if !nodes.is_empty() {
                    self.reveal(&nodes);
                    self.view.selection = Selection::nodes(nodes);
                }
                vec![]
            }
            Err(refusal) => vec![Effect::Notify(refused(&refusal))],
        }
    }

    fn edit_burst(&mut self, key: String, command: &Command) -> Vec<Effect> {
        match self.try_edits(std::slice::from_ref(command)) {
            Ok((document, _)) => {
                if self.burst.as_ref() == Some(&key) {
                    self.history.amend(document);
                } else {
                    let before = self.history.current();
                    self.history.push(command.label(), document);
                    // An edit that changes nothing makes no step that the next one could amend.
                    self.burst = (self.history.current() != before
                        || self.history.labels().len() > before + 1)
                        .then_some(key);
                }
                self.document_changed();
                vec![]
            }
            Err(refusal) => vec![Effect::Notify(refused(&refusal))],
        }
    }

    fn try_edits(&self, commands: &[Command]) -> Result<(Document, Vec<NodeId>), Refusal> {
        let mut document = self.history.document().clone();
        let mut nodes = Vec::new();
        for command in commands {
            let applied = document.apply(command)?;
            document = applied.document;
            nodes.extend(applied.nodes);
        }
        nodes.retain(|id| document.pipeline().node(id.as_str()).is_some());
        Ok((arrange::place_all(document), nodes))
    }

    /// After every change of the document: what is looked at may be gone.
    fn document_changed(&mut self) {
        self.generation += 1;
        let document = self.history.document();
        let pipeline = document.pipeline();
        self.view.selection.retain_known(document);
        if let Some(preview) = &self.view.preview
            && pipeline.node(preview.as_str()).is_none()
        {
            self.view.preview = None;
        }
        let gone = |id: &NodeId| pipeline.node(id.as_str()).is_none();
        let stale = match &self.view.popup {
            Popup::Rename(node) => gone(node),
            Popup::AddNode { from, to, .. } => {
                from.iter().chain(to.iter()).any(|port| gone(&port.node))
            }
            _ => false,
        };
        if stale {
            self.view.popup = Popup::None;
        }
    }

    /// Shows the whole graph.
    fn fit(&mut self) {
        let bounds = arrange::bounds(self.document(), None);
        self.view.camera = match bounds {
            Some(bounds) => Camera::fitting(self.view.canvas, bounds),
            None => Camera::default(),
        };
    }

    /// Moves the canvas as little as it takes to show nodes whole, if they fit.
    fn reveal(&mut self, nodes: &[NodeId]) {
        let Some(wanted) = arrange::bounds(self.document(), Some(nodes)) else {
            return;
        };
        let camera = &mut self.view.camera;
        let visible = camera.visible(self.view.canvas);
        let wanted = wanted.expand(3.0 * arrange::GRID);
        let along = |low: f32, high: f32, from: f32, to: f32| match high - low > to - from {
            true => (low + high - from - to) / 2.0,
            false => (high - to).max(0.0) + (low - from).min(0.0),
        };
        camera.centre += egui::vec2(
            along(
                wanted.left(),
                wanted.right(),
                visible.left(),
                visible.right(),
            ),
            along(
                wanted.top(),
                wanted.bottom(),
                visible.top(),
                visible.bottom(),
            ),
        );
    }

    fn go_to(&mut self, node: NodeId) {
        let Some(rect) = arrange::node_rect(self.document(), &node) else {
            return;
        };
        self.view.centre = CentreTab::Graph;
        if !self
            .view
            .camera
            .visible(self.view.canvas)
            .contains_rect(rect)
        {
            self.view.camera.centre = rect.center();
        }
        self.view.selection = Selection::node(node);
    }
}

/// Why a file did not become a document.
#[derive(Debug)]
pub enum OpenError {
    /// It could not be read.
    Unreadable(String),
    /// It is no pipeline; it is shown as text with the places marked.
    Broken {
        /// Which file.
        file: PathBuf,
        /// Its text.
        text: String,
        /// What is wrong, with places in the text.
        findings: Vec<millstream_compiler::diagnostics::Diagnostic>,
    },
}

fn refused(refusal: &Refusal) -> Notice {
    let text = match refusal.repair() {
        Some(repair) => format!("{refusal}: {repair}"),
        None => refusal.to_string(),
    };
    Notice::error(text)
}
