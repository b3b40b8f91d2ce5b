//! Rows of values in conditions: `(a, b) IN (SELECT …)`, `(a, b) IN ((1, 2), (3, 4))`, `(a, b) = (1, 2)`.
//!
//! DataFusion compares single values only. So a list is written out in the tree as comparisons of the
//! values; a query becomes a marker function of the values and of EXISTS of the query, which is bound like any
//! other and then asks for a row whose columns are equal ([`resolve`]). A comparison with NULL is unknown;
//! what that makes of IN and NOT IN follows SQL's rules for the conjunction of the columns' comparisons.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion_common::tree_node::{Transformed, TreeNode as _};
use datafusion_common::{
    Column, DFSchema, DataFusionError, Result, ScalarValue, internal_err, not_impl_err, plan_err,
};
use datafusion_expr::expr_rewriter::NamePreserver;
use datafusion_expr::logical_plan::{LogicalPlan, Subquery};
use datafusion_expr::planner::{PlannerResult, RawBinaryExpr};
use datafusion_expr::utils::{conjunction, merge_schema};
use datafusion_expr::{
    ColumnarValue, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility, lit,
};
use datafusion_sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion_sql::sqlparser::ast::{
    self, BinaryOperator, Expr, Ident, ObjectName, Query, SelectItem, UnaryOperator, Value,
    VisitMut as _, VisitorMut,
};

use super::find::holds;
use super::names::each_select;
use super::subqueries;
use crate::sql::markers;

/// `__row_in('equal' or 'perhaps', values…, EXISTS (query))`
const MARKER: &str = "__row_in";

/// Writes out the rows of values of a query, and of those inside it.
///
/// # Errors
/// Rows of different lengths, and comparisons other than `=`, `<>` and `IN`.
pub(super) fn rewrite(query: &mut Query) -> Result<()> {
    match query.visit(&mut Rewriter) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// The marker function of this name.
pub(super) fn marker(name: &str) -> Option<Arc<ScalarUDF>> {
    (name == MARKER).then(|| {
        Arc::new(ScalarUDF::new_from_impl(Marker {
            signature: Signature::variadic_any(Volatility::Immutable),
        }))
    })
}

/// Puts EXISTS of a row whose columns are equal in the place of the markers of a plan, and of the queries
/// inside it.
///
/// # Errors
/// A query of another number of columns than there are values.
pub(super) fn resolve(plan: LogicalPlan) -> Result<LogicalPlan> {
    let is_marker = |expr: &datafusion_expr::Expr| matches!(expr, datafusion_expr::Expr::ScalarFunction(call) if call.func.name() == MARKER);
    if !holds(&plan, is_marker)? {
        return Ok(plan);
    }
    let plan = plan.transform_up_with_subqueries(|node| {
        let inputs = node.inputs();
        if inputs.is_empty() {
            return Ok(Transformed::no(node));
        }
        let schema = merge_schema(&inputs);
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let resolved = expr.transform(|e| resolve_marker(e, &schema))?;
            Ok(resolved.update_data(|expr| name.restore(expr)))
        })
    })?;
    Ok(plan.data)
}

fn resolve_marker(
    expr: datafusion_expr::Expr,
    schema: &DFSchema,
) -> Result<Transformed<datafusion_expr::Expr>> {
    use datafusion_expr::Expr;
    let Expr::ScalarFunction(call) = &expr else {
        return Ok(Transformed::no(expr));
    };
    if call.func.name() != MARKER {
        return Ok(Transformed::no(expr));
    }
    let [
        Expr::Literal(ScalarValue::Utf8(Some(wanted)), _),
        values @ ..,
        Expr::Exists(exists),
    ] = call.args.as_slice()
    else {
        return internal_err!("a row of values has lost its query");
    };
    let perhaps = wanted == Match::Perhaps.name();
    let query = &exists.subquery;
    Ok(Transformed::yes(equal_row(values, perhaps, query, schema)?))
}

/// `EXISTS` of a row of the query that equals `values`, or perhaps does.
fn equal_row(
    values: &[datafusion_expr::Expr],
    perhaps: bool,
    query: &Subquery,
    schema: &DFSchema,
) -> Result<datafusion_expr::Expr> {
    use datafusion_expr::Expr;
    let columns = query.subquery.schema();
    if columns.fields().len() != values.len() {
        return plan_err!(
            "IN compares a row of {} values with a query of {} columns",
            values.len(),
            columns.fields().len()
        );
    }
    // Of the names of the query's columns the row outside may have the same.
    let named = columns.columns().into_iter().enumerate();
    let named = named.map(|(i, column)| Expr::Column(column).alias(format!("__in{i}")));
    let query = Subquery {
        subquery: Arc::new(
            LogicalPlanBuilder::from(query.subquery.as_ref().clone())
                .project(named)?
                .build()?,
        ),
        ..query.clone()
    };
    let columns = query.subquery.schema();
    subqueries::exists(&query, values, schema, |values| {
        let compared = values
            .into_iter()
            .zip(columns.iter())
            .map(|(value, column)| {
                let found = Expr::Column(Column::from(column));
                let raw = RawBinaryExpr {
                    op: BinaryOperator::Eq,
                    left: value.clone(),
                    right: found.clone(),
                };
                let equal =
                    match millstream_functions::expr_planner().plan_binary_op(raw, columns)? {
                        PlannerResult::Planned(equal) => equal,
                        PlannerResult::Original(_) => {
                            return internal_err!("a comparison is always planned");
                        }
                    };
                Ok(match perhaps {
                    false => equal,
                    true => value.is_null().or(found.is_null()).or(equal),
                })
            });
        let compared = compared.collect::<Result<Vec<_>>>()?;
        Ok(conjunction(compared).unwrap_or_else(|| lit(true)))
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Marker {
    signature: Signature,
}

impl ScalarUDFImpl for Marker {
    fn name(&self) -> &str {
        MARKER
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("a row of values IN a query is a join before it is computed")
    }
}

struct Rewriter;

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
                let exists = row_in(&values, subquery, wanted);
                *condition = match anti {
                    false => exists,
                    true => not(exists),
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
                let found = row_in(&values, subquery, Match::Equal);
                let perhaps = row_in(&values, subquery, Match::Perhaps);
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
}

/// The marker of EXISTS of a row of the query that equals `values`, or perhaps does.
fn row_in(values: &[Expr], query: &Query, wanted: Match) -> Expr {
    let mut args = vec![markers::text(wanted.name())];
    args.extend(values.iter().cloned());
    args.push(Expr::Exists {
        subquery: Box::new(query.clone()),
        negated: false,
    });
    markers::call(Ident::new(MARKER), args)
}

/// What a row of the query must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Match {
    Equal,
    /// Equal, or unequal in no column for certain.
    Perhaps,
}

impl Match {
    fn name(self) -> &'static str {
        match self {
            Match::Equal => "equal",
            Match::Perhaps => "perhaps",
        }
    }
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
