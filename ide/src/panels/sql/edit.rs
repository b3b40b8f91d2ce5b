//! What stands above a script that is edited: what is wrong with it, and what becomes of it.

use egui::{Align, Button, Frame, Label, Layout, Link, RichText, Ui};
use millstream_compiler::diagnostics::Diagnostic;
use millstream_compiler::lower::Target;

use super::SqlTab;
use super::script::{Shown, Version};
use crate::command::UiCommand;
use crate::editor::{Action, Draft, Editor};
use crate::theme::{self, Palette};

/// How many errors are listed above the text.
const LISTED: usize = 4;

impl SqlTab {
    /// Draws the script as somebody edits it.
    pub(super) fn edited(
        &mut self,
        ui: &mut Ui,
        editor: &Editor,
        draft: &Draft,
        actions: &mut Vec<Action>,
    ) {
        let palette = theme::palette(ui.ctx());
        bar(ui, draft, palette, actions);
        let errors: Vec<&Diagnostic> = draft
            .findings()
            .iter()
            .filter(|found| found.is_error())
            .collect();
        if !errors.is_empty() || editor.draft_is_behind() {
            let frame = Frame::new()
                .fill(palette.raised)
                .corner_radius(theme::RADIUS_SMALL)
                .inner_margin(egui::Margin::symmetric(10, 6));
            frame.show(ui, |ui| {
                ui.set_width(ui.available_width());
                ui.spacing_mut().item_spacing.y = 2.0;
                if editor.draft_is_behind() {
                    let text = "The graph has changed since this script was begun";
                    ui.label(small(text, palette.warning));
                }
                for found in errors.iter().take(LISTED) {
                    error(ui, draft.text(), found, palette, actions);
                }
                if errors.len() > LISTED {
                    let more = format!("and {} more", errors.len() - LISTED);
                    ui.label(small(&more, palette.muted));
                }
            });
        }
        ui.add_space(theme::STEP);
        let shown = Shown {
            text: draft.text(),
            version: Version::Draft(draft.revision()),
            lowered: None,
            findings: draft.findings(),
        };
        self.script(ui, editor, &shown, actions);
    }
}

fn small(text: &str, colour: egui::Color32) -> RichText {
    RichText::new(text).size(theme::SMALL).color(colour)
}

fn bar(ui: &mut Ui, draft: &Draft, palette: &Palette, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        ui.set_min_height(26.0);
        let whose = match draft.target() {
            Target::Embedded => "Editing the script",
            Target::Flink => "Editing the script for Flink",
        };
        ui.label(RichText::new(whose).color(palette.accent));
        let (state, colour) = state(draft, palette);
        ui.add(Label::new(small(&state, colour)).truncate());
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let text = RichText::new("Apply").color(palette.on_accent);
            let mut apply = Button::new(text).fill(palette.accent);
            // Where the script is edited, what runs the job applies it.
            if let Some(keys) = UiCommand::Run.shortcut_text(ui.ctx()) {
                let keys = RichText::new(keys)
                    .size(theme::SMALL)
                    .color(palette.on_accent);
                apply = apply.right_text(keys);
            }
            let apply = ui
                .add(apply)
                .accessible_name("Apply the script")
                .on_hover_text(UiCommand::ApplySql.tooltip());
            if apply.clicked() {
                actions.push(Action::Command(UiCommand::ApplySql));
            }
            let discard = ui
                .add(Button::new("Discard"))
                .accessible_name("Discard the edits of the script")
                .on_hover_text(UiCommand::DiscardSql.tooltip());
            if discard.clicked() {
                actions.push(Action::Command(UiCommand::DiscardSql));
            }
        });
    });
}

/// What is known about the text, in a few words.
fn state(draft: &Draft, palette: &Palette) -> (String, egui::Color32) {
    if !draft.is_changed() {
        return ("as the graph means it".to_string(), palette.muted);
    }
    let Some(checked) = draft.checked() else {
        return ("reading…".to_string(), palette.muted);
    };
    if checked.after.is_none() {
        return ("it cannot be read yet".to_string(), palette.error);
    }
    let (new, gone, changed) = checked.nodes_changed();
    let counted = |count: usize, verb: &str| match count {
        0 => None,
        1 => Some(format!("1 node {verb}")),
        n => Some(format!("{n} nodes {verb}")),
    };
    let parts = [
        counted(changed, "changed"),
        counted(new, "new"),
        counted(gone, "gone"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let errors = checked
        .findings
        .iter()
        .filter(|found| found.is_error())
        .count();
    let notes = checked.findings.len() - errors;
    let mut text = match parts.is_empty() {
        true => "it means the same graph".to_string(),
        false => parts.join(", "),
    };
    let mut colour = palette.ok;
    for (count, what, of_it) in [
        (errors, "error", palette.error),
        (notes, "note", palette.warning),
    ] {
        if count > 0 {
            let many = if count == 1 { "" } else { "s" };
            text.push_str(&format!(" · {count} {what}{many}"));
            if colour == palette.ok {
                colour = of_it;
            }
        }
    }
    (text, colour)
}

/// An error with its line; a click goes there.
fn error(
    ui: &mut Ui,
    text: &str,
    found: &Diagnostic,
    palette: &Palette,
    actions: &mut Vec<Action>,
) {
    ui.horizontal_wrapped(|ui| {
        if let Some(span) = found.span {
            let before = text.get(..span.start).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            let label = RichText::new(format!("line {line}"))
                .font(theme::data_font(theme::SMALL))
                .color(palette.accent);
            let link = ui
                .add(Link::new(label))
                .accessible_name(format!("Go to the error in line {line}"));
            if link.clicked() {
                actions.push(Action::ShowInSql(span));
            }
        }
        let text = match &found.help {
            Some(help) => format!("{}: {help}", found.message),
            None => found.message.clone(),
        };
        ui.add(Label::new(small(&text, palette.error)).wrap());
    });
}
