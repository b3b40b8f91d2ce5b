//! The columns that come out of a node: name, type, and what is special about them.

use egui::{Align, Label, Layout, RichText, Sense, Ui, Vec2};
use millstream_compiler::lower::{Column, StreamType};

use crate::canvas::tips::origin_text;
use crate::theme;

/// A column's line: name, type, marks. `stream`, if it is known, says which columns are the key.
pub(super) fn columns(ui: &mut Ui, columns: &[Column], stream: Option<&StreamType>) {
    let palette = theme::palette(ui.ctx());
    ui.spacing_mut().item_spacing.y = 0.0;
    for (at, column) in columns.iter().enumerate() {
        let width = ui.available_width();
        let size = Vec2::new(width, 20.0);
        ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_size(size);
            ui.spacing_mut().item_spacing.x = theme::STEP;
            let text = |text: String, color| {
                let text = RichText::new(text)
                    .font(theme::data_font(theme::DATA))
                    .color(color);
                Label::new(text).truncate()
            };
            let name = (width * 0.42).floor();
            let part = |ui: &mut Ui, width: f32, label: Label| {
                let size = Vec2::new(width, 20.0);
                ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
                    ui.set_min_size(size);
                    ui.add(label.sense(Sense::hover()))
                })
            };
            let field = part(ui, name, text(column.name.clone(), palette.text)).inner;
            let origin = stream.and_then(|stream| stream.origins.get(at));
            if let Some(origin) = origin.and_then(|origin| origin_text(origin, &column.name)) {
                field.on_hover_text(format!("From {origin}"));
            }
            let marks = marks(column, stream);
            let mark = marks.chars().count() as f32 * 7.0;
            // Whether NULL may come matters less than room for the type.
            let ty = column.ty.clone().with_nullable(true).to_string();
            part(
                ui,
                width - name - mark - theme::STEP * 2.0,
                text(ty, palette.muted),
            );
            if !marks.is_empty() {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let text = RichText::new(marks)
                        .font(theme::data_font(theme::SMALL))
                        .color(palette.accent);
                    ui.label(text);
                });
            }
        });
    }
}

/// What is special about a column.
fn marks(column: &Column, stream: Option<&StreamType>) -> String {
    let mut marks = Vec::new();
    if let Some(stream) = stream {
        let key = match stream.primary_key.is_empty() {
            true => &stream.upsert_key,
            false => &stream.primary_key,
        };
        if key.contains(&column.name) {
            marks.push("key");
        }
        if stream.rowtime.as_ref() == Some(&column.name) {
            marks.push("rowtime");
        }
        if stream.proctime.as_ref() == Some(&column.name) {
            marks.push("proctime");
        }
    } else if column.is_time {
        marks.push("rowtime");
    }
    marks.join(" ")
}
