"""Canonical fusion against the eigen-solution, and with absent modalities."""

import pickle

import numpy as np
import pytest
from scipy.linalg import eigh
from sklearn.cross_decomposition import CCA
from sklearn.ensemble import RandomForestClassifier

from skmultimodal import (
    CanonicalFusion,
    FusionClassifier,
    FusionRegressor,
    FusionTransformer,
    TabularEncoder,
    TextEncoder,
)
from skmultimodal.datasets import (
    make_multimodal_classification,
    make_multimodal_regression,
)
from skmultimodal.fusion._canonical import canonical_maps

SHARES = np.array([0.5, 0.25, 0.25])


def blocks(n=60, widths=(5, 4, 3), seed=0):
    """Return centred blocks with one direction in common."""
    rng = np.random.RandomState(seed)
    shared = rng.randn(n, 1)
    parts = [rng.randn(n, width) + shared * rng.randn(1, width) for width in widths]
    return [part - part.mean(0) for part in parts]


def everyone(n=60, n_modalities=3):
    return np.ones((n, n_modalities))


@pytest.mark.parametrize("n", [60, 10])
def test_maps_equal_the_eigenvectors_of_the_projectors(n):
    parts, kappa = blocks(n), 0.2
    maps = canonical_maps(parts, everyone(n), SHARES, 3, kappa)
    projectors, shrunk = 0, []
    for part, share in zip(parts, SHARES, strict=True):
        covariance = (1 - kappa) * part.T @ part / n + kappa * np.eye(part.shape[1])
        shrunk.append(np.linalg.inv(n * covariance))
        projectors = projectors + share * part @ shrunk[-1] @ part.T
    shared = eigh(projectors)[1][:, :-4:-1] * np.sqrt(n)
    for part, found, inverse in zip(parts, maps, shrunk, strict=True):
        expected = inverse @ part.T @ shared
        np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-8)


def test_two_blocks_equal_canonical_correlation_analysis():
    first, second = blocks(200, (4, 3))
    maps = canonical_maps(
        [first, second], everyone(200, 2), np.array([0.5, 0.5]), 1, 1e-9
    )
    ours = np.corrcoef(first @ maps[0][:, 0], second @ maps[1][:, 0])[0, 1]
    cca = CCA(1, scale=False, max_iter=5000, tol=1e-12).fit(first, second)
    theirs = np.corrcoef(*(x[:, 0] for x in cca.transform(first, second)))[0, 1]
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_absent_rows_solve_the_masked_problem():
    """Stationarity of the objective with missing rows, in the maps and in G."""
    parts, rng, kappa = blocks(), np.random.RandomState(1), 0.1
    weights = (rng.rand(60, 3) > 0.3) * rng.uniform(0.5, 2, (60, 1))
    parts = [part * (weights[:, m, None] > 0) for m, part in enumerate(parts)]
    maps = canonical_maps(parts, weights, SHARES, 2, kappa)
    common = weights @ SHARES
    operator = np.zeros((60, 60))
    for m, part in enumerate(parts):
        weighted = weights[:, m, None] * part
        total = weights[:, m].sum()
        shrunk = (1 - kappa) * part.T @ weighted + kappa * total * np.eye(len(part.T))
        operator += SHARES[m] * weighted @ np.linalg.inv(shrunk) @ weighted.T
    known = common > 0
    shared = np.zeros((60, 2))
    shared[known] = eigh(operator[np.ix_(known, known)], np.diag(common[known]))[1][
        :, :-3:-1
    ]
    np.testing.assert_allclose(
        shared.T @ (common[:, None] * shared), np.eye(2), atol=1e-8
    )
    for m, part in enumerate(parts):
        weighted = weights[:, m, None] * part
        total = weights[:, m].sum()
        shrunk = (1 - kappa) * part.T @ weighted + kappa * total * np.eye(len(part.T))
        expected = np.linalg.inv(shrunk) @ weighted.T @ shared * np.sqrt(common.sum())
        np.testing.assert_allclose(np.abs(maps[m]), np.abs(expected), atol=1e-8)


def test_a_row_of_weight_two_equals_two_rows():
    parts, weights = blocks(), everyone()
    weights[:20] = 2
    rows = np.r_[np.arange(60), np.arange(20)]
    once = canonical_maps(parts, weights, SHARES, 2, 0.1)
    twice = canonical_maps([p[rows] for p in parts], everyone(80), SHARES, 2, 0.1)
    for a, b in zip(once, twice, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-8)


def test_common_directions_beat_noise():
    """Three blocks of 60 noisy features hold one common class direction."""
    rng = np.random.RandomState(0)
    y = rng.randint(2, size=300)
    X = {}
    for name in "abc":
        noise = 3 * rng.randn(300, 5) @ rng.randn(5, 60)
        X[name] = noise + rng.randn(300, 60) + np.outer(2.0 * y - 1, rng.randn(60))
    clf = FusionClassifier(
        [(name, TabularEncoder()) for name in X], CanonicalFusion(2), random_state=0
    ).fit({k: v[:200] for k, v in X.items()}, y[:200])
    assert clf.score({k: v[200:] for k, v in X.items()}, y[200:]) > 0.95
    assert clf.transform(X).shape == (300, 2)


@pytest.fixture(scope="module")
def fitted():
    X, y = make_multimodal_classification(
        400, n_classes=3, class_sep=[2, 2, 2], random_state=0
    )
    clf = FusionClassifier(
        [(name, TabularEncoder()) for name in X],
        CanonicalFusion(weights={"m0": 1, "m1": 2, "m2": 1}),
        random_state=0,
    )
    return clf.fit(X[:300], y[:300]), X[300:], y[300:]


def test_absent_modalities_drop_out(fitted):
    clf, X, y = fitted
    assert clf.score(X, y) > 0.7
    assert clf.fusion_weights_ == {"m0": 0.25, "m1": 0.5, "m2": 0.25}
    gone = {name: np.full_like(X[name], np.nan) for name in X}
    alone = clf.predict_proba(gone | {"m1": X["m1"]})
    np.testing.assert_allclose(alone, clf.predict_proba_per_modality(X)["m1"])
    parts = [clf.transform(gone | {name: X[name]}) for name in ("m0", "m1", "m2")]
    mean = (parts[0] + 2 * parts[1] + parts[2]) / 4
    np.testing.assert_allclose(clf.transform(X), mean, atol=1e-10)
    prior = clf.predict_proba(gone)
    np.testing.assert_allclose(prior, prior[:1].repeat(len(prior), 0))
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


def test_other_heads_and_tasks():
    X, y = make_multimodal_regression(300, random_state=0)
    encoders = [(name, TabularEncoder()) for name in X]
    reg = FusionRegressor(encoders, "canonical", random_state=0)
    assert reg.fit(X, y).score(X, y) > 0.3
    several = np.column_stack([y > 0, y > 1]).astype(int)
    clf = FusionClassifier(encoders, "canonical").fit(X, several)
    assert clf.predict(X).shape == (300, 2)
    forest = CanonicalFusion(4, head=RandomForestClassifier(20))
    clf = FusionClassifier(encoders, forest, random_state=0).fit(X, y > 0)
    assert clf.score(X, y > 0) > 0.9
    rows = FusionTransformer(encoders, CanonicalFusion(4)).fit_transform(X, y)
    assert rows.shape == (300, 4)


def test_categories_are_one_hot_encoded():
    rng = np.random.RandomState(0)
    sky = rng.choice(["blue", "grey", "red"], 90).astype(object)
    X = {"sky": sky[:, None], "number": rng.randn(90, 2)}
    clf = FusionClassifier(
        [("sky", TabularEncoder()), ("number", TabularEncoder())],
        CanonicalFusion(regularization=1.0),
    ).fit(X, sky == "red")
    assert clf.score(X, sky == "red") == 1
    X["sky"] = np.full((90, 1), "unseen", dtype=object)
    assert np.isfinite(clf.predict_proba(X)).all()


def test_refused(emoji_small):
    X, y = emoji_small
    text = FusionClassifier([("text", TextEncoder())], "canonical")
    with pytest.raises(ValueError, match=r"'text': CanonicalFusion needs .*Truncated"):
        text.fit(X, y)
    with pytest.raises(ValueError, match=r"'regularization' .* Got 0 instead"):
        FusionClassifier(fusion=CanonicalFusion(regularization=0)).fit(X, y)
    with pytest.raises(ValueError, match="'weights' parameter of CanonicalFusion"):
        FusionClassifier(fusion=CanonicalFusion(weights="learned")).fit(X, y)


def test_default_features_of_pictures_and_text(emoji_small):
    X, y = emoji_small
    clf = FusionClassifier(fusion="canonical", random_state=0).fit(X, y)
    assert clf.predict_proba(X).shape == (200, 8)
