"""Prints how many rows of a file a second ONNX Runtime scores on one thread, as a line of JSON for each batch size.

    ~/.cache/millstream/venv/trees/bin/python models/bench/onnxruntime_rate.py MODEL.onnx FOLDER --batch 1,32,1024

scripts/bench-models.py calls it in turns with the example score_rows, which reads the same FOLDER: `0.bin` holds the
first input of the model, and so on, values in row order and in the tensor's type. `--rows FILE.parquet` writes it first,
from the columns `in.TENSOR`.

The inputs are NumPy arrays made before the clock starts; their packing is not counted. Two ways of calling are timed,
one after the other: `session.run`, as most programs do, and an I/O binding whose inputs and outputs were bound before,
which spares ONNX Runtime the allocation of its outputs. Every call scores the next rows of the file.
"""

import argparse
import itertools
import json
import pathlib
import time

import numpy as np
import onnxruntime as ort

KINDS = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}
# Batches that are cut in advance, as in score_rows.
MOST_BATCHES = 4096


def main():
    parser = argparse.ArgumentParser(description="Times ONNX Runtime; see the text at the top of this file.")
    parser.add_argument("model")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--batch", default="1,32,1024", help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=0.5, help="for each way of calling (default: %(default)s)")
    parser.add_argument("--rows", help="write FOLDER from this Parquet file and measure nothing")
    args = parser.parse_args()

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(args.model, options, providers=["CPUExecutionProvider"])
    unknown = [value.type for value in session.get_inputs() if value.type not in KINDS]
    if unknown:
        raise SystemExit(f"{args.model} takes {', '.join(unknown)}: only {', '.join(KINDS)} are measured")
    if args.rows:
        flatten(session, args.rows, args.folder)
        return
    inputs = {}
    for index, value in enumerate(session.get_inputs()):
        flat = np.fromfile(args.folder / f"{index}.bin", KINDS[value.type])
        inputs[value.name] = flat.reshape(-1, *value.shape[1:])
    rows = len(next(iter(inputs.values())))
    for batch in map(int, args.batch.split(",")):
        pieces = [
            {name: np.ascontiguousarray(value[start : start + batch]) for name, value in inputs.items()}
            for start in range(0, rows - batch + 1, batch)[:MOST_BATCHES]
        ]
        if not pieces:
            raise SystemExit(f"no batch of {batch} in the {rows} rows of {args.folder}")
        plain = rate(lambda piece: session.run(None, piece), pieces, batch, args.seconds)
        bindings = [bound(session, piece) for piece in pieces]
        binding = rate(session.run_with_iobinding, bindings, batch, args.seconds)
        print(json.dumps({"batch": batch, "run": round(plain, 1), "binding": round(binding, 1)}), flush=True)


def rate(call, pieces, batch, seconds):
    call(pieces[0])
    calls, following = 0, itertools.cycle(pieces)
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        for piece in itertools.islice(following, max(256 // batch, 1)):
            call(piece)
            calls += 1
    return calls * batch / (time.perf_counter() - start)


def bound(session, piece):
    binding = session.io_binding()
    for name, value in piece.items():
        binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(value))
    for output, value in zip(session.get_outputs(), session.run(None, piece)):
        # Exporters of trees declare a label of one row, on which ONNX Runtime then insists: such an output is left out.
        if all(not isinstance(side, int) or side == real for side, real in zip(output.shape, value.shape)):
            binding.bind_ortvalue_output(output.name, ort.OrtValue.ortvalue_from_numpy(value))
    return binding


def flatten(session, parquet, folder):
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    table = pq.read_table(parquet)
    for index, value in enumerate(session.get_inputs()):
        column = table[f"in.{value.name}"].combine_chunks()
        flat = column.flatten() if hasattr(column, "flatten") and "list" in str(column.type) else column
        flat.to_numpy().astype(KINDS[value.type]).tofile(folder / f"{index}.bin")


if __name__ == "__main__":
    main()
