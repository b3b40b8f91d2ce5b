//! OVER, from its plan: in the order of event time, of processing time or of another column.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use millstream_compiler::plan::lifetime::state_ttl;
use millstream_compiler::plan::stream::{PlanNode, StreamOp, StreamPlan};
use millstream_compiler::plan::{ChangelogMode, TimeAttribute};
use millstream_functions::aggregate::AggregateKind;
use millstream_functions::window::Frame;
use millstream_operators::aggregates::AggregateCall;
use millstream_operators::general_over::GeneralOver;
use millstream_operators::over_aggregate::{OverAggregate, OverGroup, OverSpec};
use millstream_operators::proctime_over::{ProctimeOver, ProctimeOverSpec};
use millstream_operators::unbounded_over::{UnboundedOver, UnboundedOverSpec};
use millstream_operators::{Operator, OperatorContext};

use super::build::call;

/// The operator of a node, if it is one of these.
pub(super) fn operator(
    plan: &StreamPlan,
    node: &PlanNode,
    context: &OperatorContext,
) -> Result<Option<Box<dyn Operator>>> {
    let StreamOp::Over {
        partition,
        rowtime,
        groups,
    } = &node.op
    else {
        return Ok(None);
    };
    let input = node.inputs.first().map(|&input| &plan.nodes[input]);
    let input = input.ok_or_else(|| anyhow!("OVER has no input"))?;
    let schema = input.schema();
    let time = input.columns[*rowtime].time;
    if time == Some(TimeAttribute::Rowtime) {
        let mut spec = OverSpec {
            partition: partition.clone(),
            order: *rowtime,
            groups: groups
                .iter()
                .map(|g| OverGroup {
                    frame: g.frame,
                    calls: g.calls.iter().map(|c| call(c, &schema)).collect(),
                })
                .collect(),
        };
        let output = node.schema();
        if let [group] = spec.groups.as_mut_slice()
            && groups[0].calls.iter().any(|c| c.is_general(&input.columns))
        {
            group.calls.iter_mut().for_each(counted);
            return Ok(Some(Box::new(GeneralOver::with_schema(
                context, schema, &spec, output,
            )?)));
        }
        return Ok(Some(Box::new(OverAggregate::with_schema(
            context, schema, &spec, output,
        )?)));
    }
    let [group] = groups.as_slice() else {
        return Err(anyhow!("OVER has several frames out of event time"));
    };
    let mut calls: Vec<AggregateCall> = group.calls.iter().map(|c| call(c, &schema)).collect();
    calls.iter_mut().for_each(counted);
    let ttl_millis = state_ttl(plan, node, 0);
    Ok(Some(match time {
        Some(_) => Box::new(ProctimeOver::with_schema(
            context,
            &schema,
            &ProctimeOverSpec {
                partition: partition.clone(),
                frame: group.frame,
                calls,
                ttl_millis,
            },
            node.schema(),
        )?),
        None => Box::new(UnboundedOver::with_schema(
            context,
            Arc::clone(&schema),
            &UnboundedOverSpec {
                partition: partition.clone(),
                order: vec![*rowtime],
                rows: matches!(group.frame, Frame::Rows(_)),
                calls,
                update_before: node.changelog == ChangelogMode::Retract,
                ttl_millis,
            },
            node.schema(),
        )?),
    }))
}

/// The number of a row is the count of the rows up to it.
fn counted(call: &mut AggregateCall) {
    if call.kind == AggregateKind::RowNumber {
        call.kind = AggregateKind::Count;
    }
}
