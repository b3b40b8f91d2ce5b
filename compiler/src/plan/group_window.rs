//! Group windows: `GROUP BY TUMBLE(ts, INTERVAL '1' MINUTE)` and its kin, which came before the window
//! table functions.
//!
//! `TUMBLE(…)`, `HOP(…)` and `SESSION(…)` among the keys stand for the window a row is in, and
//! `TUMBLE_START(…)`, `…_END`, `…_ROWTIME` and `…_PROCTIME` of the same arguments for its times. In the
//! tree each becomes a marker function that DataFusion binds like any other, so that a time in
//! SELECT is found to be a key; the aggregation takes the window off its keys ([`of_keys`]).

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, TimeUnit};
use datafusion_common::{DataFusionError, Result, internal_err, plan_err};
use datafusion_expr::function::AccumulatorArgs;
use datafusion_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Expr, ReturnFieldArgs,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion_sql::sqlparser::ast::{
    self, FunctionArguments, GroupByExpr, VisitMut, VisitorMut, visit_expressions_mut,
};
use millstream_functions::interval_millis;
use millstream_functions::types::{FlinkType, TypeKind};
use millstream_functions::window::Window;

use super::stream::{PlanColumn, plain_column};
use super::translate::unaliased;
use super::tvf::window_time_type;
use super::windows::WindowColumn;

const MARKERS: [(&str, WindowColumn); 3] = [
    ("__window_start", WindowColumn::Start),
    ("__window_end", WindowColumn::End),
    ("__window_time", WindowColumn::Time),
];

/// Rewrites the group windows of a query, and of those inside it.
pub(super) fn rewrite(query: &mut ast::Query) -> Result<()> {
    struct Rewriter;
    impl VisitorMut for Rewriter {
        type Break = DataFusionError;
        fn post_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<DataFusionError> {
            match rewrite_set(&mut query.body) {
                Ok(windowed) => {
                    if windowed {
                        let _ = visit_expressions_mut(&mut query.order_by, time_as_marker);
                    }
                    ControlFlow::Continue(())
                }
                Err(error) => ControlFlow::Break(error),
            }
        }
    }
    match query.visit(&mut Rewriter) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Whether it is a SELECT by a group window, so that its ORDER BY may name the window's times.
fn rewrite_set(set: &mut ast::SetExpr) -> Result<bool> {
    match set {
        ast::SetExpr::Select(select) => rewrite_select(select),
        ast::SetExpr::SetOperation { left, right, .. } => {
            rewrite_set(left)?;
            rewrite_set(right)?;
            Ok(false)
        }
        _ => Ok(false),
    }
}

fn rewrite_select(select: &mut ast::Select) -> Result<bool> {
    let _ = visit_expressions_mut(&mut select.projection, as_bigint);
    let _ = visit_expressions_mut(&mut select.having, as_bigint);
    let GroupByExpr::Expressions(keys, _) = &mut select.group_by else {
        return Ok(false);
    };
    let is_window = |e: &ast::Expr| called(e).is_some_and(|(name, _)| KINDS.contains(&&*name));
    match keys.iter().filter(|key| is_window(key)).count() {
        0 => return Ok(false),
        1 => {}
        _ => return plan_err!("GROUP BY takes one group window, as in Flink"),
    }
    for key in std::mem::take(keys) {
        match called(&key).filter(|_| is_window(&key)) {
            Some((name, args)) => {
                keys.extend(MARKERS.map(|(marker, _)| call(marker, &name, args.clone())));
            }
            None => keys.push(key),
        }
    }
    let _ = visit_expressions_mut(&mut select.projection, time_as_marker);
    let _ = visit_expressions_mut(&mut select.having, time_as_marker);
    Ok(true)
}

/// Writes a call that names a time of the window as a marker.
fn time_as_marker(e: &mut ast::Expr) -> ControlFlow<()> {
    if let Some((name, args)) = called(e)
        && let Some((kind, what)) = name.rsplit_once('_')
        && KINDS.contains(&kind)
    {
        let marker = match what {
            "START" => "__window_start",
            "END" => "__window_end",
            "ROWTIME" | "PROCTIME" => "__window_time",
            _ => return ControlFlow::Continue(()),
        };
        *e = call(marker, kind, args);
    }
    ControlFlow::Continue(())
}

/// `GROUPING` and its other name are one function, which gives a BIGINT.
fn as_bigint(e: &mut ast::Expr) -> ControlFlow<()> {
    use crate::sql::markers;
    if let ast::Expr::Function(f) = e
        && matches!(
            f.name.to_string().to_uppercase().as_str(),
            "GROUPING" | "GROUPING_ID"
        )
    {
        f.name = ast::ObjectName::from(vec![ast::Ident::new("grouping")]);
        *e = markers::call(
            ast::Ident::new(markers::CAST),
            vec![e.clone(), markers::text("BIGINT")],
        );
    }
    ControlFlow::Continue(())
}

const KINDS: [&str; 3] = ["TUMBLE", "HOP", "SESSION"];

/// The name in capitals and the arguments of a call.
fn called(e: &ast::Expr) -> Option<(String, Vec<ast::FunctionArg>)> {
    match e {
        ast::Expr::Function(f) => match &f.args {
            FunctionArguments::List(list) if f.over.is_none() => {
                Some((f.name.to_string().to_uppercase(), list.args.clone()))
            }
            _ => None,
        },
        _ => None,
    }
}

/// `marker('KIND', args…)`
fn call(marker: &str, kind: &str, args: Vec<ast::FunctionArg>) -> ast::Expr {
    let mut call = crate::sql::markers::call(
        ast::Ident::new(marker),
        vec![crate::sql::markers::text(kind)],
    );
    if let ast::Expr::Function(f) = &mut call
        && let FunctionArguments::List(list) = &mut f.args
    {
        list.args.extend(args);
    }
    call
}

/// The marker function of this name.
pub(super) fn marker(name: &str) -> Option<Arc<ScalarUDF>> {
    let (name, column) = MARKERS.into_iter().find(|(marker, _)| *marker == name)?;
    Some(Arc::new(ScalarUDF::new_from_impl(Marker {
        name,
        column,
        signature: Signature::variadic_any(Volatility::Immutable),
    })))
}

/// `GROUPING(a, …)`: which of its arguments are no keys of the row's grouping set. Where it stands in an
/// aggregation DataFusion replaces it by what it knows of the set.
pub(super) fn grouping(name: &str) -> Option<Arc<AggregateUDF>> {
    name.eq_ignore_ascii_case("grouping").then(|| {
        Arc::new(AggregateUDF::new_from_impl(Grouping {
            signature: Signature::variadic_any(Volatility::Immutable),
        }))
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Grouping {
    signature: Signature,
}

impl AggregateUDFImpl for Grouping {
    fn name(&self) -> &str {
        "grouping"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int32)
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        plan_err!("GROUPING stands beside the keys of a GROUP BY")
    }
}

/// A time of the window that a row is in; only an aggregation knows it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Marker {
    name: &'static str,
    column: WindowColumn,
    signature: Signature,
}

impl ScalarUDFImpl for Marker {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Timestamp(TimeUnit::Millisecond, None))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let plain = FlinkType::new(TypeKind::Timestamp(3)).not_null();
        let ty = match (self.column, args.arg_fields.get(1)) {
            (WindowColumn::Time, Some(time)) => window_time_type(time),
            _ => plain,
        };
        Ok(Arc::new(ty.to_field(self.name)))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("{} is a key of an aggregation", self.name)
    }
}

/// Which time of the window a key stands for.
pub(super) fn role(key: &Expr) -> Option<WindowColumn> {
    match key {
        Expr::Alias(alias) => role(&alias.expr),
        Expr::ScalarFunction(call) => {
            let mut markers = MARKERS.into_iter();
            markers
                .find(|(name, _)| *name == call.func.name())
                .map(|(_, column)| column)
        }
        _ => None,
    }
}

/// The window among the keys of an aggregation and the position of its time attribute.
pub(super) fn of_keys(keys: &[Expr], columns: &[PlanColumn]) -> Result<Option<(Window, usize)>> {
    let key = keys.iter().find(|key| role(key).is_some());
    let Some(Expr::ScalarFunction(call)) = key.map(unaliased) else {
        return Ok(None);
    };
    let text = |e: &Expr| match e {
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
        _ => None,
    };
    let [kind, time, lengths @ ..] = call.args.as_slice() else {
        return internal_err!("a group window has a kind and a time");
    };
    let kind = text(kind).unwrap_or_default();
    let Some(position) = plain_column(time).filter(|&at| columns[at].time.is_some()) else {
        return plan_err!(
            "{kind} in GROUP BY takes a time attribute, as in Flink; declare WATERMARK FOR it or \
             make it with PROCTIME(), and pass it on unchanged"
        );
    };
    let lengths = lengths
        .iter()
        .map(|e| match e {
            Expr::Literal(value, _) => match interval_millis(value) {
                Some(millis) if millis > 0 => Ok(millis),
                _ => plan_err!("{kind} takes lengths of time above zero, not {e}"),
            },
            other => plan_err!("{kind} takes constant intervals, not {other}"),
        })
        .collect::<Result<Vec<i64>>>()?;
    let window = match (kind.as_str(), lengths.as_slice()) {
        ("TUMBLE", [size]) => Window::Tumble {
            size: *size,
            offset: 0,
        },
        ("HOP", [slide, size]) => Window::Hop {
            size: *size,
            slide: *slide,
            offset: 0,
        },
        ("SESSION", [gap]) => Window::Session { gap: *gap },
        ("HOP", _) => return plan_err!("HOP in GROUP BY is written HOP(time, slide, size)"),
        _ => return plan_err!("{kind} in GROUP BY is written {kind}(time, length)"),
    };
    Ok(Some((window, position)))
}
