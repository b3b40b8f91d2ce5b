//! The bar at the top: menus, the command field, the document's name, run and stop.

use egui::{Align, Button, Label, Layout, Rect, RichText, Role, Ui, Vec2, WidgetInfo};

use super::modals::moment;
use crate::command::{Menu, UiCommand};
use crate::editor::{Action, Editor};
use crate::theme;
use crate::work::folders::SavedState;

/// How high the bar is.
const HEIGHT: f32 = 32.0;
/// How high what stands in it is.
const BUTTON: f32 = 26.0;
/// The field for commands: as wide as this if there is room, and not there if there is little.
const FIELD: f32 = 280.0;
const LEAST_FIELD: f32 = 120.0;
/// How wide a menu is.
const MENU: f32 = 264.0;

/// A sign that is painted: letters for these are in few fonts, and none is as crisp.
#[derive(Clone, Copy)]
enum Sign {
    Run,
    Stop,
    Export,
}

/// What the bar tells beside the document.
pub(super) struct Beside<'a> {
    /// The name of what is shown in the place of the document.
    pub(super) instead: Option<&'a str>,
    /// What a run would begin with.
    pub(super) saved: Option<SavedState>,
}

/// Draws the bar: menus at the left, the field in the middle of the window, and what is run at the
/// right.
pub(super) fn ui(ui: &mut Ui, editor: &Editor, beside: &Beside<'_>, actions: &mut Vec<Action>) {
    let size = Vec2::new(ui.available_width(), HEIGHT);
    let (bar, _) = ui.allocate_exact_size(size, egui::Sense::hover());
    let mut part = |rect: Rect, layout: Layout, draw: &mut dyn FnMut(&mut Ui)| {
        let mut ui = ui.new_child(egui::UiBuilder::new().max_rect(rect).layout(layout));
        draw(&mut ui);
        ui.min_rect()
    };
    let mut menus_end = bar.left();
    part(bar, Layout::left_to_right(Align::Center), &mut |ui| {
        menus_end = menus(ui, editor, actions);
    });
    let right = part(bar, Layout::right_to_left(Align::Center), &mut |ui| {
        running(ui, editor, beside, actions);
    });
    let room = Rect::from_x_y_ranges(
        menus_end + 4.0 * theme::STEP..=right.left() - 4.0 * theme::STEP,
        bar.y_range(),
    );
    let centre = bar
        .center()
        .x
        .clamp(room.left(), room.right().max(room.left()));
    let half = (centre - room.left())
        .min(room.right() - centre)
        .min(FIELD / 2.0);
    if 2.0 * half >= LEAST_FIELD {
        let place = Rect::from_center_size(
            egui::pos2(centre, bar.center().y),
            Vec2::new(2.0 * half, BUTTON),
        );
        part(place, Layout::left_to_right(Align::Center), &mut |ui| {
            field(ui, place.width(), actions);
        });
    }
}

/// Draws the menus, and says where the last one ends.
fn menus(ui: &mut Ui, editor: &Editor, actions: &mut Vec<Action>) -> f32 {
    let palette = theme::palette(ui.ctx());
    let mark = Vec2::new(18.0, 14.0);
    let (rect, _) = ui.allocate_exact_size(mark, egui::Sense::hover());
    waves(ui, rect, palette.accent);
    ui.add_space(2.0 * theme::STEP);
    let style = |style: &mut egui::Style| {
        egui::containers::menu::menu_style(style);
        style.spacing.button_padding = Vec2::new(2.0 * theme::STEP, theme::STEP);
        style.spacing.item_spacing.x = theme::STEP / 2.0;
    };
    let bar = egui::MenuBar::new().style(style).ui(ui, |ui| {
        let mut end = ui.min_rect().left();
        let colour = theme::Palette::mix(palette.muted, palette.text, 0.5);
        for menu in Menu::ALL {
            let title = RichText::new(menu.title()).color(colour);
            let button = ui.menu_button(title, |ui| entries(ui, menu, editor, actions));
            end = button.response.rect.right();
        }
        end
    });
    bar.inner
}

fn field(ui: &mut Ui, width: f32, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui.ctx());
    let shortcut = UiCommand::Palette.shortcut();
    let shortcut = shortcut.map_or_else(String::new, |keys| ui.ctx().format_shortcut(&keys));
    let field = Button::new(RichText::new("Type a command…").color(palette.muted))
        .fill(palette.background)
        .min_size(Vec2::new(width, BUTTON))
        .truncate()
        .right_text(
            RichText::new(shortcut)
                .size(theme::SMALL)
                .color(palette.faint),
        );
    let field = ui.add(field).on_hover_text(UiCommand::Palette.tooltip());
    field.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Command palette"));
    if field.clicked() {
        actions.push(Action::Command(UiCommand::Palette));
    }
}

/// The document's name, run, stop, export: from the right.
fn running(ui: &mut Ui, editor: &Editor, beside: &Beside<'_>, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui.ctx());
    ui.spacing_mut().item_spacing.x = 2.0 * theme::STEP;
    let mut button = |ui: &mut Ui, command: UiCommand, sign: Sign, label: &str| {
        let ready = editor.ready(command);
        let main = command == UiCommand::Run && ready.is_ok();
        let response = ui
            .add_enabled_ui(ready.is_ok(), |ui| sign_button(ui, sign, label, main))
            .inner;
        // A menu is called "Run", too.
        let name = match command {
            UiCommand::Run => "Run pipeline",
            other => other.name(),
        };
        response.widget_info(|| WidgetInfo::labeled(Role::Button, ready.is_ok(), name));
        let mut tooltip = match (command, beside.saved.filter(|saved| !saved.finished)) {
            (UiCommand::Run, Some(saved)) => {
                let when = saved.written.map_or_else(String::new, |written| {
                    format!(" of {}", moment(written.into()))
                });
                format!("Go on from checkpoint {}{when}", saved.checkpoint)
            }
            (UiCommand::Run, None) => "Run the pipeline on this machine".to_string(),
            (other, _) => other.tooltip().to_string(),
        };
        if let Some(keys) = command.shortcut() {
            tooltip += &format!(" · {}", ui.ctx().format_shortcut(&keys));
        }
        let response = response.on_hover_text(tooltip);
        let response = match ready {
            Ok(()) => response,
            Err(why) => response.on_disabled_hover_text(why),
        };
        if response.clicked() {
            actions.push(Action::Command(command));
        }
    };
    button(ui, UiCommand::ExportSql, Sign::Export, "Export");
    button(ui, UiCommand::Stop, Sign::Stop, "");
    button(ui, UiCommand::Run, Sign::Run, "Run");
    ui.add_space(2.0 * theme::STEP);
    let shown = beside.instead.unwrap_or(editor.pipeline().name());
    let name = RichText::new(shown).font(theme::strong_font(theme::TEXT));
    let name = ui.add(Label::new(name).truncate());
    if beside.instead.is_some() {
        return;
    }
    if editor.is_unsaved() {
        let (rect, dot) = ui.allocate_exact_size(Vec2::splat(9.0), egui::Sense::hover());
        ui.painter().circle_filled(rect.center(), 4.0, palette.text);
        dot.widget_info(|| WidgetInfo::labeled(Role::Image, true, "Unsaved edits"));
        dot.on_hover_text("It has edits that are not saved");
    }
    if let Some(file) = editor.file() {
        name.on_hover_text(file.display().to_string());
    }
}

/// A button with a sign before its label; the main one is in the colour of the accent.
fn sign_button(ui: &mut Ui, sign: Sign, label: &str, main: bool) -> egui::Response {
    let palette = theme::palette(ui.ctx());
    let font = if main {
        theme::strong_font(theme::TEXT)
    } else {
        theme::text_font(theme::TEXT)
    };
    let text = ui
        .painter()
        .layout_no_wrap(label.to_string(), font, egui::Color32::PLACEHOLDER);
    let (sign_size, gap, padding) = (10.0, 6.0, 11.0);
    let words = if label.is_empty() {
        0.0
    } else {
        gap + text.size().x
    };
    let size = Vec2::new(sign_size + words + 2.0 * padding, BUTTON);
    let response = ui.allocate_response(size, egui::Sense::click());
    let rect = response.rect;
    let over = response.hovered() || response.is_pointer_button_down_on();
    let (fill, line, colour) = match (main, over) {
        (true, false) => (palette.accent, palette.accent, palette.on_accent),
        (true, true) => {
            let lit = theme::Palette::mix(palette.accent, palette.text, 0.15);
            (lit, lit, palette.on_accent)
        }
        (false, false) => (palette.panel, palette.line, palette.text),
        (false, true) => (palette.hovered, palette.faint, palette.text),
    };
    let line = if response.has_focus() {
        palette.text
    } else {
        line
    };
    ui.painter().rect(
        rect,
        theme::RADIUS_SMALL,
        fill,
        egui::Stroke::new(1.0, line),
        egui::StrokeKind::Inside,
    );
    let place = Rect::from_center_size(
        egui::pos2(rect.left() + padding + sign_size / 2.0, rect.center().y),
        Vec2::splat(sign_size),
    );
    paint_sign(ui, sign, place, colour);
    let at = egui::pos2(place.right() + gap, rect.center().y - text.size().y / 2.0);
    ui.painter().galley(at, text, colour);
    response
}

fn paint_sign(ui: &Ui, sign: Sign, place: Rect, colour: egui::Color32) {
    let painter = ui.painter();
    match sign {
        Sign::Run => {
            let points = vec![
                place.left_top() + Vec2::new(1.0, 0.0),
                place.right_center(),
                place.left_bottom() + Vec2::new(1.0, 0.0),
            ];
            painter.add(egui::Shape::convex_polygon(
                points,
                colour,
                egui::Stroke::NONE,
            ));
        }
        Sign::Stop => {
            painter.rect_filled(place.shrink(0.5), 1.5, colour);
        }
        Sign::Export => {
            let stroke = egui::Stroke::new(1.5, colour);
            let top = place.center_top();
            painter.line_segment([top, place.center() + Vec2::new(0.0, 2.0)], stroke);
            let wing = |x: f32| top + Vec2::new(x, 3.5);
            painter.line(vec![wing(-3.5), top, wing(3.5)], stroke);
            let foot = |x: f32, y: f32| egui::pos2(place.center().x + x, place.bottom() - y);
            let tray = vec![
                foot(-5.0, 3.0),
                foot(-5.0, 0.0),
                foot(5.0, 0.0),
                foot(5.0, 3.0),
            ];
            painter.line(tray, stroke);
        }
    }
}

/// The entries of a menu.
pub(super) fn entries(ui: &mut Ui, menu: Menu, editor: &Editor, actions: &mut Vec<Action>) {
    ui.set_width(MENU);
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
    let shortcut = command.shortcut_text(ui.ctx()).unwrap_or_default();
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
fn waves(ui: &Ui, rect: Rect, colour: egui::Color32) {
    let stroke = egui::Stroke::new(1.8, colour);
    for line in -1..=1 {
        let y = rect.center().y + 4.5 * line as f32;
        let points: Vec<egui::Pos2> = (0..=12)
            .map(|step| {
                let share = step as f32 / 12.0;
                let x = egui::lerp(rect.x_range(), share);
                egui::pos2(x, y + 1.6 * (share * std::f32::consts::TAU).sin())
            })
            .collect();
        ui.painter().line(points, stroke);
    }
}
