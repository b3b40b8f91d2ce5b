//! Derive: new columns from expressions.

use super::parameter::{ParameterSpec, ParameterType};
use super::{Family, KindSpec, NodeKind, ONE_INPUT};
use crate::document::Node;
use crate::lower::recognise::named;
use crate::lower::shape::{self, Shape};
use crate::lower::{Candidate, Failed, NodeContext, NodeSql, SqlText};

/// Adds columns that are calculated from those of the same row. A name that the input has already
/// gives that column a new value, in its place.
pub(crate) struct Derive;

const SPEC: KindSpec = KindSpec {
    name: "derive",
    title: "Derive columns",
    help: "Adds columns calculated from others of the same row; all others stay",
    family: Family::Feature,
    inputs: ONE_INPUT,
    has_output: true,
    parameters: &[ParameterSpec::new(
        "columns",
        "New columns",
        ParameterType::Assignments,
        "Name and expression of each. They see the input's columns, not each other. The name of a column that is there gives it a new value",
    )
    .required()
    .example("columns = { total = \"price * quantity\" }")],
};

impl NodeKind for Derive {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        let columns = node.parameters.get("columns")?.as_table()?;
        Some(columns.keys().collect::<Vec<_>>().join(", "))
    }

    fn recognise_query(&self, query: &str) -> Vec<Candidate> {
        let read = || {
            let shape = Shape::of(query)?;
            let [from] = shape.just(["FROM"])?;
            let input = shape::name(from)?;
            // All columns, or each by itself where one gets a new value.
            let new: Vec<&str> = match shape.items.split_first()? {
                (&"*", new) => new.to_vec(),
                _ => {
                    let mut items = shape.items.clone();
                    items.retain(|item| shape::name(item).is_none());
                    items
                }
            };
            let columns = named(&new)?;
            let node = Node::new(SPEC.name).with("columns", columns);
            Some(Candidate::of(node, input))
        };
        read().into_iter().collect()
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        let mut derived = Vec::new();
        let mut failed = None;
        for (path, name, text) in context.entries("columns") {
            match context.expression(&path, text) {
                Ok(sql) => {
                    derived.push((name, sql.then(" AS ").and(&SqlText::name(name))));
                }
                Err(error) => failed = Some(error),
            }
        }
        if let Some(failed) = failed {
            return Err(failed);
        }
        let replaces = derived
            .iter()
            .any(|(name, _)| context.input().column(name).is_some());
        let mut items = Vec::new();
        if replaces {
            for column in &context.input().columns {
                let new = derived.iter().position(|(name, _)| *name == column.name);
                items.push(match new {
                    Some(i) => derived.remove(i).1,
                    None => SqlText::name(&column.name),
                });
            }
        } else {
            items.push(SqlText::plain("*"));
        }
        items.extend(derived.into_iter().map(|(_, item)| item));
        let mut query = SqlText::list("SELECT", &items);
        query.push("\nFROM ");
        query.append(&context.input().name());
        Ok(NodeSql::view(context, &query))
    }
}
