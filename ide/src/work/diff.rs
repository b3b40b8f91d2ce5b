//! What changed since the file was saved, found on a thread of its own: in the pipeline file and in
//! the script for Flink.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use millstream_compiler::document::Pipeline;
use millstream_compiler::lower::{Target, compile};
use millstream_runtime::environment::FileEnvironment;
pub use similar::ChangeTag;
use similar::TextDiff;

use super::compile::Compiled;
use super::latest::Latest;
use crate::editor::Editor;

/// How many lines that stay are shown on both sides of a change.
const CONTEXT: usize = 3;

/// A line of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// A line that came, went or stayed.
    Text(ChangeTag, String),
    /// So many lines that stayed.
    Same(usize),
}

/// What changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// In the pipeline file; empty if nothing did.
    pub pipeline: Vec<Line>,
    /// In the script for Flink; empty if nothing did.
    pub sql: Vec<Line>,
}

struct Question {
    saved: Pipeline,
    now: Pipeline,
    compiled: Arc<Compiled>,
    base_dir: PathBuf,
}

/// The thread, and what it found last.
#[derive(Debug)]
pub struct DiffWorker {
    worker: Latest<Question, Arc<Changes>>,
    /// Which change of the document was compared with which saved state.
    asked: Option<(u64, Pipeline)>,
    changes: Option<Arc<Changes>>,
}

impl DiffWorker {
    /// Starts the thread. `wake` is called when there is something new.
    pub fn start(wake: impl Fn() + Send + Sync + 'static) -> Self {
        // Compiling what was saved is worth doing once.
        let mut of_saved: Option<(Pipeline, String)> = None;
        let worker = Latest::start(
            "diff",
            Duration::ZERO,
            wake,
            move |question: Question, outbox| {
                let Question {
                    saved,
                    now,
                    compiled,
                    base_dir,
                } = question;
                let script = match of_saved.take() {
                    Some((known, script)) if known == saved => script,
                    _ => {
                        let environment = FileEnvironment::new(base_dir);
                        compile(&saved, Target::Flink, &environment).script
                    }
                };
                let changes = Changes {
                    pipeline: compared(&saved.to_toml(), &now.to_toml()),
                    sql: compared(&script, compiled.script(Target::Flink)),
                };
                of_saved = Some((saved, script));
                outbox.send(Arc::new(changes));
            },
        );
        Self {
            worker,
            asked: None,
            changes: None,
        }
    }

    /// Asks what changed, if the document has a file, is compiled, and this was not asked yet.
    pub fn ask(&mut self, editor: &Editor) {
        let Some(saved) = editor.saved() else {
            (self.asked, self.changes) = (None, None);
            return;
        };
        let generation = editor.generation();
        let known = self
            .asked
            .as_ref()
            .is_some_and(|(change, of)| *change == generation && of == saved.pipeline());
        if known || editor.compiled().generation != generation {
            return;
        }
        self.asked = Some((generation, saved.pipeline().clone()));
        self.worker.ask(Question {
            saved: saved.pipeline().clone(),
            now: editor.pipeline().clone(),
            compiled: Arc::clone(editor.compiled()),
            base_dir: editor.base_dir(),
        });
    }

    /// Takes in what was found.
    pub fn take_in(&mut self) {
        if let Some(changes) = self.worker.answer() {
            self.changes = Some(changes);
        }
    }

    /// What changed, as far as it is known.
    pub fn changes(&self) -> Option<&Arc<Changes>> {
        self.changes.as_ref()
    }
}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Question({})", self.compiled.generation)
    }
}

/// Two texts line by line: what changed with some lines around it; nothing if nothing did.
fn compared(old: &str, new: &str) -> Vec<Line> {
    let diff = TextDiff::from_lines(old, new);
    let lines: Vec<(ChangeTag, String)> = diff
        .iter_all_changes()
        .map(|change| (change.tag(), change.value().trim_end().to_string()))
        .collect();
    let changed: Vec<usize> = lines
        .iter()
        .enumerate()
        .filter(|(_, (tag, _))| *tag != ChangeTag::Equal)
        .map(|(index, _)| index)
        .collect();
    let mut shown = Vec::new();
    if changed.is_empty() {
        return shown;
    }
    let mut hidden = 0;
    for (index, (tag, text)) in lines.into_iter().enumerate() {
        let next = changed.partition_point(|at| *at + CONTEXT < index);
        if changed
            .get(next)
            .is_some_and(|at| at.abs_diff(index) <= CONTEXT)
        {
            if hidden > 0 {
                shown.push(Line::Same(hidden));
                hidden = 0;
            }
            shown.push(Line::Text(tag, text));
        } else {
            hidden += 1;
        }
    }
    if hidden > 0 {
        shown.push(Line::Same(hidden));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_is_folded_around_what_changes() {
        let numbers = |wrong: usize| -> String {
            (1..=20)
                .map(|n| {
                    if n == wrong {
                        "x\n".to_string()
                    } else {
                        format!("{n}\n")
                    }
                })
                .collect()
        };
        assert_eq!(compared(&numbers(0), &numbers(0)), []);
        let found = compared(&numbers(0), &numbers(10));
        let text = |tag, text: &str| Line::Text(tag, text.to_string());
        assert_eq!(
            found,
            [
                Line::Same(6),
                text(ChangeTag::Equal, "7"),
                text(ChangeTag::Equal, "8"),
                text(ChangeTag::Equal, "9"),
                text(ChangeTag::Delete, "10"),
                text(ChangeTag::Insert, "x"),
                text(ChangeTag::Equal, "11"),
                text(ChangeTag::Equal, "12"),
                text(ChangeTag::Equal, "13"),
                Line::Same(7),
            ]
        );
        assert_eq!(compared("a\n", "").len(), 1);
    }
}
