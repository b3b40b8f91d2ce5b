//! The graph: nodes, edges between their ports, settings.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use petgraph::graphmap::DiGraphMap;

use super::edges::Edges;
use super::{Comment, EdgeId, Entries, NodeId, PortName, Refusal, Value};
use crate::nodes::{self, Inputs};

/// One node: its kind, what a person says about it, and its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The kind's name; one that [`nodes::find`] does not know is kept and reported.
    pub kind: String,
    /// A heading for people; the id is shown where it is absent.
    pub title: Option<String>,
    /// What a person wants to say about it.
    pub comment: Option<String>,
    /// Whether it passes its input through instead of doing its work.
    pub muted: bool,
    /// Parameters by name, those included that the kind does not know.
    pub parameters: BTreeMap<String, Value>,
}

impl Node {
    /// A node without parameters.
    pub fn new(kind: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            title: None,
            comment: None,
            muted: false,
            parameters: BTreeMap::new(),
        }
    }

    /// The same node with one more parameter.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// Looks up the text that `path` addresses: `condition`, `columns.total`, `keys[0]`.
    ///
    /// This is how a finding names the place it is about.
    pub fn text_at(&self, path: &str) -> Option<&str> {
        if let Some(value) = self.parameters.get(path) {
            return value.as_text();
        }
        if let Some((name, key)) = path.split_once('.') {
            return self.parameters.get(name)?.as_table()?.get(key)?.as_text();
        }
        let (name, index) = path.strip_suffix(']')?.split_once('[')?;
        let items = self.parameters.get(name)?.as_list()?;
        items.get(index.parse::<usize>().ok()?)?.as_text()
    }
}

/// A node's port, or the node alone where the port goes without saying.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRef {
    /// The node.
    pub node: NodeId,
    /// The port; `None` for the only output, the first input, or (into a node whose ports are
    /// named by its edges) the port that is called as the node it comes from.
    pub port: Option<PortName>,
}

impl PortRef {
    /// A port by name.
    pub fn new(node: NodeId, port: Option<PortName>) -> Self {
        Self { node, port }
    }
}

impl From<NodeId> for PortRef {
    fn from(node: NodeId) -> Self {
        Self { node, port: None }
    }
}

impl fmt::Display for PortRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.port {
            Some(port) => write!(f, "{}.{port}", self.node),
            None => write!(f, "{}", self.node),
        }
    }
}

/// A wire from an output port to an input port.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// Where rows come from.
    pub from: PortRef,
    /// Where they go.
    pub to: PortRef,
    /// Keys of the edge that this version does not know.
    pub unknown: Entries,
}

impl Edge {
    /// A wire.
    pub fn new(from: impl Into<PortRef>, to: impl Into<PortRef>) -> Self {
        Self {
            from: from.into(),
            to: to.into(),
            unknown: Entries::new(),
        }
    }
}

/// Comments by the path of the key they stand at; the empty path is the end of the file.
pub(crate) type Comments = BTreeMap<Vec<String>, Comment>;

/// A pipeline. See the [module](super) for what always holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) settings: Arc<BTreeMap<String, String>>,
    pub(super) nodes: Arc<BTreeMap<NodeId, Arc<Node>>>,
    pub(super) edges: Arc<Edges>,
    pub(super) unknown: Arc<BTreeMap<String, Value>>,
    pub(super) comments: Arc<Comments>,
}

impl Pipeline {
    /// An empty pipeline.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            description: None,
            settings: Arc::default(),
            nodes: Arc::default(),
            edges: Arc::default(),
            unknown: Arc::default(),
            comments: Arc::default(),
        }
    }

    /// The job's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is for.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Flink's SET keys and their values, sorted.
    pub fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// All nodes, sorted by id.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = (&NodeId, &Node)> {
        self.nodes.iter().map(|(id, node)| (id, &**node))
    }

    /// A node.
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.get(id).map(|node| &**node)
    }

    /// Whether a node is the very same value in both, without comparing: for caches.
    pub fn same_node(&self, other: &Pipeline, id: &str) -> bool {
        match (self.nodes.get(id), other.nodes.get(id)) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// The nodes whose content changed since an earlier state of the pipeline; `None` where nodes or
    /// edges came or went.
    pub(super) fn changed_nodes<'a>(&'a self, earlier: &Pipeline) -> Option<Vec<&'a NodeId>> {
        if !Arc::ptr_eq(&self.edges, &earlier.edges) || self.nodes.len() != earlier.nodes.len() {
            return None;
        }
        let mut changed = Vec::new();
        for ((id, node), (old_id, old)) in self.nodes.iter().zip(earlier.nodes.iter()) {
            if id != old_id {
                return None;
            }
            if !Arc::ptr_eq(node, old) {
                changed.push(id);
            }
        }
        Some(changed)
    }

    /// All edges, sorted by id.
    pub fn edges(&self) -> impl ExactSizeIterator<Item = (&EdgeId, &Edge)> {
        self.edges.iter()
    }

    /// An edge.
    pub fn edge(&self, id: &str) -> Option<&Edge> {
        self.edges.get(id)
    }

    /// The edges into a node with the names of their ports: in the order of the kind's ports,
    /// then of the edges' numbers.
    pub fn inputs_of(&self, node: &str) -> Vec<(String, &EdgeId, &Edge)> {
        let mut inputs: Vec<_> = self
            .edges
            .into_node(node)
            .map(|(id, edge)| (self.input_port(edge), id, edge))
            .collect();
        let ports: Vec<&str> = match self.inputs(node) {
            Inputs::Fixed(ports) => ports.iter().map(|port| port.name).collect(),
            _ => Vec::new(),
        };
        inputs.sort_by_cached_key(|(port, id, _)| {
            (
                ports.iter().position(|name| name == port),
                id.number().unwrap_or(u64::MAX),
                (*id).clone(),
            )
        });
        inputs
    }

    /// The edges out of a node.
    pub fn outputs_of(&self, node: &str) -> impl Iterator<Item = (&EdgeId, &Edge)> {
        self.edges
            .iter()
            .filter(move |(_, edge)| edge.from.node == *node)
    }

    /// The name of the port an edge ends at.
    pub fn input_port(&self, edge: &Edge) -> String {
        if let Some(port) = &edge.to.port {
            return port.to_string();
        }
        match self.inputs(edge.to.node.as_str()) {
            Inputs::Fixed(ports) => ports.first().map_or("input", |port| port.name).to_string(),
            Inputs::Many(port) => port.name.to_string(),
            Inputs::None => "input".to_string(),
            Inputs::Named => edge.from.node.to_string(),
        }
    }

    /// The input ports of a node's kind. A kind that is not known takes whatever its edges say.
    pub(crate) fn inputs(&self, node: &str) -> Inputs {
        self.node(node)
            .and_then(|node| nodes::find(&node.kind))
            .map_or(Inputs::Named, |kind| kind.spec().inputs)
    }

    /// The first number whose edge id and all after it are free.
    pub(super) fn next_edge_id(&self) -> EdgeId {
        let last = self.edges.keys().filter_map(EdgeId::number).max();
        EdgeId::numbered(last.map_or(1, |n| n.saturating_add(1)))
    }

    /// The graph as petgraph knows it, node ids as vertices.
    pub(super) fn graph(&self) -> DiGraphMap<&str, ()> {
        let mut graph = DiGraphMap::with_capacity(self.nodes.len(), self.edges.len());
        for id in self.nodes.keys() {
            graph.add_node(id.as_str());
        }
        for edge in self.edges.values() {
            graph.add_edge(edge.from.node.as_str(), edge.to.node.as_str(), ());
        }
        graph
    }

    /// Checks whether an edge may exist and writes its ports in their short form.
    ///
    /// `Ok(Some(id))` names the edge that stands on the same port, where it takes only one.
    pub(super) fn admit(&self, edge: &mut Edge) -> Result<Option<EdgeId>, Refusal> {
        let taken = self.admit_ports(edge)?;
        let start = edge.to.node.as_str();
        let goal = edge.from.node.as_str();
        let back = petgraph::algo::astar(&self.graph(), start, |node| node == goal, |_| 1, |_| 0);
        match back {
            Some((_, path)) => Err(Refusal::Cycle {
                path: path.into_iter().map(NodeId::slug).collect(),
            }),
            None => Ok(taken),
        }
    }

    /// As [`Pipeline::admit`], but leaves it to the caller to find cycles.
    pub(super) fn admit_ports(&self, edge: &mut Edge) -> Result<Option<EdgeId>, Refusal> {
        let unknown = |id: &NodeId| Refusal::UnknownNode { node: id.clone() };
        let from = self
            .node(edge.from.node.as_str())
            .ok_or_else(|| unknown(&edge.from.node))?;
        if self.node(edge.to.node.as_str()).is_none() {
            return Err(unknown(&edge.to.node));
        }
        if let Some(kind) = nodes::find(&from.kind) {
            if !kind.spec().has_output {
                return Err(Refusal::NoOutput {
                    node: edge.from.node.clone(),
                });
            }
            match &edge.from.port {
                Some(port) if *port == nodes::OUTPUT => edge.from.port = None,
                Some(port) => {
                    return Err(Refusal::NoSuchPort {
                        node: edge.from.node.clone(),
                        port: port.clone(),
                        ports: vec![nodes::OUTPUT.to_string()],
                    });
                }
                None => {}
            }
        }
        let no_such_port = |port: &PortName, ports: Vec<String>| Refusal::NoSuchPort {
            node: edge.to.node.clone(),
            port: port.clone(),
            ports,
        };
        let single = match self.inputs(edge.to.node.as_str()) {
            Inputs::None => {
                return Err(Refusal::NoInput {
                    node: edge.to.node.clone(),
                });
            }
            Inputs::Fixed(ports) => {
                if let Some(port) = &edge.to.port {
                    match ports.iter().position(|spec| *port == spec.name) {
                        Some(0) => edge.to.port = None,
                        Some(_) => {}
                        None => {
                            let names = ports.iter().map(|spec| spec.name.to_string()).collect();
                            return Err(no_such_port(port, names));
                        }
                    }
                }
                true
            }
            Inputs::Many(spec) => {
                if let Some(port) = &edge.to.port {
                    if *port != spec.name {
                        return Err(no_such_port(port, vec![spec.name.to_string()]));
                    }
                    edge.to.port = None;
                }
                false
            }
            Inputs::Named => {
                if edge
                    .to
                    .port
                    .as_ref()
                    .is_some_and(|port| port.as_str() == edge.from.node.as_str())
                {
                    edge.to.port = None;
                }
                true
            }
        };
        let port = self.input_port(edge);
        let mut taken = None;
        for (id, other) in self.edges.into_node(edge.to.node.as_str()) {
            if self.input_port(other) != port {
                continue;
            }
            if other.from == edge.from {
                return Err(Refusal::AlreadyConnected { edge: id.clone() });
            }
            if single {
                taken = Some(id.clone());
            }
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_at_follows_the_path_of_a_finding() {
        let node = Node::new("x")
            .with("condition", "a > 1")
            .with("keys", vec!["a", "b"])
            .with(
                "options",
                Entries::new().with("csv.field-delimiter", ";").with("n", 1),
            );
        assert_eq!(node.text_at("condition"), Some("a > 1"));
        assert_eq!(node.text_at("keys[1]"), Some("b"));
        assert_eq!(node.text_at("options.csv.field-delimiter"), Some(";"));
        for path in [
            "keys[2]",
            "keys[x]",
            "nothing",
            "options.n",
            "condition.a",
            "keys",
        ] {
            assert_eq!(node.text_at(path), None, "{path}");
        }
    }
}
