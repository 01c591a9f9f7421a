"""Features that need no fitting are computed once a row, and change nothing."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline

from skmultimodal import DecisionFusion, FusionClassifier
from skmultimodal.data._hashing import row_keys
from skmultimodal.encoders import ImageFeatures
from skmultimodal.encoders.features._row_cache import clear_row_cache
from skmultimodal.fusion import _decision
from skmultimodal.fusion.apart import _combined


@pytest.fixture(scope="module")
def few(emoji_small):
    X, y = emoji_small
    return X[:80], y[:80]


@pytest.fixture
def counted(monkeypatch):
    """The numbers of pictures that features were made of, call by call."""
    counts, transform = [], ImageFeatures.transform

    def counting(self, X):
        counts.append(len(X))
        return transform(self, X)

    monkeypatch.setattr(ImageFeatures, "transform", counting)
    return counts


def classifier(**params):
    image = make_pipeline(ImageFeatures(), LogisticRegression(max_iter=50))
    encoders = [("image", image), ("text", words())]
    return FusionClassifier(encoders, DecisionFusion(**params), random_state=0)


def words():
    return make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=50))


@pytest.mark.parametrize(
    "params", [{}, {"refit": False, "cv": 3}, {"rule": "stacking"}]
)
def test_each_picture_once_and_the_same_result(params, few, counted, monkeypatch):
    X, y = few
    X = X.copy()
    X.iloc[3, 0] = None
    clf = classifier(**params).fit(X, y)
    assert counted == [len(X) - 1]
    counted.clear()
    got = clf.predict_proba(X[:50])
    assert counted == [49]
    monkeypatch.setattr(_decision, "with_frozen_features", lambda problem: problem)
    monkeypatch.setattr(_combined, "freeze", lambda cells, *_: cells)
    plain = classifier(**params).fit(X, y)
    assert sum(counted) > 3 * len(X)
    np.testing.assert_allclose(got, plain.predict_proba(X[:50]), rtol=1e-12)


def test_the_fitted_pipeline_reads_pictures(few):
    X, y = few
    fitted = classifier().fit(X, y).encoders_["image"]
    alone = make_pipeline(ImageFeatures(), LogisticRegression(max_iter=50))
    expected = alone.fit(X["image"], y).predict_proba(X["image"])
    np.testing.assert_allclose(fitted.predict_proba(X["image"]), expected)


def test_candidates_share_the_features(few, counted):
    X, y = few
    several = [
        make_pipeline(ImageFeatures(), LogisticRegression(C=C, max_iter=50))
        for C in (0.1, 1.0)
    ]
    encoders = [("image", several), ("text", words())]
    FusionClassifier(encoders, "decision", random_state=0).fit(X, y)
    assert counted == [len(X)] * 3  # one a candidate, one for the chosen


@pytest.mark.slow
def test_with_memory_each_picture_once_in_a_search(few, counted, tmp_path):
    X, y = few
    clear_row_cache()
    grid = {"image__logisticregression__C": [0.1, 1.0]}
    cv = StratifiedKFold(3, shuffle=True, random_state=0)
    clf = classifier().set_params(memory=str(tmp_path))
    cached = GridSearchCV(clf, grid, cv=cv).fit(X, y)
    assert sum(counted) == len(np.unique(row_keys(X["image"])))
    plain = GridSearchCV(classifier(), grid, cv=cv).fit(X, y)
    for key in ("mean_test_score", "std_test_score"):
        np.testing.assert_array_equal(cached.cv_results_[key], plain.cv_results_[key])
