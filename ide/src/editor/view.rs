//! What is looked at and how: never part of the document, never undone.

use std::collections::BTreeSet;

use egui::{Pos2, Rect, Vec2};
use millstream_compiler::diagnostics::Span;
use millstream_compiler::document::{Document, EdgeId, FrameId, NodeId, Position};
use millstream_compiler::lower::Target;

/// What is selected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Nodes.
    pub nodes: BTreeSet<NodeId>,
    /// Wires.
    pub edges: BTreeSet<EdgeId>,
    /// Frames.
    pub frames: BTreeSet<FrameId>,
}

impl Selection {
    /// One node.
    pub fn node(id: NodeId) -> Self {
        Self::nodes([id])
    }

    /// Some nodes.
    pub fn nodes(ids: impl IntoIterator<Item = NodeId>) -> Self {
        Self {
            nodes: ids.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Whether nothing is selected.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.edges.is_empty() && self.frames.is_empty()
    }

    /// The node if exactly one is selected, and nothing else.
    pub fn single_node(&self) -> Option<&NodeId> {
        let only = self.nodes.len() == 1 && self.edges.is_empty() && self.frames.is_empty();
        self.nodes.first().filter(|_| only)
    }

    /// Forgets what the document does not have any more.
    pub fn retain_known(&mut self, document: &Document) {
        let pipeline = document.pipeline();
        self.nodes.retain(|id| pipeline.node(id.as_str()).is_some());
        self.edges.retain(|id| pipeline.edge(id.as_str()).is_some());
        let layout = document.layout();
        self.frames.retain(|id| layout.frame(id.as_str()).is_some());
    }
}

/// Which part of the canvas is shown, and how large.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Camera {
    /// The point of the canvas in the middle of the view.
    pub centre: Pos2,
    /// Points of the screen by unit of the canvas.
    pub zoom: f32,
}

impl Default for Camera {
    fn default() -> Self {
        Self {
            centre: Pos2::ZERO,
            zoom: 1.0,
        }
    }
}

impl Camera {
    /// The farthest and the closest zoom.
    pub const ZOOM: std::ops::RangeInclusive<f32> = 0.05..=4.0;

    /// Where a point of the canvas is in a view.
    pub fn to_screen(&self, view: Rect, world: Pos2) -> Pos2 {
        view.center() + (world - self.centre) * self.zoom
    }

    /// Which point of the canvas is there.
    pub fn to_world(&self, view: Rect, screen: Pos2) -> Pos2 {
        self.centre + (screen - view.center()) / self.zoom
    }

    /// The part of the canvas that a view shows.
    pub fn visible(&self, view: Rect) -> Rect {
        Rect::from_center_size(self.centre, view.size() / self.zoom)
    }

    /// Zooms by a factor so that the point under the pointer stays there.
    #[must_use]
    pub fn zoomed(self, view: Rect, pointer: Pos2, factor: f32) -> Self {
        let zoom = (self.zoom * factor).clamp(*Self::ZOOM.start(), *Self::ZOOM.end());
        let under = self.to_world(view, pointer);
        Self {
            centre: under - (pointer - view.center()) / zoom,
            zoom,
        }
    }

    /// Shows a part of the canvas whole, with some room around it, and not closer than 100 %.
    #[must_use]
    pub fn fitting(view: Rect, world: Rect) -> Self {
        let room = (view.size() - Vec2::splat(96.0)).max(Vec2::splat(32.0));
        let size = world.size().max(Vec2::splat(1.0));
        let zoom = (room.x / size.x).min(room.y / size.y).min(1.0);
        Self {
            centre: world.center(),
            zoom: zoom.clamp(*Self::ZOOM.start(), *Self::ZOOM.end()),
        }
    }
}

/// A point of the canvas as the document keeps it.
pub fn position(point: Pos2) -> Position {
    Position::new(point.x.round() as i32, point.y.round() as i32)
}

/// A point of the document as the canvas has it.
pub fn point(position: Position) -> Pos2 {
    Pos2::new(position.x as f32, position.y as f32)
}

/// The tabs of the centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CentreTab {
    /// The canvas.
    #[default]
    Graph,
    /// The script.
    Sql,
    /// What changed since the file was saved.
    Diff,
}

impl CentreTab {
    /// All, from left to right.
    pub const ALL: [CentreTab; 3] = [CentreTab::Graph, CentreTab::Sql, CentreTab::Diff];

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            CentreTab::Graph => "Graph",
            CentreTab::Sql => "SQL",
            CentreTab::Diff => "Diff",
        }
    }
}

/// The tabs of the bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BottomTab {
    /// Rows of a node.
    #[default]
    Preview,
    /// What was found wrong.
    Problems,
    /// Throughput, latency, checkpoints.
    Charts,
    /// What the job wrote.
    Logs,
    /// The edits.
    History,
}

impl BottomTab {
    /// All, from left to right.
    pub const ALL: [BottomTab; 5] = [
        BottomTab::Preview,
        BottomTab::Problems,
        BottomTab::Charts,
        BottomTab::Logs,
        BottomTab::History,
    ];

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            BottomTab::Preview => "Preview",
            BottomTab::Problems => "Problems",
            BottomTab::Charts => "Charts",
            BottomTab::Logs => "Logs",
            BottomTab::History => "History",
        }
    }
}

/// What is written on wires and nodes of a running job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlay {
    /// Rows per second.
    #[default]
    Rate,
    /// How far the watermark is behind.
    Lag,
    /// The size of the state.
    State,
    /// Append, upsert or retract: known without a job.
    Types,
    /// Nothing.
    Calm,
}

impl Overlay {
    /// All, from left to right.
    pub const ALL: [Overlay; 5] = [
        Overlay::Rate,
        Overlay::Lag,
        Overlay::State,
        Overlay::Types,
        Overlay::Calm,
    ];

    /// Its label.
    pub fn title(self) -> &'static str {
        match self {
            Overlay::Rate => "Rate",
            Overlay::Lag => "Lag",
            Overlay::State => "State",
            Overlay::Types => "Types",
            Overlay::Calm => "Calm",
        }
    }
}

/// What floats over everything and takes the keyboard.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Popup {
    /// Nothing.
    #[default]
    None,
    /// The command palette.
    Palette,
    /// Search a node kind and add it.
    AddNode {
        /// Where on the canvas it goes.
        at: Position,
        /// The output that a wire was drawn from, if one was dropped on nothing.
        from: Option<millstream_compiler::document::PortRef>,
        /// The input that a wire was drawn from, backwards.
        to: Option<millstream_compiler::document::PortRef>,
    },
    /// Find a node.
    Find,
    /// Another id for a node.
    Rename(NodeId),
    /// Version and licences.
    About,
}

/// A place of the script that is to be brought into view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reveal {
    /// Its bytes.
    pub span: Span,
    /// Counts what was to be brought into view, so that the same place can be twice.
    pub number: u64,
}

/// What is looked at and how.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// What is selected.
    pub selection: Selection,
    /// The part of the canvas that is shown.
    pub camera: Camera,
    /// The canvas on the screen, as of the last frame.
    pub canvas: Rect,
    /// The tab of the centre.
    pub centre: CentreTab,
    /// The tab of the bottom.
    pub bottom: BottomTab,
    /// Whether the library is shown.
    pub left_open: bool,
    /// Whether the inspector is shown.
    pub right_open: bool,
    /// Whether the bottom panel is shown.
    pub bottom_open: bool,
    /// Whether the small map is shown.
    pub minimap: bool,
    /// What is written on wires.
    pub overlay: Overlay,
    /// Which script the SQL tab shows.
    pub target: Target,
    /// The node whose rows are previewed.
    pub preview: Option<NodeId>,
    /// Whether the previewed rows are held.
    pub frozen: bool,
    /// What floats over everything.
    pub popup: Popup,
    /// Whether the start page is shown instead of the editor.
    pub start: bool,
    /// Which problem was gone to last, for "next problem".
    pub problem: Option<usize>,
    /// The place of the script that was gone to last.
    pub reveal: Option<Reveal>,
    /// Whether the canvas begins to draw a wire by keyboard in the next frame.
    pub start_wire: bool,
    /// Whether the inspector takes the keyboard in the next frame.
    pub edit_parameters: bool,
}

impl Default for View {
    fn default() -> Self {
        Self {
            selection: Selection::default(),
            camera: Camera::default(),
            canvas: Rect::from_min_size(Pos2::ZERO, Vec2::new(900.0, 600.0)),
            centre: CentreTab::default(),
            bottom: BottomTab::default(),
            left_open: true,
            right_open: true,
            bottom_open: true,
            minimap: true,
            overlay: Overlay::default(),
            target: Target::Embedded,
            preview: None,
            frozen: false,
            popup: Popup::None,
            start: false,
            problem: None,
            reveal: None,
            start_wire: false,
            edit_parameters: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_goes_there_and_back() {
        let view = Rect::from_min_size(Pos2::new(200.0, 50.0), Vec2::new(800.0, 600.0));
        let camera = Camera {
            centre: Pos2::new(-40.0, 300.0),
            zoom: 0.6,
        };
        let there = camera.to_screen(view, Pos2::new(17.0, 19.0));
        let back = camera.to_world(view, there);
        assert!(back.distance(Pos2::new(17.0, 19.0)) < 1e-3);
        let pointer = Pos2::new(333.0, 444.0);
        let closer = camera.zoomed(view, pointer, 1.7);
        let (before, after) = (
            camera.to_world(view, pointer),
            closer.to_world(view, pointer),
        );
        assert!(before.distance(after) < 1e-2, "{before} {after}");
        assert_eq!(camera.zoomed(view, pointer, 1e9).zoom, 4.0);
    }

    #[test]
    fn fitting_shows_all_and_not_closer_than_life() {
        let view = Rect::from_min_size(Pos2::ZERO, Vec2::new(800.0, 600.0));
        let small = Rect::from_min_size(Pos2::new(5.0, 5.0), Vec2::new(10.0, 10.0));
        assert_eq!(Camera::fitting(view, small).zoom, 1.0);
        let large = Rect::from_min_size(Pos2::ZERO, Vec2::new(8000.0, 100.0));
        let camera = Camera::fitting(view, large);
        assert!(camera.visible(view).contains_rect(large));
    }
}
