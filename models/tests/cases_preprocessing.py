"""Cases of the operators that prepare features: scalers, imputers, encoders, casts to and from text, and strings
on their way through a graph.

    models/train/.venv/bin/python models/tests/cases_preprocessing.py

writes models/tests/data/operators_preprocessing.json: one small graph a case, with inputs and ONNX Runtime's
outputs; and refused_preprocessing.json: graphs that must not load or not score. A case is added together with the
row of its operator's table in models/src/operators.
"""

import base64
import json

import numpy as np
from onnx import TensorProto, ValueInfoProto, helper, numpy_helper

from make_models import DATA, INTS, NUMBERS, OPSETS, TYPES, Cases, Input, session, tensor_json

ML = "ai.onnx.ml"
NAN, INF = float("nan"), float("inf")


def given(*values):
    """Rows that hold these values, over and over."""
    return lambda rng, shape: np.resize(np.array(values, object), shape)


def tensor(name, kind, values):
    return helper.make_tensor(name, TYPES[kind][1], [len(values)], values)


def ml(c, op, arguments, label, version=1, outputs=1, **attributes):
    c.one(op, arguments, label, 18, outputs, attributes, ML, version)


def both_ends(c, op, arguments, label, opsets=OPSETS, **attributes):
    """At the first and the last operator set."""
    for opset in [min(opsets), max(opsets)]:
        c.one(op, arguments, label, opset, 1, attributes)


def scaler(c):
    for kind in NUMBERS:
        ml(c, "Scaler", [Input(kind, (3,))], f"{kind} by column", offset=[0.5, -1.0, 2.0], scale=[2.0, 0.1, -3.0])
        ml(c, "Scaler", [Input(kind, (3,))], f"{kind} one for all", offset=[0.3], scale=[1.7])
    ml(c, "Scaler", [Input("float64", (2,), given(1e9 + 0.25, -1e9, 1e9 + 1, -1e9 - 0.5, 1e300, -1e-50))],
       "float64 far from zero", offset=[1e9, -1e9], scale=[0.5, 3.0])


def imputer(c):
    floats = Input("float32", (3,), given(NAN, 0, -0.0, 1, INF, -INF, 2.5, NAN))
    for label, replaced in [("NaN", NAN), ("zero", 0.0), ("a number", 2.5), ("infinity", INF)]:
        for values in [[9.5, -8.0, NAN], [7.0]]:
            ml(c, "Imputer", [floats], f"float32 {label} by {len(values)}",
               imputed_value_floats=values, replaced_value_float=replaced)
    ml(c, "Imputer", [floats], "float32 default", imputed_value_floats=[3.0])
    ml(c, "Imputer", [Input("float32", (), given(NAN, 0, 1))], "float32 flat",
       imputed_value_floats=[3.0], replaced_value_float=NAN)
    ml(c, "Imputer", [Input("float32", (2, 2), given(NAN, 0, 1))], "float32 rank 3",
       imputed_value_floats=[3.0], replaced_value_float=NAN)
    ints = Input("int64", (3,), given(0, 1, -5, 2**62 + 1, 2**62, -(2**63), -1))
    for label, replaced in [("zero", 0), ("large", 2**62 + 1), ("smallest", -(2**63))]:
        for values in [[9, 2**63 - 1, -7], [-3]]:
            ml(c, "Imputer", [ints], f"int64 {label} by {len(values)}",
               imputed_value_int64s=values, replaced_value_int64=replaced)
    ml(c, "Imputer", [ints], "int64 default", imputed_value_int64s=[3])


def normalizer(c):
    for norm in ["MAX", "L1", "L2"]:
        for kind in ["float32", "float64"]:
            for label, values in {
                "": None,
                "missing": given(NAN, 1, 2, -3, 1, NAN, 2, -1, 4, NAN, -INF, 1, INF),
                "negative": given(-1.5, -2, -3, -0.5, 0, -0.0, -1e-3),
                "zeros": given(0, -0.0, 0, -0.0, -0.0, -0.0),
                "extremes": given(1e30, -1e30, 1e-30, 1e38, 3e38, 1e-44, -1e-44),
            }.items():
                ml(c, "Normalizer", [Input(kind, (3,), values)], f"{kind} {norm} {label}", norm=norm)
        for kind in INTS:
            least, most = np.iinfo(TYPES[kind][0]).min, np.iinfo(TYPES[kind][0]).max
            ml(c, "Normalizer", [Input(kind, (3,))], f"{kind} {norm}", norm=norm)
            ml(c, "Normalizer", [Input(kind, (3,), given(most, least, 5, 100_003, -70_001, 0, 0, 0))],
               f"{kind} {norm} extremes", norm=norm)
        ml(c, "Normalizer", [Input("float32", (33,))], f"float32 {norm} wide", norm=norm)
        ml(c, "Normalizer", [Input("float32", (1,))], f"float32 {norm} one column", norm=norm)
    ml(c, "Normalizer", [Input("float32", (3,))], "float32 default")


def binarizer(c):
    values = given(0, -0.0, 1, 0.5, 0.50000006, -INF, INF, -1)
    ml(c, "Binarizer", [Input("float32", (3,), values)], "float32", threshold=0.5)
    ml(c, "Binarizer", [Input("float32", (3,), values)], "float32 default")
    ml(c, "Binarizer", [Input("float32", (3,), values)], "float32 NaN", threshold=NAN)
    ml(c, "Binarizer", [Input("float32", (), values)], "float32 flat", threshold=-0.5)


TEXTS = ["a", "b", "", "A", "ä", "a ", "long enough not to be kept inside the string itself", "1"]
KEYS = {
    "string": (TEXTS[1:6] + ["b"], TEXTS),
    "int64": ([1, -2, 2**62 + 1, -(2**63), 0, 1], [1, 0, -2, 2**62, 2**62 + 1, -(2**63), 7]),
    "float32": ([1.5, NAN, 0.0, -INF, 0.1, 1.5], [1.5, NAN, -0.0, 0.0, INF, -INF, 0.1, 7]),
    "float64": ([1.5, NAN, 0.0, -INF, 0.1, 1.5], [1.5, NAN, -0.0, 0.0, INF, -INF, 0.1, 0.1 + 1e-16, 7]),
}
VALUES = {
    "string": ["x", "", "ü", "z", "y", "w"],
    "int64": [10, -20, 2**62 + 1, 0, 5, 6],
    "float32": [0.1, NAN, -INF, -0.0, 5.0, 6.0],
    "float64": [0.1, NAN, -INF, 1e300, 5.0, 6.0],
}
LISTS = {"string": "strings", "int64": "int64s", "float32": "floats"}
DEFAULTS = {"string": ("default_string", "?"), "int64": ("default_int64", -7), "float32": ("default_float", 2.5)}


def label_encoder(c):
    classes = ["a", "b", "", "a"]
    texts, numbers = Input("string", (2,), given(*TEXTS)), Input("int64", (2,), given(0, 1, 3, 4, -1, 2**40))
    for label, argument in [("string", texts), ("int64", numbers)]:
        ml(c, "LabelEncoder", [argument], f"{label} classes", classes_strings=classes)
        ml(c, "LabelEncoder", [argument], f"{label} classes and defaults", classes_strings=classes,
           default_string="none", default_int64=9)
    for version in [2, 3, 4, 5]:
        for key in LISTS:
            for value in LISTS if version in (2, 4) else [key]:
                keys, rows = KEYS[key]
                lists = {f"keys_{LISTS[key]}": keys, f"values_{LISTS[value]}": VALUES[value]}
                argument = Input(key, (2,), given(*rows))
                ml(c, "LabelEncoder", [argument], f"{key} to {value} lists", version, **lists)
                name, default = DEFAULTS[value]
                if version in (2, 4):
                    ml(c, "LabelEncoder", [argument], f"{key} to {value} default", version, **lists, **{name: default})
    for key in KEYS:
        for value in VALUES:
            keys, rows = KEYS[key]
            tensors = {"keys_tensor": tensor("k", key, keys), "values_tensor": tensor("v", value, VALUES[value])}
            argument = Input(key, (2,), given(*rows))
            ml(c, "LabelEncoder", [argument], f"{key} to {value} tensors", 4, **tensors)
            tensors["default_tensor"] = tensor("d", value, VALUES[value][:1])
            ml(c, "LabelEncoder", [argument], f"{key} to {value} tensors and default", 4, **tensors)
    ml(c, "LabelEncoder", [Input("string", (), given(*TEXTS))], "string flat", 2,
       keys_strings=["a", "b"], values_int64s=[3, 4])
    ml(c, "LabelEncoder", [texts], "string to double by list and tensor", 4,
       keys_strings=["a", "b"], values_tensor=tensor("v", "float64", [1.5, 2.5]), default_float=3.0)
    ml(c, "LabelEncoder", [texts], "string all defaults", 4, keys_strings=["a", "b"], values_int64s=[3, 4],
       default_float=3.0, default_int64=8, default_string="x", default_tensor=tensor("d", "int64", [6]))


def one_hot_encoder(c):
    for zeros in [{}, {"zeros": 1}, {"zeros": 7}]:
        label = f"zeros {zeros.get('zeros', 'default')}"
        ml(c, "OneHotEncoder", [Input("string", (2,), given(*TEXTS))], f"string {label}",
           cats_strings=["b", "", "a", "ä", "b"], **zeros)
        ml(c, "OneHotEncoder", [Input("int64", (2,), given(*KEYS["int64"][1]))], f"int64 {label}",
           cats_int64s=[1, -2, 2**62 + 1, 0, 1], **zeros)
        for kind in ["float32", "float64"]:
            rows = given(1.9, -1.9, 0.5, -0.5, NAN, INF, -INF, 1e30, 2**40, 7)
            ml(c, "OneHotEncoder", [Input(kind, (2,), rows)], f"{kind} {label}",
               cats_int64s=[1, -1, 0, -(2**63), 2**40], **zeros)
    ml(c, "OneHotEncoder", [Input("string", (2,), given("a", "b", ""))], "string all known",
       cats_strings=["b", "", "a"], zeros=0)
    ml(c, "OneHotEncoder", [Input("int64", (2,), given(5, -2, 2**62))], "int64 all known",
       cats_int64s=[-2, 2**62, 5], zeros=0)
    ml(c, "OneHotEncoder", [Input("string", (), given(*TEXTS))], "string flat", cats_strings=["b", "", "a"])
    ml(c, "OneHotEncoder", [Input("int64", (2, 2), given(1, 2, 3))], "int64 rank 3", cats_int64s=[1, 2])
    for columns in [[3], 1, -2, [-1, 0], [[2], [1]]]:
        encoders_after(c, "Gather", columns, axis=1)
    encoders_after(c, "Gather", [1], axis=-1)
    for columns in [[3, 0], 2, [[1], [3]]]:
        encoders_after(c, "ArrayFeatureExtractor", columns)
    encoders_after(c, "Cast", None, to=TensorProto.STRING)


def encoders_after(c, op, columns, **attributes):
    """Encoders behind what exporters put before them."""
    for kind in ["string"] if columns is not None else ["int32", "int64", "bool"]:
        source = Input(kind, (4,), {"string": given(*TEXTS), "bool": None}.get(kind, given(-10, 7, 0, 12, 7, 3, 4)))
        categories = ["7", "a", "-10", "007", "1", "+7", "", "0", "-0", "9223372036854775808", "7"]
        initialisers = [] if columns is None else [numpy_helper.from_array(np.array(columns), "columns")]
        picking = helper.make_node(op, ["in0"] + [t.name for t in initialisers], ["picked"],
                                   domain=ML if op == "ArrayFeatureExtractor" else "", **attributes)
        for encoder, version, tables in [
            ("OneHotEncoder", 1, {"cats_strings": categories}),
            ("LabelEncoder", 2, {"keys_strings": categories, "values_int64s": list(range(len(categories)))}),
        ]:
            encoding = helper.make_node(encoder, ["picked"], ["out0"], domain=ML, **tables)
            label = f"{kind} after {op} {columns} {attributes.get('axis', '')}".replace("None", "").strip()
            graph(c, f"{encoder} {label}", encoder, ML, "string", sorted(tables), [picking, encoding], {"in0": source},
                  initialisers, version)


def graph(c, title, op, domain, kind, attributes, nodes, inputs, initialisers, version=1):
    """A case of several nodes."""
    rng = np.random.default_rng(len(title))
    feeds = {name: source.rows(rng) for name, source in inputs.items()}
    declared = [helper.make_tensor_value_info(name, TYPES[source.kind][1], ["N", *source.row_shape])
                for name, source in inputs.items()]
    untyped = ValueInfoProto(name="out0")
    model = c.model(helper.make_graph(nodes, op, declared, [untyped], initialisers), 18)
    model.opset_import.append(helper.make_opsetid(ML, version))
    (result,) = session(model).run(None, feeds)
    model.graph.output[0].CopyFrom(
        helper.make_tensor_value_info("out0", helper.np_dtype_to_tensor_dtype(result.dtype), ["N", *result.shape[1:]]))
    c.record(title, op, domain, kind, attributes, model, feeds, {"out0": result})


def array_feature_extractor(c):
    for kind in ["float32", "float64", "int32", "int64", "string"]:
        source = Input(kind, (4,), given(*TEXTS) if kind == "string" else None)
        for label, indices in [("several", np.array([3, 0, 3])), ("one", np.array(2)), ("matrix", np.array([[1], [2]]))]:
            ml(c, "ArrayFeatureExtractor", [source, indices], f"{kind} {label}")
        ml(c, "ArrayFeatureExtractor", [Input(kind, (2, 3)), np.array([1])], f"{kind} rank 3")
        # Labels named by class numbers, as scikit-learn's classifiers end.
        labels = np.array(TEXTS[:4], object) if kind == "string" else np.array([10, 20, -30, 40], TYPES[kind][0])
        for shape in [(4,), (1, 4)]:
            nodes = [
                helper.make_node("ArrayFeatureExtractor", ["labels", "in0"], ["named"], domain=ML),
                helper.make_node("Reshape", ["named", "flat"], ["out0"]),
            ]
            initialisers = [numpy_helper.from_array(labels.reshape(shape), "labels"),
                            numpy_helper.from_array(np.array([-1]), "flat")]
            graph(c, f"ArrayFeatureExtractor {kind} labels {len(shape)}", "ArrayFeatureExtractor", ML, kind, [], nodes,
                  {"in0": Input("int64", (), given(0, 3, 2, 2, 1))}, initialisers)


def feature_vectorizer(c):
    for kind in NUMBERS:
        extremes = Input(kind, (1,), None if kind.startswith("float") else given(2**31 - 1, -(2**31), 2**24 + 1))
        ml(c, "FeatureVectorizer", [Input(kind, (2,)), extremes, Input(kind, (3,))], kind, inputdimensions=[2, 1, 3])
    ml(c, "FeatureVectorizer", [Input("float32", (2,))], "float32 alone", inputdimensions=[2])


def category_mapper(c):
    repeated = {"cats_strings": ["a", "b", "a", ""], "cats_int64s": [7, 3, 9, 3]}
    for version in [1, 5]:
        texts, numbers = Input("string", (2,), given(*TEXTS)), Input("int64", (2,), given(7, 3, 9, 2**40, -1, 0))
        ml(c, "CategoryMapper", [texts], "string", version, **repeated)
        ml(c, "CategoryMapper", [numbers], "int64", version, **repeated)
        ml(c, "CategoryMapper", [texts], "string default", version, **repeated, default_int64=-4)
        ml(c, "CategoryMapper", [numbers], "int64 default", version, **repeated, default_string="")
        ml(c, "CategoryMapper", [Input("string", (), given(*TEXTS))], "string flat", version, **repeated)


def string_normalizer(c):
    texts = given("aB", "Çé", "ß", "ſ", "İ", "ı", "ǅ", "Σςσ", "ﬁ", "ŉ", "\u212a", "Å", "ΐ", "𐐀𐐨", "", "Ա",
                  "ÿ", "ᾳᾼ", "ა", "Ა", "ꭰ", "Ꭰ", "ẞ", "ǰ", "straße 12")
    for locale in ["C", "POSIX", "C.UTF-8"]:
        for action in ["LOWER", "UPPER", "NONE"]:
            for start in range(0, 25, 12):
                rows = (lambda start: lambda r, s: np.resize(np.roll(texts(r, (25,)), -start), s))(start)
                c.one("StringNormalizer", [Input("string", (), rows)], f"string {locale} {action} {start}", 18, 1,
                      {"case_change_action": action, "is_case_sensitive": start % 24 // 12, "locale": locale})
    c.one("StringNormalizer", [Input("string", (), texts)], "string default", 18, 1, {})
    c.one("StringNormalizer", [Input("string", (), texts)], "string default", 11, 1, {})


def casts(c):
    numbers = given(0, -0.0, 1, -1.5, 0.1, 1 / 3, 1e-5, 1e-4, 123456789, 12345678.5, 99999999.5, 1e7, 1e20, 1e-40,
                    NAN, INF, -INF, 2.5, 100, 1e15, 1234567.891, -123456.78125, 0.1 + 0.2, 1e-10)
    for opset in [11, 13, 19, 22]:
        for kind in ["float32", "float64"]:
            c.one("Cast", [Input(kind, (2,), numbers)], f"{kind} to string", opset, 1, {"to": TensorProto.STRING})
    for opset in [11, 22]:
        for kind in INTS + ["bool", "string"]:
            limits = np.iinfo(TYPES[kind][0]) if kind in INTS else None
            rows = given(0, 1, -1, 120, limits.min, limits.max) if limits else None
            c.one("Cast", [Input(kind, (2,), rows)], f"{kind} to string", opset, 1, {"to": TensorProto.STRING})
        floats = ["1", "-1.5", "+.5", " 1e3", "1x", "5.", "nan", "-INF", "infinity", "1e", "0x", "1,5", "  -0",
                  "16777217", "1e39", "3.4028236e38", "1e-46", "007", "\t2", "NaN(1)", "4e1q"]
        integers = ["1", "-1", "+7", " 12 ", "1.9", "-1e3", "2147483648", "4294967296", "9223372036854775807",
                    "-9223372036854775808", "0x1", "00", "-0", "1_0"]
        for kind, texts in [("float32", floats), ("float64", floats), ("int32", integers), ("int64", integers),
                            ("bool", integers)]:
            c.one("Cast", [Input("string", (2,), given(*texts))], f"string to {kind}", opset, 1, {"to": TYPES[kind][1]})


def strings(c):
    """Strings through the operators that move values about."""
    text = lambda *shape: Input("string", shape, given(*TEXTS))
    old, new = range(11, 13), range(13, 23)
    both_ends(c, "Identity", [text(2)], "string")
    both_ends(c, "Concat", [text(2), text(3)], "string", axis=1)
    both_ends(c, "Concat", [text(2, 2), text(2, 1)], "string last", axis=-1)
    both_ends(c, "Flatten", [text(2, 3)], "string")
    both_ends(c, "Flatten", [text(2, 3)], "string axis", axis=1)
    both_ends(c, "Reshape", [text(2, 3), np.array([-1, 6])], "string")
    both_ends(c, "Reshape", [text(6), np.array([0, 2, 3])], "string copying")
    both_ends(c, "Reshape", [text(1), np.array([-1])], "string flat")
    both_ends(c, "Reshape", [text(6), np.array([-1, 3, 2])], "string allowzero", range(14, 23), allowzero=0)
    both_ends(c, "Transpose", [text(2, 3)], "string", perm=[0, 2, 1])
    both_ends(c, "Squeeze", [text(1, 3)], "string", old, axes=[1])
    both_ends(c, "Squeeze", [text(3, 1), np.array([-1])], "string", new)
    both_ends(c, "Unsqueeze", [text(3)], "string", old, axes=[1])
    both_ends(c, "Unsqueeze", [text(), np.array([1])], "string", new)
    both_ends(c, "Slice", [text(5), np.array([1]), np.array([4]), np.array([1])], "string")
    both_ends(c, "Slice", [text(5), np.array([0]), np.array([5]), np.array([1]), np.array([2])], "string steps")
    for opset, attributes in [(11, {"split": [2, 3]}), (12, {"split": [2, 3]})]:
        c.one("Split", [text(5)], "string", opset, 2, {"axis": 1} | attributes)
    for opset in [13, 22]:
        c.one("Split", [text(5), np.array([2, 3])], "string sizes", opset, 2, {"axis": 1})
    c.one("Split", [text(4)], "string even", 22, 2, {"axis": 1, "num_outputs": 2})
    both_ends(c, "Gather", [text(5), np.array([3, 0, -1])], "string columns", axis=1)
    both_ends(c, "Gather", [text(5), np.array(2)], "string one column", axis=1)
    ids = lambda shape: Input("int64", shape, given(0, 3, 2, -1))
    both_ends(c, "Gather", [np.array(TEXTS[:4], object), ids(())], "string table", axis=0)
    both_ends(c, "GatherElements", [text(4), ids((2,))], "string", axis=1)
    both_ends(c, "Expand", [text(1), np.array([1, 3])], "string")
    both_ends(c, "Tile", [text(2), np.array([1, 2])], "string")
    for opset in [11, 16, 22]:
        c.one("Where", [Input("bool", (2,)), text(2), Input("string", (2,))], "of string", opset, 1, {})
        c.one("Where", [Input("bool", (1,)), text(2), np.array("none", object)], "of string broadcast", opset, 1, {})
    both_ends(c, "Equal", [text(2), Input("string", (2,))], "string", range(19, 23))
    both_ends(c, "Equal", [text(2), np.array(["a", ""], object)], "string by a row", range(19, 23))


def constants(c):
    """Constant in the forms that have no tensor; behind a Where that makes it follow the batch."""
    for name, kind, value in [
        ("value_float", "float32", 2.5), ("value_floats", "float32", [NAN, -0.0, 3.5]),
        ("value_int", "int64", 2**40), ("value_ints", "int64", [1, 0, -7]),
        ("value_string", "string", "ä"), ("value_strings", "string", ["a", "", "c"]),
        ("value", "string", helper.make_tensor("v", TensorProto.STRING, [3], ["a", "", "ü"])),
    ]:
        nodes = [
            helper.make_node("Constant", [], ["c"], **{name: value}),
            helper.make_node("Where", ["in0", "c", "in1"], ["out0"]),
        ]
        graph(c, f"Constant {kind} {name}", "Constant", "", kind, [name], nodes,
              {"in0": Input("bool"), "in1": Input(kind)}, [])


# Refusals ----------------------------------------------------------------------------------------


def refused():
    """Graphs that must not load, or not score, each with a part of the error. Those with rows do load, and fail in
    ONNX Runtime too; of the others it takes some in another meaning than a stream's batches have."""
    cases = []

    def case(error, op, arguments, version=1, domain=ML, rows=False, out="float32", out_shape=None, **attributes):
        inputs = [a for a in arguments if isinstance(a, Input)]
        names = [f"in{i}" for i in range(len(arguments))]
        node = helper.make_node(op, names, ["out0"], domain=domain, **attributes)
        declared = [helper.make_tensor_value_info(n, TYPES[a.kind][1], ["N", *a.row_shape])
                    for n, a in zip(names, arguments) if isinstance(a, Input)]
        constants = [numpy_helper.from_array(a, n) for n, a in zip(names, arguments) if not isinstance(a, Input)]
        shape = out_shape if out_shape is not None else [*inputs[0].row_shape]
        result = helper.make_tensor_value_info("out0", TYPES[out][1], ["N", *shape])
        model = Cases.model(helper.make_graph([node], op, declared, [result], constants), 18)
        model.opset_import.append(helper.make_opsetid(ML, version))
        entry = {"title": f"{op}: {error}", "error": error, "model": model.SerializeToString(deterministic=True)}
        if rows:
            feeds = {n: a.rows(np.random.default_rng(1)) for n, a in zip(names, arguments) if isinstance(a, Input)}
            try:
                session(model).run(None, feeds)
            except Exception:
                entry["inputs"] = {n: tensor_json(v) for n, v in feeds.items()}
            else:
                raise AssertionError(f"ONNX Runtime scores {entry['title']}")
        entry["model"] = base64.b64encode(entry["model"]).decode()
        cases.append(entry)

    floats, ints, texts = Input("float32", (2,)), Input("int64", (2,)), Input("string", (2,))
    flat = Input("float32", ())
    nan = Input("float32", (2,), given(1, NAN))

    case("`imputed_value_floats` of Imputer has 3 values for 2 columns", "Imputer", [floats],
         imputed_value_floats=[1.0, 2.0, 3.0])
    case("Imputer has neither attribute `imputed_value_floats`", "Imputer", [floats])
    case("Imputer has both attributes `imputed_value_floats` and `imputed_value_int64s`", "Imputer", [floats],
         imputed_value_floats=[1.0], imputed_value_int64s=[1])
    case("Imputer has `imputed_value_int64s` for a tensor of F32", "Imputer", [floats], imputed_value_int64s=[1])
    case("attribute `imputed_value_floats` of Imputer is not of kind floats", "Imputer", [floats],
         imputed_value_floats=[1])
    case("Imputer takes a matrix of rows and columns here", "Imputer", [flat], imputed_value_floats=[1.0, 2.0])

    case("`norm` of Normalizer is `L3`", "Normalizer", [floats], norm="L3")
    case("Normalizer takes a matrix of rows and columns here", "Normalizer", [flat], norm="L2")

    case("Binarizer has no result for NaN", "Binarizer", [nan], rows=True, threshold=0.5)
    case("`threshold` of Binarizer is not of kind float", "Binarizer", [floats], threshold=1)

    words = dict(keys_strings=["a", "b"])
    case("`values_int64s` of LabelEncoder has 1 values where 2 are needed", "LabelEncoder", [texts], 2,
         out="int64", **words, values_int64s=[1])
    case("LabelEncoder has none of the attributes `keys_floats`", "LabelEncoder", [texts], 2, out="int64",
         values_int64s=[1])
    case("LabelEncoder has both attributes `keys_strings` and `keys_int64s`", "LabelEncoder", [texts], 2,
         out="int64", **words, keys_int64s=[1, 2], values_int64s=[1, 2])
    case("LabelEncoder has keys of String for a tensor of I64", "LabelEncoder", [ints], 2,
         out="int64", **words, values_int64s=[1, 2])
    case("LabelEncoder of ai.onnx.ml 2 has no attribute `classes_strings`", "LabelEncoder", [texts], 2,
         out="int64", classes_strings=["a"])
    case("LabelEncoder of ai.onnx.ml 1 has no attribute `keys_strings`", "LabelEncoder", [texts], 1,
         out="int64", **words, values_int64s=[1, 2])
    case("LabelEncoder of ai.onnx.ml 3 has no attribute `default_tensor`", "LabelEncoder", [texts], 3,
         out="int64", **words, values_int64s=[1, 2], default_tensor=tensor("d", "int64", [1]))
    case("`default_tensor` of LabelEncoder has 2 values where 1 are needed", "LabelEncoder", [texts], 4,
         out="int64", **words, values_int64s=[1, 2], default_tensor=tensor("d", "int64", [1, 2]))
    case("`default_tensor` of LabelEncoder is not of the type of `values_int64s`", "LabelEncoder", [texts], 4,
         out="int64", **words, values_int64s=[1, 2], default_tensor=tensor("d", "float32", [1]))
    case("attribute `values_tensor` of LabelEncoder is no list of values", "LabelEncoder", [texts], 4, out="int64",
         **words, values_tensor=helper.make_tensor("v", TensorProto.INT64, [1, 2], [1, 2]))
    case("LabelEncoder from the type of `keys_floats` to that of `values_tensor` is not supported yet", "LabelEncoder",
         [floats], 4, out="float64", keys_floats=[1.0], values_tensor=tensor("v", "float64", [1]))
    case("LabelEncoder has no attribute `classes_strings`", "LabelEncoder", [texts], 1, out="int64")

    case("OneHotEncoder has `cats_int64s` for a tensor of String", "OneHotEncoder", [texts], out_shape=[2, 1],
         cats_int64s=[1])
    case("OneHotEncoder has `cats_strings` for a tensor of I64", "OneHotEncoder", [ints], out_shape=[2, 1],
         cats_strings=["1"])
    case("OneHotEncoder has both attributes", "OneHotEncoder", [ints], out_shape=[2, 1], cats_strings=["1"],
         cats_int64s=[1])
    case("OneHotEncoder has neither attribute", "OneHotEncoder", [ints], out_shape=[2, 1])
    case('\"c\" is no category of OneHotEncoder', "OneHotEncoder", [texts], rows=True, out_shape=[2, 2],
         cats_strings=["a", "b"], zeros=0)
    case("77 is no category of OneHotEncoder", "OneHotEncoder", [Input("int64", (2,), given(3, 77))], rows=True,
         out_shape=[2, 2], cats_int64s=[3, 5], zeros=0)

    case("index 2 of ArrayFeatureExtractor is out of range", "ArrayFeatureExtractor", [floats, np.array([2])],
         out_shape=[1])
    case("index -1 of ArrayFeatureExtractor is out of range", "ArrayFeatureExtractor", [floats, np.array([-1])],
         out_shape=[1])
    case("ArrayFeatureExtractor has no indices", "ArrayFeatureExtractor", [floats, np.array([], np.int64)],
         out_shape=[0])
    case("ArrayFeatureExtractor takes indices of int64", "ArrayFeatureExtractor", [floats, np.array([1], np.int32)],
         out_shape=[1])

    case("`inputdimensions` of FeatureVectorizer says 3 for an input of 2 columns", "FeatureVectorizer", [floats],
         out_shape=[3], inputdimensions=[3])
    case("`inputdimensions` of FeatureVectorizer has 1 values where 2 are needed", "FeatureVectorizer",
         [floats, floats], out_shape=[4], inputdimensions=[4])
    case("`inputdimensions` of FeatureVectorizer has the length -1", "FeatureVectorizer", [floats], out_shape=[1],
         inputdimensions=[-1])
    case("FeatureVectorizer takes inputs of one element type", "FeatureVectorizer", [floats, ints], out_shape=[4],
         inputdimensions=[2, 2])
    case("FeatureVectorizer takes a matrix of rows and columns here", "FeatureVectorizer", [flat], out_shape=[1],
         inputdimensions=[1])

    case("`cats_int64s` of CategoryMapper has 1 values where 2 are needed", "CategoryMapper", [texts], out="int64",
         cats_strings=["a", "b"], cats_int64s=[1])
    case("CategoryMapper has no attribute `cats_strings`", "CategoryMapper", [texts], out="int64", cats_int64s=[1])

    normalizer = dict(domain="", out="string")
    case("operator StringNormalizer uses attribute `stopwords`", "StringNormalizer", [Input("string", ())],
         **normalizer, stopwords=["a"])
    case("StringNormalizer takes one string a row", "StringNormalizer", [texts], **normalizer,
         case_change_action="LOWER")
    case("`case_change_action` of StringNormalizer is `TITLE`", "StringNormalizer", [Input("string", ())],
         **normalizer, case_change_action="TITLE")

    case("Gather of lists of 2 strings", "Gather", [np.array(TEXTS, object).reshape(4, 2), ints], domain="", out="string",
         out_shape=[2, 2])
    case("An input that is a map is no column", "DictVectorizer", [texts], out_shape=[1], string_vocabulary=["a"])
    for text in ["", "abc", "1e400", "1e-400", "--1"]:
        case(f"Cast cannot read {json.dumps(text)}", "Cast", [Input("string", (2,), given("1", text))], domain="",
             rows=True, to=TensorProto.FLOAT)
    for text in ["", ".5", "nan", "9223372036854775808"]:
        case(f"Cast cannot read {json.dumps(text)}", "Cast", [Input("string", (2,), given("1", text))], domain="",
             rows=True, out="int64", to=TensorProto.INT64)
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (DATA / "refused_preprocessing.json").write_text("[\n" + lines + "\n]\n")


def main():
    c = Cases()
    for family in [scaler, imputer, normalizer, binarizer, label_encoder, one_hot_encoder, array_feature_extractor,
                   feature_vectorizer, category_mapper, string_normalizer, casts, strings, constants]:
        family(c)
    c.write("operators_preprocessing.json")
    refused()


if __name__ == "__main__":
    main()
