//! All nodes as a list in the order of the rows' way, with a search; a click goes there.

use egui::{RichText, ScrollArea, TextEdit, Ui};
use millstream_compiler::diagnostics::Severity;
use millstream_compiler::document::topological_order;
use millstream_compiler::nodes;

use crate::editor::{Action, Editor};
use crate::theme;

/// What the panel remembers between frames.
#[derive(Debug, Default)]
pub struct Outline {
    search: String,
}

impl Outline {
    /// Draws the list.
    pub fn ui(&mut self, ui: &mut Ui, editor: &Editor, actions: &mut Vec<Action>) {
        let palette = theme::palette(ui.ctx());
        let field = TextEdit::singleline(&mut self.search)
            .hint_text("Search nodes in the pipeline")
            .desired_width(f32::INFINITY);
        ui.add(field).widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Search the outline")
        });
        let wanted = self.search.to_lowercase();
        let worst = editor.compiled().worst_by_node();
        let pipeline = editor.pipeline();
        if pipeline.nodes().len() == 0 {
            super::empty(ui, "No nodes yet", "Press A on the canvas to add one");
            return;
        }
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            for id in topological_order(pipeline) {
                let Some(node) = pipeline.node(id.as_str()) else {
                    continue;
                };
                let title = node.title.as_deref().unwrap_or("");
                let matches = id.as_str().contains(&wanted)
                    || title.to_lowercase().contains(&wanted)
                    || node.kind.contains(&wanted);
                if !matches {
                    continue;
                }
                ui.horizontal(|ui| {
                    let family = nodes::find(&node.kind).map(|kind| kind.spec().family);
                    let colour = family.map_or(palette.faint, |family| palette.family(family));
                    let (rect, _) =
                        ui.allocate_exact_size(egui::Vec2::splat(10.0), egui::Sense::hover());
                    theme::paint_family(ui.painter(), family, rect.center(), 9.0, colour);
                    let mut text = RichText::new(id.as_str());
                    if worst.get(id.as_str()) == Some(&Severity::Error) {
                        text = text.color(palette.error);
                    }
                    let selected = editor.view.selection.nodes.contains(id);
                    let mut response = ui.selectable_label(selected, text);
                    if !title.is_empty() {
                        response = response.on_hover_text(title);
                    }
                    if response.clicked() {
                        actions.push(Action::GoTo(id.clone()));
                    }
                });
            }
        });
    }
}
