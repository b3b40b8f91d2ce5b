//! Every edit of a document, applied by one function.
//!
//! A command either gives a new document in which everything that always holds still holds, or a
//! [`Refusal`] that says why it cannot; it never changes half of something.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{
    Colour, Document, Edge, EdgeId, Entries, Frame, FrameId, Node, NodeId, Pipeline, PortName,
    PortRef, Position, Value,
};
use crate::diagnostics::{Diagnostic, did_you_mean};
use crate::nodes::{self, Inputs};

/// An edit.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Adds a node. Without an id it is called as its kind, counted on.
    AddNode {
        /// Its id, if the caller wants a certain one.
        id: Option<NodeId>,
        /// The name of its kind.
        kind: String,
        /// Its first parameters.
        parameters: Entries,
        /// Where it stands.
        position: Option<Position>,
    },
    /// Removes nodes and the edges at them.
    RemoveNodes {
        /// Which.
        nodes: Vec<NodeId>,
    },
    /// Removes nodes and connects what fed each to what it fed.
    RemoveAndReconnect {
        /// Which.
        nodes: Vec<NodeId>,
    },
    /// Gives a node another id. Queries that read it keep their text: their port keeps its name.
    RenameNode {
        /// Which.
        node: NodeId,
        /// The new id.
        to: NodeId,
    },
    /// Sets or removes a node's title.
    SetTitle {
        /// Which.
        node: NodeId,
        /// The title, `None` to remove it.
        title: Option<String>,
    },
    /// Sets or removes a node's comment.
    SetComment {
        /// Which.
        node: NodeId,
        /// The comment, `None` to remove it.
        comment: Option<String>,
    },
    /// Mutes nodes or lets them work again.
    SetMuted {
        /// Which.
        nodes: Vec<NodeId>,
        /// Whether they pass their input through.
        muted: bool,
    },
    /// Sets a parameter. The value may still be wrong; [`Pipeline::check`] says so.
    SetParameter {
        /// Which node.
        node: NodeId,
        /// The parameter's name.
        parameter: String,
        /// Its value.
        value: Value,
    },
    /// Takes a parameter back to its default.
    UnsetParameter {
        /// Which node.
        node: NodeId,
        /// The parameter's name.
        parameter: String,
    },
    /// Connects two ports. An edge that stands on an input that takes only one is replaced.
    Connect {
        /// An output.
        from: PortRef,
        /// An input.
        to: PortRef,
    },
    /// Removes edges.
    Disconnect {
        /// Which.
        edges: Vec<EdgeId>,
    },
    /// Puts a node that has no connections yet into an edge.
    InsertOnEdge {
        /// The edge; it keeps its id and then ends at the node.
        edge: EdgeId,
        /// The node.
        node: NodeId,
    },
    /// Adds the nodes and edges of a piece of `pipeline.toml`, under new ids where taken.
    Paste {
        /// The text, as [`super::fragment_to_toml`] writes it.
        text: String,
        /// Where the top left node goes; without it all keep their distance to the originals.
        position: Option<Position>,
    },
    /// Names the pipeline.
    SetName {
        /// The name.
        name: String,
    },
    /// Sets or removes the pipeline's description.
    SetDescription {
        /// The text, `None` to remove it.
        description: Option<String>,
    },
    /// Sets one of Flink's SET keys.
    SetSetting {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// Removes one of Flink's SET keys.
    UnsetSetting {
        /// The key.
        key: String,
    },
    /// Moves nodes on the canvas.
    MoveNodes {
        /// Their new places.
        positions: Vec<(NodeId, Position)>,
    },
    /// Colours nodes, or takes their colour away.
    SetColour {
        /// Which.
        nodes: Vec<NodeId>,
        /// The colour, `None` for that of the kind.
        colour: Option<Colour>,
    },
    /// Adds or changes a frame on the canvas.
    PutFrame {
        /// The frame to change, `None` to add one.
        id: Option<FrameId>,
        /// The frame.
        frame: Frame,
    },
    /// Removes a frame, not what stands in it.
    RemoveFrame {
        /// Which.
        id: FrameId,
    },
    /// Takes over what changed between two pipelines, the rest of the document stays as it is: what
    /// an edited script means, before and after the edit.
    TakeChanges {
        /// Before.
        from: Box<Pipeline>,
        /// After.
        to: Box<Pipeline>,
    },
    /// Sets the points that an edge bends through.
    SetReroutes {
        /// Which edge.
        edge: EdgeId,
        /// The points from start to end; none for a plain wire.
        points: Vec<Position>,
    },
}

impl Command {
    /// What to call the step in a history: "Add filter", "Rename orders".
    pub fn label(&self) -> String {
        let several = |verb: &str, nodes: &[NodeId]| match nodes {
            [one] => format!("{verb} {one}"),
            many => format!("{verb} {} nodes", many.len()),
        };
        match self {
            Command::AddNode { kind, .. } => {
                let title =
                    nodes::find(kind).map_or(kind.clone(), |k| k.spec().title.to_lowercase());
                format!("Add {title}")
            }
            Command::RemoveNodes { nodes } => several("Delete", nodes),
            Command::RemoveAndReconnect { nodes } => several("Delete and reconnect", nodes),
            Command::RenameNode { node, to } => format!("Rename {node} to {to}"),
            Command::SetTitle { node, .. } => format!("Title of {node}"),
            Command::SetComment { node, .. } => format!("Comment of {node}"),
            Command::SetMuted { nodes, muted: true } => several("Mute", nodes),
            Command::SetMuted {
                nodes,
                muted: false,
            } => several("Unmute", nodes),
            Command::SetParameter {
                node, parameter, ..
            } => format!("Set {parameter} of {node}"),
            Command::UnsetParameter { node, parameter } => format!("Reset {parameter} of {node}"),
            Command::Connect { from, to } => format!("Connect {} to {}", from.node, to.node),
            Command::Disconnect { .. } => "Disconnect".into(),
            Command::InsertOnEdge { node, .. } => format!("Insert {node}"),
            Command::Paste { .. } => "Paste".into(),
            Command::SetName { .. } => "Rename pipeline".into(),
            Command::SetDescription { .. } => "Describe pipeline".into(),
            Command::SetSetting { key, .. } => format!("Set {key}"),
            Command::UnsetSetting { key } => format!("Reset {key}"),
            Command::MoveNodes { positions } => match positions.as_slice() {
                [(one, _)] => format!("Move {one}"),
                many => format!("Move {} nodes", many.len()),
            },
            Command::SetColour { nodes, .. } => several("Colour", nodes),
            Command::PutFrame { id: None, .. } => "Add frame".into(),
            Command::PutFrame { id: Some(_), .. } => "Change frame".into(),
            Command::RemoveFrame { .. } => "Delete frame".into(),
            Command::TakeChanges { .. } => "Edit SQL".into(),
            Command::SetReroutes { .. } => "Reroute".into(),
        }
    }
}

/// Why a command cannot be applied.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The node does not exist.
    #[error("there is no node '{node}'")]
    UnknownNode {
        /// The id asked for.
        node: NodeId,
    },
    /// The edge does not exist.
    #[error("there is no edge '{edge}'")]
    UnknownEdge {
        /// The id asked for.
        edge: EdgeId,
    },
    /// The frame does not exist.
    #[error("there is no frame '{frame}'")]
    UnknownFrame {
        /// The id asked for.
        frame: FrameId,
    },
    /// No node kind of that name.
    #[error("there is no node kind '{kind}'")]
    UnknownKind {
        /// The name asked for.
        kind: String,
    },
    /// Another node has the id.
    #[error("there is a node '{node}' already")]
    IdTaken {
        /// The id.
        node: NodeId,
    },
    /// The node has ports, but not this one.
    #[error("'{node}' has no port '{port}'; it has {}", ports.join(", "))]
    NoSuchPort {
        /// The node.
        node: NodeId,
        /// The port asked for.
        port: PortName,
        /// The ports it has.
        ports: Vec<String>,
    },
    /// Nothing comes out of a sink.
    #[error("'{node}' is a sink: nothing comes out of it")]
    NoOutput {
        /// The node.
        node: NodeId,
    },
    /// Nothing goes into a source.
    #[error("'{node}' is a source: nothing goes into it")]
    NoInput {
        /// The node.
        node: NodeId,
    },
    /// The same two ports are connected.
    #[error("these ports are connected already, by '{edge}'")]
    AlreadyConnected {
        /// The edge that does.
        edge: EdgeId,
    },
    /// Another edge feeds the port, and replacing it would change what a query reads.
    #[error("'{port}' of '{node}' is fed by '{edge}' already")]
    PortTaken {
        /// The node.
        node: NodeId,
        /// The port.
        port: String,
        /// The edge on it.
        edge: EdgeId,
    },
    /// The edge would close a circle.
    #[error("this would make a cycle: {}", show_cycle(path))]
    Cycle {
        /// The way from the edge's end back to its start.
        path: Vec<NodeId>,
    },
    /// A node to insert has connections of its own.
    #[error("'{node}' is connected already")]
    Connected {
        /// The node.
        node: NodeId,
    },
    /// The name is reserved for what every node has.
    #[error("'{parameter}' is no parameter: every node has it")]
    ReservedParameter {
        /// The name.
        parameter: String,
    },
    /// The text is empty or has line breaks where one line is needed.
    #[error("{what} must be one line of text")]
    NotOneLine {
        /// What it was to be.
        what: &'static str,
    },
    /// The pasted text cannot be read.
    #[error("this cannot be pasted: {}", first_message(.0))]
    NotPasteable(Vec<Diagnostic>),
}

fn show_cycle(path: &[NodeId]) -> String {
    let mut names: Vec<&str> = path.iter().map(NodeId::as_str).collect();
    if let Some(first) = names.first().copied() {
        names.push(first);
    }
    names.join(" → ")
}

fn first_message(diagnostics: &[Diagnostic]) -> &str {
    diagnostics
        .first()
        .map_or("it is empty", |diagnostic| diagnostic.message.as_str())
}

impl Refusal {
    /// A short stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::UnknownNode { .. } => "document/unknown-node",
            Refusal::UnknownEdge { .. } => "document/unknown-edge",
            Refusal::UnknownFrame { .. } => "document/unknown-frame",
            Refusal::UnknownKind { .. } => "node/unknown-kind",
            Refusal::IdTaken { .. } => "document/id-taken",
            Refusal::NoSuchPort { .. } => "edge/no-such-port",
            Refusal::NoOutput { .. } => "edge/no-output",
            Refusal::NoInput { .. } => "edge/no-input",
            Refusal::AlreadyConnected { .. } => "edge/already-connected",
            Refusal::PortTaken { .. } => "edge/port-taken",
            Refusal::Cycle { .. } => "edge/cycle",
            Refusal::Connected { .. } => "edge/connected",
            Refusal::ReservedParameter { .. } => "parameter/reserved",
            Refusal::NotOneLine { .. } => "document/not-one-line",
            Refusal::NotPasteable(_) => "document/not-pasteable",
        }
    }

    /// What would make it work, in the user's words.
    pub fn repair(&self) -> Option<String> {
        match self {
            Refusal::UnknownKind { kind } => {
                let names = nodes::all().iter().map(|kind| kind.spec().name);
                Some(match did_you_mean(kind, names.clone()) {
                    Some(near) => format!("did you mean '{near}'?"),
                    None => format!("use one of: {}", names.collect::<Vec<_>>().join(", ")),
                })
            }
            Refusal::IdTaken { .. } => Some("choose another id".into()),
            Refusal::NoSuchPort { port, ports, .. } => Some(
                match did_you_mean(port.as_str(), ports.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean '{near}'?"),
                    None => format!("connect to {}", ports.join(" or ")),
                },
            ),
            Refusal::NoOutput { .. } => Some("connect the node that feeds it".into()),
            Refusal::NoInput { .. } => {
                Some("to put both streams together, connect them to a union".into())
            }
            Refusal::PortTaken { edge, .. } => {
                Some(format!("name another port, or disconnect '{edge}' first"))
            }
            Refusal::Cycle { .. } => Some("remove one of the edges on that way first".into()),
            Refusal::Connected { .. } => Some("disconnect it first".into()),
            _ => None,
        }
    }

    /// The refusal as a finding about a file.
    pub(crate) fn to_diagnostic(&self) -> Diagnostic {
        let diagnostic = Diagnostic::error(self.code(), self.to_string());
        match self.repair() {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }
}

/// What a command gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The new document.
    pub document: Document,
    /// The nodes it added or renamed, to select them.
    pub nodes: Vec<NodeId>,
}

impl Document {
    /// Applies a command. The old document is untouched; the new one shares what did not change.
    pub fn apply(&self, command: &Command) -> Result<Applied, Refusal> {
        let mut document = self.clone();
        let nodes = document.change(command)?;
        Ok(Applied { document, nodes })
    }

    fn change(&mut self, command: &Command) -> Result<Vec<NodeId>, Refusal> {
        let pipeline = &mut self.pipeline;
        match command {
            Command::AddNode {
                id,
                kind,
                parameters,
                position,
            } => {
                if nodes::find(kind).is_none() {
                    return Err(Refusal::UnknownKind { kind: kind.clone() });
                }
                let id = match id {
                    Some(id) if pipeline.nodes.contains_key(id) => {
                        return Err(Refusal::IdTaken { node: id.clone() });
                    }
                    Some(id) => id.clone(),
                    None => NodeId::slug(kind).unique(|id| pipeline.nodes.contains_key(id)),
                };
                let mut node = Node::new(kind.clone());
                for (name, value) in parameters.iter() {
                    refuse_reserved(name)?;
                    node.parameters.insert(name.to_string(), value.clone());
                }
                Arc::make_mut(&mut pipeline.nodes).insert(id.clone(), Arc::new(node));
                if let Some(position) = position {
                    self.layout.place(id.clone(), *position);
                }
                Ok(vec![id])
            }
            Command::RemoveNodes { nodes } => {
                for node in nodes {
                    pipeline.require(node)?;
                }
                for node in nodes {
                    self.remove(node);
                }
                Ok(vec![])
            }
            Command::RemoveAndReconnect { nodes } => {
                for node in nodes {
                    pipeline.require(node)?;
                }
                for node in nodes {
                    // Named twice in the list: it is gone already.
                    if self.pipeline.nodes.contains_key(node) {
                        self.bridge(node);
                        self.remove(node);
                    }
                }
                Ok(vec![])
            }
            Command::RenameNode { node, to } => {
                pipeline.require(node)?;
                if node == to {
                    return Ok(vec![to.clone()]);
                }
                if pipeline.nodes.contains_key(to) {
                    return Err(Refusal::IdTaken { node: to.clone() });
                }
                pipeline.rename(node, to)?;
                self.layout.rename(node, to);
                Ok(vec![to.clone()])
            }
            Command::SetTitle { node, title } => {
                if title.as_deref().is_some_and(|title| !one_line(title)) {
                    return Err(Refusal::NotOneLine { what: "a title" });
                }
                pipeline.node_mut(node)?.title = title.clone();
                Ok(vec![])
            }
            Command::SetComment { node, comment } => {
                pipeline.node_mut(node)?.comment = comment.clone().filter(|text| !text.is_empty());
                Ok(vec![])
            }
            Command::SetMuted { nodes, muted } => {
                for node in nodes {
                    pipeline.require(node)?;
                }
                for node in nodes {
                    pipeline.node_mut(node)?.muted = *muted;
                }
                Ok(vec![])
            }
            Command::SetParameter {
                node,
                parameter,
                value,
            } => {
                refuse_reserved(parameter)?;
                pipeline
                    .node_mut(node)?
                    .parameters
                    .insert(parameter.clone(), value.clone());
                Ok(vec![])
            }
            Command::UnsetParameter { node, parameter } => {
                refuse_reserved(parameter)?;
                pipeline.node_mut(node)?.parameters.remove(parameter);
                Ok(vec![])
            }
            Command::Connect { from, to } => {
                pipeline.connect(Edge::new(from.clone(), to.clone()))?;
                self.layout.forget_edges(&self.pipeline);
                Ok(vec![])
            }
            Command::Disconnect { edges } => {
                for edge in edges {
                    if !pipeline.edges.contains_key(edge) {
                        return Err(Refusal::UnknownEdge { edge: edge.clone() });
                    }
                }
                let all = Arc::make_mut(&mut pipeline.edges);
                for edge in edges {
                    all.remove(edge);
                    self.layout.set_reroutes(edge.clone(), Vec::new());
                }
                pipeline.forget_comments();
                Ok(vec![])
            }
            Command::InsertOnEdge { edge, node } => {
                pipeline.insert_on_edge(edge, node)?;
                Ok(vec![])
            }
            Command::Paste { text, position } => self.paste(text, *position),
            Command::SetName { name } => {
                if !one_line(name) {
                    return Err(Refusal::NotOneLine {
                        what: "the name of a pipeline",
                    });
                }
                pipeline.name = name.clone();
                Ok(vec![])
            }
            Command::SetDescription { description } => {
                pipeline.description = description.clone().filter(|text| !text.is_empty());
                Ok(vec![])
            }
            Command::SetSetting { key, value } => {
                if !one_line(key) {
                    return Err(Refusal::NotOneLine {
                        what: "the key of a setting",
                    });
                }
                Arc::make_mut(&mut pipeline.settings).insert(key.clone(), value.clone());
                Ok(vec![])
            }
            Command::UnsetSetting { key } => {
                Arc::make_mut(&mut pipeline.settings).remove(key);
                pipeline.forget_comments();
                Ok(vec![])
            }
            Command::MoveNodes { positions } => {
                for (node, _) in positions {
                    pipeline.require(node)?;
                }
                for (node, position) in positions {
                    self.layout.place(node.clone(), *position);
                }
                Ok(vec![])
            }
            Command::SetColour { nodes, colour } => {
                for node in nodes {
                    pipeline.require(node)?;
                }
                for node in nodes {
                    self.layout.colour(node.clone(), *colour);
                }
                Ok(vec![])
            }
            Command::PutFrame { id, frame } => {
                if let Some(id) = id
                    && self.layout.frame(id.as_str()).is_none()
                {
                    return Err(Refusal::UnknownFrame { frame: id.clone() });
                }
                self.layout.put_frame(id.clone(), frame.clone());
                Ok(vec![])
            }
            Command::RemoveFrame { id } => {
                if self.layout.frame(id.as_str()).is_none() {
                    return Err(Refusal::UnknownFrame { frame: id.clone() });
                }
                self.layout.remove_frame(id);
                Ok(vec![])
            }
            Command::TakeChanges { from, to } => self.take_changes(from, to),
            Command::SetReroutes { edge, points } => {
                if !pipeline.edges.contains_key(edge) {
                    return Err(Refusal::UnknownEdge { edge: edge.clone() });
                }
                self.layout.set_reroutes(edge.clone(), points.clone());
                Ok(vec![])
            }
        }
    }

    pub(super) fn remove(&mut self, node: &NodeId) {
        let pipeline = &mut self.pipeline;
        Arc::make_mut(&mut pipeline.nodes).remove(node);
        Arc::make_mut(&mut pipeline.edges)
            .retain(|_, edge| edge.from.node != *node && edge.to.node != *node);
        pipeline.forget_comments();
        self.layout.forget_node(node);
        self.layout.forget_edges(&self.pipeline);
    }

    /// Lets what the node feeds be fed by the node's first input instead.
    fn bridge(&mut self, node: &NodeId) {
        let pipeline = &mut self.pipeline;
        let upstream = pipeline
            .inputs_of(node.as_str())
            .first()
            .map(|(_, _, edge)| edge.from.clone());
        let Some(upstream) = upstream else { return };
        let fed: Vec<EdgeId> = pipeline
            .outputs_of(node.as_str())
            .map(|(id, _)| id.clone())
            .collect();
        for id in fed {
            let edges = Arc::make_mut(&mut pipeline.edges);
            let Some(mut edge) = edges.remove(&id) else {
                continue;
            };
            pipeline.name_port(&mut edge);
            edge.from = upstream.clone();
            // Refused where the two are connected already: then nothing is missing.
            if let Ok(None) = pipeline.admit(&mut edge) {
                Arc::make_mut(&mut pipeline.edges).insert(id, edge);
            }
        }
    }

    fn paste(&mut self, text: &str, position: Option<Position>) -> Result<Vec<NodeId>, Refusal> {
        let fragment = super::load::read_fragment(text).map_err(Refusal::NotPasteable)?;
        let mut names: BTreeMap<NodeId, NodeId> = BTreeMap::new();
        let mut taken: BTreeSet<NodeId> = self.pipeline.nodes.keys().cloned().collect();
        for (id, _) in fragment.pipeline.nodes() {
            let new = id.unique(|id| taken.contains(id));
            taken.insert(new.clone());
            names.insert(id.clone(), new);
        }
        let nodes = Arc::make_mut(&mut self.pipeline.nodes);
        for (id, node) in fragment.pipeline.nodes.iter() {
            nodes.insert(names[id].clone(), node.clone());
        }
        for (_, edge) in fragment.pipeline.edges() {
            let mut edge = edge.clone();
            if names[&edge.from.node] != edge.from.node {
                fragment.pipeline.name_port(&mut edge);
            }
            edge.from.node = names[&edge.from.node].clone();
            edge.to.node = names[&edge.to.node].clone();
            self.pipeline.connect(edge)?;
        }
        let corner = fragment.layout.corner();
        for (id, new) in &names {
            if let Some(colour) = fragment.layout.colour_of(id.as_str()) {
                self.layout.colour(new.clone(), Some(colour));
            }
            if let Some(place) = fragment.layout.position(id.as_str()) {
                let place = match (position, corner) {
                    (Some(target), Some(corner)) => place + (target - corner),
                    _ => place + Position::new(40, 40),
                };
                self.layout.place(new.clone(), place);
            }
        }
        Ok(names.into_values().collect())
    }
}

impl Pipeline {
    fn require(&self, node: &NodeId) -> Result<(), Refusal> {
        if self.nodes.contains_key(node) {
            Ok(())
        } else {
            Err(Refusal::UnknownNode { node: node.clone() })
        }
    }

    fn node_mut(&mut self, id: &NodeId) -> Result<&mut Node, Refusal> {
        self.require(id)?;
        match Arc::make_mut(&mut self.nodes).get_mut(id) {
            Some(node) => Ok(Arc::make_mut(node)),
            None => Err(Refusal::UnknownNode { node: id.clone() }),
        }
    }

    /// Writes out the port of an edge into a node whose ports are named by its edges, before the
    /// edge's start changes its name.
    fn name_port(&self, edge: &mut Edge) {
        if edge.to.port.is_none() && matches!(self.inputs(edge.to.node.as_str()), Inputs::Named) {
            edge.to.port = Some(PortName::slug(edge.from.node.as_str()));
        }
    }

    pub(super) fn connect(&mut self, mut edge: Edge) -> Result<EdgeId, Refusal> {
        let id = match self.admit(&mut edge)? {
            None => self.next_edge_id(),
            Some(taken) if matches!(self.inputs(edge.to.node.as_str()), Inputs::Named) => {
                return Err(Refusal::PortTaken {
                    port: self.input_port(&edge),
                    node: edge.to.node,
                    edge: taken,
                });
            }
            // The new wire replaces the one on the port, as in every node editor.
            Some(taken) => {
                let id = self.next_edge_id();
                Arc::make_mut(&mut self.edges).remove(&taken);
                self.forget_comments();
                id
            }
        };
        Arc::make_mut(&mut self.edges).insert(id.clone(), edge);
        Ok(id)
    }

    fn insert_on_edge(&mut self, id: &EdgeId, node: &NodeId) -> Result<(), Refusal> {
        self.require(node)?;
        let Some(old) = self.edges.get(id).cloned() else {
            return Err(Refusal::UnknownEdge { edge: id.clone() });
        };
        let touches = |edge: &Edge| edge.from.node == *node || edge.to.node == *node;
        if self.edges.values().any(touches) {
            return Err(Refusal::Connected { node: node.clone() });
        }
        let mut changed = self.clone();
        Arc::make_mut(&mut changed.edges).remove(id);
        let mut first = Edge {
            to: node.clone().into(),
            ..old.clone()
        };
        changed.admit(&mut first)?;
        Arc::make_mut(&mut changed.edges).insert(id.clone(), first);
        let mut second = old;
        self.name_port(&mut second);
        second.unknown = Entries::new();
        second.from = node.clone().into();
        changed.connect(second)?;
        *self = changed;
        Ok(())
    }

    pub(super) fn rename(&mut self, node: &NodeId, to: &NodeId) -> Result<(), Refusal> {
        let mut edges = (*self.edges).clone();
        for edge in edges.values_mut() {
            if edge.from.node == *node {
                self.name_port(edge);
                edge.from.node = to.clone();
            }
            if edge.to.node == *node {
                edge.to.node = to.clone();
            }
        }
        let nodes = Arc::make_mut(&mut self.nodes);
        if let Some(value) = nodes.remove(node) {
            nodes.insert(to.clone(), value);
        }
        // A port may now be called as the node it comes from: the short form is the canonical one.
        for edge in edges.values_mut() {
            let named_alike = edge
                .to
                .port
                .as_ref()
                .is_some_and(|port| port.as_str() == edge.from.node.as_str());
            if named_alike && matches!(self.inputs(edge.to.node.as_str()), Inputs::Named) {
                edge.to.port = None;
            }
        }
        self.edges = Arc::new(edges);
        let comments = Arc::make_mut(&mut self.comments);
        let moved: Vec<Vec<String>> = comments
            .keys()
            .filter(|path| path.len() >= 2 && path[0] == "nodes" && path[1] == node.as_str())
            .cloned()
            .collect();
        for path in moved {
            if let Some(comment) = comments.remove(&path) {
                let mut path = path;
                path[1] = to.to_string();
                comments.insert(path, comment);
            }
        }
        Ok(())
    }

    /// Drops the comments of nodes, edges and settings that are gone.
    pub(super) fn forget_comments(&mut self) {
        let gone = |path: &Vec<String>| match path.as_slice() {
            [section, id, ..] if section == "nodes" => !self.nodes.contains_key(id.as_str()),
            [section, id, ..] if section == "edges" => !self.edges.contains_key(id.as_str()),
            [section, key] if section == "settings" => !self.settings.contains_key(key),
            _ => false,
        };
        if self.comments.keys().any(gone) {
            let kept = self
                .comments
                .iter()
                .filter(|(path, _)| !gone(path))
                .map(|(path, comment)| (path.clone(), comment.clone()))
                .collect();
            self.comments = Arc::new(kept);
        }
    }
}

/// Keys of a node that are no parameters.
const RESERVED: [&str; 4] = ["kind", "title", "comment", "muted"];

fn refuse_reserved(name: &str) -> Result<(), Refusal> {
    if RESERVED.contains(&name) {
        return Err(Refusal::ReservedParameter {
            parameter: name.to_string(),
        });
    }
    if !one_line(name) {
        return Err(Refusal::NotOneLine {
            what: "the name of a parameter",
        });
    }
    Ok(())
}

fn one_line(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains(['\n', '\r'])
}
