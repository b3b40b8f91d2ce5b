//! Lookup join: each row with what a table outside says about its key when the row comes.

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

/// Looks a table up by key for each row as it comes (Flink: `FOR SYSTEM_TIME AS OF` a processing
/// time).
///
/// The right side must be a source, for its connector is asked. Nothing is kept, and what the
/// table says later changes no row that went by.
pub(crate) struct LookupJoin;

const SPEC: KindSpec = KindSpec {
    name: "lookup-join",
    title: "Lookup join",
    help: "Each row with what a table outside says about its key at the moment the row comes. The table is a source, which is asked by key",
    family: Family::Join,
    inputs: STREAM_AND_TABLE,
    has_output: true,
    parameters: &[
        join_parameter(TABLE_JOINS),
        ON,
        ParameterSpec::new(
            "time",
            "Processing time",
            ParameterType::Column,
            "The processing time of the left side, if it has one: a column made by PROCTIME(). Without it the node makes one",
        )
        .of_port(LEFT)
        .advanced(),
        CONDITION,
        LEFT_COLUMNS,
        RIGHT_COLUMNS,
        RENAME,
        SUFFIX,
    ],
};

impl NodeKind for LookupJoin {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        Some(summary(node).unwrap_or_else(|| join_of(node).to_string()))
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
            let (node, left) = match recognise_side(join.left, LEFT_ALIAS) {
                Some(left) => (node.with("time", shape::of_side(time, LEFT_ALIAS)?), left),
                None => {
                    let (inner, _) = shape::alias(join.left);
                    let inner = Shape::of(shape::in_parentheses(inner)?)?;
                    (node, shape::name(inner.clause("FROM")?)?)
                }
            };
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
        let own = context.node.parameters.contains_key("time");
        let (table, time) = if own {
            (
                sides.left_table(),
                sides.time(context, &sides.left, "time")?,
            )
        } else {
            let mut name = String::from("proc_time");
            while sides.left.column(&name).is_some() {
                name.push('_');
            }
            let table = SqlText::plain(format!("(SELECT *, PROCTIME() AS {name} FROM "))
                .and(&sides.left.name())
                .then(") AS l");
            (table, SqlText::name(&name))
        };
        let on = sides.on(context, None)?;
        let items = sides.items(context, false)?;
        let mut query = SqlText::list("SELECT", &items);
        query.push("\nFROM ");
        query.append(&table);
        query.push(&format!("\n{} ", words(join_of(context.node))));
        query.append(&sides.right.name());
        query.push(" FOR SYSTEM_TIME AS OF l.");
        query.append(&time);
        query.push(" AS r\nON ");
        query.append(&on);
        Ok(NodeSql::view(context, &query))
    }
}
