//! Which operators must tell the old value of an update, and which need not.
//!
//! Translation says of every operator whether its rows are updated at all. Here the consumers are asked, from the
//! sinks down: where nobody reads the old value of an update (`-U`), the operator does not make it
//! ([`ChangelogMode::Upsert`]), as in Flink's changelog mode inference.

use super::stream::{ChangelogMode, JoinTime, PlanNode, StreamOp, StreamPlan, columns_of};

/// Sets the changelog mode of each operator to what its consumers need.
pub(crate) fn infer(plan: &mut StreamPlan) {
    let mut wanted = vec![false; plan.nodes.len()];
    for index in (0..plan.nodes.len()).rev() {
        let node = &plan.nodes[index];
        let own = wanted[index];
        let needs: Vec<bool> = (0..node.inputs.len())
            .map(|port| needs_before(plan, node, port, own))
            .collect();
        let inputs = node.inputs.clone();
        for (input, needs) in inputs.into_iter().zip(needs) {
            wanted[input] |= needs;
        }
    }
    for (index, wanted) in wanted.into_iter().enumerate() {
        let has_key = plan.nodes[index].upsert_key.is_some();
        let sink = matches!(plan.nodes[index].op, StreamOp::Sink { .. });
        let source = matches!(plan.nodes[index].op, StreamOp::Source { .. });
        let passes: Option<ChangelogMode> = passes_on(&plan.nodes[index].op)
            .then(|| {
                plan.nodes[index]
                    .inputs
                    .iter()
                    .map(|&i| plan.nodes[i].changelog)
                    .max_by_key(|mode| *mode as u8)
            })
            .flatten();
        let node = &mut plan.nodes[index];
        node.changelog = match (node.changelog, passes) {
            (ChangelogMode::Append, _) => ChangelogMode::Append,
            // A table gives what it gives.
            (mode, _) if source => mode,
            // What only passes rows on gives the kinds it is given.
            (_, Some(mode)) => mode,
            (_, None) if sink => node.changelog,
            (_, None) if wanted || !has_key => ChangelogMode::Retract,
            (_, None) => ChangelogMode::Upsert,
        };
    }
}

/// Whether the operator gives the row kinds of its input.
fn passes_on(op: &StreamOp) -> bool {
    matches!(
        op,
        StreamOp::Calc { .. }
            | StreamOp::Union
            | StreamOp::Predict { .. }
            | StreamOp::Expand { .. }
            | StreamOp::WindowTvf { .. }
            | StreamOp::LookupJoin { .. }
            | StreamOp::Sink { .. }
    )
}

/// Whether the operator reads the old value of updates of input `port`; `own` says whether its consumers want
/// old values from itself.
fn needs_before(plan: &StreamPlan, node: &PlanNode, port: usize, own: bool) -> bool {
    let input = &plan.nodes[node.inputs[port]];
    match &node.op {
        StreamOp::Sink { table } => sink_needs_before(plan, *table, input),
        StreamOp::Calc { filter, .. } => {
            // A row that no longer passes must be taken back, unless the key alone decides.
            let by_key = |filter: &datafusion_expr::Expr| match &input.upsert_key {
                Some(key) => columns_of(filter).iter().all(|column| key.contains(column)),
                None => false,
            };
            let keeps_key = node.upsert_key.is_some();
            own || !keeps_key || filter.as_ref().is_some_and(|filter| !by_key(filter))
        }
        // What the table says of the old row may have changed: it is taken back by its key only.
        StreamOp::Union
        | StreamOp::Predict { .. }
        | StreamOp::Expand { .. }
        | StreamOp::LookupJoin { .. } => own || node.upsert_key.is_none(),
        StreamOp::Join { on, time } => {
            let keys = if port == 0 { &on.left } else { &on.right };
            let by_key = input
                .upsert_key
                .as_ref()
                .is_some_and(|key| key.iter().all(|column| keys.contains(column)));
            match time {
                JoinTime::Temporal { .. } if port == 1 => false,
                _ => own || !by_key,
            }
        }
        StreamOp::ChangelogNormalize { .. } => false,
        _ => true,
    }
}

fn sink_needs_before(plan: &StreamPlan, table: usize, input: &PlanNode) -> bool {
    let table = &plan.tables[table];
    if let Some(mode) = table.options.get("sink-changelog-mode-enforced") {
        return mode.split(',').any(|kind| kind.trim() == "UB");
    }
    // A table with a primary key takes upserts, if the stream's key is that of the table.
    let key: Option<Vec<&str>> = input.upsert_key.as_ref().map(|key| {
        key.iter()
            .map(|&i| input.columns[i].name.as_str())
            .collect()
    });
    let prints = table.options.get("connector").is_some_and(|c| c == "print");
    let by_key = !table.primary_key.is_empty()
        && key.is_some_and(|key| {
            key.len() == table.primary_key.len()
                && table.primary_key.iter().all(|k| key.contains(&k.as_str()))
        });
    prints || !by_key
}
