//! Throughput, latency and checkpoints of the running job, over time.

use egui::Ui;

use crate::editor::{Action, Editor};
use crate::work::job::JobView;

/// What the panel remembers between frames.
#[derive(Debug, Default)]
pub struct Charts {}

impl Charts {
    /// Draws the panel and collects what is done in it.
    pub fn ui(&mut self, ui: &mut Ui, editor: &Editor, job: &JobView, actions: &mut Vec<Action>) {
        let _ = (editor, job, actions);
        super::empty(ui, "Nothing here yet", "");
    }
}
