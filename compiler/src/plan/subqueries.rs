//! Queries inside expressions become joins.
//!
//! `x IN (SELECT …)` and `EXISTS (…)` as a whole condition are semi and anti joins, a query as a value
//! is a left join; both are DataFusion's doing. Where IN or EXISTS is a value among others (under OR, in
//! CASE, in SELECT), each row is marked with it: the row of a mark join says whether there was a match.
//! IN has three answers, of which NULL is the one where only a NULL keeps it from being sure.

use std::sync::Arc;

use datafusion_common::config::ConfigOptions;
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_common::{Column, DFSchema, JoinType, Result, ScalarValue, internal_err, plan_err};
use datafusion_expr::expr::{Exists, InSubquery};
use datafusion_expr::logical_plan::{self as lp, LogicalPlan, Subquery};
use datafusion_expr::{
    BinaryExpr, Expr, ExprSchemable, LogicalPlanBuilder, Operator, lit, not, utils, when,
};
use datafusion_optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery;
use datafusion_optimizer::eliminate_cross_join::EliminateCrossJoin;
use datafusion_optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion_optimizer::scalar_subquery_to_join::ScalarSubqueryToJoin;
use datafusion_optimizer::{Optimizer, OptimizerContext, OptimizerRule};

use super::unnest::has_unnest;

/// Turns subqueries into joins and gives joins that are written as a filter over a product their condition.
///
/// Only plans that have either are touched: what DataFusion's rules would do to others (moving filters,
/// merging projections) changes nothing in the rows, but makes plans that nobody recognises.
pub(crate) fn to_joins(plan: LogicalPlan) -> Result<LogicalPlan> {
    let (mut found, mut product) = (false, false);
    plan.apply(|node| {
        product |= matches!(node, LogicalPlan::Join(join)
            if join.join_type == JoinType::Inner && join.on.is_empty() && join.filter.is_none());
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                found |= is_subquery(e) || matches!(e, Expr::ScalarSubquery(_));
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    if !found && !product {
        return Ok(plan);
    }
    refuse_many_rows(&plan)?;
    let mut options = ConfigOptions::default();
    // Every subquery that is a value becomes a join.
    options
        .optimizer
        .enable_physical_uncorrelated_scalar_subquery = false;
    let context = OptimizerContext::new_with_config_options(Arc::new(options))
        .with_max_passes(1)
        .with_skip_failing_rules(false);
    let plan = plan
        .transform_up_with_subqueries(|node| mark_values(node, &context))?
        .data;
    let mut rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> = vec![
        Arc::new(DecorrelatePredicateSubquery::new()),
        Arc::new(ScalarSubqueryToJoin::new()),
    ];
    // An UNNEST reads the tables before it, so they must stay before it.
    // Joins that have their condition stay as they are written, as in Flink.
    if product && !has_unnest(&plan)? {
        rules.push(Arc::new(ExtractEquijoinPredicate::new()));
        rules.push(Arc::new(EliminateCrossJoin::new()));
    }
    Optimizer::with_rules(rules).optimize(plan, &context, |_, _| {})
}

fn is_subquery(expr: &Expr) -> bool {
    matches!(expr, Expr::Exists(_) | Expr::InSubquery(_))
}

fn has_subquery(expr: &Expr) -> Result<bool> {
    expr.exists(|e| Ok(is_subquery(e)))
}

/// Replaces IN and EXISTS that are values by the marks of joins.
fn mark_values(node: LogicalPlan, context: &OptimizerContext) -> Result<Transformed<LogicalPlan>> {
    match node {
        LogicalPlan::Projection(projection) => {
            let mut values = Vec::new();
            for expr in &projection.expr {
                if has_subquery(expr)? {
                    values.push(in_as_exists(
                        expr.clone(),
                        projection.input.schema(),
                        false,
                    )?);
                }
            }
            if values.is_empty() {
                return Ok(Transformed::no(LogicalPlan::Projection(projection)));
            }
            let (input, marked) = mark(projection.input.as_ref().clone(), values, context)?;
            let mut marked = marked.into_iter();
            let exprs = projection
                .expr
                .iter()
                .zip(projection.schema.iter())
                .map(|(expr, (qualifier, field))| match has_subquery(expr)? {
                    false => Ok(expr.clone()),
                    true => {
                        let value = marked.next().unwrap_or_else(|| expr.clone());
                        Ok(value
                            .unalias()
                            .alias_qualified(qualifier.cloned(), field.name()))
                    }
                })
                .collect::<Result<Vec<_>>>()?;
            let projection = lp::Projection::try_new(exprs, Arc::new(input))?;
            Ok(Transformed::yes(LogicalPlan::Projection(projection)))
        }
        LogicalPlan::Filter(filter) => {
            let schema = Arc::clone(filter.input.schema());
            let mut values = Vec::new();
            // Each condition, or the value in it that is to be marked.
            let mut conditions: Vec<Result<Expr, Option<InSubquery>>> = Vec::new();
            for condition in utils::split_conjunction_owned(filter.predicate.clone()) {
                match condition {
                    condition if !has_subquery(&condition)? => conditions.push(Ok(condition)),
                    Expr::InSubquery(of) if has_subquery(&of.expr)? => {
                        values.push(in_as_exists(of.expr.as_ref().clone(), &schema, false)?);
                        conditions.push(Err(Some(of)));
                    }
                    condition if is_subquery(&condition) => conditions.push(Ok(condition)),
                    Expr::Not(inner) if is_subquery(&inner) => {
                        conditions.push(Ok(Expr::Not(inner)));
                    }
                    condition => {
                        values.push(in_as_exists(condition, &schema, true)?);
                        conditions.push(Err(None));
                    }
                }
            }
            if values.is_empty() {
                return Ok(Transformed::no(LogicalPlan::Filter(filter)));
            }
            let (input, marked) = mark(filter.input.as_ref().clone(), values, context)?;
            let mut marked = marked.into_iter();
            let mut value = || match marked.next() {
                Some(value) => Ok(value),
                None => internal_err!("a condition has lost its mark"),
            };
            let conditions = conditions
                .into_iter()
                .map(|condition| match condition {
                    Ok(condition) => Ok(condition),
                    Err(None) => value(),
                    Err(Some(of)) => Ok(Expr::InSubquery(InSubquery {
                        expr: Box::new(value()?),
                        ..of
                    })),
                })
                .collect::<Result<Vec<_>>>()?;
            let columns = schema.columns().into_iter().map(Expr::Column);
            let plan = LogicalPlanBuilder::from(input)
                .filter(utils::conjunction(conditions).unwrap_or_else(|| lit(true)))?
                .project(columns)?
                .build()?;
            Ok(Transformed::yes(plan))
        }
        node => Ok(Transformed::no(node)),
    }
}

/// `input` with a mark for each EXISTS in `values`, and the values over it.
///
/// DataFusion makes marks for what stands in a filter, so a filter that lets all pass carries them.
fn mark(
    input: LogicalPlan,
    values: Vec<Expr>,
    context: &OptimizerContext,
) -> Result<(LogicalPlan, Vec<Expr>)> {
    let carried = values
        .into_iter()
        .map(|value| value.unalias().is_null().or(lit(true)));
    let carried = utils::conjunction(carried).unwrap_or_else(|| lit(true));
    let filter = LogicalPlan::Filter(lp::Filter::try_new(carried, Arc::new(input))?);
    let mut plan = DecorrelatePredicateSubquery::new()
        .rewrite(filter, context)?
        .data;
    if let LogicalPlan::Projection(projection) = plan {
        plan = Arc::unwrap_or_clone(projection.input);
    }
    let LogicalPlan::Filter(filter) = plan else {
        return internal_err!("a subquery has lost its filter");
    };
    let marked = utils::split_conjunction_owned(filter.predicate)
        .into_iter()
        .map(|carried| match carried {
            Expr::BinaryExpr(BinaryExpr { left, .. }) => match *left {
                Expr::IsNull(value) => Ok(*value),
                other => internal_err!("{other} is no mark"),
            },
            other => internal_err!("{other} carries no mark"),
        })
        .collect::<Result<Vec<_>>>()?;
    Ok((Arc::unwrap_or_clone(filter.input), marked))
}

/// The expression with EXISTS in the place of IN. With `only_true` it does not matter whether the
/// whole is FALSE or NULL.
fn in_as_exists(expr: Expr, schema: &DFSchema, only_true: bool) -> Result<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: op @ (Operator::And | Operator::Or),
            right,
        }) if only_true => Ok(Expr::BinaryExpr(BinaryExpr {
            left: Box::new(in_as_exists(*left, schema, true)?),
            op,
            right: Box::new(in_as_exists(*right, schema, true)?),
        })),
        Expr::InSubquery(of) if only_true && !of.negated => matches(&of, schema, Match::Equal),
        expr => Ok(expr
            .transform(|e| match e {
                Expr::InSubquery(of) => Ok(Transformed::yes(three_valued(&of, schema)?)),
                e => Ok(Transformed::no(e)),
            })?
            .data),
    }
}

/// `x IN (…)` as TRUE, FALSE or NULL.
fn three_valued(of: &InSubquery, schema: &DFSchema) -> Result<Expr> {
    let (_, found) = of.subquery.subquery.schema().qualified_field(0);
    let unsure = found.is_nullable() || of.expr.nullable(schema)?;
    let equal = matches(of, schema, Match::Equal)?;
    let value = match unsure {
        false => equal,
        true => when(equal, lit(true))
            .when(
                matches(of, schema, Match::Unknown)?,
                lit(ScalarValue::Boolean(None)),
            )
            .otherwise(lit(false))?,
    };
    Ok(if of.negated { not(value) } else { value })
}

/// What a row of the subquery must be for EXISTS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Match {
    Equal,
    /// Perhaps equal: one of the two is NULL.
    Unknown,
}

fn matches(of: &InSubquery, schema: &DFSchema, wanted: Match) -> Result<Expr> {
    let found = Expr::Column(Column::from(
        of.subquery.subquery.schema().qualified_field(0),
    ));
    exists(&of.subquery, [of.expr.as_ref()], schema, |values| {
        let compared = values.into_iter().map(|value| match wanted {
            Match::Equal => value.eq(found.clone()),
            Match::Unknown => found.clone().is_null().or(value.is_null()),
        });
        Ok(utils::conjunction(compared).unwrap_or_else(|| lit(true)))
    })
}

/// `EXISTS` of a row of the query for which `condition` holds, which is given `values` of the row outside,
/// of `schema`, as the query refers to them.
pub(super) fn exists<'a>(
    query: &Subquery,
    values: impl IntoIterator<Item = &'a Expr>,
    schema: &DFSchema,
    condition: impl FnOnce(Vec<Expr>) -> Result<Expr>,
) -> Result<Expr> {
    let mut outer = query.outer_ref_columns.clone();
    let values = values.into_iter().map(|value| {
        let referred = value.clone().transform(|e| match e {
            Expr::Column(column) => {
                let at = schema.index_of_column(&column)?;
                let field = Arc::clone(&schema.fields()[at]);
                let reference = Expr::OuterReferenceColumn(field, column);
                if !outer.contains(&reference) {
                    outer.push(reference.clone());
                }
                Ok(Transformed::yes(reference))
            }
            e => Ok(Transformed::no(e)),
        })?;
        Ok(referred.data)
    });
    let values = values.collect::<Result<Vec<_>>>()?;
    let subquery = LogicalPlanBuilder::from(query.subquery.as_ref().clone())
        .filter(condition(values)?)?
        .build()?;
    Ok(Expr::Exists(Exists {
        subquery: Subquery {
            subquery: Arc::new(subquery),
            outer_ref_columns: outer,
            spans: query.spans.clone(),
        },
        negated: false,
    }))
}

/// Refuses a query as a value that may give several rows: as a join it would multiply rows, where
/// Flink fails the job.
fn refuse_many_rows(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                if let Expr::ScalarSubquery(subquery) = e
                    && subquery.outer_ref_columns.is_empty()
                    && subquery.subquery.max_rows().is_none_or(|most| most > 1)
                {
                    return plan_err!(
                        "a query as a value must give one row; aggregate it, as in (SELECT MAX(x) FROM …), \
                         or write LIMIT 1"
                    );
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(())
}
