//! Writing `pipeline.toml`: canonical, sorted, one line a change.
//!
//! Nodes are sorted by id and edges by number. A node's keys stand in the order of its kind's
//! parameters, those that are tables under headers of their own at the end, as TOML wants it.

use std::fmt::Write as _;

use super::pipeline::Comments;
use super::value::{Entries, Value, write_key};
use super::{Comment, Document, Edge, EdgeId, Node, NodeId, Pipeline, migrate};
use crate::nodes;

impl Pipeline {
    /// The text of `pipeline.toml`. Equal pipelines give equal texts.
    pub fn to_toml(&self) -> String {
        let mut writer = Writer {
            out: String::new(),
            comments: &self.comments,
        };
        writer.entry(&["version"], &migrate::CURRENT_VERSION.into());
        writer.entry(&["name"], &self.name.as_str().into());
        if let Some(description) = &self.description {
            writer.entry(&["description"], &description.as_str().into());
        }
        let (tables, scalars): (Vec<_>, Vec<_>) = self
            .unknown
            .iter()
            .partition(|(_, value)| matches!(value, Value::Table(_)));
        for (key, value) in scalars {
            writer.entry(&[key], value);
        }
        let has_comment = |section: &str| self.comments.contains_key(&vec![section.to_string()]);
        if !self.settings.is_empty() || has_comment("settings") {
            writer.header(&["settings"]);
            for (key, value) in self.settings.iter() {
                writer.entry(&["settings", key], &value.as_str().into());
            }
        }
        for (id, node) in self.nodes() {
            writer.node(id, node);
        }
        if !self.edges.is_empty() || has_comment("edges") {
            writer.header(&["edges"]);
            for (id, edge) in sorted_edges(self.edges()) {
                writer.entry(&["edges", id.as_str()], &edge_value(edge));
            }
        }
        for (key, value) in tables {
            if let Value::Table(entries) = value {
                writer.table(&[key], entries);
            }
        }
        if let Some(end) = self.comments.get(&Vec::new()) {
            writer.out.push('\n');
            end.write_before(&mut writer.out);
        }
        writer.out
    }
}

/// Copies nodes, the edges between them and their places, as text that [`super::Command::Paste`]
/// takes. Nodes that do not exist are left out.
pub fn fragment_to_toml(document: &Document, nodes: &[NodeId]) -> String {
    let comments = Comments::new();
    let mut writer = Writer {
        out: String::new(),
        comments: &comments,
    };
    let pipeline = &document.pipeline;
    let chosen = |id: &NodeId| nodes.contains(id);
    for (id, node) in pipeline.nodes().filter(|(id, _)| chosen(id)) {
        writer.node(id, node);
    }
    let inner: Vec<_> = pipeline
        .edges()
        .filter(|(_, edge)| chosen(&edge.from.node) && chosen(&edge.to.node))
        .collect();
    if !inner.is_empty() {
        writer.header(&["edges"]);
        for (id, edge) in sorted_edges(inner.into_iter()) {
            writer.entry(&["edges", id.as_str()], &edge_value(edge));
        }
    }
    let mut placed = Vec::new();
    for (id, _) in pipeline.nodes().filter(|(id, _)| chosen(id)) {
        let mut place = Entries::new();
        if let Some(position) = document.layout.position(id.as_str()) {
            place.insert("x", i64::from(position.x));
            place.insert("y", i64::from(position.y));
        }
        if let Some(colour) = document.layout.colour_of(id.as_str()) {
            place.insert("colour", colour.to_string());
        }
        if !place.is_empty() {
            placed.push((id, place));
        }
    }
    if !placed.is_empty() {
        writer.header(&["layout"]);
        for (id, place) in placed {
            writer.entry(&["layout", id.as_str()], &place.into());
        }
    }
    writer.out
}

fn sorted_edges<'a>(
    edges: impl Iterator<Item = (&'a EdgeId, &'a Edge)>,
) -> Vec<(&'a EdgeId, &'a Edge)> {
    let mut edges: Vec<_> = edges.collect();
    edges.sort_by_key(|(id, _)| (id.number().unwrap_or(u64::MAX), id.as_str()));
    edges
}

fn edge_value(edge: &Edge) -> Value {
    let mut entries = Entries::new()
        .with("from", edge.from.to_string())
        .with("to", edge.to.to_string());
    for (key, value) in edge.unknown.iter() {
        entries.insert(key, value.clone());
    }
    entries.into()
}

struct Writer<'a> {
    out: String,
    comments: &'a Comments,
}

impl Writer<'_> {
    fn comment(&self, path: &[&str]) -> Comment {
        let path: Vec<String> = path.iter().map(|part| (*part).to_string()).collect();
        self.comments.get(&path).cloned().unwrap_or_default()
    }

    /// `key = value`, where the key is the last part of the path.
    fn entry(&mut self, path: &[&str], value: &Value) {
        let comment = self.comment(path);
        comment.write_before(&mut self.out);
        if let Some(key) = path.last() {
            write_key(&mut self.out, key);
        }
        let _ = write!(self.out, " = {value}");
        comment.write_after(&mut self.out);
        self.out.push('\n');
    }

    /// `[a.b]` after a blank line.
    fn header(&mut self, path: &[&str]) {
        let comment = self.comment(path);
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        comment.write_before(&mut self.out);
        self.out.push('[');
        for (i, part) in path.iter().enumerate() {
            if i > 0 {
                self.out.push('.');
            }
            write_key(&mut self.out, part);
        }
        self.out.push(']');
        comment.write_after(&mut self.out);
        self.out.push('\n');
    }

    /// A table under its own header. Tables inside it are written inline.
    fn table(&mut self, path: &[&str], entries: &Entries) {
        self.header(path);
        for (key, value) in entries.iter() {
            let mut path = path.to_vec();
            path.push(key);
            self.entry(&path, value);
        }
    }

    fn node(&mut self, id: &NodeId, node: &Node) {
        let id = id.as_str();
        self.header(&["nodes", id]);
        self.entry(&["nodes", id, "kind"], &node.kind.as_str().into());
        if let Some(title) = &node.title {
            self.entry(&["nodes", id, "title"], &title.as_str().into());
        }
        if let Some(comment) = &node.comment {
            self.entry(&["nodes", id, "comment"], &comment.as_str().into());
        }
        if node.muted {
            self.entry(&["nodes", id, "muted"], &true.into());
        }
        let known = nodes::find(&node.kind).map_or(&[][..], |kind| kind.spec().parameters);
        let mut parameters: Vec<(&String, &Value)> = node.parameters.iter().collect();
        parameters.sort_by_key(|(name, _)| {
            (
                known
                    .iter()
                    .position(|spec| spec.name == **name)
                    .unwrap_or(known.len()),
                *name,
            )
        });
        for (name, value) in &parameters {
            if !matches!(value, Value::Table(_)) {
                self.entry(&["nodes", id, name], value);
            }
        }
        for (name, value) in &parameters {
            if let Value::Table(entries) = value {
                self.table(&["nodes", id, name], entries);
            }
        }
    }
}
