"""Means of networks from several seeds."""

import numpy as np
import pytest
from sklearn.base import clone

from skmultimodal import (
    FusionClassifier,
    FusionRegressor,
    ParallelFusion,
    SequentialFusion,
    Training,
    load,
)
from skmultimodal.datasets import (
    make_multimodal_classification,
    make_multimodal_regression,
)
from skmultimodal.fusion.joint._seeds import member_seeds


def of(fusion, n_members, **training):
    training = Training(max_epochs=2, n_members=n_members, **training)
    return FusionClassifier(fusion=fusion, training=training, random_state=0)


@pytest.fixture(scope="module")
def data():
    return make_multimodal_classification(
        90, n_modalities=2, missing_rate=0.2, random_state=0
    )


@pytest.fixture(scope="module")
def three(data):
    return of("gated", 3).fit(*data)


def test_scores_are_means_of_networks_of_other_seeds(data, three):
    X = data[0]
    cells, present = three.reader_.read(X)
    members = three.fusion_.members
    each = [model.scores(cells, present) for model in members]
    np.testing.assert_allclose(three.fusion_.scores(cells, present), np.mean(each, 0))
    assert np.ptp(each, axis=0).max() > 0.01
    logs = np.mean([np.log(m.response(cells, present)) for m in members], axis=0)
    proba = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(three.predict_proba(X), proba, rtol=1e-5)
    assert three.history_["member"].tolist() == [0, 0, 1, 1, 2, 2]
    assert three.n_iter_ == 2
    assert len(set(member_seeds(0, 9))) == 9


def test_results_repeat_and_are_saved(data, three, tmp_path):
    X, y = data
    proba = three.predict_proba(X)
    np.testing.assert_array_equal(clone(three).fit(X, y).predict_proba(X), proba)
    three.save(tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(X), proba)
    np.testing.assert_array_equal(again.modality_weights(X), three.modality_weights(X))


def test_what_members_offer_is_averaged(data, three):
    X, y = data
    weights = three.modality_weights(X)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    widths = [model.n_features for model in three.fusion_.members]
    assert three.transform(X).shape == (90, sum(widths))
    assert len(three.get_feature_names_out()) == sum(widths)
    assert not hasattr(three, "contributions")
    clf = of(ParallelFusion("cv"), 2).fit(X, y)
    terms = sum(clf.contributions(X).values())
    cells, present = clf.reader_.read(X)
    scores = clf.fusion_.scores(cells, present)
    np.testing.assert_allclose(terms, scores, rtol=1e-4, atol=1e-5)
    alone = clf.predict_proba_per_modality(X)["m0"]
    assert np.isnan(alone[~present[:, 0]]).all()
    np.testing.assert_allclose(alone[present[:, 0]].sum(axis=1), 1, rtol=1e-5)


def test_chunks_train_all_members(data):
    X, y = data
    clf = of("feature", 2).partial_fit(X, y)
    before = [m.scores(*clf.reader_.read(X)) for m in clf.fusion_.members]
    clf.partial_fit(X, y)
    for model, scores in zip(clf.fusion_.members, before, strict=True):
        assert np.abs(model.scores(*clf.reader_.read(X)) - scores).max() > 0


def test_members_of_values_have_less_error_than_one_of_them():
    X, y = make_multimodal_regression(150, random_state=0)
    training = Training(max_epochs=5, n_members=3)
    reg = FusionRegressor(fusion="feature", training=training, random_state=0)
    reg.fit(X[:100], y[:100])
    cells, present = reg.reader_.read(X[100:])
    errors = [
        np.square(m.response(cells, present).ravel() - y[100:]).mean()
        for m in reg.fusion_.members
    ]
    error = np.square(reg.predict(X[100:]) - y[100:]).mean()
    assert error < np.mean(errors)


@pytest.mark.parametrize(
    ("fusion", "mode", "message"),
    [
        ("feature", "staged", "Use mode='joint' of Training or n_members=1"),
        (SequentialFusion(mode="residual"), "joint", "n_members=2 is not defined for"),
        (SequentialFusion(exit_threshold=0.5), "joint", "n_members=2 is not defined"),
    ],
)
def test_members_are_refused(fusion, mode, message, data):
    with pytest.raises(ValueError, match=message):
        of(fusion, 2, mode=mode).fit(*data)
