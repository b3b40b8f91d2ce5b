//! Problems: which is the current one, where it is, and what can be done about it.

use std::sync::Arc;

use millstream_compiler::diagnostics::{Diagnostic, Span};
use millstream_compiler::document::NodeId;
use millstream_compiler::lower::{Repair, Target};

use super::{BottomTab, CentreTab, Editor, Effect, Reveal};
use crate::work::repairs::Repairs;

impl Editor {
    /// Takes in what can be done about problems. What is about an older state is dropped.
    pub fn set_repairs(&mut self, repairs: Arc<Repairs>) {
        if repairs.generation >= self.repairs.generation {
            self.repairs = repairs;
        }
    }

    /// What can be done about a problem, best first: nothing while it is not known, and while the
    /// problem may be gone already.
    pub fn repairs_of(&self, problem: usize) -> &[Repair] {
        let current = self.repairs.generation == self.compiled.generation
            && self.compiled.generation == self.generation;
        match self.repairs.found.get(problem) {
            Some(found) if current => found,
            _ => &[],
        }
    }

    /// The problem that a quick fix is about, and what it does: that of the problem that was gone
    /// to, else of the selected node, else the first there is.
    pub(super) fn current_repair(&self) -> Option<(usize, &Repair)> {
        let first = |index: usize| Some((index, self.repairs_of(index).first()?));
        if let Some(index) = self.view.problem {
            return first(index);
        }
        let found = &self.compiled.diagnostics;
        let selected = self.view.selection.single_node();
        let of_selected = |found: &Diagnostic| match (selected, &found.node) {
            (Some(selected), Some(node)) => *node == *selected.as_str(),
            _ => false,
        };
        let all = || found.iter().enumerate();
        all()
            .filter(|(_, found)| of_selected(found))
            .find_map(|(index, _)| first(index))
            .or_else(|| all().find_map(|(index, _)| first(index)))
    }

    pub(super) fn quick_fix(&mut self) -> Vec<Effect> {
        let Some((_, repair)) = self.current_repair() else {
            return vec![];
        };
        let repair = repair.clone();
        let effects = self.edit(&repair.title, &repair.commands);
        // The problem is gone; the first that is left is the next one.
        self.view.problem = None;
        effects
    }

    pub(super) fn walk_problems(&mut self, step: isize) {
        let count = self.compiled.diagnostics.len() as isize;
        let at = match (self.view.problem, step > 0) {
            (Some(at), _) => (at as isize + step).rem_euclid(count),
            (None, true) => 0,
            (None, false) => count - 1,
        };
        self.go_to_problem(at as usize);
    }

    /// Makes a problem the current one and shows it, and its node.
    pub(super) fn go_to_problem(&mut self, index: usize) {
        let Some(found) = self.compiled.diagnostics.get(index) else {
            return;
        };
        let (node, span) = (found.node.clone(), found.span);
        self.view.problem = Some(index);
        self.show_bottom(BottomTab::Problems);
        match node.and_then(|node| NodeId::new(node).ok()) {
            Some(node) => self.go_to(node),
            // A setting, for one.
            None => {
                if let Some(span) = span {
                    self.show_in_sql(span);
                }
            }
        }
    }

    /// Brings a stretch of the script for this machine into view.
    pub(super) fn show_in_sql(&mut self, span: Span) {
        self.view.centre = CentreTab::Sql;
        if self.draft.is_none() {
            self.view.target = Target::Embedded;
        }
        let number = self.view.reveal.map_or(0, |reveal| reveal.number) + 1;
        self.view.reveal = Some(Reveal { span, number });
    }
}
