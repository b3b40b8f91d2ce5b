//! The question lowering asks of the planner: which columns does this relation have?

use millstream_functions::types::FlinkType;

use crate::diagnostics::Diagnostic;

/// A column of a relation, as far as lowering needs to know it.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: FlinkType,
    /// Whether it is the event or processing time of its stream, which windows need.
    pub is_time: bool,
}

/// Types relations from the statements that define them, one after the other.
pub trait RelationTyper {
    /// What comes next are the statements of another node.
    fn begin(&mut self) {}

    /// Takes in one statement, without its semicolon. Spans of the findings count its bytes.
    fn declare(&mut self, statement: &str) -> Vec<Diagnostic>;

    /// The columns of a table or view declared before; `None` if it is unknown or had errors.
    fn columns(&self, relation: &str) -> Option<Vec<Column>>;
}
