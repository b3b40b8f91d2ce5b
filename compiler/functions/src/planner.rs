//! What SQL operators, literals and types mean: the hooks that DataFusion's binder calls.
//!
//! [`FlinkExprPlanner`] turns operators into Flink's functions where DataFusion's own expression
//! would compute something else (see [`crate::arithmetic`]), compares text with other types by
//! casting the text, and gives literals Flink's types: `6` is an `INT`, `0.5` a `DECIMAL(2, 1)`,
//! `INTERVAL '5' SECOND` a duration of milliseconds. An operator that Flink does not have is
//! refused. [`FlinkTypePlanner`] reads type names as Flink does.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, TimeUnit};
use datafusion_common::{
    Column, DFSchema, DataFusionError, Result, ScalarValue, TableReference, not_impl_err, plan_err,
};
use datafusion_expr::expr::{BinaryExpr, Cast};
use datafusion_expr::planner::{
    ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr, TypePlanner,
};
use datafusion_expr::{Expr, ExprSchemable, GetFieldAccess, Operator, lit};
use datafusion_sql::sqlparser::ast::{BinaryOperator, DataType as SqlType};

use crate::arithmetic::{Op, is_zero, result_kind};
use crate::catalogue::call;
use crate::datetime::{parse_date, parse_time, parse_timestamp};
use crate::types::{FlinkType, TypeKind, interval_millis, timestamp_unit};

/// Plans expressions with Flink's meaning.
#[derive(Debug)]
pub(crate) struct FlinkExprPlanner;

/// Plans types with Flink's names and precisions.
#[derive(Debug)]
pub(crate) struct FlinkTypePlanner;

impl TypePlanner for FlinkTypePlanner {
    fn plan_type_field(&self, sql_type: &SqlType) -> Result<Option<FieldRef>> {
        match FlinkType::parse(&sql_type.to_string()) {
            Ok(ty) => Ok(Some(Arc::new(ty.to_field("")))),
            Err(error) => plan_err!("The type {sql_type} is not supported: {error}"),
        }
    }
}

impl ExprPlanner for FlinkExprPlanner {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op, left, right } = expr;
        let planned = match &op {
            BinaryOperator::Plus => arithmetic(Op::Add, left, right, schema)?,
            BinaryOperator::Minus => arithmetic(Op::Subtract, left, right, schema)?,
            BinaryOperator::Multiply => arithmetic(Op::Multiply, left, right, schema)?,
            BinaryOperator::Divide => arithmetic(Op::Divide, left, right, schema)?,
            BinaryOperator::Modulo => arithmetic(Op::Modulo, left, right, schema)?,
            BinaryOperator::Eq => comparison(Operator::Eq, left, right, schema)?,
            BinaryOperator::NotEq => comparison(Operator::NotEq, left, right, schema)?,
            BinaryOperator::Lt => comparison(Operator::Lt, left, right, schema)?,
            BinaryOperator::LtEq => comparison(Operator::LtEq, left, right, schema)?,
            BinaryOperator::Gt => comparison(Operator::Gt, left, right, schema)?,
            BinaryOperator::GtEq => comparison(Operator::GtEq, left, right, schema)?,
            BinaryOperator::StringConcat => call("__concat", vec![left, right])?,
            BinaryOperator::Overlaps => overlaps(left, right)?,
            BinaryOperator::And | BinaryOperator::Or => {
                return Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }));
            }
            other => return plan_err!("The operator {other} is not supported in Flink SQL"),
        };
        Ok(PlannerResult::Planned(planned))
    }

    fn plan_field_access(
        &self,
        expr: RawFieldAccessExpr,
        _schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let RawFieldAccessExpr { field_access, expr } = expr;
        match field_access {
            GetFieldAccess::NamedStructField { name } => Ok(PlannerResult::Planned(call(
                "__item",
                vec![expr, Expr::Literal(name, None)],
            )?)),
            GetFieldAccess::ListIndex { key } => Ok(PlannerResult::Planned(call(
                "__item",
                vec![expr, literal(*key)],
            )?)),
            GetFieldAccess::ListRange { .. } => not_impl_err!(
                "Slices of arrays ([a:b]) are not supported in Flink SQL; use ARRAY_SLICE"
            ),
        }
    }

    fn plan_array_literal(
        &self,
        exprs: Vec<Expr>,
        _schema: &DFSchema,
    ) -> Result<PlannerResult<Vec<Expr>>> {
        let items = exprs.into_iter().map(literal).collect();
        Ok(PlannerResult::Planned(call("__array", items)?))
    }

    /// The arguments arrive as (text, part).
    fn plan_position(&self, mut args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        args.reverse();
        Ok(PlannerResult::Planned(call("__position", args)?))
    }

    fn plan_extract(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(PlannerResult::Planned(call("__extract", args)?))
    }

    fn plan_substring(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(PlannerResult::Planned(call("substring", args)?))
    }

    fn plan_overlay(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(PlannerResult::Planned(call("overlay", args)?))
    }

    fn plan_struct_literal(
        &self,
        args: Vec<Expr>,
        is_named_struct: bool,
    ) -> Result<PlannerResult<Vec<Expr>>> {
        if is_named_struct {
            return not_impl_err!("A row with named fields is not supported; use ROW(…) or CAST");
        }
        let fields = args.into_iter().map(literal).collect();
        Ok(PlannerResult::Planned(call("__row", fields)?))
    }

    fn plan_compound_identifier(
        &self,
        field: &Field,
        qualifier: Option<&TableReference>,
        nested_names: &[String],
    ) -> Result<PlannerResult<Vec<Expr>>> {
        let mut expr = Expr::Column(Column::from((qualifier, field)));
        for name in nested_names {
            expr = call("__item", vec![expr, lit(name.clone())])?;
        }
        Ok(PlannerResult::Planned(expr))
    }
}

/// Gives a literal the type it has in Flink.
pub(crate) fn literal(expr: Expr) -> Expr {
    match expr {
        Expr::Literal(value, metadata) => Expr::Literal(flink_literal(value), metadata),
        Expr::Cast(cast) => match (cast.expr.as_ref(), cast.field.data_type()) {
            // The binder's way to say that an integer literal is an INT.
            (Expr::Literal(ScalarValue::Int64(Some(value)), _), DataType::Int32) => {
                match i32::try_from(*value) {
                    Ok(value) => Expr::Literal(ScalarValue::Int32(Some(value)), None),
                    Err(_) => Expr::Cast(cast),
                }
            }
            _ => typed_string(cast),
        },
        Expr::Negative(inner) => match literal(*inner) {
            Expr::Literal(ScalarValue::Int32(Some(value)), _) if value != i32::MIN => {
                Expr::Literal(ScalarValue::Int32(Some(-value)), None)
            }
            Expr::Literal(ScalarValue::Decimal128(Some(value), p, s), _) => {
                Expr::Literal(ScalarValue::Decimal128(Some(-value), p, s), None)
            }
            Expr::Literal(ScalarValue::DurationMillisecond(Some(millis)), _) => {
                Expr::Literal(ScalarValue::DurationMillisecond(millis.checked_neg()), None)
            }
            Expr::Literal(ScalarValue::IntervalYearMonth(Some(months)), _) => {
                Expr::Literal(ScalarValue::IntervalYearMonth(months.checked_neg()), None)
            }
            other => Expr::Negative(Box::new(other)),
        },
        other => other,
    }
}

fn flink_literal(value: ScalarValue) -> ScalarValue {
    match value {
        ScalarValue::Int64(Some(v)) => match i32::try_from(v) {
            Ok(v) => ScalarValue::Int32(Some(v)),
            Err(_) => ScalarValue::Int64(Some(v)),
        },
        // Calcite counts the zero before the point.
        ScalarValue::Decimal128(v, p, s) if s >= 0 && i16::from(p) <= i16::from(s) && p < 38 => {
            ScalarValue::Decimal128(v, s as u8 + 1, s)
        }
        ScalarValue::IntervalMonthDayNano(Some(v))
            if v.days == 0 && v.nanoseconds == 0 && v.months != 0 =>
        {
            ScalarValue::IntervalYearMonth(Some(v.months))
        }
        ScalarValue::IntervalMonthDayNano(_) | ScalarValue::IntervalDayTime(_) => {
            match interval_millis(&value) {
                Some(millis) => ScalarValue::DurationMillisecond(Some(millis)),
                None => value,
            }
        }
        other => other,
    }
}

/// `DATE '…'`, `TIME '…'` and `TIMESTAMP '…'`: the text is read when planning; the precision of a
/// timestamp is the number of its fraction digits. What cannot be read stays as it was and fails
/// in DataFusion's cast.
fn typed_string(cast: Cast) -> Expr {
    let Expr::Literal(ScalarValue::Utf8(Some(text)), _) = cast.expr.as_ref() else {
        return Expr::Cast(cast);
    };
    let digits = text
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len()) as u8;
    let value = match cast.field.data_type() {
        DataType::Date32 => parse_date(text).map(|days| ScalarValue::Date32(Some(days as i32))),
        DataType::Time32(TimeUnit::Millisecond) => {
            parse_time(text).map(|millis| ScalarValue::Time32Millisecond(Some(millis as i32)))
        }
        DataType::Timestamp(_, None) => parse_timestamp(text).and_then(|at| {
            let unit = timestamp_unit(digits);
            let value = Some(at.to_unit(unit)?);
            Some(match unit {
                TimeUnit::Second => ScalarValue::TimestampSecond(value, None),
                TimeUnit::Millisecond => ScalarValue::TimestampMillisecond(value, None),
                TimeUnit::Microsecond => ScalarValue::TimestampMicrosecond(value, None),
                TimeUnit::Nanosecond => ScalarValue::TimestampNanosecond(value, None),
            })
        }),
        _ => None,
    };
    match value {
        Some(value) => Expr::Literal(value, None),
        None => Expr::Cast(cast),
    }
}

fn flink_type(expr: &Expr, schema: &DFSchema) -> Result<FlinkType> {
    let (_, field) = expr.to_field(schema)?;
    match FlinkType::try_from_field(&field) {
        Some(ty) => Ok(ty),
        None => plan_err!("Values of the type {} are not supported", field.data_type()),
    }
}

fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

/// `left + right`, or with `-`, `*`, `/`, `%`, by Flink's rules; types are those of columns of `schema`.
///
/// # Errors
/// If the operator does not apply to values of these types.
pub fn plan_arithmetic(
    operator: Operator,
    left: Expr,
    right: Expr,
    schema: &DFSchema,
) -> Result<Expr> {
    let op = match operator {
        Operator::Plus => Op::Add,
        Operator::Minus => Op::Subtract,
        Operator::Multiply => Op::Multiply,
        Operator::Divide => Op::Divide,
        Operator::Modulo => Op::Modulo,
        other => return plan_err!("{other} is no arithmetic"),
    };
    arithmetic(op, left, right, schema)
}

fn arithmetic(op: Op, left: Expr, right: Expr, schema: &DFSchema) -> Result<Expr> {
    let (left, right) = (literal(left), literal(right));
    let (l, r) = (flink_type(&left, schema)?, flink_type(&right, schema)?);
    let operator = match op {
        Op::Add => Operator::Plus,
        Op::Subtract => Operator::Minus,
        Op::Multiply => Operator::Multiply,
        Op::Divide => Operator::Divide,
        Op::Modulo => Operator::Modulo,
    };
    if let Some(kind) = result_kind(op, &l.kind, &r.kind) {
        let float = |kind: &TypeKind| matches!(kind, TypeKind::Float | TypeKind::Double);
        if matches!(op, Op::Divide | Op::Modulo)
            && !float(&kind)
            && matches!(&right, Expr::Literal(value, _) if is_zero(value))
        {
            return plan_err!("Division by zero: the divisor is the constant {right}");
        }
        let own = match &kind {
            TypeKind::Decimal { .. } => true,
            // DataFusion would compute DECIMAL with FLOAT in another type.
            TypeKind::Double => {
                !(l.is_numeric() && r.is_numeric())
                    || matches!(l.kind, TypeKind::Decimal { .. })
                    || matches!(r.kind, TypeKind::Decimal { .. })
            }
            TypeKind::Float => false,
            _ => matches!(op, Op::Divide | Op::Modulo),
        };
        if own {
            return call(op.function(), vec![left, right]);
        }
        return Ok(binary(left, operator, right));
    }
    if l.kind == TypeKind::Null || r.kind == TypeKind::Null {
        if l.is_numeric() || r.is_numeric() || l.kind == r.kind {
            return call(op.function(), vec![left, right]);
        }
        return Ok(binary(left, operator, right));
    }
    temporal(op, operator, (left, l), (right, r))
}

/// Arithmetic with times and intervals.
fn temporal(
    op: Op,
    operator: Operator,
    (left, l): (Expr, FlinkType),
    (right, r): (Expr, FlinkType),
) -> Result<Expr> {
    use TypeKind::*;
    let refuse = |l: &FlinkType, r: &FlinkType| {
        plan_err!("Cannot apply '{operator}' to arguments of type '<{l}> {operator} <{r}>'")
    };
    match (&l.kind, op, &r.kind) {
        (
            IntervalDayTime { .. } | IntervalYearMonth { .. },
            Op::Add,
            Date | Time(_) | Timestamp(_) | TimestampLtz(_),
        ) => temporal(op, operator, (right, r), (left, l)),
        (Timestamp(_) | TimestampLtz(_), Op::Add | Op::Subtract, IntervalDayTime { .. }) => {
            let (Timestamp(precision) | TimestampLtz(precision)) = l.kind else {
                return refuse(&l, &r);
            };
            let duration = duration_in(right, timestamp_unit(precision));
            Ok(binary(left, operator, duration))
        }
        (
            Timestamp(_) | TimestampLtz(_) | Date,
            Op::Add | Op::Subtract,
            IntervalYearMonth { .. },
        ) => Ok(binary(left, operator, right)),
        (Date, Op::Add | Op::Subtract, IntervalDayTime { .. }) => {
            // Arrow adds no durations to dates.
            let interval = match &right {
                Expr::Literal(value, _) => match interval_millis(value) {
                    Some(millis) => Expr::Literal(
                        ScalarValue::new_interval_mdn(
                            0,
                            i32::try_from(millis / 86_400_000).map_err(|_| {
                                DataFusionError::Plan("The interval is too long".to_string())
                            })?,
                            millis % 86_400_000 * 1_000_000,
                        ),
                        None,
                    ),
                    None => right,
                },
                _ => Expr::Cast(Cast::new(
                    Box::new(right),
                    DataType::Interval(IntervalUnit::MonthDayNano),
                )),
            };
            Ok(binary(left, operator, interval))
        }
        (Time(_), Op::Add, IntervalDayTime { .. }) => call("__time_plus", vec![left, right]),
        (Time(_), Op::Subtract, IntervalDayTime { .. }) => call("__time_minus", vec![left, right]),
        (IntervalDayTime { .. }, Op::Add | Op::Subtract, IntervalDayTime { .. })
        | (IntervalYearMonth { .. }, Op::Add | Op::Subtract, IntervalYearMonth { .. }) => {
            Ok(binary(left, operator, right))
        }
        (IntervalDayTime { .. } | IntervalYearMonth { .. }, Op::Multiply, _) if r.is_numeric() => {
            call("__interval_multiply", vec![left, right])
        }
        (_, Op::Multiply, IntervalDayTime { .. } | IntervalYearMonth { .. }) if l.is_numeric() => {
            call("__interval_multiply", vec![right, left])
        }
        (IntervalDayTime { .. } | IntervalYearMonth { .. }, Op::Divide, _) if r.is_numeric() => {
            call("__interval_divide", vec![left, right])
        }
        (Timestamp(_) | TimestampLtz(_), Op::Subtract, Timestamp(_) | TimestampLtz(_)) => {
            call("__timestamp_minus", vec![left, right])
        }
        // Text takes part in arithmetic as a number, as Calcite's implicit casts have it.
        _ if l.is_string() && r.is_numeric() => {
            let left = call("__cast", vec![left, lit(r.kind.to_string())])?;
            arithmetic_of(op, left, right)
        }
        _ if l.is_numeric() && r.is_string() => {
            let right = call("__cast", vec![right, lit(l.kind.to_string())])?;
            arithmetic_of(op, left, right)
        }
        _ => refuse(&l, &r),
    }
}

fn arithmetic_of(op: Op, left: Expr, right: Expr) -> Result<Expr> {
    call(op.function(), vec![left, right])
}

/// An interval of milliseconds in another unit.
fn duration_in(interval: Expr, unit: TimeUnit) -> Expr {
    if unit == TimeUnit::Millisecond {
        return interval;
    }
    if let Expr::Literal(value, _) = &interval
        && let Some(millis) = interval_millis(value)
    {
        let scaled = match unit {
            TimeUnit::Microsecond => millis.checked_mul(1_000),
            _ => millis.checked_mul(1_000_000),
        };
        if scaled.is_some() {
            return match unit {
                TimeUnit::Microsecond => {
                    Expr::Literal(ScalarValue::DurationMicrosecond(scaled), None)
                }
                _ => Expr::Literal(ScalarValue::DurationNanosecond(scaled), None),
            };
        }
    }
    Expr::Cast(Cast::new(Box::new(interval), DataType::Duration(unit)))
}

fn comparison(op: Operator, left: Expr, right: Expr, schema: &DFSchema) -> Result<Expr> {
    let (left, right) = (literal(left), literal(right));
    let (l, r) = (flink_type(&left, schema)?, flink_type(&right, schema)?);
    let (left, right) = align(left, &l, right, &r)?;
    Ok(binary(left, op, right))
}

/// Brings the two sides of a comparison together where DataFusion would do it the other way: text
/// becomes what it is compared with (`age = '42'` compares numbers, and fails on `'x'`).
pub(crate) fn align(left: Expr, l: &FlinkType, right: Expr, r: &FlinkType) -> Result<(Expr, Expr)> {
    let text_of = |ty: &FlinkType| lit(comparable(ty).to_string());
    if l.is_string() && casts_text(r) {
        return Ok((call("__cast", vec![left, text_of(r)])?, right));
    }
    if r.is_string() && casts_text(l) {
        return Ok((left, call("__cast", vec![right, text_of(l)])?));
    }
    match (&l.kind, &r.kind) {
        // A wall clock is compared with an instant in the session's zone.
        (TypeKind::Timestamp(p), TypeKind::TimestampLtz(_)) => {
            let target = TypeKind::TimestampLtz(*p).to_string();
            Ok((call("__cast", vec![left, lit(target)])?, right))
        }
        (TypeKind::TimestampLtz(_), TypeKind::Timestamp(p)) => {
            let target = TypeKind::TimestampLtz(*p).to_string();
            Ok((left, call("__cast", vec![right, lit(target)])?))
        }
        (TypeKind::Date, TypeKind::Timestamp(_) | TypeKind::TimestampLtz(_)) => {
            let target = r.kind.to_string();
            Ok((call("__cast", vec![left, lit(target)])?, right))
        }
        (TypeKind::Timestamp(_) | TypeKind::TimestampLtz(_), TypeKind::Date) => {
            let target = l.kind.to_string();
            Ok((left, call("__cast", vec![right, lit(target)])?))
        }
        // A decimal and an approximate number are compared as DOUBLEs. DataFusion would make both
        // decimals, which rounds the number and has no place for a large one.
        (TypeKind::Float | TypeKind::Double, TypeKind::Decimal { .. })
        | (TypeKind::Decimal { .. }, TypeKind::Float | TypeKind::Double) => {
            let double = |expr: Expr| call("__cast", vec![expr, lit(TypeKind::Double.to_string())]);
            Ok((double(left)?, double(right)?))
        }
        (a, b) if comparable_kinds(l, r) || a == b => Ok((left, right)),
        _ => plan_err!("Cannot compare a value of type {l} with a value of type {r}"),
    }
}

/// The type that text is cast to when compared with `ty`.
fn comparable(ty: &FlinkType) -> TypeKind {
    match &ty.kind {
        // '4.5' compared with a decimal of few digits must not be rounded to them.
        TypeKind::Decimal { .. } => TypeKind::Decimal {
            precision: 38,
            scale: 18,
        },
        kind => kind.clone(),
    }
}

fn casts_text(ty: &FlinkType) -> bool {
    ty.is_numeric()
        || ty.is_timestamp()
        || matches!(
            ty.kind,
            TypeKind::Boolean | TypeKind::Date | TypeKind::Time(_)
        )
}

fn comparable_kinds(l: &FlinkType, r: &FlinkType) -> bool {
    use TypeKind::*;
    l.kind == Null
        || r.kind == Null
        || (l.is_numeric() && r.is_numeric())
        || (l.is_string() && r.is_string())
        || (l.is_binary() && r.is_binary())
        || matches!(
            (&l.kind, &r.kind),
            (Timestamp(_), Timestamp(_))
                | (TimestampLtz(_), TimestampLtz(_))
                | (Time(_), Time(_))
                | (IntervalDayTime { .. }, IntervalDayTime { .. })
                | (IntervalYearMonth { .. }, IntervalYearMonth { .. })
                | (Array(_), Array(_))
                | (Row(_), Row(_))
                | (Map(..), Map(..))
        )
}

/// `(a, b) OVERLAPS (c, d)`: both sides arrive as rows.
fn overlaps(left: Expr, right: Expr) -> Result<Expr> {
    let pair = |expr: Expr| match expr {
        Expr::ScalarFunction(row) if row.func.name() == "__row" && row.args.len() == 2 => {
            Ok(row.args)
        }
        _ => plan_err!("OVERLAPS takes two pairs: (start, end) OVERLAPS (start, end)"),
    };
    let mut args = pair(left)?;
    args.extend(pair(right)?);
    call("__overlaps", args)
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Schema;
    use datafusion_common::config::ConfigOptions;
    use datafusion_expr::planner::ContextProvider;
    use datafusion_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, TableSource, WindowUDF};
    use datafusion_sql::planner::{ParserOptions, PlannerContext, SqlToRel};
    use datafusion_sql::sqlparser::dialect::GenericDialect;
    use datafusion_sql::sqlparser::parser::Parser;

    use super::*;

    struct Context {
        options: ConfigOptions,
        planners: Vec<Arc<dyn ExprPlanner>>,
    }

    impl ContextProvider for Context {
        fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
            plan_err!("no table {name}")
        }
        fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
            &self.planners
        }
        fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
            Some(Arc::new(FlinkTypePlanner))
        }
        fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
            crate::scalar_functions()
                .into_iter()
                .find(|f| f.name() == name)
        }
        fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
            None
        }
        fn get_aggregate_meta(&self, _name: &str) -> Option<Arc<AggregateUDF>> {
            None
        }
        fn get_window_meta(&self, _name: &str) -> Option<Arc<WindowUDF>> {
            None
        }
        fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
            None
        }
        fn options(&self) -> &ConfigOptions {
            &self.options
        }
        fn udf_names(&self) -> Vec<String> {
            Vec::new()
        }
        fn higher_order_function_names(&self) -> Vec<String> {
            Vec::new()
        }
        fn udaf_names(&self) -> Vec<String> {
            Vec::new()
        }
        fn udwf_names(&self) -> Vec<String> {
            Vec::new()
        }
    }

    fn schema() -> DFSchema {
        let fields: Vec<Field> = [
            ("i", "INT"),
            ("d", "DECIMAL(10, 2)"),
            ("x", "DOUBLE"),
            ("t", "TIMESTAMP(3)"),
            ("u", "TIMESTAMP(6)"),
            ("z", "TIMESTAMP_LTZ(3)"),
            ("c", "TIME(0)"),
            ("s", "STRING"),
        ]
        .into_iter()
        .map(|(name, ty)| FlinkType::parse(ty).unwrap().to_field(name))
        .collect();
        DFSchema::try_from(Schema::new(fields)).unwrap()
    }

    fn planned(sql: &str) -> Result<String> {
        let context = Context {
            options: ConfigOptions::default(),
            planners: vec![Arc::new(FlinkExprPlanner)],
        };
        let ast = Parser::new(&GenericDialect {})
            .try_with_sql(sql)
            .unwrap()
            .parse_expr()
            .unwrap();
        let options = ParserOptions::new().with_parse_float_as_decimal(true);
        let schema = schema();
        let expr = SqlToRel::new_with_options(&context, options).sql_to_expr(
            ast,
            &schema,
            &mut PlannerContext::new(),
        )?;
        Ok(crate::analyze_expr(expr, &schema)?.to_string())
    }

    #[test]
    fn operators_get_flinks_meaning() {
        for (sql, expected) in [
            ("i + 1", "i + Int32(1)"),
            ("i / 2", "__divide(i, Int32(2))"),
            ("x / 2", "x / Int32(2)"),
            ("i % 2", "__mod(i, Int32(2))"),
            ("d * 0.5", "__multiply(d, Decimal128(0.5,2,1))"),
            ("d + x", "__add(d, x)"),
            (
                "t - INTERVAL '5' SECOND",
                "t - DurationMillisecond(\"5000\")",
            ),
            (
                "u + INTERVAL '5' SECOND",
                "u + DurationMicrosecond(\"5000000\")",
            ),
            ("INTERVAL '1' MONTH + t", "t + IntervalYearMonth(\"1\")"),
            (
                "c + INTERVAL '1' HOUR",
                "__time_plus(c, DurationMillisecond(\"3600000\"))",
            ),
            (
                "i * INTERVAL '1' SECOND",
                "__interval_multiply(DurationMillisecond(\"1000\"), i)",
            ),
            ("s || 'x'", "__concat(s, Utf8(\"x\"))"),
            ("i = '7'", "i = __cast(Utf8(\"7\"), Utf8(\"INT\"))"),
            ("t < z", "__cast(t, Utf8(\"TIMESTAMP_LTZ(3)\")) < z"),
            (
                "i BETWEEN '1' AND 5",
                "i >= __cast(Utf8(\"1\"), Utf8(\"INT\")) AND i <= Int32(5)",
            ),
            (
                "i IN (1, 3000000000)",
                "i IN ([Int32(1), Int64(3000000000)])",
            ),
            (
                "if(i > 0, 1, i / 0.0)",
                "CASE WHEN i > Int32(0) THEN Int32(1) ELSE \
                 __divide(i, Decimal128(0,2,1)) END",
            ),
            (
                "coalesce(i, 1)",
                "CASE WHEN i IS NOT NULL THEN i ELSE Int32(1) END",
            ),
            ("s LIKE 'a%'", "s LIKE Utf8(\"a%\")"),
            (
                "s LIKE 'a!%' ESCAPE '!'",
                "__like(s, Utf8(\"a!%\"), Utf8(\"!\"))",
            ),
            ("DATE '2024-01-01'", "Date32(\"2024-01-01\")"),
        ] {
            match planned(sql) {
                Ok(plan) => assert_eq!(plan, expected, "{sql}"),
                Err(error) if sql.contains("/ 0.0") => {
                    assert!(error.to_string().contains("Division by zero"));
                }
                Err(error) => panic!("{sql}: {error}"),
            }
        }
    }

    #[test]
    fn what_flink_refuses_is_refused() {
        for (sql, message) in [
            ("i / 0", "Division by zero"),
            ("t + 1", "Cannot apply '+'"),
            ("t + t", "Cannot apply '+'"),
            ("t = i", "Cannot compare"),
            ("i ^ 2", "not supported"),
            ("s + 1 ", ""),
        ] {
            match planned(sql) {
                Err(error) => assert!(error.to_string().contains(message), "{sql}: {error}"),
                Ok(plan) => assert!(message.is_empty(), "{sql} became {plan}"),
            }
        }
    }
}
