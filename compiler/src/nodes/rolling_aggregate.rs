//! Rolling aggregate: each row with what came before it.

use super::parameter::{ParameterSpec, ParameterType, interval_literal, parse_duration};
use super::window_aggregate::aggregates;
use super::{Family, KindSpec, NodeKind, ONE_INPUT};
use crate::diagnostics::Diagnostic;
use crate::document::{Entries, Node, Value};
use crate::lower::expression::check_call;
use crate::lower::recognise::with_some;
use crate::lower::shape::{self, Shape};
use crate::lower::{Candidate, Failed, NodeContext, NodeSql, SqlText};

/// Adds aggregates over the rows up to the current one to every row (Flink: OVER).
///
/// Flink computes all OVER aggregates of a query on one and the same window, so a node has one;
/// other windows are other nodes behind it. `LAG` and its kin take no frame.
pub(crate) struct RollingAggregate;

const SPEC: KindSpec = KindSpec {
    name: "rolling",
    title: "Rolling aggregate",
    help: "Adds to every row what came before it: counts, sums, means, the previous value, …",
    family: Family::Feature,
    inputs: ONE_INPUT,
    has_output: true,
    parameters: &[
        ParameterSpec::new(
            "order",
            "Order by",
            ParameterType::Column,
            "The event time that orders the rows",
        )
        .event_time()
        .required()
        .example("\"ts\""),
        ParameterSpec::new(
            "partition",
            "For each",
            ParameterType::Columns,
            "Rows are looked at apart for each combination of these columns. Without it all together",
        )
        .example("[\"card_id\"]"),
        ParameterSpec::new(
            "range",
            "Range",
            ParameterType::Duration,
            "How far back rows count, both ends included. Without range and rows: all the way",
        )
        .example("\"10 min\""),
        ParameterSpec::new(
            "rows",
            "Rows before",
            ParameterType::Integer {
                min: 0,
                max: i32::MAX as i64,
            },
            "How many rows before the current one count",
        )
        .example("10"),
        ParameterSpec::new(
            "aggregates",
            "Aggregates",
            ParameterType::Aggregates,
            "Name and call of each new column: COUNT(*), SUM(amount), LAG(ts), …",
        )
        .required()
        .example("aggregates = { payments = \"COUNT(*)\" }"),
    ],
};

/// Functions that look at the order of all rows and take no frame (SQL standard).
const NO_FRAME: [&str; 7] = [
    "LAG",
    "LEAD",
    "ROW_NUMBER",
    "RANK",
    "DENSE_RANK",
    "PERCENT_RANK",
    "CUME_DIST",
];

impl NodeKind for RollingAggregate {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        let order = node.text_at("order")?;
        node.parameters.get("aggregates")?.as_table()?;
        let frame = match (node.text_at("range"), node.parameters.get("rows")) {
            (Some(range), _) => range.to_string(),
            (None, Some(Value::Integer(1))) => "1 row".to_string(),
            (None, Some(Value::Integer(n))) => format!("{n} rows"),
            _ => "all before".to_string(),
        };
        let partition: Vec<&str> = node
            .parameters
            .get("partition")
            .and_then(|value| value.as_list())
            .into_iter()
            .flatten()
            .filter_map(|column| column.as_text())
            .collect();
        Some(if partition.is_empty() {
            format!("{frame} on {order}")
        } else {
            format!("{frame} on {order} by {}", partition.join(", "))
        })
    }

    fn check(&self, node: &Node) -> Vec<Diagnostic> {
        let mut out = Vec::new();
        let range = node.text_at("range");
        if range.is_some() && node.parameters.contains_key("rows") {
            out.push(
                Diagnostic::error(
                    "parameter/value",
                    "'range' and 'rows' are both set; rows count by time or by number",
                )
                .on_parameter("rows", None)
                .help("remove one of them"),
            );
        }
        if range
            .and_then(|text| parse_duration(text).ok())
            .is_some_and(|range| range.is_zero())
        {
            out.push(
                Diagnostic::error("parameter/value", "'range' must be longer than nothing")
                    .on_parameter("range", None),
            );
        }
        let framed = range.is_some() || node.parameters.contains_key("rows");
        let calls = node
            .parameters
            .get("aggregates")
            .and_then(|value| value.as_table())
            .into_iter()
            .flat_map(|entries| entries.iter());
        for (name, call) in calls {
            let Some(Ok(call)) = call.as_text().map(check_call) else {
                continue;
            };
            let function = call.function;
            if framed && NO_FRAME.contains(&function.as_str()) {
                out.push(
                    Diagnostic::error(
                        "rolling/frame",
                        format!("{function} looks at all rows before, so it takes neither range nor rows"),
                    )
                    .on_parameter(format!("aggregates.{name}"), None)
                    .help("move it to a rolling node of its own, without range and rows"),
                );
            }
        }
        out
    }

    fn recognise_query(&self, query: &str) -> Vec<Candidate> {
        let read = || {
            let shape = Shape::of(query)?;
            let [from, window] = shape.just(["FROM", "WINDOW"])?;
            let input = shape::name(from)?;
            let (&"*", calls) = shape.items.split_first()? else {
                return None;
            };
            let mut aggregates = Entries::new();
            for call in calls {
                let (call, name) = shape::alias(call);
                let (call, _) = shape::around(call, &["OVER"])?;
                aggregates.insert(name?, call);
            }
            let (_, window) = shape::around(window, &["AS"])?;
            let (partition, order) =
                shape::around(shape::in_parentheses(window)?, &["ORDER", "BY"])?;
            let partition = match partition {
                "" => Vec::new(),
                some => shape::names(shape::after(some, &["PARTITION", "BY"])?)?,
            };
            let mut node = Node::new(SPEC.name).with("aggregates", aggregates);
            let mut column = order;
            for unit in ["RANGE", "ROWS"] {
                let Some((order, frame)) = shape::around(order, &[unit, "BETWEEN"]) else {
                    continue;
                };
                let (length, _) = shape::around(frame, &["PRECEDING"])?;
                column = order;
                node = match unit {
                    "RANGE" => node.with("range", shape::interval(length)?),
                    _ => node.with("rows", length.parse::<i64>().ok()?),
                };
            }
            let node = node.with("order", shape::name(column)?);
            Some(Candidate::of(
                with_some(node, "partition", partition),
                input,
            ))
        };
        read().into_iter().collect()
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        let order = context.time_column("order")?;
        let partition = context.input_columns("partition")?;
        let names: Vec<&str> = context
            .entries("aggregates")
            .iter()
            .map(|(_, name, _)| *name)
            .collect();
        context.refuse_existing("aggregates", &names, "choose another name")?;
        let mut items = vec![SqlText::plain("*")];
        items.extend(aggregates(context, &[], " OVER w", &[])?);
        let mut query = SqlText::list("SELECT", &items);
        query.push("\nFROM ");
        query.append(&context.input().name());
        query.push("\nWINDOW w AS (");
        if !partition.is_empty() {
            query.push("\n  ");
            query.append(&SqlText::list("PARTITION BY", &partition));
        }
        query.push("\n  ORDER BY ");
        query.append(&order);
        if let Some(range) = context.duration("range") {
            query.push(&format!(
                "\n  RANGE BETWEEN {} PRECEDING AND CURRENT ROW",
                interval_literal(range)
            ));
        } else if let Some(rows) = context.integer("rows") {
            query.push(&format!(
                "\n  ROWS BETWEEN {rows} PRECEDING AND CURRENT ROW"
            ));
        }
        query.push("\n)");
        Ok(NodeSql::view(context, &query))
    }
}
