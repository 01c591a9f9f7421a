"""Models of quantiles: refused where their level would be lost, kept elsewhere."""

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    BaggingRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    VotingRegressor,
)
from sklearn.linear_model import QuantileRegressor, Ridge
from sklearn.metrics import mean_pinball_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from skmultimodal import DecisionFusion, FusionRegressor
from skmultimodal.fusion import NonNegativeQuantile
from skmultimodal.fusion.apart._levels import levels_of, predicts_quantile
from skmultimodal.fusion.rules._quantile import least_pinball

HIST = HistGradientBoostingRegressor(loss="quantile", quantile=0.9, max_iter=30)
LINEAR = QuantileRegressor(quantile=0.9, alpha=0.0)
MODELS = [
    HIST,
    LINEAR,
    GradientBoostingRegressor(loss="quantile", alpha=0.9),
    make_pipeline(StandardScaler(), LINEAR),
    TransformedTargetRegressor(LINEAR, transformer=StandardScaler()),
    BaggingRegressor(LINEAR),
    VotingRegressor([("a", Ridge()), ("b", HIST)]),
]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = {name: rng.normal(size=(900, 2)) for name in "ab"}
    y = X["a"][:, 0] + X["b"][:, 0] + rng.exponential(size=900)
    return X, y


def fused(model, rule="auto", weights="cv"):
    encoders = [("a", model), ("b", Ridge())]
    return FusionRegressor(encoders, DecisionFusion(rule, weights))


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_the_default_rule_refuses_them(model, rows):
    with pytest.raises(
        ValueError, match=r"'a': its model predicts a quantile, and Non"
    ):
        fused(model).fit(*rows)


@pytest.mark.parametrize(
    "rule", ["nnls", "weighted_mean", "inverse_variance", "gls", "stacking"]
)
def test_rules_fitted_to_squared_error_refuse_them(rule, rows):
    with pytest.raises(ValueError, match="Use a rule that keeps the level"):
        fused(LINEAR, rule).fit(*rows)


@pytest.mark.parametrize(
    ("rule", "weights"),
    [
        ("median", "cv"),
        ("trimmed_mean", "cv"),
        ("mean", "cv"),
        ("auto", {"a": 1.0, "b": 1.0}),
        ("weighted_mean", "uniform"),
    ],
)
def test_rules_that_keep_the_level(rule, weights, rows):
    """Two models of the same rows, so that their mean is each of them."""
    X, y = rows
    both = np.hstack([X["a"], X["b"]])
    X = {"a": both, "b": both + 0.0}
    fusion = DecisionFusion(rule, weights)
    reg = FusionRegressor([("a", LINEAR), ("b", LINEAR)], fusion)
    reg.fit({m: part[:600] for m, part in X.items()}, y[:600])
    covered = y[600:] <= reg.predict({m: part[600:] for m, part in X.items()})
    assert covered.mean() == pytest.approx(0.9, abs=0.05)


def test_one_modality_keeps_the_level(rows):
    X, y = rows
    model = FusionRegressor([("a", LINEAR)], "decision").fit({"a": X["a"]}, y)
    alone = LINEAR.fit(X["a"], y).predict(X["a"])
    np.testing.assert_allclose(model.predict({"a": X["a"]}), alone, rtol=1e-8)


def test_a_choice_by_squared_error_refuses_them(rows):
    with pytest.raises(ValueError, match=r"the choice among its models .* Give one"):
        fused([LINEAR, HIST], "median").fit(*rows)


def test_means_pass():
    for model in (
        Ridge(),
        HistGradientBoostingRegressor(loss="absolute_error"),
        make_pipeline(QuantileTransformer(), Ridge()),
    ):
        assert not predicts_quantile(model)


def pinball(y, values, level):
    """The loss of Koenker and Bassett, written out."""
    error = y - values
    return np.where(error >= 0, level * error, (level - 1) * error).sum()


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_no_weights_have_less_pinball_loss(level):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 200, 1))
    y = values[0] + 0.5 * values[1] + rng.exponential(size=(200, 1))
    weights, intercept = least_pinball(values, y, level, np.ones(200))
    linear = QuantileRegressor(quantile=level, alpha=0.0)
    linear.fit(values[:, :, 0].T, y[:, 0])
    np.testing.assert_allclose(weights, linear.coef_, atol=1e-6)
    np.testing.assert_allclose(intercept, linear.intercept_, atol=1e-6)
    least = pinball(y, np.tensordot(weights, values, 1) + intercept, level)
    for _ in range(200):
        w = np.maximum(weights + 0.1 * rng.normal(size=2), 0)
        b = intercept + 0.1 * rng.normal()
        assert pinball(y, np.tensordot(w, values, 1) + b, level) >= least - 1e-9
    repeated = np.tile(values, (1, 2, 1)), np.tile(y, (2, 1))
    twice = least_pinball(*repeated, level, np.ones(400))
    doubled = least_pinball(values, y, level, np.full(200, 2.0))
    np.testing.assert_allclose(twice[0], doubled[0], atol=1e-6)


def test_the_rule_keeps_the_level_and_beats_equal_weights(rows):
    """Where the modalities know different parts, and where one of them is absent."""
    X, y = rows
    X = {name: part.copy() for name, part in X.items()}
    X["b"][::3] = np.nan
    train, test = slice(0, 600), slice(600, 900)
    models = [("a", LINEAR), ("b", LINEAR)]
    of_rule, loss = {}, {}
    for rule in (NonNegativeQuantile(0.9), "mean"):
        weights = "uniform" if rule == "mean" else "cv"
        reg = FusionRegressor(models, DecisionFusion(rule, weights))
        reg.fit({m: part[train] for m, part in X.items()}, y[train])
        predicted = reg.predict({m: part[test] for m, part in X.items()})
        covered = y[test] <= predicted
        absent = np.isnan(X["b"][test, 0])
        of_rule[str(rule)] = covered[absent].mean(), covered[~absent].mean()
        loss[str(rule)] = mean_pinball_loss(y[test], predicted, alpha=0.9)
    fitted, equal = list(loss)
    for part, n in zip(of_rule[fitted], (100, 200), strict=True):
        assert abs(part - 0.9) < 3 * np.sqrt(0.09 / n)
    assert loss[fitted] < loss[equal]


def test_levels_must_agree(rows):
    with pytest.raises(ValueError, match=r"'a': .* the quantile 0.9, and .* of 0.5"):
        fused(LINEAR, NonNegativeQuantile()).fit(*rows)
    with pytest.raises(ValueError, match=r"number in \(0, 1\). Got 90"):
        FusionRegressor(
            [("a", Ridge()), ("b", Ridge())],
            DecisionFusion(NonNegativeQuantile(90)),
        ).fit(*rows)
    for model in MODELS:
        assert levels_of(model) == {0.9}, model


def test_sets_without_rows_have_equal_weights():
    rng = np.random.default_rng(0)
    values, y = rng.normal(size=(3, 30, 1)), rng.normal(size=30)
    present = np.ones((3, 30), dtype=bool)
    present[2] = False
    rule = NonNegativeQuantile(0.5).fit(values, y, present)
    alone = np.array([[False], [False], [True]])
    assert rule.combine(values[:, :1], alone)[0, 0] == values[2, 0, 0]
    np.testing.assert_allclose(rule.row_weights(alone), [[0.0], [0.0], [1.0]])
    given = NonNegativeQuantile(0.5).fit(values, y, weights=np.array([1.0, 1, 2]))
    expected = np.average(values, axis=0, weights=[1, 1, 2])
    np.testing.assert_allclose(given.combine(values), expected)
