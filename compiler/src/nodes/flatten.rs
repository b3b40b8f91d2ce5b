//! Flatten: one row for each element of a collection.

use millstream_functions::types::{FlinkType, TypeKind};

use super::parameter::{DefaultValue, ParameterSpec, ParameterType};
use super::{Family, KindSpec, NodeKind, ONE_INPUT};
use crate::diagnostics::{Diagnostic, Span};
use crate::document::Node;
use crate::lower::shape::{self, JoinText, Shape};
use crate::lower::{Candidate, Failed, NodeContext, NodeSql, SqlText};

/// Gives each row once for every element of an array, map or multiset (Flink: `UNNEST`).
///
/// The element of an array of rows becomes a column a field, an entry of a map one for its key and
/// one for its value.
pub(crate) struct Flatten;

const SPEC: KindSpec = KindSpec {
    name: "flatten",
    title: "Flatten",
    help: "One row for each element of an array, map or multiset, with the other columns of its row",
    family: Family::Feature,
    inputs: ONE_INPUT,
    has_output: true,
    parameters: &[
        ParameterSpec::new(
            "column",
            "Column",
            ParameterType::Column,
            "The array, map or multiset",
        )
        .required()
        .example("\"items\""),
        ParameterSpec::new(
            "names",
            "New columns",
            ParameterType::NewNames,
            "Names of the columns that an element becomes: one; two for the key and the value of a map; one a field where the elements are rows. Without it the fields keep their names, others are called 'element', 'key' and 'value'",
        )
        .example("[\"item\"]"),
        ParameterSpec::new(
            "ordinality",
            "Position column",
            ParameterType::Text,
            "The name of a column with the element's number, from 1. Without it there is none",
        )
        .example("\"position\""),
        ParameterSpec::new(
            "left",
            "Keep rows without elements",
            ParameterType::Boolean,
            "Whether a row whose collection is empty or NULL goes on, with NULL for the element",
        )
        .default(DefaultValue::Boolean(false)),
        ParameterSpec::new(
            "keep",
            "Keep the collection",
            ParameterType::Boolean,
            "Whether the collection itself stays a column",
        )
        .default(DefaultValue::Boolean(false)),
    ],
};

/// The columns that an element becomes.
fn element_names(ty: &FlinkType) -> Option<Vec<String>> {
    let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    Some(match &ty.kind {
        TypeKind::Array(item) | TypeKind::Multiset(item) => match &item.kind {
            TypeKind::Row(fields) => fields.iter().map(|field| field.name.clone()).collect(),
            _ => names(&["element"]),
        },
        TypeKind::Map(..) => names(&["key", "value"]),
        _ => return None,
    })
}

impl NodeKind for Flatten {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        let column = node.text_at("column")?;
        let names: Vec<&str> = node
            .parameters
            .get("names")
            .and_then(|names| names.as_list())
            .into_iter()
            .flatten()
            .chain(node.parameters.get("ordinality"))
            .filter_map(|name| name.as_text())
            .collect();
        Some(match names.is_empty() {
            true => column.to_string(),
            false => format!("{column} as {}", names.join(", ")),
        })
    }

    fn check(&self, node: &Node) -> Vec<Diagnostic> {
        let empty = node
            .text_at("ordinality")
            .is_some_and(|name| name.trim().is_empty());
        if empty {
            vec![
                Diagnostic::error("parameter/value", "'ordinality' is empty")
                    .on_parameter("ordinality", None)
                    .help("name the column, or remove 'ordinality' to have none"),
            ]
        } else {
            vec![]
        }
    }

    fn recognise_query(&self, query: &str) -> Vec<Candidate> {
        let read = || {
            let shape = Shape::of(query)?;
            let [from] = shape.just(["FROM"])?;
            let join = JoinText::of(from)?;
            let left = match join.words.as_str() {
                "CROSS JOIN" => false,
                "LEFT JOIN" => true,
                _ => return None,
            };
            let (call, alias) = shape::around(join.right, &["AS"])?;
            let (call, numbered) = match shape::around(call, &["WITH", "ORDINALITY"]) {
                Some((call, _)) => (call, true),
                None => (call, false),
            };
            let (_, column) = shape::call(call).filter(|(name, _)| name == "UNNEST")?;
            let [column] = column.as_slice() else {
                return None;
            };
            let column = shape::name(column)?;
            let (_, mut names) = shape::call(alias)?;
            let mut node = Node::new(SPEC.name).with("column", column.as_str());
            if numbered {
                node = node.with("ordinality", shape::name(names.pop()?)?);
            }
            let names: Vec<String> = names.into_iter().map(shape::name).collect::<Option<_>>()?;
            node = node.with("names", names);
            if left {
                node = node.with("left", true);
            }
            let keeps = shape
                .items
                .iter()
                .any(|item| shape::name(item).as_ref() == Some(&column));
            if keeps {
                node = node.with("keep", true);
            }
            Some(Candidate::of(node, shape::name(join.left)?))
        };
        read().into_iter().collect()
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        let name = context.required_text("column")?;
        let column = context.input_column("column", name)?;
        let Some(given) = element_names(&column.ty) else {
            let diagnostic = Diagnostic::error(
                "column/no-collection",
                format!("'{name}' is {}, which has no elements", column.ty),
            )
            .on_parameter("column", Some(Span::new(0, name.len())))
            .help("choose an ARRAY, MAP or MULTISET");
            return Err(context.fail(diagnostic));
        };
        let own = context.names("names");
        if !own.is_empty() && own.len() != given.len() {
            let diagnostic = Diagnostic::error(
                "parameter/value",
                format!(
                    "an element of '{name}' is {} column{}, but 'names' has {}",
                    given.len(),
                    if given.len() == 1 { "" } else { "s" },
                    own.len()
                ),
            )
            .on_parameter("names", None)
            .help(format!("for example {}", given.join(", ")));
            return Err(context.fail(diagnostic));
        }
        let mut elements: Vec<(String, String, SqlText)> = match own.is_empty() {
            true => given
                .iter()
                .map(|name| ("names".to_string(), name.clone(), SqlText::name(name)))
                .collect(),
            false => own
                .iter()
                .map(|(path, name)| (path.clone(), name.to_string(), SqlText::name_of(path, name)))
                .collect(),
        };
        if let Some(position) = context.text("ordinality").map(str::trim) {
            elements.push((
                "ordinality".to_string(),
                position.to_string(),
                SqlText::name_of("ordinality", position),
            ));
        }
        let is_set = |context: &NodeContext<'_>, parameter: &str| {
            let value = context.node.parameters.get(parameter);
            value == Some(&crate::document::Value::Boolean(true))
        };
        let keep = is_set(context, "keep");
        let mut items: Vec<SqlText> = context
            .input()
            .columns
            .iter()
            .filter(|other| keep || other.name != name)
            .map(|other| SqlText::name(&other.name))
            .collect();
        let mut taken: Vec<&str> = Vec::new();
        for (path, element, sql) in &elements {
            // The collection's own name would be ambiguous in the query.
            if context.input().column(element).is_some() || taken.contains(&element.as_str()) {
                let diagnostic = Diagnostic::error(
                    "column/exists",
                    format!("there is a column '{element}' already"),
                )
                .on_parameter(path.as_str(), None)
                .help("give the new columns other names in 'names'");
                return Err(context.fail(diagnostic));
            }
            taken.push(element);
            items.push(sql.clone());
        }
        let mut query = SqlText::list("SELECT", &items);
        query.push("\nFROM ");
        query.append(&context.input().name());
        let left = is_set(context, "left");
        query.push(match left {
            true => "\nLEFT JOIN UNNEST(",
            false => "\nCROSS JOIN UNNEST(",
        });
        query.append(&SqlText::name_of("column", name));
        query.push(")");
        if context.text("ordinality").is_some() {
            query.push(" WITH ORDINALITY");
        }
        let mut alias = String::from("u");
        while context.input().column(&alias).is_some() || taken.contains(&alias.as_str()) {
            alias.push('_');
        }
        let names: Vec<SqlText> = elements.iter().map(|(_, _, sql)| sql.clone()).collect();
        query.append(&SqlText::list(&format!(" AS {alias} ("), &names));
        query.push(")");
        if left {
            query.push(" ON TRUE");
        }
        Ok(NodeSql::view(context, &query))
    }
}
