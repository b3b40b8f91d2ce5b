//! Which way the columns of an updated row move.
//!
//! A count of rows that are only inserted grows with every update of its group. A Top-N by such a
//! column, largest first, need not keep the rows that it has let go of: none of them comes back
//! unless it is updated itself.

use datafusion_expr::Expr;
use millstream_functions::aggregate::AggregateKind;

use super::keys::Key;
use super::stream::{ChangelogMode, StreamOp, StreamPlan, plain_column};

/// How an update changes a value of its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moves {
    /// Not at all.
    Stays,
    Up,
    Down,
}

/// Marks the Top-Ns whose input only moves rows forward in their order and comes by a key of its
/// own; `able` says which operators can leave out old values.
pub(crate) fn set_forward(plan: &mut StreamPlan, keys: &[Vec<Key>], able: &[bool]) {
    for index in 0..plan.nodes.len() {
        let node = &plan.nodes[index];
        let StreamOp::TopN {
            partition,
            order,
            window: None,
            ..
        } = &node.op
        else {
            continue;
        };
        let input = node.inputs[0];
        if plan.nodes[input].changelog == ChangelogMode::Append || !able[input] || order.is_empty()
        {
            continue;
        }
        let key = keys[input]
            .iter()
            .find(|key| partition.iter().all(|column| key.contains(column)));
        let only_forward = order.iter().all(|by| match moves(plan, input, by.column) {
            Some(Moves::Stays) => true,
            Some(Moves::Up) => by.descending,
            Some(Moves::Down) => !by.descending,
            None => false,
        });
        let found = key.filter(|_| only_forward).cloned();
        if let StreamOp::TopN { forward, .. } = &mut plan.nodes[index].op {
            *forward = found;
        }
    }
}

/// Which way updates move a column of an operator's rows; `None` if either, or if rows are deleted.
fn moves(plan: &StreamPlan, index: usize, column: usize) -> Option<Moves> {
    let node = &plan.nodes[index];
    if node.changelog == ChangelogMode::Append {
        return Some(Moves::Stays);
    }
    match &node.op {
        StreamOp::Calc {
            exprs,
            filter: None,
        } => match (plain_column(&exprs[column]), &exprs[column]) {
            (Some(source), _) => moves(plan, node.inputs[0], source),
            (None, Expr::Literal(_, _)) => Some(Moves::Stays),
            _ => None,
        },
        StreamOp::GroupAggregate { keys, calls }
            if plan.nodes[node.inputs[0]].changelog == ChangelogMode::Append =>
        {
            let Some(call) = column.checked_sub(keys.len()).and_then(|i| calls.get(i)) else {
                return Some(Moves::Stays);
            };
            match call.kind {
                AggregateKind::Count | AggregateKind::Max => Some(Moves::Up),
                AggregateKind::Min => Some(Moves::Down),
                _ => None,
            }
        }
        _ => None,
    }
}
