//! The script while somebody edits it: a text of its own until it is applied to the graph.
//!
//! A draft is begun from the script that the graph means. Applying it takes over into the document
//! what the script means now and did not mean then; where the text cannot be read, nothing is
//! applied and the text stays. What a text means is found on a worker
//! ([`DraftWorker`](crate::work::draft::DraftWorker)).

use std::sync::Arc;

use millstream_compiler::diagnostics::{Diagnostic, Span};
use millstream_compiler::document::{Command, Pipeline};
use millstream_compiler::lower::Target;

use super::{CentreTab, Editor, Effect, Notice};

/// The script while somebody edits it.
#[derive(Debug, Clone)]
pub struct Draft {
    text: String,
    /// The script it was begun from.
    script: Arc<str>,
    target: Target,
    /// The pipeline that script was of, and which change of the document that was.
    pipeline: Pipeline,
    generation: u64,
    /// Counts the texts of all drafts.
    revision: u64,
    checked: Option<Arc<Checked>>,
    /// Whether to apply it once it is checked, and then whether that was agreed to, whatever is
    /// wrong.
    apply: Option<bool>,
}

/// What an edited script means.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Of which text.
    pub revision: u64,
    /// What is wrong with it and what cannot be said in a graph, in the order of the text. Spans
    /// count its bytes.
    pub findings: Vec<Diagnostic>,
    /// What the script meant that it was begun from.
    pub before: Pipeline,
    /// What it means; `None` if it cannot be read.
    pub after: Option<Pipeline>,
}

impl Checked {
    /// The first error.
    fn error(&self) -> Option<&Diagnostic> {
        self.findings.iter().find(|found| found.is_error())
    }

    /// How many nodes are new, gone, or work otherwise.
    pub fn nodes_changed(&self) -> (usize, usize, usize) {
        let Some(after) = &self.after else {
            return (0, 0, 0);
        };
        let new = |a: &Pipeline, b: &Pipeline| {
            a.nodes()
                .filter(|(id, _)| b.node(id.as_str()).is_none())
                .count()
        };
        let changed = after.nodes().filter(|(id, node)| {
            let before = self.before.node(id.as_str());
            before.is_some_and(|before| before != *node)
        });
        (
            new(after, &self.before),
            new(&self.before, after),
            changed.count(),
        )
    }
}

impl Draft {
    /// The text as it is now.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The script it was begun from.
    pub fn script(&self) -> &Arc<str> {
        &self.script
    }

    /// Whose script it is.
    pub fn target(&self) -> Target {
        self.target
    }

    /// Counts the texts of all drafts, so that no answer is taken for one about another text.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether it says something else than the script that it was begun from.
    pub fn is_changed(&self) -> bool {
        *self.text != *self.script
    }

    pub(super) fn count(&mut self, revision: u64) {
        self.revision = revision;
    }

    /// What is known about this very text.
    pub fn checked(&self) -> Option<&Arc<Checked>> {
        self.checked
            .as_ref()
            .filter(|checked| checked.revision == self.revision)
    }

    /// What was wrong with it at last: perhaps with an earlier text.
    pub fn findings(&self) -> &[Diagnostic] {
        self.checked
            .as_ref()
            .map_or(&[], |checked| &checked.findings)
    }
}

impl Editor {
    /// The script that is edited, if it is.
    pub fn draft(&self) -> Option<&Draft> {
        self.draft.as_ref()
    }

    /// Whether the graph is another one than the edited script was begun from.
    pub fn draft_is_behind(&self) -> bool {
        // Most often nothing changed, which is told without comparing.
        self.draft.as_ref().is_some_and(|draft| {
            draft.generation != self.generation && draft.pipeline != *self.pipeline()
        })
    }

    /// Takes up an edited script that an editor left behind which is gone.
    pub fn restore_draft(&mut self, text: String, script: Arc<str>, target: Target) {
        self.put_draft(text, script, target);
    }

    fn put_draft(&mut self, text: String, script: Arc<str>, target: Target) {
        self.drafts += 1;
        self.draft = Some(Draft {
            text,
            script,
            target,
            pipeline: self.pipeline().clone(),
            generation: self.generation,
            revision: self.drafts,
            checked: None,
            apply: None,
        });
    }

    pub(super) fn begin_draft(&mut self) {
        self.view.centre = CentreTab::Sql;
        if self.draft.is_none() {
            let text = self.compiled.script(self.view.target).to_string();
            self.type_sql(text);
        }
    }

    /// The script was typed into.
    pub(super) fn type_sql(&mut self, text: String) {
        if let Some(draft) = &mut self.draft {
            if draft.text != text {
                self.drafts += 1;
                draft.revision = self.drafts;
                draft.text = text;
                draft.apply = None;
            }
            return;
        }
        // The script of an older state is no place to begin from; the one of this state is there in
        // a moment.
        let target = self.view.target;
        let script = self.compiled.script(target);
        if self.compiled.generation == self.generation && !script.is_empty() {
            let script = script.into();
            self.put_draft(text, script, target);
        }
    }

    /// Takes in what a worker found out about the edited script.
    pub fn set_checked(&mut self, checked: Arc<Checked>) -> Vec<Effect> {
        let Some(draft) = &mut self.draft else {
            return vec![];
        };
        draft.checked = Some(checked);
        if draft.checked().is_none() {
            return vec![];
        }
        match draft.apply.take() {
            Some(agreed) => self.take_sql(agreed),
            None => vec![],
        }
    }

    /// Changes the graph as the edited script says, as soon as it is known what it says. Unless
    /// `agreed`, asks if the graph has changed meanwhile, and if something is wrong with the script
    /// that a graph can have, too.
    pub(super) fn take_sql(&mut self, agreed: bool) -> Vec<Effect> {
        let Some(draft) = &mut self.draft else {
            return vec![];
        };
        if !draft.is_changed() {
            self.draft = None;
            return vec![];
        }
        let Some(checked) = draft.checked().cloned() else {
            draft.apply = Some(agreed);
            return vec![];
        };
        let Some(after) = &checked.after else {
            return self.refuse_sql(&checked);
        };
        if !agreed && (checked.error().is_some() || self.draft_is_behind()) {
            return vec![Effect::AskApplySql];
        }
        let command = Command::TakeChanges {
            from: Box::new(checked.before.clone()),
            to: Box::new(after.clone()),
        };
        let effects = self.edit(&command.label(), std::slice::from_ref(&command));
        if !effects.is_empty() {
            // Refused: the text stays to be mended.
            return effects;
        }
        self.draft = None;
        vec![Effect::Notify(Notice::done(said(&checked)))]
    }

    /// Says why nothing is applied, and goes there.
    fn refuse_sql(&mut self, checked: &Checked) -> Vec<Effect> {
        let error = checked.error();
        let span = error.and_then(|found| found.span);
        let why = error.map_or("it cannot be read", |found| found.message.as_str());
        let notice = Notice::error(format!("The script is not applied: {why}"));
        self.show_in_sql(span.unwrap_or(Span::new(0, 0)));
        vec![Effect::Notify(notice)]
    }

    /// Gives the edited script up, asking first if anything was typed.
    pub(super) fn discard_sql(&mut self) -> Vec<Effect> {
        match &self.draft {
            Some(draft) if draft.is_changed() => vec![Effect::AskDiscardSql],
            _ => {
                self.draft = None;
                vec![]
            }
        }
    }
}

/// What applying did, in a few words.
fn said(checked: &Checked) -> String {
    let (new, gone, changed) = checked.nodes_changed();
    let parts: Vec<String> = [(changed, "changed"), (new, "new"), (gone, "gone")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    match parts.is_empty() {
        true => "SQL applied".to_string(),
        false => format!("SQL applied: {}", parts.join(", ")),
    }
}
