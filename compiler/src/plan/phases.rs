//! Mini-batches and aggregation in two phases.
//!
//! With mini-batches an aggregate answers a bundle of rows at once. Then it also pays to take rows
//! together by key before they are sent to the instance of their key: where few keys have most rows,
//! the exchange carries one row a key and bundle. As in Flink, that happens only with mini-batches.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Field};
use datafusion_common::{Result, plan_err};

use super::settings::duration_setting;
use super::stream::{ChangelogMode, PlanColumn, PlanNode, StreamOp, StreamPlan};

/// When a bundle of rows ends: whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MiniBatch {
    /// After so many rows.
    pub rows: usize,
    /// So many milliseconds after its first row.
    pub millis: i64,
}

/// The mini-batch that settings ask for, if any.
///
/// # Errors
/// It is asked for without a size or a latency.
pub fn mini_batch(settings: &BTreeMap<String, String>) -> Result<Option<MiniBatch>> {
    let set = |key: &str| settings.get(&format!("table.exec.mini-batch.{key}"));
    if set("enabled").is_none_or(|value| value != "true") {
        return Ok(None);
    }
    let rows = set("size").and_then(|size| size.parse().ok());
    let latency = duration_setting(settings, "table.exec.mini-batch.allow-latency");
    let millis = latency.and_then(|latency| i64::try_from(latency.as_millis()).ok());
    match (rows, millis) {
        (Some(rows @ 1..), Some(millis @ 1..)) => Ok(Some(MiniBatch { rows, millis })),
        (Some(1..), _) => plan_err!(
            "'table.exec.mini-batch.enabled' needs 'table.exec.mini-batch.allow-latency' above 0, such as '5 s'"
        ),
        _ => plan_err!(
            "'table.exec.mini-batch.enabled' needs 'table.exec.mini-batch.size' above 0, such as '5000'"
        ),
    }
}

/// Puts a first phase in front of each aggregate that can do with two.
pub(crate) fn split(mut plan: StreamPlan) -> Result<StreamPlan> {
    let phases = plan.settings.get("table.optimizer.agg-phase-strategy");
    let one = phases.is_some_and(|phases| phases.eq_ignore_ascii_case("ONE_PHASE"));
    if mini_batch(&plan.settings)?.is_none() || one {
        return Ok(plan);
    }
    let mut nodes: Vec<PlanNode> = Vec::with_capacity(plan.nodes.len());
    let mut places: Vec<usize> = Vec::with_capacity(plan.nodes.len());
    for mut node in plan.nodes {
        for input in &mut node.inputs {
            *input = places[*input];
        }
        if let StreamOp::GroupAggregate { keys, calls } = &node.op {
            let input = &nodes[node.inputs[0]];
            let inserts = input.changelog == ChangelogMode::Append;
            if !calls.is_empty() && calls.iter().all(|c| c.kind.merges(c.distinct, !inserts)) {
                let (keys, calls) = (keys.clone(), calls.clone());
                let mut columns: Vec<PlanColumn> =
                    keys.iter().map(|&key| input.columns[key].clone()).collect();
                let accumulators = Field::new("$accumulators", DataType::Binary, false);
                columns.push(PlanColumn::new("$accumulators", &accumulators));
                let local = PlanNode {
                    op: StreamOp::LocalAggregate {
                        keys: keys.clone(),
                        calls: calls.clone(),
                    },
                    inputs: node.inputs.clone(),
                    columns,
                    changelog: ChangelogMode::Append,
                    upsert_key: None,
                    window: None,
                    origins: node.origins.clone(),
                    uid: String::new(),
                    span: node.span,
                    state_ttl: [None; 2],
                };
                nodes.push(local);
                node.inputs = vec![nodes.len() - 1];
                node.op = StreamOp::GlobalAggregate { keys, calls };
            }
        }
        nodes.push(node);
        places.push(nodes.len() - 1);
    }
    plan.nodes = nodes;
    Ok(plan)
}
