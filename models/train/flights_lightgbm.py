"""Trains a LightGBM classifier: will a flight that leaves its gate arrive more than 15 minutes late?

    models/train/setup.sh trees
    ~/.cache/millstream/venv/trees/bin/python models/train/flights_lightgbm.py

Numbers only, missing ones as NaN, which LightGBM has a branch for. Writes models/trained/lightgbm.onnx (X[N, 12] →
label[N], probabilities[N, 2]) and its reference rows.
"""

import lightgbm
import numpy as np
import onnxmltools
from onnxmltools.convert.common.data_types import FloatTensorType

import flights
import thresholds
import trained


def main():
    train, test = flights.load()
    made = lightgbm.LGBMClassifier(
        n_estimators=120, num_leaves=15, learning_rate=0.1, min_child_samples=200, random_state=7, n_jobs=1,
        deterministic=True, force_row_wise=True, verbose=-1,
    )  # fmt: skip
    made.fit(train.numbers, train.late)
    thresholds.settle_lightgbm(made)
    probabilities = made.predict_proba(test.numbers)
    flights.judge_late(test.late, probabilities[:, 1])
    model = onnxmltools.convert_lightgbm(
        made, initial_types=[("X", FloatTensorType([None, len(flights.NUMBERS)]))], target_opset=15, zipmap=False
    )
    # `opened`: onnxmltools declares a label of one row.
    trained.save(
        "lightgbm", trained.opened(model), {"X": test.numbers},
        {"label": made.predict(test.numbers).astype(np.int64), "probabilities": probabilities.astype(np.float32)},
        "flights_lightgbm.py", {"features": flights.NUMBERS},
    )  # fmt: skip


if __name__ == "__main__":
    main()
