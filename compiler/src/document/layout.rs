//! Where things stand on the canvas: `pipeline.layout.toml`.
//!
//! ```toml
//! version = 1
//!
//! [nodes]
//! alerts = { x = 1040, y = 80 }
//! transactions = { x = 40, y = 80, colour = "#5aa2ea" }
//!
//! [frames]
//! features = { title = "Features", x = 240, y = 20, width = 620, height = 240 }
//!
//! [edges]                             # the points that an edge bends through
//! e3 = [[420, 160], [480, 160]]
//! ```
//!
//! Nothing in it has a meaning for the SQL; a missing or unreadable layout costs only places.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::ops::{Add, Sub};
use std::sync::Arc;

use super::value::{Entries, Value, write_key};
use super::{EdgeId, FrameId, NodeId, Pipeline};
use crate::diagnostics::{Diagnostic, Span};

/// A point on the canvas, in units of the canvas: one pixel at zoom 1. Grows right and down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// To the right.
    pub x: i32,
    /// Down.
    pub y: i32,
}

impl Position {
    /// A point.
    pub const fn new(x: i32, y: i32) -> Self {
        Self { x, y }
    }
}

impl Add for Position {
    type Output = Position;

    fn add(self, other: Position) -> Position {
        Position::new(
            self.x.saturating_add(other.x),
            self.y.saturating_add(other.y),
        )
    }
}

impl Sub for Position {
    type Output = Position;

    fn sub(self, other: Position) -> Position {
        Position::new(
            self.x.saturating_sub(other.x),
            self.y.saturating_sub(other.y),
        )
    }
}

/// A colour, written `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Colour {
    /// Red.
    pub red: u8,
    /// Green.
    pub green: u8,
    /// Blue.
    pub blue: u8,
}

impl Colour {
    /// Reads `#rrggbb`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let part = |i: usize| u8::from_str_radix(&digits[i..i + 2], 16).ok();
        Some(Self {
            red: part(0)?,
            green: part(2)?,
            blue: part(4)?,
        })
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

/// A titled rectangle behind nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its heading.
    pub title: String,
    /// Its top left corner.
    pub position: Position,
    /// Its width.
    pub width: i32,
    /// Its height.
    pub height: i32,
    /// Its colour, if it has one of its own.
    pub colour: Option<Colour>,
}

/// Positions, colours, frames and reroute points.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Layout {
    positions: Arc<BTreeMap<NodeId, Position>>,
    colours: Arc<BTreeMap<NodeId, Colour>>,
    frames: Arc<BTreeMap<FrameId, Frame>>,
    reroutes: Arc<BTreeMap<EdgeId, Vec<Position>>>,
}

impl Layout {
    /// Whether the other one is this one, unchanged: told without looking at what is in it. Two that
    /// are equal by chance may be told apart.
    pub(super) fn is_same(&self, other: &Layout) -> bool {
        Arc::ptr_eq(&self.positions, &other.positions)
            && Arc::ptr_eq(&self.colours, &other.colours)
            && Arc::ptr_eq(&self.frames, &other.frames)
            && Arc::ptr_eq(&self.reroutes, &other.reroutes)
    }

    /// Where a node stands.
    pub fn position(&self, node: &str) -> Option<Position> {
        self.positions.get(node).copied()
    }

    /// A node's own colour.
    pub fn colour_of(&self, node: &str) -> Option<Colour> {
        self.colours.get(node).copied()
    }

    /// All frames.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = (&FrameId, &Frame)> {
        self.frames.iter()
    }

    /// A frame.
    pub fn frame(&self, id: &str) -> Option<&Frame> {
        self.frames.get(id)
    }

    /// The points that an edge bends through.
    pub fn reroutes(&self, edge: &str) -> &[Position] {
        self.reroutes.get(edge).map_or(&[], Vec::as_slice)
    }

    /// The top left corner of all nodes.
    pub(super) fn corner(&self) -> Option<Position> {
        let x = self.positions.values().map(|place| place.x).min()?;
        let y = self.positions.values().map(|place| place.y).min()?;
        Some(Position::new(x, y))
    }

    pub(super) fn place(&mut self, node: NodeId, position: Position) {
        Arc::make_mut(&mut self.positions).insert(node, position);
    }

    pub(super) fn colour(&mut self, node: NodeId, colour: Option<Colour>) {
        let colours = Arc::make_mut(&mut self.colours);
        match colour {
            Some(colour) => colours.insert(node, colour),
            None => colours.remove(&node),
        };
    }

    pub(super) fn put_frame(&mut self, id: Option<FrameId>, frame: Frame) {
        let frames = Arc::make_mut(&mut self.frames);
        let id = id.or_else(|| {
            (1..)
                .map(FrameId::numbered)
                .find(|id| !frames.contains_key(id))
        });
        if let Some(id) = id {
            frames.insert(id, frame);
        }
    }

    pub(super) fn remove_frame(&mut self, id: &FrameId) {
        Arc::make_mut(&mut self.frames).remove(id);
    }

    pub(super) fn set_reroutes(&mut self, edge: EdgeId, points: Vec<Position>) {
        if points.is_empty() && !self.reroutes.contains_key(&edge) {
            return;
        }
        let reroutes = Arc::make_mut(&mut self.reroutes);
        if points.is_empty() {
            reroutes.remove(&edge);
        } else {
            reroutes.insert(edge, points);
        }
    }

    pub(super) fn rename(&mut self, node: &NodeId, to: &NodeId) {
        if let Some(place) = Arc::make_mut(&mut self.positions).remove(node) {
            self.place(to.clone(), place);
        }
        if let Some(colour) = Arc::make_mut(&mut self.colours).remove(node) {
            self.colour(to.clone(), Some(colour));
        }
    }

    pub(super) fn forget_node(&mut self, node: &NodeId) {
        Arc::make_mut(&mut self.positions).remove(node);
        Arc::make_mut(&mut self.colours).remove(node);
    }

    /// Drops the bends of edges that are gone.
    pub(super) fn forget_edges(&mut self, pipeline: &Pipeline) {
        if self
            .reroutes
            .keys()
            .any(|edge| pipeline.edge(edge.as_str()).is_none())
        {
            Arc::make_mut(&mut self.reroutes)
                .retain(|edge, _| pipeline.edge(edge.as_str()).is_some());
        }
    }

    /// This layout without what the pipeline does not have.
    pub(super) fn retain_known(mut self, pipeline: &Pipeline) -> Self {
        let known = |node: &NodeId| pipeline.node(node.as_str()).is_some();
        Arc::make_mut(&mut self.positions).retain(|node, _| known(node));
        Arc::make_mut(&mut self.colours).retain(|node, _| known(node));
        self.forget_edges(pipeline);
        self
    }

    /// The text of `pipeline.layout.toml`.
    pub fn to_toml(&self) -> String {
        let mut out = String::from("version = 1\n");
        let mut nodes: Vec<&NodeId> = self.positions.keys().chain(self.colours.keys()).collect();
        nodes.sort();
        nodes.dedup();
        if !nodes.is_empty() {
            out.push_str("\n[nodes]\n");
        }
        for node in nodes {
            let mut entries = Entries::new();
            if let Some(place) = self.positions.get(node) {
                entries.insert("x", i64::from(place.x));
                entries.insert("y", i64::from(place.y));
            }
            if let Some(colour) = self.colours.get(node) {
                entries.insert("colour", colour.to_string());
            }
            line(&mut out, node.as_str(), entries.into());
        }
        if !self.frames.is_empty() {
            out.push_str("\n[frames]\n");
        }
        for (id, frame) in self.frames.iter() {
            let mut entries = Entries::new()
                .with("title", frame.title.as_str())
                .with("x", i64::from(frame.position.x))
                .with("y", i64::from(frame.position.y))
                .with("width", i64::from(frame.width))
                .with("height", i64::from(frame.height));
            if let Some(colour) = frame.colour {
                entries.insert("colour", colour.to_string());
            }
            line(&mut out, id.as_str(), entries.into());
        }
        if !self.reroutes.is_empty() {
            out.push_str("\n[edges]\n");
        }
        for (id, points) in self.reroutes.iter() {
            let points: Vec<Vec<i64>> = points
                .iter()
                .map(|point| vec![point.x.into(), point.y.into()])
                .collect();
            let _ = write!(out, "{id} = ");
            let parts: Vec<String> = points
                .iter()
                .map(|point| Value::from(point.clone()).to_string())
                .collect();
            let _ = writeln!(out, "[{}]", parts.join(", "));
        }
        out
    }

    /// Reads `pipeline.layout.toml`. What cannot be read is left out with a warning; only a text
    /// that is no TOML at all is an error.
    pub fn from_toml(text: &str) -> Result<(Self, Vec<Diagnostic>), Diagnostic> {
        let parsed =
            toml_edit::Document::parse(text).map_err(|error| super::load::syntax_error(&error))?;
        let mut layout = Layout::default();
        let mut warnings = Vec::new();
        for (section, item) in parsed.iter() {
            if section == "version" {
                continue;
            }
            let span = item.span().map(|span| Span::new(span.start, span.end));
            let mut warn = |message: String| {
                let warning = Diagnostic::warning("layout/ignored", message)
                    .help("it is lost when the layout is saved");
                warnings.push(match span {
                    Some(span) => warning.at(span),
                    None => warning,
                });
            };
            let Some(table) = item.as_table_like() else {
                warn(format!("'{section}' of the layout is ignored"));
                continue;
            };
            for (key, item) in table.iter() {
                let known = Value::from_item(item)
                    .and_then(|value| layout.read_entry(section, key, &value));
                if known.is_none() {
                    warn(format!("'{section}.{key}' of the layout is ignored"));
                }
            }
        }
        Ok((layout, warnings))
    }

    pub(super) fn read_entry(&mut self, section: &str, key: &str, value: &Value) -> Option<()> {
        match section {
            "nodes" => {
                let node = NodeId::new(key).ok()?;
                let entries = value.as_table()?;
                if let (Some(x), Some(y)) = (entries.get("x"), entries.get("y")) {
                    self.place(node.clone(), Position::new(number(x)?, number(y)?));
                }
                if let Some(colour) = entries.get("colour") {
                    self.colour(node, Some(Colour::parse(colour.as_text()?)?));
                }
            }
            "frames" => {
                let id = FrameId::new(key).ok()?;
                let entries = value.as_table()?;
                let colour = match entries.get("colour") {
                    Some(colour) => Some(Colour::parse(colour.as_text()?)?),
                    None => None,
                };
                let frame = Frame {
                    title: entries.get("title")?.as_text()?.to_string(),
                    position: Position::new(number(entries.get("x")?)?, number(entries.get("y")?)?),
                    width: number(entries.get("width")?)?,
                    height: number(entries.get("height")?)?,
                    colour,
                };
                self.put_frame(Some(id), frame);
            }
            "edges" => {
                let id = EdgeId::new(key).ok()?;
                let points = value.as_list()?.iter().map(|point| match point.as_list()? {
                    [x, y] => Some(Position::new(number(x)?, number(y)?)),
                    _ => None,
                });
                self.set_reroutes(id, points.collect::<Option<Vec<_>>>()?);
            }
            _ => return None,
        }
        Some(())
    }
}

fn line(out: &mut String, key: &str, value: Value) {
    write_key(out, key);
    let _ = writeln!(out, " = {value}");
}

fn number(value: &Value) -> Option<i32> {
    match value {
        Value::Integer(n) => i32::try_from(*n).ok(),
        // Hand-written halves are welcome; a cast from float to int saturates.
        Value::Number(n) if n.is_finite() => Some(n.round() as i32),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r##"version = 1

[nodes]
alerts = { x = 1040, y = -80 }
transactions = { x = 40, y = 80, colour = "#5aa2ea" }

[frames]
features = { title = "Features", x = 240, y = 20, width = 620, height = 240 }

[edges]
e3 = [[420, 160], [480, 160]]
"##;

    #[test]
    fn a_layout_is_read_and_written_the_same() {
        let (layout, warnings) = Layout::from_toml(TEXT).unwrap();
        assert_eq!(warnings, vec![]);
        assert_eq!(layout.position("alerts"), Some(Position::new(1040, -80)));
        assert_eq!(layout.reroutes("e3").len(), 2);
        assert_eq!(layout.to_toml(), TEXT);
    }

    #[test]
    fn what_cannot_be_read_costs_only_itself() {
        let (layout, warnings) = Layout::from_toml(
            "theme = 1\n[nodes]\na = { x = 1.5, y = 2 }\nB = { x = 1, y = 2 }\nc = 'here'\n[zoom]\nlevel = 2\n",
        )
        .unwrap();
        assert_eq!(layout.position("a"), Some(Position::new(2, 2)));
        let messages: Vec<&str> = warnings.iter().map(|w| w.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "'theme' of the layout is ignored",
                "'nodes.B' of the layout is ignored",
                "'nodes.c' of the layout is ignored",
                "'zoom.level' of the layout is ignored",
            ]
        );
    }

    #[test]
    fn no_toml_is_an_error_with_a_place() {
        let error = Layout::from_toml("[nodes\n").unwrap_err();
        assert_eq!(error.code, "toml/syntax");
        assert!(error.span.is_some());
    }

    #[test]
    fn colours() {
        assert_eq!(Colour::parse("#41BFA9").unwrap().to_string(), "#41bfa9");
        for text in ["41bfa9", "#41bf", "#41bfag", "#é1bfa", ""] {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
    }
}
