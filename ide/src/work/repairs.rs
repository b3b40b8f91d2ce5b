//! What can be done about each problem, found on a thread of its own: every repair is tried before
//! it is offered, which takes a compilation each.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream_compiler::diagnostics::Diagnostic;
use millstream_compiler::document::Document;
use millstream_compiler::lower::{Repair, Target, repairs};
use millstream_runtime::environment::FileEnvironment;

use super::compile::{Compiled, ON_FLINK};
use super::latest::{Latest, Outbox};

/// How long the edits must pause.
const PAUSE: Duration = Duration::from_millis(150);
/// How often what was found so far is handed over.
const EVERY: Duration = Duration::from_millis(150);
/// How many are offered for one problem.
const MOST: usize = 3;

/// What can be done about the findings of one state of a document.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Repairs {
    /// Of which change of the document.
    pub generation: u64,
    /// By the place of the finding in [`Compiled::diagnostics`], best first. Shorter than those
    /// while the rest is still looked at.
    pub found: Vec<Vec<Repair>>,
}

impl Repairs {
    /// Looks at all findings.
    pub fn of(document: &Document, compiled: &Compiled, environment: &FileEnvironment) -> Self {
        let found = (compiled.diagnostics.iter())
            .map(|finding| repairs_of(document, compiled, finding, environment))
            .collect();
        Self {
            generation: compiled.generation,
            found,
        }
    }
}

fn repairs_of(
    document: &Document,
    compiled: &Compiled,
    finding: &Diagnostic,
    environment: &FileEnvironment,
) -> Vec<Repair> {
    // What only Flink objects to is found again where it was said.
    let (target, finding) = match finding.message.strip_prefix(ON_FLINK) {
        None => (Target::Embedded, Some(finding)),
        Some(message) => {
            let own = compiled.flink.iter().flat_map(|flink| &flink.diagnostics);
            let mut own = own.filter(|own| own.node == finding.node && own.message == message);
            (Target::Flink, own.next())
        }
    };
    let Some(finding) = finding else {
        return Vec::new();
    };
    let mut found = repairs(document, finding, target, environment);
    found.truncate(MOST);
    found
}

#[derive(Debug)]
struct Question {
    document: Document,
    compiled: Arc<Compiled>,
    base_dir: PathBuf,
}

/// The thread.
#[derive(Debug)]
pub struct RepairWorker {
    worker: Latest<Question, Arc<Repairs>>,
    /// The change that was asked about last.
    asked: u64,
}

impl RepairWorker {
    /// Starts the thread. `wake` is called when there is something new.
    pub fn start(wake: impl Fn() + Send + Sync + 'static) -> Self {
        // Models are read once.
        let environment = FileEnvironment::new("");
        let worker = Latest::start("repairs", PAUSE, wake, move |question: Question, outbox| {
            let environment = environment.at(question.base_dir.clone());
            look_at_all(&question, &environment, outbox);
        });
        Self { worker, asked: 0 }
    }

    /// Asks about the findings of a document, unless it was asked for already.
    pub fn ask(&mut self, document: &Document, compiled: &Arc<Compiled>, base_dir: PathBuf) {
        if compiled.generation == self.asked {
            return;
        }
        self.asked = compiled.generation;
        self.worker.ask(Question {
            document: document.clone(),
            compiled: Arc::clone(compiled),
            base_dir,
        });
    }

    /// What was found since the last call.
    pub fn answer(&self) -> Option<Arc<Repairs>> {
        self.worker.answer()
    }
}

fn look_at_all(question: &Question, environment: &FileEnvironment, outbox: &Outbox<Arc<Repairs>>) {
    let Question {
        document, compiled, ..
    } = question;
    let mut repairs = Repairs {
        generation: compiled.generation,
        found: Vec::new(),
    };
    let mut told = Instant::now();
    for finding in &compiled.diagnostics {
        if outbox.is_stale() {
            return;
        }
        let found = repairs_of(document, compiled, finding, environment);
        repairs.found.push(found);
        if told.elapsed() >= EVERY {
            outbox.send(Arc::new(repairs.clone()));
            told = Instant::now();
        }
    }
    outbox.send(Arc::new(repairs));
}
