//! Fields of tables: new columns with expressions, renamed columns, a schema, options.

use egui::{Id, Key, Link, Modifiers, RichText, Role, Sense, Stroke, Ui, Vec2, WidgetInfo};
use millstream_compiler::document::{Entries, Value};
use millstream_compiler::nodes::{ParameterSpec, ParameterType};

use super::columns::Picked;
use super::expression::ExpressionLook;
use super::form::{Form, LineLook, anchored};
use crate::panels::completion::Vocabulary;
use crate::theme;

/// A row that is dragged to another place in its table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DraggedRow {
    field: Id,
    index: usize,
}

/// What was done to a row as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    /// Take it out.
    Remove(usize),
    /// Put the first where the second stands.
    Move(usize, usize),
}

/// Room for the handle and the cross of a row.
const HANDLE: f32 = 10.0;
const CROSS: f32 = 16.0;
/// The least room for a name beside its expression.
const NAME: f32 = 56.0;
/// Room for the word between an expression and its name.
const AS: f32 = 26.0;
/// The height of a line of data in a field without a frame.
const LINE: f32 = 18.0;
/// The width of a character of data, as a share of its size: both fonts are monospaced.
const CHARACTER: f32 = 0.6;

impl Form<'_> {
    /// The field of a table.
    pub(super) fn rows(&mut self, ui: &mut Ui, spec: &'static ParameterSpec) {
        let entries = self.entries(spec);
        let mut done = None;
        ui.spacing_mut().item_spacing.y = theme::STEP;
        for (index, (key, value)) in entries.iter().enumerate() {
            let text = value.to_option_text().unwrap_or_else(|| value.to_string());
            let anchor = self.part(spec, (index, "row"));
            let row = |ui: &mut Ui| self.row(ui, spec, &entries, index, (key, &text));
            done = done.or(anchored(ui, anchor, row).inner);
            let path = format!("{}.{key}", spec.name);
            for found in self.found(&path) {
                self.finding(ui, found);
            }
        }
        let add = RichText::new(format!("+ {}", adding(spec.ty))).size(theme::SMALL);
        let add = anchored(ui, self.part(spec, "add"), |ui| ui.add(Link::new(add)))
            .inner
            .accessible_name(format!("Add to {}", self.name(spec)));
        if add.clicked() {
            self.add_row(spec, entries.clone());
        }
        if let Some(done) = done {
            self.memory.drafts.clear();
            self.set(spec, rearranged(&entries, done));
        }
    }

    fn add_row(&mut self, spec: &ParameterSpec, mut entries: Entries) {
        let index = entries.len();
        let key = match spec.ty {
            // An old name: the first column that has none yet.
            ParameterType::Renames => (self.columns_of(spec).iter())
                .map(|column| column.name.clone())
                .find(|name| entries.get(name).is_none()),
            _ => None,
        };
        let key = key.unwrap_or_else(|| fresh_key(&entries, new_name(spec.ty)));
        let value = match spec.ty {
            ParameterType::Schema => "STRING",
            ParameterType::ModelOutputs => "FLOAT",
            _ => "",
        };
        entries.insert(key, value);
        let part = match spec.ty {
            ParameterType::Schema | ParameterType::KeyValues | ParameterType::ModelOutputs => "key",
            _ => "value",
        };
        self.memory.focus = Some(self.part(spec, (index, part)));
        self.set(spec, entries);
    }

    fn row(
        &mut self,
        ui: &mut Ui,
        spec: &'static ParameterSpec,
        entries: &Entries,
        index: usize,
        (key, text): (&str, &str),
    ) -> Option<Done> {
        let palette = theme::palette(ui.ctx());
        let field = self.part(spec, "rows");
        let name = self.name(spec);
        let mut done = None;
        let row = ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = theme::STEP / 2.0;
            let (rect, handle) =
                ui.allocate_exact_size(Vec2::new(HANDLE, 26.0), Sense::click_and_drag());
            handle.widget_info(|| {
                WidgetInfo::labeled(Role::Button, true, format!("Move {key} in {name}"))
            });
            let color = if handle.hovered() || handle.dragged() || handle.has_focus() {
                palette.text
            } else {
                palette.line
            };
            for x in [-2.0, 2.0] {
                for y in [-4.0, 0.0, 4.0] {
                    let at = rect.center() + Vec2::new(x, y);
                    ui.painter().circle_filled(at, 1.0, color);
                }
            }
            handle.dnd_set_drag_payload(DraggedRow { field, index });
            if handle.has_focus() {
                let (up, down) = ui.input_mut(|input| {
                    (
                        input.consume_key(Modifiers::ALT, Key::ArrowUp),
                        input.consume_key(Modifiers::ALT, Key::ArrowDown),
                    )
                });
                if up && index > 0 {
                    done = Some(Done::Move(index, index - 1));
                } else if down && index + 1 < entries.len() {
                    done = Some(Done::Move(index, index + 1));
                }
            }
            handle.on_hover_text("Drag it, or Alt and an arrow key, to move it");
            let width = ui.available_width() - CROSS - 2.0;
            ui.vertical(|ui| {
                ui.set_width(width);
                match spec.ty {
                    ParameterType::Assignments | ParameterType::Aggregates => {
                        self.expression_row(ui, spec, entries, index, (key, text), width);
                    }
                    ParameterType::Renames => {
                        self.rename_row(ui, spec, entries, index, (key, text), width);
                    }
                    _ => self.pair_row(ui, spec, entries, index, (key, text), width),
                }
            });
            let (rect, cross) = ui.allocate_exact_size(Vec2::new(CROSS, 26.0), Sense::click());
            cross.widget_info(|| {
                WidgetInfo::labeled(Role::Button, true, format!("Remove {key} from {name}"))
            });
            let color = if cross.hovered() || cross.has_focus() {
                palette.text
            } else {
                palette.faint
            };
            let (at, arm, stroke) = (rect.center(), 3.0, Stroke::new(1.2, color));
            ui.painter()
                .line_segment([at - Vec2::splat(arm), at + Vec2::splat(arm)], stroke);
            ui.painter().line_segment(
                [at + Vec2::new(-arm, arm), at + Vec2::new(arm, -arm)],
                stroke,
            );
            if cross.clicked() {
                done = Some(Done::Remove(index));
            }
            cross.on_hover_text("Remove it");
        });
        let row = row.response;
        if let Some(over) = row.dnd_hover_payload::<DraggedRow>()
            && over.field == field
            && over.index != index
        {
            let y = if over.index < index {
                row.rect.bottom() + 2.0
            } else {
                row.rect.top() - 2.0
            };
            ui.painter()
                .hline(row.rect.x_range(), y, Stroke::new(2.0, palette.accent));
        }
        if let Some(dropped) = row.dnd_release_payload::<DraggedRow>()
            && dropped.field == field
            && dropped.index != index
        {
            done = Some(Done::Move(dropped.index, index));
        }
        done
    }

    /// `expression AS name`, on one line if there is room.
    fn expression_row(
        &mut self,
        ui: &mut Ui,
        spec: &'static ParameterSpec,
        entries: &Entries,
        index: usize,
        (key, text): (&str, &str),
        width: f32,
    ) {
        let palette = theme::palette(ui.ctx());
        let found = self.found(&format!("{}.{key}", spec.name));
        let wrong = found.iter().any(|found| found.is_error());
        let (key_id, value_id) = (
            self.part(spec, (index, "key")),
            self.part(spec, (index, "value")),
        );
        let focused = ui.memory(|memory| memory.has_focus(key_id) || memory.has_focus(value_id));
        let stroke = match (wrong, focused) {
            (true, _) => palette.error,
            (false, true) => palette.accent,
            (false, false) => palette.line,
        };
        let frame = egui::Frame::new()
            .fill(palette.background)
            .stroke(Stroke::new(1.0, stroke))
            .corner_radius(theme::RADIUS_SMALL)
            .inner_margin(egui::Margin::symmetric(8, 4));
        let character = theme::DATA * CHARACTER;
        let inner = width - 18.0;
        let long = |text: &str| (text.chars().count() as f32 + 1.5) * character;
        let name_width = long(key).max(NAME);
        let one_line = long(text).max(NAME) + AS + name_width <= inner && !text.contains('\n');
        let vocabulary = match spec.ty {
            ParameterType::Aggregates => Vocabulary::Aggregate,
            _ => Vocabulary::Expression,
        };
        let name = self.name(spec);
        frame.show(ui, |ui| {
            ui.spacing_mut().item_spacing = Vec2::new(0.0, 2.0);
            ui.spacing_mut().interact_size.y = LINE;
            let mut typed = None;
            let mut renamed = None;
            let value = |form: &mut Self, ui: &mut Ui, width: f32| {
                let look = ExpressionLook {
                    id: value_id,
                    name: format!("{key} in {name}"),
                    text,
                    hint: match vocabulary {
                        Vocabulary::Aggregate => "SUM(amount)",
                        _ => "amount * 2",
                    },
                    vocabulary,
                    found: &found,
                    rows: 1,
                    bare: true,
                    width,
                };
                form.expression(ui, look)
            };
            let key_field = |form: &mut Self, ui: &mut Ui, width: f32| {
                let (rect, _) = ui.allocate_exact_size(Vec2::new(AS - 4.0, LINE), Sense::hover());
                ui.painter().text(
                    rect.left_center(),
                    egui::Align2::LEFT_CENTER,
                    "AS",
                    theme::data_font(theme::DATA),
                    palette.keyword,
                );
                let look = LineLook {
                    data: true,
                    bare: true,
                    width,
                    ..LineLook::default()
                };
                let name = format!("Name {} in {name}", index + 1);
                form.line(ui, key_id, name, key, "name", look)
            };
            if one_line {
                ui.horizontal(|ui| {
                    ui.set_width(inner);
                    let value_width = long(text).max(NAME).min(inner - AS - name_width);
                    typed = value(self, ui, value_width);
                    let rest = ui.available_width() - AS + 4.0;
                    renamed = key_field(self, ui, rest.max(NAME));
                });
            } else {
                typed = value(self, ui, inner);
                ui.horizontal(|ui| {
                    let rest = inner - AS + 4.0;
                    renamed = key_field(self, ui, rest);
                });
            }
            if let Some(typed) = typed {
                self.type_value(spec, entries, index, typed);
            }
            if let Some(renamed) = renamed {
                self.type_key(spec, entries, index, &renamed);
            }
            self.say_taken(ui, entries, index, key_id);
        });
    }

    /// `old → new`.
    fn rename_row(
        &mut self,
        ui: &mut Ui,
        spec: &'static ParameterSpec,
        entries: &Entries,
        index: usize,
        (key, text): (&str, &str),
        width: f32,
    ) {
        let palette = theme::palette(ui.ctx());
        let name = self.name(spec);
        let (key_id, value_id) = (
            self.part(spec, (index, "key")),
            self.part(spec, (index, "value")),
        );
        let wrong = !self.found(&format!("{}.{key}", spec.name)).is_empty();
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = theme::STEP;
            let half = (width - 24.0) / 2.0;
            let columns = self.columns_of(spec);
            if columns.is_empty() || self.memory.drafts.contains_key(&key_id) {
                let look = LineLook {
                    data: true,
                    wrong,
                    width: half,
                    ..LineLook::default()
                };
                let line = format!("Name {} in {name}", index + 1);
                if let Some(typed) = self.line(ui, key_id, line, key, "old name", look) {
                    self.type_key(spec, entries, index, &typed);
                }
            } else {
                let response = Picked::column(key_id, key, "old name")
                    .wrong(wrong)
                    .width(half)
                    .show(ui);
                let response =
                    response.accessible_name(format!("Old name {} in {name}", index + 1));
                let taken: Vec<&str> = entries.keys().collect();
                if let Some(column) = self.pick(&response, &name, &taken, columns)
                    && let Some(entries) = with_key(entries, index, &column)
                {
                    self.set(spec, entries);
                }
            }
            ui.label(RichText::new("→").color(palette.muted));
            let look = LineLook {
                data: true,
                width: half,
                ..LineLook::default()
            };
            let line = format!("{key} in {name}");
            if let Some(typed) = self.line(ui, value_id, line, text, "new name", look) {
                self.type_value(spec, entries, index, typed);
            }
        });
        self.say_taken(ui, entries, index, key_id);
    }

    /// A name and what stands behind it.
    fn pair_row(
        &mut self,
        ui: &mut Ui,
        spec: &'static ParameterSpec,
        entries: &Entries,
        index: usize,
        (key, text): (&str, &str),
        width: f32,
    ) {
        let name = self.name(spec);
        let (key_id, value_id) = (
            self.part(spec, (index, "key")),
            self.part(spec, (index, "value")),
        );
        let found = self.found(&format!("{}.{key}", spec.name));
        let wrong = found.iter().any(|found| found.is_error());
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = theme::STEP;
            let share = match spec.ty {
                ParameterType::KeyValues => 0.55,
                _ => 0.42,
            };
            let left = ((width - theme::STEP) * share).floor();
            let right = width - theme::STEP - left;
            let hint = match spec.ty {
                ParameterType::KeyValues => "option",
                _ => "column",
            };
            let look = LineLook {
                data: true,
                width: left,
                ..LineLook::default()
            };
            let line = format!("Name {} in {name}", index + 1);
            if let Some(typed) = self.line(ui, key_id, line, key, hint, look) {
                self.type_key(spec, entries, index, &typed);
            }
            let typed = if spec.ty == ParameterType::KeyValues {
                let look = LineLook {
                    data: true,
                    wrong,
                    width: right,
                    ..LineLook::default()
                };
                self.line(
                    ui,
                    value_id,
                    format!("{key} in {name}"),
                    text,
                    "value",
                    look,
                )
            } else {
                let look = ExpressionLook {
                    id: value_id,
                    name: format!("{key} in {name}"),
                    text,
                    hint: "STRING",
                    vocabulary: Vocabulary::Type,
                    found: &found,
                    rows: 1,
                    bare: false,
                    width: right,
                };
                self.expression(ui, look)
            };
            if let Some(typed) = typed {
                self.type_value(spec, entries, index, typed);
            }
        });
        self.say_taken(ui, entries, index, key_id);
    }

    fn type_value(&mut self, spec: &ParameterSpec, entries: &Entries, index: usize, typed: String) {
        if let Some(key) = entries.keys().nth(index) {
            let mut changed = entries.clone();
            changed.insert(key, typed);
            self.typed(spec, &format!("value {index}"), Some(changed.into()));
        }
    }

    fn type_key(&mut self, spec: &ParameterSpec, entries: &Entries, index: usize, typed: &str) {
        // A name that another row has cannot be held; the field says so and keeps the text.
        if let Some(changed) = with_key(entries, index, typed) {
            self.typed(spec, &format!("key {index}"), Some(changed.into()));
        }
    }

    /// Says that the name that is being typed is another row's.
    fn say_taken(&self, ui: &mut Ui, entries: &Entries, index: usize, key_id: Id) {
        let Some(draft) = self.memory.drafts.get(&key_id) else {
            return;
        };
        if with_key(entries, index, draft).is_none() {
            let palette = theme::palette(ui.ctx());
            let text = format!("'{}' is there already", draft.trim());
            ui.label(RichText::new(text).size(theme::SMALL).color(palette.error));
        }
    }
}

/// The entries with another key at a place; `None` if another entry has it.
fn with_key(entries: &Entries, index: usize, key: &str) -> Option<Entries> {
    let key = key.trim();
    let taken = entries
        .keys()
        .enumerate()
        .any(|(i, other)| i != index && other == key);
    (!taken).then(|| {
        entries
            .iter()
            .enumerate()
            .map(|(i, (old, value))| {
                let key = if i == index { key } else { old };
                (key.to_string(), value.clone())
            })
            .collect()
    })
}

/// The entries after a row was removed or moved.
pub(super) fn rearranged(entries: &Entries, done: Done) -> Entries {
    let mut list: Vec<(String, Value)> = entries
        .iter()
        .map(|(key, value)| (key.to_string(), value.clone()))
        .collect();
    match done {
        Done::Remove(index) if index < list.len() => {
            list.remove(index);
        }
        Done::Move(from, to) if from < list.len() && to < list.len() => {
            let moved = list.remove(from);
            list.insert(to, moved);
        }
        _ => {}
    }
    list.into_iter().collect()
}

/// A key that no entry has yet.
fn fresh_key(entries: &Entries, base: &str) -> String {
    if entries.get(base).is_none() {
        return base.to_string();
    }
    (2..)
        .map(|n| format!("{base}_{n}"))
        .find(|key| entries.get(key).is_none())
        .unwrap_or_default()
}

fn new_name(ty: ParameterType) -> &'static str {
    match ty {
        ParameterType::Aggregates => "total",
        ParameterType::KeyValues => "option",
        ParameterType::ModelOutputs => "score",
        _ => "column",
    }
}

/// What the link that adds a row says.
fn adding(ty: ParameterType) -> &'static str {
    match ty {
        ParameterType::Aggregates => "Aggregate",
        ParameterType::Renames => "Rename a column",
        ParameterType::KeyValues => "Option",
        ParameterType::ModelOutputs => "Output",
        _ => "Column",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_moved_and_renamed_in_their_places() {
        let entries = Entries::new().with("a", "1").with("b", "2").with("c", "3");
        let keys = |entries: &Entries| entries.keys().map(String::from).collect::<Vec<_>>();
        assert_eq!(
            keys(&rearranged(&entries, Done::Move(2, 0))),
            ["c", "a", "b"]
        );
        assert_eq!(keys(&rearranged(&entries, Done::Remove(1))), ["a", "c"]);
        assert_eq!(
            keys(&with_key(&entries, 1, " x ").unwrap()),
            ["a", "x", "c"]
        );
        assert_eq!(with_key(&entries, 1, "c"), None);
        assert_eq!(with_key(&entries, 1, "b"), Some(entries.clone()));
        assert_eq!(fresh_key(&entries.with("total", "x"), "total"), "total_2");
    }
}
