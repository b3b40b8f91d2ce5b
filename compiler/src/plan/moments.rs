//! Variances and standard deviations.
//!
//! Those of GROUP BY are computed of DOUBLEs and then cast to the type that Flink gives them: the variance
//! of INTs is an INT. Those of OVER are computed from sums of the values and of their squares, all in the
//! arithmetic of the values' type, as Flink plans them: of INTs in whole numbers.

use std::sync::Arc;

use datafusion_common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion_common::{DFSchema, Result, ScalarValue, internal_err, plan_err};
use datafusion_expr::expr::{AggregateFunction, AggregateFunctionParams, WindowFunction};
use datafusion_expr::logical_plan::{self as lp, LogicalPlan};
use datafusion_expr::{Expr, ExprSchemable, Operator, WindowFunctionDefinition, lit, when};
use millstream_functions::aggregate::{AggregateKind, aggregate_kind};
use millstream_functions::plan_arithmetic;
use millstream_functions::types::{FlinkType, TypeKind};

use super::functions::catalog;
use super::translate::{over_kind, unaliased};

/// Rewrites the aggregates of a plan.
pub(crate) fn reduce(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut calls = false;
    plan.apply_with_subqueries(|node| match node {
        LogicalPlan::Window(window) if matches!(*window.input, LogicalPlan::Window(_)) => {
            plan_err!(
                "the OVER aggregates of one SELECT must share one window, as in Flink; \
             compute each window in a view of its own"
            )
        }
        _ => {
            calls |= matches!(node, LogicalPlan::Aggregate(_) | LogicalPlan::Window(_));
            Ok(TreeNodeRecursion::Continue)
        }
    })?;
    if !calls {
        return Ok(plan);
    }
    let reduced = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Aggregate(aggregate) => reduce_aggregate(aggregate),
        LogicalPlan::Window(window) => reduce_window(window),
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
        let is_moment = aggregate_kind(&function.func).is_some_and(is_moment);
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

fn is_moment(kind: AggregateKind) -> bool {
    use AggregateKind::{StddevPop, StddevSamp, VarPop, VarSamp};
    matches!(kind, StddevPop | StddevSamp | VarPop | VarSamp)
}

fn reduce_window(window: lp::Window) -> Result<Transformed<LogicalPlan>> {
    let input = Arc::clone(window.input.schema());
    let mut calls: Vec<Expr> = Vec::new();
    let mut add = |call: Expr| {
        if !calls.contains(&call) {
            calls.push(call);
        }
    };
    let mut sums: Vec<Option<Sums>> = Vec::new();
    for call in &window.window_expr {
        let reduced = Sums::of(call, &input)?;
        match &reduced {
            Some(sums) => sums.calls().into_iter().for_each(&mut add),
            None => add(call.clone()),
        }
        sums.push(reduced);
    }
    if sums.iter().all(Option::is_none) {
        return Ok(Transformed::no(LogicalPlan::Window(window)));
    }
    let width = input.fields().len();
    let reduced = lp::Window::try_new(calls, Arc::clone(&window.input))?;
    let schema = Arc::clone(&reduced.schema);
    let exprs = window
        .schema
        .iter()
        .enumerate()
        .map(|(i, (qualifier, field))| {
            let sums = i.checked_sub(width).and_then(|i| sums[i].as_ref());
            match sums {
                Some(sums) => Ok(sums.value(&schema)?.alias(field.name())),
                None => Ok(Expr::from((qualifier, field))),
            }
        })
        .collect::<Result<Vec<_>>>()?;
    let reduced = Arc::new(LogicalPlan::Window(reduced));
    let projection = lp::Projection::try_new(exprs, reduced)?;
    Ok(Transformed::yes(LogicalPlan::Projection(projection)))
}

/// What an OVER call is computed from.
struct Sums {
    squares: Expr,
    values: Expr,
    count: Expr,
    kind: AggregateKind,
    result: FlinkType,
}

impl Sums {
    fn of(call: &Expr, input: &DFSchema) -> Result<Option<Self>> {
        let Expr::WindowFunction(function) = unaliased(call) else {
            return Ok(None);
        };
        let Some(kind) = over_kind(&function.fun).filter(|kind| is_moment(*kind)) else {
            return Ok(None);
        };
        let [value] = function.params.args.as_slice() else {
            return Ok(None);
        };
        let (_, given) = value.to_field(input)?;
        let result = FlinkType::from_field(&call.to_field(input)?.1).with_nullable(true);
        let value = match FlinkType::from_field(&given).kind == result.kind {
            true => value.clone(),
            false => cast(value.clone(), &result)?,
        };
        let square = plan_arithmetic(Operator::Multiply, value.clone(), value.clone(), input)?;
        let over = |name: &str, argument: Expr| -> Result<Expr> {
            let Some(aggregate) = catalog().aggregate(name) else {
                return internal_err!("there is no {name}");
            };
            let mut params = function.params.clone();
            params.args = vec![argument];
            Ok(Expr::WindowFunction(Box::new(WindowFunction {
                fun: WindowFunctionDefinition::AggregateUDF(aggregate),
                params,
            })))
        };
        Ok(Some(Self {
            squares: over("sum", square)?,
            values: over("sum", value.clone())?,
            count: over("count", value)?,
            kind,
            result,
        }))
    }

    fn calls(&self) -> [Expr; 3] {
        [&self.squares, &self.values, &self.count].map(Expr::clone)
    }

    /// The result over the columns of the calls.
    fn value(&self, schema: &DFSchema) -> Result<Expr> {
        let column = |call: &Expr| -> Result<Expr> {
            let name = call.schema_name().to_string();
            let (qualifier, field) = schema.qualified_field_with_unqualified_name(&name)?;
            Ok(Expr::from((qualifier, field)))
        };
        let compute = |op, left: Expr, right: Expr| plan_arithmetic(op, left, right, schema);
        let [squares, values, count] = [&self.squares, &self.values, &self.count].map(column);
        let (squares, values, count) = (squares?, values?, count?);
        let whole = compute(Operator::Multiply, values.clone(), values)?;
        let typed_count = cast(count.clone(), &self.result)?;
        let mean = compute(Operator::Divide, whole, typed_count.clone())?;
        let distances = compute(Operator::Minus, squares, mean)?;
        let sample = matches!(
            self.kind,
            AggregateKind::StddevSamp | AggregateKind::VarSamp
        );
        let divisor = match sample {
            true => {
                let less = compute(Operator::Minus, count.clone(), lit(1i64))?;
                let none = Expr::Literal(ScalarValue::Int64(None), None);
                when(count.eq(lit(1i64)), none).otherwise(less)?
            }
            false => typed_count,
        };
        let variance = compute(Operator::Divide, distances, divisor)?;
        let root = matches!(
            self.kind,
            AggregateKind::StddevPop | AggregateKind::StddevSamp
        );
        let result = match (root, catalog().scalar("power")) {
            (false, _) => variance,
            (true, Some(power)) => power.call(vec![variance, lit(0.5)]),
            (true, None) => return internal_err!("there is no POWER"),
        };
        cast(result, &self.result)
    }
}

fn cast(expr: Expr, to: &FlinkType) -> Result<Expr> {
    match catalog().scalar("__cast") {
        Some(function) => Ok(function.call(vec![expr, lit(to.kind.to_string())])),
        None => internal_err!("there is no CAST"),
    }
}
