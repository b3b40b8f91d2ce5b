//! Union: several streams of the same columns as one.

use super::{Family, Inputs, KindSpec, NodeKind, PortSpec};
use crate::diagnostics::{Diagnostic, did_you_mean};
use crate::document::Node;
use crate::lower::shape::{self, Shape};
use crate::lower::{Candidate, Failed, NodeContext, NodeSql, SqlText};

/// Puts the rows of all inputs into one stream (`UNION ALL`). Columns are matched by name.
pub(crate) struct Union;

const SPEC: KindSpec = KindSpec {
    name: "union",
    title: "Union",
    help: "Puts the rows of all inputs into one stream. Columns are matched by name",
    family: Family::Join,
    inputs: Inputs::Many(PortSpec {
        name: "input",
        help: "Any number of streams with the same columns",
    }),
    has_output: true,
    parameters: &[],
};

impl NodeKind for Union {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, _node: &Node) -> Option<String> {
        Some("all rows of all inputs".into())
    }

    fn recognise_query(&self, query: &str) -> Vec<Candidate> {
        let read = || {
            let inputs = shape::union_all(query)?.into_iter().map(|part| {
                let shape = Shape::of(part)?;
                let [from] = shape.just(["FROM"])?;
                Some((None, shape::name(from)?))
            });
            Some(Candidate {
                node: Node::new(SPEC.name),
                inputs: inputs.collect::<Option<_>>()?,
            })
        };
        read().into_iter().collect()
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        let first = context.input().clone();
        let mut query = SqlText::new();
        let mut failed = None;
        for input in context.inputs.clone() {
            let alike = input.columns.len() == first.columns.len()
                && input
                    .columns
                    .iter()
                    .zip(&first.columns)
                    .all(|(a, b)| a.name == b.name);
            let mut missing = |has: &crate::lower::InputRelation, name: &str, other: &str| {
                let diagnostic = Diagnostic::error(
                    "union/columns",
                    format!(
                        "'{}' has no column '{name}', but '{other}' has",
                        has.relation
                    ),
                )
                .on_port("input");
                let names = has.columns.iter().map(|column| column.name.as_str());
                failed = Some(context.fail(match did_you_mean(name, names) {
                    Some(near) => diagnostic.help(format!(
                        "did you mean '{near}'? Rename it in a select node before the union"
                    )),
                    None => diagnostic.help(
                        "put a select or a derive node before the union that makes them alike",
                    ),
                }));
            };
            for column in &first.columns {
                if input.column(&column.name).is_none() {
                    missing(&input, &column.name, first.relation.as_str());
                }
            }
            for column in &input.columns {
                if first.column(&column.name).is_none() {
                    missing(&first, &column.name, input.relation.as_str());
                }
            }
            if !query.as_str().is_empty() {
                query.push("\nUNION ALL\n");
            }
            if alike {
                query.push("SELECT *");
            } else {
                query.append(&SqlText::list("SELECT", &first.column_names()));
            }
            query.push("\nFROM ");
            query.append(&input.name());
        }
        match failed {
            Some(failed) => Err(failed),
            None => Ok(NodeSql::view(context, &query)),
        }
    }
}
