//! From DataFusion's logical plan of one relation to streaming operators.
//!
//! Bottom-up; each logical node becomes zero or more operators whose columns stand in the order
//! of the logical node's schema. What has no streaming operator is refused by name.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_common::{DFSchema, Result, ScalarValue, not_impl_err, plan_err};
use datafusion_expr::logical_plan::{self as lp, LogicalPlan};
use datafusion_expr::simplify::SimplifyContext;
use datafusion_expr::{
    Expr, ExprSchemable, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition, expr,
};
use datafusion_optimizer::simplify_expressions::ExprSimplifier;
use millstream_functions::aggregate::{AggregateKind, aggregate_kind};
use millstream_functions::interval_millis;
use millstream_functions::window::{Frame, duration_text};
use millstream_functions::{Zone, in_zone};

use super::aggregation::{arguments, null_treatment};
use super::functions::default_options;
use super::hints::StateTtl;
use super::matching::MatchNode;
use super::settings;
use super::stream::{
    AggregateCall, AttachedWindow, ChangelogMode, OverGroup, PlanColumn, PlanNode, StreamOp,
    TimeAttribute, column, column_index, is_proctime, plain_column, positional_schema,
};
use super::tvf::{PredictNode, WindowTvfNode};
use super::unnest::unnest_of;
use super::versioned::{LookupTable, VersionedNode};
use crate::diagnostics::Span;

/// Where operators are put and relations are found while one statement is translated.
pub(crate) trait Graph {
    /// Number of the operator that gives a relation's rows.
    fn relation(&mut self, name: &str) -> Result<usize>;
    /// The operators so far.
    fn nodes(&self) -> &[PlanNode];
    /// Puts another operator in the place of one.
    fn replace(&mut self, index: usize, node: PlanNode);
    /// Adds an operator.
    fn push(&mut self, node: PlanNode) -> usize;
    /// The source that reads a table, not yet part of the plan.
    fn table(&mut self, name: &str) -> Result<PlanNode>;
    /// Whether these columns of what is read of a table hold its primary key.
    fn is_key_of(&self, table: usize, read: &LookupTable, columns: &[usize]) -> bool;
    /// The value of a configuration key.
    fn setting(&self, key: &str) -> Option<String>;
    /// The number of a model in the plan.
    fn model(&mut self, name: &str) -> Result<usize>;
}

/// Translates the plans of one statement.
pub(crate) struct Translator<'a> {
    pub graph: Box<dyn Graph + 'a>,
    /// The relation the statement defines (or writes to): the node of origin.
    pub origin: String,
    /// The statement.
    pub span: Span,
    /// How long hints say that state is kept.
    pub ttl: StateTtl,
    /// Operators of plans that several joins read.
    pub shared: HashMap<*const LogicalPlan, usize>,
}

impl Translator<'_> {
    /// The operator that gives the rows of `plan`.
    pub fn translate(&mut self, plan: &LogicalPlan) -> Result<usize> {
        match plan {
            LogicalPlan::TableScan(scan) => self.graph.relation(scan.table_name.table()),
            LogicalPlan::SubqueryAlias(alias) => self.translate(&alias.input),
            LogicalPlan::Projection(projection) => {
                let input = self.translate(&projection.input)?;
                self.projection(input, projection)
            }
            LogicalPlan::Filter(filter) => self.filter(filter),
            LogicalPlan::Window(window) => self.over(window),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Union(union) => self.union(union),
            LogicalPlan::Extension(_) if unnest_of(plan).is_some() => match unnest_of(plan) {
                Some(unnested) => self.unnest_alone(&unnested),
                None => not_impl_err!("UNNEST is not supported here"),
            },
            LogicalPlan::Extension(extension) => {
                let node: &dyn std::any::Any = extension.node.as_any();
                if let Some(tvf) = node.downcast_ref::<WindowTvfNode>() {
                    self.window_tvf(tvf)
                } else if let Some(pattern) = node.downcast_ref::<MatchNode>() {
                    self.match_recognize(pattern)
                } else if let Some(predict) = node.downcast_ref::<PredictNode>() {
                    self.predict(predict)
                } else if node.is::<VersionedNode>() {
                    plan_err!(
                        "FOR SYSTEM_TIME AS OF stands on the right side of a join, whose left side \
                         has the time"
                    )
                } else {
                    not_impl_err!("{} is not supported", extension.node.name())
                }
            }
            LogicalPlan::Values(values) => {
                let rows = values
                    .values
                    .iter()
                    .map(|row| {
                        row.iter()
                            .map(|e| self.expression(e, &DFSchema::empty(), &[]))
                            .collect()
                    })
                    .collect::<Result<Vec<Vec<Expr>>>>()?;
                Ok(self.values(rows, &values.schema))
            }
            LogicalPlan::EmptyRelation(empty) => {
                let rows = if empty.produce_one_row {
                    vec![vec![]]
                } else {
                    vec![]
                };
                Ok(self.values(rows, &empty.schema))
            }
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Sort(sort) => self.sort(sort, None),
            LogicalPlan::Limit(limit) => self.limit(limit),
            LogicalPlan::Distinct(lp::Distinct::All(input)) => {
                let input = self.translate(input)?;
                Ok(self.distinct(input))
            }
            LogicalPlan::Distinct(_) => not_impl_err!("DISTINCT ON is not supported"),
            LogicalPlan::Unnest(_) => {
                not_impl_err!(
                    "UNNEST among the columns of a SELECT is not supported; write it in FROM"
                )
            }
            LogicalPlan::Subquery(_) => not_impl_err!("a subquery here is not supported yet"),
            other => not_impl_err!("{} is not supported", first_word(other)),
        }
    }

    pub(super) fn push(
        &mut self,
        op: StreamOp,
        inputs: Vec<usize>,
        columns: Vec<PlanColumn>,
    ) -> usize {
        let changelog = inputs
            .iter()
            .map(|&i| self.graph.nodes()[i].changelog)
            .max_by_key(|mode| *mode as u8)
            .unwrap_or(ChangelogMode::Append);
        self.graph.push(PlanNode {
            op,
            inputs,
            columns,
            changelog,
            upsert_key: None,
            window: None,
            origins: vec![self.origin.clone()],
            uid: String::new(),
            span: self.span,
            state_ttl: [None; 2],
        })
    }

    pub(super) fn values(&mut self, rows: Vec<Vec<Expr>>, schema: &DFSchema) -> usize {
        let columns = schema
            .fields()
            .iter()
            .map(|f| PlanColumn::new(f.name(), f))
            .collect();
        self.push(StreamOp::Values { rows }, vec![], columns)
    }

    /// An expression over the columns of an operator, by position, simplified.
    pub(super) fn expression(
        &self,
        expr: &Expr,
        schema: &DFSchema,
        columns: &[PlanColumn],
    ) -> Result<Expr> {
        let positional = expr
            .clone()
            .transform(|e| match &e {
                Expr::Column(c) => Ok(Transformed::yes(column(schema.index_of_column(c)?))),
                Expr::OuterReferenceColumn(_, c) => {
                    not_impl_err!("the correlated reference to '{}' is not supported", c.name)
                }
                Expr::Exists(_) => not_impl_err!("EXISTS is not supported yet"),
                Expr::InSubquery(_) => not_impl_err!("IN (SELECT …) is not supported yet"),
                Expr::ScalarSubquery(_) => {
                    not_impl_err!("a query as a value is not supported yet")
                }
                Expr::AggregateFunction(f) => {
                    plan_err!("the aggregate {} cannot stand here", f.func.name())
                }
                _ => Ok(Transformed::no(e)),
            })?
            .data;
        positional.apply(|e| {
            if let Some(argument) = millstream_functions::current_watermark(e)
                && plain_column(argument)
                    .is_none_or(|i| columns[i].time != Some(TimeAttribute::Rowtime))
            {
                return plan_err!(
                    "CURRENT_WATERMARK takes a rowtime attribute, as in Flink, which {argument} is not; \
                     declare WATERMARK FOR it on the source table and pass it on unchanged"
                );
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        simplify(in_zone(positional, self.zone()?)?, columns)
    }

    /// The session's time zone.
    pub(super) fn zone(&self) -> Result<Zone> {
        match self.graph.setting(settings::TIME_ZONE) {
            Some(name) => settings::time_zone(&name),
            None => Ok(Zone::Utc),
        }
    }

    /// A relation as it is, by an operator of the statement's own.
    pub(super) fn relation(&mut self, name: &str) -> Result<usize> {
        let input = self.graph.relation(name)?;
        let columns = self.graph.nodes()[input].columns.clone();
        let exprs = (0..columns.len()).map(column).collect();
        self.calc(input, exprs, None, columns)
    }

    pub(super) fn projection(
        &mut self,
        input: usize,
        projection: &lp::Projection,
    ) -> Result<usize> {
        let columns = self.graph.nodes()[input].columns.clone();
        let exprs = projection
            .expr
            .iter()
            .map(|e| self.expression(e, projection.input.schema(), &columns))
            .collect::<Result<Vec<_>>>()?;
        // Types are those of the simplified expressions: a folded constant may narrow one.
        let outputs = exprs
            .iter()
            .zip(projection.schema.fields())
            .map(|(e, f)| Ok(computed_column(e, &columns)?.renamed(f.name())))
            .collect::<Result<_>>()?;
        self.calc(input, exprs, None, outputs)
    }

    /// A Calc over `input`; time attributes, keys and window columns that are passed on stay so.
    /// An operator of the same statement that only filters is merged into it.
    pub fn calc(
        &mut self,
        input: usize,
        exprs: Vec<Expr>,
        filter: Option<Expr>,
        mut columns: Vec<PlanColumn>,
    ) -> Result<usize> {
        let from = &self.graph.nodes()[input];
        for (expr, output) in exprs.iter().zip(&mut columns) {
            if let Some(index) = plain_column(expr) {
                let source = &from.columns[index];
                *output = source.renamed(&output.name);
            } else if is_proctime(expr) {
                output.time = Some(TimeAttribute::Proctime);
            }
        }
        let position_of =
            |wanted: usize| exprs.iter().position(|e| plain_column(e) == Some(wanted));
        let upsert_key = from
            .upsert_key
            .as_ref()
            .and_then(|key| key.iter().map(|&k| position_of(k)).collect());
        let window = from.window.as_ref().map(|w| AttachedWindow {
            window: w.window,
            start: w.start.and_then(position_of),
            end: w.end.and_then(position_of),
            time: w.time.and_then(position_of),
            processing: w.processing,
            local: w.local,
        });
        let (source, filter) = match &from.op {
            StreamOp::Calc {
                exprs: below,
                filter: Some(condition),
            } if filter.is_none()
                && from.origins == [self.origin.clone()]
                && from.span == self.span
                && below
                    .iter()
                    .enumerate()
                    .all(|(i, e)| plain_column(e) == Some(i)) =>
            {
                (from.inputs[0], Some(condition.clone()))
            }
            _ => (input, filter),
        };
        let index = self.push(StreamOp::Calc { exprs, filter }, vec![source], columns);
        self.update(index, |node| {
            node.upsert_key = upsert_key;
            node.window = window;
        });
        Ok(index)
    }

    pub(super) fn update(&mut self, index: usize, change: impl FnOnce(&mut PlanNode)) {
        let mut node = self.graph.nodes()[index].clone();
        change(&mut node);
        self.graph.replace(index, node);
    }

    fn filter(&mut self, filter: &lp::Filter) -> Result<usize> {
        if let Some(ranked) = self.ranked(filter)? {
            return Ok(ranked);
        }
        // What pairs must satisfy is the join's own business: `FROM a, b WHERE a.k = b.k`.
        if let LogicalPlan::Join(join) = filter.input.as_ref()
            && join.join_type == datafusion_common::JoinType::Inner
        {
            let mut joined = join.clone();
            joined.filter = Some(match joined.filter {
                Some(condition) => condition.and(filter.predicate.clone()),
                None => filter.predicate.clone(),
            });
            return self.join(&joined);
        }
        let input = self.translate(&filter.input)?;
        self.keep(input, &filter.predicate, filter.input.schema())
    }

    /// Keeps the rows for which `predicate` holds.
    pub(super) fn keep(
        &mut self,
        input: usize,
        predicate: &Expr,
        schema: &DFSchema,
    ) -> Result<usize> {
        let columns = self.graph.nodes()[input].columns.clone();
        let condition = self.expression(predicate, schema, &columns)?;
        let exprs = (0..columns.len()).map(column).collect();
        self.calc(input, exprs, Some(condition), columns)
    }

    /// Positions of expressions as columns of `input`, computing those that are none.
    pub(super) fn as_columns(
        &mut self,
        input: usize,
        exprs: &[Expr],
        schema: &DFSchema,
    ) -> Result<(usize, Vec<usize>)> {
        let columns = self.graph.nodes()[input].columns.clone();
        let mut all: Vec<Expr> = (0..columns.len()).map(column).collect();
        let mut outputs = columns.clone();
        let mut positions = Vec::with_capacity(exprs.len());
        for expr in exprs {
            let positional = self.expression(expr, schema, &columns)?;
            let position = match plain_column(&positional) {
                Some(position) => position,
                None => match all[columns.len()..].iter().position(|e| *e == positional) {
                    Some(i) => columns.len() + i,
                    None => {
                        outputs.push(computed_column(&positional, &columns)?);
                        all.push(positional);
                        all.len() - 1
                    }
                },
            };
            positions.push(position);
        }
        if all.len() == columns.len() {
            return Ok((input, positions));
        }
        Ok((self.calc(input, all, None, outputs)?, positions))
    }

    fn over(&mut self, window: &lp::Window) -> Result<usize> {
        if matches!(window.input.as_ref(), LogicalPlan::Window(_)) {
            return plan_err!(
                "the OVER aggregates of one SELECT must share one window, as in Flink; \
                 compute each window in a view of its own"
            );
        }
        let input = self.translate(&window.input)?;
        let schema = window.input.schema();
        let width = schema.fields().len();
        let functions = window
            .window_expr
            .iter()
            .map(|e| match unaliased(e) {
                Expr::WindowFunction(f) if f.params.filter.is_some() => plan_err!(
                    "OVER takes no FILTER, as in Flink; write CASE WHEN … END as the argument"
                ),
                Expr::WindowFunction(f) => Ok(f.as_ref()),
                other => not_impl_err!("{other} in OVER is not supported"),
            })
            .collect::<Result<Vec<_>>>()?;
        let Some(first) = functions.first() else {
            return Ok(input);
        };
        for other in &functions[1..] {
            if other.params.partition_by != first.params.partition_by
                || other.params.order_by != first.params.order_by
                || frame_of(other)? != frame_of(first)?
            {
                return plan_err!(
                    "the OVER aggregates of one SELECT must share one window, as in Flink; \
                     compute each window in a view of its own"
                );
            }
        }
        // Everything the calls need becomes a column behind the input's.
        let [order] = first.params.order_by.as_slice() else {
            return plan_err!("OVER needs ORDER BY one column, as in Flink");
        };
        if !order.asc {
            return plan_err!("OVER orders ascending, as in Flink");
        }
        let mut needed: Vec<Expr> = first.params.partition_by.clone();
        needed.push(order.expr.clone());
        for function in &functions {
            needed.extend(read_by(function)?.0);
            needed.extend(function.params.filter.as_deref().cloned());
        }
        let (input, mut positions) = {
            let (input, positions) = self.as_columns(input, &needed, schema)?;
            (input, positions.into_iter())
        };
        let columns = self.graph.nodes()[input].columns.clone();
        let partition: Vec<usize> = positions
            .by_ref()
            .take(first.params.partition_by.len())
            .collect();
        let frame = frame_of(first)?;
        let by = positions.next().unwrap_or_default();
        self.check_order(input, &columns[by], frame, &functions)?;
        let timed = columns[by].time.is_some();
        let mut calls = Vec::with_capacity(functions.len());
        for (i, function) in functions.iter().enumerate() {
            let Some(kind) = over_kind(&function.fun) else {
                return not_impl_err!("{} in OVER is not supported yet", function.fun.name());
            };
            let params = &function.params;
            let (read, constants) = read_by(function)?;
            let args: Vec<usize> = positions.by_ref().take(read.len()).collect();
            let filter = match params.filter {
                Some(_) => positions.next(),
                None => None,
            };
            let mut constants = self.constants(kind, &constants, schema, &columns)?;
            constants.extend(null_treatment(kind, params.null_treatment)?);
            calls.push(AggregateCall {
                kind,
                args: count_rows(kind, args, params.distinct, &columns),
                constants,
                distinct: params.distinct,
                filter,
                output: PlanColumn::new(
                    call_name(kind, params.args.first()),
                    window.schema.field(width + i),
                ),
            });
        }
        let mut outputs = columns.clone();
        if !timed {
            outputs.iter_mut().for_each(|output| output.time = None);
        }
        outputs.extend(calls.iter().map(|c| c.output.clone()));
        let extra = columns.len() - width;
        let index = self.push(
            StreamOp::Over {
                partition,
                rowtime: by,
                groups: vec![OverGroup { frame, calls }],
            },
            vec![input],
            outputs.clone(),
        );
        if !timed {
            // A row that comes in between changes those behind it.
            self.update(index, |node| node.changelog = ChangelogMode::Retract);
        }
        if extra == 0 {
            return Ok(index);
        }
        let keep: Vec<usize> = (0..width).chain(columns.len()..outputs.len()).collect();
        let exprs = keep.iter().map(|&i| column(i)).collect();
        let outputs = keep.iter().map(|&i| outputs[i].clone()).collect();
        self.calc(index, exprs, None, outputs)
    }

    /// What Flink asks of the order of an OVER window: inserts in the order of time, or all rows in
    /// the order of any column.
    fn check_order(
        &self,
        input: usize,
        by: &PlanColumn,
        frame: Frame,
        functions: &[&expr::WindowFunction],
    ) -> Result<()> {
        let appends = self.graph.nodes()[input].changelog == ChangelogMode::Append;
        let lags = functions
            .iter()
            .any(|f| over_kind(&f.fun) == Some(AggregateKind::Lag));
        match by.time {
            Some(_) if !appends => {
                plan_err!("OVER in the order of time takes an append-only input, as in Flink")
            }
            Some(TimeAttribute::Rowtime) => Ok(()),
            Some(TimeAttribute::Proctime) => Ok(()),
            None if lags => plan_err!(
                "LAG must be ordered by a time attribute, but '{}' is none; declare WATERMARK FOR \
                 it on the source table and pass it on unchanged",
                by.name
            ),
            None if !matches!(frame, Frame::Range(None) | Frame::Rows(None)) => plan_err!(
                "a bounded OVER window must be ordered by a time attribute, as in Flink, but '{}' \
                 is none; declare WATERMARK FOR it on the source table and pass it on unchanged",
                by.name
            ),
            None => Ok(()),
        }
    }

    fn union(&mut self, union: &lp::Union) -> Result<usize> {
        let inputs = union
            .inputs
            .iter()
            .map(|plan| self.translate(plan))
            .collect::<Result<Vec<_>>>()?;
        let mut columns: Vec<PlanColumn> = union
            .schema
            .fields()
            .iter()
            .map(|f| PlanColumn::new(f.name(), f))
            .collect();
        for (i, output) in columns.iter_mut().enumerate() {
            let time = |n: &usize| self.graph.nodes()[*n].columns[i].time;
            let first = inputs.first().and_then(time);
            if inputs.iter().all(|n| time(n) == first) {
                output.time = first;
            }
        }
        Ok(self.push(StreamOp::Union, inputs, columns))
    }

    fn predict(&mut self, predict: &PredictNode) -> Result<usize> {
        let input = self.translate(&predict.input)?;
        let model = self.graph.model(&predict.model)?;
        let mut columns = self.graph.nodes()[input].columns.clone();
        let width = columns.len();
        columns.extend(
            predict.schema.fields()[width..]
                .iter()
                .map(|f| PlanColumn::new(f.name(), f)),
        );
        Ok(self.push(
            StreamOp::Predict {
                model,
                args: predict.args.clone(),
                outputs: predict.schema.fields().len() - width,
            },
            vec![input],
            columns,
        ))
    }
}

/// The column that holds a computed expression.
pub(super) fn computed_column(expr: &Expr, columns: &[PlanColumn]) -> Result<PlanColumn> {
    let name = super::stream::display_expr(expr, columns);
    // Most are columns passed on, whose field is known without a schema of all of them.
    if let Expr::Column(column) = expr
        && let Some(passed) = column_index(column).and_then(|i| columns.get(i))
    {
        return Ok(PlanColumn::new(name, &passed.field));
    }
    let (_, field) = expr.to_field(positional_schema(columns)?.as_ref())?;
    Ok(PlanColumn::new(name, &field))
}

/// A call as people write it, for plans.
fn call_name(kind: AggregateKind, argument: Option<&Expr>) -> String {
    let name = kind.shown();
    match argument.map(unaliased) {
        Some(Expr::Column(c)) => format!("{name}({})", c.name),
        Some(_) => format!("{name}(…)"),
        None => format!("{name}()"),
    }
}

/// The arguments that an OVER call reads, and its constants.
fn read_by(function: &expr::WindowFunction) -> Result<(Vec<Expr>, Vec<&Expr>)> {
    match over_kind(&function.fun) {
        Some(kind) => arguments(kind, &function.params.args),
        None => Ok((vec![], vec![])),
    }
}

/// Whether `COUNT` of it counts every row.
pub(super) fn is_any_row(argument: &Expr) -> bool {
    match argument {
        #[expect(deprecated, reason = "what DataFusion's binder gives for COUNT(*)")]
        Expr::Wildcard { .. } => true,
        Expr::Literal(value, _) => !value.is_null(),
        _ => false,
    }
}

/// `COUNT` of a column that is never NULL counts rows, too.
fn count_rows(
    kind: AggregateKind,
    args: Vec<usize>,
    distinct: bool,
    columns: &[PlanColumn],
) -> Vec<usize> {
    let never_null = args.iter().all(|&i| !columns[i].field.is_nullable());
    if kind == AggregateKind::Count && never_null && !distinct {
        vec![]
    } else {
        args
    }
}

/// Folds constants and tidies an expression over `columns`.
pub(crate) fn simplify(expr: Expr, columns: &[PlanColumn]) -> Result<Expr> {
    // Most of what a query selects is a column, and a schema is not made in no time.
    if matches!(expr, Expr::Column(_) | Expr::Literal(..)) {
        return Ok(expr);
    }
    let context = SimplifyContext::builder()
        .with_schema(positional_schema(columns)?)
        .with_config_options(Arc::clone(default_options()))
        .build();
    ExprSimplifier::new(context).simplify(expr)
}

pub(super) fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}

pub(super) fn over_kind(function: &WindowFunctionDefinition) -> Option<AggregateKind> {
    match function {
        WindowFunctionDefinition::AggregateUDF(f) => aggregate_kind(f),
        WindowFunctionDefinition::WindowUDF(_) => None,
    }
}

/// The frame of an OVER call, in Flink's terms.
fn frame_of(function: &expr::WindowFunction) -> Result<Frame> {
    // Observed: ROW_NUMBER numbers rows one by one, LAG treats rows of one time as peers.
    match over_kind(&function.fun) {
        Some(AggregateKind::RowNumber) => return Ok(Frame::Rows(None)),
        Some(AggregateKind::Lag) => return Ok(Frame::Range(None)),
        _ => {}
    }
    let frame = &function.params.window_frame;
    if frame.end_bound != WindowFrameBound::CurrentRow {
        return plan_err!(
            "an OVER window ends at CURRENT ROW, as in Flink; FOLLOWING is not supported"
        );
    }
    let preceding = match &frame.start_bound {
        WindowFrameBound::Preceding(value) if value.is_null() => None,
        WindowFrameBound::Preceding(value) => Some(value.clone()),
        WindowFrameBound::CurrentRow => {
            return Ok(match frame.units {
                WindowFrameUnits::Rows => Frame::Rows(Some(0)),
                _ => Frame::Range(Some(0)),
            });
        }
        WindowFrameBound::Following(_) => {
            return plan_err!("an OVER window cannot start after the current row");
        }
    };
    match frame.units {
        WindowFrameUnits::Rows => Ok(Frame::Rows(match preceding {
            None => None,
            Some(ScalarValue::UInt64(Some(rows))) => Some(rows),
            Some(other) => match other.to_string().parse() {
                Ok(rows) => Some(rows),
                Err(_) => return plan_err!("ROWS takes a number of rows, not {other}"),
            },
        })),
        WindowFrameUnits::Range => Ok(Frame::Range(match preceding {
            None => None,
            Some(value) => match range_millis(&value) {
                Some(millis) if millis >= 0 => Some(millis),
                Some(millis) => {
                    return plan_err!(
                        "RANGE looks back a time above zero, not {}",
                        duration_text(millis)
                    );
                }
                None => {
                    return plan_err!(
                        "RANGE takes an interval such as INTERVAL '10' MINUTE, not {value}"
                    );
                }
            },
        })),
        WindowFrameUnits::Groups => not_impl_err!("GROUPS in OVER is not supported"),
    }
}

/// The length of a frame. DataFusion keeps intervals of frames as text until coercion.
fn range_millis(value: &ScalarValue) -> Option<i64> {
    if let Some(millis) = interval_millis(value) {
        return Some(millis);
    }
    let (ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text))) = value else {
        return None;
    };
    let parsed = arrow::compute::kernels::cast_utils::parse_interval_month_day_nano(text).ok()?;
    interval_millis(&ScalarValue::IntervalMonthDayNano(Some(parsed)))
}

pub(super) fn without_casts(expr: &Expr) -> &Expr {
    match expr {
        Expr::Cast(cast) => without_casts(&cast.expr),
        Expr::Alias(alias) => without_casts(&alias.expr),
        other => other,
    }
}

pub(super) fn first_word(plan: &LogicalPlan) -> String {
    plan.display()
        .to_string()
        .split([':', ' '])
        .next()
        .unwrap_or("this")
        .to_string()
}
