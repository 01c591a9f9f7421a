"""Training on: warm_start and partial_fit, and what a second fit must not mix up."""

import copy

import numpy as np
import pytest
from sklearn.base import clone

from skmultimodal import (
    FusionClassifier,
    FusionRegressor,
    FusionTransformer,
    TabularEncoder,
    Training,
)
from skmultimodal.datasets import make_multimodal_classification
from tests.parameters import nested

X, LABELS = make_multimodal_classification(200, n_classes=2, random_state=0)
ENCODERS = [(name, TabularEncoder((8,), 8)) for name in X]
WORDS = np.array(["no", "yes"])[LABELS]


def small(**params):
    params = {"fusion": "parallel", "max_epochs": 2, "lr": 0.01} | params
    return FusionClassifier(ENCODERS, random_state=0, **nested(params))


def weights_of(clf):
    return {key: value.clone() for key, value in clf.net_.module_.state_dict().items()}


def same(one, other):
    return all((one[key] == other[key]).all() for key in one)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_warm_start_trains_on(early_stopping):
    clf = small(warm_start=True, early_stopping=early_stopping).fit(X, LABELS)
    first, names = clf.history_["train_loss"], list(clf.history_)
    clf.fit(X, LABELS)
    assert clf.n_iter_ == len(clf.history_) == 4
    assert clf.history_["train_loss"].iloc[-1] < first.iloc[0]
    assert ("valid_loss" in names) == early_stopping
    assert clf.history_[names].notna().all(axis=None)


def test_the_schedule_and_a_new_learning_rate_begin_anew():
    clf = small(warm_start=True, max_epochs=5).fit(X, LABELS)
    rates = (
        clf.set_params(training__lr=0.1).fit(X, LABELS).history_["event_lr"].to_numpy()
    )
    np.testing.assert_allclose(rates[5:], 10 * rates[:5])
    assert rates[5:].max() == pytest.approx(0.1)
    clf.partial_fit(X, LABELS)
    assert clf.net_.optimizer_.param_groups[0]["lr"] == pytest.approx(0.1)


def test_partial_fit_after_early_stopping():
    clf = small(early_stopping=True).fit(X, LABELS)
    before = weights_of(clf)
    clf.partial_fit(X[:50], LABELS[:50])
    assert clf.n_iter_ == 3
    assert not same(before, weights_of(clf))


def test_warm_start_refuses_unseen_labels_and_keeps_the_estimator():
    clf = small(warm_start=True).fit(X, WORDS)
    expected = clf.predict_proba(X)
    with pytest.raises(ValueError, match=r"not seen in the first fit: \['maybe'\]"):
        clf.fit(X, np.where(WORDS == "yes", "maybe", "no"))
    assert clf.classes_.tolist() == ["no", "yes"]
    np.testing.assert_array_equal(clf.predict_proba(X), expected)


def test_warm_start_keeps_the_classes_of_the_first_fit():
    y = np.array(["a", "b", "c"])[np.arange(200) % 3]
    clf = small(warm_start=True).fit(X, y)
    rows = np.flatnonzero(y != "b")
    clf.fit(X[rows], y[rows])
    assert clf.classes_.tolist() == ["a", "b", "c"]
    assert clf.predict_proba(X).shape == (200, 3)


def test_warm_start_keeps_the_scale_of_the_first_target():
    reg = FusionRegressor(
        ENCODERS,
        "parallel",
        warm_start=True,
        random_state=0,
        training=Training(max_epochs=40, lr=0.01),
    )
    reg.fit(X, LABELS.astype(float))
    reg.fit(X, LABELS * 3.0)
    assert reg.task_.scale == pytest.approx(LABELS.std())
    assert 1.8 < reg.predict(X)[LABELS == 1].mean() < 4


@pytest.mark.parametrize(
    "change",
    [
        {"fusion": "feature"},
        {"fusion__weights": "uniform"},
        {"encoders": ENCODERS[:2]},
        {"encoders": [(name, TabularEncoder((4,), 4)) for name in X]},
    ],
    ids=["strategy", "weights", "modalities", "encoders"],
)
def test_warm_start_begins_anew_when_the_model_is_another(change):
    change = copy.deepcopy(change)
    clf = small(warm_start=True).fit(X, LABELS)
    clf.set_params(**change).fit(X, LABELS)
    fresh = clone(clf).fit(X, LABELS)
    assert clf.n_iter_ == 2
    assert same(weights_of(clf), weights_of(fresh))


def test_a_failed_continuation_leaves_the_weights():
    clf = small(warm_start=True).fit(X, LABELS)
    expected = clf.predict_proba(X)

    def fails(*_, **__):
        raise RuntimeError("in the middle")

    clf.net_.module_.loss, loss = fails, clf.net_.module_.loss
    with pytest.raises(RuntimeError, match="in the middle"):
        clf.partial_fit(X, LABELS)
    clf.net_.module_.loss = loss
    assert clf.n_iter_ == 2
    np.testing.assert_array_equal(clf.predict_proba(X), expected)


def test_rows_of_weight_zero_do_not_enter_a_chunk():
    weight = np.ones(200)
    weight[:150] = 0
    first = small(batch_size=16).partial_fit(X, LABELS)
    other = copy.deepcopy(first)
    first.partial_fit(X, LABELS, sample_weight=weight)
    other.partial_fit(X[150:], LABELS[150:], sample_weight=np.ones(50))
    assert same(weights_of(first), weights_of(other))


def test_partial_fit_checks_parameters():
    clf = small().partial_fit(X, LABELS).set_params(training__lr=-1)
    with pytest.raises(ValueError, match="'lr' parameter"):
        clf.partial_fit(X, LABELS)


def test_cross_fit_without_a_seed_is_aligned_with_the_final_fit():
    emb = FusionTransformer(
        ENCODERS, "feature", cross_fit=True, training=Training(max_epochs=15, lr=0.01)
    )
    out_of_fold = emb.fit_transform(X, LABELS)
    in_sample = emb.transform(X)
    centred = [block - block.mean(axis=0) for block in (out_of_fold, in_sample)]
    cosine = np.sum(centred[0] * centred[1]) / np.prod(
        [np.linalg.norm(block) for block in centred]
    )
    assert cosine > 0.8
