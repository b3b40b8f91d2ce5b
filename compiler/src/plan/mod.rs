//! From a parsed script to a streaming plan.
//!
//! [`Binder`] takes statements one by one: each relation is bound on its own by DataFusion
//! (names, types, coercion) and translated into streaming operators ([`stream`]), which carry
//! time attributes, changelog modes and keys. When all statements are in, the plan as a whole is
//! rewritten and pruned. [`explain`] prints it.

mod aggregation;
mod binder;
mod calcs;
mod catalog;
mod changelog;
mod explain;
mod find;
mod functions;
mod group_window;
mod hints;
mod joins;
pub mod keys;
pub mod lifetime;
pub mod matching;
mod merged_columns;
mod moments;
mod monotonicity;
mod names;
mod numbers;
pub mod phases;
mod quantified;
mod ranking;
pub(crate) mod recall;
mod rewrite;
mod row_values;
mod set_operations;
pub mod settings;
mod sinks;
mod split_distinct;
mod state_form;
pub mod stream;
mod subqueries;
mod translate;
mod tvf;
mod unnest;
mod versioned;
mod whole;
mod windows;

pub use binder::{Binder, RESULT_TABLE, Relation, RelationColumn};
pub use explain::explain;
pub use state_form::state_forms;
pub use stream::{ChangelogMode, StreamPlan, TimeAttribute};

use crate::diagnostics::Diagnostic;
use crate::environment::Environment;
use crate::sql;

/// A script's streaming plan and what else there is to say about it.
#[derive(Debug)]
pub struct Planned {
    /// The plan.
    pub plan: StreamPlan,
    /// Warnings and notes.
    pub warnings: Vec<Diagnostic>,
}

/// Parses and plans a whole script.
///
/// # Errors
/// All that is wrong with it, as far as it can be found in one go: a statement that builds on a
/// broken one is reported only if it has a fault of its own.
pub fn plan_script(text: &str, environment: &dyn Environment) -> Result<Planned, Vec<Diagnostic>> {
    let script = sql::parse_script(text)?;
    let mut binder = Binder::new(environment);
    let mut problems = Vec::new();
    for statement in &script.statements {
        if let Err(found) = binder.apply(statement, text) {
            problems.extend(found);
            // What follows may refer to what could not be declared.
            break;
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let (plan, warnings) = binder.finish()?;
    Ok(Planned { plan, warnings })
}
