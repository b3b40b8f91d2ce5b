//! The planner as the typer of lowering.

use super::typer::{Column, RelationTyper};
use crate::diagnostics::Diagnostic;
use crate::environment::Environment;
use crate::plan::Binder;
use crate::sql::parse_script;

/// Types relations by binding their statements with the planner.
pub struct PlannerTyper<'e> {
    binder: Binder<'e>,
    /// How many of the binder's warnings were handed on.
    warned: usize,
}

impl<'e> PlannerTyper<'e> {
    /// A typer that knows no relations yet.
    pub fn new(environment: &'e dyn Environment) -> Self {
        Self {
            binder: Binder::new(environment),
            warned: 0,
        }
    }
}

impl RelationTyper for PlannerTyper<'_> {
    fn declare(&mut self, statement: &str) -> Vec<Diagnostic> {
        let script = match parse_script(statement) {
            Ok(script) => script,
            Err(found) => return found,
        };
        let mut found = Vec::new();
        for parsed in &script.statements {
            if let Err(problems) = self.binder.apply(parsed, statement) {
                found.extend(problems);
            }
        }
        let warnings = self.binder.warnings();
        found.extend(warnings.iter().skip(self.warned).cloned());
        self.warned = warnings.len();
        found
    }

    fn columns(&self, relation: &str) -> Option<Vec<Column>> {
        let relation = self.binder.relation(relation)?;
        let columns = relation.columns.iter().map(|column| Column {
            name: column.name.clone(),
            ty: column.ty.clone(),
            is_time: column.time.is_some(),
        });
        Some(columns.collect())
    }
}
