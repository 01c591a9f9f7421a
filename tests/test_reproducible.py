"""Same seed, same result: whatever runs beside it, before it or in the same batch."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

from skmultimodal import FusionClassifier, ImageEncoder, TabularEncoder, TextEncoder
from skmultimodal.training._random import seed_torch
from tests.parameters import nested

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
FUSIONS = ["parallel", "sequential", "feature", "decision", "attention"]


def make(fusion, **params):
    encoders = [
        ("image", ImageEncoder((4,), 8)),
        ("text", TextEncoder(embedding_features=8, out_features=8)),
        ("table", TabularEncoder((8,), 8, dropout=0.1)),
    ]
    defaults = {"columns": {"table": ["a", "b"]}, "max_epochs": 2, "random_state": 0}
    return FusionClassifier(encoders, fusion, **nested(defaults | params))


@pytest.fixture(scope="module")
def rows(emoji_small):
    """80 rows of three modalities, each absent from some."""
    X, y = emoji_small[0][:80], emoji_small[1][:80]
    rng = np.random.default_rng(0)
    X = X[["image", "text"]].assign(a=rng.normal(size=80), b=rng.normal(size=80))
    for k, columns in enumerate([["image"], ["text"], ["a", "b"]]):
        X.loc[X.index[k::7], columns] = None
    return X, y


def test_the_seed_is_that_of_torch():
    numbers = []
    for seed in (torch.manual_seed, seed_torch):
        with torch.random.fork_rng():
            seed(7)
            assert torch.initial_seed() == 7
            numbers.append(torch.rand(9))
    assert torch.equal(*numbers)


def everything(clf, X):
    """Return all that a fit decides, as arrays."""
    return [
        clf.predict_proba(X),
        clf.decision_function(X),
        clf.transform(X),
        np.array(list(clf.fusion_weights_.values())),
    ]


def assert_identical(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_fits_repeat_to_the_bit(rows, fusion):
    X, y = rows
    clf = make(fusion).fit(X, y)
    first = everything(clf, X)
    assert_identical(first, everything(clf, X))
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    assert_identical(first, everything(clone(clf).fit(X, y), X))
    assert_identical(first, everything(clf.fit(X, y), X))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_global_generators_are_untouched(rows, fusion):
    numpy_state, torch_state = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    X, y = rows
    make(fusion).fit(X, y).predict(X)
    assert (np.random.get_state()[1] == numpy_state[1]).all()  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_another_seed_differs(rows):
    X, y = rows
    one, other = (make("parallel", random_state=seed).fit(X, y) for seed in (0, 1))
    assert np.abs(one.predict_proba(X) - other.predict_proba(X)).max() > 1e-3


@pytest.mark.parametrize("fusion", ["parallel", "decision"])
def test_the_cache_changes_nothing(rows, fusion, tmp_path):
    X, y = rows
    plain = everything(make(fusion).fit(X, y), X)
    cached = make(fusion, memory=str(tmp_path))
    assert_identical(plain, everything(cached.fit(X, y), X))  # cold
    again = clone(cached).fit(X, y)
    assert_identical(plain, everything(again, X))  # warm
    assert fusion == "parallel" or again.cache_info().hits


@pytest.mark.parametrize(
    ("fusion", "training"), [("decision", "joint"), ("feature", "staged")]
)
def test_jobs_change_nothing(rows, fusion, training):
    X, y = rows
    one, two = (make(fusion, training=training, n_jobs=n).fit(X, y) for n in (1, 2))
    assert_identical(everything(one, X), everything(two, X))


@pytest.mark.parametrize(
    ("fusion", "missing"),
    [(fusion, "mask") for fusion in FUSIONS]
    + [("parallel", "impute"), ("attention", "impute")],
)
def test_predictions_do_not_depend_on_other_rows(rows, fusion, missing):
    X, y = rows
    clf = make(fusion, missing=missing).fit(X, y)
    whole = clf.predict_proba(X)
    alone = np.vstack([clf.predict_proba(X[i : i + 1]) for i in range(20)])
    np.testing.assert_allclose(alone, whole[:20], rtol=0, atol=1e-5)
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_allclose(
        clf.predict_proba(X.iloc[order]), whole[order], rtol=0, atol=1e-5
    )
    other = pd.concat([X[:10], X[10:].assign(text="other words", a=1e3)])
    np.testing.assert_allclose(
        clf.predict_proba(other)[:10], whole[:10], rtol=0, atol=1e-5
    )
