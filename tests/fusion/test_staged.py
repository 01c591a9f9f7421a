"""Staged training, heads on out-of-fold embeddings, and cross-fitted embeddings."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from skmultimodal import (
    FeatureFusion,
    FusionClassifier,
    FusionTransformer,
    MultimodalData,
    ParallelFusion,
    SequentialFusion,
    TabularEncoder,
    Training,
)
from skmultimodal.fusion.apart._folds import folds_of
from skmultimodal.fusion.apart._out_of_fold import fit_models, out_of_fold_models
from skmultimodal.fusion.apart._staged import aligned, embeddings_of
from tests.parameters import nested

TRAIN, TEST = slice(0, 900), slice(900, 1797)


@pytest.fixture(scope="module")
def digits():
    """Ten classes; the upper and the lower half of a picture as modalities."""
    pixels, y = load_digits(return_X_y=True)
    pixels = pixels + np.random.default_rng(0).normal(scale=4, size=pixels.shape)
    return MultimodalData({"upper": pixels[:, :32], "lower": pixels[:, 32:]}), y


def encoders():
    return [(name, TabularEncoder((32,), 16)) for name in ("upper", "lower")]


def classifier(fusion="parallel", **kwargs):
    return FusionClassifier(
        encoders(), fusion, **nested({"max_epochs": 8, "random_state": 0} | kwargs)
    )


@pytest.fixture(scope="module")
def problem(digits):
    X, y = digits
    clf = classifier(max_epochs=20)
    return clone(clf)._problem(X[TRAIN], y[TRAIN], None, None)[1]


def accuracy_of_head(train, test, problem, digits):
    names = problem.names
    head = LogisticRegression(max_iter=2000, C=0.1)
    head.fit(np.hstack([train[name] for name in names]), digits[1][TRAIN])
    return head.score(np.hstack([test[name] for name in names]), digits[1][TEST])


@pytest.mark.slow
def test_the_head_loses_nothing(problem, digits):
    """Aligned out-of-fold embeddings are as good as in-sample ones, and better than
    those of folds that start from initialisations of their own."""
    models, aligned_rows = embeddings_of(problem)
    test = {name: m.embedding(digits[0][TEST][name]) for name, m in models.items()}
    own = {name: m.embedding(digits[0][TRAIN][name]) for name, m in models.items()}
    apart = {name: values.copy() for name, values in own.items()}
    folds = folds_of(problem, None)
    for k, fold in enumerate(folds):
        other = replace(problem, seed=problem.seed + 1 + k)
        of_fold = out_of_fold_models(other, [fold])[0]
        for name in problem.names:
            rows = problem.cells[name][fold[1]]
            apart[name][fold[1]] = of_fold[name].embedding(rows)
    in_sample = accuracy_of_head(own, test, problem, digits)
    cross = accuracy_of_head(aligned_rows, test, problem, digits)
    misaligned = accuracy_of_head(apart, test, problem, digits)
    assert cross > in_sample - 0.02
    assert cross > misaligned + 0.1


def test_alignment_undoes_a_rotation_and_a_scale():
    rng = np.random.default_rng(0)
    final = rng.normal(size=(50, 4))
    rotation = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    fold = 0.7 * (final + 2) @ rotation
    np.testing.assert_allclose(aligned(fold[:5], fold, final), final[:5], atol=1e-10)


@pytest.mark.parametrize(
    "fusion",
    [
        pytest.param(ParallelFusion("cv"), marks=pytest.mark.slow),
        SequentialFusion(),
        FeatureFusion("sum"),
    ],
    ids=["parallel", "sequential", "feature"],
)
def test_staged_training(fusion, digits, tmp_path):
    X, y = digits
    clf = classifier(fusion, training="staged", memory=str(tmp_path), max_epochs=15)
    clf.fit(X[TRAIN], y[TRAIN])
    assert clf.score(X[TEST], y[TEST]) > 0.65
    assert sum(clf.fusion_weights_.values()) == pytest.approx(1)
    assert not hasattr(clf, "partial_fit")


def test_strategies_share_the_encoders(digits, tmp_path):
    """A second strategy finds every stand-alone network in the cache."""
    X, y = digits

    def entries():
        return len(list(tmp_path.rglob("output.pkl")))

    clf = classifier(training="staged", memory=str(tmp_path))
    first = clf.fit(X[TRAIN], y[TRAIN]).predict_proba(X[TEST])
    n_entries = entries()
    assert n_entries >= 2 * 6  # two modalities, five folds and all rows
    clf.set_params(fusion="sequential").fit(X[TRAIN], y[TRAIN])
    assert entries() == n_entries
    again = clone(clf).set_params(fusion="parallel").fit(X[TRAIN], y[TRAIN])
    np.testing.assert_array_equal(again.predict_proba(X[TEST]), first)
    fresh = clone(again).set_params(memory=None).fit(X[TRAIN], y[TRAIN])
    np.testing.assert_array_equal(fresh.predict_proba(X[TEST]), first)


@pytest.mark.slow
def test_any_head(digits):
    X, y = digits
    head = HistGradientBoostingClassifier(max_iter=20)
    clf = classifier(FeatureFusion(head=head), max_epochs=15).fit(X[TRAIN], y[TRAIN])
    assert clf.score(X[TEST], y[TEST]) > 0.75
    assert list(clf.get_feature_names_out()[[0, -1]]) == ["lower__0", "upper__15"]
    gone = X[TEST]
    gone = MultimodalData({"upper": gone["upper"], "lower": gone["lower"] * np.nan})
    assert 0.3 < clf.score(gone, y[TEST]) < clf.score(X[TEST], y[TEST])


@pytest.mark.slow
def test_cross_fit_embeds_rows_by_models_that_have_not_seen_them():
    """Labels that are noise are told from in-sample embeddings only."""
    rng = np.random.default_rng(0)
    X = MultimodalData({"a": rng.normal(size=(300, 8)), "b": rng.normal(size=(300, 8))})
    y = rng.integers(0, 2, 300)
    pairs = [(name, TabularEncoder((64,), 32)) for name in X]
    transformer = FusionTransformer(
        pairs, "feature", random_state=0, training=Training(max_epochs=40, lr=5e-3)
    )

    def told(cross_fit):
        transformer.set_params(cross_fit=cross_fit)
        embedding = transformer.fit_transform(X, y)
        halves = KNeighborsClassifier(5).fit(embedding[:150], y[:150])
        return halves.score(embedding[150:], y[150:])

    assert told(False) > 0.8
    assert told(True) < 0.62


def test_models_do_not_depend_on_each_other(problem):
    both = fit_models(problem)
    alone = fit_models(problem.select(["upper"]))
    cells = problem.cells["upper"]
    np.testing.assert_array_equal(
        both["upper"].embedding(cells), alone["upper"].embedding(cells)
    )
