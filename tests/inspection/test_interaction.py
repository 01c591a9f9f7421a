"""Interactions: none in additive models, nothing else in XOR, and by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from skmultimodal import (
    DecisionFusion,
    FeatureFusion,
    FusionClassifier,
    FusionRegressor,
    TabularEncoder,
    Training,
)
from skmultimodal.datasets import make_multimodal_classification
from skmultimodal.inspection import (
    InteractionDisplay,
    coalition_values,
    modality_interaction,
)
from skmultimodal.inspection._interaction import _intershap, interaction_weights


@pytest.fixture(scope="module")
def data():
    return make_multimodal_classification(
        60, n_features=3, n_informative=2, random_state=0
    )


def models(X, estimator):
    return [(name, estimator) for name in X]


@pytest.fixture(scope="module")
def additive(data):
    X, y = data
    return FusionClassifier(models(X, LogisticRegression()), "decision").fit(X, y)


@pytest.fixture(scope="module")
def xor():
    """A model that solved XOR of two signs, and its rows."""
    X = np.array(list(itertools.product([-1.0, 1.0], repeat=2)) * 20)
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    X = {"a": X[:, :1], "b": X[:, 1:]}
    clf = FusionClassifier(
        models(X, TabularEncoder()),
        FeatureFusion(),
        random_state=0,
        training=Training(max_epochs=40, lr=1e-2, modality_dropout=0.0),
    ).fit(X, y)
    assert clf.score(X, y) == 1
    return clf, X, y


@pytest.mark.parametrize("n_repeats", [3, 60])
def test_intershap_of_an_additive_model_is_0(additive, data, n_repeats):
    found = modality_interaction(
        additive, data[0], target=1, n_repeats=n_repeats, random_state=0
    )
    assert found.score_ == pytest.approx(0, abs=1e-6)
    assert (np.diag(found.matrix_) > 0.01).all()


def test_intershap_of_an_additive_regression_is_0(data):
    X, _ = data
    value = X["m0"][:, 0] + 2 * X["m1"][:, 0] ** 2
    encoders = models(X, TabularEncoder(out_features=4))
    reg = FusionRegressor(
        encoders, "parallel", random_state=0, training=Training(max_epochs=2)
    )
    reg.fit(X, value)
    found = modality_interaction(reg, X, n_repeats=5, random_state=0)
    assert found.score_ == pytest.approx(0, abs=1e-4)


def test_intershap_of_xor_is_1(xor):
    clf, X, _ = xor
    found = modality_interaction(clf, X, n_repeats=80)
    assert found.score_ == pytest.approx(1, abs=0.02)
    probability = modality_interaction(clf, X, output="probability", n_repeats=80)
    assert probability.score_ == pytest.approx(1, abs=0.02)


def test_emap_and_shape_of_xor(xor):
    clf, X, y = xor
    emap = modality_interaction(
        clf, X, y, method="emap", scoring="neg_log_loss", n_repeats=80
    )
    assert emap.score_ == pytest.approx(np.log(2), abs=0.05)  # nothing is left
    assert emap.matrix_.loc["a", "b"] == pytest.approx(emap.score_)
    assert np.isnan(emap.matrix_.loc["a", "a"])
    shape = modality_interaction(clf, X, y, method="shape", removal="permute")
    # 1 with both, about a half with one or with none
    assert shape.score_ == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("n_repeats", [3, 60])
def test_emap_of_an_additive_model_is_0(additive, data, n_repeats):
    X, y = data
    found = modality_interaction(
        additive, X, y, method="emap", scoring="neg_log_loss", n_repeats=n_repeats
    )
    assert found.score_ == pytest.approx(0, abs=1e-6)
    assert np.nanmax(np.abs(found.matrix_)) < 1e-6


def test_emap_equals_the_double_loop():
    rng = np.random.default_rng(0)
    X = {"a": rng.normal(size=(12, 1)), "b": rng.normal(size=(12, 1))}
    value = X["a"][:, 0] * X["b"][:, 0]
    reg = FusionRegressor(
        models(X, TabularEncoder()),
        "feature",
        random_state=0,
        training=Training(max_epochs=3),
    ).fit(X, value)
    table = np.array(
        [reg.predict({"a": X["a"][[i] * 12], "b": X["b"]}) for i in range(12)]
    )
    additive = table.mean(axis=1) + table.mean(axis=0) - table.mean()
    gap = np.mean((additive - value) ** 2) - np.mean((table.diagonal() - value) ** 2)
    found = modality_interaction(
        reg, X, value, method="emap", scoring="neg_mean_squared_error", n_repeats=12
    )
    assert found.score_ == pytest.approx(gap, abs=1e-5)


def test_shape_by_hand(additive, data):
    X, y = data
    values = coalition_values(additive, X, y)
    v = {name: values.scores[values.position(name)] for name in X}
    none, everything = values.scores[0], values.scores[-1]
    found = modality_interaction(additive, X, y, method="shape")
    expected = everything - none - sum(v[name] - none for name in X)
    assert found.score_ == pytest.approx(expected)
    pair = values.scores[values.position("m0", "m2")]
    assert found.matrix_.loc["m0", "m2"] == pytest.approx(
        pair - v["m0"] - v["m2"] + none
    )
    assert found.matrix_.loc["m1", "m1"] == pytest.approx(v["m1"] - none)


def test_interactions_and_own_effects_sum_to_the_whole():
    subsets = np.array(list(itertools.product([False, True], repeat=4)))
    # the product of two of four: all of it is the pair's, half in either place
    product = subsets[:, :2].all(axis=1).astype(float)[:, None]
    matrix, share = _intershap(subsets, product)
    expected = np.zeros((4, 4))
    expected[0, 1] = expected[1, 0] = 0.5
    np.testing.assert_allclose(matrix, expected, atol=1e-12)
    assert share == pytest.approx(1)
    assert interaction_weights(subsets, 0, 1) @ product[:, 0] == pytest.approx(0.5)
    sums = subsets @ np.array([1.0, -2, 3, 0])
    linear, share = _intershap(subsets, sums[:, None])
    np.testing.assert_allclose(np.diag(linear), [1, 2, 3, 0], atol=1e-12)
    assert share == pytest.approx(0)


def test_plot(additive, data):
    found = modality_interaction(additive, *data, method="shape")
    assert isinstance(found.plot(), InteractionDisplay)
    drawn = InteractionDisplay.from_estimator(additive, *data, method="shape")
    pd.testing.assert_frame_equal(drawn.interactions, found.matrix_)


def test_refuses(additive, data):
    X, y = data
    with pytest.raises(ValueError, match="'method' must be one of"):
        modality_interaction(additive, X, method="h")
    with pytest.raises(ValueError, match="Pass y"):
        modality_interaction(additive, X, method="emap")
    with pytest.raises(ValueError, match="defined by removal='mean'"):
        modality_interaction(additive, X, y, method="emap", removal="mask")
    one = FusionClassifier([("m0", LogisticRegression())], DecisionFusion())
    one.fit({"m0": X["m0"]}, y)
    with pytest.raises(ValueError, match="two modalities or more"):
        modality_interaction(one, {"m0": X["m0"]})
