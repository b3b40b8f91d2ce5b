//! Fields of column names: one column, and a list of columns as chips.

use egui::{
    Align2, FontId, Id, Key, Popup, PopupCloseBehavior, Response, RichText, Role, ScrollArea,
    Sense, Stroke, StrokeKind, TextEdit, Ui, Vec2, WidgetInfo,
};
use millstream_compiler::document::Value;
use millstream_compiler::lower::Column;
use millstream_compiler::nodes::{OrderItem, ParameterSpec};

use super::form::{Form, LineLook, hint};
use crate::theme;

/// A chip that is dragged to another place in its field.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DraggedChip {
    field: Id,
    index: usize,
}

impl Form<'_> {
    /// The field of one column.
    pub(super) fn column(&mut self, ui: &mut Ui, spec: &ParameterSpec) {
        let now = self.text(spec);
        let name = self.name(spec);
        let wrong = self.found(spec.name).iter().any(|found| found.is_error());
        let columns = self.columns_of(spec);
        let id = self.part(spec, "column");
        if columns.is_empty() || self.memory.drafts.contains_key(&id) {
            // Nothing to choose from yet: the name can be typed all the same, to its end when
            // columns come to be known meanwhile.
            let look = LineLook {
                data: true,
                wrong,
                ..LineLook::default()
            };
            if let Some(typed) = self.line(ui, id, name, &now, &hint(spec), look) {
                let value = (!typed.trim().is_empty()).then(|| Value::from(typed.trim()));
                self.typed(spec, "", value);
            }
            return;
        }
        let hint = hint(spec);
        let column = columns.iter().find(|column| column.name == now);
        let mark = column
            .is_some_and(|column| column.is_time)
            .then_some("rowtime");
        let response = Picked {
            mark,
            ..Picked::column(id, &now, &hint).wrong(wrong)
        };
        let response = response.show(ui);
        let response = response.accessible_name(name.clone());
        if let Some(column) = self.pick(&response, &name, &[now.as_str()], columns) {
            self.set(spec, column);
        }
    }

    /// The field of several names, in their order.
    pub(super) fn names(&mut self, ui: &mut Ui, spec: &ParameterSpec, list: ListOf) {
        let palette = theme::palette(ui.ctx());
        let items = self.items(spec);
        let name = self.name(spec);
        let field = self.part(spec, "chips");
        let wrong = !self.found(spec.name).is_empty();
        let stroke = if wrong { palette.error } else { palette.line };
        let frame = egui::Frame::new()
            .fill(palette.background)
            .stroke(Stroke::new(1.0, stroke))
            .corner_radius(theme::RADIUS_SMALL)
            .inner_margin(egui::Margin::symmetric(6, 4));
        let mut now = items.clone();
        frame.show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().interact_size.y = 5.0 * theme::STEP;
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().item_spacing = Vec2::splat(theme::STEP);
                for (i, item) in items.iter().enumerate() {
                    let path = format!("{}[{i}]", spec.name);
                    let unknown = !self.found(&path).is_empty();
                    let hint = match list {
                        ListOf::Order => {
                            "Click to turn it around; drag it, or Alt and an arrow key, to move it"
                        }
                        _ => "Drag it, or Alt and an arrow key, to move it",
                    };
                    match chip(ui, field, i, item, &name, unknown, hint) {
                        Some(Done::Click) if list == ListOf::Order => {
                            if let Some(place) = now.get_mut(i) {
                                *place = turned(item);
                            }
                        }
                        Some(Done::Remove) if i < now.len() => {
                            now.remove(i);
                        }
                        Some(Done::Move(from, to)) if from < now.len() && to < now.len() => {
                            let moved = now.remove(from);
                            now.insert(to, moved);
                        }
                        _ => {}
                    }
                }
                if items.is_empty() {
                    let text = match spec.required {
                        true => "Add at least one",
                        false => "Not set",
                    };
                    ui.label(
                        RichText::new(text)
                            .font(theme::data_font(theme::DATA))
                            .color(palette.faint),
                    );
                }
                let add = plus(ui, field.with("add"), &format!("Add to {name}"));
                let taken: Vec<&str> = match list {
                    ListOf::Order => (items.iter())
                        .map(|item| OrderItem::parse(item).column)
                        .collect(),
                    _ => items.iter().map(String::as_str).collect(),
                };
                let columns: &[Column] = match list {
                    ListOf::NewNames => &[],
                    _ => self.columns_of(spec),
                };
                if let Some(column) = self.pick(&add, &name, &taken, columns) {
                    now.push(column);
                }
            });
        });
        if now != items {
            if now.is_empty() && !spec.required {
                self.unset(spec);
            } else {
                self.set(spec, now);
            }
        }
    }

    /// The list of columns that opens at `anchor`, with a search. Gives the one that was picked.
    pub(super) fn pick(
        &mut self,
        anchor: &Response,
        name: &str,
        taken: &[&str],
        columns: &[Column],
    ) -> Option<String> {
        let id = anchor.id.with("columns");
        let memory = &mut *self.memory;
        let mut picked = None;
        let shown = Popup::menu(anchor)
            .id(id)
            .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
            .width(anchor.rect.width().max(240.0))
            .show(|ui| {
                let palette = theme::palette(ui.ctx());
                ui.set_width(anchor.rect.width().max(240.0));
                ui.spacing_mut().item_spacing.y = 0.0;
                let search = memory.drafts.entry(id).or_default();
                let field = TextEdit::singleline(search)
                    .hint_text(match columns.is_empty() {
                        true => "Name, then Enter",
                        false => "Search columns…",
                    })
                    .desired_width(f32::INFINITY);
                let field = ui
                    .add(field)
                    .accessible_name(format!("Search columns for {name}"));
                if anchor.clicked() {
                    field.request_focus();
                }
                let wanted = search.trim().to_lowercase();
                let mut found: Vec<&Column> = columns
                    .iter()
                    .filter(|column| !taken.contains(&column.name.as_str()))
                    .filter(|column| column.name.to_lowercase().contains(&wanted))
                    .collect();
                found.sort_by_key(|column| !column.name.to_lowercase().starts_with(&wanted));
                if field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
                    // A name that is not there yet can be written all the same.
                    picked = match found.first() {
                        Some(column) => Some(column.name.clone()),
                        None if !wanted.is_empty() => Some(search.trim().to_string()),
                        None => None,
                    };
                }
                ui.add_space(theme::STEP);
                ScrollArea::vertical().max_height(240.0).show(ui, |ui| {
                    for column in &found {
                        if offered(ui, column, name) {
                            picked = Some(column.name.clone());
                        }
                    }
                    if found.is_empty() {
                        let text = match wanted.is_empty() {
                            true if columns.is_empty() => "No columns are known yet".to_string(),
                            true => "All columns are taken".to_string(),
                            false => format!("Enter writes '{}'", search.trim()),
                        };
                        ui.label(RichText::new(text).size(theme::SMALL).color(palette.muted));
                    }
                });
            });
        if shown.is_none() {
            memory.drafts.remove(&id);
        } else if picked.is_some() {
            memory.drafts.remove(&id);
            Popup::close_id(&anchor.ctx, id);
            // The keyboard goes on where it was.
            anchor.request_focus();
        }
        picked
    }
}

/// A column in the list; whether it was clicked.
fn offered(ui: &mut Ui, column: &Column, name: &str) -> bool {
    let palette = theme::palette(ui.ctx());
    let size = Vec2::new(ui.available_width(), 22.0);
    let (rect, row) = ui.allocate_exact_size(size, Sense::click());
    row.widget_info(|| {
        WidgetInfo::labeled(
            Role::Button,
            true,
            format!("Take {} for {name}", column.name),
        )
    });
    if row.hovered() || row.has_focus() {
        ui.painter()
            .rect_filled(rect, theme::RADIUS_SMALL, palette.hovered);
    }
    let inner = rect.shrink2(Vec2::new(6.0, 0.0));
    ui.painter().text(
        inner.left_center(),
        Align2::LEFT_CENTER,
        &column.name,
        theme::data_font(theme::DATA),
        palette.text,
    );
    let (detail, color) = if column.is_time {
        ("rowtime".to_string(), palette.accent)
    } else {
        (column.ty.to_string(), palette.muted)
    };
    ui.painter().text(
        inner.right_center(),
        Align2::RIGHT_CENTER,
        detail,
        theme::data_font(theme::SMALL),
        color,
    );
    row.clicked()
}

/// A field that shows what was picked and opens a list.
pub(super) struct Picked<'a> {
    /// The same in every frame, whatever is drawn above.
    pub(super) id: Id,
    pub(super) now: &'a str,
    /// What stands there while nothing is picked.
    pub(super) hint: &'a str,
    /// A word about what is picked.
    pub(super) mark: Option<&'a str>,
    pub(super) wrong: bool,
    /// As wide as there is room if `None`.
    pub(super) width: Option<f32>,
    pub(super) font: FontId,
}

impl<'a> Picked<'a> {
    /// A column.
    pub(super) fn column(id: Id, now: &'a str, hint: &'a str) -> Self {
        Self {
            id,
            now,
            hint,
            mark: None,
            wrong: false,
            width: None,
            font: theme::data_font(theme::DATA),
        }
    }

    pub(super) fn wrong(self, wrong: bool) -> Self {
        Self { wrong, ..self }
    }

    pub(super) fn width(self, width: f32) -> Self {
        Self {
            width: Some(width),
            ..self
        }
    }

    pub(super) fn show(self, ui: &mut Ui) -> Response {
        let palette = theme::palette(ui.ctx());
        let size = Vec2::new(self.width.unwrap_or_else(|| ui.available_width()), 26.0);
        let (_, rect) = ui.allocate_space(size);
        let response = ui.interact(rect, self.id, Sense::click());
        let now = self.now;
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::ComboBox, true, now);
            info.current_text_value = Some(now.to_string());
            info
        });
        let stroke = if self.wrong {
            palette.error
        } else if response.has_focus() {
            palette.accent
        } else if response.hovered() {
            palette.faint
        } else {
            palette.line
        };
        let painter = ui.painter().with_clip_rect(rect);
        painter.rect(
            rect,
            theme::RADIUS_SMALL,
            palette.background,
            Stroke::new(1.0, stroke),
            StrokeKind::Inside,
        );
        let (text, color) = if now.is_empty() {
            (
                if self.hint.is_empty() {
                    "Choose…"
                } else {
                    self.hint
                },
                palette.faint,
            )
        } else {
            (now, palette.text)
        };
        let mut inside = rect;
        inside.max.x -= 24.0;
        let painter = painter.with_clip_rect(inside);
        let text = painter.text(
            rect.left_center() + Vec2::new(8.0, 0.0),
            Align2::LEFT_CENTER,
            text,
            self.font,
            color,
        );
        if let Some(mark) = self.mark {
            let galley = painter.layout_no_wrap(
                mark.to_string(),
                theme::data_font(theme::SMALL - 1.0),
                palette.muted,
            );
            let at = egui::pos2(text.right() + 10.0, rect.center().y - galley.size().y / 2.0);
            let pill = egui::Rect::from_min_size(at, galley.size()).expand2(Vec2::new(6.0, 2.0));
            painter.rect(
                pill,
                pill.height() / 2.0,
                palette.raised,
                Stroke::new(1.0, palette.line),
                StrokeKind::Inside,
            );
            painter.galley(at, galley, palette.muted);
        }
        let painter = ui.painter().with_clip_rect(rect);
        let tip = rect.right_center() - Vec2::new(13.0, 0.0);
        let (w, h) = (3.5, 2.0);
        painter.line(
            vec![
                tip + Vec2::new(-w, -h),
                tip + Vec2::new(0.0, h),
                tip + Vec2::new(w, -h),
            ],
            Stroke::new(1.2, palette.muted),
        );
        response
    }
}

/// What a list of names holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListOf {
    /// Columns of an input.
    Columns,
    /// Columns of an input to sort by, some of them downwards.
    Order,
    /// Names that are new.
    NewNames,
}

/// A column to sort by, the other way around.
fn turned(item: &str) -> String {
    let order = OrderItem::parse(item);
    match order.direction {
        Some("DESC") => order.column.to_string(),
        _ => format!("{} DESC", order.column),
    }
}

/// What was done to a chip.
enum Done {
    Click,
    Remove,
    Move(usize, usize),
}

/// The chip that adds another one. It has an id of its own, so that the keyboard stays at it while
/// chips come before it.
fn plus(ui: &mut Ui, id: Id, name: &str) -> Response {
    let palette = theme::palette(ui.ctx());
    let (rect, _) = ui.allocate_exact_size(Vec2::new(26.0, 20.0), Sense::hover());
    let response = ui.interact(rect, id, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    let lively = response.hovered() || response.has_focus();
    let (fill, arm) = match lively {
        true => (palette.hovered, palette.text),
        false => (palette.raised, palette.muted),
    };
    let line = match response.has_focus() {
        true => palette.accent,
        false => palette.line,
    };
    let (painter, middle) = (ui.painter(), rect.center());
    let line = Stroke::new(1.0, line);
    painter.rect(rect, 10.0, fill, line, StrokeKind::Inside);
    for by in [Vec2::new(3.5, 0.0), Vec2::new(0.0, 3.5)] {
        painter.line_segment([middle - by, middle + by], Stroke::new(1.2, arm));
    }
    response.on_hover_text("Add one")
}

/// A column as a chip that can be removed and moved.
fn chip(
    ui: &mut Ui,
    field: Id,
    index: usize,
    item: &str,
    name: &str,
    wrong: bool,
    hint: &str,
) -> Option<Done> {
    let palette = theme::palette(ui.ctx());
    let color = if wrong { palette.error } else { palette.text };
    let galley =
        ui.painter()
            .layout_no_wrap(item.to_string(), theme::data_font(theme::DATA), color);
    let size = Vec2::new(galley.size().x + 30.0, 20.0);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let response = ui.interact(rect, field.with(index), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("{item} in {name}")));
    let cross = egui::Rect::from_min_max(egui::pos2(rect.right() - 20.0, rect.top()), rect.max);
    let remove = ui.interact(cross, field.with((index, "remove")), Sense::click());
    remove.widget_info(|| {
        WidgetInfo::labeled(Role::Button, true, format!("Remove {item} from {name}"))
    });
    let stroke = if wrong {
        palette.error
    } else if response.has_focus() {
        palette.accent
    } else {
        palette.line
    };
    let fill = match response.hovered() || remove.hovered() {
        true => palette.hovered,
        false => palette.raised,
    };
    let painter = ui.painter();
    painter.rect(
        rect,
        10.0,
        fill,
        Stroke::new(1.0, stroke),
        StrokeKind::Inside,
    );
    painter.galley(
        egui::pos2(rect.left() + 9.0, rect.center().y - galley.size().y / 2.0),
        galley,
        color,
    );
    let at = cross.center() - Vec2::new(1.0, 0.0);
    let arm = 3.0;
    let stroke = Stroke::new(
        1.2,
        if remove.hovered() {
            palette.text
        } else {
            palette.muted
        },
    );
    painter.line_segment([at - Vec2::splat(arm), at + Vec2::splat(arm)], stroke);
    painter.line_segment(
        [at + Vec2::new(-arm, arm), at + Vec2::new(arm, -arm)],
        stroke,
    );

    let dragged = DraggedChip { field, index };
    response.dnd_set_drag_payload(dragged);
    if let Some(over) = response.dnd_hover_payload::<DraggedChip>()
        && over.field == field
        && over.index != index
    {
        let x = if over.index < index {
            rect.right() + 2.0
        } else {
            rect.left() - 2.0
        };
        ui.painter()
            .vline(x, rect.y_range(), Stroke::new(2.0, palette.accent));
    }
    if let Some(dropped) = response.dnd_release_payload::<DraggedChip>()
        && dropped.field == field
        && dropped.index != index
    {
        return Some(Done::Move(dropped.index, index));
    }
    if remove.clicked() {
        return Some(Done::Remove);
    }
    if response.has_focus() {
        let (gone, left, right) = ui.input_mut(|input| {
            use egui::Modifiers;
            (
                input.consume_key(Modifiers::NONE, Key::Delete)
                    || input.consume_key(Modifiers::NONE, Key::Backspace),
                input.consume_key(Modifiers::ALT, Key::ArrowLeft),
                input.consume_key(Modifiers::ALT, Key::ArrowRight),
            )
        });
        if gone {
            return Some(Done::Remove);
        }
        if left && index > 0 {
            return Some(Done::Move(index, index - 1));
        }
        if right {
            return Some(Done::Move(index, index + 1));
        }
    }
    let clicked = response.clicked();
    response.on_hover_text(hint);
    clicked.then_some(Done::Click)
}
