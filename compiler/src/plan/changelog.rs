//! Which operators must tell the old value of an update, and what stands between the last operator
//! and a table.
//!
//! Translation says of every operator whether its rows are updated at all. Here the consumers are
//! asked, from the sinks down: where nobody reads the old value of an update (`-U`), the operator
//! does not make it ([`ChangelogMode::Upsert`]), as in Flink's changelog mode inference:
//!
//! - A table that takes upserts reads no old values if its primary key is an upsert key of the
//!   stream and every operator on the way can do without them. A filter on other columns cannot: a
//!   row that no longer passes must be taken back. Nor can a join by columns that a key lacks.
//! - Where a table gives old values that nobody reads, they are dropped.
//! - What makes a full changelog of upserts ([`StreamOp::ChangelogNormalize`]) is left out where
//!   upserts will do, and takes over a filter that stands behind it: rows that the filter drops then
//!   take no state.

use datafusion_common::tree_node::TreeNode;
use datafusion_common::{Result, ScalarValue};
use datafusion_expr::{Expr, lit, utils, when};
use millstream_functions::types::{FlinkType, TypeKind};

use super::keys::{self, Key};
use super::sinks::{self, SinkMode};
use super::stream::{ChangelogMode, JoinTime, PlanNode, StreamOp, StreamPlan, column, columns_of};

/// Sets the changelog mode of each operator to what its consumers need, and adds the operators
/// that changelogs need in front of sinks and behind sources.
pub(crate) fn infer(plan: StreamPlan) -> Result<StreamPlan> {
    let mut plan = filter_before_normalize(plan)?;
    keys::assign(&mut plan);
    let keys = keys::upsert_keys(&plan);
    let able = without_before(&plan, &keys);
    super::monotonicity::set_forward(&mut plan, &keys, &able);
    let wanted = wanted(&plan, &keys, &able);
    let mut plan = settle(plan, &wanted);
    fill_deletes(&mut plan)?;
    keys::assign(&mut plan);
    sinks::prepare(plan)
}

/// What the consumers of an operator ask of its changelog.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Wanted {
    /// The old values of updates.
    before: bool,
    /// Deletes with all columns; without, those of the key will do.
    full_deletes: bool,
}

fn wanted(plan: &StreamPlan, keys: &[Vec<Key>], able: &[bool]) -> Vec<Wanted> {
    let mut wanted = vec![Wanted::default(); plan.nodes.len()];
    for index in (0..plan.nodes.len()).rev() {
        let node = &plan.nodes[index];
        for (port, &input) in node.inputs.iter().enumerate() {
            let asked = asks(plan, node, port, wanted[index], able, keys);
            wanted[input].before |= asked.before;
            wanted[input].full_deletes |= asked.full_deletes;
        }
    }
    wanted
}

/// Whether each operator can give updates without their old values.
fn without_before(plan: &StreamPlan, keys: &[Vec<Key>]) -> Vec<bool> {
    let mut able = Vec::with_capacity(plan.nodes.len());
    for node in &plan.nodes {
        let inputs = || node.inputs.iter().all(|&input| able[input]);
        let can = match &node.op {
            _ if node.changelog == ChangelogMode::Append => true,
            StreamOp::Calc {
                filter: Some(filter),
                ..
            } => inputs() && by_key(filter, &keys[node.inputs[0]]),
            StreamOp::Join { on, time } => {
                let ports = node.inputs.iter().zip([&on.left, &on.right]);
                let kept = |input: usize, by: &[usize]| {
                    plan.nodes[input].changelog == ChangelogMode::Append
                        || keys[input]
                            .iter()
                            .any(|key| by.iter().all(|column| key.contains(column)))
                };
                match time {
                    JoinTime::Temporal { .. } => able[node.inputs[0]],
                    _ => inputs() && ports.into_iter().all(|(&input, by)| kept(input, by)),
                }
            }
            _ if passes_on(&node.op) => inputs(),
            _ => true,
        };
        able.push(can);
    }
    able
}

/// Whether the columns of one key alone decide.
fn by_key(filter: &Expr, keys: &[Key]) -> bool {
    let read = columns_of(filter);
    keys.iter()
        .any(|key| read.iter().all(|column| key.contains(column)))
}

/// Whether the operator gives the row kinds of its input.
fn passes_on(op: &StreamOp) -> bool {
    matches!(
        op,
        StreamOp::Calc { .. }
            | StreamOp::Union
            | StreamOp::Predict { .. }
            | StreamOp::Expand { .. }
            | StreamOp::Unnest { .. }
            | StreamOp::WindowTvf { .. }
            | StreamOp::LookupJoin { .. }
            | StreamOp::SinkConstraints { .. }
            | StreamOp::Sink { .. }
    )
}

/// What the operator asks of input `port`; `own` is what is asked of itself.
fn asks(
    plan: &StreamPlan,
    node: &PlanNode,
    port: usize,
    own: Wanted,
    able: &[bool],
    keys: &[Vec<Key>],
) -> Wanted {
    const ALL: Wanted = Wanted {
        before: true,
        full_deletes: true,
    };
    let input = node.inputs[port];
    match &node.op {
        StreamOp::Sink { table, .. } => {
            let table = &plan.tables[*table];
            let keyed = || {
                let key = sinks::key_positions(table);
                key.is_empty() || keys[input].contains(&key)
            };
            Wanted {
                before: match sinks::mode(table) {
                    SinkMode::Upsert => !(keyed() && able[input]),
                    SinkMode::Append | SinkMode::Retract => true,
                },
                full_deletes: !sinks::deletes_by_key(table),
            }
        }
        StreamOp::Calc {
            filter: Some(filter),
            ..
        } => Wanted {
            full_deletes: own.full_deletes || !by_key(filter, &keys[input]),
            ..own
        },
        StreamOp::Join { time, .. } => match time {
            JoinTime::Temporal { .. } if port == 1 => Wanted {
                before: false,
                ..ALL
            },
            _ => Wanted {
                full_deletes: true,
                ..own
            },
        },
        StreamOp::ChangelogNormalize { .. } => Wanted::default(),
        StreamOp::TopN {
            forward: Some(_), ..
        } => Wanted {
            before: false,
            full_deletes: true,
        },
        op if passes_on(op) => own,
        _ => ALL,
    }
}

/// The plan with the changelog modes that are wanted.
fn settle(plan: StreamPlan, wanted: &[Wanted]) -> StreamPlan {
    let mut settled = StreamPlan {
        nodes: Vec::with_capacity(plan.nodes.len()),
        ..plan.clone()
    };
    // Where the rows of each operator come from now.
    let mut places: Vec<usize> = Vec::with_capacity(plan.nodes.len());
    for (mut node, wanted) in plan.nodes.into_iter().zip(wanted) {
        for input in &mut node.inputs {
            *input = places[*input];
        }
        let first = node.inputs.first().copied();
        if let (StreamOp::ChangelogNormalize { filter: None, .. }, Some(first)) = (&node.op, first)
        {
            let enough = !wanted.before
                && gives_upserts(&settled, first)
                    .is_some_and(|by_key| !wanted.full_deletes || !by_key);
            if enough {
                places.push(first);
                continue;
            }
        }
        let source = matches!(node.op, StreamOp::Source { .. });
        node.changelog = match node.changelog {
            ChangelogMode::Append => ChangelogMode::Append,
            // A table gives what it gives.
            mode if source => mode,
            _ if passes_on(&node.op) || matches!(node.op, StreamOp::Join { .. }) => {
                let of_inputs = node.inputs.iter().map(|&i| settled.nodes[i].changelog);
                match of_inputs.max_by_key(|mode| *mode as u8) {
                    // Outer and anti joins of inserts take back what they padded.
                    Some(ChangelogMode::Append) | None => match wanted.before {
                        true => ChangelogMode::Retract,
                        false => ChangelogMode::Upsert,
                    },
                    Some(mode) => mode,
                }
            }
            _ if wanted.before => ChangelogMode::Retract,
            _ => ChangelogMode::Upsert,
        };
        let drops = source && node.changelog == ChangelogMode::Retract && !wanted.before;
        settled.nodes.push(node);
        let mut place = settled.nodes.len() - 1;
        if drops {
            let from = &settled.nodes[place];
            settled.nodes.push(PlanNode {
                op: StreamOp::DropUpdateBefore,
                inputs: vec![place],
                changelog: ChangelogMode::Upsert,
                ..from.clone()
            });
            place += 1;
        }
        places.push(place);
    }
    settled
}

/// Whether the operator gives the upserts of a table, and then whether deletes carry the key alone.
fn gives_upserts(plan: &StreamPlan, mut index: usize) -> Option<bool> {
    loop {
        let node = &plan.nodes[index];
        match &node.op {
            StreamOp::Source { table, .. } if node.changelog == ChangelogMode::Upsert => {
                return Some(sinks::gives_deletes_by_key(&plan.tables[*table]));
            }
            StreamOp::Calc { .. } => index = node.inputs[0],
            _ => return None,
        }
    }
}

/// Gives columns that are NOT NULL a value in deletes that carry the key alone.
///
/// Flink's generated code computes them with the value that it begins every variable with, and
/// writes that: -1 for a number, the empty string.
fn fill_deletes(plan: &mut StreamPlan) -> Result<()> {
    for index in 0..plan.nodes.len() {
        let node = &plan.nodes[index];
        let StreamOp::Calc { exprs, filter } = &node.op else {
            continue;
        };
        if gives_upserts(plan, node.inputs[0]) != Some(true) {
            continue;
        }
        let key = node.upsert_key.as_deref().unwrap_or_default();
        let filled = exprs
            .iter()
            .zip(&node.columns)
            .enumerate()
            .map(|(at, (expr, column))| {
                let ty = column.flink_type();
                let default = match ty.nullable || key.contains(&at) {
                    true => None,
                    false => initial_value(&ty),
                };
                match default {
                    None => Ok(expr.clone()),
                    Some(default) => when(expr.clone().is_not_null(), expr.clone())
                        .otherwise(lit(default.cast_to(column.field.data_type())?)),
                }
            })
            .collect::<Result<Vec<_>>>()?;
        let filter = filter.clone();
        plan.nodes[index].op = StreamOp::Calc {
            exprs: filled,
            filter,
        };
    }
    Ok(())
}

/// What a variable of this type holds in Flink's generated code before it is computed; `None`
/// where that is NULL.
fn initial_value(ty: &FlinkType) -> Option<ScalarValue> {
    use TypeKind::{
        BigInt, Boolean, Char, Date, Double, Float, Int, SmallInt, Time, TinyInt, Varchar,
    };
    Some(match ty.kind {
        TinyInt | SmallInt | Int | BigInt => ScalarValue::Int8(Some(-1)),
        Float | Double => ScalarValue::Float64(Some(-1.0)),
        Date => ScalarValue::Date32(Some(-1)),
        Time(_) => ScalarValue::Time32Millisecond(Some(-1)),
        Boolean => ScalarValue::Boolean(Some(false)),
        Char(_) | Varchar(_) => ScalarValue::Utf8(Some(String::new())),
        _ => return None,
    })
}

/// Moves filters that stand behind a normalisation into it, and those on its key in front of it.
fn filter_before_normalize(mut plan: StreamPlan) -> Result<StreamPlan> {
    let mut before: Vec<Option<Expr>> = vec![None; plan.nodes.len()];
    let mut asked: Vec<Option<Expr>> = vec![None; plan.nodes.len()];
    for (index, before) in before.iter_mut().enumerate() {
        let StreamOp::ChangelogNormalize { keys, filter: None } = &plan.nodes[index].op else {
            continue;
        };
        let keys = keys.clone();
        let mut readers = plan.consumers(index);
        let (Some(reader), None) = (readers.next(), readers.next()) else {
            continue;
        };
        drop(readers);
        let StreamOp::Calc { filter, .. } = &mut plan.nodes[reader].op else {
            continue;
        };
        let Some(condition) = filter.take() else {
            continue;
        };
        // What depends on when it is asked is asked once, when a row comes.
        if reads_watermark(&condition) {
            asked[index] = Some(condition);
            continue;
        }
        let (of_key, rest): (Vec<Expr>, Vec<Expr>) = utils::split_conjunction_owned(condition)
            .into_iter()
            .partition(|part| columns_of(part).iter().all(|column| keys.contains(column)));
        *before = utils::conjunction(of_key);
        if let StreamOp::ChangelogNormalize { filter, .. } = &mut plan.nodes[index].op {
            *filter = utils::conjunction(rest);
        }
    }
    if before.iter().chain(&asked).all(Option::is_none) {
        return Ok(plan);
    }
    let mut nodes: Vec<PlanNode> = Vec::with_capacity(plan.nodes.len() + 1);
    let mut places: Vec<usize> = Vec::with_capacity(plan.nodes.len());
    for ((mut node, before), asked) in plan.nodes.into_iter().zip(before).zip(asked) {
        for input in &mut node.inputs {
            *input = places[*input];
        }
        if let Some(condition) = asked {
            let from = &nodes[node.inputs[0]];
            let width = from.columns.len();
            let answer = super::translate::computed_column(&condition, &from.columns)?;
            let mut columns = from.columns.clone();
            columns.push(answer.renamed("kept"));
            nodes.push(PlanNode {
                op: StreamOp::Calc {
                    exprs: (0..width).map(column).chain([condition]).collect(),
                    filter: None,
                },
                inputs: node.inputs.clone(),
                columns: columns.clone(),
                ..from.clone()
            });
            node.inputs = vec![nodes.len() - 1];
            node.columns = columns;
            if let StreamOp::ChangelogNormalize { filter, .. } = &mut node.op {
                *filter = Some(column(width));
            }
        }
        if let Some(condition) = before {
            let from = &nodes[node.inputs[0]];
            nodes.push(PlanNode {
                op: StreamOp::Calc {
                    exprs: (0..from.columns.len()).map(column).collect(),
                    filter: Some(condition),
                },
                inputs: node.inputs.clone(),
                ..from.clone()
            });
            node.inputs = vec![nodes.len() - 1];
        }
        nodes.push(node);
        places.push(nodes.len() - 1);
    }
    plan.nodes = nodes;
    Ok(plan)
}

fn reads_watermark(filter: &Expr) -> bool {
    // The closure never fails.
    filter
        .exists(|e| Ok(millstream_functions::current_watermark(e).is_some()))
        .unwrap_or(true)
}
