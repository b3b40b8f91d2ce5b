//! What an edited script means, found on a thread of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use millstream_compiler::diagnostics::{Diagnostic, Severity};
use millstream_compiler::lower::{Imported, Target, import};
use millstream_compiler::plan::plan_script;
use millstream_compiler::sql::parse_script;
use millstream_runtime::environment::FileEnvironment;

use super::latest::Latest;
use crate::editor::{Checked, Editor};

/// How long typing must pause.
const PAUSE: Duration = Duration::from_millis(60);

/// A text to look at.
#[derive(Debug, Clone)]
struct Question {
    revision: u64,
    text: String,
    /// The script that it was begun from.
    script: Arc<str>,
    /// What the pipeline is called if the script does not say.
    name: String,
    target: Target,
    base_dir: PathBuf,
}

/// The thread.
#[derive(Debug)]
pub struct DraftWorker {
    worker: Latest<Question, Arc<Checked>>,
    asked: u64,
}

impl DraftWorker {
    /// Starts the thread. `wake` is called when there is something new.
    pub fn start(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let mut begun_from: Option<(Arc<str>, Imported)> = None;
        let worker = Latest::start("draft", PAUSE, wake, move |question: Question, outbox| {
            let before = match begun_from.take() {
                Some((script, imported)) if Arc::ptr_eq(&script, &question.script) => imported,
                _ => read(&question, &question.script),
            };
            outbox.send(Arc::new(check(&question, &before)));
            begun_from = Some((Arc::clone(&question.script), before));
        });
        Self { worker, asked: 0 }
    }

    /// Asks what the edited script means, unless it was asked already.
    pub fn ask(&mut self, editor: &Editor) {
        let Some(draft) = editor.draft() else { return };
        if draft.revision() == self.asked {
            return;
        }
        self.asked = draft.revision();
        self.worker.ask(Question {
            revision: draft.revision(),
            text: draft.text().to_string(),
            script: Arc::clone(draft.script()),
            name: editor.pipeline().name().to_string(),
            target: draft.target(),
            base_dir: editor.base_dir(),
        });
    }

    /// What was found since the last call.
    pub fn answer(&self) -> Option<Arc<Checked>> {
        self.worker.answer()
    }
}

fn environment(question: &Question) -> FileEnvironment {
    FileEnvironment {
        base_dir: question.base_dir.clone(),
        trust_models: true,
    }
}

fn read(question: &Question, text: &str) -> Imported {
    let environment = environment(question);
    import(text, &question.name, question.target, &environment)
}

fn check(question: &Question, before: &Imported) -> Checked {
    let text = &question.text;
    let (findings, after) = match parse_script(text) {
        Err(found) => (found, None),
        Ok(_) => {
            let imported = read(question, text);
            let findings = import_findings(&imported, before);
            let mut all: Vec<Diagnostic> = findings.collect();
            all.extend(plan_findings(question));
            (all, Some(imported.pipeline))
        }
    };
    let mut checked = Checked {
        revision: question.revision,
        findings,
        before: before.pipeline.clone(),
        after,
    };
    checked.findings.sort_by_key(|found| found.span);
    checked
}

/// What cannot be said in a graph, but for what could not be said before either.
fn import_findings<'a>(
    imported: &'a Imported,
    before: &'a Imported,
) -> impl Iterator<Item = Diagnostic> + 'a {
    imported
        .diagnostics
        .iter()
        .filter(|found| {
            let same = |known: &&Diagnostic| known.message == found.message;
            before.diagnostics.iter().find(same).is_none()
        })
        .cloned()
        .map(|mut found| {
            // It was read; what is not understood stands in a node that says so.
            found.severity = found.severity.min(Severity::Warning);
            found
        })
}

/// What is wrong with a script that can be read: a graph can say that too, so it is no error here.
fn plan_findings(question: &Question) -> Vec<Diagnostic> {
    let environment = environment(question);
    let found = match plan_script(&question.text, &environment) {
        Ok(planned) => planned.warnings,
        Err(found) => found,
    };
    let warning = |mut found: Diagnostic| {
        found.severity = found.severity.min(Severity::Warning);
        found
    };
    found.into_iter().map(warning).collect()
}
