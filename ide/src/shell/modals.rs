//! Questions that must be answered before anything else goes on.

use std::path::PathBuf;

use egui::{Context, RichText, ScrollArea};

use super::Shell;
use crate::editor::{Action, CentreTab};
use crate::theme;
use crate::work::folders::SavedState;
use crate::work::journal::Recovered;
use crate::work::watch::Begin;

/// What a person wanted when unsaved edits came in between.
#[derive(Debug, Clone, PartialEq)]
pub enum Then {
    /// An empty pipeline.
    New,
    /// Another file.
    Open(PathBuf),
    /// Close the window.
    Quit,
}

/// A question.
#[derive(Debug)]
pub enum Modal {
    /// What shall become of unsaved edits?
    Unsaved(Then),
    /// The file changed on disk since it was read: overwrite it, read it, or save elsewhere?
    ChangedOnDisk,
    /// The file changed on disk while the window was left: read it?
    NewOnDisk,
    /// Edits of an editor that died: take them up?
    Recover(Vec<Recovered>),
    /// The edited script was not applied: give it up, and then perhaps do something else?
    UnappliedSql(Option<Then>),
    /// The graph changed while its script was edited, or something is wrong with that: apply it?
    ApplySql,
    /// The text of a broken file was edited: write it and open it.
    MendFile,
    /// The state of the last run is there: throw it away for a run that begins with something else?
    ForgetState(SavedState, Begin),
    /// The state of the last run does not fit: what the program says about it.
    Unfit(String),
    /// The jobs that run, to attach to one.
    Jobs,
}

impl Shell {
    /// Shows the question and carries out the answer.
    pub(super) fn answer_modal(&mut self, context: &Context) {
        let Some(modal) = self.modal.take() else {
            return;
        };
        match modal {
            Modal::Unsaved(then) => {
                let name = self.editor.pipeline().name().to_string();
                let answer = ask(
                    context,
                    &format!("Save the changes to {name}?"),
                    "They are lost otherwise.",
                    &["Save", "Don't save", "Cancel"],
                );
                match answer {
                    Some(0) => match self.editor.file().map(std::path::Path::to_path_buf) {
                        Some(file) if self.changed_on_disk(&file) => {
                            self.modal = Some(Modal::ChangedOnDisk);
                        }
                        Some(file) => {
                            if self.save_to(context, &file) {
                                self.then(context, then);
                            }
                        }
                        None => self.save(context, false),
                    },
                    Some(1) => {
                        self.journal.clear(&self.editor);
                        self.then(context, then);
                    }
                    Some(_) => {}
                    None => self.modal = Some(Modal::Unsaved(then)),
                }
            }
            Modal::UnappliedSql(then) => {
                let answer = ask(
                    context,
                    "Discard the edits of the script?",
                    "They are not applied to the graph and are lost otherwise.",
                    &["Discard", "Keep editing"],
                );
                match answer {
                    Some(0) => {
                        self.apply(context, Action::DropSql);
                        if let Some(then) = then {
                            self.unless_unsaved(then, context);
                        }
                    }
                    Some(_) => self.apply(context, Action::ShowCentre(CentreTab::Sql)),
                    None => self.modal = Some(Modal::UnappliedSql(then)),
                }
            }
            Modal::ApplySql => {
                let mut reasons = Vec::new();
                if self.editor.draft_is_behind() {
                    reasons.push(
                        "The graph changed while its script was edited. Both changes are taken; what both changed will be as the script says.".to_string(),
                    );
                }
                let findings = self
                    .editor
                    .draft()
                    .map_or(&[][..], |draft| draft.findings());
                let mut errors = findings.iter().filter(|found| found.is_error());
                if let Some(first) = errors.next() {
                    let more = match errors.count() {
                        0 => String::new(),
                        n => format!(", and {n} more"),
                    };
                    reasons.push(format!(
                        "Something is wrong with it: {}{more}. What is broken becomes SQL nodes with that text.",
                        first.message
                    ));
                }
                let answer = ask(
                    context,
                    "Apply the script all the same?",
                    &reasons.join("\n\n"),
                    &["Apply all the same", "Keep editing"],
                );
                match answer {
                    Some(0) => self.apply(context, Action::ApplySqlAnyway),
                    Some(_) => {}
                    None => self.modal = Some(Modal::ApplySql),
                }
            }
            Modal::ChangedOnDisk => {
                let answer = ask(
                    context,
                    "The file changed on disk",
                    "Another program wrote it since it was opened here.",
                    &["Overwrite it", "Open what is on disk", "Cancel"],
                );
                match answer {
                    Some(0) => self.save(context, true),
                    Some(1) => {
                        if let Some(file) = self.editor.file().map(std::path::Path::to_path_buf) {
                            self.open(&file);
                        }
                    }
                    Some(_) => {}
                    None => self.modal = Some(Modal::ChangedOnDisk),
                }
            }
            Modal::NewOnDisk => {
                let text = match self.editor.is_unsaved() {
                    true => {
                        "Another program wrote it. What is on disk does not have the edits here."
                    }
                    false => "Another program wrote it since it was opened here.",
                };
                let buttons = ["Open what is on disk", "Keep what is here"];
                match ask(context, "The file changed on disk", text, &buttons) {
                    Some(0) => {
                        if let Some(file) = self.editor.file().map(std::path::Path::to_path_buf) {
                            self.open(&file);
                        }
                    }
                    Some(_) => {}
                    None => self.modal = Some(Modal::NewOnDisk),
                }
            }
            Modal::Recover(mut found) => {
                let names: Vec<String> = found
                    .iter()
                    .map(|one| match &one.file {
                        Some(file) => file.display().to_string(),
                        None => format!("{} (never saved)", one.document.pipeline().name()),
                    })
                    .collect();
                let answer = ask(
                    context,
                    "Unsaved edits were found",
                    &format!(
                        "The editor ended before these were saved:\n{}",
                        names.join("\n")
                    ),
                    &["Recover", "Throw away", "Later"],
                );
                match answer {
                    Some(0) => {
                        if let Some(last) = found.pop() {
                            self.take_recovered(last);
                        }
                        // One window holds one document: the others stay in their journals.
                        if !found.is_empty() {
                            let left = format!(
                                "{} more with unsaved edits: offered at the next start",
                                found.len()
                            );
                            self.notices.later(crate::editor::Notice::info(left));
                        }
                    }
                    Some(1) => {
                        for one in found {
                            // A journal that cannot be removed is offered again, which is safe.
                            let _ = std::fs::remove_file(one.journal);
                        }
                    }
                    Some(_) => {}
                    None => self.modal = Some(Modal::Recover(found)),
                }
            }
            Modal::ForgetState(saved, begin) => {
                let when = saved.written.map_or_else(String::new, |written| {
                    format!(" of {}", moment(written.into()))
                });
                let (run, what) = match &begin {
                    Begin::Savepoint(_) => ("Run from savepoint", "goes on from the savepoint"),
                    _ => ("Run from scratch", "reads all rows again"),
                };
                let text = format!(
                    "The last run left checkpoint {}{when}. This one forgets it and {what}.",
                    saved.checkpoint
                );
                let buttons = [run, "Go on from the checkpoint", "Cancel"];
                match ask(
                    context,
                    "Forget the state of the last run?",
                    &text,
                    &buttons,
                ) {
                    Some(0) => self.start_job(begin),
                    Some(1) => self.start_job(Begin::LastRun),
                    Some(_) => {}
                    None => self.modal = Some(Modal::ForgetState(saved, begin)),
                }
            }
            Modal::Unfit(why) => {
                let title = "The saved state does not fit the pipeline";
                match ask(context, title, &why, &["Run from scratch", "Cancel"]) {
                    Some(0) => self.start_job(Begin::Scratch),
                    Some(_) => {}
                    None => self.modal = Some(Modal::Unfit(why)),
                }
            }
            Modal::Jobs => self.list_jobs(context),
            Modal::MendFile => {
                if let Some(broken) = self.broken.take() {
                    match millstream_compiler::document::files::write(&broken.file, &broken.text) {
                        Ok(()) => self.open(&broken.file),
                        Err(error) => {
                            let notice = crate::editor::Notice::error(error.to_string());
                            self.notices.add(context, notice);
                            self.broken = Some(broken);
                        }
                    }
                }
            }
        }
    }
}

/// A time of day, with the day if it is another one.
pub(super) fn moment(time: chrono::DateTime<chrono::Local>) -> String {
    let form = match time.date_naive() == chrono::Local::now().date_naive() {
        true => "%H:%M:%S",
        false => "%Y-%m-%d %H:%M",
    };
    time.format(form).to_string()
}

/// What a question stands on.
pub(super) fn frame(context: &Context) -> egui::Frame {
    let style = context.style_of(context.theme());
    egui::Frame::popup(&style).inner_margin(egui::Margin::symmetric(20, 16))
}

/// Shows a question with buttons; the index of the one that was pressed. Escape presses the last.
fn ask(context: &Context, title: &str, text: &str, buttons: &[&str]) -> Option<usize> {
    let palette = theme::palette(context);
    let mut answer = None;
    let modal = egui::Modal::new(egui::Id::unique(("modal", title))).frame(frame(context));
    let response = modal.show(context, |ui| {
        ui.set_width(380.0);
        ui.label(RichText::new(title).font(theme::strong_font(15.0)));
        ui.add_space(theme::STEP);
        match text.contains("\n  ") {
            // What a program wrote stands in columns.
            true => {
                ui.set_width(640.0);
                let (table, help) = text.split_once("\n  help: ").unwrap_or((text, ""));
                let table = RichText::new(table).font(theme::data_font(theme::DATA));
                ScrollArea::both().max_height(320.0).show(ui, |ui| {
                    ui.add(egui::Label::new(table).extend());
                });
                if !help.is_empty() {
                    ui.add_space(2.0 * theme::STEP);
                    ui.label(RichText::new(help).color(palette.muted));
                }
            }
            false => {
                ui.label(RichText::new(text).color(palette.muted));
            }
        }
        ui.add_space(3.0 * theme::STEP);
        ui.horizontal(|ui| {
            for (index, label) in buttons.iter().enumerate() {
                let button = match index {
                    0 => egui::Button::new(RichText::new(*label).color(palette.on_accent))
                        .fill(palette.accent),
                    _ => egui::Button::new(*label),
                };
                if ui.add(button).clicked() {
                    answer = Some(index);
                }
            }
        });
    });
    if answer.is_none() && response.should_close() {
        answer = Some(buttons.len() - 1);
    }
    answer
}
