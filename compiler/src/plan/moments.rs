//! Variances and standard deviations of numbers that are no DOUBLEs.
//!
//! They are computed as those of DOUBLEs and then cast to the type that Flink gives them: the variance
//! of INTs is an INT.

use std::sync::Arc;

use datafusion_common::tree_node::Transformed;
use datafusion_common::{DFSchema, Result, internal_err};
use datafusion_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion_expr::logical_plan::{self as lp, LogicalPlan};
use datafusion_expr::{Expr, ExprSchemable, lit};
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
    // What each former call is now: itself, or one over a DOUBLE.
    let mut moments: Vec<Option<Moment>> = Vec::new();
    for call in &aggregate.aggr_expr {
        let moment = Moment::of(call, &input)?;
        let call = moment.as_ref().map_or(call, |moment| &moment.call);
        if !calls.contains(call) {
            calls.push(call.clone());
        }
        moments.push(moment);
    }
    if moments.iter().all(Option::is_none) {
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
            let moment = i.checked_sub(first).and_then(|i| moments[i].as_ref());
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

/// A call over a DOUBLE in the place of one over another number.
struct Moment {
    call: Expr,
    result: FlinkType,
}

impl Moment {
    fn of(call: &Expr, input: &DFSchema) -> Result<Option<Self>> {
        let Expr::AggregateFunction(function) = unaliased(call) else {
            return Ok(None);
        };
        use AggregateKind::{StddevPop, StddevSamp, VarPop, VarSamp};
        let is_moment = matches!(
            aggregate_kind(&function.func),
            Some(StddevPop | StddevSamp | VarPop | VarSamp)
        );
        let [argument] = function.params.args.as_slice() else {
            return Ok(None);
        };
        if !is_moment {
            return Ok(None);
        }
        let (_, given) = argument.to_field(input)?;
        if FlinkType::from_field(&given).kind == TypeKind::Double {
            return Ok(None);
        }
        let (_, result) = call.to_field(input)?;
        let double = cast(argument.clone(), &FlinkType::new(TypeKind::Double))?;
        let params = AggregateFunctionParams {
            args: vec![double],
            ..function.params.clone()
        };
        Ok(Some(Self {
            call: Expr::AggregateFunction(AggregateFunction {
                func: Arc::clone(&function.func),
                params,
            }),
            result: FlinkType::from_field(&result).with_nullable(true),
        }))
    }

    /// The result over the columns of the calls.
    fn value(&self, schema: &DFSchema) -> Result<Expr> {
        let name = self.call.schema_name().to_string();
        let (qualifier, field) = schema.qualified_field_with_unqualified_name(&name)?;
        cast(Expr::from((qualifier, field)), &self.result)
    }
}

fn cast(expr: Expr, to: &FlinkType) -> Result<Expr> {
    match catalog().scalar("__cast") {
        Some(function) => Ok(function.call(vec![expr, lit(to.kind.to_string())])),
        None => internal_err!("there is no CAST"),
    }
}
