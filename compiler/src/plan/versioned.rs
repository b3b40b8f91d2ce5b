//! `FOR SYSTEM_TIME AS OF`: a table as it is at the time of each row of the other side of a join.
//!
//! DataFusion's binder drops the clause, so the relation becomes an extension node that only a
//! join takes off again. With an event time it is a temporal join with the versions of a table; with
//! a processing time the table is looked up by key when a row comes.

use std::cmp::Ordering;
use std::fmt;

use datafusion_common::{
    Column, DFSchemaRef, JoinType, Result, TableReference, internal_err, plan_err,
};
use datafusion_expr::logical_plan::{self as lp, LogicalPlan};
use datafusion_expr::{Expr, UserDefinedLogicalNodeCore};
use datafusion_sql::sqlparser::ast;

use super::joins::Side;
use super::stream::{
    ChangelogMode, JoinKind, JoinTime, PlanColumn, StreamOp, TimeAttribute, WatermarkSpec, column,
    plain_column, substitute,
};
use super::translate::Translator;

/// A relation of which a join wants the rows that are in force at a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct VersionedNode {
    pub input: LogicalPlan,
    /// The column of the other side that has the time.
    pub time: Column,
}

impl PartialOrd for VersionedNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl VersionedNode {
    /// The relation at the time that `time` names.
    pub fn try_new(input: LogicalPlan, time: &ast::Expr) -> Result<Self> {
        let time = match time {
            ast::Expr::Identifier(name) => Column::new_unqualified(&name.value),
            ast::Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [table, name] => {
                    Column::new(Some(TableReference::bare(table.value.clone())), &name.value)
                }
                _ => {
                    return plan_err!(
                        "FOR SYSTEM_TIME AS OF takes a column of the left side, such as o.ts"
                    );
                }
            },
            other => {
                return plan_err!(
                    "FOR SYSTEM_TIME AS OF takes a time attribute of the left side, as in Flink, \
                     not {other}; compute it in the table's definition"
                );
            }
        };
        Ok(Self { input, time })
    }
}

impl UserDefinedLogicalNodeCore for VersionedNode {
    fn name(&self) -> &str {
        "ForSystemTimeAsOf"
    }
    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }
    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }
    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }
    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "FOR SYSTEM_TIME AS OF {}", self.time)
    }
    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        match <[LogicalPlan; 1]>::try_from(inputs) {
            Ok([input]) => Ok(Self {
                input,
                time: self.time.clone(),
            }),
            Err(_) => internal_err!("a versioned table has one input"),
        }
    }
}

/// The versioned relation behind an alias.
pub(super) fn versioned(plan: &LogicalPlan) -> Option<&VersionedNode> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => versioned(&alias.input),
        LogicalPlan::Extension(extension) => {
            let node: &dyn std::any::Any = extension.node.as_any();
            node.downcast_ref::<VersionedNode>()
        }
        _ => None,
    }
}

/// The table that a relation is, if it is nothing but that.
fn table_of(plan: &LogicalPlan) -> Option<&str> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => table_of(&alias.input),
        LogicalPlan::TableScan(scan) => Some(scan.table_name.table()),
        _ => None,
    }
}

/// A table that is asked by key: what of it is read, as of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct LookupTable {
    /// Number of the table in [`StreamPlan::tables`](super::stream::StreamPlan::tables).
    pub table: usize,
    /// Columns to read: positions in the table's physical and metadata columns.
    pub projection: Vec<usize>,
    /// The table's columns over the columns read; `None` if they are the same.
    pub exprs: Option<Vec<Expr>>,
    /// The table's columns.
    pub columns: Vec<PlanColumn>,
}

/// Which rows of a looked-up table belong to a row.
#[derive(Debug, Clone, PartialEq)]
pub struct LookupKeys {
    /// Inner or left.
    pub kind: JoinKind,
    /// Positions of the key in the input.
    pub left: Vec<usize>,
    /// The columns of the table that must equal them: positions in what is read of it
    /// ([`LookupTable::projection`]).
    pub right: Vec<usize>,
    /// What else must hold, over the input's columns and then the table's.
    pub condition: Option<Expr>,
}

impl Translator<'_> {
    /// The time attribute that a versioned table is taken at.
    pub(super) fn version_time(
        &self,
        join: &lp::Join,
        versioned: &VersionedNode,
        left: &[PlanColumn],
    ) -> Result<(usize, TimeAttribute)> {
        if !matches!(join.join_type, JoinType::Inner | JoinType::Left) {
            return plan_err!(
                "a join FOR SYSTEM_TIME AS OF is INNER or LEFT, as in Flink, not {}",
                join.join_type
            );
        }
        let position = join.left.schema().index_of_column(&versioned.time)?;
        match left[position].time {
            Some(time) => Ok((position, time)),
            None => plan_err!(
                "FOR SYSTEM_TIME AS OF needs a time attribute of the left side, but '{}' is none; \
                 declare WATERMARK FOR it or make it with PROCTIME(), and pass it on unchanged",
                versioned.time.name
            ),
        }
    }

    /// The join with the version of each key at the time of the left row: `left_time`.
    ///
    /// The right side's key decides which versions belong together. What else must be equal is a
    /// condition on the pair.
    pub(super) fn temporal_time(
        &self,
        left: &mut Side,
        right: &mut Side,
        null_safe: &mut Vec<bool>,
        conditions: &mut Vec<Expr>,
        left_time: usize,
    ) -> Result<JoinTime> {
        let node = &self.graph.nodes()[right.input];
        let Some(key) = node.upsert_key.clone() else {
            return plan_err!(
                "a temporal join requires a primary key of the versioned table, as in Flink; \
                 declare PRIMARY KEY (…) NOT ENFORCED, or use a view that keeps the last row of \
                 each key by its event time"
            );
        };
        let Some(right_time) = node.rowtime() else {
            return plan_err!(
                "a temporal join in event time requires an event time of the versioned table, as \
                 in Flink; declare WATERMARK FOR a column of it"
            );
        };
        if let Some(missing) = key.iter().find(|column| !right.keys.contains(column)) {
            return plan_err!(
                "a temporal join must be on the primary key of the versioned table, as in Flink: \
                 '{}' = … is missing",
                node.columns[*missing].name
            );
        }
        for at in (0..right.keys.len()).rev() {
            if key.contains(&right.keys[at]) {
                continue;
            }
            let of_side = |side: &Side, position: usize| match position < side.width {
                true => column(position),
                false => side.computed[position - side.width].clone(),
            };
            let (l, r) = (of_side(left, left.keys[at]), of_side(right, right.keys[at]));
            let width = left.width;
            conditions.push(l.eq(substitute(r, &|i| column(i + width))?));
            left.keys.remove(at);
            right.keys.remove(at);
            null_safe.remove(at);
        }
        Ok(JoinTime::Temporal {
            left: left_time,
            right: right_time,
        })
    }

    /// The table of a lookup join.
    pub(super) fn lookup_table(&mut self, versioned: &VersionedNode) -> Result<LookupTable> {
        let Some(name) = table_of(&versioned.input) else {
            return plan_err!(
                "FOR SYSTEM_TIME AS OF a processing time looks a table up by key; a view or a \
                 query has no lookup"
            );
        };
        let node = self.graph.table(name)?;
        match node.op {
            StreamOp::Source {
                table,
                projection,
                exprs,
                watermark: None | Some(WatermarkSpec { .. }),
            } => Ok(LookupTable {
                table,
                projection,
                exprs,
                columns: node.columns,
            }),
            _ => internal_err!("a table is read by a source"),
        }
    }

    /// The join of each left row with the rows that `table` has for its key when the row comes.
    pub(super) fn lookup_join(
        &mut self,
        kind: JoinKind,
        left: &Side,
        right: &Side,
        mut conditions: Vec<Expr>,
        table: LookupTable,
    ) -> Result<usize> {
        let (mut left_keys, mut right_keys) = (Vec::new(), Vec::new());
        // Only what the table itself holds can be asked for.
        let read = |position: usize| match &table.exprs {
            None => Some(position),
            Some(exprs) => plain_column(&exprs[position]),
        };
        for (&l, &r) in left.keys.iter().zip(&right.keys) {
            let asked = (r < right.width).then(|| read(r)).flatten();
            match asked {
                Some(asked) if !right_keys.contains(&asked) => {
                    left_keys.push(l);
                    right_keys.push(asked);
                }
                _ => {
                    let of_side = |side: &Side, position: usize| match position < side.width {
                        true => column(position),
                        false => side.computed[position - side.width].clone(),
                    };
                    let r = substitute(of_side(right, r), &|i| column(i + left.width))?;
                    conditions.push(of_side(left, l).eq(r));
                }
            }
        }
        if left_keys.is_empty() {
            return plan_err!(
                "a lookup join requires an equality with a column of the looked-up table, as in Flink"
            );
        }
        let input = self.with_computed(left)?;
        let from = &self.graph.nodes()[input];
        let in_width = from.columns.len();
        let shift = in_width - left.width;
        let condition = datafusion_expr::utils::conjunction(conditions)
            .map(|c| substitute(c, &|i| column(if i < left.width { i } else { i + shift })))
            .transpose()?;
        let mut outputs = from.columns.clone();
        outputs.extend(table.columns.iter().map(|c| PlanColumn {
            field: match kind.pads_left() {
                true => std::sync::Arc::new(c.field.as_ref().clone().with_nullable(true)),
                false => std::sync::Arc::clone(&c.field),
            },
            time: None,
            ..c.clone()
        }));
        let updates = from.changelog != ChangelogMode::Append;
        let single = self.graph.is_key_of(table.table, &table, &right_keys);
        let upsert_key = from.upsert_key.clone().filter(|_| single);
        let width = table.columns.len();
        let index = self.push(
            StreamOp::LookupJoin {
                keys: LookupKeys {
                    kind,
                    left: left_keys,
                    right: right_keys,
                    condition,
                },
                table,
            },
            vec![input],
            outputs.clone(),
        );
        self.update(index, |node| {
            node.upsert_key = upsert_key;
            if updates {
                node.changelog = ChangelogMode::Retract;
            }
        });
        if shift == 0 {
            return Ok(index);
        }
        let keep: Vec<usize> = (0..left.width).chain(in_width..in_width + width).collect();
        let exprs = keep.iter().map(|&i| column(i)).collect();
        let columns = keep.iter().map(|&i| outputs[i].clone()).collect();
        self.calc(index, exprs, None, columns)
    }
}
