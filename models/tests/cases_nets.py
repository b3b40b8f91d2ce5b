"""Cases of the operators of nets: recurrent layers, convolutions, pooling, distances, shapes that follow the batch.

    models/train/.venv/bin/python models/tests/cases_nets.py

writes models/tests/data/operators_nets.json: one small graph a case, with inputs and ONNX Runtime's outputs. A
case is added together with the row of its operator's table in models/src/operators.
"""

import numpy as np
from make_models import FLOATS, INTS, PLAIN, TYPES, Cases, Input, finite, missing, positive, session
from onnx import TensorProto, helper, numpy_helper

F32 = TensorProto.FLOAT


def graph(c, op, label, nodes, inputs, outputs, constants, kind, attributes, opset=18):
    """A case of several nodes. `inputs` are Inputs; `outputs` maps names to element types."""
    rng = np.random.default_rng(abs(int.from_bytes(f"{op}{label}{opset}".encode()[-8:], "big")))
    feeds = {f"in{i}": value.rows(rng) for i, value in enumerate(inputs)}
    values = [
        helper.make_tensor_value_info(f"in{i}", TYPES[value.kind][1], ["N", *value.row_shape])
        for i, value in enumerate(inputs)
    ]
    untyped = [helper.make_tensor_value_info(name, kind_, None) for name, kind_ in outputs.items()]
    initialisers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    model = c.model(helper.make_graph(nodes, op, values, untyped, initialisers), opset)
    title = f"{op} {label} opset {opset}"
    try:
        results = session(model).run(None, feeds)
    except Exception as error:  # ONNX Runtime itself does not take it
        c.skipped.append(f"{title}: {str(error).splitlines()[0][:150]}")
        return
    c.record(title, op, "", kind, sorted(attributes), model, feeds, dict(zip(outputs, results)))


def weights(seed, *shape):
    return np.random.default_rng(seed).normal(0, 0.5, shape).round(2).astype(np.float32)


def extremes(rng, shape):
    """NaN, infinities and large numbers in some steps of some rows."""
    array = rng.normal(0, 1, shape).round(2)
    array[0, 0, 0] = array[1, -1, -1] = np.nan
    array[2, 1] = np.nan
    array[3, 0, 0], array[4, 1, 0] = np.inf, -np.inf
    array[5, 1] = 1e4
    array[6] = 0
    return array


GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def recurrent(c, op, label, hidden=3, columns=2, biases=True, initial=(), outputs=(0, 1, 2), values=None, opset=18,
              **attributes):
    """X [N, steps, columns] transposed as exporters do, with every output brought back to the batch first."""
    directions = 2 if attributes.get("direction") == "bidirectional" else 1
    gates = GATES[op] * hidden
    constants = {"w": weights(1, directions, gates, columns), "r": weights(2, directions, gates, hidden)}
    names = ["x", "w", "r", "b" if biases else "", "", ""]
    if biases:
        constants["b"] = weights(3, directions, 2 * gates)
    nodes = [helper.make_node("Transpose", ["in0"], ["x"], perm=[1, 0, 2])]
    inputs = [Input("float32", (3, columns), values or extremes)]
    for state in initial:
        inputs.append(Input("float32", (directions, hidden), finite))
        nodes.append(helper.make_node("Transpose", [f"in{len(inputs) - 1}"], [state], perm=[1, 0, 2]))
    names[5] = "h0" if "h0" in initial else ""
    if op == "LSTM":
        names.append("c0" if "c0" in initial else "")
    known = ["y", "y_h", "y_c"][: 3 if op == "LSTM" else 2]
    outputs = [index for index in outputs if index < len(known)]
    made = [name if index in outputs else "" for index, name in enumerate(known)]
    nodes.append(helper.make_node(op, names, made, hidden_size=hidden, **attributes))
    for index in outputs:
        perm = [2, 0, 1, 3] if index == 0 else [1, 0, 2]
        nodes.append(helper.make_node("Transpose", [known[index]], [f"out{index}"], perm=perm))
    graph(c, op, label, nodes, inputs, {f"out{index}": F32 for index in outputs}, constants, "float32",
          ["hidden_size", *attributes], opset)


def recurrent_layers(c):
    for op in GATES:
        for opset in [11, 14, 22]:
            recurrent(c, op, "float32", opset=opset)
        recurrent(c, op, "float32 no bias", biases=False)
        recurrent(c, op, "float32 reverse", direction="reverse")
        recurrent(c, op, "float32 forward", direction="forward")
        recurrent(c, op, "float32 both", direction="bidirectional")
        recurrent(c, op, "float32 last state", outputs=(1,))
        recurrent(c, op, "float32 steps alone", outputs=(0,))
        recurrent(c, op, "float32 from a state", initial=("h0",))
        recurrent(c, op, "float32 clipped", clip=0.4)
        recurrent(c, op, "float32 clipped no bias", clip=0.4, biases=False)
        recurrent(c, op, "float32 wide", hidden=21, columns=5, values=finite)
    recurrent(c, "LSTM", "float32 from states both ways", initial=("h0", "c0"), direction="bidirectional")
    recurrent(c, "LSTM", "float32 from a cell", initial=("c0",))
    recurrent(c, "GRU", "float32 linear", linear_before_reset=1)
    recurrent(c, "GRU", "float32 linear no bias", linear_before_reset=1, biases=False)
    recurrent(c, "GRU", "float32 linear both from a state", linear_before_reset=1, direction="bidirectional",
              initial=("h0",))
    for biases in [True, False]:
        label = "" if biases else " no bias"
        for activation in ["Tanh", "Relu", "Sigmoid"]:
            # Unbounded sums of infinities overflow in the order in which they are added.
            values = finite if activation == "Relu" and not biases else None
            recurrent(c, "RNN", f"float32 {activation}{label}", activations=[activation], biases=biases)
            recurrent(c, "LSTM", f"float32 {activation}{label}", activations=["Sigmoid", activation, activation],
                      biases=biases, values=values)
            recurrent(c, "GRU", f"float32 {activation}{label}", activations=["Sigmoid", activation], biases=biases)
        recurrent(c, "LSTM", f"float32 gates Relu{label}", activations=["Relu", "Sigmoid", "Tanh"], biases=biases)
        recurrent(c, "GRU", f"float32 gates Relu{label}", activations=["Relu", "Tanh"], biases=biases)
        recurrent(c, "GRU", f"float32 gates Tanh{label}", activations=["Tanh", "Sigmoid"], biases=biases)
    recurrent(c, "RNN", "float32 both ways apart", activations=["Relu", "Sigmoid"], direction="bidirectional")


def convolutions(c):
    def holes(rng, shape):
        array = rng.normal(0, 1, shape).round(2)
        array.reshape(len(array), -1)[0, 3] = np.nan
        array.reshape(len(array), -1)[1, 5] = np.inf
        array.reshape(len(array), -1)[2, 0] = -np.inf
        array.reshape(len(array), -1)[3, :] = np.nan
        return array

    def variant(op, arguments, label, **attributes):
        c.one(op, arguments, label, 18 if "dilat" not in label else 22, 1, attributes)

    def infinite(rng, shape):
        """Without NaN: each of ONNX Runtime's maximum pools makes something else of it, by its place."""
        return np.nan_to_num(holes(rng, shape), nan=-0.25, posinf=np.inf, neginf=-np.inf)

    w1, w2, bias = weights(1, 3, 2, 3), weights(2, 3, 2, 3, 2), weights(3, 3)
    for label, row, w in [("line", (2, 7), w1), ("plane", (2, 4, 5), w2)]:
        x, without_nan = Input("float32", row, holes), Input("float32", row, infinite)
        spatial = list(w.shape[2:])
        rank = len(spatial)
        c.add("Conv", [x, w, bias], f"float32 {label}")
        variant("Conv", [x, w], f"float32 {label} padded", pads=[1] * rank + [2] * rank, strides=[2] * rank,
                kernel_shape=spatial)
        variant("Conv", [x, w], f"float32 {label} dilated", dilations=[2] + [1] * (rank - 1))
        variant("Conv", [x, w[:2, :1], bias[:2]], f"float32 {label} by channel", group=2)
        for pad in ["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"]:
            variant("Conv", [x, w, bias], f"float32 {label} {pad}", auto_pad=pad, strides=[2] * rank)
        for op, x in [("MaxPool", without_nan), ("AveragePool", x)]:
            c.add(op, [x], f"float32 {label}", kernel_shape=spatial)
            variant(op, [x], f"float32 {label} padded", kernel_shape=[3] * rank, pads=[1] * (2 * rank),
                    strides=[2] * rank)
            variant(op, [x], f"float32 {label} ceil", kernel_shape=[2] * rank, strides=[2] * rank, ceil_mode=1)
            for pad in ["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"]:
                variant(op, [x], f"float32 {label} {pad}", kernel_shape=[2] * rank, auto_pad=pad, strides=[2] * rank)
            variant(op, [x], f"float32 {label} dilated", kernel_shape=[2] * rank, dilations=[2] * rank)
        variant("AveragePool", [x], f"float32 {label} counting", kernel_shape=[3] * rank, pads=[1] * (2 * rank),
                count_include_pad=1)
        c.add("GlobalAveragePool", [x], f"float32 {label}")
        c.add("GlobalMaxPool", [without_nan], f"float32 {label}")
    variant("MaxPool", [Input("float64", (2, 7), infinite)], "float64 line", kernel_shape=[3])
    for kind in FLOATS:
        for p in [1, 2]:
            variant("LpNormalization", [Input(kind, (4,), missing)], f"{kind} {p}", p=p, axis=1)
            variant("LpNormalization", [Input(kind, (4,))], f"{kind} {p} extremes", p=p, axis=-1)
            variant("LpNormalization", [Input(kind, (2, 3), finite)], f"{kind} {p} rank 3", p=p, axis=-1)
        c.add("LpNormalization", [Input(kind, (3,), lambda r, s: np.zeros(s))], f"{kind} zeros")


def distances(c):
    """The bodies that skl2onnx writes for nearest neighbours."""
    rows = weights(4, 19, 3)
    for metric in ["squares", "absolutes"]:
        for opset in [11, 12, 13, 17, 18, 22]:
            as_input = opset >= (18 if metric == "squares" else 13)
            reduced = "difference" if metric == "squares" else "absolute"
            op = "ReduceSumSquare" if metric == "squares" else "ReduceSum"
            axes = {} if as_input else {"axes": [1]}
            nodes = [
                helper.make_node("Identity", ["state"], ["state_out"]),
                helper.make_node("Sub", ["state", "next"], ["difference"]),
                *([helper.make_node("Abs", ["difference"], ["absolute"])] if metric == "absolutes" else []),
                helper.make_node(op, [reduced, "axes"] if as_input else [reduced], ["sum"], keepdims=0, **axes),
                helper.make_node("Identity", ["sum"], ["scan_out"]),
            ]
            value = helper.make_tensor_value_info
            body = helper.make_graph(
                nodes, "body", [value("state", F32, None), value("next", F32, None)],
                [value("state_out", F32, None), value("scan_out", F32, None)],
                [numpy_helper.from_array(np.array([1]), "axes")] if as_input else [])
            outer = [
                helper.make_node("Scan", ["in0", "rows"], ["same", "distances"], body=body, num_scan_inputs=1),
                helper.make_node("Transpose", ["distances"], ["out0"], perm=[1, 0]),
                helper.make_node("Identity", ["same"], ["out1"]),
            ]
            graph(c, "Scan", f"{metric} float32", outer, [Input("float32", (3,))], {"out0": F32, "out1": F32},
                  {"rows": rows}, "float32", ["body", "num_scan_inputs"], opset)


def shapes(c):
    """Tensors whose size follows the batch."""
    for opset in [11, 13, 22]:
        rows = [
            helper.make_node("Shape", ["in0"], ["shape"]),
            helper.make_node("Gather", ["shape", "zero"], ["rows"], axis=0),
            helper.make_node("Concat", ["rows", "two"], ["target"], axis=0),
        ]
        constants = {"zero": np.array([0]), "two": np.array([2])}
        x = Input("float32", (3,))
        for kind in PLAIN:
            k, proto = TYPES[kind]
            value = numpy_helper.from_array(np.array([1], k))
            nodes = [*rows, helper.make_node("ConstantOfShape", ["target"], ["out0"], value=value)]
            graph(c, "ConstantOfShape", f"of {kind}", nodes, [x], {"out0": proto}, constants, "int64", ["value"], opset)
            nodes = [*rows, helper.make_node("Expand", ["one", "target"], ["out0"])]
            graph(c, "Expand", f"{kind} to the batch", nodes, [x], {"out0": proto},
                  constants | {"one": np.array([[1, 0]], k)}, kind, [], opset)
        nodes = [*rows, helper.make_node("ConstantOfShape", ["target"], ["out0"])]
        graph(c, "ConstantOfShape", "default", nodes, [x], {"out0": F32}, constants, "int64", [], opset)
    for kind in INTS + FLOATS:
        k, proto = TYPES[kind]
        for label, numbers in [("up", (0, 3, 1)), ("down", (5, -2, -3)), ("steps", (1, 10, 4)), ("none", (3, 0, 1)),
                               ("fractions", (0.1, 1.0, 0.1))]:
            if label == "fractions" and kind in INTS:
                continue
            constants = dict(zip(["start", "limit", "step"], [np.array(v, k) for v in numbers]))
            nodes = [
                helper.make_node("Range", ["start", "limit", "step"], ["range"]),
                helper.make_node("Cast", ["range"], ["numbers"], to=F32),
                helper.make_node("ReduceSum", ["numbers", "axis"], ["sum"], keepdims=1),
                helper.make_node("Add", ["in0", "sum"], ["out0"]),
            ]
            graph(c, "Range", f"{kind} {label}", nodes, [Input("float32", (1,))], {"out0": F32},
                  constants | {"axis": np.array([0])}, kind, [], 18)


def choices(c):
    for kind in FLOATS + INTS:
        values = finite if kind in FLOATS else None
        for op in ["ArgMax", "ArgMin"]:
            for last in [0, 1]:
                c.one(op, [Input(kind, (5,), lambda r, s: r.integers(0, 2, s))], f"{kind} ties {last}", 18, 1,
                      {"axis": 1, "select_last_index": last})
        c.one("TopK", [Input(kind, (6,), values), np.array([3])], f"{kind} sorted", 18, 2, {"axis": 1, "sorted": 1})
        c.one("TopK", [Input(kind, (6,), lambda r, s: r.integers(0, 3, s)), np.array([4])], f"{kind} ties", 18, 2,
              {"axis": 1, "sorted": 1, "largest": 0})
    for op in ["ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin",
               "ReduceProd", "ReduceSum", "ReduceSumSquare"]:
        values = positive if op == "ReduceLogSum" else finite
        c.one(op, [Input("float32", (4,), values), np.array([1])], "float32 with axes", 18, 1,
              {"keepdims": 0, "noop_with_empty_axes": 0})


def old_sets(c):
    """Sets before 11, for operators that have not changed since."""
    x, row = Input("float32", (3,), finite), np.array([1.5, -2, 0.5], np.float32)
    square = weights(5, 3, 4)
    for opset in [7, 9, 10]:
        def old(op, arguments, outputs=1, **attributes):
            c.one(op, arguments, f"float32 old {attributes or ''}", opset, outputs, attributes)

        for op in ["Add", "Sub", "Mul", "Div", "Sum"]:
            old(op, [x, row])
        for op in ["Abs", "Exp", "Neg", "Reciprocal", "Relu", "Shape", "Sigmoid", "Tanh", "Identity"]:
            if op != "Shape":
                old(op, [x])
        for op in ["Log", "Sqrt"]:
            old(op, [Input("float32", (3,), positive)])
        old("Pow", [Input("float32", (3,), positive), np.array(2, np.float32)])
        for op in ["Greater", "Less"]:
            old(op, [x, row])
        old("Equal", [Input("int64"), np.array([1, 2, 3])])
        old("MatMul", [x, square])
        old("Gemm", [x, square, np.ones(4, np.float32)])
        old("Concat", [x, x], axis=1)
        old("Gather", [x, np.array([2, 0])], axis=1)
        old("Flatten", [Input("float32", (2, 3), finite)])
        old("Softmax", [Input("float32", (2, 3), finite)])
        for op in ["ArgMax", "ArgMin"]:
            old(op, [x], axis=1, keepdims=0)
        for op in ["ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "ReduceSumSquare"]:
            old(op, [x], axes=[1], keepdims=0)
        old("Squeeze", [Input("float32", (1, 3), finite)], axes=[1])
        old("Unsqueeze", [x], axes=[1])
        old("Transpose", [Input("float32", (2, 3), finite)], perm=[0, 2, 1])
        old("Reshape", [Input("float32", (6,), finite), np.array([-1, 2, 3])])
        old("Cast", [x], to=TensorProto.INT64)
        old("Not", [Input("bool")])
        for op in ["And", "Or"]:
            old(op, [Input("bool"), Input("bool")])
        if opset >= 9:
            old("Where", [Input("bool"), x, x])


def main():
    c = Cases()
    choices(c)
    old_sets(c)
    recurrent_layers(c)
    convolutions(c)
    distances(c)
    shapes(c)
    c.write("operators_nets.json")


if __name__ == "__main__":
    main()
