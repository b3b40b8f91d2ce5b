//! Temporal join: each row with the version of a table that was in force at the row's time.

use super::join::words;
use super::join_sides::{
    CONDITION, LEFT, LEFT_ALIAS, LEFT_COLUMNS, ON, RENAME, RIGHT_ALIAS, RIGHT_COLUMNS,
    STREAM_AND_TABLE, SUFFIX, Sides, TABLE_JOINS, candidates, check_on, join_of, join_parameter,
    recognise_items, recognise_join, recognise_on, recognise_side, summary,
};
use super::parameter::{ParameterSpec, ParameterType};
use super::{Family, KindSpec, NodeKind};
use crate::diagnostics::Diagnostic;
use crate::document::Node;
use crate::lower::shape::{self, JoinText, Shape};
use crate::lower::{Candidate, Failed, NodeContext, NodeSql, SqlText};

/// Joins each row with the version of its key at the row's event time (Flink:
/// `FOR SYSTEM_TIME AS OF` an event time).
///
/// The right side must have versions: a table with a primary key and a watermark, or the last row
/// of each key by event time (a *Deduplicate* that keeps the last). The pairs must agree in that
/// key.
pub(crate) struct TemporalJoin;

const SPEC: KindSpec = KindSpec {
    name: "temporal-join",
    title: "Temporal join",
    help: "Each row with what a table said at the row's time, such as the rate of that moment. The table is a changelog with a key and event time",
    family: Family::Join,
    inputs: STREAM_AND_TABLE,
    has_output: true,
    parameters: &[
        join_parameter(TABLE_JOINS),
        ParameterSpec::new(
            "time",
            "As of",
            ParameterType::Column,
            "The event time of the left side at which the table is taken",
        )
        .of_port(LEFT)
        .event_time()
        .required()
        .example("\"ts\""),
        ON,
        CONDITION,
        LEFT_COLUMNS,
        RIGHT_COLUMNS,
        RENAME,
        SUFFIX,
    ],
};

impl NodeKind for TemporalJoin {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        let time = node.text_at("time")?;
        let join = summary(node).unwrap_or_else(|| join_of(node).to_string());
        Some(format!("{join} as of {time}"))
    }

    fn check(&self, node: &Node) -> Vec<Diagnostic> {
        check_on(node).into_iter().collect()
    }

    fn recognise_query(&self, query: &str) -> Vec<Candidate> {
        let read = || {
            let shape = Shape::of(query)?;
            let [from] = shape.just(["FROM"])?;
            let join = JoinText::of(from)?;
            let (right, time) = shape::around(join.right, &["FOR", "SYSTEM_TIME", "AS", "OF"])?;
            let (time, _) = shape::alias(time);
            let node = Node::new(SPEC.name).with("join", recognise_join(&join.words)?);
            let left = recognise_side(join.left, LEFT_ALIAS)?;
            let node = node.with("time", shape::of_side(time, LEFT_ALIAS)?);
            let (pairs, condition) = shape::equal_columns(join.on?, LEFT_ALIAS, RIGHT_ALIAS);
            let nodes = recognise_on(&node, pairs, condition)
                .into_iter()
                .flat_map(|node| recognise_items(node, &shape.items))
                .collect();
            Some(candidates(nodes, &left, &shape::name(right)?))
        };
        read().unwrap_or_default()
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        let sides = Sides::of(context);
        let time = sides.time(context, &sides.left, "time")?;
        let on = sides.on(context, None)?;
        let items = sides.items(context, false)?;
        let mut query = SqlText::list("SELECT", &items);
        query.push("\nFROM ");
        query.append(&sides.left_table());
        query.push(&format!("\n{} ", words(join_of(context.node))));
        query.append(&sides.right.name());
        query.push(" FOR SYSTEM_TIME AS OF l.");
        query.append(&time);
        query.push(" AS r\nON ");
        query.append(&on);
        Ok(NodeSql::view(context, &query))
    }
}
