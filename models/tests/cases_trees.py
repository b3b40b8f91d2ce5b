"""Cases of the tree ensembles of ai.onnx.ml: small random trees with every test, vote and rule.

    models/train/.venv/bin/python models/tests/cases_trees.py

writes models/tests/data/operators_trees.json: one graph a case, with inputs and ONNX Runtime's outputs. Features
and thresholds come from a small grid, so that many values hit a threshold exactly.
"""

import itertools

import numpy as np
from onnx import TensorProto, helper

from make_models import FLOATS, NUMBERS, Cases, Input

ML = "ai.onnx.ml"
MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
TRANSFORMS = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"]
FEATURES = 4
GRID = np.array([-2.0, -1.0, -0.5, -0.0, 0.0, 0.1, 0.25, 0.7, 1.0, 2.0])


def grid(rng, shape):
    values = rng.choice(GRID, shape)
    values[-1, 0], values[-2, 1], values[-3, 2] = np.inf, -np.inf, 1e-30
    return values


def members(rng, shape):
    return rng.choice([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 5.5, 8.0, 31.0, 32.5, 33.0, 70.0, 99.0,
                       np.nan, np.inf], shape)


def with_nan(rng, shape):
    values = grid(rng, shape)
    values[rng.random(shape) < 0.25] = np.nan
    return values


class Tree:
    """A random tree; nodes are numbered from the root, depth first."""

    def __init__(self, rng, depth, modes):
        self.nodes, self.leaves = [], []
        self.grow(rng, depth, modes)

    def grow(self, rng, depth, modes):
        index = len(self.nodes)
        if depth == 0 or (index > 0 and rng.random() < 0.2):
            self.nodes.append(None)
            self.leaves.append(index)
            return index
        node = {"feature": int(rng.integers(FEATURES)), "value": float(rng.choice(GRID)), "mode": str(rng.choice(modes))}
        self.nodes.append(node)
        node["yes"] = self.grow(rng, depth - 1, modes)
        node["no"] = self.grow(rng, depth - 1, modes)
        return index


def forest(rng, trees=3, depth=3, modes=MODES[:1], missing=False):
    """The node attributes of versions 1 and 3, and the leaves as (tree, node)."""
    grown = [Tree(rng, depth, modes) for _ in range(trees)]
    rows = [
        (t, n, node or {"feature": 0, "value": 0.0, "mode": "LEAF", "yes": 0, "no": 0})
        for t, tree in enumerate(grown)
        for n, node in enumerate(tree.nodes)
    ]
    attributes = {
        "nodes_treeids": [t for t, _, _ in rows],
        "nodes_nodeids": [n for _, n, _ in rows],
        "nodes_featureids": [node["feature"] for _, _, node in rows],
        "nodes_modes": [node["mode"] for _, _, node in rows],
        "nodes_values": [node["value"] for _, _, node in rows],
        "nodes_truenodeids": [node["yes"] for _, _, node in rows],
        "nodes_falsenodeids": [node["no"] for _, _, node in rows],
        "nodes_hitrates": [1.0 for _ in rows],
    }
    if missing:
        attributes["nodes_missing_value_tracks_true"] = [int(rng.integers(2)) for _ in rows]
    leaves = [(t, leaf) for t, tree in enumerate(grown) for leaf in tree.leaves]
    return attributes, leaves


def votes(rng, leaves, ids, prefix, sign, some=1.0):
    """Each leaf votes for the ids that `ids(tree)` gives; `some` is the share of votes that are there."""
    rows = [(t, n, i) for t, n in leaves for k, i in enumerate(ids(t)) if k == 0 or rng.random() < some]
    weights = {
        "positive": lambda: abs(rng.normal(0, 0.3)),
        "both": lambda: rng.normal(0, 1),
        "probability": lambda: rng.random() / 3,
    }[sign]
    one = "target" if prefix == "target" else "class"
    return {
        f"{one}_treeids": [t for t, _, _ in rows],
        f"{one}_nodeids": [n for _, n, _ in rows],
        f"{one}_ids": [i for _, _, i in rows],
        f"{one}_weights": [float(weights()) for _ in rows],
    }


class Trees:
    def __init__(self):
        self.cases = Cases()
        self.seed = 0

    def rng(self):
        self.seed += 1
        return np.random.default_rng(self.seed)

    def classifier(self, label, classes, ids, sign="both", some=1.0, kind="float32", values=grid, strings=False,
                   version=1, modes=MODES[:1], missing=False, double=False, trees=3, labels=(7, 3, 5, 11, 2),
                   **more):
        rng = self.rng()
        attributes, leaves = forest(rng, trees, modes=modes, missing=missing)
        attributes |= votes(rng, leaves, ids, "class", sign, some)
        if strings:
            attributes["classlabels_strings"] = ["no", "yes", "maybe", "later", "never"][:classes]
        else:
            attributes["classlabels_int64s"] = list(labels)[:classes]
        attributes |= more
        if double:
            as_tensors(attributes, ["nodes_values", "class_weights", "base_values", "nodes_hitrates"])
        self.cases.one("TreeEnsembleClassifier", [Input(kind, (FEATURES,), values)], label, 18, 2, attributes, ML, version)

    def regressor(self, label, targets, sign="both", some=1.0, kind="float32", values=grid, version=1, modes=MODES[:1],
                  missing=False, double=False, ids=None, trees=3, **more):
        rng = self.rng()
        attributes, leaves = forest(rng, trees, modes=modes, missing=missing)
        attributes |= votes(rng, leaves, ids or (lambda t: range(targets)), "target", sign, some)
        attributes |= {"n_targets": targets} | more
        if double:
            as_tensors(attributes, ["nodes_values", "target_weights", "base_values", "nodes_hitrates"])
        self.cases.one("TreeEnsembleRegressor", [Input(kind, (FEATURES,), values)], label, 18, 1, attributes, ML, version)

    def ensemble(self, label, kind="float32", modes=range(6), targets=1, values=grid, missing=False, hit_rates=False,
                 **more):
        rng = self.rng()
        np_type = np.float32 if kind == "float32" else np.float64
        nodes, leaves, roots, members = [], [], [], []

        def grow(depth, root=False):
            if not root and (depth == 0 or rng.random() < 0.2):
                leaves.append((int(rng.integers(targets)), float(rng.normal())))
                return 1, len(leaves) - 1
            index = len(nodes)
            mode = int(rng.choice(list(modes)))
            node = {"feature": int(rng.integers(FEATURES)), "mode": mode, "value": float(rng.choice(GRID))}
            nodes.append(node)
            if mode == 6:
                # ONNX Runtime takes whole numbers alone as members.
                node["members"] = [float(v) for v in rng.choice([-1, 0, 1, 2, 3, 5, 8, 31, 32, 33, 70], int(rng.integers(1, 5)), replace=False)]
                node["value"] = 0.0
            node["yes"], node["no"] = grow(depth - 1), grow(depth - 1)
            return 0, index

        for _ in range(3):
            roots.append(grow(3, root=True)[1])
        for node in nodes:
            if node["mode"] == 6:
                members += node["members"] + [float("nan")]

        def tensor(name, numbers, data_type):
            return helper.make_tensor(name, data_type, [len(numbers)], numbers)

        float_type = TensorProto.FLOAT if np_type is np.float32 else TensorProto.DOUBLE
        attributes = {
            "n_targets": targets,
            "tree_roots": roots,
            "nodes_modes": tensor("modes", [node["mode"] for node in nodes], TensorProto.UINT8),
            "nodes_splits": tensor("splits", [node["value"] for node in nodes], float_type),
            "nodes_featureids": [node["feature"] for node in nodes],
            "nodes_truenodeids": [node["yes"][1] for node in nodes],
            "nodes_trueleafs": [node["yes"][0] for node in nodes],
            "nodes_falsenodeids": [node["no"][1] for node in nodes],
            "nodes_falseleafs": [node["no"][0] for node in nodes],
            "leaf_targetids": [target for target, _ in leaves],
            "leaf_weights": tensor("weights", [weight for _, weight in leaves], float_type),
        }
        if members:
            attributes["membership_values"] = tensor("members", members, float_type)
        if missing:
            attributes["nodes_missing_value_tracks_true"] = [int(rng.integers(2)) for _ in nodes]
        if hit_rates:
            attributes["nodes_hitrates"] = tensor("rates", [1.0 for _ in nodes], float_type)
        attributes |= more
        self.cases.one("TreeEnsemble", [Input(kind, (FEATURES,), values)], label, 22, 1, attributes, ML, 5)


def as_tensors(attributes, names):
    """Lists of floats as the float64 tensors of version 3."""
    for name in names:
        if name in attributes:
            values = attributes.pop(name)
            key = f"{name}_as_tensor"
            attributes[key] = helper.make_tensor(key, TensorProto.DOUBLE, [len(values)], values)


def classifiers(t):
    # Two classes and one score: who votes, and with which signs.
    for voter, sign, transform in itertools.product([0, 1], ["positive", "both"], TRANSFORMS[:4]):
        for base in [None, [0.1], [0.2, 0.2]]:
            if transform in ("SOFTMAX", "SOFTMAX_ZERO") and base:
                continue
            more = {} if base is None else {"base_values": base}
            t.classifier(f"float32 two by class {voter}, {sign}, {transform}, base {base}", 2, lambda _, v=voter: [v],
                         sign, post_transform=transform, **more)
    for sign, transform in itertools.product(["probability", "both"], TRANSFORMS):
        for base in [None, [0.2], [0.3, -0.1]]:
            more = {} if base is None else {"base_values": base}
            # Other labels are refused: ONNX Runtime gives 0 and 1 for them.
            t.classifier(f"float32 two by both, {sign}, {transform}, base {base}", 2, lambda _: [0, 1], sign,
                         labels=[0, 1], post_transform=transform, **more)
    t.classifier("float32 two by both, strings", 2, lambda _: [0, 1], strings=True)
    t.classifier("float32 two, a tree a class", 2, lambda tree: [tree % 2], labels=[0, 1])
    t.classifier("float32 two, negative base of one class", 2, lambda _: [0], "positive", base_values=[-0.4])
    for transform in TRANSFORMS:
        t.classifier(f"float32 three, {transform}", 3, lambda _: [0, 1, 2], post_transform=transform)
        t.classifier(f"float32 three, a tree a class, {transform}", 3, lambda tree: [tree % 3], post_transform=transform,
                     base_values=[0.1, -0.2, 0.05], trees=6)
    t.classifier("float32 five, some votes", 5, lambda _: [0, 1, 2, 3, 4], some=0.3)
    t.classifier("float32 five, only two of them", 5, lambda _: [1, 3], "both")
    t.classifier("float32 five, only negative", 5, lambda _: [2], "both", base_values=[0.0, 0.0, 0.0, 0.0, 0.0])
    t.classifier("float32 three strings", 3, lambda _: [0, 1, 2], strings=True)
    t.classifier("float32 two strings", 2, lambda _: [0], strings=True, post_transform="LOGISTIC")
    for kind in NUMBERS:
        values = (lambda r, s: r.integers(-3, 4, s)) if kind.startswith("int") else with_nan
        t.classifier(f"{kind} three", 3, lambda _: [0, 1, 2], kind=kind, values=values, missing=True)
        t.classifier(f"{kind} two", 2, lambda _: [0], kind=kind, values=values, post_transform="LOGISTIC")
    for mode in MODES:
        t.classifier(f"float32 {mode}", 3, lambda _: [0, 1, 2], modes=[mode], values=with_nan)
        t.classifier(f"float32 {mode} missing", 3, lambda _: [0, 1, 2], modes=[mode], values=with_nan, missing=True)
    for seed in range(3):
        t.classifier(f"float32 all tests {seed}", 3, lambda _: [0, 1, 2], modes=MODES, values=with_nan, missing=True,
                     trees=9)
    t.classifier("float64 as tensors", 3, lambda _: [0, 1, 2], kind="float64", version=3, double=True, modes=MODES,
                 base_values=[0.1, 0.2, 0.3])
    t.classifier("float64 as tensors two", 2, lambda _: [0], kind="float64", version=3, double=True,
                 base_values=[0.1], post_transform="LOGISTIC")


def regressors(t):
    for aggregate, transform in itertools.product(["SUM", "AVERAGE", "MIN", "MAX"], TRANSFORMS):
        for targets, base in [(1, None), (1, [0.3]), (3, None), (3, [0.3, -0.1, 0.5])]:
            if transform not in ("NONE", "LOGISTIC") and aggregate in ("AVERAGE", "MAX"):
                continue
            more = {} if base is None else {"base_values": base}
            sign = "probability" if transform == "PROBIT" else "both"
            t.regressor(f"float32 {targets} {aggregate} {transform} base {base}", targets, sign,
                        aggregate_function=aggregate, post_transform=transform, **more)
    for aggregate in ["SUM", "AVERAGE", "MIN", "MAX"]:
        t.regressor(f"float32 some votes {aggregate}", 3, some=0.3, aggregate_function=aggregate)
        t.regressor(f"float32 a tree a target {aggregate}", 3, ids=lambda tree: [tree % 3], aggregate_function=aggregate,
                    base_values=[1.0, 2.0, 3.0])
    for kind in FLOATS:
        t.regressor(f"{kind} all tests", 2, kind=kind, values=with_nan, modes=MODES, missing=True)
    for mode in MODES:
        t.regressor(f"float32 {mode} missing", 1, modes=[mode], values=with_nan, missing=True)
    t.regressor("float64 as tensors", 2, kind="float64", version=3, double=True, base_values=[0.1, 0.7])
    t.regressor("float64 as tensors one", 1, kind="float64", version=3, double=True, modes=MODES)


def ensembles(t):
    for kind in ["float32", "float64"]:
        t.ensemble(f"{kind} all tests", kind, values=with_nan, missing=True)
        for seed in range(3):
            t.ensemble(f"{kind} members {seed}", kind, modes=[6], values=members)
            t.ensemble(f"{kind} members missing {seed}", kind, modes=[6], values=members, missing=True)
            t.ensemble(f"{kind} members and tests {seed}", kind, modes=range(7), values=members)
        t.ensemble(f"{kind} targets", kind, targets=3)
        for aggregate in range(4):
            t.ensemble(f"{kind} aggregate {aggregate}", kind, targets=2, aggregate_function=aggregate)
        for transform in [0, 3, 4]:  # 1 and 2 are refused: ONNX and ONNX Runtime disagree about them
            t.ensemble(f"{kind} transform {transform}", kind, targets=3, post_transform=transform)
    t.ensemble("float32 hit rates", hit_rates=True)



def main():
    t = Trees()
    classifiers(t)
    regressors(t)
    ensembles(t)
    t.cases.write("operators_trees.json")


if __name__ == "__main__":
    main()
