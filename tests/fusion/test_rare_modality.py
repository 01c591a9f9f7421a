"""A modality that one or two training rows have: fitted, unweighted, and said."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from skmultimodal import (
    AutoFusion,
    DecisionFusion,
    FeatureFusion,
    FusionClassifier,
    FusionRegressor,
    FusionTransformer,
    ParallelFusion,
    SequentialFusion,
    TabularEncoder,
    TextEncoder,
    Training,
    load,
)
from skmultimodal.fusion._auto import FUSIONS
from skmultimodal.fusion.rules._classification import RULES
from skmultimodal.fusion.rules._regression import REGRESSION_RULES
from tests.parameters import nested

WARNING = r"Modality 'r' is in 1 of 40 training rows, too few"


def rows(n_rare=1, n=40, seed=0):
    """Return a frame with a number, a text, and `r` in few rows; labels, values."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % 2)
    words = [" ".join(rng.choice(["red", "sea", "car"], 3)) for _ in y]
    X = pd.DataFrame({"a": y + rng.normal(size=n), "t": words})
    rare = np.full(n, None, dtype=object)
    few = np.flatnonzero(y == 0)[:n_rare]
    rare[few] = "a note"
    return X.assign(r=pd.Series(rare, dtype=object)), y, y + 0.1 * rng.normal(size=n)


FOLDS = 4  # not dealt by content, which `r` is a part of
COLUMNS = {"a": ["a"]}
MODELS = [
    ("a", LogisticRegression()),
    ("t", TextEncoder(out_features=4)),
    ("r", TextEncoder(out_features=4)),
]


def fits(make, fusion="auto", **kwargs):
    return make(
        [("a", TabularEncoder(out_features=4)), *MODELS[1:]],
        fusion,
        columns=COLUMNS,
        random_state=0,
        **nested(kwargs, max_epochs=2),
    )


@pytest.mark.filterwarnings("ignore:X has rows whose present")
@pytest.mark.parametrize("n_rare", [1, 2])
@pytest.mark.parametrize("make", [FusionClassifier, FusionRegressor])
def test_default(make, n_rare):
    X, labels, values = rows(n_rare)
    y = labels if make is FusionClassifier else values
    fused = make(random_state=0)
    if make is FusionClassifier or n_rare == 1:
        with pytest.warns(UserWarning, match=f"'r' is in {n_rare} of 40 training"):
            fused.fit(X, y)
        assert fused.fusion_weights_["r"] == 0
        answer = "predict_proba" if make is FusionClassifier else "predict"
        with_it = getattr(fused, answer)(X)
        with pytest.warns(UserWarning, match="no column for"):
            without = getattr(fused, answer)(X.drop(columns="r"))
        np.testing.assert_array_equal(with_it, without)
        only = X.assign(a=np.nan, t=None)[X["r"].notna()]
        prior = getattr(fused, answer)(only)[0]  # as where nothing is observed
        np.testing.assert_allclose(prior, [0.5, 0.5] if prior.ndim else y.mean())
    else:
        assert np.isfinite(fused.fit(X, y).predict(X)).all()


@pytest.mark.parametrize("rule", list(RULES))
def test_rules_for_labels_do_not_see_it(rule):
    X, y, _ = rows()
    models = [MODELS[0], ("b", LogisticRegression()), ("r", MODELS[2][1])]
    X = X.assign(b=np.roll(X["a"], 1)).drop(columns="t")
    columns = {**COLUMNS, "b": ["b"]}
    kwargs = {"columns": columns, "max_epochs": 1, "random_state": 0}
    with pytest.warns(UserWarning, match=WARNING):
        clf = FusionClassifier(
            models, DecisionFusion(rule, cv=FOLDS), **nested(kwargs)
        ).fit(X, y)
    assert clf.fusion_weights_["r"] == 0
    alone = FusionClassifier(
        models[:2], DecisionFusion(rule, cv=FOLDS), **nested(kwargs)
    )
    expected = alone.fit(X[["a", "b"]], y).predict_proba(X[["a", "b"]])
    np.testing.assert_allclose(clf.predict_proba(X), expected, rtol=1e-12)


@pytest.mark.parametrize("rule", list(REGRESSION_RULES))
def test_rules_for_values_do_not_see_it(rule):
    X, _, y = rows()
    X = X.assign(b=np.roll(X["a"], 1)).drop(columns="t")
    models = [("a", Ridge()), ("b", Ridge()), ("r", MODELS[2][1])]
    columns = {**COLUMNS, "b": ["b"]}
    kwargs = {"columns": columns, "max_epochs": 1, "random_state": 0}
    with pytest.warns(UserWarning, match=WARNING):
        reg = FusionRegressor(
            models, DecisionFusion(rule, cv=FOLDS), **nested(kwargs)
        ).fit(X, y)
    assert reg.fusion_weights_["r"] == 0
    alone = FusionRegressor(
        models[:2], DecisionFusion(rule, cv=FOLDS), **nested(kwargs)
    )
    expected = alone.fit(X[["a", "b"]], y).predict(X[["a", "b"]])
    np.testing.assert_allclose(reg.predict(X), expected, rtol=1e-12)


@pytest.mark.parametrize("alias", [a for a in FUSIONS if a != "decision"])
def test_strategies_of_one_network_or_machine(alias):
    X, y, _ = rows()
    if alias in ("cooperative", "kernel", "canonical"):
        clf = FusionClassifier(fusion=alias, random_state=0)
    else:
        clf = fits(FusionClassifier, alias)
    assert np.isfinite(clf.fit(X, y).predict_proba(X)).all()


@pytest.mark.parametrize(
    ("fusion", "training"),
    [
        (SequentialFusion(mode="residual"), "joint"),
        (ParallelFusion("cv"), "joint"),
        (ParallelFusion(), "staged"),
        (FeatureFusion(head=LogisticRegression()), "joint"),
    ],
    ids=["residual", "cv", "staged", "head"],
)
def test_strategies_that_judge_on_held_out_rows(fusion, training):
    X, y, _ = rows()
    with pytest.warns(UserWarning, match=WARNING):
        clf = fits(FusionClassifier, fusion, training=training).fit(X, y)
    assert np.isfinite(clf.predict_proba(X)).all()
    if training == "joint" and not isinstance(fusion, FeatureFusion):
        assert clf.fusion_weights_["r"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("order", ["auto", "best_first"])
def test_it_is_looked_at_last(order):
    X, y, _ = rows()
    clf = fits(FusionClassifier, SequentialFusion(order=order)).fit(X, y)
    assert clf.fusion_.names[-1] == "r"


def test_search_scores_the_fold_without_it():
    X, y, _ = rows()
    candidates = ["feature", ParallelFusion({"a": 1.0, "t": 1.0, "r": 1.0})]
    message = "'r' is in 1 of 40 training rows, and absent .* in 1 of 5 folds"
    with pytest.warns(UserWarning, match=message):
        clf = fits(FusionClassifier, AutoFusion(candidates)).fit(X, y)
    assert clf.fusion_report_["score"].notna().all()
    assert np.isfinite(clf.predict_proba(X)).all()


def test_cross_fitted_embeddings():
    X, y, _ = rows()
    embedder = fits(FusionTransformer, "feature", cross_fit=True)
    assert np.isfinite(embedder.fit_transform(X, y)).all()


def test_given_weights_stay():
    X, y, _ = rows()
    given = DecisionFusion("mean", {"a": 0.5, "t": 0.25, "r": 0.25})
    clf = fits(FusionClassifier, given).fit(X, y)
    assert clf.fusion_weights_ == {"a": 0.5, "t": 0.25, "r": 0.25}


@pytest.mark.parametrize("weights", ["uniform", {"table": 1.0, "t": 1.0, "r": 2.0}])
def test_a_model_that_takes_no_single_class_stays_out(weights, tmp_path):
    X, y, _ = rows(2)
    clf = FusionClassifier(fusion=DecisionFusion(weights=weights), random_state=0)
    with pytest.warns(UserWarning, match="'r' is in 2 of 40 training rows, too few"):
        clf.fit(X, y)
    assert clf.fusion_weights_["r"] == 0
    assert clf.uncertainty(X).total.shape == (40,)
    assert np.isnan(clf.predict_proba_per_modality(X)["r"]).all()
    clf.save(tmp_path / "rare.skmm")
    for copy in (pickle.loads(pickle.dumps(clf)), load(tmp_path / "rare.skmm")):
        np.testing.assert_array_equal(copy.predict_proba(X), clf.predict_proba(X))


def test_folds_are_averaged_where_they_have_it():
    X, y, _ = rows()
    fusion = DecisionFusion("mean", {"a": 1.0, "t": 1.0, "r": 1.0}, refit=False)
    clf = fits(FusionClassifier, fusion).fit(X, y)
    assert np.isfinite(clf.predict_proba(X)).all()
    assert np.isfinite(clf.predict_proba_per_modality(X)["r"][X["r"].notna()]).all()


def test_a_model_that_fails_for_another_reason_fails():
    X, y, _ = rows(2)
    X.loc[y.argmax(), "r"] = "of the other label"
    models = [*MODELS[:2], ("r", LogisticRegression())]  # a text is no number
    with pytest.raises(ValueError, match=re.escape("Modality 'r'")):
        FusionClassifier(
            models, "decision", columns=COLUMNS, training=Training(max_epochs=1)
        ).fit(X, y)


def test_a_modality_that_no_row_has_is_refused():
    X, y, _ = rows(0)
    with pytest.raises(ValueError, match=r"'r': it is absent from every training row"):
        fits(FusionClassifier, "decision").fit(X, y)
