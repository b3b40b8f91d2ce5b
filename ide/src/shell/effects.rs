//! Carries out what the editor asks of the outside world.

use std::path::{Path, PathBuf};

use egui::Context;
use millstream_compiler::document::{Command, NodeId, files};
use millstream_compiler::lower::Target;
use millstream_compiler::nodes::{self, ParameterType, PathKind};

use super::modals::{Modal, Then};
use super::{BrokenFile, Shell, apply_theme};
use crate::editor::{Action, Draft, Editor, Effect, Notice, OpenError};
use crate::work::dialogs::{Purpose, Question};
use crate::work::files::{Stamp, save, with_extension};
use crate::work::settings::ThemeChoice;
use crate::work::watch::Begin;

impl Shell {
    pub(super) fn carry_out(&mut self, context: &Context, effect: Effect) {
        match effect {
            Effect::AskOpen => self.ask(context, Purpose::Open),
            Effect::AskOpenFolder => self.ask(context, Purpose::OpenFolder),
            Effect::AskImport => self.ask(context, Purpose::Import),
            Effect::AskSaveAs => self.ask(context, Purpose::SaveAs),
            Effect::AskExport => self.ask(context, Purpose::Export),
            Effect::AskFor { node, parameter } => self.ask_for(context, node, parameter),
            Effect::Open(path) => self.unless_unsaved(Then::Open(path), context),
            Effect::New => self.unless_unsaved(Then::New, context),
            Effect::Quit => self.unless_unsaved(Then::Quit, context),
            Effect::Save => self.save(context, false),
            Effect::CopyText(text) => {
                context.copy_text(text);
            }
            Effect::RequestPaste => {
                context.send_viewport_cmd(egui::ViewportCommand::RequestPaste);
            }
            Effect::ToggleTheme => {
                self.settings.theme = match self.settings.theme {
                    ThemeChoice::Dark => ThemeChoice::Light,
                    ThemeChoice::Light => ThemeChoice::Dark,
                };
                apply_theme(context, self.settings.theme);
                self.settings.save();
            }
            Effect::ResetPanels => self.panes = super::panes::Panes::restored(None),
            Effect::Notify(notice) => self.notices.add(context, notice),
            Effect::StartJob { from_scratch } => self.ask_to_start_job(match from_scratch {
                true => Begin::Scratch,
                false => Begin::LastRun,
            }),
            Effect::AskSavepoint => self.ask(context, Purpose::Savepoint),
            Effect::StopJob { savepoint } => self.stop_job(savepoint),
            Effect::Checkpoint => self.take_checkpoint(),
            Effect::PreviewAgain => self.preview_again(),
            Effect::TryModel(node) => self.try_model(&node),
            Effect::StopTrying => self.stop_trying(),
            Effect::AskApplySql => self.modal = Some(Modal::ApplySql),
            Effect::AskDiscardSql => self.modal = Some(Modal::UnappliedSql(None)),
            Effect::ListJobs => {
                self.jobs_list.open(self.jobs.registry());
                self.modal = Some(Modal::Jobs);
            }
            Effect::Detach => self.detach_job(),
            Effect::ImportFiles(paths, at) => {
                let empty = self.editor.pipeline().nodes().len() == 0;
                let wake = context.clone();
                self.imports
                    .begin(paths, at, self.editor.base_dir(), empty, move || {
                        wake.request_repaint();
                    });
            }
        }
    }

    fn ask(&mut self, context: &Context, purpose: Purpose) {
        let name = self.editor.pipeline().name().to_string();
        let (name, filter) = match &purpose {
            Purpose::Open => (
                String::new(),
                Some(("Pipelines and scripts", vec!["toml", "sql"])),
            ),
            Purpose::Import => (String::new(), Some(("Flink SQL", vec!["sql"]))),
            Purpose::SaveAs => (
                "pipeline.toml".to_string(),
                Some(("Pipelines", vec!["toml"])),
            ),
            Purpose::Export => (format!("{name}.sql"), Some(("Flink SQL", vec!["sql"]))),
            Purpose::OpenFolder | Purpose::Savepoint | Purpose::Parameter { .. } => {
                (String::new(), None)
            }
        };
        let folder = match &purpose {
            Purpose::Savepoint => self.savepoints(),
            _ => self.editor.base_dir(),
        };
        let question = Question {
            purpose,
            folder,
            name,
            filter: filter.map(|(name, extensions)| {
                let extensions = extensions.into_iter().map(String::from).collect();
                (name.to_string(), extensions)
            }),
        };
        let wake = context.clone();
        self.dialogs
            .ask(question, Box::new(move || wake.request_repaint()));
    }

    /// Asks for the file or folder of a parameter.
    fn ask_for(&mut self, context: &Context, node: NodeId, parameter: String) {
        let pipeline = self.editor.pipeline();
        let ty = pipeline
            .node(node.as_str())
            .and_then(|node| nodes::find(&node.kind))
            .and_then(|kind| kind.spec().parameter(&parameter))
            .map(|spec| spec.ty);
        let Some(ParameterType::Path(kind)) = ty else {
            return;
        };
        let base = self.editor.base_dir();
        let now = pipeline
            .node(node.as_str())
            .and_then(|node| node.text_at(&parameter))
            .map(|text| base.join(text));
        let folder = now
            .as_deref()
            .and_then(Path::parent)
            .filter(|folder| folder.is_dir())
            .map_or(base, Path::to_path_buf);
        let filter = match kind {
            PathKind::File(extensions) => {
                let extensions = extensions.iter().map(ToString::to_string).collect();
                Some(("Files".to_string(), extensions))
            }
            PathKind::Data | PathKind::Folder => None,
        };
        let question = Question {
            purpose: Purpose::Parameter {
                node,
                parameter,
                folder: kind == PathKind::Folder,
            },
            folder,
            name: String::new(),
            filter,
        };
        let wake = context.clone();
        self.dialogs
            .ask(question, Box::new(move || wake.request_repaint()));
    }

    pub(super) fn dialog_answered(&mut self, context: &Context, purpose: Purpose, path: PathBuf) {
        match purpose {
            Purpose::Open | Purpose::OpenFolder => {
                self.unless_unsaved(Then::Open(path), context);
            }
            Purpose::Import => self.carry_out(
                context,
                Effect::ImportFiles(
                    vec![path],
                    crate::editor::position(self.editor.view.camera.centre),
                ),
            ),
            Purpose::SaveAs => {
                let path = with_extension(path);
                self.save_to(context, &path);
            }
            Purpose::Export => self.export(context, &path),
            Purpose::Savepoint => self.ask_to_start_job(Begin::Savepoint(path)),
            Purpose::Parameter {
                node, parameter, ..
            } => {
                // What lies beside the pipeline moves with it.
                let base = self.editor.base_dir();
                let path = path.strip_prefix(&base).unwrap_or(&path);
                let value = path.display().to_string().into();
                self.apply(
                    context,
                    Action::Edit(Command::SetParameter {
                        node,
                        parameter,
                        value,
                    }),
                );
            }
        }
    }

    /// Does something that throws the document away, after asking about edits nobody saved.
    pub(super) fn unless_unsaved(&mut self, then: Then, context: &Context) {
        if self.editor.draft().is_some_and(Draft::is_changed) {
            self.modal = Some(Modal::UnappliedSql(Some(then)));
        } else if self.editor.is_unsaved() {
            self.modal = Some(Modal::Unsaved(then));
        } else {
            self.then(context, then);
        }
    }

    /// Goes on after unsaved edits were saved or given up.
    pub(super) fn then(&mut self, context: &Context, then: Then) {
        match then {
            Then::New => {
                self.broken = None;
                self.stamp = None;
                self.replace_editor(Editor::empty());
            }
            Then::Open(path) if is_script(&path) => {
                self.broken = None;
                self.stamp = None;
                self.replace_editor(Editor::empty());
                let at = millstream_compiler::document::Position::new(0, 0);
                self.carry_out(context, Effect::ImportFiles(vec![path], at));
            }
            Then::Open(path) => self.open(&path),
            Then::Quit => {
                self.closing = true;
                context.send_viewport_cmd(egui::ViewportCommand::Close);
            }
        }
    }

    /// Opens a pipeline or its folder.
    pub fn open(&mut self, path: &Path) {
        self.broken = None;
        match Editor::open(path) {
            Ok((editor, notices)) => {
                for notice in notices {
                    self.notices.later(notice);
                }
                if let Some(file) = editor.file() {
                    self.stamp = Stamp::of(file);
                    self.settings.remember(file);
                    self.settings.save();
                }
                self.replace_editor(editor);
            }
            Err(OpenError::Unreadable(why)) => self.notices.later(Notice::error(why)),
            Err(OpenError::Broken {
                file,
                text,
                findings,
            }) => {
                self.broken = Some(BrokenFile::new(file, text, findings));
            }
        }
    }

    pub(super) fn replace_editor(&mut self, mut editor: Editor) {
        // What is looked at in general stays; what belongs to the old document goes.
        let old = &self.editor.view;
        editor.view.left_open = old.left_open;
        editor.view.right_open = old.right_open;
        editor.view.bottom_open = old.bottom_open;
        editor.view.minimap = old.minimap;
        editor.view.overlay = old.overlay;
        editor.view.target = old.target;
        editor.continue_from(&self.editor);
        self.editor = editor;
        self.canvas = crate::canvas::Canvas::default();
        self.panels = super::PanelStates::default();
        self.document_replaced();
    }

    /// Saves to the document's file. A file that changed on disk is asked about, unless `force`.
    pub(super) fn save(&mut self, context: &Context, force: bool) {
        let Some(file) = self.editor.file().map(Path::to_path_buf) else {
            self.ask(context, Purpose::SaveAs);
            return;
        };
        if self.changed_on_disk(&file) && !force {
            self.modal = Some(Modal::ChangedOnDisk);
            return;
        }
        self.save_to(context, &file);
    }

    /// Whether another program wrote the file since it was read or written here. One that was
    /// removed is written again without a question.
    pub(super) fn changed_on_disk(&self, file: &Path) -> bool {
        let now = Stamp::of(file);
        self.stamp.is_some() && now.is_some() && now != self.stamp
    }

    /// Whoever comes back to the window is asked about a file that changed meanwhile, once a
    /// change.
    pub(super) fn look_at_file(&mut self, context: &Context) {
        let back = context.input(|input| {
            let came = |event: &egui::Event| *event == egui::Event::WindowFocused(true);
            input.events.iter().any(came)
        });
        if !back || self.modal.is_some() || self.broken.is_some() {
            return;
        }
        let Some(file) = self.editor.file().map(Path::to_path_buf) else {
            return;
        };
        let now = Stamp::of(&file);
        if self.changed_on_disk(&file) && now != self.asked_about {
            self.asked_about = now;
            self.modal = Some(Modal::NewOnDisk);
            context.request_repaint();
        }
    }

    pub(super) fn save_to(&mut self, context: &Context, file: &Path) -> bool {
        let document = self.editor.document().clone();
        match save(file, &document) {
            Ok(()) => {
                self.stamp = Stamp::of(file);
                let before = self.editor.file().map(Path::to_path_buf);
                self.editor.set_saved(file.to_path_buf(), document);
                self.job_follows(before.as_deref(), file);
                self.settings.remember(file);
                self.settings.save();
                self.notices.add(context, Notice::done("Saved"));
                true
            }
            Err(why) => {
                let text = format!("{why}; the old file and the unsaved edits are kept");
                self.notices.add(context, Notice::error(text));
                false
            }
        }
    }

    fn export(&mut self, context: &Context, path: &Path) {
        let script = self.editor.compiled().script(Target::Flink);
        let notice = match files::write(path, script) {
            Ok(()) => Notice::done(format!("Wrote {}", path.display())),
            Err(error) => Notice::error(error.to_string()),
        };
        self.notices.add(context, notice);
    }
}

/// Whether a path names a Flink SQL script.
pub(super) fn is_script(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("sql"))
}
