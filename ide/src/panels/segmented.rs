//! A row of choices of which one holds, as one control.

use egui::{Align2, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo};

use crate::theme;

/// One choice.
pub(crate) struct Segment {
    /// What stands on it.
    pub(crate) label: String,
    /// Its name for those who do not see it.
    pub(crate) name: String,
    /// What it means; nothing if the label says it.
    pub(crate) help: String,
}

/// How wide the choices must be at least to be read.
pub(crate) fn width_of(ui: &Ui, segments: &[Segment]) -> f32 {
    let labels: f32 = label_widths(ui, segments).iter().sum();
    labels + 2.0 * theme::STEP * segments.len() as f32
}

fn label_widths(ui: &Ui, segments: &[Segment]) -> Vec<f32> {
    let width = |segment: &Segment| {
        let font = theme::text_font(theme::DATA);
        let color = egui::Color32::PLACEHOLDER;
        let galley = ui
            .painter()
            .layout_no_wrap(segment.label.clone(), font, color);
        galley.size().x
    };
    segments.iter().map(width).collect()
}

/// Draws the choices in the width that is there and gives the one that was clicked. `faded` says
/// that the chosen one is only what holds by default.
pub(crate) fn segmented(
    ui: &mut Ui,
    segments: &[Segment],
    chosen: Option<usize>,
    faded: bool,
    width: f32,
) -> Option<usize> {
    let palette = theme::palette(ui.ctx());
    let size = Vec2::new(width, 26.0);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let labels = label_widths(ui, segments);
    // What is left is shared out evenly, so that long words get more room.
    let spare = (width - labels.iter().sum::<f32>()) / segments.len().max(1) as f32;
    let mut left = rect.left();
    let radius = f32::from(theme::RADIUS_SMALL);
    ui.painter().rect(
        rect,
        radius,
        palette.background,
        Stroke::new(1.0, palette.line),
        StrokeKind::Inside,
    );
    let mut clicked = None;
    for (i, (segment, label)) in segments.iter().zip(labels).enumerate() {
        let cell = label + spare;
        let part =
            egui::Rect::from_min_size(egui::pos2(left, rect.top()), Vec2::new(cell, rect.height()));
        left += cell;
        let is = chosen == Some(i);
        let response = ui.interact(part, ui.scope_id().with(&segment.name), Sense::click());
        response.widget_info(|| {
            WidgetInfo::selected(Role::RadioButton, true, is, segment.name.clone())
        });
        let inner = part.shrink(1.0);
        if is {
            ui.painter()
                .rect_filled(inner, radius - 1.0, palette.hovered);
        } else if response.hovered() {
            ui.painter()
                .rect_filled(inner, radius - 1.0, palette.raised);
        }
        if response.has_focus() {
            let stroke = Stroke::new(1.0, palette.accent);
            ui.painter()
                .rect_stroke(inner, radius - 1.0, stroke, StrokeKind::Inside);
        }
        if i > 0 && !is && chosen != Some(i - 1) {
            let stroke = Stroke::new(1.0, palette.line);
            ui.painter()
                .vline(part.left().round(), rect.shrink(6.0).y_range(), stroke);
        }
        let color = if is && !faded {
            palette.text
        } else {
            palette.muted
        };
        ui.painter().text(
            part.center(),
            Align2::CENTER_CENTER,
            &segment.label,
            theme::text_font(theme::DATA),
            color,
        );
        let response = if segment.help.is_empty() {
            response
        } else {
            response.on_hover_text(&segment.help)
        };
        if response.clicked() {
            clicked = Some(i);
        }
    }
    clicked
}
