"""FusionRegressor(loss="quantile"): loss, order, level, score, and all around it."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import QuantileRegressor, Ridge
from sklearn.metrics import d2_pinball_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from skmultimodal import (
    ConformalFusionRegressor,
    DecisionFusion,
    FusionRegressor,
    Training,
    load,
)
from skmultimodal.fusion import NonNegativeQuantile
from skmultimodal.fusion._auto import FUSIONS
from skmultimodal.fusion.apart._levels import at_level
from skmultimodal.fusion.apart._quantile_models import QuantileModels, of_levels
from skmultimodal.inspection import (
    missing_modality_curve,
    modality_importance,
    modality_report,
    value_of_information,
)
from skmultimodal.model_selection import compare_fusion
from skmultimodal.training._quantiles import Quantiles

LEVELS = [0.1, 0.5, 0.9]
SQUARES = {"kernel", "cooperative"}  # go by squared error whatever the task is


def rows(n, seed=0):
    """Values whose spread depends on one modality, and whose middle on both."""
    rng = np.random.default_rng(seed)
    X = {name: rng.normal(size=(n, 3)) for name in "ab"}
    spread = np.exp(0.5 * X["a"][:, 1])
    y = X["a"][:, 0] + X["b"][:, 0] + spread * rng.normal(size=n)
    return X, 10 + 3 * y


def part(X, where):
    return {name: block[where] for name, block in X.items()}


@pytest.fixture(scope="module")
def data():
    X, y = rows(1200)
    X["b"][::4] = np.nan  # absent in a quarter of the rows
    return X, y


@pytest.fixture(scope="module")
def decided(data):
    X, y = data
    models = {"a": HistGradientBoostingRegressor(max_iter=30), "b": Ridge()}
    reg = FusionRegressor(models, "decision", loss="quantile", quantiles=LEVELS)
    return reg.fit(part(X, slice(600)), y[:600])


def pinball(y, values, levels):
    """The loss of Koenker and Bassett, written out, mean over levels."""
    total = np.zeros(len(y))
    for k, level in enumerate(levels):
        error = y - values[:, k]
        total += np.where(error >= 0, level * error, (level - 1) * error)
    return total / len(levels)


def test_the_loss_is_pinball_loss_of_the_sorted_outputs():
    rng = np.random.default_rng(0)
    y = 5 + 2 * rng.normal(size=50)
    task = Quantiles(y, LEVELS)
    scores, target = rng.normal(size=(50, 3)), task.encode(y)
    values = task.response(scores)
    assert (np.diff(scores + task.mean / task.scale) < 0).any()
    assert (np.diff(values) >= 0).all()
    wanted = pinball(y, values, LEVELS) / y.std()
    np.testing.assert_allclose(task.losses(values, target), wanted)
    found = task.loss(torch.from_numpy(scores), torch.from_numpy(target))
    np.testing.assert_allclose(found, wanted)
    linked = task.link()(torch.from_numpy(scores))
    np.testing.assert_allclose(linked, values)
    np.testing.assert_allclose(task.response(task.scores(values)), values)


def test_order_never_costs_pinball_loss():
    rng = np.random.default_rng(1)
    y, crossing = rng.normal(size=400), rng.normal(size=(400, 5))
    levels = [0.05, 0.2, 0.5, 0.7, 0.99]
    assert (
        pinball(y, np.sort(crossing), levels) <= pinball(y, crossing, levels) + 1e-12
    ).all()


def test_the_prior_is_the_weighted_quantiles():
    y, weight = np.arange(10.0), np.ones(10)
    weight[9] = 91
    task = Quantiles(y, LEVELS, weight)
    prior = task.prior(task.encode(y), weight)
    np.testing.assert_allclose(prior, [9, 9, 9])
    np.testing.assert_allclose(task.scores(prior), 0, atol=1e-12)
    repeated = np.repeat(y, weight.astype(int))
    again = Quantiles(repeated, LEVELS)
    np.testing.assert_allclose(again.prior(again.encode(repeated)), prior)


@pytest.mark.parametrize("fusion", ["decision", "parallel", "feature"])
def test_quantiles_do_not_cross(fusion, data):
    X, y = part(data[0], slice(150)), data[1][:150]
    reg = FusionRegressor(
        fusion=fusion,
        training="joint" if fusion == "decision" else Training(max_epochs=2),
        loss="quantile",
        quantiles=[0.4, 0.45, 0.5, 0.55, 0.6],
        random_state=0,
    )
    predicted = reg.fit(X, y).predict(X)
    assert predicted.shape == (150, 5)
    assert (np.diff(predicted) >= 0).all()
    for each in reg.predict_per_modality(X).values() if fusion != "feature" else []:
        assert (np.diff(each[np.isfinite(each).all(axis=1)]) >= 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("fusion", sorted(set(FUSIONS) - SQUARES - {"evidential"}))
def test_every_strategy_predicts_better_than_the_quantiles_of_all(fusion, data):
    X, y = data
    reg = FusionRegressor(
        fusion=fusion,
        loss="quantile",
        quantiles=LEVELS,
        training=Training(max_epochs=15, shrinkage=False),
        random_state=0,
    )
    reg.fit(part(X, slice(600)), y[:600])
    held_out = part(X, slice(600, None)), y[600:]
    predicted = reg.predict(held_out[0])
    assert (np.diff(predicted) >= 0).all()
    assert reg.score(*held_out) > 0.05
    covered = (held_out[1][:, None] <= predicted).mean(axis=0)
    np.testing.assert_allclose(covered, LEVELS, atol=0.08)


@pytest.mark.parametrize("fusion", sorted(SQUARES))
def test_strategies_of_squared_error_refuse(fusion, data):
    reg = FusionRegressor(fusion=fusion, loss="quantile")
    with pytest.raises(ValueError, match=r"goes by squared error .* Use another"):
        reg.fit(part(data[0], slice(80)), data[1][:80])


@pytest.mark.parametrize("here", ["all", "a"])
def test_decisions_keep_every_level(decided, data, here):
    """Three binomial standard errors, with both modalities and with one."""
    X, y = part(data[0], slice(600, None)), data[1][600:]
    lost = np.isnan(X["b"]).all(axis=1)
    chosen = lost if here == "a" else ~lost
    covered = (y[:, None] <= decided.predict(X))[chosen].mean(axis=0)
    room = 3 * np.sqrt(0.25 / chosen.sum() + 0.25 / (600 * chosen.mean()))
    np.testing.assert_allclose(covered, LEVELS, atol=room)


def test_means_do_not_keep_the_level(data):
    """The test above can fail: means of the same models cover about half."""
    X, y = data
    models = {"a": HistGradientBoostingRegressor(max_iter=30), "b": Ridge()}
    reg = FusionRegressor(models, "decision").fit(part(X, slice(600)), y[:600])
    covered = (y[600:] <= reg.predict(part(X, slice(600, None)))).mean()
    assert abs(covered - 0.9) > 0.2


def test_fusion_is_better_than_its_modalities(decided, data):
    X, y = part(data[0], slice(600, None)), data[1][600:]
    both = ~np.isnan(X["b"]).all(axis=1)
    X, y = part(X, both), y[both]
    losses = {
        name: pinball(y, values, LEVELS).mean()
        for name, values in decided.predict_per_modality(X).items()
    }
    fused = pinball(y, decided.predict(X), LEVELS).mean()
    assert fused < 0.9 * min(losses.values())


def test_the_score_is_the_mean_d2(decided, data):
    X, y = data
    predicted, weight = decided.predict(X), np.linspace(1, 3, len(y))
    wanted = [
        d2_pinball_score(y, predicted[:, k], alpha=level, sample_weight=weight)
        for k, level in enumerate(LEVELS)
    ]
    assert decided.score(X, y, weight) == pytest.approx(np.mean(wanted))


def test_one_level_has_one_axis(data):
    X, y = part(data[0], slice(80)), data[1][:80]
    models = {"a": Ridge(), "b": Ridge()}
    one = FusionRegressor(models, "decision", loss="quantile", quantiles=0.9)
    several = clone(one).set_params(quantiles=[0.9])
    found = one.fit(X, y).predict(X)
    assert found.shape == (80,)
    np.testing.assert_array_equal(several.fit(X, y).predict(X), found[:, None])


@pytest.mark.parametrize(
    "model",
    [
        GradientBoostingRegressor(n_estimators=30, random_state=0),
        QuantileRegressor(alpha=0.0),
        HistGradientBoostingRegressor(loss="absolute_error", max_iter=30),
    ],
    ids=lambda model: type(model).__name__,
)
def test_models_with_such_a_loss_are_fitted_once_a_level(model, data):
    X, y = rows(300, seed=2)
    found = QuantileModels(model, tuple(LEVELS)).fit(X["a"], y).predict(X["a"])
    alone = [at_level(model, q).fit(X["a"], y).predict(X["a"]) for q in LEVELS]
    np.testing.assert_allclose(found, np.sort(np.column_stack(alone)))


@pytest.mark.parametrize("model", [Ridge(), SVR(), DummyRegressor()])
def test_other_models_are_shifted_by_their_errors_on_rows_left_out(model):
    X, y = rows(1000, seed=3)
    fold, levels = np.arange(500) % 5, (0.1, 0.5, 0.9)
    fitted = QuantileModels(model, levels, fold).fit(X["a"][:500], y[:500])
    errors = np.empty(500)
    for k in range(5):
        other = clone(model).fit(X["a"][:500][fold != k], y[:500][fold != k])
        errors[fold == k] = y[:500][fold == k] - other.predict(X["a"][:500])[fold == k]
    wanted = np.sort(errors)[[49, 249, 449]]
    np.testing.assert_allclose(fitted.shifts_, wanted)
    covered = (y[500:, None] <= fitted.predict(X["a"][500:])).mean(axis=0)
    np.testing.assert_allclose(covered, levels, atol=3 * np.sqrt(0.5 / 500))


def test_pipelines_keep_their_features_unless_these_learn_from_y():
    plain = of_levels(make_pipeline(StandardScaler(), Ridge()), (0.5,), None)
    assert isinstance(plain[-1], QuantileModels)
    taught = make_pipeline(SelectKBest(f_regression, k=1), Ridge())
    assert isinstance(of_levels(taught, (0.5,), None), QuantileModels)


def test_the_rule_has_a_level_each(decided):
    assert [rule.quantile for rule in decided.fusion_.rules] == LEVELS
    assert all(isinstance(rule, NonNegativeQuantile) for rule in decided.fusion_.rules)


@pytest.mark.parametrize("rule", ["nnls", "stacking", "gls"])
def test_rules_of_squared_error_are_refused(rule, data):
    models = {"a": Ridge(), "b": Ridge()}
    reg = FusionRegressor(models, DecisionFusion(rule), loss="quantile")
    with pytest.raises(ValueError, match="squared error, do not go together"):
        reg.fit(part(data[0], slice(80)), data[1][:80])


@pytest.mark.parametrize(
    "bad", [0, 1.5, [], [0.5, 0.1], [0.1, 0.1], "0.5", None, [[0.1], [0.9]]]
)
def test_odd_levels_are_refused(bad, data):
    reg = FusionRegressor(loss="quantile", quantiles=bad)
    with pytest.raises(ValueError, match="'quantiles' parameter of FusionRegressor"):
        reg.fit(part(data[0], slice(40)), data[1][:40])


def test_odd_losses_and_several_values_are_refused(data):
    X, y = part(data[0], slice(40)), data[1][:40]
    with pytest.raises(ValueError, match="'loss' parameter of FusionRegressor"):
        FusionRegressor(loss="pinball").fit(X, y)
    with pytest.raises(ValueError, match="1d array"):
        FusionRegressor(loss="quantile").fit(X, np.column_stack([y, y]))


def test_rows_of_weight_two_are_two_rows():
    X, y = rows(60, seed=4)
    weight = np.ones(60)
    weight[:20] = 2
    twice = np.r_[np.arange(60), np.arange(20)]
    models = {"a": QuantileRegressor(alpha=0.0), "b": QuantileRegressor(alpha=0.0)}
    reg = FusionRegressor(
        models, DecisionFusion(weights="uniform"), loss="quantile", quantiles=LEVELS
    )
    weighted = clone(reg).fit(X, y, sample_weight=weight).predict(X)
    repeated = reg.fit(part(X, twice), y[twice]).predict(X)
    np.testing.assert_allclose(weighted, repeated, atol=1e-6)


def test_nothing_present_gives_the_quantiles_of_all(decided, data):
    empty = {name: np.full((2, 3), np.nan) for name in "ab"}
    wanted = np.quantile(data[1][:600], LEVELS, method="inverted_cdf")
    np.testing.assert_allclose(decided.predict(empty), [wanted, wanted])


@pytest.mark.parametrize("fusion", ["decision", "parallel"])
def test_files_hold_it(fusion, decided, data, tmp_path):
    X, y = part(data[0], slice(100)), data[1][:100]
    reg = decided
    if fusion == "parallel":
        reg = FusionRegressor(
            fusion=fusion,
            loss="quantile",
            quantiles=LEVELS,
            training=Training(max_epochs=1),
        ).fit(X, y)
    reg.save(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").predict(X), reg.predict(X))


def test_inspection_goes_by_the_new_score(decided, data):
    X, y = part(data[0], slice(600, None)), data[1][600:]
    found = modality_importance(decided, X, y)
    assert found.scoring == "d2_pinball"
    score = decided.score(X, y)
    assert found.values_["score"].iloc[-1] == pytest.approx(score)
    assert (found.importances_ > 0).all()
    report = modality_report(decided, X, y)
    assert report.overall_["score"] == pytest.approx(score)
    curve = missing_modality_curve(decided, X, y, rates=[0.0, 0.5])
    assert curve.scoring == "d2_pinball"
    assert curve.scores_[0.0] == pytest.approx(score)


@pytest.fixture(scope="module")
def linear(data):
    models = {"a": Ridge(), "b": Ridge()}
    reg = FusionRegressor(models, "decision", loss="quantile", quantiles=LEVELS)
    return reg.fit(part(data[0], slice(150)), data[1][:150])


def test_what_is_of_means_alone_says_so(linear, data):
    X, y = part(data[0], slice(150)), data[1][:150]
    assert not hasattr(linear, "uncertainty")
    with pytest.raises(ValueError, match="for labels and for means"):
        value_of_information(linear, X)
    with pytest.raises(ValueError, match="needs an estimator of one value"):
        ConformalFusionRegressor(FrozenEstimator(linear)).conformalize(X, y)
    with pytest.raises(ValueError, match="score of the estimator is d2_pinball"):
        compare_fusion(linear, X, y)


def test_comparisons_go_by_the_new_score(linear, data):
    X, y = part(data[0], slice(150)), data[1][:150]
    result = compare_fusion(
        linear,
        X,
        y,
        strategies=["decision"],
        modalities=False,
        pairs=False,
        baseline=False,
        cv=2,
    )
    assert result.scoring_ == "d2_pinball"
    assert result.table_["score"].between(0.1, 0.9).all()
