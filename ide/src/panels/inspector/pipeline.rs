//! What the inspector shows while nothing is selected: the pipeline itself.

use egui::{
    Align2, Id, Link, Popup, PopupCloseBehavior, RichText, Role, Sense, TextEdit, Ui, Vec2,
    WidgetInfo,
};
use millstream_compiler::document::Command;
use millstream_compiler::plan::settings::known_keys;

use super::form::{Memory, frame};
use crate::editor::{Action, Editor};
use crate::panels::{cursor, heading};
use crate::theme;

/// Draws the pipeline's name, description and settings.
pub(super) fn ui(ui: &mut Ui, editor: &Editor, memory: &mut Memory, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui.ctx());
    let pipeline = editor.pipeline();
    ui.label(
        RichText::new(pipeline.name())
            .font(theme::data_font(theme::TEXT + 3.0))
            .color(palette.text),
    );
    let (nodes, edges) = (pipeline.nodes().len(), pipeline.edges().len());
    let counted = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    };
    ui.label(
        RichText::new(format!(
            "Pipeline · {}, {}",
            counted(nodes, "node"),
            counted(edges, "wire")
        ))
        .size(theme::SMALL)
        .color(palette.muted),
    );
    heading(ui, "Name");
    memory.enter_here(ui);
    let mut line = Line {
        memory: &mut *memory,
        actions: &mut *actions,
    };
    if let Some(name) = line.edit(
        ui,
        "name",
        "Name of the pipeline",
        pipeline.name(),
        "untitled",
    ) && !name.trim().is_empty()
    {
        line.burst("pipeline name", Command::SetName { name });
    }
    heading(ui, "Description");
    let description = pipeline.description().unwrap_or_default();
    if let Some(text) = line.edit_lines(
        ui,
        "description",
        "Description of the pipeline",
        description,
    ) {
        let description = (!text.trim().is_empty()).then_some(text);
        line.burst(
            "pipeline description",
            Command::SetDescription { description },
        );
    }
    heading(ui, "Settings");
    let settings = pipeline.settings();
    for (key, value) in settings {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = theme::STEP;
            let width = ui.available_width();
            let size = Vec2::new((width * 0.62).floor(), 26.0);
            let (rect, label) = ui.allocate_exact_size(size, Sense::hover());
            label.widget_info(|| WidgetInfo::labeled(Role::Label, true, key));
            let galley = egui::WidgetText::from(
                RichText::new(key)
                    .font(theme::data_font(theme::SMALL))
                    .color(palette.text),
            )
            .into_galley(
                ui,
                Some(egui::TextWrapMode::Truncate),
                rect.width(),
                egui::TextStyle::Monospace,
            );
            let at = egui::pos2(rect.left(), rect.center().y - galley.size().y / 2.0);
            ui.painter().galley(at, galley, palette.text);
            label.on_hover_text(key);
            let room = ui.available_width() - 20.0;
            if let Some(value) = line.edit_in(
                ui,
                ("setting", key),
                &format!("Value of {key}"),
                value,
                "",
                room,
            ) {
                let key = key.clone();
                line.burst(
                    &format!("setting {key}"),
                    Command::SetSetting { key, value },
                );
            }
            let remove = ui
                .add(Link::new(RichText::new("×").color(palette.faint)))
                .accessible_name(format!("Remove {key}"));
            if remove.clicked() {
                let key = key.clone();
                line.actions
                    .push(Action::Edit(Command::UnsetSetting { key }));
            }
        });
    }
    let add = ui
        .add(Link::new(RichText::new("+ Setting").size(theme::SMALL)))
        .accessible_name("Add a setting");
    let popup = add.id.with("keys");
    let mut chosen = None;
    let shown = Popup::menu(&add)
        .id(popup)
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .width(340.0)
        .show(|ui| {
            ui.set_width(340.0);
            ui.spacing_mut().item_spacing.y = 0.0;
            let search = line.memory.drafts.entry(popup).or_default();
            let field = TextEdit::singleline(search)
                .hint_text("Key of Flink…")
                .font(theme::data_font(theme::DATA))
                .desired_width(f32::INFINITY);
            let field = ui.add(field).accessible_name("Key of a setting");
            if add.clicked() {
                field.request_focus();
            }
            let wanted = search.trim().to_lowercase();
            let found: Vec<(&str, String)> = known_keys()
                .filter(|(key, _)| !settings.contains_key(*key) && key.contains(&wanted))
                .collect();
            if field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter)) {
                chosen = match found.first() {
                    Some((key, _)) if !wanted.is_empty() => Some((*key).to_string()),
                    _ if !wanted.is_empty() => Some(search.trim().to_string()),
                    _ => None,
                };
            }
            ui.add_space(theme::STEP);
            egui::ScrollArea::vertical()
                .max_height(260.0)
                .show(ui, |ui| {
                    for (key, value) in &found {
                        let size = Vec2::new(ui.available_width(), 36.0);
                        let (rect, row) = ui.allocate_exact_size(size, Sense::click());
                        row.widget_info(|| {
                            WidgetInfo::labeled(Role::Button, true, format!("Set {key}"))
                        });
                        if row.hovered() || row.has_focus() {
                            ui.painter()
                                .rect_filled(rect, theme::RADIUS_SMALL, palette.hovered);
                        }
                        let left = rect.left() + 6.0;
                        ui.painter().text(
                            egui::pos2(left, rect.top() + 11.0),
                            Align2::LEFT_CENTER,
                            *key,
                            theme::data_font(theme::SMALL),
                            palette.text,
                        );
                        ui.painter().text(
                            egui::pos2(left, rect.top() + 26.0),
                            Align2::LEFT_CENTER,
                            value,
                            theme::text_font(theme::SMALL),
                            palette.muted,
                        );
                        if row.clicked() {
                            chosen = Some((*key).to_string());
                        }
                    }
                });
        });
    if shown.is_none() {
        line.memory.drafts.remove(&popup);
    }
    if let Some(key) = chosen {
        line.memory.drafts.remove(&popup);
        Popup::close_id(ui.ctx(), popup);
        line.memory.focus = Some(Id::unique(("pipeline", ("setting", &key))));
        let value = first_value(&key);
        line.actions
            .push(Action::Edit(Command::SetSetting { key, value }));
    }
    for found in &editor.compiled().diagnostics {
        if found.node.is_none() {
            let color = match found.is_error() {
                true => palette.error,
                false => palette.muted,
            };
            let text = match &found.help {
                Some(help) => format!("{}: {help}", found.message),
                None => found.message.clone(),
            };
            ui.label(RichText::new(text).size(theme::SMALL).color(color));
        }
    }
}

/// A value that a new setting can begin with.
fn first_value(key: &str) -> String {
    let shape = known_keys()
        .find(|(known, _)| *known == key)
        .map_or(String::new(), |(_, value)| value);
    match shape.as_str() {
        "a whole number" => "1".to_string(),
        "true or false" => "true".to_string(),
        "text" | "" => String::new(),
        duration if duration.starts_with("a duration") => "5 s".to_string(),
        words => words.split(", ").next().unwrap_or_default().to_string(),
    }
}

/// Lines of text that edit the pipeline.
struct Line<'a> {
    memory: &'a mut Memory,
    actions: &'a mut Vec<Action>,
}

impl Line<'_> {
    fn burst(&mut self, key: &str, command: Command) {
        self.actions.push(Action::Burst {
            key: key.to_string(),
            command,
        });
    }

    fn edit(
        &mut self,
        ui: &mut Ui,
        id: &str,
        name: &str,
        text: &str,
        hint: &str,
    ) -> Option<String> {
        let width = ui.available_width();
        self.edit_in(ui, id, name, text, hint, width)
    }

    fn edit_in(
        &mut self,
        ui: &mut Ui,
        id: impl std::hash::Hash + std::fmt::Debug,
        name: &str,
        text: &str,
        hint: &str,
        width: f32,
    ) -> Option<String> {
        let id = Id::unique(("pipeline", id));
        let mut shown = self.draft(id, text);
        let field = TextEdit::singleline(&mut shown)
            .font(theme::data_font(theme::DATA))
            .hint_text(hint.to_string());
        self.show(ui, id, name, (text, true), field.desired_width(width))
            .then(|| self.keep(id, shown))
    }

    fn edit_lines(&mut self, ui: &mut Ui, id: &str, name: &str, text: &str) -> Option<String> {
        let id = Id::unique(("pipeline", id));
        let mut shown = self.draft(id, text);
        let field = TextEdit::multiline(&mut shown)
            .desired_rows(2)
            .hint_text("What it is for")
            .desired_width(f32::INFINITY);
        self.show(ui, id, name, (text, false), field)
            .then(|| self.keep(id, shown))
    }

    fn draft(&self, id: Id, text: &str) -> String {
        match self.memory.drafts.get(&id) {
            Some(draft) => draft.clone(),
            None => text.to_string(),
        }
    }

    fn keep(&mut self, id: Id, text: String) -> String {
        self.memory.drafts.insert(id, text.clone());
        text
    }

    /// Shows a field; whether it was changed.
    fn show(
        &mut self,
        ui: &mut Ui,
        id: Id,
        name: &str,
        (text, one_line): (&str, bool),
        field: TextEdit<'_>,
    ) -> bool {
        self.memory.focus_wanted(ui, id, text);
        let frame = frame(ui, id, false, false);
        let response = ui.add(field.id(id).frame(frame)).accessible_name(name);
        if one_line {
            cursor::select_entered(&response, text);
        }
        if response.lost_focus() {
            self.memory.drafts.remove(&id);
            self.actions.push(Action::EndBurst);
        }
        response.changed()
    }
}
