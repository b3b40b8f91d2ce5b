//! Connector source: any table that Flink has a connector for.

use super::parameter::{ParameterSpec, ParameterType};
use super::source_table::{
    ColumnDefinition, Options, TableParts, WATERMARK, WATERMARK_DELAY, create_table_of, schema,
    watermark,
};
use super::{Family, Inputs, KindSpec, NodeKind};
use crate::diagnostics::Diagnostic;
use crate::document::Node;
use crate::environment::ConnectorUse;
use crate::lower::expression::{check_columns, check_expression};
use crate::lower::recognise::with_some;
use crate::lower::{Failed, NodeContext, NodeSql, SqlText, TableText, Target, verbatim};
use crate::sql::quote_name;

/// Reads a table by any connector with any options (Flink: `CREATE TABLE … WITH ('connector' = …)`).
///
/// The script is the same for both targets. Where the embedded runtime has no such connector, the
/// pipeline compiles and runs on Flink only, which a warning says.
pub(crate) struct ConnectorSource;

/// The parameter `connector`.
pub(super) const CONNECTOR: ParameterSpec = ParameterSpec::new(
    "connector",
    "Connector",
    ParameterType::Text,
    "The name that Flink knows the connector by, such as kafka, upsert-kafka, jdbc, mysql-cdc",
)
.required()
.example("\"kafka\"");

/// The parameter `options`.
pub(super) const CONNECTOR_OPTIONS: ParameterSpec = ParameterSpec::new(
    "options",
    "Options",
    ParameterType::KeyValues,
    "Options of the connector and the format under the names that Flink gives them: topic, format, \"properties.bootstrap.servers\", …",
)
.example("options = { topic = \"orders\", format = \"json\" }");

/// The parameter `primary-key`.
pub(super) const PRIMARY_KEY: ParameterSpec = ParameterSpec::new(
    "primary-key",
    "Primary key",
    ParameterType::Columns,
    "The columns that identify a row. Flink does not enforce it; upserts go by it",
)
.example("[\"id\"]");

/// The parameter `partitioned-by`.
pub(super) const PARTITIONED_BY: ParameterSpec = ParameterSpec::new(
    "partitioned-by",
    "Partitioned by",
    ParameterType::Columns,
    "The columns by which the table is stored apart, such as the folders of a file system",
)
.advanced();

/// The parameter `table-comment`.
pub(super) const TABLE_COMMENT: ParameterSpec = ParameterSpec::new(
    "table-comment",
    "Comment in the catalog",
    ParameterType::Text,
    "What the catalog says about the table (COMMENT)",
)
.advanced();

const SPEC: KindSpec = KindSpec {
    name: "connector-source",
    title: "Connector source",
    help: "Reads a table by any connector of Flink with any options",
    family: Family::Source,
    inputs: Inputs::None,
    has_output: true,
    parameters: &[
        CONNECTOR,
        WATERMARK,
        WATERMARK_DELAY,
        ParameterSpec::new(
            "watermark-expression",
            "Watermark",
            ParameterType::Expression,
            "How the watermark comes about where it is no fixed delay: an expression over the columns, or SOURCE_WATERMARK() for the connector's own",
        )
        .example("\"SOURCE_WATERMARK()\"")
        .advanced(),
        PRIMARY_KEY,
        PARTITIONED_BY,
        TABLE_COMMENT,
        ParameterSpec::new(
            "schema",
            "Columns",
            ParameterType::Schema,
            "Name and type of each column",
        )
        .required()
        .example("schema = { id = \"BIGINT\" }"),
        CONNECTOR_OPTIONS,
    ],
};

impl NodeKind for ConnectorSource {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        let connector = node.text_at("connector")?;
        node.parameters.get("schema")?;
        Some(summary(node, connector))
    }

    fn check(&self, node: &Node) -> Vec<Diagnostic> {
        let mut out = check_connector(node);
        if node.parameters.contains_key("watermark-expression") {
            if !node.parameters.contains_key("watermark") {
                out.push(
                    Diagnostic::error("parameter/missing", "'watermark' is not set")
                        .on_parameter("watermark", None)
                        .help("name the column of the event time that the watermark speaks about"),
                );
            }
            if node.parameters.contains_key("watermark-delay") {
                out.push(
                    Diagnostic::error(
                        "parameter/value",
                        "'watermark-delay' and 'watermark-expression' are both set",
                    )
                    .on_parameter("watermark-delay", None)
                    .help("remove one of them"),
                );
            }
        }
        out
    }

    fn recognise_table(&self, table: &TableText) -> Vec<Node> {
        let node = with_some(
            connector_node(SPEC.name, table),
            "schema",
            table.schema.clone(),
        );
        let mut out: Vec<Node> = table.with_delay(node.clone()).into_iter().collect();
        if let Some((column, text)) = &table.watermark {
            out.push(
                node.with("watermark", column.as_str())
                    .with("watermark-expression", text.as_str()),
            );
        }
        out
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        let options = connector_options(context, ConnectorUse::Source)?;
        let columns = schema(context)?;
        let watermark = match context.text("watermark-expression") {
            Some(text) => Some(own_watermark(context, &columns, text)?),
            None => watermark(context, &columns)?,
        };
        let parts = table_parts(context, &columns)?;
        Ok(NodeSql::table(create_table_of(
            context.id.as_str(),
            &columns,
            watermark.as_ref(),
            &parts,
            &options,
        )))
    }
}

/// "kafka orders": the connector and what says best what it reads or writes.
pub(super) fn summary(node: &Node, connector: &str) -> String {
    let options = node.parameters.get("options").and_then(|o| o.as_table());
    let what = [
        "topic",
        "table-name",
        "path",
        "index",
        "stream.arn",
        "collection",
    ]
    .into_iter()
    .find_map(|key| options?.get(key)?.to_option_text());
    match what {
        Some(what) => format!("{connector} {what}"),
        None => connector.to_string(),
    }
}

/// Says that the connector has no name.
pub(super) fn check_connector(node: &Node) -> Vec<Diagnostic> {
    let empty = node
        .text_at("connector")
        .is_some_and(|name| name.trim().is_empty());
    if empty {
        vec![
            Diagnostic::error("parameter/value", "'connector' is empty")
                .on_parameter("connector", None)
                .help("name a connector, such as kafka"),
        ]
    } else {
        vec![]
    }
}

/// `connector` and the options; a warning where the embedded runtime has no such connector.
pub(super) fn connector_options(
    context: &mut NodeContext<'_>,
    purpose: ConnectorUse,
) -> Result<Options, Failed> {
    let connector = context.required_text("connector")?;
    let mut options = Options::default();
    options.set_from("connector", "connector", connector);
    options.add_parameter(context)?;
    let known = context.environment.embedded_connectors(purpose);
    if context.target == Target::Embedded && !known.contains(&connector) {
        let direction = match purpose {
            ConnectorUse::Source => "read",
            ConnectorUse::Sink => "write",
        };
        context.report(
            Diagnostic::warning(
                "connector/flink-only",
                format!("the embedded runtime cannot {direction} by the connector '{connector}', so this pipeline runs on Flink only"),
            )
            .on_parameter("connector", None)
            .help(format!("the embedded runtime has: {}", known.join(", "))),
        );
    }
    Ok(options)
}

/// The primary key, the partitions and the comment of a table.
pub(super) fn table_parts(
    context: &mut NodeContext<'_>,
    columns: &[ColumnDefinition],
) -> Result<TableParts, Failed> {
    let mut known = |parameter: &str| -> Result<Vec<SqlText>, Failed> {
        let mut names = Vec::new();
        for (path, name) in context.names(parameter) {
            if !columns.iter().any(|column| column.name == name) {
                let all: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
                let help = match crate::diagnostics::did_you_mean(name, all.iter().copied()) {
                    Some(near) => format!("did you mean '{near}'?"),
                    None => format!("it has: {}", all.join(", ")),
                };
                return Err(context.fail(
                    Diagnostic::error(
                        "column/unknown",
                        format!("the table has no column '{name}'"),
                    )
                    .on_parameter(path, None)
                    .help(help),
                ));
            }
            names.push(SqlText::name_of(&path, name));
        }
        Ok(names)
    };
    let primary_key = known("primary-key")?;
    let partitioned_by = known("partitioned-by")?;
    let comment = context
        .text("table-comment")
        .map(|text| SqlText::literal_of("table-comment", text));
    Ok(TableParts {
        primary_key,
        partitioned_by,
        comment,
    })
}

/// A table as a node of either kind, but for its columns.
pub(super) fn connector_node(kind: &str, table: &TableText) -> Node {
    let mut node = Node::new(kind);
    if let Some(connector) = table.option("connector") {
        node = node.with("connector", connector);
    }
    if let Some(comment) = &table.comment {
        node = node.with("table-comment", comment.as_str());
    }
    let node = with_some(node, "primary-key", table.primary_key.clone());
    let node = with_some(node, "partitioned-by", table.partitioned_by.clone());
    with_some(node, "options", table.other_options(&["connector"]))
}

/// `WATERMARK FOR ts AS expression`.
fn own_watermark(
    context: &mut NodeContext<'_>,
    columns: &[ColumnDefinition],
    text: &str,
) -> Result<SqlText, Failed> {
    let name = context.required_text("watermark")?;
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    // A dot leads to a field of a row.
    let first = name.split('.').next().unwrap_or(name);
    if !names.contains(&name) && !names.contains(&first) {
        let help = match crate::diagnostics::did_you_mean(name, names.iter().copied()) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("it has: {}", names.join(", ")),
        };
        return Err(context.fail(
            Diagnostic::error("column/unknown", format!("there is no column '{name}'"))
                .on_parameter("watermark", None)
                .help(help),
        ));
    }
    let checked = check_expression(text)
        .and_then(|expr| check_columns(text, &expr, context.id.as_str(), &names));
    if let Err(found) = checked {
        return Err(context.fail_in("watermark-expression", found));
    }
    let column = match names.contains(&name) {
        true => SqlText::name_of("watermark", name),
        false => {
            let fields: Vec<String> = name.split('.').map(quote_name).collect();
            SqlText::plain(fields.join("."))
        }
    };
    Ok(SqlText::plain("WATERMARK FOR ")
        .and(&column)
        .then(" AS ")
        .and(&verbatim("watermark-expression", text)))
}
