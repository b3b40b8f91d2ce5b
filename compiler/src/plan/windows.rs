//! Windows: the window table functions and the aggregations over what they give.

use datafusion_common::{Result, internal_err, not_impl_err, plan_err};
use datafusion_expr::logical_plan as lp;
use datafusion_expr::{Expr, lit};
use millstream_functions::aggregate::AggregateKind;
use millstream_functions::types::{FlinkType, TypeKind};
use millstream_functions::window::{SliceOrder, Window};
use millstream_functions::{Zone, in_zone};

use super::functions::catalog;
use super::group_window;
use super::stream::{
    AggregateCall, AttachedWindow, ChangelogMode, PlanColumn, StreamOp, TimeAttribute, column,
    columns_of, plain_column, substitute,
};
use super::translate::{Translator, computed_column, unaliased};
use super::tvf::{WINDOW_COLUMNS, WindowTvfNode, window_time_type};

/// A time of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum WindowColumn {
    Start,
    End,
    Time,
}

/// What a window aggregation is over.
struct Windowed {
    /// The operator whose rows are aggregated.
    below: usize,
    /// The columns of the query's input.
    columns: Vec<PlanColumn>,
    /// Each of them over the columns of `below`.
    through: Vec<Expr>,
    /// Which of the rows.
    condition: Option<Expr>,
    window: Window,
    /// Position of the time attribute in `below`, or of the end of the window it carries.
    rowtime: usize,
    /// Positions of start and end of the window that rows of `below` carry.
    attached: Option<(usize, usize)>,
    /// The zone by whose clock the windows are, if it is not UTC.
    zone: Option<Zone>,
    /// Whether `rowtime` is an instant, of which the wall clock is to be taken first.
    instant: bool,
}

impl Translator<'_> {
    /// A window table function.
    pub(super) fn window_tvf(&mut self, tvf: &WindowTvfNode) -> Result<usize> {
        let input = self.translate(&tvf.input)?;
        let columns = self.graph.nodes()[input].columns.clone();
        let time = &columns[tvf.time_column];
        let Some(attribute) = time.time else {
            return plan_err!(
                "the window needs a time attribute, but '{}' is none; \
                 declare WATERMARK FOR it on the source table and pass it on unchanged",
                time.name
            );
        };
        let zone = self.zone()?;
        if zone != Zone::Utc && matches!(time.flink_type().kind, TypeKind::TimestampLtz(_)) {
            return self.local_window_tvf(tvf, input, attribute, zone);
        }
        let width = columns.len();
        let mut outputs = columns;
        outputs.extend((0..3).map(|i| {
            let field = tvf.schema.field(width + i);
            PlanColumn::new(field.name(), field)
        }));
        // Of the time attributes only window_time goes on, as in Flink.
        for output in &mut outputs {
            output.time = None;
        }
        outputs[width + 2].time = Some(attribute);
        let index = self.push(
            StreamOp::WindowTvf {
                window: tvf.window,
                rowtime: tvf.time_column,
                partition: tvf.partition.clone(),
            },
            vec![input],
            outputs,
        );
        self.update(index, |node| {
            node.window = Some(AttachedWindow {
                window: tvf.window,
                start: Some(width),
                end: Some(width + 1),
                time: Some(width + 2),
                processing: attribute == TimeAttribute::Proctime,
                local: false,
            });
        });
        Ok(index)
    }

    /// A window table function by the clock of the session's zone: over the wall clock of the time
    /// attribute, which stands behind the input's columns.
    fn local_window_tvf(
        &mut self,
        tvf: &WindowTvfNode,
        input: usize,
        attribute: TimeAttribute,
        zone: Zone,
    ) -> Result<usize> {
        if attribute == TimeAttribute::Proctime {
            return not_impl_err!(
                "windows of processing time in a 'table.local-time-zone' other than UTC are not \
                 supported; windows of event time are"
            );
        }
        let columns = self.graph.nodes()[input].columns.clone();
        let width = columns.len();
        let clock = wall_clock(column(tvf.time_column), zone)?;
        let mut exprs: Vec<Expr> = (0..width).map(column).collect();
        let mut outputs = columns.clone();
        outputs.push(computed_column(&clock, &columns)?);
        exprs.push(clock);
        let below = self.calc(input, exprs, None, outputs.clone())?;
        let timestamp = FlinkType::new(TypeKind::Timestamp(3)).not_null();
        outputs.extend(WINDOW_COLUMNS.map(|name| PlanColumn::new(name, &timestamp.to_field(name))));
        for output in &mut outputs {
            output.time = None;
        }
        let window = |time: Option<usize>, start: usize| AttachedWindow {
            window: tvf.window,
            start: Some(start),
            end: Some(start + 1),
            time,
            processing: false,
            local: true,
        };
        let index = self.push(
            StreamOp::WindowTvf {
                window: tvf.window,
                rowtime: width,
                partition: tvf.partition.clone(),
            },
            vec![below],
            outputs.clone(),
        );
        self.update(index, |node| {
            node.window = Some(window(Some(width + 3), width + 1));
        });
        // The clock goes; the window's time is an instant again.
        let kept: Vec<usize> = (0..width).chain([width + 1, width + 2]).collect();
        let mut exprs: Vec<Expr> = kept.iter().map(|&i| column(i)).collect();
        let mut columns: Vec<PlanColumn> = kept.iter().map(|&i| outputs[i].clone()).collect();
        exprs.push(instant(column(width + 3), zone)?);
        let field = tvf.schema.field(width + 2);
        columns.push(PlanColumn {
            time: Some(attribute),
            ..PlanColumn::new(field.name(), field)
        });
        let index = self.calc(index, exprs, None, columns)?;
        self.update(index, |node| {
            node.window = Some(window(Some(width + 2), width));
        });
        Ok(index)
    }

    /// `GROUP BY`: over windows if their start and end are among the keys.
    pub(super) fn aggregate(&mut self, aggregate: &lp::Aggregate) -> Result<usize> {
        let input = self.translate(&aggregate.input)?;
        if matches!(aggregate.group_expr.as_slice(), [Expr::GroupingSet(_)]) {
            return self.grouping_sets(input, aggregate);
        }
        let schema = aggregate.input.schema();
        let columns = self.graph.nodes()[input].columns.clone();
        let keys = aggregate
            .group_expr
            .iter()
            .map(|e| self.expression(e, schema, &columns))
            .collect::<Result<Vec<_>>>()?;
        if let Some((window, rowtime)) = group_window::of_keys(&keys, &columns)? {
            let roles: Vec<_> = keys.iter().map(group_window::role).collect();
            let zone = self.zone()?;
            let zoned = matches!(
                columns[rowtime].flink_type().kind,
                TypeKind::TimestampLtz(_)
            );
            let zone = (zoned && zone != Zone::Utc).then_some(zone);
            if zone.is_some() && columns[rowtime].time == Some(TimeAttribute::Proctime) {
                return not_impl_err!(
                    "windows of processing time in a 'table.local-time-zone' other than UTC are not \
                     supported; windows of event time are"
                );
            }
            let windowed = Windowed {
                below: input,
                through: (0..columns.len()).map(column).collect(),
                columns,
                condition: None,
                window,
                rowtime,
                attached: None,
                zone,
                instant: zone.is_some(),
            };
            return self.window_aggregate(aggregate, &keys, &roles, windowed, false);
        }
        let roles = self.window_roles(input, &keys);
        match self.windowed(input, aggregate, &keys, &roles)? {
            Some(windowed) => self.window_aggregate(aggregate, &keys, &roles, windowed, true),
            None => self.group_aggregate(input, aggregate),
        }
    }

    /// Which keys are columns of the window that rows of `input` carry.
    fn window_roles(&self, input: usize, keys: &[Expr]) -> Vec<Option<WindowColumn>> {
        let window = self.graph.nodes()[input].window.as_ref();
        let role = |key: &Expr| {
            let (position, window) = (plain_column(key), window?);
            position?;
            match position {
                p if p == window.start => Some(WindowColumn::Start),
                p if p == window.end => Some(WindowColumn::End),
                p if p == window.time => Some(WindowColumn::Time),
                _ => None,
            }
        };
        keys.iter().map(role).collect()
    }

    /// What the aggregation is over; `None` if it is one without windows.
    fn windowed(
        &self,
        input: usize,
        aggregate: &lp::Aggregate,
        keys: &[Expr],
        roles: &[Option<WindowColumn>],
    ) -> Result<Option<Windowed>> {
        let by = |role| roles.contains(&Some(role));
        let zone = self.zone()?;
        let nodes = self.graph.nodes();
        let Some(attached) = nodes[input].window.clone() else {
            return Ok(None);
        };
        let (true, true, Some(start), Some(end)) = (
            by(WindowColumn::Start),
            by(WindowColumn::End),
            attached.start,
            attached.end,
        ) else {
            return Ok(None);
        };
        let zone = attached.local.then_some(zone);
        let (tvf, through, condition) = self.peel_to_window(input)?;
        let others = || keys.iter().zip(roles).filter(|(_, role)| role.is_none());
        let mut sessions_fit = false;
        if let StreamOp::WindowTvf {
            window,
            rowtime,
            partition,
        } = &nodes[tvf].op
        {
            let below = nodes[tvf].inputs[0];
            let width = nodes[below].columns.len();
            // Sessions of the keys are aggregated as they merge; others must be whole first.
            let own = others()
                .map(|(key, _)| substitute(key.clone(), &|i| through[i].clone()))
                .map(|key| Ok(plain_column(&key?)))
                .collect::<Result<Vec<Option<usize>>>>()?;
            sessions_fit = own.len() == partition.len()
                && own
                    .iter()
                    .all(|k| k.is_some_and(|k| partition.contains(&k)));
            // Everything the aggregation reads is there before the function adds the window.
            let mut reads: Vec<Expr> = others().map(|(key, _)| key.clone()).collect();
            let columns = &nodes[input].columns;
            for call in &aggregate.aggr_expr {
                if let Expr::AggregateFunction(function) = unaliased(call) {
                    let params = &function.params;
                    for e in params.args.iter().chain(params.filter.as_deref()) {
                        if !super::translate::is_any_row(e) {
                            reads.push(self.expression(e, aggregate.input.schema(), columns)?);
                        }
                    }
                }
            }
            let mut plain = condition
                .iter()
                .all(|c| columns_of(c).iter().all(|&i| i < width));
            for read in reads {
                let lowered = substitute(read, &|i| through[i].clone())?;
                plain &= columns_of(&lowered).iter().all(|&i| i < width);
            }
            let session = matches!(window, Window::Session { .. });
            if plain && (!session || sessions_fit) {
                return Ok(Some(Windowed {
                    below,
                    columns: columns.clone(),
                    through,
                    condition,
                    window: *window,
                    rowtime: *rowtime,
                    attached: None,
                    zone,
                    instant: false,
                }));
            }
        }
        let session = matches!(attached.window, Window::Session { .. });
        if attached.processing || (session && !sessions_fit) {
            return Ok(None);
        }
        Ok(Some(Windowed {
            below: input,
            through: (0..nodes[input].columns.len()).map(column).collect(),
            columns: nodes[input].columns.clone(),
            condition: None,
            window: attached.window,
            rowtime: end,
            attached: Some((start, end)),
            zone,
            instant: false,
        }))
    }

    /// An aggregation over windows; `attach` says whether its rows carry their window on.
    fn window_aggregate(
        &mut self,
        aggregate: &lp::Aggregate,
        keys: &[Expr],
        roles: &[Option<WindowColumn>],
        windowed: Windowed,
        attach: bool,
    ) -> Result<usize> {
        let schema = aggregate.input.schema();
        let below_columns = self.graph.nodes()[windowed.below].columns.clone();
        let through = &windowed.through;
        let lower = |e: Expr| -> Result<Expr> { substitute(e, &|i| through[i].clone()) };
        let mut exprs: Vec<Expr> = Vec::new();
        let mut below_outputs: Vec<PlanColumn> = Vec::new();
        let mut place = |e: Expr, name: Option<&str>| -> Result<usize> {
            if let Some(i) = exprs.iter().position(|known| *known == e) {
                return Ok(i);
            }
            let output = match plain_column(&e) {
                Some(i) => below_columns[i].clone(),
                None => computed_column(&e, &below_columns)?,
            };
            below_outputs.push(match name {
                Some(name) => output.renamed(name),
                None => output,
            });
            exprs.push(e);
            Ok(exprs.len() - 1)
        };
        let mut key_positions = Vec::new();
        for (i, (key, role)) in keys.iter().zip(roles).enumerate() {
            if role.is_none() {
                let name = aggregate.schema.field(i).name();
                key_positions.push(place(lower(key.clone())?, Some(name))?);
            }
        }
        let mut calls = Vec::new();
        for (i, e) in aggregate.aggr_expr.iter().enumerate() {
            let field = aggregate.schema.field(keys.len() + i);
            let mut place = |e| place(lower(e)?, None);
            let call = self.aggregate_call(e, field, schema, &windowed.columns, &mut place)?;
            if call.kind == AggregateKind::ApproxCountDistinct {
                return plan_err!(
                    "APPROX_COUNT_DISTINCT over a window is not supported, as in Flink; use \
                     COUNT(DISTINCT …)"
                );
            }
            let json = [AggregateKind::JsonArrayAgg, AggregateKind::JsonObjectAgg];
            if !attach && json.contains(&call.kind) {
                return plan_err!(
                    "{} over a group window is not supported, as in Flink; use a window table function",
                    call.kind.shown()
                );
            }
            let ordered = matches!(
                call.kind,
                AggregateKind::FirstValue | AggregateKind::LastValue | AggregateKind::JsonArrayAgg
            );
            let tumbles = matches!(windowed.window, Window::Tumble { .. });
            if ordered && !tumbles && windowed.attached.is_none() {
                return plan_err!(
                    "{} over {} is not supported, as in Flink: its parts cannot be merged; use TUMBLE, \
                     or ARRAY_AGG, MIN or MAX",
                    call.kind.shown(),
                    windowed.window
                );
            }
            calls.push(call);
        }
        let rowtime = match windowed.zone.filter(|_| windowed.instant) {
            Some(zone) => place(wall_clock(column(windowed.rowtime), zone)?, None)?,
            None => place(column(windowed.rowtime), None)?,
        };
        let attached = match windowed.attached {
            Some((start, end)) => Some((place(column(start), None)?, place(column(end), None)?)),
            None => None,
        };
        let time_field = std::sync::Arc::clone(&below_columns[windowed.rowtime].field);
        let processing = below_columns[windowed.rowtime].time == Some(TimeAttribute::Proctime);
        let time_type = match windowed.zone {
            Some(_) => FlinkType::new(TypeKind::Timestamp(3)).not_null(),
            None => window_time_type(&time_field),
        };
        let calc = self.calc(windowed.below, exprs, windowed.condition, below_outputs)?;
        let key_count = key_positions.len();
        let call_count = calls.len();
        let slices = match attached {
            None => slice_order(windowed.window, attach, &calls),
            Some(_) => None,
        };
        let index = self.push_window_aggregate(
            calc,
            WindowAggregation {
                window: windowed.window,
                rowtime,
                attached,
                keys: key_positions,
                calls,
                local: windowed.zone.is_some(),
                slices,
            },
            &time_type,
            processing,
        );
        let window_at = key_count + call_count;
        if !attach {
            self.update(index, |node| node.window = None);
        }
        // Back into the order that the query's plan expects.
        let mut next_key = 0..key_count;
        let positions = roles
            .iter()
            .map(|role| match role {
                Some(WindowColumn::Start) => window_at,
                Some(WindowColumn::End) => window_at + 1,
                Some(WindowColumn::Time) => window_at + 2,
                None => next_key.next().unwrap_or(0),
            })
            .chain(key_count..key_count + call_count)
            .collect::<Vec<_>>();
        let outputs = self.graph.nodes()[index].columns.clone();
        let mut renamed: Vec<PlanColumn> = positions
            .iter()
            .zip(aggregate.schema.fields())
            .map(|(&p, f)| outputs[p].renamed(f.name()))
            .collect();
        let mut exprs: Vec<Expr> = positions.iter().copied().map(column).collect();
        // The time of a window by the wall clock is an instant again.
        let mut time = None;
        if let Some(zone) = windowed.zone {
            for (at, &p) in positions.iter().enumerate() {
                if p == window_at + 2 {
                    exprs[at] = instant(column(p), zone)?;
                    let ltz = FlinkType::new(TypeKind::TimestampLtz(3)).not_null();
                    renamed[at] = PlanColumn {
                        time: renamed[at].time,
                        ..PlanColumn::new(&renamed[at].name, &ltz.to_field(&renamed[at].name))
                    };
                    time = Some(at);
                }
            }
        }
        let index = self.calc(index, exprs, None, renamed)?;
        if time.is_some() {
            self.update(index, |node| {
                if let Some(window) = &mut node.window {
                    window.time = time;
                }
            });
        }
        Ok(index)
    }

    fn push_window_aggregate(
        &mut self,
        input: usize,
        aggregation: WindowAggregation,
        time: &FlinkType,
        processing: bool,
    ) -> usize {
        let WindowAggregation {
            window,
            rowtime,
            attached,
            keys,
            calls,
            local,
            slices,
        } = aggregation;
        let columns = &self.graph.nodes()[input].columns;
        let mut outputs: Vec<PlanColumn> = keys
            .iter()
            .map(|&k| PlanColumn {
                time: None,
                ..columns[k].clone()
            })
            .collect();
        outputs.extend(calls.iter().map(|c| c.output.clone()));
        let at = outputs.len();
        let timestamp = FlinkType::new(TypeKind::Timestamp(3)).not_null();
        for (name, ty) in WINDOW_COLUMNS
            .into_iter()
            .zip([&timestamp, &timestamp, time])
        {
            outputs.push(PlanColumn::new(name, &ty.to_field(name)));
        }
        outputs[at + 2].time = Some(match processing {
            true => TimeAttribute::Proctime,
            false => TimeAttribute::Rowtime,
        });
        let key = (0..keys.len()).chain([at, at + 1]).collect();
        let index = self.push(
            StreamOp::WindowAggregate {
                window,
                rowtime,
                attached,
                keys,
                calls,
                local,
                slices,
            },
            vec![input],
            outputs,
        );
        self.update(index, |node| {
            node.changelog = ChangelogMode::Append;
            node.upsert_key = Some(key);
            node.window = Some(AttachedWindow {
                window,
                start: Some(at),
                end: Some(at + 1),
                time: Some(at + 2),
                processing,
                local,
            });
        });
        index
    }

    /// The keys among `all` that are start and end of the window, if every grouping set is by them.
    pub(super) fn window_of_sets(
        &self,
        input: usize,
        positional: &[Expr],
        sets: &[Vec<Expr>],
        all: &[Expr],
    ) -> Result<Option<(usize, usize)>> {
        if positional.iter().any(|e| group_window::role(e).is_some()) {
            return not_impl_err!(
                "GROUPING SETS beside a group window are not supported; use a window table function"
            );
        }
        let roles = self.window_roles(input, positional);
        let place = |role| roles.iter().position(|r| *r == Some(role));
        let Some(window) = self.graph.nodes()[input].window.as_ref() else {
            return Ok(None);
        };
        let (Some(start), Some(end)) = (place(WindowColumn::Start), place(WindowColumn::End))
        else {
            return Ok(None);
        };
        let always = |at: usize| sets.iter().all(|set| set.contains(&all[at]));
        let session = matches!(window.window, Window::Session { .. });
        if !always(start) || !always(end) || session {
            return Ok(None);
        }
        Ok(Some((start, end)))
    }

    /// An aggregation of rows that carry their window in the columns `window`, by `keys`, among which
    /// these stand; or of rows whose windows are these of the processing time that stands there. Its
    /// columns are the keys in their order, and the calls.
    pub(super) fn push_attached(
        &mut self,
        input: usize,
        keys: Vec<usize>,
        calls: Vec<AggregateCall>,
        (start, end): (usize, usize),
        processing: Option<Window>,
    ) -> Result<usize> {
        let others: Vec<usize> = keys
            .iter()
            .copied()
            .filter(|k| ![start, end].contains(k))
            .collect();
        let of_processing = processing.map(|window| (window, false));
        let window = of_processing.or_else(|| self.window_below(input));
        let Some((window, local)) = window else {
            return not_impl_err!("this use of window columns is not supported yet");
        };
        let call_count = calls.len();
        let slices = processing.and_then(|window| slice_order(window, true, &calls));
        let time = FlinkType::new(TypeKind::Timestamp(3)).not_null();
        let index = self.push_window_aggregate(
            input,
            WindowAggregation {
                window,
                rowtime: end,
                attached: processing.is_none().then_some((start, end)),
                keys: others.clone(),
                calls,
                local,
                slices,
            },
            &time,
            processing.is_some(),
        );
        let at = others.len() + call_count;
        let positions: Vec<usize> = keys
            .iter()
            .map(|&k| match k {
                k if k == start => at,
                k if k == end => at + 1,
                k => others.iter().position(|&other| other == k).unwrap_or(0),
            })
            .chain(others.len()..at)
            .collect();
        let outputs = self.graph.nodes()[index].columns.clone();
        let columns = positions.iter().map(|&p| outputs[p].clone()).collect();
        let exprs = positions.into_iter().map(column).collect();
        self.calc(index, exprs, None, columns)
    }

    /// The windows that the rows of an operator, or of those below it, carry, and whether they are by
    /// the clock of the session's zone.
    fn window_below(&self, index: usize) -> Option<(Window, bool)> {
        let node = &self.graph.nodes()[index];
        match &node.window {
            Some(attached) => Some((attached.window, attached.local)),
            None => self.window_below(*node.inputs.first()?),
        }
    }

    /// Whether a column is the time that a window function behind it goes by.
    pub(super) fn is_window_time(&self, index: usize, column: usize) -> Result<bool> {
        let (tvf, through, _) = self.peel_to_window(index)?;
        Ok(match &self.graph.nodes()[tvf].op {
            StreamOp::WindowTvf { rowtime, .. } => plain_column(&through[column]) == Some(*rowtime),
            _ => false,
        })
    }

    /// Walks down from `index` through Calcs to a window function: its number, each column of
    /// `index` as an expression over its output, and the filter met on the way.
    pub(super) fn peel_to_window(&self, index: usize) -> Result<(usize, Vec<Expr>, Option<Expr>)> {
        let nodes = self.graph.nodes();
        let mut at = index;
        let mut through: Vec<Expr> = (0..nodes[at].columns.len()).map(column).collect();
        let mut condition: Option<Expr> = None;
        while let StreamOp::Calc { exprs, filter } = &nodes[at].op {
            let replace = |i: usize| exprs[i].clone().unalias();
            through = through
                .into_iter()
                .map(|e| substitute(e, &replace))
                .collect::<Result<_>>()?;
            condition = condition.map(|c| substitute(c, &replace)).transpose()?;
            condition = match (condition, filter) {
                (Some(a), Some(b)) => Some(a.and(b.clone())),
                (a, b) => a.or_else(|| b.clone()),
            };
            at = nodes[at].inputs[0];
        }
        Ok((at, through, condition))
    }
}

/// The parts of a window aggregation.
struct WindowAggregation {
    window: Window,
    rowtime: usize,
    attached: Option<(usize, usize)>,
    keys: Vec<usize>,
    calls: Vec<AggregateCall>,
    local: bool,
    slices: Option<SliceOrder>,
}

/// In which order windows are put together of the slices that they share, if a function shows it: `tvf` says
/// whether they come of a table function.
fn slice_order(window: Window, tvf: bool, calls: &[AggregateCall]) -> Option<SliceOrder> {
    let ordered = |call: &AggregateCall| {
        matches!(call.kind, AggregateKind::ListAgg | AggregateKind::ArrayAgg)
    };
    let order = match window {
        Window::Hop { .. } if tvf => SliceOrder::NewestFirst,
        Window::Hop { size, slide, .. } if size % slide == 0 => SliceOrder::OldestFirst,
        Window::Cumulate { .. } => SliceOrder::Steps,
        // Windows that share no slices take rows as they come.
        _ => return None,
    };
    calls.iter().any(ordered).then_some(order)
}

/// What the clock shows at an instant, a TIMESTAMP_LTZ.
fn wall_clock(time: Expr, zone: Zone) -> Result<Expr> {
    cast_in(time, TypeKind::Timestamp(3), zone)
}

/// The instant of a wall clock, a TIMESTAMP.
fn instant(time: Expr, zone: Zone) -> Result<Expr> {
    cast_in(time, TypeKind::TimestampLtz(3), zone)
}

fn cast_in(expr: Expr, to: TypeKind, zone: Zone) -> Result<Expr> {
    match catalog().scalar("__cast") {
        Some(cast) => in_zone(cast.call(vec![expr, lit(to.to_string())]), zone),
        None => internal_err!("there is no CAST"),
    }
}
