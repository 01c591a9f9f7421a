"""More classes than one can grow trees or fit coefficients for, each."""

import pickle
from time import process_time

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from scipy.special import log_softmax
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmultimodal import FusionClassifier, load
from skmultimodal.data._judged import judged_rows
from skmultimodal.encoders.features._centroid import CentroidClassifier
from skmultimodal.encoders.features._classical import (
    MANY_CLASSES,
    MANY_CLASSES_OF_NUMBERS,
    default_model,
    ngrams,
)
from skmultimodal.encoders.features._projected_forest import (
    ProjectedForestClassifier,
)
from skmultimodal.encoders.features._table import TableFeatures
from skmultimodal.fusion.rules import _prior

WORDS = [a + b + c for a in "bdfgklmnprst" for b in "aeiou" for c in "lmnrstxz"]


def texts_and_sizes(y, seed):
    """Return rows whose words and number tell much of the class, and not all."""
    rng = np.random.default_rng(seed)
    of_class = np.random.default_rng(0)
    n_classes = int(y.max()) + 1
    own = of_class.choice(WORDS, (n_classes, 4))
    center = of_class.normal(scale=10, size=n_classes)
    texts = [
        " ".join([*rng.choice(own[label], 2), *rng.choice(WORDS, 4)]) for label in y
    ]
    return pd.DataFrame({"text": texts, "size": center[y] + rng.normal(size=len(y))})


def split(n_classes, per_class):
    y = np.repeat(np.arange(n_classes), per_class)
    new = np.arange(n_classes)
    return texts_and_sizes(y, 1), y, texts_and_sizes(new, 2), new


@pytest.fixture(scope="module")
def fitted():
    X, y, new, truth = split(200, 3)
    return FusionClassifier(random_state=0).fit(X, y), new, truth


def test_many_classes_are_told_apart_by_the_default(fitted):
    clf, new, truth = fitted
    proba = clf.predict_proba(new)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    alone = clf.predict_proba_per_modality(new)
    assert set(alone) == {"text", "table"}
    fused = log_loss(truth, proba, labels=clf.classes_)
    for part in alone.values():
        assert fused < log_loss(truth, part, labels=clf.classes_) < np.log(200)
    assert accuracy_score(truth, clf.predict(new)) > 0.5


def test_models_of_many_classes_stay_small(fitted, tmp_path):
    clf, new, _ = fitted
    assert len(pickle.dumps(clf)) < 20e6  # logistic regression alone would hold more
    clf.save(tmp_path / "model")
    again = load(tmp_path / "model").predict_proba(new)
    assert (again == clf.predict_proba(new)).all()


def test_few_classes_keep_their_models():
    y = np.arange(36) % 3
    X = texts_and_sizes(y, 1)
    trees = HistGradientBoostingClassifier(
        learning_rate=0.05, max_leaf_nodes=15, categorical_features="from_dtype"
    )
    linear = LogisticRegression(C=5.0, solver="newton-cg", tol=1e-3, max_iter=200)
    encoders = {
        "text": make_pipeline(ngrams(), linear),
        "table": make_pipeline(TableFeatures(), trees),
    }
    columns = {"text": "text", "table": ["size"]}
    default = FusionClassifier(fusion="decision", random_state=0)
    default = default.fit(X, y).predict_proba(X)
    by_hand = FusionClassifier(
        encoders, "decision", columns=columns, random_state=0
    ).fit(X, y)
    assert (default == by_hand.predict_proba(X)).all()


@pytest.mark.parametrize("kind", ["image", "text", "audio", "embedding", "table"])
def test_the_rule_goes_by_the_number_of_classes(kind):
    few, most = repr(default_model(kind)), MANY_CLASSES
    if kind == "embedding":
        most = MANY_CLASSES_OF_NUMBERS
    assert repr(default_model(kind, n_classes=most)) == few
    many = repr(default_model(kind, n_classes=most + 1))
    assert "Boosting" not in many
    assert "LogisticRegression" not in many
    regression = repr(default_model(kind, regression=True))
    assert repr(default_model(kind, regression=True, n_classes=999)) == regression


def test_rows_that_choose():
    assert judged_rows((10**7, MANY_CLASSES)) == slice(None)
    assert judged_rows((1000, 1000)) == slice(None)
    rows = judged_rows((6000, 2000), 0)
    assert len(np.unique(rows)) == 500
    assert rows.max() < 6000
    assert len(judged_rows((100_000, 100), 0)) == 10_000


def sparse_rows(n=60, n_classes=4, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    X = rng.random((n, 12)) * (rng.random((n, 12)) < 0.4)
    X[np.arange(n), y] += 0.5
    X[0] = 0  # says nothing
    return csr_matrix(X), y


def test_temperature_is_that_of_rows_left_out_one_by_one():
    X, y = sparse_rows()
    model = CentroidClassifier().fit(X, y)
    dense, cosines = X.toarray(), np.empty((60, 4))
    for i in range(60):
        kept = np.arange(60) != i
        means = np.stack([dense[kept & (y == k)].mean(axis=0) for k in range(4)])
        lengths = np.linalg.norm(means, axis=1) * max(np.linalg.norm(dense[i]), 1e-9)
        cosines[i] = means @ dense[i] / lengths

    def loss(scale):
        logs = log_softmax(np.log(0.25) + scale * cosines, axis=1)
        right, doubt = logs[np.arange(60), y], 1 / 17
        return -((1 - doubt) * right + doubt * (logs.sum(axis=1) - right) / 3).sum()

    scales = model.scale_ * np.array([0.99, 1.0, 1.01])
    assert np.argmin([loss(scale) for scale in scales]) == 1
    np.testing.assert_allclose(model.predict_proba(X[:1]), [[0.25] * 4])


def test_weights_of_class_means():
    X, y = sparse_rows()
    rng = np.random.default_rng(1)
    weight = rng.integers(0, 3, 60).astype(float)
    copies = np.repeat(np.arange(60), weight.astype(int))
    weighted = CentroidClassifier().fit(X, y, sample_weight=weight)
    copied = CentroidClassifier().fit(X[copies], y[copies])
    np.testing.assert_allclose(weighted.class_prior_, copied.class_prior_)
    np.testing.assert_allclose(
        weighted.centroids_.toarray(), copied.centroids_.toarray(), atol=1e-12
    )
    dense = CentroidClassifier().fit(X.toarray(), y)
    np.testing.assert_allclose(
        dense.predict_proba(X), CentroidClassifier().fit(X, y).predict_proba(X)
    )


def test_a_class_of_one_row():
    X, y = csr_matrix(np.eye(4)), np.array([0, 0, 1, 2])
    proba = CentroidClassifier().fit(X, y).predict_proba(X)
    assert np.isfinite(proba).all()
    assert proba[3].argmax() == 2


def test_trees_by_random_codes_find_what_means_cannot():
    rng = np.random.default_rng(0)
    y = np.arange(1200) % 60
    centers = rng.normal(scale=3, size=(60, 2, 3))  # two places a class

    def draw(y):
        places = centers[y, rng.integers(0, 2, len(y))]
        return np.hstack([places + rng.normal(scale=0.3, size=(len(y), 3)),
                          rng.normal(size=(len(y), 5))])  # fmt: skip

    X, new = draw(y), draw(y)
    X[::50, 1] = np.nan
    forest = ProjectedForestClassifier(50, random_state=0).fit(X, y)
    assert forest.score(new, y) > 0.8
    assert log_loss(y, forest.predict_proba(new)) < 1.2
    assert forest.score(new, y) > CentroidClassifier().fit(new, y).score(new, y) + 0.2


def test_codes_of_categories():
    X = pd.DataFrame({"sky": ["fog", "clear", None, "fog"], "size": [1.0, 2, 3, 4]})
    table = TableFeatures(as_codes=True).fit(X)
    expected = [[1, 1], [0, 2], [np.nan, 3], [1, 4]]
    np.testing.assert_array_equal(table.transform(X), expected)
    new = pd.DataFrame({"sky": ["rain"], "size": [0.0]})
    np.testing.assert_array_equal(table.transform(new), [[np.nan, 0]])


def test_the_prior_of_a_model_is_found_in_parts_as_in_one(monkeypatch):
    y = np.repeat(np.arange(60), [200] + [5] * 59)
    n = len(y)
    prior, weight = np.bincount(y) / n, np.ones(n)
    balanced = 0.1 * np.eye(60)[y] + 0.9 / 60
    whole = _prior.implied_prior(balanced, y, prior, weight)
    assert whole[0] < prior[0] / 5
    monkeypatch.setattr(_prior, "_PART", 1)
    parts = _prior.implied_prior(balanced, y, prior, weight)
    np.testing.assert_allclose(parts, whole, atol=1e-4)
    at_prior = np.tile(prior, (n, 1))
    assert _prior.implied_prior(at_prior, y, prior, weight) is prior


COPIES = {
    "check_sample_weight_equivalence_on_dense_data": "copies are left out together",
    "check_sample_weight_equivalence_on_sparse_data": "copies are left out together",
}


@parametrize_with_checks(
    [CentroidClassifier(), ProjectedForestClassifier(5)],
    expected_failed_checks=lambda _: COPIES,
)
def test_models_of_many_classes_pass_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.slow
def test_two_thousand_classes_end_in_a_minute():
    X, y, new, truth = split(2000, 3)
    start = process_time()
    clf = FusionClassifier(random_state=0).fit(X, y)
    assert process_time() - start < 60
    accuracy = accuracy_score(truth, clf.predict(new))
    assert accuracy > 0.2  # chance is .0005
    for proba in clf.predict_proba_per_modality(new).values():
        assert accuracy > accuracy_score(truth, proba.argmax(axis=1))
    assert len(pickle.dumps(clf)) < 100e6
