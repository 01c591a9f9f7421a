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
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from skmultimodal import DecisionFusion, FusionRegressor
from skmultimodal.fusion.apart._levels import predicts_quantile

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
