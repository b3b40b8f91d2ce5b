//! From a pipeline to one Flink SQL script, with a map back.
//!
//! A source becomes a `CREATE TABLE`, an inner node a `CREATE TEMPORARY VIEW` of its id, a model
//! node a `CREATE MODEL` and views around `ML_PREDICT`, a sink a `CREATE TABLE` and an `INSERT`;
//! all inserts stand in one statement set. Nodes come in topological order, among equals by id, so
//! equal pipelines give equal scripts and a small edit gives a small difference. Titles and
//! comments become SQL comments above the statement.
//!
//! The script for a Flink cluster and the one for the embedded runtime differ only where a node
//! kind says so, with a note.
//!
//! What is wrong with one node does not keep the others from being lowered: nodes that read a
//! broken one are left out silently, everything else is there, and [`Lowered::diagnostics`] says
//! what is missing and why.

mod both;
mod context;
pub(crate) mod expression;
mod import;
mod layout;
mod lineage;
pub(crate) mod recognise;
mod repairs;
pub(crate) mod shape;
mod source_map;
mod stream_types;
mod text;
mod typer;

#[cfg(test)]
mod naive_typer;
#[cfg(test)]
mod planner_tests;
#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

pub use both::{Before, Both, compile_again, compile_both};
pub use context::{Failed, NodeContext, NodeSql, Target};

pub use import::{Imported, import};
pub use lineage::ColumnOrigin;
pub use recognise::{Candidate, TableText};
pub use repairs::{Connection, Repair, check_connection, repairs};
pub use source_map::{Origin, SourceMap};
pub use stream_types::{OperatorState, StreamKind, StreamType, stream_types};
pub use text::SqlText;
pub use typer::{Column, RelationTyper};

pub(crate) use context::{InputRelation, create_view, verbatim};

use layout::Layouts;

use crate::diagnostics::{Diagnostic, Span};
use crate::document::{EdgeId, NodeId, Pipeline, order_by};
use crate::environment::Environment;
use crate::nodes::{self, Inputs};
use crate::plan::Binder;
use crate::sql::quote_text;

/// A pipeline as a script.
#[derive(Debug, Clone)]
pub struct Lowered {
    /// The script. Complete only if [`Lowered::has_errors`] is false.
    pub script: String,
    /// Which node and parameter each part of it came from.
    pub map: SourceMap,
    /// The columns of each node that has an output and no errors.
    pub columns: BTreeMap<NodeId, Vec<Column>>,
    /// Everything found on the way, with nodes and parameters; spans count bytes of `script`.
    pub diagnostics: Vec<Diagnostic>,
}

impl Lowered {
    /// Whether the pipeline cannot run.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Lowers a pipeline for a target, with the planner to type its relations.
pub fn compile(pipeline: &Pipeline, target: Target, environment: &dyn Environment) -> Lowered {
    lower(pipeline, target, environment, &mut Binder::new(environment))
}

/// Lowers a pipeline for a target.
///
/// `typer` is asked for the columns of each relation as soon as its statement is written.
pub fn lower(
    pipeline: &Pipeline,
    target: Target,
    environment: &dyn Environment,
    typer: &mut dyn RelationTyper,
) -> Lowered {
    lower_plain(pipeline, target, environment, typer, None).laid_out(&mut Layouts::default())
}

/// A lowered pipeline whose script is not laid out yet.
struct Plain {
    lowered: Lowered,
    /// Where the script's parts begin: its settings, the statements, the statement set.
    parts: Vec<usize>,
}

impl Plain {
    fn laid_out(self, layouts: &mut Layouts) -> Lowered {
        let Lowered {
            script,
            map,
            columns,
            diagnostics,
        } = self.lowered;
        let (script, map, diagnostics) = layouts.format(script, &self.parts, map, diagnostics);
        Lowered {
            columns,
            diagnostics: diagnostics
                .into_iter()
                .map(|found| map.attribute(found))
                .collect(),
            script,
            map,
        }
    }
}

/// Lowers a pipeline. With `layouts`, each part of the script is laid out as soon as it is written.
fn lower_plain(
    pipeline: &Pipeline,
    target: Target,
    environment: &dyn Environment,
    typer: &mut dyn RelationTyper,
    layouts: Option<&mut Layouts>,
) -> Plain {
    let mut lowering = Lowering {
        pipeline,
        target,
        environment,
        typer,
        layouts,
        script: String::new(),
        parts: Vec::new(),
        map: SourceMap::default(),
        columns: BTreeMap::new(),
        diagnostics: pipeline.check_whole().into_iter().collect(),
        inserts: Vec::new(),
        unread: unread_edges(pipeline),
    };
    lowering.head();
    for id in order_by(pipeline, |edge| !lowering.unread.contains(edge)) {
        lowering.node(id);
    }
    lowering.statement_set();
    Plain {
        lowered: Lowered {
            script: lowering.script,
            map: lowering.map,
            columns: lowering.columns,
            diagnostics: lowering.diagnostics,
        },
        parts: lowering.parts,
    }
}

struct Lowering<'a> {
    pipeline: &'a Pipeline,
    target: Target,
    environment: &'a dyn Environment,
    typer: &'a mut dyn RelationTyper,
    layouts: Option<&'a mut Layouts>,
    script: String,
    /// See [`Plain::parts`].
    parts: Vec<usize>,
    map: SourceMap,
    /// Of the nodes that were lowered without errors and have an output.
    columns: BTreeMap<NodeId, Vec<Column>>,
    diagnostics: Vec<Diagnostic>,
    inserts: Vec<(NodeId, SqlText)>,
    /// See [`unread_edges`].
    unread: BTreeSet<EdgeId>,
}

/// The edges that leave no trace in the script: into an SQL node whose query does not read them,
/// and into a muted node beside its first one. They order no statements, so that the same graph
/// comes back from the script.
fn unread_edges(pipeline: &Pipeline) -> BTreeSet<EdgeId> {
    let mut unread = BTreeSet::new();
    for (id, node) in pipeline.nodes() {
        let inputs = pipeline.inputs_of(id.as_str());
        if node.muted {
            unread.extend(inputs.into_iter().skip(1).map(|(_, edge, _)| edge.clone()));
        } else if let ("sql", Some(query)) = (node.kind.as_str(), node.text_at("query"))
            && let Some((names, common)) = nodes::names_read(query)
        {
            // A query that reads what is no input is broken, and told what its inputs are.
            let known = |name: &String| {
                common.contains(name) || inputs.iter().any(|(port, _, _)| port == name)
            };
            if !names.iter().all(known) {
                continue;
            }
            for (port, edge, wire) in inputs {
                // A port of another name is a common table, which reads its relation.
                if port == wire.from.node.as_str() && !names.contains(&port) {
                    unread.insert(edge.clone());
                }
            }
        }
    }
    unread
}

impl Lowering<'_> {
    /// The pipeline's name and description, and its settings.
    fn head(&mut self) {
        self.parts.push(self.script.len());
        comment_lines(&mut self.script, self.pipeline.name());
        if let Some(description) = self.pipeline.description() {
            comment_lines(&mut self.script, description);
        }
        self.script.push('\n');
        let mut settings = self.pipeline.settings().clone();
        settings
            .entry("pipeline.name".to_string())
            .or_insert_with(|| self.pipeline.name().to_string());
        for (key, value) in &settings {
            let statement = format!("SET {} = {}", quote_text(key), quote_text(value));
            let start = self.script.len();
            let _ = writeln!(self.script, "{statement};");
            let found = self.typer.declare(&statement);
            self.take_findings(found, start);
        }
        self.part_is_written();
    }

    /// The part that was begun last is complete.
    fn part_is_written(&mut self) {
        if let (Some(layouts), Some(start)) = (&mut self.layouts, self.parts.last()) {
            layouts.add(&self.script[*start..]);
        }
    }

    fn node(&mut self, id: &NodeId) {
        self.typer.begin();
        let Some(node) = self.pipeline.node(id.as_str()) else {
            return;
        };
        let found = self.pipeline.check_node(id.as_str());
        let broken = found.iter().any(Diagnostic::is_error);
        self.diagnostics.extend(found);
        let Some(kind) = nodes::find(&node.kind) else {
            return;
        };
        if broken {
            return;
        }
        let spec = kind.spec();
        let mut inputs = Vec::new();
        for (port, edge_id, edge) in self.pipeline.inputs_of(id.as_str()) {
            let Some(columns) = self.columns.get(&edge.from.node) else {
                if self.unread.contains(edge_id) {
                    continue;
                }
                // What is wrong with a node is said there, not at everything that reads it.
                return;
            };
            inputs.push(InputRelation {
                port,
                relation: edge.from.node.clone(),
                columns: columns.clone(),
            });
        }
        if node.muted && !spec.has_output {
            return;
        }
        let mut context = NodeContext {
            id,
            node,
            spec,
            target: self.target,
            environment: self.environment,
            inputs,
            diagnostics: Vec::new(),
        };
        let lowered = if node.muted {
            let several = self.pipeline.inputs_of(id.as_str()).len() > 1;
            if let (Inputs::Named, true, Some(first)) =
                (spec.inputs, several, context.inputs.first())
            {
                let message = format!(
                    "muted, it passes '{}' on and leaves its other inputs out",
                    first.relation
                );
                context.report(Diagnostic::info("node/muted", message));
            }
            pass_through(&mut context)
        } else {
            kind.lower(&mut context)
        };
        let found = context.diagnostics;
        let failed = found.iter().any(Diagnostic::is_error);
        self.diagnostics
            .extend(found.into_iter().map(|found| found.on_node(id.as_str())));
        let Ok(sql) = lowered else { return };
        if failed {
            return;
        }
        let mut head = String::new();
        if let Some(title) = &node.title {
            comment_lines(&mut head, title);
        }
        if let Some(comment) = &node.comment {
            comment_lines(&mut head, comment);
        }
        let mut clean = true;
        for definition in &sql.definitions {
            self.parts.push(self.script.len());
            self.script.push('\n');
            let start = self.script.len() + head.len();
            let statement = definition.clone().then(";");
            self.map.append(&mut self.script, id, &head, &statement);
            self.script.push('\n');
            self.part_is_written();
            head.clear();
            let found = self.typer.declare(definition.as_str());
            clean &= !found.iter().any(Diagnostic::is_error);
            self.take_findings(found, start);
        }
        if !clean {
            return;
        }
        if spec.has_output
            && let Some(columns) = self.typer.columns(id.as_str())
        {
            self.columns.insert(id.clone(), columns);
        }
        let inserts = sql.inserts.into_iter();
        self.inserts
            .extend(inserts.map(|insert| (id.clone(), insert)));
    }

    fn statement_set(&mut self) {
        if self.inserts.is_empty() {
            return;
        }
        self.parts.push(self.script.len());
        self.script.push_str("\nEXECUTE STATEMENT SET\nBEGIN\n");
        for (id, insert) in std::mem::take(&mut self.inserts) {
            let start = self.script.len();
            let statement = insert.clone().then(";");
            self.map.append(&mut self.script, &id, "", &statement);
            self.script.push('\n');
            let found = self.typer.declare(insert.as_str());
            self.take_findings(found, start);
        }
        self.script.push_str("END;\n");
        self.part_is_written();
    }

    /// Takes in findings of the typer, whose spans count from the start of the statement.
    fn take_findings(&mut self, found: Vec<Diagnostic>, start: usize) {
        self.diagnostics
            .extend(found.into_iter().map(|mut diagnostic| {
                diagnostic.span = Some(diagnostic.span.map_or(Span::new(start, start), |span| {
                    Span::new(span.start + start, span.end + start)
                }));
                diagnostic
            }));
    }
}

/// A muted node: its relation is its first input.
fn pass_through(context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
    if context.inputs.is_empty() {
        return Err(context.fail(
            Diagnostic::error(
                "node/muted-source",
                "a muted node without input passes nothing on",
            )
            .help("let it work again, or disconnect it"),
        ));
    }
    let query = SqlText::plain("SELECT * FROM ").and(&context.input().name());
    Ok(NodeSql::view(context, &query))
}

/// Text of a person as comment lines, empty ones at its ends left out. A carriage return ends a
/// comment as a line feed does.
fn comment_lines(out: &mut String, text: &str) {
    if text.trim().is_empty() {
        return;
    }
    for line in text.trim().replace("\r\n", "\n").split(['\n', '\r']) {
        let _ = writeln!(out, "{}", format!("-- {}", line.trim()).trim_end());
    }
}
