"""Trains an XGBoost regressor: by how many minutes will a flight that leaves its gate be late?

    models/train/setup.sh trees
    ~/.cache/millstream/venv/trees/bin/python models/train/flights_xgboost.py

Numbers only, missing ones as NaN, which XGBoost has a branch for. Writes models/trained/xgboost.onnx (X[N, 12] →
variable[N, 1]) and its reference rows.
"""

import onnxmltools
import xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

import flights
import trained


def main():
    train, test = flights.load()
    made = xgboost.XGBRegressor(
        n_estimators=120, max_depth=4, learning_rate=0.1, min_child_weight=50, objective="reg:absoluteerror",
        random_state=7, n_jobs=1,
    )  # fmt: skip
    made.fit(train.numbers, train.delay)
    delay = made.predict(test.numbers)
    flights.judge_delay(test.delay, delay)
    model = onnxmltools.convert_xgboost(
        made, initial_types=[("X", FloatTensorType([None, len(flights.NUMBERS)]))], target_opset=15
    )
    trained.save(
        "xgboost", trained.opened(model), {"X": test.numbers}, {"variable": delay.reshape(-1, 1)},
        "flights_xgboost.py", {"features": flights.NUMBERS},
    )  # fmt: skip


if __name__ == "__main__":
    main()
