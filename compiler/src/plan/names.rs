//! Names in a query, before DataFusion binds it: those that Flink gives to columns, and paths into rows.

use std::ops::ControlFlow;

use datafusion_common::{DataFusionError, not_impl_err};
use datafusion_sql::sqlparser::ast::{
    AccessExpr, Expr, Ident, Join, JoinConstraint, JoinOperator, Query, Select, SelectItem,
    SetExpr, TableFactor, TableWithJoins, Value, VisitMut as _, VisitorMut,
};

/// Names the columns of every SELECT as Flink does, and writes paths into the rows of a table's column
/// (`t.row.field.inner`) as accesses of fields, which DataFusion also takes where `t` belongs to an outer query.
///
/// # Errors
/// `SELECT *` over a join by NATURAL or USING: Flink puts the columns that are joined by first, and DataFusion does not.
pub(super) fn resolve(query: &mut Query) -> Result<(), DataFusionError> {
    struct Names {
        /// For each query around, the relations that its FROM names.
        scopes: Vec<Vec<String>>,
        /// Whether a SELECT takes all columns of a join that makes one of two.
        merged: bool,
    }
    impl VisitorMut for Names {
        type Break = ();

        fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
            let mut relations = Vec::new();
            each_select(&mut query.body, &mut |select| {
                self.merged |= takes_merged_columns(select);
                let own = relations_of(select);
                name_items(&mut select.projection, &own);
                relations.extend(own);
            });
            self.scopes.push(relations);
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
            self.scopes.pop();
            ControlFlow::Continue(())
        }

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::CompoundIdentifier(parts) = expr
                && parts.len() > 2
                && self.scopes.iter().any(|s| s.contains(&parts[0].value))
            {
                let fields = parts.split_off(2);
                *expr = Expr::CompoundFieldAccess {
                    root: Box::new(expr.clone()),
                    access_chain: fields
                        .into_iter()
                        .map(|field| {
                            let name = Value::SingleQuotedString(field.value);
                            AccessExpr::Dot(Expr::Value(name.with_span(field.span)))
                        })
                        .collect(),
                };
            }
            ControlFlow::Continue(())
        }
    }
    // Nothing breaks off.
    let mut names = Names {
        scopes: Vec::new(),
        merged: false,
    };
    let _ = query.visit(&mut names);
    if names.merged {
        return not_impl_err!(
            "SELECT * over a join by USING or NATURAL is not supported yet; name the columns"
        );
    }
    Ok(())
}

fn takes_merged_columns(select: &Select) -> bool {
    let wildcard = |item: &SelectItem| matches!(item, SelectItem::Wildcard(_));
    let merges = |join: &Join| {
        // What our parser makes of joins.
        match &join.join_operator {
            JoinOperator::Inner(by)
            | JoinOperator::Left(by)
            | JoinOperator::Right(by)
            | JoinOperator::FullOuter(by) => {
                matches!(by, JoinConstraint::Using(_) | JoinConstraint::Natural)
            }
            _ => false,
        }
    };
    let mut joins = select.from.iter().flat_map(|tables| &tables.joins);
    select.projection.iter().any(wildcard) && joins.any(merges)
}

fn each_select(set: &mut SetExpr, visit: &mut dyn FnMut(&mut Select)) {
    match set {
        SetExpr::Select(select) => visit(select),
        SetExpr::SetOperation { left, right, .. } => {
            each_select(left, visit);
            each_select(right, visit);
        }
        _ => {}
    }
}

/// The names by which a SELECT knows the relations of its FROM.
fn relations_of(select: &Select) -> Vec<String> {
    fn of(tables: &TableWithJoins, names: &mut Vec<String>) {
        let joined = tables.joins.iter().map(|join| &join.relation);
        for factor in std::iter::once(&tables.relation).chain(joined) {
            let alias = match factor {
                TableFactor::Table { name, alias, .. } => {
                    let own = name.0.last().and_then(|part| part.as_ident());
                    alias.as_ref().map(|a| &a.name).or(own)
                }
                TableFactor::Derived { alias, .. }
                | TableFactor::TableFunction { alias, .. }
                | TableFactor::Function { alias, .. }
                | TableFactor::UNNEST { alias, .. }
                | TableFactor::MatchRecognize { alias, .. } => alias.as_ref().map(|a| &a.name),
                TableFactor::NestedJoin {
                    table_with_joins, ..
                } => {
                    of(table_with_joins, names);
                    None
                }
                _ => None,
            };
            names.extend(alias.map(|a| a.value.clone()));
        }
    }
    let mut names = Vec::new();
    for tables in &select.from {
        of(tables, &mut names);
    }
    names
}

/// Gives columns without a name, second columns of a name and fields of rows the names Flink gives
/// them: `EXPR$2`, `card0`, `field` for `row.field`. DataFusion would refuse two columns of one name.
fn name_items(items: &mut [SelectItem], relations: &[String]) {
    let mut seen: Vec<String> = items
        .iter()
        .filter_map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
            _ => None,
        })
        .collect();
    for (i, item) in items.iter_mut().enumerate() {
        let SelectItem::UnnamedExpr(expr) = item else {
            continue;
        };
        let (own, of_column) = match &*expr {
            Expr::Identifier(ident) => (Some(ident.value.clone()), true),
            Expr::CompoundIdentifier(parts) => (
                parts.last().map(|p| p.value.clone()),
                parts.len() == 2 && relations.contains(&parts[0].value),
            ),
            _ => (None, false),
        };
        let name = match own {
            Some(own) if !seen.contains(&own) => {
                if of_column {
                    seen.push(own);
                    continue;
                }
                own
            }
            Some(own) => (0..)
                .map(|n| format!("{own}{n}"))
                .find(|name| !seen.contains(name))
                .unwrap_or(own),
            None => format!("EXPR${i}"),
        };
        seen.push(name.clone());
        *item = SelectItem::ExprWithAlias {
            expr: expr.clone(),
            alias: Ident::with_quote('`', name),
        };
    }
}
