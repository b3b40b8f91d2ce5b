//! The small map in the corner: everything as blocks, what is seen as a window; a click goes
//! there. And the switch for what is written on wires.

use egui::{
    Align2, CursorIcon, Id, Mesh, Pos2, Rect, Role, Sense, Shape, Stroke, StrokeKind, Ui, Vec2,
    WidgetInfo,
};

use super::brush::Eye;
use super::paint_node::node_colour;
use super::scene::Scene;
use crate::editor::{Action, Camera, Overlay};
use crate::theme::{self, Palette};

const SIZE: Vec2 = Vec2::new(148.0, 92.0);
const MARGIN: f32 = 14.0;

/// Draws the map and goes where it is clicked.
pub fn ui(ui: &Ui, scene: &Scene, eye: Eye, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui.ctx());
    let Some(bounds) = scene.bounds() else { return };
    if eye.view.width() < 3.0 * SIZE.x || eye.view.height() < 2.0 * SIZE.y {
        return;
    }
    let place = Rect::from_min_size(eye.view.right_bottom() - SIZE - Vec2::splat(MARGIN), SIZE);
    let response = ui.interact(
        place,
        ui.scope_id().with("minimap"),
        Sense::CLICK | Sense::DRAG,
    );
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Minimap"));
    let visible = eye.visible();
    let shown = bounds
        .expand(60.0)
        .union(visible.intersect(bounds.expand(600.0)));
    let inner = place.shrink(6.0);
    let scale = (inner.width() / shown.width()).min(inner.height() / shown.height());
    let small = |world: Pos2| inner.center() + (world - shown.center()) * scale;
    let painter = ui.painter_at(eye.view);
    let back = Palette::mix(palette.background, palette.panel, 0.85);
    painter.rect(
        place,
        theme::RADIUS_SMALL,
        back,
        Stroke::new(1.0, palette.line),
        StrokeKind::Inside,
    );
    let mut mesh = Mesh::default();
    for node in &scene.nodes {
        let rect = Rect::from_min_max(small(node.rect.min), small(node.rect.max));
        let rect = Rect::from_center_size(rect.center(), rect.size().max(Vec2::splat(1.5)));
        let colour = Palette::mix(back, node_colour(palette, node), 0.8);
        mesh.add_colored_rect(rect, colour);
    }
    painter.add(Shape::mesh(mesh));
    let window = Rect::from_min_max(small(visible.min), small(visible.max)).intersect(inner);
    if window.is_positive() {
        let line = Palette::mix(back, palette.accent, 0.8);
        painter.rect_stroke(window, 2.0, Stroke::new(1.0, line), StrokeKind::Inside);
    }
    if response.hovered() {
        ui.ctx().set_cursor_icon(CursorIcon::PointingHand);
    }
    if (response.clicked() || response.dragged())
        && let Some(at) = response.interact_pointer_pos()
    {
        let centre = shown.center() + (at - inner.center()) / scale;
        actions.push(Action::Look(Camera {
            centre,
            ..eye.camera
        }));
    }
}

/// Draws the switch for what is written on wires, lower left.
pub fn overlay_switch(ui: &Ui, eye: Eye, current: Overlay, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui.ctx());
    let painter = ui.painter_at(eye.view);
    let font = theme::text_font(theme::SMALL);
    let labels: Vec<_> = Overlay::ALL
        .iter()
        .map(|overlay| {
            let text = overlay.title().to_string();
            let colour = match *overlay == current {
                true => palette.text,
                false => palette.muted,
            };
            painter.layout_no_wrap(text, font.clone(), colour)
        })
        .collect();
    let room = Vec2::new(12.0, 7.0);
    let width: f32 = labels
        .iter()
        .map(|label| label.size().x + 2.0 * room.x)
        .sum();
    let height = 15.0 + 2.0 * room.y - 2.0;
    let corner = eye.view.left_bottom() + Vec2::new(MARGIN, -MARGIN - height);
    let pill = Rect::from_min_size(corner, Vec2::new(width + 8.0, height));
    if pill.right() > eye.view.right() - SIZE.x - 2.0 * MARGIN {
        return;
    }
    painter.rect(
        pill,
        (height / 2.0) as u8,
        Palette::mix(palette.background, palette.panel, 0.85),
        Stroke::new(1.0, palette.line),
        StrokeKind::Inside,
    );
    // Nothing below the switch is clicked through its gaps.
    ui.interact(
        pill,
        ui.scope_id().with("overlay switch"),
        Sense::CLICK | Sense::DRAG,
    );
    let mut left = pill.left() + 4.0;
    for (overlay, label) in Overlay::ALL.into_iter().zip(labels) {
        let place = Rect::from_min_size(
            Pos2::new(left, pill.top()),
            Vec2::new(label.size().x + 2.0 * room.x, height),
        );
        left = place.right();
        let id: Id = ui.scope_id().with(("overlay", overlay.title()));
        let response = ui.interact(place, id, Sense::CLICK);
        let chosen = overlay == current;
        response.widget_info(|| {
            let name = format!("{} overlay", overlay.title());
            WidgetInfo::selected(Role::RadioButton, true, chosen, name)
        });
        let text = Align2::CENTER_CENTER.anchor_size(place.center(), label.size());
        let colour = match response.hovered() {
            true => palette.text,
            false => palette.muted,
        };
        if response.hovered() && !chosen {
            painter.galley_with_override_text_color(text.min, label, colour);
        } else {
            painter.galley(text.min, label, colour);
        }
        if chosen {
            let y = place.bottom() - 3.5;
            let line = Stroke::new(1.5, palette.accent);
            painter.hline(text.left()..=text.right(), y, line);
        }
        if response.clicked() {
            actions.push(Action::ShowOverlay(overlay));
        }
    }
}

/// What the canvas says while there is nothing on it.
pub fn empty_hint(ui: &Ui, eye: Eye) {
    let palette = theme::palette(ui.ctx());
    let painter = ui.painter_at(eye.view);
    let middle = eye.view.center();
    painter.text(
        middle - Vec2::new(0.0, 12.0),
        Align2::CENTER_CENTER,
        "Press Tab or A, or double-click, to add a node",
        theme::text_font(theme::TEXT + 1.0),
        palette.muted,
    );
    painter.text(
        middle + Vec2::new(0.0, 12.0),
        Align2::CENTER_CENTER,
        "Or drop a .csv, .json, .parquet, .onnx or .sql file here",
        theme::text_font(theme::SMALL),
        palette.faint,
    );
}
