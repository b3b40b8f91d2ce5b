//! What was bound before. An editor binds nearly the same script at every keystroke.
//!
//! What DataFusion makes of a query follows from the text of its statement and the schemas of the
//! relations that it reads. While these are the same, so is what it makes of them. Everything after
//! that (operators, keys, changelog modes) depends on the whole script and is made anew.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion_expr::logical_plan::LogicalPlan;

use super::hints::StateTtl;
use crate::diagnostics::{Diagnostic, Span};
use crate::sql::{Script, parse_script};

/// How many compilations something is kept without being asked for: what reads a node that is
/// broken while somebody types is not there until they have typed on.
const KEPT: u64 = 32;

/// Values by text, as long as somebody asks for them.
#[derive(Debug)]
pub(crate) struct Kept<V> {
    now: u64,
    /// With the compilation that asked last.
    values: HashMap<String, (u64, V)>,
}

impl<V> Default for Kept<V> {
    fn default() -> Self {
        Self {
            now: 0,
            values: HashMap::new(),
        }
    }
}

impl<V> Kept<V> {
    pub(crate) fn get(&mut self, text: &str) -> Option<&V> {
        let (asked, value) = self.values.get_mut(text)?;
        *asked = self.now;
        Some(value)
    }

    pub(crate) fn keep(&mut self, text: String, value: V) {
        self.values.insert(text, (self.now, value));
    }

    /// A compilation ended.
    pub(crate) fn turn(&mut self) {
        self.now += 1;
        let now = self.now;
        self.values.retain(|_, (asked, _)| *asked + KEPT > now);
    }
}

/// Statements that were parsed and queries that were bound.
#[derive(Debug, Default)]
pub(crate) struct Recall {
    scripts: Kept<Arc<Script>>,
    queries: Kept<BoundQuery>,
}

/// A query as DataFusion bound it.
#[derive(Debug)]
pub(super) struct BoundQuery {
    pub(super) plan: Arc<LogicalPlan>,
    /// How long its hints say that state is kept.
    pub(super) ttl: StateTtl,
    pub(super) read: Reads,
}

/// The relations that were asked for by name, and what was there.
pub(super) type Reads = Vec<(String, Option<SchemaRef>)>;

impl Recall {
    /// Parses a text, or remembers what it was.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(&mut self, text: &str) -> Result<Arc<Script>, Vec<Diagnostic>> {
        if let Some(script) = self.scripts.get(text) {
            return Ok(Arc::clone(script));
        }
        let script = Arc::new(parse_script(text)?);
        self.scripts.keep(text.to_string(), Arc::clone(&script));
        Ok(script)
    }

    /// What a query at this place of a text was bound to, if the relations that it read are as they
    /// were.
    pub(super) fn query(
        &mut self,
        text: &str,
        span: Span,
        schema: impl Fn(&str) -> Option<SchemaRef>,
    ) -> Option<&BoundQuery> {
        let known = self.queries.get(&place(text, span))?;
        let mut read = known.read.iter();
        read.all(|(name, was)| schema(name) == *was)
            .then_some(known)
    }

    pub(super) fn keep_query(&mut self, text: &str, span: Span, query: BoundQuery) {
        self.queries.keep(place(text, span), query);
    }

    /// A compilation ended.
    pub(crate) fn turn(&mut self) {
        self.scripts.turn();
        self.queries.turn();
    }
}

fn place(text: &str, span: Span) -> String {
    format!("{}-{} {text}", span.start, span.end)
}

/// Notes what is asked for while a query is bound.
#[derive(Debug, Default)]
pub(super) struct Noted(RefCell<Reads>);

impl Noted {
    pub(super) fn note(&self, name: &str, schema: Option<&SchemaRef>) {
        let mut reads = self.0.borrow_mut();
        if reads.iter().all(|(known, _)| known != name) {
            reads.push((name.to_string(), schema.cloned()));
        }
    }

    /// What was asked for since the last time.
    pub(super) fn take(&self) -> Reads {
        self.0.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::NoEnvironment;
    use crate::lower::RelationTyper as _;
    use crate::plan::Binder;

    /// The queries that are known after these statements were declared.
    fn bound(recall: Recall, statements: &[&str]) -> (Recall, Vec<Arc<LogicalPlan>>) {
        let mut binder = Binder::recalling(&NoEnvironment, recall);
        for statement in statements {
            assert_eq!(binder.declare(statement), [], "{statement}");
        }
        let recall = binder.take_recall();
        let known = recall.queries.values.values();
        let known = known.map(|(_, query)| Arc::clone(&query.plan)).collect();
        (recall, known)
    }

    #[test]
    fn a_query_is_bound_again_when_what_it_reads_changed() {
        let table = "CREATE TABLE t (a INT, b STRING) WITH ('connector' = 'datagen')";
        let view = "CREATE VIEW v AS SELECT a + 1 AS c FROM t";
        let (recall, first) = bound(Recall::default(), &[table, view]);
        let (recall, second) = bound(recall, &[table, view]);
        assert_eq!((first.len(), second.len()), (1, 1));
        assert!(Arc::ptr_eq(&first[0], &second[0]), "it was bound again");

        let other = table.replace("INT", "BIGINT");
        let (_, third) = bound(recall, &[&other, view]);
        assert_eq!(third.len(), 1);
        assert!(
            !Arc::ptr_eq(&second[0], &third[0]),
            "it was not bound again"
        );
    }

    #[test]
    fn what_nobody_asks_for_goes() {
        let mut kept = Kept::default();
        kept.keep("a".to_string(), 1);
        kept.keep("b".to_string(), 2);
        for _ in 0..KEPT - 1 {
            assert_eq!(kept.get("a"), Some(&1));
            kept.turn();
        }
        assert_eq!(kept.get("a"), Some(&1));
        kept.turn();
        assert_eq!(kept.get("b"), None);
        assert_eq!(kept.get("a"), Some(&1));
    }
}
