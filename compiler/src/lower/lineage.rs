//! Where the columns of a stream come from.
//!
//! A column is *made* at the node that computes it, or at the source that reads it. Nodes behind
//! pass it on, perhaps under another name. What is told of a column of a node: the node and the
//! column it was made as, or, if the node makes it itself, what it is computed from.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::NodeId;
use crate::plan::StreamPlan;
use crate::plan::stream::{AggregateCall, PlanNode, StreamOp, columns_of, plain_column};

/// Where a column of a stream comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColumnOrigin {
    /// The columns that its values are taken or computed from, each at the node that made it.
    /// Empty if it depends on none, as a column that a source reads.
    pub from: Vec<(NodeId, String)>,
    /// Whether its values are those of the only column in `from`, as they are.
    pub passed: bool,
}

/// A column of the relation whose rows an operator gives: the operator's number and the position.
type Made = (usize, usize);

/// What is known of a column of an operator.
#[derive(Debug, Clone, Default)]
struct Traced {
    /// Where it was made, if that is in another relation than the operator's own.
    made: Option<Made>,
    /// Otherwise what it is computed from.
    from: BTreeSet<Made>,
}

impl Traced {
    fn sources(&self) -> Vec<Made> {
        match self.made {
            Some(made) => vec![made],
            None => self.from.iter().copied().collect(),
        }
    }
}

/// How a column of an operator comes about.
enum Step {
    /// It is a column of an input: number of the input, position.
    Same(usize, usize),
    /// It is the column of this position of every input.
    Merged,
    /// It is computed from columns of the first input.
    Computed(Vec<usize>),
}

/// The origins of all columns of a bound plan.
pub(super) struct Lineage<'a> {
    plan: &'a StreamPlan,
    /// The nodes of the pipeline whose rows an operator gives.
    names: BTreeMap<usize, &'a NodeId>,
    traced: Vec<Vec<Traced>>,
}

impl<'a> Lineage<'a> {
    /// Traces every column; `roots` says which operator gives the rows of which node.
    pub(super) fn of(
        plan: &'a StreamPlan,
        roots: impl Iterator<Item = (usize, &'a NodeId)>,
    ) -> Self {
        let mut lineage = Self {
            plan,
            names: BTreeMap::new(),
            traced: Vec::with_capacity(plan.nodes.len()),
        };
        for (root, node) in roots {
            // Of two nodes with one operator, one passes the rows of the other on: the other,
            // which its first origin names, is where they come from.
            let first = plan.nodes[root].origins.first();
            let owner = first.is_some_and(|first| first == node.as_str());
            if owner || !lineage.names.contains_key(&root) {
                lineage.names.insert(root, node);
            }
        }
        // Inputs have smaller numbers.
        for node in &plan.nodes {
            let columns = (0..node.columns.len()).map(|column| lineage.trace(node, column));
            let columns = columns.collect();
            lineage.traced.push(columns);
        }
        lineage
    }

    fn trace(&self, node: &PlanNode, column: usize) -> Traced {
        match step(self.plan, node, column) {
            Step::Same(input, position) => self.seen_from_behind(node, input, position),
            Step::Merged => {
                let inputs = 0..node.inputs.len();
                let all = inputs.map(|input| self.seen_from_behind(node, input, column));
                let all: Vec<Traced> = all.collect();
                let sources = all.iter().flat_map(Traced::sources);
                match all.first().and_then(|first| first.made) {
                    Some(made) if all.iter().all(|one| one.made == Some(made)) => Traced {
                        made: Some(made),
                        from: BTreeSet::new(),
                    },
                    _ => Traced {
                        made: None,
                        from: sources.collect(),
                    },
                }
            }
            Step::Computed(from) => Traced {
                made: None,
                from: (from.into_iter())
                    .flat_map(|position| self.seen_from_behind(node, 0, position).sources())
                    .collect(),
            },
        }
    }

    /// A column of an input as the operators of another relation see it.
    fn seen_from_behind(&self, node: &PlanNode, input: usize, position: usize) -> Traced {
        let Some(&operator) = node.inputs.get(input) else {
            return Traced::default();
        };
        let Some(traced) = self.traced[operator].get(position) else {
            return Traced::default();
        };
        match traced.made {
            None if self.names.contains_key(&operator) => Traced {
                made: Some((operator, position)),
                from: BTreeSet::new(),
            },
            _ => traced.clone(),
        }
    }

    /// The origins of the columns that an operator gives, from the view of the node `id`.
    pub(super) fn columns(&self, operator: usize, id: &NodeId) -> Vec<ColumnOrigin> {
        // A node that passes all rows on has the operator of what feeds it.
        let foreign = self.names.get(&operator).is_some_and(|owner| *owner != id);
        let columns = self.traced[operator].iter().enumerate();
        let origins = columns.map(|(position, traced)| {
            let (sources, passed) = match traced.made {
                Some(made) => (vec![made], true),
                None if foreign => (vec![(operator, position)], true),
                None => (traced.sources(), false),
            };
            let named = sources.into_iter().filter_map(|(operator, position)| {
                let node = *self.names.get(&operator)?;
                let column = self.plan.nodes[operator].columns.get(position)?;
                Some((node.clone(), column.name.clone()))
            });
            ColumnOrigin {
                from: named.collect(),
                passed,
            }
        });
        origins.collect()
    }
}

/// How a column of an operator comes about.
fn step(plan: &StreamPlan, node: &PlanNode, column: usize) -> Step {
    let width = |input: usize| {
        let input = node.inputs.get(input);
        input.map_or(0, |input| plan.nodes[*input].columns.len())
    };
    let computed = Step::Computed;
    // Input columns, then what is added, computed from these.
    let added = |from: Vec<usize>| match column < width(0) {
        true => Step::Same(0, column),
        false => computed(from),
    };
    let keys_then = |keys: &[usize], calls: &[AggregateCall], rest: Vec<usize>| match (
        keys.get(column),
        calls.get(column.wrapping_sub(keys.len())),
    ) {
        (Some(key), _) => Step::Same(0, *key),
        (None, Some(call)) => computed(read_by(call)),
        (None, None) => computed(rest),
    };
    match &node.op {
        StreamOp::Source { .. } | StreamOp::Values { .. } => computed(Vec::new()),
        StreamOp::Calc { exprs, .. } => match exprs.get(column) {
            Some(expr) => match plain_column(expr) {
                Some(position) => Step::Same(0, position),
                None => computed(columns_of(expr)),
            },
            None => computed(Vec::new()),
        },
        StreamOp::WindowTvf { rowtime, .. } => added(vec![*rowtime]),
        StreamOp::WindowAggregate {
            rowtime,
            keys,
            calls,
            ..
        } => keys_then(keys, calls, vec![*rowtime]),
        StreamOp::GroupAggregate { keys, calls }
        | StreamOp::LocalAggregate { keys, calls }
        | StreamOp::GlobalAggregate { keys, calls } => keys_then(keys, calls, Vec::new()),
        StreamOp::Over { groups, .. } => {
            let mut calls = groups.iter().flat_map(|group| &group.calls);
            let call = column.checked_sub(width(0)).and_then(|at| calls.nth(at));
            added(call.map_or(Vec::new(), read_by))
        }
        StreamOp::TopN { order, .. } => added(order.iter().map(|sort| sort.column).collect()),
        StreamOp::Join { .. } => match column.checked_sub(width(0)) {
            None => Step::Same(0, column),
            Some(right) => Step::Same(1, right),
        },
        StreamOp::Unnest { column, .. } => added(vec![*column]),
        StreamOp::Predict { args, .. } => added(args.clone()),
        StreamOp::Match(_) => computed((0..width(0)).collect()),
        StreamOp::SetOperation { .. } | StreamOp::Union => Step::Merged,
        StreamOp::LookupJoin { .. }
        | StreamOp::Expand { .. }
        | StreamOp::Deduplicate { .. }
        | StreamOp::Limit { .. }
        | StreamOp::TemporalSort { .. }
        | StreamOp::Sort { .. }
        | StreamOp::ChangelogNormalize { .. }
        | StreamOp::DropUpdateBefore
        | StreamOp::UpsertMaterialize { .. }
        | StreamOp::SinkConstraints { .. }
        | StreamOp::Sink { .. } => added(Vec::new()),
    }
}

/// The columns that an aggregate reads, the condition of its FILTER included.
fn read_by(call: &AggregateCall) -> Vec<usize> {
    call.args.iter().copied().chain(call.filter).collect()
}
