"""Graphs written by hand: what PyTorch and TensorFlow exporters emit, and corners of `ai.onnx.ml` that no exporter
here reaches."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from inputs import classification, with_edges
from registry import add

ELEMENT = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
    "bool": TensorProto.BOOL,
    "string": TensorProto.STRING,
}
ML = "ai.onnx.ml"


class Graph:
    """Collects nodes and constants; `node` gives the name of the first output."""

    def __init__(self, opset=17, ml=3):
        self.opset, self.ml = opset, ml
        self.nodes, self.constants, self.inputs, self.outputs = [], [], [], []

    def input(self, name, element, *shape):
        self.inputs.append(helper.make_tensor_value_info(name, ELEMENT[element], ["N", *shape]))
        return name

    def constant(self, value, name=None):
        name = name or f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind, *inputs, domain="", outputs=1, **attributes):
        names = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        made = [f"t{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(kind, names, made, domain=domain, **attributes))
        return made[0] if outputs == 1 else made

    def ml_node(self, kind, *inputs, **attributes):
        return self.node(kind, *inputs, domain=ML, **attributes)

    def output(self, value, name, element, *shape):
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, ELEMENT[element], ["N", *shape]))

    def model(self, name):
        used = {node.domain for node in self.nodes}
        opsets = [helper.make_opsetid("", self.opset)]
        if ML in used:
            opsets.append(helper.make_opsetid(ML, self.ml))
        made = helper.make_graph(self.nodes, name, self.inputs, self.outputs, self.constants)
        return helper.make_model(made, opset_imports=opsets, producer_name="millstream make_zoo.py", ir_version=10)


def raw(name, family, notable):
    def register(make):
        def build(rng, rows):
            graph, inputs = make(rng, rows)
            return (graph.model(name) if isinstance(graph, Graph) else graph), inputs

        add(name, family, "by hand", notable, build)
        return make

    return register


def weights(rng, *shape):
    return (rng.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32)


def floats(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def dense(g, x, rng, inputs, outputs, activation=None):
    made = g.node("Gemm", x, weights(rng, outputs, inputs), weights(rng, outputs), transB=1)
    return g.node(activation, made) if activation else made


# Nets


@raw("net_attention", "nets", "multi-head attention, LayerNormalization, residual; as a Transformer encoder")
def _(rng, rows):
    steps, width, heads = 6, 16, 2
    g = Graph()
    x = g.input("tokens", "float32", steps, width)

    def norm(value):
        return g.node("LayerNormalization", value, 1 + floats(rng, width) * 0.1, floats(rng, width) * 0.1, epsilon=1e-5)

    def split(value, perm):
        parts = g.node("Reshape", value, np.array([0, steps, heads, width // heads]))
        return g.node("Transpose", parts, perm=perm)

    y = norm(x)
    q, k, v = (g.node("Add", g.node("MatMul", y, weights(rng, width, width)), floats(rng, width)) for _ in range(3))
    scores = g.node("MatMul", split(q, [0, 2, 1, 3]), split(k, [0, 2, 3, 1]))
    scores = g.node("Softmax", g.node("Div", scores, np.float32((width // heads) ** 0.5)), axis=-1)
    mixed = g.node("Transpose", g.node("MatMul", scores, split(v, [0, 2, 1, 3])), perm=[0, 2, 1, 3])
    mixed = g.node("MatMul", g.node("Reshape", mixed, np.array([0, steps, width])), weights(rng, width, width))
    y = norm(g.node("Add", mixed, x))
    pooled = g.node("ReduceMean", y, axes=[1], keepdims=0)
    g.output(dense(g, pooled, rng, width, 3), "logits", "float32", 3)
    return g, {"tokens": floats(rng, rows, steps, width)}


@raw("net_dlrm_dot", "nets", "embeddings, pairwise dot products, lower triangle by Gather")
def _(rng, rows):
    tables, size, width = 8, 200, 16
    g = Graph()
    numbers, ids = g.input("dense", "float32", 13), g.input("ids", "int64", tables)
    bottom = dense(g, dense(g, numbers, rng, 13, 32, "Relu"), rng, 32, width, "Relu")
    parts = [g.node("Unsqueeze", bottom, np.array([1]))]
    for table in range(tables):
        column = g.node("Gather", ids, np.array([table]), axis=1)
        parts.append(g.node("Gather", floats(rng, size, width) * np.float32(0.3), column, axis=0))
    together = g.node("Concat", *parts, axis=1)
    dots = g.node("MatMul", together, g.node("Transpose", together, perm=[0, 2, 1]))
    flat = g.node("Reshape", dots, np.array([-1, (tables + 1) ** 2]))
    below = np.ravel_multi_index(np.tril_indices(tables + 1, -1), (tables + 1,) * 2)
    top = g.node("Concat", bottom, g.node("Gather", flat, below, axis=1), axis=1)
    top = dense(g, top, rng, width + len(below), 32, "Relu")
    g.output(g.node("Sigmoid", dense(g, top, rng, 32, 1)), "score", "float32", 1)
    return g, {
        "dense": np.log1p(rng.poisson(3, (rows, 13))).astype(np.float32),
        "ids": rng.integers(0, size, (rows, tables)),
    }


@raw("bench_deepfm", "bench", "26 sparse features of 10,000 ids, width 16, and 13 dense ones; 17.9 MB of embeddings")
def _(rng, rows):
    tables, size, width = 26, 10_000, 16
    g = Graph()
    numbers, ids = g.input("dense", "float32", 13), g.input("ids", "int64", tables)
    at = g.node("Add", ids, np.arange(tables) * size)
    vectors = g.node("Gather", floats(rng, tables * size, width) * np.float32(0.1), at, axis=0)
    first = g.node("Gather", floats(rng, tables * size, 1) * np.float32(0.1), at, axis=0)
    first = g.node("ReduceSum", first, np.array([1]), keepdims=0)
    linear = g.node("MatMul", numbers, weights(rng, 13, 1))
    square_of_sum = g.node("ReduceSum", vectors, np.array([1]), keepdims=0)
    square_of_sum = g.node("Mul", square_of_sum, square_of_sum)
    sum_of_squares = g.node("ReduceSum", g.node("Mul", vectors, vectors), np.array([1]), keepdims=0)
    pairs = g.node("ReduceSum", g.node("Sub", square_of_sum, sum_of_squares), np.array([1]), keepdims=1)
    pairs = g.node("Mul", pairs, np.float32(0.5))
    deep = g.node("Concat", g.node("Reshape", vectors, np.array([-1, tables * width])), numbers, axis=1)
    deep = dense(g, dense(g, deep, rng, tables * width + 13, 128, "Relu"), rng, 128, 64, "Relu")
    total = g.node("Add", g.node("Add", g.node("Add", first, linear), pairs), dense(g, deep, rng, 64, 1))
    g.output(g.node("Sigmoid", total), "score", "float32", 1)
    # Few ids are frequent, most are rare, as in click logs.
    some = np.minimum(rng.zipf(1.2, (rows, tables)) - 1, rng.integers(0, size, (rows, tables)))
    return g, {"dense": np.log1p(rng.poisson(3, (rows, 13))).astype(np.float32), "ids": some.astype(np.int64)}


@raw("bench_mlp", "bench", "64-128-64-1 with ReLU")
def _(rng, rows):
    g = Graph()
    x = g.input("X", "float32", 64)
    y = dense(g, dense(g, x, rng, 64, 128, "Relu"), rng, 128, 64, "Relu")
    g.output(g.node("Sigmoid", dense(g, y, rng, 64, 1)), "score", "float32", 1)
    return g, {"X": floats(rng, rows, 64)}


@raw("net_hash", "nets", "ids hashed into buckets: Mod of negative numbers too, Gather")
def _(rng, rows):
    g = Graph()
    ids = g.input("id", "int64", 2)
    bucket = g.node("Mod", ids, np.array(101))
    g.output(
        g.node("ReduceSum", g.node("Gather", floats(rng, 101, 4), bucket), np.array([1]), keepdims=0),
        "vector",
        "float32",
        4,
    )
    g.output(bucket, "bucket", "int64", 2)
    wide = rng.integers(-(2**62), 2**62, (rows, 2))
    near = rng.integers(-300, 300, (rows, 2))
    return g, {"id": np.where(rng.random((rows, 1)) < 0.5, wide, near)}


@raw("net_shape_reshape", "nets", "the batch size read by Shape and put into a Reshape")
def _(rng, rows):
    g = Graph()
    x = g.input("X", "float32", 4, 6)
    batch = g.node("Gather", g.node("Shape", x), np.array([0]), axis=0)
    flat = g.node("Reshape", x, g.node("Concat", batch, np.array([24]), axis=0))
    y = dense(g, flat, rng, 24, 8, "Tanh")
    pairs = g.node("Reshape", y, g.node("Concat", batch, np.array([2, 4]), axis=0))
    g.output(g.node("Transpose", pairs, perm=[0, 2, 1]), "Y", "float32", 4, 2)
    return g, {"X": floats(rng, rows, 4, 6)}


def recurrent(g, kind, x, rng, inputs, hidden, initial, **attributes):
    """A recurrent layer over [N, steps, inputs], as PyTorch exports it; gives [N, hidden] after the last step."""
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
    ways = 2 if attributes.get("direction") == "bidirectional" else 1
    steps_first = g.node("Transpose", x, perm=[1, 0, 2])
    state = ""
    if initial:
        batch = g.node("Gather", g.node("Shape", x), np.array([0]), axis=0)
        shape = g.node("Concat", np.array([ways]), batch, np.array([hidden]), axis=0)
        state = g.node("ConstantOfShape", shape, value=helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0]))
    arguments = [
        steps_first,
        (rng.normal(size=(ways, gates * hidden, inputs)) * 0.3).astype(np.float32),
        (rng.normal(size=(ways, gates * hidden, hidden)) * 0.3).astype(np.float32),
        (rng.normal(size=(ways, 2 * gates * hidden)) * 0.1).astype(np.float32),
        "",
        state,
    ]
    if kind == "LSTM":
        arguments.append(state)
    every, last = g.node(kind, *arguments, outputs=3 if kind == "LSTM" else 2, hidden_size=hidden, **attributes)[:2]
    joined = g.node("Transpose", last, perm=[1, 0, 2])
    return every, g.node("Reshape", joined, np.array([-1, ways * hidden]))


@raw("net_lstm", "nets", "LSTM with an open batch, no initial state")
def _(rng, rows):
    g = Graph()
    _, last = recurrent(g, "LSTM", g.input("X", "float32", 8, 5), rng, 5, 12, False)
    g.output(dense(g, last, rng, 12, 2), "Y", "float32", 2)
    return g, {"X": floats(rng, rows, 8, 5)}


@raw("net_lstm_initial", "nets", "LSTM with zeros of the batch's shape as initial state, as PyTorch exports it")
def _(rng, rows):
    g = Graph()
    _, last = recurrent(g, "LSTM", g.input("X", "float32", 8, 5), rng, 5, 12, True)
    g.output(g.node("Sigmoid", dense(g, last, rng, 12, 1)), "Y", "float32", 1)
    return g, {"X": floats(rng, rows, 8, 5)}


@raw("net_lstm_bidirectional", "nets", "LSTM in both directions")
def _(rng, rows):
    g = Graph()
    _, last = recurrent(g, "LSTM", g.input("X", "float32", 6, 4), rng, 4, 8, False, direction="bidirectional")
    g.output(dense(g, last, rng, 16, 2), "Y", "float32", 2)
    return g, {"X": floats(rng, rows, 6, 4)}


@raw("net_gru", "nets", "GRU with an open batch, linear_before_reset 0, no initial state")
def _(rng, rows):
    g = Graph()
    _, last = recurrent(g, "GRU", g.input("X", "float32", 8, 5), rng, 5, 12, False)
    g.output(dense(g, last, rng, 12, 2), "Y", "float32", 2)
    return g, {"X": floats(rng, rows, 8, 5)}


@raw("net_gru_initial", "nets", "GRU, linear_before_reset 1, zeros of the batch's shape, as PyTorch exports it")
def _(rng, rows):
    g = Graph()
    every, last = recurrent(g, "GRU", g.input("X", "float32", 8, 5), rng, 5, 12, True, linear_before_reset=1)
    g.output(dense(g, last, rng, 12, 2), "Y", "float32", 2)
    steps = g.node("Transpose", g.node("Squeeze", every, np.array([1])), perm=[1, 0, 2])
    g.output(g.node("ReduceMax", steps, axes=[1], keepdims=0), "highest", "float32", 12)
    return g, {"X": floats(rng, rows, 8, 5)}


@raw("net_convolution", "nets", "a window of readings: Conv, BatchNormalization, MaxPool, GlobalAveragePool")
def _(rng, rows):
    g = Graph()
    x = g.input("X", "float32", 3, 16)
    y = g.node("Conv", x, floats(rng, 8, 3, 3) * np.float32(0.3), floats(rng, 8), pads=[1, 1], kernel_shape=[3])
    y = g.node(
        "BatchNormalization", y, 1 + floats(rng, 8) * 0.1, floats(rng, 8), floats(rng, 8), np.abs(floats(rng, 8)) + 1
    )
    y = g.node("MaxPool", g.node("Relu", y), kernel_shape=[2], strides=[2])
    y = g.node("Flatten", g.node("GlobalAveragePool", y))
    g.output(dense(g, y, rng, 8, 2), "Y", "float32", 2)
    return g, {"X": floats(rng, rows, 3, 16)}


# Trees

MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER"]


def grown(rng, x, modes, depth, outputs):
    """A random tree over the rows `x`: (mode, feature, value, missing goes left, left, right) or a leaf's weights."""
    if depth == 0 or (depth < 3 and rng.random() < 0.2):
        return rng.normal(size=outputs)
    mode = modes[rng.integers(len(modes))]
    if mode in ("BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER"):
        feature = int(rng.integers(x.shape[1] // 3) * 3 + 2)  # the counts
        value = float(rng.integers(0, 6))
        if mode == "BRANCH_MEMBER":
            value = sorted(float(v) for v in rng.choice(9, rng.integers(1, 5), replace=False))
    else:
        feature = int(rng.integers(x.shape[1]))
        value = float(rng.choice(x[:, feature]))
    left, right = (grown(rng, x, modes, depth - 1, outputs) for _ in range(2))
    return (mode, feature, value, int(rng.random() < 0.5), left, right)


def old_form(rng, trees, dtype=np.float32, labels=None, prefix="target", missing=True, scramble=False, single=None):
    """The attributes of TreeEnsembleRegressor and TreeEnsembleClassifier (ml 1 and 3)."""
    nodes, leaves = [], []
    for tree, root in enumerate(trees):
        ids = iter(range(10_000))

        def visit(item):
            own = next(ids)
            if isinstance(item, tuple):
                mode, feature, value, track, left, right = item
                at = len(nodes)
                nodes.append(None)
                nodes[at] = (tree, own, feature, mode, value, visit(left), visit(right), track)
            else:
                nodes.append((tree, own, 0, "LEAF", 0.0, 0, 0, 0))
                for index, weight in enumerate(item):
                    leaves.append((tree, own, index if single is None else single, weight))
            return own

        visit(root)
    if scramble:
        # The first node of a tree is its root: only what follows may be in any order.
        order = []
        for tree in range(len(trees)):
            own = [node for node in nodes if node[0] == tree]
            order += [own[0], *(own[1 + index] for index in rng.permutation(len(own) - 1))]
        nodes = order
        leaves = [leaves[index] for index in rng.permutation(len(leaves))]
    columns = list(zip(*nodes))
    attributes = {
        "nodes_treeids": columns[0], "nodes_nodeids": columns[1], "nodes_featureids": columns[2],
        "nodes_modes": columns[3], "nodes_truenodeids": columns[5], "nodes_falsenodeids": columns[6],
    }  # fmt: skip
    if missing:
        attributes["nodes_missing_value_tracks_true"] = columns[7]
    ends = list(zip(*leaves))
    attributes |= {f"{prefix}_treeids": ends[0], f"{prefix}_nodeids": ends[1], f"{prefix}_ids": ends[2]}
    for key, values in (("nodes_values", columns[4]), (f"{prefix}_weights", ends[3])):
        if dtype == np.float32:
            attributes[key] = [float(np.float32(value)) for value in values]
        else:
            attributes[f"{key}_as_tensor"] = numpy_helper.from_array(np.array(values, dtype), key)
    return attributes


def old_trees(
    name, notable, kind, outputs, modes=MODES[:1], trees=12, dtype=np.float32, nan=True, ml=3, labels=None, **attributes
):
    """TreeEnsembleRegressor (`kind` R) or TreeEnsembleClassifier (C)."""
    options = {key: attributes.pop(key) for key in ("missing", "scramble", "single") if key in attributes}

    @raw(name, "trees", notable)
    def _(rng, rows):
        x, _ = classification(rng, rows, 9)
        x = x.astype(dtype)
        if dtype == np.float64:
            x += rng.normal(size=x.shape) * 1e-9
        made = [grown(rng, x, modes, 5, 1 if "single" in options else outputs) for _ in range(trees)]
        g = Graph(ml=ml)
        g.input("X", x.dtype.name, 9)
        extra = dict(attributes)
        if "base_values" in extra and dtype == np.float64:
            extra["base_values_as_tensor"] = numpy_helper.from_array(np.array(extra.pop("base_values"), dtype), "base")
        if kind == "R":
            form = old_form(rng, made, dtype, **options)
            y = g.ml_node("TreeEnsembleRegressor", "X", n_targets=outputs, **form, **extra)
            g.output(y, "Y", "float32", outputs)
        else:
            form = old_form(rng, made, dtype, prefix="class", **options)
            text = labels and isinstance(labels[0], str)
            key = "classlabels_strings" if text else "classlabels_int64s"
            form[key] = labels or list(range(max(outputs, 2)))
            label, scores = g.ml_node("TreeEnsembleClassifier", "X", outputs=2, **form, **extra)
            g.output(label, "label", "string" if text else "int64")
            g.output(scores, "scores", "float32", max(outputs, 2))
        model = g.model(name)
        return model, {"X": with_edges(rng, x, model, nan=nan, wild=True)}


# A line a model.
# fmt: off
for _mode in MODES[1:6]:
    old_trees(f"tree_{_mode.lower()}", f"{_mode} in every node", "R", 1, [_mode])
old_trees("tree_mixed_modes", "all six modes in one ensemble, missing values either way", "R", 1, MODES[:6], trees=25)
old_trees("tree_mixed_modes_classifier", "all six modes, four classes", "C", 4, MODES[:6])
old_trees("tree_no_missing", "no nodes_missing_value_tracks_true: NaN takes the false branch, but for NEQ", "R", 1, MODES[:6], missing=False)
old_trees("tree_scrambled", "nodes and leaves in no order after each root", "R", 2, MODES[:4], scramble=True)
old_trees("tree_targets", "three targets, base_values for each", "R", 3, base_values=[0.5, -1.0, 2.0])
for _aggregate in ("AVERAGE", "MIN", "MAX"):
    old_trees(f"tree_{_aggregate.lower()}", f"aggregate_function {_aggregate}", "R", 2, aggregate_function=_aggregate, base_values=[0.25, -0.5])
for _transform in ("SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"):
    old_trees(f"tree_multiclass_{_transform.lower()}", f"post_transform {_transform}", "C", 3, post_transform=_transform, labels=["a", "b", "c"])
old_trees("tree_regressor_logistic", "post_transform LOGISTIC of a regressor", "R", 1, post_transform="LOGISTIC")
for _transform in ("NONE", "LOGISTIC", "SOFTMAX"):
    old_trees(f"tree_binary_single_{_transform.lower()}", f"weights for class 1 only, post_transform {_transform}", "C", 1, single=1, post_transform=_transform, labels=[3, -4])
old_trees("tree_binary_single_first", "weights for class 0 only", "C", 1, single=0, labels=["no", "yes"])
old_trees("tree_binary_base", "weights for class 1 only, one base value", "C", 1, single=1, post_transform="LOGISTIC", base_values=[-0.7])
old_trees("tree_binary_both", "weights and base values for both classes", "C", 2, base_values=[0.3, -0.2], labels=["no", "yes"])
old_trees("tree_f64", "float64 attributes as tensors, regressor", "R", 1, MODES[:4], dtype=np.float64)
old_trees("tree_f64_classifier", "float64 attributes as tensors, classifier", "C", 3, dtype=np.float64, post_transform="SOFTMAX")
old_trees("tree_ml1", "ai.onnx.ml 1", "R", 1, ml=1)
old_trees("tree_stump", "one tree", "R", 1, trees=1)

# fmt: on


def new_form(trees, dtype, n_targets, aggregate=1, transform=0):
    """The attributes of TreeEnsemble (ml 5): leaves apart from nodes."""
    nodes, leaves, members, roots = [], [], [], []

    def visit(item):
        if not isinstance(item, tuple):
            # A leaf has one target here.
            target = int(abs(item[0]) * 1000) % n_targets
            leaves.append((target, float(item[0])))
            return len(leaves) - 1, 1
        mode, feature, value, track, left, right = item
        at = len(nodes)
        nodes.append(None)
        if isinstance(value, list):
            # Listed in the order of the nodes, so before the branches are visited; NaN ends a node's list.
            members.extend([*value, np.nan])
            value = 0.0
        (true, true_leaf), (false, false_leaf) = visit(left), visit(right)
        nodes[at] = (feature, MODES.index(mode), value, true, true_leaf, false, false_leaf, track)
        return at, 0

    for root in trees:
        roots.append(visit(root)[0])
    columns = list(zip(*nodes))
    form = {
        "tree_roots": roots, "n_targets": n_targets, "aggregate_function": aggregate, "post_transform": transform,
        "nodes_featureids": columns[0],
        "nodes_modes": numpy_helper.from_array(np.array(columns[1], np.uint8), "modes"),
        "nodes_splits": numpy_helper.from_array(np.array(columns[2], dtype), "splits"),
        "nodes_truenodeids": columns[3], "nodes_trueleafs": columns[4],
        "nodes_falsenodeids": columns[5], "nodes_falseleafs": columns[6],
        "nodes_missing_value_tracks_true": columns[7],
        "leaf_targetids": [leaf[0] for leaf in leaves],
        "leaf_weights": numpy_helper.from_array(np.array([leaf[1] for leaf in leaves], dtype), "weights"),
    }  # fmt: skip
    if members:
        form["membership_values"] = numpy_helper.from_array(np.array(members, dtype), "members")
    return form


def new_trees(name, notable, modes, n_targets=1, dtype=np.float32, **options):
    @raw(name, "trees", notable)
    def _(rng, rows):
        x, _ = classification(rng, rows, 9)
        x = x.astype(dtype)
        if dtype == np.float64:
            x += np.where(np.arange(9) % 3 == 2, 0, rng.normal(size=x.shape) * 1e-9)
        made = []
        while len(made) < 10:
            root = grown(rng, x, modes, 5, 1)
            if isinstance(root, tuple):
                made.append(root)
        g = Graph(opset=21, ml=5)
        y = g.ml_node("TreeEnsemble", g.input("X", x.dtype.name, 9), **new_form(made, dtype, n_targets, **options))
        g.output(y, "Y", x.dtype.name, n_targets)
        model = g.model(name)
        return model, {"X": with_edges(rng, x, model, nan=True, wild=True)}


new_trees("tree5", "TreeEnsemble of ml 5, all modes but MEMBER", MODES[:6])
new_trees("tree5_member", "BRANCH_MEMBER among others", [MODES[0], MODES[6]])
new_trees("tree5_f64", "TreeEnsemble on float64", MODES[:4], dtype=np.float64)
new_trees("tree5_member_f64", "BRANCH_MEMBER on float64", [MODES[0], MODES[6]], dtype=np.float64)
new_trees("tree5_targets_softmax", "three targets, SOFTMAX", MODES[:4], 3, transform=2)
new_trees("tree5_average", "AVERAGE over three targets", MODES[:2], 3, aggregate=0)
new_trees("tree5_min", "MIN", MODES[:2], aggregate=2)
new_trees("tree5_max", "MAX, LOGISTIC", MODES[:2], aggregate=3, transform=1)

# Single operators of ai.onnx.ml


def words(rng, rows, known, odd=()):
    values = rng.choice(np.array(known, object), rows)
    if odd:
        at = rng.random(rows) < 0.2
        values[at] = rng.choice(np.array(odd, object), at.sum())
    return values


def zipmap(name, notable, **labels):
    @raw(name, "ml operators", notable)
    def _(rng, rows):
        g = Graph()
        x = g.input("X", "float32", 4)
        scores = g.node("Softmax", dense(g, x, rng, 4, 3), axis=-1)
        g.nodes.append(helper.make_node("ZipMap", [scores], ["probabilities"], domain=ML, **labels))
        key = TensorProto.STRING if "classlabels_strings" in labels else TensorProto.INT64
        kind = helper.make_sequence_type_proto(
            helper.make_map_type_proto(key, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
        )
        g.outputs.append(helper.make_value_info("probabilities", kind))
        return g, {"X": floats(rng, rows, 4)}


zipmap("zipmap_ints", "labels that are not sorted", classlabels_int64s=[30, -1, 7])
zipmap("zipmap_strings", "labels that are not sorted", classlabels_strings=["review", "approve", "decline"])

LETTERS = ["a", "b", "c", "", "Ü", "A"]


def encoder(name, notable, source, target, values, odd, ml=2, width=2, **attributes):
    @raw(name, "ml operators", notable)
    def _(rng, rows):
        g = Graph(opset=21 if ml > 3 else 17, ml=ml)
        shape = [] if width is None else [width]
        g.output(g.ml_node("LabelEncoder", g.input("X", source, *shape), **attributes), "Y", target, *shape)
        sides = (rows, *shape)
        if source == "string":
            x = words(rng, sides, values, odd)
        else:
            x = rng.choice(np.array([*values, *odd], source), sides)
        return g, {"X": x}


def tensor(values, kind):
    if kind == "string":
        return helper.make_tensor("t", TensorProto.STRING, [len(values)], [value.encode() for value in values])
    return numpy_helper.from_array(np.array(values, kind), "t")


# fmt: off
encoder("label_string_int", "strings to whole numbers, a default", "string", "int64", LETTERS, ["zz", " a"], keys_strings=LETTERS, values_int64s=[5, -3, 0, 9, 2**40, 1], default_int64=-99)
encoder("label_string_float", "strings to floats, the default -0.0", "string", "float32", LETTERS, ["zz"], keys_strings=LETTERS, values_floats=[0.5, 1.5, -2.0, 3.0, 1e-9, 7.0])
encoder("label_int_string", "whole numbers to strings", "int64", "string", [1, 2, -3], [0, 2**40], keys_int64s=[1, 2, -3], values_strings=["one", "zwei", ""], default_string="?")
encoder("label_int_float", "whole numbers to floats", "int64", "float32", [1, 2, -3], [0, 4], keys_int64s=[1, 2, -3], values_floats=[0.1, 0.2, 0.3], default_float=-1.0)
encoder("label_float_string", "floats to strings, NaN among the keys", "float32", "string", [0.5, 1.0, -0.0], [np.nan, 0.0, 2.0, np.inf], keys_floats=[0.5, 1.0, 0.0, float("nan")], values_strings=["half", "one", "zero", "none"], default_string="?")
encoder("label_float_int", "floats to whole numbers", "float32", "int64", [0.5, 1.0], [2.0, -np.inf], keys_floats=[0.5, 1.0], values_int64s=[5, 10])
encoder("label_string_string", "a tensor of one dimension", "string", "string", LETTERS, ["zz"], width=None, keys_strings=["a", "b", "c"], values_strings=["x", "y", "z"])
encoder("label4_string_int", "ml 4: keys and values as tensors", "string", "int64", LETTERS, ["zz"], ml=4, keys_tensor=tensor(LETTERS, "string"), values_tensor=tensor([1, 2, 3, 4, 5, 6], "int64"), default_tensor=tensor([-1], "int64"))
encoder("label4_f64", "ml 4: float64 to float64", "float64", "float64", [0.1, 0.2], [0.3, np.nan], ml=4, keys_tensor=tensor([0.1, 0.2, np.nan], "float64"), values_tensor=tensor([1e-300, 2.5, 7.0], "float64"), default_tensor=tensor([-1.0], "float64"))

# fmt: on


@raw("label_old", "ml operators", "LabelEncoder of ml 1: classes_strings, both ways")
def _(rng, rows):
    g = Graph(ml=1)
    text, number = g.input("text", "string", 1), g.input("number", "int64", 1)
    classes = ["a", "b", "c"]
    g.output(g.ml_node("LabelEncoder", text, classes_strings=classes, default_int64=-5), "number_of", "int64", 1)
    g.output(g.ml_node("LabelEncoder", number, classes_strings=classes, default_string="?"), "text_of", "string", 1)
    return g, {"text": words(rng, (rows, 1), classes, ["d", ""]), "number": rng.integers(-1, 4, (rows, 1))}


@raw("category_mapper", "ml operators", "CategoryMapper both ways")
def _(rng, rows):
    g = Graph(ml=1)
    names = {"cats_strings": ["a", "b", "c"], "cats_int64s": [10, 20, -30]}
    g.output(
        g.ml_node("CategoryMapper", g.input("text", "string", 1), default_int64=-5, **names), "number_of", "int64", 1
    )
    g.output(
        g.ml_node("CategoryMapper", g.input("number", "int64", 1), default_string="?", **names), "text_of", "string", 1
    )
    return g, {
        "text": words(rng, (rows, 1), ["a", "b", "c"], ["d", ""]),
        "number": rng.choice([10, 20, -30, 0], (rows, 1)),
    }


@raw(
    "scaler_kinds",
    "ml operators",
    "Scaler of float32, float64, int64 and int32; one value for all columns, and one a column",
)
def _(rng, rows):
    g = Graph(ml=1)
    inputs = {}
    for element in ("float32", "float64", "int64", "int32"):
        x = g.input(element, element, 3)
        each = element in ("float32", "int64")
        form = {"offset": [0.5, -2.0, 100.0], "scale": [0.1, 3.0, 0.001]} if each else {"offset": [0.3], "scale": [0.7]}
        g.output(g.ml_node("Scaler", x, **form), f"{element}_scaled", "float32", 3)
        inputs[element] = (rng.normal(size=(rows, 3)) * 1000).astype(element)
    inputs["float32"] = with_edges(rng, inputs["float32"], nan=True, wild=True)
    return g, inputs


@raw("imputer_kinds", "ml operators", "Imputer of floats: NaN replaced, 0 replaced; of whole numbers")
def _(rng, rows):
    g = Graph(ml=1)
    x, n = g.input("X", "float32", 3), g.input("N", "int64", 3)
    nan = float("nan")
    g.output(
        g.ml_node("Imputer", x, imputed_value_floats=[1.0, -2.0, 3.5], replaced_value_float=nan), "each", "float32", 3
    )
    g.output(g.ml_node("Imputer", x, imputed_value_floats=[0.25], replaced_value_float=nan), "all", "float32", 3)
    g.output(g.ml_node("Imputer", x, imputed_value_floats=[9.0], replaced_value_float=0.0), "zeros", "float32", 3)
    g.output(g.ml_node("Imputer", n, imputed_value_int64s=[7, 8, 9], replaced_value_int64=-1), "whole", "int64", 3)
    return g, {"X": with_edges(rng, floats(rng, rows, 3), nan=True, wild=True), "N": rng.integers(-2, 3, (rows, 3))}


@raw("binarizer_threshold", "ml operators", "Binarizer: a value equal to the threshold is 0")
def _(rng, rows):
    g = Graph(ml=1)
    g.output(g.ml_node("Binarizer", g.input("X", "float32", 4), threshold=0.5), "Y", "float32", 4)
    x = floats(rng, rows, 4)
    x[rng.random(x.shape) < 0.2] = 0.5
    return g, {"X": with_edges(rng, x, wild=True)}


@raw("normalizer_zeros", "ml operators", "Normalizer MAX, L1 and L2; rows of zeros")
def _(rng, rows):
    g = Graph(ml=1)
    x = g.input("X", "float32", 4)
    for norm in ("MAX", "L1", "L2"):
        g.output(g.ml_node("Normalizer", x, norm=norm), norm.lower(), "float32", 4)
    values = floats(rng, rows, 4)
    values[rng.random(rows) < 0.05] = 0
    return g, {"X": with_edges(rng, values)}


@raw("onehot_kinds", "ml operators", "OneHotEncoder of whole numbers and strings; unknown ones give zeros")
def _(rng, rows):
    g = Graph(ml=1)
    n, s = g.input("number", "int64", 1), g.input("text", "string", 2)
    g.output(g.ml_node("OneHotEncoder", n, cats_int64s=[3, -1, 2**33], zeros=1), "numbers", "float32", 1, 3)
    g.output(g.ml_node("OneHotEncoder", s, cats_strings=["a", "b", ""], zeros=1), "texts", "float32", 2, 3)
    return g, {
        "number": rng.choice([3, -1, 2**33, 0], (rows, 1)),
        "text": words(rng, (rows, 2), ["a", "b", ""], ["A", "zz"]),
    }


@raw("feature_vectorizer", "ml operators", "FeatureVectorizer of three matrices")
def _(rng, rows):
    g = Graph(ml=1)
    parts = [g.input(f"x{width}", "float32", width) for width in (2, 1, 3)]
    g.output(g.ml_node("FeatureVectorizer", *parts, inputdimensions=[2, 1, 3]), "Y", "float32", 6)
    return g, {f"x{width}": floats(rng, rows, width) for width in (2, 1, 3)}


@raw("array_feature_extractor", "ml operators", "ArrayFeatureExtractor of floats, whole numbers and strings")
def _(rng, rows):
    g = Graph(ml=1)
    inputs = {
        "float32": floats(rng, rows, 4),
        "float64": rng.normal(size=(rows, 4)),
        "int64": rng.integers(-9, 9, (rows, 4)),
        "string": words(rng, (rows, 4), LETTERS),
    }
    for element in inputs:
        x = g.input(element, element, 4)
        g.output(g.ml_node("ArrayFeatureExtractor", x, np.array([2, 0, 2])), f"{element}_some", element, 3)
    return g, inputs


@raw("string_normalizer", "ml operators", "StringNormalizer: lower case of letters beyond ASCII")
def _(rng, rows):
    g = Graph()
    g.output(
        g.node(
            "StringNormalizer",
            g.input("X", "string"),
            case_change_action="LOWER",
            is_case_sensitive=1,
            locale="C.UTF-8",
        ),
        "Y",
        "string",
    )
    return g, {"X": words(rng, rows, ["Visa", "MASTERCARD", "amex", "Ärger", "", "a B"])}


def linear(name, notable, transform, classes, labels, **attributes):
    @raw(name, "ml operators", notable)
    def _(rng, rows):
        g = Graph(ml=1)
        text = isinstance(labels[0], str)
        label, scores = g.ml_node(
            "LinearClassifier", g.input("X", "float32", 6), outputs=2, post_transform=transform,
            coefficients=rng.normal(size=6 * classes).astype(np.float32).tolist(),
            intercepts=rng.normal(size=classes).astype(np.float32).tolist(),
            **{"classlabels_strings" if text else "classlabels_ints": labels}, **attributes,
        )  # fmt: skip
        g.output(label, "label", "string" if text else "int64")
        g.output(scores, "scores", "float32", max(classes, 2))
        return g, {"X": with_edges(rng, floats(rng, rows, 6))}


for _transform in ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"):
    linear(f"linear_classifier_{_transform.lower()}", f"three classes, {_transform}", _transform, 3, ["a", "b", "c"])
    linear(
        f"linear_binary_{_transform.lower()}",
        f"one row of coefficients, two labels, {_transform}",
        _transform,
        1,
        [4, -9],
    )


@raw("linear_regressor_targets", "ml operators", "LinearRegressor of three targets")
def _(rng, rows):
    g = Graph(ml=1)
    y = g.ml_node(
        "LinearRegressor", g.input("X", "float32", 5), targets=3,
        coefficients=rng.normal(size=15).astype(np.float32).tolist(), intercepts=[0.5, -1.0, 2.0],
    )  # fmt: skip
    g.output(y, "Y", "float32", 3)
    return g, {"X": with_edges(rng, floats(rng, rows, 5))}
