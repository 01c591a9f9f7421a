"""Weights by row: against loops, where modalities are good in different regions."""

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skmultimodal import DecisionFusion, FusionClassifier, FusionRegressor, load
from skmultimodal.fusion import Competence, CompetenceValue
from skmultimodal.fusion.rules._competence import competence_factors, local_losses

PLACE = ("place",)


def rows(n, seed=0, regions=True, telling=False):
    """Return labels, and modalities of which `a` is good at places > 0, `b` elsewhere.

    Where a modality is bad, it looks as a random class does. Where `telling`, classes
    are not everywhere equally frequent, and the model of the place says something.
    """
    rng = np.random.default_rng(seed)
    y, place = rng.integers(0, 3, n), rng.uniform(-1, 1, n)
    if telling:
        y = np.where(rng.random(n) < 0.5, place <= 0, y)
    good = place > 0 if regions else rng.random(n) < 0.5
    seen = [np.where(here, y, rng.integers(0, 3, n)) for here in (good, ~good)]
    blocks = [3 * np.eye(3)[each] + rng.normal(size=(n, 3)) for each in seen]
    return {"a": blocks[0], "b": blocks[1], "place": place[:, None]}, y


def fused(rule, **options):
    X, y = rows(400, **options)
    models = [("a", LogisticRegression()), ("b", LogisticRegression())]
    models.append(("place", GaussianNB()))
    return FusionClassifier(models, DecisionFusion(rule), random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def by_place():
    return fused(Competence(passthrough=PLACE))


def decided(n=200, seed=0):
    """Return decisions of which the first is right at points > 0, some rows gappy."""
    rng = np.random.default_rng(seed)
    y, points = rng.integers(0, 3, n), rng.uniform(-1, 1, (n, 1))
    right = np.stack([points[:, 0] > 0, points[:, 0] <= 0])
    scores = rng.normal(size=(2, n, 3)) + 4 * right[:, :, None] * np.eye(3)[y]
    proba = np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)
    present = rng.random((2, n)) > 0.1
    present[0] |= ~present[1]
    return proba, y, present, points


@pytest.mark.parametrize("ones", [True, False])
def test_local_losses_by_loops(ones):
    rng = np.random.default_rng(0)
    gaps = rng.integers(0, 6, (7, 12)).astype(float)  # many ties
    gaps[0, :3], gaps[1] = np.nan, np.inf
    losses, present = rng.random((2, 12)), rng.random((2, 12)) > 0.3
    counts = np.ones(12) if ones else rng.integers(1, 4, 12).astype(float)
    usual = np.array([0.3, 0.7])
    found = local_losses(gaps, losses, present, counts, usual, 5)
    for m in range(2):
        for q in range(7):
            able = [i for i in range(12) if present[m, i] and np.isfinite(gaps[q, i])]
            able.sort(key=lambda i, q=q: gaps[q, i])
            total, weight, last = usual[m], 1.0, None
            for i in able:
                if weight >= 6 and gaps[q, i] > last:
                    break
                total, weight = total + counts[i] * losses[m, i], weight + counts[i]
                last = gaps[q, i]
            assert found[m, q] == pytest.approx(total / weight)


@pytest.mark.parametrize("by_points", [True, False])
def test_rule_by_loops(by_points):
    proba, y, present, points = decided()
    prior = np.array([0.5, 0.3, 0.2])
    extra = {"features": points} if by_points else {}
    rule = Competence(n_neighbors=9, passthrough=PLACE)
    rule.fit(proba, y, present, prior=prior, **extra)
    if not by_points:
        rule.sharpness_ = 2.0  # whatever was chosen
    new, _, here, at = decided(20, seed=1)
    combined = rule.combine(new, here, **({"features": at} if by_points else {}))
    losses = -np.log(proba[:, np.arange(len(y)), y])
    skills = np.zeros((2, 20))
    for q in range(20):
        for m in np.flatnonzero(here[:, q]):
            gaps = np.abs(points[:, 0] - at[q, 0])
            if not by_points:  # over the modalities that both rows have
                both = present & here[:, q, None]
                each = np.square(np.sqrt(proba) - np.sqrt(new[:, q, None])).sum(axis=2)
                with np.errstate(invalid="ignore"):
                    gaps = (both * each).sum(axis=0) / both.sum(axis=0)
            gaps = np.where(present[m], gaps, np.inf)
            near = np.argsort(gaps)[:9]
            mean = (losses[m, near].sum() + losses[m, present[m]].mean()) / 10
            skills[m, q] = np.exp(-mean) ** rule.sharpness_
        out = prior.copy()
        for m in np.flatnonzero(here[:, q]):
            share = skills[m, q] / skills[:, q].sum() * here[:, q].sum()
            power = rule.weights_[m] * share
            out *= (new[m, q] / rule.member_priors_[m]) ** power
            weights = rule.row_weights(
                here, new, **({"features": at} if by_points else {})
            )
            assert weights[m, q] == pytest.approx(power)
        np.testing.assert_allclose(combined[q], out / out.sum(), rtol=1e-6)


def test_factors_have_mean_one_over_what_is_present():
    losses = np.array([[0.1, 0.2], [0.4, 0.2], [9.0, 9.0]])
    present = np.array([[True, True], [True, False], [False, True]])
    factors = competence_factors(losses, present, 3.0)
    np.testing.assert_allclose(factors.sum(axis=0), 2)
    assert (factors[~present] == 0).all()
    assert factors[0, 0] > factors[1, 0]
    flat = competence_factors(losses, present, 0.0)
    np.testing.assert_array_equal(flat, present.astype(float))


def test_weights_follow_regions_and_beat_fixed_ones(by_place):
    X, y = rows(600, seed=1)
    fixed = fused("log_pool").score(X, y)
    assert by_place.score(X, y) > max(fixed + 0.2, 0.9)
    weights, inside = by_place.modality_weights(X), X["place"][:, 0] > 0.2
    assert (weights["a"] > weights["b"])[inside].mean() > 0.95
    outside = X["place"][:, 0] < -0.2
    assert (weights["a"] < weights["b"])[outside].mean() > 0.95
    # p is the prior times ratios to it, to the power of these weights
    alone, prior = by_place.predict_proba_per_modality(X), by_place.fusion_.prior
    scores = np.log(prior) + sum(
        weights[[m]].to_numpy() * (np.log(p.clip(1e-7)) - np.log(prior))
        for m, p in alone.items()
    )
    proba = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(by_place.predict_proba(X), proba, rtol=1e-4, atol=1e-9)


def test_nothing_changes_without_regions():
    X, _ = rows(600, seed=1, regions=False)
    by_row, fixed = (fused(r, regions=False) for r in ("competence", "log_pool"))
    np.testing.assert_array_equal(by_row.predict_proba(X), fixed.predict_proba(X))
    assert by_row.fusion_weights_ == fixed.fusion_weights_
    weights = by_row.modality_weights(X)
    assert (weights == list(fixed.fusion_weights_.values())).all(axis=None)


def test_answers_show_regions_that_bear_on_the_classes():
    X, y = rows(600, seed=1, telling=True)
    by_row, fixed = (fused(rule, telling=True) for rule in ("competence", "log_pool"))
    assert by_row.score(X, y) > fixed.score(X, y) + 0.1


@pytest.mark.filterwarnings("ignore:X has rows whose present")
def test_weights_of_what_is_absent(by_place, tmp_path):
    X, _ = rows(60, seed=2)
    gone = {**X, "a": X["a"].copy()}
    gone["a"][:30] = np.nan
    weights = by_place.modality_weights(gone)
    assert (weights["a"][:30] == 0).all()
    assert (weights["b"][:30] > 0).all()
    np.testing.assert_array_equal(weights[30:], by_place.modality_weights(X)[30:])
    again = load(by_place.save(tmp_path / "model") and tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(X), by_place.predict_proba(X))
    np.testing.assert_array_equal(again.modality_weights(gone), weights)


def test_values_by_region():
    rng = np.random.default_rng(0)

    def values(n):
        y, place = rng.normal(size=n), rng.uniform(-1, 1, n)
        wrong = rng.normal(size=n)
        a, b = np.where(place > 0, [y, wrong], [wrong, y])
        return {"a": a[:, None], "b": b[:, None], "place": place[:, None]}, 10 * y

    X, y = values(300)
    new, truth = values(300)
    models = [("a", LinearRegression()), ("b", LinearRegression())]
    models.append(("place", DummyRegressor()))
    rules = (CompetenceValue(passthrough=PLACE), "nnls")
    regs = [FusionRegressor(models, DecisionFusion(rule)).fit(X, y) for rule in rules]
    assert regs[0].score(new, truth) > regs[1].score(new, truth) + 0.2
    weights = regs[0].modality_weights(new)
    assert (weights["a"] > weights["b"])[new["place"][:, 0] > 0.3].all()


@pytest.mark.parametrize("rule", [Competence, CompetenceValue])
def test_a_weight_of_two_is_the_row_twice(rule):
    proba, y, present, points = decided(120)
    values = proba if rule is Competence else proba[:, :, :1]
    target = y if rule is Competence else (y == 0) * 1.0
    weight = np.arange(120) % 3.0
    twice = np.repeat(np.arange(120), weight.astype(int))
    once = rule(12).fit(values, target, present, sample_weight=weight, features=points)
    other = rule(12).fit(
        values[:, twice], target[twice], present[:, twice], features=points[twice]
    )
    assert once.sharpness_ == other.sharpness_ > 0
    np.testing.assert_allclose(once.weights_, other.weights_, rtol=1e-6)
    np.testing.assert_allclose(
        once.combine(values, present, points),
        other.combine(values, present, points),
        rtol=1e-6,
    )


@pytest.mark.parametrize("rule", [Competence, CompetenceValue])
def test_neighbours_are_at_least_one(rule):
    proba, y, *_ = decided(20)
    values = proba if rule is Competence else proba[:, :, :1]
    with pytest.raises(
        ValueError, match=rf"'n_neighbors' parameter of {rule.__name__}"
    ):
        rule(0).fit(values, y)


@pytest.mark.parametrize("rule", ["competence", Competence(passthrough=("a",))])
def test_rows_of_one_group_do_not_judge_each_other(rule):
    """Labels of groups at random: among its own group, each model looks skilled."""
    models = [("a", LogisticRegression()), ("b", LogisticRegression())]
    chosen = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        group, y = np.repeat(np.arange(30), 8), np.repeat(rng.integers(0, 2, 30), 8)
        blocks = rng.normal(size=(2, 30, 5))[:, group]
        blocks += 0.1 * rng.normal(size=blocks.shape)
        X = dict(zip("ab", blocks, strict=True))
        clf = FusionClassifier(models, DecisionFusion(rule), random_state=0)
        [fitted] = clf.fit(X, y, groups=group).fusion_.rules
        chosen.append(fitted.sharpness_ > 0)
    assert sum(chosen) <= 1
