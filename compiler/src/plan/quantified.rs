//! `x > ANY (SELECT …)` and `x <= ALL (SELECT …)`: comparisons with all rows of a query at once.
//!
//! As in Flink, such a query becomes one row, its greatest or smallest value and how many values and
//! rows there are, which every row is joined with; `ALL` is NOT ANY of the opposite comparison. `= ANY`
//! is IN and `<> ALL` is NOT IN, which the parser makes of them. Of a query without rows a stream has
//! no aggregate: then the join gives nothing, whatever the comparison would be. A query that refers to the
//! row outside is asked by EXISTS instead, whose answer for no row is SQL's.

use std::sync::Arc;

use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{Column, DFSchema, Result, ScalarValue, internal_err, not_impl_err};
use datafusion_expr::expr::{AggregateFunction, NullTreatment, SetComparison, SetQuantifier};
use datafusion_expr::logical_plan::{self as lp, LogicalPlan};
use datafusion_expr::planner::{PlannerResult, RawBinaryExpr};
use datafusion_expr::{Expr, LogicalPlanBuilder, Operator, lit, not, when};
use datafusion_optimizer::rewrite_set_comparison::RewriteSetComparison;
use datafusion_optimizer::{OptimizerContext, OptimizerRule};
use datafusion_sql::sqlparser::ast::BinaryOperator;

use super::find::holds;
use super::functions::catalog;

/// Replaces the comparisons of a plan, and of the queries inside it, by joins with what they compare
/// with.
///
/// # Errors
/// A place that is not WHERE, HAVING or SELECT.
pub(super) fn reduce(plan: LogicalPlan) -> Result<LogicalPlan> {
    if !holds(&plan, |expr| matches!(expr, Expr::SetComparison(_)))? {
        return Ok(plan);
    }
    let mut names = 0;
    let plan = plan
        .transform_up_with_subqueries(|node| reduce_node(node, &mut names))?
        .data;
    // What refers to the row outside is asked row by row: whether there is one for which it holds.
    let context = OptimizerContext::new();
    Ok(RewriteSetComparison::new().rewrite(plan, &context)?.data)
}

fn comparisons(exprs: &[Expr]) -> Result<Vec<SetComparison>> {
    let mut found: Vec<SetComparison> = Vec::new();
    for expr in exprs {
        expr.apply(|e| {
            if let Expr::SetComparison(comparison) = e
                && comparison.subquery.outer_ref_columns.is_empty()
                && !found.contains(comparison)
            {
                found.push(comparison.clone());
            }
            Ok(datafusion_common::tree_node::TreeNodeRecursion::Continue)
        })?;
    }
    Ok(found)
}

fn reduce_node(node: LogicalPlan, names: &mut usize) -> Result<Transformed<LogicalPlan>> {
    let found = comparisons(&node.expressions())?;
    if found.is_empty() {
        return Ok(Transformed::no(node));
    }
    let mut join = |input: &Arc<LogicalPlan>| -> Result<(LogicalPlan, Vec<Expr>)> {
        let mut plan = LogicalPlanBuilder::from(input.as_ref().clone());
        let mut values = Vec::with_capacity(found.len());
        for comparison in &found {
            *names += 1;
            let extent = Extent::of(comparison, *names)?;
            values.push(extent.value(comparison, input.schema())?);
            plan = plan.cross_join(extent.row)?;
        }
        Ok((plan.build()?, values))
    };
    let replace = |expr: Expr, values: &[Expr]| -> Result<Expr> {
        Ok(expr
            .transform(|e| match &e {
                Expr::SetComparison(comparison) => {
                    let at = found.iter().position(|known| known == comparison);
                    Ok(match at {
                        Some(at) => Transformed::yes(values[at].clone()),
                        None => Transformed::no(e),
                    })
                }
                _ => Ok(Transformed::no(e)),
            })?
            .data)
    };
    let plan = match node {
        LogicalPlan::Filter(filter) => {
            let (input, values) = join(&filter.input)?;
            let columns = filter.input.schema().columns();
            LogicalPlanBuilder::from(input)
                .filter(replace(filter.predicate, &values)?)?
                .project(columns.into_iter().map(Expr::Column))?
                .build()?
        }
        LogicalPlan::Projection(projection) => {
            let (input, values) = join(&projection.input)?;
            let exprs = projection
                .expr
                .into_iter()
                .zip(projection.schema.iter())
                .map(|(expr, (qualifier, field))| {
                    Ok(match expr {
                        Expr::Column(_) => expr,
                        expr => replace(expr, &values)?
                            .unalias()
                            .alias_qualified(qualifier.cloned(), field.name()),
                    })
                })
                .collect::<Result<Vec<_>>>()?;
            LogicalPlan::Projection(lp::Projection::try_new(exprs, Arc::new(input))?)
        }
        _ => {
            return not_impl_err!(
                "a comparison with ANY or ALL of a query is supported in WHERE, HAVING and SELECT only"
            );
        }
    };
    Ok(Transformed::yes(plan))
}

/// The row that stands for all rows of a query.
struct Extent {
    row: LogicalPlan,
    /// The greatest or smallest value.
    value: Expr,
    /// How many rows there are.
    rows: Expr,
    /// How many values that are not NULL.
    values: Expr,
}

impl Extent {
    fn of(comparison: &SetComparison, number: usize) -> Result<Self> {
        let query = &comparison.subquery;
        let name = format!("__any{number}");
        let mut plan = LogicalPlanBuilder::from(query.subquery.as_ref().clone());
        let op = of_some(comparison);
        if op == Operator::NotEq {
            plan = plan.distinct()?;
        }
        let found = Expr::Column(Column::from(query.subquery.schema().qualified_field(0)));
        let extreme = match op {
            Operator::Gt | Operator::GtEq => "min",
            _ => "max",
        };
        let calls = [
            aggregate(extreme, found.clone())?,
            aggregate("count", lit(1_i64))?,
            aggregate("count", found)?,
        ];
        let none: [Expr; 0] = [];
        let aggregated = plan.aggregate(none, calls)?.build()?;
        let names = ["m", "c", "d"];
        let exprs: Vec<Expr> = aggregated
            .schema()
            .columns()
            .into_iter()
            .zip(names)
            .map(|(column, name)| Expr::Column(column).alias(name))
            .collect();
        let row = LogicalPlanBuilder::from(aggregated)
            .project(exprs)?
            .alias(name.as_str())?
            .build()?;
        let [value, rows, values] =
            names.map(|column| Expr::Column(Column::new(Some(name.as_str()), column)));
        Ok(Self {
            row,
            value,
            rows,
            values,
        })
    }

    /// The comparison, over a row and this one.
    fn value(&self, comparison: &SetComparison, schema: &DFSchema) -> Result<Expr> {
        let schema = schema.join(self.row.schema())?;
        let compare = |op: Operator| -> Result<Expr> {
            let op = match op {
                Operator::Lt => BinaryOperator::Lt,
                Operator::LtEq => BinaryOperator::LtEq,
                Operator::Gt => BinaryOperator::Gt,
                Operator::GtEq => BinaryOperator::GtEq,
                _ => BinaryOperator::NotEq,
            };
            let raw = RawBinaryExpr {
                op,
                left: comparison.expr.as_ref().clone(),
                right: self.value.clone(),
            };
            match millstream_functions::expr_planner().plan_binary_op(raw, &schema)? {
                PlannerResult::Planned(planned) => Ok(planned),
                PlannerResult::Original(_) => internal_err!("a comparison is always planned"),
            }
        };
        let unknown = || lit(ScalarValue::Boolean(None));
        let (rows, values) = (self.rows.clone(), self.values.clone());
        let empty = rows.clone().eq(lit(0_i64));
        let op = of_some(comparison);
        let some = match op {
            // Of two different values every value differs from one.
            Operator::NotEq => when(empty, lit(false))
                .when(comparison.expr.as_ref().clone().is_null(), unknown())
                .when(
                    rows.not_eq(values.clone())
                        .and(values.clone().lt_eq(lit(1_i64))),
                    compare(op)?.or(unknown()),
                )
                .when(values.eq(lit(1_i64)), compare(op)?)
                .otherwise(lit(true))?,
            op => when(empty, lit(false))
                .when(compare(op)?.is_true(), lit(true))
                .when(rows.gt(values), unknown())
                .otherwise(compare(op)?)?,
        };
        Ok(match comparison.quantifier {
            SetQuantifier::Any => some,
            SetQuantifier::All => not(some),
        })
    }
}

/// The operator of the comparison with ANY that this is, or is the opposite of.
fn of_some(comparison: &SetComparison) -> Operator {
    match comparison.quantifier {
        SetQuantifier::Any => comparison.op,
        SetQuantifier::All => comparison.op.negate().unwrap_or(comparison.op),
    }
}

fn aggregate(name: &str, argument: Expr) -> Result<Expr> {
    let Some(function) = catalog().aggregate(name) else {
        return internal_err!("there is no aggregate {name}");
    };
    let none: Option<NullTreatment> = None;
    Ok(Expr::AggregateFunction(AggregateFunction::new_udf(
        function,
        vec![argument],
        false,
        None,
        vec![],
        none,
    )))
}
