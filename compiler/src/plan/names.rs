//! Names in a query, before DataFusion binds it: those that Flink gives to columns, and paths into rows.

use std::ops::ControlFlow;

use datafusion_common::DataFusionError;
use datafusion_sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion_sql::sqlparser::ast::{
    AccessExpr, Cte, Expr, Ident, Query, Select, SelectItem, SetExpr, TableFactor, TableWithJoins,
    Value, VisitMut as _, VisitorMut, WildcardAdditionalOptions, With,
};

use super::merged_columns;
use crate::sql::{empty_select, query_of};

/// Names the columns of every SELECT as Flink does, and writes paths into the rows of a table's column
/// (`t.row.field.inner`) as accesses of fields, which DataFusion also takes where `t` belongs to an outer query.
///
/// `columns` tells the columns of a query of its own; stars over merged columns are written out with it.
///
/// # Errors
/// What is wrong with a relation under such a star.
pub(super) fn resolve(
    query: &mut Query,
    columns: &dyn Fn(Query) -> Result<Vec<String>, DataFusionError>,
) -> Result<(), DataFusionError> {
    struct Names<'a> {
        /// For each query around, the relations that its FROM names.
        scopes: Vec<Vec<String>>,
        /// The queries that those around name by WITH.
        named: Vec<Vec<Cte>>,
        /// How many relations got a name.
        joined: usize,
        columns: &'a dyn Fn(Query) -> Result<Vec<String>, DataFusionError>,
    }
    impl VisitorMut for Names<'_> {
        type Break = DataFusionError;

        fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<DataFusionError> {
            let with = query.with.iter().flat_map(|with| &with.cte_tables);
            self.named.push(with.cloned().collect());
            let mut relations = Vec::new();
            let mut result = Ok(());
            each_select(&mut query.body, &mut |select| {
                let mut columns_of = |factor: &TableFactor| {
                    let named = self.named.iter().flatten().cloned().collect();
                    (self.columns)(all_of(factor.clone(), named))
                };
                if let Err(error) =
                    merged_columns::expand(select, &mut self.joined, &mut columns_of)
                {
                    result = Err(error);
                }
                let own = relations_of(select);
                name_items(&mut select.projection, &own);
                relations.extend(own);
            });
            self.scopes.push(relations);
            match result {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => ControlFlow::Break(error),
            }
        }

        fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<DataFusionError> {
            self.scopes.pop();
            self.named.pop();
            ControlFlow::Continue(())
        }

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<DataFusionError> {
            if let Expr::CompoundIdentifier(parts) = expr
                && parts.len() > 2
                && self.scopes.iter().any(|s| s.contains(&parts[0].value))
            {
                let fields = parts.split_off(2);
                *expr = Expr::CompoundFieldAccess {
                    root: Box::new(expr.clone()),
                    access_chain: fields.into_iter().map(field_access).collect(),
                };
            } else if let Expr::CompoundFieldAccess { access_chain, .. } = expr {
                // `items[1].sku`: the field is no column.
                for access in access_chain {
                    if let AccessExpr::Dot(Expr::Identifier(field)) = access {
                        *access = field_access(field.clone());
                    }
                }
            }
            ControlFlow::Continue(())
        }
    }
    let mut names = Names {
        scopes: Vec::new(),
        named: Vec::new(),
        joined: 0,
        columns,
    };
    match query.visit(&mut names) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// `.field`, as DataFusion takes it.
fn field_access(field: Ident) -> AccessExpr {
    let name = Value::SingleQuotedString(field.value);
    AccessExpr::Dot(Expr::Value(name.with_span(field.span)))
}

/// `WITH … SELECT * FROM factor`
fn all_of(factor: TableFactor, named: Vec<Cte>) -> Query {
    let token = AttachedToken::empty;
    let select = Select {
        projection: vec![SelectItem::Wildcard(WildcardAdditionalOptions::default())],
        from: vec![TableWithJoins {
            relation: factor,
            joins: vec![],
        }],
        ..empty_select(token())
    };
    Query {
        with: (!named.is_empty()).then(|| With {
            with_token: token(),
            recursive: false,
            cte_tables: named,
        }),
        ..query_of(select)
    }
}

pub(super) fn each_select(set: &mut SetExpr, visit: &mut dyn FnMut(&mut Select)) {
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
