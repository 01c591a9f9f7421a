"""FusionSurvival: loss, hazards, risk, scores with censoring, and all around it."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmultimodal import FusionSurvival, Training, load
from skmultimodal.fusion._auto import FUSIONS
from skmultimodal.inspection import (
    missing_modality_curve,
    modality_importance,
    modality_report,
    value_of_information,
)
from skmultimodal.model_selection import compare_fusion
from skmultimodal.training._censoring import (
    Censoring,
    brier_scores,
    concordance_rows,
)
from skmultimodal.training._survival import Survival, survival_pairs

KINDS = [("event", bool), ("time", float)]
WITHOUT = {"kernel", "cooperative", "evidential"}  # have a loss of their own
MODELS = {name: LogisticRegression() for name in "ab"}


def rows(n, seed=0):
    """Exponential times whose rate each modality tells a part of, a third cut off."""
    rng = np.random.default_rng(seed)
    X = {name: rng.normal(size=(n, 3)) for name in "ab"}
    risk = X["a"][:, 0] + X["b"][:, 0] - 0.5 * X["b"][:, 1]
    time, until = rng.exponential(np.exp(-risk)), rng.exponential(2.0, n)
    y = np.array(list(zip(time <= until, np.minimum(time, until), strict=True)), KINDS)
    return X, y, risk


def part(X, where):
    return {name: block[where] for name, block in X.items()}


@pytest.fixture(scope="module")
def data():
    X, y, risk = rows(1200)
    X["b"][::5] = np.nan
    return X, y, risk


@pytest.fixture(scope="module")
def decided(data):
    model = FusionSurvival(MODELS, "decision")
    return model.fit(part(data[0], slice(600)), data[1][:600])


def test_the_loss_is_the_likelihood_of_intervals_survived():
    y = rows(60)[1]
    task = Survival(survival_pairs(y), n_intervals=4)
    scores = np.random.default_rng(0).normal(size=(60, 4))
    hazard, target = expit(scores), task.encode(y)
    wanted = np.zeros(60)
    starts = np.r_[0.0, task.edges[:-1]]
    for i, (seen, time) in enumerate(y):
        for k, (start, end) in enumerate(zip(starts, task.edges, strict=True)):
            if seen and start < time <= end:
                wanted[i] -= np.log(hazard[i, k])
            elif time > end or (start < time <= end and time > (start + end) / 2):
                wanted[i] -= np.log(1 - hazard[i, k])
    np.testing.assert_allclose(task.losses(hazard, target), wanted / 4)
    found = task.loss(torch.from_numpy(scores), torch.from_numpy(target))
    np.testing.assert_allclose(found, wanted / 4)


def test_the_prior_is_the_estimate_of_kaplan_and_meier():
    """Where nobody is lost within an interval."""
    time = np.array([1.0, 2, 2, 3, 4, 4, 5, 6])
    y = np.column_stack([time, [1, 1, 0, 1, 1, 1, 0, 1]])
    task = Survival(y, n_intervals=6)
    assert task.edges.tolist() == [1, 2, 3, 4, 6]
    prior = task.prior(task.encode(y))
    np.testing.assert_allclose(prior, [1 / 8, 1 / 7, 1 / 5, 2 / 4, 1])
    alive = task.survival(prior[None], task.edges)
    np.testing.assert_allclose(alive[0], np.cumprod(1 - prior), atol=1e-6)
    twice = Survival(np.repeat(y, 2, axis=0), n_intervals=6)
    weighted = Survival(y, np.full(8, 2.0), n_intervals=6)
    np.testing.assert_array_equal(twice.edges, weighted.edges)


def test_survival_of_one_constant_hazard_is_exponential():
    """The closed form, with one rate for all rows."""
    rng = np.random.default_rng(1)
    time, until = rng.exponential(0.5, 4000), rng.exponential(1.0, 4000)
    y = np.column_stack([np.minimum(time, until), time <= until])
    task = Survival(y)
    alive = task.survival(task.prior(task.encode(y))[None], np.linspace(0, 1.5, 16))
    np.testing.assert_allclose(
        alive[0], np.exp(-2 * np.linspace(0, 1.5, 16)), atol=0.03
    )


def test_concordance_by_pairs_written_out():
    X, y, risk = rows(120, seed=2)
    known, pairs = survival_pairs(rows(200, seed=3)[1]), survival_pairs(y)
    risk = np.round(risk + X["a"][:, 1], 1)  # with ties
    censoring = Censoring(known)
    right = total = 0.0
    for time, seen in pairs[:, :2]:
        i = np.flatnonzero(pairs[:, 0] == time)[0]
        still = censoring.still(np.array([time]))[0]
        for j in range(120):
            if seen and still >= 0.1 and pairs[j, 0] > time:
                agree = 1.0 if risk[i] > risk[j] else 0.5 * (risk[i] == risk[j])
                right, total = right + agree / still**2, total + 1 / still**2
    assert concordance_rows(risk, pairs, censoring).mean() == pytest.approx(
        right / total
    )


def test_the_scores_are_those_of_scikit_survival():
    metrics = pytest.importorskip("sksurv.metrics")
    known, y, risk = rows(2000, seed=4)[1], *rows(400, seed=5)[1:]
    kept = y["time"] < known["time"].max()
    y, risk = y[kept], risk[kept]
    censoring, pairs = Censoring(survival_pairs(known)), survival_pairs(y)
    found = concordance_rows(risk, pairs, censoring).mean()
    tau = censoring.until
    assert 0.5 < tau < y["time"].max()
    wanted = metrics.concordance_index_ipcw(known, y, risk, tau=tau)[0]
    assert found == pytest.approx(wanted)
    times = np.linspace(0.1, 1.2, 10)
    alive = np.exp(-np.exp(risk)[:, None] * times)
    wanted = metrics.brier_score(known, y, alive, times)[1]
    np.testing.assert_allclose(brier_scores(alive, times, pairs, censoring), wanted)


def test_models_of_scikit_survival_are_taken(data):
    linear = pytest.importorskip("sksurv.linear_model")
    X, y, _ = rows(800, seed=6)
    cox = linear.CoxPHSurvivalAnalysis()
    model = FusionSurvival({"a": cox, "b": cox}, "decision")
    model.fit(part(X, slice(400)), y[:400])
    both = np.hstack([X["a"], X["b"]])
    alone = cox.fit(both[:400], y[:400]).predict(both[400:])
    wanted = model.task_.score(y[400:], alone)
    assert model.score(part(X, slice(400, None)), y[400:]) > wanted - 0.01


def test_fusion_is_above_its_modalities_and_near_the_truth(decided, data):
    X, y, risk = data[0], data[1][600:], data[2][600:]
    X = part(X, slice(600, None))
    full = ~np.isnan(X["b"]).all(axis=1)
    X, y, risk = part(X, full), y[full], risk[full]
    task = decided.task_
    alone = [
        task.score(y, task.predict(h)) for h in decided.predict_per_modality(X).values()
    ]
    assert decided.score(X, y) > max(alone) + 0.03
    assert decided.score(X, y) > task.score(y, risk) - 0.02


def test_survival_functions_fall_and_are_calibrated(decided, data):
    X, y = part(data[0], slice(600, None)), data[1][600:]
    times = np.linspace(0, 3, 31)
    alive = decided.predict_survival_function(X, times)
    np.testing.assert_allclose(alive[:, 0], 1)
    assert (np.diff(alive, axis=1) <= 1e-12).all()
    followed = Censoring(np.column_stack([y["time"], ~y["event"]]).astype(float))
    np.testing.assert_allclose(alive.mean(axis=0), followed.still(times), atol=0.06)
    ends = decided.predict_survival_function(X)
    assert ends.shape == (600, len(decided.times_))


def test_the_brier_score_is_better_than_that_of_all_rows(decided, data):
    X, y, _ = data
    X, y = part(X, slice(600, None)), y[600:]
    empty = {name: np.full((600, 3), np.nan) for name in "ab"}
    assert decided.integrated_brier_score(X, y) < 0.8 * decided.integrated_brier_score(
        empty, y
    )


@pytest.mark.parametrize("fusion", ["parallel", "feature"])
def test_networks_learn_hazards(fusion, data):
    X, y = part(data[0], slice(150)), data[1][:150]
    model = FusionSurvival(
        dict.fromkeys("ab", "embedding"),
        fusion,
        Training(max_epochs=3),
        n_intervals=3,
        random_state=0,
    )
    model.fit(X, y)
    assert model.score(part(data[0], slice(600, None)), data[1][600:]) > 0.6


@pytest.mark.slow
@pytest.mark.parametrize("training", ["joint", "staged"])
@pytest.mark.parametrize("fusion", sorted(set(FUSIONS) - WITHOUT - {"embrace"}))
def test_every_strategy_ranks_better_than_chance(fusion, training, data):
    """Embracement needs more epochs."""
    if training == "staged" and fusion in ("decision", "canonical", "sequential"):
        pytest.skip("trains nothing in stages, or tests below do")
    model = FusionSurvival(
        fusion=fusion,
        training=Training(training, max_epochs=15, shrinkage=False),
        n_intervals=5,
        random_state=0,
    )
    model.fit(part(data[0], slice(400)), data[1][:400])
    assert model.score(part(data[0], slice(600, None)), data[1][600:]) > 0.58


@pytest.mark.parametrize("fusion", sorted(WITHOUT))
def test_strategies_with_a_loss_of_their_own_refuse(fusion, data):
    model = FusionSurvival(fusion=fusion)
    with pytest.raises(ValueError, match="Use another strategy"):
        model.fit(part(data[0], slice(80)), data[1][:80])


@pytest.mark.parametrize(
    "bad",
    [
        np.arange(40.0),
        np.zeros(40, dtype=bool),
        np.zeros(40, dtype=[("event", float), ("time", float)]),
        np.zeros(40, dtype=[("event", bool)]),
    ],
    ids=["times", "events", "no-bool", "one-field"],
)
def test_other_targets_are_refused(bad, data):
    with pytest.raises(ValueError, match="structured array of two fields"):
        FusionSurvival().fit(part(data[0], slice(40)), bad)


def test_odd_times_and_no_events_are_refused(data):
    X, y = part(data[0], slice(40)), data[1][:40].copy()
    y["time"][3] = np.nan
    with pytest.raises(ValueError, match=r"not negative. The first .* row 3: "):
        FusionSurvival().fit(X, y)
    y["time"][3], y["event"] = 1.0, False
    with pytest.raises(ValueError, match="needs rows whose event was seen"):
        FusionSurvival().fit(X, y)
    with pytest.raises(ValueError, match="'n_intervals' parameter of FusionSurvival"):
        FusionSurvival(n_intervals=0).fit(X, data[1][:40])


def test_fields_may_come_in_any_order(decided, data):
    X, y = part(data[0], slice(600)), data[1][:600]
    turned = np.array(
        list(zip(y["time"], y["event"], strict=True)), [("t", float), ("dead", bool)]
    )
    again = clone(decided).fit(X, turned)
    np.testing.assert_array_equal(again.predict(X), decided.predict(X))


def test_nothing_present_gives_the_hazards_of_all(decided, data):
    empty = {name: np.full((2, 3), np.nan) for name in "ab"}
    task = decided.task_
    prior = task.prior(task.encode(data[1][:600]))
    wanted = task.survival(np.stack([prior, prior]), task.edges)
    np.testing.assert_allclose(decided.predict_survival_function(empty), wanted)


def test_rows_of_weight_zero_are_left_out(data):
    X, y = part(data[0], slice(200)), data[1][:200]
    weight = np.r_[np.ones(150), np.zeros(50)]
    some = part(X, slice(150))
    model = FusionSurvival(MODELS, "decision", n_intervals=3)
    weighted = clone(model).fit(X, y, sample_weight=weight).predict(some)
    np.testing.assert_allclose(
        weighted, model.fit(some, y[:150]).predict(some), rtol=1e-6
    )


@pytest.mark.parametrize("fusion", ["decision", "parallel"])
def test_files_hold_it(fusion, decided, data, tmp_path):
    X, y = part(data[0], slice(100)), data[1][:100]
    model = decided
    if fusion == "parallel":
        model = FusionSurvival(fusion=fusion, training=Training(max_epochs=1))
        model.fit(X, y)
    model.save(tmp_path / "model")
    found = load(tmp_path / "model")
    np.testing.assert_array_equal(found.predict(X), model.predict(X))
    assert found.score(X, y) == model.score(X, y)


def test_inspection_goes_by_concordance(decided, data):
    X, y = part(data[0], slice(900, None)), data[1][900:]
    score = decided.score(X, y)
    found = modality_importance(decided, X, y)
    assert found.scoring == "concordance_ipcw"
    assert found.values_["score"].iloc[-1] == pytest.approx(score)
    assert (found.importances_ > 0).all()
    assert found.values_["score"].iloc[0] == pytest.approx(0.5)  # nothing present
    curve = missing_modality_curve(decided, X, y, rates=[0.0, 0.5])
    assert curve.scores_[0.0] == pytest.approx(score)
    with pytest.raises(ValueError, match="estimator of times of events"):
        value_of_information(decided, X)
    assert modality_report(decided, X, y).overall_["score"] > 0.6


def test_any_classifier_will_do(data):
    X, y = part(data[0], slice(300)), data[1][:300]
    models = {"a": RandomForestClassifier(20, random_state=0), "b": "embedding"}
    model = FusionSurvival(models, "decision", n_intervals=2, random_state=0).fit(X, y)
    assert model.score(part(data[0], slice(600, None)), data[1][600:]) > 0.6


def test_tools_of_model_selection_take_it(decided, data):
    X, y = part(data[0], slice(150)), data[1][:150]
    frame = pd.DataFrame(np.hstack([X["a"], X["b"]]), columns=[*"abcdef"])
    model = clone(decided).set_params(columns={"a": [*"abc"], "b": [*"def"]})
    assert cross_val_score(model, frame, y, cv=2).min() > 0.6
    result = compare_fusion(
        model,
        frame,
        y,
        strategies=["decision"],
        modalities=False,
        pairs=False,
        baseline=False,
        cv=2,
    )
    assert result.scoring_ == "concordance_ipcw"
    with pytest.raises(ValueError, match="score of the estimator is concordance_ipcw"):
        compare_fusion(model, frame, y)


def test_steps_that_learn_from_y_see_each_interval():
    """A choice of columns by y is of those who entered the interval."""
    X, y, _ = rows(300)
    chosen = make_pipeline(SelectKBest(k=1), LogisticRegression())
    model = FusionSurvival({"a": chosen, "b": chosen}, "decision")
    model.fit(part(X, slice(200)), y[:200])
    assert model.score(part(X, slice(200, 300)), y[200:]) > 0.65


class OfNumbers(FusionSurvival):
    """Takes the y of scikit-learn's checks, numbers, for times whose event was seen."""

    def fit(self, X, y=None, sample_weight=None):
        return super().fit(X, seen(y), sample_weight)

    def partial_fit(self, X, y=None, sample_weight=None):
        return super().partial_fit(X, seen(y), sample_weight=sample_weight)

    def score(self, X, y, sample_weight=None):
        return super().score(X, seen(y), sample_weight)


def seen(y):
    if y is None or np.asarray(y).dtype.kind not in "fiu":
        return y
    y = np.asarray(y).ravel()
    return np.array([(True, time) for time in y - y.min() + 1], KINDS)


@pytest.mark.slow
@parametrize_with_checks(
    [OfNumbers()],
    expected_failed_checks=lambda _: {
        "check_dtype_object": "the error of texts for y names the structured array"
    },
)
def test_scikit_learn_check(estimator, check):
    check(estimator)
