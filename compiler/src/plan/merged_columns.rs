//! `SELECT *` over joins by USING and NATURAL, which make one column of two, and what FROM with commas joins.
//!
//! Flink puts the columns that are joined by first, then what else the left side has, then the right
//! one's; DataFusion leaves them where the left side has them. So the star is written out. A comma
//! joins like any other word for it, one after the other: in `FROM a, b JOIN c USING (id)` the left side is
//! `a` with `b`. Where several columns of the left side have the name, the first one is joined by.

use std::ops::ControlFlow;

use datafusion_common::{Result, plan_err};
use datafusion_sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, Join, JoinConstraint, JoinOperator, Query, Select, SelectItem,
    TableAlias, TableFactor, TableWithJoins, VisitMut as _, VisitorMut,
};

use crate::sql::markers;

/// Gives the names of a relation's columns.
pub(super) type ColumnsOf<'a> = dyn FnMut(&TableFactor) -> Result<Vec<String>> + 'a;

/// Writes out the star and the names of a SELECT that stand for columns made of two.
///
/// # Errors
/// A column made of two that WHERE names without a table: Flink calls it ambiguous.
pub(super) fn expand(
    select: &mut Select,
    number: &mut usize,
    columns_of: &mut ColumnsOf<'_>,
) -> Result<()> {
    commas_to_joins(&mut select.from);
    refuse_merged_in_where(select)?;
    if !select.from.iter().any(merges) {
        return Ok(());
    }
    let mut all = Vec::new();
    for tables in &mut select.from {
        match of_tables(tables, number, columns_of)? {
            Some(columns) => all.extend(columns),
            // A name that is not there, or there twice: binding says so.
            None => return Ok(()),
        }
    }
    let merged: Vec<&StarColumn> = all.iter().filter(|column| column.merged).collect();
    let mut items = Vec::with_capacity(select.projection.len());
    for item in std::mem::take(&mut select.projection) {
        match item {
            SelectItem::Wildcard(_) => items.extend(all.iter().map(StarColumn::item)),
            SelectItem::UnnamedExpr(Expr::Identifier(name)) => {
                let column = merged.iter().find(|column| column.name == name.value);
                items.push(match column {
                    Some(column) => column.item(),
                    None => SelectItem::UnnamedExpr(Expr::Identifier(name)),
                });
            }
            item => items.push(item),
        }
    }
    select.projection = items;
    let mut names = MergedNames {
        merged: &merged,
        depth: 0,
    };
    // Nothing breaks off.
    let _ = select.projection.visit(&mut names);
    let _ = select.group_by.visit(&mut names);
    let _ = select.having.visit(&mut names);
    Ok(())
}

/// Writes commas before a relation with joins as CROSS JOIN, so that these join all that stands before.
fn commas_to_joins(from: &mut Vec<TableWithJoins>) {
    let last = from.iter().rposition(|tables| !tables.joins.is_empty());
    if let Some(at) = last.filter(|&at| at > 0) {
        let mut left: Option<TableWithJoins> = None;
        for tables in from.drain(..=at) {
            match &mut left {
                None => left = Some(tables),
                Some(left) => {
                    left.joins.push(Join {
                        relation: tables.relation,
                        global: false,
                        join_operator: JoinOperator::CrossJoin(JoinConstraint::None),
                    });
                    left.joins.extend(tables.joins);
                }
            }
        }
        from.splice(0..0, left);
    }
}

/// Puts what a merged column is in the place of its name.
struct MergedNames<'a> {
    merged: &'a [&'a StarColumn],
    /// How many queries are around what is visited; their names are their own.
    depth: usize,
}

impl VisitorMut for MergedNames<'_> {
    type Break = ();
    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }
    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }
    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(name) = expr
            && self.depth == 0
            && let Some(column) = self.merged.iter().find(|column| column.name == name.value)
        {
            *expr = column.expr.clone();
        }
        ControlFlow::Continue(())
    }
}

fn refuse_merged_in_where(select: &mut Select) -> Result<()> {
    struct Named<'a> {
        merged: &'a [String],
        /// How many queries are around what is visited; their names are their own.
        depth: usize,
    }
    impl VisitorMut for Named<'_> {
        type Break = String;
        fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<String> {
            self.depth += 1;
            ControlFlow::Continue(())
        }
        fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<String> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }
        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<String> {
            match expr {
                Expr::Identifier(name) if self.depth == 0 && self.merged.contains(&name.value) => {
                    ControlFlow::Break(name.value.clone())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    let joins = select.from.iter().flat_map(|tables| &tables.joins);
    let merged: Vec<String> = joins
        .filter_map(|join| match constraint(join) {
            Some((_, JoinConstraint::Using(names))) => Some(names),
            _ => None,
        })
        .flatten()
        .filter_map(|name| Some(name.0.last()?.as_ident()?.value.clone()))
        .collect();
    let mut named = Named {
        merged: &merged,
        depth: 0,
    };
    match select
        .selection
        .as_mut()
        .map(|condition| condition.visit(&mut named))
    {
        Some(ControlFlow::Break(name)) => plan_err!(
            "the column '{name}' is ambiguous in WHERE, as in Flink: JOIN … USING makes one column of \
             two only behind it; write the table before it, as in t.{name}"
        ),
        _ => Ok(()),
    }
}

fn merges(tables: &TableWithJoins) -> bool {
    let nested = |factor: &TableFactor| match factor {
        TableFactor::NestedJoin {
            table_with_joins, ..
        } => merges(table_with_joins),
        _ => false,
    };
    let by_name = |join: &Join| {
        let constraint = constraint(join).map(|(_, by)| by);
        matches!(
            constraint,
            Some(JoinConstraint::Using(_) | JoinConstraint::Natural)
        )
    };
    nested(&tables.relation)
        || tables
            .joins
            .iter()
            .any(|join| by_name(join) || nested(&join.relation))
}

/// Which side's value a merged column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    /// That of the side that has one.
    Either,
}

/// What our parser makes of joins with a constraint.
fn constraint(join: &Join) -> Option<(Side, &JoinConstraint)> {
    match &join.join_operator {
        JoinOperator::Inner(by) | JoinOperator::Left(by) => Some((Side::Left, by)),
        JoinOperator::Right(by) => Some((Side::Right, by)),
        JoinOperator::FullOuter(by) => Some((Side::Either, by)),
        _ => None,
    }
}

/// A column that the star stands for.
#[derive(Debug, Clone)]
struct StarColumn {
    name: String,
    expr: Expr,
    /// Whether it is one column of two.
    merged: bool,
}

impl StarColumn {
    fn item(&self) -> SelectItem {
        match &self.expr {
            Expr::CompoundIdentifier(_) => SelectItem::UnnamedExpr(self.expr.clone()),
            expr => SelectItem::ExprWithAlias {
                expr: expr.clone(),
                alias: Ident::with_quote('`', &self.name),
            },
        }
    }
}

fn of_tables(
    tables: &mut TableWithJoins,
    number: &mut usize,
    columns_of: &mut ColumnsOf<'_>,
) -> Result<Option<Vec<StarColumn>>> {
    let Some(mut left) = of_factor(&mut tables.relation, number, columns_of)? else {
        return Ok(None);
    };
    for join in &mut tables.joins {
        let Some(right) = of_factor(&mut join.relation, number, columns_of)? else {
            return Ok(None);
        };
        match joined(join, left, right) {
            Some(columns) => left = columns,
            None => return Ok(None),
        }
    }
    Ok(Some(left))
}

/// The columns of a join; `None` where a column that is joined by is not there on a side, or there twice.
///
/// Of several columns on the left side that USING names the first is meant: then ON says so.
fn joined(
    join: &mut Join,
    left: Vec<StarColumn>,
    right: Vec<StarColumn>,
) -> Option<Vec<StarColumn>> {
    let (side, names): (Side, Vec<String>) = match constraint(join) {
        Some((side, JoinConstraint::Using(names))) => {
            let name = |name: &datafusion_sql::sqlparser::ast::ObjectName| {
                let part = name.0.last().and_then(|part| part.as_ident());
                part.map(|ident| ident.value.clone())
            };
            (side, names.iter().map(name).collect::<Option<_>>()?)
        }
        Some((side, JoinConstraint::Natural)) => {
            let common = |column: &&StarColumn| right.iter().any(|r| r.name == column.name);
            let names = left.iter().filter(common).map(|column| column.name.clone());
            (side, names.collect())
        }
        _ => (Side::Left, vec![]),
    };
    let once = |columns: &[StarColumn], name: &str| {
        let mut found = columns.iter().filter(|column| column.name == name);
        match (found.next(), found.next()) {
            (Some(column), None) => Some(column.expr.clone()),
            _ => None,
        }
    };
    let first = |columns: &[StarColumn], name: &str| {
        let found = columns.iter().find(|column| column.name == name);
        found.map(|column| column.expr.clone())
    };
    let using = matches!(constraint(join), Some((_, JoinConstraint::Using(_))));
    let several = using && names.iter().any(|name| once(&left, name).is_none());
    let mut all = Vec::with_capacity(left.len() + right.len());
    let mut merged: Vec<Expr> = Vec::new();
    let mut equal: Option<Expr> = None;
    for name in &names {
        let l = match several {
            true => first(&left, name)?,
            false => once(&left, name)?,
        };
        let r = once(&right, name)?;
        if several {
            let pair = Expr::BinaryOp {
                left: Box::new(l.clone()),
                op: BinaryOperator::Eq,
                right: Box::new(r.clone()),
            };
            equal = Some(match equal {
                None => pair,
                Some(all) => Expr::BinaryOp {
                    left: Box::new(all),
                    op: BinaryOperator::And,
                    right: Box::new(pair),
                },
            });
        }
        merged.extend([l.clone(), r.clone()]);
        all.push(StarColumn {
            name: name.clone(),
            merged: true,
            expr: match side {
                Side::Left => l,
                Side::Right => r,
                Side::Either => markers::call(Ident::new("COALESCE"), vec![l, r]),
            },
        });
    }
    if let Some(equal) = equal
        && let JoinOperator::Inner(by)
        | JoinOperator::Left(by)
        | JoinOperator::Right(by)
        | JoinOperator::FullOuter(by) = &mut join.join_operator
    {
        *by = JoinConstraint::On(equal);
    }
    let others = |column: &StarColumn| !merged.contains(&column.expr);
    all.extend(left.into_iter().chain(right).filter(others));
    Some(all)
}

fn of_factor(
    factor: &mut TableFactor,
    number: &mut usize,
    columns_of: &mut ColumnsOf<'_>,
) -> Result<Option<Vec<StarColumn>>> {
    if let TableFactor::NestedJoin {
        table_with_joins,
        alias: None,
    } = factor
    {
        return of_tables(table_with_joins, number, columns_of);
    }
    let names = columns_of(factor)?;
    let own = match factor {
        TableFactor::Table {
            name,
            args: None,
            alias: None,
            ..
        } => name.0.last().and_then(|part| part.as_ident()).cloned(),
        TableFactor::Table { alias, .. }
        | TableFactor::Derived { alias, .. }
        | TableFactor::TableFunction { alias, .. }
        | TableFactor::Function { alias, .. }
        | TableFactor::UNNEST { alias, .. }
        | TableFactor::MatchRecognize { alias, .. } => {
            // What has no name gets one, so that its columns can be told from others.
            let alias = alias.get_or_insert_with(|| {
                *number += 1;
                TableAlias {
                    explicit: true,
                    name: Ident::with_quote('`', format!("__joined{number}")),
                    columns: vec![],
                    at: None,
                }
            });
            Some(alias.name.clone())
        }
        _ => None,
    };
    let Some(own) = own else {
        return Ok(None);
    };
    let column = |name: String| StarColumn {
        expr: Expr::CompoundIdentifier(vec![own.clone(), Ident::with_quote('`', &name)]),
        name,
        merged: false,
    };
    Ok(Some(names.into_iter().map(column).collect()))
}
