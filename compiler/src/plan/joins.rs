//! Joins: which columns must be equal, and what brings two rows together in time.

use datafusion_common::{JoinType, NullEquality, Result, ScalarValue, not_impl_err, plan_err};
use datafusion_expr::logical_plan as lp;
use datafusion_expr::{BinaryExpr, Expr, ExprSchemable, Operator, utils};
use millstream_functions::interval_millis;
use millstream_functions::window::Window;

use super::set_operations::SetOperation;
use super::stream::{
    ChangelogMode, JoinKind, JoinOn, JoinTime, PlanColumn, StreamOp, TimeAttribute, column,
    columns_of, plain_column, positional_schema, substitute,
};
use super::translate::{Translator, computed_column, without_casts};
use super::unnest::unnest_of;
use super::versioned::versioned;

/// One side of a join while its condition is taken apart.
pub(super) struct Side {
    /// Operator that gives the rows.
    pub(super) input: usize,
    /// Columns of the query; computed keys stand behind them.
    pub(super) width: usize,
    pub(super) columns: Vec<PlanColumn>,
    pub(super) computed: Vec<Expr>,
    pub(super) keys: Vec<usize>,
}

impl Side {
    fn new(input: usize, columns: Vec<PlanColumn>) -> Self {
        Self {
            input,
            width: columns.len(),
            columns,
            computed: vec![],
            keys: vec![],
        }
    }

    fn key(&mut self, expr: Expr) -> Result<()> {
        let position = match plain_column(&expr) {
            Some(position) => position,
            None => match self.computed.iter().position(|known| *known == expr) {
                Some(known) => self.width + known,
                None => {
                    let output = computed_column(&expr, &self.columns[..self.width])?;
                    self.columns.push(output);
                    self.computed.push(expr);
                    self.columns.len() - 1
                }
            },
        };
        self.keys.push(position);
        Ok(())
    }
}

impl Translator<'_> {
    /// A join of two relations.
    pub(super) fn join(&mut self, join: &lp::Join) -> Result<usize> {
        if let Some(unnested) = unnest_of(&join.right) {
            return self.join_unnest(join, &unnested);
        }
        if let Some(operation) = SetOperation::of(join) {
            return self.set_operation(&operation);
        }
        if join.join_type == JoinType::LeftMark {
            return self.mark_join(join);
        }
        let kind = match join.join_type {
            JoinType::Inner => JoinKind::Inner,
            JoinType::Left => JoinKind::Left,
            JoinType::Right => JoinKind::Right,
            JoinType::Full => JoinKind::Full,
            JoinType::LeftSemi => JoinKind::Semi,
            JoinType::LeftAnti => JoinKind::Anti,
            other => return not_impl_err!("a {other} join is not supported yet"),
        };
        let mut left = self.side(&join.left)?;
        let version = match versioned(&join.right) {
            Some(node) => {
                let (at, time) = self.version_time(join, node, &left.columns)?;
                Some((node, at, time))
            }
            None => None,
        };
        let lookup = match version {
            Some((node, _, TimeAttribute::Proctime)) => Some(self.lookup_table(node)?),
            _ => None,
        };
        let mut right = match (&version, &lookup) {
            (_, Some(table)) => Side::new(usize::MAX, table.columns.clone()),
            (Some((node, ..)), None) => self.side(&node.input)?,
            (None, None) => self.side(&join.right)?,
        };
        let width = left.width;
        let both: Vec<PlanColumn> = left.columns.iter().chain(&right.columns).cloned().collect();
        let mut null_safe = Vec::new();
        let mut conditions: Vec<Expr> = Vec::new();
        for (at, (l, r)) in join.on.iter().enumerate() {
            let l = self.expression(l, join.left.schema(), &left.columns[..left.width])?;
            let r = self.expression(r, join.right.schema(), &right.columns[..right.width])?;
            if join.null_aware && at == 0 {
                // `NOT IN`: an unknown comparison keeps the row out as an equal one does.
                let r = substitute(r, &|i| column(i + width))?;
                conditions.push(l.clone().is_null().or(r.clone().is_null()).or(l.eq(r)));
                continue;
            }
            left.key(l)?;
            right.key(r)?;
            null_safe.push(join.null_equality == NullEquality::NullEqualsNull);
        }
        if let Some(filter) = &join.filter {
            let schema = join.left.schema().join(join.right.schema())?;
            let filter = self.expression(filter, &schema, &both)?;
            for (at, condition) in utils::split_conjunction(&filter).into_iter().enumerate() {
                match equality(condition, width) {
                    // `NOT IN`, whose comparison comes first: one that is unknown keeps the row out
                    // as an equal one does.
                    Some((l, r, _)) if join.null_aware && join.on.is_empty() && at == 0 => {
                        let nullable = nullable(&l, &both)? || nullable(&r, &both)?;
                        if nullable {
                            conditions
                                .push(l.clone().is_null().or(r.clone().is_null()).or(l.eq(r)));
                        } else {
                            left.key(l)?;
                            right.key(substitute(r, &|i| column(i - width))?)?;
                            null_safe.push(false);
                        }
                    }
                    Some((l, r, safe)) => {
                        left.key(l)?;
                        right.key(substitute(r, &|i| column(i - width))?)?;
                        null_safe.push(safe);
                    }
                    None => conditions.push(condition.clone()),
                }
            }
        }
        if let Some(table) = lookup {
            return self.lookup_join(kind, &left, &right, conditions, table);
        }
        let time = match version {
            Some((_, at, _)) => {
                self.temporal_time(&mut left, &mut right, &mut null_safe, &mut conditions, at)?
            }
            None => {
                self.filter_before(kind, &mut left, &mut right, &mut conditions)?;
                self.join_time(
                    &mut left,
                    &mut right,
                    &mut null_safe,
                    &mut conditions,
                    &both,
                )?
            }
        };
        if let JoinTime::Interval { lower, upper, .. } = time
            && lower > upper
        {
            return self.never_joined(kind, &left, &right);
        }
        let shift = left.columns.len() - width;
        let condition = utils::conjunction(conditions)
            .map(|c| substitute(c, &|i| column(if i < width { i } else { i + shift })))
            .transpose()?;
        let left_input = self.with_computed(&left)?;
        let right_input = self.with_computed(&right)?;
        let index = self.push_join(
            JoinOn {
                kind,
                left: left.keys.clone(),
                right: right.keys.clone(),
                null_safe,
                condition,
            },
            time,
            left_input,
            right_input,
        )?;
        let kept = [&join.left, &join.right].map(|side| self.ttl.for_input(side));
        self.update(index, |node| node.state_ttl = kept);
        // Back to the columns of the query.
        let outputs = self.graph.nodes()[index].columns.clone();
        let mut keep: Vec<usize> = (0..width).collect();
        if kind.gives_right() {
            let start = left.columns.len();
            keep.extend(start..start + right.width);
        }
        if keep.len() == outputs.len() {
            return Ok(index);
        }
        let exprs = keep.iter().map(|&i| column(i)).collect();
        let columns = keep.iter().map(|&i| outputs[i].clone()).collect();
        self.calc(index, exprs, None, columns)
    }

    fn side(&mut self, plan: &lp::LogicalPlan) -> Result<Side> {
        let input = self.translate(plan)?;
        let columns = self.graph.nodes()[input].columns.clone();
        Ok(Side::new(input, columns))
    }

    /// Left rows with a mark: whether they have a pair. Those that have one and those that have none,
    /// together.
    fn mark_join(&mut self, join: &lp::Join) -> Result<usize> {
        let sides = [&join.left, &join.right].map(|side| std::ptr::from_ref(side.as_ref()));
        for (side, plan) in sides.into_iter().zip([&join.left, &join.right]) {
            let input = self.translate(plan)?;
            self.shared.insert(side, input);
        }
        let mut parts = Vec::new();
        for (join_type, marked) in [(JoinType::LeftSemi, true), (JoinType::LeftAnti, false)] {
            let part = self.join(&lp::Join {
                join_type,
                schema: std::sync::Arc::clone(join.left.schema()),
                ..join.clone()
            })?;
            let mut columns = self.graph.nodes()[part].columns.clone();
            let mut exprs: Vec<Expr> = (0..columns.len()).map(column).collect();
            let mark = join.schema.field(columns.len());
            columns.push(PlanColumn::new(mark.name(), mark));
            exprs.push(Expr::Literal(ScalarValue::Boolean(Some(marked)), None));
            parts.push(self.calc(part, exprs, None, columns)?);
        }
        for side in sides {
            self.shared.remove(&side);
        }
        let columns = self.graph.nodes()[parts[0]].columns.clone();
        Ok(self.push(StreamOp::Union, parts, columns))
    }

    /// A join of which no pair can match: rows without a partner come out at once.
    fn never_joined(&mut self, kind: JoinKind, left: &Side, right: &Side) -> Result<usize> {
        let own = |side: &Side| side.columns[..side.width].to_vec();
        let nothing = |side: &Side| -> Result<Vec<Expr>> {
            own(side)
                .iter()
                .map(|c| {
                    Ok(Expr::Literal(
                        ScalarValue::try_from(c.field.data_type())?,
                        None,
                    ))
                })
                .collect()
        };
        let nullable = |column: &PlanColumn| PlanColumn {
            field: std::sync::Arc::new(column.field.as_ref().clone().with_nullable(true)),
            ..column.clone()
        };
        let all = |side: &Side| (0..side.width).map(column).collect::<Vec<_>>();
        if matches!(kind, JoinKind::Semi | JoinKind::Anti) {
            let kept = (kind == JoinKind::Semi).then(|| datafusion_expr::lit(false));
            return self.calc(left.input, all(left), kept, own(left));
        }
        // The columns of both sides: those that come, and NULLs for the others.
        let untimed = |column: &PlanColumn| PlanColumn {
            time: None,
            ..nullable(column)
        };
        let mut padded = Vec::new();
        if kind.pads_left() || !kind.pads_right() {
            let exprs = all(left).into_iter().chain(nothing(right)?).collect();
            let columns = own(left)
                .into_iter()
                .chain(own(right).iter().map(untimed))
                .collect();
            let kept = (!kind.pads_left()).then(|| datafusion_expr::lit(false));
            padded.push(self.calc(left.input, exprs, kept, columns)?);
        }
        if kind.pads_right() {
            let exprs = nothing(left)?.into_iter().chain(all(right)).collect();
            let columns = own(left).iter().map(untimed).chain(own(right)).collect();
            padded.push(self.calc(right.input, exprs, None, columns)?);
        }
        match padded.as_slice() {
            [one] => Ok(*one),
            _ => {
                let both = own(left).into_iter().chain(own(right));
                let columns = both.map(|c| untimed(&c)).collect();
                Ok(self.push(StreamOp::Union, padded, columns))
            }
        }
    }

    /// Takes out of `conditions` what one side alone decides, and filters that side where a row that does
    /// not pass would not be seen anyway: the join then does not keep it.
    fn filter_before(
        &mut self,
        kind: JoinKind,
        left: &mut Side,
        right: &mut Side,
        conditions: &mut Vec<Expr>,
    ) -> Result<()> {
        let width = left.width;
        let (mut of_left, mut of_right, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        for condition in conditions.drain(..) {
            let columns = columns_of(&condition);
            let decides = |side: &dyn Fn(&usize) -> bool| {
                !columns.is_empty() && columns.iter().all(side) && !condition.is_volatile()
            };
            if decides(&|&i| i < width) && !kind.pads_left() && kind != JoinKind::Anti {
                of_left.push(condition);
            } else if decides(&|&i| i >= width) && !kind.pads_right() {
                of_right.push(substitute(condition, &|i| column(i - width))?);
            } else {
                rest.push(condition);
            }
        }
        *conditions = rest;
        for (side, conditions) in [(left, of_left), (right, of_right)] {
            if let Some(condition) = utils::conjunction(conditions) {
                let columns = side.columns[..side.width].to_vec();
                let exprs = (0..side.width).map(column).collect();
                side.input = self.calc(side.input, exprs, Some(condition), columns)?;
            }
        }
        Ok(())
    }

    pub(super) fn with_computed(&mut self, side: &Side) -> Result<usize> {
        if side.computed.is_empty() {
            return Ok(side.input);
        }
        let exprs = (0..side.width)
            .map(column)
            .chain(side.computed.iter().cloned())
            .collect();
        self.calc(side.input, exprs, None, side.columns.clone())
    }

    /// What brings the rows together in time. Takes out of `conditions` what it expresses.
    fn join_time(
        &self,
        left: &mut Side,
        right: &mut Side,
        null_safe: &mut Vec<bool>,
        conditions: &mut Vec<Expr>,
        both: &[PlanColumn],
    ) -> Result<JoinTime> {
        let nodes = self.graph.nodes();
        let (l, r) = (&nodes[left.input], &nodes[right.input]);
        let append = l.changelog == ChangelogMode::Append && r.changelog == ChangelogMode::Append;
        if let (Some(a), Some(b)) = (&l.window, &r.window)
            && let (Some(a_start), Some(a_end), Some(b_start), Some(b_end)) =
                (a.start, a.end, b.start, b.end)
            && append
        {
            let pair = |x: usize, y: usize| {
                left.keys
                    .iter()
                    .zip(&right.keys)
                    .position(|(a, b)| *a == x && *b == y)
            };
            if let (Some(start), Some(end)) = (pair(a_start, b_start), pair(a_end, b_end)) {
                if a.window != b.window {
                    return plan_err!(
                        "a window join takes equal windows on both sides, as in Flink: {} and {} differ",
                        a.window,
                        b.window
                    );
                }
                if a.processing || b.processing {
                    return plan_err!(
                        "a window join in processing time is not supported, as in Flink"
                    );
                }
                // The window is matched by its end alone; sessions of one end may differ in length.
                let mut drop = match a.window {
                    Window::Session { .. } => vec![end],
                    _ => vec![start, end],
                };
                drop.sort_unstable();
                for at in drop.into_iter().rev() {
                    left.keys.remove(at);
                    right.keys.remove(at);
                    null_safe.remove(at);
                }
                return Ok(JoinTime::Window {
                    left_end: a_end,
                    right_end: b_end,
                });
            }
        }
        if append {
            let width = left.width;
            let mut bounds = (None, None, None);
            let mut used = Vec::new();
            for (at, condition) in conditions.iter().enumerate() {
                let Some(found) = time_bounds(condition, width, both) else {
                    continue;
                };
                if bounds.0.is_some_and(|pair| pair != found.pair) {
                    continue;
                }
                bounds.0 = Some(found.pair);
                bounds.1 = max_of(bounds.1, found.lower);
                bounds.2 = min_of(bounds.2, found.upper);
                used.push(at);
            }
            if let (Some((l, r)), Some(lower), Some(upper)) = bounds {
                if both[l].time != both[r].time {
                    return plan_err!(
                        "an interval join compares two event times or two processing times, as in \
                         Flink; '{}' and '{}' are one of each",
                        both[l].name,
                        both[r].name
                    );
                }
                for at in used.into_iter().rev() {
                    conditions.remove(at);
                }
                return Ok(JoinTime::Interval {
                    left: l,
                    right: r - width,
                    lower,
                    upper,
                });
            }
        }
        Ok(JoinTime::Regular)
    }

    /// The join operator over two inputs.
    pub(super) fn push_join(
        &mut self,
        on: JoinOn,
        time: JoinTime,
        left: usize,
        right: usize,
    ) -> Result<usize> {
        let (l, r) = (&self.graph.nodes()[left], &self.graph.nodes()[right]);
        let (lw, rw) = (l.columns.len(), r.columns.len());
        let nullable = |column: &PlanColumn, padded: bool| PlanColumn {
            field: if padded {
                std::sync::Arc::new(column.field.as_ref().clone().with_nullable(true))
            } else {
                std::sync::Arc::clone(&column.field)
            },
            ..column.clone()
        };
        let kind = on.kind;
        let mut columns: Vec<PlanColumn> = l
            .columns
            .iter()
            .map(|c| nullable(c, kind.pads_right()))
            .collect();
        if kind.gives_right() {
            columns.extend(r.columns.iter().map(|c| nullable(c, kind.pads_left())));
        }
        // Rows of a regular join come out whenever their partner does: no column is their time.
        match time {
            JoinTime::Regular => columns.iter_mut().for_each(|c| c.time = None),
            JoinTime::Temporal { .. } => columns[lw..].iter_mut().for_each(|c| c.time = None),
            JoinTime::Interval { .. } | JoinTime::Window { .. } => {}
        }
        let appends = l.changelog == ChangelogMode::Append && r.changelog == ChangelogMode::Append;
        let changelog = match (time, kind) {
            (JoinTime::Regular, JoinKind::Inner | JoinKind::Semi) if appends => {
                ChangelogMode::Append
            }
            (JoinTime::Regular, _) => ChangelogMode::Retract,
            (JoinTime::Temporal { .. }, _) => l.changelog,
            _ => ChangelogMode::Append,
        };
        let within = |key: &Option<Vec<usize>>, on: &[usize]| {
            key.as_ref()
                .is_some_and(|key| key.iter().all(|k| on.contains(k)))
        };
        let left_unique = within(&l.upsert_key, &on.left);
        let right_unique = within(&r.upsert_key, &on.right);
        let shifted: Option<Vec<usize>> = r
            .upsert_key
            .as_ref()
            .map(|key| key.iter().map(|k| k + lw).collect());
        let union = match (&l.upsert_key, &shifted) {
            (Some(a), Some(b)) => Some(a.iter().chain(b).copied().collect()),
            _ => None,
        };
        let upsert_key = match kind {
            JoinKind::Semi | JoinKind::Anti => l.upsert_key.clone(),
            JoinKind::Inner if right_unique && l.upsert_key.is_some() => l.upsert_key.clone(),
            JoinKind::Inner if left_unique && shifted.is_some() => shifted,
            JoinKind::Left if right_unique && l.upsert_key.is_some() => l.upsert_key.clone(),
            JoinKind::Right if left_unique && shifted.is_some() => shifted,
            _ => union,
        };
        let window = match time {
            JoinTime::Window { .. } => l.window.clone(),
            _ => None,
        };
        debug_assert!(rw == r.columns.len());
        let index = self.push(StreamOp::Join { on, time }, vec![left, right], columns);
        self.update(index, |node| {
            node.changelog = changelog;
            node.upsert_key = upsert_key;
            node.window = window;
        });
        Ok(index)
    }
}

/// Whether an expression over these columns may be NULL.
fn nullable(expr: &Expr, columns: &[PlanColumn]) -> Result<bool> {
    expr.nullable(positional_schema(columns)?.as_ref())
}

/// `l = r` or `l IS NOT DISTINCT FROM r` with a side each: the two, and whether NULL equals NULL.
fn equality(condition: &Expr, width: usize) -> Option<(Expr, Expr, bool)> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else {
        return None;
    };
    let safe = match op {
        Operator::Eq => false,
        Operator::IsNotDistinctFrom => true,
        _ => return None,
    };
    let side = |e: &Expr| {
        let columns = columns_of(e);
        let left = columns.iter().any(|&i| i < width);
        let right = columns.iter().any(|&i| i >= width);
        (left, right)
    };
    match (side(left), side(right)) {
        ((true, false), (false, true)) => {
            Some((left.as_ref().clone(), right.as_ref().clone(), safe))
        }
        ((false, true), (true, false)) => {
            Some((right.as_ref().clone(), left.as_ref().clone(), safe))
        }
        _ => None,
    }
}

/// Bounds of the left time minus the right one, in milliseconds.
struct Bounds {
    /// Positions of the two time attributes over both inputs.
    pair: (usize, usize),
    lower: Option<i64>,
    upper: Option<i64>,
}

fn max_of(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    }
}

fn min_of(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// What a condition says about the distance of the two sides' time attributes.
fn time_bounds(condition: &Expr, width: usize, both: &[PlanColumn]) -> Option<Bounds> {
    match condition {
        Expr::Between(between) if !between.negated => {
            let low = comparison(&between.expr, Operator::GtEq, &between.low, width, both)?;
            let high = comparison(&between.expr, Operator::LtEq, &between.high, width, both)?;
            (low.pair == high.pair).then_some(Bounds {
                pair: low.pair,
                lower: max_of(low.lower, high.lower),
                upper: min_of(low.upper, high.upper),
            })
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            comparison(left, *op, right, width, both)
        }
        _ => None,
    }
}

fn comparison(
    left: &Expr,
    op: Operator,
    right: &Expr,
    width: usize,
    both: &[PlanColumn],
) -> Option<Bounds> {
    let (a, a_offset) = shifted_time(left, both)?;
    let (b, b_offset) = shifted_time(right, both)?;
    // a + a_offset op b + b_offset, so a - b op b_offset - a_offset.
    let distance = b_offset - a_offset;
    let (pair, op, distance) = match (a < width, b < width) {
        (true, false) => ((a, b), op, distance),
        (false, true) => ((b, a), op.swap()?, -distance),
        _ => return None,
    };
    let (lower, upper) = match op {
        Operator::Eq => (Some(distance), Some(distance)),
        Operator::GtEq => (Some(distance), None),
        Operator::Gt => (Some(distance + 1), None),
        Operator::LtEq => (None, Some(distance)),
        Operator::Lt => (None, Some(distance - 1)),
        _ => return None,
    };
    Some(Bounds { pair, lower, upper })
}

/// A time attribute plus a constant: its position and the constant in milliseconds.
fn shifted_time(expr: &Expr, both: &[PlanColumn]) -> Option<(usize, i64)> {
    match without_casts(expr) {
        Expr::Column(_) => {
            let position = plain_column(without_casts(expr))?;
            both[position].time?;
            Some((position, 0))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let constant = |e: &Expr| match without_casts(e) {
                Expr::Literal(value, _) => interval_millis(value),
                _ => None,
            };
            match op {
                Operator::Plus => match (shifted_time(left, both), constant(right)) {
                    (Some((position, offset)), Some(millis)) => Some((position, offset + millis)),
                    _ => {
                        let (position, offset) = shifted_time(right, both)?;
                        Some((position, offset + constant(left)?))
                    }
                },
                Operator::Minus => {
                    let (position, offset) = shifted_time(left, both)?;
                    Some((position, offset - constant(right)?))
                }
                _ => None,
            }
        }
        _ => None,
    }
}
