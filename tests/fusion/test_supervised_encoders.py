"""Encoders that learn from y: training rows are cross-fitted, choices made in folds."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.cross_decomposition import PLSSVD, PLSRegression
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import (
    RFE,
    SelectFromModel,
    SelectKBest,
    VarianceThreshold,
)
from sklearn.impute import IterativeImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from skmultimodal import (
    CanonicalFusion,
    FeatureFusion,
    FusionClassifier,
    FusionRegressor,
    FusionTransformer,
    KernelFusion,
    TabularEncoder,
    TextEncoder,
    Training,
)
from skmultimodal.encoders._base import TransformerEncoder
from skmultimodal.encoders._shared import SharedEncoder
from skmultimodal.encoders._supervised import cross_fits, learns_from_y
from skmultimodal.persistence import load
from tests.parameters import nested

pytestmark = pytest.mark.filterwarnings("ignore:.*(leaves out columns|has no effect)")
NUMBERS = ["a", "b", "c"]


class ReadsY(TransformerMixin, BaseEstimator):
    """A transformer without tags that uses y, cross-fitted by leaving a row out."""

    def fit(self, X, y=None):
        self.mean_ = np.mean(y)
        return self

    def transform(self, X):
        return np.full((len(X), 1), self.mean_)

    def fit_transform(self, X, y=None):
        self.fit(X, y)
        return ((np.sum(y) - y) / (len(y) - 1))[:, None]


class IgnoresY(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.asarray(X)


SUPERVISED = [
    SelectKBest(),
    SelectFromModel(LogisticRegression()),
    RFE(LogisticRegression()),
    TargetEncoder(),
    LinearDiscriminantAnalysis(),
    PLSRegression(),
    PLSSVD(),
    ReadsY(),
    FusionTransformer(),
    make_pipeline(StandardScaler(), SelectKBest(), PCA()),
    make_union(PCA(), SelectKBest()),
    make_column_transformer((TargetEncoder(), ["a"]), remainder="drop"),
    ColumnTransformer([("drop", "drop", ["a"])], remainder=SelectKBest()),
    TransformerEncoder(make_pipeline(TfidfVectorizer(), SelectKBest())),
    SharedEncoder(TransformerEncoder(SelectKBest())),
]
UNSUPERVISED = [
    StandardScaler(),
    PCA(),
    TfidfVectorizer(),
    VarianceThreshold(),
    IterativeImputer(),
    IgnoresY(),
    TabularEncoder(),
    SharedEncoder(TextEncoder()),
    make_pipeline(TfidfVectorizer(), PCA()),
    make_column_transformer((OneHotEncoder(), ["a"]), remainder="passthrough"),
]


@pytest.mark.parametrize("spec", SUPERVISED, ids=lambda spec: type(spec).__name__)
def test_what_learns_from_y(spec):
    assert learns_from_y(spec)


@pytest.mark.parametrize("spec", UNSUPERVISED, ids=lambda spec: type(spec).__name__)
def test_what_does_not(spec):
    assert not learns_from_y(spec)
    assert not cross_fits(spec)


def test_what_cross_fits():
    assert cross_fits(TransformerEncoder(make_pipeline(TargetEncoder(), PCA())))
    assert cross_fits(ReadsY())
    assert not cross_fits(make_pipeline(StandardScaler(), SelectKBest()))


def with_noise(seed=1, n=300, n_test=1000):
    """Return rows of three numbers that tell of y and a category that does not."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(n + n_test, 3))
    odds = numbers @ [0.8, 0.6, 0.4]
    y = (rng.random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(int)
    X = pd.DataFrame(numbers, columns=NUMBERS)
    X["noise"] = rng.integers(200, size=len(X)).astype(str)
    return X[:n], y[:n], X[n:], y[n:]


def encoded(fusion, noise=None, **params):
    encoders, columns = [("table", TabularEncoder())], {"table": NUMBERS}
    if noise is not None:
        encoders.append(("noise", noise))
        columns["noise"] = ["noise"]
    params = {"max_epochs": 8, "random_state": 0, **params}
    return FusionClassifier(encoders, fusion, columns=columns, **nested(params))


STRATEGIES = {
    "parallel": {"max_epochs": 30},
    "sequential": {},
    "feature": {},
    "gated": {},
    "kernel": {},
    "cooperative": {},
    "canonical": {},
    "decision": {},
    "staged": {"fusion": "feature", "training": "staged"},
    "stopped": {"fusion": "feature", "early_stopping": True},
    "blended": {
        "fusion": "parallel",
        "balance": "gradient_blending",
        "max_epochs": 30,
    },
    "head": {"fusion": FeatureFusion(head=LogisticRegression())},
    "imputed": {"fusion": "gated", "missing": "impute"},
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_target_encoded_noise_column_costs_little(name):
    X, y, X_test, y_test = with_noise()
    params = {"fusion": name, **STRATEGIES[name]}
    losses = [
        log_loss(y_test, encoded(noise=noise, **params).fit(X, y).predict_proba(X_test))
        for noise in (None, TargetEncoder())
    ]
    assert losses[1] < losses[0] + 0.06  # .1 to .8 without cross-fitting


def noise_only(seed=0, n=100, n_test=500):
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n + n_test)
    blocks = {
        name: pd.DataFrame(rng.normal(size=(len(y), 500))).add_prefix(name)
        for name in "uv"
    }
    X = pd.concat(blocks.values(), axis=1)
    return X, y, {name: list(block) for name, block in blocks.items()}, n


CHOOSING = {
    "kernel": "kernel",
    "uniform": KernelFusion(weights="uniform"),
    "cooperative": "cooperative",
    "canonical": CanonicalFusion(
        head=GridSearchCV(
            LogisticRegression(), {"C": [1e-4, 1.0]}, scoring="neg_log_loss"
        )
    ),
}


@pytest.mark.parametrize(
    ("name", "names"), [*((name, "u") for name in CHOOSING), ("kernel", "uv")]
)
def test_columns_selected_from_noise_say_nothing(name, names):
    X, y, columns, n = noise_only()
    encoders = [(name, SelectKBest(k=10)) for name in names]
    columns = {name: columns[name] for name in names}
    clf = FusionClassifier(encoders, CHOOSING[name], columns=columns, random_state=0)
    clf.fit(X[:n], y[:n])
    assert log_loss(y[n:], clf.predict_proba(X[n:])) < 0.73  # .693; .88 and more before


@pytest.mark.parametrize("fusion", ["kernel", "cooperative"])
def test_several_labels_and_values_are_chosen_by_folds_too(fusion):
    X, y, columns, n = noise_only()
    labels = np.column_stack([y, np.random.default_rng(1).permutation(y)])
    chosen = SelectFromModel(Ridge(), max_features=40, threshold=-np.inf)
    for estimator, target in ((FusionClassifier, labels), (FusionRegressor, y * 1.0)):
        model = estimator([("u", chosen)], fusion, columns={"u": columns["u"]})
        model.fit(X[:n], target[:n])
        answer = getattr(model, "predict_proba", model.predict)
        errors = (np.asarray(answer(X[n:])) - target[n:]) ** 2
        assert errors.mean() < 0.265  # .29 before; the prior's is .25


def test_held_out_rows_of_early_stopping_teach_no_encoder():
    X, y, columns, n = noise_only()
    clf = FusionClassifier(
        [("u", SelectKBest(k=50))],
        "parallel",
        columns={"u": columns["u"]},
        training=Training(early_stopping=True, validation_fraction=0.3, lr=5e-3),
        random_state=0,
    ).fit(X[:n], y[:n])
    assert clf.history_["valid_loss"].min() > 0.65  # .51 when they do


def test_blending_sees_that_selected_noise_does_not_generalise():
    X, y, columns, n = noise_only(seed=2)
    X = X.assign(good=y + np.random.default_rng(1).normal(size=len(y)))
    clf = FusionClassifier(
        [("good", TabularEncoder()), ("u", SelectKBest(k=30))],
        "parallel",
        training=Training(balance="gradient_blending"),
        columns={"good": ["good"], "u": columns["u"]},
        random_state=0,
    ).fit(X[:n], y[:n])
    good, noise, _ = clf.net_.module_.fusion.blend
    assert noise < 0.1 * good  # five times as much before


def test_training_that_goes_on_meets_the_same_rows():
    X, y, X_test, y_test = with_noise()
    once = encoded("feature", TargetEncoder(), max_epochs=15).fit(X, y)
    again = encoded("feature", TargetEncoder(), max_epochs=5, warm_start=True)
    for _ in range(3):
        again.fit(X, y)
    parts = encoded("feature", TargetEncoder(), max_epochs=5)
    for _ in range(10):
        parts.partial_fit(X, y)
    losses = [log_loss(y_test, m.predict_proba(X_test)) for m in (once, again, parts)]
    assert max(losses) < 0.68  # 1.1 and more with what transform gives


def test_rows_are_found_again_in_any_order():
    X, y, *_ = with_noise()
    X = pd.concat([X, X[:50]], ignore_index=True)  # rows twice
    y = np.concatenate([y, y[:50]])
    clf = encoded("parallel", TargetEncoder(), max_epochs=1).fit(X, y)
    model = clf.fusion_
    known = model.preparation.cross_fitted["noise"].block["features"]
    rows = np.random.default_rng(0).permutation(len(y))
    problem = clf._chunk(X.iloc[rows], y[rows], None).select(model.names)
    found = model.preparation.training_inputs(problem)["noise"]["features"]
    np.testing.assert_array_equal(np.sort(found, axis=0), np.sort(known, axis=0))
    single = np.isin(rows, np.arange(50, 300))
    np.testing.assert_array_equal(found[single], known[rows[single]])
    new = clf._chunk(X.iloc[rows], 1 - y[rows], None).select(model.names)
    found = model.preparation.training_inputs(new)["noise"]["features"]
    plain = model.encoders["noise"].transform(X.iloc[rows][["noise"]])["features"]
    np.testing.assert_array_equal(found, plain)


def test_fits_repeat_and_leave_the_global_generator_alone():
    X, y, X_test, _ = with_noise()
    for fusion in ("kernel", "decision"):
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        first, second = (
            encoded(fusion, TargetEncoder(), max_epochs=2).fit(X, y) for _ in range(2)
        )
        assert (before == np.random.get_state()[1]).all()  # noqa: NPY002
        np.testing.assert_array_equal(
            first.predict_proba(X_test), second.predict_proba(X_test)
        )


def test_a_cache_changes_nothing(tmp_path):
    X, y, X_test, _ = with_noise()
    params = {"fusion": "feature", "training": "staged", "max_epochs": 2}
    plain = encoded(noise=TargetEncoder(), **params).fit(X, y).predict_proba(X_test)
    for _ in range(2):
        clf = encoded(noise=TargetEncoder(), memory=str(tmp_path), **params).fit(X, y)
        np.testing.assert_array_equal(clf.predict_proba(X_test), plain)


@pytest.mark.parametrize("fusion", ["parallel", "kernel"])
def test_saved_models_hold_no_training_rows(fusion, tmp_path):
    pytest.importorskip("safetensors")
    X, y, X_test, _ = with_noise()
    clf = encoded(fusion, TargetEncoder(), max_epochs=2).fit(X, y)
    clf.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    np.testing.assert_array_equal(
        loaded.predict_proba(X_test), clf.predict_proba(X_test)
    )
    model = loaded.fusion_
    preparation = getattr(model, "features", model).preparation
    assert not preparation.cross_fitted


def test_sparse_and_absent_cells_are_cross_fitted():
    X, y, X_test, y_test = with_noise()
    sparse = make_column_transformer(
        (TargetEncoder(), ["noise"]),
        (OneHotEncoder(handle_unknown="ignore"), ["noise"]),
        sparse_threshold=1.0,
    )
    gaps = X.copy()
    gaps.loc[::3, "noise"] = None
    clf = encoded("parallel", sparse).fit(gaps, y)
    assert clf.encoders_["noise"].sparse_
    block = clf.fusion_.preparation.cross_fitted["noise"].block
    assert len(block["values"]) == gaps["noise"].notna().sum()
    first = block["values"].take(np.array([0])).values[0]  # its target encoding
    shown = clf.encoders_["noise"].transform(gaps[["noise"]].iloc[1:2])
    assert shown["values"].values[0] != first
    assert log_loss(y_test, clf.predict_proba(X_test)) < 0.7


def test_columns_of_one_encoder_are_cross_fitted():
    cells = pd.DataFrame({"left": ["p", "q", "p"], "right": ["q", None, "p"]})
    y = np.array([0.0, 1.0, 1.0])
    encoder = SharedEncoder(TransformerEncoder(ReadsY()))
    inputs = encoder.fit_transform(cells, y)["features"]
    stacked = y[[0, 0, 1, 2, 2]]
    left_out = (stacked.sum() - stacked) / 4
    scaled = (left_out - left_out.mean()) / left_out.std()
    np.testing.assert_allclose(inputs[[0, 0, 1, 2, 2], [0, 1, 0, 0, 1], 0], scaled)


@pytest.mark.parametrize("transformer", [StandardScaler(), PCA(2), SelectKBest(k=2)])
def test_others_are_fitted_and_then_transform(transformer):
    X, y, *_ = with_noise()
    encoder = TransformerEncoder(transformer)
    fitted = encoder.fit_transform(X[NUMBERS], y)["features"]
    features = transformer.fit(X[NUMBERS], y).transform(X[NUMBERS])
    np.testing.assert_array_equal(encoder.transform(X[NUMBERS])["features"], fitted)
    np.testing.assert_array_equal(fitted, (features - encoder.mean_) / encoder.scale_)


def test_partial_least_squares_is_an_encoder():
    X, y, X_test, y_test = with_noise()
    clf = FusionClassifier(
        [("table", PLSRegression())], "kernel", columns={"table": NUMBERS}
    ).fit(X[NUMBERS], y)
    assert clf.score(X_test[NUMBERS], y_test) > 0.65
