"""Trains a scikit-learn pipeline: will a flight that leaves its gate arrive more than 15 minutes late?

    models/train/setup.sh trees
    ~/.cache/millstream/venv/trees/bin/python models/train/flights_sklearn.py

A ColumnTransformer imputes and scales the numbers and one-hot encodes carrier and origin; gradient boosting follows.
The whole pipeline is in the graph, with one input a column. Writes models/trained/sklearn.onnx (12 columns of numbers,
2 of strings → label[N], probabilities[N, 2]) and its reference rows.
"""

import numpy as np
import pandas
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import flights
import thresholds
import trained


def frame(rows):
    numbers = {name: rows.numbers[:, index] for index, name in enumerate(flights.NUMBERS)}
    return pandas.DataFrame({**numbers, **rows.words})


def main():
    train, test = flights.load()
    train = train.sample(60_000, seed=7)
    prepare = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), flights.NUMBERS),
            ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), flights.WORDS),
        ]
    )
    booster = GradientBoostingClassifier(
        n_estimators=100, max_depth=4, subsample=0.5, min_samples_leaf=50, random_state=7
    )
    # The parts are fitted apart, so that the scaler is settled before the trees choose their thresholds.
    prepare.fit(frame(train))
    thresholds.settle_scaler(prepare.named_transformers_["numbers"][-1])
    booster.fit(prepare.transform(frame(train)), train.late)
    thresholds.settle_sklearn(booster.estimators_.ravel())
    made = make_pipeline(prepare, booster)
    given = frame(test)
    probabilities = made.predict_proba(given)
    flights.judge_late(test.late, probabilities[:, 1])
    types = [(name, FloatTensorType([None, 1])) for name in flights.NUMBERS]
    types += [(name, StringTensorType([None, 1])) for name in flights.WORDS]
    model = to_onnx(
        made, initial_types=types, target_opset={"": 21, "ai.onnx.ml": 3}, options={id(made): {"zipmap": False}}
    )
    inputs = {name: test.numbers[:, index : index + 1] for index, name in enumerate(flights.NUMBERS)}
    inputs |= {name: test.words[name].reshape(-1, 1) for name in flights.WORDS}
    trained.save(
        "sklearn", trained.opened(model), inputs,
        {"label": made.predict(given).astype(np.int64), "probabilities": probabilities.astype(np.float32)},
        "flights_sklearn.py", {},
    )  # fmt: skip


if __name__ == "__main__":
    main()
