//! A streaming plan as text: what `EXPLAIN` and `millstream explain` print.
//!
//! One block an operator, sinks first, inputs indented below, as Flink prints its plans. Shown
//! are what the operator does, the kinds of rows it gives, its time attribute, how rows reach it
//! and what state it keeps until when; what never goes is listed at the end. An operator with several readers is printed once and referred to.

use std::fmt::Write as _;

use super::lifetime::State;
use super::stream::{
    AggregateCall, Distribution, JoinOn, JoinTime, PlanColumn, PlanNode, RankEnd, SortColumn,
    StreamOp, StreamPlan, TimeAttribute, display_expr, plain_column,
};

/// The plan as text, ending with a newline.
pub fn explain(plan: &StreamPlan) -> String {
    let mut out = String::new();
    let mut printed = vec![false; plan.nodes.len()];
    for (index, node) in plan.nodes.iter().enumerate() {
        if matches!(node.op, StreamOp::Sink { .. }) {
            write_node(plan, index, 0, &mut printed, &mut out);
            out.push('\n');
        }
    }
    let lasting: Vec<String> = plan
        .nodes
        .iter()
        .zip(&printed)
        .filter(|(_, printed)| **printed)
        .filter_map(|(node, _)| {
            let grows = State::of(plan, node)?.grows?;
            Some(format!("  [{}] grows with {grows}\n", node.uid))
        })
        .collect();
    if !lasting.is_empty() {
        out.push_str("State that never goes (SET 'table.exec.state.ttl' or a STATE_TTL hint gives most of it an end):\n");
        out.extend(lasting);
    }
    if out.is_empty() {
        out.push_str("(nothing is written: add an INSERT INTO or a SELECT)\n");
    }
    out
}

fn write_node(
    plan: &StreamPlan,
    index: usize,
    depth: usize,
    printed: &mut [bool],
    out: &mut String,
) {
    let node = &plan.nodes[index];
    let indent = "   ".repeat(depth);
    let arrow = if depth == 0 { "" } else { "+- " };
    let lead = format!("{}{arrow}", "   ".repeat(depth.saturating_sub(1)));
    if printed[index] {
        let _ = writeln!(out, "{lead}[{}] (see above)", node.uid);
        return;
    }
    printed[index] = true;
    let _ = writeln!(out, "{lead}[{}] {}", node.uid, describe(plan, node));
    let mut facts = vec![format!("changelog {}", node.changelog)];
    if let Some(key) = &node.upsert_key {
        facts.push(format!("upsert key ({})", names(key, &node.columns)));
    }
    if let Some(time) = node.rowtime() {
        facts.push(format!("rowtime {}", node.columns[time].name));
    }
    if let Some(time) = node
        .columns
        .iter()
        .find(|c| c.time == Some(TimeAttribute::Proctime))
    {
        facts.push(format!("proctime {}", time.name));
    }
    facts.extend(exchanges(plan, node));
    if let Some(state) = State::of(plan, node) {
        facts.push(format!("state: {}", state.what));
    }
    let _ = writeln!(out, "{indent}     {}", facts.join(" · "));
    for &input in &node.inputs {
        write_node(plan, input, depth + 1, printed, out);
    }
}

/// How rows reach the operator, where they do not stay where they are.
fn exchanges(plan: &StreamPlan, node: &PlanNode) -> Option<String> {
    let ports: Vec<Option<String>> = node
        .inputs
        .iter()
        .enumerate()
        .map(|(port, &input)| match node.distribution(port) {
            Distribution::Forward => None,
            Distribution::Hash(keys) => {
                let columns = names(&keys, &plan.nodes[input].columns);
                Some(format!("by hash({columns})"))
            }
            Distribution::Single => Some("to one instance".to_string()),
        })
        .collect();
    let mut different: Vec<&String> = ports.iter().flatten().collect();
    different.dedup();
    match different.as_slice() {
        [] => None,
        [one] => Some(format!("exchange {one}")),
        many => {
            let many: Vec<&str> = many.iter().map(|text| text.as_str()).collect();
            Some(format!("exchange {}", many.join(" and ")))
        }
    }
}

fn describe(plan: &StreamPlan, node: &PlanNode) -> String {
    let input: &[PlanColumn] = node
        .inputs
        .first()
        .map_or(&[], |&i| plan.nodes[i].columns.as_slice());
    match &node.op {
        StreamOp::Source {
            table, watermark, ..
        } => {
            let table = &plan.tables[*table];
            let connector = table.options.get("connector").map_or("?", String::as_str);
            let mut text = format!(
                "Source {connector}: {}",
                node.columns
                    .iter()
                    .map(|c| c.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            );
            if let Some(w) = watermark {
                let _ = write!(text, "; watermark {}", display_expr(&w.expr, &node.columns));
            }
            text
        }
        StreamOp::Values { rows } => format!("Values: {} rows", rows.len()),
        StreamOp::Calc { exprs, filter } => {
            let computed: Vec<String> = exprs
                .iter()
                .zip(&node.columns)
                .map(|(e, c)| match plain_column(e) {
                    Some(i) if input[i].name == c.name => c.name.clone(),
                    _ => format!("{} AS {}", display_expr(e, input), c.name),
                })
                .collect();
            let mut text = format!("Calc: {}", computed.join(", "));
            if let Some(filter) = filter {
                let _ = write!(text, "; where {}", display_expr(filter, input));
            }
            text
        }
        StreamOp::WindowTvf {
            window,
            rowtime,
            partition,
        } => format!(
            "Window {window} on {}{}",
            input[*rowtime].name,
            if partition.is_empty() {
                String::new()
            } else {
                format!(" by {}", names(partition, input))
            }
        ),
        StreamOp::WindowAggregate {
            window,
            rowtime,
            attached,
            keys,
            calls,
            ..
        } => format!(
            "WindowAggregate {window} {} {}{}: {}",
            if attached.is_some() { "up to" } else { "on" },
            input[*rowtime].name,
            if keys.is_empty() {
                String::new()
            } else {
                format!(" by {}", names(keys, input))
            },
            calls_text(calls, input)
        ),
        StreamOp::Over {
            partition,
            rowtime,
            groups,
        } => {
            let groups: Vec<String> = groups
                .iter()
                .map(|g| format!("{}: {}", g.frame, calls_text(&g.calls, input)))
                .collect();
            format!(
                "Over by {} order {}: {}",
                names(partition, input),
                input[*rowtime].name,
                groups.join("; ")
            )
        }
        StreamOp::Deduplicate {
            keys,
            rowtime,
            keep_last,
        } => format!(
            "Deduplicate by {}: keep the {} by {}",
            names(keys, input),
            if *keep_last { "last" } else { "first" },
            input[*rowtime].name
        ),
        StreamOp::GroupAggregate { keys, calls } if calls.is_empty() => {
            format!("Distinct: {}", names(keys, input))
        }
        StreamOp::GlobalAggregate { keys, calls } => {
            let first = &plan.nodes[node.inputs[0]];
            let rows = &plan.nodes[first.inputs[0]].columns;
            format!(
                "GlobalAggregate{}: {}",
                match keys.is_empty() {
                    true => String::new(),
                    false => format!(" by {}", names(keys, rows)),
                },
                calls_text(calls, rows)
            )
        }
        StreamOp::LocalAggregate { keys, calls } => format!(
            "LocalAggregate{}: {}",
            match keys.is_empty() {
                true => String::new(),
                false => format!(" by {}", names(keys, input)),
            },
            calls_text(calls, input)
        ),
        StreamOp::GroupAggregate { keys, calls } => format!(
            "GroupAggregate{}: {}",
            if keys.is_empty() {
                String::new()
            } else {
                format!(" by {}", names(keys, input))
            },
            calls_text(calls, input)
        ),
        StreamOp::TopN {
            partition,
            order,
            start,
            end,
            with_rank,
            window,
            ..
        } => format!(
            "{}TopN{} order {}: ranks {start} to {}{}",
            if window.is_some() { "Window" } else { "" },
            if partition.is_empty() {
                String::new()
            } else {
                format!(" by {}", names(partition, input))
            },
            order_text(order, input),
            match end {
                RankEnd::Constant(end) => end.to_string(),
                RankEnd::Column(column) =>
                    format!("{} of the partition's first row", names(&[*column], input)),
            },
            if *with_rank { ", with the rank" } else { "" }
        ),
        StreamOp::Limit { skip: 0, fetch } => format!("Limit {fetch}"),
        StreamOp::Limit { skip, fetch } => format!("Limit {fetch} after {skip}"),
        StreamOp::Match(spec) => format!(
            "Match{} order {}{}: {}",
            match spec.partition.is_empty() {
                true => String::new(),
                false => format!(" by {}", names(&spec.partition, input)),
            },
            names(&[spec.time], input),
            spec.order
                .iter()
                .map(|by| format!(", {}", sort_text(by, input)))
                .collect::<String>(),
            spec.parts
                .iter()
                .map(|part| {
                    let times = match (part.min, part.max) {
                        (1, Some(1)) => String::new(),
                        (min, Some(max)) => format!("{{{min},{max}}}"),
                        (min, None) => format!("{{{min},}}"),
                    };
                    let reluctant = if part.greedy { "" } else { "?" };
                    format!("{}{times}{reluctant}", part.name)
                })
                .collect::<Vec<_>>()
                .join(" ")
        ),
        StreamOp::Sort { order } => format!("Sort by {}", order_text(order, input)),
        StreamOp::TemporalSort { rowtime, order } => {
            let first = std::slice::from_ref(&input[*rowtime].name);
            let rest = order.iter().map(|by| sort_text(by, input));
            let all: Vec<String> = first.iter().cloned().chain(rest).collect();
            format!("TemporalSort by {}", all.join(", "))
        }
        StreamOp::Join { on, time } => {
            let right = &plan.nodes[node.inputs[1]].columns;
            join_text(on, *time, input, right)
        }
        StreamOp::LookupJoin { keys, table } => {
            let dim = &plan.tables[table.table];
            let both: Vec<PlanColumn> = input.iter().chain(&table.columns).cloned().collect();
            let mut facts: Vec<String> = keys
                .left
                .iter()
                .zip(&keys.right)
                .map(|(l, r)| {
                    let column = dim.columns.get(table.projection[*r]);
                    let name = column.map_or("?", |(name, _)| name.as_str());
                    format!("{} = {name}", names(&[*l], input))
                })
                .collect();
            facts.extend(keys.condition.iter().map(|c| display_expr(c, &both)));
            format!(
                "LookupJoin {} {}: {}",
                keys.kind,
                dim.name,
                facts.join(" and ")
            )
        }
        StreamOp::ChangelogNormalize { keys, filter } => {
            let mut text = format!("ChangelogNormalize by {}", names(keys, input));
            if let Some(filter) = filter {
                let _ = write!(text, "; where {}", display_expr(filter, input));
            }
            text
        }
        StreamOp::SetOperation { except, all } => format!(
            "{}{}",
            if *except { "Except" } else { "Intersect" },
            if *all { " ALL" } else { "" }
        ),
        StreamOp::Unnest {
            column,
            left,
            ordinality,
            condition,
        } => format!(
            "Unnest{}: {}{}{}",
            if *left { " left" } else { "" },
            names(&[*column], input),
            if *ordinality { " with ordinality" } else { "" },
            match condition {
                Some(condition) => format!(" where {}", display_expr(condition, &node.columns)),
                None => String::new(),
            }
        ),
        StreamOp::DropUpdateBefore => "DropUpdateBefore".to_string(),
        StreamOp::UpsertMaterialize { key, .. } => {
            format!("UpsertMaterialize by {}", names(key, input))
        }
        StreamOp::SinkConstraints { columns } => {
            let types = columns.iter().map(|(name, ty)| format!("{name} {ty}"));
            format!("SinkConstraints: {}", types.collect::<Vec<_>>().join(", "))
        }
        StreamOp::Expand { sets } => {
            let first: Vec<usize> = sets.iter().flat_map(|(_, nulls)| nulls.clone()).collect();
            let last = first.iter().max().map_or(0, |last| last + 1);
            let sets: Vec<String> = sets
                .iter()
                .map(|(_, nulls)| {
                    let kept: Vec<usize> = (0..last).filter(|i| !nulls.contains(i)).collect();
                    format!("({})", names(&kept, input))
                })
                .collect();
            format!("Expand: {}", sets.join(", "))
        }
        StreamOp::Union => "Union".to_string(),
        StreamOp::Predict { model, args, .. } => format!(
            "Predict {}({})",
            plan.models[*model].name,
            names(args, input)
        ),
        StreamOp::Sink { table, .. } => {
            let table = &plan.tables[*table];
            let connector = table.options.get("connector").map_or("?", String::as_str);
            format!("Sink {connector}: {}", table.name)
        }
    }
}

fn sort_text(by: &SortColumn, columns: &[PlanColumn]) -> String {
    let name = names(&[by.column], columns);
    let direction = if by.descending { " DESC" } else { "" };
    let nulls = match (by.nulls_first, by.descending) {
        (true, true) => " NULLS FIRST",
        (false, false) => " NULLS LAST",
        _ => "",
    };
    format!("{name}{direction}{nulls}")
}

fn order_text(order: &[SortColumn], columns: &[PlanColumn]) -> String {
    order
        .iter()
        .map(|by| sort_text(by, columns))
        .collect::<Vec<_>>()
        .join(", ")
}

fn join_text(on: &JoinOn, time: JoinTime, left: &[PlanColumn], right: &[PlanColumn]) -> String {
    let mut facts: Vec<String> = on
        .left
        .iter()
        .zip(&on.right)
        .zip(&on.null_safe)
        .map(|((l, r), safe)| {
            let equals = if *safe { "IS NOT DISTINCT FROM" } else { "=" };
            format!("{} {equals} {}", names(&[*l], left), names(&[*r], right))
        })
        .collect();
    if let Some(condition) = &on.condition {
        let both: Vec<PlanColumn> = left.iter().chain(right).cloned().collect();
        facts.push(display_expr(condition, &both));
    }
    let name = match time {
        JoinTime::Regular => "Join",
        JoinTime::Interval {
            left: l,
            right: r,
            lower,
            upper,
        } => {
            facts.push(format!(
                "{} within {} ms .. {} ms of {}",
                left[l].name, lower, upper, right[r].name
            ));
            "IntervalJoin"
        }
        JoinTime::Window { .. } => {
            facts.push("same window".to_string());
            "WindowJoin"
        }
        JoinTime::Temporal { left: l, right: r } => {
            facts.push(format!("version of {} at {}", right[r].name, left[l].name));
            "TemporalJoin"
        }
    };
    let on_text = if facts.is_empty() {
        "every pair".to_string()
    } else {
        facts.join(" and ")
    };
    format!("{name} {}: {on_text}", on.kind)
}

fn names(positions: &[usize], columns: &[PlanColumn]) -> String {
    positions
        .iter()
        .map(|&i| columns.get(i).map_or("?", |c| c.name.as_str()))
        .collect::<Vec<_>>()
        .join(", ")
}

fn calls_text(calls: &[AggregateCall], input: &[PlanColumn]) -> String {
    calls
        .iter()
        .map(|call| {
            let args = match (call.args.is_empty(), call.distinct) {
                (true, _) => "*".to_string(),
                (false, true) => format!("DISTINCT {}", names(&call.args, input)),
                (false, false) => names(&call.args, input),
            };
            let mut text = format!("{}({args})", call.kind.shown());
            if let Some(filter) = call.filter {
                let _ = write!(text, " FILTER ({})", names(&[filter], input));
            }
            if call.output.name.contains('(') {
                text
            } else {
                format!("{text} AS {}", call.output.name)
            }
        })
        .collect::<Vec<_>>()
        .join(", ")
}
