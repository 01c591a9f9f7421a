"""The classes that the user guide adds keep the contract and work."""

import sys
from importlib import util
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from skmultimodal import (
    DecisionFusion,
    FusionClassifier,
    ImageEncoder,
    TabularEncoder,
    TextEncoder,
    Training,
)
from skmultimodal.datasets import load_emoji, make_multimodal_xor
from skmultimodal.utils.estimator_checks import (
    parametrize_with_encoder_checks,
    parametrize_with_fusion_checks,
)

CODE = Path(__file__).parents[1] / "docs" / "user_guide" / "code"


def module(name):
    """Import a file of the page, such that what it defines pickles."""
    spec = util.spec_from_file_location(name, CODE / f"{name}.py")
    sys.modules[name] = loaded = util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


PairwiseFusion = module("my_strategy").PairwiseFusion
LetterEncoder = module("my_encoder").LetterEncoder
MostCertain = module("my_rule").MostCertain


def texts():
    return load_emoji(return_X_y=True)[0]["text"][:40]


@parametrize_with_fusion_checks([PairwiseFusion()])
def test_strategy(strategy, check):
    check(strategy)


@parametrize_with_encoder_checks([(LetterEncoder(), texts)])
def test_encoder(encoder, check):
    check(encoder)


@pytest.mark.parametrize(
    "path", sorted(CODE.glob("my_*.py")), ids=lambda path: path.stem
)
def test_the_code_is_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 40


def test_grid_search_by_object(emoji_small):
    X, y = emoji_small
    encoders = [("image", ImageEncoder((8, 16), 16)), ("text", TextEncoder())]
    grid = {
        "fusion": [PairwiseFusion(), PairwiseFusion({"image": 1.0, "text": 2.0})],
        "text": [LetterEncoder(), TextEncoder()],
    }
    clf = FusionClassifier(encoders, random_state=0, training=Training(max_epochs=3))
    search = GridSearchCV(clf, grid, cv=2, error_score="raise").fit(X, y)
    assert search.predict_proba(X).shape == (200, 8)
    assert isinstance(search.best_params_["fusion"], PairwiseFusion)


def test_given_weights_are_the_fitted_ones(emoji_small):
    X, y = emoji_small
    encoders = [("image", ImageEncoder((8, 16), 16)), ("text", LetterEncoder())]
    fusion = PairwiseFusion({"image": 1.0, "text": 3.0})
    clf = FusionClassifier(
        encoders, fusion, random_state=0, training=Training(max_epochs=1)
    ).fit(X, y)
    assert clf.fusion_weights_ == pytest.approx({"image": 0.25, "text": 0.75})


def test_products_solve_xor():
    X, y = make_multimodal_xor(1200, n_features=(8, 8), random_state=0)
    encoders = [(name, TabularEncoder()) for name in X]
    clf = FusionClassifier(encoders, PairwiseFusion(), random_state=0)
    assert clf.fit(X[:800], y[:800]).score(X[800:], y[800:]) > 0.9


def test_rule_follows_the_most_certain_modality():
    proba = np.array([[[0.2, 0.8], [0.5, 0.5]], [[0.9, 0.1], [0.4, 0.6]]])
    rule = MostCertain().fit(proba, np.array([0, 1]), prior=np.array([0.5, 0.5]))
    np.testing.assert_allclose(rule.combine(proba), [[0.9, 0.1], [0.4, 0.6]])


def test_rule_in_decision_fusion(emoji_small):
    X, y = emoji_small
    clf = FusionClassifier(fusion=DecisionFusion(rule=MostCertain(), cv=2))
    proba = clf.fit(X, y).predict_proba(X[:20])
    parts = clf.predict_proba_per_modality(X[:20])
    sure = np.maximum(parts["image"].max(axis=1), parts["text"].max(axis=1))
    np.testing.assert_allclose(proba.max(axis=1), sure, rtol=1e-6)
