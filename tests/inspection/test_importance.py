"""Identities of the coalition table and of the importances made from it."""

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV

from skmultimodal import (
    DecisionFusion,
    FusionClassifier,
    FusionRegressor,
    MultimodalData,
    ParallelFusion,
    TabularEncoder,
    Training,
)
from skmultimodal.datasets import make_multimodal_classification
from skmultimodal.inspection import (
    ModalityImportanceDisplay,
    coalition_values,
    modality_importance,
)
from skmultimodal.inspection._shapley import game, shapley_weights
from skmultimodal.training._network import module_key

REMOVALS = ["mask", "mean", "permute", "refit"]


@pytest.fixture(scope="module")
def data():
    return make_multimodal_classification(
        60, n_features=3, n_informative=2, n_classes=3, random_state=0
    )


def models(estimator):
    return [(name, estimator) for name in ("m0", "m1", "m2")]


@pytest.fixture(scope="module")
def decision(data):
    return FusionClassifier(models(LogisticRegression()), "decision").fit(*data)


@pytest.fixture(scope="module")
def parallel(data):
    encoders = models(TabularEncoder(out_features=4))
    return FusionClassifier(
        encoders, "parallel", random_state=0, training=Training(max_epochs=3)
    ).fit(*data)


@pytest.mark.parametrize("removal", REMOVALS)
def test_efficiency(decision, data, removal):
    params = {"removal": removal, "n_repeats": 3, "random_state": 0}
    found = modality_importance(decision, *data, **params)
    values = coalition_values(decision, *data, **params)
    gained = values.scores[-1] - values.scores[0]
    assert found.importances_.sum() == pytest.approx(gained, abs=1e-12)
    own = values.responses[:, np.arange(60), decision.task_.encode(data[1])]
    np.testing.assert_allclose(found.per_row_.sum(axis=1), own[-1] - own[0], atol=1e-9)
    assert found.removal == removal
    assert (found.std_ is not None) == (removal == "permute")


def test_nothing_left_is_the_prior(decision, data):
    for removal in ("mask", "refit"):
        values = coalition_values(decision, *data, removal=removal)
        np.testing.assert_allclose(values.responses[0], 1 / 3, atol=0.01)
    assert values.responses[0].std() < 0.01


def test_all_and_one_modality_are_what_the_model_says(decision, data):
    X, y = data
    values = coalition_values(decision, X, y)
    np.testing.assert_allclose(values.responses[-1], decision.predict_proba(X))
    assert values.scores[-1] == decision.score(X, y)
    only = MultimodalData({**X, "m0": X["m0"] * np.nan, "m2": X["m2"] * np.nan})
    with pytest.warns(UserWarning, match="No training row"):
        expected = decision.predict_proba(only)
    np.testing.assert_allclose(values.responses[values.position("m1")], expected)


def test_symmetry_and_dummy(data):
    X, y = data
    noise = np.zeros((len(y), 2))
    X = {"first": X["m0"], "nothing": noise, "twin": X["m0"]}
    encoders = [(name, LogisticRegression()) for name in X]
    clf = FusionClassifier(encoders, DecisionFusion(weights="uniform")).fit(X, y)
    for removal in ("mask", "mean", "permute"):
        found = modality_importance(clf, X, y, removal=removal, random_state=0)
        rows, all_rows = found.per_row_, found.importances_
        assert all_rows["first"] == pytest.approx(all_rows["twin"], abs=1e-9)
        np.testing.assert_allclose(rows["first"], rows["twin"], atol=1e-9)
        assert abs(all_rows["nothing"]) < 1e-9
        assert rows["nothing"].abs().max() < 1e-6
    assert found.shares_.sum() == pytest.approx(1)


def test_weights_equal_the_mean_over_all_orders():
    values, m = np.random.default_rng(0).normal(size=8), 3
    subsets = np.array(list(itertools.product([False, True], repeat=m)))
    value = {tuple(s): v for s, v in zip(subsets, values, strict=True)}
    expected = np.zeros(m)
    for order in itertools.permutations(range(m)):
        have = [False] * m
        for k in order:
            before = value[tuple(have)]
            have[k] = True
            expected[k] += (value[tuple(have)] - before) / 6
    np.testing.assert_allclose(shapley_weights(subsets) @ values, expected)


def test_additive_scores_give_the_own_terms_less_their_mean(parallel, data):
    X, y = data
    found = modality_importance(
        parallel, X, y, removal="mean", output="score", n_repeats=60
    )
    column = parallel.task_.encode(y)
    for name, term in parallel.contributions(X).items():
        centred = term - term.mean(axis=1, keepdims=True)  # over the classes
        own = (centred - centred.mean(axis=0))[np.arange(60), column]
        np.testing.assert_allclose(found.per_row_[name], own, atol=1e-4)


def test_additive_log_pool_gives_the_log_ratios_of_the_models(decision, data):
    X, y = data
    found = modality_importance(decision, X, y, output="score", target=1)
    responses = decision.predict_proba_per_modality(X)
    prior = np.log(decision.fusion_.prior)
    for m, name in enumerate(decision.modalities_):
        ratio = np.log(responses[name]) - prior
        ratio = decision.fusion_.rules[0].weights_[m] * ratio
        ratio = ratio - ratio.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(found.per_row_[name], ratio[:, 1], atol=1e-6)


def test_shapley_costs_one_encoding_and_its_coalitions(parallel, data):
    encoded, fused = [], []
    module = parallel.net_.module_
    handles = [
        module.encoders[module_key(name)].register_forward_hook(
            lambda *args, name=name: encoded.append(name)
        )
        for name in parallel.modalities_
    ]
    handles.append(module.fusion.register_forward_hook(lambda *a: fused.append(1)))
    modality_importance(parallel, *data)
    for handle in handles:
        handle.remove()
    assert sorted(encoded) == ["m0", "m1", "m2"]
    assert len(fused) == 8


def test_loo_and_unimodal_by_hand(decision, data):
    values = coalition_values(decision, *data)
    everything, none = values.scores[-1], values.scores[0]
    loo = modality_importance(decision, *data, method="loo").importances_
    alone = modality_importance(decision, *data, method="unimodal").importances_
    rest = values.scores[values.position("m1", "m2")]
    assert loo["m0"] == pytest.approx(everything - rest)
    assert alone["m2"] == pytest.approx(values.scores[values.position("m2")] - none)


def test_permutation_by_hand(decision, data):
    X, y = data
    found = modality_importance(
        decision, X, y, method="permutation", n_repeats=59, random_state=0
    )
    scores = []
    for shift in range(1, 60):  # all shifts of one order: each other row once
        part = MultimodalData({**X, "m1": np.roll(X["m1"], shift, axis=0)})
        scores.append(decision.score(part, y))
    # every row has met every other row's cells in both
    expected = decision.score(X, y) - np.mean(scores)
    assert found.importances_["m1"] == pytest.approx(expected, abs=1e-9)
    assert (found.std_ > 0).all()
    assert (found.values_["std"] >= 0).all()


def test_refit_equals_a_model_fitted_without_it(data):
    X, y = data
    clf = FusionClassifier(models(LogisticRegression()), DecisionFusion(rule="mean"))
    clf.fit(X, y)
    folds = [(np.arange(40), np.arange(40, 60)), (np.arange(20, 60), np.arange(20))]
    values = coalition_values(clf, X, y, removal="refit", cv=folds)
    train, test = folds[0]
    alone = FusionClassifier([("m1", LogisticRegression())])
    alone.fit({"m1": X["m1"][train]}, y[train])
    expected = alone.predict_proba({"m1": X["m1"][test]})
    found = values.responses[values.position("m1"), test]
    np.testing.assert_allclose(found, expected)


def test_refit_of_inferred_modalities(data):
    X, y = data
    said = np.array(["dog barks", "cat sleeps", "owl flies"])[y]
    frame = pd.DataFrame({"said": [f"{s} {i} times" for i, s in enumerate(said)]})
    frame["size"] = X["m0"][:, 0]
    clf = FusionClassifier(random_state=0).fit(frame, y)
    found = modality_importance(clf, frame, y, removal="refit", cv=2)
    assert found.importances_["said"] > 0.2
    pd.testing.assert_index_equal(found.per_row_.index, frame.index)


def test_values(data):
    X, _ = data
    value = X["m0"][:, 0] + 2 * X["m1"][:, 0]
    reg = FusionRegressor(models(Ridge(1e-6)), "decision").fit(X, value)
    found = modality_importance(reg, X, value)
    table = found.values_
    assert found.scoring == "r2"
    assert table["score"].iloc[-1] == pytest.approx(reg.score(X, value))
    both = modality_importance(reg, X, np.c_[value], scoring="neg_mean_squared_error")
    assert both.scoring == "neg_mean_squared_error"
    whole = reg.predict(X) - value.mean()
    np.testing.assert_allclose(found.per_row_.sum(axis=1), whole, atol=1e-8)


def test_several_labels_and_scorers(data):
    X, y = data
    labels = np.c_[y == 0, y == 1, y != 1].astype(int)
    clf = FusionClassifier(models(LogisticRegression())).fit(X, labels)
    found = modality_importance(clf, X, labels, scoring="roc_auc")
    assert found.per_row_ is None
    one = modality_importance(clf, X, labels, target=1)
    assert one.per_row_.shape == (60, 3)
    with pytest.raises(ValueError, match="an int below 3"):
        modality_importance(clf, X, labels, target=5)


def test_scorers_and_weights(decision, data):
    X, y = data
    weight = np.arange(60.0)
    found = coalition_values(decision, X, y, sample_weight=weight)
    assert found.scores[-1] == pytest.approx(decision.score(X, y, weight))
    loss = coalition_values(decision, X, y, scoring="neg_log_loss").scores
    own = -np.log(decision.predict_proba(X)[np.arange(60), y]).mean()
    assert loss[-1] == pytest.approx(-own)
    named = coalition_values(decision, X, y, scoring="accuracy").scores
    np.testing.assert_allclose(named, coalition_values(decision, X, y).scores)


def test_searches_and_rows_that_lack_modalities(data):
    X, y = data
    X = MultimodalData(
        {**X, "m0": np.where(np.arange(60)[:, None] % 7, X["m0"], np.nan)}
    )
    grid = {"fusion": ["decision"]}
    search = GridSearchCV(FusionClassifier(models(LogisticRegression())), grid, cv=2)
    search.fit(X, y)
    rows = modality_importance(search, X, y).per_row_
    assert (rows["m0"][::7].abs() < 1e-9).all()  # what is absent adds nothing


def test_plot(decision, data):
    found = modality_importance(decision, *data)
    assert isinstance(found.plot(), ModalityImportanceDisplay)
    assert isinstance(found.plot(kind="beeswarm"), ModalityImportanceDisplay)
    display = ModalityImportanceDisplay.from_estimator(decision, *data)
    pd.testing.assert_series_equal(display.importances, found.importances_)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"method": "best"}, "'method' must be one of"),
        ({"removal": "zero"}, "'removal' must be one of"),
        ({"output": "logit"}, "'output' must be"),
        ({"target": "cat"}, "'target' must be"),
        ({"n_repeats": 0}, "'n_repeats' must be"),
        ({"method": "permutation", "removal": "mask"}, "removes by shuffling"),
    ],
)
def test_refuses(decision, data, params, message):
    with pytest.raises(ValueError, match=message):
        modality_importance(decision, *data, **params)


def test_refuses_what_is_no_fusion_estimator(data):
    X, y = data
    with pytest.raises(TypeError, match="Got LogisticRegression"):
        coalition_values(LogisticRegression().fit(X["m0"], y), X)


def test_many_modalities(data):
    _, y = data
    rng = np.random.default_rng(0)
    X = {f"m{i}": y[:, None] + rng.normal(size=(60, 1)) for i in range(11)}
    encoders = [(name, LogisticRegression()) for name in X]
    fusion = DecisionFusion(weights="uniform")
    clf = FusionClassifier(encoders, fusion).fit(X, y)
    with pytest.raises(ValueError, match="at most 10 modalities"):
        coalition_values(clf, X, y)
    assert len(modality_importance(clf, X, y, method="loo").importances_) == 11
    params = {"output": "score", "target": 1, "random_state": 0}
    found = modality_importance(clf, X, y, n_orders=6, **params)
    table = found.values_["score"]
    assert len(table) < 70  # of 2048 sets
    gain = table.iloc[-1] - table.iloc[0]
    assert found.importances_.sum() == pytest.approx(gain)
    assert (found.std_ >= 0).all()
    # scores of a log pool add up: every order tells each term itself
    alone = modality_importance(clf, X, y, method="unimodal", **params)
    np.testing.assert_allclose(found.per_row_, alone.per_row_, atol=1e-6)
    again = modality_importance(clf, X, y, n_orders=6, **params)
    assert again.importances_.equals(found.importances_)


def test_sampled_orders_come_in_pairs_and_sum_to_the_whole():
    subsets, shares = game(11, 5, random_state=0)
    assert not subsets[0].any()
    assert subsets[-1].all()
    assert len(np.unique(subsets, axis=0)) == len(subsets)
    sizes = subsets.sum(axis=1)
    ends = np.eye(len(subsets))[:, [0, -1]]
    np.testing.assert_allclose(shares.mean(ends).sum(axis=0), [-1, 1])
    # by pairs, effects of two players together are told exactly
    rng = np.random.default_rng(0)
    pairs = np.triu(rng.normal(size=(11, 11)))
    values = np.einsum("sa,ab,sb->s", subsets, pairs, subsets)
    exact = np.diag(pairs) + (np.triu(pairs, 1) + np.triu(pairs, 1).T).sum(axis=1) / 2
    np.testing.assert_allclose(shares.by_pair(values), np.tile(exact, (3, 1)))
    np.testing.assert_allclose(shares.error(values), 0, atol=1e-12)
    assert set(sizes) == set(range(12))


def test_parallel_gated_is_not_additive():
    X, y = make_multimodal_classification(40, n_features=3, n_informative=2)
    encoders = models(TabularEncoder(out_features=4))
    fusion = ParallelFusion(weights="gated")
    clf = FusionClassifier(
        encoders, fusion, random_state=0, training=Training(max_epochs=2)
    ).fit(X, y)
    values = coalition_values(clf, X, y)
    assert values.subsets.shape == (8, 3)
    assert list(values.to_frame().columns) == ["m0", "m1", "m2", "score"]
    assert not hasattr(clf, "contributions")
    assert clf.get_feature_names_out()[0] == "fused__0"
    plain = FusionClassifier(
        encoders, "parallel", random_state=0, training=Training(max_epochs=1)
    )
    assert hasattr(plain.fit(X, y), "contributions")
