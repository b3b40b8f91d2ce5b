//! Window Top-N: the first rows of each window and key, once the window is over.

use super::top_n::{COUNT, KEYS, ORDER, RANK, Ranked, check_rank, lower, summary};
use super::{Family, KindSpec, NodeKind, ONE_INPUT};
use crate::diagnostics::Diagnostic;
use crate::document::Node;
use crate::lower::{Candidate, Failed, NodeContext, NodeSql};

/// Keeps the first rows of each window and key in an order (Flink: window Top-N).
///
/// The input must carry windows, as a window aggregate gives them. The rows of a window come out
/// when the watermark has passed its end, and the result only appends.
pub(crate) struct WindowTopN;

const SPEC: KindSpec = KindSpec {
    name: "window-top-n",
    title: "Window Top-N",
    help: "The first rows of each window and key in an order, once the window is over. Stands behind a window aggregate",
    family: Family::Feature,
    inputs: ONE_INPUT,
    has_output: true,
    parameters: &[ORDER, COUNT, KEYS, RANK],
};

/// The columns that say in which window a row is.
pub(super) const WINDOW: [&str; 2] = ["window_start", "window_end"];

impl NodeKind for WindowTopN {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        Some(format!("{} a window", summary(node)?))
    }

    fn check(&self, node: &Node) -> Vec<Diagnostic> {
        check_rank(node).into_iter().collect()
    }

    fn recognise_query(&self, query: &str) -> Vec<Candidate> {
        let ranked = Ranked::of(query);
        ranked
            .and_then(|ranked| ranked.candidate(SPEC.name, &WINDOW))
            .into_iter()
            .collect()
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        for name in WINDOW {
            if context.input().column(name).is_none() {
                let relation = context.input().relation.clone();
                return Err(context.fail(
                    Diagnostic::error(
                        "column/no-window",
                        format!(
                            "'{relation}' has no column '{name}', so its rows are in no window"
                        ),
                    )
                    .on_port("input")
                    .help("put it right behind a window aggregate, or use a Top-N"),
                ));
            }
        }
        lower(context, &WINDOW)
    }
}
