//! The line at the bottom: the compiler, the job, the file; and what the window is called.

use egui::{Align, Color32, Label, Layout, RichText, Sense, Ui};
use millstream_compiler::diagnostics::Severity;

use crate::editor::{Action, BottomTab, Editor};
use crate::theme;
use crate::work::job::{JobState, JobView};

/// The document's name, with a dot while edits are unsaved.
pub(super) fn document_name(editor: &Editor) -> String {
    let dot = if editor.is_unsaved() { "● " } else { "" };
    format!("{dot}{}", editor.pipeline().name())
}

/// The title of the window.
pub(super) fn window_title(editor: &Editor) -> String {
    format!("{} – Millstream", document_name(editor))
}

/// Draws the line.
pub(super) fn ui(ui: &mut Ui, editor: &Editor, job: &JobView, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui.ctx());
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 18.0;
        let compiled = editor.compiled();
        let count = |severity| {
            let of = compiled.diagnostics.iter();
            of.filter(|found| found.severity == severity).count()
        };
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        let (text, colour) = if compiled.generation < editor.generation() {
            ("compiling…".to_string(), palette.muted)
        } else if errors > 0 {
            (format!("✖ {}", counted(errors, "error")), palette.error)
        } else {
            let took = compiled.took.as_secs_f64() * 1e3;
            (format!("✔ compiled in {took:.0} ms"), palette.ok)
        };
        if item(ui, text, colour).clicked() {
            actions.push(Action::ShowBottom(BottomTab::Problems));
        }
        if warnings > 0
            && item(
                ui,
                format!("▲ {}", counted(warnings, "warning")),
                palette.warning,
            )
            .clicked()
        {
            actions.push(Action::ShowBottom(BottomTab::Problems));
        }
        let on_flink = compiled
            .flink
            .as_ref()
            .is_some_and(|lowered| !lowered.has_errors());
        if on_flink {
            item(ui, "Flink SQL ✔".into(), palette.muted);
        }
        let (text, colour) = match &job.state {
            JobState::None => (String::new(), palette.muted),
            JobState::Starting => ("● starting".to_string(), palette.warning),
            JobState::Running => ("● running".to_string(), palette.ok),
            JobState::Stopping => ("● stopping".to_string(), palette.warning),
            JobState::Finished => ("○ finished".to_string(), palette.muted),
            JobState::Failed { .. } => ("✖ failed".to_string(), palette.error),
        };
        if !text.is_empty() && item(ui, text, colour).clicked() {
            actions.push(Action::ShowBottom(BottomTab::Logs));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let saved = match editor.is_unsaved() {
                true => "unsaved",
                false => "saved",
            };
            item(ui, saved.into(), palette.muted);
            let zoom = editor.view.camera.zoom * 100.0;
            item(ui, format!("{zoom:.0} %"), palette.faint);
        });
    });
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

fn item(ui: &mut Ui, text: String, colour: Color32) -> egui::Response {
    let text = RichText::new(text).size(theme::SMALL + 1.0).color(colour);
    ui.add(Label::new(text).selectable(false).sense(Sense::click()))
}
