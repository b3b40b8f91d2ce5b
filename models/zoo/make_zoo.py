"""Makes the model zoo: models as the common exporters write them, each with rows and what ONNX Runtime gives for them.

    make zoo
    models/train/setup.sh trees
    ~/.cache/millstream/venv/trees/bin/python models/zoo/make_zoo.py [--output FOLDER] [--only TEXT] [--rows N]

Writes into ${MILLSTREAM_CACHE:-~/.cache/millstream}/zoo, for every model:

    NAME.onnx       the model
    NAME.parquet    10,000 rows: a column `in.TENSOR` for every input, `out.TENSOR` for every output; a tensor of one
                    value a row is a plain column, a wider one a list column; the element type is the tensor's own

and `zoo.json`, which tells what each model is, why it is there, and by how much ONNX Runtime's own values for a row
differ when it is scored alone (`differs_by_batch`): nothing else can be expected to agree better than that.

A ZipMap's output is a list column of the values in the order of its classes. The `out.` columns are what ONNX Runtime
gave on one thread, all rows in one call.

The rows are realistic ones, values that hit a tree's thresholds exactly and miss them by one unit in the last place,
extreme values, and NaN where the model knows a way with it. Everything comes from fixed seeds: the same versions
(models/train/requirements/trees.txt) make the same zoo.
"""

import argparse
import hashlib
import json
import os
import pathlib
import sys
import time
import warnings

import numpy as np
import onnx
import onnxruntime as ort

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "train"))

import exported  # fills the registry
import raw  # likewise
from registry import MODELS
from rows import write_rows
from trained import settle

# Rows that are also scored alone.
ALONE = 256


def main():
    parser = argparse.ArgumentParser(description="Makes the model zoo; see the text at the top of this file.")
    cache = pathlib.Path(os.environ.get("MILLSTREAM_CACHE") or pathlib.Path.home() / ".cache" / "millstream")
    parser.add_argument("--output", type=pathlib.Path, default=cache / "zoo", help="default: %(default)s")
    parser.add_argument("--only", default="", help="only the models whose name contains this; the index stays as it is")
    parser.add_argument("--rows", type=int, default=10_000, help="rows a model (default: %(default)s)")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    args.output.mkdir(parents=True, exist_ok=True)
    begin, index, failed = time.monotonic(), [], []
    chosen = [entry for entry in MODELS if args.only in entry.name]
    if not chosen:
        sys.exit(f"no model has {args.only!r} in its name; see {args.output / 'zoo.json'}")
    for entry in chosen:
        start = time.monotonic()
        # A model's values depend on its name only, not on the models made before it.
        seed = int.from_bytes(hashlib.sha256(entry.name.encode()).digest()[:4], "little")
        try:
            model, inputs = entry.make(np.random.default_rng(seed), args.rows)
            settle(model, entry.name)
            index.append({**entry.facts(), **write(args.output, entry.name, model, inputs)})
        except Exception as error:  # the others are still worth having
            failed.append(entry.name)
            print(f"{entry.name}: {type(error).__name__}: {error}", file=sys.stderr)
            if os.environ.get("ZOO_TRACE"):
                raise
            continue
        print(f"{entry.name:<32} {index[-1]['bytes']:>10,} bytes {time.monotonic() - start:6.1f} s", flush=True)
    if not args.only:
        names = {item["name"] for item in index}
        for file in args.output.glob("*"):
            if file.suffix in (".onnx", ".parquet") and file.stem not in names:
                file.unlink()
        (args.output / "zoo.json").write_text(json.dumps(index, indent=1) + "\n")
    print(f"{len(index)} models in {args.output}, {time.monotonic() - begin:.0f} s")
    if failed:
        sys.exit(f"{len(failed)} models could not be made: {', '.join(failed)}")


def write(folder, name, model, inputs):
    """Runs the model and writes both files; gives what the index says about them."""
    content = model.SerializeToString(deterministic=True)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(inputs):
        values = zip(names, session.run(names, inputs))
        return {name: unzipped(model, name, value) if isinstance(value, list) else value for name, value in values}

    outputs = run(inputs)
    (folder / f"{name}.onnx").write_bytes(content)
    write_rows(folder / f"{name}.parquet", inputs, outputs)
    return {
        "opsets": {opset.domain or "ai.onnx": opset.version for opset in model.opset_import},
        "operators": sorted({node.op_type for node in model.graph.node}),
        "inputs": {value.name: f"{value.type}{shape(value)}" for value in session.get_inputs()},
        "outputs": {value.name: f"{value.type}{shape(value)}" for value in session.get_outputs()},
        "bytes": len(content),
        "differs_by_batch": max(
            difference(run({name: value[row : row + 1] for name, value in inputs.items()}), outputs, row)
            for row in range(min(ALONE, len(next(iter(inputs.values())))))
        ),
    }


def difference(alone, outputs, row):
    """How far a row's values, scored alone, are from those it has among all: relative above 1; infinite for labels."""
    largest = 0.0
    for name, value in alone.items():
        one, other = np.asarray(value).ravel(), np.asarray(outputs[name][row]).ravel()
        if one.dtype.kind != "f":
            largest = max(largest, 0.0 if (one == other).all() else np.inf)
            continue
        one, other = one.astype(np.float64), other.astype(np.float64)
        with np.errstate(invalid="ignore"):
            off = np.abs(one - other) / np.maximum(1, np.abs(other))
        off[(one == other) | (np.isnan(one) & np.isnan(other))] = 0
        largest = max(largest, float(np.nan_to_num(off, nan=np.inf).max()))
    return float(f"{largest:.2g}")


def shape(value):
    return f"[{', '.join('?' if side is None else str(side) for side in value.shape)}]"


def unzipped(model, name, maps):
    """What a ZipMap made, as a matrix again: a column a class, in the order the node names them."""
    (node,) = [node for node in model.graph.node if name in node.output]
    classes = next(
        onnx.helper.get_attribute_value(attribute)
        for attribute in node.attribute
        if attribute.name in ("classlabels_strings", "classlabels_int64s")
    )
    classes = [label.decode() if isinstance(label, bytes) else label for label in classes]
    return np.array([[row[label] for label in classes] for row in maps], np.float32)


if __name__ == "__main__":
    main()
