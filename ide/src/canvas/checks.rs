//! Connections that only the compiler can judge: a stream that takes rows back, into what may not
//! take them. It is asked beside the frames; the wire is made, or refused with a repair, when it
//! answers.

use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;

use millstream_compiler::document::{Command, Document, PortRef};
use millstream_compiler::lower::{Connection, Target, check_connection};
use millstream_runtime::environment::FileEnvironment;

use crate::editor::{Action, Editor, Notice};

/// Questions that wait for their answer.
#[derive(Debug, Default)]
pub struct Checks {
    answers: Vec<Receiver<Action>>,
}

impl Checks {
    /// Holds back the connections, of the actions from `first` on, that the compiler must judge;
    /// adds the answers to those that were held back before.
    pub fn judge(
        &mut self,
        context: &egui::Context,
        editor: &Editor,
        actions: &mut Vec<Action>,
        first: usize,
    ) {
        let compiled = editor.compiled();
        let updates = |from: &PortRef| {
            let stream = compiled.streams.get(&from.node);
            stream.is_some_and(|stream| stream.kind.updates())
        };
        for action in actions.split_off(first) {
            match action {
                Action::Edit(Command::Connect { from, to }) if updates(&from) => {
                    self.ask(context, editor, from, to);
                }
                other => actions.push(other),
            }
        }
        self.answers.retain(|answer| match answer.try_recv() {
            Ok(action) => {
                actions.push(action);
                false
            }
            Err(TryRecvError::Empty) => true,
            Err(TryRecvError::Disconnected) => false,
        });
    }

    fn ask(&mut self, context: &egui::Context, editor: &Editor, from: PortRef, to: PortRef) {
        let document: Document = editor.document().clone();
        let environment = FileEnvironment::new(editor.base_dir());
        let (answer, answers) = mpsc::channel();
        let wake = context.clone();
        let asked = thread::Builder::new()
            .name("check connection".into())
            .spawn(move || {
                let found = check_connection(&document, &from, &to, Target::Embedded, &environment);
                // Nobody waits any more when the document was closed.
                let _ = answer.send(verdict(found, from, to));
                wake.request_repaint();
            });
        if asked.is_ok() {
            self.answers.push(answers);
        }
    }
}

/// The wire, or why there is none.
fn verdict(found: Connection, from: PortRef, to: PortRef) -> Action {
    let refused = found.is_refused();
    match found.finding {
        Some(finding) if refused => {
            let mut text = format!("{} cannot feed {}: {}", from.node, to.node, finding.message);
            if let Some(help) = &finding.help {
                text = format!("{text}: {help}");
            }
            let notice = Notice::error(text);
            let repair = found.repairs.into_iter().next();
            Action::Notify(match repair {
                Some(repair) => {
                    let edits = Action::Edits {
                        label: repair.title.clone(),
                        commands: repair.commands,
                    };
                    notice.with_repair(repair.title, edits)
                }
                None => notice,
            })
        }
        _ => Action::Edit(Command::Connect { from, to }),
    }
}
