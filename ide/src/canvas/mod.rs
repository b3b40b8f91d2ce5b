//! The canvas: nodes, wires and frames, drawn and taken hold of.

pub mod arrange;

use egui::{Painter, Rect, Ui};
use millstream_compiler::document::Document;

use crate::editor::{Action, Editor};
use crate::theme::Palette;
use crate::work::job::JobView;

/// What the canvas remembers between frames: drags, hovers, caches.
#[derive(Debug, Default)]
pub struct Canvas {}

impl Canvas {
    /// Draws the graph and collects what is done to it.
    pub fn ui(&mut self, ui: &mut Ui, editor: &Editor, job: &JobView, actions: &mut Vec<Action>) {
        let _ = (ui, editor, job, actions);
    }
}

/// Paints a whole graph as a small picture: coloured blocks and thin wires.
pub fn paint_miniature(painter: &Painter, document: &Document, into: Rect, palette: &Palette) {
    let Some(bounds) = arrange::bounds(document, None) else {
        return;
    };
    let pipeline = document.pipeline();
    let size = bounds.size().max(egui::Vec2::splat(1.0));
    let scale = (into.width() / size.x).min(into.height() / size.y);
    let place = |point: egui::Pos2| into.center() + (point - bounds.center()) * scale;
    for (_, edge) in pipeline.edges() {
        let (Some(from), Some(to)) = (
            arrange::node_rect(document, &edge.from.node),
            arrange::node_rect(document, &edge.to.node),
        ) else {
            continue;
        };
        let line = [
            place(arrange::output_point(from)),
            place(arrange::input_point(to, 0, 1)),
        ];
        painter.line_segment(line, egui::Stroke::new(1.0, palette.faint));
    }
    for (id, node) in pipeline.nodes() {
        let Some(rect) = arrange::node_rect(document, id) else {
            continue;
        };
        let family = millstream_compiler::nodes::find(&node.kind).map(|kind| kind.spec().family);
        let colour = family.map_or(palette.faint, |family| palette.family(family));
        let rect = Rect::from_min_max(place(rect.min), place(rect.max));
        painter.rect_filled(rect, 2.0, colour);
    }
}
