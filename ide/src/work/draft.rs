//! What an edited script means, found on a thread of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use millstream_compiler::diagnostics::{Diagnostic, Severity, Span};
use millstream_compiler::lower::{Imported, Target, import};
use millstream_compiler::plan::plan_script;
use millstream_compiler::sql::{TextKind, highlight, parse_script};
use millstream_runtime::environment::FileEnvironment;

use super::latest::Latest;
use crate::editor::{Checked, Editor};
use crate::sql_text::plain_name;

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
        let mut begun_from: Option<(Arc<str>, Before)> = None;
        let worker = Latest::start("draft", PAUSE, wake, move |question: Question, outbox| {
            let before = match begun_from.take() {
                Some((script, before)) if Arc::ptr_eq(&script, &question.script) => before,
                _ => Before {
                    imported: read(&question, &question.script),
                    known: plan_findings(&question, &question.script),
                },
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
    FileEnvironment::new(question.base_dir.clone()).trusting_models()
}

fn read(question: &Question, text: &str) -> Imported {
    let environment = environment(question);
    import(text, &question.name, question.target, &environment)
}

/// What the script meant that an edited one was begun from.
struct Before {
    imported: Imported,
    /// What was wrong with it already.
    known: Vec<Diagnostic>,
}

fn check(question: &Question, before: &Before) -> Checked {
    let text = &question.text;
    let (mut findings, after) = match parse_script(text) {
        Err(found) => (found, None),
        Ok(_) => {
            let imported = read(question, text);
            let findings = import_findings(&imported, &before.imported);
            let mut all: Vec<Diagnostic> = findings.collect();
            let known = |found: &Diagnostic| {
                let mut known = before.known.iter();
                known.any(|known| known.code == found.code && known.message == found.message)
            };
            let planned = plan_findings(question, text).into_iter();
            let planned: Vec<Diagnostic> = planned.filter(|found| !known(found)).collect();
            if !planned.is_empty() {
                // What reads something broken is not known well, which is no news of its own.
                all.retain(|found| found.code != "import/unsure");
            }
            all.extend(planned);
            (all, Some(imported.pipeline))
        }
    };
    findings.sort_by_key(|found| found.span);
    Checked {
        revision: question.revision,
        findings,
        before: before.imported.pipeline.clone(),
        after,
    }
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

/// The place of the name that a finding is about, within a place that is a whole query; that place
/// if the name stands there more than once.
fn named_within(text: &str, span: Span, message: &str) -> Span {
    let Some(name) = message.split('\'').nth(1) else {
        return span;
    };
    let Some(query) = text.get(span.range()) else {
        return span;
    };
    let mut places = highlight(query).into_iter().filter(|stretch| {
        let is_name = matches!(stretch.kind, TextKind::Name | TextKind::QuotedName);
        is_name && plain_name(&query[stretch.span.range()]) == name
    });
    match (places.next(), places.next()) {
        (Some(only), None) => Span::new(span.start + only.span.start, span.start + only.span.end),
        _ => span,
    }
}

/// What is wrong with a script that can be read.
fn plan_findings(question: &Question, text: &str) -> Vec<Diagnostic> {
    let environment = environment(question);
    let found = match plan_script(text, &environment) {
        Ok(planned) => planned.warnings,
        Err(found) => found,
    };
    let placed = |mut found: Diagnostic| {
        found.span = found
            .span
            .map(|span| named_within(text, span, &found.message));
        found
    };
    found.into_iter().map(placed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_about_a_name_is_at_the_name() {
        let text = "SELECT a, `b c` FROM t WHERE amuont > a";
        let whole = Span::new(0, text.len());
        let at = |message: &str| {
            let span = named_within(text, whole, message);
            &text[span.range()]
        };
        assert_eq!(at("there is no column 'amuont'"), "amuont");
        assert_eq!(at("there is no column 'b c'"), "`b c`");
        assert_eq!(at("there is no column 'a'"), text);
        assert_eq!(at("it is Monday"), text);
    }
}
