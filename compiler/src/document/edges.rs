//! The edges of a pipeline, and which of them end at a node.

use std::collections::{BTreeMap, HashMap};
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

use super::{Edge, EdgeId, NodeId};

/// Edges by id. Which of them end at a node is worked out at the first question after a change:
/// compiling asks it several times a node.
#[derive(Debug, Default)]
pub(super) struct Edges {
    all: BTreeMap<EdgeId, Edge>,
    into: OnceLock<HashMap<NodeId, Vec<EdgeId>>>,
}

impl Edges {
    /// The edges that end at a node, by id.
    pub(super) fn into_node(&self, node: &str) -> impl Iterator<Item = (&EdgeId, &Edge)> {
        let into = self.into.get_or_init(|| {
            let mut into: HashMap<NodeId, Vec<EdgeId>> = HashMap::new();
            for (id, edge) in &self.all {
                into.entry(edge.to.node.clone())
                    .or_default()
                    .push(id.clone());
            }
            into
        });
        let ids = into.get(node).into_iter().flatten();
        ids.filter_map(|id| self.all.get_key_value(id))
    }
}

impl Clone for Edges {
    /// A copy is made to be changed: it works out anew what it is asked.
    fn clone(&self) -> Self {
        Self {
            all: self.all.clone(),
            into: OnceLock::new(),
        }
    }
}

impl PartialEq for Edges {
    fn eq(&self, other: &Self) -> bool {
        self.all == other.all
    }
}

impl Deref for Edges {
    type Target = BTreeMap<EdgeId, Edge>;

    fn deref(&self) -> &Self::Target {
        &self.all
    }
}

impl DerefMut for Edges {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.into.take();
        &mut self.all
    }
}
