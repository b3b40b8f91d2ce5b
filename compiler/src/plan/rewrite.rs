//! Rewrites of the whole plan, once all statements are bound.
//!
//! 1. Consecutive OVER aggregates over the same key and order share one operator, so that rows
//!    are buffered, sorted and looked up once.
//! 2. Operators that no sink reads are dropped.
//! 3. Columns that nobody reads are dropped, down into the sources.
//! 4. DISTINCT aggregates are split in two levels, if that is asked for.
//! 5. Old values of updates that nobody reads are not made, and sinks get what they ask for.
//! 6. With mini-batches, aggregates get a first phase in front of their exchange.
//! 7. Every operator gets a name that is unique and stable.

use std::collections::{BTreeMap, BTreeSet};

use datafusion_common::{Result, plan_err};

use super::matching::{MatchSpec, Navigation};
use super::stream::{
    AggregateCall, AttachedWindow, JoinOn, JoinTime, LookupKeys, OverGroup, PlanNode, RankEnd,
    SortColumn, StreamOp, StreamPlan, TimeAttribute, WatermarkSpec, column, columns_of,
    plain_column, substitute,
};

/// All rewrites in order.
pub(crate) fn rewrite(mut plan: StreamPlan) -> Result<StreamPlan> {
    fuse_over(&mut plan)?;
    let plan = super::split_distinct::split(prune(plan)?)?;
    let plan = super::calcs::merge(plan)?;
    check_windows(&plan)?;
    let mut plan = super::phases::split(super::changelog::infer(plan)?)?;
    name_operators(&mut plan);
    Ok(plan)
}

/// Flink gives the windows of processing time only to aggregations.
fn check_windows(plan: &StreamPlan) -> Result<()> {
    for node in &plan.nodes {
        if let StreamOp::WindowTvf { rowtime, .. } = &node.op {
            let column = &plan.nodes[node.inputs[0]].columns[*rowtime];
            if column.time == Some(TimeAttribute::Proctime) {
                return plan_err!(
                    "a window function on the processing time '{}' is only supported with GROUP BY \
                     window_start, window_end directly behind it, as in Flink",
                    column.name
                );
            }
        }
    }
    Ok(())
}

/// Merges `Over` above `Calc`s above `Over` where both have the same key and order.
///
/// Flink emits from the lower one all rows up to the watermark before it forwards the watermark,
/// so none of them is late in the upper one: the result is the same.
fn fuse_over(plan: &mut StreamPlan) -> Result<()> {
    for upper in 0..plan.nodes.len() {
        let StreamOp::Over {
            partition,
            rowtime,
            groups,
        } = plan.nodes[upper].op.clone()
        else {
            continue;
        };
        // Processing time does not wait for anything: its frames are one operator each.
        let input = plan.nodes[upper].inputs[0];
        if plan.nodes[input].columns[rowtime].time != Some(TimeAttribute::Rowtime) {
            continue;
        }
        // DISTINCT and collections have an operator of their own.
        let general = |groups: &[OverGroup], input: usize| {
            let mut calls = groups.iter().flat_map(|group| &group.calls);
            calls.any(|call| call.is_general(&plan.nodes[input].columns))
        };
        if general(&groups, input) {
            continue;
        }
        // Down through Calcs that only this chain reads.
        let mut at = plan.nodes[upper].inputs[0];
        let mut through: Vec<_> = (0..plan.nodes[at].columns.len()).map(column).collect();
        // Calcs that an earlier merge left without a reader do not count.
        let live = reachable(plan);
        let only_reader = |plan: &StreamPlan, node: usize| {
            plan.consumers(node).filter(|&reader| live[reader]).count() == 1
        };
        let mut fusible = only_reader(plan, at);
        while fusible && let StreamOp::Calc { exprs, filter } = &plan.nodes[at].op {
            fusible = filter.is_none();
            through = through
                .into_iter()
                .map(|e| substitute(e, &|i| exprs[i].clone().unalias()))
                .collect::<Result<_>>()?;
            at = plan.nodes[at].inputs[0];
            fusible &= only_reader(plan, at);
        }
        let StreamOp::Over {
            partition: lower_partition,
            rowtime: lower_rowtime,
            groups: lower_groups,
        } = plan.nodes[at].op.clone()
        else {
            continue;
        };
        let below = plan.nodes[at].inputs[0];
        let width = plan.nodes[below].columns.len();
        let lowered = |i: usize| plain_column(&through[i]).filter(|&i| i < width);
        let lowered_partition: Option<Vec<usize>> = partition.iter().map(|&i| lowered(i)).collect();
        if !fusible
            || general(&lower_groups, below)
            || lowered_partition != Some(lower_partition.clone())
            || lowered(rowtime) != Some(lower_rowtime)
        {
            continue;
        }
        let lower_call = |call: &AggregateCall| -> Option<AggregateCall> {
            Some(AggregateCall {
                args: call
                    .args
                    .iter()
                    .map(|&i| lowered(i))
                    .collect::<Option<_>>()?,
                filter: match call.filter {
                    Some(i) => Some(lowered(i)?),
                    None => None,
                },
                ..call.clone()
            })
        };
        let added: Option<Vec<OverGroup>> = groups
            .iter()
            .map(|group| {
                Some(OverGroup {
                    frame: group.frame,
                    calls: group.calls.iter().map(lower_call).collect::<Option<_>>()?,
                })
            })
            .collect();
        let Some(added) = added else { continue };
        let lower_width = plan.nodes[at].columns.len();
        let new_calls: Vec<_> = added
            .iter()
            .flat_map(|g| g.calls.iter().map(|c| c.output.clone()))
            .collect();
        let upper_node = plan.nodes[upper].clone();
        let fused = &mut plan.nodes[at];
        fused.op = StreamOp::Over {
            partition: lower_partition,
            rowtime: lower_rowtime,
            groups: lower_groups.into_iter().chain(added).collect(),
        };
        fused.columns.extend(new_calls.iter().cloned());
        fused.origins.extend(upper_node.origins.iter().cloned());
        through.extend((0..new_calls.len()).map(|i| column(lower_width + i)));
        plan.nodes[upper] = PlanNode {
            op: StreamOp::Calc {
                exprs: through,
                filter: None,
            },
            inputs: vec![at],
            ..upper_node
        };
        // The Calcs in between have lost their reader and fall to the next step.
    }
    Ok(())
}

/// Which operators a sink reads, directly or not.
fn reachable(plan: &StreamPlan) -> Vec<bool> {
    let mut live = vec![false; plan.nodes.len()];
    for (index, node) in plan.nodes.iter().enumerate().rev() {
        live[index] |= matches!(node.op, StreamOp::Sink { .. });
        if live[index] {
            for &input in &node.inputs {
                live[input] = true;
            }
        }
    }
    live
}

/// Drops operators and columns that no sink needs.
fn prune(plan: StreamPlan) -> Result<StreamPlan> {
    let mut needed: Vec<Option<BTreeSet<usize>>> = vec![None; plan.nodes.len()];
    for index in (0..plan.nodes.len()).rev() {
        let node = &plan.nodes[index];
        if matches!(node.op, StreamOp::Sink { .. }) {
            needed[index] = Some((0..node.columns.len()).collect());
        }
        let Some(wanted) = needed[index].clone() else {
            continue;
        };
        let width = |i: usize| plan.nodes[node.inputs[i]].columns.len();
        let mut kept = wanted.clone();
        let mut reads: BTreeSet<usize> = BTreeSet::new();
        if let StreamOp::Join { on, time } = &node.op {
            let (left, right) = join_reads(on, *time, &kept, width(0));
            needed[index] = Some(kept);
            for (&input, reads) in node.inputs.iter().zip([left, right]) {
                needed[input]
                    .get_or_insert_with(BTreeSet::new)
                    .extend(&reads);
            }
            continue;
        }
        match &node.op {
            StreamOp::Source { watermark, .. } => {
                if let Some(w) = watermark {
                    kept.insert(w.column);
                    kept.extend(columns_of(&w.expr));
                }
                if kept.is_empty() && !node.columns.is_empty() {
                    // A batch tells its number of rows by a column.
                    kept.insert(0);
                }
            }
            StreamOp::Values { .. } => {}
            StreamOp::Calc { exprs, filter } => {
                if kept.is_empty() && !exprs.is_empty() {
                    kept.insert(0);
                }
                reads.extend(kept.iter().flat_map(|&i| columns_of(&exprs[i])));
                reads.extend(filter.iter().flat_map(columns_of));
            }
            StreamOp::WindowTvf {
                rowtime, partition, ..
            } => {
                let width = width(0);
                kept.insert(*rowtime);
                kept.extend(partition);
                kept.extend(width..width + 3);
                reads.extend(kept.iter().filter(|&&i| i < width));
            }
            StreamOp::WindowAggregate {
                rowtime,
                attached,
                keys,
                calls,
                ..
            } => {
                let first_window = keys.len() + calls.len();
                kept.extend(0..keys.len());
                kept.extend(first_window..first_window + 3);
                reads.insert(*rowtime);
                reads.extend(attached.iter().flat_map(|(start, end)| [start, end]));
                reads.extend(keys);
                for (i, call) in calls.iter().enumerate() {
                    if kept.contains(&(keys.len() + i)) {
                        reads.extend(&call.args);
                        reads.extend(call.filter);
                    }
                }
            }
            StreamOp::Over {
                partition,
                rowtime,
                groups,
            } => {
                let width = width(0);
                let calls: Vec<&AggregateCall> = groups.iter().flat_map(|g| &g.calls).collect();
                if !kept.iter().any(|&i| i >= width) && !calls.is_empty() {
                    kept.insert(width);
                }
                kept.insert(*rowtime);
                kept.extend(partition);
                for (i, call) in calls.into_iter().enumerate() {
                    if kept.contains(&(width + i)) {
                        kept.extend(&call.args);
                        kept.extend(call.filter);
                    }
                }
                reads.extend(kept.iter().filter(|&&i| i < width));
            }
            StreamOp::Deduplicate { keys, rowtime, .. } => {
                kept.extend(keys);
                kept.insert(*rowtime);
                reads.extend(&kept);
            }
            StreamOp::GroupAggregate { keys, calls }
            | StreamOp::GlobalAggregate { keys, calls }
            | StreamOp::LocalAggregate { keys, calls } => {
                kept.extend(0..keys.len());
                reads.extend(keys);
                for (i, call) in calls.iter().enumerate() {
                    if kept.contains(&(keys.len() + i)) {
                        reads.extend(&call.args);
                        reads.extend(call.filter);
                    }
                }
                // Without any call left it would be a DISTINCT, which gives no updates.
                if !calls.is_empty() && !kept.iter().any(|&i| i >= keys.len()) {
                    kept.insert(keys.len());
                    reads.extend(&calls[0].args);
                    reads.extend(calls[0].filter);
                }
            }
            StreamOp::TopN {
                partition,
                order,
                end,
                window,
                ..
            } => {
                let width = width(0);
                kept.extend(partition);
                kept.extend(order.iter().map(|by| by.column));
                kept.extend(end.column());
                kept.extend(*window);
                reads.extend(kept.iter().filter(|&&i| i < width));
            }
            // Every measure is made.
            StreamOp::Match(spec) => {
                kept.extend(0..node.columns.len());
                reads.extend(&spec.partition);
                reads.insert(spec.time);
                reads.extend(spec.order.iter().map(|by| by.column));
                reads.extend(spec.navigations.iter().filter_map(|n| n.column));
            }
            StreamOp::Sort { order } => {
                kept.extend(order.iter().map(|by| by.column));
                reads.extend(&kept);
            }
            StreamOp::TemporalSort { rowtime, order } => {
                kept.insert(*rowtime);
                kept.extend(order.iter().map(|by| by.column));
                reads.extend(&kept);
            }
            StreamOp::Limit { .. } => {
                if kept.is_empty() && !node.columns.is_empty() {
                    kept.insert(0);
                }
                reads.extend(&kept);
            }
            StreamOp::ChangelogNormalize { keys, filter } => {
                kept.extend(keys);
                kept.extend(filter.iter().flat_map(columns_of));
                reads.extend(&kept);
            }
            // Rows are compared, and written, as a whole.
            StreamOp::SetOperation { .. } => {
                kept.extend(0..node.columns.len());
                reads.extend(&kept);
            }
            StreamOp::SinkConstraints { columns } => {
                kept.extend(0..columns.len());
                reads.extend(&kept);
            }
            StreamOp::Unnest {
                column, condition, ..
            } => {
                let width = width(0);
                kept.insert(*column);
                kept.extend(condition.iter().flat_map(columns_of));
                kept.extend(width..node.columns.len());
                reads.extend(kept.iter().filter(|&&i| i < width));
            }
            StreamOp::DropUpdateBefore => {
                if kept.is_empty() && !node.columns.is_empty() {
                    kept.insert(0);
                }
                reads.extend(&kept);
            }
            StreamOp::UpsertMaterialize { key, row_key } => {
                kept.extend(key);
                kept.extend(row_key.iter().flatten());
                reads.extend(&kept);
            }
            StreamOp::Expand { sets } => {
                let width = width(0);
                kept.insert(width);
                kept.extend(sets.iter().flat_map(|(_, nulls)| nulls));
                reads.extend(kept.iter().filter(|&&i| i < width));
            }
            StreamOp::LookupJoin { keys, .. } => {
                let width = width(0);
                kept.extend(&keys.left);
                kept.extend(keys.condition.iter().flat_map(columns_of));
                kept.extend(width..node.columns.len());
                reads.extend(kept.iter().filter(|&&i| i < width));
            }
            StreamOp::Join { .. } => {}
            StreamOp::Union => {
                if kept.is_empty() && !node.columns.is_empty() {
                    kept.insert(0);
                }
                reads.extend(&kept);
            }
            StreamOp::Predict { args, .. } => {
                let width = width(0);
                kept.extend(args);
                kept.extend(width..node.columns.len());
                reads.extend(kept.iter().filter(|&&i| i < width));
            }
            StreamOp::Sink { .. } => reads.extend(&kept),
        }
        needed[index] = Some(kept);
        for &input in &node.inputs {
            needed[input]
                .get_or_insert_with(BTreeSet::new)
                .extend(&reads);
        }
    }

    let widths: Vec<usize> = plan.nodes.iter().map(|node| node.columns.len()).collect();
    // Forward again: rebuild what is kept, with columns renumbered.
    let mut nodes: Vec<PlanNode> = Vec::new();
    let mut places: BTreeMap<usize, (usize, BTreeMap<usize, usize>)> = BTreeMap::new();
    for (index, node) in plan.nodes.into_iter().enumerate() {
        let Some(kept) = &needed[index] else { continue };
        let mapping: BTreeMap<usize, usize> = kept
            .iter()
            .enumerate()
            .map(|(new, &old)| (old, new))
            .collect();
        let mut inputs = Vec::new();
        for input in &node.inputs {
            let (place, columns) = &places[input];
            inputs.push((*place, columns.clone()));
        }
        if matches!(node.op, StreamOp::Union | StreamOp::SetOperation { .. }) {
            // The inputs of a union have the same columns at the same places.
            for (place, columns) in &mut inputs {
                if columns.keys().copied().collect::<BTreeSet<_>>() != *kept {
                    let from = &nodes[*place];
                    let exprs: Vec<_> = kept.iter().map(|old| column(columns[old])).collect();
                    let outputs = kept
                        .iter()
                        .map(|old| from.columns[columns[old]].clone())
                        .collect();
                    nodes.push(PlanNode {
                        op: StreamOp::Calc {
                            exprs,
                            filter: None,
                        },
                        inputs: vec![*place],
                        columns: outputs,
                        upsert_key: None,
                        window: None,
                        origins: node.origins.clone(),
                        uid: String::new(),
                        changelog: from.changelog,
                        span: node.span,
                        state_ttl: [None; 2],
                    });
                    *place = nodes.len() - 1;
                }
            }
        }
        let below = inputs.first().map(|(_, m)| m.clone()).unwrap_or_default();
        let input_width = |i: usize| nodes[inputs[i].0].columns.len();
        let moved = |e| substitute(e, &|i| column(below[&i]));
        let move_call = |call: &AggregateCall| AggregateCall {
            args: call.args.iter().map(|a| below[a]).collect(),
            filter: call.filter.map(|f| below[&f]),
            ..call.clone()
        };
        if let StreamOp::Join { on, time } = node.op {
            let left_input = node.inputs[0];
            let (node, mapping) = prune_join(
                PlanNode {
                    op: StreamOp::Union,
                    ..node
                },
                on,
                time,
                widths[left_input],
                &inputs,
                &nodes,
            )?;
            nodes.push(node);
            places.insert(index, (nodes.len() - 1, mapping));
            continue;
        }
        // Operators that pass their input on give all of it, also what only others read.
        let mut mapping = mapping;
        let mut columns: Vec<_> = kept.iter().map(|&i| node.columns[i].clone()).collect();
        let passes_on = matches!(
            node.op,
            StreamOp::WindowTvf { .. }
                | StreamOp::Over { .. }
                | StreamOp::Deduplicate { .. }
                | StreamOp::TopN { .. }
                | StreamOp::Limit { .. }
                | StreamOp::TemporalSort { .. }
                | StreamOp::Sort { .. }
                | StreamOp::ChangelogNormalize { .. }
                | StreamOp::DropUpdateBefore
                | StreamOp::UpsertMaterialize { .. }
                | StreamOp::SinkConstraints { .. }
                | StreamOp::Unnest { .. }
                | StreamOp::Expand { .. }
                | StreamOp::LookupJoin { .. }
                | StreamOp::Predict { .. }
        );
        if passes_on {
            let width = input_width(0);
            let original_width = match &node.op {
                StreamOp::Unnest { .. } => widths[node.inputs[0]],
                _ => original_input_width(&node),
            };
            let added: Vec<usize> = kept
                .iter()
                .copied()
                .filter(|&i| i >= original_width)
                .collect();
            mapping = below.clone();
            mapping.extend(added.iter().enumerate().map(|(n, &old)| (old, width + n)));
            let mut all: Vec<_> = vec![None; width];
            for (&old, &new) in &below {
                all[new] = Some(node.columns[old].clone());
            }
            columns = all.into_iter().flatten().collect();
            columns.extend(added.iter().map(|&i| node.columns[i].clone()));
        }
        let op = match node.op {
            StreamOp::Source {
                table,
                projection,
                exprs,
                watermark,
            } => {
                let exprs = exprs.unwrap_or_else(|| (0..projection.len()).map(column).collect());
                let kept_exprs: Vec<_> = kept.iter().map(|&i| exprs[i].clone()).collect();
                let mut read: BTreeSet<usize> = kept_exprs.iter().flat_map(columns_of).collect();
                if read.is_empty() && !projection.is_empty() {
                    read.insert(0);
                }
                let places: BTreeMap<usize, usize> = read
                    .iter()
                    .enumerate()
                    .map(|(new, &old)| (old, new))
                    .collect();
                let kept_exprs = kept_exprs
                    .into_iter()
                    .map(|e| substitute(e, &|i| column(places[&i])))
                    .collect::<Result<Vec<_>>>()?;
                let identity = kept_exprs.len() == read.len()
                    && kept_exprs
                        .iter()
                        .enumerate()
                        .all(|(i, e)| plain_column(e) == Some(i));
                StreamOp::Source {
                    table,
                    projection: read.iter().map(|&i| projection[i]).collect(),
                    exprs: (!identity).then_some(kept_exprs),
                    watermark: match watermark {
                        Some(w) => Some(WatermarkSpec {
                            in_source: w.in_source,
                            column: mapping[&w.column],
                            expr: substitute(w.expr, &|i| column(mapping[&i]))?,
                        }),
                        None => None,
                    },
                }
            }
            StreamOp::Values { rows } => StreamOp::Values {
                rows: rows
                    .into_iter()
                    .map(|row| kept.iter().map(|&i| row[i].clone()).collect())
                    .collect(),
            },
            StreamOp::Calc { exprs, filter } => StreamOp::Calc {
                exprs: kept
                    .iter()
                    .map(|&i| moved(exprs[i].clone()))
                    .collect::<Result<_>>()?,
                filter: filter.map(moved).transpose()?,
            },
            StreamOp::WindowTvf {
                window,
                rowtime,
                partition,
            } => StreamOp::WindowTvf {
                window,
                rowtime: below[&rowtime],
                partition: partition.iter().map(|k| below[k]).collect(),
            },
            StreamOp::WindowAggregate {
                window,
                rowtime,
                attached,
                keys,
                calls,
                local,
                slices,
            } => StreamOp::WindowAggregate {
                local,
                slices,
                window,
                rowtime: below[&rowtime],
                attached: attached.map(|(start, end)| (below[&start], below[&end])),
                calls: calls
                    .iter()
                    .enumerate()
                    .filter(|(i, _)| kept.contains(&(keys.len() + i)))
                    .map(|(_, c)| move_call(c))
                    .collect(),
                keys: keys.iter().map(|k| below[k]).collect(),
            },
            StreamOp::Over {
                partition,
                rowtime,
                groups,
            } => {
                let mut position =
                    node.columns.len() - groups.iter().map(|g| g.calls.len()).sum::<usize>();
                let mut rest = Vec::new();
                for group in groups {
                    let mut calls = Vec::new();
                    for call in &group.calls {
                        if kept.contains(&position) {
                            calls.push(move_call(call));
                        }
                        position += 1;
                    }
                    if !calls.is_empty() {
                        rest.push(OverGroup {
                            frame: group.frame,
                            calls,
                        });
                    }
                }
                StreamOp::Over {
                    partition: partition.iter().map(|k| below[k]).collect(),
                    rowtime: below[&rowtime],
                    groups: rest,
                }
            }
            StreamOp::Deduplicate {
                keys,
                rowtime,
                keep_last,
            } => StreamOp::Deduplicate {
                keys: keys.iter().map(|k| below[k]).collect(),
                rowtime: below[&rowtime],
                keep_last,
            },
            StreamOp::GroupAggregate { keys, calls } => StreamOp::GroupAggregate {
                calls: calls
                    .iter()
                    .enumerate()
                    .filter(|(i, _)| kept.contains(&(keys.len() + i)))
                    .map(|(_, c)| move_call(c))
                    .collect(),
                keys: keys.iter().map(|k| below[k]).collect(),
            },
            StreamOp::TopN {
                end: RankEnd::Column(at),
                ..
            } if below[&at] != at => {
                // Flink 2.3 drops the columns that nobody reads, and then takes the number from another
                // column, or fails.
                return plan_err!(
                    "ROW_NUMBER() is compared with '{}', before which stand columns that nobody reads: \
                     Flink 2.3 would take another column for it; SELECT the column first of all in the \
                     query that is numbered",
                    node.columns[at].name
                );
            }
            StreamOp::TopN {
                partition,
                order,
                start,
                end,
                window,
                latest,
                ..
            } => StreamOp::TopN {
                partition: partition.iter().map(|k| below[k]).collect(),
                order: move_order(&order, &below),
                start,
                end: end.moved(|column| below[&column]),
                // Nobody reads the rank: rows need not move up and down.
                with_rank: kept.contains(&(node.columns.len() - 1)),
                window: window.map(|w| below[&w]),
                latest,
                forward: None,
            },
            StreamOp::TemporalSort { rowtime, order } => StreamOp::TemporalSort {
                rowtime: below[&rowtime],
                order: move_order(&order, &below),
            },
            StreamOp::Match(spec) => StreamOp::Match(Box::new(MatchSpec {
                partition: spec.partition.iter().map(|k| below[k]).collect(),
                time: below[&spec.time],
                order: move_order(&spec.order, &below),
                navigations: spec
                    .navigations
                    .into_iter()
                    .map(|n| Navigation {
                        column: n.column.map(|column| below[&column]),
                        ..n
                    })
                    .collect(),
                ..*spec
            })),
            StreamOp::Sort { order } => StreamOp::Sort {
                order: move_order(&order, &below),
            },
            StreamOp::Limit { skip, fetch } => StreamOp::Limit { skip, fetch },
            StreamOp::ChangelogNormalize { keys, filter } => StreamOp::ChangelogNormalize {
                keys: keys.iter().map(|k| below[k]).collect(),
                filter: filter.map(moved).transpose()?,
            },
            StreamOp::Unnest {
                column: collection,
                left,
                ordinality,
                condition,
            } => StreamOp::Unnest {
                column: below[&collection],
                left,
                ordinality,
                condition: condition
                    .map(|c| substitute(c, &|i| column(mapping[&i])))
                    .transpose()?,
            },
            StreamOp::UpsertMaterialize { key, row_key } => StreamOp::UpsertMaterialize {
                key: key.iter().map(|k| below[k]).collect(),
                row_key: row_key.map(|key| key.iter().map(|k| below[k]).collect()),
            },
            op @ (StreamOp::SetOperation { .. }
            | StreamOp::DropUpdateBefore
            | StreamOp::SinkConstraints { .. }) => op,
            StreamOp::Expand { sets } => StreamOp::Expand {
                sets: sets
                    .into_iter()
                    .map(|(id, nulls)| (id, nulls.iter().map(|i| below[i]).collect()))
                    .collect(),
            },
            StreamOp::Join { .. } => {
                return datafusion_common::internal_err!("joins are rebuilt above");
            }
            StreamOp::LocalAggregate { .. } | StreamOp::GlobalAggregate { .. } => {
                return datafusion_common::internal_err!("phases come after pruning");
            }
            StreamOp::LookupJoin { keys, table } => StreamOp::LookupJoin {
                keys: LookupKeys {
                    kind: keys.kind,
                    left: keys.left.iter().map(|k| below[k]).collect(),
                    right: keys.right,
                    condition: keys
                        .condition
                        .map(|c| substitute(c, &|i| column(mapping[&i])))
                        .transpose()?,
                },
                table,
            },
            StreamOp::Union => StreamOp::Union,
            StreamOp::Predict {
                model,
                args,
                outputs,
            } => StreamOp::Predict {
                model,
                outputs,
                args: args.iter().map(|a| below[a]).collect(),
            },
            op @ StreamOp::Sink { .. } => op,
        };
        let place = |i: Option<usize>| i.and_then(|i| mapping.get(&i).copied());
        nodes.push(PlanNode {
            op,
            inputs: inputs.iter().map(|(place, _)| *place).collect(),
            columns,
            changelog: node.changelog,
            upsert_key: node
                .upsert_key
                .and_then(|key| key.iter().map(|k| mapping.get(k).copied()).collect()),
            window: node.window.map(|w| AttachedWindow {
                window: w.window,
                start: place(w.start),
                end: place(w.end),
                time: place(w.time),
                processing: w.processing,
                local: w.local,
            }),
            origins: node.origins,
            uid: String::new(),
            span: node.span,
            state_ttl: node.state_ttl,
        });
        places.insert(index, (nodes.len() - 1, mapping));
    }
    Ok(StreamPlan {
        settings: plan.settings,
        tables: plan.tables,
        models: plan.models,
        nodes,
    })
}

fn move_order(order: &[SortColumn], below: &BTreeMap<usize, usize>) -> Vec<SortColumn> {
    order
        .iter()
        .map(|by| SortColumn {
            column: below[&by.column],
            ..*by
        })
        .collect()
}

/// The columns of each input that a join reads to give the columns `kept` of its output.
fn join_reads(
    on: &JoinOn,
    time: JoinTime,
    kept: &BTreeSet<usize>,
    width: usize,
) -> (BTreeSet<usize>, BTreeSet<usize>) {
    let mut left: BTreeSet<usize> = on.left.iter().copied().collect();
    let mut right: BTreeSet<usize> = on.right.iter().copied().collect();
    let condition = on.condition.iter().flat_map(columns_of);
    for column in kept.iter().copied().chain(condition) {
        if column < width {
            left.insert(column);
        } else {
            right.insert(column - width);
        }
    }
    let times = match time {
        JoinTime::Regular => None,
        JoinTime::Interval { left, right, .. } | JoinTime::Temporal { left, right } => {
            Some((left, right))
        }
        JoinTime::Window {
            left_end,
            right_end,
        } => Some((left_end, right_end)),
    };
    if let Some((l, r)) = times {
        left.insert(l);
        right.insert(r);
    }
    // A batch tells its number of rows by a column.
    if left.is_empty() {
        left.insert(0);
    }
    if right.is_empty() {
        right.insert(0);
    }
    (left, right)
}

/// A join over inputs that have lost columns, of which the left one had `old_width`. It gives all that is left of them.
fn prune_join(
    node: PlanNode,
    on: JoinOn,
    time: JoinTime,
    old_width: usize,
    inputs: &[(usize, BTreeMap<usize, usize>)],
    nodes: &[PlanNode],
) -> Result<(PlanNode, BTreeMap<usize, usize>)> {
    let [(left, left_map), (right, right_map)] = inputs else {
        return datafusion_common::internal_err!("a join has two inputs");
    };
    let gives_right = on.kind.gives_right();
    let new_width = nodes[*left].columns.len();
    let mut mapping: BTreeMap<usize, usize> = left_map.clone();
    let mut whole = mapping.clone();
    whole.extend(
        right_map
            .iter()
            .map(|(&old, &new)| (old + old_width, new + new_width)),
    );
    if gives_right {
        mapping.clone_from(&whole);
    }
    let mut columns: Vec<Option<super::stream::PlanColumn>> = vec![
        None;
        new_width
            + if gives_right {
                nodes[*right].columns.len()
            } else {
                0
            }
    ];
    for (&old, &new) in &mapping {
        columns[new] = Some(node.columns[old].clone());
    }
    let times = |l: &mut usize, r: &mut usize| {
        *l = left_map[l];
        *r = right_map[r];
    };
    let mut time = time;
    match &mut time {
        JoinTime::Regular => {}
        JoinTime::Interval { left, right, .. } | JoinTime::Temporal { left, right } => {
            times(left, right);
        }
        JoinTime::Window {
            left_end,
            right_end,
        } => times(left_end, right_end),
    }
    let moved = |i: Option<usize>| i.and_then(|i| mapping.get(&i).copied());
    let pruned = PlanNode {
        op: StreamOp::Join {
            on: JoinOn {
                kind: on.kind,
                left: on.left.iter().map(|k| left_map[k]).collect(),
                right: on.right.iter().map(|k| right_map[k]).collect(),
                null_safe: on.null_safe,
                condition: on
                    .condition
                    .map(|c| substitute(c, &|i| column(whole[&i])))
                    .transpose()?,
            },
            time,
        },
        inputs: vec![*left, *right],
        columns: columns.into_iter().flatten().collect(),
        upsert_key: node
            .upsert_key
            .and_then(|key| key.iter().map(|k| mapping.get(k).copied()).collect()),
        window: node.window.map(|w| AttachedWindow {
            window: w.window,
            start: moved(w.start),
            end: moved(w.end),
            time: moved(w.time),
            processing: w.processing,
            local: w.local,
        }),
        origins: node.origins,
        uid: String::new(),
        changelog: node.changelog,
        span: node.span,
        state_ttl: node.state_ttl,
    };
    Ok((pruned, mapping))
}

/// How many of the operator's columns come from its input.
fn original_input_width(node: &PlanNode) -> usize {
    node.columns.len()
        - match &node.op {
            StreamOp::WindowTvf { .. } => 3,
            StreamOp::TopN { .. } | StreamOp::Expand { .. } => 1,
            StreamOp::Over { groups, .. } => groups.iter().map(|g| g.calls.len()).sum(),
            StreamOp::Predict { outputs, .. } => *outputs,
            StreamOp::LookupJoin { table, .. } => table.columns.len(),
            _ => 0,
        }
}

/// `node/operator`, with a number behind from the second of a kind on.
fn name_operators(plan: &mut StreamPlan) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for node in &mut plan.nodes {
        let base = format!("{}/{}", node.origins.join("+"), node.op.name());
        let count = seen.entry(base.clone()).or_insert(0);
        *count += 1;
        node.uid = match count {
            1 => base,
            n => format!("{base}-{n}"),
        };
    }
}
