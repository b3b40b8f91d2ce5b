//! Everything that was found wrong, by severity: where it is, what to do about it, and the buttons
//! that do. A click goes to the node, or to the place in the script.

use egui::{
    Button, Label, Link, RichText, Role, ScrollArea, Sense, Ui, UiBuilder, Vec2, WidgetInfo,
};
use millstream_compiler::diagnostics::{Diagnostic, Severity, Span};
use millstream_compiler::lower::Target;

use crate::command::UiCommand;
use crate::editor::{Action, Editor};
use crate::theme::{self, Palette};

/// Room for the mark at the left of each problem.
const MARK: f32 = 20.0;

/// What the panel remembers between frames.
#[derive(Debug, Default)]
pub struct Problems {
    /// Line and column of each problem in the script, of a change of the document.
    places: Option<(u64, Vec<Option<String>>)>,
    /// The problem that was scrolled to.
    scrolled: Option<usize>,
}

impl Problems {
    /// Draws the findings and collects what is done about them.
    pub fn ui(&mut self, ui: &mut Ui, editor: &Editor, actions: &mut Vec<Action>) {
        let compiled = editor.compiled();
        let found = &compiled.diagnostics;
        if found.is_empty() {
            self.scrolled = None;
            super::empty(ui, "No problems", "The pipeline can run here and on Flink");
            return;
        }
        let stale = |(generation, _): &(u64, Vec<_>)| *generation != compiled.generation;
        if self.places.as_ref().is_none_or(stale) {
            let script = compiled.script(Target::Embedded);
            let places = found.iter().map(|found| Some(place(script, found.span?)));
            self.places = Some((compiled.generation, places.collect()));
        }
        let Some((_, places)) = &self.places else {
            return;
        };
        let current = editor.view.problem;
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            for (index, found) in found.iter().enumerate() {
                let place = places.get(index).and_then(Option::as_deref);
                let row = Row {
                    editor,
                    index,
                    found,
                    place,
                    current: current == Some(index),
                };
                let response = row.ui(ui, actions);
                if current == Some(index) && self.scrolled != current {
                    response.scroll_to_me(None);
                }
            }
        });
        self.scrolled = current;
    }
}

/// Line and column of the start of a stretch, from 1.
fn place(script: &str, span: Span) -> String {
    let before = script.get(..span.start).unwrap_or(script);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    format!("{line}:{}", before[start..].chars().count() + 1)
}

struct Row<'a> {
    editor: &'a Editor,
    index: usize,
    found: &'a Diagnostic,
    place: Option<&'a str>,
    current: bool,
}

impl Row<'_> {
    fn ui(&self, ui: &mut Ui, actions: &mut Vec<Action>) -> egui::Response {
        let palette = theme::palette(ui.ctx());
        let found = self.found;
        let (mark, colour) = match found.severity {
            Severity::Error => ("●", palette.error),
            Severity::Warning => ("▲", palette.warning),
            Severity::Info => ("○", palette.muted),
        };
        // The row is there before what stands on it, so that buttons on it can be pressed.
        let builder = UiBuilder::new()
            .id_salt(("problem", self.index))
            .sense(Sense::click());
        let shown = ui.scope_builder(builder, |ui| {
            let fill = match (self.current, ui.response().hovered()) {
                (true, _) => palette.hovered,
                (false, true) => Palette::mix(palette.panel, palette.hovered, 0.5),
                (false, false) => egui::Color32::TRANSPARENT,
            };
            egui::Frame::new()
                .inner_margin(egui::Margin::symmetric(8, 6))
                .corner_radius(theme::RADIUS_SMALL)
                .fill(fill)
                .show(ui, |ui| {
                    ui.set_width(ui.available_width());
                    ui.horizontal_top(|ui| {
                        ui.spacing_mut().item_spacing.x = 0.0;
                        let size = Vec2::new(MARK, 18.0);
                        ui.allocate_ui(size, |ui| {
                            ui.set_min_size(size);
                            ui.add(Label::new(RichText::new(mark).color(colour)).selectable(false));
                        });
                        ui.vertical(|ui| {
                            ui.spacing_mut().item_spacing = Vec2::new(2.0 * theme::STEP, 3.0);
                            self.words(ui, palette, actions);
                        });
                    });
                });
        });
        let response = shown.response;
        response.widget_info(|| {
            let place = found.node.as_deref().unwrap_or("pipeline");
            let name = format!("{} in {place}: {}", found.severity, found.message);
            WidgetInfo::selected(Role::Button, true, self.current, name)
        });
        if response.clicked() {
            actions.push(Action::GoToProblem(self.index));
        }
        response
    }

    fn words(&self, ui: &mut Ui, palette: &Palette, actions: &mut Vec<Action>) {
        let found = self.found;
        let message = RichText::new(&found.message).color(palette.text);
        ui.add(Label::new(message).wrap().selectable(false));
        if let Some(help) = &found.help {
            let help = RichText::new(help).color(palette.muted);
            ui.add(Label::new(help).wrap().selectable(false));
        }
        ui.horizontal_wrapped(|ui| {
            let data = |text: String, colour| {
                RichText::new(text)
                    .font(theme::data_font(theme::SMALL))
                    .color(colour)
            };
            let where_it_is = self.where_it_is();
            ui.add(Label::new(data(where_it_is.clone(), palette.muted)).selectable(false));
            if let (Some(place), Some(span)) = (self.place, found.span) {
                let link = ui
                    .add(Link::new(data(format!("SQL {place}"), palette.accent)))
                    .accessible_name(format!("Show problem {} in the SQL", self.index + 1))
                    .on_hover_text("Shows the place in the script");
                if link.clicked() {
                    actions.push(Action::ShowInSql(span));
                }
            }
            ui.add(Label::new(data(found.code.to_string(), palette.faint)).selectable(false));
        });
        let repairs = self.editor.repairs_of(self.index);
        if repairs.is_empty() {
            return;
        }
        ui.add_space(1.0);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = Vec2::new(theme::STEP, theme::STEP);
            for (number, repair) in repairs.iter().enumerate() {
                let text = RichText::new(&repair.title)
                    .size(theme::SMALL)
                    .color(palette.accent);
                let mut button = Button::new(text).min_size(Vec2::new(0.0, 22.0));
                if number == 0
                    && self.current
                    && let Some(keys) = UiCommand::QuickFix.shortcut_text(ui.ctx())
                {
                    let keys = RichText::new(keys).size(theme::SMALL).color(palette.faint);
                    button = button.right_text(keys);
                }
                let response = ui
                    .add(button)
                    .accessible_name(format!("Fix: {} ({})", repair.title, self.where_it_is()))
                    .on_hover_text("One step that can be undone");
                if response.clicked() {
                    actions.push(Action::Edits {
                        label: repair.title.clone(),
                        commands: repair.commands.clone(),
                    });
                }
            }
        });
    }

    /// Node, parameter and port.
    fn where_it_is(&self) -> String {
        let found = self.found;
        let parts = [&found.node, &found.parameter];
        let mut parts: Vec<String> = parts.into_iter().flatten().cloned().collect();
        parts.extend(found.port.as_ref().map(|port| format!("input {port}")));
        match parts.is_empty() {
            true => "pipeline".to_string(),
            false => parts.join(" · "),
        }
    }
}
