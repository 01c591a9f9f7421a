"""Expected gain from a modality that a row lacks."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from skmultimodal import DecisionFusion, FusionClassifier, FusionRegressor
from skmultimodal.inspection import value_of_information

N = 400


@pytest.fixture(scope="module")
def fitted():
    """A model of a modality that tells and of one that does not."""
    rng = np.random.default_rng(0)
    y = np.arange(N) % 2
    X = pd.DataFrame({"clear": 3.0 * y, "vague": 0.5 * y, "noise": 0.0})
    X += rng.normal(size=(N, 3))
    clf = FusionClassifier(
        [(name, LogisticRegression()) for name in X],
        DecisionFusion(weights=dict.fromkeys(X, 1.0)),
        columns={name: [name] for name in X},
    )
    return clf.fit(with_holes(X), y), X, y


def with_holes(X):
    """Return X with every pattern of absent cells."""
    return X.mask(np.random.default_rng(1).random(X.shape) < 0.2)


def gains(fitted, X, **params):
    clf, background, _ = fitted
    params = {"background": background, "random_state": 0, **params}
    return value_of_information(clf, X, **params)


def test_ranks_what_to_acquire(fitted):
    X = pd.DataFrame(np.nan, range(4), fitted[1].columns)
    found = gains(fitted, X, n_draws=200)
    assert (found["clear"] > found["vague"]).all()
    assert (found["vague"] > found["noise"]).all()
    assert found["noise"].abs().max() < 0.05


def test_equals_what_is_gained_on_average(fitted):
    clf, X, _ = fitted
    lacking = X.assign(clear=np.nan)
    before = clf.fusion_.response(*clf.reader_.read(lacking))
    after = clf.predict_proba(X)
    entropy = [-(p * np.log2(p)).sum(axis=1).mean() for p in (before, after)]
    found = gains(fitted, lacking, n_draws=100)["clear"].mean()
    assert found == pytest.approx(entropy[0] - entropy[1], abs=0.05)
    likely = gains(fitted, lacking, n_draws=100, utility="accuracy")["clear"].mean()
    expected = (after.max(axis=1) - before.max(axis=1)).mean()
    assert likely == pytest.approx(expected, abs=0.03)


def test_only_what_is_missing_has_a_value(fitted):
    clf, X, _ = fitted
    X = X.iloc[:6].copy()
    X.loc[[1, 3], "vague"] = np.nan
    found = gains(fitted, X)
    assert found.notna().to_numpy().nonzero()[0].tolist() == [1, 3]
    assert found.columns.tolist() == clf.modalities_
    pd.testing.assert_index_equal(found.index, X.index)


def test_values_give_the_variance_that_goes_away():
    rng = np.random.default_rng(0)
    X = {"a": rng.normal(size=(200, 1)), "b": rng.normal(size=(200, 1))}
    y = X["a"][:, 0] + 3 * X["b"][:, 0]
    models = [(name, LinearRegression()) for name in X]
    fusion = DecisionFusion(weights={"a": 1.0, "b": 1.0})
    holes = X["b"].copy()
    holes[:5] = np.nan
    reg = FusionRegressor(models, fusion).fit({**X, "b": holes}, y)
    rows = {"a": X["a"][:5], "b": holes[:5]}
    found = value_of_information(reg, rows, background=X, n_draws=300)
    # the mean of both predictions: half of 3 b, which varies by 2.25
    assert found["b"].mean() == pytest.approx(2.25 * X["b"].var(), rel=0.15)


def test_several_labels(fitted):
    _, X, y = fitted
    clf = FusionClassifier(
        [(name, LogisticRegression()) for name in X],
        "decision",
        columns={name: [name] for name in X},
    ).fit(with_holes(X), np.c_[y, 1 - y])
    lacking = X.iloc[:5].assign(clear=np.nan)
    found = value_of_information(clf, lacking, background=X, random_state=0)
    assert (found["clear"] > 0).all()


def test_refuses(fitted):
    clf, X, _ = fitted
    with pytest.raises(ValueError, match="'utility' must be"):
        value_of_information(clf, X, utility="money")
    absent = X.assign(clear=np.nan)
    with pytest.raises(ValueError, match="Modality 'clear' is absent from every row"):
        value_of_information(clf, absent)
