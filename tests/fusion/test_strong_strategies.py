"""Strategies trained as one network beside the best modality, on bundled data."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from skmultimodal import FusionClassifier
from skmultimodal.datasets import load_birdstrikes, load_emoji

LOADERS = {"emoji": load_emoji, "birdstrikes": load_birdstrikes}
LEAST = {("emoji", "parallel"): 0.775, ("birdstrikes", "parallel"): 0.665}
STRATEGIES = ["parallel", "sequential", "feature", "gated"]


@pytest.fixture(scope="module", params=list(LOADERS))
def split(request, tmp_path_factory):
    """Return a set, the folds that are judged, and the accuracy of each modality."""
    X, y = LOADERS[request.param](return_X_y=True)
    y = np.asarray(y)
    folds = list(StratifiedKFold(3, shuffle=True, random_state=0).split(y, y))
    memory = str(tmp_path_factory.mktemp("memory"))
    alone: dict[str, list[float]] = {}
    for train, test in folds:
        clf = FusionClassifier(random_state=0, memory=memory)
        clf.fit(X.iloc[train], y[train])
        for name, proba in clf.predict_proba_per_modality(X.iloc[test]).items():
            labels = clf.classes_[proba.argmax(axis=1)]
            alone.setdefault(name, []).append((labels == y[test]).mean())
    best = max(np.mean(accuracy) for accuracy in alone.values())
    return request.param, X, y, folds, memory, best


@pytest.mark.long
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_is_above_the_best_modality(split, strategy, record_property):
    name, X, y, folds, memory, best = split
    accuracy = []
    for train, test in folds:
        clf = FusionClassifier(fusion=strategy, random_state=0, memory=memory)
        clf.fit(X.iloc[train], y[train])
        accuracy.append(clf.score(X.iloc[test], y[test]))
    record_property("accuracy", [round(float(a), 4) for a in accuracy])
    record_property("best modality", round(float(best), 4))
    assert np.mean(accuracy) >= max(best, LEAST.get((name, strategy), 0.0))
