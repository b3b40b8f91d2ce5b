//! Datagen source: made-up rows of any schema.

use super::parameter::{ParameterSpec, ParameterType};
use super::source_table::{
    OPTIONS, Options, WATERMARK, WATERMARK_DELAY, create_table, schema, watermark,
};
use super::{Family, Inputs, KindSpec, NodeKind};
use crate::diagnostics::{Diagnostic, did_you_mean};
use crate::document::{Entries, Node};
use crate::lower::recognise::with_some;
use crate::lower::{Failed, NodeContext, NodeSql, TableText};

/// Makes rows up, at random or in sequence, field by field (Flink's `datagen` connector).
pub(crate) struct DatagenSource;

const SPEC: KindSpec = KindSpec {
    name: "datagen",
    title: "Made-up rows",
    help: "Makes rows up, at random or in sequence, to try a pipeline out",
    family: Family::Source,
    inputs: Inputs::None,
    has_output: true,
    parameters: &[
        ParameterSpec::new(
            "rows-per-second",
            "Rows a second",
            ParameterType::Integer {
                min: 1,
                max: i64::MAX,
            },
            "How fast rows come. Flink makes 10,000 a second unless told otherwise",
        ),
        ParameterSpec::new(
            "number-of-rows",
            "Number of rows",
            ParameterType::Integer {
                min: 1,
                max: i64::MAX,
            },
            "How many rows come in all. Without it they never end",
        ),
        WATERMARK,
        WATERMARK_DELAY,
        ParameterSpec::new(
            "schema",
            "Columns",
            ParameterType::Schema,
            "Name and type of each column",
        )
        .required()
        .example("schema = { id = \"BIGINT\" }"),
        ParameterSpec::new(
            "fields",
            "Fields",
            ParameterType::KeyValues,
            "How each column is made: \"id.kind\" = \"sequence\", \"id.start\" = 1, \"price.min\" = 0",
        ),
        OPTIONS,
    ],
};

impl NodeKind for DatagenSource {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        let columns = node.parameters.get("schema")?.as_table()?.len();
        let plural = if columns == 1 { "" } else { "s" };
        Some(format!("{columns} column{plural}"))
    }

    fn recognise_table(&self, table: &TableText) -> Vec<Node> {
        let read = || {
            if table.option("connector")? != "datagen" || !table.is_plain() {
                return None;
            }
            let mut node = Node::new(SPEC.name).with("schema", table.schema.clone());
            for key in ["rows-per-second", "number-of-rows"] {
                if let Some(n) = table.option(key) {
                    node = node.with(key, n.parse::<i64>().ok()?);
                }
            }
            let mut fields = Entries::new();
            let mut others =
                table.other_options(&["connector", "rows-per-second", "number-of-rows"]);
            for (key, value) in &table.options {
                if let Some(field) = key.strip_prefix("fields.") {
                    fields.insert(field, value.as_str());
                    others.remove(key);
                }
            }
            let node = with_some(with_some(node, "fields", fields), "options", others);
            table.with_delay(node)
        };
        read().into_iter().collect()
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        let mut options = Options::default();
        options.set("connector", "datagen");
        for key in ["rows-per-second", "number-of-rows"] {
            if let Some(n) = context.integer(key) {
                options.set_from(key, key, &n.to_string());
            }
        }
        let columns = schema(context)?;
        for (path, key, value) in context.options("fields") {
            let column = key.rsplit_once('.').map_or(key, |(column, _)| column);
            let known = |column: &str| columns.iter().any(|known| known.name == column);
            // Fields of a row or an array are addressed through their column: `items.element.min`.
            if !known(column) && !known(column.split('.').next().unwrap_or(column)) {
                let names = columns.iter().map(|column| column.name.as_str());
                let diagnostic = Diagnostic::error(
                    "column/unknown",
                    format!("there is no column '{column}' to make"),
                )
                .on_parameter(path, None);
                return Err(context.fail(match did_you_mean(column, names) {
                    Some(near) => diagnostic.help(format!("did you mean '{near}'?")),
                    None => diagnostic.help("write \"column.kind\", \"column.min\", …"),
                }));
            }
            options.set_from(&format!("fields.{key}"), &path, &value);
        }
        options.add_parameter(context)?;
        let watermark = watermark(context, &columns)?;
        Ok(NodeSql {
            definitions: vec![create_table(
                context.id.as_str(),
                &columns,
                watermark.as_ref(),
                &options,
            )],
            inserts: Vec::new(),
        })
    }
}
