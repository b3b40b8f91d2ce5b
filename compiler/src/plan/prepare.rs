//! What is changed in a query's syntax tree before DataFusion binds it: names of columns and types of
//! numbers, where its rules are not Flink's.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{self, VisitMut as _, VisitorMut};

use crate::sql::markers;

/// Prepares a query.
///
/// Columns without a name, and second columns of a name, get the names Flink gives them: `EXPR$2`,
/// `card0`; DataFusion would refuse two columns of one name. A number with an exponent is a DOUBLE,
/// an integer in VALUES an INT if it fits.
pub(crate) fn query(query: &mut ast::Query) {
    let _ = query.visit(&mut Preparation);
}

/// Prepares an expression that stands alone.
pub(crate) fn expr(expr: &mut ast::Expr) {
    let _ = expr.visit(&mut Preparation);
}

struct Preparation;

impl VisitorMut for Preparation {
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
        ast::SetExpr::Select(select) => name_items(&mut select.projection),
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

fn name_items(items: &mut [ast::SelectItem]) {
    let mut seen: Vec<String> = items
        .iter()
        .filter_map(|item| match item {
            ast::SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
            _ => None,
        })
        .collect();
    for (i, item) in items.iter_mut().enumerate() {
        let ast::SelectItem::UnnamedExpr(expr) = item else {
            continue;
        };
        let own = match &*expr {
            ast::Expr::Identifier(ident) => Some(ident.value.clone()),
            ast::Expr::CompoundIdentifier(parts) => parts.last().map(|p| p.value.clone()),
            _ => None,
        };
        let name = match own {
            Some(own) if !seen.contains(&own) => {
                seen.push(own);
                continue;
            }
            Some(own) => (0..)
                .map(|n| format!("{own}{n}"))
                .find(|name| !seen.contains(name))
                .unwrap_or(own),
            None => format!("EXPR${i}"),
        };
        seen.push(name.clone());
        *item = ast::SelectItem::ExprWithAlias {
            expr: expr.clone(),
            alias: ast::Ident::with_quote('`', name),
        };
    }
}
