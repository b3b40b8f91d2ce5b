"""Compares scores that Millstream wrote with what ONNX Runtime gives for the same rows.

    models/train/.venv/bin/python models/train/check_scores.py --model samples/fraud/fraud.onnx \
        --rows 'out/scored/*' --columns transaction_id,amount,…,score

The rows are CSV, with a header line or with --columns. Features are found by the names in the model's metadata
(`features`), or by --features. Prints the largest absolute difference and fails if it exceeds --tolerance, or
if there is nothing to compare.
"""

import argparse
import csv
import json
import sys

import numpy as np
import onnx
import onnxruntime as ort

from feature_rows import number, paths


def main():
    parser = argparse.ArgumentParser(description="Compares scores with ONNX Runtime's; see the text at the top of this file.")
    parser.add_argument("--model", required=True, help="the .onnx file with one matrix as its input")
    parser.add_argument("--rows", required=True, help="CSV file, folder or glob of scored rows")
    parser.add_argument("--columns", help="names of the CSV columns, in order (default: the first line is a header)")
    parser.add_argument("--features", help="columns that form the matrix (default: the model's metadata)")
    parser.add_argument("--score", default="score", help="column that holds the score (default: %(default)s)")
    parser.add_argument("--output", help="output of the model that the score came from (default: the first)")
    parser.add_argument("--tolerance", type=float, default=1e-6, help="default: %(default)s")
    args = parser.parse_args()

    model = onnx.load(args.model)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    text = args.features or metadata.get("features")
    if not text:
        sys.exit(f"{args.model} does not name its features: give --features")
    features = json.loads(text) if text.lstrip().startswith("[") else [name.strip() for name in text.split(",")]
    session = ort.InferenceSession(args.model, providers=["CPUExecutionProvider"])
    names = [name.strip() for name in args.columns.split(",")] if args.columns else None

    worst, rows = 0.0, 0
    for path in paths(args.rows):
        x, scores = read(path, names, features, args.score)
        if not scores:
            continue
        wanted = session.run([args.output] if args.output else None, {session.get_inputs()[0].name: np.array(x, np.float32)})[0]
        wanted = wanted.reshape(len(scores), -1)[:, 0].astype(np.float64)
        got = np.array(scores, np.float64)
        differences = np.where(np.isnan(wanted) & np.isnan(got), 0.0, np.abs(wanted - got))
        differences = np.where(np.isnan(differences), np.inf, differences)
        at = int(differences.argmax())
        if differences[at] > args.tolerance:
            print(f"{path}: row {at + 1} has {got[at]!r}, ONNX Runtime gives {wanted[at]!r} for {dict(zip(features, x[at]))}")
        worst, rows = max(worst, float(differences[at])), rows + len(scores)
    if rows == 0:
        sys.exit("the files hold no rows")
    print(f"{rows} scores, largest difference {worst:.3g} (tolerance {args.tolerance:g})")
    if worst > args.tolerance:
        sys.exit(1)


def read(path, names, features, score):
    with open(path, newline="") as file:
        rows = csv.reader(file)
        columns = names or next(rows, None)
        if columns is None:
            return [], []
        missing = [name for name in [*features, score] if name not in columns]
        if missing:
            sys.exit(f"{path}: no column {', '.join(missing)}; it has {', '.join(columns)}")
        wanted, at = [columns.index(name) for name in features], columns.index(score)
        x, scores = [], []
        for row in rows:
            x.append([number(row[index]) for index in wanted])
            scores.append(number(row[at]))
        return x, scores


if __name__ == "__main__":
    main()
