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

mod context;
pub(crate) mod expression;
mod layout;
mod source_map;
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

use std::collections::BTreeMap;
use std::fmt::Write as _;

pub use context::{Failed, NodeContext, NodeSql, Target};
pub use source_map::{Origin, SourceMap};
pub use text::SqlText;
pub use typer::{Column, RelationTyper};

pub(crate) use context::{InputRelation, create_view, verbatim};

use crate::diagnostics::{Diagnostic, Span};
use crate::document::{NodeId, Pipeline, topological_order};
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
    let mut lowering = Lowering {
        pipeline,
        target,
        environment,
        typer,
        script: String::new(),
        map: SourceMap::default(),
        columns: BTreeMap::new(),
        diagnostics: pipeline.check_whole().into_iter().collect(),
        inserts: Vec::new(),
    };
    lowering.head();
    for id in topological_order(pipeline) {
        lowering.node(id);
    }
    lowering.statement_set();
    let (script, map, diagnostics) =
        layout::format(lowering.script, lowering.map, lowering.diagnostics);
    Lowered {
        columns: lowering.columns,
        diagnostics: diagnostics
            .into_iter()
            .map(|found| map.attribute(found))
            .collect(),
        script,
        map,
    }
}

struct Lowering<'a> {
    pipeline: &'a Pipeline,
    target: Target,
    environment: &'a dyn Environment,
    typer: &'a mut dyn RelationTyper,
    script: String,
    map: SourceMap,
    /// Of the nodes that were lowered without errors and have an output.
    columns: BTreeMap<NodeId, Vec<Column>>,
    diagnostics: Vec<Diagnostic>,
    inserts: Vec<(NodeId, SqlText)>,
}

impl Lowering<'_> {
    /// The pipeline's name and description, and its settings.
    fn head(&mut self) {
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
    }

    fn node(&mut self, id: &NodeId) {
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
        for (port, _, edge) in self.pipeline.inputs_of(id.as_str()) {
            // What is wrong with a node is said there, not at everything that reads it.
            let Some(columns) = self.columns.get(&edge.from.node) else {
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
            self.script.push('\n');
            let start = self.script.len() + head.len();
            let statement = definition.clone().then(";");
            self.map.append(&mut self.script, id, &head, &statement);
            self.script.push('\n');
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
        if let Some(insert) = sql.insert {
            self.inserts.push((id.clone(), insert));
        }
    }

    fn statement_set(&mut self) {
        if self.inserts.is_empty() {
            return;
        }
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
    if context.inputs.len() > 1 && context.spec.inputs == Inputs::Named {
        let first = context.inputs[0].relation.clone();
        context.report(Diagnostic::info(
            "node/muted",
            format!("muted, it passes '{first}' on and leaves its other inputs out"),
        ));
    }
    let query = SqlText::plain("SELECT * FROM ").and(&context.input().name());
    Ok(NodeSql::view(context, &query))
}

/// Text of a person as comment lines. A carriage return ends a comment as a line feed does.
fn comment_lines(out: &mut String, text: &str) {
    for line in text.trim_end().replace("\r\n", "\n").split(['\n', '\r']) {
        let _ = writeln!(out, "{}", format!("-- {}", line.trim()).trim_end());
    }
}
