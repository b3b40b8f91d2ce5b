//! Aggregation without a window, DISTINCT and grouping sets.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Field, Float64Type};
use datafusion_common::{DFSchema, Result, ScalarValue, internal_err, not_impl_err, plan_err};
use datafusion_expr::expr::NullTreatment;
use datafusion_expr::logical_plan as lp;
use datafusion_expr::{Expr, GroupingSet, cast, lit, utils};
use millstream_functions::aggregate::{AggregateKind, aggregate_kind};
use millstream_functions::types::{FlinkType, TypeKind};

use super::functions::catalog;
use super::stream::{
    AggregateCall, ChangelogMode, PlanColumn, StreamOp, column, columns_of, substitute,
};
use super::translate::{Translator, is_any_row, unaliased};

impl Translator<'_> {
    /// A call of an aggregate function; `place` gives the position of a column that holds an expression.
    pub(super) fn aggregate_call(
        &self,
        expr: &Expr,
        output: &Field,
        schema: &DFSchema,
        columns: &[PlanColumn],
        place: &mut dyn FnMut(Expr) -> Result<usize>,
    ) -> Result<AggregateCall> {
        let Expr::AggregateFunction(function) = unaliased(expr) else {
            return not_impl_err!("{expr} is not supported");
        };
        let Some(kind) = aggregate_kind(&function.func) else {
            return not_impl_err!("{} is not supported yet", function.func.name());
        };
        let name = kind.shown();
        if matches!(kind, AggregateKind::Lag | AggregateKind::RowNumber) {
            return plan_err!("{name} needs an OVER clause");
        }
        if kind == AggregateKind::ApproxCountDistinct {
            return plan_err!("{name} is not for streams, as in Flink; write COUNT(DISTINCT …)");
        }
        let params = &function.params;
        // These take an order, and rows as they come all the same, as in Flink.
        let accepts = matches!(kind, AggregateKind::ArrayAgg | AggregateKind::JsonArrayAgg);
        if !params.order_by.is_empty() && !accepts {
            return plan_err!(
                "{name} takes rows as they come, as in Flink: ORDER BY in it is not supported"
            );
        }
        let (read, constants) = arguments(kind, &params.args)?;
        let args = read
            .iter()
            .map(|e| place(self.expression(e, schema, columns)?))
            .collect::<Result<Vec<_>>>()?;
        let mut constants = self.constants(kind, &constants, schema, columns)?;
        constants.extend(null_treatment(kind, params.null_treatment)?);
        let filter = match &params.filter {
            Some(e) => Some(place(self.expression(e, schema, columns)?)?),
            None => None,
        };
        Ok(AggregateCall {
            kind,
            args,
            constants,
            distinct: params.distinct,
            filter,
            output: PlanColumn::new(output.name(), output),
        })
    }

    /// The constant arguments of a call.
    pub(super) fn constants(
        &self,
        kind: AggregateKind,
        constants: &[&Expr],
        schema: &DFSchema,
        columns: &[PlanColumn],
    ) -> Result<Vec<ScalarValue>> {
        let name = kind.shown();
        let constants = constants
            .iter()
            .map(|e| match self.expression(e, schema, columns)? {
                Expr::Literal(value, _) => Ok(value),
                other => plan_err!("{name} takes constants behind its first argument, not {other}"),
            })
            .collect::<Result<Vec<_>>>()?;
        match (kind, constants.as_slice()) {
            (AggregateKind::Percentile, [percentages]) => Ok(vec![percentage(percentages)?]),
            _ => Ok(constants),
        }
    }

    /// `GROUP BY` without a window: the results of a key change with every row of it.
    pub(super) fn group_aggregate(
        &mut self,
        input: usize,
        aggregate: &lp::Aggregate,
    ) -> Result<usize> {
        let keys: Vec<&Expr> = aggregate.group_expr.iter().collect();
        let mut builder = Inputs::default();
        let (schema, columns) = (
            aggregate.input.schema(),
            self.graph.nodes()[input].columns.clone(),
        );
        let key_positions = keys
            .iter()
            .enumerate()
            .map(|(i, e)| {
                let name = aggregate.schema.field(i).name();
                builder.place(self.expression(e, schema, &columns)?, &columns, Some(name))
            })
            .collect::<Result<Vec<_>>>()?;
        let first_call = keys.len();
        let calls = self.calls(aggregate, first_call, schema, &columns, &mut builder)?;
        let calc = self.calc(input, builder.exprs, None, builder.columns)?;
        let index = self.push_group(calc, key_positions, calls);
        let kept = self.ttl.for_input(&aggregate.input);
        self.update(index, |node| node.state_ttl = [kept, None]);
        Ok(index)
    }

    fn calls(
        &self,
        aggregate: &lp::Aggregate,
        first: usize,
        schema: &DFSchema,
        columns: &[PlanColumn],
        builder: &mut Inputs,
    ) -> Result<Vec<AggregateCall>> {
        aggregate
            .aggr_expr
            .iter()
            .enumerate()
            .map(|(i, e)| {
                let field = aggregate.schema.field(first + i);
                self.aggregate_call(e, field, schema, columns, &mut |e| {
                    builder.place(e, columns, None)
                })
            })
            .collect()
    }

    fn push_group(&mut self, input: usize, keys: Vec<usize>, calls: Vec<AggregateCall>) -> usize {
        let from = &self.graph.nodes()[input];
        // A key is a value like any other: it is no time attribute any more.
        let mut outputs: Vec<PlanColumn> = keys
            .iter()
            .map(|&k| PlanColumn {
                time: None,
                ..from.columns[k].clone()
            })
            .collect();
        let append = from.changelog == ChangelogMode::Append;
        let distinct = calls.is_empty();
        outputs.extend(calls.iter().map(|call| call.output.clone()));
        let key_count = keys.len();
        let index = self.push(
            StreamOp::GroupAggregate { keys, calls },
            vec![input],
            outputs,
        );
        self.update(index, |node| {
            node.upsert_key = Some((0..key_count).collect());
            node.window = None;
            node.changelog = match append && distinct {
                true => ChangelogMode::Append,
                false => ChangelogMode::Retract,
            };
        });
        index
    }

    /// Each different row once.
    pub(super) fn distinct(&mut self, input: usize) -> usize {
        let keys = (0..self.graph.nodes()[input].columns.len()).collect();
        self.push_group(input, keys, vec![])
    }

    /// `GROUPING SETS`, `CUBE` and `ROLLUP`: each row is aggregated once a set.
    pub(super) fn grouping_sets(
        &mut self,
        input: usize,
        aggregate: &lp::Aggregate,
    ) -> Result<usize> {
        let all: Vec<Expr> = utils::grouping_set_to_exprlist(&aggregate.group_expr)?
            .into_iter()
            .cloned()
            .collect();
        let sets = match aggregate.group_expr.as_slice() {
            [Expr::GroupingSet(set)] => sets_of(set)?,
            _ => return not_impl_err!("this use of grouping sets is not supported yet"),
        };
        let (schema, columns) = (
            aggregate.input.schema(),
            self.graph.nodes()[input].columns.clone(),
        );
        let positional = all
            .iter()
            .map(|e| self.expression(e, schema, &columns))
            .collect::<Result<Vec<_>>>()?;
        let window = self.window_of_sets(input, &positional, &sets, &all)?;
        let mut builder = Inputs::default();
        let (mut from, mut condition, mut proctime) = (input, None, None);
        // Windows of processing time are given by the aggregation itself: the sets go below the function.
        if window.is_some()
            && self.graph.nodes()[input]
                .window
                .as_ref()
                .is_some_and(|window| window.processing)
        {
            let (tvf, through, filter) = self.peel_to_window(input)?;
            let StreamOp::WindowTvf {
                window, rowtime, ..
            } = &self.graph.nodes()[tvf].op
            else {
                return not_impl_err!("this use of window columns is not supported yet");
            };
            (proctime, condition) = (Some((*window, *rowtime)), filter);
            from = self.graph.nodes()[tvf].inputs[0];
            builder.through = Some((through, self.graph.nodes()[from].columns.clone()));
        }
        // The keys have columns of their own, since the sets empty them and aggregates may read the same values.
        for (i, expr) in positional.into_iter().enumerate() {
            let name = aggregate.schema.field(i).name();
            match (window, proctime) {
                // In the place of the window there is the time that it goes by.
                (Some((start, end)), Some((_, rowtime))) if i == start || i == end => {
                    builder.push_time(rowtime);
                }
                _ => {
                    builder.push(expr, &columns, Some(name))?;
                }
            }
        }
        builder.fixed = all.len();
        // Behind the keys stands DataFusion's id of the grouping set.
        let calls = self.calls(aggregate, all.len() + 1, schema, &columns, &mut builder)?;
        let calc = self.calc(from, builder.exprs, condition, builder.columns)?;
        let sets = numbered(&sets, &all);
        let mut expanded = self.graph.nodes()[calc].columns.clone();
        for (i, output) in expanded[..all.len()].iter_mut().enumerate() {
            let of_window = window.is_some_and(|(start, end)| i == start || i == end);
            if proctime.is_some() && of_window {
                continue;
            }
            output.field = std::sync::Arc::new(output.field.as_ref().clone().with_nullable(true));
            output.time = None;
        }
        let id_at = expanded.len();
        let bigint = FlinkType::new(TypeKind::BigInt).not_null();
        expanded.push(PlanColumn::new("$e", &bigint.to_field("$e")));
        let expand = self.push(StreamOp::Expand { sets }, vec![calc], expanded);
        self.update(expand, |node| {
            node.upsert_key = None;
            node.window = None;
        });
        let keys: Vec<usize> = (0..all.len()).chain([id_at]).collect();
        let key_count = keys.len();
        let index = match window {
            Some(window) => {
                let processing = proctime.map(|(window, _)| window);
                self.push_attached(expand, keys, calls, window, processing)?
            }
            None => self.push_group(expand, keys, calls),
        };
        let outputs = self.graph.nodes()[index].columns.clone();
        let id_field = aggregate.schema.field(all.len());
        let exprs: Vec<Expr> = (0..outputs.len())
            .map(|i| match i + 1 == key_count {
                true => cast(column(i), id_field.data_type().clone()),
                false => column(i),
            })
            .collect();
        let renamed = outputs
            .iter()
            .zip(aggregate.schema.fields())
            .enumerate()
            .map(|(i, (output, field))| match i + 1 == key_count {
                true => PlanColumn::new(field.name(), field),
                false => output.renamed(field.name()),
            })
            .collect();
        self.calc(index, exprs, None, renamed)
    }
}

/// The grouping sets: for each its id, and the places of the keys that it lacks.
fn numbered(sets: &[Vec<Expr>], all: &[Expr]) -> Vec<(i64, Vec<usize>)> {
    sets.iter()
        .map(|set| {
            let lacking: Vec<usize> = (0..all.len()).filter(|&i| !set.contains(&all[i])).collect();
            let id = lacking
                .iter()
                .fold(0i64, |id, &i| id | 1 << (all.len() - 1 - i));
            (id, lacking)
        })
        .collect()
}

/// The percentages of PERCENTILE as a DOUBLE or a list of DOUBLEs.
fn percentage(value: &ScalarValue) -> Result<ScalarValue> {
    let item = Arc::new(Field::new("item", DataType::Float64, true));
    let parts = match value {
        ScalarValue::List(_) => value.cast_to(&DataType::List(item))?,
        other => other.cast_to(&DataType::Float64)?,
    };
    let within = |part: Option<f64>| part.is_some_and(|part| (0.0..=1.0).contains(&part));
    let fits = match &parts {
        ScalarValue::Float64(part) => within(*part),
        ScalarValue::List(list) if !list.is_null(0) => list
            .value(0)
            .as_primitive::<Float64Type>()
            .iter()
            .all(within),
        _ => false,
    };
    if !fits {
        return plan_err!("PERCENTILE takes percentages from 0 to 1, not {value}");
    }
    Ok(parts)
}

/// Which arguments of a call are read from columns, and which are constants.
///
/// `COUNT` of what is never NULL counts rows and reads nothing. The JSON aggregates read values as JSON,
/// PERCENTILE numbers as DOUBLE and frequencies as BIGINT.
pub(super) fn arguments(kind: AggregateKind, args: &[Expr]) -> Result<(Vec<Expr>, Vec<&Expr>)> {
    let call = |name: &str, args: Vec<Expr>| match catalog().scalar(name) {
        Some(function) => Ok(function.call(args)),
        None => internal_err!("there is no function {name}"),
    };
    let cast = |e: &Expr, to: &str| call("__cast", vec![e.clone(), lit(to)]);
    // JSON that is made directly in the argument is embedded, JSON of a column is text.
    let json = |value: &Expr| {
        let made = matches!(value, Expr::ScalarFunction(f)
            if ["__json_object", "__json_array"].contains(&f.func.name()));
        let value = match made {
            true => call("__json_raw", vec![value.clone()])?,
            false => value.clone(),
        };
        call("json_string", vec![value])
    };
    match (kind, args) {
        (AggregateKind::JsonArrayAgg, [on_null, value]) => {
            return Ok((vec![json(value)?], vec![on_null]));
        }
        (AggregateKind::JsonObjectAgg, [on_null, key, value]) => {
            return Ok((vec![key.clone(), json(value)?], vec![on_null]));
        }
        (AggregateKind::Percentile, [value, percentage, frequency @ ..]) => {
            let mut read = vec![cast(value, "DOUBLE")?];
            for frequency in frequency {
                read.push(cast(frequency, "BIGINT")?);
            }
            return Ok((read, vec![percentage]));
        }
        _ => {}
    }
    if kind == AggregateKind::Count {
        if args.len() > 1 {
            return plan_err!("COUNT takes one column, as in Flink; count a ROW of them");
        }
        let read = args.iter().filter(|e| !is_any_row(e)).cloned();
        return Ok((read.collect(), vec![]));
    }
    let columns = 1.min(args.len());
    Ok((args[..columns].to_vec(), args[columns..].iter().collect()))
}

/// The constant that `IGNORE NULLS` and `RESPECT NULLS` stand for, if any.
pub(super) fn null_treatment(
    kind: AggregateKind,
    treatment: Option<NullTreatment>,
) -> Result<Option<ScalarValue>> {
    use AggregateKind::{ArrayAgg, FirstValue, LastValue};
    match (kind, treatment) {
        (_, None) => Ok(None),
        (ArrayAgg, Some(NullTreatment::IgnoreNulls)) => Ok(Some(ScalarValue::Boolean(Some(true)))),
        // What they do anyway.
        (ArrayAgg, Some(NullTreatment::RespectNulls))
        | (FirstValue | LastValue, Some(NullTreatment::IgnoreNulls)) => Ok(None),
        (kind, Some(treatment)) => {
            not_impl_err!("{} with {treatment} is not supported", kind.shown())
        }
    }
}

/// The sets that a grouping stands for.
fn sets_of(set: &GroupingSet) -> Result<Vec<Vec<Expr>>> {
    Ok(match set {
        GroupingSet::GroupingSets(sets) => sets.clone(),
        GroupingSet::Rollup(exprs) => (0..=exprs.len())
            .rev()
            .map(|len| exprs[..len].to_vec())
            .collect(),
        GroupingSet::Cube(exprs) => {
            if exprs.len() > 12 {
                return plan_err!("CUBE of {} columns has too many grouping sets", exprs.len());
            }
            (0..1usize << exprs.len())
                .rev()
                .map(|set| {
                    (0..exprs.len())
                        .filter(|i| set >> (exprs.len() - 1 - i) & 1 == 1)
                        .map(|i| exprs[i].clone())
                        .collect()
                })
                .collect()
        }
    })
}

/// The columns that an operator reads, computed in front of it.
#[derive(Default)]
struct Inputs {
    exprs: Vec<Expr>,
    columns: Vec<PlanColumn>,
    /// The first so many are never shared.
    fixed: usize,
    /// If they are computed further below: what each column of the query's input is there, and the columns
    /// there are.
    through: Option<(Vec<Expr>, Vec<PlanColumn>)>,
}

impl Inputs {
    /// The position of a column that holds `expr`.
    fn place(&mut self, expr: Expr, from: &[PlanColumn], name: Option<&str>) -> Result<usize> {
        let expr = self.lowered(expr)?;
        match self.exprs[self.fixed..]
            .iter()
            .position(|known| *known == expr)
        {
            Some(known) => Ok(self.fixed + known),
            None => self.add(expr, from, name),
        }
    }

    fn push(&mut self, expr: Expr, from: &[PlanColumn], name: Option<&str>) -> Result<usize> {
        let expr = self.lowered(expr)?;
        self.add(expr, from, name)
    }

    /// The expression where it is computed.
    fn lowered(&self, expr: Expr) -> Result<Expr> {
        let Some((through, below)) = &self.through else {
            return Ok(expr);
        };
        let lowered = substitute(expr, &|i| through[i].clone())?;
        if columns_of(&lowered).iter().any(|&i| i >= below.len()) {
            return not_impl_err!(
                "aggregates of the columns of a window of processing time are not supported"
            );
        }
        Ok(lowered)
    }

    fn add(&mut self, expr: Expr, from: &[PlanColumn], name: Option<&str>) -> Result<usize> {
        let from = match &self.through {
            Some((_, below)) => below.as_slice(),
            None => from,
        };
        let output = match super::stream::plain_column(&expr) {
            Some(i) => from[i].clone(),
            None => super::translate::computed_column(&expr, from)?,
        };
        self.columns.push(match name {
            Some(name) => output.renamed(name),
            None => output,
        });
        self.exprs.push(expr);
        Ok(self.exprs.len() - 1)
    }

    /// The time attribute `column` of the rows below.
    fn push_time(&mut self, at: usize) {
        if let Some((_, below)) = &self.through {
            self.columns.push(below[at].clone());
            self.exprs.push(column(at));
        }
    }
}
