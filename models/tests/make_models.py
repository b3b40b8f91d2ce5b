"""Writes the ONNX files that the tests of millstream-models load, and what ONNX Runtime makes of them.

    models/train/setup.sh                                  # once: the Python environment
    models/train/.venv/bin/python models/tests/make_models.py

Everything in models/tests/data comes from here, is committed and is only made again when a case is
added:

- operators.json: one small graph for each operator, element type, attribute and operator set that
  models/src/operators/standard.rs lists, with inputs (NaN and infinities among them) and ONNX
  Runtime's outputs;
- <name>.onnx and <name>.json: models as exporters write them, with 64 rows each;
- refused/<name>.onnx: models that must not load.

The graphs are made with onnx.helper alone, so no training toolkit is needed.
"""

import base64
import json
import pathlib

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

DATA = pathlib.Path(__file__).parent / "data"
OPSETS = range(11, 23)
TYPES = {
    "float32": (np.float32, TensorProto.FLOAT),
    "float64": (np.float64, TensorProto.DOUBLE),
    "int32": (np.int32, TensorProto.INT32),
    "int64": (np.int64, TensorProto.INT64),
    "bool": (np.bool_, TensorProto.BOOL),
    "string": (np.str_, TensorProto.STRING),
}
FLOATS = ["float32", "float64"]
INTS = ["int32", "int64"]
NUMBERS = FLOATS + INTS
PLAIN = NUMBERS + ["bool"]
ROWS = 12


def save(model, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def tensor_json(array):
    """An array as JSON: type, shape and flat data, with the non-finite numbers as strings."""
    if array.dtype.kind == "f":
        data = [
            float(str(v)) if np.isfinite(v) else ("NaN" if np.isnan(v) else "Infinity" if v > 0 else "-Infinity")
            for v in array.ravel()
        ]
    elif array.dtype.kind == "b":
        data = [bool(v) for v in array.ravel()]
    elif array.dtype.kind in "iu":
        data = [int(v) for v in array.ravel()]
    else:
        data = [str(v) for v in array.ravel()]
    kind = "string" if array.dtype.kind in "OUS" else str(array.dtype)
    return {"type": kind, "shape": list(array.shape), "data": data}


def session(model):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


# Operators ---------------------------------------------------------------------------------------


class Input:
    """A graph input of one type and row shape; `values` makes its rows."""

    def __init__(self, kind, row_shape=(3,), values=None):
        self.kind, self.row_shape, self.values = kind, tuple(row_shape), values

    def rows(self, rng):
        shape = (ROWS,) + self.row_shape
        if self.values is not None:
            return self.values(rng, shape).astype(TYPES[self.kind][0])
        if self.kind in FLOATS:
            array = rng.normal(0, 2, shape).astype(TYPES[self.kind][0])
            special = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -0.5, 30.0]
            array.reshape(ROWS, -1)[:, 0] = special[:ROWS]
            return array
        if self.kind in INTS:
            return rng.integers(-6, 7, shape).astype(TYPES[self.kind][0])
        if self.kind == "bool":
            return rng.integers(0, 2, shape).astype(np.bool_)
        return rng.choice(["a", "b", "c"], shape).astype(object)


def finite(rng, shape):
    return rng.normal(0, 1.5, shape)


def positive(rng, shape):
    return np.abs(rng.normal(0, 2, shape)) + 0.1


def nonzero(rng, shape):
    return rng.choice([-5, -3, -2, -1, 1, 2, 3, 4], shape)


def missing(rng, shape):
    """NaN first, last, in the middle and everywhere."""
    array = rng.normal(0, 1, shape)
    array[0, 0] = array[1, -1] = array[2, 1] = np.nan
    array[3] = np.nan
    return array


def ids(rng, shape):
    return rng.integers(0, 4, shape)


class Cases:
    """Collects operator cases, each at every operator set in which the operator's definition differs."""

    def __init__(self):
        self.cases = []
        self.skipped = []

    def add(self, op, arguments, label="", opsets=OPSETS, outputs=1, **attributes):
        opsets = [v for v in OPSETS if v in opsets]
        versions = {}
        for opset in opsets:
            try:
                since = onnx.defs.get_schema(op, opset, "").since_version
            except onnx.defs.SchemaError:
                continue
            versions.setdefault(since, opset)
            last = opset
        chosen = sorted(set(list(versions.values()) + [last]))
        if "float32" not in label:
            chosen = sorted({chosen[0], chosen[-1]})
        for opset in chosen:
            self.one(op, arguments, label, opset, outputs, attributes)

    def one(self, op, arguments, label, opset, outputs, attributes, domain="", domain_version=1):
        # One seed a case, so that adding a case leaves the others' data alone.
        seed = abs(int.from_bytes(f"{op}{label}{opset}".encode()[-8:], "big"))
        rng = np.random.default_rng(seed)
        graph_inputs, initialisers, names, feeds = [], [], [], {}
        for index, argument in enumerate(arguments):
            name = f"in{index}"
            if argument is None:
                names.append("")
                continue
            names.append(name)
            if isinstance(argument, Input):
                graph_inputs.append(
                    helper.make_tensor_value_info(name, TYPES[argument.kind][1], ["N", *argument.row_shape])
                )
                feeds[name] = argument.rows(rng)
            else:
                initialisers.append(numpy_helper.from_array(np.asarray(argument), name))
        out_names = [f"out{i}" for i in range(outputs)]
        node = helper.make_node(op, names, out_names, domain=domain, **attributes)
        untyped = [onnx.ValueInfoProto(name=name) for name in out_names]
        graph = helper.make_graph([node], op, graph_inputs, untyped, initialisers)
        model = self.model(graph, opset)
        if domain:
            model.opset_import.append(helper.make_opsetid(domain, domain_version))
        title = f"{op} {label} opset {domain_version if domain else opset}".replace("  ", " ")
        try:
            inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
            del model.graph.output[:]
            model.graph.output.extend(inferred.graph.output)
            run = session(model)
            for output, known in zip(model.graph.output, run.get_outputs()):
                if output.type.tensor_type.elem_type == 0:  # the schemas of ai.onnx.ml do not tell all types
                    kind = known.type.removeprefix("tensor(").removesuffix(")")
                    kind = {"float": "float32", "double": "float64"}.get(kind, kind)
                    output.CopyFrom(helper.make_tensor_value_info(output.name, TYPES[kind][1], None))
            results = run.run(None, feeds)
        except Exception as error:  # an operator set or type that ONNX Runtime itself does not have
            self.skipped.append(f"{title}: {str(error).splitlines()[0][:150]}")
            return
        # The type that the operator's first argument has, be it an input or a constant.
        kind = arguments[0].kind if isinstance(arguments[0], Input) else tensor_json(np.asarray(arguments[0]))["type"]
        outputs = dict(zip(out_names, results))
        self.record(title, op, domain, kind, sorted(attributes), model, feeds, outputs)

    def record(self, title, op, domain, kind, attributes, model, feeds, outputs):
        self.cases.append(
            {
                "title": title,
                "operator": op,
                "domain": domain,
                "type": kind,
                "attributes": attributes,
                "model": base64.b64encode(model.SerializeToString(deterministic=True)).decode(),
                "inputs": {name: tensor_json(array) for name, array in feeds.items()},
                "outputs": {name: tensor_json(array) for name, array in outputs.items()},
            }
        )

    def write(self, name):
        """Writes the cases to tests/data and tells which ones ONNX Runtime does not take."""
        titles = [case["title"] for case in self.cases]
        twice = sorted({title for title in titles if titles.count(title) > 1})
        assert not twice, f"cases share a title: {twice}"
        lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in self.cases)
        (DATA / name).write_text("[\n" + lines + "\n]\n")
        print(f"{name}: {len(titles)} cases; ONNX Runtime itself does not take {len(self.skipped)}")
        for text in self.skipped:
            print("  ", text)

    @staticmethod
    def model(graph, opset):
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
        model.ir_version = 8
        return model


def operator_cases():
    c = Cases()

    def typed(kind, *shape):
        return np.random.default_rng(len(shape) + 11).normal(0, 1, shape).astype(TYPES[kind][0])

    for kind in NUMBERS:
        k = TYPES[kind][0]
        for op in ["Add", "Sub", "Mul"]:
            c.add(op, [Input(kind), Input(kind)], kind)
            c.add(op, [Input(kind), np.array([2, 3, 5], k)], f"{kind} by a row")
            c.add(op, [np.array(7, k), Input(kind)], f"{kind} from a scalar")
            c.add(op, [Input(kind, (3,)), Input(kind, (1,))], f"{kind} by a column")
        values = nonzero if kind in INTS else None
        c.add("Div", [Input(kind), Input(kind, (3,), values)], kind)
        c.add("Div", [Input(kind), np.array([2, -3, 5], k)], f"{kind} by a row")
        c.add("Div", [np.array(7, k), Input(kind, (3,), values)], f"{kind} from a scalar")
        c.add("Abs", [Input(kind)], kind)
        c.add("Neg", [Input(kind)], kind)
        c.add("Sign", [Input(kind)], kind)
        for op in ["Max", "Min"]:
            c.add(op, [Input(kind), Input(kind), np.array(1, k)], kind)
        if kind in FLOATS:
            for op in ["Sum", "Mean"]:
                c.add(op, [Input(kind), Input(kind), np.array([1, 2, 3], k)], kind)
        c.add("Clip", [Input(kind), np.array(-1, k), np.array(2, k)], kind)
        c.add("Clip", [Input(kind), None, np.array(2, k)], f"{kind} from above")
        c.add("Clip", [Input(kind), np.array(-1, k)], f"{kind} from below")
        for op in ["Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Equal"]:
            c.add(op, [Input(kind), Input(kind)], kind)
            c.add(op, [Input(kind), np.array(1, k)], f"{kind} with a scalar")
        c.add("Pow", [Input(kind, (3,), positive if kind in FLOATS else None), np.array(2, k)], f"{kind} squared")
    for kind in FLOATS:
        k = TYPES[kind][0]
        for op in ["Exp", "Log", "Sqrt", "Reciprocal", "Floor", "Ceil", "Round", "Erf", "Sin", "Cos", "Tan",
                   "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh", "Tanh", "Sigmoid", "Relu",
                   "Softplus", "Softsign", "IsNaN", "HardSwish"]:
            c.add(op, [Input(kind)], kind)
        c.add("IsInf", [Input(kind)], kind)
        c.add("IsInf", [Input(kind)], f"{kind} positive", detect_negative=0)
        for op in ["LeakyRelu", "Elu", "ThresholdedRelu", "Celu"]:
            c.add(op, [Input(kind)], kind)
            c.add(op, [Input(kind)], f"{kind} alpha", alpha=0.3)
        c.add("Selu", [Input(kind)], kind)
        c.add("Selu", [Input(kind)], f"{kind} set", alpha=1.5, gamma=1.1)
        c.add("HardSigmoid", [Input(kind)], kind)
        c.add("HardSigmoid", [Input(kind)], f"{kind} set", alpha=0.3, beta=0.4)
        c.add("PRelu", [Input(kind), np.array([0.1, 0.2, 0.3], k)], kind)
        c.add("Mish", [Input(kind)], kind)
        c.add("Gelu", [Input(kind)], kind)
        c.add("Gelu", [Input(kind)], f"{kind} tanh", approximate="tanh")
        c.add("Pow", [Input(kind, (3,), positive), Input(kind, (3,), finite)], f"{kind} by a tensor")
        c.add("Pow", [Input(kind), np.array(0.5, k)], f"{kind} root")
        c.add("Pow", [Input(kind), np.array(3, k)], f"{kind} cubed")
        for op in ["Softmax", "LogSoftmax"]:
            c.add(op, [Input(kind, (4,), finite)], f"{kind} last axis", axis=-1)
            c.add(op, [Input(kind, (4,), finite)], f"{kind} axis 1", axis=1)
            c.add(op, [Input(kind, (4,), finite)], f"{kind} default")
            c.add(op, [Input(kind, (4,))], f"{kind} with infinities", axis=-1)
            c.add(op, [Input(kind, (2, 3), finite)], f"{kind} rank 3", axis=2)
            c.add(op, [Input(kind, (2, 3), finite)], f"{kind} rank 3 axis 1", axis=1)
        c.add("MatMul", [Input(kind, (3,)), typed(kind, 3, 4)], kind)
        c.add("MatMul", [Input(kind, (3,), finite), typed(kind, 3, 1)], f"{kind} to one")
        c.add("MatMul", [Input(kind, (70,), finite), typed(kind, 70, 33)], f"{kind} wide")
        c.add("MatMul", [Input(kind, (9,), missing), typed(kind, 9, 17)], f"{kind} with NaN")
        c.add("MatMul", [Input(kind, (2, 3), finite), typed(kind, 3, 2)], f"{kind} rank 3")
        c.add("MatMul", [Input(kind, (2, 3), finite), Input(kind, (3, 2), finite)], f"{kind} each row")
        c.add("Gemm", [Input(kind, (3,)), typed(kind, 3, 4), typed(kind, 4)], kind)
        c.add("Gemm", [Input(kind, (3,), finite), typed(kind, 3, 4)], f"{kind} without bias")
        c.add("Gemm", [Input(kind, (3,), finite), typed(kind, 4, 3), typed(kind, 1, 4)], f"{kind} transB", transB=1)
        c.add("Gemm", [Input(kind, (3,), finite), typed(kind, 3, 4), typed(kind, 4)], f"{kind} scaled", alpha=0.5, beta=2.0)
        c.add("Gemm", [Input(kind, (3,), finite), typed(kind, 3, 4), np.array(0.5, k)], f"{kind} scalar bias", transA=0)
        c.add(
            "BatchNormalization",
            [Input(kind, (3,), finite), np.array([1, 2, 0.5], k), np.array([0, 1, -1], k),
             np.array([0.1, -0.2, 0.3], k), np.array([1, 2, 0.5], k)],
            kind,
        )
        c.add(
            "BatchNormalization",
            [Input(kind, (3,), finite), np.array([1, 2, 0.5], k), np.array([0, 1, -1], k),
             np.array([0.1, -0.2, 0.3], k), np.array([1, 2, 0.5], k)],
            f"{kind} epsilon", epsilon=0.1,
        )
        c.add("LayerNormalization", [Input(kind, (6,), finite), typed(kind, 6), typed(kind, 6)], kind)
        c.add("LayerNormalization", [Input(kind, (6,), finite), typed(kind, 6)], f"{kind} set", axis=-1, epsilon=0.01)
        c.add("LayerNormalization", [Input(kind, (2, 3), finite), typed(kind, 2, 3)], f"{kind} axis 1", axis=1)
        c.add("Dropout", [Input(kind)], kind)
        for op in ["ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
                   "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"]:
            values = positive if op == "ReduceLogSum" else finite
            as_input = range(13, 23) if op == "ReduceSum" else range(18, 23)
            as_attribute = range(11, 13) if op == "ReduceSum" else range(11, 18)
            c.add(op, [Input(kind, (5,), values)], kind, opsets=as_attribute, axes=[1])
            c.add(op, [Input(kind, (5,), values)], f"{kind} flat", opsets=as_attribute, axes=[-1], keepdims=0)
            c.add(op, [Input(kind, (2, 3), values)], f"{kind} two", opsets=as_attribute, axes=[1, 2], keepdims=0)
            c.add(op, [Input(kind, (5,), values), np.array([1])], kind, opsets=as_input)
            c.add(op, [Input(kind, (5,), values), np.array([-1])], f"{kind} flat", opsets=as_input, keepdims=0)
            c.add(op, [Input(kind, (2, 3), values), np.array([1, 2])], f"{kind} two", opsets=as_input, keepdims=0)
        for op in ["ReduceMax", "ReduceMin", "ReduceMean", "ReduceSum"]:
            as_input = range(13, 23) if op == "ReduceSum" else range(18, 23)
            as_attribute = range(11, 13) if op == "ReduceSum" else range(11, 18)
            c.add(op, [Input(kind, (4,))], f"{kind} with NaN", opsets=as_attribute, axes=[1])
            c.add(op, [Input(kind, (4,)), np.array([1])], f"{kind} with NaN", opsets=as_input)
    for kind in NUMBERS:
        values = finite if kind in FLOATS else None
        for op in ["ArgMax", "ArgMin"]:
            c.add(op, [Input(kind, (5,), values)], kind, axis=1)
            c.add(op, [Input(kind, (5,), values)], f"{kind} flat", axis=-1, keepdims=0)
            c.add(op, [Input(kind, (5,), lambda r, s: r.integers(0, 2, s))], f"{kind} with ties", axis=1)
            if kind in FLOATS:
                c.add(op, [Input(kind, (4,), missing)], f"{kind} with NaN", axis=1)
        c.add("TopK", [Input(kind, (6,), values), np.array([3])], kind, outputs=2, axis=1)
        c.add("TopK", [Input(kind, (6,), values), np.array([2])], f"{kind} smallest", outputs=2, axis=-1, largest=0)
    c.add("ReduceSum", [Input("int64", (5,)), np.array([1])], "int64", opsets=range(13, 23))
    c.add("ReduceMax", [Input("int64", (5,)), np.array([1])], "int64", opsets=range(18, 23))
    for kind in INTS:
        k = TYPES[kind][0]
        c.add("Mod", [Input(kind), np.array([3, -4, 5], k)], kind)
        c.add("Mod", [Input(kind), np.array([3, -4, 5], k)], f"{kind} fmod", fmod=1)
    c.add("Mod", [Input("float32", (3,), finite), np.array([3, -4, 5], np.float32)], "float32 fmod", fmod=1)
    for op in ["And", "Or", "Xor"]:
        c.add(op, [Input("bool"), Input("bool")], "bool")
    c.add("Not", [Input("bool")], "bool")
    c.add("Equal", [Input("bool"), Input("bool")], "bool")
    for kind in PLAIN:
        k = TYPES[kind][0]
        c.add("Where", [Input("bool"), Input(kind), Input(kind)], f"of {kind}")
        c.add("Where", [Input("bool", (1,)), Input(kind), np.zeros(3, k)], f"of {kind} broadcast")
        c.add("Identity", [Input(kind)], kind)
        c.add("Concat", [Input(kind, (2,)), Input(kind, (3,))], kind, axis=1)
        c.add("Concat", [Input(kind, (2, 2)), Input(kind, (2, 1))], f"{kind} last", axis=-1)
        c.add("Flatten", [Input(kind, (2, 3))], kind)
        c.add("Flatten", [Input(kind, (2, 3))], f"{kind} axis 1", axis=1)
        c.add("Reshape", [Input(kind, (2, 3)), np.array([-1, 6])], kind)
        c.add("Reshape", [Input(kind, (6,)), np.array([0, 2, 3])], f"{kind} copying")
        c.add("Reshape", [Input(kind, (6,)), np.array([-1, 3, 2])], f"{kind} allowzero 0", opsets=range(14, 23), allowzero=0)
        c.add("Transpose", [Input(kind, (2, 3))], kind, perm=[0, 2, 1])
        c.add("Squeeze", [Input(kind, (1, 3))], kind, opsets=range(11, 13), axes=[1])
        c.add("Squeeze", [Input(kind, (1, 3)), np.array([1])], kind, opsets=range(13, 23))
        c.add("Squeeze", [Input(kind, (3, 1)), np.array([-1])], f"{kind} last", opsets=range(13, 23))
        c.add("Unsqueeze", [Input(kind, (3,))], kind, opsets=range(11, 13), axes=[1])
        c.add("Unsqueeze", [Input(kind, (3,)), np.array([1])], kind, opsets=range(13, 23))
        c.add("Unsqueeze", [Input(kind, (3,)), np.array([-1])], f"{kind} last", opsets=range(13, 23))
        c.add("Slice", [Input(kind, (5,)), np.array([1]), np.array([4]), np.array([1])], kind)
        c.add("Slice", [Input(kind, (5,)), np.array([-2]), np.array([2**31 - 1]), np.array([1])], f"{kind} tail")
        c.add("Slice", [Input(kind, (5,)), np.array([0]), np.array([5]), np.array([1]), np.array([2])], f"{kind} steps")
        c.add("Split", [Input(kind, (5,))], kind, opsets=range(11, 13), outputs=2, axis=1, split=[2, 3])
        c.add("Split", [Input(kind, (5,)), np.array([2, 3])], kind, opsets=range(13, 23), outputs=2, axis=1)
        c.add("Split", [Input(kind, (4,))], f"{kind} even", opsets=range(13, 18), outputs=2, axis=1)
        c.add("Split", [Input(kind, (4,))], f"{kind} even", opsets=range(18, 23), outputs=2, axis=-1, num_outputs=2)
        c.add("Gather", [Input(kind, (5,)), np.array([3, 0, -1])], f"{kind} columns", axis=1)
        c.add("Gather", [Input(kind, (5,)), np.array(2)], f"{kind} one column", axis=1)
        table = (np.arange(20).reshape(4, 5) % 3).astype(k)
        c.add("Gather", [table, Input("int64", (), ids)], f"{kind} table")
        c.add("Gather", [table, Input("int64", (2,), ids)], f"{kind} table of lists", axis=0)
        c.add("Gather", [table, Input("int32", (), ids)], f"{kind} table by int32")
        c.add("GatherElements", [Input(kind, (4,)), Input("int64", (2,), ids)], kind, axis=1)
        c.add("Expand", [Input(kind, (1,)), np.array([1, 3])], kind)
        c.add("Tile", [Input(kind, (2,)), np.array([1, 2])], kind)
        for target in PLAIN:
            values = (lambda r, s: r.normal(0, 100, s)) if kind in FLOATS else None
            c.add("Cast", [Input(kind, (3,), values)], f"{kind} to {target}", to=TYPES[target][1])
    for kind in FLOATS:
        for target in PLAIN:
            c.add("Cast", [Input(kind)], f"{kind} to {target} with NaN", to=TYPES[target][1])
    for kind in NUMBERS:
        value = numpy_helper.from_array(np.array([1, 0, 2], TYPES[kind][0]))
        constant(c, kind, value)
    c.add("OneHot", [Input("int64", (), ids), np.array([4]), np.array([0.0, 1.0], np.float32)], "int64", axis=-1)
    c.add("OneHot", [Input("int64", (2,), ids), np.array([4]), np.array([0.0, 1.0], np.float32)], "int64 lists")
    shape(c)
    c.add("CumSum", [Input("float32", (5,), finite), np.array(1)], "float32")
    c.add("Einsum", [Input("float32", (2, 3), finite), Input("float32", (3, 2), finite)], "float32", equation="nij,njk->nik")
    c.add("Einsum", [Input("float32", (4,), finite), Input("float32", (4,), finite)], "float32 dot", equation="ni,ni->n")
    cats = {"cats_strings": ["a", "b"], "cats_int64s": [7, 3]}
    for version in [1, 5]:
        for label, kind, extra in [
            ("string", "string", {"default_int64": -4}),
            ("int64", "int64", {"default_string": "other"}),
        ]:
            values = (lambda r, s: r.integers(2, 9, s)) if kind == "int64" else None
            c.one("CategoryMapper", [Input(kind, (2,), values)], label, 18, 1, cats | extra, "ai.onnx.ml", version)
    return c


def shape(c):
    """Shape gives no row; it is compared where it is used, to flatten rows."""
    for opset in [11, 13, 15, 19, 21, 22]:
        x = helper.make_tensor_value_info("in0", TensorProto.FLOAT, ["N", 2, 3])
        out = helper.make_tensor_value_info("out0", TensorProto.FLOAT, ["N", 6])
        values = {"first": np.array([0]), "rest": np.array([-1])}
        nodes = [
            helper.make_node("Shape", ["in0"], ["shape"]),
            helper.make_node("Gather", ["shape", "first"], ["rows"], axis=0),
            helper.make_node("Concat", ["rows", "rest"], ["target"], axis=0),
            helper.make_node("Reshape", ["in0", "target"], ["out0"]),
        ]
        initialisers = [numpy_helper.from_array(v, n) for n, v in values.items()]
        model = c.model(helper.make_graph(nodes, "Shape", [x], [out], initialisers), opset)
        feeds = {"in0": Input("float32", (2, 3)).rows(np.random.default_rng(opset))}
        (result,) = session(model).run(None, feeds)
        c.record(f"Shape float32 opset {opset}", "Shape", "", "float32", [], model, feeds, {"out0": result})


def constant(c, kind, value):
    """Constant has no inputs; it is compared behind a Where that makes it follow the batch."""
    for opset in [11, 13, 22]:
        choice = helper.make_tensor_value_info("in0", TensorProto.BOOL, ["N", 3])
        other = helper.make_tensor_value_info("in1", TYPES[kind][1], ["N", 3])
        out = helper.make_tensor_value_info("out0", TYPES[kind][1], ["N", 3])
        nodes = [
            helper.make_node("Constant", [], ["c"], value=value),
            helper.make_node("Where", ["in0", "c", "in1"], ["out0"]),
        ]
        model = c.model(helper.make_graph(nodes, "Constant", [choice, other], [out]), opset)
        rng = np.random.default_rng(opset)
        feeds = {"in0": Input("bool").rows(rng), "in1": Input(kind).rows(rng)}
        (result,) = session(model).run(None, feeds)
        c.record(f"Constant {kind} opset {opset}", "Constant", "", kind, ["value"], model, feeds, {"out0": result})


# Models ------------------------------------------------------------------------------------------


def graph_model(nodes, inputs, outputs, initialisers, opset=18, metadata=None, domains=()):
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info(n, TYPES[k][1], shape) for n, k, shape in inputs],
        [helper.make_tensor_value_info(n, TYPES[k][1], shape) for n, k, shape in outputs],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in initialisers.items()],
    )
    imports = [helper.make_opsetid("", opset)] + [helper.make_opsetid(d, v) for d, v in domains]
    model = helper.make_model(graph, opset_imports=imports, producer_name="make_models")
    model.ir_version = 8
    for key, value in (metadata or {}).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    return model


def weights(seed, *shape):
    return np.random.default_rng(seed).normal(0, 1 / np.sqrt(shape[0]), shape).astype(np.float32)


def dense(prefix, source, target, width, units, seed, init, activation="Relu"):
    init[f"{prefix}_w"] = weights(seed, width, units)
    init[f"{prefix}_b"] = weights(seed + 1, units)
    nodes = [
        helper.make_node("MatMul", [source, f"{prefix}_w"], [f"{prefix}_m"]),
        helper.make_node("Add", [f"{prefix}_m", f"{prefix}_b"], [f"{prefix}_a"]),
        helper.make_node(activation, [f"{prefix}_a"], [target]),
    ]
    return nodes


def models():
    """Name to (model, columns of 64 rows)."""
    rng = np.random.default_rng(7)
    n = 64
    made = {}

    features = ["amount", "seconds_since_last", "count_1m", "sum_1m", "hour"]
    init = {"mean": np.array([3, 4, 1, 4, 12], np.float32), "scale": np.array([1, 2, 1, 2, 7], np.float32)}
    nodes = [
        helper.make_node("Sub", ["X", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["scaled"]),
        *dense("h1", "scaled", "h1", 5, 16, 1, init),
        *dense("h2", "h1", "h2", 16, 8, 3, init),
        *dense("out", "h2", "score", 8, 1, 5, init, "Sigmoid"),
    ]
    made["mlp_matrix"] = (
        graph_model(nodes, [("X", "float32", ["N", 5])], [("score", "float32", ["N", 1])], init,
                    metadata={"features": ",".join(features)}),
        {"X": rng.normal(5, 4, (n, 5)).astype(np.float32)},
    )

    init = {}
    nodes = [
        helper.make_node("Concat", ["price", "quantity", "age"], ["x"], axis=1),
        *dense("h1", "x", "h1", 3, 8, 11, init, "Tanh"),
        *dense("out", "h1", "dense_2", 8, 1, 13, init, "Sigmoid"),
    ]
    made["mlp_columns"] = (
        graph_model(nodes, [(c, "float32", [None, 1]) for c in ["price", "quantity", "age"]],
                    [("dense_2", "float32", [None, 1])], init, opset=13),
        {c: rng.normal(0, 1, (n, 1)).astype(np.float32) for c in ["price", "quantity", "age"]},
    )

    init = {"users": weights(21, 50, 4), "items": weights(22, 20, 4), "axis": np.array([1])}
    nodes = [
        helper.make_node("Gather", ["users", "user_id"], ["u"]),
        helper.make_node("Gather", ["items", "item_id"], ["i"]),
        helper.make_node("Mul", ["u", "i"], ["ui"]),
        helper.make_node("ReduceSum", ["ui", "axis"], ["dot"], keepdims=0),
        helper.make_node("Sigmoid", ["dot"], ["p"]),
    ]
    made["embedding"] = (
        graph_model(nodes, [("user_id", "int64", ["batch"]), ("item_id", "int32", ["batch"])],
                    [("p", "float32", ["batch"])], init),
        {"user_id": rng.integers(0, 50, n), "item_id": rng.integers(0, 20, n).astype(np.int32)},
    )

    init = {"countries": weights(31, 3, 2), "zero": np.array(0, np.float32)}
    nodes = [
        helper.make_node("CategoryMapper", ["country"], ["id"], domain="ai.onnx.ml",
                         cats_strings=["AT", "DE", "CH"], cats_int64s=[0, 1, 2], default_int64=1),
        helper.make_node("Gather", ["countries", "id"], ["e"]),
        helper.make_node("Concat", ["e", "amount"], ["x"], axis=1),
        *dense("out", "x", "score", 3, 1, 33, init, "Sigmoid"),
    ]
    made["category"] = (
        graph_model(nodes, [("country", "string", ["N"]), ("amount", "float32", ["N", 1])],
                    [("score", "float32", ["N", 1])], init, domains=[("ai.onnx.ml", 2)]),
        {"country": rng.choice(["AT", "DE", "CH", "FR"], n).astype(object),
         "amount": rng.normal(0, 1, (n, 1)).astype(np.float32)},
    )

    init = {}
    nodes = [
        *dense("h1", "float_input", "h1", 4, 8, 41, init),
        *dense("out", "h1", "logits", 8, 3, 43, init, "Identity"),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
    ]
    made["two_outputs"] = (
        graph_model(nodes, [("float_input", "float32", [None, 4])],
                    [("label", "int64", [None]), ("probabilities", "float32", [None, 3])], init, opset=21),
        {"float_input": rng.normal(0, 1, (n, 4)).astype(np.float32)},
    )

    init = {"w": np.random.default_rng(51).normal(0, 1, (3, 1)), "b": np.array([0.25])}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["y"]),
    ]
    made["linear_f64"] = (
        graph_model(nodes, [("x", "float64", ["N", 3])], [("y", "float64", ["N", 1])], init),
        {"x": rng.normal(0, 1, (n, 3))},
    )

    made["fixed_batch"] = (
        graph_model([helper.make_node("Mul", ["x", "two"], ["y"])], [("x", "float32", [4, 2])],
                    [("y", "float32", [4, 2])], {"two": np.array(2, np.float32)}),
        {"x": rng.normal(0, 1, (4, 2)).astype(np.float32)},
    )
    return made


def refused():
    f32 = "float32"
    xs = [("x", f32, ["N", 3])]
    ys = [("y", f32, ["N", 3])]

    def node(op, **attributes):
        return helper.make_node(op, ["x"], ["y"], **attributes)

    yield "unsupported_operator", graph_model([node("Hardmax")], xs, ys, {})
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Add", ["state", "next"], ["sum"]), helper.make_node("Identity", ["sum"], ["out"])], "body",
        [value("state", TensorProto.FLOAT, [3]), value("next", TensorProto.FLOAT, [3])],
        [value("sum", TensorProto.FLOAT, [3]), value("out", TensorProto.FLOAT, [3])])
    scan = helper.make_node("Scan", ["w", "x"], ["last", "y"], body=body, num_scan_inputs=1)
    yield "scan_over_rows", graph_model([scan], xs, ys, {"w": np.zeros(3, np.float32)})
    yield "unknown_attribute", graph_model(
        [node("Cast", to=TensorProto.FLOAT, saturate=0)], xs, ys, {}, opset=19)
    yield "old_opset", graph_model([node("Relu")], xs, ys, {}, opset=6)
    yield "new_opset", graph_model([node("Relu")], xs, ys, {}, opset=23)
    yield "mixes_rows", graph_model([node("Softmax", axis=0)], xs, ys, {})
    yield "open_dimension", graph_model(
        [node("Relu")], [("x", f32, ["N", "features"])], [("y", f32, ["N", "features"])], {})
    yield "no_batch", graph_model([node("Relu")], [("x", f32, [])], [("y", f32, [])], {})
    yield "wrong_features", graph_model([node("Relu")], xs, ys, {}, metadata={"features": "a,b"})
    yield "half_floats", graph_model(
        [helper.make_node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16), helper.make_node("Cast", ["h"], ["y"], to=1)],
        xs, ys, {})
    external = graph_model([helper.make_node("Add", ["x", "w"], ["y"])], xs, ys, {"w": np.ones(3, np.float32)})
    tensor = external.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in [("location", "../../../../etc/passwd"), ("length", "12")]:
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    yield "external_data", external
    huge = np.ones((4_000_000, 1), np.float32)[:2]
    bomb = graph_model(
        [helper.make_node("MatMul", ["a", "b"], ["c"]),
         helper.make_node("MatMul", ["c", "c"], ["d"]), helper.make_node("Add", ["x", "d"], ["y"])],
        xs, ys, {"a": huge[:1], "b": huge[:1]})
    for index, dims in enumerate([[9000, 1], [1, 9000]]):
        tensor = bomb.graph.initializer[index]
        tensor.CopyFrom(numpy_helper.from_array(np.zeros(dims, np.float32), tensor.name))
    yield "constant_bomb", bomb
    lying = graph_model([helper.make_node("Add", ["x", "w"], ["y"])], xs, ys, {"w": np.ones(3, np.float32)})
    lying.graph.initializer[0].dims[0] = 1 << 40
    yield "lying_shape", lying
    yield "empty_output", graph_model(
        [helper.make_node("Slice", ["x", "end", "end", "one"], ["y"])], xs, [("y", f32, ["N", 0])],
        {"end": np.array([3]), "one": np.array([1])})
    yield "no_permutation", graph_model(
        [helper.make_node("Transpose", ["x"], ["y"], perm=[0, 2, 2])],
        [("x", f32, ["N", 2, 3])], [("y", f32, ["N", 3, 3])], {})
    yield "huge_window", graph_model(
        [helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[1 << 40, 2])],
        [("x", f32, ["N", 2, 4, 5])], [("y", f32, ["N", 2, 2, 4])], {})
    yield "no_channels", graph_model(
        [helper.make_node("BatchNormalization", ["x", "one", "one", "one", "one"], ["y"])],
        [("x", f32, ["N"])], [("y", f32, ["N"])], {"one": np.ones(3, np.float32)})
    undefined = graph_model([helper.make_node("Add", ["x", "w"], ["y"])], xs, ys, {})
    yield "undefined_name", undefined


def main():
    DATA.mkdir(exist_ok=True)
    operator_cases().write("operators.json")
    for name, (model, feeds) in models().items():
        onnx.checker.check_model(model)
        outputs = session(model).run(None, feeds)
        save(model, DATA / f"{name}.onnx")
        reference = {
            "inputs": {k: tensor_json(v) for k, v in feeds.items()},
            "outputs": {o.name: tensor_json(v) for o, v in zip(model.graph.output, outputs)},
        }
        (DATA / f"{name}.json").write_text(json.dumps(reference) + "\n")
    save(
        graph_model([helper.make_node("Relu", ["x"], ["y"])], [("x", "float32", ["N", 1 << 20])],
                    [("y", "float32", ["N", 1 << 20])], {}),
        DATA / "wide_rows.onnx",
    )
    for name, model in refused():
        save(model, DATA / "refused" / f"{name}.onnx")


if __name__ == "__main__":
    main()
