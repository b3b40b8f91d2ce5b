"""Classifiers as exporters write them: maps of probabilities, shapes that are declared wrong, names that SQL dislikes.

    models/train/.venv/bin/python models/tests/cases_classifiers.py

writes models/tests/data/classifiers.json: one model a case, with inputs, ONNX Runtime's labels, and the pairs of class
label and probability that it gives for each row. Cases without pairs are ones that ONNX Runtime does not take either.
models/tests/data/external holds one of them twice: with its weights in a file of their own, and in one file.
"""

import base64
import json

import numpy as np
import onnx
from make_models import DATA, Cases, session, tensor_json
from onnx import TensorProto, helper, numpy_helper

ML = "ai.onnx.ml"
ROWS = 40


def classifier(classes, key, x="float_input", label="output_label", maps="output_probability", label_shape=("N",),
               batch="N", opsets=(("", 18), (ML, 3)), **attributes):
    """Three numbers to probabilities of as many classes: a softmax, and a ZipMap behind it."""
    rng = np.random.default_rng(classes)
    weights = {"w": rng.normal(0, 1, (3, classes)).astype(np.float32), "b": rng.normal(0, 1, classes).astype(np.float32)}
    nodes = [
        helper.make_node("Gemm", [x, "w", "b"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], [label], axis=1, keepdims=0),
        helper.make_node("ZipMap", ["probabilities"], [maps], name="zip", domain=ML, **attributes),
    ]
    pair = helper.make_map_type_proto(key, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    graph = helper.make_graph(
        nodes, "classifier",
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, [batch, 3])],
        [helper.make_tensor_value_info(label, TensorProto.INT64, label_shape),
         helper.make_value_info(maps, helper.make_sequence_type_proto(pair))],
        [numpy_helper.from_array(v, k) for k, v in weights.items()],
    )
    model = Cases.model(graph, 18)
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in opsets)
    return model


def cases():
    number, text = TensorProto.INT64, TensorProto.STRING
    flowers = ["setosa", "versicolor", "virginica"]
    yield "numbers in order", classifier(3, number, classlabels_int64s=[0, 1, 2])
    yield "numbers of any order", classifier(3, number, classlabels_int64s=[7, -1, 3])
    yield "texts", classifier(3, text, classlabels_strings=flowers)
    yield "texts with blanks", classifier(2, text, classlabels_strings=["not fraud", "fraud (confirmed)"])
    yield "one class", classifier(1, text, classlabels_strings=["yes"])
    yield "many classes", classifier(30, number, classlabels_int64s=list(range(30)))
    yield "label of shape [1]", classifier(3, text, label_shape=[1], classlabels_strings=flowers)
    yield "label of no shape", classifier(3, text, label_shape=None, classlabels_strings=flowers)
    yield "label of a wrong rank", classifier(3, text, label_shape=["N", 1], classlabels_strings=flowers)
    yield "unnamed batch", classifier(3, text, batch=None, classlabels_strings=flowers)
    yield "default domain twice", classifier(
        3, text, opsets=(("", 18), (ML, 3), ("ai.onnx", 18)), classlabels_strings=flowers)
    yield "TensorFlow's names", classifier(
        3, text, x="serving_default_x:0", label="StatefulPartitionedCall:0", maps="StatefulPartitionedCall:1",
        classlabels_strings=flowers)
    yield "names with blanks and points", classifier(
        3, text, x="model.input 1", label="the label", maps="class.probability", classlabels_strings=flowers)

    yield "refused: no labels", classifier(3, number)
    yield "refused: two lists of labels", classifier(
        3, number, classlabels_int64s=[0, 1, 2], classlabels_strings=flowers)
    yield "refused: fewer labels than columns", classifier(3, number, classlabels_int64s=[0, 1])
    yield "refused: a label twice", classifier(3, number, classlabels_int64s=[0, 1, 0])
    yield "refused: default domain not imported", classifier(
        3, text, opsets=((ML, 3),), classlabels_strings=flowers)
    yield "refused: domains disagree", classifier(
        3, text, opsets=(("", 18), ("ai.onnx", 11), (ML, 3)), classlabels_strings=flowers)


def external():
    """A classifier whose weights lie in a file beside it."""
    folder = DATA / "external"
    folder.mkdir(exist_ok=True)
    model = classifier(3, TensorProto.STRING, classlabels_strings=["setosa", "versicolor", "virginica"])
    onnx.save(model, folder / "iris.onnx", save_as_external_data=True, location="iris.weights", size_threshold=0)
    # The same in one file gives the same scores.
    onnx.save(onnx.load(folder / "iris.onnx"), folder / "iris_one_file.onnx")


def main():
    external()
    lines = []
    for title, model in cases():
        rng = np.random.default_rng(len(title))
        name = model.graph.input[0].name
        x = rng.normal(0, 2, (ROWS, 3)).astype(np.float32)
        case = {
            "title": title,
            "model": base64.b64encode(model.SerializeToString(deterministic=True)).decode(),
            "inputs": {name: tensor_json(x)},
        }
        try:
            label, maps = session(model).run(None, {name: x})
            case["label"] = [int(v) for v in label]
            case["pairs"] = [[[str(k), float(v)] for k, v in row.items()] for row in maps]
        except Exception as error:
            print(f"ONNX Runtime does not take '{title}': {str(error).splitlines()[0][:160]}")
        lines.append(json.dumps(case, separators=(",", ":")))
    (DATA / "classifiers.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"classifiers.json: {len(lines)} cases")


if __name__ == "__main__":
    main()
