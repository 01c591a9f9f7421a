"""The default's ensemble: interactions, no harm, absent modalities, exact sums."""

import joblib
import numpy as np
import pytest
from scipy.optimize import minimize, nnls
from sklearn.base import clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge

from skmultimodal import (
    DecisionFusion,
    FusionClassifier,
    FusionRegressor,
    MultimodalData,
    load,
)
from skmultimodal.datasets import make_multimodal_classification, make_multimodal_xor
from skmultimodal.fusion.apart import _cache
from skmultimodal.fusion.apart._ensemble import PULL, Ensemble
from skmultimodal.fusion.apart._stack import Stack
from skmultimodal.fusion.rules._weights import is_clear
from skmultimodal.training._tasks import Classification, Multilabel, Regression


def signs(n=300, width=3, seed=0):
    """Two blocks of noise, and the signs of their first columns."""
    a, b = np.random.default_rng(seed).normal(size=(2, n, width))
    return MultimodalData({"a": a, "b": b}), a[:, 0], b[:, 0]


@pytest.fixture(scope="module")
def xor():
    X, y = make_multimodal_xor(300, random_state=0)
    return X, y, FusionClassifier(random_state=0).fit(X[:200], y[:200])


def test_the_default_solves_xor(xor):
    X, y, clf = xor
    assert clf.score(X[200:], y[200:]) >= 0.95
    report = clf.fusion_report_.set_index("member")
    assert report["gain"].idxmax() == "kernel"
    assert report.loc["kernel", "gain"] > 0.5
    assert list(clf.fusion_weights_) == ["m0", "m1"]


def test_the_default_solves_xor_of_signs():
    X, a, b = signs(400)
    y = (a > 0) ^ (b > 0)
    clf = FusionClassifier(random_state=0).fit(X[:300], y[:300])
    assert clf.score(X[300:], y[300:]) >= 0.95


def test_the_default_regressor_sees_a_product():
    X, a, b = signs(200, width=2)
    reg = FusionRegressor(random_state=0).fit(X[:150], (a * b)[:150])
    assert reg.score(X[150:], (a * b)[150:]) > 0.7


def test_rows_without_a_modality_are_answered_by_the_sum(xor):
    X, y, clf = xor
    exact = FusionClassifier(fusion="decision", random_state=0).fit(X[:200], y[:200])
    alone = {"m0": X["m0"][:5]}
    with pytest.warns(UserWarning, match="no column for"):
        ours, theirs = clf.predict_proba(alone), exact.predict_proba(alone)
    np.testing.assert_array_equal(ours, theirs)
    assert clf.fusion_weights_ == exact.fusion_weights_
    cells, present = dict(X.items()), np.ones((300, 2), dtype=bool)
    present[::2, 1] = False
    several = clf.fusion_.responses(cells, [present, np.ones_like(present)])
    np.testing.assert_allclose(several[0], clf.fusion_.response(cells, present))
    np.testing.assert_allclose(several[1], clf.predict_proba(X))


def test_without_interactions_little_changes():
    X, y = make_multimodal_classification(300, n_modalities=2, random_state=0)
    X = MultimodalData({name: X[name] for name in X})
    ours = FusionClassifier(random_state=0).fit(X[:200], y[:200])
    exact = FusionClassifier(fusion="decision", random_state=0).fit(X[:200], y[:200])
    assert ours.score(X[200:], y[200:]) >= exact.score(X[200:], y[200:]) - 0.02
    only = ours.fusion_report_["weight"].to_numpy()[1:]
    if not only.any():
        np.testing.assert_array_equal(ours.predict_proba(X), exact.predict_proba(X))


@pytest.mark.parametrize(
    "params",
    [
        {"fusion": "decision"},
        {"fusion": DecisionFusion(ensemble=True, weights="uniform")},
        {"fusion": DecisionFusion("mean", ensemble=True)},
        {"encoders": [(n, LogisticRegression()) for n in ("a", "b")]},
    ],
)
def test_what_is_asked_for_exactly_stays_a_sum(params):
    X, a, b = signs(60)
    clf = FusionClassifier(random_state=0, **params).fit(X, (a > 0) ^ (b > 0))
    with pytest.raises(AttributeError, match="has no fusion_report_: this fit"):
        _ = clf.fusion_report_
    assert clf.fusion_.ensemble is None


def test_nested_parameters_of_auto_keep_working():
    clf = FusionClassifier().set_params(fusion__weights={"a": 1, "b": 2})
    X, a, _ = signs(60)
    assert clf.fit(X, a > 0).fusion_weights_ == {"a": 1.0, "b": 2.0}


@pytest.mark.parametrize(
    ("encoders", "expected"),
    [("auto", True), ("pretrained", True), ({"image": "pretrained"}, False)],
)
def test_one_word_for_all_encoders_asks_for_the_ensemble(encoders, expected):
    clf = FusionClassifier(encoders).set_params(fusion__rule="auto")
    assert clf.fusion.ensemble is expected


def test_with_few_rows_the_sum_stays_alone():
    X, a, b = signs(200)
    y = (a > 0) ^ (b > 0)
    for n, alone in ((90, True), (200, False)):
        clf = FusionClassifier(random_state=0).fit(X[:n], y[:n])
        weights = clf.fusion_report_.set_index("member")["weight"]
        assert (weights.drop("sum") == 0).all() == alone, n


def test_given_models_may_have_a_stack_beside_them():
    X, a, b = signs(120)
    models = [(name, LogisticRegression()) for name in X]
    clf = FusionClassifier(models, DecisionFusion(ensemble=True)).fit(X, a + b > 0)
    assert clf.fusion_report_["member"].tolist() == ["sum", "stack"]


def test_an_ensemble_is_saved(xor, tmp_path):
    X, _, clf = xor
    clf.save(tmp_path / "clf.skmm")
    again = load(tmp_path / "clf.skmm")
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    assert joblib.hash(clone(clf).get_params()) == joblib.hash(clf.get_params())


def test_memory_repeats_the_ensemble(xor, tmp_path, monkeypatch):
    X, y, clf = xor
    kept = clone(clf).set_params(memory=str(tmp_path))
    for _ in range(2):
        proba = kept.fit(X[:200], y[:200]).predict_proba(X)
        np.testing.assert_allclose(proba, clf.predict_proba(X), rtol=1e-9)
    assert kept.cache_info().hits > 0
    assert kept.cache_info().misses == 0
    monkeypatch.setattr(_cache, "CACHE_VERSION", -1)  # fits of other code are not ours
    assert kept.fit(X[:200], y[:200]).cache_info().hits == 0


def test_folds_answer_without_a_refit():
    X, a, b = signs(200)
    fusion = DecisionFusion(ensemble=True, refit=False, cv=3)
    clf = FusionClassifier(fusion=fusion, random_state=0).fit(X, (a > 0) ^ (b > 0))
    assert clf.score(X, (a > 0) ^ (b > 0)) > 0.95
    assert {len(heads) for heads in clf.fusion_.joined.machines.values()} == {3}


def test_weights_of_labels_minimise_the_penalised_loss():
    rng = np.random.default_rng(0)
    y, weight = rng.integers(0, 3, 300), rng.uniform(0.5, 2, 300)
    logits = [s * np.eye(3)[y] + rng.normal(size=(300, 3)) for s in (1.0, 1.5)]
    p, q = (np.exp(z) / np.exp(z).sum(1, keepdims=True) for z in logits)
    prior = np.bincount(y, weight) / weight.sum()
    ours = Ensemble(Classification(y), prior).fit({"p": p, "q": q}, y, weight)

    def loss(w):
        scores = np.log(prior) + w[0] * np.log(p / prior) + w[1] * np.log(q / prior)
        logs = scores - np.log(np.exp(scores).sum(1, keepdims=True))
        gap = np.square(w - [1, 0]).sum()
        return -np.average(logs[np.arange(300), y], weights=weight) + PULL * gap

    best = minimize(loss, [1.0, 0.1], bounds=[(0, None)] * 2, tol=1e-12).x
    np.testing.assert_allclose(list(ours.weights.values()), best, atol=1e-4)
    scores = np.log(prior) + best @ np.moveaxis(
        [np.log(p / prior), np.log(q / prior)], 0, 1
    )
    combined = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    np.testing.assert_allclose(ours.combine({"p": p, "q": q}), combined, atol=1e-4)


def test_weights_of_values_minimise_the_penalised_error():
    rng = np.random.default_rng(0)
    y = rng.normal(3.0, 2.0, (200, 2))
    task = Regression(y)
    p, q = y + rng.normal(size=(2, 200, 2)) * [[[1.0]], [[0.8]]]
    target = task.encode(y)
    ours = Ensemble(task, task.prior(target)).fit({"p": p, "q": q}, target)
    P, Q = task.encode(p), task.encode(q)

    def loss(w):
        error = np.square(target - w[0] * P - w[1] * Q).mean()
        return error + PULL * np.square(w - [1, 0]).sum()

    best = minimize(loss, [1.0, 0.1], tol=1e-12).x
    np.testing.assert_allclose(list(ours.weights.values()), best, atol=1e-4)


def test_members_that_add_nothing_stay_out():
    rng = np.random.default_rng(0)
    Y = rng.integers(0, 2, (200, 2))
    p = np.clip(0.8 * Y + 0.1 + rng.normal(0, 0.05, Y.shape), 0.01, 0.99)
    noise = rng.uniform(0.1, 0.9, Y.shape)
    task = Multilabel(Y)
    ours = Ensemble(task, Y.mean(axis=0)).fit({"p": p, "noise": noise}, Y)
    assert ours.weights == {"p": 1.0}
    assert np.isnan(ours.report["gain"][1])
    assert ours.combine({"p": p}) is p


def test_members_of_noise_rarely_enter_beside_true_probabilities():
    rng, entered = np.random.default_rng(0), 0
    for _ in range(40):
        p, *noise = rng.uniform(0.3, 0.7, (3, 150))
        y = (rng.uniform(size=150) < p).astype(int)
        responses = {"p": _binary(p), "noise": _binary(noise[0])}
        responses["more noise"] = _binary(noise[1])
        ours = Ensemble(Classification(y), np.array([0.5, 0.5])).fit(responses, y)
        entered += len(ours.weights) > 1
    assert entered <= 2  # 7 by one standard error


def _binary(p):
    return np.column_stack([1 - p, p])


def test_where_a_member_is_silent_the_first_answers():
    y = np.tile([0, 1], 50)
    p, q = np.eye(2)[y] * 0.2 + 0.4, np.eye(2)[y] * 0.8 + 0.1
    ours = Ensemble(Classification(y), np.array([0.5, 0.5])).fit({"p": p, "q": q}, y)
    assert ours.weights["q"] > 0
    silent = np.where(np.arange(100)[:, None] < 50, np.nan, q)
    combined = ours.combine({"p": p, "q": silent})
    np.testing.assert_array_equal(combined[:50], p[:50])
    assert (combined[50:].max(axis=1) > p[50:].max(axis=1)).all()


def test_rows_of_one_group_count_as_one_where_a_gain_is_judged():
    rng = np.random.default_rng(0)
    weight, group = np.repeat([1, 3], 10), np.arange(20)
    judged = []
    for _ in range(50):
        gain = rng.normal(0.25, size=20)
        alone = is_clear(gain)
        five = np.repeat(gain, 5)
        assert is_clear(five, groups=np.repeat(group, 5)) == alone
        assert is_clear(gain, groups=group) == alone
        twins = np.repeat(group, weight)
        as_weights = is_clear(gain, weight, group)
        assert is_clear(gain[twins], groups=twins) == as_weights
        judged.append((alone, is_clear(five)))
    alone, five = np.mean(judged, axis=0)
    assert 0 < alone < five  # to whom they are no group, repeats are sure
    assert not is_clear(np.ones(5), groups=np.zeros(5))


def test_weights_that_are_shares_judge_a_gain_as_those_of_mean_one():
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.5, 1.5, 20)
    weight[:10] *= rng.integers(0, 2, 10)
    weight *= np.count_nonzero(weight) / weight.sum()
    judged = []
    for _ in range(50):
        gain = rng.normal(0.25, size=20)
        judged.append(is_clear(gain, weight))
        for scale in (1e-6, 1 / weight.sum(), 0.1):
            assert is_clear(gain, scale * weight) == judged[-1]
    assert 0 < np.mean(judged) < 1


@pytest.mark.parametrize("several", [False, True])
def test_a_stack_does_not_tell_folds_by_their_priors(several):
    group = np.repeat(np.arange(10), 12)
    rng = np.random.default_rng(0)
    X = MultimodalData({"a": rng.normal(size=(120, 2)), "b": rng.normal(size=(120, 2))})
    y = 1.0 * np.isin(group, [0, 1, 2])  # which is known of no row but by its group
    dummy, make = DummyRegressor(), FusionRegressor
    if several:
        y, dummy, make = (
            np.column_stack([y, 1 - y]),
            DummyClassifier(),
            FusionClassifier,
        )
    models = [("a", dummy), ("b", dummy)]
    estimator = make(models, DecisionFusion(ensemble=True))
    report = estimator.fit(X, y, groups=group).fusion_report_.set_index("member")
    assert report.loc["stack", "loss"] > 0.99 * report.loc["sum", "loss"]
    assert report.loc["stack", "weight"] == 0


@pytest.mark.parametrize("n_values", [1, 2])
def test_a_stack_does_not_subtract_models_that_know_nothing(n_values):
    entered = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X = MultimodalData({name: rng.normal(size=(120, 5)) for name in ("a", "b")})
        y = rng.normal(size=(120, 1)) * [1, -1][:n_values]
        y = y + 0.1 * rng.normal(size=y.shape)
        reg = FusionRegressor([(n, Ridge()) for n in X], DecisionFusion(ensemble=True))
        report = reg.fit(X, y.squeeze()).fusion_report_.set_index("member")
        entered.append(report.loc["stack", "weight"] > 0)
    assert sum(entered) == 0


def test_a_stack_of_values_is_a_ridge_of_weights_above_zero():
    rng = np.random.default_rng(0)
    y = rng.normal(3.0, 2.0, (150, 2))
    noise = rng.normal(size=(3, 150, 2)) * [[[1.0, 9.0]], [[9.0, 1.0]], [[1.0, 1.0]]]
    responses = y + noise
    responses[2] = -responses[2]  # right, but for its sign
    task = Regression(y)
    stack = Stack(task, y.mean(axis=0)).fit(responses, task.encode(y))
    found = stack.response(responses)
    for k in range(2):
        X, goal = responses[:, :, k].T / y.std(axis=0)[k], y[:, k] / y.std(axis=0)[k]
        X, centre = X - X.mean(axis=0), goal.mean()
        rows, goals = np.vstack([X, np.eye(3)]), np.r_[goal - centre, np.zeros(3)]
        weights = nnls(rows, goals)[0]
        assert weights[2] == 0
        expected = (X @ weights + centre) * y.std(axis=0)[k]
        np.testing.assert_allclose(found[:, k], expected, atol=1e-3)
