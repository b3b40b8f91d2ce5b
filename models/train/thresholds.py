"""Thresholds that mean the same in single precision.

Toolkits keep a tree's thresholds in double, ONNX files in single precision. The nearest single is often the next value
above: a row that holds exactly this value then takes the other branch, and its score is visibly wrong. The largest
single not above the threshold decides every single-precision value as the double does.
"""

import re

import lightgbm
import numpy as np


def at_most(values):
    """The largest float32 not above each value."""
    values = np.asarray(values, np.float64)
    near = values.astype(np.float32)
    return np.where(near > values, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float64)


def settle_lightgbm(estimator):
    """Rounds the thresholds of a trained LightGBM estimator; for float32 rows it predicts what it did."""

    def rounded(match):
        categorical = np.array([int(kind) & 1 for kind in match[2].split()], bool)
        values = np.array([float(value) for value in match[1].split()])
        values = np.where(categorical, values, at_most(values))
        return f"threshold={' '.join(repr(float(value)) for value in values)}\ndecision_type={match[2]}\n"

    text = estimator.booster_.model_to_string()
    text = re.sub(r"^threshold=(.*)\ndecision_type=(.*)\n", rounded, text, flags=re.MULTILINE)
    # The sizes of the trees' texts have changed; without this line LightGBM finds out for itself.
    text = re.sub(r"^tree_sizes=.*\n", "", text, flags=re.MULTILINE)
    estimator._Booster = lightgbm.Booster(model_str=text)
    return estimator


def settle_sklearn(trees):
    """Rounds the thresholds of trained scikit-learn trees, which compare single-precision values anyhow."""
    for tree in trees:
        inner = tree.tree_
        inner.threshold[:] = np.where(inner.feature >= 0, at_most(inner.threshold), inner.threshold)


def settle_scaler(scaler):
    """Rounds a StandardScaler's means to single precision and its scales to powers of two: then both steps are the
    same in single and in double precision, whether a runtime divides by the scale or multiplies by its inverse."""
    scaler.mean_ = scaler.mean_.astype(np.float32).astype(np.float64)
    scaler.scale_ = np.exp2(np.round(np.log2(scaler.scale_)))
    scaler.var_ = scaler.scale_**2
    return scaler
