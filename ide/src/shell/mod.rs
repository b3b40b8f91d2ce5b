//! The window: panels around the canvas, popups over it, and the outside world behind it.
//!
//! A frame goes in four steps: take in what the workers have (a compiled script, a job's figures,
//! a chosen file), draw and collect actions, apply them to the editor, carry out the effects.

mod beginning;
mod broken;
mod effects;
mod jobs;
mod jobs_list;
mod modals;
mod notices;
mod palette;
mod panes;
mod shortcuts;
mod start;
mod status;
mod top;

use std::path::PathBuf;
use std::time::Duration;

use egui::{Panel, Ui};
use millstream_compiler::document::{Command, Document};

pub use broken::BrokenFile;
pub use modals::Modal;
pub(crate) use palette::fuzzy;
pub(crate) use top::entry as menu_entry;

use crate::canvas::Canvas;
use crate::editor::{Action, CentreTab, Editor, Notice};
use crate::theme;
use crate::work::compile::CompileWorker;
use crate::work::dialogs::{Dialogs, SystemDialogs};
use crate::work::diff::DiffWorker;
use crate::work::draft::DraftWorker;
use crate::work::files::Stamp;
use crate::work::import::{Imported, Imports};
use crate::work::job::JobView;
use crate::work::journal::{self, Journal, Recovered};
use crate::work::preview::PreviewView;
use crate::work::repairs::RepairWorker;
use crate::work::settings::{Settings, ThemeChoice};
use notices::Notices;
use panes::{PanelStates, Panes};

/// What an editor window is started with.
#[derive(Debug)]
pub struct Options {
    /// What to open: a pipeline, its folder, or a script.
    pub path: Option<PathBuf>,
    /// Where settings and journals are.
    pub home: PathBuf,
    /// Where the samples are, for the start page.
    pub samples: Option<PathBuf>,
}

/// The window.
pub struct Shell {
    /// The document and what is looked at.
    pub editor: Editor,
    /// The running job.
    pub job: JobView,
    /// What the editor remembers.
    pub settings: Settings,
    /// The question that must be answered first, if there is one.
    pub modal: Option<Modal>,
    /// A file that could not become a document.
    pub broken: Option<BrokenFile>,
    canvas: Canvas,
    panels: PanelStates,
    panes: Panes,
    palette: palette::PaletteState,
    start: start::StartPage,
    notices: Notices,
    compiler: CompileWorker,
    repairs: RepairWorker,
    diff: DiffWorker,
    drafts: DraftWorker,
    dialogs: Box<dyn Dialogs>,
    journal: Journal,
    jobs: jobs::Jobs,
    jobs_list: jobs_list::JobsList,
    preview: PreviewView,
    imports: Imports,
    /// What the file was like when it was read or written here.
    stamp: Option<Stamp>,
    /// What it was like when a person was asked about a change of it.
    asked_about: Option<Stamp>,
    /// Whether closing the window was agreed to.
    closing: bool,
    beginning: beginning::Beginning,
}

impl Shell {
    /// A window on what the options name.
    pub fn new(context: &egui::Context, options: Options) -> Self {
        theme::install(context);
        let settings = Settings::load(&options.home);
        apply_theme(context, settings.theme);
        let wake = || {
            let context = context.clone();
            move || context.request_repaint()
        };
        let panes = Panes::restored(settings.panels.as_ref());
        let journals = options.home.join("journal");
        let mut shell = Self {
            editor: Editor::empty(),
            job: JobView::default(),
            settings,
            modal: None,
            broken: None,
            canvas: Canvas::default(),
            panels: PanelStates::default(),
            panes,
            palette: palette::PaletteState::default(),
            start: start::StartPage::new(options.samples),
            notices: Notices::default(),
            compiler: CompileWorker::start(wake()),
            repairs: RepairWorker::start(wake()),
            diff: DiffWorker::start(wake()),
            drafts: DraftWorker::start(wake()),
            dialogs: Box::new(SystemDialogs::default()),
            journal: Journal::in_folder(&journals, wake()),
            jobs: jobs::Jobs::new(context, options.home.clone()),
            jobs_list: jobs_list::JobsList::new(context, options.home.clone()),
            preview: PreviewView::default(),
            imports: Imports::default(),
            stamp: None,
            asked_about: None,
            closing: false,
            beginning: beginning::Beginning::now(),
        };
        match options.path {
            Some(path) => shell.then(context, modals::Then::Open(path)),
            None => shell.editor.view.start = true,
        }
        let recovered = journal::recoverable(&journals);
        if !recovered.is_empty() {
            shell.modal = Some(Modal::Recover(recovered));
        }
        shell
    }

    /// Dialogs of another kind than the system's, for tests.
    pub fn set_dialogs(&mut self, dialogs: Box<dyn Dialogs>) {
        self.dialogs = dialogs;
    }

    /// One frame.
    pub fn ui(&mut self, ui: &mut Ui) {
        self.take_in(ui.ctx());
        let mut actions = Vec::new();
        // A question is answered before anything else goes on.
        if self.modal.is_none() {
            let busy = self.canvas.takes_keys();
            shortcuts::collect(ui.ctx(), &self.editor, busy, &mut actions);
        }
        self.draw(ui, &mut actions);
        if !actions.is_empty() {
            // What they change is to be seen without waiting for the next event.
            ui.ctx().request_repaint();
        }
        for action in actions {
            self.apply(ui.ctx(), action);
        }
        self.after(ui.ctx());
    }

    /// Carries an action out, and what follows from it in the outside world.
    pub fn apply(&mut self, context: &egui::Context, action: Action) {
        let commands = match &action {
            Action::Edit(command) => std::slice::from_ref(command),
            Action::Edits { commands, .. } => commands,
            _ => &[],
        };
        for command in commands {
            if let Command::AddNode { kind, .. } = command {
                *self.settings.used_kinds.entry(kind.clone()).or_default() += 1;
            }
        }
        for effect in self.editor.apply(action) {
            self.carry_out(context, effect);
        }
    }

    /// Takes in what the workers have.
    fn take_in(&mut self, context: &egui::Context) {
        if let Some(compiled) = self.compiler.answer() {
            self.editor.set_compiled(compiled);
        }
        if let Some(repairs) = self.repairs.answer() {
            self.editor.set_repairs(repairs);
        }
        if let Some(checked) = self.drafts.answer() {
            for effect in self.editor.set_checked(checked) {
                self.carry_out(context, effect);
            }
        }
        self.diff.take_in();
        for imported in self.imports.answers() {
            match imported {
                Imported::Action(action) => self.apply(context, action),
                Imported::Document(document) => self.take_imported(*document),
            }
        }
        while let Some((purpose, path)) = self.dialogs.answer() {
            if let Some(path) = path {
                self.dialog_answered(context, purpose, path);
            }
        }
        self.look_at_file(context);
        self.hear(context);
        self.editor.job_running = self.job.is_running();
    }

    fn draw(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        Panel::top("top")
            .resizable(false)
            .frame(bar(ui))
            .show(ui, |ui| {
                let broken = self
                    .broken
                    .as_ref()
                    .and_then(|broken| broken.file.file_name());
                let broken = broken.map(|name| name.to_string_lossy());
                let beside = top::Beside {
                    instead: broken.as_deref(),
                    saved: self.jobs.saved(),
                };
                top::ui(ui, &self.editor, &beside, actions);
            });
        Panel::bottom("status")
            .resizable(false)
            .frame(bar(ui))
            .show(ui, |ui| match &self.broken {
                Some(broken) => broken.status(ui),
                None => status::ui(ui, &self.editor, &self.job, actions),
            });
        egui::CentralPanel::no_frame().show(ui, |ui| {
            if let Some(broken) = &mut self.broken {
                match broken.ui(ui) {
                    Some(broken::Done::Save) => self.modal = Some(Modal::MendFile),
                    Some(broken::Done::Close) => self.broken = None,
                    None => {}
                }
            } else if self.editor.view.start {
                self.start.ui(ui, &self.settings, actions);
            } else {
                let parts = panes::Parts {
                    editor: &self.editor,
                    job: &self.job,
                    preview: &self.preview,
                    changes: self.diff.changes(),
                    dry_run: self.jobs.dry_run(),
                    used_kinds: &self.settings.used_kinds,
                    canvas: &mut self.canvas,
                    panels: &mut self.panels,
                    actions,
                };
                self.panes.ui(ui, parts);
            }
        });
        self.palette.ui(ui.ctx(), &self.editor, actions);
        self.notices.ui(ui.ctx(), actions);
        self.answer_modal(ui.ctx());
    }

    /// What follows from what was done in this frame.
    fn after(&mut self, context: &egui::Context) {
        let generation = self.editor.generation();
        self.compiler
            .ask(generation, self.editor.pipeline(), self.editor.base_dir());
        let compiled = self.editor.compiled();
        if compiled.generation == generation {
            self.repairs
                .ask(self.editor.document(), compiled, self.editor.base_dir());
        }
        self.drafts.ask(&self.editor);
        let view = &self.editor.view;
        if view.centre == CentreTab::Diff && !view.start {
            self.diff.ask(&self.editor);
        }
        if self.editor.is_unsaved() || self.editor.draft().is_some() {
            if let Some(left) = self.journal.keep(&self.editor) {
                context.request_repaint_after(left + Duration::from_millis(10));
            }
        } else {
            self.journal.clear(&self.editor);
        }
        if let Some(error) = self.journal.failure() {
            self.notices.add(
                context,
                Notice::error(format!(
                    "unsaved edits are not protected from a crash: {error}"
                )),
            );
        }
        if let Some(panels) = self.panes.changed() {
            self.settings.panels = Some(panels);
            self.settings.save();
        }
        self.after_jobs(context);
        let title = status::window_title(&self.editor);
        if self.panes.title != title {
            context.send_viewport_cmd(egui::ViewportCommand::Title(title.clone()));
            self.panes.title = title;
        }
        if context.input(|input| input.viewport().close_requested())
            && !self.closing
            && (self.editor.is_unsaved() || self.editor.draft().is_some())
        {
            context.send_viewport_cmd(egui::ViewportCommand::CancelClose);
            self.unless_unsaved(modals::Then::Quit, context);
        }
    }

    /// Waits for the compiler. For pictures and tests, which want what a person sees a moment
    /// later.
    pub fn settle(&mut self, longest: Duration) {
        let generation = self.editor.generation();
        self.compiler
            .ask(generation, self.editor.pipeline(), self.editor.base_dir());
        if self.editor.compiled().generation < generation
            && let Some(compiled) = self.compiler.wait(longest)
        {
            self.editor.set_compiled(compiled);
        }
    }

    /// Opens a document that a script became: nothing of it is saved yet.
    fn take_imported(&mut self, document: Document) {
        let mut editor = Editor::new(document, None);
        editor.forget_saved();
        self.replace_editor(editor);
    }

    /// Opens a document with edits that were recovered.
    fn take_recovered(&mut self, recovered: Recovered) {
        let saved = recovered
            .file
            .as_deref()
            .and_then(|file| Editor::open(file).ok())
            .map(|(editor, _)| editor.document().clone());
        let mut editor = Editor::new(recovered.document, recovered.file.clone());
        match (recovered.file, saved) {
            (Some(file), Some(saved)) => {
                self.stamp = Stamp::of(&file);
                editor.set_saved(file, saved);
            }
            _ => editor.forget_saved(),
        }
        if let Some(script) = recovered.script {
            let target = script.target();
            editor.restore_draft(script.text, script.begun_from.into(), target);
            editor.view.centre = CentreTab::Sql;
        }
        self.replace_editor(editor);
        if let Some(folder) = recovered.job {
            self.take_job_folder(folder);
        }
        // The old journal goes when the new one holds the edits; until then it is offered again.
        let written = self.journal.write_now(&self.editor);
        match written {
            Ok(()) => {
                let _ = std::fs::remove_file(recovered.journal);
            }
            Err(error) => self.notices.later(Notice::error(format!(
                "the recovered edits are not protected from another crash: {error}"
            ))),
        }
    }
}

impl eframe::App for Shell {
    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        let compiled = self.editor.compiled().generation == self.editor.generation();
        self.beginning.frame(ui.ctx(), compiled);
        Shell::ui(self, ui);
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.settings.save();
        if self.closing || !(self.editor.is_unsaved() || self.editor.draft().is_some()) {
            self.journal.clear(&self.editor);
            if let Some(folder) = self.document_given_up() {
                folder.forget();
            }
        }
    }
}

fn bar(ui: &Ui) -> egui::Frame {
    let palette = theme::palette(ui.ctx());
    egui::Frame::new()
        .fill(palette.panel)
        .inner_margin(egui::Margin::symmetric(12, 6))
}

fn apply_theme(context: &egui::Context, choice: ThemeChoice) {
    context.set_theme(match choice {
        ThemeChoice::Dark => egui::Theme::Dark,
        ThemeChoice::Light => egui::Theme::Light,
    });
}
