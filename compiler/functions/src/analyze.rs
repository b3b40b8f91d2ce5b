//! What is left to do on a bound plan before DataFusion coerces types.
//!
//! DataFusion's binder gives every integer literal the type `BIGINT`, compares text with numbers
//! as text in `BETWEEN` and `IN`, and evaluates all arguments of a function. [`analyze`] rewrites a
//! plan (and [`analyze_expr`] an expression) so that literals have Flink's types, such comparisons
//! follow Flink's rule, `IF`, `IFNULL`, `NULLIF` and `COALESCE` become `CASE` (which evaluates only
//! the branch it takes), and `LIKE` with an escape character or a backslash becomes a function of
//! our own. Names of columns stay as they were.

use std::sync::Arc;

use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion_expr::expr::{Between, BinaryExpr, Case, InList, Like, ScalarFunction};
use datafusion_expr::expr_rewriter::NamePreserver;
use datafusion_expr::utils::merge_schema;
use datafusion_expr::{Expr, ExprSchemable, LogicalPlan, Operator, lit};

use crate::catalogue::call;
use crate::planner::{align, literal};
use crate::types::{FlinkType, TypeKind};

/// Rewrites a bound plan; its columns keep their names, their types become Flink's.
///
/// # Errors
/// If types do not fit, as DataFusion's binder would report it.
pub fn analyze(plan: LogicalPlan) -> Result<LogicalPlan> {
    // Inputs come before what reads them: until something changed, no schema did.
    let mut changed = false;
    plan.transform_up_with_subqueries(|node| {
        // LIMIT wants its numbers as they are.
        if matches!(node, LogicalPlan::Limit(_)) {
            return Ok(Transformed::no(node));
        }
        let schema = match (&node, node.inputs().as_slice()) {
            (LogicalPlan::TableScan(scan), _) => Arc::clone(&scan.projected_schema),
            (_, [input]) => Arc::clone(input.schema()),
            (_, inputs) => Arc::new(merge_schema(inputs)),
        };
        let names = NamePreserver::new(&node);
        let rewritten = node.map_expressions(|expr| {
            if matches!(expr, Expr::Column(_)) {
                return Ok(Transformed::no(expr));
            }
            let name = names.save(&expr);
            Ok(rewrite(expr, &schema)?.update_data(|expr| name.restore(expr)))
        })?;
        changed |= rewritten.transformed;
        match changed {
            true => rewritten.map_data(LogicalPlan::recompute_schema),
            false => Ok(rewritten),
        }
    })
    .map(|plan| plan.data)
}

/// Rewrites one expression over the columns of `schema`.
///
/// # Errors
/// If types do not fit.
pub fn analyze_expr(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    rewrite(expr, schema).map(|expr| expr.data)
}

fn rewrite(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let rewritten = expr.transform_up(|expr| {
        Ok(match expr {
            Expr::Literal(..) | Expr::Cast(_) | Expr::Negative(_) => {
                let before = expr.clone();
                let after = literal(expr);
                if after == before {
                    Transformed::no(after)
                } else {
                    Transformed::yes(after)
                }
            }
            Expr::Between(between) => return rewrite_between(between, schema),
            Expr::InList(list) => return rewrite_in(list, schema),
            Expr::Like(like) => return rewrite_like(like),
            Expr::SimilarTo(like) => {
                let mut args = vec![*like.expr, *like.pattern];
                args.extend(like.escape_char.map(|c| lit(c.to_string())));
                Transformed::yes(negate(call("__similar", args)?, like.negated))
            }
            Expr::ScalarFunction(function) => match function.func.name() {
                "if" | "ifnull" | "coalesce" => {
                    let name = function.func.name().to_string();
                    match conditional(&name, function.args.clone()) {
                        Some(case) => Transformed::yes(case),
                        None => Transformed::no(Expr::ScalarFunction(function)),
                    }
                }
                "__json_object" | "__json_array" => return embed_json(function),
                _ => Transformed::no(Expr::ScalarFunction(function)),
            },
            other => Transformed::no(other),
        })
    })?;
    if rewritten.data.exists(|expr| Ok(is_call(expr, &["json"])))? {
        return plan_err!(
            "The JSON() function is currently only supported inside JSON_ARRAY() or as the VALUE \
             param of JSON_OBJECT()"
        );
    }
    Ok(rewritten)
}

fn is_call(expr: &Expr, names: &[&str]) -> bool {
    matches!(expr, Expr::ScalarFunction(f) if names.contains(&f.func.name()))
}

/// JSON generated directly in an argument is embedded, JSON from a column is text.
fn embed_json(mut function: ScalarFunction) -> Result<Transformed<Expr>> {
    let object = function.func.name() == "__json_object";
    let mut changed = false;
    for (index, arg) in function.args.iter_mut().enumerate() {
        // The first argument is the clause on NULL, keys stand at odd places.
        if index == 0 || (object && index % 2 == 1) {
            continue;
        }
        if is_call(arg, &["json"]) {
            if let Expr::ScalarFunction(json) = arg {
                *arg = call("__json", std::mem::take(&mut json.args))?;
            }
            changed = true;
        } else if is_call(arg, &["__json_object", "__json_array"]) {
            *arg = call("__json_raw", vec![std::mem::take(arg)])?;
            changed = true;
        }
    }
    let call = Expr::ScalarFunction(function);
    Ok(if changed {
        Transformed::yes(call)
    } else {
        Transformed::no(call)
    })
}

fn negate(expr: Expr, negated: bool) -> Expr {
    if negated {
        Expr::Not(Box::new(expr))
    } else {
        expr
    }
}

/// `None` if the number of arguments is wrong: then the function itself reports it.
fn conditional(name: &str, mut args: Vec<Expr>) -> Option<Expr> {
    let otherwise = match (name, args.len()) {
        ("if", 3) => {
            let otherwise = args.pop()?;
            let then = args.pop()?;
            let when = args.pop()?;
            return Some(Expr::Case(Case::new(
                None,
                vec![(Box::new(when), Box::new(then))],
                Some(Box::new(otherwise)),
            )));
        }
        ("ifnull", 2) => args.pop()?,
        ("coalesce", n) if n > 1 => args.pop()?,
        _ => return None,
    };
    let branches = args
        .into_iter()
        .map(|arg| (Box::new(arg.clone().is_not_null()), Box::new(arg)))
        .collect();
    Some(Expr::Case(Case::new(
        None,
        branches,
        Some(Box::new(otherwise)),
    )))
}

fn flink_type(expr: &Expr, schema: &DFSchema) -> Result<Option<FlinkType>> {
    Ok(FlinkType::try_from_field(&expr.to_field(schema)?.1))
}

/// Whether comparing the two needs [`align`]: DataFusion gets all other pairs right.
fn text_with_other(left: &FlinkType, right: &FlinkType) -> bool {
    let typed = |ty: &FlinkType| ty.kind != TypeKind::Null;
    left.is_string() != right.is_string() && typed(left) && typed(right)
}

fn rewrite_between(between: Between, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let types = (
        flink_type(&between.expr, schema)?,
        flink_type(&between.low, schema)?,
        flink_type(&between.high, schema)?,
    );
    let (Some(ty), Some(low_ty), Some(high_ty)) = types else {
        return Ok(Transformed::no(Expr::Between(between)));
    };
    let differs =
        |other: &FlinkType| text_with_other(&ty, other) || approximate_with_decimal(&ty, other);
    if !differs(&low_ty) && !differs(&high_ty) {
        return Ok(Transformed::no(Expr::Between(between)));
    }
    let Between {
        expr,
        negated,
        low,
        high,
    } = between;
    let (a, low) = align((*expr).clone(), &ty, *low, &low_ty)?;
    let (b, high) = align(*expr, &ty, *high, &high_ty)?;
    let compare = |left: Expr, op, right: Expr| {
        Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
    };
    let within = compare(a, Operator::GtEq, low).and(compare(b, Operator::LtEq, high));
    Ok(Transformed::yes(negate(within, negated)))
}

fn rewrite_in(list: InList, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Some(ty) = flink_type(&list.expr, schema)? else {
        return Ok(Transformed::no(Expr::InList(list)));
    };
    let mut changed = false;
    let mut items = Vec::with_capacity(list.list.len());
    let mut expr = *list.expr;
    for item in list.list {
        let item_ty = flink_type(&item, schema)?;
        match item_ty {
            Some(item_ty) if text_with_other(&ty, &item_ty) => {
                changed = true;
                let (left, right) = align(expr.clone(), &ty, item, &item_ty)?;
                if ty.is_string() {
                    expr = left;
                }
                items.push(right);
            }
            // Flink: the list takes the type of what is looked for, so a FLOAT is IN (0.1).
            Some(item_ty)
                if approximate_with_decimal(&ty, &item_ty)
                    && matches!(item_ty.kind, TypeKind::Decimal { .. }) =>
            {
                changed = true;
                items.push(call("__cast", vec![item, lit(ty.kind.to_string())])?);
            }
            _ => items.push(item),
        }
    }
    let list = Expr::InList(InList::new(Box::new(expr), items, list.negated));
    Ok(if changed {
        Transformed::yes(list)
    } else {
        Transformed::no(list)
    })
}

/// Whether one side is a FLOAT or DOUBLE and the other a DECIMAL: DataFusion would make both
/// decimals, which rounds and has no place for large numbers.
fn approximate_with_decimal(left: &FlinkType, right: &FlinkType) -> bool {
    let approximate = |ty: &FlinkType| matches!(ty.kind, TypeKind::Float | TypeKind::Double);
    let decimal = |ty: &FlinkType| matches!(ty.kind, TypeKind::Decimal { .. });
    (approximate(left) && decimal(right)) || (decimal(left) && approximate(right))
}

/// Arrow's `LIKE` takes a backslash for an escape character; Flink has none unless told.
fn rewrite_like(like: Like) -> Result<Transformed<Expr>> {
    let plain = like.escape_char.is_none()
        && matches!(
            like.pattern.as_ref(),
            Expr::Literal(ScalarValue::Utf8(Some(pattern)), _) if !pattern.contains('\\')
        );
    if plain || like.case_insensitive {
        return Ok(Transformed::no(Expr::Like(like)));
    }
    let mut args = vec![*like.expr, *like.pattern];
    args.extend(like.escape_char.map(|c| lit(c.to_string())));
    Ok(Transformed::yes(negate(
        call("__like", args)?,
        like.negated,
    )))
}
