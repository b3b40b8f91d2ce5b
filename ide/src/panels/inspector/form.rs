//! The form of one node: what a field needs to show a parameter, to edit it, and to say what is
//! wrong with it.

use std::collections::HashMap;

use egui::text::{LayoutJob, TextFormat};
use egui::{
    Align, FocusDirection, Id, InnerResponse, Label, Layout, Link, Response, RichText, Sense,
    TextEdit, Ui, UiBuilder,
};
use millstream_compiler::diagnostics::{Diagnostic, Severity};
use millstream_compiler::document::{Command, Entries, Node, NodeId, Value};
use millstream_compiler::lower::Column;
use millstream_compiler::nodes::{DefaultValue, ParameterSpec, ParameterType};

use crate::editor::{Action, Editor};
use crate::panels::completion::Completion;
use crate::panels::cursor;
use crate::sql_text::{Highlighted, Names};
use crate::theme;
use crate::work::dry_run::DryRun;

/// What the fields remember between frames.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Texts that are being typed and that the document cannot hold as they are.
    pub(super) drafts: HashMap<Id, String>,
    /// Coloured texts.
    pub(super) texts: HashMap<Id, Highlighted>,
    /// The completion of the field that is typed in.
    pub(super) completion: Completion,
    /// The field that is to have the keyboard in the next frame, with all of its text selected.
    pub(super) focus: Option<Id>,
    /// The node whose model is being tried.
    pub(super) awaited: Option<NodeId>,
    /// Whether the first field is to have the keyboard.
    pub(super) enter: bool,
}

impl Memory {
    /// Gives the keyboard to the field that is drawn next, if the panel is to have it.
    pub(super) fn enter_here(&mut self, ui: &Ui) {
        if std::mem::take(&mut self.enter) {
            ui.memory_mut(|memory| {
                if let Some(focused) = memory.focused() {
                    memory.surrender_focus(focused);
                }
                memory.move_focus(FocusDirection::Next);
            });
        }
    }

    /// Gives the keyboard to a field that asked for it, or that is drawn anew.
    pub(super) fn focus_wanted(&mut self, ui: &Ui, id: Id, text: &str) {
        if self.focus == Some(id) {
            self.focus = None;
            ui.memory_mut(|memory| memory.request_focus(id));
            cursor::select_all(ui.ctx(), id, text);
        }
    }
}

/// What is known about a node's surroundings, found once a change.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The columns of the inputs, by port; of a source, its own.
    pub(super) ports: Vec<(String, Vec<Column>)>,
    /// All of them, each name once.
    pub(super) columns: Vec<Column>,
    /// Their names.
    pub(super) names: Names,
    /// Parameters that would do nothing as the others stand.
    pub(super) hidden: Vec<&'static str>,
}

/// Draws a part of the form whose widgets keep their ids whatever is drawn above it: a finding that
/// comes while the keyboard is in a field below must not take the keyboard from it.
pub(super) fn anchored<R>(
    ui: &mut Ui,
    id: Id,
    body: impl FnOnce(&mut Ui) -> R,
) -> InnerResponse<R> {
    let layout = Layout::top_down(Align::Min);
    ui.scope_builder(UiBuilder::new().scope_id(id).layout(layout), body)
}

/// The form of one node.
pub(super) struct Form<'a> {
    pub(super) editor: &'a Editor,
    pub(super) id: &'a NodeId,
    pub(super) node: &'a Node,
    pub(super) facts: &'a Facts,
    pub(super) dry_run: &'a DryRun,
    pub(super) memory: &'a mut Memory,
    pub(super) actions: &'a mut Vec<Action>,
}

/// How a line of text looks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LineLook {
    /// Whether it is data, not words.
    pub(super) data: bool,
    /// Whether something is wrong with it.
    pub(super) wrong: bool,
    /// Without a frame of its own.
    pub(super) bare: bool,
    /// How wide; as wide as there is room if 0.
    pub(super) width: f32,
}

impl<'a> Form<'a> {
    /// What a field is called for those who do not see it, and for tests: "Size of daily".
    pub(super) fn name(&self, spec: &ParameterSpec) -> String {
        format!("{} of {}", spec.title, self.id)
    }

    /// The id of a part of a field, the same in every frame.
    pub(super) fn part(
        &self,
        spec: &ParameterSpec,
        part: impl std::hash::Hash + std::fmt::Debug,
    ) -> Id {
        Id::unique(("inspector", self.id.as_str(), spec.name, part))
    }

    /// The columns that a parameter can name: those of its port, or of all inputs.
    pub(super) fn columns_of(&self, spec: &ParameterSpec) -> &'a [Column] {
        let of_port = self.facts.ports.iter().find(|(port, _)| port == spec.port);
        match of_port {
            Some((_, columns)) if !spec.port.is_empty() => columns,
            _ => &self.facts.columns,
        }
    }

    /// The value as the document has it.
    pub(super) fn value(&self, spec: &ParameterSpec) -> Option<&'a Value> {
        self.node.parameters.get(spec.name)
    }

    /// The value as text; a value of another shape as the file has it.
    pub(super) fn text(&self, spec: &ParameterSpec) -> String {
        match self.value(spec) {
            None => String::new(),
            Some(value) => value.to_option_text().unwrap_or_else(|| value.to_string()),
        }
    }

    /// The entries of a table.
    pub(super) fn entries(&self, spec: &ParameterSpec) -> Entries {
        self.value(spec)
            .and_then(Value::as_table)
            .cloned()
            .unwrap_or_default()
    }

    /// The items of a list, as far as they are text.
    pub(super) fn items(&self, spec: &ParameterSpec) -> Vec<String> {
        self.value(spec)
            .and_then(Value::as_list)
            .unwrap_or_default()
            .iter()
            .map(|item| item.to_option_text().unwrap_or_else(|| item.to_string()))
            .collect()
    }

    /// Sets the parameter while somebody types into `part` of its field: one step to undo.
    pub(super) fn typed(&mut self, spec: &ParameterSpec, part: &str, value: Option<Value>) {
        let command = match value {
            Some(value) => self.setting(spec, value),
            None if self.value(spec).is_some() => self.unsetting(spec),
            None => return,
        };
        self.actions.push(Action::Burst {
            key: format!("parameter {} {} {part}", self.id, spec.name),
            command,
        });
    }

    /// Sets the parameter, a step of its own.
    pub(super) fn set(&mut self, spec: &ParameterSpec, value: impl Into<Value>) {
        let command = self.setting(spec, value.into());
        self.actions.push(Action::Edit(command));
    }

    /// Takes the parameter back to its default.
    pub(super) fn unset(&mut self, spec: &ParameterSpec) {
        if self.value(spec).is_some() {
            let command = self.unsetting(spec);
            self.actions.push(Action::Edit(command));
        }
    }

    fn setting(&self, spec: &ParameterSpec, value: Value) -> Command {
        Command::SetParameter {
            node: self.id.clone(),
            parameter: spec.name.to_string(),
            value,
        }
    }

    fn unsetting(&self, spec: &ParameterSpec) -> Command {
        Command::UnsetParameter {
            node: self.id.clone(),
            parameter: spec.name.to_string(),
        }
    }

    /// Findings about a part of a parameter: `aggregates.total`, `keys[1]`.
    pub(super) fn found(&self, path: &str) -> Vec<&'a Diagnostic> {
        let id = self.id.as_str();
        self.editor
            .compiled()
            .diagnostics
            .iter()
            .filter(|found| {
                found.node.as_deref() == Some(id) && found.parameter.as_deref() == Some(path)
            })
            .collect()
    }

    /// Draws a field: its label, what `body` draws, and the findings about it as a whole.
    pub(super) fn field(
        &mut self,
        ui: &mut Ui,
        spec: &'static ParameterSpec,
        body: impl FnOnce(&mut Self, &mut Ui),
    ) {
        let palette = theme::palette(ui.ctx());
        let found = self.found(spec.name);
        let missing = found.iter().any(|found| found.code == "parameter/missing");
        anchored(ui, self.part(spec, "field"), |ui| {
            ui.spacing_mut().item_spacing.y = theme::STEP;
            ui.horizontal(|ui| {
                let label = RichText::new(spec.title)
                    .size(theme::SMALL)
                    .color(palette.muted);
                ui.add(Label::new(label).selectable(false).sense(Sense::hover()))
                    .on_hover_ui(|ui| explain(ui, spec));
                if missing {
                    let text = RichText::new("required")
                        .size(theme::SMALL)
                        .color(palette.error);
                    ui.add(Label::new(text).selectable(false));
                }
                let resettable = self.value(spec).is_some() && !spec.required;
                if resettable {
                    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                        let text = RichText::new("reset")
                            .size(theme::SMALL)
                            .color(palette.faint);
                        let link = ui
                            .add(Link::new(text))
                            .accessible_name(format!("Reset {}", self.name(spec)))
                            .on_hover_text(default_text(spec).map_or_else(
                                || "Take it out again".to_string(),
                                |default| format!("Back to {default}"),
                            ));
                        if link.clicked() {
                            self.memory.drafts.clear();
                            self.unset(spec);
                        }
                    });
                }
            });
            self.memory.enter_here(ui);
            body(self, ui);
            for found in found {
                if found.code != "parameter/missing" {
                    self.finding(ui, found);
                }
            }
            // Items of a list have no place of their own to say what is wrong.
            let prefix = format!("{}[", spec.name);
            let id = self.id.as_str();
            let editor = self.editor;
            let of_items = editor.compiled().diagnostics.iter().filter(|found| {
                found.node.as_deref() == Some(id)
                    && found
                        .parameter
                        .as_deref()
                        .is_some_and(|path| path.starts_with(&prefix))
            });
            for found in of_items {
                self.finding(ui, found);
            }
        });
    }

    /// What was found, in a line or two, with links that mend it where that is known.
    pub(super) fn finding(&mut self, ui: &mut Ui, found: &Diagnostic) {
        let palette = theme::palette(ui.ctx());
        let color = match found.severity {
            Severity::Error => palette.error,
            Severity::Warning => palette.warning,
            Severity::Info => palette.muted,
        };
        let mut job = LayoutJob::default();
        let format = |color| TextFormat::simple(theme::text_font(theme::SMALL), color);
        job.append(&found.message, 0.0, format(color));
        if let Some(help) = &found.help {
            job.append(help, 2.0 * theme::STEP, format(palette.muted));
        }
        ui.add(Label::new(job).wrap());
        let mut all = self.editor.compiled().diagnostics.iter();
        let Some(index) = all.position(|other| std::ptr::eq(other, found)) else {
            return;
        };
        let about = match &found.parameter {
            Some(path) => format!("{path} of {}", self.id),
            None => self.id.to_string(),
        };
        for (number, repair) in self.editor.repairs_of(index).iter().enumerate() {
            let text = RichText::new(format!("Fix: {}", lower_first(&repair.title)))
                .size(theme::SMALL)
                .color(palette.accent);
            let name = match number {
                0 => format!("Fix {about}"),
                _ => format!("Fix {about}: {}", repair.title),
            };
            if ui.add(Link::new(text)).accessible_name(name).clicked() {
                self.memory.drafts.clear();
                self.actions.push(Action::Edits {
                    label: repair.title.clone(),
                    commands: repair.commands.clone(),
                });
            }
        }
    }

    /// A line of text to edit. Gives the text when it was changed.
    pub(super) fn line(
        &mut self,
        ui: &mut Ui,
        id: Id,
        name: String,
        text: &str,
        hint: &str,
        look: LineLook,
    ) -> Option<String> {
        let palette = theme::palette(ui.ctx());
        let mut shown = match self.memory.drafts.get(&id) {
            Some(draft) => draft.clone(),
            None => text.to_string(),
        };
        let font = match look.data {
            true => theme::data_font(theme::DATA),
            false => theme::text_font(theme::TEXT),
        };
        self.memory.focus_wanted(ui, id, &shown);
        let width = if look.width > 0.0 {
            look.width
        } else {
            ui.available_width()
        };
        let field = TextEdit::singleline(&mut shown)
            .id(id)
            .font(font)
            .text_color(palette.text)
            .hint_text(RichText::new(hint).color(palette.faint))
            .desired_width(width)
            .frame(frame(ui, id, look.wrong, look.bare));
        let response = ui.add(field).accessible_name(name);
        cursor::select_entered(&response, &shown);
        let changed = response.changed().then(|| shown.clone());
        if changed.is_some() {
            self.memory.drafts.insert(id, shown);
        }
        self.left(&response);
        changed
    }

    /// Ends the burst of a field that was left, and forgets what was typed.
    pub(super) fn left(&mut self, response: &Response) {
        if response.lost_focus() {
            self.memory.drafts.remove(&response.id);
            self.actions.push(Action::EndBurst);
        }
    }
}

/// The frame of a field, by whether it is typed in and whether something is wrong.
pub(super) fn frame(ui: &Ui, id: Id, wrong: bool, bare: bool) -> egui::Frame {
    let palette = theme::palette(ui.ctx());
    let focused = ui.memory(|memory| memory.has_focus(id));
    if bare {
        return egui::Frame::new().inner_margin(egui::Margin::symmetric(0, 1));
    }
    let stroke = match (wrong, focused) {
        (true, _) => palette.error,
        (false, true) => palette.accent,
        (false, false) => palette.line,
    };
    egui::Frame::new()
        .fill(palette.background)
        .stroke(egui::Stroke::new(1.0, stroke))
        .corner_radius(theme::RADIUS_SMALL)
        .inner_margin(egui::Margin::symmetric(8, 4))
}

/// What a parameter is for, as a tooltip.
fn explain(ui: &mut Ui, spec: &ParameterSpec) {
    let palette = theme::palette(ui.ctx());
    ui.label(spec.help);
    let small = |text: String| RichText::new(text).size(theme::SMALL).color(palette.muted);
    if let Some(default) = default_text(spec) {
        ui.label(small(format!("Without it: {default}")));
    }
    if !spec.example.is_empty() {
        ui.label(small(format!("For example {}", example(spec))));
    }
    ui.label(small(format!("In the file: {}", spec.name)));
}

/// The default as text, if there is one.
pub(super) fn default_text(spec: &ParameterSpec) -> Option<String> {
    match (spec.default, spec.ty) {
        (DefaultValue::None, _) => None,
        (DefaultValue::Text(text), ParameterType::Enum(choices)) => Some(
            choices
                .iter()
                .find(|choice| choice.name == text)
                .map_or(text, |choice| choice.title)
                .to_string(),
        ),
        (default, _) => default.to_value()?.to_option_text(),
    }
}

/// The example as it is typed: without the quotes of the file.
pub(super) fn example(spec: &ParameterSpec) -> &'static str {
    let text = spec.example;
    for quote in ['"', '\''] {
        if let Some(inner) = text
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
            && !inner.contains(quote)
        {
            return inner;
        }
    }
    text
}

/// What stands in an empty field.
pub(super) fn hint(spec: &ParameterSpec) -> String {
    match default_text(spec) {
        Some(default) if default.is_empty() => String::new(),
        Some(default) => default,
        None => example(spec).to_string(),
    }
}

/// A title within a sentence.
fn lower_first(title: &str) -> String {
    let mut letters = title.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}
