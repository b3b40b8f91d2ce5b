//! Consecutive Calcs of one statement become one.

use datafusion_common::Result;
use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_expr::Expr;

use super::stream::{PlanNode, StreamOp, StreamPlan, column_index, plain_column, substitute};

/// Merges each Calc into the only reader of its rows, if that is a Calc of the same statement.
///
/// Calcs of different statements stay apart: rows and metrics are looked at by statement. Nor is
/// anything computed twice, or computed for rows that a filter had dropped before.
pub(crate) fn merge(mut plan: StreamPlan) -> Result<StreamPlan> {
    for upper in 0..plan.nodes.len() {
        let Some(&lower) = plan.nodes[upper].inputs.first() else {
            continue;
        };
        if plan.consumers(lower).count() != 1 {
            continue;
        }
        let Some(op) = merged(&plan.nodes[upper], &plan.nodes[lower])? else {
            continue;
        };
        let inputs = plan.nodes[lower].inputs.clone();
        let node = &mut plan.nodes[upper];
        node.op = op;
        node.inputs = inputs;
        // What has no reader any more is dropped below.
        plan.nodes[lower].inputs.clear();
    }
    Ok(without_unread(plan))
}

fn merged(upper: &PlanNode, lower: &PlanNode) -> Result<Option<StreamOp>> {
    let (
        StreamOp::Calc { exprs, filter },
        StreamOp::Calc {
            exprs: below,
            filter: filter_below,
        },
    ) = (&upper.op, &lower.op)
    else {
        return Ok(None);
    };
    let same = upper.origins == lower.origins && upper.span == lower.span;
    if !same || lower.inputs.is_empty() || (filter.is_some() && filter_below.is_some()) {
        return Ok(None);
    }
    let mut reads = vec![0; below.len()];
    for expr in exprs.iter().chain(filter) {
        expr.apply(|e| {
            if let Expr::Column(c) = e
                && let Some(index) = column_index(c)
            {
                reads[index] += 1;
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    let cheap = |expr: &Expr| plain_column(expr).is_some() || matches!(expr, Expr::Literal(..));
    if below
        .iter()
        .zip(&reads)
        .any(|(expr, reads)| *reads > 1 && !cheap(expr))
    {
        return Ok(None);
    }
    let through = |expr: &Expr| substitute(expr.clone(), &|i| below[i].clone().unalias());
    Ok(Some(StreamOp::Calc {
        exprs: exprs.iter().map(through).collect::<Result<_>>()?,
        filter: match (filter, filter_below) {
            (Some(filter), _) => Some(through(filter)?),
            (None, below) => below.clone(),
        },
    }))
}

/// Drops Calcs that nobody reads.
fn without_unread(mut plan: StreamPlan) -> StreamPlan {
    let read: Vec<bool> = (0..plan.nodes.len())
        .map(|index| {
            !matches!(plan.nodes[index].op, StreamOp::Calc { .. })
                || plan.consumers(index).next().is_some()
        })
        .collect();
    let mut nodes: Vec<PlanNode> = Vec::with_capacity(plan.nodes.len());
    let mut places: Vec<usize> = Vec::with_capacity(plan.nodes.len());
    for (mut node, read) in plan.nodes.into_iter().zip(read) {
        places.push(nodes.len());
        if read {
            for input in &mut node.inputs {
                *input = places[*input];
            }
            nodes.push(node);
        }
    }
    plan.nodes = nodes;
    plan
}
