//! The inspector: a form drawn from the parameters of the selected node's kind.

use egui::Ui;

use crate::editor::{Action, Editor};
use crate::work::job::JobView;

/// What the panel remembers between frames.
#[derive(Debug, Default)]
pub struct Inspector {}

impl Inspector {
    /// Draws the panel and collects what is done in it.
    pub fn ui(&mut self, ui: &mut Ui, editor: &Editor, job: &JobView, actions: &mut Vec<Action>) {
        let _ = (editor, job, actions);
        super::empty(ui, "Nothing here yet", "");
    }
}
