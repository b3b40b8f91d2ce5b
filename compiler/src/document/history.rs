//! Undo and redo: snapshots of the whole document, with a label each.

use super::Document;

/// The states a document went through. Snapshots share structure, so keeping many is cheap.
#[derive(Debug, Clone)]
pub struct History {
    /// All states in order, each with the label of the step that led to it. Never empty.
    states: Vec<(String, Document)>,
    /// Which of them is shown; everything after it is redo-space.
    current: usize,
    /// Oldest states are dropped beyond this many.
    limit: usize,
}

impl History {
    /// The default number of steps kept.
    pub const LIMIT: usize = 1_000;

    /// A history that starts here.
    pub fn new(document: Document) -> Self {
        Self {
            states: vec![("Open".into(), document)],
            current: 0,
            limit: Self::LIMIT,
        }
    }

    /// The document as it is now.
    pub fn document(&self) -> &Document {
        &self.states[self.current].1
    }

    /// A new state. What could be redone is gone. A state equal to the current one is not kept.
    pub fn push(&mut self, label: impl Into<String>, document: Document) {
        if document == *self.document() {
            return;
        }
        self.states.truncate(self.current + 1);
        self.states.push((label.into(), document));
        if self.states.len() > self.limit {
            self.states.remove(0);
        }
        self.current = self.states.len() - 1;
    }

    /// Replaces the current state, so that a drag or a burst of typing is one step.
    pub fn amend(&mut self, document: Document) {
        self.states.truncate(self.current + 1);
        self.states[self.current].1 = document;
    }

    /// One step back; `None` at the beginning.
    pub fn undo(&mut self) -> Option<&Document> {
        self.current = self.current.checked_sub(1)?;
        Some(self.document())
    }

    /// One step forward; `None` at the end.
    pub fn redo(&mut self) -> Option<&Document> {
        if self.current + 1 == self.states.len() {
            return None;
        }
        self.current += 1;
        Some(self.document())
    }

    /// To the state with this index in [`History::labels`]; `None` if there is no such state.
    pub fn jump(&mut self, index: usize) -> Option<&Document> {
        if index >= self.states.len() {
            return None;
        }
        self.current = index;
        Some(self.document())
    }

    /// The labels of all states, oldest first.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = &str> {
        self.states.iter().map(|(label, _)| label.as_str())
    }

    /// The index of the current state in [`History::labels`].
    pub fn current(&self) -> usize {
        self.current
    }

    /// Whether there is a step to undo.
    pub fn can_undo(&self) -> bool {
        self.current > 0
    }

    /// Whether there is a step to redo.
    pub fn can_redo(&self) -> bool {
        self.current + 1 < self.states.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command, Layout, Pipeline};
    use super::*;

    fn rename(history: &mut History, name: &str) {
        let command = Command::SetName { name: name.into() };
        let applied = history.document().apply(&command).unwrap();
        history.push(command.label(), applied.document);
    }

    fn name(history: &History) -> &str {
        history.document().pipeline().name()
    }

    #[test]
    fn undo_and_redo_walk_the_states() {
        let mut history = History::new(Document::new(Pipeline::new("a"), Layout::default()));
        assert!(history.undo().is_none());
        rename(&mut history, "b");
        rename(&mut history, "c");
        rename(&mut history, "c");
        assert_eq!(history.labels().len(), 3);
        history.undo();
        assert_eq!(name(&history), "b");
        history.redo();
        assert_eq!(name(&history), "c");
        assert!(history.redo().is_none());
        history.undo();
        rename(&mut history, "d");
        assert!(!history.can_redo());
        assert_eq!(history.labels().collect::<Vec<_>>()[2], "Rename pipeline");
        history.jump(0);
        assert_eq!(name(&history), "a");
        assert!(history.jump(9).is_none());
    }

    #[test]
    fn the_oldest_states_go_first() {
        let mut history = History::new(Document::new(Pipeline::new("p"), Layout::default()));
        history.limit = 3;
        for n in 0..5 {
            rename(&mut history, &format!("p{n}"));
        }
        assert_eq!(history.labels().len(), 3);
        assert_eq!(name(&history), "p4");
        history.undo();
        history.undo();
        assert!(history.undo().is_none());
        assert_eq!(name(&history), "p2");
    }
}
