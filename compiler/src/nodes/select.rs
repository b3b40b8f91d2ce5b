//! Select: which columns go on, in which order and under which names.

use super::parameter::{ParameterSpec, ParameterType};
use super::{Family, KindSpec, NodeKind, ONE_INPUT};
use crate::diagnostics::{Diagnostic, Span};
use crate::document::{Entries, Node};
use crate::lower::recognise::with_some;
use crate::lower::shape::{self, Shape};
use crate::lower::{Candidate, Failed, NodeContext, NodeSql, SqlText};

/// Keeps columns, orders and renames them.
pub(crate) struct Select;

const SPEC: KindSpec = KindSpec {
    name: "select",
    title: "Select columns",
    help: "Chooses columns, orders and renames them",
    family: Family::Feature,
    inputs: ONE_INPUT,
    has_output: true,
    parameters: &[
        ParameterSpec::new(
            "columns",
            "Columns",
            ParameterType::Columns,
            "The columns that go on, in this order. Without it all of them",
        )
        .example("[\"id\", \"amount\"]"),
        ParameterSpec::new(
            "rename",
            "Rename",
            ParameterType::Renames,
            "New names of columns: old = \"new\"",
        ),
    ],
};

impl NodeKind for Select {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        let columns = node.parameters.get("columns").and_then(|v| v.as_list());
        let renamed = node
            .parameters
            .get("rename")
            .and_then(|v| v.as_table())
            .map_or(0, |renames| renames.len());
        let kept = columns.map_or("all columns".to_string(), |columns| match columns.len() {
            1 => "1 column".to_string(),
            n => format!("{n} columns"),
        });
        Some(if renamed == 0 {
            kept
        } else {
            format!("{kept}, {renamed} renamed")
        })
    }

    fn check(&self, node: &Node) -> Vec<Diagnostic> {
        let empty = node
            .parameters
            .get("columns")
            .and_then(|value| value.as_list())
            .is_some_and(<[_]>::is_empty);
        if empty {
            vec![
                Diagnostic::error("parameter/value", "no column would go on")
                    .on_parameter("columns", None)
                    .help("name at least one, or remove 'columns' to keep all"),
            ]
        } else {
            vec![]
        }
    }

    fn recognise_query(&self, query: &str) -> Vec<Candidate> {
        let read = || {
            let shape = Shape::of(query)?;
            let [from] = shape.just(["FROM"])?;
            let input = shape::name(from)?;
            let mut columns = Vec::new();
            let mut renames = Entries::new();
            for item in &shape.items {
                let (column, new) = shape::alias(item);
                let column = shape::name(column)?;
                if let Some(new) = new {
                    renames.insert(column.as_str(), new);
                }
                columns.push(column);
            }
            let node = Node::new(SPEC.name).with("columns", columns);
            Some(Candidate::of(with_some(node, "rename", renames), input))
        };
        read().into_iter().collect()
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        let chosen: Vec<(SqlText, String)> = if context.node.parameters.contains_key("columns") {
            let names = context.names("columns");
            let columns = context.input_columns("columns")?;
            columns
                .into_iter()
                .zip(names)
                .map(|(sql, (_, name))| (sql, name.to_string()))
                .collect()
        } else {
            context
                .input()
                .columns
                .iter()
                .map(|column| (SqlText::name(&column.name), column.name.clone()))
                .collect()
        };
        let renames = context.entries("rename");
        for (path, old, _) in &renames {
            if context.input().column(old).is_none() {
                let diagnostic = context
                    .unknown_column(old)
                    .on_parameter(path.as_str(), None);
                return Err(context.fail(diagnostic));
            }
            if !chosen.iter().any(|(_, name)| name == old) {
                let diagnostic = Diagnostic::error(
                    "column/unknown",
                    format!("'{old}' is renamed but not among the columns that go on"),
                )
                .on_parameter(path.as_str(), None)
                .help("add it to 'columns', or remove its new name");
                return Err(context.fail(diagnostic));
            }
        }
        let mut items = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        for (sql, old) in &chosen {
            let rename = renames.iter().find(|(_, name, _)| name == old);
            let name = rename.map_or(old.as_str(), |(_, _, new)| new.trim());
            // Among the final names only, so that two columns may swap theirs.
            if names.contains(&name) {
                let path = renames
                    .iter()
                    .find(|(_, _, new)| new.trim() == name)
                    .map_or("columns", |(path, _, _)| path.as_str());
                let diagnostic = Diagnostic::error(
                    "column/exists",
                    format!("two columns would be called '{name}'"),
                )
                .on_parameter(path, Some(Span::new(0, name.len())))
                .help("give one of them another name");
                return Err(context.fail(diagnostic));
            }
            names.push(name);
            items.push(match rename {
                Some((path, _, _)) => sql.clone().then(" AS ").and(&SqlText::name_of(path, name)),
                None => sql.clone(),
            });
        }
        let mut query = SqlText::list("SELECT", &items);
        query.push("\nFROM ");
        query.append(&context.input().name());
        Ok(NodeSql::view(context, &query))
    }
}
