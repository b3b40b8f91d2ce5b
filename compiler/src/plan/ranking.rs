//! Ranks and orders: deduplication, Top-N, LIMIT and ORDER BY.

use datafusion_common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion_expr::expr::Sort;
use datafusion_expr::logical_plan::{self as lp, LogicalPlan};
use datafusion_expr::{BinaryExpr, Expr, Operator, utils};
use millstream_functions::aggregate::AggregateKind;
use millstream_functions::types::{FlinkType, TypeKind};
use millstream_functions::window::Window;

use super::stream::{
    ChangelogMode, PlanColumn, RankEnd, SortColumn, StreamOp, TimeAttribute, column,
};
use super::translate::{Translator, over_kind, unaliased, without_casts};

/// Which ranks a condition lets through.
#[derive(Debug, Clone, Copy)]
struct Ranks {
    start: u64,
    end: Option<u64>,
}

/// Whether what has no end may be sorted: the rows come out when a bounded input ends.
pub(super) const NON_TEMPORAL_SORT: &str = "__table.exec.sort.non-temporal.enabled__";

impl Translator<'_> {
    /// `ROW_NUMBER() OVER (PARTITION BY k ORDER BY o) <= n` in any of its spellings: a deduplication if it
    /// keeps one row by event time, else a Top-N. `None` if the filter is about something else.
    pub(super) fn ranked(&mut self, filter: &lp::Filter) -> Result<Option<usize>> {
        // Down to the OVER, through what only renames and computes.
        let mut between = Vec::new();
        let mut plan = filter.input.as_ref();
        let window = loop {
            match plan {
                LogicalPlan::Projection(p) => {
                    between.push(p);
                    plan = &p.input;
                }
                LogicalPlan::SubqueryAlias(a) => plan = &a.input,
                LogicalPlan::Window(w) => break w,
                _ => return Ok(None),
            }
        };
        let [Expr::WindowFunction(function)] = window.window_expr.as_slice() else {
            return Ok(None);
        };
        if over_kind(&function.fun) != Some(AggregateKind::RowNumber) {
            return Ok(None);
        }
        // Which column of the filter's input is the row number?
        let mut position = window.input.schema().fields().len();
        for projection in between.iter().rev() {
            let below = projection.input.schema();
            let moved = projection.expr.iter().position(|e| match unaliased(e) {
                Expr::Column(c) => below.index_of_column(c).ok() == Some(position),
                _ => false,
            });
            match moved {
                Some(moved) => position = moved,
                None => return Ok(None),
            }
        }
        let schema = filter.input.schema();
        let mut ranks = Ranks {
            start: 1,
            end: None,
        };
        let mut rest = Vec::new();
        let mut narrowed = false;
        for condition in utils::split_conjunction(&filter.predicate) {
            match narrow(&mut ranks, condition, position, schema) {
                true => narrowed = true,
                false => rest.push(condition.clone()),
            }
        }
        let below = window.input.schema();
        let width = below.fields().len();
        // Beside a constant Flink takes no other bound for one of a Top-N.
        if narrowed && rest.iter().any(|c| compares(c, position, schema)) {
            return Ok(None);
        }
        let end = match ranks.end {
            Some(0) => {
                return plan_err!(
                    "ROW_NUMBER() starts at 1, and the condition asks for less; Flink refuses that, too"
                );
            }
            Some(end) => RankEnd::Constant(end),
            None if ranks.start > 1 && !rest.iter().any(|c| compares(c, position, schema)) => {
                return plan_err!(
                    "ROW_NUMBER() is bounded from below only; a Top-N needs the last row, too, as in \
                     Flink: add a condition such as rn <= 10"
                );
            }
            None => {
                let mut bounds = (0..rest.len()).filter(|&i| compares(&rest[i], position, schema));
                let (Some(only), None, false) = (bounds.next(), bounds.next(), narrowed) else {
                    return Ok(None);
                };
                let Some(column) = end_column(&rest[only], position, schema) else {
                    return Ok(None);
                };
                let Some(column) = below_projections(column, &between).filter(|&c| c < width)
                else {
                    return Ok(None);
                };
                rest.remove(only);
                RankEnd::Column(column)
            }
        };
        let params = &function.params;
        let input = self.translate(&window.input)?;
        let (input, partition) = self.as_columns(input, &params.partition_by, below)?;
        let (input, order) = self.sort_columns(input, &params.order_by, below)?;
        let ranked = self.rank(input, partition, order, ranks.start, end)?;
        // Computed keys are dropped again; the row number stands behind the input's columns.
        let columns = self.graph.nodes()[ranked].columns.clone();
        let mut exprs: Vec<Expr> = (0..width).map(column).collect();
        let mut outputs = columns[..width].to_vec();
        let number = window.schema.field(width);
        exprs.push(match &self.graph.nodes()[ranked].op {
            StreamOp::Deduplicate { .. } => Expr::Literal(ScalarValue::Int64(Some(1)), None),
            // One rank is a constant, which no row needs to carry.
            _ if end == RankEnd::Constant(ranks.start) => {
                Expr::Literal(ScalarValue::Int64(Some(clamped(ranks.start))), None)
            }
            _ => column(columns.len() - 1),
        });
        outputs.push(PlanColumn::new(number.name(), number));
        let mut index = self.calc(ranked, exprs, None, outputs)?;
        for projection in between.into_iter().rev() {
            index = self.projection(index, projection)?;
        }
        match utils::conjunction(rest) {
            Some(rest) => Ok(Some(self.keep(index, &rest, schema)?)),
            None => Ok(Some(index)),
        }
    }

    /// Ranks `start..=end` of each partition.
    fn rank(
        &mut self,
        input: usize,
        partition: Vec<usize>,
        order: Vec<SortColumn>,
        start: u64,
        end: RankEnd,
    ) -> Result<usize> {
        let from = &self.graph.nodes()[input];
        let columns = from.columns.clone();
        let append = from.changelog == ChangelogMode::Append;
        let time = |i: usize| columns[i].time;
        if let ([by], 1, RankEnd::Constant(1)) = (order.as_slice(), start, end) {
            match time(by.column) {
                Some(_) if append && !self.by_window(input, &partition) => {
                    let (rowtime, keep_last) = (by.column, by.descending);
                    let index = self.push(
                        StreamOp::Deduplicate {
                            keys: partition.clone(),
                            rowtime,
                            keep_last,
                        },
                        vec![input],
                        columns,
                    );
                    self.update(index, |node| {
                        node.upsert_key = Some(partition);
                        if keep_last {
                            node.changelog = ChangelogMode::Retract;
                        }
                    });
                    return Ok(index);
                }
                _ => {}
            }
        }
        if order.is_empty() {
            return plan_err!("ROW_NUMBER() needs ORDER BY");
        }
        let window = from.window.clone().filter(|_| append);
        let window = window.and_then(|w| {
            let (start, end) = (w.start?, w.end?);
            (partition.contains(&start) && partition.contains(&end)).then_some((start, end))
        });
        if window.is_some() && from.window.as_ref().is_some_and(|w| w.processing) {
            return plan_err!(
                "ROW_NUMBER() by windows of processing time is not supported, as in Flink"
            );
        }
        if let RankEnd::Column(at) = end {
            let bound = &columns[at];
            if window.is_some() {
                return plan_err!(
                    "ROW_NUMBER() in windows is compared with a constant, as in Flink, not with '{}'",
                    bound.name
                );
            }
            let ty = bound.flink_type();
            if !matches!(
                ty.kind,
                TypeKind::BigInt | TypeKind::Int | TypeKind::SmallInt
            ) {
                return plan_err!(
                    "ROW_NUMBER() is compared with a column of whole numbers, as in Flink, but '{}' is {ty}",
                    bound.name
                );
            }
        }
        let latest = match (window, order.as_slice(), start, end) {
            (Some(_), [by], 1, RankEnd::Constant(1)) if by.descending => {
                self.is_window_time(input, by.column)?
            }
            _ => false,
        };
        let from = &self.graph.nodes()[input];
        let from_key = from.upsert_key.clone();
        let width = columns.len();
        let mut outputs = columns;
        if window.is_none() {
            for output in &mut outputs {
                output.time = None;
            }
        }
        let bigint = FlinkType::new(TypeKind::BigInt).not_null();
        outputs.push(PlanColumn::new("w0$o0", &bigint.to_field("w0$o0")));
        let key = match (end == RankEnd::Constant(start), from_key) {
            (true, _) => Some(partition.clone()),
            (false, Some(key)) => Some(key),
            (false, None) => Some(partition.iter().copied().chain([width]).collect()),
        };
        // The operator tells windows apart itself, by their end: rows are shared out by the other
        // columns. Sessions of one end may differ in length.
        let sessions = self.graph.nodes()[input]
            .window
            .as_ref()
            .is_some_and(|w| matches!(w.window, Window::Session { .. }));
        let partition = match window {
            Some((start, end)) => partition
                .into_iter()
                .filter(|column| *column != end && (sessions || *column != start))
                .collect(),
            None => partition,
        };
        let window = window.map(|(_, end)| end);
        let index = self.push(
            StreamOp::TopN {
                partition,
                order,
                start,
                end,
                with_rank: true,
                window,
                latest,
                forward: None,
            },
            vec![input],
            outputs,
        );
        self.update(index, |node| {
            node.upsert_key = key;
            node.changelog = match window {
                Some(_) => ChangelogMode::Append,
                None => ChangelogMode::Retract,
            };
        });
        if window.is_some() {
            let attached = self.graph.nodes()[input].window.clone();
            self.update(index, |node| node.window = attached);
        }
        Ok(index)
    }

    fn by_window(&self, input: usize, partition: &[usize]) -> bool {
        match &self.graph.nodes()[input].window {
            Some(w) => [w.start, w.end]
                .iter()
                .all(|c| c.is_some_and(|c| partition.contains(&c))),
            None => false,
        }
    }

    /// The columns that sort expressions stand for, computing those that are none.
    fn sort_columns(
        &mut self,
        input: usize,
        sorts: &[Sort],
        schema: &DFSchema,
    ) -> Result<(usize, Vec<SortColumn>)> {
        let exprs: Vec<Expr> = sorts.iter().map(|sort| sort.expr.clone()).collect();
        let (input, positions) = self.as_columns(input, &exprs, schema)?;
        let order = positions
            .into_iter()
            .zip(sorts)
            .map(|(column, sort)| SortColumn {
                column,
                descending: !sort.asc,
                nulls_first: sort.nulls_first,
            })
            .collect();
        Ok((input, order))
    }

    /// `ORDER BY`: by event time as it passes, or with a limit the best so many rows.
    pub(super) fn sort(&mut self, sort: &lp::Sort, limit: Option<(u64, u64)>) -> Result<usize> {
        let schema = sort.input.schema();
        let below = self.translate(&sort.input)?;
        let width = self.graph.nodes()[below].columns.len();
        let (input, order) = self.sort_columns(below, &sort.expr, schema)?;
        let limit = limit.or(sort.fetch.map(|fetch| (0, fetch as u64)));
        let columns = self.graph.nodes()[input].columns.clone();
        let back = |translator: &mut Self, index: usize| {
            let node = &translator.graph.nodes()[index];
            if node.columns.len() == width {
                return Ok(index);
            }
            let outputs = node.columns[..width].to_vec();
            translator.calc(index, (0..width).map(column).collect(), None, outputs)
        };
        if let Some((skip, fetch)) = limit {
            if fetch == 0 {
                return self.none(input, width);
            }
            let index = self.rank(
                input,
                vec![],
                order,
                skip + 1,
                RankEnd::Constant(skip + fetch),
            )?;
            return back(self, index);
        }
        match order.as_slice() {
            [first, rest @ ..] if columns[first.column].time.is_some() && !first.descending => {
                if self.graph.nodes()[input].changelog != ChangelogMode::Append {
                    return plan_err!("ORDER BY time takes an append-only input, as in Flink");
                }
                let time = columns[first.column].time;
                if time == Some(TimeAttribute::Proctime) && rest.is_empty() {
                    // Rows come in this order.
                    return back(self, input);
                }
                let index = self.push(
                    StreamOp::TemporalSort {
                        rowtime: first.column,
                        order: rest.to_vec(),
                    },
                    vec![input],
                    columns,
                );
                back(self, index)
            }
            // Flink has it for its tests, behind an option of its own.
            _ if self
                .graph
                .setting(NON_TEMPORAL_SORT)
                .is_some_and(|v| v == "true") =>
            {
                let index = self.push(StreamOp::Sort { order }, vec![input], columns);
                self.update(index, |node| node.changelog = ChangelogMode::Append);
                back(self, index)
            }
            _ => plan_err!(
                "ORDER BY without LIMIT sorts by a time attribute first, ascending, as in Flink: an endless stream has no last row"
            ),
        }
    }

    /// No row of the first `width` columns.
    fn none(&mut self, input: usize, width: usize) -> Result<usize> {
        let columns = self.graph.nodes()[input].columns[..width].to_vec();
        let never = Expr::Literal(ScalarValue::Boolean(Some(false)), None);
        self.calc(
            input,
            (0..width).map(column).collect(),
            Some(never),
            columns,
        )
    }

    /// `LIMIT` and `OFFSET`.
    pub(super) fn limit(&mut self, limit: &lp::Limit) -> Result<usize> {
        let number = |expr: &Option<Box<Expr>>| -> Result<Option<u64>> {
            match expr.as_deref().map(without_casts) {
                None => Ok(None),
                Some(Expr::Literal(value, _)) => match value.to_string().parse() {
                    Ok(number) => Ok(Some(number)),
                    Err(_) => plan_err!("LIMIT and OFFSET take a number of rows, not {value}"),
                },
                Some(other) => plan_err!("LIMIT and OFFSET take a constant, not {other}"),
            }
        };
        let skip = number(&limit.skip)?.unwrap_or(0);
        let Some(fetch) = number(&limit.fetch)? else {
            return plan_err!("OFFSET needs FETCH or LIMIT: an endless stream has no last row");
        };
        if let LogicalPlan::Sort(sort) = limit.input.as_ref() {
            return self.sort(sort, Some((skip, fetch)));
        }
        let input = self.translate(&limit.input)?;
        let columns = self.graph.nodes()[input].columns.clone();
        if fetch == 0 {
            return self.none(input, columns.len());
        }
        let append = self.graph.nodes()[input].changelog == ChangelogMode::Append;
        let key = self.graph.nodes()[input].upsert_key.clone();
        let index = self.push(StreamOp::Limit { skip, fetch }, vec![input], columns);
        self.update(index, |node| {
            node.upsert_key = key;
            if !append {
                node.changelog = ChangelogMode::Retract;
            }
        });
        Ok(index)
    }
}

fn clamped(rank: u64) -> i64 {
    i64::try_from(rank).unwrap_or(i64::MAX)
}

/// Whether a condition compares the rank with something else.
fn compares(condition: &Expr, rank: usize, schema: &DFSchema) -> bool {
    let is_rank = |e: &Expr| match without_casts(e) {
        Expr::Column(c) => schema.index_of_column(c).ok() == Some(rank),
        _ => false,
    };
    use Operator::{Eq, Gt, GtEq, Lt, LtEq};
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            matches!(op, Lt | LtEq | Gt | GtEq | Eq) && (is_rank(left) != is_rank(right))
        }
        Expr::Between(between) => is_rank(&between.expr),
        _ => false,
    }
}

/// The column that a condition bounds the rank by from above.
///
/// Flink makes no difference between `<=`, `<` and `=`: all of them are read as `<=`.
fn end_column(condition: &Expr, rank: usize, schema: &DFSchema) -> Option<usize> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else {
        return None;
    };
    let place = |e: &Expr| match without_casts(e) {
        Expr::Column(c) => schema.index_of_column(c).ok(),
        _ => None,
    };
    let (op, bound) = match (place(left), place(right)) {
        (Some(l), bound) if l == rank => (*op, bound?),
        (bound, Some(r)) if r == rank => (op.swap()?, bound?),
        _ => return None,
    };
    matches!(op, Operator::LtEq | Operator::Lt | Operator::Eq).then_some(bound)
}

/// The column that a column of the uppermost of these projections is below them.
fn below_projections(column: usize, projections: &[&lp::Projection]) -> Option<usize> {
    projections.iter().try_fold(column, |at, projection| {
        match unaliased(projection.expr.get(at)?) {
            Expr::Column(c) => projection.input.schema().index_of_column(c).ok(),
            _ => None,
        }
    })
}

/// Narrows the ranks by a condition; false if the condition is no bound of the rank.
fn narrow(ranks: &mut Ranks, condition: &Expr, rank: usize, schema: &DFSchema) -> bool {
    let is_rank = |e: &Expr| match without_casts(e) {
        Expr::Column(c) => schema.index_of_column(c).ok() == Some(rank),
        _ => false,
    };
    let constant = |e: &Expr| match without_casts(e) {
        Expr::Literal(value, _) => value.to_string().parse::<i64>().ok(),
        _ => None,
    };
    let clamp = |value: i64| u64::try_from(value).unwrap_or(0);
    let mut at_most = |value: i64| {
        let value = clamp(value);
        ranks.end = Some(ranks.end.map_or(value, |end| end.min(value)));
    };
    match condition {
        Expr::Between(between) if !between.negated && is_rank(&between.expr) => {
            let (Some(low), Some(high)) = (constant(&between.low), constant(&between.high)) else {
                return false;
            };
            at_most(high);
            ranks.start = ranks.start.max(clamp(low).max(1));
            true
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (op, value) = if is_rank(left) {
                (Some(*op), constant(right))
            } else if is_rank(right) {
                (op.swap(), constant(left))
            } else {
                return false;
            };
            let (Some(op), Some(value)) = (op, value) else {
                return false;
            };
            match op {
                Operator::LtEq => at_most(value),
                Operator::Lt => at_most(value - 1),
                Operator::GtEq => ranks.start = ranks.start.max(clamp(value).max(1)),
                Operator::Gt => ranks.start = ranks.start.max(clamp(value + 1).max(1)),
                Operator::Eq => {
                    at_most(value);
                    ranks.start = ranks.start.max(clamp(value).max(1));
                }
                _ => return false,
            }
            true
        }
        _ => false,
    }
}
