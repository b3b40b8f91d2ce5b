"""Rows to train on and rows to score: realistic values, edges, threshold hits and missing values."""

import numpy as np
from onnx import helper, numpy_helper

# Steps that leave the values as they are, between the input and the trees.
_THROUGH = {"Cast", "Identity"}


def classification(rng, rows, features, classes=2):
    """Features of different scales, some of them small counts, and a class that depends on them with some noise."""
    x = rng.normal(size=(rows, features))
    x[:, 1::3] = np.exp(x[:, 1::3])  # skewed, like amounts
    x[:, 2::3] = rng.poisson(3, size=x[:, 2::3].shape)  # counts
    weights = np.random.default_rng(features * 31 + classes).normal(size=(features, classes))
    scores = (x - x.mean(0)) @ weights + np.sin(x[:, :1] * 2) * 2 + rng.gumbel(size=(rows, classes))
    return x.astype(np.float32), scores.argmax(1)


def regression(rng, rows, features):
    x, _ = classification(rng, rows, features)
    weights = np.random.default_rng(features).normal(size=features)
    y = x @ weights + 3 * np.sin(x[:, 0] * 2) + rng.normal(size=rows) * 0.3
    return x, y.astype(np.float32)


def thresholds(model):
    """Thresholds of the model's trees by feature, if its trees see the input as it is."""
    whole = {value.name for value in model.graph.input}
    found = {}
    for node in model.graph.node:
        if node.op_type in _THROUGH and node.input[0] in whole:
            whole.update(node.output)
        if not node.op_type.startswith("TreeEnsemble") or node.input[0] not in whole:
            continue
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        values = attributes.get("nodes_values") or attributes.get("nodes_values_as_tensor")
        values = values if values is not None else attributes.get("nodes_splits")
        if hasattr(values, "dims"):
            values = numpy_helper.to_array(values)
        modes = attributes.get("nodes_modes")
        for at, (feature, value) in enumerate(zip(attributes["nodes_featureids"], values)):
            if isinstance(modes, list) and modes[at] == b"LEAF":
                continue
            found.setdefault(feature, []).append(value)
    return {feature: np.unique(values) for feature, values in found.items()}


def with_edges(rng, x, model=None, nan=False, wild=False):
    """Replaces values of a part of the rows; all kinds of rows are mixed at the end.

    Of ten parts, five stay as they are; two hit thresholds exactly and one misses them by one unit in the last place;
    one has zeros of both signs, tiny and large values (`wild`: the largest and infinity); one has missing values
    (`nan`).
    """
    x = x.copy()
    rows, features = x.shape
    part = rng.permutation(rows) % 10
    found = thresholds(model) if model is not None else {}
    for feature, values in found.items():
        values = values.astype(x.dtype)
        hits = np.flatnonzero((part >= 5) & (part < 8) & (rng.random(rows) < 0.6))
        chosen = rng.choice(values, len(hits))
        away = rng.choice(np.array([-np.inf, np.inf], x.dtype), len(hits))
        x[hits, feature] = np.where(part[hits] == 7, np.nextafter(chosen, away), chosen)
    spread = np.nanstd(x[part < 5], axis=0)
    edges = [0.0, -0.0, 1.0, -1.0, 1e-7, -1e-7]
    if wild:
        limits = np.finfo(x.dtype)
        edges += [
            limits.max,
            limits.min,
            limits.tiny,
            limits.smallest_subnormal,
            np.inf,
            -np.inf,
            1e20,
            -1e20,
            16777217,
        ]
    for row in np.flatnonzero(part == 8):
        some = rng.random(features) < 0.4
        x[row, some] = rng.choice(np.array(edges, x.dtype), some.sum())
        far = rng.random(features) < 0.1
        x[row, far] = (spread * rng.choice([-8, 8], features)).astype(x.dtype)[far]
    if nan:
        for row in np.flatnonzero(part == 9):
            x[row, rng.random(features) < rng.choice([0.1, 0.4, 1.0], p=[0.5, 0.4, 0.1])] = np.nan
    return x
