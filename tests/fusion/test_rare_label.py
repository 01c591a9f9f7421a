"""A label so rare that a fold does not meet it is no reason to fail or to distrust."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier

from skmultimodal import DecisionFusion, FusionClassifier, MultimodalData, load
from skmultimodal.fusion.apart._joined import fit_joined
from skmultimodal.fusion.apart._stack import cross_fitted
from skmultimodal.training._survival import Survival
from skmultimodal.training._tasks import Multilabel

MODELS = [("a", LogisticRegression()), ("b", LogisticRegression())]


def several_labels(n_positive, n=90):
    """Return two modalities, and three labels of which the last is rare."""
    rng = np.random.default_rng(0)
    Y = rng.integers(2, size=(n, 3))
    Y[:, 2] = np.arange(n) < n_positive
    return {name: Y + rng.normal(size=(n, 3)) for name in "ab"}, Y


def one_label(only, seed):
    """Return three classes; `b` is in the first row of the last class if in `only`."""
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1, 2], [60, 50, 12])
    a = np.eye(3)[y] + rng.normal(size=(len(y), 3))
    b = 2 * np.eye(3)[y] + rng.normal(scale=0.7, size=(len(y), 3))
    b[np.flatnonzero(y == 2)[int(only) :]] = np.nan
    return MultimodalData({"a": a, "b": b}), y


@pytest.mark.parametrize("kwargs", [{}, {"calibrate": "sigmoid"}, {"ensemble": True}])
def test_of_several_labels_one_may_be_in_a_single_row(kwargs):
    X, Y = several_labels(1)
    clf = FusionClassifier(MODELS, DecisionFusion(**kwargs)).fit(X, Y)
    assert min(clf.fusion_weights_.values()) > 0.1
    assert np.isfinite(clf.predict_proba(X)).all()
    if not kwargs:  # nothing else changes what the models say
        model = MultiOutputClassifier(LogisticRegression()).fit(X["a"], Y)
        expected = np.stack([p[:, 1] for p in model.predict_proba(X["a"])], axis=1)
        own = clf.predict_proba_per_modality(X)["a"]
        np.testing.assert_allclose(own, expected, rtol=1e-6)


def test_folds_answer_for_those_that_did_not_meet_it(tmp_path):
    X, Y = several_labels(1)
    clf = FusionClassifier(MODELS, DecisionFusion("mean", refit=False)).fit(X, Y)
    says = clf.predict_proba_per_modality(X)["a"][:, 2]
    assert ((0 < says) & (says < 0.5)).all()
    clf.save(tmp_path / "rare.skmm")
    again = load(tmp_path / "rare.skmm")
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


@pytest.mark.parametrize("encoders", ["auto", MODELS])
def test_of_several_labels_one_may_be_in_no_row(encoders):
    X, Y = several_labels(0)
    clf = FusionClassifier(encoders, "decision", random_state=0)
    proba = clf.fit(X, Y).predict_proba(X)
    assert proba[:, 2].max() < 1e-6
    without = clf.fit(X, Y[:, :2])
    np.testing.assert_allclose(proba[:, :2], without.predict_proba(X), rtol=1e-6)
    X, Y = several_labels(0, 20)
    alone = FusionClassifier(MODELS, "decision").fit(X, 0 * Y)
    assert alone.predict_proba(X).max() < 1e-6


def test_a_modality_without_a_label_says_its_share_and_keeps_its_weight():
    X, Y = several_labels(9)
    X["b"][Y[:, 2] == 1] = np.nan
    clf = FusionClassifier(MODELS, "decision").fit(MultimodalData(X), Y)
    assert clf.fusion_weights_["b"] > 0.1
    says = clf.predict_proba_per_modality(MultimodalData(X))["b"]
    np.testing.assert_allclose(says[9:, 2], 0.1)
    assert says[9:, 0].std() > 0.1


@pytest.mark.parametrize("seed", [1, 2])
def test_one_row_of_a_class_does_not_decide(seed):
    weights, temperatures = [], []
    for only in (False, True):
        X, y = one_label(only, seed)
        clf = FusionClassifier(MODELS, "decision").fit(X, y)
        weights.append(list(clf.fusion_weights_.values()))
        clf.set_params(fusion=DecisionFusion(calibrate="temperature")).fit(X, y)
        temperatures.append(clf.fusion_.calibrators["b"][0].temperature_)
    np.testing.assert_allclose(*weights, rtol=0.2)
    np.testing.assert_allclose(*temperatures, rtol=0.2)


def test_members_beside_the_sum_are_judged_by_labels_they_met():
    X, y = one_label(True, 0)
    clf = FusionClassifier(random_state=0)
    problem = clf._problem(X, y, None, None)[1]
    order = np.random.default_rng(0).permutation(len(y))
    folds = [(np.setdiff1d(order, test), test) for test in np.array_split(order, 5)]
    only = np.flatnonzero(y == 2)[0]  # the one complete row of its class
    joined = fit_joined(problem, folds, True)[0]
    responses = np.random.default_rng(0).dirichlet(np.ones(3), (2, len(y)))
    rows = problem.present.all(axis=1)
    joined["stack"] = cross_fitted(problem, responses, rows, folds, np.ones(3) / 3)[0]
    assert len(joined) == 3
    for response in joined.values():
        answered = np.isfinite(response).all(axis=1)
        np.testing.assert_array_equal(np.flatnonzero(answered), np.flatnonzero(y < 2))
        assert not answered[only]


def test_what_is_not_asked_of_a_row_is_no_label():
    y = np.column_stack([[1.0, 2.0, 2.5, 3.0, 4.0, 4.0], [1, 1, 0, 1, 1, 1]])
    task = Survival(y, n_intervals=3)
    target = task.encode(y)
    assert not task.unmet(target, target).any()
    last = target[-1:]  # it was asked of every interval
    assert task.unmet(target, last).tolist() == [
        bool((row[:-1] == 1).any() or row[-1] == 0) for row in target
    ]
    assert task.unmet(last, target[:1]).tolist() == [True]
    assert Multilabel(np.eye(2)).unmet(np.eye(2), np.eye(2)[:0]).all()
