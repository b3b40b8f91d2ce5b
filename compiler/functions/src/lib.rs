//! Flink's types, casts, scalar functions and row display, on Arrow and DataFusion.
//!
//! - [`types`]: Flink's data types and how they map to Arrow; [`RowKind`].
//! - [`display`]: values as text, as rows print and as `CAST` to a string gives them.
//! - [`cast`]: `CAST` and `TRY_CAST`.
//! - [`scalar_functions`]: the catalogue, to be registered with the binder, together with
//!   [`expr_planner`] and [`type_planner`]; a bound plan then goes through [`analyze`] *before*
//!   DataFusion's type coercion.
//! - [`function_reference`]: what each function does, for people.
//! - [`aggregate`], [`window`]: what binding knows of aggregate functions and windows.
//!
//! Functions read the session's time zone from DataFusion's `execution.time_zone`.

use std::sync::Arc;

use datafusion_common::Result;
use datafusion_common::tree_node::{Transformed, TreeNode as _};
use datafusion_expr::Expr;
use datafusion_expr::planner::{ExprPlanner, TypePlanner};

pub mod aggregate;
mod analyze;
mod arithmetic;
mod call;
pub mod cast;
mod catalogue;
mod datetime;
mod decimal;
pub mod display;
mod planner;
mod reference;
pub mod row_kind;
mod scalar;
#[cfg(test)]
mod testing;
pub mod types;
pub mod window;

use call::FlinkFunction;

pub use analyze::{analyze, analyze_expr};
pub use catalogue::scalar_functions;
pub use datetime::Zone;
pub use planner::plan_arithmetic;
pub use reference::{FunctionFamily, FunctionHelp, function_help, function_reference};
pub use row_kind::RowKind;
pub use scalar::write_json_text;
pub use types::{
    DayTimeFields, FlinkType, RowField, TYPE_METADATA_KEY, TypeError, TypeKind, YearMonthFields,
    interval_millis, interval_months,
};

/// The argument of a call of `CURRENT_WATERMARK`, if it is one: an operator that knows the watermark puts
/// it in the place of the call.
pub fn current_watermark(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::ScalarFunction(call) if call.func.name() == scalar::CURRENT_WATERMARK => {
            call.args.first()
        }
        _ => None,
    }
}

/// The expression with all its functions computed in a time zone of their own, whatever that of the
/// session in which it is evaluated.
///
/// # Errors
/// None of its own; a tree may fail to be walked.
pub fn in_zone(expr: Expr, zone: Zone) -> Result<Expr> {
    if zone == Zone::Utc {
        // That is what they are computed in anyway.
        return Ok(expr);
    }
    let zoned = expr.transform(|e| {
        Ok(match e {
            Expr::ScalarFunction(mut call) => match FlinkFunction::in_zone(&call.func, zone) {
                Some(function) => {
                    call.func = function;
                    Transformed::yes(Expr::ScalarFunction(call))
                }
                None => Transformed::no(Expr::ScalarFunction(call)),
            },
            e => Transformed::no(e),
        })
    })?;
    Ok(zoned.data)
}

/// What operators and literals mean in Flink SQL, for DataFusion's binder.
pub fn expr_planner() -> Arc<dyn ExprPlanner> {
    Arc::new(planner::FlinkExprPlanner)
}

/// What type names mean in Flink SQL, for DataFusion's binder.
pub fn type_planner() -> Arc<dyn TypePlanner> {
    Arc::new(planner::FlinkTypePlanner)
}
