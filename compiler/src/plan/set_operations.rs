//! `INTERSECT [ALL]` and `EXCEPT [ALL]`.
//!
//! DataFusion's binder writes them as semi and anti joins over all columns in which NULL equals
//! NULL, the left side made distinct unless ALL is said. No query can write such a join otherwise,
//! so it is known by its looks.

use datafusion_common::{JoinType, NullEquality, Result, plan_err};
use datafusion_expr::Expr;
use datafusion_expr::logical_plan::{self as lp, LogicalPlan};

use super::stream::{ChangelogMode, PlanColumn, StreamOp, column};
use super::translate::{Translator, without_casts};

/// A set operation found in a plan.
pub(crate) struct SetOperation<'p> {
    except: bool,
    all: bool,
    left: &'p LogicalPlan,
    right: &'p LogicalPlan,
}

impl<'p> SetOperation<'p> {
    /// The set operation that a join stands for, if it is one.
    pub fn of(join: &'p lp::Join) -> Option<Self> {
        let except = match join.join_type {
            JoinType::LeftSemi => false,
            JoinType::LeftAnti => true,
            _ => return None,
        };
        let width = join.left.schema().fields().len();
        let is_column = |expr: &Expr, side: &LogicalPlan, at: usize| match without_casts(expr) {
            Expr::Column(c) => side.schema().index_of_column(c).ok() == Some(at),
            _ => false,
        };
        let whole =
            join.filter.is_none()
                && join.null_equality == NullEquality::NullEqualsNull
                && join.on.len() == width
                && join.right.schema().fields().len() == width
                && join.on.iter().enumerate().all(|(at, (l, r))| {
                    is_column(l, &join.left, at) && is_column(r, &join.right, at)
                });
        if !whole {
            return None;
        }
        let (all, left) = match join.left.as_ref() {
            LogicalPlan::Distinct(lp::Distinct::All(input)) => (false, input),
            _ => (true, &join.left),
        };
        Some(Self {
            except,
            all,
            left,
            right: &join.right,
        })
    }
}

impl Translator<'_> {
    /// `input` with its integers in the wider types that `other` has in the same columns.
    fn widened(&mut self, input: usize, other: usize) -> Result<usize> {
        let nodes = self.graph.nodes();
        let mut columns = nodes[input].columns.clone();
        let others = nodes[other].columns.clone();
        let mut exprs: Vec<Expr> = (0..columns.len()).map(column).collect();
        let mut same = true;
        let bytes = |c: &PlanColumn| {
            let data_type = c.field.data_type();
            data_type
                .is_integer()
                .then(|| data_type.primitive_width())
                .flatten()
        };
        for (at, (own, wanted)) in columns.iter_mut().zip(&others).enumerate() {
            if let (Some(from), Some(to)) = (bytes(own), bytes(wanted))
                && from < to
            {
                same = false;
                exprs[at] = datafusion_expr::cast(column(at), wanted.field.data_type().clone());
                let nullable = own.field.is_nullable();
                let field = wanted.field.as_ref().clone().with_nullable(nullable);
                *own = PlanColumn::new(own.name.clone(), &field);
            }
        }
        match same {
            true => Ok(input),
            false => self.calc(input, exprs, None, columns),
        }
    }

    /// A set operation of two queries, whose columns must have the same types.
    pub(super) fn set_operation(&mut self, operation: &SetOperation) -> Result<usize> {
        let name = match (operation.except, operation.all) {
            (false, false) => "INTERSECT",
            (false, true) => "INTERSECT ALL",
            (true, false) => "EXCEPT",
            (true, true) => "EXCEPT ALL",
        };
        let mut left = self.translate(operation.left)?;
        let mut right = self.translate(operation.right)?;
        left = self.widened(left, right)?;
        right = self.widened(right, left)?;
        let nodes = self.graph.nodes();
        let (l, r) = (&nodes[left].columns, &nodes[right].columns);
        for (a, b) in l.iter().zip(r) {
            let (from, to) = (a.flink_type(), b.flink_type());
            if from.to_arrow() != to.to_arrow() {
                return plan_err!(
                    "{name} compares '{}' of type {from} with '{}' of type {to}; CAST one to the type of the other",
                    a.name,
                    b.name
                );
            }
        }
        let appends = [left, right]
            .iter()
            .all(|&i| nodes[i].changelog == ChangelogMode::Append);
        let columns: Vec<PlanColumn> = l
            .iter()
            .zip(r)
            .map(|(a, b)| {
                let nullable = match operation.except {
                    true => a.field.is_nullable(),
                    // Either side's rows may come out.
                    false => a.field.is_nullable() || b.field.is_nullable(),
                };
                let field = a.field.as_ref().clone().with_nullable(nullable);
                PlanColumn::new(&a.name, &field)
            })
            .collect();
        // Two readers of one operator are two inputs.
        if left == right {
            let columns = self.graph.nodes()[right].columns.clone();
            let exprs = (0..columns.len()).map(column).collect();
            right = self.calc(right, exprs, None, columns)?;
        }
        let width = columns.len();
        let all = operation.all;
        let index = self.push(
            StreamOp::SetOperation {
                except: operation.except,
                all,
            },
            vec![left, right],
            columns,
        );
        let append = appends && !operation.except;
        self.update(index, |node| {
            node.upsert_key = (!all).then(|| (0..width).collect());
            node.changelog = match append {
                true => ChangelogMode::Append,
                false => ChangelogMode::Retract,
            };
        });
        Ok(index)
    }
}
