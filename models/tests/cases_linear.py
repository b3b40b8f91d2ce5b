"""Cases of LinearClassifier, LinearRegressor, SVMClassifier and SVMRegressor of ai.onnx.ml.

    models/train/.venv/bin/python models/tests/cases_linear.py

writes models/tests/data/operators_linear.json: one small graph a case, with inputs and ONNX Runtime's outputs. A
case is added together with the row of its operator's table in models/src/operators/ml.
"""

import numpy as np
from make_models import NUMBERS, Cases, Input, finite, missing

ML = "ai.onnx.ml"
TRANSFORMS = ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"]
INTS = {2: [5, -7], 3: [10, 20, 30], 6: [5, 4, 3, 2, 1, 0]}
STRINGS = {2: ["no", "yes"], 3: ["a", "b", "c"]}


def add(c, op, label, x, outputs, **attributes):
    c.one(op, [x], label, 18, outputs, attributes, ML, 1)


def drawn(seed, *shape):
    """Numbers of short decimals, so that the files stay small."""
    return [float(v) for v in np.random.default_rng(seed).normal(0, 1, shape).round(2).ravel()]


def halves(rng, shape):
    """Rows of the same few values: scores that are equal, or zero."""
    return rng.integers(-1, 2, shape) / 2


def unit(rng, shape):
    return rng.uniform(0, 1, shape)


# Scores between 0.8 and 1, or 0 and 0.2, for inputs between 0 and 1. Around 0.5 ONNX Runtime's PROBIT is a
# difference of nearly equal numbers, of which only five digits are right.
PROBABLE = {"coefficients": [0.06, 0.04, 0.05], "intercept": 0.81}
IMPROBABLE = {"coefficients": [0.03, 0.07, 0.02], "intercept": 0.05}


def probable(classes):
    chosen = [PROBABLE, IMPROBABLE, PROBABLE, IMPROBABLE, PROBABLE, IMPROBABLE][:classes]
    return sum((c["coefficients"] for c in chosen), []), [c["intercept"] for c in chosen]


def opposed(rng, shape):
    """Large terms that cancel, up to a little."""
    values = rng.normal(0, 1, shape)
    values[:, 0] = 20_000.0 + np.arange(len(values))
    values[:, 1] = -values[:, 0]
    return values


def linear_classifier(c):
    op = "LinearClassifier"
    for kind in NUMBERS:
        add(c, op, f"{kind} two rows", Input(kind), 2, coefficients=drawn(1, 2, 3), intercepts=[0.1, -0.2],
            classlabels_ints=INTS[2], post_transform="SOFTMAX", multi_class=1)
        add(c, op, f"{kind} one row", Input(kind), 2, coefficients=drawn(2, 1, 3), intercepts=[0.1],
            classlabels_ints=INTS[2], post_transform="LOGISTIC", multi_class=0)
    for classes in [1, 2, 3, 6]:
        for transform in TRANSFORMS:
            if (classes, transform) == (1, "PROBIT"):
                continue  # one score is left unwritten
            coefficients, intercepts = drawn(classes, classes, 3), [0.05] * classes
            if transform == "PROBIT":
                coefficients, intercepts = probable(classes)
            add(c, op, f"float32 {classes} {transform}", Input("float32", (3,), unit if transform == "PROBIT" else None),
                2, coefficients=coefficients, intercepts=intercepts, classlabels_ints=INTS[max(classes, 2)],
                post_transform=transform)
    add(c, op, "float32 PROBIT outside", Input("float32"), 2, coefficients=drawn(3, 3, 3), intercepts=[0.0, 0.5, 1.0],
        classlabels_ints=INTS[3], post_transform="PROBIT")
    for classes in [1, 2, 3]:
        add(c, op, f"float32 strings {classes}", Input("float32"), 2, coefficients=drawn(9, classes, 3),
            intercepts=drawn(10, classes), classlabels_strings=STRINGS[max(classes, 2)])
        add(c, op, f"float32 ties {classes}", Input("float32", (2,), halves), 2, coefficients=[1.0, -1.0] * classes,
            intercepts=[0.0] * classes, classlabels_ints=INTS[max(classes, 2)])
        add(c, op, f"float32 ties {classes} SOFTMAX_ZERO", Input("float32", (2,), halves), 2,
            coefficients=[1.0, -1.0, -1.0, 1.0, 0.5, 0.5][: 2 * classes], intercepts=[0.0] * classes,
            classlabels_ints=INTS[max(classes, 2)], post_transform="SOFTMAX_ZERO")
    add(c, op, "float32 no labels", Input("float32"), 2, coefficients=drawn(4, 1, 3), intercepts=[-0.1])
    add(c, op, "float32 no labels PROBIT", Input("float32", (3,), unit), 2, coefficients=[0.2, 0.3, 0.1],
        intercepts=[0.1], post_transform="PROBIT")
    add(c, op, "float32 wide", Input("float32", (37,), finite), 2, coefficients=drawn(5, 3, 37),
        intercepts=drawn(6, 3), classlabels_ints=INTS[3], post_transform="SOFTMAX")
    add(c, op, "float32 cancelling", Input("float32", (3,), opposed), 2, coefficients=[1.0, 1.0, 0.25, -1.0, -1.0, 0.5],
        intercepts=[0.5, 0.25], classlabels_ints=INTS[2], post_transform="LOGISTIC")


def linear_regressor(c):
    op = "LinearRegressor"
    for targets in [1, 2]:
        for transform in TRANSFORMS:
            coefficients, intercepts = probable(targets)
            add(c, op, f"float32 {targets} {transform}", Input("float32", (3,), unit), 1, coefficients=coefficients,
                intercepts=intercepts, targets=targets, post_transform=transform)
    add(c, op, "float32 no intercepts", Input("float32"), 1, coefficients=drawn(8, 2, 3), targets=2)
    add(c, op, "float32 one target by default", Input("float32"), 1, coefficients=drawn(8, 1, 3), intercepts=[2.0])
    add(c, op, "float32 wide", Input("float32", (70,), finite), 1, coefficients=drawn(9, 1, 70), intercepts=[1.5],
        targets=1)


RBF = {"kernel_type": "RBF", "kernel_params": [0.3, 0.0, 3.0]}
KERNELS = {
    "LINEAR": RBF | {"kernel_type": "LINEAR"},
    "POLY": {"kernel_type": "POLY", "kernel_params": [0.3, 0.5, 3.0]},
    "POLY square": {"kernel_type": "POLY", "kernel_params": [0.3, 0.5, 2.0]},
    "POLY one": {"kernel_type": "POLY", "kernel_params": [0.3, 0.5, 1.0]},
    "POLY root": {"kernel_type": "POLY", "kernel_params": [0.3, 0.5, 0.5]},
    "POLY none": {"kernel_type": "POLY", "kernel_params": [0.3, 0.5, 0.0]},
    "SIGMOID": {"kernel_type": "SIGMOID", "kernel_params": [0.3, -0.2, 3.0]},
    "RBF": RBF,
}


def machine(classes, per_class, seed=11, columns=3):
    """Support vectors of a classifier."""
    count, pairs = sum(per_class), classes * (classes - 1) // 2
    return {
        "support_vectors": drawn(seed, count, columns),
        "vectors_per_class": per_class,
        "coefficients": drawn(seed + 1, classes - 1, count),
        "rho": drawn(seed + 2, pairs),
    }


def platt(classes):
    pairs = classes * (classes - 1) // 2
    return {"prob_a": [-1.5, -0.5, -2.0, -1.0, 0.5, -3.0][:pairs], "prob_b": [0.1, -0.2, 0.3, 0.0, 0.4, -0.1][:pairs]}


def svm_classifier(c):
    op = "SVMClassifier"
    two, three = machine(2, [2, 3]), machine(3, [2, 1, 3])
    for kind in NUMBERS:
        add(c, op, f"{kind} two", Input(kind), 2, classlabels_ints=INTS[2], **two, **RBF)
        add(c, op, f"{kind} three", Input(kind), 2, classlabels_ints=INTS[3], **three, **RBF)
    for name, kernel in KERNELS.items():
        # A row of 30 makes kernel values whose differences are all rounding, but for the bounded kernels.
        values = None if name in ["RBF", "SIGMOID"] else missing
        add(c, op, f"float32 {name}", Input("float32", (3,), values), 2, classlabels_ints=INTS[2], **two, **kernel)
        add(c, op, f"float32 {name} finite", Input("float32", (3,), finite), 2, classlabels_ints=INTS[3], **three,
            **kernel)
    for transform in TRANSFORMS[1:]:
        for classes, model in [(2, two), (3, three)]:
            if (classes, transform) != (2, "PROBIT"):  # one score is left unwritten
                add(c, op, f"float32 {classes} {transform}", Input("float32", (3,), finite), 2,
                    classlabels_ints=INTS[classes], post_transform=transform, **model, **RBF)
            add(c, op, f"float32 {classes} probabilities {transform}", Input("float32", (3,), finite), 2,
                classlabels_ints=INTS[classes], post_transform=transform, **model, **RBF, **platt(classes))
    for classes, model in [(2, two), (3, three), (4, machine(4, [3, 1, 0, 4]))]:
        labels = [7, 8, 9, 10][:classes]
        add(c, op, f"float32 {classes} probabilities", Input("float32"), 2, classlabels_ints=labels, **model, **RBF,
            **platt(classes))
        add(c, op, f"float32 {classes} strings", Input("float32"), 2, classlabels_strings=["p", "q", "r", "s"][:classes],
            **model, **RBF)
    add(c, op, "float32 many vectors", Input("float32", (5,), finite), 2, classlabels_ints=INTS[3],
        **machine(3, [7, 21, 9], columns=5), **RBF)
    add(c, op, "float32 ties", Input("float32", (2,), halves), 2, classlabels_ints=INTS[2],
        support_vectors=[1.0, 0.0, 0.0, 1.0], vectors_per_class=[1, 1], coefficients=[1.0, -1.0], rho=[0.0],
        **KERNELS["LINEAR"])
    # Without support vectors.
    for classes in [1, 2, 3]:
        labels = [7, 8, 9][:classes]
        for transform in TRANSFORMS:
            add(c, op, f"float32 linear {classes} {transform}", Input("float32", (3,), unit), 2, classlabels_ints=labels,
                coefficients=[abs(v) / 4 for v in drawn(13, classes, 3)], rho=[0.05], post_transform=transform, **RBF)
        add(c, op, f"float32 linear {classes} mixed", Input("float32"), 2, classlabels_ints=labels,
            coefficients=drawn(14, classes, 3), rho=[-0.3], **RBF)
        add(c, op, f"float32 linear {classes} ties", Input("float32", (2,), halves), 2, classlabels_ints=labels,
            coefficients=[1.0, -1.0] * classes, rho=[0.0], **RBF)
        add(c, op, f"float32 linear {classes} halves", Input("float32", (2,), halves), 2, classlabels_ints=labels,
            coefficients=[1.0, 0.5, 0.5, 1.0, 0.0, 1.0][: 2 * classes], rho=[0.0], **RBF)
    add(c, op, "float32 linear probabilities", Input("float32"), 2, classlabels_strings=STRINGS[2],
        coefficients=drawn(15, 2, 3), rho=[0.2], prob_a=[-1.0], prob_b=[0.5], **RBF)


def svm_regressor(c):
    op = "SVMRegressor"
    vectors = {"support_vectors": drawn(21, 5, 3), "n_supports": 5, "coefficients": drawn(22, 5), "rho": [0.3]}
    for name, kernel in KERNELS.items():
        values = None if name in ["RBF", "SIGMOID"] else missing
        add(c, op, f"float32 {name}", Input("float32", (3,), values), 1, **vectors, **kernel)
    for transform in TRANSFORMS:
        add(c, op, f"float32 {transform}", Input("float32", (3,), finite), 1, post_transform=transform, **vectors, **RBF)
    for one_class in [0, 1]:
        add(c, op, f"float32 one_class {one_class}", Input("float32"), 1, one_class=one_class, **vectors, **RBF)
        add(c, op, f"float32 linear one_class {one_class}", Input("float32"), 1, one_class=one_class,
            coefficients=drawn(23, 3), rho=[0.1], **RBF)
    add(c, op, "float32 many vectors", Input("float32", (5,), finite), 1, support_vectors=drawn(24, 35, 5),
        n_supports=35, coefficients=drawn(25, 35), rho=[-0.4], **RBF)


def main():
    c = Cases()
    linear_classifier(c)
    linear_regressor(c)
    svm_classifier(c)
    svm_regressor(c)
    c.write("operators_linear.json")


if __name__ == "__main__":
    main()
