//! Rows of values in conditions: `(a, b) IN (SELECT …)`, `(a, b) IN ((1, 2), (3, 4))`, `(a, b) = (1, 2)`.
//!
//! DataFusion compares single values only, so these are written out in the tree: a list as comparisons of
//! the values, a query as EXISTS of a row whose columns are equal. A comparison with NULL is unknown; what
//! that makes of IN and NOT IN follows SQL's rules for the conjunction of the columns' comparisons.

use std::ops::ControlFlow;

use datafusion_common::{DataFusionError, Result, not_impl_err, plan_err};
use datafusion_sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion_sql::sqlparser::ast::{
    self, BinaryOperator, Expr, Ident, ObjectName, Query, Select, SelectItem, SetExpr, TableAlias,
    TableAliasColumnDef, TableFactor, TableWithJoins, UnaryOperator, Value, VisitMut as _,
    VisitorMut,
};

use super::names::each_select;
use crate::sql::{empty_select, markers, query_of};

/// Writes out the rows of values of a query, and of those inside it.
///
/// # Errors
/// Rows of different lengths, and comparisons other than `=`, `<>` and `IN`.
pub(super) fn rewrite(query: &mut Query) -> Result<()> {
    let mut rewriter = Rewriter { queries: 0 };
    match query.visit(&mut rewriter) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Rewriter {
    /// How many queries got a name.
    queries: usize,
}

impl VisitorMut for Rewriter {
    type Break = DataFusionError;

    /// As a whole condition IN need not tell FALSE from NULL: it is a semi or an anti join.
    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<DataFusionError> {
        let mut result = Ok(());
        each_select(&mut query.body, &mut |select| {
            for item in &select.projection {
                if let SelectItem::UnnamedExpr(e) | SelectItem::ExprWithAlias { expr: e, .. } = item
                    && is_row_query(e)
                {
                    result = not_impl_err!(
                        "a row of values IN (SELECT …) as a column of a SELECT is not supported, as in \
                         Flink; use it as a condition"
                    );
                }
            }
            for condition in [&mut select.selection, &mut select.having] {
                if let (Some(condition), Ok(())) = (condition.as_mut(), &result) {
                    result = self.condition(condition, false);
                }
            }
        });
        flow(result)
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<DataFusionError> {
        flow(self.value(expr))
    }
}

fn flow(result: Result<()>) -> ControlFlow<DataFusionError> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}

impl Rewriter {
    /// A condition that keeps a row only where it is TRUE; `negated` if it stands behind NOT.
    fn condition(&mut self, condition: &mut Expr, negated: bool) -> Result<()> {
        match condition {
            Expr::Nested(inner) => self.condition(inner, negated),
            Expr::BinaryOp {
                left,
                op: BinaryOperator::And,
                right,
            } if !negated => {
                self.condition(left, false)?;
                self.condition(right, false)
            }
            Expr::UnaryOp {
                op: UnaryOperator::Not,
                expr,
            } if is_row_query(expr) => {
                let mut inner = std::mem::replace(expr.as_mut(), markers::null());
                self.condition(&mut inner, true)?;
                *condition = inner;
                Ok(())
            }
            Expr::InSubquery {
                expr,
                subquery,
                negated: not_in,
            } => {
                let Some(values) = row_of(expr) else {
                    return Ok(());
                };
                let anti = *not_in != negated;
                let wanted = if anti { Match::Perhaps } else { Match::Equal };
                let exists = self.exists(&values, subquery, wanted)?;
                *condition = match exists {
                    Expr::Exists { subquery, .. } => Expr::Exists {
                        subquery,
                        negated: anti,
                    },
                    other => other,
                };
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A value: TRUE, FALSE or NULL.
    fn value(&mut self, expr: &mut Expr) -> Result<()> {
        match expr {
            Expr::InSubquery {
                expr: left,
                subquery,
                negated,
            } => {
                let Some(values) = row_of(left) else {
                    return Ok(());
                };
                if *negated {
                    return not_impl_err!(
                        "a row of values NOT IN (SELECT …) is supported as a whole condition only, as in \
                         Flink"
                    );
                }
                let when = |condition, result| ast::CaseWhen { condition, result };
                let found = self.exists(&values, subquery, Match::Equal)?;
                let perhaps = self.exists(&values, subquery, Match::Perhaps)?;
                let unknown = markers::call(
                    Ident::new(markers::CAST),
                    vec![markers::null(), markers::text("BOOLEAN")],
                );
                let case = Expr::Case {
                    case_token: AttachedToken::empty(),
                    end_token: AttachedToken::empty(),
                    operand: None,
                    conditions: vec![when(found, boolean(true)), when(perhaps, unknown)],
                    else_result: Some(Box::new(boolean(false))),
                };
                *expr = Expr::Nested(Box::new(case));
            }
            Expr::InList {
                expr: left,
                list,
                negated,
            } => {
                let Some(values) = row_of(left) else {
                    return Ok(());
                };
                let mut any: Option<Expr> = None;
                for item in list.iter() {
                    let Some(others) = row_of(item) else {
                        return plan_err!(
                            "{left} IN (…) compares a row of {} values with {item}",
                            values.len()
                        );
                    };
                    let equal = Expr::Nested(Box::new(all_equal(&values, &others)?));
                    any = Some(match any {
                        None => equal,
                        Some(any) => binary(any, BinaryOperator::Or, equal),
                    });
                }
                let any = Expr::Nested(Box::new(any.unwrap_or_else(|| boolean(false))));
                *expr = match negated {
                    false => any,
                    true => not(any),
                };
            }
            Expr::BinaryOp { left, op, right } => {
                let (Some(l), Some(r)) = (row_of(left), row_of(right)) else {
                    return Ok(());
                };
                // Rows that are made by ROW(…) have comparisons of their own.
                if !matches!(
                    (left.as_ref(), right.as_ref()),
                    (Expr::Tuple(_), Expr::Tuple(_))
                ) {
                    return Ok(());
                }
                let equal = Expr::Nested(Box::new(all_equal(&l, &r)?));
                *expr = match op {
                    BinaryOperator::Eq => equal,
                    BinaryOperator::NotEq => not(equal),
                    other => {
                        return not_impl_err!(
                            "{other} between rows of values is not supported; compare them column by column"
                        );
                    }
                };
            }
            _ => {}
        }
        Ok(())
    }

    /// `EXISTS` of a row of the query that equals `values`, or perhaps does.
    fn exists(&mut self, values: &[Expr], query: &Query, wanted: Match) -> Result<Expr> {
        if let Some(columns) = column_count(&query.body)
            && columns != values.len()
        {
            return plan_err!(
                "IN compares a row of {} values with a query of {columns} columns",
                values.len()
            );
        }
        self.queries += 1;
        let name = format!("__in{}", self.queries);
        let columns: Vec<Ident> = (0..values.len())
            .map(|i| Ident::with_quote('`', format!("{name}_{i}")))
            .collect();
        let name = Ident::with_quote('`', name);
        let alias = name.clone();
        let compared = values.iter().zip(&columns).map(|(value, column)| {
            let column = Expr::CompoundIdentifier(vec![name.clone(), column.clone()]);
            let value = Expr::Nested(Box::new(value.clone()));
            let equal = binary(value.clone(), BinaryOperator::Eq, column.clone());
            match wanted {
                Match::Equal => equal,
                Match::Perhaps => {
                    let unknown = binary(
                        Expr::IsNull(Box::new(value)),
                        BinaryOperator::Or,
                        Expr::IsNull(Box::new(column)),
                    );
                    Expr::Nested(Box::new(binary(unknown, BinaryOperator::Or, equal)))
                }
            }
        });
        let select = Select {
            projection: vec![SelectItem::UnnamedExpr(number("1"))],
            from: vec![TableWithJoins {
                relation: TableFactor::Derived {
                    lateral: false,
                    subquery: Box::new(query.clone()),
                    alias: Some(TableAlias {
                        explicit: true,
                        name: alias,
                        columns: columns
                            .iter()
                            .map(|column| TableAliasColumnDef {
                                name: column.clone(),
                                data_type: None,
                            })
                            .collect(),
                        at: None,
                    }),
                    sample: None,
                },
                joins: vec![],
            }],
            selection: compared.reduce(|all, one| binary(all, BinaryOperator::And, one)),
            ..empty_select(AttachedToken::empty())
        };
        let subquery = Box::new(query_of(select));
        Ok(Expr::Exists {
            subquery,
            negated: false,
        })
    }
}

/// What a row of the query must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Match {
    Equal,
    /// Equal, or unequal in no column for certain.
    Perhaps,
}

fn is_row_query(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_row_query(inner),
        Expr::InSubquery { expr, .. } => row_of(expr).is_some(),
        _ => false,
    }
}

/// The values of `(a, b)` or `ROW(a, b)`.
fn row_of(expr: &Expr) -> Option<Vec<Expr>> {
    match expr {
        Expr::Tuple(values) => Some(values.clone()),
        Expr::Nested(inner) => row_of(inner),
        Expr::Function(call) if call.name == ObjectName::from(vec![Ident::new(markers::ROW)]) => {
            let ast::FunctionArguments::List(list) = &call.args else {
                return None;
            };
            list.args
                .iter()
                .map(|arg| match arg {
                    ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(value)) => {
                        Some(value.clone())
                    }
                    _ => None,
                })
                .collect()
        }
        _ => None,
    }
}

/// How many columns a query gives, if it names them all.
fn column_count(body: &SetExpr) -> Option<usize> {
    match body {
        SetExpr::Select(select) => {
            let named = |item: &SelectItem| {
                matches!(
                    item,
                    SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. }
                )
            };
            let all = select.projection.iter().all(named);
            all.then_some(select.projection.len())
        }
        SetExpr::SetOperation { left, .. } => column_count(left),
        SetExpr::Query(query) => column_count(&query.body),
        SetExpr::Values(values) => values.rows.first().map(|row| row.len()),
        _ => None,
    }
}

/// `a = c AND b = d`
fn all_equal(left: &[Expr], right: &[Expr]) -> Result<Expr> {
    if left.len() != right.len() {
        return plan_err!(
            "a row of {} values is compared with one of {}",
            left.len(),
            right.len()
        );
    }
    let pairs = left.iter().zip(right).map(|(l, r)| {
        let operand = |e: &Expr| Expr::Nested(Box::new(e.clone()));
        binary(operand(l), BinaryOperator::Eq, operand(r))
    });
    Ok(pairs
        .reduce(|all, one| binary(all, BinaryOperator::And, one))
        .unwrap_or_else(|| boolean(true)))
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp {
        left: Box::new(left),
        op,
        right: Box::new(right),
    }
}

fn not(expr: Expr) -> Expr {
    Expr::Nested(Box::new(Expr::UnaryOp {
        op: UnaryOperator::Not,
        expr: Box::new(expr),
    }))
}

fn boolean(value: bool) -> Expr {
    Expr::Value(Value::Boolean(value).with_empty_span())
}

fn number(text: &str) -> Expr {
    Expr::Value(Value::Number(text.to_string(), false).with_empty_span())
}
