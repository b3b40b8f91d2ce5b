//! Where nodes stand: their size, the bounds of several, and the layouts that a person asks for.
//!
//! Everything here is arithmetic on a document; nothing paints.

use std::collections::{BTreeMap, BTreeSet};

use egui::{Pos2, Rect, Vec2};
use millstream_compiler::document::{
    Command, Document, NodeId, Pipeline, Position, topological_order,
};
use millstream_compiler::nodes::{self, Inputs};

use crate::command::UiCommand;
use crate::editor::{point, position};

/// The width of every node, in units of the canvas.
pub const NODE_WIDTH: f32 = 184.0;
/// The height of a node's heading.
pub const HEAD: f32 = 30.0;
/// The room that one port takes.
pub const PORT_ROOM: f32 = 22.0;
/// The least height below the heading: a line of summary and a line of figures.
pub const BODY: f32 = 48.0;
/// The room for wires between nodes that stand beside one another.
pub const GAP_X: f32 = 96.0;
/// The room between nodes that stand below one another.
const GAP_Y: f32 = 40.0;
/// What positions are rounded to.
pub const GRID: f32 = 8.0;

/// The input ports of a node as they are drawn, from top to bottom.
///
/// A node that takes any number of named inputs has one free port below those in use.
pub fn input_ports(pipeline: &Pipeline, node: &NodeId) -> Vec<InputPort> {
    let named = |port: String| InputPort {
        name: port,
        ..InputPort::default()
    };
    let Some(kind) = pipeline
        .node(node.as_str())
        .and_then(|node| nodes::find(&node.kind))
    else {
        // Of a kind that is not known, the ports are those that wires end at.
        let mut ports: Vec<String> = pipeline
            .inputs_of(node.as_str())
            .into_iter()
            .map(|(port, _, _)| port)
            .collect();
        ports.dedup();
        return ports.into_iter().map(named).collect();
    };
    match kind.spec().inputs {
        Inputs::None => vec![],
        Inputs::Fixed(ports) => ports
            .iter()
            .map(|port| named(port.name.to_string()))
            .collect(),
        Inputs::Many(port) => vec![named(port.name.to_string())],
        Inputs::Named => {
            let mut ports: Vec<InputPort> = pipeline
                .inputs_of(node.as_str())
                .into_iter()
                .map(|(port, _, _)| named(port))
                .collect();
            ports.dedup();
            ports.push(InputPort {
                free: true,
                ..InputPort::default()
            });
            ports
        }
    }
}

/// An input port as it is drawn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputPort {
    /// Its name; empty for the free one.
    pub name: String,
    /// Whether it stands for "one more input".
    pub free: bool,
    /// Whether any number of wires may end at it.
    pub many: bool,
    /// Whether it is called as the wire that ends at it says.
    pub named: bool,
}

/// Whether rows come out of a node. Of an unknown kind they do.
pub fn has_output(pipeline: &Pipeline, node: &NodeId) -> bool {
    pipeline
        .node(node.as_str())
        .and_then(|node| nodes::find(&node.kind))
        .is_none_or(|kind| kind.spec().has_output)
}

/// The size of a node.
pub fn node_size(pipeline: &Pipeline, node: &NodeId) -> Vec2 {
    Vec2::new(NODE_WIDTH, node_height(input_ports(pipeline, node).len()))
}

/// The height of a node with so many input ports.
pub fn node_height(ports: usize) -> f32 {
    HEAD + BODY.max(ports as f32 * PORT_ROOM + 8.0)
}

/// Where a node is; `None` if it does not exist.
pub fn node_rect(document: &Document, node: &NodeId) -> Option<Rect> {
    document.pipeline().node(node.as_str())?;
    let place = document.layout().position(node.as_str())?;
    Some(Rect::from_min_size(
        point(place),
        node_size(document.pipeline(), node),
    ))
}

/// Where the `index`th of `count` input ports is on a node.
pub fn input_point(node: Rect, index: usize, count: usize) -> Pos2 {
    let body = node.height() - HEAD;
    let y = node.top() + HEAD + body * (index as f32 + 0.5) / count.max(1) as f32;
    Pos2::new(node.left(), y)
}

/// Where the output port is on a node.
pub fn output_point(node: Rect) -> Pos2 {
    Pos2::new(
        node.right(),
        node.top() + HEAD + (node.height() - HEAD) / 2.0,
    )
}

/// The bounds of some nodes, or of all nodes and frames; `None` where there are none.
pub fn bounds(document: &Document, nodes: Option<&[NodeId]>) -> Option<Rect> {
    let mut found: Option<Rect> = None;
    let mut add = |rect: Rect| found = Some(found.map_or(rect, |all| all.union(rect)));
    match nodes {
        Some(nodes) => {
            for node in nodes {
                if let Some(rect) = node_rect(document, node) {
                    add(rect);
                }
            }
        }
        None => {
            for (id, _) in document.pipeline().nodes() {
                if let Some(rect) = node_rect(document, id) {
                    add(rect);
                }
            }
            for (_, frame) in document.layout().frames() {
                let size = Vec2::new(frame.width as f32, frame.height as f32);
                add(Rect::from_min_size(point(frame.position), size));
            }
        }
    }
    found
}

/// The place nearest to a wanted corner where a node of this size covers none of `taken`, found
/// within `visible` if there is one.
pub fn free_corner(taken: &[Rect], wanted: Pos2, size: Vec2, visible: Rect) -> Pos2 {
    let free = |corner: &Pos2| {
        let rect = Rect::from_min_size(*corner, size).expand(2.0 * GRID);
        !taken.iter().any(|other| other.intersects(rect))
    };
    let seen = |corner: &Pos2| visible.contains_rect(Rect::from_min_size(*corner, size));
    // Rings around the wanted place: the first ring that has a free place has the nearest ones.
    let step = 4.0 * GRID;
    let mut outside = None;
    for ring in 0..40_i32 {
        let corners = (-ring..=ring)
            .flat_map(|x| (-ring..=ring).map(move |y| (x, y)))
            .filter(|(x, y)| x.abs().max(y.abs()) == ring)
            .map(|(x, y)| wanted + Vec2::new(x as f32, y as f32) * step)
            .filter(free);
        let nearest = |corners: Vec<Pos2>| {
            let by = |a: &Pos2, b: &Pos2| a.distance(wanted).total_cmp(&b.distance(wanted));
            corners.into_iter().min_by(by)
        };
        let corners: Vec<Pos2> = corners.collect();
        if let Some(corner) = nearest(corners.iter().copied().filter(seen).collect()) {
            return corner;
        }
        outside = outside.or_else(|| nearest(corners));
    }
    outside.unwrap_or(wanted)
}

/// The document with a place for every node that stands nowhere: where none has one, the layered
/// layout; otherwise to the right of what feeds it, where nothing else stands.
pub fn place_all(document: Document) -> Document {
    let homeless: Vec<NodeId> = document
        .pipeline()
        .nodes()
        .map(|(id, _)| id)
        .filter(|id| document.layout().position(id.as_str()).is_none())
        .cloned()
        .collect();
    if homeless.is_empty() {
        return document;
    }
    let all = homeless.len() == document.pipeline().nodes().len();
    let positions = match all {
        true => layered(&document, None),
        false => beside_what_feeds(&document, homeless),
    };
    match document.apply(&Command::MoveNodes { positions }) {
        Ok(applied) => applied.document,
        Err(_) => document,
    }
}

fn beside_what_feeds(document: &Document, homeless: Vec<NodeId>) -> Vec<(NodeId, Position)> {
    let pipeline = document.pipeline();
    let mut taken: Vec<Rect> = pipeline
        .nodes()
        .filter_map(|(id, _)| node_rect(document, id))
        .collect();
    let mut placed: BTreeMap<NodeId, Rect> = BTreeMap::new();
    let order = topological_order(pipeline);
    let mut homeless: Vec<NodeId> = homeless;
    homeless.sort_by_key(|id| order.iter().position(|other| *other == id));
    let origin = bounds(document, None).map_or(Pos2::ZERO, |all| all.left_bottom());
    for id in homeless {
        let feeding = pipeline
            .inputs_of(id.as_str())
            .into_iter()
            .find_map(|(_, _, edge)| {
                let from = &edge.from.node;
                placed
                    .get(from)
                    .copied()
                    .or_else(|| node_rect(document, from))
            });
        let corner = match feeding {
            Some(rect) => Pos2::new(rect.right() + GAP_X, rect.top()),
            None => origin + Vec2::new(0.0, GAP_Y),
        };
        let mut rect = Rect::from_min_size(corner, node_size(pipeline, &id));
        while let Some(other) = taken
            .iter()
            .find(|other| other.intersects(rect.expand(GRID)))
        {
            rect = rect.translate(Vec2::new(0.0, other.bottom() + GAP_Y - rect.top()));
        }
        taken.push(rect);
        placed.insert(id, rect);
    }
    placed
        .into_iter()
        .map(|(id, rect)| (id, snapped(rect.min)))
        .collect()
}

/// A point on the grid.
pub fn snapped(point: Pos2) -> Position {
    let snap = |value: f32| (value / GRID).round() * GRID;
    position(Pos2::new(snap(point.x), snap(point.y)))
}

/// Layers from left to right: a node stands one layer behind the last that feeds it; within a
/// layer, nodes stand in the order that crosses the fewest wires, near what they are wired to.
///
/// With `chosen`, only these move, and their top left corner stays.
pub fn layered(document: &Document, chosen: Option<&[NodeId]>) -> Vec<(NodeId, Position)> {
    let pipeline = document.pipeline();
    let chosen: BTreeSet<NodeId> = match chosen {
        Some(nodes) => nodes.iter().cloned().collect(),
        None => pipeline.nodes().map(|(id, _)| id.clone()).collect(),
    };
    let corner = match chosen.len() == pipeline.nodes().len() {
        true => Pos2::ZERO,
        false => {
            let nodes: Vec<NodeId> = chosen.iter().cloned().collect();
            bounds(document, Some(&nodes)).map_or(Pos2::ZERO, |all| all.min)
        }
    };
    let wires = Wires::within(pipeline, &chosen);
    let mut layers = wires.layers(pipeline, &chosen);
    wires.uncross(&mut layers);
    let mut tops = wires.straighten(pipeline, &layers);
    let highest = tops.values().copied().fold(f32::INFINITY, f32::min);
    let mut positions = Vec::new();
    for (column, layer) in layers.iter().enumerate() {
        let x = corner.x + column as f32 * (NODE_WIDTH + GAP_X);
        for id in layer {
            let y = corner.y + tops.remove(id).unwrap_or(highest) - highest;
            positions.push((id.clone(), snapped(Pos2::new(x, y))));
        }
    }
    positions
}

/// The wires among some nodes.
struct Wires {
    /// What feeds a node, with the share of its height at which the port is.
    into: BTreeMap<NodeId, Vec<(NodeId, f32)>>,
    /// What a node feeds.
    out_of: BTreeMap<NodeId, Vec<(NodeId, f32)>>,
}

impl Wires {
    fn within(pipeline: &Pipeline, chosen: &BTreeSet<NodeId>) -> Self {
        let mut wires = Self {
            into: BTreeMap::new(),
            out_of: BTreeMap::new(),
        };
        for (_, edge) in pipeline.edges() {
            let (from, to) = (&edge.from.node, &edge.to.node);
            if !chosen.contains(from) || !chosen.contains(to) {
                continue;
            }
            let ports = input_ports(pipeline, to);
            let port = pipeline.input_port(edge);
            let index = ports.iter().position(|p| p.name == port).unwrap_or(0);
            let share = (index as f32 + 0.5) / ports.len().max(1) as f32;
            wires
                .into
                .entry(to.clone())
                .or_default()
                .push((from.clone(), share));
            wires
                .out_of
                .entry(from.clone())
                .or_default()
                .push((to.clone(), share));
        }
        wires
    }

    /// The longest way decides the layer; sources are pulled right, next to what they feed.
    fn layers(&self, pipeline: &Pipeline, chosen: &BTreeSet<NodeId>) -> Vec<Vec<NodeId>> {
        let order: Vec<NodeId> = topological_order(pipeline)
            .into_iter()
            .filter(|id| chosen.contains(*id))
            .cloned()
            .collect();
        let mut layer: BTreeMap<&NodeId, usize> = BTreeMap::new();
        for id in &order {
            let behind = (self.into.get(id).into_iter().flatten())
                .filter_map(|(from, _)| layer.get(from))
                .max()
                .map_or(0, |last| last + 1);
            layer.insert(id, behind);
        }
        for id in order.iter().rev() {
            if self.into.contains_key(id) {
                continue;
            }
            let next = (self.out_of.get(id).into_iter().flatten())
                .filter_map(|(to, _)| layer.get(to))
                .min()
                .copied();
            if let Some(next) = next {
                layer.insert(id, next.saturating_sub(1));
            }
        }
        let count = layer.values().max().map_or(0, |last| last + 1);
        let mut layers = vec![Vec::new(); count];
        for id in &order {
            layers[layer[id]].push(id.clone());
        }
        layers
    }

    /// Sweeps to and fro, ordering each layer by the mean place of its neighbours.
    fn uncross(&self, layers: &mut [Vec<NodeId>]) {
        let mut best = (self.crossings(layers), layers.to_vec());
        for sweep in 0..8 {
            let forward = sweep % 2 == 0;
            let neighbours = if forward { &self.into } else { &self.out_of };
            let mut place: BTreeMap<NodeId, f32> = BTreeMap::new();
            let indices: Vec<usize> = match forward {
                true => (0..layers.len()).collect(),
                false => (0..layers.len()).rev().collect(),
            };
            for index in indices {
                let layer = &mut layers[index];
                let mut keyed: Vec<(f32, NodeId)> = layer
                    .drain(..)
                    .enumerate()
                    .map(|(own, id)| {
                        let found: Vec<f32> = (neighbours.get(&id).into_iter().flatten())
                            .filter_map(|(other, share)| Some(place.get(other)? + 0.1 * share))
                            .collect();
                        let mean = match found.is_empty() {
                            true => own as f32,
                            false => found.iter().sum::<f32>() / found.len() as f32,
                        };
                        (mean, id)
                    })
                    .collect();
                keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
                *layer = keyed.into_iter().map(|(_, id)| id).collect();
                for (at, id) in layer.iter().enumerate() {
                    place.insert(id.clone(), at as f32);
                }
            }
            let crossings = self.crossings(layers);
            if crossings < best.0 {
                best = (crossings, layers.to_vec());
            }
        }
        layers.clone_from_slice(&best.1);
    }

    /// How many wires cross between neighbouring layers.
    fn crossings(&self, layers: &[Vec<NodeId>]) -> usize {
        let place: BTreeMap<&NodeId, (usize, usize)> = layers
            .iter()
            .enumerate()
            .flat_map(|(column, layer)| {
                layer
                    .iter()
                    .enumerate()
                    .map(move |(row, id)| (id, (column, row)))
            })
            .collect();
        let mut spans: BTreeMap<usize, Vec<(f32, f32)>> = BTreeMap::new();
        for (from, targets) in &self.out_of {
            for (to, share) in targets {
                let (Some((column, row)), Some((_, target))) = (place.get(from), place.get(to))
                else {
                    continue;
                };
                spans
                    .entry(*column)
                    .or_default()
                    .push((*row as f32, *target as f32 + share));
            }
        }
        let mut count = 0;
        for wires in spans.values() {
            for (index, a) in wires.iter().enumerate() {
                count += wires[index + 1..]
                    .iter()
                    .filter(|b| (a.0 - b.0) * (a.1 - b.1) < 0.0)
                    .count();
            }
        }
        count
    }

    /// The top of each node: as near as the order of the layer allows to where its wires are
    /// straight.
    fn straighten(&self, pipeline: &Pipeline, layers: &[Vec<NodeId>]) -> BTreeMap<NodeId, f32> {
        let height: BTreeMap<&NodeId, f32> = layers
            .iter()
            .flatten()
            .map(|id| (id, node_size(pipeline, id).y))
            .collect();
        let mut tops: BTreeMap<NodeId, f32> = BTreeMap::new();
        for layer in layers {
            let mut y = 0.0;
            for id in layer {
                tops.insert(id.clone(), y);
                y += height[id] + GAP_Y;
            }
        }
        let middle = |top: f32, height: f32, share: f32| top + HEAD + (height - HEAD) * share;
        for sweep in 0..6 {
            let forward = sweep % 2 == 0;
            let indices: Vec<usize> = match forward {
                true => (0..layers.len()).collect(),
                false => (0..layers.len()).rev().collect(),
            };
            for index in indices {
                let wanted: Vec<f32> = layers[index]
                    .iter()
                    .map(|id| {
                        let own = height[id];
                        let goals: Vec<f32> = match forward {
                            true => (self.into.get(id).into_iter().flatten())
                                .map(|(from, share)| {
                                    middle(tops[from], height[from], 0.5)
                                        - HEAD
                                        - (own - HEAD) * share
                                })
                                .collect(),
                            false => (self.out_of.get(id).into_iter().flatten())
                                .map(|(to, share)| {
                                    middle(tops[to], height[to], *share) - HEAD - (own - HEAD) * 0.5
                                })
                                .collect(),
                        };
                        match goals.is_empty() {
                            true => tops[id],
                            false => goals.iter().sum::<f32>() / goals.len() as f32,
                        }
                    })
                    .collect();
                for (id, top) in layers[index].iter().zip(without_overlap(
                    &wanted,
                    &layers[index]
                        .iter()
                        .map(|id| height[id])
                        .collect::<Vec<_>>(),
                )) {
                    tops.insert(id.clone(), top);
                }
            }
        }
        tops
    }
}

/// Tops as near to the wanted ones as can be (least squares) with gaps between and in this order.
fn without_overlap(wanted: &[f32], heights: &[f32]) -> Vec<f32> {
    // Blocks of nodes that touch; each stands at the mean of what its nodes want.
    let mut offsets = Vec::with_capacity(wanted.len());
    let mut offset = 0.0;
    for height in heights {
        offsets.push(offset);
        offset += height + GAP_Y;
    }
    let mut blocks: Vec<(f32, usize)> = Vec::new();
    for (top, offset) in wanted.iter().zip(&offsets) {
        blocks.push((top - offset, 1));
        while let [.., (before, many), (after, few)] = blocks.as_slice()
            && before > after
        {
            let (many, few) = (*many, *few);
            let mean = (before * many as f32 + after * few as f32) / (many + few) as f32;
            blocks.pop();
            blocks.pop();
            blocks.push((mean, many + few));
        }
    }
    let mut tops = Vec::with_capacity(wanted.len());
    for (mean, count) in blocks {
        for _ in 0..count {
            tops.push(mean + offsets[tops.len()]);
        }
    }
    tops
}

/// Some nodes put in line, or at even gaps.
pub fn aligned(document: &Document, nodes: &[NodeId], how: UiCommand) -> Vec<(NodeId, Position)> {
    let mut rects: Vec<(NodeId, Rect)> = nodes
        .iter()
        .filter_map(|id| Some((id.clone(), node_rect(document, id)?)))
        .collect();
    let Some(all) = bounds(document, Some(nodes)) else {
        return vec![];
    };
    let horizontal = how == UiCommand::DistributeHorizontally;
    match how {
        UiCommand::AlignLeft => {
            for (_, rect) in &mut rects {
                *rect = rect.translate(Vec2::new(all.left() - rect.left(), 0.0));
            }
        }
        UiCommand::AlignRight => {
            for (_, rect) in &mut rects {
                *rect = rect.translate(Vec2::new(all.right() - rect.right(), 0.0));
            }
        }
        UiCommand::AlignTop => {
            for (_, rect) in &mut rects {
                *rect = rect.translate(Vec2::new(0.0, all.top() - rect.top()));
            }
        }
        UiCommand::AlignPorts => {
            let port = |rect: &Rect| output_point(*rect).y;
            let mean = rects.iter().map(|(_, rect)| port(rect)).sum::<f32>() / rects.len() as f32;
            for (_, rect) in &mut rects {
                *rect = rect.translate(Vec2::new(0.0, mean - port(rect)));
            }
        }
        UiCommand::AlignBottom => {
            for (_, rect) in &mut rects {
                *rect = rect.translate(Vec2::new(0.0, all.bottom() - rect.bottom()));
            }
        }
        _ => {
            let start = |rect: &Rect| if horizontal { rect.left() } else { rect.top() };
            let length = |rect: &Rect| {
                if horizontal {
                    rect.width()
                } else {
                    rect.height()
                }
            };
            rects.sort_by(|a, b| start(&a.1).total_cmp(&start(&b.1)));
            let filled: f32 = rects.iter().map(|(_, rect)| length(rect)).sum();
            let gaps = (rects.len().max(2) - 1) as f32;
            let gap = (length(&all) - filled) / gaps;
            let mut at = start(&all);
            for (_, rect) in &mut rects {
                let by = at - start(rect);
                at += length(rect) + gap;
                *rect = rect.translate(match horizontal {
                    true => Vec2::new(by, 0.0),
                    false => Vec2::new(0.0, by),
                });
            }
        }
    }
    rects
        .into_iter()
        .map(|(id, rect)| (id, position(rect.min)))
        .collect()
}

#[cfg(test)]
mod tests {
    use millstream_compiler::document::Layout;

    use super::*;

    fn document(edges: &[(&str, &str)], lone: &[&str]) -> Document {
        let mut text = String::from("version = 1\nname = \"p\"\n");
        let mut names: BTreeSet<&str> = lone.iter().copied().collect();
        for (from, to) in edges {
            names.extend([from, to]);
        }
        for name in names {
            text += &format!("[nodes.{name}]\nkind = \"sql\"\nquery = \"SELECT 1\"\n");
        }
        text += "[edges]\n";
        for (index, (from, to)) in edges.iter().enumerate() {
            text += &format!("e{index} = {{ from = \"{from}\", to = \"{to}\" }}\n");
        }
        let loaded = Pipeline::from_toml(&text).expect("a test's pipeline is right");
        place_all(Document::new(loaded.pipeline, Layout::default()))
    }

    fn rect(document: &Document, id: &str) -> Rect {
        node_rect(document, &NodeId::slug(id)).expect("the node exists")
    }

    #[test]
    fn wires_lead_to_the_right_and_nothing_overlaps() {
        let document = document(
            &[
                ("a", "b"),
                ("a", "c"),
                ("b", "d"),
                ("c", "d"),
                ("e", "d"),
                ("d", "f"),
            ],
            &["lone"],
        );
        for (_, edge) in document.pipeline().edges() {
            let from = rect(&document, edge.from.node.as_str());
            let to = rect(&document, edge.to.node.as_str());
            assert!(from.right() < to.left());
        }
        let nodes: Vec<&NodeId> = document.pipeline().nodes().map(|(id, _)| id).collect();
        for (index, a) in nodes.iter().enumerate() {
            for b in &nodes[index + 1..] {
                let (one, other) = (rect(&document, a.as_str()), rect(&document, b.as_str()));
                assert!(!one.intersects(other), "{a} {b}");
            }
        }
    }

    #[test]
    fn a_chain_is_straight() {
        let document = document(&[("a", "b"), ("b", "c")], &[]);
        let (a, b, c) = (
            rect(&document, "a"),
            rect(&document, "b"),
            rect(&document, "c"),
        );
        // The port of a node with one wire and one free port is a little higher than the middle.
        assert!((a.top() - b.top()).abs() <= 16.0 && (b.top() - c.top()).abs() <= 16.0);
        assert!(a.left() < b.left() && b.left() < c.left());
    }

    #[test]
    fn wires_that_need_not_cross_do_not() {
        // Written so that the order by name would cross all of them.
        let edges = [
            ("a", "z"),
            ("b", "y"),
            ("c", "x"),
            ("z", "z2"),
            ("y", "y2"),
            ("x", "x2"),
        ];
        let document = document(&edges, &[]);
        let top = |id: &str| rect(&document, id).top();
        assert_eq!(top("a") < top("b"), top("z") < top("y"));
        assert_eq!(top("b") < top("c"), top("y") < top("x"));
    }

    #[test]
    fn overlap_is_resolved_around_the_wanted_places() {
        let tops = without_overlap(&[10.0, 10.0, 500.0], &[100.0, 100.0, 100.0]);
        assert_eq!(tops[1] - tops[0], 100.0 + GAP_Y);
        assert_eq!((tops[0] + tops[1]) / 2.0, 10.0);
        assert_eq!(tops[2], 500.0);
    }

    #[test]
    fn gaps_are_evened_out() {
        let document = document(&[], &["a", "b", "c"]);
        let ids: Vec<NodeId> = ["a", "b", "c"].map(NodeId::slug).to_vec();
        let spread = Command::MoveNodes {
            positions: vec![
                (ids[0].clone(), Position::new(0, 0)),
                (ids[1].clone(), Position::new(10, 90)),
                (ids[2].clone(), Position::new(30, 600)),
            ],
        };
        let document = document.apply(&spread).expect("the nodes exist").document;
        let moved = aligned(&document, &ids, UiCommand::DistributeVertically);
        let y: Vec<i32> = moved.iter().map(|(_, place)| place.y).collect();
        assert_eq!(y[0], 0);
        assert_eq!(y[2], 600);
        assert!((y[1] - 300).abs() <= 1, "{y:?}");
        let left = aligned(&document, &ids, UiCommand::AlignLeft);
        assert!(left.iter().all(|(_, place)| place.x == 0));
        let right = aligned(&document, &ids, UiCommand::AlignRight);
        assert!(right.iter().all(|(_, place)| place.x == 30));
        let bottom = aligned(&document, &ids, UiCommand::AlignBottom);
        assert!(bottom.iter().all(|(_, place)| place.y == 600));
        let ports = aligned(&document, &ids, UiCommand::AlignPorts);
        assert!(ports.iter().all(|(_, place)| place.y == 230), "{ports:?}");
    }

    #[test]
    fn a_free_place_is_near_and_seen() {
        let size = Vec2::new(100.0, 50.0);
        let visible = Rect::from_min_size(Pos2::ZERO, Vec2::new(400.0, 400.0));
        let wanted = Pos2::new(280.0, 100.0);
        assert_eq!(free_corner(&[], wanted, size, visible), wanted);
        let mut taken = vec![Rect::from_min_size(wanted, size)];
        for _ in 0..5 {
            let corner = free_corner(&taken, wanted, size, visible);
            let rect = Rect::from_min_size(corner, size);
            assert!(visible.contains_rect(rect), "{rect:?}");
            assert!(
                taken.iter().all(|other| !other.intersects(rect)),
                "{rect:?}"
            );
            taken.push(rect);
        }
        // Where all that is seen is taken, it stands outside.
        let all = [visible];
        let corner = free_corner(&all, wanted, size, visible);
        assert!(!visible.intersects(Rect::from_min_size(corner, size)));
    }
}
