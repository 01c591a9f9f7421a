"""Cooperative fusion against elastic nets of scikit-learn on augmented rows."""

from collections import deque
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression

from skmultimodal import CooperativeFusion, FusionClassifier, FusionRegressor
from skmultimodal.datasets import (
    make_multimodal_classification,
    make_multimodal_regression,
)
from skmultimodal.fusion._cooperative import cooperative_path

N = 60
RNG = np.random.default_rng(0)
BLOCKS = [block - block.mean(0) for block in (RNG.normal(size=(N, k)) for k in (5, 4))]
Y = BLOCKS[0][:, :1] + BLOCKS[1][:, 1:2] + 0.3 * RNG.normal(size=(N, 1))
Y -= Y.mean()
EVERYWHERE = np.ones((N, 2), dtype=bool)
EQUAL = np.full(N, 1 / N)


def solved(blocks, present, target, weight, kind, rho, alpha, l1_ratio):
    """Return the coefficients and the bias for one penalty."""
    path = cooperative_path(
        blocks, present, target, weight, kind, rho, [5 * alpha, alpha], l1_ratio, 1e-10
    )
    return deque(path, maxlen=1).pop()


def net(X, y, alpha, l1_ratio=1.0, **fit):
    model = ElasticNet(alpha=alpha, l1_ratio=l1_ratio, tol=1e-12, max_iter=100_000)
    return model.fit(X, y, **fit)


def augmented(blocks, present, y, rho):
    """Return the rows with those of the pairs below them, and their targets."""
    X, targets = [np.hstack(blocks)], [y]
    for i, j in combinations(range(len(blocks)), 2):
        both = (present[:, i] & present[:, j])[:, None]
        parts = [np.zeros_like(block) for block in blocks]
        parts[i], parts[j] = both * blocks[i], both * -blocks[j]
        X.append(np.sqrt(rho) * np.hstack(parts))
        targets.append(0 * y)
    return np.vstack(X), np.concatenate(targets)


def test_without_agreement_it_is_the_lasso_of_all_features():
    coef, bias = solved(BLOCKS, EVERYWHERE, Y, EQUAL, "regression", 0.0, 0.1, 1.0)
    expected = Lasso(alpha=0.1, tol=1e-12).fit(np.hstack(BLOCKS), Y[:, 0])
    np.testing.assert_allclose(coef[:, 0], expected.coef_, atol=1e-7)
    np.testing.assert_allclose(bias, 0, atol=1e-12)
    assert 0 < np.count_nonzero(coef) < len(coef)


def test_with_rho_of_one_both_modalities_fit_half_of_y():
    coef, _ = solved(BLOCKS, EVERYWHERE, Y, EQUAL, "regression", 1.0, 0.1, 1.0)
    halves = [net(X, Y[:, 0] / 2, 0.05).coef_ for X in BLOCKS]
    np.testing.assert_allclose(coef[:, 0], np.concatenate(halves), atol=1e-7)


@pytest.mark.parametrize("widths", [(3, 2, 4), (70, 80, 95)])  # narrow, wide
@pytest.mark.parametrize("l1_ratio", [0.0, 0.3, 1.0])
def test_three_modalities_with_gaps_equal_the_augmented_rows(l1_ratio, widths):
    rng = np.random.default_rng(1)
    present = rng.random((N, 3)) < 0.7
    blocks = []
    for m, width in enumerate(widths):
        here = present[:, [m]]
        block = rng.normal(size=(N, width)) * here
        blocks.append(block - here * block.sum(0) / here.sum())
    y = sum(block[:, 0] for block in blocks) + rng.normal(size=N)
    y -= y.mean()
    coef, _ = solved(
        blocks, present, y[:, None], EQUAL, "regression", 2.0, 0.1, l1_ratio
    )
    X, t = augmented(blocks, present, y, 2.0)
    if l1_ratio:
        # scikit-learn divides by the number of rows
        model = ElasticNet(
            alpha=0.1 * N / len(X), l1_ratio=l1_ratio, fit_intercept=False, tol=1e-12
        )
        expected = model.fit(X, t).coef_
    else:
        ridge = 0.1 * np.eye(X.shape[1])
        expected = np.linalg.solve(X.T @ X / N + ridge, X.T @ t / N)
    np.testing.assert_allclose(coef[:, 0], expected, atol=1e-6)


def test_a_large_rho_makes_the_terms_agree():
    gaps = []
    for rho in (0.0, 1.0, 100.0):
        coef, _ = solved(BLOCKS, EVERYWHERE, Y, EQUAL, "regression", rho, 1e-3, 0.0)
        gaps.append(np.std(BLOCKS[0] @ coef[:5] - BLOCKS[1] @ coef[5:]))
    assert gaps[0] > 1.5 * gaps[1] > 6 * gaps[2]


def test_two_classes_without_agreement_are_a_logistic_regression():
    labels = (Y[:, 0] > 0).astype(int)
    target = np.eye(2)[labels]
    coef, bias = solved(BLOCKS, EVERYWHERE, target, EQUAL, "classification", 0, 0.1, 0)
    # alpha / 2 on the squares of -d / 2 and d / 2 is alpha / 4 on that of d
    model = LogisticRegression(C=2 / (N * 0.1), tol=1e-12, max_iter=10_000)
    model.fit(np.hstack(BLOCKS), labels)
    np.testing.assert_allclose(coef[:, 1] - coef[:, 0], model.coef_[0], atol=1e-6)
    np.testing.assert_allclose(bias[1] - bias[0], model.intercept_[0], atol=1e-6)


@pytest.mark.parametrize("kind", ["classification", "multilabel"])
def test_the_gradient_is_zero_where_it_stops(kind):
    rng = np.random.default_rng(2)
    target = np.eye(3)[rng.integers(0, 3, N)]
    if kind == "multilabel":
        target = (rng.random((N, 3)) < 0.4).astype(float)
    weight = rng.uniform(0.5, 2, N)
    weight /= weight.sum()
    rho, alpha = 0.7, 0.05
    coef, bias = solved(BLOCKS, EVERYWHERE, target, weight, kind, rho, alpha, 0.0)

    def objective(flat):
        coef = flat.reshape(9, 3)
        terms = BLOCKS[0] @ coef[:5], BLOCKS[1] @ coef[5:]
        scores = terms[0] + terms[1] + bias
        if kind == "multilabel":
            loss = np.logaddexp(0, scores).sum(1) - (target * scores).sum(1)
        else:
            loss = np.logaddexp.reduce(scores, axis=1) - (target * scores).sum(1)
        gap = rho / 2 * np.square(terms[0] - terms[1]).sum(1)
        return weight @ (loss + gap) + alpha / 2 * np.square(coef).sum()

    gradient = approx_fprime(coef.ravel(), objective, 1e-7)
    np.testing.assert_allclose(gradient, 0, atol=1e-6)
    assert np.abs(coef).max() > 0.01


def test_weights_of_rows_equal_repetition():
    X, y = make_multimodal_regression(60, random_state=0)
    X = {name: np.asarray(X[name]) for name in X}
    weight = np.arange(60) % 3 + 1
    spec = CooperativeFusion(0.5, alpha=0.1)
    weighted = FusionRegressor(fusion=spec).fit(X, y, sample_weight=weight)
    repeated = {name: np.repeat(block, weight, axis=0) for name, block in X.items()}
    plain = FusionRegressor(fusion=spec).fit(repeated, np.repeat(y, weight))
    np.testing.assert_allclose(weighted.predict(X), plain.predict(X), rtol=1e-3)


@pytest.mark.slow
def test_contributions_add_up_and_features_are_left_out():
    X, y = make_multimodal_classification(120, n_classes=3, random_state=0)
    X = {name: np.hstack([X[name], RNG.normal(size=(120, 20))]) for name in X}
    clf = FusionClassifier(fusion=CooperativeFusion(l1_ratio=1.0)).fit(X, y)
    parts = clf.contributions(X)
    scores = sum(parts.values())
    proba = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(proba, clf.predict_proba(X))
    coefs = np.vstack(list(clf.fusion_.coefs.values()))
    assert 0 < (coefs != 0).any(axis=1).sum() < 60
    assert clf.score(X, y) > 0.6


def test_the_present_speak_for_those_they_agree_with():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(300, 6))
    X = {name: z + 0.3 * rng.normal(size=z.shape) for name in "ab"}
    y = z.sum(axis=1)
    reg = FusionRegressor(fusion=CooperativeFusion(9.0)).fit(X, y)
    gone = {"a": np.full_like(z, np.nan), "b": X["b"]}
    with pytest.warns(UserWarning, match="No training row"):
        alone = reg.predict(gone)
    assert np.polyfit(reg.predict(X), alone, 1)[0] == pytest.approx(1, abs=0.1)
    assert np.mean((alone - y) ** 2) < 0.25 * y.var()
    # and where modalities have nothing in common, a term says what it said before
    X = {name: rng.normal(size=(3000, 2)) for name in "ab"}
    reg = FusionRegressor(fusion=CooperativeFusion(0.0, alpha=0.01))
    reg.fit(X, X["a"][:, 0] + X["b"][:, 0])
    terms = reg.contributions(X)
    with pytest.warns(UserWarning, match="No training row"):
        alone = reg.contributions({"a": np.full_like(X["a"], np.nan), "b": X["b"]})
    np.testing.assert_allclose(alone["b"], terms["b"], rtol=0.1)
    np.testing.assert_array_equal(alone["a"], 0)


def test_rho_and_alpha_are_chosen_on_folds():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(80, 3))
    shared = {
        name: np.hstack([z + 0.5 * rng.normal(size=z.shape), rng.normal(size=(80, 40))])
        for name in "ab"
    }
    y = z.sum(axis=1) + rng.normal(size=80)
    own = {name: rng.normal(size=(80, 3)) for name in "ab"}
    chosen = []
    for X, target in ((shared, y), (own, own["a"].sum(1) - own["b"].sum(1))):
        reg = FusionRegressor(fusion=CooperativeFusion()).fit(X, target)
        chosen.append(reg.fusion_.rho)
        assert reg.fusion_.alpha > 0
    assert chosen[0] > chosen[1] == 0
