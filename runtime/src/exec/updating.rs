//! Operators over updated streams and over two streams, from their plan.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use arrow::datatypes::SchemaRef;
use datafusion_expr::Expr;
use datafusion_physical_expr::PhysicalExpr;
use millstream_compiler::plan::stream::{
    self, JoinOn, JoinTime, PlanColumn, PlanNode, StreamOp, StreamPlan, positional_schema,
};
use millstream_compiler::plan::{ChangelogMode, settings};
use millstream_operators::changelog_normalize::{ChangelogNormalize, ChangelogNormalizeSpec};
use millstream_operators::expand::{Expand, ExpandSpec};
use millstream_operators::group_aggregate::{GroupAggregate, GroupAggregateSpec};
use millstream_operators::interval_join::{IntervalJoin, IntervalJoinSpec, IntervalTime};
use millstream_operators::regular_join::{JoinSide, JoinSpec, RegularJoin, SideKey};
use millstream_operators::temporal_join::{
    JoinKind, TemporalJoin, TemporalJoinSpec, TemporalJoinTime,
};
use millstream_operators::temporal_sort::RowtimeSort;
use millstream_operators::top_n::{SortColumn, TopNSpec, TopNStrategy};
use millstream_operators::window_join::{WindowJoin, WindowJoinSpec};
use millstream_operators::window_top_n::{WindowTopN, WindowTopNSpec};
use millstream_operators::{Operator, OperatorContext};

use super::build::{call, is_proctime, physical};

/// The operator of a node, if it is one of these.
pub(super) fn operator(
    plan: &StreamPlan,
    node: &PlanNode,
    context: &OperatorContext,
) -> Result<Option<Box<dyn Operator>>> {
    let inputs: Vec<&PlanNode> = node.inputs.iter().map(|&i| &plan.nodes[i]).collect();
    let Some(input) = inputs.first() else {
        return Ok(None);
    };
    let schema = input.schema();
    let retracting = input.changelog != ChangelogMode::Append;
    let update_before = node.changelog == ChangelogMode::Retract;
    let ttl_millis = ttl(plan);
    Ok(Some(match &node.op {
        StreamOp::GroupAggregate { keys, calls } => Box::new(GroupAggregate::with_schema(
            context,
            Arc::clone(&schema),
            &GroupAggregateSpec {
                keys: keys.clone(),
                calls: calls.iter().map(|c| call(c, &schema)).collect(),
                retracting,
                update_before,
                ttl_millis,
                mini_batch: None,
            },
            node.schema(),
        )?),
        StreamOp::TopN {
            order,
            start,
            end,
            with_rank,
            window: Some(window_end),
            ..
        } => Box::new(WindowTopN::with_schema(
            context,
            schema,
            &WindowTopNSpec {
                partition: node.rank_partition(),
                window_end: *window_end,
                order: sort(order),
                start: *start,
                end: *end,
                with_rank: *with_rank,
                last_of_peers: false,
            },
            node.schema(),
        )?),
        StreamOp::TopN {
            partition,
            order,
            start,
            end,
            with_rank,
            window: None,
        } => top_n(
            node,
            context,
            schema,
            partition,
            order,
            (*start, *end),
            *with_rank,
            retracting,
            ttl_millis,
        )?,
        StreamOp::Limit { skip, fetch } => top_n(
            node,
            context,
            schema,
            &[],
            &[],
            (skip + 1, skip + fetch),
            false,
            retracting,
            ttl_millis,
        )?,
        StreamOp::TemporalSort { rowtime, order } => {
            Box::new(RowtimeSort::new(context, schema, *rowtime, &sort(order))?)
        }
        StreamOp::ChangelogNormalize { keys } => Box::new(ChangelogNormalize::new(
            context,
            schema,
            ChangelogNormalizeSpec {
                key: keys.clone(),
                filter: None,
                update_before,
                ttl_millis,
            },
        )?),
        StreamOp::Expand { sets } => Box::new(Expand::with_schema(
            ExpandSpec {
                columns: (0..schema.fields().len()).collect(),
                sets: sets
                    .iter()
                    .map(|(id, nulls)| (nulls.clone(), *id))
                    .collect(),
            },
            node.schema(),
        )),
        StreamOp::Join { on, time } => {
            let Some(right) = inputs.get(1) else {
                return Err(anyhow!("a join has two inputs"));
            };
            join(node, context, on, *time, (input, right), ttl_millis)?
        }
        _ => return Ok(None),
    }))
}

#[expect(clippy::too_many_arguments, reason = "the parts of one plan node")]
fn top_n(
    node: &PlanNode,
    context: &OperatorContext,
    schema: SchemaRef,
    partition: &[usize],
    order: &[stream::SortColumn],
    (start, end): (u64, u64),
    with_rank: bool,
    retracting: bool,
    ttl_millis: Option<i64>,
) -> Result<Box<dyn Operator>> {
    let spec = TopNSpec {
        partition: partition.to_vec(),
        order: sort(order),
        start,
        end,
        with_rank,
        strategy: match retracting {
            true => TopNStrategy::Retracting,
            false => TopNStrategy::AppendOnly,
        },
        update_before: node.changelog == ChangelogMode::Retract,
        ttl_millis,
    };
    Ok(spec.operator_with_schema(context, schema, node.schema())?)
}

fn join(
    node: &PlanNode,
    context: &OperatorContext,
    on: &JoinOn,
    time: JoinTime,
    (left, right): (&PlanNode, &PlanNode),
    ttl_millis: Option<i64>,
) -> Result<Box<dyn Operator>> {
    let both: Vec<PlanColumn> = left.columns.iter().chain(&right.columns).cloned().collect();
    let condition = on
        .condition
        .as_ref()
        .map(|condition: &Expr| -> Result<Arc<dyn PhysicalExpr>> {
            physical(condition, &positional_schema(&both)?)
        })
        .transpose()?;
    let kind = match on.kind {
        stream::JoinKind::Inner => JoinKind::Inner,
        stream::JoinKind::Left => JoinKind::Left,
        stream::JoinKind::Right => JoinKind::Right,
        stream::JoinKind::Full => JoinKind::Full,
        stream::JoinKind::Semi => JoinKind::Semi,
        stream::JoinKind::Anti => JoinKind::Anti,
    };
    let (left_keys, right_keys) = (on.left.clone(), on.right.clone());
    let null_safe = on.null_safe.clone();
    Ok(match time {
        JoinTime::Regular => Box::new(RegularJoin::with_schema(
            context,
            &left.schema(),
            &right.schema(),
            &JoinSpec {
                kind,
                left: side(left, left_keys, ttl_millis),
                right: side(right, right_keys, ttl_millis),
                null_safe,
                condition,
            },
            node.schema(),
        )?),
        JoinTime::Interval {
            left: left_time,
            right: right_time,
            lower,
            upper,
        } => Box::new(IntervalJoin::with_schema(
            context,
            &left.schema(),
            &right.schema(),
            &IntervalJoinSpec {
                kind,
                left_keys,
                right_keys,
                null_safe,
                time: match is_proctime(left, left_time) {
                    true => IntervalTime::Processing,
                    false => IntervalTime::Rowtime {
                        left: left_time,
                        right: right_time,
                    },
                },
                lower,
                upper,
                condition,
            },
            node.schema(),
        )?),
        JoinTime::Window {
            left_end,
            right_end,
        } => Box::new(WindowJoin::with_schema(
            context,
            left.schema(),
            right.schema(),
            &WindowJoinSpec {
                kind,
                left_keys,
                right_keys,
                null_safe,
                left_window_end: left_end,
                right_window_end: right_end,
                condition,
            },
            node.schema(),
        )?),
        JoinTime::Temporal {
            left: left_time,
            right: right_time,
        } => Box::new(TemporalJoin::with_schema(
            context,
            left.schema(),
            right.schema(),
            &TemporalJoinSpec {
                kind,
                left_keys,
                right_keys,
                time: TemporalJoinTime::Rowtime {
                    left: left_time,
                    right: right_time,
                },
                condition,
            },
            node.schema(),
        )?),
    })
}

/// What a regular join needs to know of one of its inputs.
fn side(input: &PlanNode, keys: Vec<usize>, ttl_millis: Option<i64>) -> JoinSide {
    let unique = match &input.upsert_key {
        Some(key) if key.iter().all(|column| keys.contains(column)) => {
            SideKey::JoinKeyContainsUniqueKey
        }
        Some(key) => SideKey::UniqueKey(key.clone()),
        None => SideKey::NoUniqueKey,
    };
    JoinSide {
        keys,
        unique,
        retracting: input.changelog != ChangelogMode::Append,
        ttl_millis,
    }
}

fn sort(order: &[stream::SortColumn]) -> Vec<SortColumn> {
    order
        .iter()
        .map(|by| SortColumn {
            column: by.column,
            descending: by.descending,
            nulls_first: by.nulls_first,
        })
        .collect()
}

/// How long state is kept after it was last written, in milliseconds; `None` for ever, which zero stands for too.
pub(super) fn ttl(plan: &StreamPlan) -> Option<i64> {
    let kept = settings::duration_setting(&plan.settings, "table.exec.state.ttl")?;
    i64::try_from(kept.as_millis())
        .ok()
        .filter(|millis| *millis > 0)
}
