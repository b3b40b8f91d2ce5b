//! What changed since the file was saved, line by line, in the script and in the pipeline file.

use std::sync::Arc;

use egui::{Color32, Rect, RichText, ScrollArea, Ui};

use super::segmented::{Segment, segmented};
use crate::editor::Editor;
use crate::theme::{self, Palette};
use crate::work::diff::{ChangeTag, Changes, Line};

/// What the panel remembers between frames.
#[derive(Debug, Default)]
pub struct Diff {
    /// Whether scripts are compared, not pipeline files.
    sql: bool,
}

impl Diff {
    /// Draws the differences.
    pub fn ui(&mut self, ui: &mut Ui, editor: &Editor, changes: Option<&Arc<Changes>>) {
        if editor.saved().is_none() {
            super::empty(
                ui,
                "Not saved yet",
                "Save the pipeline to see what changes from then on",
            );
            return;
        }
        let palette = theme::palette(ui.ctx());
        let lines = changes.map(|changes| match self.sql {
            false => &changes.pipeline,
            true => &changes.sql,
        });
        ui.horizontal(|ui| {
            let segment = |label: &str, help: &str| Segment {
                label: label.to_string(),
                name: format!("Compare {label}"),
                help: help.to_string(),
            };
            let subjects = [
                segment("Pipeline file", "What saving would change in the file"),
                segment("Flink SQL", "What that changes in the script for Flink"),
            ];
            if let Some(picked) =
                segmented(ui, &subjects, Some(usize::from(self.sql)), false, 190.0)
            {
                self.sql = picked == 1;
            }
            if let Some(lines) = lines.filter(|lines| !lines.is_empty()) {
                let count = |wanted: ChangeTag| {
                    let is = |line: &&Line| matches!(line, Line::Text(tag, _) if *tag == wanted);
                    lines.iter().filter(is).count()
                };
                let small = |text: String, colour| {
                    RichText::new(text)
                        .font(theme::data_font(theme::SMALL))
                        .color(colour)
                };
                ui.label(small(format!("+{}", count(ChangeTag::Insert)), palette.ok));
                ui.label(small(
                    format!("−{}", count(ChangeTag::Delete)),
                    palette.error,
                ));
            }
        });
        ui.add_space(theme::STEP);
        let Some(lines) = lines else {
            super::empty(ui, "Comparing…", "");
            return;
        };
        if lines.is_empty() {
            super::empty(ui, "No differences", "It is as it was saved");
            return;
        }
        let height = ui.text_style_height(&egui::TextStyle::Monospace);
        ui.spacing_mut().item_spacing.y = 2.0;
        ScrollArea::both()
            .auto_shrink(false)
            .show_rows(ui, height, lines.len(), |ui, rows| {
                for line in &lines[rows] {
                    row(ui, line, palette);
                }
            });
    }
}

fn row(ui: &mut Ui, line: &Line, palette: &Palette) {
    let (mark, text, colour) = match line {
        Line::Text(ChangeTag::Equal, text) => (" ", text.clone(), palette.muted),
        Line::Text(ChangeTag::Delete, text) => ("-", text.clone(), palette.error),
        Line::Text(ChangeTag::Insert, text) => ("+", text.clone(), palette.ok),
        Line::Same(1) => ("·", "1 line is the same".to_string(), palette.faint),
        Line::Same(n) => ("·", format!("{n} lines are the same"), palette.faint),
    };
    let tint = match line {
        Line::Text(ChangeTag::Equal, _) | Line::Same(_) => Color32::TRANSPARENT,
        Line::Text(..) => Palette::mix(palette.panel, colour, 0.10),
    };
    let place = ui.cursor().min;
    let height = ui.text_style_height(&egui::TextStyle::Monospace) + 2.0;
    let band = Rect::from_min_max(place, egui::pos2(ui.clip_rect().right(), place.y + height));
    ui.painter().rect_filled(band, 0.0, tint);
    let text = RichText::new(format!("{mark} {text}"))
        .font(theme::data_font(theme::DATA))
        .color(colour);
    ui.add(egui::Label::new(text).extend());
}
