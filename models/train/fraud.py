"""Trains the fraud model on the feature rows that the fraud pipeline wrote.

    millstream run samples/fraud/features.toml …      # writes features and truth as CSV files
    models/train/.venv/bin/python models/train/fraud.py --rows samples/fraud/out/features \
        --columns transaction_id,card_id,ts,amount,…,is_fraud --output samples/fraud/fraud.onnx

The training rows are written by the same pipeline that scores later, so a feature has exactly the value that the
model meets in production. The split is by time: the model is judged on the last part of the stream, which it never
saw, as it will be when it is used.

The model is a small multi-layer perceptron. All preprocessing is inside the ONNX graph, in plain ONNX operators, so
that raw feature values go in:

    X[N, features] → where NaN: 0 → sign(x) · log(1 + |x|) → (· − mean) / scale → dense + Relu … → Sigmoid → score[N, 1]

The names of the features are in the file's metadata (`features`), so that a pipeline binds columns by name.
Without --rows the script trains on made-up rows, for trying it out.
"""

import argparse
import csv
import glob
import json
import pathlib
import sys
import warnings

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neural_network import MLPClassifier

FEATURES = (
    "amount,count_1m,spend_1m,count_10m,spend_10m,count_1h,spend_1h,seconds_since_previous,amount_to_mean"
)
OPSET = 18


def main():
    args = arguments()
    features = [name.strip() for name in args.features.split(",") if name.strip()]
    if len(set(features)) != len(features):
        sys.exit("--features names a feature twice")
    if args.rows:
        times, x, truth = read(args, features)
    else:
        print("no --rows given: training on made-up rows")
        times, x, truth = made_up(features)
    order = np.argsort(times, kind="stable")
    x, truth, times = x[order], truth[order], times[order]
    cut = int(len(x) * (1 - args.held_out))
    train_x, train_y = x[:cut], truth[:cut]
    test_x, test_y = x[cut:], truth[cut:]
    print(f"{cut} training rows up to {times[cut - 1]}, {train_y.sum()} of them fraud")
    print(f"{len(test_x)} held-out rows after it, {test_y.sum()} of them fraud")
    if train_y.sum() < 20 or test_y.sum() < 5:
        sys.exit("too few frauds to learn from: write more rows, or raise the generator's fraud-rate")

    train_x, train_y, kept = thinned(train_x, train_y, args.most_rows, args.seed)
    prepared = squash(train_x)
    mean, scale = prepared.mean(axis=0), prepared.std(axis=0)
    scale[scale < 1e-6] = 1.0  # a feature that never changes
    layers = [int(width) for width in args.layers.split(",")]
    net = MLPClassifier(
        hidden_layer_sizes=layers,
        activation="relu",
        # Strong enough that weights stay small: large ones amplify the rounding of 32-bit floats
        # until two correct runtimes differ by more than a millionth.
        alpha=0.01,
        batch_size=512,
        learning_rate_init=2e-3,
        max_iter=args.epochs,
        early_stopping=True,
        n_iter_no_change=5,
        random_state=args.seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        net.fit((prepared - mean) / scale, train_y)
    # Leaving out honest rows raised the odds of fraud by 1 / kept; the last bias takes that back.
    net.intercepts_[-1] = net.intercepts_[-1] + np.log(kept)

    model = graph(net, mean, scale, features)
    onnx.checker.check_model(model)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {"X": test_x})
    own = net.predict_proba(((squash(test_x) - mean) / scale))[:, 1]
    drift = np.abs(scores[:, 0] - own).max()
    if drift > 1e-4:
        sys.exit(f"the exported graph differs from the trained net by {drift}")
    report(test_y, scores[:, 0], args.threshold)

    metadata = {
        "features": json.dumps(features),
        "trained_by": "models/train/fraud.py",
    }
    for key, value in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    output = pathlib.Path(args.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(model.SerializeToString(deterministic=True))
    reference = output.with_suffix(".reference.csv")
    write_reference(reference, features, test_x, test_y, scores[:, 0])
    print(f"wrote {output} ({output.stat().st_size} bytes) and {reference}")


def arguments():
    parser = argparse.ArgumentParser(description="Trains the fraud model; see the text at the top of this file.")
    parser.add_argument("--rows", help="CSV file, folder or glob of feature rows, as the pipeline wrote them")
    parser.add_argument("--columns", help="names of the CSV columns, in order (default: the first line is a header)")
    parser.add_argument("--features", default=FEATURES, help="columns that the model takes, in order (default: %(default)s)")
    parser.add_argument("--time", default="ts", help="column that orders the rows (default: %(default)s)")
    parser.add_argument("--truth", default="is_fraud", help="column that holds the planted truth (default: %(default)s)")
    parser.add_argument("--output", default="samples/fraud/fraud.onnx", help="default: %(default)s")
    parser.add_argument("--layers", default="32,16", help="widths of the hidden layers (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--held-out", type=float, default=0.25, help="last part of the stream to judge on (default: %(default)s)")
    parser.add_argument("--most-rows", type=int, default=400_000, help="train on at most this many rows; frauds are all kept")
    parser.add_argument("--threshold", type=float, default=0.5, help="score that counts as fraud in the report (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


def paths(pattern):
    if pathlib.Path(pattern).is_dir():
        pattern = f"{pattern}/**"
    found = sorted(
        path
        for path in glob.glob(pattern, recursive=True)
        if pathlib.Path(path).is_file() and not pathlib.Path(path).name.startswith((".", "_"))
    )
    if not found:
        sys.exit(f"no files match {pattern}")
    return found


def number(text):
    if text in ("", "NULL", "\\N"):
        return np.nan
    if text in ("true", "TRUE"):
        return 1.0
    if text in ("false", "FALSE"):
        return 0.0
    return float(text)


def read(args, features):
    names = [name.strip() for name in args.columns.split(",")] if args.columns else None
    times, x, truth = [], [], []
    for path in paths(args.rows):
        with open(path, newline="") as file:
            rows = csv.reader(file)
            columns = names or next(rows, None)
            if columns is None:
                continue
            missing = [name for name in [*features, args.time, args.truth] if name not in columns]
            if missing:
                sys.exit(f"{path}: no column {', '.join(missing)}; it has {', '.join(columns)}")
            at = {name: index for index, name in enumerate(columns)}
            wanted = [at[name] for name in features]
            time, label = at[args.time], at[args.truth]
            for line, row in enumerate(rows, start=1 if names else 2):
                if len(row) != len(columns):
                    sys.exit(f"{path}:{line}: {len(row)} values for {len(columns)} columns")
                try:
                    x.append([number(row[index]) for index in wanted])
                except ValueError as error:
                    sys.exit(f"{path}:{line}: {error}")
                times.append(row[time])
                truth.append(row[label] in ("true", "TRUE", "1"))
    if not x:
        sys.exit("the files hold no rows")
    return np.array(times), np.array(x, np.float32), np.array(truth, bool)


def made_up(features):
    rng = np.random.default_rng(1)
    n = 60_000
    truth = rng.random(n) < 0.02
    x = np.exp(rng.normal(2.5, 1.2, (n, len(features)))).astype(np.float32)
    x[truth] *= np.exp(rng.normal(1.5, 0.7, (truth.sum(), len(features)))).astype(np.float32)
    x[rng.random(n) < 0.03, 1 % len(features)] = np.nan  # a card's first payment has no predecessor
    times = np.array([f"{second:012d}" for second in range(n)])
    return times, x, truth


def thinned(x, truth, most, seed):
    """Keeps all frauds and a sample of the rest, if there are more rows than needed. Also returns the part of
    the rest that was kept."""
    if len(x) <= most:
        return x, truth, 1.0
    rng = np.random.default_rng(seed)
    frauds = np.flatnonzero(truth)
    rest = np.flatnonzero(~truth)
    sample = rng.choice(rest, min(max(most - len(frauds), len(rest) // 100, 1), len(rest)), replace=False)
    chosen = np.sort(np.concatenate([frauds, sample]))
    return x[chosen], truth[chosen], len(sample) / len(rest)


def squash(x):
    """What the graph does before it standardises."""
    x = np.where(np.isnan(x), np.float32(0), x).astype(np.float32)
    return (np.sign(x) * np.log(np.abs(x) + np.float32(1))).astype(np.float32)


def graph(net, mean, scale, features):
    """The net behind its preprocessing, as plain ONNX operators."""
    # In double: in single precision the order in which a runtime adds up products, and the last
    # digit of its logarithm, show in the sixth digit of a score.
    values = {
        "zero": np.array(0, np.float32),
        "one": np.array(1, np.float64),
        "mean": mean.astype(np.float64),
        "scale": scale.astype(np.float64),
    }
    nodes = [
        helper.make_node("IsNaN", ["X"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "X"], ["given"]),
        helper.make_node("Cast", ["given"], ["known"], to=TensorProto.DOUBLE),
        helper.make_node("Abs", ["known"], ["size"]),
        helper.make_node("Add", ["size", "one"], ["size_1"]),
        helper.make_node("Log", ["size_1"], ["log"]),
        helper.make_node("Sign", ["known"], ["sign"]),
        helper.make_node("Mul", ["sign", "log"], ["squashed"]),
        helper.make_node("Sub", ["squashed", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["layer_0"]),
    ]
    last = len(net.coefs_) - 1
    for index, (weights, bias) in enumerate(zip(net.coefs_, net.intercepts_)):
        values[f"weights_{index}"] = weights.astype(np.float64)
        values[f"bias_{index}"] = bias.astype(np.float64)
        nodes += [
            helper.make_node("MatMul", [f"layer_{index}", f"weights_{index}"], [f"product_{index}"]),
            helper.make_node("Add", [f"product_{index}", f"bias_{index}"], [f"sum_{index}"]),
        ]
        if index < last:
            nodes.append(helper.make_node("Relu", [f"sum_{index}"], [f"layer_{index + 1}"]))
    nodes += [
        helper.make_node("Cast", [f"sum_{last}"], ["logit"], to=TensorProto.FLOAT),
        helper.make_node("Sigmoid", ["logit"], ["score"]),
    ]
    made = helper.make_graph(
        nodes,
        "fraud",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["N", len(features)])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="millstream fraud.py")
    model.ir_version = 9
    return model


def report(truth, scores, threshold):
    """Prints how the held-out rows are judged, at the given threshold and at the one of the best F1."""
    print(
        f"held out: ROC AUC {roc_auc_score(truth, scores):.4f}, "
        f"average precision {average_precision_score(truth, scores):.4f}"
    )
    # Steps of a hundredth: a threshold that a person can write down.
    best = max(np.round(np.arange(0.01, 1.0, 0.01), 2), key=lambda step: f1(truth, scores >= step)[2])
    for name, at in [("", threshold), ("best F1, ", float(best))]:
        precision, recall, score = f1(truth, scores >= at)
        print(
            f"{name}score ≥ {at:.2f}: precision {precision:.3f}, recall {recall:.3f}, F1 {score:.3f} "
            f"({int((scores >= at).sum())} flagged)"
        )


def f1(truth, flagged):
    hits = int((truth & flagged).sum())
    precision = hits / max(int(flagged.sum()), 1)
    recall = hits / max(int(truth.sum()), 1)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-12)


def write_reference(path, features, x, truth, scores):
    """Some held-out rows, all kinds of scores among them, with what ONNX Runtime gives."""
    by_score = np.argsort(scores, kind="stable")
    chosen = np.unique(by_score[np.linspace(0, len(scores) - 1, min(500, len(scores))).astype(int)])
    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow([*features, "score"])
        for index in chosen:
            values = ["" if np.isnan(v) else repr(float(v)) for v in x[index]]
            out.writerow([*values, repr(float(scores[index]))])


if __name__ == "__main__":
    main()
