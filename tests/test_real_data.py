"""The four strategies with their defaults on the three bundled data sets."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

from skmultimodal import FusionClassifier
from skmultimodal.datasets import load_birdstrikes, load_emoji, load_spoken_digits

STRATEGIES = ["parallel", "sequential", "feature", "decision"]


def _digits():
    """Return the given split: new voices and languages in the test part."""
    X_train, y_train = load_spoken_digits(subset="train", return_X_y=True)
    X_test, y_test = load_spoken_digits(subset="test", return_X_y=True)
    return X_train, X_test, y_train, y_test


def _stratified(load):
    X, y = load(return_X_y=True)
    return train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)


SPLITS = {
    "emoji": lambda: _stratified(load_emoji),
    "birdstrikes": lambda: _stratified(load_birdstrikes),
    "spoken_digits": _digits,
}


@pytest.mark.long
@pytest.mark.parametrize("dataset", SPLITS)
def test_every_strategy_learns_and_the_best_beats_every_modality(dataset):
    X_train, X_test, y_train, y_test = SPLITS[dataset]()
    majority = (y_test == y_train.mode()[0]).mean()
    clf = FusionClassifier(random_state=0)
    fused = {}
    for fusion in STRATEGIES:
        model = clone(clf).set_params(fusion=fusion).fit(X_train, y_train)
        fused[fusion] = accuracy_score(y_test, model.predict(X_test))
    alone = {
        name: accuracy_score(y_test, model.classes_[np.argmax(proba, axis=1)])
        for name, proba in model.predict_proba_per_modality(X_test).items()
    }
    print(f"\n{dataset}: majority {majority:.3f}", _rounded(fused), _rounded(alone))
    assert min(fused.values()) > majority + 0.15, fused
    assert max(fused.values()) > max(alone.values()), (fused, alone)


def _rounded(scores):
    return {name: round(score, 3) for name, score in scores.items()}
