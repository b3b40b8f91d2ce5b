//! Cutting a plan into fragments.
//!
//! Operators stay together as long as rows stay where they are. A new fragment begins where rows
//! must be shared out by key (unless they already are), where all go to one instance, and where
//! streams of several fragments come together.

use millstream_compiler::plan::stream::{Distribution, StreamOp, StreamPlan, plain_column};
use millstream_functions::window::Window;

/// How rows go from one fragment's instances to another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Routing {
    /// To the instance of the same number.
    Forward,
    /// By the hash of these columns.
    Hash(Vec<usize>),
    /// In turn to all instances.
    RoundRobin,
    /// To the only instance.
    Single,
}

/// A connection of two fragments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Where rows come from: an operator of the plan.
    pub from: usize,
    /// Where they go: an operator and its input.
    pub to: (usize, usize),
    /// How.
    pub routing: Routing,
}

/// Operators that run in one task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fragment {
    /// Operators of the plan, in topological order.
    pub nodes: Vec<usize>,
    /// How many instances run.
    pub parallelism: usize,
}

/// A plan cut into fragments.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FragmentGraph {
    /// The fragments; edges go from smaller to larger numbers.
    pub fragments: Vec<Fragment>,
    /// The fragment of each operator.
    pub fragment_of: Vec<usize>,
    /// The edges between fragments.
    pub edges: Vec<Edge>,
}

impl FragmentGraph {
    /// Cuts `plan` for instances of `parallelism`.
    pub fn of(plan: &StreamPlan, parallelism: usize) -> Self {
        let mut graph = FragmentGraph::default();
        // By which of its columns an operator's rows are shared out among the instances.
        let mut shared_by: Vec<Option<Vec<usize>>> = Vec::new();
        for (index, node) in plan.nodes.iter().enumerate() {
            let from: Vec<usize> = node.inputs.iter().map(|&i| graph.fragment_of[i]).collect();
            let chained = match from.as_slice() {
                [] => None,
                [first, rest @ ..] if rest.iter().all(|f| f == first) => Some(*first),
                _ => None,
            };
            let instances_of = |graph: &FragmentGraph, f: usize| graph.fragments[f].parallelism;
            let ports = 0..node.inputs.len();
            let needs: Vec<Distribution> =
                ports.clone().map(|port| node.distribution(port)).collect();
            // Rows are where they must be already.
            let stays = |f: usize| {
                let alone = instances_of(&graph, f) == 1;
                needs
                    .iter()
                    .zip(&node.inputs)
                    .all(|(need, &input)| match need {
                        Distribution::Forward => true,
                        Distribution::Hash(keys) => {
                            (alone && parallelism == 1) || shared_by[input].as_ref() == Some(keys)
                        }
                        Distribution::Single => alone,
                    })
            };
            let fragment = chained.filter(|&f| stays(f));
            let single = needs.contains(&Distribution::Single);
            let fragment = match fragment {
                Some(fragment) => fragment,
                None => {
                    let instances = match &node.op {
                        StreamOp::Values { .. } => 1,
                        _ if single => 1,
                        _ => parallelism,
                    };
                    graph.fragments.push(Fragment {
                        nodes: vec![],
                        parallelism: instances,
                    });
                    for (port, &input) in node.inputs.iter().enumerate() {
                        let upstream = graph.fragments[graph.fragment_of[input]].parallelism;
                        let routing = match &needs[port] {
                            _ if single => Routing::Single,
                            Distribution::Hash(keys) => Routing::Hash(keys.clone()),
                            Distribution::Forward if upstream != instances => Routing::RoundRobin,
                            Distribution::Forward | Distribution::Single => Routing::Forward,
                        };
                        graph.edges.push(Edge {
                            from: input,
                            to: (index, port),
                            routing,
                        });
                    }
                    graph.fragments.len() - 1
                }
            };
            graph.fragments[fragment].nodes.push(index);
            graph.fragment_of.push(fragment);
            shared_by.push(sharing(plan, index, &shared_by));
        }
        graph
    }
}

/// By which of its columns the rows of operator `index` are shared out.
fn sharing(plan: &StreamPlan, index: usize, before: &[Option<Vec<usize>>]) -> Option<Vec<usize>> {
    let node = &plan.nodes[index];
    let below = || before[*node.inputs.first()?].clone();
    match &node.op {
        StreamOp::Source { .. }
        | StreamOp::Values { .. }
        | StreamOp::Union
        | StreamOp::Limit { .. }
        | StreamOp::TemporalSort { .. }
        | StreamOp::Sort { .. }
        | StreamOp::Expand { .. } => None,
        StreamOp::GroupAggregate { keys, .. } | StreamOp::GlobalAggregate { keys, .. } => {
            non_empty((0..keys.len()).collect())
        }
        StreamOp::LocalAggregate { keys, .. } => below()?
            .iter()
            .map(|column| keys.iter().position(|key| key == column))
            .collect(),
        StreamOp::TopN { partition, .. } => non_empty(partition.clone()),
        StreamOp::Match(spec) => non_empty((0..spec.partition.len()).collect()),
        StreamOp::ChangelogNormalize { keys, .. } => non_empty(keys.clone()),
        // Rows that a join pads on the left have NULL in place of the left key.
        StreamOp::Join { on, .. } if !on.kind.pads_right() => non_empty(on.left.clone()),
        StreamOp::Join { .. } => None,
        StreamOp::Over { partition, .. } => non_empty(partition.clone()),
        StreamOp::Deduplicate { keys, .. } => non_empty(keys.clone()),
        StreamOp::WindowAggregate { keys, .. } => non_empty((0..keys.len()).collect()),
        StreamOp::WindowTvf {
            window: Window::Session { .. },
            partition,
            ..
        } => non_empty(partition.clone()),
        StreamOp::SetOperation { .. } => non_empty((0..node.columns.len()).collect()),
        StreamOp::UpsertMaterialize { key, .. } => non_empty(key.clone()),
        StreamOp::WindowTvf { .. }
        | StreamOp::LookupJoin { .. }
        | StreamOp::Predict { .. }
        | StreamOp::Unnest { .. }
        | StreamOp::DropUpdateBefore
        | StreamOp::SinkConstraints { .. }
        | StreamOp::Sink { .. } => below(),
        StreamOp::Calc { exprs, .. } => below()?
            .iter()
            .map(|&key| exprs.iter().position(|e| plain_column(e) == Some(key)))
            .collect(),
    }
}

fn non_empty(keys: Vec<usize>) -> Option<Vec<usize>> {
    (!keys.is_empty()).then_some(keys)
}
