"""Cases of the operators of ai.onnx.ml that prepare features: scalers, imputers, encoders.

    models/train/.venv/bin/python models/tests/cases_preprocessing.py

writes models/tests/data/operators_preprocessing.json: one small graph a case, with inputs and ONNX Runtime's
outputs. A case is added together with the row of its operator's table in models/src/operators/ml.
"""

from make_models import NUMBERS, Cases, Input

ML = "ai.onnx.ml"


def scaler(c):
    for kind in NUMBERS:
        c.one("Scaler", [Input(kind, (3,))], f"{kind} by column", 18, 1,
              {"offset": [0.5, -1.0, 2.0], "scale": [2.0, 0.1, -3.0]}, ML, 1)
        c.one("Scaler", [Input(kind, (3,))], f"{kind} one for all", 18, 1, {"offset": [0.3], "scale": [1.7]}, ML, 1)


def main():
    c = Cases()
    scaler(c)
    c.write("operators_preprocessing.json")


if __name__ == "__main__":
    main()
