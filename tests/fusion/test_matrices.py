"""Matrices in the log-linear pool, against scikit-learn and numpy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skmultimodal import DecisionFusion, FusionClassifier
from skmultimodal.fusion import LogPool
from skmultimodal.fusion.rules import _matrices
from skmultimodal.fusion.rules._matrices import fit_matrices


def confused(n, seed=0, told=1.0):
    """Return answers of a sure model and of one that takes class c for c + 1, and y."""
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=n)
    scores = rng.normal(size=(2, n, 3))
    scores[0] += 1.5 * told * np.eye(3)[y]
    scores[1] += 3 * told * np.eye(3)[(y + 1) % 3]
    return softmax(scores, axis=2), y


def pool(proba, y, **params):
    return LogPool(matrices=True).fit(proba, y, prior=np.full(3, 1 / 3), **params)


@pytest.mark.parametrize("penalty", [0.1, 0.003])
def test_a_fit_from_no_scores_is_a_logistic_regression(penalty):
    rng = np.random.default_rng(0)
    y, weight = rng.integers(3, size=200), rng.uniform(0.5, 2, 200)
    x = rng.normal(size=(200, 4)) + y[:, None]
    weight /= weight.mean()
    none = np.zeros((4, 3))
    ours = _matrices._fitted(x, y, np.zeros((200, 3)), weight, penalty, none)
    known = LogisticRegression(
        C=1 / (200 * penalty), fit_intercept=False, tol=1e-8, max_iter=1000
    )
    expected = known.fit(x, y, sample_weight=weight).coef_.T
    np.testing.assert_allclose(ours, expected, atol=1e-3)


def test_a_class_that_a_model_takes_for_another_speaks_for_that_one():
    proba, y = confused(1200)
    train, test = slice(600), slice(600, None)
    rule = pool(proba[:, train], y[train])
    assert rule.matrices_.shape == (2, 3, 3)
    assert (rule.matrices_[1].argmax(axis=1) == [2, 0, 1]).all()
    plain = LogPool().fit(proba[:, train], y[train])
    losses = [log_loss(y[test], each.combine(proba[:, test])) for each in (rule, plain)]
    assert losses[0] < 0.6 * losses[1]


def test_the_answer_is_a_sum_of_terms_of_present_modalities():
    proba, y = confused(400)
    rule = pool(proba, y)
    present = np.random.default_rng(1).random((2, 400)) < 0.7
    answer = rule.combine(proba, present)
    for i in np.flatnonzero(present.any(axis=0)):
        scores = np.log(np.full(3, 1 / 3))
        for m in np.flatnonzero(present[:, i]):
            matrix = rule.weights_[m] * np.eye(3) + rule.matrices_[m]
            scores = scores + (np.log(proba[m, i]) - np.log(1 / 3)) @ matrix
        np.testing.assert_allclose(answer[i], softmax(scores), rtol=1e-6)
    np.testing.assert_allclose(answer[~present.any(axis=0)], 1 / 3)


def test_weights_stay_numbers_where_matrices_gain_nothing():
    proba, y = confused(500, told=0.0)
    far, other = confused(5000, seed=1, told=0.0)
    noise = log_loss(other, pool(proba, y).combine(far))
    assert noise < np.log(3) + 0.01
    good = np.stack([confused(500)[0][0]] * 2)
    assert pool(good, confused(500)[1]).matrices_ is None


@pytest.mark.parametrize(
    ("n", "params"),
    [
        (299, {}),
        (400, {"weights": "uniform"}),
        (400, {"weights": [0.3, 0.5]}),
    ],
)
def test_where_there_are_none(n, params):
    assert pool(*confused(n), **params).matrices_ is None


def test_many_classes_have_none():
    rng = np.random.default_rng(0)
    ratios, y = rng.normal(size=(1, 600, 51)), np.arange(600) % 51
    assert fit_matrices(ratios, y, np.zeros((600, 51))) is None


def test_of_many_rows_some_are_drawn(monkeypatch):
    proba, y = confused(1000)
    known = pool(proba, y).matrices_
    monkeypatch.setattr(_matrices, "LARGEST", 500 * 2 * 3**2)
    fitted = _matrices._fitted
    sizes = []

    def spy(x, *args):
        sizes.append(len(x))
        return fitted(x, *args)

    monkeypatch.setattr(_matrices, "_fitted", spy)
    drawn = pool(proba, y).matrices_
    assert max(sizes) == 500
    assert 0 < abs(drawn - known).max() < 1
    monkeypatch.setattr(_matrices, "LARGEST", 299 * 2 * 3**2)
    assert pool(proba, y).matrices_ is None


def test_order_repeats_and_weights():
    proba, y = confused(300)
    known = pool(proba, y).matrices_
    order = np.random.default_rng(0).permutation(300)
    np.testing.assert_allclose(
        pool(proba[:, order], y[order]).matrices_, known, atol=1e-4
    )
    twice = np.repeat(np.arange(300), 1 + np.arange(300) % 2)
    np.testing.assert_allclose(
        pool(proba[:, twice], y[twice]).matrices_,
        pool(proba, y, sample_weight=1.0 + np.arange(300) % 2).matrices_,
        atol=1e-4,
    )


def test_rows_of_a_group_share_a_fold(monkeypatch):
    proba, y = confused(400)
    groups, seen = np.arange(400) // 4, []
    deal = _matrices.content_folds

    def spy(keys, strata):
        seen.append((keys, deal(keys, strata)))
        return seen[-1][1]

    monkeypatch.setattr(_matrices, "content_folds", spy)
    assert pool(proba, y, groups=groups).matrices_ is not None
    ((keys, fold),) = seen
    np.testing.assert_array_equal(keys, groups)
    assert all(len(set(fold[groups == g])) == 1 for g in range(100))
    assert set(fold) == set(range(5))


@pytest.mark.parametrize(
    ("fusion", "expected"),
    [
        ("decision", True),
        (DecisionFusion("log_pool"), False),
        (DecisionFusion(weights="uniform"), False),
        (DecisionFusion(ensemble=True), False),
    ],
)
def test_decision_fusion_lets_them_in_by_itself(fusion, expected):
    proba, y = confused(400)
    X = {name: np.log(part) for name, part in zip("ab", proba, strict=True)}

    models = [(name, Softmax()) for name in X]
    clf = FusionClassifier(models, fusion, random_state=0).fit(X, y)
    (rule,) = clf.fusion_.rules
    assert (rule.matrices_ is not None) is expected


class Softmax(LogisticRegression):
    """A model that takes its input for scores of the classes, whatever they are of."""

    def fit(self, X, y, sample_weight=None):
        self.classes_, self.n_features_in_ = np.unique(y), X.shape[1]
        return self

    def predict_proba(self, X):
        return softmax(X, axis=1)
