//! What flows out of each node: columns, the kinds of rows, time, keys, and what is kept for it.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use super::lineage::{ColumnOrigin, Lineage};
use super::{Lowered, SourceMap};
use crate::document::NodeId;
use crate::environment::Environment;
use crate::plan::lifetime::State;
use crate::plan::stream::{PlanNode, StreamOp};
use crate::plan::{Binder, ChangelogMode, Relation, RelationColumn, StreamPlan, TimeAttribute};
use crate::sql::parse_script;

/// Which kinds of rows a stream carries, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamKind {
    /// Rows only come.
    Append,
    /// A row replaces the one before of its key; old values are not told.
    Upsert {
        /// The columns of the key.
        key: Vec<String>,
    },
    /// Rows are taken back and replaced, old values included.
    Retract,
}

impl StreamKind {
    /// Whether rows are taken back or replaced.
    pub fn updates(&self) -> bool {
        *self != StreamKind::Append
    }
}

impl std::fmt::Display for StreamKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StreamKind::Append => f.write_str("append"),
            StreamKind::Upsert { key } if key.is_empty() => f.write_str("upsert"),
            StreamKind::Upsert { key } => write!(f, "upsert on {}", key.join(", ")),
            StreamKind::Retract => f.write_str("retract"),
        }
    }
}

/// What an operator of a node keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorState {
    /// What and until when, in the words of EXPLAIN.
    pub what: String,
    /// With what it grows, if it never goes.
    pub grows: Option<String>,
}

/// What flows out of a node or, for a sink, into its table.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamType {
    /// Its columns.
    pub columns: Vec<RelationColumn>,
    /// Where each of them comes from, in the same order. Empty where that is not known: of a
    /// source that nothing reads.
    pub origins: Vec<ColumnOrigin>,
    /// The kinds of rows.
    pub kind: StreamKind,
    /// The column of the event time.
    pub rowtime: Option<String>,
    /// The column of the processing time.
    pub proctime: Option<String>,
    /// How the watermark comes about: the text of the declaration of each source that feeds the
    /// node and has one, with the source.
    pub watermarks: Vec<(NodeId, String)>,
    /// The primary key that a table declares.
    pub primary_key: Vec<String>,
    /// Columns that identify a row of the stream, where some do.
    pub upsert_key: Vec<String>,
    /// What its operators keep.
    pub state: Vec<OperatorState>,
}

/// What flows between the nodes of a lowered pipeline.
///
/// The script is bound as it will run. A node whose statement is broken, and what only it feeds,
/// is not there. The kinds of rows are those that flow when the pipeline runs: a stream whose old
/// values nobody reads is an upsert. A node that feeds no sink is told as if all was read.
pub fn stream_types(
    lowered: &Lowered,
    environment: &dyn Environment,
) -> BTreeMap<NodeId, StreamType> {
    let mut binder = Binder::new(environment);
    let Ok(script) = parse_script(&lowered.script) else {
        return BTreeMap::new();
    };
    for statement in &script.statements {
        // What is wrong was said when the pipeline was lowered.
        let _ = binder.apply(statement, &lowered.script);
    }
    of_bound(binder, lowered_nodes(&lowered.map))
}

/// The nodes that a script has statements of.
pub(super) fn lowered_nodes(map: &SourceMap) -> BTreeSet<NodeId> {
    map.statements().map(|(_, node)| node.clone()).collect()
}

/// What flows out of these nodes, of a binder that has bound the script.
pub(super) fn of_bound(
    mut binder: Binder<'_>,
    nodes: BTreeSet<NodeId>,
) -> BTreeMap<NodeId, StreamType> {
    let (bound, roots) = binder.bound();
    let roots = roots.clone();
    // The plan as it will run is made meanwhile.
    thread::scope(|scope| {
        let plan = binder.rewriting(scope);
        let mut out = of_relations(&binder, &bound, &roots, nodes);
        let plan = plan
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        if let Ok(plan) = plan {
            for (id, ty) in &mut out {
                settle(id, ty, &plan);
            }
        }
        out
    })
}

/// What is known before the plan as a whole is looked at.
fn of_relations(
    binder: &Binder<'_>,
    bound: &StreamPlan,
    roots: &BTreeMap<String, usize>,
    nodes: BTreeSet<NodeId>,
) -> BTreeMap<NodeId, StreamType> {
    let mut out = BTreeMap::new();
    let operators = nodes
        .iter()
        .filter_map(|id| Some((*roots.get(id.as_str())?, id)));
    let lineage = Lineage::of(bound, operators);
    for id in &nodes {
        let Some(relation) = binder.relation(id.as_str()) else {
            continue;
        };
        let root = roots.get(id.as_str()).copied();
        let mut ty = of_relation(relation, root.map(|root| &bound.nodes[root]));
        ty.primary_key = binder.primary_key_of(id.as_str());
        if let Some(root) = root {
            ty.origins = lineage.columns(root, id);
        }
        let into = bound.nodes.iter().position(|node| is_sink_of(node, id));
        if let Some(sources) = root.or(into).map(|from| sources_of(bound, from)) {
            for source in sources {
                if let (Some(text), Ok(source)) =
                    (binder.watermark_of(&source), NodeId::new(&source))
                {
                    ty.watermarks.push((source, text.to_string()));
                }
            }
        } else if let Some(text) = binder.watermark_of(id.as_str()) {
            ty.watermarks.push((id.clone(), text.to_string()));
        }
        if ty.rowtime.is_none() && into.is_none() {
            ty.watermarks.clear();
        }
        out.insert(id.clone(), ty);
    }
    out
}

fn is_sink_of(node: &PlanNode, id: &NodeId) -> bool {
    matches!(node.op, StreamOp::Sink { .. })
        && node.origins.first().is_some_and(|of| id.as_str() == of)
}

/// What its definition says of a relation.
fn of_relation(relation: &Relation, root: Option<&PlanNode>) -> StreamType {
    let time = |wanted: TimeAttribute| {
        let column = relation.columns.iter().find(|c| c.time == Some(wanted));
        column.map(|column| column.name.clone())
    };
    let upsert_key = root.map_or(Vec::new(), key_names);
    StreamType {
        kind: match relation.changelog {
            ChangelogMode::Append => StreamKind::Append,
            ChangelogMode::Upsert => StreamKind::Upsert {
                key: upsert_key.clone(),
            },
            ChangelogMode::Retract => StreamKind::Retract,
        },
        columns: relation.columns.clone(),
        origins: Vec::new(),
        rowtime: time(TimeAttribute::Rowtime),
        proctime: time(TimeAttribute::Proctime),
        watermarks: Vec::new(),
        primary_key: Vec::new(),
        upsert_key,
        state: Vec::new(),
    }
}

fn key_names(node: &PlanNode) -> Vec<String> {
    node.upsert_key
        .iter()
        .flatten()
        .filter_map(|&column| node.columns.get(column))
        .map(|column| column.name.clone())
        .collect()
}

/// The tables that feed an operator, each once.
fn sources_of(plan: &StreamPlan, from: usize) -> Vec<String> {
    let mut seen = vec![false; plan.nodes.len()];
    let mut open = vec![from];
    let mut found = Vec::new();
    while let Some(index) = open.pop() {
        if std::mem::replace(&mut seen[index], true) {
            continue;
        }
        let node = &plan.nodes[index];
        if matches!(node.op, StreamOp::Source { .. }) {
            found.extend(node.origins.first().cloned());
        }
        open.extend(&node.inputs);
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Adds what the plan as a whole says: which old values are not told, and what is kept.
fn settle(id: &NodeId, ty: &mut StreamType, plan: &StreamPlan) {
    let own = |node: &&PlanNode| node.origins.iter().any(|origin| id.as_str() == origin);
    let first = |node: &&PlanNode| {
        node.origins
            .first()
            .is_some_and(|origin| id.as_str() == origin)
    };
    let sink = plan.nodes.iter().find(|node| is_sink_of(node, id));
    // What a node gives is what its last operator gives; those in front of a sink are the sink's.
    if let Some(last) = sink.or_else(|| plan.nodes.iter().rfind(own)) {
        if let Some(sink) = sink {
            ty.upsert_key = key_names(sink);
            ty.kind = match sink.changelog {
                ChangelogMode::Append => StreamKind::Append,
                _ => StreamKind::Retract,
            };
        }
        if last.changelog == ChangelogMode::Upsert {
            let key = match ty.upsert_key.is_empty() {
                true => key_names(last),
                false => ty.upsert_key.clone(),
            };
            ty.kind = StreamKind::Upsert { key };
        }
    }
    ty.state = plan
        .nodes
        .iter()
        .filter(first)
        .filter_map(|node| State::of(plan, node))
        .map(|state| OperatorState {
            what: state.what,
            grows: state.grows.map(str::to_string),
        })
        .collect();
}
