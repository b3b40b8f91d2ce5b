//! Trees of TreeEnsembleClassifier and TreeEnsembleRegressor (`ai.onnx.ml` 1 and 3): one list an attribute, a
//! node or a vote in each place.

use std::collections::HashMap;

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::forest::{Forest, Mode, RawChild, RawNode, Vote, canonical};
use crate::operators::ml::attributes::{Attributes, Values, check_len};

/// Attributes of both operators that this module reads.
pub(super) struct Names {
    pub(super) ids: &'static str,
    pub(super) node_ids: &'static str,
    pub(super) tree_ids: &'static str,
    pub(super) weights: &'static str,
    pub(super) weights_as_tensor: &'static str,
}

/// The forest, and which type of features its thresholds are meant for.
pub(super) struct Read {
    pub(super) forest: Forest,
    pub(super) base_values: Vec<f64>,
    /// Thresholds, weights or base values are given in float64, which only a float64 input can be compared with.
    pub(super) double: bool,
    /// No vote is negative.
    pub(super) all_positive: bool,
    /// Every vote is for the same target.
    pub(super) one_target_voted: bool,
}

/// A list of floats, which may be a list attribute or a tensor of either width.
fn numbers(
    node: &NodeProto,
    attributes: &Attributes,
    list: &str,
    tensor: &str,
    double: &mut bool,
) -> TractResult<Vec<f64>> {
    let given = attributes.floats(list);
    let widened = || given.iter().map(|value| f64::from(*value)).collect();
    match attributes.tensor(tensor)? {
        None => Ok(widened()),
        // Exporters write an empty tensor beside the list that they mean.
        Some(Values::F32(values)) if values.is_empty() => Ok(widened()),
        Some(Values::F64(values)) if values.is_empty() => Ok(widened()),
        Some(_) if !given.is_empty() => bail!(
            "{} has both `{list}` and `{tensor}`, which contradict each other",
            node.op_type
        ),
        Some(Values::F32(values)) => Ok(values.into_iter().map(f64::from).collect()),
        Some(Values::F64(values)) => {
            *double = true;
            Ok(values)
        }
        Some(_) => bail!("`{tensor}` of {} holds no floats", node.op_type),
    }
}

fn index(node: &NodeProto, name: &str, value: i64) -> TractResult<usize> {
    usize::try_from(value)
        .with_context(|| format!("attribute `{name}` of {} holds {value}", node.op_type))
}

/// Reads the trees of a node for `targets` targets.
pub(super) fn read(node: &NodeProto, names: &Names, targets: usize) -> TractResult<Read> {
    let attributes = Attributes::of(node);
    let mut double = false;
    let tree_ids = attributes.ints("nodes_treeids");
    let node_ids = attributes.ints("nodes_nodeids");
    let features = attributes.ints("nodes_featureids");
    let modes = attributes.strings("nodes_modes")?;
    let yes = attributes.ints("nodes_truenodeids");
    let no = attributes.ints("nodes_falsenodeids");
    let missing = attributes.ints("nodes_missing_value_tracks_true");
    let thresholds = numbers(
        node,
        &attributes,
        "nodes_values",
        "nodes_values_as_tensor",
        &mut double,
    )?;
    let count = tree_ids.len();
    ensure!(count > 0, "{} has no trees", node.op_type);
    for (name, len) in [
        ("nodes_nodeids", node_ids.len()),
        ("nodes_featureids", features.len()),
        ("nodes_modes", modes.len()),
        ("nodes_truenodeids", yes.len()),
        ("nodes_falsenodeids", no.len()),
        ("nodes_values", thresholds.len()),
    ] {
        check_len(node, name, len, &[count])?;
    }
    check_len(
        node,
        "nodes_missing_value_tracks_true",
        missing.len(),
        &[0, count],
    )?;

    let mut places: HashMap<(i64, i64), usize> = HashMap::with_capacity(count);
    for (place, key) in tree_ids
        .iter()
        .copied()
        .zip(node_ids.iter().copied())
        .enumerate()
    {
        ensure!(
            places.insert(key, place).is_none(),
            "{} has two nodes {} in tree {}",
            node.op_type,
            key.1,
            key.0
        );
    }
    let mut leaves = leaves(node, names, &attributes, &places, &mut double)?;
    // Places of the leaves among the leaves; places of the inner nodes among those.
    let mut numbers_of = Vec::with_capacity(count);
    let (mut inner, mut ends) = (0, Vec::new());
    for (place, mode) in modes.iter().enumerate() {
        if mode == "LEAF" {
            numbers_of.push(RawChild::Leaf(ends.len()));
            ends.push(std::mem::take(&mut leaves[place]));
        } else {
            ensure!(
                leaves[place].is_empty(),
                "node {} of tree {} votes, but is no leaf",
                node_ids[place],
                tree_ids[place]
            );
            numbers_of.push(RawChild::Node(inner));
            inner += 1;
        }
    }
    let mut raw = Vec::with_capacity(inner);
    let mut is_child = vec![false; count];
    for place in 0..count {
        if matches!(numbers_of[place], RawChild::Leaf(_)) {
            continue;
        }
        let mut child = |id: i64| -> TractResult<RawChild> {
            let Some(there) = places.get(&(tree_ids[place], id)) else {
                bail!(
                    "node {} of tree {} leads to node {id}, which does not exist",
                    node_ids[place],
                    tree_ids[place]
                );
            };
            is_child[*there] = true;
            Ok(numbers_of[*there])
        };
        let (yes, no) = (child(yes[place])?, child(no[place])?);
        raw.push(RawNode {
            feature: index(node, "nodes_featureids", features[place])?,
            mode: mode(node, &modes[place])?,
            values: vec![thresholds[place]],
            missing_true: missing.get(place).is_some_and(|missing| *missing != 0),
            yes,
            no,
        });
    }
    let mut roots: HashMap<i64, usize> = HashMap::new();
    let mut order = Vec::new();
    for place in (0..count).filter(|place| !is_child[*place]) {
        ensure!(
            roots.insert(tree_ids[place], place).is_none(),
            "tree {} has two roots",
            tree_ids[place]
        );
        order.push(numbers_of[place]);
    }
    let votes = || ends.iter().flatten();
    let all_positive = votes().all(|vote| vote.weight >= 0.0);
    let first = votes().next().map(|vote| vote.target);
    let one_target_voted = votes().all(|vote| Some(vote.target) == first);
    let base_values = numbers(
        node,
        &attributes,
        "base_values",
        "base_values_as_tensor",
        &mut double,
    )?;
    Ok(Read {
        forest: canonical(&raw, &order, ends, targets)?,
        base_values,
        double,
        all_positive,
        one_target_voted,
    })
}

/// The votes of each node, by its place.
fn leaves(
    node: &NodeProto,
    names: &Names,
    attributes: &Attributes,
    places: &HashMap<(i64, i64), usize>,
    double: &mut bool,
) -> TractResult<Vec<Vec<Vote>>> {
    let targets = attributes.ints(names.ids);
    let node_ids = attributes.ints(names.node_ids);
    let tree_ids = attributes.ints(names.tree_ids);
    let weights = numbers(
        node,
        attributes,
        names.weights,
        names.weights_as_tensor,
        double,
    )?;
    check_len(node, names.node_ids, node_ids.len(), &[targets.len()])?;
    check_len(node, names.tree_ids, tree_ids.len(), &[targets.len()])?;
    check_len(node, names.weights, weights.len(), &[targets.len()])?;
    let mut leaves: Vec<Vec<Vote>> = vec![Vec::new(); places.len()];
    for (((tree, id), target), weight) in tree_ids.iter().zip(node_ids).zip(targets).zip(weights) {
        let Some(place) = places.get(&(*tree, *id)) else {
            bail!("a vote belongs to node {id} of tree {tree}, which does not exist");
        };
        leaves[*place].push(Vote {
            target: index(node, names.ids, *target)?,
            weight,
        });
    }
    Ok(leaves)
}

fn mode(node: &NodeProto, name: &str) -> TractResult<Mode> {
    Ok(match name {
        "BRANCH_LEQ" => Mode::Leq,
        "BRANCH_LT" => Mode::Lt,
        "BRANCH_GTE" => Mode::Gte,
        "BRANCH_GT" => Mode::Gt,
        "BRANCH_EQ" => Mode::Eq,
        "BRANCH_NEQ" => Mode::Neq,
        other => bail!("attribute `nodes_modes` of {} holds {other}", node.op_type),
    })
}
