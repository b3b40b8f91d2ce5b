//! Interval join: pairs of rows of two streams whose times are near each other.

use super::join::words;
use super::join_sides::{
    CONDITION, LEFT, LEFT_ALIAS, LEFT_COLUMNS, ON, PAIR_JOINS, RENAME, RIGHT, RIGHT_ALIAS,
    RIGHT_COLUMNS, SUFFIX, Sides, TWO_STREAMS, candidates, check_on, join_of, join_parameter,
    recognise_items, recognise_join, recognise_on, recognise_side, summary,
};
use super::parameter::{
    DefaultValue, ParameterSpec, ParameterType, interval_literal, parse_duration,
};
use super::{Family, KindSpec, NodeKind};
use crate::diagnostics::Diagnostic;
use crate::document::Node;
use crate::lower::shape::{self, JoinText, Shape};
use crate::lower::{Candidate, Failed, NodeContext, NodeSql, SqlText};

/// Joins rows whose times differ by no more than some bounds (Flink: an interval join).
///
/// Rows are kept only until the watermark says that no pair can come any more, and the result only
/// appends: an outer join gives a row without pair once, when its time has run out.
pub(crate) struct IntervalJoin;

const SPEC: KindSpec = KindSpec {
    name: "interval-join",
    title: "Interval join",
    help: "Pairs of rows of two streams whose times are near each other. Keeps only what may still find its pair",
    family: Family::Join,
    inputs: TWO_STREAMS,
    has_output: true,
    parameters: &[
        join_parameter(PAIR_JOINS),
        ON,
        ParameterSpec::new(
            "left-time",
            "Left time",
            ParameterType::Column,
            "The event time of the left side",
        )
        .of_port(LEFT)
        .event_time()
        .required()
        .example("\"ts\""),
        ParameterSpec::new(
            "right-time",
            "Right time",
            ParameterType::Column,
            "The event time of the right side",
        )
        .of_port(RIGHT)
        .event_time()
        .required()
        .example("\"ts\""),
        ParameterSpec::new(
            "before",
            "Before",
            ParameterType::Duration,
            "How long before the left row the right one may be, the end included",
        )
        .default(DefaultValue::Text("0 s"))
        .example("\"10 min\""),
        ParameterSpec::new(
            "after",
            "After",
            ParameterType::Duration,
            "How long after the left row the right one may be, the end included",
        )
        .default(DefaultValue::Text("0 s"))
        .example("\"1 h\""),
        CONDITION,
        LEFT_COLUMNS,
        RIGHT_COLUMNS,
        RENAME,
        SUFFIX,
    ],
};

impl NodeKind for IntervalJoin {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        node.text_at("left-time")?;
        node.text_at("right-time")?;
        let bounds: Vec<String> = [("before", "−"), ("after", "+")]
            .into_iter()
            .filter_map(|(name, sign)| Some(format!("{sign}{}", node.text_at(name)?)))
            .collect();
        let join = summary(node).unwrap_or_else(|| join_of(node).to_string());
        Some(
            format!("{join} {}", bounds.join(" "))
                .trim_end()
                .to_string(),
        )
    }

    fn check(&self, node: &Node) -> Vec<Diagnostic> {
        let mut out: Vec<Diagnostic> = check_on(node).into_iter().collect();
        let nothing = |name: &str| {
            node.text_at(name)
                .and_then(|text| parse_duration(text).ok())
                .is_none_or(|length| length.is_zero())
        };
        if nothing("before") && nothing("after") {
            out.push(
                Diagnostic::error(
                    "parameter/missing",
                    "'before' or 'after' must be longer than nothing",
                )
                .on_parameter("after", None)
                .help("say how far the times of a pair may be apart, for example after = \"1 h\""),
            );
        }
        out
    }

    fn recognise_query(&self, query: &str) -> Vec<Candidate> {
        let read = || {
            let shape = Shape::of(query)?;
            let [from] = shape.just(["FROM"])?;
            let join = JoinText::of(from)?;
            let left = recognise_side(join.left, LEFT_ALIAS)?;
            let right = recognise_side(join.right, RIGHT_ALIAS)?;
            let (pairs, rest) = shape::equal_columns(join.on?, LEFT_ALIAS, RIGHT_ALIAS);
            let (time, low, high, condition) = shape::between(rest)?;
            let mut node = Node::new(SPEC.name)
                .with("join", recognise_join(&join.words)?)
                .with("right-time", shape::of_side(time, RIGHT_ALIAS)?);
            for (bound, sign, name) in [(low, "-", "before"), (high, "+", "after")] {
                let time = match shape::sides(bound, sign) {
                    Some((time, length)) => {
                        node = node.with(name, shape::interval(length)?);
                        time
                    }
                    None => bound,
                };
                node = node.with("left-time", shape::of_side(time, LEFT_ALIAS)?);
            }
            let nodes = recognise_on(&node, pairs, condition.unwrap_or_default())
                .into_iter()
                .flat_map(|node| recognise_items(node, &shape.items))
                .collect();
            Some(candidates(nodes, &left, &right))
        };
        read().unwrap_or_default()
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        let sides = Sides::of(context);
        let left = sides.time(context, &sides.left, "left-time")?;
        let right = sides.time(context, &sides.right, "right-time")?;
        let bound = |sign: &str, name: &str, out: &mut SqlText| {
            out.push("l.");
            out.append(&left);
            if let Some(length) = context.duration(name)
                && !length.is_zero()
            {
                out.push(&format!(" {sign} {}", interval_literal(length)));
            }
        };
        let mut between = SqlText::plain("r.").and(&right).then(" BETWEEN ");
        bound("-", "before", &mut between);
        between.push(" AND ");
        bound("+", "after", &mut between);
        let on = sides.on(context, Some(between))?;
        let join = join_of(context.node);
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
