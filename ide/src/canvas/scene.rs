//! A document laid out: rectangles, ports and curves, made once a change and asked by every frame.
//!
//! Everything is in units of the canvas, so panning and zooming make nothing new. A [`Grid`]
//! answers what is near a point or within a rectangle.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use egui::{Pos2, Rect, Vec2, pos2};
use millstream_compiler::diagnostics::Severity;
use millstream_compiler::document::{
    Colour, Document, EdgeId, FrameId, Node, NodeId, PortName, PortRef, topological_order,
};
use millstream_compiler::lower::StreamKind;
use millstream_compiler::nodes::{self, Family, Inputs, NodeKind};

use super::arrange::{self, HEAD, InputPort};
use super::curve;
use super::grid::Grid;
use crate::editor::{Editor, point};

/// A node as it is drawn.
#[derive(Debug, Clone)]
pub struct SceneNode {
    /// Its id.
    pub id: NodeId,
    /// What its kind is called.
    pub kind: String,
    /// What it is for; `None` of a kind that is not known.
    pub family: Option<Family>,
    /// Its place.
    pub rect: Rect,
    /// Its input ports from top to bottom.
    pub inputs: Vec<InputPort>,
    /// Whether rows come out of it.
    pub has_output: bool,
    /// Its title for people.
    pub title: Option<String>,
    /// The line of its kind's summary; `None` while it is not configured.
    pub summary: Option<String>,
    /// Whether it passes its input through.
    pub muted: bool,
    /// A colour of its own.
    pub colour: Option<Colour>,
    /// Which kinds of rows come out of it, if known.
    pub stream: Option<StreamKind>,
    /// How many errors were found.
    pub errors: usize,
    /// How many warnings were found.
    pub warnings: usize,
    /// The wires that end at it.
    pub wires_in: Vec<usize>,
    /// The wires that begin at it.
    pub wires_out: Vec<usize>,
}

impl SceneNode {
    /// Where an input port is.
    pub fn input(&self, port: usize) -> Pos2 {
        arrange::input_point(self.rect, port, self.inputs.len())
    }

    /// Where the output port is.
    pub fn output(&self) -> Pos2 {
        arrange::output_point(self.rect)
    }

    /// Its heading.
    pub fn head(&self) -> Rect {
        Rect::from_min_size(self.rect.min, Vec2::new(self.rect.width(), HEAD))
    }
}

/// A wire as it is drawn.
#[derive(Debug, Clone)]
pub struct SceneEdge {
    /// Its id.
    pub id: EdgeId,
    /// The node it begins at.
    pub from: usize,
    /// The node it ends at.
    pub to: usize,
    /// The input port it ends at.
    pub port: usize,
    /// The points it bends through.
    pub bends: Vec<Pos2>,
    /// Points of the curve.
    pub line: Vec<Pos2>,
    /// The bounds of the curve.
    pub bounds: Rect,
}

/// A frame as it is drawn.
#[derive(Debug, Clone)]
pub struct SceneFrame {
    /// Its id.
    pub id: FrameId,
    /// Its heading.
    pub title: String,
    /// Its place.
    pub rect: Rect,
    /// A colour of its own.
    pub colour: Option<Colour>,
}

/// The height of a frame's heading.
pub const FRAME_HEAD: f32 = 28.0;

/// One end of a wire that is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Port {
    /// The output of a node.
    Output(usize),
    /// An input of a node.
    Input(usize, usize),
}

impl Port {
    /// Whose port it is.
    pub fn node(self) -> usize {
        match self {
            Port::Output(node) | Port::Input(node, _) => node,
        }
    }
}

/// The corner of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Corner {
    /// Upper left.
    LeftTop,
    /// Upper right.
    RightTop,
    /// Lower left.
    LeftBottom,
    /// Lower right.
    RightBottom,
}

/// What is at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hit {
    /// Nothing.
    #[default]
    Nothing,
    /// A port.
    Port(Port),
    /// A node.
    Node(usize),
    /// A bend of a wire.
    Bend(usize, usize),
    /// A wire.
    Edge(usize),
    /// The heading of a frame.
    FrameHead(usize),
    /// A corner of a frame.
    FrameCorner(usize, Corner),
}

/// A document laid out.
#[derive(Debug, Default)]
pub struct Scene {
    /// Of which change of the document, and of which answer of the compiler.
    key: Option<(u64, u64)>,
    /// The document it was made of.
    made_of: Option<Document>,
    /// Counts how often it was laid out: numbers of nodes and wires hold within one.
    pub version: u64,
    /// All nodes, by id.
    pub nodes: Vec<SceneNode>,
    /// All wires, by id.
    pub edges: Vec<SceneEdge>,
    /// All frames, by id.
    pub frames: Vec<SceneFrame>,
    /// The nodes in the order of the rows' way.
    pub order: Vec<usize>,
    index: HashMap<NodeId, usize>,
    edge_index: HashMap<EdgeId, usize>,
    node_grid: Grid,
    edge_grid: Grid,
}

impl Scene {
    /// Makes the scene anew if the document or what is known about it changed.
    pub fn refresh(&mut self, editor: &Editor) {
        let compiled = editor.compiled();
        let key = (editor.generation(), compiled.generation);
        if self.key == Some(key) {
            return;
        }
        let document_changed = self.key.is_none_or(|old| old.0 != key.0);
        self.key = Some(key);
        if document_changed && !self.take_in(editor.document()) {
            self.version += 1;
            self.build(editor.document());
        }
        if document_changed {
            self.made_of = Some(editor.document().clone());
        }
        let mut found: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for diagnostic in &compiled.diagnostics {
            if let Some(node) = diagnostic.node.as_deref() {
                let count = found.entry(node).or_default();
                match diagnostic.severity {
                    Severity::Error => count.0 += 1,
                    Severity::Warning => count.1 += 1,
                    _ => {}
                }
            }
        }
        for node in &mut self.nodes {
            let (errors, warnings) = found.get(node.id.as_str()).copied().unwrap_or_default();
            let stream = compiled.streams.get(&node.id);
            node.stream = stream.map(|stream| stream.kind.clone());
            node.errors = errors;
            node.warnings = warnings;
        }
    }

    /// Forgets what was moved by hand: the next frame begins with the document.
    pub fn invalidate(&mut self) {
        self.key = None;
        self.made_of = None;
    }

    /// Takes in a change that is within nodes, as typing in a field is: nothing moves. Gives false
    /// where the change is another one.
    fn take_in(&mut self, document: &Document) -> bool {
        let earlier = self.made_of.as_ref();
        let Some(changed) = earlier.and_then(|earlier| document.changed_nodes(earlier)) else {
            return false;
        };
        for id in changed {
            let (Some(&at), Some(node)) =
                (self.index.get(id), document.pipeline().node(id.as_str()))
            else {
                return false;
            };
            let kind = nodes::find(&node.kind);
            let seen = &mut self.nodes[at];
            if kind_title(node, kind) != seen.kind {
                // Other ports, and another size.
                return false;
            }
            seen.title.clone_from(&node.title);
            seen.summary = kind.and_then(|kind| kind.summary(node));
            seen.muted = node.muted;
        }
        true
    }

    fn build(&mut self, document: &Document) {
        let pipeline = document.pipeline();
        let layout = document.layout();
        self.index = pipeline
            .nodes()
            .enumerate()
            .map(|(at, (id, _))| (id.clone(), at))
            .collect();
        self.edge_index = pipeline
            .edges()
            .enumerate()
            .map(|(at, (id, _))| (id.clone(), at))
            .collect();
        let mut into: Vec<Vec<(String, usize, u64)>> = vec![Vec::new(); self.index.len()];
        let mut out_of: Vec<Vec<usize>> = vec![Vec::new(); self.index.len()];
        let mut ends = Vec::with_capacity(pipeline.edges().len());
        for (at, (id, edge)) in pipeline.edges().enumerate() {
            let (Some(&from), Some(&to)) = (
                self.index.get(&edge.from.node),
                self.index.get(&edge.to.node),
            ) else {
                continue;
            };
            let number = number(id);
            into[to].push((pipeline.input_port(edge), at, number));
            out_of[from].push(at);
            ends.push((id.clone(), from, to));
        }
        self.nodes = pipeline
            .nodes()
            .zip(into.iter_mut().zip(out_of))
            .map(|((id, node), (wires, out))| {
                wires.sort_by_key(|(_, _, number)| *number);
                let kind = nodes::find(&node.kind);
                let spec = kind.map(|kind| kind.spec());
                let inputs = ports(spec.map(|spec| spec.inputs), wires);
                let size = Vec2::new(arrange::NODE_WIDTH, arrange::node_height(inputs.len()));
                let place = layout.position(id.as_str()).map_or(Pos2::ZERO, point);
                SceneNode {
                    kind: kind_title(node, kind),
                    family: spec.map(|spec| spec.family),
                    rect: Rect::from_min_size(place, size),
                    inputs,
                    has_output: spec.is_none_or(|spec| spec.has_output),
                    title: node.title.clone(),
                    summary: kind.and_then(|kind| kind.summary(node)),
                    muted: node.muted,
                    colour: layout.colour_of(id.as_str()),
                    stream: None,
                    errors: 0,
                    warnings: 0,
                    wires_in: wires.iter().map(|(_, at, _)| *at).collect(),
                    wires_out: out,
                    id: id.clone(),
                }
            })
            .collect();
        let mut port_of = vec![0; ends.len()];
        for (node, wires) in self.nodes.iter().zip(&into) {
            for (port, at, _) in wires {
                port_of[*at] = node
                    .inputs
                    .iter()
                    .position(|input| input.name == *port)
                    .unwrap_or(0);
            }
        }
        self.edges = ends
            .into_iter()
            .zip(port_of)
            .map(|((id, from, to), port)| SceneEdge {
                bends: layout
                    .reroutes(id.as_str())
                    .iter()
                    .map(|place| point(*place))
                    .collect(),
                id,
                from,
                to,
                port,
                line: Vec::new(),
                bounds: Rect::NOTHING,
            })
            .collect();
        for edge in 0..self.edges.len() {
            self.bend(edge);
        }
        self.frames = layout
            .frames()
            .map(|(id, frame)| SceneFrame {
                id: id.clone(),
                title: frame.title.clone(),
                rect: Rect::from_min_size(
                    point(frame.position),
                    Vec2::new(frame.width as f32, frame.height as f32),
                ),
                colour: frame.colour,
            })
            .collect();
        self.order = topological_order(pipeline)
            .into_iter()
            .filter_map(|id| self.index.get(id).copied())
            .collect();
        self.index_places();
    }

    /// Draws the curve of a wire anew.
    fn bend(&mut self, edge: usize) {
        let wire = &self.edges[edge];
        let start = self.nodes[wire.from].output();
        let end = self.nodes[wire.to].input(wire.port);
        let line = curve::through(start, &wire.bends, end);
        let wire = &mut self.edges[edge];
        wire.bounds = Rect::from_points(&line);
        wire.line = line;
    }

    /// Moves a bend by hand, until the document follows.
    pub fn move_bend(&mut self, edge: usize, bend: usize, to: Pos2) {
        self.edges[edge].bends[bend] = to;
        self.bend(edge);
        self.edge_grid = Grid::of(self.edges.iter().map(|edge| edge.bounds));
    }

    fn index_places(&mut self) {
        self.node_grid = Grid::of(self.nodes.iter().map(|node| node.rect));
        self.edge_grid = Grid::of(self.edges.iter().map(|edge| edge.bounds));
    }

    /// Moves nodes, frames and bends by hand, until the document follows.
    pub fn place(&mut self, moved: &Moved, by: Vec2) {
        let mut wires = BTreeSet::new();
        for (node, rect) in &moved.nodes {
            self.nodes[*node].rect = rect.translate(by);
            wires.extend(self.nodes[*node].wires_in.iter().copied());
            wires.extend(self.nodes[*node].wires_out.iter().copied());
        }
        for (frame, rect) in &moved.frames {
            self.frames[*frame].rect = rect.translate(by);
        }
        for (edge, bend, place) in &moved.bends {
            self.edges[*edge].bends[*bend] = *place + by;
            wires.insert(*edge);
        }
        for edge in wires {
            self.bend(edge);
        }
        self.index_places();
    }

    /// A node by its id.
    pub fn find(&self, id: &NodeId) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// A wire by its id.
    pub fn find_edge(&self, id: &EdgeId) -> Option<usize> {
        self.edge_index.get(id).copied()
    }

    /// The nodes within a rectangle.
    pub fn nodes_in(&self, rect: Rect) -> Vec<usize> {
        self.node_grid
            .within(rect, |at| self.nodes[at].rect.intersects(rect))
    }

    /// The wires whose bounds reach into a rectangle.
    pub fn edges_in(&self, rect: Rect) -> Vec<usize> {
        self.edge_grid
            .within(rect, |at| self.edges[at].bounds.intersects(rect))
    }

    /// The bounds of everything.
    pub fn bounds(&self) -> Option<Rect> {
        let nodes = self.nodes.iter().map(|node| node.rect);
        let frames = self.frames.iter().map(|frame| frame.rect);
        nodes.chain(frames).reduce(Rect::union)
    }

    /// Where a port is.
    pub fn port_point(&self, port: Port) -> Pos2 {
        match port {
            Port::Output(node) => self.nodes[node].output(),
            Port::Input(node, input) => self.nodes[node].input(input),
        }
    }

    /// All ports of a node: inputs from top to bottom, then the output.
    pub fn ports_of(&self, node: usize) -> Vec<Port> {
        let inputs = (0..self.nodes[node].inputs.len()).map(|port| Port::Input(node, port));
        let output = self.nodes[node].has_output.then_some(Port::Output(node));
        inputs.chain(output).collect()
    }

    /// The port as commands name it.
    pub fn port_ref(&self, port: Port) -> PortRef {
        let node = &self.nodes[port.node()];
        match port {
            Port::Output(_) => PortRef::from(node.id.clone()),
            Port::Input(_, 0) => match node.inputs.first() {
                // The free port of a node that names its ports by its wires has no name yet; one
                // that is wired keeps its own.
                Some(input) if input.named && !input.free => {
                    PortRef::new(node.id.clone(), Some(PortName::slug(&input.name)))
                }
                _ => PortRef::from(node.id.clone()),
            },
            Port::Input(_, at) => {
                let input = &node.inputs[at];
                let name = (!input.free).then(|| PortName::slug(&input.name));
                PortRef::new(node.id.clone(), name)
            }
        }
    }

    /// What a port is called by a screen reader.
    pub fn port_name(&self, port: Port) -> String {
        let node = &self.nodes[port.node()];
        match port {
            Port::Output(_) => format!("Output of {}", node.id),
            Port::Input(_, at) => match &node.inputs[at] {
                input if input.free => format!("Free input of {}", node.id),
                input => format!("Input {} of {}", input.name, node.id),
            },
        }
    }

    /// The wire that ends at an input which takes only one.
    pub fn wire_at(&self, node: usize, port: usize) -> Option<usize> {
        if self.nodes[node].inputs[port].many {
            return None;
        }
        self.nodes[node]
            .wires_in
            .iter()
            .copied()
            .find(|edge| self.edges[*edge].port == port)
    }

    /// What is at a point of the canvas; `reach` is how far beside a small thing still counts.
    pub fn hit(&self, at: Pos2, reach: f32, with_ports: bool) -> Hit {
        let near = Rect::from_center_size(at, Vec2::splat(2.0 * reach));
        let mut nodes = self.node_grid.within(near, |node| {
            self.nodes[node].rect.expand(reach).contains(at)
        });
        nodes.reverse();
        if with_ports {
            let nearest = nodes
                .iter()
                .flat_map(|node| self.ports_of(*node))
                .map(|port| (self.port_point(port).distance(at), port))
                .filter(|(distance, _)| *distance <= reach)
                .min_by(|a, b| a.0.total_cmp(&b.0));
            if let Some((_, port)) = nearest {
                return Hit::Port(port);
            }
        }
        if let Some(node) = nodes
            .into_iter()
            .find(|node| self.nodes[*node].rect.contains(at))
        {
            return Hit::Node(node);
        }
        let edges = self
            .edge_grid
            .within(near, |edge| self.edges[edge].bounds.intersects(near));
        for edge in &edges {
            let bends = &self.edges[*edge].bends;
            if let Some(bend) = bends.iter().position(|bend| bend.distance(at) <= reach) {
                return Hit::Bend(*edge, bend);
            }
        }
        let nearest = edges
            .into_iter()
            .map(|edge| (curve::distance(&self.edges[edge].line, at), edge))
            .filter(|(distance, _)| *distance <= reach * 0.75)
            .min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, edge)) = nearest {
            return Hit::Edge(edge);
        }
        for (frame, found) in self.frames.iter().enumerate().rev() {
            let corners = [
                (Corner::LeftTop, found.rect.left_top()),
                (Corner::RightTop, found.rect.right_top()),
                (Corner::LeftBottom, found.rect.left_bottom()),
                (Corner::RightBottom, found.rect.right_bottom()),
            ];
            for (corner, place) in corners {
                if place.distance(at) <= reach {
                    return Hit::FrameCorner(frame, corner);
                }
            }
            let head = Rect::from_min_size(
                found.rect.min,
                Vec2::new(found.rect.width(), FRAME_HEAD.min(found.rect.height())),
            );
            if head.contains(at) {
                return Hit::FrameHead(frame);
            }
        }
        Hit::Nothing
    }

    /// The nodes that rows reach from a node, or that reach it, without itself.
    pub fn reachable(&self, node: usize, upstream: bool) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            let wires = match upstream {
                true => &self.nodes[node].wires_in,
                false => &self.nodes[node].wires_out,
            };
            for edge in wires {
                let next = match upstream {
                    true => self.edges[*edge].from,
                    false => self.edges[*edge].to,
                };
                if found.insert(next) {
                    open.push(next);
                }
            }
        }
        found
    }

    /// The ports that a wire from this one may end at: no circle, not connected already.
    pub fn fitting(&self, from: Port) -> Vec<Port> {
        let node = from.node();
        let upstream = matches!(from, Port::Output(_));
        let mut closed = self.reachable(node, upstream);
        closed.insert(node);
        let mut fits = Vec::new();
        for other in 0..self.nodes.len() {
            if closed.contains(&other) {
                continue;
            }
            match from {
                Port::Output(_) => {
                    for port in 0..self.nodes[other].inputs.len() {
                        let connected = self.nodes[other].wires_in.iter().any(|edge| {
                            self.edges[*edge].from == node && self.edges[*edge].port == port
                        });
                        if !connected {
                            fits.push(Port::Input(other, port));
                        }
                    }
                }
                Port::Input(_, port) => {
                    let connected = self.nodes[node].wires_in.iter().any(|edge| {
                        self.edges[*edge].from == other && self.edges[*edge].port == port
                    });
                    if self.nodes[other].has_output && !connected {
                        fits.push(Port::Output(other));
                    }
                }
            }
        }
        fits
    }

    /// What moves with a selection of nodes, frames and bends.
    pub fn moved(
        &self,
        nodes: impl IntoIterator<Item = usize>,
        frames: impl IntoIterator<Item = usize>,
        with_contents: bool,
    ) -> Moved {
        let frames: BTreeSet<usize> = frames.into_iter().collect();
        let mut nodes: BTreeSet<usize> = nodes.into_iter().collect();
        let inside = |place: Pos2| {
            with_contents
                && frames
                    .iter()
                    .any(|frame| self.frames[*frame].rect.contains(place))
        };
        nodes.extend((0..self.nodes.len()).filter(|node| inside(self.nodes[*node].rect.center())));
        let mut bends = Vec::new();
        for (edge, wire) in self.edges.iter().enumerate() {
            let both = nodes.contains(&wire.from) && nodes.contains(&wire.to);
            for (bend, place) in wire.bends.iter().enumerate() {
                if both || inside(*place) {
                    bends.push((edge, bend, *place));
                }
            }
        }
        Moved {
            nodes: nodes
                .into_iter()
                .map(|node| (node, self.nodes[node].rect))
                .collect(),
            frames: frames
                .into_iter()
                .map(|frame| (frame, self.frames[frame].rect))
                .collect(),
            bends,
        }
    }

    /// Where a node fits nearest to a wanted corner without covering another.
    pub fn free_place(&self, wanted: Pos2, size: Vec2) -> Pos2 {
        let mut rect = Rect::from_min_size(wanted, size);
        for _ in 0..200 {
            let covered = self.nodes_in(rect.expand(arrange::GRID));
            let Some(node) = covered.first() else {
                break;
            };
            let below = self.nodes[*node].rect.bottom() + 3.0 * arrange::GRID;
            rect = rect.translate(Vec2::new(0.0, below - rect.top()));
        }
        pos2(rect.left(), rect.top())
    }
}

/// What moves in a drag, and where each stood at its begin.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Moved {
    /// Nodes.
    pub nodes: Vec<(usize, Rect)>,
    /// Frames.
    pub frames: Vec<(usize, Rect)>,
    /// Bends of wires: the wire, which of its bends, the place.
    pub bends: Vec<(usize, usize, Pos2)>,
}

/// The number of a wire's id, by which the ports of a node that names them by its wires are
/// sorted.
fn number(id: &EdgeId) -> u64 {
    let digits = id.as_str().strip_prefix('e');
    digits
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(u64::MAX)
}

/// The input ports of a node, its wires being sorted by number.
/// What the kind of a node is called.
fn kind_title(node: &Node, kind: Option<&dyn NodeKind>) -> String {
    kind.map_or_else(
        || format!("Unknown kind {}", node.kind),
        |kind| kind.spec().title.to_string(),
    )
}

fn ports(inputs: Option<Inputs>, wires: &[(String, usize, u64)]) -> Vec<InputPort> {
    let port = |name: &str| InputPort {
        name: name.to_string(),
        ..InputPort::default()
    };
    let named = || {
        let mut names: Vec<InputPort> = Vec::new();
        for (name, _, _) in wires {
            if !names.iter().any(|known| known.name == *name) {
                names.push(InputPort {
                    named: true,
                    ..port(name)
                });
            }
        }
        names
    };
    match inputs {
        None => named(),
        Some(Inputs::None) => Vec::new(),
        Some(Inputs::Fixed(specs)) => specs.iter().map(|spec| port(spec.name)).collect(),
        Some(Inputs::Many(spec)) => vec![InputPort {
            many: true,
            ..port(spec.name)
        }],
        Some(Inputs::Named) => {
            let mut names = named();
            names.push(InputPort {
                free: true,
                named: true,
                ..InputPort::default()
            });
            names
        }
    }
}

#[cfg(test)]
mod tests {
    use millstream_compiler::document::{Command, Layout, Pipeline, Position};

    use super::*;
    use crate::editor::Action;

    /// What is drawn of each node, and where.
    fn faces(scene: &Scene) -> Vec<String> {
        let nodes = scene.nodes.iter();
        nodes
            .map(|node| {
                format!(
                    "{} {:?} {:?} {} {:?} {:?}",
                    node.id, node.title, node.summary, node.muted, node.rect, node.inputs
                )
            })
            .collect()
    }

    #[test]
    fn a_change_within_a_node_is_taken_in_and_every_other_one_laid_out_anew() {
        let text = "version = 1\nname = \"p\"\n[nodes.a]\nkind = \"datagen\"\n[nodes.f]\nkind = \"filter\"\n[edges]\ne1 = { from = \"a\", to = \"f\" }\n";
        let pipeline = Pipeline::from_toml(text).expect("right").pipeline;
        let document = arrange::place_all(Document::new(pipeline, Layout::default()));
        let mut editor = Editor::new(document, None);
        let mut scene = Scene::default();
        scene.refresh(&editor);
        let node = || NodeId::new("f").expect("an id");
        let set = |text: &str| Command::SetParameter {
            node: node(),
            parameter: "condition".into(),
            value: text.into(),
        };
        let moved = vec![(node(), Position::new(800, 80))];
        // Each with whether it is within nodes.
        let edits = [
            (set("id > 1"), true),
            (set("id > 2"), true),
            (Command::MoveNodes { positions: moved }, false),
            (
                Command::RenameNode {
                    node: node(),
                    to: NodeId::new("g").expect("an id"),
                },
                false,
            ),
        ];
        for (command, within) in edits {
            let before = scene.version;
            editor.apply(Action::Edit(command));
            scene.refresh(&editor);
            assert_eq!(scene.version == before, within);
            let mut anew = Scene::default();
            anew.refresh(&editor);
            assert_eq!(faces(&scene), faces(&anew));
        }
        // What was moved by hand comes back, though the document did not move.
        let moved = Moved {
            nodes: vec![(0, scene.nodes[0].rect)],
            ..Moved::default()
        };
        scene.place(&moved, Vec2::splat(50.0));
        scene.invalidate();
        scene.refresh(&editor);
        let mut anew = Scene::default();
        anew.refresh(&editor);
        assert_eq!(faces(&scene), faces(&anew));
    }
}
