//! What the state of an operator is, in words: equal exactly when a state of one serves the other.
//!
//! A checkpoint keeps these words with each operator's state. Names of columns are not part of them, and
//! neither is whether a column may be NULL: renaming a column does not lose its state.

use std::collections::BTreeMap;

use super::settings::duration_setting;
use super::stream::{
    AggregateCall, JoinTime, PlanColumn, PlanNode, RankEnd, SortColumn, StreamOp, StreamPlan,
    TimeAttribute,
};

/// The forms of all operators that have state, by uid.
pub fn state_forms(plan: &StreamPlan) -> BTreeMap<String, String> {
    plan.nodes
        .iter()
        .filter_map(|node| Some((node.uid.clone(), form(plan, node)?)))
        .collect()
}

fn form(plan: &StreamPlan, node: &PlanNode) -> Option<String> {
    let inputs: Vec<&PlanNode> = node.inputs.iter().map(|&i| &plan.nodes[i]).collect();
    let input: &[PlanColumn] = inputs.first().map_or(&[], |node| &node.columns);
    let all: Vec<usize> = (0..input.len()).collect();
    let connector = |table: usize| {
        let options = &plan.tables[table].options;
        options.get("connector").cloned().unwrap_or_default()
    };
    let updates = if inputs.iter().any(|i| i.changelog.retracts()) {
        " of updates"
    } else {
        ""
    };
    let mut words = match &node.op {
        StreamOp::Source { table, .. } => {
            return Some(format!("positions of a source '{}'", connector(*table)));
        }
        StreamOp::Sink { table, .. } => {
            return Some(format!("commits of a sink '{}'", connector(*table)));
        }
        op if !op.is_stateful() => return None,
        StreamOp::GroupAggregate { keys, calls, .. } => format!(
            "group aggregate{updates} by ({}): {}",
            types(keys, input),
            calls_of(calls, input)
        ),
        StreamOp::WindowAggregate {
            window,
            rowtime,
            attached,
            keys,
            calls,
            slices,
            ..
        } => format!(
            "window aggregate{updates} {window}{}{} by ({}): {}",
            if slices.is_some() { " in slices" } else { "" },
            match (attached, input[*rowtime].time) {
                (Some(_), _) => " of the rows",
                (None, Some(TimeAttribute::Proctime)) => " of processing time",
                (None, _) => "",
            },
            types(keys, input),
            calls_of(calls, input)
        ),
        StreamOp::Over {
            partition,
            rowtime,
            groups,
        } => {
            let texts: Vec<String> = groups
                .iter()
                .map(|g| format!("{} over {}", calls_of(&g.calls, input), g.frame))
                .collect();
            let mut calls = groups.iter().flat_map(|group| &group.calls);
            let general = calls.any(|call| !call.distinct && call.is_general(input));
            format!(
                "{}OVER{} by ({}) of ({}): {}",
                if general { "general " } else { "" },
                match input[*rowtime].time {
                    Some(TimeAttribute::Rowtime) => String::new(),
                    Some(TimeAttribute::Proctime) => " in processing time".to_owned(),
                    None => format!(" ordered by {}", types(&[*rowtime], input)),
                },
                types(partition, input),
                types(&all, input),
                texts.join("; ")
            )
        }
        StreamOp::Deduplicate {
            keys, keep_last, ..
        } => format!(
            "{} row by ({}) of ({})",
            if *keep_last { "last" } else { "first" },
            types(keys, input),
            types(&all, input)
        ),
        StreamOp::TopN {
            partition,
            order,
            start,
            end,
            window,
            ..
        } => format!(
            "ranks {start} to {}{updates}{} by ({}) ordered by ({}) of ({})",
            match end {
                RankEnd::Constant(end) => end.to_string(),
                RankEnd::Column(column) => format!("that of column {column}"),
            },
            if window.is_some() { " in windows" } else { "" },
            types(partition, input),
            order_of(order, input),
            types(&all, input)
        ),
        StreamOp::Match(spec) => {
            let parts: Vec<String> = (spec.parts.iter())
                .map(|part| format!("{}{{{},{:?}}}", part.name, part.min, part.max))
                .collect();
            let looked: Vec<usize> = spec.navigations.iter().filter_map(|n| n.column).collect();
            format!(
                "matches of {} by ({}) of ({})",
                parts.join(" "),
                types(&spec.partition, input),
                types(&looked, input)
            )
        }
        StreamOp::Join { on, time, .. } => {
            let right = &inputs.get(1)?.columns;
            let time = match time {
                JoinTime::Regular => "join",
                JoinTime::Interval { .. } => "interval join",
                JoinTime::Window { .. } => "window join",
                JoinTime::Temporal { .. } => "temporal join",
            };
            format!(
                "{} {time}{updates} on ({}) = ({}) of ({}) and ({})",
                on.kind,
                types(&on.left, input),
                types(&on.right, right),
                types(&all, input),
                types(&(0..right.len()).collect::<Vec<_>>(), right)
            )
        }
        op => {
            let rows: Vec<String> = inputs
                .iter()
                .map(|node| {
                    let all: Vec<usize> = (0..node.columns.len()).collect();
                    format!("({})", types(&all, &node.columns))
                })
                .collect();
            format!("{}{updates} of {}", op.name(), rows.join(" and "))
        }
    };
    let kept = duration_setting(&plan.settings, "table.exec.state.ttl");
    if kept.is_some_and(|kept| !kept.is_zero()) {
        words.push_str(" with a time to live");
    }
    if plan.has_local_windows(node)
        && let Some(zone) = plan.settings.get(super::settings::TIME_ZONE)
    {
        words.push_str(&format!(" by the clock of {zone}"));
    }
    Some(words)
}

fn types(positions: &[usize], columns: &[PlanColumn]) -> String {
    let name = |&i: &usize| match columns.get(i) {
        Some(column) => column.flink_type().with_nullable(true).to_string(),
        None => "?".to_owned(),
    };
    positions.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn calls_of(calls: &[AggregateCall], columns: &[PlanColumn]) -> String {
    if calls.is_empty() {
        return "DISTINCT".to_owned();
    }
    calls
        .iter()
        .map(|call| {
            format!(
                "{}({}{}{}){}",
                call.kind.shown(),
                if call.distinct { "DISTINCT " } else { "" },
                types(&call.args, columns),
                if call.constants.is_empty() {
                    String::new()
                } else {
                    format!(" {:?}", call.constants)
                },
                if call.filter.is_some() { " FILTER" } else { "" }
            )
        })
        .collect::<Vec<_>>()
        .join(", ")
}

fn order_of(order: &[SortColumn], columns: &[PlanColumn]) -> String {
    order
        .iter()
        .map(|by| {
            format!(
                "{}{}{}",
                types(&[by.column], columns),
                if by.descending { " DESC" } else { "" },
                if by.nulls_first { " NULLS FIRST" } else { "" }
            )
        })
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::NoEnvironment;
    use crate::plan::plan_script;

    fn forms(query: &str) -> Vec<String> {
        let script = format!(
            "CREATE TABLE t (k STRING, n INT NOT NULL, ts TIMESTAMP(3),
               WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
               WITH ('connector' = 'filesystem', 'path' = 'x', 'format' = 'csv');
             {query};"
        );
        let planned = plan_script(&script, &NoEnvironment).expect("a plan");
        let forms = state_forms(&planned.plan).into_values();
        forms.filter(|form| !form.contains(" of a s")).collect()
    }

    #[test]
    fn names_and_nullability_are_no_part_of_the_form() {
        let form = ["group aggregate by (STRING): COUNT(), SUM(INT)"];
        assert_eq!(
            forms("SELECT k, COUNT(*) AS c, SUM(n) AS s FROM t GROUP BY k"),
            form
        );
        assert_eq!(
            forms(
                "SELECT x, COUNT(*), SUM(m) FROM (SELECT k AS x, CAST(n AS INT) AS m FROM t) GROUP BY x"
            ),
            form
        );
    }

    #[test]
    fn what_the_state_depends_on_is() {
        let windows = |size: &str| {
            forms(&format!(
                "SELECT window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts),
                 INTERVAL '{size}' SECOND)) GROUP BY window_start, window_end"
            ))
        };
        assert_ne!(windows("10"), windows("20"));
        let top = |n: u32| {
            forms(&format!(
                "SELECT k, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY n DESC)
                 AS r FROM t) WHERE r <= {n}"
            ))
        };
        assert_eq!(top(3), top(3));
        assert_ne!(top(3), top(5));
    }
}
