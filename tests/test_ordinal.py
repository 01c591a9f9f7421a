"""FusionClassifier(ordinal=...): loss, order, prediction, score, and all around it."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score, mean_absolute_error
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmultimodal import DecisionFusion, FusionClassifier, Training, load
from skmultimodal.fusion._auto import FUSIONS
from skmultimodal.inspection import (
    missing_modality_curve,
    modality_importance,
    modality_report,
    value_of_information,
)
from skmultimodal.model_selection import compare_fusion
from skmultimodal.training._ordinal import Ordinal

GRADES = ["none", "few", "some", "many"]  # not the alphabet's order
WITHOUT = {"kernel", "cooperative", "evidential"}  # have a loss of their own
MODELS = {name: LogisticRegression() for name in "ab"}


def rows(n, seed=0):
    """Grades of a hidden value, of which each modality tells a part."""
    rng = np.random.default_rng(seed)
    X = {name: rng.normal(size=(n, 3)) for name in "ab"}
    hidden = X["a"][:, 0] + X["b"][:, 0] + 0.7 * rng.normal(size=n)
    return X, np.array(GRADES)[np.searchsorted([-1.0, 0.3, 1.5], hidden)]


def part(X, where):
    return {name: block[where] for name, block in X.items()}


def ranks(labels):
    return np.array([GRADES.index(label) for label in labels])


@pytest.fixture(scope="module")
def data():
    X, y = rows(800)
    X["b"][::5] = np.nan
    return X, y


@pytest.fixture(scope="module")
def decided(data):
    clf = FusionClassifier(MODELS, "decision", ordinal=GRADES)
    return clf.fit(part(data[0], slice(400)), data[1][:400])


def binary_losses(y, above):
    """The mean cross-entropy of 'above grade k', written out."""
    total = np.zeros(len(y))
    for k in range(len(GRADES) - 1):
        total -= np.where(ranks(y) > k, np.log(above[:, k]), np.log(1 - above[:, k]))
    return total / (len(GRADES) - 1)


def test_the_loss_is_that_of_each_question_in_order():
    y = rows(40)[1]
    task = Ordinal(y, GRADES)
    scores = np.random.default_rng(0).normal(size=(40, 3))
    above = expit(-np.sort(-scores, axis=1))
    wanted = binary_losses(y, above)
    target = task.encode(y)
    found = task.loss(torch.from_numpy(scores), torch.from_numpy(target))
    np.testing.assert_allclose(found, wanted)
    response = task.response(scores)
    np.testing.assert_allclose(task.losses(response, target), wanted)
    # the columns are those of the sorted labels: few, many, none, some
    none, few = 1 - above[:, 0], above[:, 0] - above[:, 1]
    np.testing.assert_allclose(response[:, [2, 0]], np.column_stack([none, few]))
    np.testing.assert_allclose(task.link()(torch.from_numpy(scores)), response)
    np.testing.assert_allclose(task.response(task.scores(response)), response)


def test_order_never_raises_the_loss():
    y = rows(500)[1]
    scores = np.random.default_rng(1).normal(size=(500, 3))
    ordered = binary_losses(y, expit(-np.sort(-scores, axis=1)))
    assert (ordered <= binary_losses(y, expit(scores)) + 1e-12).all()


def test_the_median_has_the_least_expected_error():
    rng = np.random.default_rng(2)
    task = Ordinal(np.array(GRADES), GRADES)
    response = rng.dirichlet(np.ones(4), size=200)
    said = ranks(task.predict(response))
    by_rank = response[:, np.searchsorted(sorted(GRADES), GRADES)]
    errors = np.abs(np.arange(4)[:, None] - np.arange(4)) @ by_rank.T
    np.testing.assert_allclose(errors[said, np.arange(200)], errors.min(axis=0))


@pytest.mark.parametrize("fusion", ["decision", "parallel", "feature"])
def test_probabilities_are_a_simplex(fusion, data):
    X, y = part(data[0], slice(150)), data[1][:150]
    clf = FusionClassifier(
        fusion=fusion,
        training="joint" if fusion == "decision" else Training(max_epochs=2),
        ordinal=GRADES,
        random_state=0,
    ).fit(X, y)
    proba = clf.predict_proba(X)
    assert proba.shape == (150, 4)
    assert (proba >= 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-6)
    assert clf.classes_.tolist() == sorted(GRADES)
    assert clf.grades_.tolist() == GRADES
    scores = clf.decision_function(X)
    np.testing.assert_array_equal(scores.argmax(axis=1), proba.argmax(axis=1))


@pytest.mark.slow
@pytest.mark.parametrize("fusion", sorted(set(FUSIONS) - WITHOUT))
def test_every_strategy_grades_better_than_chance(fusion, data):
    X, y = data
    clf = FusionClassifier(
        fusion=fusion,
        training=Training(max_epochs=20, shrinkage=False),
        ordinal=GRADES,
        random_state=0,
    )
    clf.fit(part(X, slice(400)), y[:400])
    assert clf.score(part(X, slice(400, None)), y[400:]) > 0.4


@pytest.mark.parametrize("fusion", sorted(WITHOUT))
def test_strategies_with_a_loss_of_their_own_refuse(fusion, data):
    clf = FusionClassifier(fusion=fusion, ordinal=GRADES)
    with pytest.raises(ValueError, match="order"):
        clf.fit(part(data[0], slice(80)), data[1][:80])


def test_it_errs_by_less_than_plain_classification(decided, data):
    """On rows held out; plain accuracy is about as good."""
    X, y = part(data[0], slice(400, None)), data[1][400:]
    plain = FusionClassifier(MODELS, DecisionFusion("log_pool"))  # the same pool
    plain.fit(part(data[0], slice(400)), data[1][:400])
    said = {"ordinal": decided.predict(X), "plain": plain.predict(X)}
    errors = {n: mean_absolute_error(ranks(y), ranks(p)) for n, p in said.items()}
    kappa = {
        n: cohen_kappa_score(ranks(y), ranks(p), weights="quadratic")
        for n, p in said.items()
    }
    assert errors["ordinal"] <= errors["plain"]
    assert kappa["ordinal"] >= kappa["plain"]
    assert kappa["ordinal"] > 0.6


def test_decisions_are_pooled_grade_by_grade(decided):
    """A log pool of each question: logits of the prior and of the models add up."""
    model, X = decided.fusion_, part(rows(30, seed=5)[0], slice(None))
    task = model.task
    parts = decided.predict_proba_per_modality(X)
    logits = np.stack([task.scores(parts[name]) for name in model.names])
    prior = task.scores(model.prior)
    weights = np.stack([rule.weights_ for rule in model.rules], axis=1)  # (2, 3)
    pooled = prior + (weights[:, None] * (logits - prior)).sum(axis=0)
    wanted = expit(-np.sort(-pooled, axis=1))
    np.testing.assert_allclose(
        expit(task.scores(decided.predict_proba(X))), wanted, atol=1e-6
    )


def test_the_score_is_the_weighted_kappa(decided, data):
    X, y = data
    weight = np.linspace(1, 3, len(y))
    wanted = cohen_kappa_score(
        ranks(y), ranks(decided.predict(X)), weights="quadratic", sample_weight=weight
    )
    assert decided.score(X, y, weight) == pytest.approx(wanted)
    task = decided.task_
    merits = task.merits(decided.predict_proba(X), task.encode(y), weight)
    assert np.average(merits, weights=weight) == pytest.approx(wanted)


def test_an_ordered_categorical_tells_the_order(data):
    X, y = part(data[0], slice(100)), data[1][:100]
    kind = pd.CategoricalDtype(["never", *GRADES], ordered=True)
    clf = FusionClassifier(MODELS, "decision", ordinal=True)
    clf.fit(X, pd.Series(y, dtype=kind))
    assert clf.grades_.tolist() == GRADES
    listed = FusionClassifier(MODELS, "decision", ordinal=GRADES).fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), listed.predict_proba(X))


def test_numbers_are_in_order_and_texts_are_asked_about(data):
    X, y = part(data[0], slice(100)), data[1][:100]
    clf = FusionClassifier(MODELS, "decision", ordinal=True)
    assert clf.fit(X, ranks(y)).grades_.tolist() == [0, 1, 2, 3]
    with pytest.warns(UserWarning, match="alphabetical order"):
        clf.fit(X, y)


def test_reversed_grades_give_the_same_probabilities(data):
    X, y = part(data[0], slice(200)), data[1][:200]
    up, down = (
        FusionClassifier(MODELS, "decision", ordinal=order).fit(X, y).predict_proba(X)
        for order in (GRADES, GRADES[::-1])
    )
    np.testing.assert_allclose(up, down, atol=1e-4)


@pytest.mark.parametrize("bad", [["none"], "yes", 1, None])
def test_odd_orders_are_refused(bad, data):
    with pytest.raises(ValueError, match="'ordinal' parameter of FusionClassifier"):
        FusionClassifier(ordinal=bad).fit(part(data[0], slice(40)), data[1][:40])


@pytest.mark.parametrize("bad", [GRADES[:3], [*GRADES, "few"]])
def test_orders_that_are_not_of_the_labels_are_refused(bad, data):
    with pytest.raises(ValueError, match="must list each label of y once"):
        FusionClassifier(ordinal=bad).fit(part(data[0], slice(80)), data[1][:80])


def test_several_labels_a_row_are_refused(data):
    labels = np.eye(4, dtype=int)[ranks(data[1][:80])]
    labels[:, 0] = 1
    with pytest.raises(ValueError, match="one label a row"):
        FusionClassifier(ordinal=True).fit(part(data[0], slice(80)), labels)


def test_nothing_present_gives_the_shares_of_all(decided, data):
    empty = {name: np.full((2, 3), np.nan) for name in "ab"}
    shares = pd.Series(data[1][:400]).value_counts(normalize=True).sort_index()
    np.testing.assert_allclose(decided.predict_proba(empty), [shares, shares])


@pytest.mark.parametrize("fusion", ["decision", "parallel"])
def test_files_hold_it(fusion, decided, data, tmp_path):
    X, y = part(data[0], slice(100)), data[1][:100]
    clf = decided
    if fusion == "parallel":
        training = Training(max_epochs=1)
        clf = FusionClassifier(fusion=fusion, training=training, ordinal=GRADES)
        clf.fit(X, y)
    clf.save(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").predict(X), clf.predict(X))


def test_training_goes_on(data):
    X, y = part(data[0], slice(100)), data[1][:100]
    clf = FusionClassifier(
        fusion="parallel", training=Training(max_epochs=2), ordinal=GRADES
    )
    clf.partial_fit(X, y, classes=GRADES)
    clf.partial_fit(X, y)
    assert clf.predict_proba(X).shape == (100, 4)
    assert clf.grades_.tolist() == GRADES


def test_inspection_goes_by_the_new_score(decided, data):
    X, y = part(data[0], slice(400, None)), data[1][400:]
    score = decided.score(X, y)
    found = modality_importance(decided, X, y)
    assert found.scoring == "quadratic_kappa"
    assert found.values_["score"].iloc[-1] == pytest.approx(score)
    assert modality_report(decided, X, y).overall_["score"] == pytest.approx(score)
    curve = missing_modality_curve(decided, X, y, rates=[0.0, 0.5])
    assert curve.scoring == "quadratic_kappa"
    assert curve.scores_[0.0] == pytest.approx(score)
    assert (value_of_information(decided, X, n_draws=3).count() > 0).any()
    assert set(decided.uncertainty(X)) >= {"total", "conflict"}


def test_comparisons_go_by_the_new_score(decided, data):
    X, y = part(data[0], slice(150)), data[1][:150]
    result = compare_fusion(
        decided,
        X,
        y,
        strategies=["decision"],
        modalities=False,
        pairs=False,
        baseline=False,
        cv=2,
    )
    assert result.scoring_ == "quadratic_kappa"
    with pytest.raises(ValueError, match="score of the estimator is quadratic_kappa"):
        compare_fusion(decided, X, y)


def test_other_rules_work_grade_by_grade(data):
    X, y = part(data[0], slice(200)), data[1][:200]
    for rule in ("mean", "stacking", "majority"):
        clf = FusionClassifier(MODELS, DecisionFusion(rule), ordinal=GRADES)
        proba = clf.fit(X, y).predict_proba(X)
        assert (proba >= 0).all()
        np.testing.assert_allclose(proba.sum(axis=1), 1)


MEDIAN = "predicts the median grade, which is not always the most probable"


@parametrize_with_checks(
    [FusionClassifier(ordinal=True)],
    expected_failed_checks=lambda clf: {"check_classifiers_train": MEDIAN},
)
@pytest.mark.filterwarnings("ignore:The labels of an ordinal y are texts")
def test_scikit_learn_check(estimator, check):
    check(estimator)
