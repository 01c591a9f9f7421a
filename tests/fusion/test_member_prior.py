"""Models that answer at another prior than the data's, under the default rule."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skmultimodal import DecisionFusion, FusionClassifier
from skmultimodal.fusion import LogPool
from skmultimodal.fusion.rules._prior import implied_prior

PLAIN = LogisticRegression()
BALANCED = LogisticRegression(class_weight="balanced")


def rows(n, shares, seed):
    rng = np.random.default_rng(seed)
    y = rng.choice(len(shares), n, p=shares)
    X = {"a": 1.5 * np.eye(4)[y], "b": np.eye(4)[y]}
    return {m: part + rng.normal(size=part.shape) for m, part in X.items()}, y


def loss(models, shares, rule="auto", weights="cv", seed=0):
    X, y = rows(3600, shares, seed)
    clf = FusionClassifier(list(zip("ab", models, strict=True)))
    clf.set_params(fusion=DecisionFusion(rule, weights))
    clf.fit({m: part[:600] for m, part in X.items()}, y[:600])
    return log_loss(y[600:], clf.predict_proba({m: x[600:] for m, x in X.items()}))


@pytest.mark.parametrize("models", [(BALANCED, PLAIN), (BALANCED, BALANCED)])
@pytest.mark.parametrize("shares", [(0.9, 0.1), (0.9, 0.05, 0.05)])
def test_balanced_models_are_corrected(models, shares):
    found = loss(models, shares)
    assert found < loss(models, shares, "stacking") + 0.005
    assert found < loss((PLAIN, PLAIN), shares) + 0.005


def test_a_model_at_the_prior_stays():
    X, y = rows(600, (0.9, 0.1), 1)
    models = [("a", PLAIN), ("b", BALANCED)]
    (rule,) = FusionClassifier(models, "decision").fit(X, y).fusion_.rules
    np.testing.assert_array_equal(rule.member_priors_[0], rule.prior_)
    np.testing.assert_allclose(rule.member_priors_[1], 0.5, atol=0.06)


def test_the_prior_is_recovered():
    """Bayes' rule at one prior, asked of rows drawn at another."""
    rng = np.random.default_rng(0)
    truth, asked = np.array([0.7, 0.2, 0.1]), np.array([0.2, 0.3, 0.5])
    y = rng.choice(3, 20_000, p=truth)
    likelihood = np.exp(
        -np.square(rng.normal(size=20_000) + y - np.arange(3)[:, None]).T
    )
    likelihood = np.sqrt(likelihood)  # normal with variance one
    proba = likelihood * asked / (likelihood @ asked)[:, None]
    found = implied_prior(proba, y, truth, np.ones(20_000))
    np.testing.assert_allclose(found, asked, atol=0.02)
    right = likelihood * truth / (likelihood @ truth)[:, None]
    assert implied_prior(right, y, truth, np.ones(20_000)) is truth


def test_weights_count_rows():
    rng = np.random.default_rng(0)
    y, proba = rng.integers(0, 2, 60), rng.dirichlet([6, 1], 60)
    weight, prior = rng.integers(0, 3, 60).astype(float), np.array([0.5, 0.5])
    twice = np.repeat(np.arange(60), weight.astype(int))
    counted = implied_prior(proba, y, prior, weight)
    repeated = implied_prior(proba[twice], y[twice], prior, np.ones(len(twice)))
    assert counted is not prior
    np.testing.assert_allclose(counted, repeated, rtol=1e-6)


def test_few_rows_say_nothing_of_a_prior():
    prior = np.array([0.5, 0.5])
    assert (
        implied_prior(np.full((2, 2), 0.5), np.zeros(2, int), prior, np.ones(2))
        is prior
    )


def test_the_prior_answers_where_nothing_is_observed():
    y = np.repeat([0, 1], [90, 10])
    proba = np.full((1, 100, 2), 0.5)
    rule = LogPool().fit(proba, y, prior=[0.9, 0.1])
    here = np.zeros((1, 100), dtype=bool)
    np.testing.assert_allclose(rule.combine(proba, here), [[0.9, 0.1]] * 100)
    np.testing.assert_allclose(rule.combine(proba), [[0.9, 0.1]] * 100, atol=1e-6)


def fit(models, rule, **params):
    X, y = rows(600, (0.9, 0.1), 0)
    fusion = DecisionFusion(rule, **params)
    return FusionClassifier(list(zip("ab", models, strict=True)), fusion).fit(X, y)


@pytest.mark.parametrize("rule", ["mean", "product", "max", "median", "dempster"])
def test_rules_that_do_not_correct_say_so_once(rule):
    with pytest.warns(UserWarning, match=r"\['b'\] are not the shares") as told:
        fit((PLAIN, BALANCED), rule)
    assert sum("shares of the classes" in str(w.message) for w in told) == 1


@pytest.mark.filterwarnings("error:The mean probabilities")
@pytest.mark.parametrize("rule", ["mean", "log_pool", "stacking", "majority"])
def test_rules_are_silent_where_all_is_well(rule):
    fit((PLAIN, PLAIN), rule)
    if rule != "mean":
        fit((PLAIN, BALANCED), rule)
    else:
        fit((PLAIN, BALANCED), rule, calibrate="sigmoid")
