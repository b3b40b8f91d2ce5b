//! Variances and standard deviations of numbers that are no DOUBLEs.
//!
//! Flink computes them by sums, in the arithmetic of the argument's type: the variance of INTs is
//! an INT, its divisions truncate. A DOUBLE's are an aggregate of their own, of which the same sums
//! are the state.

use std::sync::Arc;

use datafusion_common::tree_node::Transformed;
use datafusion_common::{DFSchema, Result, ScalarValue, internal_err};
use datafusion_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion_expr::logical_plan::{self as lp, LogicalPlan};
use datafusion_expr::planner::{PlannerResult, RawBinaryExpr};
use datafusion_expr::{Expr, ExprSchemable, lit, when};
use datafusion_sql::sqlparser::ast::BinaryOperator;
use millstream_functions::aggregate::{AggregateKind, aggregate_kind};
use millstream_functions::types::{FlinkType, TypeKind};

use super::functions::catalog;
use super::translate::unaliased;

/// Rewrites the aggregates of a plan.
pub(crate) fn reduce(plan: LogicalPlan) -> Result<LogicalPlan> {
    let reduced = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Aggregate(aggregate) => reduce_aggregate(aggregate),
        node => Ok(Transformed::no(node)),
    })?;
    Ok(reduced.data)
}

fn reduce_aggregate(aggregate: lp::Aggregate) -> Result<Transformed<LogicalPlan>> {
    let input = Arc::clone(aggregate.input.schema());
    let mut calls: Vec<Expr> = Vec::new();
    // What each former call is now: itself, or sums by which it is computed.
    let mut sums: Vec<Option<Moment>> = Vec::new();
    for call in &aggregate.aggr_expr {
        let moment = Moment::of(call, &input)?;
        match &moment {
            Some(moment) => {
                for sum in [&moment.squares, &moment.sum, &moment.count] {
                    if !calls.contains(sum) {
                        calls.push(sum.clone());
                    }
                }
            }
            None => calls.push(call.clone()),
        }
        sums.push(moment);
    }
    if sums.iter().all(Option::is_none) {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    }
    let first = aggregate.schema.fields().len() - aggregate.aggr_expr.len();
    let reduced = lp::Aggregate::try_new(
        Arc::clone(&aggregate.input),
        aggregate.group_expr.clone(),
        calls,
    )?;
    let schema = Arc::clone(&reduced.schema);
    let exprs = aggregate
        .schema
        .iter()
        .enumerate()
        .map(|(i, (qualifier, field))| {
            let moment = i.checked_sub(first).and_then(|i| sums[i].as_ref());
            match moment {
                Some(moment) => Ok(moment.value(&schema)?.alias(field.name())),
                None => Ok(Expr::from((qualifier, field))),
            }
        })
        .collect::<Result<Vec<_>>>()?;
    let reduced = Arc::new(LogicalPlan::Aggregate(reduced));
    let projection = lp::Projection::try_new(exprs, reduced)?;
    Ok(Transformed::yes(LogicalPlan::Projection(projection)))
}

/// A variance or deviation by its sums.
struct Moment {
    squares: Expr,
    sum: Expr,
    count: Expr,
    sample: bool,
    root: bool,
    result: FlinkType,
}

impl Moment {
    fn of(call: &Expr, input: &DFSchema) -> Result<Option<Self>> {
        let Expr::AggregateFunction(function) = unaliased(call) else {
            return Ok(None);
        };
        let (sample, root) = match aggregate_kind(&function.func) {
            Some(AggregateKind::VarPop) => (false, false),
            Some(AggregateKind::VarSamp) => (true, false),
            Some(AggregateKind::StddevPop) => (false, true),
            Some(AggregateKind::StddevSamp) => (true, true),
            _ => return Ok(None),
        };
        let [argument] = function.params.args.as_slice() else {
            return Ok(None);
        };
        let (_, argument_field) = argument.to_field(input)?;
        let (_, result) = call.to_field(input)?;
        let result = FlinkType::from_field(&result).with_nullable(true);
        let given = FlinkType::from_field(&argument_field);
        if given.kind == TypeKind::Double {
            return Ok(None);
        }
        let argument = match given.kind == result.kind {
            true => argument.clone(),
            false => cast(argument.clone(), &result)?,
        };
        let params = |arg: Expr| AggregateFunctionParams {
            args: vec![arg],
            ..function.params.clone()
        };
        let aggregate = |name: &str, arg: Expr| match catalog().aggregate(name) {
            Some(func) => Ok(Expr::AggregateFunction(AggregateFunction {
                func,
                params: params(arg),
            })),
            None => internal_err!("there is no {name}"),
        };
        let square = arithmetic(BinaryOperator::Multiply, &argument, &argument, input)?;
        Ok(Some(Self {
            squares: aggregate("sum", square)?,
            sum: aggregate("sum", argument.clone())?,
            count: aggregate("count", argument)?,
            sample,
            root,
            result,
        }))
    }

    /// The result over the columns of the sums.
    fn value(&self, schema: &DFSchema) -> Result<Expr> {
        let column = |sum: &Expr| -> Result<Expr> {
            let name = sum.schema_name().to_string();
            let (qualifier, field) = schema.qualified_field_with_unqualified_name(&name)?;
            Ok(Expr::from((qualifier, field)))
        };
        let (squares, sum, count) = (
            column(&self.squares)?,
            column(&self.sum)?,
            column(&self.count)?,
        );
        use BinaryOperator::{Divide, Minus, Multiply};
        let of_sum = arithmetic(Multiply, &sum, &sum, schema)?;
        let mean = arithmetic(Divide, &of_sum, &count, schema)?;
        let rest = arithmetic(Minus, &squares, &mean, schema)?;
        let divisor = match self.sample {
            true => {
                let one = lit(1i64);
                let less = arithmetic(Minus, &count, &one, schema)?;
                when(count.eq(one), lit(ScalarValue::Int64(None))).otherwise(less)?
            }
            false => count,
        };
        let variance = arithmetic(Divide, &rest, &divisor, schema)?;
        let value = match (self.root, catalog().scalar("power")) {
            (true, Some(power)) => {
                let double = FlinkType::new(TypeKind::Double);
                power.call(vec![cast(variance, &double)?, lit(0.5f64)])
            }
            (true, None) => return internal_err!("there is no POWER"),
            (false, _) => variance,
        };
        cast(value, &self.result)
    }
}

fn cast(expr: Expr, to: &FlinkType) -> Result<Expr> {
    match catalog().scalar("__cast") {
        Some(function) => Ok(function.call(vec![expr, lit(to.kind.to_string())])),
        None => internal_err!("there is no CAST"),
    }
}

/// What an operator means in Flink SQL.
fn arithmetic(op: BinaryOperator, left: &Expr, right: &Expr, schema: &DFSchema) -> Result<Expr> {
    let raw = RawBinaryExpr {
        op,
        left: left.clone(),
        right: right.clone(),
    };
    match millstream_functions::expr_planner().plan_binary_op(raw, schema)? {
        PlannerResult::Planned(expr) => Ok(expr),
        PlannerResult::Original(raw) => {
            internal_err!("{} is no operator on numbers", raw.op)
        }
    }
}
