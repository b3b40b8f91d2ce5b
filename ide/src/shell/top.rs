//! The bar at the top: menus, the command field, the document's name, run and stop.

use egui::{Align, Button, Layout, RichText, Role, Ui, Vec2, WidgetInfo};

use super::status;
use crate::command::{Menu, UiCommand};
use crate::editor::{Action, Editor};
use crate::theme;

/// Draws the bar.
pub(super) fn ui(ui: &mut Ui, editor: &Editor, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui.ctx());
    let (rect, _) = ui.allocate_exact_size(Vec2::ZERO, egui::Sense::hover());
    let mark = egui::Rect::from_min_size(rect.min + Vec2::new(0.0, 7.0), Vec2::new(18.0, 14.0));
    waves(ui, mark, palette.accent);
    egui::MenuBar::new().ui(ui, |ui| {
        ui.add_space(26.0);
        for menu in Menu::ALL {
            ui.menu_button(menu.title(), |ui| entries(ui, menu, editor, actions));
        }
        let room = ui.available_width();
        ui.add_space((room / 2.0 - 300.0).max(8.0));
        let field = Button::new(RichText::new("Type a command…").color(palette.muted))
            .min_size(Vec2::new(240.0, 24.0))
            .right_text(
                RichText::new("Ctrl P")
                    .size(theme::SMALL)
                    .color(palette.faint),
            )
            .frame(true)
            .frame_when_inactive(true);
        let field = ui.add(field);
        field.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Command palette"));
        if field.clicked() {
            actions.push(Action::Command(UiCommand::Palette));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            button(ui, editor, UiCommand::ExportSql, "Export", actions);
            button(ui, editor, UiCommand::Stop, "■ Stop", actions);
            run(ui, editor, actions);
            ui.add_space(8.0);
            ui.label(RichText::new(status::document_name(editor)).font(theme::strong_font(13.0)));
        });
    });
}

fn run(ui: &mut Ui, editor: &Editor, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui.ctx());
    let ready = editor.ready(UiCommand::Run);
    let label = RichText::new("▶ Run").font(theme::strong_font(13.0));
    let button = match ready {
        Ok(()) => Button::new(label.color(palette.on_accent)).fill(palette.accent),
        Err(_) => Button::new(label),
    };
    let response = ui.add_enabled(ready.is_ok(), button);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ready.is_ok(), "Run pipeline"));
    let response = response.on_hover_text(UiCommand::Run.tooltip());
    let response = match ready {
        Ok(()) => response,
        Err(why) => response.on_disabled_hover_text(why),
    };
    if response.clicked() {
        actions.push(Action::Command(UiCommand::Run));
    }
}

fn button(
    ui: &mut Ui,
    editor: &Editor,
    command: UiCommand,
    label: &str,
    actions: &mut Vec<Action>,
) {
    let ready = editor.ready(command);
    let response = ui.add_enabled(ready.is_ok(), Button::new(label).frame_when_inactive(true));
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ready.is_ok(), command.name()));
    let response = response.on_hover_text(command.tooltip());
    let response = match ready {
        Ok(()) => response,
        Err(why) => response.on_disabled_hover_text(why),
    };
    if response.clicked() {
        actions.push(Action::Command(command));
    }
}

/// The entries of a menu.
pub(super) fn entries(ui: &mut Ui, menu: Menu, editor: &Editor, actions: &mut Vec<Action>) {
    ui.set_min_width(220.0);
    let mut first = true;
    for command in UiCommand::ALL {
        if command.menu() != menu {
            continue;
        }
        if command.begins_group() && !first {
            ui.separator();
        }
        first = false;
        entry(ui, command, editor, actions);
    }
}

/// One command as an entry of a menu.
pub(crate) fn entry(ui: &mut Ui, command: UiCommand, editor: &Editor, actions: &mut Vec<Action>) {
    let ready = editor.ready(command);
    let shortcut = command
        .shortcut()
        .map(|shortcut| ui.ctx().format_shortcut(&shortcut))
        .unwrap_or_default();
    let button = Button::new(command.name())
        .shortcut_text(shortcut)
        .frame(false);
    let response = ui
        .add_enabled(
            ready.is_ok(),
            button.min_size(Vec2::new(ui.available_width(), 0.0)),
        )
        .on_hover_text(command.tooltip());
    let response = match ready {
        Ok(()) => response,
        Err(why) => response.on_disabled_hover_text(why),
    };
    if response.clicked() {
        actions.push(Action::Command(command));
        ui.close();
    }
}

/// Three waves: the mark of the program.
fn waves(ui: &Ui, rect: egui::Rect, colour: egui::Color32) {
    let stroke = egui::Stroke::new(1.8, colour);
    for line in 0..3 {
        let y = rect.top() + 3.0 + 4.5 * line as f32;
        let points: Vec<egui::Pos2> = (0..=12)
            .map(|step| {
                let share = step as f32 / 12.0;
                let x = egui::lerp(rect.left()..=rect.right() - 3.0, share);
                egui::pos2(x, y + 1.6 * (share * std::f32::consts::TAU).sin())
            })
            .collect();
        ui.painter().line(points, stroke);
    }
}
