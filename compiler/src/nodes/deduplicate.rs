//! Deduplicate: one row a key.

use super::parameter::{DefaultValue, EnumValue, OrderItem, ParameterSpec, ParameterType};
use super::top_n::Ranked;
use super::{Family, KindSpec, NodeKind, ONE_INPUT};
use crate::diagnostics::Diagnostic;
use crate::document::Node;
use crate::lower::{Candidate, Failed, NodeContext, NodeSql, SqlText};
use crate::sql::quote_name;

/// Keeps the first or the last row of each key (Flink: deduplication by `ROW_NUMBER`).
///
/// The first is written once and for all when the watermark reaches its time. The last is a
/// changelog: every later row of the key replaces the one before.
pub(crate) struct Deduplicate;

const SPEC: KindSpec = KindSpec {
    name: "deduplicate",
    title: "Deduplicate",
    help: "Keeps the first or the last row of each key",
    family: Family::Feature,
    inputs: ONE_INPUT,
    has_output: true,
    parameters: &[
        ParameterSpec::new(
            "keys",
            "Keys",
            ParameterType::Columns,
            "Rows that agree in these columns are duplicates",
        )
        .required()
        .example("[\"id\"]"),
        ParameterSpec::new(
            "order",
            "Order by",
            ParameterType::Column,
            "The event time, which says which row is first",
        )
        .event_time()
        .required()
        .example("\"ts\""),
        ParameterSpec::new(
            "keep",
            "Keep",
            ParameterType::Enum(&[
                EnumValue {
                    name: "first",
                    title: "The first row",
                },
                EnumValue {
                    name: "last",
                    title: "The last row, updated as later ones come",
                },
            ]),
            "Which row of a key goes on",
        )
        .default(DefaultValue::Text("first")),
    ],
};

impl NodeKind for Deduplicate {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        let keys = node.parameters.get("keys")?.as_list()?;
        let order = node.text_at("order")?;
        let keys: Vec<&str> = keys.iter().filter_map(|key| key.as_text()).collect();
        let keep = node.text_at("keep").unwrap_or("first");
        Some(format!("{keep} by {order} of {}", keys.join(", ")))
    }

    fn check(&self, node: &Node) -> Vec<Diagnostic> {
        let empty = node
            .parameters
            .get("keys")
            .and_then(|value| value.as_list())
            .is_some_and(<[_]>::is_empty);
        if empty {
            vec![
                Diagnostic::error("parameter/value", "'keys' is empty")
                    .on_parameter("keys", None)
                    .help("name the columns that make rows duplicates of each other"),
            ]
        } else {
            vec![]
        }
    }

    fn recognise_query(&self, query: &str) -> Vec<Candidate> {
        let read = || {
            let ranked = Ranked::of(query)?;
            let [order] = ranked.order.as_slice() else {
                return None;
            };
            let order = OrderItem::parse(order);
            let keep = match order.direction {
                Some("DESC") => "last",
                _ => "first",
            };
            if ranked.condition != format!("{} = 1", quote_name(&ranked.number)) {
                return None;
            }
            let node = Node::new(SPEC.name)
                .with("keys", ranked.partition)
                .with("order", order.column)
                .with("keep", keep);
            Some(Candidate::of(node, ranked.input))
        };
        read().into_iter().collect()
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        let keys = context.input_columns("keys")?;
        let order = context.time_column("order")?;
        let direction = match context.text("keep") {
            Some("last") => "DESC",
            _ => "ASC",
        };
        let input = context.input();
        let mut number = String::from("row_num");
        while input.column(&number).is_some() {
            number.push('_');
        }
        let mut query = SqlText::list("SELECT", &input.column_names());
        query.push("\nFROM (\n  SELECT\n    *,\n    ROW_NUMBER() OVER (");
        query.append(&SqlText::list("PARTITION BY", &keys));
        query.push(" ORDER BY ");
        query.append(&order);
        query.push(&format!(" {direction}) AS {number}\n  FROM "));
        query.append(&input.name());
        query.push(&format!("\n)\nWHERE {number} = 1"));
        Ok(NodeSql::view(context, &query))
    }
}
