//! The panels around the canvas, one file each.
//!
//! A panel is given the editor and the job to look at, and a list to put actions into; what it
//! remembers between frames (a search text, a scroll) is its own.

pub mod charts;
mod completion;
pub(crate) mod cursor;
pub mod diff;
pub mod history;
pub mod inspector;
pub mod library;
pub mod logs;
pub mod outline;
pub mod preview;
pub mod problems;
mod segmented;
pub mod sql;

use egui::{Response, RichText, Ui};

use crate::theme;

/// A heading in a panel.
pub(crate) fn heading(ui: &mut Ui, text: &str) -> Response {
    let palette = theme::palette(ui.ctx());
    ui.add_space(theme::STEP);
    ui.label(RichText::new(text).size(theme::SMALL).color(palette.muted))
}

/// What an empty panel says, in its middle.
pub(crate) fn empty(ui: &mut Ui, title: &str, hint: &str) {
    let palette = theme::palette(ui.ctx());
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() / 2.0 - 24.0).max(8.0));
        ui.label(RichText::new(title).color(palette.muted));
        if !hint.is_empty() {
            ui.label(RichText::new(hint).size(theme::SMALL).color(palette.faint));
        }
    });
}
