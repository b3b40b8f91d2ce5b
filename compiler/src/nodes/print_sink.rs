//! Print sink: rows on standard output.

use super::parameter::{ParameterSpec, ParameterType};
use super::source_table::{OPTIONS, Options};
use super::{Family, KindSpec, NodeKind, ONE_INPUT};
use crate::document::Node;
use crate::lower::recognise::with_some;
use crate::lower::{Failed, NodeContext, NodeSql, TableText};

/// Prints every change as `+I[a, 1]` (Flink's `print` connector).
pub(crate) struct PrintSink;

const SPEC: KindSpec = KindSpec {
    name: "print",
    title: "Print",
    help: "Prints every row and every change on standard output",
    family: Family::Sink,
    inputs: ONE_INPUT,
    has_output: false,
    parameters: &[
        ParameterSpec::new(
            "identifier",
            "Prefix",
            ParameterType::Text,
            "What stands before each row",
        ),
        OPTIONS,
    ],
};

impl NodeKind for PrintSink {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        Some(
            node.text_at("identifier")
                .unwrap_or("every row")
                .to_string(),
        )
    }

    fn recognise_table(&self, table: &TableText) -> Vec<Node> {
        let read = || {
            if table.option("connector")? != "print" || !table.is_plain() {
                return None;
            }
            let mut node = Node::new(SPEC.name);
            if let Some(identifier) = table.option("print-identifier") {
                node = node.with("identifier", identifier);
            }
            let others = table.other_options(&["connector", "print-identifier"]);
            Some(with_some(node, "options", others))
        };
        read().into_iter().collect()
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        let mut options = Options::default();
        options.set("connector", "print");
        if let Some(identifier) = context.text("identifier") {
            options.set_from("print-identifier", "identifier", identifier);
        }
        options.add_parameter(context)?;
        Ok(super::sink_table::sink(context, &options))
    }
}
