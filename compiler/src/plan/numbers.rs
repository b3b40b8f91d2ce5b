//! Types of numbers in a query, before DataFusion binds it, where its rules are not Flink's: a number
//! with an exponent is a DOUBLE, an integer in VALUES an INT if it fits.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{self, VisitMut as _, VisitorMut};

use crate::sql::markers;

/// Gives the numbers of a query their types.
pub(crate) fn query(query: &mut ast::Query) {
    let _ = query.visit(&mut Numbers);
}

/// Gives the numbers of an expression that stands alone their types.
pub(crate) fn expr(expr: &mut ast::Expr) {
    let _ = expr.visit(&mut Numbers);
}

struct Numbers;

impl VisitorMut for Numbers {
    type Break = ();

    fn post_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<()> {
        set(&mut query.body);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<()> {
        // DataFusion takes every fraction for a DECIMAL.
        if let Some(digits) = number(expr)
            && digits.contains(['e', 'E'])
        {
            let text = ast::Value::SingleQuotedString(digits.to_string());
            *expr = as_type(ast::Expr::value(text), "DOUBLE");
        }
        ControlFlow::Continue(())
    }
}

fn number(expr: &ast::Expr) -> Option<&str> {
    match expr {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::Number(digits, _) => Some(digits),
            _ => None,
        },
        _ => None,
    }
}

fn as_type(expr: ast::Expr, ty: &str) -> ast::Expr {
    let ty = ast::Expr::value(ast::Value::SingleQuotedString(ty.to_string()));
    markers::call(ast::Ident::new("__cast"), vec![expr, ty])
}

/// Integers in VALUES that fit are INT, as everywhere; DataFusion makes columns of BIGINT of them.
fn narrow(expr: &mut ast::Expr) {
    let digits = match &*expr {
        ast::Expr::UnaryOp {
            op: ast::UnaryOperator::Minus | ast::UnaryOperator::Plus,
            expr,
        } => number(expr),
        other => number(other),
    };
    if digits.is_some_and(|digits| digits.parse::<i32>().is_ok()) {
        *expr = as_type(expr.clone(), "INT");
    }
}

fn set(body: &mut ast::SetExpr) {
    match body {
        ast::SetExpr::SetOperation { left, right, .. } => {
            set(left);
            set(right);
        }
        ast::SetExpr::Values(values) => values
            .rows
            .iter_mut()
            .flat_map(|row| row.content.iter_mut())
            .for_each(narrow),
        _ => {}
    }
}
