//! Trees of TreeEnsemble (`ai.onnx.ml` 5): inner nodes and leaves in lists of their own.

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::forest::{Forest, Mode, RawChild, RawNode, Vote, canonical};
use crate::operators::ml::attributes::{Attributes, Values, check_len};

/// Reads the trees; true if they are float64.
pub(super) fn read(node: &NodeProto, targets: usize) -> TractResult<(Forest, bool)> {
    let attributes = Attributes::of(node);
    let (splits, double) = floats(node, &attributes, "nodes_splits")?;
    let (weights, wide) = floats(node, &attributes, "leaf_weights")?;
    ensure!(
        double == wide,
        "`nodes_splits` and `leaf_weights` of {} have different element types",
        node.op_type
    );
    let modes = match attributes.tensor("nodes_modes")? {
        Some(Values::I64(modes)) => modes,
        _ => bail!("{} has no `nodes_modes` of bytes", node.op_type),
    };
    let features = attributes.ints("nodes_featureids");
    let yes = attributes.ints("nodes_truenodeids");
    let no = attributes.ints("nodes_falsenodeids");
    let yes_leaf = attributes.ints("nodes_trueleafs");
    let no_leaf = attributes.ints("nodes_falseleafs");
    let missing = attributes.ints("nodes_missing_value_tracks_true");
    let count = splits.len();
    for (name, len) in [
        ("nodes_modes", modes.len()),
        ("nodes_featureids", features.len()),
        ("nodes_truenodeids", yes.len()),
        ("nodes_falsenodeids", no.len()),
        ("nodes_trueleafs", yes_leaf.len()),
        ("nodes_falseleafs", no_leaf.len()),
    ] {
        check_len(node, name, len, &[count])?;
    }
    check_len(
        node,
        "nodes_missing_value_tracks_true",
        missing.len(),
        &[0, count],
    )?;
    let leaf_targets = attributes.ints("leaf_targetids");
    check_len(node, "leaf_weights", weights.len(), &[leaf_targets.len()])?;
    let index = |name: &str, value: i64| {
        usize::try_from(value)
            .with_context(|| format!("attribute `{name}` of {} holds {value}", node.op_type))
    };
    let leaves = leaf_targets
        .iter()
        .zip(weights)
        .map(|(target, weight)| {
            Ok(vec![Vote {
                target: index("leaf_targetids", *target)?,
                weight,
            }])
        })
        .collect::<TractResult<Vec<_>>>()?;
    let mut members = members(node, &attributes)?.into_iter();
    let mut raw = Vec::with_capacity(count);
    for place in 0..count {
        let child = |name: &str, is_leaf: i64, id: i64| -> TractResult<RawChild> {
            let id = index(name, id)?;
            Ok(if is_leaf != 0 {
                RawChild::Leaf(id)
            } else {
                RawChild::Node(id)
            })
        };
        let mode = match modes[place] {
            0 => Mode::Leq,
            1 => Mode::Lt,
            2 => Mode::Gte,
            3 => Mode::Gt,
            4 => Mode::Eq,
            5 => Mode::Neq,
            6 => Mode::Member,
            other => bail!("attribute `nodes_modes` of {} holds {other}", node.op_type),
        };
        let values = match mode {
            Mode::Member => members.next().with_context(|| {
                format!("`membership_values` of {} has too few sets", node.op_type)
            })?,
            _ => vec![splits[place]],
        };
        raw.push(RawNode {
            feature: index("nodes_featureids", features[place])?,
            mode,
            values,
            missing_true: missing.get(place).is_some_and(|missing| *missing != 0),
            yes: child("nodes_truenodeids", yes_leaf[place], yes[place])?,
            no: child("nodes_falsenodeids", no_leaf[place], no[place])?,
        });
    }
    ensure!(
        members.next().is_none(),
        "`membership_values` of {} has too many sets",
        node.op_type
    );
    let roots = attributes
        .ints("tree_roots")
        .iter()
        .map(|root| Ok(RawChild::Node(index("tree_roots", *root)?)))
        .collect::<TractResult<Vec<_>>>()?;
    ensure!(!roots.is_empty(), "{} has no trees", node.op_type);
    Ok((canonical(&raw, &roots, leaves, targets)?, double))
}

fn floats(node: &NodeProto, attributes: &Attributes, name: &str) -> TractResult<(Vec<f64>, bool)> {
    match attributes.tensor(name)? {
        Some(Values::F32(values)) => Ok((values.into_iter().map(f64::from).collect(), false)),
        Some(Values::F64(values)) => Ok((values, true)),
        _ => bail!("{} has no `{name}` of floats", node.op_type),
    }
}

/// The sets of the membership tests, in the order of their nodes; NaN ends each.
fn members(node: &NodeProto, attributes: &Attributes) -> TractResult<Vec<Vec<f64>>> {
    if !attributes.has("membership_values") {
        return Ok(Vec::new());
    }
    let (values, _) = floats(node, attributes, "membership_values")?;
    let mut sets: Vec<Vec<f64>> = values
        .split(|value| value.is_nan())
        .map(<[f64]>::to_vec)
        .collect();
    // What stands behind the last NaN: nothing.
    if sets.last().is_some_and(Vec::is_empty) {
        sets.pop();
    }
    Ok(sets)
}
