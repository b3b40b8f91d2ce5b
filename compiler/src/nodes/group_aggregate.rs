//! Group aggregate: one row a key, updated with every row that comes.

use super::parameter::{ParameterSpec, ParameterType};
use super::window_aggregate::aggregates;
use super::{Family, KindSpec, NodeKind, ONE_INPUT};
use crate::document::Node;
use crate::lower::recognise::{named, with_some};
use crate::lower::shape::{self, Shape};
use crate::lower::{Candidate, Failed, NodeContext, NodeSql, SqlText};

/// Aggregates all rows of each key so far (Flink: `GROUP BY` without a window).
///
/// The result is a changelog: every row of the input changes its key's row. An accumulator a key
/// stays for ever unless `table.exec.state.ttl` says otherwise.
pub(crate) struct GroupAggregate;

const SPEC: KindSpec = KindSpec {
    name: "aggregate",
    title: "Group aggregate",
    help: "One row a key over all rows so far, updated as they come. For results that are final use a window aggregate",
    family: Family::Feature,
    inputs: ONE_INPUT,
    has_output: true,
    parameters: &[
        ParameterSpec::new(
            "keys",
            "Keys",
            ParameterType::Columns,
            "One row for each combination of these columns. Without it one row in all",
        )
        .example("[\"card_id\"]"),
        ParameterSpec::new(
            "aggregates",
            "Aggregates",
            ParameterType::Aggregates,
            "Name and call of each new column",
        )
        .required()
        .example("aggregates = { orders = \"COUNT(*)\" }"),
    ],
};

impl NodeKind for GroupAggregate {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        let aggregates = node.parameters.get("aggregates")?.as_table()?;
        let names: Vec<&str> = aggregates.keys().collect();
        let keys = node.parameters.get("keys").and_then(|keys| keys.as_list());
        let keys: Vec<&str> = keys
            .into_iter()
            .flatten()
            .filter_map(|key| key.as_text())
            .collect();
        Some(match keys.is_empty() {
            true => names.join(", "),
            false => format!("{} by {}", names.join(", "), keys.join(", ")),
        })
    }

    fn recognise_query(&self, query: &str) -> Vec<Candidate> {
        let read = || {
            let shape = Shape::of(query)?;
            let from = shape.clause("FROM")?;
            let keys = match shape.clause("GROUP") {
                Some(group) => shape::names(group)?,
                None => Vec::new(),
            };
            let aggregates = named(shape.items.get(keys.len()..)?)?;
            let node = Node::new(SPEC.name).with("aggregates", aggregates);
            Some(Candidate::of(
                with_some(node, "keys", keys),
                shape::name(from)?,
            ))
        };
        read().into_iter().collect()
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        let keys = context.input_columns("keys")?;
        let key_names: Vec<&str> = context.names("keys").iter().map(|(_, key)| *key).collect();
        let mut items = keys.clone();
        items.extend(aggregates(context, &key_names, "", &[])?);
        let mut query = SqlText::list("SELECT", &items);
        query.push("\nFROM ");
        query.append(&context.input().name());
        if !keys.is_empty() {
            query.push("\n");
            query.append(&SqlText::list("GROUP BY", &keys));
        }
        Ok(NodeSql::view(context, &query))
    }
}
