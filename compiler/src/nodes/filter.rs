//! Filter: the rows for which a condition holds.

use super::parameter::{ParameterSpec, ParameterType};
use super::{Family, KindSpec, NodeKind, ONE_INPUT};
use crate::document::Node;
use crate::lower::shape::{self, Shape};
use crate::lower::{Candidate, Failed, NodeContext, NodeSql, SqlText};

/// Keeps the rows for which a condition is true; false and NULL are dropped.
pub(crate) struct Filter;

const SPEC: KindSpec = KindSpec {
    name: "filter",
    title: "Filter",
    help: "Keeps the rows for which a condition is true",
    family: Family::Feature,
    inputs: ONE_INPUT,
    has_output: true,
    parameters: &[ParameterSpec::new(
        "condition",
        "Condition",
        ParameterType::Expression,
        "Rows go on where this is true; not where it is false or NULL",
    )
    .required()
    .example("\"amount > 100\"")],
};

impl NodeKind for Filter {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        Some(node.text_at("condition")?.to_string())
    }

    fn recognise_query(&self, query: &str) -> Vec<Candidate> {
        let read = || {
            let shape = Shape::of(query)?;
            let [from, condition] = shape.just(["FROM", "WHERE"])?;
            let input = shape::name(from)?;
            let node = Node::new(SPEC.name).with("condition", condition);
            (shape.items == ["*"]).then(|| Candidate::of(node, input))
        };
        read().into_iter().collect()
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        let text = context.required_text("condition")?;
        let condition = context.expression("condition", text)?;
        let mut query = SqlText::plain("SELECT *\nFROM ");
        query.append(&context.input().name());
        query.push("\nWHERE ");
        query.append(&condition);
        Ok(NodeSql::view(context, &query))
    }
}
