//! The columns that come out of a node: name, type, and what is special about them.

use egui::{Align, Label, Layout, RichText, Sense, Ui, Vec2};
use millstream_compiler::lower::Column;

use crate::theme;

/// A column's line: name, type, marks.
pub(super) fn columns(ui: &mut Ui, columns: &[Column]) {
    let palette = theme::palette(ui.ctx());
    ui.spacing_mut().item_spacing.y = 0.0;
    for column in columns {
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
            part(ui, name, text(column.name.clone(), palette.text));
            let mark = if column.is_time { 58.0 } else { 0.0 };
            let ty = column.ty.to_string();
            part(
                ui,
                width - name - mark - theme::STEP * 2.0,
                text(ty, palette.muted),
            );
            if column.is_time {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let text = RichText::new("rowtime")
                        .font(theme::data_font(theme::SMALL))
                        .color(palette.accent);
                    ui.label(text);
                });
            }
        });
    }
}
