//! Whether a bound plan has what a pass is for.
//!
//! A pass over a plan takes it apart and builds it again, names and schemas included; looking costs
//! a fraction of that.

use datafusion_common::Result;
use datafusion_common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion_expr::Expr;
use datafusion_expr::logical_plan::LogicalPlan;

/// Whether an expression of the plan, or of a query inside it, is one of these.
pub(super) fn holds(plan: &LogicalPlan, wanted: impl Fn(&Expr) -> bool) -> Result<bool> {
    let mut found = false;
    let seen = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                found |= wanted(e);
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        Ok(match found {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    });
    seen.map(|_| found)
}
