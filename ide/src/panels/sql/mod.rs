//! The script that the graph means, tied to the graph both ways.
//!
//! The caret selects the node whose statement it stands in; a selected node is scrolled to and
//! tinted. A strip beside each statement has the colour of its node's family. The script for the
//! other target is one switch away, with what differs. Whoever types into it edits a text of its
//! own ([`Draft`](crate::editor::Draft)) until it is applied to the graph.

mod differences;
mod edit;
mod lines;
mod script;

use egui::{Align, Button, Frame, Label, Layout, Link, RichText, ScrollArea, TextEdit, Ui};
use millstream_compiler::lower::Target;

use super::completion::Completion;
use super::segmented::{Segment, segmented};
use crate::command::UiCommand;
use crate::editor::{Action, Editor, Reveal, Selection};
use crate::sql_text::Highlighted;
use crate::theme;
use crate::work::compile::Compiled;
use crate::work::job::JobView;
use differences::{Difference, differences};
use lines::Lines;
pub use script::field_id;
use script::{Shown, Version};

/// What the panel remembers between frames.
#[derive(Debug, Default)]
pub struct SqlTab {
    text: Highlighted,
    completion: Completion,
    /// Where the caret was in the last frame, as a character.
    caret: Option<usize>,
    /// The selection that the script was scrolled to.
    followed: Option<Selection>,
    /// The place that was brought into view.
    revealed: Option<Reveal>,
    /// Whether the script was edited in the last frame.
    edited: bool,
    /// Whether the list of differences is open.
    unfolded: bool,
    /// Where lines and statements begin.
    lines: Option<(Version, Lines)>,
    /// What differs between the targets, of a change of the document.
    differences: Option<(u64, Vec<Difference>)>,
}

impl SqlTab {
    /// Draws the panel and collects what is done in it.
    pub fn ui(&mut self, ui: &mut Ui, editor: &Editor, _job: &JobView, actions: &mut Vec<Action>) {
        let draft = editor.draft();
        if draft.is_some() != self.edited {
            self.edited = draft.is_some();
            if self.edited {
                ui.memory_mut(|memory| memory.request_focus(field_id()));
            } else if let Some(mut state) = TextEdit::load_state(ui.ctx(), field_id()) {
                // What was typed is done with: undoing is the document's matter again.
                state.clear_undoer();
                state.store(ui.ctx(), field_id());
            }
        }
        if let Some(draft) = draft {
            self.edited(ui, editor, draft, actions);
            return;
        }
        let compiled = editor.compiled();
        let target = editor.view.target;
        let Some(lowered) = compiled.lowered(target) else {
            super::empty(ui, "Compiling…", "");
            return;
        };
        self.bar(ui, editor, target, actions);
        if editor.pipeline().nodes().len() == 0 {
            super::empty(ui, "No script yet", "Add a node to see its SQL");
            return;
        }
        if self.unfolded {
            self.list_differences(ui, actions);
        }
        ui.add_space(theme::STEP);
        let shown = Shown {
            text: &lowered.script,
            version: Version::Script(compiled.generation, target),
            lowered: Some(lowered),
            findings: &lowered.diagnostics,
        };
        self.script(ui, editor, &shown, actions);
    }

    fn bar(&mut self, ui: &mut Ui, editor: &Editor, target: Target, actions: &mut Vec<Action>) {
        let palette = theme::palette(ui.ctx());
        let compiled: &Compiled = editor.compiled();
        if self
            .differences
            .as_ref()
            .is_none_or(|(generation, _)| *generation != compiled.generation)
        {
            self.differences = Some((compiled.generation, differences(compiled)));
        }
        let count = self.differences.as_ref().map_or(0, |(_, list)| list.len());
        ui.horizontal(|ui| {
            let segment = |label: &str, help: &str| Segment {
                label: label.to_string(),
                name: format!("Script for {label}"),
                help: help.to_string(),
            };
            let targets = [
                segment("Embedded", "What runs on this machine"),
                segment("Flink", "What a Flink cluster takes"),
            ];
            let chosen = match target {
                Target::Embedded => 0,
                Target::Flink => 1,
            };
            if let Some(picked) = segmented(ui, &targets, Some(chosen), false, 172.0)
                && picked != chosen
            {
                actions.push(Action::Command(UiCommand::ToggleTarget));
            }
            let other = match target {
                Target::Embedded => "Flink",
                Target::Flink => "embedded",
            };
            if count == 0 {
                self.unfolded = false;
                let text = RichText::new(format!("The same for {other}"))
                    .size(theme::SMALL)
                    .color(palette.muted);
                ui.label(text);
            } else {
                let text = match count {
                    1 => "1 difference".to_string(),
                    n => format!("{n} differences"),
                };
                let verb = if self.unfolded { "hide" } else { "show" };
                let text = RichText::new(format!("{text} · {verb}"))
                    .size(theme::SMALL)
                    .color(palette.muted);
                let fold = ui
                    .add(Button::new(text).frame(false))
                    .accessible_name("Differences between the targets");
                if fold.clicked() {
                    self.unfolded = !self.unfolded;
                }
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let copy = ui
                    .add(Button::new("Copy"))
                    .accessible_name("Copy the script")
                    .on_hover_text("Puts the whole script on the clipboard");
                if copy.clicked() {
                    actions.push(Action::Command(UiCommand::CopySql));
                }
                let ready = editor.ready(UiCommand::EditSql);
                let edit = ui
                    .add_enabled(ready.is_ok(), Button::new("Edit"))
                    .accessible_name("Edit the script")
                    .on_hover_text("Or type into it; the graph follows when it is applied");
                if edit.clicked() {
                    actions.push(Action::Command(UiCommand::EditSql));
                }
            });
        });
    }

    fn list_differences(&self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let palette = theme::palette(ui.ctx());
        let Some((_, list)) = &self.differences else {
            return;
        };
        let frame = Frame::new()
            .fill(palette.raised)
            .corner_radius(theme::RADIUS_SMALL)
            .inner_margin(egui::Margin::symmetric(10, 6));
        frame.show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = 2.0;
            ScrollArea::vertical().max_height(140.0).show(ui, |ui| {
                for difference in list {
                    ui.horizontal_wrapped(|ui| {
                        if let Some(node) = &difference.node {
                            let text = RichText::new(node.as_str())
                                .font(theme::data_font(theme::SMALL))
                                .color(palette.accent);
                            let link = ui
                                .add(Link::new(text))
                                .accessible_name(format!("Go to {node} in the script"));
                            if link.clicked() {
                                actions.push(Action::Select(Selection::node(node.clone())));
                            }
                        }
                        let text = RichText::new(&difference.text)
                            .size(theme::SMALL)
                            .color(palette.muted);
                        ui.add(Label::new(text).wrap());
                    });
                }
            });
        });
    }

    /// How often the script was read to colour it, for tests.
    pub fn reads(&self) -> u64 {
        self.text.reads()
    }
}
