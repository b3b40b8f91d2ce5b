//! Every edit since the file was opened; a click goes back or forth to it.

use egui::{RichText, ScrollArea, Ui};

use crate::editor::{Action, Editor};
use crate::theme;

/// Draws the steps, the latest at the top.
pub fn ui(ui: &mut Ui, editor: &Editor, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui.ctx());
    let history = editor.history();
    let current = history.current();
    let labels: Vec<&str> = history.labels().collect();
    let height = ui.spacing().interact_size.y;
    ScrollArea::vertical()
        .auto_shrink(false)
        .show_rows(ui, height, labels.len(), |ui, rows| {
            for row in rows {
                let index = labels.len() - 1 - row;
                let mut text = RichText::new(labels[index]);
                if index > current {
                    // What could be redone.
                    text = text.color(palette.faint);
                }
                let response = ui.selectable_label(index == current, text);
                if response.clicked() && index != current {
                    actions.push(Action::JumpTo(index));
                }
            }
        });
}
