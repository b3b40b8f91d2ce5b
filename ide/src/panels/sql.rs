//! The script that the graph means, tied to the graph both ways.

use egui::Ui;

use crate::editor::{Action, Editor};
use crate::work::job::JobView;

/// What the panel remembers between frames.
#[derive(Debug, Default)]
pub struct SqlTab {}

impl SqlTab {
    /// Draws the panel and collects what is done in it.
    pub fn ui(&mut self, ui: &mut Ui, editor: &Editor, job: &JobView, actions: &mut Vec<Action>) {
        let _ = (editor, job, actions);
        super::empty(ui, "Nothing here yet", "");
    }
}
