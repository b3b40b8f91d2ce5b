//! The compiler on a thread of its own: each change is compiled, the latest wins.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream_compiler::diagnostics::{Diagnostic, Severity};
use millstream_compiler::document::{Node, NodeId, Pipeline};
use millstream_compiler::environment::{Environment, ModelSignature};
use millstream_compiler::lower::{
    Before, Both, Column, Lowered, StreamType, Target, compile_again,
};
use millstream_compiler::nodes::{self, ParameterType};
use millstream_runtime::environment::FileEnvironment;

use super::latest::Latest;

/// How a finding begins that only the script for Flink has.
pub const ON_FLINK: &str = "on Flink: ";

/// What the compiler says of a pipeline.
#[derive(Debug, Default)]
pub struct Compiled {
    /// Of which change of the document.
    pub generation: u64,
    /// The script for this machine.
    pub embedded: Option<Lowered>,
    /// The script for a Flink cluster.
    pub flink: Option<Lowered>,
    /// Findings: errors first, then by node.
    pub diagnostics: Vec<Diagnostic>,
    /// What flows out of each node: kinds of rows, time, keys, state.
    pub streams: BTreeMap<NodeId, StreamType>,
    /// What the models of model nodes want and give, or why they cannot be read.
    pub models: BTreeMap<NodeId, Result<ModelSignature, String>>,
    /// How long it took.
    pub took: Duration,
}

impl Compiled {
    /// Compiles a pipeline for both targets, with the files that the environment has.
    pub fn of(generation: u64, pipeline: &Pipeline, environment: &FileEnvironment) -> Self {
        Self::again(generation, pipeline, environment, &mut Before::default())
    }

    /// Compiles a pipeline that was edited since the last time.
    pub fn again(
        generation: u64,
        pipeline: &Pipeline,
        environment: &FileEnvironment,
        before: &mut Before,
    ) -> Self {
        let begun = Instant::now();
        let Both {
            embedded,
            flink,
            streams,
        } = compile_again(pipeline, environment, before);
        let mut diagnostics = embedded.diagnostics.clone();
        // What only the script for Flink has is worth knowing here too, once.
        for found in &flink.diagnostics {
            let known = diagnostics
                .iter()
                .any(|other| other.node == found.node && other.message == found.message);
            if !known {
                let mut found = found.clone();
                // Its place is in the other script.
                found.span = None;
                if found.severity == Severity::Error {
                    found.severity = Severity::Warning;
                }
                found.message = format!("{ON_FLINK}{}", found.message);
                diagnostics.push(found);
            }
        }
        diagnostics
            .sort_by(|a, b| (b.severity, &a.node, a.span).cmp(&(a.severity, &b.node, b.span)));
        let models = pipeline
            .nodes()
            .filter_map(|(id, node)| Some((id.clone(), model_of(node, environment)?)))
            .collect();
        Self {
            generation,
            embedded: Some(embedded),
            flink: Some(flink),
            diagnostics,
            streams,
            models,
            took: begun.elapsed(),
        }
    }

    /// The lowered pipeline for a target, once there is one.
    pub fn lowered(&self, target: Target) -> Option<&Lowered> {
        match target {
            Target::Embedded => self.embedded.as_ref(),
            Target::Flink => self.flink.as_ref(),
        }
    }

    /// The script for a target.
    pub fn script(&self, target: Target) -> &str {
        self.lowered(target).map_or("", |lowered| &lowered.script)
    }

    /// Whether the pipeline cannot run.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// The columns that come out of a node.
    pub fn columns(&self, node: &NodeId) -> Option<&[Column]> {
        self.embedded.as_ref()?.columns.get(node).map(Vec::as_slice)
    }

    /// The columns of a node's inputs, by port.
    pub fn input_columns(&self, pipeline: &Pipeline, node: &NodeId) -> Vec<(String, Vec<Column>)> {
        pipeline
            .inputs_of(node.as_str())
            .into_iter()
            .filter_map(|(port, _, edge)| Some((port, self.columns(&edge.from.node)?.to_vec())))
            .collect()
    }

    /// Findings about a node.
    pub fn of_node<'a>(&'a self, node: &'a NodeId) -> impl Iterator<Item = &'a Diagnostic> {
        self.diagnostics
            .iter()
            .filter(move |found| found.node.as_deref() == Some(node.as_str()))
    }

    /// The worst of the findings about each node.
    pub fn worst_by_node(&self) -> BTreeMap<&str, Severity> {
        let mut worst = BTreeMap::new();
        for found in &self.diagnostics {
            if let Some(node) = found.node.as_deref() {
                let entry = worst.entry(node).or_insert(found.severity);
                *entry = (*entry).max(found.severity);
            }
        }
        worst
    }
}

/// The signature of the model of a node, if it is one that scores with a model it names.
fn model_of(node: &Node, environment: &dyn Environment) -> Option<Result<ModelSignature, String>> {
    let spec = nodes::find(&node.kind)?.spec();
    let scores = spec
        .parameters
        .iter()
        .any(|parameter| parameter.ty == ParameterType::ModelInputs);
    let path = node.text_at("path").filter(|_| scores)?;
    let mut options = BTreeMap::from([
        ("provider".to_string(), "onnx".to_string()),
        ("path".to_string(), path.to_string()),
    ]);
    let more = node
        .parameters
        .get("options")
        .and_then(|value| value.as_table());
    for (key, value) in more.into_iter().flat_map(|more| more.iter()) {
        options.extend(value.to_option_text().map(|text| (key.to_string(), text)));
    }
    Some(environment.model_signature(&options))
}

struct Request {
    generation: u64,
    pipeline: Pipeline,
    base_dir: PathBuf,
}

/// The thread. Dropping it ends the thread.
#[derive(Debug)]
pub struct CompileWorker {
    worker: Latest<Request, Arc<Compiled>>,
    /// The last change that was sent.
    asked: u64,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Request({})", self.generation)
    }
}

impl CompileWorker {
    /// Starts the thread. `wake` is called when an answer is there.
    pub fn start(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let environment = FileEnvironment::new("");
        let mut before = Before::default();
        let worker = Latest::start(
            "compile",
            Duration::ZERO,
            wake,
            move |request: Request, outbox| {
                let Request {
                    generation,
                    pipeline,
                    base_dir,
                } = request;
                let environment = environment.at(base_dir);
                let compiled = Compiled::again(generation, &pipeline, &environment, &mut before);
                outbox.send(Arc::new(compiled));
            },
        );
        Self { worker, asked: 0 }
    }

    /// Asks for this state of the pipeline, unless it was asked for already.
    pub fn ask(&mut self, generation: u64, pipeline: &Pipeline, base_dir: PathBuf) {
        if generation == self.asked {
            return;
        }
        self.asked = generation;
        self.worker.ask(Request {
            generation,
            pipeline: pipeline.clone(),
            base_dir,
        });
    }

    /// The latest answer since the last call.
    pub fn answer(&self) -> Option<Arc<Compiled>> {
        self.worker.answer()
    }

    /// Waits for the answer to what was asked last. For tests and pictures.
    pub fn wait(&self, longest: Duration) -> Option<Arc<Compiled>> {
        let asked = self.asked;
        self.worker
            .wait(longest, |answer| answer.generation == asked)
    }
}
