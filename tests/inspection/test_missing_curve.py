"""The missing-modality curve and its exact area."""

import numpy as np
import pytest
from scipy.integrate import quad
from sklearn.linear_model import LogisticRegression

from skmultimodal import FusionClassifier
from skmultimodal.datasets import make_multimodal_classification
from skmultimodal.inspection import (
    MissingModalityDisplay,
    missing_modality_curve,
)


@pytest.fixture(scope="module")
def fitted():
    X, y = make_multimodal_classification(
        80, n_features=3, n_informative=2, class_sep=[2.0, 1.0, 0.5], random_state=0
    )
    models = [(name, LogisticRegression()) for name in X]
    return FusionClassifier(models, "decision").fit(X, y), X, y


def test_area_equals_numeric_integration(fitted):
    clf, X, y = fitted

    def score(rate):
        return missing_modality_curve(clf, X, y, rates=[rate]).scores_.iloc[0]

    found = missing_modality_curve(clf, X, y, scoring=None)
    area = quad(score, 0, 1, limit=5, epsabs=1e-10)[0]
    assert found.area_ == pytest.approx(area, abs=1e-9)
    sizes = found.values_[list(X)].sum(axis=1)
    assert found.area_ == pytest.approx(
        found.values_.score.groupby(sizes).mean().mean()
    )


def test_ends_and_worst_case(fitted):
    clf, X, y = fitted
    found = missing_modality_curve(clf, X, y)
    assert found.scores_[0.0] == pytest.approx(clf.score(X, y))
    assert found.scores_[1.0] == found.values_.score[0]  # the most frequent class
    assert found.scores_.index.tolist() == found.rates_.tolist()
    some = found.values_[found.values_[list(X)].any(axis=1)]
    assert found.worst_case_ == some.score.min()
    row = some[list(X)].loc[some.score.idxmin()]
    assert found.worst_subset_ == tuple(row.index[row])


def test_agrees_with_sampling(fitted):
    clf, X, y = fitted
    found = missing_modality_curve(clf, X, y, rates=[0.3]).scores_.iloc[0]
    rng, scores = np.random.default_rng(0), []
    for _ in range(60):
        gone = rng.random((80, 3)) < 0.3
        cells, present = clf.reader_.read(X)
        response = clf.fusion_.response(cells, present & ~gone)
        scores.append(np.mean(clf.task_.predict(response) == y))
    assert found == pytest.approx(np.mean(scores), abs=0.02)


def test_plot(fitted):
    clf, X, y = fitted
    found = missing_modality_curve(clf, X, y)
    assert isinstance(found.plot(), MissingModalityDisplay)
    drawn = MissingModalityDisplay.from_estimator({"pool": clf}, X, y)
    assert drawn.areas["pool"] == found.area_
    assert drawn.scoring == "accuracy"


def test_refuses_rates_that_are_none(fitted):
    with pytest.raises(ValueError, match="numbers from 0 to 1"):
        missing_modality_curve(*fitted, rates=[0.5, 1.5])
