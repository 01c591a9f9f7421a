"""Responses for several presences at once equal those for one after another."""

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from skmultimodal import (
    FeatureFusion,
    FusionClassifier,
    FusionRegressor,
    SequentialFusion,
    TabularEncoder,
    TextEncoder,
)
from skmultimodal.fusion._auto import FUSIONS, resolve_fusion
from skmultimodal.training._network import module_key
from tests.parameters import nested

N = 30
WORDS = ["red", "blue", "car", "boat", "sea"]


def frame():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(N, 2)), columns=["a", "b"])
    X["note"] = [" ".join(rng.choice(WORDS, 1 + i % 5)) for i in range(N)]
    X.loc[[3, 8], "note"] = None
    X.loc[[5, 8], ["a", "b"]] = np.nan  # row 8 has nothing
    return X, np.arange(N) % 3


def presences_of(present):
    """Return what is left for each set of the modalities, and a mask by row."""
    m = present.shape[1]
    masks = itertools.product([False, True], repeat=m)
    subsets = [present & np.array(mask) for mask in masks]
    random = present & (np.random.default_rng(1).random(present.shape) < 0.5)
    return [*subsets, random]


def fitted(fusion, estimator=FusionClassifier, **params):
    X, y = frame()
    encoders = "auto"
    if not resolve_fusion(fusion, "x").takes_features:
        encoders = [
            ("note", TextEncoder("word", "gru", out_features=4)),
            ("table", TabularEncoder(out_features=4)),
        ]
        params["columns"] = {"table": ["a", "b"]}
    else:
        X = X[["a", "b"]]
        encoders = [("a", TabularEncoder()), ("b", TabularEncoder())]
        params["columns"] = {"a": ["a"], "b": ["b"]}
    params = nested(params, max_epochs=1)
    est = estimator(encoders, fusion, random_state=0, **nested(params))
    return est.fit(X, y), X


CASES = [
    *((alias, FusionClassifier, {}) for alias in FUSIONS),
    ("parallel", FusionClassifier, {"training": "staged"}),
    ("feature", FusionClassifier, {"missing": "impute"}),
    (SequentialFusion(mode="residual"), FusionClassifier, {}),
    (FeatureFusion(head=LogisticRegression()), FusionClassifier, {}),
    ("gated", FusionRegressor, {}),
    ("decision", FusionRegressor, {}),
]


@pytest.mark.parametrize(("fusion", "estimator", "params"), CASES, ids=str)
def test_equals_one_after_another(fusion, estimator, params):
    est, X = fitted(fusion, estimator, **params)
    cells, present = est.reader_.read(X)
    presences = presences_of(present)
    found = est.fusion_.responses(cells, presences)
    for mask, response in zip(presences, found, strict=True):
        expected = est.fusion_.response(cells, mask)
        np.testing.assert_allclose(response, expected, atol=1e-6)
    nothing = found[0]
    assert np.ptp(nothing, axis=0).max() < 1e-6  # the prior, in every row
    np.testing.assert_allclose(nothing[8], found[-2][8], atol=1e-6)


def test_a_network_encodes_each_row_once():
    est, X = fitted("parallel")
    counts = []
    for name in est.modalities_:
        module = est.net_.module_.encoders[module_key(name)]
        module.register_forward_hook(lambda *args, name=name: counts.append(name))
    cells, present = est.reader_.read(X)
    est.fusion_.responses(cells, presences_of(present))
    assert sorted(counts) == sorted(est.modalities_)


def test_a_model_predicts_each_row_once():
    X, y = frame()
    calls = []

    class Counted(LogisticRegression):
        def predict_proba(self, X):
            calls.append(len(X))
            return super().predict_proba(X)

    encoders = [("a", Counted()), ("b", Counted())]
    columns = {"a": ["a"], "b": ["b"]}
    est = FusionClassifier(encoders, "decision", columns=columns).fit(X, y)
    calls.clear()
    cells, present = est.reader_.read(X)
    est.fusion_.responses(cells, presences_of(present))
    assert calls == [N - 2, N - 2]
