//! Connector sink: any table that Flink has a connector for.

use super::connector_source::{
    CONNECTOR, CONNECTOR_OPTIONS, PARTITIONED_BY, PRIMARY_KEY, TABLE_COMMENT, check_connector,
    connector_node, connector_options, summary, table_parts,
};
use super::parameter::{DefaultValue, ParameterSpec, ParameterType};
use super::sink_table::{input_columns, select_all};
use super::source_table::{create_table_of, schema};
use super::{Family, Inputs, KindSpec, NodeKind, PortSpec};
use crate::diagnostics::Diagnostic;
use crate::document::{Node, Value};
use crate::environment::ConnectorUse;
use crate::lower::recognise::with_some;
use crate::lower::{Failed, NodeContext, NodeSql, SqlText, TableText};
use crate::sql::quote_name;

/// Writes a table by any connector with any options (Flink: `INSERT INTO` a table
/// `WITH ('connector' = …)`).
///
/// With a primary key most connectors take updates, by the key. Columns are filled by their place,
/// as in SQL. Where the embedded runtime has no such connector, the pipeline compiles and runs on
/// Flink only, which a warning says.
pub(crate) struct ConnectorSink;

const SPEC: KindSpec = KindSpec {
    name: "connector-sink",
    title: "Connector sink",
    help: "Writes a table by any connector of Flink with any options; with a primary key most take updates",
    family: Family::Sink,
    inputs: Inputs::Many(PortSpec {
        name: "input",
        help: "The rows to write; several streams are written side by side",
    }),
    has_output: false,
    parameters: &[
        CONNECTOR,
        PRIMARY_KEY,
        PARTITIONED_BY,
        TABLE_COMMENT,
        ParameterSpec::new(
            "schema",
            "Columns",
            ParameterType::Schema,
            "Name and type of each column of the table. Without it those of the input",
        ),
        ParameterSpec::new(
            "columns",
            "Filled columns",
            ParameterType::NewNames,
            "The columns of the table that the input's columns fill, by their place; others are NULL. Without it all",
        )
        .advanced(),
        ParameterSpec::new(
            "deduplicate",
            "Last of several",
            ParameterType::Boolean,
            "Whether of several rows that write one row of the table the last stays (ON CONFLICT DO DEDUPLICATE)",
        )
        .default(DefaultValue::Boolean(false))
        .advanced(),
        CONNECTOR_OPTIONS,
    ],
};

impl NodeKind for ConnectorSink {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        let connector = node.text_at("connector")?;
        Some(summary(node, connector))
    }

    fn check(&self, node: &Node) -> Vec<Diagnostic> {
        let mut out = check_connector(node);
        if node.parameters.contains_key("columns") && !node.parameters.contains_key("schema") {
            out.push(
                Diagnostic::error("parameter/missing", "'schema' is not set")
                    .on_parameter("schema", None)
                    .help("give the columns of the table, some of which 'columns' fills"),
            );
        }
        out
    }

    fn recognise_table(&self, table: &TableText) -> Vec<Node> {
        let node = connector_node(SPEC.name, table);
        vec![
            node.clone(),
            with_some(node, "schema", table.schema.clone()),
        ]
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        let options = connector_options(context, ConnectorUse::Sink)?;
        let own = context.node.parameters.contains_key("schema");
        let columns = match own {
            true => schema(context)?,
            false => input_columns(context.input()),
        };
        let parts = table_parts(context, &columns)?;
        let filled: Vec<SqlText> = context
            .names("columns")
            .iter()
            .map(|(path, name)| SqlText::name_of(path, name))
            .collect();
        let mut target = SqlText::plain(format!("INSERT INTO {}", quote_name(context.id.as_str())));
        if !filled.is_empty() {
            target.append(&SqlText::list(" (", &filled));
            target.push(")");
        }
        let deduplicate = context.node.parameters.get("deduplicate") == Some(&Value::Boolean(true));
        let inserts = context
            .inputs
            .iter()
            .map(|input| {
                let mut insert = target.clone().then("\n").and(&select_all(input));
                if deduplicate {
                    insert.push("\nON CONFLICT DO DEDUPLICATE");
                }
                insert
            })
            .collect();
        Ok(NodeSql {
            definitions: vec![create_table_of(
                context.id.as_str(),
                &columns,
                None,
                &parts,
                &options,
            )],
            inserts,
        })
    }
}
