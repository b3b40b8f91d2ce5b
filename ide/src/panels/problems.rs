//! Everything that was found wrong, by severity; a click goes there.

use egui::{RichText, Role, ScrollArea, Sense, Ui, WidgetInfo};
use millstream_compiler::diagnostics::{Diagnostic, Severity};
use millstream_compiler::document::NodeId;

use crate::editor::{Action, Editor};
use crate::theme;

/// Draws the findings.
pub fn ui(ui: &mut Ui, editor: &Editor, actions: &mut Vec<Action>) {
    let findings = &editor.compiled().diagnostics;
    if findings.is_empty() {
        super::empty(ui, "No problems", "The pipeline can run here and on Flink");
        return;
    }
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        for (index, found) in findings.iter().enumerate() {
            row(ui, found, editor.view.problem == Some(index), actions);
        }
    });
}

fn row(ui: &mut Ui, found: &Diagnostic, current: bool, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui.ctx());
    let (mark, colour) = match found.severity {
        Severity::Error => ("●", palette.error),
        Severity::Warning => ("▲", palette.warning),
        Severity::Info => ("○", palette.muted),
    };
    let frame = egui::Frame::new()
        .inner_margin(egui::Margin::symmetric(8, 5))
        .corner_radius(theme::RADIUS_SMALL)
        .fill(if current {
            palette.hovered
        } else {
            egui::Color32::TRANSPARENT
        });
    let shown = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(mark).color(colour));
            if let Some(node) = &found.node {
                let place = match &found.parameter {
                    Some(parameter) => format!("{node} · {parameter}"),
                    None => node.clone(),
                };
                ui.label(RichText::new(place).monospace().color(palette.muted));
            }
            ui.label(&found.message);
        });
        if let Some(help) = &found.help {
            ui.horizontal_wrapped(|ui| {
                ui.add_space(20.0);
                ui.label(RichText::new(help).color(palette.muted));
            });
        }
    });
    let response = ui
        .interact(
            shown.response.rect,
            ui.scope_id().with(("problem", &found.message, &found.node)),
            Sense::click(),
        )
        .on_hover_text(found.code);
    response.widget_info(|| {
        let place = found.node.as_deref().unwrap_or("pipeline");
        WidgetInfo::labeled(
            Role::Button,
            true,
            format!("{} in {place}: {}", found.severity, found.message),
        )
    });
    if response.clicked()
        && let Some(node) = &found.node
        && let Ok(node) = NodeId::new(node.clone())
    {
        actions.push(Action::GoTo(node));
    }
}
