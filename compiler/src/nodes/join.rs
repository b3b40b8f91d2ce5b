//! Stream join: pairs of rows of two streams, whenever they come.

use super::join_sides::{
    ALL_JOINS, CONDITION, LEFT_ALIAS, LEFT_COLUMNS, ON, RENAME, RIGHT_ALIAS, RIGHT_COLUMNS, SUFFIX,
    Sides, TWO_STREAMS, candidates, check_on, join_of, join_parameter, recognise_items,
    recognise_join, recognise_on, recognise_side, summary,
};
use super::{Family, KindSpec, NodeKind};
use crate::diagnostics::Diagnostic;
use crate::document::Node;
use crate::lower::shape::{self, JoinText, Shape};
use crate::lower::{Candidate, Failed, NodeContext, NodeSql, SqlText};

/// Joins two streams by columns or by any condition (Flink: a regular join).
///
/// Both sides are kept, for ever unless `table.exec.state.ttl` says otherwise, since a pair may
/// come at any time. An inner join of streams that only append only appends; an outer one takes a
/// row without pair back when its pair comes. A semi or anti join is `[NOT] EXISTS`.
pub(crate) struct StreamJoin;

const SPEC: KindSpec = KindSpec {
    name: "join",
    title: "Join",
    help: "Pairs of rows of two streams, whenever they come. Keeps both sides; where times are near each other an interval join keeps less",
    family: Family::Join,
    inputs: TWO_STREAMS,
    has_output: true,
    parameters: &[
        join_parameter(ALL_JOINS),
        ON,
        CONDITION,
        LEFT_COLUMNS,
        RIGHT_COLUMNS,
        RENAME,
        SUFFIX,
    ],
};

/// Whether only left rows come out.
fn is_half(join: &str) -> bool {
    matches!(join, "semi" | "anti")
}

impl NodeKind for StreamJoin {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        Some(summary(node).unwrap_or_else(|| join_of(node).to_string()))
    }

    fn check(&self, node: &Node) -> Vec<Diagnostic> {
        let mut out: Vec<Diagnostic> = check_on(node).into_iter().collect();
        let join = join_of(node);
        if is_half(join) {
            for name in ["right-columns", "rename", "suffix"] {
                if node.parameters.contains_key(name) {
                    out.push(
                        Diagnostic::warning(
                            "parameter/ignored",
                            format!("'{name}' does nothing in a {join} join, which gives no right columns"),
                        )
                        .on_parameter(name, None)
                        .help("remove it, or choose another join"),
                    );
                }
            }
        }
        out
    }

    fn recognise_query(&self, query: &str) -> Vec<Candidate> {
        let read = || {
            let shape = Shape::of(query)?;
            if let Some([from]) = shape.just(["FROM"]) {
                let join = JoinText::of(from)?;
                let left = recognise_side(join.left, LEFT_ALIAS)?;
                let right = recognise_side(join.right, RIGHT_ALIAS)?;
                let (pairs, condition) = shape::equal_columns(join.on?, LEFT_ALIAS, RIGHT_ALIAS);
                let kind = recognise_join(&join.words)?;
                let nodes =
                    recognise_on(&Node::new(SPEC.name).with("join", kind), pairs, condition)
                        .into_iter()
                        .flat_map(|node| recognise_items(node, &shape.items))
                        .collect();
                return Some(candidates(nodes, &left, &right));
            }
            let [from, condition] = shape.just(["FROM", "WHERE"])?;
            let left = recognise_side(from, LEFT_ALIAS)?;
            let (condition, kind) = match shape::after(condition, &["NOT"]) {
                Some(rest) => (rest, "anti"),
                None => (condition, "semi"),
            };
            let inner = shape::in_parentheses(shape::after(condition, &["EXISTS"])?)?;
            let inner = Shape::of(inner)?;
            let [from, condition] = inner.just(["FROM", "WHERE"])?;
            let right = recognise_side(from, RIGHT_ALIAS)?;
            let (pairs, condition) = shape::equal_columns(condition, LEFT_ALIAS, RIGHT_ALIAS);
            let columns = shape
                .items
                .iter()
                .map(|item| shape::of_side(item, LEFT_ALIAS));
            let columns: Vec<String> = columns.collect::<Option<_>>()?;
            let nodes = recognise_on(&Node::new(SPEC.name).with("join", kind), pairs, condition)
                .into_iter()
                .flat_map(|node| [node.clone(), node.with("left-columns", columns.clone())])
                .collect();
            Some(candidates(nodes, &left, &right))
        };
        read().unwrap_or_default()
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        let sides = Sides::of(context);
        let join = join_of(context.node);
        let on = sides.on(context, None)?;
        if is_half(join) {
            let (items, _) = sides.left_items(context)?;
            let mut query = SqlText::list("SELECT", &items);
            query.push("\nFROM ");
            query.append(&sides.left_table());
            query.push(match join {
                "semi" => "\nWHERE EXISTS (SELECT * FROM ",
                _ => "\nWHERE NOT EXISTS (SELECT * FROM ",
            });
            query.append(&sides.right_table());
            query.push(" WHERE ");
            query.append(&on);
            query.push(")");
            return Ok(NodeSql::view(context, &query));
        }
        let items = sides.items(context, matches!(join, "right" | "full"))?;
        let mut query = SqlText::list("SELECT", &items);
        query.push("\nFROM ");
        query.append(&sides.left_table());
        query.push(&format!("\n{} ", words(join)));
        query.append(&sides.right_table());
        query.push("\nON ");
        query.append(&on);
        Ok(NodeSql::view(context, &query))
    }
}

/// The words of SQL for a join.
pub(super) fn words(join: &str) -> &'static str {
    match join {
        "left" => "LEFT JOIN",
        "right" => "RIGHT JOIN",
        "full" => "FULL JOIN",
        _ => "JOIN",
    }
}
