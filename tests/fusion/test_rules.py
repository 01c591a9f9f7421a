"""Every rule against a slow reference, and what all rules share."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from skmultimodal.fusion.rules._classification import RULES, BaseRule
from skmultimodal.fusion.rules._regression import REGRESSION_RULES
from skmultimodal.fusion.rules._weights import accuracies

M, K = 4, 3
PRIOR = np.array([0.5, 0.3, 0.2])
ALL = [("class", name) for name in RULES] + [
    ("value", name) for name in REGRESSION_RULES
]
FITTED = {
    "class": ["log_pool", "mean", "weighted_vote", "dempster"],
    "value": ["weighted_mean", "inverse_variance", "gls", "nnls"],
}


def _make(kind, name, **params):
    return (RULES if kind == "class" else REGRESSION_RULES)[name](**params)


def _data(kind, n=80, seed=0):
    """Return predictions of falling quality, targets, a mask and a prior."""
    rng = np.random.default_rng(seed)
    present = rng.random((M, n)) > 0.25
    if kind == "class":
        y = rng.choice(K, size=n, p=PRIOR)
        quality = np.array([2.0, 1.5, 1.0, 0.5])[:, None, None]
        scores = rng.normal(size=(M, n, K)) + quality * np.eye(K)[y]
        values = np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)
        return values, y, present, PRIOR
    y = rng.normal(size=(n, 2)) * [1, 10] + [0, 5]
    noise = np.array([0.2, 0.4, 0.6, 0.8])[:, None, None] * [1, 10]
    values = y + noise * rng.normal(size=(M, n, 2))
    return values, y, present, y.mean(axis=0)


# What each rule gives for one row: p of shape (n_present, n_classes), in loops.


def _product(p, w, rule):
    out = PRIOR ** (1 - len(p))
    for row in p:
        out = out * row
    return out


def _log_pool(p, w, rule):
    out = PRIOR.copy()
    for row, weight in zip(p, w, strict=True):
        out *= (row / PRIOR) ** weight
    return out


def _votes(p, w, rule):
    out = np.zeros(K)
    for row, weight in zip(p, w, strict=True):
        out[np.argmax(row)] += weight
    return out


def _borda(p, w, rule):
    out = np.zeros(K)
    for row, weight in zip(p, w, strict=True):
        for c in range(K):
            out[c] += weight * sum(row[c] > other for other in row)
    return out


def _trimmed(p, w, rule):
    cut = int(0.25 * len(p))
    return [np.mean(np.sort(p[:, c])[cut : len(p) - cut]) for c in range(p.shape[1])]


def _dempster(p, w, rule):
    """Combine modality after modality, with conflict normalised away each time."""
    mass, ignorance = np.zeros(K), 1.0
    for row, r in zip(p, w, strict=True):
        both = mass * r * row + mass * (1 - r) + ignorance * r * row
        ignorance *= 1 - r
        total = both.sum() + ignorance
        mass, ignorance = both / total, ignorance / total
    return mass + ignorance * PRIOR


REFERENCE = {
    "log_pool": _log_pool,
    "mean": lambda p, w, rule: sum(w[m] * p[m] for m in range(len(p))),
    "product": _product,
    "max": lambda p, w, rule: [max(p[:, c]) for c in range(K)],
    "min": lambda p, w, rule: [min(p[:, c]) for c in range(K)],
    "median": lambda p, w, rule: [np.median(p[:, c]) for c in range(p.shape[1])],
    "trimmed_mean": _trimmed,
    "majority": _votes,
    "weighted_vote": _votes,
    "borda": _borda,
    "dempster": _dempster,
}


@pytest.mark.parametrize("name", REFERENCE)
def test_rule_by_loops(name):
    proba, y, present, prior = _data("class")
    rule = RULES[name]().fit(proba, y, present, prior=prior)
    combined = rule.combine(proba, present)
    for i, here in enumerate(present.T):
        if here.any():
            expected = REFERENCE[name](proba[here, i], rule.weights_[here], rule)
            expected = np.asarray(expected) / np.sum(expected)
            np.testing.assert_allclose(combined[i], expected, atol=1e-12)


def test_naive_bayes_by_loops():
    proba, y, present, prior = _data("class")
    rule = RULES["naive_bayes"](smoothing=0.5).fit(proba, y, present, prior=prior)
    counts = np.full((M, K, K), 0.5)
    for m in range(M):
        for i in range(len(y)):
            if present[m, i]:
                counts[m, y[i], np.argmax(proba[m, i])] += 1
    combined = rule.combine(proba, present)
    for i in range(len(y)):
        out = prior.copy()
        for m in np.flatnonzero(present[:, i]):
            out *= (counts[m] / counts[m].sum(axis=1)[:, None])[
                :, np.argmax(proba[m, i])
            ]
        np.testing.assert_allclose(combined[i], out / out.sum(), atol=1e-12)


def test_decision_template_by_loops():
    proba, y, present, prior = _data("class")
    rule = RULES["decision_template"]().fit(proba, y, present, prior=prior)
    templates = np.array(
        [
            [proba[m, present[m] & (y == c)].mean(axis=0) for m in range(M)]
            for c in range(K)
        ]
    )
    np.testing.assert_allclose(rule.templates_, templates)
    gaps = [
        np.mean((proba[m, i] - templates[y[i], m]) ** 2)
        for m in range(M)
        for i in np.flatnonzero(present[m])
    ]
    assert rule.variance_ == pytest.approx(np.mean(gaps))
    combined = rule.combine(proba, present)
    for i, here in enumerate(present.T):
        distance = np.square(proba[here, i] - templates[:, here]).sum(axis=(1, 2))
        if here.any():
            out = np.exp(-distance / (2 * rule.variance_))
            np.testing.assert_allclose(combined[i], out / out.sum(), atol=1e-12)


def test_template_of_a_class_never_seen_is_the_class_itself():
    proba, y, _, prior = _data("class")
    seen = y < 2
    rule = RULES["decision_template"]().fit(proba[:, seen], y[seen], prior=prior)
    np.testing.assert_array_equal(rule.templates_[2], np.eye(K)[2][None].repeat(M, 0))


def test_stacking_is_a_regression_on_log_probabilities():
    proba, y, _, prior = _data("class", n=200)
    rule = RULES["stacking"]().fit(proba, y, prior=prior)
    features = np.hstack([np.log(p) for p in proba])
    reference = LogisticRegression(tol=1e-10, max_iter=5000).fit(features, y)
    np.testing.assert_allclose(
        rule.combine(proba), reference.predict_proba(features), atol=1e-6
    )


def test_stacking_flags_what_was_absent_in_fitting():
    proba, y, present, prior = _data("class")
    present[0] = True
    rule = RULES["stacking"](KNeighborsClassifier(1)).fit(
        proba, y, present, prior=prior
    )
    np.testing.assert_array_equal(rule.flagged_, [False, True, True, True])
    assert rule.final_estimator_.n_features_in_ == M * K + 3
    assert (rule.combine(proba, present).argmax(axis=1) == y).all()


def test_stacking_with_a_class_missing_in_fitting():
    proba, y, _, prior = _data("class")
    two, one = y < 2, y == 0
    rule = RULES["stacking"]().fit(proba[:, two], y[two], prior=prior)
    assert (rule.combine(proba)[:, 2] == 0).all()
    rule = RULES["stacking"]().fit(proba[:, one], y[one], prior=prior)
    np.testing.assert_allclose(rule.combine(proba), proba.mean(axis=0))


def test_product_is_the_posterior_of_independent_gaussians():
    rng = np.random.default_rng(0)
    prior, means, sd = np.array([0.7, 0.2, 0.1]), rng.normal(size=(3, K)), [1, 0.5, 2]
    x = rng.normal(size=(3, 50))
    likelihood = np.stack([norm.pdf(x[m][:, None], means[m], sd[m]) for m in range(3)])
    single = prior * likelihood
    single /= single.sum(axis=2, keepdims=True)
    joint = prior * likelihood.prod(axis=0)
    rule = RULES["product"]().fit(single[:, :0], np.empty(0, int), prior=prior)
    np.testing.assert_allclose(
        rule.combine(single), joint / joint.sum(axis=1, keepdims=True), atol=1e-12
    )
    present = np.array([True, False, True])[:, None].repeat(50, axis=1)
    joint = prior * likelihood[[0, 2]].prod(axis=0)
    np.testing.assert_allclose(
        rule.combine(single, present),
        joint / joint.sum(axis=1, keepdims=True),
        atol=1e-12,
    )


def test_geometric_mean_without_prior_correction():
    proba, y, _, prior = _data("class")
    rule = RULES["log_pool"](prior_correction=False)
    rule.fit(proba, y, prior=prior, weights="uniform")
    expected = proba.prod(axis=0) ** (1 / M)
    np.testing.assert_allclose(
        rule.combine(proba), expected / expected.sum(axis=1, keepdims=True)
    )


def test_class_bias_mends_a_shifted_model():
    proba, y, _, prior = _data("class", n=400)
    shifted = proba * [1, 1, 8]
    shifted /= shifted.sum(axis=2, keepdims=True)
    losses = {}
    for corrected, bias in ((False, False), (False, True), (True, False)):
        rule = RULES["log_pool"](prior_correction=corrected, bias=bias)
        combined = rule.fit(shifted, y, prior=prior).combine(shifted)
        losses[corrected, bias] = -np.log(combined[np.arange(len(y)), y]).mean()
        if bias:
            assert rule.bias_[2] < min(rule.bias_[:2])
    assert losses[False, True] < losses[False, False] - 0.05
    assert losses[True, False] < losses[False, False] - 0.05  # by the models' priors


@pytest.mark.parametrize("voting", ["soft", "hard"])
def test_parity_with_voting_classifier(voting):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 4))
    y = (X[:, 0] + X[:, 1] ** 2 + rng.normal(size=150) > 1).astype(int) + (X[:, 2] > 1)
    models = [
        ("near", KNeighborsClassifier(5)),
        ("line", LogisticRegression()),
        ("shape", KNeighborsClassifier(15)),
    ]
    weights = np.array([0.5, 0.2, 0.3])
    vote = VotingClassifier(models, voting=voting, weights=weights).fit(X, y)
    proba = np.stack([model.predict_proba(X) for model in vote.estimators_])
    name = "mean" if voting == "soft" else "majority"
    rule = RULES[name]().fit(proba, y, weights=weights)
    combined = rule.combine(proba)
    np.testing.assert_array_equal(combined.argmax(axis=1), vote.predict(X))
    if voting == "soft":
        np.testing.assert_allclose(combined, vote.predict_proba(X))


def test_weighted_vote_weights_by_hand():
    proba, y, present, prior = _data("class")
    rule = RULES["weighted_vote"]().fit(proba, y, present, prior=prior)
    right = accuracies(proba, y, present)
    odds = np.log(right * (K - 1) / (1 - right)).clip(min=0)
    np.testing.assert_allclose(rule.weights_, odds / odds.sum())
    wrong = np.eye(K)[(y + 1) % K][None].repeat(M, axis=0)
    rule.fit(wrong, y, prior=prior)  # all below chance
    np.testing.assert_allclose(rule.weights_, 1 / M)


def test_dempster_survives_certainty_and_many_modalities():
    proba = np.tile(np.array([[[1.0, 0.0]], [[0.0, 1.0]]]), (60, 1, 1))
    rule = RULES["dempster"]().fit(
        proba, [0], prior=[0.5, 0.5], weights=np.full(120, 0.999)
    )
    np.testing.assert_allclose(rule.combine(proba), 0.5)
    with pytest.raises(ValueError, match="reliabilities between 0 and 1"):
        rule.fit(proba, [0], prior=[0.5, 0.5], weights=np.full(120, 2)).combine(proba)


# Values


def test_weighted_mean_and_inverse_variance_follow_quality():
    values, y, _, prior = _data("value", n=400)
    for name in ("weighted_mean", "inverse_variance", "gls"):
        rule = REGRESSION_RULES[name]().fit(values, y, prior=prior)
        assert (np.diff(rule.weights_) < 0).all()
        assert rule.weights_.sum() == pytest.approx(1)
        np.testing.assert_allclose(
            rule.combine(values), np.tensordot(rule.weights_, values, axes=1)
        )


@pytest.mark.parametrize("name", ["mean", "median", "trimmed_mean"])
def test_values_by_loops(name):
    values, y, present, prior = _data("value")
    rule = REGRESSION_RULES[name]().fit(values, y, present, prior=prior)
    functions = {"mean": np.mean, "median": np.median}
    combined = rule.combine(values, present)
    for i, here in enumerate(present.T):
        if here.any() and name == "trimmed_mean":
            expected = _trimmed(values[here, i], None, None)
        elif here.any():
            expected = functions[name](values[here, i], axis=0)
        else:
            expected = prior
        np.testing.assert_allclose(combined[i], expected)


def test_gls_solves_anew_for_what_is_present():
    values, y, present, prior = _data("value")
    values[1] = values[0] + 0.01 * values[1]  # correlated: a negative weight
    rule = REGRESSION_RULES["gls"]().fit(values, y, prior=prior)
    combined = rule.combine(values, present)
    for i, here in enumerate(present.T):
        if here.any():
            solved = np.linalg.solve(
                rule.covariance_[np.ix_(here, here)], np.ones(here.sum())
            )
            expected = solved @ values[here, i] / solved.sum()
            np.testing.assert_allclose(combined[i], expected)


def test_nnls_by_loops():
    values, y, present, prior = _data("value")
    rule = REGRESSION_RULES["nnls"]().fit(values, y, present, prior=prior)
    combined = rule.combine(values, present)
    pairs, own = rule.moments_
    for i, here in enumerate(present.T):
        if not here.any():
            np.testing.assert_allclose(combined[i], prior)
            continue
        n = here.sum()
        goal = own[here] + 0.01 / n
        weights = np.linalg.solve(pairs[np.ix_(here, here)] + 0.01 * np.eye(n), goal)
        assert (weights > 0).all()  # or the free solution is not the non-negative one
        expected = prior + weights @ (values[here, i] - prior)
        np.testing.assert_allclose(combined[i], expected)
    given = REGRESSION_RULES["nnls"]().fit(
        values, y, present, prior=prior, weights=np.arange(1.0, len(values) + 1)
    )
    terms = (np.arange(len(values)) + 1)[:, None, None] * (values - prior)
    expected = prior + np.where(present[:, :, None], terms, 0).sum(axis=0)
    np.testing.assert_allclose(given.combine(values, present), expected)


def test_nnls_lets_the_present_speak_for_the_absent():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(500, 1))
    values = y + 0.5 * rng.normal(size=(3, 500, 1))  # three views of the same
    rule = REGRESSION_RULES["nnls"](shrinkage=0.0).fit(values, y)
    alone = np.zeros((3, 500), dtype=bool)
    alone[0] = True
    errors = (rule.combine(values, alone) - y).var(), (values[0] - y).var()
    assert rule.weights_[0] < 0.5
    assert errors[0] < errors[1]  # regression to the mean: 1 / (1 + 1 / .25)
    assert errors[0] == pytest.approx(0.2, abs=0.03)


def test_stacking_of_values_undoes_a_linear_distortion():
    values, y, _, _ = _data("value")
    distorted = np.stack([3 * y + 1, 0 * y])
    rule = REGRESSION_RULES["stacking"](LinearRegression()).fit(distorted, y)
    np.testing.assert_allclose(rule.combine(distorted), y)
    one = REGRESSION_RULES["stacking"]().fit(values[:, :, :1], y[:, 0])
    assert one.combine(values[:, :, :1]).shape == (80, 1)


@pytest.mark.parametrize("name", REGRESSION_RULES)
def test_value_rules_follow_units(name):
    values, y, present, _ = _data("value")
    plain = REGRESSION_RULES[name]().fit(values, y, present).combine(values, present)
    scaled = REGRESSION_RULES[name]().fit(1e4 * values, 1e4 * y, present)
    np.testing.assert_allclose(
        scaled.combine(1e4 * values, present), 1e4 * plain, rtol=1e-8
    )


# What all rules share


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_nothing_observed_gives_the_prior(kind, name):
    values, y, present, prior = _data(kind)
    rule = _make(kind, name).fit(values, y, present, prior=prior)
    nothing = np.full((M, 2, values.shape[2]), np.nan)
    combined = rule.combine(nothing, np.zeros((M, 2), bool))
    np.testing.assert_array_equal(combined, [prior, prior])


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_absent_entries_have_no_influence(kind, name):
    values, y, present, prior = _data(kind)
    hidden = np.where(present[:, :, None], values, np.nan)
    rules = [
        _make(kind, name).fit(each, y, present, prior=prior)
        for each in (values, hidden)
    ]
    np.testing.assert_array_equal(rules[0].weights_, rules[1].weights_)
    np.testing.assert_array_equal(
        rules[0].combine(values, present), rules[1].combine(hidden, present)
    )


@pytest.mark.parametrize(
    ("kind", "name"), [pair for pair in ALL if pair[1] not in ("stacking", "gls")]
)
def test_an_absent_modality_is_one_not_there(kind, name):
    values, y, _, prior = _data(kind)
    rule = _make(kind, name).fit(values, y, prior=prior, weights="uniform")
    present = np.ones((M, len(y)), bool)
    present[1] = False
    rest = [0, 2, 3]
    smaller = _make(kind, name).fit(values[rest], y, prior=prior, weights="uniform")
    smaller.weights_ = rule.weights_[rest]
    if name == "decision_template":
        smaller.variance_ = rule.variance_
    np.testing.assert_allclose(
        rule.combine(values, present), smaller.combine(values[rest]), atol=1e-12
    )


@pytest.mark.parametrize(("kind", "name"), ALL)
@pytest.mark.parametrize("masked", [False, True])
def test_weights_count_rows(kind, name, masked):
    values, y, present, _ = _data(kind, n=150)
    present = present if masked else np.ones_like(present)
    weight = np.arange(150) % 3.0  # 0, 1, 2
    repeats = weight.astype(int)
    counted = _make(kind, name).fit(values, y, present, sample_weight=weight)
    repeated = _make(kind, name).fit(
        values.repeat(repeats, 1), y.repeat(repeats, 0), present.repeat(repeats, 1)
    )
    np.testing.assert_allclose(counted.weights_, repeated.weights_, atol=1e-8)
    np.testing.assert_allclose(counted.prior_, repeated.prior_)
    np.testing.assert_allclose(
        counted.combine(values, present),
        repeated.combine(values, present),
        rtol=1e-7,
        atol=1e-8,
    )


@pytest.mark.parametrize(
    "params",
    [
        {"objective": "brier"},
        {"objective": "accuracy"},
        {"objective": "f1_macro"},
        {"equal_if_no_gain": False},
    ],
)
def test_weights_count_rows_for_every_objective(params):
    values, y, present, _ = _data("class", n=150)
    weight = np.arange(150) % 3.0
    repeats = weight.astype(int)
    counted = RULES["mean"](**params).fit(values, y, present, sample_weight=weight)
    repeated = RULES["mean"](**params).fit(
        values.repeat(repeats, 1), y.repeat(repeats), present.repeat(repeats, 1)
    )
    np.testing.assert_allclose(counted.weights_, repeated.weights_, atol=1e-8)


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_permuting_modalities_permutes_weights(kind, name):
    values, y, present, prior = _data(kind)
    order = [2, 0, 3, 1]
    rule = _make(kind, name).fit(values, y, present, prior=prior)
    other = _make(kind, name).fit(values[order], y, present[order], prior=prior)
    np.testing.assert_allclose(other.weights_, rule.weights_[order], atol=1e-9)
    np.testing.assert_allclose(
        other.combine(values[order], present[order]),
        rule.combine(values, present),
        atol=1e-6,
    )


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_probabilities_and_rows_apart(kind, name):
    values, y, present, prior = _data(kind)
    rule = _make(kind, name).fit(values, y, present, prior=prior)
    combined = rule.combine(values, present)
    assert np.isfinite(combined).all()
    if kind == "class":
        np.testing.assert_allclose(combined.sum(axis=1), 1)
    one = rule.combine(values[:, 5:6], present[:, 5:6])
    np.testing.assert_allclose(one[0], combined[5], atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in FITTED for name in FITTED[kind]]
)
def test_fitted_weights_prefer_the_better_modality(kind, name):
    values, y, _, prior = _data(kind, n=1000)
    rule = _make(kind, name).fit(values, y, prior=prior)
    assert rule.weights_[0] == rule.weights_.max()
    assert rule.weights_[0] > rule.weights_[-1]


@pytest.mark.parametrize(
    ("kind", "name"), [("class", "log_pool"), ("class", "mean"), ("value", "mean")]
)
def test_equal_weights_where_nothing_is_gained(kind, name):
    values, y, _, prior = _data(kind, n=30)
    same = values[:1].repeat(2, axis=0)
    rule = _make(kind, "weighted_mean" if kind == "value" else name)
    rule.fit(same, y, prior=prior)
    if name == "log_pool":  # equal by symmetry, the scale may gain
        assert rule.weights_[0] == pytest.approx(rule.weights_[1])
    else:
        np.testing.assert_array_equal(rule.weights_, [0.5, 0.5])


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_no_rows_mean_equal_weights(kind, name):
    values, y, present, prior = _data(kind)
    rule = _make(kind, name).fit(
        values[:, :0], y[:0], present[:, :0], prior=prior, weights="cv"
    )
    assert np.ptp(rule.weights_) == 0
    combined = rule.combine(values, present)
    assert np.isfinite(combined).all()
    if rule.needs_fit:
        expected = _make(kind, "mean").fit(
            values[:, :0], y[:0], present[:, :0], prior=prior
        )
        np.testing.assert_allclose(combined, expected.combine(values, present))


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_fit_leaves_its_input_and_clones(kind, name):
    values, y, present, prior = _data(kind)
    before = [each.copy() for each in (values, y, present, prior)]
    rule = clone(_make(kind, name))
    assert rule.fit(values, y, present, prior=prior) is rule
    rule.combine(values, present)
    for now, then in zip((values, y, present, prior), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_given_weights_are_normalised_only_where_convex():
    values, y, _, prior = _data("class")
    given = np.array([2.0, 1.0, 1.0, 0.0])
    mean = RULES["mean"]().fit(values, y, prior=prior, weights=given)
    np.testing.assert_allclose(mean.weights_, given / 4)
    pool = RULES["log_pool"]().fit(values, y, prior=prior, weights=given)
    np.testing.assert_array_equal(pool.weights_, given)


def test_only_weightless_modalities_present():
    values, y, _, prior = _data("class")
    present = np.zeros((M, len(y)), bool)
    present[2:] = True
    given = np.array([1.0, 1.0, 0.0, 0.0])
    mean = RULES["mean"]().fit(values, y, prior=prior, weights=given)
    np.testing.assert_allclose(mean.combine(values, present), values[2:].mean(axis=0))


def test_a_rule_in_a_few_lines():
    class First(BaseRule):
        takes_weights = False

        def pool(self, proba, present):
            first = present.argmax(axis=0)
            return proba[first, np.arange(proba.shape[1])]

    values, y, present, prior = _data("class")
    rule = First().fit(values, y, present, prior=prior)
    combined = rule.combine(values, present)
    for i, here in enumerate(present.T):
        expected = values[here, i][0] if here.any() else prior
        np.testing.assert_allclose(combined[i], expected)


def test_errors_say_what_to_do():
    values, y, present, prior = _data("class")
    broken = values.copy()
    broken[1, 7, 0] = np.nan
    mean = RULES["mean"]()
    with pytest.raises(ValueError, match=r"NaN or infinity for modality 1, row 7"):
        mean.fit(broken, y, prior=prior)
    with pytest.raises(ValueError, match=r"'weights' of LinearPool must be 'cv'"):
        mean.fit(values, y, prior=prior, weights="best")
    with pytest.raises(ValueError, match=r"weights of shape \(2,\) for 4 modalities"):
        mean.fit(values, y, prior=prior, weights=[1, 2])
    with pytest.raises(ValueError, match=r"not negative and not all zero"):
        mean.fit(values, y, prior=prior, weights=[1, 2, 0, -1])
    with pytest.raises(ValueError, match=r"Max has no weights"):
        RULES["max"]().fit(values, y, prior=prior, weights=[1, 2, 0, 1])
    with pytest.raises(ValueError, match=r"expects classes 0 to 2 in y"):
        mean.fit(values, y + 1, prior=prior)
    with pytest.raises(ValueError, match=r"class position a sample"):
        mean.fit(values, y[1:], prior=prior)
    with pytest.raises(ValueError, match=r"expects 'present' of shape \(4, 80\)"):
        mean.fit(values, y, present.T, prior=prior)
    with pytest.raises(ValueError, match=r"prior of shape \(2,\) for 3 outputs"):
        mean.fit(values, y, prior=prior[:2])
    with pytest.raises(ValueError, match=r"fitted to 4 modalities and 3 outputs"):
        mean.fit(values, y, prior=prior).combine(values[1:])
    with pytest.raises(ValueError, match=r"one weight a sample"):
        mean.fit(values, y, prior=prior, sample_weight=np.ones(3))
    with pytest.raises(ValueError, match=r"expects predictions of shape"):
        mean.fit(values[0], y, prior=prior)
    with pytest.raises(TypeError, match=r"LinearSVC has none"):
        RULES["stacking"](LinearSVC()).fit(values, y, prior=prior)
    with pytest.raises(
        ValueError, match=r"KNeighborsClassifier takes no sample_weight"
    ):
        RULES["stacking"](KNeighborsClassifier()).fit(
            values, y, prior=prior, sample_weight=np.arange(80.0)
        )
    RULES["stacking"](DummyClassifier()).fit(
        values, y, prior=prior, sample_weight=np.arange(80.0)
    )
    with pytest.raises(ValueError, match=r"WeightedMean got y of shape"):
        REGRESSION_RULES["weighted_mean"]().fit(values, y)
    with pytest.raises(NotImplementedError, match="BaseRule must define 'pool'"):
        BaseRule().fit(values, y).combine(values)
