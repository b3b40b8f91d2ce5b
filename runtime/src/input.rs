//! What a user names on the command line, a pipeline or a script, as a script and a plan.

use std::path::{Path, PathBuf};

use millstream_compiler::diagnostics::{Diagnostic, did_you_mean};
use millstream_compiler::document::{Command, Document, Layout, NodeId, Pipeline, Places, files};
use millstream_compiler::lower::{SourceMap, Target, lower};
use millstream_compiler::plan::stream::{StreamOp, StreamPlan};
use millstream_compiler::plan::{Binder, plan_script};
use millstream_compiler::sql::{Insert, Statement, StatementKind, parse_script, quote_name};
use millstream_connectors::{validate_sink, validate_source};

use crate::environment::FileEnvironment;
use crate::exec::build::table_spec;
use crate::job::monitor::{Wire, Wiring};

/// A pipeline or script, read.
#[derive(Debug)]
pub struct Input {
    /// What the user named.
    pub path: PathBuf,
    /// The file that was read.
    pub file: PathBuf,
    /// Its text.
    pub text: String,
    /// Where relative paths start.
    pub base_dir: PathBuf,
    /// What it is.
    pub kind: InputKind,
    /// Findings so far.
    pub findings: Vec<Diagnostic>,
}

/// The two forms of a job.
#[derive(Debug)]
pub enum InputKind {
    /// A `pipeline.toml`.
    Pipeline {
        /// The document.
        pipeline: Box<Pipeline>,
        /// Where its parts stand in the file.
        places: Places,
    },
    /// A script of Flink SQL.
    Script,
}

/// A job as SQL.
#[derive(Debug)]
pub struct Script {
    /// The text.
    pub text: String,
    /// Which node each part came from; `None` for a script the user wrote.
    pub map: Option<SourceMap>,
}

/// What kept an input from being a job; print with [`Input::render`].
pub type Findings = Vec<Diagnostic>;

impl Input {
    /// Reads a pipeline folder, a pipeline file or a `.sql` script.
    ///
    /// # Errors
    /// The file cannot be read, or is no pipeline: text for the user.
    pub fn read(path: &Path) -> Result<Self, String> {
        let is_script = path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("sql"));
        let file = if is_script {
            path.to_path_buf()
        } else {
            files::pipeline_file(path)
        };
        if !file.exists() {
            let what = if path.is_dir() {
                format!("the folder {} has no pipeline.toml", path.display())
            } else {
                format!("there is no file {}", path.display())
            };
            return Err(format!(
                "error: {what}\n  help: name a folder with a pipeline.toml, such a file, or a .sql script\n"
            ));
        }
        let text = files::read(&file).map_err(|e| format!("error: {e}\n"))?;
        let base_dir = match file.parent() {
            Some(parent) if parent != Path::new("") => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let base_dir = std::path::absolute(&base_dir).unwrap_or(base_dir);
        let mut input = Self::of_text(text, file, base_dir, is_script)?;
        input.path = path.to_path_buf();
        Ok(input)
    }

    /// A pipeline or script that is in no file, or not as it stands there. `file` names it in
    /// messages; relative paths start at `base_dir`.
    ///
    /// # Errors
    /// It is no pipeline: text for the user.
    pub fn of_text(
        text: String,
        file: PathBuf,
        base_dir: PathBuf,
        is_script: bool,
    ) -> Result<Self, String> {
        let (kind, findings) = if is_script {
            (InputKind::Script, vec![])
        } else {
            match Pipeline::from_toml(&text) {
                Ok(loaded) => (
                    InputKind::Pipeline {
                        pipeline: Box::new(loaded.pipeline),
                        places: loaded.places,
                    },
                    loaded.warnings,
                ),
                Err(found) => {
                    let name = file.display().to_string();
                    return Err(found
                        .iter()
                        .map(|d| d.render(Some((&name, &text))))
                        .collect());
                }
            }
        };
        Ok(Self {
            path: file.clone(),
            file,
            text,
            base_dir,
            kind,
            findings,
        })
    }

    /// The job's name: the pipeline's, or the script's file name.
    pub fn name(&self) -> String {
        match &self.kind {
            InputKind::Pipeline { pipeline, .. } => pipeline.name().to_string(),
            InputKind::Script => self
                .file
                .file_stem()
                .map_or_else(|| "script".into(), |s| s.to_string_lossy().into_owned()),
        }
    }

    /// What two runs must have in common to share state: not the text, which may be edited.
    pub fn fingerprint(&self) -> String {
        match &self.kind {
            InputKind::Pipeline { pipeline, .. } => format!("pipeline:{}", pipeline.name()),
            InputKind::Script => format!("script:{}", self.name()),
        }
    }

    /// The job as SQL for a target. A script is what it is for both.
    ///
    /// # Errors
    /// What is wrong with the pipeline.
    pub fn script(
        &mut self,
        target: Target,
        environment: &FileEnvironment,
    ) -> Result<Script, Findings> {
        match &self.kind {
            InputKind::Script => Ok(Script {
                text: self.text.clone(),
                map: None,
            }),
            InputKind::Pipeline { pipeline, .. } => {
                let mut binder = Binder::new(environment);
                let lowered = lower(pipeline, target, environment, &mut binder);
                if lowered.has_errors() {
                    return Err(lowered.diagnostics);
                }
                self.findings.extend(lowered.diagnostics);
                Ok(Script {
                    text: lowered.script,
                    map: Some(lowered.map),
                })
            }
        }
    }

    /// The plan of a script.
    ///
    /// # Errors
    /// What is wrong with it, attributed to nodes where it came from a pipeline.
    pub fn plan(
        &mut self,
        script: &Script,
        environment: &FileEnvironment,
    ) -> Result<StreamPlan, Findings> {
        let attribute = |d: Diagnostic| match &script.map {
            Some(map) => map.attribute(d),
            None => d,
        };
        let planned = plan_script(&script.text, environment)
            .map_err(|found| found.into_iter().map(attribute).collect::<Vec<_>>())?;
        // A pipeline's own findings were collected when it was lowered.
        if script.map.is_none() {
            self.findings
                .extend(planned.warnings.into_iter().map(attribute));
        }
        let problems = check_connectors(&planned.plan, environment);
        if problems.is_empty() {
            Ok(planned.plan)
        } else {
            Err(problems.into_iter().map(attribute).collect())
        }
    }

    /// The plan of the part that feeds a node, with one sink at its end: for a sink of the job its
    /// own, with the rows that it is given, else one for the node's rows. What is wrong with other
    /// parts does not matter.
    ///
    /// # Errors
    /// There is no such node, or something is wrong with what feeds it.
    pub fn plan_node(
        &self,
        node: &str,
        environment: &FileEnvironment,
    ) -> Result<StreamPlan, Findings> {
        let (text, map) = match &self.kind {
            InputKind::Script => (self.text.clone(), None),
            InputKind::Pipeline { pipeline, .. } => {
                let part = feeding(pipeline, node)?;
                let mut binder = Binder::new(environment);
                let lowered = lower(&part, Target::Embedded, environment, &mut binder);
                if lowered.has_errors() {
                    let errors = lowered.diagnostics.into_iter();
                    return Err(errors.filter(Diagnostic::is_error).collect());
                }
                (lowered.script, Some(lowered.map))
            }
        };
        let attribute = |d: Diagnostic| match &map {
            Some(map) => map.attribute(d),
            None => d,
        };
        let plan = plan_rows_of(&text, node, environment)
            .map_err(|found| found.into_iter().map(attribute).collect::<Vec<_>>())?;
        let problems = check_connectors(&plan, environment);
        if problems.is_empty() {
            Ok(plan)
        } else {
            Err(problems.into_iter().map(attribute).collect())
        }
    }

    /// The nodes and wires of a pipeline; a script has none.
    pub fn wiring(&self) -> Wiring {
        let InputKind::Pipeline { pipeline, .. } = &self.kind else {
            return Wiring::default();
        };
        let mut wires = Vec::new();
        for (id, _) in pipeline.nodes() {
            let inputs = pipeline.inputs_of(id.as_str());
            for (place, (port, edge, ends)) in inputs.into_iter().enumerate() {
                wires.push(Wire {
                    id: edge.to_string(),
                    from: ends.from.node.to_string(),
                    to: id.to_string(),
                    port,
                    place,
                });
            }
        }
        Wiring {
            nodes: pipeline
                .nodes()
                .map(|(id, node)| (id.to_string(), node.title.clone()))
                .collect(),
            added: pipeline
                .nodes()
                .filter(|(_, node)| node.kind == ROLLING)
                .filter_map(|(id, node)| {
                    let aggregates = node.parameters.get("aggregates")?.as_table()?;
                    let names = aggregates.keys().map(str::to_owned).collect();
                    Some((id.to_string(), names))
                })
                .collect(),
            wires,
        }
    }

    /// A finding as text, with its place in the file the user wrote or else in the script.
    pub fn render(&self, diagnostic: &Diagnostic, script: Option<&Script>) -> String {
        let name = self.file.display().to_string();
        match &self.kind {
            InputKind::Script => diagnostic.render(Some((&name, &self.text))),
            InputKind::Pipeline { places, .. } => match places.locate(diagnostic) {
                Some(span) => {
                    let mut placed = diagnostic.clone();
                    placed.span = Some(span);
                    placed.render(Some((&name, &self.text)))
                }
                None => match script {
                    Some(script) => diagnostic.render(Some(("the generated SQL", &script.text))),
                    None => diagnostic.render(None),
                },
            },
        }
    }
}

/// The kind of the nodes that may share an operator.
const ROLLING: &str = "rolling";

/// A pipeline without what does not feed a node.
fn feeding(pipeline: &Pipeline, node: &str) -> Result<Pipeline, Findings> {
    if pipeline.node(node).is_none() {
        let names: Vec<&str> = pipeline.nodes().map(|(id, _)| id.as_str()).collect();
        return Err(vec![unknown_node(node, &names)]);
    }
    let mut needed: Vec<&str> = vec![node];
    let mut at = 0;
    while let Some(&reader) = needed.get(at) {
        at += 1;
        for (_, _, edge) in pipeline.inputs_of(reader) {
            let from = edge.from.node.as_str();
            if !needed.contains(&from) {
                needed.push(from);
            }
        }
    }
    let others: Vec<NodeId> = pipeline
        .nodes()
        .map(|(id, _)| id)
        .filter(|id| !needed.contains(&id.as_str()))
        .cloned()
        .collect();
    let document = Document::new(pipeline.clone(), Layout::default());
    let removed = document.apply(&Command::RemoveNodes { nodes: others });
    match removed {
        Ok(applied) => Ok(applied.document.pipeline().clone()),
        Err(refusal) => Err(vec![Diagnostic::error(refusal.code(), refusal.to_string())]),
    }
}

fn unknown_node(node: &str, names: &[&str]) -> Diagnostic {
    let help = match did_you_mean(node, names.iter().copied()) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("there are: {}", names.join(", ")),
    };
    Diagnostic::error("node/unknown", format!("there is no node '{node}'")).help(help)
}

/// The plan of a script's declarations and of one end: the inserts into `node` if there are some,
/// else all its rows.
fn plan_rows_of(
    text: &str,
    node: &str,
    environment: &FileEnvironment,
) -> Result<StreamPlan, Findings> {
    let script = parse_script(text)?;
    let mut binder = Binder::new(environment);
    let mut inserts: Vec<&Insert> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    let mut problems = Vec::new();
    for statement in &script.statements {
        match &statement.kind {
            StatementKind::Insert(insert) => inserts.push(insert),
            StatementKind::StatementSet(set) => inserts.extend(set),
            StatementKind::Query(_) => {}
            kind => {
                match kind {
                    StatementKind::CreateTable(table) => names.push(table.name.object()),
                    StatementKind::CreateView(view) => names.push(view.name.object()),
                    _ => {}
                }
                if let Err(found) = binder.apply(statement, text) {
                    problems.extend(found);
                }
            }
        }
    }
    inserts.retain(|insert| insert.target.object() == node);
    if binder.relation(node).is_none() {
        // What is wrong may be why it is not there.
        if problems.is_empty() || !names.contains(&node) {
            problems.push(unknown_node(node, &names));
        }
        return Err(problems);
    }
    if inserts.is_empty() {
        let select = format!("SELECT * FROM {}", quote_name(node));
        for statement in &parse_script(&select)?.statements {
            binder.apply(statement, &select)?;
        }
    }
    for insert in inserts {
        let statement = Statement {
            kind: StatementKind::Insert(insert.clone()),
            span: insert.span,
        };
        binder.apply(&statement, text)?;
    }
    Ok(binder.finish()?.0)
}

/// What the connectors say of the tables' options.
fn check_connectors(plan: &StreamPlan, environment: &FileEnvironment) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for node in &plan.nodes {
        let (table, written) = match &node.op {
            StreamOp::Source { table, .. } => (*table, false),
            StreamOp::LookupJoin { table, .. } => (table.table, false),
            StreamOp::Sink { table, .. } => (*table, true),
            _ => continue,
        };
        let spec = table_spec(&plan.tables[table], environment.base_dir());
        let checked = match written {
            true => validate_sink(&spec),
            false => validate_source(&spec),
        };
        let Err(error) = checked else { continue };
        let table = &plan.tables[table];
        let span = error
            .option()
            .and_then(|key| table.option_spans.get(key))
            .copied()
            .unwrap_or(table.span);
        problems.push(Diagnostic::error("connector/table", error.to_string()).at(span));
    }
    problems
}
