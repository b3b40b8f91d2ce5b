//! Operators over updated streams and over two streams, from their plan.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use arrow::datatypes::SchemaRef;
use datafusion_expr::Expr;
use datafusion_physical_expr::PhysicalExpr;
use millstream_compiler::plan::lifetime::state_ttl;
use millstream_compiler::plan::phases::mini_batch;
use millstream_compiler::plan::stream::{
    self, JoinOn, JoinTime, PlanColumn, PlanNode, RankEnd, StreamOp, StreamPlan, positional_schema,
};
use millstream_compiler::plan::{ChangelogMode, keys::unique_keys};
use millstream_functions::types::{FlinkType, TypeKind};
use millstream_operators::changelog_normalize::{ChangelogNormalize, ChangelogNormalizeSpec};
use millstream_operators::drop_update_before::DropUpdateBefore;
use millstream_operators::expand::{Expand, ExpandSpec};
use millstream_operators::group_aggregate::{
    GroupAggregate, GroupAggregateSpec, LocalGroupAggregate, MiniBatch,
};
use millstream_operators::interval_join::{IntervalJoin, IntervalJoinSpec, IntervalTime};
use millstream_operators::regular_join::{JoinSide, JoinSpec, RegularJoin, SideKey};
use millstream_operators::set_operations::{SetOperation, SetOperationKind, SetOperationSpec};
use millstream_operators::sink_constraints::{
    LengthEnforcer, NestedEnforcer, NotNullEnforcer, SinkConstraints, SinkConstraintsSpec,
};
use millstream_operators::sink_upsert_materialize::{
    SinkUpsertMaterialize, SinkUpsertMaterializeSpec,
};
use millstream_operators::temporal_join::{
    JoinKind, TemporalJoin, TemporalJoinSpec, TemporalJoinTime,
};
use millstream_operators::temporal_sort::{FullSort, ProctimeSort, RowtimeSort};
use millstream_operators::top_n::{SortColumn, TopNSpec, TopNStrategy};
use millstream_operators::unnest::{Unnest, UnnestSpec};
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
    let ttl_millis = state_ttl(plan, node, 0);
    Ok(Some(match &node.op {
        StreamOp::GroupAggregate { keys, calls } => {
            let spec = aggregate(plan, node, input, (keys, calls))?;
            Box::new(GroupAggregate::with_schema(
                context,
                schema,
                &spec,
                node.schema(),
            )?)
        }
        StreamOp::LocalAggregate { keys, calls } => {
            let spec = aggregate(plan, node, input, (keys, calls))?;
            Box::new(LocalGroupAggregate::new(context, schema, &spec)?)
        }
        StreamOp::GlobalAggregate { keys, calls } => {
            let rows = &plan.nodes[input.inputs[0]];
            let spec = aggregate(plan, node, rows, (keys, calls))?;
            Box::new(GroupAggregate::merging(
                context,
                rows.schema(),
                &spec,
                node.schema(),
            )?)
        }
        StreamOp::TopN {
            partition,
            order,
            start,
            end: RankEnd::Constant(end),
            with_rank,
            window: Some(window_end),
            latest,
            ..
        } => Box::new(WindowTopN::with_schema(
            context,
            schema,
            &WindowTopNSpec {
                partition: partition.clone(),
                window_end: *window_end,
                order: sort(order),
                start: *start,
                end: *end,
                with_rank: *with_rank,
                last_of_peers: *latest,
            },
            node.schema(),
        )?),
        StreamOp::TopN {
            partition,
            order,
            start,
            end,
            with_rank,
            forward,
            ..
        } => top_n(
            node,
            context,
            schema,
            partition,
            order,
            (*start, *end),
            *with_rank,
            match (retracting, forward) {
                (false, _) => TopNStrategy::AppendOnly,
                (true, Some(unique)) => TopNStrategy::Updating {
                    unique: unique.clone(),
                },
                (true, None) => TopNStrategy::Retracting,
            },
            ttl_millis,
        )?,
        StreamOp::Limit { skip, fetch } => top_n(
            node,
            context,
            schema,
            &[],
            &[],
            (skip + 1, RankEnd::Constant(skip + fetch)),
            false,
            match retracting {
                true => TopNStrategy::Retracting,
                false => TopNStrategy::AppendOnly,
            },
            ttl_millis,
        )?,
        StreamOp::TemporalSort { rowtime, order } if is_proctime(input, *rowtime) => {
            Box::new(ProctimeSort::new(context, schema, &sort(order))?)
        }
        StreamOp::TemporalSort { rowtime, order } => {
            Box::new(RowtimeSort::new(context, schema, *rowtime, &sort(order))?)
        }
        StreamOp::Match(spec) => super::matching::operator(spec, input, context, node.schema())?,
        StreamOp::Sort { order } => Box::new(FullSort::new(context, schema, &sort(order))?),
        StreamOp::SetOperation { except, all } => Box::new(SetOperation::new(
            context,
            schema,
            node.schema(),
            &SetOperationSpec {
                kind: match except {
                    true => SetOperationKind::Except { all: *all },
                    false => SetOperationKind::Intersect { all: *all },
                },
                ttl_millis,
            },
        )?),
        StreamOp::Unnest {
            column,
            left,
            ordinality,
            condition,
        } => {
            let spec = UnnestSpec {
                column: *column,
                multiset: matches!(
                    input.columns[*column].flink_type().kind,
                    TypeKind::Multiset(_)
                ),
                left: *left,
                ordinality: *ordinality,
            };
            let condition = condition
                .as_ref()
                .map(|c| physical(c, &positional_schema(&node.columns)?))
                .transpose()?;
            Box::new(Unnest::with_schema(spec, node.schema()).with_condition(condition))
        }
        StreamOp::DropUpdateBefore => Box::new(DropUpdateBefore),
        StreamOp::UpsertMaterialize { key, row_key } => Box::new(SinkUpsertMaterialize::new(
            context,
            schema,
            &SinkUpsertMaterializeSpec {
                primary_key: key.clone(),
                upsert_key: row_key.clone(),
                ttl_millis,
            },
        )?),
        StreamOp::SinkConstraints { columns } => Box::new(constraints(plan, columns)?),
        StreamOp::ChangelogNormalize { keys, filter } => Box::new(ChangelogNormalize::new(
            context,
            schema,
            ChangelogNormalizeSpec {
                key: keys.clone(),
                filter: filter
                    .as_ref()
                    .map(|filter| physical(filter, &positional_schema(&input.columns)?))
                    .transpose()?,
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
            join(plan, node, context, on, *time, (input, right))?
        }
        _ => return Ok(None),
    }))
}

/// What an aggregate of `rows` computes.
fn aggregate(
    plan: &StreamPlan,
    node: &PlanNode,
    rows: &PlanNode,
    (keys, calls): (&[usize], &[stream::AggregateCall]),
) -> Result<GroupAggregateSpec> {
    let schema = rows.schema();
    Ok(GroupAggregateSpec {
        keys: keys.to_vec(),
        calls: calls.iter().map(|c| call(c, &schema)).collect(),
        retracting: rows.changelog != ChangelogMode::Append,
        update_before: node.changelog == ChangelogMode::Retract,
        ttl_millis: state_ttl(plan, node, 0),
        mini_batch: mini_batch(&plan.settings)?.map(|mini| MiniBatch {
            rows: mini.rows,
            millis: mini.millis,
        }),
    })
}

#[expect(clippy::too_many_arguments, reason = "the parts of one plan node")]
fn top_n(
    node: &PlanNode,
    context: &OperatorContext,
    schema: SchemaRef,
    partition: &[usize],
    order: &[stream::SortColumn],
    (start, end): (u64, RankEnd),
    with_rank: bool,
    strategy: TopNStrategy,
    ttl_millis: Option<i64>,
) -> Result<Box<dyn Operator>> {
    let spec = TopNSpec {
        partition: partition.to_vec(),
        order: sort(order),
        start,
        end: match end {
            RankEnd::Constant(end) => end,
            RankEnd::Column(_) => u64::MAX,
        },
        end_column: end.column(),
        with_rank,
        strategy,
        update_before: node.changelog == ChangelogMode::Retract,
        ttl_millis,
    };
    Ok(spec.operator_with_schema(context, schema, node.schema())?)
}

fn join(
    plan: &StreamPlan,
    node: &PlanNode,
    context: &OperatorContext,
    on: &JoinOn,
    time: JoinTime,
    (left, right): (&PlanNode, &PlanNode),
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
                left: side(plan, node, 0, left_keys),
                right: side(plan, node, 1, right_keys),
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

/// What a regular join needs to know of input `port`.
fn side(plan: &StreamPlan, node: &PlanNode, port: usize, keys: Vec<usize>) -> JoinSide {
    let input = node.inputs[port];
    let known = &unique_keys(plan)[input];
    let within = |key: &Vec<usize>| key.iter().all(|column| keys.contains(column));
    let unique = match known.first() {
        _ if known.iter().any(within) => SideKey::JoinKeyContainsUniqueKey,
        Some(key) => SideKey::UniqueKey(key.clone()),
        None => SideKey::NoUniqueKey,
    };
    JoinSide {
        keys,
        unique,
        retracting: plan.nodes[input].changelog != ChangelogMode::Append,
        ttl_millis: state_ttl(plan, node, port),
    }
}

/// What a sink's column types demand of its rows.
fn constraints(plan: &StreamPlan, columns: &[(String, FlinkType)]) -> Result<SinkConstraints> {
    let is = |key: &str, value: &str| {
        let set = plan.settings.get(key);
        set.is_some_and(|set| set.eq_ignore_ascii_case(value))
    };
    let length = "table.exec.sink.type-length-enforcer";
    let nested = "table.exec.sink.nested-constraint-enforcer";
    Ok(SinkConstraints::new(SinkConstraintsSpec {
        columns: columns.to_vec(),
        not_null: match is("table.exec.sink.not-null-enforcer", "DROP") {
            true => NotNullEnforcer::Drop,
            false => NotNullEnforcer::Error,
        },
        length: match () {
            () if is(length, "TRIM_PAD") => LengthEnforcer::TrimPad,
            () if is(length, "ERROR") => LengthEnforcer::Error,
            () => LengthEnforcer::Ignore,
        },
        nested: match () {
            () if is(nested, "ROWS") => NestedEnforcer::Rows,
            () if is(nested, "ROWS_AND_COLLECTIONS") => NestedEnforcer::RowsAndCollections,
            () => NestedEnforcer::Ignore,
        },
    })?)
}

pub(super) fn sort(order: &[stream::SortColumn]) -> Vec<SortColumn> {
    order
        .iter()
        .map(|by| SortColumn {
            column: by.column,
            descending: by.descending,
            nulls_first: by.nulls_first,
        })
        .collect()
}
