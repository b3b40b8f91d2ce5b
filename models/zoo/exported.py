"""Models that scikit-learn, LightGBM and XGBoost train here and their exporters write."""

import lightgbm
import numpy as np
import onnxmltools
import xgboost
from onnx import TensorProto
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloat
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn import (
    calibration, cluster, compose, decomposition, discriminant_analysis, ensemble, linear_model, mixture, multiclass,
    naive_bayes, neighbors, neural_network, pipeline, preprocessing, svm, tree,
)  # fmt: skip
from sklearn.impute import SimpleImputer

from inputs import classification, regression, with_edges
from registry import add

OPSET = {"": 21, "ai.onnx.ml": 3}
TOOLS_OPSET = 15  # the newest that onnxmltools' tree converters were written for
TRAIN = 3000
CARRIERS = np.array(["AA", "B6", "DL", "EV", "MQ", "UA", "US", "WN"], object)
ORIGINS = np.array(["EWR", "JFK", "LGA"], object)


def data(rng, rows, kind, features):
    """Training rows, their truth, and rows to score."""
    if kind == "regression":
        x, y = regression(rng, TRAIN + rows, features)
    elif kind in ("strings", "words"):
        x, y = classification(rng, TRAIN + rows, features, 3)
        y = np.array(["approve", "decline", "review"], object)[y]
    elif kind == "ids":
        x, y = classification(rng, TRAIN + rows, features, 3)
        y = np.array([-7, 40, 1000])[y]  # labels that are no positions
    else:
        x, y = classification(rng, TRAIN + rows, features, kind)
    return x[:TRAIN], y[:TRAIN], x[TRAIN:]


def no_zipmap(estimator):
    last = estimator.steps[-1][1] if isinstance(estimator, pipeline.Pipeline) else estimator
    return {id(estimator): {"zipmap": False}} if hasattr(last, "predict_proba") and hasattr(last, "classes_") else None


def sklearn(name, family, kind, make, notable="", features=10, zipmap=False, double=False, wild=False, nan=False, ml=3):
    """A scikit-learn estimator on a matrix of floats. `make` gives it untrained; with `nan` it is trained on rows
    that miss values too."""

    def build(rng, rows):
        x, y, score = data(rng, rows, kind, features)
        kind_of = DoubleTensorType if double else FloatTensorType
        dtype = np.float64 if double else np.float32
        if double:  # digits that float32 does not have
            x, score = x + rng.normal(size=x.shape) * 1e-9, score + rng.normal(size=score.shape) * 1e-9
        x, score = x.astype(dtype), score.astype(dtype)
        if nan:
            x[rng.random(x.shape) < 0.1] = np.nan
        estimator = make()
        estimator.fit(x, y)
        options = None if zipmap else no_zipmap(estimator)
        model = to_onnx(
            estimator, initial_types=[("X", kind_of([None, features]))], options=options,
            target_opset={**OPSET, "ai.onnx.ml": ml},
        )  # fmt: skip
        if double and any(node.op_type.startswith("TreeEnsemble") for node in model.graph.node):
            # skl2onnx declares these outputs as double, which is not what the operators give: ONNX Runtime refuses
            # the file until the declaration is put right.
            for output in model.graph.output:
                if output.type.tensor_type.elem_type == TensorProto.DOUBLE:
                    output.type.tensor_type.elem_type = TensorProto.FLOAT
        return model, {"X": with_edges(rng, score, model, nan=nan, wild=wild)}

    add(name, family, "skl2onnx", notable, build)


def boosted(
    name, family, kind, make, convert, notable="", features=12, zipmap=None, missing=True, whole=(), zeros=False
):
    """A LightGBM or XGBoost estimator. `whole`: columns of categories; `zeros`: many values are 0."""

    def build(rng, rows):
        x, y, score = data(rng, rows, kind, features)
        for column in whole:
            x[:, column], score[:, column] = rng.integers(0, 12, len(x)), rng.integers(0, 12, len(score))
            y = np.where(np.isin(x[:, column], [1, 4, 5, 9]) & (rng.random(len(x)) < 0.8), 1, y)
        if zeros:
            x[rng.random(x.shape) < 0.3], score[rng.random(score.shape) < 0.3] = 0, 0
        if missing:
            x[rng.random(x.shape) < 0.1] = np.nan
        estimator = make()
        estimator.fit(x, y, **({"categorical_feature": list(whole)} if whole else {}))
        options = {} if zipmap is None else {"zipmap": zipmap}
        model = convert(
            estimator, initial_types=[("X", ToolsFloat([None, features]))], target_opset=TOOLS_OPSET, **options
        )
        x = with_edges(rng, score, model, nan=True, wild=True)
        for column in whole:  # categories never seen, and what is no category
            odd = rng.random(len(x)) < 0.1
            x[odd, column] = rng.choice(np.array([-1, 12, 99, 4.5, 0.5], np.float32), odd.sum())
        return model, {"X": x}

    add(name, family, "onnxmltools", notable, build)


def lgb(kind, **parameters):
    made = lightgbm.LGBMRegressor if kind == "regressor" else lightgbm.LGBMClassifier
    return lambda: made(n_jobs=1, verbose=-1, random_state=7, deterministic=True, force_row_wise=True, **parameters)


def xgb(made, **parameters):
    return lambda: made(n_jobs=1, random_state=7, **parameters)


def piped(*steps):
    return lambda: pipeline.make_pipeline(*[step() if callable(step) else step for step in steps])


# A line a model from here on, however long.
# fmt: off

# Trees of scikit-learn

_t = {"family": "trees", "wild": True}
sklearn("sklearn_gbc_binary", kind=2, make=lambda: ensemble.GradientBoostingClassifier(n_estimators=40, random_state=7), notable="base_values of length 1, LOGISTIC, binary_case", **_t)
sklearn("sklearn_gbc_multiclass", kind=4, make=lambda: ensemble.GradientBoostingClassifier(n_estimators=20, random_state=7), notable="SOFTMAX", **_t)
sklearn("sklearn_gbc_f64", kind=2, make=lambda: ensemble.GradientBoostingClassifier(n_estimators=30, random_state=7), double=True, notable="float64 input, attributes as tensors", **_t)
sklearn("sklearn_gbr", kind="regression", make=lambda: ensemble.GradientBoostingRegressor(n_estimators=60, random_state=7), notable="", **_t)
sklearn("sklearn_rf_binary", kind=2, make=lambda: ensemble.RandomForestClassifier(n_estimators=30, max_depth=8, random_state=7), notable="two classes, weights for both; ties at 0.5", **_t)
sklearn("sklearn_rf_multiclass", kind=5, make=lambda: ensemble.RandomForestClassifier(n_estimators=30, max_depth=8, random_state=7), notable="", **_t)
sklearn("sklearn_rf_missing", kind=3, make=lambda: ensemble.RandomForestClassifier(n_estimators=20, max_depth=8, random_state=7), nan=True, notable="trained on missing values: nodes_missing_value_tracks_true", **_t)
sklearn("sklearn_rf_zipmap_strings", kind="strings", make=lambda: ensemble.RandomForestClassifier(n_estimators=20, max_depth=7, random_state=7), zipmap=True, notable="the default export: ZipMap, string labels", **_t)
sklearn("sklearn_rf_zipmap_ints", kind="ids", make=lambda: ensemble.RandomForestClassifier(n_estimators=20, max_depth=7, random_state=7), zipmap=True, notable="the default export: ZipMap, labels -7, 40, 1000", **_t)
sklearn("sklearn_rf_ml1", kind=2, make=lambda: ensemble.RandomForestClassifier(n_estimators=20, max_depth=7, random_state=7), ml=1, notable="ai.onnx.ml 1", **_t)
sklearn("sklearn_rfr", kind="regression", make=lambda: ensemble.RandomForestRegressor(n_estimators=30, max_depth=9, random_state=7), notable="", **_t)
sklearn("sklearn_rfr_f64", kind="regression", make=lambda: ensemble.RandomForestRegressor(n_estimators=30, max_depth=9, random_state=7), double=True, notable="float64 input", **_t)
sklearn("sklearn_dt_binary", kind=2, make=lambda: tree.DecisionTreeClassifier(max_depth=7, random_state=7), notable="", **_t)
sklearn("sklearn_dt_strings", kind="strings", make=lambda: tree.DecisionTreeClassifier(max_depth=7, random_state=7), notable="string labels", **_t)
sklearn("sklearn_dt_f64", kind=3, make=lambda: tree.DecisionTreeClassifier(max_depth=9, random_state=7), double=True, notable="float64 input and thresholds", **_t)
sklearn("sklearn_dtr", kind="regression", make=lambda: tree.DecisionTreeRegressor(max_depth=9, random_state=7), notable="", **_t)
sklearn("sklearn_extra_trees_binary", kind=2, make=lambda: ensemble.ExtraTreesClassifier(n_estimators=30, max_depth=8, random_state=7), notable="", **_t)
sklearn("sklearn_extra_trees_regressor", kind="regression", make=lambda: ensemble.ExtraTreesRegressor(n_estimators=30, max_depth=8, random_state=7), notable="", **_t)
sklearn("sklearn_adaboost", kind=3, make=lambda: ensemble.AdaBoostClassifier(n_estimators=15, random_state=7), family="trees", notable="many trees joined by plain operators")
sklearn("sklearn_bagging", kind=2, make=lambda: ensemble.BaggingClassifier(n_estimators=8, max_features=0.6, random_state=7), family="trees", notable="trees behind Gather")
sklearn("sklearn_isolation_forest", kind=2, make=lambda: ensemble.IsolationForest(n_estimators=30, random_state=7), family="trees", notable="Gather, TreeEnsembleRegressor, labels 1 and -1")

# LightGBM and XGBoost

_l = {"family": "lightgbm", "convert": onnxmltools.convert_lightgbm}
boosted("lightgbm_binary", kind=2, make=lgb("classifier", n_estimators=60), zipmap=False, notable="label declared with shape [1]", **_l)
boosted("lightgbm_binary_zipmap", kind=2, make=lgb("classifier", n_estimators=40), notable="the default export: ZipMap", **_l)
boosted("lightgbm_multiclass", kind=4, make=lgb("classifier", n_estimators=20), zipmap=False, **_l)
boosted("lightgbm_multiclass_zipmap", kind=3, make=lgb("classifier", n_estimators=20), notable="the default export: ZipMap", **_l)
boosted("lightgbm_strings", kind="strings", make=lgb("classifier", n_estimators=15), zipmap=False, notable="string labels", **_l)
boosted("lightgbm_regressor", kind="regression", make=lgb("regressor", n_estimators=80), **_l)
boosted("lightgbm_poisson", kind=3, make=lgb("regressor", objective="poisson", n_estimators=30), notable="Exp after the trees", **_l)
boosted("lightgbm_random_forest", kind=2, make=lgb("classifier", boosting_type="rf", n_estimators=20, subsample=0.6, subsample_freq=1), zipmap=False, notable="averaged trees", **_l)
boosted("lightgbm_no_missing", kind=2, make=lgb("classifier", n_estimators=30), missing=False, zipmap=False, notable="trained without missing values: NaN counts as 0 in LightGBM", **_l)
boosted("lightgbm_zero_as_missing", kind=2, make=lgb("classifier", n_estimators=30, zero_as_missing=True), zeros=True, zipmap=False, notable="zero_as_missing", **_l)
boosted("lightgbm_categorical", kind=2, make=lgb("classifier", n_estimators=30, min_data_per_group=5, cat_smooth=1), whole=(3, 6), zipmap=False, notable="categorical splits: BRANCH_EQ", **_l)

_x = {"family": "xgboost", "convert": onnxmltools.convert_xgboost}
boosted("xgboost_binary", kind=2, make=xgb(xgboost.XGBClassifier, n_estimators=50, max_depth=5), notable="BRANCH_LT, base_values of length 1", **_x)
boosted("xgboost_multiclass", kind=4, make=xgb(xgboost.XGBClassifier, n_estimators=20, max_depth=4), **_x)
boosted("xgboost_regressor", kind="regression", make=xgb(xgboost.XGBRegressor, n_estimators=60, max_depth=5), **_x)
boosted("xgboost_no_missing", kind=2, make=xgb(xgboost.XGBClassifier, n_estimators=30, max_depth=4), missing=False, notable="trained without missing values", **_x)
boosted("xgboost_random_forest", kind=2, make=xgb(xgboost.XGBRFClassifier, n_estimators=30, max_depth=6), **_x)
boosted("xgboost_poisson", kind=3, make=xgb(xgboost.XGBRegressor, objective="count:poisson", n_estimators=20, max_depth=4), notable="Exp after the trees", **_x)

# Linear models

_n = {"family": "linear"}
sklearn("logistic_binary", kind=2, make=lambda: linear_model.LogisticRegression(max_iter=500), notable="LinearClassifier, Normalizer", **_n)
sklearn("logistic_multiclass", kind=4, make=lambda: linear_model.LogisticRegression(max_iter=500), notable="SOFTMAX", **_n)
sklearn("logistic_strings_zipmap", kind="strings", make=lambda: linear_model.LogisticRegression(max_iter=500), zipmap=True, notable="string labels, ZipMap", **_n)
sklearn("logistic_f64", kind=2, make=lambda: linear_model.LogisticRegression(max_iter=500), double=True, notable="MatMul, Add, Sigmoid in float64", **_n)
sklearn("logistic_multiclass_f64", kind=3, make=lambda: linear_model.LogisticRegression(max_iter=500), double=True, notable="Softmax in float64", **_n)
sklearn("logistic_one_vs_rest", kind=3, make=lambda: multiclass.OneVsRestClassifier(linear_model.LogisticRegression(max_iter=500)), notable="", **_n)
sklearn("linear_regression", kind="regression", make=linear_model.LinearRegression, notable="LinearRegressor", **_n)
sklearn("linear_regression_f64", kind="regression", make=linear_model.LinearRegression, double=True, **_n)
sklearn("ridge", kind="regression", make=linear_model.Ridge, **_n)
sklearn("sgd_log", kind=2, make=lambda: linear_model.SGDClassifier(loss="log_loss", random_state=7, alpha=0.01), **_n)
sklearn("sgd_multiclass", kind=3, make=lambda: linear_model.SGDClassifier(loss="log_loss", random_state=7, alpha=0.01), **_n)
sklearn("sgd_hinge", kind=2, make=lambda: linear_model.SGDClassifier(random_state=7, alpha=0.01), notable="decision values, no probabilities", **_n)
sklearn("linear_svc", kind=3, make=lambda: svm.LinearSVC(random_state=7), **_n)
sklearn("linear_svr", kind="regression", make=lambda: svm.LinearSVR(random_state=7), **_n)
sklearn("lda", kind=3, make=discriminant_analysis.LinearDiscriminantAnalysis, **_n)

# Preprocessing of numbers

_logistic = lambda: linear_model.LogisticRegression(max_iter=500)  # noqa: E731
_p = {"family": "preprocessing", "kind": 2}
sklearn("minmax_logistic", make=piped(preprocessing.MinMaxScaler, _logistic), notable="Cast, Mul, Add", **_p)
sklearn("minmax_clip_logistic", make=piped(lambda: preprocessing.MinMaxScaler(clip=True), _logistic), notable="Clip", **_p)
sklearn("standard_logistic", make=piped(preprocessing.StandardScaler, _logistic), notable="Scaler", **_p)
sklearn("standard_logistic_f64", make=piped(preprocessing.StandardScaler, _logistic), double=True, **_p)
sklearn("robust_logistic", make=piped(preprocessing.RobustScaler, _logistic), notable="Scaler", **_p)
sklearn("maxabs_logistic", make=piped(preprocessing.MaxAbsScaler, _logistic), notable="Scaler", **_p)
sklearn("standard_scaler", make=preprocessing.StandardScaler, notable="Scaler alone", **_p)
sklearn("normalizer_l2_logistic", make=piped(preprocessing.Normalizer, _logistic), notable="Normalizer", **_p)
sklearn("normalizer_l1", make=lambda: preprocessing.Normalizer("l1"), **_p)
sklearn("normalizer_max", make=lambda: preprocessing.Normalizer("max"), **_p)
sklearn("imputer_mean_logistic", make=piped(SimpleImputer, _logistic), nan=True, notable="Imputer", **_p)
sklearn("imputer_median_scaler_gbc", make=piped(lambda: SimpleImputer(strategy="median"), preprocessing.StandardScaler, lambda: ensemble.GradientBoostingClassifier(n_estimators=25, random_state=7)), nan=True, notable="Imputer, Scaler, trees", **_p)
sklearn("imputer_constant", make=lambda: SimpleImputer(strategy="constant", fill_value=-1.0), nan=True, notable="Imputer alone", **_p)
sklearn("binarizer_logistic", make=piped(lambda: preprocessing.Binarizer(threshold=0.5), _logistic), notable="Binarizer", **_p)
sklearn("kbins_onehot_logistic", make=piped(lambda: preprocessing.KBinsDiscretizer(5, encode="onehot-dense", quantile_method="averaged_inverted_cdf"), _logistic), **_p)
sklearn("kbins_ordinal", make=lambda: preprocessing.KBinsDiscretizer(6, encode="ordinal", quantile_method="averaged_inverted_cdf"), **_p)
sklearn("polynomial_logistic", make=piped(preprocessing.StandardScaler, lambda: preprocessing.PolynomialFeatures(2), _logistic), features=5, notable="symbolic batch in Reshape", **_p)
sklearn("polynomial_interactions", make=lambda: preprocessing.PolynomialFeatures(3, interaction_only=True, include_bias=False), features=4, **_p)
sklearn("pca_logistic", make=piped(lambda: decomposition.PCA(5, random_state=7), _logistic), **_p)
sklearn("svd_logistic", make=piped(lambda: decomposition.TruncatedSVD(5, random_state=7), _logistic), **_p)
sklearn("power_logistic", make=piped(preprocessing.PowerTransformer, _logistic), notable="Yeo-Johnson in plain operators", **_p)

# Support vectors, nets, neighbours and the rest

_s = {"family": "svm", "features": 6}
_scaled = preprocessing.StandardScaler
sklearn("svc_rbf", kind=2, make=piped(_scaled, lambda: svm.SVC(C=0.5)), notable="SVMClassifier, RBF, decision values", **_s)
sklearn("svc_rbf_multiclass", kind=4, make=piped(_scaled, lambda: svm.SVC(C=0.5)), notable="votes of pairs", **_s)
sklearn("svc_poly", kind=3, make=piped(_scaled, lambda: svm.SVC(kernel="poly", C=0.5)), notable="POLY", **_s)
sklearn("svc_sigmoid", kind=2, make=piped(_scaled, lambda: svm.SVC(kernel="sigmoid", C=0.5)), notable="SIGMOID", **_s)
sklearn("svc_linear", kind=3, make=piped(_scaled, lambda: svm.SVC(kernel="linear", C=0.5)), notable="LINEAR", **_s)
sklearn("svc_strings", kind="strings", make=piped(_scaled, lambda: svm.SVC(C=0.5)), notable="string labels", **_s)
sklearn("svc_calibrated", kind=2, make=lambda: calibration.CalibratedClassifierCV(piped(_scaled, lambda: svm.SVC(C=0.5))(), cv=2), notable="what replaces probability=True", **_s)
sklearn("svc_probability", kind=3, make=piped(_scaled, lambda: svm.SVC(C=0.5, probability=True, random_state=7)), notable="prob_a and prob_b", **_s)
sklearn("svc_probability_binary", kind=2, make=piped(_scaled, lambda: svm.SVC(C=0.5, probability=True, random_state=7)), notable="prob_a and prob_b", **_s)
sklearn("nu_svc", kind=3, make=piped(_scaled, lambda: svm.NuSVC(nu=0.3)), **_s)
sklearn("svr_rbf", kind="regression", make=piped(_scaled, lambda: svm.SVR()), notable="SVMRegressor", **_s)
sklearn("nu_svr", kind="regression", make=piped(_scaled, lambda: svm.NuSVR()), **_s)
sklearn("one_class_svm", kind=2, make=piped(_scaled, lambda: svm.OneClassSVM(nu=0.1)), notable="one_class", **_s)

_m = {"family": "other"}
sklearn("mlp_classifier", kind=2, make=piped(_scaled, lambda: neural_network.MLPClassifier((32, 16), max_iter=30, random_state=7)), **_m)
sklearn("mlp_classifier_multiclass", kind=4, make=piped(_scaled, lambda: neural_network.MLPClassifier((24,), activation="tanh", max_iter=30, random_state=7)), **_m)
sklearn("mlp_regressor", kind="regression", make=piped(_scaled, lambda: neural_network.MLPRegressor(hidden_layer_sizes=(32,), max_iter=30, random_state=7)), **_m)
sklearn("gaussian_nb", kind=3, make=naive_bayes.GaussianNB, **_m)
sklearn("bernoulli_nb", kind=3, make=naive_bayes.BernoulliNB, **_m)
sklearn("complement_nb", kind=3, make=piped(preprocessing.MinMaxScaler, naive_bayes.ComplementNB), **_m)
sklearn("kmeans", kind=3, make=lambda: cluster.KMeans(6, n_init=2, random_state=7), **_m)
sklearn("gaussian_mixture", kind=3, make=lambda: mixture.GaussianMixture(3, random_state=7), features=4, **_m)
sklearn("knn_classifier", kind=3, make=lambda: neighbors.KNeighborsClassifier(5), features=4, notable="Scan or CDist, TopK", **_m)
sklearn("knn_regressor", kind="regression", make=lambda: neighbors.KNeighborsRegressor(4, weights="distance"), features=4, **_m)
sklearn("voting_soft", kind=3, make=lambda: ensemble.VotingClassifier([("a", ensemble.RandomForestClassifier(10, max_depth=5, random_state=7)), ("b", _logistic()), ("c", naive_bayes.GaussianNB())], voting="soft", flatten_transform=False), **_m)
sklearn("voting_regressor", kind="regression", make=lambda: ensemble.VotingRegressor([("a", ensemble.GradientBoostingRegressor(n_estimators=20, random_state=7)), ("b", linear_model.LinearRegression())]), **_m)
sklearn("stacking", kind=2, make=lambda: ensemble.StackingClassifier([("a", ensemble.RandomForestClassifier(10, max_depth=5, random_state=7)), ("b", _logistic())], final_estimator=_logistic(), cv=3), **_m)
sklearn("stacking_regressor", kind="regression", make=lambda: ensemble.StackingRegressor([("a", tree.DecisionTreeRegressor(max_depth=5, random_state=7)), ("b", linear_model.LinearRegression())], final_estimator=linear_model.Ridge(), cv=3), **_m)

# fmt: on

# Columns of strings and whole numbers


def flights(rng, rows):
    """Columns like those of a flight: two of strings, one of whole numbers, two of floats with gaps."""
    columns = {
        "carrier": rng.choice(CARRIERS, rows).reshape(-1, 1),
        "origin": rng.choice(ORIGINS, rows, p=[0.4, 0.35, 0.25]).reshape(-1, 1),
        "hour": rng.integers(5, 23, (rows, 1)),
        "distance": np.exp(rng.normal(6.5, 0.7, (rows, 1))).astype(np.float32),
        "wind": (rng.gamma(2, 5, (rows, 1))).astype(np.float32),
    }
    late = columns["hour"][:, 0] * 0.15 + columns["wind"][:, 0] * 0.1 + np.isin(columns["carrier"][:, 0], ["EV", "MQ"])
    truth = (late + rng.logistic(size=rows) > 3.5).astype(np.int64)
    for name in ("distance", "wind"):
        columns[name][rng.random(rows) < 0.1] = np.nan
    return columns, truth


TYPES = {
    "carrier": StringTensorType([None, 1]),
    "origin": StringTensorType([None, 1]),
    "hour": Int64TensorType([None, 1]),
    "distance": FloatTensorType([None, 1]),
    "wind": FloatTensorType([None, 1]),
}


def by_columns(name, transformers, estimator, notable, zipmap=False, unknown=False):
    """A ColumnTransformer before an estimator: one input a column. `unknown`: score strings never seen too."""

    def build(rng, rows):
        import pandas

        def frame(columns):
            return pandas.DataFrame({name: columns[name][:, 0] for name in used})

        used = [column for _, _, chosen in transformers() for column in chosen]
        columns, truth = flights(rng, TRAIN)
        made = pipeline.make_pipeline(compose.ColumnTransformer(transformers()), estimator())
        made.fit(frame(columns), truth)
        model = to_onnx(
            made, initial_types=[(name, TYPES[name]) for name in used], target_opset=OPSET,
            options=None if zipmap else {id(made): {"zipmap": False}},
        )  # fmt: skip
        scored, _ = flights(rng, rows)
        if unknown:
            for column in ("carrier", "origin"):
                odd = np.array(["", "ZZ", "aa", " AA", "Ünïcode ✈", "nan"], object)
                at = rng.random(rows) < 0.1
                scored[column][at, 0] = rng.choice(odd, at.sum())
        return model, {name: scored[name] for name in used}

    add(name, "columns", "skl2onnx", notable, build)


def onehot(**options):
    return preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False, **options)


_numbers = piped(SimpleImputer, preprocessing.StandardScaler)
by_columns(
    "columns_gbc",
    lambda: [("s", onehot(), ["carrier", "origin"]), ("n", _numbers(), ["distance", "wind"])],
    lambda: ensemble.GradientBoostingClassifier(n_estimators=30, random_state=7),
    "impute, scale, one-hot of strings, trees; strings never seen",
    unknown=True,
)
by_columns(
    "columns_gbc_zipmap",
    lambda: [("s", onehot(), ["carrier", "origin"]), ("n", _numbers(), ["distance", "wind"])],
    lambda: ensemble.GradientBoostingClassifier(n_estimators=15, random_state=7),
    "the default export: ZipMap",
    zipmap=True,
)
by_columns(
    "columns_logistic",
    lambda: [
        ("s", onehot(), ["carrier", "origin"]),
        ("h", onehot(), ["hour"]),
        ("n", _numbers(), ["distance", "wind"]),
    ],
    _logistic,
    "one-hot of strings and of whole numbers",
    unknown=True,
)
by_columns(
    "columns_ordinal_rf",
    lambda: [("s", preprocessing.OrdinalEncoder(), ["carrier", "origin"]), ("n", _numbers(), ["distance", "wind"])],
    lambda: ensemble.RandomForestClassifier(15, max_depth=7, random_state=7),
    "OrdinalEncoder of strings: LabelEncoder",
)
by_columns(
    "columns_passthrough",
    lambda: [("h", "passthrough", ["hour"]), ("n", SimpleImputer(strategy="median"), ["distance", "wind"])],
    lambda: tree.DecisionTreeClassifier(max_depth=6, random_state=7),
    "a whole-number column joins floats",
)


def encoder(name, make, values, notable, type_of=StringTensorType, odd=()):
    """An encoder alone, on columns of strings or whole numbers."""

    def build(rng, rows):
        train = np.stack([rng.choice(column, TRAIN) for column in values], 1)
        score = np.stack([rng.choice(column, rows) for column in values], 1)
        made = make().fit(train)
        model = to_onnx(made, initial_types=[("X", type_of([None, len(values)]))], target_opset=OPSET)
        if odd:
            at = rng.random(score.shape) < 0.1
            score[at] = rng.choice(np.array(odd, score.dtype), at.sum())
        return model, {"X": score}

    add(name, "encoders", "skl2onnx", notable, build)


_ints = [np.array([1, 2, 3, 10, 200], np.int64), np.array([-5, 0, 7], np.int64)]
encoder(
    "onehot_strings", onehot, [CARRIERS, ORIGINS], "OneHotEncoder on strings, strings never seen", odd=["", "ZZ", "ewr"]
)
encoder(
    "onehot_ints",
    onehot,
    _ints,
    "whole numbers pass through strings; numbers never seen",
    Int64TensorType,
    odd=[4, -6, 2**40],
)
encoder(
    "onehot_drop_first", lambda: preprocessing.OneHotEncoder(drop="first", sparse_output=False), [CARRIERS, ORIGINS], ""
)
encoder("ordinal_strings", preprocessing.OrdinalEncoder, [CARRIERS, ORIGINS], "LabelEncoder")
encoder("ordinal_ints", preprocessing.OrdinalEncoder, _ints, "LabelEncoder on whole numbers", Int64TensorType)
encoder(
    "ordinal_unknown",
    lambda: preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    [CARRIERS, ORIGINS],
    "a default for strings never seen",
    odd=["", "ZZ"],
)


def labels(rng, rows):
    made = preprocessing.LabelEncoder().fit(CARRIERS)
    model = to_onnx(made, initial_types=[("X", StringTensorType([None]))], target_opset=OPSET)
    return model, {"X": rng.choice(CARRIERS, rows)}


add("label_encoder", "encoders", "skl2onnx", "a tensor of one dimension", labels)


# For benchmarks


def bench_lightgbm(rng, rows):
    x, y = classification(rng, 20_000 + rows, 30)
    made = lightgbm.LGBMClassifier(
        n_estimators=300, n_jobs=1, verbose=-1, random_state=7, deterministic=True, force_row_wise=True
    )
    made.fit(x[:20_000], y[:20_000])
    model = onnxmltools.convert_lightgbm(
        made, initial_types=[("X", ToolsFloat([None, 30]))], target_opset=TOOLS_OPSET, zipmap=False
    )
    return model, {"X": with_edges(rng, x[20_000:], model)}


def bench_gbc(rng, rows):
    x, y = classification(rng, TRAIN + rows, 30)
    made = ensemble.GradientBoostingClassifier(
        n_estimators=300, max_depth=5, subsample=0.5, max_features=8, random_state=7
    )
    made.fit(x[:TRAIN], y[:TRAIN])
    model = to_onnx(
        made, initial_types=[("X", FloatTensorType([None, 30]))], target_opset=OPSET, options=no_zipmap(made)
    )
    return model, {"X": with_edges(rng, x[TRAIN:], model)}


add("bench_lightgbm_300x30", "bench", "onnxmltools", "300 trees of 31 leaves, 30 features", bench_lightgbm)
add("bench_gbc_300", "bench", "skl2onnx", "300 trees of depth 5, 30 features", bench_gbc)
