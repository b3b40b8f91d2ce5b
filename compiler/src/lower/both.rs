//! Both scripts of a pipeline, and what flows between its nodes, from one pass of the planner.
//!
//! An editor compiles at each keystroke, and planning is what takes the time. The two scripts
//! differ in the definitions of a few sources; as long as these have the same columns, everything
//! that reads them means the same, and the planner need not be asked again.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ScopedJoinHandle};

use super::layout::Layouts;
use super::stream_types::{StreamType, lowered_nodes, of_bound};
use super::{Column, Lowered, RelationTyper, Target, lower_plain};
use crate::diagnostics::Diagnostic;
use crate::document::{NodeId, Pipeline};
use crate::environment::Environment;
use crate::plan::Binder;
use crate::plan::recall::Recall;
use crate::sql::{StatementKind, parse_script};

/// A pipeline as the scripts of both targets.
#[derive(Debug, Clone)]
pub struct Both {
    /// For the embedded runtime.
    pub embedded: Lowered,
    /// For a Flink cluster.
    pub flink: Lowered,
    /// What flows between the nodes; see [`stream_types`](super::stream_types).
    pub streams: BTreeMap<NodeId, StreamType>,
}

/// Lowers a pipeline for both targets: what [`compile`](super::compile) gives for each, and
/// [`stream_types`](super::stream_types) for the embedded one, in a third of the time.
///
/// The script for Flink is lowered beside the other one, a node behind it, and both are laid out
/// there, so that the planner has a processor to itself.
pub fn compile_both(pipeline: &Pipeline, environment: &(dyn Environment + Sync)) -> Both {
    compile_again(pipeline, environment, &mut Before::default())
}

/// What the last compilations found of statements, for the next one.
#[derive(Debug, Default)]
pub struct Before {
    bound: Recall,
    layouts: Layouts,
}

/// Lowers a pipeline that was edited: what [`compile_both`] gives, but statements that are as they
/// were, and read what they read, are neither bound nor laid out again.
pub fn compile_again(
    pipeline: &Pipeline,
    environment: &(dyn Environment + Sync),
    before: &mut Before,
) -> Both {
    let Before { bound, layouts } = std::mem::take(before);
    let answers = Answers::default();
    thread::scope(|scope| {
        let answers = &answers;
        let follower = scope.spawn(move || {
            let mut echo = Echo {
                answers,
                node: 0,
                own: Binder::new(environment),
                owed: Vec::new(),
                apart: Cell::new(false),
            };
            let mut layouts = layouts;
            let (flink, parts) = (Target::Flink, Some(&mut layouts));
            let flink = lower_plain(pipeline, flink, environment, &mut echo, parts);
            (flink.laid_out(&mut layouts), layouts)
        });
        let mut recorder = Recorder {
            binder: Binder::recalling(environment, bound),
            answers: Completes(answers),
        };
        let embedded = lower_plain(pipeline, Target::Embedded, environment, &mut recorder, None);
        let Recorder {
            mut binder,
            answers,
        } = recorder;
        drop(answers);
        before.bound = binder.take_recall();
        before.bound.turn();
        let nodes = lowered_nodes(&embedded.lowered.map);
        let scripts = scope.spawn(move || {
            let (flink, mut layouts) = joined(follower);
            let embedded = embedded.laid_out(&mut layouts);
            layouts.turn();
            (embedded, flink, layouts)
        });
        let streams = of_bound(binder, nodes);
        let (embedded, flink, layouts) = joined(scripts);
        before.layouts = layouts;
        Both {
            embedded,
            flink,
            streams,
        }
    })
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// How many nodes who follows lets the first binder get ahead before it looks again.
const AHEAD: usize = 16;

/// What the first binder answered so far, for who follows it.
#[derive(Default)]
struct Answers {
    known: Mutex<Known>,
    more: Condvar,
}

#[derive(Default)]
struct Known {
    /// What was found, by statement.
    found: HashMap<String, Vec<Diagnostic>>,
    /// The columns of the relations that were asked for.
    columns: HashMap<String, Option<Vec<Column>>>,
    /// How many nodes were begun; all statements of those before the last one are answered.
    begun: usize,
    /// There will be no more.
    complete: bool,
    /// How many have to be begun before who waits is woken.
    awaited: usize,
}

impl Answers {
    fn known(&self) -> MutexGuard<'_, Known> {
        // Whoever panicked while holding it is joined, which passes the panic on.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answers, once all of the first `node` nodes are among them.
    fn of_node(&self, node: usize) -> MutexGuard<'_, Known> {
        let mut known = self.known();
        if known.begun > node || known.complete {
            return known;
        }
        // Waking somebody costs as much as planning a small statement.
        known.awaited = node + AHEAD;
        let behind = |known: &mut Known| known.begun < known.awaited && !known.complete;
        self.more
            .wait_while(known, behind)
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A binder whose answers are remembered.
struct Recorder<'a, 'e> {
    binder: Binder<'e>,
    answers: Completes<'a>,
}

/// Says at its end that there are no more answers, also when a panic ends it.
struct Completes<'a>(&'a Answers);

impl Drop for Completes<'_> {
    fn drop(&mut self) {
        self.0.known().complete = true;
        self.0.more.notify_all();
    }
}

impl RelationTyper for Recorder<'_, '_> {
    fn begin(&mut self) {
        let mut known = self.answers.0.known();
        known.begun += 1;
        if known.begun == known.awaited {
            self.answers.0.more.notify_all();
        }
    }

    fn declare(&mut self, statement: &str) -> Vec<Diagnostic> {
        let found = self.binder.declare(statement);
        let mut known = self.answers.0.known();
        known.found.insert(statement.to_string(), found.clone());
        found
    }

    fn columns(&self, relation: &str) -> Option<Vec<Column>> {
        let columns = self.binder.columns(relation);
        let mut known = self.answers.0.known();
        known.columns.insert(relation.to_string(), columns.clone());
        columns
    }
}

/// Answers as the first binder did, as long as it would be asked the same.
struct Echo<'a, 'e> {
    answers: &'a Answers,
    /// How many nodes were begun here.
    node: usize,
    own: Binder<'e>,
    /// Statements that were answered from memory and that `own` has not seen.
    owed: Vec<String>,
    /// Whether a relation has other columns than it had for the first binder, so that what reads it
    /// may mean something else.
    apart: Cell<bool>,
}

impl RelationTyper for Echo<'_, '_> {
    fn begin(&mut self) {
        self.node += 1;
    }

    fn declare(&mut self, statement: &str) -> Vec<Diagnostic> {
        if !self.apart.get() {
            let known = self.answers.of_node(self.node);
            let found = known.found.get(statement).cloned();
            drop(known);
            if let Some(found) = found {
                match depends(statement) {
                    // Settings may change what every later statement means.
                    Depends::Nothing => {
                        self.own.declare(statement);
                    }
                    Depends::Relations => self.owed.push(statement.to_string()),
                }
                return found;
            }
        }
        if self.apart.get() || depends(statement) == Depends::Relations {
            for owed in std::mem::take(&mut self.owed) {
                self.own.declare(&owed);
            }
        }
        self.own.declare(statement)
    }

    fn columns(&self, relation: &str) -> Option<Vec<Column>> {
        let known = self.answers.of_node(self.node);
        let first = known.columns.get(relation).cloned().flatten();
        drop(known);
        match self.own.columns(relation) {
            Some(own) => {
                if first.as_ref() != Some(&own) {
                    self.apart.set(true);
                }
                Some(own)
            }
            None => first,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Depends {
    Nothing,
    Relations,
}

/// Whether a statement may read what others define.
fn depends(statement: &str) -> Depends {
    let Ok(script) = parse_script(statement) else {
        return Depends::Relations;
    };
    let alone = |kind: &StatementKind| match kind {
        StatementKind::Set(_) | StatementKind::Reset(_) => true,
        StatementKind::CreateTable(table) => table.like.is_none(),
        _ => false,
    };
    match script.statements.iter().all(|parsed| alone(&parsed.kind)) {
        true => Depends::Nothing,
        false => Depends::Relations,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::super::{compile, stream_types};
    use super::*;
    use crate::environment::{ModelColumn, ModelSignature, NoEnvironment};
    use crate::sql::format_script;
    use millstream_functions::FlinkType;

    /// What each target gives for itself.
    pub fn same_as_alone(pipeline: &Pipeline, environment: &(dyn Environment + Sync)) {
        same_as_ever(pipeline, environment, &mut Before::default());
    }

    /// The same, whatever was compiled before.
    pub fn same_as_ever(
        pipeline: &Pipeline,
        environment: &(dyn Environment + Sync),
        before: &mut Before,
    ) {
        let both = compile_again(pipeline, environment, before);
        for (target, both) in [
            (Target::Embedded, &both.embedded),
            (Target::Flink, &both.flink),
        ] {
            let alone = compile(pipeline, target, environment);
            assert_eq!(both.script, alone.script);
            // Laid out part by part, it is as the formatter has the whole.
            let whole = format_script(&both.script);
            assert_eq!(whole.as_deref(), Ok(both.script.as_str()));
            assert_eq!(both.columns, alone.columns);
            assert_eq!(both.diagnostics, alone.diagnostics, "{}", alone.script);
        }
        let embedded = compile(pipeline, Target::Embedded, environment);
        assert_eq!(both.streams, stream_types(&embedded, environment));
    }

    /// Files have one column more where their path is a glob, which only this machine reads.
    struct Files;

    impl Environment for Files {
        fn model_signature(
            &self,
            options: &BTreeMap<String, String>,
        ) -> Result<ModelSignature, String> {
            NoEnvironment.model_signature(options)
        }

        fn check_model(
            &self,
            options: &BTreeMap<String, String>,
            inputs: &[ModelColumn],
            outputs: &[ModelColumn],
        ) -> Result<(), String> {
            NoEnvironment.check_model(options, inputs, outputs)
        }

        fn infer_schema(
            &self,
            options: &BTreeMap<String, String>,
        ) -> Result<Vec<(String, FlinkType)>, String> {
            let mut columns = vec![("id".to_string(), FlinkType::string())];
            if options.get("path").is_some_and(|path| path.contains('*')) {
                columns.push(("more".to_string(), FlinkType::string()));
            }
            Ok(columns)
        }
    }

    fn pipeline(text: &str) -> Pipeline {
        Pipeline::from_toml(text).expect("right").pipeline
    }

    #[test]
    fn sources_that_differ_are_seen_by_what_reads_them() {
        for (path, condition) in [
            ("in/*.csv", "id > 'a'"),
            ("in/*.csv", "more > 'a'"),
            ("in.csv", "id > 'a'"),
            ("in.csv", "more > 'a'"),
        ] {
            let text = format!(
                r#"
version = 1
name = "files"
[settings]
"table.exec.state.ttl" = "1 h"
[nodes.a]
kind = "file-source"
path = "{path}"
format = "csv"
[nodes.b]
kind = "filter"
condition = "{condition}"
[nodes.c]
kind = "generator"
generator = "card-transactions"
[nodes.d]
kind = "aggregate"
keys = ["card_id"]
aggregates = {{ n = "COUNT(*)" }}
[nodes.e]
kind = "print"
[nodes.f]
kind = "print"
[edges]
e1 = {{ from = "a", to = "b" }}
e2 = {{ from = "c", to = "d" }}
e3 = {{ from = "d", to = "e" }}
e4 = {{ from = "b", to = "f" }}
"#
            );
            same_as_alone(&pipeline(&text), &Files);
            same_as_alone(&pipeline(&text), &NoEnvironment);
        }
    }

    #[test]
    fn what_reads_an_edited_relation_is_bound_again() {
        let text = |ty: &str, condition: &str, columns: &str| {
            format!(
                r#"
version = 1
name = "edited"
[nodes.a]
kind = "datagen"
schema = {{ x = "{ty}", y = "INT" }}
[nodes.b]
kind = "select"
columns = [{columns}]
[nodes.c]
kind = "filter"
condition = "{condition}"
[nodes.d]
kind = "derive"
columns = {{ z = "x || 'a'" }}
[nodes.e]
kind = "print"
[edges]
e1 = {{ from = "a", to = "b" }}
e2 = {{ from = "b", to = "c" }}
e3 = {{ from = "c", to = "d" }}
e4 = {{ from = "d", to = "e" }}
"#
            )
        };
        let mut before = Before::default();
        let mut errors = Vec::new();
        for (ty, condition, columns) in [
            ("STRING", "y > 1", "'x', 'y'"),
            ("INT", "y > 1", "'x', 'y'"),
            ("STRING", "y > 1", "'x', 'y'"),
            ("STRING", "y > ", "'x', 'y'"),
            ("STRING", "y > 1", "'x'"),
            ("BOOLEAN", "y > 1", "'x', 'y'"),
            ("STRING", "y > 1", "'x', 'y'"),
        ] {
            let pipeline = pipeline(&text(ty, condition, columns));
            same_as_ever(&pipeline, &NoEnvironment, &mut before);
            let both = compile_again(&pipeline, &NoEnvironment, &mut before);
            errors.push(both.embedded.diagnostics.iter().any(Diagnostic::is_error));
        }
        // A number behind no text, no SQL, a column that is gone, a truth value behind no text.
        assert_eq!(errors, [false, true, false, true, true, true, false]);
    }

    #[test]
    fn every_kind_is_the_same() {
        let text = include_str!("../../tests/every_kind/pipeline.toml");
        same_as_alone(&pipeline(text), &NoEnvironment);
    }
}
