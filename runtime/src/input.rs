//! What a user names on the command line, a pipeline or a script, as a script and a plan.

use std::path::{Path, PathBuf};

use millstream_compiler::diagnostics::Diagnostic;
use millstream_compiler::document::{Pipeline, Places, files};
use millstream_compiler::lower::{SourceMap, Target, lower};
use millstream_compiler::plan::stream::{StreamOp, StreamPlan};
use millstream_compiler::plan::{Binder, plan_script};
use millstream_connectors::{validate_sink, validate_source};

use crate::environment::FileEnvironment;
use crate::exec::build::table_spec;

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
            path: path.to_path_buf(),
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
        let spec = table_spec(&plan.tables[table], &environment.base_dir);
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
