"""Trains the fraud model on the feature rows that the fraud pipeline wrote.

    models/train/setup.sh trees
    millstream run samples/fraud/features.toml …      # writes features and truth as CSV files
    ~/.cache/millstream/venv/trees/bin/python models/train/fraud.py --rows samples/fraud/out/features \
        --columns transaction_id,card_id,ts,amount,…,is_fraud --output samples/fraud/fraud.onnx

The training rows are written by the same pipeline that scores later, so a feature has exactly the value that the
model meets in production. The split is by time: the model is judged on the last part of the stream, which it never
saw, as it will be when it is used.

The model is a LightGBM classifier behind scikit-learn's SimpleImputer and StandardScaler. All of it is in one ONNX
graph, so that raw feature values go in and one probability comes out:

    X[N, features] → Imputer → Scaler → TreeEnsembleClassifier → the probability of fraud → score[N, 1]

The names of the features are in the file's metadata (`features`), so that a pipeline binds columns by name.
Without --rows the script trains on made-up rows, for trying it out.
"""

import argparse
import csv
import json
import pathlib
import sys

import lightgbm
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
from skl2onnx import to_onnx, update_registered_converter
from skl2onnx.common.data_types import FloatTensorType
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from sklearn.impute import SimpleImputer
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import thresholds
from feature_rows import number, paths
from trained import settle

FEATURES = "amount,count_1m,spend_1m,count_10m,spend_10m,count_1h,spend_1h,seconds_since_previous,amount_to_mean"
OPSET = {"": 18, "ai.onnx.ml": 1}


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
    # Payments of one millisecond go by their values: in the files their order is that of the workers.
    order = np.lexsort([truth, *x.T, times])
    x, truth, times = x[order], truth[order], times[order]
    cut = int(len(x) * (1 - args.held_out))
    train_x, train_y = x[:cut], truth[:cut]
    test_x, test_y = x[cut:], truth[cut:]
    print(f"{cut} training rows up to {times[cut - 1]}, {train_y.sum()} of them fraud")
    print(f"{len(test_x)} held-out rows after it, {test_y.sum()} of them fraud")
    if train_y.sum() < 20 or test_y.sum() < 5:
        sys.exit("too few frauds to learn from: write more rows, or raise the generator's fraud-rate")

    train_x, train_y, kept = thinned(train_x, train_y, args.most_rows, args.seed)
    prepare = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    prepare.fit(train_x)
    thresholds.settle_scaler(prepare[-1])
    trees = lightgbm.LGBMClassifier(
        n_estimators=args.trees,
        num_leaves=args.leaves,
        learning_rate=args.rate,
        # Frauds are rare: without these a leaf of a few of them gets a value that the next trees chase.
        min_child_samples=200,
        min_child_weight=5,
        reg_lambda=10,
        random_state=args.seed,
        n_jobs=2,
        deterministic=True,
        force_row_wise=True,
        verbose=-1,
    )
    # Honest rows that were left out count through those that were kept.
    weight = np.where(train_y, args.fraud_weight, 1 / kept)
    trees.fit(prepare.transform(train_x), train_y.astype(np.int64), sample_weight=weight)
    thresholds.settle_lightgbm(trees)
    whole = make_pipeline(*[step for _, step in prepare.steps], trees)

    model = graph(whole, features)
    onnx.checker.check_model(model)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {"X": test_x})
    own = whole.predict_proba(test_x)[:, 1]
    drift = np.abs(scores[:, 0] - own).max()
    print(f"ONNX Runtime differs from LightGBM by {drift:.2g} at most")
    if drift > 1e-5:
        sys.exit("the export is not faithful")
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
    parser.add_argument(
        "--features", default=FEATURES, help="columns that the model takes, in order (default: %(default)s)"
    )
    parser.add_argument("--time", default="ts", help="column that orders the rows (default: %(default)s)")
    parser.add_argument(
        "--truth", default="is_fraud", help="column that holds the planted truth (default: %(default)s)"
    )
    parser.add_argument("--output", default="samples/fraud/fraud.onnx", help="default: %(default)s")
    parser.add_argument("--trees", type=int, default=80, help="default: %(default)s")
    parser.add_argument("--leaves", type=int, default=31, help="of a tree, at most (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=0.07, help="learning rate (default: %(default)s)")
    parser.add_argument(
        "--fraud-weight",
        type=float,
        default=1.0,
        help="what a fraud counts against an honest row; more finds more frauds and flags more honest rows (default: %(default)s)",
    )
    parser.add_argument(
        "--held-out", type=float, default=0.25, help="last part of the stream to judge on (default: %(default)s)"
    )
    parser.add_argument(
        "--most-rows", type=int, default=400_000, help="train on at most this many rows; frauds are all kept"
    )
    parser.add_argument(
        "--threshold", type=float, default=0.5, help="score that counts as fraud in the report (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


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


def graph(whole, features):
    """The pipeline as ONNX, with the probability of fraud as its only output."""
    update_registered_converter(
        lightgbm.LGBMClassifier,
        "LightGbmLGBMClassifier",
        calculate_linear_classifier_output_shapes,
        convert_lightgbm,
        options={"nocl": [True, False], "zipmap": [True, False, "columns"]},
    )
    model = to_onnx(
        whole,
        initial_types=[("X", FloatTensorType([None, len(features)]))],
        target_opset=OPSET,
        options={id(whole): {"zipmap": False}},
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array([1]), "fraud_column"))
    model.graph.node.append(helper.make_node("Gather", ["probabilities", "fraud_column"], ["score"], axis=1))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1]))
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("X", TensorProto.FLOAT, ["N", len(features)]))
    # The label and what leads to it alone.
    needed, nodes = {"score"}, []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            nodes.insert(0, node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    settle(model, "fraud")
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
