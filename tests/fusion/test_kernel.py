"""Kernel fusion: alignment by formula, the combined kernel, absent modalities."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics.pairwise import rbf_kernel

from skmultimodal import (
    FusionClassifier,
    FusionRegressor,
    KernelFusion,
    TabularEncoder,
    TextEncoder,
)
from skmultimodal.datasets import (
    make_multimodal_classification,
    make_multimodal_regression,
    make_multimodal_xor,
)
from skmultimodal.encoders import KernelClassifier
from skmultimodal.fusion._kernel import CombinedKernel, alignment


def table_encoders(X):
    return [(name, TabularEncoder()) for name in X]


def test_alignment_against_the_formula():
    rng = np.random.RandomState(0)
    X, y = rng.randn(30, 4), rng.randn(30, 2)
    kernel, center = rbf_kernel(X), np.eye(30) - 1 / 30
    centred, target = center @ kernel @ center, center @ y @ y.T @ center
    expected = np.trace(centred @ target) / np.sqrt(
        np.trace(centred @ centred) * np.trace(target @ target)
    )
    assert alignment(kernel, y, np.ones(30)) == pytest.approx(expected)
    assert alignment(target, y, np.ones(30)) == pytest.approx(1)
    assert alignment(np.ones((30, 30)), y, np.ones(30)) == pytest.approx(0, abs=1e-9)


def test_alignment_with_weights_equals_repeated_rows():
    rng = np.random.RandomState(0)
    X, y, weight = rng.randn(20, 3), rng.randn(20, 1), rng.randint(1, 4, 20)
    rows = np.repeat(np.arange(20), weight)
    repeated = alignment(rbf_kernel(X[rows]), y[rows], np.ones(len(rows)))
    assert alignment(rbf_kernel(X), y, weight) == pytest.approx(repeated)


def combined_rows(n=12):
    rng = np.random.RandomState(0)
    present = rng.rand(n, 3) > 0.4
    present[:4] = [[1, 1, 1], [1, 0, 0], [0, 1, 1], [0, 0, 0]]
    blocks = [
        rng.randn(n, width) * present[:, m, None] for m, width in enumerate((4, 2, 3))
    ]
    return np.hstack([*blocks, present]), blocks, present


def test_combined_kernel_by_loops():
    rows, blocks, present = combined_rows()
    shares, gammas = np.array([0.5, 0.2, 0.3]), [0.1, 0.5, 0.3]
    found = CombinedKernel([4, 2, 3], gammas, shares)(rows, rows)
    for i in range(12):
        for j in range(12):
            terms = [
                shares[m]
                * np.exp(-gammas[m] * ((blocks[m][i] - blocks[m][j]) ** 2).sum())
                for m in range(3)
                if present[i, m] and present[j, m]
            ]
            scale = np.sqrt((present[i] @ shares) * (present[j] @ shares))
            expected = sum(terms) / scale if scale else 0
            assert found[i, j] == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(np.diag(found)[present.any(1)], 1)
    assert np.linalg.eigvalsh(found).min() > -1e-10


def test_one_modality_equals_the_kernel_model():
    X, y = make_multimodal_classification(120, n_modalities=2, random_state=0)
    rows = (X["m0"] - X["m0"].mean(0)) / X["m0"].std(0)
    alone = KernelClassifier(gamma=0.5).fit(rows, y)
    clf = FusionClassifier(
        table_encoders(X), KernelFusion({"m0": 1, "m1": 0}), random_state=0
    ).fit({name: X[name] for name in X}, y)
    np.testing.assert_allclose(
        clf.predict_proba(X), alone.predict_proba(rows), atol=1e-6
    )


def test_alignment_prefers_the_modality_that_knows():
    X, y = make_multimodal_classification(
        200, class_sep=[0.0, 0.7, 2.0], random_state=0
    )
    clf = FusionClassifier(table_encoders(X), "kernel", random_state=0).fit(X, y)
    weights = clf.fusion_weights_
    assert weights["m0"] < weights["m1"] < weights["m2"]
    assert sum(weights.values()) == pytest.approx(1)
    equal = clone(clf).set_params(fusion__weights="uniform").fit(X, y)
    assert equal.fusion_weights_ == pytest.approx(dict.fromkeys(X, 1 / 3))


@pytest.fixture(scope="module")
def fitted():
    X, y = make_multimodal_classification(
        500, n_classes=3, class_sep=[2, 2, 2], missing_rate=0.1, random_state=0
    )
    clf = FusionClassifier(table_encoders(X), "kernel", random_state=0)
    return clf.fit(X[:400], y[:400]), X[400:], y[400:]


def test_absent_modalities(fitted):
    clf, X, y = fitted
    assert clf.score(X, y) > 0.9
    gone = {name: np.full_like(X[name], np.nan) for name in X}
    alone = clf.predict_proba(gone | {"m1": X["m1"]})
    expected = clf.predict_proba_per_modality(X)["m1"]
    here = np.isfinite(expected).all(1)
    assert 0 < here.sum() < len(here)
    np.testing.assert_allclose(alone[here], expected[here])
    prior = clf.predict_proba(gone)
    np.testing.assert_allclose(prior, prior[:1].repeat(len(prior), 0))
    np.testing.assert_allclose(prior.sum(1), 1)
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


def test_probabilities_are_calibrated_and_the_order_changes_nothing(fitted):
    clf, X, y = fitted
    proba = clf.predict_proba(X)
    likelihood = -np.log(proba[np.arange(len(y)), y]).mean()
    assert likelihood < 0.5
    train_X, train_y = make_multimodal_classification(90, random_state=0)
    found = [
        FusionClassifier(encoders, "kernel", random_state=0)
        .fit(train_X, train_y)
        .predict_proba(train_X)
        for encoders in (table_encoders(train_X), table_encoders(train_X)[::-1])
    ]
    np.testing.assert_allclose(*found)


def test_a_sum_of_kernels_does_not_see_xor():
    X, y = make_multimodal_xor(600, n_features=(8, 8), random_state=0)
    clf = FusionClassifier(table_encoders(X), "kernel", random_state=0)
    score = clf.fit(X[:400], y[:400]).score(X[400:], y[400:])
    assert 0.35 <= score <= 0.65


def test_other_tasks_and_landmarks():
    X, y = make_multimodal_regression(300, random_state=0)
    reg = FusionRegressor(table_encoders(X), "kernel", random_state=0)
    assert reg.fit(X[:200], y[:200]).score(X[200:], y[200:]) > 0.5
    several = np.column_stack([y, -2 * y])
    assert reg.fit(X, several).predict(X).shape == (300, 2)
    labels = np.column_stack([y > 0, y > 1]).astype(int)
    few = KernelFusion(max_landmarks=50)
    clf = FusionClassifier(table_encoders(X), few, random_state=0).fit(X, labels)
    assert clf.predict_proba(X).shape == (300, 2)
    assert (clf.predict(X) == labels).mean() > 0.8


def test_refused_and_default_features(emoji_small):
    X, y = emoji_small
    text = FusionClassifier([("text", TextEncoder())], "kernel")
    with pytest.raises(ValueError, match=r"'text': KernelFusion needs .*TextEncoder"):
        text.fit(X, y)
    with pytest.raises(ValueError, match="'weights' parameter of KernelFusion must"):
        FusionClassifier(fusion=KernelFusion("learned")).fit(X, y)
    clf = FusionClassifier(fusion="kernel", random_state=0).fit(X[:150], y[:150])
    assert clf.score(X[150:], y[150:]) > 0.3
