//! The upsert keys of every operator's changelog.
//!
//! An upsert key is a set of columns that identifies a row, and whose changes reach the next
//! operator in order: both hold for the keys of a stream until an exchange shares its rows out by
//! columns that the key lacks. Then an old and a new value of one key may travel by different
//! ways, and the key is lost, as in Flink's metadata query of the same name.

use datafusion_expr::{Expr, expr};
use millstream_functions::types::{FlinkType, MAX_LENGTH, TypeKind};

use super::stream::{
    ChangelogMode, Distribution, JoinKind, JoinOn, PlanColumn, PlanNode, RankEnd, StreamOp,
    StreamPlan, plain_column,
};

/// Columns, by position and in order.
pub(crate) type Key = Vec<usize>;

/// A stream rarely has more than two keys; more than so many are not worth knowing.
const MOST: usize = 8;

/// The upsert keys of each operator of a plan, the smallest first.
pub fn upsert_keys(plan: &StreamPlan) -> Vec<Vec<Vec<usize>>> {
    all_keys(plan, true)
}

/// The unique keys of each operator of a plan, the smallest first: rows that are never updated keep
/// their keys wherever they are sent.
pub fn unique_keys(plan: &StreamPlan) -> Vec<Vec<Vec<usize>>> {
    all_keys(plan, false)
}

fn all_keys(plan: &StreamPlan, ordered: bool) -> Vec<Vec<Key>> {
    let mut known: Vec<Vec<Key>> = Vec::with_capacity(plan.nodes.len());
    for node in &plan.nodes {
        let stay: Vec<bool> = node
            .inputs
            .iter()
            .map(|&input| !ordered && plan.nodes[input].changelog == ChangelogMode::Append)
            .collect();
        let mut keys = keys_of(plan, node, &known, &stay);
        for key in &mut keys {
            key.sort_unstable();
            key.dedup();
        }
        keys.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
        keys.dedup();
        keys.truncate(MOST);
        known.push(keys);
    }
    known
}

/// Gives each operator its smallest upsert key.
pub(crate) fn assign(plan: &mut StreamPlan) {
    let keys = upsert_keys(plan);
    for (node, keys) in plan.nodes.iter_mut().zip(keys) {
        node.upsert_key = keys.into_iter().next();
    }
}

/// The keys of input `port` that are left behind the exchange in front of the operator.
pub(crate) fn behind_exchange(node: &PlanNode, port: usize, keys: &[Key]) -> Vec<Key> {
    match node.distribution(port) {
        Distribution::Forward | Distribution::Single => keys.to_vec(),
        Distribution::Hash(by) => keys
            .iter()
            .filter(|key| by.iter().all(|column| key.contains(column)))
            .cloned()
            .collect(),
    }
}

/// The keys of an operator; `stay` says of each input whether its keys survive any exchange.
fn keys_of(plan: &StreamPlan, node: &PlanNode, known: &[Vec<Key>], stay: &[bool]) -> Vec<Key> {
    let input = |port: usize| match node.inputs.get(port) {
        Some(&input) if stay[port] => known[input].clone(),
        Some(&input) => behind_exchange(node, port, &known[input]),
        None => vec![],
    };
    match &node.op {
        StreamOp::Calc { exprs, .. } => {
            let columns = &plan.nodes[node.inputs[0]].columns;
            let kept: Vec<Option<usize>> = exprs
                .iter()
                .map(|expr| kept_column(expr, columns))
                .collect();
            let keys = input(0);
            keys.iter().flat_map(|key| projected(key, &kept)).collect()
        }
        // Rows of several inputs, or several rows of one, share what was a key.
        StreamOp::Union | StreamOp::Expand { .. } | StreamOp::Values { .. } => vec![],
        StreamOp::Match(_) => vec![],
        StreamOp::GroupAggregate { keys, .. } | StreamOp::GlobalAggregate { keys, .. } => {
            vec![(0..keys.len()).collect()]
        }
        StreamOp::TopN {
            partition,
            start,
            end,
            with_rank,
            ..
        } => {
            let mut keys = input(0);
            if *end == RankEnd::Constant(*start) {
                keys.push(partition.clone());
            } else if *with_rank {
                let rank = node.columns.len() - 1;
                keys.push(partition.iter().copied().chain([rank]).collect());
            }
            keys
        }
        StreamOp::Deduplicate { keys, .. } | StreamOp::ChangelogNormalize { keys, .. } => {
            vec![keys.clone()]
        }
        StreamOp::Limit { .. }
        | StreamOp::TemporalSort { .. }
        | StreamOp::Sort { .. }
        | StreamOp::Over { .. }
        | StreamOp::Predict { .. }
        | StreamOp::DropUpdateBefore
        | StreamOp::SinkConstraints { .. }
        | StreamOp::Sink { .. } => input(0),
        StreamOp::UpsertMaterialize { key, .. } => vec![key.clone()],
        StreamOp::Join { on, .. } => {
            let width = plan.nodes[node.inputs[0]].columns.len();
            let sides = [0, 1].map(|port| (known[node.inputs[port]].as_slice(), stay[port]));
            joined(on, width, sides)
        }
        _ => node.upsert_key.iter().cloned().collect(),
    }
}

/// What becomes of a key where columns are computed: every way to find its columns again.
fn projected(key: &Key, kept: &[Option<usize>]) -> Vec<Key> {
    let mut found: Vec<Key> = vec![vec![]];
    for &column in key {
        let places = (0..kept.len()).filter(|&place| kept[place] == Some(column));
        let longer = |key: &Key, place: usize| key.iter().copied().chain([place]).collect();
        found = places
            .flat_map(|place| found.iter().map(move |key| longer(key, place)))
            .take(MOST)
            .collect();
    }
    found
}

/// The column whose values an expression keeps apart: the column itself, or it in a type that
/// tells all its values apart.
fn kept_column(expr: &Expr, input: &[PlanColumn]) -> Option<usize> {
    match expr {
        Expr::Alias(alias) => kept_column(&alias.expr, input),
        Expr::ScalarFunction(expr::ScalarFunction { func, args }) if func.name() == "__cast" => {
            let [from, Expr::Literal(to, _)] = args.as_slice() else {
                return None;
            };
            let column = kept_column(from, input)?;
            let from = match plain_column(from) {
                Some(column) => input.get(column)?.flink_type(),
                None => return None,
            };
            let to = FlinkType::parse(to.try_as_str().flatten()?).ok()?;
            is_faithful(&from.kind, &to.kind).then_some(column)
        }
        other => plain_column(other),
    }
}

/// Whether a cast maps different values to different ones.
fn is_faithful(from: &TypeKind, to: &TypeKind) -> bool {
    use TypeKind::*;
    let digits = |kind: &TypeKind| match kind {
        TinyInt => Some(3),
        SmallInt => Some(5),
        Int => Some(10),
        BigInt => Some(19),
        _ => None,
    };
    match (from, to) {
        (Char(from) | Varchar(from), Varchar(to)) => from <= to,
        (Boolean | Date | TinyInt | SmallInt | Int | BigInt, Varchar(MAX_LENGTH)) => true,
        (from, to) => match (digits(from), digits(to)) {
            (Some(from), Some(to)) => from <= to,
            _ => from == to,
        },
    }
}

/// The keys of a join over inputs with these keys, the left one with `width` columns.
fn joined(
    on: &JoinOn,
    width: usize,
    [(left, left_stays), (right, right_stays)]: [(&[Key], bool); 2],
) -> Vec<Key> {
    let within = |keys: &[Key], columns: &[usize]| {
        keys.iter()
            .any(|key| key.iter().all(|column| columns.contains(column)))
    };
    let (left_unique, right_unique) = (within(left, &on.left), within(right, &on.right));
    let kept = |keys: &[Key], stays: bool, by: &[usize]| -> Vec<Key> {
        keys.iter()
            .filter(|key| stays || by.iter().all(|column| key.contains(column)))
            .cloned()
            .collect()
    };
    let left = kept(left, left_stays, &on.left);
    if matches!(on.kind, JoinKind::Semi | JoinKind::Anti) {
        return left;
    }
    let right: Vec<Key> = kept(right, right_stays, &on.right)
        .into_iter()
        .map(|key| key.into_iter().map(|column| column + width).collect())
        .collect();
    let mut keys: Vec<Key> = left
        .iter()
        .flat_map(|l| {
            right
                .iter()
                .map(move |r| l.iter().chain(r).copied().collect())
        })
        .collect();
    // A row without a partner has NULL for the other side's key: that key is one no more.
    if right_unique && !on.kind.pads_right() {
        keys.extend(left);
    }
    if left_unique && !on.kind.pads_left() {
        keys.extend(right);
    }
    keys
}
