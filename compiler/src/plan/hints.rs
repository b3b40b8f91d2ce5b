//! Hints: how long the state of a join or an aggregate is kept (`STATE_TTL`), and options of a table
//! for one use of it (`OPTIONS`).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use datafusion_common::{Result, plan_err};
use datafusion_expr::logical_plan::LogicalPlan;
use datafusion_sql::sqlparser::ast::{self, VisitMut as _, VisitorMut};

use super::catalog::TableDefinition;
use super::settings::parse_duration;
use crate::sql::{TableHint, TableOption, state_ttl};

/// What the `STATE_TTL` hints of a query say: milliseconds by the name of an input, a table's or an
/// alias. Names hold in the whole query.
#[derive(Debug, Clone, Default)]
pub(crate) struct StateTtl {
    kept: BTreeMap<String, i64>,
    /// The names that a join or an aggregate has met.
    met: RefCell<BTreeSet<String>>,
}

impl StateTtl {
    /// Takes the hints out of a query.
    pub fn of(query: &mut ast::Query) -> Result<Self> {
        struct Collect(Vec<TableOption>);
        impl VisitorMut for Collect {
            type Break = ();
            fn pre_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<()> {
                self.selects(&mut query.body);
                ControlFlow::Continue(())
            }
        }
        impl Collect {
            fn selects(&mut self, set: &mut ast::SetExpr) {
                match set {
                    ast::SetExpr::Select(select) => {
                        for hint in select.optimizer_hints.drain(..) {
                            self.0.extend(state_ttl(&hint.text));
                        }
                    }
                    ast::SetExpr::SetOperation { left, right, .. } => {
                        self.selects(left);
                        self.selects(right);
                    }
                    _ => {}
                }
            }
        }
        let mut found = Collect(Vec::new());
        let _ = query.visit(&mut found);
        let mut kept = BTreeMap::new();
        for option in found.0 {
            let millis = parse_duration(&option.value)
                .and_then(|duration| i64::try_from(duration.as_millis()).ok());
            let Some(millis) = millis else {
                return plan_err!(
                    "the hint STATE_TTL takes durations such as '12 h' or '1 d', not '{}'",
                    option.value
                );
            };
            kept.insert(option.key, millis);
        }
        Ok(Self {
            kept,
            met: RefCell::default(),
        })
    }

    /// How long the state of an input is to be kept.
    pub fn for_input(&self, plan: &LogicalPlan) -> Option<i64> {
        let name = relation_name(plan)?;
        let kept = self.kept.get(&name).copied();
        if kept.is_some() {
            self.met.borrow_mut().insert(name);
        }
        kept
    }

    /// Refuses names that no join and no aggregate reads, as Flink does.
    pub fn all_met(&self) -> Result<()> {
        let met = self.met.borrow();
        match self.kept.keys().find(|name| !met.contains(*name)) {
            Some(name) => plan_err!(
                "the hint STATE_TTL names '{name}', but no join and no aggregate of the query reads a table, view or alias of that name"
            ),
            None => Ok(()),
        }
    }
}

/// The name by which a query knows the rows of a plan.
fn relation_name(plan: &LogicalPlan) -> Option<String> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => Some(alias.alias.table().to_string()),
        LogicalPlan::TableScan(scan) => Some(scan.table_name.table().to_string()),
        LogicalPlan::Projection(projection) => relation_name(&projection.input),
        LogicalPlan::Filter(filter) => relation_name(&filter.input),
        _ => None,
    }
}

/// The declaration of a table with the options of a hint over its own.
pub(crate) fn with_options(table: &TableDefinition, hint: &TableHint) -> TableDefinition {
    let mut table = table.clone();
    for option in &hint.options {
        let own = &mut table.statement.options;
        own.retain(|o| o.key != option.key);
        own.push(option.clone());
    }
    table
}

/// Lets the place of a hint in a query read the table `name` instead, under the name it had.
pub(crate) fn redirect(query: &mut ast::Query, hint: &TableHint, name: &str) {
    struct Redirect<'h> {
        hint: &'h TableHint,
        name: &'h str,
    }
    impl VisitorMut for Redirect<'_> {
        type Break = ();
        fn pre_visit_table_factor(&mut self, factor: &mut ast::TableFactor) -> ControlFlow<()> {
            let ast::TableFactor::Table {
                name: table, alias, ..
            } = factor
            else {
                return ControlFlow::Continue(());
            };
            let place = |part: Option<&ast::Ident>| part.map(|part| part.span);
            let here = table.0.last().and_then(|part| part.as_ident());
            let Some(here) = here.cloned() else {
                return ControlFlow::Continue(());
            };
            if here.value != self.hint.table.object()
                || place(Some(&here)) != place(self.hint.table.parts.last())
            {
                return ControlFlow::Continue(());
            }
            *table = ast::ObjectName::from(vec![ast::Ident::with_quote('`', self.name)]);
            alias.get_or_insert_with(|| ast::TableAlias {
                explicit: true,
                name: here,
                columns: vec![],
                at: None,
            });
            ControlFlow::Break(())
        }
    }
    let _ = query.visit(&mut Redirect { hint, name });
}
