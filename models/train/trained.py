"""What the training scripts do with a model that is done: compare, name its features, save."""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from rows import write_rows

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "trained"
REFERENCE_ROWS = 1000
TOLERANCE = 1e-5
LARGEST = 1_000_000


def settle(model, name):
    """Gives what the exporters leave to chance, the graph's name and the order of the operator sets, one form."""
    model.graph.name = name
    opsets = sorted(model.opset_import, key=lambda opset: opset.domain)
    del model.opset_import[:]
    model.opset_import.extend(opsets)


def opened(model, batch="N"):
    """Gives every input and output a batch dimension of one name; some exporters leave it out or write 1."""
    for value in [*model.graph.input, *model.graph.output]:
        if value.type.HasField("tensor_type"):
            side = value.type.tensor_type.shape.dim[0]
            side.Clear()
            side.dim_param = batch
    return model


def with_vocabulary(model, name, words):
    """Lets the input `name`, ids from 1 up, take words: a LabelEncoder in front. Unknown words get id 0."""
    (old,) = [value for value in model.graph.input if value.name == name]
    sides = [side.dim_param or side.dim_value for side in old.type.tensor_type.shape.dim]
    element = old.type.tensor_type.elem_type
    ids, cast = f"{name}_ids", f"{name}_number"
    for node in model.graph.node:
        for index, value in enumerate(node.input):
            if value == name:
                node.input[index] = cast
    encoder = helper.make_node(
        "LabelEncoder", [name], [ids], domain="ai.onnx.ml",
        keys_strings=list(words), values_int64s=list(range(1, len(words) + 1)), default_int64=0,
    )  # fmt: skip
    first = [encoder, helper.make_node("Cast", [ids], [cast], to=element)]
    nodes = [*first, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    old.CopyFrom(helper.make_tensor_value_info(name, TensorProto.STRING, sides))
    if not any(opset.domain == "ai.onnx.ml" for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 2))
    return model


def save(family, model, inputs, outputs, script, metadata):
    """Writes models/trained/FAMILY.onnx and, for some of the rows, what the toolkit itself predicts.

    `inputs` and `outputs`: arrays by tensor, of all held-out rows; `outputs` come from the toolkit. Fails if ONNX
    Runtime gives anything else for the file.
    """
    settle(model, family)
    del model.metadata_props[:]
    for key, value in {**metadata, "trained_by": f"models/train/{script}"}.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value if isinstance(value, str) else json.dumps(value)
    onnx.checker.check_model(model)
    content = model.SerializeToString(deterministic=True)
    if len(content) > LARGEST:
        sys.exit(f"{family}: {len(content):,} bytes are too much for the repository: train a smaller model")
    newest = max((opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")), default=0)
    if newest > 22:
        sys.exit(f"{family}: operator set {newest} is newer than 22: export with an older one")
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    if sorted(names) != sorted(outputs):
        sys.exit(f"{family}: the file gives {', '.join(names)}, the script has {', '.join(outputs)}")
    for name, given in zip(names, session.run(names, inputs)):
        own = outputs[name]
        if given.shape != own.shape:
            sys.exit(f"{family}: {name} has the shape {given.shape} in ONNX Runtime and {own.shape} in the toolkit")
        if own.dtype.kind == "f":
            off = np.abs(given - own) / np.maximum(1, np.abs(own))
            print(f"{name}: ONNX Runtime differs from the toolkit by {off.max():.2g} at most, {len(own):,} rows")
            wrong = off.reshape(len(own), -1).max(1) > TOLERANCE
        else:
            wrong = (given != own).reshape(len(own), -1).any(1)
            print(f"{name}: ONNX Runtime differs from the toolkit in {wrong.sum()} of {len(own):,} rows")
        if wrong.any():
            sys.exit(
                f"{family}: {name} differs in {wrong.sum()} rows, the first is {int(wrong.argmax())}: the export is not faithful"
            )
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{family}.onnx"
    path.write_bytes(content)
    chosen = np.linspace(0, len(next(iter(inputs.values()))) - 1, REFERENCE_ROWS).astype(int)
    reference = FOLDER / f"{family}.reference.parquet"
    write_rows(reference, *({name: value[chosen] for name, value in part.items()} for part in (inputs, outputs)))
    print(f"wrote {path} ({len(content):,} bytes) and {reference}")
