//! File sink: rows into files.

use super::file_source::FORMATS;
use super::parameter::{ParameterSpec, ParameterType, PathKind};
use super::source_table::{OPTIONS, Options};
use super::{Family, KindSpec, NodeKind, ONE_INPUT};
use crate::document::Node;
use crate::lower::recognise::with_some;
use crate::lower::{Failed, NodeContext, NodeSql, TableText};

/// Writes every row into files of a folder, exactly once (Flink's `filesystem` connector). Takes
/// streams that only append.
pub(crate) struct FileSink;

const SPEC: KindSpec = KindSpec {
    name: "file-sink",
    title: "File sink",
    help: "Writes rows into CSV or JSON files of a folder, each exactly once",
    family: Family::Sink,
    inputs: ONE_INPUT,
    has_output: false,
    parameters: &[
        ParameterSpec::new(
            "path",
            "Folder",
            ParameterType::Path(PathKind::Folder),
            "Where the files go. A relative path starts at the pipeline's folder",
        )
        .required()
        .example("\"out/alerts\""),
        ParameterSpec::new(
            "format",
            "Format",
            ParameterType::Enum(FORMATS),
            "How rows are written",
        )
        .required()
        .example("\"csv\""),
        OPTIONS,
    ],
};

impl NodeKind for FileSink {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        let path = node.text_at("path")?;
        let format = node.text_at("format")?;
        Some(format!("{path} ({})", format.to_uppercase()))
    }

    fn recognise_table(&self, table: &TableText) -> Vec<Node> {
        let read = || {
            if table.option("connector")? != "filesystem" || !table.is_plain() {
                return None;
            }
            let node = Node::new(SPEC.name)
                .with("path", table.option("path")?)
                .with("format", table.option("format")?);
            let others = table.other_options(&["connector", "path", "format"]);
            Some(with_some(node, "options", others))
        };
        read().into_iter().collect()
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        let path = context.required_text("path")?;
        let format = context.required_text("format")?;
        let mut options = Options::default();
        options.set("connector", "filesystem");
        options.set_from("path", "path", path);
        options.set_from("format", "format", format);
        options.add_parameter(context)?;
        Ok(super::sink_table::sink(context, &options))
    }
}
