"""What strategies learn beyond their models, shrunk on few rows."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import SelectKBest

from skmultimodal import (
    FusionClassifier,
    FusionRegressor,
    MultimodalData,
    TabularEncoder,
    Training,
    load,
)
from skmultimodal.datasets import make_multimodal_xor
from skmultimodal.fusion.joint import _model, _shrinkage
from skmultimodal.fusion.joint._shrinkage import FACTORS, largest_within_error
from skmultimodal.training._fit import train
from skmultimodal.training._outputs import predict_outputs
from skmultimodal.training._tensors import TensorRows

SHORT = Training(max_epochs=10)


@pytest.fixture(scope="module")
def noise():
    """Return rows whose labels nothing tells."""
    rng = np.random.default_rng(0)
    X = {name: rng.normal(size=(120, 4)) for name in ("first", "second")}
    return MultimodalData(X), rng.integers(3, size=120)


def fit(X, y, strategy="feature", training=SHORT, **params):
    kind = FusionRegressor if y.dtype.kind == "f" else FusionClassifier
    return kind(fusion=strategy, training=training, random_state=0).fit(X, y, **params)


def factor_of(clf):
    return clf.net_.module_.backbone.factor.item()


def scores_at(net, factor, tensors):
    net.module_.backbone.factor.fill_(factor)
    return predict_outputs(net, tensors, ["scores"])["scores"]


def test_the_factor_is_that_of_networks_trained_without_the_rows(noise):
    X, y = noise
    with mock.patch.object(_model, "shrink", wraps=_shrinkage.shrink) as called:
        clf = fit(X, y, "gated")
    _, prepare, problem, seeds = called.call_args.args
    factors, losses = np.arange(1, 21) / 20, np.zeros((20, len(y)))
    for rows, left_out in _shrinkage.folds_of(problem, None):
        assert not set(rows) & set(left_out)
        make, data = prepare(rows)
        part = TensorRows(data, rows), None
        net, _ = train(make, problem.task, *part, problem.settings, seeds[0])
        ends = [scores_at(net, end, TensorRows(data, left_out)) for end in (0, 1)]
        for i, factor in enumerate(factors):
            scores = ends[0] + factor * (ends[1] - ends[0])
            truth = np.arange(len(left_out)), problem.target[left_out]
            losses[i, left_out] = -log_softmax(scores, axis=1)[truth]
    best = losses.mean(axis=1).argmin()
    gaps = losses - losses[best]
    errors = gaps.std(axis=1, ddof=1) / np.sqrt(len(y))
    expected = factors[gaps.mean(axis=1) <= errors].max()
    assert 0.05 <= expected < 1
    assert factor_of(clf) == pytest.approx(expected)


def test_the_factor_multiplies_what_is_beyond_the_models(noise):
    X, y = noise
    clf = fit(X, y)
    net = clf.net_
    tensors = clf.fusion_.prepared(*clf.reader_.read(X))
    start, end, half = (scores_at(net, f, tensors) for f in (0, 1, 0.5))
    assert abs(end - start).max() > 0.01
    np.testing.assert_allclose(half, (start + end) / 2, atol=1e-5)


def test_noise_is_shrunk_and_an_interaction_is_kept(noise):
    assert factor_of(fit(*noise)) < 0.4
    X, y = make_multimodal_xor(n_samples=700, random_state=0)
    clf = fit(X[:300], y[:300], training=Training())
    assert factor_of(clf) > 0.8
    assert clf.score(X[300:], y[300:]) > 0.95


def test_values_and_groups(noise):
    X, y = noise
    rng = np.random.default_rng(1)
    assert factor_of(fit(X, rng.normal(size=len(y)))) < 0.4
    assert factor_of(fit(X, rng.integers(2, size=(len(y), 2)))) < 0.4
    groups = np.arange(len(y)) // 4
    wrapped = _shrinkage.largest_within_error
    spy = mock.patch.object(_shrinkage, "largest_within_error", wraps=wrapped)
    with spy as called:
        fit(X, y, groups=groups)
    np.testing.assert_array_equal(called.call_args.args[2], groups)


@pytest.mark.parametrize("strategy", ["parallel", "sequential"])
def test_sums_are_shrunk_branch_by_branch(noise, strategy):
    X, y = noise
    clf = fit(X, y, strategy)
    assert factor_of(clf) < 0.4
    if strategy == "parallel":
        proba = softmax(sum(clf.contributions(X).values()), axis=1)
        np.testing.assert_allclose(clf.predict_proba(X), proba, atol=1e-5)


@pytest.mark.parametrize(
    ("strategy", "options"),
    [
        ("mixture_of_experts", {"shrinkage": True}),  # no sum to start from
        ("feature", {"shrinkage": False}),
    ],
)
def test_there_is_none(noise, strategy, options):
    with mock.patch.object(_shrinkage, "train_members") as called:
        fit(*noise, strategy, Training(max_epochs=1, **options))
    called.assert_not_called()


def test_auto_is_for_few_rows_of_models():
    X, y = make_multimodal_xor(n_samples=1000, random_state=0)
    once = Training(max_epochs=1)
    with mock.patch.object(_shrinkage, "estimate_factor") as called:
        called.return_value = 0.5
        assert factor_of(fit(X, y, training=once)) == 1
        assert factor_of(fit(X[:999], y[:999], training=once)) == 0.5
        clf = FusionClassifier(
            encoders={name: TabularEncoder() for name in X.keys()},
            fusion="feature",
            training=Training(max_epochs=1, backbone=True),
        )
        assert factor_of(clf.fit(X[:60], y[:60])) == 1


def test_early_stopping_holds_rows_out_of_the_folds_too(noise):
    training = Training(max_epochs=2, early_stopping=True, shrinkage=True)
    wrapped = _shrinkage.train_members
    with mock.patch.object(_shrinkage, "train_members", wraps=wrapped) as called:
        fit(*noise, training=training)
    assert called.call_count == 5
    for call in called.call_args_list:
        _, _, data, valid, *_ = call.args
        assert not set(data.rows) & set(valid.rows)
        assert len(data.rows) + len(valid.rows) == 96


@pytest.mark.parametrize("early_stopping", [False, True])
def test_encoders_that_learn_from_y_do_not_see_the_folds(early_stopping):
    rng = np.random.default_rng(0)
    X = {name: rng.normal(size=(120, 400)) for name in ("first", "second")}
    y = rng.integers(2, size=120)
    clf = FusionClassifier(
        encoders={name: SelectKBest(k=5) for name in X},
        fusion="feature",
        training=Training(backbone=True, shrinkage=True, early_stopping=early_stopping),
        random_state=0,
    )
    assert factor_of(clf.fit(X, y)) < 0.4


def test_folds_too_small_for_an_encoder_leave_it_at_one(noise):
    X, y = noise
    first = np.full_like(X["first"], np.nan)
    few = np.r_[np.flatnonzero(y == 0)[:2], np.flatnonzero(y == 1)[:1]]
    first[few] = X["first"][few]  # no fewer for a discriminant analysis
    clf = FusionClassifier(
        encoders={"first": LinearDiscriminantAnalysis(), "second": TabularEncoder()},
        fusion="feature",
        training=Training(backbone=True, shrinkage=True, max_epochs=1),
        random_state=0,
    )
    assert factor_of(clf.fit({"first": first, "second": X["second"]}, y)) == 1


@pytest.mark.parametrize("kind", ["groups", "rows", "fraction"])
def test_folds_too_small_for_early_stopping_leave_it_at_one(noise, kind):
    X, y = noise
    training = Training(max_epochs=2, early_stopping=True)
    if kind == "groups":
        clf = fit(X, y, training=training, groups=np.arange(len(y)) % 2)
    elif kind == "rows":
        clf = fit(X[:2], np.array([0.0, 1.0]), training=training)
    else:
        training.set_params(validation_fraction=0.8)
        clf = fit(X[:5], np.arange(5.0), training=training)
    assert factor_of(clf) == 1


def test_folds_are_judged_with_as_many_threads_as_asked(noise):
    wrapped = _shrinkage.predict_outputs
    with mock.patch.object(_shrinkage, "predict_outputs", wraps=wrapped) as called:
        fit(*noise, training=Training(max_epochs=1, n_threads=1))
    assert {call.args[3:] for call in called.call_args_list} == {(1,)}


def test_members_share_it(noise):
    clf = fit(*noise, training=Training(max_epochs=10, n_members=2))
    factors = {
        model.net.module_.backbone.factor.item() for model in clf.fusion_.members
    }
    assert len(factors) == 1
    assert factors.pop() < 1


def test_it_is_saved_and_kept_by_further_training(noise, tmp_path):
    X, y = noise
    clf = fit(X, y)
    factor = factor_of(clf)
    assert factor < 1
    clf.save(tmp_path / "clf.zip")
    again = load(tmp_path / "clf.zip")
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    before = {k: v.clone() for k, v in clf.net_.module_.fusion.state_dict().items()}
    assert factor_of(clf.partial_fit(X, y)) == factor
    after = clf.net_.module_.fusion.state_dict()
    assert not all(torch.equal(after[key], value) for key, value in before.items())


def test_after_an_interruption_nothing_is_shrunk(noise):
    clf = FusionClassifier(fusion="feature", training=SHORT, random_state=0)
    with (
        mock.patch.object(_shrinkage, "train_members", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        clf.fit(*noise)
    assert factor_of(clf) == 1
    assert clf.n_iter_ == 10


def test_the_largest_factor_within_the_error():
    rng = np.random.default_rng(0)
    ideal = rng.normal(0.4, 0.5, size=50)
    losses = (FACTORS[:, None] - ideal) ** 2
    weight = rng.integers(1, 4, size=50)
    repeated = largest_within_error(np.repeat(losses, weight, axis=1))
    assert largest_within_error(losses, weight) == repeated
    assert repeated > FACTORS[np.average(losses, axis=1, weights=weight).argmin()]
    groups = np.arange(50) // 2
    each = np.repeat(losses, 2, axis=1)
    of_groups = largest_within_error(each, groups=np.repeat(np.arange(50), 2))
    assert of_groups == pytest.approx(largest_within_error(losses))
    assert of_groups >= largest_within_error(each)
    assert largest_within_error(losses, groups=groups) > 0
    assert largest_within_error((FACTORS[:, None] - np.zeros(50)) ** 2) == FACTORS[0]
    assert largest_within_error((FACTORS[:, None] - np.ones(50)) ** 2) == 1
